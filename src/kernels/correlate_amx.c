/* The sums over rows of a backward pass, C += A^T B, with AMX: factors are rounded to bf16, and
 * sums are float. Blocks were chosen by arithmetic, not measured: 32 x 32 sums over 128 rows take
 * 16 products of 16 cycles, and adding them to C about a third of that. */
#include "kernels/narrow_amx.h"

#if defined(__AVX512BF16__)
#include "kernels/amx_pack.h"
#include "kernels/kernels.h"

#define STEP_ROWS 32 /* rows in a tile: 16 pairs */
#define STEPS     (SNNK__BACK_ROWS / STEP_ROWS)
#define TILE      ((size_t)TILE_ROWS * TILE_BYTES)
#define MOST_ROWS 128 /* of C: 32 KB, which stay in the first-level cache */

_Static_assert(SNNK__BACK_ROWS % STEP_ROWS == 0, "a block of rows is whole tiles");

/* Up to 16 columns of a block of rows. */
typedef struct panel {
    char tiles[STEPS][TILE];
} panel;

static size_t steps_of(size_t n) { return (n + STEP_ROWS - 1) / STEP_ROWS; }

INLINE __mmask16 first_lanes(size_t count) {
    return (__mmask16)((1U << snnk__min_size(count, 16)) - 1U);
}

/* Pack columns as the right factor, with zeros below the n rows and beside the columns. */
static void pack(size_t n, size_t columns, const float *X, size_t ldx, panel *to) {
    const __mmask16 mask = first_lanes(columns);
    char *at = to->tiles[0];

    for (size_t k = 0; k < steps_of(n) * STEP_ROWS; k += 2, at += TILE_BYTES) {
        const __m512 none = _mm512_setzero_ps();
        const __m512 first = k < n ? _mm512_maskz_loadu_ps(mask, X + k * ldx) : none,
                     second = k + 1 < n ? _mm512_maskz_loadu_ps(mask, X + (k + 1) * ldx) : none;

        _mm512_storeu_si512(at, snnk__tile_pairs(first, second));
    }
}

/* The same as the left factor. */
static void pack_turned(size_t n, size_t columns, const float *X, size_t ldx, panel *to) {
    alignas(64) panel right;

    pack(n, columns, X, ldx, &right);
    for (size_t step = 0; step < steps_of(n); step++)
        snnk__tile_turn(right.tiles[step], to->tiles[step]);
}

/* Compute up to 32 x 32 sums. two_rows and two_columns are constant at every call. */
INLINE void sum_tiles(const bool two_rows, const bool two_columns, size_t steps, const panel *left,
                      const panel *right, float sums[32][32]) {
    snnk__tiles_zero(two_rows, two_columns);
    for (size_t step = 0; step < steps; step++) {
        TILE_LOAD(4, left[0].tiles[step], (size_t)TILE_BYTES);
        TILE_LOAD(6, right[0].tiles[step], (size_t)TILE_BYTES);
        if (two_rows) TILE_LOAD(5, left[1].tiles[step], (size_t)TILE_BYTES);
        if (two_columns) TILE_LOAD(7, right[1].tiles[step], (size_t)TILE_BYTES);
        snnk__tiles_multiply_bf16(two_rows, two_columns);
    }
    snnk__tiles_store(two_rows, two_columns, sums);
}

static void add_sums(size_t rows, size_t columns, float sums[32][32], float *C, size_t ldc) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j += 16) {
            const __mmask16 mask = first_lanes(columns - j);
            float *c = C + i * ldc + j;

            _mm512_mask_storeu_ps(
                c, mask,
                _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), _mm512_load_ps(sums[i] + j)));
        }
}

/* C += A^T B for all rows of up to 32 columns. */
static void correlate_columns(size_t steps, size_t rows, size_t columns, const panel *left,
                              const panel *right, float *C, size_t ldc) {
    alignas(64) float sums[32][32];

    for (size_t i = 0; i < rows; i += 32, left += 2) {
        const size_t some = snnk__min_size(32, rows - i);

        if (some > 16 && columns > 16)
            sum_tiles(true, true, steps, left, right, sums);
        else if (some > 16)
            sum_tiles(true, false, steps, left, right, sums);
        else if (columns > 16)
            sum_tiles(false, true, steps, left, right, sums);
        else
            sum_tiles(false, false, steps, left, right, sums);
        add_sums(some, columns, sums, C + i * ldc, ldc);
    }
}

/* n <= SNNK__BACK_ROWS, rows <= MOST_ROWS. */
static void correlate_block(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                            const float *B, size_t ldb, float *C, size_t ldc) {
    alignas(64) panel left[MOST_ROWS / TILE_ROWS];
    alignas(64) panel right[2];

    for (size_t i = 0; i < rows; i += TILE_ROWS)
        pack_turned(n, rows - i, A + i, lda, &left[i / TILE_ROWS]);
    for (size_t k = 0; k < columns; k += 32) {
        const size_t some = snnk__min_size(32, columns - k);

        pack(n, some, B + k, ldb, &right[0]);
        if (some > 16) pack(n, some - 16, B + k + 16, ldb, &right[1]);
        correlate_columns(steps_of(n), rows, some, left, right, C + k, ldc);
    }
}

void snnk__amx_correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                         const float *B, size_t ldb, float *C, size_t ldc) {
    snnk__tiles_configure(32);
    for (size_t j = 0; j < rows; j += MOST_ROWS)
        for (size_t i = 0; i < n; i += SNNK__BACK_ROWS)
            correlate_block(snnk__min_size(SNNK__BACK_ROWS, n - i),
                            snnk__min_size(MOST_ROWS, rows - j), columns, A + i * lda + j, lda,
                            B + i * ldb, ldb, C + j * ldc, ldc);
    snnk__tiles_release();
}
#endif
