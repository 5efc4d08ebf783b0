/* Eigenvectors of the moments from their factor: S = R^T R and R = U diag(sigma) V^T give s =
 * sigma^2 and C V = diag(sigma) U^T Z, without squaring the condition number. */
#include "solve/qr_path.h"

#include <math.h>

#include <cblas.h>

#include "base/size.h"
#include "solve/lstsq.h"
#include "solve/qr.h"

/* The work of dgesdd with all vectors must fit an integer of LAPACK. */
static int check_work(size_t m) {
    const double work = 4 * (double)m * (double)m + 7 * (double)m;

    if (work <= INT32_MAX) return SNNK_OK;
    return snnk__fail(SNNK_E_SIZE,
                      "%zu features are too many for LAPACK's singular vectors: the limit is 23169",
                      m);
}

/* Without an intercept, add the means as one more row. */
static void absorb_means(snnk_lstsq *lstsq) {
    const size_t m = lstsq->features, t = lstsq->targets, ld = lstsq->qr->ld;
    const double root = sqrt(lstsq->weight);
    double *phi = lstsq->qr->phi, *y = lstsq->qr->y;

    for (size_t j = 0; j < m; j++) phi[j * ld] = root * lstsq->mean_phi[j];
    for (size_t k = 0; k < t; k++) y[k * ld] = root * lstsq->mean_y[k];
    (void)snnk__qr_absorb(lstsq->qr, m, t, 1, 0, lstsq->S, lstsq->C, NULL);
    for (size_t k = 0; k < t; k++) lstsq->yy[k] += y[k * ld] * y[k * ld];
}

/* Decompose A (m x m) = U diag(sigma) VT, column-major, sigma decreasing. A is destroyed. */
static int singular_values(const snnk_allocator *allocator, size_t m, double *A, double *sigma,
                           double *U, double *VT) {
    const lapack_int mi = (lapack_int)m;
    double *work = NULL, n_work = 0;
    lapack_int *iwork = NULL, info;
    int st;

    st = snnk__alloc(allocator, 8 * m, sizeof *iwork, "singular value integers", &iwork);
    if (st != SNNK_OK) goto done;
    info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', mi, mi, A, mi, sigma, U, mi, VT, mi, &n_work,
                               -1, iwork);
    if (info != 0) goto refused;
    st = snnk__alloc(allocator, (size_t)n_work, sizeof *work, "singular value scratch", &work);
    if (st != SNNK_OK) goto done;
    info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', mi, mi, A, mi, sigma, U, mi, VT, mi, work,
                               (lapack_int)n_work, iwork);
    if (info < 0) goto refused;
    if (info > 0)
        st = snnk__fail(SNNK_E_SINGULAR,
                        "the singular values of the %zu x %zu factor did not converge", m, m);
    goto done;
refused:
    st = snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %ld of dgesdd", -(long)info);
done:
    snnk__free(allocator, work);
    snnk__free(allocator, iwork);
    return st;
}

/* Decompose the factor in `lstsq`, which is a copy. A, U, VT: m x m, scratch; sigma: m. */
static int decompose(snnk_lstsq *lstsq, double *A, double *U, double *VT, double *sigma,
                     const snnk__qr_system *system) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const lapack_int mi = (lapack_int)m;
    int st;

    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < m; i++) A[j * m + i] = i <= j ? lstsq->S[j * m + i] : 0;
    if ((st = singular_values(&lstsq->allocator, m, A, sigma, U, VT)) != SNNK_OK) return st;
    for (size_t k = 0; k < m; k++) { /* eigenvalues are stored increasing */
        system->values[m - 1 - k] = sigma[k] * sigma[k];
        for (size_t j = 0; j < m; j++) system->vectors[(m - 1 - k) * m + j] = VT[j * m + k];
    }
    for (size_t i = 0; i < t; i++) {
        system->rest[i] = lstsq->yy[i];
        for (size_t k = 0; k < m; k++)
            system->parts[i * m + m - 1 - k] = cblas_ddot(mi, U + k * m, 1, lstsq->C + i * m, 1);
    }
    return SNNK_OK;
}

int snnk__qr_decompose(const snnk_lstsq *lstsq, bool intercept, const snnk__qr_system *system,
                       snnk__progress *progress) {
    const snnk_allocator *allocator = &lstsq->allocator;
    const size_t m = lstsq->features;
    snnk_lstsq *copy = NULL;
    double *scratch = NULL;
    int st;

    if ((st = check_work(m)) != SNNK_OK) return st;
    if ((st = snnk__lstsq_clone(lstsq, allocator, &copy)) != SNNK_OK) goto done;
    st = snnk__alloc(allocator, 3 * m * m + m, sizeof *scratch, "singular vectors", &scratch);
    if (st != SNNK_OK) goto done;
    if (!intercept) absorb_means(copy);
    for (size_t j = 0; st == SNNK_OK && j < m; j++)
        st = snnk__check_finite_f64(copy->S + j * m, "a row of the factor", 1, j + 1, j + 1);
    if (st == SNNK_OK) st = snnk__progress_update(progress, 0);
    if (st != SNNK_OK) goto done;
    st =
        decompose(copy, scratch, scratch + m * m, scratch + 2 * m * m, scratch + 3 * m * m, system);
done:
    snnk__free(allocator, scratch);
    snnk_lstsq_free(copy);
    return st;
}
