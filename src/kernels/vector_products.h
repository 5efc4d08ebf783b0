/* The two products of a forward pass in vectors. Included by the kernels of an instruction set, after
 * vector_apply.h, which define before:
 *
 *     DOTS                          rows of a projection panel
 *     floats v_lane_sums(s)         in its first DOTS lanes the sums over the lanes of each of s[DOTS]
 *     V_KEEP(x)                     asks the compiler to load x once, not with every use
 *     PROJECT_ROWS                  rows of X of a tile of the projection
 *     READOUT_ROWS                  rows of Phi of a tile of the readout, at most 12
 *     READOUT_PANELS(rows)          panels of a tile of the readout: enough sums to hide the latency of one, few
 *                                   enough for the registers */
#ifndef SNNK_KERNELS_VECTOR_PRODUCTS_H
#define SNNK_KERNELS_VECTOR_PRODUCTS_H

#include "base/size.h"
#include "kernels/vector_apply.h"

/* ---- Projection: sums over all lanes of k, so that few features and few rows are no waste ---- */

/* s[i][j] += the products of LANES columns. */
INLINE void project_chunk(const int rows, const floats x[PROJECT_ROWS], const float *panel,
                          floats s[PROJECT_ROWS][DOTS]) {
    UNROLLED (int j = 0; j < DOTS; j++) {
        floats g = v_load(panel + j * LANES);

        if (rows > 1) V_KEEP(g);
        UNROLLED (int i = 0; i < rows; i++) s[i][j] = v_fma(x[i], g, s[i][j]);
    }
}

/* Z[i][j] = offset + the products of a panel with row i of X, for `rows` rows, a constant at every call. */
INLINE void project_tile(const int rows, size_t d, const float *X, size_t ldx, const float *panel,
                         floats offset, size_t count, float *Z, size_t ldz) {
    floats s[PROJECT_ROWS][DOTS], x[PROJECT_ROWS];
    size_t k = 0;

    UNROLLED (int i = 0; i < rows; i++)
        UNROLLED (int j = 0; j < DOTS; j++) s[i][j] = (floats){0};
    for (; k + LANES <= d; k += LANES, panel += DOTS * LANES) {
        UNROLLED (int i = 0; i < rows; i++) x[i] = v_load(X + (size_t)i * ldx + k);
        project_chunk(rows, x, panel, s);
    }
    if (k < d) {
        UNROLLED (int i = 0; i < rows; i++) x[i] = v_load_first(X + (size_t)i * ldx + k, d - k);
        project_chunk(rows, x, panel, s);
    }
    UNROLLED (int i = 0; i < rows; i++)
        v_store_first(Z + (size_t)i * ldz, v_lane_sums(s[i]) + offset, count);
}

static void project(size_t n, const float *X, size_t ldx, const snnk__panels *G,
                    const float *offset, size_t first, size_t count, float *Z, size_t ldz) {
    const size_t d = G->columns, size = snnk__panel_size(G);
    const float *panel = G->data + first / DOTS * size;

    for (size_t j = 0; j < count; j += DOTS, panel += size) {
        const size_t dots = snnk__min_size(count - j, DOTS);
        const floats c = offset ? v_load_first(offset + first + j, dots) : (floats){0};
        size_t i = 0;

        for (; i + PROJECT_ROWS <= n; i += PROJECT_ROWS)
            project_tile(PROJECT_ROWS, d, X + i * ldx, ldx, panel, c, dots, Z + i * ldz + j, ldz);
        for (; i < n; i++)
            project_tile(1, d, X + i * ldx, ldx, panel, c, dots, Z + i * ldz + j, ldz);
    }
}

/* ---- Readout: LANES outputs in a register, one feature after the other ---- */

#define READOUT_SUMS 24

/* Y = start + Phi panels^T (start NULL: Y +=) for `rows` rows and `panels` panels, both constant at every call;
 * last: how many outputs of the last panel are real. */
INLINE void readout_tile(const int rows, const int panels, size_t count, const float *Phi,
                         size_t ldphi, const float *panel, size_t panel_size, size_t last,
                         const float *start, float *Y, size_t ldy) {
    floats s[READOUT_SUMS], w[8];

    UNROLLED (int i = 0; i < rows; i++) {
        const float *from = start ? start : Y + (size_t)i * ldy;

        UNROLLED (int p = 0; p < panels - 1; p++)
            s[i * panels + p] = v_load(from + (size_t)p * LANES);
        s[i * panels + panels - 1] = v_load_first(from + (size_t)(panels - 1) * LANES, last);
    }
    for (size_t k = 0; k < count; k++) {
        UNROLLED (int p = 0; p < panels; p++)
            w[p] = v_load(panel + (size_t)p * panel_size + k * LANES);
        UNROLLED (int i = 0; i < rows; i++) {
            const floats phi = v_all(Phi[(size_t)i * ldphi + k]);

            UNROLLED (int p = 0; p < panels; p++)
                s[i * panels + p] = v_fma(phi, w[p], s[i * panels + p]);
        }
    }
    UNROLLED (int i = 0; i < rows; i++) {
        float *to = Y + (size_t)i * ldy;

        UNROLLED (int p = 0; p < panels - 1; p++)
            v_store(to + (size_t)p * LANES, s[i * panels + p]);
        v_store_first(to + (size_t)(panels - 1) * LANES, s[i * panels + panels - 1], last);
    }
}

/* All outputs of `rows` rows, `panels` panels at a time, then one by one. */
INLINE void readout_rows(const int rows, const int panels, const float *Phi, size_t ldphi,
                         const snnk__panels *Psi, size_t first, size_t count, const float *start,
                         float *Y, size_t ldy) {
    const size_t l = Psi->rows, size = snnk__panel_size(Psi), step = (size_t)panels * LANES;
    const float *panel = Psi->data + first * LANES;
    size_t o = 0;

    for (; o + step <= l; o += step, panel += (size_t)panels * size)
        readout_tile(rows, panels, count, Phi, ldphi, panel, size, LANES, start ? start + o : NULL,
                     Y + o, ldy);
    for (; o < l; o += LANES, panel += size)
        readout_tile(rows, 1, count, Phi, ldphi, panel, size, snnk__min_size(l - o, LANES),
                     start ? start + o : NULL, Y + o, ldy);
}

static void readout(size_t n, const float *Phi, size_t ldphi, const snnk__panels *Psi, size_t first,
                    size_t count, const float *start, float *Y, size_t ldy) {
    while (n > 0) {
        const size_t rows = snnk__min_size(n, READOUT_ROWS);

        switch (rows) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= READOUT_ROWS)                                                                   \
            readout_rows((r) <= READOUT_ROWS ? (r) : 1,                                            \
                         (r) <= READOUT_ROWS ? READOUT_PANELS(r) : 1, Phi, ldphi, Psi, first,      \
                         count, start, Y, ldy);                                                    \
        break;
            ROWS(1)
            ROWS(2)
            ROWS(3)
            ROWS(4)
            ROWS(5)
            ROWS(6)
            ROWS(7)
            ROWS(8)
            ROWS(9)
            ROWS(10)
            ROWS(11)
            ROWS(12)
#undef ROWS
        }
        n -= rows;
        Phi += rows * ldphi;
        Y += rows * ldy;
    }
}

#endif
