/* src/network/network.c: layers one after another, notes, scratch. */
#include "data/bundle.h"
#include "support/alloc.h"
#include "support/bf16.h"
#include "support/compare.h"
#include "support/draw.h"

enum { D = 6, N = 130, WIDEST = 33 };

/* A layer inputs -> outputs; kind: 0 arc-cosine, 1 Gaussian, 2 identity and arc-cosine blocks,
 * otherwise dense (tanh). Weights are scaled to keep values near 1. */
static snnk_layer *make_layer(int kind, size_t inputs, size_t outputs,
                              const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *map = NULL, *parts[2];
    snnk_layer *layer;
    float W[WIDEST * 64], bias[WIDEST];

    draw_floats(bias, outputs, inputs);
    draw_floats(W, WIDEST * 64, 10 * inputs + outputs);
    if (kind > 2) {
        assert_ok(snnk_layer_create_dense(inputs, outputs, W, inputs, bias, SNNK_TANH, allocator,
                                          &layer));
        return layer;
    }
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.allocator = allocator;
    config.features = 20;
    config.kind = kind == 1 ? SNNK_MAP_GAUSSIAN : SNNK_MAP_ARC_COSINE;
    assert_ok(snnk_map_create(inputs, &config, NULL, &map));
    if (kind == 2) {
        parts[0] = map;
        config.kind = SNNK_MAP_IDENTITY;
        assert_ok(snnk_map_create(inputs, &config, NULL, &parts[1]));
        assert_ok(snnk_map_concat(2, (const snnk_map *const *)parts, &map));
        snnk_map_free(parts[0]);
        snnk_map_free(parts[1]);
    }
    const size_t m = snnk_map_features(map);
    for (size_t k = 0; k < WIDEST * 64; k++) W[k] *= 0.3f;
    assert_ok(snnk_layer_create(map, outputs, W, m, bias, &layer));
    snnk_map_free(map);
    return layer;
}

/* Networks of 1, 2, 3 and 5 layers. */
static const struct plan {
    size_t n_layers;
    int kinds[5];
    size_t widths[6];
} plans[] = {
    {1, {0}, {D, 3}},
    {1, {3}, {D, 9}},
    {2, {0, 3}, {D, 17, 2}},
    {3, {3, 1, 3}, {D, 4, 33, 5}},
    {5, {0, 3, 1, 2, 0}, {D, 5, 33, 1, 8, 4}},
    {4, {3, 0, 3, 3}, {D, 33, 33, 33, 9}}, /* large enough for all threads */
};
enum { PLANS = sizeof plans / sizeof *plans };

static snnk_network *build(const struct plan *plan, const snnk_allocator *allocator) {
    snnk_network *network;

    assert_ok(snnk_network_create(allocator, &network));
    for (size_t k = 0; k < plan->n_layers; k++) {
        snnk_layer *layer =
            make_layer(plan->kinds[k], plan->widths[k], plan->widths[k + 1], allocator);

        assert_ok(snnk_network_append(network, layer));
        snnk_layer_free(layer); /* the network keeps it alive */
    }
    return network;
}

/* Run each layer on whole matrices: the same layers, so the same bits. */
static void by_layers(const snnk_network *network, size_t n, const float *X, size_t ldx, float *Y) {
    static float hidden[2][N * WIDEST];
    const float *from = X;
    size_t ld = ldx;

    for (size_t k = 0; k < snnk_network_layers(network); k++) {
        const snnk_layer *layer = snnk_network_layer(network, k);
        const size_t l = snnk_layer_outputs(layer);

        assert_ok(snnk_layer_forward(layer, n, from, ld, hidden[k % 2], l, NULL));
        from = hidden[k % 2];
        ld = l;
    }
    memcpy(Y, from, n * ld * sizeof *Y);
}

static void test_forward_is_layer_after_layer(void **state) {
    float X[N * D];
    static float expected[N * WIDEST], Y[N * WIDEST];

    (void)state;
    draw_floats(X, N * D, 1);
    for (size_t p = 0; p < PLANS; p++) {
        snnk_network *network = build(&plans[p], NULL);
        const size_t l = snnk_network_outputs(network);

        by_layers(network, N, X, D, expected);
        assert_ok(snnk_network_forward(network, N, X, D, Y, l, NULL));
        assert_memory_equal(Y, expected, N * l * sizeof *Y);
        snnk_network_free(network);
    }
}

