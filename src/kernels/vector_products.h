/* The two products of a forward pass in vectors. Included by the kernels of an instruction set,
 * after vector_apply.h, which define before:
 *
 *     DOTS                          rows of a projection panel
 *     floats v_lane_sums(s)         in its first DOTS lanes the sums over the lanes of each of
 *                                   s[DOTS]
 *     V_KEEP(x)                     asks the compiler to load x once, not with every use
 *     PROJECT_ROWS                  rows of X of a tile of the projection
 *     READOUT_ROWS                  rows of Phi of a tile of the readout, at most 6; it has VECTORS
 *                                   times as many sums */
#ifndef SNNK_KERNELS_VECTOR_PRODUCTS_H
#define SNNK_KERNELS_VECTOR_PRODUCTS_H

#include <stdbool.h>

#include "base/size.h"
#include "kernels/panels.h"
#include "kernels/vector_apply.h"

/* ---- Projection: sums over all lanes of k, which is efficient even for few features and rows
 * ---- */

#define PROJECT_TILES 8 /* share a pass over columns of a panel */
#define PROJECT_CHUNKS                                                                             \
    48 /* columns of a panel, in chunks of LANES, that stay in L1 during the
                           * pass: 24 KB */

/* Some columns of a panel, and what to do with the sums. */
typedef struct project_pass {
    size_t count;
    bool first, last; /* first: sums start at zero; last: sums are added over lanes and written */
    floats offset;
    size_t dots; /* how many features of the panel exist */
} project_pass;

/* s[i][j] += the products of LANES columns. */
INLINE void project_chunk(const int rows, const floats x[PROJECT_ROWS], const float *panel,
                          floats s[PROJECT_ROWS][DOTS]) {
    UNROLLED (int j = 0; j < DOTS; j++) {
        floats g = v_load(panel + j * LANES);

        if (rows > 1) V_KEEP(g);
        UNROLLED (int i = 0; i < rows; i++) s[i][j] = v_fma(x[i], g, s[i][j]);
    }
}

/* Set Z[i][j] = offset + the products of a panel with row i of X, for `rows` rows (a constant at
 * every call). partial: the sums between one pass and the next. */
INLINE void project_tile(const int rows, const project_pass *pass, const float *X, size_t ldx,
                         const float *panel, floats partial[PROJECT_ROWS][DOTS], float *Z,
                         size_t ldz) {
    floats s[PROJECT_ROWS][DOTS], x[PROJECT_ROWS];
    size_t k = 0;

    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int j = 0; j < DOTS; j++) s[i][j] = pass->first ? (floats){0} : partial[i][j];
    for (; k + LANES <= pass->count; k += LANES, panel += DOTS * LANES) {
        UNROLLED (int i = 0; i < rows; i++) {
            x[i] = v_load(X + (size_t)i * ldx + k);
            __builtin_prefetch(X + (size_t)(i + PROJECT_ROWS) * ldx + k);
        }
        project_chunk(rows, x, panel, s);
    }
    if (k < pass->count) {
        UNROLLED (int i = 0; i < rows; i++)
            x[i] = v_load_first(X + (size_t)i * ldx + k, pass->count - k);
        project_chunk(rows, x, panel, s);
    }
    UNROLLED (int i = 0; i < rows; i++) {
        if (pass->last)
            v_store_first(Z + (size_t)i * ldz, v_lane_sums(s[i]) + pass->offset, pass->dots);
        else
            UNROLLED (int j = 0; j < DOTS; j++) partial[i][j] = s[i][j];
    }
}

/* Compute all tiles of n rows, each with its own sums. */
INLINE void project_rows(size_t n, const project_pass *pass, const float *X, size_t ldx,
                         const float *panel, floats partial[][PROJECT_ROWS][DOTS], float *Z,
                         size_t ldz) {
    for (size_t i = 0; i < n; i += PROJECT_ROWS, partial++) {
        switch (snnk__min_size(PROJECT_ROWS, n - i)) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= PROJECT_ROWS)                                                                   \
            project_tile((r) <= PROJECT_ROWS ? (r) : 1, pass, X + i * ldx, ldx, panel, *partial,   \
                         Z + i * ldz, ldz);                                                        \
        break;
            FOR_ROW_COUNTS(ROWS)
#undef ROWS
        }
    }
}

