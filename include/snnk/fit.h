/* Fits: rows stream in, and a fitted layer or network comes out, in closed form.
 *
 *     snnk_fit *fit;
 *     snnk_layer *layer;
 *     snnk_fit_create(map, outputs, NULL, &fit);
 *     snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL);
 *     snnk_fit_solve(fit, NULL, NULL, &layer);
 *     snnk_fit_free(fit);
 *
 * A fit learns Psi and the bias of y = Psi Phi(x) + bias by least squares (<snnk/lstsq.h>) on
 * features Phi: those of a map, or those of the last layer of a network. The penalty lambda on
 * |Psi|^2, the ridge, is chosen from the data, unless you give one: up to SNNK_FIT_MAX_LEFT_OUT
 * rows by the errors of fits that leave out one row (with its equals or its group), from more rows
 * by the error on a random sample of held-out rows. Equal rows, and those of a group, are held out
 * together, unless there are so few different ones, or such large groups, that no sample of them
 * has at most SNNK_FIT_MAX_HELDOUT rows: then rows are held out one by one. The final solution uses
 * all rows. Of many rows only sums are kept, so there may be any number. */
#ifndef SNNK_FIT_H
#define SNNK_FIT_H

#include <snnk/logistic.h>
#include <snnk/network.h>
#include <snnk/uncertainty.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_fit snnk_fit;

/* Up to this many rows, the ridge is chosen by leaving each row out in turn. */
#define SNNK_FIT_MAX_LEFT_OUT 1024

/* From this many held-out rows on, the ridge of a classification is chosen by the number of
 * misclassified rows; of fewer by the squared error. */
#define SNNK_FIT_MIN_COUNTED 1000

/* The most rows that are held out, which bounds the memory. */
#define SNNK_FIT_MAX_HELDOUT 8192

typedef struct snnk_fit_config {
    size_t size;           /* set by snnk_fit_config_init */
    uint64_t seed;         /* chooses the held-out rows, by (seed, content or group). Default 0 */
    double ridge;          /* lambda >= 0, or SNNK_RIDGE_AUTO (default): the best of n_ridges */
    double heldout_share;  /* share of the rows that is held out, above 0, at most 0.5. Halved
                            * when it would be more than SNNK_FIT_MAX_HELDOUT rows. Default 0.1. Not
                            * used with a given ridge, and for few rows */
    double rank_tolerance; /* as in snnk_solve_config. Default 0 */
    int32_t intercept;     /* 1 (default) or 0 */
    int32_t n_ridges;      /* ridges to try on held-out rows, 2 ... 1000: snnk_lstsq_default_ridges.
                            * Where each row is left out, 3 n_ridges - 2 of them, from 1e-12 to 10
                            * times the largest eigenvalue of the moments. Default 10 */
    int32_t precision;     /* an snnk_precision. Default DOUBLE. With SINGLE, rss in the report may
                            * be all noise (see snnk_lstsq_rss); the held-out error is not */
    int32_t factorization; /* an snnk_factorization. Default GRAM */
    double first_ridge; /* the search on held-out rows begins here, which saves time if it is near
                            * the best ridge: give that of a fit with fewer features, say. 0
                            * (default): it covers all ridges */
    int32_t center;     /* 1 (default): the first rows may center the map (snnk_fit_add). 0: they do
                         * not, for fits that are merged later: center it by snnk_fit_center_map */
    int32_t reserved;   /* 0 */
} snnk_fit_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_fit_config_init(snnk_fit_config *config, size_t config_size);

/* How a fit was solved. Set `size`; the library fills the rest. */
typedef struct snnk_fit_report {
    size_t size;           /* set by the caller: sizeof the struct */
    double ridge;          /* the lambda used */
    double heldout_error;  /* error of the rows that were left out or held out, before the final
                            * solution used them. With labels: the share misclassified. With
                            * targets: the mean over rows of the squared error, summed over outputs.
                            * NaN with a given ridge */
    double condition;      /* as in snnk_solve_report */
    double rss;            /* as in snnk_solve_report */
    uint64_t rows;         /* all rows, held-out ones included */
    uint64_t rank;         /* as in snnk_solve_report */
    uint64_t heldout_rows; /* how many were held out; 0 if each row was left out */
    int32_t method;        /* an snnk_solve_method */
    int32_t reserved;
    uint64_t lost_inputs; /* how many inputs in double vary, but are one constant as floats, after
                            * the map's centering: nothing was learned from them. Give the map a
                            * scaling with their means */
    uint64_t first_lost_input;    /* the first of them; 0 if there are none */
    double heldout_squared_error; /* of the same rows as heldout_error, the mean squared error
                                   * summed over outputs, also with labels (ones and zeros); the
                                   * least of all ridges that were tried */
} snnk_fit_report;

/* ---- Creating ---- */

