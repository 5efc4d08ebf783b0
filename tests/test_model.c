#define _POSIX_C_SOURCE 200809L
/* src/model/network_save.c, network_load.c: networks in model files. */
#include "support/alloc.h"
#include "support/compare.h"

#include <unistd.h>

#include "base/random.h"
#include "model/model.h"

#define D            6
#define H            5
#define L            3
#define MOST_COLUMNS 256 /* of Psi in a description */

static void fill(uint64_t seed, size_t n, float *x) {
    for (size_t i = 0; i < n; i++) {
        double draw;

        snnk__random_normal(seed, 50, i, 0, 1, &draw);
        x[i] = (float)draw;
    }
}

static snnk_scaling *given_scaling(void) {
    const double mean[D] = {1, -2, 0.5, 0, 3, 0.1}, scale[D] = {1, 0.5, 2, 1, 1.0 / 3, 7};
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create_given(D, mean, scale, NULL, &scaling));
    return scaling;
}

/* One map with a block of every kind: drawn with a scaling, orthogonal, elementwise, identity, and
 * given rows. */
static int make_map(const snnk_allocator *allocator, const snnk_scaling *scaling, snnk_map **map) {
    const float G[4 * D] = {1, 2, 3, -1, 0.5f, 0, 0, 1, 0, 0, 0, 0.25f};
    snnk_map *parts[5] = {NULL};
    snnk_map_config config;
    int st;

    snnk_map_config_init(&config, sizeof config);
    config.allocator = allocator;
    config.seed = UINT64_MAX; /* does not fit a double */
    config.features = 7;
    config.order = 2;
    config.floor = -0.1;
    config.offset_scale = 0.7;
    st = snnk_map_create(D, &config, scaling, &parts[0]);
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = 10;
    config.offset_scale = 0;
    config.projection_scale = 1.0 / 3;
    config.projection = SNNK_PROJECTION_ORTHOGONAL;
    if (st == SNNK_OK) st = snnk_map_create(D, &config, NULL, &parts[1]);
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_TANH;
    config.projection = SNNK_PROJECTION_GAUSSIAN;
    if (st == SNNK_OK) st = snnk_map_create(D, &config, NULL, &parts[2]);
    if (st == SNNK_OK)
        st = snnk_map_create_from_rows(D, 4, G, D, NULL, &config, scaling, &parts[3]);
    config.kind = SNNK_MAP_IDENTITY;
    if (st == SNNK_OK) st = snnk_map_create(D, &config, scaling, &parts[4]);
    if (st == SNNK_OK) st = snnk_map_concat(5, (const snnk_map *const *)parts, map);
    for (size_t i = 0; i < 5; i++) snnk_map_free(parts[i]);
    return st;
}

/* SNNK D -> H with the map above, then dense H -> L. (The other order would not do: the map has D
 * inputs.) */
static int make_network(const snnk_allocator *allocator, snnk_network **network) {
    snnk_scaling *scaling = given_scaling();
    snnk_map *map = NULL;
    snnk_layer *layers[2] = {NULL, NULL};
    snnk_network *made = NULL;
    float Psi[H * 37], W[L * H], bias[H];
    int st;

    fill(1, H * 37, Psi);
    fill(2, L * H, W);
    fill(3, H, bias);
    st = make_map(allocator, scaling, &map);
    if (st == SNNK_OK) assert_int_equal(snnk_map_features(map), 37); /* 7 + 10 + 10 + 4 + 6 */
    if (st == SNNK_OK) st = snnk_layer_create(map, H, Psi, 37, bias, &layers[0]);
    if (st == SNNK_OK)
        st = snnk_layer_create_dense(H, L, W, H, NULL, SNNK_GELU, allocator, &layers[1]);
    if (st == SNNK_OK) st = snnk_network_create(allocator, &made);
    for (size_t i = 0; st == SNNK_OK && i < 2; i++) st = snnk_network_append(made, layers[i]);
    if (st == SNNK_OK) st = snnk_network_set_note(made, "units", "\"metres\", \xc3\xa9");
    snnk_layer_free(layers[0]);
    snnk_layer_free(layers[1]);
    snnk_map_free(map);
    snnk_scaling_free(scaling);
    if (st == SNNK_OK)
        *network = made;
    else
        snnk_network_free(made);
    return st;
}

static void *saved(const snnk_network *network, int32_t projection, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_network_saved_bytes(network, projection, bytes));
    buffer = malloc(*bytes);
    assert_non_null(buffer);
    assert_ok(snnk_network_save_memory(network, projection, buffer, *bytes));
    return buffer;
}

static void forward(const snnk_network *network, float *Y) {
    float X[40 * D];

    fill(9, 40 * D, X);
    assert_ok(snnk_network_forward(network, 40, X, D, Y, L, NULL));
}

