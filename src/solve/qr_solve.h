/* The ridge solution from the triangular factor. */
#ifndef SNNK_SOLVE_QR_SOLVE_H
#define SNNK_SOLVE_QR_SOLVE_H

#include "solve/config.h"

/* The ridge solution from the factor: statuses and arguments of snnk__lstsq_solve_into. scale: m
 * powers of two, on which z = B / scale is solved for; w: the weight of the means' row, 0 with an
 * intercept. R (t x m) becomes z. tolerance: of singular values. */
int snnk__qr_solve(snnk_lstsq *lstsq, double ridge, double w, double tolerance, const double *scale,
                   double *R, snnk__solve_outcome *outcome);

#endif
