/* Ridge paths: one eigen-decomposition of the statistics, then any number of lambdas.
 *
 * With S = V diag(s) V^T (see <snnk/lstsq.h>; without an intercept S + w mean mean^T for S, C + w
 * mean_y mean^T for C, w the weight of all rows) everything below costs O(m t) for each lambda,
 * where a new solution would cost m^3/3:
 *
 *     B(lambda) = C V diag(1/(s + lambda)) V^T
 *     rss(lambda) = rss(0) + sum_k (lambda/(s_k + lambda))^2 (C v_k)^2/s_k
 *     dof(lambda) = sum_k s_k/(s_k + lambda), and 1 more with an intercept: the trace of the hat
 *       matrix
 *     gcv(lambda) = n rss/(n - dof)^2   (Golub, Heath & Wahba 1979)
 *     h(x) = (phi - mean)^T (S + lambda)^-1 (phi - mean), and 1/w more with an intercept: the
 *       leverage
 *
 * Rows with weights w_i: rss is the sum of w_i e_i^2, n their number. Row i of the statistics, left
 * out, is missed by e_i/(1 - w_i h_i): its leave-one-out residual, exact without a second solution
 * (where no direction is left out by rank_tolerance: those kept stay what all rows made them).
 *
 * A ridge acts in the coordinates that the features have, so nothing is scaled here: s_k is known
 * to about 1e-15 of the largest eigenvalue (2e-7 with rows in single precision), and a feature
 * whose length is below 1e-7 of that of others counts as absent, where snnk_lstsq_solve still sees
 * it. Bring such features to one length first; or sum rows on the QR factorization: then s_k are
 * squares of the factor's singular values, themselves known to 1e-15 of the largest, at twice to
 * four times the time. */
#ifndef SNNK_RIDGE_PATH_H
#define SNNK_RIDGE_PATH_H

#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_ridge_path snnk_ridge_path;

/* Decompose. config: its intercept and rank_tolerance count, its ridge does not; NULL for the
 * defaults. Directions below the tolerance are left out, whatever lambda. O(9 m^3), m^2 doubles
 * kept and 2 m^2 more on the way; from a factor 22 m^3, and 10 m^2 more. The statistics are not
 * changed, and may go on or be freed. A path is immutable: share it between threads. SNNK_E_NULL,
 * SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_STATE (no rows), SNNK_E_SINGULAR (rank 0), SNNK_E_SIZE (more
 * than 32766 features, of a factor 23169: LAPACK's limits), SNNK_E_NONFINITE (moments overflow),
 * SNNK_E_NOMEM. */
SNNK_API int snnk_ridge_path_create(const snnk_lstsq *lstsq, const snnk_solve_config *config,
                                    snnk_ridge_path **path);

/* Free it. NULL is fine. */
SNNK_API void snnk_ridge_path_free(snnk_ridge_path *path);

SNNK_API size_t snnk_ridge_path_features(const snnk_ridge_path *path); /* m; 0 for NULL */
SNNK_API size_t snnk_ridge_path_targets(const snnk_ridge_path *path);  /* t; 0 for NULL */
SNNK_API size_t snnk_ridge_path_rank(const snnk_ridge_path *path); /* directions kept; 0 for NULL */

/* What each of n_ridges lambdas does to the rows of the statistics. Each output may be NULL. rss,
 * gcv: n_ridges x t, a column a target; dof: n_ridges. gcv is infinite where dof is n, to rounding
 * only at lambda = 0; with as many directions as rows rss is 0 there. ridges: >= 0, finite.
 * SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_ridge_path_score(const snnk_ridge_path *path, size_t n_ridges,
                                   const double *ridges, double *rss, double *dof, double *gcv);

/* The solution B (t x m, row stride ldb >= m) and b (t; NULL if not wanted; zeros without an
 * intercept) with a lambda for each target (ridges: t). O(t m^2). SNNK_E_NULL, SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_RANGE, SNNK_E_NONFINITE (the solution overflows),
 * SNNK_E_NOMEM. */
