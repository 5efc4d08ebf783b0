/* src/io/safetensors*.c: the container. A file of another program, files of ours, damaged ones; and
 * statistics saved in it. */
#define _POSIX_C_SOURCE 200809L

#include "data/safetensors.h"
#include "support/alloc.h"
#include "support/files.h"

#include "io/bytes.h"
#include "model/model.h"
#include "solve/lstsq.h"

static test_files files;
static snnk_allocator ours; /* malloc */

static int set_up(void **state) {
    (void)state;
    test_files_make(&files);
    assert_ok(snnk__allocator_read(&ours, NULL));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_files_remove(&files);
    return 0;
}

/* ---- Reading what Python wrote ---- */

static void golden_reads(void **state) {
    (void)state;
    static const size_t dims_b[] = {2, 3}, dims_w[] = {2}, dims_none[] = {0, 5}, dims_bytes[] = {3};
    static const float b[] = {1.5f, -2, 0.25f, 3, -4.5f, 6};
    unsigned char shifted[sizeof golden + 1];
    snnk__safetensors_reader *reader;
    const snnk__safetensors_tensor *tensor;
    float f32[6];
    double f64[2];
    uint64_t seed;
    size_t n;

    /* At an odd address: nothing may depend on alignment (ubsan checks it). */
    memcpy(shifted + 1, golden, sizeof golden);
    assert_ok(snnk__safetensors_open(shifted + 1, sizeof golden, &ours, &reader));
    assert_ok(snnk__safetensors_verify(reader));
    assert_string_equal(snnk__safetensors_text(reader, "snnk.checksum"), GOLDEN_CHECKSUM);
    assert_string_equal(snnk__safetensors_text(reader, "a.note"),
                        "two\nlines, a \"quote\" and \xc3\xa9");
    assert_null(snnk__safetensors_text(reader, "a.not"));
    assert_ok(snnk__safetensors_number(reader, "seed", &seed));
    assert_true(seed == UINT64_MAX);
    assert_ok(snnk__safetensors_read_f32(reader, "b", 2, dims_b, f32));
    for (size_t i = 0; i < 6; i++) assert_close(f32[i], b[i], 0, 0);
    assert_ok(snnk__safetensors_read_f64(reader, "w", 1, dims_w, f64));
    assert_close(f64[0], 0.1, 0, 0);
    assert_close(f64[1], -3, 0, 0);
    assert_ok(snnk__safetensors_read_f32(reader, "none", 2, dims_none, f32));
    assert_ok(snnk__safetensors_find(reader, "bytes", SNNK__DTYPE_U8, 1, dims_bytes, &tensor));
    assert_memory_equal(tensor->data, "\x01\x02\xff", 3);
    assert_string_equal(snnk__safetensors_pairs(reader, &n)[0].key, "a.note");
    assert_int_equal(n, 4);
    assert_string_equal(snnk__safetensors_tensors(reader, &n)[3].name, "w");
    assert_int_equal(n, 4);
    snnk__safetensors_close(reader);
}

static void finding_checks_type_and_shape(void **state) {
    (void)state;
    static const size_t dims[] = {2, 3}, other[] = {2, 4};
    const snnk__safetensors_tensor *tensor = NULL;
    snnk__safetensors_reader *reader;
    uint64_t number = 7;
    float out[6];

    assert_ok(snnk__safetensors_open(golden, sizeof golden, &ours, &reader));
    assert_status(snnk__safetensors_find(reader, "q", SNNK__DTYPE_F32, 2, dims, &tensor),
                  SNNK_E_FORMAT);
    assert_says("tensor \"q\" is missing");
    assert_status(snnk__safetensors_find(reader, "b", SNNK__DTYPE_F64, 2, dims, &tensor),
                  SNNK_E_FORMAT);
    assert_says("is F32 instead of F64");
    assert_status(snnk__safetensors_find(reader, "b", SNNK__DTYPE_F32, 1, dims, &tensor),
                  SNNK_E_FORMAT);
    assert_says("has 2 dimensions instead of 1");
    assert_status(snnk__safetensors_find(reader, "b", SNNK__DTYPE_F32, 2, other, &tensor),
                  SNNK_E_FORMAT);
    assert_says("dimension 1 is 3 instead of 4");
    assert_null(tensor);
    assert_status(snnk__safetensors_read_f32(reader, "w", 1, dims, out), SNNK_E_FORMAT);
    assert_status(snnk__safetensors_number(reader, "absent", &number), SNNK_E_FORMAT);
    assert_says("\"absent\" is missing");
    assert_status(snnk__safetensors_number(reader, "snnk.kind", &number), SNNK_E_FORMAT);
    assert_true(number == 7);
    snnk__safetensors_close(reader);
}

