/* src/layer/layer.c: layers from a map and a Psi, and dense ones. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

enum { D = 7, L = 5, N = 130 };

static snnk_map *drawn(int32_t kind, uint64_t features, const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.features = features;
    config.seed = 3;
    config.activation = SNNK_GELU;
    config.allocator = allocator;
    config.offset_scale = kind == SNNK_MAP_GAUSSIAN ? 0 : 0.5;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    return map;
}

/* Five maps with one block, and one with three. */
enum { MAPS = 6 };

static snnk_map *map_number(size_t number, const snnk_allocator *allocator) {
    snnk_map *parts[3], *map;

    switch (number) {
    case 0: return drawn(SNNK_MAP_ARC_COSINE, 40, allocator);
    case 1: return drawn(SNNK_MAP_GAUSSIAN, 150, allocator);
    case 2: return drawn(SNNK_MAP_ELEMENTWISE, 65, allocator);
    case 3: return drawn(SNNK_MAP_IDENTITY, 0, allocator);
    case 4: return drawn(SNNK_MAP_ARC_COSINE, 1, allocator);
    default:
        for (int b = 0; b < 3; b++) parts[b] = drawn(b == 2 ? SNNK_MAP_IDENTITY : b, 10, allocator);
        assert_ok(snnk_map_concat(3, (const snnk_map *const *)parts, &map));
        for (int b = 0; b < 3; b++) snnk_map_free(parts[b]);
        return map;
    }
}

/* Psi is l x m, drawn; bias drawn or NULL. */
static snnk_layer *layer_number(size_t number, const float *bias) {
    snnk_map *map = map_number(number, NULL);
    const size_t m = snnk_map_features(map);
    float *Psi = malloc(L * m * sizeof *Psi);
    snnk_layer *layer;

    draw_floats(Psi, L * m, 50 + number);
    assert_ok(snnk_layer_create(map, L, Psi, m, bias, &layer));
    free(Psi);
    snnk_map_free(map); /* the layer keeps it alive */
    return layer;
}

/* Y = Psi Phi + bias in double from the float features; m products and a bias, each rounded once,
 * give an error of (m + 1) 2^-24 of the magnitudes. */
static void check_snnk_layer(size_t number, const float *bias) {
    snnk_layer *layer = layer_number(number, bias);
    const snnk_map *map = snnk_layer_map(layer);
    const size_t m = snnk_map_features(map);
    float *Psi = malloc(L * m * sizeof *Psi), *Phi = malloc(N * m * sizeof *Phi);
    float X[N * D], Y[N * L], b[L], again[N * L];

    draw_floats(X, N * D, 9);
    assert_ok(snnk_layer_weights(layer, Psi, m, b));
    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, m, NULL));
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
    for (size_t i = 0; i < N; i++)
        for (size_t o = 0; o < L; o++) {
            double sum = bias ? (double)bias[o] : 0, size = fabs(sum);

            for (size_t j = 0; j < m; j++) {
                const double product = (double)Psi[o * m + j] * (double)Phi[i * m + j];

                sum += product;
                size += fabs(product);
            }
            assert_close(Y[i * L + o], sum, 0, (double)(m + 1) * 0x1p-24 * size);
        }

    /* Features computed separately give the same, bit for bit with the portable table, whose order
     * is fixed. */
    assert_ok(snnk_layer_readout(layer, N, Phi, m, again, L, NULL));
    if (strcmp(snnk_kernels_name(), "portable") == 0) assert_memory_equal(Y, again, sizeof Y);
    free(Psi);
    free(Phi);
    snnk_layer_free(layer);
}

static void test_forward_against_double(void **state) {
    const float bias[L] = {0.5f, -1, 2, 0.25f, -3};

    (void)state;
    for (size_t number = 0; number < MAPS; number++) {
        check_snnk_layer(number, bias);
        check_snnk_layer(number, NULL);
    }
}

/* By hand: rows G = (1 -1), (2 1) given, relu, Psi = (1 2), (0 -1), bias (0.5, 0). x = (3, 1) has
 * features (2, 7), so y = (16.5, -7). x = (-1, 0) has features (0, 0), so y = bias. */
