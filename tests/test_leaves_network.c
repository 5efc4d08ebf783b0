/* Trees of leaves in networks: quantized, bundled, saved and loaded, refused for training. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/damage.h"
#include "support/files.h"
#include "support/leaves.h"

#include <snnk/train.h>

/* Quantizing a tree quantizes its leaves, and nothing else. */
static void quantized(void **state) {
    static float X[N * D], Y[N * OUT];

    (void)state;
    draw_floats(X, N * D, 9);
    for (int32_t storage = SNNK_STORAGE_F32; storage <= SNNK_STORAGE_BF16X3; storage++) {
        snnk_layer *layer, *narrow, *leaf;
        double expected[OUT];
        float y[OUT], z[OUT];

        assert_ok(tree_of(bushy, NULL, &layer));
        assert_ok(snnk_layer_quantize(layer, storage, &narrow));
        assert_int_equal(snnk_layer_storage(narrow), storage);
        assert_int_equal(snnk_layer_nodes(narrow), NODES);
        for (size_t k = 0; k < LEAVES; k++) {
            assert_ok(snnk_layer_quantize(snnk_layer_inner(layer, k), storage, &leaf));
            assert_ok(snnk_layer_forward(leaf, 1, X, D, y, OUT, NULL));
            assert_ok(snnk_layer_forward(snnk_layer_inner(narrow, k), 1, X, D, z, OUT, NULL));
            assert_memory_equal(y, z, sizeof y);
            snnk_layer_free(leaf);
        }
        assert_ok(snnk_layer_forward(narrow, N, X, D, Y, OUT, NULL));
        for (size_t i = 0; i < N; i++) {
            tree_by_hand(narrow, X + i * D, expected);
            for (size_t j = 0; j < OUT; j++) assert_close(Y[i * OUT + j], expected[j], 1e-6, 1e-6);
        }
        snnk_layer_free(narrow);
        snnk_layer_free(layer);
    }
}

/* Linear layers around a tree are bundled up to it: it stays the same object. It has no weights to
 * split off or fit, and cannot be trained. */
static void left_as_it_is(void **state) {
    static float X[N * D], Y[N * OUT], Z[N * OUT];
    snnk_layer *layers[5];
    snnk_network *network, *bundled, *tower;
    snnk_trainer *trainer;
    snnk_fit *fit;

    (void)state;
    draw_floats(X, N * D, 10);
    assert_ok(dense(D, D, SNNK_IDENTITY, 51, NULL, &layers[0]));
    assert_ok(dense(D, D, SNNK_IDENTITY, 52, NULL, &layers[1]));
    assert_ok(tree_of(bushy, NULL, &layers[2]));
    assert_ok(dense(OUT, D, SNNK_IDENTITY, 53, NULL, &layers[3]));
    assert_ok(dense(D, OUT, SNNK_IDENTITY, 54, NULL, &layers[4]));
    network = network_of(5, layers);
    assert_ok(snnk_network_bundle(network, 0, 4, &bundled));
    assert_int_equal(snnk_network_layers(bundled), 3);
    assert_ptr_equal(snnk_network_layer(bundled, 1), layers[2]);
    assert_ok(snnk_network_forward(network, N, X, D, Y, OUT, NULL));
    assert_ok(snnk_network_forward(bundled, N, X, D, Z, OUT, NULL));
    for (size_t k = 0; k < N * OUT; k++) assert_close(Z[k], Y[k], 1e-5, 1e-5);
    snnk_network_free(bundled);
    assert_status(snnk_trainer_create(network, NULL, &trainer), SNNK_E_UNSUPPORTED);
    assert_says("a leaves layer cannot be trained");
    snnk_network_free(network);

    network = network_of(3, layers);
    assert_status(snnk_network_input_tower(network, &tower), SNNK_E_UNSUPPORTED);
    assert_says("leaves layer");
    assert_status(snnk_network_features(network, N, X, D, Y, D, NULL), SNNK_E_UNSUPPORTED);
    assert_status(snnk_fit_create_from_network(network, 0, NULL, &fit), SNNK_E_UNSUPPORTED);
    assert_says("leaves layer");
    assert_status(snnk_layer_bias(layers[2], (double[OUT]){0}), SNNK_E_UNSUPPORTED);
    assert_says("a leaves layer has no weights of its own");
    snnk_network_free(network);
    for (int k = 0; k < 5; k++) snnk_layer_free(layers[k]);
}

/* ---- Files ---- */

static void *saved(const snnk_network *network, int32_t projection, size_t *bytes) {
    void *file;

    assert_ok(snnk_network_saved_bytes(network, projection, bytes));
    assert_non_null(file = malloc(*bytes));
    assert_ok(snnk_network_save_memory(network, projection, file, *bytes));
    return file;
}

