/* src/fit/directions.c: directions that are known, gradients by differences of the layer, and what
 * a caller is promised. */
#include "support/alloc.h"
#include "support/compare.h"

#include <snnk/directions.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { D = 4, N = 600, WIDE = 100, MANY = 1200 };

static float X[MANY * WIDE], Y[2 * MANY];
static double X_f64[N * D];

static void draw_inputs(uint64_t seed, size_t n, size_t d) {
    for (size_t i = 0; i < n; i++) {
        double draws[WIDE];

        snnk__random_normal(seed, 100, i, 0, d, draws);
        for (size_t k = 0; k < d; k++) X[i * d + k] = (float)draws[k];
    }
}

static snnk_directions_config settings(void) {
    snnk_directions_config config;

    assert_ok(snnk_directions_config_init(&config, sizeof config));
    return config;
}

static snnk_map_config features(int32_t kind, uint64_t m, size_t d) {
    snnk_map_config map;

    assert_ok(snnk_map_config_init(&map, sizeof map));
    map.kind = kind;
    map.features = m;
    map.projection = SNNK_PROJECTION_ORTHOGONAL;
    map.projection_scale = 1 / sqrt((double)d);
    map.offset_scale = kind == SNNK_MAP_GAUSSIAN ? 0 : 0.3;
    return map;
}

/* Set v to w as it acts on standardized inputs: times the deviation of each input. */
static void standardized(const double *w, size_t n, size_t d, double *v) {
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create(d, SNNK_SCALING_STANDARDIZE, NULL, &scaling));
    assert_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = n, .inputs = d, .X = X)));
    assert_ok(snnk_scaling_get(scaling, NULL, v));
    for (size_t k = 0; k < d; k++) v[k] = w[k] / v[k];
    snnk_scaling_free(scaling);
}

/* For a linear f = w.x, the gradient is v = w times the deviations everywhere, so M is exactly
 * d v v^T/|v|^2. Identity features give w but for the least ridge that is tried: 1e-4. 512 ReLU
 * features are not linear between the rows; the more often their rows are turned along v, the
 * closer: 1e-3 after 3 rounds. */
static void test_linear_targets(void **state) {
    static const double w[D] = {1, -2, 0.5, 0};
    double v[D], M[D * D], importances[D], norm2 = 0;

    (void)state;
    draw_inputs(1, N, D);
    for (size_t i = 0; i < N; i++) {
        double y = 3;

        for (size_t k = 0; k < D; k++) {
            X[i * D + k] = X[i * D + k] * (float)(k + 1) + 5;
            y += w[k] * (double)X[i * D + k];
        }
        Y[i] = (float)y;
    }
    standardized(w, N, D, v);
    for (size_t k = 0; k < D; k++) norm2 += v[k] * v[k];
    for (int identity = 0; identity < 2; identity++) {
        const snnk_map_config map =
            features(identity ? SNNK_MAP_IDENTITY : SNNK_MAP_ARC_COSINE, 512, D);
        snnk_directions_config config = settings();
        snnk_layer *layer;

        config.map = &map;
        assert_ok(snnk_fit_directions(SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y), 1, &config,
                                      NULL, NULL, importances, M, D, &layer));
        for (size_t i = 0; i < D; i++) {
            for (size_t k = 0; k < D; k++)
                assert_close(M[i * D + k], D * v[i] * v[k] / norm2, 0, identity ? 1e-4 : 1e-3);
            assert_close(importances[i], M[i * D + i] / D, 1e-15, 0);
        }
        snnk_layer_free(layer);
    }
}

/* Two of 100 inputs matter, mostly by their product: they must have the largest importances, for 20
 * draws of the data and of the features. Half of the draws have a label instead: the sign, whose
 * border is a hyperbola. */
