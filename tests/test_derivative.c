/* src/map/derivative.c: derivatives of features, compared with differences in long double of
 * features computed here from the rows of the map. (URF blocks: test_urf_derivative.c.) */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"
#include "support/maps.h"
#include "support/precise.h"

#include <stdbool.h>

/* ---- Features in long double ---- */

enum { MAX_INPUTS = 17, MAX_FEATURES = 64 };

/* Set phi (m) to the features at x (d), computed from the map's rows and settings, and return the
 * smallest distance of a projection to a kink, divided by |g|. */
static long double features_at(const snnk_map *map, const long double *x, long double *phi) {
    static float G[MAX_FEATURES * MAX_INPUTS], c[MAX_FEATURES];
    const size_t d = snnk_map_inputs(map);
    long double distance = 1;

    for (size_t b = 0; b < snnk_map_blocks(map); b++) {
        snnk_map_config s = config_of(0, 1);

        assert_ok(snnk_map_block_config(map, b, &s));
        assert_ok(snnk_map_block_rows(map, b, G, d, c));
        const size_t r = (size_t)s.features / (s.kind == SNNK_MAP_GAUSSIAN ? 2 : 1);
        const bool drawn = s.projection != SNNK_PROJECTION_GIVEN && s.kind != SNNK_MAP_IDENTITY;
        const long double a = drawn ? 1 / sqrtl((long double)r) : 1;
        const int32_t h = s.kind == SNNK_MAP_ARC_COSINE ? SNNK_RELU
                          : s.kind == SNNK_MAP_IDENTITY ? SNNK_IDENTITY
                                                        : s.activation;

        for (size_t i = 0; i < r; i++) {
            long double z = c[i], norm2 = 0;

            for (size_t k = 0; k < d; k++) {
                z += G[i * d + k] * x[k];
                norm2 += (long double)G[i * d + k] * G[i * d + k];
            }
            const long double cut = fmaxl(z, s.floor);
            if (s.kind == SNNK_MAP_GAUSSIAN) {
                *phi++ = a * cosl(z);
                *phi++ = a * sinl(z);
                continue;
            }
            if (s.kind == SNNK_MAP_ARC_COSINE)
                *phi++ = a * (s.order == 0 ? z > 0 : s.order == 1 ? cut : cut * cut);
            else
                *phi++ = a * precise_activation(h, z);
            if (h == SNNK_RELU || h == SNNK_STEP)
                distance = fminl(distance, fabsl(z - s.floor) / sqrtl(norm2));
        }
    }
    return distance;
}

static const long double x_step = 1e-3L;

/* Gradient (m x d) and Laplacian (m) by differences; false if a kink is within their steps. */
static bool differences(const snnk_map *map, const float *x, long double *J, long double *L) {
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    long double at[MAX_INPUTS], phi[5][MAX_FEATURES];

    for (size_t k = 0; k < d; k++) at[k] = x[k];
    if (features_at(map, at, phi[0]) < 2 * x_step) return false;
    for (size_t j = 0; j < m; j++) L[j] = 0;
    for (size_t k = 0; k < d; k++) {
        for (int i = 0; i < 5; i++) {
            at[k] = x[k] + (i - 2) * x_step;
            features_at(map, at, phi[i]);
        }
        at[k] = x[k];
        for (size_t j = 0; j < m; j++) {
            const long double f[5] = {phi[0][j], phi[1][j], phi[2][j], phi[3][j], phi[4][j]};

            J[j * d + k] = first_difference(f, x_step);
            L[j] += second_difference(f, x_step);
        }
    }
    return true;
}

/* Check gradient and Laplacian of the map at n inputs, with strides. Rounding to float, of the
 * result and of the constant a, is 2^-23. Differences have errors of step^4/30 times a fifth
 * derivative, and step^4/90 times a sixth along an axis, |g_k|^6 h^(6) with |g_k| up to 4 and h up
 * to exp(5). In fact they are below 1e-9 here except for exp, whose sixth derivative equals its
 * value: hence the tolerance relative to the largest entry. Returns how many of the inputs could be
 * compared. */