/* A tree, then a residual layer around a tree of one leaf. */
static snnk_network *saveable(void) {
    snnk_layer *layers[2], *leaf, *inner;
    snnk_network *network;

    assert_ok(tree_of(leaning, NULL, &layers[0]));
    assert_ok(snnk(OUT, 12, OUT, SNNK_MAP_ARC_COSINE, NULL, NULL, &leaf));
    assert_ok(snnk_layer_create_leaves(0, NULL, 0, NULL, NULL, NULL,
                                       (const snnk_layer *const *)&leaf, NULL, &inner));
    assert_ok(around(1, &inner, SNNK_RESIDUAL_ADD, 0.25, NULL, &layers[1]));
    network = network_of(2, layers);
    snnk_layer_free(leaf);
    snnk_layer_free(inner);
    for (int k = 0; k < 2; k++) snnk_layer_free(layers[k]);
    return network;
}

static void saved_and_loaded(void **state) {
    static float X[N * D], Y[N * OUT], Z[N * OUT];
    snnk_network *network = saveable(), *loaded;

    (void)state;
    draw_floats(X, N * D, 12);
    assert_ok(snnk_network_forward(network, N, X, D, Y, OUT, NULL));
    for (int32_t projection = SNNK_SAVE_ROWS; projection <= SNNK_SAVE_SEED; projection++) {
        size_t bytes, again_bytes;
        void *file = saved(network, projection, &bytes), *again;

        assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
        again = saved(loaded, projection, &again_bytes); /* the same model, the same bytes */
        assert_int_equal(again_bytes, bytes);
        assert_memory_equal(again, file, bytes);
        assert_ok(snnk_network_forward(loaded, N, X, D, Z, OUT, NULL));
        assert_memory_equal(Y, Z, sizeof Y);
        assert_int_equal(snnk_network_parameters(loaded), snnk_network_parameters(network));
        assert_int_equal(snnk_layer_depth(snnk_network_layer(loaded, 0)), 3);
        snnk_network_free(loaded);
        free(again);
        free(file);
    }
    snnk_network_free(network);
}

static void damaged_files(void **state) {
    static const struct {
        const char *from, *to, *says;
    } texts[] = {
        {"\"nodes\":3", "\"nodes\":2", "2 nodes have 3 leaves, but there are 4 layers"},
        {"\"nodes\":3", "\"nodes\":9007199254740991", "but there are 4 layers"},
        {"\"nodes\":3", "\"notes\":3", "\"nodes\" is missing"},
        {"\"leaves\",\"inputs\":6", "\"leaves\",\"inputs\":5", "directions"},
        {"\"leaves\",\"inputs\":6,\"outputs\":3", "\"leaves\",\"inputs\":6,\"outputs\":2",
         "a tree maps 6 inputs to 2 outputs, but its leaves 6 to 3"},
        {"\"layers\":[{\"kind\":\"dense\"", "\"lawyers\":[{\"kind\":\"dense\"",
         "\"layers\" is missing"},
    };
    static const change elements[] = {
        {.tensor = "children", .element = 0, .value = 0, .says = "children[0][0] = 0"},
        {.tensor = "children", .element = 3, .value = 4, .says = "has two parents"},
        {.tensor = "children", .wrong_shape = 1, .says = "children"},
        {.tensor = "thresholds", .element = 1, .value = NAN, .says = "thresholds"},
        {.tensor = "thresholds", .wrong_shape = 2, .says = "thresholds"},
        {.tensor = "half_widths", .element = 2, .value = -1, .says = "half_widths[2] = -1"},
        {.tensor = "half_widths", .wrong_shape = 1, .says = "half_widths"},
        {.tensor = "directions", .wrong_shape = 2, .says = "directions"},
        {.tensor = "directions", .element = 5, .value = INFINITY, .says = "directions"},
    };
    snnk_layer *layer;
    snnk_network *network, *loaded;
    size_t bytes, edited;

    (void)state;
    assert_ok(tree_of(bushy, NULL, &layer));
    network = network_of(1, &layer);
    void *file = saved(network, SNNK_SAVE_ROWS, &bytes);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        void *other =
            edited_file(file, bytes, "snnk.network", texts[k].from, texts[k].to, NULL, &edited);

        assert_status(snnk_network_load_memory(other, edited, NULL, &loaded), SNNK_E_FORMAT);
        assert_null(loaded);
        assert_says("layer 0: ");
        assert_says(texts[k].says);
        free(other);
    }
    for (size_t k = 0; k < sizeof elements / sizeof *elements; k++) {
        const int st = load_changed(file, bytes, &elements[k], NULL, &loaded);

        assert_int_equal(st, isfinite(elements[k].value) ? SNNK_E_FORMAT : SNNK_E_NONFINITE);
        assert_null(loaded);
        assert_says(elements[k].says);
    }
    free(file);
    snnk_network_free(network);
    snnk_layer_free(layer);
}

static void loading_with_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = saveable(), *loaded = NULL;
    size_t bytes;
    void *file = saved(network, SNNK_SAVE_SEED, &bytes);
    int st;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_network_load_memory(file, bytes, &allocator, &loaded);
        assert_made(st, loaded);
        snnk_network_free(loaded);
    });
    assert_int_equal(memory.alive, 0);
    free(file);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantized),
        cmocka_unit_test(left_as_it_is),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(loading_with_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
