/* src/io/tensors.c: tensors in files of other programs: every element type, refused files, and
 * files larger than memory. */
#define _POSIX_C_SOURCE   200809L
#define _FILE_OFFSET_BITS 64

#include <fcntl.h>
#include <math.h>
#include <pthread.h>

#include "data/tensors.h"
#include "support/alloc.h"
#include "support/files.h"

#include <snnk/tensors.h>

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

static snnk_tensors *open_others(void) {
    snnk_tensors *tensors;

    assert_ok(
        snnk_tensors_open(test_write(&files, "others", others, sizeof others), NULL, &tensors));
    return tensors;
}

/* ---- Values ---- */

/* The values that make_tensors.py wrote, rounded to float by hand: bf16 are the upper halves of
 * floats. */
static void every_type(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t n;
        float values[8];
    } cases[] = {
        {"bool", 3, {0, 1, 1}},
        {"u8", 2, {0, 255}},
        {"i8", 2, {-128, 127}},
        {"u16", 2, {1, 65535}},
        {"i16", 2, {-32768, 32767}},
        {"u32", 2, {16777216, 4294967296.0f}},  /* 2^24 + 1 is a tie, to even; 2^32 - 1 goes up */
        {"i32", 2, {-2147483648.0f, 16777220}}, /* 2^24 + 3 likewise */
        {"u64", 1, {18446744073709551616.0f}},
        {"i64", 2, {-9223372036854775808.0f, -3}},
        {"bf16", 3, {1, -3.140625f, 0x1p-133f}}, /* 0xc049: -(1 + 73/128) * 2 */
        {"f64", 2, {0.1f, -0.0f}},
    };
    snnk_tensors *tensors = open_others();

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        float values[8];

        assert_ok(snnk_tensors_read(tensors, cases[c].name, 1, &cases[c].n, values));
        for (size_t i = 0; i < cases[c].n; i++) {
            assert_close(values[i], cases[c].values[i], 0, 0);
            assert_true(!signbit(values[i]) == !signbit(cases[c].values[i]));
        }
    }
    snnk_tensors_free(tensors);
}

static void halves(void **state) {
    (void)state;
    static const size_t dims[] = {2, 4};
    static const float expected[] = {0,        -0.0f, 0x1p-24f,      -1023 * 0x1p-24f,
                                     0x1p-14f, 1,     1.0009765625f, -65504};
    snnk_tensors *tensors = open_others();
    float values[8];

    assert_ok(snnk_tensors_read(tensors, "f16", 2, dims, values));
    for (size_t i = 0; i < 8; i++) {
        assert_close(values[i], expected[i], 0, 0);
        assert_true(!signbit(values[i]) == !signbit(expected[i]));
    }
    snnk_tensors_free(tensors);
}

/* Write a safetensors file with this header and these data. */
static const char *write_file(const char *name, const char *header, const void *data,
                              size_t data_bytes) {
    const size_t n = strlen(header);
    unsigned char file[2048] = {(unsigned char)n, (unsigned char)(n >> 8)};

    assert_true(8 + n + data_bytes <= sizeof file);
    memcpy(file + 8, header, n);
    if (data_bytes > 0) memcpy(file + 8 + n, data, data_bytes);
    return test_write(&files, name, file, 8 + n + data_bytes);
}

/* Open a file with one tensor "t". */
static snnk_tensors *open_one(const char *dtype, const char *shape, const void *data,
                              size_t bytes) {
    char header[256];
    snnk_tensors *tensors;

    snprintf(header, sizeof header,
             "{\"t\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%zu]}}", dtype, shape,
             bytes);
    assert_ok(snnk_tensors_open(write_file("one", header, data, bytes), NULL, &tensors));
    return tensors;
}

/* From the tables of the OCP formats: E4M3 has bias 7 and no infinity, E5M2 is the upper half of a
 * half-precision number, E8M0 is a power of two with bias 127. */
