/* src/solve/ridge_path.c, loo.c, conformal.c: compared with SciPy, with solutions in long double
 * that really leave rows out, and with closed forms. */
#include <float.h>

#include "data/ridge.h"
#include "support/alloc.h"
#include "support/draw.h"
#include "support/oracle.h"
#include "support/statistics.h"

#include "solve/ridge_path.h"

/* The factorization that rows are summed into, in the tests that run with both. */
static int32_t test_factorization = SNNK_FACTORIZATION_GRAM;

static snnk_lstsq *create(size_t m, size_t t) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(m, t, NULL, &s));
    assert_ok(snnk_lstsq_set_factorization(s, test_factorization));
    return s;
}

static snnk_lstsq *collect(size_t n, size_t m, size_t t, const float *Phi, const float *Y) {
    snnk_lstsq *s = create(m, t);

    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = n, .X = Phi, .ldx = m, .Y = Y, .ldy = t), NULL));
    return s;
}

static snnk_solve_config config_with(int32_t intercept) {
    snnk_solve_config config;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 77; /* must be ignored */
    config.intercept = intercept;
    return config;
}

/* Decompose statistics, and check that they are unchanged. */
static snnk_ridge_path *decompose(const snnk_lstsq *s, int32_t intercept) {
    const snnk_solve_config config = config_with(intercept);
    double *before = statistics_copy(s);
    snnk_ridge_path *path = NULL;

    assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
    statistics_assert_same(s, s->rows, before);
    assert_int_equal(snnk_ridge_path_features(path), s->features);
    assert_int_equal(snnk_ridge_path_targets(path), s->targets);
    return path;
}

static snnk_ridge_path *path_of_rows(size_t n, size_t m, size_t t, const float *Phi, const float *Y,
                                     int32_t intercept) {
    snnk_lstsq *s = collect(n, m, t, Phi, Y);
    snnk_ridge_path *path = decompose(s, intercept);

    snnk_lstsq_free(s);
    return path;
}

/* ---- Scores and solutions */

/* Rows (11, 20), (10, 21), (9, 19), targets 3, 0, 0 as in test_ridge.c: S = (2, 1; 1, 2), s = 1 and
 * 3, C = (3, 0). Along (1, -1)/sqrt 2 and (1, 1)/sqrt 2 it is 3/sqrt 2 both: explained 9/2 and 3/2
 * of yy = 6, so rss(0) = 0, as it must be for three rows and three unknowns. lambda = 1: rss =
 * 9/2/4 + 3/2/16 = 78/64, dof = 1 + 1/2 + 3/4, gcv = 3 rss/(3/4)^2 = 6.5. Row 0, centered (1, 0): h
 * = 1/3 + (1/2 + 1/4)/2 = 17/24, and e = 7/8: leave-one-out residual 3. */
static void test_by_hand(void **state) {
    const float Phi[] = {11, 20, 10, 21, 9, 19}, Y[] = {3, 0, 0};
    const double ridges[] = {0, 1};
    snnk_ridge_path *path = path_of_rows(3, 2, 1, Phi, Y, 1);
    double rss[2], dof[2], gcv[2], B[2], b, leverage[3];
    float residuals[3];

    (void)state;
    assert_int_equal(snnk_ridge_path_rank(path), 2);
    assert_int_equal(snnk_ridge_path_rows(path), 3);
    assert_ok(snnk_ridge_path_score(path, 2, ridges, rss, dof, gcv));
    assert_true(rss[0] == 0 && dof[0] == 3 && isinf(gcv[0]) && gcv[0] > 0);
    /* A dozen operations on numbers of about 1 and 5 by an orthogonal matrix. */
    assert_close(rss[1], 78.0 / 64, 50 * DBL_EPSILON, 0);
    assert_close(dof[1], 2.25, 50 * DBL_EPSILON, 0);
    assert_close(gcv[1], 6.5, 50 * DBL_EPSILON, 0);
    assert_ok(snnk_ridge_path_solve(path, ridges + 1, B, 2, &b));
    assert_close(B[0], 9.0 / 8, 50 * DBL_EPSILON, 0);
    assert_close(B[1], -3.0 / 8, 50 * DBL_EPSILON, 0);
    assert_close(b, -11.0 / 4, 0, 1000 * DBL_EPSILON); /* from terms of about 10 */
    assert_ok(snnk_ridge_path_leverage(path, 1, 3, Phi, 2, leverage));
    assert_close(leverage[0], 17.0 / 24, 50 * DBL_EPSILON, 0);
    assert_ok(snnk_ridge_path_loo_residuals(
        path, ridges + 1, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), residuals, 1));
    assert_close((double)residuals[0], 3, 1e-7, 0); /* a float */

    /* Each output is optional. */
    assert_ok(snnk_ridge_path_score(path, 2, ridges, NULL, NULL, NULL));
    rss[1] = gcv[1] = dof[1] = -1;
    assert_ok(snnk_ridge_path_score(path, 2, ridges, rss, NULL, NULL));
    assert_ok(snnk_ridge_path_score(path, 2, ridges, NULL, dof, NULL));
    assert_ok(snnk_ridge_path_score(path, 2, ridges, NULL, NULL, gcv));
    assert_close(rss[1], 78.0 / 64, 50 * DBL_EPSILON, 0);
    assert_close(dof[1], 2.25, 50 * DBL_EPSILON, 0);
    assert_close(gcv[1], 6.5, 50 * DBL_EPSILON, 0);
    assert_ok(snnk_ridge_path_solve(path, ridges + 1, B, 2, NULL));
    snnk_ridge_path_free(path);
}

/* Rows 1 and 1, targets 3 and 0, weights 2 and 1, no intercept: S = 3, C = 6, so lambda = 3 has B =
 * 1, errors 2 and -1, rss = 2 4 + 1 = 9, dof = 1/2, and gcv = 2 9/(3/2)^2 = 8: of two rows, not of
 * weight 3. Without row 0, B is 0, with an error of 3 on that row; without row 1, B is 6/5, which
 * is also the error. */
