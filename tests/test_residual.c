/* src/layer/residual.c: layers that add to their inputs, or modulate them. */
#include "support/alloc.h"
#include "support/residual.h"

#include <float.h>

#include "layer/layer.h"

/* ---- Values ---- */

/* By hand. f(x) = (x1 + 2 x2, -x1 + 1) and s = 0.5 at x = (3, -2): f = (-1, -2). */
static void closed_forms(void **state) {
    const float W[4] = {1, 2, -1, 0}, b[2] = {0, 1}, x[2] = {3, -2};
    const float expected[2][2] = {{2.5f, -3}, {1.5f, -0.0f}};
    snnk_layer *inner, *layer;
    float y[2];

    (void)state;
    assert_ok(snnk_layer_create_dense(2, 2, W, 2, b, SNNK_IDENTITY, NULL, &inner));
    for (int k = 0; k < 2; k++) {
        assert_ok(around(1, &inner, forms[k], 0.5, NULL, &layer));
        assert_ok(snnk_layer_forward(layer, 1, x, 2, y, 2, NULL));
        assert_memory_equal(y, expected[k], sizeof y);
        snnk_layer_free(layer);
    }
    snnk_layer_free(inner);
}

static void forward_is_that_of_the_inner_layers(void **state) {
    static float X[N * D], Y[N * D], expected[N * D];

    (void)state;
    draw_floats(X, N * D, 3);
    for (int k = 0; k < MAKERS; k++)
        for (int form = 0; form < 2; form++) {
            snnk_layer *layer;

            assert_ok(makers[k](forms[form], -0.3, NULL, &layer));
            by_hand(layer, N, X, expected);
            assert_ok(snnk_layer_forward(layer, N, X, D, Y, D, NULL));
            assert_memory_equal(Y, expected, sizeof Y);
            snnk_layer_free(layer);
        }
}

/* With gain 0 the outputs are the inputs, also where f(x) is NaN or infinite, and a NaN, an
 * infinity or a zero of x stays what it is. */
static void gain_zero_is_the_identity(void **state) {
    const float W[4] = {FLT_MAX, FLT_MAX, 1, -1};
    const float x[8] = {3, 4, -0.0f, NAN, INFINITY, 1, 2, -FLT_MAX};
    const double x_f64[2] = {3, 4};
    snnk_layer *inner, *layer;
    snnk_workspace *workspace;
    snnk_network *network;
    double y_f64[2];
    float y[8];

    (void)state;
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_layer_create_dense(2, 2, W, 2, NULL, SNNK_IDENTITY, NULL, &inner));
    for (int form = 0; form < 2; form++) {
        assert_ok(around(1, &inner, forms[form], 0, NULL, &layer));
        assert_ok(snnk_layer_forward(layer, 4, x, 2, y, 2, workspace));
        for (int k = 0; k < 8; k++) {
            assert_close(y[k], x[k], 0, 0);
            assert_int_equal(signbit(y[k]) != 0, signbit(x[k]) != 0);
        }
        network = network_of(1, &layer);
        assert_ok(snnk_network_forward_f64(network, 1, x_f64, 2, y_f64, 2, NULL));
        assert_memory_equal(y_f64, x_f64, sizeof y_f64);
        snnk_network_free(network);
        snnk_layer_free(layer);
    }
    snnk_layer_free(inner);
    snnk_workspace_free(workspace);
}

/* The outputs of `layer` for n rows must be the first ones of Y, and nothing else is written. */
static void check_rows(const snnk_layer *layer, size_t n, const float *X, const float *Y,
                       snnk_workspace *workspace) {
    const size_t d = snnk_layer_inputs(layer), ldy = d + 3;
    float *out = malloc((n * ldy + 1) * sizeof *out);

    for (size_t k = 0; k < n * ldy; k++) out[k] = 77;
    assert_ok(snnk_layer_forward(layer, n, X, d, out, ldy, workspace));
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(out + i * ldy, Y + i * d, d * sizeof *out);
        for (size_t k = d; k < ldy; k++) assert_true(out[i * ldy + k] == 77);
    }
    free(out);
}

