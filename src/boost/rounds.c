#include "boost/rounds.h"

#include <math.h>
#include <string.h>

#include <snnk/directions.h>
#include <snnk/fit.h>
#include <snnk/logistic.h>

#include "base/random.h"
#include "base/size.h"
#include "boost/candidates.h"
#include "boost/split.h"
#include "fit/fit_features.h"
#include "fit/readout.h"
#include "solve/symmetric_power.h"

#define BLOCK       SNNK__FIT_BLOCK_ROWS
#define LEAST_SHARE 0.25 /* of few rows, that is held out */
/* Eigenvalues of M, which are 1 on average, below this are noise of the sums of float products. */
#define LEAST_EIGENVALUE 1e-14
#define RIDGES           7 /* a factor of 10 apart, up to the mean diagonal of the moments */
#define SINGLE_ROUNDING  1e-7
#define NEAR_RIDGES      3 /* around that of the round before, a factor of NEAR apart */
#define NEAR             3.1622776601683795
#define LOGISTIC_RIDGES                                                                            \
    5 /* a factor of 10 apart, from LOGISTIC_FIRST: the largest first, as each                     \
       * solution is the start of the next */
#define LOGISTIC_FIRST 100.0

/* ---- Memory ---- */

static bool is_squared(const snnk__boosting *g) { return g->config->loss == SNNK_LOSS_SQUARED; }

/* Room for the rows of features, and of the candidates of one round behind them. */
static int allocate_features(snnk__boosting *g) {
    const snnk_allocator *a = g->allocator;
    const snnk_boost_config *c = g->config;
    const size_t m = (size_t)c->features;
    const size_t rows = g->most + m * (size_t)c->candidates, l = g->outputs;
    const bool learnt = c->rows == SNNK_BOOST_DIRECTIONS;
    size_t count;
    int st;

    if (!snnk__mul_size(rows, g->d, &count) || !snnk__mul_size(g->most, l, &count) ||
        !snnk__mul_size(g->most, snnk__max_size(g->n, BLOCK), &count))
        return snnk__fail(SNNK_E_SIZE, "%zu features of %zu rows overflow size_t", g->most, g->n);
    st = snnk__alloc(a, rows, g->d * sizeof *g->G, "rows of features", &g->G);
    if (st == SNNK_OK) st = snnk__alloc(a, rows, sizeof *g->c, "offsets", &g->c);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, g->most, l * sizeof *g->B, "a readout", &g->B);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, l, sizeof *g->b, "a readout", &g->b);
    if (st == SNNK_OK) st = snnk__alloc(a, g->most, l * sizeof *g->Psi, "a readout", &g->Psi);
    if (st == SNNK_OK)
        st =
            snnk__alloc(a, is_squared(g) ? BLOCK : g->n, g->most * sizeof *g->F, "features", &g->F);
    if (st == SNNK_OK && learnt)
        st = snnk__alloc(a, g->d, g->d * sizeof *g->root, "M^(1/2), d x d", &g->root);
    if (st == SNNK_OK && learnt) st = snnk__alloc(a, g->d, sizeof *g->share, "shares", &g->share);
    return st;
}