/* Create a fit of one layer.
 *   map      Phi, of m features; kept alive by the fit, which inherits its allocator
 *   outputs  columns of Y, or number of classes; >= 1
 *   config   NULL for the defaults
 *   fit      out: release with snnk_fit_free
 * Memory: 8 m^2 bytes, as much again during snnk_fit_solve (3 times as much if the system is
 * singular), and up to 4 m SNNK_FIT_MAX_HELDOUT bytes for features of held-out rows. SNNK_E_NULL,
 * SNNK_E_SHAPE (outputs = 0), SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_ENUM,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                             snnk_fit **fit);

/* Create a fit of the last layer of a network, on the outputs of the layers before it. An SNNK
 * layer gets a new Psi and bias. A tower becomes an SNNK layer. A linear dense layer becomes an
 * SNNK layer of identity features.
 *   network  its layers are kept alive, its notes are copied
 *   outputs  of the new last layer; 0: as many as the network has
 *   config   NULL for the defaults
 *   fit      out: release with snnk_fit_free
 * SNNK_E_STATE (no layers), SNNK_E_UNSUPPORTED (the network ends in an activation or a residual
 * layer), else statuses of snnk_fit_create. */
SNNK_API int snnk_fit_create_from_network(const snnk_network *network, size_t outputs,
                                          const snnk_fit_config *config, snnk_fit **fit);

/* Get the map that a fit of `map` has after its first rows (see snnk_fit_add). Use it where you
 * collect statistics yourself: the same first rows give the same map on every process.
 *   map       Phi
 *   rows      the first rows; their targets are ignored
 *   centered  out: `map` itself, with one owner more, or a map that centers some inputs; release
 *             with snnk_map_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_fit_center_map(const snnk_map *map, const snnk_rows *rows, snnk_map **centered);

/* Free a fit. NULL is fine. */
SNNK_API void snnk_fit_free(snnk_fit *fit);

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_fit_inputs(const snnk_fit *fit);         /* columns of X */
SNNK_API size_t snnk_fit_outputs(const snnk_fit *fit);        /* columns of Y, or classes */
SNNK_API size_t snnk_fit_features(const snnk_fit *fit);       /* m */
SNNK_API uint64_t snnk_fit_rows(const snnk_fit *fit);         /* added so far, held-out ones too */
SNNK_API uint64_t snnk_fit_heldout_rows(const snnk_fit *fit); /* held out so far; 0 for few rows */

/* ---- Learning ---- */

/* Add rows.
 *   rows       inputs X with targets Y or labels, and weights if any. Either targets or labels in
 *              every call
 *   workspace  NULL for one thread
 * Inputs in double are centered before they become float: by the mean of the map's scaling. Without
 * a scaling, if the first rows have columns with a mean above 16 times their spread (timestamps,
 * say), the fit continues with the map Phi(x - mean) instead of Phi(x), with the mean of these
 * columns: snnk_layer_map of the result is that map. Targets in double are not rounded.
 * To balance classes, give each row of a class the weight 1/(rows of that class). A call either
 * adds all of its rows or none. Therefore the features of a call with more than 1024 rows are
 * computed twice if they might overflow (exponentials, or a network of several layers).
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight),
 * SNNK_E_STATE (labels after targets, or targets after labels), SNNK_E_NONFINITE (in X or Y, or a
 * feature), SNNK_E_SIZE, SNNK_E_NOMEM. On failure nothing was added. */
SNNK_API int snnk_fit_add(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace);

/* Add changed copies of rows (<snnk/augment.h>) that were added, with groups, before. The ridge is
 * chosen by rows without their copies: copies are never held out, and those of rows that are held
 * out are skipped, also in the final solution. That is the held-out share of them, less where
 * SNNK_FIT_MAX_HELDOUT limits it. With a given ridge none is skipped.
 *   rows       `groups` must be set: each copy has the group of its original
 *   workspace  NULL for one thread
 * From the first copy on rows are held out, even if there are few: no row is left out in turn.
 * SNNK_E_STATE (no rows were added before, or none with groups; or groups are so large that rows
 * are held out one by one), else statuses of snnk_fit_add. On failure nothing was added. */
SNNK_API int snnk_fit_add_copies(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace);

/* Add all rows of another fit, as if they had been added here. So threads or processes can share
 * the work: the same rows are held out, and the solution is the same, to rounding.
 *   fit        gets the rows
 *   other      another fit of the same map, outputs and config (first_ridge and center may differ),
 *              of any number of rows, also 0; unchanged
 *   workspace  NULL for one thread
 * Fits may center their maps on their first rows. Before fits that will be merged, get the centered
 * map by snnk_fit_center_map, and create all of them with it and config.center = 0. Where rows are
 * drawn one by one (few different ones, or large groups), the sample is another. SNNK_E_NULL,
 * SNNK_E_OVERLAP (other is fit), SNNK_E_SHAPE (outputs or features differ), SNNK_E_UNSUPPORTED
 * (another map or config; fits of a network; see snnk_lstsq_merge), SNNK_E_STATE (labels in one,
 * targets in the other), SNNK_E_SIZE (the row count overflows), SNNK_E_NOMEM. On failure nothing
 * was added. */