/* By hand: relu(x1 - x2, x1) with rows given, Psi = (1 1; 0 2), then dense identity (1 -1) + 0.5.
 * x = (3, 1): features (2, 3), hidden (5, 6), y = -0.5. */
static void test_network_by_hand(void **state) {
    const float G[4] = {1, -1, 1, 0}, Psi[4] = {1, 1, 0, 2}, W[2] = {1, -1}, b = 0.5f;
    const float x[2] = {3, 1};
    float y;
    snnk_map *map;
    snnk_layer *first, *second;
    snnk_network *network;

    (void)state;
    assert_ok(snnk_map_create_from_rows(2, 2, G, 2, NULL, NULL, NULL, &map));
    assert_ok(snnk_layer_create(map, 2, Psi, 2, NULL, &first));
    assert_ok(snnk_layer_create_dense(2, 1, W, 2, &b, SNNK_IDENTITY, NULL, &second));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, first));
    assert_ok(snnk_network_append(network, second));
    snnk_map_free(map);
    snnk_layer_free(first);
    snnk_layer_free(second);
    assert_ok(snnk_network_forward(network, 1, x, 2, &y, 1, NULL));
    assert_true(y == -0.5f);
    snnk_network_free(network);
}

/* Row by row, any number of rows (a tile is 64), any number of threads, wider strides. */
static void test_same_bits_however_rows_are_passed(void **state) {
    static const size_t ns[] = {1, 2, 63, 64, 65, 127, 128, N};
    static float X[N * (D + 2)], whole[N * WIDEST], other[N * (WIDEST + 3)];

    (void)state;
    draw_floats(X, N * (D + 2), 2);
    for (size_t p = 0; p < PLANS; p++) {
        snnk_network *network = build(&plans[p], NULL);
        const size_t l = snnk_network_outputs(network), ld = l + 3;

        assert_ok(snnk_network_forward(network, N, X, D + 2, whole, l, NULL));
        for (size_t i = 0; i < N; i++) {
            assert_ok(snnk_network_forward(network, 1, X + i * (D + 2), D, other, l, NULL));
            assert_memory_equal(other, whole + i * l, l * sizeof *whole);
        }
        for (size_t threads = 1; threads <= 7; threads += threads == 3 ? 4 : 1) {
            snnk_workspace *workspace;

            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            for (size_t t = 0; t < sizeof ns / sizeof *ns; t++) {
                for (size_t k = 0; k < N * ld; k++) other[k] = -1234;
                assert_ok(snnk_network_forward(network, ns[t], X, D + 2, other, ld, workspace));
                for (size_t k = 0; k < N * ld; k++)
                    assert_true(
                        other[k] ==
                        (k / ld < ns[t] && k % ld < l ? whole[k / ld * l + k % ld] : -1234));
            }
            snnk_workspace_free(workspace);
        }
        snnk_network_free(network);
    }
}

static void test_nan_stays_in_its_row(void **state) {
    snnk_network *network = build(&plans[4], NULL);
    float X[9 * D], Y[9 * 4];

    (void)state;
    draw_floats(X, 9 * D, 3);
    X[5 * D] = NAN;
    assert_ok(snnk_network_forward(network, 9, X, D, Y, 4, NULL));
    for (size_t k = 0; k < 9 * 4; k++) assert_int_equal(isnan(Y[k]) != 0, k / 4 == 5);
    snnk_network_free(network);
}

/* ---- Rows in bf16 ---- */

/* Outputs are those of snnk_network_forward for the same inputs in float, rounded. */
static void check_bf16(const snnk_network *network, size_t n, size_t threads) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network), ldx = d + 3,
                 ldy = l + 2;
    float *X = malloc(n * d * sizeof *X), *Y = malloc(n * l * sizeof *Y);
    uint16_t *X_bf16 = malloc(n * ldx * sizeof *X_bf16), *Y_bf16 = malloc(n * ldy * sizeof *Y_bf16);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_workspace *workspace;

    draw_floats(X, n * d, 5);
    memset(X_bf16, 0, n * ldx * sizeof *X_bf16);
    for (size_t i = 0; i < n * d; i++) {
        uint16_t *bits = &X_bf16[i / d * ldx + i % d];

        *bits = nearest_bf16(X[i]);
        X[i] = from_bf16(*bits);
    }
    memset(Y_bf16, 0x55, n * ldy * sizeof *Y_bf16);
    assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
    assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes_bf16(network)));
    memory.fail_after = memory.calls;
    assert_ok(snnk_network_forward_bf16(network, n, X_bf16, ldx, Y_bf16, ldy, workspace));
    memory.fail_after = -1;
    assert_ok(snnk_network_forward(network, n, X, d, Y, l, NULL));
    for (size_t i = 0; i < n * ldy; i++)
        assert_int_equal(Y_bf16[i], i % ldy < l ? nearest_bf16(Y[i / ldy * l + i % ldy]) : 0x5555);
    snnk_workspace_free(workspace);
    free(X);
    free(Y);
    free(X_bf16);
    free(Y_bf16);
}

