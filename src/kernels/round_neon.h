/* Rounding to bf16 in NEON, with the bits of snnk__bf16_of. Only files compiled for it include
 * this. */
#ifndef SNNK_KERNELS_ROUND_NEON_H
#define SNNK_KERNELS_ROUND_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/inline.h"

INLINE uint16x4_t nearest_bf16(float32x4_t x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x),
                     odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1)),
                     near = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd),
                     quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));

    return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), near, quiet), 16);
}

/* Write the first `count` numbers of a, then b; count is 1 ... 8. */
INLINE void store_rounded(uint16_t *p, float32x4_t a, float32x4_t b, size_t count) {
    const uint16x8_t both = vcombine_u16(nearest_bf16(a), nearest_bf16(b));
    uint16_t all[8];

    if (count == 8) {
        vst1q_u16(p, both);
    } else if (count == 4) {
        vst1_u16(p, vget_low_u16(both));
    } else {
        vst1q_u16(all, both);
        __builtin_memcpy(p, all, count * sizeof *p);
    }
}

#endif
