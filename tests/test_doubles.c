/* Rows in double, and sums whose digits are easily lost: timestamps, prices around 1e8, weights of
 * different sizes, rows that leave almost nothing behind. All expected values are worked out by
 * hand from the normal equations. */
#include <stdlib.h>

#include "support/compare.h"

#include "support/alloc.h"

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

    assert_ok(snnk_lstsq_solve(s, &config, NULL, B, snnk_lstsq_features(s), b, NULL));
}

/* A network of identity features, fitted to rows with ridge 0. */
static snnk_network *fit_identity(size_t inputs, const snnk_rows *rows) {
    snnk_map_config map_config;
    snnk_fit_config config;
    snnk_network *network;
    snnk_map *map;
    snnk_fit *fit;

    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(inputs, &map_config, NULL, &map));
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = 0;
    assert_ok(snnk_fit_create(map, 1, &config, &fit));
    snnk_map_free(map);
    assert_ok(snnk_fit_add(fit, rows, NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &network));
    snnk_fit_free(fit);
    return network;
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

/* The same in single precision: centered in double, so that only products are floats. */
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

/* Identity features of timestamps 1700000000 + i, i = 0 ... 9, are centered on their mean, i = 4.5;
 * those of 0 ... 9 stay as they are. */
static void test_center_map(void **state) {
    const float Psi = 1;
    double X[10], output;
    snnk_map_config config;
    snnk_map *map, *centered;
    snnk_layer *layer;
    snnk_network *network;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(1, &config, NULL, &map));
    for (size_t i = 0; i < 10; i++) X[i] = (double)i;
    assert_ok(snnk_fit_center_map(map, SNNK_ROWS(.n = 10, .inputs = 1, .X_f64 = X), &centered));
    assert_ptr_equal(centered, map);
    snnk_map_free(centered);
    for (size_t i = 0; i < 10; i++) X[i] += 1700000000;
    assert_ok(snnk_fit_center_map(map, SNNK_ROWS(.n = 10, .inputs = 1, .X_f64 = X), &centered));
    assert_ok(snnk_layer_create(centered, 1, &Psi, 1, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_forward_f64(network, 1, X + 9, 1, &output, 1, NULL));
    assert_true(output == 4.5); /* exact: the mean is a multiple of 1/2 below 2^53 */
    X[2] = NAN;
    snnk_map_free(centered);
    assert_status(snnk_fit_center_map(map, SNNK_ROWS(.n = 10, .inputs = 1, .X_f64 = X), &centered),
                  SNNK_E_NONFINITE);
    assert_null(centered);
    assert_status(snnk_fit_center_map(NULL, SNNK_ROWS(.n = 1, .X_f64 = X), &centered), SNNK_E_NULL);
    assert_status(snnk_fit_center_map(map, SNNK_ROWS(.n = 1, .X_f64 = X), NULL), SNNK_E_NULL);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
}

/* The sum of squared residuals is 0 and R2 is 1: float inputs would be one constant. */
static void test_timestamps_fit(void **state) {
    double t[10], y[10];
    snnk_score score = {.size = sizeof score};
    snnk_network *network;

    (void)state;
    for (int i = 0; i < 10; i++) t[i] = 1700000000.0 + i, y[i] = 3 + i / 2.0;
    network = fit_identity(1, SNNK_ROWS(.n = 10, .X_f64 = t, .Y_f64 = y));
    assert_ok(
        snnk_network_score(network, SNNK_ROWS(.n = 10, .X_f64 = t, .Y_f64 = y), NULL, &score));
    assert_close(score.r2, 1, 0, 1e-12); /* squares of float roundings, 6e-8 each */
    snnk_network_free(network);
}

/* A map of 2 inputs and 40 features of every kind that is drawn or given, on rows around (1.7e9,
 * -3e8): the same function as of the rows minus these numbers, to the rounding of a float of the
 * differences; also from a file. */
enum { ROWS = 70, D = 2, M = 40 };

static const double far[D] = {1700000000, -300000000};

static snnk_scaling *far_scaling(void) {
    const double scale[D] = {0.25, 0.5};
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create_given(D, far, scale, NULL, &scaling));
    return scaling;
}

static snnk_scaling *near_scaling(void) {
    const double scale[D] = {0.25, 0.5};
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create_given(D, NULL, scale, NULL, &scaling));
    return scaling;
}

