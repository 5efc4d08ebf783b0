/* <snnk/compress.h>: tuning what replaced the parts of a network. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <snnk/snnk.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { D = 8, WIDE = 40, L = 3, N = 2500, LAYERS = 4 };

/* Two blocks of too few features: each alone is fitted, together they can do better. */
static const size_t features[LAYERS] = {6, 0, 6, 0};
static float X[N * D];
static snnk_network *original;

static void append(snnk_network *network, size_t d, size_t l, int32_t activation, uint64_t seed) {
    float *W = malloc(l * d * sizeof *W), *b = malloc(l * sizeof *b);
    snnk_layer *layer;

    draw_floats(W, l * d, seed);
    draw_floats(b, l, seed + 1);
    assert_ok(snnk_layer_create_dense(d, l, W, d, b, activation, NULL, &layer));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    free(b);
    free(W);
}

static int setup(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    assert_ok(snnk_network_create(NULL, &original));
    append(original, D, WIDE, SNNK_RELU, 2);
    append(original, WIDE, D, SNNK_IDENTITY, 4);
    append(original, D, WIDE, SNNK_RELU, 6);
    append(original, WIDE, L, SNNK_IDENTITY, 8);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    snnk_network_free(original);
    return 0;
}

static snnk_compress_config config_of(uint64_t epochs) {
    snnk_compress_config config;

    assert_ok(snnk_compress_config_init(&config, sizeof config));
    config.tune_epochs = epochs;
    return config;
}

static snnk_compress_report report_of(const snnk_compression *compression) {
    snnk_compress_report report = {.size = sizeof report};

    assert_ok(snnk_compression_report(compression, &report));
    return report;
}

/* The bundle of 6 + 6 features has 6 (D + 1) + 6 (6 + 1) + L (6 + 1) numbers. A small network of
 * one hidden layer has as many neurons as there is room for, each of D + 1 + L numbers beside L
 * biases; one of two hidden layers has the shape of the bundle. */
static void assert_small_network(const snnk_network *small, const snnk_compress_report *report) {
    enum { BUNDLE = 6 * (D + 1) + 6 * 7 + L * 7, NEURONS = (BUNDLE - L) / (D + 1 + L) };
    const bool deep = snnk_network_layers(small) == 3;

    assert_true(BUNDLE < report->parameters);
    assert_int_equal(snnk_network_layers(small), deep ? 3 : 2);
    assert_int_equal(report->parameters_small, deep ? BUNDLE : NEURONS * (D + 1 + L) + L);
    assert_int_equal(snnk_network_parameters(small), report->parameters_small);
    assert_int_equal(snnk_layer_outputs(snnk_network_layer(small, 0)), deep ? 6 : NEURONS);
    if (deep) assert_int_equal(snnk_layer_outputs(snnk_network_layer(small, 1)), 6);
    assert_int_equal(snnk_layer_activation(snnk_network_layer(small, 0)), SNNK_RELU);
    assert_true(report->relative_error_small > 0 && report->relative_error_small < 0.9);
}

/* Rows that are far from every row that was learned from are not needed: the judged rows were set
 * aside before. */
static void test_error_falls(void **state) {
    const snnk_compress_config no_tuning = config_of(0), tuning = config_of(20);
    snnk_compression *plain, *tuned;
    snnk_network *a, *b;

    (void)state;
    assert_ok(snnk_network_compress(original, SNNK_ROWS(.n = N, .X = X), features, &no_tuning, NULL,
                                    NULL, &plain, &a));
    assert_ok(snnk_network_compress(original, SNNK_ROWS(.n = N, .X = X), features, &tuning, NULL,
                                    NULL, &tuned, &b));
    const snnk_compress_report before = report_of(plain), after = report_of(tuned);

    assert_true(isnan(before.relative_error_untuned) && before.tuned_epoch == 0);
    assert_true(after.relative_error_untuned == before.relative_error);
    assert_true(after.relative_error < 0.9 * before.relative_error);
    assert_in_range(after.tuned_epoch, 1, 20);
    assert_int_equal(after.parameters, before.parameters);
    assert_true(isnan(before.relative_error_small) && before.parameters_small == 0);
    assert_null(snnk_compression_small(plain));
    assert_null(snnk_compression_small(NULL));
    assert_small_network(snnk_compression_small(tuned), &after);
    snnk_compression_free(plain);
    snnk_compression_free(tuned);
    snnk_network_free(a);
    snnk_network_free(b);
}

/* A part that was kept is the original's own layer, also after tuning. */
static void test_kept_parts_stay(void **state) {
    static const size_t first_only[LAYERS] = {6, 0, 0, 0};
    const snnk_compress_config tuning = config_of(2);
    snnk_network *made;

    (void)state;
    assert_ok(snnk_network_compress(original, SNNK_ROWS(.n = N, .X = X), first_only, &tuning, NULL,
                                    NULL, NULL, &made));
    assert_int_equal(snnk_network_layers(made), 3);
    assert_ptr_equal(snnk_network_layer(made, 1), snnk_network_layer(original, 2));
    assert_ptr_equal(snnk_network_layer(made, 2), snnk_network_layer(original, 3));
    snnk_network_free(made);
}

