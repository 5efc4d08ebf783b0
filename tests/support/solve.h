/* Weighted least squares in long double, by the normal equations. */
#ifndef SNNK_TESTS_SOLVE_H
#define SNNK_TESTS_SOLVE_H

#include <math.h>
#include <stddef.h>

enum { SOLVE_MOST = 32 };

/* Set B (one row) and *b to the minimum of sum_i w_i (y_i - B x_i - b)^2 + ridge |B|^2.
 *   d   < SOLVE_MOST inputs
 *   w   NULL: ones */
static inline void solve_ridge(size_t n, size_t d, const float *X, const float *y, size_t ldy,
                               const float *w, double ridge, double *B, double *b) {
    long double A[SOLVE_MOST][SOLVE_MOST + 1] = {{0}};

    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p <= d; p++) {
            const long double x = (w ? w[i] : 1) * (p < d ? (long double)X[i * d + p] : 1);

            for (size_t q = 0; q <= d; q++) A[p][q] += x * (q < d ? (long double)X[i * d + q] : 1);
            A[p][d + 1] += x * y[i * ldy];
        }
    for (size_t p = 0; p < d; p++) A[p][p] += ridge;
    for (size_t p = 0; p <= d; p++) /* positive definite: no pivots */
        for (size_t row = 0; row <= d; row++) {
            const long double f = row == p ? 0 : A[row][p] / A[p][p];

            for (size_t q = p; q <= d + 1; q++) A[row][q] -= f * A[p][q];
        }
    for (size_t p = 0; p < d; p++) B[p] = (double)(A[p][d + 1] / A[p][p]);
    *b = (double)(A[d][d + 1] / A[d][d]);
}

#endif
