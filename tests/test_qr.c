/* src/solve/qr.c: SNNK_FACTORIZATION_QR and AUTO. */
#define _POSIX_C_SOURCE 200809L

#include <float.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/dgelsd.h"
#include "support/factorizations.h"
#include "support/files.h"

/* Sizes around blocks of 512 rows, or of m rows if that is more, and around 96 reflectors and
 * halves of them: L L^T is S. Householder transformations have errors of a few eps each, relative
 * to the length of a column; sums have errors of n eps. */
static void test_sizes(void **state) {
    static const size_t ms[] = {1, 2, 24, 25, 49, 96, 97, 520}, ns[] = {1, 2, 511, 512, 513, 1100};
    float *Phi = statistics_random(1100 * 520, 11), *Y = statistics_random(1100 * 17, 12);

    (void)state;
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        for (size_t j = 0; j < sizeof ns / sizeof *ns; j++) {
            const size_t m = ms[i], n = ns[j], t = i % 2 ? 17 : 1;
            snnk_lstsq *s = factorization_collect(n, m, t, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
            snnk_lstsq *e = factorization_create(m, t, SNNK_FACTORIZATION_GRAM);

            assert_ok(
                snnk_lstsq_add(e, SNNK_ROWS(.n = n, .X = Phi, .ldx = m, .Y = Y, .ldy = t), NULL));
            factorization_assert_close(s, e, 1e-13, 1e-15);
            for (size_t k = 0; k < t; k++) assert_true(s->yy[k] >= 0);
            assert_int_equal(s->factorization, SNNK_FACTORIZATION_QR);
            snnk_lstsq_free(e);
            snnk_lstsq_free(s);
        }
    free(Y);
    free(Phi);
}

/* Strides, with NaN between rows; labels; batches; workspaces of any size, with the same bits. */
static void test_calls(void **state) {
    enum { ROWS = 700, M = 9, T = 3, LD = 12 };
    float *Phi = statistics_random(ROWS * M, 1), *wide = malloc(ROWS * LD * sizeof *wide);
    float Y[ROWS * T] = {0};
    int32_t labels[ROWS];
    snnk_workspace *workspace;

    (void)state;
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    for (size_t i = 0; i < ROWS; i++) {
        labels[i] = (int32_t)(i * i % T);
        Y[i * T + (size_t)labels[i]] = 1;
        for (size_t j = 0; j < LD; j++) wide[i * LD + j] = j < M ? Phi[i * M + j] : NAN;
    }
    snnk_lstsq *s = factorization_collect(ROWS, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
    snnk_lstsq *strided = factorization_create(M, T, SNNK_FACTORIZATION_QR);
    snnk_lstsq *cut = factorization_create(M, T, SNNK_FACTORIZATION_QR);

    assert_ok(snnk_lstsq_add(strided, SNNK_ROWS(.n = ROWS, .X = wide, .ldx = LD, .labels = labels),
                             workspace));
    statistics_assert_same(strided, ROWS, statistics_copy(s));
    for (size_t i = 0; i < ROWS; i += 7)
        assert_ok(snnk_lstsq_add(
            cut, SNNK_ROWS(.n = 7, .X = Phi + i * M, .ldx = M, .Y = Y + i * T, .ldy = T), NULL));
    factorization_assert_close(cut, s, 1e-13, 1e-15);
    assert_status(
        snnk_lstsq_add(s, SNNK_ROWS(.n = 1, .X = wide + M, .ldx = LD, .Y = Y, .ldy = T), NULL),
        SNNK_E_NONFINITE);
    statistics_assert_same(strided, ROWS, statistics_copy(s));
    snnk_lstsq_free(cut);
    snnk_lstsq_free(strided);
    snnk_lstsq_free(s);
    snnk_workspace_free(workspace);
    free(wide);
    free(Phi);
}

enum { MOST = 43 };

/* Square systems with entries that are exact in float: the Hilbert matrix of order 8 times 360360,
 * condition 1.5e10. */
static size_t hilbert(float *Phi) {
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++) Phi[i * 8 + j] = 360360.0f / (float)(i + j + 1);
    return 8;
}

/* 1 on the diagonal and -1 above it: condition about m 2^(m - 1), because row k of the inverse ends
 * in 2^(m - k - 2). The rows are upside down, so that they are not a factor yet. */
static size_t triangle(size_t m, float *Phi) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            Phi[(m - 1 - i) * m + j] = i == j ? 1.0f : j > i ? -1.0f : 0.0f;
    return m;
}

