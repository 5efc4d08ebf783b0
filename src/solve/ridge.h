/* The ridge solution. */
#ifndef SNNK_SOLVE_RIDGE_H
#define SNNK_SOLVE_RIDGE_H

#include "base/progress.h"
#include "solve/config.h"

/* Solve into B (t x m, packed) and b (t; zeros without an intercept), which are scratch on failure.
 * The config has been checked. Needs rows. The stage of progress ends at 1. SNNK_E_SIZE,
 * SNNK_E_SINGULAR, SNNK_E_NONFINITE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__lstsq_solve_into(snnk_lstsq *lstsq, const snnk_solve_config *config, double *B, double *b,
                           snnk__progress *progress, snnk__solve_outcome *outcome);

#endif
