/* What the two narrow tables for AVX2 share. Only files compiled for it include this. */
#ifndef SNNK_KERNELS_NARROW_AVX2_H
#define SNNK_KERNELS_NARROW_AVX2_H

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/inline.h"
#include "kernels/narrow.h"
#include "kernels/round_avx2.h"

/* 12 sums, 2 + 1 operands, of 16 registers. */
#define LANES          8
#define ROWS           6
#define PANELS         1
#define ROW_PANELS     4
#define TALL_ROWS      6
#define MOST_REGISTERS 8
#define MOST_SUMS      12

typedef enum way { INT8, BF16_DOT, BF16_WIDE, BF16_TILES, BF16X3 } way;

typedef __m256i ints;
typedef __m256 floats;

/* ---- Operations on registers: see vector_narrow.h ---- */

INLINE ints n_load_ints(const char *at) { return _mm256_loadu_si256((const void *)at); }
INLINE ints n_broadcast(const char *at) {
    int32_t four;

    __builtin_memcpy(&four, at, sizeof four);
    return _mm256_set1_epi32(four);
}
/* A mask of the first `count` lanes. */
INLINE ints first_lanes(size_t count) {
    const ints lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count < LANES ? count : LANES)), lanes);
}
INLINE floats n_set(float x) { return _mm256_set1_ps(x); }
INLINE floats n_load(const float *p) { return _mm256_loadu_ps(p); }
INLINE floats n_load_first(const float *p, size_t count) {
    return _mm256_maskload_ps(p, first_lanes(count));
}
INLINE void n_store(float *p, floats x) { _mm256_storeu_ps(p, x); }
INLINE void n_store_first(float *p, floats x, size_t count) {
    /* A masked store takes dozens of cycles on AMD's processors. */
    if (count >= LANES)
        n_store(p, x);
    else
        _mm256_maskstore_ps(p, first_lanes(count), x);
}
INLINE void n_store_rounded(bool converts, uint16_t *p, floats a, floats b, size_t count) {
    (void)converts;
    store_rounded(p, a, b, count);
}
INLINE floats n_add(floats a, floats b) { return _mm256_add_ps(a, b); }
INLINE floats n_mul(floats a, floats b) { return _mm256_mul_ps(a, b); }
INLINE floats n_fma(floats a, floats b, floats c) { return _mm256_fmadd_ps(a, b, c); }
INLINE floats n_converted(ints x) { return _mm256_cvtepi32_ps(x); }
INLINE floats n_floats(ints x) { return _mm256_castsi256_ps(x); }
INLINE ints n_ints(floats x) { return _mm256_castps_si256(x); }
INLINE ints n_begin(int32_t shift) { return _mm256_set1_epi32(-shift); }

/* bf16, widened: the first and the second of each pair. */
INLINE ints wide_weights(const int pass, ints pairs) {
    return pass == 0 ? _mm256_slli_epi32(pairs, 16)
                     : _mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000u));
}
INLINE ints wide_dot(ints sum, ints m, ints a) {
    return n_ints(_mm256_fmadd_ps(n_floats(a), n_floats(m), n_floats(sum)));
}

/* ---- Rows of A ---- */

/* 8 floats of a row from x[k], zeros beyond its columns. */
INLINE floats row_lanes(size_t columns, size_t k, const float *x) {
    if (k + LANES <= columns) return n_load(x + k);
    return n_load_first(x + k, columns > k ? columns - k : 0);
}

/* The scale of a block of a row, and 1 over it; 0 and NaN as snnk__int8_scale has them. */
INLINE float scale_of_block(size_t columns, const float *x, float *inverse) {
    ints bits = _mm256_setzero_si256();

    /* NaN is above infinity as a whole number; a maximum of floats would lose it. */
    for (size_t k = 0; k < columns; k += LANES)
        bits = _mm256_max_epu32(bits, _mm256_and_si256(n_ints(row_lanes(columns, k, x)),
                                                       _mm256_set1_epi32(0x7fffffff)));
    __m128i four = _mm_max_epu32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
    const float largest = _mm_cvtss_f32(_mm_castsi128_ps(four));
    const float step = largest / 127 >= FLT_MIN ? largest / 127 : 0;

    *inverse = step > 0 && isfinite(largest) ? 1 / step : 0;
    return isfinite(largest) ? step : NAN;
}

/* 32 columns of a block as whole numbers, whose sums are added to *sum. */
INLINE ints rounded_lanes(size_t columns, size_t k, const float *x, float inverse, ints *sum) {
    ints q[4];

    UNROLLED (int i = 0; i < 4; i++) {
        q[i] =
            _mm256_cvtps_epi32(n_mul(row_lanes(columns, k + LANES * (size_t)i, x), n_set(inverse)));
        *sum = _mm256_add_epi32(*sum, q[i]);
    }
    return _mm256_permutevar8x32_epi32(
        _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3])),
        _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

INLINE int32_t lane_sum(ints x) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));

    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtsi128_si32(four);
}

INLINE void pack_row(const way w, size_t columns, const float *x, char *to) {
    (void)w;
    (void)columns;
    (void)x;
    (void)to;
}

/* Tiles of one way of multiplying. */
#define TILES(w)                                                                                   \
    TILE(w, 1, 4)                                                                                  \
    TILE(w, 1, 1)                                                                                  \
    TILE(w, 2, 1)                                                                                  \
    TILE(w, 3, 1)                                                                                  \
    TILE(w, 4, 1)                                                                                  \
    TILE(w, 5, 1)                                                                                  \
    TILE(w, 6, 1)                                                                                  \
    static const shapes shapes_##w = {                                                             \
        .by_rows = {[1] = {NULL, sum_##w##_1_1, sum_##w##_2_1, sum_##w##_3_1, sum_##w##_4_1,       \
                           sum_##w##_5_1, sum_##w##_6_1}},                                         \
        .one_row = sum_##w##_1_4};

#endif
