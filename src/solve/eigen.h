/* Eigenvectors of moments, and the truncated solution by them. */
#ifndef SNNK_SOLVE_EIGEN_H
#define SNNK_SOLVE_EIGEN_H

#include "solve/config.h"

/* SNNK_E_SIZE if there are more features than LAPACK gives eigenvectors for. */
int snnk__check_eigenvectors(size_t m);

/* The eigenvalues of the symmetric m x m matrix A, rising, and its eigenvectors over A: v_k in row
 * k (row-major). triangle: the one that is read, 'L' or 'U' by columns (row-major: 'U' is where row
 * >= column). SNNK_E_SIZE, SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM. */
int snnk__eigenvectors(const snnk_allocator *allocator, size_t m, char triangle, double *A,
                       double *values);

/* The truncated eigen-solution of the m x m system A z = r for t right-hand sides. A (both
 * triangles are scratch, the one with row >= column is read) is destroyed; R (t x m) becomes the
 * solution. SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM. */
int snnk__solve_truncated(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                          double *A, double *R, snnk__solve_outcome *outcome);

#endif