static void test_two_inputs_matter(void **state) {
    static int32_t labels[MANY];
    double importances[WIDE];

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        const size_t a = (size_t)(7 * seed + 3) % WIDE, b = (size_t)(11 * seed + 50) % WIDE;
        snnk_directions_report report = {.size = sizeof report};
        snnk_directions_config config = settings();
        const bool sign = seed % 2 == 1;
        snnk_layer *layer;

        config.features = 200;
        config.seed = seed;
        draw_inputs(seed + 10, MANY, WIDE);
        for (size_t i = 0; i < MANY; i++) {
            Y[i] = (X[i * WIDE + a] + 0.5f) * (X[i * WIDE + b] + 0.5f) - 0.25f;
            labels[i] = Y[i] > 0;
        }
        assert_ok(snnk_fit_directions(
            SNNK_ROWS(.n = MANY, .inputs = WIDE, .X = X, .Y = sign ? NULL : Y,
                      .labels = sign ? labels : NULL),
            sign ? 2 : 1, &config, NULL, &report, importances, NULL, 0, &layer));
        double sum = 0, other = 0;
        for (size_t k = 0; k < WIDE; k++) {
            sum += importances[k];
            if (k != a && k != b) other = fmax(other, importances[k]);
        }
        assert_close(sum, 1, 1e-12, 0);
        assert_true(importances[a] > 2 * other && importances[b] > 2 * other);
        assert_true(report.squared_error <= report.plain_error);
        assert_int_equal(report.rounds, 3);
        assert_int_equal(report.rows, MANY);
        assert_true(report.heldout_rows > 50);
        snnk_layer_free(layer);
    }
}

/* The layer at standardized inputs x', in double. */
static void layer_at(const snnk_layer *layer, const double *mean, const double *scale,
                     const double *x, double *y) {
    const snnk_map *map = snnk_layer_map(layer);
    const size_t r = snnk_map_block_row_count(map, 0), m = snnk_map_features(map);
    const size_t l = snnk_layer_outputs(layer);
    float *G = malloc(r * D * sizeof *G), *c = malloc(r * sizeof *c);
    float *Psi = malloc(l * m * sizeof *Psi);
    snnk_map_config config = {.size = sizeof config};

    assert_ok(snnk_map_block_rows(map, 0, G, D, c));
    assert_ok(snnk_map_block_config(map, 0, &config));
    assert_ok(snnk_layer_weights(layer, Psi, m, NULL));
    for (size_t o = 0; o < l; o++) y[o] = 0;
    for (size_t j = 0; j < r; j++) {
        double z = (double)c[j];

        for (size_t k = 0; k < D; k++) z += (double)G[j * D + k] * (mean[k] + x[k] / scale[k]);
        for (size_t o = 0; o < l; o++)
            y[o] += config.kind == SNNK_MAP_GAUSSIAN ? (double)Psi[o * m + 2 * j] * cos(z) +
                                                           (double)Psi[o * m + 2 * j + 1] * sin(z)
                                                     : (double)Psi[o * m + j] * tanh(z);
    }
    free(Psi);
    free(c);
    free(G);
}

/* M of the returned layer is the mean of outer products of its central differences (step 1e-4: an
 * error of 1e-8 of third derivatives), with weights, for features of one and of two numbers a row.
 * M itself is from floats: 1e-4 of its trace. */
