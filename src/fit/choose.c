/* Candidates, and their errors on samples of rows. */
#include <snnk/choose.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/rows.h"
#include "base/size.h"
#include "base/workspace.h"
#include "fit/fit_features.h"
#include "map/kind.h"
#include "solve/dual.h"

#define LEAST       16
#define MOST        32768
#define FIRST_ROWS  500 /* of the first round */
#define FIRST_M     128
#define FEW_ROWS    1024
#define FINALISTS   3  /* of the last of three rounds, besides the simplest */
#define RIDGES      14 /* from LEAST_RIDGE times the largest eigenvalue, a factor of 8 apart */
#define LEAST_RIDGE 1e-11

static const snnk_choose_config defaults = {.size = sizeof(snnk_choose_config),
                                            .max_rows = 2000,
                                            .features = 256,
                                            .choose = SNNK_CHOOSE_KIND | SNNK_CHOOSE_SCALE |
                                                      SNNK_CHOOSE_SCALING,
                                            .scaling = SNNK_SCALING_COMMON};

#define CONFIG_MINIMUM    sizeof(snnk_choose_config)
#define CANDIDATE_MINIMUM sizeof(snnk_candidate)

int snnk_choose_config_init(snnk_choose_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "choose config");
}

typedef struct scored {
    snnk_map_config map;
    size_t way, index; /* index: in the order in which candidates are made */
    int32_t scaling;
    bool finalist;
    double error;
    uint64_t rows, features;
} scored;

struct snnk_choice {
    snnk_allocator allocator;
    size_t n;
    scored *candidates;
};

/* ---- The list of candidates ---- */

/* The most candidates that one way with one scaling has. */
static size_t most_candidates(void) {
    const snnk__map_kind *kind;
    size_t count = 1;

    for (int32_t k = 0; k < snnk__map_kinds(); k++)
        if (snnk__map_kind_find(k, &kind) == SNNK_OK) count += kind->n_usual;
    return count;
}

static void add_candidate(snnk_choice *choice, const snnk_map_config *map, size_t way,
                          int32_t scaling) {
    choice->candidates[choice->n] = (scored){
        .map = *map, .way = way, .scaling = scaling, .index = choice->n, .error = INFINITY};
    choice->n++;
}

/* Add a kind with its usual settings. What may not be chosen is as in `map`. */
static void add_kind(snnk_choice *choice, const snnk_choose_config *config,
                     const snnk_map_config *map, int32_t value, size_t way, int32_t scaling) {
    const snnk__map_kind *kind;

    if (snnk__map_kind_find(value, &kind) != SNNK_OK) return;
    for (size_t k = 0; k < kind->n_usual; k++) {
        const snnk__usual *usual = &kind->usual[k];
        snnk_map_config made = *map;

        made.kind = value;
        if (config->choose & SNNK_CHOOSE_KIND) {
            made.order = usual->order;
            made.activation = usual->activation;
        }
        if (config->choose & SNNK_CHOOSE_SCALE) {
            made.projection_scale = usual->projection_scale;
            made.offset_scale = usual->offset_scale;
        } else {
            if (k > 0) return; /* usual settings differ in their scales */
            if (usual->offset_scale == 0) made.offset_scale = 0;
        }
        add_candidate(choice, &made, way, scaling);
    }
}

/* Add the kinds that may be chosen. */
static void add_kinds(snnk_choice *choice, const snnk_choose_config *config,
                      const snnk_map_config *map, size_t way, int32_t scaling) {
    const size_t before = choice->n;

    if (!(config->choose & SNNK_CHOOSE_KIND))
        add_kind(choice, config, map, map->kind, way, scaling);
    for (int32_t k = 0; (config->choose & SNNK_CHOOSE_KIND) && k < snnk__map_kinds(); k++)
        add_kind(choice, config, map, k, way, scaling);
    if (choice->n == before) add_candidate(choice, map, way, scaling); /* a kind of its own */
}

static void list_candidates(snnk_choice *choice, const snnk_choose_config *config,
                            const snnk_map_config *map, size_t n_ways) {
    for (size_t way = 0; way < n_ways; way++) {
        if (!(config->choose & SNNK_CHOOSE_SCALING)) {
            add_kinds(choice, config, map, way, config->scaling);
            continue;
        }
        add_kinds(choice, config, map, way, SNNK_SCALING_COMMON);
        add_kinds(choice, config, map, way, SNNK_SCALING_STANDARDIZE);
    }
}

/* ---- The sample ---- */

