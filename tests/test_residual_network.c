/* Residual layers in networks: quantized, bundled, saved and loaded, fitted, compressed. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/damage.h"
#include "support/files.h"
#include "support/residual.h"

/* ---- Quantizing, bundling ---- */

/* Quantizing a residual layer quantizes the layers in it: the outputs are those around layers that
 * were quantized one by one. */
static void quantized(void **state) {
    static float X[N * D], Y[N * D], Z[N * D];

    (void)state;
    draw_floats(X, N * D, 9);
    for (int32_t storage = SNNK_STORAGE_F32; storage <= SNNK_STORAGE_BF16X3; storage++)
        for (int k = 0; k < 2; k++) {
            snnk_layer *layer, *narrow, *inner[2], *expected;

            assert_ok(makers[k](SNNK_RESIDUAL_ADD, 0.5, NULL, &layer));
            assert_ok(snnk_layer_quantize(layer, storage, &narrow));
            const size_t n = snnk_layer_inner_count(layer);
            for (size_t i = 0; i < n; i++)
                assert_ok(snnk_layer_quantize(snnk_layer_inner(layer, i), storage, &inner[i]));
            assert_ok(around(n, inner, SNNK_RESIDUAL_ADD, 0.5, NULL, &expected));
            assert_int_equal(snnk_layer_storage(narrow), storage);
            assert_int_equal(snnk_layer_inner_count(narrow), n);
            assert_true(snnk_layer_gain(narrow) == 0.5);
            by_hand(expected, N, X, Z);
            assert_ok(snnk_layer_forward(narrow, N, X, D, Y, D, NULL));
            assert_memory_equal(Y, Z, sizeof Y);
            if (storage != SNNK_STORAGE_F32) {
                by_hand(layer, N, X, Z);
                assert_true(memcmp(Y, Z, sizeof Y) != 0);
                assert_true(snnk_layer_weight_bytes(narrow) < snnk_layer_weight_bytes(layer) ||
                            storage == SNNK_STORAGE_BF16X3);
            }
            snnk_layer_free(expected);
            for (size_t i = 0; i < n; i++) snnk_layer_free(inner[i]);
            snnk_layer_free(narrow);
            snnk_layer_free(layer);
        }
}

/* Layers in several storages: the storage of the layer is the one that rounds least. */
static void mixed_storage(void **state) {
    static const int32_t best_first[] = {SNNK_STORAGE_F32, SNNK_STORAGE_BF16X3, SNNK_STORAGE_BF16,
                                         SNNK_STORAGE_INT8};
    snnk_layer *plain, *inner[2], *layer;

    (void)state;
    assert_ok(dense(D, D, SNNK_TANH, 41, NULL, &plain));
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
            assert_ok(snnk_layer_quantize(plain, best_first[a], &inner[0]));
            assert_ok(snnk_layer_quantize(plain, best_first[b], &inner[1]));
            assert_ok(around(2, inner, SNNK_RESIDUAL_ADD, 1, NULL, &layer));
            assert_int_equal(snnk_layer_storage(layer), best_first[a < b ? a : b]);
            snnk_layer_free(layer);
            for (int k = 0; k < 2; k++) snnk_layer_free(inner[k]);
        }
    snnk_layer_free(plain);
}

