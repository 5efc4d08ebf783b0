/* The shape of an array in a file, and the array as a table: the first dimension counts rows, the
 * product of the others columns. */
#ifndef SNNK_IO_ARRAY_SHAPE_H
#define SNNK_IO_ARRAY_SHAPE_H

#include "io/table_struct.h"

/* A shape while its dimensions are being read. Begin with SNNK__NO_DIMENSIONS. */
typedef struct snnk__array_shape {
    size_t n_dims, dims[SNNK__TABLE_MAX_DIMS], rows, columns;
    bool overflows; /* some product does not fit in size_t */
} snnk__array_shape;

#define SNNK__NO_DIMENSIONS                                                                        \
    { 0, {0}, 0, 1, false }

/* Append a dimension. */
void snnk__array_shape_push(snnk__array_shape *shape, uint64_t dim);

/* Make the array the cells of a table. The cells begin at byte `begin` of the file and must fill
 * the `left` bytes from there to its end exactly. SNNK_E_FORMAT (no dimension, too many, no
 * columns), SNNK_E_TRUNCATED. */
int snnk__table_set_cells(snnk_table *table, const snnk__array_shape *shape, snnk__element type,
                          bool big_endian, size_t begin, size_t left);

#endif
