/* Passes through layers of blocks of projections. Gradients, dY given:
 *
 *     dPsi = dY^T Phi,   dPhi = dY Psi,   dZ = dPhi h'(Z),   dG = dZ^T X,   dX = dZ G
 *
 * Threads divide the columns of dY, and then those of X, so that each number of a gradient is
 * summed by one thread over the rows in order: the same bits for every number of threads. */
#include <string.h>

#include "base/size.h"
#include "kernels/backward.h"
#include "kernels/narrow_forward.h"
#include "train/block_learner.h"

/* Rows that are computed together in a forward pass: a multiple of those of a tile. */
enum { FORWARD_ROWS = 96 };

/* ---- Forward ---- */

typedef struct forward_pass {
    const snnk__block_learner *s;
    const snnk__pass *pass;
    float *Z, *Phi, *Y; /* Z: in the record, or Y if bare. Phi: in the record, or Y */
    size_t ldz, ldphi, ldy;
} forward_pass;

static size_t thread_floats(const snnk__block_learner *s) {
    size_t work = 0, mixed = 0;

    for (size_t p = 0; p < s->n_blocks; p++) {
        work = snnk__max_size(work, snnk__project_work(&s->blocks[p].block));
        if (s->blocks[p].block.mix) mixed = snnk__max_size(mixed, s->blocks[p].features);
    }
    return work + FORWARD_ROWS * mixed;
}

/* Compute the features of one block for a few rows. */
static void part_features(const forward_pass *f, const snnk__learning_block *p, size_t first,
                          size_t n, float *work) {
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
    const snnk__block_learner *s = f->s;

    for (size_t i = begin; i < begin + count; i += FORWARD_ROWS) {
        const size_t n = snnk__min_size(FORWARD_ROWS, begin + count - i);

        for (size_t p = 0; p < s->n_blocks; p++) part_features(f, &s->blocks[p], i, n, scratch);
        if (!s->reads_out) continue;
        for (size_t t = i; t < i + n; t++) f->Phi[t * f->ldphi + s->features] = 1;
        snnk__readout(n, f->Phi + i * f->ldphi, f->ldphi, &s->Psi, true, s->bias, f->Y + i * f->ldy,
                      f->ldy);
    }
}