/* Consistent targets with all coefficients 1: errors are the condition number times a few eps, for
 * both methods (Higham, Accuracy and Stability of Numerical Algorithms, theorem 20.1: without a
 * residual the square of the condition does not matter). Moments lose the directions
 * whose share is below rounding from 1e8 on. */
static void test_ill_conditioned(void **state) {
    float Phi[MOST * MOST], Y[MOST];
    double B[MOST], e[MOST], condition, b;

    (void)state;
    for (size_t k = 0; k < 5; k++) {
        static const size_t ms[5] = {0, 24, 32, 40, MOST};
        const size_t m = k == 0 ? hilbert(Phi) : triangle(ms[k], Phi);

        for (size_t i = 0; i < m; i++) {
            Y[i] = 0;
            for (size_t j = 0; j < m; j++) Y[i] += Phi[i * m + j]; /* exact: below 2^24 */
        }
        dgelsd_solve(m, m, Phi, Y, false, e, &condition);
        snnk_lstsq *s = factorization_collect(m, m, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
        snnk_lstsq *gram = factorization_collect(m, m, 1, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
        const snnk_solve_report report = factorization_solve(s, 0, 0, B, &b);
        const double off = dgelsd_relative(m, B, e);

        assert_int_equal(report.method, SNNK_SOLVE_QR);
        assert_int_equal(report.rank, m);
        assert_true(report.condition > condition / 100 && report.condition < condition * 100);
        factorization_solve(gram, 0, 0, B, &b);
        print_message("condition %.1e: factor off by %.1e, moments by %.1e, squares left %.1e\n",
                      condition, off, dgelsd_relative(m, B, e), report.rss);
        assert_true(off < 20 * DBL_EPSILON * condition);
        if (condition > 1e8) assert_true(dgelsd_relative(m, B, e) > 10 * off);
        double squares = 0;
        for (size_t i = 0; i < m; i++) squares += (double)Y[i] * (double)Y[i];
        /* Residuals are the rounding of Y, (m eps)^2 of its squares; with moments they would be m
         * eps of the squares. */
        assert_true(report.rss <= 2e-28 * (double)(m * m) * squares);
        snnk_lstsq_free(gram);
        snnk_lstsq_free(s);
    }
}

/* Two columns that differ in one bit of one row of 4096, and an intercept: y = 3 x' - 2 x. */
static void test_last_bit(void **state) {
    enum { ROWS = 4096 };
    float *Phi = statistics_random(2 * ROWS, 3), Y[ROWS];
    double B[2], b;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        Phi[2 * i] = Phi[2 * i + 1] = (float)(i % 2 ? -1 : 1) * (i == 1 ? 3.0f : 1.0f) * 1024;
        Y[i] = Phi[2 * i];
    }
    Phi[1] = 1024 + 0x1p-13f;
    Y[0] = 1024 + 3 * 0x1p-13f;
    snnk_lstsq *s = factorization_collect(ROWS, 2, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
    const snnk_solve_report report = factorization_solve(s, 0, 1, B, &b);

    assert_true(report.condition > 1e8 && report.condition < 1e11);
    assert_int_equal(report.method, SNNK_SOLVE_QR);
    /* 1e10 times 50 eps */
    assert_close(B[0], -2, 0, 1e-4);
    assert_close(B[1], 3, 0, 1e-4);
    snnk_lstsq_free(s);
    free(Phi);
}

/* Where both factorizations are accurate they agree: ridges, intercepts, held-out errors, scores,
 * grids. */
static void test_like_moments(void **state) {
    enum { ROWS = 500, M = 60, T = 5 };
    float *Phi = statistics_random(ROWS * M, 5), *Y = statistics_random(ROWS * T, 6);
    double B[2][M * T], b[2][T], errors[2][4], rss[2], grids[2][4];
    size_t best[2];
    snnk_lstsq *s[2];

    (void)state;
    for (size_t i = 0; i < ROWS * M; i++) Phi[i] = Phi[i] * (float)(1 + i % M) + (float)(i % 3);
    for (int32_t r = 0; r < 2; r++) s[r] = factorization_collect(ROWS, M, T, Phi, Y, NULL, r);
    for (int k = 0; k < 8; k++) {
        const double ridge = (k & 1) ? 7 : 0;
        double *state_before = statistics_copy(s[1]);

        const snnk_solve_report gram = factorization_solve(s[0], ridge, k / 2 % 2, B[0], b[0]);
        const snnk_solve_report qr = factorization_solve(s[1], ridge, k / 2 % 2, B[1], b[1]);
        statistics_assert_same(s[1], ROWS, state_before);
        /* condition below 100, 500 roundings: 1e-11 of B, which is at most 1 */
        for (size_t i = 0; i < M * T; i++) assert_close(B[1][i], B[0][i], 0, 1e-11);
        for (size_t i = 0; i < T; i++) assert_close(b[1][i], b[0][i], 0, 1e-11);
        assert_close(qr.rss, gram.rss, 1e-11, 0);
        assert_int_equal(qr.method, SNNK_SOLVE_QR);
        assert_true(qr.rank == M && qr.ridge == ridge && qr.rows == ROWS);
        for (int r = 0; r < 2; r++)
            assert_ok(snnk_lstsq_rss(s[r], B[0], M, k & 4 ? b[0] : NULL, &rss[r]));
        assert_close(rss[1], rss[0], 1e-11, 0);
    }
    for (int r = 0; r < 2; r++) {
        assert_ok(snnk_lstsq_default_ridges(s[r], 4, grids[r]));
        assert_ok(
            snnk_lstsq_choose_ridge(s[r], s[1 - r], NULL, 4, grids[0], NULL, errors[r], &best[r]));
    }
    for (int k = 0; k < 4; k++) {
        /* 9 decades down from the mean diagonal, and 15, which a factor can resolve */
        assert_close(grids[1][k], grids[0][3] * pow(10, -5 * (3 - k)), 1e-13, 0);
        assert_close(grids[0][k], grids[0][3] * pow(10, -3 * (3 - k)), 1e-13, 0);
        assert_close(errors[1][k], errors[0][k], 1e-11, 0);
    }
    assert_int_equal(best[0], best[1]);
    for (int r = 0; r < 2; r++) snnk_lstsq_free(s[r]);
    free(Y);
    free(Phi);
}

/* Columns x, x, z with y = 2 x + z, whose coefficient the two x share; then fewer rows than
 * features; then only constants. The results equal those from moments, which test_ridge.c works out
 * by hand. */
static void test_singular(void **state) {
    float Phi[6][3], Y[6];
    const float few[] = {1, 2, 3, 4, 2, 1, 4, 5}, pair[] = {7, 8}, flat[] = {0.1f, 7, 0.1f, 7};
    snnk_solve_config config;
    double B[4], b;

    (void)state;
    for (int i = 0; i < 6; i++) {
        Phi[i][0] = Phi[i][1] = (float)(i % 3);
        Phi[i][2] = (float)(i / 3 * 2 - i % 2);
        Y[i] = 2 * Phi[i][0] + Phi[i][2] + 5;
    }
    snnk_lstsq *s = factorization_collect(6, 3, 1, Phi[0], Y, NULL, SNNK_FACTORIZATION_QR);
    snnk_solve_report report = factorization_solve(s, 0, 1, B, &b);
    assert_int_equal(report.method, SNNK_SOLVE_TRUNCATED_SVD);
    assert_int_equal(report.rank, 2);
    assert_true(report.condition >= 1 && report.condition < 5);
    for (int j = 0; j < 3; j++) assert_close(B[j], 1, 1e-14, 0); /* condition below 5 */
    assert_close(b, 5, 1e-14, 0);
    assert_close(report.rss, 0, 0, 1e-27);
    snnk_lstsq_free(s);

    s = factorization_collect(2, 4, 1, few, pair, NULL, SNNK_FACTORIZATION_QR);
    report = factorization_solve(s, 0, 1, B, &b);
    assert_int_equal(report.rank, 1);
    for (int j = 0; j < 4; j++) assert_close(B[j], j == 1 ? -0.25 : 0.25, 1e-14, 0);
    snnk_lstsq_free(s);

    s = factorization_collect(2, 2, 1, flat, pair, NULL, SNNK_FACTORIZATION_QR);
    assert_status(snnk_lstsq_solve(s, NULL, NULL, B, 2, &b, NULL), SNNK_E_SINGULAR);
    assert_says("rank 0");
    factorization_solve(s, 1e-3, 1, B, &b);
    assert_true(B[0] == 0 && B[1] == 0);
    assert_close(b, 7.5, 1e-15, 0);
    snnk_lstsq_free(s);

    /* rank_tolerance refers to eigenvalues, 1 +- 0.9 of S = (1, 0.9; 0.9, 1): ratio 1/19 =
     * 0.0526. */
    s = factorization_create(2, 1, SNNK_FACTORIZATION_QR);
    s->rows = 5, s->weight = 5;
    s->S[0] = 1, s->S[2] = 0.9, s->S[3] = sqrt(0.19);
    s->C[0] = 1, s->C[1] = -0.9 / sqrt(0.19); /* for C = (1, 0) */
    for (int k = 0; k < 2; k++) {
        config = factorization_config(0, 1);
        config.rank_tolerance = k ? 0.053 : 0.052;
        report = (snnk_solve_report){.size = sizeof report};
        assert_ok(snnk_lstsq_solve(s, &config, NULL, B, 2, &b, &report));
        assert_int_equal(report.rank, k ? 1 : 2);
        assert_close(B[0], k ? 0.5 / 1.9 : 1 / 0.19, 1e-14, 0); /* as in test_ridge.c */
        assert_close(B[1], k ? 0.5 / 1.9 : -0.9 / 0.19, 1e-14, 0);
    }
    snnk_lstsq_free(s);
}

enum { ROWS = 1300, M = 17, T = 3 };

/* Parts merged in any order, from either end, equal the whole. */
static void test_merge(void **state) {
    static const size_t starts[] = {0, 1, 3, 600, 620, 1299, ROWS};
    static const size_t orders[3][6] = {{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {2, 5, 0, 3, 1, 4}};
    float *Phi = statistics_random(ROWS * M, 7), *Y = statistics_random(ROWS * T, 8);
    float weights[ROWS];
    snnk_lstsq *parts[2][6];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) weights[i] = 1 + (float)(i % 5) / 4;
    for (size_t i = 0; i < ROWS * M; i++) Phi[i] += (float)(i % M);
    snnk_lstsq *whole = factorization_collect(ROWS, M, T, Phi, Y, weights, SNNK_FACTORIZATION_GRAM);

    for (int32_t r = 0; r < 2; r++)
        for (size_t p = 0; p < 6; p++)
            parts[r][p] =
                factorization_collect(starts[p + 1] - starts[p], M, T, Phi + starts[p] * M,
                                      Y + starts[p] * T, weights + starts[p], r);
    for (size_t o = 0; o < 9; o++) {
        const size_t *order = orders[o % 3];
        /* factors; moments; moments merged with both */
        snnk_lstsq *s = factorization_create(M, T, o / 3 == 1);

        for (size_t p = 0; p < 6; p++)
            assert_ok(snnk_lstsq_merge(s, parts[o / 3 == 2 ? p % 2 : o / 3][order[p]]));
        factorization_assert_close(s, whole, 1e-12, 1e-14);
        snnk_lstsq_free(s);
    }

    /* Merged with itself, and into an empty object. */
    snnk_lstsq *twice = factorization_create(M, T, SNNK_FACTORIZATION_QR);
    assert_ok(snnk_lstsq_merge(twice, parts[1][3]));
    factorization_assert_close(twice, parts[0][3], 1e-13, 1e-15);
    assert_ok(snnk_lstsq_merge(twice, twice));
    snnk_lstsq *e = factorization_create(M, T, SNNK_FACTORIZATION_GRAM);
    assert_ok(snnk_lstsq_merge(e, parts[0][3]));
    assert_ok(snnk_lstsq_merge(e, parts[0][3]));
    factorization_assert_close(twice, e, 1e-13, 1e-15);

    double *before = statistics_copy(twice);
    assert_status(snnk_lstsq_merge(twice, parts[0][0]), SNNK_E_UNSUPPORTED);
    assert_says("merge lstsq into other instead");
    statistics_assert_same(twice, e->rows, before);
    snnk_lstsq_free(e);
    snnk_lstsq_free(twice);
    for (int32_t r = 0; r < 2; r++)
        for (size_t p = 0; p < 6; p++) snnk_lstsq_free(parts[r][p]);
    snnk_lstsq_free(whole);
    free(Y);
    free(Phi);
}

/* The same where moments have no correct digits: two columns that differ in the last bit of one row
 * in 13, an intercept, and targets that have a residual. With a residual, errors are eps times the
 * square of the condition times the residual's share (Higham, theorem 20.1). Here 10 times eps
 * times the condition is allowed, as for a single factor; measured 1.1. */
static void test_merge_ill_conditioned(void **state) {
    enum { PARTS = 6, COLUMNS = 5 };
    static const size_t starts[] = {0, 1, 3, 400, 620, 999, 1000};
    static const size_t orders[4][PARTS] = {
        {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {2, 5, 0, 3, 1, 4}, {3, 0, 4, 5, 2, 1}};
    float *Phi = statistics_random(1000 * COLUMNS, 27), *Y = statistics_random(1000, 28);
    double B[COLUMNS], e[COLUMNS], condition, b;
    snnk_lstsq *parts[PARTS];

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        float *phi = Phi + i * COLUMNS;

        phi[0] = i % 2 ? -1 : 1;
        phi[1] = i % 13 == 0 ? phi[0] * (1 - 0x1p-24f) : phi[0];
        phi[2] += 3;
        Y[i] = Y[i] / 4 + phi[2] + (phi[1] - phi[0]) * 0x1p24f;
    }
    dgelsd_solve(1000, COLUMNS, Phi, Y, true, e, &condition);
    assert_true(condition > 3e7 && condition < 3e8);
    for (size_t p = 0; p < PARTS; p++)
        parts[p] =
            factorization_collect(starts[p + 1] - starts[p], COLUMNS, 1, Phi + starts[p] * COLUMNS,
                                  Y + starts[p], NULL, SNNK_FACTORIZATION_QR);
    for (size_t o = 0; o < 4; o++) {
        snnk_lstsq *s = factorization_create(COLUMNS, 1, SNNK_FACTORIZATION_QR);

        for (size_t p = 0; p < PARTS; p++) assert_ok(snnk_lstsq_merge(s, parts[orders[o][p]]));
        assert_int_equal(factorization_solve(s, 0, 1, B, &b).method, SNNK_SOLVE_QR);
        print_message("condition %.1e: merged factors off by %.1e\n", condition,
                      dgelsd_relative(COLUMNS, B, e));
        assert_true(dgelsd_relative(COLUMNS, B, e) < 10 * DBL_EPSILON * condition);
        snnk_lstsq_free(s);
    }
    for (size_t p = 0; p < PARTS; p++) snnk_lstsq_free(parts[p]);
    free(Y);
    free(Phi);
}

/* AUTO uses a factor up to row 2 m, in any number of calls; then moments, unless the condition
 * number is too large. A constant column does not count. */
static void test_auto(void **state) {
    float *Phi = statistics_random(ROWS * M, 9), *Y = statistics_random(ROWS * T, 10);
    double B[2][M * T], b[2][T];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) Phi[i * M + 4] = 0.1f;
    for (int bad = 0; bad < 2; bad++) {
        snnk_lstsq *s = factorization_create(M, T, SNNK_FACTORIZATION_AUTO);
        snnk_lstsq *once = factorization_create(M, T, SNNK_FACTORIZATION_AUTO);

        if (bad) /* two columns that differ in the last bit of some rows */
            for (size_t i = 0; i < ROWS; i++)
                Phi[i * M] = nextafterf(Phi[i * M + 1], i % 3 ? 1.0f : Phi[i * M + 1]);
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 2 * M - 1, .X = Phi, .ldx = M, .Y = Y, .ldy = T),
                                 NULL));
        assert_int_equal(snnk_lstsq_factorization(s), SNNK_FACTORIZATION_AUTO);
        factorization_solve(s, 0.1, 1, B[0], b[0]);
        assert_int_equal(snnk_lstsq_factorization(s), SNNK_FACTORIZATION_AUTO);
        assert_ok(snnk_lstsq_add(s,
                                 SNNK_ROWS(.n = 1, .X = Phi + (2 * M - 1) * M, .ldx = M,
                                           .Y = Y + (2 * M - 1) * T, .ldy = T),
                                 NULL));
        assert_int_equal(snnk_lstsq_factorization(s),
                         bad ? SNNK_FACTORIZATION_QR : SNNK_FACTORIZATION_GRAM);
        assert_true((s->qr != NULL) == bad);
        assert_ok(snnk_lstsq_add(s,
                                 SNNK_ROWS(.n = ROWS - 2 * M, .X = Phi + 2 * M * M, .ldx = M,
                                           .Y = Y + 2 * M * T, .ldy = T),
                                 NULL));
        assert_ok(
            snnk_lstsq_add(once, SNNK_ROWS(.n = ROWS, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
        assert_int_equal(snnk_lstsq_factorization(once), snnk_lstsq_factorization(s));
        snnk_lstsq *e = factorization_collect(ROWS, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
        factorization_assert_close(s, e, 4e-13, 1e-15);
        factorization_assert_close(once, e, 4e-13, 1e-15);
        snnk_lstsq_free(e);
        snnk_lstsq_free(once);
        snnk_lstsq_free(s);
    }

    /* Merging also triggers the choice; after merging with moments there is none. */
    snnk_lstsq *a = factorization_create(M, T, SNNK_FACTORIZATION_AUTO),
               *c = factorization_create(M, T, SNNK_FACTORIZATION_AUTO);
    snnk_lstsq *gram = factorization_collect(5, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
    assert_ok(snnk_lstsq_add(a, SNNK_ROWS(.n = M, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
    assert_ok(snnk_lstsq_add(c, SNNK_ROWS(.n = 5, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
    assert_ok(snnk_lstsq_merge(c, a));
    assert_int_equal(snnk_lstsq_factorization(c), SNNK_FACTORIZATION_AUTO);
    assert_ok(snnk_lstsq_merge(c, a));
    assert_int_equal(snnk_lstsq_factorization(c),
                     SNNK_FACTORIZATION_QR); /* 2 m + 5 rows, m of them different */
    assert_ok(snnk_lstsq_merge(a, gram));
    assert_int_equal(snnk_lstsq_factorization(a), SNNK_FACTORIZATION_GRAM);
    assert_int_equal(a->rows, M + 5);
    snnk_lstsq_free(gram);
    snnk_lstsq_free(c);
    snnk_lstsq_free(a);
    free(Y);
    free(Phi);
}

/* By hand: for x and x + c z, x and z orthogonal, R is (1, 1; 0, c) and its condition number in the
 * 1-norm 2/c: 5e5 becomes moments, 2e6 does not. */
static void test_auto_limit(void **state) {
    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        snnk_lstsq *s = factorization_create(2, 1, SNNK_FACTORIZATION_AUTO);
        const float c = bad ? 0x1p-20f : 0x1p-18f, y = 1;

        for (int i = 0; i < 8; i++) {
            const float x = i % 2 ? -1 : 1, z = i % 4 / 2 ? -1 : 1, phi[] = {x, x + c * z};

            assert_ok(
                snnk_lstsq_add(s, SNNK_ROWS(.n = 1, .X = phi, .ldx = 2, .Y = &y, .ldy = 1), NULL));
        }
        assert_int_equal(snnk_lstsq_factorization(s),
                         bad ? SNNK_FACTORIZATION_QR : SNNK_FACTORIZATION_GRAM);
        snnk_lstsq_free(s);
    }
}

static void test_factorization_refuses(void **state) {
    const float x = 1;
    snnk_lstsq *s = factorization_create(1, 1, SNNK_FACTORIZATION_QR);

    (void)state;
    assert_int_equal(snnk_lstsq_factorization(NULL), SNNK_FACTORIZATION_GRAM);
    assert_status(snnk_lstsq_set_factorization(NULL, 0), SNNK_E_NULL);
    assert_status(snnk_lstsq_set_factorization(s, 3), SNNK_E_ENUM);
    assert_status(snnk_lstsq_set_factorization(s, -1), SNNK_E_ENUM);
    assert_ok(snnk_lstsq_set_factorization(s, SNNK_FACTORIZATION_GRAM));
    assert_ok(snnk_lstsq_set_factorization(s, SNNK_FACTORIZATION_AUTO));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 1, .X = &x, .ldx = 1, .Y = &x, .ldy = 1), NULL));
    assert_status(snnk_lstsq_set_factorization(s, SNNK_FACTORIZATION_GRAM), SNNK_E_STATE);
    assert_says("1 rows were added already");
    assert_int_equal(snnk_lstsq_factorization(s), SNNK_FACTORIZATION_AUTO);
    snnk_lstsq_free(s);
}

/* Targets added between rows equal targets that were 0 until then. */
static void test_add_targets(void **state) {
    float *Phi = statistics_random(ROWS * M, 13), *Y = statistics_random(ROWS * T, 14);
    float few[ROWS]; /* the first target only */

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        few[i] = Y[i * T];
        for (size_t k = 1; k < T && i < 700; k++) Y[i * T + k] = 0;
    }
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = factorization_create(M, 1, factorization),
                   *e = factorization_create(M, T, factorization);

        assert_ok(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 700, .X = Phi, .ldx = M, .Y = few, .ldy = 1), NULL));
        assert_ok(snnk_lstsq_add_targets(s, T - 1));
        assert_int_equal(snnk_lstsq_targets(s), T);
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = ROWS - 700, .X = Phi + 700 * M, .ldx = M, .Y = Y + 700 * T, .ldy = T),
            NULL));
        assert_ok(
            snnk_lstsq_add(e, SNNK_ROWS(.n = 700, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
        assert_ok(snnk_lstsq_add(
            e, SNNK_ROWS(.n = ROWS - 700, .X = Phi + 700 * M, .ldx = M, .Y = Y + 700 * T, .ldy = T),
            NULL));
        factorization_assert_close(s, e, 1e-15,
                                   1e-16); /* the same operations, except for shapes in BLAS */
        assert_status(snnk_lstsq_add_targets(s, 0), SNNK_E_SHAPE);
        assert_status(snnk_lstsq_add_targets(s, SIZE_MAX), SNNK_E_SIZE);
        assert_status(snnk_lstsq_add_targets(s, INT32_MAX), SNNK_E_SIZE);
        assert_int_equal(snnk_lstsq_targets(s), T);
        snnk_lstsq_free(e);
        snnk_lstsq_free(s);
    }
    assert_status(snnk_lstsq_add_targets(NULL, 1), SNNK_E_NULL);
    free(Y);
    free(Phi);
}

/* Saving to memory gives the bytes of the file, and loading them the same statistics. */
static void same_in_memory(const snnk_lstsq *s, const unsigned char *file, size_t size) {
    unsigned char *bytes = malloc(size);
    snnk_lstsq *loaded;
    size_t needed;

    assert_ok(snnk_lstsq_saved_bytes(s, &needed));
    assert_int_equal(needed, size);
    assert_ok(snnk_lstsq_save_memory(s, bytes, size));
    assert_memory_equal(bytes, file, size);
    assert_ok(snnk_lstsq_load_memory(bytes, size, NULL, &loaded));
    assert_int_equal(loaded->factorization, s->factorization);
    statistics_assert_same(loaded, s->rows, statistics_copy(s));
    snnk_lstsq_free(loaded);

    assert_status(snnk_lstsq_saved_bytes(NULL, &needed), SNNK_E_NULL);
    assert_status(snnk_lstsq_saved_bytes(s, NULL), SNNK_E_NULL);
    assert_status(snnk_lstsq_save_memory(NULL, bytes, size), SNNK_E_NULL);
    assert_status(snnk_lstsq_save_memory(s, NULL, size), SNNK_E_NULL);
    assert_status(snnk_lstsq_save_memory(s, bytes, size - 1), SNNK_E_SIZE);
    assert_status(snnk_lstsq_load_memory(NULL, size, NULL, &loaded), SNNK_E_NULL);
    assert_null(loaded);
    assert_status(snnk_lstsq_load_memory(bytes, size, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_lstsq_load_memory(bytes, size - 1, NULL, &loaded), SNNK_E_TRUNCATED);
    bytes[size - 1] ^= 1;
    assert_status(snnk_lstsq_load_memory(bytes, size, NULL, &loaded), SNNK_E_CHECKSUM);
    assert_null(loaded);
    free(bytes);
}

/* After saving and loading, statistics continue with the same bits. Plain moments stay in format
 * 1. */
static void test_saved(void **state) {
    float *Phi = statistics_random(ROWS * M, 15), *Y = statistics_random(ROWS * T, 16);
    float weights[ROWS];
    test_files files;

    (void)state;
    test_files_make(&files);
    for (size_t i = 0; i < ROWS; i++) weights[i] = 0.7f + (float)(i % 5);
    for (int way = 0; way < 6; way++) {
        const int32_t factorization = way % 3;
        const size_t n = factorization == SNNK_FACTORIZATION_AUTO ? 20 : 900;
        const float *w = way / 3 ? weights : NULL;
        snnk_lstsq *s = factorization_collect(n, M, T, Phi, Y, w, factorization), *loaded;
        unsigned char bytes[65536];
        const char *path = test_path(&files, "s");

        assert_ok(snnk_lstsq_save(s, path));
        const size_t size = test_slurp(path, bytes, sizeof bytes);
        assert_true(size < sizeof bytes);
        bytes[size] = 0;
        assert_true((strstr((char *)bytes + 8, "\"snnk.format\":\"1\"") != NULL) == (way == 0));
        assert_ok(snnk_lstsq_load(path, NULL, &loaded));
        assert_true(loaded->factorization == s->factorization && loaded->weight == s->weight);
        same_in_memory(s, bytes, size);
        statistics_assert_same(loaded, s->rows, statistics_copy(s));
        assert_ok(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 99, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
        assert_ok(
            snnk_lstsq_add(loaded, SNNK_ROWS(.n = 99, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
        statistics_assert_same(loaded, s->rows, statistics_copy(s));
        assert_int_equal(loaded->factorization, s->factorization);
        snnk_lstsq_free(loaded);
        snnk_lstsq_free(s);
    }
    test_files_remove(&files);
    free(Y);
    free(Phi);
}

/* The statistics to which a change below is applied. */
static snnk_lstsq *statistics_before(int change, const float *Phi, const float *Y,
                                     const snnk_allocator *allocator) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(M, T, allocator, &s));
    if (change > 1)
        assert_ok(snnk_lstsq_set_factorization(s, change == 5 ? SNNK_FACTORIZATION_GRAM
                                                              : SNNK_FACTORIZATION_QR));
    if (change > 0)
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = change == 3 ? 3 : 40, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
    return s;
}

static int try_change(int change, snnk_lstsq *s, const snnk_lstsq *other) {
    double B[M * T], b[T];

    switch (change) {
    case 0: return snnk_lstsq_set_factorization(s, SNNK_FACTORIZATION_QR);
    case 1:
    case 4: return snnk_lstsq_add_targets(s, 1);
    case 2:                                                        /* full rank */
    case 3: return snnk_lstsq_solve(s, NULL, NULL, B, M, b, NULL); /* singular */
    default: return snnk_lstsq_merge(s, other);
    }
}

/* Failed allocations change nothing; adding rows allocates nothing. */
static void test_failing_memory(void **state) {
    float *Phi = statistics_random(100 * M, 17), *Y = statistics_random(100 * T, 18);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);

    (void)state;
    for (int change = 0; change < 6; change++) {
        snnk_lstsq *other = factorization_collect(50, M, T, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
        long failures = 0;
        int st;

        assert_survives_failing_allocations(memory, st, {
            const long allowed = memory.fail_after;
            test_memory_allow(&memory, -1);
            snnk_lstsq *s = statistics_before(change, Phi, Y, &allocator);
            double *before = statistics_copy(s);
            const long alive = memory.alive;

            test_memory_allow(&memory, allowed);
            st = try_change(change, s, other);
            if (st != SNNK_OK) {
                double *now = statistics_copy(s);
                assert_int_equal(memory.alive, alive);
                assert_int_equal(s->targets, T);
                assert_memory_equal(now, before, statistics_count(s) * sizeof *now);
                free(now);
                failures++;
            } else if (s->factorization == SNNK_FACTORIZATION_QR && change != 4) {
                const long calls = memory.calls;
                assert_ok(snnk_lstsq_add(
                    s, SNNK_ROWS(.n = 90, .X = Phi, .ldx = M, .Y = Y, .ldy = T), NULL));
                assert_ok(snnk_lstsq_merge(s, other));
                assert_int_equal(memory.calls, calls);
            }
            free(before);
            snnk_lstsq_free(s);
        });
        assert_true(failures >= 2);
        snnk_lstsq_free(other);
    }
    free(Y);
    free(Phi);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_ill_conditioned),
        cmocka_unit_test(test_last_bit),
        cmocka_unit_test(test_like_moments),
        cmocka_unit_test(test_singular),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_ill_conditioned),
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_auto_limit),
        cmocka_unit_test(test_factorization_refuses),
        cmocka_unit_test(test_add_targets),
        cmocka_unit_test(test_saved),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
