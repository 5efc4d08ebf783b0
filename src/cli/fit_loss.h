/* The loss of a classification in `snnk fit`: the fit minimizes the squared error; where a class is
 * rare, cross-entropy is compared with it. */
#ifndef SNNK_CLI_FIT_LOSS_H
#define SNNK_CLI_FIT_LOSS_H

#include "cli/fit_options.h"
#include "cli/training_rows.h"

/* What was compared, for the report. */
typedef struct fit_loss {
    bool compared;
    char skipped[256]; /* why they were not compared although a class is rare; or "" */
    snnk_loss_report report;
} fit_loss;

/* Choose the loss.
 *   layer   of least squares, with lambda = ridge
 *   loss    the result
 *   chosen  the result: a network of one layer by cross-entropy, with its uncertainty; NULL for
 *           the squared error. The caller frees it
 * Prints the error and returns an exit status. */
int fit_loss_choose(const char *command, const fit_options *o, const task *what, dataset *train,
                    training_rows *batch, const snnk_layer *layer, double ridge,
                    snnk_workspace *workspace, fit_loss *loss, snnk_network **chosen);

/* Add the loss to a report. */
void fit_loss_add_json(const fit_loss *loss, cJSON *json);
void fit_loss_print(const fit_loss *loss);

#endif
