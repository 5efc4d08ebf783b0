/* Copies of some of the caller's rows, in any order. */
#ifndef SNNK_FIT_GATHERED_H
#define SNNK_FIT_GATHERED_H

#include "base/memory.h"
#include "base/rows.h"

/* Room for rows. Like the rows it is made for, it has X in float or in double, and labels or
 * targets. */
typedef struct snnk__gathered {
    size_t capacity;
    float *X;
    double *X_f64, *Y;
    int32_t *labels;
    float *weights;
    uint64_t *groups;
} snnk__gathered;

/* Allocate room for `capacity` rows like these, which are checked. Free it also after a failure.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__gathered_alloc(const snnk_allocator *allocator, const snnk_rows *rows, size_t capacity,
                         snnk__gathered *room);
void snnk__gathered_free(const snnk_allocator *allocator, const snnk__gathered *room);

/* Copy n <= capacity rows, and give a view of them.
 *   which   their numbers
 *   shares  their weights are multiplied by these; NULL for ones. The products are limited to those
 *           that rows may have */
snnk_rows snnk__gathered_take(const snnk__gathered *room, const snnk_rows *rows, size_t n,
                              const uint32_t *which, const double *shares);

#endif
