/* Narrow products in AVX2. bf16 is widened to float during the product; int8 to 16 bits, because
 * the instruction for 8 bits saturates: 32 products in 4 instructions. */
#include "kernels/narrow.h"

#if defined(__AVX2__) && defined(__FMA__)
#include "kernels/narrow_avx2.h"

/* A group of a row in int8 is 4 columns in 16 bits: 0, 2, 1, 3. */
#define INT8_BYTES 8

INLINE int passes(const way w) { return w == BF16_DOT ? 1 : 2; }

/* INT8: even columns, then odd ones. */
INLINE ints n_weights(const way w, const int pass, const char *at) {
    const ints m = n_load_ints(at);

    if (w != INT8) return wide_weights(pass, m);
    return pass == 0 ? _mm256_and_si256(m, _mm256_set1_epi16(0xff)) : _mm256_srli_epi16(m, 8);
}

INLINE ints n_dot(const way w, ints sum, ints m, ints a) {
    return w == INT8 ? _mm256_add_epi32(sum, _mm256_madd_epi16(m, a)) : wide_dot(sum, m, a);
}

INLINE void pack_int8(size_t columns, const float *x, char *to, float *scale, int32_t *shift) {
    ints sum = _mm256_setzero_si256();
    float inverse;

    *scale = scale_of_block(columns, x, &inverse);
    for (size_t k = 0; k < columns; k += 32, to += 64) {
        const ints q = rounded_lanes(columns, k, x, inverse, &sum);
        const ints even = _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8);
        const ints odd = _mm256_srai_epi16(q, 8);
        const ints low = _mm256_unpacklo_epi32(even, odd), high = _mm256_unpackhi_epi32(even, odd);

        _mm256_storeu_si256((void *)to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256((void *)(to + 32), _mm256_permute2x128_si256(low, high, 0x31));
    }
    *shift = isfinite(*scale) ? 128 * lane_sum(sum) : 0;
}

#include "kernels/vector_narrow.h"

TILES(BF16_WIDE)
TILES(INT8)
PRODUCT(bf16, BF16_WIDE, &shapes_BF16_WIDE)
PRODUCT(int8, INT8, &shapes_INT8)
ROUNDING(bf16)
ROUNDING(int8)

const snnk__narrow snnk__narrow_avx2 = {.name = "avx2",
                                        .bf16 = bf16,
                                        .int8 = int8,
                                        .bf16_rounded = bf16_rounded,
                                        .int8_rounded = int8_rounded,
                                        .rounded_columns = ROUNDED_COLUMNS,
                                        .rows = SNNK__NARROW_ROWS};
#endif
