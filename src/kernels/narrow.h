/* Products with narrow panels. With int8, rows of A are rounded too, during the product: to whole
 * numbers -127 ... 127 times a scale for each row and block of SNNK__NARROW_BLOCK columns. With
 * bf16, some tables round rows of A to bf16. With bf16x3, an element a of A is split into the
 * nearest bf16 and the nearest one of the rest, a = a_high + a_low, and the product with m is
 * a_high m_low + a_high m_high + a_low m_high: relative to |a m|, the error is about 2^-16 at most,
 * but an element above 0x1.ffp127 (3.39e38) counts as not finite. */
#ifndef SNNK_KERNELS_NARROW_H
#define SNNK_KERNELS_NARROW_H

#include <stdbool.h>

#include "kernels/narrow_format.h"
#include "kernels/panels.h"

/* Set C[i][o] = sum_k A[i][k] M[o][first+k] for n rows (any number), k < count (at least 1), all
 * rows o of M. A: n x count; first is a multiple of SNNK__NARROW_BLOCK, and so is count unless it
 * reaches the last column. The sum begins at 0 if `begins`, otherwise at C[i][o], and bias[o] is
 * added to it last; bias NULL: nothing is. Terms are added in an order that depends on the columns
 * only, so parts of the columns, one after the other, give the same bits as all of them at once. If
 * a row of A is not finite, neither is its row of C.
 *   scratch  NULL, or snnk__narrow_scratch bytes, aligned: then one pass over M serves `tall`
 *            rows */
typedef void snnk__narrow_product(size_t n, const float *A, size_t lda, const snnk__panels *M,
                                  size_t first, size_t count, bool begins, const float *bias,
                                  float *C, size_t ldc, void *scratch);

/* The same for all columns, with sums that begin at 0; C is rounded to bf16 as snnk__bf16_of does.
 * converts: the processor has SNNK__CPU_AVX512_BF16. */
typedef void snnk__narrow_rounding(size_t n, const float *A, size_t lda, const snnk__panels *M,
                                   const float *bias, bool converts, uint16_t *C, size_t ldc,
                                   void *scratch);

/* C += A^T B with factors rounded to bf16. A: n x rows, B: n x columns, C: rows x columns. Each
 * entry is summed over SNNK__BACK_ROWS rows at a time, in order, in float and from 0, before it is
 * added: it does not depend on the other rows and columns of C. */
typedef void snnk__narrow_sums(size_t n, size_t rows, size_t columns, const float *A, size_t lda,
                               const float *B, size_t ldb, float *C, size_t ldc);

typedef struct snnk__narrow {
    const char *name;
    snnk__narrow_product *bf16, *int8, *bf16x3;         /* bf16x3 NULL: floats are as fast */
    snnk__narrow_rounding *bf16_rounded, *int8_rounded; /* NULL: none */
    snnk__narrow_sums *correlate;                       /* NULL: floats are as fast */
    size_t rounded_columns; /* the most that the rounding ones take: sums of more are added to C */
    bool rounds;            /* whether the bf16 product rounds A to bf16 */
    size_t rows;            /* of A that share a pass over M */
    size_t tall; /* the same where M does not stay in a cache and there is scratch; 0: no gain */
} snnk__narrow;

enum {
    SNNK__NARROW_ROWS = 24,          /* `rows` of the tables without matrix units */
    SNNK__NARROW_TALL_COLUMNS = 2048 /* the most columns of A with scratch */
};

/* Packed rows of A, and twice 80 sums of each. bytes: of a packed element. */
static inline size_t snnk__narrow_scratch(size_t rows, size_t columns, size_t bytes) {
    return rows * ((columns + 63) / 64 * 64 * bytes + 64 + 2 * 80 * sizeof(float));
}

extern const snnk__narrow snnk__narrow_portable;
extern const snnk__narrow snnk__narrow_avx2;
extern const snnk__narrow snnk__narrow_avx_vnni;    /* avx2 with avx_vnni */
extern const snnk__narrow snnk__narrow_avx512;      /* with avx512_vnni */
extern const snnk__narrow snnk__narrow_avx512_bf16; /* also with avx512_bf16: rounds A to bf16 */
extern const snnk__narrow snnk__narrow_amx; /* with AVX-512 as above and AMX: rounds A to bf16 */
extern const snnk__narrow snnk__narrow_neon;
extern const snnk__narrow snnk__narrow_neon_dot; /* with dotprod */

#endif
