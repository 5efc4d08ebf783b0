/* The separator and the header are found from the first lines. The decimal point is found from all
 * of the file: the first fraction may come late. */
#include "io/csv_dialect.h"

#include <math.h>

#include "base/size.h"

#define DEFAULT_MISSING "NA,N/A,n/a,#N/A,NaN,nan,NULL,null,None,?"

/* Records from which separator and header are found. */
#define SAMPLE_RECORDS 64

static snnk__csv_scanner scanner_of(snnk__cursor text, const snnk__csv_dialect *dialect) {
    return (snnk__csv_scanner){
        .rest = text, .line = dialect->first_line, .separator = dialect->separator};
}

/* ---- Fields ---- */

static void set_missing(snnk__csv_dialect *dialect, const char *missing) {
    dialect->missing = missing ? missing : DEFAULT_MISSING;
    for (const char *p = dialect->missing; *p; p++)
        if (p == dialect->missing || p[-1] == ',')
            dialect->missing_begins[(unsigned char)*p] = true;
}

static bool is_missing(const snnk__csv_dialect *dialect, snnk__csv_field field) {
    if (!dialect->missing_begins[*field.text]) return false;
    for (const char *p = dialect->missing; *p;) {
        const size_t n = strcspn(p, ",");

        if (n == field.length && memcmp(p, field.text, n) == 0) return true;
        p += n + (p[n] == ',');
    }
    return false;
}

snnk__csv_kind snnk__csv_classify(const snnk__csv_dialect *dialect, snnk__csv_field field,
                                  double *value) {
    const snnk__csv_field trimmed = snnk__csv_trim(field);

    if (trimmed.length == 0) return SNNK__CSV_EMPTY;
    if (is_missing(dialect, trimmed)) return SNNK__CSV_MISSING;
    if (!snnk__csv_number(trimmed, dialect->decimal, dialect->c_locale, value))
        return SNNK__CSV_WORD;
    return isnan(*value) ? SNNK__CSV_MISSING : SNNK__CSV_NUMBER;
}

/* ---- The separator ---- */

/* What the first records are if they are read with one separator. */
typedef struct reading {
    unsigned char separator;
    size_t fields; /* of the first record; 0 if it cannot be read */
    bool regular;  /* all records have as many fields, which is at least 2 */
    double share;  /* of numbers among the fields below the first record */
    bool numeric;  /* each record below the first has a number */
} reading;

/* Read one record. *numbers: fields that are numbers with a point, or with a comma if that does not
 * separate. *empty_end: the last field is empty. */
static int read_record(snnk__csv_scanner *scanner, const snnk__csv_dialect *dialect, size_t *fields,
                       size_t *numbers, bool *empty_end) {
    bool last = false;

    for (*fields = 0; !last; ++*fields) {
        snnk__csv_field field;
        double value;
        const int st = snnk__csv_take(scanner, &field, &last);

        if (st != SNNK_OK) return st;
        *empty_end = field.length == 0 && !field.quoted;
        *numbers +=
            snnk__csv_number(field, '.', dialect->c_locale, &value) ||
            (scanner->separator != ',' && snnk__csv_number(field, ',', dialect->c_locale, &value));
    }
    return SNNK_OK;
}

static reading read_with(snnk__cursor text, const snnk__csv_dialect *dialect,
                         unsigned char separator) {
    snnk__csv_scanner scanner = {.rest = text, .line = dialect->first_line, .separator = separator};
    reading made = {.separator = separator};
    size_t all = 0, numbers = 0;
    bool regular = true, trailing = false, numeric = true;

    for (size_t i = 0; i < SAMPLE_RECORDS && scanner.rest.left > 0; i++) {
        size_t fields, found = 0;
        bool empty_end = false;

        if (read_record(&scanner, dialect, &fields, &found, &empty_end) != SNNK_OK) {
            regular = false;
            break;
        }
        if (i == 0) {
            made.fields = fields;
            continue;
        }
        if (i == 1) trailing = fields == made.fields + 1;
        regular = regular && fields == made.fields + trailing && (!trailing || empty_end);
        numeric = numeric && found > 0;
        all += fields;
        numbers += found;
    }
    made.regular = regular && made.fields >= 2;
    made.numeric = numeric && all > 0;
    made.share = all > 0 ? (double)numbers / (double)all : 0;
    return made;
}

