/* Inside of recursive least squares. */
#ifndef SNNK_SOLVE_RLS_H
#define SNNK_SOLVE_RLS_H

#include <snnk/rls.h>

#include "base/memory.h"

/* m features, t targets. P = (scale U)(scale U)^T. */
struct snnk_rls {
    snnk_allocator allocator;
    size_t features, targets;
    uint64_t rows;
    double ridge, forgetting;
    double scale; /* 1 ... SNNK__RLS_SCALE: spares a pass over U in each update */
    double *U;    /* m (m + 1)/2: upper triangular, column j is its entries 0 ... j, one behind the
            * other */
    double *B;    /* t x m */

    /* Scratch of update. */
    double *phi, *gain; /* m */
    double *residual;   /* t */
};

/* Where U takes the scale in: a power of two, so that it rounds nothing. */
#define SNNK__RLS_SCALE 0x1p32

/* What keeps an update from overflowing: with |scale U| and |B| below these and residuals below
 * SNNK__RLS_RESIDUAL, gains are below 2 |scale U|, and it takes 1e60 updates until B is no
 * double. */
#define SNNK__RLS_U        1e40
#define SNNK__RLS_B        1e300
#define SNNK__RLS_RESIDUAL 1e200

/* SNNK_E_RANGE. */
int snnk__rls_check(double ridge, double forgetting);

/* Column j of U. */
static inline double *snnk__rls_column(const snnk_rls *rls, size_t j) {
    return rls->U + j * (j + 1) / 2;
}

#endif
