#include "file/table.h"

#include <stdio.h>

#include "base/size.h"
#include "file/stream.h"

/* Columns are backed by the bytes of rows. Without rows nothing is behind them, and a few bytes could
 * make a caller allocate a row of gigabytes. */
#define MAX_EMPTY_COLUMNS ((size_t)1 << 20)

size_t snnk__element_bytes(snnk__element type) {
    switch (type) {
    case SNNK__ELEMENT_BOOL:
    case SNNK__ELEMENT_U8:
    case SNNK__ELEMENT_I8: return 1;
    case SNNK__ELEMENT_U16:
    case SNNK__ELEMENT_I16: return 2;
    case SNNK__ELEMENT_U32:
    case SNNK__ELEMENT_I32:
    case SNNK__ELEMENT_F32: return 4;
    case SNNK__ELEMENT_U64:
    case SNNK__ELEMENT_I64:
    case SNNK__ELEMENT_F64: return 8;
    }
    return 0;
}

void snnk__array_shape_push(snnk__array_shape *shape, uint64_t dim) {
    shape->n_dims++;
    if (dim > SIZE_MAX) {
        shape->overflows = true;
    } else if (shape->n_dims == 1) {
        shape->rows = (size_t)dim;
    } else if (!snnk__mul_size(shape->columns, (size_t)dim, &shape->columns)) {
        shape->overflows = true;
    }
}

int snnk__table_set_cells(snnk_table *table, const snnk__array_shape *shape, snnk__element type,
                          bool big_endian, snnk__cursor rest) {
    size_t announced;

    if (shape->n_dims == 0) return snnk__fail(SNNK_E_FORMAT, "an array without dimensions");
    if (shape->overflows || !snnk__mul_size(shape->rows, shape->columns, &announced) ||
        !snnk__mul_size(announced, snnk__element_bytes(type), &announced))
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the header announces more than %zu bytes of data, the file has %zu",
                          (size_t)SIZE_MAX, rest.left);
    if (shape->columns == 0) return snnk__fail(SNNK_E_FORMAT, "a table without columns");
    if (shape->rows == 0 && shape->columns > MAX_EMPTY_COLUMNS)
        return snnk__fail(SNNK_E_FORMAT, "0 rows of %zu columns: without rows %zu are the limit",
                          shape->columns, MAX_EMPTY_COLUMNS);
    if (announced != rest.left)
        return snnk__fail(SNNK_E_TRUNCATED,
                          "the header announces %zu bytes of data, the file has %zu", announced,
                          rest.left);
    table->rows = shape->rows;
    table->columns = shape->columns;
    table->type = type;
    table->big_endian = big_endian;
    table->cells = rest.at;
    return SNNK_OK;
}

/* IDX begins with two zero bytes and .npy with \x93NUMPY. Neither 0 nor 0x93 can begin a text in
 * UTF-8, so that the first byte decides, and a damaged array is not taken for a text. */
static int parse(snnk__cursor file, snnk_table *table) {
    if (file.left == 0) return snnk__fail(SNNK_E_FORMAT, "the file is empty");
    if (file.at[0] == 0) return snnk__idx_parse(file, table);
    if (file.at[0] == 0x93) return snnk__npy_parse(file, table);
    return snnk__csv_parse(file, table);
}

int snnk__table_parse(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                      snnk_table **table) {
    snnk_table *made;
    int st;

    if ((st = snnk__alloc_zero(allocator, 1, sizeof *made, "a table", &made)) != SNNK_OK) return st;
    made->allocator = *allocator;
    if ((st = parse((snnk__cursor){bytes, size}, made)) != SNNK_OK) goto done;
    *table = made;
    made = NULL;
done:
    snnk_table_free(made);
    return st;
}

int snnk_table_open(const char *path, const snnk_allocator *allocator, snnk_table **table) {
    snnk_allocator ours;
    unsigned char *block = NULL;
    size_t size;
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    *table = NULL;
    if ((st = snnk__check_pointer(path, "path")) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__file_read(path, &ours, &block, &size)) != SNNK_OK) return st;
    if (snnk__is_gzip(block, size)) {
        unsigned char *unzipped;

        st = snnk__gunzip(block, size, &ours, &unzipped, &size);
        if (st != SNNK_OK) goto done;
        snnk__free(&ours, block);
        block = unzipped;
    }
    if ((st = snnk__table_parse(block, size, &ours, table)) != SNNK_OK) goto done;
    if (!(*table)->values) {
        (*table)->block = block;
        block = NULL;
    }
done:
    snnk__free(&ours, block);
    return st == SNNK_OK ? st : snnk__fail_within(st, "%s", path);
}

void snnk_table_free(snnk_table *table) {
    if (!table) return;
    const snnk_allocator allocator = table->allocator;
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

/* x[i] = element i of n at `cells`, rounded to float. A cast to float rounds to nearest, and to
 * infinity what is too large (IEC 60559). */
static void convert(snnk__element type, bool big, const unsigned char *cells, size_t n, float *x) {
    switch (type) {
    case SNNK__ELEMENT_BOOL:
        for (size_t i = 0; i < n; i++) x[i] = cells[i] != 0;
        return;
    case SNNK__ELEMENT_U8:
        for (size_t i = 0; i < n; i++) x[i] = cells[i];
        return;
    case SNNK__ELEMENT_I8:
        for (size_t i = 0; i < n; i++) x[i] = (int8_t)cells[i];
        return;
    case SNNK__ELEMENT_U16:
        for (size_t i = 0; i < n; i++) x[i] = snnk__load_u16(cells + 2 * i, big);
        return;
    case SNNK__ELEMENT_I16:
        for (size_t i = 0; i < n; i++) x[i] = (int16_t)snnk__load_u16(cells + 2 * i, big);
        return;
    case SNNK__ELEMENT_U32:
        for (size_t i = 0; i < n; i++) x[i] = (float)snnk__load_u32(cells + 4 * i, big);
        return;
    case SNNK__ELEMENT_I32:
        for (size_t i = 0; i < n; i++) x[i] = (float)(int32_t)snnk__load_u32(cells + 4 * i, big);
        return;
    case SNNK__ELEMENT_U64:
        for (size_t i = 0; i < n; i++) x[i] = (float)snnk__load_u64(cells + 8 * i, big);
        return;
    case SNNK__ELEMENT_I64:
        for (size_t i = 0; i < n; i++) x[i] = (float)(int64_t)snnk__load_u64(cells + 8 * i, big);
        return;
    case SNNK__ELEMENT_F32:
        for (size_t i = 0; i < n; i++) x[i] = snnk__load_f32(cells + 4 * i, big);
        return;
    case SNNK__ELEMENT_F64:
        for (size_t i = 0; i < n; i++) x[i] = (float)snnk__load_f64(cells + 8 * i, big);
        return;
    }
}

int snnk_table_read(const snnk_table *table, size_t first, size_t n, float *X, size_t ldx) {
    size_t row_bytes;
    int st;

    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if (first > table->rows || n > table->rows - first)
        return snnk__fail(SNNK_E_RANGE, "first = %zu, n = %zu: the table has %zu rows", first, n,
                          table->rows);
    st = snnk__check_matrix(X, "X", n, table->columns, ldx, sizeof *X);
    if (st != SNNK_OK) return st;
    row_bytes = table->columns * snnk__element_bytes(table->type);
    for (size_t i = 0; i < n; i++)
        convert(table->type, table->big_endian, table->cells + (first + i) * row_bytes,
                table->columns, X + i * ldx);
    return SNNK_OK;
}