static void test_weights_by_hand(void **state) {
    const float Phi[] = {1, 1}, Y[] = {3, 0}, weights[] = {2, 1};
    const double ridge = 3;
    const snnk_solve_config config = config_with(0);
    double rss, dof, gcv, B;
    float residuals[2];
    snnk_lstsq *s = create(1, 1);
    snnk_ridge_path *path;

    (void)state;
    assert_ok(snnk_lstsq_add(
        s, SNNK_ROWS(.n = 2, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1, .weights = weights), NULL));
    assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
    assert_ok(snnk_ridge_path_score(path, 1, &ridge, &rss, &dof, &gcv));
    assert_ok(snnk_ridge_path_solve(path, &ridge, &B, 1, NULL));
    assert_close(B, 1, 1e-14, 0);
    assert_close(rss, 9, 1e-14, 0);
    assert_close(dof, 0.5, 1e-14, 0);
    assert_close(gcv, 8, 1e-14, 0);
    assert_ok(snnk_ridge_path_loo_residuals(
        path, &ridge, SNNK_ROWS(.n = 2, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1, .weights = weights),
        residuals, 1));
    assert_close((double)residuals[0], 3, 1e-6, 0); /* floats */
    assert_close((double)residuals[1], -1.2, 1e-6, 0);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* SciPy's path, no intercept. Statistics are set in double: the condition is below 15, so 1e-13 as
 * in test_ridge.c. Leave-one-out errors use rows rounded to float: 2^-24 of entries of about 1,
 * times the condition: 1e-6. */
static void test_reference(void **state) {
    snnk_lstsq *s = create(RIDGE_M, RIDGE_T);
    float Phi[RIDGE_N * RIDGE_M], Y[RIDGE_N * RIDGE_T], row[RIDGE_M];
    double rss[RIDGE_PATH * RIDGE_T], dof[RIDGE_PATH], gcv[RIDGE_PATH * RIDGE_T];
    double errors[RIDGE_PATH * RIDGE_T] = {0}, B[RIDGE_T * RIDGE_M], leverage;

    (void)state;
    for (size_t i = 0; i < RIDGE_N * RIDGE_M; i++) Phi[i] = (float)ridge_P[i];
    for (size_t i = 0; i < RIDGE_N * RIDGE_T; i++) Y[i] = (float)ridge_Y[i];
    for (size_t j = 0; j < RIDGE_M; j++) row[j] = (float)ridge_new_row[j];
    statistics_set(s, RIDGE_N, ridge_P, ridge_Y);
    snnk_ridge_path *path = decompose(s, 0);
    assert_ok(snnk_ridge_path_score(path, RIDGE_PATH, ridge_lambda, rss, dof, gcv));
    assert_ok(snnk_ridge_path_add_loo(
        path, RIDGE_PATH, ridge_lambda,
        SNNK_ROWS(.n = RIDGE_N, .X = Phi, .ldx = RIDGE_M, .Y = Y, .ldy = RIDGE_T), errors));
    for (size_t p = 0; p < RIDGE_PATH; p++) {
        const double ridges[RIDGE_T] = {ridge_lambda[p], ridge_lambda[p]};

        assert_ok(snnk_ridge_path_solve(path, ridges, B, RIDGE_M, NULL));
        for (size_t i = 0; i < RIDGE_T * RIDGE_M; i++) assert_close(B[i], ridge_B[p][i], 0, 1e-13);
        assert_close(rss[2 * p] + rss[2 * p + 1], ridge_rss[p], 1e-13, 0);
        assert_close(dof[p], ridge_dof[p], 1e-13, 0);
        assert_close(gcv[2 * p] + gcv[2 * p + 1], ridge_gcv[p], 1e-13, 0);
        assert_close((errors[2 * p] + errors[2 * p + 1]) / (RIDGE_N * RIDGE_T), ridge_loo_mse[p],
                     1e-6, 0);
    }
    assert_ok(snnk_ridge_path_leverage(path, RIDGE_NEW_LAMBDA, 1, row, RIDGE_M, &leverage));
    assert_close(leverage, RIDGE_NEW_LEVERAGE, 1e-6, 0);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* Larger than LAPACK's blocks, with a lambda for each target and a row stride: equals one Cholesky
 * solution for each target. Both have errors of eps times their condition, here below 1e3, times a
 * few m. */
static void test_is_the_ridge_solution(void **state) {
    enum { N = 700, M = 150, T = 3, LDB = M + 2 };
    const double ridges[T] = {0, 1e-3, 50};
    float *Phi = statistics_random(N * M, 1), *Y = statistics_random(N * T, 2);
    snnk_lstsq *s = collect(N, M, T, Phi, Y);
    double *B = malloc(T * LDB * sizeof *B), *expected = malloc(T * M * sizeof *B), b[T], e[T];

    (void)state;
    for (int32_t intercept = 0; intercept < 2; intercept++) {
        snnk_ridge_path *path = decompose(s, intercept);

        for (size_t i = 0; i < T * LDB; i++) B[i] = 99;
        assert_ok(snnk_ridge_path_solve(path, ridges, B, LDB, b));
        for (size_t k = 0; k < T; k++) {
            snnk_solve_config config = config_with(intercept);
            snnk_solve_report report = {.size = sizeof report};
            double dof, rss[T];

            config.ridge = ridges[k];
            assert_ok(snnk_lstsq_solve(s, &config, NULL, expected, M, e, &report));
            for (size_t j = 0; j < M; j++)
                assert_close(B[k * LDB + j], expected[k * M + j], 0, 1e-12);
            for (size_t j = M; j < LDB; j++) assert_true(B[k * LDB + j] == 99);
            assert_close(b[k], e[k], 0, 1e-11);
            assert_ok(snnk_ridge_path_score(path, 1, ridges + k, rss, &dof, NULL));
            assert_close(rss[0] + rss[1] + rss[2], report.rss, 1e-12, 0);
            assert_true(dof <= M + 1);
        }
        snnk_ridge_path_free(path);
    }
    free(expected);
    free(B);
    snnk_lstsq_free(s);
    free(Y);
    free(Phi);
}

/* Five rows of eight features: rank 4, and at lambda = 0 the rows are fitted exactly. gcv stays
 * accurate down to lambdas where n - dof is 1e-12: it has a limit, because sums of squares and
 * their divisor both fall as lambda^2. The reference is the same formula in n - 1 Helmert contrasts
 * of the rows, orthonormal and without their mean, in long double: with Z those of Phi and K = Z
 * Z^T, rss = |lambda (K + lambda)^-1 y|^2 and n - dof = the trace of lambda (K + lambda)^-1. */
static void test_more_features_than_rows(void **state) {
    enum { N = 5, M = 8, C = N - 1 };
    float *Phi = statistics_random(N * M, 3), *Y = statistics_random(N, 4);
    snnk_ridge_path *path = path_of_rows(N, M, 1, Phi, Y, 1);
    long double Z[C * M], y[C];
    double best = -1;

    (void)state;
    assert_int_equal(snnk_ridge_path_rank(path), C);
    for (size_t c = 0; c < C; c++)
        for (size_t j = 0; j <= M;
             j++) { /* (rows 0 ... c, minus c + 1 times the next)/sqrt((c + 1)(c + 2)) */
            long double sum = 0;

            for (size_t i = 0; i <= c + 1; i++) {
                const long double x = j < M ? Phi[i * M + j] : Y[i];

                sum += i <= c ? x : -(long double)(c + 1) * x;
            }
            *(j < M ? &Z[c * M + j] : &y[c]) = sum / sqrtl((long double)((c + 1) * (c + 2)));
        }
    for (double ridge = 1e-12; ridge < 1e3; ridge *= 31) {
        long double K[C * C], x[(C + 1) * C] = {0}, left = 0, squares = 0;
        double rss, gcv;

        for (size_t i = 0; i < C; i++) {
            for (size_t l = 0; l < C; l++) {
                K[i * C + l] = i == l ? (long double)ridge : 0;
                for (size_t j = 0; j < M; j++) K[i * C + l] += Z[i * M + j] * Z[l * M + j];
            }
            x[i * C + i] = ridge; /* an identity, and the targets */
            x[C * C + i] = ridge * y[i];
        }
        oracle_solve(C, C + 1, K, x);
        for (size_t i = 0; i < C; i++) left += x[i * C + i], squares += x[C * C + i] * x[C * C + i];
        assert_ok(snnk_ridge_path_score(path, 1, &ridge, &rss, NULL, &gcv));
        /* A few eps times the condition of the kept directions, about 10. */
        assert_close(gcv, (double)(N * squares / (left * left)), 1e-13, 0);
        assert_close(rss, (double)squares, 1e-13, 0);
    }
    assert_ok(snnk_ridge_path_choose_gcv(path, 1, &best));
    assert_true(best > 0 && isfinite(best));
    snnk_ridge_path_free(path);
    free(Y);
    free(Phi);
}

/* ---- Choosing */

/* The sum over targets of gcv, or gcv of one target (k >= 0). */
static double gcv_at(const snnk_ridge_path *path, double ridge, int k) {
    double gcv[3], sum = 0;

    assert_int_equal(snnk_ridge_path_targets(path), 3);
    assert_ok(snnk_ridge_path_score(path, 1, &ridge, NULL, NULL, gcv));
    for (int i = 0; i < 3; i++)
        if (k < 0 || k == i) sum += gcv[i];
    return sum;
}

/* Compared with a scan of a thousand lambdas in each decade. A target that is mostly noise needs a
 * large lambda, one without noise a small one; both ends of the range occur. */
static void test_gcv_is_least(void **state) {
    enum { N = 60, M = 20, T = 3 };
    const float noise[T] = {0, 1, 30};
    float *Phi = statistics_random(N * M, 5), *E = statistics_random(N * T, 6), Y[N * T];

    (void)state;
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < T; k++)
            Y[i * T + k] = Phi[i * M] - 2 * Phi[i * M + 1] + noise[k] * E[i * T + k];
    snnk_ridge_path *path = path_of_rows(N, M, T, Phi, Y, 1);
    double mean = 0, chosen[T], common[T];

    snnk_lstsq *s = collect(N, M, T, Phi, Y);
    for (size_t i = 0; i < M; i++) mean += s->S[i * M + i] / M;
    snnk_lstsq_free(s);
    assert_ok(snnk_ridge_path_choose_gcv(path, 0, chosen));
    assert_ok(snnk_ridge_path_choose_gcv(path, 1, common));
    assert_true(common[0] == common[1] && common[0] == common[2]);
    for (int k = -1; k < T; k++) {
        const double ridge = k < 0 ? common[0] : chosen[k];
        double best = 0, least = INFINITY;

        for (int i = -12000; i <= 3000; i++) {
            const double at = mean * pow(10, i / 1000.0), gcv = gcv_at(path, at, k);

            if (gcv < least) least = gcv, best = at;
        }
        /* At least as good as the best of the scan, up to rounding of gcv. The lambdas differ by
         * half a step of the scan and 1e-4, or more at a flat minimum: gcv accurate to 1e-15
         * determines lambda to sqrt(1e-15) of the curvature. */
        assert_true(gcv_at(path, ridge, k) <= least * (1 + 1e-13));
        if (best > 1e-11 * mean) assert_close(ridge, best, 3e-3, 0);
        assert_true(ridge >= 0.999e-12 * mean && ridge <= 1.001e3 * mean);
    }
    assert_true(chosen[0] < 1e-3 * chosen[1] && chosen[1] < chosen[2]);
    snnk_ridge_path_free(path);
    free(E);
    free(Phi);
}

/* ---- Leaving rows out */

enum {
    LOO_N = 300,
    LOO_M = 5,
    LOO_T = 2,
    LOO_L = 40
}; /* blocks of 256 rows and of 64 columns end within these */

static void loo_ridges(double *ridges) {
    for (size_t l = 0; l < LOO_L; l++) ridges[l] = l == 0 ? 0 : 1e-3 * pow(1.5, (double)l);
}

/* Compare with solutions that really leave each row out. */
static void check_loo(int32_t intercept, const float *weights, const int32_t *labels) {
    float *Phi = statistics_random(LOO_N * LOO_M, 7), *Y = statistics_random(LOO_N * LOO_T, 8);
    snnk_lstsq *s = create(LOO_M, LOO_T);
    double ridges[LOO_L], *errors = calloc(LOO_L * LOO_T, sizeof *errors);
    double *expected = calloc(LOO_L * LOO_T, sizeof *expected);
    float *residuals = malloc(LOO_N * (LOO_T + 1) * sizeof *residuals);

    loo_ridges(ridges);
    for (size_t i = 0; i < LOO_N; i++) {
        Phi[i * LOO_M] += 3; /* so that means matter */
        Y[i * LOO_T] += 2;
        for (size_t k = 0; labels && k < LOO_T; k++)
            Y[i * LOO_T + k] = (size_t)labels[i] == k ? 1 : 0;
        assert_ok(
            snnk_lstsq_add(s,
                           SNNK_ROWS(.n = 1, .X = Phi + i * LOO_M, .ldx = LOO_M, .Y = Y + i * LOO_T,
                                     .ldy = LOO_T, .weights = weights ? weights + i : NULL),
                           NULL));
        residuals[i * (LOO_T + 1) + LOO_T] = 99;
    }
    snnk_ridge_path *path = decompose(s, intercept);
    oracle_rows rows = {LOO_N, LOO_M, LOO_T, Phi, Y, weights, 0};
    const double pair[LOO_T] = {ridges[20], ridges[3]};

    /* In two calls, whose sums add up; in one call if nothing is added up. */
    for (size_t first = 0; first < LOO_N; first += 270) {
        const size_t count = LOO_N - first < 270 ? LOO_N - first : 270;

        assert_ok(
            snnk_ridge_path_add_loo(path, LOO_L, ridges,
                                    SNNK_ROWS(.n = count, .X = Phi + first * LOO_M, .ldx = LOO_M,
                                              .Y = labels ? NULL : Y + first * LOO_T, .ldy = LOO_T,
                                              .labels = labels ? labels + first : NULL,
                                              .weights = weights ? weights + first : NULL),
                                    errors));
    }
    assert_ok(snnk_ridge_path_loo_residuals(path, pair,
                                            SNNK_ROWS(.n = LOO_N, .X = Phi, .ldx = LOO_M,
                                                      .Y = labels ? NULL : Y, .ldy = LOO_T,
                                                      .labels = labels, .weights = weights),
                                            residuals, LOO_T + 1));
    for (rows.skip = 0; rows.skip < LOO_N; rows.skip++) {
        long double mean[LOO_M + LOO_T], A[LOO_M * LOO_M], R[LOO_T * LOO_M];

        oracle_system(&rows, intercept, 0, mean, A, R);
        for (size_t l = 0; l < LOO_L; l++) {
            long double B[LOO_T * LOO_M], b[LOO_T];

            oracle_solution(&rows, ridges[l], mean, A, R, B, b);
            for (size_t k = 0; k < LOO_T; k++) {
                const double e = oracle_residual(&rows, rows.skip, k, B, b);

                expected[l * LOO_T + k] += e * e;
                if (ridges[l] == pair[k]) /* a float */
                    assert_close((double)residuals[rows.skip * (LOO_T + 1) + k], e, 1e-7, 1e-11);
            }
            assert_true(residuals[rows.skip * (LOO_T + 1) + LOO_T] == 99);
        }
    }
    /* eps times n sums and a condition of 1e3 (without an intercept the mean is a long
     * direction). */
    for (size_t c = 0; c < LOO_L * LOO_T; c++) assert_close(errors[c], expected[c], 1e-11, 0);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
    free(residuals);
    free(expected);
    free(errors);
    free(Y);
    free(Phi);
}

static void test_leave_one_out(void **state) {
    float weights[LOO_N];
    int32_t labels[LOO_N];

    (void)state;
    for (size_t i = 0; i < LOO_N; i++) {
        weights[i] = 0.3F + (float)(i * i % 7);
        labels[i] = (int32_t)(i * i % 3 % 2);
    }
    check_loo(1, NULL, NULL);
    check_loo(0, NULL, NULL);
    check_loo(1, weights, NULL);
    check_loo(0, weights, NULL);
    check_loo(1, NULL, labels);
    check_loo(1, weights, labels);
}

/* More targets than a block of columns, each with its own lambda, equal single targets: the same
 * sums except for their order: eps m. */
static void test_many_targets(void **state) {
    enum { N = 50, M = 6, T = 150 };
    float *Phi = statistics_random(N * M, 9), *Y = statistics_random(N * T, 10);
    snnk_ridge_path *path = path_of_rows(N, M, T, Phi, Y, 1);
    double ridges[T], *errors = calloc(2 * T, sizeof *errors);
    float *residuals = malloc(N * T * sizeof *residuals);

    (void)state;
    for (size_t k = 0; k < T; k++) ridges[k] = k % 7 < 3 ? 0.5 : 2;
    assert_ok(snnk_ridge_path_loo_residuals(
        path, ridges, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = T), residuals, T));
    assert_ok(snnk_ridge_path_add_loo(path, 2, (double[]){0.5, 2},
                                      SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = T),
                                      errors));
    for (size_t k = 0; k < T; k++) {
        double sum = 0;

        for (size_t i = 0; i < N; i++)
            sum += (double)residuals[i * T + k] * (double)residuals[i * T + k];
        assert_close(sum, errors[(k % 7 < 3 ? 0 : T) + k], 1e-6, 0); /* of floats */
    }
    free(residuals);
    free(errors);
    snnk_ridge_path_free(path);
    free(Y);
    free(Phi);
}

