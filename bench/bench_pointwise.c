/* Pointwise error of random features, measured and predicted, in the setting of Sehanobish et al. 2024:
 * x and w have d = 2000 coordinates, iid uniform on (0, 1)/sqrt(d).
 *
 * A row set is the random rows of one map; a draw is a pair (x, w). Row sets are drawn once for each
 * projection and serve every activation and method; each is met by several draws, and each draw by
 * several row sets. Errors of one row set at several draws are nearly independent where both towers
 * are centred, and nearly the same where they are not: the number of seeds is what counts there, and
 * is in the results. Orthogonal and simplex groups cost a 2000 x 2000 QR factorisation each: short maps
 * take disjoint slices of one group as their row sets.
 *
 * Without any random feature f(w.mu + nu.(x - mu)) is within 1 % here, and beats most of what follows. */
#define _POSIX_C_SOURCE 200809L
#include "pointwise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>
#include <omp.h>

#define EVALUATIONS 4 /* of one row set, at least */

/* ---- Row sets ---- */

/* How many seeds, of how many disjoint row sets each. QR and Sobol rows are dear; pairs of towers that are
 * not centred, and arc-cosine kernels, have errors that all draws share. */
typedef struct supply {
    size_t seeds, sets;
} supply;

static supply supply_of(int32_t projection, int method, size_t m, size_t draws) {
    static const supply gaussian[] = {{0, 1}, {200, 1}, {100, 1}, {40, 1}, {25, 1}};
    static const supply qr[] = {{40, 5}, {40, 3}, {40, 1}, {20, 1}, {20, 1}};
    static const supply hd3[] = {{300, 1}, {150, 1}, {100, 1}, {40, 1}, {25, 1}};
    static const supply sobol[] = {{200, 1}, {80, 1}, {50, 1}, {20, 1}, {20, 1}};
    const supply *const table = projection == SNNK_PROJECTION_GAUSSIAN ? gaussian
                                : projection == SNNK_PROJECTION_HD3    ? hd3
                                : projection == SNNK_PROJECTION_SOBOL  ? sobol
                                                                       : qr;
    supply s = table[m <= 256 ? 0 : m <= 512 ? 1 : m <= 1024 ? 2 : m <= 2048 ? 3 : 4];

    if (s.seeds == 0) s.seeds = draws;
    if (projection == SNNK_PROJECTION_GAUSSIAN && (method == PLAIN || method == BALANCED) &&
        s.seeds < 150)
        s.seeds = 150;
    if (s.seeds > draws) s.seeds = draws;
    return s;
}

/* Rows with this projection, as a map draws them. */
static void draw_rows(int32_t projection, uint64_t seed, size_t rows, float *G) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_IDENTITY;
    config.projection = projection;
    config.features = rows;
    config.seed = seed;
    CHECK(snnk_map_create(INPUTS, &config, NULL, &map));
    CHECK(snnk_map_block_rows(map, 0, G, INPUTS, NULL));
    snnk_map_free(map);
}

/* ---- Measuring ---- */

/* Sums over the evaluations of one seed: kept apart, so that results do not depend on threads. */
typedef struct sums {
    double count, sum, square;
} sums;

/* What one thread works with. */
typedef struct desk {
    float *G;         /* MOST_FEATURES x d */
    float *X, *W;     /* evaluations x d: the draws that meet a row set */
    float *Phi, *Psi; /* evaluations x features */
    float *bias;
} desk;

static desk make_desk(size_t evaluations) {
    return (desk){.G = allocate(MOST_FEATURES * INPUTS, sizeof(float)),
                  .X = allocate(evaluations * INPUTS, sizeof(float)),
                  .W = allocate(evaluations * INPUTS, sizeof(float)),
                  .Phi = allocate(evaluations * MOST_FEATURES, sizeof(float)),
                  .Psi = allocate(evaluations * MOST_FEATURES, sizeof(float)),
                  .bias = allocate(evaluations, sizeof(float))};
}

static void free_desk(desk *k) {
    free(k->G), free(k->X), free(k->W), free(k->Phi), free(k->Psi), free(k->bias);
}

