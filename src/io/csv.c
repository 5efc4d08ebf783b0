/* The text is read in three passes: the header; all numbers, and which columns have words; the
 * words of these columns, if there are any. */
#define _POSIX_C_SOURCE 200809L

#include "io/csv.h"

#include <locale.h>
#include <stdlib.h>

#include "base/size.h"
#include "io/csv_scan.h"

/* Codes are floats: more words than this would not have different codes. */
#define MAX_WORDS ((size_t)1 << 24)

/* One cell of a column of words. */
typedef struct word_cell {
    const unsigned char *text;
    uint32_t length, row;
} word_cell;

typedef struct csv_reader {
    snnk_table *table;
    locale_t c_locale;
    snnk__csv_scanner body;  /* at the first record */
    size_t capacity;         /* rows that fit in table->values */
    unsigned char *is_words; /* columns */
    size_t word_columns;
    word_cell *cells; /* word_columns x rows */
} csv_reader;

static void skip_mark(snnk__cursor *file) {
    if (file->left >= 3 && memcmp(file->at, "\xef\xbb\xbf", 3) == 0) {
        file->at += 3;
        file->left -= 3;
    }
}

/* Drop empty lines at the end: they are not records. */
static void trim_end(snnk__cursor *file) {
    while (file->left > 0 && (file->at[file->left - 1] == '\n' || file->at[file->left - 1] == '\r'))
        file->left--;
}

static int read_names(snnk__csv_scanner header, snnk_table *table) {
    const size_t text_bytes = header.rest.left;
    snnk__csv_scanner end = header;
    snnk__csv_field field;
    bool last = false;
    size_t used = 0;
    int st;

    while (!last) {
        if ((st = snnk__csv_take(&end, &field, &last)) != SNNK_OK) return st;
        table->columns++;
    }
    /* A name is at most as long as its field, and its terminating NUL takes the separator's
     * place. */
    st = snnk__alloc(&table->allocator, text_bytes - end.rest.left + 1, 1, "column names",
                     &table->names_text);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&table->allocator, table->columns, sizeof *table->names, "column names",
                     &table->names);
    if (st != SNNK_OK) return st;
    for (size_t j = 0; j < table->columns; j++) {
        if ((st = snnk__csv_take(&header, &field, &last)) != SNNK_OK) return st;
        table->names[j] = table->names_text + used;
        used += snnk__csv_copy(field, table->names_text + used);
    }
    return SNNK_OK;
}

/* An upper bound on the number of records: each takes at least a byte for each column (the last may
 * lack its line end), and each but the last a line feed. So memory stays below 4 times the file. */
static size_t count_records(snnk__cursor rest, size_t columns) {
    const size_t by_size = (rest.left + 1) / columns;
    size_t lines = rest.left > 0;

    for (const unsigned char *p; rest.left > 0;) {
        p = memchr(rest.at, '\n', rest.left);
        if (!p) break;
        lines++;
        rest.left -= (size_t)(p - rest.at) + 1;
        rest.at = p + 1;
    }
    return snnk__min_size(lines, by_size);
}

/* Read one record into row `row`. Fields beyond the last column are only counted. */
static int read_record(csv_reader *csv, snnk__csv_scanner *scanner, size_t row) {
    const size_t columns = csv->table->columns, line = scanner->line;
    size_t fields = 0;
    bool last = false;

    while (!last) {
        snnk__csv_field field;
        double value;
        const int st = snnk__csv_take(scanner, &field, &last);

        if (st != SNNK_OK) return st;
        if (fields < columns && row < csv->capacity && !csv->is_words[fields]) {
            if (snnk__csv_number(field, csv->c_locale, &value))
                csv->table->values[row * columns + fields] = (float)value;
            else
                csv->is_words[fields] = 1;
        }
        fields++;
    }
    if (fields != columns)
        return snnk__fail(SNNK_E_RAGGED, "line %zu has %zu fields, but the header has %zu", line,
                          fields, columns);
    if (row >= csv->capacity)
        return snnk__fail(SNNK_E_INTERNAL, "more than %zu records", csv->capacity);
    return SNNK_OK;
}

static int read_numbers(csv_reader *csv) {
    snnk__csv_scanner scanner = csv->body;
    int st;

    csv->table->rows = 0;
    while (scanner.rest.left > 0) {
        if ((st = read_record(csv, &scanner, csv->table->rows)) != SNNK_OK) return st;
        csv->table->rows++;
    }
    for (size_t j = 0; j < csv->table->columns; j++) csv->word_columns += csv->is_words[j];
    return SNNK_OK;
}

/* Find the cells of the columns of words. The text was read once without error. */
static int locate_words(csv_reader *csv) {
    const size_t columns = csv->table->columns, rows = csv->table->rows;
    snnk__csv_scanner scanner = csv->body;

    for (size_t row = 0; row < rows; row++) {
        size_t k = 0;

        for (size_t j = 0; j < columns; j++) {
            snnk__csv_field field;
            bool last;
            const int st = snnk__csv_take(&scanner, &field, &last);

            if (st != SNNK_OK) return st;
            if (!csv->is_words[j]) continue;
            if (field.length > UINT32_MAX || row > UINT32_MAX)
                return snnk__fail(
                    SNNK_E_SIZE,
                    "there are more than 2^32 rows, or a word is longer than 2^32 bytes");
            csv->cells[k++ * rows + row] =
                (word_cell){field.text, (uint32_t)field.length, (uint32_t)row};
        }
    }
    return SNNK_OK;
}

