/* src/map/rbf.c: Nystroem features of the Gaussian kernel. */
#include "support/alloc.h"
#include "support/damage.h"
#include "support/draw.h"

#include "data/nystroem.h"

#define D NYSTROEM_D
#define M NYSTROEM_M
#define L NYSTROEM_OUTPUTS

/* Features in float: an exponent below 20 has an error of at most 20 units of 2^-24, which is the
 * relative error of k(x, z). M of them times K^(-1/2), whose norm is 0.153^(-1/2) = 2.6, have an
 * error at most M 2.6 times as large. */
static const double feature_tolerance = M * 2.6 * 20 * 0x1p-24;

static snnk_nystroem_config config_of(uint64_t features) {
    snnk_nystroem_config config;

    assert_ok(snnk_nystroem_config_init(&config, sizeof config));
    config.features = features;
    config.bandwidth = nystroem_bandwidth;
    return config;
}

/* The map with scikit-learn's components as landmarks. */
static snnk_map *reference_map(int32_t whiten) {
    snnk_nystroem_config config = config_of(M);
    snnk_map *map;

    config.whiten = whiten;
    assert_ok(snnk_map_create_nystroem(D, SNNK_ROWS(.n = M, .X = nystroem_components), &config,
                                       NULL, &map));
    return map;
}

static double kernel(const float *x, const float *y) {
    double sum = 0;

    for (size_t k = 0; k < D; k++) sum += ((double)x[k] - y[k]) * ((double)x[k] - y[k]);
    return exp(-sum / (2 * nystroem_bandwidth * nystroem_bandwidth));
}

/* ---- Values of the features ---- */

static void test_transform_is_that_of_scikit_learn(void **state) {
    snnk_map *map = reference_map(1);
    float Phi[NYSTROEM_TESTS * M];

    (void)state;
    assert_int_equal(snnk_map_inputs(map), D);
    assert_int_equal(snnk_map_features(map), M);
    assert_ok(snnk_map_input_tower(map, NYSTROEM_TESTS, nystroem_tests, D, Phi, M, NULL));
    for (size_t i = 0; i < NYSTROEM_TESTS * M; i++)
        assert_close(Phi[i], nystroem_transformed[i], 0, feature_tolerance);
    snnk_map_free(map);
}

/* Without whitening a feature is the kernel of the input and a landmark. */
static void test_plain_features_are_kernels(void **state) {
    snnk_map *map = reference_map(0);
    float Phi[NYSTROEM_TESTS * M];
    double value;

    (void)state;
    assert_ok(snnk_map_input_tower(map, NYSTROEM_TESTS, nystroem_tests, D, Phi, M, NULL));
    for (size_t i = 0; i < NYSTROEM_TESTS; i++)
        for (size_t j = 0; j < M; j++)
            assert_close(Phi[i * M + j],
                         kernel(nystroem_tests + i * D, nystroem_components + j * D), 20 * 0x1p-24,
                         0);
    assert_status(snnk_map_exact(map, nystroem_tests, nystroem_tests, 0, &value),
                  SNNK_E_UNSUPPORTED);
    snnk_map_free(map);
}

/* Between landmarks the inner products equal the kernel, K K^-1 K; the exact value can be computed
 * for any inputs. The weight tower equals the input tower. */
static void test_inner_products_are_the_kernel(void **state) {
    snnk_map *map = reference_map(1);
    float Phi[M * M], Psi[M * M], b[M] = {0};
    double value;

    (void)state;
    assert_ok(snnk_map_input_tower(map, M, nystroem_components, D, Phi, M, NULL));
    assert_ok(snnk_map_weight_tower(map, M, nystroem_components, D, NULL, Psi, M, NULL, NULL));
    assert_memory_equal(Psi, Phi, sizeof Phi);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++) {
            const float *x = nystroem_components + i * D, *y = nystroem_components + j * D;
            double sum = 0;

            for (size_t k = 0; k < M; k++) sum += (double)Phi[i * M + k] * Phi[j * M + k];
            assert_close(sum, kernel(x, y), 0, 2 * feature_tolerance);
            assert_ok(snnk_map_exact(map, x, y, 0, &value));
            assert_close(value, kernel(x, y), 1e-14, 0); /* a sum of 3 squares, and exp */
        }
    assert_status(snnk_map_weight_tower(map, M, nystroem_components, D, b, Psi, M, NULL, NULL),
                  SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_exact(map, nystroem_tests, nystroem_tests, 1, &value),
                  SNNK_E_UNSUPPORTED);
    snnk_map_free(map);
}