static void eight_bits(void **state) {
    (void)state;
    static const struct {
        const char *type;
        size_t n;
        unsigned char bytes[8];
        float values[8];
    } cases[] = {
        {"F8_E4M3",
         7,
         {0x38, 0xc0, 0x7e, 0x01, 0x07, 0x88, 0x80},
         {1, -2, 448, 0x1p-9f, 7 * 0x1p-9f, -0x1p-6f, -0.0f}},
        {"F8_E5M2",
         6,
         {0x3c, 0x7b, 0xbd, 0x01, 0x04, 0x80},
         {1, 57344, -1.25f, 0x1p-16f, 0x1p-14f, -0.0f}},
        {"F8_E8M0", 5, {0x7f, 0x80, 0x00, 0x01, 0xfe}, {1, 2, 0x1p-127f, 0x1p-126f, 0x1p127f}},
    };

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char shape[16];
        float values[8];

        snprintf(shape, sizeof shape, "[%zu]", cases[c].n);
        snnk_tensors *tensors = open_one(cases[c].type, shape, cases[c].bytes, cases[c].n);
        assert_string_equal(snnk_tensors_type(tensors, "t"), cases[c].type);
        assert_ok(snnk_tensors_read(tensors, "t", 1, &cases[c].n, values));
        assert_memory_equal(values, cases[c].values, cases[c].n * sizeof *values);
        snnk_tensors_free(tensors);
    }
}

static void eight_bits_not_finite(void **state) {
    (void)state;
    static const size_t four[] = {4}, two[] = {2};
    static const unsigned char e4m3[] = {0x38, 0xc0, 0x7e, 0x7f}, e4m3_negative[] = {0, 0xff},
                               e5m2[] = {0, 0x7c}, e5m2_nan[] = {0, 0xfe}, e8m0[] = {0, 0xff};
    snnk_tensors *tensors = open_one("F8_E4M3", "[4]", e4m3, 4);
    float values[4];

    assert_status(snnk_tensors_read(tensors, "t", 1, four, values), SNNK_E_NONFINITE);
    assert_says("tensor \"t\" at (3) is ");
    assert_true(values[0] == 1 && values[1] == -2 && values[2] == 448 && isnan(values[3]));
    snnk_tensors_free(tensors);
    const struct {
        const char *type;
        const unsigned char *bytes;
        int infinite;
    } cases[] = {{"F8_E4M3", e4m3_negative, 0},
                 {"F8_E5M2", e5m2, 1},
                 {"F8_E5M2", e5m2_nan, 0},
                 {"F8_E8M0", e8m0, 0}};
    for (size_t c = 0; c < 4; c++) {
        tensors = open_one(cases[c].type, "[2]", cases[c].bytes, 2);
        assert_status(snnk_tensors_read(tensors, "t", 1, two, values), SNNK_E_NONFINITE);
        assert_true(cases[c].infinite ? isinf(values[1]) : isnan(values[1]));
        snnk_tensors_free(tensors);
    }
}

/* A type that this library does not know hinders its own tensor only: its name and shape can be
 * listed, and the other tensors can be read. Its bytes need not match its shape. */
static void unknown_types(void **state) {
    (void)state;
    static const char header[] =
        "{\"packed\":{\"dtype\":\"F4\",\"shape\":[3,2],\"data_offsets\":[0,3]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[3,7]}}";
    static const unsigned char data[] = {1, 2, 3, 0, 0, 0xc0, 0x3f};
    static const size_t one[] = {1}, both[] = {3, 2};
    size_t n_dims, dims[SNNK_TENSORS_MAX_DIMS];
    snnk_tensors *tensors;
    float values[6] = {7};

    assert_ok(snnk_tensors_open(write_file("unknown", header, data, sizeof data), NULL, &tensors));
    assert_string_equal(snnk_tensors_type(tensors, "packed"), "F4");
    assert_ok(snnk_tensors_shape(tensors, "packed", &n_dims, dims));
    assert_true(n_dims == 2 && dims[0] == 3 && dims[1] == 2);
    assert_status(snnk_tensors_read(tensors, "packed", 2, both, values), SNNK_E_UNSUPPORTED);
    assert_says("unknown: tensor \"packed\" has the unknown type F4");
    assert_true(values[0] == 7);
    assert_ok(snnk_tensors_read(tensors, "w", 1, one, values));
    assert_true(values[0] == 1.5f);
    snnk_tensors_free(tensors);
}

/* ---- Models in several files ---- */

