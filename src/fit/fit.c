/* Fitting a layer from rows that stream by. Rows are turned into features a block at a time; most go
 * into least-squares statistics at once, a random sample is kept as features: the held-out rows that
 * lambda is chosen on. They are a reservoir sample (Vitter 1985, algorithm R) of the rows drawn for
 * it, so that memory is bounded and every one of those rows is equally likely to be in it. */
#include <snnk/fit.h>

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "layer/layer.h"
#include "solve/lstsq.h"

#define BLOCK_ROWS 1024
#define MAX_RIDGES 1000

static const snnk_fit_config defaults = {.size = sizeof(snnk_fit_config),
                                         .ridge = SNNK_RIDGE_AUTO,
                                         .heldout_share = 0.1,
                                         .intercept = 1,
                                         .n_ridges = 10};

/* Version 0.1 knew all of today's fields. */
#define CONFIG_MINIMUM sizeof(snnk_fit_config)
#define REPORT_MINIMUM sizeof(snnk_fit_report)

/* What rows come with. */
typedef enum target_kind { NOTHING_YET, TARGETS, LABELS } target_kind;

/* Rows of features with their targets or labels: the block at work, and the held-out rows. */
typedef struct feature_rows {
    size_t n;
    float *Phi;      /* capacity x m */
    float *Y;        /* capacity x l; TARGETS */
    int32_t *labels; /* capacity; LABELS */
    float *weights;  /* capacity */
} feature_rows;

struct snnk_fit {
    snnk_allocator allocator;
    snnk_fit_config config;
    const snnk_map *map;
    size_t outputs;
    target_kind kind;
    bool weighted;       /* some row came with a weight */
    uint64_t rows;       /* added so far */
    uint64_t candidates; /* of them drawn to be held out */
    snnk_lstsq *lstsq;   /* of all rows that are not held out */
    feature_rows block;
    feature_rows heldout;
};

int snnk_fit_config_init(snnk_fit_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "fit config");
}

int snnk_fit_report_init(snnk_fit_report *report, size_t report_size) {
    static const snnk_fit_report empty = {.size = sizeof empty};

    return snnk__config_init(report, report_size, &empty, sizeof empty, REPORT_MINIMUM,
                             "fit report");
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
    if (c->intercept != 0 && c->intercept != 1)
        return snnk__fail(SNNK_E_RANGE, "intercept = %d is not 0 or 1", (int)c->intercept);
    if (c->n_ridges < 2 || c->n_ridges > MAX_RIDGES)
        return snnk__fail(SNNK_E_RANGE, "n_ridges = %d is not in 2 ... %d", (int)c->n_ridges,
                          MAX_RIDGES);
    return SNNK_OK;
}

/* Each array's size is the product of two checked here; snnk__alloc checks the bytes. */
static int rows_alloc(const snnk_allocator *allocator, size_t capacity, size_t features,
                      size_t outputs, feature_rows *rows) {
    size_t phi_count, y_count;
    int st;

    if (!snnk__mul_size(capacity, features, &phi_count) ||
        !snnk__mul_size(capacity, outputs, &y_count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu features or %zu outputs overflow size_t",
                          capacity, features, outputs);
    st = snnk__alloc(allocator, phi_count, sizeof *rows->Phi, "features", &rows->Phi);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, y_count, sizeof *rows->Y, "targets", &rows->Y);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, capacity, sizeof *rows->labels, "labels", &rows->labels);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, capacity, sizeof *rows->weights, "weights", &rows->weights);
}

static void rows_free(const snnk_allocator *allocator, feature_rows *rows) {
    snnk__free(allocator, rows->Phi);
    snnk__free(allocator, rows->Y);
    snnk__free(allocator, rows->labels);
    snnk__free(allocator, rows->weights);
}

static bool chooses_ridge(const snnk_fit *fit) { return fit->config.ridge == SNNK_RIDGE_AUTO; }

