/* The simpler replacements that a student is compared with. Each has no more parameters than the
 * student, and is fitted to the same rows; or it is the teacher itself, with rounded weights. */
#ifndef SNNK_DISTILL_BASELINES_H
#define SNNK_DISTILL_BASELINES_H

#include "distill/distill.h"
#include "network/network.h"

/* Fill in what the baselines explain, for a student of m features. SNNK_E_SIZE, SNNK_E_SINGULAR,
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_baselines(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                            snnk_distill_report *report);

/* Make a baseline, fitted to all rows.
 *   method   an snnk_distill_method other than STUDENT
 *   m        the number of features of the student that it is compared with
 * SNNK_E_RANGE (there is no such baseline), SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM,
 * SNNK_E_CANCELLED. */
int snnk__distill_baseline(const snnk_distill *distill, int32_t method, size_t m,
                           snnk_workspace *workspace, snnk_network **network);

/* The cost of snnk__distill_baselines in multiply-adds, roughly. */
double snnk__distill_cost_of_baselines(const snnk_distill *distill, size_t m);

#endif
