/* The text is read in several passes: how it is written; the names; all numbers, and which columns
 * have words; the words of these columns, if there are any. */
#define _POSIX_C_SOURCE 200809L

#include "io/csv.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "base/size.h"
#include "io/csv_comments.h"
#include "io/csv_encoding.h"
#include "io/csv_words.h"

typedef struct csv_reader {
    snnk_table *table;
    snnk__csv_dialect dialect;
    snnk__csv_scanner body; /* at the first record */
    size_t capacity;        /* rows that fit in table->values */
    size_t *empty;          /* how many fields of each column are empty */
    bool trailing;          /* each record ends with a separator that begins no field */
    bool marked;            /* the header has a # before its first name */
} csv_reader;

/* ---- Names ---- */

/* Put the # back before the first name if it would be empty, or that of another column. */
static void restore_mark(snnk_table *table) {
    bool needed = *table->about[0].name == '\0';

    for (size_t j = 1; j < table->columns && !needed; j++)
        needed = strcmp(table->about[j].name, table->about[0].name) == 0;
    if (needed) table->about[0].name = table->names_text;
}

/* Take the names from the header, and leave the scanner after it. */
static int take_header(csv_reader *csv) {
    snnk_table *table = csv->table;
    size_t used = 0;
    bool last;

    if (csv->marked) table->names_text[used++] = '#';

    for (size_t j = 0; j < table->columns; j++) {
        snnk__csv_field field;
        const int st = snnk__csv_take(&csv->body, &field, &last);

        if (st != SNNK_OK) return st;
        table->about[j].name = table->names_text + used;
        used += snnk__csv_copy(field, table->names_text + used);
    }
    if (csv->marked) restore_mark(table);
    return SNNK_OK;
}

/* The longest number of a column, with its NUL. */
#define NUMBER_BYTES 21

static int read_names(csv_reader *csv) {
    snnk_table *table = csv->table;
    const snnk_allocator *allocator = &table->allocator;
    size_t bytes, text_bytes;
    bool empty_end = false;
    int st;

    st = snnk__csv_count(csv->body, &table->columns, &bytes, &empty_end);
    if (st != SNNK_OK) return st;
    st =
        snnk__alloc_zero(allocator, table->columns, sizeof *table->about, "columns", &table->about);
    if (st != SNNK_OK) return st;
    /* A name is at most as long as its field, and its terminating NUL takes the separator's
     * place. One byte more is for the # before the first. */
    text_bytes = bytes + 2;
    if (!table->has_header && !snnk__mul_size(table->columns, NUMBER_BYTES, &text_bytes))
        return snnk__fail(SNNK_E_SIZE, "%zu columns are too many", table->columns);
    st = snnk__alloc(allocator, text_bytes, 1, "column names", &table->names_text);
    if (st != SNNK_OK) return st;
    if (table->has_header) return take_header(csv);
    for (size_t j = 0; j < table->columns; j++) {
        char *name = table->names_text + NUMBER_BYTES * j;

        snprintf(name, NUMBER_BYTES, "%zu", j + 1);
        table->about[j].name = name;
    }
    return SNNK_OK;
}

/* ---- Numbers ---- */

/* An upper bound on the number of records: each takes at least a byte for each column (the last may
 * lack its line end), and each but the last a line feed. So memory stays below 8 times the file. */
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

/* Whether all records end with a separator that begins no field, as the first record shows. */
static int find_trailing(csv_reader *csv) {
    size_t fields, bytes;
    bool empty_end = false;
    int st;

    if (csv->body.rest.left == 0) return SNNK_OK;
    if ((st = snnk__csv_count(csv->body, &fields, &bytes, &empty_end)) != SNNK_OK) return st;
    csv->trailing = empty_end && fields == csv->table->columns + 1;
    return SNNK_OK;
}

static const char *separator_name(unsigned char separator) {
    switch (separator) {
    case '\t': return "a tab";
    case ' ': return "spaces";
    case ';': return "';'";
    case '|': return "'|'";
    default: return "','";
    }
}

