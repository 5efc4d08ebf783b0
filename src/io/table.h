/* Inside of a table, and the parsers of its three kinds. */
#ifndef SNNK_IO_TABLE_H
#define SNNK_IO_TABLE_H

#include <snnk/table.h>

#include "base/memory.h"
#include "io/bytes.h"
#include "io/elements.h"

struct snnk_table {
    snnk_allocator allocator;
    size_t rows, columns;
    snnk__element type;
    bool big_endian;
    size_t cells_begin; /* of an array: where in its file rows x columns packed cells begin */
    const unsigned char *cells; /* them; in `block` or `values`, or NULL where they stay on disk: */

    int fd;     /* the file they are read from; else -1 */
    char *path; /* its name, for error sentences; else NULL */

    unsigned char *block; /* the file, unzipped; NULL when nothing points into it */
    float *values;        /* CSV: rows x columns in this machine's order; else NULL */
    const char **names;   /* CSV: columns; else NULL */
    char *names_text;     /* what names point into */
    size_t *word_start;   /* columns + 1: words of column j are word_start[j] ... word_start[j+1]-1;
                           * NULL when no column has words */
    const char **words;
    char *words_text;
};

/* Parse an unzipped file. The table points into `bytes`, which must outlive it. Statuses as
 * snnk_table_open, without SNNK_E_IO. */
int snnk__table_parse(const unsigned char *bytes, size_t size, const snnk_allocator *allocator,
                      snnk_table **table);

/* The beginning of an array's file that is enough to parse it: a .npy header of version 1 at its
 * longest. */
#define SNNK__MAX_NPY_HEADER ((size_t)65535)
#define SNNK__HEAD_BYTES     (12 + SNNK__MAX_NPY_HEADER)

/* The parsers: fill an empty table (all but allocator, block, fd and path). What they leave in it on failure is
 * freed with it. Of an array they need the head only, a cursor over all of the file or SNNK__HEAD_BYTES
 * of it, and how many bytes lie beyond; they set cells_begin. */
int snnk__idx_parse(snnk__cursor head, size_t beyond, snnk_table *table);
int snnk__npy_parse(snnk__cursor head, size_t beyond, snnk_table *table);
int snnk__csv_parse(snnk__cursor file, snnk_table *table);

/* The dimensions of an array on their way to rows and columns: the first is rows, the product of
 * the others columns. Begin with {0, 0, 1, false}. */
typedef struct snnk__array_shape {
    size_t n_dims, rows, columns;
    bool overflows;
} snnk__array_shape;

void snnk__array_shape_push(snnk__array_shape *shape, uint64_t dim);

/* The table's cells begin at byte `begin` of the file and take all the `left` bytes there: check that
 * they are just as many as shape and type say, and set the table's fields. SNNK_E_FORMAT (no dimension,
 * no columns), SNNK_E_TRUNCATED. */
int snnk__table_set_cells(snnk_table *table, const snnk__array_shape *shape, snnk__element type,
                          bool big_endian, size_t begin, size_t left);

#endif
