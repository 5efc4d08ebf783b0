#include "io/table.h"

#include <string.h>

#include "base/size.h"
#include "io/csv.h"
#include "io/file.h"
#include "io/gzip.h"
#include "io/idx.h"
#include "io/npy_read.h"
#include "io/whole_file.h"

/* IDX begins with two zero bytes and .npy with \x93NUMPY. Neither 0 nor 0x93 can begin a text in
 * UTF-8. So the first byte decides, and a damaged array is not mistaken for text. */
static bool is_array(unsigned char first) { return first == 0 || first == 0x93; }

static int parse_array(snnk__cursor head, size_t beyond, snnk_table *table) {
    return head.at[0] == 0 ? snnk__idx_parse(head, beyond, table)
                           : snnk__npy_parse(head, beyond, table);
}

static int parse(snnk__cursor file, snnk_table *table) {
    int st;

    if (file.left == 0) return snnk__fail(SNNK_E_FORMAT, "the file is empty");
    if (!is_array(file.at[0])) return snnk__csv_parse(file, table);
    if ((st = parse_array(file, 0, table)) != SNNK_OK) return st;
    table->cells = file.at + table->cells_begin;
    return SNNK_OK;
}

static int make_empty(const snnk_allocator *allocator, snnk_table **table) {
    const int st = snnk__alloc_zero(allocator, 1, sizeof **table, "a table", table);

    if (st != SNNK_OK) return st;
    (*table)->allocator = *allocator;
    (*table)->fd = -1;
    return SNNK_OK;
}

int snnk__table_parse(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                      snnk_table **table) {
    snnk_table *made = NULL;
    int st;

    if ((st = make_empty(allocator, &made)) != SNNK_OK) return st;
    if ((st = parse((snnk__cursor){bytes, size}, made)) != SNNK_OK) goto done;
    *table = made;
    made = NULL;
done:
    snnk_table_free(made);
    return st;
}

/* ---- Opening ---- */

static int copy_path(const snnk_allocator *allocator, const char *path, char **copy) {
    const size_t bytes = strlen(path) + 1;
    const int st = snnk__alloc(allocator, bytes, 1, "a path", copy);

    if (st == SNNK_OK) memcpy(*copy, path, bytes);
    return st;
}

/* Open an array file of `size` bytes whose cells stay on disk. The table owns fd on success
 * only. */
static int open_array(int fd, const char *path, size_t size, const snnk_allocator *allocator,
                      snnk_table **table) {
    const size_t head_bytes = snnk__min_size(size, SNNK__ARRAY_HEAD_BYTES);
    unsigned char *head = NULL;
    snnk_table *made = NULL;
    int st;

    if ((st = make_empty(allocator, &made)) != SNNK_OK) return st;
    if ((st = copy_path(allocator, path, &made->path)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, head_bytes, 1, "a header", &head)) != SNNK_OK) goto done;
    if ((st = snnk__file_read_range(fd, path, 0, head_bytes, head)) != SNNK_OK) goto done;
    st = parse_array((snnk__cursor){head, head_bytes}, size - head_bytes, made);
    if (st != SNNK_OK) {
        snnk__fail_within(st, "%s", path);
        goto done;
    }
    snnk__file_will_stream(fd);
    made->fd = fd;
    *table = made;
    made = NULL;
done:
    snnk__free(allocator, head);
    snnk_table_free(made);
    return st;
}

/* Open a table whose whole file must be in memory: it is compressed, a text, or a pipe. */
static int open_whole(int fd, const char *path, const snnk_allocator *allocator,
                      snnk_table **table) {
    unsigned char *block = NULL;
    size_t size;
    int st;

    if ((st = snnk__file_read_open(fd, path, allocator, &block, &size)) != SNNK_OK) return st;
    if (snnk__is_gzip(block, size)) {
        unsigned char *unzipped;

        st = snnk__gunzip(block, size, allocator, &unzipped, &size);
        if (st != SNNK_OK) goto done;
        snnk__free(allocator, block);
        block = unzipped;
    }
    if ((st = snnk__table_parse(block, size, allocator, table)) != SNNK_OK) goto done;
    if (!(*table)->values) {
        (*table)->block = block;
        block = NULL;
    }
done:
    snnk__free(allocator, block);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", path);
}

