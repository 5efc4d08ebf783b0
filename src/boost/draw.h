/* The features of a round. */
#ifndef SNNK_BOOST_DRAW_H
#define SNNK_BOOST_DRAW_H

#include <snnk/boost.h>

#include "base/memory.h"

typedef struct snnk__boost_source {
    size_t n, columns, ld, outputs;
    const float *S;              /* n x columns: the state of the rows to learn from */
    const double *R;             /* n x outputs, packed: their residuals */
    const snnk_scaling *scaling; /* NULL, or what made S of the inputs: then the map takes those */
} snnk__boost_source;

/* Create a map of `features` features of the state. Statuses of snnk_map_create_from_rows;
 * SNNK_E_STATE (all rows are equal). */
int snnk__boost_draw(const snnk_boost_config *config, const snnk_allocator *allocator,
                     uint64_t round, size_t features, const snnk__boost_source *source,
                     snnk_map **map);

#endif
