/* The numbers of least-squares statistics, and what every part of the solver reads from them. */
#ifndef SNNK_SOLVE_STATISTICS_H
#define SNNK_SOLVE_STATISTICS_H

#include <stdbool.h>

#include <snnk/lstsq.h>

#include "base/memory.h"
#include "base/rows.h"
#include "kernels/moments.h"

/* The most rows of a block. The block has one more row, for the shift of the mean. */
#define SNNK__LSTSQ_BLOCK_ROWS (SNNK__PANEL_ROWS - 1)

/* Statistics of m features and t targets. All sums are over the rows so far, weighted and centered
 * on the means.
 *
 * QR stores its factor where GRAM stores the moments. L, row-major and lower, is R = L^T for
 * LAPACK, which reads it column-major and upper. Let A be the centered rows, each times the root of
 * its weight, and Y the targets: A = Q R and R^T R = S. The first m rows of Q^T Y are C^T, and yy
 * are the squared lengths of its other rows. */
struct snnk_lstsq {
    snnk_allocator allocator;
    size_t features, targets; /* m, t: at least 1, and both fit a lapack_int */
    uint64_t rows;
    double weight;    /* total; exactly `rows` if no row came with a weight */
    double *mean_phi; /* m */
    double *mean_y;   /* t */
    double *S;        /* m x m: sum phi phi^T in the lower triangle, or L; the strict upper triangle
                       * is scratch */
    double *C;        /* t x m: sum y phi^T, or C = that times L^-T */
    double *yy;       /* t: sum y^2, or the part of it that C does not contain */

    int32_t factorization; /* snnk_factorization: L is kept unless it is GRAM */
    bool automatic;        /* AUTO was requested, so a factor may become moments; not stored in
                            * files */
    int32_t precision;     /* snnk_precision of the next rows */
    bool single;           /* some rows were added in single precision */

    /* The largest values that the sums had when rows were forgotten: their rounding error remains.
     * 0 if none were. */
    uint64_t max_rows;
    double max_weight;
    double *max_phi; /* m: diagonal of S */
    double *max_y;   /* t: sum y^2 */

    /* Scratch for adding rows. */
    char *phi_panels, *y_panels; /* columns of the block, packed for the kernels */
    float *label_rows;           /* SNNK__LSTSQ_BLOCK_ROWS x t */
    double *block_phi, *block_y; /* m, t: means of the block */
    struct snnk__qr *qr;         /* NULL for GRAM */
};

/* Diagonal entry i of S, and the sum of squares of target k, for either factorization. */
double snnk__lstsq_diagonal(const snnk_lstsq *lstsq, size_t i);
double snnk__lstsq_squares(const snnk_lstsq *lstsq, size_t k);

/* mean += share (other - mean). Blocks and whole objects use the same rule, so that equal means
 * stay exactly equal. */
void snnk__move_mean(size_t n, double share, const double *other, double *mean);

/* Set mean[c] to the mean of column first + c of X, c < columns, over n >= 1 rows, weighted;
 * weights: NULL for ones. The mean of a constant column is exact. */
void snnk__weighted_means(size_t n, const snnk__numbers *X, size_t first, size_t columns,
                          const float *weights, double *mean);

#endif
