#include "solve/shortest.h"

#include <string.h>

#include <lapacke.h>

#include "base/size.h"

#define PANEL   64   /* columns that are factored together */
#define COLUMNS 1024 /* columns that they are applied to, between two reports */

/* With the kept eigenvectors V and the others N, the solutions are B + scale N y for any y, and the
 * shortest of them is perpendicular to scale N: it lies in the span of V/scale. So B loses its part
 * in the span of scale N, or keeps that in the span of V/scale, whichever takes fewer vectors. */
typedef struct span {
    size_t m, k;
    double *columns; /* m x k by columns; then its Householder vectors */
    double *tau;     /* k */
    double *work;    /* n_work */
    lapack_int n_work;
    snnk__progress *progress;
} span;

static int check(lapack_int info) {
    if (info == 0) return SNNK_OK;
    return snnk__fail(SNNK_E_INTERNAL, "LAPACK refused argument %ld of a QR routine", -(long)info);
}

/* Multiply B (m x t by columns) by Q or its transpose, Q the orthogonal factor of the span. */
static int multiply(const span *s, char transpose, size_t t, double *B) {
    const lapack_int m = (lapack_int)s->m, k = (lapack_int)s->k;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < t; first += PANEL) {
        const lapack_int count = (lapack_int)snnk__min_size(PANEL, t - first);

        st = check(LAPACKE_dormqr_work(LAPACK_COL_MAJOR, 'L', transpose, m, count, k, s->columns, m,
                                       s->tau, B + first * s->m, m, s->work, s->n_work));
        if (st == SNNK_OK) st = snnk__progress_count(s->progress, (double)first, (double)t);
    }
    return st;
}

/* Apply the reflections of columns first ... first+count-1 to the columns after them. */
static int update(const span *s, size_t first, size_t count, double part) {
    const lapack_int m = (lapack_int)s->m, n = (lapack_int)(s->m - first), w = (lapack_int)count;
    const double *V = s->columns + first * s->m + first;
    double T[PANEL * PANEL];
    int st =
        check(LAPACKE_dlarft_work(LAPACK_COL_MAJOR, 'F', 'C', n, w, V, m, s->tau + first, T, w));

    for (size_t c = first + count; st == SNNK_OK && c < s->k; c += COLUMNS) {
        const lapack_int columns = (lapack_int)snnk__min_size(COLUMNS, s->k - c);

        st = check(LAPACKE_dlarfb_work(LAPACK_COL_MAJOR, 'L', 'T', 'F', 'C', n, columns, w, V, m, T,
                                       w, s->columns + c * s->m + first, m, s->work, columns));
        if (st == SNNK_OK) st = snnk__progress_update(s->progress, part);
    }
    return st;
}

/* Replace the columns by their QR factorization. */
static int factor(const span *s) {
    const lapack_int m = (lapack_int)s->m;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < s->k; first += PANEL) {
        const size_t count = snnk__min_size(PANEL, s->k - first);

        st = check(LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, m - (lapack_int)first, (lapack_int)count,
                                       s->columns + first * s->m + first, m, s->tau + first,
                                       s->work, s->n_work));
        if (st == SNNK_OK) st = update(s, first, count, (double)first / (double)s->k);
    }
    return st;
}

/* Replace B by its part inside, or outside, the span. */
static int project(const span *s, bool inside, size_t t, double *B) {
    const size_t first = inside ? s->k : 0, count = inside ? s->m - s->k : s->k;
    int st;

    snnk__progress_begin_stage(s->progress, 0.8);
    if ((st = factor(s)) != SNNK_OK) return st;
    snnk__progress_begin_stage(s->progress, 0.1);
    if ((st = multiply(s, 'T', t, B)) != SNNK_OK) return st;
    for (size_t i = 0; i < t; i++) memset(B + i * s->m + first, 0, count * sizeof *B);
    snnk__progress_begin_stage(s->progress, 0.1);
    return multiply(s, 'N', t, B);
}

static bool is_constant(size_t m, const double *scale) {
    for (size_t j = 1; j < m; j++)
        if (scale[j] != scale[0]) return false;
    return true;
}

int snnk__shortest(const snnk_allocator *allocator, size_t m, size_t t, size_t rank,
                   double *vectors, const double *scale, double *Z, snnk__progress *progress) {
    const bool inside = rank <= m - rank;
    snnk__progress parts = snnk__progress_within(progress, 1);
    span s = {.m = m, .k = inside ? rank : m - rank, .progress = &parts};
    int st;

    /* Solutions by eigenvectors are the shortest z already. */
    if (s.k == 0 || is_constant(m, scale)) return SNNK_OK;
    s.columns = inside ? vectors + (m - rank) * m : vectors;
    const size_t n_work = PANEL * COLUMNS;

    s.n_work = (lapack_int)n_work;
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
