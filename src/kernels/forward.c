#include "kernels/forward.h"

#include <stdalign.h>

#include "base/cache.h"
#include "base/memory.h"
#include "base/rows.h"
#include "base/size.h"
#include "kernels/narrow_forward.h"

#define ROW_BLOCK     24   /* rows of X that share a pass over a mixing matrix */
#define PROJECT_BLOCK 96   /* rows of X that share a pass over G only */
#define FEATURE_BLOCK 256  /* features of those rows */
#define NARROW_BLOCK  1024 /* the same for narrow G: its product packs the rows of X each time */
#define WHOLE_BLOCK                                                                                \
    SNNK__TRANSFORM_ROWS /* rows whose features are in memory at once for HD3 and
                                            * transforms */

/* Of snnk__project_readout. Rows share a pass over G and Psi, and their features stay in memory
 * between the two products. */
#define STACK_FLOATS  6144 /* 24 KB: a block of so few features needs no other scratch */
#define FEW_ROWS      64   /* if G and Psi stay in L2 anyway */
#define MOST_ROWS     256  /* measured: with 64 rows, 256 features take 1.06 of the time */
#define MOST_FEATURES 1024 /* more are added to Y in parts; the sums are the same */

/* A part begins a panel of G, whose widths divide SNNK__ROW_CHUNK, even if each of its rows gives
 * four features. */
_Static_assert(MOST_FEATURES / 4 % SNNK__ROW_CHUNK == 0, "parts of a block begin a panel");

#define WIDE_ROWS 12 /* inputs in bf16 that are widened at once, or 6: in float they stay in L1 */

/* From so many cosines in one call on (32 MB), stores go past the caches. Measured: with 16 MB they
 * cost as much as other stores, with 128 MB a quarter less. */
#define STREAMED ((size_t)1 << 23)

/* Outputs in float, or rounded to bf16: exactly one pointer is set. */
typedef struct destination {
    float *f32;
    uint16_t *bf16;
    size_t ld;
} destination;

static destination destination_from(const destination *Y, size_t row, size_t output) {
    const size_t skipped = row * Y->ld + output;

    return Y->bf16 ? (destination){.bf16 = Y->bf16 + skipped, .ld = Y->ld}
                   : (destination){.f32 = Y->f32 + skipped, .ld = Y->ld};
}

/* Y = Phi Psi^T + bias for features first ... first+count-1; or Y += unless `begins`. In bf16 only
 * for all features at once. */
static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, bool begins, const float *bias, const destination *Y) {
    if (!snnk__panels_are_float(Psi) && Y->bf16)
        snnk__narrow_multiply_bf16(n, Phi, ldphi, Psi, bias, Y->bf16, Y->ld, NULL);
    else if (!snnk__panels_are_float(Psi))
        snnk__narrow_multiply(n, Phi, ldphi, Psi, first, count, begins, bias, Y->f32, Y->ld, NULL);
    else if (Y->bf16)
        snnk__kernels_get()->readout_bf16(n, Phi, ldphi, Psi, bias, snnk__kernels_convert(),
                                          Y->bf16, Y->ld);
    else
        snnk__kernels_get()->readout(n, Phi, ldphi, Psi, first, count, begins, bias, Y->f32, Y->ld);
}

/* ---- Forward ---- */

/* All features of a block that are not mixed. SIZE_MAX if they overflow. */
static size_t features_of(const snnk__block *block) {
    size_t features;

    return snnk__mul_size(block->rows, snnk__function_width(&block->function), &features)
               ? features
               : SIZE_MAX;
}

/* Whether all features of a row are computed at once. */
static bool is_whole(const snnk__block *block) { return block->hd3 || block->transform; }

static bool is_narrow(const snnk__block *block) {
    return block->G && !snnk__panels_are_float(block->G);
}

/* The same as project_linear for narrow G. scratch: see snnk__narrow_product. */
static void project_narrow(size_t n, const float *X, size_t ldx, const snnk__block *block,
                           size_t first, size_t count, float *Z, size_t ldz, void *scratch) {
    const snnk__panels some = snnk__panels_some(block->G, first, count);

    snnk__narrow_multiply(n, X, ldx, &some, 0, some.columns, true,
                          block->offset ? block->offset + first : NULL, Z, ldz, scratch);
}

