/* Learnt directions: rounds of fits, each with rows G M^(1/2), M the average gradient outer product
 * of the fit before. Everything here is in scaled coordinates x' = (x - mean) * scale; only
 * the maps of the fits take raw inputs. */
#include <snnk/directions.h>

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/workspace.h"
#include "fit/directions.h"
#include "fit/fit.h"
#include "fit/outer_product.h"
#include "solve/symmetric_power.h"

#define MOST_ROUNDS 100

/* Eigenvalues of M, which are 1 on average, below this are noise of the sums of float products. */
#define LEAST_EIGENVALUE 1e-14

/* The least share of few rows that is held out. */
#define LEAST_SHARE 0.25

/* Costs of the stages of a round, roughly. */
#define FIT_COST      4
#define GRADIENT_COST 1

static const snnk_directions_config defaults = {.size = sizeof(snnk_directions_config),
                                                .rounds = 3,
                                                .features = 1024,
                                                .ridge = SNNK_RIDGE_AUTO,
                                                .heldout_share = 0.1,
                                                .scaling = SNNK_SCALING_STANDARDIZE};

#define CONFIG_MINIMUM sizeof(snnk_directions_config)
#define REPORT_MINIMUM sizeof(snnk_directions_report)

int snnk_directions_config_init(snnk_directions_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "directions config");
}

/* What all rounds share. */
typedef struct problem {
    const snnk_allocator *allocator;
    const snnk_rows *rows;
    size_t outputs, d;
    const snnk_directions_config *config;
    const snnk_map_config *map; /* on scaled inputs */
    snnk_workspace *workspace;
    snnk__progress *progress;
    snnk__outer_product product;
    double *root; /* d x d: M^(1/2) of the current round; not used in round 0 */
} problem;

/* A fitted round. */
typedef struct fitted {
    uint64_t round;
    snnk_fit_report report;
    snnk_layer *layer;
    snnk_layer *without_rows; /* the solution that has not seen the held-out targets; may be NULL */
    double *root;             /* d x d: a copy of its M^(1/2); NULL in round 0 */
    size_t n_judged;          /* held-out rows, the same in all rounds; 0 with a given ridge */
    double *errors;           /* n_judged: the squared error of each, times its weight */
} fitted;

static void fitted_free(const problem *p, fitted *f) {
    snnk_layer_free(f->layer);
    snnk_layer_free(f->without_rows);
    snnk__free(p->allocator, f->root);
    snnk__free(p->allocator, f->errors);
    *f = (fitted){.layer = NULL};
}

/* ---- A round ---- */

/* Set M to the average gradient outer product of a layer, see fit/outer_product.h. */
static int average(const problem *p, const double *root, const snnk_layer *layer, double *M,
                   bool *constant) {
    snnk__progress_begin_stage(p->progress, GRADIENT_COST);
    return snnk__outer_product_average(&p->product, root, layer, p->progress, M, constant);
}

/* Make the map of raw inputs with rows G M^(1/2) on scaled ones. The mean is subtracted in
 * double, as a scaling would. */
static int map_with_root(const problem *p, const double *root, snnk_map **map) {
    const size_t d = p->d;
    snnk_map *folded = NULL;
    float *V;
    int st = snnk__alloc(p->allocator, d * d, sizeof *V, "M^(1/2) in float", &V);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++)
            V[i * d + k] = (float)(root[i * d + k] * p->product.scale[k]);
    st = snnk_map_fold(p->product.drawn, d, V, d, NULL, &folded);
    snnk__free(p->allocator, V);
    if (st == SNNK_OK) st = snnk__map_center(folded, p->product.mean, map);
    snnk_map_free(folded);
    return st;
}

/* Hold rows out of a fit of few rows, which would leave out each in turn: every row would have a
 * part in M, and later rounds would know the targets that they are judged by. */
static int hold_out(snnk_fit *fit, snnk_workspace *workspace) {
    snnk__feature_rows released;

    fit->heldout.share = fmax(fit->heldout.share, LEAST_SHARE);
    snnk__heldout_lower(&fit->heldout, snnk__heldout_first_threshold(&fit->heldout), &released);
    return snnk__fit_release(fit, &released, workspace);
}

