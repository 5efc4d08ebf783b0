/* Measure random cosine features, with fast Walsh-Hadamard projections (HD3) and dense ones.
 *
 *     bench_features [--quick] [--threads N] [--json]
 *
 * Part 1, on one thread: cos(G x)/sqrt(m) for d = 1024 inputs, m = 1024 and 4096 features and 1024
 * rows. Ways: HD3; a dense projection; sgemm of OpenBLAS with a vector cosine (glibc's libmvec),
 * which is what one would write without the library. OpenBLAS runs with its own choice of kernels
 * and with those for SkylakeX, because it does not know every processor; "gemm" in the summary is
 * the faster one. X and Phi are larger than the second-level cache: "cold". Times are microseconds
 * for a row: minimum and median over rounds.
 *
 * Also HD3 from 1024 inputs to 1024 cosines with 64 rows, which stay in the second-level cache:
 * "warm", hd3_us_per_row_1024 of the summary. hd3_share_of_floor_and_cosine is
 *
 *     (additions + cosine) / warm time of a row,   the median over rounds
 *
 *   additions   three transforms of log2(1024) levels of 1024 additions, at the rate of
 *               multiply-adds that is measured beside (half the peak in flops)
 *   cosine      the time of glibc's vector cosine of 1024 numbers in cache: measured beside, or
 *               alone if that is less
 *
 * The library's cosine takes its angle in turns, and is faster than glibc's. So the summary has
 * hd3_share_of_floor_and_turn_cosine too, which takes a plain loop with the same polynomial: the
 * stricter of the two.
 *
 * Part 2, on N threads (default 1): m features of a Gaussian kernel for 10000 rows, against
 * RBFSampler of scikit-learn. It runs in a child process, also with both kernels of OpenBLAS.
 * Ratios are medians of the ratios within rounds; those in the summary are against the faster
 * child.
 *
 * In each round all ways run in turn. With one thread the clock is the thread's processor time (in
 * the child process too), otherwise the time of day. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <snnk/snnk.h>

#include "measure.h"
#include "rivals.h"

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_features: %s\n", snnk_last_error());                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { MAX_ROUNDS = 15 };

/* The seconds of one way, one value for each round. */
typedef struct samples {
    bool measured;
    double seconds[MAX_ROUNDS];
} samples;

static double quantile(const samples *s, size_t rounds, size_t k) {
    double sorted[MAX_ROUNDS];

    memcpy(sorted, s->seconds, rounds * sizeof *sorted);
    measure_sort(sorted, rounds);
    return sorted[k];
}

static double least(const samples *s, size_t rounds) { return quantile(s, rounds, 0); }
static double median(const samples *s, size_t rounds) { return quantile(s, rounds, rounds / 2); }

/* offset: offset_scale; 10 makes the cosine's offset uniform modulo 2 pi, up to exp(-50). */
static snnk_map *make_map(size_t d, size_t m, int32_t kind, int32_t projection, double offset) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.activation = SNNK_COS;
    config.features = m;
    config.projection = projection;
    config.offset_scale = offset;
    CHECK(snnk_map_create(d, &config, NULL, &map));
    return map;
}

/* ---- Projections: HD3, dense, sgemm ---- */

enum { D = 1024, N = 1024, SIZES = 2 };

static size_t projection_rounds = MAX_ROUNDS, sampler_rounds = 7;
static const size_t sizes[SIZES] = {1024, 4096};

enum { HD3, DENSE, GEMM, GEMM_SKYLAKEX, WAYS };
static const char *const way_names[WAYS] = {"hd3", "dense", "sgemm_cos", "sgemm_skylakex_cos"};

/* Declare the vector versions of cosf (libmvec); gcc uses them by itself only with -ffast-math. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
extern float cosf(float) __attribute__((simd("notinbranch")));
#endif

static void vector_cosine(size_t count, float scale, float *x) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) x[i] = scale * cosf(x[i]);
}

static void measure_projections(size_t m, openblas *const blas[2], samples result[WAYS]) {
    snnk_map *maps[] = {make_map(D, m, SNNK_MAP_ELEMENTWISE, SNNK_PROJECTION_HD3, 0),
                        make_map(D, m, SNNK_MAP_ELEMENTWISE, SNNK_PROJECTION_GAUSSIAN, 0)};
    float *X = measure_floats((size_t)N * D), *G = measure_floats(m * D);
    float *Phi = measure_floats(N * m);
    snnk_workspace *workspace;

    CHECK(snnk_workspace_create(1, NULL, &workspace));
    for (int round = -1; round < (int)projection_rounds; round++) /* round -1 warms up */
        for (int way = 0; way < WAYS; way++) {
            const double start = measure_thread_now();

            result[way].measured = way < GEMM || blas[way - GEMM];
            if (!result[way].measured) continue;
            if (way < GEMM) {
                CHECK(snnk_map_input_tower(maps[way], N, X, D, Phi, m, workspace));
            } else {
                openblas_product(blas[way - GEMM], N, m, D, X, G, Phi);
                vector_cosine(N * m, (float)(1 / sqrt((double)m)), Phi);
            }
            if (round >= 0) result[way].seconds[round] = measure_thread_now() - start;
        }
    snnk_workspace_free(workspace);
    for (int way = 0; way < 2; way++) snnk_map_free(maps[way]);
    free(Phi);
    free(G);
    free(X);
}

