/* Least squares against the bare BLAS calls it is made of.
 *
 * Ours: snnk_lstsq_add of n x m float features (check, conversion, centring, moments) and
 * snnk_lstsq_solve. Raw: one dsyrk over all rows, which get their doubles for nothing, and one
 * dpotrf; likewise ssyrk on the floats. All in turn within each round, the least time of the rounds
 * counts. The solution is checked against the rows: the gradient of the sum of squares must vanish. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cblas.h>
#include <lapacke.h>

#include <snnk/snnk.h>

#define TARGETS    10
#define RIDGE      1.0
#define BLOCK_ROWS 768 /* as the library cuts them */
#define SQUARE     2048

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) die(snnk_last_error());                                             \
    } while (0)

typedef struct data {
    size_t n, m;
    float *Phi, *Y;      /* n x m, n x t */
    double *Phi64, *Y64; /* the same */
    double *S, *factor;  /* m x m */
    float *S32;          /* m x m */
    double *C;           /* t x m */
    double *B, *b;       /* our solution */
} data;

/* Seconds, the least over the rounds. */
typedef struct times {
    double total, add, solve;                      /* ours */
    double raw, dsyrk, dpotrf, raw32, ssyrk, blas; /* blas: our BLAS calls on blocks, no more */
    double square;                                 /* one dgemm */
    double gradient; /* largest entry of the gradient, relative to that of Y^T Phi */
} times;

typedef struct square {
    double *A, *B, *C; /* SQUARE x SQUARE */
} square;

static void die(const char *why) {
    fprintf(stderr, "bench_solve: %s\n", why);
    exit(1);
}

static void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) die("out of memory");
    return block;
}

static double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void keep_least(double *least, double seconds) {
    if (*least == 0 || seconds < *least) *least = seconds;
}

/* Relu features of uniform numbers: half zeros, a mean that is not zero. */
static data make_data(size_t n, size_t m) {
    const size_t t = TARGETS;
    data d = {.n = n, .m = m};
    uint64_t state = 1;

    d.Phi = allocate(n * m, sizeof *d.Phi), d.Phi64 = allocate(n * m, sizeof *d.Phi64);
    d.Y = allocate(n * t, sizeof *d.Y), d.Y64 = allocate(n * t, sizeof *d.Y64);
    d.S = allocate(m * m, sizeof *d.S), d.factor = allocate(m * m, sizeof *d.factor);
    d.S32 = allocate(m * m, sizeof *d.S32), d.C = allocate(t * m, sizeof *d.C);
    d.B = allocate(t * m, sizeof *d.B), d.b = allocate(t, sizeof *d.b);
    for (size_t i = 0; i < n * m; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const double u = (double)(state >> 40) / 16777216 - 0.5;

        d.Phi[i] = u > 0 ? (float)u : 0;
        d.Phi64[i] = (double)d.Phi[i];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < t; k++) {
            d.Y[i * t + k] = d.Phi[i * m + k % m] - d.Phi[i * m + (7 * k + 1) % m];
            d.Y64[i * t + k] = (double)d.Y[i * t + k];
        }
    return d;
}

static void free_data(data *d) {
    free(d->Phi), free(d->Phi64), free(d->Y), free(d->Y64), free(d->S), free(d->factor);
    free(d->S32), free(d->C), free(d->B), free(d->b);
}

static square make_square(void) {
    const size_t count = (size_t)SQUARE * SQUARE;
    square s = {allocate(count, sizeof *s.A), allocate(count, sizeof *s.B),
                allocate(count, sizeof *s.C)};

    for (size_t i = 0; i < count; i++) s.A[i] = s.B[i] = 1.0 / (double)(i + 1);
    return s;
}

static void run_ours(const data *d, times *least) {
    snnk_solve_config config;
    snnk_lstsq *lstsq;

    CHECK(snnk_solve_config_init(&config, sizeof config));
    config.ridge = RIDGE;
    const double start = now();
    CHECK(snnk_lstsq_create(d->m, TARGETS, NULL, &lstsq));
    CHECK(snnk_lstsq_add(lstsq, d->n, d->Phi, d->m, d->Y, TARGETS, NULL));
    const double added = now();
    CHECK(snnk_lstsq_solve(lstsq, &config, d->B, d->m, d->b, NULL));
    const double solved = now();

    keep_least(&least->add, added - start);
    keep_least(&least->solve, solved - added);
    keep_least(&least->total, solved - start);
    snnk_lstsq_free(lstsq);
}

