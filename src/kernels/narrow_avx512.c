/* Narrow products in AVX-512: bf16 widened to float as it comes, int8 by avx512_vnni, 64 products an instruction. */
#include "kernels/narrow.h"

#if defined(__AVX512BW__) && defined(__AVX512VNNI__)
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

/* Four bytes of a row of A in every lane. */
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

/* The floats of a register of pairs: the first and the second of each. */
INLINE __m512 first_of(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
INLINE __m512 second_of(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000u)));
}

/* avx512_bf16 has an instruction for this; where it was measured (Sapphire Rapids) it does half of what two
 * instructions to widen and two fused multiply-adds do, and rounds A too. */
INLINE void bf16_tile(const int rows, const int panels, size_t columns, const float *A, size_t lda,
                      const uint16_t *M, size_t panel_size, size_t left, float *C, size_t ldc) {
    __m512 s[TILE_ROWS * TILE_PANELS];
    size_t k = 0;

    UNROLLED (int t = 0; t < rows * panels; t++) s[t] = _mm512_setzero_ps();
    for (; k + 2 <= columns; k += 2)
        UNROLLED (int p = 0; p < panels; p++) {
            const __m512i m = _mm512_loadu_si512(M + (size_t)p * panel_size + k * WIDTH);
            const __m512 one = first_of(m), two = second_of(m);

            UNROLLED (int i = 0; i < rows; i++) {
                const float *a = A + (size_t)i * lda + k;
                const __m512 sum = _mm512_fmadd_ps(_mm512_set1_ps(a[0]), one, s[i * panels + p]);

                s[i * panels + p] = _mm512_fmadd_ps(_mm512_set1_ps(a[1]), two, sum);
            }
        }
    if (k < columns)
        UNROLLED (int p = 0; p < panels; p++) {
            const __m512i m = _mm512_loadu_si512(M + (size_t)p * panel_size + k * WIDTH);

            UNROLLED (int i = 0; i < rows; i++)
                s[i * panels + p] = _mm512_fmadd_ps(_mm512_set1_ps(A[(size_t)i * lda + k]),
                                                    first_of(m), s[i * panels + p]);
        }
    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int p = 0; p < panels; p++) {
            const size_t first = (size_t)p * WIDTH;

            add_to(C + (size_t)i * ldc + first, s[i * panels + p], first_lanes(left - first));
        }
}

/* `panels` panels with all rows: they stay in the first-level cache. */
INLINE void bf16_panels(const int panels, size_t n, size_t columns, const float *A, size_t lda,
                        const uint16_t *M, size_t panel_size, size_t left, float *C, size_t ldc) {
    size_t i = 0;

    for (; i + TILE_ROWS <= n; i += TILE_ROWS)
        bf16_tile(TILE_ROWS, panels, columns, A + i * lda, lda, M, panel_size, left, C + i * ldc,
                  ldc);
    for (; i < n; i++)
        bf16_tile(1, panels, columns, A + i * lda, lda, M, panel_size, left, C + i * ldc, ldc);
}

static void bf16(size_t n, size_t columns, const float *A, size_t lda, const uint16_t *M,
                 size_t panel_size, size_t rows, float *C, size_t ldc) {
    size_t j = 0;

    for (; n == 1 && j + ROW_PANELS * WIDTH <= rows; j += ROW_PANELS * WIDTH)
        bf16_tile(1, ROW_PANELS, columns, A, lda, M + j / WIDTH * panel_size, panel_size, rows - j,
                  C + j, ldc);
    for (; j + TILE_PANELS * WIDTH <= rows; j += TILE_PANELS * WIDTH)
        bf16_panels(TILE_PANELS, n, columns, A, lda, M + j / WIDTH * panel_size, panel_size,
                    rows - j, C + j, ldc);
    for (; j < rows; j += WIDTH)
        bf16_panels(1, n, columns, A, lda, M + j / WIDTH * panel_size, panel_size, rows - j, C + j,
                    ldc);
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

INLINE void int8_panels(const int panels, size_t n, size_t groups, const quads *A, const uint8_t *M,
                        size_t panel_size, const float *scale, size_t left, float *C, size_t ldc) {
    size_t i = 0;

    for (; i + TILE_ROWS <= n; i += TILE_ROWS)
        int8_tile(TILE_ROWS, panels, groups, A, i, M, panel_size, scale, left, C + i * ldc, ldc);
    for (; i < n; i++)
        int8_tile(1, panels, groups, A, i, M, panel_size, scale, left, C + i * ldc, ldc);
}

static void int8(size_t n, size_t columns, const float *A, size_t lda, const uint8_t *M,
                 size_t panel_size, const float *scale, size_t rows, float *C, size_t ldc) {
    const size_t groups = (columns + 3) / 4;
    quads packed;
    size_t j = 0;

    pack_int8(n, columns, A, lda, &packed);
    for (; n == 1 && j + ROW_PANELS * WIDTH <= rows; j += ROW_PANELS * WIDTH)
        int8_tile(1, ROW_PANELS, groups, &packed, 0, M + j / WIDTH * panel_size, panel_size,
                  scale + j, rows - j, C + j, ldc);
    for (; j + TILE_PANELS * WIDTH <= rows; j += TILE_PANELS * WIDTH)
        int8_panels(TILE_PANELS, n, groups, &packed, M + j / WIDTH * panel_size, panel_size,
                    scale + j, rows - j, C + j, ldc);
    for (; j < rows; j += WIDTH)
        int8_panels(1, n, groups, &packed, M + j / WIDTH * panel_size, panel_size, scale + j,
                    rows - j, C + j, ldc);
}

const snnk__narrow snnk__narrow_avx512 = {bf16, int8};
#endif
