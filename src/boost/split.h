/* The order in which rows are learnt: those that are held out come last. */
#ifndef SNNK_BOOST_SPLIT_H
#define SNNK_BOOST_SPLIT_H

#include "base/memory.h"
#include "base/rows.h"

/* Set order to a permutation of the rows, with `train` rows to learn from first, each part in the
 * order of the rows. Rows of one group, or with equal inputs, stay together (unless equal rows are
 * usual; solve/dual.h says when). SNNK_E_STATE (fewer than two different ones; not for share = 0),
 * SNNK_E_NOMEM. */
int snnk__boost_split(const snnk_allocator *allocator, const snnk_rows *rows, uint64_t seed,
                      double share, size_t *order, size_t *train);

#endif
