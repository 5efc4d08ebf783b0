/* Fitting: a layer in closed form from rows that stream by. */
#ifndef SNNK_FIT_H
#define SNNK_FIT_H

#include <snnk/logistic.h>
#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_fit snnk_fit;

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
    int32_t factorization; /* snnk_factorization: what rows are summed into. Default GRAM */
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

/* ---- Fitting the last Psi again ---- */

/* A fit whose features are those of the last layer, on what the layers before it make of the rows: of a
 * bundled network the composed Phi. Networks may end in an SNNK layer, whose Psi is replaced; in a
 * tower, which gets one; or in a linear layer, which becomes an SNNK layer of identity features. */
typedef struct snnk_refit snnk_refit;

/* Start. outputs: of the new last layer; 0 for as many as the network has. config: as in
 * snnk_fit_create, NULL for the defaults. The network is kept alive. SNNK_E_STATE (no layers),
 * SNNK_E_UNSUPPORTED (it ends in a dense layer with an activation), else as snnk_fit_create. */
SNNK_API int snnk_refit_create(const snnk_network *network, size_t outputs,
                               const snnk_fit_config *config, snnk_refit **refit);

/* Free it. NULL is fine. */
SNNK_API void snnk_refit_free(snnk_refit *refit);

/* Add rows of the network's inputs: see snnk_fit_add_weighted. Y (n x outputs) or labels, the other
 * NULL; weights: n, or NULL for ones. A block of 1024 rows at a time: where one of them is refused,
 * those of the blocks before it were added. */
SNNK_API int snnk_refit_add(snnk_refit *refit, size_t n, const float *X, size_t ldx, const float *Y,
                            size_t ldy, const int32_t *labels, const float *weights,
                            snnk_workspace *workspace);

/* Solve, and make the network with the new last layer; the other layers, and the notes, are shared. Statuses as
 * snnk_fit_solve. */
SNNK_API int snnk_refit_solve(snnk_refit *refit, snnk_workspace *workspace, snnk_fit_report *report,
                              snnk_network **refitted);

/* The same by cross-entropy: snnk_logistic_solve on the features of n rows, which are all in memory for
 * it, n m floats; classes >= 2 outputs. config, report: as there; a warm start is the last Psi, if
 * there is one of as many outputs. X: n x d, row stride ldx. Statuses as snnk_logistic_solve and
 * snnk_refit_create, SNNK_E_NONFINITE (X, or a feature overflows). */
SNNK_API int snnk_network_refit_logistic(const snnk_network *network, size_t classes, size_t n,
                                         const float *X, size_t ldx, const int32_t *labels,
                                         const float *weights, const snnk_logistic_config *config,
                                         snnk_workspace *workspace, snnk_logistic_report *report,
                                         snnk_network **refitted);

#ifdef __cplusplus
}
#endif

#endif
