/* The fields of a table. The parser of each format fills one. */
#ifndef SNNK_IO_TABLE_STRUCT_H
#define SNNK_IO_TABLE_STRUCT_H

#include <snnk/table.h>

#include "base/memory.h"
#include "io/array_elements.h"
#include "io/bytes.h"

/* A parser fills an empty table, all fields but allocator, block, fd and path. On failure it may
 * leave it half filled: snnk_table_free frees what is there. */
struct snnk_table {
    snnk_allocator allocator;
    size_t rows, columns;
    snnk__element type; /* of the cells */
    bool big_endian;
    size_t cells_begin; /* arrays: the offset in the file where rows x columns packed cells begin */
    const unsigned char
        *cells; /* the cells, inside `block` or `values`; NULL if they stay on disk */

    int fd;     /* the open file if the cells stay on disk, otherwise -1 */
    char *path; /* its path, for error sentences; otherwise NULL */

    unsigned char *block; /* the decompressed file; NULL if nothing points into it */
    float *values;        /* CSV: rows x columns; otherwise NULL */
    const char **names;   /* CSV: columns; otherwise NULL */
    char *names_text;     /* what names point into */
    size_t
        *word_start; /* columns + 1: column j has words word_start[j] ... word_start[j+1]-1; NULL if
                           * no column has words */
    const char **words;
    char *words_text; /* what words point into */
};

#endif
