/* What `snnk fit` chooses from the data: the form of encoded numbers, the scaling, the kind of
 * features and their scales. */
#ifndef SNNK_CLI_FIT_CHOOSE_H
#define SNNK_CLI_FIT_CHOOSE_H

#include "cli/fit_options.h"
#include "cli/task.h"

/* What was chosen, for the report. */
typedef struct fit_choice {
    bool made; /* false: the options leave nothing open */
    size_t candidates, rows;
    double error;        /* of rows left out, as a share of the variance of the targets */
    double least_error;  /* of all candidates: at most 2 % less, if standardized inputs decided */
    double linear_error; /* that of linear features; NaN if there were none */
    double other_error;  /* the least of all other kinds; NaN if there were none */
    int32_t form;        /* snnk_number_form of the encoder; -1 without one */
} fit_choice;

/* Choose what the options leave open, and set it in the options; the data may get another encoder.
 * Prints the error and returns an exit status. */
int fit_choose(const char *command, fit_options *o, dataset *train, const task *of,
               snnk_workspace *workspace, fit_choice *choice);

#endif
