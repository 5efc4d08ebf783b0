/* The sums of TDPBF16PS in AVX-512, for rows that are too few for tiles. Intel's manual defines the
 * instruction: of 32 columns, the products of even and of odd columns have a sum each, which begins
 * at 0 and takes one fused multiply-add a column; these two are added, and the result is added to
 * the tile's sum. Subnormal numbers count as zeros everywhere, and rounding is to nearest. */
#include "kernels/narrow_amx.h"

#if defined(__AVX512BF16__)
#include "base/size.h"
#include "kernels/inline.h"
#include "kernels/narrow_avx512.h"

/* Two sums for each one of the result: tiles are half as large as elsewhere. */
#define LANES          16
#define ROWS           6
#define PANELS         2
#define ROW_PANELS     8
#define TALL_ROWS      6
#define MOST_REGISTERS 8
#define MOST_SUMS      12
#define INT8_BYTES     4

#define TILE_GROUPS    16
#define TILE_ROW_BYTES 128 /* of a row of A in a tile, widened */

typedef enum way { INT8, BF16_DOT, BF16_WIDE, BF16_TILES, BF16X3 } way;

/* Rounded to bf16 by the same instructions as for tiles, then widened. Writes zeros up to a
 * multiple of 32 columns. */
INLINE void pack_row(const way w, size_t columns, const float *x, char *to) {
    const size_t count = w == BF16X3 ? 64 : 32;

    for (size_t k = 0; k < columns; k += 32, x += 32, to += count * sizeof(float)) {
        uint16_t rounded[64];

        if (w == BF16X3)
            pack_pairs(snnk__min_size(columns - k, 32), x, rounded);
        else
            pack_bf16(snnk__min_size(columns - k, 32), x, rounded);
        for (size_t j = 0; j < count; j += 16) {
            const __m256i some = _mm256_loadu_si256((const void *)(rounded + j));

            _mm512_storeu_si512(to + j * 4, _mm512_slli_epi32(_mm512_cvtepu16_epi32(some), 16));
        }
    }
}

INLINE ints n_begin(int32_t shift) { return _mm512_set1_epi32(shift); }
INLINE int passes(const way w) { return w == BF16_TILES || w == BF16X3 ? 2 : 1; }
INLINE ints n_weights(const way w, const int pass, const char *at) {
    const ints m = _mm512_loadu_si512(at);

    (void)w;
    return pass == 0 ? first_of(m) : second_of(m);
}
INLINE ints n_dot(const way w, ints sum, ints m, ints a) {
    (void)w;
    return n_ints(_mm512_fmadd_ps(n_floats(a), n_floats(m), n_floats(sum)));
}

#include "kernels/vector_narrow.h"

/* One instruction: add the products of up to TILE_GROUPS groups to the sums. rows and panels are
 * constant at every call. */
INLINE void sum_tile(const way w, const int rows, const int panels, const span *of, size_t groups,
                     const char *row, const char *group, ints *sums) {
    ints s[2][MOST_SUMS];

    UNROLLED (int k = 0; k < rows * panels; k++) s[0][k] = s[1][k] = n_ints(n_set(0));
    for (size_t k = 0; k < groups; k++, group += GROUP, row += TILE_ROW_BYTES / TILE_GROUPS)
        UNROLLED (int pass = 0; pass < passes(w); pass++)
            UNROLLED (int p = 0; p < panels; p++) {
                const ints m = n_weights(w, pass, group + (size_t)p * of->panel_bytes);

                UNROLLED (int i = 0; i < rows; i++)
                    s[pass][i * panels + p] =
                        n_dot(w, s[pass][i * panels + p], m,
                              n_broadcast(row + (size_t)i * of->stride + 4 * pass));
            }
    UNROLLED (int k = 0; k < rows * panels; k++)
        sums[k] = n_ints(n_add(n_floats(sums[k]), n_add(n_floats(s[0][k]), n_floats(s[1][k]))));
}

