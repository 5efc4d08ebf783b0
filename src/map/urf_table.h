/* Code shared by the kinds whose function is a table of exponents and phases (kernels/urf.h):
 * spectral and folded. With F = exp(E), E = a z + q |x~|^2 + kappa t + constant for complex a, q,
 * kappa, and features Re F and Im F:
 *
 *     grad F = F grad E,        grad E = a g + 2 q P (x - mu) + kappa nu,     P = M^T M
 *     lap F  = F (grad E . grad E + lap E),    lap E = 2 q trace(P)
 *
 * The products are not conjugated, and P is taken from the table. A saturated feature is
 * constant. */
#ifndef SNNK_MAP_URF_TABLE_H
#define SNNK_MAP_URF_TABLE_H

#include "map/block.h"

/* The pointers into an array of SNNK__URF_NUMBERS n numbers for n rows. */
snnk__urf_rows snnk__urf_rows_in(float *numbers, size_t n);

/* The function that evaluates a table. */
snnk__function snnk__urf_function(const snnk__urf_table *table);

/* See the entries of these names in snnk__map_kind. */
size_t snnk__urf_slope_doubles(const snnk__map_block *block);
double snnk__urf_safe_projection(const snnk__map_block *block);
void snnk__urf_cost(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters);
void snnk__urf_gradient(const snnk__map_block *block, const float *x,
                        const snnk__slope_scratch *scratch, float *J, size_t ldj);
void snnk__urf_laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                         const snnk__slope_scratch *scratch, float *L, size_t ldl);

#endif
