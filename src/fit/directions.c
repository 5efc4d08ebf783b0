/* Learnt directions: rounds of fits, each with rows G M^(1/2), M the average gradient outer product
 * of the fit before. Everything here is in standardized coordinates x' = (x - mean) * scale; only
 * the maps of the fits take raw inputs. */
#include <snnk/directions.h>

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "base/workspace.h"
#include "fit/fit.h"
#include "kernels/kernels.h"
#include "map/map.h"
#include "solve/eigen.h"
#include "solve/product.h"
#include "solve/symmetric_power.h"

#define MOST_ROUNDS 100
#define BLOCK_ROWS  256 /* whose gradients are computed at once */

/* Eigenvalues of M, of trace d, below this are noise of the sums of float products. */
#define LEAST_EIGENVALUE 1e-14

/* Along a direction with less variance than this, of standardized inputs, rows do not vary. */
#define LEAST_VARIANCE 1e-9

/* The least share of few rows that is held out. */
#define LEAST_SHARE 0.25

/* Costs of the stages of a round, roughly. */
#define FIT_COST      4
#define GRADIENT_COST 1

static const snnk_directions_config defaults = {.size = sizeof(snnk_directions_config),
                                                .rounds = 3,
                                                .features = 1024,
                                                .ridge = SNNK_RIDGE_AUTO,
                                                .heldout_share = 0.1};

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
    const snnk_map_config *map; /* on standardized inputs */
    snnk_workspace *workspace;
    snnk__progress *progress;
    snnk_map *drawn; /* of standardized inputs: its rows are G */
    snnk_scaling *scaling;
    double *mean, *scale; /* d each */
    bool *constant;       /* d: the input is the same in all rows, so nothing is known about it */
    size_t *sample;       /* the rows that M is averaged over, the first n_sample */
    size_t n_sample;
    double *span; /* d x d: the projection onto the directions in which rows vary; NULL if they vary
                   * in all */
    double *root; /* d x d: M^(1/2) of the current round; not used in round 0 */
} problem;

/* A fitted round. */
typedef struct fitted {
    uint64_t round;
    snnk_fit_report report;
    snnk_layer *layer;
    snnk_layer *without_rows; /* the solution that has not seen the held-out targets; may be NULL */
    double *root;             /* d x d: a copy of its M^(1/2); NULL in round 0 */
} fitted;

static void fitted_free(const problem *p, fitted *f) {
    snnk_layer_free(f->layer);
    snnk_layer_free(f->without_rows);
    snnk__free(p->allocator, f->root);
    *f = (fitted){.layer = NULL};
}

/* ---- Before the first round ---- */

/* Choose the rows that M is averaged over: the first steps of a shuffle. */
static void draw_sample(uint64_t seed, size_t n, size_t count, size_t *order) {
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = 0; count < n && i < count; i++) {
        double u;

        snnk__random_uniform(seed, SNNK__STREAM_SAMPLE, i, 0, 1, &u);
        const size_t j = snnk__min_size(i + (size_t)(u * (double)(n - i)), n - 1);
        const size_t kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
}

static void find_constants(const problem *p) {
    for (size_t k = 0; k < p->d; k++) {
        const double first = snnk__rows_input(p->rows, 0, k);

        p->constant[k] = true;
        for (size_t i = 1; p->constant[k] && i < p->rows->n; i++)
            p->constant[k] = snnk__rows_input(p->rows, i, k) == first;
    }
}

/* Set C (d x d) to the covariance of the standardized inputs of all rows. columns: d x BLOCK_ROWS of
 * scratch. */
static void covariance(const problem *p, double *columns, double *C) {
    const size_t rows = p->rows->n, d = p->d;

    memset(C, 0, d * d * sizeof *C);
    for (size_t first = 0; first < rows; first += BLOCK_ROWS) {
        const size_t n = snnk__min_size(BLOCK_ROWS, rows - first);

        for (size_t k = 0; k < d; k++)
            for (size_t i = 0; i < n; i++)
                columns[k * n + i] =
                    (snnk__rows_input(p->rows, first + i, k) - p->mean[k]) * p->scale[k];
        snnk__add_product_transposed(d, d, n, columns, columns, C);
    }
    for (size_t j = 0; j < d * d; j++) C[j] /= (double)rows;
}

