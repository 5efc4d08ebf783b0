/* Rows in double, and sums whose digits are easily lost: timestamps, prices around 1e8, weights of
 * different sizes, rows that leave almost nothing behind. All expected values are worked out by
 * hand from the normal equations. */
#include <stdlib.h>

#include "support/compare.h"

/* ---- Helpers ---- */

static snnk_solve_config ridge_of(double ridge) {
    snnk_solve_config config;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = ridge;
    return config;
}

static snnk_lstsq *statistics(size_t features, int32_t factorization) {
    snnk_lstsq *s;

    assert_ok(snnk_lstsq_create(features, 1, NULL, &s));
    assert_ok(snnk_lstsq_set_factorization(s, factorization));
    return s;
}

/* The solution with this ridge: `features` coefficients and the intercept. */
static void solve(snnk_lstsq *s, double ridge, double *B, double *b) {
    const snnk_solve_config config = ridge_of(ridge);

    assert_ok(snnk_lstsq_solve(s, &config, B, snnk_lstsq_features(s), b, NULL));
}

/* ---- Large numbers ---- */

/* t = 1700000000 + i, y = 3 + i/2: slope 1/2. In double t - mean(t) and the mean are exact, so the
 * slope has the error of a few sums of ten products. */
static void test_timestamps_lstsq(void **state) {
    double t[10], y[10], B = 0, b = 0;

    (void)state;
    for (int i = 0; i < 10; i++) t[i] = 1700000000.0 + i, y[i] = 3 + i / 2.0;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = statistics(1, factorization);

        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 10, .X_f64 = t, .Y_f64 = y), NULL));
        solve(s, 0, &B, &b);
        assert_close(B, 0.5, 1e-14, 0);
        assert_close(b + B * t[0], 3, 0, 1e-6); /* 1e9 times a few units of 1e-16 */
        snnk_lstsq_free(s);
    }
}

/* The same in single precision: centred in double, so that only products are floats. */
static void test_timestamps_single(void **state) {
    double t[10], y[10], B = 0, b = 0;
    snnk_lstsq *s = statistics(1, SNNK_FACTORIZATION_GRAM);

    (void)state;
    assert_ok(snnk_lstsq_set_precision(s, SNNK_PRECISION_SINGLE));
    for (int i = 0; i < 10; i++) t[i] = 1700000000.0 + i, y[i] = 3 + i / 2.0;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 5, .X_f64 = t, .Y_f64 = y), NULL));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 5, .X_f64 = t + 5, .Y_f64 = y + 5), NULL));
    solve(s, 0, &B, &b);
    assert_close(B, 0.5, 1e-6, 0); /* ten products in float, 6e-8 each */
    snnk_lstsq_free(s);
}

/* y = 3 a + b - 5 c + 2 exactly. */
static void test_six_rows(void **state) {
    static const double X[] = {1000, 9000, 5000, 2000, 1000, 7000, 9999, 3000, 1000,
                               4000, 8000, 9000, 7000, 2500, 3000, 1500, 6000, 2000};
    static const double y[] = {-12998, -27998, 27999, -24998, 8502, 502};
    double B[3], b;

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = statistics(3, factorization);

        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 6, .X_f64 = X, .Y_f64 = y), NULL));
        solve(s, 0, B, &b);
        assert_close(B[0], 3, 0, 1e-6);
        assert_close(B[1], 1, 0, 1e-6);
        assert_close(B[2], -5, 0, 1e-6);
        assert_close(b, 2, 0, 1e-6);
        snnk_lstsq_free(s);
    }
}

/* ---- Weights ---- */

/* Merge statistics of rows [0, split) and [split, 3), in this order of the rows. */
static void check_split(const int *order, size_t split, int32_t factorization) {
    static const double x[] = {0, 1, 2}, y[] = {1, 3, 5};
    static const float weights[] = {2e5F, 2e8F, 2e11F};
    snnk_lstsq *half[2];
    double B = 0, b = 0;

    for (size_t h = 0; h < 2; h++) {
        half[h] = statistics(1, factorization);
        for (size_t i = h ? split : 0; i < (h ? 3 : split); i++)
            assert_ok(snnk_lstsq_add(half[h],
                                     SNNK_ROWS(.n = 1, .X_f64 = x + order[i], .Y_f64 = y + order[i],
                                               .weights = weights + order[i]),
                                     NULL));
    }
    assert_ok(snnk_lstsq_merge(half[0], half[1]));
    solve(half[0], 0, &B, &b);
    assert_close(B, 2, 0, 1e-8);
    assert_close(b, 1, 0, 1e-8);
    snnk_lstsq_free(half[0]);
    snnk_lstsq_free(half[1]);
}

