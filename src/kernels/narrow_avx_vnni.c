/* Narrow products in AVX2 with avx_vnni: int8, 32 products an instruction. bf16 as in AVX2. */
#include "kernels/narrow.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__AVXVNNI__)
#include "kernels/narrow_avx2.h"

#define INT8_BYTES 4

INLINE int passes(const way w) { return w == BF16_WIDE ? 2 : 1; }

INLINE ints n_weights(const way w, const int pass, const char *at) {
    const ints m = n_load_ints(at);

    return w == INT8 ? m : wide_weights(pass, m);
}

INLINE ints n_dot(const way w, ints sum, ints m, ints a) {
    return w == INT8 ? _mm256_dpbusd_avx_epi32(sum, m, a) : wide_dot(sum, m, a);
}

INLINE void pack_int8(size_t columns, const float *x, char *to, float *scale, int32_t *shift) {
    ints sum = _mm256_setzero_si256();
    float inverse;

    *scale = scale_of_block(columns, x, &inverse);
    for (size_t k = 0; k < columns; k += 32)
        _mm256_storeu_si256((void *)(to + k), rounded_lanes(columns, k, x, inverse, &sum));
    *shift = isfinite(*scale) ? 128 * lane_sum(sum) : 0;
}

#include "kernels/vector_narrow.h"

TILES(INT8)
PRODUCT(int8, INT8, &shapes_INT8)
ROUNDING(int8)

static void bf16(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                 size_t count, bool begins, const float *bias, float *C, size_t ldc,
                 void *scratch) {
    snnk__narrow_avx2.bf16(n, A, lda, M, first, count, begins, bias, C, ldc, scratch);
}

static void bf16_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                         const float *bias, bool converts, uint16_t *C, size_t ldc, void *scratch) {
    snnk__narrow_avx2.bf16_rounded(n, A, lda, M, bias, converts, C, ldc, scratch);
}

const snnk__narrow snnk__narrow_avx_vnni = {.name = "avx_vnni",
                                            .bf16 = bf16,
                                            .int8 = int8,
                                            .bf16_rounded = bf16_rounded,
                                            .int8_rounded = int8_rounded,
                                            .rounded_columns = ROUNDED_COLUMNS,
                                            .rows = SNNK__NARROW_ROWS};
#endif