/* Inputs around 1000 with a spread of 1/8: exponents are computed from differences to the mean
 * landmark. 1000 and eighths are exact in float; features would be off by 1 if |x|^2 were used. */
static void test_inputs_far_from_zero(void **state) {
    float X[M * D], Phi[M * M];
    snnk_nystroem_config config = config_of(M);
    snnk_map *map;

    (void)state;
    for (size_t i = 0; i < M * D; i++) X[i] = 1000 + nystroem_components[i] / 8;
    config.bandwidth = nystroem_bandwidth / 8;
    config.whiten = 0;
    assert_ok(snnk_map_create_nystroem(D, SNNK_ROWS(.n = M, .X = X), &config, NULL, &map));
    assert_ok(snnk_map_input_tower(map, M, X, D, Phi, M, NULL));
    /* G x + c cancels numbers up to |g| 1000 = 10000, so 10000 units of 2^-24. */
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++) {
            double sum = 0;

            for (size_t k = 0; k < D; k++)
                sum += pow(((double)X[i * D + k] - X[j * D + k]) / config.bandwidth, 2);
            assert_close(Phi[i * M + j], exp(-sum / 2), 3e-3, 0);
        }
    snnk_map_free(map);
}

/* A map with a scaling equals the map of scaled inputs. */
static void test_scaling(void **state) {
    const double mean[D] = {0.5, -1, 2}, scale[D] = {2, 0.5, 1};
    float scaled[NYSTROEM_N * D], expected[NYSTROEM_N * M], actual[NYSTROEM_N * M];
    snnk_nystroem_config config = config_of(M);
    snnk_scaling *scaling;
    snnk_map *map;

    (void)state;
    config.seed = 4;
    config.bandwidth = 0;                       /* the median distance of scaled landmarks */
    for (size_t i = 0; i < NYSTROEM_N * D; i++) /* exact in float */
        scaled[i] = (float)(((double)nystroem_x[i] - mean[i % D]) * scale[i % D]);
    assert_ok(snnk_scaling_create_given(D, mean, scale, NULL, &scaling));
    assert_ok(snnk_map_create_nystroem(D, SNNK_ROWS(.n = NYSTROEM_N, .X = nystroem_x), &config,
                                       scaling, &map));
    assert_ok(snnk_map_input_tower(map, NYSTROEM_N, nystroem_x, D, actual, M, NULL));
    snnk_map_free(map);
    assert_ok(
        snnk_map_create_nystroem(D, SNNK_ROWS(.n = NYSTROEM_N, .X = scaled), &config, NULL, &map));
    assert_ok(snnk_map_input_tower(map, NYSTROEM_N, scaled, D, expected, M, NULL));
    for (size_t i = 0; i < NYSTROEM_N * M; i++) assert_close(actual[i], expected[i], 0, 1e-4);
    snnk_map_free(map);
    snnk_scaling_free(scaling);
}

/* ---- Landmarks ---- */

/* The landmarks of a plain map: the inputs whose own feature is 1. */
static void landmarks_of(const snnk_map *map, size_t m, size_t *rows) {
    float Phi[NYSTROEM_N * NYSTROEM_N];

    assert_ok(snnk_map_input_tower(map, NYSTROEM_N, nystroem_x, D, Phi, m, NULL));
    for (size_t j = 0; j < m; j++) {
        rows[j] = NYSTROEM_N;
        for (size_t i = 0; i < NYSTROEM_N; i++)
            if (Phi[i * m + j] > 1 - 1e-5f) {
                assert_int_equal(rows[j], NYSTROEM_N); /* no two rows are that close */
                rows[j] = i;
            }
        assert_true(rows[j] < NYSTROEM_N);
    }
}