static size_t check_map(const snnk_map *map, size_t n, uint64_t seed) {
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    const size_t ldx = d + 2, ldj = d + 3, ldl = m + 1;
    float *X = malloc(n * ldx * sizeof *X), *J = malloc(m * ldj * sizeof *J);
    float *L = malloc(n * ldl * sizeof *L);
    long double *J_near = malloc(m * d * sizeof *J_near), *L_near = malloc(m * sizeof *L_near);
    size_t compared = 0;

    assert_true(d <= MAX_INPUTS && m <= MAX_FEATURES);
    draw_floats(X, n * ldx, seed);
    for (size_t i = 0; i < n * ldl; i++) L[i] = 77;
    assert_ok(snnk_map_laplacian(map, n, X, ldx, L, ldl, NULL));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m * ldj; j++) J[j] = 77;
        assert_ok(snnk_map_gradient(map, X + i * ldx, J, ldj));
        for (size_t j = 0; j < m; j++)
            for (size_t k = d; k < ldj; k++) assert_true(J[j * ldj + k] == 77);
        assert_true(L[i * ldl + m] == 77);
        if (!differences(map, X + i * ldx, J_near, L_near)) continue;
        compared++;
        for (size_t j = 0; j < m; j++) {
            for (size_t k = 0; k < d; k++)
                assert_close(J[j * ldj + k], (double)J_near[j * d + k], 0x1p-23, 1e-9);
            assert_close(L[i * ldl + j], (double)L_near[j], 0x1p-23, 1e-8);
        }
    }
    free(L_near);
    free(J_near);
    free(L);
    free(J);
    free(X);
    return compared;
}

static snnk_scaling *scaling_of(size_t d) {
    double mean[MAX_INPUTS], scale[MAX_INPUTS];
    uint64_t seed = 5;
    snnk_scaling *scaling;

    for (size_t k = 0; k < d; k++) {
        mean[k] = draw_uniform(&seed) / 2;
        scale[k] = 1 + draw_uniform(&seed) / 2;
    }
    assert_ok(snnk_scaling_create_given(d, mean, scale, NULL, &scaling));
    return scaling;
}

/* Every kind, order, floor and activation. */
static size_t derivative_configs(snnk_map_config configs[32]) {
    size_t n = 0;

    for (int32_t order = 0; order <= 2; order++)
        for (int i = 0; i < (order == 0 ? 1 : 2); i++) {
            configs[n] = config_of(SNNK_MAP_ARC_COSINE, 9);
            configs[n].order = order;
            configs[n].offset_scale = 0.5;
            configs[n++].floor = i == 0 ? 0 : -0.3;
        }
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        configs[n] = config_of(SNNK_MAP_ELEMENTWISE, 11);
        configs[n].activation = a;
        configs[n].offset_scale = 0.7;
        configs[n++].projection_scale = 0.6;
    }
    configs[n] = config_of(SNNK_MAP_GAUSSIAN, 18);
    configs[n++].seed = 3;
    configs[n++] = config_of(SNNK_MAP_IDENTITY, 0);
    return n;
}

/* n = 11 is a whole tile of inputs and part of another. */
static void test_against_differences(void **state) {
    static const size_t widths[] = {1, 3, 17};
    snnk_map_config configs[32];
    const size_t count = derivative_configs(configs);

    (void)state;
    for (size_t w = 0; w < 3; w++)
        for (size_t t = 0; t < count; t++)
            for (int scaled = 0; scaled < 2; scaled++) {
                snnk_scaling *scaling = scaled ? scaling_of(widths[w]) : NULL;
                snnk_map *map = map_of(widths[w], &configs[t], scaling);

                /* The probability that a kink is within 2e-3 of one of 11 rows is about 2 %. */
                assert_true(check_map(map, 11, 100 * t + w) >= 8);
                snnk_map_free(map);
                snnk_scaling_free(scaling);
            }
}