static void test_layer_by_hand(void **state) {
    const float G[4] = {1, -1, 2, 1}, Psi[6] = {1, 2, -99, 0, -1, -99}, bias[2] = {0.5f, 0};
    const float X[4] = {3, 1, -1, 0};
    float Y[4];
    snnk_map *map;
    snnk_layer *layer;

    (void)state;
    assert_ok(snnk_map_create_from_rows(2, 2, G, 2, NULL, NULL, NULL, &map));
    assert_ok(snnk_layer_create(map, 2, Psi, 3, bias, &layer));
    snnk_map_free(map);
    assert_ok(snnk_layer_forward(layer, 2, X, 2, Y, 2, NULL));
    assert_true(Y[0] == 16.5f && Y[1] == -7 && Y[2] == 0.5f && Y[3] == 0);
    snnk_layer_free(layer);
}

/* ---- Dense layers ---- */

/* W: L x D in rows of D + 2. */
static snnk_layer *dense(int32_t activation, const float *bias, float W[L * (D + 2)]) {
    snnk_layer *layer;

    draw_floats(W, L * (D + 2), 31);
    assert_ok(snnk_layer_create_dense(D, L, W, D + 2, bias, activation, NULL, &layer));
    return layer;
}

/* f(W x + b) for every f: the pre-activation is compared with double, and f with
 * snnk_activation_eval of it, bit for bit. D products and a bias: (D + 1) roundings. */
static void test_dense_forward(void **state) {
    const float bias[L] = {0.5f, -1, 2, 0.25f, -3};
    float W[L * (D + 2)], X[N * D], Z[N * L], Y[N * L];

    (void)state;
    draw_floats(X, N * D, 32);
    for (int with_bias = 0; with_bias <= 1; with_bias++)
        for (int32_t f = 0; f <= SNNK_ERF; f++) {
            snnk_layer *linear = dense(SNNK_IDENTITY, with_bias ? bias : NULL, W);
            snnk_layer *layer = dense(f, with_bias ? bias : NULL, W);

            assert_ok(snnk_layer_forward(linear, N, X, D, Z, L, NULL));
            assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
            for (size_t i = 0; f == 0 && i < N; i++)
                for (size_t o = 0; o < L; o++) {
                    double sum = with_bias ? (double)bias[o] : 0, size = fabs(sum);

                    for (size_t k = 0; k < D; k++) {
                        sum += (double)W[o * (D + 2) + k] * (double)X[i * D + k];
                        size += fabs((double)W[o * (D + 2) + k] * (double)X[i * D + k]);
                    }
                    assert_close(Z[i * L + o], sum, 0, (D + 1) * 0x1p-24 * size);
                }
            assert_ok(snnk_activation_eval(f, N * L, Z, Z));
            if (strcmp(snnk_kernels_name(), "portable") == 0) assert_memory_equal(Y, Z, sizeof Y);
            snnk_layer_free(linear);
            snnk_layer_free(layer);
        }
}

/* ---- Independence of rows, strides, threads ---- */

static void check_same_bits(const snnk_layer *layer) {
    static float X[N * (D + 3)], whole[N * L], other[N * (L + 4)];

    draw_floats(X, N * (D + 3), 33);
    assert_ok(snnk_layer_forward(layer, N, X, D + 3, whole, L, NULL));
    for (size_t i = 0; i < N; i++) {
        assert_ok(snnk_layer_forward(layer, 1, X + i * (D + 3), D, other, L, NULL));
        assert_memory_equal(other, whole + i * L, L * sizeof *whole);
    }
    for (size_t threads = 1; threads <= 7; threads += threads == 3 ? 4 : 1)
        for (size_t n = 1; n <= N; n += n < 5 ? 1 : 25) {
            snnk_workspace *workspace;

            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            for (size_t k = 0; k < N * (L + 4); k++) other[k] = -1234;
            assert_ok(snnk_layer_forward(layer, n, X, D + 3, other, L + 4, workspace));
            for (size_t k = 0; k < N * (L + 4); k++) {
                const size_t i = k / (L + 4), o = k % (L + 4);

                assert_true(other[k] == (i < n && o < L ? whole[i * L + o] : -1234));
            }
            snnk_workspace_free(workspace);
        }
}