static void test_sampled_landmarks(void **state) {
    const uint64_t features[] = {12, 5, 12, 1000};
    const uint64_t seeds[] = {1, 1, 2, 1};
    size_t rows[4][NYSTROEM_N] = {{0}}, differ = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const snnk_rows x = {.size = sizeof x, .n = NYSTROEM_N, .X = nystroem_x};
        snnk_nystroem_config config = config_of(features[i]);
        snnk_map *map;

        config.seed = seeds[i];
        config.whiten = 0;
        assert_ok(snnk_map_create_nystroem(D, &x, &config, NULL, &map));
        assert_int_equal(snnk_map_features(map), i == 3 ? NYSTROEM_N : features[i]);
        landmarks_of(map, snnk_map_features(map), rows[i]);
        snnk_map_free(map);
    }
    for (size_t j = 0; j < 12; j++)
        for (size_t k = 0; k < j; k++) assert_true(rows[0][j] != rows[0][k]);
    /* A smaller sample is the beginning of a larger one. */
    for (size_t j = 0; j < 5; j++) assert_int_equal(rows[1][j], rows[0][j]);
    for (size_t j = 0; j < 12; j++) differ += rows[2][j] != rows[0][j];
    assert_true(differ > 0);
    /* If all rows are landmarks, they keep their order. */
    for (size_t j = 0; j < NYSTROEM_N; j++) assert_int_equal(rows[3][j], j);
}

/* The default bandwidth is the median distance: 3 landmarks on a line, at distances 1, 2 and 3. */
static void test_median_bandwidth(void **state) {
    const float X[3] = {0, 1, 3};
    snnk_nystroem_config config = config_of(3);
    snnk_map_config read;
    snnk_map *map;

    (void)state;
    config.bandwidth = 0;
    assert_ok(snnk_map_create_nystroem(1, SNNK_ROWS(.n = 3, .X = X), &config, NULL, &map));
    assert_ok(snnk_map_config_init(&read, sizeof read));
    assert_ok(snnk_map_block_config(map, 0, &read));
    assert_int_equal(read.kind, SNNK_MAP_RBF);
    assert_string_equal(snnk_map_kind_name(read.kind), "rbf");
    assert_int_equal(read.projection, SNNK_PROJECTION_GIVEN);
    assert_close(read.projection_scale, 0.5, 1e-15, 0);
    snnk_map_free(map);
}

/* Rows in double give the same landmarks. */
static void test_rows_in_double(void **state) {
    double x[M * D];
    float Phi[2][NYSTROEM_TESTS * M];
    const snnk_nystroem_config config = config_of(M);
    snnk_map *maps[2] = {reference_map(1)};

    (void)state;
    for (size_t i = 0; i < M * D; i++) x[i] = nystroem_components[i];
    assert_ok(snnk_map_create_nystroem(D, SNNK_ROWS(.n = M, .X_f64 = x), &config, NULL, &maps[1]));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(
            snnk_map_input_tower(maps[i], NYSTROEM_TESTS, nystroem_tests, D, Phi[i], M, NULL));
        snnk_map_free(maps[i]);
    }
    assert_memory_equal(Phi[0], Phi[1], sizeof Phi[0]);
}

/* Landmarks that are nearly equal: K is singular, eigenvalues are raised, and features stay
 * small. */
static void test_equal_landmarks(void **state) {
    float X[6 * D], Phi[6 * 6];
    snnk_map *map;

    (void)state;
    for (size_t i = 0; i < 6 * D; i++) X[i] = nystroem_components[i % (2 * D)];
    assert_ok(snnk_map_create_nystroem(D, SNNK_ROWS(.n = 6, .X = X), NULL, NULL, &map));
    assert_ok(snnk_map_input_tower(map, 6, X, D, Phi, 6, NULL));
    for (size_t i = 0; i < 6; i++) {
        double sum = 0;

        for (size_t k = 0; k < 6; k++) sum += (double)Phi[i * 6 + k] * Phi[i * 6 + k];
        /* k(x, x) = 1, with noise of 20 units of 2^-24 times 1e4, the largest entry that is
         * allowed. */
        assert_close(sum, 1, 0, 6 * 20 * 0x1p-24 * 1e4);
    }
    snnk_map_free(map);
}

/* ---- Derivatives ---- */

/* The derivatives of exp(-|x-z|^2/(2 s^2)) in closed form: -(x-z)/s^2 and |x-z|^2/s^4 - d/s^2 times
 * it. */
