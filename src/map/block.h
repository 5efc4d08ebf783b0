/* One block of features of a map: immutable once filled, shared by reference count between the maps
 * that hold it. */
#ifndef SNNK_MAP_BLOCK_H
#define SNNK_MAP_BLOCK_H

#include <stdatomic.h>

#include "map/kind.h"

struct snnk__map_block {
    const snnk__map_kind *kind;
    snnk_allocator allocator;
    atomic_size_t references;
    snnk_map_config config; /* as asked for, with features resolved; allocator NULL */
    size_t features;        /* m of this block */
    snnk__linear linear;    /* z = G x + c: r values of d inputs, scaling folded in */
    snnk__function function;
    const snnk__panels
        *mix;   /* features = mix phi, m x m, phi the values of the function; NULL: phi.
                              * SNNK layers fold it into Psi: their forward is as fast without */
    void *data; /* the kind's own */
};

/* A block with the config and no linear part, to be filled by its kind. */
int snnk__map_block_alloc(const snnk__map_kind *kind, const snnk_map_config *config,
                          size_t features, const snnk_allocator *allocator,
                          snnk__map_block **block);

/* One owner more, or less. NULL is fine for the second. */
snnk__map_block *snnk__map_block_retain(snnk__map_block *block);
void snnk__map_block_release(snnk__map_block *block);

/* SNNK_E_UNSUPPORTED unless the rows are a sample of a known distribution: neither given nor
 * folded. */
int snnk__map_block_check_drawn(const snnk__map_block *block);

/* Multiply-adds of the block's features for one row of inputs; HD3: additions. */
uint64_t snnk__map_block_multiply_adds(const snnk__map_block *block);

/* How many numbers the block is made of: G or what takes its place, offsets, tables. */
uint64_t snnk__map_block_parameters(const snnk__map_block *block);

/* What the kernels take. Valid as long as the block. */
snnk__block snnk__map_block_kernel(const snnk__map_block *block);

/* Floats of work for the features of the block, and to read its rows. */
size_t snnk__map_block_work(const snnk__map_block *block);

/* Phi (n x features of the block) of n rows of X. */
void snnk__map_block_features(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *Phi, size_t ldphi, float *work);

/* g (d) = row `row` of G, scaling folded in; gives its offset. work as above. */
static inline double snnk__map_block_get_row(const snnk__map_block *block, size_t row, float *g,
                                             float *work) {
    return block->linear.form->get_row(&block->linear, row, g, work);
}

/* Write its record: what all kinds have, then what its kind adds. */
void snnk__map_block_write(const snnk__map_block *block, snnk__sink *sink);

#endif
