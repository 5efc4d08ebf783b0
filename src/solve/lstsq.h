/* Copying and clearing statistics. */
#ifndef SNNK_SOLVE_LSTSQ_H
#define SNNK_SOLVE_LSTSQ_H

#include "solve/statistics.h"

/* Check a number of features or targets: SNNK_E_SHAPE if it is 0, SNNK_E_SIZE if it exceeds the
 * integers of CBLAS and LAPACKE. */
int snnk__check_width(size_t width, const char *name);

/* Set *copy to a copy of the statistics. Statuses of snnk_lstsq_create. */
int snnk__lstsq_clone(const snnk_lstsq *lstsq, const snnk_allocator *allocator, snnk_lstsq **copy);

/* Remove all rows. Factorization and precision stay. */
void snnk__lstsq_clear(snnk_lstsq *lstsq);

#endif
