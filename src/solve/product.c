#include "solve/product.h"

#include <cblas.h>
#include <lapacke.h>

void snnk__product_transposed(size_t rows, size_t columns, size_t inner, const float *A,
                              const float *B, float *C) {
    const lapack_int k = (lapack_int)inner, n = (lapack_int)columns;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (lapack_int)rows, n, k, 1, A, k, B, k, 0,
                C, n);
}

void snnk__product(size_t rows, size_t columns, size_t inner, const float *A, const float *B,
                   float *C) {
    const lapack_int k = (lapack_int)inner, n = (lapack_int)columns;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (lapack_int)rows, n, k, 1, A, k, B, n, 0,
                C, n);
}

void snnk__product_of_columns(size_t rows, size_t columns, size_t inner, float scale,
                              const float *A, const float *B, float *C) {
    const lapack_int m = (lapack_int)rows, n = (lapack_int)columns;

    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, (lapack_int)inner, scale, A, m, B, n,
                0, C, n);
}

void snnk__product_add_f64(size_t rows, size_t columns, size_t inner, const double *A,
                           const double *B, double *C) {
    const lapack_int k = (lapack_int)inner, n = (lapack_int)columns;

    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (lapack_int)rows, n, k, 1, A, k, B, k, 1,
                C, n);
}
