/* The normal equations without scaling, for ridge paths and recursive least squares. */
#ifndef SNNK_SOLVE_SYSTEM_H
#define SNNK_SOLVE_SYSTEM_H

#include "base/progress.h"
#include "solve/statistics.h"

/* The problem without a ridge: |B phi - y|^2, summed, is yy - 2 R.B + B A B^T. Not scaled, because
 * a ridge acts in the coordinates of the features. */
typedef struct snnk__system {
    double *A;  /* m x m, row-major, lower triangle; the rest is not written */
    double *R;  /* t x m */
    double *yy; /* t */
} snnk__system;

/* Fill A, R and yy, which the caller allocated: centered on the means with an intercept, otherwise
 * about 0. Needs rows. SNNK_E_NONFINITE (an entry overflows), SNNK_E_NOMEM and SNNK_E_CANCELLED (only with
 * a factor). */
int snnk__system_build(const snnk_lstsq *lstsq, bool intercept, snnk__progress *progress,
                       snnk__system *system);

#endif
