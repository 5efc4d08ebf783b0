/* Inside a map: blocks side by side. Maps are immutable and shared by reference count between the
 * layers and fits made from them. */
#ifndef SNNK_MAP_MAP_H
#define SNNK_MAP_MAP_H

#include "base/rows.h"
#include "map/block.h"

struct snnk_map {
    snnk_allocator allocator;
    atomic_size_t references;
    size_t inputs, features;
    size_t n_blocks;
    snnk__map_block **blocks;
};

/* Create a map of these blocks, and retain them. */
int snnk__map_from_blocks(size_t n_blocks, snnk__map_block *const *blocks,
                          const snnk_allocator *allocator, snnk_map **map);

/* Whether every feature of these finite inputs certainly stays in the range of float: |g.x + c| is
 * at most |g| |x| + |c| (Cauchy & Schwarz). X: n x inputs, row stride ldx. */
bool snnk__map_cannot_overflow(const snnk_map *map, size_t n, const float *X, size_t ldx);

/* Write the map's record: a list "blocks". */
void snnk__map_write(const snnk_map *map, snnk__sink *sink);

/* snnk__map_read_features: set *features to the total that the blocks of a record claim, so that
 * the caller can check it before any block is made. snnk__map_read: then read the map, which has
 * that number of features. SNNK_E_FORMAT, SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__map_read_features(const snnk__source *source, size_t *features);
int snnk__map_read(const snnk__source *source, size_t inputs, snnk_map **map);

/* snnk_map_input_tower for inputs in float or in double. Those in double are centered first. */
int snnk__map_input_tower(const snnk_map *map, size_t n, const snnk__numbers *X, float *Phi,
                          size_t ldphi, snnk_workspace *workspace);

/* Set *centered to the map Phi(x - mean): blocks that do not center their inputs yet, and can, do
 * so. SNNK_E_NONFINITE, SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_UNSUPPORTED (this build lacks what draws
 * the rows). */
int snnk__map_center(const snnk_map *map, const double *mean, snnk_map **centered);

/* Whether some block has no center but could have one. */
bool snnk__map_may_center(const snnk_map *map);

/* Whether the rows of a block are numbers of their own, which can be replaced. False for HD3 rows
 * and a diagonal, and for kinds whose other numbers depend on their rows. */
bool snnk__map_block_has_rows(const snnk__map_block *block);

/* Set *changed to the same map with other rows and offsets, in all blocks that have rows. Other
 * blocks keep theirs; a scaling and a center are given up, since rows apply to raw inputs.
 *   G, offsets  one for each projection of all blocks, packed, finite
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__map_with_rows(const snnk_map *map, const float *G, const float *offsets,
                        snnk_map **changed);

/* Floats of scratch that one thread needs to compute the features of a map. */
size_t snnk__map_work(const snnk_map *map);

#endif
