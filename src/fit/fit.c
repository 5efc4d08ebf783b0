/* Fits: rows are turned into features in blocks. A few rows are kept in memory. Of more rows, most
 * are added to statistics at once, and a random sample is held out to choose the ridge. */
#include "fit/fit.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "solve/accumulate.h"

#define MAX_RIDGES 1000

/* How often a ridge is raised tenfold if the solution overflows. */
#define MOST_RAISES 13

static const snnk_fit_config defaults = {.size = sizeof(snnk_fit_config),
                                         .ridge = SNNK_RIDGE_AUTO,
                                         .heldout_share = 0.1,
                                         .intercept = 1,
                                         .n_ridges = 10};

/* The fields of the first version. */
#define CONFIG_MINIMUM offsetof(snnk_fit_config, first_ridge)
#define REPORT_MINIMUM offsetof(snnk_fit_report, lost_inputs)

int snnk_fit_config_init(snnk_fit_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "fit config");
}

/* ---- Creating ---- */

int snnk__check_fit_ridge(double ridge) {
    if (ridge == SNNK_RIDGE_AUTO || (ridge >= 0 && isfinite(ridge))) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "ridge = %g is neither >= 0 nor SNNK_RIDGE_AUTO", ridge);
}

int snnk__check_heldout_share(double share) {
    if (share > 0 && share <= 0.5) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "heldout_share = %g must be above 0 and at most 0.5", share);
}

static int check_config(const snnk_fit_config *c) {
    int st;

    if ((st = snnk__check_fit_ridge(c->ridge)) != SNNK_OK) return st;
    if ((st = snnk__check_heldout_share(c->heldout_share)) != SNNK_OK) return st;
    if (!(c->rank_tolerance >= 0 && c->rank_tolerance < 1))
        return snnk__fail(SNNK_E_RANGE, "rank_tolerance = %g must be at least 0 and below 1",
                          c->rank_tolerance);
    if (!(c->first_ridge >= 0 && isfinite(c->first_ridge)))
        return snnk__fail(SNNK_E_RANGE, "first_ridge = %g must be at least 0 and finite",
                          c->first_ridge);
    if (c->intercept != 0 && c->intercept != 1)
        return snnk__fail(SNNK_E_RANGE, "intercept = %d is not 0 or 1", (int)c->intercept);
    if (c->n_ridges < 2 || c->n_ridges > MAX_RIDGES)
        return snnk__fail(SNNK_E_RANGE, "n_ridges = %d is not in 2 ... %d", (int)c->n_ridges,
                          MAX_RIDGES);
    return SNNK_OK;
}

static bool chooses_ridge(const snnk_fit *fit) { return fit->config.ridge == SNNK_RIDGE_AUTO; }

/* Set *ours to the config over the defaults, checked. */
static int read_config(const snnk_fit_config *config, snnk_fit_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "fit config");
    return st == SNNK_OK ? check_config(ours) : st;
}

/* Allocate statistics and held-out rows of a fit whose features are set. */
static int allocate(snnk_fit *fit) {
    const size_t m = fit->features.map->features, l = fit->outputs;
    int st;

    if ((st = snnk_lstsq_create(m, l, &fit->allocator, &fit->lstsq)) != SNNK_OK) return st;
    st = snnk_lstsq_set_precision(fit->lstsq, fit->config.precision);
    if (st != SNNK_OK) return st;
    st = snnk_lstsq_set_factorization(fit->lstsq, fit->config.factorization);
    if (st != SNNK_OK) return st;
    st = snnk__feature_rows_alloc(&fit->allocator, SNNK__FIT_BLOCK_ROWS, m, l, &fit->block);
    if (st != SNNK_OK || !chooses_ridge(fit)) return st;
    fit->heldout.seed = fit->config.seed;
    fit->heldout.share = fit->config.heldout_share;
    fit->heldout.threshold = 1;
    return snnk__feature_rows_alloc(&fit->allocator, SNNK_FIT_MAX_HELDOUT, m, l,
                                    &fit->heldout.rows);
}

