/* src/map: the values that maps compute. (Kernels of random maps: test_map_kernel.c. Misuse and
 * memory: test_map_misuse.c. Scalings: test_scaling.c.) */
#include "support/compare.h"
#include "support/draw.h"
#include "support/maps.h"

#include <stdbool.h>

#include "base/random.h"

/* ---- Values of maps ---- */

static void test_defaults(void **state) {
    snnk_map_config config;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    assert_int_equal(config.size, sizeof config);
    assert_int_equal(config.features, 1024);
    assert_true(config.seed == 0 && config.floor == 0 && config.projection_scale == 1);
    assert_true(config.offset_scale == 0 && config.kind == SNNK_MAP_ARC_COSINE);
    assert_true(config.order == 1 && config.activation == SNNK_RELU && !config.allocator);
    assert_int_equal(config.projection, SNNK_PROJECTION_GAUSSIAN);
    map = map_of(3, NULL, NULL);
    assert_int_equal(snnk_map_features(map), 1024);
    assert_int_equal(snnk_map_inputs(map), 3);
    assert_int_equal(snnk_map_blocks(map), 1);
    snnk_map_free(map);
    assert_int_equal(snnk_map_inputs(NULL) + snnk_map_features(NULL) + snnk_map_blocks(NULL), 0);
    snnk_map_free(NULL);
}

/* By hand: G = (1 2 0; 0 -1 3), c = (0.5, -1), x = (1, 2, -1), so z = (5.5, -6). The rows are
 * given, so a = 1. */