/* Linear layers around an adapter are bundled up to it, not with it: it stays the same object. */
static void bundling_keeps_residual_layers(void **state) {
    static float X[N * D], Y[N * D], Z[N * D], Psi[D * D];
    snnk_layer *layers[5];
    snnk_network *network, *bundled, *tower;

    (void)state;
    draw_floats(X, N * D, 10);
    assert_ok(dense(D, D, SNNK_IDENTITY, 51, NULL, &layers[0]));
    assert_ok(dense(D, D, SNNK_IDENTITY, 52, NULL, &layers[1]));
    assert_ok(adapter(SNNK_RESIDUAL_ADD, 0.5, NULL, &layers[2]));
    assert_ok(dense(D, D, SNNK_IDENTITY, 53, NULL, &layers[3]));
    assert_ok(dense(D, D, SNNK_IDENTITY, 54, NULL, &layers[4]));
    network = network_of(5, layers);
    assert_ok(snnk_network_bundle(network, 0, 4, &bundled));
    assert_int_equal(snnk_network_layers(bundled), 3);
    assert_ptr_equal(snnk_network_layer(bundled, 1), layers[2]);
    assert_ok(snnk_network_forward(network, N, X, D, Y, D, NULL));
    assert_ok(snnk_network_forward(bundled, N, X, D, Z, D, NULL));
    for (size_t k = 0; k < N * D; k++) assert_close(Z[k], Y[k], 1e-5, 1e-5);
    snnk_network_free(bundled);
    snnk_network_free(network);

    /* No weights at the end to split off, and no matrix can be folded into the layer. */
    network = network_of(3, layers);
    assert_status(snnk_network_input_tower(network, &tower), SNNK_E_UNSUPPORTED);
    assert_says("the network ends in a residual layer");
    assert_status(snnk_network_features(network, N, X, D, Y, D, NULL), SNNK_E_UNSUPPORTED);
    assert_says("the last layer is a residual layer: it has no features");
    snnk_layer *folded;
    assert_status(snnk_layer_fold(layers[2], D, Psi, D, NULL, &folded), SNNK_E_UNSUPPORTED);
    assert_says("no matrix can be folded into a residual layer");
    assert_status(snnk_layer_bias(layers[2], (double[D]){0}), SNNK_E_UNSUPPORTED);
    assert_says("a residual layer has no weights of its own");
    assert_status(snnk_layer_readout(layers[2], N, X, D, Y, D, NULL), SNNK_E_UNSUPPORTED);
    snnk_network_free(network);
    for (int k = 0; k < 5; k++) snnk_layer_free(layers[k]);
}

/* ---- Files ---- */

/* A network with residual layers of all kinds in it: dense, the three of above, and a dense one. */
static snnk_network *saveable(void) {
    snnk_layer *layers[5];
    snnk_network *network;

    assert_ok(dense(D, D, SNNK_RELU, 91, NULL, &layers[0]));
    for (int k = 0; k < MAKERS; k++)
        assert_ok(makers[k](forms[k % 2], 0.1 * (k + 1), NULL, &layers[k + 1]));
    assert_ok(dense(D, 3, SNNK_IDENTITY, 92, NULL, &layers[4]));
    network = network_of(5, layers);
    for (int k = 0; k < 5; k++) snnk_layer_free(layers[k]);
    return network;
}

static void *saved(const snnk_network *network, int32_t projection, size_t *bytes) {
    void *file;

    assert_ok(snnk_network_saved_bytes(network, projection, bytes));
    assert_non_null(file = malloc(*bytes));
    assert_ok(snnk_network_save_memory(network, projection, file, *bytes));
    return file;
}

/* The same outputs and properties, bit for bit. Frees `loaded`. */
static void check_same(const snnk_network *network, snnk_network *loaded) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    float *X = malloc(N * d * sizeof *X), *Y = malloc(N * l * sizeof *Y),
          *Z = malloc(N * l * sizeof *Z);

    draw_floats(X, N * d, 12);
    assert_ok(snnk_network_forward(network, N, X, d, Y, l, NULL));
    assert_ok(snnk_network_forward(loaded, N, X, d, Z, l, NULL));
    assert_memory_equal(Y, Z, N * l * sizeof *Y);
    assert_int_equal(snnk_network_layers(loaded), snnk_network_layers(network));
    assert_int_equal(snnk_network_parameters(loaded), snnk_network_parameters(network));
    for (size_t k = 0; k < snnk_network_layers(network); k++) {
        const snnk_layer *was = snnk_network_layer(network, k), *is = snnk_network_layer(loaded, k);

        assert_int_equal(snnk_layer_get_kind(is), snnk_layer_get_kind(was));
        assert_int_equal(snnk_layer_inner_count(is), snnk_layer_inner_count(was));
        assert_int_equal(snnk_layer_residual_form(is), snnk_layer_residual_form(was));
        assert_true(snnk_layer_gain(is) == snnk_layer_gain(was));
    }
    snnk_network_free(loaded);
    free(Z);
    free(Y);
    free(X);
}

