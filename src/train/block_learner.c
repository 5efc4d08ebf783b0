/* Layers of blocks of projections that learn: their numbers, and the layers made of them. */
#include "train/block_learner.h"

#include <snnk/urf.h>
#include <string.h>

#include "base/size.h"
#include "kernels/narrow_forward.h"

/* ---- Creating ---- */

static void learner_free(snnk__learner *learner) {
    snnk__block_learner *s = (snnk__block_learner *)learner;
    const snnk_allocator *allocator = &learner->allocator;

    for (size_t p = 0; s->blocks && p < s->n_blocks; p++) {
        snnk__panels_free(allocator, &s->blocks[p].G);
        snnk__panels_free(allocator, &s->blocks[p].back);
        snnk__panels_free(allocator, &s->blocks[p].unmix);
    }
    for (size_t k = 0; s->pieces && k < s->n_pieces; k++)
        snnk__panels_free(allocator, &s->pieces[k]);
    snnk__panels_free(allocator, &s->Psi);
    snnk__free(allocator, s->blocks);
    snnk__free(allocator, s->pieces);
    snnk__free(allocator, s->values);
    snnk__free(allocator, s->parameters);
    snnk__free(allocator, s->gradients);
    snnk_layer_free(s->layer);
}

/* Set `to` to the transpose of M, read row by row. */
static int transpose(const snnk_allocator *allocator, const snnk__panels *M, int32_t products,
                     snnk__panels *to) {
    float *values = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(M->rows, M->columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu numbers overflow size_t", M->rows, M->columns);
    st = snnk__alloc(allocator, count, sizeof *values, "weights", &values);
    if (st == SNNK_OK)
        st = snnk__panels_create_in(allocator, M->columns, M->rows, products,
                                    snnk__kernels_get()->readout_shape, "weights", to);
    if (st == SNNK_OK) {
        for (size_t i = 0; i < M->rows; i++) snnk__panels_get_row(M, i, values + i * M->columns);
        snnk__panels_set_columns(to, 0, M->columns, values, M->columns);
    }
    snnk__free(allocator, values);
    return st;
}

/* Set `to` to the transpose of the rows of a linear part that has no panels. */
static int transpose_rows(const snnk_allocator *allocator, const snnk__map_block *block,
                          int32_t products, snnk__panels *to) {
    const size_t d = block->linear.inputs, r = block->linear.rows;
    float *values = NULL, *work = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(r, d, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu numbers overflow size_t", r, d);
    st = snnk__alloc(allocator, count, sizeof *values, "rows", &values);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, snnk__map_block_work(block), sizeof *work, "a row", &work);
    if (st == SNNK_OK)
        st = snnk__panels_create_in(allocator, d, r, products, snnk__kernels_get()->readout_shape,
                                    "rows", to);
    if (st == SNNK_OK) {
        for (size_t i = 0; i < r; i++) snnk__map_block_get_row(block, i, values + i * d, work);
        snnk__panels_set_columns(to, 0, d, values, d);
    }
    snnk__free(allocator, work);
    snnk__free(allocator, values);
    return st;
}

static int create_part(snnk__block_learner *s, const snnk__block *block,
                       const snnk__map_block *of_map, snnk__learning_block *p) {
    const snnk_allocator *allocator = &s->base.allocator;
    const size_t d = s->base.inputs;
    int st = SNNK_OK;

    p->block = *block;
    p->row = s->rows;
    p->feature = s->features;
    p->features = block->rows * snnk__function_width(&block->function);
    p->learns = s->G_value != NULL && (!of_map || snnk__map_block_has_rows(of_map));
    p->block.mix = of_map ? of_map->mix : NULL;
    s->rows += block->rows;
    s->features += p->features;
    if (p->learns) {
        st = snnk__panels_create_in(allocator, block->rows, d, s->products,
                                    snnk__kernels_get()->projection_shape(block->rows), "rows",
                                    &p->G);
        if (st == SNNK_OK)
            st = snnk__panels_create_in(allocator, d, block->rows, s->products,
                                        snnk__kernels_get()->readout_shape, "rows", &p->back);
        p->block.G = &p->G;
        p->block.offset = s->offsets + p->row;
    } else if (block->diagonal) {
        p->diagonal = block->diagonal;
    } else if (block->transform) {
        p->transform = block->transform;
    } else if (block->G) {
        st = transpose(allocator, block->G, s->products, &p->back);
    } else if (of_map) { /* only blocks of maps have rows without panels */
        st = transpose_rows(allocator, of_map, s->products, &p->back);
    }
    if (st == SNNK_OK && p->block.mix)
        st = transpose(allocator, p->block.mix, SNNK_STORAGE_F32, &p->unmix);
    return st;
}

static int create_parts(snnk__block_learner *s) {
    const snnk_map *map = s->layer->kind->map ? s->layer->kind->map(s->layer) : NULL;
    const snnk__block *blocks = s->layer->kind->blocks(s->layer, &s->n_blocks);
    int st;

    st = snnk__alloc_zero(&s->base.allocator, s->n_blocks, sizeof *s->blocks, "blocks", &s->blocks);
    s->rows = s->features = 0;
    for (size_t p = 0; st == SNNK_OK && p < s->n_blocks; p++)
        st = create_part(s, &blocks[p], map ? map->blocks[p] : NULL, &s->blocks[p]);
    return st;
}

/* How many numbers each part of the layer has. */
typedef struct sizes {
    size_t weights, bias, rows, offsets, all;
} sizes;

static int count_sizes(const snnk__block_learner *s, snnk__parts learn, sizes *of_parts) {
    const size_t d = s->base.inputs, l = s->base.outputs;
    size_t rows = 0, n;
    const snnk__block *blocks = s->layer->kind->blocks(s->layer, &n);
    sizes z = {0};

    for (size_t b = 0; b < n; b++) rows += blocks[b].rows;
    const bool dense = !s->layer->kind->map;
    const bool learns_rows = snnk__parts_has(learn, dense ? SNNK_PART_WEIGHTS : SNNK_PART_ROWS),
               learns_offsets = snnk__parts_has(learn, dense ? SNNK_PART_BIAS : SNNK_PART_OFFSETS);
    bool fits = true;

    /* The rows and offsets of all blocks are kept if one of both learns, or for a redraw. */
    if (learns_rows || learns_offsets || (learn & SNNK__PARTS_DRAWN)) {
        fits = snnk__mul_size(rows, d, &z.rows);
        z.offsets = rows;
    }
    if (s->reads_out) {
        fits = fits && snnk__mul_size(s->layer->columns, l, &z.weights);
        z.bias = l;
    }
    fits = fits && snnk__add_size(z.rows, z.offsets, &z.all) &&
           snnk__add_size(z.all, z.weights, &z.all) && snnk__add_size(z.all, z.bias, &z.all);
    if (!fits)
        return snnk__fail(SNNK_E_SIZE, "the numbers of a layer of %zu inputs overflow size_t", d);
    *of_parts = z;
    return SNNK_OK;
}

/* drawn: a redraw can change it. */
static void add_parameter(snnk__block_learner *s, bool learns, bool drawn, int32_t part,
                          size_t block, size_t count, float *value) {
    if (!learns && !drawn) return;
    s->parameters[s->base.n_parameters++] =
        (snnk__parameter){.layer = s->layer,
                          .part = part,
                          .block = block,
                          .count = count,
                          .drawn = drawn,
                          .value = value,
                          .gradient = s->gradients + (value - s->values)};
}

/* The arrays in the order rows, offsets, Psi, bias. */
static int create_values(snnk__block_learner *s, snnk__parts learn) {
    const snnk_allocator *allocator = &s->base.allocator;
    const bool dense = !s->layer->kind->map;
    const int32_t rows = dense ? SNNK_PART_WEIGHTS : SNNK_PART_ROWS,
                  offsets = dense ? SNNK_PART_BIAS : SNNK_PART_OFFSETS;
    sizes z;
    int st;

    if ((st = count_sizes(s, learn, &z)) != SNNK_OK) return st;
    st = snnk__alloc_zero(allocator, z.all, sizeof *s->values, "weights to learn", &s->values);
    if (st == SNNK_OK && learn)
        st = snnk__alloc_zero(allocator, z.all, sizeof *s->gradients, "gradients", &s->gradients);
    if (st != SNNK_OK) return st;
    if (z.rows > 0) {
        s->G_value = s->values;
        s->offsets = s->values + z.rows;
    }
    s->Psi_value = s->values + z.rows + z.offsets;
    s->bias = s->Psi_value + z.weights;
    s->drawn = (learn & SNNK__PARTS_DRAWN) != 0;
    s->learns_rows = z.rows > 0 && snnk__parts_has(learn, rows);
    s->learns_offsets = z.rows > 0 && snnk__parts_has(learn, offsets);
    s->learns_weights = s->reads_out && snnk__parts_has(learn, SNNK_PART_WEIGHTS);
    s->learns_bias = s->reads_out && snnk__parts_has(learn, SNNK_PART_BIAS);
    return SNNK_OK;
}

/* List the arrays that learn: rows and offsets of each block that has rows, Psi, bias. */
static int create_parameters(snnk__block_learner *s) {
    const size_t d = s->base.inputs, l = s->base.outputs, m = s->layer->columns;
    const bool dense = !s->layer->kind->map;
    int st;

    st = snnk__alloc(&s->base.allocator, 2 * s->n_blocks + 2, sizeof *s->parameters,
                     "arrays that learn", &s->parameters);
    if (st != SNNK_OK) return st;
    s->base.parameters = s->parameters;
    for (size_t p = 0; p < s->n_blocks; p++) {
        const snnk__learning_block *block = &s->blocks[p];
        const size_t rows = block->block.rows;

        if (!block->learns) continue;
        add_parameter(s, s->learns_rows, s->drawn, dense ? SNNK_PART_WEIGHTS : SNNK_PART_ROWS, p,
                      rows * d, s->G_value + block->row * d);
        add_parameter(s, s->learns_offsets, s->drawn, dense ? SNNK_PART_BIAS : SNNK_PART_OFFSETS, p,
                      rows, s->offsets + block->row);
    }
    add_parameter(s, s->learns_weights, false, SNNK_PART_WEIGHTS, 0, m * l, s->Psi_value);
    add_parameter(s, s->learns_bias, false, SNNK_PART_BIAS, 0, l, s->bias);
    return SNNK_OK;
}

static void set_weights(snnk__learner *learner, const float *W, const double *bias) {
    snnk__block_learner *s = (snnk__block_learner *)learner;
    const size_t d = learner->inputs, l = learner->outputs, m = s->layer->columns;
    float *const to_bias = s->reads_out ? s->bias : s->offsets;

    if (!s->reads_out) memcpy(s->G_value, W, l * d * sizeof *W);
    for (size_t o = 0; o < l; o++) {
        for (size_t j = 0; s->reads_out && j < m; j++) s->Psi_value[j * l + o] = W[o * m + j];
        to_bias[o] = (float)bias[o];
    }
}

/* Copy the rows and offsets of a map into the arrays. */
static int read_rows(snnk__block_learner *s, const snnk_map *map) {
    const snnk_allocator *allocator = &s->base.allocator;
    const size_t d = s->base.inputs;
    float *work = NULL;
    int st = snnk__alloc(allocator, snnk__map_work(map), sizeof *work, "a row", &work);

    for (size_t b = 0, row = 0; st == SNNK_OK && b < map->n_blocks; b++)
        for (size_t i = 0; i < map->blocks[b]->linear.rows; i++, row++)
            s->offsets[row] =
                (float)snnk__map_block_get_row(map->blocks[b], i, s->G_value + row * d, work);
    snnk__free(allocator, work);
    return st;
}

/* Copy the layer's numbers into the arrays. */
static int read_values(snnk__block_learner *s) {
    const snnk_allocator *allocator = &s->base.allocator;
    const snnk_map *map = s->layer->kind->map ? s->layer->kind->map(s->layer) : NULL;
    float *W = NULL;
    double *bias;
    int st = s->G_value && map ? read_rows(s, map) : SNNK_OK;

    if (st == SNNK_OK && s->layer->kind->weights)
        st = snnk__layer_copy_weights(s->layer, allocator, &W, &bias);
    if (st == SNNK_OK && W && (s->reads_out || s->G_value)) set_weights(&s->base, W, bias);
    snnk__free(allocator, W);
    return st;
}

static int create_readout(snnk__block_learner *s) {
    const snnk_allocator *allocator = &s->base.allocator;
    const size_t l = s->base.outputs, m = s->features;
    int st;

    if (!s->reads_out) return SNNK_OK;
    st = snnk__panels_create_in(allocator, l, m, s->products, snnk__kernels_get()->readout_shape,
                                "weights", &s->Psi);
    if (st != SNNK_OK) return st;
    /* Of whole chunks of columns, which begin on a cache line if dY does. */
    s->n_pieces = (l - 1) / SNNK__MOST_PIECE + 1;
    s->piece = ((l - 1) / s->n_pieces / SNNK__ROW_CHUNK + 1) * SNNK__ROW_CHUNK;
    s->n_pieces = (l - 1) / s->piece + 1;
    st = snnk__alloc_zero(allocator, s->n_pieces, sizeof *s->pieces, "weights", &s->pieces);
    for (size_t k = 0; st == SNNK_OK && k < s->n_pieces; k++)
        st = snnk__panels_create_in(allocator, m, snnk__min_size(s->piece, l - k * s->piece),
                                    s->products, snnk__kernels_get()->projection_shape(m),
                                    "weights", &s->pieces[k]);
    return st;
}

/* Count the floats of a record and of scratch for each row. */
static int count_floats(snnk__block_learner *s) {
    const size_t m = s->features;
    size_t partial;

    s->bare = !s->reads_out && s->n_blocks == 1 && !s->blocks[0].block.mix &&
              snnk__function_is_identity(&s->blocks[0].block.function);
    if (s->bare) return SNNK_OK;
    s->base.record = s->rows;
    if (s->reads_out && !snnk__add_size(s->base.record, m + 1, &s->base.record))
        return snnk__fail(SNNK_E_SIZE, "%zu features overflow size_t", m);
    /* Scratch: dPhi of each piece, the same unmixed, dZ. */
    if (!snnk__mul_size(s->reads_out ? s->n_pieces + 1 : 1, m, &partial) ||
        !snnk__add_size(partial, s->rows, &s->base.scratch))
        return snnk__fail(SNNK_E_SIZE, "%zu features overflow size_t", m);
    return SNNK_OK;
}

/* Pack pieces of Psi. */
static void pack_pieces(size_t first, size_t count, void *scratch, void *context) {
    snnk__block_learner *s = context;
    const size_t l = s->base.outputs, m = s->features;

    (void)scratch;
    for (size_t k = first; k < first + count; k++) {
        const float *values = s->Psi_value + k * s->piece;

        snnk__panels_set_columns(&s->Psi, k * s->piece, s->pieces[k].columns, s->Psi_value, l);
        snnk__panels_set_rows(&s->pieces[k], 0, m, values, l);
    }
}

/* The rows of G of one block, and where they are packed. */
typedef struct rows_to_pack {
    snnk__learning_block *to;
    const float *G;
    size_t d;
} rows_to_pack;

static void pack_rows(size_t first, size_t count, void *scratch, void *context) {
    const rows_to_pack *of = context;

    (void)scratch;
    snnk__panels_set_rows(&of->to->G, first, count, of->G + first * of->d, of->d);
}

static void pack_columns(size_t first, size_t count, void *scratch, void *context) {
    const rows_to_pack *of = context;

    (void)scratch;
    snnk__panels_set_columns(&of->to->back, first, count, of->G, of->d);
}

static void refresh(snnk__learner *learner, snnk_workspace *workspace) {
    snnk__block_learner *s = (snnk__block_learner *)learner;
    const size_t d = learner->inputs;

    for (size_t p = 0; p < s->n_blocks; p++) {
        rows_to_pack of = {&s->blocks[p], s->G_value + s->blocks[p].row * d, d};

        if (!of.to->learns) continue;
        snnk__for_rows(workspace, NULL, of.to->block.rows, 0, pack_rows, &of);
        snnk__for_rows(workspace, NULL, d, 0, pack_columns, &of);
    }
    if (s->reads_out) snnk__for_rows(workspace, NULL, s->n_pieces, 0, pack_pieces, s);
}

static int redraw(snnk__learner *learner, uint64_t seed) {
    snnk__block_learner *s = (snnk__block_learner *)learner;
    snnk_map *map = NULL;
    int st = snnk_map_redraw(s->layer->kind->map(s->layer), seed, 0, NULL, 0, &map);

    if (st == SNNK_OK) st = read_rows(s, map);
    if (st == SNNK_OK) refresh(learner, NULL);
    snnk_map_free(map);
    return st;
}

/* ---- Writing a layer ---- */

static int write_layer(const snnk__learner *learner, snnk_layer **layer) {
    const snnk__block_learner *s = snnk__block_learner_of(learner);
    const size_t d = learner->inputs, l = learner->outputs, m = s->layer->columns;
    float *W = NULL;
    double *bias = NULL;
    int st = SNNK_OK;

    if (learner->n_parameters == 0) {
        *layer = snnk_layer_retain(s->layer);
        return SNNK_OK;
    }
    snnk__layer_numbers numbers = {.G = s->G_value, .offsets = s->offsets, .ldw = m};

    if (s->layer->kind->weights) {
        st = snnk__layer_copy_weights(s->layer, &learner->allocator, &W, &bias);
        if (st != SNNK_OK) return st;
        numbers.W = W;
        numbers.bias.f64 = bias;
    }
    const float *learnt = s->reads_out ? s->bias : s->offsets;
    const bool dense = !s->layer->kind->map,
               has_bias = s->reads_out ? s->learns_bias : dense && s->learns_offsets;

    if (bias && has_bias) /* otherwise all the digits of the layer's own */
        for (size_t o = 0; o < l; o++) bias[o] = (double)learnt[o];
    for (size_t o = 0; W && s->reads_out && o < l; o++)
        for (size_t j = 0; j < m; j++) W[o * m + j] = s->Psi_value[j * l + o];
    if (W && dense) memcpy(W, s->G_value, l * d * sizeof *W);
    st = s->layer->kind->replace(s->layer, &numbers, layer);
    snnk__free(&learner->allocator, W);
    return st;
}

static const snnk__learner_form block_form = {.free = learner_free,
                                              .forward = snnk__block_forward,
                                              .backward = snnk__block_backward,
                                              .refresh = refresh,
                                              .set_weights = set_weights,
                                              .redraw = redraw,
                                              .layer = write_layer};

int snnk__block_learner_create(const snnk_layer *layer, snnk__parts learn, int32_t products,
                               const snnk_allocator *allocator, snnk__learner **learner) {
    snnk__block_learner *s;
    int st = snnk__alloc_zero(allocator, 1, sizeof *s, "a layer that learns", &s);

    if (st != SNNK_OK) return st;
    s->base = (snnk__learner){.form = &block_form,
                              .allocator = *allocator,
                              .inputs = layer->inputs,
                              .outputs = layer->outputs};
    s->layer = snnk_layer_retain(layer);
    s->products = products;
    s->reads_out = layer->kind->map && layer->kind->weights;
    if ((st = create_values(s, learn)) != SNNK_OK) goto done;
    if ((st = read_values(s)) != SNNK_OK) goto done;
    if ((st = create_parts(s)) != SNNK_OK) goto done;
    if ((st = create_parameters(s)) != SNNK_OK) goto done;
    if ((st = create_readout(s)) != SNNK_OK) goto done;
    if ((st = count_floats(s)) != SNNK_OK) goto done;
    refresh(&s->base, NULL);
    *learner = &s->base;
    s = NULL;
done:
    snnk__learner_free(s ? &s->base : NULL);
    return st;
}
