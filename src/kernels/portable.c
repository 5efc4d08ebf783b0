/* The kernels in plain C, for any processor; the other tables are tested against them. Compiled
 * without contraction of a*b+c: each sum runs over k = 0, 1, 2 ... with one rounding for each
 * product and each sum. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "kernels/kernels.h"

#define WIDTH 8 /* rows of a panel: features or outputs computed side by side */
#define TILE  4 /* rows of X that share a pass over a panel */

/* Four floats in one register of any processor (a GNU extension that gcc and clang share). Without
 * it, gcc 12 keeps an array of sums in memory: 6 GF/s instead of 28. */
typedef float quad __attribute__((vector_size(16)));

#define QUADS (WIDTH / 4)

/* sums[i][j] += sum_k A[i][k] panel[k][j] for `rows` rows of A, 1 or TILE. rows is a constant at
 * every call, so that the sums stay in registers. */
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

/* Set C = A panel^T + bias for rows of A (n x k_count) and one panel, whose first `width` columns
 * are used. The sums begin at 0, or at C unless `begins`; bias NULL: zeros. */
static void multiply_panel(size_t n, size_t k_count, const float *A, size_t lda, const float *panel,
                           size_t width, bool begins, const float *bias, float *C, size_t ldc) {
    float sums[TILE][WIDTH] = {{0}};

    for (size_t i = 0, rows; i < n; i += rows) {
        rows = n - i < TILE ? 1 : TILE;
        if (begins) memset(sums, 0, sizeof sums);
        for (size_t t = 0; !begins && t < rows; t++)
            memcpy(sums[t], C + (i + t) * ldc, width * sizeof(float));
        if (rows == TILE)
            multiply_tile(TILE, k_count, A + i * lda, lda, panel, sums);
        else
            multiply_tile(1, k_count, A + i * lda, lda, panel, sums);
        for (size_t t = 0; bias && t < rows; t++)
            for (size_t j = 0; j < width; j++) sums[t][j] += bias[j];
        for (size_t t = 0; t < rows; t++) memcpy(C + (i + t) * ldc, sums[t], width * sizeof(float));
    }
}

static snnk__panel_shape projection_shape(size_t rows) {
    (void)rows;
    return (snnk__panel_shape){WIDTH, 1, WIDTH};
}

static void project(size_t n, const float *X, size_t ldx, const snnk__panels *G,
                    const float *offset, size_t first, size_t count, float *Z, size_t ldz) {
    for (size_t j = 0; j < count; j += WIDTH)
        multiply_panel(n, G->columns, X, ldx, G->data + (first + j) * G->columns,
                       snnk__min_size(WIDTH, count - j), true, offset ? offset + first + j : NULL,
                       Z + j, ldz);
}

static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, bool begins, const float *bias, float *Y, size_t ldy) {
    for (size_t j = 0; j < Psi->rows; j += WIDTH)
        multiply_panel(n, count, Phi, ldphi, Psi->data + j * Psi->columns + first * WIDTH,
                       snnk__min_size(WIDTH, Psi->rows - j), begins, bias ? bias + j : NULL, Y + j,
                       ldy);
}

static void readout_bf16(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                         const float *bias, bool converts, uint16_t *Y, size_t ldy) {
    float sums[8 * TILE][WIDTH];

    (void)converts;
    for (size_t i = 0; i < n; i += 8 * TILE)
        for (size_t j = 0; j < Psi->rows; j += WIDTH) {
            const size_t rows = snnk__min_size(8 * TILE, n - i),
                         width = snnk__min_size(WIDTH, Psi->rows - j);

            multiply_panel(rows, Psi->columns, Phi + i * ldphi, ldphi, Psi->data + j * Psi->columns,
                           width, true, bias ? bias + j : NULL, sums[0], WIDTH);
            for (size_t t = 0; t < rows; t++) snnk__round(width, sums[t], Y + (i + t) * ldy + j);
        }
}

/* C += A^T B for `rows` rows of C, 1 or TILE, and one register of columns. */
static inline void correlate_tile(size_t rows, size_t n, const float *A, size_t lda, const float *B,
                                  size_t ldb, size_t columns, float *C, size_t ldc) {
    quad s[TILE] = {{0}}, b = {0};

    for (size_t i = 0; i < n; i++) {
        memcpy(&b, B + i * ldb, columns * sizeof *B);
        for (size_t j = 0; j < rows; j++) s[j] += A[i * lda + j] * b;
    }
    for (size_t j = 0; j < rows; j++)
        for (size_t k = 0; k < columns; k++) C[j * ldc + k] += s[j][k];
}

static void correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                      const float *B, size_t ldb, float *C, size_t ldc) {
    for (size_t k = 0; k < columns; k += 4)
        for (size_t j = 0, tile; j < rows; j += tile) {
            const bool whole = columns - k >= 4;
            float *c = C + j * ldc + k;

            tile = rows - j < TILE ? 1 : TILE;
            if (whole && tile == TILE)
                correlate_tile(TILE, n, A + j, lda, B + k, ldb, 4, c, ldc);
            else
                correlate_tile(tile, n, A + j, lda, B + k, ldb, whole ? 4 : columns - k, c, ldc);
        }
}

typedef double doubles __attribute__((vector_size(16)));
typedef quad floats;

#define UNROLLED  for
#define INLINE    static inline
#define V_KEEP(x) (void)(x)

static inline doubles v_double_fma(doubles a, doubles b, doubles c) { return c + a * b; }
static inline floats v_fma(floats a, floats b, floats c) { return c + a * b; }
#define LANES        4
#define MOMENT_LEFT  2
#define MOMENT_RIGHT 1
#define MOMENT_AHEAD 0
#include "kernels/vector_moments.h"

static inline floats v_sqrt(floats x) {
    for (size_t t = 0; t < LANES; t++) x[t] = sqrtf(x[t]);
    return x;
}
#include "kernels/vector_scatter.h"
#include "kernels/vector_series.h"

const snnk__kernels snnk__kernels_portable = {
    .name = "portable",
    .projection_shape = projection_shape,
    .readout_shape = {WIDTH, 1, WIDTH},
    .project = project,
    .readout = readout,
    .readout_bf16 = readout_bf16,
    .apply = snnk__function_apply,
    .apply_urf = snnk__urf_apply,
    .hd3 = snnk__hd3_project,
    .patches = snnk__patches_copy,
    .pool_add = snnk__pool_add,
    .pool_finish = snnk__pool_finish,
    .scatter = scatter,
    .shares = shares,
    .slopes = snnk__function_slopes,
    .correlate = correlate,
    .adam = snnk__adam_step,
    .widen = snnk__widen,
    .round = snnk__round,
    .moments = MOMENTS_TABLE,
};