static void every_number_of_rows_and_threads(void **state) {
    static const size_t rows[] = {0, 1, 2, 3, 5, 63, 64, 65, 127, 128, N};
    static float X[N * D], Y[N * D];
    snnk_workspace *workspace;

    (void)state;
    draw_floats(X, N * D, 4);
    for (int k = 0; k < MAKERS; k++) {
        snnk_layer *layer;

        assert_ok(makers[k](forms[k % 2], 0.9, NULL, &layer));
        by_hand(layer, N, X, Y);
        for (size_t threads = 0; threads <= 6; threads++) {
            if (threads > 0)
                assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            else
                workspace = NULL;
            for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                check_rows(layer, rows[i], X, Y, workspace);
            snnk_workspace_free(workspace);
        }
        snnk_layer_free(layer);
    }
}

/* Layers large enough to divide each row between threads, with one among them that is not, and one
 * residual layer in another: the same bits, and no allocation once the scratch is reserved. */
static void rows_divided_between_threads(void **state) {
    enum { WIDE = 640, HIDDEN = 520, ROWS = 5 };
    static float X[ROWS * WIDE], Y[ROWS * WIDE], Z[ROWS * WIDE];
    snnk_layer *layers[3], *layer, *outer;
    snnk_workspace *workspace;
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network;

    (void)state;
    draw_floats(X, ROWS * WIDE, 5);
    assert_ok(dense(WIDE, HIDDEN, SNNK_TANH, 21, &allocator, &layers[0]));
    assert_ok(snnk(HIDDEN, 16, HIDDEN, SNNK_MAP_GAUSSIAN, NULL, &allocator, &layers[1]));
    assert_ok(snnk(HIDDEN, 900, WIDE, SNNK_MAP_ARC_COSINE, NULL, &allocator, &layers[2]));
    assert_ok(around(3, layers, SNNK_RESIDUAL_ADD, 0.1, &allocator, &layer));
    assert_ok(around(1, &layer, SNNK_RESIDUAL_MULTIPLY, 0.2, &allocator, &outer));
    by_hand(outer, ROWS, X, Y);
    for (size_t threads = 1; threads <= 8; threads++) {
        assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
        for (size_t n = 1; n <= ROWS; n++) check_rows(outer, n, X, Y, workspace);
        snnk_workspace_free(workspace);
    }
    network = network_of(1, &outer);
    assert_ok(snnk_network_append(network, layer));
    by_hand(layer, ROWS, Y, Z);
    assert_ok(snnk_workspace_create(8, &allocator, &workspace));
    assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network)));
    memory.fail_after = memory.calls;
    for (size_t n = 1; n <= ROWS; n++) {
        assert_ok(snnk_network_forward(network, n, X, WIDE, Y, WIDE, workspace));
        assert_memory_equal(Y, Z, n * WIDE * sizeof *Y);
    }
    snnk_workspace_free(workspace);
    snnk_network_free(network);
    snnk_layer_free(outer);
    snnk_layer_free(layer);
    for (int k = 0; k < 3; k++) snnk_layer_free(layers[k]);
    assert_int_equal(memory.alive, 0);
}

/* The same for a large layer with a small one in it that needs more scratch than its rows: one that
 * runs on a single thread. And with gain 0, where nothing is computed: infinite f(x) do not
 * matter. */
