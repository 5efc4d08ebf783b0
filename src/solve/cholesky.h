/* Cholesky factorization and triangular solutions in panels, with progress between them. */
#ifndef SNNK_SOLVE_CHOLESKY_H
#define SNNK_SOLVE_CHOLESKY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/progress.h"

/* Factor A = L L^T in place. The stage of progress ends at 1.
 *   triangle   the triangle that is read and written, 'L' or 'U' by columns (row-major: 'U' is row
 *              >= column)
 *   A          m x m; its other triangle is not touched
 *   definite   the result: false if A is not positive definite; A is scratch then
 * SNNK_E_CANCELLED. */
int snnk__cholesky(char triangle, size_t m, double *A, snnk__progress *progress, bool *definite);

/* Replace the factor in the upper triangle by columns (row-major: row >= column) by its inverse.
 * SNNK_E_CANCELLED. */
int snnk__triangle_invert(size_t m, double *A, snnk__progress *progress);

/* Solve A z = r for t right-hand sides, by the factor of A.
 *   R   t x m: right-hand sides, which become solutions
 * SNNK_E_CANCELLED. */
int snnk__cholesky_solve(char triangle, size_t m, size_t t, const double *A, double *R,
                         snnk__progress *progress);

#endif
