#ifndef SNNK_SPECTRUM_ACTIVATION_SLOPES_H
#define SNNK_SPECTRUM_ACTIVATION_SLOPES_H

#include <snnk/activation.h>

/* h'(z) and h''(z) in double. Relative accuracy holds in the tails, down to where a value underflows;
 * near a zero crossing of the derivative (gelu, gelu_tanh and silu have some) the error is absolute, a
 * few units in the last place of 1. Limits at +-infinity where there is one; NaN propagates. At the
 * kink of relu and step both are 0. activation must be valid. */
double snnk__activation_slope(int32_t activation, double z);
double snnk__activation_curvature(int32_t activation, double z);

#endif