static void saved_and_loaded(void **state) {
    snnk_network *network = saveable(), *loaded;
    test_files files;

    (void)state;
    test_files_make(&files);
    for (int32_t projection = SNNK_SAVE_ROWS; projection <= SNNK_SAVE_SEED; projection++) {
        size_t bytes, again_bytes;
        void *file = saved(network, projection, &bytes), *again;

        assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
        again = saved(loaded, projection, &again_bytes); /* the same model, the same bytes */
        assert_int_equal(again_bytes, bytes);
        assert_memory_equal(again, file, bytes);
        check_same(network, loaded);
        assert_ok(snnk_network_save(network, test_path(&files, "model"), projection));
        assert_ok(snnk_network_load(test_path(&files, "model"), NULL, &loaded));
        check_same(network, loaded);
        free(again);
        free(file);
    }
    test_files_remove(&files);
    snnk_network_free(network);
}

/* As deep as they can be, at a place with an index of several digits, with the longest names. */
static void deepest_saved_and_loaded(void **state) {
    enum { BEFORE = 101 };
    snnk_layer *first, *deepest = NULL, *outer;
    snnk_network *network, *loaded;
    size_t bytes;

    (void)state;
    assert_ok(dense(2, 2, SNNK_TANH, 95, NULL, &first));
    network = network_of(1, &first);
    for (int k = 1; k < BEFORE; k++) assert_ok(snnk_network_append(network, first));
    assert_ok(snnk(2, 6, 2, SNNK_MAP_ARC_COSINE, NULL, NULL, &deepest));
    for (int depth = 0; depth < 8; depth++) {
        snnk_layer *const layers[2] = {first, deepest};

        assert_ok(around(2, layers, SNNK_RESIDUAL_ADD, 0.25, NULL, &outer));
        snnk_layer_free(deepest);
        deepest = outer;
    }
    assert_ok(snnk_network_append(network, deepest));
    void *file = saved(network, SNNK_SAVE_ROWS, &bytes);
    assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
    check_same(network, loaded);
    free(file);
    snnk_network_free(network);
    snnk_layer_free(deepest);
    snnk_layer_free(first);
}

/* What a damaged description must give, with its sentence. `from` is replaced by `to` once. */
typedef struct damage {
    const char *from, *to;
    int status;
    const char *says;
} damage;

static void check_damage(const void *sound, size_t n_sound, const damage *d) {
    snnk_network *network;
    size_t bytes;
    void *file = edited_file(sound, n_sound, "snnk.network", d->from, d->to, NULL, &bytes);

    assert_status(snnk_network_load_memory(file, bytes, NULL, &network), d->status);
    assert_null(network);
    assert_says("layer 0: ");
    assert_says(d->says);
    free(file);
}