static void test_several_blocks(void **state) {
    snnk_map_config configs[32];
    const size_t count = derivative_configs(configs), d = 3;
    snnk_map *parts[4], *all;
    snnk_scaling *scaling = scaling_of(d);
    const float G[6] = {1, -0.5f, 0.25f, 0, 2, -1}, c[2] = {0.5f, -0.25f};

    (void)state;
    parts[0] = map_of(d, &configs[count - 1], scaling); /* identity */
    parts[1] = map_of(d, &configs[count - 2], NULL);    /* gaussian */
    parts[2] = map_of(d, &configs[4], scaling);         /* order 2 with a floor */
    assert_int_equal(configs[4].order, 2);
    configs[8].kind = SNNK_MAP_ELEMENTWISE;
    configs[8].activation = SNNK_GELU;
    assert_ok(snnk_map_create_from_rows(d, 2, G, d, c, &configs[8], scaling, &parts[3]));
    assert_ok(snnk_map_concat(4, (const snnk_map *const *)parts, &all));
    for (size_t i = 0; i < 4; i++) snnk_map_free(parts[i]);
    snnk_scaling_free(scaling);
    assert_true(check_map(all, 20, 9) >= 17);
    snnk_map_free(all);
}

/* ---- Closed forms ---- */

/* By hand: G = (3, -1; 0, 2), c = (-1, 4), x = (1, 2), so z = (0, 8): the first at the kink. */
static void test_kinks_by_hand(void **state) {
    const float G[4] = {3, -1, 0, 2}, c[2] = {-1, 4}, x[2] = {1, 2};
    static const struct {
        int32_t kind, order, activation;
        double floor;
        float J[4], L[2];
    } cases[] = {
        {SNNK_MAP_ARC_COSINE, 0, 0, 0, {0, 0, 0, 0}, {0, 0}},
        {SNNK_MAP_ARC_COSINE, 1, 0, 0, {0, 0, 0, 2}, {0, 0}},
        {SNNK_MAP_ARC_COSINE, 2, 0, 0, {0, 0, 0, 32}, {0, 8}}, /* 2 z g, 2 |g|^2 */
        {SNNK_MAP_ARC_COSINE, 1, 0, -1, {3, -1, 0, 2}, {0, 0}},
        {SNNK_MAP_ARC_COSINE, 2, 0, -1, {0, 0, 0, 32}, {20, 8}},
        {SNNK_MAP_ELEMENTWISE, 1, SNNK_RELU, 0, {0, 0, 0, 2}, {0, 0}},
        {SNNK_MAP_ELEMENTWISE, 1, SNNK_STEP, 0, {0, 0, 0, 0}, {0, 0}},
        {SNNK_MAP_ELEMENTWISE, 1, SNNK_IDENTITY, 0, {3, -1, 0, 2}, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snnk_map_config config = config_of(cases[i].kind, 1);
        float J[4], L[2];
        snnk_map *map;

        config.order = cases[i].order;
        config.activation = cases[i].activation;
        config.floor = cases[i].floor;
        assert_ok(snnk_map_create_from_rows(2, 2, G, 2, c, &config, NULL, &map));
        assert_ok(snnk_map_gradient(map, x, J, 2));
        assert_ok(snnk_map_laplacian(map, 1, x, 2, L, 2, NULL));
        for (size_t k = 0; k < 4; k++) assert_true(J[k] == cases[i].J[k]);
        assert_true(L[0] == cases[i].L[0] && L[1] == cases[i].L[1]);
        snnk_map_free(map);
    }
}

/* The Laplacian of sin and cos features is -|g|^2 times the feature, that of exp features |g|^2
 * times it. Features come from the input tower in float: z up to 20 has an error of 10 2^-24 20. */
static void test_eigenfunctions(void **state) {
    static const int32_t kinds[][2] = {{SNNK_MAP_GAUSSIAN, 0},
                                       {SNNK_MAP_ELEMENTWISE, SNNK_SIN},
                                       {SNNK_MAP_ELEMENTWISE, SNNK_COS},
                                       {SNNK_MAP_ELEMENTWISE, SNNK_EXP}};
    enum { n = 9, d = 5, m = 16 };
    float X[n * d], Phi[n * m], L[n * m], G[m * d];

    (void)state;
    draw_floats(X, n * d, 2);
    for (size_t t = 0; t < 4; t++) {
        snnk_map_config config = config_of(kinds[t][0], m);
        config.activation = kinds[t][1];
        snnk_map *map = map_of(d, &config, NULL);
        const size_t width = kinds[t][0] == SNNK_MAP_GAUSSIAN ? 2 : 1;
        const double sign = kinds[t][1] == SNNK_EXP ? 1 : -1;

        assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
        assert_ok(snnk_map_laplacian(map, n, X, d, L, m, NULL));
        assert_ok(snnk_map_block_rows(map, 0, G, d, NULL));
        for (size_t i = 0; i < n * m; i++) {
            const float *g = G + i % m / width * d;
            double norm2 = 0;

            for (size_t k = 0; k < d; k++) norm2 += (double)g[k] * g[k];
            assert_close(L[i], sign * norm2 * Phi[i], 1.2e-5, norm2 * 1.2e-5);
        }
        snnk_map_free(map);
    }
}

/* x^2 - y^2 = max(x, 0)^2 + max(-x, 0)^2 - max(y, 0)^2 - max(-y, 0)^2 is harmonic; its gradient is
 * (2 x, -2 y). Exact in float for these x, off the axes. */
static void test_harmonic(void **state) {
    const float G[8] = {1, 0, -1, 0, 0, 1, 0, -1}, psi[4] = {1, 1, -1, -1};
    const float X[8] = {0.5f, 3, -2, 0.25f, 7, -1, -0.125f, -8};
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 1);
    float J[8], L[16];
    snnk_map *map;

    (void)state;
    config.order = 2;
    assert_ok(snnk_map_create_from_rows(2, 4, G, 2, NULL, &config, NULL, &map));
    assert_ok(snnk_map_laplacian(map, 4, X, 2, L, 4, NULL));
    for (size_t i = 0; i < 4; i++) {
        float dx = 0, dy = 0, sum = 0;

        assert_ok(snnk_map_gradient(map, X + 2 * i, J, 2));
        for (size_t j = 0; j < 4; j++) {
            dx += psi[j] * J[2 * j];
            dy += psi[j] * J[2 * j + 1];
            sum += psi[j] * L[4 * i + j];
        }
        assert_true(dx == 2 * X[2 * i] && dy == -2 * X[2 * i + 1] && sum == 0);
        assert_true(L[4 * i] + L[4 * i + 1] == 2);
    }
    snnk_map_free(map);
}

