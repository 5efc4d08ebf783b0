/* Rows as callers give them: checked once, then read a block at a time. */
#ifndef SNNK_BASE_ROWS_H
#define SNNK_BASE_ROWS_H

#include <snnk/rows.h>
#include <stdbool.h>

/* Check rows for a learner of `inputs` columns and, where it needs targets, `outputs` columns or classes.
 * *ours: the caller's fields with the defaults resolved (inputs, outputs and both strides are set); without
 * `targets` its Y, Y_f64 and labels are NULL. Whether numbers are finite is not checked. SNNK_E_NULL,
 * SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_RANGE (a label or a weight; names it). */
int snnk__rows_read(const snnk_rows *rows, size_t inputs, size_t outputs, bool targets,
                    snnk_rows *ours);

/* Rows first ... first + count - 1 of checked rows. */
snnk_rows snnk__rows_part(const snnk_rows *rows, size_t first, size_t count);

#endif
