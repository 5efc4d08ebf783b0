/* Measure forward passes of SNNK layers against dense layers, and against the same two products in
 * other libraries.
 *
 *     bench_forward [--quick] [--json] [--plot out.png]
 *
 * The rivals run in this process:
 *
 *   dense                   the fused dense layer of oneDNN that the SNNK layer replaces
 *   onednn_pair             two packed products of oneDNN
 *   libxsmm_pair            two packed products of libxsmm
 *   openblas_pair           two sgemm of OpenBLAS with its own choice of kernels
 *   openblas_skylakex_pair  the same with OPENBLAS_CORETYPE=SkylakeX
 *
 * In each round all run in turn, in a different order. Times are minima over rounds. Speed-ups are
 * medians of the ratios within rounds, so that a slow moment of the machine affects both.
 *
 * The share of the roofline is the shortest time that this machine allows over the time taken. That
 * is the longest of three: the multiply-adds at the best rate measured so far; reading G, Psi and
 * the bias from the memory level where they fit; writing Y. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <snnk/snnk.h>

#include "forward.h"
#include "measure.h"
#include "rivals.h"

const size_t shapes[SHAPES][2] = {{768, 3072}, {512, 2048}, {384, 1536}};
const size_t ns[NS] = {1, 8, 32, 128, 512}, ms[MS] = {8, 16, 32, 64, 128};
result results[2][ACTIVATIONS][SHAPES][NS][MS];

static const char *const activation_names[] = {"relu", "gelu"};
static const char *const way_names[WAYS] = {
    "snnk",      "onednn_pair", "libxsmm_pair", "openblas_pair", "openblas_skylakex_pair",
    "snnk_bf16", "snnk_int8"};

#define MAX_ROUNDS 31
#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_forward: %s\n", snnk_last_error());                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct settings {
    bool json, quick;
    const char *plot;
    size_t rounds;
    double burst; /* the minimum length of a sample in seconds */
} settings;

/* Arrays that all cases share. */
static float *X, *Y, *W, *G, *Psi, *Phi, *bias;
static openblas *blas[2];
static double peak; /* of one core, in flops a second */

/* ---- One way to compute one case ---- */

typedef struct contender {
    size_t n, d, l, m;
    int way; /* -1: dense */
    rival_activation f;
    snnk_layer *layer;
    snnk_workspace *workspace;
    onednn_layer *first, *second;
    xsmm_pair *xsmm;
    double samples[MAX_ROUNDS];
} contender;

static void run_blas(contender *c, const openblas *library) {
    openblas_product(library, c->n, c->m, c->d, X, G, Phi);
    for (size_t i = 0; i < c->n * c->m; i++) Phi[i] = Phi[i] < 0 ? 0 : Phi[i];
    openblas_product(library, c->n, c->l, c->m, Phi, Psi, Y);
}

static void run(void *context) {
    contender *c = context;

    switch (c->way) {
    case OURS:
    case OURS_BF16:
    case OURS_INT8:
        CHECK(snnk_layer_forward(c->layer, c->n, X, c->d, Y, c->l, c->workspace));
        return;
    case LIBXSMM: xsmm_run(c->xsmm); return;
    case BLAS: run_blas(c, blas[0]); return;
    case BLAS_SKYLAKEX: run_blas(c, blas[1]); return;
    default:
        onednn_run(c->first);
        if (c->second) onednn_run(c->second);
    }
}

static snnk_layer *make_layer(size_t d, size_t l, size_t m, int activation) {
    snnk_map_config config;
    snnk_layer *layer;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = activation == RELU ? SNNK_MAP_ARC_COSINE : SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_GELU;
    config.features = m;
    CHECK(snnk_map_create_from_rows(d, m, G, d, NULL, &config, NULL, &map));
    CHECK(snnk_layer_create(map, l, Psi, m, bias, &layer));
    snnk_map_free(map);
    return layer;
}

