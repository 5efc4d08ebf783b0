/* Choosing the ridge on held-out statistics, from a grid. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "solve/ridge.h"
#include "solve/rss.h"
#include "solve/statistics.h"

/* The mean diagonal of S. */
static double mean_diagonal(const snnk_lstsq *lstsq) {
    const size_t m = lstsq->features;
    double mean = 0;

    for (size_t i = 0; i < m; i++) mean += snnk__lstsq_diagonal(lstsq, i) / (double)m;
    return mean;
}

/* Value k of the default grid of n. It starts at what the precision of the rows can resolve; a
 * factor resolves the square of that. */
static double default_ridge(const snnk_lstsq *lstsq, double diagonal, size_t n, size_t k) {
    const double decades = lstsq->factorization != SNNK_FACTORIZATION_GRAM ? 15
                           : lstsq->single                                 ? 6
                                                                           : 9;

    return diagonal * pow(10, decades * ((double)k / (double)(n - 1) - 1));
}

/* Set *diagonal to the value that the default grid is relative to. */
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
    ours->ridge = 0; /* ignored */
    if ((st = snnk__solve_config_check(ours)) != SNNK_OK) return st;
    if (n_ridges == 0) return snnk__fail(SNNK_E_RANGE, "n_ridges = 0: at least 1 ridge is needed");
    if (ridges && (st = snnk__check_ridges(n_ridges, ridges)) != SNNK_OK) return st;
    if (train->rows == 0 || heldout->rows == 0)
        return snnk__fail(SNNK_E_STATE, "no rows were added to %s",
                          train->rows == 0 ? "train" : "heldout");
    return SNNK_OK;
}

/* Set *error to the held-out squared error with this config, as a mean over rows of weight 1. B: t
 * x m and b: t are scratch. If there is no usable solution, *error is infinite and *unusable is the
 * status. */
static int score(snnk_lstsq *train, const snnk_lstsq *heldout, const snnk_solve_config *config,
                 double *B, double *b, snnk__progress *progress, double *error, int *unusable) {
    snnk__solve_outcome outcome;
    int st;

    snnk__progress_begin_stage(progress, 0.95);
    st = snnk__lstsq_solve_into(train, config, B, b, progress, &outcome);
    snnk__progress_begin_stage(progress, 0.05);

    *error = INFINITY;
    if (st == SNNK_OK) st = snnk__lstsq_rss_of(heldout, B, train->features, b, progress, error);
    if (st == SNNK_OK) *error /= heldout->weight;
    if (st != SNNK_E_SINGULAR && st != SNNK_E_NONFINITE) return st;
    *unusable = st;
    return SNNK_OK;
}

int snnk_lstsq_choose_ridge(snnk_lstsq *train, const snnk_lstsq *heldout,
                            const snnk_solve_config *config, size_t n_ridges, const double *ridges,
                            snnk_workspace *workspace, double *errors, size_t *best) {
    snnk_solve_config ours;
    double diagonal = 0, *B = NULL, *b, *scores = NULL;
    snnk__work work;
    size_t least = 0;
    snnk__sentence before;
    int st, unusable = SNNK_OK;

    snnk__sentence_save(&before);
    st = check_choose(train, heldout, config, n_ridges, ridges, best, &ours);
    if (st != SNNK_OK) return st;
    if (!ridges && (st = check_default_grid(train, n_ridges, &diagonal)) != SNNK_OK) return st;

    const size_t m = train->features, t = train->targets;

    snnk__work_begin(workspace, (double)n_ridges, &work);
    st = snnk__alloc(&train->allocator, t * m + t, sizeof *B, "a solution", &B);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(&train->allocator, n_ridges, sizeof *scores, "held-out errors", &scores);
    if (st != SNNK_OK) goto done;
    b = B + t * m;
    for (size_t k = 0; k < n_ridges; k++) {
        ours.ridge = ridges ? ridges[k] : default_ridge(train, diagonal, n_ridges, k);
        st = score(train, heldout, &ours, B, b, &work.progress, &scores[k], &unusable);
        if (st != SNNK_OK) goto done;
        if (scores[k] < scores[least]) least = k;
    }
    if (isinf(scores[least])) { /* the sentence is that of the last ridge */
        st = unusable;
        goto done;
    }
    if ((st = snnk__progress_finish(&work.progress)) != SNNK_OK) goto done;
    if (errors) memcpy(errors, scores, n_ridges * sizeof *errors);
    *best = least;
done:
    snnk__work_end(&work);
    snnk__free(&train->allocator, scores);
    snnk__free(&train->allocator, B);
    return snnk__recovered(st, &before);
}
