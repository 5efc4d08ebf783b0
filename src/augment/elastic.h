/* Smooth random displacements of the pixels of an image. */
#ifndef SNNK_AUGMENT_ELASTIC_H
#define SNNK_AUGMENT_ELASTIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all images of one shape share. A field is a sum of cubic B-splines at the nodes of a square
 * grid, with normal weights. The grid lies at a random place, so that no pixel is special. */
typedef struct snnk__elastic {
    size_t height, width;
    size_t rows, columns; /* nodes of the grid, as many as any place of it needs */
    double spacing;       /* of nodes, in pixels */
    double amplitude;     /* root mean square of a displacement */
    uint64_t seed;
} snnk__elastic;

/* Prepare fields.
 *   height, width  sides of the image, 1 ... 2^24. Height 1: displacements to the right only
 *   amplitude      at least 0
 *   sigma          of the bell that smooths, at least 0.5 */
snnk__elastic snnk__elastic_prepare(size_t height, size_t width, double amplitude, double sigma,
                                    uint64_t seed);

/* Bytes of scratch of a field, with the displacements of one row of pixels; false if they overflow
 * size_t. */
bool snnk__elastic_scratch(const snnk__elastic *elastic, size_t *bytes);

/* The field of one image, in scratch. */
typedef struct snnk__field {
    const snnk__elastic *elastic;
    double phase;        /* of pixel row 0 in the grid */
    float *splines;      /* width x 4: of the four nodes about each column of pixels */
    uint32_t *first;     /* width: the first of those nodes */
    float *lines;        /* 2 x rows x width: down and right along each row of nodes */
    float *down, *right; /* displacements of the row of pixels that was asked for last */
} snnk__field;

/* Draw the field of the image with a number. scratch: aligned to SNNK__ALIGNMENT. */
void snnk__elastic_draw(const snnk__elastic *elastic, uint64_t number, void *scratch,
                        snnk__field *field);

/* Compute displacements of pixel row i: field->down and field->right, width numbers each. */
void snnk__elastic_row(const snnk__field *field, size_t i);

#endif