static snnk_layer *narrowed(snnk_layer *layer, int way) {
    snnk_layer *narrow;

    CHECK(snnk_layer_quantize(layer, way == OURS_BF16 ? SNNK_STORAGE_BF16 : SNNK_STORAGE_INT8,
                              &narrow));
    snnk_layer_free(layer);
    return narrow;
}

static contender prepare(int way, size_t n, size_t d, size_t l, size_t m, int activation,
                         int threads) {
    const rival_activation f = activation == RELU ? RIVAL_RELU : RIVAL_GELU;
    contender c = {.n = n, .d = d, .l = l, .m = m, .way = way, .f = f};

    if (way < 0) {
        c.first = onednn_create(n, d, l, f, 0, X, W, bias, Y);
    } else if (way == OURS || way >= OURS_BF16) {
        c.layer = make_layer(d, l, m, activation);
        if (way != OURS) c.layer = narrowed(c.layer, way);
        CHECK(snnk_workspace_create((size_t)threads, NULL, &c.workspace));
    } else if (way == ONEDNN) {
        c.first = onednn_create(n, d, m, f, 0, X, G, NULL, Phi);
        c.second = onednn_create(n, m, l, RIVAL_NONE, 0, Phi, Psi, bias, Y);
    } else if (way == LIBXSMM) {
        c.xsmm = xsmm_create(n, d, m, l, f, X, G, Psi, Y);
    }
    return c;
}

static void dismiss(contender *c) {
    snnk_layer_free(c->layer);
    snnk_workspace_free(c->workspace);
    if (c->first) onednn_free(c->first);
    if (c->second) onednn_free(c->second);
    if (c->xsmm) xsmm_free(c->xsmm);
}

/* oneDNN runs with any number of threads and any activation; the others only where they compute the
 * same. */
static bool takes_part(int way, int activation, int threads) {
    if (way == OURS) return true;
    if (threads > 1) return false;
    if (way == ONEDNN) return true;
    if (activation != RELU) return false;
    return way == LIBXSMM || way >= OURS_BF16 || blas[way - BLAS] != NULL;
}

/* ---- Cases ---- */

/* The shortest time that the machine allows, in seconds: see above. */
static double least_seconds(size_t n, size_t d, size_t l, size_t m, int threads) {
    const double flops = 2.0 * (double)(n * m) * (double)(d + l);
    const size_t weights = (m * (d + l) + l) * sizeof(float), output = n * l * sizeof(float);
    const double arithmetic = flops / peak / threads;
    const double reading = (double)weights / measure_read_rate(W, weights);
    const double writing = (double)output / measure_write_rate(Y, output) / threads;

    return fmax(arithmetic, fmax(reading / (n > 1 ? 1 : threads), writing));
}

static double median_ratio(const contender *a, const contender *b, size_t rounds) {
    double ratios[MAX_ROUNDS];

    for (size_t r = 0; r < rounds; r++) ratios[r] = a->samples[r] / b->samples[r];
    measure_sort(ratios, rounds);
    return ratios[rounds / 2];
}

static double least(const contender *c, size_t rounds) {
    double seconds = INFINITY;

    for (size_t r = 0; r < rounds; r++) seconds = fmin(seconds, c->samples[r]);
    return seconds;
}

/* Shuffle the ways. Otherwise each would always run after the same one, which may leave the caches
 * or the clock rate in a bad state. */
static void shuffle(size_t count, contender *all[]) {
    static uint32_t state = 1;

    for (size_t i = count; i > 1; i--) {
        state = state * 1664525 + 1013904223;
        const size_t j = (state >> 8) % i;
        contender *other = all[j];

        all[j] = all[i - 1];
        all[i - 1] = other;
    }
}

