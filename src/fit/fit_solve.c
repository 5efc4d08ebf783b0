/* Solving a fit: the ridge is chosen by rows that are left out or held out, and the last solution
 * is of all rows. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "fit/fit.h"
#include "layer/layer.h"
#include "solve/accumulate.h"

/* How often a ridge is raised tenfold if the solution overflows. */
#define MOST_RAISES 13

#define REPORT_MINIMUM offsetof(snnk_fit_report, lost_inputs)

/* The index of the largest of n sums, each plus its bias. */
static size_t largest(size_t n, const float *sums, const double *bias) {
    size_t best = 0;

    for (size_t k = 1; k < n; k++)
        if ((double)sums[k] + bias[k] > (double)sums[best] + bias[best]) best = k;
    return best;
}

/* Add the errors of held-out row i, whose outputs are sums plus the bias, in double. */
static void add_errors(const snnk_fit *fit, size_t i, const float *sums, const double *bias,
                       snnk__fit_errors *errors) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    const size_t l = fit->outputs;
    const double weight = (double)rows->weights[i];

    for (size_t k = 0; k < l; k++) {
        /* Targets far from 0 keep their digits: the bias is near them. */
        const double residual = (double)sums[k] - (snnk__feature_rows_target(rows, i, k) - bias[k]);

        errors->squared += weight * residual * residual;
    }
    if (rows->of_labels && largest(l, sums, bias) != (size_t)rows->labels[i])
        errors->misclassified += weight;
}

/* Set *errors to the mean errors of a layer on the held-out rows. scores: scratch,
 * SNNK__FIT_BLOCK_ROWS x l. */
static int heldout_errors(const snnk_fit *fit, const snnk_layer *layer, snnk_workspace *workspace,
                          float *scores, snnk__fit_errors *errors) {
    const size_t m = fit->features.map->features, l = fit->outputs, n = fit->heldout.rows.n;
    const double *bias = snnk__layer_exact_bias(layer);
    double weight = 0;

    *errors = (snnk__fit_errors){0, 0};
    for (size_t first = 0; first < n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first);
        const int st = snnk__layer_readout_sums(layer, count, fit->heldout.rows.Phi + first * m, m,
                                                scores, l, workspace);

        if (st != SNNK_OK) return st;
        for (size_t i = 0; i < count; i++) {
            add_errors(fit, first + i, scores + i * l, bias, errors);
            weight += (double)fit->heldout.rows.weights[first + i];
        }
    }
    errors->squared /= weight;
    errors->misclassified /= weight;
    return SNNK_OK;
}

/* The error by which ridges are chosen. A count of few rows tells them apart too coarsely. */
static double judged(const snnk_fit *fit, const snnk__fit_errors *errors) {
    const bool counted = fit->heldout.rows.of_labels && fit->heldout.rows.n >= SNNK_FIT_MIN_COUNTED;

    return counted ? errors->misclassified : errors->squared;
}

/* Ridges to choose from, and their held-out errors. */
typedef struct grid {
    snnk_layer *layer; /* the solution with the best ridge */
    size_t n, best;    /* best: n while there is none */
    double squared;    /* the least squared error of all */
    double ridges[SNNK__FIT_MAX_RIDGES];
    snnk__fit_errors errors[SNNK__FIT_MAX_RIDGES];
    bool tried[SNNK__FIT_MAX_RIDGES];
} grid;

/* Try ridge k, unless it was tried before. Ridges with equal errors: the larger wins. */
static int try_ridge(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress, size_t k,
                     snnk_solve_config *config, grid *g) {
    snnk_layer *layer;
    int st;

    if (g->tried[k]) return SNNK_OK;
    g->tried[k] = true;
    config->ridge = g->ridges[k];
    snnk__progress_begin_stage(progress, 1);
    st = snnk_layer_create_from_lstsq(fit->features.map, fit->lstsq, config, workspace, NULL,
                                      &layer);
    if (st == SNNK_E_NONFINITE) return SNNK_OK; /* the ridge is too small for these features */
    if (st != SNNK_OK) return st;
    st = heldout_errors(fit, layer, workspace, (float *)(void *)fit->block.Y, &g->errors[k]);
    const double error = judged(fit, &g->errors[k]);
    if (st != SNNK_OK || !(error < INFINITY)) {
        snnk_layer_free(layer);
        return st;
    }
    const double least = g->best < g->n ? judged(fit, &g->errors[g->best]) : INFINITY;
    g->squared = fmin(g->squared, g->errors[k].squared);
    if (error < least || (error == least && k > g->best)) {
        g->best = k;
        snnk_layer_free(g->layer);
        g->layer = snnk_layer_retain(layer);
    }
    snnk_layer_free(layer);
    return SNNK_OK;
}

