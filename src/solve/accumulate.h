/* Adding rows to statistics. */
#ifndef SNNK_SOLVE_ACCUMULATE_H
#define SNNK_SOLVE_ACCUMULATE_H

#include "base/rows.h"
#include "solve/statistics.h"

/* Check rows to add or to forget, and prepare to read blocks of them.
 *   precision   the result: what they are summed in, if their numbers allow it
 *   floats      the result: the caller closes it
 * Statuses of snnk_lstsq_add; there is nothing to close after a failure. */
int snnk__lstsq_open_rows(const snnk_lstsq *lstsq, const snnk_rows *rows, int32_t *precision,
                          snnk__float_rows *floats);

/* Add opened rows. Cannot fail. */
void snnk__lstsq_add_rows(snnk_lstsq *lstsq, int32_t precision, const snnk__float_rows *rows,
                          snnk_workspace *workspace);

#endif
