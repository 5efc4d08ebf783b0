/* Narrow products in AVX-512. int8: avx512_vnni, 64 products an instruction. bf16: avx512_bf16, 32
 * products an instruction, or widened to float during the product; see snnk__cpu_features for which
 * one is faster on which processor. */
#include "kernels/narrow.h"

#if defined(__AVX512BW__) && defined(__AVX512VNNI__) && defined(__AVX512BF16__)
#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>

#include "kernels/inline.h"

#define WIDTH SNNK__NARROW_WIDTH
#define BLOCK SNNK__NARROW_BLOCK

/* A tile: 6 rows and 4 panels, or 1 row and 8: enough sums to hide the latency of one. */
#define TILE_ROWS   6
#define TILE_PANELS 4
#define ROW_PANELS  8

/* A group is a register of M: 4 columns of a panel in int8, 2 in bf16. */
#define GROUP 64

typedef enum way { INT8, BF16_DOT, BF16_WIDE } way;

/* Rows of A, as the way of multiplying needs them. */
typedef struct operand {
    size_t n, groups, stride; /* bytes between rows */
    const char
        *rows; /* INT8: whole numbers; BF16_DOT: bf16; padded with zeros. BF16_WIDE: floats */
    bool odd;  /* BF16_WIDE: whether one more column follows the groups */
    const float *scale;   /* INT8: of each row */
    const int32_t *shift; /* INT8: 128 times the sum of each row, because M is stored with 128
                           * added */
} operand;

/* Panels that are panel_bytes apart; their first `left` rows exist. */
typedef struct matrix {
    const char *panels;
    size_t panel_bytes, left;
    const float *scale; /* INT8: of each row */
} matrix;

INLINE __mmask16 first_lanes(size_t count) {
    const unsigned mask = count >= WIDTH ? 0xffffu : (1u << count) - 1u;

    return (__mmask16)mask;
}

/* Copy four bytes to every lane. */
INLINE __m512i broadcast(const char *at) {
    int32_t four;

    __builtin_memcpy(&four, at, sizeof four);
    return _mm512_set1_epi32(four);
}

INLINE __m512 broadcast_float(const char *at) { return _mm512_castsi512_ps(broadcast(at)); }

/* The first and the second of each pair of bf16 in a register, as floats. */
INLINE __m512 first_of(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
INLINE __m512 second_of(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000u)));
}

/* Add to sum the products of group m and group k of a row. */
INLINE __m512i multiply(const way w, __m512i sum, __m512i m, const char *row, size_t k) {
    __m512 s = _mm512_castsi512_ps(sum);

    switch (w) {
    case INT8: return _mm512_dpbusd_epi32(sum, m, broadcast(row + 4 * k));
    case BF16_DOT: s = _mm512_dpbf16_ps(s, (__m512bh)m, (__m512bh)broadcast(row + 4 * k)); break;
    case BF16_WIDE:
        s = _mm512_fmadd_ps(broadcast_float(row + 8 * k), first_of(m), s);
        s = _mm512_fmadd_ps(broadcast_float(row + 8 * k + 4), second_of(m), s);
        break;
    }
    return _mm512_castps_si512(s);
}

/* The sum that row i of A gave, as floats. */
INLINE __m512 value_of(const way w, __m512i sum, const operand *A, size_t i, const matrix *M,
                       size_t first) {
    if (w != INT8) return _mm512_castsi512_ps(sum);
    const __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(A->scale[i]), _mm512_loadu_ps(M->scale + first));

    return _mm512_mul_ps(scale, _mm512_cvtepi32_ps(sum));
}

/* Add A M^T to C for `rows` rows from row i0 and the first `panels` panels. w, rows and panels are
 * constant at every call. */
INLINE void tile(const way w, const int rows, const int panels, const operand *A, size_t i0,
                 const matrix *M, float *C, size_t ldc) {
    const char *from = A->rows + i0 * A->stride, *group = M->panels;
    __m512i s[TILE_ROWS * TILE_PANELS], m[ROW_PANELS];

    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int p = 0; p < panels; p++)
            s[i * panels + p] = _mm512_set1_epi32(w == INT8 ? -A->shift[i0 + (size_t)i] : 0);
    for (size_t k = 0; k < A->groups; k++, group += GROUP) {
        UNROLLED (int p = 0; p < panels; p++)
            m[p] = _mm512_loadu_si512(group + (size_t)p * M->panel_bytes);
        UNROLLED (int i = 0; i < rows; i++)
            UNROLLED (int p = 0; p < panels; p++)
                s[i * panels + p] =
                    multiply(w, s[i * panels + p], m[p], from + (size_t)i * A->stride, k);
    }
    if (w == BF16_WIDE && A->odd)
        UNROLLED (int p = 0; p < panels; p++) {
            const __m512 last = first_of(_mm512_loadu_si512(group + (size_t)p * M->panel_bytes));

            UNROLLED (int i = 0; i < rows; i++)
                s[i * panels + p] = _mm512_castps_si512(
                    _mm512_fmadd_ps(broadcast_float(from + (size_t)i * A->stride + 8 * A->groups),
                                    last, _mm512_castsi512_ps(s[i * panels + p])));
        }
    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int p = 0; p < panels; p++) {
            const size_t first = (size_t)p * WIDTH;
            const __mmask16 mask = first_lanes(M->left - first);
            float *to = C + (i0 + (size_t)i) * ldc + first;

            _mm512_mask_storeu_ps(
                to, mask,
                _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to),
                              value_of(w, s[i * panels + p], A, i0 + (size_t)i, M, first)));
        }
}