#define INDEX(map)  "{\"metadata\":{\"total_size\":8},\"weight_map\":{" map "}}"
#define SHARD(name) "{\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"

static snnk_tensors *open_index(const char *index) {
    snnk_tensors *tensors;

    assert_ok(snnk_tensors_open(
        test_write(&files, "model.safetensors.index.json", index, strlen(index)), NULL, &tensors));
    return tensors;
}

static void shards(void **state) {
    (void)state;
    static const unsigned char two[] = {0, 0, 0, 0x40}, three[] = {0, 0, 0x40, 0x40};
    static const size_t one[] = {1};
    const int before = test_open_files();
    size_t n_dims, dims[SNNK_TENSORS_MAX_DIMS];
    float value = 7;

    write_file("model-1.safetensors", SHARD("b"), two, 4);
    write_file("model-2.safetensors", SHARD("a"), three, 4);
    snnk_tensors *tensors =
        open_index(INDEX("\"b\":\"model-1.safetensors\",\"a\":\"model-2.safetensors\","
                         "\"c\":\"model-2.safetensors\",\"d\":\"model-3.safetensors\""));

    assert_int_equal(snnk_tensors_count(tensors), 4);
    assert_string_equal(snnk_tensors_name(tensors, 0), "a");
    assert_string_equal(snnk_tensors_name(tensors, 3), "d");
    assert_null(snnk_tensors_name(tensors, 4));
    assert_int_equal(snnk_tensors_texts(tensors), 0);
    assert_null(snnk_tensors_text(tensors, "format"));
    assert_int_equal(test_open_files(), before); /* no shard is open yet */
    assert_ok(snnk_tensors_read(tensors, "b", 1, one, &value));
    assert_true(value == 2);
    assert_int_equal(test_open_files(), before + 1);
    assert_string_equal(snnk_tensors_type(tensors, "a"), "F32");
    assert_ok(snnk_tensors_shape(tensors, "a", &n_dims, dims));
    assert_true(n_dims == 1 && dims[0] == 1);
    assert_ok(snnk_tensors_read(tensors, "a", 1, one, &value));
    assert_true(value == 3);
    assert_int_equal(test_open_files(), before + 2);
    /* In the index but not in its file; in a file that is not there; in neither. */
    assert_status(snnk_tensors_read(tensors, "c", 1, one, &value), SNNK_E_FORMAT);
    assert_says("model-2.safetensors: tensor \"c\" is missing");
    assert_status(snnk_tensors_shape(tensors, "d", &n_dims, dims), SNNK_E_IO);
    assert_says("model-3.safetensors: cannot open");
    assert_null(snnk_tensors_type(tensors, "d"));
    assert_status(snnk_tensors_read(tensors, "e", 1, one, &value), SNNK_E_FORMAT);
    assert_says("index.json: tensor \"e\" is missing");
    snnk_tensors_free(tensors);
    assert_int_equal(test_open_files(), before);
}

static void bad_indexes(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"weight\": 1}", "has no weight_map"},
        {"{\"weight_map\": []}", "has no weight_map"},
        {"{\"weight_map\": {", "nor an index in JSON"},
        {"{ \"\xff\": 1 }", "not UTF-8"},
        {INDEX("\"a\":1"), "\"a\" is no string"},
        {INDEX("\"a\":\"x\",\"a\":\"y\""), "\"a\" occurs twice"},
        {INDEX("\"a\":\"../x\""), "not the name of a file in the directory of the index"},
        {INDEX("\"a\":\"/etc/passwd\""), "not the name of a file in the directory of the index"},
        {INDEX("\"a\":\"..\""), "not the name of a file in the directory of the index"},
        {INDEX("\"a\":\"\""), "not the name of a file in the directory of the index"},
    };

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        snnk_tensors *tensors = (snnk_tensors *)&files;
        const char *path = test_write(&files, "i", cases[c].text, strlen(cases[c].text));

        assert_status(snnk_tensors_open(path, NULL, &tensors), SNNK_E_FORMAT);
        assert_null(tensors);
        assert_says(cases[c].says);
        assert_says(path);
    }
    snnk_tensors *none = open_index("{\"weight_map\":{}}");
    assert_int_equal(snnk_tensors_count(none), 0);
    assert_null(snnk_tensors_type(none, "a"));
    snnk_tensors_free(none);
}

