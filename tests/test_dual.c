/* src/solve/dual_decomposition.c, dual_ridge.c: against the ridge path in the primal, against fits
 * without the rows, and against leave-one-out errors that were worked out by hand. */
#include "support/compare.h"

#include "solve/dual.h"
#include "support/alloc.h"
#include "support/draw.h"

/* Few rows of many features are decomposed by rows, many rows of few features by features. */
enum { MAX_ROWS = 80, MAX_M = 30, T = 2, RIDGES = 3 };

static size_t n_rows, n_features;

static const double ridges[RIDGES] = {1e-3, 0.1, 10};

static float Phi[MAX_ROWS * MAX_M], Y_float[MAX_ROWS * T];
static double Y[MAX_ROWS * T], weights[MAX_ROWS];

static void make_rows(size_t rows, size_t features) {
    uint64_t seed = 5;

    n_rows = rows;
    n_features = features;
    for (size_t i = 0; i < n_rows * n_features; i++) Phi[i] = (float)(1 + draw_uniform(&seed));
    for (size_t i = 0; i < n_rows * T; i++) {
        Y_float[i] = (float)(3 + draw_uniform(&seed));
        Y[i] = Y_float[i];
    }
    for (size_t i = 0; i < n_rows; i++) weights[i] = (float)(1.5 + draw_uniform(&seed));
}

static snnk__dual *dual_of(size_t n, bool weighted, bool intercept, const uint64_t *group) {
    const snnk__dual_data data = {.n = n,
                                  .m = n_features,
                                  .t = T,
                                  .Phi = Phi,
                                  .ldphi = n_features,
                                  .Y = Y,
                                  .ldy = T,
                                  .weights = weighted ? weights : NULL,
                                  .group = group,
                                  .intercept = intercept};
    snnk__dual *dual;

    assert_ok(snnk__dual_create(&data, &dual));
    return dual;
}

/* The statistics of the rows for which keep[i] is true; all if it is NULL. */
static snnk_lstsq *statistics_of(bool weighted, const bool *keep) {
    snnk_lstsq *lstsq;

    assert_ok(snnk_lstsq_create(n_features, T, NULL, &lstsq));
    for (size_t i = 0; i < n_rows; i++) {
        const float w = (float)weights[i];

        if (keep && !keep[i]) continue;
        assert_ok(snnk_lstsq_add(lstsq,
                                 SNNK_ROWS(.n = 1, .X = Phi + i * n_features, .ldx = n_features,
                                           .Y = Y_float + i * T, .ldy = T,
                                           .weights = weighted ? &w : NULL),
                                 NULL));
    }
    return lstsq;
}

/* Residuals of row i under B and b. */
static double residual(size_t i, size_t k, const double *B, const double *b) {
    double fit = b[k];

    for (size_t j = 0; j < n_features; j++) fit += B[k * n_features + j] * Phi[i * n_features + j];
    return Y[i * T + k] - fit;
}

/* All scores and solutions equal those of the primal. The condition of the moments plus the
 * smallest ridge is below 1e6, so they agree to 1e-9. */
