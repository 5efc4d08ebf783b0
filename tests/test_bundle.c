/* src/network/bundle.c: bundled networks give the outputs of the original, without the wide
 * matrices between layers. */
#include "data/bundle.h"
#include "support/alloc.h"
#include "support/draw.h"
#include "support/maps.h"

#include <stdbool.h>

enum { D = 7, WIDTH = 12, N = 30, DEPTH = 6 };

/* The kinds of layers of a test network. */
typedef enum layer_kind {
    ARC_COSINE,
    ARC_COSINE_SQUARED,
    GAUSSIAN,
    ELEMENTWISE,
    IDENTITY_MAP,
    URF,
    MIXED,      /* several blocks */
    TRANSFORMS, /* HD3 rows */
    LAYER_KINDS,
    LINEAR = LAYER_KINDS, /* dense layers */
    DENSE
} layer_kind;

/* A line and slow atoms, in a frame. (Features of fast atoms differ by a factor e^20, so their sum
 * has few correct digits in float, bundled or not.) */
static snnk_map *urf_map(size_t inputs) {
    static const double omega[] = {0.5, 1, 1.5}, re[] = {0.3, 0.1, 0}, im[] = {0, -0.4, 0.2};

    return framed_urf_map(inputs, 40, 3, omega, re, im, 0.1f, 0.4f);
}

static snnk_map *map_of_kind(layer_kind kind, size_t inputs) {
    static const int32_t kinds[] = {SNNK_MAP_ARC_COSINE, SNNK_MAP_ARC_COSINE, SNNK_MAP_GAUSSIAN,
                                    SNNK_MAP_ELEMENTWISE, SNNK_MAP_IDENTITY};
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 20);
    snnk_map *parts[3], *map;

    config.seed = 5;
    if (kind == URF) return urf_map(inputs);
    if (kind == MIXED) {
        for (int b = 0; b < 3; b++)
            parts[b] = map_of_kind(b == 2 ? IDENTITY_MAP : b == 1 ? GAUSSIAN : ELEMENTWISE, inputs);
        assert_ok(snnk_map_concat(3, (const snnk_map *const *)parts, &map));
        for (int b = 0; b < 3; b++) snnk_map_free(parts[b]);
        return map;
    }
    if (kind == TRANSFORMS) config.projection = SNNK_PROJECTION_HD3;
    if (kind < TRANSFORMS) config.kind = kinds[kind];
    if (kind == ARC_COSINE_SQUARED) config.order = 2;
    if (config.kind == SNNK_MAP_ELEMENTWISE) config.activation = SNNK_GELU;
    if (config.kind == SNNK_MAP_ELEMENTWISE || config.kind == SNNK_MAP_ARC_COSINE)
        config.offset_scale = 0.5;
    return map_of(inputs, &config, NULL);
}

/* Psi, or W, such that outputs have size 1 for any features: their root mean square is measured. */
static snnk_layer *layer_of(layer_kind kind, size_t inputs, size_t outputs, uint64_t seed) {
    float X[N * WIDTH], bias[WIDTH], *W, *Phi;
    double square = 0;
    snnk_map *map = NULL;
    snnk_layer *layer;
    size_t m = inputs;

    if (kind < LAYER_KINDS) map = map_of_kind(kind, inputs);
    if (map) m = snnk_map_features(map);
    W = malloc(outputs * m * sizeof *W);
    Phi = malloc(N * m * sizeof *Phi);
    draw_floats(X, N * inputs, seed + 1);
    draw_floats(W, outputs * m, seed);
    draw_floats(bias, outputs, seed + 2);
    if (map)
        assert_ok(snnk_map_input_tower(map, N, X, inputs, Phi, m, NULL));
    else
        memcpy(Phi, X, N * m * sizeof *Phi);
    for (size_t i = 0; i < N * m; i++) square += (double)Phi[i] * Phi[i] / N;
    if (kind == ARC_COSINE_SQUARED)
        square *= 9; /* otherwise six such layers would amplify rounding by the 64th power */
    for (size_t i = 0; i < outputs * m; i++) W[i] = (float)(W[i] / sqrt(square));
    if (map)
        assert_ok(snnk_layer_create(map, outputs, W, m, bias, &layer));
    else
        assert_ok(snnk_layer_create_dense(inputs, outputs, W, inputs, bias,
                                          kind == LINEAR ? SNNK_IDENTITY : SNNK_TANH, NULL,
                                          &layer));
    free(W);
    free(Phi);
    snnk_map_free(map);
    return layer;
}