/* The network with all its layers in this storage. */
static snnk_network *in_storage(const snnk_network *network, int32_t storage) {
    snnk_network *made;

    assert_ok(snnk_network_create(NULL, &made));
    for (size_t k = 0; k < snnk_network_layers(network); k++) {
        snnk_layer *layer;

        assert_ok(snnk_layer_quantize(snnk_network_layer(network, k), storage, &layer));
        assert_ok(snnk_network_append(made, layer));
        snnk_layer_free(layer);
    }
    return made;
}

static void test_bf16_rows(void **state) {
    (void)state;
    for (size_t p = 0; p < PLANS; p++) {
        snnk_network *network = build(&plans[p], NULL);

        for (size_t n = 1; n < 70; n += 1 + n / 3)
            for (size_t threads = 1; threads <= 3; threads++) check_bf16(network, n, threads);
        for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_INT8; s++) {
            snnk_network *narrow = in_storage(network, s);

            for (size_t n = 1; n < 70; n += 9) check_bf16(narrow, n, 1);
            snnk_network_free(narrow);
        }
        snnk_network_free(network);
    }
}

/* One dense layer whose outputs threads divide. */
static void test_bf16_rows_of_dense_layer(void **state) {
    enum { INPUTS = 300, OUTPUTS = 1200 };
    float *W = malloc(INPUTS * OUTPUTS * sizeof *W);
    snnk_network *wide;
    snnk_layer *layer;

    (void)state;
    draw_floats(W, INPUTS * OUTPUTS, 6);
    assert_ok(snnk_layer_create_dense(INPUTS, OUTPUTS, W, INPUTS, NULL, SNNK_TANH, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &wide));
    assert_ok(snnk_network_append(wide, layer));
    for (size_t n = 1; n < 5; n++)
        for (size_t threads = 1; threads <= 3; threads++) check_bf16(wide, n, threads);
    snnk_layer_free(layer);
    snnk_network_free(wide);
    free(W);
}

/* A single SNNK layer d -> m -> l of this kind, whose last layer rounds in its readout unless there
 * are very many features. */