/* The rows that are scored. */
typedef struct sample {
    size_t n, outputs, n_ways;
    snnk_rows *ways;  /* n_ways, packed, without targets */
    void **inputs;    /* n_ways: what these borrow */
    double *Y;        /* n x outputs: targets, or ones and zeros */
    double *weights;  /* n; NULL without */
    uint64_t *groups; /* n; NULL without */
    double variation; /* weighted mean of the squared distance of targets from their mean */
    float *Phi;       /* n x features */
} sample;

static void sample_free(const snnk_allocator *allocator, const sample *s) {
    for (size_t k = 0; s->inputs && k < s->n_ways; k++) snnk__free(allocator, s->inputs[k]);
    snnk__free(allocator, s->inputs);
    snnk__free(allocator, s->ways);
    snnk__free(allocator, s->Y);
    snnk__free(allocator, s->weights);
    snnk__free(allocator, s->groups);
    snnk__free(allocator, s->Phi);
}

/* Copy the sampled inputs of one way, in their own type. */
static int copy_inputs(const snnk_allocator *allocator, const snnk_rows *from, const size_t *order,
                       size_t n, snnk_rows *to, void **inputs) {
    const size_t d = from->inputs, bytes = from->X ? sizeof(float) : sizeof(double);
    const char *source = from->X ? (const char *)from->X : (const char *)from->X_f64;
    size_t row;
    char *copy;
    int st;

    if (!snnk__mul_size(d, bytes, &row))
        return snnk__fail(SNNK_E_SIZE, "%zu inputs overflow size_t", d);
    if ((st = snnk__alloc(allocator, n, row, "a sample of rows", &copy)) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        memcpy(copy + i * row, source + order[i] * from->ldx * bytes, row);
    *inputs = copy;
    *to = (snnk_rows){.size = sizeof *to, .n = n, .inputs = d, .ldx = d};
    if (from->X)
        to->X = (const float *)(const void *)copy;
    else
        to->X_f64 = (const double *)(const void *)copy;
    return SNNK_OK;
}

static void copy_targets(const snnk_rows *from, const size_t *order, sample *s) {
    const size_t l = s->outputs;

    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < l; k++)
            s->Y[i * l + k] = from->labels ? (size_t)from->labels[order[i]] == k
                                           : snnk__rows_target(from, order[i], k);
        if (s->weights && from->weights) s->weights[i] = (double)from->weights[order[i]];
        if (s->groups && from->groups) s->groups[i] = from->groups[order[i]];
    }
}

/* The weighted mean of the squared distance from the mean, by moving means. */
static double variation_of(const sample *s) {
    double sum = 0, weight = 0;

    for (size_t k = 0; k < s->outputs; k++) {
        double mean = 0;

        weight = 0;
        for (size_t i = 0; i < s->n; i++) {
            const double y = s->Y[i * s->outputs + k], delta = y - mean;
            const double w = s->weights ? s->weights[i] : 1;

            weight += w;
            mean += w * delta / weight;
            sum += w * delta * (y - mean);
        }
    }
    return sum / weight;
}

static int sample_make(const snnk_allocator *allocator, size_t n_ways, const snnk_rows *ways,
                       const snnk_choose_config *config, sample *s) {
    const size_t all = ways[0].n, l = s->outputs;
    size_t *order = NULL;
    int st;

    s->n = (size_t)(all < config->max_rows ? all : config->max_rows);
    s->n_ways = n_ways;
    st = snnk__alloc_zero(allocator, n_ways, sizeof *s->inputs, "samples", &s->inputs);
    if (st == SNNK_OK) st = snnk__alloc(allocator, n_ways, sizeof *s->ways, "samples", &s->ways);
    if (st == SNNK_OK) st = snnk__alloc(allocator, s->n, l * sizeof *s->Y, "targets", &s->Y);
    if (st == SNNK_OK && ways[0].weights)
        st = snnk__alloc(allocator, s->n, sizeof *s->weights, "weights", &s->weights);
    if (st == SNNK_OK && ways[0].groups)
        st = snnk__alloc(allocator, s->n, sizeof *s->groups, "groups", &s->groups);
    if (st == SNNK_OK) st = snnk__alloc(allocator, all, sizeof *order, "an order", &order);
    if (st == SNNK_OK) {
        snnk__random_order(config->seed, all, s->n, order);
        copy_targets(&ways[0], order, s);
        s->variation = variation_of(s);
    }
    for (size_t k = 0; st == SNNK_OK && k < n_ways; k++)
        st = copy_inputs(allocator, &ways[k], order, s->n, &s->ways[k], &s->inputs[k]);
    snnk__free(allocator, order);
    return st;
}

/* ---- Scoring ---- */

