/* The sums over rows of a backward pass, C += A^T B, in vectors. Included by the kernels of an
 * instruction set, after vector_apply.h, which define before:
 *
 *     CORRELATE_ROWS     rows of C of a tile, at most 12; it has twice as many sums */
#ifndef SNNK_KERNELS_VECTOR_CORRELATE_H
#define SNNK_KERNELS_VECTOR_CORRELATE_H

#include "base/size.h"
#include "kernels/vector_apply.h"

/* C += A^T B for `rows` rows and `vectors` registers of C, constant at every call. last: how many
 * columns of the last register exist. */
INLINE void correlate_tile(const int rows, const int vectors, size_t n, const float *A, size_t lda,
                           const float *B, size_t ldb, size_t last, float *C, size_t ldc) {
    const int end = vectors - 1;
    floats s[CORRELATE_ROWS][2], b[2];

    UNROLLED (int r = 0; r < rows; r++)
        UNROLLED (int v = 0; v < vectors; v++) s[r][v] = (floats){0};
    for (size_t i = 0; i < n; i++, A += lda, B += ldb) {
        UNROLLED (int v = 0; v < end; v++) b[v] = v_load(B + (size_t)v * LANES);
        b[end] = v_load_first(B + (size_t)end * LANES, last);
        UNROLLED (int r = 0; r < rows; r++) {
            const floats a = v_all(A[r]);

            UNROLLED (int v = 0; v < vectors; v++) s[r][v] = v_fma(a, b[v], s[r][v]);
        }
    }
    UNROLLED (int r = 0; r < rows; r++) {
        float *c = C + (size_t)r * ldc;

        UNROLLED (int v = 0; v < end; v++)
            v_store(c + (size_t)v * LANES, v_load(c + (size_t)v * LANES) + s[r][v]);
        c += (size_t)end * LANES;
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
        FOR_12_ROW_COUNTS(ROWS)
#undef ROWS
    }
}

/* Tiles are of nearly equal height: low ones would wait for the latency of their sums. */
static void correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                      const float *B, size_t ldb, float *C, size_t ldc) {
    const size_t tiles = (rows + CORRELATE_ROWS - 1) / CORRELATE_ROWS,
                 height = tiles > 0 ? (rows + tiles - 1) / tiles : 0;
    size_t k = 0;

    for (; k + 2 * LANES <= columns; k += (size_t)2 * LANES)
        for (size_t j = 0; j < rows; j += height)
            correlate_rows(snnk__min_size(height, rows - j), 2, n, A + j, lda, B + k, ldb, LANES,
                           C + j * ldc + k, ldc);
    for (; k < columns; k += LANES)
        for (size_t j = 0; j < rows; j += height)
            correlate_rows(snnk__min_size(height, rows - j), 1, n, A + j, lda, B + k, ldb,
                           snnk__min_size(LANES, columns - k), C + j * ldc + k, ldc);
}

#endif