static void test_same_bits_however_rows_are_passed(void **state) {
    float W[L * (D + 2)];

    (void)state;
    for (size_t number = 0; number <= MAPS; number++) {
        snnk_layer *layer = number < MAPS ? layer_number(number, NULL) : dense(SNNK_TANH, NULL, W);

        check_same_bits(layer);
        snnk_layer_free(layer);
    }
}

static void test_readout_threads(void **state) {
    snnk_layer *layer = layer_number(5, NULL);
    const size_t m = snnk_layer_features(layer);
    static float Phi[N * 40], whole[N * L], other[N * L];

    (void)state;
    assert_true(m <= 30);
    draw_floats(Phi, N * 40, 34);
    assert_ok(snnk_layer_readout(layer, N, Phi, 40, whole, L, NULL));
    for (size_t threads = 2; threads <= 7; threads++) {
        snnk_workspace *workspace;

        assert_ok(snnk_workspace_create(threads, NULL, &workspace));
        assert_ok(snnk_layer_readout(layer, N, Phi, 40, other, L, workspace));
        assert_memory_equal(whole, other, sizeof whole);
        snnk_workspace_free(workspace);
    }
    snnk_layer_free(layer);
}

static void test_nan_stays_in_its_row(void **state) {
    float W[L * (D + 2)], X[9 * D], Y[9 * L];

    (void)state;
    draw_floats(X, 9 * D, 35);
    X[4 * D + 1] = NAN;
    for (size_t number = 0; number <= MAPS; number++) {
        snnk_layer *layer = number < MAPS ? layer_number(number, NULL) : dense(SNNK_GELU, NULL, W);

        assert_ok(snnk_layer_forward(layer, 9, X, D, Y, L, NULL));
        for (size_t k = 0; k < 9 * L; k++) assert_int_equal(isnan(Y[k]) != 0, k / L == 4);
        snnk_layer_free(layer);
    }
}

/* ---- Counting ---- */

static void test_counts(void **state) {
    static const struct {
        size_t features, projections; /* m; multiply-adds before the function */
        size_t offsets;               /* r */
    } counts[MAPS] = {{40, 40 * 7, 40}, {150, 75 * 7, 75}, {65, 65 * 7, 65},
                      {7, 7, 7},        {1, 7, 1},         {27, 10 * 7 + 5 * 7 + 7, 10 + 5 + 7}};
    float W[L * (D + 2)];
    snnk_layer *layer;

    (void)state;
    for (size_t number = 0; number < MAPS; number++) {
        const size_t work = counts[number].projections + 5 * counts[number].features;

        layer = layer_number(number, NULL);
        assert_int_equal(snnk_layer_inputs(layer), 7);
        assert_int_equal(snnk_layer_outputs(layer), 5);
        assert_int_equal(snnk_layer_features(layer), counts[number].features);
        assert_int_equal(snnk_layer_multiply_adds(layer), work);
        assert_int_equal(snnk_layer_parameters(layer), work + counts[number].offsets + 5);
        assert_non_null(snnk_layer_map(layer));
        snnk_layer_free(layer);
    }
    layer = dense(SNNK_TANH, NULL, W);
    assert_int_equal(snnk_layer_multiply_adds(layer), 35);
    assert_int_equal(snnk_layer_parameters(layer), 40);
    assert_int_equal(snnk_layer_features(layer), 0);
    assert_null(snnk_layer_map(layer));
    snnk_layer_free(layer);

    assert_int_equal(snnk_layer_inputs(NULL) + snnk_layer_outputs(NULL), 0);
    assert_int_equal(snnk_layer_features(NULL), 0);
    assert_int_equal(snnk_layer_parameters(NULL) + snnk_layer_multiply_adds(NULL), 0);
    assert_null(snnk_layer_map(NULL));
    snnk_layer_free(NULL);
}

