/* Narrow products with AMX, Intel's matrix unit: tiles of 16 rows of 64 bytes, and instructions
 * that multiply one tile by another. A tile of M is 16 groups of a panel as they are stored.
 *
 * The unit's sums are as exact as those of AVX-512, so both serve the same layer: int8 sums are
 * whole numbers, and narrow_amx_bf16.c computes the sums of TDPBF16PS bit for bit. Few rows, and
 * matrices that would leave most of a tile empty, are left to AVX-512.
 *
 * With pairs of bf16, each tile of A and of M is two. Three products are added to the same sums for
 * 32 columns, before the next 32: so the order depends on the columns only, and each tile is loaded
 * once for two products. */
#include "kernels/narrow_amx.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#include "kernels/amx_tiles.h"
#include "kernels/narrow_avx512.h"

#define WIDTH SNNK__NARROW_WIDTH
#define BLOCK SNNK__NARROW_BLOCK

/* Panels whose sums are in memory at once, and the row stride of these sums. The stride is no
 * multiple of 4 KB, nor is the one of A: tiles would evict each other from the first-level cache.
 * Y itself may have such a stride: its rows are written from these sums, 256 bytes at a time. */
#define STRIP        4
#define STRIP_STRIDE (STRIP * WIDTH + 16)

#define PANEL_TILE ((size_t)TILE_ROWS * TILE_BYTES) /* bytes of a tile of M */

#define PAIR_ROWS 32 /* rows of A in two tiles, and M in two more: 4 tiles of sums */
#define TALL_ROWS SNNK__AMX_TALL

typedef enum way { INT8, BF16, BF16X3 } way;

#define TILE_MULTIPLY(w, sum, a, m)                                                                \
    do {                                                                                           \
        if ((w) == INT8)                                                                           \
            TILE_MULTIPLY_INT8(sum, a, m);                                                         \
        else                                                                                       \
            TILE_MULTIPLY_BF16(sum, a, m);                                                         \
    } while (0)

/* ---- Sums ---- */

/* Rows of A, packed and padded with zeros to whole tiles. */
typedef struct operand {
    size_t rows, columns, stride; /* rows: at most 32, or a multiple of it; stride: bytes */
    char *packed;
    float *scale; /* INT8: block by block, TALL_ROWS rows each */
    int32_t *shift;
} operand;

/* Up to STRIP panels. */
typedef struct strip {
    const char *panels, *low; /* low: BF16X3 */
    size_t panel_bytes, count;
    float *sums; /* INT8: whole numbers. rows x STRIP_STRIDE */
    float *kept; /* INT8: the float sums of the blocks so far */
} strip;

INLINE size_t columns_of_tile(const way w) { return w == INT8 ? 64 : 32; }
INLINE size_t bytes_of_weight(const way w) { return w == INT8 ? 1 : 2; }
INLINE size_t bytes_of_packed(const way w) { return w == INT8 ? 1 : w == BF16 ? 2 : 4; }

/* What up to 32 rows and one or two panels multiply. */
typedef struct span {
    size_t steps, stride, panel_bytes;
    const char *a, *m, *low; /* low: BF16X3 */
} span;

/* Add the products of up to four tiles. */
INLINE void multiply_tiles(const way w, const bool two_rows, const bool two_panels) {
    TILE_MULTIPLY(w, 0, 4, 6);
    if (two_panels) TILE_MULTIPLY(w, 1, 4, 7);
    if (two_rows) TILE_MULTIPLY(w, 2, 5, 6);
    if (two_rows && two_panels) TILE_MULTIPLY(w, 3, 5, 7);
}

INLINE void load_rows(const bool two_rows, const char *a, size_t stride) {
    TILE_LOAD(4, a, stride);
    if (two_rows) TILE_LOAD(5, a + TILE_ROWS * stride, stride);
}

INLINE void load_panels(const bool two_panels, const char *m, size_t panel_bytes) {
    TILE_LOAD(6, m, (size_t)TILE_BYTES);
    if (two_panels) TILE_LOAD(7, m + panel_bytes, (size_t)TILE_BYTES);
}

