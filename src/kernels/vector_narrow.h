/* Narrow products with vectors of LANES lanes, the same for every instruction set. Include it once,
 * after these definitions:
 *
 *     LANES                      of 32 bits in a register
 *     ROWS, PANELS               a tile: its sums have to hide the latency of one multiplication.
 *                                PANELS is 1, 2 or 4
 *     ROW_PANELS                 panels of a tile of one row
 *     TALL_ROWS                  rows of a tile of fewer than PANELS panels
 *     MOST_REGISTERS, MOST_SUMS  of a tile
 *     ints, floats               registers
 *     n_...                      operations on them; count: of the lanes that are used
 *     passes(w)                  of a group of weights: a group is multiplied pass by pass
 *     n_weights(w, pass, at)     what a pass multiplies with, from LANES/16 of a group
 *     n_dot(w, sum, weights, a)  sum + their products with 4 bytes of a row of A in every lane
 *     INT8_BYTES                 of a group of a row of A
 *     n_begin(shift)             where integer sums begin: shift is 128 times the sum of a row
 *     n_store_rounded(converts, p, a, b, count)   the first `count` numbers of a, then b, in bf16;
 *                                see snnk__narrow_rounding
 *     pack_int8                  a block of a row of A, as snnk__int8_of rounds it
 *     pack_row(w, ...)           a row of A for BF16_DOT, BF16_TILES or BF16X3
 *
 * The ways of multiplying are INT8; BF16_DOT: pairs of bf16; BF16_WIDE: weights are widened to
 * float, and A is not packed; BF16_TILES: the same with A rounded to bf16, in floats, and padded to
 * whole tiles of 32 columns; BF16X3: the same with A and weights as sums of two bf16. */
#include <string.h>

#include "base/size.h"

#define WIDTH SNNK__NARROW_WIDTH
#define BLOCK SNNK__NARROW_BLOCK
#define PARTS (WIDTH / LANES) /* registers of a group */

/* A group of M: 4 columns of a panel in int8, 2 in bf16. */
#define GROUP 64

/* Rows of A. */
typedef struct operand {
    size_t n, columns, stride; /* stride: bytes */
    const char *rows;     /* INT8: whole numbers; BF16_DOT: bf16; BF16_WIDE, BF16_TILES: floats;
                           * BF16X3: by tiles, the 32 first floats, then the 32 second. All but
                           * BF16_WIDE padded with zeros */
    const float *scale;   /* INT8: block by block, SNNK__NARROW_ROWS rows each */
    const int32_t *shift; /* INT8: likewise, 128 times the sum of a row, because M is stored with
                           * 128 added */
} operand;

/* Panels that are panel_bytes apart; their first `left` rows exist. */
typedef struct matrix {
    const char *panels;
    const char *low; /* BF16X3: the second weights */
    size_t panel_bytes, left;
    const float *scale; /* INT8: of each row */
} matrix;

/* C, or `bf16`, for rounded outputs: exactly one is set. */
typedef struct target {
    float *C;
    uint16_t *bf16;
    size_t ldc;
    bool begins, converts;
    const float *bias;
} target;

INLINE size_t columns_of_group(const way w) { return w == INT8 ? 4 : 2; }

INLINE size_t row_bytes_of_group(const way w) {
    return w == INT8 ? INT8_BYTES : w == BF16_DOT ? 4 : w == BF16X3 ? 16 : 8;
}

/* ---- Tiles ---- */

/* Registers of sums of all rows. */
enum { MOST_ROW_SUMS = SNNK__NARROW_ROWS * PANELS * PARTS };
_Static_assert((int)MOST_ROW_SUMS >= ROW_PANELS * PARTS, "a row of ROW_PANELS panels has no room");

/* What a tile multiplies: rows of A, and as many groups of some panels. */
typedef struct span {
    size_t groups, stride, panel_bytes;
    const char *row, *group, *low; /* low: BF16X3 */
    const int32_t *shift;          /* INT8: of each row, where the sums begin */
    bool zero;                     /* otherwise: whether the sums begin at 0, or go on */
    bool half;                     /* BF16_WIDE: only the first pass, for half a group */
} span;

/* Add the products to the sums. */
typedef void sum_function(const span *of, ints *sums);

