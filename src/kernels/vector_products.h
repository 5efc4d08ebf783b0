/* The two products of a forward pass in vectors. Included by the kernels of an instruction set,
 * after vector_apply.h, which define before:
 *
 *     floats v_zero()               zeros, made in the register itself: gcc would make 24 zeros by
 *                                   copying one register, and every sum would wait for that one
 *     floats v_repeat(chunk, p)     the `chunk` floats at p, over and over; chunk is a power of two
 *                                   up to LANES and a constant at every call
 *     floats v_pair_sums(a, b)      a[0] + a[1], a[2] + a[3] ..., then the same sums of b
 *     V_KEEP(x)                     asks the compiler to load x once, not with every use
 *     void v_store_rounded(p, a, b, count)
 *                                   the first `count` numbers of a, then b, rounded to bf16 as
 *                                   snnk__bf16_of does; count is above 0 and up to 2 LANES
 *     V_CONVERTS                    defined if an instruction rounds to bf16, except for numbers of
 *                                   which it makes zeros. Then also:
 *         v_nonzero, v_all_nonzero()    a mask, in which no zero was seen
 *         v_nonzero v_store_converted(p, a, b, nonzero)
 *                                       write a, then b; zeros are taken from the mask
 *         v_nonzero v_store_converted_rows(p, a, q, b, nonzero)
 *                                       write a to p and b to q
 *     PROJECT_ROWS                  rows of X of a tile of the projection, at most 6
 *     READOUT_ROWS                  rows of Phi of a tile of the readout, at most 8
 *     READOUT_VECTORS               registers of outputs of a row of that tile
 *     ROW_PANELS                    panels at once for one row, which has too few sums to hide the
 *                                   latency of one */
#ifndef SNNK_KERNELS_VECTOR_PRODUCTS_H
#define SNNK_KERNELS_VECTOR_PRODUCTS_H

#include <stdbool.h>

#include "base/size.h"
#include "kernels/panels.h"
#include "kernels/vector_apply.h"

/* Floats ahead of the one in use that are fetched: 4 KB, measured with weights beyond L2. */
#define V_AHEAD 1024

/* ---- Projection ----
 *
 * A tile has PROJECT_ROWS rows of X and PROJECT_VECTORS registers of G. A register holds LANES /
 * chunk features x `chunk` columns, so that a layer of few features fills all lanes too. `chunk`
 * depends on the number of features alone, and with it the order of every sum. */

#define PROJECT_VECTORS 4
#define PROJECT_TILES   16 /* share a pass over columns of a panel */
#define PROJECT_COLUMNS                                                                            \
    1024 /* of a pass: with 64 features 256 KB, which stay in L2 for all tiles                    \
          */

_Static_assert(SNNK__ROW_CHUNK % (PROJECT_VECTORS * LANES) == 0,
               "a chunk of directions would not begin a panel");

static snnk__panel_shape projection_shape(size_t rows) {
    size_t chunk = LANES;

    while (chunk > 1 && PROJECT_VECTORS * LANES / chunk < rows) chunk /= 2;
    return (snnk__panel_shape){PROJECT_VECTORS * LANES / chunk, chunk, LANES / chunk};
}

/* Some columns of a panel, and what to do with the sums. */
typedef struct project_pass {
    size_t columns;
    bool first, last;    /* first: sums begin at zero; last: sums are finished and written */
    const float *offset; /* of the panel's features; NULL: zeros */
    size_t features;     /* how many features of the panel exist */
    bool far;            /* whether to fetch the panel ahead: it leaves L1 before its next use */
} project_pass;

/* Fetch `vectors` registers ahead of their use. */
INLINE void fetch(const int vectors, const float *panel) {
    UNROLLED (int v = 0; v < vectors; v++) __builtin_prefetch(panel + (size_t)v * LANES + V_AHEAD);
}

/* A row of X, from rows 0 and 3 of a tile. */
INLINE const float *row_of(const float *rows[2], size_t ldx, int i) {
    return rows[i / 3] + (size_t)(i % 3) * ldx;
}

