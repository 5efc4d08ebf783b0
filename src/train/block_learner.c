/* Layers of blocks of projections that learn: dense, SNNK, tower.
 *
 *     Z = X G^T + c,   Phi = h(Z), mixed where a block mixes,   Y = Phi Psi^T + bias
 *
 * A dense layer and a tower have no Psi: Y = Phi. Gradients, dY given:
 *
 *     dPsi = dY^T Phi,   dPhi = dY Psi,   dZ = dPhi h'(Z),   dG = dZ^T X,   dX = dZ G
 *
 * Threads divide the columns of dY, and then those of X, so that each number of a gradient is
 * summed by one thread over the rows in order: the same bits for every number of threads. Psi and
 * its gradient are kept transposed (m x l), with the bias as a last row, for which Phi has a last
 * column of ones. */
#include <string.h>

#include "base/size.h"
#include "kernels/backward.h"
#include "train/learner.h"

/* Columns of dY that one thread takes at a time. The sums over them that make dPhi are kept apart,
 * and added in order. */
enum { PIECE = 384 };

/* Rows that are computed together in a forward pass: a multiple of those of a tile. */
enum { FORWARD_ROWS = 96 };

typedef struct part {
    snnk__block block;   /* as the forward pass takes it */
    size_t row, feature; /* the first of its projections and features in the layer */
    size_t features;     /* unmixed */
    bool learns;         /* its rows and offsets */
    snnk__panels G;      /* if it learns: r x d */
    snnk__panels back;   /* d x r: G transposed; empty for a diagonal */
    snnk__panels unmix;  /* the mixing matrix transposed; empty if there is none */
    const float *diagonal;
} part;

typedef struct block_learner {
    snnk__learner base;
    snnk_layer *layer;
    size_t rows, features; /* of all blocks; the features that Psi multiplies */
    size_t n_parts;
    part *parts;
    bool reads_out;   /* there is a Psi */
    bool bare;        /* Y = Z: nothing is recorded */
    snnk__panels Psi; /* l x m */
    size_t n_pieces;
    snnk__panels *pieces; /* m x PIECE: parts of Psi transposed, for dPhi */
    float *values;        /* of all parameters */
    float *gradients;
    float *Psi_value, *bias;  /* m x l, l: in `values`, also if they do not learn */
    float *G_value, *offsets; /* rows x d, rows: in `values`; NULL if neither learns */
    snnk__parameter parameters[4];
} block_learner;

static const block_learner *of(const snnk__learner *learner) {
    return (const block_learner *)learner;
}

/* ---- Creating ---- */

static void learner_free(snnk__learner *learner) {
    block_learner *s = (block_learner *)learner;
    const snnk_allocator *allocator = &learner->allocator;

    for (size_t p = 0; s->parts && p < s->n_parts; p++) {
        snnk__panels_free(allocator, &s->parts[p].G);
        snnk__panels_free(allocator, &s->parts[p].back);
        snnk__panels_free(allocator, &s->parts[p].unmix);
    }
    for (size_t k = 0; s->pieces && k < s->n_pieces; k++)
        snnk__panels_free(allocator, &s->pieces[k]);
    snnk__panels_free(allocator, &s->Psi);
    snnk__free(allocator, s->parts);
    snnk__free(allocator, s->pieces);
    snnk__free(allocator, s->values);
    snnk__free(allocator, s->gradients);
    snnk_layer_free(s->layer);
}