static forward_pass forward_of(const snnk__learner *learner, const snnk__pass *pass, float *Y,
                               size_t ldy) {
    const snnk__block_learner *s = snnk__block_learner_of(learner);
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

int snnk__block_forward(const snnk__learner *learner, const snnk__pass *pass, float *Y,
                        size_t ldy) {
    forward_pass f = forward_of(learner, pass, Y, ldy);

    return snnk__for_rows(pass->workspace, &learner->allocator, pass->n,
                          thread_floats(f.s) * sizeof(float), forward_rows, &f);
}

/* ---- Backward ---- */

typedef struct backward_pass {
    const snnk__block_learner *s;
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

/* Pieces of dY whose rows are read twice while they are in the second-level cache. Measured: two
 * are read faster than one, whose rows are shorter; four leave less room for the gradient. */
enum { PIECES_AT_ONCE = 2 };

/* Set dPhi (n x m) = dY Psi, for one piece of the outputs. */
static void multiply_piece(size_t n, const float *dY, size_t lddy, const snnk__panels *piece,
                           float *dPhi) {
    const size_t m = piece->rows;

    if (snnk__panels_are_float(piece))
        snnk__kernels_get()->project(n, dY, lddy, piece, NULL, 0, m, dPhi, m);
    else
        snnk__narrow_multiply(n, dY, lddy, piece, 0, piece->columns, true, NULL, dPhi, m, NULL);
}

/* C += A^T B. */
static void correlate(const snnk__block_learner *s, size_t n, size_t rows, size_t columns,
                      const float *A, size_t lda, const float *B, size_t ldb, float *C,
                      size_t ldc) {
    if (s->products == SNNK_STORAGE_F32)
        snnk__correlate(n, rows, columns, A, lda, B, ldb, C, ldc);
    else
        snnk__narrow_get()->correlate(n, rows, columns, A, lda, B, ldb, C, ldc);
}

/* The gradient of Psi, and the parts of dPhi, from a few rows of some pieces of dY. */
static void back_through_pieces(const backward_pass *b, size_t i, size_t rows, size_t first,
                                size_t count) {
    const snnk__block_learner *s = b->s;
    const size_t m = s->features, l = s->base.outputs, n = b->pass->n,
                 columns = snnk__min_size(count * s->piece, l - first * s->piece);
    const float *dY = b->dY + i * b->lddy;

    for (size_t k = first; b->wants_z && k < first + count; k++)
        multiply_piece(rows, dY + k * s->piece, b->lddy, &s->pieces[k],
                       b->partial + (k * n + i) * m);
    if (b->Psi_gradient)
        correlate(s, rows, m + 1, columns, b->Phi + i * b->ldphi, b->ldphi, dY + first * s->piece,
                  b->lddy, b->Psi_gradient + first * s->piece, l);
}

static void back_through_readout(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const size_t n = b->pass->n;

    (void)scratch;
    for (size_t k = first, some; k < first + count; k += some) {
        some = snnk__min_size(PIECES_AT_ONCE, first + count - k);
        for (size_t i = 0; i < n; i += SNNK__BACK_ROWS)
            back_through_pieces(b, i, snnk__min_size(SNNK__BACK_ROWS, n - i), k, some);
    }
}

static void add(size_t count, const float *restrict from, float *restrict to) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* Set dZ of some rows. */
static void back_through_function(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const snnk__block_learner *s = b->s;
    const snnk__pass *pass = b->pass;
    const size_t m = s->features, n = pass->n;
    const float *back = s->reads_out ? b->partial + first * m : b->dY + first * b->lddy;
    const size_t ldback = s->reads_out ? m : b->lddy;

    (void)scratch;
    for (size_t k = 1; s->reads_out && k < s->n_pieces; k++)
        add(count * m, b->partial + (k * n + first) * m, b->partial + first * m);
    for (size_t p = 0; p < s->n_blocks; p++) {
        const snnk__learning_block *of_part = &s->blocks[p];
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
    for (size_t p = 0; p < b->s->n_blocks; p++) {
        const snnk__learning_block *of_part = &b->s->blocks[p];
        const float *dZ = b->dZ + i * b->lddz + of_part->row;
        float *dX = b->dX + i * b->lddx;

        if (of_part->transform) { /* adds its part later */
            for (size_t t = 0; p == 0 && t < rows; t++)
                memset(dX + t * b->lddx + first, 0, count * sizeof *dX);
            continue;
        }
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

/* Threads share the columns of dX in chunks of so many, which begin a panel of `back`. */
static size_t input_chunk(void) {
    return snnk__row_chunk(snnk__kernels_get()->readout_shape.width);
}

/* For chunks of the inputs: the gradient of G, and dX. */
static void back_through_projection(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const snnk__block_learner *s = b->s;
    const snnk__pass *pass = b->pass;
    const size_t d = s->base.inputs, begin = first * input_chunk(),
                 columns = snnk__min_size(count * input_chunk(), d - begin);

    (void)scratch;
    for (size_t i = 0; i < pass->n; i += SNNK__BACK_ROWS) {
        const size_t rows = snnk__min_size(SNNK__BACK_ROWS, pass->n - i);

        for (size_t p = 0; b->G_gradient && p < s->n_blocks; p++) {
            const snnk__learning_block *of_part = &s->blocks[p];

            if (of_part->learns)
                correlate(s, rows, of_part->block.rows, columns, b->dZ + i * b->lddz + of_part->row,
                          b->lddz, pass->X + i * pass->ldx + begin, pass->ldx,
                          b->G_gradient + of_part->row * d + begin, d);
        }
        if (b->dX) back_to_columns(b, i, rows, begin, columns);
    }
}

static void back_through_offsets(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const snnk__block_learner *s = b->s;

    (void)scratch;
    for (size_t p = 0; p < s->n_blocks; p++) {
        const size_t begin = snnk__max_size(first * SNNK__ROW_CHUNK, s->blocks[p].row),
                     end = snnk__min_size((first + count) * SNNK__ROW_CHUNK,
                                          s->blocks[p].row + s->blocks[p].block.rows);

        if (s->blocks[p].learns && begin < end)
            snnk__add_columns(b->pass->n, end - begin, b->dZ + begin, b->lddz,
                              b->offsets_gradient + begin);
    }
}

/* Add to dX what passes through |x|^2. */
static void back_through_norms(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const snnk__block_learner *s = b->s;
    const snnk__pass *pass = b->pass;
    const size_t m = s->features;

    (void)scratch;
    for (size_t p = 0; p < s->n_blocks; p++) {
        const snnk__learning_block *of_part = &s->blocks[p];
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

/* Add to dX what passes through transforms. */
static void back_through_transforms(size_t first, size_t count, void *scratch, void *context) {
    const backward_pass *b = context;
    const snnk__block_learner *s = b->s;
    const snnk__pass *pass = b->pass;

    for (size_t p = 0; p < s->n_blocks; p++) {
        const snnk__transform *transform = s->blocks[p].transform;

        if (transform)
            transform->backward(transform->context, count, pass->X + first * pass->ldx, pass->ldx,
                                b->dZ + first * b->lddz + s->blocks[p].row, b->lddz,
                                b->dX + first * b->lddx, b->lddx, scratch);
    }
}

/* A caller can ask for the gradient of inputs that nothing in the network needs. */
static int check_transforms(const snnk__block_learner *s) {
    for (size_t p = 0; p < s->n_blocks; p++)
        if (s->blocks[p].transform && !s->blocks[p].transform->backward)
            return snnk__fail(SNNK_E_UNSUPPORTED,
                              "features of block %zu have no gradient: there is no dX", p);
    return SNNK_OK;
}

/* Floats of scratch for it; 0 if there is none. */
static size_t transform_floats(const snnk__block_learner *s, bool *any) {
    size_t most = 0;

    *any = false;
    for (size_t p = 0; p < s->n_blocks; p++) {
        if (!s->blocks[p].transform) continue;
        most = snnk__max_size(most, s->blocks[p].transform->back_work);
        *any = true;
    }
    return most;
}

static backward_pass backward_of(const snnk__learner *learner, const snnk__pass *pass) {
    const snnk__block_learner *s = snnk__block_learner_of(learner);
    backward_pass b = {.s = s, .pass = pass, .Z = pass->record, .ldphi = s->features + 1};

    b.Phi = b.Z + (s->bare ? 0 : pass->n * s->rows);
    if (s->learns_rows) b.G_gradient = s->gradients + (s->G_value - s->values);
    if (s->learns_offsets) b.offsets_gradient = s->gradients + (s->offsets - s->values);
    /* The bias is the last row of Psi: both gradients are computed if one is wanted. */
    if (s->learns_weights || s->learns_bias)
        b.Psi_gradient = s->gradients + (s->Psi_value - s->values);
    return b;
}

/* Only transforms need scratch of a thread's own: no other stage can fail. */
int snnk__block_backward(const snnk__learner *learner, const snnk__pass *pass, const float *dY,
                         size_t lddy, float *dX, size_t lddx, float *scratch) {
    const snnk__block_learner *s = snnk__block_learner_of(learner);
    snnk_workspace *workspace = pass->workspace;
    const size_t n = pass->n, d = learner->inputs, m = s->features;
    backward_pass b = backward_of(learner, pass);
    bool norms = false, transforms;
    const size_t floats = transform_floats(s, &transforms);

    if (dX && transforms) {
        const int st = check_transforms(s);

        if (st != SNNK_OK) return st;
    }
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
        snnk__for_rows(workspace, NULL, (d - 1) / input_chunk() + 1, 0, back_through_projection,
                       &b);
    if (b.offsets_gradient)
        snnk__for_rows(workspace, NULL, (s->rows - 1) / SNNK__ROW_CHUNK + 1, 0,
                       back_through_offsets, &b);
    for (size_t p = 0; p < s->n_blocks; p++) norms |= snnk__block_has_norm(&s->blocks[p].block);
    if (dX && norms) snnk__for_rows(workspace, NULL, n, 0, back_through_norms, &b);
    if (dX && transforms)
        return snnk__for_rows(workspace, &learner->allocator, n, floats * sizeof(float),
                              back_through_transforms, &b);
    return SNNK_OK;
}
