/* Rows out of the triangular factor. */
#ifndef SNNK_SOLVE_DOWNDATE_H
#define SNNK_SOLVE_DOWNDATE_H

#include "solve/statistics.h"

/* Take the block's rows 0 ... rows-1 out of the factor: hyperbolic transformations. noise,
 * square_noise: what rounding may have done to the length of each feature, over these rows, and to
 * its squares, over all. false if nothing but rounding would be left in some direction, of which a
 * factor then knows no more than moments do; it is scratch then. What is left of the targets (yy)
 * can be below 0 by rounding. */
bool snnk__qr_remove_block(snnk_lstsq *lstsq, size_t rows, const double *noise,
                           const double *square_noise);

#endif
