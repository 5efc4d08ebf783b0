/* Measure ridge regression from float features against scikit-learn and against bare BLAS calls.
 *
 *     bench_solve [--quick] [--json] [--rows N] [--features M] [--threads T]
 *
 *   ours            snnk_lstsq_add of n x m features (checks, centering, moments) and
 *                   snnk_lstsq_solve, in double and in single precision. Where AMX is used in
 *                   single precision, also without it
 *   scikit-learn    Ridge(solver="cholesky") in float64, with OpenBLAS's own choice of kernels and
 *                   with OPENBLAS_CORETYPE=SkylakeX
 *   dsyrk + dpotrf  one call of each for all rows; the conversion to double is not timed
 *   QR              snnk_lstsq_add with SNNK_FACTORIZATION_QR, against one dgeqrf of all rows; the
 *                   conversion to double by columns is not timed
 *   ridge path      a fit that scores 100 lambdas and solves with one, against a fit with a given
 *                   lambda
 *   recursive       one row of recursive least squares
 *   factors         the Cholesky and QR factorizations of the solver against one call of LAPACK,
 *                   and the longest time between two calls of the progress function: factors.h
 *
 * In each round all run in turn. Each solution is checked: the gradient of the sum of squares must
 * vanish.
 *
 * The roofline is the peak of multiply-adds in double, measured before and after every tenth of the
 * rows, because clocks change; shares of it are medians. With one thread, they and the factors are
 * timed on the processor, all else by the clock.
 * gram_roofline_fraction counts the moments of the features only; fit_fraction_of_possible is the
 * time of all arithmetic of a fit (moments of features and targets, Cholesky factor, solution) at
 * that peak over the time of the fit. It says more than a ratio to scikit-learn, whose products are
 * near the peak too where OpenBLAS knows the processor. moments_single names the kernels of the
 * moments in single precision. fast_vs_today is the time of a fit in single precision without AMX,
 * as it was before AMX was used, over the time with it; null where it is not used. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include <snnk/snnk.h>

#include "factors.h"
#include "kernels/kernels.h"
#include "measure.h"
#include "rivals.h"

#define TARGETS    10
#define RIDGE      1.0
#define LAMBDAS    100 /* scored by the ridge path */
#define RLS_M      512
#define RLS_ROWS   200
#define MAX_ROUNDS 5
#define PARTS      10 /* of the rows, each with its own peak */

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) die(snnk_last_error());                                             \
    } while (0)

enum { DOUBLE, SINGLE, WITHOUT_AMX, OURS, DSYRK = OURS, SKLEARN, SKLEARN_SKYLAKEX, WAYS };
static const char *const names[WAYS] = {"ours, double",
                                        "ours, single",
                                        "the same without AMX",
                                        "dsyrk + dpotrf",
                                        "scikit-learn Ridge, float64",
                                        "the same, SkylakeX kernels"};
static const char *const keys[WAYS] = {"double",       "fast",          "fast_without_amx",
                                       "dsyrk_dpotrf", "sklearn_ridge", "sklearn_ridge_skylakex"};

static size_t rounds = MAX_ROUNDS;
static int threads = 1;

typedef struct data {
    size_t n, m;
    float *Phi, *Y; /* n x m, n x t */
    double *Phi64;  /* Phi in double */
    double *A;      /* Phi in double by columns, overwritten by dgeqrf */
    double *S;      /* m x m */
    double *B, *b;  /* our solution */
} data;

