#include "solve/symmetric_power.h"

#include <math.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "solve/eigen.h"

int snnk__symmetric_power(const snnk_allocator *allocator, size_t m, double exponent,
                          double smallest, double *A) {
    const lapack_int n = (lapack_int)m;
    double *values = NULL, *product = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(m, m, &count))
        return snnk__fail(SNNK_E_SIZE, "a matrix of %zu rows and columns overflows size_t", m);
    st = snnk__alloc(allocator, m, sizeof *values, "eigenvalues", &values);
    if (st == SNNK_OK) st = snnk__alloc(allocator, count, sizeof *product, "a product", &product);
    if (st == SNNK_OK) st = snnk__eigenvectors(allocator, m, 'L', A, values, NULL);
    if (st != SNNK_OK) goto done;
    /* A = sum_k value_k v_k v_k^T, v_k in row k: each row becomes value_k^(exponent/2) v_k. */
    for (size_t k = 0; k < m; k++) {
        const double root = pow(fmax(values[k], smallest), exponent / 2);

        for (size_t j = 0; j < m; j++) A[k * m + j] *= root;
    }
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, n, n, 1, A, n, 0, product, n);
    for (size_t i = 0; i < m; i++)
        for (size_t j = i; j < m; j++) A[i * m + j] = A[j * m + i] = product[i * m + j];
done:
    snnk__free(allocator, product);
    snnk__free(allocator, values);
    return st;
}