static snnk_network *network_of(size_t depth, const layer_kind *kinds, const size_t *widths) {
    snnk_network *network;

    assert_ok(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < depth; k++) {
        snnk_layer *layer = layer_of(kinds[k], widths[k], widths[k + 1], 10 * k);

        assert_ok(snnk_network_append(network, layer));
        snnk_layer_free(layer);
    }
    return network;
}

static const size_t test_widths[DEPTH + 1] = {D, WIDTH, 3, WIDTH, 5, 9, 4};

static snnk_network *bundle(const snnk_network *network, size_t first, size_t last) {
    snnk_network *bundled;

    assert_ok(snnk_network_bundle(network, first, last, &bundled));
    assert_int_equal(snnk_network_inputs(bundled), snnk_network_inputs(network));
    assert_int_equal(snnk_network_outputs(bundled), snnk_network_outputs(network));
    return bundled;
}

/* The largest difference of outputs, relative to their root mean square. */
static double difference(const snnk_network *a, const snnk_network *b) {
    const size_t d = snnk_network_inputs(a), l = snnk_network_outputs(a);
    float X[N * WIDTH], Y[N * WIDTH], Z[N * WIDTH];
    double square = 0, largest = 0;

    draw_floats(X, N * d, 99);
    assert_ok(snnk_network_forward(a, N, X, d, Y, l, NULL));
    assert_ok(snnk_network_forward(b, N, X, d, Z, l, NULL));
    for (size_t i = 0; i < N * l; i++) {
        square += (double)Y[i] * Y[i] / (double)(N * l);
        largest = fmax(largest, fabs((double)Y[i] - Z[i]));
    }
    assert_true(square > 0);
    return largest / sqrt(square);
}

/* y = Psi2 relu(G2 Psi1 relu(G1 x)/sqrt(m1))/sqrt(m2), with the middle matrices folded to P = G2
 * Psi1: NumPy's values. */