/* record: the text from the record on. */
static int fail_ragged(const csv_reader *csv, snnk__cursor record, size_t line, size_t fields) {
    const unsigned char separator = csv->dialect.separator;
    const char *other = csv->table->has_header ? "the header" : "the first line";
    const size_t columns = csv->table->columns;

    if (fields == 1 && fields < columns && (record.left == 0 || strchr("\r\n", *record.at)))
        return snnk__fail(SNNK_E_RAGGED, "line %zu is empty: remove it", line);
    if (record.left > 0 && *record.at == '#')
        return snnk__fail(SNNK_E_RAGGED,
                          "line %zu begins with #: remove it. Only lines before the header are "
                          "skipped as comments",
                          line);
    if (fields < columns && separator == ' ')
        return snnk__fail(SNNK_E_RAGGED,
                          "line %zu has %zu fields, but %s has %zu: write NA where a value is "
                          "missing, and quotes around fields with spaces",
                          line, fields, other, columns);
    if (fields < columns)
        return snnk__fail(SNNK_E_RAGGED,
                          "line %zu has %zu fields, but %s has %zu: leave a field empty where its "
                          "value is missing",
                          line, fields, other, columns);
    return snnk__fail(SNNK_E_RAGGED,
                      "line %zu has %zu fields, but %s has %zu: put quotes around fields that "
                      "contain %s, or choose another separator",
                      line, fields, other, columns, separator_name(separator));
}

/* Store a field. A column of words only counts its empty fields from its first word on. */
static void take_field(csv_reader *csv, snnk__csv_field field, size_t row, size_t line, size_t j) {
    snnk__table_column *column = csv->table->about + j;
    double value = NAN;

    if (column->is_words) {
        csv->empty[j] += snnk__csv_trim(field).length == 0;
        return;
    }
    switch (snnk__csv_classify(&csv->dialect, field, &value)) {
    case SNNK__CSV_NUMBER: break;
    case SNNK__CSV_EMPTY:
        csv->empty[j]++;
        column->missing++;
        value = NAN;
        break;
    case SNNK__CSV_MISSING:
        column->missing++;
        value = NAN;
        break;
    case SNNK__CSV_WORD:
        column->is_words = true;
        column->word_row = row;
        column->word_line = line;
        break;
    }
    csv->table->values[row * csv->table->columns + j] = value;
}

static int read_record(csv_reader *csv, snnk__csv_scanner *scanner, size_t row) {
    const size_t columns = csv->table->columns, line = scanner->line;
    const snnk__cursor record = scanner->rest;
    snnk__csv_field field = {0};
    size_t fields = 0;
    bool last = false;

    while (!last) {
        const size_t field_line = scanner->line;
        const int st = snnk__csv_take(scanner, &field, &last);

        if (st != SNNK_OK) return st;
        if (fields < columns && row < csv->capacity)
            take_field(csv, field, row, field_line, fields);
        fields++;
    }
    if (fields != columns + csv->trailing || (csv->trailing && field.length > 0))
        return fail_ragged(csv, record, line, fields);
    if (row >= csv->capacity)
        return snnk__fail(SNNK_E_INTERNAL, "more than %zu records", csv->capacity);
    return SNNK_OK;
}

static int read_records(csv_reader *csv) {
    snnk__csv_scanner scanner = csv->body;
    snnk_table *table = csv->table;
    int st;

    while (scanner.rest.left > 0) {
        if ((st = read_record(csv, &scanner, table->rows)) != SNNK_OK) return st;
        table->rows++;
    }
    for (size_t j = 0; j < table->columns; j++)
        if (table->about[j].is_words) table->about[j].missing = csv->empty[j];
    return SNNK_OK;
}

/* Drop a last column that has neither a name nor any value: the separators at the end of lines. */
static void drop_nameless(csv_reader *csv) {
    snnk_table *table = csv->table;
    const size_t columns = table->columns, kept = columns - 1;

    if (columns < 2 || (table->has_header && *table->about[kept].name)) return;
    if (csv->empty[kept] < table->rows || (!table->has_header && table->rows == 0)) return;
    for (size_t i = 1; i < table->rows; i++)
        memmove(table->values + i * kept, table->values + i * columns,
                kept * sizeof *table->values);
    table->columns = kept;
}

