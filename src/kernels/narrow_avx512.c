/* Narrow products in AVX-512. int8: avx512_vnni, 64 products an instruction. bf16: avx512_bf16, 32
 * products an instruction, or widened to float during the product; see snnk__cpu_features for which
 * one is faster on which processor. */
#include "kernels/narrow.h"

#if defined(__AVX512BW__) && defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#include "kernels/inline.h"
#include "kernels/narrow_avx512.h"

typedef enum way { INT8, BF16_DOT, BF16_WIDE, BF16_TILES, BF16X3 } way;

#define LANES          16
#define ROWS           6
#define PANELS         4
#define ROW_PANELS     8
#define TALL_ROWS      12
#define MOST_REGISTERS 8
#define MOST_SUMS      24
#define INT8_BYTES     4

INLINE ints n_begin(int32_t shift) { return _mm512_set1_epi32(-shift); }

INLINE int passes(const way w) { return w == BF16_WIDE ? 2 : 1; }

INLINE ints n_weights(const way w, const int pass, const char *at) {
    const ints m = _mm512_loadu_si512(at);

    if (w != BF16_WIDE) return m;
    return pass == 0 ? first_of(m) : second_of(m);
}

INLINE ints n_dot(const way w, ints sum, ints m, ints a) {
    switch (w) {
    case INT8: return _mm512_dpbusd_epi32(sum, m, a);
    case BF16_DOT: return n_ints(_mm512_dpbf16_ps(n_floats(sum), (__m512bh)m, (__m512bh)a));
    case BF16_WIDE:
    case BF16_TILES:
    case BF16X3: break;
    }
    return n_ints(_mm512_fmadd_ps(n_floats(a), n_floats(m), n_floats(sum)));
}

INLINE void pack_row(const way w, size_t columns, const float *x, char *to) {
    (void)w;
    pack_bf16(columns, x, (uint16_t *)(void *)to);
}

#include "kernels/vector_narrow.h"

#define TILES(w)                                                                                   \
    TILE(w, 1, 8)                                                                                  \
    TILE(w, 1, 4)                                                                                  \
    TILE(w, 2, 4)                                                                                  \
    TILE(w, 3, 4)                                                                                  \
    TILE(w, 4, 4)                                                                                  \
    TILE(w, 5, 4)                                                                                  \
    TILE(w, 6, 4)                                                                                  \
    TILE(w, 1, 2)                                                                                  \
    TILE(w, 2, 2)                                                                                  \
    TILE(w, 3, 2)                                                                                  \
    TILE(w, 4, 2)                                                                                  \
    TILE(w, 5, 2)                                                                                  \
    TILE(w, 6, 2)                                                                                  \
    TILE(w, 12, 2)                                                                                 \
    TILE(w, 1, 1)                                                                                  \
    TILE(w, 2, 1)                                                                                  \
    TILE(w, 3, 1)                                                                                  \
    TILE(w, 4, 1)                                                                                  \
    TILE(w, 5, 1)                                                                                  \
    TILE(w, 6, 1)                                                                                  \
    TILE(w, 12, 1)                                                                                 \
    static const shapes shapes_##w = {                                                             \
        .by_rows = {[4] = {NULL, sum_##w##_1_4, sum_##w##_2_4, sum_##w##_3_4, sum_##w##_4_4,       \
                           sum_##w##_5_4, sum_##w##_6_4},                                          \
                    [2] = {NULL, sum_##w##_1_2, sum_##w##_2_2, sum_##w##_3_2, sum_##w##_4_2,       \
                           sum_##w##_5_2, sum_##w##_6_2, [12] = sum_##w##_12_2},                   \
                    [1] = {NULL, sum_##w##_1_1, sum_##w##_2_1, sum_##w##_3_1, sum_##w##_4_1,       \
                           sum_##w##_5_1, sum_##w##_6_1, [12] = sum_##w##_12_1}},                  \
        .one_row = sum_##w##_1_8};

TILES(BF16_WIDE)
TILES(BF16_DOT)
TILES(INT8)
PRODUCT(bf16_wide, BF16_WIDE, &shapes_BF16_WIDE)
PRODUCT(bf16_dot, BF16_DOT, &shapes_BF16_DOT)
PRODUCT(int8, INT8, &shapes_INT8)
ROUNDING(bf16_wide)
ROUNDING(bf16_dot)
ROUNDING(int8)

const snnk__narrow snnk__narrow_avx512 = {.name = "avx512",
                                          .bf16 = bf16_wide,
                                          .int8 = int8,
                                          .bf16_rounded = bf16_wide_rounded,
                                          .int8_rounded = int8_rounded,
                                          .rounded_columns = ROUNDED_COLUMNS,
                                          .rows = SNNK__NARROW_ROWS};
const snnk__narrow snnk__narrow_avx512_bf16 = {.name = "avx512_bf16",
                                               .bf16 = bf16_dot,
                                               .int8 = int8,
                                               .bf16_rounded = bf16_dot_rounded,
                                               .int8_rounded = int8_rounded,
                                               .rounded_columns = ROUNDED_COLUMNS / 2,
                                               .rounds = true,
                                               .rows = SNNK__NARROW_ROWS};
#endif
