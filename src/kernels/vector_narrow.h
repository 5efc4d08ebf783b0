/* Narrow products with vectors of LANES lanes, the same for every instruction set. Include it once,
 * after these definitions:
 *
 *     LANES                      of 32 bits in a register
 *     ROWS, PANELS               a tile: its sums have to hide the latency of one multiplication
 *     ROW_PANELS                 panels of a tile of one row
 *     TALL_ROWS                  rows of a tile of one or two panels; undefined: ROWS
 *     ints, floats               registers
 *     n_...                      operations on them; count: of the lanes that are used
 *     passes(w)                  of a group of weights: a group is multiplied pass by pass
 *     n_weights(w, pass, at)     what a pass multiplies with, from LANES/16 of a group
 *     n_dot(w, sum, weights, a)  sum + their products with 4 bytes of a row of A in every lane
 *     INT8_BYTES                 of a group of a row of A
 *     n_begin(shift)             where integer sums begin: shift is 128 times the sum of a row
 *     pack_int8, pack_bf16       rows of A, as the products need them */
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
    const char
        *rows; /* INT8: whole numbers; BF16_DOT: bf16; padded with zeros. BF16_WIDE: floats */
    const float *scale;   /* INT8: block by block, SNNK__NARROW_ROWS rows each */
    const int32_t *shift; /* INT8: likewise, 128 times the sum of a row, because M is stored with
                           * 128 added */
} operand;

/* Panels that are panel_bytes apart; their first `left` rows exist. */
typedef struct matrix {
    const char *panels;
    size_t panel_bytes, left;
    const float *scale; /* INT8: of each row */
} matrix;

typedef struct target {
    float *C;
    size_t ldc;
    bool begins;
    const float *bias;
} target;

INLINE size_t columns_of_group(const way w) { return w == INT8 ? 4 : 2; }

INLINE size_t row_bytes_of_group(const way w) {
    return w == INT8 ? INT8_BYTES : w == BF16_DOT ? 4 : 8;
}

/* Add the products of `groups` groups. passes: fewer than usual for half a group. */
INLINE void add_groups(const way w, const int rows, const int registers, const char *row,
                       size_t stride, const char *group, size_t panel_bytes, size_t groups,
                       const int n_passes, ints *s) {
    for (size_t k = 0; k < groups; k++, group += GROUP, row += row_bytes_of_group(w))
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
}

INLINE size_t lanes_left(const matrix *M, int p) {
    const size_t before = (size_t)p * LANES, left = M->left > before ? M->left - before : 0;

    return left < LANES ? left : LANES;
}

/* Load C, where the sums begin. */
INLINE void load_sums(const int rows, const int registers, const target *to, size_t i0,
                      const matrix *M, floats *sums) {
    UNROLLED (int p = 0; p < registers; p++)
        UNROLLED (int i = 0; i < rows; i++)
            sums[i * registers + p] = n_load_first(
                to->C + (i0 + (size_t)i) * to->ldc + (size_t)p * LANES, lanes_left(M, p));
}

/* Add the bias to a register of outputs of `rows` rows, and store them. */
INLINE void store_sums(const int rows, const target *to, size_t i0, const matrix *M, const int p,
                       floats *sums) {
    const size_t count = lanes_left(M, p);
    float *C = to->C + i0 * to->ldc + (size_t)p * LANES;

    if (to->bias) {
        const floats bias = n_load_first(to->bias + (size_t)p * LANES, count);

        UNROLLED (int i = 0; i < rows; i++) sums[i] = n_add(sums[i], bias);
    }
    UNROLLED (int i = 0; i < rows; i++) n_store_first(C + (size_t)i * to->ldc, sums[i], count);
}

