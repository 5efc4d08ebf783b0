/* src/layer/leaves.c and tree.c: layers at the leaves of a tree. */
#include "support/alloc.h"
#include "support/leaves.h"

#include <float.h>

#include "layer/layer.h"

enum { ROWS = 1200 }; /* more than are routed together */

/* ---- Values ---- */

/* By hand: y = -1 below x = 1, y = 2 above, and in the soft zone 0 ... 2 the share u^2 (3 - 2 u)
 * with u = x/2: 5/32 at x = 0.5, 1/2 at x = 1. Both ends are exact. */
static void closed_forms(void **state) {
    const float W = 0, low = -1, high = 2, v = 1, x[6] = {-3, 0, 0.5f, 1, 2, 7};
    const float expected[6] = {-1, -1, -1 + 3 * 5 / 32.0f, 0.5f, 2, 2};
    const double threshold = 1, half_width = 1;
    const uint32_t children[2] = {1, 2};
    snnk_layer *leaves[2], *layer;
    float y[6];

    (void)state;
    assert_ok(snnk_layer_create_dense(1, 1, &W, 1, &low, SNNK_IDENTITY, NULL, &leaves[0]));
    assert_ok(snnk_layer_create_dense(1, 1, &W, 1, &high, SNNK_IDENTITY, NULL, &leaves[1]));
    assert_ok(snnk_layer_create_leaves(1, &v, 1, &threshold, &half_width, children,
                                       (const snnk_layer *const *)leaves, NULL, &layer));
    assert_ok(snnk_layer_forward(layer, 6, x, 1, y, 1, NULL));
    for (int k = 0; k < 6; k++) assert_close(y[k], expected[k], 1e-7, 0);
    assert_true(y[0] == -1 && y[1] == -1 && y[4] == 2 && y[5] == 2);
    snnk_layer_free(layer);

    /* Without a soft zone: z = 0 belongs to the upper child. */
    assert_ok(snnk_layer_create_leaves(1, &v, 1, &threshold, &(double){0}, children,
                                       (const snnk_layer *const *)leaves, NULL, &layer));
    assert_ok(snnk_layer_forward(layer, 6, x, 1, y, 1, NULL));
    for (int k = 0; k < 6; k++) assert_true(y[k] == (x[k] >= 1 ? 2.0f : -1.0f));
    snnk_layer_free(layer);

    /* One leaf alone is the leaf. */
    assert_ok(snnk_layer_create_leaves(0, NULL, 0, NULL, NULL, NULL,
                                       (const snnk_layer *const *)leaves, NULL, &layer));
    assert_int_equal(snnk_layer_inner_count(layer), 1);
    assert_int_equal(snnk_layer_depth(layer), 0);
    assert_ok(snnk_layer_forward(layer, 6, x, 1, y, 1, NULL));
    for (int k = 0; k < 6; k++) assert_true(y[k] == -1);
    snnk_layer_free(layer);
    snnk_layer_free(leaves[0]);
    snnk_layer_free(leaves[1]);
}

static void against_all_leaves(void **state) {
    static float X[ROWS * D], Y[ROWS * OUT];

    (void)state;
    draw_floats(X, ROWS * D, 3);
    for (int k = 0; k < 2; k++) {
        snnk_layer *layer;
        double expected[OUT];

        assert_ok(tree_of(k ? leaning : bushy, NULL, &layer));
        assert_int_equal(snnk_layer_depth(layer), k ? 3 : 2);
        assert_ok(snnk_layer_forward(layer, ROWS, X, D, Y, OUT, NULL));
        for (size_t i = 0; i < ROWS; i++) {
            tree_by_hand(layer, X + i * D, expected);
            for (size_t j = 0; j < OUT; j++) assert_close(Y[i * OUT + j], expected[j], 1e-6, 1e-6);
        }
        snnk_layer_free(layer);
    }
}

/* Along a line through all nodes' zones, small steps change the outputs little, but for the jump of
 * the hard node. */