/* Rows with leverage 1: every row, if there are as many directions as rows; and the only row that
 * has a feature. With a ridge the leverage is below 1, and the residual equals that of really
 * leaving the row out. */
static void test_leverage_of_one(void **state) {
    enum { N = 12, M = 3 };
    float *Phi = statistics_random(N * M, 11), *Y = statistics_random(N, 12), residuals[N];
    const double ridges[] = {0, 1e-3}, zero = 0;
    snnk_ridge_path *path = path_of_rows(4, M, 1, Phi, Y, 1);
    double errors[2] = {0};

    (void)state;
    assert_ok(snnk_ridge_path_loo_residuals(
        path, &zero, SNNK_ROWS(.n = 4, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), residuals, 1));
    for (size_t i = 0; i < 4; i++) assert_true(isinf(residuals[i]));
    assert_ok(snnk_ridge_path_add_loo(
        path, 1, &zero, SNNK_ROWS(.n = 4, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), errors));
    assert_true(isinf(errors[0]) && errors[0] > 0);
    snnk_ridge_path_free(path);

    for (size_t i = 0; i < N; i++) Phi[i * M + 1] = i == 7 ? 1e-3F : 0;
    for (int32_t intercept = 0; intercept < 2; intercept++) {
        oracle_rows rows = {N, M, 1, Phi, Y, NULL, 7};
        long double mean[M + 1], A[M * M], R[M], B[M], b;

        path = path_of_rows(N, M, 1, Phi, Y, intercept);
        for (size_t l = 0; l < 2; l++) {
            assert_ok(snnk_ridge_path_loo_residuals(
                path, ridges + l, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1),
                residuals, 1));
            for (size_t i = 0; i < N; i++)
                assert_true(!isfinite(residuals[i]) == (i == 7 && ridges[l] == 0));
        }
        oracle_system(&rows, intercept, 0, mean, A, R);
        oracle_solution(&rows, ridges[1], mean, A, R, B, &b);
        /* 1 - h is 1e-3 here: 1e-12 of h, and a float. */
        assert_close((double)residuals[7], oracle_residual(&rows, 7, 0, B, &b), 1e-7, 0);
        snnk_ridge_path_free(path);
    }
    free(Y);
    free(Phi);
}