/* Create a fit. Takes ownership of the features, also on failure. */
static int create(const snnk_allocator *allocator, const snnk__fit_features *features,
                  size_t outputs, const snnk_fit_config *config, snnk_fit **fit) {
    snnk_fit *made;
    int st = snnk__alloc(allocator, 1, sizeof *made, "a fit", &made);

    if (st != SNNK_OK) {
        snnk__fit_features_free(features);
        return st;
    }
    *made = (snnk_fit){.allocator = *allocator,
                       .config = *config,
                       .features = *features,
                       .outputs = outputs,
                       .chosen_ridge = -1};
    if ((st = allocate(made)) == SNNK_OK)
        *fit = made;
    else
        snnk_fit_free(made);
    return st;
}

int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                    snnk_fit **fit) {
    snnk_fit_config ours;
    snnk__fit_features features;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    *fit = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    snnk__fit_features_of_map(map, &features);
    return create(&map->allocator, &features, outputs, &ours, fit);
}

int snnk_fit_create_from_network(const snnk_network *network, size_t outputs,
                                 const snnk_fit_config *config, snnk_fit **fit) {
    snnk_fit_config ours;
    snnk__fit_features features;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    *fit = NULL;
    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    if ((st = snnk__fit_features_of_network(network, &features)) != SNNK_OK) return st;
    if (outputs == 0) outputs = snnk_network_outputs(network);
    return create(&network->allocator, &features, outputs, &ours, fit);
}

/* Forget the last solution. */
static void forget_solution(snnk_fit *fit) {
    fit->chosen_ridge = -1;
    snnk_layer_free(fit->without_rows);
    fit->without_rows = NULL;
    snnk__free(&fit->allocator, fit->left_out_scores);
    fit->left_out_scores = NULL;
}

void snnk_fit_free(snnk_fit *fit) {
    if (!fit) return;
    const snnk_allocator allocator = fit->allocator;
    forget_solution(fit);
    snnk__feature_rows_free(&allocator, &fit->block);
    snnk__feature_rows_free(&allocator, &fit->heldout.rows);
    snnk__lost_inputs_free(&allocator, &fit->lost);
    snnk_lstsq_free(fit->lstsq);
    snnk__fit_features_free(&fit->features);
    snnk__free(&allocator, fit);
}

size_t snnk_fit_inputs(const snnk_fit *fit) {
    return fit ? snnk__fit_features_inputs(&fit->features) : 0;
}

size_t snnk_fit_outputs(const snnk_fit *fit) { return fit ? fit->outputs : 0; }

size_t snnk_fit_features(const snnk_fit *fit) { return fit ? fit->features.map->features : 0; }

uint64_t snnk_fit_rows(const snnk_fit *fit) { return fit ? fit->rows : 0; }

/* Whether all rows are kept, so that each can be left out to choose the ridge. */
static bool leaves_one_out(const snnk_fit *fit) {
    return chooses_ridge(fit) && fit->heldout.threshold >= 1 && snnk_lstsq_rows(fit->lstsq) == 0;
}

uint64_t snnk_fit_heldout_rows(const snnk_fit *fit) {
    return fit && !leaves_one_out(fit) ? fit->heldout.rows.n : 0;
}

/* ---- Adding rows ---- */

/* Let the keys of the block be the numbers of its rows. */
static void number_block(snnk_fit *fit) {
    for (size_t i = 0; i < fit->block.n; i++) fit->block.keys[i] = fit->rows + i;
}

/* Copy rows first ... first+count-1 into the block, as features. */
static int make_block(snnk_fit *fit, const snnk_rows *rows, size_t first, size_t count,
                      snnk_workspace *workspace) {
    const snnk_rows part = snnk__rows_part(rows, first, count);
    snnk__feature_rows *block = &fit->block;
    const size_t l = fit->outputs;

    block->n = count;
    block->of_labels = part.labels != NULL;
    for (size_t i = 0; i < count; i++) block->weights[i] = part.weights ? part.weights[i] : 1;
    for (size_t i = 0; i < count; i++)
        if (part.labels)
            block->labels[i] = part.labels[i];
        else
            for (size_t k = 0; k < l; k++) block->Y[i * l + k] = snnk__rows_target(&part, i, k);
    const int st = snnk__fit_features_make(&fit->features, &part, first, block->Phi, workspace);
    for (size_t i = 0; st == SNNK_OK && chooses_ridge(fit) && i < count; i++)
        block->keys[i] = part.groups ? part.groups[i] : snnk__rows_hash(&part, i);
    if (st == SNNK_OK && fit->heldout.singly) number_block(fit);
    return st;
}

/* Check that all features are finite before any row is added, by computing them once in advance.
 * Not needed for a single block, or for inputs that are too small to overflow. */