/* Set `to` to the transpose of M, read row by row. */
static int transpose(const snnk_allocator *allocator, const snnk__panels *M, snnk__panels *to) {
    float *values = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(M->rows, M->columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu numbers overflow size_t", M->rows, M->columns);
    st = snnk__alloc(allocator, count, sizeof *values, "weights", &values);
    if (st == SNNK_OK)
        st = snnk__panels_create(allocator, M->columns, M->rows, snnk__kernels_get()->readout_shape,
                                 "weights", to);
    if (st == SNNK_OK) {
        for (size_t i = 0; i < M->rows; i++) snnk__panels_get_row(M, i, values + i * M->columns);
        snnk__panels_set_columns(to, values, M->columns);
    }
    snnk__free(allocator, values);
    return st;
}

/* Set `to` to the transpose of the rows of a linear part that has no panels. */
static int transpose_rows(const snnk_allocator *allocator, const snnk__map_block *block,
                          snnk__panels *to) {
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
        st = snnk__panels_create(allocator, d, r, snnk__kernels_get()->readout_shape, "rows", to);
    if (st == SNNK_OK) {
        for (size_t i = 0; i < r; i++) snnk__map_block_get_row(block, i, values + i * d, work);
        snnk__panels_set_columns(to, values, d);
    }
    snnk__free(allocator, work);
    snnk__free(allocator, values);
    return st;
}

static int create_part(block_learner *s, const snnk__block *block, const snnk__map_block *of_map,
                       part *p) {
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
        st = snnk__panels_create(allocator, block->rows, d, snnk__kernels_get()->projection_shape,
                                 "rows", &p->G);
        if (st == SNNK_OK)
            st = snnk__panels_create(allocator, d, block->rows, snnk__kernels_get()->readout_shape,
                                     "rows", &p->back);
        p->block.G = &p->G;
        p->block.offset = s->offsets + p->row;
    } else if (block->diagonal) {
        p->diagonal = block->diagonal;
    } else if (block->G) {
        st = transpose(allocator, block->G, &p->back);
    } else {
        st = transpose_rows(allocator, of_map, &p->back);
    }
    if (st == SNNK_OK && p->block.mix) st = transpose(allocator, p->block.mix, &p->unmix);
    return st;
}

static int create_parts(block_learner *s) {
    const snnk_map *map = s->layer->kind->map ? s->layer->kind->map(s->layer) : NULL;
    const snnk__block *blocks = s->layer->kind->blocks(s->layer, &s->n_parts);
    int st;

    st = snnk__alloc_zero(&s->base.allocator, s->n_parts, sizeof *s->parts, "blocks", &s->parts);
    s->rows = s->features = 0;
    for (size_t p = 0; st == SNNK_OK && p < s->n_parts; p++)
        st = create_part(s, &blocks[p], map ? map->blocks[p] : NULL, &s->parts[p]);
    return st;
}

/* How many numbers each part of the layer has. */
typedef struct sizes {
    size_t weights, bias, rows, offsets, all;
} sizes;

