/* Products of matrices by BLAS. Only this folder calls BLAS for them. */
#ifndef SNNK_SOLVE_PRODUCT_H
#define SNNK_SOLVE_PRODUCT_H

#include <stddef.h>

/* Set C (rows x columns) = A B^T. A: rows x inner, B: columns x inner, packed. */
void snnk__product_transposed(size_t rows, size_t columns, size_t inner, const float *A,
                              const float *B, float *C);

/* Set C (rows x columns) = A B. A: rows x inner, B: inner x columns, packed. */
void snnk__product(size_t rows, size_t columns, size_t inner, const float *A, const float *B,
                   float *C);

/* Set C (rows x columns) = scale A^T B. A: inner x rows, B: inner x columns, packed. */
void snnk__product_of_columns(size_t rows, size_t columns, size_t inner, float scale,
                              const float *A, const float *B, float *C);

/* Add A B^T to C (rows x columns), in double. A: rows x inner, B: columns x inner, packed. */
void snnk__product_add_f64(size_t rows, size_t columns, size_t inner, const double *A,
                           const double *B, double *C);

#endif
