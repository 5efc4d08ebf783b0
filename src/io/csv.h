/* The two lower layers of CSV: fields of records, and numbers. */
#ifndef SNNK_IO_CSV_H
#define SNNK_IO_CSV_H

#include "base/status.h"
#include "io/bytes.h"

/* The text of a field, without the quotes around it. Inside, every quote is still doubled: two
 * fields are equal, or in order, exactly when their bare text is. */
typedef struct snnk__csv_field {
    const unsigned char *text;
    size_t length;
} snnk__csv_field;

typedef struct snnk__csv_scanner {
    snnk__cursor rest;
    size_t line; /* of rest.at, from 1 */
} snnk__csv_scanner;

/* Take the next field and the comma or line end behind it. *last: the record ends with it. Call it
 * at the start of a record only while bytes are left. SNNK_E_FORMAT (RFC 4180 is broken, or a byte
 * that no text has). */
int snnk__csv_take(snnk__csv_scanner *scanner, snnk__csv_field *field, bool *last);

/* Copy a field with its quotes made single and an end: length + 1 bytes are enough. Returns how many
 * were used. */
size_t snnk__csv_copy(snnk__csv_field field, char *out);

/* Whether the field is a number, and which: a decimal number with a point, "nan", "inf" or
 * "infinity" (any case, signed), spaces around it allowed, no more than 1000 characters. Correctly
 * rounded. c_locale: newlocale's "C" (a void pointer keeps POSIX out of this header); it is set for
 * this thread alone, and put back. */
bool snnk__csv_number(snnk__csv_field field, void *c_locale, double *value);

#endif
