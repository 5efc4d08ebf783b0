/* snnk_rows: the checks and conversions that all learners share. What learners compute from rows is
 * in their own tests. */
#include <float.h>
#include <stdlib.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/statistics.h"

#include "base/rows.h"

enum { N = 700, M = 5, T = 2 };

static float X[N * M], Y[N * T];
static double X_f64[N * M], Y_f64[N * T];
static int32_t labels[N];
static float weights[N];

static int fill(void **state) {
    float *x = statistics_random(N * M, 1), *y = statistics_random(N * T, 2);

    (void)state;
    for (size_t i = 0; i < N * M; i++) X_f64[i] = (double)(X[i] = x[i]);
    for (size_t i = 0; i < N * T; i++) Y_f64[i] = (double)(Y[i] = y[i]);
    for (size_t i = 0; i < N; i++) {
        labels[i] = x[i * M] > 0 ? 1 : 0;
        weights[i] = 0.5F + (float)(i % 3);
    }
    free(y);
    free(x);
    return 0;
}

/* ---- Checks ---- */

static void test_init(void **state) {
    snnk_rows rows;

    (void)state;
    memset(&rows, 0xff, sizeof rows);
    assert_ok(snnk_rows_init(&rows, sizeof rows));
    assert_int_equal(rows.size, sizeof rows);
    assert_true(rows.n == 0 && rows.inputs == 0 && rows.outputs == 0 && rows.ldx == 0 &&
                rows.ldy == 0);
    assert_true(!rows.X && !rows.X_f64 && !rows.Y && !rows.Y_f64 && !rows.labels && !rows.weights);
    assert_status(snnk_rows_init(NULL, sizeof rows), SNNK_E_NULL);
    assert_status(snnk_rows_init(&rows, 8), SNNK_E_CONFIG);
}

static void test_defaults(void **state) {
    snnk_rows read;

    (void)state;
    assert_ok(snnk__rows_read(SNNK_ROWS(.n = 2, .X = X, .Y = Y), M, T, true, &read));
    assert_true(read.inputs == M && read.outputs == T && read.ldx == M && read.ldy == T);
    assert_ok(snnk__rows_read(SNNK_ROWS(.n = 2, .inputs = 3, .X = X), 0, T, false, &read));
    assert_true(read.inputs == 3 && read.ldx == 3);
    assert_ok(snnk__rows_read(SNNK_ROWS(.n = 2, .X = X, .Y = Y, .labels = labels), M, T, false,
                              &read)); /* targets are ignored */
    assert_true(!read.Y && !read.labels);
    assert_ok(snnk__rows_read(SNNK_ROWS(.n = 0), M, T, true, &read));
}

static void test_refusals(void **state) {
    static const struct {
        const snnk_rows rows;
        int status;
        const char *says;
    } cases[] = {
        {{.size = 8}, SNNK_E_CONFIG, "rows: size = 8"},
        {{.n = 2, .Y = Y}, SNNK_E_NULL, "X is NULL"},
        {{.n = 2, .X = X, .X_f64 = X_f64, .Y = Y}, SNNK_E_NULL, "X and X_f64 are both set"},
        {{.n = 2, .X = X}, SNNK_E_NULL, "neither Y nor labels"},
        {{.n = 2, .X = X, .Y = Y, .Y_f64 = Y_f64}, SNNK_E_NULL, "Y and Y_f64 are both set"},
        {{.n = 2, .X = X, .Y = Y, .labels = labels}, SNNK_E_NULL, "Y and labels are both set"},
        {{.n = 2, .X = X, .Y_f64 = Y_f64, .labels = labels}, SNNK_E_NULL, "both set"},
        {{.n = 2, .inputs = M + 1, .X = X, .Y = Y}, SNNK_E_SHAPE, "6 columns of X"},
        {{.n = 2, .outputs = T + 1, .X = X, .Y = Y}, SNNK_E_SHAPE, "3 columns of Y"},
        {{.n = 2, .outputs = 1, .X = X, .labels = labels}, SNNK_E_SHAPE, "labels of 1 classes"},
        {{.n = 2, .X = X, .ldx = M - 1, .Y = Y}, SNNK_E_STRIDE, "of X, 4"},
        {{.n = 2, .X = X, .Y_f64 = Y_f64, .ldy = T - 1}, SNNK_E_STRIDE, "of Y, 1"},
        {{.n = SIZE_MAX / 8, .X_f64 = X_f64, .Y = Y}, SNNK_E_SIZE, "do not fit in memory"},
    };
    snnk_rows read = {.n = 77};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snnk_rows rows = cases[i].rows;

        if (rows.size == 0) rows.size = sizeof rows;
        assert_status(snnk__rows_read(&rows, M, T, true, &read), cases[i].status);
        assert_says(cases[i].says);
    }
    assert_status(snnk__rows_read(NULL, M, T, true, &read), SNNK_E_NULL);
    assert_status(snnk__rows_read(SNNK_ROWS(.n = 1, .X = X), 0, T, false, &read), SNNK_E_SHAPE);
    assert_says("inputs = 0");
    assert_int_equal(read.n, 77); /* untouched */
}