static void test_derivatives_of_plain_features(void **state) {
    const double s2 = nystroem_bandwidth * nystroem_bandwidth;
    snnk_map *map = reference_map(0);
    float J[M * D], Lap[M];

    (void)state;
    for (size_t i = 0; i < NYSTROEM_TESTS; i++) {
        const float *x = nystroem_tests + i * D;

        assert_ok(snnk_map_gradient(map, x, J, D));
        assert_ok(snnk_map_laplacian(map, 1, x, D, Lap, M, NULL));
        for (size_t j = 0; j < M; j++) {
            const float *z = nystroem_components + j * D;
            const double phi = kernel(x, z);
            double distance2 = 0;

            for (size_t k = 0; k < D; k++) {
                const double away = (double)x[k] - z[k];

                distance2 += away * away;
                /* G and the constant are floats: a few units of 2^-24 of each term. */
                assert_close(J[j * D + k], -away / s2 * phi, 0, 1e-6);
            }
            assert_close(Lap[j], (distance2 / (s2 * s2) - D / s2) * phi, 0, 4e-6);
        }
    }
    snnk_map_free(map);
}

/* Whitened features are K^(-1/2) times the plain ones, and so are their derivatives. K^(1/2) holds
 * the whitened features of the landmarks. Thus K^(1/2) times the whitened derivative is the plain
 * one. */
static void test_derivatives_of_whitened_features(void **state) {
    snnk_map *map = reference_map(1), *plain = reference_map(0);
    float root[M * M], J[2][M * D], Lap[2][M];

    (void)state;
    assert_ok(snnk_map_input_tower(map, M, nystroem_components, D, root, M, NULL));
    for (size_t i = 0; i < NYSTROEM_TESTS; i++) {
        const float *x = nystroem_tests + i * D;
        snnk_map *const maps[2] = {map, plain};

        for (size_t k = 0; k < 2; k++) {
            assert_ok(snnk_map_gradient(maps[k], x, J[k], D));
            assert_ok(snnk_map_laplacian(maps[k], 1, x, D, Lap[k], M, NULL));
        }
        for (size_t j = 0; j < M; j++) {
            double sums[D + 1] = {0};

            for (size_t p = 0; p < M; p++) {
                for (size_t k = 0; k < D; k++) sums[k] += (double)root[j * M + p] * J[0][p * D + k];
                sums[D] += (double)root[j * M + p] * Lap[0][p];
            }
            /* Roundings of K^(-1/2), of norm 2.6, and of K^(1/2), of norm 1.7. */
            for (size_t k = 0; k < D; k++) assert_close(sums[k], J[1][j * D + k], 0, 4e-6);
            assert_close(sums[D], Lap[1][j], 0, 2e-5);
        }
    }
    snnk_map_free(plain);
    snnk_map_free(map);
}

/* ---- Layers ---- */

static snnk_layer *fitted_layer(const snnk_map *map) {
    snnk_fit_config config;
    snnk_layer *layer;
    snnk_fit *fit;

    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = nystroem_alpha;
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    for (size_t first = 0; first < NYSTROEM_N; first += 10) /* rows added in batches */
        assert_ok(snnk_fit_add(
            fit, SNNK_ROWS(.n = 10, .X = nystroem_x + first * D, .Y = nystroem_y + first * L),
            NULL));
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    snnk_fit_free(fit);
    return layer;
}

/* The ridge acts on whitened features, as in scikit-learn's Ridge after Nystroem; and a forward is
 * as fast as one with plain kernels. */
static void test_ridge_is_that_of_scikit_learn(void **state) {
    snnk_map *map = reference_map(1);
    snnk_layer *layer = fitted_layer(map);
    float Y[NYSTROEM_TESTS * L], again[NYSTROEM_TESTS * L], Phi[NYSTROEM_TESTS * M];

    (void)state;
    assert_ok(snnk_layer_forward(layer, NYSTROEM_TESTS, nystroem_tests, D, Y, L, NULL));
    /* Psi is below 3. Features have the errors above, and so does Psi, which is fitted to 40 rows
     * of them. */
    for (size_t i = 0; i < NYSTROEM_TESTS * L; i++)
        assert_close(Y[i], nystroem_predicted[i], 0, 2 * M * 3 * feature_tolerance);
    assert_ok(snnk_map_input_tower(map, NYSTROEM_TESTS, nystroem_tests, D, Phi, M, NULL));
    assert_ok(snnk_layer_readout(layer, NYSTROEM_TESTS, Phi, M, again, L, NULL));
    for (size_t i = 0; i < NYSTROEM_TESTS * L; i++)
        assert_close(again[i], Y[i], 0, M * 3 * feature_tolerance);
    /* Landmarks, |x~|^2, Psi: nothing grows with m^2. */
    assert_int_equal(snnk_layer_multiply_adds(layer), M * D + D + M * L);
    snnk_layer_free(layer);
    snnk_map_free(map);
}

