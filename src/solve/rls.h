/* The struct of recursive least squares. */
#ifndef SNNK_SOLVE_RLS_H
#define SNNK_SOLVE_RLS_H

#include <snnk/rls.h>

#include "base/memory.h"
#include "base/rows.h"

/* m features, t targets. P = (scale U)(scale U)^T. */
struct snnk_rls {
    snnk_allocator allocator;
    size_t features, targets;
    uint64_t rows;
    double ridge, forgetting;
    double scale; /* 1 ... SNNK__RLS_SCALE: saves a pass over U for each row */
    double *U;    /* m (m + 1)/2: upper triangular, by columns; column j has entries 0 ... j */
    double *B;    /* t x m */

    /* Scratch for a row. */
    double *phi, *gain; /* m */
    double *residual;   /* t */
};

/* When scale reaches this, U is multiplied by it: a power of two, so that nothing rounds. */
#define SNNK__RLS_SCALE 0x1p32

/* Limits that keep an update from overflowing. With |scale U| and |B| below these and residuals
 * below SNNK__RLS_RESIDUAL, gains are below 2 |scale U|, or with the largest weights below 1e15
 * |scale U|: it takes more than 1e50 rows until B overflows. */
#define SNNK__RLS_U        1e40
#define SNNK__RLS_B        1e300
#define SNNK__RLS_RESIDUAL 1e200

/* SNNK_E_RANGE. */
int snnk__rls_check(double ridge, double forgetting);

/* Set Y (n x targets, packed) to the predictions of rows in float or in double. SNNK_E_NOMEM. */
int snnk__rls_outputs(const snnk_rls *rls, size_t n, const snnk__numbers *X, double *Y);

/* Column j of U. */
static inline double *snnk__rls_column(const snnk_rls *rls, size_t j) {
    return rls->U + j * (j + 1) / 2;
}

#endif
