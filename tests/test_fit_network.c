/* src/fit: fitting the last layer of a network to the outputs of the layers before it. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdlib.h>

#include "base/random.h"

enum { D = 5, HIDDEN = 6, M = 16, L = 3, N = 2500 }; /* more than two blocks of rows */

static float X[N * D], Y[N * L], weights[N];
static int32_t labels[N];

static int make_rows(void **state) {
    uint64_t seed = 9;

    (void)state;
    draw_floats(X, N * D, 1);
    for (size_t i = 0; i < N; i++) {
        const float *x = X + i * D;

        Y[i * L] = x[0] * x[1];
        Y[i * L + 1] = x[2] - x[3] * x[3];
        Y[i * L + 2] = (float)sin(2 * x[4]);
        labels[i] = Y[i * L] > 0.1f ? 2 : Y[i * L + 1] > 0 ? 1 : 0;
        weights[i] = (float)(1.5 + draw_uniform(&seed));
    }
    return 0;
}

static snnk_map *map_of(size_t inputs, const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = M;
    config.allocator = allocator;
    assert_ok(snnk_map_create(inputs, &config, NULL, &map));
    return map;
}

/* D -> HIDDEN -> L of SNNK layers, bundled or not; with notes. */
static snnk_network *network_of(int bundled, const snnk_allocator *allocator) {
    snnk_network *network, *made;
    float Psi[HIDDEN * M];

    draw_floats(Psi, HIDDEN * M, 2);
    assert_ok(snnk_network_create(allocator, &network));
    for (size_t k = 0; k < 2; k++) {
        snnk_map *map = map_of(k ? HIDDEN : D, allocator);
        snnk_layer *layer;

        assert_ok(snnk_layer_create(map, k ? L : HIDDEN, Psi, M, NULL, &layer));
        assert_ok(snnk_network_append(network, layer));
        snnk_layer_free(layer);
        snnk_map_free(map);
    }
    assert_ok(snnk_network_set_note(network, "units", "mm"));
    if (!bundled) return network;
    assert_ok(snnk_network_bundle(network, 0, 1, &made));
    snnk_network_free(network);
    return made;
}

/* Hidden rows, N x HIDDEN: outputs of the first layer. */
static float *hidden_rows(const snnk_network *network) {
    float *hidden = malloc(N * HIDDEN * sizeof *hidden);

    assert_ok(snnk_layer_forward(snnk_network_layer(network, 0), N, X, D, hidden, HIDDEN, NULL));
    return hidden;
}

static snnk_fit_config fixed_ridge(double ridge) {
    snnk_fit_config config;

    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = ridge;
    return config;
}

/* A fit from a network equals a fit of its last map on hidden rows, bit for bit; also with
 * automatic lambda and weights. The same rows are held out if each is a group of its own. */
static void check_same_fit(const snnk_fit_config *config, int classes, const float *w) {
    snnk_network *network = network_of(0, NULL), *refitted;
    float *hidden = hidden_rows(network), Psi[2][L * M], bias[2][L];
    static uint64_t numbers[N];
    snnk_fit *refit, *fit;
    snnk_layer *layer;
    snnk_fit_report report = {.size = sizeof report}, expected = {.size = sizeof expected};

    for (size_t i = 0; i < N; i++) numbers[i] = i;
    assert_ok(snnk_fit_create_from_network(network, 0, config, &refit));
    assert_ok(
        snnk_fit_add(refit,
                     SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = classes ? NULL : Y, .ldy = L,
                               .labels = classes ? labels : NULL, .weights = w, .groups = numbers),
                     NULL));
    assert_ok(snnk_fit_solve_network(refit, NULL, &report, &refitted));
    assert_ok(snnk_fit_create(snnk_layer_map(snnk_network_layer(network, 1)), L, config, &fit));
    assert_ok(snnk_fit_add(fit,
                           SNNK_ROWS(.n = N, .X = hidden, .ldx = HIDDEN, .Y = classes ? NULL : Y,
                                     .ldy = L, .labels = classes ? labels : NULL, .weights = w,
                                     .groups = numbers),
                           NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &expected, &layer));
    assert_int_equal(snnk_network_layers(refitted), 2);
    assert_ptr_equal(snnk_network_layer(refitted, 0), snnk_network_layer(network, 0));
    assert_string_equal(snnk_network_note(refitted, "units"), "mm");
    assert_ok(snnk_layer_weights(snnk_network_layer(refitted, 1), Psi[0], M, bias[0]));
    assert_ok(snnk_layer_weights(layer, Psi[1], M, bias[1]));
    assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
    assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
    assert_true(report.ridge == expected.ridge && report.rows == N);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_fit_free(refit);
    snnk_network_free(refitted);
    snnk_network_free(network);
    free(hidden);
}

