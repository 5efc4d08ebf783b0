#include "boost/rounds.h"

#include <math.h>
#include <string.h>

#include <snnk/fit.h>
#include <snnk/logistic.h>

#include "base/size.h"
#include "boost/draw.h"
#include "boost/line_search.h"
#include "boost/split.h"
#include "fit/fit_features.h"
#include "fit/readout.h"

#define BLOCK  SNNK__FIT_BLOCK_ROWS
#define SMALL  1e-2 /* of the mean of |W_k|^2 */
#define RIDGES 13
#define LOGISTIC_RIDGES                                                                            \
    5 /* a factor of 10 apart, from LOGISTIC_FIRST: the largest first, as each
                           * solution is the start of the next */
#define LOGISTIC_FIRST 100.0

/* ---- Memory ---- */

static int allocate_arrays(snnk__boosting *g, bool weighted) {
    const snnk_allocator *a = g->allocator;
    const bool squared = g->config->loss == SNNK_LOSS_SQUARED;
    const size_t n = g->n, l = g->outputs;
    const size_t widest = snnk__max_size(g->state, (size_t)g->config->features);
    size_t count;
    int st;

    if (!snnk__mul_size(n, snnk__max_size(g->state, l), &count) ||
        !snnk__mul_size(l, g->state, &count) || !snnk__mul_size(BLOCK, widest, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu numbers, the state, overflow size_t", n,
                          g->state);
    st = snnk__alloc(a, n, sizeof *g->order, "an order", &g->order);
    if (st == SNNK_OK) st = snnk__alloc(a, n * g->state, sizeof *g->S, "states of rows", &g->S);
    if (st == SNNK_OK) st = snnk__alloc(a, BLOCK * widest, sizeof *g->block, "a block", &g->block);
    if (st == SNNK_OK) st = snnk__alloc(a, n * l, sizeof *g->P, "outputs", &g->P);
    if (st == SNNK_OK) st = snnk__alloc(a, n * l, sizeof *g->V, "outputs", &g->V);
    if (st == SNNK_OK) st = snnk__alloc(a, n * l, sizeof *g->R, "residuals", &g->R);
    if (st == SNNK_OK && squared) st = snnk__alloc(a, n * l, sizeof *g->Y, "targets", &g->Y);
    if (st == SNNK_OK && !squared) st = snnk__alloc(a, n, sizeof *g->labels, "labels", &g->labels);
    if (st == SNNK_OK && weighted)
        st = snnk__alloc(a, n, sizeof *g->weights, "weights", &g->weights);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, l * g->state, sizeof *g->B, "a readout", &g->B);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, l, sizeof *g->b, "a readout", &g->b);
    if (st == SNNK_OK) st = snnk__alloc(a, l, (g->width + l) * sizeof *g->K, "directions", &g->K);
    return st;
}

static int identity_map(size_t inputs, const snnk_allocator *allocator, const snnk_scaling *scaling,
                        snnk_map **map) {
    snnk_map_config config;

    snnk_map_config_init(&config, sizeof config);
    config.kind = SNNK_MAP_IDENTITY;
    config.allocator = allocator;
    return snnk_map_create(inputs, &config, scaling, map);
}

int snnk__boosting_create(snnk__boosting *g) {
    const snnk_rows *rows = g->rows;
    int st = allocate_arrays(g, rows->weights != NULL);

    if (st == SNNK_OK) st = identity_map(g->state, g->allocator, NULL, &g->identity);
    if (st == SNNK_OK)
        st = snnk__boost_split(g->allocator, rows, g->config->seed, g->config->heldout_share,
                               g->order, &g->train);
    for (size_t i = 0; st == SNNK_OK && i < g->n; i++) {
        const size_t from = g->order[i];

        for (size_t k = 0; g->Y && k < g->outputs; k++)
            g->Y[i * g->outputs + k] = snnk__rows_target(rows, from, k);
        if (g->labels) g->labels[i] = rows->labels[from];
        if (g->weights) g->weights[i] = rows->weights[from];
    }
    return st;
}