/* Set P (d x d) to sum_k v_k v_k^T over the rows v_k of V whose values are large enough. */
static void project_onto(size_t d, const double *V, const double *values, double *P) {
    memset(P, 0, d * d * sizeof *P);
    for (size_t k = 0; k < d; k++)
        for (size_t i = 0; values[k] > LEAST_VARIANCE && i < d; i++)
            for (size_t j = 0; j < d; j++) P[i * d + j] += V[k * d + i] * V[k * d + j];
}

/* Find the directions in which rows vary. Numbers for the words of a column, which are 1 for one of
 * them, have a constant sum: a fit may use it as it uses an intercept, and the gradient along it
 * means nothing. */
static int find_span(problem *p) {
    const size_t d = p->d;
    double *V = NULL, *values = NULL, *columns = NULL;
    bool all = true;
    int st = snnk__alloc(p->allocator, d * d, sizeof *V, "a covariance, d x d", &V);

    if (st == SNNK_OK) st = snnk__alloc(p->allocator, d, sizeof *values, "variances", &values);
    if (st == SNNK_OK)
        st = snnk__alloc(p->allocator, BLOCK_ROWS * sizeof *columns, d, "inputs", &columns);
    if (st == SNNK_OK) {
        covariance(p, columns, V);
        st = snnk__eigenvectors(p->allocator, d, 'L', V, values, NULL);
    }
    for (size_t k = 0; st == SNNK_OK && k < d; k++) all = all && values[k] > LEAST_VARIANCE;
    if (st == SNNK_OK && !all) {
        st = snnk__alloc(p->allocator, d * d, sizeof *p->span, "a projection, d x d", &p->span);
        if (st == SNNK_OK) project_onto(d, V, values, p->span);
    }
    snnk__free(p->allocator, columns);
    snnk__free(p->allocator, values);
    snnk__free(p->allocator, V);
    return st;
}

static int prepare(problem *p) {
    const size_t n = p->rows->n, d = p->d;
    int st = snnk_scaling_create(d, SNNK_SCALING_STANDARDIZE, p->allocator, &p->scaling);

    if (st == SNNK_OK) st = snnk_scaling_add(p->scaling, p->rows);
    if (st == SNNK_OK) st = snnk_map_create(d, p->map, NULL, &p->drawn);
    if (st == SNNK_OK) st = snnk__alloc(p->allocator, d, sizeof *p->mean, "means", &p->mean);
    if (st == SNNK_OK) st = snnk__alloc(p->allocator, d, sizeof *p->scale, "scales", &p->scale);
    if (st == SNNK_OK)
        st = snnk__alloc(p->allocator, d, sizeof *p->constant, "constants", &p->constant);
    if (st == SNNK_OK) st = snnk__alloc(p->allocator, n, sizeof *p->sample, "a sample", &p->sample);
    if (st == SNNK_OK)
        st = snnk__alloc(p->allocator, d * d, sizeof *p->root, "M^(1/2), d x d", &p->root);
    if (st == SNNK_OK) st = snnk_scaling_get(p->scaling, p->mean, p->scale);
    if (st != SNNK_OK) return st;
    find_constants(p);
    p->n_sample = snnk__min_size(n, SNNK_DIRECTIONS_MAX_ROWS);
    draw_sample(p->config->seed, n, p->n_sample, p->sample);
    return find_span(p);
}

static void problem_free(const problem *p) {
    snnk_scaling_free(p->scaling);
    snnk_map_free(p->drawn);
    snnk__free(p->allocator, p->mean);
    snnk__free(p->allocator, p->scale);
    snnk__free(p->allocator, p->constant);
    snnk__free(p->allocator, p->sample);
    snnk__free(p->allocator, p->span);
    snnk__free(p->allocator, p->root);
}

/* ---- A round ---- */

/* Make the map of raw inputs with rows G M^(1/2) on standardized ones. The mean is subtracted in
 * double, as a scaling would. */
