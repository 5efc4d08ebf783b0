/* Elementwise functions: the activations of dense layers and of feature maps.
 *
 * All of them propagate NaN, have the right limits at +-infinity where a limit exists, and lose no
 * relative accuracy in their tails (gelu uses erfc, softplus log1p). Worst errors are in
 * docs/numerics.md. */
#ifndef SNNK_ACTIVATION_H
#define SNNK_ACTIVATION_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Passed and stored as int32_t. Values never change. */
typedef enum snnk_activation {
    SNNK_IDENTITY = 0, /* z */
    SNNK_STEP = 1,     /* 1 for z > 0, else 0; derivative 0 */
    SNNK_RELU = 2,     /* max(z, 0); derivative at 0 is 0 */
    SNNK_GELU = 3,     /* z Phi(z), Phi the normal distribution function */
    SNNK_GELU_TANH =
        4, /* z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))): the common approximation of gelu */
    SNNK_TANH = 5,
    SNNK_SIGMOID = 6,  /* 1/(1 + exp(-z)) */
    SNNK_SILU = 7,     /* z/(1 + exp(-z)) */
    SNNK_SOFTPLUS = 8, /* log(1 + exp(z)) */
    SNNK_SIN = 9,      /* radians */
    SNNK_COS = 10,
    SNNK_EXP = 11, /* overflows to infinity above z = 88.72 */
    SNNK_ERF = 12  /* 2/sqrt(pi) int_0^z exp(-t^2) dt */
} snnk_activation;

/* y[i] = f(z[i]) for i < n. y may be z. n = 0 does nothing.
 * SNNK_E_ENUM, SNNK_E_NULL. */
SNNK_API int snnk_activation_eval(int32_t activation, size_t n, const float *z, float *y);

/* y[i] = f'(z[i]) for i < n, as above. */
SNNK_API int snnk_activation_derivative(int32_t activation, size_t n, const float *z, float *y);

/* The name in lower case ("gelu_tanh"), static; NULL for a value that is not an activation. */
SNNK_API const char *snnk_activation_name(int32_t activation);

/* The value for a name. SNNK_E_NULL, SNNK_E_ENUM. */
SNNK_API int snnk_activation_from_name(const char *name, int32_t *activation);

#ifdef __cplusplus
}
#endif

#endif
