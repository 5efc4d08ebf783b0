/* L-BFGS (Nocedal 1980) on all rows at once. */
#ifndef SNNK_TRAIN_LBFGS_H
#define SNNK_TRAIN_LBFGS_H

#include "train/epochs.h"
#include "train/lbfgs_history.h"

/* Make one step with a line search, and set *loss to the mean over the rows before it. If no step
 * along the gradient reduces the loss, the numbers stay. On failure the trainer is as it was
 * before. */
int snnk__lbfgs_run(snnk__run *run, double *loss);

#endif
