/* Columns in double that become one constant as floats: a fit cannot learn from them, and says
 * so. */
#ifndef SNNK_FIT_LOST_INPUTS_H
#define SNNK_FIT_LOST_INPUTS_H

#include <stdbool.h>

#include "base/rows.h"
#include "map/map.h"

/* What is known about each column of the rows in double so far. */
typedef struct snnk__lost_inputs {
    size_t inputs;
    double *first; /* the value in the first row; NULL if there were no rows in double */
    bool *varied;  /* whether another value was different */
    bool *kept;    /* and still was as a float, after the map's center was subtracted */
} snnk__lost_inputs;

/* Allocate facts of d columns, all false; `first` is not set. SNNK_E_NOMEM. */
int snnk__lost_inputs_alloc(const snnk_allocator *allocator, size_t d, snnk__lost_inputs *inputs);
void snnk__lost_inputs_free(const snnk_allocator *allocator, const snnk__lost_inputs *inputs);

/* Take note of rows. Rows in float do nothing. SNNK_E_NOMEM. */
int snnk__lost_inputs_add(const snnk_map *map, const snnk_rows *rows, snnk__lost_inputs *inputs);

/* Merge what is known from other rows, in two steps.
 *   prepare  sets *merged to `inputs`, or, if that has no rows in double and `other` has, to new
 *            arrays, which the caller frees or puts in its place. SNNK_E_NOMEM
 *   merge    then adds what `other` knows to what *merged points to; it cannot fail */
int snnk__lost_inputs_prepare(const snnk_map *map, const snnk__lost_inputs *inputs,
                              const snnk__lost_inputs *other, snnk__lost_inputs *merged);
void snnk__lost_inputs_merge(const snnk_map *map, const snnk__lost_inputs *other,
                             const snnk__lost_inputs *merged);

/* Count the columns that varied and were not kept.
 *   first   the result: the first of them
 * SNNK_E_RANGE if there are some, and no other column varied; the sentence names the first. */
int snnk__lost_inputs_check(const snnk__lost_inputs *inputs, size_t *count, size_t *first);

#endif
