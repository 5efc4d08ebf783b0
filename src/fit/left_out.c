#include "fit/left_out.h"

#include <math.h>

#include "base/size.h"
#include "fit/readout.h"

/* Ridges from this share of the largest eigenvalue ... */
#define LEAST_RIDGE 1e-12
/* ... to this one. */
#define LARGEST_RIDGE 10

static double target_of(const snnk__feature_rows *rows, size_t i, size_t k) {
    if (rows->of_labels) return (size_t)rows->labels[i] == k ? 1 : 0;
    return rows->Y[i * rows->outputs + k];
}

/* What the dual problem takes of a fit's rows. */
typedef struct problem {
    double *Y;       /* n x t */
    double *weights; /* n */
    size_t *group;   /* n; NULL without groups */
} problem;

static int problem_alloc(const snnk_fit *fit, problem *p) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    int st;

    *p = (problem){NULL, NULL, NULL};
    st = snnk__alloc(&fit->allocator, rows->n, rows->outputs * sizeof *p->Y, "targets", &p->Y);
    if (st == SNNK_OK)
        st = snnk__alloc(&fit->allocator, rows->n, sizeof *p->weights, "weights", &p->weights);
    if (st == SNNK_OK && fit->heldout.grouped)
        st = snnk__alloc(&fit->allocator, rows->n, sizeof *p->group, "groups", &p->group);
    return st;
}

static void problem_free(const snnk_fit *fit, const problem *p) {
    snnk__free(&fit->allocator, p->group);
    snnk__free(&fit->allocator, p->weights);
    snnk__free(&fit->allocator, p->Y);
}

static void fill(const snnk__feature_rows *rows, problem *p) {
    for (size_t i = 0; i < rows->n; i++) {
        p->weights[i] = (double)rows->weights[i];
        if (p->group) p->group[i] = (size_t)rows->keys[i];
        for (size_t k = 0; k < rows->outputs; k++)
            p->Y[i * rows->outputs + k] = target_of(rows, i, k);
    }
}

/* Whether there are rows with different keys. */
static bool has_two_keys(const snnk__feature_rows *rows) {
    for (size_t i = 1; i < rows->n; i++)
        if (rows->keys[i] != rows->keys[0]) return true;
    return false;
}

int snnk__left_out_open(const snnk_fit *fit, snnk_workspace *workspace, snnk__dual **dual) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    problem p;
    int st;

    *dual = NULL;
    if (!has_two_keys(rows))
        return snnk__fail(SNNK_E_STATE,
                          "%zu %s are too few to choose the ridge: add rows or set the ridge",
                          rows->n, fit->heldout.grouped ? "rows of one group" : "equal rows");
    if ((st = problem_alloc(fit, &p)) == SNNK_OK) {
        fill(rows, &p);
        st = snnk__dual_create(&(snnk__dual_data){.allocator = &fit->allocator,
                                                  .n = rows->n,
                                                  .m = rows->features,
                                                  .t = rows->outputs,
                                                  .Phi = rows->Phi,
                                                  .ldphi = rows->features,
                                                  .Y = p.Y,
                                                  .ldy = rows->outputs,
                                                  .weights = p.weights,
                                                  .group = p.group,
                                                  .intercept = fit->config.intercept,
                                                  .workspace = workspace},
                               dual);
    }
    problem_free(fit, &p);
    if (st != SNNK_E_SINGULAR) return st;
    return snnk__fail(SNNK_E_STATE,
                      "every feature is constant: the ridge is scaled by the variance of the "
                      "features");
}

/* ---- Choosing ---- */

static size_t largest(size_t n, const double *scores) {
    size_t best = 0;

    for (size_t k = 1; k < n; k++)
        if (scores[k] > scores[best]) best = k;
    return best;
}

/* Means over rows, with their weights. */
typedef struct errors {
    double squared;       /* summed over outputs */
    double misclassified; /* the share */
} errors;

static errors errors_of(const snnk__feature_rows *rows, const double *scores) {
    const size_t l = rows->outputs;
    errors sum = {0, 0};
    double weight = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const double w = (double)rows->weights[i], *row = scores + i * l;

        weight += w;
        for (size_t k = 0; k < l; k++) sum.squared += w * pow(row[k] - target_of(rows, i, k), 2);
        if (rows->of_labels && largest(l, row) != (size_t)rows->labels[i]) sum.misclassified += w;
    }
    return (errors){sum.squared / weight, sum.misclassified / weight};
}

