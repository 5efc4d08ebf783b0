/* Inside a layer: code shared by all kinds, and the table of functions that each kind fills in a
 * file of its own (dense.c, snnk.c, tower.c, residual.c, leaves.c). Layers are immutable, and
 * shared by reference count between the networks and the layers that hold them.
 *
 * To add a kind: a file that fills a table, its line in kinds.c, a value in <snnk/layer.h>, a
 * test. */
#ifndef SNNK_LAYER_LAYER_H
#define SNNK_LAYER_LAYER_H

#include <snnk/layer.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/workspace.h"
#include "kernels/forward.h"
#include "layer/weights.h"
#include "map/map.h"

/* What a layer costs. Counted once, when the layer is created. */
typedef struct snnk__layer_cost {
    uint64_t parameters;    /* how many numbers a forward uses */
    uint64_t multiply_adds; /* for each row */
    uint64_t weight_bytes;  /* bytes of weights that a forward reads */
    uint64_t indivisible;   /* the multiply-adds that cannot be divided between threads: HD3 rows */
    /* Floats of scratch that one thread needs for a forward, and for each row of a forward that is
     * split within rows. SIZE_MAX if the count overflows; snnk__layer_finish limits it so that its
     * bytes fit size_t, and allocating that much fails. */
    size_t work, split_work;
} snnk__layer_cost;

/* How the outputs depend on the weights V and c (snnk_layer_weights): y = V t + c, or otherwise. */
typedef enum snnk__linearity {
    SNNK__NOT_LINEAR,
    SNNK__LINEAR_IN_INPUTS,  /* t = x */
    SNNK__LINEAR_IN_FEATURES /* t = Phi(x), of snnk_layer_map */
} snnk__linearity;

/* Numbers that replace those of a layer. All finite. */
typedef struct snnk__layer_numbers {
    const float *G, *offsets; /* of all blocks of its map, packed; NULL: unchanged */
    const float *W;           /* weights, outputs x columns; NULL for a tower */
    size_t ldw;
    snnk__numbers bias; /* outputs */
} snnk__layer_numbers;

/* What a kind of layer does. Arguments are already checked. An entry is NULL if the kind does not
 * support it. */
typedef struct snnk__layer_kind {
    int32_t value;    /* an snnk_layer_kind */
    const char *name; /* also used in model files */

    /* Free what the kind added to the struct. Members may still be zero. */
    void (*free)(snnk_layer *layer);

    void (*cost)(const snnk_layer *layer, snnk__layer_cost *cost);

    /* Set Y = layer(X) on this thread. work: cost.work floats. */
    void (*forward)(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work);

    /* The same, bit for bit, with each row's work divided between the threads of the workspace.
     * work: n cost.split_work floats, shared by all threads. */
    void (*forward_split)(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work);

    /* Whether the layer can round its outputs to bf16 before it writes them; `forward` with outputs
     * that are rounded like that; and the floats of scratch that this needs before cost.work if
     * inputs are in bf16. */
    bool (*rounds)(const snnk_layer *layer);
    void (*forward_bf16)(const snnk_layer *layer, size_t n, const snnk__inputs *X, uint16_t *Y,
                         size_t ldy, float *work);
    size_t (*widened_work)(const snnk_layer *layer);

    /* Set Y to the outputs without the bias, if snnk__layer_exact_bias gives it, or else to the
     * outputs, for n rows in float, or n <= SNNK__CENTERED_ROWS rows in double. work: cost.work
     * floats, in double snnk__layer_sums_work. */
    void (*sums)(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Y, size_t ldy,
                 float *work);

    /* The map; its features Phi of X, as for `sums`; and Y computed from features. */
    const snnk_map *(*map)(const snnk_layer *layer);
    void (*features)(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Phi,
                     size_t ldphi, float *work);
    void (*readout)(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                    bool with_bias, float *Y, size_t ldy);

    /* See snnk__layer_readout_map. */
    int (*readout_map)(const snnk_layer *layer, snnk_map **map);

    /* The activation that follows the weights, an snnk_activation. */
    int32_t (*activation)(const snnk_layer *layer);

    snnk__linearity (*linearity)(const snnk_layer *layer);

    /* The weights W (outputs x columns) and the bias. */
    const snnk__weights *(*weights)(const snnk_layer *layer);

    /* The blocks of projections as the kernels take them; for a dense layer one, whose G and offset
     * are W and b. Sets *n to their number. NULL: the layer consists of others. */
    const snnk__block *(*blocks)(const snnk_layer *layer, size_t *n);

    /* The layers that it consists of. Sets *n to their number. NULL: it has weights of its own. */
    const snnk_layer *const *(*inner)(const snnk_layer *layer, size_t *n);

    /* Set *changed to the same layer with other numbers. */
    int (*replace)(const snnk_layer *layer, const snnk__layer_numbers *numbers,
                   snnk_layer **changed);

    /* Set *folded to V layer(x) + c. V: outputs x the layer's outputs; c: one row of `outputs`
     * numbers, or none for zeros. */
    int (*fold)(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                snnk__numbers c, snnk_layer **folded);

    /* Set *folded to layer(V x + c). V: the layer's inputs x inputs; c: one for each of the layer's
     * inputs. */
    int (*fold_inputs)(const snnk_layer *layer, size_t inputs, const float *V, size_t ldv,
                       const double *c, snnk_layer **folded);

    /* Set *quantized to the same layer with its weights in this storage. */
    int (*quantize)(const snnk_layer *layer, int32_t storage, snnk_layer **quantized);

    /* Write the layer's record, except kind, inputs and outputs; and create a layer from it, with
     * these numbers of inputs and outputs, at least 1 each. The file is untrusted. Statuses of
     * snnk_network_load. */
    void (*save)(const snnk_layer *layer, snnk__sink *sink);
    int (*load)(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer);
} snnk__layer_kind;

