/* The kinds of layers. */
#ifndef SNNK_LAYER_KINDS_H
#define SNNK_LAYER_KINDS_H

#include "layer/layer.h"

extern const snnk__layer_kind snnk__dense_kind;
extern const snnk__layer_kind snnk__snnk_kind;
extern const snnk__layer_kind snnk__tower_kind;
extern const snnk__layer_kind snnk__residual_kind;
extern const snnk__layer_kind snnk__leaves_kind;

/* Set *kind to the kind with this name in model files. SNNK_E_FORMAT if there is none. */
int snnk__layer_kind_find(const char *name, const snnk__layer_kind **kind);

#endif