static void to_floats(const double *from, size_t n, float *to) {
    for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

static void test_reference(void **state) {
    enum {
        R1 = BUNDLE_G1_ROWS,
        C1 = BUNDLE_G1_COLUMNS,
        L1 = BUNDLE_PSI1_ROWS,
        R2 = BUNDLE_G2_ROWS,
        L2 = BUNDLE_PSI2_ROWS,
        ROWS = BUNDLE_X_ROWS
    };
    float G1[R1 * C1], Psi1[L1 * R1], G2[R2 * L1], Psi2[L2 * R2], X[ROWS * C1], Y[ROWS * L2];
    float P[R2 * R1];
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 0);
    snnk_map *maps[2];
    snnk_layer *layers[2];
    snnk_network *network, *bundled;

    (void)state;
    to_floats(bundle_G1, R1 * C1, G1);
    to_floats(bundle_Psi1, L1 * R1, Psi1);
    to_floats(bundle_G2, R2 * L1, G2);
    to_floats(bundle_Psi2, L2 * R2, Psi2);
    to_floats(bundle_X, ROWS * C1, X);
    for (size_t i = 0; i < L1 * R1; i++) Psi1[i] = (float)(bundle_Psi1[i] / sqrt(R1));
    for (size_t i = 0; i < L2 * R2; i++) Psi2[i] = (float)(bundle_Psi2[i] / sqrt(R2));
    assert_ok(snnk_map_create_from_rows(C1, R1, G1, C1, NULL, &config, NULL, &maps[0]));
    assert_ok(snnk_map_create_from_rows(L1, R2, G2, L1, NULL, &config, NULL, &maps[1]));
    assert_ok(snnk_layer_create(maps[0], L1, Psi1, R1, NULL, &layers[0]));
    assert_ok(snnk_layer_create(maps[1], L2, Psi2, R2, NULL, &layers[1]));
    assert_ok(snnk_network_create(NULL, &network));
    for (int k = 0; k < 2; k++) assert_ok(snnk_network_append(network, layers[k]));
    bundled = bundle(network, 0, 1);
    assert_int_equal(snnk_network_layers(bundled), 2);
    assert_int_equal(snnk_layer_get_kind(snnk_network_layer(bundled, 0)), SNNK_LAYER_TOWER);
    assert_ok(snnk_network_forward(bundled, ROWS, X, C1, Y, L2, NULL));
    /* inputs are floats, so 1e-6 of sums of a dozen terms of size 1 to 10 */
    for (size_t i = 0; i < ROWS * L2; i++) assert_close(Y[i], bundle_Y[i], 1e-5, 1e-5);
    const snnk_map *map = snnk_layer_map(snnk_network_layer(bundled, 1));
    assert_ok(snnk_map_block_rows(map, 0, P, R1, NULL));
    for (size_t i = 0; i < R2 * R1; i++) assert_close(P[i] * sqrt(R1), bundle_P[i], 1e-6, 1e-6);
    snnk_network_free(network);
    snnk_network_free(bundled);
    for (int k = 0; k < 2; k++) {
        snnk_map_free(maps[k]);
        snnk_layer_free(layers[k]);
    }
}

/* Bundling keeps outputs for every kind of map, alone and after every other kind, at every
 * depth. */
static void test_every_kind_and_depth(void **state) {
    (void)state;
    for (layer_kind kind = 0; kind < LAYER_KINDS; kind++)
        for (size_t depth = 1; depth <= DEPTH; depth++) {
            layer_kind kinds[DEPTH];

            for (size_t k = 0; k < depth; k++) kinds[k] = kind;
            snnk_network *network = network_of(depth, kinds, test_widths);
            snnk_network *bundled = bundle(network, 0, depth - 1);

            assert_int_equal(snnk_network_layers(bundled), depth);
            assert_true(difference(network, bundled) < 1e-5);
            snnk_network_free(bundled);
            snnk_network_free(network);
        }
    for (layer_kind first = 0; first < LAYER_KINDS + 2; first++)
        for (layer_kind second = 0; second < LAYER_KINDS + 2; second++) {
            const layer_kind kinds[3] = {first, second, ARC_COSINE};
            snnk_network *network = network_of(3, kinds, test_widths);
            snnk_network *bundled = bundle(network, 0, 2);

            assert_true(difference(network, bundled) < 1e-5);
            snnk_network_free(bundled);
            snnk_network_free(network);
        }
}

/* Every range of layers can be bundled; the layers around it are shared. */
static void test_every_run(void **state) {
    const layer_kind kinds[DEPTH] = {GAUSSIAN, DENSE, URF, LINEAR, ARC_COSINE, LINEAR};
    snnk_network *network = network_of(DEPTH, kinds, test_widths);

    (void)state;
    assert_ok(snnk_network_set_note(network, "units", "mm"));
    for (size_t first = 0; first < DEPTH; first++)
        for (size_t last = first; last < DEPTH; last++) {
            snnk_network *bundled = bundle(network, first, last);
            const size_t shorter = DEPTH - snnk_network_layers(bundled);

            assert_true(difference(network, bundled) < 1e-5);
            for (size_t k = 0; k < first; k++)
                assert_ptr_equal(snnk_network_layer(bundled, k), snnk_network_layer(network, k));
            for (size_t k = last + 1; k < DEPTH; k++)
                assert_ptr_equal(snnk_network_layer(bundled, k - shorter),
                                 snnk_network_layer(network, k));
            assert_string_equal(snnk_network_note(bundled, "units"), "mm");
            snnk_network_free(bundled);
        }
    snnk_network_free(network);
}