/* The first member of each kind's struct. */
struct snnk_layer {
    const snnk__layer_kind *kind;
    snnk_allocator allocator;
    atomic_size_t references;
    size_t inputs, outputs;
    size_t columns;  /* of the weights; 0 if there are none */
    int32_t storage; /* snnk_storage */
    size_t nesting;  /* of layers within one another: 0 without inner layers (inner.h) */
    bool divisible;  /* large enough to divide the work of one row between threads */
    snnk__layer_cost cost;
};

/* Set *layer to a struct of `bytes` for this kind, zero except its first member, with one owner.
 * allocator: its functions are set. */
int snnk__layer_alloc(const snnk__layer_kind *kind, size_t bytes, size_t inputs, size_t outputs,
                      size_t columns, int32_t storage, const snnk_allocator *allocator,
                      snnk_layer **layer);

/* The last step of creating a layer: count its cost. */
void snnk__layer_finish(snnk_layer *layer);

/* Check what the caller gives to create a layer: outputs >= 1; W (outputs x columns, named `name`)
 * and bias (outputs, or none), all finite, also as floats. */
int snnk__layer_check_weights(const float *W, const char *name, size_t outputs, size_t columns,
                              size_t ldw, snnk__numbers bias);

/* The bias that is added last, in double: outputs values; NULL if an activation follows it, or if
 * there is none. */
const double *snnk__layer_exact_bias(const snnk_layer *layer);

/* Add that bias, rounded to float, to the n x l results Y of `sums`. */
void snnk__layer_add_bias(const snnk_layer *layer, size_t n, float *Y, size_t ldy);

/* snnk_layer_readout of checked arguments, without the bias. SNNK_E_NOMEM. */
int snnk__layer_readout_sums(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                             float *Y, size_t ldy, snnk_workspace *workspace);

/* Floats of scratch for `sums` and `features` of rows in double; SIZE_MAX if the count
 * overflows. */
size_t snnk__layer_sums_work(const snnk_layer *layer);

/* The part of this scratch that follows the room for d inputs as floats, which rows in float do not
 * need. */
static inline float *snnk__sums_rest(const snnk__numbers *X, size_t d, float *work) {
    return X->f32 ? work : work + SNNK__CENTERED_ROWS * d;
}

/* Allocate a matrix, outputs x columns, and a bias in the same block of memory. Free *W only.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__layer_alloc_weights(const snnk_allocator *allocator, size_t outputs, size_t columns,
                              float **W, double **bias);

/* Set *W to a packed copy of the weights, outputs x columns, and *bias to the bias, in the same
 * block of memory. Free *W, also on failure. Only for kinds that have weights. SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
int snnk__layer_copy_weights(const snnk_layer *layer, const snnk_allocator *allocator, float **W,
                             double **bias);

/* Create layers as snnk_layer_create and snnk_layer_create_dense do, with the bias in float or in
 * double: one row of `outputs` numbers, or none for zeros. */
int snnk__layer_create(const snnk_map *map, size_t outputs, const float *Psi, size_t ldpsi,
                       snnk__numbers bias, snnk_layer **layer);
int snnk__layer_create_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                             snnk__numbers bias, int32_t f, const snnk_allocator *allocator,
                             snnk_layer **layer);

/* Set *map to the map of a layer with these rows, or to its own if there are none. The caller owns
 * it. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__layer_replace_map(const snnk_layer *layer, const snnk__layer_numbers *numbers,
                            snnk_map **map);

/* Set *map to the map on which a new readout could be fitted to replace this layer: the layer's
 * own, or the identity for a linear layer. The caller owns it. SNNK_E_UNSUPPORTED if there is
 * none. */
int snnk__layer_readout_map(const snnk_layer *layer, snnk_map **map);

/* Whether it is faster to divide each of n rows between threads: there are fewer rows than threads,
 * and the layer is large enough. */
static inline bool snnk__layer_splits(const snnk_layer *layer, size_t n,
                                      const snnk_workspace *workspace) {
    return layer->divisible && workspace && n > 0 && n < snnk_workspace_threads(workspace);
}

/* The work of a row, for dividing rows between threads: its multiply-adds, and 32 for each input,
 * feature and output. A function of a feature takes about as long. */
uint64_t snnk__layer_row_cost(const snnk_layer *layer);

/* Set Y = layer(X) on the threads of a workspace:
 *   - if snnk__layer_splits, each row is divided between threads;
 *   - otherwise, if a forward needs no scratch, the rows are divided;
 *   - otherwise everything runs on this thread.
 * work: n cost.split_work floats, or cost.work if that is more. */
void snnk__layer_forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                               float *Y, size_t ldy, snnk_workspace *workspace, float *work);

#endif
