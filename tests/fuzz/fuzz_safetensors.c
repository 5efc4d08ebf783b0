/* Fuzz target: models from any bytes. The checksum would reject nearly all of them, so it is
 * corrected if the container is valid: this also tests the loaders. */
#include <snnk/snnk.h>

#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../data/model_1.h"
#include "model/model.h"

#define KEY "\"snnk.checksum\":\""

static void check_status(int st) {
    FUZZ_CHECK(st == SNNK_E_FORMAT || st == SNNK_E_TRUNCATED || st == SNNK_E_VERSION ||
               st == SNNK_E_CHECKSUM || st == SNNK_E_NONFINITE || st == SNNK_E_SIZE ||
               st == SNNK_E_NOMEM || st == SNNK_E_UNSUPPORTED);
}

/* Check that every byte of every tensor lies in the file, and read it. */
static unsigned use(const snnk__safetensors_reader *reader, const uint8_t *bytes, size_t size) {
    unsigned sum = 0;
    size_t n;
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n);

    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(snnk__safetensors_tensor_named(reader, tensors[i].name) == tensors + i);
        FUZZ_CHECK(tensors[i].bytes <= size);
        FUZZ_CHECK(tensors[i].bytes == 0 || (tensors[i].data >= bytes + 8 &&
                                             tensors[i].data + tensors[i].bytes <= bytes + size));
        for (size_t k = 0; k < tensors[i].bytes; k++) sum += tensors[i].data[k];
    }
    return sum;
}

/* Write the correct checksum, if the file has one. */
static void mend(const snnk__safetensors_reader *reader, uint8_t *bytes, size_t size) {
    const size_t key_bytes = sizeof KEY - 1;
    size_t n_pairs, n_tensors;
    const snnk__safetensors_pair *pairs = snnk__safetensors_pairs(reader, &n_pairs);
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n_tensors);
    char digits[9];

    snnk__safetensors_checksum(pairs, n_pairs, tensors, n_tensors, false, digits);
    for (size_t i = 8; i + key_bytes + 8 < size; i++)
        if (memcmp(bytes + i, KEY, key_bytes) == 0 && bytes[i + key_bytes + 8] == '"')
            memcpy(bytes + i + key_bytes, digits, 8);
}

/* Compute both towers of a map, and a prediction, to check that a loaded map can be used. */
static void use_map(const snnk_map *map) {
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    float *x = calloc(d, sizeof *x), *phi = malloc(m * sizeof *phi), bias;
    snnk_prediction prediction = {.size = sizeof prediction};

    if (!x || !phi) abort();
    x[d / 2] = 0.5f;
    FUZZ_CHECK(snnk_map_input_tower(map, 1, x, d, phi, m, NULL) == SNNK_OK);
    FUZZ_CHECK(snnk_map_weight_tower(map, 1, x, d, NULL, phi, m, &bias, NULL) == SNNK_OK);
    const int st = snnk_map_predict(map, SNNK_ROWS(.n = 1, .X = x), 1, x, d, NULL, NULL, 0, NULL,
                                    NULL, 0, &prediction);
    FUZZ_CHECK(st == SNNK_OK || st == SNNK_E_UNSUPPORTED);
    free(phi);
    free(x);
}

static void use_network(const snnk_network *network) {
    if (snnk_network_parameters(network) > 100000) return; /* a small file may ask for many draws */
    for (size_t i = 0; i < snnk_network_layers(network); i++) {
        const snnk_map *map = snnk_layer_map(snnk_network_layer(network, i));

        if (map) use_map(map);
    }
}

/* A scaling that learns takes another row; one of given numbers does not. */
static void use_scaling(snnk_scaling *scaling) {
    const size_t d = snnk_scaling_inputs(scaling);
    float *x = calloc(d, sizeof *x);

    if (!x) abort();
    const int st = snnk_scaling_add(scaling, SNNK_ROWS(.n = 1, .X = x));
    FUZZ_CHECK(st == SNNK_OK || st == SNNK_E_STATE);
    FUZZ_CHECK(snnk_scaling_get(scaling, NULL, NULL) == SNNK_OK);
    free(x);
}