/* s[i][v] += the products of one chunk of columns. */
INLINE void project_chunk(const int rows, const int vectors, const floats x[PROJECT_ROWS],
                          const float *panel, floats s[PROJECT_ROWS][PROJECT_VECTORS]) {
    UNROLLED (int v = 0; v < vectors; v++) {
        floats g = v_load(panel + (size_t)v * LANES);

        if (rows > 1) V_KEEP(g);
        UNROLLED (int i = 0; i < rows; i++) s[i][v] = v_fma(x[i], g, s[i][v]);
    }
}

/* Add the pairs of lanes of `left` registers: half as many registers remain. */
INLINE int add_pairs(const int left, floats s[PROJECT_VECTORS]) {
    UNROLLED (int v = 0; v < (left + 1) / 2; v++)
        s[v] = v_pair_sums(s[2 * v], s[2 * v + 1 < left ? 2 * v + 1 : 2 * v]);
    return (left + 1) / 2;
}

/* Add the lanes of each feature. Returns how many registers of features there are. */
INLINE int add_lanes(const int chunk, const int vectors, floats s[PROJECT_VECTORS]) {
    int left = vectors;

    if (chunk >= 2) left = add_pairs(left, s);
    if (chunk >= 4) left = add_pairs(left, s);
    if (chunk >= 8) left = add_pairs(left, s);
    if (chunk >= 16) left = add_pairs(left, s);
    return left;
}

/* Add the offsets and write the features of one row. */
INLINE void project_finish(const int chunk, const int vectors, const project_pass *pass,
                           floats s[PROJECT_VECTORS], float *Z) {
    const int count = add_lanes(chunk, vectors, s);

    UNROLLED (int v = 0; v < count; v++) {
        const size_t first = (size_t)v * LANES;

        if (pass->features >= first + LANES) {
            if (pass->offset) s[v] += v_load(pass->offset + first);
            v_store(Z + first, s[v]);
        } else if (pass->features > first) {
            const size_t some = pass->features - first;

            if (pass->offset) s[v] += v_load_first(pass->offset + first, some);
            v_store_first(Z + first, s[v], some);
        }
    }
}

/* Set Z = the products of a panel with `rows` rows of X. chunk, rows and vectors are constant at
 * every call. partial: the sums between one pass and the next. */
INLINE void project_tile(const int chunk, const int rows, const int vectors,
                         const project_pass *pass, const float *X, size_t ldx, const float *panel,
                         floats partial[PROJECT_ROWS][PROJECT_VECTORS], float *Z, size_t ldz) {
    const float *at[2] = {X, X + 3 * ldx};
    floats s[PROJECT_ROWS][PROJECT_VECTORS], x[PROJECT_ROWS];
    size_t k = 0, far = pass->far;

    V_HIDE(at[1]);
    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int v = 0; v < vectors; v++) s[i][v] = pass->first ? v_zero() : partial[i][v];
    for (; k + (size_t)chunk <= pass->columns; k += (size_t)chunk, panel += vectors * LANES) {
        UNROLLED (int i = 0; i < rows; i++) x[i] = v_repeat(chunk, row_of(at, ldx, i) + k);
        if (rows > 1) V_HIDE(far);
        if (rows > 1 && far) fetch(vectors, panel);
        project_chunk(rows, vectors, x, panel, s);
    }
    if (chunk > 1 && k < pass->columns) {
        UNROLLED (int i = 0; i < rows; i++) {
            float rest[LANES] = {0};

            for (size_t t = k; t < pass->columns; t++) rest[t - k] = row_of(at, ldx, i)[t];
            x[i] = v_repeat(chunk, rest);
        }
        project_chunk(rows, vectors, x, panel, s);
    }
    UNROLLED (int i = 0; i < rows; i++) {
        if (pass->last)
            project_finish(chunk, vectors, pass, s[i], Z + (size_t)i * ldz);
        else
            UNROLLED (int v = 0; v < vectors; v++) partial[i][v] = s[i][v];
    }
}