static void soft_zones_are_continuous(void **state) {
    enum { STEPS = 20000 };
    static float X[STEPS * D], Y[STEPS * OUT];
    snnk_layer *layer;
    size_t jumps = 0;

    (void)state;
    assert_ok(tree_of(bushy, NULL, &layer));
    draw_floats(X, D, 31);
    for (size_t i = STEPS; i-- > 0;)
        for (size_t j = 0; j < D; j++) X[i * D + j] = X[j] * 6 * ((float)i / STEPS - 0.5f);
    assert_ok(snnk_layer_forward(layer, STEPS, X, D, Y, OUT, NULL));
    for (size_t i = 1; i < STEPS; i++) {
        float change = 0;

        for (size_t j = 0; j < OUT; j++)
            change = fmaxf(change, fabsf(Y[i * OUT + j] - Y[(i - 1) * OUT + j]));
        jumps += change > 0.03f;
    }
    assert_true(jumps <= 1);
    snnk_layer_free(layer);
}

/* The outputs of `layer` for n rows must be the first ones of Y, and nothing else is written. */
static void check_rows(const snnk_layer *layer, size_t n, const float *X, const float *Y,
                       snnk_workspace *workspace) {
    const size_t d = snnk_layer_inputs(layer), l = snnk_layer_outputs(layer), ldy = l + 3;
    float *out = malloc((n * ldy + 1) * sizeof *out);

    for (size_t k = 0; k < n * ldy; k++) out[k] = 77;
    assert_ok(snnk_layer_forward(layer, n, X, d, out, ldy, workspace));
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(out + i * ldy, Y + i * l, l * sizeof *out);
        for (size_t k = l; k < ldy; k++) assert_true(out[i * ldy + k] == 77);
    }
    free(out);
}

static void every_number_of_rows_and_threads(void **state) {
    static const size_t rows[] = {0, 1, 2, 3, 5, 64, 511, 512, 513, ROWS};
    static float X[ROWS * D], Y[ROWS * OUT];
    snnk_workspace *workspace;
    snnk_layer *layer;

    (void)state;
    draw_floats(X, ROWS * D, 4);
    assert_ok(tree_of(bushy, NULL, &layer));
    for (size_t i = 0; i < ROWS; i++) /* one by one */
        assert_ok(snnk_layer_forward(layer, 1, X + i * D, D, Y + i * OUT, OUT, NULL));
    for (size_t threads = 0; threads <= 5; threads++) {
        workspace = NULL;
        if (threads > 0) assert_ok(snnk_workspace_create(threads, NULL, &workspace));
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            check_rows(layer, rows[i], X, Y, workspace);
        snnk_workspace_free(workspace);
    }
    snnk_layer_free(layer);
}

/* Leaves that are large enough to divide each row between threads, beside one that is not, and a
 * tree in a tree. The same bits, and no allocation once the scratch is reserved. */
