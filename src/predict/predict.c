#include "predict/predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/overlap.h"
#include "base/rows.h"
#include "base/size.h"
#include "predict/tail.h"
#include "spectrum/activation_f64.h"

static const snnk_predict_config defaults = {
    .size = sizeof(snnk_predict_config), .error = 0.1, .probability = 0.05};
static const snnk_prediction no_prediction = {.size = sizeof(snnk_prediction)};

#define CONFIG_MINIMUM     sizeof(snnk_predict_config)
#define PREDICTION_MINIMUM sizeof(snnk_prediction)

/* A target error that needs more features than this counts as out of reach. */
#define MAX_FEATURES ((double)(1 << 24))

/* The most pairs of a batch that are evaluated. */
#define MAX_PAIRS  65536
#define LEAST_ROWS 16

/* About how many of them give the kurtosis. */
#define FOURTH_PAIRS 256

int snnk_predict_config_init(snnk_predict_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "predict config");
}

/* ---- Batches ---- */

void snnk__framed_rows_free(const snnk_allocator *allocator, snnk__framed_rows *framed) {
    snnk__free(allocator, framed->rows);
    snnk__free(allocator, framed->norm2);
    snnk__free(allocator, framed->offset);
    *framed = (snnk__framed_rows){0};
}

/* Allocate n rows of d + 1 coordinates. */
static int rows_alloc(size_t n, size_t d, const snnk_allocator *allocator,
                      snnk__framed_rows *framed) {
    snnk__framed_rows made = {.n = n, .d = d};
    size_t count;
    int st;

    if (!snnk__mul_size(n, d + 1, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu rows of %zu inputs overflow size_t", n, d);
    if ((st = snnk__alloc(allocator, count, sizeof(double), "rows", &made.rows)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, n, sizeof(double), "norms", &made.norm2)) != SNNK_OK)
        goto done;
    st = snnk__alloc(allocator, n, sizeof(double), "offsets", &made.offset);
    if (st != SNNK_OK) goto done;
    *framed = made;
    made = (snnk__framed_rows){0};
done:
    snnk__framed_rows_free(allocator, &made);
    return st;
}

/* The row of `all` rows that is row i of an evenly spaced sample of n. */
static size_t sampled(size_t i, size_t n, size_t all) {
    return (size_t)((double)i * (double)all / (double)n);
}

static double *row_at(const snnk__framed_rows *framed, size_t i) {
    return framed->rows + i * (framed->d + 1);
}

static void set_norms(snnk__framed_rows *framed) {
    for (size_t i = 0; i < framed->n; i++) {
        const double *row = row_at(framed, i);

        framed->norm2[i] = 0;
        for (size_t k = 0; k <= framed->d; k++) framed->norm2[i] += row[k] * row[k];
    }
}

int snnk__framed_rows_create(const snnk_frame *frame, bool weights, size_t d, size_t n, size_t all,
                             const float *X, size_t ldx, const float *b,
                             const snnk_allocator *allocator, snnk__framed_rows *framed) {
    const int st = rows_alloc(n, d, allocator, framed);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        const size_t row = sampled(i, n, all);
        const float *x = X + row * ldx;
        double *to = row_at(framed, i);

        to[d] = 0;
        framed->offset[i] = b ? b[row] : 0;
        if (frame)
            framed->offset[i] = snnk__frame_place(frame, weights, x, framed->offset[i], to);
        else
            for (size_t k = 0; k < d; k++) to[k] = x[k];
    }
    set_norms(framed);
    return SNNK_OK;
}

int snnk__block_rows_create(const snnk__map_block *block, bool weights, size_t n, size_t all,
                            const float *X, size_t ldx, const float *b,
                            const snnk_allocator *allocator, snnk__framed_rows *framed) {
    const int st = rows_alloc(n, block->linear.inputs, allocator, framed);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) {
        const size_t row = sampled(i, n, all);

        framed->offset[i] =
            block->kind->place(block, weights, X + row * ldx, b ? b[row] : 0, row_at(framed, i));
    }
    set_norms(framed);
    return SNNK_OK;
}

