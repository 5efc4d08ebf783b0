/* Fits of few rows: the ridge that predicts each row best from the others, and the solution. */
#ifndef SNNK_FIT_LEFT_OUT_H
#define SNNK_FIT_LEFT_OUT_H

#include <snnk/layer.h>
#include <snnk/lstsq.h>

#include "fit/heldout.h"
#include "solve/dual.h"

/* The rows that a fit keeps, and how to fit them. */
typedef struct snnk__left_out {
    const snnk_allocator *allocator;
    const snnk__heldout *heldout;
    const snnk_map *map;
    int32_t intercept, n_ridges;
    snnk_workspace *workspace; /* its progress function can cancel opening; NULL for none */
    snnk__progress
        *progress;    /* its current stage is what is cancelled or reported; NULL for none */
    snnk__dual *dual; /* set by opening */
} snnk__left_out;

/* Decompose the rows; close what was opened. SNNK_E_STATE (fewer than two distinct rows or groups,
 * or every feature is constant), SNNK_E_NONFINITE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__left_out_open(snnk__left_out *of);
void snnk__left_out_close(snnk__left_out *of);

/* Choose the ridge with the least squared error of rows that are left out, with their equals or
 * their groups; of equal errors the largest.
 *   ridge  the result
 *   errors  the result: those of this ridge
 * SNNK_E_NONFINITE (no ridge has a finite error), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__left_out_choose(const snnk__left_out *of, double *ridge, snnk__fit_errors *errors);

/* Compute what fits without a row predict for it.
 *   scores  the result: rows x outputs, packed
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__left_out_scores(const snnk__left_out *of, double ridge, double *scores);

/* Solve with a ridge, and create the layer.
 *   report  the result
 * SNNK_E_NONFINITE, SNNK_E_NOMEM. */
int snnk__left_out_solve(const snnk__left_out *of, double ridge, snnk_solve_report *report,
                         snnk_layer **layer);

#endif