typedef struct result {
    double seconds[WAYS][MAX_ROUNDS];          /* of a whole fit */
    double rows[OURS][MAX_ROUNDS];             /* ours: of snnk_lstsq_add only */
    double of_peak[2][MAX_ROUNDS * PARTS];     /* of snnk_lstsq_add: shares of the peak */
    double fit_of_peak[MAX_ROUNDS];            /* of a fit in double */
    double qr[MAX_ROUNDS], dgeqrf[MAX_ROUNDS]; /* the same with QR; its rival */
    double gradient[OURS];          /* largest entry at the solution, relative to that of Y^T Phi */
    double path[MAX_ROUNDS];        /* seconds of a whole fit with a ridge path */
    double path_solver[MAX_ROUNDS]; /* without adding the rows */
    double peak;                    /* the best flops a second in double, of all threads */
    double update[MAX_ROUNDS];      /* seconds of a row of recursive least squares */
    double
        path_difference; /* largest difference from our solution, relative to its largest entry */
} result;

static void die(const char *why) {
    fprintf(stderr, "bench_solve: %s\n", why);
    exit(1);
}

static void *allocate(size_t count, size_t bytes) {
    void *block = calloc(count, bytes);

    if (!block) die("out of memory");
    return block;
}

/* Make relu features of uniform numbers: half are zero, and the mean is not. */
static data make_data(size_t n, size_t m) {
    data d = {.n = n, .m = m};

    d.Phi = measure_floats(n * m);
    d.Phi64 = allocate(n * m, sizeof *d.Phi64);
    d.Y = allocate(n * TARGETS, sizeof *d.Y);
    d.S = allocate(m * m, sizeof *d.S);
    d.A = allocate(n * m, sizeof *d.A);
    d.B = allocate(TARGETS * m, sizeof *d.B);
    d.b = allocate(TARGETS, sizeof *d.b);
    for (size_t i = 0; i < n * m; i++) {
        d.Phi[i] = fmaxf(d.Phi[i], 0);
        d.Phi64[i] = (double)d.Phi[i];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < TARGETS; k++)
            d.Y[i * TARGETS + k] = d.Phi[i * m + k] - d.Phi[i * m + TARGETS + k];
    return d;
}

static void free_data(data *d) {
    free(d->Phi), free(d->Phi64), free(d->A), free(d->Y), free(d->S), free(d->B), free(d->b);
}

/* max |Phi^T (Y - Phi B^T - b) - ridge B| / max |Phi^T Y|. */
static double gradient(const data *d) {
    const size_t n = d->n, m = d->m, t = TARGETS;
    const lapack_int ni = (lapack_int)n, mi = (lapack_int)m;
    double *residuals = allocate(n * t, sizeof *residuals), *Y = allocate(n * t, sizeof *Y);
    double *g = allocate(t * m, sizeof *g), *scale = allocate(t * m, sizeof *scale);
    double worst = 0, largest = 0;

    for (size_t i = 0; i < n * t; i++) {
        Y[i] = (double)d->Y[i];
        residuals[i] = Y[i] - d->b[i % t];
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, ni, TARGETS, mi, -1, d->Phi64, mi, d->B,
                mi, 1, residuals, TARGETS);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, TARGETS, mi, ni, 1, residuals, TARGETS,
                d->Phi64, mi, 0, g, mi);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, TARGETS, mi, ni, 1, Y, TARGETS, d->Phi64,
                mi, 0, scale, mi);
    for (size_t i = 0; i < t * m; i++) {
        worst = fmax(worst, fabs(g[i] - RIDGE * d->B[i]));
        largest = fmax(largest, fabs(scale[i]));
    }
    free(scale), free(g), free(residuals), free(Y);
    return worst / largest;
}

/* The flops of the moments of the features only (their lower triangle). */
static double moment_flops(double n, double m) { return n * m * (m + 1); }

/* ---- Moments by AMX ---- */

/* The linker replaces the library's choice of kernels. */
const snnk__moments *__real_snnk__moments_get(int32_t precision, size_t rows, size_t features);
const snnk__moments *__wrap_snnk__moments_get(int32_t precision, size_t rows, size_t features);
static bool without_amx;

const snnk__moments *__wrap_snnk__moments_get(int32_t precision, size_t rows, size_t features) {
    if (without_amx) return &snnk__kernels_get()->moments[precision];
    return __real_snnk__moments_get(precision, rows, features);
}

