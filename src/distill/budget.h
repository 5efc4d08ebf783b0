/* Spending a budget of parameters on several parts. */
#ifndef SNNK_DISTILL_BUDGET_H
#define SNNK_DISTILL_BUDGET_H

#include "base/progress.h"
#include "distill/compression.h"
#include "distill/distill.h"

/* A student of some size. */
typedef struct snnk__size_option {
    size_t features;   /* 0: the part itself, with error 0 */
    double parameters; /* how many it takes */
    double error;      /* the share of the squared deviations that it does not explain on held-out
                        * rows */
} snnk__size_option;

/* The sizes that a part can have, from the smallest to the part itself. */
typedef struct snnk__size_curve {
    snnk__size_option *options;
    size_t n, chosen; /* the number of options, and the index of the chosen one */
} snnk__size_curve;

/* Create the size curve of a part from a distillation of it (which is unused if max_features is
 * 0). Its stages of progress cost `cost` together. Free options with the allocator. Statuses of
 * snnk_distill_solve. */
int snnk__size_curve_create(const snnk__network_part *part, const snnk_distill *distill,
                            const snnk_allocator *allocator, snnk__progress *progress, double cost,
                            snnk__size_curve *curve);

/* Choose features and outcome of n parts by their size curves, with `budget` parameters for all of
 * them together. Sets *smallest to what the smallest students take together; SNNK_E_RANGE, without
 * a sentence, if that is more than the budget. */
int snnk__spend_budget(size_t n, snnk__network_part *parts, snnk__size_curve *curves, double budget,
                       double *smallest);

#endif
