/* Measure how well random features estimate f(w.x) for one pair (x, w). This is the pointwise
 * experiment of Sehanobish et al. 2024: d = 2000, x and w iid Unif(0,1)/sqrt(d), relative error
 * against the number of features m.
 *
 *     bench_pointwise [--draws N] [--paper] [--json] [--plot out.png]
 *
 * --paper: only the published functions and kernels, sin, arc-cosine of order 1 and softmax, with
 * independent rows: plain, centered and calibrated.
 *
 * Methods, from the published one to the library's own choice:
 *     plain       s = 1, atoms drawn by amplitude, independent rows
 *     balanced    s from the norms, stratified atoms
 *     centered    x and w centered, hyperbolic pairs
 *     whitened    the same, whitened
 *     calibrated  snnk_urf_calibrate
 * The first four use exact spectra (sin, cos, exp) or Fourier extensions of [-0.5, 0.5] with half
 * period 1.2 (relu: 0.6 and 2). Means, metrics and calibrations come from 500 other pairs. The
 * features of an affine part count in m.
 *
 * Up to m = 256 each draw has its own rows (one of five blocks of 256 rows of a projection). Above,
 * five draws share their rows, because drawing rows takes most of the time. So errors of a method
 * are correlated in groups of five; "seeds" in the output is the number of independent groups. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <snnk/snnk.h>

#include "plot.h"

enum { D = 2000, BATCH = 500, MOST = 4096, SIZES = 9, SHARED = 5 };

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) die(snnk_last_error());                                             \
    } while (0)

static void die(const char *why) {
    fprintf(stderr, "bench_pointwise: %s\n", why);
    exit(1);
}

static void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) die("out of memory");
    return block;
}

/* ---- Cases ---- */

typedef struct activation {
    const char *name;
    int32_t f;  /* snnk_activation; -1: the arc-cosine kernel of order 1 */
    bool exact; /* has an exact spectrum */
    double radius, half_period;
} activation;

static const activation activations[] = {
    {"sin", SNNK_SIN, true, 0.5, 1.2},          {"cos", SNNK_COS, true, 0.5, 1.2},
    {"arc_cosine_1", -1, false, 0, 0},          {"softmax", SNNK_EXP, true, 0.5, 1.2},
    {"gelu", SNNK_GELU, false, 0.5, 1.2},       {"tanh", SNNK_TANH, false, 0.5, 1.2},
    {"sigmoid", SNNK_SIGMOID, false, 0.5, 1.2}, {"relu", SNNK_RELU, false, 0.6, 2}};
enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

enum { PLAIN, BALANCED, CENTERED, WHITENED, CALIBRATED, METHODS };
static const char *const method_names[METHODS] = {"plain", "balanced", "centered", "whitened",
                                                  "calibrated"};

static const struct {
    const char *name;
    int32_t kind;
} projections[] = {{"gaussian", SNNK_PROJECTION_GAUSSIAN},
                   {"orthogonal", SNNK_PROJECTION_ORTHOGONAL},
                   {"hd3", SNNK_PROJECTION_HD3},
                   {"simplex", SNNK_PROJECTION_SIMPLEX},
                   {"sobol", SNNK_PROJECTION_SOBOL}};
enum { PROJECTIONS = sizeof projections / sizeof projections[0] };

static bool only_paper; /* --paper */

static bool is_published(size_t a) {
    return activations[a].f < 0 || activations[a].f == SNNK_SIN || activations[a].f == SNNK_EXP;
}

/* Coupled rows are tried only with methods whose other errors are small enough to show a
 * difference. */
static bool is_run(size_t a, int method, size_t projection) {
    if (only_paper &&
        (projection > 0 || method == BALANCED || method == WHITENED || !is_published(a)))
        return false;
    if (activations[a].f < 0) return method == PLAIN;
    return projection == 0 || method == CENTERED || method == CALIBRATED;
}

static size_t size_of(size_t i) { return (size_t)16 << i; }

/* ---- Data ---- */