/* A tower has features only, so it multiplies by the matrix. */
static void test_tower(void **state) {
    snnk_map *map = reference_map(1);
    float Phi[NYSTROEM_TESTS * M], Y[NYSTROEM_TESTS * M];
    snnk_layer *tower;

    (void)state;
    assert_ok(snnk_layer_create_tower(map, &tower));
    assert_ok(snnk_map_input_tower(map, NYSTROEM_TESTS, nystroem_tests, D, Phi, M, NULL));
    assert_ok(snnk_layer_forward(tower, NYSTROEM_TESTS, nystroem_tests, D, Y, M, NULL));
    assert_memory_equal(Y, Phi, sizeof Y);
    assert_int_equal(snnk_layer_multiply_adds(tower), M * D + D + M * M);
    snnk_layer_free(tower);
    snnk_map_free(map);
}

/* One row of a large layer is divided between threads, with the same bits. */
static void test_divided_between_threads(void **state) {
    enum { d = 40, m = 512, l = 600, n = 3 };
    float *X = malloc((m + n) * d * sizeof *X), *Psi = malloc(m * l * sizeof *Psi);
    float *Y = malloc(2 * n * l * sizeof *Y);
    snnk_nystroem_config config = config_of(m);
    snnk_workspace *workspace;
    snnk_layer *layer;
    snnk_map *map;

    (void)state;
    draw_floats(X, (m + n) * d, 1);
    draw_floats(Psi, m * l, 2);
    config.bandwidth = 2;
    assert_ok(snnk_map_create_nystroem(d, SNNK_ROWS(.n = m, .X = X), &config, NULL, &map));
    assert_ok(snnk_layer_create(map, l, Psi, m, NULL, &layer));
    assert_ok(snnk_workspace_create(4, NULL, &workspace));
    assert_ok(snnk_layer_forward(layer, n, X + m * d, d, Y, l, NULL));
    assert_ok(snnk_layer_forward(layer, n, X + m * d, d, Y + n * l, l, workspace));
    assert_memory_equal(Y, Y + n * l, n * l * sizeof *Y);
    snnk_workspace_free(workspace);
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(Y);
    free(Psi);
    free(X);
}

/* Together with blocks of other kinds, each block keeps its part of Psi. */
static void test_beside_another_block(void **state) {
    snnk_map *parts[2] = {reference_map(1), NULL}, *both;
    snnk_layer *layers[3];
    float Psi[L * (M + D)], parts_of_Psi[2][L * M], Y[3][NYSTROEM_TESTS * L];
    snnk_map_config config;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(D, &config, NULL, &parts[1]));
    assert_ok(snnk_map_concat(2, (const snnk_map *const *)parts, &both));
    draw_floats(Psi, L * (M + D), 6);
    for (size_t i = 0; i < L; i++) {
        memcpy(parts_of_Psi[0] + i * M, Psi + i * (M + D), M * sizeof *Psi);
        memcpy(parts_of_Psi[1] + i * D, Psi + i * (M + D) + M, D * sizeof *Psi);
    }
    assert_ok(snnk_layer_create(parts[0], L, parts_of_Psi[0], M, NULL, &layers[0]));
    assert_ok(snnk_layer_create(parts[1], L, parts_of_Psi[1], D, NULL, &layers[1]));
    assert_ok(snnk_layer_create(both, L, Psi, M + D, NULL, &layers[2]));
    for (size_t i = 0; i < 3; i++) {
        assert_ok(snnk_layer_forward(layers[i], NYSTROEM_TESTS, nystroem_tests, D, Y[i], L, NULL));
        snnk_layer_free(layers[i]);
    }
    for (size_t i = 0; i < NYSTROEM_TESTS * L; i++) /* sums of 10 terms below 4 */
        assert_close(Y[2][i], (double)Y[0][i] + Y[1][i], 0, 10 * 4 * 0x1p-24);
    snnk_map_free(both);
    snnk_map_free(parts[0]);
    snnk_map_free(parts[1]);
}

/* ---- Files ---- */

