/* The eigen-system of the moments from their factor. */
#ifndef SNNK_SOLVE_QR_PATH_H
#define SNNK_SOLVE_QR_PATH_H

#include <stdbool.h>

#include <snnk/lstsq.h>

/* Where the eigen-system of the moments goes: values (m, rising), vectors (m x m, v_k in row k),
 * and of each target its parts along the left singular vectors (t x m, in the order of the values):
 * C v_k = sqrt(value_k) part_k; and the squares that no feature explains (t). */
typedef struct snnk__qr_system {
    double *values, *vectors, *parts, *rest;
} snnk__qr_system;

/* SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM. */
int snnk__qr_decompose(const snnk_lstsq *lstsq, bool intercept, const snnk__qr_system *system);

#endif