/* Finite inputs never give NaN: factors may overflow, but zeros in G stay zeros. */
static void test_overflow(void **state) {
    const float G[6] = {1, 0, 1e-30f, -2, 0, 0}, c[3] = {0, 0, 1000}, x[2] = {900, 1};
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, 1);
    float J[6], L[3];
    snnk_map *map;

    (void)state;
    config.activation = SNNK_EXP;
    assert_ok(snnk_map_create_from_rows(2, 3, G, 2, c, &config, NULL, &map));
    assert_ok(snnk_map_gradient(map, x, J, 2));
    assert_ok(snnk_map_laplacian(map, 1, x, 2, L, 3, NULL));
    assert_true(isinf(J[0]) && J[1] == 0 && isinf(L[0])); /* e^900 times (1, 0) */
    /* e^-2 (1e-30, -2) and 4 e^-2: adding 9e-28 to z changes nothing */
    assert_close(J[2], 1.3533528323661269e-31, 0x1p-22, 0);
    assert_close(J[3], -0.27067056647322538, 0x1p-24, 0);
    assert_close(L[1], 0.54134113294645081, 0x1p-24, 0);
    assert_true(J[4] == 0 && J[5] == 0 && L[2] == 0); /* a row of zeros is constant, even if
                                                       * infinite */
    snnk_map_free(map);
}

/* ---- Non-finite inputs, threads, memory, misuse ---- */

static void test_nan_propagates(void **state) {
    enum { d = 3, n = 10, bad = 4 };
    snnk_map_config configs[32];
    const size_t count = derivative_configs(configs);
    float X[n * d], J[18 * d], L[n * 18], clean[n * 18];

    (void)state;
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(d, &configs[t], NULL);
        const size_t m = snnk_map_features(map);
        const bool identity = configs[t].kind == SNNK_MAP_IDENTITY;

        draw_floats(X, n * d, 6);
        assert_ok(snnk_map_laplacian(map, n, X, d, clean, m, NULL));
        X[bad * d + 1] = NAN;
        assert_ok(snnk_map_gradient(map, X + bad * d, J, d));
        assert_ok(snnk_map_laplacian(map, n, X, d, L, m, NULL));
        for (size_t j = 0; j < m; j++) { /* an identity feature depends on one input only */
            for (size_t k = 0; k < d; k++)
                assert_int_equal(isnan(J[j * d + k]) != 0, !identity || j == 1);
            assert_int_equal(isnan(L[bad * m + j]) != 0, !identity || j == 1);
        }
        for (size_t i = 0; i < n; i++)
            if (i != bad) assert_memory_equal(L + i * m, clean + i * m, m * sizeof *L);
        snnk_map_free(map);
    }
}