static void test_is_a_fit_of_hidden_rows(void **state) {
    const snnk_fit_config config = fixed_ridge(0.1);

    (void)state;
    check_same_fit(&config, 0, NULL);
    check_same_fit(&config, 1, weights);
    check_same_fit(NULL, 0, weights);
    check_same_fit(NULL, 1, NULL);
}

/* A weight of 2 equals twice a weight of 1. Held-out errors are weighted means: if the weights of
 * one class are nearly zero, its held-out rows do not count. */
static void test_weights_of_a_fit(void **state) {
    snnk_map *map = map_of(D, NULL);
    const snnk_fit_config config = fixed_ridge(0.1);
    float *twice = malloc(2 * N * D * sizeof *twice), w[N], Psi[2][M], bias[2];
    float *targets = malloc(2 * N * sizeof *targets), zeros[N];
    snnk_fit_report report = {.size = sizeof report};

    (void)state;
    for (size_t i = 0; i < N; i++) {
        w[i] = i % 3 == 0 ? 2 : 1;
        zeros[i] = i % 2 ? 1e-30f : 1;
    }
    size_t n = 0;
    for (size_t i = 0; i < N; i++)
        for (int k = 0; k < (i % 3 == 0 ? 2 : 1); k++, n++) {
            memcpy(twice + n * D, X + i * D, D * sizeof *twice);
            targets[n] = Y[i * L];
        }
    for (int k = 0; k < 2; k++) {
        snnk_fit *fit;
        snnk_layer *layer;

        assert_ok(snnk_fit_create(map, 1, &config, &fit));
        if (k == 0)
            assert_ok(snnk_fit_add(
                fit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = Y, .ldy = L, .weights = w), NULL));
        else
            assert_ok(snnk_fit_add(
                fit, SNNK_ROWS(.n = n, .X = twice, .ldx = D, .Y = targets, .ldy = 1), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
        assert_ok(snnk_layer_weights(layer, Psi[k], M, &bias[k]));
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
    for (size_t j = 0; j < M; j++) assert_close(Psi[0][j], Psi[1][j], 1e-5, 1e-6); /* in floats */
    /* Odd rows have impossible targets, and almost no weight. */
    snnk_fit *fit;
    snnk_layer *layer;
    for (size_t i = 0; i < N; i++) targets[i] = i % 2 ? 1000 : 0.5f;
    assert_ok(snnk_fit_create(map, 1, NULL, &fit));
    assert_ok(snnk_fit_add(
        fit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = targets, .ldy = 1, .weights = zeros), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_true(report.heldout_error < 1e-6);
    assert_int_equal(report.rows, N);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free(twice);
    free(targets);
}

/* The error that lambda was chosen by is the weighted mean over the held-out rows, for the weighted
 * solution of the other rows. With one row in each group, the seed and the group's number determine
 * which rows these are (heldout.c). */
static void test_heldout_error_is_a_weighted_mean(void **state) {
    snnk_map *map = map_of(D, NULL);
    float *Phi = malloc(N * M * sizeof *Phi), scores[N];
    const size_t m = M;
    static uint64_t numbers[N];
    snnk_fit_config config;
    snnk_fit_report report = {.size = sizeof report};
    snnk_solve_config solve;
    snnk_fit *fit;
    snnk_layer *layer;
    snnk_lstsq *rest;
    double sum = 0, weight = 0;

    (void)state;
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.seed = 5;
    for (size_t i = 0; i < N; i++) numbers[i] = i;
    assert_ok(snnk_fit_create(map, 1, &config, &fit));
    assert_ok(snnk_fit_add(fit,
                           SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = Y, .ldy = L, .weights = weights,
                                     .groups = numbers),
                           NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    snnk_layer_free(layer);
    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, m, NULL));
    assert_ok(snnk_lstsq_create(m, 1, NULL, &rest));
    for (int held = 0; held < 2; held++) {
        for (size_t i = 0; i < N; i++) {
            double u;

            snnk__random_uniform(config.seed, SNNK__STREAM_HELDOUT, i, 0, 1, &u);
            if ((u < config.heldout_share) != held) continue;
            if (!held) {
                assert_ok(
                    snnk_lstsq_add(rest,
                                   SNNK_ROWS(.n = 1, .X = Phi + i * m, .ldx = m, .Y = Y + i * L,
                                             .ldy = 1, .weights = weights + i),
                                   NULL));
                continue;
            }
            const double e = (double)scores[i] - Y[i * L];
            sum += weights[i] * e * e;
            weight += weights[i];
        }
        if (held) break;
        assert_ok(snnk_solve_config_init(&solve, sizeof solve));
        solve.ridge = report.ridge;
        assert_ok(snnk_layer_create_from_lstsq(map, rest, &solve, NULL, NULL, &layer));
        assert_ok(snnk_layer_forward(layer, N, X, D, scores, 1, NULL));
        snnk_layer_free(layer);
    }
    /* coefficients are floats, and scores of size 1 are floats, compared with errors of about
     * 0.1 */
    assert_close(report.heldout_error, sum / weight, 1e-4, 0);
    snnk_lstsq_free(rest);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free(Phi);
}

/* More rows are drawn to be held out than are kept: the rows that are replaced keep their weights,
 * and all of them are in the statistics. */
static void test_weights_through_the_reservoir(void **state) {
    enum { MANY = 30000, FEW = 4 };
    float *x = malloc(MANY * sizeof *x), *y = malloc(MANY * sizeof *y),
          *w = malloc(MANY * sizeof *w);
    float *Phi = malloc(MANY * FEW * sizeof *Phi);
    double B[2][FEW], b[2];
    snnk_map_config config;
    snnk_fit_config fit_config;
    snnk_solve_config solve;
    snnk_map *map;
    snnk_fit *fit;
    snnk_lstsq *lstsq[2];

    (void)state;
    draw_floats(x, MANY, 3);
    draw_floats(w, MANY, 4);
    for (size_t i = 0; i < MANY; i++) {
        w[i] = expf(3 * w[i]);
        y[i] = x[i] * x[i] + (w[i] > 1 ? 1.f : 0.f); /* so that weights matter */
    }
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = FEW;
    config.offset_scale = 1;
    assert_ok(snnk_map_create(1, &config, NULL, &map));
    assert_ok(snnk_fit_config_init(&fit_config, sizeof fit_config));
    fit_config.heldout_share = 0.5;
    assert_ok(snnk_fit_create(map, 1, &fit_config, &fit));
    assert_ok(snnk_fit_add(
        fit, SNNK_ROWS(.n = MANY, .X = x, .ldx = 1, .Y = y, .ldy = 1, .weights = w), NULL));
    assert_ok(snnk_fit_statistics(fit, NULL, &lstsq[0]));
    assert_ok(snnk_map_input_tower(map, MANY, x, 1, Phi, FEW, NULL));
    assert_ok(snnk_lstsq_create(FEW, 1, NULL, &lstsq[1]));
    assert_ok(snnk_lstsq_add(
        lstsq[1], SNNK_ROWS(.n = MANY, .X = Phi, .ldx = FEW, .Y = y, .ldy = 1, .weights = w),
        NULL));
    assert_ok(snnk_solve_config_init(&solve, sizeof solve));
    solve.ridge = 1e-3;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(snnk_lstsq_rows(lstsq[k]), MANY);
        assert_ok(snnk_lstsq_solve(lstsq[k], &solve, NULL, B[k], FEW, &b[k], NULL));
        snnk_lstsq_free(lstsq[k]);
    }
    for (size_t j = 0; j < FEW; j++) assert_close(B[0][j], B[1][j], 1e-8, 1e-8);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free(Phi);
    free(w);
    free(y);
    free(x);
}

/* On a bundle, the composed Phi is the same, and so is the solution, up to rounding. */
static void test_bundles(void **state) {
    const snnk_fit_config config = fixed_ridge(0.1);
    float out[2][50 * L];

    (void)state;
    for (int bundled = 0; bundled < 2; bundled++) {
        snnk_network *network = network_of(bundled, NULL), *refitted;
        snnk_fit *refit;

        assert_ok(snnk_fit_create_from_network(network, 0, &config, &refit));
        assert_ok(snnk_fit_add(refit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = Y, .ldy = L), NULL));
        assert_ok(snnk_fit_solve_network(refit, NULL, NULL, &refitted));
        assert_ok(snnk_network_forward(refitted, 50, X, D, out[bundled], L, NULL));
        snnk_fit_free(refit);
        snnk_network_free(network);
        snnk_network_free(refitted);
    }
    /* features differ by 1e-6, and the ridge keeps coefficients below 1e2 */
    for (size_t i = 0; i < 50 * L; i++) assert_close(out[0][i], out[1][i], 0, 1e-4);
}