void snnk__boosting_free(const snnk__boosting *g) {
    void *const blocks[] = {g->order, g->S, g->block,  g->P,       g->V, g->R,
                            g->Y,     g->K, g->labels, g->weights, g->B, g->b};

    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) snnk__free(g->allocator, blocks[k]);
    snnk_map_free(g->identity);
}

/* ---- The first state ---- */

/* Set out (n x m, packed) to features of the inputs, in the order of learning. */
static int features_of_inputs(const snnk__boosting *g, const snnk_map *map, float *out) {
    const size_t d = g->inputs, m = snnk_map_features(map);
    const size_t bytes = g->rows->X ? sizeof(float) : sizeof(double);
    const char *source = g->rows->X ? (const char *)g->rows->X : (const char *)g->rows->X_f64;
    snnk__fit_features features;
    char *copy;
    int st = snnk__alloc(g->allocator, BLOCK, d * bytes, "a block of rows", &copy);

    if (st != SNNK_OK) return st;
    snnk__fit_features_of_map(map, &features);
    for (size_t first = 0; st == SNNK_OK && first < g->n; first += BLOCK) {
        const size_t count = snnk__min_size(BLOCK, g->n - first);
        snnk_rows part = {.size = sizeof part, .n = count, .inputs = d, .ldx = d};

        for (size_t i = 0; i < count; i++)
            memcpy(copy + i * d * bytes, source + g->order[first + i] * g->rows->ldx * bytes,
                   d * bytes);
        if (g->rows->X)
            part.X = (const float *)(const void *)copy;
        else
            part.X_f64 = (const double *)(const void *)copy;
        st = snnk__fit_features_make(&features, &part, first, out + first * m, g->workspace);
        if (st == SNNK_OK)
            st = snnk__progress_count(g->progress, (double)(first + count), (double)g->n);
    }
    snnk__fit_features_free(&features);
    snnk__free(g->allocator, copy);
    return st;
}

/* Make the scaling to x', which have mean |x'|^2 = 1. */
static int scaling_of_inputs(const snnk__boosting *g, snnk_scaling **scaling) {
    const size_t d = g->inputs;
    double *mean = NULL, *scale = NULL;
    snnk_scaling *learnt = NULL;
    int st = snnk__alloc(g->allocator, d, sizeof *mean, "a scaling", &mean);

    if (st == SNNK_OK) st = snnk__alloc(g->allocator, d, sizeof *scale, "a scaling", &scale);
    if (st == SNNK_OK) st = snnk_scaling_create(d, g->config->scaling, g->allocator, &learnt);
    if (st == SNNK_OK) st = snnk_scaling_add(learnt, g->rows);
    if (st == SNNK_OK) st = snnk_scaling_get(learnt, mean, scale);
    if (st == SNNK_OK) {
        for (size_t j = 0; g->config->scaling == SNNK_SCALING_STANDARDIZE && j < d; j++)
            scale[j] = fmax(scale[j] / sqrt((double)d), 1e-30);
        st = snnk_scaling_create_given(d, mean, scale, g->allocator, scaling);
    }
    snnk_scaling_free(learnt);
    snnk__free(g->allocator, scale);
    snnk__free(g->allocator, mean);
    return st;
}

/* Make the maps of x' and of the first representation. */
static int first_maps(const snnk__boosting *g, snnk_map *maps[2]) {
    snnk_scaling *scaling = NULL;
    float *inputs = NULL;
    int st = scaling_of_inputs(g, &scaling);

    if (st == SNNK_OK) st = identity_map(g->inputs, g->allocator, scaling, &maps[0]);
    if (st == SNNK_OK)
        st = snnk__alloc(g->allocator, g->n * g->inputs, sizeof *inputs, "inputs", &inputs);
    if (st == SNNK_OK) st = features_of_inputs(g, maps[0], inputs);
    for (size_t i = 0; st == SNNK_OK && i < g->n * g->outputs; i++) /* no outputs yet */
        g->R[i] = g->Y ? g->Y[i] : (size_t)g->labels[i / g->outputs] == i % g->outputs;
    if (st == SNNK_OK) {
        const snnk__boost_source source = {.columns = g->inputs,
                                           .ld = g->inputs,
                                           .outputs = g->outputs,
                                           .n = g->train,
                                           .S = inputs,
                                           .R = g->R,
                                           .scaling = scaling};

        st = snnk__boost_draw(g->config, g->allocator, 0, g->width, &source, &maps[1]);
    }
    snnk_scaling_free(scaling);
    snnk__free(g->allocator, inputs);
    return st;
}

