/* Blocks of kind URF: atoms of a spectrum. */
#ifndef SNNK_MAP_SPECTRAL_H
#define SNNK_MAP_SPECTRAL_H

#include "map/block.h"
#include "map/urf.h"

/* Create a block with rows from the source. Takes ownership of urf, also on failure; its atoms and
 * row_atom must be set.
 *   config  its seed and projection are used
 *   folded  d floats of scratch */
int snnk__spectral_create(snnk__urf *urf, const snnk_map_config *config, snnk__row_source *source,
                          float *folded, const snnk_allocator *allocator, snnk__map_block **block);

#endif
