/* Moments of all features from which a student can choose. */
#ifndef SNNK_DISTILL_CANDIDATE_MOMENTS_H
#define SNNK_DISTILL_CANDIDATE_MOMENTS_H

#include "distill/distill.h"

/* Collect the moments of all_features over samples of about selection_rows rows to fit and a
 * quarter as many held-out ones, into train and heldout, with S symmetric. If there is no Y,
 * compute it from the teacher first (own_Y). SNNK_E_NONFINITE (what the teacher gives),
 * SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_gather_moments(snnk_distill *distill, snnk_workspace *workspace);

#endif