int snnk__boosting_begin(snnk__boosting *g, snnk_layer **tower) {
    snnk_map *maps[2] = {NULL, NULL}, *both = NULL;
    int st = first_maps(g, maps);

    if (st == SNNK_OK) st = snnk_map_concat(2, (const snnk_map *const *)maps, &both);
    if (st == SNNK_OK) st = features_of_inputs(g, both, g->S);
    if (st == SNNK_OK) st = snnk_layer_create_tower(both, tower);
    for (int k = 0; k < 2; k++) snnk_map_free(maps[k]);
    snnk_map_free(both);
    return st;
}

/* Move the state through a layer, block by block. */
static int move_state(const snnk__boosting *g, const snnk_layer *layer) {
    const size_t k = g->state;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < g->n; first += BLOCK) {
        const size_t count = snnk__min_size(BLOCK, g->n - first);

        st = snnk_layer_forward(layer, count, g->S + first * k, k, g->block, k, g->workspace);
        if (st == SNNK_OK) memcpy(g->S + first * k, g->block, count * k * sizeof *g->S);
    }
    return st;
}

int snnk__boosting_run(const snnk__boosting *g, size_t n_layers, snnk_layer *const *layers) {
    int st = features_of_inputs(g, snnk_layer_map(layers[0]), g->S);

    for (size_t t = 1; st == SNNK_OK && t < n_layers; t++) st = move_state(g, layers[t]);
    return st;
}

/* ---- A round ---- */

/* R = Y - P, or ones and zeros minus probabilities. */
static void set_residuals(const snnk__boosting *g) {
    const size_t l = g->outputs;

    for (size_t i = 0; i < g->n; i++) {
        double *r = g->R + i * l;
        const float *p = g->P + i * l;

        if (g->Y) {
            for (size_t k = 0; k < l; k++) r[k] = g->Y[i * l + k] - (double)p[k];
        } else {
            snnk__softmax_row(l, p, p, 0, r);
            for (size_t k = 0; k < l; k++) r[k] = ((size_t)g->labels[i] == k) - r[k];
        }
    }
}

/* Set the first `width` of each row of K to (W W' + small I)^-1 W: R times it is the shortest
 * change of the representation that moves the outputs by R. Elimination in place, of rows of width
 * + l. */
static void set_directions(const snnk__boosting *g) {
    const size_t l = g->outputs, D = g->width, ld = D + l;
    double trace = 0;

    for (size_t k = 0; k < l; k++) {
        const double *w = g->B + k * g->state + g->inputs;
        double *row = g->K + k * ld;

        memcpy(row, w, D * sizeof *row);
        for (size_t j = 0; j < l; j++) {
            const double *v = g->B + j * g->state + g->inputs;

            row[D + j] = 0;
            for (size_t i = 0; i < D; i++) row[D + j] += w[i] * v[i];
        }
        trace += row[D + k];
    }
    if (!(trace > 0)) return; /* W is 0, and so is the first part of K: nothing moves */
    for (size_t k = 0; k < l; k++) g->K[k * ld + D + k] += SMALL * trace / (double)l;
    for (size_t k = 0; k < l; k++) { /* positive definite: no pivots are needed */
        double *pivot = g->K + k * ld;
        const double inverse = 1 / pivot[D + k];

        for (size_t j = 0; j < ld; j++) pivot[j] *= inverse;
        for (size_t i = 0; i < l; i++) {
            double *row = g->K + i * ld;
            const double factor = row[D + k];

            for (size_t j = 0; i != k && j < ld; j++) row[j] -= factor * pivot[j];
        }
    }
}