/* Keep the errors of the held-out rows. */
static int keep_errors(const problem *p, const snnk_fit *fit, fitted *f) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    int st = snnk__alloc(p->allocator, rows->n, sizeof *f->errors, "errors", &f->errors);

    if (st == SNNK_OK) st = snnk__fit_heldout_errors(fit, p->workspace, f->errors);
    if (st != SNNK_OK) return st;
    f->n_judged = rows->n;
    for (size_t i = 0; i < rows->n; i++) f->errors[i] *= (double)rows->weights[i];
    return SNNK_OK;
}

/* Fit a map.
 *   judged  whether errors are those of rows that the layer before did not know: false for the last
 *           fit of few rows, whose ridge is chosen by leaving each out */
static int fit_map(const problem *p, const snnk_map *map, bool judged, fitted *f) {
    snnk_fit_config config;
    snnk_fit *fit = NULL;
    int st = snnk_fit_config_init(&config, sizeof config);

    config.seed = p->config->seed;
    config.ridge = p->config->ridge;
    config.heldout_share = p->config->heldout_share;
    if (st == SNNK_OK) st = snnk_fit_create(map, p->outputs, &config, &fit);
    if (st == SNNK_OK) st = snnk_fit_add(fit, p->rows, p->workspace);
    if (st == SNNK_OK && judged && snnk__fit_leaves_one_out(fit)) st = hold_out(fit, p->workspace);
    f->report = (snnk_fit_report){.size = sizeof f->report};
    if (st == SNNK_OK) st = snnk_fit_solve(fit, p->workspace, &f->report, &f->layer);
    if (st == SNNK_OK) f->without_rows = snnk_layer_retain(fit->solution.without_rows);
    if (st == SNNK_OK && judged && f->without_rows) st = keep_errors(p, fit, f);
    snnk_fit_free(fit);
    return st;
}

/* Fit the chosen round of few rows again, now with the ridge that leaving out each row chooses. The
 * errors stay those that the round was chosen by. */
static int refit_few(const problem *p, fitted *best) {
    fitted again = {.layer = NULL};
    int st;

    snnk__progress_begin_stage(p->progress, FIT_COST);
    if (p->config->ridge != SNNK_RIDGE_AUTO || p->rows->n > SNNK_FIT_MAX_LEFT_OUT) return SNNK_OK;
    st = fit_map(p, snnk_layer_map(best->layer), false, &again);
    snnk_layer_free(again.without_rows);
    if (st != SNNK_OK) return st;
    snnk_layer_free(best->layer);
    best->layer = again.layer;
    best->report.ridge = again.report.ridge;
    return SNNK_OK;
}

static int fit_round(const problem *p, uint64_t round, fitted *f) {
    const size_t d = p->d;
    snnk_map *map = NULL;
    int st;

    *f = (fitted){.round = round};
    snnk__progress_begin_stage(p->progress, FIT_COST);
    if (round == 0) {
        st = snnk_map_create(d, p->map, p->product.scaling, &map);
    } else {
        st = snnk__alloc(p->allocator, d * d, sizeof *f->root, "M^(1/2), d x d", &f->root);
        if (st == SNNK_OK) memcpy(f->root, p->root, d * d * sizeof *f->root);
        if (st == SNNK_OK) st = map_with_root(p, f->root, &map);
    }
    if (st == SNNK_OK) st = fit_map(p, map, true, f);
    snnk_map_free(map);
    if (st == SNNK_OK) st = snnk__progress_update(p->progress, 1);
    if (st == SNNK_OK) return SNNK_OK;
    fitted_free(p, f);
    return st == SNNK_E_CANCELLED ? st : snnk__fail_within(st, "round %d", (int)round);
}

/* ---- All rounds ---- */

/* How plain features, those of round 0, did. */
typedef struct baseline {
    double *errors; /* as in fitted */
    double error;   /* heldout_error of the report */
} baseline;

/* Whether the errors of a round are less than those of plain features by more than chance: by more
 * than the standard error of their mean difference. Of classes, fewer rows must be misclassified,
 * too: scores get nearer to 0 and 1 more easily than rows to the right side of a border. */