/* Whether blocks of rows of m features in single precision use AMX. */
static bool amx_in_use(size_t m) {
    return __real_snnk__moments_get(SNNK_PRECISION_SINGLE, SNNK__PANEL_ROWS, m) !=
           &snnk__kernels_get()->moments[SNNK_PRECISION_SINGLE];
}

static const char *moments_single(size_t m) { return amx_in_use(m) ? "amx" : snnk_kernels_name(); }

/* ---- Measuring ---- */

/* The clock for shares of the peak. */
static double alone_now(void) { return threads == 1 ? measure_thread_now() : measure_now(); }

/* The peak now, which later ones need not be: clocks change by a quarter within a second. */
static double peak_now(result *r) {
    const double peak = measure_peak_double() * threads;

    r->peak = fmax(r->peak, peak);
    return peak;
}

/* The arithmetic of a fit: moments of features and targets, Cholesky factor, solution. */
static double fit_flops(const data *d) {
    const double n = (double)d->n, m = (double)d->m;

    return moment_flops(n, m) + 2 * n * m * TARGETS + m * m * m / 3 + 2 * m * m * TARGETS;
}

static void run_ours(const data *d, int way, snnk_workspace *workspace, size_t round, result *r) {
    const int precision = way == DOUBLE ? SNNK_PRECISION_DOUBLE : SNNK_PRECISION_SINGLE;
    snnk_solve_config config;
    snnk_lstsq *lstsq;

    without_amx = way == WITHOUT_AMX;
    CHECK(snnk_solve_config_init(&config, sizeof config));
    config.ridge = RIDGE;
    const double peak = peak_now(r), start = measure_now(), alone = alone_now();
    CHECK(snnk_lstsq_create(d->m, TARGETS, NULL, &lstsq));
    CHECK(snnk_lstsq_set_precision(lstsq, precision));
    const double created = measure_now();
    CHECK(snnk_lstsq_add(lstsq,
                         SNNK_ROWS(.n = d->n, .X = d->Phi, .ldx = d->m, .Y = d->Y, .ldy = TARGETS),
                         workspace));
    r->rows[way][round] = measure_now() - created;
    CHECK(snnk_lstsq_solve(lstsq, &config, NULL, d->B, d->m, d->b, NULL));
    r->seconds[way][round] = measure_now() - start;
    without_amx = false;
    if (way == DOUBLE) {
        const double rate = fit_flops(d) / (alone_now() - alone);

        r->fit_of_peak[round] = rate / ((peak + peak_now(r)) / 2);
    }
    snnk_lstsq_free(lstsq);
    if (round == 0) r->gradient[way] = gradient(d);
}

/* Add the rows in parts, with the peak before and after each. */
static void run_moments(const data *d, int precision, snnk_workspace *workspace, size_t round,
                        result *r) {
    const size_t rows = d->n / PARTS;
    double before = peak_now(r);
    snnk_lstsq *lstsq;

    CHECK(snnk_lstsq_create(d->m, TARGETS, NULL, &lstsq));
    CHECK(snnk_lstsq_set_precision(lstsq, precision));
    for (size_t part = 0; part < PARTS && rows > 0; part++) {
        const snnk_rows *these = SNNK_ROWS(.n = rows, .X = d->Phi + part * rows * d->m, .ldx = d->m,
                                           .Y = d->Y + part * rows * TARGETS, .ldy = TARGETS);
        const double start = alone_now();
        CHECK(snnk_lstsq_add(lstsq, these, workspace));
        const double rate = moment_flops((double)rows, (double)d->m) / (alone_now() - start);
        const double after = peak_now(r), peak = (before + after) / 2;

        r->of_peak[precision][round * PARTS + part] =
            rate / (precision == SINGLE ? 2 * peak : peak);
        before = after;
    }
    snnk_lstsq_free(lstsq);
}

/* Run the same fit with a score for every lambda, and compare its solution at RIDGE with ours. Call
 * after run_ours. */
