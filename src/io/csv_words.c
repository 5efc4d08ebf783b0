#include "io/csv_words.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"

/* One cell of a column of words. Its length is 0 if it is missing. */
typedef struct word_cell {
    const unsigned char *text;
    uint32_t length, row;
} word_cell;

/* Find the cells of the columns of words: for each column, one after another, `rows` cells. */
static int locate_words(snnk__csv_scanner scanner, const snnk_table *table, word_cell *cells) {
    for (size_t row = 0; row < table->rows; row++) {
        bool last = false;
        size_t k = 0;

        for (size_t j = 0; !last; j++) {
            snnk__csv_field field;
            const int st = snnk__csv_take(&scanner, &field, &last);

            if (st != SNNK_OK) return st;
            if (j >= table->columns || !table->about[j].is_words) continue;
            if (field.length > UINT32_MAX || row >= INT32_MAX)
                return snnk__fail(
                    SNNK_E_SIZE,
                    "there are more than 2^31 rows, or a word is longer than 2^32 bytes");
            if (snnk__csv_trim(field).length == 0) field.length = 0;
            cells[k++ * table->rows + row] =
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

/* Whether sorted cell i has another word than the one before it. */
static bool is_new(const word_cell *cells, size_t i) {
    return cells[i].length > 0 && (i == 0 || compare_words(cells + i - 1, cells + i) != 0);
}

/* Sort a column's cells and write their indices. Adds to *n_words and *text_bytes the number of
 * distinct words and their bytes with terminating NULs. */
static void index_column(snnk_table *table, size_t j, word_cell *cells, size_t *n_words,
                         size_t *text_bytes) {
    snnk__table_column *column = table->about + j;

    qsort(cells, table->rows, sizeof *cells, compare_words);
    for (size_t i = 0; i < table->rows; i++) {
        if (is_new(cells, i)) {
            column->n_words++;
            *text_bytes += (size_t)cells[i].length + 1;
        }
        table->values[cells[i].row * table->columns + j] =
            cells[i].length > 0 ? (double)(column->n_words - 1) : (double)NAN;
    }
    column->first_word = *n_words;
    *n_words += column->n_words;
}

/* Copy the distinct words of the sorted columns. */
static void copy_words(snnk_table *table, const word_cell *cells) {
    size_t n_words = 0, used = 0;

    for (size_t j = 0; j < table->columns; j++) {
        if (!table->about[j].is_words) continue;
        for (size_t i = 0; i < table->rows; i++) {
            if (!is_new(cells, i)) continue;
            table->words[n_words++] = table->words_text + used;
            used += snnk__csv_copy((snnk__csv_field){cells[i].text, cells[i].length, false},
                                   table->words_text + used);
        }
        cells += table->rows;
    }
}

static int read_cells(snnk__csv_scanner body, snnk_table *table, word_cell *cells) {
    size_t n_words = 0, text_bytes = 0, k = 0;
    int st;

    if ((st = locate_words(body, table, cells)) != SNNK_OK) return st;
    for (size_t j = 0; j < table->columns; j++)
        if (table->about[j].is_words)
            index_column(table, j, cells + k++ * table->rows, &n_words, &text_bytes);
    st = snnk__alloc(&table->allocator, n_words, sizeof *table->words, "words", &table->words);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&table->allocator, text_bytes, 1, "words", &table->words_text);
    if (st != SNNK_OK) return st;
    copy_words(table, cells);
    return SNNK_OK;
}

int snnk__csv_read_words(snnk__csv_scanner body, snnk_table *table) {
    word_cell *cells = NULL;
    size_t columns = 0;
    int st;

    for (size_t j = 0; j < table->columns; j++) columns += table->about[j].is_words;
    if (columns == 0) return SNNK_OK;
    /* No overflow: at most rows x columns, for which there already are values. */
    st = snnk__alloc(&table->allocator, columns * table->rows, sizeof *cells, "words", &cells);
    if (st != SNNK_OK) return st;
    st = read_cells(body, table, cells);
    snnk__free(&table->allocator, cells);
    return st;
}