static void test_given_rows_by_hand(void **state) {
    const float G[2 * 4] = {1, 2, 0, -99, 0, -1, 3, -99}, c[2] = {0.5f, -1}, x[3] = {1, 2, -1};
    static const struct {
        int32_t kind, order, activation;
        double floor, phi[4];
    } cases[] = {
        {SNNK_MAP_ARC_COSINE, 0, 0, 0, {1, 0}},
        {SNNK_MAP_ARC_COSINE, 1, 0, 0, {5.5, 0}},
        {SNNK_MAP_ARC_COSINE, 2, 0, 0, {30.25, 0}},
        {SNNK_MAP_ARC_COSINE, 1, 0, -2, {5.5, -2}},
        {SNNK_MAP_ARC_COSINE, 2, 0, -2, {30.25, 4}},
        {SNNK_MAP_ELEMENTWISE, 1, SNNK_IDENTITY, 0, {5.5, -6}},
        /* cos and sin of 5.5 and of -6 */
        {SNNK_MAP_GAUSSIAN,
         1,
         0,
         0,
         {0.70866977429126, -0.70554032557039, 0.96017028665037, 0.27941549819893}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snnk_map_config config = config_of(cases[i].kind, 777);
        const size_t m = cases[i].kind == SNNK_MAP_GAUSSIAN ? 4 : 2;
        float phi[4], rows[6], offsets[2];
        snnk_map *map;

        config.order = cases[i].order;
        config.activation = cases[i].activation;
        config.floor = cases[i].floor;
        config.projection_scale = 100; /* these two are ignored, like features */
        config.offset_scale = 100;
        assert_ok(snnk_map_create_from_rows(3, 2, G, 4, c, &config, NULL, &map));
        assert_int_equal(snnk_map_features(map), m);
        assert_ok(snnk_map_input_tower(map, 1, x, 3, phi, m, NULL));
        for (size_t j = 0; j < m; j++) /* exact, or two roundings of libm's cosf and sinf */
            assert_close(phi[j], cases[i].phi[j], m == 4 ? 0x1p-22 : 0, 0);
        assert_ok(snnk_map_block_rows(map, 0, rows, 3, offsets));
        for (size_t k = 0; k < 6; k++) assert_true(rows[k] == G[k / 3 * 4 + k % 3]);
        assert_memory_equal(offsets, c, sizeof c);
        assert_ok(snnk_map_block_config(map, 0, &config));
        assert_int_equal(config.projection, SNNK_PROJECTION_GIVEN);
        assert_int_equal(config.features, m);
        snnk_map_free(map);
    }
}

static void test_identity(void **state) {
    const double mean[2] = {1, -2}, scale[2] = {2, 0.5};
    const float x[2] = {4, 8};
    snnk_map_config config = config_of(SNNK_MAP_IDENTITY, 12345);
    float phi[2], G[4], c[2];
    snnk_scaling *scaling;
    snnk_map *map = map_of(2, &config, NULL);

    (void)state;
    assert_int_equal(snnk_map_features(map), 2);
    assert_ok(snnk_map_input_tower(map, 1, x, 2, phi, 2, NULL));
    assert_memory_equal(phi, x, sizeof x);
    snnk_map_free(map);

    assert_ok(snnk_scaling_create_given(2, mean, scale, NULL, &scaling));
    map = map_of(2, &config, scaling);
    snnk_scaling_free(scaling); /* the map has copied it */
    assert_ok(snnk_map_input_tower(map, 1, x, 2, phi, 2, NULL));
    assert_true(phi[0] == 6 && phi[1] == 5); /* (4 - 1) 2, (8 + 2)/2 */
    assert_ok(snnk_map_block_rows(map, 0, G, 2, c));
    assert_true(G[0] == 2 && G[1] == 0 && G[2] == 0 && G[3] == 0.5f && c[0] == -2 && c[1] == 1);
    snnk_map_free(map);
}

/* Phi is h(G x + c)/sqrt(r), recomputed in double from the rows that the map returns. A sum of 5
 * products has an error of 6 2^-24 of its magnitude, at most 30 here. h has slope 1 or less, except
 * z^2 with z up to 30: slope 60. exp is not among these. Divided by sqrt(r) >= 3. */
static void test_drawn_maps_match_their_rows(void **state) {
    enum { n = 9, d = 5 };
    snnk_map_config configs[32];
    const size_t count = all_configs(configs);
    float X[n * d];

    (void)state;
    draw_floats(X, n * d, 1);
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(d, &configs[t], NULL);
        const size_t m = snnk_map_features(map),
                     r = m / (configs[t].kind == SNNK_MAP_GAUSSIAN ? 2 : 1);
        float G[13 * d], c[13], Phi[n * 18];

        assert_ok(snnk_map_block_rows(map, 0, G, d, c));
        assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < r; j++) {
                const double a = configs[t].kind == SNNK_MAP_IDENTITY ? 1 : 1 / sqrt((double)r);
                double z = (double)c[j], h = 0;
                float h_float;

                for (size_t k = 0; k < d; k++) z += (double)G[j * d + k] * (double)X[i * d + k];
                assert_true(fabs(z) < 30);
                if (configs[t].kind == SNNK_MAP_GAUSSIAN) {
                    assert_close(Phi[i * m + 2 * j], a * cos(z), 0, 180 * 0x1p-24);
                    assert_close(Phi[i * m + 2 * j + 1], a * sin(z), 0, 180 * 0x1p-24);
                    continue;
                }
                if (configs[t].kind == SNNK_MAP_ELEMENTWISE) {
                    const float z_float = (float)z;

                    assert_ok(snnk_activation_eval(configs[t].activation, 1, &z_float, &h_float));
                    h = (double)h_float;
                } else {
                    h = configs[t].kind == SNNK_MAP_IDENTITY ? z
                        : configs[t].order == 0              ? z > 0
                                                : pow(fmax(z, configs[t].floor), configs[t].order);
                }
                assert_close(Phi[i * m + j], a * h, 0,
                             180 * 0x1p-24 * (configs[t].order == 2 ? 20 : 1));
            }
        snnk_map_free(map);
    }
}

/* Four times the error of z = g . x + c in float, |c| <= 4, times |z| + 1: features are at most
 * z^2, and scaled by 1/4. */
static double prefix_bound(const float *x, const float *g, size_t d) {
    double size = 5;

    for (size_t k = 0; k < d; k++) size += fabs((double)x[k] * (double)g[k]);
    return 2 * (double)(d + 4) * 0x1p-24 * size * size;
}

/* A map of m features is a prefix of one of 4 m, up to a: 1/sqrt(r) compared with 1/sqrt(4 r),
 * which is exactly half if both are powers of two. Rows and offsets are equal bit for bit for any
 * m. */
