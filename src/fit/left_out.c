#include "fit/left_out.h"

#include <math.h>

#include "base/size.h"
#include "fit/readout.h"

/* Ridges from this share of the largest eigenvalue ... */
#define LEAST_RIDGE 1e-12
/* ... to this one. */
#define LARGEST_RIDGE 10

/* What the dual problem takes of a fit's rows. */
typedef struct problem {
    double *Y;       /* n x t */
    double *weights; /* n */
    uint64_t *group; /* n; NULL without groups */
} problem;

static int problem_alloc(const snnk__left_out *of, problem *p) {
    const snnk__feature_rows *rows = &of->heldout->rows;
    int st;

    *p = (problem){NULL, NULL, NULL};
    st = snnk__alloc(of->allocator, rows->n, rows->outputs * sizeof *p->Y, "targets", &p->Y);
    if (st == SNNK_OK)
        st = snnk__alloc(of->allocator, rows->n, sizeof *p->weights, "weights", &p->weights);
    if (st == SNNK_OK && of->heldout->grouped)
        st = snnk__alloc(of->allocator, rows->n, sizeof *p->group, "groups", &p->group);
    return st;
}

static void problem_free(const snnk__left_out *of, const problem *p) {
    snnk__free(of->allocator, p->group);
    snnk__free(of->allocator, p->weights);
    snnk__free(of->allocator, p->Y);
}

static void fill(const snnk__feature_rows *rows, problem *p) {
    for (size_t i = 0; i < rows->n; i++) {
        p->weights[i] = (double)rows->weights[i];
        if (p->group) p->group[i] = rows->keys[i];
        for (size_t k = 0; k < rows->outputs; k++)
            p->Y[i * rows->outputs + k] = snnk__feature_rows_target(rows, i, k);
    }
}

/* Whether there are rows with different keys. */
static bool has_two_keys(const snnk__feature_rows *rows) {
    for (size_t i = 1; i < rows->n; i++)
        if (rows->keys[i] != rows->keys[0]) return true;
    return false;
}

int snnk__left_out_open(snnk__left_out *of) {
    const snnk__feature_rows *rows = &of->heldout->rows;
    problem p;
    int st;

    of->dual = NULL;
    if (!has_two_keys(rows))
        return snnk__fail(SNNK_E_STATE,
                          "%zu %s are too few to choose the ridge: add rows or set the ridge",
                          rows->n, of->heldout->grouped ? "rows of one group" : "equal rows");
    if ((st = problem_alloc(of, &p)) == SNNK_OK) {
        fill(rows, &p);
        st = snnk__dual_create(&(snnk__dual_data){.allocator = of->allocator,
                                                  .n = rows->n,
                                                  .m = rows->features,
                                                  .t = rows->outputs,
                                                  .Phi = rows->Phi,
                                                  .ldphi = rows->features,
                                                  .Y = p.Y,
                                                  .ldy = rows->outputs,
                                                  .weights = p.weights,
                                                  .group = p.group,
                                                  .intercept = of->intercept,
                                                  .workspace = of->workspace},
                               &of->dual);
    }
    problem_free(of, &p);
    if (st != SNNK_E_SINGULAR) return st;
    return snnk__fail(SNNK_E_STATE,
                      "every feature is constant: the ridge is scaled by the variance of the "
                      "features");
}

void snnk__left_out_close(snnk__left_out *of) {
    snnk__dual_free(of->dual);
    of->dual = NULL;
}

/* ---- Choosing ---- */

static size_t largest(size_t n, const double *scores) {
    size_t best = 0;

    for (size_t k = 1; k < n; k++)
        if (scores[k] > scores[best]) best = k;
    return best;
}

/* Means over rows, with their weights. */
static snnk__fit_errors errors_of(const snnk__feature_rows *rows, const double *scores) {
    const size_t l = rows->outputs;
    snnk__fit_errors sum = {0, 0};
    double weight = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const double w = (double)rows->weights[i], *row = scores + i * l;

        weight += w;
        for (size_t k = 0; k < l; k++)
            sum.squared += w * pow(row[k] - snnk__feature_rows_target(rows, i, k), 2);
        if (rows->of_labels && largest(l, row) != (size_t)rows->labels[i]) sum.misclassified += w;
    }
    return (snnk__fit_errors){sum.squared / weight, sum.misclassified / weight};
}

