#include "network/network.h"

#include <string.h>

#include "base/overlap.h"
#include "base/size.h"
#include "base/utf8.h"
#include "base/workspace.h"

#ifdef SNNK_MINIMAL /* a minimal build has no statistics */
#define FREE_STATISTICS(lstsq) ((void)(lstsq))
#else
#define FREE_STATISTICS(lstsq) snnk_lstsq_free(lstsq)
#endif

/* There are few notes, so an array is searched from the front. */
#define MAX_NOTES 256

int snnk_network_create(const snnk_allocator *allocator, snnk_network **network) {
    snnk_allocator ours;
    snnk_network *made;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    *network = NULL;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    if ((st = snnk__alloc(&ours, 1, sizeof *made, "a network", &made)) != SNNK_OK) return st;
    *made = (snnk_network){.allocator = ours};
    atomic_init(&made->last_handed_out, false);
    *network = made;
    return SNNK_OK;
}

void snnk_network_free(snnk_network *network) {
    if (!network) return;
    const snnk_allocator allocator = network->allocator;
    for (size_t i = 0; i < network->n_layers; i++)
        snnk_layer_free((snnk_layer *)network->layers[i]);
    for (snnk__kept_layer *kept = network->kept, *next; kept; kept = next) {
        next = kept->next;
        snnk_layer_free((snnk_layer *)kept->layer);
        snnk__free(&allocator, kept);
    }
    for (size_t i = 0; i < network->n_notes; i++) snnk__free(&allocator, network->notes[i].key);
    snnk__free(&allocator, network->layers);
    snnk__free(&allocator, network->notes);
    FREE_STATISTICS(network->statistics);
    if (network->encoder.object) network->encoder.release(network->encoder.object);
    snnk_uncertainty_free(network->uncertainty);
    snnk__free(&allocator, network);
}

size_t snnk__network_layers_work(const snnk_network *network) {
    size_t most = 0;

    for (size_t k = 0; k < network->n_layers; k++)
        most = snnk__max_size(most, network->layers[k]->cost.work);
    return most;
}

size_t snnk__network_split_work(const snnk_network *network) {
    size_t most = 0;

    for (size_t k = 0; k < network->n_layers; k++)
        most = snnk__max_size(most, network->layers[k]->cost.split_work);
    return most;
}

/* Check that snnk_network_scratch_bytes still fits size_t with one more layer. */
static int check_scratch(const snnk_network *network, size_t widest, const snnk_layer *layer) {
    const size_t work = snnk__max_size(snnk__network_layers_work(network), layer->cost.work);
    const size_t split = snnk__max_size(snnk__network_split_work(network), layer->cost.split_work);
    size_t floats, bytes;

    if (snnk__mul_size(widest, 2 * SNNK__NETWORK_ROWS, &floats) &&
        snnk__add_size(floats, work, &floats) && snnk__add_size(floats, split, &floats) &&
        snnk__mul_size(floats, sizeof(float), &bytes))
        return SNNK_OK;
    return snnk__fail(SNNK_E_SIZE,
                      "scratch for hidden rows of %zu outputs and %zu numbers of the largest layer "
                      "overflows a size",
                      widest, work);
}

int snnk_network_append(snnk_network *network, const snnk_layer *layer) {
    const snnk_layer **layers;
    size_t widest;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if (network->statistics)
        return snnk__fail(SNNK_E_STATE, "the network holds statistics of its last layer: remove "
                                        "them first, by snnk_network_set_statistics with NULL");
    const size_t n = network->n_layers, last = snnk_network_outputs(network);
    if (n > 0 && layer->inputs != last)
        return snnk__fail(SNNK_E_SHAPE, "the layer has %zu inputs, but the network has %zu outputs",
                          layer->inputs, last);
    widest = snnk__max_size(network->widest, last);
    if ((st = check_scratch(network, widest, layer)) != SNNK_OK) return st;

    /* Networks have few layers, so the array grows by one each time. */
    st = snnk__alloc(&network->allocator, n + 1, sizeof *layers, "layers", &layers);
    if (st != SNNK_OK) return st;
    if (n > 0) memcpy(layers, network->layers, n * sizeof *layers);
    layers[n] = snnk_layer_retain(layer);
    snnk__free(&network->allocator, network->layers);
    network->layers = layers;
    network->n_layers = n + 1;
    network->widest = widest;
    snnk_uncertainty_free(network->uncertainty); /* it was that of other outputs */
    network->uncertainty = NULL;
    atomic_store_explicit(&network->last_handed_out, false, memory_order_relaxed);
    return SNNK_OK;
}

