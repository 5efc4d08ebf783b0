#include <snnk/predict.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/overlap.h"
#include "base/rows.h"
#include "base/size.h"
#include "predict/framed_rows.h"
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

/* The most pairs whose kurtosis is computed, which takes long. */
#define KURTOSIS_PAIRS 256

int snnk_predict_config_init(snnk_predict_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "predict config");
}

/* ---- Summing up ---- */

/* Sums over pairs and blocks. */
typedef struct gathered {
    size_t n, l;
    snnk__pair *pair;       /* n x l */
    double *error;          /* n x l: the root mean square error of each pair; sorted later */
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

/* Inputs and weights. */
typedef struct batch {
    const snnk_allocator *allocator;
    size_t n, l;
    const float *X, *W, *b;
    size_t ldx, ldw;
} batch;

/* Place the batch in the coordinates of a block. The caller frees both, also on failure. */
static int place(const snnk__map_block *block, const batch *of, size_t n, snnk__framed_rows *x,
                 snnk__framed_rows *w) {
    int st;

    st = snnk__block_rows_create(block, false, n, of->n, of->X, of->ldx, NULL, of->allocator, x);
    if (st != SNNK_OK) return st;
    return snnk__block_rows_create(block, true, of->l, of->l, of->W, of->ldw, of->b, of->allocator,
                                   w);
}

static int gather(const snnk_map *map, const batch *of, gathered *g) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < map->n_blocks; k++) {
        const snnk__map_block *block = map->blocks[k];
        snnk__framed_rows x = {0}, w = {0};

        st = place(block, of, g->n, &x, &w);
        if (st == SNNK_OK) st = gather_block(block, &x, &w, g);
        gather_facts(block, g);
        snnk__framed_rows_free(of->allocator, &x);
        snnk__framed_rows_free(of->allocator, &w);
    }
    return st;
}

/* ---- Kurtosis ---- */

/* A pair in the order of variances. */
typedef struct ranked {
    double variance;
    size_t pair;
} ranked;

static int by_variance(const void *left, const void *right) {
    const ranked *a = left, *b = right;

    if (a->variance != b->variance) return a->variance < b->variance ? -1 : 1;
    return a->pair < b->pair ? -1 : a->pair > b->pair;
}

/* The rank of sample k of `count` among n pairs. Ranks are the denser the larger the variance,
 * since the pairs with the largest errors decide how many features it takes. The last is the
 * last. */
static size_t sampled_rank(size_t k, size_t count, size_t n) {
    const double from_end = 1 - (double)(k + 1) / (double)count;

    return n <= count ? k : n - 1 - (size_t)(from_end * from_end * (double)(n - 1));
}

static double kurtosis_of(double fourth, double variance) {
    const double square = variance * variance;

    if (square == 0) return 0;
    return isfinite(square) && isfinite(fourth) ? fmax(fourth / square, 0) : INFINITY;
}

/* Set the kurtosis at all pairs from the fourth cumulants at the sampled ones. In between, it is
 * the larger one of the two neighbours in the order of variances. */
static void spread_kurtosis(const ranked *order, size_t count, const double *fourth, gathered *g) {
    const size_t n = g->n * g->l;
    double before = 0;
    size_t rank = 0;

    for (size_t k = 0; k < count; k++) {
        const size_t at = sampled_rank(k, count, n);
        const double here = kurtosis_of(fourth[k], order[at].variance);

        for (; rank < at; rank++) g->pair[order[rank].pair].kurtosis = fmax(before, here);
        for (; rank <= at; rank++) g->pair[order[rank].pair].kurtosis = here;
        before = here;
    }
}

static int gather_kurtosis(const snnk_map *map, const batch *of, gathered *g) {
    const size_t n = g->n * g->l, count = snnk__min_size(n, KURTOSIS_PAIRS);
    double fourth[KURTOSIS_PAIRS] = {0};
    ranked *order = NULL;
    int st;

    st = snnk__alloc(of->allocator, n, sizeof *order, "an order of pairs", &order);
    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++) order[i] = (ranked){g->pair[i].variance, i};
    qsort(order, n, sizeof *order, by_variance);
    for (size_t k = 0; st == SNNK_OK && k < map->n_blocks; k++) {
        const snnk__map_block *block = map->blocks[k];
        snnk__framed_rows x = {0}, w = {0};

        st = place(block, of, g->n, &x, &w);
        for (size_t s = 0; st == SNNK_OK && s < count; s++) {
            const size_t pair = order[sampled_rank(s, count, n)].pair;
            const size_t i = pair / g->l, j = pair % g->l;
            const snnk__urf_products p = snnk__framed_products(&x, i, &w, j);

            fourth[s] += fourth_of(block, &p, x.offset[i] + w.offset[j]);
        }
        snnk__framed_rows_free(of->allocator, &x);
        snnk__framed_rows_free(of->allocator, &w);
    }
    if (st == SNNK_OK) spread_kurtosis(order, count, fourth, g);
    snnk__free(of->allocator, order);
    return st;
}

/* ---- Summaries ---- */

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

static uint64_t fewer(uint64_t features, uint64_t others) {
    return others > 0 && (features == 0 || others < features) ? others : features;
}

/* Set the numbers of features for the wanted error. largest_bias, bound2: maxima over pairs. */
static void set_features(const gathered *g, const snnk_predict_config *config, double rms,
                         double largest_bias, double bound2, snnk_prediction *p) {
    const snnk__errors errors = {.n = g->n * g->l, .pair = g->pair};
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
    const batch of = {allocator, all.n, l, all.X, W, b, all.ldx, ldw};

    if ((st = gather(map, &of, &g)) != SNNK_OK) goto done;
    if ((st = gather_kurtosis(map, &of, &g)) != SNNK_OK) goto done;
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
    double error, fourth = 0;
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
        fourth += fourth_of(block, &p, offset);
        if (beyond_interval(&facts, p.xw + offset)) g.beyond = 1;
        gather_facts(block, &g);
    }
    sum.kurtosis = kurtosis_of(fourth, sum.variance);
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