static void rows_divided_between_threads(void **state) {
    enum { WIDE = 640, FEW = 5 };
    static float X[FEW * WIDE], Y[FEW * WIDE], Z[FEW * WIDE], V[WIDE];
    const double threshold = 0, half_width = 3;
    const uint32_t children[2] = {2, 1};
    snnk_layer *leaves[2], *layer, *outer;
    snnk_workspace *workspace;
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network;

    (void)state;
    draw_floats(X, FEW * WIDE, 5);
    draw_floats(V, WIDE, 6);
    for (size_t k = 0; k < WIDE; k++) V[k] /= 10;
    assert_ok(snnk(WIDE, 900, WIDE, SNNK_MAP_ARC_COSINE, NULL, &allocator, &leaves[0]));
    assert_ok(bottleneck(SNNK_RESIDUAL_ADD, 0.5, &allocator, &leaves[1]));
    snnk_layer_free(leaves[1]);
    assert_ok(snnk(WIDE, 16, WIDE, SNNK_MAP_GAUSSIAN, NULL, &allocator, &leaves[1]));
    assert_ok(snnk_layer_create_leaves(1, V, WIDE, &threshold, &half_width, children,
                                       (const snnk_layer *const *)leaves, &allocator, &layer));
    assert_true(layer->divisible);
    snnk_layer *both[2] = {layer, leaves[1]};
    assert_ok(snnk_layer_create_leaves(1, V, WIDE, &(double){1}, &half_width, children,
                                       (const snnk_layer *const *)both, &allocator, &outer));
    assert_ok(snnk_layer_forward(outer, FEW, X, WIDE, Y, WIDE, NULL));
    for (size_t threads = 1; threads <= 8; threads++) {
        assert_ok(snnk_workspace_create(threads, &allocator, &workspace));
        for (size_t n = 1; n <= FEW; n++) check_rows(outer, n, X, Y, workspace);
        snnk_workspace_free(workspace);
    }
    assert_ok(around(1, &outer, SNNK_RESIDUAL_ADD, 0.5, &allocator, &both[0]));
    network = network_of(2, (snnk_layer *[2]){outer, both[0]});
    assert_ok(snnk_layer_forward(both[0], FEW, Y, WIDE, Z, WIDE, NULL));
    assert_ok(snnk_workspace_create(8, &allocator, &workspace));
    assert_ok(snnk_workspace_reserve(workspace, snnk_network_scratch_bytes(network)));
    memory.fail_after = memory.calls;
    for (size_t n = 1; n <= FEW; n++) {
        assert_ok(snnk_network_forward(network, n, X, WIDE, Y, WIDE, workspace));
        assert_memory_equal(Y, Z, n * WIDE * sizeof *Y);
    }
    snnk_workspace_free(workspace);
    snnk_network_free(network);
    snnk_layer_free(both[0]);
    snnk_layer_free(outer);
    snnk_layer_free(layer);
    for (int k = 0; k < 2; k++) snnk_layer_free(leaves[k]);
    assert_int_equal(memory.alive, 0);
}

/* A NaN or an infinity makes its own row's outputs NaN or infinite, and no other. */
static void not_a_number_stays_in_its_row(void **state) {
    static float X[70 * D], Y[70 * OUT], Z[70 * OUT];
    snnk_layer *layer;

    (void)state;
    assert_ok(tree_of(bushy, NULL, &layer));
    draw_floats(X, 70 * D, 8);
    assert_ok(snnk_layer_forward(layer, 70, X, D, Y, OUT, NULL));
    X[7 * D + 2] = NAN;
    assert_ok(snnk_layer_forward(layer, 70, X, D, Z, OUT, NULL));
    for (size_t i = 0; i < 70; i++)
        for (size_t j = 0; j < OUT; j++)
            assert_true(i == 7 ? isnan(Z[i * OUT + j]) : Z[i * OUT + j] == Y[i * OUT + j]);
    snnk_layer_free(layer);
}

/* Inputs in double route by all their digits: 2^30 + 1 is no float, and the threshold lies at it.
 * In blocks of any size. */
