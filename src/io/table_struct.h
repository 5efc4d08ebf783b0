/* The fields of a table. The parser of each format fills one. */
#ifndef SNNK_IO_TABLE_STRUCT_H
#define SNNK_IO_TABLE_STRUCT_H

#include <snnk/table.h>

#include "base/memory.h"
#include "io/array_elements.h"
#include "io/bytes.h"

/* The most dimensions of an array, as in NumPy 2. */
#define SNNK__TABLE_MAX_DIMS 64

/* A column of a CSV file. */
typedef struct snnk__table_column {
    const char *name;
    bool is_words;
    size_t missing;    /* fields */
    size_t first_word; /* its words are first_word ... first_word + n_words - 1 of the table */
    size_t n_words;
    size_t word_row, word_line; /* where the first field is that is not a number */
} snnk__table_column;

/* A parser fills an empty table, all fields but allocator, block, fd and path. On failure it may
 * leave it half filled: snnk_table_free frees what is there. */
struct snnk_table {
    snnk_allocator allocator;
    size_t rows, columns;
    size_t n_dims, dims[SNNK__TABLE_MAX_DIMS]; /* of an array in C order of dimensions */
    snnk__element type;                        /* of the cells */
    bool big_endian;
    bool fortran_order; /* the cells of a column are contiguous, and the second dimension varies
                         * faster than the third */
    size_t cells_begin; /* arrays: the offset in the file where rows x columns packed cells begin */
    const unsigned char
        *cells; /* the cells, inside `block` or `values`; NULL if they stay on disk */

    int fd;     /* the open file if the cells stay on disk, otherwise -1 */
    char *path; /* its path, for error sentences; NULL for a table in memory */

    unsigned char *block; /* the decompressed file; NULL if nothing points into it */

    /* CSV only, otherwise 0 or NULL */
    unsigned char separator, decimal;
    bool has_header;
    size_t comment_lines;      /* skipped at the beginning */
    double *values;            /* rows x columns: numbers, or indices of words; NaN where missing */
    snnk__table_column *about; /* columns */
    char *names_text;          /* what names point into */
    const char **words;        /* of all columns */
    char *words_text;          /* what words point into */
};

#endif
