/* Layers: y = Psi Phi(x) + bias (SNNK), y = f(W x + b) (dense), or y = Phi(x) (a tower: an SNNK layer
 * without its readout, as bundles have them, see snnk_network_bundle).
 *
 * Multiply-adds a row: dense d l, SNNK m (d + l). Layers are immutable: share one between threads
 * freely, free it whenever you like; networks keep what they hold. */
#ifndef SNNK_LAYER_H
#define SNNK_LAYER_H

#include <snnk/lstsq.h>
#include <snnk/map.h>
#include <snnk/urf.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_layer snnk_layer;
typedef struct snnk_fit snnk_fit;

/* ---- Creating ---- */

/* An SNNK layer from a map and a given Psi: y = Psi Phi(x) + bias. Psi: l x m, row stride ldpsi >=
 * m; bias: l, or NULL for zeros. Copied; all finite. SNNK_E_NULL, SNNK_E_SHAPE (outputs = 0),
 * SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_from_map(const snnk_map *map, size_t outputs, const float *Psi,
                                 size_t ldpsi, const float *bias, snnk_layer **layer);

/* A tower: the features alone, y = Phi(x), l = m. SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_tower(const snnk_map *map, snnk_layer **layer);

/* An SNNK layer that solves `lstsq` (whose features are the map's) for its Psi and bias:
 * snnk_lstsq_solve, rounded to float. config, report: as there, may be NULL. Statuses of both. */
SNNK_API int snnk_layer_from_lstsq(const snnk_map *map, snnk_lstsq *lstsq,
                                   const snnk_solve_config *config, snnk_solve_report *report,
                                   snnk_layer **layer);

/* A dense layer y = f(W x + b). W: l x d, row stride ldw >= d; bias: l, or NULL for zeros. Copied;
 * all finite. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_ENUM,
 * SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                              const float *bias, int32_t activation,
                              const snnk_allocator *allocator, snnk_layer **layer);

/* An SNNK layer whose Psi and bias are the weight tower of W and b: y = Phi(x) . Psi(W, b) + bias,
 * which estimates f(W x + b), or the kernel k(x, W). Weights as in snnk_map_weight_tower. SNNK_E_NULL,
 * SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_UNSUPPORTED, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_from_weights(const snnk_map *map, size_t outputs, const float *W,
                                     size_t ldw, const float *b, snnk_layer **layer);

/* An SNNK layer in place of a dense one, f(W x + b), by universal random features:
 * snnk_urf_calibrate on inputs X (n x d) and the weights, then snnk_layer_from_weights. W: l x d, l >=
 * 2; b: l, or NULL for zeros. Look at the report: where `predicted` is not small, or
 * `without_features` is smaller, do not use it, and fit a layer to the dense one's outputs instead
 * (snnk_fit). config, report: may be NULL; report: from
 * snnk_urf_report_init. Statuses of both. */
SNNK_API int snnk_layer_from_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                   const float *b, int32_t activation, size_t n, const float *X,
                                   size_t ldx, const snnk_urf_config *config,
                                   snnk_urf_report *report, snnk_layer **layer);

/* A layer followed by a linear one, as one layer: y = V layer(x) + c, so Psi becomes V Psi and the
 * bias V bias + c: the hidden width is gone, and with it what an exact affine part costs (its d
 * identity features serve all outputs). layer: an SNNK layer, a tower (V becomes Psi), or a dense one
 * with SNNK_IDENTITY. V: l2 x l, row stride ldv >= l; c: l2, or NULL for zeros. Products and sums in
 * double. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED
 * (a dense layer with an activation), SNNK_E_NOMEM. */
SNNK_API int snnk_layer_fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                             const float *c, snnk_layer **folded);

/* ---- Narrow storage ---- */

/* How Psi and G, or W, are kept. Values never change. */
typedef enum snnk_storage {
    SNNK_STORAGE_F32 = 0,
    SNNK_STORAGE_BF16 = 1, /* 8 bits of precision: each weight is off by 2^-8 of itself at most */
    SNNK_STORAGE_INT8 = 2  /* whole numbers -127 ... 127 times a scale for each row: off by half
                            * of a 127th of the row's largest weight at most; rows whose largest is
                            * below 1.5e-36 become zeros */
} snnk_storage;

/* The same layer with Psi and G, or W, in this storage: twice and four times less to read. BF16 widens
 * weights to float as they come, which is faster where a forward waits for memory (few rows), not
 * otherwise; on AMD's processors with avx512_bf16 it rounds inputs and features to bf16 too (where
 * subnormal numbers are zero), for twice the multiply-adds of float. INT8 rounds inputs and features
 * too, to whole numbers with a scale for each row and 256 columns, and sums products exactly within
 * those; it is faster for many rows as well. Both need avx512_vnni: elsewhere, and with SNNK_KERNELS set
 * to another table, plain C does them, slower than F32. HD3 rows stay as they are; offsets, biases and
 * the activation are float. The map is shared, and keeps its float G. From a layer in narrow storage:
 * Psi, or W, is rounded again, G from the map's; F32 gives that G back, and snnk_layer_fold works with
 * it. Saved files are float. SNNK_E_NULL, SNNK_E_ENUM, SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_layer_quantize(const snnk_layer *layer, int32_t storage, snnk_layer **quantized);

SNNK_API int32_t snnk_layer_storage(const snnk_layer *layer); /* snnk_storage; F32 for NULL */
SNNK_API uint64_t
snnk_layer_weight_bytes(const snnk_layer *layer); /* that a forward reads; 0 for NULL */