/* Whether reading a is more likely than b. */
static bool is_better(const reading *a, const reading *b) {
    if (a->regular != b->regular) return a->regular;
    if (a->regular && a->share != b->share) return a->share > b->share;
    return a->fields > b->fields;
}

/* Whether blanks separate columns rather than words: either there are at least three columns, with
 * a number in each line below the first and more than a quarter of numbers in all, or all fields
 * below the first line are numbers. best: the reading with another
 * separator. */
static bool are_blanks(const reading *blanks, const reading *best) {
    if (!blanks->regular || (best->regular && (blanks->share < 1 || best->share == 1)))
        return false;
    return blanks->share == 1 || (blanks->fields >= 3 && blanks->numeric && blanks->share > 0.25);
}

/* Without a separator in the first record, a file has one column, and the comma is as good as any
 * other. */
static unsigned char find_separator(snnk__cursor text, const snnk__csv_dialect *dialect,
                                    int32_t decimal) {
    static const unsigned char candidates[] = {',', ';', '\t', '|'};
    reading best = {.separator = decimal == ',' ? ';' : ','};
    snnk__sentence before;

    snnk__sentence_save(&before);
    for (size_t i = decimal == ','; i < sizeof candidates; i++) {
        const reading next = read_with(text, dialect, candidates[i]);

        if (next.fields >= 2 && is_better(&next, &best)) best = next;
    }
    /* Where tabs separate, a last line of tabs is a record. */
    if (!best.regular || best.separator != '\t') text = snnk__csv_trim_end(text, true);
    const reading blanks = read_with(text, dialect, ' ');
    if (are_blanks(&blanks, &best)) best = blanks;
    (void)snnk__recovered(SNNK_OK, &before);
    return best.separator;
}

/* ---- The decimal point ---- */

/* Whether a number with a comma may also be a whole number with a comma between thousands, as
 * "12,500". */
static bool is_thousands(snnk__csv_field field) {
    const snnk__csv_field trimmed = snnk__csv_trim(field);
    const unsigned char *comma = memchr(trimmed.text, ',', trimmed.length), *p = trimmed.text;

    if (p < comma && (*p == '+' || *p == '-')) p++;
    return comma > p && comma - p <= 3 && *p != '0' && comma + 4 == trimmed.text + trimmed.length &&
           memchr(comma, 'e', 4) == NULL && memchr(comma, 'E', 4) == NULL;
}

/* Compare how many numbers have a comma and how many a point. Commas alone decide only if they
 * cannot be between thousands, or if the separator is a semicolon, which is used where the comma is
 * the decimal point. */
static int find_decimal(snnk__cursor text, snnk__csv_dialect *dialect) {
    snnk__csv_scanner scanner = scanner_of(text, dialect);
    size_t commas = 0, points = 0;
    bool sure = dialect->separator == ';';

    while (scanner.rest.left > 0) {
        snnk__csv_field field;
        double value;
        bool last;
        const int st = snnk__csv_take(&scanner, &field, &last);

        if (st != SNNK_OK) return st;
        if (memchr(field.text, ',', field.length)) {
            if (!snnk__csv_number(field, ',', dialect->c_locale, &value)) continue;
            commas++;
            sure = sure || !is_thousands(field);
        } else if (memchr(field.text, '.', field.length)) {
            points += snnk__csv_number(field, '.', dialect->c_locale, &value);
        }
    }
    dialect->decimal = commas > points && sure ? ',' : '.';
    return SNNK_OK;
}

/* ---- The header ---- */

/* Whether the fields of one column say that there is a header: the first is a text, or a number in
 * quotes, and those below are numbers without them. */
