/* Eigenvectors of moments, and the truncated solution by them. */
#ifndef SNNK_SOLVE_EIGEN_H
#define SNNK_SOLVE_EIGEN_H

#include "base/progress.h"
#include "solve/config.h"

/* SNNK_E_SIZE if m is more than LAPACK can compute eigenvectors for. */
int snnk__check_eigenvectors(size_t m);

/* Compute eigenvalues and eigenvectors of a symmetric matrix.
 *   triangle   the triangle that is read, 'L' or 'U' by columns (row-major: 'U' is row >= column)
 *   A          m x m; becomes the eigenvectors, v_k in row k (row-major)
 *   values     the result: m, increasing
 * The stage of progress ends at 1. SNNK_E_SIZE, SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM,
 * SNNK_E_CANCELLED. */
int snnk__eigenvectors(const snnk_allocator *allocator, size_t m, char triangle, double *A,
                       double *values, snnk__progress *progress);

/* Solve A z = r for t right-hand sides, without directions below the tolerance. Of all solutions,
 * give those with the shortest scale z.
 *   A      m x m: the triangle with row >= column is read, both are destroyed
 *   scale  m, powers of two
 *   R      t x m: right-hand sides, which become solutions
 * SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__solve_truncated(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                          double *A, const double *scale, double *R, snnk__progress *progress,
                          snnk__solve_outcome *outcome);

#endif