/* n_passes, rows and registers are constant at every call. */
INLINE void sum_groups(const way w, const int n_passes, const int rows, const int registers,
                       const span *of, ints *sums) {
    const char *row = of->row, *group = of->group;
    const size_t stride = of->stride, panel_bytes = of->panel_bytes;
    ints s[MOST_SUMS];

    if (w != INT8 && of->zero) {
        UNROLLED (int k = 0; k < rows * registers; k++) s[k] = n_ints(n_set(0));
    } else {
        UNROLLED (int i = 0; i < rows; i++)
            UNROLLED (int p = 0; p < registers; p++)
                s[i * registers + p] = w == INT8 ? n_begin(of->shift[i]) : sums[i * registers + p];
    }
    for (size_t k = of->groups; k > 0; k--, group += GROUP, row += row_bytes_of_group(w))
        UNROLLED (int pass = 0; pass < n_passes; pass++) {
            ints m[MOST_REGISTERS];

            UNROLLED (int p = 0; p < registers; p++)
                m[p] = n_weights(w, pass,
                                 group + (size_t)(p / PARTS) * panel_bytes +
                                     (size_t)(p % PARTS) * LANES * 4);
            UNROLLED (int i = 0; i < rows; i++) {
                const ints a = n_broadcast(row + (size_t)i * stride + 4 * pass);

                UNROLLED (int p = 0; p < registers; p++)
                    s[i * registers + p] = n_dot(w, s[i * registers + p], m[p], a);
            }
        }
    UNROLLED (int k = 0; k < rows * registers; k++) sums[k] = s[k];
}

/* One function for each shape, which does nothing else: gcc would not keep the sums in registers in
 * a larger one. */
#define TILE(w, rows, panels)                                                                      \
    static                                                                                         \
        __attribute__((noinline)) void sum_##w##_##rows##_##panels(const span *of, ints *sums) {   \
        if ((w) == BF16_WIDE && of->half)                                                          \
            sum_groups(w, 1, rows, (panels)*PARTS, of, sums);                                      \
        else                                                                                       \
            sum_groups(w, passes(w), rows, (panels)*PARTS, of, sums);                              \
    }

INLINE size_t lanes_left(const matrix *M, size_t p) {
    const size_t left = M->left > p * LANES ? M->left - p * LANES : 0;

    return left < LANES ? left : LANES;
}

/* The tiles of one way of multiplying, by panels and rows. */
typedef struct shapes {
    sum_function *by_rows[PANELS + 1][TALL_ROWS + 1], *one_row;
} shapes;

/* Sums of all rows of A and a few panels, row by row. */
typedef struct all_sums {
    ints sums[MOST_ROW_SUMS];
    floats kept[MOST_ROW_SUMS]; /* INT8: the float sums of the blocks so far */
} all_sums;

/* Fetch the lines that rows first ... first+count-1 will be written to. */
INLINE void fetch_outputs(size_t registers, size_t first, size_t count, const target *to) {
    if (to->bf16)
        for (size_t r = first; r < first + count; r++)
            UNROLLED (size_t p = 0; p < registers; p += 2)
                __builtin_prefetch(to->bf16 + r * to->ldc + p * LANES, 1);
    else
        for (size_t r = first; r < first + count; r++)
            UNROLLED (size_t p = 0; p < registers; p++)
                __builtin_prefetch(to->C + r * to->ldc + p * LANES, 1);
}

/* Add the products of a block of columns, in tiles of nearly equal size: the panels stay in the
 * first-level cache. Few panels have taller tiles. zero, half: see span. */
