/* Rows of A in bf16 and int8, with AVX-512. Only files compiled for it include this. */
#ifndef SNNK_KERNELS_NARROW_AVX512_H
#define SNNK_KERNELS_NARROW_AVX512_H

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/inline.h"
#include "kernels/narrow_format.h"

INLINE __mmask16 first_lanes(size_t count) {
    const unsigned mask = count >= 16 ? 0xffffu : (1u << count) - 1u;

    return (__mmask16)mask;
}

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
