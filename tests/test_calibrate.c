/* src/predict/calibrate.c: the choice is the best of the alternatives in the report; predictions
 * agree with measurements; the other fields of the report are correct. */
#include <stdbool.h>

#include "support/compare.h"

#include "support/alloc.h"
#include "support/draw.h"

#include "base/random.h"

enum { D = 24, N = 80, L = 60, FRESH = 40, M = 200 };

static float X[N * D], W[L * D], b[L], fresh_X[FRESH * D], fresh_W[FRESH * D], fresh_b[FRESH];

/* Uniform inputs and weights that are not centered, as in the paper's pointwise experiment: each
 * input has its own scale, and the spread of pre-activations depends on `size`. */
static void draw_rows(float *rows, size_t n, double size, uint64_t *seed) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < D; k++)
            rows[i * D + k] =
                (float)(size * (0.5 + 0.5 * draw_uniform(seed)) * (k % 4 ? 1 : 2) / sqrt(D));
}

static void make_batch(double size) {
    uint64_t seed = 77;

    draw_rows(X, N, size, &seed);
    draw_rows(W, L, size, &seed);
    draw_rows(fresh_X, FRESH, size, &seed);
    draw_rows(fresh_W, FRESH, size, &seed);
    for (size_t j = 0; j < L; j++) b[j] = (float)(0.2 * draw_uniform(&seed));
    for (size_t j = 0; j < FRESH; j++) fresh_b[j] = (float)(0.2 * draw_uniform(&seed));
}

static double dot(const float *x, const float *y) {
    double sum = 0;

    for (size_t k = 0; k < D; k++) sum += (double)x[k] * y[k];
    return sum;
}

/* f in double, from its definition. */
static double activation(int32_t which, double z) {
    switch ((snnk_activation)which) {
    case SNNK_RELU: return z > 0 ? z : 0;
    case SNNK_GELU: return z * 0.5 * erfc(-z / sqrt(2));
    case SNNK_TANH: return tanh(z);
    case SNNK_SIGMOID: return 1 / (1 + exp(-z));
    case SNNK_SIN: return sin(z);
    case SNNK_EXP: return exp(z);
    default: fail(); return 0;
    }
}

static snnk_urf_report fresh_report(void) {
    snnk_urf_report report = {.size = sizeof report};

    return report;
}

/* A spectrum for the pre-activations of make_batch(1.2). */
static snnk_spectrum *spectrum_of(int32_t which) {
    snnk_spectrum_config config;
    snnk_spectrum *spectrum;

    assert_ok(snnk_spectrum_config_init(&config, sizeof config));
    config.center = 0.7;
    config.radius = 0.8;
    config.tolerance = 1e-2;
    config.largest_error = 0.05;
    assert_ok(snnk_spectrum_create(which, &config, &spectrum));
    return spectrum;
}

/* With the library's own search for a spectrum, which takes most of the time, or with a given
 * one. */
static snnk_map *calibrate_with(const snnk_spectrum *spectrum, int32_t which,
                                const snnk_urf_config *config, snnk_urf_report *report) {
    snnk_map *map;

    assert_ok(snnk_urf_calibrate(D, which, spectrum, SNNK_ROWS(.n = N, .X = X), L, W, D, b, config,
                                 report, &map));
    return map;
}

static snnk_map *calibrate(int32_t which, const snnk_urf_config *config, snnk_urf_report *report) {
    return calibrate_with(NULL, which, config, report);
}

static snnk_urf_config settings(uint64_t seed) {
    snnk_urf_config config;

    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = M;
    config.seed = seed;
    config.affine = SNNK_URF_AFFINE_SKETCH;
    return config;
}

static void the_choice_is_the_best_that_is_reported(void **state) {
    const int32_t all[] = {SNNK_RELU, SNNK_GELU, SNNK_SIN, SNNK_EXP};

    (void)state;
    make_batch(1.2);
    for (size_t a = 0; a < sizeof all / sizeof all[0]; a++) {
        const snnk_urf_config config = settings(0);
        snnk_urf_report r = fresh_report();
        snnk_spectrum *given = a % 2 ? spectrum_of(all[a]) : NULL;
        snnk_map *map = calibrate_with(given, all[a], &config, &r);
        const double least = fmin(fmin(fmin(r.balanced, r.centered_inputs), r.centered_both),
                                  fmin(r.diagonal, r.whitened));

        assert_true(r.predicted == least);
        assert_true(r.predicted <= r.plain);
        assert_true(r.features == snnk_map_features(map) && r.features <= M);
        assert_true(r.predicted > 0 && r.predicted < 1);
        /* Centering both helps if neither is centered: |x| |w| falls fourfold. (exp has w.x as a
         * factor, so it has no phase to lose.) */
        if (all[a] != SNNK_EXP) assert_true(r.centered_both < r.balanced);
        snnk_map_free(map);
        snnk_spectrum_free(given);
    }
}