static void small_layers_in_divided_ones(void **state) {
    enum { WIDE = 640, HIDDEN = 520, NARROW = 40, ROWS = 7 };
    static float X[ROWS * WIDE], Y[ROWS * WIDE], huge[HIDDEN * WIDE];
    snnk_layer *within[3], *layers[3], *layer;
    snnk_workspace *workspace;

    (void)state;
    draw_floats(X, ROWS * WIDE, 15);
    assert_ok(dense(HIDDEN, NARROW, SNNK_TANH, 23, NULL, &within[0]));
    assert_ok(dense(NARROW, NARROW, SNNK_TANH, 24, NULL, &within[1]));
    assert_ok(dense(NARROW, HIDDEN, SNNK_IDENTITY, 27, NULL, &within[2]));
    assert_ok(dense(WIDE, HIDDEN, SNNK_TANH, 25, NULL, &layers[0]));
    assert_ok(around(3, within, SNNK_RESIDUAL_ADD, 0.5, NULL, &layers[1]));
    assert_ok(dense(HIDDEN, WIDE, SNNK_IDENTITY, 26, NULL, &layers[2]));
    assert_ok(around(3, layers, SNNK_RESIDUAL_ADD, 0.5, NULL, &layer));
    for (int without = 0; without <= 1; without++) { /* then without the small one */
        by_hand(layer, ROWS, X, Y);
        for (size_t threads = 1; threads <= 8; threads++) {
            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            for (size_t n = 1; n <= ROWS; n++) check_rows(layer, n, X, Y, workspace);
            snnk_workspace_free(workspace);
        }
        snnk_layer_free(layer);
        assert_ok(around(2, (snnk_layer *[2]){layers[0], layers[2]}, SNNK_RESIDUAL_ADD, 0.5, NULL,
                         &layer));
    }
    snnk_layer_free(layer);
    snnk_layer_free(layers[0]);
    for (size_t k = 0; k < HIDDEN * WIDE; k++) huge[k] = FLT_MAX;
    assert_ok(
        snnk_layer_create_dense(WIDE, HIDDEN, huge, WIDE, NULL, SNNK_IDENTITY, NULL, &layers[0]));
    assert_ok(around(3, layers, SNNK_RESIDUAL_ADD, 0, NULL, &layer));
    assert_ok(snnk_workspace_create(8, NULL, &workspace));
    for (size_t n = 1; n <= ROWS; n++) check_rows(layer, n, X, X, workspace);
    snnk_workspace_free(workspace);
    snnk_layer_free(layer);
    for (int k = 0; k < 3; k++) snnk_layer_free(within[k]);
    for (int k = 0; k < 3; k++) snnk_layer_free(layers[k]);
}

/* Layers that are each too small to be divided make no layer that is worth dividing. */
static void small_layers_are_not_divided(void **state) {
    enum { WIDTH = 300, COUNT = 10 }; /* 900,000 multiply-adds together */
    snnk_layer *layers[COUNT], *layer;

    (void)state;
    assert_ok(dense(WIDTH, WIDTH, SNNK_TANH, 28, NULL, &layers[0]));
    for (int k = 1; k < COUNT; k++) layers[k] = layers[0];
    assert_false(layers[0]->divisible);
    assert_ok(around(COUNT, layers, SNNK_RESIDUAL_ADD, 0.5, NULL, &layer));
    assert_false(layer->divisible);
    snnk_layer_free(layer);
    snnk_layer_free(layers[0]);
}

/* In a network, an adapter between two frozen layers: the same as layer after layer. */
static void adapters_in_a_network(void **state) {
    static float X[N * D], hidden[3][N * D], Y[N * D];
    snnk_layer *layers[4];
    snnk_workspace *workspace;
    snnk_network *network;

    (void)state;
    draw_floats(X, N * D, 6);
    assert_ok(dense(D, D, SNNK_TANH, 31, NULL, &layers[0]));
    assert_ok(bottleneck(SNNK_RESIDUAL_ADD, 0.4, NULL, &layers[1]));
    assert_ok(adapter(SNNK_RESIDUAL_MULTIPLY, 0.6, NULL, &layers[2]));
    assert_ok(dense(D, D, SNNK_IDENTITY, 32, NULL, &layers[3]));
    network = network_of(4, layers);
    assert_ok(snnk_layer_forward(layers[0], N, X, D, hidden[0], D, NULL));
    by_hand(layers[1], N, hidden[0], hidden[1]);
    by_hand(layers[2], N, hidden[1], hidden[2]);
    assert_ok(snnk_layer_forward(layers[3], N, hidden[2], D, hidden[0], D, NULL));
    for (size_t threads = 1; threads <= 3; threads++) {
        assert_ok(snnk_workspace_create(threads, NULL, &workspace));
        memset(Y, 0, sizeof Y);
        assert_ok(snnk_network_forward(network, N, X, D, Y, D, workspace));
        assert_memory_equal(Y, hidden[0], sizeof Y);
        snnk_workspace_free(workspace);
    }
    snnk_network_free(network);
    for (int k = 0; k < 4; k++) snnk_layer_free(layers[k]);
}

/* ---- Inputs in double ---- */

/* f has features of inputs around 1e9, which floats 64 apart cannot tell from one another. Its map
 * centers them in double; so y - x must follow s f(x) of the centered inputs. x + s f(x) is taken
 * in double and rounded once. */