static uint64_t mix(uint64_t z) { /* splitmix64 */
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static float *uniform_rows(size_t n, uint64_t stream) {
    float *rows = allocate(n * D, sizeof *rows);

    for (size_t i = 0; i < n * D; i++)
        rows[i] = (float)((double)(mix(stream << 40 ^ i) >> 11) * 0x1p-53 / sqrt(D));
    return rows;
}

typedef struct problem {
    size_t draws;
    float *X, *W;             /* draws x D */
    float *batch_X, *batch_W; /* BATCH x D */
    double *value[ACTIVATIONS];
    double without[ACTIVATIONS]; /* mean relative error of f at the means: no features */
    snnk_map *map[ACTIVATIONS][METHODS][SIZES]; /* NULL: not run, or too few features */
} problem;

/* Sums over draws of the relative error r = |estimate - value|/|value|. */
typedef struct result {
    double sum, square, count;
    double predicted, predicted_square; /* means of E r, of E r^2 */
} result;

static result results[ACTIVATIONS][METHODS][PROJECTIONS][SIZES];

static double exact_value(const activation *a, double z) {
    float in = (float)z, out;

    if (a->f == SNNK_SIN) return sin(z);
    if (a->f == SNNK_COS) return cos(z);
    if (a->f == SNNK_EXP) return exp(z);
    if (a->f == SNNK_TANH) return tanh(z);
    if (a->f == SNNK_RELU) return z > 0 ? z : 0;
    if (a->f == SNNK_SIGMOID) return 1 / (1 + exp(-z));
    if (a->f == SNNK_GELU) return z / 2 * erfc(-z / sqrt(2));
    CHECK(snnk_activation_eval(a->f, 1, &in, &out));
    return out;
}

static double dot(const float *x, const float *y) {
    double sum = 0;

    for (size_t k = 0; k < D; k++) sum += (double)x[k] * y[k];
    return sum;
}

static void make_values(problem *p) {
    double *mu = allocate(2 * D, sizeof *mu), *nu = mu + D;

    for (size_t k = 0; k < D; k++)
        for (size_t i = 0; i < BATCH; i++) {
            mu[k] += p->batch_X[i * D + k] / (double)BATCH;
            nu[k] += p->batch_W[i * D + k] / (double)BATCH;
        }
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        p->value[a] = allocate(p->draws, sizeof(double));
        for (size_t i = 0; i < p->draws; i++) {
            const float *x = p->X + i * D, *w = p->W + i * D;
            double at_means = 0;

            if (activations[a].f < 0) {
                CHECK(snnk_map_exact(p->map[a][PLAIN][0], x, w, 0, &p->value[a][i]));
                continue;
            }
            for (size_t k = 0; k < D; k++) at_means += w[k] * mu[k] + nu[k] * (x[k] - mu[k]);
            p->value[a][i] = exact_value(&activations[a], dot(x, w));
            p->without[a] += fabs(exact_value(&activations[a], at_means) / p->value[a][i] - 1) /
                             (double)p->draws;
        }
    }
    free(mu);
}

/* ---- Maps ---- */

static snnk_frame *make_frame(const problem *p, int32_t metric) {
    snnk_frame_config config;
    snnk_frame *frame;

    CHECK(snnk_frame_config_init(&config, sizeof config));
    config.metric = metric;
    CHECK(snnk_frame_create(D, SNNK_ROWS(.n = BATCH, .X = p->batch_X), BATCH, p->batch_W, D,
                            &config, &frame));
    return frame;
}

static snnk_spectrum *make_spectrum(const activation *a) {
    snnk_spectrum_config config;
    snnk_spectrum *spectrum;

    CHECK(snnk_spectrum_config_init(&config, sizeof config));
    config.radius = a->radius;
    config.half_period = a->exact ? 0 : a->half_period;
    config.tolerance = 1e-3;
    config.largest_error = 0.1;
    CHECK(snnk_spectrum_create(a->f, &config, &spectrum));
    return spectrum;
}

static snnk_map *make_map(const problem *p, const activation *a, int method, size_t m,
                          const snnk_spectrum *spectrum, snnk_frame *const frames[METHODS]) {
    snnk_urf_config config;
    snnk_map *map = NULL;
    int st;

    CHECK(snnk_urf_config_init(&config, sizeof config));
    config.features = m;
    config.affine = SNNK_URF_AFFINE_SKETCH;
    if (method == PLAIN) {
        config.scale = 1;
        config.atoms = SNNK_URF_AMPLITUDE;
    }
    config.hyperbolic = method >= CENTERED;
    if (method == CALIBRATED)
        st = snnk_urf_calibrate(D, a->f, NULL, SNNK_ROWS(.n = BATCH, .X = p->batch_X), BATCH,
                                p->batch_W, D, NULL, &config, NULL, &map);
    else
        st = snnk_map_create_urf(D, spectrum, &config, frames[method], &map);
    if (st != SNNK_OK && st != SNNK_E_RANGE)
        die(snnk_last_error()); /* SNNK_E_RANGE: m is too small */
    return map;
}