INLINE void bf16_tile(const way w, const int rows, const int panels, const operand *A, size_t i0,
                      const matrix *M, const target *to) {
    const int registers = panels * PARTS;
    const char *row = A->rows + i0 * A->stride;
    const size_t groups = w == BF16_DOT ? (A->columns + 1) / 2 : A->columns / 2;
    floats f[MOST_SUMS];
    ints s[MOST_SUMS];

    if (to->begins) {
        UNROLLED (int k = 0; k < rows * registers; k++) s[k] = n_ints(n_zero());
    } else {
        load_sums(rows, registers, to, i0, M, f);
        UNROLLED (int k = 0; k < rows * registers; k++) s[k] = n_ints(f[k]);
    }
    add_groups(w, rows, registers, row, A->stride, M->panels, M->panel_bytes, groups, passes(w), s);
    if (w == BF16_WIDE && A->columns % 2)
        add_groups(w, rows, registers, row + groups * 8, A->stride, M->panels + groups * GROUP,
                   M->panel_bytes, 1, 1, s);
    UNROLLED (int p = 0; p < registers; p++) {
        UNROLLED (int i = 0; i < rows; i++) f[i] = n_floats(s[i * registers + p]);
        store_sums(rows, to, i0, M, p, f);
    }
}

/* Add the sums of a block, times both scales, to zeros or to `sums`; store them after the last
 * block. fresh and last are constant at every call. */
INLINE void add_block(const bool fresh, const bool last, const int rows, const int registers,
                      const float *scale, const ints *s, const target *to, size_t i0,
                      const matrix *M, floats *sums) {
    UNROLLED (int p = 0; p < registers; p++) {
        const floats m = n_load(M->scale + (size_t)p * LANES);
        floats f[MOST_ROWS];

        UNROLLED (int i = 0; i < rows; i++)
            f[i] = n_fma(n_converted(s[i * registers + p]), n_mul(n_set(scale[i]), m),
                         fresh ? n_set(0) : sums[i * registers + p]);
        if (last) {
            store_sums(rows, to, i0, M, p, f);
        } else {
            UNROLLED (int i = 0; i < rows; i++) sums[i * registers + p] = f[i];
        }
    }
}

/* The sums of blocks are added in memory, because the registers are full. */
INLINE void int8_tile(const int rows, const int panels, const operand *A, size_t i0,
                      const matrix *M, const target *to) {
    const int registers = panels * PARTS;
    const char *row = A->rows + i0 * A->stride, *group = M->panels;
    const float *scale = A->scale + i0;
    const int32_t *shift = A->shift + i0;
    bool fresh = to->begins;
    floats sums[MOST_SUMS];

    if (!fresh) load_sums(rows, registers, to, i0, M, sums);
    for (size_t k = 0; k < A->columns; k += BLOCK, fresh = false) {
        const size_t columns = snnk__min_size(BLOCK, A->columns - k);
        const bool last = k + columns == A->columns;
        ints s[MOST_SUMS];

        UNROLLED (int i = 0; i < rows; i++)
            UNROLLED (int p = 0; p < registers; p++) s[i * registers + p] = n_begin(shift[i]);
        add_groups(INT8, rows, registers, row, A->stride, group, M->panel_bytes, (columns + 3) / 4,
                   passes(INT8), s);
        if (fresh && last)
            add_block(true, true, rows, registers, scale, s, to, i0, M, sums);
        else if (fresh)
            add_block(true, false, rows, registers, scale, s, to, i0, M, sums);
        else if (last)
            add_block(false, true, rows, registers, scale, s, to, i0, M, sums);
        else
            add_block(false, false, rows, registers, scale, s, to, i0, M, sums);
        row += BLOCK / 4 * INT8_BYTES;
        group += BLOCK / 4 * GROUP;
        scale += SNNK__NARROW_ROWS;
        shift += SNNK__NARROW_ROWS;
    }
}

/* Set C = A M^T for `rows` rows from row i0 and the first `panels` panels. w, rows and panels are
 * constant at every call. */
INLINE void tile(const way w, const int rows, const int panels, const operand *A, size_t i0,
                 const matrix *M, const target *to) {
    if (w == INT8)
        int8_tile(rows, panels, A, i0, M, to);
    else
        bf16_tile(w, rows, panels, A, i0, M, to);
}

/* Process rows i0 ... n-1, in tiles of nearly equal size: the panels stay in the first-level
 * cache. */