snnk__urf_products snnk__framed_products(const snnk__framed_rows *inputs, size_t i,
                                         const snnk__framed_rows *weights, size_t j) {
    const double *x = row_at(inputs, i), *w = row_at(weights, j);
    snnk__urf_products p = {inputs->norm2[i], weights->norm2[j], 0};

    for (size_t k = 0; k <= inputs->d; k++) p.xw += x[k] * w[k];
    return p;
}

/* ---- Summing up ---- */

/* Sums over pairs and blocks. */
typedef struct gathered {
    size_t n, l;
    snnk__pair *pair;       /* n x l */
    double *error;          /* n x l: the root mean square error of each pair; sorted later */
    double fourth;          /* sum of the fourth cumulants at a sample of pairs */
    double input2, weight2; /* mean squares in frame coordinates */
    double largest_product;
    double spectral_bound; /* bound on the error of spectra whose function is not known */
    double analyticity_halfwidth;
    size_t beyond;        /* pairs outside the interval of the spectrum */
    size_t fixed, random; /* how many features stay fixed, and how many grow, when the map is given
                           * more features */
} gathered;

/* The value that a block's estimate at pre-activation z is for; `value` is its mean. */
static double target_of(const snnk__map_facts *facts, double z, double value) {
    if (facts->target >= 0) return snnk__activation_f64(facts->target, z);
    return facts->target == SNNK__TARGET_PART ? 0 : value;
}

/* Add one block's estimate at a pair to the sum of the others'. */
static int add_estimate(const snnk__map_block *block, const snnk__map_facts *facts,
                        const snnk__urf_products *p, double offset, snnk__pair *sum) {
    snnk__pair_error e = {0};
    const int st = block->kind->error(block, p, offset, &e);

    if (st != SNNK_OK) return st;
    const double target = target_of(facts, p->xw + offset, e.value);

    sum->value += target;
    sum->bias += e.value - target;
    sum->variance += e.variance;
    sum->bound2 += e.bound2;
    return SNNK_OK;
}

static double fourth_of(const snnk__map_block *block, const snnk__urf_products *p, double offset) {
    return block->kind->fourth ? block->kind->fourth(block, p, offset) : 0;
}

/* Pairs where fourth cumulants are computed, which takes long: every step-th, in rows of l. An odd
 * step does not always meet the same outputs if their number is a power of two. */
static size_t sample_step(const gathered *g) { return g->n * g->l / FOURTH_PAIRS | 1; }

/* SNNK_E_UNSUPPORTED unless every block can be predicted. */
static int check_kinds(const snnk_map *map) {
    for (size_t k = 0; k < map->n_blocks; k++) {
        const snnk__map_kind *kind = map->blocks[k]->kind;

        if (!kind->error || !kind->place)
            return snnk__map_cannot(kind,
                                    "estimate no known kernel, so there is no error to predict");
    }
    return SNNK_OK;
}

static snnk__map_facts facts_of(const snnk__map_block *block) {
    snnk__map_facts facts = {.analyticity_halfwidth = INFINITY,
                             .radius = INFINITY,
                             .target = SNNK__TARGET_VALUE,
                             .random = block->features};

    if (block->kind->facts) block->kind->facts(block, &facts);
    return facts;
}

static bool beyond_interval(const snnk__map_facts *facts, double z) {
    return fabs(z - facts->center) > facts->radius;
}

static int gather_block(const snnk__map_block *block, const snnk__framed_rows *x,
                        const snnk__framed_rows *w, gathered *g) {
    const snnk__map_facts facts = facts_of(block);
    const size_t step = sample_step(g);
    size_t beyond = 0;
    int st;

    g->input2 = g->weight2 = g->largest_product = 0;
    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; j < g->l; j++) {
            const snnk__urf_products p = snnk__framed_products(x, i, w, j);
            const double offset = x->offset[i] + w->offset[j];
            const size_t pair = i * g->l + j;

            st = add_estimate(block, &facts, &p, offset, &g->pair[pair]);
            if (st != SNNK_OK) return st;
            if (pair % step == 0) g->fourth += fourth_of(block, &p, offset);
            beyond += beyond_interval(&facts, p.xw + offset);
            g->largest_product = fmax(g->largest_product, p.xx * p.ww);
        }
        g->input2 += x->norm2[i] / (double)g->n;
    }
    for (size_t j = 0; j < g->l; j++) g->weight2 += w->norm2[j] / (double)g->l;
    g->largest_product = sqrt(g->largest_product);
    g->beyond = snnk__max_size(g->beyond, beyond);
    return SNNK_OK;
}