static int allocate_rows(snnk__boosting *g) {
    const snnk_allocator *a = g->allocator;
    const size_t n = g->n, l = g->outputs;
    size_t count;
    int st;

    if (!snnk__mul_size(n, snnk__max_size(g->d, l), &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu numbers overflow size_t", n,
                          snnk__max_size(g->d, l));
    st = snnk__alloc(a, n, sizeof *g->order, "an order", &g->order);
    if (st == SNNK_OK) st = snnk__alloc(a, n, g->d * sizeof *g->X, "scaled inputs", &g->X);
    if (st == SNNK_OK) st = snnk__alloc(a, n, l * sizeof *g->P, "outputs", &g->P);
    if (st == SNNK_OK) st = snnk__alloc(a, n, l * sizeof *g->R, "residuals", &g->R);
    if (st == SNNK_OK && is_squared(g)) st = snnk__alloc(a, n, l * sizeof *g->Y, "targets", &g->Y);
    if (st == SNNK_OK && !is_squared(g))
        st = snnk__alloc(a, n, sizeof *g->labels, "labels", &g->labels);
    if (st == SNNK_OK && g->rows->weights)
        st = snnk__alloc(a, n, sizeof *g->weights, "weights", &g->weights);
    return st;
}

/* Learn the scaling, and what gradients need. Steps have no gradients, but with other rows they are
 * no reason to refuse: the features that are checked are others then. */
static int open_product(snnk__boosting *g) {
    snnk_map_config map;
    double total = 0;
    int st = snnk_map_config_init(&map, sizeof map);

    map.features = 1;
    map.allocator = g->allocator;
    if (g->config->rows == SNNK_BOOST_DIRECTIONS) {
        map.kind = SNNK_MAP_ELEMENTWISE;
        map.activation = g->config->activation;
    }
    if (st == SNNK_OK)
        st = snnk__outer_product_open(g->allocator, g->rows, g->outputs, g->config->scaling, &map,
                                      g->config->seed, &g->product);
    for (size_t k = 0; st == SNNK_OK && k < g->d; k++) total += g->product.variance[k];
    if (st == SNNK_OK && !(total > 0))
        st = snnk__fail(SNNK_E_STATE, "the inputs are constant in all %zu rows", g->n);
    return st;
}

static void copy_rows(const snnk__boosting *g) {
    const snnk_rows *rows = g->rows;
    const size_t d = g->d, l = g->outputs;

    for (size_t i = 0; i < g->n; i++) {
        const size_t from = g->order[i];

        for (size_t k = 0; k < d; k++)
            g->X[i * d + k] = (float)((snnk__rows_input(rows, from, k) - g->product.mean[k]) *
                                      g->product.scale[k]);
        for (size_t k = 0; g->Y && k < l; k++) g->Y[i * l + k] = snnk__rows_target(rows, from, k);
        if (g->labels) g->labels[i] = rows->labels[from];
        if (g->weights) g->weights[i] = rows->weights[from];
    }
}

/* Move a random sample of the known rows to the front: the first steps of a shuffle. */
static void draw_round_rows(snnk__boosting *g) {
    const uint64_t most = g->config->most_rows;

    g->train = g->known;
    if (most == 0 || most >= g->known) return;
    g->train = (size_t)most;
    for (size_t i = 0; i < g->train; i++) {
        double u;

        snnk__random_uniform(g->config->seed, SNNK__STREAM_SHUFFLE, i, 0, 1, &u);
        const size_t last = g->known - 1;
        const size_t j = snnk__min_size(i + (size_t)(u * (double)(g->known - i)), last);
        const size_t kept = g->order[i];

        g->order[i] = g->order[j];
        g->order[j] = kept;
    }
}

int snnk__boosting_create(snnk__boosting *g) {
    const snnk_boost_config *c = g->config;
    const bool few = g->n <= SNNK_FIT_MAX_LEFT_OUT && c->heldout_share > 0;
    const double share = few ? fmax(c->heldout_share, LEAST_SHARE) : c->heldout_share;
    int st;

    if (g->d > SNNK_DIRECTIONS_MAX_INPUTS)
        return snnk__fail(SNNK_E_SIZE, "%zu inputs are more than %d, the most for boosting", g->d,
                          SNNK_DIRECTIONS_MAX_INPUTS);
    if (!snnk__mul_size((size_t)c->features, (size_t)c->rounds + 1, &g->most))
        return snnk__fail(SNNK_E_SIZE, "the features of all rounds overflow size_t");
    st = allocate_rows(g);
    if (st == SNNK_OK) st = allocate_features(g);
    if (st == SNNK_OK)
        st = snnk__boost_split(g->allocator, g->rows, c->seed, share, g->order, &g->known);
    if (st == SNNK_OK) draw_round_rows(g);
    if (st == SNNK_OK) st = open_product(g);
    if (st == SNNK_OK) copy_rows(g);
    return st;
}

void snnk__boosting_free(const snnk__boosting *g) {
    void *const blocks[] = {g->order, g->X, g->F, g->P, g->Y, g->R,    g->labels, g->weights,
                            g->Psi,   g->B, g->b, g->G, g->c, g->root, g->share};

    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) snnk__free(g->allocator, blocks[k]);
    snnk_map_free(g->map);
    snnk__outer_product_close(&g->product);
}

