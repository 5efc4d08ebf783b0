/* Activations by their definitions in long double, and their differences, to test derivatives
 * against. */
#ifndef SNNK_TESTS_PRECISE_H
#define SNNK_TESTS_PRECISE_H

#include "compare.h"

static const long double precise_pi = 3.14159265358979323846264338327950288L;
static const long double precise_root_half =
    0.707106781186547524400844362104849039L; /* sqrt(1/2) */

static inline long double precise_sigmoid(long double z) {
    return z < 0 ? expl(z) / (1 + expl(z)) : 1 / (1 + expl(-z));
}

/* h by its definition, up to a constant that keeps the digits of tanh and erf where z < 0. */
static inline long double precise_activation(int32_t activation, long double z) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return z;
    case SNNK_STEP: return z > 0;
    case SNNK_RELU: return z > 0 ? z : 0;
    case SNNK_GELU: return z * erfcl(-z * precise_root_half) / 2;
    case SNNK_GELU_TANH:
        return z * precise_sigmoid(2 * sqrtl(2 / precise_pi) * (z + 0.044715L * z * z * z));
    case SNNK_TANH: return 2 * precise_sigmoid(2 * z);
    case SNNK_SIGMOID: return precise_sigmoid(z);
    case SNNK_SILU: return z * precise_sigmoid(z);
    case SNNK_SOFTPLUS: return z > 0 ? z + log1pl(expl(-z)) : log1pl(expl(z));
    case SNNK_SIN: return sinl(z);
    case SNNK_COS: return cosl(z);
    case SNNK_EXP: return expl(z);
    case SNNK_ERF: return erfcl(-z);
    }
    fail();
    return 0;
}

/* Differences of fourth order from five values f(-2 step) ... f(2 step). */
static inline long double first_difference(const long double f[5], long double step) {
    return (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * step);
}

static inline long double second_difference(const long double f[5], long double step) {
    return (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * step * step);
}

#endif
