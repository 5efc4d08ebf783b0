/* .npy, NumPy's file of one array (NEP 1, numpy/lib/format.py): \x93NUMPY; two bytes of version;
 * the header's length in 2 (version 1) or 4 little-endian bytes; the header; the elements. The
 * header is a Python dictionary, {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), },
 * padded by spaces. */
#ifndef SNNK_IO_NPY_READ_H
#define SNNK_IO_NPY_READ_H

#include "io/table_struct.h"

/* The longest header of version 1. */
#define SNNK__NPY_MAX_HEADER ((size_t)65535)

/* The beginning of a .npy or IDX file that is always enough to parse it. */
#define SNNK__ARRAY_HEAD_BYTES (12 + SNNK__NPY_MAX_HEADER)

/* Fill an empty table from the head of a .npy file. head: all of the file, or its first
 * SNNK__ARRAY_HEAD_BYTES; beyond: how many bytes follow the head. SNNK_E_FORMAT,
 * SNNK_E_TRUNCATED. */
int snnk__npy_parse(snnk__cursor head, size_t beyond, snnk_table *table);

#endif