/* Measure one shape, n, activation and number of threads: every m and every rival, in turn. */
static void measure_group(const settings *s, int threads, int activation, size_t shape, size_t i) {
    const size_t n = ns[i], d = shapes[shape][0], l = shapes[shape][1];
    contender dense, ways[MS][WAYS], *all[1 + MS * WAYS];
    size_t count = 0;

    omp_set_num_threads(threads);
    peak = fmax(peak, measure_peak()); /* the clock rate varies */
    dense = prepare(-1, n, d, l, 0, activation, threads);
    all[count++] = &dense;
    for (size_t j = 0; j < MS; j++)
        for (int way = 0; way < WAYS; way++)
            if (takes_part(way, activation, threads)) {
                ways[j][way] = prepare(way, n, d, l, ms[j], activation, threads);
                all[count++] = &ways[j][way];
            }
    for (size_t r = 0; r < s->rounds; r++) {
        shuffle(count, all);
        for (size_t c = 0; c < count; c++) all[c]->samples[r] = measure_call(run, all[c], s->burst);
    }
    for (size_t j = 0; j < MS; j++) {
        result *to = &results[threads - 1][activation][shape][i][j];
        const contender *ours = &ways[j][OURS];

        for (int way = 0; way < WAYS; way++) {
            to->measured[way] = takes_part(way, activation, threads);
            if (!to->measured[way]) continue;
            to->seconds[way] = least(&ways[j][way], s->rounds);
            to->ratio[way] = median_ratio(&ways[j][way], ours, s->rounds);
        }
        to->dense = least(&dense, s->rounds);
        to->speedup = median_ratio(&dense, ours, s->rounds);
        to->roofline = least_seconds(n, d, l, ms[j], threads) / to->seconds[OURS];
        for (int way = 0; way < WAYS; way++)
            if (to->measured[way]) dismiss(&ways[j][way]);
    }
    dismiss(&dense);
}

/* Measure the feed-forward block 512-1536-512 against one SNNK layer of 64 features: n = 32, one
 * thread, relu. Returns the speed-up. */
static double measure_block(const settings *s) {
    enum { N = 32, D = 512, L = 1536, M = 64 };
    float *hidden = measure_floats(N * L);
    contender dense = {.way = -1}, ours = prepare(OURS, N, D, D, M, RELU, 1);

    omp_set_num_threads(1);
    dense.first = onednn_create(N, D, L, RIVAL_RELU, 0, X, W, bias, hidden);
    dense.second = onednn_create(N, L, D, RIVAL_NONE, 0, hidden, W, bias, Y);
    for (size_t r = 0; r < s->rounds; r++) {
        dense.samples[r] = measure_call(run, &dense, s->burst);
        ours.samples[r] = measure_call(run, &ours, s->burst);
    }
    dismiss(&dense);
    dismiss(&ours);
    free(hidden);
    return median_ratio(&dense, &ours, s->rounds);
}

/* ---- Summary ---- */

typedef struct summary {
    double block, roofline_min, roofline_n1, vs_libxsmm, vs_libxsmm_m8, scaling;
} summary;

static summary summarise(void) {
    summary s = {.roofline_min = INFINITY, .roofline_n1 = INFINITY, .vs_libxsmm = INFINITY};
    const result *first = &results[0][RELU][0][NS - 1][3],
                 *second = &results[1][RELU][0][NS - 1][3];

    for (size_t shape = 0; shape < SHAPES; shape++)
        for (size_t i = 0; i < NS; i++)
            for (size_t j = 0; j < MS; j++) {
                const result *r = &results[0][RELU][shape][i][j];

                if (!r->measured[OURS]) continue;
                if (ns[i] >= 32 && ms[j] >= 16) s.roofline_min = fmin(s.roofline_min, r->roofline);
                if (ns[i] == 1) s.roofline_n1 = fmin(s.roofline_n1, r->roofline);
                s.vs_libxsmm = fmin(s.vs_libxsmm, r->ratio[LIBXSMM]);
            }
    s.vs_libxsmm_m8 = results[0][RELU][0][NS - 1][0].ratio[LIBXSMM];
    s.scaling = first->seconds[OURS] / second->seconds[OURS];
    return s;
}