/* Saved and loaded, with rows or with seeds, outputs have the same bits, and settings, seeds and
 * notes are the same. */
static void test_round_trip(void **state) {
    float before[40 * L], after[40 * L];
    snnk_network *network, *loaded;
    size_t bytes[2];

    (void)state;
    assert_ok(make_network(NULL, &network));
    forward(network, before);
    for (int32_t projection = 0; projection < 2; projection++) {
        void *buffer = saved(network, projection, &bytes[projection]);
        snnk_map_config was, is;

        assert_ok(snnk_network_load_memory(buffer, bytes[projection], NULL, &loaded));
        free(buffer);
        forward(loaded, after);
        assert_memory_equal(before, after, sizeof before);
        assert_string_equal(snnk_network_note(loaded, "units"), "\"metres\", \xc3\xa9");
        assert_int_equal(snnk_network_parameters(loaded), snnk_network_parameters(network));
        for (size_t b = 0; b < 5; b++) {
            assert_ok(snnk_map_config_init(&was, sizeof was));
            assert_ok(snnk_map_config_init(&is, sizeof is));
            assert_ok(
                snnk_map_block_config(snnk_layer_map(snnk_network_layer(network, 0)), b, &was));
            assert_ok(snnk_map_block_config(snnk_layer_map(snnk_network_layer(loaded, 0)), b, &is));
            was.allocator = is.allocator = NULL;
            assert_memory_equal(&was, &is, sizeof was);
        }
        snnk_network_free(loaded);
    }
    /* The seeds replace two blocks: (7 x 6 + 7) + (10 x 6 + 10) floats, minus their
     * descriptions. */
    assert_true(bytes[1] + 300 < bytes[0]);
    snnk_network_free(network);
}

/* A file has the rounded weights, and the projections as they were: rounded again after loading,
 * the network has the same bits. Scales of int8 are rounded, so not there. */
static void test_rounded_weights_are_saved(void **state) {
    static const int32_t storages[] = {SNNK_STORAGE_BF16, SNNK_STORAGE_BF16X3};
    float before[40 * L], after[40 * L];
    snnk_network *network, *made, *loaded, *again;
    size_t bytes;

    (void)state;
    assert_ok(make_network(NULL, &network));
    for (int k = 0; k < 4; k++) {
        assert_ok(snnk_network_quantize(network, storages[k / 2], NULL, NULL, NULL, &made));
        forward(made, before);
        void *buffer = saved(made, k % 2, &bytes);
        assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
        free(buffer);
        assert_ok(snnk_network_quantize(loaded, storages[k / 2], NULL, NULL, NULL, &again));
        forward(again, after);
        assert_memory_equal(before, after, sizeof before);
        snnk_network_free(again);
        snnk_network_free(loaded);
        snnk_network_free(made);
    }
    snnk_network_free(network);
}

/* The scaling is saved with the map: the exact kernel, which needs it, is the same after
 * loading. */
static void test_scaling_is_saved(void **state) {
    const float x[D] = {1, 2, 3, 4, 5, 6}, y[D] = {0, 1, 0, -1, 0, 2};
    snnk_scaling *scaling = given_scaling();
    snnk_map *map;
    snnk_layer *layer;
    snnk_network *network, *loaded;
    float Psi[1024] = {1};
    double before, after;
    size_t bytes;
    void *buffer;

    (void)state;
    assert_ok(snnk_map_create(D, NULL, scaling, &map));
    assert_ok(snnk_layer_create(map, 1, Psi, 1024, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    buffer = saved(network, SNNK_SAVE_SEED, &bytes);
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_map_exact(map, x, y, 0, &before));
    assert_ok(snnk_map_exact(snnk_layer_map(snnk_network_layer(loaded, 0)), x, y, 0, &after));
    assert_true(before == after);
    free(buffer);
    snnk_network_free(loaded);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
    snnk_scaling_free(scaling);
}

/* Every truncation, and a changed bit in every byte, is refused with the correct status. */
static void test_refuses_damaged_files(void **state) {
    snnk_network *network, *loaded;
    size_t bytes;
    unsigned char *buffer;

    (void)state;
    assert_ok(make_network(NULL, &network));
    buffer = saved(network, SNNK_SAVE_ROWS, &bytes);
    for (size_t n = 0; n < bytes; n += n < 200 ? 1 : 97) {
        const int st = snnk_network_load_memory(buffer, n, NULL, &loaded);

        assert_true(st == SNNK_E_TRUNCATED || st == SNNK_E_FORMAT);
        assert_null(loaded);
    }
    for (size_t i = 0; i < bytes; i++) {
        buffer[i] ^= (unsigned char)(1 << i % 8);
        assert_int_not_equal(snnk_network_load_memory(buffer, bytes, NULL, &loaded), SNNK_OK);
        assert_null(loaded);
        buffer[i] ^= (unsigned char)(1 << i % 8);
    }
    buffer[bytes - 1] ^= 1; /* a weight: only the checksum detects it */
    assert_status(snnk_network_load_memory(buffer, bytes, NULL, &loaded), SNNK_E_CHECKSUM);
    free(buffer);
    snnk_network_free(network);
}

/* Load a file with this description, no tensors except a bias and Psi of one layer, which has as
 * many columns as are given, and a correct checksum: something that an attacker can write. */
static int load_description(const char *description, size_t columns,
                            const snnk_allocator *loaders) {
    const size_t one = 1, shape[] = {1, columns};
    const float zero[MOST_COLUMNS] = {0};
    snnk__safetensors_writer writer;
    snnk_allocator allocator;
    snnk_network *network = NULL;
    size_t bytes = 0;
    void *buffer;
    int st;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    snnk__model_begin(&writer, &allocator, SNNK__MODEL_NETWORK);
    snnk__safetensors_add_text(&writer, "snnk.network", description);
    snnk__safetensors_add_tensor(&writer, "layers.0.bias", SNNK__DTYPE_F32, 1, &one, zero);
    snnk__safetensors_add_tensor(&writer, "layers.0.psi", SNNK__DTYPE_F32, 2, shape, zero);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, buffer, bytes));
    snnk__safetensors_writer_free(&writer);
    st = snnk_network_load_memory(buffer, bytes, loaders, &network);
    snnk_network_free(network);
    free(buffer);
    return st;
}

