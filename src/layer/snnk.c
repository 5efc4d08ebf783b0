/* SNNK layers: y = Psi Phi(x) + bias. */
#include <string.h>

#include "base/size.h"
#include "layer/features.h"
#include "layer/fold.h"
#include "layer/kinds.h"
#include "layer/weights.h"

typedef struct readout {
    snnk_layer layer;
    snnk__features features; /* without mixing */
    snnk__weights weights;   /* Psi, one part for each block of the map, and the bias */
    bool mixed;              /* whether some block of the map has a matrix to mix its features */
    snnk__weights folded;    /* if mixed: Psi times the mixing matrix, which acts on the unmixed
                              * features in forward passes */
} readout;

static const readout *of(const snnk_layer *layer) { return (const readout *)layer; }

static const snnk_map *map_of(const snnk_layer *layer) { return of(layer)->features.map; }

/* The weights that multiply the result of snnk__features_rows. */
static const snnk__weights *used(const readout *r) { return r->mixed ? &r->folded : &r->weights; }

static snnk__linearity linearity(const snnk_layer *layer) {
    (void)layer;
    return SNNK__LINEAR_IN_FEATURES;
}

/* ---- Creating ---- */

/* Create zero weights for the features of a map. */
static int parts_alloc(const snnk_map *map, size_t outputs, int32_t storage,
                       const snnk_allocator *allocator, snnk__weights *weights) {
    int st = snnk__weights_create(allocator, outputs, map->n_blocks, weights);

    for (size_t b = 0; st == SNNK_OK && b < map->n_blocks; b++)
        st = snnk__weights_add_part(allocator, map->blocks[b]->features, storage,
                                    snnk__kernels_get()->readout_shape, weights);
    return st;
}

/* Create a layer whose Psi is zero. Then set it and call snnk__layer_finish. */
static int readout_alloc(const snnk_map *map, size_t outputs, int32_t storage,
                         const snnk_allocator *allocator, readout **layer) {
    snnk_layer *base = NULL;
    int st;

    st = snnk__layer_alloc(&snnk__snnk_kind, sizeof(readout), map->inputs, outputs, map->features,
                           storage, allocator, &base);
    if (st != SNNK_OK) return st;
    readout *made = (readout *)base;
    st = snnk__features_create(allocator, map, storage, false, &made->features);
    if (st != SNNK_OK) goto done;
    for (size_t b = 0; b < map->n_blocks; b++) made->mixed |= map->blocks[b]->mix != NULL;
    st = parts_alloc(map, outputs, storage, allocator, &made->weights);
    if (st == SNNK_OK && made->mixed)
        st = parts_alloc(map, outputs, storage, allocator, &made->folded);
    if (st != SNNK_OK) goto done;
    *layer = made;
    base = NULL;
done:
    snnk_layer_free(base);
    return st;
}

/* Set to (outputs x m) = A mix, summed in double and rounded once, for columns first ... first+m-1
 * of A. mix NULL: the identity. sums: scratch, outputs x m; row: scratch, m. */
static void multiply(const snnk__panels *mix, size_t outputs, size_t m, const float *A, size_t lda,
                     double *sums, float *row, float *to, size_t ld_to) {
    memset(sums, 0, outputs * m * sizeof *sums);
    for (size_t j = 0; mix && j < m; j++) {
        snnk__panels_get_row(mix, j, row);
        for (size_t i = 0; i < outputs; i++)
            for (size_t k = 0; k < m; k++) sums[i * m + k] += (double)A[i * lda + j] * row[k];
    }
    for (size_t i = 0; i < outputs; i++)
        for (size_t k = 0; k < m; k++)
            to[i * ld_to + k] = mix ? (float)sums[i * m + k] : A[i * lda + k];
}

/* Compute the weights that act on unmixed features: Psi (mix phi) = (Psi mix) phi.
 * SNNK_E_NONFINITE, SNNK_E_NOMEM. */