/* Damaged anywhere, an index opens or gives a status, and its tensors can be asked for. */
static void damaged_indexes(void **state) {
    (void)state;
    static const char index[] = INDEX("\"a\":\"s1\",\"b\":\"s2\",\"c\":\"s1\"");
    const size_t n = sizeof index - 1;

    write_file("s1", SHARD("a"), "\0\0\0", 4);
    for (size_t change = 0; change < 9 * n; change++) {
        char text[sizeof index];
        size_t n_dims, dims[SNNK_TENSORS_MAX_DIMS];
        snnk_tensors *tensors;

        memcpy(text, index, sizeof index);
        if (change >= n) text[(change - n) / 8] ^= (char)(1 << (change - n) % 8);
        const char *path = test_write(&files, "i", text, change < n ? change : n);
        const int st = snnk_tensors_open(path, NULL, &tensors);
        assert_true(!tensors == (st != SNNK_OK));
        for (size_t i = 0; i < snnk_tensors_count(tensors); i++)
            (void)snnk_tensors_shape(tensors, snnk_tensors_name(tensors, i), &n_dims, dims);
        snnk_tensors_free(tensors);
    }
}

typedef struct reader {
    const snnk_tensors *tensors;
    int failures;
} reader;

static void *read_all(void *argument) {
    reader *r = argument;
    static const size_t one[] = {1};

    for (size_t i = 0; i < snnk_tensors_count(r->tensors); i++) {
        float value;

        if (snnk_tensors_read(r->tensors, snnk_tensors_name(r->tensors, i), 1, one, &value) !=
                SNNK_OK ||
            value != 2)
            r->failures++;
    }
    return NULL;
}

/* Several threads ask for the same shards at once. */
static void shards_and_threads(void **state) {
    (void)state;
    static const unsigned char two[] = {0, 0, 0, 0x40};
    const int before = test_open_files();
    char index[2048] = "{\"weight_map\":{";

    for (int i = 0; i < 20; i++) {
        char header[128], name[16];

        snprintf(name, sizeof name, "s%02d", i);
        snprintf(header, sizeof header,
                 "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", name);
        write_file(name, header, two, 4);
        snprintf(index + strlen(index), sizeof index - strlen(index), "%s\"%s\":\"%s\"",
                 i ? "," : "", name, name);
    }
    strcat(index, "}}");
    snnk_tensors *tensors = open_index(index);
    reader readers[4];
    pthread_t threads[4];
    for (int t = 0; t < 4; t++) {
        readers[t] = (reader){tensors, 0};
        assert_int_equal(pthread_create(&threads[t], NULL, read_all, &readers[t]), 0);
    }
    for (int t = 0; t < 4; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(readers[t].failures, 0);
    }
    assert_int_equal(test_open_files(), before + 20);
    snnk_tensors_free(tensors);
    assert_int_equal(test_open_files(), before);
}

/* Metadata in the order of keys, which differs from that of the file. */
static void metadata(void **state) {
    (void)state;
    static const char header[] = "{\"__metadata__\":{\"b\":\"2\",\"c\":\"\",\"B\":\"3\"}}";
    unsigned char file[8 + sizeof header - 1] = {sizeof header - 1};
    snnk_tensors *tensors;

    memcpy(file + 8, header, sizeof header - 1);
    assert_ok(snnk_tensors_open(test_write(&files, "texts", file, sizeof file), NULL, &tensors));
    assert_int_equal(snnk_tensors_count(tensors), 0);
    assert_int_equal(snnk_tensors_texts(tensors), 3);
    assert_string_equal(snnk_tensors_text_key(tensors, 0), "B");
    assert_string_equal(snnk_tensors_text_key(tensors, 1), "b");
    assert_string_equal(snnk_tensors_text_key(tensors, 2), "c");
    assert_null(snnk_tensors_text_key(tensors, 3));
    assert_string_equal(snnk_tensors_text(tensors, "B"), "3");
    assert_string_equal(snnk_tensors_text(tensors, "c"), "");
    snnk_tensors_free(tensors);

    assert_int_equal(snnk_tensors_texts(NULL), 0);
    assert_null(snnk_tensors_text_key(NULL, 0));
}

