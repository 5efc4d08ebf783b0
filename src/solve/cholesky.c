#include "solve/cholesky.h"

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "base/status.h"

/* Columns of a panel of the inverse. */
#define PANEL 320

/* Columns of a panel of the factor, by the order of the numbers. Measured with OpenBLAS 0.3.21 on a
 * Xeon with AVX-512, whose products run at 75 GFLOP/s. dtrsm runs at 10 GFLOP/s with the panels by
 * columns, and at 34 with those by rows: its rate grows more with the width by rows. By columns
 * panels are narrow, so that more of the work is left to dgemm. Up to SMALL columns one call of
 * LAPACK is as fast. */
#define PANEL_BY_COLUMNS 128
#define PANEL_BY_ROWS    1024
#define SMALL            512

/* The most multiplications between two reports: about a fifth of a second. */
#define REPORT_EVERY 4e9

/* A symmetric matrix whose lower triangle is stored, by columns or by rows. */
typedef struct lower {
    CBLAS_LAYOUT order;
    size_t m;
    double *A;
} lower;

static size_t panel_width(const lower *of) {
    if (of->m <= SMALL) return SMALL;
    return of->order == CblasColMajor ? PANEL_BY_COLUMNS : PANEL_BY_ROWS;
}

static double *entry(const lower *of, size_t i, size_t j) {
    return of->order == CblasColMajor ? of->A + j * of->m + i : of->A + i * of->m + j;
}

/* Factor the square on the diagonal, of columns first ... first+width-1. */
static bool factor_square(const lower *of, size_t first, size_t width) {
    const lapack_int m = (lapack_int)of->m, w = (lapack_int)width, k = (lapack_int)first;
    double *square = entry(of, first, first);

    cblas_dsyrk(of->order, CblasLower, CblasNoTrans, w, k, -1, entry(of, first, 0), m, 1, square,
                m);
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, of->order == CblasColMajor ? 'L' : 'U', w, square,
                               m) == 0;
}

/* Compute rows row ... row+rows-1, below the square, of a panel. */
static void factor_rows(const lower *of, size_t first, size_t width, size_t row, size_t rows) {
    const lapack_int m = (lapack_int)of->m, w = (lapack_int)width, k = (lapack_int)first;
    const lapack_int n = (lapack_int)rows;
    double *block = entry(of, row, first);

    cblas_dgemm(of->order, CblasNoTrans, CblasTrans, n, w, k, -1, entry(of, row, 0), m,
                entry(of, first, 0), m, 1, block, m);
    cblas_dtrsm(of->order, CblasRight, CblasLower, CblasTrans, CblasNonUnit, n, w, 1,
                entry(of, first, first), m, block, m);
}

/* The share of the work that `columns` of m columns take. */
static double share_of(size_t columns, size_t m) {
    const double x = (double)columns / (double)m;

    return x * x * (3 - 2 * x);
}

int snnk__cholesky(char triangle, size_t m, double *A, snnk__progress *progress, bool *definite) {
    const lower of = {triangle == 'L' ? CblasColMajor : CblasRowMajor, m, A};
    const size_t panel = panel_width(&of);
    int st;

    *definite = false;
    for (size_t first = 0; first < m; first += panel) {
        const size_t width = snnk__min_size(panel, m - first), next = first + width;
        const double row_cost = (double)next * (double)width;
        const size_t most = (size_t)(REPORT_EVERY / row_cost) + 1;

        if (!factor_square(&of, first, width)) return SNNK_OK;
        for (size_t row = next; row < m; row += most) {
            factor_rows(&of, first, width, row, snnk__min_size(most, m - row));
            if ((st = snnk__progress_update(progress, share_of(first, m))) != SNNK_OK) return st;
        }
        if ((st = snnk__progress_update(progress, share_of(next, m))) != SNNK_OK) return st;
    }
    *definite = true;
    return SNNK_OK;
}

/* By columns A = [U C; 0 D], with U^-1 already there: C becomes -U^-1 C D^-1. */
int snnk__triangle_invert(size_t m, double *A, snnk__progress *progress) {
    const lapack_int mi = (lapack_int)m;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < m; first += PANEL) {
        const size_t width = snnk__min_size(PANEL, m - first);
        const lapack_int n = (lapack_int)first, w = (lapack_int)width;
        double *C = A + first * m, *D = C + first;
        const double share = (double)(first + width) / (double)m;

        cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, n, w, 1, A,
                    mi, C, mi);
        cblas_dtrsm(CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, n, w, -1, D,
                    mi, C, mi);
        (void)LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', w, D, mi); /* the diagonal is not 0 */
        st = snnk__progress_update(progress, share * share * share);
    }
    return st;
}

int snnk__cholesky_solve(char triangle, size_t m, size_t t, const double *A, double *R,
                         snnk__progress *progress) {
    const lapack_int mi = (lapack_int)m;
    const CBLAS_UPLO uplo = triangle == 'L' ? CblasLower : CblasUpper;
    const size_t most = (size_t)(REPORT_EVERY / ((double)m * (double)m)) + 1;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < t; first += most) {
        const lapack_int n = (lapack_int)snnk__min_size(most, t - first);
        double *B = R + first * m;

        cblas_dtrsm(CblasColMajor, CblasLeft, uplo, triangle == 'L' ? CblasNoTrans : CblasTrans,
                    CblasNonUnit, mi, n, 1, A, mi, B, mi);
        cblas_dtrsm(CblasColMajor, CblasLeft, uplo, triangle == 'L' ? CblasTrans : CblasNoTrans,
                    CblasNonUnit, mi, n, 1, A, mi, B, mi);
        st = snnk__progress_count(progress, (double)(first + (size_t)n), (double)t);
    }
    return st;
}
