/* snnk_tensors_save_replaced: networks beside the tensors of another program's file. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <unistd.h>

#include <snnk/compress.h>

#include "data/tensors.h"
#include "io/safetensors.h"
#include "support/alloc.h"
#include "support/compare.h"
#include "support/files.h"

static test_files files;

static int set_up(void **state) {
    (void)state;
    test_files_make(&files);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_files_remove(&files);
    return 0;
}

/* A dense network of one layer, 2 -> 1: y = 3 a - 4 b + 5. */
static snnk_network *line(const snnk_allocator *allocator) {
    static const float W[2] = {3, -4}, bias[1] = {5};
    snnk_network *network;
    snnk_layer *layer;

    assert_ok(snnk_layer_create_dense(2, 1, W, 2, bias, SNNK_IDENTITY, allocator, &layer));
    assert_ok(snnk_network_create(allocator, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_set_note(network, "task", "regression"));
    snnk_layer_free(layer);
    return network;
}

static snnk_tensors *open_others(const snnk_allocator *allocator) {
    snnk_tensors *tensors;

    assert_ok(snnk_tensors_open(test_write(&files, "others", others, sizeof others), allocator,
                                &tensors));
    return tensors;
}

/* ---- The file ---- */

/* Compare every tensor of the original with the new file, byte by byte, but for the removed one. */
static void compare_files(const unsigned char *new, size_t new_bytes, const char *removed) {
    snnk_allocator allocator;
    snnk__safetensors_reader *before, *after;
    const snnk__safetensors_tensor *tensors;
    size_t n;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    assert_ok(snnk__safetensors_open(others, sizeof others, &allocator, &before));
    assert_ok(snnk__safetensors_open(new, new_bytes, &allocator, &after));
    assert_ok(snnk__safetensors_verify(after));
    tensors = snnk__safetensors_tensors(before, &n);
    assert_true(n > 10);
    for (size_t i = 0; i < n; i++) {
        const snnk__safetensors_tensor *same =
            snnk__safetensors_tensor_named(after, tensors[i].name);

        if (strcmp(tensors[i].name, removed) == 0) {
            assert_null(same);
            continue;
        }
        assert_non_null(same);
        assert_string_equal(same->type, tensors[i].type);
        assert_int_equal(same->n_dims, tensors[i].n_dims);
        assert_int_equal(same->bytes, tensors[i].bytes);
        for (size_t k = 0; k < same->n_dims; k++)
            assert_int_equal(same->dims[k], tensors[i].dims[k]);
        if (same->bytes > 0) assert_memory_equal(same->data, tensors[i].data, same->bytes);
    }
    snnk__safetensors_close(before);
    snnk__safetensors_close(after);
}

static void test_writes(void **state) {
    static const char *const removed[] = {"f64"}, *const names[] = {"part", "other.part"};
    static unsigned char bytes[2 * sizeof others + 4096];
    const size_t shape[2] = {1, 2};
    snnk_network *network = line(NULL);
    const snnk_network *const networks[] = {network, network};
    snnk_tensors *tensors = open_others(NULL), *written;
    const char *path = test_path(&files, "new");
    const size_t before = snnk_tensors_count(tensors);
    float W[2];

    (void)state;
    assert_ok(snnk_tensors_save_replaced(tensors, 1, removed, 2, names, networks, path));
    snnk_tensors_free(tensors);
    compare_files(bytes, test_slurp(path, bytes, sizeof bytes), "f64");
    assert_ok(snnk_tensors_open(path, NULL, &written));
    assert_int_equal(snnk_tensors_count(written), before - 1 + 2 * 2);
    assert_string_equal(snnk_tensors_text(written, "format"), "pt");
    for (int k = 0; k < 2; k++) {
        char name[64];

        snprintf(name, sizeof name, "%s.layers.0.weight", names[k]);
        assert_ok(snnk_tensors_read(written, name, 2, shape, W));
        assert_true(W[0] == 3 && W[1] == -4);
        snprintf(name, sizeof name, "snnk.network.%s", names[k]);
        assert_non_null(strstr(snnk_tensors_text(written, name), "\"identity\""));
    }
    assert_null(snnk_tensors_text(written, "note.task"));
    assert_null(snnk_tensors_text(written, "snnk.kind"));
    snnk_tensors_free(written);
    snnk_network_free(network);
}

/* The new file may replace the one that is read. */
static void test_in_place(void **state) {
    static unsigned char bytes[2 * sizeof others + 4096];
    static const char *const removed[] = {"f64"}, *const names[] = {"part"};
    snnk_network *network = line(NULL);
    snnk_tensors *tensors = open_others(NULL);
    const char *path = test_path(&files, "others");

    (void)state;
    assert_ok(snnk_tensors_save_replaced(tensors, 1, removed, 1, names,
                                         (const snnk_network *const *)&network, path));
    snnk_tensors_free(tensors);
    compare_files(bytes, test_slurp(path, bytes, sizeof bytes), "f64");
    snnk_network_free(network);
}

/* Nothing removed, nothing added: the same tensors. */
static void test_copies(void **state) {
    static unsigned char bytes[2 * sizeof others + 4096];
    snnk_tensors *tensors = open_others(NULL);
    const char *path = test_path(&files, "copy");

    (void)state;
    assert_ok(snnk_tensors_save_replaced(tensors, 0, NULL, 0, NULL, NULL, path));
    compare_files(bytes, test_slurp(path, bytes, sizeof bytes), "");
    snnk_tensors_free(tensors);
}

/* A type that this library does not know: its name, shape and bytes stay, also if the name needs
 * an escape. */
static void test_unknown_type(void **state) {
    static const char header[] = "{\"codes\":{\"dtype\":\"F4\\\"\",\"shape\":[3],\"data_offsets\":"
                                 "[0,2]}}   ";
    const size_t n = sizeof header - 1;
    unsigned char file[8 + sizeof header + 1], bytes[4096];
    snnk_tensors *tensors;
    const char *path;
    size_t size;

    (void)state;
    memset(file, 0, sizeof file);
    file[0] = (unsigned char)n;
    memcpy(file + 8, header, n);
    file[8 + n] = 0xab;
    file[9 + n] = 0xc0;
    assert_ok(snnk_tensors_open(test_write(&files, "unknown", file, 10 + n), NULL, &tensors));
    path = test_path(&files, "copy");
    assert_ok(snnk_tensors_save_replaced(tensors, 0, NULL, 0, NULL, NULL, path));
    snnk_tensors_free(tensors);
    size = test_slurp(path, bytes, sizeof bytes);
    assert_true(bytes[size - 2] == 0xab && bytes[size - 1] == 0xc0);
    assert_ok(snnk_tensors_open(path, NULL, &tensors));
    assert_string_equal(snnk_tensors_type(tensors, "codes"), "F4\"");
    snnk_tensors_free(tensors);
}

/* More bytes than are copied at a time. */
static void test_large(void **state) {
    enum { NUMBERS = 5001, BYTES = 2 * NUMBERS };
    static unsigned char file[8 + 80 + BYTES], bytes[sizeof file + 4096];
    snnk_tensors *tensors;
    const char *path;
    int n;

    (void)state;
    n = snprintf((char *)file + 8, 80,
                 "{\"a\":{\"dtype\":\"I16\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", NUMBERS,
                 BYTES);
    file[0] = (unsigned char)n;
    for (int i = 0; i < BYTES; i++) file[8 + n + i] = (unsigned char)(i * 31 >> 3);
    assert_ok(snnk_tensors_open(test_write(&files, "large", file, (size_t)(8 + n + BYTES)), NULL,
                                &tensors));
    path = test_path(&files, "copy");
    assert_ok(snnk_tensors_save_replaced(tensors, 0, NULL, 0, NULL, NULL, path));
    snnk_tensors_free(tensors);
    assert_memory_equal(bytes + test_slurp(path, bytes, sizeof bytes) - BYTES, file + 8 + n, BYTES);
}

/* ---- Refused ---- */

static void test_statuses(void **state) {
    static const char *const removed[] = {"f64"}, *const missing[] = {"f65"};
    static const char *const names[] = {"part", "part"};
    snnk_network *network = line(NULL), *empty;
    const snnk_network *networks[2] = {network, network};
    snnk_tensors *tensors = open_others(NULL), *model;
    const char *path;

    (void)state;
    assert_ok(snnk_network_save(network, test_path(&files, "model"), SNNK_SAVE_ROWS));
    assert_ok(snnk_tensors_open(files.path, NULL, &model));
    assert_ok(snnk_network_create(NULL, &empty));
    path = test_path(&files, "never");
    assert_status(snnk_tensors_save_replaced(NULL, 0, NULL, 0, NULL, NULL, path), SNNK_E_NULL);
    assert_status(snnk_tensors_save_replaced(tensors, 0, NULL, 0, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_tensors_save_replaced(tensors, 1, NULL, 0, NULL, NULL, path), SNNK_E_NULL);
    assert_status(snnk_tensors_save_replaced(tensors, 0, NULL, 1, NULL, networks, path),
                  SNNK_E_NULL);
    assert_status(snnk_tensors_save_replaced(tensors, 0, NULL, 1, names, NULL, path), SNNK_E_NULL);
    assert_status(snnk_tensors_save_replaced(tensors, 1, missing, 1, names, networks, path),
                  SNNK_E_FORMAT);
    assert_says("\"f65\" is missing");
    assert_status(snnk_tensors_save_replaced(tensors, 1, removed, 2, names, networks, path),
                  SNNK_E_RANGE);
    assert_says("two tensors \"part.layers.0.");
    assert_status(snnk_tensors_save_replaced(model, 0, NULL, 0, NULL, NULL, path),
                  SNNK_E_UNSUPPORTED);
    networks[0] = empty;
    assert_status(snnk_tensors_save_replaced(tensors, 1, removed, 1, names, networks, path),
                  SNNK_E_STATE);
    networks[0] = NULL;
    assert_status(snnk_tensors_save_replaced(tensors, 1, removed, 1, names, networks, path),
                  SNNK_E_NULL);
    networks[0] = network;
    path = test_path(&files, "no folder/new");
    assert_status(snnk_tensors_save_replaced(tensors, 1, removed, 1, names, networks, path),
                  SNNK_E_IO);
    assert_int_equal(access(test_path(&files, "never"), F_OK), -1);
    snnk_tensors_free(model);
    snnk_tensors_free(tensors);
    snnk_network_free(empty);
    snnk_network_free(network);
}

/* A file that became shorter while it was open is noticed, and nothing is written. */
static void test_shrinks(void **state) {
    snnk_tensors *tensors = open_others(NULL);

    (void)state;
    assert_int_equal(truncate(files.path, sizeof others - 1), 0);
    assert_status(
        snnk_tensors_save_replaced(tensors, 0, NULL, 0, NULL, NULL, test_path(&files, "shorter")),
        SNNK_E_TRUNCATED);
    assert_int_equal(access(files.path, F_OK), -1);
    snnk_tensors_free(tensors);
}

static void test_failing_allocations(void **state) {
    static const char *const removed[] = {"f64"}, *const names[] = {"part"};
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = line(&allocator);
    snnk_tensors *tensors = open_others(&allocator);
    int st;

    (void)state;
    test_path(&files, "new");
    assert_survives_failing_allocations(memory, st, {
        st = snnk_tensors_save_replaced(tensors, 1, removed, 1, names,
                                        (const snnk_network *const *)&network, files.path);
    });
    snnk_tensors_free(tensors);
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),  cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_copies),  cmocka_unit_test(test_unknown_type),
        cmocka_unit_test(test_large),   cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_shrinks), cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
