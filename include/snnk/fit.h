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
                            * smallest lambdas are not tried, and rss in the report may be all
                            * noise: see snnk_lstsq_rss. Held-out errors are of the rows
                            * themselves */
    int32_t factorization; /* snnk_factorization: what rows are summed into. Default GRAM */
} snnk_fit_config;

/* What a fit reports. Set `size` to sizeof before the call. */
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

/* Start fitting Psi of a layer with this map and l = `outputs` outputs. config: NULL for the
 * defaults. Memory: 8 m^2 bytes of statistics, as much again during snnk_fit_solve (three times
 * more should the system turn out singular), and up to 4 m SNNK_FIT_MAX_HELDOUT bytes for held-out
 * features. The allocator is the map's. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_CONFIG,
 * SNNK_E_RANGE, SNNK_E_ENUM (precision, factorization), SNNK_E_NOMEM. */
SNNK_API int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                             snnk_fit **fit);

/* Start a fit of the last layer of a network, on what the layers before it give: of a bundled
 * network on the composed Phi. An SNNK layer gets another Psi; a tower gets one; a linear layer
 * becomes an SNNK layer of identity features. The layers of the network are kept alive.
 *   outputs   of the new last layer; 0: as many as the network has
 * SNNK_E_STATE (no layers), SNNK_E_UNSUPPORTED (it ends in a dense layer with an activation), else
 * statuses of snnk_fit_create. */
SNNK_API int snnk_fit_create_from_network(const snnk_network *network, size_t outputs,
                                          const snnk_fit_config *config, snnk_fit **fit);

/* Free it. NULL is fine. */
SNNK_API void snnk_fit_free(snnk_fit *fit);

SNNK_API size_t snnk_fit_inputs(const snnk_fit *fit);   /* columns of X; 0 for NULL, as below */
SNNK_API size_t snnk_fit_outputs(const snnk_fit *fit);  /* columns of Y, or classes */
SNNK_API size_t snnk_fit_features(const snnk_fit *fit); /* m */
SNNK_API uint64_t snnk_fit_rows(const snnk_fit *fit);   /* added so far */
SNNK_API uint64_t snnk_fit_heldout_rows(const snnk_fit *fit); /* of them held out */

/* Add rows: inputs X with targets Y or labels, and weights if any. All calls give the same kind of
 * targets.
 *   fit         the fit
 *   rows        the rows; features are made 1024 rows at a time
 *   workspace   NULL: one thread
 * More than 1024 rows of a network of several layers, or of features that might overflow, are run
 * through twice, so that rows that are refused leave the fit as it was. SNNK_E_NULL, SNNK_E_CONFIG,
 * SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight), SNNK_E_STATE (labels after
 * targets, or targets after labels), SNNK_E_NONFINITE (in X, Y, or a feature of them), SNNK_E_SIZE,
 * SNNK_E_NOMEM: nothing was added. */
SNNK_API int snnk_fit_add(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace);

/* Solve and make the layer. report: NULL if not wanted. May be called again, after more rows or
 * not. With automatic lambda: first the lambda of least held-out error (fewest held-out rows
 * misclassified for labels, least squared error for targets; the larger lambda of equals), then a
 * solution from all rows. SNNK_E_STATE where no row was held out, fewer than two were left to fit
 * on, or every feature is constant: give lambda, or more rows. Else statuses as
 * snnk_lstsq_solve. */
SNNK_API int snnk_fit_solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                            snnk_layer **layer);

/* The same, and make the network of which it is the last layer. The layers before it, and the
 * notes, are those of the network that the fit was created from; a fit from a map gives a network
 * of one layer. Statuses as snnk_fit_solve. */
SNNK_API int snnk_fit_solve_network(snnk_fit *fit, snnk_workspace *workspace,
                                    snnk_fit_report *report, snnk_network **network);

/* *lstsq = statistics of all rows added so far, held-out ones too: what a model can carry, to go on
 * learning from (snnk_network_set_statistics). Yours to free. SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_fit_statistics(const snnk_fit *fit, snnk_workspace *workspace,
                                 snnk_lstsq **lstsq);

/* ---- Classification by cross-entropy ---- */

/* Fit the last layer of a network by snnk_logistic_solve, on what the layers before it give. The
 * features of all rows are in memory for it: n m floats.
 *   rows      inputs X with labels, and weights if any
 *   classes   outputs of the new last layer, >= 2
 *   config    NULL for the defaults. A warm start is from the last Psi, if it has as many outputs
 *   report    NULL: not wanted
 *   fitted    out: the network with the new last layer
 * Statuses of snnk_logistic_solve and snnk_fit_create_from_network, SNNK_E_NONFINITE (X, or a
 * feature overflows). */
SNNK_API int snnk_network_fit_logistic(const snnk_network *network, const snnk_rows *rows,
                                       size_t classes, const snnk_logistic_config *config,
                                       snnk_workspace *workspace, snnk_logistic_report *report,
                                       snnk_network **fitted);

#ifdef __cplusplus
}
#endif

#endif