/* Over seeds and fresh pairs, the root mean square error is as predicted from a sample of inputs
 * and weights of the same distribution. 60 seeds determine it to 10 % (1/sqrt(2 * 60)), and the
 * batch for the prediction has 20 x 15 pairs of correlated rows: 25 %. */
static void errors_are_as_predicted(void **state) {
    enum { SEEDS = 60 };
    const int32_t all[] = {SNNK_GELU, SNNK_TANH, SNNK_EXP};

    (void)state;
    make_batch(1.2);
    for (size_t a = 0; a < sizeof all / sizeof all[0]; a++) {
        snnk_spectrum *spectrum = spectrum_of(all[a]);
        snnk_urf_report report = fresh_report();
        double error = 0, square = 0;

        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            snnk_urf_config config = settings(seed);
            static float Y[FRESH * FRESH];
            snnk_layer *layer;
            snnk_map *map;

            config.sampled_weights = 1;
            assert_ok(snnk_urf_calibrate(D, all[a], spectrum, SNNK_ROWS(.n = N, .X = X), L, W, D, b,
                                         &config, &report, &map));
            assert_ok(snnk_layer_create_from_weights(map, FRESH, fresh_W, D, fresh_b, &layer));
            assert_ok(snnk_layer_forward(layer, FRESH, fresh_X, D, Y, FRESH, NULL));
            for (size_t i = 0; i < FRESH; i++)
                for (size_t j = 0; j < FRESH; j++) {
                    const double z = dot(fresh_X + i * D, fresh_W + j * D) + fresh_b[j];
                    const double exact = activation(all[a], z);

                    error += (Y[i * FRESH + j] - exact) * (Y[i * FRESH + j] - exact);
                    square += exact * exact;
                }
            snnk_layer_free(layer);
            snnk_map_free(map);
        }
        assert_close(sqrt(error / square), report.predicted, 0.25, 0);
        snnk_spectrum_free(spectrum);
    }
}

/* The report is for the given weights and unseen inputs of the same distribution, also if there are
 * few outputs. Over 60 draws of the rows its `predicted` is within 1.25 of the measured error: the
 * draws determine the measured one to 1/sqrt(2 * 60) = 9 % if all pairs were one, and 20 held-out
 * inputs the norm of x to a few percent. */
static void the_report_is_right_for_few_outputs(void **state) {
    enum { SEEDS = 60, FEW = 12 };
    const int32_t all[] = {SNNK_GELU, SNNK_TANH, SNNK_RELU};

    (void)state;
    make_batch(1.2);
    for (size_t a = 0; a < sizeof all / sizeof all[0]; a++) {
        const snnk_urf_config config = settings(1);
        snnk_urf_report report = fresh_report();
        float Y[FRESH * FEW];
        double error = 0, square = 0;
        snnk_map *map;

        assert_ok(snnk_urf_calibrate(D, all[a], NULL, SNNK_ROWS(.n = N, .X = X), FEW, W, D, b,
                                     &config, &report, &map));
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            snnk_layer *layer;
            snnk_map *redrawn;

            assert_ok(snnk_map_redraw(map, seed, 0, NULL, 0, &redrawn));
            assert_ok(snnk_layer_create_from_weights(redrawn, FEW, W, D, b, &layer));
            assert_ok(snnk_layer_forward(layer, FRESH, fresh_X, D, Y, FEW, NULL));
            for (size_t i = 0; i < FRESH; i++)
                for (size_t j = 0; j < FEW; j++) {
                    const double exact = activation(all[a], dot(fresh_X + i * D, W + j * D) + b[j]);

                    error += pow(Y[i * FEW + j] - exact, 2);
                    square += exact * exact;
                }
            snnk_layer_free(layer);
            snnk_map_free(redrawn);
        }
        const double measured = sqrt(error / square);
        print_message("%s: predicted %.4f, measured %.4f\n", snnk_activation_name(all[a]),
                      report.predicted, measured);
        assert_true(report.predicted < 1.25 * measured && measured < 1.25 * report.predicted);
        snnk_map_free(map);
    }
}

