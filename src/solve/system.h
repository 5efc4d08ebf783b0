/* The normal equations as they are: what paths and recursive least squares start from. */
#ifndef SNNK_SOLVE_SYSTEM_H
#define SNNK_SOLVE_SYSTEM_H

#include "solve/statistics.h"

/* The whole problem without a ridge: |B phi - y|^2 summed is yy - 2 R.B + B A B^T. Unscaled,
 * because a ridge acts in the coordinates that the features have. */
typedef struct snnk__system {
    double *A;  /* m x m, row-major, the lower triangle; nothing is written above it */
    double *R;  /* t x m */
    double *yy; /* t */
} snnk__system;

/* Fill A, R and yy, which are the caller's, from the statistics: centred on the means with an
 * intercept, else about zero. Needs rows. SNNK_E_NONFINITE (an entry overflows); from a factor
 * SNNK_E_NOMEM. */
int snnk__system_build(const snnk_lstsq *lstsq, bool intercept, snnk__system *system);

#endif