static void inputs_in_double_are_centered(void **state) {
    enum { ROWS = 70, FEATURES = 8 };
    const double far = 1e9, mean[2] = {far, far}, scale[2] = {1, 1}, gain = 3e8;
    double X[2 * ROWS], Y[2 * ROWS], f[2 * ROWS];
    float centered[2 * ROWS], F[2 * ROWS];
    snnk_scaling *scaling;
    snnk_layer *inner, *at_zero, *layer;
    snnk_network *network;

    (void)state;
    draw_floats(centered, 2 * ROWS, 7);
    for (size_t k = 0; k < 2 * ROWS; k++) X[k] = far + (double)centered[k];
    assert_ok(snnk_scaling_create_given(2, mean, scale, NULL, &scaling));
    assert_ok(snnk(2, FEATURES, 2, SNNK_MAP_GAUSSIAN, scaling, NULL, &inner));
    assert_ok(snnk(2, FEATURES, 2, SNNK_MAP_GAUSSIAN, NULL, NULL, &at_zero));
    assert_ok(snnk_layer_forward(at_zero, ROWS, centered, 2, F, 2, NULL));
    for (size_t k = 0; k < 2 * ROWS; k++) f[k] = (double)F[k];
    assert_ok(around(1, &inner, SNNK_RESIDUAL_ADD, gain, NULL, &layer));
    network = network_of(1, &layer);
    assert_ok(snnk_network_forward_f64(network, ROWS, X, 2, Y, 2, NULL));
    /* The error of f is a few units of float's last place, times a gain of 3e8: 200. */
    for (size_t k = 0; k < 2 * ROWS; k++) assert_close(Y[k], X[k] + gain * f[k], 1e-7, 2000);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_layer_free(at_zero);
    snnk_layer_free(inner);
    snnk_scaling_free(scaling);
}

/* x + f(x) is taken in double: 2^24 + 1, which is no float, and f(x) = 1 give 2^24 + 2. With x
 * rounded first it would be 2^24. */
static void inputs_in_double_are_added_in_double(void **state) {
    const float W = 0, b = 1;
    const double x = 16777217;
    snnk_layer *inner, *layer;
    snnk_network *network;
    double y;

    (void)state;
    assert_ok(snnk_layer_create_dense(1, 1, &W, 1, &b, SNNK_IDENTITY, NULL, &inner));
    assert_ok(around(1, &inner, SNNK_RESIDUAL_ADD, 1, NULL, &layer));
    network = network_of(1, &layer);
    assert_ok(snnk_network_forward_f64(network, 1, &x, 1, &y, 1, NULL));
    assert_true(y == 16777218);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_layer_free(inner);
}

/* Inputs in double that are floats: the same outputs as in float. Two hidden layers, some with an
 * exact bias, and rows in more than one block. */
static void doubles_that_are_floats(void **state) {
    static float X[N * D], expected[N * D];
    static double X_f64[N * D], Y[N * D];
    snnk_workspace *workspace;

    (void)state;
    draw_floats(X, N * D, 8);
    for (size_t k = 0; k < N * D; k++) X_f64[k] = (double)X[k];
    assert_ok(snnk_workspace_create(2, NULL, &workspace));
    for (int k = 0; k < MAKERS; k++)
        for (int form = 0; form < 2; form++) {
            snnk_layer *layers[2];
            snnk_network *network;

            assert_ok(makers[k](forms[form], 0.5, NULL, &layers[0]));
            assert_ok(makers[(k + 1) % MAKERS](forms[form], 0.25, NULL, &layers[1]));
            network = network_of(2, layers);
            assert_ok(snnk_network_forward(network, N, X, D, expected, D, NULL));
            assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes_f64(network)));
            assert_ok(snnk_network_forward_f64(network, N, X_f64, D, Y, D, workspace));
            for (size_t e = 0; e < N * D; e++) assert_close(Y[e], (double)expected[e], 4e-6, 4e-6);
            snnk_network_free(network);
            snnk_layer_free(layers[0]);
            snnk_layer_free(layers[1]);
        }
    snnk_workspace_free(workspace);
}

/* ---- Properties ---- */