/* ---- Features ---- */

static snnk_map_config settings_of_map(const snnk__boosting *g) {
    snnk_map_config config;

    snnk_map_config_init(&config, sizeof config);
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = g->config->activation;
    config.allocator = g->allocator;
    return config;
}

/* Make the map of the first features. */
int snnk__boosting_cut(snnk__boosting *g, size_t features) {
    const snnk_map_config config = settings_of_map(g);
    snnk_map *map;
    const int st = snnk_map_create_from_rows(g->d, features, g->G, g->d, g->c, &config, NULL, &map);

    if (st != SNNK_OK) return st;
    snnk_map_free(g->map);
    g->map = map;
    g->features = features;
    return SNNK_OK;
}

/* Set M^(1/2), and the shares of inputs. *constant: the outputs depend on nothing. */
static int learn_directions(snnk__boosting *g, bool *constant) {
    const size_t d = g->d, m = g->features;
    const snnk__outer_rows rows = {.rows = m, .G = g->G, .c = g->c, .Psi = g->Psi};
    double sum = 0;
    int st;

    for (size_t j = 0; j < g->outputs * m; j++) g->Psi[j] = (float)g->B[j];
    st = snnk__outer_product_of_rows(&g->product, &rows, g->progress, g->root, constant);
    if (st != SNNK_OK || *constant) return st;
    for (size_t k = 0; k < d; k++) {
        g->share[k] = fmax(g->root[k * d + k], 0) * g->product.variance[k];
        sum += g->share[k];
    }
    for (size_t k = 0; k < d; k++) g->share[k] /= sum;
    return snnk__symmetric_power(g->allocator, d, 0.5, LEAST_EIGENVALUE, g->root);
}

static snnk__judged judged(const snnk__boosting *g, size_t first, size_t count) {
    const size_t at = first * g->outputs;

    return (snnk__judged){.n = count,
                          .outputs = g->outputs,
                          .P = g->P + at,
                          .Y = g->Y ? g->Y + at : NULL,
                          .labels = g->labels ? g->labels + first : NULL,
                          .weights = g->weights ? g->weights + first : NULL};
}

int snnk__boosting_grow(snnk__boosting *g, uint64_t round, size_t *added) {
    const size_t m = (size_t)g->config->features;
    float *G = g->G + g->features * g->d, *c = g->c + g->features;
    const snnk__judged learn = judged(g, 0, g->train);
    const snnk__boost_source source = {.config = g->config,
                                       .allocator = g->allocator,
                                       .workspace = g->workspace,
                                       .n = g->train,
                                       .d = g->d,
                                       .outputs = g->outputs,
                                       .X = g->X,
                                       .R = g->R,
                                       .weights = g->weights,
                                       .variance = g->product.variance,
                                       .root = g->root,
                                       .share = g->share};
    bool constant = false;
    int st = SNNK_OK;

    *added = 0;
    snnk__progress_begin_stage(g->progress, 1);
    if (round == 0) {
        st = snnk__boost_draw_random(&source, 0, m, G, c);
        *added = m;
    } else {
        snnk__judged_residuals(&learn, g->R);
        if (g->config->rows == SNNK_BOOST_DIRECTIONS) st = learn_directions(g, &constant);
        if (st == SNNK_OK && !constant) st = snnk__boost_candidates(&source, round, m, G, c, added);
    }
    return st == SNNK_OK && *added > 0 ? snnk__boosting_cut(g, g->features + *added) : st;
}

/* ---- The readout ---- */