/* ---- Leverages */

/* phi (S + lambda)^-1 phi in long double, m = 5, over more rows than a block. */
static void test_leverage(void **state) {
    enum { N = 300, M = 5 };
    const double ridge = 0.25;
    float *Phi = statistics_random(N * M, 13), *Y = statistics_random(N, 14);
    float *rows = statistics_random(N * (M + 1), 15);
    double leverage[N];

    (void)state;
    for (size_t i = 0; i < N; i++) Phi[i * M] += 2;
    for (int32_t intercept = 0; intercept < 2; intercept++) {
        const oracle_rows all = {N, M, 1, Phi, Y, NULL, SIZE_MAX};
        snnk_ridge_path *path = path_of_rows(N, M, 1, Phi, Y, intercept);

        assert_ok(snnk_ridge_path_leverage(path, ridge, N, rows, M + 1, leverage));
        for (size_t i = 0; i < N; i++) {
            long double mean[M + 1], A[M * M], R[M], x[M], h = intercept ? 1.0L / N : 0;

            oracle_system(&all, intercept, ridge, mean, A, R);
            for (size_t j = 0; j < M; j++) x[j] = rows[i * (M + 1) + j] - mean[j];
            oracle_solve(M, 1, A, x);
            for (size_t j = 0; j < M; j++) h += (rows[i * (M + 1) + j] - mean[j]) * x[j];
            assert_close(leverage[i], (double)h, 1e-12, 0); /* a condition below 1e3 */
        }
        snnk_ridge_path_free(path);
    }
    free(rows);
    free(Y);
    free(Phi);
}

/* A feature that never varied: a row in which it differs is new, the others are not. For (0, 3) it
 * is 3^2/lambda, and infinite at 0. */
static void test_leverage_of_new_rows(void **state) {
    const float Phi[] = {1, 5, 2, 5, 3, 5}, Y[] = {1, 2, 4}, rows[] = {2, 8, 2, 5, 3, 5};
    snnk_ridge_path *path = path_of_rows(3, 2, 1, Phi, Y, 1);
    double leverage[3];

    (void)state;
    assert_int_equal(snnk_ridge_path_rank(path), 1);
    assert_ok(snnk_ridge_path_leverage(path, 0.5, 3, rows, 2, leverage));
    assert_close(leverage[0], 1.0 / 3 + 9 / 0.5, 1e-14, 0);
    assert_close(leverage[1], 1.0 / 3, 1e-14, 0);
    assert_close(leverage[2], 1.0 / 3 + 1 / 2.5, 1e-14, 0);
    assert_ok(snnk_ridge_path_leverage(path, 0, 3, rows, 2, leverage));
    assert_true(isinf(leverage[0]));
    assert_close(leverage[2], 1.0 / 3 + 1.0 / 2, 1e-14, 0);
    snnk_ridge_path_free(path);
}

/* A column that is twice another, up to rounding: rows that also satisfy that have no unusual
 * leverage, at any lambda. Otherwise rounding errors would be divided by 1e-12, or by 0. phi S^+
 * phi equals that of the first column alone. */
static void test_leverage_of_dependent_columns(void **state) {
    enum { N = 30, M = 3 };
    float *x = statistics_random(N * 2, 20), *Y = statistics_random(N, 21), Phi[N * M];
    const double ridges[] = {0, 1e-12};
    double leverage[N], expected[N];

    (void)state;
    for (size_t i = 0; i < N; i++) {
        Phi[i * M] = x[2 * i], Phi[i * M + 1] = x[2 * i + 1];
        Phi[i * M + 2] = 2 * x[2 * i];
    }
    snnk_ridge_path *path = path_of_rows(N, M, 1, Phi, Y, 1), *two = path_of_rows(N, 2, 1, x, Y, 1);

    assert_int_equal(snnk_ridge_path_rank(path), 2);
    for (size_t l = 0; l < 2; l++) {
        assert_ok(snnk_ridge_path_leverage(path, ridges[l], N, Phi, M, leverage));
        assert_ok(snnk_ridge_path_leverage(two, ridges[l], N, x, 2, expected));
        for (size_t i = 0; i < N; i++) assert_close(leverage[i], expected[i], 1e-10, 0);
    }
    snnk_ridge_path_free(two);
    snnk_ridge_path_free(path);
    free(Y);
    free(x);
}

/* ---- Ranks */

/* S = (1, 0.9; 0.9, 1), values 0.1 and 1.9: a tolerance above their ratio keeps one direction, at
 * every lambda. */
