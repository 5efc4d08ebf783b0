#ifndef SNNK_PREDICT_PREDICT_H
#define SNNK_PREDICT_PREDICT_H

#include <snnk/predict.h>

#include "map/map.h"

/* An estimate at one pair (x, w): what it estimates, its variance for iid rows, and the sum over its
 * terms of c_j^2, |term j| <= c_j (infinite if a term is not bounded). All add over blocks. */
typedef struct snnk__pair_error {
    double value, variance, bound2;
} snnk__pair_error;

/* One block at a pair whose products are those of the block's frame; offset: the pre-activation less
 * p->xw. SNNK_E_UNSUPPORTED if the variance has no closed form. */
int snnk__block_error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                      snnk__pair_error *error);

/* The affine part alone: slope^2 (|x~|^2 |w~|^2 + (x~.w~)^2)/r, r = 0 for no error. */
snnk__pair_error snnk__affine_error(double intercept, double slope, size_t sketch_rows,
                                    const snnk__urf_products *p, double offset);

/* Rows of a batch as a block sees them. */
typedef struct snnk__framed_rows {
    size_t n, d;
    double *rows;   /* n x d: x~ or w~ */
    double *norm2;  /* n */
    double *offset; /* n: nu.(x - mu), or w.mu + b */
} snnk__framed_rows;

/* See n rows evenly spaced out of `all` (all >= n), as inputs, or as weights with b (may be NULL). frame:
 * NULL for none. */
int snnk__framed_rows_create(const snnk_frame *frame, bool weights, size_t d, size_t n, size_t all,
                             const float *X, size_t ldx, const float *b,
                             const snnk_allocator *allocator, snnk__framed_rows *framed);
void snnk__framed_rows_free(const snnk_allocator *allocator, snnk__framed_rows *framed);

/* The products of input i and weight j. */
snnk__urf_products snnk__framed_products(const snnk__framed_rows *inputs, size_t i,
                                         const snnk__framed_rows *weights, size_t j);

#endif