static snnk_map *arc_cosine_map(size_t m) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.features = m;
    CHECK(snnk_map_create(D, &config, NULL, &map));
    return map;
}

static void make_maps(problem *p) {
    snnk_frame *frames[METHODS] = {NULL};

    frames[BALANCED] = NULL;
    frames[CENTERED] = make_frame(p, SNNK_METRIC_NONE);
    frames[WHITENED] = make_frame(p, SNNK_METRIC_WHITEN);
#pragma omp parallel for schedule(dynamic) collapse(2)
    for (size_t a = 0; a < ACTIVATIONS; a++)
        for (size_t i = 0; i < SIZES; i++) {
            snnk_spectrum *spectrum = NULL;

            if (activations[a].f < 0) {
                p->map[a][PLAIN][i] = arc_cosine_map(size_of(i));
                continue;
            }
            spectrum = make_spectrum(&activations[a]);
            for (int method = 0; method < METHODS; method++)
                if (is_run(a, method, 0))
                    p->map[a][method][i] =
                        make_map(p, &activations[a], method, size_of(i), spectrum, frames);
            snnk_spectrum_free(spectrum);
        }
    for (int method = 0; method < METHODS; method++) snnk_frame_free(frames[method]);
}

/* ---- Predicting ---- */

static void predict(const problem *p, size_t a, int method, size_t i) {
    const snnk_map *map = p->map[a][method][i];
    double mean = 0, square = 0;

    if (!map) return;
    for (size_t k = 0; k < p->draws; k++) {
        snnk_prediction prediction = {.size = sizeof prediction};

        CHECK(snnk_map_predict(map, SNNK_ROWS(.n = 1, .X = p->X + k * D), 1, p->W + k * D, D, NULL,
                               NULL, 0, NULL, NULL, 0, &prediction));
        mean += prediction.mean_deviation / (double)p->draws;
        square += prediction.standard_error * prediction.standard_error / (double)p->draws;
    }
    for (size_t q = 0; q < PROJECTIONS; q++) {
        results[a][method][q][i].predicted = mean;
        results[a][method][q][i].predicted_square = square;
    }
}

/* ---- Measuring ---- */

/* The arrays of one thread. */
typedef struct room {
    float *G;         /* MOST x D, standard normal rows */
    float *Phi, *Psi; /* MOST each */
} room;

/* Draw the first `rows` rows of a projection with the library. */
static void draw_rows(int32_t kind, uint64_t seed, size_t rows, float *G) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_IDENTITY;
    config.features = rows;
    config.seed = seed;
    config.projection = kind;
    CHECK(snnk_map_create(D, &config, NULL, &map));
    CHECK(snnk_map_block_rows(map, 0, G, D, NULL));
    snnk_map_free(map);
}

static double estimate(const snnk_map *map, const room *r, const float *x, const float *w) {
    const size_t m = snnk_map_features(map);
    double sum;
    float bias;

    CHECK(snnk_map_input_tower(map, 1, x, D, r->Phi, m, NULL));
    CHECK(snnk_map_weight_tower(map, 1, w, D, NULL, r->Psi, m, &bias, NULL));
    sum = bias;
    for (size_t k = 0; k < m; k++) sum += (double)r->Phi[k] * r->Psi[k];
    return sum;
}

/* Measure draws first ... first+count-1 of one combination, with the rows in r->G. */
static void measure(const problem *p, size_t a, int method, size_t q, size_t i, const room *r,
                    uint64_t seed, size_t first, size_t count) {
    const bool symmetric = activations[a].f < 0;
    result sums = {0};
    snnk_map *map;

    if (!p->map[a][method][i]) return;
    if (symmetric)
        CHECK(snnk_map_create_from_rows(D, size_of(i), r->G, D, NULL, NULL, NULL, &map));
    else
        CHECK(snnk_map_redraw(p->map[a][method][i], seed, size_of(i), r->G, D, &map));
    for (size_t k = first; k < first + count; k++) {
        const double value = p->value[a][k];
        double y = estimate(map, r, p->X + k * D, p->W + k * D);

        if (symmetric) y /= (double)size_of(i); /* given rows are not divided by sqrt(m) */
        const double error = fabs(y / value - 1);
        sums.sum += error;
        sums.square += error * error;
    }
    snnk_map_free(map);
#pragma omp critical
    {
        result *to = &results[a][method][q][i];

        to->sum += sums.sum;
        to->square += sums.square;
        to->count += (double)count;
    }
}