static void compare_with_the_primal(size_t rows, size_t features) {
    make_rows(rows, features);
    for (int weighted = 0; weighted < 2; weighted++)
        for (int32_t intercept = 0; intercept < 2; intercept++) {
            double rss[2][RIDGES * T], dof[2][RIDGES], gcv[2][RIDGES * T], loo[RIDGES * T];
            double B[2][T * MAX_M], b[2][T] = {{0}};
            snnk__dual *dual = dual_of(n_rows, weighted, intercept, NULL);
            snnk_lstsq *lstsq = statistics_of(weighted, NULL);
            float of_row[MAX_ROWS];
            snnk_solve_config config;
            snnk_ridge_path *path;

            for (size_t i = 0; i < n_rows; i++) of_row[i] = (float)weights[i];
            assert_ok(snnk_solve_config_init(&config, sizeof config));
            config.intercept = intercept;
            assert_ok(snnk_ridge_path_create(lstsq, &config, NULL, &path));
            assert_ok(snnk_ridge_path_score(path, RIDGES, ridges, rss[0], dof[0], gcv[0]));
            assert_ok(snnk__dual_score(dual, RIDGES, ridges, rss[1], dof[1], gcv[1], loo));
            for (size_t r = 0; r < RIDGES; r++) {
                const double same[T] = {ridges[r], ridges[r]};
                float left_out[MAX_ROWS * T];

                assert_ok(snnk_ridge_path_loo_residuals(
                    path, same,
                    SNNK_ROWS(.n = n_rows, .X = Phi, .ldx = n_features, .Y = Y_float, .ldy = T,
                              .weights = weighted ? of_row : NULL),
                    left_out, T));
                assert_close(dof[1][r], dof[0][r], 1e-9, 0);
                assert_ok(snnk_ridge_path_solve(path, same, B[0], n_features, b[0]));
                assert_ok(snnk__dual_solve(dual, same, B[1], n_features, b[1]));
                for (size_t j = 0; j < T * n_features; j++)
                    assert_close(B[1][j], B[0][j], 1e-9, 1e-9);
                for (size_t k = 0; k < T; k++) {
                    const size_t at = r * T + k;
                    double sum = 0, weight = 0;

                    assert_close(b[1][k], b[0][k], 1e-9, 1e-9);
                    assert_close(rss[1][at], rss[0][at], 1e-8, 0);
                    assert_close(gcv[1][at], gcv[0][at], 1e-8, 0);
                    for (size_t i = 0; i < n_rows; i++) {
                        const double w = weighted ? weights[i] : 1;

                        weight += w;
                        sum += w * pow((double)left_out[i * T + k], 2);
                    }
                    /* The path gives residuals as floats: 1e-6. */
                    assert_close(loo[at], sum / weight, 1e-6, 0);
                }
            }
            snnk_ridge_path_free(path);
            snnk_lstsq_free(lstsq);
            snnk__dual_free(dual);
        }
}

static void scores_and_solutions_are_those_of_the_primal(void **state) {
    (void)state;
    compare_with_the_primal(12, 30);
    compare_with_the_primal(80, 6);
}

/* Rows 3, 7 and 10 are equal, and rows 4 and 5. With groups, rows 0 ... 2 are one group as well.
 * Each residual is that of a fit without the group. */
static void leave_out_groups(size_t rows, size_t features) {
    uint64_t group[MAX_ROWS] = {9, 9, 9, 3, 4, 4, 6, 3, 8, 20, 3, 11};

    for (size_t i = 12; i < MAX_ROWS; i++) group[i] = 100 + i;
    make_rows(rows, features);
    memcpy(Phi + 7 * n_features, Phi + 3 * n_features, n_features * sizeof *Phi);
    memcpy(Phi + 10 * n_features, Phi + 3 * n_features, n_features * sizeof *Phi);
    memcpy(Phi + 5 * n_features, Phi + 4 * n_features, n_features * sizeof *Phi);
    for (int given = 0; given < 2; given++)
        for (int weighted = 0; weighted < 2; weighted++)
            for (size_t r = 0; r < RIDGES; r++) {
                const double same[T] = {ridges[r], ridges[r]};
                snnk__dual *dual = dual_of(n_rows, weighted, true, given ? group : NULL);
                double found[MAX_ROWS * T], B[T * MAX_M], b[T], loo[T], sum[T] = {0}, weight = 0;

                assert_int_equal(snnk__dual_distinct(dual), n_rows - 3);
                assert_ok(snnk__dual_loo_residuals(dual, same, found, T, NULL));
                assert_ok(snnk__dual_score(dual, 1, same, NULL, NULL, NULL, loo));
                for (size_t i = 0; i < n_rows; i++) {
                    snnk_solve_config config;
                    const double w = weighted ? weights[i] : 1;
                    bool keep[MAX_ROWS];

                    for (size_t h = 0; h < n_rows; h++)
                        keep[h] = h != i && !(group[h] == group[i] && (given || group[i] != 9));
                    snnk_lstsq *without = statistics_of(weighted, keep);
                    assert_ok(snnk_solve_config_init(&config, sizeof config));
                    config.ridge = ridges[r];
                    assert_ok(snnk_lstsq_solve(without, &config, NULL, B, n_features, b, NULL));
                    for (size_t k = 0; k < T; k++) {
                        const double expected = residual(i, k, B, b);

                        assert_close(found[i * T + k], expected, 1e-8, 1e-8);
                        sum[k] += w * expected * expected;
                    }
                    weight += w;
                    snnk_lstsq_free(without);
                }
                for (size_t k = 0; k < T; k++) assert_close(loo[k], sum[k] / weight, 1e-7, 0);
                snnk__dual_free(dual);
            }
}