int snnk__left_out_scores(const snnk__left_out *of, double ridge, double *scores) {
    const snnk__feature_rows *rows = &of->heldout->rows;
    const size_t l = rows->outputs;
    double *ridges;
    int st = snnk__alloc(of->allocator, l, sizeof *ridges, "ridges", &ridges);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < l; k++) ridges[k] = ridge;
    st = snnk__dual_loo_residuals(of->dual, ridges, scores, l, of->progress);
    for (size_t i = 0; st == SNNK_OK && i < rows->n; i++)
        for (size_t k = 0; k < l; k++)
            scores[i * l + k] = snnk__feature_rows_target(rows, i, k) - scores[i * l + k];
    snnk__free(of->allocator, ridges);
    return st;
}

int snnk__left_out_choose(const snnk__left_out *of, double *ridge, snnk__fit_errors *errors) {
    const snnk__feature_rows *rows = &of->heldout->rows;
    const double largest_value = snnk__dual_largest(of->dual);
    /* One eigendecomposition serves all ridges, so there are three times as many. */
    const int count = 3 * of->n_ridges - 2;
    double least = INFINITY, *scores;
    int st;

    st = snnk__alloc(of->allocator, rows->n, rows->outputs * sizeof *scores, "scores", &scores);
    for (int k = 0; st == SNNK_OK && k < count; k++) {
        const double share = (double)k / (count - 1);
        const double tried =
            largest_value * LARGEST_RIDGE * pow(LEAST_RIDGE / LARGEST_RIDGE, 1 - share);

        if ((st = snnk__left_out_scores(of, tried, scores)) != SNNK_OK) break;
        if ((st = snnk__progress_count(of->progress, k + 1, count)) != SNNK_OK) break;
        const snnk__fit_errors found = errors_of(rows, scores);
        if (found.squared <= least) {
            least = found.squared;
            *ridge = tried;
            *errors = found;
        }
    }
    snnk__free(of->allocator, scores);
    if (st == SNNK_OK && isinf(least))
        return snnk__fail(SNNK_E_NONFINITE, "no ridge in %g ... %g gives finite errors",
                          largest_value * LEAST_RIDGE, largest_value * LARGEST_RIDGE);
    return st;
}

/* ---- Solving ---- */

static void fill_report(const snnk__left_out *of, double ridge, const double *rss,
                        snnk_solve_report *report) {
    const size_t n = of->heldout->rows.n, m = of->heldout->rows.features;

    *report = (snnk_solve_report){.size = sizeof *report,
                                  .ridge = ridge,
                                  .condition = (snnk__dual_largest(of->dual) + ridge) / ridge,
                                  .rows = n,
                                  .rank = n < m ? n : m,
                                  .method = SNNK_SOLVE_DUAL};
    for (size_t k = 0; k < of->heldout->rows.outputs; k++) report->rss += rss[k];
}

int snnk__left_out_solve(const snnk__left_out *of, double ridge, snnk_solve_report *report,
                         snnk_layer **layer) {
    const size_t m = snnk_map_features(of->map), t = of->heldout->rows.outputs;
    const snnk_allocator *allocator = of->allocator;
    double *B = NULL, *b = NULL, *ridges = NULL, *rss = NULL;
    int st;

    if ((st = snnk__alloc(allocator, t, m * sizeof *B, "Psi", &B)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, t, sizeof *b, "a bias", &b)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, t, sizeof *ridges, "ridges", &ridges)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, t, sizeof *rss, "errors", &rss)) != SNNK_OK) goto done;
    for (size_t k = 0; k < t; k++) ridges[k] = ridge;
    if ((st = snnk__dual_solve(of->dual, ridges, B, m, b)) != SNNK_OK) goto done;
    if ((st = snnk__dual_score(of->dual, 1, &ridge, rss, NULL, NULL, NULL)) != SNNK_OK) goto done;
    if (of->intercept) snnk__settle_intercepts(m, t, snnk__dual_mean(of->dual), B, b);
    if ((st = snnk__layer_of_solution(of->map, t, B, b, layer)) != SNNK_OK) goto done;
    fill_report(of, ridge, rss, report);
done:
    snnk__free(allocator, rss);
    snnk__free(allocator, ridges);
    snnk__free(allocator, b);
    snnk__free(allocator, B);
    return st;
}
