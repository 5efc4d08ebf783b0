/* Code shared by the kinds whose features are a transform of x (kernels/forward.h): windows,
 * scattering, MINIROCKET. Such a block has no rows of G. Its kind fills an snnk__transform, which
 * lives in the block's data:
 *
 *     snnk__map_block_alloc(kind, &config, features, allocator, &block);
 *     block->data = data;
 *     snnk__transform_begin(block, inputs, &data->transform);
 *
 * and its table has the three functions below. */
#ifndef SNNK_MAP_TRANSFORM_H
#define SNNK_MAP_TRANSFORM_H

#include "map/block.h"

/* Make the transform the block's features. */
void snnk__transform_begin(snnk__map_block *block, size_t inputs, const snnk__transform *transform);

/* See the entries of these names in snnk__map_kind. The gradient runs the transform's backward pass
 * once for each feature. */
size_t snnk__transform_slope_doubles(const snnk__map_block *block);
void snnk__transform_gradient(const snnk__map_block *block, const float *x,
                              const snnk__slope_scratch *scratch, float *J, size_t ldj);

/* The config of such a block: the fields of a snnk_map_config that its kind does not use have their
 * defaults. */
snnk_map_config snnk__transform_config(int32_t kind, uint64_t seed);

#endif
