/* Scrambled Sobol points. */
#ifndef SNNK_PROJECTION_SOBOL_POINTS_H
#define SNNK_PROJECTION_SOBOL_POINTS_H

#include <stddef.h>
#include <stdint.h>

/* The most dimensions of one sequence. More would spoil points in many dimensions: pairs of high
 * dimensions have poor projections, and hundreds of such pairs more noise than independent
 * points. */
#define SNNK__SOBOL_DIMENSIONS 64

/* For dimension k >= 1, in row k - 1: the polynomial (bit i is the coefficient of x^i), then as
 * many initial direction numbers m_1, m_2 ... as its degree. Dimension 0 is the van der Corput
 * sequence. */
extern const uint16_t snnk__sobol_table[SNNK__SOBOL_DIMENSIONS - 1][16];

/* Coordinate `dimension` (below SNNK__SOBOL_DIMENSIONS) of point `index`, in units of 2^-32. The
 * points are in the order of the index, not of its Gray code. */
uint32_t snnk__sobol_bits(size_t dimension, uint32_t index);

/* Apply nested uniform (Owen) scrambling to x: each bit i is flipped by a hash of the key and the
 * bits above it. */
uint32_t snnk__owen_scramble(uint32_t x, uint64_t key);

/* Set point (n_dimensions values) to point `index`, each coordinate uniform on (0, 1), scrambled by
 * the seed. The first 2^k points are a digital net for every k. Dimensions beyond those of the
 * table use the table again, with another scramble and another order within each run of 2^k ...
 * 2^(k+1) - 1, which makes them nearly independent of the first ones (padding; Owen 1998). */
void snnk__sobol_point(uint64_t seed, uint32_t index, size_t n_dimensions, double *point);

#endif