/* Add what holds for a block's estimates at every pair. */
static void gather_facts(const snnk__map_block *block, gathered *g) {
    const snnk__map_facts facts = facts_of(block);

    g->analyticity_halfwidth = fmin(g->analyticity_halfwidth, facts.analyticity_halfwidth);
    if (facts.target < 0) g->spectral_bound += facts.spectral_error;
    g->fixed += facts.fixed;
    g->random += facts.random;
}

static int gather(const snnk_map *map, const snnk_allocator *allocator, size_t n, const float *X,
                  size_t ldx, size_t l, const float *W, size_t ldw, const float *b, gathered *g) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < map->n_blocks; k++) {
        const snnk__map_block *block = map->blocks[k];
        snnk__framed_rows x = {0}, w = {0};

        st = snnk__block_rows_create(block, false, g->n, n, X, ldx, NULL, allocator, &x);
        if (st == SNNK_OK)
            st = snnk__block_rows_create(block, true, l, l, W, ldw, b, allocator, &w);
        if (st == SNNK_OK) st = gather_block(block, &x, &w, g);
        gather_facts(block, g);
        snnk__framed_rows_free(allocator, &x);
        snnk__framed_rows_free(allocator, &w);
    }
    return st;
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* The q-quantile of n sorted values, interpolated. */
static double quantile(const double *sorted, size_t n, double q) {
    const double at = q * (double)(n - 1);
    const size_t below = (size_t)at;

    if (below + 1 >= n) return sorted[n - 1];
    const double share = at - (double)below;
    return share == 0 ? sorted[below] : (1 - share) * sorted[below] + share * sorted[below + 1];
}

/* The number of features if the growing ones are multiplied by `times`; 0 if that is too many. */
static uint64_t scaled_features(const gathered *g, double times) {
    const double random = (double)g->random * times;

    if (g->random == 0) return (uint64_t)g->fixed;
    /* Also true if random is NaN after an overflow. */
    if (!(random <= MAX_FEATURES - (double)g->fixed)) return 0;
    return g->fixed + (uint64_t)fmax(1, ceil(random));
}

/* A deviation relative to the rms value; infinite if either overflowed. */
static double share_of(double deviation, double rms) {
    if (deviation == 0) return 0;
    return isfinite(rms) ? deviation / rms : INFINITY;
}

/* The number of features for the wanted error by one bound; 0 if there is none. */
static uint64_t features_for(const gathered *g,
                             double (*exceedance)(const snnk__errors *, double, double),
                             const snnk__errors *errors, double error, double probability) {
    const double most = (MAX_FEATURES - (double)g->fixed) / (double)g->random;

    if (g->random == 0) return exceedance(errors, error, 1) <= probability ? g->fixed : 0;
    return scaled_features(g, snnk__times_needed(exceedance, errors, error, probability, most));
}

/* The excess kurtosis of the estimates: the mean over the sampled pairs, with the squares of their
 * variances as weights, since the pairs with the largest errors decide how many features it
 * takes. */
static double kurtosis_of(const gathered *g) {
    double square2 = 0;

    for (size_t i = 0; i < g->n * g->l; i += sample_step(g))
        square2 += g->pair[i].variance * g->pair[i].variance;
    if (square2 == 0) return 0;
    return isfinite(square2) && isfinite(g->fourth) ? fmax(g->fourth / square2, 0) : INFINITY;
}

static uint64_t fewer(uint64_t features, uint64_t others) {
    return others > 0 && (features == 0 || others < features) ? others : features;
}