/* ---- Rows in double ---- */

static snnk_lstsq *collect(const snnk_rows *rows, int32_t precision, int32_t factorization) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(M, T, NULL, &s));
    assert_ok(snnk_lstsq_set_precision(s, precision));
    assert_ok(snnk_lstsq_set_factorization(s, factorization));
    assert_ok(snnk_lstsq_add(s, rows, NULL));
    return s;
}

/* Doubles that are exact floats give the same bits as those floats, with strides, weights and
 * labels, in every precision and factorization; and the same rows can be forgotten in either
 * type. */
static void test_doubles_that_are_floats(void **state) {
    const snnk_rows pairs[][2] = {
        {{.n = N, .X = X, .Y = Y}, {.n = N, .X_f64 = X_f64, .Y_f64 = Y_f64}},
        {{.n = N, .X = X, .Y = Y, .weights = weights},
         {.n = N, .X_f64 = X_f64, .Y = Y, .weights = weights}},
        {{.n = N, .X = X, .labels = labels}, {.n = N, .X_f64 = X_f64, .labels = labels}},
        {{.n = N / 2, .X = X, .ldx = 2 * M, .Y = Y, .ldy = 2 * T},
         {.n = N / 2, .X = X, .ldx = 2 * M, .Y_f64 = Y_f64, .ldy = 2 * T}}};

    (void)state;
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
        for (int32_t precision = 0; precision < 2; precision++)
            for (int32_t factorization = 0; factorization < 3; factorization++) {
                snnk_rows floats = pairs[p][0], doubles = pairs[p][1];

                floats.size = doubles.size = sizeof(snnk_rows);
                snnk_lstsq *a = collect(&floats, precision, factorization);
                snnk_lstsq *b = collect(&doubles, precision, factorization);

                statistics_assert_same(b, floats.n, statistics_copy(a));
                assert_true(a->single == b->single && a->weight == b->weight);
                floats.n = doubles.n = 100;
                assert_ok(snnk_lstsq_forget(a, &floats, NULL));
                assert_ok(snnk_lstsq_forget(b, &doubles, NULL));
                statistics_assert_same(b, a->rows, statistics_copy(a));
                snnk_lstsq_free(b);
                snnk_lstsq_free(a);
            }
}

/* The same for the other learners. */
static void test_doubles_elsewhere(void **state) {
    const snnk_rows *rows[] = {SNNK_ROWS(.n = N, .X = X, .Y = Y),
                               SNNK_ROWS(.n = N, .X_f64 = X_f64, .Y_f64 = Y_f64)};
    const snnk_rows *classes[] = {SNNK_ROWS(.n = N, .inputs = M, .X = X, .labels = labels),
                                  SNNK_ROWS(.n = N, .inputs = M, .X_f64 = X_f64, .labels = labels)};
    const double ridges[T] = {0.1, 0.2};
    double errors[2][T] = {{0}}, recursive[2][T * M], logistic[2][T * M], b[2][T];
    float residuals[2][N * T];
    snnk_lstsq *s = collect(rows[0], 0, 0);
    snnk_ridge_path *path = NULL;

    (void)state;
    assert_ok(snnk_ridge_path_create(s, NULL, NULL, &path));
    for (int k = 0; k < 2; k++) {
        snnk_rls *rls = NULL;

        assert_ok(snnk_ridge_path_add_loo(path, 1, ridges, rows[k], errors[k]));
        assert_ok(snnk_ridge_path_loo_residuals(path, ridges, rows[k], residuals[k], T));
        assert_ok(snnk_logistic_solve(classes[k], T, NULL, NULL, logistic[k], M, b[k], NULL));
        assert_ok(snnk_rls_create(M, T, 1, 0.99, NULL, &rls));
        assert_ok(snnk_rls_add(rls, rows[k], NULL, 0));
        assert_ok(snnk_rls_solution(rls, recursive[k], M));
        snnk_rls_free(rls);
    }
    assert_memory_equal(errors[0], errors[1], sizeof errors[0]);
    assert_memory_equal(residuals[0], residuals[1], sizeof residuals[0]);
    assert_memory_equal(logistic[0], logistic[1], sizeof logistic[0]);
    assert_memory_equal(recursive[0], recursive[1], sizeof recursive[0]);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(s);
}

