#include "solve/tridiagonal.h"

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"

#define PANEL      32 /* columns reduced before the rest of the matrix changes */
#define REFLECTORS 64 /* applied together */

/* The most multiplications between two reports. */
#define REPORT_EVERY 1e9

/* ---- Reducing ---- */

/* Columns first ... of a matrix that is being reduced. W: m x PANEL by columns. */
typedef struct reduction {
    size_t m;
    double *A, *W, *diagonal, *beside, *tau;
} reduction;

/* y -= X (n x count, by columns) times row x of a matrix. */
static void subtract_product(size_t m, size_t n, size_t count, const double *X, const double *x,
                             double *y) {
    cblas_dgemv(CblasColMajor, CblasNoTrans, (lapack_int)n, (lapack_int)count, -1, X, (lapack_int)m,
                x, (lapack_int)m, 1, y, 1);
}

/* y -= X (Z^T v); scratch: count. */
static void subtract_projection(size_t m, size_t n, size_t count, const double *X, const double *Z,
                                const double *v, double *scratch, double *y) {
    const lapack_int mi = (lapack_int)m, ni = (lapack_int)n, k = (lapack_int)count;

    cblas_dgemv(CblasColMajor, CblasTrans, ni, k, 1, Z, mi, v, 1, 0, scratch, 1);
    cblas_dgemv(CblasColMajor, CblasNoTrans, ni, k, -1, X, mi, scratch, 1, 1, y, 1);
}

/* Reduce column j of a panel that begins at column `first`: with the reflections V so far, the
 * matrix is A - V W^T - W V^T. Adds one column to V, in A, and to W. */
static void reduce_column(const reduction *r, size_t first, size_t j) {
    const size_t m = r->m, done = j - first, n = m - j - 1;
    double *column = r->A + j * m, *v = column + j + 1;
    const double *V = r->A + first * m, *W = r->W;
    double *w = r->W + done * m, *const scratch = w; /* the first rows of w are not used */

    subtract_product(m, m - j, done, V + j, W + j, column + j);
    subtract_product(m, m - j, done, W + j, V + j, column + j);
    r->diagonal[j] = column[j];
    if (n == 0) return;
    (void)LAPACKE_dlarfg_work((lapack_int)n, v, v + 1, 1, r->tau + j);
    r->beside[j] = *v;
    *v = 1;
    w += j + 1;
    cblas_dsymv(CblasColMajor, CblasLower, (lapack_int)n, 1, r->A + (j + 1) * m + j + 1,
                (lapack_int)m, v, 1, 0, w, 1);
    subtract_projection(m, n, done, V + j + 1, W + j + 1, v, scratch, w);
    subtract_projection(m, n, done, W + j + 1, V + j + 1, v, scratch, w);
    cblas_dscal((lapack_int)n, r->tau[j], w, 1);
    cblas_daxpy((lapack_int)n, -r->tau[j] / 2 * cblas_ddot((lapack_int)n, w, 1, v, 1), v, 1, w, 1);
}

/* Subtract V W^T + W V^T of a panel from columns next ... of the rest, some columns at a time. */
static int update_rest(const reduction *r, size_t first, size_t next, snnk__progress *progress,
                       double part) {
    const lapack_int m = (lapack_int)r->m, k = (lapack_int)(next - first);
    const double *V = r->A + first * r->m, *W = r->W;
    int st = SNNK_OK;

    if (next == r->m) return SNNK_OK;

    const size_t most =
        (size_t)(REPORT_EVERY / ((double)(r->m - next) * 2 * (double)(next - first))) + 1;

    for (size_t c = next; st == SNNK_OK && c < r->m; c += most) {
        const size_t width = snnk__min_size(most, r->m - c), below = c + width;
        const lapack_int w = (lapack_int)width, n = (lapack_int)(r->m - below);

        cblas_dsyr2k(CblasColMajor, CblasLower, CblasNoTrans, w, k, -1, V + c, m, W + c, m, 1,
                     r->A + c * r->m + c, m);
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, w, k, -1, V + below, m, W + c, m, 1,
                    r->A + c * r->m + below, m);
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, w, k, -1, W + below, m, V + c, m, 1,
                    r->A + c * r->m + below, m);
        st = snnk__progress_update(progress, part);
    }
    return st;
}

