#include "boost/draw.h"

#include <math.h>

#include "base/random.h"
#include "base/size.h"

#define CANDIDATES 8 /* pairs for each feature */
/* The projections of the two rows of a pair: their tanh is -1/2 and 1/2; other functions have their
 * kink, or their steepest part, on the first. */
#define TANH_HALF 0.5493061443340548

static uint64_t seed_of(const snnk_boost_config *config, uint64_t round) {
    return config->seed + round * UINT64_C(0x9E3779B97F4A7C15);
}

static snnk_map_config map_config(const snnk_boost_config *config, const snnk_allocator *allocator,
                                  uint64_t round, size_t features) {
    snnk_map_config map;

    snnk_map_config_init(&map, sizeof map);
    map.kind = SNNK_MAP_ELEMENTWISE;
    map.activation = config->activation;
    map.features = features;
    map.seed = seed_of(config, round);
    map.projection_scale = config->projection_scale;
    map.offset_scale = config->offset_scale;
    map.allocator = allocator;
    return map;
}

/* ---- Random rows ---- */

/* A scaling of the state to mean |s|^2 = 1. */
static int state_scaling(const snnk_allocator *allocator, const snnk__boost_source *source,
                         snnk_scaling **scaling) {
    const snnk_rows rows = {.size = sizeof rows, .n = source->n, .X = source->S, .ldx = source->ld};
    const int st = snnk_scaling_create(source->columns, SNNK_SCALING_COMMON, allocator, scaling);

    return st == SNNK_OK ? snnk_scaling_add(*scaling, &rows) : st;
}

/* ---- Rows from pairs ---- */

typedef struct pair {
    size_t from, to;
    double total; /* of the weights of all pairs up to this one */
} pair;

static double distance(size_t n, const float *a, const float *b) {
    double sum = 0;

    for (size_t j = 0; j < n; j++) {
        const double e = (double)b[j] - (double)a[j];

        sum += e * e;
    }
    return sqrt(sum);
}

static double residual_distance(const snnk__boost_source *source, size_t a, size_t b) {
    double sum = 0;

    for (size_t k = 0; k < source->outputs; k++) {
        const double e = source->R[a * source->outputs + k] - source->R[b * source->outputs + k];

        sum += e * e;
    }
    return sqrt(sum);
}

static size_t at_share(double u, size_t n) {
    return snnk__min_size((size_t)(u * (double)n), n - 1);
}

/* Draw pairs, whose weights are the differences of residuals over the distances. Returns the total
 * weight. uniform: every pair of different rows weighs 1 */
static double draw_pairs(uint64_t seed, const snnk__boost_source *source, bool uniform,
                         size_t count, pair *pairs) {
    double total = 0;

    for (size_t i = 0; i < count; i++) {
        double u[2];

        snnk__random_uniform(seed, SNNK__STREAM_PAIR, i, 0, 2, u);
        const size_t a = at_share(u[0], source->n), b = at_share(u[1], source->n);
        const double far =
            distance(source->columns, source->S + a * source->ld, source->S + b * source->ld);

        if (far > 1e-10) total += uniform ? 1 : residual_distance(source, a, b) / far;
        pairs[i] = (pair){a, b, total};
    }
    return total;
}

/* The first pair whose total is above a number: one of weight 0 is never taken. */
static const pair *pair_above(const pair *pairs, size_t count, double number) {
    size_t low = 0, high = count - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (pairs[middle].total > number)
            high = middle;
        else
            low = middle + 1;
    }
    return &pairs[low];
}

static void row_of_pair(const snnk__boost_source *source, const pair *chosen, bool is_tanh,
                        float *g, float *offset) {
    const float *a = source->S + chosen->from * source->ld;
    const float *b = source->S + chosen->to * source->ld;
    const double far = distance(source->columns, a, b);
    const double factor = (is_tanh ? 2 * TANH_HALF : 1) / (far * far);
    double at_a = 0;

    for (size_t j = 0; j < source->columns; j++) {
        g[j] = (float)(factor * ((double)b[j] - (double)a[j]));
        at_a += (double)g[j] * (double)a[j];
    }
    *offset = (float)(-at_a - (is_tanh ? TANH_HALF : 0));
}

static int fill_rows(const snnk_boost_config *config, const snnk_allocator *allocator,
                     uint64_t round, size_t features, const snnk__boost_source *source, float *G,
                     float *offsets) {
    const uint64_t seed = seed_of(config, round);
    const size_t count = CANDIDATES * features; /* features <= 32768 */
    pair *pairs;
    int st = snnk__alloc(allocator, count, sizeof *pairs, "pairs", &pairs);

    if (st != SNNK_OK) return st;
    double total = draw_pairs(seed, source, false, count, pairs);
    if (!(total > 0)) total = draw_pairs(seed, source, true, count, pairs);
    if (!(total > 0))
        st = snnk__fail(SNNK_E_STATE, "no two of %zu pairs of rows differ: the inputs are constant",
                        count);
    for (size_t j = 0; st == SNNK_OK && j < features; j++) {
        double u;

        snnk__random_uniform(seed, SNNK__STREAM_PAIR, count + j, 0, 1, &u);
        row_of_pair(source, pair_above(pairs, count, u * total), config->activation == SNNK_TANH,
                    G + j * source->columns, &offsets[j]);
    }
    snnk__free(allocator, pairs);
    return st;
}

static int from_pairs(const snnk_boost_config *config, const snnk_allocator *allocator,
                      uint64_t round, size_t features, const snnk__boost_source *source,
                      snnk_map **map) {
    const snnk_map_config made = map_config(config, allocator, round, features);
    float *G = NULL, *offsets = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(features, source->columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu numbers overflow size_t", features,
                          source->columns);
    st = snnk__alloc(allocator, count, sizeof *G, "rows", &G);
    if (st == SNNK_OK) st = snnk__alloc(allocator, features, sizeof *offsets, "offsets", &offsets);
    if (st == SNNK_OK) st = fill_rows(config, allocator, round, features, source, G, offsets);
    if (st == SNNK_OK)
        st = snnk_map_create_from_rows(source->columns, features, G, source->columns, offsets,
                                       &made, source->scaling, map);
    snnk__free(allocator, offsets);
    snnk__free(allocator, G);
    return st;
}

int snnk__boost_draw(const snnk_boost_config *config, const snnk_allocator *allocator,
                     uint64_t round, size_t features, const snnk__boost_source *source,
                     snnk_map **map) {
    snnk_map_config made = map_config(config, allocator, round, features);
    snnk_scaling *scaling = NULL;
    int st = SNNK_OK;

    if (source->scaling && config->map) { /* the first representation is as the caller wants it */
        made = *config->map;
        made.features = features;
        made.allocator = allocator;
    } else if (config->rows == SNNK_BOOST_PAIRS) {
        return from_pairs(config, allocator, round, features, source, map);
    }
    if (!source->scaling) st = state_scaling(allocator, source, &scaling);
    if (st == SNNK_OK)
        st = snnk_map_create(source->columns, &made, scaling ? scaling : source->scaling, map);
    snnk_scaling_free(scaling);
    return st;
}
