/* Layers: y = Psi Phi(x) + bias (SNNK), y = f(W x + b) (dense), or y = Phi(x) (a tower: an SNNK layer
 * without its readout, as bundles have them, see snnk_network_bundle).
 *
 * Multiply-adds a row: dense d l, SNNK m (d + l). Layers are immutable: share one between threads
 * freely, free it whenever you like; networks keep what they hold. */
#ifndef SNNK_LAYER_H
#define SNNK_LAYER_H

#include <snnk/lstsq.h>
#include <snnk/map.h>
#include <snnk/storage.h>
#include <snnk/urf.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_layer snnk_layer;

/* ---- Creating ---- */

/* An SNNK layer from a map and a given Psi: y = Psi Phi(x) + bias. Psi: l x m, row stride ldpsi >=
 * m; bias: l, or NULL for zeros. Copied; all finite. SNNK_E_NULL, SNNK_E_SHAPE (outputs = 0),
 * SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create(const snnk_map *map, size_t outputs, const float *Psi, size_t ldpsi,
                               const float *bias, snnk_layer **layer);

/* A tower: the features alone, y = Phi(x), l = m. SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_tower(const snnk_map *map, snnk_layer **layer);

/* An SNNK layer that solves `lstsq` (whose features are the map's) for its Psi and bias:
 * snnk_lstsq_solve, rounded to float. config, report: as there, may be NULL. Statuses of both. */
SNNK_API int snnk_layer_create_from_lstsq(const snnk_map *map, snnk_lstsq *lstsq,
                                          const snnk_solve_config *config,
                                          snnk_solve_report *report, snnk_layer **layer);

/* A dense layer y = f(W x + b). W: l x d, row stride ldw >= d; bias: l, or NULL for zeros. Copied;
 * all finite. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_ENUM,
 * SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                     const float *bias, int32_t activation,
                                     const snnk_allocator *allocator, snnk_layer **layer);

/* An SNNK layer whose Psi and bias are the weight tower of W and b: y = Phi(x) . Psi(W, b) + bias,
 * which estimates f(W x + b), or the kernel k(x, W). Weights as in snnk_map_weight_tower. SNNK_E_NULL,
 * SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_UNSUPPORTED, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_create_from_weights(const snnk_map *map, size_t outputs, const float *W,
                                            size_t ldw, const float *b, snnk_layer **layer);

/* An SNNK layer in place of a dense one, f(W x + b), by universal random features:
 * snnk_urf_calibrate on inputs X (n x d) and the weights, then snnk_layer_create_from_weights. W: l x d, l >=
 * 2; b: l, or NULL for zeros. Look at the report: where `predicted` is not small, or
 * `without_features` is smaller, do not use it, and fit a layer to the dense one's outputs instead
 * (snnk_fit). config, report: may be NULL; report: from
 * snnk_urf_report_init. Statuses of both. */
SNNK_API int snnk_layer_create_from_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                          const float *b, int32_t activation, size_t n,
                                          const float *X, size_t ldx, const snnk_urf_config *config,
                                          snnk_urf_report *report, snnk_layer **layer);

/* A layer followed by a linear one, as one layer: y = V layer(x) + c, so Psi becomes V Psi and the
 * bias V bias + c: the hidden width is gone, and with it what an exact affine part costs (its d
 * identity features serve all outputs). layer: an SNNK layer, a tower (V becomes Psi), or a dense one
 * with SNNK_IDENTITY. V: l2 x l, row stride ldv >= l; c: l2, or NULL for zeros. Products and sums in
 * double. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED
 * (a dense layer with an activation), SNNK_E_NOMEM. */
SNNK_API int snnk_layer_fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                             const float *c, snnk_layer **folded);

/* Free it. NULL is fine. */
SNNK_API void snnk_layer_free(snnk_layer *layer);

/* ---- Using ---- */

SNNK_API int32_t snnk_layer_storage(const snnk_layer *layer); /* snnk_storage; F32 for NULL */
SNNK_API uint64_t
snnk_layer_weight_bytes(const snnk_layer *layer); /* that a forward reads; 0 for NULL */

SNNK_API size_t snnk_layer_inputs(const snnk_layer *layer);  /* d; 0 for NULL */
SNNK_API size_t snnk_layer_outputs(const snnk_layer *layer); /* l; 0 for NULL */
SNNK_API size_t
snnk_layer_features(const snnk_layer *layer); /* m; 0 for NULL and for dense layers */
SNNK_API int32_t snnk_layer_is_tower(const snnk_layer *layer); /* 1 or 0 */
SNNK_API uint64_t snnk_layer_parameters(
    const snnk_layer *layer); /* numbers the forward uses: G, c, Psi, bias (or W, b) */
SNNK_API uint64_t
snnk_layer_multiply_adds(const snnk_layer *layer); /* a row; elementwise functions not counted */

/* The map of an SNNK layer or tower, valid as long as the layer; NULL for a dense one and for NULL. */
SNNK_API const snnk_map *snnk_layer_map(const snnk_layer *layer);

/* Copy out Psi (l x m, row stride ldpsi >= m; a dense layer: W, l x d) and bias (l). Either may be
 * NULL. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_UNSUPPORTED (a tower has neither). */
SNNK_API int snnk_layer_weights(const snnk_layer *layer, float *Psi, size_t ldpsi, float *bias);

/* Y = layer(X). X: n x d, row stride ldx >= d. Y: n x l, row stride ldy >= l, must not overlap X. n
 * = 0 does nothing. Non-finite inputs propagate. Each row's result depends on that row alone, bit
 * for bit, whatever n and the thread count. The n x m features are never all in memory.
 * Rows are split over the workspace's threads; fewer rows than threads are split within. SNNK_E_NULL,
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                                float *Y, size_t ldy, snnk_workspace *workspace);

/* The second half alone, from features made elsewhere: Y = Psi Phi + bias. Phi: n x m, row stride
 * ldphi >= m. SNNK_E_UNSUPPORTED (a dense layer, a tower), else as
 * snnk_layer_forward. */
SNNK_API int snnk_layer_readout(const snnk_layer *layer, size_t n, const float *Phi, size_t ldphi,
                                float *Y, size_t ldy, snnk_workspace *workspace);

#ifdef __cplusplus
}
#endif

#endif
