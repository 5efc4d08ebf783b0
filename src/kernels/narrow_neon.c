/* Narrow products in NEON. bf16 is widened to float during the product; int8 goes through 16 bits:
 * 16 products in 4 instructions. */
#include "kernels/narrow.h"

#if defined(__aarch64__)
#include "kernels/narrow_neon.h"

/* A sum of two products, up to 2 x 127 x 127, fits 16 bits. */
INLINE ints n_dot(const way w, ints sum, ints m, ints a) {
    if (w != INT8) return wide_dot(sum, m, a);
    const int8x16_t x = vreinterpretq_s8_s32(m), y = vreinterpretq_s8_s32(a);
    const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
    const int16x8_t high = vmull_high_s8(x, y);

    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

#include "kernels/vector_narrow.h"

TILES(BF16_WIDE)
TILES(INT8)
PRODUCT(bf16, BF16_WIDE, &shapes_BF16_WIDE)
PRODUCT(int8, INT8, &shapes_INT8)
ROUNDING(bf16)
ROUNDING(int8)

const snnk__narrow snnk__narrow_neon = {.name = "neon",
                                        .bf16 = bf16,
                                        .int8 = int8,
                                        .bf16_rounded = bf16_rounded,
                                        .int8_rounded = int8_rounded,
                                        .rounded_columns = ROUNDED_COLUMNS,
                                        .rows = SNNK__NARROW_ROWS};
#endif