/* How many times as fast HD3 is as the faster sgemm; NaN if there is no sgemm. */
static double over_gemm(const samples result[WAYS]) {
    double seconds = NAN;

    for (int way = GEMM; way < WAYS; way++)
        if (result[way].measured) seconds = fmin(seconds, least(&result[way], projection_rounds));
    return seconds / least(&result[HD3], projection_rounds);
}

/* A lower bound for HD3 from D inputs to D features, in seconds for a row. It is the longer of
 *   - the additions of three transforms of log2(D) levels of D additions each, at the rate of
 *     multiply-adds (half the peak in flops), and
 *   - writing D floats to Phi,
 * because these overlap. Signs, norms and cosines are left out: their smallest number of
 * instructions is unknown, and a processor with separate units for additions and products can hide
 * some. For comparison, `cosine` is the time of glibc's vector cosine of D numbers in cache. */
static const char *const floor_text =
    "the longer of 3 log2(d) d additions at half the measured multiply-add peak in flops, and of "
    "writing m floats at the measured rate for n x m; no signs, norms, cosines";

typedef struct bounds {
    double additions, writing, cosine;
} bounds;

static void run_cosine(void *x) { vector_cosine(D, 1, x); }

static bounds measure_bounds(void) {
    float *Phi = measure_floats((size_t)N * D), *z = measure_floats(D);
    bounds b = {.cosine = INFINITY};

    b.additions = 3 * log2(D) * D / (measure_peak() / 2);
    b.writing = sizeof(float) * D / measure_write_rate(Phi, sizeof(float) * N * D);
    for (size_t round = 0; round < projection_rounds; round++)
        b.cosine = fmin(b.cosine, measure_call(run_cosine, z, 1e-3));
    free(z);
    free(Phi);
    return b;
}

/* ---- HD3 in cache ---- */

enum { WARM_ROWS = 64 };

/* Seconds of one row, and of what it consists of at least; one value for each round. */
typedef struct warm {
    samples row, additions, cosine, turn_cosine;
} warm;

typedef struct warm_call {
    snnk_map *map;
    snnk_workspace *workspace;
    float *X, *Phi;
} warm_call;

static void run_warm(void *context) {
    const warm_call *c = context;

    CHECK(snnk_map_input_tower(c->map, WARM_ROWS, c->X, D, c->Phi, D, c->workspace));
}

/* cos(2 pi t), with the polynomial that the library has for AVX2 and AVX-512. */
static void run_turn_cosine(void *x) {
    float *t = x;

#pragma omp simd
    for (size_t i = 0; i < D; i++) {
        const float q = 0.25f - fabsf(t[i] - ((t[i] + 0x1.8p23f) - 0x1.8p23f)), q2 = q * q;

        t[i] = ((((39.7221413f * q2 - 76.5761642f) * q2 + 81.6022873f) * q2 - 41.3416824f) * q2 +
                6.28318548f) *
               q;
    }
}

/* Seconds of one call, over about a millisecond. Reading the clock takes as long as a call, so many
 * calls share it. */
static double warm_time(void (*run)(void *), void *context) {
    run(context);
    for (size_t calls = 1;; calls *= 4) {
        const double start = measure_thread_now();

        for (size_t i = 0; i < calls; i++) run(context);
        const double taken = measure_thread_now() - start;
        if (taken > 0.5e-3) return taken / (double)calls;
    }
}

