#include "factors.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <lapacke.h>

#include <snnk/snnk.h>

#include "measure.h"
#include "solve/cholesky.h"

static bool on_processor; /* which clock */

static void check(bool ok) {
    if (ok) return;
    fprintf(stderr, "bench_solve: out of memory, or %s\n", snnk_last_error());
    exit(1);
}

static double seconds(void) { return on_processor ? measure_thread_now() : measure_now(); }

static void *doubles(size_t count) {
    void *block = malloc(count * sizeof(double));

    check(block);
    return block;
}

/* ---- Cholesky ---- */

static double run_dpotrf(size_t m, double *A) {
    const double start = seconds();

    check(LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, A, (lapack_int)m) == 0);
    return seconds() - start;
}

static double run_cholesky(size_t m, double *A) {
    const double start = seconds();
    bool definite = false;

    check(snnk__cholesky('L', m, A, NULL, &definite) == SNNK_OK && definite);
    return seconds() - start;
}

static double compare_cholesky(size_t m, size_t rounds) {
    float *random = measure_floats(m * m);
    double *A = doubles(m * m), theirs = INFINITY, ours = INFINITY;

    for (size_t round = 0; round < 2 * rounds; round++) {
        for (size_t i = 0; i < m * m; i++) A[i] = (double)random[i];
        for (size_t i = 0; i < m; i++) A[i * m + i] = (double)m;
        if (round % 2)
            theirs = fmin(theirs, run_dpotrf(m, A));
        else
            ours = fmin(ours, run_cholesky(m, A));
    }
    free(A);
    free(random);
    return theirs / ours;
}

/* ---- QR ---- */

static double run_dgeqrf(size_t n, size_t m, const float *X) {
    double *A = doubles(n * m), *tau = doubles(m), *work = doubles(64 * m);

    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < n; i++) A[j * n + i] = (double)X[i * m + j];
    const double start = seconds();
    check(LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, (lapack_int)n, (lapack_int)m, A, (lapack_int)n, tau,
                              work, (lapack_int)(64 * m)) == 0);
    const double taken = seconds() - start;
    free(work);
    free(tau);
    free(A);
    return taken;
}

static snnk_lstsq *add(size_t n, size_t m, const float *X, int32_t factorization) {
    snnk_lstsq *lstsq;

    check(snnk_lstsq_create(m, 1, NULL, &lstsq) == SNNK_OK);
    check(snnk_lstsq_set_factorization(lstsq, factorization) == SNNK_OK);
    check(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = n, .X = X, .ldx = m, .Y = X, .ldy = 1), NULL) ==
          SNNK_OK);
    return lstsq;
}

static double compare_qr(size_t n, size_t m, const float *X, size_t rounds) {
    double theirs = INFINITY, ours = INFINITY;

    for (size_t round = 0; round < rounds; round++) {
        const double start = seconds();
        snnk_lstsq *lstsq = add(n, m, X, SNNK_FACTORIZATION_QR);

        ours = fmin(ours, seconds() - start);
        snnk_lstsq_free(lstsq);
        theirs = fmin(theirs, run_dgeqrf(n, m, X));
    }
    return theirs / ours;
}

/* ---- Gaps ---- */

typedef struct gaps {
    double last, longest;
} gaps;

static int note_gap(void *user, double share) {
    gaps *g = user;
    const double now = measure_now();

    (void)share;
    g->longest = fmax(g->longest, now - g->last);
    g->last = now;
    return 0;
}

static double longest_gap(size_t n, size_t m, const float *X, int32_t factorization) {
    snnk_lstsq *lstsq = add(n, m, X, factorization);
    double *B = doubles(m), b;
    snnk_workspace *workspace;
    snnk_solve_config config;
    gaps g = {0};

    check(snnk_solve_config_init(&config, sizeof config) == SNNK_OK);
    config.ridge = 1;
    check(snnk_workspace_create(1, NULL, &workspace) == SNNK_OK);
    check(snnk_workspace_set_progress(workspace, note_gap, &g) == SNNK_OK);
    g.last = measure_now();
    check(snnk_lstsq_solve(lstsq, &config, workspace, B, m, &b, NULL) == SNNK_OK);
    (void)note_gap(&g, 1);
    snnk_workspace_free(workspace);
    snnk_lstsq_free(lstsq);
    free(B);
    return g.longest;
}

factors factors_measure(int threads, size_t rounds) {
    const size_t m = factor_sizes[0], large = factor_sizes[1];
    float *X = measure_floats(2 * large * large);
    factors f;

    on_processor = threads == 1;
    f.cholesky[0] = compare_cholesky(m, 4 * rounds);
    f.cholesky[1] = compare_cholesky(large, rounds);
    f.qr[0] = compare_qr(4 * m, m, X, rounds);
    f.qr[1] = compare_qr(2 * large, large, X, 1);
    f.gap_cholesky = longest_gap(m, large, X, SNNK_FACTORIZATION_GRAM);
    f.gap_qr = longest_gap(m, large, X, SNNK_FACTORIZATION_QR);
    free(X);
    return f;
}
