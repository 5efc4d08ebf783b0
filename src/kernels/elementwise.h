/* Elementwise functions in plain C, which activations and feature maps apply to a projection. The
 * vector versions are tested against these. */
#ifndef SNNK_KERNELS_ELEMENTWISE_H
#define SNNK_KERNELS_ELEMENTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snnk/activation.h>

#include "kernels/urf.h"

typedef enum snnk__operation {
    SNNK__OPERATION_ACTIVATION, /* r features: scale h(z) */
    SNNK__OPERATION_POWER,      /* r features: scale max(z, floor)^order, order 1 or 2 */
    SNNK__OPERATION_COS_SIN,    /* 2 r features: scale cos(z_j) at 2 j, scale sin(z_j) at 2 j + 1 */
    SNNK__OPERATION_URF         /* signs * parts features for each row: see kernels/urf.h */
} snnk__operation;

typedef struct snnk__function {
    snnk__operation operation;
    int32_t activation; /* h, an snnk_activation */
    int32_t order;
    float floor;
    float scale;
    const snnk__urf_table *urf; /* URF only */
} snnk__function;

/* How many features one projection gives: 1, 2 or 4. */
static inline size_t snnk__function_width(const snnk__function *function) {
    if (function->operation == SNNK__OPERATION_URF)
        return function->urf->signs * function->urf->parts;
    return function->operation == SNNK__OPERATION_COS_SIN ? 2 : 1;
}

/* Whether the features are z itself. */
static inline bool snnk__function_is_identity(const snnk__function *function) {
    return function->operation == SNNK__OPERATION_ACTIVATION &&
           function->activation == SNNK_IDENTITY && function->scale == 1;
}

/* Set phi = function(z). z: r values. phi: r features, in place if phi = z; or, for COS_SIN, 2 r
 * features, with z allowed to be the second half of phi. Not for URF, which needs more than z. */
void snnk__function_apply(const snnk__function *function, size_t r, const float *z, float *phi);

/* Set dz[j] to the gradient with respect to z[j], from the gradients `back` with respect to the
 * features: dz = back h'(z), a sum of two terms for COS_SIN. Slopes at a kink are 0. dz may be z,
 * or `back` if its width is 1. Not for URF. */
void snnk__function_slopes(const snnk__function *function, size_t r, const float *z,
                           const float *back, float *dz);

/* Set y[i] = h(z[i]), or y[i] = h'(z[i]). y may be z. activation must be valid. */
void snnk__activation_apply(int32_t activation, size_t n, const float *z, float *y);
void snnk__activation_apply_derivative(int32_t activation, size_t n, const float *z, float *y);

#endif