static void run_path(const data *d, snnk_workspace *workspace, size_t round, result *r) {
    const size_t m = d->m;
    double ridges[LAMBDAS], *rss = allocate((size_t)LAMBDAS * TARGETS, sizeof *rss), dof[LAMBDAS];
    double *gcv = allocate((size_t)LAMBDAS * TARGETS, sizeof *gcv), one[TARGETS], b[TARGETS];
    double *B = allocate(TARGETS * m, sizeof *B), largest = 0, worst = 0;
    snnk_lstsq *lstsq;
    snnk_ridge_path *path;

    for (int k = 0; k < LAMBDAS; k++) ridges[k] = RIDGE * pow(10, k / 10.0 - 5);
    for (int k = 0; k < TARGETS; k++) one[k] = RIDGE;
    const double start = measure_now();
    CHECK(snnk_lstsq_create(m, TARGETS, NULL, &lstsq));
    CHECK(snnk_lstsq_add(
        lstsq, SNNK_ROWS(.n = d->n, .X = d->Phi, .ldx = m, .Y = d->Y, .ldy = TARGETS), workspace));
    const double summed = measure_now();
    CHECK(snnk_ridge_path_create(lstsq, NULL, NULL, &path));
    CHECK(snnk_ridge_path_score(path, LAMBDAS, ridges, rss, dof, gcv));
    CHECK(snnk_ridge_path_solve(path, one, B, m, b));
    r->path_solver[round] = measure_now() - summed;
    r->path[round] = measure_now() - start;
    for (size_t i = 0; i < TARGETS * m; i++) {
        largest = fmax(largest, fabs(d->B[i]));
        worst = fmax(worst, fabs(B[i] - d->B[i]));
    }
    r->path_difference = worst / largest;
    snnk_ridge_path_free(path);
    snnk_lstsq_free(lstsq);
    free(B), free(gcv), free(rss);
}

/* Time updates of recursive least squares with forgetting, after RLS_ROWS rows. */
static void run_updates(size_t round, result *r) {
    static const float y[TARGETS] = {1};
    float *Phi = measure_floats((size_t)RLS_ROWS * RLS_M);
    snnk_rls *rls;
    double start = 0;

    CHECK(snnk_rls_create(RLS_M, TARGETS, RIDGE, 0.999, NULL, &rls));
    for (size_t pass = 0; pass < 2; pass++) {
        start = measure_now();
        for (size_t i = 0; i < RLS_ROWS; i++)
            CHECK(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = Phi + i * RLS_M, .Y = y), NULL, 0));
    }
    r->update[round] = (measure_now() - start) / RLS_ROWS;
    snnk_rls_free(rls);
    free(Phi);
}

static double run_raw(const data *d) {
    const lapack_int n = (lapack_int)d->n, m = (lapack_int)d->m;
    const double start = measure_now();

    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, m, n, 1, d->Phi64, m, 0, d->S, m);
    for (size_t i = 0; i < d->m; i++) d->S[i * d->m + i] += RIDGE;
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', m, d->S, m) != 0) die("dpotrf failed");
    return measure_now() - start;
}

static double run_qr(const data *d, snnk_workspace *workspace) {
    snnk_lstsq *lstsq;

    CHECK(snnk_lstsq_create(d->m, TARGETS, NULL, &lstsq));
    CHECK(snnk_lstsq_set_factorization(lstsq, SNNK_FACTORIZATION_QR));
    const double start = measure_now();
    CHECK(snnk_lstsq_add(lstsq,
                         SNNK_ROWS(.n = d->n, .X = d->Phi, .ldx = d->m, .Y = d->Y, .ldy = TARGETS),
                         workspace));
    const double seconds = measure_now() - start;
    snnk_lstsq_free(lstsq);
    return seconds;
}

