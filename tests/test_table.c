/* src/io: tables of every kind and type from bytes written here by hand, and files with every kind
 * of error. */
#define _XOPEN_SOURCE 700

#include <fcntl.h>
#include <locale.h>

#include "support/alloc.h"
#include "support/files.h"
#include "support/german.h"

#include "io/csv_scan.h"
#include "io/gzip.h"
#include "io/replacement.h"
#include "io/table.h"

static test_files files;

static int set_up(void **state) {
    (void)state;
    test_files_make(&files);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    setlocale(LC_ALL, "C"); /* a failed test may have left another locale */
    test_files_remove(&files);
    return 0;
}

static snnk_table *open_bytes(const void *bytes, size_t size) {
    snnk_table *table;

    assert_ok(snnk_table_open(test_write(&files, "t", bytes, size), NULL, &table));
    return table;
}

static snnk_table *open_text(const char *text) { return open_bytes(text, strlen(text)); }

static void refuse_bytes(const void *bytes, size_t size, int status, const char *says) {
    snnk_table *table = (snnk_table *)&files;

    assert_status(snnk_table_open(test_write(&files, "t", bytes, size), NULL, &table), status);
    assert_null(table);
    assert_says(says);
    assert_says(files.path);
}

static void refuse_text(const char *text, int status, const char *says) {
    refuse_bytes(text, strlen(text), status, says);
}

/* Open a table, compare rows x columns values, free it. */
static void expect(snnk_table *table, size_t rows, size_t columns, const float *values) {
    float X[64];

    assert_int_equal(snnk_table_rows(table), rows);
    assert_int_equal(snnk_table_columns(table), columns);
    assert_true(rows * columns <= 64);
    assert_ok(snnk_table_read(table, 0, rows, X, columns));
    for (size_t i = 0; i < rows * columns; i++) assert_close(X[i], values[i], 0, 0);
    snnk_table_free(table);
}

#define EXPECT(table, rows, columns, ...)                                                          \
    expect((table), (rows), (columns), (const float[]){__VA_ARGS__})

/* Compare the words of a column, row by row; -1 where the field is missing. */
#define EXPECT_WORDS(table, column, ...)                                                           \
    do {                                                                                           \
        const int32_t expected[] = {__VA_ARGS__};                                                  \
        int32_t words[64];                                                                         \
                                                                                                   \
        assert_int_equal(snnk_table_column_type((table), (column)), SNNK_COLUMN_WORDS);            \
        assert_int_equal(snnk_table_rows(table), sizeof expected / sizeof *expected);              \
        assert_ok(snnk_table_read_words((table), (column), 0, snnk_table_rows(table), words));     \
        assert_memory_equal(words, expected, sizeof expected);                                     \
    } while (0)

/* ---- IDX ---- */

/* 2 x 3 bytes. */
static const unsigned char idx_u8[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};

static void idx_types(void **state) {
    (void)state;
    static const unsigned char i8[] = {0, 0, 9, 1, 0, 0, 0, 2, 0x80, 0x7f};
    static const unsigned char i16[] = {0, 0, 11, 1, 0, 0, 0, 2, 0x80, 0x00, 0x01, 0x02};
    static const unsigned char i32[] = {0,    0,    12,   1,    0, 0, 0, 2,
                                        0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0};
    /* 1.5f = 0x3fc00000, -2.0 = 0xc000000000000000 */
    static const unsigned char f32[] = {0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0};
    static const unsigned char f64[] = {0, 0, 14, 1, 0, 0, 0, 1, 0xc0, 0, 0, 0, 0, 0, 0, 0};

    EXPECT(open_bytes(idx_u8, sizeof idx_u8), 2, 3, 1, 2, 3, 4, 5, 255);
    EXPECT(open_bytes(i8, sizeof i8), 2, 1, -128, 127);
    EXPECT(open_bytes(i16, sizeof i16), 2, 1, -32768, 258);
    EXPECT(open_bytes(i32, sizeof i32), 2, 1, -2, 65536);
    EXPECT(open_bytes(f32, sizeof f32), 1, 1, 1.5f);
    EXPECT(open_bytes(f64, sizeof f64), 1, 1, -2);
}

static void idx_shapes(void **state) {
    (void)state;
    static const unsigned char cube[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0,
                                         0, 1, 0, 0, 0, 2, 9, 8, 7, 6};
    static const unsigned char no_rows[] = {0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 3};
    static const unsigned char wide[] = {0, 0, 8, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    static const unsigned char no_columns[] = {0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 0};
    static const unsigned char no_dims[] = {0, 0, 8, 0, 1};
    snnk_table *table;

    EXPECT(open_bytes(cube, sizeof cube), 2, 2, 9, 8, 7, 6);
    table = open_bytes(no_rows, sizeof no_rows);
    assert_int_equal(snnk_table_rows(table), 0);
    assert_int_equal(snnk_table_columns(table), 3);
    assert_ok(snnk_table_read(table, 0, 0, NULL, 3));
    snnk_table_free(table);
    refuse_bytes(wide, sizeof wide, SNNK_E_FORMAT, "0 rows of 4294967295 columns");
    refuse_bytes(no_columns, sizeof no_columns, SNNK_E_FORMAT, "with 0 columns");
    refuse_bytes(no_dims, sizeof no_dims, SNNK_E_FORMAT, "without dimensions");
}

static void idx_false_headers(void **state) {
    (void)state;
    unsigned char bytes[32];
    unsigned char huge[4 + 4 * 4];

    memcpy(bytes, idx_u8, sizeof idx_u8);
    refuse_bytes(bytes, sizeof idx_u8 - 1, SNNK_E_TRUNCATED,
                 "describes 6 bytes of data, but the file "
                 "has 5");
    bytes[sizeof idx_u8] = 0;
    refuse_bytes(bytes, sizeof idx_u8 + 1, SNNK_E_TRUNCATED,
                 "describes 6 bytes of data, but the file "
                 "has 7");
    bytes[7] = 200;
    refuse_bytes(bytes, sizeof idx_u8, SNNK_E_TRUNCATED, "describes 600 bytes of data");
    bytes[2] = 10;
    refuse_bytes(bytes, sizeof idx_u8, SNNK_E_FORMAT, "type 0x0a");
    bytes[1] = 1;
    refuse_bytes(bytes, sizeof idx_u8, SNNK_E_FORMAT, "0x0001");
    /* (2^32 - 1)^4 does not fit 64 bits. */
    memset(huge, 0xff, sizeof huge);
    memcpy(huge, "\0\0\x08\x04", 4);
    refuse_bytes(huge, sizeof huge, SNNK_E_TRUNCATED, "more than");
    refuse_bytes(huge, 9, SNNK_E_TRUNCATED, "4 dimensions take 16 bytes, but only 5 are left");
}

/* ---- .npy ---- */

/* Write a file of version `major`, with this dictionary and these data; returns its size. */
static size_t make_npy(unsigned char *out, int major, const char *dictionary, const void *data,
                       size_t data_bytes) {
    const size_t n = strlen(dictionary), length_bytes = major == 1 ? 2 : 4;

    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)major;
    memset(out + 7, 0, 5);
    out[8] = (unsigned char)n;
    memcpy(out + 8 + length_bytes, dictionary, n);
    if (data_bytes > 0) memcpy(out + 8 + length_bytes + n, data, data_bytes);
    return 8 + length_bytes + n + data_bytes;
}

