#include "kernels/forward.h"

#include <stdalign.h>

#include <snnk/storage.h>

#include "base/memory.h"
#include "base/size.h"
#include "kernels/narrow_forward.h"

#define ROW_BLOCK     24   /* rows of X that share a pass over G and Psi */
#define PROJECT_BLOCK 96   /* rows of X that share a pass over G only */
#define FEATURE_BLOCK 256  /* features of a row held on the stack between the two products: 24 KB */
#define NARROW_BLOCK  1024 /* the same for narrow G: its product packs the rows of X each time */
#define HD3_BLOCK     16   /* rows of X whose features are in memory at once for HD3 */
#define LARGE_G                                                                                    \
    ((size_t)1                                                                                     \
     << 21) /* floats (8 MB), measured: with 4 MB tall tiles are 1/20 slower, with 16 MB they are
             * 1/10 faster */

/* Y = Phi Psi^T + bias for features first ... first+count-1; or Y += unless `begins`. */
static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, bool begins, const float *bias, float *Y, size_t ldy) {
    if (Psi->storage == SNNK_STORAGE_F32) {
        snnk__kernels_get()->readout(n, Phi, ldphi, Psi, first, count, begins, bias, Y, ldy);
        return;
    }
    snnk__narrow_multiply(n, Phi, ldphi, Psi, first, count, begins, bias, Y, ldy, NULL);
}

/* ---- Forward ---- */

