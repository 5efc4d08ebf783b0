/* Sums of squared residuals from statistics. */
#include "solve/rss.h"

#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"

#define TARGET_BLOCK 64 /* targets at a time, which bounds the scratch to 128 rows of m */

/* yy - 2 beta.c + beta.g of one target, for its coefficients beta (m), g = S beta and its row c of
 * C. Computed as (yy - beta.c) - beta.(c - g): near a solution c - g is small, so only one
 * subtraction cancels. */
static double from_moments(size_t m, double yy, const double *beta, const double *c,
                           const double *g) {
    double explained = 0, rest = 0, sum;

    for (size_t j = 0; j < m; j++) {
        explained += beta[j] * c[j];
        rest += beta[j] * (c[j] - g[j]);
    }
    sum = (yy - explained) - rest;
    return sum < 0 ? 0 : sum;
}

/* yy + |c - g|^2 with g = L^T beta: nothing cancels. */
static double from_factor(size_t m, double yy, const double *c, const double *g) {
    double sum = yy;

    for (size_t j = 0; j < m; j++) sum += (c[j] - g[j]) * (c[j] - g[j]);
    return sum;
}

/* The squared residuals of one target: the centered part, and w (mean_y - beta.mean - b)^2. */
static double target_rss(const snnk_lstsq *lstsq, size_t k, const double *beta, const double *g,
                         double b) {
    const size_t m = lstsq->features;
    const double *c = lstsq->C + k * m;
    double fitted = 0;

    for (size_t j = 0; j < m; j++) fitted += beta[j] * lstsq->mean_phi[j];

    const double offset = lstsq->mean_y[k] - fitted - b;
    const double centered = lstsq->factorization == SNNK_FACTORIZATION_GRAM
                                ? from_moments(m, lstsq->yy[k], beta, c, g)
                                : from_factor(m, lstsq->yy[k], c, g);

    return centered + lstsq->weight * offset * offset;
}

/* G (count x m) = Beta S, or Beta L. */
static void multiply(const snnk_lstsq *lstsq, size_t count, const double *Beta, double *G) {
    const lapack_int n = (lapack_int)count, m = (lapack_int)lstsq->features;

    if (lstsq->factorization == SNNK_FACTORIZATION_GRAM) {
        cblas_dsymm(CblasRowMajor, CblasRight, CblasLower, n, m, 1, lstsq->S, m, Beta, m, 0, G, m);
        return;
    }
    memcpy(G, Beta, count * lstsq->features * sizeof *G);
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, m, 1,
                lstsq->S, m, G, m);
}

int snnk__lstsq_rss_of(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                       snnk__progress *progress, double *rss) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const size_t most = snnk__min_size(t, TARGET_BLOCK);
    double *beta = NULL, *g = NULL; /* most x m each: packed rows of B (ldb may exceed the BLAS
                                     * integer), and their products with S or L */
    double sum = 0;
    int st;

    st = snnk__alloc(&lstsq->allocator, most * m, sizeof *beta, "a block of coefficients", &beta);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&lstsq->allocator, most * m, sizeof *g, "a block of products", &g);
    if (st != SNNK_OK) goto done;
    for (size_t first = 0; first < t; first += most) {
        const size_t count = snnk__min_size(most, t - first);

        for (size_t k = 0; k < count; k++)
            memcpy(beta + k * m, B + (first + k) * ldb, m * sizeof *beta);
        multiply(lstsq, count, beta, g);
        for (size_t k = 0; k < count; k++)
            sum += target_rss(lstsq, first + k, beta + k * m, g + k * m, b ? b[first + k] : 0);
        st = snnk__progress_count(progress, (double)(first + count), (double)t);
        if (st != SNNK_OK) goto done;
    }
    if (!isfinite(sum)) {
        st = snnk__fail(SNNK_E_NONFINITE, "the sum of squared residuals overflows");
        goto done;
    }
    *rss = sum;
done:
    snnk__free(&lstsq->allocator, g);
    snnk__free(&lstsq->allocator, beta);
    return st;
}

int snnk_lstsq_rss(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                   double *rss) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(rss, "rss")) != SNNK_OK) return st;

    const size_t m = lstsq->features, t = lstsq->targets;

    if ((st = snnk__check_matrix(B, "B", t, m, ldb, sizeof *B)) != SNNK_OK) return st;
    if (lstsq->rows == 0) return snnk__fail(SNNK_E_STATE, "no rows were added: nothing to score");
    if ((st = snnk__check_finite_f64(B, "B", t, m, ldb)) != SNNK_OK) return st;
    if (b && (st = snnk__check_finite_f64(b, "b", 1, t, t)) != SNNK_OK) return st;
    return snnk__lstsq_rss_of(lstsq, B, ldb, b, NULL, rss);
}