static snnk_map *map_from_rows(const plan *p, uint64_t seed, const float *G) {
    snnk_urf_config config = p->config;
    snnk_map_config arc_cosine;
    snnk_map *map;

    if (p->spectrum) {
        config.seed = seed;
        CHECK(snnk_map_create_urf_from_rows(INPUTS, p->spectrum, p->m, G, INPUTS, &config, p->frame,
                                            &map));
    } else {
        CHECK(snnk_map_config_init(&arc_cosine, sizeof arc_cosine));
        CHECK(snnk_map_create_from_rows(INPUTS, p->m, G, INPUTS, NULL, &arc_cosine, NULL, &map));
    }
    return map;
}

/* Relative errors of one map at draws first, first + 1, ... */
static void evaluate(const setting *s, const plan *p, const snnk_map *map, size_t first,
                     size_t count, desk *k, sums *to) {
    const size_t m = snnk_map_features(map);
    /* Drawn maps are means over rows, given ones sums. */
    const double scale = p->spectrum ? 1 : 1 / (double)m;

    CHECK(snnk_map_input_tower(map, count, k->X, INPUTS, k->Phi, m, NULL));
    CHECK(snnk_map_weight_tower(map, count, k->W, INPUTS, NULL, k->Psi, m, k->bias, NULL));
    for (size_t i = 0; i < count; i++) {
        const double value = s->values[p->activation][(first + i) % s->draws];
        double sum = 0;

        for (size_t j = 0; j < m; j++) sum += (double)k->Phi[i * m + j] * k->Psi[i * m + j];
        const double error = fabs(scale * sum + (p->spectrum ? k->bias[i] : 0) - value) / fabs(value);

        to->count += 1;
        to->sum += error;
        to->square += error * error;
    }
}

static size_t evaluations_of(supply all, size_t draws) {
    const size_t sets = all.seeds * all.sets, share = (draws + sets - 1) / sets;

    return share > EVALUATIONS ? share : EVALUATIONS;
}

static void gather_draws(const setting *s, size_t first, size_t count, desk *k) {
    for (size_t i = 0; i < count; i++) {
        const size_t draw = (first + i) % s->draws;

        memcpy(k->X + i * INPUTS, s->X + draw * INPUTS, INPUTS * sizeof *k->X);
        memcpy(k->W + i * INPUTS, s->W + draw * INPUTS, INPUTS * sizeof *k->W);
    }
}

/* Every map of one projection on the rows of one seed. to: one for each plan. */
static void measure_seed(const setting *s, int projection, size_t seed, desk *k, sums *to) {
    size_t rows = 0;

    for (size_t i = 0; i < s->n_plans; i++) {
        const plan *p = &s->plans[i];
        const supply all = supply_of(projection_values[projection], p->method, p->m, s->draws);
        const size_t needed = p->m * all.sets;

        if (plan_uses(p, projection) && seed < all.seeds && needed > rows) rows = needed;
    }
    if (rows == 0) return;
    draw_rows(projection_values[projection], 1000 * (uint64_t)projection + seed, rows, k->G);
    for (size_t i = 0; i < s->n_plans; i++) {
        const plan *p = &s->plans[i];
        const supply all = supply_of(projection_values[projection], p->method, p->m, s->draws);
        const size_t count = evaluations_of(all, s->draws);

        if (!plan_uses(p, projection) || seed >= all.seeds) continue;
        for (size_t set = 0; set < all.sets; set++) {
            const size_t first = (seed * all.sets + set) * count;
            snnk_map *map = map_from_rows(p, first, k->G + set * p->m * INPUTS);

            gather_draws(s, first, count, k);
            evaluate(s, p, map, first, count, k, &to[i]);
            snnk_map_free(map);
        }
    }
}

static void summarise(const setting *s, int projection, const sums *all, result *results) {
    for (size_t i = 0; i < s->n_plans; i++) {
        const plan *p = &s->plans[i];
        const supply from = supply_of(projection_values[projection], p->method, p->m, s->draws);
        sums t = {0};

        if (!plan_uses(p, projection)) continue;
        for (size_t seed = 0; seed < s->draws; seed++) {
            const sums *one = &all[(seed * PROJECTIONS + (size_t)projection) * s->n_plans + i];

            t.count += one->count, t.sum += one->sum, t.square += one->square;
        }
        const double mean = t.sum / t.count, square = t.square / t.count;
        results[i * PROJECTIONS + (size_t)projection] =
            (result){.mean = mean,
                     .sd = sqrt(fmax(square - mean * mean, 0)),
                     .rms = sqrt(square),
                     .seeds = from.seeds,
                     .row_sets = from.seeds * from.sets,
                     .evaluations = (size_t)t.count};
    }
}