/* Add rows first ... end-1 of features to statistics. */
static int add_features(const snnk__boosting *g, size_t first, size_t end, snnk_lstsq *lstsq) {
    const size_t m = g->features, begin = first;
    int st = SNNK_OK;

    for (; st == SNNK_OK && first < end; first += BLOCK) {
        const size_t count = snnk__min_size(BLOCK, end - first);
        const snnk_rows rows = {.size = sizeof rows,
                                .n = count,
                                .X = g->F,
                                .Y_f64 = g->Y + first * g->outputs,
                                .weights = g->weights ? g->weights + first : NULL};

        st = snnk_map_input_tower(g->map, count, g->X + first * g->d, g->d, g->F, m, g->workspace);
        if (st == SNNK_OK) st = snnk_lstsq_add(lstsq, &rows, g->workspace);
        if (st == SNNK_OK)
            st = snnk__progress_count(g->progress, (double)(first + count - begin),
                                      (double)(end - begin));
    }
    return st;
}

static int statistics(const snnk__boosting *g, size_t first, size_t end, snnk_lstsq **lstsq) {
    int st = snnk_lstsq_create(g->features, g->outputs, g->allocator, lstsq);

    if (st == SNNK_OK && g->config->ridge == SNNK_RIDGE_AUTO)
        st = snnk_lstsq_set_precision(*lstsq, SNNK_PRECISION_SINGLE);
    return st == SNNK_OK ? add_features(g, first, end, *lstsq) : st;
}

/* The least ridge with which sums in single precision can be solved: about their rounding, as a
 * share of the largest eigenvalue, which may be the sum of all. */
static int least_ridge(const snnk_lstsq *lstsq, double *ridge) {
    double grid[2];
    const int st = snnk_lstsq_default_ridges(lstsq, 2, grid); /* the last is the mean of all */

    if (st == SNNK_OK) *ridge = SINGLE_ROUNDING * (double)snnk_lstsq_features(lstsq) * grid[1];
    return st;
}

/* Choose the ridge from a grid, or, if there was one, among those near it: it hardly changes with
 * further features. */
static int choose_ridge(snnk__boosting *g, snnk_lstsq *train) {
    const bool near = g->ridge > 0;
    const size_t n_ridges = near ? NEAR_RIDGES : RIDGES;
    double ridges[RIDGES] = {g->ridge / NEAR, g->ridge, g->ridge * NEAR}, least = 0;
    snnk_lstsq *heldout = NULL;
    size_t best = 0;
    int st = near ? SNNK_OK : snnk_lstsq_default_ridges(train, RIDGES, ridges);

    if (st == SNNK_OK) st = least_ridge(train, &least);
    for (size_t k = 0; st == SNNK_OK && k < n_ridges; k++) ridges[k] = fmax(ridges[k], least);
    if (st == SNNK_OK) st = statistics(g, g->known, g->n, &heldout);
    if (st == SNNK_OK)
        st = snnk_lstsq_choose_ridge(train, heldout, NULL, n_ridges, ridges, g->workspace, NULL,
                                     &best);
    if (st == SNNK_OK) g->ridge = ridges[best];
    snnk_lstsq_free(heldout);
    return st;
}

static int squared_readout(snnk__boosting *g, size_t count, bool choose) {
    snnk_solve_config config;
    snnk_lstsq *train = NULL;
    int st = snnk_solve_config_init(&config, sizeof config);

    snnk__progress_begin_stage(g->progress, 1);
    if (st == SNNK_OK) st = statistics(g, 0, count, &train);
    snnk__progress_begin_stage(g->progress, 1);
    if (st == SNNK_OK && choose) st = choose_ridge(g, train);
    if (st == SNNK_OK && !choose && g->config->ridge == SNNK_RIDGE_AUTO) { /* of more rows */
        double least = 0;

        st = least_ridge(train, &least);
        g->ridge = fmax(g->ridge, least);
    }
    config.ridge = g->ridge;
    if (st == SNNK_OK)
        st = snnk_lstsq_solve(train, &config, g->workspace, g->B, g->features, g->b, NULL);
    snnk_lstsq_free(train);
    return st;
}