static void test_rank_tolerance(void **state) {
    snnk_solve_config config = config_with(1);
    snnk_lstsq *s = create(2, 1);
    snnk_ridge_path *path;
    double B[2], dof;
    const double ridge = 0.1;

    (void)state;
    s->rows = 5, s->weight = 5;
    s->S[0] = 1, s->S[2] = 0.9, s->S[3] = 1;
    s->C[0] = 1, s->C[1] = 0;
    s->yy[0] = 100;
    config.rank_tolerance = 0.052;
    assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
    assert_int_equal(snnk_ridge_path_rank(path), 2);
    snnk_ridge_path_free(path);
    config.rank_tolerance = 0.053;
    assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
    assert_int_equal(snnk_ridge_path_rank(path), 1);
    assert_ok(snnk_ridge_path_solve(path, &ridge, B, 2, NULL));
    assert_close(B[0], 0.5 / 2, 1e-14, 0);
    assert_close(B[1], 0.5 / 2, 1e-14, 0);
    assert_ok(snnk_ridge_path_score(path, 1, &ridge, NULL, &dof, NULL));
    assert_close(dof, 1 + 1.9 / 2, 1e-14, 0);
    snnk_ridge_path_free(path);

    /* A negative eigenvalue is rounding error. */
    s->S[2] = 0, s->S[3] = -1e-3;
    path = decompose(s, 1);
    assert_int_equal(snnk_ridge_path_rank(path), 1);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* Rows (1, 0) and (0, c), targets 2 and 3, no intercept: singular values 1 and c; if c counts as
 * absent, its target is all of rss. By default a factor keeps c above 64 times 2.2e-16, while
 * moments, of c^2, lose it at 1e-7. A given tolerance is a share of eigenvalues with either
 * factorization. */
static void test_rank_tolerance_of_a_factor(void **state) {
    static const struct {
        int c; /* as a power of 2 */
        double tolerance;
        size_t rank[2]; /* SNNK_FACTORIZATION_GRAM, SNNK_FACTORIZATION_QR */
    } cases[] = {{-4, 0, {2, 2}},      {-40, 0, {1, 2}},    {-50, 0, {1, 1}},
                 {-4, 1e-3, {2, 2}},   {-6, 1e-3, {1, 1}},  {-20, 1e-13, {2, 2}},
                 {-40, 1e-23, {1, 1}}, {-40, 1e-25, {2, 2}}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int32_t factorization = 0; factorization < 2; factorization++) {
            const float c = ldexpf(1, cases[i].c), Phi[] = {1, 0, 0, c}, Y[] = {2, 3};
            const bool whole = cases[i].rank[factorization] == 2;
            snnk_solve_config config = config_with(0);
            snnk_lstsq *s;
            snnk_ridge_path *path;
            const double ridge = 0;
            double rss, dof, B[2];

            assert_ok(snnk_lstsq_create(2, 1, NULL, &s));
            assert_ok(snnk_lstsq_set_factorization(s, factorization));
            assert_ok(
                snnk_lstsq_add(s, SNNK_ROWS(.n = 2, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
            config.rank_tolerance = cases[i].tolerance;
            assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
            assert_int_equal(snnk_ridge_path_rank(path), cases[i].rank[factorization]);
            assert_ok(snnk_ridge_path_score(path, 1, &ridge, &rss, &dof, NULL));
            assert_close(rss, whole ? 0 : 9, 1e-14, 1e-14);
            assert_close(dof, whole ? 2 : 1, 1e-14, 0);
            assert_ok(snnk_ridge_path_solve(path, &ridge, B, 2, NULL));
            assert_close(B[0], 2, 1e-14, 0);
            assert_close(B[1], whole ? 3 / (double)c : 0, 1e-14, 0);
            snnk_ridge_path_free(path);
            snnk_lstsq_free(s);
        }
}

/* Rows summed in floats: a leverage that differs from 1 by less than their rounding, 2e-7 of S,
 * counts as 1. */
static void test_statistics_in_single_precision(void **state) {
    enum { N = 9, M = 8 };
    float *Phi = statistics_random(N * M, 16), *Y = statistics_random(N, 17), residuals[N];
    const double zero = 0;
    snnk_lstsq *s = create(M, 1);

    (void)state;
    assert_ok(snnk_lstsq_set_precision(s, SNNK_PRECISION_SINGLE));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), NULL));
    snnk_ridge_path *path = decompose(s, 1);
    assert_ok(snnk_ridge_path_loo_residuals(
        path, &zero, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), residuals, 1));
    for (size_t i = 0; i < N; i++) assert_true(isinf(residuals[i]));
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
    free(Y);
    free(Phi);
}

/* ---- Intervals */

static int compare_floats(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void test_radius_is_the_order_statistic(void **state) {
    enum { N = 199, STRIDE = 3 };
    float *x = statistics_random(N * STRIDE, 18), sorted[N];
    double radius;

    (void)state;
    x[0] = INFINITY, x[STRIDE] = -INFINITY, x[2 * STRIDE] = -0.0F, x[3 * STRIDE] = 1e-42F;
    x[4 * STRIDE] = FLT_MAX, x[5 * STRIDE] = x[6 * STRIDE] = -x[7 * STRIDE];
    for (size_t i = 0; i < N; i++) sorted[i] = fabsf(x[i * STRIDE]);
    qsort(sorted, N, sizeof *sorted, compare_floats);
    for (int k = 1; k <= N; k++) { /* (1 - miss)(n + 1) = k, to rounding */
        const double exact = 1 - k / 200.0;

        assert_ok(snnk_conformal_radius(N, x, STRIDE, exact, &radius));
        assert_true(radius == (double)sorted[k - 1]);
        assert_ok(snnk_conformal_radius(N, x, STRIDE, exact + 0.4 / 200, &radius));
        assert_true(radius == (double)sorted[k - 1]);
    }
    assert_ok(snnk_conformal_radius(N, x, STRIDE, 0.0049, &radius));
    assert_true(isinf(radius));
    assert_ok(snnk_conformal_radius(1, x + 9, 1, 0.5, &radius)); /* ceil(0.5 2) = 1 */
    assert_true(radius == (double)fabsf(x[9]));
    free(x);
}

/* Intervals from 100 rows, 400 draws: a new observation is inside with probability 0.9, for uniform
 * errors and 3 features. The count is binomial with deviation sqrt(400 0.09) = 6; the fit makes
 * coverage differ from 0.9 by about 1/n = 0.01, 4 of 400. The tolerance is five deviations plus
 * that. */
static void test_coverage(void **state) {
    enum { N = 100, M = 3, DRAWS = 400 };
    uint64_t seed = 19;
    int within = 0;

    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        float Phi[(N + 1) * M], Y[N + 1], residuals[N];
        double ridge, B[M], b, radius;

        for (size_t i = 0; i <= N; i++) {
            Y[i] = (float)draw_uniform(&seed);
            for (size_t j = 0; j < M; j++) {
                Phi[i * M + j] = (float)draw_uniform(&seed);
                Y[i] += Phi[i * M + j];
            }
        }
        snnk_ridge_path *path = path_of_rows(N, M, 1, Phi, Y, 1);
        assert_ok(snnk_ridge_path_choose_gcv(path, 1, &ridge));
        assert_ok(snnk_ridge_path_loo_residuals(
            path, &ridge, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), residuals, 1));
        assert_ok(snnk_conformal_radius(N, residuals, 1, 0.1, &radius));
        assert_ok(snnk_ridge_path_solve(path, &ridge, B, M, &b));
        for (size_t j = 0; j < M; j++) b += B[j] * (double)Phi[N * M + j];
        within += fabs((double)Y[N] - b) <= radius;
        snnk_ridge_path_free(path);
    }
    assert_true(within >= 360 - 34 && within <= 360 + 34);
}

/* ---- Misuse */

static const float some_Phi[] = {1, 2, 3, 5, 4, 0, 2, 2}, some_Y[] = {1, -1, 2, 0};

