/* The simpler replacements that a student is compared with: each has no more parameters than the
 * student, and is fitted to the same rows. */
#ifndef SNNK_DISTILL_BASELINES_H
#define SNNK_DISTILL_BASELINES_H

#include "distill/distill.h"

/* Fill in what the baselines explain, for a student of m features. SNNK_E_SIZE, SNNK_E_SINGULAR,
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__distill_baselines(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                            snnk_distill_report *report);

/* The cost of snnk__distill_baselines in multiply-adds, roughly. */
double snnk__distill_cost_of_baselines(const snnk_distill *distill, size_t m);

#endif
