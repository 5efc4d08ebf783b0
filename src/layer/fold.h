/* Products of weights, for layers that absorb a linear map. */
#ifndef SNNK_LAYER_FOLD_H
#define SNNK_LAYER_FOLD_H

#include "layer/layer.h"

/* Set *W = V A (outputs x columns, packed), followed by *bias = V a + c. V: outputs x inner; A:
 * inner x columns; a: inner; c: outputs, or NULL for zeros. Sums in double. Free *W, also on
 * failure. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__fold_product(const snnk_allocator *allocator, size_t outputs, size_t inner,
                       size_t columns, const float *V, size_t ldv, const float *c, const float *A,
                       size_t lda, const float *a, float **W, float **bias);

/* The same with the weights of a layer as A and a: the result is the weights of V layer(x) + c. */
int snnk__fold_weights(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                       const float *c, float **W, float **bias);

#endif
