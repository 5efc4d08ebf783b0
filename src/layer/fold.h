/* Products of weights, for layers that absorb a linear map. */
#ifndef SNNK_LAYER_FOLD_H
#define SNNK_LAYER_FOLD_H

#include "layer/layer.h"

/* Set *W = V A (outputs x columns, packed), and *bias = V a + c, in the same block of memory. V:
 * outputs x inner; A: inner x columns; a: inner; c: one row of `outputs` numbers, or none for
 * zeros. Sums in double. Free *W, also on failure. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__fold_product(const snnk_allocator *allocator, size_t outputs, size_t inner,
                       size_t columns, const float *V, size_t ldv, snnk__numbers c, const float *A,
                       size_t lda, const double *a, float **W, double **bias);

/* The same with the weights of a layer as A and a: the result is the weights of V layer(x) + c. */
int snnk__fold_weights(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                       snnk__numbers c, float **W, double **bias);

/* Fold V x + c into a map, as snnk_map_fold, for c in double. */
int snnk__fold_map(const snnk_map *map, size_t inputs, const float *V, size_t ldv, const double *c,
                   snnk_map **folded);

#endif