static void test_prefix(void **state) {
    enum { n = 3, d = 6 };
    float X[n * d], G[2][64 * d], c[2][64], Phi[2][n * 128];

    (void)state;
    draw_floats(X, n * d, 2);
    for (int32_t projection = 0; projection < PROJECTIONS; projection++)
        for (int32_t kind = 0; kind < SNNK_MAP_IDENTITY; kind++) {
            const size_t each = kind == SNNK_MAP_GAUSSIAN ? 2 : 1;

            for (size_t r = 1; r < 64; r += r == 16 ? 1 : 3) {
                for (size_t big = 0; big < 2; big++) {
                    snnk_map_config config = config_of(kind, each * (big ? 64 : r));
                    snnk_map *map;

                    config.projection = projection;
                    config.seed = 17;
                    config.offset_scale = each == 2 ? 0 : 1;
                    map = map_of(d, &config, NULL);
                    assert_ok(snnk_map_block_rows(map, 0, G[big], d, c[big]));
                    assert_ok(
                        snnk_map_input_tower(map, n, X, d, Phi[big], snnk_map_features(map), NULL));
                    snnk_map_free(map);
                }
                assert_memory_equal(G[0], G[1], r * d * sizeof(float));
                assert_memory_equal(c[0], c[1], r * sizeof(float));
                /* The order of the sums over inputs depends on m. */
                for (size_t i = 0; r == 16 && i < n; i++)
                    for (size_t j = 0; j < each * r; j++)
                        assert_close(Phi[0][i * each * 16 + j],
                                     2 * (double)Phi[1][i * each * 64 + j], 0,
                                     prefix_bound(X + i * d, G[0] + j / each * d, d));
            }
        }
}

/* A model may store a seed instead of rows, so the draws are part of the format: entry (j, k) is
 * projection_scale times draw (j, k) of stream 0, offset j is offset_scale times draw (j, 0) of
 * stream 1, each product in double and rounded to float. test_random.c pins the draws. */
static void test_rows_are_the_documented_draws(void **state) {
    enum { d = 5, r = 40 };
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, r);
    float G[r * d], c[r];
    snnk_map *map;

    (void)state;
    config.seed = UINT64_C(0x123456789abcdef0);
    config.projection_scale = 0.3;
    config.offset_scale = 1.7;
    map = map_of(d, &config, NULL);
    assert_ok(snnk_map_block_rows(map, 0, G, d, c));
    for (size_t j = 0; j < r; j++) {
        double draw[d], offset;

        snnk__random_normal(config.seed, SNNK__STREAM_PROJECTION, j, 0, d, draw);
        snnk__random_normal(config.seed, SNNK__STREAM_OFFSET, j, 0, 1, &offset);
        for (size_t k = 0; k < d; k++) assert_true(G[j * d + k] == (float)(draw[k] * 0.3));
        assert_true(c[j] == (float)(offset * 1.7));
    }
    snnk_map_free(map);
}

static void test_seeds_differ(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 4);
    float G[2][16], c[2][4];

    (void)state;
    config.offset_scale = 1;
    for (config.projection = 0; config.projection < PROJECTIONS; config.projection++) {
        for (size_t i = 0; i < 2; i++) {
            snnk_map *map;

            config.seed = i << 40;
            map = map_of(4, &config, NULL);
            assert_ok(snnk_map_block_rows(map, 0, G[i], 4, c[i]));
            snnk_map_free(map);
        }
        for (size_t k = 0; k < 16; k++) assert_true(G[0][k] != G[1][k]);
        for (size_t k = 0; k < 4; k++) assert_true(c[0][k] != c[1][k]);
    }
}

/* A scaling folded into G and c equals a scaling applied to the inputs, up to float roundings of
 * inputs and products, a few 6e-8 of magnitudes up to 40 times the result's size: 1e-5. */
