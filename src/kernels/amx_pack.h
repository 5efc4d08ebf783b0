/* Numbers in bf16 as tiles of AMX take them, for sums over rows: the factor on the right has pairs
 * of rows as rows of a tile, the one on the left has columns as rows. Included by files that are
 * compiled for AMX. */
#ifndef SNNK_KERNELS_AMX_PACK_H
#define SNNK_KERNELS_AMX_PACK_H

#include <immintrin.h>

#include "kernels/amx_tiles.h"

/* Round 16 columns of two rows to bf16: one row of a tile, with both numbers of a column side by
 * side. */
static inline __m512i snnk__tile_pairs(__m512 first, __m512 second) {
    const __m512i together =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

    return _mm512_permutexvar_epi16(together, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

/* Transpose a tile of 16 x 16 pairs. */
static inline void snnk__tile_turn(const char *from, char *to) {
    __m512i r[16], t[16];

    UNROLLED (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(from + i * TILE_BYTES);
    UNROLLED (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    UNROLLED (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    UNROLLED (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    UNROLLED (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
    UNROLLED (int i = 0; i < 16; i++) _mm512_storeu_si512(to + i * TILE_BYTES, r[i]);
}

#endif