/* The index of the ridge that is nearest to a given one. */
static size_t nearest(const grid *g, double ridge) {
    size_t best = 0;

    for (size_t k = 1; k < g->n; k++)
        if (fabs(log(g->ridges[k] / ridge)) < fabs(log(g->ridges[best] / ridge))) best = k;
    return best;
}

/* Try a first ridge, or every third one and the last; then the neighbors of the best until none is
 * better. */
static int search(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                  snnk_solve_config *config, grid *g) {
    const double first = fit->config.first_ridge;
    size_t center = g->n;
    int st = SNNK_OK;

    if (first > 0) st = try_ridge(fit, workspace, progress, nearest(g, first), config, g);
    const bool begun = g->best < g->n;
    for (size_t k = 0; st == SNNK_OK && !begun && k < g->n; k++)
        if (k % 3 == 1 || k == g->n - 1 || g->n < 4)
            st = try_ridge(fit, workspace, progress, k, config, g);
    /* Large ridges only fail if all do. */
    while (st == SNNK_OK && g->best < g->n && center != g->best) {
        center = g->best;
        if (center > 0) st = try_ridge(fit, workspace, progress, center - 1, config, g);
        if (st == SNNK_OK && center + 1 < g->n)
            st = try_ridge(fit, workspace, progress, center + 1, config, g);
    }
    return st;
}

/* Set config->ridge to the ridge with the smallest held-out error, *errors to its errors, and
 * *layer to its solution, which the caller frees also after a failure. */
static int choose_ridge(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                        snnk_solve_config *config, snnk__fit_errors *errors, snnk_layer **layer) {
    grid g = {.n = (size_t)fit->config.n_ridges,
              .best = (size_t)fit->config.n_ridges,
              .squared = INFINITY};
    snnk__sentence before;
    int st;

    if (fit->heldout.rows.n == 0 || snnk_lstsq_rows(fit->lstsq) < 2)
        return snnk__fail(SNNK_E_STATE,
                          "%llu rows, %zu of them held out, are too few to choose the ridge: add "
                          "rows or set the ridge",
                          (unsigned long long)fit->rows, fit->heldout.rows.n);
    if ((st = snnk_lstsq_default_ridges(fit->lstsq, g.n, g.ridges)) != SNNK_OK) return st;
    snnk__sentence_save(&before);
    st = search(fit, workspace, progress, config, &g);
    *layer = g.layer;
    if (st != SNNK_OK) return st;
    if (g.best == g.n)
        return snnk__fail(SNNK_E_NONFINITE, "no ridge in %g ... %g gives a finite held-out error",
                          g.ridges[0], g.ridges[g.n - 1]);
    config->ridge = g.ridges[g.best];
    *errors = (snnk__fit_errors){g.squared, g.errors[g.best].misclassified};
    return snnk__recovered(SNNK_OK, &before);
}

/* Copy the statistics, and add the held-out rows to the copy. */
static int all_rows(const snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                    snnk_lstsq **all) {
    const snnk_rows heldout = snnk__fit_rows_of(fit, &fit->heldout.rows);
    snnk_rows read;
    int32_t precision;
    int st = snnk__lstsq_clone(fit->lstsq, &fit->allocator, all);

    if (st == SNNK_OK) st = snnk__lstsq_read_rows(*all, &heldout, &precision, &read);
    if (st != SNNK_OK) return st;
    return snnk__lstsq_add_rows(*all, precision, &read, workspace, progress);
}