static void shapes_and_names(void **state) {
    (void)state;
    static const size_t matrix[] = {2, 3}, none[] = {0, 5};
    static const float W[] = {1.5f, -2, 0.25f, 3, -4.5f, 6};
    snnk_tensors *tensors = open_others();
    size_t n_dims = 77, dims[SNNK_TENSORS_MAX_DIMS] = {9, 9, 9};
    float values[6];

    assert_int_equal(snnk_tensors_count(tensors), 20);
    assert_string_equal(snnk_tensors_name(tensors, 0), "bf16");
    assert_string_equal(snnk_tensors_name(tensors, 9), "model.layers.0.weight");
    assert_string_equal(snnk_tensors_name(tensors, 19), "wide");
    assert_null(snnk_tensors_name(tensors, 20));
    assert_int_equal(snnk_tensors_texts(tensors), 1);
    assert_string_equal(snnk_tensors_text_key(tensors, 0), "format");
    assert_string_equal(snnk_tensors_text(tensors, "format"), "pt");
    assert_null(snnk_tensors_text(tensors, "snnk.format"));
    assert_null(snnk_tensors_text(tensors, NULL));
    assert_string_equal(snnk_tensors_type(tensors, "bf16"), "BF16");
    assert_string_equal(snnk_tensors_type(tensors, "u8"), "U8");
    assert_string_equal(snnk_tensors_type(tensors, "model.layers.0.weight"), "F32");
    assert_null(snnk_tensors_type(tensors, "weight"));
    assert_null(snnk_tensors_type(tensors, NULL));
    assert_null(snnk_tensors_type(NULL, "u8"));

    assert_ok(snnk_tensors_shape(tensors, "model.layers.0.weight", &n_dims, dims));
    assert_int_equal(n_dims, 2);
    assert_memory_equal(dims, ((size_t[]){2, 3, 9}), 3 * sizeof *dims);
    assert_ok(snnk_tensors_read(tensors, "model.layers.0.weight", 2, matrix, values));
    assert_memory_equal(values, W, sizeof W);

    assert_ok(snnk_tensors_shape(tensors, "scalar", &n_dims, dims));
    assert_int_equal(n_dims, 0);
    assert_ok(snnk_tensors_read(tensors, "scalar", 0, NULL, values));
    assert_close(values[0], -7.5, 0, 0);
    assert_ok(snnk_tensors_read(tensors, "none", 2, none, NULL));

    assert_int_equal(snnk_tensors_count(NULL), 0);
    assert_null(snnk_tensors_name(NULL, 0));
    assert_null(snnk_tensors_text(NULL, "format"));
    snnk_tensors_free(tensors);
    snnk_tensors_free(NULL);
}

/* ---- Refused requests ---- */