static int fold_mixing(readout *r, const float *Psi, size_t ldpsi) {
    const snnk_map *map = r->features.map;
    const snnk_allocator *allocator = &r->layer.allocator;
    const size_t l = r->layer.outputs, m = map->features;
    double *sums = NULL;
    float *folded = NULL, *row = NULL;
    int st;

    st = snnk__alloc(allocator, l * m, sizeof *sums, "weights", &sums);
    if (st == SNNK_OK) st = snnk__alloc(allocator, l * m, sizeof *folded, "weights", &folded);
    if (st == SNNK_OK) st = snnk__alloc(allocator, m, sizeof *row, "a row", &row);
    for (size_t b = 0, first = 0; st == SNNK_OK && b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        multiply(block->mix, l, block->features, Psi + first, ldpsi, sums, row, folded + first, m);
        first += block->features;
    }
    if (st == SNNK_OK) st = snnk__check_finite(folded, "Psi times a mixing matrix", l, m, m);
    if (st == SNNK_OK)
        snnk__weights_set(&r->folded, folded, m, (snnk__numbers){.f64 = r->weights.exact_bias});
    snnk__free(allocator, row);
    snnk__free(allocator, folded);
    snnk__free(allocator, sums);
    return st;
}

int snnk_layer_create(const snnk_map *map, size_t outputs, const float *Psi, size_t ldpsi,
                      const float *bias, snnk_layer **layer) {
    return snnk__layer_create(map, outputs, Psi, ldpsi, (snnk__numbers){.f32 = bias}, layer);
}

int snnk__layer_create(const snnk_map *map, size_t outputs, const float *Psi, size_t ldpsi,
                       snnk__numbers bias, snnk_layer **layer) {
    readout *made;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    st = snnk__layer_check_weights(Psi, "Psi", outputs, map->features, ldpsi, bias);
    if (st != SNNK_OK) return st;
    st = readout_alloc(map, outputs, SNNK_STORAGE_F32, &map->allocator, &made);
    if (st != SNNK_OK) return st;
    snnk__weights_set(&made->weights, Psi, ldpsi, bias);
    if (made->mixed && (st = fold_mixing(made, Psi, ldpsi)) != SNNK_OK) {
        snnk_layer_free(&made->layer);
        return st;
    }
    snnk__layer_finish(&made->layer);
    *layer = &made->layer;
    return SNNK_OK;
}

static void free_members(snnk_layer *layer) {
    readout *r = (readout *)layer;

    snnk__features_free(&layer->allocator, &r->features);
    snnk__weights_free(&layer->allocator, &r->weights);
    snnk__weights_free(&layer->allocator, &r->folded);
}

static void cost(const snnk_layer *layer, snnk__layer_cost *cost) {
    const readout *r = of(layer);
    const size_t m = layer->columns;

    snnk__features_cost(&r->features, cost);
    cost->multiply_adds += (uint64_t)m * layer->outputs;
    cost->parameters += (uint64_t)m * layer->outputs + layer->outputs;
    cost->weight_bytes += snnk__weights_bytes(used(r));
    if (r->mixed) /* then features are computed apart from a forward pass too */
        cost->work = snnk__map_work(r->features.map);
    if (!snnk__add_size(snnk__features_work(&r->features), m, &cost->split_work))
        cost->split_work = SIZE_MAX;
    for (size_t b = 0; b < r->weights.n_parts; b++)
        cost->work = snnk__max_size(
            cost->work,
            snnk__project_readout_work(layer->inputs, &r->features.blocks[b], &used(r)->parts[b]));
}

/* ---- Forward ---- */

static void forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                    size_t ldy, float *work) {
    const readout *r = of(layer);
    const snnk__weights *weights = used(r);
    const size_t last = weights->n_parts - 1;

    for (size_t b = 0; b <= last; b++)
        snnk__project_readout(n, X, ldx, layer->inputs, &r->features.blocks[b], &weights->parts[b],
                              b == 0, b == last ? weights->bias : NULL, Y, ldy, work);
}

