/* Parsing a table of any format from memory. */
#ifndef SNNK_IO_TABLE_H
#define SNNK_IO_TABLE_H

#include "io/table_struct.h"

/* Parse a file that is not compressed. The table points into `bytes`, which must outlive it.
 * config: NULL for the defaults. Statuses as for snnk_table_open, without SNNK_E_IO. */
int snnk__table_parse(const unsigned char *bytes, size_t size, const snnk_table_config *config,
                      snnk_table **table);

#endif