static void test_differences(void **state) {
    static float weights[200];
    double mean[D], scale[D];

    (void)state;
    draw_inputs(2, 200, D);
    for (size_t i = 0; i < 200; i++) {
        X[i * D] += 100;
        Y[2 * i] = sinf(X[i * D + 1] + X[i * D + 2]);
        Y[2 * i + 1] = 3 * fmaxf(X[i * D] - 100, 0) * X[i * D + 3];
        weights[i] = X[i * D] > 100 ? 9 : 1; /* where x_0 is large, so is another gradient */
    }
    snnk_scaling *scaling;
    const snnk_rows *rows = SNNK_ROWS(.n = 200, .inputs = D, .X = X, .Y = Y, .weights = weights);
    assert_ok(snnk_scaling_create(D, SNNK_SCALING_STANDARDIZE, NULL, &scaling));
    assert_ok(snnk_scaling_add(scaling, rows));
    assert_ok(snnk_scaling_get(scaling, mean, scale));
    snnk_scaling_free(scaling);
    for (int kind = SNNK_MAP_GAUSSIAN; kind <= SNNK_MAP_ELEMENTWISE; kind++) {
        snnk_map_config map = features(kind, 40, D);
        snnk_directions_report report = {.size = sizeof report};
        snnk_directions_config config = settings();
        double M[D * D], expected[D * D] = {0}, trace = 0;
        snnk_layer *layer;

        map.activation = SNNK_TANH;
        config.map = &map;
        config.ridge = 1e-3; /* so that the last round is kept, with an M of its own */
        assert_ok(snnk_fit_directions(rows, 2, &config, NULL, &report, NULL, M, D, &layer));
        assert_int_equal(report.chosen_round, 3);
        assert_true(isnan(report.squared_error) && isnan(report.plain_error));
        for (size_t i = 0; i < 200; i++) {
            double grad[2][D];

            for (size_t k = 0; k < D; k++) {
                double x[D], up[2], down[2];

                for (size_t j = 0; j < D; j++) x[j] = ((double)X[i * D + j] - mean[j]) * scale[j];
                x[k] += 1e-4;
                layer_at(layer, mean, scale, x, up);
                x[k] -= 2e-4;
                layer_at(layer, mean, scale, x, down);
                for (size_t o = 0; o < 2; o++) grad[o][k] = (up[o] - down[o]) / 2e-4;
            }
            for (size_t j = 0; j < D * D; j++)
                for (size_t o = 0; o < 2; o++)
                    expected[j] += (double)weights[i] * grad[o][j / D] * grad[o][j % D];
        }
        for (size_t k = 0; k < D; k++) trace += expected[k * D + k];
        for (size_t j = 0; j < D * D; j++) assert_close(M[j], D * expected[j] / trace, 0, 4e-4);
        snnk_layer_free(layer);
    }
}

/* Set Y to a function of one direction. */
static void make_ridge_function(size_t n) {
    draw_inputs(3, n, D);
    for (size_t i = 0; i < n; i++) Y[i] = fabsf(X[i * D] + X[i * D + 1]) + 0.1f * X[i * D + 2];
}

/* The same bits for every number of threads. M is symmetric, of trace d, and not negative: x^T M x
 * is a sum of squares for every x. The layer is one of raw inputs. */