static int map_with_root(const problem *p, const double *root, snnk_map **map) {
    const size_t d = p->d;
    snnk_map *folded = NULL;
    float *V;
    int st = snnk__alloc(p->allocator, d * d, sizeof *V, "M^(1/2) in float", &V);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++) V[i * d + k] = (float)(root[i * d + k] * p->scale[k]);
    st = snnk_map_fold(p->drawn, d, V, d, NULL, &folded);
    snnk__free(p->allocator, V);
    if (st == SNNK_OK) st = snnk__map_center(folded, p->mean, map);
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
        st = snnk_map_create(d, p->map, p->scaling, &map);
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

/* ---- Gradients ---- */

/* The arrays with which gradients of one layer are computed. */
typedef struct gradients {
    size_t r, m;    /* rows of G, features */
    float *G, *c;   /* r x d and r: z = G x' + c */
    float *Psi;     /* outputs x m */
    float *X;       /* BLOCK_ROWS x d: x' */
    float *Z, *D;   /* BLOCK_ROWS x r: z, and the gradients with respect to z */
    float *grad;    /* BLOCK_ROWS x d */
    double *grad_T; /* d x BLOCK_ROWS, weighted */
} gradients;

static void gradients_free(const snnk_allocator *allocator, const gradients *g) {
    snnk__free(allocator, g->G);
    snnk__free(allocator, g->c);
    snnk__free(allocator, g->Psi);
    snnk__free(allocator, g->X);
    snnk__free(allocator, g->Z);
    snnk__free(allocator, g->D);
    snnk__free(allocator, g->grad);
    snnk__free(allocator, g->grad_T);
}

static int gradients_alloc(const problem *p, gradients *g) {
    const snnk_allocator *allocator = p->allocator;
    const size_t d = p->d, r = g->r;
    int st = snnk__alloc(allocator, r, d * sizeof *g->G, "rows", &g->G);

    if (st == SNNK_OK) st = snnk__alloc(allocator, r, sizeof *g->c, "offsets", &g->c);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, g->m, p->outputs * sizeof *g->Psi, "weights", &g->Psi);
    if (st == SNNK_OK) st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->X, d, "inputs", &g->X);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->Z, r, "projections", &g->Z);
    if (st == SNNK_OK) st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->D, r, "slopes", &g->D);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->grad, d, "gradients", &g->grad);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->grad_T, d, "gradients", &g->grad_T);
    return st;
}

/* Replace the rows G by G M^(1/2). row: d doubles of scratch. */
static void multiply_rows(size_t r, size_t d, const double *root, double *row, float *G) {
    for (size_t j = 0; j < r; j++) {
        float *g = G + j * d;

        for (size_t k = 0; k < d; k++) row[k] = 0;
        for (size_t i = 0; i < d; i++)
            for (size_t k = 0; k < d; k++) row[k] += (double)g[i] * root[i * d + k];
        for (size_t k = 0; k < d; k++) g[k] = (float)row[k];
    }
}

static int gradients_open(const problem *p, const double *root, const snnk_layer *layer,
                          gradients *g) {
    int st;

    *g = (gradients){.r = snnk_map_block_row_count(p->drawn, 0), .m = snnk_layer_features(layer)};
    if ((st = gradients_alloc(p, g)) != SNNK_OK) return st;
    if ((st = snnk_map_block_rows(p->drawn, 0, g->G, p->d, g->c)) != SNNK_OK) return st;
    if (root) multiply_rows(g->r, p->d, root, g->grad_T, g->G);
    return snnk_layer_weights(layer, g->Psi, g->m, NULL);
}

/* Set X and Z for rows first ... first+n-1 of the sample. */
static void project(const problem *p, size_t first, size_t n, const gradients *g) {
    const size_t d = p->d;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            g->X[i * d + k] =
                (float)((snnk__rows_input(p->rows, p->sample[first + i], k) - p->mean[k]) *
                        p->scale[k]);
    snnk__product_transposed(n, g->r, d, g->X, g->G, g->Z);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < g->r; j++) g->Z[i * g->r + j] += g->c[j];
}

