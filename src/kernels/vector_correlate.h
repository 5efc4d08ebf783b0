/* The sums over rows of a backward pass, C += A^T B, in vectors. Included by the kernels of an
 * instruction set, after vector_products.h, which define before:
 *
 *     CORRELATE_ROWS     rows of C of a tile, at most 9; it has CORRELATE_VECTORS times as many
 *                        sums */
#ifndef SNNK_KERNELS_VECTOR_CORRELATE_H
#define SNNK_KERNELS_VECTOR_CORRELATE_H

#include "base/size.h"
#include "kernels/vector_apply.h"

#define CORRELATE_VECTORS 3
#define CORRELATE_COLUMNS (CORRELATE_VECTORS * LANES)

/* C += A^T B for `rows` rows and `vectors` registers of C, constant at every call. last: how many
 * columns of the last register exist. C, which may be far, is fetched while the sums are made. */
INLINE void correlate_tile(const int rows, const int vectors, size_t n, const float *A, size_t lda,
                           const float *B, size_t ldb, size_t last, float *C, size_t ldc) {
    const int end = vectors - 1;
    floats s[CORRELATE_ROWS][CORRELATE_VECTORS], b[CORRELATE_VECTORS];

    UNROLLED (int r = 0; r < rows; r++)
        UNROLLED (int v = 0; v < vectors; v++) {
            s[r][v] = v_zero();
            __builtin_prefetch(C + (size_t)r * ldc + (size_t)v * LANES, 1);
        }
    for (size_t i = 0; i < n; i++, A += lda, B += ldb) {
        UNROLLED (int v = 0; v < end; v++) b[v] = v_load(B + (size_t)v * LANES);
        b[end] = last == LANES ? v_load(B + (size_t)end * LANES)
                               : v_load_first(B + (size_t)end * LANES, last);
        UNROLLED (int r = 0; r < rows; r++) {
            floats a = v_all(A[r]);

            V_KEEP(a);
            UNROLLED (int v = 0; v < vectors; v++) s[r][v] = v_fma(a, b[v], s[r][v]);
        }
    }
    UNROLLED (int r = 0; r < rows; r++) {
        float *c = C + (size_t)r * ldc;

        UNROLLED (int v = 0; v < end; v++)
            v_store(c + (size_t)v * LANES, v_load(c + (size_t)v * LANES) + s[r][v]);
        c += (size_t)end * LANES;
        if (last == LANES)
            v_store(c, v_load(c) + s[r][end]);
        else
            v_store_first(c, v_load_first(c, last) + s[r][end], last);
    }
}

/* A tile of `vectors` registers, constant at every call, for any number of rows up to
 * CORRELATE_ROWS. */
INLINE void correlate_rows(size_t rows, const int vectors, size_t n, const float *A, size_t lda,
                           const float *B, size_t ldb, size_t last, float *C, size_t ldc) {
    switch (rows) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= CORRELATE_ROWS)                                                                 \
            correlate_tile((r) <= CORRELATE_ROWS ? (r) : 1, vectors, n, A, lda, B, ldb, last, C,   \
                           ldc);                                                                   \
        break;
        FOR_9_ROW_COUNTS(ROWS)
#undef ROWS
    }
}

/* All rows of up to CORRELATE_COLUMNS columns. Tiles are of nearly equal height: low ones would
 * wait for the latency of their sums. */
INLINE void correlate_columns(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                              const float *B, size_t ldb, float *C, size_t ldc) {
    size_t tiles = (rows + CORRELATE_ROWS - 1) / CORRELATE_ROWS;

    for (size_t j = 0, height; j < rows; j += height, tiles--) {
        height = (rows - j + tiles - 1) / tiles;
        switch ((columns + LANES - 1) / LANES) {
#define WIDTH(v)                                                                                   \
    case (v):                                                                                      \
        correlate_rows(height, (v), n, A + j, lda, B, ldb, columns - ((v)-1) * LANES, C + j * ldc, \
                       ldc);                                                                       \
        break;
            WIDTH(1)
            WIDTH(2)
            WIDTH(3)
#undef WIDTH
        }
    }
}

static void correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                      const float *B, size_t ldb, float *C, size_t ldc) {
    /* Many tiles read the same columns of B: copied together, they stay in L1 even if the rows of B
     * begin on the same cache lines. Measured: for 4 tiles or fewer, reading them from L2 is
     * faster. */
    const bool pays = rows > 4 * CORRELATE_ROWS;
    floats packed[SNNK__BACK_ROWS][CORRELATE_VECTORS];

    for (size_t k = 0; k < columns; k += CORRELATE_COLUMNS) {
        const size_t some = snnk__min_size(CORRELATE_COLUMNS, columns - k);

        if (!pays || some < CORRELATE_COLUMNS) {
            correlate_columns(n, rows, some, A, lda, B + k, ldb, C + k, ldc);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            UNROLLED (int v = 0; v < CORRELATE_VECTORS; v++)
                packed[i][v] = v_load(B + i * ldb + k + (size_t)v * LANES);
        correlate_columns(n, rows, CORRELATE_COLUMNS, A, lda, (const float *)packed,
                          CORRELATE_COLUMNS, C + k, ldc);
    }
}

#endif
