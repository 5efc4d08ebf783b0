/* Rounding to bf16 in AVX2, with the bits of snnk__bf16_of. Only files compiled for it include
 * this. */
#ifndef SNNK_KERNELS_ROUND_AVX2_H
#define SNNK_KERNELS_ROUND_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/inline.h"

/* bf16 in the lower halves. */
INLINE __m256i nearest_bf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x),
                  odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1)),
                  near = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd),
                  quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)),
                  nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));

    return _mm256_srli_epi32(_mm256_blendv_epi8(near, quiet, nan), 16);
}

/* Write the first `count` numbers of a, then b; count is 1 ... 16. */
INLINE void store_rounded(uint16_t *p, __m256 a, __m256 b, size_t count) {
    const __m256i both =
        _mm256_permute4x64_epi64(_mm256_packus_epi32(nearest_bf16(a), nearest_bf16(b)), 0xd8);
    uint16_t all[16];

    if (count == 16) {
        _mm256_storeu_si256((void *)p, both);
    } else if (count == 8) {
        _mm_storeu_si128((void *)p, _mm256_castsi256_si128(both));
    } else {
        _mm256_storeu_si256((void *)all, both);
        __builtin_memcpy(p, all, count * sizeof *p);
    }
}

#endif