static void measure_warm(warm *w) {
    warm_call c = {.map = make_map(D, D, SNNK_MAP_ELEMENTWISE, SNNK_PROJECTION_HD3, 0),
                   .X = measure_floats((size_t)WARM_ROWS * D),
                   .Phi = measure_floats((size_t)WARM_ROWS * D)};
    float *z = measure_floats(D);

    CHECK(snnk_workspace_create(1, NULL, &c.workspace));
    for (size_t round = 0; round < projection_rounds; round++) {
        w->row.seconds[round] = warm_time(run_warm, &c) / WARM_ROWS;
        w->additions.seconds[round] = 3 * log2(D) * D / (measure_peak() / 2);
        w->cosine.seconds[round] = warm_time(run_cosine, z);
        w->turn_cosine.seconds[round] = warm_time(run_turn_cosine, z);
    }
    snnk_workspace_free(c.workspace);
    snnk_map_free(c.map);
    free(c.X);
    free(c.Phi);
    free(z);
}

/* The median of (additions + cosine) / row. */
static double warm_share(const warm *w, const samples *cosine) {
    samples shares;

    for (size_t r = 0; r < projection_rounds; r++)
        shares.seconds[r] = (w->additions.seconds[r] + cosine->seconds[r]) / w->row.seconds[r];
    return median(&shares, projection_rounds);
}

/* ---- Against RBFSampler ---- */

enum { ROWS = 10000, CASES = 2 };
enum { COSINES, PAIRS, SAMPLER, SAMPLER_SKYLAKEX, SAMPLER_WAYS };
static const char *const case_names[CASES] = {"dense", "hd3"};
static const size_t case_shapes[CASES][2] = {{784, 1024}, {1024, 4096}}; /* d, m */
static const int32_t case_projections[CASES] = {SNNK_PROJECTION_GAUSSIAN, SNNK_PROJECTION_HD3};
static const char *const sampler_way_names[SAMPLER_WAYS] = {"snnk_cosines", "snnk_pairs",
                                                            "rbfsampler", "rbfsampler_skylakex"};

static const char *const note =
    "m float32 features of a Gaussian kernel. rbfsampler: sqrt(2/m) cos(G x + b), m dense rows; "
    "checks its input, allocates its output. snnk_cosines: cos(G x + c)/sqrt(m), m rows, of HD3 in "
    "case hd3; into the caller's array. snnk_pairs: cosines and sines of m/2 rows";

/* Threads of BLAS libraries spin for a while after work. Wait until they sleep before the next way
 * runs. */