static void test_create_refuses(void **state) {
    snnk_lstsq *s = collect(4, 2, 1, some_Phi, some_Y), *empty = create(2, 1);
    snnk_lstsq *flat = create(2, 1), *huge = create(1, 1);
    const float constant[] = {1, 2, 1, 2};
    snnk_solve_config config = config_with(1);
    snnk_ridge_path *path = (snnk_ridge_path *)&config;

    (void)state;
    assert_status(snnk_ridge_path_create(s, NULL, NULL, NULL), SNNK_E_NULL);
    assert_says("path is NULL");
    assert_status(snnk_ridge_path_create(NULL, NULL, NULL, &path), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_null(path);
    assert_status(snnk_ridge_path_create(empty, NULL, NULL, &path), SNNK_E_STATE);
    assert_says("no rows were added");
    assert_ok(snnk_lstsq_add(
        flat, SNNK_ROWS(.n = 2, .X = constant, .ldx = 2, .Y = some_Y, .ldy = 1), NULL));
    assert_status(snnk_ridge_path_create(flat, NULL, NULL, &path), SNNK_E_SINGULAR);
    assert_says("rank 0");
    config.size = 8;
    assert_status(snnk_ridge_path_create(s, &config, NULL, &path), SNNK_E_CONFIG);
    config = config_with(2);
    assert_status(snnk_ridge_path_create(s, &config, NULL, &path), SNNK_E_RANGE);
    assert_says("intercept = 2");
    config = config_with(1);
    config.rank_tolerance = 1;
    assert_status(snnk_ridge_path_create(s, &config, NULL, &path), SNNK_E_RANGE);
    config = config_with(0);
    huge->rows = 2;
    huge->weight = 2;
    huge->mean_phi[0] = 1e200;
    assert_status(snnk_ridge_path_create(huge, &config, NULL, &path), SNNK_E_NONFINITE);
    assert_null(path);

    snnk_ridge_path_free(NULL);
    assert_int_equal(snnk_ridge_path_features(NULL), 0);
    assert_int_equal(snnk_ridge_path_targets(NULL), 0);
    assert_int_equal(snnk_ridge_path_rank(NULL), 0);
    assert_int_equal(snnk_ridge_path_rows(NULL), 0);
    snnk_lstsq_free(huge);
    snnk_lstsq_free(flat);
    snnk_lstsq_free(empty);
    snnk_lstsq_free(s);
}

/* 32767 features are refused before memory of their size is touched. */
static void test_too_many_features(void **state) {
    snnk_lstsq *s = create(2, 1);
    snnk_ridge_path *path;

    (void)state;
    s->rows = 1;
    s->features = 32767;
    assert_status(snnk_ridge_path_create(s, NULL, NULL, &path), SNNK_E_SIZE);
    assert_says("32766");
    s->features = 2;
    snnk_lstsq_free(s);
}

static void test_score_and_solve_refuse(void **state) {
    snnk_ridge_path *path = path_of_rows(4, 2, 1, some_Phi, some_Y, 1);
    const double good[] = {1, 2}, bad[][2] = {{1, -1}, {1, NAN}, {1, INFINITY}};
    double rss[] = {7, 7}, B[] = {5, 6}, b = 7, ridge = 8;

    (void)state;
    assert_status(snnk_ridge_path_score(NULL, 2, good, rss, NULL, NULL), SNNK_E_NULL);
    assert_says("path is NULL");
    assert_status(snnk_ridge_path_score(path, 2, NULL, rss, NULL, NULL), SNNK_E_NULL);
    assert_says("ridges is NULL");
    assert_status(snnk_ridge_path_score(path, SIZE_MAX / 4, good, rss, NULL, NULL), SNNK_E_SIZE);
    for (size_t i = 0; i < 3; i++) {
        assert_status(snnk_ridge_path_score(path, 2, bad[i], rss, NULL, NULL), SNNK_E_RANGE);
        assert_says("ridges[1] = ");
        assert_status(snnk_ridge_path_solve(path, bad[i] + 1, B, 2, &b), SNNK_E_RANGE);
    }
    assert_ok(snnk_ridge_path_score(path, 0, NULL, rss, NULL, NULL));
    assert_status(snnk_ridge_path_solve(NULL, good, B, 2, &b), SNNK_E_NULL);
    assert_status(snnk_ridge_path_solve(path, NULL, B, 2, &b), SNNK_E_NULL);
    assert_status(snnk_ridge_path_solve(path, good, NULL, 2, &b), SNNK_E_NULL);
    assert_says("B is NULL");
    assert_status(snnk_ridge_path_solve(path, good, B, 1, &b), SNNK_E_STRIDE);
    assert_status(snnk_ridge_path_solve(path, good, B, SIZE_MAX / 4, &b), SNNK_E_SIZE);
    assert_status(snnk_ridge_path_choose_gcv(NULL, 0, &ridge), SNNK_E_NULL);
    assert_status(snnk_ridge_path_choose_gcv(path, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_ridge_path_choose_gcv(path, 2, &ridge), SNNK_E_RANGE);
    assert_says("common = 2");
    assert_true(rss[0] == 7 && B[0] == 5 && B[1] == 6 && b == 7 && ridge == 8);
    snnk_ridge_path_free(path);

    /* B = C/S = 1e200/1e-200 overflows double. */
    snnk_lstsq *s = create(1, 1);

    s->rows = 2, s->weight = 2;
    s->S[0] = 1e-200;
    s->C[0] = 1e-60;
    path = decompose(s, 1);
    ridge = 0;
    path->along[0] = 1e200;
    assert_status(snnk_ridge_path_solve(path, &ridge, B, 1, &b), SNNK_E_NONFINITE);
    assert_says("the solution B");
    assert_true(B[0] == 5 && b == 7);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* Both functions that leave rows out refuse the same arguments, and write nothing. */
static void assert_loo_fails(const snnk_ridge_path *path, const double *ridges, size_t n,
                             const float *Phi, size_t ldphi, const float *Y, size_t ldy,
                             const int32_t *labels, const float *weights, int status,
                             const char *part) {
    double errors[] = {7, 7};
    float residuals[] = {7, 7, 7, 7, 7, 7, 7, 7};

    assert_status(
        snnk_ridge_path_add_loo(path, 1, ridges,
                                SNNK_ROWS(.n = n, .X = Phi, .ldx = ldphi, .Y = Y, .ldy = ldy,
                                          .labels = labels, .weights = weights),
                                errors),
        status);
    assert_says(part);
    assert_status(
        snnk_ridge_path_loo_residuals(path, ridges,
                                      SNNK_ROWS(.n = n, .X = Phi, .ldx = ldphi, .Y = Y, .ldy = ldy,
                                                .labels = labels, .weights = weights),
                                      residuals, 2),
        status);
    assert_says(part);
    assert_true(errors[0] == 7 && errors[1] == 7);
    for (size_t i = 0; i < 8; i++) assert_true(residuals[i] == 7);
}

static void test_loo_refuses(void **state) {
    const float Y[] = {1, 2, 3, 4, 5, 6, 7, 9};
    float Phi[] = {1, 2, 3, 5, 4, 0, 2, 2}, bad_Y[] = {1, 2, 3, 4, 5, 6, 7, NAN};
    float weights[] = {1, 1, 1, 1};
    const float bad_weights[] = {0, -1, 0.9e-30F, 1.1e30F, NAN, INFINITY};
    int32_t labels[] = {0, 1, 0, 2};
    const double ones[] = {1, 1}, negative[] = {-1, -1};
    snnk_ridge_path *path = path_of_rows(4, 2, 2, Phi, Y, 1);
    double errors[] = {7, 7};
    float residuals[8];

    (void)state;
    assert_loo_fails(NULL, ones, 4, Phi, 2, Y, 2, NULL, NULL, SNNK_E_NULL, "path is NULL");
    assert_loo_fails(path, NULL, 4, Phi, 2, Y, 2, NULL, NULL, SNNK_E_NULL, "ridges is NULL");
    assert_loo_fails(path, ones, 4, NULL, 2, Y, 2, NULL, NULL, SNNK_E_NULL, "X is NULL");
    assert_loo_fails(path, ones, 4, Phi, 2, NULL, 2, NULL, NULL, SNNK_E_NULL,
                     "neither Y nor labels");
    assert_loo_fails(path, ones, 4, Phi, 1, Y, 2, NULL, NULL, SNNK_E_STRIDE, "of X, 1");
    assert_loo_fails(path, ones, 4, Phi, 2, Y, 1, NULL, NULL, SNNK_E_STRIDE, "of Y, 1");
    assert_loo_fails(path, ones, SIZE_MAX / 4, Phi, 2, Y, 2, NULL, NULL, SNNK_E_SIZE, "do not fit");
    assert_loo_fails(path, negative, 4, Phi, 2, Y, 2, NULL, NULL, SNNK_E_RANGE, "ridges[0] = -1");
    assert_loo_fails(path, ones, 4, Phi, 2, NULL, 0, labels, NULL, SNNK_E_RANGE,
                     "labels[3] = 2 is not in 0 ... 1");
    labels[3] = -1;
    assert_loo_fails(path, ones, 4, Phi, 2, NULL, 0, labels, NULL, SNNK_E_RANGE, "labels[3] = -1");
    labels[3] = 0;
    assert_loo_fails(path, ones, 4, Phi, 2, Y, 2, labels, NULL, SNNK_E_NULL, "both");
    for (size_t i = 0; i < sizeof bad_weights / sizeof *bad_weights; i++) {
        weights[2] = bad_weights[i];
        assert_loo_fails(path, ones, 4, Phi, 2, Y, 2, NULL, weights, SNNK_E_RANGE, "weights[2] = ");
    }
    assert_loo_fails(path, ones, 4, Phi, 2, bad_Y, 2, NULL, NULL, SNNK_E_NONFINITE, "Y[3][1]");
    Phi[5] = INFINITY;
    assert_loo_fails(path, ones, 4, Phi, 2, Y, 2, NULL, NULL, SNNK_E_NONFINITE, "X[2][1]");
    Phi[5] = 0;

    assert_status(snnk_ridge_path_add_loo(
                      path, 1, ones, SNNK_ROWS(.n = 4, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL),
                  SNNK_E_NULL);
    assert_says("errors is NULL");
    assert_status(
        snnk_ridge_path_loo_residuals(
            path, ones, SNNK_ROWS(.n = 4, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), residuals, 1),
        SNNK_E_STRIDE);
    assert_status(snnk_ridge_path_loo_residuals(
                      path, ones, SNNK_ROWS(.n = 4, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL, 2),
                  SNNK_E_NULL);
    assert_ok(snnk_ridge_path_add_loo(path, 1, ones, SNNK_ROWS(.n = 0), errors));
    assert_ok(snnk_ridge_path_add_loo(
        path, 0, NULL, SNNK_ROWS(.n = 4, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL));
    assert_ok(snnk_ridge_path_loo_residuals(path, ones, SNNK_ROWS(.n = 0), NULL, 0));
    assert_true(errors[0] == 7 && errors[1] == 7);
    snnk_ridge_path_free(path);
}

static void test_leverage_refuses(void **state) {
    snnk_ridge_path *path = path_of_rows(4, 2, 1, some_Phi, some_Y, 1);
    const float bad[] = {1, 2, 3, NAN};
    double h[] = {7, 7};

    (void)state;
    assert_status(snnk_ridge_path_leverage(NULL, 1, 2, some_Phi, 2, h), SNNK_E_NULL);
    assert_status(snnk_ridge_path_leverage(path, 1, 2, NULL, 2, h), SNNK_E_NULL);
    assert_status(snnk_ridge_path_leverage(path, 1, 2, some_Phi, 2, NULL), SNNK_E_NULL);
    assert_says("leverage is NULL");
    assert_status(snnk_ridge_path_leverage(path, 1, 2, some_Phi, 1, h), SNNK_E_STRIDE);
    assert_status(snnk_ridge_path_leverage(path, 1, SIZE_MAX / 4, some_Phi, 2, h), SNNK_E_SIZE);
    assert_status(snnk_ridge_path_leverage(path, -1, 2, some_Phi, 2, h), SNNK_E_RANGE);
    assert_says("ridge = -1");
    assert_status(snnk_ridge_path_leverage(path, NAN, 2, some_Phi, 2, h), SNNK_E_RANGE);
    assert_status(snnk_ridge_path_leverage(path, 1, 2, bad, 2, h), SNNK_E_NONFINITE);
    assert_says("Phi[1][1]");
    assert_ok(snnk_ridge_path_leverage(path, 1, 0, NULL, 0, NULL));
    assert_true(h[0] == 7 && h[1] == 7);
    snnk_ridge_path_free(path);
}

static void test_radius_refuses(void **state) {
    const float x[] = {1, 2, 3, NAN};
    const double bad[] = {0, 1, -0.1, 1.1, NAN};
    double radius = 7;

    (void)state;
    assert_status(snnk_conformal_radius(3, x, 1, 0.5, NULL), SNNK_E_NULL);
    assert_status(snnk_conformal_radius(3, NULL, 1, 0.5, &radius), SNNK_E_NULL);
    assert_says("residuals is NULL");
    assert_status(snnk_conformal_radius(0, x, 1, 0.5, &radius), SNNK_E_SHAPE);
    assert_status(snnk_conformal_radius(3, x, 0, 0.5, &radius), SNNK_E_STRIDE);
    assert_status(snnk_conformal_radius(SIZE_MAX / 2, x, 4, 0.5, &radius), SNNK_E_SIZE);
    assert_status(snnk_conformal_radius(4, x, 1, 0.5, &radius), SNNK_E_NONFINITE);
    assert_says("residuals[3] is NaN");
    for (size_t i = 0; i < 5; i++)
        assert_status(snnk_conformal_radius(3, x, 1, bad[i], &radius), SNNK_E_RANGE);
    assert_says("alpha = ");
    assert_true(radius == 7);
}

static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const double ridge = 1;
    snnk_lstsq *s = NULL;
    snnk_ridge_path *path = NULL;
    double B[] = {5, 6}, b = 7, errors = 8, h[] = {9, 9, 9, 9};
    float residuals[] = {9, 9, 9, 9};
    int st;

    (void)state;
    assert_ok(snnk_lstsq_create(2, 1, &allocator, &s));
    assert_ok(
        snnk_lstsq_add(s, SNNK_ROWS(.n = 4, .X = some_Phi, .ldx = 2, .Y = some_Y, .ldy = 1), NULL));
    assert_survives_failing_allocations(memory, st, {
        st = snnk_ridge_path_create(s, NULL, NULL, &path);
        assert_made(st, path);
        snnk_ridge_path_free(path);
    });
    assert_true(memory.calls >= 8);
    assert_ok(snnk_ridge_path_create(s, NULL, NULL, &path));
    snnk_lstsq_free(s); /* the path no longer needs it */

    assert_survives_failing_allocations(memory, st, {
        st = snnk_ridge_path_solve(path, &ridge, B, 2, &b);
        assert_true(st == SNNK_OK || (B[0] == 5 && B[1] == 6 && b == 7));
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_ridge_path_add_loo(
            path, 1, &ridge, SNNK_ROWS(.n = 4, .X = some_Phi, .ldx = 2, .Y = some_Y, .ldy = 1),
            &errors);
        assert_true(st == SNNK_OK || errors == 8);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_ridge_path_loo_residuals(
            path, &ridge, SNNK_ROWS(.n = 4, .X = some_Phi, .ldx = 2, .Y = some_Y, .ldy = 1),
            residuals, 1);
        assert_true(st == SNNK_OK || residuals[0] == 9);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_ridge_path_leverage(path, 1, 4, some_Phi, 2, h);
        assert_true(st == SNNK_OK || h[0] == 9);
    });

    /* Scoring and choosing allocate nothing. */
    double rss, chosen;

    test_memory_allow(&memory, 0);
    assert_ok(snnk_ridge_path_score(path, 1, &ridge, &rss, NULL, NULL));
    assert_ok(snnk_ridge_path_choose_gcv(path, 0, &chosen));
    assert_int_equal(memory.calls, 0);
    snnk_ridge_path_free(path);
    assert_int_equal(memory.alive, 0);
}

/* ---- From a factor ---- */

/* Powers of x on 0 ... 1, rounded to float; only these floats matter. Their condition number is
 * about 1e7, that of the moments its square. */
enum { POWERS_N = 60, POWERS_M = 9 };

static void powers(float *Phi, float *Y) {
    for (size_t i = 0; i < POWERS_N; i++) {
        const double x = ((double)i + 0.5) / POWERS_N;

        for (size_t j = 0; j < POWERS_M; j++) Phi[i * POWERS_M + j] = (float)pow(x, (double)j + 1);
        Y[2 * i] = (float)sin(7 * x);
        Y[2 * i + 1] = (float)exp(x);
    }
}

static snnk_ridge_path *path_by(int32_t factorization, const float *Phi, const float *Y,
                                int32_t intercept) {
    snnk_lstsq *s = create(POWERS_M, 2);
    const snnk_solve_config config = config_with(intercept);
    snnk_ridge_path *path;

    assert_ok(snnk_lstsq_set_factorization(s, factorization));
    assert_ok(snnk_lstsq_add(
        s, SNNK_ROWS(.n = POWERS_N, .X = Phi, .ldx = POWERS_M, .Y = Y, .ldy = 2), NULL));
    assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
    snnk_lstsq_free(s);
    return path;
}

/* Compared with long double normal equations, which are accurate to 5e-20 times the square of the
 * condition number. With the factor, coefficients are accurate to 1e-16 times the condition number
 * and what they cancel, 1e-7 of the largest. With moments the error is 1e3 to 1e5 times as large,
 * by the rounding of the BLAS in use; a factor of 100 shows that the factorization makes the
 * difference. rss from the factor is accurate, too. */
static void test_from_a_factor(void **state) {
    float Phi[POWERS_N * POWERS_M], Y[POWERS_N * 2];
    const double ridges[] = {0, 1e-10, 1e-3};
    const oracle_rows rows = {POWERS_N, POWERS_M, 2, Phi, Y, NULL, SIZE_MAX};

    (void)state;
    powers(Phi, Y);
    for (int32_t intercept = 0; intercept < 2; intercept++) {
        snnk_ridge_path *paths[2] = {path_by(SNNK_FACTORIZATION_QR, Phi, Y, intercept),
                                     path_by(SNNK_FACTORIZATION_GRAM, Phi, Y, intercept)};
        long double mean[POWERS_M + 2], A[POWERS_M * POWERS_M], R[2 * POWERS_M], b[2];
        long double B[2 * POWERS_M];
        double error[2] = {0};

        assert_int_equal(snnk_ridge_path_rank(paths[0]), POWERS_M);
        oracle_system(&rows, intercept, 0, mean, A, R);
        for (size_t l = 0; l < 3; l++) {
            const double both[2] = {ridges[l], ridges[l]};
            double rss[2], exact[2] = {0}, largest = 0;

            oracle_solution(&rows, ridges[l], mean, A, R, B, b);
            for (size_t k = 0; k < 2 * POWERS_M; k++) largest = fmax(largest, fabs((double)B[k]));
            for (int factorization = 0; factorization < 2; factorization++) {
                double solved[2 * POWERS_M];

                assert_ok(
                    snnk_ridge_path_solve(paths[factorization], both, solved, POWERS_M, NULL));
                for (size_t k = 0; l == 0 && k < 2 * POWERS_M; k++)
                    error[factorization] =
                        fmax(error[factorization], fabs(solved[k] - (double)B[k]) / largest);
                if (factorization == 0)
                    for (size_t k = 0; k < 2 * POWERS_M; k++)
                        assert_close(solved[k], (double)B[k], 0, 1e-7 * largest);
            }
            for (size_t i = 0; i < POWERS_N; i++)
                for (size_t k = 0; k < 2; k++) {
                    const double e = oracle_residual(&rows, i, k, B, b);

                    exact[k] += e * e;
                }
            assert_ok(snnk_ridge_path_score(paths[0], 1, ridges + l, rss, NULL, NULL));
            for (size_t k = 0; k < 2; k++) assert_close(rss[k], exact[k], 1e-7, 0);
        }
        assert_true(error[1] > 100 * error[0]);
        snnk_ridge_path_free(paths[0]);
        snnk_ridge_path_free(paths[1]);
    }
}

/* Where both factorizations are accurate they agree, also with fewer rows than features, and with
 * weights. */
static void test_factorizations_agree(void **state) {
    enum { N = 30, M = 6 };
    float *Phi = statistics_random(N * M, 21), *Y = statistics_random(N * 2, 22), weights[N];
    const double ridges[] = {1e-2, 3};

    (void)state;
    for (size_t i = 0; i < N; i++) weights[i] = 1 + (float)(i % 3);
    for (size_t n = 4; n <= N; n += N - 4)
        for (int32_t intercept = 0; intercept < 2; intercept++) {
            double B[2][2 * M], rss[2][4], dof[2][2];

            for (int32_t factorization = 0; factorization < 2; factorization++) {
                snnk_lstsq *s = create(M, 2);
                const snnk_solve_config config = config_with(intercept);
                snnk_ridge_path *path;

                assert_ok(snnk_lstsq_set_factorization(s, factorization));
                assert_ok(snnk_lstsq_add(
                    s, SNNK_ROWS(.n = n, .X = Phi, .ldx = M, .Y = Y, .ldy = 2, .weights = weights),
                    NULL));
                assert_ok(snnk_ridge_path_create(s, &config, NULL, &path));
                assert_ok(snnk_ridge_path_solve(path, ridges, B[factorization], M, NULL));
                assert_ok(snnk_ridge_path_score(path, 2, ridges, rss[factorization],
                                                dof[factorization], NULL));
                snnk_ridge_path_free(path);
                snnk_lstsq_free(s);
            }
            /* condition numbers below 100, of moments 1e4 */
            for (size_t k = 0; k < 2 * M; k++) assert_close(B[0][k], B[1][k], 1e-11, 1e-12);
            for (size_t k = 0; k < 4; k++) assert_close(rss[0][k], rss[1][k], 1e-11, 1e-13);
            for (size_t k = 0; k < 2; k++) assert_close(dof[0][k], dof[1][k], 1e-11, 0);
        }
    free(Phi);
    free(Y);
}

static int by_factor(void **state) {
    (void)state;
    test_factorization = SNNK_FACTORIZATION_QR;
    return 0;
}

static int by_moments(void **state) {
    (void)state;
    test_factorization = SNNK_FACTORIZATION_GRAM;
    return 0;
}

#define BY_FACTOR(test)                                                                            \
    { #test ", by a factor", test, by_factor, by_moments, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BY_FACTOR(test_by_hand),
        BY_FACTOR(test_is_the_ridge_solution),
        BY_FACTOR(test_more_features_than_rows),
        BY_FACTOR(test_leave_one_out),
        BY_FACTOR(test_many_targets),
        BY_FACTOR(test_leverage_of_one),
        BY_FACTOR(test_leverage),
        BY_FACTOR(test_leverage_of_new_rows),
        BY_FACTOR(test_leverage_of_dependent_columns),
        BY_FACTOR(test_failing_memory),
        cmocka_unit_test(test_from_a_factor),
        cmocka_unit_test(test_factorizations_agree),
        cmocka_unit_test(test_by_hand),
        BY_FACTOR(test_weights_by_hand),
        cmocka_unit_test(test_weights_by_hand),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_is_the_ridge_solution),
        cmocka_unit_test(test_more_features_than_rows),
        cmocka_unit_test(test_gcv_is_least),
        cmocka_unit_test(test_leave_one_out),
        cmocka_unit_test(test_many_targets),
        cmocka_unit_test(test_leverage_of_one),
        cmocka_unit_test(test_leverage),
        cmocka_unit_test(test_leverage_of_new_rows),
        cmocka_unit_test(test_leverage_of_dependent_columns),
        cmocka_unit_test(test_rank_tolerance),
        cmocka_unit_test(test_rank_tolerance_of_a_factor),
        cmocka_unit_test(test_statistics_in_single_precision),
        cmocka_unit_test(test_radius_is_the_order_statistic),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_too_many_features),
        cmocka_unit_test(test_score_and_solve_refuse),
        cmocka_unit_test(test_loo_refuses),
        cmocka_unit_test(test_leverage_refuses),
        cmocka_unit_test(test_radius_refuses),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
