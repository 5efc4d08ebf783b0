/* Inside of a scaling. */
#ifndef SNNK_MAP_SCALING_H
#define SNNK_MAP_SCALING_H

#include <snnk/scaling.h>

#include "base/memory.h"

struct snnk_scaling {
    snnk_allocator allocator;
    size_t inputs;
    uint64_t rows; /* learnt from */
    double *mean;  /* inputs values */
    double *scale; /* GIVEN: the scale; else the sum of squared deviations from the mean */
    int32_t mode;
};

/* A scaling of this mode, all of its numbers 0. SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__scaling_make(size_t inputs, int32_t mode, const snnk_allocator *allocator,
                       snnk_scaling **scaling);

/* Check numbers that are given: scales must leave room for products in float. NULL is fine.
 * SNNK_E_NONFINITE, SNNK_E_RANGE. */
int snnk__scaling_check_given(size_t inputs, const double *mean, const double *scale);

#endif
