/* Selecting the features of a student, from moments only. */
#ifndef SNNK_DISTILL_SELECT_FEATURES_H
#define SNNK_DISTILL_SELECT_FEATURES_H

#include "distill/distill.h"
#include "solve/subset.h"

/* Allocate room for m features: m x d directions, m candidates. Free it with snnk__subset_free,
 * also after a failure. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__subset_alloc(const snnk_distill *distill, size_t m, snnk__subset *subset);
void snnk__subset_free(const snnk_distill *distill, snnk__subset *subset);

/* Select the m features of tier SELECTED.
 *   linear   how many of them are linear (reduced to what is possible), or
 *   SNNK_DISTILL_LINEAR_AUTO error    the result: the share of the squared deviations that they do
 *   not explain on the sample
 *            of held-out rows
 * SNNK_E_RANGE (fewer than m features are independent), SNNK_E_SIZE, SNNK_E_SINGULAR,
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_select(const snnk_distill *distill, size_t m, int32_t linear,
                         snnk__subset *subset, double *error);

/* The cost of snnk__distill_select in multiply-adds, roughly. */
double snnk__distill_cost_of_selecting(const snnk_distill *distill, size_t m);

#endif
