/* ORTHOGONAL: groups of d rows with Haar-distributed orthogonal directions and chi(d)-distributed
 * lengths. */
#include <math.h>

#include "base/size.h"
#include "base/status.h"
#include "projection/projection.h"

#ifdef SNNK_MINIMAL
int snnk__orthonormal_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                           double *rows, double *length) {
    (void)seed, (void)d, (void)first, (void)allocator, (void)rows, (void)length;
    return snnk__fail(
        SNNK_E_UNSUPPORTED,
        "orthogonal and simplex projections need LAPACKE, which this minimal build leaves out");
}
#else
#include <lapacke.h>

/* Replace the rows by orthonormal ones: the directions of their QR factorisation. LAPACK reads our
 * row-major rows (d x d) as columns, and Q's columns come back as our rows. sign[i] is set to the
 * sign of R's diagonal entry. */
static int orthonormalise(size_t d, const snnk_allocator *allocator, double *rows, double *sign) {
    const lapack_int order = (lapack_int)d;
    double *tau = NULL, *work = NULL, query[2];
    lapack_int info;
    int st;

    info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, rows, order, query, &query[0], -1);
    if (info == 0)
        info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, order, order, order, rows, order, query,
                                   &query[1], -1);
    if (info != 0)
        return snnk__fail(SNNK_E_INTERNAL, "LAPACK's QR refused argument %d", (int)-info);
    const lapack_int lwork = (lapack_int)fmax(query[0], query[1]);

    if ((st = snnk__alloc(allocator, d, sizeof *tau, "QR reflectors", &tau)) != SNNK_OK) goto done;
    st = snnk__alloc(allocator, (size_t)lwork, sizeof *work, "QR scratch", &work);
    if (st != SNNK_OK) goto done;
    info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, rows, order, tau, work, lwork);
    for (size_t i = 0; i < d; i++) sign[i] = rows[i * d + i] < 0 ? -1 : 1;
    if (info == 0)
        info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, order, order, order, rows, order, tau, work,
                                   lwork);
    if (info != 0) st = snnk__fail(SNNK_E_INTERNAL, "LAPACK's QR refused argument %d", (int)-info);
done:
    snnk__free(allocator, work);
    snnk__free(allocator, tau);
    return st;
}

int snnk__orthonormal_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                           double *rows, double *length) {
    double *sign;
    int st;

    if (d > INT32_MAX / 64)
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is too large for a QR factorisation (%d)", d,
                          INT32_MAX / 64);
    if ((st = snnk__alloc(allocator, d, sizeof *sign, "row signs", &sign)) != SNNK_OK) return st;
    snnk__gaussian_rows(seed, d, first, d, rows);
    for (size_t i = 0; i < d; i++) {
        double sum = 0;

        for (size_t k = 0; k < d; k++) sum += rows[i * d + k] * rows[i * d + k];
        length[i] = sqrt(sum);
    }
    st = orthonormalise(d, allocator, rows, sign);
    for (size_t i = 0; st == SNNK_OK && i < d; i++)
        for (size_t k = 0; sign[i] < 0 && k < d; k++) rows[i * d + k] = -rows[i * d + k];
    snnk__free(allocator, sign);
    return st;
}
#endif

static int orthogonal_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                           double *rows) {
    double *length;
    int st;

    if ((st = snnk__alloc(allocator, d, sizeof *length, "row norms", &length)) != SNNK_OK)
        return st;
    st = snnk__orthonormal_rows(seed, d, first, allocator, rows, length);
    for (size_t i = 0; st == SNNK_OK && i < d; i++)
        for (size_t k = 0; k < d; k++) rows[i * d + k] *= length[i];
    snnk__free(allocator, length);
    return st;
}

const snnk__projection_kind snnk__projection_orthogonal = {.name = "orthogonal",
                                                           .group = snnk__projection_group_inputs,
                                                           .numbers = snnk__projection_numbers,
                                                           .rows = orthogonal_rows,
                                                           .create = snnk__linear_create_dense,
                                                           .draw = snnk__draw_dense};