/* Parts after the first are added to Y, in float. */
static bool rounds(const snnk_layer *layer) {
    const readout *r = of(layer);

    return used(r)->n_parts == 1 &&
           snnk__readout_rounds(&r->features.blocks[0], &used(r)->parts[0]);
}

static void forward_bf16(const snnk_layer *layer, size_t n, const snnk__inputs *X, uint16_t *Y,
                         size_t ldy, float *work) {
    const readout *r = of(layer);
    const snnk__weights *weights = used(r);

    snnk__project_readout_bf16(n, X, layer->inputs, &r->features.blocks[0], &weights->parts[0],
                               weights->bias, Y, ldy, work);
}

static size_t widened_work(const snnk_layer *layer) {
    return snnk__widened_work(layer->inputs, &of(layer)->features.blocks[0]);
}

static void sums(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Y, size_t ldy,
                 float *work) {
    const readout *r = of(layer);
    const snnk__weights *weights = used(r);
    const size_t d = layer->inputs;

    for (size_t b = 0; b < weights->n_parts; b++) {
        snnk__numbers from;
        snnk__block block;
        snnk__hd3 hd3;

        snnk__features_block(&r->features, b, n, X, work, &block, &hd3, &from);
        snnk__project_readout(n, from.f32, from.ld, d, &block, &weights->parts[b], b == 0, NULL, Y,
                              ldy, snnk__sums_rest(X, d, work));
    }
}

/* Compute all features first, then all outputs. work: n rows of features, then what those need. */
static void forward_split(const snnk_layer *layer, size_t n, const float *X, size_t ldx, float *Y,
                          size_t ldy, snnk_workspace *workspace, float *work) {
    const readout *r = of(layer);
    const size_t m = layer->columns;

    snnk__features_split(&r->features, n, X, ldx, work, m, workspace, work + n * m);
    snnk__weights_readout_split(used(r), n, work, m, Y, ldy, workspace);
}

static void features(const snnk_layer *layer, size_t n, const snnk__numbers *X, float *Phi,
                     size_t ldphi, float *work) {
    const readout *r = of(layer);
    const snnk_map *map = r->features.map;
    const size_t d = map->inputs;

    for (size_t b = 0; b < map->n_blocks; Phi += map->blocks[b++]->features) {
        snnk__numbers from;
        snnk__block block;
        snnk__hd3 hd3;

        snnk__features_block(&r->features, b, n, X, work, &block, &hd3, &from);
        block.mix = map->blocks[b]->mix;
        snnk__project(n, from.f32, from.ld, d, &block, Phi, ldphi, snnk__sums_rest(X, d, work));
    }
}

static void read_out(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                     bool with_bias, float *Y, size_t ldy) {
    const snnk__weights *weights = &of(layer)->weights;

    snnk__weights_readout(weights, n, Phi, ldphi, 0, layer->outputs,
                          with_bias ? weights->bias : NULL, Y, ldy);
}

/* ---- Weights ---- */

static const snnk__weights *weights(const snnk_layer *layer) { return &of(layer)->weights; }

static const snnk__block *blocks(const snnk_layer *layer, size_t *n) {
    *n = map_of(layer)->n_blocks;
    return of(layer)->features.blocks;
}

static int replace(const snnk_layer *layer, const snnk__layer_numbers *numbers,
                   snnk_layer **changed) {
    snnk_map *map = NULL;
    int st = snnk__layer_replace_map(layer, numbers, &map);

    if (st == SNNK_OK)
        st = snnk__layer_create(map, layer->outputs, numbers->W, numbers->ldw, numbers->bias,
                                changed);
    snnk_map_free(map);
    return st;
}