/* Process all rows, in tiles of nearly equal size: the panels stay in the first-level cache. */
INLINE void tiles(const way w, const int panels, const operand *A, const matrix *M, float *C,
                  size_t ldc) {
    const size_t count = (A->n - 1) / TILE_ROWS + 1, most = (A->n + count - 1) / count;

    for (size_t i = 0; i < A->n; i += most) {
        switch (A->n - i < most ? A->n - i : most) {
#define ROWS(r)                                                                                    \
    case (r): tile(w, (r), panels, A, i, M, C, ldc); break;
            FOR_ROW_COUNTS(ROWS)
#undef ROWS
        }
    }
}

/* The matrix without its first `rows` rows. */
INLINE matrix skip(const way w, const matrix *M, size_t rows) {
    return (matrix){.panels = M->panels + rows / WIDTH * M->panel_bytes,
                    .panel_bytes = M->panel_bytes,
                    .left = M->left > rows ? M->left - rows : 0,
                    .scale = w == INT8 ? M->scale + rows : NULL};
}

INLINE void multiply_all(const way w, const operand *A, matrix M, float *C, size_t ldc) {
    for (; A->n == 1 && M.left >= ROW_PANELS * WIDTH;
         C += ROW_PANELS * WIDTH, M = skip(w, &M, ROW_PANELS * WIDTH))
        tile(w, 1, ROW_PANELS, A, 0, &M, C, ldc);
    for (; M.left >= TILE_PANELS * WIDTH;
         C += TILE_PANELS * WIDTH, M = skip(w, &M, TILE_PANELS * WIDTH))
        tiles(w, TILE_PANELS, A, &M, C, ldc);
    for (; M.left > 0; C += WIDTH, M = skip(w, &M, WIDTH)) tiles(w, 1, A, &M, C, ldc);
}

/* ---- bf16 ---- */

static void bf16_wide(size_t n, size_t columns, const float *A, size_t lda, const uint16_t *M,
                      size_t panel_size, size_t rows, float *C, size_t ldc) {
    const operand a = {.n = n,
                       .groups = columns / 2,
                       .odd = columns % 2 != 0,
                       .rows = (const char *)A,
                       .stride = lda * sizeof *A};

    multiply_all(BF16_WIDE, &a, (matrix){(const char *)M, panel_size * sizeof *M, rows, NULL}, C,
                 ldc);
}

static void bf16_dot(size_t n, size_t columns, const float *A, size_t lda, const uint16_t *M,
                     size_t panel_size, size_t rows, float *C, size_t ldc) {
    uint16_t packed[SNNK__NARROW_ROWS][BLOCK];
    const operand a = {.n = n,
                       .groups = (columns + 1) / 2,
                       .rows = (const char *)packed,
                       .stride = sizeof *packed};

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < columns; k += WIDTH) {
            const __m512 x = _mm512_maskz_loadu_ps(first_lanes(columns - k), A + i * lda + k);

            _mm256_storeu_si256((__m256i *)(void *)(packed[i] + k), (__m256i)_mm512_cvtneps_pbh(x));
        }
    multiply_all(BF16_DOT, &a, (matrix){(const char *)M, panel_size * sizeof *M, rows, NULL}, C,
                 ldc);
}

/* ---- int8 ---- */

typedef struct quads {
    int8_t q[SNNK__NARROW_ROWS][BLOCK];
    float scale[SNNK__NARROW_ROWS];
    int32_t shift[SNNK__NARROW_ROWS];
} quads;

/* The same numbers as snnk__int8_scale and snnk__int8_of. */
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

static void int8(size_t n, size_t columns, const float *A, size_t lda, const uint8_t *M,
                 size_t panel_size, const float *scale, size_t rows, float *C, size_t ldc) {
    quads packed;
    const operand a = {.n = n,
                       .groups = (columns + 3) / 4,
                       .rows = (const char *)packed.q,
                       .stride = sizeof *packed.q,
                       .scale = packed.scale,
                       .shift = packed.shift};

    pack_int8(n, columns, A, lda, &packed);
    multiply_all(INT8, &a, (matrix){(const char *)M, panel_size, rows, scale}, C, ldc);
}

const snnk__narrow snnk__narrow_avx512 = {bf16_wide, int8};
const snnk__narrow snnk__narrow_avx512_bf16 = {bf16_dot, int8};
#endif
