/* Kernels for AVX-512 (f, dq, bw, vl). */
#include "kernels/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "base/size.h"

#define LANES          16 /* floats of a register */
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_ANY(mask)    (_mm512_movepi32_mask((__m512i)(mask)) != 0)

#include "kernels/vector_math.h"

/* A loop over a constant: unrolled, so that arrays of registers stay in registers. */
#define UNROLLED     _Pragma("GCC unroll 32") for
#define DOTS         8 /* rows of a projection panel */
#define PROJECT_ROWS 3 /* rows of X of a tile: 24 sums, 3 + 1 operands, of 32 registers */

/* The first `count` lanes. */
INLINE __mmask16 first_lanes(size_t count) {
    return count >= LANES ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
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

#include "kernels/vector_apply.h"

/* ---- Projection: sums over 16 lanes of k, so that few features and few rows are no waste ---- */

/* The sums of the 16 lanes of each of 8 registers, in a fixed order. */
INLINE __m256 lane_sums(const __m512 s[DOTS]) {
    __m512 half[DOTS / 2], quarter[DOTS / 4];

    UNROLLED(int i = 0; i < DOTS / 2; i++) { /* [a a b b], in lanes of four */
        half[i] = _mm512_add_ps(_mm512_shuffle_f32x4(s[2 * i], s[2 * i + 1], 0x44),
                                _mm512_shuffle_f32x4(s[2 * i], s[2 * i + 1], 0xee));
    }
    UNROLLED(int i = 0; i < DOTS / 4; i++) { /* [a b c d] */
        quarter[i] = _mm512_add_ps(_mm512_shuffle_f32x4(half[2 * i], half[2 * i + 1], 0x88),
                                   _mm512_shuffle_f32x4(half[2 * i], half[2 * i + 1], 0xdd));
    }
    const __m512 pairs = _mm512_add_ps(_mm512_unpacklo_ps(quarter[0], quarter[1]),
                                       _mm512_unpackhi_ps(quarter[0], quarter[1]));
    const __m512 sums = _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0x4e)); /* a e a e, b f ... */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);

    return _mm512_castps512_ps256(_mm512_permutexvar_ps(order, sums));
}

/* z[i] = the 8 products of a panel with row i of X, for `rows` rows, a constant at every call. */
INLINE void project_tile(const int rows, size_t d, const float *X, size_t ldx, const float *panel,
                         __m256 z[PROJECT_ROWS]) {
    __m512 s[PROJECT_ROWS][DOTS], x[PROJECT_ROWS];
    size_t k = 0;

    UNROLLED(int i = 0; i < rows; i++)
    UNROLLED(int j = 0; j < DOTS; j++) s[i][j] = _mm512_setzero_ps();
    for (; k + LANES <= d; k += LANES, panel += DOTS * LANES) {
        UNROLLED(int i = 0; i < rows; i++) x[i] = _mm512_loadu_ps(X + (size_t)i * ldx + k);
        UNROLLED(int j = 0; j < DOTS; j++) {
            const __m512 g = _mm512_load_ps(panel + j * LANES);

            UNROLLED(int i = 0; i < rows; i++) s[i][j] = _mm512_fmadd_ps(x[i], g, s[i][j]);
        }
    }
    if (k < d) {
        UNROLLED(int i = 0; i < rows; i++)
        x[i] = _mm512_maskz_loadu_ps(first_lanes(d - k), X + (size_t)i * ldx + k);
        UNROLLED(int j = 0; j < DOTS; j++) {
            const __m512 g = _mm512_load_ps(panel + j * LANES);

            UNROLLED(int i = 0; i < rows; i++) s[i][j] = _mm512_fmadd_ps(x[i], g, s[i][j]);
        }
    }
    UNROLLED(int i = 0; i < rows; i++) z[i] = lane_sums(s[i]);
}

static void project(size_t n, const float *X, size_t ldx, const snnk__panels *G,
                    const float *offset, size_t first, size_t count, float *Z, size_t ldz) {
    const size_t d = G->columns, size = snnk__panel_size(G);
    const float *panel = G->data + first / DOTS * size;

    for (size_t j = 0; j < count; j += DOTS, panel += size) {
        const __mmask8 lanes = (__mmask8)first_lanes(snnk__min_size(count - j, DOTS));
        const __m256 c =
            offset ? _mm256_maskz_loadu_ps(lanes, offset + first + j) : _mm256_setzero_ps();
        __m256 z[PROJECT_ROWS];
        size_t i = 0;

        for (; i + PROJECT_ROWS <= n; i += PROJECT_ROWS) {
            project_tile(PROJECT_ROWS, d, X + i * ldx, ldx, panel, z);
            UNROLLED(size_t t = 0; t < PROJECT_ROWS; t++)
            _mm256_mask_storeu_ps(Z + (i + t) * ldz + j, lanes, _mm256_add_ps(z[t], c));
        }
        for (; i < n; i++) {
            project_tile(1, d, X + i * ldx, ldx, panel, z);
            _mm256_mask_storeu_ps(Z + i * ldz + j, lanes, _mm256_add_ps(z[0], c));
        }
    }
}

