/* Packed matrices. A matrix M (rows x columns) is stored as panels of `width` rows, each in chunks
 * of `chunk` columns, so that a kernel reads it from front to back:
 *
 *     data[p chunks width chunk + c w chunk + j chunk + k] = M[p width + j][c chunk + k],
 *
 * with zeros beyond the last row and the last column. w is the width, except in the last panel,
 * where it is the number of rows rounded up to a multiple of `unit`, which divides the width.
 *
 * Elements are floats; or, in narrow panels, bf16 (the upper half of a float), pairs of bf16, or
 * whole numbers -127 ... 127 times a scale for each row, stored with 128 added. Narrow panels have
 * fixed shapes: see kernels/narrow_format.h.
 *
 * SNNK_STORAGE_BF16X3 has two layouts: narrow panels where there is a product for them, which takes
 * a matrix unit, and elsewhere panels of floats with the same numbers. So which kernels a matrix
 * needs is a question for snnk__panels_are_float, not for its storage. */
#ifndef SNNK_KERNELS_PANELS_H
#define SNNK_KERNELS_PANELS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

typedef struct snnk__panel_shape {
    size_t width, chunk, unit;
} snnk__panel_shape;

/* Threads share the rows of a matrix in chunks of this many rows, rounded up to whole panels. */
#define SNNK__ROW_CHUNK 64

/* The rows of a chunk of a matrix in panels of `width` rows. */
static inline size_t snnk__row_chunk(size_t width) {
    return (SNNK__ROW_CHUNK + width - 1) / width * width;
}

typedef struct snnk__panels {
    size_t rows, columns;
    snnk__panel_shape shape;
    int32_t storage; /* snnk_storage */
    float *data;     /* panels of floats; NULL if rows * columns = 0 */
    void *narrow;    /* narrow panels: uint16_t, INT8: uint8_t; SNNK__NARROW_SLACK more bytes */
    void *low;       /* BF16X3, narrow: the second of each pair, as narrow has the first */
    float *scale;    /* INT8: the scale of each row, for whole panels */
} snnk__panels;

/* Create a matrix of zeros. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__panels_create(const snnk_allocator *allocator, size_t rows, size_t columns,
                        snnk__panel_shape shape, const char *what, snnk__panels *panels);

/* The same in narrow panels. storage: not SNNK_STORAGE_F32. */
int snnk__panels_create_narrow(const snnk_allocator *allocator, size_t rows, size_t columns,
                               int32_t storage, const char *what, snnk__panels *panels);

/* Whether the kernels for floats take these panels, rather than snnk__narrow_multiply. */
static inline bool snnk__panels_are_float(const snnk__panels *panels) {
    return panels->narrow == NULL;
}

/* View rows first ... first+count-1 in place. first is a multiple of the width; so is count, unless
 * it reaches the last row, or unit = width: a narrower last panel would be read as it is not
 * stored. */
snnk__panels snnk__panels_some(const snnk__panels *panels, size_t first, size_t count);

void snnk__panels_free(const snnk_allocator *allocator, snnk__panels *panels);

/* Elements of one panel, of full width. */
static inline size_t snnk__panel_size(const snnk__panels *panels) {
    const size_t chunk = panels->shape.chunk;

    return (panels->columns + chunk - 1) / chunk * chunk * panels->shape.width;
}

/* Write row `row` (columns values, finite), rounded to the storage; or rows
 * first ... first+count-1, row stride ld; or read a row back. */
void snnk__panels_set_row(snnk__panels *panels, size_t row, const float *values);
void snnk__panels_set_rows(snnk__panels *panels, size_t first, size_t count, const float *values,
                           size_t ld);
void snnk__panels_get_row(const snnk__panels *panels, size_t row, float *values);

/* Set rows first ... first+count-1 of a matrix in SNNK_STORAGE_F32 or SNNK_STORAGE_BF16 to columns
 * of another one: values is columns x rows, row stride ld. */
void snnk__panels_set_columns(snnk__panels *panels, size_t first, size_t count, const float *values,
                              size_t ld);

float snnk__panels_entry(const snnk__panels *panels, size_t row, size_t column);

/* |row|^2, in double. */
double snnk__panels_row_norm2(const snnk__panels *panels, size_t row);

#endif
