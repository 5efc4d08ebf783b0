/* The encoding of a CSV text, which must be UTF-8. Others are refused by name, with the command
 * that converts them. */
#ifndef SNNK_IO_CSV_ENCODING_H
#define SNNK_IO_CSV_ENCODING_H

#include "base/status.h"
#include "io/bytes.h"

/* Skip the byte order mark of UTF-8. SNNK_E_FORMAT if the text is UTF-16 or UTF-32, by its mark or
 * by its zero bytes, or a ZIP archive. */
int snnk__csv_skip_mark(snnk__cursor *text);

/* SNNK_E_FORMAT, naming line and byte, unless the text is UTF-8. Control characters are left to the
 * scanner. */
int snnk__csv_check_encoding(snnk__cursor text);

/* Fail with SNNK_E_FORMAT and the sentence for UTF-16. order: "little" or "big". */
int snnk__csv_fail_utf16(const char *order);

#endif
