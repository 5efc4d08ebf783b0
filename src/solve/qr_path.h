/* Eigenvectors of the moments from their factor. */
#ifndef SNNK_SOLVE_QR_PATH_H
#define SNNK_SOLVE_QR_PATH_H

#include <stdbool.h>

#include <snnk/lstsq.h>

#include "base/progress.h"

/* Where the results go, for m features and t targets.
 *   values    m eigenvalues of the moments, increasing
 *   vectors   m x m: eigenvector k in row k
 *   parts     t x m: each target along the left singular vectors, in the order of the values, so
 *             that C v_k = sqrt(value_k) part_k
 *   rest      t: squares that no feature explains */
typedef struct snnk__qr_system {
    double *values, *vectors, *parts, *rest;
} snnk__qr_system;

/* Decompose statistics that have a factor. SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_SINGULAR (no
 * convergence), SNNK_E_NOMEM. */
int snnk__qr_decompose(const snnk_lstsq *lstsq, bool intercept, const snnk__qr_system *system,
                       snnk__progress *progress);

#endif
