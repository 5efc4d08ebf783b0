/* The text is read in several passes: how it is written; the names; all numbers, and which columns
 * have words; the words of these columns, if there are any. */
#define _POSIX_C_SOURCE 200809L

#include "io/csv.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "base/size.h"
#include "io/csv_dialect.h"
#include "io/csv_encoding.h"
#include "io/csv_words.h"

typedef struct csv_reader {
    snnk_table *table;
    snnk__csv_dialect dialect;
    snnk__csv_scanner body; /* at the first record */
    size_t capacity;        /* rows that fit in table->values */
    size_t *empty;          /* how many fields of each column are empty */
    bool trailing;          /* each record ends with a separator that begins no field */
} csv_reader;

/* Drop lines at the end that are empty or have only spaces: they are not records. */
static void trim_end(snnk__cursor *file) {
    for (;;) {
        size_t left = file->left;

        while (left > 0 && file->at[left - 1] == ' ') left--;
        if (left > 0 && file->at[left - 1] != '\n') left = file->left; /* they belong to a record */
        while (left > 0 && (file->at[left - 1] == '\n' || file->at[left - 1] == '\r')) left--;
        if (left == file->left) return;
        file->left = left;
    }
}

/* ---- Names ---- */

/* Count the fields of the next record. *bytes: its length; *empty_end: its last field is empty. */
static int count_fields(snnk__csv_scanner record, size_t *fields, size_t *bytes, bool *empty_end) {
    const size_t left = record.rest.left;
    snnk__csv_field field;
    bool last = false;

    for (*fields = 0; !last; ++*fields) {
        const int st = snnk__csv_take(&record, &field, &last);

        if (st != SNNK_OK) return st;
        *empty_end = field.length == 0 && !field.quoted;
    }
    *bytes = left - record.rest.left;
    return SNNK_OK;
}

/* Take the names from the header, and leave the scanner after it. */
static int take_header(csv_reader *csv) {
    snnk_table *table = csv->table;
    size_t used = 0;
    bool last;

    for (size_t j = 0; j < table->columns; j++) {
        snnk__csv_field field;
        const int st = snnk__csv_take(&csv->body, &field, &last);

        if (st != SNNK_OK) return st;
        table->about[j].name = table->names_text + used;
        used += snnk__csv_copy(field, table->names_text + used);
    }
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

    st = count_fields(csv->body, &table->columns, &bytes, &empty_end);
    if (st != SNNK_OK) return st;
    st =
        snnk__alloc_zero(allocator, table->columns, sizeof *table->about, "columns", &table->about);
    if (st != SNNK_OK) return st;
    /* A name is at most as long as its field, and its terminating NUL takes the separator's
     * place. */
    text_bytes = bytes + 1;
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
    if ((st = count_fields(csv->body, &fields, &bytes, &empty_end)) != SNNK_OK) return st;
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

/* ---- Comments ---- */

/* Lines at the beginning of a text that start with #. */
typedef struct comments {
    size_t lines;
    snnk__cursor last; /* from the last of them on, without "# " */
} comments;

/* Find the comments, and leave the cursor after them. A text of comments only is left as it is. */
static comments skip_comments(snnk__cursor *file) {
    const snnk__cursor whole = *file;
    comments found = {0};

    while (file->left > 0 && *file->at == '#') {
        const unsigned char *end = memchr(file->at, '\n', file->left);
        const bool spaced = file->left > 1 && file->at[1] == ' ';

        if (!end || (size_t)(end - file->at) + 1 == file->left) {
            *file = whole;
            return (comments){0};
        }
        found.lines++;
        found.last = *file;
        if (spaced) found.last.at += 2, found.last.left -= 2;
        file->left -= (size_t)(end - file->at) + 1;
        file->at = end + 1;
    }
    return found;
}

/* Whether the last comment is the header of the records that follow, as numpy.savetxt writes it: it
 * has as many fields as they, and they have no header of their own. */
static bool names_columns(const comments *found, const snnk__csv_dialect *dialect,
                          snnk__cursor records, int32_t header) {
    const snnk__csv_scanner names = {.rest = found->last, .separator = dialect->separator};
    const snnk__csv_scanner first = {.rest = records, .separator = dialect->separator};
    size_t in_names = 0, in_first = 0, bytes;
    snnk__sentence before;
    bool empty_end, own;

    if (found->lines == 0 || header == SNNK_TABLE_HEADER_NO) return false;
    snnk__sentence_save(&before);
    const bool same = count_fields(names, &in_names, &bytes, &empty_end) == SNNK_OK &&
                      count_fields(first, &in_first, &bytes, &empty_end) == SNNK_OK &&
                      in_names == in_first;
    own = dialect->has_header;
    if (same && (in_names > 1 || header == SNNK_TABLE_HEADER_YES) &&
        snnk__csv_header_is_sure(records, dialect, &own) != SNNK_OK)
        own = false;
    (void)snnk__recovered(SNNK_OK, &before);
    return same && !own;
}

/* ---- The file ---- */

/* Find how the text is written, and where its records begin. */
static int begin(csv_reader *csv, snnk__cursor file, const snnk_table_config *config,
                 void *c_locale) {
    snnk_table *table = csv->table;
    const comments found = skip_comments(&file);
    size_t line = found.lines + 1;
    int st;

    st = snnk__csv_dialect_find(file, line, config, c_locale, &csv->dialect);
    if (st != SNNK_OK) return st;
    table->comment_lines = found.lines;
    table->has_header = csv->dialect.has_header;
    if (names_columns(&found, &csv->dialect, file, config->header)) {
        file = found.last;
        line--;
        table->comment_lines--;
        table->has_header = true;
    }
    table->separator = csv->dialect.separator;
    table->decimal = csv->dialect.decimal;
    csv->body = (snnk__csv_scanner){.rest = file, .line = line, .separator = table->separator};
    return SNNK_OK;
}

static int parse(csv_reader *csv, snnk__cursor file, const snnk_table_config *config,
                 void *c_locale) {
    snnk_table *table = csv->table;
    int st;

    if ((st = begin(csv, file, config, c_locale)) != SNNK_OK) return st;
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
    trim_end(&file);
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
