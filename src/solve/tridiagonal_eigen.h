/* Eigenvectors of tridiagonal matrices, by divide and conquer. */
#ifndef SNNK_SOLVE_TRIDIAGONAL_EIGEN_H
#define SNNK_SOLVE_TRIDIAGONAL_EIGEN_H

#include <stddef.h>

#include "base/memory.h"
#include "base/progress.h"

/* Compute eigenvalues and eigenvectors of a symmetric tridiagonal matrix.
 *   diagonal   n; becomes the eigenvalues, in the order of Z
 *   beside     n - 1, next to the diagonal; scratch
 *   Z          the result: n x n, eigenvectors in columns (by columns)
 *   order      the result: n numbers of columns, by increasing eigenvalue
 * SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__tridiagonal_eigenvectors(const snnk_allocator *allocator, size_t n, double *diagonal,
                                   double *beside, double *Z, size_t *order,
                                   snnk__progress *progress);

#endif
