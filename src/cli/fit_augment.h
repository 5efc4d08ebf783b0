/* `snnk fit --augment`: changed copies of the training rows, images or series. */
#ifndef SNNK_CLI_FIT_AUGMENT_H
#define SNNK_CLI_FIT_AUGMENT_H

#include "cli/dataset.h"
#include "cli/fit_options.h"
#include "cli/row_copies.h"

/* Check that copies can be made with the other options, and set what they decide. Prints the error
 * and returns an exit status. */
int fit_augment_check(const char *command, fit_options *o);

/* Let the data read copies, if the options ask for them: from then on made->copy says which. Of few
 * rows a larger share is held out, unless the options say how many.
 *   data  not through a tower yet
 * Prints the error and returns an exit status. */
int fit_augment_begin(const char *command, fit_options *o, snnk_workspace *workspace, dataset *data,
                      row_copies *made);
void fit_augment_free(row_copies *copies);

#endif
