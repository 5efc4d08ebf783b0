/* The strip around the real axis in which each activation is analytic. */
#include <math.h>

#include "spectrum/activation.h"

#include <snnk/activation.h>

/* gelu_tanh = z/(1 + exp(-2 u)) with u = sqrt(2/pi) (z + a z^3) has poles where cosh u = 0: where u
 * is an odd multiple of i pi/2. With z = i y the nearest poles solve y - a y^3 = q, q = sqrt(pi/2)
 * pi/2. This cubic has one real root -Y. The other two have real part Y/2, which is Im z, because
 * all three add up to 0. Cardano's formula gives Y; a larger q gives a larger Y. */
static double gelu_tanh_halfwidth(void) {
    const double half_pi = 1.57079632679489661923, a = 0.044715;
    const double half = sqrt(half_pi) * half_pi / (2 * a), third = 1 / (3 * a);
    const double root = sqrt(half * half - third * third * third); /* real: one real root */

    return (cbrt(half + root) + cbrt(half - root)) / 2;
}

double snnk_activation_analyticity_halfwidth(int32_t activation) {
    const double pi = 3.14159265358979323846;

    if (activation < 0 || activation >= SNNK__ACTIVATIONS) return NAN;
    switch ((snnk_activation)activation) {
    case SNNK_STEP:
    case SNNK_RELU: return 0;
    case SNNK_TANH: return pi / 2;
    case SNNK_SIGMOID:
    case SNNK_SILU:
    case SNNK_SOFTPLUS: return pi;
    case SNNK_GELU_TANH: return gelu_tanh_halfwidth();
    case SNNK_IDENTITY:
    case SNNK_GELU:
    case SNNK_SIN:
    case SNNK_COS:
    case SNNK_EXP:
    case SNNK_ERF: break;
    }
    return INFINITY;
}