static void test_scaling_is_folded(void **state) {
    enum { n = 8, d = 5 };
    const double mean[d] = {3, -1, 0.5, 0, 2}, scale[d] = {0.5, 2, 1, 3, 0.25};
    snnk_map_config configs[32];
    const size_t count = all_configs(configs);
    float X[n * d], scaled[n * d], a[n * 18], b[n * 18];
    snnk_scaling *scaling;

    (void)state;
    draw_floats(X, n * d, 3);
    for (size_t k = 0; k < n * d; k++)
        scaled[k] = (float)(((double)X[k] - mean[k % d]) * scale[k % d]);
    assert_ok(snnk_scaling_create_given(d, mean, scale, NULL, &scaling));
    for (size_t t = 0; t < count; t++) {
        snnk_map *folded = map_of(d, &configs[t], scaling), *plain = map_of(d, &configs[t], NULL);
        const size_t m = snnk_map_features(plain);
        double size = 1;

        assert_ok(snnk_map_input_tower(folded, n, X, d, a, m, NULL));
        assert_ok(snnk_map_input_tower(plain, n, scaled, d, b, m, NULL));
        for (size_t k = 0; k < n * m; k++) size = fmax(size, fabs((double)b[k]));
        for (size_t k = 0; k < n * m; k++) assert_close(a[k], b[k], 1e-5, 1e-5 * size);
        snnk_map_free(folded);
        snnk_map_free(plain);
    }
    snnk_scaling_free(scaling);
}

static void test_scaling_of_given_rows(void **state) {
    const double mean[2] = {1, 2}, scale[2] = {2, 4};
    const float G[2] = {3, -1}, c = 10;
    float folded[2], offset;
    snnk_scaling *scaling;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_scaling_create_given(2, mean, scale, NULL, &scaling));
    assert_ok(snnk_map_create_from_rows(2, 1, G, 2, &c, NULL, scaling, &map));
    assert_ok(snnk_map_block_rows(map, 0, folded, 2, &offset));
    assert_true(folded[0] == 6 && folded[1] == -4 && offset == 12); /* 10 - 6 1 + 4 2 */
    snnk_map_free(map);
    snnk_scaling_free(scaling);
}

/* ---- Concatenation ---- */

static void test_concat(void **state) {
    enum { n = 40, d = 5 };
    const double scale[d] = {0.5, 2, 1, 3, 0.25};
    snnk_map_config configs[3] = {config_of(SNNK_MAP_ARC_COSINE, 11),
                                  config_of(SNNK_MAP_GAUSSIAN, 8), config_of(SNNK_MAP_IDENTITY, 0)};
    snnk_map *parts[4], *all, *nested;
    float X[n * d], Phi[n * 24], part[n * 11];
    snnk_scaling *scaling;
    double sum = 0, value;

    (void)state;
    draw_floats(X, n * d, 4);
    assert_ok(snnk_scaling_create_given(d, NULL, scale, NULL, &scaling));
    for (size_t b = 0; b < 3; b++) parts[b] = map_of(d, &configs[b], b == 1 ? scaling : NULL);
    snnk_scaling_free(scaling);
    assert_ok(snnk_map_concat(3, (const snnk_map *const *)parts, &all));
    assert_int_equal(snnk_map_features(all), 24);
    assert_int_equal(snnk_map_blocks(all), 3);

    assert_ok(snnk_map_input_tower(all, n, X, d, Phi, 24, NULL));
    for (size_t b = 0, at = 0; b < 3; at += snnk_map_features(parts[b++])) {
        const size_t m = snnk_map_features(parts[b]);
        snnk_map_config config = configs[0];

        assert_ok(snnk_map_input_tower(parts[b], n, X, d, part, m, NULL));
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(Phi + i * 24 + at, part + i * m, m * sizeof *part);
        assert_ok(snnk_map_exact(parts[b], X, X + d, 0, &value));
        sum += value;
        assert_ok(snnk_map_block_config(all, b, &config));
        assert_int_equal(config.kind, configs[b].kind);
        assert_int_equal(config.features, m);
    }
    assert_ok(snnk_map_exact(all, X, X + d, 0, &value));
    assert_close(value, sum, 0, 0);

    /* Maps of several blocks, one of them twice; the parts are freed first. */
    parts[3] = all;
    const snnk_map *twice[2] = {parts[0], parts[3]};
    assert_ok(snnk_map_concat(2, twice, &nested));
    for (size_t b = 0; b < 4; b++) snnk_map_free(parts[b]);
    assert_int_equal(snnk_map_blocks(nested), 4);
    float more[n * 35];
    assert_ok(snnk_map_input_tower(nested, n, X, d, more, 35, NULL));
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(more + i * 35 + 11, Phi + i * 24, 24 * sizeof *Phi);
        assert_memory_equal(more + i * 35, Phi + i * 24, 11 * sizeof *Phi);
    }
    snnk_map_free(nested);
}

