#ifndef SNNK_SPECTRUM_ACTIVATION_F64_H
#define SNNK_SPECTRUM_ACTIVATION_F64_H

#include <math.h>

#include <snnk/activation.h>

static const double snnk__gelu_slope = 0.79788456080286535588; /* sqrt(2/pi) */
static const double snnk__gelu_cubic = 0.044715;

/* The normal distribution function, accurate in both tails. */
static inline double snnk__normal_cdf(double z) { return 0.5 * erfc(-z * 0.70710678118654752440); }

/* 1 - sigmoid(z) is sigmoid(-z), without cancellation. */
static inline double snnk__sigmoid(double z) {
    /* Neither branch computes exp of a large positive number. */
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* f(z) in double. The relative error is a few units in the last place times 1 + z^2 (the condition
 * number of exp(-z^2/2)), in the tails too, until the value underflows. At +-infinity it gives the
 * limit, if there is one. NaN propagates. activation must be valid. */
double snnk__activation_f64(int32_t activation, double z);

#endif
