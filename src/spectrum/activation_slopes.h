#ifndef SNNK_SPECTRUM_ACTIVATION_SLOPES_H
#define SNNK_SPECTRUM_ACTIVATION_SLOPES_H

#include <snnk/activation.h>

/* f'(z) and f''(z) in double. They are relatively accurate in the tails, until the value
 * underflows. Near a zero of the derivative (gelu, gelu_tanh and silu have some) the error is
 * absolute: a few units in the last place of 1. At +-infinity they give the limit, if there is one.
 * NaN propagates. At the kink of relu and step both are 0. activation must be valid. */
double snnk__activation_slope(int32_t activation, double z);
double snnk__activation_curvature(int32_t activation, double z);

#endif