/* The speed-up of narrow storage over float, for 768 -> 3072 with the most features. */
static double narrow_speedup(int way, size_t i) {
    return 1 / results[0][RELU][0][i][MS - 1].ratio[way];
}

/* ---- Reporting ---- */

static void print_result(int threads, int a, size_t shape, size_t i, size_t j) {
    const result *r = &results[threads - 1][a][shape][i][j];
    const size_t n = ns[i], d = shapes[shape][0], l = shapes[shape][1], m = ms[j];
    const double flops = 2.0 * (double)(n * m) * (double)(d + l);

    printf("{\"d\":%zu,\"l\":%zu,\"n\":%zu,\"m\":%zu,\"activation\":\"%s\",\"threads\":%d,"
           "\"microseconds\":%.4g,\"gflops\":%.4g,\"roofline_fraction\":%.4g,"
           "\"dense_microseconds\":%.4g,\"speedup\":%.4g",
           d, l, n, m, activation_names[a], threads, 1e6 * r->seconds[OURS],
           1e-9 * flops / r->seconds[OURS], r->roofline, 1e6 * r->dense, r->speedup);
    for (int way = OURS + 1; way < WAYS; way++)
        if (r->measured[way])
            printf(",\"%s_microseconds\":%.4g,\"vs_%s\":%.4g", way_names[way],
                   1e6 * r->seconds[way], way_names[way], r->ratio[way]);
    putchar('}');
}

static void print_json(double block) {
    static const size_t named[][2] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {2, 1},
                                      {2, 2}, {2, 3}, {4, 0}, {4, 1}, {4, 3}};
    const summary s = summarise();
    const char *separator = "";

    printf("{\"kernels\":\"%s\",\"peak_gflops\":%.1f,\"results\":[", snnk_kernels_name(),
           1e-9 * peak);
    for (int threads = 1; threads <= 2; threads++)
        for (int a = 0; a < ACTIVATIONS; a++)
            for (size_t shape = 0; shape < SHAPES; shape++)
                for (size_t i = 0; i < NS; i++)
                    for (size_t j = 0; j < MS; j++) {
                        if (!results[threads - 1][a][shape][i][j].measured[OURS]) continue;
                        fputs(separator, stdout);
                        print_result(threads, a, shape, i, j);
                        separator = ",";
                    }
    printf("],\"summary\":{");
    for (size_t k = 0; k < sizeof named / sizeof *named; k++)
        printf("\"speedup_768x3072_n%zu_m%zu\":%.4g,", ns[named[k][0]], ms[named[k][1]],
               results[0][RELU][0][named[k][0]][named[k][1]].speedup);
    printf("\"block_speedup_512x1536_n32_m64\":%.4g,\"roofline_fraction_min\":%.4g,"
           "\"roofline_fraction_n1\":%.4g,\"vs_libxsmm_min\":%.4g,\"vs_libxsmm_m8\":%.4g,"
           "\"two_thread_scaling_n512\":%.4g,",
           block, s.roofline_min, s.roofline_n1, s.vs_libxsmm, s.vs_libxsmm_m8, s.scaling);
    printf("\"bf16_speedup_n1\":%.4g,\"bf16_speedup_n512\":%.4g,\"int8_speedup_n1\":%.4g,"
           "\"int8_speedup_n512\":%.4g}}\n",
           narrow_speedup(OURS_BF16, 0), narrow_speedup(OURS_BF16, NS - 1),
           narrow_speedup(OURS_INT8, 0), narrow_speedup(OURS_INT8, NS - 1));
}

