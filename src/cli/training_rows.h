/* Batches of rows to learn from, or to forget: inputs, targets or labels, and weights. */
#ifndef SNNK_CLI_TRAINING_ROWS_H
#define SNNK_CLI_TRAINING_ROWS_H

#include "cli/task.h"

typedef struct training_rows {
    snnk_rows
        rows; /* the batch; it points into the buffers below. Rows of weight 0 are left out, so
                     * rows.n may be less than what was read */
    double *X, *Y;
    int32_t labels[BATCH_ROWS];
    float weights[BATCH_ROWS];
    uint64_t groups[BATCH_ROWS];
    size_t numbers[BATCH_ROWS]; /* of the rows in the file, from 0 */
} training_rows;

/* Create room for the batches of a data set; training_rows_free frees it. All functions print their
 * errors and return an exit status. */
int training_rows_create(const char *command, const dataset *data, training_rows **rows);
void training_rows_free(training_rows *rows);

/* Read rows first ... first+n-1, n <= BATCH_ROWS: inputs only, or targets or labels too, with
 * weights that include those of classes. */
int training_rows_read_inputs(const char *command, dataset *data, size_t first, size_t n,
                              training_rows *to);
int training_rows_read(const char *command, const task *what, dataset *data, size_t first, size_t n,
                       training_rows *to);

/* Set *variance to that of all targets, summed over outputs; 1 if it is 0. The batch is used. */
int training_rows_variance(const char *command, dataset *data, training_rows *batch,
                           double *variance);

#endif