static void test_threads_and_form(void **state) {
    double M[2][D * (D + 1)], importances[2][D];
    float y[2][N];
    snnk_directions_report report[2] = {{.size = sizeof *report}, {.size = sizeof *report}};
    snnk_directions_config config = settings();

    (void)state;
    config.features = 200;
    make_ridge_function(MANY);
    for (size_t t = 0; t < 2; t++) {
        snnk_workspace *workspace;
        snnk_layer *layer;

        assert_ok(snnk_workspace_create(t ? 3 : 1, NULL, &workspace));
        assert_ok(snnk_fit_directions(SNNK_ROWS(.n = MANY, .inputs = D, .X = X, .Y = Y), 1, &config,
                                      workspace, &report[t], importances[t], M[t], D + 1, &layer));
        assert_int_equal(snnk_layer_inputs(layer), D);
        assert_ok(snnk_layer_forward(layer, N, X, D, y[t], 1, NULL));
        snnk_layer_free(layer);
        snnk_workspace_free(workspace);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(importances[0], importances[1], sizeof importances[0]);
    assert_memory_equal(&report[0], &report[1], sizeof report[0]);
    double trace = 0;
    for (size_t i = 0; i < D; i++) {
        trace += M[0][i * (D + 1) + i];
        for (size_t k = 0; k < D; k++) {
            assert_true(M[0][i * (D + 1) + k] == M[1][i * (D + 1) + k]);
            assert_true(M[0][i * (D + 1) + k] == M[0][k * (D + 1) + i]);
        }
    }
    assert_close(trace, D, 1e-12, 0);
    for (uint64_t draw = 0; draw < 1000; draw++) {
        double x[D], form = 0;

        snnk__random_normal(4, 100, draw, 0, D, x);
        for (size_t i = 0; i < D; i++)
            for (size_t k = 0; k < D; k++) form += x[i] * x[k] * M[0][i * (D + 1) + k];
        assert_true(form >= -1e-6);
    }
    /* One direction of four explains the targets: turning the rows must have helped much. */
    assert_true(report[0].chosen_round > 0);
    assert_true(report[0].squared_error < 0.5 * report[0].plain_error);
}

/* Inputs in double far from zero, as timestamps are, give the same as inputs near zero: a mean of
 * 2^30 keeps 22 bits of a double's fraction. As floats they would be all alike. Held-out rows
 * depend on the inputs' bits, so the ridge is given. */
static void test_inputs_in_double(void **state) {
    snnk_directions_config config = settings();
    double importances[2][D];
    snnk_layer *layer;

    (void)state;
    config.features = 200;
    config.ridge = 1e-4;
    make_ridge_function(N);
    for (int shifted = 0; shifted < 2; shifted++) {
        for (size_t j = 0; j < N * D; j++)
            X_f64[j] = (double)X[j] + (shifted ? (double)(1 << 30) : 0);
        assert_ok(snnk_fit_directions(SNNK_ROWS(.n = N, .inputs = D, .X_f64 = X_f64, .Y = Y), 1,
                                      &config, NULL, NULL, importances[shifted], NULL, 0, &layer));
        snnk_layer_free(layer);
    }
    for (size_t k = 0; k < D; k++) assert_close(importances[1][k], importances[0][k], 0, 1e-3);
}

/* Every scaling gives the same importances of a linear target: those of standardized inputs. M
 * keeps the sum of the variances of the scaled inputs. Identity features, so that the fit is exact
 * but for the least ridge: 1e-3. */
static void test_scalings(void **state) {
    static const double w[D] = {1, 1, 1, 0}, ones[D] = {1, 1, 1, 1};
    double deviations[D];

    (void)state;
    draw_inputs(7, N, D);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < D; k++) X[i * D + k] *= (float)(k + 1);
        Y[i] = X[i * D] + X[i * D + 1] + X[i * D + 2];
    }
    for (int32_t mode = SNNK_SCALING_CENTER; mode <= SNNK_SCALING_STANDARDIZE; mode++) {
        const snnk_map_config map = features(SNNK_MAP_IDENTITY, 1, D);
        snnk_directions_config config = settings();
        double importances[D], M[D * D], own[D], v[D], sum = 0, kept = 0, all = 0;
        snnk_scaling *scaling;
        snnk_layer *layer;

        config.map = &map;
        config.scaling = mode;
        assert_ok(snnk_fit_directions(SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y), 1, &config,
                                      NULL, NULL, importances, M, D, &layer));
        standardized(w, N, D, v);
        standardized(ones, N, D, deviations);
        for (size_t k = 0; k < D; k++) sum += v[k] * v[k];
        for (size_t k = 0; k < D; k++) assert_close(importances[k], v[k] * v[k] / sum, 0, 1e-3);
        assert_ok(snnk_scaling_create(D, mode, NULL, &scaling));
        assert_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = N, .inputs = D, .X = X)));
        assert_ok(snnk_scaling_get(scaling, NULL, own));
        for (size_t k = 0; k < D; k++) {
            const double deviation = own[k] * deviations[k];

            kept += M[k * D + k] * deviation * deviation;
            all += deviation * deviation;
        }
        assert_close(kept, all, 1e-9, 0);
        snnk_scaling_free(scaling);
        snnk_layer_free(layer);
    }
}

/* Noise: no direction helps, and the kept round is still never worse than round 0. Both ways to
 * choose the ridge. A constant input has no importance. */
static void test_never_worse(void **state) {
    (void)state;
    for (size_t n = 300; n <= MANY; n += MANY - 300)
        for (uint64_t seed = 0; seed < 5; seed++) {
            snnk_directions_report report = {.size = sizeof report};
            snnk_directions_config config = settings();
            double importances[D];
            snnk_layer *layer;

            config.features = 64;
            config.seed = seed;
            draw_inputs(seed + 50, n, D);
            for (size_t i = 0; i < n; i++) {
                double noise;

                snnk__random_normal(seed, 101, i, 0, 1, &noise);
                Y[i] = X[i * D] * X[i * D] + (float)noise;
                X[i * D + 3] = 7;
            }
            assert_ok(snnk_fit_directions(SNNK_ROWS(.n = n, .inputs = D, .X = X, .Y = Y), 1,
                                          &config, NULL, &report, importances, NULL, 0, &layer));
            assert_true(report.squared_error <= report.plain_error);
            assert_true(report.heldout_rows > 50 && report.heldout_rows < n / 2);
            assert_true(importances[3] == 0);
            snnk_layer_free(layer);
        }
}