/* All rows lie on y = 2 x + 1, with weights of very different sizes. */
static void test_unequal_weights(void **state) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++)
        for (size_t o = 0; o < 6; o++)
            for (size_t split = 0; split <= 3; split++)
                check_split(orders[o], split, factorization);
}

/* y = a + 1000 b exactly; b is 0 or .001. */
static void test_large_weights(void **state) {
    static const double X[] = {0, 0, 1, 0, 0, .001, 1, .001}, y[] = {0, 1, 1, 2};
    static const float weights[] = {250000, 250000, 250000, 250000};
    double B[2], b;

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = statistics(2, factorization);

        assert_ok(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 4, .X_f64 = X, .Y_f64 = y, .weights = weights), NULL));
        solve(s, 0, B, &b);
        assert_close(B[0], 1, 1e-12, 0); /* orthogonal columns: the rounding of a few sums */
        assert_close(B[1], 1000, 1e-12, 0);
        assert_close(b, 0, 0, 1e-12);
        snnk_lstsq_free(s);
    }
}

/* A constant column explains nothing, whatever the weights: its mean is exact. The other column
 * has the slope 2. */
static void test_weighted_constant(void **state) {
    static const double X[] = {.1, 0, .1, 1, .1, 2}, y[] = {1, 3, 5};
    static const float weights[] = {.3F, .2F, .7F};
    double B[2], b;

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++)
        for (size_t first = 0; first < 3; first++) { /* add in two parts */
            snnk_lstsq *s = statistics(2, factorization);

            assert_ok(snnk_lstsq_add(
                s, SNNK_ROWS(.n = first, .X_f64 = X, .Y_f64 = y, .weights = weights), NULL));
            assert_ok(snnk_lstsq_add(s,
                                     SNNK_ROWS(.n = 3 - first, .X_f64 = X + 2 * first,
                                               .Y_f64 = y + first, .weights = weights + first),
                                     NULL));
            solve(s, 0, B, &b);
            assert_true(B[0] == 0);
            assert_close(B[1], 2, 1e-13, 0);
            snnk_lstsq_free(s);
        }
}

/* ---- Leaving one out ---- */

/* Two rows, x = y = 0 and 1: without one, the other's target is predicted. */
static void test_two_rows(void **state) {
    static const double x[] = {0, 1}, y[] = {0, 1}, ridge = 0;
    snnk_lstsq *s = statistics(1, SNNK_FACTORIZATION_GRAM);
    snnk_ridge_path *path;
    float residuals[2];

    (void)state;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 2, .X_f64 = x, .Y_f64 = y), NULL));
    assert_ok(snnk_ridge_path_create(s, NULL, &path));
    assert_ok(snnk_ridge_path_loo_residuals(path, &ridge, SNNK_ROWS(.n = 2, .X_f64 = x, .Y_f64 = y),
                                            residuals, 1));
    for (int i = 0; i < 2; i++) {
        const float expected = i ? 1 : -1;

        assert_true(residuals[i] == residuals[i]); /* not NaN */
        if (isfinite(residuals[i])) assert_close(residuals[i], expected, 1e-6, 0);
    }
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* Corners of a square: S = I, C = (5/2, 1/2), and all leverages are 1/4 + 1/2/(1 + lambda). With
 * lambda = 1 that is 1/2, B = (5/4, 1/4), and the residuals are 0, -5/4, -1/4, 3/2: the mean of the
 * squares of twice these is 3.875. */
static void test_square(void **state) {
    static const double X[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, -1, 1, 3};
    static const double ridges[] = {1, 10}, expected[] = {3.875, 119.0 / 31};
    snnk_lstsq *s = statistics(2, SNNK_FACTORIZATION_GRAM);
    double errors[2] = {0, 0};
    snnk_ridge_path *path;

    (void)state;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 4, .X_f64 = X, .Y_f64 = y), NULL));
    assert_ok(snnk_ridge_path_create(s, NULL, &path));
    assert_ok(snnk_ridge_path_add_loo(path, 2, ridges, SNNK_ROWS(.n = 4, .X_f64 = X, .Y_f64 = y),
                                      errors));
    for (int i = 0; i < 2; i++) assert_close(errors[i] / 4, expected[i], 1e-13, 0);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* Timestamps again, leaving one out: rows on a line have no residuals. */