/* Set P by the readout. */
static int set_outputs(const snnk__boosting *g) {
    snnk_layer *layer = NULL;
    int st = snnk__layer_of_solution(g->map, g->outputs, g->B, g->b, &layer);

    if (st == SNNK_OK)
        st = snnk_layer_forward(layer, g->n, g->X, g->d, g->P, g->outputs, g->workspace);
    snnk_layer_free(layer);
    return st;
}

static int logistic_solve(const snnk__boosting *g, size_t count, double ridge) {
    const snnk_rows learn = {.size = sizeof learn,
                             .n = count,
                             .inputs = g->features,
                             .X = g->F,
                             .ldx = g->most,
                             .labels = g->labels,
                             .weights = g->weights};
    snnk_logistic_config config;

    snnk_logistic_config_init(&config, sizeof config);
    config.ridge = ridge;
    config.warm = 1;
    config.tolerance = 1e-5;
    config.allocator = g->allocator;
    return snnk_logistic_solve(&learn, g->outputs, &config, g->workspace, g->B, g->features, g->b,
                               NULL);
}

/* Choose the ridge of the cross-entropy: smaller and smaller, until the held-out loss rises. */
static int choose_logistic_ridge(snnk__boosting *g, size_t count) {
    const snnk__judged others = judged(g, g->known, g->n - g->known);
    double ridge = LOGISTIC_FIRST, least = INFINITY;
    int st = SNNK_OK;

    for (int k = 0; st == SNNK_OK && k < LOGISTIC_RIDGES; k++, ridge /= 10) {
        if ((st = logistic_solve(g, count, ridge)) == SNNK_OK) st = set_outputs(g);
        if (st != SNNK_OK) break;
        const double loss = snnk__judged_loss(&others);

        if (!(loss < least)) break;
        least = loss;
        g->ridge = ridge;
    }
    return st;
}

static int cross_entropy_readout(snnk__boosting *g, size_t count, bool choose) {
    int st;

    snnk__progress_begin_stage(g->progress, 2);
    /* Another number of features: the readout that Newton's method starts from is zero again. */
    for (size_t j = 0; j < g->outputs * g->features; j++) g->B[j] = 0;
    for (size_t k = 0; k < g->outputs; k++) g->b[k] = 0;
    st = snnk_map_input_tower(g->map, g->n, g->X, g->d, g->F, g->most, g->workspace);
    if (st == SNNK_OK && choose && g->ridge < 0) st = choose_logistic_ridge(g, count);
    return st == SNNK_OK ? logistic_solve(g, count, g->ridge) : st;
}

int snnk__boosting_readout(snnk__boosting *g, size_t count, bool choose) {
    const int st =
        g->Y ? squared_readout(g, count, choose) : cross_entropy_readout(g, count, choose);

    return st == SNNK_OK ? set_outputs(g) : st;
}

int snnk__boosting_layer(const snnk__boosting *g, snnk_layer **layer) {
    const snnk_map_config config = settings_of_map(g);
    snnk_map *map = NULL;
    int st = snnk_map_create_from_rows(g->d, g->features, g->G, g->d, g->c, &config,
                                       g->product.scaling, &map);

    if (st == SNNK_OK) st = snnk__layer_of_solution(map, g->outputs, g->B, g->b, layer);
    snnk_map_free(map);
    return st;
}

void snnk__boosting_losses(const snnk__boosting *g, double *train, double *heldout,
                           double *objective) {
    const snnk__judged learn = judged(g, 0, g->train);
    const snnk__judged others = judged(g, g->known, g->n - g->known);
    double square = 0;

    for (size_t k = 0; k < g->outputs * g->features; k++) square += g->B[k] * g->B[k];
    *objective = snnk__judged_loss(&learn);
    *train = *objective / snnk__judged_weight(&learn);
    *objective += (g->Y ? 1 : 0.5) * g->ridge * square;
    *heldout = g->n > g->known ? snnk__judged_loss(&others) / snnk__judged_weight(&others) : NAN;
}