static void inputs_in_double(void **state) {
    enum { N_ROWS = 150 };
    const float W = 0, low = -1, high = 2, v = 1;
    const double threshold = 1073741825.0, half_width = 0;
    const uint32_t children[2] = {1, 2};
    static float X32[N_ROWS * D], Y32[N_ROWS * OUT];
    static double X64[N_ROWS * D], Y64[N_ROWS * OUT];
    double X[N_ROWS], Y[N_ROWS];
    snnk_layer *leaves[2], *layer;
    snnk_network *network;

    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) X[i] = 1073741824.0 + (double)(i % 3);
    assert_ok(snnk_layer_create_dense(1, 1, &W, 1, &low, SNNK_IDENTITY, NULL, &leaves[0]));
    assert_ok(snnk_layer_create_dense(1, 1, &W, 1, &high, SNNK_IDENTITY, NULL, &leaves[1]));
    assert_ok(snnk_layer_create_leaves(1, &v, 1, &threshold, &half_width, children,
                                       (const snnk_layer *const *)leaves, NULL, &layer));
    network = network_of(1, &layer);
    assert_ok(snnk_network_forward_f64(network, N_ROWS, X, 1, Y, 1, NULL));
    for (size_t i = 0; i < N_ROWS; i++) assert_true(Y[i] == (i % 3 == 0 ? -1 : 2));
    snnk_network_free(network);
    snnk_layer_free(layer);
    for (int k = 0; k < 2; k++) snnk_layer_free(leaves[k]);

    /* Doubles that are floats: the same to rounding. */
    assert_ok(tree_of(leaning, NULL, &layer));
    draw_floats(X32, N_ROWS * D, 9);
    for (size_t k = 0; k < N_ROWS * D; k++) X64[k] = (double)X32[k];
    network = network_of(1, &layer);
    assert_ok(snnk_network_forward(network, N_ROWS, X32, D, Y32, OUT, NULL));
    assert_ok(snnk_network_forward_f64(network, N_ROWS, X64, D, Y64, OUT, NULL));
    for (size_t k = 0; k < N_ROWS * OUT; k++) assert_close(Y64[k], (double)Y32[k], 4e-6, 4e-6);
    snnk_network_free(network);
    snnk_layer_free(layer);
}

/* ---- Properties ---- */

static void properties(void **state) {
    snnk_layer *layer;
    uint64_t parameters = NODES * (D + 2), most = 0;
    uint32_t children[2];
    double threshold, half_width;
    float v[D], expected[NODES * (D + 1)];

    (void)state;
    assert_ok(tree_of(bushy, NULL, &layer));
    assert_int_equal(snnk_layer_get_kind(layer), SNNK_LAYER_LEAVES);
    assert_int_equal(snnk_layer_inputs(layer), D);
    assert_int_equal(snnk_layer_outputs(layer), OUT);
    assert_int_equal(snnk_layer_inner_count(layer), LEAVES);
    assert_int_equal(snnk_layer_nodes(layer), NODES);
    for (size_t k = 0; k < LEAVES; k++) {
        const snnk_layer *leaf = snnk_layer_inner(layer, k);

        parameters += snnk_layer_parameters(leaf);
        if (snnk_layer_multiply_adds(leaf) > most) most = snnk_layer_multiply_adds(leaf);
    }
    assert_int_equal(snnk_layer_parameters(layer), parameters);
    assert_int_equal(snnk_layer_multiply_adds(layer), most + 2 * D);
    draw_floats(expected, NODES * (D + 1), 99);
    for (size_t k = 0; k < NODES; k++) {
        assert_ok(snnk_layer_node(layer, k, v, &threshold, &half_width, children));
        assert_memory_equal(v, expected + k * (D + 1), sizeof v);
        assert_true(threshold == thresholds[k] && half_width == half_widths[k]);
        assert_memory_equal(children, bushy + 2 * k, sizeof children);
    }
    assert_ok(snnk_layer_node(layer, 0, NULL, NULL, NULL, NULL));
    assert_status(snnk_layer_node(layer, NODES, v, NULL, NULL, NULL), SNNK_E_RANGE);
    assert_says("node = 3, but the tree has 3 nodes");
    assert_status(snnk_layer_node(snnk_layer_inner(layer, 0), 0, v, NULL, NULL, NULL),
                  SNNK_E_UNSUPPORTED);
    assert_says("a dense layer has no nodes");
    assert_status(snnk_layer_node(NULL, 0, v, NULL, NULL, NULL), SNNK_E_NULL);
    assert_int_equal(snnk_layer_nodes(NULL), 0);
    assert_int_equal(snnk_layer_depth(NULL), 0);
    assert_int_equal(snnk_layer_depth(snnk_layer_inner(layer, 0)), 0);
    assert_true(snnk_layer_gain(layer) == 1);
    assert_int_equal(snnk_layer_residual_form(layer), -1);
    snnk_layer_free(layer);
}

