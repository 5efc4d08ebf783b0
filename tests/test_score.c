/* src/fit/score.c: scores worked out by hand, for every object that has one. */
#include <stdlib.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

/* The layer y = x + offset, of any width. */
static snnk_layer *identity(size_t width, float offset, const snnk_allocator *allocator) {
    float *W = calloc(width * width, sizeof *W), *b = malloc(width * sizeof *b);
    snnk_layer *layer = NULL;

    for (size_t k = 0; k < width; k++) W[k * width + k] = 1, b[k] = offset;
    assert_ok(snnk_layer_create_dense(width, width, W, width, b, SNNK_IDENTITY, allocator, &layer));
    free(b);
    free(W);
    return layer;
}

/* Predictions (1, 2), (3, 4), (5, 6); targets (1, 0), (0, 4), (5, 3). Squared residuals 4, 9, 9:
 * with weights 1, 2, 1 their mean is (4 + 18 + 9)/4 = 31/4. Weighted means of the targets are 6/4
 * and 11/4; squares about them: (1/4 + 2 9/4 + 49/4) + (121/16 + 2 25/16 + 1/16) = 17 + 172/16 =
 * 111/4. So R2 = 1 - 31/(111/4) = -13/111. All numbers are small fractions of 16, so that only the
 * last division rounds. */
static void test_targets_by_hand(void **state) {
    const float X[] = {1, 2, 3, 4, 5, 6}, Y[] = {1, 0, 0, 4, 5, 3}, weights[] = {1, 2, 1};
    const double X_f64[] = {1, 2, 3, 4, 5, 6}, Y_f64[] = {1, 0, 0, 4, 5, 3};
    snnk_layer *layer = identity(2, 0, NULL);

    (void)state;
    for (int doubles = 0; doubles < 2; doubles++) {
        snnk_score score = {.size = sizeof score};

        assert_ok(snnk_layer_score(
            layer,
            doubles ? SNNK_ROWS(.n = 3, .X_f64 = X_f64, .Y_f64 = Y_f64, .weights = weights)
                    : SNNK_ROWS(.n = 3, .X = X, .Y = Y, .weights = weights),
            NULL, &score));
        assert_int_equal(score.rows, 3);
        assert_true(score.weight == 4 && score.squared_error == 31.0 / 4);
        assert_close(score.r2, -13.0 / 111, 1e-14, 0);
        assert_true(isnan(score.accuracy));
    }
    snnk_layer_free(layer);
}

/* Outputs (2, 1), (1, 1), (0, 3) with label 0 and weights 1, 2, 4. The first row is right, and so
 * is the second, where of equal outputs the first counts: 3/7. */
static void test_labels_by_hand(void **state) {
    const float X[] = {2, 1, 1, 1, 0, 3, 3e38F, 1}, weights[] = {1, 2, 4};
    int32_t labels[] = {0, 0, 0, 0};
    const float twice[] = {2, 0, 0, 2};
    snnk_layer *large, *plain = identity(2, 0, NULL);
    snnk_score score = {.size = sizeof score};

    (void)state;
    assert_ok(snnk_layer_score(
        plain, SNNK_ROWS(.n = 3, .X = X, .labels = labels, .weights = weights), NULL, &score));
    assert_close(score.accuracy, 3.0 / 7, 1e-15, 0);
    assert_true(isnan(score.squared_error) && isnan(score.r2) && score.weight == 7);
    labels[0] = labels[1] = 1; /* of equal outputs the first counts */
    assert_ok(snnk_layer_score(
        plain, SNNK_ROWS(.n = 3, .X = X, .labels = labels, .weights = weights), NULL, &score));
    assert_true(score.accuracy == 0);
    /* Output 0 of 2 (3e38, 1) is infinite, so this row counts as misclassified. */
    assert_ok(snnk_layer_create_dense(2, 2, twice, 2, NULL, SNNK_IDENTITY, NULL, &large));
    assert_ok(
        snnk_layer_score(large, SNNK_ROWS(.n = 1, .X = X + 6, .labels = labels + 3), NULL, &score));
    assert_true(score.accuracy == 0 && score.rows == 1);
    snnk_layer_free(plain);
    snnk_layer_free(large);
}

/* A perfect prediction, and targets that do not vary. Targets in double are not rounded: 1e9 + 1/4
 * is not a float, the prediction 1e9 is, so the residual is exactly 1/4. */
static void test_edges(void **state) {
    const float X[] = {1, 2, 1e9F, 1e9F};
    const double Y[] = {1e9 + 0.25, 1e9 + 0.25};
    snnk_layer *layer = identity(1, 0, NULL);
    snnk_score score = {.size = sizeof score};

    (void)state;
    assert_ok(snnk_layer_score(layer, SNNK_ROWS(.n = 2, .X = X, .Y = X), NULL, &score));
    assert_true(score.squared_error == 0 && score.r2 == 1);
    assert_ok(snnk_layer_score(layer, SNNK_ROWS(.n = 2, .X = X + 2, .Y_f64 = Y), NULL, &score));
    assert_true(score.squared_error == 1.0 / 16 && isnan(score.r2));
    snnk_layer_free(layer);
}

