/* Dividing rows of classes into parts, each of which is held out once. */
#ifndef SNNK_PREDICT_PARTS_H
#define SNNK_PREDICT_PARTS_H

#include "base/memory.h"
#include "base/rows.h"

/* How many parts there are. */
#define SNNK__PARTS 5

/* Draw the part of each row, 0 ... SNNK__PARTS-1. Each class is divided as evenly as it can be, and
 * rows of one group are in one part. The order of the rows does not matter.
 *   rows   checked, with labels in 0 ... classes-1
 *   parts  out: n numbers
 *   units  out: how many rows or groups could be divided; with 1, all rows are in part 0
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__draw_parts(const snnk_allocator *allocator, size_t classes, const snnk_rows *rows,
                     uint8_t *parts, size_t *units);

#endif
