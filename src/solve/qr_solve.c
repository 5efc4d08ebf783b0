/* The ridge solution from the triangular factor, whose condition number is the root of that of the
 * moments.
 *
 * The terms ridge |B|^2 and, without an intercept, w (mean.B - mean_y)^2 are more rows of the
 * triangular system. If that is singular, singular values give the solution. */
#include "solve/qr_solve.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/size.h"
#include "solve/qr.h"

/* Between two reports: right sides, and columns of a matrix that is written for the first time. New
 * memory can be slow: 128 MB took more than a second. */
enum { TARGETS = 64, COLUMNS = 256 };

/* Set A = R diag(scale), with zeros below the diagonal. */
static int scaled_factor(const snnk_lstsq *lstsq, const double *scale, double *A,
                         snnk__progress *progress) {
    const size_t m = lstsq->features;
    int st = SNNK_OK;

    for (size_t j = 0; st == SNNK_OK && j < m; j++) {
        for (size_t i = 0; i < m; i++) A[j * m + i] = i <= j ? lstsq->S[j * m + i] * scale[j] : 0;
        if (j % COLUMNS == 0) st = snnk__progress_update(progress, 0);
    }
    return st;
}

/* Write the rows for the means and for the ridge, and their right sides. */
static void build_rows(const snnk_lstsq *lstsq, double ridge, double w, const double *scale) {
    const size_t m = lstsq->features, ld = lstsq->qr->ld;
    double *phi = lstsq->qr->phi, *y = lstsq->qr->y;

    for (size_t j = 0; j < m; j++) {
        double *column = phi + j * ld;

        column[0] = sqrt(w) * lstsq->mean_phi[j] * scale[j];
        memset(column + 1, 0, j * sizeof *column);
        column[1 + j] = sqrt(ridge) * scale[j];
    }
    for (size_t k = 0; k < lstsq->targets; k++) {
        memset(y + k * ld, 0, (m + 1) * sizeof *y);
        y[k * ld] = sqrt(w) * lstsq->mean_y[k];
    }
}

/* Undo the scaling of A, since the solution by singular values is to be the shortest one of the
 * system as it was. */
static void rescale_columns(size_t m, const double *scale, double *A) {
    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i <= j; i++) A[j * m + i] /= scale[j];
}

/* The most work that dgelsd asks for, by its documentation with leaves of 25 or more, must fit an
 * integer of LAPACK. */
static int check_work(size_t m, size_t t) {
    const double work = (12.0 + 2 * 64 + 8 * 32 + (double)t) * (double)m + 65.0 * 65;

    if (work <= INT32_MAX) return SNNK_OK;
    return snnk__fail(SNNK_E_SIZE,
                      "the system of %zu features and %zu targets is singular and too large for "
                      "LAPACK's singular values; use a ridge above 0",
                      m, t);
}

/* Set R to the shortest z that minimises |A z - R|. values: m. */
static int solve_svd(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                     double *A, double *R, double *values, snnk__solve_outcome *outcome) {
    const lapack_int mi = (lapack_int)m, ti = (lapack_int)t;
    double *work = NULL, n_work = 0;
    lapack_int *iwork = NULL, n_iwork = 0, rank = 0, info;
    int st;

    if ((st = check_work(m, t)) != SNNK_OK) return st;
    info = LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, mi, mi, ti, A, mi, R, mi, values, tolerance, &rank,
                               &n_work, -1, &n_iwork);
    if (info != 0) goto refused;
    st = snnk__alloc(allocator, (size_t)n_work, sizeof *work, "singular value scratch", &work);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, (size_t)n_iwork, sizeof *iwork, "singular value integers", &iwork);
    if (st != SNNK_OK) goto done;
    info = LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, mi, mi, ti, A, mi, R, mi, values, tolerance, &rank,
                               work, (lapack_int)n_work, iwork);
    if (info < 0) goto refused;
    if (info > 0)
        st = snnk__fail(SNNK_E_SINGULAR,
                        "the singular values of the %zu x %zu factor did not converge", m, m);
    else if (rank == 0)
        st = snnk__fail(
            SNNK_E_SINGULAR,
            "rank 0: every one of the %zu features is constant (without an intercept: zero)", m);
    else
        *outcome = (snnk__solve_outcome){.condition = values[0] / values[rank - 1],
                                         .rank = (size_t)rank,
                                         .method = SNNK_SOLVE_TRUNCATED_SVD};
    goto done;
refused:
    st = snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %ld of dgelsd", -(long)info);
done:
    snnk__free(allocator, iwork);
    snnk__free(allocator, work);
    return st;
}

/* Solve A z = r for t right sides, A upper triangular, some at a time. */
static int solve_triangular(size_t m, size_t t, const double *A, double *R,
                            snnk__progress *progress) {
    const lapack_int mi = (lapack_int)m;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < t; first += TARGETS) {
        const size_t count = snnk__min_size(TARGETS, t - first);

        cblas_dtrsm(CblasColMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, mi,
                    (lapack_int)count, 1, A, mi, R + first * m, mi);
        st = snnk__progress_count(progress, (double)(first + count), (double)t);
    }
    return st;
}

int snnk__qr_solve(snnk_lstsq *lstsq, double ridge, double w, double tolerance, const double *scale,
                   double *R, snnk__progress *progress, snnk__solve_outcome *outcome) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const lapack_int mi = (lapack_int)m;
    snnk__qr *qr = lstsq->qr;
    double *A = NULL, reciprocal = 0;
    int st;

    st = snnk__alloc(&lstsq->allocator, m * m, sizeof *A, "a copy of the factor", &A);
    if (st != SNNK_OK) return st;
    if ((st = scaled_factor(lstsq, scale, A, progress)) != SNNK_OK) goto done;
    memcpy(R, lstsq->C, t * m * sizeof *R);
    if (ridge > 0 || w > 0) {
        const size_t more = ridge > 0 ? m : 0;

        build_rows(lstsq, ridge, w, scale);
        snnk__progress_begin_stage(progress, 0.5);
        st = snnk__qr_absorb(qr, m, t, 1 + more, more, A, R, progress);
        if (st != SNNK_OK) goto done;
    }
    snnk__progress_begin_stage(progress, 0.5);
    (void)LAPACKE_dtrcon_work(LAPACK_COL_MAJOR, '1', 'U', 'N', mi, A, mi, &reciprocal, qr->work,
                              qr->iwork);
    if (reciprocal >= tolerance) {
        st = solve_triangular(m, t, A, R, progress);
        *outcome =
            (snnk__solve_outcome){.condition = 1 / reciprocal, .rank = m, .method = SNNK_SOLVE_QR};
    } else {
        rescale_columns(m, scale, A);
        st = solve_svd(&lstsq->allocator, m, t, tolerance, A, R, qr->work, outcome);
        for (size_t k = 0; k < t; k++)
            for (size_t j = 0; j < m; j++) R[k * m + j] /= scale[j];
    }
done:
    snnk__free(&lstsq->allocator, A);
    return st;
}