static void rest(int threads) {
    if (threads > 1) nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static void measure_case(size_t k, int threads, python *const samplers[2],
                         samples result[SAMPLER_WAYS]) {
    const size_t d = case_shapes[k][0], m = case_shapes[k][1];
    snnk_map *maps[] = {make_map(d, m, SNNK_MAP_ELEMENTWISE, case_projections[k], 10),
                        make_map(d, m, SNNK_MAP_GAUSSIAN, case_projections[k], 0)};
    float *X = measure_floats(ROWS * d), *Phi = measure_floats(ROWS * m);
    double (*const now)(void) = threads == 1 ? measure_thread_now : measure_now;
    snnk_workspace *workspace;

    CHECK(snnk_workspace_create((size_t)threads, NULL, &workspace));
    for (int round = -1; round < (int)sampler_rounds; round++) /* round -1 warms up */
        for (int way = 0; way < SAMPLER_WAYS; way++) {
            double seconds;

            result[way].measured = way < SAMPLER || samplers[way - SAMPLER];
            if (!result[way].measured) continue;
            rest(threads);
            if (way < SAMPLER) {
                const double start = now();

                CHECK(snnk_map_input_tower(maps[way], ROWS, X, d, Phi, m, workspace));
                seconds = now() - start;
            } else {
                seconds = python_run(samplers[way - SAMPLER], k);
            }
            if (round >= 0) result[way].seconds[round] = seconds;
        }
    snnk_workspace_free(workspace);
    for (int way = 0; way < 2; way++) snnk_map_free(maps[way]);
    free(Phi);
    free(X);
}

/* The median of a/b within rounds; NaN unless both are measured. */
static double median_ratio(const samples *a, const samples *b) {
    samples ratios;

    if (!a->measured || !b->measured) return NAN;
    for (size_t r = 0; r < sampler_rounds; r++) ratios.seconds[r] = a->seconds[r] / b->seconds[r];
    return median(&ratios, sampler_rounds);
}

/* How many times as fast ours is as the faster RBFSampler. */
static double over_sampler(const samples result[SAMPLER_WAYS], int ours) {
    return fmin(median_ratio(&result[SAMPLER], &result[ours]),
                median_ratio(&result[SAMPLER_SKYLAKEX], &result[ours]));
}

/* ---- Reporting ---- */

typedef struct results {
    int threads;
    samples projections[SIZES][WAYS], cases[CASES][SAMPLER_WAYS];
    bounds bounds;
    warm warm;
    python *samplers[2];
} results;

static double floor_of(const bounds *b) { return fmax(b->additions, b->writing); }

static void print_number(const char *key, double value, const char *after) {
    if (isfinite(value))
        printf("\"%s\":%.4g%s", key, value, after);
    else
        printf("\"%s\":null%s", key, after);
}

static void print_projections(const results *r) {
    const char *separator = "";

    printf("\"results\":[");
    for (size_t i = 0; i < SIZES; i++)
        for (int way = 0; way < WAYS; way++) {
            const samples *s = &r->projections[i][way];

            if (!s->measured) continue;
            printf("%s{\"m\":%zu,\"method\":\"%s\",\"us_per_row\":%.4g,\"us_per_row_median\":%.4g}",
                   separator, sizes[i], way_names[way], 1e6 * least(s, projection_rounds) / N,
                   1e6 * median(s, projection_rounds) / N);
            separator = ",";
        }
    printf("],");
}

static void print_cases(const results *r) {
    const char *separator = "";

    printf("\"rbfsampler\":{\"n\":%d,\"threads\":%d,\"note\":\"%s\",\"versions\":[", ROWS,
           r->threads, note);
    for (int i = 0; i < 2; i++) {
        if (!r->samplers[i]) continue;
        printf("%s\"%s\"", separator, python_about(r->samplers[i]));
        separator = ",";
    }
    printf("],\"results\":[");
    separator = "";
    for (size_t k = 0; k < CASES; k++)
        for (int way = 0; way < SAMPLER_WAYS; way++) {
            const samples *s = &r->cases[k][way];

            if (!s->measured) continue;
            printf("%s{\"case\":\"%s\",\"d\":%zu,\"m\":%zu,\"method\":\"%s\",\"us_per_row\":%.4g,"
                   "\"us_per_row_median\":%.4g}",
                   separator, case_names[k], case_shapes[k][0], case_shapes[k][1],
                   sampler_way_names[way], 1e6 * least(s, sampler_rounds) / ROWS,
                   1e6 * median(s, sampler_rounds) / ROWS);
            separator = ",";
        }
    printf("]},");
}

static void print_json(const results *r) {
    const double hd3 = least(&r->projections[0][HD3], projection_rounds) / N;
    char key[64];

    printf("{\"d\":%d,\"n\":%d,\"kernels\":\"%s\",", D, N, snnk_kernels_name());
    print_projections(r);
    print_cases(r);
    printf("\"floor\":{\"definition\":\"%s\",\"additions_us\":%.4g,\"writing_us\":%.4g,"
           "\"libmvec_cosine_us\":%.4g},\"summary\":{",
           floor_text, 1e6 * r->bounds.additions, 1e6 * r->bounds.writing, 1e6 * r->bounds.cosine);
    for (size_t i = 0; i < SIZES; i++) {
        const samples *ways = r->projections[i];

        snprintf(key, sizeof key, "hd3_vs_gemm_%zu", sizes[i]);
        print_number(key, over_gemm(ways), ",");
        snprintf(key, sizeof key, "hd3_vs_dense_%zu", sizes[i]);
        print_number(key,
                     least(&ways[DENSE], projection_rounds) / least(&ways[HD3], projection_rounds),
                     ",");
    }
    for (size_t k = 0; k < CASES; k++) {
        const samples *ways = r->cases[k];

        snprintf(key, sizeof key, "vs_rbfsampler_%s", case_names[k]);
        print_number(key, median_ratio(&ways[SAMPLER], &ways[COSINES]), ",");
        snprintf(key, sizeof key, "vs_rbfsampler_%s_best_blas", case_names[k]);
        print_number(key, over_sampler(ways, COSINES), ",");
        snprintf(key, sizeof key, "vs_rbfsampler_%s_pairs", case_names[k]);
        print_number(key, over_sampler(ways, PAIRS), ",");
    }
    print_number("hd3_us_per_row_1024", 1e6 * least(&r->warm.row, projection_rounds), ",");
    print_number("hd3_us_per_row_1024_cold", 1e6 * hd3, ",");
    print_number("hd3_share_of_floor_and_cosine", warm_share(&r->warm, &r->warm.cosine), ",");
    print_number("hd3_share_of_floor_and_turn_cosine", warm_share(&r->warm, &r->warm.turn_cosine),
                 ",");
    print_number("hd3_share_of_floor_1024_cold", floor_of(&r->bounds) / hd3, ",");
    print_number("hd3_share_of_floor_and_cosine_1024_cold",
                 (floor_of(&r->bounds) + r->bounds.cosine) / hd3, "}}\n");
}

static void print_warm(const warm *w) {
    printf("m = 1024, %d rows in cache, microseconds a row: hd3 %.3f (median %.3f), additions at "
           "least %.3f, libmvec's cosine %.3f, a cosine of turns %.3f\n"
           "additions and libmvec's cosine are %.2f of the time, with the cosine of turns %.2f\n\n",
           WARM_ROWS, 1e6 * least(&w->row, projection_rounds),
           1e6 * median(&w->row, projection_rounds), 1e6 * least(&w->additions, projection_rounds),
           1e6 * least(&w->cosine, projection_rounds),
           1e6 * least(&w->turn_cosine, projection_rounds), warm_share(w, &w->cosine),
           warm_share(w, &w->turn_cosine));
}

static void print_table(const results *r) {
    const double hd3 = least(&r->projections[0][HD3], projection_rounds) / N;

    printf("cosine features of %d inputs, one thread: microseconds a row (minimum, median of %d)\n",
           D, (int)projection_rounds);
    for (size_t i = 0; i < SIZES; i++)
        for (int way = 0; way < WAYS; way++) {
            const samples *s = &r->projections[i][way];

            if (s->measured)
                printf("m = %4zu  %-18s %8.2f %8.2f   %5.2f x the time of hd3\n", sizes[i],
                       way_names[way], 1e6 * least(s, projection_rounds) / N,
                       1e6 * median(s, projection_rounds) / N,
                       least(s, projection_rounds) /
                           least(&r->projections[i][HD3], projection_rounds));
        }
    printf("m = 1024, microseconds a row: additions at least %.2f, writing at least %.2f, a vector "
           "cosine "
           "of libmvec %.2f\nhd3 reaches %.2f of the limit (the longer of the first two), %.2f "
           "with the "
           "cosine added\n\n",
           1e6 * r->bounds.additions, 1e6 * r->bounds.writing, 1e6 * r->bounds.cosine,
           floor_of(&r->bounds) / hd3, (floor_of(&r->bounds) + r->bounds.cosine) / hd3);
    print_warm(&r->warm);
    printf(
        "features of a Gaussian kernel, %d rows, %d thread(s): microseconds a row (minimum, median "
        "of %d)\n",
        ROWS, r->threads, (int)sampler_rounds);
    for (size_t k = 0; k < CASES; k++)
        for (int way = 0; way < SAMPLER_WAYS; way++) {
            const samples *s = &r->cases[k][way];

            if (s->measured)
                printf("%-5s %4zu -> %4zu  %-20s %8.2f %8.2f   %5.2f x the time of snnk_cosines\n",
                       case_names[k], case_shapes[k][0], case_shapes[k][1], sampler_way_names[way],
                       1e6 * least(s, sampler_rounds) / ROWS,
                       1e6 * median(s, sampler_rounds) / ROWS,
                       median_ratio(s, &r->cases[k][COSINES]));
        }
    for (int i = 0; i < 2; i++)
        if (r->samplers[i])
            printf("%s: %s\n", sampler_way_names[SAMPLER + i], python_about(r->samplers[i]));
    printf("%s\n", note);
}

/* ---- The program ---- */

int main(int argc, char **argv) {
    results r = {.threads = 1};
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            projection_rounds = 5;
            sampler_rounds = 3;
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0) {
            r.threads = atoi(argv[++i]);
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_features [--quick] [--threads N] [--json]\n"
                    "Measure random cosine features against OpenBLAS and scikit-learn.\n"
                    "  --quick      fewer rounds\n"
                    "  --threads N  threads of the comparison with scikit-learn (default: 1)\n"
                    "  --json       print one JSON object\n");
            return help ? 0 : 2;
        }
    }
    openblas *const blas[2] = {openblas_load(NULL, 1), openblas_load("SkylakeX", 1)};
    r.samplers[0] = sklearn_rbfsampler(NULL, r.threads, ROWS, CASES, case_shapes);
    if (r.samplers[0] && blas[1])
        r.samplers[1] = sklearn_rbfsampler("SkylakeX", r.threads, ROWS, CASES, case_shapes);
    for (size_t i = 0; i < SIZES; i++) measure_projections(sizes[i], blas, r.projections[i]);
    r.bounds = measure_bounds();
    measure_warm(&r.warm);
    for (size_t i = 0; i < projection_rounds; i++) /* the smaller of two measurements */
        r.warm.cosine.seconds[i] = fmin(r.warm.cosine.seconds[i], r.bounds.cosine);
    for (size_t k = 0; k < CASES; k++) measure_case(k, r.threads, r.samplers, r.cases[k]);
    if (json)
        print_json(&r);
    else
        print_table(&r);
    for (int i = 0; i < 2; i++) python_stop(r.samplers[i]);
    return 0;
}