static void project(size_t n, const float *X, size_t ldx, const snnk__panels *G,
                    const float *offset, size_t first, size_t count, float *Z, size_t ldz) {
    const size_t d = G->columns, size = snnk__panel_size(G), chunks = (d + LANES - 1) / LANES;
    const size_t passes = (chunks + PROJECT_CHUNKS - 1) / PROJECT_CHUNKS;
    const size_t step = passes > 0 ? (chunks + passes - 1) / passes * LANES : 0;
    const float *panel = G->data + first / DOTS * size;
    floats partial[PROJECT_TILES][PROJECT_ROWS][DOTS];

    for (size_t j = 0; j < count; j += DOTS, panel += size)
        for (size_t i = 0; i < n; i += (size_t)PROJECT_TILES * PROJECT_ROWS) {
            const size_t rows = snnk__min_size((size_t)PROJECT_TILES * PROJECT_ROWS, n - i);
            project_pass pass = {.dots = snnk__min_size(count - j, DOTS)};

            if (offset) pass.offset = v_load_first(offset + first + j, pass.dots);
            for (size_t k = 0; k == 0 || k < d; k += step) {
                pass.count = snnk__min_size(step, d - k);
                pass.first = k == 0;
                pass.last = k + step >= d;
                project_rows(rows, &pass, X + i * ldx + k, ldx, panel + k * DOTS, partial,
                             Z + i * ldz + j, ldz);
            }
        }
}

/* ---- Readout: LANES outputs in a register, one feature after another ---- */

#define VECTORS       4 /* of a panel */
#define READOUT_PANEL (VECTORS * LANES)
#define READOUT_GROUP                                                                              \
    ((size_t)2 * READOUT_ROWS) /* rows that share a pass over Psi: two tiles, the
                                                  * second from L1 */

SNNK__CHECK_WIDTH(DOTS);
SNNK__CHECK_WIDTH(READOUT_PANEL);

/* Where the sums of a readout begin (at 0, or at Y), and what is added to them last; bias NULL:
 * nothing is. */
typedef struct readout_ends {
    bool begins;
    const float *bias;
} readout_ends;

INLINE readout_ends ends_from(readout_ends ends, size_t output) {
    if (ends.bias) ends.bias += output;
    return ends;
}

/* Set Y = Phi panels^T, between these ends, for `rows` rows and `panels` panels, `size` floats
 * apart, with `vectors` registers each, all constant at every call. last: how many outputs of the
 * last register exist. */
INLINE void readout_tile(const int rows, const int panels, const int vectors, size_t count,
                         const float *Phi, size_t ldphi, const float *panel, size_t size,
                         size_t last, readout_ends ends, float *Y, size_t ldy) {
    const int end = panels * vectors - 1;
    floats s[READOUT_ROWS][2 * VECTORS], w[2 * VECTORS];

    UNROLLED (int i = 0; i < rows; i++) {
        const float *from = Y + (size_t)i * ldy;

        if (ends.begins) {
            UNROLLED (int v = 0; v <= end; v++) s[i][v] = (floats){0};
            continue;
        }
        UNROLLED (int v = 0; v < end; v++) s[i][v] = v_load(from + (size_t)v * LANES);
        s[i][end] = v_load_first(from + (size_t)end * LANES, last);
    }
    for (size_t k = 0; k < count; k++, panel += (size_t)vectors * LANES) {
        UNROLLED (int v = 0; v <= end; v++)
            w[v] = v_load(panel + (size_t)(v / vectors) * size + (size_t)(v % vectors) * LANES);
        UNROLLED (int i = 0; i < rows; i++) {
            const floats phi = v_all(Phi[(size_t)i * ldphi + k]);

            UNROLLED (int v = 0; v <= end; v++) s[i][v] = v_fma(phi, w[v], s[i][v]);
        }
    }
    if (ends.bias) {
        UNROLLED (int v = 0; v < end; v++) w[v] = v_load(ends.bias + (size_t)v * LANES);
        w[end] = v_load_first(ends.bias + (size_t)end * LANES, last);
        UNROLLED (int i = 0; i < rows; i++)
            UNROLLED (int v = 0; v <= end; v++) s[i][v] += w[v];
    }
    UNROLLED (int i = 0; i < rows; i++) {
        float *to = Y + (size_t)i * ldy;

        UNROLLED (int v = 0; v < end; v++) v_store(to + (size_t)v * LANES, s[i][v]);
        v_store_first(to + (size_t)end * LANES, s[i][end], last);
    }
}