/* Add rows first ... end-1 of features of the state, with their residuals. */
static int add_features(const snnk__boosting *g, const snnk_map *map, size_t first, size_t end,
                        snnk_lstsq *lstsq) {
    const size_t m = snnk_map_features(map);
    int st = SNNK_OK;

    for (; st == SNNK_OK && first < end; first += BLOCK) {
        const size_t count = snnk__min_size(BLOCK, end - first);
        const snnk_rows rows = {.size = sizeof rows,
                                .n = count,
                                .X = g->block,
                                .Y_f64 = g->R + first * g->outputs,
                                .weights = g->weights ? g->weights + first : NULL};

        st = snnk_map_input_tower(map, count, g->S + first * g->state, g->state, g->block, m,
                                  g->workspace);
        if (st == SNNK_OK) st = snnk_lstsq_add(lstsq, &rows, g->workspace);
        if (st == SNNK_OK)
            st = snnk__progress_count(g->progress, (double)(first + count), (double)g->n);
    }
    return st;
}

/* Solve with a ridge that is given, or the best of a grid on held-out rows. Sets *ridge. */
static int solve(const snnk__boosting *g, snnk_lstsq *train, const snnk_lstsq *heldout,
                 double *ridge, double *B, double *b) {
    snnk_solve_config config;
    double ridges[RIDGES];
    size_t best;
    int st;

    snnk_solve_config_init(&config, sizeof config);
    if (*ridge < 0) {
        st = snnk_lstsq_default_ridges(train, RIDGES, ridges);
        if (st == SNNK_OK)
            st = snnk_lstsq_choose_ridge(train, heldout, NULL, RIDGES, ridges, g->workspace, NULL,
                                         &best);
        if (st != SNNK_OK) return st;
        *ridge = ridges[best];
    }
    config.ridge = *ridge;
    return snnk_lstsq_solve(train, &config, g->workspace, B, snnk_lstsq_features(train), b, NULL);
}

/* Set A (outputs x m, followed by outputs numbers) to the ridge solution from features of a map to
 * residuals. The correction of the representation is K' times it: the ridge solution is linear in
 * the targets. */
static int solve_correction(const snnk__boosting *g, const snnk_map *map, double *A) {
    const size_t m = snnk_map_features(map), l = g->outputs;
    snnk_lstsq *train = NULL, *heldout = NULL;
    double ridge = g->config->ridge;
    int st = snnk_lstsq_create(m, l, g->allocator, &train);

    snnk__progress_begin_stage(g->progress, 1);
    if (st == SNNK_OK) st = add_features(g, map, 0, g->train, train);
    if (st == SNNK_OK && ridge < 0) {
        st = snnk_lstsq_create(m, l, g->allocator, &heldout);
        if (st == SNNK_OK) st = add_features(g, map, g->train, g->n, heldout);
    }
    if (st == SNNK_OK) snnk__progress_begin_stage(g->progress, 1);
    if (st == SNNK_OK) st = solve(g, train, heldout, &ridge, A, A + l * m);
    snnk_lstsq_free(heldout);
    snnk_lstsq_free(train);
    return st;
}

/* Set M (outputs x m, followed by outputs numbers) to W K' A: where the correction moves the
 * outputs. */
static void move_of_outputs(const snnk__boosting *g, size_t m, const double *A, double *M) {
    const size_t l = g->outputs, D = g->width;

    for (size_t i = 0; i < l * (m + 1); i++) M[i] = 0;
    for (size_t k = 0; k < l; k++)
        for (size_t c = 0; c < l; c++) {
            const double *w = g->B + k * g->state + g->inputs, *direction = g->K + c * (D + l);
            double product = 0;

            for (size_t i = 0; i < D; i++) product += w[i] * direction[i];
            for (size_t j = 0; j < m; j++) M[k * m + j] += product * A[c * m + j];
            M[l * m + k] += product * A[l * m + c];
        }
}

/* Set V to where the correction moves the outputs of all rows. */
static int set_moves(const snnk__boosting *g, const snnk_map *map, const double *A) {
    const size_t m = snnk_map_features(map), l = g->outputs;
    snnk_layer *layer = NULL;
    double *M;
    int st = snnk__alloc(g->allocator, l, (m + 1) * sizeof *M, "moves", &M);

    if (st != SNNK_OK) return st;
    move_of_outputs(g, m, A, M);
    st = snnk__layer_of_solution(map, l, M, M + l * m, &layer);
    if (st == SNNK_OK) st = snnk_layer_forward(layer, g->n, g->S, g->state, g->V, l, g->workspace);
    snnk_layer_free(layer);
    snnk__free(g->allocator, M);
    return st;
}