static void other_shapes(void **state) {
    (void)state;
    static const size_t turned[] = {3, 2}, longer[] = {2, 3, 1},
                        nine[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const char *name = "model.layers.0.weight";
    snnk_tensors *tensors = open_others();
    size_t n_dims = 77, dims[SNNK_TENSORS_MAX_DIMS] = {9};
    float values[6] = {7};

    assert_status(snnk_tensors_read(tensors, name, 2, turned, values), SNNK_E_SHAPE);
    assert_says("others: tensor \"model.layers.0.weight\" is 2 x 3 instead of 3 x 2");
    assert_status(snnk_tensors_read(tensors, name, 3, longer, values), SNNK_E_SHAPE);
    assert_says("is 2 x 3 instead of 2 x 3 x 1");
    assert_status(snnk_tensors_read(tensors, name, 0, NULL, values), SNNK_E_SHAPE);
    assert_says("is 2 x 3 instead of a single number");
    assert_status(snnk_tensors_read(tensors, name, 9, nine, values), SNNK_E_SHAPE);
    assert_says("n_dims = 9 is above the limit of 8");
    assert_status(snnk_tensors_read(tensors, "nine", 9, nine, values), SNNK_E_SHAPE);
    assert_status(snnk_tensors_read(tensors, "nine", 8, nine, values), SNNK_E_SHAPE);
    assert_says("n_dims = 9 is above the limit of 8");
    assert_status(snnk_tensors_shape(tensors, "nine", &n_dims, dims), SNNK_E_SHAPE);
    assert_status(snnk_tensors_read(tensors, "weight", 2, turned, values), SNNK_E_FORMAT);
    assert_says("others: tensor \"weight\" is missing");
    assert_status(snnk_tensors_shape(tensors, "weight", &n_dims, dims), SNNK_E_FORMAT);
    assert_true(values[0] == 7 && n_dims == 77 && dims[0] == 9);
    snnk_tensors_free(tensors);
}

static void not_finite(void **state) {
    (void)state;
    static const size_t cube[] = {2, 2, 2}, two[] = {2};
    snnk_tensors *tensors = open_others();
    float values[8];

    assert_status(snnk_tensors_read(tensors, "nan", 3, cube, values), SNNK_E_NONFINITE);
    assert_says("others: tensor \"nan\" at (1, 0, 1) is ");
    assert_status(snnk_tensors_read(tensors, "infinite", 1, two, values), SNNK_E_NONFINITE);
    assert_says("at (1) is -inf as float");
    assert_status(snnk_tensors_read(tensors, "wide", 1, two, values), SNNK_E_NONFINITE);
    assert_says("at (1) is inf as float");
    assert_status(snnk_tensors_read(tensors, "nan16", 0, NULL, values), SNNK_E_NONFINITE);
    snnk_tensors_free(tensors);
}

static void null_arguments(void **state) {
    (void)state;
    static const size_t dims[] = {2, 3};
    snnk_tensors *tensors = open_others(), *made = tensors;
    size_t n_dims, out[SNNK_TENSORS_MAX_DIMS];
    float values[6];

    assert_status(snnk_tensors_open(NULL, NULL, &made), SNNK_E_NULL);
    assert_null(made);
    assert_status(snnk_tensors_open(files.path, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_tensors_shape(NULL, "u8", &n_dims, out), SNNK_E_NULL);
    assert_status(snnk_tensors_shape(tensors, NULL, &n_dims, out), SNNK_E_NULL);
    assert_status(snnk_tensors_shape(tensors, "u8", NULL, out), SNNK_E_NULL);
    assert_status(snnk_tensors_shape(tensors, "u8", &n_dims, NULL), SNNK_E_NULL);
    assert_status(snnk_tensors_read(NULL, "u8", 2, dims, values), SNNK_E_NULL);
    assert_status(snnk_tensors_read(tensors, NULL, 2, dims, values), SNNK_E_NULL);
    assert_status(snnk_tensors_read(tensors, "u8", 2, NULL, values), SNNK_E_NULL);
    assert_status(snnk_tensors_read(tensors, "model.layers.0.weight", 2, dims, NULL), SNNK_E_NULL);
    snnk_tensors_free(tensors);
}

/* ---- Damage ---- */

static int try_open(const void *bytes, size_t size) {
    snnk_tensors *tensors;
    const int st = snnk_tensors_open(test_write(&files, "damaged", bytes, size), NULL, &tensors);

    assert_true(!tensors == (st != SNNK_OK));
    snnk_tensors_free(tensors);
    return st;
}

/* Truncated at every byte, or followed by one: the header does not match the file. */
static void wrong_sizes(void **state) {
    (void)state;
    unsigned char longer[sizeof others + 1] = {0};

    for (size_t size = 0; size < sizeof others; size++) {
        assert_int_equal(try_open(others, size), SNNK_E_TRUNCATED);
        assert_says(size < 8 ? "damaged: a safetensors file has at least 8 bytes" : "damaged: ");
    }
    memcpy(longer, others, sizeof others);
    assert_int_equal(try_open(longer, sizeof longer), SNNK_E_TRUNCATED);
}

static void not_safetensors(void **state) {
    (void)state;
    static const char text[] = "It was the best of times, it was the worst of times";
    snnk_tensors *tensors;

    assert_int_equal(try_open(text, sizeof text), SNNK_E_FORMAT);
    assert_says("damaged: not a safetensors file");
    assert_status(snnk_tensors_open(test_path(&files, "absent"), NULL, &tensors), SNNK_E_IO);
    assert_says("absent: cannot open");
    assert_status(snnk_tensors_open("/dev/null", NULL, &tensors), SNNK_E_TRUNCATED);
    assert_null(tensors);
}

/* The file is truncated after it was opened. */
static void shrinks(void **state) {
    (void)state;
    static const size_t cube[] = {2, 2, 2}, three[] = {3};
    snnk_tensors *tensors = open_others();
    float values[8];

    assert_int_equal(truncate(test_path(&files, "others"), sizeof others - 40), 0);
    assert_status(snnk_tensors_read(tensors, "nan", 3, cube, values), SNNK_E_TRUNCATED);
    assert_ok(snnk_tensors_read(tensors, "bool", 1, three, values));
    snnk_tensors_free(tensors);
}

/* ---- Beyond memory ---- */

/* 12 GiB, almost none of it on the disk: offsets of more than 32 bits, and elements of two bytes
 * over several windows. */
static void beyond_memory(void **state) {
    (void)state;
    static const char header[] =
        "{\"large\":{\"dtype\":\"F32\",\"shape\":[3221200896],\"data_offsets\":[0,12884803584]},"
        "\"tail\":{\"dtype\":\"BF16\",\"shape\":[2,20000],\"data_offsets\":[12884803584,"
        "12884883584]}}";
    static const size_t dims[] = {2, 20000};
    const size_t n = sizeof header - 1, size = 8 + n + (size_t)12884883584;
    const unsigned char length[8] = {(unsigned char)n}, last[2] = {0x49, 0xc0};
    const int fd = open(test_path(&files, "large"), O_CREAT | O_WRONLY, 0600);
    float *values = malloc(40000 * sizeof *values);
    snnk_tensors *tensors;

    if (!values) abort();
    assert_true(fd >= 0 && n < 256);
    assert_int_equal(write(fd, length, 8), 8);
    assert_int_equal(write(fd, header, n), n);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, last, 2, (off_t)(size - 2)), 2);
    assert_int_equal(close(fd), 0);
    assert_ok(snnk_tensors_open(files.path, NULL, &tensors));
    assert_ok(snnk_tensors_read(tensors, "tail", 2, dims, values));
    for (size_t i = 0; i < 39999; i++) assert_true(values[i] == 0);
    assert_close(values[39999], -3.140625, 0, 0);
    snnk_tensors_free(tensors);
    free(values);
}