/* Use a loaded object: a row is added or refused, and the solution stays finite. */
static void use_rls(snnk_rls *rls) {
    const size_t m = snnk_rls_features(rls), t = snnk_rls_targets(rls);
    float *phi = calloc(m, sizeof *phi), *y = calloc(t, sizeof *y);
    double *B = calloc(m * t, sizeof *B);

    if (!phi || !y || !B) abort();
    for (size_t j = 0; j < m; j++) phi[j] = (float)j - 3e37f;
    for (int row = 0; row < 17; row++) {
        const int st = snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = y), NULL, 0);

        FUZZ_CHECK(st == SNNK_OK || st == SNNK_E_NONFINITE);
    }
    FUZZ_CHECK(snnk_rls_solution(rls, B, m) == SNNK_OK);
    for (size_t i = 0; i < m * t; i++) FUZZ_CHECK(isfinite(B[i]));
    free(B);
    free(y);
    free(phi);
    snnk_rls_free(rls);
}

/* Open the header only, in a block of its own, so that a sanitizer reports any access beyond it.
 * The status and the tensors must be the same as from the whole file. */
static void open_header(const uint8_t *bytes, size_t size, const snnk_allocator *allocator,
                        int expected) {
    size_t header_bytes, n;
    snnk__safetensors_reader *reader;
    int st = snnk__safetensors_header_bytes(bytes, size, &header_bytes);

    if (st == SNNK_OK) {
        uint8_t *header = malloc(header_bytes);

        if (!header) abort();
        memcpy(header, bytes, header_bytes);
        st = snnk__safetensors_open_header(header, size, allocator, &reader);
        free(header);
    }
    FUZZ_CHECK(st == expected);
    if (st != SNNK_OK) return;
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(!tensors[i].data && tensors[i].begin + tensors[i].bytes <= size - header_bytes);
    snnk__safetensors_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    snnk_network *network;
    snnk_lstsq *lstsq;
    snnk_rls *rls;
    snnk_map *map;
    snnk_scaling *scaling;
    snnk__safetensors_reader *reader;
    snnk_allocator allocator;
    int st;

    if (!copy) abort();
    memcpy(copy, bytes, size);
    FUZZ_CHECK(snnk__allocator_read(&allocator, NULL) == SNNK_OK);
    st = snnk__safetensors_open(copy, size, &allocator, &reader);
    open_header(copy, size, &allocator, st);
    if (st != SNNK_OK) {
        check_status(st);
        free(copy);
        return 0;
    }
    if (use(reader, copy, size) == 0)
        FUZZ_CHECK(snnk__safetensors_tensor_named(reader, "\1") == NULL);
    mend(reader, copy, size);
    snnk__safetensors_close(reader);

    st = snnk_lstsq_load_memory(copy, size, &allocator, &lstsq);
    if (st == SNNK_OK)
        snnk_lstsq_free(lstsq);
    else
        check_status(st);
    st = snnk_rls_load_memory(copy, size, NULL, &rls);
    if (st == SNNK_OK)
        use_rls(rls);
    else
        check_status(st);
    st = snnk_network_load_memory(copy, size, NULL, &network);
    if (st == SNNK_OK)
        use_network(network);
    else
        check_status(st);
    snnk_network_free(network);
    st = snnk_map_load_memory(copy, size, NULL, &map);
    if (st != SNNK_OK)
        check_status(st);
    else if (snnk_map_features(map) <= 1000 && snnk_map_inputs(map) <= 100)
        use_map(map);
    snnk_map_free(map);
    st = snnk_scaling_load_memory(copy, size, NULL, &scaling);
    if (st == SNNK_OK)
        use_scaling(scaling);
    else
        check_status(st);
    snnk_scaling_free(scaling);
    free(copy);
    return 0;
}

static void expect_ok(int st) {
    if (st == SNNK_OK) return;
    fprintf(stderr, "%s\n", snnk_last_error());
    abort();
}

