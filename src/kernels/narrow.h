/* Products with matrices in 16 or 8 bits. With int8, rows of A are rounded too, during the product:
 * to whole numbers -127 ... 127 times a scale for each row and block of columns. With bf16, some
 * tables round rows of A to bf16. */
#ifndef SNNK_KERNELS_NARROW_H
#define SNNK_KERNELS_NARROW_H

#include <stddef.h>
#include <stdint.h>

enum {
    SNNK__NARROW_WIDTH = 16,  /* rows of a panel */
    SNNK__NARROW_ROWS = 24,   /* the most rows of A */
    SNNK__NARROW_BLOCK = 256, /* columns that share one scale; blocks begin at multiples of it */
    SNNK__BF16_CHUNK = 2,     /* columns of a chunk */
    SNNK__INT8_CHUNK = 4
};

/* C[i][j] += sum_k A[i][k] M[j][k], i < n (at least 1), j < rows, k < columns, for one block of
 * columns. M: panels of panel_size elements. If a row of A is not finite, neither is its row of
 * C. */
typedef struct snnk__narrow {
    void (*bf16)(size_t n, size_t columns, const float *A, size_t lda, const uint16_t *M,
                 size_t panel_size, size_t rows, float *C, size_t ldc);
    void (*int8)(size_t n, size_t columns, const float *A, size_t lda, const uint8_t *M,
                 size_t panel_size, const float *scale, size_t rows, float *C, size_t ldc);
} snnk__narrow;

extern const snnk__narrow snnk__narrow_portable;
extern const snnk__narrow snnk__narrow_avx512;      /* with avx512_vnni */
extern const snnk__narrow snnk__narrow_avx512_bf16; /* also with avx512_bf16: rounds A to bf16 */

/* Convert to the nearest bf16 (ties to even, NaN stays NaN), and back. */
uint16_t snnk__bf16_of(float x);
float snnk__bf16_value(uint16_t bits);

/* Convert n floats to whole numbers: each is x/scale to the nearest, scale = max|x|/127. The scale
 * is 0 if all are 0 or so small that it would be subnormal, and NaN unless all are finite. */
float snnk__int8_scale(size_t n, const float *x);
int8_t snnk__int8_of(float x, float scale);

#endif