/* The three products of 32 columns: high with low, high with high, low with high. In this order
 * only the rows or the panels change from one to the next. */
INLINE void multiply_pairs(const bool two_rows, const bool two_panels, const char *a, size_t stride,
                           const char *m, const char *low, size_t panel_bytes) {
    load_rows(two_rows, a, stride);
    load_panels(two_panels, low, panel_bytes);
    multiply_tiles(BF16X3, two_rows, two_panels);
    load_panels(two_panels, m, panel_bytes);
    multiply_tiles(BF16X3, two_rows, two_panels);
    load_rows(two_rows, a + TILE_BYTES, stride);
    multiply_tiles(BF16X3, two_rows, two_panels);
}

/* Compute the sums of a span. two_rows: more than 16 rows. w, two_rows and two_panels are constant
 * at every call. */
INLINE void sum_tiles(const way w, const bool two_rows, const bool two_panels, const span *of,
                      bool zero, float *sums) {
    const size_t stride = of->stride, panel_bytes = of->panel_bytes;
    const char *a = of->a, *m = of->m, *low = of->low;
    const size_t sums_stride = STRIP_STRIDE * sizeof *sums;
    float *below = sums + TILE_ROWS * STRIP_STRIDE;

    if (zero) {
        TILE_ZERO(0);
        if (two_panels) TILE_ZERO(1);
        if (two_rows) TILE_ZERO(2);
        if (two_rows && two_panels) TILE_ZERO(3);
    } else {
        TILE_LOAD(0, sums, sums_stride);
        if (two_panels) TILE_LOAD(1, sums + WIDTH, sums_stride);
        if (two_rows) TILE_LOAD(2, below, sums_stride);
        if (two_rows && two_panels) TILE_LOAD(3, below + WIDTH, sums_stride);
    }
    for (size_t k = 0; k < of->steps; k++, m += PANEL_TILE) {
        if (w == BF16X3) {
            multiply_pairs(two_rows, two_panels, a, stride, m, low, panel_bytes);
            a += 2 * TILE_BYTES;
            low += PANEL_TILE;
            continue;
        }
        TILE_LOAD(4, a, stride);
        TILE_LOAD(6, m, (size_t)TILE_BYTES);
        TILE_MULTIPLY(w, 0, 4, 6);
        if (two_rows) {
            TILE_LOAD(5, a + TILE_ROWS * stride, stride);
            TILE_MULTIPLY(w, 2, 5, 6);
        }
        if (two_panels) {
            TILE_LOAD(7, m + panel_bytes, (size_t)TILE_BYTES);
            TILE_MULTIPLY(w, 1, 4, 7);
            if (two_rows) TILE_MULTIPLY(w, 3, 5, 7);
        }
        a += TILE_BYTES;
    }
    TILE_STORE(0, sums, sums_stride);
    if (two_panels) TILE_STORE(1, sums + WIDTH, sums_stride);
    if (two_rows) TILE_STORE(2, below, sums_stride);
    if (two_rows && two_panels) TILE_STORE(3, below + WIDTH, sums_stride);
}

/* Add the products of columns first ... first+count-1 to the sums of a strip, or set them. One pass
 * over the panels serves all rows. */
INLINE void sum_strip(const way w, const operand *A, size_t first, size_t count, const strip *s,
                      bool zero) {
    const size_t before = first / columns_of_tile(w);
    span of = {.steps = (count + columns_of_tile(w) - 1) / columns_of_tile(w),
               .stride = A->stride,
               .panel_bytes = s->panel_bytes};

    for (size_t p = 0; p < s->count; p += 2)
        for (size_t i = 0; i < A->rows; i += PAIR_ROWS) {
            float *sums = s->sums + i * STRIP_STRIDE + p * WIDTH;

            of.a = A->packed + i * A->stride + before * columns_of_tile(w) * bytes_of_packed(w);
            of.m = s->panels + p * s->panel_bytes + before * PANEL_TILE;
            of.low = w == BF16X3 ? s->low + p * s->panel_bytes + before * PANEL_TILE : NULL;
            if (A->rows > TILE_ROWS && p + 1 < s->count)
                sum_tiles(w, true, true, &of, zero, sums);
            else if (A->rows > TILE_ROWS)
                sum_tiles(w, true, false, &of, zero, sums);
            else if (p + 1 < s->count)
                sum_tiles(w, false, true, &of, zero, sums);
            else
                sum_tiles(w, false, false, &of, zero, sums);
        }
}

