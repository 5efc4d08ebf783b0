/* Test data that does not come from the library: splitmix64 (Steele, Lea & Flood 2014). */
#ifndef SNNK_TESTS_DRAW_H
#define SNNK_TESTS_DRAW_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint64_t draw_bits(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Uniform on [-1, 1). */
static inline double draw_uniform(uint64_t *state) {
    return (double)(draw_bits(state) >> 11) * 0x1p-52 - 1;
}

/* count floats, uniform on [-1, 1), decided by the seed. */
static inline void draw_floats(float *values, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i++) values[i] = (float)draw_uniform(&seed);
}

/* The same in memory that the caller frees. */
static inline float *drawn_floats(size_t count, uint64_t seed) {
    float *values = malloc(count * sizeof *values);

    draw_floats(values, count, seed);
    return values;
}

/* Mean and standard error of a sequence of values (Welford). */
typedef struct sample {
    double n, mean, deviations;
} sample;

static inline void sample_add(sample *s, double value) {
    const double delta = value - s->mean;

    s->n += 1;
    s->mean += delta / s->n;
    s->deviations += delta * (value - s->mean);
}

static inline double sample_variance(const sample *s) { return s->deviations / (s->n - 1); }
static inline double sample_error(const sample *s) { return sqrt(sample_variance(s) / s->n); }

#endif
