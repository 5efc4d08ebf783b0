#include "kernels/backward.h"

#include <string.h>

#include "base/size.h"

/* If rows of A are longer than this, each row of a tile would be on another cache line and soon on
 * another page: then a few columns are packed together at a time, a multiple of the rows of every
 * table's tiles. */
enum { LONG_ROW = 128, PACKED = 64 };

/* C += A^T B for at most SNNK__BACK_ROWS rows and many columns of A, packed a few at a time. */
static void correlate_packed(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                             const float *B, size_t ldb, float *C, size_t ldc) {
    float packed[SNNK__BACK_ROWS * PACKED];

    for (size_t j = 0; j < rows; j += PACKED) {
        const size_t some = snnk__min_size(PACKED, rows - j);

        for (size_t i = 0; i < n; i++)
            memcpy(packed + i * PACKED, A + i * lda + j, some * sizeof *packed);
        snnk__kernels_get()->correlate(n, some, columns, packed, PACKED, B, ldb, C + j * ldc, ldc);
    }
}

void snnk__correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                     const float *B, size_t ldb, float *C, size_t ldc) {
    for (size_t i = 0; i < n; i += SNNK__BACK_ROWS) {
        const size_t some = snnk__min_size(SNNK__BACK_ROWS, n - i);

        if (rows > PACKED && lda > LONG_ROW)
            correlate_packed(some, rows, columns, A + i * lda, lda, B + i * ldb, ldb, C, ldc);
        else
            snnk__kernels_get()->correlate(some, rows, columns, A + i * lda, lda, B + i * ldb, ldb,
                                           C, ldc);
    }
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
