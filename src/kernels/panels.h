/* Packed matrices. A matrix M (rows x columns) is kept as panels of `width` rows, each in chunks of `chunk`
 * columns, so that a kernel reads it from front to back:
 *
 *     data[(p chunks + c) width chunk + j chunk + k] = M[p width + j][c chunk + k],
 *
 * zero beyond the last row and the last column. */
#ifndef SNNK_KERNELS_PANELS_H
#define SNNK_KERNELS_PANELS_H

#include "base/memory.h"

typedef struct snnk__panel_shape {
    size_t width, chunk;
} snnk__panel_shape;

typedef struct snnk__panels {
    size_t rows, columns;
    snnk__panel_shape shape;
    float *data; /* NULL when rows * columns = 0 */
} snnk__panels;

/* Room for rows x columns, all zero. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__panels_create(const snnk_allocator *allocator, size_t rows, size_t columns,
                        snnk__panel_shape shape, const char *what, snnk__panels *panels);

void snnk__panels_free(const snnk_allocator *allocator, snnk__panels *panels);

/* Floats of one panel. */
static inline size_t snnk__panel_size(const snnk__panels *panels) {
    const size_t chunk = panels->shape.chunk;

    return (panels->columns + chunk - 1) / chunk * chunk * panels->shape.width;
}

/* Write row `row` (columns values), or read it back. */
void snnk__panels_set_row(snnk__panels *panels, size_t row, const float *values);
void snnk__panels_get_row(const snnk__panels *panels, size_t row, float *values);

float snnk__panels_entry(const snnk__panels *panels, size_t row, size_t column);

/* |row|^2, in double. */
double snnk__panels_row_norm2(const snnk__panels *panels, size_t row);

#endif