int snnk__left_out_scores(const snnk_fit *fit, const snnk__dual *dual, double ridge,
                          double *scores) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    const size_t l = rows->outputs;
    double *ridges;
    int st = snnk__alloc(&fit->allocator, l, sizeof *ridges, "ridges", &ridges);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < l; k++) ridges[k] = ridge;
    st = snnk__dual_loo_residuals(dual, ridges, scores, l);
    for (size_t i = 0; st == SNNK_OK && i < rows->n; i++)
        for (size_t k = 0; k < l; k++)
            scores[i * l + k] = target_of(rows, i, k) - scores[i * l + k];
    snnk__free(&fit->allocator, ridges);
    return st;
}

int snnk__left_out_choose(const snnk_fit *fit, const snnk__dual *dual, double *ridge,
                          double *error) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    const double largest_value = snnk__dual_largest(dual);
    /* One eigendecomposition serves all ridges, so there are three times as many. */
    const int count = 3 * fit->config.n_ridges - 2;
    double least = INFINITY, *scores;
    int st;

    st = snnk__alloc(&fit->allocator, rows->n, rows->outputs * sizeof *scores, "scores", &scores);
    for (int k = 0; st == SNNK_OK && k < count; k++) {
        const double share = (double)k / (count - 1);
        const double tried =
            largest_value * LARGEST_RIDGE * pow(LEAST_RIDGE / LARGEST_RIDGE, 1 - share);

        if ((st = snnk__left_out_scores(fit, dual, tried, scores)) != SNNK_OK) break;
        const errors found = errors_of(rows, scores);
        if (found.squared <= least) {
            least = found.squared;
            *ridge = tried;
            *error = rows->of_labels ? found.misclassified : found.squared;
        }
    }
    snnk__free(&fit->allocator, scores);
    if (st == SNNK_OK && isinf(least))
        return snnk__fail(SNNK_E_NONFINITE, "no ridge in %g ... %g gives finite errors",
                          largest_value * LEAST_RIDGE, largest_value * LARGEST_RIDGE);
    return st;
}

/* ---- Solving ---- */

static void fill_report(const snnk_fit *fit, const snnk__dual *dual, double ridge,
                        const double *rss, snnk_solve_report *report) {
    *report = (snnk_solve_report){.size = sizeof *report,
                                  .ridge = ridge,
                                  .condition = (snnk__dual_largest(dual) + ridge) / ridge,
                                  .rows = fit->heldout.rows.n,
                                  .rank = fit->heldout.rows.features,
                                  .method = SNNK_SOLVE_DUAL};
    for (size_t k = 0; k < fit->outputs; k++) report->rss += rss[k];
}

int snnk__left_out_solve(const snnk_fit *fit, const snnk__dual *dual, double ridge,
                         snnk_solve_report *report, snnk_layer **layer) {
    const size_t m = fit->features.map->features, l = fit->outputs;
    const snnk_allocator *allocator = &fit->allocator;
    double *B = NULL, *b = NULL, *ridges = NULL, *rss = NULL;
    int st;

    if ((st = snnk__alloc(allocator, l, m * sizeof *B, "Psi", &B)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *b, "a bias", &b)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *ridges, "ridges", &ridges)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *rss, "errors", &rss)) != SNNK_OK) goto done;
    for (size_t k = 0; k < l; k++) ridges[k] = ridge;
    if ((st = snnk__dual_solve(dual, ridges, B, m, b)) != SNNK_OK) goto done;
    if ((st = snnk__dual_score(dual, 1, &ridge, rss, NULL, NULL, NULL)) != SNNK_OK) goto done;
    if (fit->config.intercept) snnk__settle_intercepts(m, l, snnk__dual_mean(dual), B, b);
    if ((st = snnk__layer_of_solution(fit->features.map, l, B, b, layer)) != SNNK_OK) goto done;
    fill_report(fit, dual, ridge, rss, report);
done:
    snnk__free(allocator, rss);
    snnk__free(allocator, ridges);
    snnk__free(allocator, b);
    snnk__free(allocator, B);
    return st;
}
