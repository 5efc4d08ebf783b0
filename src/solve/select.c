/* Scoring solutions from statistics, and choosing the ridge by it. */
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "solve/ridge_path.h"

#define TARGET_BLOCK 64 /* targets at a time: bounds the scratch to 128 rows of m */

/* yy - 2 beta.c + beta.g of one target, with beta (m) its coefficients, g = S beta, c its row of C. As
 * (yy - beta.c)
 * - beta.(c - g): near a solution c - g is small, so one cancellation is left instead of two. */
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

/* The squared residuals of one target: the centred ones, and w (mean_y - beta.mean - b)^2. */
static double target_rss(const snnk_lstsq *lstsq, size_t k, const double *beta, const double *g,
                         double b) {
    const size_t m = lstsq->features;
    const double *c = lstsq->C + k * m;
    double fitted = 0;

    for (size_t j = 0; j < m; j++) fitted += beta[j] * lstsq->mean_phi[j];

    const double offset = lstsq->mean_y[k] - fitted - b;
    const double centred = lstsq->factorization == SNNK_FACTORIZATION_GRAM
                               ? from_moments(m, lstsq->yy[k], beta, c, g)
                               : from_factor(m, lstsq->yy[k], c, g);

    return centred + lstsq->weight * offset * offset;
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
                       double *rss) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const size_t most = snnk__min_size(t, TARGET_BLOCK);
    double *beta = NULL, *g = NULL; /* most x m each: rows of B packed (ldb may exceed the BLAS
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
    return snnk__lstsq_rss_of(lstsq, B, ldb, b, rss);
}

/* The mean diagonal of S. */
static double mean_diagonal(const snnk_lstsq *lstsq) {
    const size_t m = lstsq->features;
    double mean = 0;

    for (size_t i = 0; i < m; i++) mean += snnk__lstsq_diagonal(lstsq, i) / (double)m;
    return mean;
}

/* Value k of the default grid of n, from what the precision of the rows can tell: of a factor, the
 * square of a float's. */
static double default_ridge(const snnk_lstsq *lstsq, double diagonal, size_t n, size_t k) {
    const double decades = lstsq->factorization != SNNK_FACTORIZATION_GRAM ? 15
                           : lstsq->fast                                   ? 6
                                                                           : 9;

    return diagonal * pow(10, decades * ((double)k / (double)(n - 1) - 1));
}

/* *diagonal = what the default grid of n values is relative to. */
static int check_default_grid(const snnk_lstsq *lstsq, size_t n, double *diagonal) {
    if (n < 2) return snnk__fail(SNNK_E_RANGE, "n = %zu: a grid needs at least 2 ridges", n);
    if (lstsq->rows == 0)
        return snnk__fail(
            SNNK_E_STATE,
            "no rows were added: the grid of ridges is scaled by the variance of the features");
    *diagonal = mean_diagonal(lstsq);
    if (!(*diagonal > 0))
        return snnk__fail(SNNK_E_STATE, "every feature is constant: the grid of ridges is scaled "
                                        "by the variance of the features");
    return SNNK_OK;
}

int snnk_lstsq_default_ridges(const snnk_lstsq *lstsq, size_t n, double *ridges) {
    double diagonal = 0;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(ridges, "ridges")) != SNNK_OK) return st;
    if ((st = check_default_grid(lstsq, n, &diagonal)) != SNNK_OK) return st;
    for (size_t k = 0; k < n; k++) ridges[k] = default_ridge(lstsq, diagonal, n, k);
    return SNNK_OK;
}

static int check_choose(const snnk_lstsq *train, const snnk_lstsq *heldout,
                        const snnk_solve_config *config, size_t n_ridges, const double *ridges,
                        const size_t *best, snnk_solve_config *ours) {
    int st;

    if ((st = snnk__check_pointer(train, "train")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(heldout, "heldout")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(best, "best")) != SNNK_OK) return st;
    if (heldout->features != train->features || heldout->targets != train->targets)
        return snnk__fail(SNNK_E_SHAPE,
                          "heldout has %zu features and %zu targets, but train has %zu and %zu",
                          heldout->features, heldout->targets, train->features, train->targets);
    if ((st = snnk__solve_config_read(ours, config)) != SNNK_OK) return st;
    ours->ridge = 0; /* whatever it was: ignored */
    if ((st = snnk__solve_config_check(ours)) != SNNK_OK) return st;
    if (n_ridges == 0) return snnk__fail(SNNK_E_RANGE, "n_ridges = 0: at least 1 ridge is needed");
    if (ridges && (st = snnk__check_ridges(n_ridges, ridges)) != SNNK_OK) return st;
    if (train->rows == 0 || heldout->rows == 0)
        return snnk__fail(SNNK_E_STATE, "no rows were added to %s",
                          train->rows == 0 ? "train" : "heldout");
    return SNNK_OK;
}

/* *error = held-out mean squared error a row (of weight 1) with this config. B: t x m and b: t are scratch. A
 * system without a usable solution scores infinity and tells why in *unusable. */
static int score(snnk_lstsq *train, const snnk_lstsq *heldout, const snnk_solve_config *config,
                 double *B, double *b, double *error, int *unusable) {
    snnk__solve_outcome outcome;
    int st = snnk__lstsq_solve_into(train, config, B, b, &outcome);

    *error = INFINITY;
    if (st == SNNK_OK) st = snnk__lstsq_rss_of(heldout, B, train->features, b, error);
    if (st == SNNK_OK) *error /= heldout->weight;
    if (st != SNNK_E_SINGULAR && st != SNNK_E_NONFINITE) return st;
    *unusable = st;
    return SNNK_OK;
}

int snnk_lstsq_choose_ridge(snnk_lstsq *train, const snnk_lstsq *heldout,
                            const snnk_solve_config *config, size_t n_ridges, const double *ridges,
                            double *errors, size_t *best) {
    snnk_solve_config ours;
    double diagonal = 0, *B = NULL, *b, *scores = NULL;
    size_t least = 0;
    int st, unusable = SNNK_OK;

    st = check_choose(train, heldout, config, n_ridges, ridges, best, &ours);
    if (st != SNNK_OK) return st;
    if (!ridges && (st = check_default_grid(train, n_ridges, &diagonal)) != SNNK_OK) return st;

    const size_t m = train->features, t = train->targets;

    st = snnk__alloc(&train->allocator, t * m + t, sizeof *B, "a solution", &B);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&train->allocator, n_ridges, sizeof *scores, "held-out errors", &scores);
    if (st != SNNK_OK) goto done;
    b = B + t * m;
    for (size_t k = 0; k < n_ridges; k++) {
        ours.ridge = ridges ? ridges[k] : default_ridge(train, diagonal, n_ridges, k);
        st = score(train, heldout, &ours, B, b, &scores[k], &unusable);
        if (st != SNNK_OK) goto done;
        if (scores[k] < scores[least]) least = k;
    }
    if (isinf(scores[least])) { /* the sentence is that of the last ridge tried */
        st = unusable;
        goto done;
    }
    if (errors) memcpy(errors, scores, n_ridges * sizeof *errors);
    *best = least;
done:
    snnk__free(&train->allocator, scores);
    snnk__free(&train->allocator, B);
    return st;
}
