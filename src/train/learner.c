#include "train/learner.h"

#include <math.h>

#include "base/status.h"
#include "layer/residual.h"
#include "projection/projection.h"

static bool has_rows(const snnk_map *map) {
    bool has = false;

    for (size_t b = 0; map && b < map->n_blocks; b++)
        has |= snnk__map_block_has_rows(map->blocks[b]);
    return has;
}

snnk__parts snnk__layer_parts(const snnk_layer *layer) {
    const snnk__residual *residual = snnk__residual_of(layer);
    snnk__parts parts = residual ? 1U << SNNK_PART_GAIN : 0;

    for (size_t k = 0; residual && k < residual->n_layers; k++)
        parts |= snnk__layer_parts(residual->layers[k]);

    if (layer->kind->weights) parts |= 1U << SNNK_PART_WEIGHTS | 1U << SNNK_PART_BIAS;
    if (layer->kind->map && has_rows(layer->kind->map(layer)))
        parts |= 1U << SNNK_PART_ROWS | 1U << SNNK_PART_OFFSETS;
    return parts;
}

bool snnk__layer_is_drawn(const snnk_layer *layer) {
    const snnk_map *map = layer->kind->map ? layer->kind->map(layer) : NULL;
    bool drawn = map && layer->kind->weights;

    for (size_t b = 0; drawn && b < map->n_blocks; b++)
        drawn = snnk__map_block_has_rows(map->blocks[b]) && map->blocks[b]->kind->redraw &&
                snnk__projection_is_drawn(map->blocks[b]->config.projection);
    return drawn;
}

/* Add the squares of a matrix, and the number of its entries. */
static void add_squares(const snnk__panels *M, double *squares, double *count) {
    for (size_t i = 0; i < M->rows; i++) *squares += snnk__panels_row_norm2(M, i);
    *count += (double)M->rows * (double)M->columns;
}

double snnk__layer_size(const snnk_layer *layer, int32_t part) {
    const snnk_map *map = layer->kind->map ? layer->kind->map(layer) : NULL;
    const bool of_rows = part == SNNK_PART_ROWS || part == SNNK_PART_OFFSETS;
    double squares = 0, count = 0;

    for (size_t b = 0; of_rows && map && b < map->n_blocks; b++)
        if (snnk__map_block_has_rows(map->blocks[b]))
            add_squares(&map->blocks[b]->linear.G, &squares, &count);
    if (!of_rows && part != SNNK_PART_GAIN && layer->kind->weights) {
        const snnk__weights *weights = layer->kind->weights(layer);

        for (size_t p = 0; p < weights->n_parts; p++)
            add_squares(&weights->parts[p], &squares, &count);
    }
    return count > 0 ? sqrt(squares / count) : 0;
}

int snnk__layer_check_rows(const snnk_layer *layer) {
    const snnk__residual *residual = snnk__residual_of(layer);
    const snnk_map *map = layer->kind->map ? layer->kind->map(layer) : NULL;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && residual && k < residual->n_layers; k++)
        st = snnk__layer_check_rows(residual->layers[k]);
    for (size_t b = 0; st == SNNK_OK && map && b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (!snnk__map_block_has_rows(block) && !snnk__map_block_kernel(block).diagonal)
            st = snnk__fail(
                SNNK_E_UNSUPPORTED,
                "the rows of its %s features cannot learn (HD3 rows are a seed, and other "
                "numbers of spectral features depend on their rows): set rows_rate = 0, "
                "or make the map with gaussian rows",
                block->kind->name);
    }
    return st;
}

int snnk__layer_check_gradient(const snnk_layer *layer) {
    const snnk__residual *residual = snnk__residual_of(layer);
    const snnk_map *map = layer->kind->map ? layer->kind->map(layer) : NULL;
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && residual && k < residual->n_layers; k++)
        st = snnk__layer_check_gradient(residual->layers[k]);
    for (size_t b = 0; st == SNNK_OK && map && b < map->n_blocks; b++)
        if (!map->blocks[b]->kind->gradient)
            st = snnk__map_cannot(map->blocks[b]->kind,
                                  "have no gradient, so that no layer below them can be trained");
    return st;
}

int snnk__learner_create(const snnk_layer *layer, snnk__parts learn, int32_t products,
                         const snnk_allocator *allocator, snnk__learner **learner) {
    learn &= snnk__layer_parts(layer) | SNNK__PARTS_DRAWN;
    if (learn && layer->storage != SNNK_STORAGE_F32)
        return snnk__fail(
            SNNK_E_UNSUPPORTED,
            "a layer in %s storage cannot learn: train it in float (as the file holds "
            "it), and quantize the result",
            snnk_storage_name(layer->storage));
    if (snnk__residual_of(layer))
        return snnk__residual_learner_create(layer, learn, products, allocator, learner);
    if (layer->kind->blocks)
        return snnk__block_learner_create(layer, learn, products, allocator, learner);
    return snnk__fail(SNNK_E_UNSUPPORTED, "a %s layer cannot be trained", layer->kind->name);
}

void snnk__learner_free(snnk__learner *learner) {
    if (!learner) return;
    const snnk_allocator allocator = learner->allocator;
    learner->form->free(learner);
    snnk__free(&allocator, learner);
}