static void check_bf16_layer(int32_t kind, int32_t projection, size_t d, size_t m, size_t l) {
    float *W = malloc(l * m * sizeof *W), *bias = malloc(l * sizeof *bias);
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;
    snnk_network *network;

    draw_floats(W, l * m, 8);
    draw_floats(bias, l, 9);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.projection = projection;
    config.features = m;
    config.projection_scale = 0.1;
    assert_ok(snnk_map_create(d, &config, NULL, &map));
    assert_ok(snnk_layer_create(map, l, W, m, bias, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    for (int32_t s = SNNK_STORAGE_F32; s <= SNNK_STORAGE_INT8; s++) {
        snnk_network *stored = in_storage(network, s);

        for (size_t n = 1; n < 150; n += 3 + n)
            for (size_t threads = 1; threads <= 2; threads++) check_bf16(stored, n, threads);
        snnk_network_free(stored);
    }
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(W);
    free(bias);
}

static void test_bf16_rows_of_layers(void **state) {
    (void)state;
    for (size_t l = 1; l < 220; l += 1 + l)
        check_bf16_layer(SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_GAUSSIAN, 33, 40, l);
    check_bf16_layer(SNNK_MAP_GAUSSIAN, SNNK_PROJECTION_GAUSSIAN, 20, 24, 100);
    check_bf16_layer(SNNK_MAP_GAUSSIAN, SNNK_PROJECTION_HD3, 20, 40, 100);
    check_bf16_layer(SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_GAUSSIAN, 20, 300, 70);
    check_bf16_layer(SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_GAUSSIAN, 20, 600, 70);
    check_bf16_layer(SNNK_MAP_ARC_COSINE, SNNK_PROJECTION_GAUSSIAN, 20, 1100, 70);
}

static void test_bf16_misuse(void **state) {
    snnk_network *network = build(&plans[0], NULL), *empty;
    uint16_t X[2 * D] = {0}, Y[6];

    (void)state;
    assert_ok(snnk_network_create(NULL, &empty));
    assert_status(snnk_network_forward_bf16(NULL, 1, X, D, Y, 3, NULL), SNNK_E_NULL);
    assert_status(snnk_network_forward_bf16(empty, 1, X, D, Y, 3, NULL), SNNK_E_STATE);
    assert_status(snnk_network_forward_bf16(network, 2, X, D - 1, Y, 3, NULL), SNNK_E_STRIDE);
    assert_status(snnk_network_forward_bf16(network, 2, X, D, Y, 2, NULL), SNNK_E_STRIDE);
    assert_status(snnk_network_forward_bf16(network, 1, X, D, X + 3, 3, NULL), SNNK_E_OVERLAP);
    assert_ok(snnk_network_forward_bf16(network, 0, NULL, D, NULL, 3, NULL));
    assert_int_equal(snnk_network_scratch_bytes_bf16(NULL), 0);
    assert_int_equal(snnk_network_scratch_bytes_bf16(empty), 0);

    X[2] = 0x7fc0; /* NaN stays in its row, and NaN */
    assert_ok(snnk_network_forward_bf16(network, 2, X, D, Y, 3, NULL));
    for (size_t j = 0; j < 6; j++) assert_int_equal(isnan(from_bf16(Y[j])) != 0, j < 3);
    snnk_network_free(empty);
    snnk_network_free(network);
}

/* ---- Scratch ---- */

/* After reserving the size that the network reports, no forward allocates, for any n. And that size
 * is all it uses: the workspace holds no more. */
static void test_no_allocation_after_reserve(void **state) {
    static const size_t ns[] = {1, 64, N};
    test_memory memory, of_network;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_allocator other = test_memory_allocator(&of_network);
    float X[N * D];
    static float Y[N * WIDEST];

    (void)state;
    draw_floats(X, N * D, 4);
    for (size_t p = 0; p < PLANS; p++)
        for (size_t threads = 1; threads <= 3; threads++) {
            snnk_network *network = build(&plans[p], &other);
            const size_t l = snnk_network_outputs(network);
            snnk_workspace *workspace;

            assert_int_equal(snnk_network_scratch_bytes(network) == 0, plans[p].n_layers == 1);
            assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
            assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network)));
            memory.fail_after = memory.calls;
            of_network.fail_after = of_network.calls;
            for (size_t t = 0; t < sizeof ns / sizeof *ns; t++)
                assert_ok(snnk_network_forward(network, ns[t], X, D, Y, l, workspace));

            /* Without a workspace scratch comes from the network's allocator. */
            assert_status(snnk_network_forward(network, 1, X, D, Y, l, NULL),
                          plans[p].n_layers == 1 ? SNNK_OK : SNNK_E_NOMEM);
            memory.fail_after = of_network.fail_after = -1;
            assert_ok(snnk_network_forward(network, 1, X, D, Y, l, NULL));
            snnk_workspace_free(workspace);
            snnk_network_free(network);
            assert_int_equal(memory.alive, 0);
            assert_int_equal(of_network.alive, 0);
        }
    assert_int_equal(snnk_network_scratch_bytes(NULL), 0);
}

static void test_failed_scratch_leaves_outputs(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = build(&plans[2], NULL);
    float X[D] = {0}, Y[2] = {77, 78};
    snnk_workspace *workspace;

    (void)state;
    assert_ok(snnk_workspace_create(1, &allocator, &workspace));
    memory.fail_after = memory.calls;
    assert_status(snnk_network_forward(network, 1, X, D, Y, 2, workspace), SNNK_E_NOMEM);
    assert_true(Y[0] == 77 && Y[1] == 78);
    memory.fail_after = -1;
    assert_ok(snnk_network_forward(network, 1, X, D, Y, 2, workspace));
    assert_true(Y[0] != 77 && Y[1] != 78);
    snnk_workspace_free(workspace);
    snnk_network_free(network);
}

