#ifndef SNNK_PREDICT_KERNEL_ERROR_H
#define SNNK_PREDICT_KERNEL_ERROR_H

#include "map/block.h"

/* Input k of a block whose kernel is symmetric, as its kernel sees it: scaled, and by projection_scale. */
double snnk__block_scaled(const snnk__map_block *block, double x, size_t k);

/* Value, variance and sum of squared bounds (see snnk__pair_error) of an estimate from `rows` iid rows
 * by a block whose kernel is symmetric, at inputs of these products (scaled, offsets included):
 *
 *     IDENTITY              u.v, exact
 *     GAUSSIAN              cos(g.(u-v)): (1 + exp(-2 D))/2 - exp(-D), D = |u-v|^2, each within 1
 *     ARC_COSINE order 0    step step: p - p^2, p = kappa_0/2, each within 1
 *     ARC_COSINE order 1    relu relu: kappa_2/2 - (kappa_1/2)^2
 *     ELEMENTWISE identity  (g.u)(g.v): |u|^2 |v|^2 + (u.v)^2;   step and relu as above
 *
 * SNNK_E_UNSUPPORTED for all others. */
int snnk__kernel_error(const snnk_map_config *config, size_t rows, const snnk__urf_products *p,
                       double *value, double *variance, double *bound2);

#endif