#define BLOCK(features, seed, kind, projection, order, floor, drawn)                               \
    "{\"kind\":\"" kind "\",\"features\":" features ",\"seed\":\"" seed "\",\"order\":" order      \
    ",\"floor\":" floor ",\"activation\":\"relu\",\"projection\":\"" projection                    \
    "\",\"projection_scale\":1,\"offset_scale\":0,\"scaled\":false,\"drawn\":" drawn "}"
#define LAYER(inputs, block)                                                                       \
    "{\"layers\":[{\"kind\":\"snnk\",\"inputs\":" inputs ",\"outputs\":1,\"blocks\":[" block "]}]" \
    "}"
#define GOOD BLOCK("4", "0", "arc_cosine", "gaussian", "1", "0", "true")

static void test_refuses_hostile_descriptions(void **state) {
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {LAYER("3", GOOD), SNNK_OK},
        {"", SNNK_E_FORMAT},
        {"[]", SNNK_E_FORMAT},
        {"{\"layers\":[]}", SNNK_E_FORMAT},
        {"{\"layers\":{}}", SNNK_E_FORMAT},
        {"{\"layers\":[7]}", SNNK_E_FORMAT},
        {LAYER("0", GOOD), SNNK_E_FORMAT},
        {LAYER("-1", GOOD), SNNK_E_FORMAT},
        {LAYER("2.5", GOOD), SNNK_E_FORMAT},
        {LAYER("1e300", GOOD), SNNK_E_FORMAT},
        {LAYER("3", ""), SNNK_E_FORMAT},
        /* 4 x 2^52 numbers to draw from a file of a few hundred bytes */
        {LAYER("4503599627370496", GOOD), SNNK_E_SIZE},
        {LAYER("100000000", GOOD), SNNK_E_SIZE},
        /* more features than Psi has columns */
        {LAYER("3", BLOCK("5", "0", "arc_cosine", "gaussian", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", GOOD "," GOOD), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("0", "0", "arc_cosine", "gaussian", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "x", "arc_cosine", "gaussian", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "", "arc_cosine", "gaussian", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "18446744073709551616", "arc_cosine", "gaussian", "1", "0", "true")),
         SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "magic", "gaussian", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "gaussian", "3", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "gaussian", "0.5", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "gaussian", "1", "1", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "gaussian", "1", "\"0\"", "true")),
         SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "gaussian", "1", "0", "1")), SNNK_E_FORMAT},
        /* rows that are missing, or that no seed determines */
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "gaussian", "1", "0", "false")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "orthogonal", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "arc_cosine", "given", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("4", "0", "identity", "given", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("4", BLOCK("4", "0", "identity", "given", "1", "0", "true")), SNNK_E_FORMAT},
        {LAYER("3", BLOCK("3", "0", "gaussian", "given", "1", "0", "false")), SNNK_E_FORMAT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int st = load_description(cases[i].text, 4, NULL);

        if (st != cases[i].status) print_error("case %zu: %s\n", i, cases[i].text);
        assert_status(st, cases[i].status);
    }
}

/* Each block is within the limit of 2^28 numbers to draw, but both together are not: 256 times
 * 1050000 are more, 255 times are not. The first block, which is drawn, is small. */