/* ---- Readout: 16 outputs in a register, one feature after the other ---- */

#define READOUT_ROWS 12
#define WIDE_PANELS  8 /* panels of a tile of few rows: enough sums to hide the latency of one */

/* Y = start + Phi panels^T for `rows` rows and `panels` panels, both constant at every call; last: which
 * outputs of the last panel are real. */
INLINE void readout_tile(const int rows, const int panels, size_t count, const float *Phi,
                         size_t ldphi, const float *panel, size_t panel_size, __mmask16 last,
                         const float *start, float *Y, size_t ldy) {
    __m512 s[READOUT_ROWS * 2 > WIDE_PANELS ? READOUT_ROWS * 2 : WIDE_PANELS], w[WIDE_PANELS];

    UNROLLED(int i = 0; i < rows; i++)
    UNROLLED(int p = 0; p < panels; p++) {
        const __mmask16 lanes = p < panels - 1 ? (__mmask16)0xffff : last;

        s[i * panels + p] =
            _mm512_maskz_loadu_ps(lanes, (start ? start : Y + (size_t)i * ldy) + (size_t)p * LANES);
    }
    for (size_t k = 0; k < count; k++) {
        UNROLLED(int p = 0; p < panels; p++)
        w[p] = _mm512_load_ps(panel + (size_t)p * panel_size + k * LANES);
        UNROLLED(int i = 0; i < rows; i++) {
            const __m512 phi = _mm512_set1_ps(Phi[(size_t)i * ldphi + k]);

            UNROLLED(int p = 0; p < panels; p++)
            s[i * panels + p] = _mm512_fmadd_ps(phi, w[p], s[i * panels + p]);
        }
    }
    UNROLLED(int i = 0; i < rows; i++)
    UNROLLED(int p = 0; p < panels; p++) {
        float *y = Y + (size_t)i * ldy + (size_t)p * LANES;

        if (p < panels - 1)
            _mm512_storeu_ps(y, s[i * panels + p]);
        else
            _mm512_mask_storeu_ps(y, last, s[i * panels + p]);
    }
}

/* All outputs of `rows` rows, `panels` panels at a time, then one by one. */
INLINE void readout_rows(const int rows, const int panels, const float *Phi, size_t ldphi,
                         const snnk__panels *Psi, size_t first, size_t count, const float *start,
                         float *Y, size_t ldy) {
    const size_t l = Psi->rows, size = snnk__panel_size(Psi);
    const float *panel = Psi->data + first * LANES;
    const size_t step = (size_t)panels * LANES;
    size_t o = 0;

    for (; o + step <= l; o += step, panel += (size_t)panels * size)
        readout_tile(rows, panels, count, Phi, ldphi, panel, size, (__mmask16)0xffff,
                     start ? start + o : NULL, Y + o, ldy);
    for (; o < l; o += LANES, panel += size)
        readout_tile(rows, 1, count, Phi, ldphi, panel, size, first_lanes(l - o),
                     start ? start + o : NULL, Y + o, ldy);
}

static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, const float *start, float *Y, size_t ldy) {
    while (n > 0) {
        const size_t rows = snnk__min_size(n, READOUT_ROWS);

        switch (rows) {
#define ROWS(r, panels)                                                                            \
    case r: readout_rows(r, panels, Phi, ldphi, Psi, first, count, start, Y, ldy); break;
            ROWS(1, WIDE_PANELS)
            ROWS(2, 4)
            ROWS(3, 4)
            ROWS(4, 4)
            ROWS(5, 4)
            ROWS(6, 2)
            ROWS(7, 2)
            ROWS(8, 2)
            ROWS(9, 2)
            ROWS(10, 2)
            ROWS(11, 2)
            ROWS(12, 2)
#undef ROWS
        }
        n -= rows;
        Phi += rows * ldphi;
        Y += rows * ldy;
    }
}

const snnk__kernels snnk__kernels_avx512 = {
    .name = "avx512",
    .projection_shape = {DOTS, LANES},
    .readout_shape = {LANES, 1},
    .project = project,
    .readout = readout,
    .apply = apply,
};
#endif