/* See sum_function. */
INLINE void sum_like_tiles(const way w, const int rows, const int panels, const span *of,
                           ints *sums) {
    const char *row = of->row, *group = of->group, *low = of->low;

    if (of->zero)
        UNROLLED (int k = 0; k < rows * panels; k++) sums[k] = n_ints(n_set(0));
    for (size_t left = of->groups, step; left > 0; left -= step) {
        step = snnk__min_size(left, TILE_GROUPS);
        if (w == BF16X3) {
            sum_tile(w, rows, panels, of, step, row, low, sums);
            sum_tile(w, rows, panels, of, step, row, group, sums);
            row += TILE_ROW_BYTES;
            low += TILE_GROUPS * GROUP;
        }
        sum_tile(w, rows, panels, of, step, row, group, sums);
        row += TILE_ROW_BYTES;
        group += TILE_GROUPS * GROUP;
    }
}

#define TILE_SUMS(w, rows, panels)                                                                 \
    static                                                                                         \
        __attribute__((noinline)) void sum_##w##_##rows##_##panels(const span *of, ints *sums) {   \
        sum_like_tiles(w, rows, panels, of, sums);                                                 \
    }
#define ALL_TILE_SUMS(w)                                                                           \
    TILE_SUMS(w, 1, 8)                                                                             \
    TILE_SUMS(w, 1, 2)                                                                             \
    TILE_SUMS(w, 2, 2)                                                                             \
    TILE_SUMS(w, 3, 2)                                                                             \
    TILE_SUMS(w, 4, 2)                                                                             \
    TILE_SUMS(w, 5, 2)                                                                             \
    TILE_SUMS(w, 6, 2)                                                                             \
    TILE_SUMS(w, 1, 1)                                                                             \
    TILE_SUMS(w, 2, 1)                                                                             \
    TILE_SUMS(w, 3, 1)                                                                             \
    TILE_SUMS(w, 4, 1)                                                                             \
    TILE_SUMS(w, 5, 1)                                                                             \
    TILE_SUMS(w, 6, 1)                                                                             \
    static const shapes shapes_##w = {                                                             \
        .by_rows = {[2] = {NULL, sum_##w##_1_2, sum_##w##_2_2, sum_##w##_3_2, sum_##w##_4_2,       \
                           sum_##w##_5_2, sum_##w##_6_2},                                          \
                    [1] = {NULL, sum_##w##_1_1, sum_##w##_2_1, sum_##w##_3_1, sum_##w##_4_1,       \
                           sum_##w##_5_1, sum_##w##_6_1}},                                         \
        .one_row = sum_##w##_1_8};

ALL_TILE_SUMS(BF16_TILES)
ALL_TILE_SUMS(BF16X3)
PRODUCT(bf16_sums, BF16_TILES, &shapes_BF16_TILES)
PRODUCT(bf16x3_sums, BF16X3, &shapes_BF16X3)
ROUNDING(bf16_sums)
_Static_assert(ROUNDED_COLUMNS / 4 == SNNK__AMX_ROUNDED_COLUMNS, "of BF16_TILES");

/* ---- The state of the thread ---- */

unsigned snnk__flush_subnormals(void) {
    const unsigned state = _mm_getcsr();

    _mm_setcsr(0x1f80U | _MM_FLUSH_ZERO_ON | 0x40U); /* 0x40: denormals are zeros */
    return state;
}

void snnk__restore_state(unsigned state) { _mm_setcsr(state); }

void snnk__amx_bf16_sums(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                         size_t count, bool begins, const float *bias, float *C, size_t ldc,
                         void *scratch) {
    const unsigned state = snnk__flush_subnormals();

    bf16_sums(n, A, lda, M, first, count, begins, bias, C, ldc, scratch);
    snnk__restore_state(state);
}

void snnk__amx_bf16x3_sums(size_t n, const float *A, size_t lda, const snnk__panels *M,
                           size_t first, size_t count, bool begins, const float *bias, float *C,
                           size_t ldc, void *scratch) {
    const unsigned state = snnk__flush_subnormals();

    bf16x3_sums(n, A, lda, M, first, count, begins, bias, C, ldc, scratch);
    snnk__restore_state(state);
}

void snnk__amx_bf16_sums_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                                 const float *bias, bool converts, uint16_t *C, size_t ldc,
                                 void *scratch) {
    const unsigned state = snnk__flush_subnormals();

    bf16_sums_rounded(n, A, lda, M, bias, converts, C, ldc, scratch);
    snnk__restore_state(state);
}
#endif