/* Of every four inputs in turn, a drawn one is held out. */
static bool is_held_out(size_t i) {
    double draw;

    snnk__random_uniform(0, SNNK__STREAM_SHUFFLE, i / 4, 0, 1, &draw);
    return i % 4 == (size_t)(4 * draw);
}

/* without_features is measured on a quarter of the inputs and all weights, around the means of the
 * other inputs and all weights. */
static void the_error_without_features_is_measured(void **state) {
    const snnk_urf_config config = settings(0);
    snnk_urf_report report = fresh_report();
    double mu[D] = {0}, nu[D] = {0}, difference = 0, square = 0;

    (void)state;
    make_batch(1.2);
    snnk_map_free(calibrate(SNNK_TANH, &config, &report));
    for (size_t k = 0; k < D; k++) {
        for (size_t i = 0; i < N; i++)
            if (!is_held_out(i)) mu[k] += X[i * D + k] / (double)(N / 4 * 3);
        for (size_t j = 0; j < L; j++) nu[k] += W[j * D + k] / (double)L;
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; is_held_out(i) && j < L; j++) {
            const double z = dot(X + i * D, W + j * D) + b[j];
            double at_means = b[j];

            for (size_t k = 0; k < D; k++)
                at_means += W[j * D + k] * mu[k] + nu[k] * (X[i * D + k] - mu[k]);
            difference += pow(tanh(at_means) - tanh(z), 2);
            square += pow(tanh(z), 2);
        }
    assert_close(report.without_features, sqrt(difference / square), 1e-9, 0);
}

/* With large inputs no error is within reach, and the report and the prediction say so. */
static void hopeless_layers_are_reported(void **state) {
    const snnk_urf_config config = settings(0);
    snnk_urf_report report = fresh_report();
    snnk_prediction p = {.size = sizeof p};
    snnk_map *map;

    (void)state;
    make_batch(5);
    map = calibrate(SNNK_TANH, &config, &report);
    assert_true(report.predicted > 1);
    assert_true(report.without_features < report.predicted);
    assert_ok(
        snnk_map_predict(map, SNNK_ROWS(.n = N, .X = X), L, W, D, b, NULL, 0, NULL, NULL, 0, &p));
    assert_int_equal(p.features_needed, 0);
    assert_int_equal(p.beyond_analyticity, 1);
    snnk_map_free(map);
}

/* Batches in which inputs, weights or both do not vary, or all outputs are 0. */
static void batches_that_do_not_vary(void **state) {
    const snnk_urf_config config = settings(0);
    snnk_urf_report r = fresh_report();
    snnk_map *map;

    (void)state;
    for (int constant = 1; constant <= 3; constant++) { /* inputs, weights, both */
        make_batch(1.2);
        for (size_t i = 0; constant & 1 && i < N * D; i++) X[i] = 0.1f;
        for (size_t i = 0; constant & 2 && i < L * D; i++) W[i] = 0.2f;
        map = calibrate(SNNK_GELU, &config, &r);
        assert_true(r.predicted < 1e-3);
        assert_true(isfinite(r.input_norm) && isfinite(r.weight_norm));
        assert_close(r.without_features, 0, 0, 1e-6);
        snnk_map_free(map);
    }
    make_batch(1.2); /* all positive, so every unit is dead with this bias */
    for (size_t j = 0; j < L; j++) b[j] = -100;
    map = calibrate(SNNK_RELU, &config, &r);
    assert_true(r.predicted == 0); /* the best map is the line 0 */
    snnk_map_free(map);
    make_batch(1.2);
}

static void a_given_spectrum_is_used(void **state) {
    const double omega = 2, re = 0.5;
    const snnk_urf_config config = settings(0);
    snnk_urf_report report = fresh_report();
    snnk_spectrum *spectrum;
    snnk_map *map;

    (void)state;
    make_batch(1.2);
    assert_ok(snnk_spectrum_create_from_atoms(1, &omega, &re, NULL, 0.3, 0, NULL, &spectrum));
    assert_ok(snnk_urf_calibrate(D, SNNK_SIN, spectrum, SNNK_ROWS(.n = N, .X = X), L, W, D, b,
                                 &config, &report, &map));
    assert_int_equal(report.atoms, 1);
    assert_int_equal(report.method, SNNK_SPECTRUM_ATOMS);
    assert_true(report.l1 == 0.5);
    assert_int_equal(snnk_map_blocks(map), 1);
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
}