/* A file with tensors of several types, which is not a model. */
static size_t seed_plain(uint8_t *out) {
    static const size_t dims[] = {2, 3};
    static const float x[] = {1, 2, 3, 4, 5, 6};
    snnk_allocator allocator;
    snnk__safetensors_writer writer;
    size_t size;

    expect_ok(snnk__allocator_read(&allocator, NULL));
    snnk__safetensors_writer_init(&writer, &allocator);
    snnk__safetensors_add_text(&writer, "note", "a\n\"b\"");
    snnk__safetensors_add_tensor(&writer, "x", SNNK__DTYPE_F32, 2, dims, x);
    snnk__safetensors_add_tensor(&writer, "y", SNNK__DTYPE_I16, 1, dims, x);
    snnk__safetensors_add_tensor(&writer, "z", SNNK__DTYPE_BOOL, 0, NULL, x);
    expect_ok(snnk__safetensors_written_bytes(&writer, &size));
    expect_ok(snnk__safetensors_write_memory(&writer, out, size));
    snnk__safetensors_writer_free(&writer);
    return size;
}

static size_t seed_lstsq(uint8_t *out) {
    static const size_t two = 2, one = 1, S[] = {2, 2}, C[] = {1, 2};
    static const double x[] = {2, 0, -2, 8};
    snnk_allocator allocator;
    snnk__safetensors_writer writer;
    size_t size;

    expect_ok(snnk__allocator_read(&allocator, NULL));
    snnk__model_begin(&writer, &allocator, SNNK__MODEL_LSTSQ);
    snnk__safetensors_add_number(&writer, "snnk.rows", 3);
    snnk__safetensors_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &two, x);
    snnk__safetensors_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &one, x);
    snnk__safetensors_add_tensor(&writer, "S", SNNK__DTYPE_F64, 2, S, x);
    snnk__safetensors_add_tensor(&writer, "C", SNNK__DTYPE_F64, 2, C, x);
    snnk__safetensors_add_tensor(&writer, "yy", SNNK__DTYPE_F64, 1, &one, x);
    expect_ok(snnk__safetensors_written_bytes(&writer, &size));
    expect_ok(snnk__safetensors_write_memory(&writer, out, size));
    snnk__safetensors_writer_free(&writer);
    return size;
}

static size_t seed_rls(uint8_t *out) {
    static const size_t three = 3, one = 1, B[] = {1, 2};
    static const double x[] = {2, -2, 8, 0.5};
    snnk_allocator allocator;
    snnk__safetensors_writer writer;
    size_t size;

    expect_ok(snnk__allocator_read(&allocator, NULL));
    snnk__model_begin(&writer, &allocator, SNNK__MODEL_RLS);
    snnk__safetensors_add_number(&writer, "snnk.rows", 3);
    snnk__safetensors_add_tensor(&writer, "B", SNNK__DTYPE_F64, 2, B, x);
    snnk__safetensors_add_tensor(&writer, "U", SNNK__DTYPE_F64, 1, &three, x);
    snnk__safetensors_add_tensor(&writer, "scale", SNNK__DTYPE_F64, 1, &one, x);
    snnk__safetensors_add_tensor(&writer, "ridge", SNNK__DTYPE_F64, 1, &one, x);
    snnk__safetensors_add_tensor(&writer, "forgetting", SNNK__DTYPE_F64, 1, &one, x + 3);
    expect_ok(snnk__safetensors_written_bytes(&writer, &size));
    expect_ok(snnk__safetensors_write_memory(&writer, out, size));
    snnk__safetensors_writer_free(&writer);
    return size;
}

/* The same as a factor, with weights. */
static size_t seed_factor(uint8_t *out) {
    static const size_t two = 2, one = 1, L[] = {2, 2}, Z[] = {1, 2};
    static const double x[] = {2, 0, -2, 8};
    snnk_allocator allocator;
    snnk__safetensors_writer writer;
    size_t size;

    expect_ok(snnk__allocator_read(&allocator, NULL));
    snnk__model_begin_format(&writer, &allocator, SNNK__MODEL_LSTSQ, SNNK__LSTSQ_FORMAT);
    snnk__safetensors_add_number(&writer, "snnk.rows", 3);
    snnk__safetensors_add_text(&writer, "snnk.route", "qr");
    snnk__safetensors_add_tensor(&writer, "weight", SNNK__DTYPE_F64, 1, &one, x);
    snnk__safetensors_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &two, x);
    snnk__safetensors_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &one, x);
    snnk__safetensors_add_tensor(&writer, "L", SNNK__DTYPE_F64, 2, L, x);
    snnk__safetensors_add_tensor(&writer, "Z", SNNK__DTYPE_F64, 2, Z, x);
    snnk__safetensors_add_tensor(&writer, "rest", SNNK__DTYPE_F64, 1, &one, x);
    expect_ok(snnk__safetensors_written_bytes(&writer, &size));
    expect_ok(snnk__safetensors_write_memory(&writer, out, size));
    snnk__safetensors_writer_free(&writer);
    return size;
}