static int count_sizes(const block_learner *s, snnk__parts learn, sizes *of_parts) {
    const size_t d = s->base.inputs, l = s->base.outputs;
    size_t rows = 0, n;
    const snnk__block *blocks = s->layer->kind->blocks(s->layer, &n);
    sizes z = {0};

    for (size_t b = 0; b < n; b++) rows += blocks[b].rows;
    const bool dense = !s->layer->kind->map;
    const bool learns_rows = snnk__parts_has(learn, dense ? SNNK_PART_WEIGHTS : SNNK_PART_ROWS),
               learns_offsets = snnk__parts_has(learn, dense ? SNNK_PART_BIAS : SNNK_PART_OFFSETS);
    bool fits = true;

    /* The rows and offsets of all blocks are kept if one of both learns. */
    if (learns_rows || learns_offsets) {
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

static void add_parameter(block_learner *s, bool learns, int32_t which, size_t count,
                          float *value) {
    if (!learns || count == 0) return;
    s->parameters[s->base.n_parameters++] =
        (snnk__parameter){.layer = s->layer,
                          .part = which,
                          .count = count,
                          .value = value,
                          .gradient = s->gradients + (value - s->values)};
}

/* The arrays in the order rows, offsets, Psi, bias. */
static int create_values(block_learner *s, snnk__parts learn) {
    const snnk_allocator *allocator = &s->base.allocator;
    const bool dense = !s->layer->kind->map;
    sizes z;
    int st;

    if ((st = count_sizes(s, learn, &z)) != SNNK_OK) return st;
    st = snnk__alloc_zero(allocator, z.all, sizeof *s->values, "weights to learn", &s->values);
    if (st == SNNK_OK)
        st = snnk__alloc_zero(allocator, z.all, sizeof *s->gradients, "gradients", &s->gradients);
    if (st != SNNK_OK) return st;
    if (z.rows > 0) {
        s->G_value = s->values;
        s->offsets = s->values + z.rows;
    }
    s->Psi_value = s->values + z.rows + z.offsets;
    s->bias = s->Psi_value + z.weights;
    s->base.parameters = s->parameters;
    if (dense) {
        add_parameter(s, snnk__parts_has(learn, SNNK_PART_WEIGHTS), SNNK_PART_WEIGHTS, z.rows,
                      s->G_value);
        add_parameter(s, snnk__parts_has(learn, SNNK_PART_BIAS), SNNK_PART_BIAS, z.offsets,
                      s->offsets);
        return SNNK_OK;
    }
    add_parameter(s, snnk__parts_has(learn, SNNK_PART_ROWS), SNNK_PART_ROWS, z.rows, s->G_value);
    add_parameter(s, snnk__parts_has(learn, SNNK_PART_OFFSETS), SNNK_PART_OFFSETS, z.offsets,
                  s->offsets);
    add_parameter(s, snnk__parts_has(learn, SNNK_PART_WEIGHTS), SNNK_PART_WEIGHTS, z.weights,
                  s->Psi_value);
    add_parameter(s, snnk__parts_has(learn, SNNK_PART_BIAS), SNNK_PART_BIAS, z.bias, s->bias);
    return SNNK_OK;
}

static void set_weights(snnk__learner *learner, const float *W, const double *bias) {
    block_learner *s = (block_learner *)learner;
    const size_t d = learner->inputs, l = learner->outputs, m = s->layer->columns;
    float *const to_bias = s->reads_out ? s->bias : s->offsets;

    if (!s->reads_out) memcpy(s->G_value, W, l * d * sizeof *W);
    for (size_t o = 0; o < l; o++) {
        for (size_t j = 0; s->reads_out && j < m; j++) s->Psi_value[j * l + o] = W[o * m + j];
        to_bias[o] = (float)bias[o];
    }
}

/* Copy the layer's numbers into the arrays. */
static int read_values(block_learner *s) {
    const snnk_allocator *allocator = &s->base.allocator;
    const size_t d = s->base.inputs;
    const snnk_map *map = s->layer->kind->map ? s->layer->kind->map(s->layer) : NULL;
    float *W = NULL, *work = NULL;
    double *bias;
    int st = SNNK_OK;

    if (s->G_value && map) {
        st = snnk__alloc(allocator, snnk__map_work(map), sizeof *work, "a row", &work);
        for (size_t b = 0, row = 0; st == SNNK_OK && b < map->n_blocks; b++)
            for (size_t i = 0; i < map->blocks[b]->linear.rows; i++, row++)
                s->offsets[row] =
                    (float)snnk__map_block_get_row(map->blocks[b], i, s->G_value + row * d, work);
    }
    if (st == SNNK_OK && s->layer->kind->weights)
        st = snnk__layer_copy_weights(s->layer, allocator, &W, &bias);
    if (st == SNNK_OK && W && (s->reads_out || s->G_value)) set_weights(&s->base, W, bias);
    snnk__free(allocator, W);
    snnk__free(allocator, work);
    return st;
}

static int create_readout(block_learner *s) {
    const snnk_allocator *allocator = &s->base.allocator;
    const size_t l = s->base.outputs, m = s->features;
    int st;

    if (!s->reads_out) return SNNK_OK;
    st = snnk__panels_create(allocator, l, m, snnk__kernels_get()->readout_shape, "weights",
                             &s->Psi);
    if (st != SNNK_OK) return st;
    s->n_pieces = (l - 1) / PIECE + 1;
    st = snnk__alloc_zero(allocator, s->n_pieces, sizeof *s->pieces, "weights", &s->pieces);
    for (size_t k = 0; st == SNNK_OK && k < s->n_pieces; k++)
        st = snnk__panels_create(allocator, m, snnk__min_size(PIECE, l - k * PIECE),
                                 snnk__kernels_get()->projection_shape, "weights", &s->pieces[k]);
    return st;
}

/* Count the floats of a record and of scratch for each row. */
static int count_floats(block_learner *s) {
    const size_t m = s->features;
    size_t partial;

    s->bare = !s->reads_out && s->n_parts == 1 && !s->parts[0].block.mix &&
              snnk__function_is_identity(&s->parts[0].block.function);
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

static void refresh(snnk__learner *learner) {
    block_learner *s = (block_learner *)learner;
    const size_t d = learner->inputs, l = learner->outputs, m = s->features;

    for (size_t p = 0; p < s->n_parts; p++) {
        part *of_part = &s->parts[p];
        const float *G = s->G_value + of_part->row * d;

        if (!of_part->learns) continue;
        for (size_t i = 0; i < of_part->block.rows; i++)
            snnk__panels_set_row(&of_part->G, i, G + i * d);
        snnk__panels_set_columns(&of_part->back, G, d);
    }
    if (!s->reads_out) return;
    snnk__panels_set_columns(&s->Psi, s->Psi_value, l);
    for (size_t k = 0; k < s->n_pieces; k++)
        for (size_t j = 0; j < m; j++)
            snnk__panels_set_row(&s->pieces[k], j, s->Psi_value + j * l + k * PIECE);
}

/* ---- Forward ---- */

typedef struct forward_pass {
    const block_learner *s;
    const snnk__pass *pass;
    float *Z, *Phi, *Y; /* Z: in the record, or Y if bare. Phi: in the record, or Y */
    size_t ldz, ldphi, ldy;
} forward_pass;

static size_t thread_floats(const block_learner *s) {
    size_t work = 0, mixed = 0;

    for (size_t p = 0; p < s->n_parts; p++) {
        work = snnk__max_size(work, snnk__project_work(&s->parts[p].block));
        if (s->parts[p].block.mix) mixed = snnk__max_size(mixed, s->parts[p].features);
    }
    return work + FORWARD_ROWS * mixed;
}

/* Compute the features of one block for a few rows. */
static void part_features(const forward_pass *f, const part *p, size_t first, size_t n,
                          float *work) {
    const snnk__pass *pass = f->pass;
    const float *X = pass->X + first * pass->ldx;
    const size_t d = f->s->base.inputs;
    float *Z = f->Z + first * f->ldz + p->row, *Phi = f->Phi + first * f->ldphi + p->feature;

    snnk__project_only(n, X, pass->ldx, d, &p->block, Z, f->ldz, work);
    if (f->s->bare) return;
    if (!p->block.mix) {
        snnk__apply(n, X, pass->ldx, d, &p->block, Z, f->ldz, Phi, f->ldphi);
        return;
    }
    float *unmixed = work + snnk__project_work(&p->block);

    snnk__apply(n, X, pass->ldx, d, &p->block, Z, f->ldz, unmixed, p->features);
    snnk__readout(n, unmixed, p->features, p->block.mix, true, NULL, Phi, f->ldphi);
}

static void forward_rows(size_t begin, size_t count, void *scratch, void *context) {
    const forward_pass *f = context;
    const block_learner *s = f->s;

    for (size_t i = begin; i < begin + count; i += FORWARD_ROWS) {
        const size_t n = snnk__min_size(FORWARD_ROWS, begin + count - i);

        for (size_t p = 0; p < s->n_parts; p++) part_features(f, &s->parts[p], i, n, scratch);
        if (!s->reads_out) continue;
        for (size_t t = i; t < i + n; t++) f->Phi[t * f->ldphi + s->features] = 1;
        snnk__readout(n, f->Phi + i * f->ldphi, f->ldphi, &s->Psi, true, s->bias, f->Y + i * f->ldy,
                      f->ldy);
    }
}

static forward_pass forward_of(const snnk__learner *learner, const snnk__pass *pass, float *Y,
                               size_t ldy) {
    const block_learner *s = of(learner);
    forward_pass f = {
        .s = s, .pass = pass, .Z = Y, .Phi = Y, .Y = Y, .ldz = ldy, .ldphi = ldy, .ldy = ldy};

    if (s->bare) return f;
    f.Z = pass->record;
    f.ldz = s->rows;
    if (s->reads_out) {
        f.Phi = f.Z + pass->n * f.ldz;
        f.ldphi = s->features + 1;
    }
    return f;
}

static int forward(const snnk__learner *learner, const snnk__pass *pass, float *Y, size_t ldy) {
    forward_pass f = forward_of(learner, pass, Y, ldy);

    return snnk__for_rows(pass->workspace, &learner->allocator, pass->n,
                          thread_floats(f.s) * sizeof(float), forward_rows, &f);
}

/* ---- Backward ---- */

typedef struct backward_pass {
    const block_learner *s;
    const snnk__pass *pass;
    const float *Z, *Phi; /* of the record */
    size_t ldphi;
    const float *dY;
    size_t lddy;
    float *dX; /* NULL: not wanted */
    size_t lddx;
    float *partial;  /* n_pieces times n x m: sums over pieces of dY Psi */
    float *unmixed;  /* n x m */
    const float *dZ; /* n x rows; dY if bare */
    float *dZ_scratch;
    size_t lddz;
    bool wants_z;                                        /* something needs dZ */
    float *Psi_gradient, *G_gradient, *offsets_gradient; /* NULL: does not learn */
} backward_pass;

/* For each piece of the outputs: the gradient of Psi, and its part of dPhi. */
static void back_through_readout(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const block_learner *s = b->s;
    const size_t m = s->features, l = s->base.outputs, n = b->pass->n;

    (void)scratch;
    for (size_t k = first; k < first + count; k++)
        for (size_t i = 0; i < n; i += SNNK__BACK_ROWS) {
            const size_t rows = snnk__min_size(SNNK__BACK_ROWS, n - i),
                         columns = s->pieces[k].columns;
            const float *dY = b->dY + i * b->lddy + k * PIECE;

            if (b->wants_z)
                snnk__kernels_get()->project(rows, dY, b->lddy, &s->pieces[k], NULL, 0, m,
                                             b->partial + (k * n + i) * m, m);
            if (b->Psi_gradient)
                snnk__correlate(rows, m + 1, columns, b->Phi + i * b->ldphi, b->ldphi, dY, b->lddy,
                                b->Psi_gradient + k * PIECE, l);
        }
}

/* Set dZ of some rows. */
static void back_through_function(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const block_learner *s = b->s;
    const snnk__pass *pass = b->pass;
    const size_t m = s->features, n = pass->n;
    const float *back = s->reads_out ? b->partial + first * m : b->dY + first * b->lddy;
    const size_t ldback = s->reads_out ? m : b->lddy;

    (void)scratch;
    for (size_t k = 1; s->reads_out && k < s->n_pieces; k++)
        for (size_t i = first * m; i < (first + count) * m; i++)
            b->partial[i] += b->partial[k * n * m + i];
    for (size_t p = 0; p < s->n_parts; p++) {
        const part *of_part = &s->parts[p];
        const float *from = back + of_part->feature;
        size_t ld = ldback;

        if (of_part->block.mix) {
            float *unmixed = b->unmixed + first * m + of_part->feature;

            snnk__readout(count, from, ld, &of_part->unmix, true, NULL, unmixed, m);
            from = unmixed;
            ld = m;
        }
        snnk__block_slopes(&of_part->block, count, pass->X + first * pass->ldx, pass->ldx,
                           s->base.inputs, b->Z + first * s->rows + of_part->row, s->rows, from, ld,
                           b->dZ_scratch + first * s->rows + of_part->row, s->rows);
    }
}

/* Set columns first ... first+count-1 of dX for some rows. */
static void back_to_columns(const backward_pass *b, size_t i, size_t rows, size_t first,
                            size_t count) {
    for (size_t p = 0; p < b->s->n_parts; p++) {
        const part *of_part = &b->s->parts[p];
        const float *dZ = b->dZ + i * b->lddz + of_part->row;
        float *dX = b->dX + i * b->lddx;

        if (!of_part->diagonal) {
            snnk__readout_some(rows, dZ, b->lddz, &of_part->back, first, count, p == 0, NULL, dX,
                               b->lddx);
            continue;
        }
        for (size_t t = 0; t < rows; t++)
            for (size_t k = first; k < first + count; k++)
                dX[t * b->lddx + k] =
                    (p == 0 ? 0 : dX[t * b->lddx + k]) + of_part->diagonal[k] * dZ[t * b->lddz + k];
    }
}

/* For chunks of the inputs: the gradient of G, and dX. */
static void back_through_projection(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const block_learner *s = b->s;
    const snnk__pass *pass = b->pass;
    const size_t d = s->base.inputs, begin = first * SNNK__ROW_CHUNK,
                 columns = snnk__min_size(count * SNNK__ROW_CHUNK, d - begin);

    (void)scratch;
    for (size_t i = 0; i < pass->n; i += SNNK__BACK_ROWS) {
        const size_t rows = snnk__min_size(SNNK__BACK_ROWS, pass->n - i);

        for (size_t p = 0; b->G_gradient && p < s->n_parts; p++) {
            const part *of_part = &s->parts[p];

            if (of_part->learns)
                snnk__correlate(rows, of_part->block.rows, columns,
                                b->dZ + i * b->lddz + of_part->row, b->lddz,
                                pass->X + i * pass->ldx + begin, pass->ldx,
                                b->G_gradient + of_part->row * d + begin, d);
        }
        if (b->dX) back_to_columns(b, i, rows, begin, columns);
    }
}

static void back_through_offsets(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const block_learner *s = b->s;

    (void)scratch;
    for (size_t p = 0; p < s->n_parts; p++) {
        const size_t begin = snnk__max_size(first * SNNK__ROW_CHUNK, s->parts[p].row),
                     end = snnk__min_size((first + count) * SNNK__ROW_CHUNK,
                                          s->parts[p].row + s->parts[p].block.rows);

        if (s->parts[p].learns && begin < end)
            snnk__add_columns(b->pass->n, end - begin, b->dZ + begin, b->lddz,
                              b->offsets_gradient + begin);
    }
}

/* Add to dX what passes through |x|^2. */
static void back_through_norms(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const block_learner *s = b->s;
    const snnk__pass *pass = b->pass;
    const size_t m = s->features;

    (void)scratch;
    for (size_t p = 0; p < s->n_parts; p++) {
        const part *of_part = &s->parts[p];
        const float *back = s->reads_out ? b->partial : b->dY;
        size_t ld = s->reads_out ? m : b->lddy;

        if (!snnk__block_has_norm(&of_part->block)) continue;
        if (of_part->block.mix) {
            back = b->unmixed;
            ld = m;
        }
        snnk__block_add_norm(&of_part->block, count, pass->X + first * pass->ldx, pass->ldx,
                             s->base.inputs, b->Z + first * s->rows + of_part->row, s->rows,
                             back + first * ld + of_part->feature, ld, b->dX + first * b->lddx,
                             b->lddx);
    }
}

static float *gradient_of(const block_learner *s, int32_t which) {
    for (size_t k = 0; k < s->base.n_parameters; k++)
        if (s->parameters[k].part == which) return s->parameters[k].gradient;
    return NULL;
}

static backward_pass backward_of(const snnk__learner *learner, const snnk__pass *pass) {
    const block_learner *s = of(learner);
    const bool dense = !s->layer->kind->map;
    backward_pass b = {.s = s, .pass = pass, .Z = pass->record, .ldphi = s->features + 1};

    b.Phi = b.Z + (s->bare ? 0 : pass->n * s->rows);
    b.G_gradient = gradient_of(s, dense ? SNNK_PART_WEIGHTS : SNNK_PART_ROWS);
    b.offsets_gradient = gradient_of(s, dense ? SNNK_PART_BIAS : SNNK_PART_OFFSETS);
    /* The bias is the last row of Psi: both gradients are computed if one is wanted. */
    if (s->reads_out && (gradient_of(s, SNNK_PART_WEIGHTS) || gradient_of(s, SNNK_PART_BIAS)))
        b.Psi_gradient = s->gradients + (s->Psi_value - s->values);
    return b;
}

/* How many chunks of columns a matrix has. */
static size_t chunks(size_t columns) { return (columns + SNNK__ROW_CHUNK - 1) / SNNK__ROW_CHUNK; }

/* No stage needs scratch of a thread's own, so none can fail. */
static int backward(const snnk__learner *learner, const snnk__pass *pass, const float *dY,
                    size_t lddy, float *dX, size_t lddx, float *scratch) {
    const block_learner *s = of(learner);
    snnk_workspace *workspace = pass->workspace;
    const size_t n = pass->n, d = learner->inputs, m = s->features;
    backward_pass b = backward_of(learner, pass);
    bool norms = false;

    b.dY = dY, b.lddy = lddy, b.dX = dX, b.lddx = lddx;
    b.wants_z = dX || b.G_gradient || b.offsets_gradient;
    b.dZ = dY, b.lddz = lddy;
    if (!s->bare) {
        b.partial = scratch;
        b.unmixed = scratch + (s->reads_out ? s->n_pieces * n * m : 0);
        b.dZ = b.dZ_scratch = b.unmixed + n * m;
        b.lddz = s->rows;
    }
    if (s->reads_out) snnk__for_rows(workspace, NULL, s->n_pieces, 0, back_through_readout, &b);
    if (!b.wants_z) return SNNK_OK;
    if (!s->bare) snnk__for_rows(workspace, NULL, n, 0, back_through_function, &b);
    if (dX || b.G_gradient)
        snnk__for_rows(workspace, NULL, chunks(d), 0, back_through_projection, &b);
    if (b.offsets_gradient)
        snnk__for_rows(workspace, NULL, chunks(s->rows), 0, back_through_offsets, &b);
    for (size_t p = 0; p < s->n_parts; p++) norms |= snnk__block_has_norm(&s->parts[p].block);
    if (dX && norms) snnk__for_rows(workspace, NULL, n, 0, back_through_norms, &b);
    return SNNK_OK;
}

/* ---- Writing a layer ---- */

static int write_layer(const snnk__learner *learner, snnk_layer **layer) {
    const block_learner *s = of(learner);
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
    const bool has_bias = gradient_of(s, SNNK_PART_BIAS) != NULL;

    if (has_bias) /* otherwise all the digits of the layer's own */
        for (size_t o = 0; o < l; o++) bias[o] = (double)learnt[o];
    for (size_t o = 0; s->reads_out && o < l; o++)
        for (size_t j = 0; j < m; j++) W[o * m + j] = s->Psi_value[j * l + o];
    if (!s->layer->kind->map) memcpy(W, s->G_value, l * d * sizeof *W);
    st = s->layer->kind->replace(s->layer, &numbers, layer);
    snnk__free(&learner->allocator, W);
    return st;
}

static const snnk__learner_form block_form = {.free = learner_free,
                                              .forward = forward,
                                              .backward = backward,
                                              .refresh = refresh,
                                              .set_weights = set_weights,
                                              .layer = write_layer};

int snnk__block_learner_create(const snnk_layer *layer, snnk__parts learn,
                               const snnk_allocator *allocator, snnk__learner **learner) {
    block_learner *s;
    int st = snnk__alloc_zero(allocator, 1, sizeof *s, "a layer that learns", &s);

    if (st != SNNK_OK) return st;
    s->base = (snnk__learner){.form = &block_form,
                              .allocator = *allocator,
                              .inputs = layer->inputs,
                              .outputs = layer->outputs};
    s->layer = snnk_layer_retain(layer);
    s->reads_out = layer->kind->map && layer->kind->weights;
    if ((st = create_values(s, learn)) != SNNK_OK) goto done;
    if ((st = read_values(s)) != SNNK_OK) goto done;
    if ((st = create_parts(s)) != SNNK_OK) goto done;
    if ((st = create_readout(s)) != SNNK_OK) goto done;
    if ((st = count_floats(s)) != SNNK_OK) goto done;
    refresh(&s->base);
    *learner = &s->base;
    s = NULL;
done:
    snnk__learner_free(s ? &s->base : NULL);
    return st;
}