/* A tower gets a Psi with any number of outputs; a linear layer becomes features; one layer is
 * enough. */
static void test_other_last_layers(void **state) {
    const snnk_fit_config config = fixed_ridge(1e-6);
    snnk_network *network = network_of(1, NULL), *tower, *refitted, *single;
    snnk_fit *refit;
    snnk_layer *layer;
    const float W[D * D] = {1, 0, 0, 0, 0, 0, 1};
    float out[N];

    (void)state;
    assert_ok(snnk_network_input_tower(network, &tower));
    assert_ok(snnk_fit_create_from_network(tower, 2, &config, &refit));
    assert_ok(snnk_fit_add(refit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = Y, .ldy = L),
                           NULL)); /* the first two targets only */
    assert_ok(snnk_fit_solve_network(refit, NULL, NULL, &refitted));
    assert_int_equal(snnk_network_outputs(refitted), 2);
    assert_int_equal(snnk_network_layers(refitted), 2);
    snnk_network_free(refitted);
    snnk_fit_free(refit);
    snnk_network_free(tower);
    snnk_network_free(network);

    assert_ok(snnk_layer_create_dense(D, 2, W, D, NULL, SNNK_IDENTITY, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &single));
    assert_ok(snnk_network_append(single, layer));
    for (size_t i = 0; i < N; i++) out[i] = 3 * X[i * D] - X[i * D + 4] + 0.5f;
    assert_ok(snnk_fit_create_from_network(single, 1, &config, &refit));
    assert_ok(snnk_fit_add(refit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = out, .ldy = 1), NULL));
    assert_ok(snnk_fit_solve_network(refit, NULL, NULL, &refitted));
    assert_ok(snnk_network_forward(refitted, 5, X, D, out + 100, 1, NULL));
    for (size_t i = 0; i < 5; i++) assert_close(out[100 + i], out[i], 1e-5, 1e-5);
    snnk_network_free(refitted);
    snnk_fit_free(refit);
    snnk_network_free(single);
    snnk_layer_free(layer);
}