INLINE void sum_tiles(const way w, const shapes *s, size_t panels, const operand *A, size_t column,
                      size_t columns, bool zero, bool half, const matrix *M, const target *next,
                      all_sums *to) {
    const size_t registers = panels * PARTS, before = column / columns_of_group(w);
    const size_t rounded_up = w == BF16_WIDE ? columns : columns + columns_of_group(w) - 1;
    const size_t count = (A->n - 1) / ROWS + 1, most = (A->n + count - 1) / count;
    span of = {.groups = half ? 1 : rounded_up / columns_of_group(w),
               .stride = A->stride,
               .panel_bytes = M->panel_bytes,
               .row = A->rows + before * row_bytes_of_group(w),
               .group = M->panels + before * GROUP,
               .low = w == BF16X3 ? M->low + before * GROUP : NULL,
               .shift = w == INT8 ? A->shift + column / BLOCK * SNNK__NARROW_ROWS : NULL,
               .zero = zero,
               .half = half};

    for (size_t i = 0, rows; i < A->n; i += rows) {
        sum_function *sum;

        if (panels > PANELS) {
            rows = 1;
            sum = s->one_row;
        } else {
            rows = panels < PANELS && A->n - i >= TALL_ROWS ? TALL_ROWS
                                                            : snnk__min_size(A->n - i, most);
            sum = s->by_rows[panels][rows];
        }
        if (next) fetch_outputs(registers, i, rows, next);
        sum(&of, to->sums + i * registers);
        of.row += rows * A->stride;
        if (w == INT8) of.shift += rows;
    }
}

/* Write a row of finished outputs to C, or rounded to bf16. rounds and registers are constant at
 * every call. used: lanes of the last register. */
INLINE void store_row(const bool rounds, const size_t registers, const matrix *M, size_t used,
                      bool converts, float *C, uint16_t *bf16, const floats x[MOST_REGISTERS]) {
    if (rounds) {
        UNROLLED (size_t p = 0; p < registers; p += 2) {
            const size_t next = p + 1 < registers ? p + 1 : p,
                         count =
                             next == p ? lanes_left(M, p) : lanes_left(M, p) + lanes_left(M, next);

            if (used == LANES)
                n_store_rounded(converts, bf16 + p * LANES, x[p], x[next],
                                next == p ? LANES : 2 * LANES);
            else if (count > 0)
                n_store_rounded(converts, bf16 + p * LANES, x[p], x[next], count);
        }
        return;
    }
    UNROLLED (size_t p = 0; p < registers; p++) {
        if (used == LANES)
            n_store(C + p * LANES, x[p]);
        else
            n_store_first(C + p * LANES, x[p], lanes_left(M, p));
    }
}

/* Add the sums of a block, times both scales, to zeros or to those kept. Constant at every call:
 * rounds, registers, fresh, last, with_bias. last: add the bias and write them; bf16: only that. */
INLINE void add_block(const way w, const bool rounds, const size_t registers, const bool fresh,
                      const bool last, const bool with_bias, const operand *A, size_t column,
                      const matrix *M, const target *to, all_sums *s) {
    const float *scale = w == INT8 ? A->scale + column / BLOCK * SNNK__NARROW_ROWS : NULL;
    const size_t n = A->n, ldc = to->ldc, used = lanes_left(M, registers - 1);
    const ints *from = s->sums;
    float *C = to->C;
    uint16_t *bf16 = to->bf16;
    floats *kept = s->kept, m[MOST_REGISTERS], bias[MOST_REGISTERS], x[MOST_REGISTERS];

    UNROLLED (size_t p = 0; p < registers; p++) {
        if (w == INT8) m[p] = n_load(M->scale + p * LANES);
        if (with_bias) bias[p] = n_load_first(to->bias + p * LANES, lanes_left(M, p));
    }
    for (size_t i = 0; i < n; i++, from += registers, kept += registers) {
        UNROLLED (size_t p = 0; p < registers; p++) {
            x[p] = n_floats(from[p]);
            if (w == INT8)
                x[p] = n_fma(n_converted(from[p]), n_mul(n_set(scale[i]), m[p]),
                             fresh ? n_set(0) : kept[p]);
            if (with_bias) x[p] = n_add(x[p], bias[p]);
            if (!last) kept[p] = x[p];
        }
        if (!last) continue;
        store_row(rounds, registers, M, used, to->converts, C, bf16, x);
        if (rounds)
            bf16 += ldc;
        else
            C += ldc;
    }
}

/* The last block. rounds and registers are constant at every call. */
INLINE void end_last_block(const way w, const bool rounds, const size_t registers, bool fresh,
                           const operand *A, size_t column, const matrix *M, const target *to,
                           all_sums *s) {
    if (fresh && to->bias)
        add_block(w, rounds, registers, true, true, true, A, column, M, to, s);
    else if (fresh)
        add_block(w, rounds, registers, true, true, false, A, column, M, to, s);
    else if (to->bias)
        add_block(w, rounds, registers, false, true, true, A, column, M, to, s);
    else
        add_block(w, rounds, registers, false, true, false, A, column, M, to, s);
}

