#include "boost/candidates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "fit/outer_product.h"

#define PAIRS_PER_ROW 8    /* pairs that are weighed for each row */
#define MOST_INPUTS   3    /* of a row of few inputs */
#define SAMPLE        4096 /* rows that candidates are judged by */
#define SAMPLE_BLOCK  512
/* Features that vary less than this share of their mean square are constant. */
#define LEAST_VARIANCE 1e-9
/* The projections of the two rows of a pair: their tanh is -1/2 and 1/2; other functions have their
 * kink, or their steepest part, on the first. */
#define TANH_HALF 0.5493061443340548

static uint64_t seed_of(const snnk_boost_config *config, uint64_t round) {
    return config->seed + round * UINT64_C(0x9E3779B97F4A7C15);
}

/* ---- Random rows ---- */

int snnk__boost_draw_random(const snnk__boost_source *source, uint64_t round, size_t count,
                            float *G, float *c) {
    const snnk_boost_config *config = source->config;
    snnk_map_config made;
    snnk_map *map = NULL;
    double total = 0;
    int st = snnk_map_config_init(&made, sizeof made);

    for (size_t k = 0; k < source->d; k++) total += source->variance[k];
    made.kind = SNNK_MAP_ELEMENTWISE;
    made.features = count;
    made.seed = seed_of(config, round);
    made.projection = SNNK_PROJECTION_ORTHOGONAL;
    made.offset_scale = config->offset_scale;
    made.allocator = source->allocator;
    if (st == SNNK_OK) st = snnk_map_create(source->d, &made, NULL, &map);
    if (st == SNNK_OK) st = snnk_map_block_rows(map, 0, G, source->d, c);
    snnk_map_free(map);
    for (size_t j = 0; st == SNNK_OK && j < count * source->d; j++)
        G[j] = (float)((double)G[j] * config->projection_scale / sqrt(total));
    return st;
}

/* ---- Rows of few inputs ---- */

/* The first input whose shares up to it have a sum above u: an input of share 0 is never drawn. */
static size_t drawn_input(const snnk__boost_source *source, double u) {
    size_t last = 0;
    double sum = 0;

    for (size_t k = 0; k < source->d; k++) {
        if (!(source->share[k] > 0)) continue;
        sum += source->share[k];
        last = k;
        if (sum > u) break;
    }
    return last;
}

static size_t at_share(double u, size_t n) {
    return snnk__min_size((size_t)(u * (double)n), n - 1);
}

/* One to three inputs, with normal entries (the sign alone if it is one), and the kink of the
 * feature at a row of the data: it lies where data are. */
static void row_of_few_inputs(const snnk__boost_source *source, uint64_t seed, size_t j, float *g,
                              float *c) {
    double u[MOST_INPUTS + 2], entries[MOST_INPUTS], at = 0;

    snnk__random_uniform(seed, SNNK__STREAM_SPARSE, j, 0, MOST_INPUTS + 2, u);
    snnk__random_normal(seed, SNNK__STREAM_ENTRY, j, 0, MOST_INPUTS, entries);
    const size_t inputs = 1 + at_share(u[0], MOST_INPUTS);
    const float *x = source->X + at_share(u[1], source->n) * source->d;

    memset(g, 0, source->d * sizeof *g);
    for (size_t i = 0; i < inputs; i++) {
        const size_t k = drawn_input(source, u[2 + i]);
        const double entry = inputs == 1 ? copysign(1, entries[0]) : entries[i];

        g[k] += (float)(entry * source->config->projection_scale / sqrt(source->variance[k]));
    }
    for (size_t k = 0; k < source->d; k++) at += (double)g[k] * (double)x[k];
    *c = (float)-at;
}

