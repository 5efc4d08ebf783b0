/* Rows of a table through an encoder. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "encode/encoder.h"

/* Rows that are read at a time. */
enum { BLOCK_ROWS = 256 };

static const snnk_encoder_report no_report = {.size = sizeof(snnk_encoder_report)};

#define REPORT_MINIMUM sizeof(snnk_encoder_report)

/* Where the columns of the encoder are in a table, and room for a block of rows. */
typedef struct pass {
    const snnk_encoder *encoder;
    const snnk_table *table;
    size_t *at;      /* n_columns: the index in the table */
    size_t *numbers; /* the indices of columns of numbers, n_numbers */
    size_t n_numbers;
    double *values; /* BLOCK_ROWS x n_numbers */
    int32_t words[BLOCK_ROWS];
    snnk_encoder_report report;
} pass;

/* Find a column of the encoder in the table: usually where it was when it was learned. */
static int find(const pass *p, const snnk__column *column, size_t *at) {
    const size_t n = snnk_table_columns(p->table);
    const char *name = snnk_table_column_name(p->table, column->position);

    *at = column->position;
    if (column->name && !snnk_table_column_name(p->table, 0)) {
        *at = (size_t)(column - p->encoder->columns);
        if (n == p->encoder->n_columns) return SNNK_OK;
        return snnk__fail(SNNK_E_SHAPE,
                          "the table has no column names, so it needs the %zu columns of the "
                          "training data in their order, but it has %zu",
                          p->encoder->n_columns, n);
    }
    if (!column->name) {
        if (column->position < n) return SNNK_OK;
        return snnk__fail(SNNK_E_SHAPE, "the table has no column %zu, which is needed, only %zu",
                          column->position + 1, n);
    }
    if (name && strcmp(name, column->name) == 0) return SNNK_OK;
    for (*at = 0; *at < n; (*at)++)
        if (strcmp(snnk_table_column_name(p->table, *at), column->name) == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_SHAPE, "the table has no column \"%s\", which is needed",
                      column->name);
}

/* Whether a column of the table has no values at all: then its type says nothing. */
static bool is_empty(const snnk_table *table, size_t column) {
    return snnk_table_missing(table, column) == snnk_table_rows(table);
}

static bool has_words(const snnk_table *table, size_t column) {
    return snnk_table_column_type(table, column) == SNNK_COLUMN_WORDS;
}

/* Whether a missing value of a column is an error. */
static bool refuses_gaps(const pass *p, const snnk__column *column) {
    return p->encoder->missing == SNNK_MISSING_REFUSE ||
           (p->encoder->missing == SNNK_MISSING_KNOWN && !column->has_gaps);
}

/* What to do about a field that has a wrong value. */
static const char *cure(const pass *p, const snnk__column *column) {
    return refuses_gaps(p, column) ? "remove the row" : "leave the field empty";
}

/* Name the first word of a column that had numbers. */
static int refuse_words(const pass *p, const snnk__column *column, size_t at) {
    const size_t row = snnk_table_first_word_row(p->table, at);
    int32_t word = -1;
    const int st = snnk_table_read_words(p->table, at, row, 1, &word);

    if (st != SNNK_OK) return st;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "row %zu, column \"%s\": \"%.60s\" is not a number, but the column had "
                      "numbers in the training data: correct it, or %s",
                      row + 1, snnk__label_of(column).text,
                      snnk_table_word(p->table, at, (size_t)word), cure(p, column));
}

/* Name the first number of a column that had words. */
static int refuse_numbers(const pass *p, const snnk__column *column, size_t at) {
    const size_t rows = snnk_table_rows(p->table);
    double value = (double)NAN;
    size_t row = 0;

    for (; row < rows && isnan(value); row++) {
        const int st = snnk_table_read_columns(p->table, row, 1, 1, &at, &value, 1);

        if (st != SNNK_OK) return st;
    }
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "row %zu, column \"%s\": %.15g is a number, but the column had %s in the "
                      "training data%s%.60s: check that it is the same column",
                      row, snnk__label_of(column).text, value, column->encoding->name,
                      column->n_words > 0 ? ", such as " : "",
                      column->n_words > 0 ? column->words[0] : "");
}

static int check_type(const pass *p, const snnk__column *column, size_t at) {
    const bool words = has_words(p->table, at);

    if (words == column->encoding->of_words || is_empty(p->table, at)) return SNNK_OK;
    return words ? refuse_words(p, column, at) : refuse_numbers(p, column, at);
}

static bool is_read(const snnk__column *column) {
    return column->encoding != &snnk__encoding_constant;
}

static int prepare(pass *p) {
    const snnk_encoder *e = p->encoder;
    size_t count;
    int st;

    st = snnk__alloc(&e->allocator, e->n_columns, sizeof *p->at, "column indices", &p->at);
    if (st != SNNK_OK) return st;
    st =
        snnk__alloc(&e->allocator, e->n_columns, sizeof *p->numbers, "column indices", &p->numbers);
    if (st != SNNK_OK) return st;
    for (size_t k = 0; k < e->n_columns; k++) {
        if (!is_read(&e->columns[k])) continue;
        if ((st = find(p, &e->columns[k], &p->at[k])) != SNNK_OK) return st;
        if ((st = check_type(p, &e->columns[k], p->at[k])) != SNNK_OK) return st;
        if (!has_words(p->table, p->at[k])) p->numbers[p->n_numbers++] = p->at[k];
    }
    if (!snnk__mul_size(p->n_numbers, BLOCK_ROWS, &count))
        return snnk__fail(SNNK_E_SIZE, "a block of %zu columns overflows size_t", p->n_numbers);
    return snnk__alloc(&e->allocator, count, sizeof *p->values, "a block of rows", &p->values);
}