static void closes_its_files(void **state) {
    (void)state;
    const int before = test_open_files();

    snnk_tensors_free(open_others());
    assert_int_equal(try_open(others, 20), SNNK_E_TRUNCATED);
    assert_int_equal(test_open_files(), before);
}

static void failing_allocations(void **state) {
    (void)state;
    const char *path = test_write(&files, "others", others, sizeof others);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_tensors *tensors;
    int status;

    assert_survives_failing_allocations(memory, status, {
        status = snnk_tensors_open(path, &allocator, &tensors);
        assert_made(status, tensors);
        snnk_tensors_free(tensors);
    });
    write_file("s1", SHARD("a"), "\0\0\0", 4);
    snnk_tensors_free(open_index(INDEX("\"a\":\"s1\"")));
    path = files.path;
    assert_survives_failing_allocations(memory, status, {
        size_t n_dims, dims[SNNK_TENSORS_MAX_DIMS];

        status = snnk_tensors_open(path, &allocator, &tensors);
        assert_made(status, tensors);
        if (status == SNNK_OK) status = snnk_tensors_shape(tensors, "a", &n_dims, dims);
        snnk_tensors_free(tensors);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(halves),
        cmocka_unit_test(eight_bits),
        cmocka_unit_test(eight_bits_not_finite),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(shards),
        cmocka_unit_test(bad_indexes),
        cmocka_unit_test(damaged_indexes),
        cmocka_unit_test(shards_and_threads),
        cmocka_unit_test(metadata),
        cmocka_unit_test(shapes_and_names),
        cmocka_unit_test(other_shapes),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(null_arguments),
        cmocka_unit_test(wrong_sizes),
        cmocka_unit_test(not_safetensors),
        cmocka_unit_test(shrinks),
        cmocka_unit_test(beyond_memory),
        cmocka_unit_test(closes_its_files),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