/* Half of the candidates along learnt directions, half of few inputs. */
static int along_directions(const snnk__boost_source *source, uint64_t round, size_t count,
                            float *G, float *c) {
    const size_t d = source->d, dense = (count + 1) / 2;
    double *row;
    int st = snnk__boost_draw_random(source, round, dense, G, c);

    if (st == SNNK_OK) st = snnk__alloc(source->allocator, d, sizeof *row, "a row", &row);
    if (st != SNNK_OK) return st;
    snnk__multiply_rows(dense, d, source->root, row, G);
    snnk__free(source->allocator, row);
    for (size_t j = dense; j < count; j++)
        row_of_few_inputs(source, seed_of(source->config, round), j, G + j * d, &c[j]);
    return SNNK_OK;
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
            distance(source->d, source->X + a * source->d, source->X + b * source->d);

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
    const float *a = source->X + chosen->from * source->d;
    const float *b = source->X + chosen->to * source->d;
    const double far = distance(source->d, a, b);
    const double factor = (is_tanh ? 2 * TANH_HALF : 1) / (far * far);
    double at_a = 0;

    for (size_t j = 0; j < source->d; j++) {
        g[j] = (float)(factor * ((double)b[j] - (double)a[j]));
        at_a += (double)g[j] * (double)a[j];
    }
    *offset = (float)(-at_a - (is_tanh ? TANH_HALF : 0));
}

static int from_pairs(const snnk__boost_source *source, uint64_t round, size_t count, float *G,
                      float *c) {
    const uint64_t seed = seed_of(source->config, round);
    const size_t weighed = PAIRS_PER_ROW * count; /* count <= 64 * 32768 */
    pair *pairs;
    int st = snnk__alloc(source->allocator, weighed, sizeof *pairs, "pairs", &pairs);

    if (st != SNNK_OK) return st;
    double total = draw_pairs(seed, source, false, weighed, pairs);
    if (!(total > 0)) total = draw_pairs(seed, source, true, weighed, pairs);
    if (!(total > 0))
        st = snnk__fail(SNNK_E_STATE, "no two of %zu pairs of rows differ: the inputs are constant",
                        weighed);
    for (size_t j = 0; st == SNNK_OK && j < count; j++) {
        double u;

        snnk__random_uniform(seed, SNNK__STREAM_PAIR, weighed + j, 0, 1, &u);
        row_of_pair(source, pair_above(pairs, weighed, u * total),
                    source->config->activation == SNNK_TANH, G + j * source->d, &c[j]);
    }
    snnk__free(source->allocator, pairs);
    return st;
}

/* ---- Choosing ---- */

/* Sums over the sample, for each candidate. */
typedef struct scores {
    size_t n, count;      /* rows of the sample, candidates */
    float *X, *F;         /* SAMPLE_BLOCK x d and SAMPLE_BLOCK x count */
    double *sum, *square; /* of its feature, and of the square: count each */
    double *product;      /* of feature and residual: count x outputs */
    double *residual;     /* of the residuals: outputs */
    double weight;
} scores;

typedef struct scored {
    double score;
    size_t which;
} scored;

static int by_score(const void *left, const void *right) {
    const scored *a = left, *b = right;

    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->which < b->which ? -1 : a->which > b->which;
}

static int by_index(const void *left, const void *right) {
    const scored *a = left, *b = right;

    return a->which < b->which ? -1 : a->which > b->which;
}

static int scores_alloc(const snnk__boost_source *source, scores *s) {
    const snnk_allocator *a = source->allocator;
    const size_t l = source->outputs;
    int st = snnk__alloc(a, SAMPLE_BLOCK * sizeof *s->X, source->d, "a sample", &s->X);

    if (st == SNNK_OK)
        st = snnk__alloc(a, SAMPLE_BLOCK * sizeof *s->F, s->count, "candidates", &s->F);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, s->count, sizeof *s->sum, "sums", &s->sum);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, s->count, sizeof *s->square, "sums", &s->square);
    if (st == SNNK_OK)
        st = snnk__alloc_zero(a, s->count, l * sizeof *s->product, "sums", &s->product);
    if (st == SNNK_OK) st = snnk__alloc_zero(a, l, sizeof *s->residual, "sums", &s->residual);
    return st;
}

static void scores_free(const snnk__boost_source *source, const scores *s) {
    void *const blocks[] = {s->X, s->F, s->sum, s->square, s->product, s->residual};

    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        snnk__free(source->allocator, blocks[k]);
}

/* The row that is number i of the sample: one of each of equal parts of the rows. */
static size_t sampled(const snnk__boost_source *source, uint64_t round, size_t n, size_t i) {
    double u;

    if (n == source->n) return i;
    snnk__random_uniform(seed_of(source->config, round), SNNK__STREAM_SAMPLE, i, 0, 1, &u);
    return at_share(((double)i + u) / (double)n, source->n);
}

