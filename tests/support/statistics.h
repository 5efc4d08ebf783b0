/* Access to the fields of snnk_lstsq: copies to compare bit for bit, and moments computed by their
 * definition. */
#ifndef SNNK_TESTS_STATISTICS_H
#define SNNK_TESTS_STATISTICS_H

#include <stdlib.h>

#include "compare.h"

#include "solve/lstsq.h"

/* A matrix of pseudo-random floats in -1/2 ... 1/2 with 20 bits: a linear congruential generator,
 * constants of Knuth's MMIX. */
static inline float *statistics_random(size_t count, uint64_t seed) {
    float *values = malloc(count * sizeof *values);

    for (size_t i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        values[i] = (float)((double)(seed >> 44) / 1048576 - 0.5);
    }
    return values;
}

/* Everything that counts as state, packed: rows, means, lower triangle, cross moments, target
 * moments. */
static inline size_t statistics_count(const snnk_lstsq *s) {
    return s->features + s->targets + s->features * s->features + s->targets * s->features +
           s->targets;
}

static inline double *statistics_copy(const snnk_lstsq *s) {
    const size_t m = s->features, t = s->targets;
    double *copy = calloc(statistics_count(s), sizeof *copy), *at = copy;

    memcpy(at, s->mean_phi, m * sizeof *at), at += m;
    memcpy(at, s->mean_y, t * sizeof *at), at += t;
    for (size_t i = 0; i < m; i++) memcpy(at + i * m, s->S + i * m, (i + 1) * sizeof *at);
    at += m * m;
    memcpy(at, s->C, t * m * sizeof *at), at += t * m;
    memcpy(at, s->yy, t * sizeof *at);
    return copy;
}

/* Fails unless s has `rows` rows and exactly the bits in copy, which is freed. */
static inline void statistics_assert_same(const snnk_lstsq *s, uint64_t rows, double *copy) {
    double *now = statistics_copy(s);

    assert_int_equal(s->rows, rows);
    assert_memory_equal(now, copy, statistics_count(s) * sizeof *now);
    free(now);
    free(copy);
}

/* Set the statistics of s to those of n rows in double, by the definition: means, then sums of
 * centered products, in long double. */
static inline void statistics_set(snnk_lstsq *s, size_t n, const double *Phi, const double *Y) {
    const size_t m = s->features, t = s->targets, w = m + t;
    double *Z = malloc(n * w * sizeof *Z);
    long double *mean = calloc(w, sizeof *mean);

    for (size_t i = 0; i < n; i++) {
        memcpy(Z + i * w, Phi + i * m, m * sizeof *Z);
        memcpy(Z + i * w + m, Y + i * t, t * sizeof *Z);
        for (size_t j = 0; j < w; j++) mean[j] += Z[i * w + j];
    }
    for (size_t j = 0; j < w; j++) mean[j] /= (long double)n;
    for (size_t j = 0; j < w; j++)
        for (size_t k = 0; k <= j; k++) {
            long double sum = 0;

            for (size_t i = 0; i < n; i++)
                sum += (Z[i * w + j] - mean[j]) * (Z[i * w + k] - mean[k]);
            if (j < m)
                s->S[j * m + k] = (double)sum;
            else if (k < m)
                s->C[(j - m) * m + k] = (double)sum;
            else if (k == j)
                s->yy[j - m] = (double)sum;
        }
    for (size_t j = 0; j < m; j++) s->mean_phi[j] = (double)mean[j];
    for (size_t k = 0; k < t; k++) s->mean_y[k] = (double)mean[m + k];
    s->rows = n;
    s->weight = (double)n;
    free(mean);
    free(Z);
}

/* The same from floats. */
static inline void statistics_set_float(snnk_lstsq *s, size_t n, const float *Phi, const float *Y) {
    const size_t m = s->features, t = s->targets;
    double *P = malloc(n * m * sizeof *P), *T = malloc(n * t * sizeof *T);

    for (size_t i = 0; i < n * m; i++) P[i] = Phi[i];
    for (size_t i = 0; i < n * t; i++) T[i] = Y[i];
    statistics_set(s, n, P, T);
    free(T);
    free(P);
}

/* Fails unless two statistics agree: means to rtol of themselves + atol_mean, second moments to
 * rtol of the geometric mean of their two diagonal entries (the largest they can be, by
 * Cauchy-Schwarz). */
static inline void statistics_assert_close(const snnk_lstsq *a, const snnk_lstsq *e, double rtol,
                                           double atol_mean) {
    const size_t m = e->features, t = e->targets;

    assert_int_equal(a->rows, e->rows);
    for (size_t i = 0; i < m; i++) {
        assert_close(a->mean_phi[i], e->mean_phi[i], rtol, atol_mean);
        for (size_t j = 0; j <= i; j++)
            assert_close(a->S[i * m + j], e->S[i * m + j], 0,
                         rtol * sqrt(e->S[i * m + i] * e->S[j * m + j]));
    }
    for (size_t k = 0; k < t; k++) {
        assert_close(a->mean_y[k], e->mean_y[k], rtol, atol_mean);
        assert_close(a->yy[k], e->yy[k], rtol, 0);
        for (size_t j = 0; j < m; j++)
            assert_close(a->C[k * m + j], e->C[k * m + j], 0,
                         rtol * sqrt(e->yy[k] * e->S[j * m + j]));
    }
}

#endif
