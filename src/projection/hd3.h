/* HD3 projections: the signs and scales that a seed determines. */
#ifndef SNNK_PROJECTION_HD3_H
#define SNNK_PROJECTION_HD3_H

#include <stddef.h>
#include <stdint.h>

/* D: the power of two >= inputs (inputs <= 2^31). */
size_t snnk__hd3_order(size_t inputs);

/* Set signs (3 x order) to the signs +-1 of group p. */
void snnk__hd3_signs(uint64_t seed, uint64_t group, size_t order, float *signs);

/* The scale of row j: chi(order) order^(-3/2). With it a row is N(0, I) as far as HD3 is a uniform
 * rotation: a normal vector of `order` entries; the first `inputs` are used. */
double snnk__hd3_scale(uint64_t seed, uint64_t row, size_t order);

/* Set row (order floats) to (H D3 H D2 H D1)_j without its scale. signs: those of its group. */
void snnk__hd3_row(size_t order, const float *signs, size_t j, float *row);

#endif