/* A tower after an SNNK layer, a linear one, or both absorbs their Psi. */
static void check_towers_behind(void) {
    const layer_kind before[3][2] = {{GAUSSIAN}, {LINEAR}, {GAUSSIAN, LINEAR}};

    for (size_t c = 0; c < 3; c++) {
        const size_t n = c == 2 ? 2 : 1;
        snnk_network *network = network_of(n, before[c], test_widths), *bundled;
        snnk_map *map = map_of_kind(URF, test_widths[n]);
        snnk_layer *tower;

        assert_ok(snnk_layer_create_tower(map, &tower));
        assert_ok(snnk_network_append(network, tower));
        assert_ok(snnk_network_bundle(network, 0, n, &bundled));
        assert_int_equal(snnk_network_layers(bundled), c == 1 ? 1 : 2);
        assert_int_equal(snnk_network_outputs(bundled), snnk_map_features(map));
        float X[N * D], *Phi = malloc(2 * N * snnk_map_features(map) * sizeof *Phi);
        const size_t m = snnk_map_features(map);
        draw_floats(X, N * D, 99);
        assert_ok(snnk_network_forward(network, N, X, D, Phi, m, NULL));
        assert_ok(snnk_network_forward(bundled, N, X, D, Phi + N * m, m, NULL));
        for (size_t i = 0; i < N * m; i++) assert_close(Phi[N * m + i], Phi[i], 1e-5, 1e-5);
        free(Phi);
        snnk_layer_free(tower);
        snnk_map_free(map);
        snnk_network_free(bundled);
        snnk_network_free(network);
    }
}

/* The layers that a range becomes. */
static void test_shapes(void **state) {
    /* linear, linear: become one. GAUSSIAN, linear: become one. Then tanh and what follows it
     * stay. */
    const layer_kind kinds[DEPTH] = {LINEAR, LINEAR, GAUSSIAN, LINEAR, DENSE, ARC_COSINE};
    snnk_network *network = network_of(DEPTH, kinds, test_widths), *bundled, *part;
    const snnk_layer *layer;

    (void)state;
    bundled = bundle(network, 0, DEPTH - 1);
    assert_int_equal(snnk_network_layers(bundled), 3);
    layer = snnk_network_layer(bundled, 0); /* G has absorbed the two linear layers */
    assert_int_equal(snnk_layer_get_kind(layer), SNNK_LAYER_TOWER);
    assert_int_equal(snnk_layer_inputs(layer), D);
    assert_int_equal(snnk_layer_outputs(layer), 20);
    assert_int_equal(snnk_layer_parameters(layer), 10 * D + 10);
    layer = snnk_network_layer(bundled, 1); /* W of tanh has absorbed Psi and the linear layer */
    assert_null(snnk_layer_map(layer));
    assert_int_equal(snnk_layer_inputs(layer), 20);
    assert_int_equal(snnk_layer_outputs(layer), test_widths[5]);
    layer = snnk_network_layer(bundled, 2); /* nothing folds through an activation */
    assert_ptr_equal(layer, snnk_network_layer(network, 5));
    snnk_network_free(bundled);

    bundled = bundle(network, 0, 1);
    assert_int_equal(snnk_network_layers(bundled), DEPTH - 1);
    assert_int_equal(snnk_layer_inputs(snnk_network_layer(bundled, 0)), D);
    assert_int_equal(snnk_layer_outputs(snnk_network_layer(bundled, 0)), test_widths[2]);
    /* Bundling parts first, then the whole, gives the same as bundling all at once. */
    part = bundle(bundled, 1, 2);
    assert_int_equal(snnk_network_layers(part), DEPTH - 2);
    snnk_network_free(bundled);
    bundled = bundle(part, 0, DEPTH - 3);
    assert_int_equal(snnk_network_layers(bundled), 3);
    assert_true(difference(network, bundled) < 1e-5);
    snnk_network_free(part);
    part = bundle(bundled, 0, 2); /* towers are kept unchanged */
    assert_int_equal(snnk_network_layers(part), 3);
    assert_true(difference(network, part) < 1e-5);
    snnk_network_free(part);
    check_towers_behind();
    snnk_network_free(bundled);
    snnk_network_free(network);
}