int snnk__network_reserve_place(const snnk_network *network, snnk__kept_layer **place) {
    *place = NULL;
    if (!atomic_load_explicit(&network->last_handed_out, memory_order_relaxed)) return SNNK_OK;
    return snnk__alloc(&network->allocator, 1, sizeof **place, "a replaced layer", place);
}

void snnk__network_replace_last(snnk_network *network, const snnk_layer *layer,
                                snnk__kept_layer *place) {
    const snnk_layer **last = &network->layers[network->n_layers - 1];

    if (place) {
        *place = (snnk__kept_layer){*last, network->kept};
        network->kept = place;
    } else {
        snnk_layer_free((snnk_layer *)*last);
    }
    if (layer->outputs != snnk_uncertainty_outputs(network->uncertainty)) {
        snnk_uncertainty_free(network->uncertainty);
        network->uncertainty = NULL;
    }
    *last = layer;
    atomic_store_explicit(&network->last_handed_out, false, memory_order_relaxed);
}

size_t snnk_network_layers(const snnk_network *network) { return network ? network->n_layers : 0; }

const snnk_layer *snnk_network_layer(const snnk_network *network, size_t index) {
    if (!network || index >= network->n_layers) return NULL;
    /* Only the last layer is ever replaced. Several threads may ask for it at once. A call that
     * changes the network has it to itself, so these stores happen before its load. */
    if (index == network->n_layers - 1 &&
        !atomic_load_explicit(&network->last_handed_out, memory_order_relaxed))
        atomic_store_explicit(&((snnk_network *)network)->last_handed_out, true,
                              memory_order_relaxed);
    return network->layers[index];
}

size_t snnk_network_inputs(const snnk_network *network) {
    return snnk_network_layers(network) > 0 ? network->layers[0]->inputs : 0;
}

size_t snnk_network_outputs(const snnk_network *network) {
    const size_t n = snnk_network_layers(network);

    return n > 0 ? network->layers[n - 1]->outputs : 0;
}

uint64_t snnk_network_parameters(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t i = 0; i < snnk_network_layers(network); i++)
        sum += snnk_layer_parameters(network->layers[i]);
    return sum;
}

uint64_t snnk_network_multiply_adds(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t i = 0; i < snnk_network_layers(network); i++)
        sum += snnk_layer_multiply_adds(network->layers[i]);
    return sum;
}

uint64_t snnk_network_weight_bytes(const snnk_network *network) {
    uint64_t sum = 0;

    for (size_t i = 0; i < snnk_network_layers(network); i++)
        sum += snnk_layer_weight_bytes(network->layers[i]);
    return sum;
}

/* ---- Notes ---- */