static void fill_rows(double *X, double *near, float *near_f) {
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < D; k++) {
            near[i * D + k] = (double)((i * 37 + k * 11) % 101) / 16 - 3;
            near_f[i * D + k] = (float)near[i * D + k];
            X[i * D + k] = far[k] + near[i * D + k]; /* exact: 4 bits after the point */
        }
}

static snnk_map *make_map(const snnk_map_config *config, const snnk_scaling *scaling) {
    static float G[M * D];
    snnk_map *map;

    for (size_t i = 0; i < M * D; i++) G[i] = (float)((i * 29) % 17) / 8 - 1;
    if (config->projection == SNNK_PROJECTION_GIVEN && config->kind != SNNK_MAP_IDENTITY)
        assert_ok(snnk_map_create_from_rows(D, M, G, D, NULL, config, scaling, &map));
    else
        assert_ok(snnk_map_create(D, config, scaling, &map));
    return map;
}

/* The outputs of a network on far rows are those of `expected` on near ones. */
static void check_far(const snnk_network *network, const double *X, const double *expected,
                      size_t l) {
    double Y[ROWS * M], again[ROWS * M];
    snnk_workspace *workspace;

    assert_ok(snnk_network_forward_f64(network, ROWS, X, D, Y, l, NULL));
    for (size_t i = 0; i < ROWS * l; i++) assert_close(Y[i], expected[i], 1e-5, 1e-5);
    for (size_t i = 0; i < ROWS; i++) /* each row alone: the same bits */
        assert_ok(snnk_network_forward_f64(network, 1, X + i * D, D, again + i * l, l, NULL));
    assert_memory_equal(again, Y, ROWS * l * sizeof *Y);
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes_f64(network)));
    memset(again, 0, sizeof again);
    assert_ok(snnk_network_forward_f64(network, ROWS, X, D, again, l, workspace));
    assert_memory_equal(again, Y, ROWS * l * sizeof *Y);
    snnk_workspace_free(workspace);
}

static void test_far_rows(void **state) {
    static const struct {
        int32_t kind, projection;
        double offset_scale;
    } cases[] = {{SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_GAUSSIAN, 0.5},
                 {SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_HD3, 0.5},
                 {SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_ORTHOGONAL, 0},
                 {SNNK_MAP_GAUSSIAN, SNNK_PROJECTION_SOBOL, 0},
                 {SNNK_MAP_ELEMENTWISE, SNNK_PROJECTION_GIVEN, 0},
                 {SNNK_MAP_IDENTITY, SNNK_PROJECTION_GIVEN, 0}};
    double X[ROWS * D], near[ROWS * D], expected[ROWS * M];
    float near_f[ROWS * D], Psi[2 * M], near_Y[ROWS * M];
    const float bias[2] = {1e6F, -3};
    snnk_scaling *away = far_scaling(), *close = near_scaling();

    (void)state;
    fill_rows(X, near, near_f);
    for (size_t i = 0; i < 2 * M; i++) Psi[i] = (float)((i * 31) % 13) / 64 - 0.1F;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int32_t save = 0; save < 2; save++) {
            snnk_network *network, *loaded, *plain;
            snnk_map_config config;
            snnk_layer *layer;
            size_t bytes;
            void *file;

            assert_ok(snnk_map_config_init(&config, sizeof config));
            config.kind = cases[c].kind;
            config.projection = cases[c].projection;
            config.offset_scale = cases[c].offset_scale;
            config.features = M;
            config.activation = SNNK_TANH;
            snnk_map *maps[2] = {make_map(&config, close), make_map(&config, away)};
            const size_t m = snnk_map_features(maps[0]);

            assert_ok(snnk_network_create(NULL, &plain));
            assert_ok(snnk_network_create(NULL, &network));
            assert_ok(snnk_layer_create(maps[0], 2, Psi, m, bias, &layer));
            assert_ok(snnk_network_append(plain, layer));
            snnk_layer_free(layer);
            assert_ok(snnk_layer_create(maps[1], 2, Psi, m, bias, &layer));
            assert_ok(snnk_network_append(network, layer));
            snnk_layer_free(layer);
            assert_ok(snnk_network_forward_f64(plain, ROWS, near, D, expected, 2, NULL));
            assert_ok(snnk_network_forward(plain, ROWS, near_f, D, near_Y, 2, NULL));
            for (size_t i = 0; i < ROWS * 2; i++) /* a float of 1e6 has units of 1/16 */
                assert_close((double)near_Y[i], expected[i], 1e-7, 1e-6);
            check_far(network, X, expected, 2);

            assert_ok(snnk_network_saved_bytes(network, save, &bytes));
            assert_non_null(file = malloc(bytes));
            assert_ok(snnk_network_save_memory(network, save, file, bytes));
            assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
            double Y[2][ROWS * 2];

            assert_ok(snnk_network_forward_f64(network, ROWS, X, D, Y[0], 2, NULL));
            assert_ok(snnk_network_forward_f64(loaded, ROWS, X, D, Y[1], 2, NULL));
            assert_memory_equal(Y[0], Y[1], sizeof Y[0]);
            free(file);
            snnk_network_free(loaded);
            snnk_network_free(plain);
            snnk_network_free(network);
            snnk_map_free(maps[0]);
            snnk_map_free(maps[1]);
        }
    snnk_scaling_free(away);
    snnk_scaling_free(close);
}