static double run_dgeqrf(const data *d) {
    const lapack_int n = (lapack_int)d->n, m = (lapack_int)d->m;
    double *tau = allocate(d->m, sizeof *tau), *work, size = 0;

    if (LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, n, m, d->A, n, tau, &size, -1) != 0)
        die("dgeqrf failed");
    work = allocate((size_t)size, sizeof *work);
    for (size_t j = 0; j < d->m; j++)
        for (size_t i = 0; i < d->n; i++) d->A[j * d->n + i] = d->Phi64[i * d->m + j];
    const double start = measure_now();
    if (LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, n, m, d->A, n, tau, work, (lapack_int)size) != 0)
        die("dgeqrf failed");
    const double seconds = measure_now() - start;
    free(work);
    free(tau);
    return seconds;
}

static result measure(const data *d, python *const children[2], snnk_workspace *workspace) {
    result r = {.gradient = {0}};

    for (size_t round = 0; round < rounds; round++) {
        for (int precision = 0; precision < 2; precision++) {
            run_moments(d, 1 - precision, workspace, round, &r);
            run_ours(d, 1 - precision, workspace, round, &r);
            if (precision == 0 && amx_in_use(d->m)) run_ours(d, WITHOUT_AMX, workspace, round, &r);
        }
        run_path(d, workspace, round, &r); /* compares with the solution in double */
        run_updates(round, &r);
        r.seconds[DSYRK][round] = run_raw(d);
        r.qr[round] = run_qr(d, workspace);
        r.dgeqrf[round] = run_dgeqrf(d);
        for (int i = 0; i < 2; i++)
            if (children[i]) r.seconds[SKLEARN + i][round] = python_run(children[i], 0);
    }
    for (int way = 0; way < WAYS; way++) measure_sort(r.seconds[way], rounds);
    for (int precision = 0; precision < 2; precision++) measure_sort(r.rows[precision], rounds);
    for (int i = 0; i < 2; i++) measure_sort(r.of_peak[i], rounds * PARTS);
    measure_sort(r.fit_of_peak, rounds);
    measure_sort(r.path, rounds), measure_sort(r.path_solver, rounds);
    measure_sort(r.update, rounds);
    measure_sort(r.qr, rounds);
    measure_sort(r.dgeqrf, rounds);
    return r;
}

/* ---- Reports ---- */

/* (minimum time of the way)/(minimum time of ours); NaN if it did not run. */
static double times_ours(const result *r, int way, int precision) {
    return r->seconds[way][0] > 0 ? r->seconds[way][0] / r->seconds[precision][0] : NAN;
}

static void print_number(const char *key, double value, const char *end) {
    if (isfinite(value))
        printf("\"%s\":%.4g%s", key, value, end);
    else
        printf("\"%s\":null%s", key, end);
}

static const char *blas_core(void) {
#ifdef OPENBLAS_CONFIG_H
    return openblas_get_corename();
#else
    return "unknown";
#endif
}

static void set_blas_threads(void) {
#ifdef OPENBLAS_CONFIG_H
    openblas_set_num_threads(threads);
#endif
}

/* The median share of the peak that the moments reach. */
static double roofline(const result *r, int precision) {
    return r->of_peak[precision][rounds * PARTS / 2];
}

/* (time of the ridge path)/(time of one solution), without adding the rows. The latter is a
 * difference of minimum times. */
static double path_solver_ratio(const result *r) {
    return r->path_solver[0] / (r->seconds[DOUBLE][0] - r->rows[DOUBLE][0]);
}

static double smaller(const double of[FACTOR_SIZES]) { return fmin(of[0], of[1]); }

static void print_factors_json(const factors *f) {
    print_number("cholesky_vs_lapack", smaller(f->cholesky), ",");
    print_number("cholesky_vs_lapack_1024", f->cholesky[0], ",");
    print_number("cholesky_vs_lapack_4096", f->cholesky[1], ",");
    print_number("qr_vs_lapack", smaller(f->qr), ",");
    print_number("qr_vs_lapack_1024", f->qr[0], ",");
    print_number("qr_vs_lapack_4096", f->qr[1], ",");
    print_number("largest_gap_seconds", fmax(f->gap_cholesky, f->gap_qr), ",");
    print_number("largest_gap_seconds_cholesky", f->gap_cholesky, ",");
    print_number("largest_gap_seconds_qr", f->gap_qr, ",");
}

