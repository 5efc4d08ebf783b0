/* Adding rows to statistics. */
#ifndef SNNK_SOLVE_ACCUMULATE_H
#define SNNK_SOLVE_ACCUMULATE_H

#include "base/progress.h"
#include "base/rows.h"
#include "solve/statistics.h"

/* Check rows to add or to forget.
 *   precision   the result: what they are summed in, if their numbers allow it
 *   read        the result: the checked rows
 * Statuses of snnk_lstsq_add. */
int snnk__lstsq_read_rows(const snnk_lstsq *lstsq, const snnk_rows *rows, int32_t *precision,
                          snnk_rows *read);

/* Add checked rows.
 *   progress   NULL: the call cannot fail
 * SNNK_E_CANCELLED: some of the rows were added. */
int snnk__lstsq_add_rows(snnk_lstsq *lstsq, int32_t precision, const snnk_rows *rows,
                         snnk_workspace *workspace, snnk__progress *progress);

#endif