/* Set the numbers of features for the wanted error. largest_bias, bound2: maxima over pairs. */
static void set_features(const gathered *g, const snnk_predict_config *config, double rms,
                         double largest_bias, double bound2, snnk_prediction *p) {
    const snnk__errors errors = {.n = g->n * g->l, .pair = g->pair, .kurtosis = kurtosis_of(g)};
    const double error = config->error * rms - g->spectral_bound, left = error - largest_bias;
    const double probability = config->probability;

    if (!(error > 0 && isfinite(rms))) return;
    p->features_chebyshev =
        features_for(g, snnk__exceedance_chebyshev, &errors, error, probability);
    if (left > 0 && isfinite(bound2))
        p->features_azuma = scaled_features(g, 8 * log(2 / probability) * bound2 / (left * left));
    p->features_needed = features_for(g, snnk__exceedance, &errors, error, probability);
    p->features_needed = fewer(p->features_needed, p->features_chebyshev);
    p->features_needed = fewer(p->features_needed, p->features_azuma);
}

/* E |e| for a normal error e with this mean and deviation. */
static double mean_magnitude(double bias, double deviation) {
    const double root_2 = 1.41421356237309504880, root_2_over_pi = 0.79788456080286535588;
    const double t = fabs(bias) / deviation;

    if (deviation == 0 || isinf(deviation)) return fabs(bias) + deviation;
    return deviation * (root_2_over_pi * exp(-t * t / 2) + t * erf(t / root_2));
}

static void summarise(gathered *g, const snnk_predict_config *config, snnk_prediction *p) {
    const size_t pairs = g->n * g->l;
    double square = 0, error2 = 0, bias2 = 0, bound2 = 0, ratio = 0, largest_bias = 0;

    for (size_t i = 0; i < pairs; i++) {
        const snnk__pair *pair = &g->pair[i];
        const double of_bias = pair->bias * pair->bias;

        square += pair->value * pair->value / (double)pairs;
        error2 += (pair->variance + of_bias) / (double)pairs;
        bias2 += of_bias / (double)pairs;
        bound2 = fmax(bound2, pair->bound2);
        largest_bias = fmax(largest_bias, fabs(pair->bias));
        g->error[i] = sqrt(pair->variance + of_bias);
        ratio += share_of(mean_magnitude(pair->bias, sqrt(pair->variance)), fabs(pair->value)) /
                 (double)pairs;
    }
    const double rms = isfinite(square) ? sqrt(square) : INFINITY; /* false for NaN */
    qsort(g->error, pairs, sizeof *g->error, by_value);
    p->standard_error = share_of(sqrt(error2), rms);
    p->median_error = share_of(quantile(g->error, pairs, 0.5), rms);
    p->error_95 = share_of(quantile(g->error, pairs, 0.95), rms);
    p->largest_error = share_of(g->error[pairs - 1], rms);
    p->mean_deviation = ratio;
    p->spectral_error = share_of(sqrt(bias2) + g->spectral_bound, rms);
    p->beyond_interval = (double)g->beyond / (double)pairs;
    p->value_rms = rms;
    p->input_norm = sqrt(g->input2);
    p->weight_norm = sqrt(g->weight2);
    p->largest_product = g->largest_product;
    p->analyticity_halfwidth = g->analyticity_halfwidth;
    p->beyond_analyticity = g->largest_product > g->analyticity_halfwidth;
    set_features(g, config, rms, largest_bias, bound2, p);
}

/* Set the quantiles over the batch for each output. */
static void output_quantiles(const gathered *g, double *scratch, size_t n_levels,
                             const double *levels, double *quantiles, size_t ldq) {
    for (size_t j = 0; j < g->l; j++) {
        double square = 0;

        for (size_t i = 0; i < g->n; i++) {
            const snnk__pair *e = &g->pair[i * g->l + j];

            square += e->value * e->value / (double)g->n;
            scratch[i] = sqrt(e->variance + e->bias * e->bias);
        }
        qsort(scratch, g->n, sizeof *scratch, by_value);
        for (size_t q = 0; q < n_levels; q++) {
            quantiles[j * ldq + q] = share_of(quantile(scratch, g->n, levels[q]), sqrt(square));
        }
    }
}

/* ---- Public functions ---- */

