/* Ridge regression by its definition, in long double: weighted normal equations and Gaussian
 * elimination. */
#ifndef SNNK_TESTS_ORACLE_H
#define SNNK_TESTS_ORACLE_H

#include <stdlib.h>

#include "compare.h"

/* Rows with weights; `skip` is left out (SIZE_MAX: none). */
typedef struct oracle_rows {
    size_t n, m, t;
    const float *Phi, *Y, *weights; /* packed; weights NULL for ones */
    size_t skip;
} oracle_rows;

static inline long double oracle_weight(const oracle_rows *rows, size_t i) {
    return i == rows->skip ? 0 : rows->weights ? (long double)rows->weights[i] : 1;
}

/* Solve A x = r for k right sides, r k x m; A is destroyed, r becomes x. Partial pivoting. */
static inline void oracle_solve(size_t m, size_t k, long double *A, long double *r) {
    for (size_t p = 0; p < m; p++) {
        size_t best = p;

        for (size_t i = p + 1; i < m; i++)
            if (fabsl(A[i * m + p]) > fabsl(A[best * m + p])) best = i;
        for (size_t j = 0; j < m; j++) {
            const long double a = A[p * m + j];

            A[p * m + j] = A[best * m + j], A[best * m + j] = a;
        }
        for (size_t l = 0; l < k; l++) {
            const long double a = r[l * m + p];

            r[l * m + p] = r[l * m + best], r[l * m + best] = a;
        }
        for (size_t i = p + 1; i < m; i++) {
            const long double f = A[i * m + p] / A[p * m + p];

            for (size_t j = p; j < m; j++) A[i * m + j] -= f * A[p * m + j];
            for (size_t l = 0; l < k; l++) r[l * m + i] -= f * r[l * m + p];
        }
    }
    for (size_t l = 0; l < k; l++)
        for (size_t p = m; p-- > 0;) {
            for (size_t j = p + 1; j < m; j++) r[l * m + p] -= A[p * m + j] * r[l * m + j];
            r[l * m + p] /= A[p * m + p];
        }
}

/* mean (m + t): weighted means with an intercept, otherwise zeros. A (m x m) = sum w (phi -
 * mean)(phi - mean)^T + ridge, R (t x m) likewise with y. */
static inline void oracle_system(const oracle_rows *rows, int intercept, double ridge,
                                 long double *mean, long double *A, long double *R) {
    const size_t m = rows->m, t = rows->t;
    long double weight = 0;

    for (size_t j = 0; j < m + t; j++) mean[j] = 0;
    for (size_t i = 0; i < m * m; i++) A[i] = i % (m + 1) == 0 ? (long double)ridge : 0;
    for (size_t i = 0; i < t * m; i++) R[i] = 0;
    for (size_t i = 0; i < rows->n; i++) weight += oracle_weight(rows, i);
    for (size_t i = 0; intercept && i < rows->n; i++) {
        const long double share = oracle_weight(rows, i) / weight;

        for (size_t j = 0; j < m; j++) mean[j] += share * rows->Phi[i * m + j];
        for (size_t k = 0; k < t; k++) mean[m + k] += share * rows->Y[i * t + k];
    }
    for (size_t i = 0; i < rows->n; i++)
        for (size_t j = 0; j < m; j++) {
            const long double x = oracle_weight(rows, i) * (rows->Phi[i * m + j] - mean[j]);

            for (size_t l = 0; l < m; l++) A[j * m + l] += x * (rows->Phi[i * m + l] - mean[l]);
            for (size_t k = 0; k < t; k++) R[k * m + j] += x * (rows->Y[i * t + k] - mean[m + k]);
        }
}

/* The solution B (t x m), b (t) of such a system, which is given without its ridge. */
static inline void oracle_solution(const oracle_rows *rows, double ridge, const long double *mean,
                                   const long double *A, const long double *R, long double *B,
                                   long double *b) {
    const size_t m = rows->m, t = rows->t;
    long double *K = malloc(m * m * sizeof *K);

    for (size_t i = 0; i < m * m; i++) K[i] = A[i] + (i % (m + 1) == 0 ? (long double)ridge : 0);
    for (size_t i = 0; i < t * m; i++) B[i] = R[i];
    oracle_solve(m, t, K, B);
    for (size_t k = 0; k < t; k++) {
        b[k] = mean[m + k];
        for (size_t j = 0; j < m; j++) b[k] -= B[k * m + j] * mean[j];
    }
    free(K);
}

/* y - B phi - b of row i and target k. */
static inline double oracle_residual(const oracle_rows *rows, size_t i, size_t k,
                                     const long double *B, const long double *b) {
    long double e = rows->Y[i * rows->t + k] - b[k];

    for (size_t j = 0; j < rows->m; j++) e -= B[k * rows->m + j] * rows->Phi[i * rows->m + j];
    return (double)e;
}

#endif
