/* The features of a map as a layer computes them, with the projections in the layer's storage. */
#ifndef SNNK_LAYER_FEATURES_H
#define SNNK_LAYER_FEATURES_H

#include "layer/layer.h"

typedef struct snnk__features {
    const snnk_map *map;
    snnk__block *blocks; /* the blocks of the map as the kernels take them */
    snnk__panels *G; /* the blocks' projections in narrow storage; NULL in float, where the map's
                      * own are used */
} snnk__features;

/* Create the features, and retain the map.
 *   storage  of the projections; HD3 rows and diagonals stay float
 *   mixed    whether to apply the mixing matrices of blocks that have one
 * Free the features also after a failure. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__features_create(const snnk_allocator *allocator, const snnk_map *map, int32_t storage,
                          bool mixed, snnk__features *features);

void snnk__features_free(const snnk_allocator *allocator, snnk__features *features);

/* Add the features to a layer's cost. cost->work is not set. */
void snnk__features_cost(const snnk__features *features, snnk__layer_cost *cost);

/* Floats of scratch that the functions below need. */
size_t snnk__features_work(const snnk__features *features);

/* Set Phi (n x the map's features) of X, on this thread. */
void snnk__features_rows(const snnk__features *features, size_t n, const float *X, size_t ldx,
                         float *Phi, size_t ldphi, float *work);

/* Set up block b for n <= SNNK__CENTERED_ROWS rows of X in float or in double. Rows in double are
 * centered into `rows` (n x d). In a narrow storage its projection stays narrow.
 *   kernel, hd3   the result: the block as the kernels take it
 *   from          the result: its inputs in float
 * Blocks without a center take inputs in double rounded to float. */
void snnk__features_block(const snnk__features *features, size_t b, size_t n,
                          const snnk__numbers *X, float *rows, snnk__block *kernel, snnk__hd3 *hd3,
                          snnk__numbers *from);

/* The same, bit for bit, with each row's features divided between the threads of the workspace. */
void snnk__features_split(const snnk__features *features, size_t n, const float *X, size_t ldx,
                          float *Phi, size_t ldphi, snnk_workspace *workspace, float *work);

#endif