static void damaged_files(void **state) {
    static const damage changes[] = {
        {"\"gain\":0.5", "\"gain\":1e999", SNNK_E_FORMAT, "\"gain\" is inf"},
        {"\"gain\":0.5", "\"gain\":-1e39", SNNK_E_FORMAT, "\"gain\" is -1e+39"},
        {"\"gain\":0.5", "\"gain\":1e-60", SNNK_E_FORMAT, "gain = 1e-60 becomes 0"},
        {"\"gain\":0.5", "\"gain\":null", SNNK_E_FORMAT, "\"gain\" is missing"},
        {"\"gain\":0.5", "\"gain\":\"0.5\"", SNNK_E_FORMAT, "\"gain\" is missing, or not a number"},
        {"\"form\":\"add\"", "\"form\":\"subtract\"", SNNK_E_FORMAT, "\"form\" is \"subtract\""},
        {"\"form\":\"add\"", "\"farm\":\"add\"", SNNK_E_FORMAT, "\"form\" is missing"},
        {"\"residual\",\"inputs\":6,\"outputs\":6", "\"residual\",\"inputs\":6,\"outputs\":5",
         SNNK_E_FORMAT, "a residual layer has 6 inputs but 5 outputs"},
        {"\"residual\",\"inputs\":6,\"outputs\":6", "\"residual\",\"inputs\":7,\"outputs\":7",
         SNNK_E_FORMAT, "a residual layer has 7 inputs, but those in it have 6"},
        {"\"residual\",\"inputs\":6", "\"residual\",\"inputs\":0", SNNK_E_FORMAT, "0 inputs"},
        {"\"gain\":0.5,\"layers\":[", "\"gain\":0.5,\"layers\":[],\"x\":[", SNNK_E_FORMAT,
         "\"layers\" is missing, empty, or not an array"},
        {"\"gain\":0.5,\"layers\":[", "\"gain\":0.5,\"layers\":{},\"x\":[", SNNK_E_FORMAT,
         "\"layers\" is missing, empty, or not an array"},
        {"\"gain\":0.5,\"layers\":[", "\"gain\":0.5,\"layers\":[7,", SNNK_E_FORMAT,
         "inner layer 0: \"kind\" is missing"},
        {"\"gain\":0.5,\"layers\":[", "\"gain\":0.5,\"layers\":[[[[[[[[[[[[[[[7]]]]]]]]]]]]]],",
         SNNK_E_FORMAT, "inner layer 0: \"kind\" is missing"},
        {"\"dense\",\"inputs\":6,\"outputs\":9", "\"dense\",\"inputs\":6,\"outputs\":8",
         SNNK_E_FORMAT, "inner layer 0: "},
        {"\"dense\",\"inputs\":9,\"outputs\":6", "\"dense\",\"inputs\":6,\"outputs\":9",
         SNNK_E_FORMAT, "inner layer 1: "},
        {"\"dense\",\"inputs\":9", "\"dance\",\"inputs\":9", SNNK_E_FORMAT,
         "inner layer 1: kind \"dance\" is not a layer this library knows"},
        /* Sound layers, but the chain does not end with d outputs. */
        {"},{\"kind\":\"dense\",\"inputs\":9,\"outputs\":6,\"activation\":\"identity\"}", "}",
         SNNK_E_FORMAT, "the layers map 6 inputs to 9 outputs"},
    };
    snnk_layer *layer;
    snnk_network *network;
    size_t bytes;

    (void)state;
    assert_ok(bottleneck(SNNK_RESIDUAL_ADD, 0.5, NULL, &layer));
    network = network_of(1, &layer);
    void *file = saved(network, SNNK_SAVE_ROWS, &bytes);
    for (size_t k = 0; k < sizeof changes / sizeof *changes; k++)
        check_damage(file, bytes, &changes[k]);
    free(file);
    snnk_network_free(network);
    snnk_layer_free(layer);
}

static const char opening[] =
    "{\"kind\":\"residual\",\"inputs\":2,\"outputs\":2,\"form\":\"add\",\"gain\":1,\"layers\":[";

/* Load a file with this layer within `depth` residual layers, and no tensors. */
static int load_nested(int depth, const char *innermost, snnk_network **network) {
    static char text[410 * (sizeof opening + 2)];
    snnk__safetensors_writer writer;
    snnk_allocator allocator;
    size_t bytes;
    char *at = text + sprintf(text, "{\"layers\":[");

    for (int k = 0; k < depth; k++) at += sprintf(at, "%s", opening);
    at += sprintf(at, "%s", innermost);
    for (int k = 0; k < depth; k++) at += sprintf(at, "]}");
    sprintf(at, "]}");
    assert_ok(snnk__allocator_read(&allocator, NULL));
    snnk__model_begin(&writer, &allocator, SNNK__MODEL_NETWORK);
    snnk__safetensors_add_text(&writer, "snnk.network", text);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    void *file = malloc(bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, file, bytes));
    snnk__safetensors_writer_free(&writer);
    const int st = snnk_network_load_memory(file, bytes, NULL, network);
    free(file);
    return st;
}

/* Layers within one another deeper than the library makes them: refused before the innermost one is
 * read. cJSON has a limit of its own. */
static void files_that_are_too_deep(void **state) {
    const int depths[] = {9, 10, 11, 30, 400};
    snnk_network *network;

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        assert_status(load_nested(depths[i], "", &network), SNNK_E_FORMAT);
        assert_null(network);
        if (depths[i] < 400) assert_says("more than 8 deep");
    }
    assert_status(load_nested(8, "", &network), SNNK_E_FORMAT);
    assert_says("\"layers\" is missing, empty, or not an array");
}