/* A bias in double is kept by forward passes in double, and by files. 1/3 + 1e6 is not a float. */
static void test_exact_bias(void **state) {
    const double x[] = {0, 1, 2, 3},
                 y[] = {1e6 + 1.0 / 3, 1e6 + 4.0 / 3, 1e6 + 7.0 / 3, 1e6 + 10.0 / 3};
    snnk_network *network = fit_identity(1, SNNK_ROWS(.n = 4, .X_f64 = x, .Y_f64 = y)), *loaded;
    double bias[2], Y[4];
    size_t bytes;
    void *file;

    (void)state;
    assert_ok(snnk_layer_bias(snnk_network_layer(network, 0), &bias[0]));
    assert_close(bias[0], y[0], 1e-15, 1e-7); /* the slope is 1 up to a rounding to float */
    assert_ok(snnk_network_forward_f64(network, 4, x, 1, Y, 1, NULL));
    for (int i = 0; i < 4; i++) assert_close(Y[i], y[i], 0, 1e-6);
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    assert_non_null(file = malloc(bytes));
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, file, bytes));
    assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
    assert_ok(snnk_layer_bias(snnk_network_layer(loaded, 0), &bias[1]));
    assert_true(bias[0] == bias[1]);
    free(file);
    snnk_network_free(loaded);
    snnk_network_free(network);
}

/* x = 0 ... 3, y = 1e8 + x: slope 1, and no residuals. Neighbouring floats of this size are 8
 * apart. */
static void test_large_targets(void **state) {
    const double x[] = {0, 1, 2, 3}, y[] = {1e8, 1e8 + 1, 1e8 + 2, 1e8 + 3};
    snnk_score score = {.size = sizeof score};
    snnk_network *network = fit_identity(1, SNNK_ROWS(.n = 4, .X_f64 = x, .Y_f64 = y));
    float slope = 0;

    (void)state;
    assert_ok(snnk_layer_weights(snnk_network_layer(network, 0), &slope, 1, NULL));
    assert_close(slope, 1, 1e-7, 0);
    assert_ok(snnk_network_score(network, SNNK_ROWS(.n = 4, .X_f64 = x, .Y_f64 = y), NULL, &score));
    assert_close(sqrt(score.squared_error), 0, 0, 1e-6); /* doubles of 1e8 are 1.5e-8 apart */
    snnk_network_free(network);
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

/* ---- Fits of several batches, files, updates ---- */

static snnk_fit *begin_fit(int32_t kind, const snnk_scaling *scaling, double ridge) {
    snnk_map_config map_config;
    snnk_fit_config config;
    snnk_map *map;
    snnk_fit *fit;

    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.kind = kind;
    map_config.features = 20;
    assert_ok(snnk_map_create(D, &map_config, scaling, &map));
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = ridge;
    assert_ok(snnk_fit_create(map, 1, &config, &fit));
    snnk_map_free(map);
    return fit;
}

static snnk_fit *through_memory(snnk_fit *fit) {
    snnk_fit *loaded;
    size_t bytes;
    void *file;

    assert_ok(snnk_fit_saved_bytes(fit, &bytes));
    assert_non_null(file = malloc(bytes));
    assert_ok(snnk_fit_save_memory(fit, file, bytes));
    assert_ok(snnk_fit_load_memory(file, bytes, NULL, &loaded));
    free(file);
    snnk_fit_free(fit);
    return loaded;
}

/* Targets of far rows: a line in the near ones, plus 1e8. */
static void far_targets(const double *near, double *Y) {
    for (size_t i = 0; i < ROWS; i++) Y[i] = 1e8 + 2 * near[i * D] - near[i * D + 1];
}

/* Two batches, the fit saved and loaded between them, with and without a ridge to choose: the same
 * bits as without the file; the residuals are those of a line; and the network learns the second
 * batch again from its statistics. */
static void test_far_fit(void **state) {
    enum { FIRST = 30 };
    double X[ROWS * D], near[ROWS * D], Y[ROWS], out[2][ROWS];
    float near_f[ROWS * D];

    (void)state;
    fill_rows(X, near, near_f);
    far_targets(near, Y);
    for (int automatic = 0; automatic < 2; automatic++) {
        for (int saved = 0; saved < 2; saved++) {
            snnk_fit *fit = begin_fit(SNNK_MAP_IDENTITY, NULL, automatic ? SNNK_RIDGE_AUTO : 0);
            snnk_score score = {.size = sizeof score};
            snnk_network *network;

            assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = FIRST, .X_f64 = X, .Y_f64 = Y), NULL));
            if (saved) fit = through_memory(fit);
            assert_ok(snnk_fit_add(
                fit, SNNK_ROWS(.n = ROWS - FIRST, .X_f64 = X + FIRST * D, .Y_f64 = Y + FIRST),
                NULL));
            assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &network));
            assert_ok(snnk_network_forward_f64(network, ROWS, X, D, out[saved], 1, NULL));
            assert_ok(snnk_network_score(network, SNNK_ROWS(.n = ROWS, .X_f64 = X, .Y_f64 = Y),
                                         NULL, &score));
            assert_close(score.r2, 1, 0, 1e-10); /* floats of 1e-7; lambda of 1e-9 */
            snnk_network_free(network);
            snnk_fit_free(fit);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
    }
}