static void *saved(const snnk_network *network, size_t *bytes) {
    void *file;

    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_SEED, bytes));
    assert_non_null(file = malloc(*bytes));
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_SEED, file, *bytes));
    return file;
}

static void *saved_layer(int32_t whiten, size_t *bytes, snnk_network **network) {
    snnk_map *map = reference_map(whiten);
    snnk_layer *layer = fitted_layer(map);

    assert_ok(snnk_network_create(NULL, network));
    assert_ok(snnk_network_append(*network, layer));
    snnk_layer_free(layer);
    snnk_map_free(map);
    return saved(*network, bytes);
}

static void test_round_trip(void **state) {
    (void)state;
    for (int32_t whiten = 0; whiten < 2; whiten++) {
        snnk_network *network, *loaded;
        float Y[2][NYSTROEM_TESTS * L], Phi[2][NYSTROEM_TESTS * M];
        size_t bytes, bytes_again;
        void *file = saved_layer(whiten, &bytes, &network), *again;

        assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
        for (size_t i = 0; i < 2; i++) {
            const snnk_network *of = i ? loaded : network;

            assert_ok(snnk_network_forward(of, NYSTROEM_TESTS, nystroem_tests, D, Y[i], L, NULL));
            assert_ok(
                snnk_network_features(of, NYSTROEM_TESTS, nystroem_tests, D, Phi[i], M, NULL));
        }
        assert_memory_equal(Y[0], Y[1], sizeof Y[0]);
        assert_memory_equal(Phi[0], Phi[1], sizeof Phi[0]);
        again = saved(loaded, &bytes_again);
        assert_int_equal(bytes, bytes_again);
        assert_memory_equal(file, again, bytes);
        snnk_network_free(loaded);
        snnk_network_free(network);
        free(again);
        free(file);
    }
}

#define B "blocks.0."

static const change changes[] = {
    KEY("projection", 0, "\"gaussian\"", "the landmarks are \"gaussian\""),
    KEY("projection_scale", 0, "0", "\"projection_scale\" is 0"),
    KEY("projection_scale", 0, NULL, "projection_scale"),
    KEY("whitened", 0, "1", "whitened"),
    KEY("features", 0, "6", "psi"),
    SHAPE(B "G", 2, B "G"),
    SHAPE(B "offset", 1, B "offset"),
    SHAPE(B "center", 1, B "center"),
    SHAPE(B "scale", 2, B "scale"),
    SHAPE(B "constant", 1, B "constant"),
    SHAPE(B "whitening", 1, B "whitening"),
    SHAPE(B "whitening", 2, B "whitening"),
    NONFINITE(B "center", 1, NAN, B "center"),
    NONFINITE(B "constant", 2, INFINITY, B "constant"),
    NONFINITE(B "whitening", 9, NAN, B "whitening"),
    WRONG(B "scale", 0, 0, "scale[0] = 0"),
    WRONG(B "scale", 2, -1, "scale[2] = -1"),
};

static void test_refuses_damaged_files(void **state) {
    snnk_network *network;
    size_t bytes;
    void *file = saved_layer(1, &bytes, &network);

    (void)state;
    check_refuses_changes(file, bytes, sizeof changes / sizeof *changes, changes);
    snnk_network_free(network);
    free(file);
}

/* ---- Folding and redrawing ---- */

/* exp(-|V y + c - z|^2/2 s^2) of plain features; whitened ones cannot be folded. */
static void test_fold(void **state) {
    const float V[D * 2] = {1, 0, 0.5f, -1, 0, 2}, c[D] = {0.25f, 0, -0.5f}, y[2] = {0.5f, -0.25f};
    snnk_map *plain = reference_map(0), *whitened = reference_map(1), *folded;
    snnk_prediction prediction = {.size = sizeof prediction};
    float x[D], expected[M], actual[M];

    (void)state;
    for (size_t k = 0; k < D; k++) x[k] = V[2 * k] * y[0] + V[2 * k + 1] * y[1] + c[k];
    assert_ok(snnk_map_input_tower(plain, 1, x, D, expected, M, NULL));
    assert_ok(snnk_map_fold(plain, 2, V, 2, c, &folded));
    assert_ok(snnk_map_input_tower(folded, 1, y, 2, actual, M, NULL));
    for (size_t j = 0; j < M; j++) assert_close(actual[j], expected[j], 1e-5, 0);
    snnk_map_free(folded);
    assert_status(snnk_map_fold(whitened, 2, V, 2, c, &folded), SNNK_E_UNSUPPORTED);
    assert_null(folded);
    assert_status(snnk_map_redraw(plain, 1, M, nystroem_components, D, &folded),
                  SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_predict_norms(whitened, 1, 1, 0, 0, NULL, &prediction),
                  SNNK_E_UNSUPPORTED);
    snnk_map_free(whitened);
    snnk_map_free(plain);
}

