/* A line that starts with # may be a comment, the header as numpy.savetxt writes it, or a record
 * whose first field is a color or a tag. It is surely a comment if it does not have as many fields
 * as the records. */
#include "io/csv_comments.h"

static void pass(snnk__cursor *text, size_t n) {
    text->at += n;
    text->left -= n;
}

/* The next line with its line end. */
static snnk__cursor line_of(snnk__cursor text) {
    const unsigned char *end = memchr(text.at, '\n', text.left);

    if (end) text.left = (size_t)(end - text.at) + 1;
    return text;
}

snnk__cursor snnk__csv_after_mark(snnk__cursor text) {
    pass(&text, 1);
    if (text.left > 0 && *text.at == ' ') pass(&text, 1);
    return text;
}

snnk__csv_place snnk__csv_skip_marked(snnk__cursor text) {
    snnk__csv_place rest = {.text = text};

    while (rest.text.left > 0 && *rest.text.at == '#') {
        pass(&rest.text, line_of(rest.text).left);
        rest.lines++;
    }
    return rest.text.left > 0 ? rest : (snnk__csv_place){.text = text};
}

/* ---- One line ---- */

/* What a line is compared with. */
typedef struct records {
    const snnk__csv_dialect *dialect;
    int32_t header;
    size_t fields; /* of the first record that does not start with # */
} records;

/* The fields of a line; 0 if it cannot be read. */
static size_t fields_of(snnk__cursor line, const snnk__csv_dialect *dialect) {
    const snnk__csv_scanner scanner = {.rest = line, .separator = dialect->separator};
    size_t fields, bytes;
    bool empty_end;

    if (line.left == 0) return 0;
    return snnk__csv_count(scanner, &fields, &bytes, &empty_end) == SNNK_OK ? fields : 0;
}

/* Whether the first record of a text has words, and no numbers. */
static bool has_names(snnk__cursor text, const snnk__csv_dialect *dialect) {
    snnk__csv_scanner scanner = {.rest = text, .separator = dialect->separator};
    bool last = false, words = false;

    while (!last) {
        snnk__csv_field field;
        double value;

        if (snnk__csv_take(&scanner, &field, &last) != SNNK_OK) return false;
        const snnk__csv_kind kind = snnk__csv_classify(dialect, field, &value);
        if (kind == SNNK__CSV_NUMBER) return false;
        words = words || kind == SNNK__CSV_WORD;
    }
    return words;
}

static bool has_sure_header(snnk__cursor text, const snnk__csv_dialect *dialect) {
    bool sure;

    return snnk__csv_header_is_sure(text, dialect, &sure) == SNNK_OK && sure;
}

/* Whether a line that starts with # may be the header. */
static bool may_be_header(const records *of, snnk__cursor text) {
    const snnk__cursor names = snnk__csv_after_mark(text);

    if (of->header == SNNK_TABLE_HEADER_NO || fields_of(line_of(names), of->dialect) != of->fields)
        return false;
    return of->header == SNNK_TABLE_HEADER_YES || has_names(names, of->dialect);
}

/* Whether a line that starts with # may be a record. Where blanks separate, # before a blank is a
 * mark and no field. A line of # alone is no record, unless there is no header. */
static bool may_be_record(const records *of, snnk__cursor text) {
    const snnk__cursor line = line_of(text);
    const unsigned char next = line.left > 1 ? line.at[1] : '\n';
    const bool alone = next == '\n' || next == '\r';

    if (alone && of->header != SNNK_TABLE_HEADER_NO) return false;
    if (of->dialect->separator == ' ' && (next == ' ' || next == '\t')) return false;
    return fields_of(line, of->dialect) == of->fields;
}

/* ---- All lines ---- */

/* Find the lines directly before `rest` that may all be the header or records. *begin: the first of
 * them; *last: the last. False if there is none. */
static bool find_block(const records *of, snnk__cursor text, size_t lines, snnk__csv_place *begin,
                       snnk__csv_place *last) {
    bool found = false;

    for (size_t i = 0; i < lines; i++) {
        *last = (snnk__csv_place){text, i};
        if (!may_be_header(of, text) && !may_be_record(of, text)) {
            found = false;
        } else if (!found) {
            *begin = *last;
            found = true;
        }
        pass(&text, line_of(text).left);
    }
    return found;
}

/* A header that is sure wins: that of the lines without #, or the last line with one. */
static snnk__csv_marked decide(const records *of, snnk__cursor text, snnk__csv_place rest,
                               snnk__csv_place *begin) {
    snnk__csv_place last;

    if (!find_block(of, text, rest.lines, begin, &last)) return SNNK__CSV_COMMENTS;
    if (of->header == SNNK_TABLE_HEADER_NO) return SNNK__CSV_RECORDS;
    if (has_names(rest.text, of->dialect) && has_sure_header(rest.text, of->dialect))
        return SNNK__CSV_COMMENTS;
    /* A text above a single column of numbers names it or not: that is not known. */
    if (of->fields == 1 && of->header == SNNK_TABLE_HEADER_AUTO &&
        has_sure_header(last.text, of->dialect))
        return SNNK__CSV_COMMENTS;
    if (may_be_header(of, last.text) &&
        has_sure_header(snnk__csv_after_mark(last.text), of->dialect)) {
        *begin = last;
        return SNNK__CSV_HEADER;
    }
    return may_be_header(of, begin->text) ? SNNK__CSV_HEADER : SNNK__CSV_RECORDS;
}

snnk__csv_marked snnk__csv_find_marked(snnk__cursor text, snnk__csv_place rest,
                                       const snnk__csv_dialect *dialect, int32_t header,
                                       snnk__csv_place *begin) {
    snnk__csv_marked marked = SNNK__CSV_COMMENTS;
    snnk__sentence before;

    snnk__sentence_save(&before);
    const records of = {dialect, header, fields_of(rest.text, dialect)};
    if (of.fields > 0) marked = decide(&of, text, rest, begin);
    if (marked == SNNK__CSV_COMMENTS) *begin = rest;
    (void)snnk__recovered(SNNK_OK, &before);
    return marked;
}
