/* Inside of a layer: immutable, shared by reference count between the networks that hold it. */
#ifndef SNNK_LAYER_LAYER_H
#define SNNK_LAYER_LAYER_H

#include <snnk/layer.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "map/map.h"

struct snnk_layer {
    snnk_allocator allocator;
    atomic_size_t references;
    size_t inputs, outputs;
    const snnk_map *map;   /* NULL for a dense layer */
    size_t n_weights;      /* the map's blocks; 1 for a dense layer; 0 for a tower */
    snnk__panels *weights; /* Psi of each block (l x its features); or W (l x d) */
    snnk__panels *G;       /* of each block, in narrow storage; NULL: the map's own */
    float *bias;           /* l; NULL for a tower */
    int32_t storage;       /* snnk_storage */
    int32_t activation;    /* of a dense layer */
};

/* A layer with room for its weights, zero, l x (columns of each block) or of a dense layer l x d; bias:
 * l, or NULL for zeros. Retains map. */
int snnk__layer_alloc(size_t inputs, size_t outputs, const snnk_map *map, int32_t storage,
                      const float *bias, const snnk_allocator *allocator, snnk_layer **layer);

/* A tower; storage: of the G that is to be made for it. */
int snnk__layer_alloc_tower(const snnk_map *map, int32_t storage, snnk_layer **layer);

/* Whether it is features alone. */
bool snnk__layer_is_tower(const snnk_layer *layer);

/* One more owner; snnk_layer_free takes one away. */
const snnk_layer *snnk__layer_retain(const snnk_layer *layer);

/* Floats of work that one thread needs for a forward; 0 but for HD3 rows. */
size_t snnk__layer_work(const snnk_layer *layer);

/* Rows of a forward whose arguments are checked, on this thread. X and Y must not overlap. */
void snnk__layer_forward_rows(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                              float *Y, size_t ldy, float *work);

/* The same of the features (n x m) of an SNNK layer or tower. */
void snnk__layer_features_rows(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Phi, size_t ldphi, float *work);

/* Floats of work for each row of a forward that is split within rows. */
size_t snnk__layer_split_work(const snnk_layer *layer);

/* Whether n rows are better split within: fewer of them than threads, of a layer that is large enough. */
bool snnk__layer_splits(const snnk_layer *layer, size_t n, const snnk_workspace *workspace);

/* The same rows as by snnk__layer_forward_rows, bit for bit, their features and outputs split over the threads
 * if snnk__layer_splits, else the rows (those with HD3 rows on this thread). work: n
 * snnk__layer_split_work floats, or snnk__layer_work if that is more; not of a thread's own. */
void snnk__layer_forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Y, size_t ldy, snnk_workspace *workspace, float *work);

#endif