/* The products of Psi from the weights tower and Phi from the input tower are the outputs. */
static void test_towers(void **state) {
    static const struct {
        size_t depth;
        layer_kind kinds[4];
        size_t features;
    } cases[] = {
        {1, {GAUSSIAN}, 20},
        {3, {URF, ELEMENTWISE, ARC_COSINE}, 20},
        {3, {ARC_COSINE, GAUSSIAN, LINEAR}, 20},
        {3, {GAUSSIAN, DENSE, LINEAR}, 3},
        {2, {LINEAR, TRANSFORMS}, 20},
    };
    float X[N * D], Y[N * WIDTH], *Phi, *Psi, bias[WIDTH];

    (void)state;
    draw_floats(X, N * D, 99);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        snnk_network *network = network_of(cases[c].depth, cases[c].kinds, test_widths), *tower;
        const size_t l = snnk_network_outputs(network), m = cases[c].features;

        assert_ok(snnk_network_input_tower(network, &tower));
        assert_int_equal(snnk_network_outputs(tower), m);
        Phi = malloc(N * m * sizeof *Phi);
        Psi = malloc(l * (m + 1) * sizeof *Psi);
        assert_ok(snnk_network_weight_tower(network, Psi, m + 1, bias));
        assert_ok(snnk_network_forward(tower, N, X, D, Phi, m, NULL));
        assert_ok(snnk_network_forward(network, N, X, D, Y, l, NULL));
        for (size_t i = 0; i < N; i++)
            for (size_t o = 0; o < l; o++) {
                double sum = bias[o];

                for (size_t j = 0; j < m; j++) sum += (double)Psi[o * (m + 1) + j] * Phi[i * m + j];
                assert_close(Y[i * l + o], sum, 0, 1e-5);
            }
        free(Phi);
        free(Psi);
        snnk_network_free(tower);
        snnk_network_free(network);
    }
}

static void test_no_towers(void **state) {
    const layer_kind dense[2] = {GAUSSIAN, DENSE}, linear[2] = {LINEAR, LINEAR},
                     short_one[1] = {GAUSSIAN};
    snnk_network *network = network_of(2, dense, test_widths), *tower, *none;
    float Psi[20 * WIDTH];

    (void)state;
    assert_status(snnk_network_input_tower(network, &tower), SNNK_E_UNSUPPORTED);
    assert_says("tanh");
    assert_null(tower);
    assert_status(snnk_network_weight_tower(network, Psi, 20, NULL), SNNK_E_UNSUPPORTED);
    snnk_network_free(network);
    network = network_of(2, linear, test_widths);
    assert_status(snnk_network_input_tower(network, &tower), SNNK_E_UNSUPPORTED);
    assert_says("linear");
    assert_status(snnk_network_weight_tower(network, Psi, 20, NULL), SNNK_E_UNSUPPORTED);
    snnk_network_free(network);
    network = network_of(1, short_one, test_widths);
    assert_status(snnk_network_weight_tower(network, Psi, 19, NULL), SNNK_E_STRIDE);
    assert_ok(snnk_network_weight_tower(network, NULL, 0, Psi));
    assert_ok(snnk_network_input_tower(network, &tower));
    assert_status(snnk_network_weight_tower(tower, Psi, 20, NULL), SNNK_E_UNSUPPORTED);
    assert_says("a tower");
    snnk_network_free(tower);
    assert_ok(snnk_network_create(NULL, &none));
    assert_status(snnk_network_input_tower(none, &tower), SNNK_E_STATE);
    assert_status(snnk_network_input_tower(NULL, &tower), SNNK_E_NULL);
    assert_status(snnk_network_input_tower(network, NULL), SNNK_E_NULL);
    assert_status(snnk_network_weight_tower(NULL, Psi, 20, NULL), SNNK_E_NULL);
    snnk_network_free(none);
    snnk_network_free(network);
}

