/* How a CSV file is written: separator, decimal point, header. */
#ifndef SNNK_IO_CSV_DIALECT_H
#define SNNK_IO_CSV_DIALECT_H

#include <snnk/table.h>

#include "io/csv_scan.h"

typedef struct snnk__csv_dialect {
    unsigned char separator, decimal;
    bool has_header;
    size_t first_line;        /* the line at which the text begins, for sentences */
    const char *missing;      /* fields that mean "no number", separated by commas; borrowed */
    bool missing_begins[256]; /* the first bytes of these fields */
    void *c_locale;           /* for snnk__csv_number */
} snnk__csv_dialect;

typedef enum snnk__csv_kind {
    SNNK__CSV_NUMBER,
    SNNK__CSV_EMPTY,   /* nothing but spaces */
    SNNK__CSV_MISSING, /* one of the fields that mean "no number", or NaN */
    SNNK__CSV_WORD
} snnk__csv_kind;

/* Find how a text is written, as far as the config leaves it open.
 *   first_line  the line of the file at which the text begins
 *   c_locale    the "C" locale
 * SNNK_E_FORMAT. */
int snnk__csv_dialect_find(snnk__cursor text, size_t first_line, const snnk_table_config *config,
                           void *c_locale, snnk__csv_dialect *dialect);

/* Find whether some column has a text in the first record and numbers below: then the first record
 * is surely a header. SNNK_E_FORMAT. */
int snnk__csv_header_is_sure(snnk__cursor text, const snnk__csv_dialect *dialect, bool *sure);

/* Find what a field is, and the value of a number. */
snnk__csv_kind snnk__csv_classify(const snnk__csv_dialect *dialect, snnk__csv_field field,
                                  double *value);

#endif