INLINE void end_block(const way w, const size_t registers, bool fresh, bool last, const operand *A,
                      size_t column, const matrix *M, const target *to, all_sums *s) {
    if (w != INT8) fresh = false;
    if (last && to->bf16)
        end_last_block(w, true, registers, fresh, A, column, M, to, s);
    else if (last)
        end_last_block(w, false, registers, fresh, A, column, M, to, s);
    else if (w == INT8 && fresh)
        add_block(w, false, registers, true, false, false, A, column, M, to, s);
    else if (w == INT8)
        add_block(w, false, registers, false, false, false, A, column, M, to, s);
}

/* Sums that do not begin at 0 begin at C. */
INLINE void begin(const way w, size_t registers, const operand *A, const matrix *M,
                  const target *to, all_sums *s) {
    for (size_t i = 0; i < A->n; i++)
        for (size_t p = 0; p < registers; p++) {
            const floats x = to->begins
                                 ? n_set(0)
                                 : n_load_first(to->C + i * to->ldc + p * LANES, lanes_left(M, p));
            if (w == INT8)
                s->kept[i * registers + p] = x;
            else
                s->sums[i * registers + p] = n_ints(x);
        }
}

/* Set C = A M^T for all rows and the first panels, a constant number of them. */
INLINE void multiply_panels(const way w, const shapes *s, const size_t panels, const operand *A,
                            const matrix *M, const target *to) {
    const size_t registers = panels * PARTS;
    all_sums all;

    if (!to->begins) begin(w, registers, A, M, to, &all);
    for (size_t k = 0; k < A->columns; k += BLOCK) {
        const size_t columns = snnk__min_size(BLOCK, A->columns - k);
        const bool last = k + columns == A->columns;

        const bool zero = to->begins && k == 0;

        if (w != BF16_WIDE || columns > 1)
            sum_tiles(w, s, panels, A, k, columns, zero, false, M, last ? to : NULL, &all);
        if (w == BF16_WIDE && columns % 2)
            sum_tiles(w, s, panels, A, k + columns - 1, 1, zero && columns == 1, true, M, NULL,
                      &all);
        end_block(w, registers, to->begins && k == 0, last, A, k, M, to, &all);
    }
}

/* Without the first panels. */
INLINE void skip(const way w, size_t panels, matrix *M, target *to) {
    const size_t rows = panels * WIDTH;

    M->panels += panels * M->panel_bytes;
    if (w == BF16X3) M->low += panels * M->panel_bytes;
    M->left = M->left > rows ? M->left - rows : 0;
    if (w == INT8) M->scale += rows;
    if (to->bf16)
        to->bf16 += rows;
    else
        to->C += rows;
    if (to->bias) to->bias += rows;
}

INLINE void multiply(const way w, const shapes *s, const operand *A, matrix M, target to) {
    for (; A->n == 1 && M.left >= ROW_PANELS * WIDTH; skip(w, ROW_PANELS, &M, &to))
        multiply_panels(w, s, ROW_PANELS, A, &M, &to);
    /* Of widened weights, more rows share the work of widening in tall tiles. */
    const bool tall = w == BF16_WIDE && A->n >= TALL_ROWS && PANELS > 2;

    for (; !tall && M.left > (PANELS - 1) * WIDTH; skip(w, PANELS, &M, &to))
        multiply_panels(w, s, PANELS, A, &M, &to);
#if PANELS > 2
    for (; M.left > WIDTH; skip(w, 2, &M, &to)) multiply_panels(w, s, 2, A, &M, &to);
#endif
#if PANELS > 1
    for (; M.left > 0; skip(w, 1, &M, &to)) multiply_panels(w, s, 1, A, &M, &to);
#endif
}

/* ---- Products ---- */

/* Columns of A that are packed at once; further ones are added to C. */
enum { COLUMNS = 1024 / INT8_BYTES * 4 };

typedef struct packed {
    _Alignas(64) char rows[SNNK__NARROW_ROWS][COLUMNS / 4 * INT8_BYTES + 64];
    float scale[COLUMNS / BLOCK][SNNK__NARROW_ROWS];
    int32_t shift[COLUMNS / BLOCK][SNNK__NARROW_ROWS];
} packed;