static void test_weights_come_back(void **state) {
    const float bias[L] = {0.5f, -1, 2, 0.25f, -3};
    float W[L * (D + 2)], back[L * (D + 1)], b[L], Psi[L * 27], given[L * 27];
    snnk_layer *layer = dense(SNNK_TANH, bias, W);

    (void)state;
    back[D] = 77;
    assert_ok(snnk_layer_weights(layer, back, D + 1, b));
    for (size_t o = 0; o < L; o++)
        assert_memory_equal(back + o * (D + 1), W + o * (D + 2), D * sizeof *W);
    assert_true(back[D] == 77);
    assert_memory_equal(b, bias, sizeof b);
    assert_ok(snnk_layer_weights(layer, NULL, 0, NULL));
    assert_status(snnk_layer_weights(layer, back, D - 1, b), SNNK_E_STRIDE);
    assert_says("of Psi, 6, is smaller than its 7 columns");
    assert_status(snnk_layer_weights(NULL, back, D, b), SNNK_E_NULL);
    snnk_layer_free(layer);

    layer = layer_number(5, NULL); /* three blocks */
    draw_floats(given, L * 27, 55);
    assert_ok(snnk_layer_weights(layer, Psi, 27, b));
    assert_memory_equal(Psi, given, sizeof Psi);
    for (size_t o = 0; o < L; o++) assert_true(b[o] == 0);
    snnk_layer_free(layer);
}

/* ---- Misuse and memory ---- */