static void test_blocks_share_the_limit_of_draws(void **state) {
    const char *text =
        LAYER("1050000", BLOCK("1", "0", "arc_cosine", "gaussian", "1", "0", "true") "," BLOCK(
                             "255", "0", "arc_cosine", "gaussian", "1", "0", "true"));

    (void)state;
    assert_status(load_description(text, 256, NULL), SNNK_E_SIZE);
}

static void *small_blocks_only(size_t bytes, void *user) {
    (void)user;
    return bytes > 1000000 ? NULL : malloc(bytes);
}

static void small_free(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

/* Psi has 4 columns, the description 5 features of 2^25 inputs: it must be refused before the 640
 * MB for them are requested. */
static void test_checks_before_it_allocates(void **state) {
    const snnk_allocator allocator = {small_blocks_only, small_free, NULL};
    const char *text =
        LAYER("33554432", BLOCK("5", "0", "arc_cosine", "gaussian", "1", "0", "true"));

    (void)state;
    assert_status(load_description(text, 4, &allocator), SNNK_E_FORMAT);
    assert_says("psi");
}

/* If saving fails, an existing file stays unchanged; if it succeeds, no other file is left. */
static void test_files(void **state) {
    char directory[] = "/tmp/snnk-model-XXXXXX", path[64];
    snnk_network *network, *loaded = NULL;
    float before[40 * L], after[40 * L];

    (void)state;
    assert_ok(make_network(NULL, &network));
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/m.safetensors", directory);
    assert_status(snnk_network_load(path, NULL, &loaded), SNNK_E_IO);
    assert_says(path);
    assert_ok(snnk_network_save(network, path, SNNK_SAVE_ROWS));
    assert_ok(snnk_network_load(path, NULL, &loaded));
    forward(network, before);
    forward(loaded, after);
    assert_memory_equal(before, after, sizeof before);
    snnk_network_free(loaded);
    assert_status(snnk_network_save(network, "/nowhere/m", SNNK_SAVE_ROWS), SNNK_E_IO);
    assert_status(snnk_network_save(network, path, 2), SNNK_E_ENUM);
    assert_status(snnk_network_save(network, NULL, 0), SNNK_E_NULL);
    assert_status(snnk_network_save(NULL, path, 0), SNNK_E_NULL);
    assert_ok(snnk_network_load(path, NULL, &loaded));
    snnk_network_free(loaded);
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(directory), 0); /* empty, so no temporary file is left */
    snnk_network_free(network);
}

static void test_misuse(void **state) {
    snnk_network *empty, *loaded = NULL;
    size_t bytes = 7;
    char buffer[8] = {0};

    (void)state;
    assert_string_equal(snnk_save_projection_name(SNNK_SAVE_ROWS), "rows");
    assert_string_equal(snnk_save_projection_name(SNNK_SAVE_SEED), "seed");
    assert_null(snnk_save_projection_name(2));
    assert_null(snnk_save_projection_name(-1));
    assert_ok(snnk_network_create(NULL, &empty));
    assert_status(snnk_network_saved_bytes(empty, 0, &bytes), SNNK_E_STATE);
    assert_int_equal(bytes, 7);
    assert_status(snnk_network_saved_bytes(empty, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_network_save_memory(empty, 0, buffer, 8), SNNK_E_STATE);
    assert_status(snnk_network_load_memory(NULL, 8, NULL, &loaded), SNNK_E_NULL);
    assert_status(snnk_network_load_memory(buffer, 8, NULL, NULL), SNNK_E_NULL);
    snnk_network_free(empty);
    assert_ok(make_network(NULL, &empty));
    assert_status(snnk_network_save_memory(empty, 0, buffer, 8), SNNK_E_SIZE);
    snnk_network_free(empty);
}

static void test_survives_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network;
    size_t bytes;
    void *buffer;
    int status = SNNK_OK;

    (void)state;
    assert_ok(make_network(NULL, &network));
    buffer = saved(network, SNNK_SAVE_SEED, &bytes);
    snnk_network_free(network);
    assert_survives_failing_allocations(memory, status, {
        network = NULL;
        status = snnk_network_load_memory(buffer, bytes, &allocator, &network);
        assert_made(status, network);
        snnk_network_free(network);
    });
    assert_survives_failing_allocations(memory, status, {
        network = NULL;
        status = make_network(&allocator, &network);
        if (status == SNNK_OK) status = snnk_network_save_memory(network, 1, buffer, bytes);
        snnk_network_free(network);
    });
    free(buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_rounded_weights_are_saved),
        cmocka_unit_test(test_scaling_is_saved),
        cmocka_unit_test(test_refuses_damaged_files),
        cmocka_unit_test(test_refuses_hostile_descriptions),
        cmocka_unit_test(test_blocks_share_the_limit_of_draws),
        cmocka_unit_test(test_checks_before_it_allocates),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_survives_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