/* Pack n rows of `columns` columns. */
static void pack(const way w, size_t n, size_t columns, const float *A, size_t lda, packed *to,
                 operand *rows) {
    for (size_t i = 0; i < n; i++, A += lda) {
        if (w != INT8) {
            pack_row(w, columns, A, to->rows[i]);
            continue;
        }
        for (size_t k = 0; k < columns; k += BLOCK)
            pack_int8(snnk__min_size(BLOCK, columns - k), A + k, to->rows[i] + k / 4 * INT8_BYTES,
                      &to->scale[k / BLOCK][i], &to->shift[k / BLOCK][i]);
    }
    *rows = (operand){.n = n,
                      .columns = columns,
                      .rows = to->rows[0],
                      .stride = sizeof to->rows[0],
                      .scale = to->scale[0],
                      .shift = to->shift[0]};
}

/* all: for all rows and columns. */
INLINE void product(const way w, const shapes *s, size_t n, const float *A, size_t lda,
                    const snnk__panels *M, size_t first, size_t count, const target *all) {
    const size_t bytes = w == INT8 ? sizeof(uint8_t) : sizeof(uint16_t);
    const size_t most = w == INT8 ? COLUMNS : COLUMNS * 2 / row_bytes_of_group(w);
    packed memory;

    for (size_t i = 0; i < n; i += SNNK__NARROW_ROWS)
        for (size_t k = 0, columns; k < count; k += columns) {
            columns = w == BF16_WIDE ? count : snnk__min_size(most, count - k);
            const matrix some = {
                .panels = (const char *)M->narrow + (first + k) * WIDTH * bytes,
                .low = w == BF16X3 ? (const char *)M->low + (first + k) * WIDTH * bytes : NULL,
                .panel_bytes = snnk__panel_size(M) * bytes,
                .left = M->rows,
                .scale = M->scale,
            };
            const target to = {.C = all->bf16 ? NULL : all->C + i * all->ldc,
                               .bf16 = all->bf16 ? all->bf16 + i * all->ldc : NULL,
                               .ldc = all->ldc,
                               .begins = all->begins && k == 0,
                               .converts = all->converts,
                               .bias = k + columns == count ? all->bias : NULL};
            operand rows = {.n = snnk__min_size(SNNK__NARROW_ROWS, n - i),
                            .columns = columns,
                            .rows = (const char *)(A + i * lda),
                            .stride = lda * sizeof *A};

            if (w != BF16_WIDE) pack(w, rows.n, columns, A + i * lda + k, lda, &memory, &rows);
            if ((w == BF16_TILES || w == BF16X3) && M->columns >= 32)
                rows.columns = (columns + 31) / 32 * 32;
            multiply(w, s, &rows, some, to);
        }
}

#define PRODUCT(name, way, shapes)                                                                 \
    static void name##_to(size_t n, const float *A, size_t lda, const snnk__panels *M,             \
                          size_t first, size_t count, const target *to) {                          \
        product(way, shapes, n, A, lda, M, first, count, to);                                      \
    }                                                                                              \
    static void name(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,    \
                     size_t count, bool begins, const float *bias, float *C, size_t ldc,           \
                     void *scratch) {                                                              \
        (void)scratch;                                                                             \
        name##_to(n, A, lda, M, first, count,                                                      \
                  &(target){.C = C, .ldc = ldc, .begins = begins, .bias = bias});                  \
    }

/* After PRODUCT: name_rounded. It takes ROUNDED_COLUMNS columns: the sums of more are added to C in
 * parts. */
#define ROUNDING(name)                                                                             \
    static void name##_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,        \
                               const float *bias, bool converts, uint16_t *C, size_t ldc,          \
                               void *scratch) {                                                    \
        (void)scratch;                                                                             \
        name##_to(                                                                                 \
            n, A, lda, M, 0, M->columns,                                                           \
            &(target){.bf16 = C, .ldc = ldc, .begins = true, .converts = converts, .bias = bias}); \
    }

/* For INT8 and BF16_WIDE; half of it for BF16_DOT, a quarter for BF16_TILES. */
#define ROUNDED_COLUMNS ((size_t)COLUMNS)