static int read_config(const snnk_predict_config *config, const snnk_prediction *prediction,
                       snnk_predict_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "predict config");
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_pointer(prediction, "prediction")) != SNNK_OK) return st;
    st = snnk__config_check(prediction, sizeof *prediction, PREDICTION_MINIMUM, "prediction");
    if (st != SNNK_OK) return st;
    if (!(ours->error > 0 && isfinite(ours->error)))
        return snnk__fail(SNNK_E_RANGE, "error = %g is not above 0", ours->error);
    if (!(ours->probability > 0 && ours->probability < 1))
        return snnk__fail(SNNK_E_RANGE, "probability = %g is not in 0 ... 1", ours->probability);
    return SNNK_OK;
}

static int check_batch(const snnk_map *map, const snnk_rows *rows, size_t l, const float *W,
                       size_t ldw, const float *b) {
    const size_t d = map->inputs;
    int st;

    if (rows->n == 0 || l == 0)
        return snnk__fail(
            SNNK_E_SHAPE,
            "n = %zu, l = %zu: at least 1 pair of an input and a weight row is needed", rows->n, l);
    if ((st = snnk__check_matrix(W, "W", l, d, ldw, sizeof *W)) != SNNK_OK) return st;
    if ((st = snnk__rows_check_finite(rows)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(W, "W", l, d, ldw)) != SNNK_OK) return st;
    return b ? snnk__check_finite(b, "b", 1, l, l) : SNNK_OK;
}

static int check_quantiles(size_t l, size_t n_levels, const double *levels, const double *quantiles,
                           size_t ldq) {
    int st;

    if (!quantiles) return SNNK_OK;
    st = snnk__check_matrix(quantiles, "quantiles", l, n_levels, ldq, sizeof *quantiles);
    if (st != SNNK_OK) return st;
    if (n_levels > 0 && (st = snnk__check_pointer(levels, "levels")) != SNNK_OK) return st;
    for (size_t i = 0; i < n_levels; i++)
        if (!(levels[i] >= 0 && levels[i] <= 1))
            return snnk__fail(SNNK_E_RANGE, "levels[%zu] = %g is not in 0 ... 1", i, levels[i]);
    const snnk__operand arrays[] = {SNNK__READ(levels, 1, n_levels, n_levels),
                                    SNNK__WRITTEN(quantiles, l, n_levels, ldq)};
    return snnk__check_overlap(2, arrays);
}

/* Allocate arrays for the pairs of g->n inputs and g->l weights. The caller frees both, also on
 * failure. */
static int pairs_alloc(const snnk_allocator *allocator, gathered *g) {
    size_t pairs;
    int st;

    if (!snnk__mul_size(g->n, g->l, &pairs))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu pairs overflow size_t", g->n, g->l);
    st = snnk__alloc_zero(allocator, pairs, sizeof *g->pair, "pairs", &g->pair);
    if (st != SNNK_OK) return st;
    return snnk__alloc(allocator, pairs, sizeof *g->error, "errors", &g->error);
}

int snnk_map_predict(const snnk_map *map, const snnk_rows *rows, size_t l, const float *W,
                     size_t ldw, const float *b, const snnk_predict_config *config, size_t n_levels,
                     const double *levels, double *quantiles, size_t ldq,
                     snnk_prediction *prediction) {
    gathered g = {.l = l, .analyticity_halfwidth = INFINITY};
    snnk_prediction made = no_prediction;
    snnk_predict_config ours;
    snnk__float_rows floats;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = read_config(config, prediction, &ours)) != SNNK_OK) return st;
    if ((st = snnk__rows_read(rows, map->inputs, 0, false, &read)) != SNNK_OK) return st;
    if ((st = check_batch(map, &read, l, W, ldw, b)) != SNNK_OK) return st;
    if ((st = check_quantiles(l, n_levels, levels, quantiles, ldq)) != SNNK_OK) return st;
    if ((st = check_kinds(map)) != SNNK_OK) return st;
    const snnk_allocator *allocator = &map->allocator;

    if ((st = snnk__float_rows_open(allocator, &read, read.n, &floats)) != SNNK_OK) return st;
    const snnk_rows all = snnk__float_rows_part(&floats, 0, read.n);
    g.n = snnk__min_size(all.n, snnk__max_size(MAX_PAIRS / l, LEAST_ROWS));
    if ((st = pairs_alloc(allocator, &g)) != SNNK_OK) goto done;
    st = gather(map, allocator, all.n, all.X, all.ldx, l, W, ldw, b, &g);
    if (st != SNNK_OK) goto done;
    if (quantiles) output_quantiles(&g, g.error, n_levels, levels, quantiles, ldq);
    summarise(&g, &ours, &made);
    st = snnk__config_write(prediction, &made, sizeof made, PREDICTION_MINIMUM, "prediction");