/* Two layers: an SNNK layer of 4 features on 3 inputs, and a dense one, with a note. */
static size_t seed_network(int32_t projection, uint8_t *out) {
    static const float weights[8] = {0.5f, -1, 2, 0.25f, 1, -2, 0, 3};
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *first, *second;
    snnk_network *network;
    size_t size;

    expect_ok(snnk_map_config_init(&config, sizeof config));
    config.features = 4;
    config.projection = SNNK_PROJECTION_GAUSSIAN; /* its rows can be drawn again from the seed */
    expect_ok(snnk_map_create(3, &config, NULL, &map));
    expect_ok(snnk_layer_create(map, 2, weights, 4, NULL, &first));
    expect_ok(snnk_layer_create_dense(2, 1, weights, 2, weights, SNNK_TANH, NULL, &second));
    expect_ok(snnk_network_create(NULL, &network));
    expect_ok(snnk_network_append(network, first));
    expect_ok(snnk_network_append(network, second));
    expect_ok(snnk_network_set_note(network, "units", "m"));
    expect_ok(snnk_network_saved_bytes(network, projection, &size));
    FUZZ_CHECK(size <= FUZZ_MAX_BYTES);
    expect_ok(snnk_network_save_memory(network, projection, out, size));
    snnk_network_free(network);
    snnk_layer_free(first);
    snnk_layer_free(second);
    snnk_map_free(map);
    return size;
}

static snnk_scaling *some_scaling(void) {
    static const float X[] = {1, 2, 3, 3, 2, 5};
    snnk_scaling *scaling;

    expect_ok(snnk_scaling_create(3, SNNK_SCALING_STANDARDIZE, NULL, &scaling));
    expect_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = 2, .X = X)));
    return scaling;
}

static size_t seed_scaling(uint8_t *out) {
    snnk_scaling *scaling = some_scaling();
    size_t size;

    expect_ok(snnk_scaling_saved_bytes(scaling, &size));
    FUZZ_CHECK(size <= FUZZ_MAX_BYTES);
    expect_ok(snnk_scaling_save_memory(scaling, out, size));
    snnk_scaling_free(scaling);
    return size;
}

/* Two blocks of drawn rows. */
static size_t seed_map(uint8_t *out) {
    snnk_scaling *scaling = some_scaling();
    snnk_map_config config;
    snnk_map *parts[2], *map;
    size_t size;

    expect_ok(snnk_map_config_init(&config, sizeof config));
    config.features = 4;
    for (int32_t kind = SNNK_MAP_ARC_COSINE; kind <= SNNK_MAP_GAUSSIAN; kind++) {
        config.kind = kind;
        expect_ok(snnk_map_create(3, &config, scaling, &parts[kind]));
    }
    expect_ok(snnk_map_concat(2, (const snnk_map *const *)parts, &map));
    expect_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &size));
    FUZZ_CHECK(size <= FUZZ_MAX_BYTES);
    expect_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, out, size));
    for (size_t k = 0; k < 2; k++) snnk_map_free(parts[k]);
    snnk_map_free(map);
    snnk_scaling_free(scaling);
    return size;
}

/* Every kind of block, including those made from a spectrum. */
static size_t seed_model_1(uint8_t *out) {
    FUZZ_CHECK(sizeof model_1 <= FUZZ_MAX_BYTES);
    memcpy(out, model_1, sizeof model_1);
    return sizeof model_1;
}

size_t fuzz_seed(size_t k, uint8_t *out) {
    switch (k) {
    case 0: return seed_plain(out);
    case 1: return seed_lstsq(out);
    case 2: return seed_network(SNNK_SAVE_ROWS, out);
    case 3: return seed_network(SNNK_SAVE_SEED, out);
    case 4: return seed_model_1(out);
    case 5: return seed_rls(out);
    case 6: return seed_factor(out);
    case 7: return seed_map(out);
    case 8: return seed_scaling(out);
    default: return 0;
    }
}
