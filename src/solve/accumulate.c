/* Rows into statistics, a block at a time. */
#include <math.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>

#include "base/size.h"
#include "solve/lstsq.h"

/* Where the targets of a call come from: Y (row stride ldy), or labels. */
typedef struct target_rows {
    const float *Y;
    size_t ldy;
    const int32_t *labels;
} target_rows;

/* mean (columns) = column means of X (rows x columns, rows >= 1): the first row plus the mean
 * difference from it. The difference of two floats is exact in double or nearly so, and a constant
 * column gets its constant exactly, hence a second moment of exactly 0 later. */
static void column_means(size_t rows, size_t columns, const float *X, size_t ld, double *mean) {
    memset(mean, 0, columns * sizeof *mean);
    size_t i = 1;
    for (; i + 1 < rows; i += 2) {
        const float *one = X + i * ld, *two = one + ld;

        for (size_t j = 0; j < columns; j++)
            mean[j] += ((double)one[j] - (double)X[j]) + ((double)two[j] - (double)X[j]);
    }
    for (; i < rows; i++)
        for (size_t j = 0; j < columns; j++) mean[j] += (double)X[i * ld + j] - (double)X[j];
    for (size_t j = 0; j < columns; j++) mean[j] = (double)X[j] + mean[j] / (double)rows;
}

/* block (rows x columns, packed) = X - mean. */
static void centre(size_t rows, size_t columns, const float *X, size_t ld, const double *mean,
                   double *block) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            block[i * columns + j] = (double)X[i * ld + j] - mean[j];
}

/* The same two steps for targets given as labels. */
static void centre_labels(size_t rows, size_t t, const int32_t *labels, double *mean,
                          double *block) {
    memset(mean, 0, t * sizeof *mean);
    for (size_t i = 0; i < rows; i++) mean[labels[i]] += 1;
    for (size_t k = 0; k < t; k++) mean[k] /= (double)rows;
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < t; k++) block[i * t + k] = -mean[k];
        block[i * t + (size_t)labels[i]] += 1;
    }
}

/* row = weight (block_mean - mean); mean moves to that of all rows. */
static void shift_mean(size_t n, double weight, double share, const double *block_mean,
                       double *mean, double *row) {
    for (size_t j = 0; j < n; j++) {
        const double delta = block_mean[j] - mean[j];

        row[j] = weight * delta;
        mean[j] += share * delta;
    }
}

/* Add the block's `rows` centred rows, with means block_phi and block_y. Chan, Golub & LeVeque
 * 1979: S += S_block + w delta delta^T, w = a b / (a + b). The last term enters as one more row of
 * the block, sqrt(w) delta, so that dsyrk does it for nothing. */
static void add_block(snnk_lstsq *lstsq, size_t rows) {
    const size_t m = lstsq->features, t = lstsq->targets;
    const double a = (double)lstsq->rows, b = (double)rows;
    const double weight = sqrt(a / (a + b) * b);
    const lapack_int mi = (lapack_int)m, ti = (lapack_int)t, k = (lapack_int)(rows + 1);

    shift_mean(m, weight, b / (a + b), lstsq->block_phi, lstsq->mean_phi,
               lstsq->phi_block + rows * m);
    shift_mean(t, weight, b / (a + b), lstsq->block_y, lstsq->mean_y, lstsq->y_block + rows * t);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, mi, k, 1, lstsq->phi_block, mi, 1, lstsq->S,
                mi);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, ti, mi, k, 1, lstsq->y_block, ti,
                lstsq->phi_block, mi, 1, lstsq->C, mi);
    for (size_t i = 0; i <= rows; i++)
        for (size_t j = 0; j < t; j++) {
            const double y = lstsq->y_block[i * t + j];

            lstsq->yy[j] += y * y;
        }
    lstsq->rows += rows;
}

/* All checks have been made: this cannot fail. */
static void add_rows(snnk_lstsq *lstsq, size_t n, const float *Phi, size_t ldphi,
                     target_rows targets) {
    const size_t m = lstsq->features, t = lstsq->targets;

    for (size_t first = 0; first < n;) {
        /* Blocks of nearly equal size: no call ends in a block of a few rows. */
        const size_t left = n - first;
        const size_t blocks = (left - 1) / SNNK__LSTSQ_BLOCK_ROWS + 1;
        const size_t rows = (left - 1) / blocks + 1;

        column_means(rows, m, Phi + first * ldphi, ldphi, lstsq->block_phi);
        centre(rows, m, Phi + first * ldphi, ldphi, lstsq->block_phi, lstsq->phi_block);
        if (targets.labels) {
            centre_labels(rows, t, targets.labels + first, lstsq->block_y, lstsq->y_block);
        } else {
            const float *Y = targets.Y + first * targets.ldy;

            column_means(rows, t, Y, targets.ldy, lstsq->block_y);
            centre(rows, t, Y, targets.ldy, lstsq->block_y, lstsq->y_block);
        }
        add_block(lstsq, rows);
        first += rows;
    }
}

/* What add and add_labels have in common. Finiteness comes last: it reads all of Phi. */
static int check_rows(const snnk_lstsq *lstsq, size_t n, const float *Phi, size_t ldphi) {
    int st;

    if ((st = snnk__check_pointer(lstsq, "lstsq")) != SNNK_OK) return st;
    st = snnk__check_matrix(Phi, "Phi", n, lstsq->features, ldphi, sizeof *Phi);
    if (st != SNNK_OK) return st;
    if (n > UINT64_MAX - lstsq->rows)
        return snnk__fail(SNNK_E_SIZE, "%zu rows after %llu are more than a count can hold", n,
                          (unsigned long long)lstsq->rows);
    return SNNK_OK;
}

int snnk_lstsq_add(snnk_lstsq *lstsq, size_t n, const float *Phi, size_t ldphi, const float *Y,
                   size_t ldy) {
    int st;

    if ((st = check_rows(lstsq, n, Phi, ldphi)) != SNNK_OK) return st;
    st = snnk__check_matrix(Y, "Y", n, lstsq->targets, ldy, sizeof *Y);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_finite(Phi, "Phi", n, lstsq->features, ldphi)) != SNNK_OK) return st;
    if ((st = snnk__check_finite(Y, "Y", n, lstsq->targets, ldy)) != SNNK_OK) return st;
    add_rows(lstsq, n, Phi, ldphi, (target_rows){.Y = Y, .ldy = ldy});
    return SNNK_OK;
}

int snnk_lstsq_add_labels(snnk_lstsq *lstsq, size_t n, const float *Phi, size_t ldphi,
                          const int32_t *labels) {
    int st;

    if ((st = check_rows(lstsq, n, Phi, ldphi)) != SNNK_OK) return st;
    if (n > 0 && (st = snnk__check_pointer(labels, "labels")) != SNNK_OK) return st;
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || (size_t)labels[i] >= lstsq->targets)
            return snnk__fail(SNNK_E_RANGE, "labels[%zu] = %ld is not in 0 ... %zu", i,
                              (long)labels[i], lstsq->targets - 1);
    if ((st = snnk__check_finite(Phi, "Phi", n, lstsq->features, ldphi)) != SNNK_OK) return st;
    add_rows(lstsq, n, Phi, ldphi, (target_rows){.labels = labels});
    return SNNK_OK;
}