static void run_raw(const data *d, times *least) {
    const lapack_int n = (lapack_int)d->n, m = (lapack_int)d->m;
    double start = now();

    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, m, n, 1, d->Phi64, m, 0, d->S, m);
    const double dsyrk = now() - start;

    memcpy(d->factor, d->S, d->m * d->m * sizeof *d->S);
    for (size_t i = 0; i < d->m; i++) d->factor[i * d->m + i] += RIDGE;
    start = now();
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', m, d->factor, m) != 0) die("dpotrf failed");
    const double dpotrf = now() - start;

    start = now();
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, m, n, 1, d->Phi, m, 0, d->S32, m);
    const double ssyrk = now() - start;

    keep_least(&least->dsyrk, dsyrk);
    keep_least(&least->dpotrf, dpotrf);
    keep_least(&least->ssyrk, ssyrk);
    keep_least(&least->raw, dsyrk + dpotrf);
    keep_least(&least->raw32, ssyrk + dpotrf);
}

/* Only the BLAS calls of snnk_lstsq_add: what is left of its time is check, conversion and centring. */
static void run_blocks(const data *d, times *least) {
    const lapack_int m = (lapack_int)d->m;
    const double start = now();

    for (size_t first = 0; first < d->n; first += BLOCK_ROWS) {
        const lapack_int k = (lapack_int)(first + BLOCK_ROWS <= d->n ? BLOCK_ROWS : d->n - first);
        const double *Phi = d->Phi64 + first * d->m, *Y = d->Y64 + first * TARGETS;

        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, m, k, 1, Phi, m, 1, d->S, m);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, TARGETS, m, k, 1, Y, TARGETS, Phi, m,
                    1, d->C, m);
    }
    keep_least(&least->blas, now() - start);
}

/* The rate of a square product: what this machine's BLAS can do at best. */
static void run_peak(const square *s, times *least) {
    const double start = now();

    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SQUARE, SQUARE, SQUARE, 1, s->A, SQUARE,
                s->B, SQUARE, 0, s->C, SQUARE);
    keep_least(&least->square, now() - start);
}

/* max |Phi^T (Y - Phi B^T - b) - ridge B| / max |Phi^T Y|. */
static double gradient(const data *d) {
    const size_t n = d->n, m = d->m, t = TARGETS;
    const lapack_int ni = (lapack_int)n, mi = (lapack_int)m;
    double *residuals = allocate(n * t, sizeof *residuals);
    double *g = allocate(t * m, sizeof *g), *scale = allocate(t * m, sizeof *scale);
    double worst = 0, largest = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < t; k++) residuals[i * t + k] = d->Y64[i * t + k] - d->b[k];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, ni, TARGETS, mi, -1, d->Phi64, mi, d->B,
                mi, 1, residuals, TARGETS);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, TARGETS, mi, ni, 1, residuals, TARGETS,
                d->Phi64, mi, 0, g, mi);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, TARGETS, mi, ni, 1, d->Y64, TARGETS,
                d->Phi64, mi, 0, scale, mi);
    for (size_t i = 0; i < t * m; i++) {
        worst = fmax(worst, fabs(g[i] - RIDGE * d->B[i]));
        largest = fmax(largest, fabs(scale[i]));
    }
    free(scale), free(g), free(residuals);
    return worst / largest;
}

static times measure(size_t n, size_t m, int rounds, const square *product) {
    data d = make_data(n, m);
    times least = {0};

    for (int round = 0; round < rounds; round++) {
        run_ours(&d, &least);
        run_raw(&d, &least);
        run_blocks(&d, &least);
        run_peak(product, &least);
    }
    least.gradient = gradient(&d);
    free_data(&d);
    return least;
}

/* The multiplications and additions that the method needs: moments, cross moments, Cholesky. */
static double gigaflops(size_t n, size_t m) {
    const double rows = (double)n, w = (double)m;

    return 1e-9 * (rows * w * (w + 1) + 2 * rows * w * TARGETS + w * w * w / 3);
}