/* Compute all tiles of n rows, of nearly equal height and each with its own sums. */
INLINE void project_rows(const int chunk, const int vectors, size_t n, const project_pass *pass,
                         const float *X, size_t ldx, const float *panel,
                         floats partial[][PROJECT_ROWS][PROJECT_VECTORS], float *Z, size_t ldz) {
    size_t tiles = (n + PROJECT_ROWS - 1) / PROJECT_ROWS;

    for (size_t i = 0, height; i < n; i += height, tiles--, partial++) {
        height = (n - i + tiles - 1) / tiles;
        switch (height) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= PROJECT_ROWS)                                                                   \
            project_tile(chunk, (r) <= PROJECT_ROWS ? (r) : 1, vectors, pass, X + i * ldx, ldx,    \
                         panel, *partial, Z + i * ldz, ldz);                                       \
        break;
            FOR_ROW_COUNTS(ROWS)
#undef ROWS
        }
    }
}

typedef void project_function(size_t n, const project_pass *pass, const float *X, size_t ldx,
                              const float *panel, floats partial[][PROJECT_ROWS][PROJECT_VECTORS],
                              float *Z, size_t ldz);

/* project_rows for panels of one chunk, and of 1 to 4 registers: the last one may be narrower. */
#define PROJECT_NAME_(chunk, vectors) project_##chunk##_##vectors
#define PROJECT_NAME(chunk, vectors)  PROJECT_NAME_(chunk, vectors)
#define PROJECT_ROWS_OF(chunk, vectors)                                                            \
    static void PROJECT_NAME(chunk, vectors)(                                                      \
        size_t n, const project_pass *pass, const float *X, size_t ldx, const float *panel,        \
        floats partial[][PROJECT_ROWS][PROJECT_VECTORS], float *Z, size_t ldz) {                   \
        project_rows(chunk, vectors, n, pass, X, ldx, panel, partial, Z, ldz);                     \
    }
PROJECT_ROWS_OF(1, 1)
PROJECT_ROWS_OF(1, 2)
PROJECT_ROWS_OF(1, 3)
PROJECT_ROWS_OF(1, 4)
PROJECT_ROWS_OF(2, 3)
PROJECT_ROWS_OF(2, 4)
#if LANES > 4
PROJECT_ROWS_OF(4, 3)
PROJECT_ROWS_OF(4, 4)
#endif
#if LANES > 8
PROJECT_ROWS_OF(8, 3)
PROJECT_ROWS_OF(8, 4)
#endif
PROJECT_ROWS_OF(LANES, 1)
PROJECT_ROWS_OF(LANES, 2)
PROJECT_ROWS_OF(LANES, 3)
PROJECT_ROWS_OF(LANES, 4)
#undef PROJECT_ROWS_OF

/* Indexed by the registers less 1. With more than one column in a register, more than half of the
 * panel exists: otherwise projection_shape would have chosen the next chunk. */
static project_function *const *project_functions(size_t chunk) {
    static project_function *const one[] = {project_1_1, project_1_2, project_1_3, project_1_4},
                                   *const two[] = {NULL, NULL, project_2_3, project_2_4},
#if LANES > 4
                                   *const four[] = {NULL, NULL, project_4_3, project_4_4},
#endif
#if LANES > 8
                                   *const eight[] = {NULL, NULL, project_8_3, project_8_4},
#endif
                                   *const all[] = {PROJECT_NAME(LANES, 1), PROJECT_NAME(LANES, 2),
                                                   PROJECT_NAME(LANES, 3), PROJECT_NAME(LANES, 4)};

    switch (chunk) {
    case 1: return one;
    case 2: return two;
#if LANES > 4
    case 4: return four;
#endif
#if LANES > 8
    case 8: return eight;
#endif
    default: return all;
    }
}

static void project(size_t n, const float *X, size_t ldx, const snnk__panels *G,
                    const float *offset, size_t first, size_t count, float *Z, size_t ldz) {
    const size_t d = G->columns, width = G->shape.width, unit = G->shape.unit,
                 size = snnk__panel_size(G), block = (size_t)PROJECT_TILES * PROJECT_ROWS;
    project_function *const *functions = project_functions(G->shape.chunk);
    const float *panel = G->data + first / width * size;
    floats partial[PROJECT_TILES][PROJECT_ROWS][PROJECT_VECTORS];

    for (size_t j = 0; j < count; j += width, panel += size) {
        const size_t stored = snnk__min_size(width, (G->rows - first - j + unit - 1) / unit * unit);
        project_pass pass = {.offset = offset ? offset + first + j : NULL,
                             .features = snnk__min_size(count - j, width),
                             .far = G->rows >= 64 && n > 8};

        for (size_t i = 0; i < n; i += block)
            for (size_t k = 0; k == 0 || k < d; k += PROJECT_COLUMNS) {
                pass.columns = snnk__min_size(PROJECT_COLUMNS, d - k);
                pass.first = k == 0;
                pass.last = k + PROJECT_COLUMNS >= d;
                functions[stored / unit - 1](snnk__min_size(block, n - i), &pass, X + i * ldx + k,
                                             ldx, panel + k * stored, partial, Z + i * ldz + j,
                                             ldz);
            }
    }
}