/* A network with statistics of the first batch learns the second one by snnk_network_features_f64:
 * the same solution as of all rows at once. */
static void test_far_update(void **state) {
    enum { FIRST = 30, REST = ROWS - FIRST };
    double X[ROWS * D], near[ROWS * D], Y[ROWS], out[2][ROWS];
    float near_f[ROWS * D], Phi[REST * D];
    snnk_fit *fit = begin_fit(SNNK_MAP_IDENTITY, NULL, 0);
    snnk_network *network, *all;
    snnk_lstsq *statistics;

    (void)state;
    fill_rows(X, near, near_f);
    far_targets(near, Y);
    for (size_t i = 0; i < ROWS; i++) Y[i] += (double)(i % 5); /* not quite a line */
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = FIRST, .X_f64 = X, .Y_f64 = Y), NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &network));
    assert_ok(snnk_fit_statistics(fit, NULL, &statistics));
    assert_ok(snnk_network_set_statistics(network, statistics));
    snnk_lstsq_free(statistics);
    assert_ok(
        snnk_fit_add(fit, SNNK_ROWS(.n = REST, .X_f64 = X + FIRST * D, .Y_f64 = Y + FIRST), NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &all));
    assert_ok(snnk_network_features_f64(network, REST, X + FIRST * D, D, Phi, D, NULL));
    assert_ok(snnk_lstsq_add(snnk_network_statistics(network),
                             SNNK_ROWS(.n = REST, .X = Phi, .Y_f64 = Y + FIRST), NULL));
    assert_ok(snnk_network_solve(network, NULL, NULL, NULL));
    assert_ok(snnk_network_forward_f64(network, ROWS, X, D, out[0], 1, NULL));
    assert_ok(snnk_network_forward_f64(all, ROWS, X, D, out[1], 1, NULL));
    for (size_t i = 0; i < ROWS; i++)
        assert_close(out[0][i], out[1][i], 1e-14, 1e-5); /* floats of the weights */
    snnk_network_free(network);
    snnk_network_free(all);
    snnk_fit_free(fit);
}

/* Random features without a scaling: the fit centers the map, and the model file keeps that, also
 * when it has only the seed of the rows. Without centering all rows would be one. */
