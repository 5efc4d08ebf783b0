/* Random numbers by Philox4x32-10 (Salmon et al. 2011), a counter-based generator from Random123.
 * A draw is a pure function of (seed, stream, i, j): it needs no state, does not depend on the
 * order of calls, and has the same bits on every machine. */
#ifndef SNNK_BASE_RANDOM_H
#define SNNK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* The purpose of a stream of draws. Different streams of one seed are independent. The values are
 * part of the file format. */
enum snnk__stream {
    SNNK__STREAM_PROJECTION = 0,
    SNNK__STREAM_OFFSET = 1,
    SNNK__STREAM_HELDOUT = 2,
    SNNK__STREAM_SIGN = 3,     /* signs of HD3 */
    SNNK__STREAM_NORM = 4,     /* lengths of HD3 rows */
    SNNK__STREAM_SCRAMBLE = 5, /* of Sobol points */
    SNNK__STREAM_ATOM = 8,
    SNNK__STREAM_SAMPLE = 9, /* samples of rows */
    SNNK__STREAM_SHUFFLE = 10,
    SNNK__STREAM_JUDGED = 11,  /* rows that measure the error of a compression */
    SNNK__STREAM_WEIGHTS = 12, /* of layers before training */
    SNNK__STREAM_BLEND = 13,   /* rows between rows, to tune with */
    SNNK__STREAM_REDRAW = 14,  /* seeds of rows that are drawn again in training */
    SNNK__STREAM_FILTER = 15,  /* filters of windows */
    SNNK__STREAM_PATCH = 16,   /* patches that whitening and centres are learnt from */
    SNNK__STREAM_PAIR = 17,    /* pairs of rows, for directions between them */
    SNNK__STREAM_SPARSE = 18,  /* rows of few inputs: which ones, and their offsets */
    SNNK__STREAM_ENTRY = 19,   /* the entries of these */
    SNNK__STREAM_AUGMENT = 20, /* shifts, angles, scales and mirror images of rows */
    SNNK__STREAM_ELASTIC = 21, /* elastic deformations of rows */
    SNNK__STREAM_NOISE = 22,   /* of augmented rows */
    SNNK__STREAM_CHANNEL = 23  /* sets of channels of series */
};

/* Draw n uniform numbers: out[k] is entry (i, first + k) of a matrix of draws. They are odd
 * multiples of 2^-53 in (0, 1), never 0 or 1. */
void snnk__random_uniform(uint64_t seed, uint32_t stream, uint64_t i, uint32_t first, size_t n,
                          double *out);

/* Draw n standard normal numbers: snnk__normal_quantile of the uniform ones. */
void snnk__random_normal(uint64_t seed, uint32_t stream, uint64_t i, uint32_t first, size_t n,
                         double *out);

/* Set order (n) to the numbers 0 ... n-1, the first `count` of them drawn at random without
 * repetition, by the first steps of a shuffle. It is the stream of samples of the seed. */
void snnk__random_order(uint64_t seed, size_t n, size_t count, size_t *order);

/* Draw the i-th number of a chi distribution with `degrees` >= 1 degrees of freedom, the length of
 * a standard normal vector in `degrees` dimensions (by the gamma distribution: Marsaglia & Tsang
 * 2000). IEEE 754 fixes every bit, as for the normal draws. */
double snnk__random_chi(uint64_t seed, uint32_t stream, uint64_t i, size_t degrees);

/* The inverse of the normal distribution function for 0 < p < 1, with a relative error of 1e-15
 * (Wichura 1988, algorithm AS 241). It uses only + - * / and sqrt, so that IEEE 754 fixes every
 * bit: a model may store a seed instead of numbers. */
double snnk__normal_quantile(double p);

#endif
