/* Random cosine features: projections by fast Walsh-Hadamard transforms (HD3) against dense ones, and
 * against what one would write without the library, a sgemm and a vector cosine.
 *
 *     bench_features [--json]
 *
 * d = 1024 inputs, m = 1024 and 4096 features, 1024 rows, one thread; all in turn within each round,
 * microseconds a row, the least and the median of the rounds. The vector cosine is glibc's libmvec. Set
 * OPENBLAS_NUM_THREADS=1, and OPENBLAS_CORETYPE where OpenBLAS does not know the processor. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cblas.h>

#include <snnk/snnk.h>

enum { D = 1024, N = 1024, ROUNDS = 15, SIZES = 2 };
static const size_t sizes[SIZES] = {1024, 4096};

enum { HD3, DENSE, GEMM, WAYS };
static const char *const way_names[WAYS] = {"hd3", "dense", "sgemm_cos"};

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_features: %s\n", snnk_last_error());                            \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static float *floats(size_t count) {
    float *values = malloc(count * sizeof *values);

    if (!values) {
        fprintf(stderr, "bench_features: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < count; i++) values[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    return values;
}

/* Tell the compiler that cosf has vector versions (libmvec), which it otherwise uses under -ffast-math
 * only. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
extern float cosf(float) __attribute__((simd("notinbranch")));
#endif

static void vector_cosine(size_t count, float scale, float *x) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) x[i] = scale * cosf(x[i]);
}

static snnk_map *make_map(size_t m, int32_t projection) {
    snnk_map_config config;
    snnk_map *map;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_COS;
    config.features = m;
    config.projection = projection;
    CHECK(snnk_map_create(D, &config, NULL, &map));
    return map;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

typedef struct times {
    double least, median; /* microseconds a row */
} times;

static void measure(size_t m, times result[WAYS]) {
    snnk_map *maps[2] = {make_map(m, SNNK_PROJECTION_HD3), make_map(m, SNNK_PROJECTION_GAUSSIAN)};
    float *X = floats((size_t)N * D), *G = floats(m * D), *Phi = floats(N * m);
    double seconds[WAYS][ROUNDS];
    snnk_workspace *workspace;

    CHECK(snnk_workspace_create(1, NULL, &workspace));
    for (int round = -1; round < ROUNDS; round++) /* the first warms up */
        for (int way = 0; way < WAYS; way++) {
            const double start = now();

            if (way == GEMM) {
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, N, (int)m, D, 1, X, D, G, D, 0,
                            Phi, (int)m);
                vector_cosine(N * m, (float)(1 / sqrt((double)m)), Phi);
            } else {
                CHECK(snnk_map_input_tower(maps[way], N, X, D, Phi, m, workspace));
            }
            if (round >= 0) seconds[way][round] = now() - start;
        }
    for (int way = 0; way < WAYS; way++) {
        qsort(seconds[way], ROUNDS, sizeof(double), by_value);
        result[way] = (times){1e6 * seconds[way][0] / N, 1e6 * seconds[way][ROUNDS / 2] / N};
    }
    snnk_workspace_free(workspace);
    for (int way = 0; way < 2; way++) snnk_map_free(maps[way]);
    free(Phi);
    free(G);
    free(X);
}

int main(int argc, char **argv) {
    const bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    times result[SIZES][WAYS];

    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench_features [--json]\n");
        return 2;
    }
    for (size_t i = 0; i < SIZES; i++) measure(sizes[i], result[i]);
    if (json) {
        printf("{\"d\":%d,\"n\":%d,\"results\":[", D, N);
        for (size_t i = 0; i < SIZES; i++)
            for (int way = 0; way < WAYS; way++)
                printf("%s{\"m\":%zu,\"method\":\"%s\",\"us_per_row\":%.4g,"
                       "\"us_per_row_median\":%.4g}",
                       i + (size_t)way ? "," : "", sizes[i], way_names[way], result[i][way].least,
                       result[i][way].median);
        printf("],\"summary\":{");
        for (size_t i = 0; i < SIZES; i++)
            printf("\"hd3_vs_gemm_%zu\":%.4g,\"hd3_vs_dense_%zu\":%.4g%s", sizes[i],
                   result[i][GEMM].least / result[i][HD3].least, sizes[i],
                   result[i][DENSE].least / result[i][HD3].least, i + 1 < SIZES ? "," : "");
        printf("}}\n");
        return 0;
    }
    printf("cosine features of %d inputs, one thread, microseconds a row (least, median of %d)\n",
           D, ROUNDS);
    for (size_t i = 0; i < SIZES; i++)
        for (int way = 0; way < WAYS; way++)
            printf("m = %4zu  %-10s %8.2f %8.2f   %5.2f times hd3\n", sizes[i], way_names[way],
                   result[i][way].least, result[i][way].median,
                   result[i][way].least / result[i][HD3].least);
    return 0;
}
