/* Powers of symmetric matrices. */
#ifndef SNNK_SOLVE_SYMMETRIC_POWER_H
#define SNNK_SOLVE_SYMMETRIC_POWER_H

#include "base/memory.h"

/* Set A = A^exponent for a symmetric positive semidefinite A (m x m, packed, both triangles), by
 * its eigenvectors. Eigenvalues below `smallest` > 0 are replaced by it. SNNK_E_SIZE,
 * SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM. */
int snnk__symmetric_power(const snnk_allocator *allocator, size_t m, double exponent,
                          double smallest, double *A);

#endif
