/* The kernels without any instruction set in mind, the truth the others are held to. Compiled without contraction of a*b+c:
 * each sum runs over k = 0, 1, 2 ... with one rounding a product and one a sum. */
#include <string.h>

#include "base/size.h"
#include "kernels/kernels.h"

#define WIDTH         8   /* rows of a panel: features computed side by side */
#define TILE          4   /* rows of X that share a pass over a panel */
#define ROW_BLOCK     32  /* rows of X that share a panel while it is in the first-level cache */
#define FEATURE_BLOCK 128 /* features of a row held on the stack between the two products */

/* Four floats in one register of any processor (a GNU extension that gcc and clang share). Left to
 * itself gcc 12 keeps an array of sums in memory: 6 GF/s instead of 28. */
typedef float quad __attribute__((vector_size(16)));

#define QUADS (WIDTH / 4)

/* sums[i][j] += sum_k A[i][k] panel[k][j] for `rows` rows of A, 1 or TILE: a constant at every call,
 * so that the sums stay in registers. */
static inline void multiply_tile(size_t rows, size_t k_count, const float *A, size_t lda,
                                 const float *panel, float sums[TILE][WIDTH]) {
    quad s[TILE][QUADS], p[QUADS];

    memcpy(s, sums, sizeof s);
    for (size_t k = 0; k < k_count; k++) {
        memcpy(p, panel + k * WIDTH, sizeof p);
        for (size_t i = 0; i < rows; i++)
            for (size_t q = 0; q < QUADS; q++) s[i][q] += A[i * lda + k] * p[q];
    }
    memcpy(sums, s, sizeof s);
}

/* C += A panel^T for rows of A (n x k_count) and one panel, of which `width` columns are real. */
static void multiply_panel(size_t n, size_t k_count, const float *A, size_t lda, const float *panel,
                           size_t width, float *C, size_t ldc) {
    float sums[TILE][WIDTH] = {{0}};
    size_t i = 0;

    for (; i + TILE <= n; i += TILE) {
        for (size_t t = 0; t < TILE; t++)
            for (size_t j = 0; j < WIDTH; j++) sums[t][j] = j < width ? C[(i + t) * ldc + j] : 0;
        multiply_tile(TILE, k_count, A + i * lda, lda, panel, sums);
        for (size_t t = 0; t < TILE; t++) memcpy(C + (i + t) * ldc, sums[t], width * sizeof(float));
    }
    for (; i < n; i++) {
        for (size_t j = 0; j < WIDTH; j++) sums[0][j] = j < width ? C[i * ldc + j] : 0;
        multiply_tile(1, k_count, A + i * lda, lda, panel, sums);
        memcpy(C + i * ldc, sums[0], width * sizeof(float));
    }
}

/* Z[i][j] = z of projection first + j, j < count, for n rows. first is a multiple of WIDTH. */
static void project_linear(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                           size_t first, size_t count, float *Z, size_t ldz) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < count; j++)
            Z[i * ldz + j] = block->offset ? block->offset[first + j] : 0;
    if (!block->G) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < count; j++)
                Z[i * ldz + j] += block->diagonal[first + j] * X[i * ldx + first + j];
        return;
    }
    for (size_t j = 0; j < count; j += WIDTH)
        multiply_panel(n, d, X, ldx, block->G->data + (first + j) * d,
                       snnk__min_size(WIDTH, count - j), Z + j, ldz);
}

/* Features first ... first+count-1 (of the block's rows) of n rows of X, from Z to Phi, row stride ld
 * both. Z may be where snnk__function_apply and snnk__urf_apply allow it. */
static void apply_function(const snnk__block *block, size_t n, size_t first, size_t count,
                           const snnk__urf_scalars *scalars, const float *Z, float *Phi,
                           size_t ld) {
    for (size_t t = 0; t < n; t++) {
        if (block->function.operation == SNNK__OPERATION_URF)
            snnk__urf_apply(block->function.urf, first, count, scalars[t], Z + t * ld,
                            Phi + t * ld);
        else
            snnk__function_apply(&block->function, count, Z + t * ld, Phi + t * ld);
    }
}

/* What every feature of a row of X shares, for n rows. Only URF blocks have any. */
static void set_scalars(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                        snnk__urf_scalars *scalars) {
    if (block->function.operation != SNNK__OPERATION_URF) return;
    for (size_t t = 0; t < n; t++)
        scalars[t] = snnk__urf_scalars_of(block->function.urf, d, X + t * ldx);
}

static void project(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                    float *Phi, size_t ldphi) {
    const size_t r = block->rows, width = snnk__function_width(&block->function);
    snnk__urf_scalars scalars[ROW_BLOCK];

    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        const size_t rows = snnk__min_size(ROW_BLOCK, n - i);
        float *phi = Phi + i * ldphi;
        float *z = phi + (width - 1) * r; /* where the function wants it */

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        project_linear(rows, X + i * ldx, ldx, d, block, 0, r, z, ldphi);
        apply_function(block, rows, 0, r, scalars, z, phi, ldphi);
    }
}

/* Y += Phi Psi^T for features first ... first+count-1 of Psi, whose values Phi holds. */
static void readout_part(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                         size_t first, size_t count, float *Y, size_t ldy) {
    for (size_t j = 0; j < Psi->rows; j += WIDTH)
        multiply_panel(n, count, Phi, ldphi, Psi->data + j * Psi->columns + first * WIDTH,
                       snnk__min_size(WIDTH, Psi->rows - j), Y + j, ldy);
}

static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, float *Y,
                    size_t ldy) {
    for (size_t i = 0; i < n; i += ROW_BLOCK)
        readout_part(snnk__min_size(ROW_BLOCK, n - i), Phi + i * ldphi, ldphi, Psi, 0, Psi->columns,
                     Y + i * ldy, ldy);
}

static void project_readout(size_t n, const float *X, size_t ldx, size_t d,
                            const snnk__block *block, const snnk__panels *Psi, float *Y,
                            size_t ldy) {
    const size_t width = snnk__function_width(&block->function);
    const size_t most = FEATURE_BLOCK / snnk__max_size(width, 2);
    float Phi[ROW_BLOCK][FEATURE_BLOCK];
    snnk__urf_scalars scalars[ROW_BLOCK];

    for (size_t i = 0; i < n; i += ROW_BLOCK) {
        const size_t rows = snnk__min_size(ROW_BLOCK, n - i);

        set_scalars(block, rows, X + i * ldx, ldx, d, scalars);
        for (size_t first = 0; first < block->rows; first += most) {
            const size_t count = snnk__min_size(most, block->rows - first);
            float *z = &Phi[0][(width - 1) * count];

            project_linear(rows, X + i * ldx, ldx, d, block, first, count, z, FEATURE_BLOCK);
            apply_function(block, rows, first, count, scalars, z, Phi[0], FEATURE_BLOCK);
            readout_part(rows, Phi[0], FEATURE_BLOCK, Psi, width * first, width * count,
                         Y + i * ldy, ldy);
        }
    }
}

const snnk__kernels snnk__kernels_portable = {
    .name = "portable",
    .panel_width = WIDTH,
    .project = project,
    .readout = readout,
    .project_readout = project_readout,
};
