/* Recursive least squares: a solution that follows its rows one by one, O(m^2) a row.
 *
 *     B_n = argmin  sum_i mu^(n-i) |B phi_i - y_i|^2 + mu^n ridge |B|^2,     0 < mu <= 1
 *
 * mu is the forgetting factor: rows further back than 1/(1 - mu) count for little. With mu = 1 it
 * is the ridge solution of all rows. There is no intercept: give a constant feature.
 *
 * P = (sum mu^(n-i) phi phi^T + mu^n ridge)^-1 is kept as an upper triangular square root, P = U
 * U^T, so that it stays positive whatever the rounding. A row turns (0, U) by m plane rotations
 * into (k, U'), chosen so that they turn (sqrt(mu), f), f = U^T phi, into (a, 0):
 *
 *     a^2 = mu + f.f,     B += (y - B phi) (k/a)^T,     U := U'/sqrt(mu)
 *
 * (Carlson 1973; as an inverse QR decomposition: Alexander & Ghirnikar 1993.)
 *
 * Where mu < 1 and rows never point some way, P grows there as mu^-n. Every 16 rows, where P_ii is
 * beyond 1e12/ridge, coefficient i is observed to be what it is, with the variance 1e6/ridge (times
 * that of the noise): B stays, and P shrinks in the direction that nobody points at. The others
 * forget as before: a feature that is always zero, or always equal to another, harms nobody, and is
 * learned when that ends. Such an observation costs as much as a row; a direction needs one in
 * 14/(1 - mu) rows. */
#ifndef SNNK_RLS_H
#define SNNK_RLS_H

#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_rls snnk_rls;

/* m = `features`, t = `targets`, B = 0. ridge: 1e-12 ... 1e12; forgetting: mu, 0.5 ... 1. Memory: 4
 * m^2 + 8 m t bytes. SNNK_E_NULL, SNNK_E_SHAPE (zero width), SNNK_E_SIZE, SNNK_E_RANGE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_rls_create(size_t features, size_t targets, double ridge, double forgetting,
                             const snnk_allocator *allocator, snnk_rls **rls);

/* Start from statistics instead of nothing: B is their ridge solution without an intercept, P = (S
 * + w mean mean^T + ridge)^-1. Their rows count as if the last one had come just now, each with its
 * full weight, and are forgotten together from here on. O(m^3); m^2 doubles more on the way. Those
 * with a factor are taken by their moments (m (m + max(m, 512)) doubles more), so that P knows no
 * more than these: the condition number of the rows is squared, as by SNNK_FACTORIZATION_GRAM. The
 * statistics are not changed, and may go on or be freed. SNNK_E_NULL, SNNK_E_STATE (no rows),
 * SNNK_E_RANGE (ridge, forgetting), SNNK_E_SINGULAR (features that depend on each other as far as
 * rounding tells, and a ridge too small to matter: about (64 or m, and the root of the rows) times
 * 2.2e-16 of their sum of squares, with rows in single precision 6e-7), SNNK_E_SIZE,
 * SNNK_E_NONFINITE (moments, or the solution, overflow), SNNK_E_NOMEM. */
SNNK_API int snnk_rls_create_from_lstsq(const snnk_lstsq *lstsq, double ridge, double forgetting,
                                        snnk_rls **rls);

/* Free it. NULL is fine. */
SNNK_API void snnk_rls_free(snnk_rls *rls);

SNNK_API size_t snnk_rls_features(const snnk_rls *rls); /* m; 0 for NULL */
SNNK_API size_t snnk_rls_targets(const snnk_rls *rls);  /* t; 0 for NULL */
SNNK_API uint64_t snnk_rls_rows(const snnk_rls *rls);   /* rows so far; 0 for NULL */

/* Add rows, one after another. Allocates nothing.
 *   rls         the object
 *   rows        features X (n x m) with targets Y (n x t) or labels. Weight w counts like w equal
 *               rows of one time step
 *   predicted   n x t: the prediction of each row before that row was used. NULL: not wanted. May
 *               be rows->Y
 *   ldp         row stride of predicted, >= t; 0: t
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_RANGE (a label or weight), SNNK_E_NONFINITE (names row and column): nothing was changed.
 * SNNK_E_NONFINITE also if the prediction of a row is beyond 1e200: only the rows before it were
 * added. */
SNNK_API int snnk_rls_add(snnk_rls *rls, const snnk_rows *rows, float *predicted, size_t ldp);

/* Y (n x t, row stride ldy) = Phi B^T, Phi n x m with row stride ldphi. leverage: n values phi^T P
 * phi, or NULL: sigma^2 times that is the variance of a prediction given the rows, if coefficients
 * had the variance sigma^2/ridge before them. O(n m t), with leverages O(n m (m + t)). NaN and
 * infinity pass through. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_rls_predict(const snnk_rls *rls, size_t n, const float *Phi, size_t ldphi,
                              float *Y, size_t ldy, double *leverage);

/* Copy out B (t x m, row stride ldb >= m). SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE. */
SNNK_API int snnk_rls_solution(const snnk_rls *rls, double *B, size_t ldb);

/* ---- Saving and loading ---- */

/* The same for recursive least squares: loaded ones go on with the same bits. */
SNNK_API int snnk_rls_save(const snnk_rls *rls, const char *path);
SNNK_API int snnk_rls_load(const char *path, const snnk_allocator *allocator, snnk_rls **rls);

#ifdef __cplusplus
}
#endif

#endif
