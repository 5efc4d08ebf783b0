/* Inside of a layer: what all kinds share, and the table of functions that each kind fills in a
 * file of its own (dense.c, snnk.c, tower.c). Layers are immutable, and shared by reference count
 * between the networks that hold them.
 *
 * To add a kind: a file that fills a table, its line in kinds.c, a value in <snnk/layer.h>, a
 * test. */
#ifndef SNNK_LAYER_LAYER_H
#define SNNK_LAYER_LAYER_H

#include <snnk/layer.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/workspace.h"
#include "layer/weights.h"
#include "map/map.h"

/* What a layer costs. Counted once, when the layer is made. */
typedef struct snnk__layer_cost {
    uint64_t parameters;    /* numbers that a forward uses */
    uint64_t multiply_adds; /* for each row */
    uint64_t weight_bytes;  /* bytes of weights that a forward reads */
    uint64_t indivisible;   /* those of the multiply-adds that only one thread can do: HD3 rows */
    /* Floats of scratch that one thread needs for a forward, and for each row of a forward that is
     * split within rows. SIZE_MAX if a size cannot count them; after snnk__layer_finish their bytes
     * are a size, which an allocation refuses. */
    size_t work, split_work;
} snnk__layer_cost;

/* How the outputs depend on the weights V and c (snnk_layer_weights): y = V t + c, or otherwise. */
typedef enum snnk__linearity {
    SNNK__NOT_LINEAR,
    SNNK__LINEAR_IN_INPUTS,  /* t = x */
    SNNK__LINEAR_IN_FEATURES /* t = Phi(x), of snnk_layer_map */
} snnk__linearity;

/* What a kind of layer does. Arguments are checked. What a kind cannot do is NULL. */
typedef struct snnk__layer_kind {
    int32_t value;    /* an enum snnk_layer_kind */
    const char *name; /* in model files, too */

    /* Free what the kind added to the struct. Members may be zero. */
    void (*free)(snnk_layer *layer);

    void (*cost)(const snnk_layer *layer, snnk__layer_cost *cost);

    /* Y = layer(X) on this thread. work: cost.work floats. */
    void (*forward)(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work);

    /* The same rows, bit for bit, with each row's work divided between the threads of the
     * workspace. work: n cost.split_work floats, which belong to all threads together. */
    void (*forward_split)(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work);

    /* The map; its features Phi of X; and Y from features. */
    const snnk_map *(*map)(const snnk_layer *layer);
    void (*features)(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Phi,
                     size_t ldphi, float *work);
    void (*readout)(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi, float *Y,
                    size_t ldy);

    /* See snnk__layer_readout_map. */
    int (*readout_map)(const snnk_layer *layer, snnk_map **map);

    /* The activation behind the weights, an snnk_activation. */
    int32_t (*activation)(const snnk_layer *layer);

    snnk__linearity (*linearity)(const snnk_layer *layer);

    /* W (outputs x columns) and bias; either may be NULL. */
    void (*weights)(const snnk_layer *layer, float *W, size_t ldw, float *bias);

    /* *folded = V layer(x) + c. V: outputs x the layer's outputs; c: NULL for zeros. */
    int (*fold)(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv, const float *c,
                snnk_layer **folded);

    /* *folded = layer(V x + c). V: the layer's inputs x inputs; c: one for each of the layer's
     * inputs. */
    int (*fold_inputs)(const snnk_layer *layer, size_t inputs, const float *V, size_t ldv,
                       const float *c, snnk_layer **folded);

    /* *quantized = the same layer with its weights in this storage. */
    int (*quantize)(const snnk_layer *layer, int32_t storage, snnk_layer **quantized);

    /* Write its record, beyond kind, inputs and outputs; and make a layer from it, with these many
     * of both, at least 1. What is in a file is untrusted: statuses of snnk_network_load. */
    void (*save)(const snnk_layer *layer, snnk__sink *sink);
    int (*load)(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer);
} snnk__layer_kind;

/* The first member of each kind's struct. */
struct snnk_layer {
    const snnk__layer_kind *kind;
    snnk_allocator allocator;
    atomic_size_t references;
    size_t inputs, outputs;
    size_t columns;  /* of the weights; 0: it has none */
    int32_t storage; /* snnk_storage */
    bool divisible;  /* large enough for the work of one row to be divided between threads */
    snnk__layer_cost cost;
};

/* *layer = a struct of `bytes` for this kind, zero but for its first member, with one owner.
 * allocator: a complete one. */
int snnk__layer_alloc(const snnk__layer_kind *kind, size_t bytes, size_t inputs, size_t outputs,
                      size_t columns, int32_t storage, const snnk_allocator *allocator,
                      snnk_layer **layer);

/* The last step of making a layer: count its cost. */
void snnk__layer_finish(snnk_layer *layer);

/* Check what the creators of layers are given: outputs >= 1; W (outputs x columns, named `name`)
 * and bias (outputs, or NULL), all finite. */
int snnk__layer_check_weights(const float *W, const char *name, size_t outputs, size_t columns,
                              size_t ldw, const float *bias);

/* *W = a packed copy of the weights, outputs x columns, with the bias behind it: *bias = *W +
 * outputs columns. Free *W, also on failure. For kinds that have weights. SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
int snnk__layer_copy_weights(const snnk_layer *layer, const snnk_allocator *allocator, float **W,
                             float **bias);

/* *map = the map that a new readout could be fitted on in this layer's place: its own, or the
 * identity for a linear layer. The caller owns it. SNNK_E_UNSUPPORTED: there is none. */
int snnk__layer_readout_map(const snnk_layer *layer, snnk_map **map);

/* Whether n rows are better split within: fewer of them than threads, in a layer that is large
 * enough. */
static inline bool snnk__layer_splits(const snnk_layer *layer, size_t n,
                                      const snnk_workspace *workspace) {
    return layer->divisible && workspace && n > 0 && n < snnk_workspace_threads(workspace);
}

/* Y = layer(X) over the threads of a workspace: within rows if snnk__layer_splits, else by rows; on
 * this thread if a forward needs scratch. work: n cost.split_work floats, or cost.work if that is
 * more. */
void snnk__layer_forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Y, size_t ldy, snnk_workspace *workspace, float *work);

#endif