/* The share of the work that is left with n of m columns. */
static double left(size_t n, size_t m) {
    const double x = (double)n / (double)m;

    return x * x * x;
}

static int reduce(const reduction *r, snnk__progress *progress) {
    const size_t m = r->m;
    int st;

    for (size_t first = 0; first < m; first += PANEL) {
        const size_t next = snnk__min_size(first + PANEL, m);

        for (size_t j = first; j < next; j++) {
            reduce_column(r, first, j);
            if (j % 4 != 0) continue;
            if ((st = snnk__progress_update(progress, 1 - left(m - j, m))) != SNNK_OK) return st;
        }
        st = update_rest(r, first, next, progress, 1 - left(m - next, m));
        if (st != SNNK_OK) return st;
    }
    return snnk__progress_update(progress, 1);
}

int snnk__tridiagonal_reduce(const snnk_allocator *allocator, size_t m, double *A, double *diagonal,
                             double *beside, double *tau, snnk__progress *progress) {
    reduction r = {.m = m, .A = A, .diagonal = diagonal, .beside = beside, .tau = tau};
    int st = snnk__alloc(allocator, m * PANEL, sizeof *r.W, "a panel of columns", &r.W);

    if (st == SNNK_OK) st = reduce(&r, progress);
    snnk__free(allocator, r.W);
    return st;
}

/* ---- Expanding ---- */

/* Multiply Z by reflections first ... first+count-1, which change rows first + 1 ... . scratch:
 * (count + m) count. */
static int apply(size_t m, size_t first, size_t count, const double *A, const double *tau,
                 double *scratch, double *Z, snnk__progress *progress, double part) {
    const size_t n = m - first - 1;
    const lapack_int ni = (lapack_int)n, k = (lapack_int)count, mi = (lapack_int)m;
    const double *V = A + first * m + first + 1;
    const size_t most = (size_t)(REPORT_EVERY / (2 * (double)n * (double)count)) + 1;
    double *T = scratch, *work = T + count * count;
    int st = SNNK_OK;

    (void)LAPACKE_dlarft_work(LAPACK_COL_MAJOR, 'F', 'C', ni, k, V, mi, tau + first, T, k);
    for (size_t c = 0; st == SNNK_OK && c < m; c += most) {
        const lapack_int columns = (lapack_int)snnk__min_size(most, m - c);

        (void)LAPACKE_dlarfb_work(LAPACK_COL_MAJOR, 'L', 'N', 'F', 'C', ni, columns, k, V, mi, T, k,
                                  Z + c * m + first + 1, mi, work, columns);
        st = snnk__progress_update(progress, part);
    }
    return st;
}

int snnk__tridiagonal_expand(const snnk_allocator *allocator, size_t m, const double *A,
                             const double *tau, double *Z, snnk__progress *progress) {
    const size_t reflections = m - 1, blocks = (reflections + REFLECTORS - 1) / REFLECTORS;
    double *scratch = NULL;
    int st = snnk__alloc(allocator, (REFLECTORS + m) * REFLECTORS, sizeof *scratch,
                         "block reflectors", &scratch);

    for (size_t b = blocks; st == SNNK_OK && b-- > 0;) {
        const size_t first = b * REFLECTORS;
        const double part = 1 - (double)b / (double)blocks;

        st = apply(m, first, snnk__min_size(REFLECTORS, reflections - first), A, tau, scratch, Z,
                   progress, part * part);
    }
    snnk__free(allocator, scratch);
    return st;
}