int snnk_fit_statistics(const snnk_fit *fit, snnk_workspace *workspace, snnk_lstsq **lstsq) {
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    *lstsq = NULL;
    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    snnk__work_begin(workspace, 1, &work);
    snnk__progress_begin_stage(&work.progress, 1);
    st = all_rows(fit, workspace, &work.progress, lstsq);
    if (st == SNNK_OK) st = snnk__progress_finish(&work.progress);
    snnk__work_end(&work);
    if (st == SNNK_OK) return st;
    snnk_lstsq_free(*lstsq);
    *lstsq = NULL;
    return st;
}

/* What a solution is made from, besides the fit. */
typedef struct solution {
    snnk_solve_config config;
    snnk_solve_report report;
    snnk__fit_errors errors; /* NaN if no ridge was chosen */
    snnk__fit_solution made;
} solution;

/* Whether the rows, fewer than the features, solve the fit faster than the features do. */
static bool by_rows(const snnk_fit *fit) {
    return fit->rows < fit->features.map->features && fit->config.rank_tolerance == 0 &&
           fit->config.factorization != SNNK_FACTORIZATION_QR;
}

/* Solve with the statistics of all rows. */
static int solve_with_statistics(const snnk_fit *fit, snnk_workspace *workspace,
                                 snnk__progress *progress, solution *s, snnk_layer **layer) {
    snnk_lstsq *all = NULL;
    int st = SNNK_OK;

    if (snnk__fit_chooses_ridge(fit)) {
        snnk__progress_begin_stage(progress, 1);
        st = all_rows(fit, workspace, progress, &all);
    }
    snnk__progress_begin_stage(progress, 1);
    if (st == SNNK_OK)
        st = snnk_layer_create_from_lstsq(fit->features.map, all ? all : fit->lstsq, &s->config,
                                          workspace, &s->report, layer);
    snnk_lstsq_free(all);
    return st;
}

static snnk__left_out left_out_of(const snnk_fit *fit, snnk_workspace *workspace) {
    return (snnk__left_out){.allocator = &fit->allocator,
                            .heldout = &fit->heldout,
                            .map = fit->features.map,
                            .intercept = fit->config.intercept,
                            .n_ridges = fit->config.n_ridges,
                            .workspace = workspace};
}

/* Choose the ridge by leaving rows out, and solve. */
static int solve_leaving_out(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                             solution *s, snnk_layer **layer) {
    snnk__left_out of = left_out_of(fit, workspace);
    snnk__sentence before;

    of.progress = progress;
    snnk__progress_begin_stage(progress, fit->config.n_ridges / 2.0);
    int st = snnk__left_out_open(&of);
    snnk__progress_begin_stage(progress, fit->config.n_ridges / 2.0);
    if (st == SNNK_OK) st = snnk__left_out_choose(&of, &s->config.ridge, &s->errors);
    if (st == SNNK_OK)
        st = snnk__alloc(&fit->allocator, fit->rows, fit->outputs * sizeof *s->made.left_out_scores,
                         "scores", &s->made.left_out_scores);
    snnk__sentence_save(&before);
    for (int k = 0; st == SNNK_OK; k++) {
        st = by_rows(fit) ? snnk__left_out_solve(&of, s->config.ridge, &s->report, layer)
                          : solve_with_statistics(fit, workspace, progress, s, layer);
        if (st != SNNK_E_NONFINITE || k == MOST_RAISES) break;
        s->config.ridge *= 10; /* Psi overflows: the ridge is too small for these features */
        st = snnk__recovered(SNNK_OK, &before);
    }
    if (st == SNNK_OK) st = snnk__left_out_scores(&of, s->config.ridge, s->made.left_out_scores);
    snnk__left_out_close(&of);
    if (st != SNNK_OK) {
        snnk_layer_free(*layer);
        *layer = NULL;
    }
    return st;
}