static void add_to_scores(const snnk__boost_source *source, size_t row, const float *f, scores *s) {
    const size_t l = source->outputs;
    const double w = source->weights ? (double)source->weights[row] : 1;
    const double *r = source->R + row * l;

    s->weight += w;
    for (size_t k = 0; k < l; k++) s->residual[k] += w * r[k];
    for (size_t j = 0; j < s->count; j++) {
        const double weighted = w * (double)f[j];

        s->sum[j] += weighted;
        s->square[j] += weighted * (double)f[j];
        if (f[j] == 0) continue;
        for (size_t k = 0; k < l; k++) s->product[j * l + k] += weighted * r[k];
    }
}

/* How much of the residuals a candidate explains on the sample; below 0 if it is constant. */
static double score_of(const snnk__boost_source *source, const scores *s, size_t j) {
    const size_t l = source->outputs;
    const double mean = s->sum[j] / s->weight;
    const double variance = s->square[j] - mean * s->sum[j];
    double explained = 0;

    if (!(variance > LEAST_VARIANCE * s->square[j])) return -1;
    for (size_t k = 0; k < l; k++) {
        const double product = s->product[j * l + k] - mean * s->residual[k];

        explained += product * product / variance;
    }
    return isfinite(explained) ? explained : -1;
}

static int judge(const snnk__boost_source *source, uint64_t round, const float *G, const float *c,
                 scores *s, scored *order) {
    const size_t d = source->d;
    snnk_map_config config;
    snnk_map *map = NULL;
    int st = snnk_map_config_init(&config, sizeof config);

    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = source->config->activation;
    config.allocator = source->allocator;
    if (st == SNNK_OK) st = snnk_map_create_from_rows(d, s->count, G, d, c, &config, NULL, &map);
    for (size_t first = 0; st == SNNK_OK && first < s->n; first += SAMPLE_BLOCK) {
        const size_t n = snnk__min_size(SAMPLE_BLOCK, s->n - first);

        for (size_t i = 0; i < n; i++)
            memcpy(s->X + i * d, source->X + sampled(source, round, s->n, first + i) * d,
                   d * sizeof *s->X);
        st = snnk_map_input_tower(map, n, s->X, d, s->F, s->count, source->workspace);
        for (size_t i = 0; st == SNNK_OK && i < n; i++)
            add_to_scores(source, sampled(source, round, s->n, first + i), s->F + i * s->count, s);
    }
    for (size_t j = 0; st == SNNK_OK && j < s->count; j++)
        order[j] = (scored){score_of(source, s, j), j};
    snnk_map_free(map);
    return st;
}

static int take_best(const snnk__boost_source *source, uint64_t round, size_t count, size_t most,
                     float *G, float *c, size_t *found) {
    const size_t d = source->d;
    scores s = {.n = snnk__min_size(source->n, SAMPLE), .count = count};
    scored *order = NULL;
    int st = snnk__alloc(source->allocator, count, sizeof *order, "scores", &order);

    if (st == SNNK_OK) st = scores_alloc(source, &s);
    if (st == SNNK_OK) st = judge(source, round, G, c, &s, order);
    if (st == SNNK_OK) {
        size_t taken = 0;

        qsort(order, count, sizeof *order, by_score);
        while (taken < most && taken < count && order[taken].score > 0) taken++;
        qsort(order, taken, sizeof *order, by_index);
        for (size_t j = 0; j < taken;
             j++) { /* which >= j: nothing is overwritten before its turn */
            memmove(G + j * d, G + order[j].which * d, d * sizeof *G);
            c[j] = c[order[j].which];
        }
        *found = taken;
    }
    scores_free(source, &s);
    snnk__free(source->allocator, order);
    return st;
}

int snnk__boost_candidates(const snnk__boost_source *source, uint64_t round, size_t most, float *G,
                           float *c, size_t *found) {
    const size_t count = most * (size_t)source->config->candidates;
    int st;

    switch (source->config->rows) {
    case SNNK_BOOST_PAIRS: st = from_pairs(source, round, count, G, c); break;
    case SNNK_BOOST_RANDOM: st = snnk__boost_draw_random(source, round, count, G, c); break;
    default: st = along_directions(source, round, count, G, c);
    }
    return st == SNNK_OK ? take_best(source, round, count, most, G, c, found) : st;
}