static snnk__line line_of(const snnk__boosting *g, size_t first, size_t count, bool moves) {
    const size_t at = first * g->outputs;

    return (snnk__line){.n = count,
                        .outputs = g->outputs,
                        .P = g->P + at,
                        .V = moves ? g->V + at : NULL,
                        .Y = g->Y ? g->Y + at : NULL,
                        .labels = g->labels ? g->labels + first : NULL,
                        .weights = g->weights ? g->weights + first : NULL};
}

/* Create the dense layer from outputs to (0, K'): it leaves x' as they are. */
static int direction_layer(const snnk__boosting *g, snnk_layer **layer) {
    const size_t l = g->outputs;
    float *W;
    int st = snnk__alloc_zero(g->allocator, g->state * l, sizeof *W, "directions", &W);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < g->width; i++)
        for (size_t k = 0; k < l; k++)
            W[(g->inputs + i) * l + k] = (float)g->K[k * (g->width + l) + i];
    st = snnk_layer_create_dense(l, g->state, W, l, NULL, SNNK_IDENTITY, g->allocator, layer);
    snnk__free(g->allocator, W);
    return st;
}

/* Create s + (0, K' eta (A Phi(s) + a)). Changes A. */
static int residual_layer(const snnk__boosting *g, const snnk_map *map, double eta, double *A,
                          snnk_layer **layer) {
    const size_t m = snnk_map_features(map), l = g->outputs;
    snnk_layer *inner[2] = {NULL, NULL};
    int st;

    for (size_t i = 0; i < l * (m + 1); i++) A[i] *= eta;
    st = snnk__layer_of_solution(map, l, A, A + l * m, &inner[0]);
    if (st == SNNK_OK) st = direction_layer(g, &inner[1]);
    if (st == SNNK_OK)
        st = snnk_layer_create_residual(2, (const snnk_layer *const *)inner, SNNK_RESIDUAL_ADD, 1,
                                        g->allocator, layer);
    for (int k = 0; k < 2; k++) snnk_layer_free(inner[k]);
    return st;
}

int snnk__boosting_round(const snnk__boosting *g, uint64_t round, snnk_layer **layer) {
    const size_t m = (size_t)g->config->features;
    const snnk__boost_source source = {.n = g->train,
                                       .columns = g->state,
                                       .ld = g->state,
                                       .outputs = g->outputs,
                                       .S = g->S,
                                       .R = g->R};
    snnk_map *map = NULL;
    double *A = NULL, eta = 0;
    int st;

    set_residuals(g);
    set_directions(g);
    st = snnk__boost_draw(g->config, g->allocator, round, m, &source, &map);
    if (st == SNNK_OK)
        st = snnk__alloc(g->allocator, g->outputs, (m + 1) * sizeof *A, "a correction", &A);
    if (st == SNNK_OK) st = solve_correction(g, map, A);
    if (st == SNNK_OK) st = set_moves(g, map, A);
    if (st == SNNK_OK) {
        const snnk__line line = line_of(g, 0, g->train, true);

        eta = g->config->shrinkage * snnk__line_search(&line);
    }
    if (st == SNNK_OK && eta > 0) st = residual_layer(g, map, eta, A, layer);
    if (st == SNNK_OK && eta > 0) st = move_state(g, *layer);
    snnk__free(g->allocator, A);
    snnk_map_free(map);
    return st;
}

/* ---- The readout ---- */

static snnk_rows rows_of_state(const snnk__boosting *g, size_t first, size_t count) {
    return (snnk_rows){.size = sizeof(snnk_rows),
                       .n = count,
                       .inputs = g->state,
                       .X = g->S + first * g->state,
                       .Y_f64 = g->Y ? g->Y + first * g->outputs : NULL,
                       .labels = g->labels ? g->labels + first : NULL,
                       .weights = g->weights ? g->weights + first : NULL};
}

