/* Inside of a network. */
#ifndef SNNK_NETWORK_NETWORK_H
#define SNNK_NETWORK_NETWORK_H

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
    snnk__note *notes;      /* sorted by key */
    snnk_lstsq *statistics; /* of the features of the last layer; NULL: none */
};

/* Give the notes of one network to another. SNNK_E_NOMEM. */
int snnk__network_copy_notes(const snnk_network *from, snnk_network *to);

/* Bytes of weights that a forward reads. */
uint64_t snnk__network_weight_bytes(const snnk_network *network);

#endif