static void test_timestamps_loo(void **state) {
    static const double ridge = 0;
    snnk_lstsq *s = statistics(1, SNNK_FACTORIZATION_GRAM);
    snnk_ridge_path *path;
    double t[10], y[10];
    float residuals[10];

    (void)state;
    for (int i = 0; i < 10; i++) t[i] = 1700000000.0 + i, y[i] = 1e8 + 3 + i / 2.0;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 10, .X_f64 = t, .Y_f64 = y), NULL));
    assert_ok(snnk_ridge_path_create(s, NULL, &path));
    assert_ok(snnk_ridge_path_loo_residuals(
        path, &ridge, SNNK_ROWS(.n = 10, .X_f64 = t, .Y_f64 = y), residuals, 1));
    for (int i = 0; i < 10; i++) assert_close(residuals[i], 0, 0, 1e-6); /* doubles of 1e8 */
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* x = 0, 1, 2, y = 0, 1, 3: slope 3/2, rss 1/6, sigma^2 = rss/(3 - 2) = 1/6. At x = 3 the leverage
 * is 1/3 + 4/2 = 7/3, and the variance of a new observation sigma^2 (1 + 7/3) = 5/9. */
static void test_prediction_variance(void **state) {
    static const double x[] = {0, 1, 2}, y[] = {0, 1, 3}, ridge = 0;
    static const float at = 3;
    snnk_lstsq *s = statistics(1, SNNK_FACTORIZATION_GRAM);
    double rss = 0, dof = 0, leverage = 0;
    snnk_ridge_path *path;

    (void)state;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X_f64 = x, .Y_f64 = y), NULL));
    assert_ok(snnk_ridge_path_create(s, NULL, &path));
    assert_ok(snnk_ridge_path_score(path, 1, &ridge, &rss, &dof, NULL));
    assert_ok(snnk_ridge_path_leverage(path, 0, 1, &at, 1, &leverage));
    assert_close(rss / (3 - dof) * (1 + leverage), 5.0 / 9, 1e-13, 0);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* ---- Forgetting ---- */

/* Of 1e12 squared, which is 1e24, a double keeps units of 1e8: nothing is left of the three rows
 * that stay. Either their solution comes out, or the call refuses and says why. */
static void test_forget_huge(void **state) {
    static const double x[] = {1, 2, 1e12, 1e7, 6, 5, 8, 7}, y[] = {2, 1, 3, -1e12, 4, 7, 6, 9};

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = statistics(1, factorization);
        double B = 0, b = 0;
        int st;

        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 8, .X_f64 = x, .Y_f64 = y), NULL));
        st = snnk_lstsq_forget(s, SNNK_ROWS(.n = 5, .X_f64 = x, .Y_f64 = y), NULL);
        if (st == SNNK_OK) {
            solve(s, 0, &B, &b);
            assert_close(B, -1.0 / 7, 0, 1e-6);
            assert_close(b, 58.0 / 7, 0, 1e-6);
        } else {
            assert_status(st, SNNK_E_RANGE);
            assert_says("digits");
            assert_int_equal(snnk_lstsq_rows(s), 8); /* nothing was removed */
        }
        snnk_lstsq_free(s);
    }
}

/* Timestamps and large targets, half of them forgotten: the slope of the others. */
static void test_forget_timestamps(void **state) {
    double t[20], y[20], B = 0, b = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        t[i] = 1700000000.0 + i, y[i] = i % 2 ? 1e8 + i / 2.0 : 1e8 - 3.0 * i + i % 3;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = statistics(1, factorization);

        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 20, .X_f64 = t, .Y_f64 = y), NULL));
        assert_ok(snnk_lstsq_forget(
            s, SNNK_ROWS(.n = 10, .inputs = 1, .X_f64 = t, .ldx = 2, .Y_f64 = y, .ldy = 2), NULL));
        solve(s, 0, &B, &b);
        assert_close(B, 0.5, 1e-7, 0); /* means of 1e9 are known to 1e-7, spreads are about 6 */
        snnk_lstsq_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timestamps_lstsq), cmocka_unit_test(test_timestamps_single),
        cmocka_unit_test(test_six_rows),         cmocka_unit_test(test_unequal_weights),
        cmocka_unit_test(test_large_weights),    cmocka_unit_test(test_weighted_constant),
        cmocka_unit_test(test_two_rows),         cmocka_unit_test(test_square),
        cmocka_unit_test(test_timestamps_loo),   cmocka_unit_test(test_prediction_variance),
        cmocka_unit_test(test_forget_huge),      cmocka_unit_test(test_forget_timestamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