static int squared_readout(snnk__boosting *g, size_t count) {
    const snnk_rows learn = rows_of_state(g, 0, count);
    snnk_lstsq *train = NULL, *heldout = NULL;
    int st = snnk_lstsq_create(g->state, g->outputs, g->allocator, &train);

    if (st == SNNK_OK) st = snnk_lstsq_add(train, &learn, g->workspace);
    if (st == SNNK_OK && g->ridge < 0) {
        const snnk_rows others = rows_of_state(g, count, g->n - count);

        st = snnk_lstsq_create(g->state, g->outputs, g->allocator, &heldout);
        if (st == SNNK_OK) st = snnk_lstsq_add(heldout, &others, g->workspace);
    }
    if (st == SNNK_OK) st = solve(g, train, heldout, &g->ridge, g->B, g->b);
    snnk_lstsq_free(heldout);
    snnk_lstsq_free(train);
    return st;
}

/* Set P, and *layer unless it is NULL, by the readout. */
static int set_outputs(const snnk__boosting *g, snnk_layer **layer) {
    snnk_layer *made = NULL;
    int st = snnk__layer_of_solution(g->identity, g->outputs, g->B, g->b, &made);

    if (st == SNNK_OK)
        st = snnk_layer_forward(made, g->n, g->S, g->state, g->P, g->outputs, g->workspace);
    if (st == SNNK_OK && layer)
        *layer = made;
    else
        snnk_layer_free(made);
    return st;
}

static int logistic_solve(const snnk__boosting *g, size_t count, double ridge) {
    const snnk_rows learn = rows_of_state(g, 0, count);
    snnk_logistic_config config;

    snnk_logistic_config_init(&config, sizeof config);
    config.ridge = ridge;
    config.warm = 1;
    config.tolerance = 1e-5;
    config.allocator = g->allocator;
    return snnk_logistic_solve(&learn, g->outputs, &config, g->workspace, g->B, g->state, g->b,
                               NULL);
}

/* Choose the ridge of the cross-entropy: smaller and smaller, until the held-out loss rises. */
static int choose_logistic_ridge(snnk__boosting *g, size_t count) {
    double ridge = LOGISTIC_FIRST, least = INFINITY;
    int st = SNNK_OK;

    for (int k = 0; st == SNNK_OK && k < LOGISTIC_RIDGES; k++, ridge /= 10) {
        const snnk__line line = line_of(g, count, g->n - count, false);
        double loss;

        if ((st = logistic_solve(g, count, ridge)) == SNNK_OK) st = set_outputs(g, NULL);
        if (st != SNNK_OK) break;
        loss = snnk__line_loss(&line, 0);
        if (!(loss < least)) break;
        least = loss;
        g->ridge = ridge;
    }
    return st;
}

int snnk__boosting_readout(snnk__boosting *g, size_t count, snnk_layer **layer) {
    int st = SNNK_OK;

    snnk__progress_begin_stage(g->progress, 1);
    if (g->Y) {
        st = squared_readout(g, count);
    } else {
        if (g->ridge < 0) st = choose_logistic_ridge(g, count);
        if (st == SNNK_OK) st = logistic_solve(g, count, g->ridge);
    }
    return st == SNNK_OK ? set_outputs(g, layer) : st;
}

void snnk__boosting_losses(const snnk__boosting *g, double *train, double *heldout,
                           double *objective) {
    const snnk__line learn = line_of(g, 0, g->train, false);
    const snnk__line others = line_of(g, g->train, g->n - g->train, false);
    double weight = 0, square = 0;

    for (size_t i = 0; i < g->train; i++) weight += g->weights ? (double)g->weights[i] : 1;
    for (size_t k = 0; k < g->outputs * g->state; k++) square += g->B[k] * g->B[k];
    *objective = snnk__line_loss(&learn, 0);
    *train = *objective / weight;
    *objective += (g->Y ? 1 : 0.5) * g->ridge * square;
    weight = 0;
    for (size_t i = g->train; i < g->n; i++) weight += g->weights ? (double)g->weights[i] : 1;
    *heldout = g->n > g->train ? snnk__line_loss(&others, 0) / weight : NAN;
}
