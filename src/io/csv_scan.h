/* The fields of a CSV text, and their numbers. */
#ifndef SNNK_IO_CSV_SCAN_H
#define SNNK_IO_CSV_SCAN_H

#include "base/status.h"
#include "io/bytes.h"

/* The text of a field, without the quotes around it. Quotes inside it are still doubled: two fields
 * are equal, or in order, exactly when their texts are. */
typedef struct snnk__csv_field {
    const unsigned char *text;
    size_t length;
    bool quoted;
} snnk__csv_field;

typedef struct snnk__csv_scanner {
    snnk__cursor rest;
    size_t line;   /* the line of rest.at, from 1 */
    size_t column; /* the field that begins at rest.at, from 0 */
    /* ' ' stands for one or more spaces and tabs; those at the ends of a line do not count */
    unsigned char separator;
} snnk__csv_scanner;

/* Take the next field and the separator or line end after it. *last: whether it was the last field
 * of its record. At the start of a record some bytes must be left. SNNK_E_FORMAT (RFC 4180 is
 * violated, or a byte does not occur in text). */
int snnk__csv_take(snnk__csv_scanner *scanner, snnk__csv_field *field, bool *last);

/* Count the fields of the next record. *bytes: its length; *empty_end: its last field is empty.
 * Statuses as for snnk__csv_take. */
int snnk__csv_count(snnk__csv_scanner record, size_t *fields, size_t *bytes, bool *empty_end);

/* Drop lines at the end of a text that are empty or have only spaces: they are not records.
 *   tabs  lines with tabs too: where tabs separate, they are records of empty fields. A text of
 *         nothing else is left as it is then */
snnk__cursor snnk__csv_trim_end(snnk__cursor text, bool tabs);

/* Remove the spaces and tabs around a field. */
snnk__csv_field snnk__csv_trim(snnk__csv_field field);

/* Copy a field with its quotes made single, and terminate it. `out` needs at most length + 1 bytes.
 * Returns the number of bytes used. */
size_t snnk__csv_copy(snnk__csv_field field, char *out);

/* Whether the field is a number, and its value, correctly rounded. A number is a decimal number
 * with a point or the decimal character, or "nan", "inf" or "infinity" (any case, signed), of at
 * most 1000 characters; spaces around it are allowed. c_locale: the "C" locale from newlocale (a
 * void pointer keeps POSIX out of this header); it is set for this thread during the call only. */
bool snnk__csv_number(snnk__csv_field field, unsigned char decimal, void *c_locale, double *value);

#endif