/* Cross-entropy: the layer has the solution of snnk_logistic_solve on the features. */
static void test_logistic(void **state) {
    snnk_network *network = network_of(0, NULL), *refitted;
    const snnk_map *map = snnk_layer_map(snnk_network_layer(network, 1));
    float *hidden = hidden_rows(network), *Phi = malloc(N * M * sizeof *Phi), Psi[L * M], bias[L];
    double B[L * M], b[L];
    snnk_logistic_report report = {.size = sizeof report}, expected = {.size = sizeof expected};

    (void)state;
    assert_ok(snnk_network_fit_logistic(
        network, SNNK_ROWS(.n = N, .X = X, .ldx = D, .labels = labels, .weights = weights), L, NULL,
        NULL, &report, &refitted));
    assert_ok(snnk_map_input_tower(map, N, hidden, HIDDEN, Phi, M, NULL));
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M, .labels = labels, .weights = weights), L,
        NULL, NULL, B, M, b, &expected));
    assert_ok(snnk_layer_weights(snnk_network_layer(refitted, 1), Psi, M, bias));
    for (size_t k = 0; k < L * M; k++) assert_true(Psi[k] == (float)B[k]);
    for (size_t k = 0; k < L; k++) assert_true(bias[k] == (float)b[k]);
    assert_true(report.loss == expected.loss && report.converged);
    assert_string_equal(snnk_network_note(refitted, "units"), "mm");
    /* A warm start there has nothing left to do, up to the rounding of Psi. */
    snnk_logistic_config config;
    snnk_network *again;
    assert_ok(snnk_logistic_config_init(&config, sizeof config));
    config.warm = 1;
    config.tolerance = 1e-5;
    assert_ok(snnk_network_fit_logistic(
        refitted, SNNK_ROWS(.n = N, .X = X, .ldx = D, .labels = labels, .weights = weights), L,
        &config, NULL, &report, &again));
    assert_int_equal(report.steps, 0);
    snnk_network_free(again);
    free(hidden);
    free(Phi);
    snnk_network_free(refitted);
    snnk_network_free(network);
}

