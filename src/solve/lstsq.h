/* Inside of the least-squares statistics. */
#ifndef SNNK_SOLVE_LSTSQ_H
#define SNNK_SOLVE_LSTSQ_H

#include <stdbool.h>

#include <snnk/lstsq.h>

#include "base/memory.h"
#include "base/rows.h"
#include "kernels/moments.h"

/* Rows taken at once; one more row of the block carries the shift of the mean. */
#define SNNK__LSTSQ_BLOCK_ROWS (SNNK__PANEL_ROWS - 1)

/* m features, t targets. All sums are over the rows so far, weighted, centred on the means.
 *
 * The factor of the QR route is kept where the moments are. L, row-major and lower, is what LAPACK
 * reads as R = L^T, column-major and upper; rows of C are columns of what it is applied to. So with
 * rows A (centred, times the roots of their weights) and targets Y, A = Q R, R^T R = S: the first m
 * rows of Q^T Y are C^T, and the squares of the others are yy. */
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
    bool fast;         /* some rows were added in fast precision */

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
    struct snnk__qr *qr;         /* NULL on the Gram route */
};

/* A number of features or targets: SNNK_E_SHAPE if it is 0, SNNK_E_SIZE if it exceeds the integers of CBLAS and
 * LAPACKE. */
int snnk__check_width(size_t width, const char *name);

/* ---- Rows on their way in or out ---- */

/* mean[c] of X (n x columns, n >= 1), weighted, NULL for ones. A constant column gets its constant
 * exactly. */
void snnk__weighted_means(size_t n, size_t columns, const float *X, size_t ldx,
                          const float *weights, double *mean);

/* Check rows to add or to forget, and prepare to take blocks of them.
 *   precision   out: what they are to be summed in, if their numbers allow it
 *   floats      out: to be closed by the caller
 * Statuses of snnk_lstsq_add; there is nothing to close after a failure. */
int snnk__lstsq_open_rows(const snnk_lstsq *lstsq, const snnk_rows *rows, int32_t *precision,
                          snnk__float_rows *floats);

/* Add opened rows. Cannot fail. */
void snnk__lstsq_add_rows(snnk_lstsq *lstsq, int32_t precision, const snnk__float_rows *rows,
                          snnk_workspace *workspace);

/* ---- Whole statistics ---- */

/* *copy = the same. Statuses of snnk_lstsq_create. */
int snnk__lstsq_clone(const snnk_lstsq *lstsq, const snnk_allocator *allocator, snnk_lstsq **copy);

/* Back to what create made, but for route and precision. */
void snnk__lstsq_clear(snnk_lstsq *lstsq);

/* Diagonal entry i of S, and the sum of squares of target k, on either route. */
double snnk__lstsq_diagonal(const snnk_lstsq *lstsq, size_t i);
double snnk__lstsq_squares(const snnk_lstsq *lstsq, size_t k);

/* mean += share (other - mean); the same rule for a block and for a whole object, so that equal
 * means stay exactly equal. */
void snnk__move_mean(size_t n, double share, const double *other, double *mean);

/* ---- Solving ---- */

/* How a system was solved: the part of snnk_solve_report that the linear algebra knows. */
typedef struct snnk__solve_outcome {
    double condition;
    size_t rank;
    int32_t method;
} snnk__solve_outcome;

/* *ours = the config over the defaults. SNNK_E_CONFIG. */
int snnk__solve_config_read(snnk_solve_config *ours, const snnk_solve_config *config);

/* SNNK_E_RANGE unless every field is in its range. */
int snnk__solve_config_check(const snnk_solve_config *ours);

/* Solve into B (t x m, packed) and b (t; zeros without an intercept), which are scratch on failure.
 * The config has been checked. Needs rows. SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NONFINITE,
 * SNNK_E_NOMEM. */
int snnk__lstsq_solve_into(snnk_lstsq *lstsq, const snnk_solve_config *config, double *B, double *b,
                           snnk__solve_outcome *outcome);

/* (The sum over targets of) |Y - Phi B^T - b|^2; see snnk_lstsq_rss. B finite, b not NULL.
 * SNNK_E_NONFINITE if the sum overflows, SNNK_E_NOMEM. */
int snnk__lstsq_rss_of(const snnk_lstsq *lstsq, const double *B, size_t ldb, const double *b,
                       double *rss);

/* The share of the largest eigenvalue below which a direction counts as absent, for m features. */
double snnk__rank_tolerance(const snnk_solve_config *config, size_t m);

/* SNNK_E_SIZE if there are more features than LAPACK gives eigenvectors for. */
int snnk__check_eigenvectors(size_t m);

/* The eigenvalues of the symmetric m x m matrix A, rising, and its eigenvectors over A: v_k in row k
 * (row-major). triangle: the one that is read, 'L' or 'U' by columns (row-major: 'U' is where row >=
 * column). SNNK_E_SIZE, SNNK_E_SINGULAR (no convergence), SNNK_E_NOMEM. */
int snnk__eigenvectors(const snnk_allocator *allocator, size_t m, char triangle, double *A,
                       double *values);

/* The truncated eigen-solution of the m x m system A z = r for t right-hand sides. A (both triangles
 * are scratch, the one with row >= column is read) is destroyed; R (t x m) becomes the solution.
 * SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM. */
int snnk__solve_truncated(const snnk_allocator *allocator, size_t m, size_t t, double tolerance,
                          double *A, double *R, snnk__solve_outcome *outcome);

#endif
