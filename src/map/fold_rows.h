/* Composing a block with a linear map x = V y + c: code shared by the kinds. Sums are in double and
 * rounded once. */
#ifndef SNNK_MAP_FOLD_ROWS_H
#define SNNK_MAP_FOLD_ROWS_H

#include "projection/linear.h"

typedef struct snnk__fold {
    size_t rows, columns; /* of V; the sizes of x and y */
    const float *V;
    size_t ldv;
    const float *c; /* NULL for zeros */
    const snnk_allocator *allocator;
    double *sum;              /* scratch, columns + 1 */
    float *g, *folded, *work; /* scratch: rows; columns; as the linear part needs */
} snnk__fold;

/* Add factor times row k of (V, c) to `to` (columns + 1). */
void snnk__fold_add_row(const snnk__fold *fold, size_t k, double factor, double *to);

/* Set the rows of a dense linear part to G V, and its offsets to G c + offset. SNNK_E_NONFINITE. */
int snnk__fold_rows(const snnk__fold *fold, const snnk__linear *from, snnk__linear *to);

#endif
