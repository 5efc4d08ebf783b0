/* The truncated solution by eigenvectors, for systems that Cholesky cannot solve reliably. */
#include "solve/eigen.h"

#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/memory.h"
#include "base/size.h"
#include "solve/shortest.h"
#include "solve/tridiagonal.h"
#include "solve/tridiagonal_eigen.h"

/* Some LAPACK libraries compute m^2 in 32 bits. */
#define MAX_VECTORS 32766

/* A = sum_k value_k v_k v_k^T, values increasing, v_k in row k of A (row-major). z = sum over the
 * kept k of v_k (v_k . r) / value_k is the shortest z that fits r as well as the kept directions
 * allow. Negative values are rounding errors and never kept. */
static int combine(const snnk_allocator *allocator, size_t m, size_t t, size_t rank,
                   const double *values, const double *A, double *R) {
    const double *vectors = A + (m - rank) * m;
    const lapack_int mi = (lapack_int)m, ti = (lapack_int)t, ri = (lapack_int)rank;
    double *projected = NULL; /* t x rank: v_k . r */
    int st;

    st = snnk__alloc(allocator, t * rank, sizeof *projected, "projected right sides", &projected);
    if (st != SNNK_OK) return st;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, ti, ri, mi, 1, R, mi, vectors, mi, 0,
                projected, ri);
    for (size_t i = 0; i < t; i++)
        for (size_t k = 0; k < rank; k++) projected[i * rank + k] /= values[m - rank + k];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ti, mi, ri, 1, projected, ri, vectors,
                mi, 0, R, mi);
    snnk__free(allocator, projected);
    return SNNK_OK;
}

int snnk__check_eigenvectors(size_t m) {
    if (m > MAX_VECTORS)
        return snnk__fail(SNNK_E_SIZE,
                          "%zu features are too many for eigenvectors: the limit is %d", m,
                          MAX_VECTORS);
    return SNNK_OK;
}

/* Copy the upper triangle by columns to the lower one, a tile at a time. */
static int mirror(size_t m, double *A, snnk__progress *progress) {
    const size_t tile = 64;
    int st = SNNK_OK;

    for (size_t j0 = 0; st == SNNK_OK && j0 < m; j0 += tile) {
        for (size_t i0 = 0; i0 <= j0; i0 += tile)
            for (size_t j = j0; j < snnk__min_size(j0 + tile, m); j++)
                for (size_t i = i0; i < snnk__min_size(i0 + tile, j); i++)
                    A[i * m + j] = A[j * m + i];
        if (j0 % 1024 == 0) st = snnk__progress_update(progress, 0);
    }
    return st;
}

/* Divide the lower triangle by a power of two that brings its largest entry to 1 ... 2, so that
 * nothing overflows or underflows on the way. Returns that power. */
static double scale_down(size_t m, double *A) {
    double largest = 0, scale;
    int exponent = 0;

    for (size_t j = 0; j < m; j++)
        for (size_t i = j; i < m; i++) largest = fmax(largest, fabs(A[j * m + i]));
    if (largest > 0) (void)frexp(largest, &exponent);
    if (exponent > -100 && exponent < 100) return 1;
    scale = ldexp(1, exponent - 1);
    for (size_t j = 0; j < m; j++)
        for (size_t i = j; i < m; i++) A[j * m + i] /= scale;
    return scale;
}

/* The decomposition of A in its memory and that of Z (m x m). numbers: 3 m; order: m. */
static int decompose(const snnk_allocator *allocator, size_t m, double *A, double *values,
                     double *Z, double *numbers, size_t *order, snnk__progress *progress) {
    double *diagonal = numbers, *beside = numbers + m, *tau = numbers + 2 * m;
    const double scale = scale_down(m, A);
    int st;

    snnk__progress_begin_stage(progress, 0.45);
    st = snnk__tridiagonal_reduce(allocator, m, A, diagonal, beside, tau, progress);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(progress, 0.2);
    st = snnk__tridiagonal_eigenvectors(allocator, m, diagonal, beside, Z, order, progress);
    if (st != SNNK_OK) return st;
    snnk__progress_begin_stage(progress, 0.35);
    st = snnk__tridiagonal_expand(allocator, m, A, tau, Z, progress);
    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < m; k++) {
        values[k] = diagonal[order[k]] * scale;
        memcpy(A + k * m, Z + order[k] * m, m * sizeof *A);
    }
    return SNNK_OK;
}

int snnk__eigenvectors(const snnk_allocator *allocator, size_t m, char triangle, double *A,
                       double *values, snnk__progress *progress) {
    snnk__progress parts = snnk__progress_within(progress, 1);
    double *Z = NULL, *numbers = NULL;
    size_t *order = NULL, square;
    int st;

    if ((st = snnk__check_eigenvectors(m)) != SNNK_OK) return st;
    if (!snnk__mul_size(m, m, &square))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu eigenvectors overflow size_t", m, m);
    if ((st = snnk__alloc(allocator, square, sizeof *Z, "eigenvectors", &Z)) != SNNK_OK) goto done;
    st = snnk__alloc(allocator, 3 * m, sizeof *numbers, "eigenvector scratch", &numbers);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, m, sizeof *order, "eigenvector integers", &order);
    if (st != SNNK_OK) goto done;
    if (triangle == 'U' && (st = mirror(m, A, &parts)) != SNNK_OK) goto done;
    st = decompose(allocator, m, A, values, Z, numbers, order, &parts);
done:
    snnk__free(allocator, order);
    snnk__free(allocator, numbers);
    snnk__free(allocator, Z);
    return st;
}

int snnk__solve_truncated(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                          double *A, const double *scale, double *R, snnk__progress *progress,
                          snnk__solve_outcome *outcome) {
    snnk__progress parts = snnk__progress_within(progress, 1);
    double *values = NULL;
    size_t rank = 0;
    int st;

    st = snnk__alloc(allocator, m, sizeof *values, "eigenvalues", &values);
    if (st != SNNK_OK) goto done;
    snnk__progress_begin_stage(&parts, 0.8);
    if ((st = snnk__eigenvectors(allocator, m, 'L', A, values, &parts)) != SNNK_OK) {
        if (st == SNNK_E_SIZE)
            st = snnk__fail_within(st, "the system is singular (a larger ridge avoids this)");
        goto done;
    }

    const double largest = values[m - 1];

    while (rank < m && largest > 0 && values[m - 1 - rank] > tolerance * largest) rank++;
    if (rank == 0) {
        st = snnk__fail(
            SNNK_E_SINGULAR,
            "rank 0: every one of the %zu features is constant (without an intercept: zero)", m);
        goto done;
    }
    if ((st = combine(allocator, m, t, rank, values, A, R)) != SNNK_OK) goto done;
    snnk__progress_begin_stage(&parts, 0.2);
    st = snnk__shortest(allocator, m, t, rank, A, scale, R, &parts);
    if (st != SNNK_OK) goto done;
    *outcome = (snnk__solve_outcome){.condition = largest / values[m - rank],
                                     .rank = rank,
                                     .method = SNNK_SOLVE_TRUNCATED_EIGEN};
done:
    snnk__free(allocator, values);
    return st;
}
