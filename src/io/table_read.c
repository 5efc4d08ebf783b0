/* Reading rows of tables, in memory or on disk. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "io/file.h"
#include "io/table_struct.h"

/* Bytes read from disk at a time. */
#define WINDOW_BYTES ((size_t)32768)

/* Where numbers go: a matrix of float or of double. */
typedef struct target {
    float *x;
    double *y;
    size_t ld;
} target;

static target at(target out, size_t row, size_t column) {
    const size_t offset = row * out.ld + column;

    return (target){out.x ? out.x + offset : NULL, out.y ? out.y + offset : NULL, out.ld};
}

/* Read n elements that are contiguous in the file, beginning with element `first`. */
static int read_run(const snnk_table *table, size_t first, size_t n, target out) {
    const size_t begin = first * snnk__element_bytes(table->type);

    if (table->fd >= 0)
        return snnk__elements_read(table->fd, table->path, table->cells_begin + begin, table->type,
                                   table->big_endian, n, out.x, out.y);
    snnk__elements_convert(table->type, table->big_endian, table->cells + begin, n, out.x, out.y);
    return SNNK_OK;
}

/* ---- Fortran order ---- */

/* The position in the file of column q: its indices in C order are read backwards. */
static size_t fortran_column(const snnk_table *table, size_t q) {
    size_t position = 0, block = table->columns;

    for (size_t k = table->n_dims - 1; k >= 1; k--) {
        block /= table->dims[k];
        position += q % table->dims[k] * block;
        q /= table->dims[k];
    }
    return position;
}

/* Read one column, whose cells are contiguous, into a column of `out`. */
static int read_fortran_column(const snnk_table *table, size_t column, size_t first, size_t n,
                               target out) {
    const size_t begin = fortran_column(table, column) * table->rows + first;
    float x[512];
    double y[512];

    for (size_t done = 0; done < n;) {
        const size_t count = snnk__min_size(512, n - done);
        const int st =
            read_run(table, begin + done, count, (target){out.x ? x : NULL, out.y ? y : NULL, 1});

        if (st != SNNK_OK) return st;
        for (size_t i = 0; i < count; i++) {
            if (out.x) out.x[(done + i) * out.ld] = x[i];
            if (out.y) out.y[(done + i) * out.ld] = y[i];
        }
        done += count;
    }
    return SNNK_OK;
}

/* ---- All columns ---- */

/* If the rows of `out` are packed, one call reads them all: narrow rows would cost a call each. */
static int read_rows(const snnk_table *table, size_t first, size_t n, target out) {
    const size_t columns = table->columns;
    int st = SNNK_OK;

    if (n == 0) return SNNK_OK;
    if (table->fortran_order) {
        for (size_t j = 0; j < columns && st == SNNK_OK; j++)
            st = read_fortran_column(table, j, first, n, at(out, 0, j));
        return st;
    }
    if (out.ld == columns) return read_run(table, first * columns, n * columns, out);
    for (size_t i = 0; i < n && st == SNNK_OK; i++)
        st = read_run(table, (first + i) * columns, columns, at(out, i, 0));
    return st;
}

static int check_rows(const snnk_table *table, size_t first, size_t n) {
    if (first <= table->rows && n <= table->rows - first) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "first = %zu and n = %zu, but the table has %zu rows", first, n,
                      table->rows);
}

/* Refuse a column of words. */
static int check_numbers(const snnk_table *table, size_t column) {
    const snnk__table_column *about = table->about ? table->about + column : NULL;

    if (!about || !about->is_words) return SNNK_OK;
    const size_t k = (size_t)table->values[about->word_row * table->columns + column];
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "%s%scolumn %zu, \"%.60s\", has words instead of numbers: \"%.60s\" in line "
                      "%zu. If this is a missing number, name it in the config's `missing`; "
                      "otherwise use snnk_table_read_words",
                      table->path ? table->path : "", table->path ? ": " : "", column + 1,
                      about->name, table->words[about->first_word + k], about->word_line);
}

static int check_all_numbers(const snnk_table *table) {
    int st = SNNK_OK;

    for (size_t j = 0; table->about && j < table->columns && st == SNNK_OK; j++)
        st = check_numbers(table, j);
    return st;
}

int snnk_table_read(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx) {
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if ((st = check_rows(table, first, n)) != SNNK_OK) return st;
    st = snnk__check_matrix(X, "X", n, table->columns, ldx, sizeof *X);
    if (st != SNNK_OK) return st;
    if ((st = check_all_numbers(table)) != SNNK_OK) return st;
    return read_rows(table, first, n, (target){X, NULL, ldx});
}

