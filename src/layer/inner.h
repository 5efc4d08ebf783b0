/* Layers that consist of others: residual layers and trees of leaves. */
#ifndef SNNK_LAYER_INNER_H
#define SNNK_LAYER_INNER_H

#include "layer/layer.h"

/* How deep such layers may contain one another. Freeing, running, saving and loading recurse, and a
 * file must not choose how much stack they use. */
#define SNNK__LAYER_NESTING 8

/* The nesting of a layer with these n layers in it: 1, or 1 more than the largest of theirs. */
size_t snnk__inner_nesting(size_t n, const snnk_layer *const *layers);

/* SNNK_E_RANGE if a layer with these in it would be nested too deep. */
int snnk__inner_check_nesting(size_t n, const snnk_layer *const *layers);

/* Before anything within a record is read, which would go deeper: SNNK_E_FORMAT if it is nested too
 * deep. */
int snnk__inner_check_source(const snnk__source *source);

/* The storage of the layers; of layers in several, the one that rounds least. */
int32_t snnk__inner_storage(size_t n, const snnk_layer *const *layers);

/* Read the list "layers" of a record. Release *layers also on failure. Statuses of
 * snnk_network_load. */
int snnk__inner_read(const snnk__source *source, size_t *n, snnk_layer ***layers);

/* Quantize n layers. Release *quantized also on failure. */
int snnk__inner_quantize(const snnk_allocator *allocator, size_t n, const snnk_layer *const *layers,
                         int32_t storage, snnk_layer ***quantized);

/* Free n layers, some of which may be NULL, and their list. */
void snnk__inner_release(const snnk_allocator *allocator, size_t n, snnk_layer **layers);

/* Add up costs, which layers that share others can make more than 64 bits can count. */
static inline void snnk__inner_count(uint64_t amount, uint64_t *sum) {
    *sum = amount > UINT64_MAX - *sum ? UINT64_MAX : *sum + amount;
}

#endif