/* Add row, column and cure to the sentence of a value that cannot be encoded. */
static int fail_value(const pass *p, const snnk__column *column, size_t row, int st) {
    snnk__sentence sentence;

    snnk__sentence_save(&sentence);
    return snnk__fail(st, "row %zu, column \"%s\": %s: correct it, or %s", row,
                      snnk__label_of(column).text, sentence.text, cure(p, column));
}

static int refuse_gap(const pass *p, const snnk__column *column, size_t row) {
    return snnk__fail(
        SNNK_E_NONFINITE,
        "row %zu, column \"%s\": the value is missing%s: fill it in, or learn with "
        "SNNK_MISSING_MEAN",
        row, snnk__label_of(column).text,
        p->encoder->missing == SNNK_MISSING_KNOWN ? ", but none was in the training data" : "");
}

/* Count a missing value. Columns come one after another, so that an earlier row may come later. */
static void count_missing(pass *p, const snnk__column *column, size_t row) {
    if (p->report.missing++ > 0 && row >= p->report.missing_row) return;
    p->report.missing_row = row;
    p->report.missing_column = (uint64_t)(column - p->encoder->columns);
}

/* Encode one field, whose outputs are zeros. row: counted from 1, for sentences. */
static int encode_field(pass *p, const snnk__column *column, bool missing, snnk__field field,
                        size_t row, double *outputs) {
    bool known = true;
    int st;

    if (missing) {
        if (refuses_gaps(p, column)) return refuse_gap(p, column, row);
        count_missing(p, column, row - 1);
        column->encoding->fill(column, outputs);
        if (column->has_gaps) outputs[column->encoding->outputs(column)] = 1;
        return SNNK_OK;
    }
    if (!column->encoding->of_words && !isfinite(field.number))
        return snnk__fail(SNNK_E_NONFINITE,
                          "row %zu, column \"%s\": %g is not a finite number: correct it, or %s",
                          row, snnk__label_of(column).text, field.number, cure(p, column));
    st = column->encoding->encode(column, field, outputs, &known);
    if (!known) p->report.unknown_words++;
    return st == SNNK_OK ? st : fail_value(p, column, row, st);
}

static int encode_numbers(pass *p, const snnk__column *column, size_t index, size_t first, size_t n,
                          double *X, size_t ldx) {
    int st = SNNK_OK;

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        const double value = p->values[i * p->n_numbers + index];

        st = encode_field(p, column, isnan(value), (snnk__field){.number = value}, first + i + 1,
                          X + i * ldx);
    }
    return st;
}

static int encode_words(pass *p, const snnk__column *column, size_t at, size_t first, size_t n,
                        double *X, size_t ldx) {
    int st = snnk_table_read_words(p->table, at, first, n, p->words);

    for (size_t i = 0; st == SNNK_OK && i < n; i++) {
        const bool missing = p->words[i] < 0;
        const char *word = missing ? NULL : snnk_table_word(p->table, at, (size_t)p->words[i]);

        st = encode_field(p, column, missing, (snnk__field){.word = word}, first + i + 1,
                          X + i * ldx);
    }
    return st;
}

/* Encode at most BLOCK_ROWS rows. */
static int encode_block(pass *p, size_t first, size_t n, double *X, size_t ldx) {
    const snnk_encoder *e = p->encoder;
    size_t number = 0;
    int st = SNNK_OK;

    for (size_t i = 0; i < n; i++) memset(X + i * ldx, 0, e->outputs * sizeof *X);
    if (p->n_numbers > 0)
        st = snnk_table_read_columns(p->table, first, n, p->n_numbers, p->numbers, p->values,
                                     p->n_numbers);
    for (size_t k = 0; st == SNNK_OK && k < e->n_columns; k++) {
        const snnk__column *column = &e->columns[k];

        if (!is_read(column)) continue;
        st = has_words(p->table, p->at[k]) ? encode_words(p, column, p->at[k], first, n, X, ldx)
                                           : encode_numbers(p, column, number++, first, n, X, ldx);
        X += snnk__column_outputs(column);
    }
    return st;
}

int snnk_encoder_apply(const snnk_encoder *encoder, const snnk_table *table, size_t first, size_t n,
                       double *X, size_t ldx, snnk_encoder_report *report) {
    pass p = {.encoder = encoder, .table = table, .report = no_report};
    int st;

    if ((st = snnk__check_pointer(encoder, "encoder")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(table, "table")) != SNNK_OK) return st;
    if (first > snnk_table_rows(table) || n > snnk_table_rows(table) - first)
        return snnk__fail(SNNK_E_RANGE, "first = %zu and n = %zu, but the table has %zu rows",
                          first, n, snnk_table_rows(table));
    st = snnk__check_matrix(X, "X", n, encoder->outputs, ldx, sizeof *X);
    if (st != SNNK_OK) return st;
    st = snnk__config_check(report, sizeof *report, REPORT_MINIMUM, "encoder report");
    if (st != SNNK_OK) return st;
    st = prepare(&p);
    for (size_t done = 0; st == SNNK_OK && done < n; done += BLOCK_ROWS)
        st = encode_block(&p, first + done, snnk__min_size(BLOCK_ROWS, n - done), X + done * ldx,
                          ldx);
    snnk__free(&encoder->allocator, p.values);
    snnk__free(&encoder->allocator, p.numbers);
    snnk__free(&encoder->allocator, p.at);
    if (st != SNNK_OK || !report) return st;
    return snnk__config_write(report, &p.report, sizeof p.report, REPORT_MINIMUM, "encoder report");
}