static bool beats_plain(const problem *p, const fitted *f, const baseline *plain) {
    const size_t n = f->n_judged;
    double mean = 0, square = 0;

    if (p->rows->labels && !(f->report.heldout_error < plain->error)) return false;
    for (size_t i = 0; i < n; i++) mean += (plain->errors[i] - f->errors[i]) / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double off = plain->errors[i] - f->errors[i] - mean;

        square += off * off;
    }
    return n > 1 && mean > sqrt(square / (double)n / (double)(n - 1));
}

/* Whether a round is better than the best before. With a given ridge nothing is held out. */
static bool is_better(const problem *p, const fitted *f, const fitted *best,
                      const baseline *plain) {
    if (!plain->errors) return true;
    return beats_plain(p, f, plain) && (best->round == 0 || f->report.heldout_squared_error <
                                                                best->report.heldout_squared_error);
}

/* Fit round 0 and the others, and keep the best. */
static int run_rounds(problem *p, fitted *best, snnk_directions_report *report) {
    const double *root = NULL;
    baseline plain;
    fitted current;
    bool constant;
    int st = fit_round(p, 0, best);

    if (st != SNNK_OK) return st;
    plain = (baseline){best->errors, best->report.heldout_error};
    best->errors = NULL;
    report->plain_error = best->report.heldout_squared_error;
    const snnk_layer *last = best->without_rows ? best->without_rows : best->layer;
    snnk_layer *seen = snnk_layer_retain(last);
    for (uint64_t round = 1; round <= p->config->rounds; round++) {
        /* p->root has the root of the last round until it becomes that of this one, so M needs room
         * of its own only where both are used: average reads root first. */
        st = average(p, root, seen, p->root, &constant);
        if (st != SNNK_OK || constant) break;
        st = snnk__symmetric_power(p->allocator, p->d, 0.5, LEAST_EIGENVALUE, p->root);
        if (st == SNNK_OK) st = fit_round(p, round, &current);
        if (st != SNNK_OK) break;
        root = p->root;
        report->rounds = round;
        snnk_layer_free(seen);
        seen = snnk_layer_retain(current.without_rows ? current.without_rows : current.layer);
        if (is_better(p, &current, best, &plain)) {
            fitted_free(p, best);
            *best = current;
        } else {
            fitted_free(p, &current);
        }
    }
    snnk__free(p->allocator, plain.errors);
    snnk_layer_free(seen);
    return st;
}

/* What the caller gets besides the layer. */
typedef struct results {
    double *importances, *M;
    size_t ldm;
    snnk_directions_report report;
} results;

static void write_results(const problem *p, const double *M, const results *r) {
    const size_t d = p->d;

    double sum = 0;

    for (size_t k = 0; k < d; k++) sum += M[k * d + k] * p->product.variance[k];
    for (size_t k = 0; r->importances && k < d; k++)
        r->importances[k] = sum > 0 ? M[k * d + k] * p->product.variance[k] / sum : 0;
    for (size_t i = 0; r->M && i < d; i++) memcpy(r->M + i * r->ldm, M + i * d, d * sizeof *M);
}

static int run(problem *p, results *r, snnk_layer **layer) {
    const size_t d = p->d;
    fitted best = {.layer = NULL};
    double *M = NULL;
    bool constant;
    int st = run_rounds(p, &best, &r->report);

    if (st == SNNK_OK) st = refit_few(p, &best);
    if (st == SNNK_OK && (r->importances || r->M)) {
        st = snnk__alloc(p->allocator, d * d, sizeof *M, "M, d x d", &M);
        if (st == SNNK_OK) st = average(p, best.root, best.layer, M, &constant);
    }
    if (st == SNNK_OK) st = snnk__progress_finish(p->progress);
    if (st == SNNK_OK) {
        if (M) write_results(p, M, r);
        r->report.chosen_round = best.round;
        r->report.squared_error = best.report.heldout_squared_error;
        r->report.heldout_error = best.report.heldout_error;
        r->report.ridge = best.report.ridge;
        r->report.rows = best.report.rows;
        r->report.heldout_rows = best.report.heldout_rows;
        r->report.gradient_rows = p->product.n_sample;
        *layer = best.layer;
        best.layer = NULL;
    }
    snnk__free(p->allocator, M);
    fitted_free(p, &best);
    return st;
}

