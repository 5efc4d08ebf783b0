/* src/io: arrays that stay on disk give the same numbers as in memory, in bounded memory, from any
 * thread; and a status if the file changes meanwhile. */
#define _XOPEN_SOURCE     700
#define _FILE_OFFSET_BITS 64

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

#include "support/alloc.h"
#include "support/files.h"

#include "base/memory.h"
#include "io/table.h"

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

static double peak_megabytes(void) {
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* A .npy header of 128 bytes. */
static void npy_header(char header[129], const char *descr, size_t rows, size_t columns) {
    char text[160];

    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%zu, %zu), }",
             descr, rows, columns);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    snprintf(header + 10, 119, "%-117.117s\n", text);
}

/* An array of `size` bytes; only the header and `tail` at the end take space on the disk. */
static void write_sparse(const char *path, const char header[129], size_t size, const void *tail,
                         size_t tail_bytes) {
    const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, header, 128), 128);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    assert_int_equal(pwrite(fd, tail, tail_bytes, (off_t)(size - tail_bytes)), tail_bytes);
    assert_int_equal(close(fd), 0);
}

/* 8 GiB of float, 2^31 of them, so that offsets need more than 32 bits; with a number at the
 * end. */
static void beyond_memory(void **state) {
    (void)state;
    const size_t rows = (size_t)1 << 25, columns = 64, bytes = 128 + rows * columns * 4;
    const size_t batch = 16384;
    const double before = peak_megabytes();
    const float last = 2.5f;
    const char *path = test_path(&files, "big.npy");
    float *X = malloc(batch * columns * sizeof *X);
    char header[129];
    snnk_table *table;

    assert_non_null(X);
    npy_header(header, "<f4", rows, columns);
    write_sparse(path, header, bytes, &last, sizeof last);
    assert_ok(snnk_table_open(path, NULL, &table));
    assert_int_equal(snnk_table_rows(table), rows);
    assert_int_equal(snnk_table_columns(table), columns);
    for (size_t first = 0; first < (size_t)1 << 21; first += batch) { /* 512 MiB of them */
        X[batch * columns - 1] = 7;
        assert_ok(snnk_table_read(table, first, batch, X, columns));
        assert_close(X[0], 0, 0, 0);
        assert_close(X[batch * columns - 1], 0, 0, 0);
    }
    assert_ok(snnk_table_read(table, rows - batch, batch, X, columns));
    assert_close(X[batch * columns - 1], last, 0, 0);
    assert_close(X[batch * columns - 2], 0, 0, 0);
    snnk_table_free(table);
    free(X);
    /* The buffer above is 4 MiB; a sanitizer's own tables for it come on top. */
    assert_true(peak_megabytes() < before + 32);
}

/* Some columns, in any order, have the numbers of whole rows in double. */
static void columns_are_rows(const snnk_table *table) {
    const size_t rows = snnk_table_rows(table), columns = snnk_table_columns(table);
    const size_t chosen[] = {columns - 1, columns / 2, 0}, first = 1, n = rows - 1;
    double *X = malloc(n * columns * sizeof *X), *Y = malloc(n * 4 * sizeof *Y);

    assert_true(X && Y);
    assert_ok(snnk_table_read_f64(table, first, n, X, columns));
    for (size_t i = 0; i < n * 4; i++) Y[i] = 7;
    assert_ok(snnk_table_read_columns(table, first, n, 3, chosen, Y, 4));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++)
            assert_memory_equal(Y + 4 * i + k, X + i * columns + chosen[k], sizeof *X);
        assert_true(Y[4 * i + 3] == 7);
    }
    free(X);
    free(Y);
}

/* Reading from disk and from memory gives the same numbers, for elements of each size, rows
 * narrower and wider than one read, any stride, any first row. */
