/* The rank of conformal intervals and sets. */
#ifndef SNNK_SOLVE_CONFORMAL_H
#define SNNK_SOLVE_CONFORMAL_H

#include <float.h>
#include <math.h>

/* Which of n errors, the smallest first and counted from 1, is the radius: ceil((n + 1) coverage).
 * Above n if there are too few errors. A product that is a whole number except for rounding counts
 * as that number. */
static inline double snnk__conformal_rank(double n, double coverage) {
    return ceil(coverage * (n + 1) * (1 - 4 * DBL_EPSILON));
}

#endif