static void a_dense_layer_becomes_an_snnk_layer(void **state) {
    const snnk_urf_config config = settings(3);
    snnk_urf_report report = fresh_report(), again = fresh_report();
    float Y[N * L], by_hand[N * L];
    snnk_layer *layer;
    snnk_map *map;

    (void)state;
    make_batch(1.2);
    assert_ok(snnk_layer_create_from_dense(D, L, W, D, b, SNNK_GELU, SNNK_ROWS(.n = N, .X = X),
                                           &config, &report, &layer));
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
    snnk_layer_free(layer);
    map = calibrate(SNNK_GELU, &config, &again);
    assert_ok(snnk_layer_create_from_weights(map, L, W, D, b, &layer));
    assert_ok(snnk_layer_forward(layer, N, X, D, by_hand, L, NULL));
    assert_memory_equal(Y, by_hand, sizeof Y);
    assert_memory_equal(&report, &again, sizeof report);
    snnk_layer_free(layer);
    snnk_map_free(map);
}

static void wrong_arguments_are_refused(void **state) {
    const snnk_urf_config config = settings(0);
    snnk_urf_config few = config;
    snnk_urf_report report = fresh_report(), unfilled = {0};
    snnk_map *map;
    snnk_layer *layer;

    (void)state;
    make_batch(1.2);
#define calibrates(which, count, inputs, l, W, config, report)                                     \
    snnk_urf_calibrate(D, which, NULL, SNNK_ROWS(.n = count, .X = inputs), l, W, D, b, config,     \
                       report, &map)
    assert_status(calibrates(13, N, X, L, W, &config, &report), SNNK_E_ENUM);
    assert_status(calibrates(SNNK_SIN, 1, X, L, W, &config, &report), SNNK_E_SHAPE);
    assert_status(calibrates(SNNK_SIN, N, X, 1, W, &config, &report), SNNK_E_SHAPE);
    assert_status(calibrates(SNNK_SIN, N, NULL, L, W, &config, &report), SNNK_E_NULL);
    assert_status(calibrates(SNNK_SIN, N, X, L, W, &config, &unfilled), SNNK_E_CONFIG);
    assert_status(calibrates(SNNK_STEP, N, X, L, W, &config, NULL), SNNK_E_UNRESOLVED);
    assert_says("step");
    few.sampled_weights = 2;
    assert_status(calibrates(SNNK_GELU, N, X, L, W, &few, NULL), SNNK_E_ENUM);
    assert_says("sampled_weights");
    few.sampled_weights = 0;
    few.features = 1;
    assert_status(calibrates(SNNK_GELU, N, X, L, W, &few, NULL), SNNK_E_RANGE);
    assert_says("features = 1");
    X[5 * D + 2] = NAN;
    assert_status(calibrates(SNNK_SIN, N, X, L, W, &config, &report), SNNK_E_NONFINITE);
    assert_says("X[5][2]");
    assert_null(map);
    assert_status(snnk_layer_create_from_dense(D, L, W, D, b, SNNK_SIN, SNNK_ROWS(.n = N, .X = X),
                                               NULL, NULL, &layer),
                  SNNK_E_NONFINITE);
    assert_null(layer);
}

static void failing_allocations_leave_nothing(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_urf_config config = settings(0);
    int status;

    (void)state;
    make_batch(1.2);
    config.allocator = &allocator;
    /* There are thousands of allocations; spectra and frames have tests of their own for theirs. */
    assert_survives_some_failing_allocations(memory, status, 4, {
        snnk_layer *layer = NULL;

        status = snnk_layer_create_from_dense(D, 4, W, D, b, SNNK_TANH, SNNK_ROWS(.n = 4, .X = X),
                                              &config, NULL, &layer);
        assert_made(status, layer);
        snnk_layer_free(layer);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choice_is_the_best_that_is_reported),
        cmocka_unit_test(errors_are_as_predicted),
        cmocka_unit_test(the_report_is_right_for_few_outputs),
        cmocka_unit_test(the_error_without_features_is_measured),
        cmocka_unit_test(hopeless_layers_are_reported),
        cmocka_unit_test(batches_that_do_not_vary),
        cmocka_unit_test(a_given_spectrum_is_used),
        cmocka_unit_test(a_dense_layer_becomes_an_snnk_layer),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
