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

/* A layer that was replaced after snnk_network_layer had handed it out. */
typedef struct snnk__kept_layer {
    const snnk_layer *layer;
    struct snnk__kept_layer *next;
} snnk__kept_layer;

struct snnk_network {
    snnk_allocator allocator;
    size_t n_layers;
    const snnk_layer **layers;
    atomic_bool last_handed_out; /* whether snnk_network_layer gave away the last layer */
    snnk__kept_layer *kept;      /* freed with the network */
    size_t widest; /* outputs of the widest layer, without the last: the length of a hidden row */
    size_t n_notes;
    snnk__note *notes;      /* sorted by key */
    snnk_lstsq *statistics; /* of the features of the last layer; NULL: none */
};

/* Put `layer` in the place of the last one, and take over the caller's reference to it. The old
 * layer is kept until the network is freed if snnk_network_layer handed it out. `place` is room to
 * keep it, from snnk__network_reserve_place before the work that may fail. */
void snnk__network_replace_last(snnk_network *network, const snnk_layer *layer,
                                snnk__kept_layer *place);

/* *place = room to keep the last layer; NULL if nobody was given it. SNNK_E_NOMEM. */
int snnk__network_reserve_place(const snnk_network *network, snnk__kept_layer **place);

/* Copy the notes of one network to another. SNNK_E_NOMEM. */
int snnk__network_copy_notes(const snnk_network *from, snnk_network *to);

/* As snnk_network_set_statistics, without a copy: the network owns them on success. lstsq is not
 * NULL. */
int snnk__network_take_statistics(snnk_network *network, snnk_lstsq *lstsq);

#endif
