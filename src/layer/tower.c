/* Towers: y = Phi(x), an SNNK layer without its readout. */
#include "layer/features.h"
#include "layer/fold.h"
#include "layer/kinds.h"

typedef struct tower {
    snnk_layer layer;
    snnk__features features;
} tower;

static const tower *of(const snnk_layer *layer) { return (const tower *)layer; }

static const snnk_map *map_of(const snnk_layer *layer) { return of(layer)->features.map; }

static snnk__linearity linearity(const snnk_layer *layer) {
    (void)layer;
    return SNNK__NOT_LINEAR;
}

/* ---- Creating ---- */

static int tower_create(const snnk_map *map, int32_t storage, const snnk_allocator *allocator,
                        snnk_layer **layer) {
    snnk_layer *made = NULL;
    int st;

    st = snnk__layer_alloc(&snnk__tower_kind, sizeof(tower), map->inputs, map->features, 0, storage,
                           allocator, &made);
    if (st != SNNK_OK) return st;
    st = snnk__features_create(allocator, map, storage, true, &((tower *)made)->features);
    if (st != SNNK_OK) {
        snnk_layer_free(made);
        return st;
    }
    snnk__layer_finish(made);
    *layer = made;
    return SNNK_OK;
}

int snnk_layer_create_tower(const snnk_map *map, snnk_layer **layer) {
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    return tower_create(map, SNNK_STORAGE_F32, &map->allocator, layer);
}

static void free_members(snnk_layer *layer) {
    snnk__features_free(&layer->allocator, &((tower *)layer)->features);
}

static void cost(const snnk_layer *layer, snnk__layer_cost *cost) {
    snnk__features_cost(&of(layer)->features, cost);
    cost->work = cost->split_work = snnk__features_work(&of(layer)->features);
}

/* ---- Forward ---- */

static void forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work) {
    snnk__features_rows(&of(layer)->features, n, X, ldx, Y, ldy, work);
}

static void sums(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Y, size_t ldy,
                 float *work) {
    const snnk__features *features = &of(layer)->features;
    const size_t d = layer->inputs;

    for (size_t b = 0; b < features->map->n_blocks; Y += features->map->blocks[b++]->features) {
        snnk__numbers from;
        snnk__block block;
        snnk__hd3 hd3;

        snnk__features_block(features, b, n, X, work, &block, &hd3, &from);
        snnk__project(n, from.f32, from.ld, d, &block, Y, ldy, snnk__sums_rest(X, d, work));
    }
}

static void forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work) {
    snnk__features_split(&of(layer)->features, n, X, ldx, Y, ldy, workspace, work);
}

/* ---- Numbers ---- */

static const snnk__block *blocks(const snnk_layer *layer, size_t *n) {
    *n = map_of(layer)->n_blocks;
    return of(layer)->features.blocks;
}

static int replace(const snnk_layer *layer, const snnk__layer_numbers *numbers,
                   snnk_layer **changed) {
    snnk_map *map = NULL;
    int st = snnk__layer_replace_map(layer, numbers, &map);

    if (st == SNNK_OK) st = snnk_layer_create_tower(map, changed);
    snnk_map_free(map);
    return st;
}

/* ---- Folding, storage ---- */

static int readout_map(const snnk_layer *layer, snnk_map **map) {
    *map = snnk_map_retain(map_of(layer));
    return SNNK_OK;
}

/* An SNNK layer whose Psi is V. */
static int fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                snnk__numbers c, snnk_layer **folded) {
    return snnk__layer_create(map_of(layer), outputs, V, ldv, c, folded);
}

/* The layer Phi(V x + c). */
static int fold_inputs(const snnk_layer *layer, size_t inputs, const float *V, size_t ldv,
                       const double *c, snnk_layer **folded) {
    snnk_map *map = NULL;
    int st = snnk__fold_map(map_of(layer), inputs, V, ldv, c, &map);

    if (st == SNNK_OK) st = snnk_layer_create_tower(map, folded);
    snnk_map_free(map);
    return st;
}

static int quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    return tower_create(map_of(layer), storage, &layer->allocator, quantized);
}

/* ---- Files ---- */

static void save(const snnk_layer *layer, snnk__sink *sink) {
    snnk__map_write(map_of(layer), sink);
}

static int load(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer) {
    snnk_map *map = NULL;
    size_t m = 0;
    int st = snnk__map_read_features(source, &m);

    if (st != SNNK_OK) return st;
    if (m != outputs)
        return snnk__fail(SNNK_E_FORMAT, "a tower has %zu features but %zu outputs", m, outputs);
    st = snnk__map_read(source, inputs, &map);
    if (st == SNNK_OK) st = snnk_layer_create_tower(map, layer);
    snnk_map_free(map);
    return st;
}

const snnk__layer_kind snnk__tower_kind = {
    .value = SNNK_LAYER_TOWER,
    .name = "tower",
    .free = free_members,
    .cost = cost,
    .forward = forward,
    .forward_split = forward_split,
    .sums = sums,
    .map = map_of,
    .features = sums,
    .readout_map = readout_map,
    .linearity = linearity,
    .blocks = blocks,
    .replace = replace,
    .fold = fold,
    .fold_inputs = fold_inputs,
    .quantize = quantize,
    .save = save,
    .load = load,
};
