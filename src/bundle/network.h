/* Inside of a network. */
#ifndef SNNK_BUNDLE_NETWORK_H
#define SNNK_BUNDLE_NETWORK_H

#include <snnk/network.h>

#include "layer/layer.h"

/* A note: key and value in one block, value behind the key's end. */
typedef struct snnk__note {
    char *key;
    char *value;
} snnk__note;

struct snnk_network {
    snnk_allocator allocator;
    size_t n_layers;
    const snnk_layer **layers;
    size_t widest; /* outputs of the widest layer but the last: what scratch must hold */
    size_t n_notes;
    snnk__note *notes; /* sorted by key */
};

#endif