static snnk_table *open_npy(int major, const char *dictionary, const void *data, size_t bytes) {
    unsigned char file[512];

    return open_bytes(file, make_npy(file, major, dictionary, data, bytes));
}

static void refuse_npy(const char *dictionary, const void *data, size_t bytes, int status,
                       const char *says) {
    unsigned char file[512];

    refuse_bytes(file, make_npy(file, 1, dictionary, data, bytes), status, says);
}

static void npy_types(void **state) {
    (void)state;
    static const struct {
        const char *descr;
        unsigned char bytes[16]; /* two elements, little-endian */
        size_t width;
        float values[2];
    } cases[] = {
        {"|b1", {0, 7}, 1, {0, 1}},
        {"|u1", {200, 1}, 1, {200, 1}},
        {"<i1", {0x80, 1}, 1, {-128, 1}},
        {"<u2", {0x34, 0x12, 0xff, 0xff}, 2, {4660, 65535}},
        {"<i2", {0xfe, 0xff, 1, 0}, 2, {-2, 1}},
        /* 2^32 - 1 and 2^24 + 1 are between floats: rounded to nearest, ties to even. */
        {"<u4", {0xff, 0xff, 0xff, 0xff, 1, 0, 0, 1}, 4, {4294967296.0f, 16777216.0f}},
        {"<i4", {0, 0, 0, 0x80, 3, 0, 0, 0}, 4, {-2147483648.0f, 3}},
        {"<u8",
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 5},
         8,
         {18446744073709551616.0f, 5}},
        {"<i8",
         {0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
         8,
         {-9223372036854775808.0f, -1}},
        /* 0x3c00 = 1, 0xc080 = -(1 + 128/1024) * 2; big-endian too */
        {"<f2", {0x00, 0x3c, 0x80, 0xc0}, 2, {1, -2.25f}},
        {">f2", {0x3c, 0x00, 0xc0, 0x80}, 2, {1, -2.25f}},
        {">u2", {0x12, 0x34, 0xff, 0xff}, 2, {4660, 65535}},
        {">i4", {0x80, 0, 0, 0, 0, 0, 0, 3}, 4, {-2147483648.0f, 3}},
        {">i8",
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 1, 0},
         8,
         {-1, 256}},
        {">f4", {0x3f, 0x80, 0, 0, 0xc0, 0x49, 0, 0}, 4, {1, -3.140625f}},
        {">f8", {0xc0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, 8, {-2, 1.5f}},
        {"<f4", {0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0xff}, 4, {1.5f, -INFINITY}},
        /* 0.1 = 0x3fb999999999999a; 1e300 overflows float. */
        {"<f8",
         {0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, 0x9c, 0x75, 0x00, 0x88, 0x3c, 0xe4, 0x37,
          0x7e},
         8,
         {0.1f, INFINITY}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char dictionary[128];

        snprintf(dictionary, sizeof dictionary,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n", cases[i].descr);
        expect(open_npy(1, dictionary, cases[i].bytes, 2 * cases[i].width), 2, 1, cases[i].values);
    }
}

static void npy_versions_and_shapes(void **state) {
    (void)state;
    static const unsigned char six[] = {1, 2, 3, 4, 5, 6};
    snnk_table *table;

    for (int major = 1; major <= 3; major++)
        EXPECT(open_npy(major, "{'descr':'|u1','fortran_order':False,'shape':(2,3)}", six, 6), 2, 3,
               1, 2, 3, 4, 5, 6);
    EXPECT(open_npy(1, "{\"shape\": (3, 1, 2), \"descr\": \"|u1\", \"fortran_order\": False}  \n",
                    six, 6),
           3, 2, 1, 2, 3, 4, 5, 6);
    /* With one dimension, both orders are the same. */
    EXPECT(open_npy(1, "{'descr':'|u1','fortran_order':True,'shape':(6,)}", six, 6), 6, 1, 1, 2, 3,
           4, 5, 6);
    table = open_npy(1, "{'descr':'<f8','fortran_order':False,'shape':(0, 7)}", NULL, 0);
    assert_int_equal(snnk_table_rows(table), 0);
    assert_int_equal(snnk_table_columns(table), 7);
    assert_null(snnk_table_column_name(table, 0));
    assert_int_equal(snnk_table_words(table, 0), 0);
    snnk_table_free(table);
}

/* Column by column: 1 ... 6 as 2 x 3 have the rows 1, 3, 5 and 2, 4, 6. Of 2 x 2 x 3 numbers,
 * element (i, j, k) is number i + 2 j + 4 k, and column 3 j + k. */
static void npy_fortran_order(void **state) {
    (void)state;
    static const double six[] = {1, 2, 3, 4, 5, 6};
    static const unsigned char twelve[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const size_t columns[] = {4, 0};
    snnk_table *table;
    double X[4];

    EXPECT(open_npy(1, "{'descr':'<f8','fortran_order':True,'shape':(2,3,), }", six, sizeof six), 2,
           3, 1, 3, 5, 2, 4, 6);
    EXPECT(open_npy(1, "{'descr':'|u1','fortran_order':True,'shape':(2,2,3)}", twelve, 12), 2, 6, 0,
           4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11);
    table = open_npy(1, "{'descr':'|u1','fortran_order':True,'shape':(2,2,3)}", twelve, 12);
    assert_int_equal(snnk_table_dims(table), 3);
    assert_int_equal(snnk_table_dim(table, 0), 2);
    assert_int_equal(snnk_table_dim(table, 1), 2);
    assert_int_equal(snnk_table_dim(table, 2), 3);
    assert_int_equal(snnk_table_dim(table, 3), 0);
    assert_ok(snnk_table_read_columns(table, 0, 2, 2, columns, X, 2));
    assert_memory_equal(X, ((const double[]){6, 0, 7, 1}), sizeof X);
    assert_ok(snnk_table_read_columns(table, 1, 1, 2, columns, X, 2));
    assert_memory_equal(X, ((const double[]){7, 1}), 2 * sizeof *X);
    snnk_table_free(table);
}

static void type_names(void **state) {
    (void)state;
    static const unsigned char zeros[8] = {0};
    static const struct {
        const char *descr, *type;
        size_t bytes;
    } cases[] = {{"|b1", "BOOL", 1}, {"|u1", "U8", 1},  {"|i1", "I8", 1},  {"<u2", "U16", 2},
                 {">i2", "I16", 2},  {"<u4", "U32", 4}, {"<i4", "I32", 4}, {"<u8", "U64", 8},
                 {"<i8", "I64", 8},  {"<f2", "F16", 2}, {">f4", "F32", 4}, {"<f8", "F64", 8}};
    char dictionary[80];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(dictionary, sizeof dictionary, "{'descr':'%s','fortran_order':False,'shape':(1,)}",
                 cases[i].descr);
        snnk_table *table = open_npy(1, dictionary, zeros, cases[i].bytes);

        assert_string_equal(snnk_table_type(table), cases[i].type);
        snnk_table_free(table);
    }
    assert_null(snnk_table_type(NULL));
}

/* More rows than are read at once: column j of 1500 x 3 has 1500 j ... 1500 j + 1499. */
static void npy_fortran_is_long(void **state) {
    (void)state;
    enum { ROWS = 1500, HEADER = 74 };
    static const char dictionary[] =
        "{'descr': '>u2', 'fortran_order': True, 'shape': (1500, 3)}     ";
    static unsigned char file[HEADER + 2 * 3 * ROWS];
    static float x[ROWS * 4];
    static double y[ROWS * 4];

    assert_int_equal(make_npy(file, 1, dictionary, NULL, 0), HEADER);
    for (size_t i = 0; i < 3 * ROWS; i++) {
        file[HEADER + 2 * i] = (unsigned char)(i >> 8);
        file[HEADER + 2 * i + 1] = (unsigned char)i;
    }
    snnk_table *table = open_bytes(file, sizeof file);
    assert_ok(snnk_table_read(table, 1, ROWS - 2, x, 4));
    assert_ok(snnk_table_read_f64(table, 1, ROWS - 2, y, 4));
    for (size_t i = 0; i < ROWS - 2; i++)
        for (size_t j = 0; j < 3; j++) {
            assert_true(x[4 * i + j] == (float)(ROWS * j + i + 1));
            assert_true(y[4 * i + j] == (double)(ROWS * j + i + 1));
        }
    assert_true(x[3] == 0 && y[3] == 0);
    snnk_table_free(table);
}

/* Numbers that float cannot hold are exact in double. */
static void npy_doubles(void **state) {
    (void)state;
    static const double two[] = {1700000001, 0.1};
    static const int64_t large[] = {9007199254740991, -16777217};
    snnk_table *table = open_npy(1, "{'descr':'<f8','fortran_order':False,'shape':(1,2)}", two, 16);
    double X[2];

    assert_ok(snnk_table_read_f64(table, 0, 1, X, 2));
    assert_memory_equal(X, two, sizeof X);
    snnk_table_free(table);
    table = open_npy(1, "{'descr':'<i8','fortran_order':False,'shape':(2,)}", large, 16);
    assert_ok(snnk_table_read_f64(table, 0, 2, X, 1));
    assert_true(X[0] == 9007199254740991.0 && X[1] == -16777217.0);
    snnk_table_free(table);
}

static void npy_refused(void **state) {
    (void)state;
    static const unsigned char six[] = {1, 2, 3, 4, 5, 6};
    static const struct {
        const char *dictionary;
        int status;
        const char *says;
    } cases[] = {
        {"{'descr':'|u1','fortran_order':0,'shape':(2,3)}", SNNK_E_FORMAT, "neither True nor"},
        {"{'descr':'=u2','fortran_order':False,'shape':(3,)}", SNNK_E_FORMAT, "'=u2'"},
        {"{'descr':'<f3','fortran_order':False,'shape':(3,)}", SNNK_E_FORMAT, "'<f3'"},
        {"{'descr':'<c8','fortran_order':False,'shape':(3,)}", SNNK_E_FORMAT, "'<c8'"},
        {"{'descr':'|O','fortran_order':False,'shape':(3,)}", SNNK_E_FORMAT, "'|O'"},
        {"{'descr':[('a','<f4')],'fortran_order':False,'shape':(3,)}", SNNK_E_FORMAT, "structured"},
        {"{'descr':'|u1','fortran_order':False,'shape':()}", SNNK_E_FORMAT, "without dimensions"},
        {"{'descr':'|u1','fortran_order':False,'shape':(6,0)}", SNNK_E_FORMAT, "with 0 columns"},
        {"{'descr':'|u1','fortran_order':False,'shape':(-6,)}", SNNK_E_FORMAT,
         "tuple of non-negative integers"},
        {"{'descr':'|u1','fortran_order':False,'shape':(2 3)}", SNNK_E_FORMAT,
         "tuple of non-negative integers"},
        {"{'descr':'|u1','fortran_order':False,'shape':6}", SNNK_E_FORMAT,
         "tuple of non-negative integers"},
        {"{'descr':'|u1','fortran_order':False,'shape':(6,)", SNNK_E_FORMAT, "no comma"},
        {"{'descr':'|u1','fortran_order':False,'shape':(6,)} x", SNNK_E_FORMAT, "text follows"},
        {"{'descr':'|u1','fortran_order':False}", SNNK_E_FORMAT, "is missing from the .npy header"},
        {"{'descr':'|u1','descr':'|u1','shape':(6,)}", SNNK_E_FORMAT, "twice"},
        {"{'order':'C'}", SNNK_E_FORMAT, "'order'"},
        {"{}", SNNK_E_FORMAT, "is missing from the .npy header"},
        {"[]", SNNK_E_FORMAT, "not a dictionary"},
        {"{6: 7}", SNNK_E_FORMAT, "is not a string"},
        {"{'descr':'|u1','fortran_order':False,'shape':(7,)}", SNNK_E_TRUNCATED,
         "describes 7 bytes of data, but the file has 6"},
        {"{'descr':'|u1','fortran_order':False,'shape':(5,)}", SNNK_E_TRUNCATED,
         "describes 5 bytes of data, but the file has 6"},
        {"{'descr':'<f8','fortran_order':False,'shape':(4294967296,4294967296)}", SNNK_E_TRUNCATED,
         "more than"},
        {"{'descr':'<f8','fortran_order':False,'shape':(18446744073709551615,1)}", SNNK_E_TRUNCATED,
         "more than"},
        {"{'descr':'|u1','fortran_order':False,'shape':(18446744073709551616,)}", SNNK_E_FORMAT,
         "tuple of non-negative integers"},
    };
    unsigned char file[256];
    char many[256] = "{'descr':'|u1','fortran_order':False,'shape':(";
    size_t size;

    for (int i = 0; i < 65; i++) strcat(many, "1,");
    strcat(many, ")}");
    refuse_npy(many, six, 1, SNNK_E_FORMAT, "an array of 65 dimensions: the limit is 64");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_npy(cases[i].dictionary, six, sizeof six, cases[i].status, cases[i].says);
    size = make_npy(file, 4, "{}", six, 6);
    refuse_bytes(file, size, SNNK_E_FORMAT, "version 4.0");
    size = make_npy(file, 1, "{'descr':'|u1','fortran_order':False,'shape':(6,)}", NULL, 0);
    refuse_bytes(file, size - 1, SNNK_E_TRUNCATED, "should have 50 bytes, but only 49 are left");
    file[2] = 'X';
    refuse_bytes(file, size, SNNK_E_FORMAT, "is not a .npy file");
}

/* ---- CSV ---- */

static void csv_numbers(void **state) {
    (void)state;
    snnk_table *table = open_text("a,\"b \"\"c\"\"\",\xc3\xa9\r\n1,-2.5,3e2\r\n+.5, 7 ,\"8.\"\n");

    assert_string_equal(snnk_table_column_name(table, 0), "a");
    assert_string_equal(snnk_table_column_name(table, 1), "b \"c\"");
    assert_string_equal(snnk_table_column_name(table, 2), "\xc3\xa9");
    assert_null(snnk_table_column_name(table, 3));
    for (size_t j = 0; j < 4; j++) {
        assert_int_equal(snnk_table_words(table, j), 0);
        assert_null(snnk_table_word(table, j, 0));
    }
    EXPECT(table, 2, 3, 1, -2.5f, 300, 0.5f, 7, 8);
    /* A byte order mark, no line end at the end, empty lines at the end. */
    EXPECT(open_text("\xef\xbb\xbfx\n1\n2"), 2, 1, 1, 2);
    EXPECT(open_text("x,y\n1,2\n\r\n\n"), 1, 2, 1, 2);
    EXPECT(open_text("x\nNaN\n-inf\n+Infinity\n"), 3, 1, NAN, -INFINITY, INFINITY);
}

static void csv_words(void **state) {
    (void)state;
    snnk_table *table = open_text("kind,n,flag\n"
                                  "red,1,\n"
                                  "\"a, b\",2,no\n"
                                  "red,3,\"say \"\"no\"\"\"\n"
                                  "re,4,no\n");
    static const char *kinds[] = {"a, b", "re", "red"}, *flags[] = {"no", "say \"no\""};

    assert_int_equal(snnk_table_words(table, 0), 3);
    assert_int_equal(snnk_table_words(table, 1), 0);
    assert_int_equal(snnk_table_words(table, 2), 2);
    for (size_t k = 0; k < 3; k++) assert_string_equal(snnk_table_word(table, 0, k), kinds[k]);
    for (size_t k = 0; k < 2; k++) assert_string_equal(snnk_table_word(table, 2, k), flags[k]);
    assert_null(snnk_table_word(table, 0, 3));
    assert_null(snnk_table_word(table, 1, 0));
    assert_null(snnk_table_word(table, 7, 0));
    EXPECT_WORDS(table, 0, 2, 0, 2, 1);
    EXPECT_WORDS(table, 2, -1, 0, 1, 0);
    assert_int_equal(snnk_table_missing(table, 2), 1);
    snnk_table_free(table);

    /* One word anywhere makes a column of words; its numbers are words then. */
    table = open_text("x\n10\n9\nten\n10\n");
    assert_int_equal(snnk_table_words(table, 0), 3);
    assert_string_equal(snnk_table_word(table, 0, 0), "10");
    EXPECT_WORDS(table, 0, 0, 1, 2, 0);
    snnk_table_free(table);
    /* Texts that strtod accepts but a table should not. */
    table = open_text("x,y,z\n0x10,1e,nano\n1,1,1\n");
    for (size_t j = 0; j < 3; j++) assert_int_equal(snnk_table_words(table, j), 2);
    snnk_table_free(table);
    /* Line ends inside quotes belong to the word, and count as lines. */
    table = open_text("x\n\"two\nlines\"\n");
    assert_string_equal(snnk_table_word(table, 0, 0), "two\nlines");
    snnk_table_free(table);
    /* Empty lines inside a table of one column are missing words. */
    table = open_text("x\na\n\nb\n");
    assert_int_equal(snnk_table_words(table, 0), 2);
    EXPECT_WORDS(table, 0, 0, -1, 1);
    snnk_table_free(table);
}

static void csv_header_only(void **state) {
    (void)state;
    static const char *texts[] = {"a,b", "a,b\n", "a,b\r\n", "a,b\n\n\n"};

    for (size_t i = 0; i < 4; i++) {
        snnk_table *table = open_text(texts[i]);

        assert_int_equal(snnk_table_rows(table), 0);
        assert_int_equal(snnk_table_columns(table), 2);
        assert_string_equal(snnk_table_column_name(table, 1), "b");
        assert_ok(snnk_table_read(table, 0, 0, NULL, 2));
        snnk_table_free(table);
    }
}

static void csv_refused(void **state) {
    (void)state;
    refuse_text("a,b\n1,2\n3\n", SNNK_E_RAGGED, "line 3 has 1 fields, but the header has 2");
    refuse_text("a,b\n1,2,3,4\n", SNNK_E_RAGGED, "line 2 has 4 fields, but the header has 2");
    refuse_text("a,b\n\"x\ny\",2\n1,2,\n", SNNK_E_RAGGED,
                "line 4 has 3 fields, but the header has 2");
    refuse_text("a,b\n1,2\n\n1,2\n", SNNK_E_RAGGED, "line 3 is empty: remove it");
    refuse_text("a,b\nx,1,2\n", SNNK_E_RAGGED, "line 2 has 3 fields");
    refuse_text("a,b\n1,\"2\n", SNNK_E_FORMAT,
                "line 2, column 2: a quote is opened but never closed");
    refuse_text("a,b\n1,2\"3\"\n", SNNK_E_FORMAT, "line 2, column 2: a quote inside");
    refuse_text("a,b\n1,\"2\"3\n", SNNK_E_FORMAT, "line 2, column 2: text follows a closing quote");
    refuse_text("a,b\n1,2\r3,4\n", SNNK_E_FORMAT, "line 2: a carriage return");
    refuse_text("\n1\n", SNNK_E_FORMAT, "first line is empty");
    refuse_text("\n", SNNK_E_FORMAT, "first line is empty");
    refuse_text("\xef\xbb\xbf", SNNK_E_FORMAT, "first line is empty");
    refuse_text("", SNNK_E_FORMAT, "is empty");
    refuse_bytes("a,b\n1,\0\n", 8, SNNK_E_FORMAT, "byte 0x00 in line 2, column 2");
    refuse_bytes("a\n\"\x1f\"\n", 6, SNNK_E_FORMAT, "byte 0x1f in line 2, column 1");
}

/* Compared with strtod, which is correctly rounded in glibc: both the fast path for short numbers
 * and the slow path must give its bits. */
static void csv_numbers_are_strtod(void **state) {
    (void)state;
    static const char *texts[] = {"0",
                                  "-0",
                                  "1e22",
                                  "1e23",
                                  "9007199254740993",
                                  "9007199254740992e22",
                                  "123456789012345678901234567890",
                                  "0.1",
                                  "3.14159265358979323846264338327950288",
                                  "4.9e-324",
                                  "1e400",
                                  "1e-400",
                                  "1e99999999999",
                                  "0.000000000000000000000000000000000000000000000001e48",
                                  "2.2250738585072011e-308"};
    uint64_t draw = 12345;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);

    for (size_t i = 0; i < 20000 + sizeof texts / sizeof texts[0]; i++) {
        char text[64];
        double value, expected;

        if (i < sizeof texts / sizeof texts[0]) {
            snprintf(text, sizeof text, "%s", texts[i]);
        } else { /* 1 to 20 digits, a point, an exponent */
            draw = draw * 6364136223846793005u + 1442695040888963407u;
            snprintf(text, sizeof text, "%s%llu.%llue%d", draw >> 63 ? "-" : "",
                     (unsigned long long)(draw >> (draw >> 58)),
                     (unsigned long long)(draw >> 20 & 0xfff), (int)(draw >> 40 & 63) - 32);
        }
        expected = strtod(text, NULL);
        assert_true(snnk__csv_number((snnk__csv_field){(unsigned char *)text, strlen(text), false},
                                     '.', c_locale, &value));
        assert_memory_equal(&value, &expected, sizeof value);
    }
    freelocale(c_locale);
}

/* If the machine has a locale with a decimal comma, it has no effect, and it stays set. */
static void csv_ignores_the_locale(void **state) {
    (void)state;
    if (!test_use_german()) skip();
    EXPECT(open_text("x\n1.5\n0.12345678901234567890\n"), 2, 1, 1.5f, 0.12345679f);
    assert_string_equal(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
}

/* ---- gzip ---- */

/* idx_u8 through `gzip -n -9`. */
static const unsigned char idx_gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                       0x03, 0x63, 0x60, 0xe0, 0x60, 0x62, 0x60, 0x60, 0x00,
                                       0x61, 0x66, 0x46, 0x26, 0x66, 0x16, 0xd6, 0xff, 0x00,
                                       0xf0, 0xde, 0x5f, 0x21, 0x12, 0x00, 0x00, 0x00};

static void gzip_opens(void **state) {
    (void)state;
    unsigned char twice[2 * sizeof idx_gz];

    EXPECT(open_bytes(idx_gz, sizeof idx_gz), 2, 3, 1, 2, 3, 4, 5, 255);
    /* Two members form one file, which is longer than its header says. */
    memcpy(twice, idx_gz, sizeof idx_gz);
    memcpy(twice + sizeof idx_gz, idx_gz, sizeof idx_gz);
    refuse_bytes(twice, sizeof twice, SNNK_E_TRUNCATED,
                 "describes 6 bytes of data, but the file has "
                 "24");
}

/* "x\n1\n" and "2\n" through `gzip -n`, one after the other: a table of two rows. Zero bytes may
 * follow, but nothing else. */
static void gzip_members(void **state) {
    (void)state;
    static const unsigned char a[] = {0x1f, 0x8b, 8, 0, 0,    0,    0,    0,    0, 3, 0xab, 0xe0,
                                      0x32, 0xe4, 2, 0, 0x15, 0x3c, 0xd0, 0xa4, 4, 0, 0,    0};
    static const unsigned char b[] = {0x1f, 0x8b, 8, 0,    0,    0,    0,    0, 0, 3, 0x33,
                                      0xe2, 2,    0, 0x90, 0xaf, 0x7c, 0x4c, 2, 0, 0, 0};
    unsigned char file[sizeof a + sizeof b + 4] = {0};
    const size_t both = sizeof a + sizeof b;

    memcpy(file, a, sizeof a);
    memcpy(file + sizeof a, b, sizeof b);
    EXPECT(open_bytes(file, both), 2, 1, 1, 2);
    EXPECT(open_bytes(file, both + 3), 2, 1, 1, 2);
    file[both + 3] = 7;
    refuse_bytes(file, both + 4, SNNK_E_TRUNCATED, "4 unexpected bytes follow");
    memset(file + both, 'x', 3);
    refuse_bytes(file, both + 3, SNNK_E_TRUNCATED, "3 unexpected bytes follow");
}

static void gzip_refused(void **state) {
    (void)state;
    unsigned char bytes[sizeof idx_gz + 1];

    for (size_t size = 2; size < sizeof idx_gz; size++)
        refuse_bytes(idx_gz, size, SNNK_E_TRUNCATED, "gzip data ends too early");
    memcpy(bytes, idx_gz, sizeof idx_gz);
    bytes[sizeof idx_gz] = 'x';
    refuse_bytes(bytes, sizeof bytes, SNNK_E_TRUNCATED, "1 unexpected bytes follow");
    bytes[sizeof idx_gz - 8] ^= 1; /* the checksum */
    refuse_bytes(bytes, sizeof idx_gz, SNNK_E_FORMAT, "damaged gzip data: incorrect data check");
}

/* 100 MB of one value in 100 kB: more than 64 MiB, and more than 200 times its size. */
static void gzip_bomb(void **state) {
    (void)state;
    FILE *pipe = popen("head -c 100000000 /dev/zero | gzip -c", "r");
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    static unsigned char bomb[1 << 20];
    unsigned char *data;
    size_t size, n;

    assert_non_null(pipe);
    n = fread(bomb, 1, sizeof bomb, pipe);
    assert_int_equal(pclose(pipe), 0);
    assert_in_range(n, 90000, 110000);
    assert_status(snnk__gunzip(bomb, n, &allocator, &data, &size), SNNK_E_SIZE);
    assert_says("67108864");
    assert_int_equal(memory.alive, 0);
}

/* ---- Files of any format ---- */

static const char european[] = "\xef\xbb\xbf\"x\";y;z;\n1,5;NA;\"a;b\";\n-2e3;;c;\n";
static const char nameless[] = "1\t2.5\tred\n4\t\tblue\n";
static const char csv_text[] = "a,\"b\"\"\",c\n1,x,\"y\n\"\"\"\n2.5,\"x\",\n";

/* Read all columns, each by its type. */
static void read_all(const snnk_table *table) {
    double X[64];
    int32_t words[64];
    const size_t rows = snnk_table_rows(table);

    for (size_t j = 0; j < snnk_table_columns(table); j++)
        if (snnk_table_column_type(table, j) == SNNK_COLUMN_WORDS)
            assert_ok(snnk_table_read_words(table, j, 0, rows, words));
        else
            assert_ok(snnk_table_read_columns(table, 0, rows, 1, &j, X, 1));
}

/* Truncated anywhere, and with any bit flipped, a file gives a status or a table. Truncated arrays
 * are always refused. Compressed or not, in memory of exactly that size, which asan guards. */
static void damaged(const void *bytes, size_t size, int cut_is_refused) {
    snnk_table *table;
    for (size_t cut = 0; cut <= size + 8 * size; cut++) {
        const size_t n = cut < size ? cut : size;
        unsigned char *copy = malloc(n + (n == 0));
        int st;

        memcpy(copy, bytes, n);
        if (cut > size) copy[(cut - size - 1) / 8] ^= (unsigned char)(1 << (cut - size - 1) % 8);
        st = snnk__table_parse(copy, n, NULL, &table);
        if (cut < size && cut_is_refused) assert_int_not_equal(st, SNNK_OK);
        if (st == SNNK_OK) {
            assert_true(snnk_table_rows(table) * snnk_table_columns(table) <= 64);
            read_all(table);
            snnk_table_free(table);
        } else {
            assert_in_range(-st, -SNNK_E_FORMAT, -SNNK_E_RAGGED);
        }
        free(copy);
    }
}

static void damaged_files(void **state) {
    (void)state;
    static const unsigned char six[] = {1, 2, 3, 4, 5, 6};
    unsigned char npy[128];
    size_t size =
        make_npy(npy, 2, "{'descr':'|u1','fortran_order':False,'shape':(2, 3, ), }\n", six, 6);

    damaged(idx_u8, sizeof idx_u8, 1);
    damaged(npy, size, 1);
    size = make_npy(npy, 1, "{'descr':'>u2','fortran_order':True,'shape':(1, 1, 3)}", six, 6);
    damaged(npy, size, 1);
    damaged(european, sizeof european - 1, 0);
    damaged(nameless, sizeof nameless - 1, 0);
    damaged(csv_text, sizeof csv_text - 1, 0);
}

static void failing_allocations(void **state) {
    (void)state;
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_table_config config;
    snnk_table *table;
    int status;

    assert_ok(snnk_table_config_init(&config, sizeof config));
    config.allocator = &allocator;
    test_write(&files, "t", csv_text, sizeof csv_text - 1);
    assert_survives_failing_allocations(memory, status, {
        status = snnk_table_open(files.path, &config, &table);
        assert_made(status, table);
        snnk_table_free(table);
    });
    assert_true(memory.calls > 5); /* the allocator was used */
    test_write(&files, "t", idx_gz, sizeof idx_gz);
    assert_survives_failing_allocations(memory, status, {
        status = snnk_table_open(files.path, &config, &table);
        assert_made(status, table);
        snnk_table_free(table);
    });
}

static void misuse(void **state) {
    (void)state;
    snnk_table *table = open_bytes(idx_u8, sizeof idx_u8), *none;
    const snnk_allocator broken = {0};
    snnk_table_config config;
    float X[9] = {7, 7, 7, 7, 7, 7, 7, 7, 7};

    assert_status(snnk_table_read(NULL, 0, 1, X, 3), SNNK_E_NULL);
    assert_status(snnk_table_read(table, 0, 1, NULL, 3), SNNK_E_NULL);
    assert_says("X");
    assert_status(snnk_table_read(table, 1, 2, X, 3), SNNK_E_RANGE);
    assert_says("first = 1 and n = 2, but the table has 2 rows");
    assert_status(snnk_table_read(table, SIZE_MAX, 2, X, 3), SNNK_E_RANGE);
    assert_status(snnk_table_read(table, 0, 2, X, 2), SNNK_E_STRIDE);
    assert_status(snnk_table_read(table, 0, 2, X, SIZE_MAX), SNNK_E_SIZE);
    for (size_t i = 0; i < 9; i++) assert_close(X[i], 7, 0, 0);
    assert_ok(snnk_table_read(table, 1, 1, X + 1, 4));
    assert_close(X[0], 7, 0, 0);
    assert_close(X[1], 4, 0, 0);
    assert_close(X[3], 255, 0, 0);
    assert_close(X[4], 7, 0, 0);
    snnk_table_free(table);

    assert_status(snnk_table_open(NULL, NULL, &none), SNNK_E_NULL);
    assert_null(none);
    assert_status(snnk_table_open(files.path, NULL, NULL), SNNK_E_NULL);
    assert_ok(snnk_table_config_init(&config, sizeof config));
    config.allocator = &broken;
    assert_status(snnk_table_open(files.path, &config, &none), SNNK_E_NULL);
    assert_status(snnk_table_open(test_path(&files, "absent"), NULL, &none), SNNK_E_IO);
    assert_says("absent: cannot open");
    assert_status(snnk_table_open(files.directory, NULL, &none), SNNK_E_IO);
    assert_says("cannot read");
    snnk_table_free(NULL);
    assert_int_equal(snnk_table_rows(NULL), 0);
    assert_int_equal(snnk_table_columns(NULL), 0);
    assert_null(snnk_table_column_name(NULL, 0));
    assert_int_equal(snnk_table_words(NULL, 0), 0);
    assert_null(snnk_table_word(NULL, 0, 0));
}

/* A pipe has no known length: 200 kB through one. */
static void pipes_are_read(void **state) {
    (void)state;
    const char *path = test_path(&files, "pipe");
    snnk_table *table;

    assert_int_equal(mkfifo(path, 0600), 0);
    char command[1024];
    snprintf(command, sizeof command, "(echo x; yes 1.5 | head -n 50000) > %s &", path);
    assert_int_equal(system(command), 0);
    assert_ok(snnk_table_open(path, NULL, &table));
    assert_int_equal(snnk_table_rows(table), 50000);
    snnk_table_free(table);
}

/* ---- Saving ---- */

static void npy_saves(void **state) {
    (void)state;
    static const float X[] = {1.5f, -2, 99, 0.25f, 4, 99};
    unsigned char bytes[256];
    const char *path = test_path(&files, "out.npy");
    snnk_table *table;

    assert_ok(snnk_table_save_npy(path, 2, 2, X, 3));
    assert_int_equal(test_slurp(path, bytes, sizeof bytes), 128 + 16);
    /* As numpy.lib.format describes it, version 1.0: the header ends in a line feed at a multiple
     * of 64. */
    assert_memory_equal(bytes,
                        "\x93NUMPY\x01\x00\x76\x00"
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), } ",
                        70);
    assert_int_equal(bytes[127], '\n');
    assert_memory_equal(bytes + 128, "\0\0\xc0\x3f\0\0\0\xc0\0\0\x80\x3e\0\0\x80\x40", 16);
    assert_ok(snnk_table_open(path, NULL, &table));
    EXPECT(table, 2, 2, 1.5f, -2, 0.25f, 4);
    assert_ok(snnk_table_save_npy(test_path(&files, "out.npy"), 0, 5, NULL, 5));
    assert_ok(snnk_table_open(files.path, NULL, &table));
    assert_int_equal(snnk_table_rows(table), 0);
    assert_int_equal(snnk_table_columns(table), 5);
    snnk_table_free(table);
    /* Doubles, from rows of stride 2: 1.5 is 0x3ff8 and -2 is 0xc000, followed by zeros. */
    assert_ok(snnk_table_save_npy_f64(path, 2, 1, (double[]){1.5, 99, -2, 99}, 2));
    assert_int_equal(test_slurp(path, bytes, sizeof bytes), 128 + 16);
    assert_memory_equal(bytes + 10, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), } ",
                        60);
    assert_memory_equal(bytes + 128, "\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0", 16);
    assert_status(snnk_table_save_npy_f64(path, 1, 2, (double[]){1, 2}, 1), SNNK_E_STRIDE);
    assert_int_equal(test_files_count(&files, 0), 1); /* no other file is left */
}