/* Truncated at every byte, and with every single bit flipped: always refused. */
static void golden_damaged(void **state) {
    (void)state;
    snnk__safetensors_reader *reader;

    for (size_t size = 0; size < sizeof golden; size++) {
        unsigned char *cut = malloc(size + (size == 0));

        memcpy(cut, golden, size);
        assert_status(snnk__safetensors_open(cut, size, &ours, &reader), SNNK_E_TRUNCATED);
        free(cut);
    }
    for (size_t bit = 0; bit < 8 * sizeof golden; bit++) {
        unsigned char *flipped = malloc(sizeof golden);
        int st;

        memcpy(flipped, golden, sizeof golden);
        flipped[bit / 8] ^= (unsigned char)(1 << bit % 8);
        st = snnk__safetensors_open(flipped, sizeof golden, &ours, &reader);
        if (st == SNNK_OK) {
            assert_status(snnk__safetensors_verify(reader), SNNK_E_CHECKSUM);
            snnk__safetensors_close(reader);
        } else if (st != SNNK_E_FORMAT) {
            assert_int_equal(st, SNNK_E_TRUNCATED);
        }
        free(flipped);
    }
}

/* ---- False headers ---- */

static void refuse_header(const char *header, size_t data_bytes, int status, const char *says) {
    const size_t n = strlen(header);
    unsigned char *file = calloc(8 + n + data_bytes, 1);
    snnk__safetensors_reader *reader;

    snnk__store_u64_le(file, n);
    memcpy(file + 8, header, n);
    assert_status(snnk__safetensors_open(file, 8 + n + data_bytes, &ours, &reader), status);
    assert_says(says);
    free(file);
}

#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define A4 "\"a\":" TENSOR("\"F32\"", "[1]", "[0,4]")

static void headers_refused(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        int status;
        const char *says;
    } cases[] = {
        {"", 0, SNNK_E_FORMAT, "does not begin with {"},
        {" {}", 0, SNNK_E_FORMAT, "does not begin with {"},
        {"[]", 0, SNNK_E_FORMAT, "does not begin with {"},
        {"{", 0, SNNK_E_FORMAT, "not JSON"},
        {"{} {}", 0, SNNK_E_FORMAT, "text after its JSON object"},
        {"{}\n", 0, SNNK_E_FORMAT, "text after its JSON object"},
        {"{}", 1, SNNK_E_TRUNCATED, "describes 0 bytes of tensors, but the file has 1"},
        {"{\"a\xff\":1}", 0, SNNK_E_FORMAT, "not UTF-8"},
        {"{\"a\xc0\x80\":1}", 0, SNNK_E_FORMAT, "not UTF-8"},
        {"{\"a\x01\":1}", 0, SNNK_E_FORMAT, "control character"},
        {"{\"a\\u0000b\":1}", 0, SNNK_E_FORMAT, "escaped NUL"},
        {"{\"__metadata__\":[]}", 0, SNNK_E_FORMAT, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":1}}", 0, SNNK_E_FORMAT, "metadata \"k\" is not a string"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, SNNK_E_FORMAT, "\"k\" occurs twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, SNNK_E_FORMAT, "twice"},
        {"{" A4 "," A4 "}", 4, SNNK_E_FORMAT, "begins at byte 0 instead of 4"},
        {"{" A4 ",\"a\":" TENSOR("\"F32\"", "[1]", "[4,8]") "}", 8, SNNK_E_FORMAT, "occurs twice"},
        {"{\"a\":" TENSOR("\"F32\"", "[0]", "[0,0]") ",\"a\":" TENSOR("\"F32\"", "[0]",
                                                                      "[0,0]") "}",
         0, SNNK_E_FORMAT, "occurs twice"},
        {"{\"a\":5}", 0, SNNK_E_FORMAT, "and nothing else"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, SNNK_E_FORMAT, "and nothing else"},
        {"{\"a\":" TENSOR("7", "[1]", "[0,4]") "}", 4, SNNK_E_FORMAT,
         "the dtype of tensor \"a\" is not a string"},
        {"{\"a\":" TENSOR("\"F32\"", "1", "[0,4]") "}", 4, SNNK_E_FORMAT, "and nothing else"},
        {"{\"a\":" TENSOR("\"F32\"", "[1.5]", "[0,6]") "}", 6, SNNK_E_FORMAT,
         "not a non-negative integer"},
        {"{\"a\":" TENSOR("\"F32\"", "[-1]", "[0,4]") "}", 4, SNNK_E_FORMAT,
         "not a non-negative integer"},
        {"{\"a\":" TENSOR("\"F32\"", "[\"1\"]", "[0,4]") "}", 4, SNNK_E_FORMAT,
         "not a non-negative integer"},
        {"{\"a\":" TENSOR("\"F32\"", "[9007199254740994]", "[0,4]") "}", 4, SNNK_E_FORMAT,
         "not a non-negative integer"},
        {"{\"a\":" TENSOR("\"F32\"", "[4294967296,4294967296]", "[0,0]") "}", 0, SNNK_E_FORMAT,
         "overflows size_t"},
        {"{\"a\":" TENSOR("\"F32\"", "[1]", "[4,0]") "}", 4, SNNK_E_FORMAT,
         "not a pair of offsets"},
        {"{\"a\":" TENSOR("\"F32\"", "[1]", "[0,4,8]") "}", 4, SNNK_E_FORMAT,
         "not a pair of offsets"},
        {"{\"a\":" TENSOR("\"F32\"", "[1]", "[0.5,4.5]") "}", 4, SNNK_E_FORMAT,
         "not a pair of offsets"},
        {"{\"a\":" TENSOR("\"F32\"", "[2]", "[0,4]") "}", 4, SNNK_E_FORMAT,
         "has 4 bytes, but its shape needs 8"},
        {"{\"a\":" TENSOR("\"F32\"", "[1]", "[0,8]") "}", 8, SNNK_E_FORMAT,
         "has 8 bytes, but its shape needs 4"},
        {"{\"a\":" TENSOR("\"F32\"", "[1]", "[4,8]") "}", 8, SNNK_E_FORMAT,
         "begins at byte 4 instead of 0"},
        {"{" A4 ",\"b\":" TENSOR("\"F32\"", "[1]", "[2,6]") "}", 6, SNNK_E_FORMAT,
         "begins at byte 2 instead of 4"},
        {"{" A4 "}", 3, SNNK_E_TRUNCATED, "describes 4 bytes of tensors, but the file has 3"},
        {"{" A4 "}", 5, SNNK_E_TRUNCATED, "describes 4 bytes of tensors, but the file has 5"},
    };
    unsigned char file[16] = {0};
    snnk__safetensors_reader *reader;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_header(cases[i].header, cases[i].data_bytes, cases[i].status, cases[i].says);
    snnk__store_u64_le(file, 9);
    assert_status(snnk__safetensors_open(file, 16, &ours, &reader), SNNK_E_TRUNCATED);
    assert_says("should have 9 bytes, but only 8 are left");
    snnk__store_u64_le(file, 100000001);
    assert_status(snnk__safetensors_open(file, 16, &ours, &reader), SNNK_E_FORMAT);
    snnk__store_u64_le(file, UINT64_MAX);
    assert_status(snnk__safetensors_open(file, 16, &ours, &reader), SNNK_E_FORMAT);
}