/* ---- Counts and getters ---- */

/* D = 6 -> 17 by 20 arc-cosine features: 20 6 + 20 17 = 460, with 20 offsets and 17 biases 497;
 * 17 -> 2 dense: 34, with 2 biases 36. */
static void test_counts(void **state) {
    snnk_network *network = build(&plans[2], NULL), *empty;

    (void)state;
    assert_int_equal(snnk_network_layers(network), 2);
    assert_int_equal(snnk_network_inputs(network), 6);
    assert_int_equal(snnk_network_outputs(network), 2);
    assert_int_equal(snnk_network_multiply_adds(network), 460 + 34);
    assert_int_equal(snnk_network_parameters(network), 497 + 36);
    assert_int_equal(snnk_layer_outputs(snnk_network_layer(network, 0)), 17);
    assert_int_equal(snnk_layer_outputs(snnk_network_layer(network, 1)), 2);
    assert_null(snnk_network_layer(network, 2));
    assert_null(snnk_network_layer(network, SIZE_MAX));
    assert_null(snnk_network_layer(NULL, 0));
    snnk_network_free(network);

    assert_ok(snnk_network_create(NULL, &empty));
    assert_int_equal(snnk_network_layers(empty) + snnk_network_inputs(empty), 0);
    assert_int_equal(snnk_network_outputs(empty) + snnk_network_scratch_bytes(empty), 0);
    assert_int_equal(snnk_network_parameters(empty) + snnk_network_multiply_adds(empty), 0);
    snnk_network_free(empty);
    assert_int_equal(snnk_network_layers(NULL) + snnk_network_inputs(NULL), 0);
    assert_int_equal(snnk_network_outputs(NULL), 0);
    assert_int_equal(snnk_network_parameters(NULL) + snnk_network_multiply_adds(NULL), 0);
    snnk_network_free(NULL);
}

/* One layer in two networks, and twice in one; owners are freed in any order. */
static void test_layers_are_shared(void **state) {
    snnk_layer *layer = make_layer(0, D, D, NULL);
    snnk_network *a, *b;
    float x[D], y[2][D];

    (void)state;
    draw_floats(x, D, 5);
    assert_ok(snnk_network_create(NULL, &a));
    assert_ok(snnk_network_create(NULL, &b));
    assert_ok(snnk_network_append(a, layer));
    assert_ok(snnk_network_append(b, layer));
    assert_ok(snnk_network_append(b, layer));
    snnk_layer_free(layer);
    assert_ok(snnk_network_forward(a, 1, x, D, y[0], D, NULL));
    assert_ok(snnk_network_forward(a, 1, y[0], D, y[1], D, NULL));
    snnk_network_free(a);
    assert_ok(snnk_network_forward(b, 1, x, D, y[0], D, NULL));
    assert_memory_equal(y[0], y[1], sizeof *y);
    snnk_network_free(b);
}

/* ---- Notes ---- */

