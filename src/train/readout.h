/* The last layer of a trainer in closed form. */
#ifndef SNNK_TRAIN_READOUT_H
#define SNNK_TRAIN_READOUT_H

#include <snnk/fit.h>

#include "train/epochs.h"

/* SNNK_E_UNSUPPORTED if the config asks for a solution, but the last layer has no weights that can
 * be solved. */
int snnk__readout_check(const snnk_trainer *trainer);

/* Set the weights and the bias of the last layer to the least-squares solution on the rows to
 * learn from. Statuses of snnk_fit_add and snnk_fit_solve. */
int snnk__readout_solve(snnk__run *run);

/* Set the weights and the bias of layer k to the solution of a fit of its features. Statuses of
 * snnk_fit_solve. */
int snnk__readout_take(snnk__run *run, size_t k, snnk_fit *fit);

#endif