/* A line (WIDTH identity features) and r rows of URF on WIDTH inputs, in a frame that centers
 * weights. It has a diagonal and offsets; G, its offsets, 7 numbers for each row, mu, M and nu.
 * After 20 features: WIDTH x 20 and offsets; r x 20, offsets and the same 7 numbers, nu, and the
 * WIDTH directions of |x~|^2 with offsets and gains. */
static void check_cost_of_urf(void) {
    const uint64_t w = WIDTH, m = 20;
    snnk_map *map = map_of_kind(URF, WIDTH);
    const uint64_t r = (snnk_map_features(map) - w) / 4; /* two signs, two parts */
    snnk_layer *first = layer_of(GAUSSIAN, D, WIDTH, 1), *second;
    snnk_network *network, *bundled;

    assert_int_equal(snnk_map_features(map), w + 4 * r);
    assert_ok(snnk_layer_create_tower(map, &second));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, first));
    assert_ok(snnk_network_append(network, second));
    bundled = bundle(network, 0, 1);
    assert_int_equal(snnk_layer_parameters(second), 2 * w + r * (w + 1 + 7) + 3 * w);
    assert_int_equal(snnk_layer_multiply_adds(second), w + r * w + 2 * w);
    assert_int_equal(snnk_network_parameters(bundled),
                     D * m / 2 + m / 2 + w * (m + 1) + r * (m + 1 + 7) + m + w * (m + 2));
    assert_int_equal(snnk_network_multiply_adds(bundled), D * m / 2 + w * m + r * m + m + w * m);
    assert_int_equal(snnk_network_weight_bytes(bundled), 4 * snnk_network_parameters(bundled));
    snnk_network_free(bundled);
    snnk_layer_free(first);
    snnk_layer_free(second);
    snnk_map_free(map);
    snnk_network_free(network);
}

/* d -> m -> WIDTH -> m' -> l by hand: d m + m + WIDTH m + WIDTH + WIDTH m' + m' + m' l + l numbers
 * become d m + m + m m' + m' + m' l + l. */
static void test_cost(void **state) {
    const layer_kind kinds[2] = {ARC_COSINE, ARC_COSINE};
    snnk_network *network = network_of(2, kinds, test_widths), *bundled = bundle(network, 0, 1);
    snnk_network *alone = bundle(network, 1, 1);
    const uint64_t m = 20, w = WIDTH, l = 3, before = D * m + m * w + w * m + m * l,
                   after = D * m + m * m + m * l;

    (void)state;
    assert_int_equal(snnk_network_multiply_adds(network), before);
    assert_int_equal(snnk_network_multiply_adds(bundled), after);
    assert_int_equal(snnk_network_parameters(network), before + m + w + m + l);
    assert_int_equal(snnk_network_parameters(bundled), after + m + m + l);
    assert_int_equal(snnk_network_weight_bytes(network), 4 * (before + m + w + m + l));
    assert_int_equal(snnk_network_weight_bytes(bundled), 4 * (after + m + m + l));
    assert_int_equal(snnk_network_parameters(alone), snnk_network_parameters(network));
    assert_int_equal(snnk_network_weight_bytes(NULL), 0);
    check_cost_of_urf();
    snnk_network_free(alone);
    snnk_network_free(bundled);
    snnk_network_free(network);
}

