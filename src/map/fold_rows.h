/* Putting a block behind a linear map x = V y + c: what the kinds share. Sums are in double and
 * rounded once. */
#ifndef SNNK_MAP_FOLD_ROWS_H
#define SNNK_MAP_FOLD_ROWS_H

#include "projection/linear.h"

typedef struct snnk__fold {
    size_t rows, columns; /* of V: x and y */
    const float *V;
    size_t ldv;
    const float *c; /* NULL for zeros */
    const snnk_allocator *allocator;
    double *sum;              /* columns + 1 of scratch */
    float *g, *folded, *work; /* rows, columns, and the work of the linear part */
} snnk__fold;

/* to (columns + 1) += factor row k of (V, c). */
void snnk__fold_add_row(const snnk__fold *fold, size_t k, double factor, double *to);

/* The rows of a dense linear part: G V and G c + offset. SNNK_E_NONFINITE. */
int snnk__fold_rows(const snnk__fold *fold, const snnk__linear *from, snnk__linear *to);

#endif
