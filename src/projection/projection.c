#include "projection/projection.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "projection/hd3.h"
#include "projection/sobol.h"

#ifndef SNNK_MINIMAL
#include <lapacke.h>
#endif

int snnk__projection_check(int32_t projection) {
    const int st = snnk__check_enum(projection, SNNK_PROJECTION_FOLDED + 1, "projection");

    if (st != SNNK_OK ||
        (projection != SNNK_PROJECTION_GIVEN && projection != SNNK_PROJECTION_FOLDED))
        return st;
    return snnk__fail(SNNK_E_ENUM,
                      "projection = %d marks rows that were given or folded; it cannot be drawn",
                      (int)projection);
}

size_t snnk__projection_group(int32_t projection, size_t inputs) {
    switch ((snnk_projection)projection) {
    case SNNK_PROJECTION_ORTHOGONAL:
    case SNNK_PROJECTION_SIMPLEX: return inputs;
    case SNNK_PROJECTION_HD3: return snnk__hd3_order(inputs);
    case SNNK_PROJECTION_GAUSSIAN:
    case SNNK_PROJECTION_SOBOL:
    case SNNK_PROJECTION_GIVEN:
    case SNNK_PROJECTION_FOLDED: break;
    }
    return 1;
}

static void gaussian_rows(uint64_t seed, size_t inputs, size_t first, size_t count, double *rows) {
    for (size_t i = 0; i < count; i++)
        snnk__random_normal(seed, SNNK__STREAM_PROJECTION, first + i, 0, inputs, rows + i * inputs);
}

#ifdef SNNK_MINIMAL
static int orthogonalise(size_t d, const snnk_allocator *allocator, double *rows, double *norm) {
    (void)d, (void)allocator, (void)rows, (void)norm;
    return snnk__fail(
        SNNK_E_UNSUPPORTED,
        "orthogonal and simplex projections need LAPACKE, which this minimal build leaves out");
}
#else
/* rows become orthonormal, directions of the QR factorisation of what they were; norm: the lengths that
 * they had, with the sign of R's diagonal. rows (d x d, row-major) is, read column-major, its
 * transpose: LAPACK sees our rows as columns, and Q's columns come back as our rows. */
static int orthogonalise(size_t d, const snnk_allocator *allocator, double *rows, double *norm) {
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
done:
    snnk__free(allocator, work);
    snnk__free(allocator, tau);
    return st;
}
#endif

static void scale_rows(size_t d, const double *norm, double *rows) {
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++) rows[i * d + k] *= norm[i];
}

/* d orthonormal rows become the d corners of a simplex that they turn (Reid et al. 2023):
 * s_i = sqrt(d/(d-1)) e_i - (sqrt(d) + 1)/(d-1)^(3/2) (1 ... 1, 0) for i < d, s_d = (1 ... 1, 0)/sqrt(d-1):
 * unit vectors with products -1/(d-1). d = 1 has no simplex: its row stays. */
static void to_simplex(size_t d, double *rows) {
    if (d == 1) return;
    const double n = (double)d, along = sqrt(n / (n - 1));
    const double back = (sqrt(n) + 1) / ((n - 1) * sqrt(n - 1));
    double *last = rows + (d - 1) * d;

    for (size_t k = 0; k < d; k++) {
        double sum = 0;

        for (size_t i = 0; i < d - 1; i++) sum += rows[i * d + k];
        for (size_t i = 0; i < d - 1; i++) rows[i * d + k] = along * rows[i * d + k] - back * sum;
        last[k] = sum / sqrt(n - 1);
    }
}

/* A group of d rows. */
static int coupled_rows(int32_t projection, uint64_t seed, size_t d, size_t first,
                        const snnk_allocator *allocator, double *rows) {
    double *norm;
    int st;

    if (d > INT32_MAX / 64)
        return snnk__fail(SNNK_E_SIZE,
                          "inputs = %zu is too large for a QR factorization: the limit is %d", d,
                          INT32_MAX / 64);
    if ((st = snnk__alloc(allocator, d, sizeof *norm, "row norms", &norm)) != SNNK_OK) return st;
    gaussian_rows(seed, d, first, d, rows);
    st = orthogonalise(d, allocator, rows, norm);
    if (st == SNNK_OK) {
        if (projection == SNNK_PROJECTION_SIMPLEX) {
            for (size_t i = 0; i < d; i++)
                if (norm[i] < 0) /* the sign belongs to the direction, not to the length */
                    for (size_t k = 0; k < d; k++) rows[i * d + k] = -rows[i * d + k];
            for (size_t i = 0; i < d; i++) norm[i] = fabs(norm[i]);
            to_simplex(d, rows);
        }
        scale_rows(d, norm, rows);
    }
    snnk__free(allocator, norm);
    return st;
}

static int hd3_rows(uint64_t seed, size_t d, size_t first, const snnk_allocator *allocator,
                    double *rows) {
    const size_t order = snnk__hd3_order(d);
    float *signs;
    int st;

    st = snnk__alloc(allocator, order, 4 * sizeof *signs, "signs", &signs);
    if (st != SNNK_OK) return st;
    float *row = signs + 3 * order;

    snnk__hd3_signs(seed, first / order, order, signs);
    for (size_t i = 0; i < order; i++) {
        const double scale = snnk__hd3_scale(seed, first + i, order);

        snnk__hd3_row(order, signs, i, row);
        for (size_t k = 0; k < d; k++) rows[i * d + k] = scale * row[k];
    }
    snnk__free(allocator, signs);
    return SNNK_OK;
}

#ifdef SNNK_MINIMAL
static int sobol_row(uint64_t seed, size_t d, size_t first, double *row) {
    (void)seed, (void)d, (void)first, (void)row;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "Sobol projections need a table, which this minimal build leaves out");
}
#else
static int sobol_row(uint64_t seed, size_t d, size_t first, double *row) {
    if (first > UINT32_MAX)
        return snnk__fail(SNNK_E_SIZE, "row %zu is beyond the %lu points of a Sobol sequence",
                          first, (unsigned long)UINT32_MAX);
    snnk__sobol_point(seed, (uint32_t)first, d, row);
    for (size_t k = 0; k < d; k++) row[k] = snnk__normal_quantile(row[k]);
    return SNNK_OK;
}
#endif

int snnk__projection_rows(int32_t projection, uint64_t seed, size_t inputs, size_t first,
                          const snnk_allocator *allocator, double *rows) {
    switch ((snnk_projection)projection) {
    case SNNK_PROJECTION_ORTHOGONAL:
    case SNNK_PROJECTION_SIMPLEX:
        return coupled_rows(projection, seed, inputs, first, allocator, rows);
    case SNNK_PROJECTION_HD3: return hd3_rows(seed, inputs, first, allocator, rows);
    case SNNK_PROJECTION_SOBOL: return sobol_row(seed, inputs, first, rows);
    case SNNK_PROJECTION_GAUSSIAN:
    case SNNK_PROJECTION_GIVEN:
    case SNNK_PROJECTION_FOLDED: break;
    }
    gaussian_rows(seed, inputs, first, 1, rows);
    return SNNK_OK;
}