static void groups_are_left_out_together(void **state) {
    (void)state;
    leave_out_groups(12, 30);
    leave_out_groups(80, 6);
}

/* Inputs of two values in 80 rows: each row is left out on its own, so the error is that of the
 * mean of the others with the same input: n_g/(n_g - 1) of the distance from their mean, as without
 * a ridge the fit is the mean of each value. */
static void often_equal_rows_are_left_out_alone(void **state) {
    enum { N = 80 };
    float x[N];
    double y[N], mean[2] = {0, 0}, residuals[N];
    const double ridge = 1e-9;
    snnk__dual *dual;

    (void)state;
    make_rows(80, 1);
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)(i % 2);
        y[i] = Y[i];
        mean[i % 2] += y[i] / (N / 2);
    }
    assert_ok(snnk__dual_create(
        &(snnk__dual_data){
            .n = N, .m = 1, .t = 1, .Phi = x, .ldphi = 1, .Y = y, .ldy = 1, .intercept = true},
        &dual));
    assert_int_equal(snnk__dual_distinct(dual), N);
    assert_ok(snnk__dual_loo_residuals(dual, &ridge, residuals, 1, NULL));
    for (size_t i = 0; i < N; i++)
        assert_close(residuals[i], (y[i] - mean[i % 2]) * 40 / 39, 1e-8, 1e-8);
    snnk__dual_free(dual);
}

/* X = (0,0)(0,1)(1,0)(1,1), y = 0, -1, 1, 3: without row (0,0) and with ridge 1, the mean of x is
 * (2/3, 2/3) and so on; the mean squared error over the four fits is 3.875 at ridge 1 and 119/31 at
 * ridge 10 (exact fractions). x = 0, 1, y = 0, 1: leaving one out leaves a constant, so the
 * residuals are -1 and +1 for every ridge, also 0. With one row nothing is left. */
static void errors_worked_out_by_hand(void **state) {
    const float square[] = {0, 0, 0, 1, 1, 0, 1, 1}, line[] = {0, 1};
    const double y[] = {0, -1, 1, 3}, up[] = {0, 1}, at[] = {1, 10}, zero = 0;
    snnk__dual_data data = {
        .n = 4, .m = 2, .t = 1, .Phi = square, .ldphi = 2, .Y = y, .ldy = 1, .intercept = true};
    double loo[2], residuals[2];
    snnk__dual *dual;

    (void)state;
    assert_ok(snnk__dual_create(&data, &dual));
    assert_ok(snnk__dual_score(dual, 2, at, NULL, NULL, NULL, loo));
    assert_close(loo[0], 3.875, 1e-13, 0);
    assert_close(loo[1], 119.0 / 31, 1e-13, 0);
    snnk__dual_free(dual);

    data = (snnk__dual_data){
        .n = 2, .m = 1, .t = 1, .Phi = line, .ldphi = 1, .Y = up, .ldy = 1, .intercept = true};
    assert_ok(snnk__dual_create(&data, &dual));
    assert_ok(snnk__dual_loo_residuals(dual, &zero, residuals, 1, NULL));
    /* The least ridge is 2 eps, and the shares of two directions are rounded to eps. */
    assert_close(residuals[0], -1, 0, 1e-6);
    assert_close(residuals[1], 1, 0, 1e-6);
    snnk__dual_free(dual);

    data.n = 1;
    data.Phi = line + 1;
    data.intercept = false;
    assert_ok(snnk__dual_create(&data, &dual));
    assert_ok(snnk__dual_loo_residuals(dual, at, residuals, 1, NULL));
    assert_true(residuals[0] == 0); /* predicted by 0 */
    snnk__dual_free(dual);
    data.intercept = true;
    assert_status(snnk__dual_create(&data, &dual), SNNK_E_SINGULAR);
    assert_null(dual);
}