int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                    snnk_fit **fit) {
    snnk_fit_config ours = defaults;
    snnk_fit *made = NULL;
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    *fit = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "fit config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&map->allocator, 1, sizeof *made, "a fit", &made)) != SNNK_OK) return st;
    *made = (snnk_fit){.allocator = map->allocator,
                       .config = ours,
                       .map = snnk__map_retain(map),
                       .outputs = outputs};
    st = snnk_lstsq_create(map->features, outputs, &made->allocator, &made->lstsq);
    if (st == SNNK_OK) st = snnk_lstsq_set_precision(made->lstsq, ours.precision);
    if (st == SNNK_OK) st = snnk_lstsq_set_factorization(made->lstsq, ours.factorization);
    if (st != SNNK_OK) goto done;
    st = rows_alloc(&made->allocator, BLOCK_ROWS, map->features, outputs, &made->block);
    if (st != SNNK_OK) goto done;
    if (chooses_ridge(made)) {
        st = rows_alloc(&made->allocator, SNNK_FIT_MAX_HELDOUT, map->features, outputs,
                        &made->heldout);
        if (st != SNNK_OK) goto done;
    }
    *fit = made;
    made = NULL;
done:
    snnk_fit_free(made);
    return st;
}

void snnk_fit_free(snnk_fit *fit) {
    if (!fit) return;
    const snnk_allocator allocator = fit->allocator;
    rows_free(&allocator, &fit->block);
    rows_free(&allocator, &fit->heldout);
    snnk_lstsq_free(fit->lstsq);
    snnk_map_free((snnk_map *)fit->map);
    snnk__free(&allocator, fit);
}

/* ---- Adding rows ---- */

/* A batch as the caller gave it: Y for targets, labels for labels. */
typedef struct batch {
    const float *X;
    size_t ldx;
    const float *Y;
    size_t ldy;
    const int32_t *labels;
    const float *weights; /* NULL for ones */
    target_kind kind;
} batch;

static void copy_row(const snnk_fit *fit, feature_rows *to, size_t i, const feature_rows *from,
                     size_t j) {
    const size_t m = fit->map->features, l = fit->outputs;

    memmove(to->Phi + i * m, from->Phi + j * m, m * sizeof(float));
    to->weights[i] = from->weights[j];
    if (fit->kind == LABELS)
        to->labels[i] = from->labels[j];
    else
        memmove(to->Y + i * l, from->Y + j * l, l * sizeof(float));
}

static void swap_row(const snnk_fit *fit, feature_rows *a, size_t i, feature_rows *b, size_t j) {
    const size_t m = fit->map->features, l = fit->outputs;
    const float weight = a->weights[i];

    a->weights[i] = b->weights[j];
    b->weights[j] = weight;
    for (size_t k = 0; k < m; k++) {
        const float value = a->Phi[i * m + k];

        a->Phi[i * m + k] = b->Phi[j * m + k];
        b->Phi[j * m + k] = value;
    }
    for (size_t k = 0; fit->kind == TARGETS && k < l; k++) {
        const float value = a->Y[i * l + k];

        a->Y[i * l + k] = b->Y[j * l + k];
        b->Y[j * l + k] = value;
    }
    if (fit->kind == LABELS) {
        const int32_t label = a->labels[i];

        a->labels[i] = b->labels[j];
        b->labels[j] = label;
    }
}

/* Move the rows of the block that are drawn to be held out into the reservoir, and those that they
 * push out of it into the block; the block keeps the others, closed up. */
static void hold_out(snnk_fit *fit) {
    feature_rows *block = &fit->block, *heldout = &fit->heldout;
    size_t kept = 0;

    for (size_t i = 0; i < block->n; i++) {
        double u[2]; /* is it drawn; where does it go */
        bool gone = false;

        snnk__random_uniform(fit->config.seed, SNNK__STREAM_HELDOUT, fit->rows + i, 0, 2, u);
        if (u[0] < fit->config.heldout_share) {
            const double place = floor(u[1] * (double)++fit->candidates);

            if (heldout->n < SNNK_FIT_MAX_HELDOUT) {
                copy_row(fit, heldout, heldout->n++, block, i);
                gone = true;
            } else if (place < SNNK_FIT_MAX_HELDOUT) {
                swap_row(fit, heldout, (size_t)place, block, i);
            }
        }
        if (!gone) copy_row(fit, block, kept++, block, i);
    }
    block->n = kept;
}