static void test_notes(void **state) {
    static const char *const keys[] = {"classes", "a", "z", "b.c", "a-1", "units_2"};
    snnk_network *network;
    char value[2] = "0", long_key[66];

    (void)state;
    assert_ok(snnk_network_create(NULL, &network));
    assert_null(snnk_network_note(network, "classes"));
    for (size_t i = 0; i < 6; i++, value[0]++)
        assert_ok(snnk_network_set_note(network, keys[i], value));
    for (size_t i = 0; i < 6; i++)
        assert_true(snnk_network_note(network, keys[i])[0] == (char)('0' + i));
    assert_ok(snnk_network_set_note(network, "a", "a much longer value than before, \xc3\xa9"));
    assert_string_equal(snnk_network_note(network, "a"),
                        "a much longer value than before, \xc3\xa9");
    /* The value may be one of the network's own. */
    assert_ok(snnk_network_set_note(network, "z", snnk_network_note(network, "a")));
    assert_ok(snnk_network_set_note(network, "a", snnk_network_note(network, "a")));
    assert_string_equal(snnk_network_note(network, "z"), snnk_network_note(network, "a"));
    assert_ok(snnk_network_set_note(network, "z", ""));
    assert_string_equal(snnk_network_note(network, "z"), "");
    assert_ok(snnk_network_set_note(network, "b.c", NULL));
    assert_ok(snnk_network_set_note(network, "b.c", NULL)); /* does not exist: nothing to do */
    assert_null(snnk_network_note(network, "b.c"));
    const char *held = snnk_network_note(network, "classes"); /* valid until this note changes */
    assert_string_equal(snnk_network_note(network, "a-1"), "4");
    static const char *const sorted[] = {"a", "a-1", "classes", "units_2", "z"};
    assert_int_equal(snnk_network_notes(network), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(snnk_network_note_key(network, i), sorted[i]);
    assert_null(snnk_network_note_key(network, 5));
    assert_int_equal(snnk_network_notes(NULL), 0);
    assert_null(snnk_network_note_key(NULL, 0));
    assert_string_equal(snnk_network_note(network, "classes"), "0");

    memset(long_key, 'k', sizeof long_key);
    long_key[64] = 0;
    assert_ok(snnk_network_set_note(network, long_key, "64"));
    long_key[64] = 'k', long_key[65] = 0;
    static const char *const bad[] = {"", "Classes", "a b", "caf\xc3\xa9", "a/b", "a\n"};
    for (size_t i = 0; i < 7; i++) {
        const char *key = i < 6 ? bad[i] : long_key;

        assert_status(snnk_network_set_note(network, key, "x"), SNNK_E_RANGE);
        assert_says(key);
        assert_says("is not 1 ... 64 characters of [a-z0-9._-]");
        assert_status(snnk_network_set_note(network, key, NULL), SNNK_E_RANGE);
        assert_null(snnk_network_note(network, key));
    }
    assert_status(snnk_network_set_note(network, "latin", "caf\xe9"), SNNK_E_RANGE);
    assert_says("\"latin\" is not UTF-8");
    for (int i = 0; i < 1000; i++) { /* there is a limit, and the error names it */
        char key[16];

        snprintf(key, sizeof key, "note%d", i);
        if (snnk_network_set_note(network, key, "x") == SNNK_OK) continue;
        assert_says("256 notes");
        assert_null(snnk_network_note(network, key));
        assert_ok(snnk_network_set_note(network, "note0", "y")); /* changing is fine */
        break;
    }
    assert_string_equal(snnk_network_note(network, "note0"), "y");
    assert_ptr_equal(snnk_network_note(network, "classes"), held);
    assert_string_equal(held, "0");
    assert_status(snnk_network_set_note(NULL, "a", "x"), SNNK_E_NULL);
    assert_status(snnk_network_set_note(network, NULL, "x"), SNNK_E_NULL);
    assert_null(snnk_network_note(NULL, "a"));
    assert_null(snnk_network_note(network, NULL));
    snnk_network_free(network);
}

/* ---- Misuse and memory ---- */

static void test_misuse(void **state) {
    snnk_network *network = build(&plans[2], NULL), *empty = network;
    snnk_layer *layer = make_layer(3, D, 3, NULL);
    float X[2 * D] = {0}, Y[4] = {77};
    const snnk_allocator broken = {NULL, NULL, NULL};

    (void)state;
    assert_status(snnk_network_create(NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_network_create(&broken, &empty), SNNK_E_NULL);
    assert_null(empty);
    assert_status(snnk_network_append(network, layer), SNNK_E_SHAPE);
    assert_says("the layer has 6 inputs, but the network has 2 outputs");
    assert_int_equal(snnk_network_layers(network), 2);
    assert_status(snnk_network_append(NULL, layer), SNNK_E_NULL);
    assert_says("network is NULL");
    assert_status(snnk_network_append(network, NULL), SNNK_E_NULL);
    assert_says("layer is NULL");

    assert_ok(snnk_network_create(NULL, &empty));
    assert_status(snnk_network_forward(empty, 1, X, D, Y, 2, NULL), SNNK_E_STATE);
    assert_says("0 layers");
    snnk_network_free(empty);
    assert_ok(snnk_network_forward(network, 0, NULL, D, NULL, 2, NULL));
    assert_status(snnk_network_forward(NULL, 2, X, D, Y, 2, NULL), SNNK_E_NULL);
    assert_status(snnk_network_forward(network, 2, NULL, D, Y, 2, NULL), SNNK_E_NULL);
    assert_says("X is NULL");
    assert_status(snnk_network_forward(network, 2, X, D, NULL, 2, NULL), SNNK_E_NULL);
    assert_says("Y is NULL");
    assert_status(snnk_network_forward(network, 2, X, D - 1, Y, 2, NULL), SNNK_E_STRIDE);
    assert_says("of X, 5, is smaller than its 6 columns");
    assert_status(snnk_network_forward(network, 2, X, D, Y, 1, NULL), SNNK_E_STRIDE);
    assert_says("of Y, 1, is smaller than its 2 columns");
    assert_status(snnk_network_forward(network, SIZE_MAX / 4, X, D, Y, 2, NULL), SNNK_E_SIZE);
    assert_true(Y[0] == 77);
    snnk_layer_free(layer);
    snnk_network_free(network);
}

static int build_with_notes(const snnk_allocator *allocator, const snnk_layer *layer,
                            snnk_network **network) {
    int st;

    if ((st = snnk_network_create(allocator, network)) != SNNK_OK) return st;
    if ((st = snnk_network_append(*network, layer)) != SNNK_OK) return st;
    if ((st = snnk_network_append(*network, layer)) != SNNK_OK) return st;
    if ((st = snnk_network_set_note(*network, "b", "first")) != SNNK_OK) return st;
    if ((st = snnk_network_set_note(*network, "a", "second")) != SNNK_OK) return st;
    if ((st = snnk_network_set_note(*network, "b", "third")) != SNNK_OK) {
        assert_string_equal(snnk_network_note(*network, "b"), "first"); /* unchanged */
        return st;
    }
    return SNNK_OK;
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_layer *layer = make_layer(3, D, D, NULL);
    snnk_network *network;
    int status;

    (void)state;
    assert_survives_failing_allocations(memory, status, {
        status = build_with_notes(&allocator, layer, &network);
        snnk_network_free(network);
    });
    snnk_layer_free(layer);
}

/* Two layers of relu features, and the first with the second's projection folded in: reference
 * values. */
static void test_folded_layers_are_the_reference(void **state) {
    enum {
        D1 = BUNDLE_G1_COLUMNS,
        M1 = BUNDLE_G1_ROWS,
        H = BUNDLE_PSI1_ROWS,
        M2 = BUNDLE_G2_ROWS,
        OUT = BUNDLE_PSI2_ROWS,
        ROWS = BUNDLE_X_ROWS
    };
    float G1[M1 * D1], Psi1[H * M1], G2[M2 * H], Psi2[OUT * M2], X[ROWS * D1], Y[ROWS * OUT];
    float P[M2 * M1];
    snnk_map_config config;
    snnk_network *network;
    snnk_layer *first, *second, *folded;
    snnk_map *map1, *map2;

    (void)state;
    for (size_t i = 0; i < M1 * D1; i++) G1[i] = (float)bundle_G1[i];
    for (size_t i = 0; i < H * M1; i++) Psi1[i] = (float)(bundle_Psi1[i] / sqrt(M1));
    for (size_t i = 0; i < M2 * H; i++) G2[i] = (float)bundle_G2[i];
    for (size_t i = 0; i < OUT * M2; i++) Psi2[i] = (float)(bundle_Psi2[i] / sqrt(M2));
    for (size_t i = 0; i < ROWS * D1; i++) X[i] = (float)bundle_X[i];
    assert_ok(snnk_map_config_init(&config, sizeof config));
    assert_ok(snnk_map_create_from_rows(D1, M1, G1, D1, NULL, &config, NULL, &map1));
    assert_ok(snnk_map_create_from_rows(H, M2, G2, H, NULL, &config, NULL, &map2));
    assert_ok(snnk_layer_create(map1, H, Psi1, M1, NULL, &first));
    assert_ok(snnk_layer_create(map2, OUT, Psi2, M2, NULL, &second));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, first));
    assert_ok(snnk_network_append(network, second));
    assert_ok(snnk_network_forward(network, ROWS, X, D1, Y, OUT, NULL));
    /* Sums of 9 products of about 1, in three layers, in float. */
    for (size_t i = 0; i < ROWS * OUT; i++) assert_close(Y[i], bundle_Y[i], 2e-6, 2e-6);

    assert_ok(snnk_layer_fold(first, M2, G2, H, NULL, &folded));
    assert_ok(snnk_layer_weights(folded, P, M1, NULL));
    for (size_t i = 0; i < M2 * M1; i++) assert_close(P[i] * sqrt(M1), bundle_P[i], 1e-6, 1e-6);
    snnk_layer_free(folded);
    snnk_network_free(network);
    snnk_layer_free(second);
    snnk_layer_free(first);
    snnk_map_free(map2);
    snnk_map_free(map1);
}