static int check_features(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    const size_t n = rows->n;
    int st = SNNK_OK;

    if (n <= SNNK__FIT_BLOCK_ROWS || snnk__fit_features_cannot_overflow(&fit->features, rows))
        return SNNK_OK;
    for (size_t first = 0; first < n && st == SNNK_OK; first += SNNK__FIT_BLOCK_ROWS)
        st = make_block(fit, rows, first, snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first),
                        workspace);
    return st;
}

static snnk_rows rows_of(const snnk_fit *fit, const snnk__feature_rows *rows) {
    return *SNNK_ROWS(.n = rows->n, .X = rows->Phi, .Y_f64 = rows->of_labels ? NULL : rows->Y,
                      .labels = rows->of_labels ? rows->labels : NULL,
                      .weights = fit->weighted ? rows->weights : NULL);
}

/* Add rows to the statistics. */
static int add_features(snnk_fit *fit, const snnk__feature_rows *rows, snnk_workspace *workspace) {
    const snnk_rows added = rows_of(fit, rows);

    return snnk_lstsq_add(fit->lstsq, &added, workspace);
}

/* Move kept rows to the statistics, all but those whose draw is below a threshold. The block has
 * the next rows, all of them. */
static int release(snnk_fit *fit, double threshold, snnk_workspace *workspace) {
    snnk__feature_rows released;
    int st;

    snnk__heldout_lower(&fit->heldout, threshold, &released);
    if (fit->heldout.singly) number_block(fit);
    st = add_features(fit, &released, workspace);
    if (st == SNNK_OK) fit->heldout.rows.n -= released.n;
    return st;
}

/* Keep the rows of the block that are to be kept, after making room for them. */
static int keep(snnk_fit *fit, snnk_workspace *workspace) {
    snnk__heldout *heldout = &fit->heldout;
    int st = SNNK_OK;

    if (heldout->threshold >= 1 && fit->rows + fit->block.n > SNNK_FIT_MAX_LEFT_OUT)
        st = release(fit, snnk__heldout_first_threshold(heldout), workspace);
    while (st == SNNK_OK &&
           snnk__heldout_count(heldout, &fit->block) > SNNK_FIT_MAX_HELDOUT - heldout->rows.n)
        st = release(fit, heldout->threshold / 2, workspace);
    if (st == SNNK_OK) snnk__heldout_take(heldout, &fit->block);
    return st;
}

static int add(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    const size_t n = rows->n;
    int st = check_features(fit, rows, workspace);

    for (size_t first = 0; st == SNNK_OK && first < n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, n - first);

        if ((st = make_block(fit, rows, first, count, workspace)) != SNNK_OK) return st;
        fit->kind = rows->labels ? SNNK__LABELS : SNNK__TARGETS;
        forget_solution(fit);
        fit->weighted |= rows->weights != NULL;
        fit->heldout.grouped |= rows->groups != NULL;
        if (chooses_ridge(fit) && (st = keep(fit, workspace)) != SNNK_OK) return st;
        st = add_features(fit, &fit->block, workspace);
        if (st == SNNK_OK) fit->rows += count;
    }
    return st;
}

/* SNNK_E_STATE unless the rows have the same kind of targets as the first rows had. */
static int check_kind(const snnk_fit *fit, const snnk_rows *rows) {
    const snnk__target_kind kind = rows->labels ? SNNK__LABELS : SNNK__TARGETS;

    if (fit->kind == SNNK__NOTHING_YET || fit->kind == kind) return SNNK_OK;
    return snnk__fail(SNNK_E_STATE, "this fit was given %s before and cannot be given %s now",
                      fit->kind == SNNK__LABELS ? "labels" : "targets",
                      kind == SNNK__LABELS ? "labels" : "targets");
}