/* Set Z[i][j] to z of projection first + j, j < count, for n rows. first is a multiple of the
 * panels' width. */
static void project_linear(size_t n, const float *X, size_t ldx, const snnk__block *block,
                           size_t first, size_t count, float *Z, size_t ldz) {
    if (is_narrow(block)) {
        project_narrow(n, X, ldx, block, first, count, Z, ldz, NULL);
        return;
    }
    if (block->G) {
        snnk__kernels_get()->project(n, X, ldx, block->G, block->offset, first, count, Z, ldz);
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = first; j < first + count; j++)
            Z[i * ldz + j - first] =
                (block->offset ? block->offset[j] : 0) + block->diagonal[j] * X[i * ldx + j];
}

/* Compute features first ... first+count-1 (of the block's rows) of n rows of X, from Z to Phi,
 * with their row strides. Z and Phi may share memory as snnk__function_apply and snnk__urf_apply
 * allow. */
static void apply_function(const snnk__block *block, size_t n, size_t first, size_t count,
                           const snnk__urf_scalars *scalars, const float *Z, size_t ldz, float *Phi,
                           size_t ldphi) {
    const snnk__kernels *kernels = snnk__kernels_get();

    /* Without gaps all rows are one array. */
    if (block->function.operation != SNNK__OPERATION_URF && ldz == count && ldphi == count) {
        kernels->apply(&block->function, n * count, Z, Phi);
        return;
    }
    for (size_t t = 0; t < n; t++) {
        if (block->function.operation == SNNK__OPERATION_URF)
            /* set_scalars has set it. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
            kernels->apply_urf(block->function.urf, first, count, scalars[t], Z + t * ldz,
                               Phi + t * ldphi);
        else
            kernels->apply(&block->function, count, Z + t * ldz, Phi + t * ldphi);
    }
}

/* Set |x~|^2 of n <= PROJECT_BLOCK rows from packed directions, a few directions at a time. */
static void packed_norms(const snnk__urf_table *table, size_t n, const float *X, size_t ldx,
                         snnk__urf_scalars *scalars) {
    alignas(SNNK__ALIGNMENT) float P[PROJECT_BLOCK * SNNK__ROW_CHUNK];

    for (size_t first = 0; first < table->n_directions; first += SNNK__ROW_CHUNK) {
        const size_t count = snnk__min_size(SNNK__ROW_CHUNK, table->n_directions - first);

        snnk__kernels_get()->project(n, X, ldx, table->packed_directions, table->packed_offset,
                                     first, count, P, SNNK__ROW_CHUNK);
        for (size_t t = 0; t < n; t++)
            for (size_t j = 0; j < count; j++) {
                const double p = P[t * SNNK__ROW_CHUNK + j];

                scalars[t].norm2 += table->gain[first + j] * p * p;
            }
    }
    for (size_t t = 0; t < n; t++)
        if (scalars[t].norm2 < 0)
            scalars[t].norm2 = 0; /* rounding can make it negative; NaN stays
                                                         * NaN */
}

/* Compute what all features of a row of X share. Only URF blocks need this. */
static void set_scalars(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                        snnk__urf_scalars *scalars) {
    const snnk__urf_table *table = block->function.urf;

    if (block->function.operation != SNNK__OPERATION_URF) return;
    for (size_t t = 0; t < n; t++)
        scalars[t] = table->packed_directions
                         ? (snnk__urf_scalars){.t = snnk__urf_t(table, d, X + t * ldx)}
                         : snnk__urf_scalars_of(table, d, X + t * ldx);
    for (size_t t = 0; table->packed_directions && t < n; t += PROJECT_BLOCK)
        packed_norms(table, snnk__min_size(PROJECT_BLOCK, n - t), X + t * ldx, ldx, scalars + t);
}

void snnk__project_some(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        size_t begin, size_t all, float *Phi, size_t ldphi) {
    const size_t width = snnk__function_width(&block->function), end = begin + all;
    const size_t most = is_narrow(block) ? NARROW_BLOCK : FEATURE_BLOCK;
    snnk__urf_scalars scalars[PROJECT_BLOCK];

    for (size_t i = 0; i < n; i += PROJECT_BLOCK) {
        const size_t rows = snnk__min_size(PROJECT_BLOCK, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        for (size_t first = begin; first < end; first += most) {
            const size_t count = snnk__min_size(most, end - first);
            float *phi = Phi + i * ldphi + width * first;
            float *z = phi + (width - 1) * count; /* where apply_function expects z */

            project_linear(rows, X + i * ldx, ldx, block, first, count, z, ldphi);
            apply_function(block, rows, first, count, scalars, z, ldphi, phi, ldphi);
        }
    }
}

/* ---- Blocks ---- */

/* How many rows and features a block of a forward pass has, and how many outputs share a pass over
 * its features. Chosen by the size of the second-level cache; the sums are the same for all. */
typedef struct blocking {
    size_t rows, features, outputs;
} blocking;

static blocking blocking_of(size_t d, const snnk__panels *Psi) {
    const size_t floats = snnk__l2_bytes() / sizeof(float), l = Psi->rows, width = Psi->shape.width,
                 features = snnk__max_size(snnk__min_size(Psi->columns, MOST_FEATURES), 1);

    if (features <= floats / 2 / (d + snnk__max_size(l, 1)))
        return (blocking){snnk__max_size(snnk__min_size(STACK_FLOATS / features, FEW_ROWS), 1),
                          features, l};
    /* Half of the cache for the features of a block, a third for a part of Psi. */
    const size_t rows = snnk__min_size(floats / 2 / features, MOST_ROWS),
                 outputs = floats / 3 / features / width * width;

    return (blocking){snnk__max_size(rows, ROW_BLOCK), features, snnk__max_size(outputs, width)};
}

static bool on_stack(const blocking *most) { return most->rows * most->features <= STACK_FLOATS; }

/* readout, a few outputs at a time. */
static void readout_blocks(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                           size_t first, size_t count, size_t most, bool begins, const float *bias,
                           const destination *Y) {
    for (size_t o = 0; o < Psi->rows; o += most) {
        const snnk__panels some = snnk__panels_some(Psi, o, snnk__min_size(most, Psi->rows - o));
        const destination to = destination_from(Y, 0, o);

        readout(n, Phi, ldphi, &some, first, count, begins, bias ? bias + o : NULL, &to);
    }
}

/* snnk__readout to either kind of outputs. */
static void readout_all(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                        bool begins, const float *bias, const destination *Y) {
    if (!snnk__panels_are_float(Psi)) {
        readout(n, Phi, ldphi, Psi, 0, Psi->columns, begins, bias, Y);
        return;
    }
    const size_t most = blocking_of(0, Psi).outputs;

    for (size_t i = 0, rows; i < n; i += rows) {
        const destination to = destination_from(Y, i, 0);

        rows = snnk__rows_next(n - i, MOST_ROWS);
        readout_blocks(rows, Phi + i * ldphi, ldphi, Psi, 0, Psi->columns, most, begins, bias, &to);
    }
}

/* ---- Inputs in bf16 ---- */

/* The most rows that are widened at once. If G does not stay in L2, more of them share a pass over
 * it; and a matrix unit is faster with more of them. */
static size_t wide_rows(size_t d, const snnk__block *block) {
    const size_t floats = snnk__l2_bytes() / sizeof(float) / 2;

    if (is_whole(block)) return WHOLE_BLOCK;
    if (is_narrow(block) && snnk__narrow_get()->tall > 0)
        return snnk__narrow_tile_of(block->G->storage, d, features_of(block)).rows;
    return block->G && block->rows > floats / snnk__max_size(d, 1) ? PROJECT_BLOCK : WIDE_ROWS;
}

/* How many of n rows are widened at once. Measured: with a float G, 6 are faster than 12, but 2
 * after 6 are slower than 8. */
static size_t wide_step(size_t n, size_t d, const snnk__block *block) {
    const size_t most = wide_rows(d, block);

    return most == WIDE_ROWS && n > WIDE_ROWS && !is_narrow(block) ? WIDE_ROWS / 2 : most;
}

size_t snnk__widened_work(size_t d, const snnk__block *block) {
    size_t floats;

    if (!snnk__mul_size(wide_rows(d, block), d, &floats) || floats > SIZE_MAX - 15) return SIZE_MAX;
    return (floats + 15) / 16 * 16; /* what follows begins a cache line */
}

/* Rows first ... first+n-1 of X in float, themselves or in `wide`, where the stride is d. */
static const float *rows_in_float(const snnk__inputs *X, size_t first, size_t n, size_t d,
                                  float *wide) {
    if (X->f32) return X->f32 + first * X->ld;
    for (size_t i = 0; i < n; i++)
        snnk__kernels_get()->widen(d, X->bf16 + (first + i) * X->ld, wide + i * d);
    return wide;
}

/* Features of rows begin ... begin+n-1 of X: those of the block's rows first ... first+count-1.
 * scalars: of these rows, set if first is 0. wide, scratch: see rows_in_float and
 * snnk__narrow_product. */
static void project_inputs(size_t begin, size_t n, const snnk__inputs *X, size_t d,
                           const snnk__block *block, size_t first, size_t count,
                           snnk__urf_scalars *scalars, float *Phi, size_t ldphi, float *wide,
                           void *scratch) {
    const size_t most = X->bf16 ? wide_step(n, d, block) : n, ldx = X->bf16 ? d : X->ld;
    float *Z = Phi + (snnk__function_width(&block->function) - 1) * count; /* see apply_function */

    for (size_t i = 0; i < n; i += most) {
        const size_t rows = snnk__min_size(most, n - i);
        const float *x = rows_in_float(X, begin + i, rows, d, wide);

        if (first == 0) set_scalars(block, rows, x, ldx, d, scalars + i);
        if (is_narrow(block))
            project_narrow(rows, x, ldx, block, first, count, Z + i * ldphi, ldphi, scratch);
        else
            project_linear(rows, x, ldx, block, first, count, Z + i * ldphi, ldphi);
        apply_function(block, rows, first, count, scalars + i, Z + i * ldphi, ldphi,
                       Phi + i * ldphi, ldphi);
    }
}

/* ---- HD3 ---- */

/* Whether the kernels give the cosines of these rows at once. A trainer's block may have offsets of
 * its own. */
static bool in_turns(const snnk__block *block) {
    return snnk__kernels_get()->hd3_cosines && block->hd3->turn_scale &&
           block->hd3->offset == block->offset &&
           block->function.operation == SNNK__OPERATION_ACTIVATION &&
           block->function.activation == SNNK_COS;
}

/* Set Phi of n rows. One transform computes a whole group of `order` rows of G; computing part of a
 * group costs the same. */
static void project_hd3(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        float *Phi, size_t ldphi, float *work) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const snnk__hd3 *hd3 = block->hd3;
    const size_t rows = block->rows, width = snnk__function_width(&block->function);
    const bool stream = rows >= STREAMED / snnk__max_size(n, 1);

    for (size_t i = 0; i < n; i++) {
        float *phi = Phi + i * ldphi, *z = phi + (width - 1) * rows;
        snnk__urf_scalars scalars;

        if (in_turns(block)) {
            for (size_t first = 0; first < rows; first += hd3->order)
                kernels->hd3_cosines(hd3, d, X + i * ldx, first,
                                     snnk__min_size(hd3->order, rows - first),
                                     block->function.scale, stream, phi + first, work);
            continue;
        }
        set_scalars(block, 1, X + i * ldx, ldx, d, &scalars);
        for (size_t first = 0; first < rows; first += hd3->order)
            kernels->hd3(hd3, d, X + i * ldx, block->offset + first, first,
                         snnk__min_size(hd3->order, rows - first), z + first, work);
        apply_function(block, 1, 0, rows, &scalars, z, ldphi, phi, ldphi);
    }
}

/* ---- HD3 and transforms ---- */

/* Floats of scratch for the unmixed features. */
static size_t row_work(const snnk__block *block) {
    if (block->transform) return block->transform->work;
    return block->hd3 ? snnk__hd3_work(block->hd3->order) : 0;
}

/* Set Phi of n rows, not mixed. */
static void project_whole(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                          float *Phi, size_t ldphi, float *work) {
    if (block->hd3)
        project_hd3(n, X, ldx, d, block, Phi, ldphi, work);
    else
        block->transform->apply(block->transform->context, n, X, ldx, Phi, ldphi, work);
}

/* Y = Phi Psi^T + bias, WHOLE_BLOCK rows at a time. work: row_work, then the features. */
static void project_readout_whole(size_t n, const snnk__inputs *X, size_t d,
                                  const snnk__block *block, const snnk__panels *Psi, bool begins,
                                  const float *bias, const destination *Y, float *wide,
                                  float *work) {
    const size_t m = Psi->columns;
    float *Phi = work + row_work(block);

    for (size_t i = 0; i < n; i += WHOLE_BLOCK) {
        const size_t rows = snnk__min_size(WHOLE_BLOCK, n - i);

        const destination to = destination_from(Y, i, 0);

        project_whole(rows, rows_in_float(X, i, rows, d, wide), X->bf16 ? d : X->ld, d, block, Phi,
                      m, work);
        readout_all(rows, Phi, m, Psi, begins, bias, &to);
    }
}

/* ---- Entry points ---- */

size_t snnk__project_work(const snnk__block *block) {
    return row_work(block) + (block->mix ? ROW_BLOCK * block->mix->columns : 0);
}

size_t snnk__project_readout_work(size_t d, const snnk__block *block, const snnk__panels *Psi) {
    size_t floats;

    if (is_narrow(block) && !snnk__panels_are_float(Psi)) {
        const snnk__narrow_tile tile = snnk__narrow_tile_of(Psi->storage, d, features_of(block));

        return snnk__narrow_work(&tile, d);
    }
    if (!is_whole(block)) {
        const blocking most = blocking_of(d, Psi);

        return on_stack(&most) ? 0 : most.rows * most.features;
    }
    if (!snnk__mul_size(features_of(block), WHOLE_BLOCK, &floats) ||
        !snnk__add_size(floats, row_work(block), &floats))
        return SIZE_MAX;
    return floats;
}

bool snnk__block_is_divisible(const snnk__block *block) { return !is_whole(block) && !block->mix; }

/* Set Phi = mix phi, ROW_BLOCK rows at a time. work: what phi needs, then phi. */
static void project_mixed(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                          float *Phi, size_t ldphi, float *work) {
    const size_t m = block->mix->columns;
    float *phi = work + row_work(block);
    snnk__block plain = *block;

    plain.mix = NULL;
    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        const size_t rows = snnk__min_size(ROW_BLOCK, n - i);

        snnk__project(rows, X + i * ldx, ldx, d, &plain, phi, m, work);
        snnk__readout(rows, phi, m, block->mix, true, NULL, Phi + i * ldphi, ldphi);
    }
}

void snnk__project(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                   float *Phi, size_t ldphi, float *work) {
    if (block->mix)
        project_mixed(n, X, ldx, d, block, Phi, ldphi, work);
    else if (is_whole(block))
        project_whole(n, X, ldx, d, block, Phi, ldphi, work);
    else
        snnk__project_some(n, X, ldx, d, block, 0, block->rows, Phi, ldphi);
}

void snnk__project_only(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        float *Z, size_t ldz, float *work) {
    snnk__block plain = *block;

    plain.mix = NULL;
    plain.function = (snnk__function){
        .operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_IDENTITY, .scale = 1};
    snnk__project(n, X, ldx, d, &plain, Z, ldz, work);
}

void snnk__apply(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                 const float *Z, size_t ldz, float *Phi, size_t ldphi) {
    snnk__urf_scalars scalars[PROJECT_BLOCK];

    for (size_t i = 0; i < n; i += PROJECT_BLOCK) {
        const size_t rows = snnk__min_size(PROJECT_BLOCK, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        apply_function(block, rows, 0, block->rows, scalars, Z + i * ldz, ldz, Phi + i * ldphi,
                       ldphi);
    }
}

void snnk__readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, bool begins,
                   const float *bias, float *Y, size_t ldy) {
    readout_all(n, Phi, ldphi, Psi, begins, bias, &(destination){.f32 = Y, .ld = ldy});
}

void snnk__readout_some(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                        size_t first, size_t count, bool begins, const float *bias, float *Y,
                        size_t ldy) {
    const snnk__panels some = snnk__panels_some(Psi, first, count);

    snnk__readout(n, Phi, ldphi, &some, begins, bias ? bias + first : NULL, Y + first, ldy);
}

/* Both products with narrow panels. Y is written once, unless there are very many features. */
static void project_readout_narrow(size_t n, const snnk__inputs *X, size_t d,
                                   const snnk__block *block, const snnk__panels *Psi, bool begins,
                                   const float *bias, const destination *Y, float *wide,
                                   float *work) {
    const size_t width = snnk__function_width(&block->function);
    const snnk__narrow_tile most = snnk__narrow_tile_of(Psi->storage, d, Psi->columns);
    const size_t max_rows = most.features / width, ld = snnk__narrow_stride(&most);
    alignas(SNNK__ALIGNMENT) float few[SNNK__NARROW_FLOATS];
    float *Phi = snnk__narrow_work(&most, d) > 0 ? work : few;
    float *scratch = most.tall ? Phi + most.rows * ld : NULL;
    snnk__urf_scalars scalars[PROJECT_BLOCK];

    for (size_t i = 0; i < n; i += most.rows) {
        const size_t rows = snnk__min_size(most.rows, n - i);
        const destination to = destination_from(Y, i, 0);

        for (size_t first = 0; first < block->rows; first += max_rows) {
            const size_t count = snnk__min_size(max_rows, block->rows - first);

            project_inputs(i, rows, X, d, block, first, count, scalars, Phi, ld, wide, scratch);
            if (to.bf16)
                snnk__narrow_multiply_bf16(rows, Phi, ld, Psi, bias, to.bf16, to.ld, scratch);
            else
                snnk__narrow_multiply(
                    rows, Phi, ld, Psi, width * first, width * count, begins && first == 0,
                    first + count == block->rows ? bias : NULL, to.f32, to.ld, scratch);
        }
    }
}

/* wide: snnk__widened_work floats; NULL for inputs in float. */
static void project_readout(size_t n, const snnk__inputs *X, size_t d, const snnk__block *block,
                            const snnk__panels *Psi, bool begins, const float *bias,
                            const destination *Y, float *wide, float *work) {
    if (is_whole(block)) {
        project_readout_whole(n, X, d, block, Psi, begins, bias, Y, wide, work);
        return;
    }
    if (is_narrow(block) && !snnk__panels_are_float(Psi)) {
        project_readout_narrow(n, X, d, block, Psi, begins, bias, Y, wide, work);
        return;
    }
    const size_t width = snnk__function_width(&block->function);
    const blocking most = blocking_of(d, Psi);
    const size_t max_rows = most.features / width; /* of the block */
    alignas(SNNK__ALIGNMENT) float few[STACK_FLOATS];
    float *Phi = on_stack(&most) ? few : work;
    snnk__urf_scalars scalars[MOST_ROWS];

    for (size_t i = 0, rows; i < n; i += rows) {
        const destination to = destination_from(Y, i, 0);

        rows = snnk__rows_next(n - i, most.rows);
        for (size_t first = 0; first < block->rows; first += max_rows) {
            const size_t count = snnk__min_size(max_rows, block->rows - first),
                         features = width * count;

            project_inputs(i, rows, X, d, block, first, count, scalars, Phi, features, wide, NULL);
            readout_blocks(rows, Phi, features, Psi, width * first, features, most.outputs,
                           begins && first == 0, first + count == block->rows ? bias : NULL, &to);
        }
    }
}

void snnk__project_readout(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                           const snnk__panels *Psi, bool begins, const float *bias, float *Y,
                           size_t ldy, float *work) {
    project_readout(n, &(snnk__inputs){.f32 = X, .ld = ldx}, d, block, Psi, begins, bias,
                    &(destination){.f32 = Y, .ld = ldy}, NULL, work);
}

bool snnk__readout_rounds(const snnk__block *block, const snnk__panels *Psi) {
    if (!snnk__panels_are_float(Psi)) return snnk__narrow_rounds(Psi);
    return is_whole(block) || Psi->columns <= MOST_FEATURES;
}

void snnk__project_readout_bf16(size_t n, const snnk__inputs *X, size_t d, const snnk__block *block,
                                const snnk__panels *Psi, const float *bias, uint16_t *Y, size_t ldy,
                                float *work) {
    const size_t wide = X->bf16 ? snnk__widened_work(d, block) : 0;

    project_readout(n, X, d, block, Psi, true, bias, &(destination){.bf16 = Y, .ld = ldy}, work,
                    work + wide);
}
