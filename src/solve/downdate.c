/* Remove rows from the triangular factor.
 *
 * Adding rows A makes a Householder reflection H for each column i, from [R'_ii; a] to [R_ii; 0].
 * Here R is known and R' is wanted. R'_ii^2 = R_ii^2 - |a|^2 gives H. Then, in row i, R_i = the
 * first row of H [R'_i; A] is solved for R'_i, and A becomes the other rows of H [R'_i; A]. As
 * Chambers does for rotations (J. Amer. Stat. Assoc. 66, 1971, 744), the new row is used in the
 * second half: A is only ever reflected, so the errors of R'^T R' do not grow. */
#include "solve/downdate.h"

#include <math.h>

#include <cblas.h>

#include "solve/qr.h"

/* One reflection I - tau [1; v] [1; v]^T, over `rows` rows of A. first = 1 - tau. */
typedef struct reflection {
    size_t rows;
    const double *v;
    double tau, first;
} reflection;

/* Apply the reflection to one column: *r changes from R to R', and A is updated. */
static void reflect(const reflection *h, double *r, double *A) {
    const lapack_int n = (lapack_int)h->rows;
    const double inner = cblas_ddot(n, h->v, 1, A, 1);

    *r = (*r + h->tau * inner) / h->first;
    cblas_daxpy(n, -h->tau * (*r + inner), h->v, 1, A, 1);
}

/* If less than this share of the squares is left, it may be rounding error of all that was summed
 * before. A direction that was always short keeps more than that, except with few rows. */
#define LITTLE 1e-4

/* Find the reflection of column i, over a, which becomes its v. noise, square_noise: bounds on the
 * rounding error of the length of a, and of squares. False if only rounding error may be left. */
static bool find_reflection(double *diagonal, double noise, double square_noise, size_t rows,
                            double *a, reflection *h) {
    const double alpha = fabs(*diagonal), length = cblas_dnrm2((lapack_int)rows, a, 1);
    const double squares = (alpha - length) * (alpha + length);
    double left;

    *h = (reflection){.rows = 0, .v = a, .tau = 0, .first = 1};
    if (length <= noise) return true; /* nothing to remove */
    if (alpha - length <= noise) return false;
    if (squares <= square_noise && squares <= LITTLE * alpha * alpha) return false;
    left = sqrt(squares);
    /* The signs differ, so that v is not a difference of nearly equal numbers. */
    cblas_dscal((lapack_int)rows, -copysign(1 / (left + alpha), *diagonal), a, 1);
    h->rows = rows;
    h->tau = 1 + left / alpha;
    h->first = -left / alpha;
    *diagonal = -copysign(left, *diagonal);
    return true;
}

/* Subtract the squares of the rows from the unexplained squares of the targets. Rounding can make
 * them negative. */
static void remove_rest(snnk_lstsq *lstsq, size_t rows) {
    const snnk__qr *qr = lstsq->qr;

    for (size_t k = 0; k < lstsq->targets; k++) {
        const double *y = qr->y + k * qr->ld;

        lstsq->yy[k] -= cblas_ddot((lapack_int)rows, y, 1, y, 1);
    }
}

bool snnk__qr_remove_block(snnk_lstsq *lstsq, size_t rows, const double *noise,
                           const double *square_noise) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const snnk__qr *qr = lstsq->qr;

    for (size_t i = 0; i < m; i++) {
        double *a = qr->phi + i * qr->ld;
        reflection h;

        if (!find_reflection(lstsq->S + i * m + i, noise[i], square_noise[i], rows, a, &h))
            return false;
        if (h.rows == 0) continue;
        for (size_t j = i + 1; j < m; j++) reflect(&h, lstsq->S + j * m + i, qr->phi + j * qr->ld);
        for (size_t k = 0; k < t; k++) reflect(&h, lstsq->C + k * m + i, qr->y + k * qr->ld);
    }
    remove_rest(lstsq, rows);
    return true;
}
