/* Eigenvalues of a diagonal matrix plus a matrix of rank one, D + rho z z^T. */
#ifndef SNNK_SOLVE_SECULAR_H
#define SNNK_SOLVE_SECULAR_H

#include <stddef.h>

/* An eigenvalue, as an offset from a pole (an entry of D): differences to other poles keep all
 * their digits. */
typedef struct snnk__root {
    size_t pole;
    double offset;
} snnk__root;

/* Find eigenvalue i of k, i < k, in increasing order: the root of 1 + rho sum_j z_j^2/(D_j - x)
 * between D_i and D_i+1.
 *   poles     k >= 1 entries of D, strictly increasing
 *   squares   k values rho z_j^2 > 0 */
snnk__root snnk__secular_root(size_t k, const double *poles, const double *squares, size_t i);

#endif