int snnk_table_read_f64(const snnk_table *table, size_t first, size_t n, double *X, size_t ldx) {
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if ((st = check_rows(table, first, n)) != SNNK_OK) return st;
    st = snnk__check_matrix(X, "X", n, table->columns, ldx, sizeof *X);
    if (st != SNNK_OK) return st;
    if ((st = check_all_numbers(table)) != SNNK_OK) return st;
    return read_rows(table, first, n, (target){NULL, X, ldx});
}

/* ---- Some columns ---- */

/* Chosen columns of rows first ... first+n-1. */
typedef struct selection {
    size_t first, n, n_columns;
    const size_t *columns;
    double *X;
    size_t ldx;
} selection;

/* Copy what is wanted of `rows` rows from row i of the selection on; `cells` has `width` cells of
 * each, from column `begin` on. */
static void pick(const snnk_table *table, const selection *s, size_t i, size_t rows,
                 const unsigned char *cells, size_t begin, size_t width) {
    const size_t bytes = snnk__element_bytes(table->type);

    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < s->n_columns; k++) {
            const size_t column = s->columns[k];

            if (column < begin || column - begin >= width) continue;
            snnk__elements_convert(table->type, table->big_endian,
                                   cells + (r * width + column - begin) * bytes, 1, NULL,
                                   s->X + (i + r) * s->ldx + k);
        }
}

/* Rows on disk: several at a time, or a part of one that is wider than the window. */
static int pick_from_disk(const snnk_table *table, const selection *s) {
    const size_t bytes = snnk__element_bytes(table->type), columns = table->columns;
    const size_t room = WINDOW_BYTES / bytes, width = snnk__min_size(columns, room);
    const size_t many = columns <= room ? room / columns : 1;
    unsigned char window[WINDOW_BYTES];

    for (size_t i = 0; i < s->n; i += many)
        for (size_t begin = 0; begin < columns; begin += width) {
            const size_t rows = snnk__min_size(many, s->n - i);
            const size_t cells = snnk__min_size(width, columns - begin);
            const size_t from = ((s->first + i) * columns + begin) * bytes;
            const int st = snnk__file_read_range(table->fd, table->path, table->cells_begin + from,
                                                 rows * cells * bytes, window);

            if (st != SNNK_OK) return st;
            pick(table, s, i, rows, window, begin, cells);
        }
    return SNNK_OK;
}

static int check_columns(const snnk_table *table, size_t n_columns, const size_t *columns) {
    int st;

    if (n_columns == 0) return snnk__fail(SNNK_E_SHAPE, "n_columns = 0: at least 1 is needed");
    if ((st = snnk__check_pointer(columns, "columns")) != SNNK_OK) return st;
    for (size_t k = 0; k < n_columns; k++) {
        if (columns[k] >= table->columns)
            return snnk__fail(SNNK_E_RANGE, "columns[%zu] = %zu, but the table has %zu columns", k,
                              columns[k], table->columns);
        if ((st = check_numbers(table, columns[k])) != SNNK_OK) return st;
    }
    return SNNK_OK;
}

int snnk_table_read_columns(const snnk_table *table, size_t first, size_t n, size_t n_columns,
                            const size_t *columns, double *X, size_t ldx) {
    const selection s = {first, n, n_columns, columns, X, ldx};
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if ((st = check_rows(table, first, n)) != SNNK_OK) return st;
    if ((st = check_columns(table, n_columns, columns)) != SNNK_OK) return st;
    st = snnk__check_matrix(X, "X", n, n_columns, ldx, sizeof *X);
    if (st != SNNK_OK || n == 0) return st;
    if (table->fortran_order) {
        for (size_t k = 0; k < n_columns && st == SNNK_OK; k++)
            st = read_fortran_column(table, columns[k], first, n, (target){NULL, X + k, ldx});
        return st;
    }
    if (table->fd >= 0) return pick_from_disk(table, &s);
    pick(table, &s, 0, n, table->cells + first * table->columns * snnk__element_bytes(table->type),
         0, table->columns);
    return SNNK_OK;
}

int snnk_table_read_words(const snnk_table *table, size_t column, size_t first, size_t n,
                          int32_t *words) {
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if ((st = check_rows(table, first, n)) != SNNK_OK) return st;
    if (column >= table->columns)
        return snnk__fail(SNNK_E_RANGE, "column = %zu, but the table has %zu columns", column,
                          table->columns);
    if (n > 0 && (st = snnk__check_pointer(words, "words")) != SNNK_OK) return st;
    if (!table->about || !table->about[column].is_words)
        return snnk__fail(SNNK_E_UNSUPPORTED, "column %zu has numbers instead of words",
                          column + 1);
    for (size_t i = 0; i < n; i++) {
        const double k = table->values[(first + i) * table->columns + column];

        words[i] = isnan(k) ? -1 : (int32_t)k;
    }
    return SNNK_OK;
}
