/* IDX, the format of the MNIST files: bytes 0, 0, type, n_dims; then n_dims big-endian 32-bit
 * dimensions; then the big-endian elements. */
#ifndef SNNK_IO_IDX_H
#define SNNK_IO_IDX_H

#include "io/table_struct.h"

/* Fill an empty table from the head of an IDX file. head: all of the file, or its first
 * SNNK__ARRAY_HEAD_BYTES; beyond: how many bytes follow the head. SNNK_E_FORMAT,
 * SNNK_E_TRUNCATED. */
int snnk__idx_parse(snnk__cursor head, size_t beyond, snnk_table *table);

#endif
