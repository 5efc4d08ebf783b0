/* All rows of a training set, in memory. */
#ifndef SNNK_CLI_ALL_ROWS_H
#define SNNK_CLI_ALL_ROWS_H

#include "cli/training_rows.h"

/* Arrays that the data do not have are NULL. One of X and X_f64 has the inputs. */
typedef struct all_rows {
    size_t n, inputs, targets; /* targets: columns of Y; 0 of a classification */
    float *X;
    double *X_f64, *Y;
    int32_t *labels;
    float *weights;
    uint64_t *groups;
} all_rows;

/* Make room for n rows, with the arrays that a batch has; targets: columns of Y. Return false if
 * there was too little memory. all_rows_free frees what is there in any case. */
bool all_rows_create(const snnk_rows *batch, size_t targets, size_t n, all_rows *rows);

/* Append row i of a batch, for which there is room. Its inputs may become floats. */
void all_rows_append(const snnk_rows *batch, size_t i, all_rows *rows);

/* Read the rows, without those of weight 0, with inputs as float where the file has floats.
 * all_rows_free frees what is there in any case.
 *   quiet   no progress bar
 *   batch   room for batches of the data
 *   memory  the result: false if there was too little; nothing is printed then
 * Prints other errors and returns an exit status. */
int all_rows_read(const char *command, const task *what, dataset *data, bool quiet,
                  training_rows *batch, all_rows *rows, bool *memory);
void all_rows_free(all_rows *rows);

/* Rows first ... first+n-1 as the library takes them. */
snnk_rows all_rows_part(const all_rows *rows, size_t first, size_t n);

#endif