static int readout_map(const snnk_layer *layer, snnk_map **map) {
    *map = snnk_map_retain(map_of(layer));
    return SNNK_OK;
}

/* The layer (V Psi) Phi(x) + V bias + c. */
static int fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                snnk__numbers c, snnk_layer **folded) {
    float *Psi = NULL;
    double *bias;
    int st = snnk__fold_weights(layer, outputs, V, ldv, c, &Psi, &bias);

    if (st == SNNK_OK)
        st = snnk__layer_create(map_of(layer), outputs, Psi, layer->columns,
                                (snnk__numbers){.f64 = bias}, folded);
    snnk__free(&layer->allocator, Psi);
    return st;
}

/* The layer Psi Phi(V x + c) + bias. */
static int fold_inputs(const snnk_layer *layer, size_t inputs, const float *V, size_t ldv,
                       const double *c, snnk_layer **folded) {
    float *Psi = NULL;
    double *bias;
    snnk_map *map = NULL;
    int st;

    if ((st = snnk__fold_map(map_of(layer), inputs, V, ldv, c, &map)) != SNNK_OK) goto done;
    st = snnk__layer_copy_weights(layer, &layer->allocator, &Psi, &bias);
    if (st == SNNK_OK)
        st = snnk__layer_create(map, layer->outputs, Psi, layer->columns,
                                (snnk__numbers){.f64 = bias}, folded);
done:
    snnk__free(&layer->allocator, Psi);
    snnk_map_free(map);
    return st;
}

static int quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized) {
    readout *made;
    int st;

    st = readout_alloc(map_of(layer), layer->outputs, storage, &layer->allocator, &made);
    if (st != SNNK_OK) return st;
    st = snnk__weights_round(&layer->allocator, &of(layer)->weights, &made->weights);
    if (st == SNNK_OK && made->mixed)
        st = snnk__weights_round(&layer->allocator, &of(layer)->folded, &made->folded);
    if (st != SNNK_OK) {
        snnk_layer_free(&made->layer);
        return st;
    }
    snnk__layer_finish(&made->layer);
    *quantized = &made->layer;
    return SNNK_OK;
}

/* ---- Files ---- */

static void save(const snnk_layer *layer, snnk__sink *sink) {
    snnk__weights_write(&of(layer)->weights, "psi", layer->columns, sink);
    snnk__map_write(map_of(layer), sink);
}

/* The width of Psi comes from the features that the blocks claim, before any block is created. */
static int load(const snnk__source *source, size_t inputs, size_t outputs, snnk_layer **layer) {
    float *Psi = NULL;
    double *bias = NULL;
    snnk_map *map = NULL;
    size_t m = 0;
    int st;

    if ((st = snnk__map_read_features(source, &m)) != SNNK_OK) return st;
    st = snnk__weights_read(source, "psi", outputs, m, &Psi, &bias);
    if (st == SNNK_OK) st = snnk__map_read(source, inputs, &map);
    if (st == SNNK_OK)
        st = snnk__layer_create(map, outputs, Psi, m, (snnk__numbers){.f64 = bias}, layer);
    snnk__free(source->allocator, bias);
    snnk__free(source->allocator, Psi);
    snnk_map_free(map);
    return st;
}

const snnk__layer_kind snnk__snnk_kind = {
    .value = SNNK_LAYER_SNNK,
    .name = "snnk",
    .free = free_members,
    .cost = cost,
    .forward = forward,
    .rounds = rounds,
    .forward_bf16 = forward_bf16,
    .widened_work = widened_work,
    .forward_split = forward_split,
    .sums = sums,
    .map = map_of,
    .features = features,
    .readout = read_out,
    .readout_map = readout_map,
    .linearity = linearity,
    .weights = weights,
    .blocks = blocks,
    .replace = replace,
    .fold = fold,
    .fold_inputs = fold_inputs,
    .quantize = quantize,
    .save = save,
    .load = load,
};
