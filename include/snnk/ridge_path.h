/* Ridge paths: decompose least-squares statistics once, then evaluate any number of ridges
 * (penalties lambda).
 *
 *     snnk_ridge_path *path;
 *     snnk_ridge_path_create(lstsq, NULL, NULL, &path);
 *     snnk_ridge_path_choose_gcv(path, 1, ridges);
 *     snnk_ridge_path_solve(path, ridges, B, m, b);
 *     snnk_ridge_path_free(path);
 *
 * With the eigenvectors V and eigenvalues s of the moments S (<snnk/lstsq.h>), each lambda costs
 * O(m t) where a new solution costs m^3/3:
 *
 *     B(lambda)   = C V diag(1/(s + lambda)) V^T
 *     rss(lambda) = rss(0) + sum_k (lambda/(s_k + lambda))^2 (C v_k)^2/s_k
 *     dof(lambda) = sum_k s_k/(s_k + lambda), and 1 more with an intercept
 *     gcv(lambda) = n rss/(n - dof)^2                           (Golub, Heath & Wahba 1979)
 *     h(x)        = (phi - mean)^T (S + lambda)^-1 (phi - mean), and 1/w more with an intercept
 *
 * C is the sum of (y - mean_y)(phi - mean)^T, dof are the degrees of freedom, h is the leverage, n
 * the number of rows and w their total weight. (Without an intercept, read S + w mean mean^T for S
 * and C + w mean_y mean^T for C.) The leave-one-out residual of a row with residual e_i and weight
 * w_i is e_i/(1 - w_i h_i), exactly, if no direction is left out.
 *
 * Features are not scaled here: a feature whose length is below 1e-7 of that of others counts as
 * absent. Scale features to one length first, or use SNNK_FACTORIZATION_QR, whose decomposition
 * takes 2 to 4 times as long. */
#ifndef SNNK_RIDGE_PATH_H
#define SNNK_RIDGE_PATH_H

#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_ridge_path snnk_ridge_path;

/* Decompose statistics. Takes O(9 m^3) and 2 m^2 doubles during the call, with QR O(22 m^3) and 10
 * m^2 doubles; the path keeps m^2 doubles.
 *   lstsq      unchanged; may get more rows or be freed afterwards
 *   config     its intercept and rank_tolerance; its ridge is ignored. NULL for the defaults.
 *              Directions below the tolerance are left out for every lambda
 *   workspace  its progress function can cancel the call; NULL for none
 *   path       out: release with snnk_ridge_path_free. Immutable, can be shared between threads
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_STATE (no rows), SNNK_E_SINGULAR (rank 0),
 * SNNK_E_SIZE (more than 32766 features, with QR 23169: limits of LAPACK), SNNK_E_NONFINITE
 * (moments overflow), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_ridge_path_create(const snnk_lstsq *lstsq, const snnk_solve_config *config,
                                    snnk_workspace *workspace, snnk_ridge_path **path);

/* Free a path. NULL is fine. */
SNNK_API void snnk_ridge_path_free(snnk_ridge_path *path);

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_ridge_path_features(const snnk_ridge_path *path); /* m */
SNNK_API size_t snnk_ridge_path_targets(const snnk_ridge_path *path);  /* t */
SNNK_API size_t snnk_ridge_path_rank(const snnk_ridge_path *path);     /* directions kept, <= m */
SNNK_API uint64_t snnk_ridge_path_rows(const snnk_ridge_path *path);   /* of the statistics */

/* Score ridges on the rows of the statistics.
 *   n_ridges  how many
 *   ridges    n_ridges values >= 0
 *   rss       out: n_ridges x t, sums of squared residuals, weighted; NULL if not wanted
 *   dof       out: n_ridges values, degrees of freedom; NULL if not wanted
 *   gcv       out: n_ridges x t, generalized cross-validation, infinite where dof = n; NULL if not
 *             wanted
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_ridge_path_score(const snnk_ridge_path *path, size_t n_ridges,
                                   const double *ridges, double *rss, double *dof, double *gcv);

/* Solve, with one ridge for each target. O(t m^2).
 *   ridges  t values >= 0
 *   B       out: t x m, row stride ldb >= m
 *   b       out: t numbers, zeros without an intercept; NULL if not wanted
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_RANGE, SNNK_E_NONFINITE (the
 * solution overflows), SNNK_E_NOMEM. */