/* ---- Misuse ---- */

static void wrong_arguments(void **state) {
    float V[NODES * D] = {0};
    double t[NODES] = {0}, h[NODES] = {0};
    uint32_t c[2 * NODES];
    snnk_layer *leaf, *narrow, *layer = (snnk_layer *)&leaf;
    const snnk_layer *leaves[LEAVES];
    const snnk_allocator broken = {NULL, NULL, NULL};

    (void)state;
#define create(nodes) snnk_layer_create_leaves(nodes, V, D, t, h, c, leaves, NULL, &layer)
    assert_ok(dense(D, OUT, SNNK_TANH, 61, NULL, &leaf));
    assert_ok(dense(D, OUT - 1, SNNK_TANH, 61, NULL, &narrow));
    for (int k = 0; k < LEAVES; k++) leaves[k] = leaf;
    memcpy(c, bushy, sizeof c);
    assert_status(snnk_layer_create_leaves(NODES, V, D, t, h, c, leaves, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_layer_create_leaves(NODES, V, D, t, h, c, NULL, NULL, &layer), SNNK_E_NULL);
    assert_says("leaves is NULL");
    assert_null(layer);
    assert_status(snnk_layer_create_leaves(NODES, NULL, D, t, h, c, leaves, NULL, &layer),
                  SNNK_E_NULL);
    assert_says("directions is NULL");
    assert_status(snnk_layer_create_leaves(NODES, V, D, NULL, h, c, leaves, NULL, &layer),
                  SNNK_E_NULL);
    assert_status(snnk_layer_create_leaves(NODES, V, D, t, NULL, c, leaves, NULL, &layer),
                  SNNK_E_NULL);
    assert_status(snnk_layer_create_leaves(NODES, V, D, t, h, NULL, leaves, NULL, &layer),
                  SNNK_E_NULL);
    assert_says("children is NULL");
    assert_status(snnk_layer_create_leaves(NODES, V, D - 1, t, h, c, leaves, NULL, &layer),
                  SNNK_E_STRIDE);
    assert_status(snnk_layer_create_leaves(NODES, V, D, t, h, c, leaves, &broken, &layer),
                  SNNK_E_NULL);
    assert_status(create(SIZE_MAX), SNNK_E_SIZE);
    leaves[2] = narrow;
    assert_status(create(NODES), SNNK_E_SHAPE);
    assert_says("leaves[2] maps 6 inputs to 2 outputs, but leaves[0] 6 to 3");
    leaves[2] = NULL;
    assert_status(create(NODES), SNNK_E_NULL);
    assert_says("leaves[2] is NULL");
    leaves[2] = leaf;
    V[D + 1] = INFINITY;
    assert_status(create(NODES), SNNK_E_NONFINITE);
    assert_says("directions[1][1] = inf");
    V[D + 1] = 0;
    t[2] = NAN;
    assert_status(create(NODES), SNNK_E_NONFINITE);
    assert_says("thresholds[2] = nan");
    t[2] = 0;
    h[1] = -0.5;
    assert_status(create(NODES), SNNK_E_RANGE);
    assert_says("half_widths[1] = -0.5 is below 0");
    h[1] = INFINITY;
    assert_status(create(NODES), SNNK_E_NONFINITE);
    h[1] = 0;
    c[0] = 0; /* the root itself */
    assert_status(create(NODES), SNNK_E_RANGE);
    assert_says("children[0][0] = 0 is neither a node after this one nor a leaf: 1 ... 6");
    c[0] = 7;
    assert_status(create(NODES), SNNK_E_RANGE);
    c[0] = 2;
    assert_status(create(NODES), SNNK_E_RANGE);
    assert_says("children[0][1] = 2 has two parents");
    c[0] = 1;
    c[5] = c[4];
    assert_status(create(NODES), SNNK_E_RANGE);
    assert_says("children[2][1] = 6 has two parents");
    assert_null(layer);
    snnk_layer_free(leaf);
    snnk_layer_free(narrow);
#undef create
}

/* A chain of nodes, each with a leaf: 32 deep works, 33 does not. */
static void depth_has_a_limit(void **state) {
    enum { MOST = 33 };
    float V[MOST], x = 31.5f, y;
    double t[MOST], h[MOST] = {0};
    uint32_t c[2 * MOST];
    snnk_layer *leaves[MOST + 1], *layer;
    const float W = 0;

    (void)state;
    for (uint32_t k = 0; k <= MOST; k++) {
        const float b = (float)k;

        assert_ok(snnk_layer_create_dense(1, 1, &W, 1, &b, SNNK_IDENTITY, NULL, &leaves[k]));
    }
    for (uint32_t nodes = MOST - 1; nodes <= MOST; nodes++) {
        for (uint32_t k = 0; k < nodes; k++) {
            V[k] = 1;
            t[k] = (double)k + 1;
            c[2 * k] = nodes + k;
            c[2 * k + 1] = k + 1 < nodes ? k + 1 : 2 * nodes;
        }
        const int st = snnk_layer_create_leaves(nodes, V, 1, t, h, c,
                                                (const snnk_layer *const *)leaves, NULL, &layer);
        assert_int_equal(st, nodes < MOST ? SNNK_OK : SNNK_E_RANGE);
        if (st != SNNK_OK) continue;
        assert_ok(snnk_layer_forward(layer, 1, &x, 1, &y, 1, NULL));
        assert_true(y == 31);
        snnk_layer_free(layer);
    }
    assert_says("a tree 33 nodes deep: at most 32");
    for (int k = 0; k <= MOST; k++) snnk_layer_free(leaves[k]);
}

/* Trees and residual layers count together. */
static void nesting_has_a_limit(void **state) {
    snnk_layer *layer, *outer;

    (void)state;
    assert_ok(dense(2, 2, SNNK_TANH, 71, NULL, &layer));
    for (int depth = 0; depth < 9; depth++) {
        const int st =
            depth % 2 ? around(1, &layer, SNNK_RESIDUAL_ADD, 0.5, NULL, &outer)
                      : snnk_layer_create_leaves(0, NULL, 0, NULL, NULL, NULL,
                                                 (const snnk_layer *const *)&layer, NULL, &outer);

        assert_int_equal(st, depth < 8 ? SNNK_OK : SNNK_E_RANGE);
        if (st != SNNK_OK) break;
        snnk_layer_free(layer);
        layer = outer;
    }
    assert_says("9 deep: at most 8");
    snnk_layer_free(layer);
}

static void failing_allocations(void **state) {
    static float X[N * D], Y[N * OUT];
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_layer *layer = NULL, *narrow = NULL;
    int st;

    (void)state;
    draw_floats(X, N * D, 11);
    assert_survives_failing_allocations(memory, st, {
        st = tree_of(bushy, &allocator, &layer);
        assert_made(st, layer);
        snnk_layer_free(layer);
    });
    assert_ok(tree_of(bushy, &allocator, &layer));
    assert_survives_failing_allocations(memory, st, {
        st = snnk_layer_quantize(layer, SNNK_STORAGE_BF16, &narrow);
        assert_made(st, narrow);
        snnk_layer_free(narrow);
    });
    assert_survives_failing_allocations(memory, st,
                                        { st = snnk_layer_forward(layer, N, X, D, Y, OUT, NULL); });
    snnk_layer_free(layer);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(against_all_leaves),
        cmocka_unit_test(soft_zones_are_continuous),
        cmocka_unit_test(every_number_of_rows_and_threads),
        cmocka_unit_test(rows_divided_between_threads),
        cmocka_unit_test(not_a_number_stays_in_its_row),
        cmocka_unit_test(inputs_in_double),
        cmocka_unit_test(properties),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
