/* Recursive least squares: a solution that is updated row by row, in O(m^2) a row. Old rows may
 * fade.
 *
 *     B_n = argmin  sum_i mu^(n-i) w_i |B phi_i - y_i|^2 + mu^n ridge |B|^2,     0 < mu <= 1
 *
 * mu is the forgetting factor: a row's influence fades over about 1/(1 - mu) steps. With mu = 1,
 * B_n is the ridge solution of all rows. There is no intercept: add a constant feature instead.
 *
 *     snnk_rls *rls;
 *     snnk_rls_create(m, t, 1, 0.999, NULL, &rls);
 *     snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = phi, .Y = y), predicted, t);
 *     snnk_rls_free(rls);
 *
 * P = (sum mu^(n-i) w phi phi^T + mu^n ridge)^-1 is kept as an upper triangular square root, P = U
 * U^T, and updated by plane rotations (Carlson 1973; Alexander & Ghirnikar 1993). With mu < 1, P
 * would grow without limit in directions that no row excites; docs/numerics.md has the rule that
 * prevents it. */
#ifndef SNNK_RLS_H
#define SNNK_RLS_H

#include <snnk/lstsq.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_rls snnk_rls;

/* Create the solution of no rows, B = 0.
 *   features    m >= 1
 *   targets     t >= 1
 *   ridge       1e-12 ... 1e12
 *   forgetting  mu, 0.5 ... 1. 1: all rows count alike
 *   allocator   NULL for malloc
 *   rls         out: release with snnk_rls_free
 * Memory: 4 m^2 + 8 m t bytes. SNNK_E_NULL, SNNK_E_SHAPE (0 features or targets), SNNK_E_SIZE,
 * SNNK_E_RANGE, SNNK_E_NOMEM. */
SNNK_API int snnk_rls_create(size_t features, size_t targets, double ridge, double forgetting,
                             const snnk_allocator *allocator, snnk_rls **rls);

/* Create a solution from statistics: their ridge solution without an intercept. From then on, all
 * of their rows fade at the same rate. O(m^3), and m^2 doubles during the call.
 *   lstsq              unchanged. QR statistics are squared to moments
 *   ridge, forgetting  as in snnk_rls_create
 *   workspace          its progress function can cancel the call; NULL for none
 *   rls                out: release with snnk_rls_free. Inherits the allocator of lstsq
 * SNNK_E_NULL, SNNK_E_STATE (no rows), SNNK_E_RANGE, SNNK_E_SINGULAR (features depend on each other
 * to working precision, and the ridge is too small), SNNK_E_SIZE, SNNK_E_NONFINITE (moments, or the
 * solution, overflow), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_rls_create_from_lstsq(const snnk_lstsq *lstsq, double ridge, double forgetting,
                                        snnk_workspace *workspace, snnk_rls **rls);

/* Free a solution. NULL is fine. */
SNNK_API void snnk_rls_free(snnk_rls *rls);

/* Get properties. 0 for NULL. */
SNNK_API size_t snnk_rls_features(const snnk_rls *rls);   /* m */
SNNK_API size_t snnk_rls_targets(const snnk_rls *rls);    /* t */
SNNK_API uint64_t snnk_rls_rows(const snnk_rls *rls);     /* added so far */
SNNK_API double snnk_rls_ridge(const snnk_rls *rls);      /* as given */
SNNK_API double snnk_rls_forgetting(const snnk_rls *rls); /* mu, as given */

/* Add rows, one after another. Allocates nothing.
 *   rows       features X (n x m) with targets Y (n x t) or labels, and weights if any. A row of
 *              weight w counts like w equal rows of one time step. Doubles are not rounded
 *   predicted  out: n x t, the prediction of each row before it was used; NULL if not wanted. May
 *              be rows->Y
 *   ldp        row stride of predicted, >= t; 0 for t
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP,
 * SNNK_E_RANGE (a label or weight), SNNK_E_NONFINITE (names row and column): on failure nothing was
 * changed. One exception: SNNK_E_NONFINITE because the prediction of a row is above 1e200. Then the
 * rows before it were added. */
SNNK_API int snnk_rls_add(snnk_rls *rls, const snnk_rows *rows, float *predicted, size_t ldp);

/* Predict: compute Y = Phi B^T. O(n m t), with leverages O(n m (m + t)).
 *   n         rows
 *   Phi       n x m, row stride ldphi >= m. NaN and infinity propagate
 *   Y         out: n x t, row stride ldy >= t
 *   leverage  out: n values phi^T P phi; NULL if not wanted. For noise of variance sigma^2, the
 *             posterior variance of a prediction is sigma^2 times its leverage
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP, SNNK_E_NOMEM. */
SNNK_API int snnk_rls_predict(const snnk_rls *rls, size_t n, const float *Phi, size_t ldphi,
                              float *Y, size_t ldy, double *leverage);

/* Copy the solution.
 *   B  out: t x m, row stride ldb >= m
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE. */
SNNK_API int snnk_rls_solution(const snnk_rls *rls, double *B, size_t ldb);

/* ---- Saving and loading ---- */

/* Save a solution.
 *   path  of a safetensors file. An existing file is replaced when the new one is complete
 * Statuses of snnk_network_save. */
SNNK_API int snnk_rls_save(const snnk_rls *rls, const char *path);

/* Load a solution. It continues with the same bits as the saved one.
 *   allocator  NULL for malloc
 *   rls        out: release with snnk_rls_free
 * Statuses of snnk_network_load. */
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
