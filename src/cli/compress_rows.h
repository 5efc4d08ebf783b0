/* The rows that `snnk compress` fits to. */
#ifndef SNNK_CLI_COMPRESS_ROWS_H
#define SNNK_CLI_COMPRESS_ROWS_H

#include "cli/compress_options.h"

/* A file of rows. An array (batch, tokens, d) has batch x tokens rows of d numbers. */
typedef struct compress_rows {
    dataset data;
    size_t last_dim; /* d, if the array has three dimensions or more; otherwise 0 */
    size_t n, d;     /* rows and columns, set when they are read */
    size_t tokens;   /* rows of an element of the batch; 1 without a batch */
    float *X;
} compress_rows;

/* All functions print their errors and return an exit status. compress_rows_free frees what is
 * there in any case. */

/* Open a file. files: how CSV is read. */
int compress_rows_open(const data_files *files, const char *path, compress_rows *rows);

/* Refuse options for CSV if none of the files (b may be NULL) is one. */
int compress_rows_check_csv(const data_files *files, const compress_rows *a,
                            const compress_rows *b);

/* Read all rows, with d columns: last_dim or those of the file. They must be finite. */
int compress_rows_read(bool quiet, size_t d, compress_rows *rows);

void compress_rows_free(compress_rows *rows);

#endif