static void print_json(const data *d, const result *r, const factors *f,
                       python *const children[2]) {
    printf("{\"rows\":%zu,\"features\":%zu,\"targets\":%d,\"threads\":%d,\"rounds\":%d,"
           "\"kernels\":\"%s\",\"moments_single\":\"%s\",\"blas_core\":\"%s\",\"versions\":[",
           d->n, d->m, TARGETS, threads, (int)rounds, snnk_kernels_name(), moments_single(d->m),
           blas_core());
    for (int i = 0; i < 2; i++)
        if (children[i]) printf("%s\"%s\"", i ? "," : "", python_about(children[i]));
    printf("],\"seconds\":{");
    for (int way = 0; way < WAYS; way++)
        print_number(keys[way], r->seconds[way][0] > 0 ? r->seconds[way][0] : NAN,
                     way + 1 < WAYS ? "," : "},");
    printf("\"median_seconds\":{");
    for (int way = 0; way < WAYS; way++)
        print_number(keys[way], r->seconds[way][0] > 0 ? r->seconds[way][rounds / 2] : NAN,
                     way + 1 < WAYS ? "," : "},");
    printf("\"peak_gflops_double\":%.1f,\"relative_gradient_double\":%.1e,"
           "\"relative_gradient_fast\":%.1e,\"summary\":{",
           r->peak / 1e9, r->gradient[DOUBLE], r->gradient[SINGLE]);
    print_number("vs_sklearn_ridge_f64", times_ours(r, SKLEARN, DOUBLE), ",");
    print_number("vs_sklearn_ridge_fast", times_ours(r, SKLEARN, SINGLE), ",");
    print_number("vs_sklearn_ridge_f64_skylakex", times_ours(r, SKLEARN_SKYLAKEX, DOUBLE), ",");
    print_number("vs_sklearn_ridge_fast_skylakex", times_ours(r, SKLEARN_SKYLAKEX, SINGLE), ",");
    print_number("fast_vs_today", times_ours(r, WITHOUT_AMX, SINGLE), ",");
    print_number("qr_vs_dgeqrf", r->qr[0] / r->dgeqrf[0], ",");
    print_number("qr_vs_gram", r->qr[0] / r->rows[DOUBLE][0], ",");
    print_number("ratio_vs_raw_blas", 1 / times_ours(r, DSYRK, DOUBLE), ",");
    print_number("gram_roofline_fraction", roofline(r, DOUBLE), ",");
    print_number("gram_roofline_fraction_fast", roofline(r, SINGLE), ",");
    print_number("fit_fraction_of_possible", r->fit_of_peak[rounds / 2], ",");
    print_factors_json(f);
    print_number("path_100_lambdas_vs_one", r->path[0] / r->seconds[DOUBLE][0], ",");
    print_number("path_100_lambdas_vs_one_solver_only", path_solver_ratio(r), ",");
    print_number("path_solution_difference", r->path_difference, ",");
    print_number("update_us_m512", 1e6 * r->update[0], "}}\n");
}

static void print_factors(const factors *f) {
    for (int i = 0; i < FACTOR_SIZES; i++)
        printf("factors of %zu columns: Cholesky %.2f x as fast as dpotrf, QR %.2f x as dgeqrf\n",
               factor_sizes[i], f->cholesky[i], f->qr[i]);
    printf("longest time between two calls of the progress function, %zu features: %.2f s with "
           "Cholesky, %.2f s with QR\n",
           factor_sizes[1], f->gap_cholesky, f->gap_qr);
}

