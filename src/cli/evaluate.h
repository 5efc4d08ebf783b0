/* Scoring a model on data with known targets. */
#ifndef SNNK_CLI_EVALUATE_H
#define SNNK_CLI_EVALUATE_H

#include "cli/task.h"

typedef struct evaluation {
    size_t rows;
    double accuracy;      /* classification: the share of rows with the right class */
    size_t *confusion;    /* classification: outputs x outputs, [true][predicted]; to be freed */
    double rmse, mae, r2; /* regression: over all outputs */
    double seconds;       /* time of the forward passes only */
} evaluation;

/* Score a network on data that task_check accepted. Prints the error and returns an exit status. */
int evaluate(const char *command, const snnk_network *network, const task *what, dataset *data,
             snnk_workspace *workspace, bool quiet, evaluation *result);

#endif