/* Measure all combinations of sizes first_size ... last_size-1, with the rows in r->G. */
static void measure_rows(const problem *p, size_t q, const room *r, uint64_t seed,
                         size_t first_size, size_t last_size, size_t first, size_t count) {
    for (size_t a = 0; a < ACTIVATIONS; a++)
        for (int method = 0; method < METHODS; method++)
            for (size_t i = first_size; is_run(a, method, q) && i < last_size; i++)
                measure(p, a, method, q, i, r, seed, first, count);
}

static void measure_all(const problem *p) {
    const size_t small = 5; /* 16 ... 256 */
    const size_t groups = (p->draws + SHARED - 1) / SHARED;
    size_t done = 0;
    const bool shows = isatty(STDERR_FILENO);

#pragma omp parallel
    {
        room r = {allocate((size_t)MOST * D, sizeof(float)), allocate(MOST, sizeof(float)),
                  allocate(MOST, sizeof(float))};

#pragma omp for schedule(dynamic)
        for (size_t g = 0; g < groups; g++) {
            const size_t first = g * SHARED;
            const size_t count = p->draws - first < SHARED ? p->draws - first : SHARED;

            for (size_t q = 0; q < (only_paper ? 1 : PROJECTIONS); q++) {
                const size_t own = size_of(small - 1);

                draw_rows(projections[q].kind, 1000 + g, SHARED * own, r.G);
                for (size_t k = 0; k < count; k++) {
                    const room part = {r.G + k * own * D, r.Phi, r.Psi};

                    measure_rows(p, q, &part, 1000 * g + k, 0, small, first + k, 1);
                }
                draw_rows(projections[q].kind, 1000000 + g, MOST, r.G);
                measure_rows(p, q, &r, 1000 * g + SHARED, small, SIZES, first, count);
            }
#pragma omp critical
            {
                done += count;
                if (shows) fprintf(stderr, "\r%zu of %zu draws ", done, p->draws);
            }
        }
        free(r.G);
        free(r.Phi);
        free(r.Psi);
    }
    if (shows) fprintf(stderr, "\r                              \r");
}

/* ---- Reporting ---- */

static double mean_of(const result *r) { return r->sum / r->count; }
static double rms_of(const result *r) { return sqrt(r->square / r->count); }

static double deviation_of(const result *r) {
    return sqrt(fmax(r->square / r->count - mean_of(r) * mean_of(r), 0));
}

static size_t index_of(const char *name) {
    size_t a = 0;

    while (strcmp(activations[a].name, name) != 0) a++;
    return a;
}

/* The smallest mean error at m = 256. */
static double best_256(const char *name) {
    const size_t a = index_of(name);
    double best = INFINITY;

    for (int method = 0; method < METHODS; method++)
        for (size_t q = 0; q < PROJECTIONS; q++)
            if (results[a][method][q][4].count > 0)
                best = fmin(best, mean_of(&results[a][method][q][4]));
    return best;
}

/* Measured over predicted errors, wherever the prediction is below 1. For root mean squares: these
 * are predicted exactly; 500 draws measure one to 1/sqrt(2 * 500) = 3.2 %, and this is the worst of
 * hundreds. For means: the prediction assumes a normal error, but the error of few features has
 * long tails. */
typedef struct ratios {
    double iid, coupled; /* independent rows: farthest from 1; coupled rows: largest */
} ratios;

static ratios worst_ratios(bool of_means) {
    ratios worst = {1, 0};

    for (size_t a = 0; a < ACTIVATIONS; a++)
        for (int method = 0; method < METHODS; method++)
            for (size_t q = 0; q < PROJECTIONS; q++)
                for (size_t i = 0; i < SIZES; i++) {
                    const result *r = &results[a][method][q][i];
                    const double ratio = of_means ? mean_of(r) / r->predicted
                                                  : rms_of(r) / sqrt(r->predicted_square);

                    if (!(r->count > 0 && r->predicted < 1 && r->predicted > 1e-6)) continue;
                    if (q > 0)
                        worst.coupled = fmax(worst.coupled, ratio);
                    else if (fabs(log(ratio)) > fabs(log(worst.iid)))
                        worst.iid = ratio;
                }
    return worst;
}

static void print_number(const char *key, double value) {
    if (isfinite(value))
        printf("\"%s\":%.6g", key, value);
    else
        printf("\"%s\":null", key);
}

