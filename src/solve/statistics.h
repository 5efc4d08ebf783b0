/* The numbers of least-squares statistics, and what every part of the solver reads from them. */
#ifndef SNNK_SOLVE_STATISTICS_H
#define SNNK_SOLVE_STATISTICS_H

#include <stdbool.h>

#include <snnk/lstsq.h>

#include "base/memory.h"
#include "kernels/moments.h"

/* Rows taken at once; one more row of the block carries the shift of the mean. */
#define SNNK__LSTSQ_BLOCK_ROWS (SNNK__PANEL_ROWS - 1)

/* m features, t targets. All sums are over the rows so far, weighted, centred on the means.
 *
 * The factor of the QR factorization is kept where the moments are. L, row-major and lower, is what
 * LAPACK reads as R = L^T, column-major and upper; rows of C are columns of what it is applied to.
 * So with rows A (centred, times the roots of their weights) and targets Y, A = Q R, R^T R = S: the
 * first m rows of Q^T Y are C^T, and the squares of the others are yy. */
struct snnk_lstsq {
    snnk_allocator allocator;
    size_t features, targets; /* m, t: at least 1, and both fit a lapack_int */
    uint64_t rows;
    double weight;    /* of all rows together; exactly `rows` where none was given */
    double *mean_phi; /* m */
    double *mean_y;   /* t */
    double *S;        /* m x m: the lower triangle is sum phi phi^T, or L; the strict upper triangle
                       * is scratch for solve and means nothing between calls */
    double *C;        /* t x m: sum y phi^T, or that times L^-T */
    double *yy;       /* t: sum y^2 of each target, or what the features leave of it */

    int32_t factorization; /* snnk_factorization: L is kept unless it is GRAM */
    bool automatic;    /* AUTO was asked for: a factor may become moments. Files do not keep it */
    int32_t precision; /* snnk_precision: of the rows to come */
    bool single;       /* some rows were added in single precision */

    /* How large sums were when something was taken from them: their rounding stays. 0
     * where nothing was. */
    uint64_t max_rows;
    double max_weight;
    double *max_phi; /* m: diagonal of S */
    double *max_y;   /* t: sum y^2 */

    /* Scratch of add. */
    char *phi_panels, *y_panels; /* the block's columns, packed as the kernels want them */
    float *label_rows;           /* SNNK__LSTSQ_BLOCK_ROWS x t */
    double *block_phi, *block_y; /* m, t: means of the block */
    struct snnk__qr *qr;         /* NULL for GRAM */
};

/* Diagonal entry i of S, and the sum of squares of target k, for either factorization. */
double snnk__lstsq_diagonal(const snnk_lstsq *lstsq, size_t i);
double snnk__lstsq_squares(const snnk_lstsq *lstsq, size_t k);

/* mean += share (other - mean); the same rule for a block and for a whole object, so that equal
 * means stay exactly equal. */
void snnk__move_mean(size_t n, double share, const double *other, double *mean);

/* mean[c] of X (n x columns, n >= 1), weighted, NULL for ones. A constant column gets its constant
 * exactly. */
void snnk__weighted_means(size_t n, size_t columns, const float *X, size_t ldx,
                          const float *weights, double *mean);

#endif