/* A fit from a map gives a network of one layer, the same as from snnk_fit_solve. */
static void test_network_of_a_map(void **state) {
    const snnk_fit_config config = fixed_ridge(0.1);
    snnk_fit_report report = {.size = sizeof report};
    float Psi[2][L * M], bias[2][L];
    snnk_map *map = map_of(D, NULL);
    snnk_network *network;
    snnk_layer *layer;
    snnk_fit *fit;

    (void)state;
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    assert_int_equal(snnk_fit_inputs(fit), D);
    assert_int_equal(snnk_fit_outputs(fit), L);
    assert_int_equal(snnk_fit_features(fit), M);
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
    assert_int_equal(snnk_fit_rows(fit), N);
    assert_int_equal(snnk_fit_heldout_rows(fit), 0);
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    assert_ok(snnk_fit_solve_network(fit, NULL, &report, &network));
    assert_int_equal(report.rows, N);
    assert_int_equal(snnk_network_layers(network), 1);
    assert_ok(snnk_layer_weights(layer, Psi[0], M, bias[0]));
    assert_ok(snnk_layer_weights(snnk_network_layer(network, 0), Psi[1], M, bias[1]));
    assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
    assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    assert_int_equal(snnk_fit_inputs(NULL) + snnk_fit_outputs(NULL) + snnk_fit_features(NULL), 0);
    assert_int_equal(snnk_fit_rows(NULL) + snnk_fit_heldout_rows(NULL), 0);
}

/* If row 2400 of 2500 overflows in a layer before the last one, nothing is added. */
static void test_refuses_hidden_overflow(void **state) {
    const snnk_fit_config config = fixed_ridge(0.1);
    float W[HIDDEN * D], last[D], *rows = malloc(sizeof X);
    snnk_map *map = map_of(HIDDEN, NULL);
    snnk_layer *layers[2];
    snnk_network *network;
    snnk_fit *fit;

    (void)state;
    memcpy(rows, X, sizeof X);
    for (size_t k = 0; k < D; k++) last[k] = rows[2400 * D + k], rows[2400 * D + k] = 1e30F;
    for (size_t k = 0; k < HIDDEN * D; k++) W[k] = 1e10F;
    assert_ok(snnk_layer_create_dense(D, HIDDEN, W, D, NULL, SNNK_IDENTITY, NULL, &layers[0]));
    assert_ok(snnk_layer_create_tower(map, &layers[1]));
    assert_ok(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < 2; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    assert_ok(snnk_fit_create_from_network(network, L, &config, &fit));
    assert_status(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = rows, .Y = Y), NULL), SNNK_E_NONFINITE);
    assert_says("row 2400");
    assert_int_equal(snnk_fit_rows(fit), 0);
    memcpy(rows + 2400 * D, last, sizeof last);
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = rows, .Y = Y), NULL));
    assert_int_equal(snnk_fit_rows(fit), N);
    snnk_fit_free(fit);
    snnk_network_free(network);
    snnk_map_free(map);
    free(rows);
}