static int make_block(snnk_fit *fit, const batch *b, size_t first, size_t n,
                      snnk_workspace *workspace) {
    const size_t m = fit->map->features, l = fit->outputs;

    for (size_t i = 0; i < n; i++) fit->block.weights[i] = b->weights ? b->weights[first + i] : 1;
    for (size_t i = 0; i < n; i++)
        if (b->kind == LABELS)
            fit->block.labels[i] = b->labels[first + i];
        else
            memcpy(fit->block.Y + i * l, b->Y + (first + i) * b->ldy, l * sizeof(float));
    fit->block.n = n;
    return snnk_map_input_tower(fit->map, n, b->X + first * b->ldx, b->ldx, fit->block.Phi, m,
                                workspace);
}

static int lstsq_add(const snnk_fit *fit, snnk_lstsq *lstsq, const feature_rows *rows,
                     snnk_workspace *workspace) {
    const bool labels = fit->kind == LABELS;

    return snnk_lstsq_add_weighted(
        lstsq, rows->n, rows->Phi, fit->map->features, labels ? NULL : rows->Y, fit->outputs,
        labels ? rows->labels : NULL, fit->weighted ? rows->weights : NULL, workspace);
}

/* first: the batch's row that the block begins with, for the sentence. */
static int check_features(const snnk_fit *fit, size_t first) {
    const size_t m = fit->map->features;

    for (size_t i = 0; i < fit->block.n; i++)
        if (snnk__check_finite(fit->block.Phi + i * m, "Phi", 1, m, m) != SNNK_OK)
            return snnk__fail(SNNK_E_NONFINITE,
                              "a feature of row %zu, in Phi[%zu], overflows float", first + i,
                              first + i);
    return SNNK_OK;
}

/* All features of the batch are finite, or nothing is added: a batch of more than one block is
 * looked through first, unless its inputs are too small for any feature to overflow. */
static int check_batch(snnk_fit *fit, const batch *b, size_t n, snnk_workspace *workspace) {
    int st = SNNK_OK;

    if (n <= BLOCK_ROWS || snnk__map_cannot_overflow(fit->map, n, b->X, b->ldx)) return SNNK_OK;
    for (size_t first = 0; first < n && st == SNNK_OK; first += BLOCK_ROWS) {
        st = make_block(fit, b, first, snnk__min_size(BLOCK_ROWS, n - first), workspace);
        if (st == SNNK_OK) st = check_features(fit, first);
    }
    return st;
}

static int add(snnk_fit *fit, size_t n, const batch *b, snnk_workspace *workspace) {
    int st;

    if (fit->kind != NOTHING_YET && fit->kind != b->kind)
        return snnk__fail(SNNK_E_STATE, "this fit was given %s before and cannot be given %s now",
                          fit->kind == LABELS ? "labels" : "targets",
                          b->kind == LABELS ? "labels" : "targets");
    st = snnk__check_matrix(b->X, "X", n, fit->map->inputs, b->ldx, sizeof(float));
    if (st != SNNK_OK) return st;
    st = snnk__check_finite(b->X, "X", n, fit->map->inputs, b->ldx);
    if (st != SNNK_OK) return st;
    if ((st = check_batch(fit, b, n, workspace)) != SNNK_OK) return st;
    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        const size_t count = snnk__min_size(BLOCK_ROWS, n - first);

        if ((st = make_block(fit, b, first, count, workspace)) != SNNK_OK) return st;
        if ((st = check_features(fit, first)) != SNNK_OK) return st;
        fit->kind = b->kind;
        fit->weighted |= b->weights != NULL;
        if (chooses_ridge(fit)) hold_out(fit);
        if ((st = lstsq_add(fit, fit->lstsq, &fit->block, workspace)) != SNNK_OK) return st;
        fit->rows += count;
    }
    return SNNK_OK;
}

static int check_targets(const snnk_fit *fit, size_t n, const batch *b) {
    const int st = snnk__check_matrix(b->Y, "Y", n, fit->outputs, b->ldy, sizeof *b->Y);

    return st == SNNK_OK ? snnk__check_finite(b->Y, "Y", n, fit->outputs, b->ldy) : st;
}

int snnk_fit_add(snnk_fit *fit, size_t n, const float *X, size_t ldx, const float *Y, size_t ldy,
                 snnk_workspace *workspace) {
    const batch b = {.X = X, .ldx = ldx, .Y = Y, .ldy = ldy, .kind = TARGETS};
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if ((st = check_targets(fit, n, &b)) != SNNK_OK) return st;
    return add(fit, n, &b, workspace);
}

