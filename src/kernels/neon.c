/* Kernels for NEON on AArch64. */
#include "kernels/kernels.h"

#if defined(__aarch64__) && !defined(__AARCH64EB__)
#include <arm_neon.h>

#include "kernels/round_neon.h"

#define LANES          4
#define V_FMA(a, b, c) vfmaq_f32(c, a, b)
#define V_ANY(mask)    (vmaxvq_u32((uint32x4_t)(mask)) != 0)
#define V_NEAREST(x)   vrndnq_f32(x)
#include "kernels/vector_math.h"

INLINE floats v_load(const float *p) { return vld1q_f32(p); }
INLINE void v_store(float *p, floats x) { vst1q_f32(p, x); }

/* There are no masks: a register that is not full is handled lane by lane. */
INLINE floats v_load_first(const float *p, size_t count) {
    floats x = {0};

    if (count >= LANES) return v_load(p);
    if (count > 0) x = vld1q_lane_f32(p, x, 0);
    if (count > 1) x = vld1q_lane_f32(p + 1, x, 1);
    if (count > 2) x = vld1q_lane_f32(p + 2, x, 2);
    return x;
}
INLINE void v_store_first(float *p, floats x, size_t count) {
    if (count >= LANES) {
        v_store(p, x);
        return;
    }
    if (count > 0) vst1q_lane_f32(p, x, 0);
    if (count > 1) vst1q_lane_f32(p + 1, x, 1);
    if (count > 2) vst1q_lane_f32(p + 2, x, 2);
}
INLINE void v_store_pairs(float *p, floats a, floats b, size_t count) {
    v_store_first(p, vzip1q_f32(a, b), 2 * count);
    if (2 * count > LANES) v_store_first(p + LANES, vzip2q_f32(a, b), 2 * count - LANES);
}

INLINE void v_load_pairs(const float *p, floats *a, floats *b, size_t count) {
    const floats first = v_load_first(p, 2 * count),
                 second = v_load_first(p + LANES, 2 * count > LANES ? 2 * count - LANES : 0);

    *a = vuzp1q_f32(first, second);
    *b = vuzp2q_f32(first, second);
}
INLINE floats v_sqrt(floats x) { return vsqrtq_f32(x); }
#include "kernels/vector_slope.h"

#define V_KEEP(x) __asm__("" : "+w"(x))

INLINE floats v_zero(void) {
    float32x4_t zero;

    __asm__ volatile("movi %0.4s, #0" : "=w"(zero));
    return zero;
}

INLINE floats v_repeat(const int chunk, const float *p) {
    switch (chunk) {
    case 1: return vdupq_n_f32(*p);
    case 2: return vcombine_f32(vld1_f32(p), vld1_f32(p));
    default: return vld1q_f32(p);
    }
}

INLINE floats v_pair_sums(floats a, floats b) { return vpaddq_f32(a, b); }

INLINE void v_store_rounded(uint16_t *p, floats a, floats b, size_t count) {
    store_rounded(p, a, b, count);
}

#define PROJECT_ROWS    6 /* 24 sums, 4 + 1 operands, of 32 registers */
#define READOUT_ROWS    8 /* 24 sums, 3 + 1 operands */
#define READOUT_VECTORS 3
#define ROW_PANELS      4
#include "kernels/vector_products.h"

#define CORRELATE_ROWS 8 /* 24 sums, 3 + 1 operands */
#include "kernels/vector_correlate.h"

typedef double doubles __attribute__((vector_size(4 * LANES)));

INLINE doubles v_lower(floats x) { return vcvt_f64_f32(vget_low_f32(x)); }
INLINE doubles v_upper(floats x) { return vcvt_high_f64_f32(x); }
INLINE floats v_join(doubles lower, doubles upper) {
    return vcvt_high_f32_f64(vcvt_f32_f64(lower), upper);
}
INLINE doubles v_double_fma(doubles a, doubles b, doubles c) { return vfmaq_f64(c, a, b); }
#include "kernels/vector_urf.h"

#define V_SWAP(x, h)   ((h) == 1 ? vrev64q_f32(x) : vextq_f32(x, x, 2))
#define MOST_RADIX     8
#define V_STREAM(p, x) v_store(p, x) /* no such stores in the language that gcc and clang share */
#define V_FENCE()      (void)0
#include "kernels/vector_hadamard.h"
#include "kernels/vector_window.h"

#define MOMENT_LEFT  4
#define MOMENT_RIGHT 1
#define MOMENT_AHEAD 0
#include "kernels/vector_moments.h"

#include "kernels/vector_scatter.h"
#include "kernels/vector_series.h"

const snnk__kernels snnk__kernels_neon = {
    .name = "neon",
    .projection_shape = projection_shape,
    .readout_shape = {READOUT_PANEL, 1, LANES},
    .project = project,
    .readout = readout,
    .readout_bf16 = readout_bf16,
    .apply = apply,
    .apply_urf = apply_urf,
    .hd3 = hd3,
    .hd3_cosines = hd3_cosines,
    .patches = patches,
    .pool_add = pool_add,
    .pool_finish = pool_finish,
    .scatter = scatter,
    .shares = shares,
    .slopes = slopes,
    .correlate = correlate,
    .adam = adam,
    .widen = snnk__widen,
    .round = snnk__round,
    .moments = MOMENTS_TABLE,
};
#endif
