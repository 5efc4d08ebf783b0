/* Trees of leaves: what others may know of them. */
#ifndef SNNK_LAYER_LEAVES_H
#define SNNK_LAYER_LEAVES_H

#include "layer/layer.h"
#include "layer/tree.h"

typedef struct snnk__leaves_layer {
    snnk_layer layer; /* columns = 0 */
    snnk__tree tree;
    size_t n_leaves; /* of which `leaves` has owners: tree.nodes + 1 once created */
    const snnk_layer **leaves;
} snnk__leaves_layer;

/* The struct of a tree of leaves; NULL for other kinds. */
const snnk__leaves_layer *snnk__leaves_of(const snnk_layer *layer);

#endif
