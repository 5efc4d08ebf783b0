/* Symmetric matrices in tridiagonal form: A = Q T Q^T, Q a product of Householder reflections. */
#ifndef SNNK_SOLVE_TRIDIAGONAL_H
#define SNNK_SOLVE_TRIDIAGONAL_H

#include <stddef.h>

#include "base/memory.h"
#include "base/progress.h"

/* Reduce A to T, as LAPACK's dsytrd does, a panel at a time.
 *   A          m x m by columns: the lower triangle is read; below its diagonal it receives the
 *              reflections
 *   diagonal   the result: m
 *   beside     the result: m - 1, the entries next to the diagonal
 *   tau        the result: m - 1, for snnk__tridiagonal_expand
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__tridiagonal_reduce(const snnk_allocator *allocator, size_t m, double *A, double *diagonal,
                             double *beside, double *tau, snnk__progress *progress);

/* Multiply Z (m x m by columns) by Q. SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__tridiagonal_expand(const snnk_allocator *allocator, size_t m, const double *A,
                             const double *tau, double *Z, snnk__progress *progress);

#endif
