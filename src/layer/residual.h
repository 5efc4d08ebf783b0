/* Residual layers, y = x + s f(x) or y = x (1 + s f(x)): what others may know of them. */
#ifndef SNNK_LAYER_RESIDUAL_H
#define SNNK_LAYER_RESIDUAL_H

#include "layer/layer.h"

typedef struct snnk__residual {
    snnk_layer layer; /* columns = 0 */
    size_t n_layers;
    const snnk_layer **layers; /* f, one after another; each is owned */
    int32_t form;              /* an snnk_residual_form */
    float gain;                /* s, finite */
    size_t
        widest; /* the outputs of the widest of them except the last: the length of a hidden row */
} snnk__residual;

/* The struct of a residual layer; NULL for other kinds. */
const snnk__residual *snnk__residual_of(const snnk_layer *layer);

#endif
