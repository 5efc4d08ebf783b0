/* Layers in narrow storage. */
#include "base/size.h"
#include <snnk/quantize.h>

#include "layer/layer.h"

/* to = from, rounded to the storage of `to`. row: columns of scratch. */
static void round_panels(const snnk__panels *from, snnk__panels *to, float *row) {
    for (size_t i = 0; i < from->rows; i++) {
        snnk__panels_get_row(from, i, row);
        snnk__panels_set_row(to, i, row);
    }
}

/* The projections of the map, rounded. */
static int round_projections(snnk_layer *layer, float *row) {
    const snnk_map *map = layer->map;
    int st;

    st = snnk__alloc_zero(&layer->allocator, map->n_blocks, sizeof *layer->G, "projections",
                          &layer->G);
    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        const snnk__panels *G = snnk__map_block_kernel(map->blocks[b]).G;

        if (!G) continue;
        st = snnk__panels_create_narrow(&layer->allocator, G->rows, G->columns, layer->storage, "G",
                                        &layer->G[b]);
        if (st == SNNK_OK) round_panels(G, &layer->G[b], row);
    }
    return st;
}

/* The longest row of any matrix of the layer. */
static size_t longest_row(const snnk_layer *layer) {
    size_t most = layer->inputs;

    for (size_t b = 0; b < layer->n_weights; b++)
        most = snnk__max_size(most, layer->weights[b].columns);
    return most;
}

int snnk_layer_quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    snnk_layer *made = NULL;
    float *row = NULL;
    int st;

    if ((st = snnk__check_pointer(quantized, "quantized")) != SNNK_OK) return st;
    *quantized = NULL;
    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = snnk__check_enum(storage, SNNK_STORAGE_INT8 + 1, "storage")) != SNNK_OK) return st;
    st = snnk__layer_is_tower(layer)
             ? snnk__layer_alloc_tower(layer->map, storage, &made)
             : snnk__layer_alloc(layer->inputs, layer->outputs, layer->map, storage, layer->bias,
                                 &layer->allocator, &made);
    if (st != SNNK_OK) return st;
    made->activation = layer->activation;
    st = snnk__alloc(&layer->allocator, longest_row(layer), sizeof *row, "a row", &row);
    if (st != SNNK_OK) goto done;
    for (size_t b = 0; b < layer->n_weights; b++)
        round_panels(&layer->weights[b], &made->weights[b], row);
    if (layer->map && storage != SNNK_STORAGE_F32)
        if ((st = round_projections(made, row)) != SNNK_OK) goto done;
    *quantized = made;
    made = NULL;
done:
    snnk__free(&layer->allocator, row);
    snnk_layer_free(made);
    return st;
}