int snnk_fit_add_labels(snnk_fit *fit, size_t n, const float *X, size_t ldx, const int32_t *labels,
                        snnk_workspace *workspace) {
    const batch b = {.X = X, .ldx = ldx, .labels = labels, .kind = LABELS};
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if ((st = snnk__check_labels(n, labels, fit->outputs)) != SNNK_OK) return st;
    return add(fit, n, &b, workspace);
}

int snnk_fit_add_weighted(snnk_fit *fit, size_t n, const float *X, size_t ldx, const float *Y,
                          size_t ldy, const int32_t *labels, const float *weights,
                          snnk_workspace *workspace) {
    const batch b = {.X = X,
                     .ldx = ldx,
                     .Y = Y,
                     .ldy = ldy,
                     .labels = labels,
                     .weights = weights,
                     .kind = labels ? LABELS : TARGETS};
    int st;

    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if (n > 0 && !Y == !labels)
        return snnk__fail(SNNK_E_NULL, "set one of Y and labels, and only one");
    st = labels ? snnk__check_labels(n, labels, fit->outputs) : check_targets(fit, n, &b);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_weights(n, weights)) != SNNK_OK) return st;
    return add(fit, n, &b, workspace);
}

/* ---- Solving ---- */

static size_t largest(size_t n, const float *values) {
    size_t best = 0;

    for (size_t k = 1; k < n; k++)
        if (values[k] > values[best]) best = k;
    return best;
}

/* Error of one held-out row whose scores are y. */
static double row_error(const snnk_fit *fit, size_t i, const float *y) {
    const size_t l = fit->outputs;
    double sum = 0;

    if (fit->kind == LABELS) return largest(l, y) == (size_t)fit->heldout.labels[i] ? 0 : 1;
    for (size_t k = 0; k < l; k++) {
        const double residual = (double)y[k] - fit->heldout.Y[i * l + k];

        sum += residual * residual;
    }
    return sum;
}

/* Mean error of a layer on the held-out rows. scores: BLOCK_ROWS x l. */
static int heldout_error(const snnk_fit *fit, const snnk_layer *layer, snnk_workspace *workspace,
                         float *scores, double *error) {
    const size_t m = fit->map->features, l = fit->outputs, n = fit->heldout.n;
    double sum = 0, weight = 0;

    for (size_t first = 0; first < n; first += BLOCK_ROWS) {
        const size_t count = snnk__min_size(BLOCK_ROWS, n - first);
        const int st =
            snnk_layer_readout(layer, count, fit->heldout.Phi + first * m, m, scores, l, workspace);

        if (st != SNNK_OK) return st;
        for (size_t i = 0; i < count; i++) {
            const double w = fit->heldout.weights[first + i];

            sum += w * row_error(fit, first + i, scores + i * l);
            weight += w;
        }
    }
    *error = sum / weight;
    return SNNK_OK;
}

/* Set config->ridge to the lambda of least held-out error, and *error to that. */
static int choose_ridge(snnk_fit *fit, snnk_workspace *workspace, snnk_solve_config *config,
                        double *error) {
    double ridges[MAX_RIDGES], best = 0;
    int st;

    if (fit->heldout.n == 0 || snnk_lstsq_rows(fit->lstsq) < 2)
        return snnk__fail(SNNK_E_STATE,
                          "%llu rows, of which %zu are held out, are too few to choose the ridge: "
                          "add rows or set the ridge",
                          (unsigned long long)fit->rows, fit->heldout.n);
    const size_t n_ridges = (size_t)fit->config.n_ridges;
    if ((st = snnk_lstsq_default_ridges(fit->lstsq, n_ridges, ridges)) != SNNK_OK) return st;
    *error = INFINITY;
    for (size_t k = 0; k < n_ridges; k++) { /* rising: of equals the larger stays */
        snnk_layer *layer;
        double mean = 0;

        config->ridge = ridges[k];
        st = snnk_layer_create_from_lstsq(fit->map, fit->lstsq, config, NULL, &layer);
        if (st == SNNK_E_NONFINITE) continue; /* too small a lambda for these features */
        if (st != SNNK_OK) return st;
        st = heldout_error(fit, layer, workspace, fit->block.Y, &mean);
        snnk_layer_free(layer);
        if (st != SNNK_OK) return st;
        if (mean <= *error) {
            *error = mean;
            best = ridges[k];
        }
    }
    if (isinf(*error))
        return snnk__fail(SNNK_E_NONFINITE, "no ridge in %g ... %g gives a finite held-out error",
                          ridges[0], ridges[n_ridges - 1]);
    config->ridge = best;
    return SNNK_OK;
}

