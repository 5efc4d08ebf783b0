/* Residual layers, y = x + s f(x) or y = x (1 + s f(x)): what others may know of them. */
#ifndef SNNK_LAYER_RESIDUAL_H
#define SNNK_LAYER_RESIDUAL_H

#include "layer/layer.h"

/* How deep residual layers may contain one another. Freeing, running, saving and loading recurse,
 * and a file must not choose how much stack they use. */
#define SNNK__RESIDUAL_NESTING 8

typedef struct snnk__residual {
    snnk_layer layer; /* columns = 0 */
    size_t n_layers;
    const snnk_layer **layers; /* f, one after another; each is owned */
    int32_t form;              /* an snnk_residual_form */
    float gain;                /* s, finite */
    size_t
        widest; /* the outputs of the widest of them except the last: the length of a hidden row */
    size_t nesting; /* 1, or 1 more than that of the residual layers in it */
} snnk__residual;

/* The struct of a residual layer; NULL for other kinds. */
const snnk__residual *snnk__residual_of(const snnk_layer *layer);

#endif