static void properties(void **state) {
    snnk_layer *layer, *inner;
    const snnk_layer *first;

    (void)state;
    assert_ok(bottleneck(SNNK_RESIDUAL_MULTIPLY, 0.1, NULL, &layer));
    assert_int_equal(snnk_layer_get_kind(layer), SNNK_LAYER_RESIDUAL);
    assert_int_equal(snnk_layer_inputs(layer), D);
    assert_int_equal(snnk_layer_outputs(layer), D);
    assert_int_equal(snnk_layer_inner_count(layer), 2);
    assert_int_equal(snnk_layer_residual_form(layer), SNNK_RESIDUAL_MULTIPLY);
    assert_true(snnk_layer_gain(layer) == (double)0.1f);
    assert_null(snnk_layer_inner(layer, 2));
    /* W and b of both, and the gain. One more product for each output. */
    assert_int_equal(snnk_layer_parameters(layer), D * R + R + R * D + D + 1);
    assert_int_equal(snnk_layer_multiply_adds(layer), 2 * D * R + D);
    first = snnk_layer_inner(layer, 0);
    assert_int_equal(snnk_layer_weight_bytes(layer),
                     snnk_layer_weight_bytes(first) +
                         snnk_layer_weight_bytes(snnk_layer_inner(layer, 1)) + 4);
    assert_int_equal(snnk_layer_inner_count(first), 0);
    assert_null(snnk_layer_inner(first, 0));
    assert_true(snnk_layer_gain(first) == 1);
    assert_int_equal(snnk_layer_residual_form(first), -1);
    inner = snnk_layer_retain(first); /* one layer in two: freed with the last owner */
    snnk_layer_free(layer);
    assert_int_equal(snnk_layer_outputs(inner), R);
    snnk_layer_free(inner);
    assert_int_equal(snnk_layer_inner_count(NULL), 0);
    assert_null(snnk_layer_inner(NULL, 0));
    assert_true(snnk_layer_gain(NULL) == 1);
    assert_int_equal(snnk_layer_residual_form(NULL), -1);
    assert_string_equal(snnk_residual_form_name(SNNK_RESIDUAL_ADD), "add");
    assert_string_equal(snnk_residual_form_name(SNNK_RESIDUAL_MULTIPLY), "multiply");
    assert_null(snnk_residual_form_name(2));
    assert_null(snnk_residual_form_name(-1));
}

/* ---- Misuse ---- */

static void wrong_arguments(void **state) {
    const snnk_allocator broken = {NULL, NULL, NULL};
    snnk_layer *a, *b, *layer = (snnk_layer *)&a;
    const snnk_layer *chain[3];

    (void)state;
    assert_ok(dense(D, R, SNNK_TANH, 61, NULL, &a));
    assert_ok(dense(R, D, SNNK_TANH, 62, NULL, &b));
    chain[0] = a;
    chain[1] = b;
    chain[2] = NULL;
    assert_status(snnk_layer_create_residual(2, chain, 0, 1, NULL, NULL), SNNK_E_NULL);
    assert_says("layer is NULL");
    assert_status(snnk_layer_create_residual(0, chain, 0, 1, NULL, &layer), SNNK_E_SHAPE);
    assert_says("n_layers = 0");
    assert_null(layer);
    assert_status(snnk_layer_create_residual(2, NULL, 0, 1, NULL, &layer), SNNK_E_NULL);
    assert_says("layers is NULL");
    assert_status(snnk_layer_create_residual(3, chain, 0, 1, NULL, &layer), SNNK_E_NULL);
    assert_says("layers[2] is NULL");
    assert_status(snnk_layer_create_residual(1, chain, 0, 1, NULL, &layer), SNNK_E_SHAPE);
    assert_says("the layers map 6 inputs to 9 outputs");
    chain[2] = b;
    assert_status(snnk_layer_create_residual(3, chain, 0, 1, NULL, &layer), SNNK_E_SHAPE);
    assert_says("layers[2] has 9 inputs, but layers[1] has 6 outputs");
    assert_status(snnk_layer_create_residual(2, chain, 2, 1, NULL, &layer), SNNK_E_ENUM);
    assert_says("form");
    assert_status(snnk_layer_create_residual(2, chain, -1, 1, NULL, &layer), SNNK_E_ENUM);
    assert_status(snnk_layer_create_residual(2, chain, 0, NAN, NULL, &layer), SNNK_E_NONFINITE);
    assert_says("gain = nan");
    assert_status(snnk_layer_create_residual(2, chain, 0, -1e39, NULL, &layer), SNNK_E_NONFINITE);
    assert_says("gain = -1e+39 is not finite as a float");
    assert_status(snnk_layer_create_residual(2, chain, 0, 1e-60, NULL, &layer), SNNK_E_RANGE);
    assert_says("gain = 1e-60 becomes 0 as a float");
    assert_status(snnk_layer_create_residual(2, chain, 0, 1, &broken, &layer), SNNK_E_NULL);
    assert_null(layer);
    snnk_layer_free(a);
    snnk_layer_free(b);
}

