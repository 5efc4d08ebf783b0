/* Scrambled Sobol points. */
#ifndef SNNK_PROJECTION_SOBOL_POINTS_H
#define SNNK_PROJECTION_SOBOL_POINTS_H

#include <stddef.h>
#include <stdint.h>

/* More would spoil points in many dimensions: pairs of late ones have poor projections, and
 * hundreds of such pairs more noise than independent points. */
#define SNNK__SOBOL_DIMENSIONS 64

/* For dimension k >= 1, in row k - 1: the polynomial (bit i: coefficient of x^i), then its degree
 * many initial direction numbers m_1, m_2 ... Dimension 0 is the van der Corput sequence. */
extern const uint16_t snnk__sobol_table[SNNK__SOBOL_DIMENSIONS - 1][16];

/* Coordinate `dimension` (below SNNK__SOBOL_DIMENSIONS) of point `index`, in 2^-32. In the order of
 * the index itself, not of its Gray code. */
uint32_t snnk__sobol_bits(size_t dimension, uint32_t index);

/* x with nested uniform (Owen) scrambling: bit i is flipped by a hash of the key and the bits above
 * it. */
uint32_t snnk__owen_scramble(uint32_t x, uint64_t key);

/* point (n_dimensions values) = point `index`, each coordinate uniform on (0, 1), scrambled by the
 * seed. The first 2^k points are a digital net for every k. Dimensions beyond the table's use it
 * again, with another scramble and, within each run of 2^k ... 2^(k+1) - 1, another order: as good
 * as independent of the first ones (padding; Owen 1998). */
void snnk__sobol_point(uint64_t seed, uint32_t index, size_t n_dimensions, double *point);

#endif