/* Statistics of all rows, the held-out ones too, in a copy: those stay held out. */
static int all_rows(const snnk_fit *fit, snnk_workspace *workspace, snnk_lstsq **all) {
    int st = snnk__lstsq_clone(fit->lstsq, &fit->allocator, all);

    if (st == SNNK_OK) st = lstsq_add(fit, *all, &fit->heldout, workspace);
    return st;
}

int snnk_fit_statistics(const snnk_fit *fit, snnk_workspace *workspace, snnk_lstsq **lstsq) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    *lstsq = NULL;
    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    if ((st = all_rows(fit, workspace, lstsq)) == SNNK_OK) return st;
    snnk_lstsq_free(*lstsq);
    *lstsq = NULL;
    return st;
}

int snnk_fit_solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                   snnk_layer **layer) {
    snnk_solve_config config;
    snnk_solve_report solved;
    snnk_lstsq *all = NULL;
    snnk_layer *made = NULL;
    double error = NAN;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "fit report");
    if (st != SNNK_OK) return st;
    if (fit->rows == 0) return snnk__fail(SNNK_E_STATE, "no rows were added to the fit");
    snnk_solve_config_init(&config, sizeof config);
    snnk_solve_report_init(&solved, sizeof solved);
    config.ridge = fit->config.ridge;
    config.intercept = fit->config.intercept;
    config.rank_tolerance = fit->config.rank_tolerance;
    if (chooses_ridge(fit)) {
        if ((st = choose_ridge(fit, workspace, &config, &error)) != SNNK_OK) goto done;
        if ((st = all_rows(fit, workspace, &all)) != SNNK_OK) goto done;
    }
    st = snnk_layer_create_from_lstsq(fit->map, all ? all : fit->lstsq, &config, &solved, &made);
    if (st != SNNK_OK) goto done;
    st = snnk__config_write(report,
                            &(snnk_fit_report){.ridge = solved.ridge,
                                               .heldout_error = error,
                                               .condition = solved.condition,
                                               .rss = solved.rss,
                                               .rows = solved.rows,
                                               .rank = solved.rank,
                                               .heldout_rows = fit->heldout.n,
                                               .method = solved.method},
                            sizeof *report, REPORT_MINIMUM, "fit report");
    if (st != SNNK_OK) goto done;
    *layer = made;
    made = NULL;
done:
    snnk_layer_free(made);
    snnk_lstsq_free(all);
    return st;
}

int snnk_layer_create_from_lstsq(const snnk_map *map, snnk_lstsq *lstsq,
                                 const snnk_solve_config *config, snnk_solve_report *report,
                                 snnk_layer **layer) {
    double *B = NULL, *b = NULL;
    float *Psi = NULL, *bias = NULL;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    const size_t m = map->features, l = snnk_lstsq_targets(lstsq);
    const snnk_allocator *allocator = &map->allocator;
    if (snnk_lstsq_features(lstsq) != m)
        return snnk__fail(SNNK_E_SHAPE, "the map has %zu features, but the statistics have %zu", m,
                          snnk_lstsq_features(lstsq));
    if ((st = snnk__alloc(allocator, l * m, sizeof *B, "Psi", &B)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *b, "a bias", &b)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l * m, sizeof *Psi, "Psi", &Psi)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, l, sizeof *bias, "a bias", &bias)) != SNNK_OK) goto done;
    if ((st = snnk_lstsq_solve(lstsq, config, B, m, b, report)) != SNNK_OK) goto done;
    for (size_t i = 0; i < l * m; i++) Psi[i] = (float)B[i];
    for (size_t i = 0; i < l; i++) bias[i] = (float)b[i];
    st = snnk_layer_create(map, l, Psi, m, bias, layer);
done:
    snnk__free(allocator, bias);
    snnk__free(allocator, Psi);
    snnk__free(allocator, b);
    snnk__free(allocator, B);
    return st;
}