/* Bytewise order; a word comes before the longer words that begin with it. */
static int compare_words(const void *left, const void *right) {
    const word_cell *a = left, *b = right;
    const int order = memcmp(a->text, b->text, snnk__min_size(a->length, b->length));

    if (order != 0) return order;
    return (a->length > b->length) - (a->length < b->length);
}

/* Sort a column's cells and write their codes. Adds to *n_words and *text_bytes the number of
 * distinct words and their bytes with terminating NULs. */
static int code_column(csv_reader *csv, size_t j, word_cell *cells, size_t *n_words,
                       size_t *text_bytes) {
    snnk_table *table = csv->table;
    size_t code = 0;

    qsort(cells, table->rows, sizeof *cells, compare_words);
    for (size_t i = 0; i < table->rows; i++) {
        const bool is_new = i == 0 || compare_words(cells + i - 1, cells + i) != 0;

        if (is_new && i > 0) code++;
        if (is_new) *text_bytes += (size_t)cells[i].length + 1;
        table->values[cells[i].row * table->columns + j] = (float)code;
    }
    if (code >= MAX_WORDS)
        return snnk__fail(SNNK_E_SIZE, "column %zu has more than %zu different words", j,
                          MAX_WORDS);
    *n_words += code + 1;
    return SNNK_OK;
}

/* Copy the distinct words of the sorted columns. */
static void copy_words(csv_reader *csv) {
    snnk_table *table = csv->table;
    const word_cell *cells = csv->cells;
    size_t n_words = 0, used = 0;

    for (size_t j = 0; j < table->columns; j++) {
        table->word_start[j] = n_words;
        if (!csv->is_words[j]) continue;
        for (size_t i = 0; i < table->rows; i++) {
            if (i > 0 && compare_words(cells + i - 1, cells + i) == 0) continue;
            table->words[n_words++] = table->words_text + used;
            used += snnk__csv_copy((snnk__csv_field){cells[i].text, cells[i].length},
                                   table->words_text + used);
        }
        cells += table->rows;
    }
    table->word_start[table->columns] = n_words;
}

static int read_words(csv_reader *csv) {
    snnk_table *table = csv->table;
    const snnk_allocator *allocator = &table->allocator;
    size_t n_cells, n_words = 0, text_bytes = 0, k = 0;
    int st;

    /* No overflow: at most rows x columns, for which there already are values. */
    n_cells = csv->word_columns * table->rows;
    st = snnk__alloc(allocator, n_cells, sizeof *csv->cells, "words", &csv->cells);
    if (st != SNNK_OK) return st;
    if ((st = locate_words(csv)) != SNNK_OK) return st;
    for (size_t j = 0; j < table->columns; j++) {
        if (!csv->is_words[j]) continue;
        st = code_column(csv, j, csv->cells + k++ * table->rows, &n_words, &text_bytes);
        if (st != SNNK_OK) return st;
    }
    st = snnk__alloc(allocator, table->columns + 1, sizeof(size_t), "words", &table->word_start);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, n_words, sizeof *table->words, "words", &table->words);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(allocator, text_bytes, 1, "words", &table->words_text);
    if (st != SNNK_OK) return st;
    copy_words(csv);
    return SNNK_OK;
}

/* Allocate by the largest possible number of records, and read them. */
static int read_body(csv_reader *csv) {
    snnk_table *table = csv->table;
    size_t n_values;
    int st;

    csv->capacity = count_records(csv->body.rest, table->columns);
    n_values = csv->capacity * table->columns; /* <= bytes of the file + 1 */
    st = snnk__alloc(&table->allocator, snnk__max_size(n_values, 1), sizeof(float), "a table",
                     &table->values);
    if (st != SNNK_OK) return st;
    st = snnk__alloc_zero(&table->allocator, table->columns, 1, "column kinds", &csv->is_words);
    if (st != SNNK_OK) return st;
    if ((st = read_numbers(csv)) != SNNK_OK) return st;
    return csv->word_columns > 0 ? read_words(csv) : SNNK_OK;
}

int snnk__csv_parse(snnk__cursor file, snnk_table *table) {
    csv_reader csv = {.table = table};
    snnk__csv_field field;
    bool last = false;
    int st;

    skip_mark(&file);
    trim_end(&file);
    csv.body = (snnk__csv_scanner){file, 1};
    if (file.left == 0 || *file.at == '\n' || *file.at == '\r')
        return snnk__fail(SNNK_E_FORMAT, "the header line is empty");
    if ((st = read_names(csv.body, table)) != SNNK_OK) return st;
    while (!last)
        if ((st = snnk__csv_take(&csv.body, &field, &last)) != SNNK_OK) return st;

    csv.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!csv.c_locale) return snnk__fail(SNNK_E_NOMEM, "out of memory for the C locale");
    st = read_body(&csv);
    freelocale(csv.c_locale);
    snnk__free(&table->allocator, csv.is_words);
    snnk__free(&table->allocator, csv.cells);
    if (st != SNNK_OK) return st;
    table->type = SNNK__ELEMENT_F32;
    table->big_endian = !snnk__host_is_little_endian();
    table->cells = (const unsigned char *)table->values;
    return SNNK_OK;
}