static bool is_narrow(const snnk__block *block) {
    return block->G && block->G->storage != SNNK_STORAGE_F32;
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

    for (size_t t = 0; t < n; t++) {
        if (block->function.operation == SNNK__OPERATION_URF)
            /* set_scalars has set it. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
            kernels->apply_urf(block->function.urf, first, count, scalars[t], Z + t * ldz,
                               Phi + t * ldphi);
        else
            kernels->apply(&block->function, count, Z + t * ldz, Phi + t * ldphi);
    }
}

/* Set |x~|^2 of n rows from packed directions, a few directions at a time. */
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

/* Compute what all features of a row of X share, for n <= PROJECT_BLOCK rows. Only URF blocks need
 * this. */
static void set_scalars(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                        snnk__urf_scalars *scalars) {
    const snnk__urf_table *table = block->function.urf;

    if (block->function.operation != SNNK__OPERATION_URF) return;
    for (size_t t = 0; t < n; t++)
        scalars[t] = table->packed_directions
                         ? (snnk__urf_scalars){.t = snnk__urf_t(table, d, X + t * ldx)}
                         : snnk__urf_scalars_of(table, d, X + t * ldx);
    if (table->packed_directions) packed_norms(table, n, X, ldx, scalars);
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

/* ---- HD3 ---- */

/* Set Phi of n rows. One transform computes a whole group of `order` rows of G; computing part of a
 * group costs the same. */
static void project_hd3(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        float *Phi, size_t ldphi, float *work) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const snnk__hd3 *hd3 = block->hd3;
    const size_t rows = block->rows, width = snnk__function_width(&block->function);

    for (size_t i = 0; i < n; i++) {
        float *phi = Phi + i * ldphi, *z = phi + (width - 1) * rows;
        snnk__urf_scalars scalars;

        set_scalars(block, 1, X + i * ldx, ldx, d, &scalars);
        for (size_t first = 0; first < rows; first += hd3->order)
            kernels->hd3(hd3, d, X + i * ldx, block->offset + first, first,
                         snnk__min_size(hd3->order, rows - first), z + first, work);
        apply_function(block, 1, 0, rows, &scalars, z, ldphi, phi, ldphi);
    }
}

/* Y = Phi Psi^T + bias, HD3_BLOCK rows at a time. work: `order` floats, then the features. */
static void project_readout_hd3(size_t n, const float *X, size_t ldx, size_t d,
                                const snnk__block *block, const snnk__panels *Psi, bool begins,
                                const float *bias, float *Y, size_t ldy, float *work) {
    const size_t m = Psi->columns;
    float *Phi = work + block->hd3->order;

    for (size_t i = 0; i < n; i += HD3_BLOCK) {
        const size_t rows = snnk__min_size(HD3_BLOCK, n - i);

        project_hd3(rows, X + i * ldx, ldx, d, block, Phi, m, work);
        snnk__readout(rows, Phi, m, Psi, begins, bias, Y + i * ldy, ldy);
    }
}

/* ---- Entry points ---- */

/* Floats of scratch for the unmixed features. */
static size_t row_work(const snnk__block *block) { return block->hd3 ? block->hd3->order : 0; }

size_t snnk__project_work(const snnk__block *block) {
    return row_work(block) + (block->mix ? ROW_BLOCK * block->mix->columns : 0);
}

/* All features of a block that are not mixed. SIZE_MAX if they overflow. */
static size_t features_of(const snnk__block *block) {
    size_t features;

    return snnk__mul_size(block->rows, snnk__function_width(&block->function), &features)
               ? features
               : SIZE_MAX;
}

size_t snnk__project_readout_work(const snnk__block *block) {
    size_t floats;

    if (is_narrow(block)) {
        const size_t d = block->G->columns;
        const snnk__narrow_tile tile = snnk__narrow_tile_of(d, features_of(block));

        return snnk__narrow_work(&tile, d);
    }
    if (!block->hd3) return 0;
    if (!snnk__mul_size(block->rows, snnk__function_width(&block->function), &floats) ||
        !snnk__mul_size(floats, HD3_BLOCK, &floats) ||
        !snnk__add_size(floats, block->hd3->order, &floats))
        return SIZE_MAX;
    return floats;
}

bool snnk__block_is_divisible(const snnk__block *block) { return !block->hd3 && !block->mix; }

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
    else if (block->hd3)
        project_hd3(n, X, ldx, d, block, Phi, ldphi, work);
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
    if (Psi->storage != SNNK_STORAGE_F32) {
        readout(n, Phi, ldphi, Psi, 0, Psi->columns, begins, bias, Y, ldy);
        return;
    }
    for (size_t i = 0; i < n; i += ROW_BLOCK)
        readout(snnk__min_size(ROW_BLOCK, n - i), Phi + i * ldphi, ldphi, Psi, 0, Psi->columns,
                begins, bias, Y + i * ldy, ldy);
}

void snnk__readout_some(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                        size_t first, size_t count, bool begins, const float *bias, float *Y,
                        size_t ldy) {
    const snnk__panels some = snnk__panels_some(Psi, first, count);

    snnk__readout(n, Phi, ldphi, &some, begins, bias ? bias + first : NULL, Y + first, ldy);
}

/* How many rows and features a tile has. Features stay in the first-level cache between the two
 * products. Narrow, tall tiles stream G less often but write to Y more often, which is faster if G
 * is large or Y is narrow. The sums are the same either way. */
typedef struct tile {
    size_t rows, features;
} tile;

static tile tile_of(size_t n, size_t d, const snnk__panels *Psi) {
    const size_t features = Psi->columns;
    const bool better = features >= LARGE_G / d || Psi->rows < features / 8;
    const bool tall = better && features > FEATURE_BLOCK && n > ROW_BLOCK &&
                      Psi->storage == SNNK_STORAGE_F32; /* other storage needs whole blocks of
                                                         * columns */

    return tall ? (tile){4 * ROW_BLOCK, FEATURE_BLOCK / 4} : (tile){ROW_BLOCK, FEATURE_BLOCK};
}

/* Both products with narrow panels. Y is written once, unless there are very many features. */
static void project_readout_narrow(size_t n, const float *X, size_t ldx, size_t d,
                                   const snnk__block *block, const snnk__panels *Psi, bool begins,
                                   const float *bias, float *Y, size_t ldy, float *work) {
    const size_t width = snnk__function_width(&block->function);
    const snnk__narrow_tile most = snnk__narrow_tile_of(d, Psi->columns);
    const size_t max_rows = most.features / width, ld = snnk__narrow_stride(&most);
    alignas(SNNK__ALIGNMENT) float on_stack[SNNK__NARROW_FLOATS];
    float *Phi = snnk__narrow_work(&most, d) > 0 ? work : on_stack;
    float *scratch = most.tall ? Phi + most.rows * ld : NULL;
    snnk__urf_scalars scalars[PROJECT_BLOCK];

    for (size_t i = 0; i < n; i += most.rows) {
        const size_t rows = snnk__min_size(most.rows, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        for (size_t first = 0; first < block->rows; first += max_rows) {
            const size_t count = snnk__min_size(max_rows, block->rows - first);
            float *z = Phi + (width - 1) * count;

            project_narrow(rows, X + i * ldx, ldx, block, first, count, z, ld, scratch);
            apply_function(block, rows, first, count, scalars, z, ld, Phi, ld);
            snnk__narrow_multiply(rows, Phi, ld, Psi, width * first, width * count,
                                  begins && first == 0, first + count == block->rows ? bias : NULL,
                                  Y + i * ldy, ldy, scratch);
        }
    }
}

void snnk__project_readout(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                           const snnk__panels *Psi, bool begins, const float *bias, float *Y,
                           size_t ldy, float *work) {
    if (block->hd3) {
        project_readout_hd3(n, X, ldx, d, block, Psi, begins, bias, Y, ldy, work);
        return;
    }
    if (is_narrow(block) && Psi->storage != SNNK_STORAGE_F32) {
        project_readout_narrow(n, X, ldx, d, block, Psi, begins, bias, Y, ldy, work);
        return;
    }
    const size_t width = snnk__function_width(&block->function);
    const tile most = tile_of(n, d, Psi);
    const size_t max_rows = most.features / width; /* of the block */
    alignas(SNNK__ALIGNMENT) float Phi[ROW_BLOCK * FEATURE_BLOCK];
    snnk__urf_scalars scalars[PROJECT_BLOCK];

    for (size_t i = 0; i < n; i += most.rows) {
        const size_t rows = snnk__min_size(most.rows, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        for (size_t first = 0; first < block->rows; first += max_rows) {
            const size_t count = snnk__min_size(max_rows, block->rows - first);
            float *z = Phi + (width - 1) * count;

            project_linear(rows, X + i * ldx, ldx, block, first, count, z, most.features);
            apply_function(block, rows, first, count, scalars, z, most.features, Phi,
                           most.features);
            readout(rows, Phi, most.features, Psi, width * first, width * count,
                    begins && first == 0, first + count == block->rows ? bias : NULL, Y + i * ldy,
                    ldy);
        }
    }
}