/* A layer within `depth` residual layers. Halves of the gain keep the outputs near 1. */
static snnk_layer *matryoshka(size_t depth) {
    snnk_layer *layer, *outer;

    assert_ok(dense(2, 2, SNNK_TANH, 71, NULL, &layer));
    for (size_t k = 0; k < depth; k++) {
        assert_ok(around(1, &layer, SNNK_RESIDUAL_ADD, 0.5, NULL, &outer));
        snnk_layer_free(layer);
        layer = outer;
    }
    return layer;
}

static void nesting_has_a_limit(void **state) {
    snnk_layer *deepest = matryoshka(8), *layer;
    float x[2] = {1, -2}, y[2], z[2];

    (void)state;
    by_hand(deepest, 1, x, z);
    assert_ok(snnk_layer_forward(deepest, 1, x, 2, y, 2, NULL));
    assert_memory_equal(y, z, sizeof y);
    assert_status(around(1, &deepest, SNNK_RESIDUAL_ADD, 1, NULL, &layer), SNNK_E_RANGE);
    assert_says("9 deep: at most 8");
    assert_null(layer);
    snnk_layer_free(deepest);
}

/* Each of 8 levels has the one below it a thousand times: 1e24 times the cost, more than 64 bits
 * count. The counts stay at the largest number, and nothing wraps around. */
static void costs_do_not_overflow(void **state) {
    enum { COPIES = 1000 };
    static snnk_layer *copies[COPIES];
    snnk_layer *layer, *outer;

    (void)state;
    assert_ok(dense(2, 2, SNNK_TANH, 81, NULL, &layer));
    for (int depth = 0; depth < 8; depth++) {
        for (int k = 0; k < COPIES; k++) copies[k] = layer;
        assert_ok(around(COPIES, copies, SNNK_RESIDUAL_ADD, 0.5, NULL, &outer));
        snnk_layer_free(layer);
        layer = outer;
    }
    assert_true(snnk_layer_parameters(layer) == UINT64_MAX);
    assert_true(snnk_layer_multiply_adds(layer) == UINT64_MAX);
    assert_true(snnk_layer_weight_bytes(layer) == UINT64_MAX);
    snnk_layer_free(layer);
}

static void failing_allocations(void **state) {
    static float X[N * D], Y[N * D];
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_layer *layer = NULL, *narrow = NULL;
    int st;

    (void)state;
    draw_floats(X, N * D, 11);
    for (int k = 0; k < MAKERS; k++) {
        assert_survives_failing_allocations(memory, st, {
            st = makers[k](SNNK_RESIDUAL_ADD, 0.5, &allocator, &layer);
            assert_made(st, layer);
            snnk_layer_free(layer);
        });
        assert_ok(makers[k](SNNK_RESIDUAL_ADD, 0.5, &allocator, &layer));
        assert_survives_failing_allocations(memory, st, {
            st = snnk_layer_quantize(layer, SNNK_STORAGE_BF16, &narrow);
            assert_made(st, narrow);
            snnk_layer_free(narrow);
        });
        snnk_layer_free(layer);
    }
    assert_ok(nested(SNNK_RESIDUAL_ADD, 0.5, &allocator, &layer));
    assert_survives_failing_allocations(memory, st,
                                        { st = snnk_layer_forward(layer, N, X, D, Y, D, NULL); });
    snnk_layer_free(layer);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(forward_is_that_of_the_inner_layers),
        cmocka_unit_test(gain_zero_is_the_identity),
        cmocka_unit_test(every_number_of_rows_and_threads),
        cmocka_unit_test(rows_divided_between_threads),
        cmocka_unit_test(small_layers_in_divided_ones),
        cmocka_unit_test(small_layers_are_not_divided),
        cmocka_unit_test(adapters_in_a_network),
        cmocka_unit_test(inputs_in_double_are_centered),
        cmocka_unit_test(inputs_in_double_are_added_in_double),
        cmocka_unit_test(doubles_that_are_floats),
        cmocka_unit_test(properties),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(costs_do_not_overflow),
        cmocka_unit_test(failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
