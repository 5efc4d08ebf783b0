/* The truncated solution by eigenvectors, for systems that Cholesky cannot solve reliably. */
#include "solve/eigen.h"

#include <math.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/memory.h"
#include "solve/shortest.h"

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
    /* The work that dsyevd's documentation asks for must fit an integer of LAPACK. */
    const double work_needed = 1 + 6 * (double)m + 2 * (double)m * (double)m;

    if (work_needed > INT32_MAX)
        return snnk__fail(SNNK_E_SIZE,
                          "%zu features are too many for LAPACK's eigenvectors: the limit is 32766",
                          m);
    return SNNK_OK;
}

int snnk__eigenvectors(const snnk_allocator *allocator, size_t m, char triangle, double *A,
                       double *values) {
    double *work = NULL;
    lapack_int *iwork = NULL;
    lapack_int info;
    int st;

    if ((st = snnk__check_eigenvectors(m)) != SNNK_OK) return st;

    const size_t n_work = 1 + 6 * m + 2 * m * m, n_iwork = 3 + 5 * m;

    st = snnk__alloc(allocator, n_work, sizeof *work, "eigenvector scratch", &work);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, n_iwork, sizeof *iwork, "eigenvector integers", &iwork);
    if (st != SNNK_OK) goto done;
    info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', triangle, (lapack_int)m, A, (lapack_int)m,
                               values, work, (lapack_int)n_work, iwork, (lapack_int)n_iwork);
    if (info < 0)
        st = snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %ld of dsyevd", -(long)info);
    else if (info > 0)
        st = snnk__fail(SNNK_E_SINGULAR, "the eigenvalues of the %zu x %zu system did not converge",
                        m, m);
done:
    snnk__free(allocator, iwork);
    snnk__free(allocator, work);
    return st;
}

int snnk__solve_truncated(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                          double *A, const double *scale, double *R, snnk__solve_outcome *outcome) {
    double *values = NULL;
    size_t rank = 0;
    int st;

    st = snnk__alloc(allocator, m, sizeof *values, "eigenvalues", &values);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__eigenvectors(allocator, m, 'L', A, values)) != SNNK_OK) {
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
    if ((st = snnk__shortest(allocator, m, t, rank, A, scale, R)) != SNNK_OK) goto done;
    *outcome = (snnk__solve_outcome){.condition = largest / values[m - rank],
                                     .rank = rank,
                                     .method = SNNK_SOLVE_TRUNCATED_EIGEN};
done:
    snnk__free(allocator, values);
    return st;
}