static void print_table(const data *d, const result *r, const factors *f,
                        python *const children[2]) {
    printf(
        "%zu x %zu features, %d targets, %d thread(s): seconds of a fit (minimum, median of %d)\n",
        d->n, d->m, TARGETS, threads, (int)rounds);
    for (int way = 0; way < WAYS; way++)
        if (r->seconds[way][0] > 0)
            printf("  %-28s %7.3f %7.3f   %5.2f x ours in double, %5.2f x ours in single\n",
                   names[way], r->seconds[way][0], r->seconds[way][rounds / 2],
                   times_ours(r, way, DOUBLE), times_ours(r, way, SINGLE));
    for (int i = 0; i < 2; i++)
        if (children[i]) printf("  %s\n", python_about(children[i]));
    printf(
        "QR: %.3f s, dgeqrf of all rows at once: %.3f s; QR takes %.2f x dgeqrf, %.1f x moments\n",
        r->qr[0], r->dgeqrf[0], r->qr[0] / r->dgeqrf[0], r->qr[0] / r->rows[DOUBLE][0]);
    printf("moments: %.0f %% of the peak beside them (at most %.0f GFLOP/s) in double, %.0f %% of "
           "twice "
           "that in single (%s)\n",
           100 * roofline(r, DOUBLE), r->peak / 1e9, 100 * roofline(r, SINGLE),
           moments_single(d->m));
    printf("relative gradient at the solution: %.1e in double, %.1e in single\n",
           r->gradient[DOUBLE], r->gradient[SINGLE]);
    printf("ridge path with %d lambdas: %.3f s, %.2f x a fit with one lambda (%.1f x without "
           "adding the "
           "rows); solution differs by %.1e\n",
           LAMBDAS, r->path[0], r->path[0] / r->seconds[DOUBLE][0], path_solver_ratio(r),
           r->path_difference);
    printf("a fit takes %.2f x the time of its arithmetic at the peak beside it\n",
           1 / r->fit_of_peak[rounds / 2]);
    print_factors(f);
    printf("recursive least squares, %d features: %.1f us a row\n", RLS_M, 1e6 * r->update[0]);
}

int main(int argc, char **argv) {
    size_t n = 60000, m = 1024;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            rounds = 2;
        } else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc && atol(argv[i + 1]) > 0) {
            n = (size_t)atol(argv[++i]);
        } else if (strcmp(argv[i], "--features") == 0 && i + 1 < argc &&
                   atol(argv[i + 1]) >= 2 * TARGETS) {
            m = (size_t)atol(argv[++i]);
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0) {
            threads = atoi(argv[++i]);
        } else {
            const bool help = strcmp(argv[i], "--help") == 0;

            fprintf(
                help ? stdout : stderr,
                "usage: bench_solve [--quick] [--json] [--rows N] [--features M] [--threads T]\n"
                "Measure ridge regression against scikit-learn and bare BLAS calls.\n"
                "  --quick       fewer rounds\n"
                "  --json        print one JSON object\n"
                "  --rows N      rows (default: 60000)\n"
                "  --features M  features (default: 1024)\n"
                "  --threads T   threads (default: 1)\n");
            return help ? 0 : 2;
        }
    }

    const size_t shape[1][2] = {{m, TARGETS}};
    python *children[2] = {sklearn_ridge(NULL, threads, n, 1, shape), NULL};
    snnk_workspace *workspace;

    if (children[0]) children[1] = sklearn_ridge("SkylakeX", threads, n, 1, shape);
    set_blas_threads();
    CHECK(snnk_workspace_create((size_t)threads, NULL, &workspace));
    data d = make_data(n, m);
    const result r = measure(&d, children, workspace);

    free_data(&d);
    const factors f = factors_measure(threads, rounds < 3 ? 1 : 3);

    (json ? print_json : print_table)(&d, &r, &f, children);
    for (int i = 0; i < 2; i++) python_stop(children[i]);
    snnk_workspace_free(workspace);
    return 0;
}