static void test_misuse(void **state) {
    snnk_network *network = network_of(0, NULL), *none, *refitted, *dense;
    float W[D * D], bad[D] = {1, 2, NAN, 3, 4};
    const float zero_weight[2] = {1, 0};
    snnk_fit *refit;
    snnk_layer *layer;

    (void)state;
    draw_floats(W, D * D, 3);
    assert_ok(snnk_network_create(NULL, &none));
    assert_ok(snnk_network_create(NULL, &dense));
    assert_ok(snnk_layer_create_dense(D, D, W, D, NULL, SNNK_TANH, NULL, &layer));
    assert_ok(snnk_network_append(dense, layer));
    assert_status(snnk_fit_create_from_network(NULL, 0, NULL, &refit), SNNK_E_NULL);
    assert_null(refit);
    assert_status(snnk_fit_create_from_network(network, 0, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_create_from_network(none, 0, NULL, &refit), SNNK_E_STATE);
    assert_status(snnk_fit_create_from_network(dense, 0, NULL, &refit), SNNK_E_UNSUPPORTED);
    assert_says("tanh");
    assert_ok(snnk_fit_create_from_network(network, 0, NULL, &refit));
    assert_status(snnk_fit_add(NULL, SNNK_ROWS(.n = 1, .X = X, .ldx = D, .Y = Y, .ldy = L), NULL),
                  SNNK_E_NULL);
    assert_status(
        snnk_fit_add(refit, SNNK_ROWS(.n = 1, .X = X, .ldx = D - 1, .Y = Y, .ldy = L), NULL),
        SNNK_E_STRIDE);
    assert_status(snnk_fit_add(refit, SNNK_ROWS(.n = 1, .X = X, .ldx = D), NULL), SNNK_E_NULL);
    assert_status(
        snnk_fit_add(refit, SNNK_ROWS(.n = 1, .X = X, .ldx = D, .Y = Y, .ldy = L, .labels = labels),
                     NULL),
        SNNK_E_NULL);
    assert_status(
        snnk_fit_add(refit, SNNK_ROWS(.n = 1, .X = bad, .ldx = D, .Y = Y, .ldy = L), NULL),
        SNNK_E_NONFINITE);
    assert_says("X[0][2]");
    assert_status(
        snnk_fit_add(refit,
                     SNNK_ROWS(.n = 2, .X = X, .ldx = D, .Y = Y, .ldy = L, .weights = zero_weight),
                     NULL),
        SNNK_E_RANGE);
    assert_ok(snnk_fit_add(refit, SNNK_ROWS(.n = 0), NULL));
    assert_status(snnk_fit_solve_network(refit, NULL, NULL, &refitted), SNNK_E_STATE);
    assert_null(refitted);
    assert_status(snnk_fit_solve_network(refit, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_solve_network(NULL, NULL, NULL, &refitted), SNNK_E_NULL);
    assert_status(snnk_network_fit_logistic(network,
                                            SNNK_ROWS(.n = 1, .X = bad, .ldx = D, .labels = labels),
                                            L, NULL, NULL, NULL, &refitted),
                  SNNK_E_NONFINITE);
    assert_status(snnk_network_fit_logistic(network,
                                            SNNK_ROWS(.n = 1, .X = X, .ldx = D, .labels = labels),
                                            1, NULL, NULL, NULL, &refitted),
                  SNNK_E_SHAPE);
    assert_status(snnk_network_fit_logistic(dense,
                                            SNNK_ROWS(.n = 1, .X = X, .ldx = D, .labels = labels),
                                            L, NULL, NULL, NULL, &refitted),
                  SNNK_E_UNSUPPORTED);
    snnk_fit_free(NULL);
    snnk_fit_free(refit);
    snnk_layer_free(layer);
    snnk_network_free(none);
    snnk_network_free(dense);
    snnk_network_free(network);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_fit_config config = fixed_ridge(0.1);
    snnk_network *network = network_of(0, &allocator), *refitted;
    int st;

    (void)state;
    for (int logistic = 0; logistic < 2; logistic++)
        assert_survives_failing_allocations(memory, st, {
            snnk_fit *refit = NULL;

            refitted = NULL;
            if (logistic) {
                st = snnk_network_fit_logistic(
                    network, SNNK_ROWS(.n = 30, .X = X, .ldx = D, .labels = labels), L, NULL, NULL,
                    NULL, &refitted);
            } else {
                st = snnk_fit_create_from_network(network, 0, &config, &refit);
                if (st == SNNK_OK)
                    st = snnk_fit_add(refit, SNNK_ROWS(.n = 30, .X = X, .ldx = D, .Y = Y, .ldy = L),
                                      NULL);
                if (st == SNNK_OK) st = snnk_fit_solve_network(refit, NULL, NULL, &refitted);
            }
            assert_made(st, refitted);
            snnk_fit_free(refit);
            snnk_network_free(refitted);
        });
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
}

/* One row cannot be left out. The network stays NULL, and nothing is freed that was never made: the
 * stack is filled with a pattern first, so that a pointer that was not set would crash. */
static void fill_stack(void) {
    volatile unsigned char pattern[4096];

    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = 0xA5;
}

static void test_one_row_gives_no_network(void **state) {
    snnk_map *map = map_of(D, NULL);
    snnk_network *network = (snnk_network *)map;
    snnk_fit *fit;

    (void)state;
    assert_ok(snnk_fit_create(map, 1, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 1, .X = X, .ldx = D, .Y = Y, .ldy = L), NULL));
    fill_stack();
    assert_status(snnk_fit_solve_network(fit, NULL, NULL, &network), SNNK_E_STATE);
    assert_null(network);
    snnk_fit_free(fit);
    snnk_map_free(map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_a_fit_of_hidden_rows),
        cmocka_unit_test(test_weights_of_a_fit),
        cmocka_unit_test(test_heldout_error_is_a_weighted_mean),
        cmocka_unit_test(test_weights_through_the_reservoir),
        cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_other_last_layers),
        cmocka_unit_test(test_logistic),
        cmocka_unit_test(test_network_of_a_map),
        cmocka_unit_test(test_refuses_hidden_overflow),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_one_row_gives_no_network),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