/* JSON of a million brackets is refused at a depth that the stack can hold. */
static void nesting_is_bounded(void **state) {
    (void)state;
    enum { DEPTH = 1000000 };
    char *header = malloc(DEPTH + 6);

    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', DEPTH);
    header[DEPTH + 5] = '\0';
    refuse_header(header, 0, SNNK_E_FORMAT, "not JSON");
    free(header);
}

/* ---- Writing ---- */

static void count_up(const void *context, size_t first, size_t count, void *out) {
    float *x = out;

    for (size_t k = 0; k < count; k++) x[k] = *(const float *)context + (float)(first + k);
}

static const size_t dims_big[] = {30, 100}, dims_two[] = {2}, dims_scalar[] = {0};
static const double two[] = {0.5, -1e300};
static const unsigned char one_byte[] = {42};
static const float start = 1000;

static void fill(snnk__safetensors_writer *writer, const snnk_allocator *allocator) {
    snnk__safetensors_writer_init(writer, allocator);
    snnk__safetensors_add_text(writer, "z", "line\nquote\" backslash\\ tab\t \xe2\x82\xac");
    snnk__safetensors_add_number(writer, "seed", UINT64_MAX);
    snnk__safetensors_add_tensor(writer, "byte", SNNK__DTYPE_U8, 0, dims_scalar, one_byte);
    snnk__safetensors_add_source(writer, "big", SNNK__DTYPE_F32, 2, dims_big, count_up, &start);
    snnk__safetensors_add_tensor(writer, "two", SNNK__DTYPE_F64, 1, dims_two, two);
    snnk__safetensors_add_tensor(writer, "nothing", SNNK__DTYPE_F64, 1, dims_scalar, NULL);
}

static void writes_what_it_reads(void **state) {
    (void)state;
    static float big[3000];
    snnk__safetensors_writer writer;
    snnk__safetensors_reader *reader;
    size_t bytes, read_bytes;
    double out[2];
    uint64_t seed;

    fill(&writer, &ours);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    unsigned char *memory = malloc(bytes), *file = malloc(bytes + 1);
    assert_ok(snnk__safetensors_write_memory(&writer, memory, bytes));
    assert_ok(snnk__safetensors_write_file(&writer, test_path(&files, "m")));
    snnk__safetensors_writer_free(&writer);
    read_bytes = test_slurp(files.path, file, bytes + 1);
    assert_int_equal(read_bytes, bytes);
    assert_memory_equal(file, memory, bytes);
    /* The data begin at a multiple of 64, and the widest elements come first. */
    assert_int_equal((8 + snnk__load_u64(memory, false)) % 64, 0);
    assert_memory_equal(memory + 8 + snnk__load_u64(memory, false), two, sizeof two);

    /* JSON has no control characters inside strings, although cJSON would accept them. */
    for (size_t i = 8; i < 8 + snnk__load_u64(memory, false); i++) assert_true(memory[i] >= 0x20);

    assert_ok(snnk__safetensors_open(memory, bytes, &ours, &reader));
    assert_ok(snnk__safetensors_verify(reader));
    assert_string_equal(snnk__safetensors_text(reader, "z"),
                        "line\nquote\" backslash\\ tab\t \xe2\x82\xac");
    assert_ok(snnk__safetensors_number(reader, "seed", &seed));
    assert_true(seed == UINT64_MAX);
    assert_ok(snnk__safetensors_read_f32(reader, "big", 2, dims_big, big));
    for (size_t i = 0; i < 3000; i++) assert_close(big[i], 1000.0 + (double)i, 0, 0);
    assert_ok(snnk__safetensors_read_f64(reader, "two", 1, dims_two, out));
    assert_memory_equal(out, two, sizeof two);
    assert_ok(snnk__safetensors_read_f64(reader, "nothing", 1, dims_scalar, out));
    assert_int_equal(snnk__safetensors_tensor_named(reader, "byte")->data[0], 42);
    snnk__safetensors_close(reader);
    free(memory);
    free(file);
}