static void disk_is_memory(void **state) {
    (void)state;
    static const char *const descrs[] = {"|u1", "<i2", "<f4", "<i8"};
    static const size_t widths[] = {1, 2, 4, 8}, shapes[][2] = {{50000, 1}, {3, 40000}, {700, 101}};

    for (size_t k = 0; k < 12; k++) {
        const size_t rows = shapes[k / 4][0], columns = shapes[k / 4][1], ld = columns + 3;
        const size_t bytes = 128 + rows * columns * widths[k % 4];
        unsigned char *file = malloc(bytes);
        float *X = malloc(rows * ld * sizeof *X), *Y = malloc(rows * ld * sizeof *Y);
        snnk_table *disk, *memory;
        char header[129];

        assert_true(file && X && Y);
        npy_header(header, descrs[k % 4], rows, columns);
        memcpy(file, header, 128);
        /* No byte is 255, so no float is NaN. */
        for (size_t i = 128; i < bytes; i++) file[i] = (unsigned char)(i * i % 251);
        assert_ok(snnk_table_open(test_write(&files, "t", file, bytes), NULL, &disk));
        assert_ok(snnk__table_parse(file, bytes, NULL, &memory));
        assert_true(disk->fd >= 0 && !disk->cells && memory->fd < 0 && memory->cells);
        for (size_t turn = 0; turn < 4; turn++) {
            const size_t stride = turn % 2 ? ld : columns, first = turn / 2;
            const size_t n = rows - 2 * first;

            for (size_t i = 0; i < rows * ld; i++) X[i] = Y[i] = 7;
            assert_ok(snnk_table_read(disk, first, n, X, stride));
            assert_ok(snnk_table_read(memory, first, n, Y, stride));
            assert_memory_equal(X, Y, rows * ld * sizeof *X);
        }
        columns_are_rows(disk);
        columns_are_rows(memory);
        snnk_table_free(disk);
        snnk_table_free(memory);
        free(file);
        free(X);
        free(Y);
    }
}

/* An IDX file longer than the head that is parsed. */
static void large_idx(void **state) {
    (void)state;
    static unsigned char file[12 + 300 * 250 * 2] = {0, 0, 11, 2, 0, 0, 1, 44, 0, 0, 0, 250};
    static float X[300 * 250];
    snnk_table *table;

    for (size_t i = 0; i < 75000; i++) {
        file[12 + 2 * i] = (unsigned char)(i / 256 % 128);
        file[13 + 2 * i] = (unsigned char)(i % 256);
    }
    assert_ok(snnk_table_open(test_write(&files, "t", file, sizeof file), NULL, &table));
    assert_int_equal(snnk_table_rows(table), 300);
    assert_int_equal(snnk_table_columns(table), 250);
    assert_ok(snnk_table_read(table, 0, 300, X, 250));
    for (size_t i = 0; i < 75000; i++) assert_close(X[i], (double)(i % 32768), 0, 0);
    snnk_table_free(table);
    assert_status(snnk_table_open(test_write(&files, "t", file, sizeof file - 1), NULL, &table),
                  SNNK_E_TRUNCATED);
    assert_says("describes 150000 bytes of data, but the file has 149999");
}

