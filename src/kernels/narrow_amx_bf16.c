/* The sums of TDPBF16PS in AVX-512, for rows that are too few for tiles. Intel's manual defines the
 * instruction: of 32 columns, the products of even and of odd columns have a sum each, which begins
 * at 0 and takes one fused multiply-add a column; these two are added, and the result is added to
 * the tile's sum. Subnormal numbers count as zeros everywhere, and rounding is to nearest. */
#include "kernels/narrow_amx.h"

#if defined(__AVX512BF16__)
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

#define TILE_GROUPS 16

typedef enum way { INT8, BF16_DOT, BF16_WIDE, BF16_TILES } way;

/* Rounded to bf16 by the same instruction as for tiles. Writes zeros up to a multiple of 32. */
INLINE void pack_row(size_t columns, const float *x, char *to) {
    uint16_t rounded[SNNK__NARROW_BLOCK];

    pack_bf16(columns, x, rounded);
    for (size_t k = 0; k < columns; k += 16) {
        const __m256i pairs = _mm256_loadu_si256((const void *)(rounded + k));

        _mm512_storeu_si512(to + k * 4, _mm512_slli_epi32(_mm512_cvtepu16_epi32(pairs), 16));
    }
    if (columns % 32 > 0 && columns % 32 <= 16)
        _mm512_storeu_si512(to + (columns + 15) / 16 * 64, _mm512_setzero_si512());
}

INLINE ints n_begin(int32_t shift) { return _mm512_set1_epi32(shift); }
INLINE int passes(const way w) { return w == BF16_TILES ? 2 : 1; }
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

/* See sum_function. rows and panels are constant at every call. */
INLINE void sum_like_tiles(const int rows, const int panels, const span *of, ints *sums) {
    const char *row = of->row, *group = of->group;

    if (of->zero)
        UNROLLED (int k = 0; k < rows * panels; k++) sums[k] = n_ints(n_set(0));
    for (size_t left = of->groups, step; left > 0; left -= step) {
        ints s[2][MOST_SUMS];

        step = snnk__min_size(left, TILE_GROUPS);
        UNROLLED (int k = 0; k < rows * panels; k++) s[0][k] = s[1][k] = n_ints(n_set(0));
        for (size_t k = 0; k < step; k++, group += GROUP, row += 8)
            UNROLLED (int pass = 0; pass < passes(BF16_TILES); pass++)
                UNROLLED (int p = 0; p < panels; p++) {
                    const ints m = n_weights(BF16_TILES, pass, group + (size_t)p * of->panel_bytes);

                    UNROLLED (int i = 0; i < rows; i++)
                        s[pass][i * panels + p] =
                            n_dot(BF16_TILES, s[pass][i * panels + p], m,
                                  n_broadcast(row + (size_t)i * of->stride + 4 * pass));
                }
        UNROLLED (int k = 0; k < rows * panels; k++)
            sums[k] = n_ints(n_add(n_floats(sums[k]), n_add(n_floats(s[0][k]), n_floats(s[1][k]))));
    }
}

#define TILE_SUMS(rows, panels)                                                                    \
    static __attribute__((noinline)) void sum_##rows##_##panels(const span *of, ints *sums) {      \
        sum_like_tiles(rows, panels, of, sums);                                                    \
    }
TILE_SUMS(1, 8)
TILE_SUMS(1, 2)
TILE_SUMS(2, 2)
TILE_SUMS(3, 2)
TILE_SUMS(4, 2)
TILE_SUMS(5, 2)
TILE_SUMS(6, 2)
TILE_SUMS(1, 1)
TILE_SUMS(2, 1)
TILE_SUMS(3, 1)
TILE_SUMS(4, 1)
TILE_SUMS(5, 1)
TILE_SUMS(6, 1)

static const shapes all_shapes = {
    .by_rows = {[2] = {NULL, sum_1_2, sum_2_2, sum_3_2, sum_4_2, sum_5_2, sum_6_2},
                [1] = {NULL, sum_1_1, sum_2_1, sum_3_1, sum_4_1, sum_5_1, sum_6_1}},
    .one_row = sum_1_8};

PRODUCT(sums_of_tiles, BF16_TILES, &all_shapes)
ROUNDING(sums_of_tiles)
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

    sums_of_tiles(n, A, lda, M, first, count, begins, bias, C, ldc, scratch);
    snnk__restore_state(state);
}

void snnk__amx_bf16_sums_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                                 const float *bias, bool converts, uint16_t *C, size_t ldc,
                                 void *scratch) {
    const unsigned state = snnk__flush_subnormals();

    sums_of_tiles_rounded(n, A, lda, M, bias, converts, C, ldc, scratch);
    snnk__restore_state(state);
}
#endif
