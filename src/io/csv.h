/* CSV (RFC 4180, or with bare line feeds): a header line, then records with the same number of
 * fields. A column with a field that is not a number is a column of words, and its cells are codes
 * of them. */
#ifndef SNNK_IO_CSV_H
#define SNNK_IO_CSV_H

#include "io/table_struct.h"

/* Fill an empty table from a CSV text. SNNK_E_FORMAT, SNNK_E_RAGGED, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__csv_parse(snnk__cursor file, snnk_table *table);

#endif