static void print_json(const problem *p) {
    const char *separator = "";
    const ratios worst = worst_ratios(false), of_means = worst_ratios(true);

    printf("{\"d\":%d,\"draws\":%zu,\"results\":[", D, p->draws);
    for (size_t a = 0; a < ACTIVATIONS; a++)
        for (int method = 0; method < METHODS; method++)
            for (size_t q = 0; q < PROJECTIONS; q++)
                for (size_t i = 0; i < SIZES; i++) {
                    const result *r = &results[a][method][q][i];

                    if (r->count == 0) continue;
                    printf("%s{\"activation\":\"%s\",\"method\":\"%s\",\"projection\":\"%s\","
                           "\"m\":%zu,\"seeds\":%zu,",
                           separator, activations[a].name, method_names[method],
                           projections[q].name, size_of(i),
                           i < 5 ? p->draws : (p->draws + SHARED - 1) / SHARED);
                    print_number("relative_error_mean", mean_of(r)), putchar(',');
                    print_number("relative_error_sd", deviation_of(r)), putchar(',');
                    print_number("relative_error_rms", rms_of(r)), putchar(',');
                    print_number("predicted", r->predicted), putchar(',');
                    print_number("predicted_rms", sqrt(r->predicted_square)), putchar('}');
                    separator = ",";
                }
    printf("],\"summary\":{");
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        char key[40];

        if (activations[a].f < 0) continue;
        snprintf(key, sizeof key, "%s_without_features", activations[a].name);
        print_number(key, p->without[a]), putchar(',');
    }
    print_number("sin_plain_256", mean_of(&results[index_of("sin")][PLAIN][0][4])), putchar(',');
    print_number("sin_best_256", best_256("sin")), putchar(',');
    print_number("gelu_best_256", best_256("gelu")), putchar(',');
    print_number("tanh_best_256", best_256("tanh")), putchar(',');
    print_number("relu_best_256", best_256("relu")), putchar(',');
    print_number("prediction_ratio_worst", worst.iid), putchar(',');
    print_number("prediction_ratio_worst_coupled", worst.coupled), putchar(',');
    print_number("prediction_ratio_worst_mean", of_means.iid), putchar(',');
    print_number("prediction_ratio_worst_mean_coupled", of_means.coupled);
    printf("}}\n");
}

static void print_table(const problem *p) {
    const ratios worst = worst_ratios(false), of_means = worst_ratios(true);

    printf("Mean relative error of estimates of f(w.x), d = %d, %zu draws; predicted in brackets.\n"
           "First the error without any random features: f at the means, f(w.mu + nu.(x - mu)).\n"
           "If it is smaller, random features only add noise.\n\n",
           D, p->draws);
    for (size_t a = 0; a < ACTIVATIONS; a++)
        if (activations[a].f >= 0)
            printf("%-13s without features %.4f\n", activations[a].name, p->without[a]);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        printf("\n%-13s %-11s %-11s", activations[a].name, "", "m =");
        for (size_t i = 0; i < SIZES; i += 2) printf(" %15zu", size_of(i));
        putchar('\n');
        for (int method = 0; method < METHODS; method++)
            for (size_t q = 0; q < PROJECTIONS; q++) {
                if (!is_run(a, method, q)) continue;
                printf("%-13s %-11s %-11s", "", method_names[method], projections[q].name);
                for (size_t i = 0; i < SIZES; i += 2) {
                    const result *r = &results[a][method][q][i];

                    if (r->count > 0)
                        printf("  %6.3g (%5.2g)", mean_of(r), r->predicted);
                    else
                        printf(" %15s", "-");
                }
                putchar('\n');
            }
    }
    printf("\nmeasured/predicted error, where the prediction is below 1 (root mean square; mean in "
           "brackets)\nindependent rows, farthest from 1: %.3f (%.3f); coupled rows, largest: %.3f "
           "(%.3f)\n",
           worst.iid, of_means.iid, worst.coupled, of_means.coupled);
}

/* Print means and standard deviations, as published. */
static void print_paper_table(const problem *p) {
    printf("Relative error of estimates of f(w.x) and kernels, d = %d, %zu draws: mean (standard "
           "deviation).\nWithout features: f at the means of x and w.\n",
           D, p->draws);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        if (!is_published(a)) continue;
        printf("\n%-13s %-11s", activations[a].name, "m =");
        for (size_t i = 0; i < SIZES; i += 2) printf(" %17zu", size_of(i));
        if (activations[a].f >= 0) printf("   without features %.4f", p->without[a]);
        putchar('\n');
        for (int method = 0; method < METHODS; method++) {
            if (!is_run(a, method, 0)) continue;
            printf("%-13s %-11s", "", method_names[method]);
            for (size_t i = 0; i < SIZES; i += 2) {
                const result *r = &results[a][method][0][i];

                if (r->count > 0)
                    printf("  %7.3g (%6.2g)", mean_of(r), deviation_of(r));
                else
                    printf(" %17s", "-");
            }
            putchar('\n');
        }
    }
}