/* The content of Python's file written by our writer has Python's checksum. */
static void checksum_survives_rewriting(void **state) {
    (void)state;
    const snnk__safetensors_pair *pairs;
    const snnk__safetensors_tensor *tensors;
    snnk__safetensors_reader *reader, *again;
    snnk__safetensors_writer writer;
    unsigned char rewritten[1024];
    size_t n_pairs, n_tensors, bytes;

    assert_ok(snnk__safetensors_open(golden, sizeof golden, &ours, &reader));
    pairs = snnk__safetensors_pairs(reader, &n_pairs);
    tensors = snnk__safetensors_tensors(reader, &n_tensors);
    snnk__safetensors_writer_init(&writer, &ours);
    for (size_t i = n_pairs; i-- > 0;)
        if (strcmp(pairs[i].key, "snnk.checksum") != 0)
            snnk__safetensors_add_text(&writer, pairs[i].key, pairs[i].value);
    for (size_t i = 0; i < n_tensors; i++) {
        /* In the file they may be at any address; the writer needs arrays of the type. */
        static double elements[4][8];

        assert_true(tensors[i].bytes <= sizeof elements[i]);
        memcpy(elements[i], tensors[i].data, tensors[i].bytes);
        snnk__safetensors_add_tensor(&writer, tensors[i].name, tensors[i].dtype, tensors[i].n_dims,
                                     tensors[i].dims, elements[i]);
    }
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    assert_true(bytes <= sizeof rewritten && bytes != sizeof golden);
    assert_ok(snnk__safetensors_write_memory(&writer, rewritten, bytes));
    assert_ok(snnk__safetensors_open(rewritten, bytes, &ours, &again));
    assert_string_equal(snnk__safetensors_text(again, "snnk.checksum"), GOLDEN_CHECKSUM);
    snnk__safetensors_close(again);
    snnk__safetensors_close(reader);
    snnk__safetensors_writer_free(&writer);
}

static void writer_misuse(void **state) {
    (void)state;
    static const size_t huge[] = {SIZE_MAX, 2};
    snnk__safetensors_writer writer;
    unsigned char buffer[8];
    size_t bytes;

    fill(&writer, &ours);
    assert_status(snnk__safetensors_write_memory(&writer, buffer, 8), SNNK_E_SIZE);
    assert_says("bytes = 8, but the file takes");
    assert_status(snnk__safetensors_add_text(&writer, "late", "x"), SNNK_E_INTERNAL);
    snnk__safetensors_writer_free(&writer);
    fill(&writer, &ours);
    assert_status(snnk__safetensors_add_text(&writer, "bad", "\xff"), SNNK_E_RANGE);
    assert_says("\"bad\" is not UTF-8");
    /* The failure is kept. */
    assert_status(snnk__safetensors_written_bytes(&writer, &bytes), SNNK_E_RANGE);
    assert_status(snnk__safetensors_write_file(&writer, test_path(&files, "m")), SNNK_E_RANGE);
    snnk__safetensors_writer_free(&writer);
    fill(&writer, &ours);
    assert_status(snnk__safetensors_add_tensor(&writer, "h", SNNK__DTYPE_U8, 2, huge, buffer),
                  SNNK_E_SIZE);
    snnk__safetensors_writer_free(&writer);
    fill(&writer, &ours);
    snnk__safetensors_add_text(&writer, "z", "again");
    assert_status(snnk__safetensors_written_bytes(&writer, &bytes), SNNK_E_INTERNAL);
    assert_says("metadata \"z\" was added twice");
    snnk__safetensors_writer_free(&writer);
    fill(&writer, &ours);
    snnk__safetensors_add_tensor(&writer, "two", SNNK__DTYPE_F64, 1, dims_two, two);
    assert_status(snnk__safetensors_written_bytes(&writer, &bytes), SNNK_E_INTERNAL);
    assert_says("tensor \"two\" was added twice");
    snnk__safetensors_writer_free(&writer);
    assert_int_equal(test_files_count(&files, 0), 0);
}