/* Compute a panel for any number of rows up to READOUT_ROWS. */
INLINE void readout_rows(size_t rows, const int vectors, size_t count, const float *Phi,
                         size_t ldphi, const float *panel, size_t last, readout_ends ends, float *Y,
                         size_t ldy) {
    switch (rows) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= READOUT_ROWS)                                                                   \
            readout_tile((r) <= READOUT_ROWS ? (r) : 1, 1, vectors, count, Phi, ldphi, panel, 0,   \
                         last, ends, Y, ldy);                                                      \
        break;
        FOR_ROW_COUNTS(ROWS)
#undef ROWS
    }
}

/* Compute a panel for one or two tiles. */
INLINE void readout_panel(size_t n, const int vectors, size_t count, const float *Phi, size_t ldphi,
                          const float *panel, size_t last, readout_ends ends, float *Y,
                          size_t ldy) {
    const size_t rows = n <= READOUT_ROWS ? n : (n + 1) / 2;

    readout_rows(rows, vectors, count, Phi, ldphi, panel, last, ends, Y, ldy);
    if (rows < n)
        readout_rows(n - rows, vectors, count, Phi + rows * ldphi, ldphi, panel, last, ends,
                     Y + rows * ldy, ldy);
}

/* Compute one row, two panels at a time: VECTORS sums would not hide the latency of one. Returns
 * how many outputs were computed. */
INLINE size_t readout_row(size_t count, const float *Phi, const snnk__panels *Psi, size_t first,
                          readout_ends ends, float *Y) {
    const size_t size = snnk__panel_size(Psi);
    size_t o = 0;

    for (; o + 2 * READOUT_PANEL <= Psi->rows; o += 2 * READOUT_PANEL)
        readout_tile(1, 2, VECTORS, count, Phi, 0,
                     Psi->data + o * Psi->columns + first * READOUT_PANEL, size, LANES,
                     ends_from(ends, o), Y + o, 0);
    return o;
}

static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, bool begins, const float *bias, float *Y, size_t ldy) {
    const readout_ends ends = {begins, bias};
    const size_t l = Psi->rows;

    for (size_t i = 0; i < n; i += READOUT_GROUP) {
        const size_t rows = snnk__min_size(READOUT_GROUP, n - i);
        const float *phi = Phi + i * ldphi;
        float *y = Y + i * ldy;

        for (size_t o = rows > 1 ? 0 : readout_row(count, phi, Psi, first, ends, y); o < l;
             o += READOUT_PANEL) {
            const size_t outputs = snnk__min_size(READOUT_PANEL, l - o);
            const size_t vectors = (outputs + LANES - 1) / LANES;
            const float *panel = Psi->data + o * Psi->columns + first * vectors * LANES;

            switch (vectors) {
#define WIDTH(v)                                                                                   \
    case (v):                                                                                      \
        readout_panel(rows, (v), count, phi, ldphi, panel, outputs - ((v)-1) * LANES,              \
                      ends_from(ends, o), y + o, ldy);                                             \
        break;
                WIDTH(1)
                WIDTH(2)
                WIDTH(3)
                WIDTH(4)
#undef WIDTH
            }
        }
    }
}

#endif