/* Add the outer products of the gradients of one output, in rows first ... first+n-1 of the sample,
 * whose projections are in g, times the weights of the rows. */
static void add_output(const problem *p, size_t first, size_t n, size_t output, const gradients *g,
                       double *M) {
    const snnk__function *function = &p->drawn->blocks[0]->function;
    const size_t d = p->d, r = g->r;
    const float *psi = g->Psi + output * g->m;

    for (size_t i = 0; i < n; i++)
        snnk__kernels_get()->slopes(function, r, g->Z + i * r, psi, g->D + i * r);
    snnk__product(n, d, r, g->D, g->G, g->grad);
    for (size_t i = 0; i < n; i++) {
        const float *weights = p->rows->weights;
        const double root = weights ? sqrt((double)weights[p->sample[first + i]]) : 1;

        for (size_t k = 0; k < d; k++)
            g->grad_T[k * n + i] = p->constant[k] ? 0 : root * (double)g->grad[i * d + k];
    }
    snnk__add_product_transposed(d, d, n, g->grad_T, g->grad_T, M);
}

/* Set M = P M P, P the projection onto the directions in which rows vary. */
static int project_gradients(const problem *p, double *M) {
    const size_t d = p->d;
    double *half = NULL;
    int st;

    if (!p->span) return SNNK_OK;
    st = snnk__alloc_zero(p->allocator, d * d, sizeof *half, "a product, d x d", &half);
    if (st != SNNK_OK) return st;
    snnk__add_product_transposed(d, d, d, p->span, M, half); /* P M, as M is symmetric */
    memset(M, 0, d * d * sizeof *M);
    snnk__add_product_transposed(d, d, d, half, p->span, M);
    for (size_t k = 0; k < d; k++)
        for (size_t j = 0; p->constant[k] && j < d; j++) M[k * d + j] = M[j * d + k] = 0;
    snnk__free(p->allocator, half);
    return SNNK_OK;
}

/* Make M symmetric to the last bit, and its trace d. Sets *constant if it is zero. */
static int normalize(size_t d, double *M, bool *constant) {
    double trace = 0;

    for (size_t k = 0; k < d; k++) trace += M[k * d + k];
    if (!isfinite(trace))
        return snnk__fail(SNNK_E_NONFINITE, "gradients of the fitted layer overflow float");
    *constant = !(trace > 0);
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k <= i; k++)
            M[i * d + k] = M[k * d + i] = *constant ? 0 : M[i * d + k] * ((double)d / trace);
    return SNNK_OK;
}

/* Set M (d x d) to the average gradient outer product of a layer with rows G M^(1/2).
 *   root      M^(1/2) of the layer's rows; NULL in round 0
 *   constant  the result: whether no gradient is different from zero; M is zero then */
static int average_outer_product(const problem *p, const double *root, const snnk_layer *layer,
                                 double *M, bool *constant) {
    gradients g;
    int st = gradients_open(p, root, layer, &g);

    snnk__progress_begin_stage(p->progress, GRADIENT_COST);
    memset(M, 0, p->d * p->d * sizeof *M);
    for (size_t first = 0; st == SNNK_OK && first < p->n_sample; first += BLOCK_ROWS) {
        const size_t n = snnk__min_size(BLOCK_ROWS, p->n_sample - first);

        project(p, first, n, &g);
        for (size_t k = 0; k < p->outputs; k++) add_output(p, first, n, k, &g, M);
        st = snnk__progress_count(p->progress, (double)(first + n), (double)p->n_sample);
    }
    gradients_free(p->allocator, &g);
    if (st == SNNK_OK) st = project_gradients(p, M);
    return st == SNNK_OK ? normalize(p->d, M, constant) : st;
}

/* ---- All rounds ---- */

/* Whether a round is better than the best before. With a given ridge nothing is held out. */
static bool is_better(const fitted *f, const fitted *best) {
    if (isnan(f->report.heldout_squared_error)) return true;
    return f->report.heldout_squared_error < best->report.heldout_squared_error;
}

