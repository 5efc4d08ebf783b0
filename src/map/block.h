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
    snnk_map_config config; /* the caller's, with features resolved; allocator NULL */
    size_t features;        /* m of this block */
    snnk__linear linear;    /* z = G x + c: r values of d inputs, scaling folded in */
    snnk__function function;
    /* m x m: features = mix phi, where phi are the values of the function. NULL: features = phi.
     * SNNK layers fold mix into Psi, so that it does not slow their forward. */
    const snnk__panels *mix;
    void *data; /* what belongs to this kind only */
};

/* Create a block with the config and without a linear part; its kind fills the rest. */
int snnk__map_block_alloc(const snnk__map_kind *kind, const snnk_map_config *config,
                          size_t features, const snnk_allocator *allocator,
                          snnk__map_block **block);

/* Add an owner, or remove one. Releasing NULL does nothing. */
snnk__map_block *snnk__map_block_retain(snnk__map_block *block);
void snnk__map_block_release(snnk__map_block *block);

/* SNNK_E_UNSUPPORTED unless the rows are a sample of a known distribution: neither given nor
 * folded. */
int snnk__map_block_check_drawn(const snnk__map_block *block);

/* Multiply-adds of the block's features for one row of inputs. For HD3, additions are counted. */
uint64_t snnk__map_block_multiply_adds(const snnk__map_block *block);

/* How many numbers the block consists of: G or what replaces it, offsets, tables. */
uint64_t snnk__map_block_parameters(const snnk__map_block *block);

/* The block as the kernels take it; valid as long as the block. */
snnk__block snnk__map_block_kernel(const snnk__map_block *block);

/* Floats of scratch that computing features or reading a row needs. */
size_t snnk__map_block_work(const snnk__map_block *block);

/* Set Phi (n x features of the block) to the features of n rows of X. */
void snnk__map_block_features(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *Phi, size_t ldphi, float *work);

/* What inputs in double are centered on, before they become float; NULL for zeros. */
static inline const double *snnk__map_block_center(const snnk__map_block *block) {
    return block->linear.center;
}

/* Set `to` (n x d, packed) to rows of X minus the center of the block, as floats. */
void snnk__map_block_center_rows(const snnk__map_block *block, size_t n, const double *X,
                                 size_t ldx, float *to);

/* The most rows in double that are centered at a time. */
#define SNNK__CENTERED_ROWS 64

/* Set g (d) to row `row` of G, scaling included, and return its offset. work: as
 * snnk__map_block_work says. */
static inline double snnk__map_block_get_row(const snnk__map_block *block, size_t row, float *g,
                                             float *work) {
    return block->linear.form->get_row(&block->linear, row, g, work);
}

/* Write the block's record: what every kind has, then what its kind adds. */
void snnk__map_block_write(const snnk__map_block *block, snnk__sink *sink);

#endif
