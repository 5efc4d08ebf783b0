/* Kernels for AVX2 with FMA. */
#include "kernels/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels/round_avx2.h"

#define LANES          8
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define V_ANY(mask)    (_mm256_movemask_ps((__m256)(mask)) != 0)
#define V_NEAREST(x)   _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#include "kernels/vector_math.h"

/* A mask of the first `count` lanes. */
INLINE __m256i first_lanes(size_t count) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count < LANES ? count : LANES)), lanes);
}

INLINE floats v_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void v_store(float *p, floats x) { _mm256_storeu_ps(p, x); }
INLINE floats v_load_first(const float *p, size_t count) {
    return _mm256_maskload_ps(p, first_lanes(count));
}
INLINE void v_store_first(float *p, floats x, size_t count) {
    /* A full store is much faster: a masked one takes dozens of cycles on AMD's processors. */
    if (count >= LANES)
        v_store(p, x);
    else if (count == LANES / 2)
        _mm_storeu_ps(p, _mm256_castps256_ps128(x));
    else
        _mm256_maskstore_ps(p, first_lanes(count), x);
}
INLINE void v_store_pairs(float *p, floats a, floats b, size_t count) {
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);

    v_store_first(p, _mm256_permute2f128_ps(low, high, 0x20), 2 * count);
    if (2 * count > LANES)
        v_store_first(p + LANES, _mm256_permute2f128_ps(low, high, 0x31), 2 * count - LANES);
}

INLINE void v_load_pairs(const float *p, floats *a, floats *b, size_t count) {
    const __m256 first = v_load_first(p, 2 * count),
                 second = v_load_first(p + LANES, 2 * count > LANES ? 2 * count - LANES : 0);
    const __m256 low = _mm256_permute2f128_ps(first, second, 0x20),
                 high = _mm256_permute2f128_ps(first, second, 0x31);

    *a = _mm256_shuffle_ps(low, high, 0x88);
    *b = _mm256_shuffle_ps(low, high, 0xdd);
}
INLINE floats v_sqrt(floats x) { return _mm256_sqrt_ps(x); }
#include "kernels/vector_slope.h"

#define V_KEEP(x) __asm__("" : "+x"(x))

INLINE floats v_zero(void) {
    __m256 zero;

    __asm__ volatile("vxorps %0, %0, %0" : "=x"(zero));
    return zero;
}

INLINE floats v_repeat(const int chunk, const float *p) {
    int64_t two; /* as a double it might pass an x87 register, which changes signalling NaNs */

    switch (chunk) {
    case 1: return _mm256_set1_ps(*p);
    case 2:
        __builtin_memcpy(&two, p, sizeof two);
        return _mm256_castsi256_ps(_mm256_set1_epi64x(two));
    case 4: return _mm256_broadcast_ps((const __m128 *)(const void *)p);
    default: return _mm256_loadu_ps(p);
    }
}

INLINE floats v_pair_sums(floats a, floats b) {
    const __m256d mixed = _mm256_castps_pd(_mm256_hadd_ps(a, b)); /* halves of a and b in turn */

    return _mm256_castpd_ps(_mm256_permute4x64_pd(mixed, 0xd8));
}

INLINE void v_store_rounded(uint16_t *p, floats a, floats b, size_t count) {
    store_rounded(p, a, b, count);
}

#define PROJECT_ROWS    3 /* 12 sums, 3 + 1 operands, of 16 registers */
#define READOUT_ROWS    4 /* 12 sums, 3 + 1 operands */
#define READOUT_VECTORS 3
#define ROW_PANELS      4
#include "kernels/vector_products.h"

#define CORRELATE_ROWS 4 /* 12 sums, 3 + 1 operands */
#include "kernels/vector_correlate.h"

typedef double doubles __attribute__((vector_size(4 * LANES)));

INLINE doubles v_lower(floats x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
INLINE doubles v_upper(floats x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
INLINE floats v_join(doubles lower, doubles upper) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(lower)),
                                _mm256_cvtpd_ps(upper), 1);
}
INLINE doubles v_double_fma(doubles a, doubles b, doubles c) { return _mm256_fmadd_pd(a, b, c); }
#include "kernels/vector_urf.h"

#define V_SWAP(x, h)                                                                               \
    ((h) == 1   ? _mm256_permute_ps(x, 0xb1)                                                       \
     : (h) == 2 ? _mm256_permute_ps(x, 0x4e)                                                       \
                : _mm256_permute2f128_ps(x, x, 1))
#define MOST_RADIX          8
#define V_EVEN(p)           ((floats)_mm256_moveldup_ps(_mm256_loadu_ps(p)))
#define V_ODD(p)            ((floats)_mm256_movehdup_ps(_mm256_loadu_ps(p)))
#define V_PAIRS(p)          ((floats)_mm256_movedup_pd(_mm256_castps_pd(_mm256_loadu_ps(p))))
#define V_FMSUBADD(a, b, c) ((floats)_mm256_fmsubadd_ps(a, b, c))
#define V_STREAM(p, x)      _mm256_stream_ps(p, x)
#define V_FENCE()           _mm_sfence()
#include "kernels/vector_hadamard.h"
#include "kernels/vector_window.h"

#define MOMENT_LEFT  4
#define MOMENT_RIGHT 1
#define MOMENT_AHEAD 0
#include "kernels/vector_moments.h"

#include "kernels/vector_scatter.h"
#include "kernels/vector_series.h"

const snnk__kernels snnk__kernels_avx2 = {
    .name = "avx2",
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
