/* Narrow products by avx512_bf16 and avx512_vnni: 32 products of pairs, or 64 of quads, an instruction. */
#include "kernels/narrow.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include <float.h>
#include <immintrin.h>
#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#define WIDTH  SNNK__NARROW_WIDTH
#define BLOCK  SNNK__NARROW_BLOCK
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)") for
#else
#define UNROLLED _Pragma("GCC unroll 32") for
#endif

/* A tile: 6 rows and 4 panels, or 1 row and 8: sums enough to hide the latency of one. */
#define TILE_ROWS   6
#define TILE_PANELS 4
#define ROW_PANELS  8

INLINE __mmask16 first_lanes(size_t count) {
    const unsigned mask = count >= WIDTH ? 0xffffu : (1u << count) - 1u;

    return (__mmask16)mask;
}

/* Four bytes of a row of A in every lane: a pair of bf16, or a quad. */
INLINE __m512i broadcast(const void *at) {
    int32_t four;

    __builtin_memcpy(&four, at, sizeof four);
    return _mm512_set1_epi32(four);
}

/* C[i][16 p ...] += values, of which the first `columns` less 16 p are there. */
INLINE void add_to(float *C, __m512 values, __mmask16 mask) {
    _mm512_mask_storeu_ps(C, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(mask, C), values));
}

/* ---- bf16 ---- */

static void pack_bf16(size_t n, size_t columns, const float *A, size_t lda,
                      uint16_t packed[][BLOCK]) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < columns; k += WIDTH) {
            const __m512 x = _mm512_maskz_loadu_ps(first_lanes(columns - k), A + i * lda + k);

            _mm256_storeu_si256((__m256i *)(void *)(packed[i] + k), (__m256i)_mm512_cvtneps_pbh(x));
        }
}

INLINE void bf16_tile(const int rows, const int panels, size_t pairs, const uint16_t *A,
                      const uint16_t *M, size_t panel_size, size_t left, float *C, size_t ldc) {
    __m512 s[TILE_ROWS * TILE_PANELS];
    __m512bh m[ROW_PANELS];

    UNROLLED (int t = 0; t < rows * panels; t++) s[t] = _mm512_setzero_ps();
    for (size_t k = 0; k < pairs; k++) {
        UNROLLED (int p = 0; p < panels; p++)
            m[p] = (__m512bh)_mm512_loadu_si512(M + (size_t)p * panel_size + k * 2 * WIDTH);
        UNROLLED (int i = 0; i < rows; i++) {
            const __m512bh a = (__m512bh)broadcast(A + (size_t)i * BLOCK + 2 * k);

            UNROLLED (int p = 0; p < panels; p++)
                s[i * panels + p] = _mm512_dpbf16_ps(s[i * panels + p], a, m[p]);
        }
    }
    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int p = 0; p < panels; p++) {
            const size_t first = (size_t)p * WIDTH;

            add_to(C + (size_t)i * ldc + first, s[i * panels + p], first_lanes(left - first));
        }
}

/* One row, or TILE_ROWS, with all panels. */
INLINE void bf16_rows(const int rows, const int panels, size_t pairs, const uint16_t *A,
                      const uint16_t *M, size_t panel_size, size_t outputs, float *C, size_t ldc) {
    size_t j = 0;

    for (; j + (size_t)panels * WIDTH <= outputs; j += (size_t)panels * WIDTH)
        bf16_tile(rows, panels, pairs, A, M + j / WIDTH * panel_size, panel_size, outputs - j,
                  C + j, ldc);
    for (; j < outputs; j += WIDTH)
        bf16_tile(rows, 1, pairs, A, M + j / WIDTH * panel_size, panel_size, outputs - j, C + j,
                  ldc);
}

static void bf16(size_t n, size_t columns, const float *A, size_t lda, const uint16_t *M,
                 size_t panel_size, size_t rows, float *C, size_t ldc) {
    uint16_t packed[SNNK__NARROW_ROWS][BLOCK];
    const size_t pairs = (columns + 1) / 2;
    size_t i = 0;

    pack_bf16(n, columns, A, lda, packed);
    for (; i + TILE_ROWS <= n; i += TILE_ROWS)
        bf16_rows(TILE_ROWS, TILE_PANELS, pairs, packed[i], M, panel_size, rows, C + i * ldc, ldc);
    for (; i < n; i++)
        bf16_rows(1, ROW_PANELS, pairs, packed[i], M, panel_size, rows, C + i * ldc, ldc);
}

/* ---- int8 ---- */

typedef struct quads {
    int8_t q[SNNK__NARROW_ROWS][BLOCK];
    float scale[SNNK__NARROW_ROWS];
    int32_t shift[SNNK__NARROW_ROWS]; /* 128 times the sum: what adding 128 to M added */
} quads;