static void nonfinite_is_refused(void **state) {
    (void)state;
    const double inf[] = {1, INFINITY};
    const float nan[] = {NAN, 1};
    unsigned char file[512];
    snnk__safetensors_writer writer;
    snnk__safetensors_reader *reader;
    double out[2];
    float out32[2];
    size_t bytes;

    snnk__safetensors_writer_init(&writer, &ours);
    snnk__safetensors_add_tensor(&writer, "inf", SNNK__DTYPE_F64, 1, dims_two, inf);
    snnk__safetensors_add_tensor(&writer, "nan", SNNK__DTYPE_F32, 1, dims_two, nan);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    assert_true(bytes <= sizeof file);
    assert_ok(snnk__safetensors_write_memory(&writer, file, bytes));
    snnk__safetensors_writer_free(&writer);
    assert_ok(snnk__safetensors_open(file, bytes, &ours, &reader));
    assert_status(snnk__safetensors_read_f64(reader, "inf", 1, dims_two, out), SNNK_E_NONFINITE);
    assert_says("inf[0][1]");
    assert_status(snnk__safetensors_read_f32(reader, "nan", 1, dims_two, out32), SNNK_E_NONFINITE);
    assert_says("nan[0][0]");
    snnk__safetensors_close(reader);
}

static void container_without_memory(void **state) {
    (void)state;
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk__safetensors_reader *reader;
    snnk__safetensors_writer writer;
    int status;

    assert_survives_failing_allocations(memory, status, {
        status = snnk__safetensors_open(golden, sizeof golden, &allocator, &reader);
        if (status == SNNK_OK) snnk__safetensors_close(reader);
    });
    assert_survives_failing_allocations(memory, status, {
        fill(&writer, &allocator);
        status = snnk__safetensors_write_file(&writer, test_path(&files, "m"));
        snnk__safetensors_writer_free(&writer);
    });
}

static void failed_writes_keep_the_old(void **state) {
    (void)state;
    snnk__safetensors_writer writer;
    unsigned char old[8];

    fill(&writer, &ours);
    assert_status(snnk__safetensors_write_file(&writer, "/dev/full"), SNNK_E_IO);
    snnk__safetensors_writer_free(&writer);
    test_write(&files, "m", "old", 3);
    fill(&writer, &ours);
    assert_status(snnk__safetensors_add_text(&writer, "bad", "\xff"), SNNK_E_RANGE);
    assert_status(snnk__safetensors_write_file(&writer, test_path(&files, "m")), SNNK_E_RANGE);
    snnk__safetensors_writer_free(&writer);
    assert_int_equal(test_slurp(test_path(&files, "m"), old, sizeof old), 3);
}

/* ---- Models ---- */

/* Open a file with these metadata; a NULL value leaves one out. */
static int open_model(const char *format, const char *kind, int damage) {
    unsigned char file[512];
    snnk__safetensors_writer writer;
    snnk__safetensors_reader *reader;
    size_t bytes;
    int st;

    snnk__safetensors_writer_init(&writer, &ours);
    if (format) snnk__safetensors_add_text(&writer, "snnk.format", format);
    if (kind) snnk__safetensors_add_text(&writer, "snnk.kind", kind);
    snnk__safetensors_add_text(&writer, "snnk.version", "7.8.9");
    snnk__safetensors_add_tensor(&writer, "two", SNNK__DTYPE_F64, 1, dims_two, two);
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    assert_true(bytes <= sizeof file);
    assert_ok(snnk__safetensors_write_memory(&writer, file, bytes));
    snnk__safetensors_writer_free(&writer);
    if (damage) file[bytes - 1] ^= 1;
    st = snnk__model_open(file, bytes, &ours, "network", &reader);
    if (st == SNNK_OK) snnk__safetensors_close(reader);
    return st;
}

static void models_are_distinguished(void **state) {
    (void)state;
    snnk__safetensors_writer writer;
    snnk__safetensors_reader *reader;
    unsigned char file[512];
    static const char plain[] = "\x48\0\0\0\0\0\0\0{\"__metadata__\":{\"snnk.format\":\"1\","
                                "\"snnk.kind\":\"network\"}}              ";
    size_t bytes;

    assert_ok(open_model("1", "network", 0));
    assert_status(open_model("1", "network", 1), SNNK_E_CHECKSUM);
    assert_says("the checksum of the contents is ");
    assert_status(open_model("2", "network", 0), SNNK_E_VERSION);
    assert_says("format 2 (written by libsnnk 7.8.9), but this library reads formats up to 1");
    /* The format is checked first, because a newer one may compute the checksum differently. */
    assert_status(open_model("2", "network", 1), SNNK_E_VERSION);
    assert_status(open_model("0", "network", 0), SNNK_E_FORMAT);
    assert_status(open_model("one", "network", 0), SNNK_E_FORMAT);
    assert_status(open_model("", "network", 0), SNNK_E_FORMAT);
    assert_status(open_model("18446744073709551616", "network", 0), SNNK_E_FORMAT);
    assert_status(open_model(NULL, "network", 0), SNNK_E_FORMAT);
    assert_says("not a model of libsnnk");
    assert_status(open_model("1", "lstsq", 0), SNNK_E_FORMAT);
    assert_says("holds a \"lstsq\", not a \"network\": load it with snnk_lstsq_load");
    assert_status(open_model("1", NULL, 0), SNNK_E_FORMAT);
    assert_int_equal(sizeof plain - 1, 8 + 0x48);
    assert_status(snnk__model_open(plain, sizeof plain - 1, &ours, "network", &reader),
                  SNNK_E_CHECKSUM);
    assert_says("has no checksum");

    snnk__model_begin(&writer, &ours, "network");
    assert_ok(snnk__safetensors_written_bytes(&writer, &bytes));
    assert_true(bytes <= sizeof file);
    assert_ok(snnk__safetensors_write_memory(&writer, file, bytes));
    snnk__safetensors_writer_free(&writer);
    assert_ok(snnk__model_open(file, bytes, &ours, "network", &reader));
    assert_string_equal(snnk__safetensors_text(reader, "snnk.version"), snnk_version());
    snnk__safetensors_close(reader);
}

