/* Sums of squared residuals from statistics. */
#ifndef SNNK_SOLVE_RSS_H
#define SNNK_SOLVE_RSS_H

#include "base/progress.h"
#include "solve/statistics.h"

/* Set *rss to |Y - Phi B^T - b|^2, summed over targets, as snnk_lstsq_rss does. B is finite; b:
 * NULL for zeros. SNNK_E_NONFINITE (the sum overflows), SNNK_E_NOMEM. */
int snnk__lstsq_rss_of(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                       snnk__progress *progress, double *rss);

#endif
