#include "solve/principal.h"

#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/memory.h"
#include "base/size.h"
#include "solve/eigen.h"

/* Relative to the mean variance. S may lack many directions, and float sums may make it indefinite;
 * if this ridge is too small, it is multiplied by 10. */
#define RIDGE         1e-6
#define LARGEST_RIDGE 1.5e-2

/* S + ridge = L L^T. */
static bool factor(size_t inputs, const double *S, size_t lds, double ridge, double *L) {
    const lapack_int d = (lapack_int)inputs;

    for (size_t i = 0; i < inputs; i++) {
        memcpy(L + i * inputs, S + i * lds, inputs * sizeof *L);
        L[i * inputs + i] += ridge;
    }
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', d, L, d) == 0;
}

/* Set M (outputs x inputs) = W L. */
static int whiten(size_t outputs, size_t inputs, const float *W, const double *S, size_t lds,
                  double *L, double *M) {
    const lapack_int d = (lapack_int)inputs;
    double mean = 0, ridge = RIDGE;

    for (size_t i = 0; i < inputs; i++) mean += S[i * lds + i] / (double)inputs;
    for (size_t i = 0; i < outputs * inputs; i++) M[i] = (double)W[i];
    while (mean > 0 && ridge <= LARGEST_RIDGE && !factor(inputs, S, lds, ridge * mean, L))
        ridge *= 10;
    if (!(mean > 0) || ridge > LARGEST_RIDGE)
        return snnk__fail(SNNK_E_SINGULAR, "the inputs of a layer are constant");
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit,
                (lapack_int)outputs, d, 1, L, d, M, d);
    return SNNK_OK;
}

/* Set U to the `rank` left singular vectors of M with the largest values, as rows, from the smaller
 * of M M^T and M^T M (in A). */
static int left_vectors(const snnk_allocator *allocator, size_t outputs, size_t inputs,
                        const double *M, size_t rank, double *A, double *values, double *U) {
    const bool wide = outputs <= inputs;
    const size_t n = wide ? outputs : inputs;
    const lapack_int ni = (lapack_int)n, l = (lapack_int)outputs, d = (lapack_int)inputs;
    int st;

    cblas_dsyrk(CblasRowMajor, CblasLower, wide ? CblasNoTrans : CblasTrans, ni, wide ? d : l, 1, M,
                d, 0, A, ni);
    if ((st = snnk__eigenvectors(allocator, n, 'U', A, values, NULL)) != SNNK_OK) return st;
    for (size_t k = 0; k < rank; k++) {
        const double *v = A + (n - 1 - k) * n;
        double *u = U + k * outputs;

        if (wide) {
            memcpy(u, v, outputs * sizeof *u);
            continue;
        }
        cblas_dgemv(CblasRowMajor, CblasNoTrans, l, d, 1, M, d, v, 1, 0, u, 1);
        const double length = cblas_dnrm2(l, u, 1);

        if (length > 0) cblas_dscal(l, 1 / length, u, 1);
    }
    return SNNK_OK;
}

int snnk__principal_outputs(const snnk_allocator *allocator, size_t outputs, size_t inputs,
                            const float *W, const double *S, size_t lds, size_t rank, double *U) {
    const size_t n = snnk__min_size(outputs, inputs);
    double *L = NULL, *M = NULL, *A = NULL, *values = NULL;
    int st;

    if ((st = snnk__alloc(allocator, inputs, inputs * sizeof *L, "moments", &L)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, outputs, inputs * sizeof *M, "weights", &M)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(allocator, n, n * sizeof *A, "moments", &A)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, n, sizeof *values, "eigenvalues", &values)) != SNNK_OK)
        goto done;
    if ((st = whiten(outputs, inputs, W, S, lds, L, M)) != SNNK_OK) goto done;
    st = left_vectors(allocator, outputs, inputs, M, rank, A, values, U);
done:
    snnk__free(allocator, values);
    snnk__free(allocator, A);
    snnk__free(allocator, M);
    snnk__free(allocator, L);
    return st;
}