/* ---- Least-squares statistics ---- */

static const float Phi[] = {0, 2, 1, 4, 2, 0}, Y[] = {0, 3, 6};

/* Loaded statistics continue where the saved ones stopped: the same later rows give the same
 * bits. */
static void lstsq_continues(void **state) {
    (void)state;
    const float more_phi[] = {0.1f, 0.7f, -3, 0.3f}, more_y[] = {0.9f, -1};
    snnk_lstsq *saved, *loaded;
    double B[2][2], b[2][1];
    unsigned char first[2048], second[2048];

    assert_ok(snnk_lstsq_create(2, 1, NULL, &saved));
    assert_ok(snnk_lstsq_add(saved, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    saved->S[1] = NAN; /* above the diagonal is scratch */
    assert_ok(snnk_lstsq_save(saved, test_path(&files, "s")));
    assert_ok(snnk_lstsq_load(files.path, NULL, &loaded));
    assert_close(loaded->S[1], 0, 0, 0);
    assert_close(loaded->S[2], -2, 0, 0); /* by hand, see test_lstsq.c */
    assert_int_equal(snnk_lstsq_rows(loaded), 3);
    assert_int_equal(snnk_lstsq_features(loaded), 2);
    assert_int_equal(snnk_lstsq_targets(loaded), 1);
    assert_ok(snnk_lstsq_add(
        saved, SNNK_ROWS(.n = 2, .X = more_phi, .ldx = 2, .Y = more_y, .ldy = 1), NULL));
    assert_ok(snnk_lstsq_add(
        loaded, SNNK_ROWS(.n = 2, .X = more_phi, .ldx = 2, .Y = more_y, .ldy = 1), NULL));
    assert_ok(snnk_lstsq_solve(saved, NULL, NULL, B[0], 2, b[0], NULL));
    assert_ok(snnk_lstsq_solve(loaded, NULL, NULL, B[1], 2, b[1], NULL));
    assert_memory_equal(B[0], B[1], sizeof B[0]);
    assert_memory_equal(b[0], b[1], sizeof b[0]);
    /* Saving again gives the same file, byte for byte. */
    assert_ok(snnk_lstsq_save(saved, test_path(&files, "s")));
    const size_t n = test_slurp(files.path, first, sizeof first);
    assert_ok(snnk_lstsq_save(loaded, files.path));
    assert_int_equal(test_slurp(files.path, second, sizeof second), n);
    assert_memory_equal(first, second, n);
    snnk_lstsq_free(saved);
    snnk_lstsq_free(loaded);
}

/* Write statistics by hand, one thing wrong at a time. */
typedef struct crafted {
    size_t m, s_rows, t;
    const char *rows;
    double S[4], C[2], yy;
} crafted;

static int load_crafted(const crafted *c) {
    const double means[] = {1, 2};
    const size_t S[] = {c->s_rows, 2}, C[] = {1, 2};
    snnk__safetensors_writer writer;
    snnk_lstsq *lstsq;
    int st;

    snnk__model_begin(&writer, &ours, SNNK__MODEL_LSTSQ);
    if (c->rows) snnk__safetensors_add_text(&writer, "snnk.rows", c->rows);
    snnk__safetensors_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &c->m, means);
    snnk__safetensors_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &c->t, means);
    snnk__safetensors_add_tensor(&writer, "S", SNNK__DTYPE_F64, 2, S, c->S);
    snnk__safetensors_add_tensor(&writer, "C", SNNK__DTYPE_F64, 2, C, c->C);
    snnk__safetensors_add_tensor(&writer, "yy", SNNK__DTYPE_F64, 1, &c->t, &c->yy);
    assert_ok(snnk__safetensors_write_file(&writer, test_path(&files, "s")));
    snnk__safetensors_writer_free(&writer);
    st = snnk_lstsq_load(files.path, NULL, &lstsq);
    if (st != SNNK_OK) {
        assert_null(lstsq);
        assert_says(files.path);
    }
    snnk_lstsq_free(lstsq);
    return st;
}