/* Towers give the same bits for any number of rows and threads, in any storage. */
static void test_forward_of_towers(void **state) {
    enum { WIDE = 700 };
    const layer_kind kinds[4] = {TRANSFORMS, MIXED, URF, GAUSSIAN};
    snnk_network *network = network_of(4, kinds, test_widths), *bundled = bundle(network, 0, 3);
    snnk_network *narrow, *large;
    snnk_quantize_report report = {.size = sizeof report};
    snnk_workspace *workspace;
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, WIDE);
    snnk_map *map = map_of(WIDE, &config, NULL);
    snnk_layer *tower;
    static float X[N * WIDE], Y[N * WIDE], Z[N * WIDE];
    const size_t l = snnk_network_outputs(bundled);

    (void)state;
    draw_floats(X, N * WIDE, 3);
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_network_forward(bundled, N, X, D, Y, l, NULL));
    for (size_t i = 0; i < N; i++) {
        assert_ok(snnk_network_forward(bundled, 1, X + i * D, D, Z, l, workspace));
        assert_memory_equal(Z, Y + i * l, l * sizeof *Y);
    }
    for (int32_t storage = SNNK_STORAGE_BF16; storage <= SNNK_STORAGE_BF16X3; storage++) {
        assert_ok(snnk_network_quantize(bundled, storage, SNNK_ROWS(.n = N, .X = X), NULL, &report,
                                        &narrow));
        assert_true(report.relative_error < 0.1 && report.relative_error > 0);
        assert_true(report.bytes < report.bytes_before || storage == SNNK_STORAGE_BF16X3);
        snnk_network_free(narrow);
    }
    /* large enough to be split within a row */
    assert_ok(snnk_layer_create_tower(map, &tower));
    assert_ok(snnk_network_create(NULL, &large));
    assert_ok(snnk_network_append(large, tower));
    assert_ok(snnk_network_append(large, tower));
    assert_ok(snnk_network_forward(large, N, X, WIDE, Y, WIDE, NULL));
    assert_ok(snnk_network_forward(large, 2, X, WIDE, Z, WIDE, workspace));
    assert_memory_equal(Z, Y, 2 * WIDE * sizeof *Y);
    assert_ok(snnk_map_input_tower(map, N, X, WIDE, Z, WIDE, NULL));
    assert_ok(snnk_layer_forward(tower, N, X, WIDE, Y, WIDE, workspace));
    assert_memory_equal(Z, Y, N * WIDE * sizeof *Y);
    /* A tower has no Psi, but absorbs a linear map that follows it as one. */
    assert_int_equal(snnk_layer_features(tower), WIDE);
    assert_status(snnk_layer_weights(tower, Y, WIDE, NULL), SNNK_E_UNSUPPORTED);
    assert_status(snnk_layer_readout(tower, 1, X, WIDE, Y, WIDE, NULL), SNNK_E_UNSUPPORTED);
    snnk_layer_free(tower);
    assert_status(snnk_layer_create_tower(NULL, &tower), SNNK_E_NULL);
    assert_null(tower);
    assert_status(snnk_layer_create_tower(map, NULL), SNNK_E_NULL);
    snnk_network_free(large);
    snnk_map_free(map);
    snnk_workspace_free(workspace);
    snnk_network_free(bundled);
    snnk_network_free(network);
}