/* The same for fits: more than one block of rows, some of them held out. */
static void test_doubles_in_fits(void **state) {
    enum { ROWS = 1500, D = 2, FEATURES = 8 };
    float *x = statistics_random(ROWS * D, 3), *y = statistics_random(ROWS, 4);
    double *x_f64 = malloc(ROWS * D * sizeof *x_f64), *y_f64 = malloc(ROWS * sizeof *y_f64);
    float Psi[2][FEATURES];
    snnk_map_config config;
    snnk_map *map;

    (void)state;
    for (size_t i = 0; i < ROWS * D; i++) x_f64[i] = (double)x[i];
    for (size_t i = 0; i < ROWS; i++) y_f64[i] = (double)y[i];
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = FEATURES;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    for (int k = 0; k < 2; k++) {
        snnk_layer *layer;
        snnk_fit *fit;

        assert_ok(snnk_fit_create(map, 1, NULL, &fit));
        assert_ok(snnk_fit_add(fit,
                               k == 0 ? SNNK_ROWS(.n = ROWS, .X = x, .Y = y)
                                      : SNNK_ROWS(.n = ROWS, .X_f64 = x_f64, .Y_f64 = y_f64),
                               NULL));
        assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
        assert_ok(snnk_layer_weights(layer, Psi[k], FEATURES, NULL));
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
    assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
    snnk_map_free(map);
    free(y_f64);
    free(x_f64);
    free(y);
    free(x);
}

/* Doubles that do not round to a finite float are refused by name, and nothing changes. The largest
 * float is (2 - 2^-23) 2^127, its spacing 2^104: doubles from half a spacing above it round to
 * infinity. */
static void test_doubles_beyond_float(void **state) {
    const double bad[] = {(double)FLT_MAX + 0x1p103, -1e300, NAN, INFINITY};
    double x[2 * M] = {0}, y[2 * T] = {0};

    (void)state;
    for (int32_t precision = 0; precision < 2; precision++) {
        snnk_lstsq *s = collect(SNNK_ROWS(.n = N, .X = X, .Y = Y), precision, 0);

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            double *before = statistics_copy(s);

            x[M + 3] = bad[i];
            assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 2, .X_f64 = x, .Y = Y), NULL),
                          SNNK_E_NONFINITE);
            assert_says("X_f64[1][3] = ");
            x[M + 3] = 0, y[T] = bad[i];
            assert_status(snnk_lstsq_forget(s, SNNK_ROWS(.n = 2, .X = X, .Y_f64 = y), NULL),
                          SNNK_E_NONFINITE);
            assert_says("Y_f64[1][0] = ");
            y[T] = 0;
            statistics_assert_same(s, N, before);
        }
        x[0] = nextafter(bad[0], 0);
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 1, .X_f64 = x, .Y = Y), NULL));
        x[0] = 0;
        snnk_lstsq_free(s);
    }
}

/* Doubles are not rounded to float: of x = 1/3, 0 the mean is 1/6, and the squares about it are
 * 2/36. */
static void test_doubles_are_exact(void **state) {
    const double x[] = {1.0 / 3, 0}, y[] = {1, 2};

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = NULL;

        assert_ok(snnk_lstsq_create(1, 1, NULL, &s));
        assert_ok(snnk_lstsq_set_factorization(s, factorization));
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 2, .X_f64 = x, .Y_f64 = y), NULL));
        assert_close(s->mean_phi[0], 1.0 / 6, 4e-16, 0); /* a sum, a quotient, a sum */
        assert_close(snnk__lstsq_diagonal(s, 0), 1.0 / 18, 2e-15, 0);
        snnk_lstsq_free(s);
    }
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_lstsq *s = NULL;
    int st = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_lstsq_create(M, T, &allocator, &s);
        if (st == SNNK_OK)
            st = snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X_f64 = X_f64, .Y_f64 = Y_f64), NULL);
        assert_int_equal(snnk_lstsq_rows(s), st == SNNK_OK ? 3 : 0);
        snnk_lstsq_free(s);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_doubles_that_are_floats),
        cmocka_unit_test(test_doubles_elsewhere),
        cmocka_unit_test(test_doubles_in_fits),
        cmocka_unit_test(test_doubles_beyond_float),
        cmocka_unit_test(test_doubles_are_exact),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