/* Solve, with or without choosing the ridge. */
static int solve_any(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                     solution *s, snnk_layer **layer) {
    int st = SNNK_OK;

    if (snnk__fit_leaves_one_out(fit)) return solve_leaving_out(fit, workspace, progress, s, layer);
    if (snnk__fit_chooses_ridge(fit))
        st = choose_ridge(fit, workspace, progress, &s->config, &s->errors, &s->made.without_rows);
    return st == SNNK_OK ? solve_with_statistics(fit, workspace, progress, s, layer) : st;
}

static void fill_report(const snnk_fit *fit, const solution *s, size_t lost, size_t first_lost,
                        snnk_fit_report *report) {
    *report = (snnk_fit_report){.ridge = s->report.ridge,
                                .heldout_error = fit->kind == SNNK__LABELS ? s->errors.misclassified
                                                                           : s->errors.squared,
                                .heldout_squared_error = s->errors.squared,
                                .condition = s->report.condition,
                                .rss = s->report.rss,
                                .rows = s->report.rows,
                                .rank = s->report.rank,
                                .heldout_rows = snnk_fit_heldout_rows(fit),
                                .lost_inputs = lost,
                                .first_lost_input = first_lost,
                                .method = s->report.method};
}

/* Set *layer to the solution, and fill *report. The solution replaces the last one of the fit; on
 * failure that stays, and *layer is NULL. */
static int solve_with(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                      snnk_fit_report *report, snnk_layer **layer) {
    solution s = {
        .report = {.size = sizeof s.report}, .errors = {NAN, NAN}, .made = {.chosen_ridge = -1}};
    size_t lost = 0, first_lost = 0;
    int st;

    *layer = NULL;
    if (fit->rows == 0) return snnk__fail(SNNK_E_STATE, "no rows were added to the fit");
    if ((st = snnk__lost_inputs_check(&fit->lost, &lost, &first_lost)) != SNNK_OK) return st;
    snnk_solve_config_init(&s.config, sizeof s.config);
    s.config.ridge = fit->config.ridge;
    s.config.intercept = fit->config.intercept;
    s.config.rank_tolerance = fit->config.rank_tolerance;
    st = solve_any(fit, workspace, progress, &s, layer);
    if (st == SNNK_OK) st = snnk__progress_finish(progress);
    if (st == SNNK_OK) {
        fill_report(fit, &s, lost, first_lost, report);
        if (snnk__fit_chooses_ridge(fit)) s.made.chosen_ridge = report->ridge;
        snnk__fit_solution_clear(&fit->allocator, &fit->solution);
        fit->solution = s.made;
        return SNNK_OK;
    }
    snnk__fit_solution_clear(&fit->allocator, &s.made);
    snnk_layer_free(*layer);
    *layer = NULL;
    return st;
}

/* The same, with reports to the progress function of the workspace. */
static int solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                 snnk_layer **layer) {
    snnk__work work;

    snnk__work_begin(workspace, snnk__fit_chooses_ridge(fit) ? fit->config.n_ridges + 2 : 1, &work);
    const int st = solve_with(fit, workspace, &work.progress, report, layer);
    snnk__work_end(&work);
    return st;
}

static int check_solve(const snnk_fit *fit, const snnk_fit_report *report) {
    const int st = snnk__check_pointer(fit, "fit");

    if (st != SNNK_OK) return st;
    return snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "fit report");
}

static int write_report(snnk_fit_report *report, const snnk_fit_report *filled) {
    return snnk__config_write(report, filled, sizeof *filled, REPORT_MINIMUM, "fit report");
}

int snnk_fit_solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                   snnk_layer **layer) {
    snnk_fit_report filled;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = check_solve(fit, report)) != SNNK_OK) return st;
    if ((st = solve(fit, workspace, &filled, layer)) != SNNK_OK) return st;
    return write_report(report, &filled);
}

int snnk_fit_solve_network(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                           snnk_network **network) {
    snnk_fit_report filled;
    snnk_layer *layer;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    if ((st = check_solve(fit, report)) != SNNK_OK) return st;
    if ((st = solve(fit, workspace, &filled, &layer)) != SNNK_OK) return st;
    st = snnk__fit_features_network(&fit->features, layer, network);
    snnk_layer_free(layer);
    return st == SNNK_OK ? write_report(report, &filled) : st;
}