static void npy_save_misuse(void **state) {
    (void)state;
    static const float X[] = {1};
    const char *path = test_path(&files, "out.npy");

    assert_status(snnk_table_save_npy(NULL, 1, 1, X, 1), SNNK_E_NULL);
    assert_status(snnk_table_save_npy(path, 1, 1, NULL, 1), SNNK_E_NULL);
    assert_status(snnk_table_save_npy(path, 1, 0, X, 1), SNNK_E_SHAPE);
    assert_status(snnk_table_save_npy(path, 1, 2, X, 1), SNNK_E_STRIDE);
    assert_status(snnk_table_save_npy(path, SIZE_MAX, 2, X, 2), SNNK_E_SIZE);
    assert_int_equal(test_files_count(&files, 0), 0);
}

static mode_t mode_of(const char *path) {
    struct stat about;

    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 0777;
}

static void saving_keeps_permissions(void **state) {
    (void)state;
    static const float X[] = {1};
    const mode_t before = umask(027);
    const char *path = test_path(&files, "out.npy");

    assert_ok(snnk_table_save_npy(path, 1, 1, X, 1));
    assert_int_equal(mode_of(path), 0640); /* like any new file: 0666 without the umask */
    assert_int_equal(chmod(path, 0604), 0);
    assert_ok(snnk_table_save_npy(path, 1, 1, X, 1));
    assert_int_equal(mode_of(path), 0604); /* like the file it replaced */
    assert_int_equal(umask(before), 027);  /* which must be unchanged */
}