/* ---- The public function ---- */

int snnk__check_directions_scaling(int32_t scaling) {
    if (scaling >= SNNK_SCALING_CENTER && scaling <= SNNK_SCALING_STANDARDIZE) return SNNK_OK;
    return snnk__fail(SNNK_E_ENUM, "scaling = %d is not a mode that learns", (int)scaling);
}

static int check_config(const snnk_directions_config *c) {
    if (c->rounds < 1 || c->rounds > MOST_ROUNDS)
        return snnk__fail(SNNK_E_RANGE, "rounds = %llu is not in 1 ... %d",
                          (unsigned long long)c->rounds, MOST_ROUNDS);
    int st = snnk__check_directions_scaling(c->scaling);
    if (st == SNNK_OK) st = snnk__check_fit_ridge(c->ridge);
    return st == SNNK_OK ? snnk__check_heldout_share(c->heldout_share) : st;
}

int snnk__directions_map(const snnk_directions_config *config, size_t d, snnk_map_config *map) {
    int st = snnk_map_config_init(map, sizeof *map);

    map->features = config->features;
    map->seed = config->seed;
    map->projection = SNNK_PROJECTION_ORTHOGONAL;
    if (config->scaling == SNNK_SCALING_STANDARDIZE) map->projection_scale = 1 / sqrt((double)d);
    map->offset_scale = 0.3;
    map->allocator = config->allocator;
    return st == SNNK_OK
               ? snnk__config_read(map, sizeof *map, sizeof *map, config->map, "map config")
               : st;
}

static int read_rows(const snnk_rows *rows, size_t outputs, snnk_rows *read) {
    int st = snnk__rows_read(rows, 0, outputs, true, read);

    if (st != SNNK_OK) return st;
    if (read->n == 0) return snnk__fail(SNNK_E_STATE, "there are no rows to learn directions from");
    if (read->inputs > SNNK_DIRECTIONS_MAX_INPUTS)
        return snnk__fail(SNNK_E_SIZE,
                          "M of d x d numbers is too large for d = %zu inputs: at most %d",
                          read->inputs, SNNK_DIRECTIONS_MAX_INPUTS);
    return snnk__rows_check_finite(read);
}

int snnk_fit_directions(const snnk_rows *rows, size_t outputs, const snnk_directions_config *config,
                        snnk_workspace *workspace, snnk_directions_report *report,
                        double *importances, double *M, size_t ldm, snnk_layer **layer) {
    snnk_directions_config ours = defaults;
    results r = {.importances = importances, .M = M, .ldm = ldm, .report = {.rounds = 0}};
    snnk_allocator allocator;
    snnk_map_config map;
    snnk_rows read;
    snnk__work work;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: at least 1 is needed");
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "directions config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "directions report");
    if (st != SNNK_OK) return st;
    if ((st = read_rows(rows, outputs, &read)) != SNNK_OK) return st;
    if (M && (st = snnk__check_matrix(M, "M", read.inputs, read.inputs, ldm, sizeof *M)) != SNNK_OK)
        return st;
    if ((st = snnk__directions_map(&ours, read.inputs, &map)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, map.allocator)) != SNNK_OK) return st;
    problem p = {.allocator = &allocator,
                 .rows = &read,
                 .outputs = outputs,
                 .d = read.inputs,
                 .config = &ours,
                 .map = &map,
                 .workspace = workspace,
                 .progress = &work.progress};
    snnk__work_begin(workspace, (double)(ours.rounds + 2) * (FIT_COST + GRADIENT_COST), &work);
    st = snnk__outer_product_open(&allocator, &read, outputs, ours.scaling, &map, ours.seed,
                                  &p.product);
    if (st == SNNK_OK)
        st = snnk__alloc(&allocator, p.d * p.d, sizeof *p.root, "M^(1/2), d x d", &p.root);
    if (st == SNNK_OK) st = run(&p, &r, layer);
    snnk__work_end(&work);
    snnk__free(&allocator, p.root);
    snnk__outer_product_close(&p.product);
    return st == SNNK_OK ? snnk__config_write(report, &r.report, sizeof r.report, REPORT_MINIMUM,
                                              "directions report")
                         : st;
}