/* ---- Readout ----
 *
 * A tile has READOUT_ROWS rows of Phi and READOUT_VECTORS registers of outputs, and adds one
 * feature after another. */

#define READOUT_PANEL (READOUT_VECTORS * LANES)

/* Where the outputs of a readout go: to Y, or to `bf16`, rounded, if that is not NULL. The sums
 * begin at 0 if `begins`, otherwise at Y; the bias is added last, NULL: nothing is. */
typedef struct readout_target {
    bool begins, converts; /* converts: v_store_converted may be used */
    const float *bias;
    float *Y;
    uint16_t *bf16;
    size_t ld;
} readout_target;

INLINE readout_target target_from(const bool bf16, readout_target to, size_t row, size_t output) {
    if (to.bias) to.bias += output;
    if (bf16)
        to.bf16 += row * to.ld + output;
    else
        to.Y += row * to.ld + output;
    return to;
}

/* Add one feature of each row. */
INLINE void readout_feature(const int rows, const int panels, const int vectors,
                            const float *phi[3], size_t ldphi, const float *panel, size_t size,
                            floats s[READOUT_ROWS][ROW_PANELS * READOUT_VECTORS]) {
    floats w[ROW_PANELS * READOUT_VECTORS];

    UNROLLED (int v = 0; v < panels * vectors; v++) {
        const float *from = panel + (size_t)(v / vectors) * size + (size_t)(v % vectors) * LANES;

        w[v] = v_load(from);
        if (rows > 1) V_KEEP(w[v]);
    }
    UNROLLED (int i = 0; i < rows; i++) {
        floats x = v_all(phi[i / 3][(size_t)(i % 3) * ldphi]);

        V_KEEP(x);
        UNROLLED (int v = 0; v < panels * vectors; v++) s[i][v] = v_fma(x, w[v], s[i][v]);
    }
}

/* A row of Y, from rows 0, 3 and 6 of a tile. Three pointers serve all rows: one for each would not
 * fit the registers. */
INLINE float *output_row(float *rows[3], size_t ldy, int i) {
    return rows[i / 3] + (size_t)(i % 3) * ldy;
}

/* Set the sums of a tile to Y. end: the last register of a row. */
INLINE void readout_begin(const int rows, const int end, size_t last, const readout_target *to,
                          floats s[READOUT_ROWS][ROW_PANELS * READOUT_VECTORS]) {
    float *y[3] = {to->Y, to->Y + 3 * to->ld, to->Y + 6 * to->ld};

    UNROLLED (int i = 0; i < rows; i++) {
        const float *from = output_row(y, to->ld, i);

        UNROLLED (int v = 0; v < end; v++) s[i][v] = v_load(from + (size_t)v * LANES);
        s[i][end] = v_load_first(from + (size_t)end * LANES, last);
    }
}

/* Add the bias and write a tile in float. */
INLINE void readout_write(const int rows, const int end, size_t last, const readout_target *to,
                          floats s[READOUT_ROWS][ROW_PANELS * READOUT_VECTORS]) {
    float *y[3] = {to->Y, to->Y + 3 * to->ld, to->Y + 6 * to->ld};

    if (rows > 3) V_HIDE(y[1]);
    if (rows > 6) V_HIDE(y[2]);
    UNROLLED (int i = 0; i < rows; i++) {
        float *row = output_row(y, to->ld, i);

        UNROLLED (int v = 0; v <= end; v++) {
            const size_t first = (size_t)v * LANES;

            if (v < end || last == LANES) {
                if (to->bias) s[i][v] += v_load(to->bias + first);
                v_store(row + first, s[i][v]);
            } else {
                if (to->bias) s[i][v] += v_load_first(to->bias + first, last);
                v_store_first(row + first, s[i][v], last);
            }
        }
    }
}

