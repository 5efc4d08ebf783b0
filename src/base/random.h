/* Random numbers: Philox4x32-10 (Salmon et al. 2011), a counter-based generator from Random123. A
 * draw is a pure function of (seed, stream, i, j): no state, no order, the same bits on every
 * machine. */
#ifndef SNNK_BASE_RANDOM_H
#define SNNK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a stream of draws is used for: different streams of one seed are independent. Part of the
 * file format. */
enum snnk__stream {
    SNNK__STREAM_PROJECTION = 0,
    SNNK__STREAM_OFFSET = 1,
    SNNK__STREAM_HELDOUT = 2,
    SNNK__STREAM_SIGN = 3,     /* of HD3 */
    SNNK__STREAM_NORM = 4,     /* of rows of HD3 */
    SNNK__STREAM_SCRAMBLE = 5, /* of Sobol points */
    SNNK__STREAM_ATOM = 8,
    SNNK__STREAM_SAMPLE = 9, /* of rows */
    SNNK__STREAM_SHUFFLE = 10,
    SNNK__STREAM_JUDGED = 11 /* rows */
};

/* out[k] = entry (i, first + k) of a matrix of draws, k < n: uniform on (0, 1), odd multiples of
 * 2^-53, never 0 or 1. */
void snnk__random_uniform(uint64_t seed, uint32_t stream, uint64_t i, uint32_t first, size_t n,
                          double *out);

/* The same, standard normal: the inverse distribution function of the uniform draw. */
void snnk__random_normal(uint64_t seed, uint32_t stream, uint64_t i, uint32_t first, size_t n,
                         double *out);

/* A chi-distributed number with `degrees` >= 1 degrees of freedom, the i-th of its stream: the length of
 * a standard normal vector in that many dimensions (Marsaglia & Tsang 2000 for the gamma distribution).
 * Pinned by IEEE 754 as the normal draws are. */
double snnk__random_chi(uint64_t seed, uint32_t stream, uint64_t i, size_t degrees);

/* The inverse of the normal distribution function, 0 < p < 1, to 1e-15 relative (Wichura 1988,
 * algorithm AS 241). Made of + - * / and sqrt alone, so that IEEE 754 pins every bit: a model may
 * store a seed instead of numbers. */
double snnk__normal_quantile(double p);

#endif