static void print_human(size_t n, size_t m, const times *t, double peak) {
    const double work = gigaflops(n, m);

    printf("%zu x %zu, %d targets\n", n, m, TARGETS);
    printf("  ours               %8.4f s   %6.1f GF/s, %.0f %% of the dgemm peak\n", t->total,
           work / t->total, 100 * work / t->total / peak);
    printf("    statistics       %8.4f s   BLAS on blocks %.4f, check, conversion, centring %.4f\n",
           t->add, t->blas, t->add - t->blas);
    printf("    solve            %8.4f s   dpotrf %.4f, copy, condition, substitution %.4f\n",
           t->solve, t->dpotrf, t->solve - t->dpotrf);
    printf("  raw dsyrk + dpotrf %8.4f s   ours / raw = %.3f\n", t->raw, t->total / t->raw);
    printf("  raw ssyrk + dpotrf %8.4f s   ours / raw = %.3f (single precision sums)\n", t->raw32,
           t->total / t->raw32);
    printf("  gradient at the solution, relative: %.1e\n", t->gradient);
}

static void print_json(size_t n, size_t m, const times *t, double peak, bool first) {
    printf("%s{\"rows\":%zu,\"features\":%zu,\"targets\":%d,\"seconds\":%.6f,"
           "\"statistics_seconds\":%.6f,\"statistics_blas_seconds\":%.6f,\"solve_seconds\":%.6f,",
           first ? "" : ",", n, m, TARGETS, t->total, t->add, t->blas, t->solve);
    printf("\"raw_dsyrk_seconds\":%.6f,\"raw_ssyrk_seconds\":%.6f,\"raw_dpotrf_seconds\":%.6f,",
           t->dsyrk, t->ssyrk, t->dpotrf);
    printf("\"gflops\":%.2f,\"share_of_dgemm_peak\":%.4f,\"ratio_vs_raw_blas\":%.4f,"
           "\"ratio_vs_raw_ssyrk\":%.4f,\"relative_gradient\":%.2e}",
           gigaflops(n, m) / t->total, gigaflops(n, m) / t->total / peak, t->total / t->raw,
           t->total / t->raw32, t->gradient);
}

static const char *blas_core(void) {
#ifdef OPENBLAS_CONFIG_H
    return openblas_get_corename();
#else
    return "unknown";
#endif
}

static int blas_threads(void) {
#ifdef OPENBLAS_CONFIG_H
    return openblas_get_num_threads();
#else
    return 0;
#endif
}

int main(int argc, char **argv) {
    static const size_t widths[] = {1024, 2048};
    double worst = 0, worst32 = 0;
    size_t n = 60000;
    int rounds = 5;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc && atol(argv[i + 1]) > 0) {
            n = (size_t)atol(argv[++i]);
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0) {
            rounds = atoi(argv[++i]);
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(help ? stdout : stderr,
                    "usage: bench_solve [--json] [--rows 60000] [--rounds 5]\n"
                    "Times least squares against the raw BLAS calls, at 1024 and 2048 features.\n");
            return help ? 0 : 2;
        }
    }

    square product = make_square();
    double peak = 0;

    if (json)
        printf("{\"results\":[");
    else
        printf("BLAS core %s, %d threads, least of %d rounds\n", blas_core(), blas_threads(),
               rounds);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const times t = measure(n, widths[i], rounds, &product);

        peak = fmax(peak, 2e-9 * SQUARE * SQUARE * SQUARE / t.square);
        worst = fmax(worst, t.total / t.raw);
        worst32 = fmax(worst32, t.total / t.raw32);
        if (json)
            print_json(n, widths[i], &t, peak, i == 0);
        else
            print_human(n, widths[i], &t, peak);
    }
    if (json)
        printf("],\"summary\":{\"ratio_vs_raw_blas\":%.4f,\"ratio_vs_raw_ssyrk\":%.4f,"
               "\"dgemm_peak_gflops\":%.2f,\"blas_core\":\"%s\",\"blas_threads\":%d,"
               "\"rounds\":%d}}\n",
               worst, worst32, peak, blas_core(), blas_threads(), rounds);
    else
        printf("dgemm peak %.1f GF/s; worst ratio against dsyrk + dpotrf: %.3f\n", peak, worst);
    free(product.C), free(product.B), free(product.A);
    return 0;
}