static void lstsq_refused(void **state) {
    (void)state;
    const crafted good = {2, 2, 1, "3", {2, 0, -2, 8}, {6, -6}, 18};
    crafted bad;

    assert_ok(load_crafted(&good));
    bad = good, bad.m = 1;
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    bad = good, bad.s_rows = 1;
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    assert_says("tensor \"S\": dimension 0 is 1 instead of 2");
    bad = good, bad.t = 0;
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    assert_says("mean_y");
    bad = good, bad.rows = NULL;
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    assert_says("snnk.rows");
    bad = good, bad.rows = "-3";
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    bad = good, bad.rows = "0";
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    assert_says("there are 0 rows");
    bad = good, bad.S[3] = -8;
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    assert_says("S[1][1] = -8 is negative");
    bad = good, bad.yy = -1;
    assert_status(load_crafted(&bad), SNNK_E_FORMAT);
    bad = good, bad.C[1] = NAN;
    assert_status(load_crafted(&bad), SNNK_E_NONFINITE);
}

/* Format 2 by hand: a factorization, a weight, and its tensors. */
static int load_format_2(const char *factorization, size_t weights, double weight, const char *S,
                         const char *rows) {
    const size_t m = 2, one = 1, mm[] = {2, 2}, tm[] = {1, 2};
    const double x[] = {2, 0, -2, -8}, w[] = {weight, weight};
    snnk__safetensors_writer writer;
    snnk_lstsq *lstsq;
    int st;

    snnk__model_begin_format(&writer, &ours, SNNK__MODEL_LSTSQ, SNNK__LSTSQ_FORMAT);
    snnk__safetensors_add_text(&writer, "snnk.rows", rows);
    if (factorization) snnk__safetensors_add_text(&writer, "snnk.route", factorization);
    if (weights) snnk__safetensors_add_tensor(&writer, "weight", SNNK__DTYPE_F64, 1, &weights, w);
    snnk__safetensors_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &m, x);
    snnk__safetensors_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &one, x);
    snnk__safetensors_add_tensor(&writer, S, SNNK__DTYPE_F64, 2, mm, x);
    snnk__safetensors_add_tensor(&writer, "Z", SNNK__DTYPE_F64, 2, tm, x);
    snnk__safetensors_add_tensor(&writer, "rest", SNNK__DTYPE_F64, 1, &one, x);
    assert_ok(snnk__safetensors_write_file(&writer, test_path(&files, "s")));
    snnk__safetensors_writer_free(&writer);
    st = snnk_lstsq_load(files.path, NULL, &lstsq);
    snnk_lstsq_free(lstsq);
    return st;
}

/* The diagonal of a factor may be negative. */
static void lstsq_format_2(void **state) {
    (void)state;
    assert_ok(load_format_2("qr", 1, 2.5, "L", "3"));
    assert_ok(load_format_2("auto", 1, 2.5, "L", "3"));
    assert_status(load_format_2("gram", 1, 2.5, "L", "3"), SNNK_E_FORMAT);
    assert_status(load_format_2("qr", 1, 2.5, "S", "3"), SNNK_E_FORMAT);
    assert_status(load_format_2("svd", 1, 2.5, "L", "3"), SNNK_E_FORMAT);
    assert_says("snnk.route is \"svd\"");
    assert_status(load_format_2(NULL, 1, 2.5, "L", "3"), SNNK_E_FORMAT);
    assert_status(load_format_2("qr", 0, 2.5, "L", "3"), SNNK_E_FORMAT);
    assert_status(load_format_2("qr", 2, 2.5, "L", "3"), SNNK_E_FORMAT);
    assert_status(load_format_2("qr", 1, 0, "L", "3"), SNNK_E_FORMAT);
    assert_says("3 rows cannot have a total weight of 0");
    assert_status(load_format_2("qr", 1, -1, "L", "3"), SNNK_E_FORMAT);
    assert_status(load_format_2("qr", 1, NAN, "L", "3"), SNNK_E_NONFINITE);
    assert_status(load_format_2("qr", 1, 1, "L", "0"), SNNK_E_FORMAT);
    assert_status(load_format_2("qr", 1, 0, "L", "0"), SNNK_E_FORMAT);
    assert_says("there are 0 rows");
}

/* The bounds on rounding errors, written by hand: one thing wrong at a time. */
typedef struct crafted_rounding {
    const char *fast, *max_rows, *rows;
    size_t weights, features, targets;
    double weight, phi, y;
} crafted_rounding;

