/* Registers of AVX-512, and rows of A in bf16 and int8. Only files compiled for it include this. */
#ifndef SNNK_KERNELS_NARROW_AVX512_H
#define SNNK_KERNELS_NARROW_AVX512_H

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/inline.h"
#include "kernels/narrow_format.h"
#include "kernels/round_avx512.h"

typedef __m512i ints;
typedef __m512 floats;

INLINE __mmask16 first_lanes(size_t count) {
    const unsigned mask = count >= 16 ? 0xffffu : (1u << count) - 1u;

    return (__mmask16)mask;
}

/* ---- Operations on registers: see vector_narrow.h ---- */

INLINE ints n_broadcast(const char *at) {
    int32_t four;

    __builtin_memcpy(&four, at, sizeof four);
    return _mm512_set1_epi32(four);
}
INLINE floats n_set(float x) { return _mm512_set1_ps(x); }
INLINE floats n_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE floats n_load_first(const float *p, size_t count) {
    return _mm512_maskz_loadu_ps(first_lanes(count), p);
}
INLINE void n_store(float *p, floats x) { _mm512_storeu_ps(p, x); }
INLINE void n_store_first(float *p, floats x, size_t count) {
    _mm512_mask_storeu_ps(p, first_lanes(count), x);
}
INLINE void n_store_rounded(bool converts, uint16_t *p, floats a, floats b, size_t count) {
    store_quickly(converts, p, a, b, count);
}
INLINE floats n_add(floats a, floats b) { return _mm512_add_ps(a, b); }
INLINE floats n_mul(floats a, floats b) { return _mm512_mul_ps(a, b); }
INLINE floats n_fma(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
INLINE floats n_converted(ints x) { return _mm512_cvtepi32_ps(x); }
INLINE floats n_floats(ints x) { return _mm512_castsi512_ps(x); }
INLINE ints n_ints(floats x) { return _mm512_castps_si512(x); }
/* The first and the second of each pair of bf16, as floats. */
INLINE ints first_of(ints pairs) { return _mm512_slli_epi32(pairs, 16); }
INLINE ints second_of(ints pairs) {
    return _mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000u));
}

/* ---- Rows of A ---- */

/* 16 floats of a row from x[k], zeros beyond its columns. whole: none is beyond; constant. */
INLINE __m512 row_lanes(const bool whole, size_t columns, size_t k, const float *x) {
    if (whole) return _mm512_loadu_ps(x + k);
    return _mm512_maskz_loadu_ps(first_lanes(columns > k ? columns - k : 0), x + k);
}

/* Round to bf16; subnormal numbers become 0. Writes zeros up to a multiple of 32. */
INLINE void pack_bf16(size_t columns, const float *x, uint16_t *to) {
    size_t k = 0;

    for (; k + 32 <= columns; k += 32)
        _mm512_storeu_si512(to + k,
                            (__m512i)_mm512_cvtne2ps_pbh(row_lanes(true, columns, k + 16, x),
                                                         row_lanes(true, columns, k, x)));
    if (k < columns)
        _mm512_storeu_si512(to + k,
                            (__m512i)_mm512_cvtne2ps_pbh(row_lanes(false, columns, k + 16, x),
                                                         row_lanes(false, columns, k, x)));
}

/* What rounding 16 floats to bf16 leaves. Infinite numbers leave NaN. */
INLINE __m512 rest_of(__m512 x, __m256i rounded) {
    return _mm512_sub_ps(x, n_floats(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16)));
}

/* The same as pack_bf16, then what that leaves, also rounded to bf16: 32 columns of both by turns.
 * The thread must treat subnormal numbers as zeros. */
INLINE void pack_pairs(size_t columns, const float *x, uint16_t *to) {
    for (size_t k = 0; k < columns; k += 32, to += 64) {
        const bool whole = k + 32 <= columns;
        const __m512 a = whole ? row_lanes(true, columns, k, x) : row_lanes(false, columns, k, x);
        const __m512 b =
            whole ? row_lanes(true, columns, k + 16, x) : row_lanes(false, columns, k + 16, x);
        const __m512i high = (__m512i)_mm512_cvtne2ps_pbh(b, a);
        const __m512 a_rest = rest_of(a, _mm512_castsi512_si256(high)),
                     b_rest = rest_of(b, _mm512_extracti64x4_epi64(high, 1));

        _mm512_storeu_si512(to, high);
        _mm512_storeu_si512(to + 32, (__m512i)_mm512_cvtne2ps_pbh(b_rest, a_rest));
    }
}

/* The larger magnitude of each lane, as bits: NaN is above infinity as a whole number. */
INLINE __m512i larger(__m512i bits, __m512 x) {
    return _mm512_max_epu32(bits, _mm512_castps_si512(_mm512_abs_ps(x)));
}

/* 64 floats times `inverse`, as whole numbers. */
INLINE __m512i rounded_lanes(const bool whole, size_t columns, size_t k, const float *x,
                             __m512 inverse) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i q[4];

    UNROLLED (int i = 0; i < 4; i++)
        q[i] = _mm512_cvtps_epi32(
            _mm512_mul_ps(row_lanes(whole, columns, k + 16 * (size_t)i, x), inverse));
    return _mm512_permutexvar_epi32(
        order, _mm512_packs_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3])));
}

/* Round a block of a row to the same numbers as snnk__int8_scale and snnk__int8_of. Writes zeros up
 * to a multiple of 64. shift: 128 times the sum of the numbers. */
INLINE void pack_int8(size_t columns, const float *x, char *to, float *scale, int32_t *shift) {
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i a = _mm512_setzero_si512(), b = a, sum = a;
    size_t k = 0;

    for (; k + 32 <= columns; k += 32) {
        a = larger(a, row_lanes(true, columns, k, x));
        b = larger(b, row_lanes(true, columns, k + 16, x));
    }
    if (k < columns) {
        a = larger(a, row_lanes(false, columns, k, x));
        b = larger(b, row_lanes(false, columns, k + 16, x));
    }
    /* _mm512_reduce_max_ps would lose NaN. */
    const __m512i bits = _mm512_min_epu32(_mm512_max_epu32(a, b), _mm512_set1_epi32(0x7f800000));
    const float largest = _mm512_reduce_max_ps(_mm512_castsi512_ps(bits));
    const float step = largest / 127 >= FLT_MIN ? largest / 127 : 0;
    const __m512 inverse = _mm512_set1_ps(step > 0 && isfinite(largest) ? 1 / step : 0);

    for (k = 0; k < columns; k += 64) {
        const __m512i q = k + 64 <= columns ? rounded_lanes(true, columns, k, x, inverse)
                                            : rounded_lanes(false, columns, k, x, inverse);

        _mm512_storeu_si512(to + k, q);
        sum = _mm512_dpbusd_epi32(sum, ones, q);
    }
    *scale = isfinite(largest) ? step : NAN;
    *shift = isfinite(largest) ? 128 * _mm512_reduce_add_epi32(sum) : 0;
}

#endif
