#include "layer/inner.h"

#include "base/size.h"
#include "layer/layer_record.h"

/* ---- Properties ---- */

static const snnk_layer *const *inner_of(const snnk_layer *layer, size_t *n) {
    *n = 0;
    return layer && layer->kind->inner ? layer->kind->inner(layer, n) : NULL;
}

size_t snnk_layer_inner_count(const snnk_layer *layer) {
    size_t n;

    inner_of(layer, &n);
    return n;
}

const snnk_layer *snnk_layer_inner(const snnk_layer *layer, size_t index) {
    size_t n;
    const snnk_layer *const *layers = inner_of(layer, &n);

    return index < n ? layers[index] : NULL;
}

/* ---- Nesting ---- */

size_t snnk__inner_nesting(size_t n, const snnk_layer *const *layers) {
    size_t most = 0;

    for (size_t k = 0; k < n; k++) most = snnk__max_size(most, layers[k]->nesting);
    return most + 1;
}

int snnk__inner_check_nesting(size_t n, const snnk_layer *const *layers) {
    const size_t nesting = snnk__inner_nesting(n, layers);

    if (nesting <= SNNK__LAYER_NESTING) return SNNK_OK;
    return snnk__fail(SNNK_E_RANGE, "layers within one another %zu deep: at most %d", nesting,
                      SNNK__LAYER_NESTING);
}

int snnk__inner_check_source(const snnk__source *source) {
    if (source->lists <= SNNK__LAYER_NESTING) return SNNK_OK;
    return snnk__fail(SNNK_E_FORMAT, "layers within one another more than %d deep",
                      SNNK__LAYER_NESTING);
}

/* ---- Storage, files ---- */

int32_t snnk__inner_storage(size_t n, const snnk_layer *const *layers) {
    static const int ranks[] = {[SNNK_STORAGE_F32] = 0,
                                [SNNK_STORAGE_BF16X3] = 1,
                                [SNNK_STORAGE_BF16] = 2,
                                [SNNK_STORAGE_INT8] = 3};
    int32_t storage = layers[0]->storage;

    for (size_t k = 1; k < n; k++)
        if (ranks[layers[k]->storage] < ranks[storage]) storage = layers[k]->storage;
    return storage;
}

void snnk__inner_release(const snnk_allocator *allocator, size_t n, snnk_layer **layers) {
    for (size_t k = 0; layers && k < n; k++) snnk_layer_free(layers[k]);
    snnk__free(allocator, layers);
}

int snnk__inner_quantize(const snnk_allocator *allocator, size_t n, const snnk_layer *const *layers,
                         int32_t storage, snnk_layer ***quantized) {
    int st = snnk__alloc_zero(allocator, n, sizeof(snnk_layer *), "inner layers", quantized);

    for (size_t k = 0; st == SNNK_OK && k < n; k++)
        st = layers[k]->kind->quantize(layers[k], storage, &(*quantized)[k]);
    return st;
}

int snnk__inner_read(const snnk__source *source, size_t *n, snnk_layer ***layers) {
    int st;

    *layers = NULL;
    if ((st = snnk__layers_count(source, n)) != SNNK_OK) return st;
    st = snnk__alloc_zero(source->allocator, *n, sizeof(snnk_layer *), "inner layers", layers);
    for (size_t k = 0; st == SNNK_OK && k < *n; k++) {
        st = snnk__layers_read(source, k, &(*layers)[k]);
        if (st != SNNK_OK) snnk__fail_within(st, "inner layer %zu", k);
    }
    return st;
}