int snnk_fit_add(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    st = snnk__rows_read(rows, snnk_fit_inputs(fit), fit->outputs, true, &read);
    if (st != SNNK_OK || read.n == 0) return st;
    if ((st = check_kind(fit, &read)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    if (fit->rows == 0 && (st = snnk__fit_features_center(&fit->features, &read)) != SNNK_OK)
        return st;
    if (!fit->features.hidden) { /* X are the inputs of the map */
        st = snnk__lost_inputs_add(fit->features.map, &read, &fit->lost);
        if (st != SNNK_OK) return st;
    }
    return add(fit, &read, workspace);
}

/* ---- Solving ---- */

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
    size_t n, best; /* best: n while there is none */
    double squared; /* the least squared error of all */
    double ridges[MAX_RIDGES];
    snnk__fit_errors errors[MAX_RIDGES];
    bool tried[MAX_RIDGES];
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
        snnk_layer_free(fit->without_rows);
        fit->without_rows = snnk_layer_retain(layer);
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

/* Set config->ridge to the ridge with the smallest held-out error, and *errors to its errors. */
static int choose_ridge(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                        snnk_solve_config *config, snnk__fit_errors *errors) {
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
    if ((st = search(fit, workspace, progress, config, &g)) != SNNK_OK) return st;
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
    const snnk_rows heldout = rows_of(fit, &fit->heldout.rows);
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

    if (chooses_ridge(fit)) {
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
        st = snnk__alloc(&fit->allocator, fit->rows, fit->outputs * sizeof *fit->left_out_scores,
                         "scores", &fit->left_out_scores);
    snnk__sentence_save(&before);
    for (int k = 0; st == SNNK_OK; k++) {
        st = by_rows(fit) ? snnk__left_out_solve(&of, s->config.ridge, &s->report, layer)
                          : solve_with_statistics(fit, workspace, progress, s, layer);
        if (st != SNNK_E_NONFINITE || k == MOST_RAISES) break;
        s->config.ridge *= 10; /* Psi overflows: the ridge is too small for these features */
        st = snnk__recovered(SNNK_OK, &before);
    }
    if (st == SNNK_OK) st = snnk__left_out_scores(&of, s->config.ridge, fit->left_out_scores);
    snnk__left_out_close(&of);
    if (st != SNNK_OK) {
        snnk_layer_free(*layer);
        *layer = NULL;
    }
    return st;
}

/* Set *layer to the solution, NULL on failure, and fill *report. */
static int solve_with(snnk_fit *fit, snnk_workspace *workspace, snnk__progress *progress,
                      snnk_fit_report *report, snnk_layer **layer) {
    solution s = {.report = {.size = sizeof s.report}, .errors = {NAN, NAN}};
    size_t lost = 0, first_lost = 0;
    int st;

    *layer = NULL;
    if (fit->rows == 0) return snnk__fail(SNNK_E_STATE, "no rows were added to the fit");
    forget_solution(fit);
    if ((st = snnk__lost_inputs_check(&fit->lost, &lost, &first_lost)) != SNNK_OK) return st;
    snnk_solve_config_init(&s.config, sizeof s.config);
    s.config.ridge = fit->config.ridge;
    s.config.intercept = fit->config.intercept;
    s.config.rank_tolerance = fit->config.rank_tolerance;
    if (leaves_one_out(fit)) {
        st = solve_leaving_out(fit, workspace, progress, &s, layer);
    } else {
        if (chooses_ridge(fit)) st = choose_ridge(fit, workspace, progress, &s.config, &s.errors);
        if (st == SNNK_OK) st = solve_with_statistics(fit, workspace, progress, &s, layer);
    }
    *report = (snnk_fit_report){.ridge = s.report.ridge,
                                .heldout_error = fit->kind == SNNK__LABELS ? s.errors.misclassified
                                                                           : s.errors.squared,
                                .heldout_squared_error = s.errors.squared,
                                .condition = s.report.condition,
                                .rss = s.report.rss,
                                .rows = s.report.rows,
                                .rank = s.report.rank,
                                .heldout_rows = snnk_fit_heldout_rows(fit),
                                .lost_inputs = lost,
                                .first_lost_input = first_lost,
                                .method = s.report.method};
    return st;
}

/* The same, with reports to the progress function of the workspace. */
static int solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                 snnk_layer **layer) {
    snnk__work work;
    int st;

    snnk__work_begin(workspace, chooses_ridge(fit) ? fit->config.n_ridges + 2 : 1, &work);
    st = solve_with(fit, workspace, &work.progress, report, layer);
    if (st == SNNK_OK && (st = snnk__progress_finish(&work.progress)) != SNNK_OK) {
        snnk_layer_free(*layer);
        *layer = NULL;
    }
    snnk__work_end(&work);
    if (st != SNNK_OK)
        forget_solution(fit);
    else if (chooses_ridge(fit))
        fit->chosen_ridge = report->ridge;
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
