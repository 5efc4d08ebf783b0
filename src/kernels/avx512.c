/* Kernels for AVX-512 (f, dq, bw, vl). */
#include "kernels/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "kernels/round_avx512.h"

#define LANES          16
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_ANY(mask)    (_mm512_movepi32_mask((__m512i)(mask)) != 0)
#define V_NEAREST(x)   _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#include "kernels/vector_math.h"

/* A mask of the first `count` lanes. */
INLINE __mmask16 first_lanes(size_t count) {
    const unsigned mask = count >= LANES ? 0xffffu : (1u << count) - 1u;

    return (__mmask16)mask;
}

INLINE floats v_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void v_store(float *p, floats x) { _mm512_storeu_ps(p, x); }
INLINE floats v_load_first(const float *p, size_t count) {
    return _mm512_maskz_loadu_ps(first_lanes(count), p);
}
INLINE void v_store_first(float *p, floats x, size_t count) {
    _mm512_mask_storeu_ps(p, first_lanes(count), x);
}
INLINE void v_store_pairs(float *p, floats a, floats b, size_t count) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));

    _mm512_mask_storeu_ps(p, first_lanes(2 * count), _mm512_permutex2var_ps(a, low, b));
    if (2 * count > LANES)
        _mm512_mask_storeu_ps(p + LANES, first_lanes(2 * count - LANES),
                              _mm512_permutex2var_ps(a, high, b));
}

INLINE void v_load_pairs(const float *p, floats *a, floats *b, size_t count) {
    const __m512 low = v_load_first(p, 2 * count),
                 high = v_load_first(p + LANES, 2 * count > LANES ? 2 * count - LANES : 0);
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);

    *a = _mm512_permutex2var_ps(low, even, high);
    *b = _mm512_permutex2var_ps(low, _mm512_add_epi32(even, _mm512_set1_epi32(1)), high);
}
INLINE floats v_sqrt(floats x) { return _mm512_sqrt_ps(x); }
#include "kernels/vector_slope.h"

#define V_KEEP(x) __asm__("" : "+v"(x))

INLINE floats v_zero(void) {
    __m512 zero;

    __asm__ volatile("vpxord %0, %0, %0" : "=v"(zero));
    return zero;
}

INLINE floats v_repeat(const int chunk, const float *p) {
    int64_t two; /* as a double it might pass an x87 register, which changes signalling NaNs */

    switch (chunk) {
    case 1: return _mm512_set1_ps(*p);
    case 2:
        __builtin_memcpy(&two, p, sizeof two);
        return _mm512_castsi512_ps(_mm512_set1_epi64(two));
    case 4: return _mm512_broadcast_f32x4(_mm_loadu_ps(p));
    case 8: return _mm512_broadcast_f32x8(_mm256_loadu_ps(p));
    default: return _mm512_loadu_ps(p);
    }
}

INLINE floats v_pair_sums(floats a, floats b) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));

    return _mm512_add_ps(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b));
}

INLINE void v_store_rounded(uint16_t *p, floats a, floats b, size_t count) {
    store_rounded(p, a, b, count);
}

#define V_CONVERTS
typedef __mmask32 v_nonzero; /* lanes without zeros so far */
INLINE v_nonzero v_all_nonzero(void) { return 0xffffffffu; }
INLINE v_nonzero v_store_converted(uint16_t *p, floats a, floats b, v_nonzero nonzero) {
    _mm512_storeu_si512(p, converted(a, b, &nonzero));
    return nonzero;
}
INLINE v_nonzero v_store_converted_rows(uint16_t *p, floats a, uint16_t *q, floats b,
                                        v_nonzero nonzero) {
    const __m512i both = converted(a, b, &nonzero);

    _mm256_storeu_si256((void *)p, _mm512_castsi512_si256(both));
    _mm256_storeu_si256((void *)q, _mm512_extracti64x4_epi64(both, 1));
    return nonzero;
}

#define PROJECT_ROWS    6 /* 24 sums, 4 + 1 operands, of 32 registers */
#define READOUT_ROWS    8 /* 24 sums, 3 + 1 operands */
#define READOUT_VECTORS 3
#define ROW_PANELS      2
#include "kernels/vector_products.h"

static void widen(size_t n, const uint16_t *from, float *to) {
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(from + i)));

        _mm512_storeu_si512(to + i, _mm512_slli_epi32(wide, 16));
    }
    snnk__widen(n - i, from + i, to + i);
}

static void round_floats(size_t n, const float *from, uint16_t *to) {
    const bool converts = snnk__kernels_convert();
    size_t i = 0;

    for (; i + 2 * LANES <= n; i += 2 * LANES)
        store_quickly(converts, to + i, v_load(from + i), v_load(from + i + LANES), 2 * LANES);
    snnk__round(n - i, from + i, to + i);
}

#define CORRELATE_ROWS 9 /* 27 sums, 3 + 1 operands */
#include "kernels/vector_correlate.h"

typedef double doubles __attribute__((vector_size(4 * LANES)));

INLINE doubles v_lower(floats x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
INLINE doubles v_upper(floats x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
INLINE floats v_join(doubles lower, doubles upper) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(lower)),
                              _mm512_cvtpd_ps(upper), 1);
}
INLINE doubles v_double_fma(doubles a, doubles b, doubles c) { return _mm512_fmadd_pd(a, b, c); }
#include "kernels/vector_urf.h"

#define V_SWAP(x, h)                                                                               \
    ((h) == 1   ? _mm512_permute_ps(x, 0xb1)                                                       \
     : (h) == 2 ? _mm512_permute_ps(x, 0x4e)                                                       \
     : (h) == 4 ? _mm512_shuffle_f32x4(x, x, 0xb1)                                                 \
                : _mm512_shuffle_f32x4(x, x, 0x4e))
#define MOST_RADIX          16
#define V_EVEN(p)           ((floats)_mm512_moveldup_ps(_mm512_loadu_ps(p)))
#define V_ODD(p)            ((floats)_mm512_movehdup_ps(_mm512_loadu_ps(p)))
#define V_PAIRS(p)          ((floats)_mm512_movedup_pd(_mm512_castps_pd(_mm512_loadu_ps(p))))
#define V_FMSUBADD(a, b, c) ((floats)_mm512_fmsubadd_ps(a, b, c))
#define V_STREAM(p, x)      _mm512_stream_ps(p, x)
#define V_FENCE()           _mm_sfence()
#include "kernels/vector_hadamard.h"
#include "kernels/vector_window.h"

#define MOMENT_LEFT  8
#define MOMENT_RIGHT 3
#define MOMENT_AHEAD 32
#include "kernels/vector_moments.h"

#include "kernels/vector_scatter.h"
#include "kernels/vector_series.h"

const snnk__kernels snnk__kernels_avx512 = {
    .name = "avx512",
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
    .widen = widen,
    .round = round_floats,
    .moments = MOMENTS_TABLE,
};
#endif
