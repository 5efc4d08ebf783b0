/* The sums over rows of a backward pass, C += A^T B, in vectors. Included by the kernels of an
 * instruction set, after vector_apply.h, which define before:
 *
 *     CORRELATE_ROWS     rows of C of a tile of two registers, at most 12; a tile of one register
 *                        has twice as many */
#ifndef SNNK_KERNELS_VECTOR_CORRELATE_H
#define SNNK_KERNELS_VECTOR_CORRELATE_H

#include "base/size.h"
#include "kernels/vector_apply.h"

/* C += A^T B for `rows` rows and `vectors` registers of C, constant at every call. last: how many
 * columns of the last register exist. */
INLINE void correlate_tile(const int rows, const int vectors, size_t n, const float *A, size_t lda,
                           const float *B, size_t ldb, size_t last, float *C, size_t ldc) {
    const int end = vectors - 1;
    floats s[2 * CORRELATE_ROWS][2], b[2];

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

/* A tile of two registers, for any number of rows up to CORRELATE_ROWS. */
static void correlate_wide(size_t rows, size_t n, const float *A, size_t lda, const float *B,
                           size_t ldb, float *C, size_t ldc) {
    switch (rows) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= CORRELATE_ROWS)                                                                 \
            correlate_tile((r) <= CORRELATE_ROWS ? (r) : 1, 2, n, A, lda, B, ldb, LANES, C, ldc);  \
        break;
        FOR_12_ROW_COUNTS(ROWS)
#undef ROWS
    }
}

/* A tile of one register, for any number of rows up to twice as many. */
static void correlate_narrow(size_t rows, size_t n, const float *A, size_t lda, const float *B,
                             size_t ldb, size_t last, float *C, size_t ldc) {
    switch (rows) {
#define ROWS(r)                                                                                    \
    case (r):                                                                                      \
        if ((r) <= 2 * CORRELATE_ROWS)                                                             \
            correlate_tile((r) <= 2 * CORRELATE_ROWS ? (r) : 1, 1, n, A, lda, B, ldb, last, C,     \
                           ldc);                                                                   \
        break;
        FOR_24_ROW_COUNTS(ROWS)
#undef ROWS
    }
}

/* One pass over B if a narrow tile holds all rows, because B may come from a far cache; otherwise
 * tiles that load less for each product. */
static void correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                      const float *B, size_t ldb, float *C, size_t ldc) {
    const bool one_pass = rows > CORRELATE_ROWS && rows <= (size_t)2 * CORRELATE_ROWS;
    size_t k = 0;

    for (; !one_pass && k + 2 * LANES <= columns; k += (size_t)2 * LANES)
        for (size_t j = 0; j < rows; j += CORRELATE_ROWS)
            correlate_wide(snnk__min_size(CORRELATE_ROWS, rows - j), n, A + j, lda, B + k, ldb,
                           C + j * ldc + k, ldc);
    for (; k < columns; k += LANES)
        for (size_t j = 0; j < rows; j += (size_t)2 * CORRELATE_ROWS)
            correlate_narrow(snnk__min_size((size_t)2 * CORRELATE_ROWS, rows - j), n, A + j, lda,
                             B + k, ldb, snnk__min_size(LANES, columns - k), C + j * ldc + k, ldc);
}

#endif