/* Allocate by the largest possible number of records, and read them. */
static int read_body(csv_reader *csv) {
    snnk_table *table = csv->table;
    size_t n_values;
    int st;

    if ((st = find_trailing(csv)) != SNNK_OK) return st;
    csv->capacity = count_records(csv->body.rest, table->columns);
    n_values = csv->capacity * table->columns; /* <= bytes of the file + 1 */
    st = snnk__alloc(&table->allocator, snnk__max_size(n_values, 1), sizeof *table->values,
                     "a table", &table->values);
    if (st != SNNK_OK) return st;
    st = snnk__alloc_zero(&table->allocator, table->columns, sizeof *csv->empty, "columns",
                          &csv->empty);
    if (st != SNNK_OK) return st;
    if ((st = read_records(csv)) != SNNK_OK) return st;
    drop_nameless(csv);
    return snnk__csv_read_words(csv->body, table);
}

/* ---- The file ---- */

/* Find how the text is written, and where its header or its first record is. */
static int find_begin(csv_reader *csv, snnk__cursor file, const snnk_table_config *config,
                      void *c_locale, snnk__csv_place *begin) {
    const snnk__csv_place rest = snnk__csv_skip_marked(file);
    snnk_table_config without = *config;
    int st;

    st = snnk__csv_dialect_find(rest.text, rest.lines + 1, config, c_locale, &csv->dialect);
    if (st != SNNK_OK) return st;
    switch (snnk__csv_find_marked(file, rest, &csv->dialect, config->header, begin)) {
    case SNNK__CSV_COMMENTS: return SNNK_OK;
    case SNNK__CSV_HEADER: csv->dialect.has_header = true; return SNNK_OK;
    default: break;
    }
    without.header = SNNK_TABLE_HEADER_NO;
    return snnk__csv_dialect_find(begin->text, begin->lines + 1, &without, c_locale, &csv->dialect);
}

static int begin_table(csv_reader *csv, snnk__cursor file, const snnk_table_config *config,
                       void *c_locale) {
    snnk_table *table = csv->table;
    snnk__csv_place begin;
    const int st = find_begin(csv, file, config, c_locale, &begin);

    if (st != SNNK_OK) return st;
    table->has_header = csv->dialect.has_header;
    table->separator = csv->dialect.separator;
    table->decimal = csv->dialect.decimal;
    table->comment_lines = begin.lines;
    if (table->has_header && *begin.text.at == '#') {
        const snnk__cursor names = snnk__csv_after_mark(begin.text);

        csv->marked = names.left > 0;
        if (csv->marked) begin.text = names;
    }
    if (table->separator != '\t') begin.text = snnk__csv_trim_end(begin.text, true);
    csv->body = (snnk__csv_scanner){
        .rest = begin.text, .line = begin.lines + 1, .separator = table->separator};
    return SNNK_OK;
}

static int parse(csv_reader *csv, snnk__cursor file, const snnk_table_config *config,
                 void *c_locale) {
    snnk_table *table = csv->table;
    int st;

    if ((st = begin_table(csv, file, config, c_locale)) != SNNK_OK) return st;
    if ((st = read_names(csv)) != SNNK_OK) return st;
    if ((st = read_body(csv)) != SNNK_OK) return st;
    table->type = SNNK__ELEMENT_F64;
    table->big_endian = !snnk__host_is_little_endian();
    table->cells = (const unsigned char *)table->values;
    table->n_dims = 2;
    table->dims[0] = table->rows;
    table->dims[1] = table->columns;
    return SNNK_OK;
}

int snnk__csv_parse(snnk__cursor file, const snnk_table_config *config, snnk_table *table) {
    csv_reader csv = {.table = table};
    int st;

    if ((st = snnk__csv_skip_mark(&file)) != SNNK_OK) return st;
    file = snnk__csv_trim_end(file, false);
    if (file.left == 0 || *file.at == '\n' || *file.at == '\r')
        return snnk__fail(SNNK_E_FORMAT, "the first line is empty");
    if ((st = snnk__csv_check_encoding(file)) != SNNK_OK) return st;
    const locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale) return snnk__fail(SNNK_E_NOMEM, "out of memory for the C locale");
    st = parse(&csv, file, config, c_locale);
    freelocale(c_locale);
    snnk__free(&table->allocator, csv.empty);
    return st;
}