SNNK_API int snnk_ridge_path_solve(const snnk_ridge_path *path, const double *ridges, double *B,
                                   size_t ldb, double *b);

/* The lambda of least gcv: the best of a grid of 10 a decade between 1e-12 (of a factor 1e-18) and
 * 1e3 times the mean of all m values of s (0 for those left out), then refined between its
 * neighbours (golden section, to a part in 1e4). common = 1: one for the sum over all targets,
 * written t times; 0: one for each target. ridges: t. SNNK_E_NULL, SNNK_E_RANGE. */
SNNK_API int snnk_ridge_path_choose_gcv(const snnk_ridge_path *path, int32_t common,
                                        double *ridges);

/* Add to errors (n_ridges x t) the squared leave-one-out residuals of n rows, which must be among
 * those of the statistics: after one more pass over all rows, divided by their number, it is the
 * leave-one-out mean squared error. Phi: n x m, row stride ldphi. Y: n x t, row stride ldy, or
 * labels: n values in 0 ... t-1, the other NULL. weights: n values in 1e-30 ... 1e30, those that
 * the rows were added with, or NULL for ones; the squares are not multiplied by them. O(n m (m +
 * n_ridges t)). A row whose leverage is 1 to rounding (nothing else knows its direction) adds
 * infinity. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_RANGE (names the first
 * lambda, label or weight that is not in its range, or says that Y and labels are both given),
 * SNNK_E_NONFINITE, SNNK_E_NOMEM: nothing was added. */
SNNK_API int snnk_ridge_path_add_loo(const snnk_ridge_path *path, size_t n_ridges,
                                     const double *ridges, const snnk_rows *rows, double *errors);

/* The leave-one-out residuals themselves, y - prediction without the row: residuals n x t, row
 * stride ldr >= t, with a lambda for each target (ridges: t); infinite, with the sign of the
 * residual, where the leverage is 1. residuals may be rows->Y. Else as above. */
SNNK_API int snnk_ridge_path_loo_residuals(const snnk_ridge_path *path, const double *ridges,
                                           const snnk_rows *rows, float *residuals, size_t ldr);

/* Leverage h of n new rows (n values) at one lambda. With sigma^2 = rss/(n - dof) from
 * snnk_ridge_path_score, for the noise of a row of weight 1: at lambda = 0 the variance of a
 * prediction is sigma^2 h, of a new observation of weight w sigma^2 (1/w + h). With a ridge that is
 * the variance given the rows, if coefficients are taken to be normal around 0 with the variance
 * sigma^2/lambda; what noise alone does to the prediction is less, and its bias is not in it. A row
 * that points where none did has the square of its length there over lambda in h, also where the
 * solution leaves such directions out: infinity at lambda = 0. O(n m^2). SNNK_E_NULL,
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_RANGE, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_ridge_path_leverage(const snnk_ridge_path *path, double ridge, size_t n,
                                      const float *Phi, size_t ldphi, double *leverage);

/* Leave-one-out conformal intervals (the jackknife of Barber, Candes, Ramdas & Tibshirani 2021):
 * prediction +- *radius holds a new observation with probability about 1 - miss, whatever the
 * distribution, if rows are exchangeable and the fit is stable. *radius is the ceil((1 - miss)(n +
 * 1))-th smallest of n
 * |residuals|, `stride` apart; infinite where n is too small for that. 0 < miss < 1. O(n);
 *   allocates
 * nothing. SNNK_E_NULL, SNNK_E_RANGE, SNNK_E_SHAPE (n = 0), SNNK_E_STRIDE (stride = 0),
 * SNNK_E_NONFINITE (a NaN; infinities count as largest), SNNK_E_SIZE. */
SNNK_API int snnk_conformal_radius(size_t n, const float *residuals, size_t stride, double alpha,
                                   double *radius);

#ifdef __cplusplus
}
#endif

#endif