static int scaling_of(const scored *c, const snnk_rows *rows, const snnk_allocator *allocator,
                      snnk_scaling **scaling) {
    int st;

    *scaling = NULL;
    if (c->scaling < 0) return SNNK_OK;
    st = snnk_scaling_create(rows->inputs, c->scaling, allocator, scaling);
    return st == SNNK_OK ? snnk_scaling_add(*scaling, rows) : st;
}

/* Set s->Phi to the features of a candidate on the first rows. */
static int features_of(const scored *c, const snnk_rows *rows, sample *s, snnk_workspace *workspace,
                       const snnk_allocator *allocator, size_t *m) {
    snnk_scaling *scaling = NULL;
    snnk_map *map = NULL;
    snnk__fit_features features;
    int st = scaling_of(c, rows, allocator, &scaling);

    if (st == SNNK_OK) st = snnk_map_create(rows->inputs, &c->map, scaling, &map);
    snnk_scaling_free(scaling);
    if (st != SNNK_OK) return st;
    *m = snnk_map_features(map);
    snnk__fit_features_of_map(map, &features);
    snnk__free(allocator, s->Phi);
    st = snnk__alloc(allocator, rows->n, *m * sizeof *s->Phi, "features", &s->Phi);
    for (size_t first = 0; st == SNNK_OK && first < rows->n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, rows->n - first);
        const snnk_rows part = snnk__rows_part(rows, first, count);

        st = snnk__fit_features_make(&features, &part, first, s->Phi + first * *m, workspace);
    }
    snnk__fit_features_free(&features);
    snnk_map_free(map);
    return st;
}

/* Set *error to the least mean squared error, weighted, of rows that are left out, over all ridges.
 */
static int error_of(const sample *s, size_t n, size_t m, snnk_workspace *workspace,
                    const snnk_allocator *allocator, double *error) {
    const size_t l = s->outputs;
    double ridges[RIDGES], *errors = NULL;
    snnk__dual *dual;
    int st = snnk__dual_create(&(snnk__dual_data){.allocator = allocator,
                                                  .n = n,
                                                  .m = m,
                                                  .t = l,
                                                  .Phi = s->Phi,
                                                  .ldphi = m,
                                                  .Y = s->Y,
                                                  .ldy = l,
                                                  .weights = s->weights,
                                                  .group = s->groups,
                                                  .intercept = true,
                                                  .workspace = workspace},
                               &dual);

    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < RIDGES; k++)
        ridges[k] = snnk__dual_largest(dual) * LEAST_RIDGE * pow(8, (double)k);
    st = snnk__alloc(allocator, RIDGES, l * sizeof *errors, "errors", &errors);
    if (st == SNNK_OK) st = snnk__dual_score(dual, RIDGES, ridges, NULL, NULL, NULL, errors);
    for (size_t k = 0; st == SNNK_OK && k < RIDGES; k++) {
        double sum = 0;

        for (size_t j = 0; j < l; j++) sum += errors[k * l + j];
        if (sum < *error) *error = sum;
    }
    snnk__free(allocator, errors);
    snnk__dual_free(dual);
    return st;
}

/* Score a candidate on the first rows of the sample. A candidate whose features overflow or are all
 * constant has an infinite error. */
static int score(scored *c, sample *s, size_t n, size_t m, snnk_workspace *workspace,
                 const snnk_allocator *allocator) {
    const snnk_rows rows = snnk__rows_part(&s->ways[c->way], 0, snnk__min_size(n, s->n));
    double error = INFINITY;
    snnk__sentence before;
    int st;

    snnk__sentence_save(&before);
    c->map.features = m;
    st = features_of(c, &rows, s, workspace, allocator, &m);
    if (st == SNNK_OK) st = error_of(s, rows.n, m, workspace, allocator, &error);
    if (st != SNNK_OK && st != SNNK_E_NONFINITE && st != SNNK_E_SINGULAR) return st;
    c->rows = rows.n;
    c->features = m;
    c->error = s->variation > 0 ? error / s->variation : error < INFINITY ? 0 : INFINITY;
    return snnk__recovered(SNNK_OK, &before);
}

