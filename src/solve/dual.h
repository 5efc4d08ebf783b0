/* Ridge regression on rows in memory: one eigendecomposition of the n x n matrix of inner products
 * of rows (the dual form; of the m x m matrix of moments if there are fewer features than rows),
 * then any number of ridges lambda, each with exact leave-one-out residuals.
 *
 *     snnk__dual_create(&data, &dual);
 *     snnk__dual_score(dual, n_ridges, ridges, NULL, NULL, NULL, loo);
 *     snnk__dual_solve(dual, ridges + best, B, m, b);       (with one target)
 *     snnk__dual_free(dual);
 *
 * With the centered rows A_i = sqrt(w_i) (phi_i - mean) and targets z_i = sqrt(w_i) (y_i - mean_y),
 * q = sqrt(w/sum w) and K = A A^T = U diag(s) U^T,
 *
 *     M(lambda) = (K + lambda)^-1 - q q^T/lambda        (without an intercept: no second term)
 *     alpha     = M z,      B = A^T alpha,      b = mean_y - B mean
 *     residuals sqrt(w_i) (y_i - fit_i) = lambda alpha_i
 *
 * A group g of rows that is left out together has the residuals M_gg^-1 alpha_g (divided by
 * sqrt(w)): for a single row, alpha_i/M_ii. The hat matrix is I - lambda M, which gives degrees of
 * freedom and generalized cross-validation. The solutions are those of snnk_lstsq_solve and
 * snnk_ridge_path. With r = min(n, m), creating takes O(n m r + r^3), a ridge O(n r t), and O(r
 * k^2) more for a group of k rows.
 *
 * Copies of a row would predict it, so that the smallest ridge would be the best. Therefore equal
 * rows are left out together, unless most rows are equal to several others. They are one row here,
 * with the sum of their weights and the mean of their targets, which gives the same solutions and
 * makes n the number of distinct rows. */
#ifndef SNNK_SOLVE_DUAL_H
#define SNNK_SOLVE_DUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snnk/workspace.h>

#include "base/memory.h"
#include "base/progress.h"

/* If there are at least this many rows for each distinct one, equal rows are no copies: inputs have
 * few different values, and new rows will have them too. Then each is left out on its own. */
#define SNNK__OFTEN_EQUAL 4

typedef struct snnk__dual snnk__dual;

/* The rows of a problem. All arrays are only read while the object is created. */
typedef struct snnk__dual_data {
    const snnk_allocator *allocator; /* NULL for malloc */
    size_t n, m, t;                  /* rows, features and targets, at least 1 of each */
    const float *Phi;                /* n x m, row stride ldphi; finite */
    size_t ldphi;
    const double *Y; /* n x t, row stride ldy; finite */
    size_t ldy;
    const double *weights; /* n, above 0; NULL for ones */
    /* n numbers: rows with the same number are left out together. Equal rows should have the same.
     * NULL: equal rows are left out together, others alone */
    const uint64_t *group;
    bool intercept;
    snnk_workspace *workspace; /* its progress function can cancel the call; NULL for none */
} snnk__dual_data;

/* Decompose a problem. Keeps n (m + min(n, m)) doubles.
 *   data  see there
 *   dual  out: release with snnk__dual_free
 * SNNK_E_SIZE (more than 32766 distinct rows and features), SNNK_E_SINGULAR (all rows equal the
 * mean, or no convergence), SNNK_E_NONFINITE (inner products overflow), SNNK_E_NOMEM,
 * SNNK_E_CANCELLED. */
int snnk__dual_create(const snnk__dual_data *data, snnk__dual **dual);

/* Get the number of distinct rows. */
size_t snnk__dual_distinct(const snnk__dual *dual);

/* Get the largest eigenvalue of K, and the mean of the features (zeros without an intercept). */
double snnk__dual_largest(const snnk__dual *dual);
const double *snnk__dual_mean(const snnk__dual *dual);

/* Free a problem. NULL is fine. */
void snnk__dual_free(snnk__dual *dual);

/* The smallest ridge that can be told from 0: n eps times the largest eigenvalue of K. Smaller ones
 * are raised to it, so that ridge 0 gives the limit of small ridges. */
double snnk__dual_least_ridge(const snnk__dual *dual);

/* Score ridges on the rows.
 *   n_ridges  how many
 *   ridges    n_ridges values >= 0
 *   rss       out: n_ridges x t, sums of squared residuals, weighted; NULL if not wanted
 *   dof       out: n_ridges values, degrees of freedom, 1 of them for an intercept; NULL likewise
 *   gcv       out: n_ridges x t, n rss/(n - dof)^2, infinite where dof = n; NULL likewise. n counts
 *             equal rows
 *   loo       out: n_ridges x t, weighted means over rows of the squared residuals of fits without
 *             the row's group; infinite if nothing is left to predict a group from. NULL likewise
 * SNNK_E_NOMEM. */
int snnk__dual_score(const snnk__dual *dual, size_t n_ridges, const double *ridges, double *rss,
                     double *dof, double *gcv, double *loo);

/* Compute the residuals of fits without each row's group.
 *   ridges     t values >= 0, one for each target
 *   residuals  out: n x t, row stride ldr >= t
 *   progress   can cancel the call between groups, and within large ones; NULL for none
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__dual_loo_residuals(const snnk__dual *dual, const double *ridges, double *residuals,
                             size_t ldr, snnk__progress *progress);

/* Solve with one ridge for each target. O(n m t).
 *   ridges  t values >= 0
 *   B       out: t x m, row stride ldb >= m
 *   b       out: t numbers, zeros without an intercept; NULL if not wanted
 * SNNK_E_NONFINITE (the solution overflows), SNNK_E_NOMEM. */
int snnk__dual_solve(const snnk__dual *dual, const double *ridges, double *B, size_t ldb,
                     double *b);

#endif