/* ---- Towers ---- */

static void test_weight_tower(void **state) {
    enum { n = 4, d = 3, m = 7 };
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, m);
    snnk_map *map = map_of(d, &config, NULL);
    float X[n * d], Phi[n * m], Psi[n * m], bias[n] = {0};

    (void)state;
    draw_floats(X, n * d, 5);
    assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
    assert_ok(snnk_map_weight_tower(map, n, X, d, NULL, Psi, m, NULL, NULL));
    assert_memory_equal(Phi, Psi, sizeof Phi);
    Psi[0] = 77;
    assert_status(snnk_map_weight_tower(map, n, X, d, bias, Psi, m, NULL, NULL),
                  SNNK_E_UNSUPPORTED);
    assert_says("has no b");
    assert_status(snnk_map_weight_tower(map, n, X, d - 1, NULL, Psi, m, NULL, NULL), SNNK_E_STRIDE);
    assert_says("of W, 2, is smaller than its 3 columns");
    assert_status(snnk_map_weight_tower(map, n, X, d, NULL, Psi, m - 1, NULL, NULL), SNNK_E_STRIDE);
    assert_says("Psi");
    assert_status(snnk_map_weight_tower(NULL, n, X, d, NULL, Psi, m, NULL, NULL), SNNK_E_NULL);
    assert_true(Psi[0] == 77);
    snnk_map_free(map);
}

static void test_tower_strides_threads_and_rows(void **state) {
    enum { n = 70, d = 5, ldx = 8 };
    snnk_map_config configs[32];
    const size_t count = all_configs(configs);
    static float X[n * ldx], whole[n * 18], other[n * 25];

    (void)state;
    draw_floats(X, n * ldx, 6);
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(d, &configs[t], NULL);
        const size_t m = snnk_map_features(map), ld = m + 7;

        assert_ok(snnk_map_input_tower(map, n, X, ldx, whole, m, NULL));
        for (size_t threads = 1; threads <= 7; threads += threads == 3 ? 4 : 1) {
            snnk_workspace *workspace;

            for (size_t k = 0; k < n * ld; k++) other[k] = -1234;
            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            assert_ok(snnk_map_input_tower(map, n, X, ldx, other, ld, workspace));
            for (size_t i = 0; i < n; i++) {
                assert_memory_equal(other + i * ld, whole + i * m, m * sizeof *whole);
                for (size_t j = m; j < ld; j++) assert_true(other[i * ld + j] == -1234);
            }
            snnk_workspace_free(workspace);
        }
        for (size_t i = 0; i < n; i++) {
            assert_ok(snnk_map_input_tower(map, 1, X + i * ldx, d, other, m, NULL));
            assert_memory_equal(other, whole + i * m, m * sizeof *whole);
        }
        snnk_map_free(map);
    }
}

static void test_nan_stays_in_its_row(void **state) {
    enum { n = 9, d = 5 };
    snnk_map_config configs[32];
    const size_t count = all_configs(configs);
    float X[n * d], clean[n * 18], Phi[n * 18];

    (void)state;
    draw_floats(X, n * d, 7);
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(d, &configs[t], NULL);
        const size_t m = snnk_map_features(map);

        assert_ok(snnk_map_input_tower(map, n, X, d, clean, m, NULL));
        X[4 * d + 2] = NAN;
        assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
        X[4 * d + 2] = 0.5f;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < m; j++) {
                const bool touched = i == 4 && (configs[t].kind != SNNK_MAP_IDENTITY || j == 2);

                if (i != 4) assert_true(Phi[i * m + j] == clean[i * m + j]);
                assert_int_equal(isnan(Phi[i * m + j]) != 0, touched);
            }
        snnk_map_free(map);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_given_rows_by_hand),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_drawn_maps_match_their_rows),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_rows_are_the_documented_draws),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_scaling_is_folded),
        cmocka_unit_test(test_scaling_of_given_rows),
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_weight_tower),
        cmocka_unit_test(test_tower_strides_threads_and_rows),
        cmocka_unit_test(test_nan_stays_in_its_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