/* Features without whitening approximate no kernel: they have no weight tower. */
static void test_plain_features_have_no_weight_tower(void **state) {
    snnk_map *plain = reference_map(0), *whitened = reference_map(1);
    float Psi[M], bias = 7;
    snnk_layer *layer;
    double value;

    (void)state;
    assert_status(snnk_map_weight_tower(plain, 1, nystroem_tests, D, NULL, Psi, M, &bias, NULL),
                  SNNK_E_UNSUPPORTED);
    assert_says("not whitened");
    assert_status(snnk_map_exact(plain, nystroem_tests, nystroem_tests, 0, &value),
                  SNNK_E_UNSUPPORTED);
    assert_status(snnk_layer_create_from_weights(plain, 1, nystroem_tests, D, NULL, &layer),
                  SNNK_E_UNSUPPORTED);
    assert_null(layer);
    assert_ok(snnk_map_weight_tower(whitened, 1, nystroem_tests, D, NULL, Psi, M, &bias, NULL));
    snnk_map_free(whitened);
    snnk_map_free(plain);
}

/* A layer of whitened features cannot take over the weights of the layer before it: a bundle keeps
 * it as it is, and bundles the others. */
static void test_bundle_keeps_whitened_features(void **state) {
    enum { WIDE = 4 };
    static float Psi[L * M], W[D * WIDE], V[WIDE * L];
    const float x[WIDE] = {0.5f, -0.25f, 1, 0.125f};
    snnk_map *map = reference_map(1);
    snnk_network *network, *bundled;
    snnk_layer *first, *second, *third;
    float expected[WIDE], actual[WIDE];

    (void)state;
    for (size_t i = 0; i < D * WIDE; i++) W[i] = (float)(i % 5) / 4 - 0.5f;
    for (size_t i = 0; i < WIDE * L; i++) V[i] = (float)(i % 3) - 1;
    for (size_t i = 0; i < L * M; i++) Psi[i] = (float)(i % 7) / 7 - 0.5f;
    assert_ok(snnk_layer_create_dense(WIDE, D, W, WIDE, NULL, SNNK_IDENTITY, NULL, &first));
    assert_ok(snnk_layer_create(map, L, Psi, M, NULL, &second));
    assert_ok(snnk_layer_create_dense(L, WIDE, V, L, NULL, SNNK_IDENTITY, NULL, &third));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, first));
    assert_ok(snnk_network_append(network, second));
    assert_ok(snnk_network_append(network, third));
    assert_ok(snnk_network_bundle(network, 0, 2, &bundled));
    assert_int_equal(snnk_network_layers(bundled), 2); /* the third joined the second */
    assert_ok(snnk_network_forward(network, 1, x, WIDE, expected, WIDE, NULL));
    assert_ok(snnk_network_forward(bundled, 1, x, WIDE, actual, WIDE, NULL));
    /* Psi times K^(-1/2) is rounded once more: sums of M L products of numbers below 1 and 2.6. */
    for (size_t k = 0; k < WIDE; k++)
        assert_close(actual[k], expected[k], 0, M * L * 2.6 * 4 * 0x1p-24);
    snnk_network_free(bundled);
    snnk_network_free(network);
    snnk_layer_free(third);
    snnk_layer_free(second);
    snnk_layer_free(first);
    snnk_map_free(map);
}

static void refused(const snnk_rows *rows, const snnk_nystroem_config *config, int status,
                    const char *says) {
    snnk_map *map = (snnk_map *)&status;

    assert_status(snnk_map_create_nystroem(D, rows, config, NULL, &map), status);
    assert_null(map);
    assert_says(says);
}

