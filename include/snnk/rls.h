/* Recursive least squares: a solution that follows its rows one by one, in O(m^2) a row.
 *
 *     B_n = argmin  sum_i mu^(n-i) w_i |B phi_i - y_i|^2 + mu^n ridge |B|^2,     0 < mu <= 1
 *
 * mu is the forgetting factor: rows more than 1/(1 - mu) steps back count for little. With mu = 1
 * it is the ridge solution of all rows. There is no intercept: add a constant feature instead.
 *
 *     snnk_rls *rls;
 *     snnk_rls_create(m, t, 1, 0.999, NULL, &rls);
 *     snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = y), predicted, t);
 *     snnk_rls_free(rls);
 *
 * P = (sum mu^(n-i) w phi phi^T + mu^n ridge)^-1 is kept as an upper triangular square root, P = U
 * U^T, and updated by plane rotations (Carlson 1973; Alexander & Ghirnikar 1993). Where mu < 1 and
 * rows never excite a direction, P is kept from growing without limit; docs/numerics.md has the
 * rule. */
#ifndef SNNK_RLS_H
#define SNNK_RLS_H

#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_rls snnk_rls;

/* Create a solution B = 0 of no rows.
 *   features    m >= 1
 *   targets     t >= 1
 *   ridge       1e-12 ... 1e12
 *   forgetting  mu, 0.5 ... 1
 *   allocator   NULL for malloc
 *   rls         the result
 * Memory: 4 m^2 + 8 m t bytes. SNNK_E_NULL, SNNK_E_SHAPE (zero width), SNNK_E_SIZE, SNNK_E_RANGE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_rls_create(size_t features, size_t targets, double ridge, double forgetting,
                             const snnk_allocator *allocator, snnk_rls **rls);

/* Create from statistics: start at their ridge solution without an intercept. Their rows count as
 * if the last one had been added just now, and fade together. O(m^3), m^2 doubles more meanwhile.
 *   lstsq              not changed. A factor (QR) is squared to moments
 *   ridge, forgetting  as in snnk_rls_create
 *   rls                the result; its allocator is that of lstsq
 * SNNK_E_NULL, SNNK_E_STATE (no rows), SNNK_E_RANGE, SNNK_E_SINGULAR (features depend on each other
 * to working precision, and the ridge is too small), SNNK_E_SIZE, SNNK_E_NONFINITE (moments, or the
 * solution, overflow), SNNK_E_NOMEM. */
SNNK_API int snnk_rls_create_from_lstsq(const snnk_lstsq *lstsq, double ridge, double forgetting,
                                        snnk_rls **rls);

/* Free it. NULL is fine. */
SNNK_API void snnk_rls_free(snnk_rls *rls);

/* Get properties. 0 for NULL. */
SNNK_API size_t snnk_rls_features(const snnk_rls *rls);   /* m */
SNNK_API size_t snnk_rls_targets(const snnk_rls *rls);    /* t */
SNNK_API uint64_t snnk_rls_rows(const snnk_rls *rls);     /* added so far */
SNNK_API double snnk_rls_ridge(const snnk_rls *rls);      /* as given */
SNNK_API double snnk_rls_forgetting(const snnk_rls *rls); /* mu, as given */

/* Add rows, one after another. Allocates nothing.
 *   rls        the solution
 *   rows       features X (n x m) with targets Y (n x t) or labels. A weight w counts like w equal
 *              rows of one time step. Doubles are not rounded
 *   predicted  the result: n x t, the prediction of each row before it was used. NULL: not wanted.
 *              May be rows->Y
 *   ldp        row stride of predicted, >= t; 0: t
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_RANGE (a label or weight), SNNK_E_NONFINITE (names row and column); nothing was changed
 * then. SNNK_E_NONFINITE also if the prediction of a row is above 1e200: only the rows before it
 * were added. */
SNNK_API int snnk_rls_add(snnk_rls *rls, const snnk_rows *rows, float *predicted, size_t ldp);

/* Predict Y = Phi B^T. O(n m t), with leverages O(n m (m + t)).
 *   n         rows
 *   Phi       n x m, row stride ldphi >= m. NaN and infinity propagate
 *   Y         the result: n x t, row stride ldy >= t
 *   leverage  the result: n values phi^T P phi; sigma^2 times that is the posterior variance of a
 *             prediction, for noise of variance sigma^2. NULL: not wanted
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_rls_predict(const snnk_rls *rls, size_t n, const float *Phi, size_t ldphi,
                              float *Y, size_t ldy, double *leverage);

/* Copy the solution.
 *   B  the result: t x m, row stride ldb >= m
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE. */
SNNK_API int snnk_rls_solution(const snnk_rls *rls, double *B, size_t ldb);

/* ---- Saving and loading ---- */

/* Save to a file, or load: the loaded one goes on with the same bits.
 *   path       of a safetensors file
 *   allocator  NULL for malloc
 *   rls        the result of loading
 * Statuses of snnk_network_save and snnk_network_load. */
SNNK_API int snnk_rls_save(const snnk_rls *rls, const char *path);
SNNK_API int snnk_rls_load(const char *path, const snnk_allocator *allocator, snnk_rls **rls);

/* Save to memory, or load from it.
 *   bytes   from snnk_rls_saved_bytes for the same solution
 *   buffer  that many bytes
 * Statuses as above, without SNNK_E_IO. */
SNNK_API int snnk_rls_saved_bytes(const snnk_rls *rls, size_t *bytes);
SNNK_API int snnk_rls_save_memory(const snnk_rls *rls, void *buffer, size_t bytes);
SNNK_API int snnk_rls_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                  snnk_rls **rls);

#ifdef __cplusplus
}
#endif

#endif