/* ---- Fewer rows than threads ---- */

/* Large enough to be split: a dense layer, and one of HD3, Gaussian pairs, identity and spectral
 * blocks. */
enum { WIDE = 1000, LARGE = 1100 };

static snnk_map *large_map(void) {
    snnk_map_config config;
    snnk_urf_config urf;
    snnk_spectrum *spectrum;
    snnk_map *parts[4], *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = 700;
    config.projection_scale = 0.05;
    config.kind = SNNK_MAP_ARC_COSINE;
    config.projection = SNNK_PROJECTION_HD3;
    assert_ok(snnk_map_create(WIDE, &config, NULL, &parts[0]));
    config.projection = SNNK_PROJECTION_GAUSSIAN;
    config.kind = SNNK_MAP_GAUSSIAN;
    assert_ok(snnk_map_create(WIDE, &config, NULL, &parts[1]));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(WIDE, &config, NULL, &parts[2]));
    assert_ok(snnk_urf_config_init(&urf, sizeof urf));
    urf.features = 130;
    assert_ok(snnk_spectrum_create(SNNK_SIN, NULL, &spectrum));
    assert_ok(snnk_map_create_urf(WIDE, spectrum, &urf, NULL, &parts[3]));
    assert_ok(snnk_map_concat(4, (const snnk_map *const *)parts, &map));
    for (int b = 0; b < 4; b++) snnk_map_free(parts[b]);
    snnk_spectrum_free(spectrum);
    return map;
}

