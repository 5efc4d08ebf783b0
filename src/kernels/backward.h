/* Backward passes of one block of features: from gradients with respect to its features to those
 * with respect to its projection, its inputs and its weights. */
#ifndef SNNK_KERNELS_BACKWARD_H
#define SNNK_KERNELS_BACKWARD_H

#include "kernels/forward.h"

/* C += A^T B, SNNK__BACK_ROWS rows at a time. A: n x rows, B: n x columns, C: rows x columns. */
void snnk__correlate(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                     const float *B, size_t ldb, float *C, size_t ldc);

/* sums[k] += the sum of column k of A (n x columns), SNNK__BACK_ROWS rows at a time. */
void snnk__add_columns(size_t n, size_t columns, const float *A, size_t lda, float *sums);

/* Set dZ (n x rows of the block) from the gradients `back` with respect to the unmixed features of
 * n rows of X. Z: their projections. dZ may be Z, or `back` if a projection gives one feature. */
void snnk__block_slopes(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                        const float *Z, size_t ldz, const float *back, size_t ldback, float *dZ,
                        size_t lddz);

/* Whether features depend on x otherwise than by z. */
static inline bool snnk__block_has_norm(const snnk__block *block) {
    return block->function.operation == SNNK__OPERATION_URF;
}

/* For such a block, add to dX (n x d) the part of the gradient that does not pass through z. */
void snnk__block_add_norm(const snnk__block *block, size_t n, const float *X, size_t ldx, size_t d,
                          const float *Z, size_t ldz, const float *back, size_t ldback, float *dX,
                          size_t lddx);

#endif
