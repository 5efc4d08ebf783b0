/* Inside of a network. */
#ifndef SNNK_NETWORK_NETWORK_H
#define SNNK_NETWORK_NETWORK_H

#include <snnk/network.h>

#include "layer/layer.h"

/* A note. Key and value are in one piece of memory, which begins at the key. */
typedef struct snnk__note {
    char *key;
    char *value;
} snnk__note;

struct snnk_network {
    snnk_allocator allocator;
    size_t n_layers;
    const snnk_layer **layers;
    size_t widest; /* outputs of the widest layer, without the last: the length of a hidden row */
    size_t n_notes;
    snnk__note *notes;      /* sorted by key */
    snnk_lstsq *statistics; /* of the features of the last layer; NULL: none */
};

/* Copy the notes of one network to another. SNNK_E_NOMEM. */
int snnk__network_copy_notes(const snnk_network *from, snnk_network *to);

/* As snnk_network_set_statistics, without a copy: the network owns them on success. lstsq is not NULL. */
int snnk__network_take_statistics(snnk_network *network, snnk_lstsq *lstsq);

#endif