/* Two inputs of which always one is 1 and the other 0, by chance, twice: the targets depend on the
 * first pair only. Their sums are constants that a fit may use as an intercept; the second pair
 * must have little importance (the layer may bend between the two points), and the first the same
 * for both. Without the care for sums it would be 0.22 each. */
static void test_inputs_with_constant_sums(void **state) {
    snnk_directions_config config = settings();
    double importances[5];
    snnk_layer *layer;

    (void)state;
    config.features = 100;
    draw_inputs(6, N, 5);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < 4; k += 2) {
            X[i * 5 + k] = X[i * 5 + k] > 0.3f;
            X[i * 5 + k + 1] = 1 - X[i * 5 + k];
        }
        Y[i] = 2 * X[i * 5] + fabsf(X[i * 5 + 4]);
    }
    assert_ok(snnk_fit_directions(SNNK_ROWS(.n = N, .inputs = 5, .X = X, .Y = Y), 1, &config, NULL,
                                  NULL, importances, NULL, 0, &layer));
    assert_close(importances[0], importances[1], 1e-9, 0);
    assert_true(importances[0] > 0.05 && importances[2] < 0.02 && importances[3] < 0.02);
    snnk_layer_free(layer);
}

/* Labels that nothing explains, of few rows with 100 inputs: held-out errors must not fall by what
 * M knows of the rows. A guess of the share has the squared error 1/2, summed over both classes;
 * 150 held-out rows differ from that by luck of a few percent, and so does the least of four
 * rounds. If each row were left out in turn, it would be below 0.46. */
static void test_noise_stays_noise(void **state) {
    static int32_t labels[600];
    double sum = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        snnk_directions_report report = {.size = sizeof report};
        snnk_directions_config config = settings();
        snnk_layer *layer;

        config.features = 300;
        config.seed = seed;
        draw_inputs(seed + 80, 600, WIDE);
        for (size_t i = 0; i < 600; i++) {
            double u;

            snnk__random_uniform(seed, 101, i, 0, 1, &u);
            labels[i] = u > 0.5;
        }
        assert_ok(snnk_fit_directions(SNNK_ROWS(.n = 600, .inputs = WIDE, .X = X, .labels = labels),
                                      2, &config, NULL, &report, NULL, NULL, 0, &layer));
        sum += report.squared_error / 5;
        snnk_layer_free(layer);
    }
    assert_true(sum > 0.48);
}

/* Targets that depend on nothing. What a round gains or loses is luck, and half of them gain;
 * beyond its standard error on the right side are 0.16, for rounds that are much the same. */
static void test_luck_is_not_kept(void **state) {
    enum { ROWS = 400, SEEDS = 20 };
    static int32_t labels[ROWS];

    (void)state;
    for (int classes = 0; classes < 2; classes++) {
        size_t kept = 0;

        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            snnk_directions_report report = {.size = sizeof report};
            snnk_directions_config config = settings();
            snnk_layer *layer;

            config.features = 200;
            config.seed = seed;
            draw_inputs(seed + 200, ROWS, D);
            for (size_t i = 0; i < ROWS; i++) {
                double noise;

                snnk__random_normal(seed, 102, i, 0, 1, &noise);
                Y[i] = (float)noise;
                labels[i] = noise > 0;
            }
            assert_ok(snnk_fit_directions(
                SNNK_ROWS(.n = ROWS, .inputs = D, .X = X, .Y = classes ? NULL : Y,
                          .labels = classes ? labels : NULL),
                1 + (size_t)classes, &config, NULL, &report, NULL, NULL, 0, &layer));
            kept += report.chosen_round > 0;
            snnk_layer_free(layer);
        }
        assert_true(kept <= SEEDS * 3 / 10);
    }
}