static void test_misuse(void **state) {
    const float bad[D] = {0, NAN, 0}, far[2 * D] = {0, 0, 0, 1e20f, 0, 0};
    const snnk_rows rows = {.size = sizeof rows, .n = M, .X = nystroem_components};
    snnk_nystroem_config config = config_of(M);
    snnk_scaling *scaling;
    snnk_map_config kind;
    snnk_map *map;

    (void)state;
    assert_status(snnk_map_create_nystroem(D, &rows, &config, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_create_nystroem(0, &rows, &config, NULL, &map), SNNK_E_SHAPE);
    refused(NULL, &config, SNNK_E_NULL, "rows");
    refused(SNNK_ROWS(.n = 0, .X = bad), &config, SNNK_E_SHAPE, "n = 0");
    refused(SNNK_ROWS(.n = 1, .X = bad), &config, SNNK_E_NONFINITE, "");
    refused(SNNK_ROWS(.n = 1, .X = bad, .inputs = 2), &config, SNNK_E_SHAPE, "columns of X");
    config.bandwidth = 1;
    refused(SNNK_ROWS(.n = 2, .X = far), &config, SNNK_E_NONFINITE, "range of float");
    config = config_of(0);
    refused(&rows, &config, SNNK_E_SHAPE, "features = 0");
    config = config_of(M);
    config.bandwidth = -1;
    refused(&rows, &config, SNNK_E_RANGE, "bandwidth");
    config = config_of(M);
    config.smallest_eigenvalue = 0;
    refused(&rows, &config, SNNK_E_RANGE, "smallest_eigenvalue");
    config = config_of(M);
    config.whiten = 2;
    refused(&rows, &config, SNNK_E_ENUM, "whiten");
    assert_ok(snnk_scaling_create(D, SNNK_SCALING_COMMON, NULL, &scaling));
    assert_status(snnk_map_create_nystroem(D, &rows, NULL, scaling, &map), SNNK_E_STATE);
    snnk_scaling_free(scaling);
    assert_ok(snnk_scaling_create_given(2, NULL, NULL, NULL, &scaling));
    assert_status(snnk_map_create_nystroem(D, &rows, NULL, scaling, &map), SNNK_E_SHAPE);
    snnk_scaling_free(scaling);
    assert_ok(snnk_map_config_init(&kind, sizeof kind));
    kind.kind = SNNK_MAP_RBF;
    assert_status(snnk_map_create(D, &kind, NULL, &map), SNNK_E_UNSUPPORTED);
}

static void test_failing_allocations(void **state) {
    snnk_nystroem_config config = config_of(5);
    snnk_scaling *scaling;
    test_memory memory;
    int st;

    (void)state;
    snnk_allocator allocator = test_memory_allocator(&memory);
    config.allocator = &allocator;
    config.bandwidth = 0;
    assert_ok(snnk_scaling_create_given(D, NULL, NULL, NULL, &scaling));
    assert_survives_failing_allocations(memory, st, {
        const float Psi[5] = {1, 2, 3, 4, 5};
        snnk_layer *layer = NULL;
        float J[5 * D];
        snnk_map *map;

        st = snnk_map_create_nystroem(D, SNNK_ROWS(.n = NYSTROEM_N, .X = nystroem_x), &config,
                                      scaling, &map);
        if (st == SNNK_OK) st = snnk_layer_create(map, 1, Psi, 5, NULL, &layer);
        if (st == SNNK_OK) st = snnk_map_gradient(map, nystroem_tests, J, D);
        snnk_layer_free(layer);
        snnk_map_free(map);
    });
    snnk_scaling_free(scaling);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transform_is_that_of_scikit_learn),
        cmocka_unit_test(test_plain_features_are_kernels),
        cmocka_unit_test(test_inner_products_are_the_kernel),
        cmocka_unit_test(test_inputs_far_from_zero),
        cmocka_unit_test(test_scaling),
        cmocka_unit_test(test_sampled_landmarks),
        cmocka_unit_test(test_median_bandwidth),
        cmocka_unit_test(test_rows_in_double),
        cmocka_unit_test(test_equal_landmarks),
        cmocka_unit_test(test_derivatives_of_plain_features),
        cmocka_unit_test(test_derivatives_of_whitened_features),
        cmocka_unit_test(test_ridge_is_that_of_scikit_learn),
        cmocka_unit_test(test_tower),
        cmocka_unit_test(test_divided_between_threads),
        cmocka_unit_test(test_beside_another_block),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refuses_damaged_files),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_plain_features_have_no_weight_tower),
        cmocka_unit_test(test_bundle_keeps_whitened_features),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
