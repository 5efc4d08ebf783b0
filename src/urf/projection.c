#include "urf/projection.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"

#ifndef SNNK_MINIMAL
#include <lapacke.h>
#endif

size_t snnk__projection_group(int32_t projection, size_t inputs) {
    return projection == SNNK_PROJECTION_ORTHOGONAL ? inputs : 1;
}

static void gaussian_rows(uint64_t seed, size_t inputs, size_t first, size_t count, double *rows) {
    for (size_t i = 0; i < count; i++)
        snnk__random_normal(seed, SNNK__STREAM_PROJECTION, first + i, 0, inputs, rows + i * inputs);
}

#ifdef SNNK_MINIMAL
static int orthogonalise(size_t d, const snnk_allocator *allocator, double *rows) {
    (void)d, (void)allocator, (void)rows;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "orthogonal projections need LAPACKE, which this minimal build leaves out");
}
#else
/* rows (d x d, row-major) is, read column-major, its transpose: LAPACK sees our rows as columns, and
 * Q's columns come back as our rows. */
static int orthogonalise(size_t d, const snnk_allocator *allocator, double *rows) {
    const lapack_int order = (lapack_int)d;
    double *tau = NULL, *norm = NULL, *work = NULL, query[2];
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
    if ((st = snnk__alloc(allocator, d, sizeof *norm, "row norms", &norm)) != SNNK_OK) goto done;
    st = snnk__alloc(allocator, (size_t)lwork, sizeof *work, "QR scratch", &work);
    if (st != SNNK_OK) goto done;

    for (size_t i = 0; i < d; i++) {
        double sum = 0;

        for (size_t k = 0; k < d; k++) sum += rows[i * d + k] * rows[i * d + k];
        norm[i] = sqrt(sum);
    }
    info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, order, order, rows, order, tau, work, lwork);
    for (size_t i = 0; i < d; i++)
        if (rows[i * d + i] < 0) norm[i] = -norm[i]; /* the sign fix, carried by the norm */
    if (info == 0)
        info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, order, order, order, rows, order, tau, work,
                                   lwork);
    if (info != 0) {
        st = snnk__fail(SNNK_E_INTERNAL, "LAPACK's QR refused argument %d", (int)-info);
        goto done;
    }
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++) rows[i * d + k] *= norm[i];
done:
    snnk__free(allocator, work);
    snnk__free(allocator, norm);
    snnk__free(allocator, tau);
    return st;
}
#endif

int snnk__projection_rows(int32_t projection, uint64_t seed, size_t inputs, size_t first,
                          const snnk_allocator *allocator, double *rows) {
    const size_t group = snnk__projection_group(projection, inputs);

    if (projection == SNNK_PROJECTION_ORTHOGONAL && inputs > INT32_MAX / 64)
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is too large for a QR factorisation (%d)",
                          inputs, INT32_MAX / 64);
    gaussian_rows(seed, inputs, first, group, rows);
    return projection == SNNK_PROJECTION_ORTHOGONAL ? orthogonalise(inputs, allocator, rows)
                                                    : SNNK_OK;
}