static int check_key(const char *key) {
    const size_t length = strlen(key);

    if (length < 1 || length > 64 ||
        strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._-") != length)
        return snnk__fail(SNNK_E_RANGE, "key \"%.70s\" is not 1 ... 64 characters of [a-z0-9._-]",
                          key);
    return SNNK_OK;
}

/* The index of the key, or where to insert it. */
static size_t find_note(const snnk_network *network, const char *key) {
    size_t i = 0;

    while (i < network->n_notes && strcmp(network->notes[i].key, key) < 0) i++;
    return i;
}

static bool is_note(const snnk_network *network, size_t i, const char *key) {
    return i < network->n_notes && strcmp(network->notes[i].key, key) == 0;
}

static int make_note(const snnk_allocator *allocator, const char *key, const char *value,
                     snnk__note *note) {
    const size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
    char *text;
    const int st = snnk__alloc(allocator, key_bytes + value_bytes, 1, "a note", &text);

    if (st != SNNK_OK) return st;
    memcpy(text, key, key_bytes);
    memcpy(text + key_bytes, value, value_bytes);
    *note = (snnk__note){text, text + key_bytes};
    return SNNK_OK;
}

static void remove_note(snnk_network *network, size_t i) {
    snnk__free(&network->allocator, network->notes[i].key);
    network->n_notes--;
    memmove(network->notes + i, network->notes + i + 1,
            (network->n_notes - i) * sizeof *network->notes);
}

static int insert_note(snnk_network *network, size_t i, const snnk__note *note) {
    const size_t n = network->n_notes;
    snnk__note *notes;
    const int st = snnk__alloc(&network->allocator, n + 1, sizeof *notes, "notes", &notes);

    if (st != SNNK_OK) return st;
    if (i > 0) memcpy(notes, network->notes, i * sizeof *notes);
    notes[i] = *note;
    if (n > i) memcpy(notes + i + 1, network->notes + i, (n - i) * sizeof *notes);
    snnk__free(&network->allocator, network->notes);
    network->notes = notes;
    network->n_notes = n + 1;
    return SNNK_OK;
}

int snnk_network_set_note(snnk_network *network, const char *key, const char *value) {
    snnk__note note;
    int st;

    if ((st = snnk__check_pointer(network, "network")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(key, "key")) != SNNK_OK) return st;
    if ((st = check_key(key)) != SNNK_OK) return st;
    const size_t i = find_note(network, key);
    const bool there = is_note(network, i, key);
    if (!value) {
        if (there) remove_note(network, i);
        return SNNK_OK;
    }
    if (!snnk__is_utf8(value, strlen(value)))
        return snnk__fail(SNNK_E_RANGE, "the value of \"%.64s\" is not UTF-8", key);
    if (!there && network->n_notes == MAX_NOTES)
        return snnk__fail(SNNK_E_RANGE, "the network already has %d notes, the limit", MAX_NOTES);
    if ((st = make_note(&network->allocator, key, value, &note)) != SNNK_OK) return st;
    if (there) {
        snnk__free(&network->allocator, network->notes[i].key);
        network->notes[i] = note;
        return SNNK_OK;
    }
    if ((st = insert_note(network, i, &note)) != SNNK_OK) snnk__free(&network->allocator, note.key);
    return st;
}

const char *snnk_network_note(const snnk_network *network, const char *key) {
    if (!network || !key) return NULL;
    const size_t i = find_note(network, key);
    return is_note(network, i, key) ? network->notes[i].value : NULL;
}

size_t snnk_network_notes(const snnk_network *network) { return network ? network->n_notes : 0; }

const char *snnk_network_note_key(const snnk_network *network, size_t index) {
    return index < snnk_network_notes(network) ? network->notes[index].key : NULL;
}

int snnk__network_copy_notes(const snnk_network *from, snnk_network *to) {
    int st = SNNK_OK;

    for (size_t i = 0; st == SNNK_OK && i < from->n_notes; i++)
        st = snnk_network_set_note(to, from->notes[i].key, from->notes[i].value);
    if (st != SNNK_OK) return st;
    if (from->uncertainty && !to->uncertainty &&
        snnk_network_outputs(to) == snnk_network_outputs(from))
        to->uncertainty = snnk_uncertainty_retain(from->uncertainty);
    if (!from->encoder.object || to->encoder.object) return SNNK_OK;
    to->encoder = from->encoder;
    to->encoder.object = from->encoder.retain(from->encoder.object);
    return SNNK_OK;
}
