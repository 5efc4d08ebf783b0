#include "kernels/backward.h"

#include <string.h>

#include "base/size.h"

/* If rows of A are longer than this, each row of a tile would be on another cache line and soon on
 * another page: then a few columns are packed together at a time. */
enum { LONG_ROW = 128, PACKED = 72 };

/* C += A^T B for `some` columns of A, at most PACKED. */
static void correlate_packed(size_t n, size_t some, size_t columns, const float *A, size_t lda,
                             const float *B, size_t ldb, float *C, size_t ldc) {
    float packed[SNNK__BACK_ROWS * PACKED];

    for (size_t i = 0, rows; i < n; i += rows, B += rows * ldb) {
        rows = snnk__min_size(SNNK__BACK_ROWS, n - i);
        for (size_t t = 0; t < rows; t++, A += lda)
            memcpy(packed + t * some, A, some * sizeof *packed);
        snnk__kernels_get()->correlate(rows, some, columns, packed, some, B, ldb, C, ldc);
    }
}

void snnk__correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                     const float *B, size_t ldb, float *C, size_t ldc) {
    if (rows > PACKED && lda > LONG_ROW) {
        size_t parts = (rows + PACKED - 1) / PACKED;

        /* Of nearly equal sizes: a part of one row would wait for the latency of its sums. */
        for (size_t j = 0, some; j < rows; j += some, parts--) {
            some = (rows - j + parts - 1) / parts;
            correlate_packed(n, some, columns, A + j, lda, B, ldb, C + j * ldc, ldc);
        }
        return;
    }
    for (size_t i = 0; i < n; i += SNNK__BACK_ROWS)
        snnk__kernels_get()->correlate(snnk__min_size(SNNK__BACK_ROWS, n - i), rows, columns,
                                       A + i * lda, lda, B + i * ldb, ldb, C, ldc);
}

void snnk__add_columns(size_t n, size_t columns, const float *A, size_t lda, float *sums) {
    static const float one = 1;

    snnk__correlate(n, 1, columns, &one, 0, A, lda, sums, columns);
}

void snnk__block_slopes(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                        const float *Z, size_t ldz, const float *back, size_t ldback, float *dZ,
                        size_t lddz) {
    const snnk__urf_table *table = block->function.urf;

    for (size_t i = 0; i < n; i++) {
        const float *z = Z + i * ldz, *phi = back + i * ldback;

        if (block->function.operation == SNNK__OPERATION_URF)
            snnk__urf_slopes(table, block->rows, snnk__urf_scalars_of(table, d, X + i * ldx), z,
                             phi, dZ + i * lddz, NULL);
        else
            snnk__kernels_get()->slopes(&block->function, block->rows, z, phi, dZ + i * lddz);
    }
}

void snnk__block_add_norm(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                          const float *Z, size_t ldz, const float *back, size_t ldback, float *dX,
                          size_t lddx) {
    const snnk__urf_table *table = block->function.urf;

    for (size_t i = 0; i < n; i++) {
        const snnk__urf_scalars scalars = snnk__urf_scalars_of(table, d, X + i * ldx);
        snnk__urf_scalars slopes;

        snnk__urf_slopes(table, block->rows, scalars, Z + i * ldz, back + i * ldback, NULL,
                         &slopes);
        snnk__urf_add_slopes(table, d, X + i * ldx, scalars, slopes, dX + i * lddx);
    }
}