static void test_misuse(void **state) {
    const layer_kind kinds[3] = {GAUSSIAN, DENSE, GAUSSIAN};
    snnk_network *network = network_of(3, kinds, test_widths), *bundled, *none;

    (void)state;
    assert_ok(snnk_network_create(NULL, &none));
    assert_status(snnk_network_bundle(NULL, 0, 0, &bundled), SNNK_E_NULL);
    assert_null(bundled);
    assert_status(snnk_network_bundle(network, 0, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_network_bundle(none, 0, 0, &bundled), SNNK_E_STATE);
    assert_status(snnk_network_bundle(network, 2, 1, &bundled), SNNK_E_RANGE);
    assert_says("layers 2 ... 1");
    assert_status(snnk_network_bundle(network, 0, 3, &bundled), SNNK_E_RANGE);
    assert_says("0 ... 2");
    snnk_network_free(none);
    snnk_network_free(network);
}

/* The error of a product that leaves the range of float says where it is. */
static void test_overflow(void **state) {
    const float large[1] = {3e38f}, two[1] = {2};
    snnk_layer *first, *second;
    snnk_network *network, *bundled;

    (void)state;
    assert_ok(snnk_layer_create_dense(1, 1, large, 1, NULL, SNNK_IDENTITY, NULL, &first));
    assert_ok(snnk_layer_create_dense(1, 1, two, 1, NULL, SNNK_RELU, NULL, &second));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, first));
    assert_ok(snnk_network_append(network, second));
    assert_status(snnk_network_bundle(network, 0, 1, &bundled), SNNK_E_NONFINITE);
    assert_says("layer 1");
    assert_null(bundled);
    snnk_layer_free(first);
    snnk_layer_free(second);
    snnk_network_free(network);
}

/* Layers may have different allocators, and the network another one: each frees its own memory. */
static void test_allocators(void **state) {
    enum { DEEP = 4 };
    test_memory memory[DEEP + 1];
    snnk_network *network, *bundled;
    snnk_allocator own = test_memory_allocator(&memory[DEEP]);

    (void)state;
    assert_ok(snnk_network_create(&own, &network));
    for (size_t k = 0; k < DEEP; k++) {
        const snnk_allocator allocator = test_memory_allocator(&memory[k]);
        snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 8);
        float W[WIDTH * WIDTH];
        snnk_map *map;
        snnk_layer *layer;

        draw_floats(W, WIDTH * WIDTH, k);
        config.allocator = &allocator;
        map = map_of(WIDTH, &config, NULL);
        if (k == 2)
            assert_ok(snnk_layer_create_dense(WIDTH, WIDTH, W, WIDTH, NULL, SNNK_TANH, &allocator,
                                              &layer));
        else
            assert_ok(snnk_layer_create(map, WIDTH, W, 8, NULL, &layer));
        assert_ok(snnk_network_append(network, layer));
        snnk_layer_free(layer);
        snnk_map_free(map);
    }
    assert_ok(snnk_network_bundle(network, 0, DEEP - 1, &bundled));
    snnk_network_free(network);
    snnk_network_free(bundled);
    for (size_t k = 0; k <= DEEP; k++) assert_int_equal(memory[k].alive, 0);
}

static void test_failing_allocations(void **state) {
    const layer_kind kinds[5] = {GAUSSIAN, LINEAR, ARC_COSINE, DENSE, LINEAR};
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *plain = network_of(5, kinds, test_widths), *network, *bundled;
    int st;

    (void)state;
    assert_ok(snnk_network_create(&allocator, &network));
    for (size_t k = 0; k < 5; k++)
        assert_ok(snnk_network_append(network, snnk_network_layer(plain, k)));
    assert_ok(snnk_network_set_note(network, "a", "b"));
    assert_survives_failing_allocations(memory, st, {
        st = snnk_network_bundle(network, 0, 4, &bundled);
        assert_made(st, bundled);
        snnk_network_free(bundled);
    });
    snnk_network_free(network);
    snnk_network_free(plain);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),  cmocka_unit_test(test_every_kind_and_depth),
        cmocka_unit_test(test_every_run),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_towers),     cmocka_unit_test(test_no_towers),
        cmocka_unit_test(test_cost),       cmocka_unit_test(test_forward_of_towers),
        cmocka_unit_test(test_misuse),     cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_allocators), cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