static int by_error(const void *left, const void *right) {
    const scored *a = left, *b = right;

    if (a->error != b->error) return a->error < b->error ? -1 : 1;
    if (a->features != b->features) return a->features < b->features ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* A round of successive halving: all candidates that are left are scored with some rows and
 * features, and the best go on to the next round, which costs more for each. */
typedef struct halving {
    size_t rows, features;
    size_t kept; /* candidates that go on */
    double cost; /* of a candidate, relative to the first round */
} halving;

/* Set the rounds of `count` candidates, at most three, and return how many there are. */
static size_t plan(const sample *s, size_t count, size_t features, halving *rounds) {
    /* The solution for few rows has more features than rows: finer scales, which need many
     * features, are only found with many. They cost no more here than fewer with more rows. */
    const size_t m = s->n <= FEW_ROWS ? snnk__min_size(2 * features, MOST) : features;
    const size_t few = snnk__min_size(FIRST_M, snnk__max_size(s->n / 4 * 2, LEAST));
    const size_t finalists = FINALISTS + count / 8 + 1;
    size_t n = 0;

    if (count > finalists) {
        rounds[n++] = (halving){FIRST_ROWS, snnk__min_size(m, few), finalists, 1};
        if (s->n > 2 * FIRST_ROWS)
            rounds[n++] = (halving){2 * FIRST_ROWS, snnk__min_size(m, few), FINALISTS + 1, 2};
    }
    rounds[n++] = (halving){s->n, m, 1, 10};
    return n;
}

/* Score the first `count` candidates, and sort them. */
static int score_round(snnk_choice *choice, size_t count, sample *s, const halving *of,
                       snnk_workspace *workspace, snnk__progress *progress) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < count; k++) {
        snnk__progress_begin_stage(progress, of->cost);
        st =
            score(&choice->candidates[k], s, of->rows, of->features, workspace, &choice->allocator);
        if (st == SNNK_OK) st = snnk__progress_update(progress, 1);
    }
    if (st == SNNK_OK) qsort(choice->candidates, count, sizeof *choice->candidates, by_error);
    return st;
}

/* Move the candidate of the fewest features, the best of these, to place `last` unless it is before
 * that: all others are compared with it. */
static void keep_simplest(snnk_choice *choice, size_t last) {
    scored *c = choice->candidates;
    size_t simplest = 0;

    for (size_t k = 1; k < choice->n; k++)
        if (c[k].features < c[simplest].features) simplest = k;
    if (simplest <= last) return;
    const scored moved = c[simplest];
    memmove(c + last + 1, c + last, (simplest - last) * sizeof *c);
    c[last] = moved;
}

static int score_all(snnk_choice *choice, sample *s, const snnk_choose_config *config,
                     snnk_workspace *workspace) {
    halving rounds[3];
    const size_t n_rounds = plan(s, choice->n, (size_t)config->features, rounds);
    size_t count = choice->n;
    double work_of_all = 0;
    snnk__work work;
    int st = SNNK_OK;

    for (size_t k = 0; k < n_rounds; k++) {
        work_of_all += rounds[k].cost * (double)count;
        count = rounds[k].kept;
    }
    snnk__work_begin(workspace, work_of_all, &work);
    count = choice->n;
    for (size_t k = 0; st == SNNK_OK && k < n_rounds; k++) {
        st = score_round(choice, count, s, &rounds[k], workspace, &work.progress);
        for (size_t j = 0; k + 1 == n_rounds && j < count; j++)
            choice->candidates[j].finalist = true;
        count = rounds[k].kept;
        if (st == SNNK_OK && k + 1 < n_rounds) keep_simplest(choice, count - 1);
    }
    if (st == SNNK_OK) st = snnk__progress_finish(&work.progress);
    snnk__work_end(&work);
    if (st == SNNK_OK && isinf(choice->candidates[0].error))
        return snnk__fail(SNNK_E_STATE,
                          "no candidate has an error: the inputs are constant, or there are fewer "
                          "than two different rows or groups");
    return st;
}

/* ---- The public functions ---- */

static int check_config(const snnk_choose_config *c) {
    if (c->max_rows < LEAST || c->max_rows > MOST)
        return snnk__fail(SNNK_E_RANGE, "max_rows = %llu is not in %d ... %d",
                          (unsigned long long)c->max_rows, LEAST, MOST);
    if (c->features < LEAST || c->features > MOST || c->features % 2 != 0)
        return snnk__fail(SNNK_E_RANGE, "features = %llu is not an even number in %d ... %d",
                          (unsigned long long)c->features, LEAST, MOST);
    if (c->choose < 0 || c->choose > defaults.choose)
        return snnk__fail(SNNK_E_RANGE, "choose = %d is not in 0 ... %d", (int)c->choose,
                          (int)defaults.choose);
    if (c->scaling < -1 || c->scaling > SNNK_SCALING_STANDARDIZE)
        return snnk__fail(SNNK_E_ENUM, "scaling = %d is neither -1 nor a mode that learns",
                          (int)c->scaling);
    return SNNK_OK;
}

