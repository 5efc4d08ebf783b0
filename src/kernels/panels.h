/* Packed matrices. A matrix M (rows x columns) is kept as panels of `width` rows, each panel column
 * by column, so that a kernel reads it from front to back:
 *
 *     data[(p columns + k) width + j] = M[p width + j][k],   zero beyond the last row. */
#ifndef SNNK_KERNELS_PANELS_H
#define SNNK_KERNELS_PANELS_H

#include "base/memory.h"

typedef struct snnk__panels {
    size_t rows, columns;
    size_t width;
    float *data; /* NULL when rows * columns = 0 */
} snnk__panels;

/* Room for rows x columns in the width of the table in use, all zero. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__panels_create(const snnk_allocator *allocator, size_t rows, size_t columns,
                        const char *what, snnk__panels *panels);

void snnk__panels_free(const snnk_allocator *allocator, snnk__panels *panels);

/* Write row `row` (columns values), or read it back. */
void snnk__panels_set_row(snnk__panels *panels, size_t row, const float *values);
void snnk__panels_get_row(const snnk__panels *panels, size_t row, float *values);

/* |row|^2, in double. */
double snnk__panels_row_norm2(const snnk__panels *panels, size_t row);

#endif