/* Round a tile from memory, where each row has so many registers. Not a part of the tiles: it would
 * make each of them three times as long. */
static __attribute__((noinline)) void readout_round(size_t rows, size_t registers, size_t last,
                                                    const floats *s, uint16_t *y, size_t ld) {
    for (size_t i = 0; i < rows; i++, s += registers, y += ld) {
        size_t v = 0;

        for (; v + 1 < registers; v += 2)
            v_store_rounded(y + v * LANES, s[v], s[v + 1],
                            v + 2 < registers ? 2 * LANES : LANES + last);
        if (v < registers) v_store_rounded(y + v * LANES, s[v], s[v], last);
    }
}

#ifdef V_CONVERTS
/* Round a tile of whole registers by an instruction. False if some outputs became zeros that might
 * be none. */
INLINE bool readout_convert(const int rows, const int end, const readout_target *to,
                            floats s[READOUT_ROWS][ROW_PANELS * READOUT_VECTORS]) {
    v_nonzero nonzero = v_all_nonzero();

    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int v = 0; v < end; v += 2)
            nonzero = v_store_converted(to->bf16 + (size_t)i * to->ld + (size_t)v * LANES, s[i][v],
                                        s[i][v + 1], nonzero);
    if (end % 2 == 0) /* the last register of two rows */
        UNROLLED (int i = 0; i < rows; i += 2) {
            const int next = i + 1 < rows ? i + 1 : i;
            uint16_t *at = to->bf16 + (size_t)i * to->ld + (size_t)end * LANES;

            nonzero = v_store_converted_rows(at, s[i][end], next > i ? at + to->ld : at,
                                             s[next][end], nonzero);
        }
    return nonzero == v_all_nonzero();
}
#endif

/* Add the bias and write a tile in bf16. */
INLINE void readout_write_bf16(const int rows, const int end, size_t last, const readout_target *to,
                               floats s[READOUT_ROWS][ROW_PANELS * READOUT_VECTORS]) {
    floats kept[READOUT_ROWS * ROW_PANELS * READOUT_VECTORS];

    if (to->bias)
        UNROLLED (int i = 0; i < rows; i++) {
            UNROLLED (int v = 0; v < end; v++) s[i][v] += v_load(to->bias + (size_t)v * LANES);
            s[i][end] += v_load_first(to->bias + (size_t)end * LANES, last);
        }
#ifdef V_CONVERTS
    if (to->converts && last == LANES && readout_convert(rows, end, to, s)) return;
#endif
    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int v = 0; v <= end; v++) kept[i * (end + 1) + v] = s[i][v];
    size_t height = (size_t)rows, registers = (size_t)end + 1;

    V_HIDE(height); /* one function for all sizes */
    V_HIDE(registers);
    readout_round(height, registers, last, kept, to->bf16, to->ld);
}

/* Set Y = Phi panels^T for `rows` rows and `panels` panels, `size` floats apart, with `vectors`
 * registers each, all constant at every call. last: how many outputs of the last register exist. */
INLINE void readout_tile(const bool bf16, const int rows, const int panels, const int vectors,
                         size_t count, const float *Phi, size_t ldphi, const float *panel,
                         size_t size, size_t last, readout_target to) {
    const int end = panels * vectors - 1;
    const float *phi[3] = {Phi, Phi + 3 * ldphi, Phi + 6 * ldphi};
    floats s[READOUT_ROWS][ROW_PANELS * READOUT_VECTORS];
    size_t far = count >= 256; /* a panel of so many features leaves L1 before its next use */

    if (rows > 3) V_HIDE(phi[1]);
    if (rows > 6) V_HIDE(phi[2]);
    if (to.begins)
        UNROLLED (int i = 0; i < rows; i++)
            UNROLLED (int v = 0; v <= end; v++) s[i][v] = v_zero();
    else
        readout_begin(rows, end, last, &to, s);
    for (size_t k = 0; k < count; k++) {
        if (rows > 1) V_HIDE(far);
        if (rows > 1 && far) fetch(vectors, panel);
        readout_feature(rows, panels, vectors, phi, ldphi, panel, size, s);
        panel += vectors * LANES;
        UNROLLED (int q = 0; q < 3; q++) phi[q]++;
    }
    if (bf16 && last == LANES)
        readout_write_bf16(rows, end, LANES, &to, s);
    else if (bf16)
        readout_write_bf16(rows, end, last, &to, s);
    else
        readout_write(rows, end, last, &to, s);
}