/* Ridge 0 gives the shortest solution, as snnk_lstsq_solve. Condition of K below 1e3: 1e-9. */
static void ridge_0_is_the_limit(void **state) {
    const double zero[T] = {0, 0};
    double B[2][T * MAX_M], b[2][T];
    snnk_lstsq *lstsq;
    snnk__dual *dual;

    (void)state;
    make_rows(12, 30);
    dual = dual_of(n_rows, false, true, NULL);
    lstsq = statistics_of(false, NULL);
    assert_ok(snnk__dual_solve(dual, zero, B[0], n_features, b[0]));
    assert_ok(snnk_lstsq_solve(lstsq, NULL, NULL, B[1], n_features, b[1], NULL));
    for (size_t j = 0; j < T * n_features; j++) assert_close(B[0][j], B[1][j], 1e-9, 1e-9);
    snnk_lstsq_free(lstsq);
    snnk__dual_free(dual);
}

static void fail_allocations(size_t rows, size_t features) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    const double same[T] = {1, 1};
    double B[T * MAX_M];
    int status;

    make_rows(rows, features);
    const snnk__dual_data data = {.allocator = &allocator,
                                  .n = n_rows,
                                  .m = n_features,
                                  .t = T,
                                  .Phi = Phi,
                                  .ldphi = n_features,
                                  .Y = Y,
                                  .ldy = T,
                                  .intercept = true};

    assert_survives_failing_allocations(memory, status, {
        snnk__dual *dual = NULL;

        status = snnk__dual_create(&data, &dual);
        assert_made(status, dual);
        if (status == SNNK_OK) status = snnk__dual_solve(dual, same, B, n_features, NULL);
        snnk__dual_free(dual);
    });
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    fail_allocations(12, 30);
    fail_allocations(80, 6);
}

static int stop_at(void *user, double share) {
    long *left = user;

    (void)share;
    return (*left)-- == 0;
}

/* Leaving out groups can be cancelled within the first one. */
static void leaving_out_can_be_cancelled(void **state) {
    const double same[T] = {1, 1};
    double found[MAX_ROWS * T];
    uint64_t group[MAX_ROWS];
    snnk__dual *dual;

    (void)state;
    make_rows(MAX_ROWS, MAX_M);
    for (size_t i = 0; i < n_rows; i++) group[i] = i % 3;
    dual = dual_of(n_rows, false, true, group);
    for (long k = 0; k < 4; k++) {
        long left = k;
        snnk__progress progress = {.report = stop_at, .user = &left, .total = 1};
        const int st = snnk__dual_loo_residuals(dual, same, found, T, &progress);

        /* One report for each group. */
        assert_int_equal(st, k < 3 ? SNNK_E_CANCELLED : SNNK_OK);
    }
    snnk__dual_free(dual);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_and_solutions_are_those_of_the_primal),
        cmocka_unit_test(groups_are_left_out_together),
        cmocka_unit_test(often_equal_rows_are_left_out_alone),
        cmocka_unit_test(errors_worked_out_by_hand),
        cmocka_unit_test(ridge_0_is_the_limit),
        cmocka_unit_test(failing_allocations_leave_nothing),
        cmocka_unit_test(leaving_out_can_be_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
