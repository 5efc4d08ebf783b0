/* Narrow products in NEON with dotprod: int8, 16 products an instruction. bf16 as in NEON. */
#include "kernels/narrow.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include "kernels/narrow_neon.h"

INLINE ints n_dot(const way w, ints sum, ints m, ints a) {
    return w == INT8 ? vdotq_s32(sum, vreinterpretq_s8_s32(m), vreinterpretq_s8_s32(a))
                     : wide_dot(sum, m, a);
}

#include "kernels/vector_narrow.h"

TILES(INT8)
PRODUCT(int8, INT8, &shapes_INT8)
ROUNDING(int8)

static void bf16(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                 size_t count, bool begins, const float *bias, float *C, size_t ldc,
                 void *scratch) {
    snnk__narrow_neon.bf16(n, A, lda, M, first, count, begins, bias, C, ldc, scratch);
}

static void bf16_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                         const float *bias, bool converts, uint16_t *C, size_t ldc, void *scratch) {
    snnk__narrow_neon.bf16_rounded(n, A, lda, M, bias, converts, C, ldc, scratch);
}

const snnk__narrow snnk__narrow_neon_dot = {.name = "neon_dot",
                                            .bf16 = bf16,
                                            .int8 = int8,
                                            .bf16_rounded = bf16_rounded,
                                            .int8_rounded = int8_rounded,
                                            .rounded_columns = ROUNDED_COLUMNS,
                                            .rows = SNNK__NARROW_ROWS};
#endif