/* Very few rows are refused or fitted, nothing else. */
static void test_few_rows(void **state) {
    snnk_directions_config config = settings();

    (void)state;
    config.features = 32;
    make_ridge_function(N);
    for (size_t n = 1; n < 20; n++) {
        snnk_layer *layer;
        const int st = snnk_fit_directions(SNNK_ROWS(.n = n, .inputs = D, .X = X, .Y = Y), 1,
                                           &config, NULL, NULL, NULL, NULL, 0, &layer);

        assert_true(st == SNNK_OK || (n < 4 && st == SNNK_E_STATE));
        assert_made(st, layer);
        snnk_layer_free(layer);
    }
}

/* Targets that are constant: no gradient, so no round after the first, and no importances. */
static void test_constant_targets(void **state) {
    snnk_directions_report report = {.size = sizeof report};
    snnk_directions_config config = settings();
    double importances[D];
    snnk_layer *layer;
    float y;

    (void)state;
    config.features = 64;
    draw_inputs(5, N, D);
    for (size_t i = 0; i < N; i++) Y[i] = 2;
    assert_ok(snnk_fit_directions(SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y), 1, &config, NULL,
                                  &report, importances, NULL, 0, &layer));
    assert_int_equal(report.rounds, 0);
    assert_int_equal(report.chosen_round, 0);
    for (size_t k = 0; k < D; k++) assert_true(importances[k] == 0);
    assert_ok(snnk_layer_forward(layer, 1, X, D, &y, 1, NULL));
    assert_close((double)y, 2, 1e-6, 0);
    snnk_layer_free(layer);
}

static void test_refusals(void **state) {
    static const int32_t labels[4] = {0, 1, 2, 1};
    static float wide[2 * 8193];
    const snnk_rows *rows = SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y);
    snnk_directions_config config = settings(), bad;
    snnk_directions_report small = {.size = 8};
    snnk_map_config map = features(SNNK_MAP_ARC_COSINE, 64, D);
    double M[D * D];
    snnk_layer *layer = (snnk_layer *)1;

    (void)state;
    make_ridge_function(N);
#define refused(status, ...)                                                                       \
    do {                                                                                           \
        assert_status(snnk_fit_directions(__VA_ARGS__, &layer), status);                           \
        assert_null(layer);                                                                        \
    } while (0)
    assert_status(snnk_directions_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_directions_config_init(&config, 8), SNNK_E_CONFIG);
    assert_status(snnk_fit_directions(rows, 1, NULL, NULL, NULL, NULL, NULL, 0, NULL), SNNK_E_NULL);
    refused(SNNK_E_NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, 0);
    refused(SNNK_E_SHAPE, rows, 0, NULL, NULL, NULL, NULL, NULL, 0);
    refused(SNNK_E_CONFIG, rows, 1, NULL, NULL, &small, NULL, NULL, 0);
    refused(SNNK_E_STRIDE, rows, 1, NULL, NULL, NULL, NULL, M, D - 1);
    refused(SNNK_E_STATE, SNNK_ROWS(.n = 0, .inputs = D, .X = X, .Y = Y), 1, NULL, NULL, NULL, NULL,
            NULL, 0);
    refused(SNNK_E_RANGE, SNNK_ROWS(.n = 4, .inputs = D, .X = X, .labels = labels), 2, NULL, NULL,
            NULL, NULL, NULL, 0);
    refused(SNNK_E_SIZE, SNNK_ROWS(.n = 2, .inputs = 8193, .X = wide, .Y = Y), 1, NULL, NULL, NULL,
            NULL, NULL, 0);
    assert_non_null(strstr(snnk_last_error(), "M of d x d numbers"));
    for (int k = 0; k < 6; k++) {
        static const int32_t status[6] = {SNNK_E_RANGE, SNNK_E_RANGE,  SNNK_E_RANGE,
                                          SNNK_E_RANGE, SNNK_E_CONFIG, SNNK_E_ENUM};

        bad = config;
        if (k == 0) bad.rounds = 0;
        if (k == 1) bad.rounds = 101;
        if (k == 2) bad.ridge = -3;
        if (k == 3) bad.heldout_share = 0.7;
        if (k == 4) bad.size = 8;
        if (k == 5) bad.scaling = SNNK_SCALING_GIVEN;
        refused(status[k], rows, 1, &bad, NULL, NULL, NULL, NULL, 0);
    }
    config.map = &map;
    map.order = 0;
    refused(SNNK_E_UNSUPPORTED, rows, 1, &config, NULL, NULL, NULL, NULL, 0);
    assert_non_null(strstr(snnk_last_error(), "no gradient"));
    map = features(SNNK_MAP_ELEMENTWISE, 64, D);
    map.activation = SNNK_STEP;
    refused(SNNK_E_UNSUPPORTED, rows, 1, &config, NULL, NULL, NULL, NULL, 0);
    map.kind = SNNK_MAP_RBF; /* has a creator of its own */
    refused(SNNK_E_UNSUPPORTED, rows, 1, &config, NULL, NULL, NULL, NULL, 0);
    X[5] = NAN;
    refused(SNNK_E_NONFINITE, rows, 1, NULL, NULL, NULL, NULL, NULL, 0);
