/* The scaling of the rows of `snnk train`: learned batch by batch, so that the rows need not be in
 * memory. */
#ifndef SNNK_CLI_TRAIN_SCALING_H
#define SNNK_CLI_TRAIN_SCALING_H

#include "cli/training_rows.h"

/* x' = (x - mean) * scale, of each column. NULL: the columns stay as they are. */
typedef struct column_scaling {
    double *mean, *scale;
} column_scaling;

void column_scaling_free(column_scaling *scaling);

/* What is known of the rows so far. */
typedef struct scaling_learner {
    snnk_scaling *inputs; /* NULL: inputs are not scaled */
    int32_t mode;         /* SNNK_SCALING_STANDARDIZE, or COMMON: one scale for all, so that their
                           * mean variance is 1 */
    size_t n_inputs, n_targets;
    double weight;                 /* of all rows */
    double *target_mean, *squares; /* of targets: means, and weighted squares around them */
} scaling_learner;

/* All functions print their errors and return an exit status. scaling_learner_free frees what is
 * there in any case. */

/* Begin without rows. mode: an snnk_scaling_mode; negative: inputs are not scaled. */
int scaling_learner_begin(const char *command, const task *what, const dataset *data, int32_t mode,
                          scaling_learner *learner);
void scaling_learner_free(scaling_learner *learner);

/* Add the rows of a batch. */
int scaling_learner_add(const char *command, const dataset *data, const snnk_rows *batch,
                        scaling_learner *learner);

/* Get the scaling of inputs, which stay as they are if the learner does not know one. */
int scaling_learner_inputs(const char *command, const dataset *data, const scaling_learner *learner,
                           column_scaling *inputs);

/* Get the scaling that standardizes targets, each of its own mean and deviation, weighted. */
int scaling_learner_targets(const char *command, const scaling_learner *learner,
                            column_scaling *targets);

/* Scale the rows of a batch in place. */
void scale_batch(const column_scaling *inputs, const column_scaling *targets, size_t n_targets,
                 training_rows *batch);

#endif