/* Check all ways, and set ours to what they are. */
static int read_ways(size_t n_ways, const snnk_rows *const *ways, size_t outputs, snnk_rows *ours) {
    int st = SNNK_OK;

    for (size_t k = 0; k < n_ways && st == SNNK_OK; k++) {
        st = snnk__rows_read(ways[k], 0, outputs, k == 0, &ours[k]);
        if (st == SNNK_OK) st = snnk__rows_check_finite(&ours[k]);
        if (st == SNNK_OK && ours[k].n != ours[0].n)
            st = snnk__fail(SNNK_E_SHAPE, "%zu rows, but the first way has %zu", ours[k].n,
                            ours[0].n);
        if (st != SNNK_OK && n_ways > 1) st = snnk__fail_within(st, "way %zu", k);
    }
    if (st == SNNK_OK && ours[0].n < 2)
        return snnk__fail(SNNK_E_STATE, "%zu rows are too few to choose from", ours[0].n);
    return st;
}

static int make(const snnk_allocator *allocator, size_t n_ways, const snnk_rows *ways,
                size_t outputs, const snnk_choose_config *config, const snnk_map_config *map,
                snnk_workspace *workspace, snnk_choice **choice) {
    const size_t most = n_ways * 2 * most_candidates();
    snnk_choice *made;
    sample s = {.outputs = outputs};
    int st = snnk__alloc_zero(allocator, 1, sizeof *made, "a choice", &made);

    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    st = snnk__alloc(allocator, most, sizeof *made->candidates, "candidates", &made->candidates);
    if (st == SNNK_OK) st = sample_make(allocator, n_ways, ways, config, &s);
    if (st == SNNK_OK) {
        list_candidates(made, config, map, n_ways);
        st = score_all(made, &s, config, workspace);
    }
    sample_free(allocator, &s);
    if (st == SNNK_OK)
        *choice = made;
    else
        snnk_choice_free(made);
    return st;
}

int snnk_choose(size_t n_ways, const snnk_rows *const *ways, size_t outputs,
                const snnk_choose_config *config, snnk_workspace *workspace, snnk_choice **choice) {
    snnk_choose_config ours = defaults;
    snnk_map_config map;
    snnk_allocator allocator;
    snnk_rows *read = NULL;
    int st;

    if ((st = snnk__check_pointer(choice, "choice")) != SNNK_OK) return st;
    *choice = NULL;
    if ((st = snnk__check_pointer(ways, "ways")) != SNNK_OK) return st;
    if (n_ways == 0 || n_ways > MOST || outputs == 0)
        return snnk__fail(SNNK_E_SHAPE, "%zu ways and %zu outputs: both must be at least 1", n_ways,
                          outputs);
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "choose config");
    if (st != SNNK_OK) return st;
    if ((st = check_config(&ours)) != SNNK_OK) return st;
    snnk_map_config_init(&map, sizeof map);
    map.projection = SNNK_PROJECTION_ORTHOGONAL;
    st = snnk__config_read(&map, sizeof map, sizeof map, ours.map, "map config");
    if (st != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, map.allocator)) != SNNK_OK) return st;
    st = snnk__alloc(&allocator, n_ways, sizeof *read, "rows", &read);
    if (st == SNNK_OK) st = read_ways(n_ways, ways, outputs, read);
    if (st == SNNK_OK) st = make(&allocator, n_ways, read, outputs, &ours, &map, workspace, choice);
    snnk__free(&allocator, read);
    return st;
}

void snnk_choice_free(snnk_choice *choice) {
    if (!choice) return;
    const snnk_allocator allocator = choice->allocator;

    snnk__free(&allocator, choice->candidates);
    snnk__free(&allocator, choice);
}

size_t snnk_choice_candidates(const snnk_choice *choice) { return choice ? choice->n : 0; }

int snnk_choice_get(const snnk_choice *choice, size_t k, snnk_candidate *candidate) {
    int st;

    if ((st = snnk__check_pointer(choice, "choice")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(candidate, "candidate")) != SNNK_OK) return st;
    if (k >= choice->n)
        return snnk__fail(SNNK_E_RANGE, "k = %zu, but there are %zu candidates", k, choice->n);
    st = snnk__config_check(candidate, sizeof *candidate, CANDIDATE_MINIMUM, "candidate");
    if (st != SNNK_OK) return st;
    const scored *from = &choice->candidates[k];
    const snnk_candidate filled = {.map = &from->map,
                                   .way = from->way,
                                   .scaling = from->scaling,
                                   .finalist = from->finalist,
                                   .error = from->error,
                                   .rows = from->rows,
                                   .features = from->features};
    return snnk__config_write(candidate, &filled, sizeof filled, CANDIDATE_MINIMUM, "candidate");
}
