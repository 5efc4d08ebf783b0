#define _POSIX_C_SOURCE 200809L

#include "io/csv_scan.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

/* False for control characters other than tabs and line ends: text has none, binary files have
 * many. */
static bool is_text(unsigned char byte) {
    return byte >= 0x20 || byte == '\t' || byte == '\n' || byte == '\r';
}

static int fail_byte(const snnk__csv_scanner *s, unsigned char byte) {
    return snnk__fail(SNNK_E_FORMAT,
                      "byte 0x%02x in line %zu, column %zu does not occur in text files", byte,
                      s->line, s->column + 1);
}

static void pass(snnk__csv_scanner *s, size_t n) {
    s->rest.at += n;
    s->rest.left -= n;
}

static bool is_blank(unsigned char byte) { return byte == ' ' || byte == '\t'; }

static void pass_blanks(snnk__csv_scanner *s) {
    while (s->rest.left > 0 && is_blank(*s->rest.at)) pass(s, 1);
}

/* Take a quoted field. rest.at is after the opening quote, and afterwards after the closing one. */
static int take_quoted(snnk__csv_scanner *s, snnk__csv_field *field) {
    const size_t first_line = s->line;
    size_t i = 0;

    for (;; i++) {
        if (i == s->rest.left)
            return snnk__fail(SNNK_E_FORMAT,
                              "line %zu, column %zu: a quote is opened but never closed",
                              first_line, s->column + 1);
        const unsigned char byte = s->rest.at[i];
        if (!is_text(byte)) return fail_byte(s, byte);
        if (byte == '\n') s->line++;
        if (byte != '"') continue;
        if (i + 1 == s->rest.left || s->rest.at[i + 1] != '"') break;
        i++;
    }
    *field = (snnk__csv_field){s->rest.at, i, true};
    pass(s, i + 1);
    return SNNK_OK;
}

static int take_bare(snnk__csv_scanner *s, snnk__csv_field *field) {
    const unsigned char also = s->separator == ' ' ? '\t' : s->separator;
    size_t i = 0;

    for (; i < s->rest.left; i++) {
        const unsigned char byte = s->rest.at[i];

        if (byte == s->separator || byte == also || byte == '\n' || byte == '\r') break;
        if (byte == '"')
            return snnk__fail(SNNK_E_FORMAT,
                              "line %zu, column %zu: a quote inside a field that does not begin "
                              "with a quote: put quotes around the field and double the one inside",
                              s->line, s->column + 1);
        if (!is_text(byte)) return fail_byte(s, byte);
    }
    *field = (snnk__csv_field){s->rest.at, i, false};
    pass(s, i);
    return SNNK_OK;
}

/* Whether a separator begins at rest.at. Blanks at the end of a line are passed and are none; of
 * others, all but the last are passed. */
static bool at_separator(snnk__csv_scanner *s) {
    if (s->separator != ' ') return s->rest.left > 0 && *s->rest.at == s->separator;
    if (s->rest.left == 0 || !is_blank(*s->rest.at)) return false;
    while (s->rest.left > 1 && is_blank(s->rest.at[1])) pass(s, 1);
    if (s->rest.left > 1 && s->rest.at[1] != '\n' && s->rest.at[1] != '\r') return true;
    pass(s, 1);
    return false;
}

int snnk__csv_take(snnk__csv_scanner *s, snnk__csv_field *field, bool *last) {
    int st;

    if (s->separator == ' ' && s->column == 0) pass_blanks(s);
    if (s->rest.left > 0 && *s->rest.at == '"') {
        pass(s, 1);
        st = take_quoted(s, field);
    } else {
        st = take_bare(s, field);
    }
    if (st != SNNK_OK) return st;

    *last = !at_separator(s);
    if (s->rest.left == 0) return SNNK_OK;
    const unsigned char byte = *s->rest.at;
    if (*last && byte != '\n' && byte != '\r')
        return snnk__fail(SNNK_E_FORMAT,
                          "line %zu, column %zu: text follows a closing quote: double quotes "
                          "that belong to the field",
                          s->line, s->column + 1);
    pass(s, 1);
    s->column = *last ? 0 : s->column + 1;
    if (byte == '\r') {
        if (s->rest.left == 0) return SNNK_OK;
        if (*s->rest.at != '\n')
            return snnk__fail(SNNK_E_FORMAT,
                              "line %zu: a carriage return without a line feed: convert line ends "
                              "with: tr '\\r' '\\n'",
                              s->line);
        pass(s, 1);
    }
    if (*last) s->line++;
    return SNNK_OK;
}

