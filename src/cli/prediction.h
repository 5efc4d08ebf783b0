/* Printing and saving what `snnk predict` computes. */
#ifndef SNNK_CLI_PREDICTION_H
#define SNNK_CLI_PREDICTION_H

#include "cli/model.h"

/* Between the classes of a set, in CSV. */
#define SET_SEPARATOR '|'

/* Whether predictions can be saved under this name: it ends in .csv or .npy, or is a device or a
 * pipe, which gets .npy. */
bool prediction_can_save(const char *path);

/* Whether the model can give what the options ask for. Prints the error and returns an exit
 * status. */
int prediction_check(const char *command, const model_use *use);

/* Write the predictions for all rows of use->data, by the options of `use`: CSV or JSON to stdout,
 * or a file at use->out. Prints the error and returns an exit status.
 *   scores  rows x outputs */
int prediction_write(const char *command, const model_use *use, const double *scores);

#endif
