/* Removing rows from the triangular factor. */
#ifndef SNNK_SOLVE_DOWNDATE_H
#define SNNK_SOLVE_DOWNDATE_H

#include "solve/statistics.h"

/* Remove rows 0 ... rows-1 of the block from the factor, by hyperbolic transformations.
 *   noise          m: bounds on the rounding error of the length of each feature, over these rows
 *   square_noise   m: the same for its squares, over all rows
 * False if some direction would be pure rounding error, so that a factor is no more precise than
 * moments; the factor is scratch then. Rounding can make yy negative. */
bool snnk__qr_remove_block(snnk_lstsq *lstsq, size_t rows, const double *noise,
                           const double *square_noise);

#endif