/* Free it. NULL is fine. */
SNNK_API void snnk_layer_free(snnk_layer *layer);

/* ---- Fitting: a layer in closed form from rows that stream by ---- */

/* snnk_fit_config.ridge: let the library choose lambda on held-out rows. */
#define SNNK_RIDGE_AUTO (-1.0)

/* At most this many rows are held out, whatever the share: memory stays bounded. */
#define SNNK_FIT_MAX_HELDOUT 8192

typedef struct snnk_fit_config {
    size_t size;           /* set by snnk_fit_config_init */
    uint64_t seed;         /* which rows are held out: decided by (seed, row number). Default 0 */
    double ridge;          /* lambda >= 0, or SNNK_RIDGE_AUTO (default) */
    double heldout_share;  /* share of the rows lambda is chosen on, 0 < share <= 0.5; beyond
                            * SNNK_FIT_MAX_HELDOUT rows a random sample of that size. Default 0.1.
                            * Not used with a given lambda. The final solution uses all rows */
    double rank_tolerance; /* as in snnk_solve_config. Default 0 */
    int32_t intercept;     /* 1 (default) or 0 */
    int32_t n_ridges;      /* how many lambdas of snnk_lstsq_default_ridges are tried, 2 ... 1000.
                            * Default 10: one a decade */
    int32_t precision;     /* snnk_precision of the sums over rows. Default DOUBLE. With FAST the
                            * smallest lambdas are not tried, and rss in the report may be all noise:
                            * see snnk_lstsq_rss. Held-out errors are of the rows themselves */
    int32_t route;         /* snnk_route: what rows are summed into. Default GRAM */
} snnk_fit_config;

/* What a fit reports. Fill `size` first (snnk_fit_report_init does). */
typedef struct snnk_fit_report {
    size_t size;
    double ridge;         /* the lambda used */
    double heldout_error; /* of the chosen lambda on the held-out rows, before they were used: the
                           * share of them misclassified (labels), or the squared error a row,
                           * summed over outputs (targets). NaN with a given lambda */
    double condition;     /* these five as in snnk_solve_report */
    double rss;
    uint64_t rows;
    uint64_t rank;
    uint64_t heldout_rows;
    int32_t method;
    int32_t reserved;
} snnk_fit_report;

/* Fill *config with the defaults. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_fit_config_init(snnk_fit_config *config, size_t config_size);
SNNK_API int snnk_fit_report_init(snnk_fit_report *report, size_t report_size);

/* Start fitting Psi of a layer with this map and l = `outputs` outputs. config: NULL for the
 * defaults. Memory: 8 m^2 bytes of statistics, as much again during snnk_fit_solve (three times
 * more should the system turn out singular), and up to
 * 4 m SNNK_FIT_MAX_HELDOUT bytes for held-out features. The allocator is the map's.
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_ENUM (precision, route),
 * SNNK_E_NOMEM. */
SNNK_API int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                             snnk_fit **fit);

/* Free it. NULL is fine. */
SNNK_API void snnk_fit_free(snnk_fit *fit);

/* Add n rows. X: n x d, row stride ldx >= d; Y: n x l, row stride ldy >= l. Features are made a
 * block at a time. SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE (in X, Y, or a feature
 * of it: nothing was added), SNNK_E_NOMEM. */
SNNK_API int snnk_fit_add(snnk_fit *fit, size_t n, const float *X, size_t ldx, const float *Y,
                          size_t ldy, snnk_workspace *workspace);

/* The same for classification: labels, n values in 0 ... l-1. SNNK_E_RANGE names the first that is
 * not. */
SNNK_API int snnk_fit_add_labels(snnk_fit *fit, size_t n, const float *X, size_t ldx,
                                 const int32_t *labels, snnk_workspace *workspace);

/* Both with weights: row i counts weights[i] times. Y for targets or labels, the other NULL; weights: n
 * values > 0, as in snnk_lstsq_add_weighted, or NULL for ones. Held-out errors are weighted means. (To
 * balance classes, give a row of class c the weight n/(classes times the rows of class c).) Statuses of
 * both; SNNK_E_NULL (not one of Y and labels). */
SNNK_API int snnk_fit_add_weighted(snnk_fit *fit, size_t n, const float *X, size_t ldx,
                                   const float *Y, size_t ldy, const int32_t *labels,
                                   const float *weights, snnk_workspace *workspace);

/* Solve and make the layer. report: NULL if not wanted. May be called again, after more rows or
 * not. With automatic lambda: first the lambda of least held-out error (fewest held-out rows
 * misclassified for labels, least squared error for targets; the larger lambda of equals), then a
 * solution from all rows. SNNK_E_STATE where no row was held out, fewer than two were left to fit
 * on, or every feature is constant: give lambda, or more rows. Else statuses as snnk_lstsq_solve. */
SNNK_API int snnk_fit_solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                            snnk_layer **layer);

/* *lstsq = statistics of all rows added so far, held-out ones too: what a model can carry, to go on
 * learning from (snnk_network_set_statistics). Yours to free. SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_fit_statistics(const snnk_fit *fit, snnk_workspace *workspace,
                                 snnk_lstsq **lstsq);

/* ---- Using ---- */

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
