/* Fresh projections while training. */
#ifndef SNNK_TRAIN_REDRAW_H
#define SNNK_TRAIN_REDRAW_H

#include "train/epochs.h"

/* Draw the rows of all drawn layers again, the first layer first, and fit Psi and bias of each so
 * that its outputs change little: least squares over the rows to learn from. The seed depends on
 * the config's, the epoch and the layer. On failure the caller returns to the numbers it marked.
 * Statuses of snnk_map_redraw, snnk_fit_add and snnk_fit_solve. */
int snnk__redraw(snnk__run *run);

#endif
