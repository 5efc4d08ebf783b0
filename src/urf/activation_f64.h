#ifndef SNNK_URF_ACTIVATION_F64_H
#define SNNK_URF_ACTIVATION_F64_H

#include <snnk/activation.h>

/* h(z) in double. Relative accuracy holds in the tails, down to where a value underflows: a few units
 * in the last place times 1 + z^2 (the condition number of exp(-z^2/2)). Limits at +-infinity where
 * there is one; NaN propagates. activation must be valid. */
double snnk__activation_f64(int32_t activation, double z);

#endif