static result *measure(const setting *s) {
    /* The first seeds have the longest maps: work goes out from there. */
    const size_t tasks = s->draws * PROJECTIONS;
    const size_t most = s->draws > EVALUATIONS ? s->draws : EVALUATIONS;
    sums *all = allocate(tasks * s->n_plans, sizeof *all);
    result *results = allocate(s->n_plans * PROJECTIONS, sizeof *results);
    size_t done = 0;

#pragma omp parallel
    {
        desk k = make_desk(most);

#pragma omp for schedule(dynamic, 1)
        for (size_t t = 0; t < tasks; t++) {
            measure_seed(s, (int)(t % PROJECTIONS), t / PROJECTIONS, &k, all + t * s->n_plans);
#pragma omp critical
            progress("measuring", ++done, tasks);
        }
        free_desk(&k);
    }
    for (int projection = 0; projection < PROJECTIONS; projection++)
        summarise(s, projection, all, results);
    free(all);
    return results;
}

/* ---- Summary ---- */

static double least_at(const setting *s, const result *results, int activation, int method,
                       size_t m) {
    double least = INFINITY;

    for (size_t i = 0; i < s->n_plans * PROJECTIONS; i++) {
        const plan *p = &s->plans[i / PROJECTIONS];

        if (p->activation == activation && p->m == m && results[i].evaluations > 0 &&
            (method < 0 || p->method == method))
            least = fmin(least, results[i].mean);
    }
    return least;
}

/* Measured over predicted: of independent rows the one farthest from 1, of coupled ones the largest. */
static double worst_ratio(const setting *s, const result *results, bool coupled, size_t *where) {
    double worst = coupled ? 0 : 1;

    *where = 0;
    for (size_t i = 0; i < s->n_plans * PROJECTIONS; i++) {
        const plan *p = &s->plans[i / PROJECTIONS];
        const double ratio = results[i].mean / p->predicted;

        if (results[i].evaluations == 0 || coupled != (i % PROJECTIONS > 0) || p->predicted >= 1)
            continue;
        if (coupled ? ratio > worst : fabs(log(ratio)) > fabs(log(worst))) worst = ratio, *where = i;
    }
    return worst;
}

summary summarise_all(const setting *s, const result *results) {
    summary all = {.sin_plain = least_at(s, results, ACTIVATION_SIN, PLAIN, 256)};

    for (int a = 0; a < ACTIVATIONS; a++) all.best[a] = least_at(s, results, a, -1, 256);
    all.ratio = worst_ratio(s, results, false, &all.ratio_at);
    all.ratio_coupled = worst_ratio(s, results, true, &all.ratio_coupled_at);
    return all;
}

/* ---- The program ---- */

void die(const char *why) {
    fprintf(stderr, "bench_pointwise: %s\n", why);
    exit(1);
}

void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) die("out of memory");
    return block;
}

void progress(const char *what, size_t done, size_t all) {
    if (isatty(2))
        fprintf(stderr, "\r%-12s %zu of %zu%s", what, done, all, done == all ? "\n" : "");
}

int main(int argc, char **argv) {
    const char *plot = NULL;
    size_t draws = 500;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--plot") == 0 && i + 1 < argc) {
            plot = argv[++i];
        } else if (strcmp(argv[i], "--draws") == 0 && i + 1 < argc && atol(argv[i + 1]) > 0) {
            draws = (size_t)atol(argv[++i]);
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_pointwise [--json] [--plot out.png] [--draws 500]\n"
                    "Measures the pointwise error of random features, and what was predicted.\n");
            return help ? 0 : 2;
        }
    }
#ifdef OPENBLAS_CONFIG_H
    openblas_set_num_threads(1); /* its own threads would quarrel with ours for the cores */
#endif
    const double start = omp_get_wtime();
    setting s = make_setting(draws);
    result *results = measure(&s);
    const double seconds = omp_get_wtime() - start;

    if (json)
        print_json(&s, results, seconds);
    else
        print_table(&s, results, seconds);
    if (plot) draw_plot(&s, results, plot);
    free(results);
    free_setting(&s);
    return 0;
}
