/* CSV (RFC 4180, or with bare line feeds): lines with the same number of fields, perhaps after a
 * header. A column with a field that is neither a number nor missing is a column of words, and its
 * cells are their indices. */
#ifndef SNNK_IO_CSV_H
#define SNNK_IO_CSV_H

#include "io/table_struct.h"

/* Fill an empty table from a CSV text. SNNK_E_FORMAT, SNNK_E_RAGGED, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__csv_parse(snnk__cursor file, const snnk_table_config *config, snnk_table *table);

#endif