SNNK_API int snnk_ridge_path_solve(const snnk_ridge_path *path, const double *ridges, double *B,
                                   size_t ldb, double *b);

/* Choose the ridge with the smallest generalized cross-validation error: the best of 10 a decade
 * between 1e-12 (with QR 1e-18) and 1e3 times the mean eigenvalue, refined by golden section to a
 * relative precision of 1e-4.
 *   common  1: one ridge for all targets, which is written t times; 0: one for each target
 *   ridges  out: t values
 * SNNK_E_NULL, SNNK_E_RANGE. */
SNNK_API int snnk_ridge_path_choose_gcv(const snnk_ridge_path *path, int32_t common,
                                        double *ridges);

/* Add the squared leave-one-out residuals of rows to sums. After a pass over all rows of the
 * statistics, the sums divided by the number of rows are the leave-one-out mean squared errors. O(n
 * m (m + n_ridges t)).
 *   n_ridges  how many
 *   ridges    n_ridges values >= 0
 *   rows      rows as they were added to the statistics (snnk_lstsq_add), with their weights
 *   errors    in and out: n_ridges x t sums; set them to 0 before the first call. The squares are
 *             not weighted. A row whose leverage is 1, to rounding, adds infinity
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_RANGE (names the first ridge, label or weight that is out of range), SNNK_E_NONFINITE,
 * SNNK_E_NOMEM. On failure nothing was added. */
SNNK_API int snnk_ridge_path_add_loo(const snnk_ridge_path *path, size_t n_ridges,
                                     const double *ridges, const snnk_rows *rows, double *errors);

/* Compute leave-one-out residuals: target minus the prediction of a fit without the row.
 *   ridges     t values >= 0, one for each target
 *   rows       as in snnk_ridge_path_add_loo
 *   residuals  out: n x t, row stride ldr >= t; may be rows->Y. Infinite, with the sign of
 *              the residual, where the leverage is 1
 * Statuses of snnk_ridge_path_add_loo. */
SNNK_API int snnk_ridge_path_loo_residuals(const snnk_ridge_path *path, const double *ridges,
                                           const snnk_rows *rows, float *residuals, size_t ldr);

/* Compute leverages h of new rows, from which the variances of predictions follow. O(n m^2).
 *   ridge     >= 0
 *   n         rows
 *   Phi       n x m, row stride ldphi >= m
 *   leverage  out: n values
 * Let sigma^2 = rss/(n - dof), the noise of a row of weight 1. Then sigma^2 h is the variance of a
 * prediction, and sigma^2 (1/w + h) that of a new observation of weight w, if lambda = 0. With a
 * ridge they are posterior variances, for coefficients that are normal around 0 with variance
 * sigma^2/lambda. The part of a row outside the span of the statistics adds its squared length over
 * lambda; infinity if lambda = 0. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_RANGE, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_ridge_path_leverage(const snnk_ridge_path *path, double ridge, size_t n,
                                      const float *Phi, size_t ldphi, double *leverage);

/* Compute the radius of prediction intervals from leave-one-out residuals: prediction +- *radius
 * contains a new observation with probability about 1 - alpha, for any distribution, if rows are
 * exchangeable and the fit is stable.
 *   n          number of residuals, >= 1
 *   residuals  from snnk_ridge_path_loo_residuals; infinities count as largest
 *   stride     from one residual to the next, in elements, >= 1
 *   alpha      probability that the interval misses, 0 < alpha < 1
 *   radius     out: the ceil((1 - alpha)(n + 1))-th smallest |residual|; infinite if n is too small
 *              for that
 * O(n); allocates nothing. SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_SHAPE (n = 0), SNNK_E_STRIDE (stride =
 * 0), SNNK_E_NONFINITE (a NaN), SNNK_E_SIZE. To keep radii for every coverage, and to save them
 * with a network, use <snnk/uncertainty.h>. Source: the jackknife of Barber, Candes, Ramdas &
 * Tibshirani 2021. */
SNNK_API int snnk_conformal_radius(size_t n, const float *residuals, size_t stride, double alpha,
                                   double *radius);

#ifdef __cplusplus
}
#endif

#endif
