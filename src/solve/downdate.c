/* Rows out of the triangular factor.
 *
 * Adding the rows A found a Householder reflection H for each column i, from [R'_ii; a] to [R_ii; 0].
 * Here R is known and R' wanted: R'_ii^2 = R_ii^2 - |a|^2, which gives H; then in row i, R_i = the first row of
 * H [R'_i; A] is solved for R'_i, and A becomes the other rows of H [R'_i; A]. With the new row in the
 * second half, as Chambers (J. Amer. Stat. Assoc. 66, 1971, 744) has it for rotations, A goes through
 * nothing but reflections, and errors do not grow. */
#include <math.h>

#include <cblas.h>

#include "solve/qr.h"

/* One reflection I - tau [1; v] [1; v]^T, over `rows` rows of A. first = 1 - tau. */
typedef struct reflection {
    size_t rows;
    const double *v;
    double tau, first;
} reflection;

/* Its effect on one column: *r, of R, becomes that of R'; A is what follows. */
static void reflect(const reflection *h, double *r, double *A) {
    const int n = (int)h->rows;
    const double inner = cblas_ddot(n, h->v, 1, A, 1);

    /* first = 0: nothing is left in this direction. */
    *r = h->first != 0 ? (*r + h->tau * inner) / h->first : 0;
    cblas_daxpy(n, -h->tau * (*r + inner), h->v, 1, A, 1);
}

/* The reflection of column i, over a (which becomes its v). false if a is longer than all there is,
 * by more than rounding. */
static bool find_reflection(double *diagonal, double noise, size_t rows, double *a, reflection *h) {
    const double alpha = fabs(*diagonal), length = cblas_dnrm2((int)rows, a, 1);
    double left, scale;

    *h = (reflection){.rows = 0, .v = a, .tau = 0, .first = 1};
    if (length <= noise) return true; /* nothing to take */
    if (length - alpha > noise) return false;
    left = alpha - length <= noise ? 0 : sqrt((alpha - length) * (alpha + length));
    /* Opposite signs, so that v is not a difference of near numbers. */
    scale = left > 0 ? -copysign(1 / (left + alpha), *diagonal) : 1 / length;
    cblas_dscal((int)rows, scale, a, 1);
    h->rows = rows;
    h->tau = left > 0 ? 1 + left / alpha : 1;
    h->first = left > 0 ? -left / alpha : 0;
    *diagonal = -copysign(left, *diagonal);
    return true;
}

/* What is left of the targets' squares, less those of the rows. */
static bool remove_rest(snnk_lstsq *lstsq, size_t rows, const double *noise_y) {
    const snnk__qr *qr = lstsq->qr;

    for (size_t k = 0; k < lstsq->targets; k++) {
        const double length = cblas_dnrm2((int)rows, qr->y + k * qr->ld, 1);
        const double all = sqrt(lstsq->yy[k]);

        if (length - all > noise_y[k]) return false;
        lstsq->yy[k] = length < all ? (all - length) * (all + length) : 0;
    }
    return true;
}

bool snnk__qr_remove_block(snnk_lstsq *lstsq, size_t rows, const double *noise_phi,
                           const double *noise_y) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const snnk__qr *qr = lstsq->qr;

    for (size_t i = 0; i < m; i++) {
        double *a = qr->phi + i * qr->ld;
        reflection h;

        if (!find_reflection(lstsq->S + i * m + i, noise_phi[i], rows, a, &h)) return false;
        if (h.rows == 0) continue;
        for (size_t j = i + 1; j < m; j++) reflect(&h, lstsq->S + j * m + i, qr->phi + j * qr->ld);
        for (size_t k = 0; k < t; k++) reflect(&h, lstsq->C + k * m + i, qr->y + k * qr->ld);
    }
    return remove_rest(lstsq, rows, noise_y);
}
