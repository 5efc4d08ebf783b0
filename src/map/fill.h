/* Rows of the blocks made from a spectrum: given, or drawn a group at a time. */
#ifndef SNNK_MAP_FILL_H
#define SNNK_MAP_FILL_H

#include "map/block.h"
#include "projection/row_source.h"

/* Drawn rows of a sketch come from the seed changed by this: they are independent of those of the atoms. */
#define SNNK__SKETCH_SEED UINT64_C(0x9e3779b97f4a7c15)

/* Set the rows of a block from the source, frame folded in. folded: inputs floats of scratch. */
int snnk__fill_urf(snnk__map_block *block, snnk__row_source *from, float *folded);
int snnk__fill_affine(snnk__map_block *block, snnk__row_source *from, float *folded);

#endif