/* ---- Before and after ---- */

/* Where `outputs` sums of each row end, or begin. */
typedef struct target {
    float *C;
    uint16_t *bf16; /* not NULL: instead of C, for rounded outputs */
    size_t ldc, outputs;
    const float *bias;
} target;

INLINE __mmask16 outputs_left(const target *to, size_t p) {
    return first_lanes(to->outputs - p * WIDTH);
}

static void load_strip(size_t rows, const target *from, size_t panels, float *sums) {
    for (size_t i = 0; i < rows; i++)
        for (size_t p = 0; p < panels; p++)
            _mm512_storeu_ps(
                sums + i * STRIP_STRIDE + p * WIDTH,
                _mm512_maskz_loadu_ps(outputs_left(from, p), from->C + i * from->ldc + p * WIDTH));
}

INLINE void store_lanes(const target *to, size_t i, size_t p, __m512 x) {
    const __mmask16 mask = outputs_left(to, p);

    if (to->bias) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, to->bias + p * WIDTH));
    if (to->bf16)
        store_quickly(true, to->bf16 + i * to->ldc + p * WIDTH, x, x,
                      snnk__min_size(to->outputs - p * WIDTH, WIDTH));
    else
        _mm512_mask_storeu_ps(to->C + i * to->ldc + p * WIDTH, mask, x);
}

static void store_strip(size_t rows, const strip *s, const target *to) {
    for (size_t i = 0; i < rows; i++)
        for (size_t p = 0; p < s->count; p++)
            store_lanes(to, i, p, _mm512_loadu_ps(s->sums + i * STRIP_STRIDE + p * WIDTH));
}

/* Add the whole sums of a block, times both scales, to zeros (`fresh`) or to those kept, in the
 * same order as AVX-512 does. last: add the bias and store them. */
INLINE void add_block(const bool fresh, const bool last, const operand *A, size_t block,
                      const strip *s, const float *scale, const target *to) {
    for (size_t i = 0; i < A->rows; i++) {
        const __m512 a = _mm512_set1_ps(A->scale[block * TALL_ROWS + i]);
        const __m512i shift = _mm512_set1_epi32(A->shift[block * TALL_ROWS + i]);

        for (size_t p = 0; p < s->count; p++) {
            const size_t at = i * STRIP_STRIDE + p * WIDTH;
            const __m512i sum = _mm512_sub_epi32(_mm512_loadu_si512(s->sums + at), shift);
            const __m512 scales = _mm512_mul_ps(a, _mm512_loadu_ps(scale + p * WIDTH));
            const __m512 before = fresh ? _mm512_setzero_ps() : _mm512_loadu_ps(s->kept + at);
            const __m512 x = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scales, before);

            if (last)
                store_lanes(to, i, p, x);
            else
                _mm512_storeu_ps(s->kept + at, x);
        }
    }
}

/* ---- Products ---- */

static void bf16_strip(const operand *A, const strip *s, bool begins, const target *to) {
    if (!begins) load_strip(A->rows, to, s->count, s->sums);
    sum_strip(BF16, A, 0, A->columns, s, begins);
    store_strip(A->rows, s, to);
}

/* A few columns at a time: they are twice as many bytes, of which some stay in the first-level
 * cache. */
static void bf16x3_strip(const operand *A, const strip *s, bool begins, const target *to) {
    if (!begins) load_strip(A->rows, to, s->count, s->sums);
    for (size_t k = 0; k < A->columns; k += BLOCK)
        sum_strip(BF16X3, A, k, snnk__min_size(BLOCK, A->columns - k), s, begins && k == 0);
    store_strip(A->rows, s, to);
}