static int column_has_header(snnk__cursor text, const snnk__csv_dialect *dialect, size_t column,
                             bool *has) {
    snnk__csv_scanner scanner = scanner_of(text, dialect);
    size_t numbers = 0;
    double value;

    *has = false;
    for (size_t i = 0; i < SAMPLE_RECORDS && scanner.rest.left > 0; i++) {
        snnk__csv_field field, wanted = {NULL, 0, false};
        bool last = false;
        int st;

        for (size_t k = 0; !last; k++) {
            if ((st = snnk__csv_take(&scanner, &field, &last)) != SNNK_OK) return st;
            if (k == column) wanted = field;
        }
        if (!wanted.text) continue;
        const snnk__csv_kind kind = snnk__csv_classify(dialect, wanted, &value);
        if (i == 0 && kind != SNNK__CSV_WORD && !(kind == SNNK__CSV_NUMBER && wanted.quoted))
            return SNNK_OK;
        if (i > 0 && (kind == SNNK__CSV_WORD || (kind == SNNK__CSV_NUMBER && wanted.quoted)))
            return SNNK_OK;
        numbers += i > 0 && kind == SNNK__CSV_NUMBER;
    }
    *has = numbers > 0;
    return SNNK_OK;
}

int snnk__csv_header_is_sure(snnk__cursor text, const snnk__csv_dialect *dialect, bool *sure) {
    size_t columns = 0;
    bool last = false;
    int st;

    *sure = false;
    for (snnk__csv_scanner scanner = scanner_of(text, dialect); !last; columns++) {
        snnk__csv_field field;

        if ((st = snnk__csv_take(&scanner, &field, &last)) != SNNK_OK) return st;
    }
    for (size_t k = 0; k < columns && k < SAMPLE_RECORDS && !*sure; k++)
        if ((st = column_has_header(text, dialect, k, sure)) != SNNK_OK) return st;
    return SNNK_OK;
}

/* pandas names the columns of an array 0, 1, 2 ...: a first line with these numbers, at least three
 * of them, is a header too. */
static int find_header(snnk__cursor text, snnk__csv_dialect *dialect) {
    snnk__csv_scanner scanner = scanner_of(text, dialect);
    bool all_missing = true, last = false, counts = true;
    size_t numbers = 0;
    double value;
    int st;

    while (!last) {
        snnk__csv_field field;

        if ((st = snnk__csv_take(&scanner, &field, &last)) != SNNK_OK) return st;
        const snnk__csv_kind kind = snnk__csv_classify(dialect, field, &value);
        all_missing = all_missing && kind == SNNK__CSV_MISSING;
        if (kind != SNNK__CSV_NUMBER) continue;
        counts = counts && value == (double)numbers;
        numbers++;
    }
    dialect->has_header = numbers > 0 ? counts && numbers >= 3 : !all_missing;
    return dialect->has_header ? SNNK_OK
                               : snnk__csv_header_is_sure(text, dialect, &dialect->has_header);
}

/* Refuse decimal commas where the first line has commas that are none. */
static int check_commas(snnk__cursor text, const snnk__csv_dialect *dialect) {
    snnk__csv_scanner scanner = scanner_of(text, dialect);
    snnk__csv_field field;
    double value;
    bool last;
    const int st = snnk__csv_take(&scanner, &field, &last);

    if (st != SNNK_OK || !last || field.quoted || !memchr(field.text, ',', field.length) ||
        snnk__csv_number(field, ',', dialect->c_locale, &value))
        return st;
    return snnk__fail(SNNK_E_FORMAT,
                      "line %zu: commas separate the columns, so they cannot be decimal points "
                      "too: use a point",
                      dialect->first_line);
}

int snnk__csv_dialect_find(snnk__cursor text, size_t first_line, const snnk_table_config *config,
                           void *c_locale, snnk__csv_dialect *dialect) {
    int st = SNNK_OK;

    *dialect = (snnk__csv_dialect){.c_locale = c_locale, .decimal = '.', .first_line = first_line};
    set_missing(dialect, config->missing);
    dialect->separator = config->separator != 0 ? (unsigned char)config->separator
                                                : find_separator(text, dialect, config->decimal);
    if (config->decimal != 0)
        dialect->decimal = (unsigned char)config->decimal;
    else if (dialect->separator != ',')
        st = find_decimal(text, dialect);
    if (st == SNNK_OK && config->decimal == ',' && config->separator == 0)
        st = check_commas(text, dialect);
    if (st != SNNK_OK) return st;
    dialect->has_header = config->header == SNNK_TABLE_HEADER_YES;
    return config->header == SNNK_TABLE_HEADER_AUTO ? find_header(text, dialect) : SNNK_OK;
}
