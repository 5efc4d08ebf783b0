/* Inside of a table, and the parsers of its three kinds. */
#ifndef SNNK_FILE_TABLE_H
#define SNNK_FILE_TABLE_H

#include <snnk/file.h>

#include "base/memory.h"
#include "file/bytes.h"

/* Element types of a table's cells. */
typedef enum snnk__element {
    SNNK__ELEMENT_BOOL, /* a byte: 0, or anything else for 1 */
    SNNK__ELEMENT_U8,
    SNNK__ELEMENT_I8,
    SNNK__ELEMENT_U16,
    SNNK__ELEMENT_I16,
    SNNK__ELEMENT_U32,
    SNNK__ELEMENT_I32,
    SNNK__ELEMENT_U64,
    SNNK__ELEMENT_I64,
    SNNK__ELEMENT_F32,
    SNNK__ELEMENT_F64
} snnk__element;

struct snnk_table {
    snnk_allocator allocator;
    size_t rows, columns;
    snnk__element type;
    bool big_endian;
    const unsigned char *cells; /* rows x columns, packed; in `block` or `values` */

    unsigned char *block; /* the file, unzipped; NULL when nothing points into it */
    float *values;        /* CSV: rows x columns in this machine's order; else NULL */
    const char **names;   /* CSV: columns; else NULL */
    char *names_text;     /* what names point into */
    size_t *word_start;   /* columns + 1: words of column j are word_start[j] ... word_start[j+1]-1;
                           * NULL when no column has words */
    const char **words;
    char *words_text;
};

/* Bytes of an element. */
size_t snnk__element_bytes(snnk__element type);

/* Parse an unzipped file. The table points into `bytes`, which must outlive it. Statuses as
 * snnk_table_open, without SNNK_E_IO. */
int snnk__table_parse(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                      snnk_table **table);

/* The parsers: fill an empty table (all but allocator and block), from a cursor over the whole file.
 * What they leave in it on failure is freed with it. */
int snnk__idx_parse(snnk__cursor file, snnk_table *table);
int snnk__npy_parse(snnk__cursor file, snnk_table *table);
int snnk__csv_parse(snnk__cursor file, snnk_table *table);

/* The dimensions of an array on their way to rows and columns: the first is rows, the product of
 * the others columns. Begin with {0, 0, 1, false}. */
typedef struct snnk__array_shape {
    size_t n_dims, rows, columns;
    bool overflows;
} snnk__array_shape;

void snnk__array_shape_push(snnk__array_shape *shape, uint64_t dim);

/* The table's cells are what the cursor has left, of this shape and type: check that they are just
 * as many bytes, and set the table's fields. SNNK_E_FORMAT (no dimension, no columns),
 * SNNK_E_TRUNCATED. */
int snnk__table_set_cells(snnk_table *table, const snnk__array_shape *shape, snnk__element type,
                          bool big_endian, snnk__cursor rest);

#endif