/* Several blocks of rows, of a network and of recursive least squares, compared with sums over
 * their forward outputs in another order: n eps = 2500 * 2.2e-16 = 6e-13 bounds the difference. */
static void test_blocks(void **state) {
    enum { N = 2500, D = 3 };
    float *X = malloc(N * D * sizeof *X), *Y = malloc(N * sizeof *Y), out[N];
    static double predicted[N];
    const float w[D] = {1, -2, 0.5F};
    snnk_network *network;
    snnk_layer *layer;
    snnk_rls *rls;

    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(Y, N, 2);
    assert_ok(snnk_layer_create_dense(D, 1, w, D, NULL, SNNK_TANH, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_rls_create(D, 1, 1, 1, NULL, &rls));
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 9, .X = X, .Y = Y), NULL, 0));
    for (int k = 0; k < 2; k++) {
        snnk_score score = {.size = sizeof score};
        double squares = 0, mean = 0, variation = 0, B[D];

        if (k == 0) {
            assert_ok(snnk_network_forward(network, N, X, D, out, 1, NULL));
            for (size_t i = 0; i < N; i++) predicted[i] = (double)out[i];
            assert_ok(snnk_network_score(network, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL, &score));
        } else {
            assert_ok(snnk_rls_solution(rls, B, D)); /* scores use predictions in double */
            for (size_t i = 0; i < N; i++)
                predicted[i] = B[0] * (double)X[i * D] + B[1] * (double)X[i * D + 1] +
                               B[2] * (double)X[i * D + 2];
            assert_ok(snnk_rls_score(rls, SNNK_ROWS(.n = N, .X = X, .Y = Y), &score));
        }
        for (size_t i = 0; i < N; i++) mean += (double)Y[i] / N;
        for (size_t i = 0; i < N; i++) {
            squares += (predicted[i] - (double)Y[i]) * (predicted[i] - (double)Y[i]);
            variation += ((double)Y[i] - mean) * ((double)Y[i] - mean);
        }
        assert_int_equal(score.rows, N);
        assert_close(score.squared_error, squares / N, 6e-13, 0);
        assert_close(score.r2, 1 - squares / variation, 6e-13, 6e-13);
    }
    snnk_rls_free(rls);
    snnk_network_free(network);
    snnk_layer_free(layer);
    free(Y);
    free(X);
}

static void test_refusals(void **state) {
    const float X[] = {1, 2, NAN, 4};
    const int32_t labels[] = {0, 2};
    snnk_layer *layer = identity(2, 0, NULL);
    snnk_score score = {.size = sizeof score, .rows = 77}, small = {.size = 8};
    snnk_network *network;

    (void)state;
    assert_ok(snnk_network_create(NULL, &network));
    assert_status(snnk_network_score(NULL, SNNK_ROWS(.n = 1, .X = X, .Y = X), NULL, &score),
                  SNNK_E_NULL);
    assert_status(snnk_network_score(network, SNNK_ROWS(.n = 1, .X = X, .Y = X), NULL, &score),
                  SNNK_E_STATE);
    assert_status(snnk_layer_score(NULL, SNNK_ROWS(.n = 1, .X = X, .Y = X), NULL, &score),
                  SNNK_E_NULL);
    assert_status(snnk_rls_score(NULL, SNNK_ROWS(.n = 1, .X = X, .Y = X), &score), SNNK_E_NULL);
    assert_status(snnk_layer_score(layer, NULL, NULL, &score), SNNK_E_NULL);
    assert_status(snnk_layer_score(layer, SNNK_ROWS(.n = 1, .X = X, .Y = X), NULL, NULL),
                  SNNK_E_NULL);
    assert_status(snnk_layer_score(layer, SNNK_ROWS(.n = 1, .X = X, .Y = X), NULL, &small),
                  SNNK_E_CONFIG);
    assert_status(snnk_layer_score(layer, SNNK_ROWS(.n = 0), NULL, &score), SNNK_E_SHAPE);
    assert_says("no rows to score");
    assert_status(snnk_layer_score(layer, SNNK_ROWS(.n = 2, .X = X, .Y = X), NULL, &score),
                  SNNK_E_NONFINITE);
    assert_says("X[1][0]");
    assert_status(
        snnk_layer_score(layer, SNNK_ROWS(.n = 1, .X = X, .labels = labels + 1), NULL, &score),
        SNNK_E_RANGE);
    assert_int_equal(score.rows, 77);
    snnk_network_free(network);
    snnk_layer_free(layer);
}

static void test_failing_memory(void **state) {
    const double X[] = {1, 2, 3, 4};
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_score score = {.size = sizeof score};
    snnk_layer *layer = NULL;
    int st = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        const long allowed = memory.fail_after;

        memory.fail_after = -1;
        layer = identity(2, 0, &allocator);
        memory.calls = 0;
        memory.fail_after = allowed;
        score.rows = 0;
        st = snnk_layer_score(layer, SNNK_ROWS(.n = 2, .X_f64 = X, .Y_f64 = X), NULL, &score);
        assert_int_equal(score.rows, st == SNNK_OK ? 2 : 0);
        snnk_layer_free(layer);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_by_hand), cmocka_unit_test(test_labels_by_hand),
        cmocka_unit_test(test_edges),           cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
