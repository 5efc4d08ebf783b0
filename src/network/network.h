/* Inside a network. */
#ifndef SNNK_NETWORK_NETWORK_H
#define SNNK_NETWORK_NETWORK_H

#include <snnk/network.h>
#include <snnk/uncertainty.h>

#include "layer/layer.h"

/* A note. Key and value share one block of memory, which begins at the key. */
typedef struct snnk__note {
    char *key;
    char *value;
} snnk__note;

/* A layer that was replaced after snnk_network_layer had returned it. */
typedef struct snnk__kept_layer {
    const snnk_layer *layer;
    struct snnk__kept_layer *next;
} snnk__kept_layer;

/* An object of a folder above this one, which networks share. */
typedef struct snnk__shared {
    void *object; /* NULL: none */
    void *(*retain)(const void *object);
    void (*release)(void *object);
} snnk__shared;

struct snnk_network {
    snnk_allocator allocator;
    size_t n_layers;
    const snnk_layer **layers;
    atomic_bool last_handed_out; /* whether snnk_network_layer has returned the last layer */
    snnk__kept_layer *kept;      /* freed with the network */
    size_t widest; /* the outputs of the widest layer except the last: the length of a hidden row */
    size_t n_notes;
    snnk__note *notes;             /* sorted by key */
    snnk_lstsq *statistics;        /* of the last layer's features; NULL if there are none */
    snnk__shared encoder;          /* of the inputs */
    snnk_uncertainty *uncertainty; /* of the outputs; NULL if there is none */
};

/* How many rows pass through all layers together: enough to share each pass over the weights, few
 * enough that hidden rows stay in cache. */
#define SNNK__NETWORK_ROWS SNNK__CENTERED_ROWS

/* The most scratch, in floats, of one layer on one thread; and of one row that is split within,
 * apart from its two hidden rows (0 if no layer is large enough). */
size_t snnk__network_layers_work(const snnk_network *network);
size_t snnk__network_split_work(const snnk_network *network);

/* Replace the last layer by `layer`, and take over the caller's reference to it. If
 * snnk_network_layer has returned the old layer, it is kept until the network is freed. `place` is
 * room to keep it, from snnk__network_reserve_place, which is called before the work that may
 * fail. */
void snnk__network_replace_last(snnk_network *network, const snnk_layer *layer,
                                snnk__kept_layer *place);

/* Set *place to room for keeping the last layer; NULL if snnk_network_layer never returned it.
 * SNNK_E_NOMEM. */
int snnk__network_reserve_place(const snnk_network *network, snnk__kept_layer **place);

/* Copy the notes of one network to another, which also shares its encoder and, if it has as many
 * outputs, its uncertainty. SNNK_E_NOMEM. */
int snnk__network_copy_notes(const snnk_network *from, snnk_network *to);

/* Compute Y = network(X) for n checked rows in float or in double: in float, or in double with the
 * last bias added in double. Exactly one of Y and Y_f64 is set. Those in float have the bits of
 * snnk_network_forward if X is in float. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__network_outputs(const snnk_network *network, size_t n, const snnk__numbers *X, float *Y,
                          double *Y_f64, size_t ldy, snnk_workspace *workspace);

/* Like snnk_network_set_statistics, but without a copy: on success the network owns lstsq, which is
 * not NULL. */
int snnk__network_take_statistics(snnk_network *network, snnk_lstsq *lstsq);

#endif
