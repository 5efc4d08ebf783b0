#define _POSIX_C_SOURCE 200809L
/* Fuzz target: a table from any bytes. The result is an error status, or a table in which every
 * cell, name and category can be read. */
#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/gzip.h"
#include "io/table.h"

/* Read a column of words: each index is that of a word, or -1 as often as fields are missing. */
static void use_words(const snnk_table *table, size_t j) {
    const size_t rows = snnk_table_rows(table), words = snnk_table_words(table, j);
    size_t missing = 0;

    for (size_t k = 0; k + 1 < words; k++) /* sorted and distinct */
        FUZZ_CHECK(strcmp(snnk_table_word(table, j, k), snnk_table_word(table, j, k + 1)) < 0);
    for (size_t i = 0; i < rows; i++) {
        int32_t word;

        FUZZ_CHECK(snnk_table_read_words(table, j, i, 1, &word) == SNNK_OK);
        FUZZ_CHECK(word >= -1 && (word < 0 || (size_t)word < words));
        missing += word < 0;
    }
    FUZZ_CHECK(missing == snnk_table_missing(table, j));
}

/* Read row i of columns of numbers, and as missing what is words. */
static void read_row(const snnk_table *table, size_t i, double *row) {
    for (size_t j = 0; j < snnk_table_columns(table); j++) {
        row[j] = -1;
        if (snnk_table_column_type(table, j) == SNNK_COLUMN_NUMBERS)
            FUZZ_CHECK(snnk_table_read_columns(table, i, 1, 1, &j, row + j, 1) == SNNK_OK);
    }
}

static void use(const snnk_table *table) {
    const size_t rows = snnk_table_rows(table), columns = snnk_table_columns(table);
    double *row = malloc(columns * sizeof *row), *same = malloc(columns * sizeof *same);
    bool words = false;

    if (!row || !same) abort();
    for (size_t j = 0; j < columns; j++) {
        const char *name = snnk_table_column_name(table, j);

        FUZZ_CHECK(!name || strlen(name) < FUZZ_MAX_BYTES);
        if (snnk_table_column_type(table, j) != SNNK_COLUMN_WORDS) continue;
        words = true;
        use_words(table, j);
    }
    /* Each row takes some bytes of the file, so this loop ends. */
    for (size_t i = 0; i < rows; i++) {
        const int st = snnk_table_read_f64(table, i, 1, same, columns);

        FUZZ_CHECK(st == (words ? SNNK_E_UNSUPPORTED : SNNK_OK));
        read_row(table, i, row);
        for (size_t j = 0; j < columns && !words; j++)
            FUZZ_CHECK(memcmp(row + j, same + j, sizeof *row) == 0);
    }
    free(same);
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
    double *x = malloc(columns * sizeof *x), *y = malloc(columns * sizeof *y);

    if (!x || !y) abort();
    FUZZ_CHECK(snnk_table_rows(table) == rows && snnk_table_columns(table) == columns);
    for (size_t i = 0; i < rows; i++) {
        read_row(table, i, x);
        read_row(parsed, i, y);
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
    if (st == SNNK_OK) st = snnk__table_parse(bytes, size, NULL, &table);
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
    static const char fortran[] = "\x93NUMPY\x01\0\x3d\0"
                                  "{'descr': '>f2', 'fortran_order': True, 'shape': (2, 1, 2)} \n"
                                  "\x3c\0\xc0\0\x7c\0\0\x01";
    static const char european[] = "\xef\xbb\xbf\"x\";y;z;\n1,5;NA;\"a;b\";\n-2e3;;c;\n";
    static const char nameless[] = "1\t2.5\tred\n4\t\tblue\n";
    static const char utf16[] = "\xff\xfe"
                                "a\0,\0b\0\n\0"
                                "1\0,\0"
                                "2\0";
    static const char blanks[] = "# made by hand\n#  a b  c\n  1 2.5\t 3 \n-4 NA  \"x y\"\r\n";
    static const char latin1[] = "name|n\nJos\xe9|1\n?|2\n";
    /* String literals: the terminating NUL of npy is part of the file, that of the others is
     * not. */
    static const struct {
        const char *bytes;
        size_t size;
    } seeds[] = {{idx, sizeof idx - 1},
                 {idx_i32, sizeof idx_i32 - 1},
                 {npy, sizeof npy},
                 {npy2, sizeof npy2},
                 {numbers, sizeof numbers - 1},
                 {words, sizeof words - 1},
                 {gzip, sizeof gzip - 1},
                 {fortran, sizeof fortran - 1},
                 {european, sizeof european - 1},
                 {nameless, sizeof nameless - 1},
                 {utf16, sizeof utf16 - 1},
                 {blanks, sizeof blanks - 1},
                 {latin1, sizeof latin1 - 1}};

    if (k >= sizeof seeds / sizeof seeds[0]) return 0;
    memcpy(out, seeds[k].bytes, seeds[k].size);
    return seeds[k].size;
}