/* Tuning to other targets finds them: here the outputs with changed signs, and classes. */
static void test_targets(void **state) {
    snnk_compress_config tuning = config_of(60);
    snnk_score score = {.size = sizeof score};
    float *Y = malloc((size_t)N * L * sizeof *Y);
    int32_t *labels = malloc(N * sizeof *labels);
    snnk_network *made;

    (void)state;
    assert_ok(snnk_network_forward(original, N, X, D, Y, L, NULL));
    for (size_t i = 0; i < N; i++) {
        float *y = Y + i * L;

        for (size_t k = 0; k < L; k++) y[k] = -y[k];
        labels[i] = y[0] < y[1] ? (y[1] < y[2] ? 2 : 1) : (y[0] < y[2] ? 2 : 0);
    }
    tuning.tune_to_targets = 1;
    assert_ok(snnk_network_compress(original, SNNK_ROWS(.n = N, .X = X, .Y = Y), features, &tuning,
                                    NULL, NULL, NULL, &made));
    assert_ok(snnk_network_score(made, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL, &score));
    assert_true(score.r2 > 0.5); /* untuned: far below 0 */
    snnk_network_free(made);
    assert_ok(snnk_network_compress(original, SNNK_ROWS(.n = N, .X = X, .labels = labels), features,
                                    &tuning, NULL, NULL, NULL, &made));
    assert_ok(snnk_network_score(made, SNNK_ROWS(.n = N, .X = X, .labels = labels), NULL, &score));
    assert_true(score.accuracy > 0.7); /* untuned: below 1/3 */
    snnk_network_free(made);
    free(labels);
    free(Y);
}

/* Few rows of many inputs are learned by heart, so the tuned network is worse on others; with
 * blends it is better. */
static void test_blends(void **state) {
    enum { FEW = 150 };
    snnk_compress_config config = config_of(100);
    double errors[2];

    (void)state;
    for (int k = 0; k < 2; k++) {
        float *Y = malloc((size_t)N * L * sizeof *Y), *Z = malloc((size_t)N * L * sizeof *Z);
        snnk_network *made;

        config.tune_blends = k == 0 ? 0 : 10;
        assert_ok(snnk_network_compress(original, SNNK_ROWS(.n = FEW, .X = X), features, &config,
                                        NULL, NULL, NULL, &made));
        assert_ok(snnk_network_forward(original, N, X, D, Y, L, NULL));
        assert_ok(snnk_network_forward(made, N, X, D, Z, L, NULL));
        errors[k] = 0;
        for (size_t i = (size_t)FEW * L; i < (size_t)N * L; i++)
            errors[k] += (Z[i] - Y[i]) * (double)(Z[i] - Y[i]);
        snnk_network_free(made);
        free(Z);
        free(Y);
    }
    assert_true(errors[1] < 0.8 * errors[0]);
}

static void assert_refused(const snnk_rows *rows, const snnk_compress_config *config, int status,
                           const char *says) {
    snnk_network *made;

    assert_int_equal(
        snnk_network_compress(original, rows, features, config, NULL, NULL, NULL, &made), status);
    assert_null(made);
    assert_non_null(strstr(snnk_last_error(), says));
}

static void test_misuse(void **state) {
    static float Y[N * L];
    snnk_compress_config config = config_of(1);
    const snnk_rows rows = {.size = sizeof rows, .n = N, .X = X},
                    targets = {.size = sizeof targets, .n = N, .X = X, .Y = Y};

    (void)state;
    config.tune_rate = 0;
    assert_refused(&rows, &config, SNNK_E_RANGE, "tune_rate = 0");
    config = config_of(1);
    config.tune_blends = -1;
    assert_refused(&rows, &config, SNNK_E_RANGE, "tune_blends = -1");
    config.tune_blends = 101;
    assert_refused(&rows, &config, SNNK_E_RANGE, "tune_blends = 101");
    config = config_of(UINT64_MAX);
    assert_refused(&rows, &config, SNNK_E_RANGE, "tune_epochs");
    config = config_of(1);
    config.tune_to_targets = 2;
    assert_refused(&rows, &config, SNNK_E_ENUM, "tune_to_targets");
    config.tune_to_targets = 1;
    assert_refused(&rows, &config, SNNK_E_NULL, "Y");
    Y[5] = NAN;
    assert_refused(&targets, &config, SNNK_E_NONFINITE, "Y[1][2]");
    Y[5] = 0;
}

static int cancel_late(void *user, int32_t done, int32_t steps) {
    (void)user;
    return done > steps * 9 / 10; /* while it tunes, which takes most of the time */
}

static void test_cancelled(void **state) {
    snnk_compress_config config = config_of(100);
    snnk_network *made;

    (void)state;
    config.progress = cancel_late;
    assert_int_equal(snnk_network_compress(original, SNNK_ROWS(.n = N, .X = X), features, &config,
                                           NULL, NULL, NULL, &made),
                     SNNK_E_CANCELLED);
    assert_null(made);
}

static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_compress_config config = config_of(1);
    snnk_network *network;
    int st;

    (void)state;
    assert_ok(snnk_network_create(&allocator, &network));
    for (size_t k = 0; k < LAYERS; k++)
        assert_ok(snnk_network_append(network, snnk_network_layer(original, k)));
    assert_survives_some_failing_allocations(memory, st, 10, {
        snnk_compression *compression = NULL;
        snnk_network *made = NULL;

        st = snnk_network_compress(network, SNNK_ROWS(.n = 200, .X = X), features, &config, NULL,
                                   NULL, &compression, &made);
        assert_true((st == SNNK_OK) == (made != NULL));
        assert_true((st == SNNK_OK) == (compression != NULL));
        snnk_compression_free(compression);
        snnk_network_free(made);
    });
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_falls),    cmocka_unit_test(test_kept_parts_stay),
        cmocka_unit_test(test_targets),        cmocka_unit_test(test_blends),
        cmocka_unit_test(test_misuse),         cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