#undef refused
}

/* A failing allocation anywhere fails the call, leaks nothing and leaves the results as they
 * were. */
static void test_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_directions_config config = settings();
    int st;

    (void)state;
    config.features = 16;
    config.rounds = 2;
    config.allocator = &allocator;
    make_ridge_function(MANY);
    for (size_t n = 100; n <= 1200; n += 1100) {
        const snnk_rows *rows = SNNK_ROWS(.n = n, .inputs = D, .X = X, .Y = Y);

        assert_survives_some_failing_allocations(memory, st, 60, {
            snnk_directions_report report = {.size = sizeof report, .rows = 12345};
            double importances[D] = {-1, -1, -1, -1};
            snnk_layer *layer;

            st = snnk_fit_directions(rows, 1, &config, NULL, &report, importances, NULL, 0, &layer);
            assert_made(st, layer);
            assert_true((st == SNNK_OK) == (report.rows == n));
            assert_true((st == SNNK_OK) == (importances[0] >= 0));
            snnk_layer_free(layer);
        });
    }
}

typedef struct canceller {
    double at, last;
} canceller;

static int cancel_late(void *user, double share) {
    canceller *c = user;

    assert_true(share >= c->last && share <= 1);
    c->last = share;
    return share >= c->at;
}

/* The progress function sees shares that grow up to 1, and can cancel at any of them. */
static void test_cancelling(void **state) {
    const double at[] = {0.01, 0.4, 0.7, 0.999, 2};
    snnk_directions_config config = settings();
    snnk_workspace *workspace;

    (void)state;
    config.features = 64;
    make_ridge_function(MANY);
    assert_ok(snnk_workspace_create(1, NULL, &workspace));
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        canceller c = {at[k], 0};
        double importances[D] = {-1, -1, -1, -1};
        snnk_layer *layer;

        snnk_workspace_set_progress(workspace, cancel_late, &c);
        const int st = snnk_fit_directions(SNNK_ROWS(.n = MANY, .inputs = D, .X = X, .Y = Y), 1,
                                           &config, workspace, NULL, importances, NULL, 0, &layer);
        if (at[k] > 1) {
            assert_ok(st);
            assert_true(c.last == 1);
        } else {
            assert_status(st, SNNK_E_CANCELLED);
            assert_true(importances[0] == -1);
        }
        assert_made(st, layer);
        snnk_layer_free(layer);
    }
    snnk_workspace_free(workspace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_targets),   cmocka_unit_test(test_two_inputs_matter),
        cmocka_unit_test(test_differences),      cmocka_unit_test(test_threads_and_form),
        cmocka_unit_test(test_inputs_in_double), cmocka_unit_test(test_never_worse),
        cmocka_unit_test(test_constant_targets), cmocka_unit_test(test_noise_stays_noise),
        cmocka_unit_test(test_luck_is_not_kept), cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_scalings),         cmocka_unit_test(test_inputs_with_constant_sums),
        cmocka_unit_test(test_refusals),         cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_cancelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