/* Compute a panel for any number of rows up to READOUT_ROWS. */
INLINE void readout_rows(const bool bf16, size_t rows, const int vectors, size_t count,
                         const float *Phi, size_t ldphi, const float *panel, size_t last,
                         readout_target to) {
    switch (rows) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= READOUT_ROWS)                                                                   \
            readout_tile(bf16, (r) <= READOUT_ROWS ? (r) : 1, 1, vectors, count, Phi, ldphi,       \
                         panel, 0, last, to);                                                      \
        break;
        FOR_8_ROW_COUNTS(ROWS)
#undef ROWS
    }
}

/* Compute one row, ROW_PANELS panels at a time. Returns how many outputs were computed. */
INLINE size_t readout_row(const bool bf16, size_t count, const float *Phi, const snnk__panels *Psi,
                          size_t first, readout_target to) {
    const size_t size = snnk__panel_size(Psi);
    size_t o = 0;

    for (; o + ROW_PANELS * READOUT_PANEL <= Psi->rows; o += ROW_PANELS * READOUT_PANEL)
        readout_tile(bf16, 1, ROW_PANELS, READOUT_VECTORS, count, Phi, 0,
                     Psi->data + o * Psi->columns + first * READOUT_PANEL, size, LANES,
                     target_from(bf16, to, 0, o));
    return o;
}

INLINE void readout_to(const bool bf16, size_t n, const float *Phi, size_t ldphi,
                       const snnk__panels *Psi, size_t first, size_t count, readout_target all) {
    const size_t l = Psi->rows, tiles = (n + READOUT_ROWS - 1) / READOUT_ROWS,
                 height = tiles > 0 ? (n + tiles - 1) / tiles : 0;

    /* Two tiles share each panel of Psi: the second has it from L1. */
    for (size_t i = 0; i < n; i += 2 * height) {
        const size_t rows = snnk__min_size(height, n - i),
                     more = snnk__min_size(height, n - i - rows);
        const float *phi = Phi + i * ldphi;
        const readout_target to = target_from(bf16, all, i, 0);

        for (size_t o = n > 1 ? 0 : readout_row(bf16, count, phi, Psi, first, to); o < l;
             o += READOUT_PANEL) {
            const size_t outputs = snnk__min_size(READOUT_PANEL, l - o);
            const size_t vectors = (outputs + LANES - 1) / LANES;
            const float *panel = Psi->data + o * Psi->columns + first * vectors * LANES;

            switch (vectors) {
#define WIDTH(v)                                                                                   \
    case (v):                                                                                      \
        readout_rows(bf16, rows, (v), count, phi, ldphi, panel, outputs - ((v)-1) * LANES,         \
                     target_from(bf16, to, 0, o));                                                 \
        readout_rows(bf16, more, (v), count, phi + rows * ldphi, ldphi, panel,                     \
                     outputs - ((v)-1) * LANES, target_from(bf16, to, rows, o));                   \
        break;
                WIDTH(1)
                WIDTH(2)
                WIDTH(3)
#undef WIDTH
            }
        }
    }
}

static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, bool begins, const float *bias, float *Y, size_t ldy) {
    readout_to(false, n, Phi, ldphi, Psi, first, count,
               (readout_target){.begins = begins, .bias = bias, .Y = Y, .ld = ldy});
}

static void readout_bf16(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi,
                         const float *bias, bool converts, uint16_t *Y, size_t ldy) {
    readout_to(
        true, n, Phi, ldphi, Psi, 0, Psi->columns,
        (readout_target){.begins = true, .converts = converts, .bias = bias, .bf16 = Y, .ld = ldy});
}

#endif