static int load_rounding(const crafted_rounding *c) {
    const size_t m = 2, one = 1, mm[] = {2, 2}, tm[] = {1, 2};
    const double x[] = {2, 0, -2, 8}, nothing[4] = {0}, weight = strtod(c->rows, NULL);
    const double *sums = weight > 0 ? x : nothing, phi[] = {7, c->phi}, y[] = {c->y, 7};
    const double weights[] = {c->weight, 7};
    snnk__safetensors_writer writer;
    snnk_lstsq *lstsq;
    int st;

    snnk__model_begin_format(&writer, &ours, SNNK__MODEL_LSTSQ, SNNK__LSTSQ_FORMAT);
    snnk__safetensors_add_text(&writer, "snnk.rows", c->rows);
    snnk__safetensors_add_text(&writer, "snnk.route", "gram");
    if (c->fast) snnk__safetensors_add_text(&writer, "snnk.fast", c->fast);
    if (c->max_rows) snnk__safetensors_add_text(&writer, "snnk.most_rows", c->max_rows);
    snnk__safetensors_add_tensor(&writer, "weight", SNNK__DTYPE_F64, 1, &one, &weight);
    snnk__safetensors_add_tensor(&writer, "mean_phi", SNNK__DTYPE_F64, 1, &m, sums);
    snnk__safetensors_add_tensor(&writer, "mean_y", SNNK__DTYPE_F64, 1, &one, sums);
    snnk__safetensors_add_tensor(&writer, "S", SNNK__DTYPE_F64, 2, mm, sums);
    snnk__safetensors_add_tensor(&writer, "C", SNNK__DTYPE_F64, 2, tm, sums);
    snnk__safetensors_add_tensor(&writer, "yy", SNNK__DTYPE_F64, 1, &one, sums);
    snnk__safetensors_add_tensor(&writer, "most_weight", SNNK__DTYPE_F64, 1, &c->weights, weights);
    snnk__safetensors_add_tensor(&writer, "most_phi", SNNK__DTYPE_F64, 1, &c->features, phi);
    snnk__safetensors_add_tensor(&writer, "most_y", SNNK__DTYPE_F64, 1, &c->targets, y);
    assert_ok(snnk__safetensors_write_file(&writer, test_path(&files, "s")));
    snnk__safetensors_writer_free(&writer);
    st = snnk_lstsq_load(files.path, NULL, &lstsq);
    if (st != SNNK_OK) assert_null(lstsq);
    snnk_lstsq_free(lstsq);
    return st;
}

static void lstsq_rounding(void **state) {
    (void)state;
    const crafted_rounding good = {"true", "9", "3", 1, 2, 1, 9, 8, 5};
    crafted_rounding bad;

    assert_ok(load_rounding(&good));
    bad = good, bad.fast = NULL;
    assert_ok(load_rounding(&bad));
    bad = good, bad.fast = "false";
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    assert_says("snnk.fast is \"false\", but must be true if present");
    bad = good, bad.max_rows = "-9";
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad = good, bad.weights = 2;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad = good, bad.features = 1;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad = good, bad.targets = 2;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad = good, bad.weight = -9;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    assert_says("most_weight[0] = -9 is negative");
    bad = good, bad.phi = -8;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    assert_says("most_phi[1] = -8 is negative");
    bad = good, bad.y = -5;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad = good, bad.y = NAN;
    assert_status(load_rounding(&bad), SNNK_E_NONFINITE);
    bad = good, bad.rows = "0";
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad.fast = NULL;
    assert_status(load_rounding(&bad), SNNK_E_FORMAT);
    bad.max_rows = NULL;
    assert_ok(load_rounding(&bad));
}

static void lstsq_misuse(void **state) {
    (void)state;
    snnk_lstsq *lstsq, *loaded = NULL;
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    int status;

    assert_ok(snnk_lstsq_create(2, 1, NULL, &lstsq));
    assert_status(snnk_lstsq_save(NULL, "x"), SNNK_E_NULL);
    assert_status(snnk_lstsq_save(lstsq, NULL), SNNK_E_NULL);
    assert_status(snnk_lstsq_save(lstsq, "/dev/full"), SNNK_E_IO);
    assert_status(snnk_lstsq_load(NULL, NULL, &loaded), SNNK_E_NULL);
    assert_status(snnk_lstsq_load("x", NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_lstsq_load(test_path(&files, "absent"), NULL, &loaded), SNNK_E_IO);
    assert_status(snnk_lstsq_load(test_write(&files, "empty", "", 0), NULL, &loaded),
                  SNNK_E_TRUNCATED);
    /* Without rows it can be saved, and loading fails cleanly at every allocation. */
    assert_ok(snnk_lstsq_save(lstsq, test_path(&files, "s")));
    assert_survives_failing_allocations(memory, status, {
        status = snnk_lstsq_load(files.path, &allocator, &loaded);
        assert_made(status, loaded);
        snnk_lstsq_free(loaded);
    });
    snnk_lstsq_free(lstsq);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(golden_reads),
        TEST(finding_checks_type_and_shape),
        TEST(golden_damaged),
        TEST(headers_refused),
        TEST(nesting_is_bounded),
        TEST(writes_what_it_reads),
        TEST(checksum_survives_rewriting),
        TEST(writer_misuse),
        TEST(nonfinite_is_refused),
        TEST(container_without_memory),
        TEST(failed_writes_keep_the_old),
        TEST(models_are_distinguished),
        TEST(lstsq_continues),
        TEST(lstsq_refused),
        TEST(lstsq_format_2),
        TEST(lstsq_rounding),
        TEST(lstsq_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