int snnk__csv_count(snnk__csv_scanner record, size_t *fields, size_t *bytes, bool *empty_end) {
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

snnk__cursor snnk__csv_trim_end(snnk__cursor text, bool tabs) {
    for (;;) {
        size_t left = text.left;

        while (left > 0 && (text.at[left - 1] == ' ' || (tabs && text.at[left - 1] == '\t')))
            left--;
        if (left > 0 && text.at[left - 1] != '\n') left = text.left; /* they belong to a record */
        while (left > 0 && (text.at[left - 1] == '\n' || text.at[left - 1] == '\r')) left--;
        if (left == text.left || (left == 0 && tabs)) return text;
        text.left = left;
    }
}

snnk__csv_field snnk__csv_trim(snnk__csv_field field) {
    const unsigned char *p = field.text, *end = p + field.length;

    while (p < end && (*p == ' ' || *p == '\t')) p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return (snnk__csv_field){p, (size_t)(end - p), field.quoted};
}

size_t snnk__csv_copy(snnk__csv_field field, char *out) {
    size_t used = 0;

    for (size_t i = 0; i < field.length; i++) {
        out[used++] = (char)field.text[i];
        if (field.text[i] == '"') i++;
    }
    out[used++] = '\0';
    return used;
}

/* A decimal number: mantissa * 10^exponent. */
typedef struct decimal {
    bool negative, exact; /* exact: the mantissa has all digits */
    uint64_t mantissa;
    int exponent; /* of ten */
} decimal;

static bool is_digit(const unsigned char *p, const unsigned char *end) {
    return p < end && *p >= '0' && *p <= '9';
}

/* Take digits; returns how many there were. */
static size_t read_digits(const unsigned char **p, const unsigned char *end, decimal *number) {
    const unsigned char *first = *p;

    for (; is_digit(*p, end); (*p)++) {
        if (number->mantissa <= (UINT64_MAX - 9) / 10)
            number->mantissa = number->mantissa * 10 + (uint64_t)(**p - '0');
        else
            number->exact = false;
    }
    return (size_t)(*p - first);
}

/* Whether p ... end is a decimal number. The grammar is checked here because strtod accepts more:
 * hexadecimal numbers, and what the locale adds. */
static bool take_decimal(const unsigned char *p, const unsigned char *end, unsigned char point,
                         decimal *number) {
    size_t whole, fraction = 0;

    *number = (decimal){.exact = true};
    if (p < end && (*p == '+' || *p == '-')) number->negative = *p++ == '-';
    whole = read_digits(&p, end, number);
    if (p < end && *p == point) {
        p++;
        fraction = read_digits(&p, end, number);
    }
    if (whole + fraction == 0) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool negative = false;
        int exponent = 0;

        p++;
        if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
        if (!is_digit(p, end)) return false;
        for (; is_digit(p, end); p++)
            if (exponent < 100000) exponent = exponent * 10 + (*p - '0');
        number->exponent = negative ? -exponent : exponent;
    }
    number->exponent -= (int)fraction;
    return p == end;
}

static bool is_word(const unsigned char *p, const unsigned char *end, const char *word) {
    const size_t n = strlen(word);
    size_t same = 0;

    if ((size_t)(end - p) != n) return false;
    while (same < n && (p[same] | 0x20) == word[same]) same++;
    return same == n;
}

static bool read_special(const unsigned char *p, const unsigned char *end, double *value) {
    bool negative = false;

    if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    if (is_word(p, end, "nan"))
        *value = NAN;
    else if (is_word(p, end, "inf") || is_word(p, end, "infinity"))
        *value = negative ? -INFINITY : INFINITY;
    else
        return false;
    return true;
}

bool snnk__csv_number(snnk__csv_field field, unsigned char decimal_point, void *c_locale,
                      double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const snnk__csv_field trimmed = snnk__csv_trim(field);
    const unsigned char *p = trimmed.text, *end = p + trimmed.length;
    char text[1001], *point;
    decimal number;

    if (trimmed.length >= sizeof text) return false;
    if (!take_decimal(p, end, decimal_point, &number)) return read_special(p, end, value);

    /* A mantissa up to 2^53 and a power up to 10^22 are exact doubles, and one operation on exact
     * numbers is correctly rounded (Clinger 1990). */
    if (FLT_EVAL_METHOD == 0 && number.exact && number.mantissa <= (uint64_t)1 << 53 &&
        number.exponent >= -22 && number.exponent <= 22) {
        const double mantissa = (double)number.mantissa;

        *value = number.exponent < 0 ? mantissa / powers[-number.exponent]
                                     : mantissa * powers[number.exponent];
        if (number.negative) *value = -*value;
        return true;
    }
    memcpy(text, p, trimmed.length);
    text[trimmed.length] = '\0';
    if ((point = strchr(text, decimal_point)) != NULL) *point = '.';
    const locale_t before = uselocale((locale_t)c_locale);
    *value = strtod(text, NULL);
    uselocale(before);
    return true;
}