INLINE void tiles(const way w, const int panels, const operand *A, size_t i0, const matrix *M,
                  const target *to) {
    if (i0 == A->n) return;
    const size_t n = A->n - i0, count = (n - 1) / ROWS + 1, most = (n + count - 1) / count;

    for (size_t i = i0; i < A->n; i += most) {
        switch (snnk__min_size(A->n - i, most)) {
#define CASE(r)                                                                                    \
    case (r): tile(w, (r), panels, A, i, M, to); break;
            FOR_ROW_COUNTS(CASE)
#undef CASE
        }
    }
}

/* The same for few panels, whose tiles are taller. */
INLINE void tall_tiles(const way w, const int panels, const operand *A, const matrix *M,
                       const target *to) {
    size_t i = 0;

#ifdef TALL_ROWS
    for (; i + TALL_ROWS <= A->n; i += TALL_ROWS) tile(w, TALL_ROWS, panels, A, i, M, to);
#endif
    tiles(w, panels, A, i, M, to);
}

/* Without the first panels. */
INLINE void skip(const way w, size_t panels, matrix *M, target *to) {
    const size_t rows = panels * WIDTH;

    M->panels += panels * M->panel_bytes;
    M->left = M->left > rows ? M->left - rows : 0;
    if (w == INT8) M->scale += rows;
    to->C += rows;
    if (to->bias) to->bias += rows;
}

INLINE void multiply(const way w, const operand *A, matrix M, target to) {
    for (; A->n == 1 && M.left >= ROW_PANELS * WIDTH; skip(w, ROW_PANELS, &M, &to))
        tile(w, 1, ROW_PANELS, A, 0, &M, &to);
    for (; M.left > (PANELS - 1) * WIDTH; skip(w, PANELS, &M, &to)) tiles(w, PANELS, A, 0, &M, &to);
#if PANELS > 2
    for (; M.left > WIDTH; skip(w, 2, &M, &to)) tall_tiles(w, 2, A, &M, &to);
#endif
#if PANELS > 1
    for (; M.left > 0; skip(w, 1, &M, &to)) tall_tiles(w, 1, A, &M, &to);
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
        if (w == BF16_DOT) {
            pack_bf16(columns, A, (uint16_t *)(void *)to->rows[i]);
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

INLINE void product(const way w, size_t n, const float *A, size_t lda, const snnk__panels *M,
                    size_t first, size_t count, bool begins, const float *bias, float *C,
                    size_t ldc) {
    const size_t bytes = w == INT8 ? sizeof(uint8_t) : sizeof(uint16_t);
    const size_t most = w == BF16_DOT ? COLUMNS / 2 : COLUMNS;
    packed all;

    if (count == 0) {
        /* No columns: what begins is zero. */
        for (size_t i = 0; i < n; i++)
            for (size_t o = 0; o < M->rows; o++)
                C[i * ldc + o] = (begins ? 0 : C[i * ldc + o]) + (bias ? bias[o] : 0);
        return;
    }
    for (size_t i = 0; i < n; i += SNNK__NARROW_ROWS)
        for (size_t k = 0, columns; k < count; k += columns) {
            columns = w == BF16_WIDE ? count : snnk__min_size(most, count - k);
            const matrix some = {
                .panels = (const char *)M->narrow + (first + k) * WIDTH * bytes,
                .panel_bytes = snnk__panel_size(M) * bytes,
                .left = M->rows,
                .scale = M->scale,
            };
            const target to = {.C = C + i * ldc,
                               .ldc = ldc,
                               .begins = begins && k == 0,
                               .bias = k + columns == count ? bias : NULL};
            operand rows = {.n = snnk__min_size(SNNK__NARROW_ROWS, n - i),
                            .columns = columns,
                            .rows = (const char *)(A + i * lda),
                            .stride = lda * sizeof *A};

            if (w != BF16_WIDE) pack(w, rows.n, columns, A + i * lda + k, lda, &all, &rows);
            multiply(w, &rows, some, to);
        }
}

#define PRODUCT(name, way)                                                                         \
    static void name(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,    \
                     size_t count, bool begins, const float *bias, float *C, size_t ldc,           \
                     void *scratch) {                                                              \
        (void)scratch;                                                                             \
        product(way, n, A, lda, M, first, count, begins, bias, C, ldc);                            \
    }