static snnk_network *large_network(void) {
    snnk_map *map = large_map();
    const size_t m = snnk_map_features(map);
    float *W = malloc(LARGE * m * sizeof *W), bias[LARGE];
    snnk_network *network;
    snnk_layer *layer;

    draw_floats(W, LARGE * m, 31);
    draw_floats(bias, LARGE, 32);
    for (size_t k = 0; k < LARGE * m; k++) W[k] *= 0.05f;
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_layer_create_dense(LARGE, WIDE, W, LARGE, bias, SNNK_TANH, NULL, &layer));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    assert_ok(snnk_layer_create(map, LARGE, W, m, bias, &layer));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(W);
    return network;
}

/* The same bits, and no allocation after reserve. */
static void test_few_rows_are_split_within(void **state) {
    enum { ROWS = 9 };
    snnk_network *network = large_network();
    float *X = malloc(ROWS * LARGE * sizeof *X), *alone = malloc(ROWS * LARGE * sizeof *X);
    float *Y = malloc(ROWS * LARGE * sizeof *X);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);

    (void)state;
    draw_floats(X, ROWS * LARGE, 33);
    assert_ok(snnk_network_forward(network, ROWS, X, LARGE, alone, LARGE, NULL));
    for (size_t threads = 1; threads <= 11; threads += threads < 4 ? 1 : 7) {
        snnk_workspace *workspace;

        assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
        assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network)));
        const long before = memory.calls;
        for (size_t n = 1; n <= ROWS; n += n < 3 ? 1 : 3) {
            memset(Y, 0, ROWS * LARGE * sizeof *Y);
            assert_ok(snnk_network_forward(network, n, X, LARGE, Y, LARGE, workspace));
            assert_memory_equal(Y, alone, n * LARGE * sizeof *Y);
        }
        assert_int_equal(memory.calls, before);
        snnk_workspace_free(workspace);
    }
    free(Y);
    free(alone);
    free(X);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_is_layer_after_layer),
        cmocka_unit_test(test_network_by_hand),
        cmocka_unit_test(test_same_bits_however_rows_are_passed),
        cmocka_unit_test(test_nan_stays_in_its_row),
        cmocka_unit_test(test_bf16_rows),
        cmocka_unit_test(test_bf16_rows_of_dense_layer),
        cmocka_unit_test(test_bf16_rows_of_layers),
        cmocka_unit_test(test_bf16_misuse),
        cmocka_unit_test(test_no_allocation_after_reserve),
        cmocka_unit_test(test_few_rows_are_split_within),
        cmocka_unit_test(test_failed_scratch_leaves_outputs),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_layers_are_shared),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_folded_layers_are_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