static void test_creators_misuse(void **state) {
    snnk_map *map = map_number(4, NULL); /* one feature */
    float Psi[2] = {1, 2}, bias[2] = {0, INFINITY};
    snnk_layer *layer = (snnk_layer *)Psi;
    const snnk_allocator broken = {NULL, NULL, NULL};

    (void)state;
    assert_status(snnk_layer_create(map, 2, Psi, 1, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_layer_create(NULL, 2, Psi, 1, NULL, &layer), SNNK_E_NULL);
    assert_null(layer);
    assert_status(snnk_layer_create(map, 2, NULL, 1, NULL, &layer), SNNK_E_NULL);
    assert_says("Psi is NULL");
    assert_status(snnk_layer_create(map, 0, Psi, 1, NULL, &layer), SNNK_E_SHAPE);
    assert_says("outputs = 0");
    assert_status(snnk_layer_create(map, 2, Psi, 0, NULL, &layer), SNNK_E_STRIDE);
    assert_says("of Psi, 0, is smaller than its 1 columns");
    assert_status(snnk_layer_create(map, SIZE_MAX, Psi, 1, NULL, &layer), SNNK_E_SIZE);
    assert_status(snnk_layer_create(map, 2, Psi, 1, bias, &layer), SNNK_E_NONFINITE);
    assert_says("bias[0][1] = inf");
    snnk_map_free(map);

    assert_status(snnk_layer_create_dense(1, 2, Psi, 1, NULL, 0, NULL, NULL), SNNK_E_NULL);
    layer = (snnk_layer *)Psi;
    assert_status(snnk_layer_create_dense(0, 2, Psi, 1, NULL, 0, NULL, &layer), SNNK_E_SHAPE);
    assert_null(layer);
    assert_says("inputs = 0");
    assert_status(snnk_layer_create_dense(1, 0, Psi, 1, NULL, 0, NULL, &layer), SNNK_E_SHAPE);
    assert_status(snnk_layer_create_dense(1, 2, Psi, 1, NULL, 13, NULL, &layer), SNNK_E_ENUM);
    assert_says("activation = 13");
    assert_status(snnk_layer_create_dense(1, 2, NULL, 1, NULL, 0, NULL, &layer), SNNK_E_NULL);
    assert_says("W is NULL");
    assert_status(snnk_layer_create_dense(2, 1, Psi, 1, NULL, 0, NULL, &layer), SNNK_E_STRIDE);
    assert_status(snnk_layer_create_dense(1, SIZE_MAX, Psi, 1, NULL, 0, NULL, &layer), SNNK_E_SIZE);
    assert_status(snnk_layer_create_dense(1, 2, Psi, 1, NULL, 0, &broken, &layer), SNNK_E_NULL);
    Psi[1] = NAN;
    assert_status(snnk_layer_create_dense(1, 2, Psi, 1, NULL, 0, NULL, &layer), SNNK_E_NONFINITE);
    assert_says("W[1][0] = nan");
}

static void test_forward_misuse(void **state) {
    float W[L * (D + 2)], X[2 * D] = {0}, Y[2 * L] = {77};
    snnk_layer *layers[2] = {layer_number(0, NULL), dense(SNNK_TANH, NULL, W)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(snnk_layer_forward(layers[i], 0, NULL, D, NULL, L, NULL));
        assert_status(snnk_layer_forward(NULL, 2, X, D, Y, L, NULL), SNNK_E_NULL);
        assert_says("layer is NULL");
        assert_status(snnk_layer_forward(layers[i], 2, NULL, D, Y, L, NULL), SNNK_E_NULL);
        assert_says("X is NULL");
        assert_status(snnk_layer_forward(layers[i], 2, X, D, NULL, L, NULL), SNNK_E_NULL);
        assert_says("Y is NULL");
        assert_status(snnk_layer_forward(layers[i], 2, X, D - 1, Y, L, NULL), SNNK_E_STRIDE);
        assert_says("of X, 6, is smaller than its 7 columns");
        assert_status(snnk_layer_forward(layers[i], 2, X, D, Y, L - 1, NULL), SNNK_E_STRIDE);
        assert_says("of Y, 4, is smaller than its 5 columns");
        assert_status(snnk_layer_forward(layers[i], SIZE_MAX / 2, X, D, Y, L, NULL), SNNK_E_SIZE);
    }
    assert_status(snnk_layer_readout(layers[1], 1, X, D, Y, L, NULL), SNNK_E_UNSUPPORTED);
    assert_says("a dense layer has no features that it reads out");
    assert_status(snnk_layer_readout(NULL, 1, X, D, Y, L, NULL), SNNK_E_NULL);
    assert_status(snnk_layer_readout(layers[0], 1, X, 39, Y, L, NULL), SNNK_E_STRIDE);
    assert_says("of Phi, 39, is smaller than its 40 columns");
    assert_status(snnk_layer_readout(layers[0], 1, NULL, 40, Y, L, NULL), SNNK_E_NULL);
    assert_ok(snnk_layer_readout(layers[0], 0, NULL, 40, NULL, L, NULL));
    assert_true(Y[0] == 77);
    for (size_t i = 0; i < 2; i++) snnk_layer_free(layers[i]);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    float Psi[L * 27], bias[L] = {0};
    snnk_layer *layer;
    int status;

    (void)state;
    draw_floats(Psi, L * 27, 1);
    assert_survives_failing_allocations(memory, status, {
        status = snnk_layer_create_dense(27, L, Psi, 27, bias, SNNK_RELU, &allocator, &layer);
        assert_made(status, layer);
        snnk_layer_free(layer);
    });

    /* The layer inherits the map's allocator, and shares the map. */
    snnk_map *map = map_number(5, &allocator);
    const long before = memory.alive;
    assert_survives_failing_allocations(memory, status, {
        status = snnk_layer_create(map, L, Psi, 27, bias, &layer);
        assert_made(status, layer);
        snnk_layer_free(layer);
    });
    assert_ok(snnk_layer_create(map, L, Psi, 27, bias, &layer));
    assert_true(memory.alive > before);

    /* The map is freed first; a forward then still works, and allocates nothing. */
    float X[N * D], Y[N * L];
    draw_floats(X, N * D, 2);
    snnk_map_free(map);
    memory.fail_after = memory.calls;
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
    snnk_layer_free(layer);
    assert_int_equal(memory.alive, 0);
}

/* ---- Kinds ---- */

/* One layer of each kind, d = 2: a dense one of 3 outputs, an SNNK one of 3 outputs and 2 features,
 * a tower of 2 features, a residual layer around it, a tree with it as the only leaf. */
enum { KINDS = 5 };

static void make_kinds(snnk_layer *layers[KINDS]) {
    const float G[4] = {1, -1, 2, 1}, W[6] = {1, 2, 0, -1, 3, 1};
    snnk_map *map;

    assert_ok(snnk_map_create_from_rows(2, 2, G, 2, NULL, NULL, NULL, &map));
    assert_ok(
        snnk_layer_create_dense(2, 3, W, 2, NULL, SNNK_TANH, NULL, &layers[SNNK_LAYER_DENSE]));
    assert_ok(snnk_layer_create(map, 3, W, 2, NULL, &layers[SNNK_LAYER_SNNK]));
    assert_ok(snnk_layer_create_tower(map, &layers[SNNK_LAYER_TOWER]));
    snnk_map_free(map);
    assert_ok(snnk_layer_create_residual(1, (const snnk_layer *const *)&layers[SNNK_LAYER_TOWER],
                                         SNNK_RESIDUAL_ADD, 0.5, NULL,
                                         &layers[SNNK_LAYER_RESIDUAL]));
    assert_ok(snnk_layer_create_leaves(0, NULL, 0, NULL, NULL, NULL,
                                       (const snnk_layer *const *)&layers[SNNK_LAYER_TOWER], NULL,
                                       &layers[SNNK_LAYER_LEAVES]));
}

/* The properties that include/snnk/layer.h states for each kind and for NULL. */
static void test_kinds(void **state) {
    static const char *const names[KINDS] = {"dense", "snnk", "tower", "residual", "leaves"};
    static const size_t outputs[KINDS] = {3, 3, 2, 2, 2}, features[KINDS] = {0, 2, 2, 0, 0};
    snnk_layer *layers[KINDS];
    float W[6];

    (void)state;
    make_kinds(layers);
    for (int32_t kind = 0; kind < KINDS; kind++) {
        const snnk_layer *layer = layers[kind];
        const int has_weights = kind == SNNK_LAYER_DENSE || kind == SNNK_LAYER_SNNK;
        const int has_map = kind == SNNK_LAYER_SNNK || kind == SNNK_LAYER_TOWER;

        assert_int_equal(snnk_layer_get_kind(layer), kind);
        assert_string_equal(snnk_layer_kind_name(kind), names[kind]);
        assert_int_equal(snnk_layer_inputs(layer), 2);
        assert_int_equal(snnk_layer_outputs(layer), outputs[kind]);
        assert_int_equal(snnk_layer_features(layer), features[kind]);
        assert_int_equal(snnk_layer_map(layer) != NULL, has_map);
        assert_int_equal(snnk_layer_activation(layer), kind == SNNK_LAYER_DENSE ? SNNK_TANH : -1);
        assert_int_equal(snnk_layer_weights(layer, W, 2, NULL),
                         has_weights ? SNNK_OK : SNNK_E_UNSUPPORTED);
        if (kind == SNNK_LAYER_TOWER) assert_says("a tower layer has no weights");
        if (kind == SNNK_LAYER_RESIDUAL) assert_says("a residual layer has no weights of its own");
        if (kind == SNNK_LAYER_LEAVES) assert_says("a leaves layer has no weights of its own");
    }
    for (int32_t kind = 0; kind < KINDS; kind++) snnk_layer_free(layers[kind]);
    assert_int_equal(snnk_layer_get_kind(NULL), -1);
    assert_int_equal(snnk_layer_activation(NULL), -1);
    assert_null(snnk_layer_map(NULL));
    assert_null(snnk_layer_kind_name(-1));
    assert_null(snnk_layer_kind_name(KINDS));
    assert_string_equal(snnk_storage_name(SNNK_STORAGE_F32), "f32");
    assert_string_equal(snnk_storage_name(SNNK_STORAGE_BF16), "bf16");
    assert_string_equal(snnk_storage_name(SNNK_STORAGE_INT8), "int8");
    assert_string_equal(snnk_storage_name(SNNK_STORAGE_BF16X3), "bf16x3");
    assert_null(snnk_storage_name(-1));
    assert_null(snnk_storage_name(4));
}

/* Two owners: the layer exists until the second one has freed it. By hand: tanh(0) = 0. */
static void test_retain(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const float W = 0, x = 3;
    snnk_layer *layer, *second;
    float y = 77;

    (void)state;
    assert_null(snnk_layer_retain(NULL));
    assert_ok(snnk_layer_create_dense(1, 1, &W, 1, NULL, SNNK_TANH, &allocator, &layer));
    second = snnk_layer_retain(layer);
    assert_ptr_equal(second, layer);
    snnk_layer_free(layer);
    assert_true(memory.alive > 0);
    assert_ok(snnk_layer_forward(second, 1, &x, 1, &y, 1, NULL));
    assert_true(y == 0);
    snnk_layer_free(second);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_against_double),
        cmocka_unit_test(test_layer_by_hand),
        cmocka_unit_test(test_dense_forward),
        cmocka_unit_test(test_same_bits_however_rows_are_passed),
        cmocka_unit_test(test_readout_threads),
        cmocka_unit_test(test_nan_stays_in_its_row),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_weights_come_back),
        cmocka_unit_test(test_creators_misuse),
        cmocka_unit_test(test_forward_misuse),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_retain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
