/* The ridge solution from the triangular factor. */
#ifndef SNNK_SOLVE_QR_SOLVE_H
#define SNNK_SOLVE_QR_SOLVE_H

#include "base/progress.h"
#include "solve/config.h"

/* Solve for z = B / scale.
 *   ridge       >= 0
 *   w           weight of the row of the means; 0 with an intercept
 *   tolerance   relative, of singular values
 *   scale       m powers of two
 *   R           the result: t x m
 * Statuses of snnk__lstsq_solve_into. */
int snnk__qr_solve(snnk_lstsq *lstsq, double ridge, double w, double tolerance, const double *scale,
                   double *R, snnk__progress *progress, snnk__solve_outcome *outcome);

#endif