/* Bits do not depend on threads, or on which rows share a call. */
static void test_threads(void **state) {
    enum { d = 7, n = 53 };
    snnk_map_config configs[32];
    const size_t count = derivative_configs(configs);
    float X[n * d], expected[n * 18], L[n * 18];

    (void)state;
    draw_floats(X, n * d, 8);
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(d, &configs[t], NULL);
        const size_t m = snnk_map_features(map);

        for (size_t i = 0; i < n; i++)
            assert_ok(snnk_map_laplacian(map, 1, X + i * d, d, expected + i * m, m, NULL));
        for (size_t threads = 1; threads <= 5; threads += 2) {
            snnk_workspace *workspace;

            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            memset(L, 0, sizeof L);
            assert_ok(snnk_map_laplacian(map, n, X, d, L, m, workspace));
            assert_memory_equal(L, expected, n * m * sizeof *L);
            snnk_workspace_free(workspace);
        }
        snnk_map_free(map);
    }
}

static int make_and_derive(const snnk_map_config *config) {
    const float x[3] = {1, 2, 3};
    float J[8 * 3], L[8] = {77};
    snnk_map *map;
    int st = snnk_map_create(3, config, NULL, &map);

    if (st != SNNK_OK) return st;
    st = snnk_map_gradient(map, x, J, 3);
    if (st == SNNK_OK) st = snnk_map_laplacian(map, 1, x, 3, L, 8, NULL);
    if (st != SNNK_OK) assert_true(L[0] == 77);
    snnk_map_free(map);
    return st;
}

static void test_failing_allocations(void **state) {
    const float X[6] = {1, 2, 3, 4, 5, 6};
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 8);
    float J[8 * 3], L[16];
    test_memory memory;
    snnk_workspace *workspace;
    snnk_map *map;
    int st;

    (void)state;
    snnk_allocator allocator = test_memory_allocator(&memory);
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, st = make_and_derive(&config));

    map = map_of(3, &config, NULL);
    assert_ok(snnk_workspace_create(2, &allocator, &workspace));
    assert_ok(snnk_map_laplacian(map, 2, X, 3, L, 8, workspace));
    const long calls = memory.calls;
    assert_ok(snnk_map_laplacian(map, 2, X, 3, L, 8, workspace)); /* scratch is already there */
    assert_ok(snnk_map_gradient(map, X, J, 3));
    assert_int_equal(memory.calls, calls);
    memory.fail_after = 0;
    memory.calls = 0;
    L[0] = 77;
    assert_status(snnk_map_laplacian(map, 2, X, 3, L, 8, NULL), SNNK_E_NOMEM);
    assert_true(L[0] == 77);
    snnk_workspace_free(workspace);
    snnk_map_free(map);
    assert_int_equal(memory.alive, 0);
}