int snnk_table_open(const char *path, const snnk_allocator *allocator, snnk_table **table) {
    snnk_allocator ours;
    unsigned char first = 0;
    bool regular;
    size_t size;
    int fd, st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    *table = NULL;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__file_open(path, &fd)) != SNNK_OK) return st;
    if ((st = snnk__file_measure(fd, path, &regular, &size)) != SNNK_OK) goto done;
    if (regular && (st = snnk__file_read_range(fd, path, 0, 1, &first)) != SNNK_OK) goto done;
    st = regular && is_array(first) ? open_array(fd, path, size, &ours, table)
                                    : open_whole(fd, path, &ours, table);
done:
    if (!*table || (*table)->fd != fd) snnk__file_close(fd);
    return st;
}

void snnk_table_free(snnk_table *table) {
    if (!table) return;
    const snnk_allocator allocator = table->allocator;
    snnk__file_close(table->fd);
    snnk__free(&allocator, table->path);
    snnk__free(&allocator, table->block);
    snnk__free(&allocator, table->values);
    snnk__free(&allocator, table->names);
    snnk__free(&allocator, table->names_text);
    snnk__free(&allocator, table->word_start);
    snnk__free(&allocator, table->words);
    snnk__free(&allocator, table->words_text);
    snnk__free(&allocator, table);
}

size_t snnk_table_rows(const snnk_table *table) { return table ? table->rows : 0; }

size_t snnk_table_columns(const snnk_table *table) { return table ? table->columns : 0; }

const char *snnk_table_column_name(const snnk_table *table, size_t column) {
    return table && table->names && column < table->columns ? table->names[column] : NULL;
}

size_t snnk_table_words(const snnk_table *table, size_t column) {
    if (!table || !table->word_start || column >= table->columns) return 0;
    return table->word_start[column + 1] - table->word_start[column];
}

const char *snnk_table_word(const snnk_table *table, size_t column, size_t k) {
    return k < snnk_table_words(table, column) ? table->words[table->word_start[column] + k] : NULL;
}

/* Read n elements from disk into X, beginning with element `first` (row-major). */
static int read_cells(const snnk_table *table, size_t first, size_t n, float *X) {
    const size_t begin = table->cells_begin + first * snnk__element_bytes(table->type);

    return snnk__elements_read(table->fd, table->path, begin, table->type, table->big_endian, n, X);
}

/* Read rows from disk. If X is packed, one call reads them all: narrow rows would cost a call
 * each. */
static int read_rows(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx) {
    const size_t columns = table->columns;
    int st = SNNK_OK;

    if (ldx == columns) return read_cells(table, first * columns, n * columns, X);
    for (size_t i = 0; i < n && st == SNNK_OK; i++)
        st = read_cells(table, (first + i) * columns, columns, X + i * ldx);
    return st;
}

int snnk_table_read(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx) {
    size_t row_bytes;
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if (first > table->rows || n > table->rows - first)
        return snnk__fail(SNNK_E_RANGE, "first = %zu and n = %zu, but the table has %zu rows",
                          first, n, table->rows);
    st = snnk__check_matrix(X, "X", n, table->columns, ldx, sizeof *X);
    if (st != SNNK_OK) return st;
    if (table->fd >= 0) return read_rows(table, first, n, X, ldx);
    row_bytes = table->columns * snnk__element_bytes(table->type);
    for (size_t i = 0; i < n; i++)
        snnk__elements_convert(table->type, table->big_endian,
                               table->cells + (first + i) * row_bytes, table->columns, X + i * ldx);
    return SNNK_OK;
}