/* Fit round 0 and the others, and keep the best. */
static int run_rounds(problem *p, fitted *best, snnk_directions_report *report) {
    const double *root = NULL;
    fitted current;
    bool constant;
    int st = fit_round(p, 0, best);

    if (st != SNNK_OK) return st;
    report->plain_error = best->report.heldout_squared_error;
    const snnk_layer *last = best->without_rows ? best->without_rows : best->layer;
    snnk_layer *seen = snnk_layer_retain(last);
    for (uint64_t round = 1; round <= p->config->rounds; round++) {
        /* p->root has the root of the last round until it becomes that of this one, so M needs room
         * of its own only where both are used: average_outer_product reads root first. */
        st = average_outer_product(p, root, seen, p->root, &constant);
        if (st != SNNK_OK || constant) break;
        st = snnk__symmetric_power(p->allocator, p->d, 0.5, LEAST_EIGENVALUE, p->root);
        if (st == SNNK_OK) st = fit_round(p, round, &current);
        if (st != SNNK_OK) break;
        root = p->root;
        report->rounds = round;
        snnk_layer_free(seen);
        seen = snnk_layer_retain(current.without_rows ? current.without_rows : current.layer);
        if (is_better(&current, best)) {
            fitted_free(p, best);
            *best = current;
        } else {
            fitted_free(p, &current);
        }
    }
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

    for (size_t k = 0; r->importances && k < d; k++) r->importances[k] = M[k * d + k] / (double)d;
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
        if (st == SNNK_OK) st = average_outer_product(p, best.root, best.layer, M, &constant);
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
        r->report.gradient_rows = p->n_sample;
        *layer = best.layer;
        best.layer = NULL;
    }
    snnk__free(p->allocator, M);
    fitted_free(p, &best);
    return st;
}

/* ---- The public function ---- */

static int check_rounds(const snnk_directions_config *c) {
    if (c->rounds < 1 || c->rounds > MOST_ROUNDS)
        return snnk__fail(SNNK_E_RANGE, "rounds = %llu is not in 1 ... %d",
                          (unsigned long long)c->rounds, MOST_ROUNDS);
    const int st = snnk__check_fit_ridge(c->ridge);
    return st == SNNK_OK ? snnk__check_heldout_share(c->heldout_share) : st;
}

/* SNNK_E_UNSUPPORTED for features whose slope is zero wherever there is one. */
static int check_slope(const snnk_map_config *map) {
    const bool step = (map->kind == SNNK_MAP_ARC_COSINE && map->order == 0) ||
                      (map->kind == SNNK_MAP_ELEMENTWISE && map->activation == SNNK_STEP);

    if (!step) return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "features that are steps have no gradient to learn directions from: take "
                      "arc-cosine features of order 1, say");
}

/* Set *map to the settings of the features of d inputs. */
static int read_map(const snnk_directions_config *config, size_t d, snnk_map_config *map) {
    int st = snnk_map_config_init(map, sizeof *map);

    map->features = config->features;
    map->seed = config->seed;
    map->projection = SNNK_PROJECTION_ORTHOGONAL;
    map->projection_scale = 1 / sqrt((double)d);
    map->offset_scale = 0.3;
    map->allocator = config->allocator;
    if (st == SNNK_OK)
        st = snnk__config_read(map, sizeof *map, sizeof *map, config->map, "map config");
    return st == SNNK_OK ? check_slope(map) : st;
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
    if ((st = check_rounds(&ours)) != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "directions report");
    if (st != SNNK_OK) return st;
    if ((st = read_rows(rows, outputs, &read)) != SNNK_OK) return st;
    if (M && (st = snnk__check_matrix(M, "M", read.inputs, read.inputs, ldm, sizeof *M)) != SNNK_OK)
        return st;
    if ((st = read_map(&ours, read.inputs, &map)) != SNNK_OK) return st;
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
    if ((st = prepare(&p)) == SNNK_OK) st = run(&p, &r, layer);
    snnk__work_end(&work);
    problem_free(&p);
    return st == SNNK_OK ? snnk__config_write(report, &r.report, sizeof r.report, REPORT_MINIMUM,
                                              "directions report")
                         : st;
}