static void int8_strip(const operand *A, const strip *s, const float *scale, bool begins,
                       const target *to) {
    if (!begins) load_strip(A->rows, to, s->count, s->kept);
    for (size_t k = 0; k < A->columns; k += BLOCK) {
        const size_t columns = snnk__min_size(BLOCK, A->columns - k);
        const bool fresh = begins && k == 0, last = k + columns == A->columns;

        sum_strip(INT8, A, k, columns, s, true);
        if (fresh && last)
            add_block(true, true, A, k / BLOCK, s, scale, to);
        else if (fresh)
            add_block(true, false, A, k / BLOCK, s, scale, to);
        else if (last)
            add_block(false, true, A, k / BLOCK, s, scale, to);
        else
            add_block(false, false, A, k / BLOCK, s, scale, to);
    }
}

INLINE void pack(const way w, const float *A, size_t lda, operand *to) {
    for (size_t i = 0; i < to->rows; i++, A += lda) {
        char *row = to->packed + i * to->stride;

        if (w == BF16) pack_bf16(to->columns, A, (uint16_t *)(void *)row);
        if (w == BF16X3) pack_pairs(to->columns, A, (uint16_t *)(void *)row);
        if (w != INT8) continue;
        for (size_t k = 0; k < to->columns; k += BLOCK)
            pack_int8(snnk__min_size(BLOCK, to->columns - k), A + k, row + k,
                      &to->scale[k / BLOCK * TALL_ROWS + i], &to->shift[k / BLOCK * TALL_ROWS + i]);
    }
}

/* What a product needs in memory for so many rows: packed rows, and sums twice. */
enum {
    PACKED_BYTES = 1024, /* of a row on the stack */
    STACK_BYTES = PAIR_ROWS * (PACKED_BYTES + 64 + 2 * STRIP_STRIDE * 4)
};

/* Multiply rows that have a configuration. M from column `first`. */
INLINE void multiply(const way w, operand *A, const snnk__panels *M, size_t first, bool begins,
                     const float *bias, float *C, uint16_t *rounded, size_t ldc, float *sums) {
    const size_t bytes = bytes_of_weight(w), skipped = first * WIDTH * bytes;
    strip s = {.panel_bytes = snnk__panel_size(M) * bytes,
               .sums = sums,
               .kept = sums + A->rows * STRIP_STRIDE};

    for (size_t o = 0; o < M->rows; o += STRIP * WIDTH) {
        const target to = {.C = rounded ? NULL : C + o,
                           .bf16 = rounded ? rounded + o : NULL,
                           .ldc = ldc,
                           .outputs = snnk__min_size(STRIP * WIDTH, M->rows - o),
                           .bias = bias ? bias + o : NULL};

        s.panels = (const char *)M->narrow + skipped + o / WIDTH * s.panel_bytes;
        s.low = w == BF16X3 ? (const char *)M->low + skipped + o / WIDTH * s.panel_bytes : NULL;
        s.count = (to.outputs + WIDTH - 1) / WIDTH;
        if (w == BF16)
            bf16_strip(A, &s, begins, &to);
        else if (w == BF16X3)
            bf16x3_strip(A, &s, begins, &to);
        else
            int8_strip(A, &s, M->scale + o, begins, &to);
    }
}