static void print_table(double block) {
    const summary s = summarise();

    printf("kernels: %s; peak of one core: %.1f GFLOP/s\n\n", snnk_kernels_name(), 1e-9 * peak);
    for (int threads = 1; threads <= 2; threads++)
        for (int a = 0; a < ACTIVATIONS; a++)
            for (size_t shape = 0; shape < SHAPES; shape++) {
                if (!results[threads - 1][a][shape][0][0].measured[OURS]) continue;
                printf(
                    "%zu -> %zu, %s, %d thread%s: microseconds (share of the roofline), speed-up "
                    "over the dense layer, rivals' time / our time\n",
                    shapes[shape][0], shapes[shape][1], activation_names[a], threads,
                    threads > 1 ? "s" : "");
                for (size_t i = 0; i < NS; i++)
                    for (size_t j = 0; j < MS; j++) {
                        const result *r = &results[threads - 1][a][shape][i][j];

                        printf("    n %3zu  m %3zu %9.2f (%3.0f %%) %7.1f x", ns[i], ms[j],
                               1e6 * r->seconds[OURS], 100 * r->roofline, r->speedup);
                        for (int way = OURS + 1; way < WAYS; way++)
                            if (r->measured[way])
                                printf("   %s %.2f", way_names[way], r->ratio[way]);
                        putchar('\n');
                    }
            }
    printf("\nblock 512-1536-512, n = 32, m = 64: %.1f times as fast as dense\n"
           "lowest share of the roofline: %.2f for n >= 32 and m >= 16, %.2f for n = 1\n"
           "lowest time of libxsmm / our time: %.2f\n"
           "two threads, n = 512: %.2f times as fast as one\n",
           block, s.roofline_min, s.roofline_n1, s.vs_libxsmm, s.scaling);
    printf(
        "narrow storage, 768 -> 3072, m = %zu, speed-up over float at n = 1 and n = 512: bf16 %.2f "
        "and %.2f, int8 %.2f and %.2f\n",
        ms[MS - 1], narrow_speedup(OURS_BF16, 0), narrow_speedup(OURS_BF16, NS - 1),
        narrow_speedup(OURS_INT8, 0), narrow_speedup(OURS_INT8, NS - 1));
}

/* ---- The program ---- */

static settings read_arguments(int argc, char **argv) {
    settings s = {.rounds = MAX_ROUNDS, .burst = 2e-4};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            s.json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            s.quick = true;
            s.rounds = 5;
        } else if (strcmp(argv[i], "--plot") == 0 && i + 1 < argc) {
            s.plot = argv[++i];
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_forward [--quick] [--json] [--plot out.png]\n"
                    "Measure forward passes against dense layers and other libraries.\n"
                    "  --quick      one shape, fewer rounds\n"
                    "  --json       print one JSON object\n"
                    "  --plot FILE  draw the roofline and the times, a PNG (needs gnuplot)\n");
            exit(help ? 0 : 2);
        }
    }
    return s;
}

int main(int argc, char **argv) {
    const settings s = read_arguments(argc, argv);

    X = measure_floats(MAX_N * MAX_D);
    Y = measure_floats(MAX_N * MAX_L);
    W = measure_floats(MAX_L * MAX_D);
    G = measure_floats(MAX_M * MAX_D);
    Psi = measure_floats(MAX_L * MAX_M);
    Phi = measure_floats(MAX_N * MAX_M);
    bias = measure_floats(MAX_L);
    blas[0] = openblas_load(NULL, 1);
    blas[1] = openblas_load("SkylakeX", 1);
    peak = measure_peak();
    for (int threads = 1; threads <= 2; threads++)
        for (int a = 0; a < ACTIVATIONS; a++)
            for (size_t shape = 0; shape < (s.quick ? 1 : SHAPES); shape++)
                for (size_t i = 0; i < NS; i++) {
                    if (isatty(STDERR_FILENO))
                        fprintf(stderr, "\r%d thread(s), %s, %zu -> %zu, n = %zu    ", threads,
                                activation_names[a], shapes[shape][0], shapes[shape][1], ns[i]);
                    measure_group(&s, threads, a, shape, i);
                }
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r%60s\r", "");
    const double block = measure_block(&s);
    if (s.json)
        print_json(block);
    else
        print_table(block);
    return !s.plot || forward_plot(s.plot, peak, W, Y) ? 0 : 1;
}