static void test_far_features(void **state) {
    double X[ROWS * D], near[ROWS * D], Y[ROWS], out[2][ROWS];
    float near_f[ROWS * D];

    (void)state;
    fill_rows(X, near, near_f);
    far_targets(near, Y);
    for (int32_t kind = SNNK_MAP_ARC_COSINE; kind <= SNNK_MAP_IDENTITY; kind++)
        for (int32_t save = 0; save < 2; save++) {
            snnk_fit *fit = begin_fit(kind, NULL, 1e-3);
            snnk_score score = {.size = sizeof score};
            snnk_network *network, *loaded;
            size_t bytes;
            void *file;

            assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = ROWS, .X_f64 = X, .Y_f64 = Y), NULL));
            assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &network));
            assert_ok(snnk_network_score(network, SNNK_ROWS(.n = ROWS, .X_f64 = X, .Y_f64 = Y),
                                         NULL, &score));
            assert_true(score.r2 > 0.3);
            assert_ok(snnk_network_saved_bytes(network, save, &bytes));
            assert_non_null(file = malloc(bytes));
            assert_ok(snnk_network_save_memory(network, save, file, bytes));
            assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
            assert_ok(snnk_network_forward_f64(network, ROWS, X, D, out[0], 1, NULL));
            assert_ok(snnk_network_forward_f64(loaded, ROWS, X, D, out[1], 1, NULL));
            assert_memory_equal(out[0], out[1], sizeof out[0]);
            free(file);
            snnk_network_free(loaded);
            snnk_network_free(network);
            snnk_fit_free(fit);
        }
}

/* Inputs that are constants as floats are named: an error if all are, otherwise in the report. */
static void test_lost_inputs(void **state) {
    const double scale[D] = {1, 1}, near_second[D] = {0, far[1]};
    double X[ROWS * D], near[ROWS * D], Y[ROWS];
    float near_f[ROWS * D];
    snnk_scaling *scaling;
    snnk_fit *fit;

    (void)state;
    fill_rows(X, near, near_f);
    far_targets(near, Y);
    for (size_t i = 0; i < ROWS; i++) X[i * D] = 1700000000 + (double)(i % 8);
    for (size_t i = 0; i < ROWS; i++) X[i * D + 1] = -300000000 + (double)(i % 8);
    for (int second = 0; second < 2; second++) {
        snnk_fit_report report = {.size = sizeof report};
        snnk_layer *layer = NULL;

        assert_ok(snnk_scaling_create_given(D, second ? near_second : NULL, scale, NULL, &scaling));
        fit = begin_fit(SNNK_MAP_IDENTITY, scaling, 1);
        snnk_scaling_free(scaling);
        assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = ROWS, .X_f64 = X, .Y_f64 = Y), NULL));
        if (second) {
            assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
            assert_true(report.lost_inputs == 1 && report.first_lost_input == 0);
        } else {
            assert_status(snnk_fit_solve(fit, NULL, &report, &layer), SNNK_E_RANGE);
            assert_says("input 0 varies around 1700000000 by less than the spacing of floats");
        }
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
}

/* 46341^2 is above 2^31: refused before memory is asked for. */
static void test_too_many_features(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_map_config config;
    snnk_lstsq *s;
    snnk_map *map;
    snnk_fit *fit;

    (void)state;
    assert_status(snnk_lstsq_create(46341, 1, &allocator, &s), SNNK_E_SIZE);
    assert_says("features = 46341");
    assert_true(s == NULL);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(46341, &config, NULL, &map));
    assert_status(snnk_fit_create(map, 1, NULL, &fit), SNNK_E_SIZE);
    assert_says("use at most 46340 features");
    snnk_map_free(map);
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
    assert_ok(snnk_ridge_path_create(s, NULL, NULL, &path));
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
    assert_ok(snnk_ridge_path_create(s, NULL, NULL, &path));
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
    assert_ok(snnk_ridge_path_create(s, NULL, NULL, &path));
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
    assert_ok(snnk_ridge_path_create(s, NULL, NULL, &path));
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
        cmocka_unit_test(test_timestamps_lstsq),  cmocka_unit_test(test_timestamps_single),
        cmocka_unit_test(test_far_fit),           cmocka_unit_test(test_far_update),
        cmocka_unit_test(test_far_features),      cmocka_unit_test(test_lost_inputs),
        cmocka_unit_test(test_too_many_features), cmocka_unit_test(test_far_rows),
        cmocka_unit_test(test_exact_bias),        cmocka_unit_test(test_center_map),
        cmocka_unit_test(test_timestamps_fit),    cmocka_unit_test(test_large_targets),
        cmocka_unit_test(test_six_rows),          cmocka_unit_test(test_unequal_weights),
        cmocka_unit_test(test_large_weights),     cmocka_unit_test(test_weighted_constant),
        cmocka_unit_test(test_two_rows),          cmocka_unit_test(test_square),
        cmocka_unit_test(test_timestamps_loo),    cmocka_unit_test(test_prediction_variance),
        cmocka_unit_test(test_forget_huge),       cmocka_unit_test(test_forget_timestamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