/* An array in a pipe is read into memory. */
static void pipe_of_an_array(void **state) {
    (void)state;
    static const unsigned char idx[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    char command[1024], path[sizeof files.path];
    snnk_table *table;
    float X[6];

    snprintf(path, sizeof path, "%s", test_write(&files, "idx", idx, sizeof idx));
    assert_int_equal(mkfifo(test_path(&files, "pipe"), 0600), 0);
    snprintf(command, sizeof command, "cat %s > %s &", path, files.path);
    assert_int_equal(system(command), 0);
    assert_ok(snnk_table_open(files.path, NULL, &table));
    assert_true(table->fd < 0);
    assert_ok(snnk_table_read(table, 0, 2, X, 3));
    for (size_t i = 0; i < 6; i++) assert_close(X[i], (double)i + 1, 0, 0);
    snnk_table_free(table);
}

/* A file that became shorter since it was opened gives a status, not a signal; the rest can be
 * read. */
static void shrinking(void **state) {
    (void)state;
    const char *path = test_path(&files, "short.npy");
    float X[64];
    char header[129];
    snnk_table *table;

    for (int narrow = 0; narrow < 2; narrow++) {
        npy_header(header, narrow ? "|u1" : "<f4", 1000, 64);
        write_sparse(path, header, 128 + (size_t)64000 * (narrow ? 1 : 4), "", 1);
        assert_ok(snnk_table_open(path, NULL, &table));
        assert_int_equal(truncate(path, 128 + 32000), 0);
        assert_ok(snnk_table_read(table, 0, 1, X, 64));
        assert_status(snnk_table_read(table, 999, 1, X, 64), SNNK_E_TRUNCATED);
        assert_says("short.npy");
        assert_says("was longer when it was opened");
        assert_int_equal(truncate(path, 0), 0);
        assert_status(snnk_table_read(table, 0, 1, X, 64), SNNK_E_TRUNCATED);
        assert_says("ends at byte 128");
        assert_ok(snnk_table_read(table, 0, 0, NULL, 64));
        snnk_table_free(table);
    }
}

/* A file that is removed, or replaced by another, can still be read unchanged. */
static void replaced(void **state) {
    (void)state;
    static const float old[] = {1, 2}, other[] = {3, 4, 5};
    const char *path = test_path(&files, "t.npy");
    snnk_table *table;
    float X[2];

    assert_ok(snnk_table_save_npy(path, 2, 1, old, 1));
    assert_ok(snnk_table_open(path, NULL, &table));
    assert_ok(snnk_table_save_npy(path, 3, 1, other, 1));
    assert_ok(snnk_table_read(table, 0, 2, X, 1));
    assert_close(X[1], 2, 0, 0);
    assert_int_equal(unlink(path), 0);
    assert_ok(snnk_table_read(table, 0, 2, X, 1));
    assert_close(X[0], 1, 0, 0);
    snnk_table_free(table);
}

/* A header of the greatest length of version 1 is read, a longer one is refused. */
static void long_headers(void **state) {
    (void)state;
    static char file[12 + 65536 + 2];
    static const char dictionary[] = "{'descr':'|u1','fortran_order':False,'shape':(2,)}";
    snnk_table *table;
    float X[2];

    memset(file, ' ', sizeof file);
    memcpy(file, "\x93NUMPY\x01\x00\xff\xff", 10);
    memcpy(file + 10, dictionary, sizeof dictionary - 1);
    memcpy(file + 10 + 65535, "\3\4", 2);
    assert_ok(snnk_table_open(test_write(&files, "t", file, (size_t)10 + 65535 + 2), NULL, &table));
    assert_ok(snnk_table_read(table, 0, 2, X, 1));
    assert_close(X[0], 3, 0, 0);
    assert_close(X[1], 4, 0, 0);
    snnk_table_free(table);

    memset(file, ' ', sizeof file);
    memcpy(file, "\x93NUMPY\x02\x00\x00\x00\x01\x00", 12); /* 65536 */
    memcpy(file + 12, dictionary, sizeof dictionary - 1);
    assert_status(snnk_table_open(test_write(&files, "t", file, sizeof file), NULL, &table),
                  SNNK_E_FORMAT);
    assert_says("the .npy header has 65536 bytes, above the limit of 65535");
    assert_status(snnk__table_parse((unsigned char *)file, sizeof file, NULL, &table),
                  SNNK_E_FORMAT); /* in memory too */
    assert_status(snnk_table_open(test_write(&files, "t", file, sizeof file - 3), NULL, &table),
                  SNNK_E_TRUNCATED);
    assert_says("should have 65536 bytes, but only 65535 are left");
}

static void nothing_leaks(void **state) {
    (void)state;
    static const unsigned char idx[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 2};
    const int before = test_open_files();
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_table_config config;
    snnk_table *table;
    int status;

    assert_ok(snnk_table_config_init(&config, sizeof config));
    config.allocator = &allocator;
    test_write(&files, "t", idx, sizeof idx);
    assert_survives_failing_allocations(memory, status, {
        status = snnk_table_open(files.path, &config, &table);
        assert_made(status, table);
        snnk_table_free(table);
    });
    assert_true(memory.calls >= 3); /* the allocator was used */
    test_write(&files, "t", idx, sizeof idx - 1);
    assert_status(snnk_table_open(files.path, NULL, &table), SNNK_E_TRUNCATED);
    assert_null(table);
    test_write(&files, "t", "a\n1\n", 4);
    assert_ok(snnk_table_open(files.path, NULL, &table));
    snnk_table_free(table);
    assert_int_equal(test_open_files(), before);
}

typedef struct reader {
    const snnk_table *table;
    size_t wrong;
} reader;

static void *read_all_rows(void *argument) {
    reader *r = argument;

    for (size_t turn = 0; turn < 20; turn++)
        for (size_t i = 0; i < 500; i++) {
            float x[2];

            if (snnk_table_read(r->table, i, 1, x, 2) != SNNK_OK || x[0] != (float)i ||
                x[1] != -(float)i)
                r->wrong++;
        }
    return NULL;
}

static void threads_share_a_table(void **state) {
    (void)state;
    const char *path = test_path(&files, "t.npy");
    float X[1000];
    snnk_table *table;
    reader readers[4];
    pthread_t threads[4];

    for (size_t i = 0; i < 500; i++) X[2 * i] = (float)i, X[2 * i + 1] = -(float)i;
    assert_ok(snnk_table_save_npy(path, 500, 2, X, 2));
    assert_ok(snnk_table_open(path, NULL, &table));
    for (size_t k = 0; k < 4; k++) {
        readers[k] = (reader){table, 0};
        assert_int_equal(pthread_create(threads + k, NULL, read_all_rows, readers + k), 0);
    }
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(pthread_join(threads[k], NULL), 0);
        assert_int_equal(readers[k].wrong, 0);
    }
    snnk_table_free(table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(beyond_memory), /* must be first, because it measures the peak of the process */
        TEST(disk_is_memory),   TEST(large_idx),
        TEST(pipe_of_an_array), TEST(shrinking),
        TEST(replaced),         TEST(long_headers),
        TEST(nothing_leaks),    TEST(threads_share_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
