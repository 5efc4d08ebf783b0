#include "solve/shortest.h"

#include <string.h>

#include <lapacke.h>

#include "base/size.h"

/* With the kept eigenvectors V and the others N, the solutions are B + scale N y for any y, and the
 * shortest of them is perpendicular to scale N: it lies in the span of V/scale. So B loses its part
 * in the span of scale N, or keeps that in the span of V/scale, whichever takes fewer vectors. */
typedef struct span {
    size_t m, k;
    double *columns; /* m x k by columns; then its Householder vectors */
    double *tau;     /* k */
    double *work;    /* n_work */
    lapack_int n_work;
} span;

/* Multiply B (m x t by columns) by Q or its transpose, Q the orthogonal factor of the span. */
static int multiply(const span *s, char transpose, size_t t, double *B) {
    const lapack_int m = (lapack_int)s->m, k = (lapack_int)s->k;

    return (int)LAPACKE_dormqr_work(LAPACK_COL_MAJOR, 'L', transpose, m, (lapack_int)t, k,
                                    s->columns, m, s->tau, B, m, s->work, s->n_work);
}

/* Replace B by its part inside, or outside, the span. */
static int project(const span *s, bool inside, size_t t, double *B) {
    const lapack_int m = (lapack_int)s->m, k = (lapack_int)s->k;
    const size_t first = inside ? s->k : 0, count = inside ? s->m - s->k : s->k;
    int info =
        (int)LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, m, k, s->columns, m, s->tau, s->work, s->n_work);

    if (info == 0) info = multiply(s, 'T', t, B);
    if (info == 0)
        for (size_t i = 0; i < t; i++) memset(B + i * s->m + first, 0, count * sizeof *B);
    if (info == 0) info = multiply(s, 'N', t, B);
    if (info == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %d of a QR routine", -info);
}

static bool is_constant(size_t m, const double *scale) {
    for (size_t j = 1; j < m; j++)
        if (scale[j] != scale[0]) return false;
    return true;
}

int snnk__shortest(const snnk_allocator *allocator, size_t m, size_t t, size_t rank,
                   double *vectors, const double *scale, double *Z) {
    const bool inside = rank <= m - rank;
    const size_t block = 64; /* columns that LAPACK treats together */
    span s = {.m = m, .k = inside ? rank : m - rank};
    int st;

    /* Solutions by eigenvectors are the shortest z already. */
    if (s.k == 0 || is_constant(m, scale)) return SNNK_OK;
    s.columns = inside ? vectors + (m - rank) * m : vectors;
    const size_t n_work = block * snnk__max_size(s.k, t);

    s.n_work = (lapack_int)snnk__min_size(n_work, INT32_MAX);
    st = snnk__alloc(allocator, s.k + n_work, sizeof *s.tau, "QR scratch", &s.tau);
    if (st != SNNK_OK) return st;
    s.work = s.tau + s.k;
    for (size_t i = 0; i < s.k; i++)
        for (size_t j = 0; j < m; j++) {
            if (inside)
                s.columns[i * m + j] /= scale[j];
            else
                s.columns[i * m + j] *= scale[j];
        }
    for (size_t i = 0; i < t; i++)
        for (size_t j = 0; j < m; j++) Z[i * m + j] *= scale[j];
    st = project(&s, inside, t, Z);
    for (size_t i = 0; i < t; i++)
        for (size_t j = 0; j < m; j++) Z[i * m + j] /= scale[j];
    snnk__free(allocator, s.tau);
    return st;
}
