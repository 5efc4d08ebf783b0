#define _POSIX_C_SOURCE 200809L
/* Fuzz target: a table from any bytes. The result is an error status, or a table in which every
 * cell, name and category can be read. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/gzip.h"
#include "io/table.h"

static void use(const snnk_table *table) {
    const size_t rows = snnk_table_rows(table), columns = snnk_table_columns(table);
    float *row = malloc(columns * sizeof *row);

    if (!row) abort();
    /* Each row takes some bytes of the file, so this loop ends. */
    for (size_t i = 0; i < rows; i++)
        FUZZ_CHECK(snnk_table_read(table, i, 1, row, columns) == SNNK_OK);
    for (size_t j = 0; j < columns; j++) {
        const size_t words = snnk_table_words(table, j);
        const char *name = snnk_table_column_name(table, j);

        FUZZ_CHECK(!name || strlen(name) < FUZZ_MAX_BYTES);
        for (size_t k = 0; k + 1 < words; k++) /* sorted and distinct */
            FUZZ_CHECK(strcmp(snnk_table_word(table, j, k), snnk_table_word(table, j, k + 1)) < 0);
        for (size_t i = 0; words > 0 && i < rows; i++) {
            FUZZ_CHECK(snnk_table_read(table, i, 1, row, columns) == SNNK_OK);
            FUZZ_CHECK(row[j] >= 0 && (size_t)row[j] < words);
        }
    }
    free(row);
}

/* Open the same bytes as a file, from which arrays are read as needed: the status and the numbers
 * must be the same. */
static void compare_file(const uint8_t *bytes, size_t size, int status, const snnk_table *parsed) {
    char path[] = "/tmp/snnk-fuzz-XXXXXX";
    const int fd = mkstemp(path);
    snnk_table *table;

    FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    FUZZ_CHECK(snnk_table_open(path, NULL, &table) == status);
    FUZZ_CHECK(unlink(path) == 0 && close(fd) == 0);
    if (status != SNNK_OK) return;
    const size_t rows = snnk_table_rows(parsed), columns = snnk_table_columns(parsed);
    float *x = malloc(columns * sizeof *x), *y = malloc(columns * sizeof *y);

    if (!x || !y) abort();
    FUZZ_CHECK(snnk_table_rows(table) == rows && snnk_table_columns(table) == columns);
    for (size_t i = 0; i < rows; i++) {
        FUZZ_CHECK(snnk_table_read(table, i, 1, x, columns) == SNNK_OK);
        FUZZ_CHECK(snnk_table_read(parsed, i, 1, y, columns) == SNNK_OK);
        FUZZ_CHECK(memcmp(x, y, columns * sizeof *x) == 0);
    }
    free(x);
    free(y);
    snnk_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const uint8_t *const given = bytes;
    const size_t given_size = size;
    unsigned char *unzipped = NULL;
    snnk_allocator allocator;
    snnk_table *table = NULL;
    int st = SNNK_OK;

    FUZZ_CHECK(snnk__allocator_read(&allocator, NULL) == SNNK_OK);
    if (snnk__is_gzip(bytes, size)) {
        st = snnk__gunzip(bytes, size, &allocator, &unzipped, &size);
        bytes = unzipped;
    }
    if (st == SNNK_OK) st = snnk__table_parse(bytes, size, &allocator, &table);
    compare_file(given, given_size, st, table);
    if (st == SNNK_OK) {
        use(table);
        snnk_table_free(table);
    } else {
        FUZZ_CHECK(st == SNNK_E_FORMAT || st == SNNK_E_TRUNCATED || st == SNNK_E_RAGGED ||
                   st == SNNK_E_SIZE || st == SNNK_E_NOMEM);
    }
    snnk__free(&allocator, unzipped);
    return 0;
}

#define NPY_HEADER "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }\n"

size_t fuzz_seed(size_t k, uint8_t *out) {
    static const char idx[] = "\0\0\x08\x02\0\0\0\x02\0\0\0\x03\1\2\3\4\5\6";
    static const char idx_i32[] = "\0\0\x0c\x01\0\0\0\x02\xff\xff\xff\xfe\0\0\0\1";
    static const char npy[] =
        "\x93NUMPY\x01\0\x3c\0" NPY_HEADER "\0\0\0\0\0\0\xf0\x3f\1\2\3\4\5\6\7";
    static const char npy2[] =
        "\x93NUMPY\x02\0\x3c\0\0\0" NPY_HEADER "\0\0\0\0\0\0\xf0\x3f\1\2\3\4\5\6\7";
    static const char numbers[] = "a,b,c\n1,2.5,-3e-2\r\n4,\" 5 \",nan\n.5,1234567890123456789,7\n";
    static const char words[] = "\"x, \"\"y\"\"\",z\nred,\nblue,1\n\"re\"\"d\",\"\n\"\nred,2\n\n";
    /* idx through `gzip -n -9`. */
    static const char gzip[] =
        "\037\213\010\000\000\000\000\000\002\003\143\140\340\140\142\140\140\000\141\146\106\046"
        "\146\026\126\066\000\110\224\076\345\022\000\000\000";
    /* String literals: the terminating NUL of npy is part of the file, that of the others is
     * not. */
    static const struct {
        const char *bytes;
        size_t size;
    } seeds[] = {{idx, sizeof idx - 1},  {idx_i32, sizeof idx_i32 - 1}, {npy, sizeof npy},
                 {npy2, sizeof npy2},    {numbers, sizeof numbers - 1}, {words, sizeof words - 1},
                 {gzip, sizeof gzip - 1}};

    if (k >= sizeof seeds / sizeof seeds[0]) return 0;
    memcpy(out, seeds[k].bytes, seeds[k].size);
    return seeds[k].size;
}
