/* Activations: the elementwise functions of dense layers and of feature maps.
 *
 *     float z[2] = {-1, 2}, y[2];
 *     snnk_activation_eval(SNNK_GELU, 2, z, y);
 *
 * They propagate NaN, have the right limits at +-infinity where limits exist, and keep their
 * relative accuracy in the tails (gelu uses erfc, softplus log1p). docs/numerics.md lists the
 * largest errors. */
#ifndef SNNK_ACTIVATION_H
#define SNNK_ACTIVATION_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An activation f(z). Passed and stored as int32_t. Values never change; new ones may be added. */
typedef enum snnk_activation {
    SNNK_IDENTITY = 0,  /* z */
    SNNK_STEP = 1,      /* 1 for z > 0, otherwise 0; derivative 0 */
    SNNK_RELU = 2,      /* max(z, 0); derivative 0 at z = 0 */
    SNNK_GELU = 3,      /* z Phi(z), where Phi is the normal distribution function */
    SNNK_GELU_TANH = 4, /* z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))), approximates gelu */
    SNNK_TANH = 5,      /* tanh(z) */
    SNNK_SIGMOID = 6,   /* 1/(1 + exp(-z)) */
    SNNK_SILU = 7,      /* z/(1 + exp(-z)) */
    SNNK_SOFTPLUS = 8,  /* log(1 + exp(z)) */
    SNNK_SIN = 9,       /* sin(z), z in radians */
    SNNK_COS = 10,      /* cos(z) */
    SNNK_EXP = 11,      /* exp(z); infinite above z = 88.72 */
    SNNK_ERF = 12       /* 2/sqrt(pi) times the integral of exp(-t^2) from 0 to z */
} snnk_activation;

/* Compute y[i] = f(z[i]) for i < n.
 *   activation  an snnk_activation
 *   n           0 is legal and does nothing
 *   z           n numbers
 *   y           out: n numbers; may be z
 * SNNK_E_ENUM, SNNK_E_NULL, SNNK_E_OVERLAP. */
SNNK_API int snnk_activation_eval(int32_t activation, size_t n, const float *z, float *y);

/* Compute the derivatives y[i] = f'(z[i]) for i < n. Parameters and statuses as for
 * snnk_activation_eval. */
SNNK_API int snnk_activation_derivative(int32_t activation, size_t n, const float *z, float *y);

/* Get the name of an activation in lower case, such as "gelu_tanh". Static; NULL for an unknown
 * value. */
SNNK_API const char *snnk_activation_name(int32_t activation);

/* Get the activation with a name.
 *   name        as snnk_activation_name gives it
 *   activation  out: an snnk_activation
 * SNNK_E_NULL, SNNK_E_ENUM (no activation has this name). */
SNNK_API int snnk_activation_from_name(const char *name, int32_t *activation);

/* Get half the width of the strip |Im z| < width in which an activation is analytic: pi/2 for tanh;
 * pi for sigmoid, silu and softplus; 2.75, its nearest pole, for gelu_tanh; 0 for relu and step;
 * infinity for the others. NaN for an unknown value. Where |x| |w| is larger, random features of
 * the activation (<snnk/urf.h>) have a very large variance: docs/math.md, section 5. */
SNNK_API double snnk_activation_analyticity_halfwidth(int32_t activation);

#ifdef __cplusplus
}
#endif

#endif
