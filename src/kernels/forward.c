#include "kernels/forward.h"

#include <stdalign.h>
#include <stdbool.h>

#include "base/memory.h"
#include "base/size.h"

#define ROW_BLOCK     24  /* rows of X that share a pass over G and Psi */
#define PROJECT_BLOCK 96  /* rows of X that share one over G alone */
#define FEATURE_BLOCK 256 /* features of a row held on the stack between the two products: 24 KB */

/* Z[i][j] = z of projection first + j, j < count, for n rows. first is a multiple of the panels' width. */
static void project_linear(size_t n, const float *X, size_t ldx, const snnk__block *block,
                           size_t first, size_t count, float *Z, size_t ldz) {
    if (block->G) {
        snnk__kernels_get()->project(n, X, ldx, block->G, block->offset, first, count, Z, ldz);
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = first; j < first + count; j++)
            Z[i * ldz + j - first] =
                (block->offset ? block->offset[j] : 0) + block->diagonal[j] * X[i * ldx + j];
}

/* Features first ... first+count-1 (of the block's rows) of n rows of X, from Z to Phi, row stride ld
 * both. Z may be where snnk__function_apply and snnk__urf_apply allow it. */
static void apply_function(const snnk__block *block, size_t n, size_t first, size_t count,
                           const snnk__urf_scalars *scalars, const float *Z, float *Phi,
                           size_t ld) {
    const snnk__kernels *kernels = snnk__kernels_get();

    for (size_t t = 0; t < n; t++) {
        if (block->function.operation == SNNK__OPERATION_URF)
            kernels->apply_urf(block->function.urf, first, count, scalars[t], Z + t * ld,
                               Phi + t * ld);
        else
            kernels->apply(&block->function, count, Z + t * ld, Phi + t * ld);
    }
}

/* What every feature of a row of X shares, for n rows. Only URF blocks have any. */
static void set_scalars(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                        snnk__urf_scalars *scalars) {
    if (block->function.operation != SNNK__OPERATION_URF) return;
    for (size_t t = 0; t < n; t++)
        scalars[t] = snnk__urf_scalars_of(block->function.urf, d, X + t * ldx);
}

void snnk__project_some(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                        size_t begin, size_t all, float *Phi, size_t ldphi) {
    const size_t width = snnk__function_width(&block->function), end = begin + all;
    snnk__urf_scalars scalars[PROJECT_BLOCK];

    for (size_t i = 0; i < n; i += PROJECT_BLOCK) {
        const size_t rows = snnk__min_size(PROJECT_BLOCK, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        for (size_t first = begin; first < end; first += FEATURE_BLOCK) {
            const size_t count = snnk__min_size(FEATURE_BLOCK, end - first);
            float *phi = Phi + i * ldphi + width * first;
            float *z = phi + (width - 1) * count; /* where the function wants it */

            project_linear(rows, X + i * ldx, ldx, block, first, count, z, ldphi);
            apply_function(block, rows, first, count, scalars, z, phi, ldphi);
        }
    }
}

void snnk__project(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                   float *Phi, size_t ldphi) {
    snnk__project_some(n, X, ldx, d, block, 0, block->rows, Phi, ldphi);
}

void snnk__project_hd3(size_t n, const float *X, size_t ldx, size_t d, const snnk__hd3 *hd3,
                       const float *offset, const snnk__function *function, float *Phi,
                       size_t ldphi, float *work) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const size_t rows = hd3->rows, width = snnk__function_width(function);

    for (size_t i = 0; i < n; i++) {
        float *phi = Phi + i * ldphi, *z = phi + (width - 1) * rows;

        for (size_t first = 0; first < rows; first += hd3->order)
            kernels->hd3(hd3, d, X + i * ldx, offset + first, first,
                         snnk__min_size(hd3->order, rows - first), z + first, work);
        kernels->apply(function, rows, z, phi);
    }
}

void snnk__readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                   const float *start, float *Y, size_t ldy) {
    for (size_t i = 0; i < n; i += ROW_BLOCK)
        snnk__kernels_get()->readout(snnk__min_size(ROW_BLOCK, n - i), Phi + i * ldphi, ldphi, Psi,
                                     0, Psi->columns, start, Y + i * ldy, ldy);
}

void snnk__readout_some(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                        size_t first, size_t count, const float *start, float *Y, size_t ldy) {
    snnk__panels some = *Psi;

    some.rows = count;
    some.data += first / Psi->shape.width * snnk__panel_size(Psi);
    snnk__readout(n, Phi, ldphi, &some, start ? start + first : NULL, Y + first, ldy);
}

/* Rows and features of a tile. Features go to and fro between the two products in the first-level cache; many
 * features of few outputs are better read out in narrow, tall tiles, for which G is streamed less often. */
typedef struct tile {
    size_t rows, features;
} tile;

static tile tile_of(size_t features, size_t outputs) {
    const bool tall = features > FEATURE_BLOCK && outputs < features / 8;

    return tall ? (tile){4 * ROW_BLOCK, FEATURE_BLOCK / 4} : (tile){ROW_BLOCK, FEATURE_BLOCK};
}

void snnk__project_readout(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                           const snnk__panels *Psi, const float *start, float *Y, size_t ldy) {
    const size_t width = snnk__function_width(&block->function);
    const tile most = tile_of(Psi->columns, Psi->rows);
    const size_t most_rows = most.features / width; /* of the block */
    alignas(SNNK__ALIGNMENT) float Phi[ROW_BLOCK * FEATURE_BLOCK];
    snnk__urf_scalars scalars[4 * ROW_BLOCK];

    for (size_t i = 0; i < n; i += most.rows) {
        const size_t rows = snnk__min_size(most.rows, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        for (size_t first = 0; first < block->rows; first += most_rows) {
            const size_t count = snnk__min_size(most_rows, block->rows - first);
            float *z = Phi + (width - 1) * count;

            project_linear(rows, X + i * ldx, ldx, block, first, count, z, most.features);
            apply_function(block, rows, first, count, scalars, z, Phi, most.features);
            snnk__kernels_get()->readout(rows, Phi, most.features, Psi, width * first,
                                         width * count, first == 0 ? start : NULL, Y + i * ldy,
                                         ldy);
        }
    }
}