SNNK_API int snnk_fit_merge(snnk_fit *fit, const snnk_fit *other, snnk_workspace *workspace);

/* Solve, and create the layer. May be called again, with or without more rows. Unless a ridge was
 * given, the one with the smallest error is chosen, of equal ones the largest. The error is the
 * squared one; of labels with at least SNNK_FIT_MIN_COUNTED held-out rows the number of
 * misclassified rows. Of ridges for held-out rows every third is tried, then the neighbors of the
 * best.
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   report     out; NULL if not wanted
 *   layer      out: release with snnk_layer_free
 * SNNK_E_STATE (no rows; too few rows to choose a ridge; or every feature is constant: add rows or
 * set the ridge), SNNK_E_RANGE (every input that varies in double is a constant as a float; names
 * the first), else statuses of snnk_lstsq_solve. After a failure the fit, with its last solution,
 * is as before. */
SNNK_API int snnk_fit_solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                            snnk_layer **layer);

/* Solve, and create the network that ends in the fitted layer. It shares the other layers with the
 * network that the fit was created from, and has its notes. A fit of a map gives a network of one
 * layer. Parameters and statuses as for snnk_fit_solve. */
SNNK_API int snnk_fit_solve_network(snnk_fit *fit, snnk_workspace *workspace,
                                    snnk_fit_report *report, snnk_network **network);

/* Create an uncertainty (<snnk/uncertainty.h>) of the last solution: of few rows from the errors of
 * fits that leave each out, of many from those of the held-out rows, all with the chosen ridge.
 * Give it to the network: snnk_network_set_uncertainty.
 *   workspace    NULL for one thread
 *   uncertainty  out: release with snnk_uncertainty_free
 * SNNK_E_NULL, SNNK_E_STATE (the ridge was given; or not solved since rows were added),
 * SNNK_E_SHAPE (labels of one class), SNNK_E_NONFINITE (a score overflows), SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_fit_uncertainty(const snnk_fit *fit, snnk_workspace *workspace,
                                  snnk_uncertainty **uncertainty);

/* Copy the statistics of all rows added so far, held-out rows too. A network needs them to learn
 * more rows later (snnk_network_set_statistics).
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   lstsq      out: release with snnk_lstsq_free
 * SNNK_E_NULL, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_fit_statistics(const snnk_fit *fit, snnk_workspace *workspace,
                                 snnk_lstsq **lstsq);

/* Fit the last layer of a network by cross-entropy (snnk_logistic_solve), from all rows in one
 * call. Their features are in memory during it: 4 n m bytes.
 *   network    as in snnk_fit_create_from_network
 *   rows       inputs X with labels, and weights if any; n >= 1
 *   classes    outputs of the new last layer, >= 2
 *   config     NULL for the defaults. With `warm`, the start is the last layer's Psi and bias, if
 *              it has as many outputs as there are classes
 *   workspace  NULL for one thread
 *   report     out; NULL if not wanted
 *   fitted     out: a network with the new last layer; release with snnk_network_free
 * Statuses of snnk_logistic_solve and snnk_fit_create_from_network, SNNK_E_NONFINITE (X, or a
 * feature). */
SNNK_API int snnk_network_fit_logistic(const snnk_network *network, const snnk_rows *rows,
                                       size_t classes, const snnk_logistic_config *config,
                                       snnk_workspace *workspace, snnk_logistic_report *report,
                                       snnk_network **fitted);

/* ---- Saving and loading ---- */

/* Get the number of bytes that snnk_fit_save_memory writes now.
 *   bytes  out
 * SNNK_E_NULL, SNNK_E_UNSUPPORTED (a layer before the last has quantized weights), SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
SNNK_API int snnk_fit_saved_bytes(const snnk_fit *fit, size_t *bytes);

/* Save an unfinished fit to memory: its settings, its map or network, the statistics, and the
 * held-out rows.
 *   buffer  out: a safetensors file of kind "fit" (docs/format.md)
 *   bytes   the size of the buffer, as snnk_fit_saved_bytes gave it
 * Statuses of snnk_fit_saved_bytes; SNNK_E_SIZE also for another number of bytes. */
SNNK_API int snnk_fit_save_memory(const snnk_fit *fit, void *buffer, size_t bytes);

/* Load a fit from memory. It continues where the saved one stopped, with the same bits.
 *   buffer     bytes bytes, written by snnk_fit_save_memory
 *   allocator  NULL for malloc
 *   fit        out: release with snnk_fit_free
 * Statuses of snnk_network_load_memory. */
SNNK_API int snnk_fit_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                  snnk_fit **fit);

#ifdef __cplusplus
}
#endif

#endif
