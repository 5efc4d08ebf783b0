/* The rows of `snnk train`: in memory, scaled, some of them held out. */
#ifndef SNNK_CLI_TRAIN_ROWS_H
#define SNNK_CLI_TRAIN_ROWS_H

#include "cli/all_rows.h"

/* x' = (x - mean) * scale, of each column. NULL: the columns stay as they are. */
typedef struct column_scaling {
    double *mean, *scale;
} column_scaling;

typedef struct train_rows {
    all_rows rows; /* scaled; those that are held out come last */
    size_t n_heldout;
    column_scaling inputs, targets;
} train_rows;

/* Read the rows. train_rows_free frees what is there in any case. Like all functions here, it
 * prints the error and returns an exit status. */
int train_rows_read(const char *command, const task *what, dataset *data, bool quiet,
                    train_rows *rows);
void train_rows_free(train_rows *rows);

/* Scale the inputs.
 *   mode  SNNK_SCALING_STANDARDIZE, or COMMON: one scale for all, so that their mean variance is
 *         1 */
int train_rows_scale_inputs(const char *command, const dataset *data, int32_t mode,
                            train_rows *rows);

/* Standardize the targets of a regression, each of its own mean and deviation, weighted. */
int train_rows_scale_targets(const char *command, train_rows *rows);

/* Hold out a share of the rows, drawn by the seed. Rows of a group stay together, and so do rows of
 * equal inputs, unless no or too many rows were held out so. */
int train_rows_split(const char *command, uint64_t seed, double share, train_rows *rows);

/* The rows to learn from, and those that are held out. */
snnk_rows train_rows_learnt(const train_rows *rows);
snnk_rows train_rows_heldout(const train_rows *rows);

/* Compute the outputs of a network, in the units of scaled targets, for rows first ... first+n-1.
 *   Y  the result: n x outputs, in double */
int train_rows_outputs(const char *command, const train_rows *rows, size_t first, size_t n,
                       const snnk_network *network, snnk_workspace *workspace, double *Y);

#endif