static void test_misuse(void **state) {
    const float X[6] = {1, 2, 3, 4, 5, 6};
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 4);
    snnk_map *map = map_of(3, &config, NULL);
    float J[12] = {77}, L[8] = {77};

    (void)state;
    assert_status(snnk_map_gradient(NULL, X, J, 3), SNNK_E_NULL);
    assert_status(snnk_map_gradient(map, NULL, J, 3), SNNK_E_NULL);
    assert_says("x is NULL");
    assert_status(snnk_map_gradient(map, X, NULL, 3), SNNK_E_NULL);
    assert_says("J is NULL");
    assert_status(snnk_map_gradient(map, X, J, 2), SNNK_E_STRIDE);
    assert_says("the leading dimension of J, 2");
    assert_status(snnk_map_gradient(map, X, J, SIZE_MAX / 8), SNNK_E_SIZE);
    assert_status(snnk_map_laplacian(NULL, 2, X, 3, L, 4, NULL), SNNK_E_NULL);
    assert_status(snnk_map_laplacian(map, 2, NULL, 3, L, 4, NULL), SNNK_E_NULL);
    assert_says("X is NULL");
    assert_status(snnk_map_laplacian(map, 2, X, 3, NULL, 4, NULL), SNNK_E_NULL);
    assert_says("L is NULL");
    assert_status(snnk_map_laplacian(map, 2, X, 2, L, 4, NULL), SNNK_E_STRIDE);
    assert_status(snnk_map_laplacian(map, 2, X, 3, L, 3, NULL), SNNK_E_STRIDE);
    assert_status(snnk_map_laplacian(map, SIZE_MAX / 8, X, 3, L, 4, NULL), SNNK_E_SIZE);
    assert_ok(snnk_map_laplacian(map, 0, NULL, 3, NULL, 4, NULL));
    assert_true(J[0] == 77 && L[0] == 77);
    snnk_map_free(map);
}

/* ---- An application ---- */

enum { ODE_FEATURES = 40, ODE_ROWS = 200 };

/* Solve u'' = -sin x on [0, pi], u = 0 at both ends, so u = sin x: rows of the Laplacian of the
 * features, and for each end one row of features times 100. */
static void fit_ode(const snnk_map *map, double B[ODE_FEATURES]) {
    enum { m = ODE_FEATURES };
    static float X[ODE_ROWS], L[ODE_ROWS * m], Y[ODE_ROWS];
    const float ends[2] = {0, (float)precise_pi}, zeros[2] = {0, 0};
    float Phi[2 * m];
    snnk_solve_config config;
    snnk_lstsq *lstsq;

    for (size_t i = 0; i < ODE_ROWS; i++) {
        X[i] = (float)(precise_pi * (long double)i / (ODE_ROWS - 1));
        Y[i] = -sinf(X[i]);
    }
    assert_ok(snnk_map_laplacian(map, ODE_ROWS, X, 1, L, m, NULL));
    assert_ok(snnk_map_input_tower(map, 2, ends, 1, Phi, m, NULL));
    for (size_t j = 0; j < 2 * m; j++) Phi[j] *= 100;
    assert_ok(snnk_lstsq_create(m, 1, NULL, &lstsq));
    assert_ok(
        snnk_lstsq_add(lstsq, SNNK_ROWS(.n = ODE_ROWS, .X = L, .ldx = m, .Y = Y, .ldy = 1), NULL));
    assert_ok(
        snnk_lstsq_add(lstsq, SNNK_ROWS(.n = 2, .X = Phi, .ldx = m, .Y = zeros, .ldy = 1), NULL));
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.intercept = 0;
    assert_ok(snnk_lstsq_solve(lstsq, &config, NULL, B, m, NULL, NULL));
    snnk_lstsq_free(lstsq);
}

/* The error e has e'' = residual, so |e| <= pi^2/8 max |residual| + max |e at the ends|. A good fit
 * leaves only the rounding of features, 2^-24 |B| |features|, with |B| about 5, |features| about 1
 * and their Laplacians about 3: 1e-6. */
static void test_differential_equation(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, ODE_FEATURES);
    snnk_map *map = map_of(1, &config, NULL);
    double B[ODE_FEATURES];

    (void)state;
    fit_ode(map, B);
    for (int i = 0; i <= 314; i++) {
        const double x = i / 100.0;
        const long double at = x;
        long double phi[ODE_FEATURES] = {0}, u = 0;

        features_at(map, &at, phi);
        for (size_t j = 0; j < ODE_FEATURES; j++) u += B[j] * phi[j];
        assert_close((double)u, sin(x), 0, 1e-6);
    }
    snnk_map_free(map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_differences),
        cmocka_unit_test(test_several_blocks),
        cmocka_unit_test(test_kinks_by_hand),
        cmocka_unit_test(test_eigenfunctions),
        cmocka_unit_test(test_harmonic),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_nan_propagates),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_differential_equation),
    };
    return cmocka_run_group_tests_name("derivative", tests, NULL, NULL);
}