done:
    snnk__free(allocator, g.error);
    snnk__free(allocator, g.pair);
    snnk__float_rows_close(&floats);
    return st;
}

int snnk_map_predict_norms(const snnk_map *map, double input_norm, double weight_norm, double inner,
                           double offset, const snnk_predict_config *config,
                           snnk_prediction *prediction) {
    const snnk__urf_products p = {input_norm * input_norm, weight_norm * weight_norm, inner};
    snnk__pair sum = {0};
    double error;
    gathered g = {.n = 1,
                  .l = 1,
                  .pair = &sum,
                  .error = &error,
                  .input2 = p.xx,
                  .weight2 = p.ww,
                  .largest_product = input_norm * weight_norm,
                  .analyticity_halfwidth = INFINITY};
    snnk_predict_config ours;
    snnk_prediction made = no_prediction;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = read_config(config, prediction, &ours)) != SNNK_OK) return st;
    if (!(input_norm >= 0 && weight_norm >= 0 && isfinite(input_norm * weight_norm)))
        return snnk__fail(SNNK_E_RANGE,
                          "input_norm = %g and weight_norm = %g must be finite and >= 0",
                          input_norm, weight_norm);
    if (!(fabs(inner) <= input_norm * weight_norm * (1 + 1e-9)))
        return snnk__fail(SNNK_E_RANGE,
                          "the magnitude of inner = %g is above the product of the norms, %g",
                          inner, input_norm * weight_norm);
    if (!isfinite(offset)) return snnk__fail(SNNK_E_NONFINITE, "offset = %g is not finite", offset);
    if ((st = check_kinds(map)) != SNNK_OK) return st;
    for (size_t k = 0; k < map->n_blocks; k++) {
        const snnk__map_block *block = map->blocks[k];
        const snnk__map_facts facts = facts_of(block);

        if ((st = add_estimate(block, &facts, &p, offset, &sum)) != SNNK_OK) return st;
        g.fourth += fourth_of(block, &p, offset);
        if (beyond_interval(&facts, p.xw + offset)) g.beyond = 1;
        gather_facts(block, &g);
    }
    summarise(&g, &ours, &made);
    return snnk__config_write(prediction, &made, sizeof made, PREDICTION_MINIMUM, "prediction");
}

int snnk_predict_depth(size_t n, const double *errors, const double *failures, const double *moduli,
                       double *error, double *failure) {
    const double *arrays[] = {errors, failures, moduli};
    const char *names[] = {"errors", "failures", "moduli"};
    double e = 0, p = 0;
    int st;

    if ((st = snnk__check_pointer(error, "error")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(failure, "failure")) != SNNK_OK) return st;
    if (n == 0) return snnk__fail(SNNK_E_SHAPE, "n = 0: at least 1 layer is needed");
    for (size_t a = 0; a < 3; a++) {
        if ((st = snnk__check_pointer(arrays[a], names[a])) != SNNK_OK) return st;
        for (size_t k = 0; k < n; k++)
            if (!(arrays[a][k] >= 0))
                return snnk__fail(SNNK_E_RANGE, "%s[%zu] = %g must be >= 0", names[a], k,
                                  arrays[a][k]);
    }
    for (size_t k = 0; k < n; k++) {
        e = errors[k] + (e > 0 ? moduli[k] * e : 0);
        p += failures[k];
    }
    *error = e;
    *failure = fmin(p, 1);
    return SNNK_OK;
}
