/* Rows of the blocks made from a spectrum: given, or drawn a group at a time. */
#ifndef SNNK_MAP_FILL_H
#define SNNK_MAP_FILL_H

#include "map/block.h"

/* Drawn rows of a sketch come from the seed changed by this: they are independent of those of the atoms. */
#define SNNK__SKETCH_SEED UINT64_C(0x9e3779b97f4a7c15)

/* Where rows come from: given, or drawn a group at a time. */
typedef struct snnk__row_source {
    const float *G; /* given: rows x d, or NULL */
    size_t ldg;
    int32_t projection;
    uint64_t seed;
    size_t d, group, next; /* next row */
    const snnk_allocator *allocator;
    double *rows; /* group x d, for given rows 1 x d; NULL before the first. The caller frees it */
} snnk__row_source;

/* Set the rows of a block from the source, frame folded in. folded: inputs floats of scratch. */
int snnk__fill_urf(snnk__map_block *block, snnk__row_source *from, float *folded);
int snnk__fill_affine(snnk__map_block *block, snnk__row_source *from, float *folded);

#endif