INLINE void product(const way w, size_t n, const float *A, size_t lda, const snnk__panels *M,
                    size_t first, size_t count, bool begins, const float *bias, float *C,
                    uint16_t *rounded, size_t ldc, char *scratch) {
    const size_t bytes = bytes_of_packed(w);
    const size_t most_rows = scratch ? TALL_ROWS : PAIR_ROWS;
    const size_t most = scratch ? SNNK__NARROW_TALL_COLUMNS : PACKED_BYTES / bytes;
    float scale[SNNK__NARROW_TALL_COLUMNS / BLOCK * TALL_ROWS];
    int32_t shift[SNNK__NARROW_TALL_COLUMNS / BLOCK * TALL_ROWS];
    alignas(64) char on_stack[STACK_BYTES];
    size_t configured = 0;

    for (size_t i = 0, rows; i < n; i += rows) {
        rows =
            n - i < PAIR_ROWS ? n - i : snnk__min_size((n - i) / PAIR_ROWS * PAIR_ROWS, most_rows);
        if (snnk__min_size(rows, PAIR_ROWS) != configured) {
            configured = snnk__min_size(rows, PAIR_ROWS);
            snnk__tiles_configure(configured);
        }
        for (size_t k = 0, columns; k < count; k += columns) {
            columns = snnk__min_size(most, count - k);
            const size_t tile = columns_of_tile(w);
            const size_t stride = (columns + tile - 1) / tile * tile * bytes + 64;
            char *memory = scratch ? scratch : on_stack;
            operand some = {rows, columns, stride, memory, scale, shift};

            pack(w, A + i * lda + k, lda, &some);
            multiply(w, &some, M, first + k, begins && k == 0, k + columns == count ? bias : NULL,
                     rounded ? NULL : C + i * ldc, rounded ? rounded + i * ldc : NULL, ldc,
                     (float *)(void *)(memory + rows * stride));
        }
    }
    snnk__tiles_release();
}

static void int8(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                 size_t count, bool begins, const float *bias, float *C, size_t ldc,
                 void *scratch) {
    if (snnk__amx_pays(n, M))
        product(INT8, n, A, lda, M, first, count, begins, bias, C, NULL, ldc, scratch);
    else
        snnk__narrow_avx512.int8(n, A, lda, M, first, count, begins, bias, C, ldc, NULL);
}

static void bf16(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                 size_t count, bool begins, const float *bias, float *C, size_t ldc,
                 void *scratch) {
    if (!snnk__amx_pays(n, M)) {
        snnk__amx_bf16_sums(n, A, lda, M, first, count, begins, bias, C, ldc, NULL);
        return;
    }
    const unsigned state = snnk__flush_subnormals();

    product(BF16, n, A, lda, M, first, count, begins, bias, C, NULL, ldc, scratch);
    snnk__restore_state(state);
}

static void int8_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                         const float *bias, bool converts, uint16_t *C, size_t ldc, void *scratch) {
    if (snnk__amx_pays(n, M))
        product(INT8, n, A, lda, M, 0, M->columns, true, bias, NULL, C, ldc, scratch);
    else
        snnk__narrow_avx512.int8_rounded(n, A, lda, M, bias, converts, C, ldc, NULL);
}

static void bf16_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                         const float *bias, bool converts, uint16_t *C, size_t ldc, void *scratch) {
    if (!snnk__amx_pays(n, M)) {
        snnk__amx_bf16_sums_rounded(n, A, lda, M, bias, converts, C, ldc, NULL);
        return;
    }
    const unsigned state = snnk__flush_subnormals();

    product(BF16, n, A, lda, M, 0, M->columns, true, bias, NULL, C, ldc, scratch);
    snnk__restore_state(state);
}

static void bf16x3(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                   size_t count, bool begins, const float *bias, float *C, size_t ldc,
                   void *scratch) {
    if (!snnk__amx_pays(n, M)) {
        snnk__amx_bf16x3_sums(n, A, lda, M, first, count, begins, bias, C, ldc, NULL);
        return;
    }
    const unsigned state = snnk__flush_subnormals();

    product(BF16X3, n, A, lda, M, first, count, begins, bias, C, NULL, ldc, scratch);
    snnk__restore_state(state);
}

const snnk__narrow snnk__narrow_amx = {.name = "amx",
                                       .bf16 = bf16,
                                       .int8 = int8,
                                       .bf16x3 = bf16x3,
                                       .correlate = snnk__amx_correlate,
                                       .bf16_rounded = bf16_rounded,
                                       .int8_rounded = int8_rounded,
                                       .rounded_columns = SNNK__AMX_ROUNDED_COLUMNS,
                                       .rounds = true,
                                       .rows = PAIR_ROWS,
                                       .tall = TALL_ROWS};
#endif
