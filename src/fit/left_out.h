/* Fits of few rows: the ridge that predicts each row best from the others, and the solution. */
#ifndef SNNK_FIT_LEFT_OUT_H
#define SNNK_FIT_LEFT_OUT_H

#include "fit/fit.h"
#include "solve/dual.h"

/* Decompose the rows that a fit keeps. The progress function of the workspace can cancel it.
 * SNNK_E_CANCELLED, SNNK_E_STATE (fewer than two distinct rows or groups, or
 * every feature is constant), SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__left_out_open(const snnk_fit *fit, snnk_workspace *workspace, snnk__dual **dual);

/* Choose the ridge with the least squared error of rows that are left out, with their equals or
 * their groups; of equal errors the largest.
 *   ridge  the result
 *   error  the result: the error of this ridge, as in snnk_fit_report
 * SNNK_E_NONFINITE (no ridge has a finite error), SNNK_E_NOMEM. */
int snnk__left_out_choose(const snnk_fit *fit, const snnk__dual *dual, double *ridge,
                          double *error);

/* Compute what fits without a row predict for it.
 *   scores  the result: rows x outputs, packed
 * SNNK_E_NOMEM. */
int snnk__left_out_scores(const snnk_fit *fit, const snnk__dual *dual, double ridge,
                          double *scores);

/* Solve with a ridge, and create the layer.
 *   report  the result
 * SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__left_out_solve(const snnk_fit *fit, const snnk__dual *dual, double ridge,
                         snnk_solve_report *report, snnk_layer **layer);

#endif