/* A link stays, and the file that it points to is replaced. */
static void saving_follows_links(void **state) {
    (void)state;
    static const float X[] = {1};
    char link_path[512];
    struct stat about;
    unsigned char bytes[256];

    snprintf(link_path, sizeof link_path, "%s", test_path(&files, "link"));
    test_write(&files, "real", "old", 3);
    assert_int_equal(symlink("real", link_path), 0);
    assert_ok(snnk_table_save_npy(link_path, 1, 1, X, 1));
    assert_int_equal(lstat(link_path, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(test_slurp(test_path(&files, "real"), bytes, sizeof bytes), 132);
}

static void saving_fails_cleanly(void **state) {
    (void)state;
    static const float X[] = {1};
    unsigned char bytes[8];
    char path[512];
    snnk__replacement file;

    assert_status(snnk_table_save_npy("/dev/full", 1, 1, X, 1), SNNK_E_IO);
    assert_says("/dev/full: cannot write: No space left on device");
    assert_ok(snnk_table_save_npy("/dev/null", 1, 1, X, 1));
    assert_status(snnk_table_save_npy(files.directory, 1, 1, X, 1), SNNK_E_IO);
    assert_says("Is a directory");
    assert_status(snnk_table_save_npy(test_path(&files, "no/such"), 1, 1, X, 1), SNNK_E_IO);
    snprintf(path, sizeof path, "%s", test_write(&files, "old", "old", 3));

    /* Half a file: the old content stays, and no other file is left. */
    assert_ok(snnk__replacement_begin(&file, path));
    assert_ok(snnk__replacement_write(&file, "new", 3));
    assert_int_equal(test_files_count(&files, 0), 2);
    snnk__replacement_abandon(&file);
    assert_int_equal(test_files_count(&files, 0), 1);
    /* A disk that is full when the bytes are written: the descriptor is replaced by one of
     * /dev/full. */
    assert_ok(snnk__replacement_begin(&file, path));
    const int full = open("/dev/full", O_WRONLY);
    assert_true(dup2(full, file.fd) >= 0);
    close(full);
    assert_status(snnk__replacement_write(&file, "new", 3), SNNK_E_IO);
    snnk__replacement_abandon(&file);
    assert_says("cannot write");
    /* A target that cannot be replaced, because a directory has taken its place meanwhile. */
    assert_ok(snnk__replacement_begin(&file, test_path(&files, "new")));
    assert_int_equal(mkdir(test_path(&files, "new"), 0700), 0);
    assert_status(snnk__replacement_commit(&file), SNNK_E_IO);
    assert_says("cannot replace");
    assert_int_equal(rmdir(test_path(&files, "new")), 0);
    assert_int_equal(test_files_count(&files, 0), 1);
    assert_int_equal(test_slurp(path, bytes, sizeof bytes), 3);
    assert_memory_equal(bytes, "old", 3);

    /* A directory without write permission; root may write anywhere. */
    if (geteuid() != 0) {
        assert_int_equal(chmod(files.directory, 0500), 0);
        assert_status(snnk_table_save_npy(path, 1, 1, X, 1), SNNK_E_IO);
        assert_int_equal(chmod(files.directory, 0700), 0);
        assert_int_equal(test_slurp(path, bytes, sizeof bytes), 3);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(idx_types),
        TEST(idx_shapes),
        TEST(idx_false_headers),
        TEST(npy_types),
        TEST(npy_versions_and_shapes),
        TEST(npy_fortran_order),
        TEST(type_names),
        TEST(npy_fortran_is_long),
        TEST(npy_doubles),
        TEST(npy_refused),
        TEST(csv_numbers),
        TEST(csv_words),
        TEST(csv_header_only),
        TEST(csv_refused),
        TEST(csv_numbers_are_strtod),
        TEST(csv_ignores_the_locale),
        TEST(gzip_opens),
        TEST(gzip_members),
        TEST(gzip_refused),
        TEST(gzip_bomb),
        TEST(damaged_files),
        TEST(failing_allocations),
        TEST(misuse),
        TEST(pipes_are_read),
        TEST(npy_saves),
        TEST(npy_save_misuse),
        TEST(saving_keeps_permissions),
        TEST(saving_follows_links),
        TEST(saving_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
