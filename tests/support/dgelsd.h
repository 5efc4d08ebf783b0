/* Least squares of rows by LAPACK's dgelsd, in double, to compare factorizations with. */
#ifndef SNNK_TESTS_DGELSD_H
#define SNNK_TESTS_DGELSD_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <lapacke.h>

#include "compare.h"

/* Column j of X (n x columns), or its deviations from the mean, computed in long double before they
 * are rounded. */
static inline void dgelsd_column(size_t n, size_t columns, const float *X, size_t j, bool center,
                                 double *out) {
    long double mean = 0;

    for (size_t i = 0; i < n && center; i++) mean += (long double)X[i * columns + j];
    mean /= (long double)n;
    for (size_t i = 0; i < n; i++) out[i] = (double)((long double)X[i * columns + j] - mean);
}

/* B (m), of full rank, for one target, with an intercept or without, and the condition number of
 * the rows. */
static inline void dgelsd_solve(size_t n, size_t m, const float *Phi, const float *Y,
                                bool intercept, double *B, double *condition) {
    double *A = malloc(n * m * sizeof *A), *y = malloc(n * sizeof *y), *s = malloc(m * sizeof *s);
    const lapack_int rows = (lapack_int)n;
    lapack_int rank;

    for (size_t j = 0; j < m; j++) dgelsd_column(n, m, Phi, j, intercept, A + j * n);
    dgelsd_column(n, 1, Y, 0, intercept, y);
    assert_int_equal(
        LAPACKE_dgelsd(LAPACK_COL_MAJOR, rows, (lapack_int)m, 1, A, rows, y, rows, s, 1e-17, &rank),
        0);
    assert_int_equal(rank, m);
    memcpy(B, y, m * sizeof *B);
    *condition = s[0] / s[m - 1];
    free(s);
    free(y);
    free(A);
}

/* |B - e| / |e|. */
static inline double dgelsd_relative(size_t m, const double *B, const double *e) {
    double difference = 0, size = 0;

    for (size_t j = 0; j < m; j++) {
        difference += (B[j] - e[j]) * (B[j] - e[j]);
        size += e[j] * e[j];
    }
    return sqrt(difference / size);
}

#endif
