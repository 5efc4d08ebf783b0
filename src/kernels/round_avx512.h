/* Rounding to bf16 in AVX-512, with the bits of snnk__bf16_of. Only files compiled for it include
 * this. */
#ifndef SNNK_KERNELS_ROUND_AVX512_H
#define SNNK_KERNELS_ROUND_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/inline.h"

/* ---- By whole numbers ---- */

/* Make NaN a number that rounds as snnk__bf16_of rounds it: quiet, the lower half zero. */
INLINE __m512i without_nan(__m512 x) {
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i bits = _mm512_castps_si512(x),
                  quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));

    return _mm512_mask_and_epi32(bits, nan, quiet, _mm512_set1_epi32((int)0xffff0000u));
}

/* bf16 in the upper halves. */
INLINE __m512i nearest_bf16(__m512i bits) {
    const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    const __m512i half = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));

    return _mm512_mask_sub_epi32(half, odd, half, _mm512_set1_epi32(-1));
}

/* Write the first `count` numbers of a, then b; count is 1 ... 32. */
INLINE void store_rounded(uint16_t *p, __m512 a, __m512 b, size_t count) {
    const __m512i order = _mm512_setr_epi32(0x20000, 0x60004, 0xa0008, 0xe000c, 0x120010, 0x160014,
                                            0x1a0018, 0x1e001c, 0x30001, 0x70005, 0xb0009, 0xf000d,
                                            0x130011, 0x170015, 0x1b0019, 0x1f001d);
    const bool any_nan = _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) != 0;
    const __m512i low = nearest_bf16(any_nan ? without_nan(a) : _mm512_castps_si512(a)),
                  high = nearest_bf16(any_nan ? without_nan(b) : _mm512_castps_si512(b));
    const __m512i both = _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(low, 16), high);

    _mm512_mask_storeu_epi16(p, 0xffffffffu >> (32 - count), _mm512_permutexvar_epi16(order, both));
}

/* ---- By an instruction ---- */

/* a, then b, by VCVTNE2PS2BF16 (avx512_bf16), which rounds as snnk__bf16_of but takes subnormal
 * numbers for zeros. Clears the lanes of *nonzero where it gives zeros: there the result may be
 * wrong. */
INLINE __m512i converted(__m512 a, __m512 b, __mmask32 *nonzero) {
    __m512i both;

    __asm__("vcvtne2ps2bf16 %1, %2, %0" : "=v"(both) : "v"(a), "v"(b));
    *nonzero = _mm512_mask_test_epi16_mask(*nonzero, both, _mm512_set1_epi16(0x7fff));
    return both;
}

static __attribute__((noinline, unused)) void store_rounded_apart(uint16_t *p, __m512 a, __m512 b,
                                                                  size_t count) {
    store_rounded(p, a, b, count);
}

/* store_rounded, by the instruction if `converts`. */
INLINE void store_quickly(bool converts, uint16_t *p, __m512 a, __m512 b, size_t count) {
    const __mmask32 lanes = 0xffffffffu >> (32 - count);
    __mmask32 nonzero = lanes;

    if (converts) {
        const __m512i both = converted(a, b, &nonzero);

        _mm512_mask_storeu_epi16(p, lanes, both);
        if (nonzero == lanes) return;
    }
    store_rounded_apart(p, a, b, count);
}

#endif
