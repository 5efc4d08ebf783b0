/* Rows of random projections. */
#ifndef SNNK_PROJECTION_PROJECTION_H
#define SNNK_PROJECTION_PROJECTION_H

#include <snnk/projection.h>

/* SNNK_E_ENUM unless it is a kind that is drawn. */
int snnk__projection_check(int32_t projection);

/* How many rows are made together: ask for whole groups, starting at a multiple of it. One row where
 * rows are independent. */
size_t snnk__projection_group(int32_t projection, size_t inputs);

/* rows (group x inputs) = rows first ... first+group-1 of the projection drawn from `seed`, each
 * N(0, I) in distribution. ORTHOGONAL: the directions of the rows of one group of d are a
 * Haar-distributed orthogonal matrix: Q of the QR factorisation of a Gaussian matrix, with the sign
 * of R's diagonal moved into Q (Mezzadri 2007; without it Q is not Haar-distributed). Norms are
 * those of the Gaussian rows, chi(d) and independent of Q, since Q and R are independent.
 * SNNK_E_UNSUPPORTED (no LAPACKE in this build), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_INTERNAL. */
int snnk__projection_rows(int32_t projection, uint64_t seed, size_t inputs, size_t first,
                          const snnk_allocator *allocator, double *rows);

#endif
