/* What the two narrow tables for NEON share. Only files compiled for it include this. */
#ifndef SNNK_KERNELS_NARROW_NEON_H
#define SNNK_KERNELS_NARROW_NEON_H

#include <arm_neon.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/inline.h"
#include "kernels/narrow.h"
#include "kernels/round_neon.h"

/* 24 sums, 4 + 1 operands, of 32 registers. */
#define LANES          4
#define ROWS           6
#define PANELS         1
#define ROW_PANELS     2
#define TALL_ROWS      6
#define MOST_REGISTERS 8
#define MOST_SUMS      24
#define INT8_BYTES     4

typedef enum way { INT8, BF16_DOT, BF16_WIDE, BF16_TILES, BF16X3 } way;

typedef int32x4_t ints;
typedef float32x4_t floats;

/* ---- Operations on registers: see vector_narrow.h ---- */

INLINE ints n_broadcast(const char *at) {
    int32_t four;

    __builtin_memcpy(&four, at, sizeof four);
    return vdupq_n_s32(four);
}
INLINE floats n_set(float x) { return vdupq_n_f32(x); }
INLINE floats n_load(const float *p) { return vld1q_f32(p); }
INLINE floats n_load_first(const float *p, size_t count) {
    float four[LANES] = {0};

    if (count >= LANES) return vld1q_f32(p);
    __builtin_memcpy(four, p, count * sizeof *p);
    return vld1q_f32(four);
}
INLINE void n_store(float *p, floats x) { vst1q_f32(p, x); }
INLINE void n_store_first(float *p, floats x, size_t count) {
    float four[LANES];

    vst1q_f32(four, x);
    __builtin_memcpy(p, four, (count < LANES ? count : LANES) * sizeof *p);
}
INLINE void n_store_rounded(bool converts, uint16_t *p, floats a, floats b, size_t count) {
    (void)converts;
    store_rounded(p, a, b, count);
}
INLINE floats n_add(floats a, floats b) { return vaddq_f32(a, b); }
INLINE floats n_mul(floats a, floats b) { return vmulq_f32(a, b); }
INLINE floats n_fma(floats a, floats b, floats c) { return vfmaq_f32(c, a, b); }
INLINE floats n_converted(ints x) { return vcvtq_f32_s32(x); }
INLINE floats n_floats(ints x) { return vreinterpretq_f32_s32(x); }
INLINE ints n_ints(floats x) { return vreinterpretq_s32_f32(x); }

/* Weights in int8 get their sign back, so nothing has to be taken off the sums. */
INLINE ints n_begin(int32_t shift) {
    (void)shift;
    return vdupq_n_s32(0);
}

INLINE int passes(const way w) { return w == BF16_WIDE ? 2 : 1; }

INLINE ints n_weights(const way w, const int pass, const char *at) {
    int32_t four[LANES];

    __builtin_memcpy(four, at, sizeof four);
    const ints m = vld1q_s32(four);

    if (w == INT8) return veorq_s32(m, vdupq_n_s32((int32_t)0x80808080));
    return pass == 0 ? vshlq_n_s32(m, 16) : vandq_s32(m, vdupq_n_s32((int32_t)0xffff0000));
}

INLINE ints wide_dot(ints sum, ints m, ints a) {
    return n_ints(vfmaq_f32(n_floats(sum), n_floats(a), n_floats(m)));
}

/* ---- Rows of A ---- */

INLINE void pack_row(const way w, size_t columns, const float *x, char *to) {
    (void)w;
    (void)columns;
    (void)x;
    (void)to;
}

INLINE int32x4_t rounded_lanes(size_t columns, size_t k, const float *x, float inverse) {
    return vcvtnq_s32_f32(vmulq_n_f32(n_load_first(x + k, columns > k ? columns - k : 0), inverse));
}

/* Round a block of a row to the same numbers as snnk__int8_scale and snnk__int8_of. Writes zeros up
 * to a multiple of 16. */
INLINE void pack_int8(size_t columns, const float *x, char *to, float *scale, int32_t *shift) {
    uint32x4_t bits = vdupq_n_u32(0);

    /* NaN is above infinity as a whole number; a maximum of floats need not keep it. */
    for (size_t k = 0; k < columns; k += LANES)
        bits = vmaxq_u32(bits, vreinterpretq_u32_f32(vabsq_f32(n_load_first(x + k, columns - k))));
    const uint32_t most = vmaxvq_u32(bits);
    float largest;

    __builtin_memcpy(&largest, &most, sizeof largest);
    const float step = largest / 127 >= FLT_MIN ? largest / 127 : 0;
    const float inverse = step > 0 && isfinite(largest) ? 1 / step : 0;

    for (size_t k = 0; k < columns; k += 16) {
        const int16x8_t low = vcombine_s16(vqmovn_s32(rounded_lanes(columns, k, x, inverse)),
                                           vqmovn_s32(rounded_lanes(columns, k + 4, x, inverse)));
        const int16x8_t high = vcombine_s16(vqmovn_s32(rounded_lanes(columns, k + 8, x, inverse)),
                                            vqmovn_s32(rounded_lanes(columns, k + 12, x, inverse)));

        vst1q_s8((int8_t *)(void *)(to + k), vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
    }
    *scale = isfinite(largest) ? step : NAN;
    *shift = 0;
}

/* Tiles of one way of multiplying. */
#define TILES(w)                                                                                   \
    TILE(w, 1, 2)                                                                                  \
    TILE(w, 1, 1)                                                                                  \
    TILE(w, 2, 1)                                                                                  \
    TILE(w, 3, 1)                                                                                  \
    TILE(w, 4, 1)                                                                                  \
    TILE(w, 5, 1)                                                                                  \
    TILE(w, 6, 1)                                                                                  \
    static const shapes shapes_##w = {                                                             \
        .by_rows = {[1] = {NULL, sum_##w##_1_1, sum_##w##_2_1, sum_##w##_3_1, sum_##w##_4_1,       \
                           sum_##w##_5_1, sum_##w##_6_1}},                                         \
        .one_row = sum_##w##_1_2};

#endif