/* Lists where records belong, as deep as lists can be. */
static void lists_instead_of_records(void **state) {
    snnk_network *network;

    (void)state;
    assert_status(load_nested(8, "[[[7]]]", &network), SNNK_E_FORMAT);
    assert_says("\"kind\" is missing");
    assert_status(load_nested(8,
                              "{\"kind\":\"snnk\",\"inputs\":2,\"outputs\":2,\"blocks\":[[[7]]]}",
                              &network),
                  SNNK_E_FORMAT);
    assert_says("layer 0: inner layer 0: inner layer 0: ");
    assert_null(network);
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

/* ---- Fitting, compressing ---- */

/* Behind an adapter, the last layer is fitted to the outputs of the adapter; an adapter at the end
 * has no weights to fit. */
static void fitting_behind_an_adapter(void **state) {
    static float X[N * D], hidden[N * D], Y[N * 2], Z[N * 2];
    snnk_layer *layers[2];
    snnk_network *network, *fitted;
    snnk_fit_config config;
    snnk_fit *fit;

    (void)state;
    draw_floats(X, N * D, 13);
    assert_ok(bottleneck(SNNK_RESIDUAL_ADD, 0.5, NULL, &layers[0]));
    assert_ok(dense(D, 2, SNNK_IDENTITY, 96, NULL, &layers[1]));
    by_hand(layers[0], N, X, hidden);
    assert_ok(snnk_layer_forward(layers[1], N, hidden, D, Y, 2, NULL)); /* linear in hidden */
    network = network_of(2, layers);
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = 1e-9;
    assert_ok(snnk_fit_create_from_network(network, 0, &config, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &fitted));
    assert_int_equal(snnk_layer_get_kind(snnk_network_layer(fitted, 0)), SNNK_LAYER_RESIDUAL);
    assert_ok(snnk_network_forward(fitted, N, X, D, Z, 2, NULL));
    for (size_t k = 0; k < N * 2; k++) assert_close(Z[k], Y[k], 1e-4, 1e-4);
    snnk_network_free(fitted);
    snnk_fit_free(fit);
    snnk_network_free(network);

    network = network_of(1, layers);
    assert_status(snnk_fit_create_from_network(network, 0, &config, &fit), SNNK_E_UNSUPPORTED);
    assert_says("residual layer");
    snnk_network_free(network);
    snnk_layer_free(layers[0]);
    snnk_layer_free(layers[1]);
}

/* Compressing keeps an adapter, and says why. */
static void compressing_keeps_residual_layers(void **state) {
    enum { WIDE = 40 };
    static float X[400 * D];
    snnk_layer *layers[3];
    snnk_network *network, *compressed;
    snnk_compression *compression;
    snnk_compress_part part = {.size = sizeof part};

    (void)state;
    draw_floats(X, 400 * D, 14);
    assert_ok(adapter(SNNK_RESIDUAL_ADD, 0.5, NULL, &layers[0]));
    assert_ok(dense(D, WIDE, SNNK_RELU, 97, NULL, &layers[1]));
    assert_ok(dense(WIDE, D, SNNK_IDENTITY, 98, NULL, &layers[2]));
    network = network_of(3, layers);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = 400, .X = X), NULL, NULL, NULL, NULL,
                                    &compression, &compressed));
    assert_int_equal(snnk_compression_parts(compression), 2);
    assert_ok(snnk_compression_part(compression, 0, &part));
    assert_int_equal(part.outcome, SNNK_COMPRESS_OTHER);
    assert_ptr_equal(snnk_network_layer(compressed, 0), layers[0]);
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
    for (int k = 0; k < 3; k++) snnk_layer_free(layers[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantized),
        cmocka_unit_test(mixed_storage),
        cmocka_unit_test(bundling_keeps_residual_layers),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(deepest_saved_and_loaded),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(files_that_are_too_deep),
        cmocka_unit_test(lists_instead_of_records),
        cmocka_unit_test(loading_with_failing_allocations),
        cmocka_unit_test(fitting_behind_an_adapter),
        cmocka_unit_test(compressing_keeps_residual_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
