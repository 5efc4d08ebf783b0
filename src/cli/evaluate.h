/* Scoring a model on data with known targets. */
#ifndef SNNK_CLI_EVALUATE_H
#define SNNK_CLI_EVALUATE_H

#include "cli/task.h"

/* If the data have weights, each row counts as often as its weight says. */
typedef struct evaluation {
    size_t rows;   /* without those of weight 0 */
    double weight; /* the sum of their weights */
    bool weighted;
    double accuracy;          /* classification: the share of rows with the right class */
    double balanced_accuracy; /* the mean of recall, over the classes that the data have */
    double *confusion; /* classification: sums of weights, outputs x outputs, [true][predicted]; to
                        * be freed. NULL for a regression */
    double rmse, mae, r2; /* regression: over all outputs; r2: NaN unless `varies` */
    bool varies;          /* regression: not all targets are equal */
    double seconds;       /* time of the forward passes only */
    /* If the model holds its uncertainty: */
    bool has_probabilities;       /* classification */
    snnk_calibration calibration; /* of the probabilities */
    bool has_coverage;
    double wanted_coverage;
    snnk_coverage coverage; /* of intervals or sets */
} evaluation;

/* Score a network on data that task_check accepted. Prints the error and returns an exit status.
 *   coverage  of intervals or sets, which must be possible then; 0: DEFAULT_COVERAGE if the network
 *             holds its uncertainty, from enough rows */
int evaluate_coverage(const char *command, const snnk_network *network, const task *what,
                      dataset *data, double coverage, snnk_workspace *workspace, bool quiet,
                      evaluation *result);

#define DEFAULT_COVERAGE 0.9

/* The same with coverage 0. */
int evaluate(const char *command, const snnk_network *network, const task *what, dataset *data,
             snnk_workspace *workspace, bool quiet, evaluation *result);

/* Print the errors of a regression, as the end of a line. */
void evaluation_print_errors(const evaluation *result);

/* The share of the rows of a class that were classified as it, NaN where the data have none of
 * it. */
double evaluation_recall(const evaluation *result, size_t outputs, size_t label);

/* Add what the uncertainty gives to a JSON object, or print it: nothing for a model without it.
 *   prefix  before each key, "test_" or "" */
void evaluation_add_uncertainty(const task *what, const evaluation *result, const char *prefix,
                                cJSON *json);
void evaluation_print_uncertainty(const task *what, const evaluation *result);

#endif