/* snnk__int8_scale and snnk__int8_of. */
static void pack_int8(size_t n, size_t columns, const float *A, size_t lda, quads *packed) {
    for (size_t i = 0; i < n; i++, A += lda) {
        __m512i bits = _mm512_setzero_si512(), sum = bits;

        for (size_t k = 0; k < columns; k += WIDTH) {
            const __m512 x = _mm512_maskz_loadu_ps(first_lanes(columns - k), A + k);

            bits = _mm512_max_epu32(bits, _mm512_castps_si512(_mm512_abs_ps(x)));
        }
        const float largest = _mm512_reduce_max_ps(
            _mm512_castsi512_ps(_mm512_min_epu32(bits, _mm512_set1_epi32(0x7f800000))));
        const float scale = largest / 127 >= FLT_MIN ? largest / 127 : 0;
        const float inverse = scale > 0 ? 1 / scale : 0;

        packed->scale[i] = isfinite(largest) ? scale : NAN;
        for (size_t k = 0; k < columns; k += WIDTH) {
            const __m512 x = _mm512_maskz_loadu_ps(first_lanes(columns - k), A + k);
            const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(x, _mm512_set1_ps(inverse)));

            _mm_storeu_si128((__m128i *)(void *)(packed->q[i] + k), _mm512_cvtepi32_epi8(q));
            sum = _mm512_add_epi32(sum, q);
        }
        packed->shift[i] = isfinite(largest) ? 128 * _mm512_reduce_add_epi32(sum) : 0;
    }
}

INLINE void int8_tile(const int rows, const int panels, size_t groups, const quads *A, size_t i0,
                      const uint8_t *M, size_t panel_size, const float *scale, size_t left,
                      float *C, size_t ldc) {
    __m512i s[TILE_ROWS * TILE_PANELS], m[ROW_PANELS];

    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int p = 0; p < panels; p++)
            s[i * panels + p] = _mm512_set1_epi32(-A->shift[i0 + (size_t)i]);
    for (size_t k = 0; k < groups; k++) {
        UNROLLED (int p = 0; p < panels; p++)
            m[p] = _mm512_loadu_si512(M + (size_t)p * panel_size + k * 4 * WIDTH);
        UNROLLED (int i = 0; i < rows; i++) {
            const __m512i a = broadcast(A->q[i0 + (size_t)i] + 4 * k);

            UNROLLED (int p = 0; p < panels; p++)
                s[i * panels + p] = _mm512_dpbusd_epi32(s[i * panels + p], m[p], a);
        }
    }
    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int p = 0; p < panels; p++) {
            const size_t first = (size_t)p * WIDTH;
            const __m512 of_a = _mm512_mul_ps(_mm512_set1_ps(A->scale[i0 + (size_t)i]),
                                              _mm512_cvtepi32_ps(s[i * panels + p]));

            add_to(C + (size_t)i * ldc + first, _mm512_mul_ps(of_a, _mm512_loadu_ps(scale + first)),
                   first_lanes(left - first));
        }
}

INLINE void int8_rows(const int rows, const int panels, size_t groups, const quads *A, size_t i0,
                      const uint8_t *M, size_t panel_size, const float *scale, size_t outputs,
                      float *C, size_t ldc) {
    size_t j = 0;

    for (; j + (size_t)panels * WIDTH <= outputs; j += (size_t)panels * WIDTH)
        int8_tile(rows, panels, groups, A, i0, M + j / WIDTH * panel_size, panel_size, scale + j,
                  outputs - j, C + j, ldc);
    for (; j < outputs; j += WIDTH)
        int8_tile(rows, 1, groups, A, i0, M + j / WIDTH * panel_size, panel_size, scale + j,
                  outputs - j, C + j, ldc);
}

static void int8(size_t n, size_t columns, const float *A, size_t lda, const uint8_t *M,
                 size_t panel_size, const float *scale, size_t rows, float *C, size_t ldc) {
    const size_t groups = (columns + 3) / 4;
    quads packed;
    size_t i = 0;

    pack_int8(n, columns, A, lda, &packed);
    for (; i + TILE_ROWS <= n; i += TILE_ROWS)
        int8_rows(TILE_ROWS, TILE_PANELS, groups, &packed, i, M, panel_size, scale, rows,
                  C + i * ldc, ldc);
    for (; i < n; i++)
        int8_rows(1, ROW_PANELS, groups, &packed, i, M, panel_size, scale, rows, C + i * ldc, ldc);
}

const snnk__narrow snnk__narrow_avx512 = {bf16, int8};
#endif