/* Draw one panel for each activation, with a curve for each method (independent rows). Dashed:
 * predicted. */
static bool plot(const char *path) {
    FILE *gnuplot = only_paper ? plot_open(path, 1200, 450) : plot_open(path, 1600, 900);

    if (!gnuplot) return false;
    fprintf(
        gnuplot,
        "set multiplot layout %s title 'Relative error of random features against m (d = %d): "
        "measured, and predicted (dashed)'\n"
        "set logscale xy\nset format x '2^{%%L}'\nset logscale x 2\nset format y '%%g'\n"
        "set grid\nset xlabel 'features m'\nset yrange [1e-4:1e2]\nset key top right font ',9'\n",
        only_paper ? "1,3" : "2,4", D);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        bool first = true;

        if (!is_run(a, PLAIN, 0)) continue;
        for (int method = 0; method < METHODS; method++) {
            if (!is_run(a, method, 0)) continue;
            fprintf(gnuplot, "$m%d << EOD\n", method);
            for (size_t i = 0; i < SIZES; i++) {
                const result *r = &results[a][method][0][i];

                if (r->count > 0)
                    fprintf(gnuplot, "%zu %g %g\n", size_of(i), mean_of(r),
                            isfinite(r->predicted) ? r->predicted : 1e30);
            }
            fprintf(gnuplot, "EOD\n");
        }
        fprintf(gnuplot, "set title '%s' noenhanced\nplot ", activations[a].name);
        for (int method = 0; method < METHODS; method++) {
            if (!is_run(a, method, 0)) continue;
            fprintf(gnuplot,
                    "%s$m%d using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc %d title '%s', "
                    "$m%d using 1:3 with lines dt 2 lw 1.5 lc %d notitle",
                    first ? "" : ", ", method, method + 1, method_names[method], method,
                    method + 1);
            first = false;
        }
        fprintf(gnuplot, "\n");
    }
    fprintf(gnuplot, "unset multiplot\n");
    return plot_close(gnuplot);
}

int main(int argc, char **argv) {
    problem p = {.draws = 500};
    const char *png = NULL;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--paper") == 0) {
            only_paper = true;
        } else if (strcmp(argv[i], "--plot") == 0 && i + 1 < argc) {
            png = argv[++i];
        } else if (strcmp(argv[i], "--draws") == 0 && i + 1 < argc && atol(argv[i + 1]) > 0) {
            p.draws = (size_t)atol(argv[++i]);
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_pointwise [--draws N] [--paper] [--json] [--plot out.png]\n"
                    "Measure the error of random features of f(w.x) against their number.\n"
                    "  --draws N    draws of x, w and the features (default: 500)\n"
                    "  --paper      only sin, arc-cosine and softmax, independent rows\n"
                    "  --json       print one JSON object\n"
                    "  --plot FILE  draw the errors, a PNG (needs gnuplot)\n");
            return help ? 0 : 2;
        }
    }
    p.X = uniform_rows(p.draws, 1);
    p.W = uniform_rows(p.draws, 2);
    p.batch_X = uniform_rows(BATCH, 3);
    p.batch_W = uniform_rows(BATCH, 4);
    make_maps(&p);
    make_values(&p);
#pragma omp parallel for schedule(dynamic) collapse(2)
    for (size_t a = 0; a < ACTIVATIONS; a++)
        for (int method = 0; method < METHODS; method++)
            for (size_t i = 0; i < SIZES; i++) predict(&p, a, method, i);
    measure_all(&p);
    if (json)
        print_json(&p);
    else if (only_paper)
        print_paper_table(&p);
    else
        print_table(&p);
    const bool drawn = !png || plot(png);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        free(p.value[a]);
        for (int method = 0; method < METHODS; method++)
            for (size_t i = 0; i < SIZES; i++) snnk_map_free(p.map[a][method][i]);
    }
    free(p.X);
    free(p.W);
    free(p.batch_X);
    free(p.batch_W);
    return drawn ? 0 : 1;
}
