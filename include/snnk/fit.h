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
 * features Phi: those of a map, or those of the last layer of a network. Unless a ridge is given, a
 * random sample of the rows is held out to choose it; the solution is then made from all rows. The
 * rows are not kept, so there may be any number of them. */
#ifndef SNNK_FIT_H
#define SNNK_FIT_H

#include <snnk/logistic.h>
#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_fit snnk_fit;

/* The most rows that are held out, which bounds the memory. */
#define SNNK_FIT_MAX_HELDOUT 8192

typedef struct snnk_fit_config {
    size_t size;           /* set by snnk_fit_config_init */
    uint64_t seed;         /* chooses the held-out rows, by (seed, row number). Default 0 */
    double ridge;          /* lambda >= 0, or SNNK_RIDGE_AUTO (default): the best of n_ridges */
    double heldout_share;  /* held-out share of the rows, 0 < share <= 0.5; above
                            * SNNK_FIT_MAX_HELDOUT rows a random sample of them. Default 0.1. Not
                            * used with a given ridge */
    double rank_tolerance; /* as in snnk_solve_config. Default 0 */
    int32_t intercept;     /* 1 (default) or 0 */
    int32_t n_ridges;      /* ridges to try, 2 ... 1000, of snnk_lstsq_default_ridges. Default 10 */
    int32_t precision;     /* an snnk_precision. Default DOUBLE. With SINGLE, rss in the report may
                            * be all noise (see snnk_lstsq_rss); the held-out error is not */
    int32_t factorization; /* an snnk_factorization. Default GRAM */
} snnk_fit_config;

/* What a fit reports. Set `size` to sizeof before the call. */
typedef struct snnk_fit_report {
    size_t size;
    double ridge;         /* the lambda used */
    double heldout_error; /* of that lambda on the held-out rows before they were used. Labels: the
                           * share misclassified. Targets: the squared error of a row, summed over
                           * outputs. NaN with a given ridge */
    double condition;     /* this, rss, rows, rank and method: as in snnk_solve_report */
    double rss;
    uint64_t rows;
    uint64_t rank;
    uint64_t heldout_rows;
    int32_t method;
    int32_t reserved;
} snnk_fit_report;

/* Set every field to its default.
 *   config       the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_fit_config_init(snnk_fit_config *config, size_t config_size);

/* ---- Creating ---- */

/* Create a fit of a layer.
 *   map      Phi, of m features; kept alive. Its allocator is used
 *   outputs  columns of Y, or classes; >= 1
 *   config   NULL for the defaults
 *   fit      the result
 * Memory: 8 m^2 bytes, as much again during snnk_fit_solve (3 times more if the system is
 * singular), and 4 m SNNK_FIT_MAX_HELDOUT bytes for held-out features. SNNK_E_NULL, SNNK_E_SHAPE,
 * SNNK_E_SIZE, SNNK_E_CONFIG, SNNK_E_RANGE, SNNK_E_ENUM, SNNK_E_NOMEM. */
SNNK_API int snnk_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                             snnk_fit **fit);

/* Create a fit of the last layer of a network, on what the layers before it give (of a bundled
 * network: on the composed Phi). An SNNK layer gets another Psi, a tower gets one, and a linear
 * layer becomes an SNNK layer of identity features.
 *   network  its layers are kept alive, its notes are copied
 *   outputs  of the new last layer; 0: as many as the network has
 *   config   NULL for the defaults
 *   fit      the result
 * SNNK_E_STATE (no layers), SNNK_E_UNSUPPORTED (the network ends in an activation), else statuses
 * of snnk_fit_create. */
SNNK_API int snnk_fit_create_from_network(const snnk_network *network, size_t outputs,
                                          const snnk_fit_config *config, snnk_fit **fit);

/* Free a fit. NULL is fine. */
SNNK_API void snnk_fit_free(snnk_fit *fit);

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_fit_inputs(const snnk_fit *fit);         /* columns of X */
SNNK_API size_t snnk_fit_outputs(const snnk_fit *fit);        /* columns of Y, or classes */
SNNK_API size_t snnk_fit_features(const snnk_fit *fit);       /* m */
SNNK_API uint64_t snnk_fit_rows(const snnk_fit *fit);         /* added so far */
SNNK_API uint64_t snnk_fit_heldout_rows(const snnk_fit *fit); /* of them, held out */

/* ---- Learning ---- */

/* Add rows.
 *   fit        the fit
 *   rows       inputs X with targets Y or labels, and weights if any; the same kind of targets in
 *              every call. Doubles are rounded to float
 *   workspace  NULL for one thread
 * To balance classes, give each row of a class the weight 1/(rows of that class). More than 1024
 * rows in a call are run through twice if their features might overflow (exponentials, or a network
 * of several layers), so that rows that are refused leave the fit as it was. SNNK_E_NULL,
 * SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight), SNNK_E_STATE
 * (labels after targets, or targets after labels), SNNK_E_NONFINITE (in X or Y, or a feature),
 * SNNK_E_SIZE, SNNK_E_NOMEM; nothing was added then. */
SNNK_API int snnk_fit_add(snnk_fit *fit, const snnk_rows *rows, snnk_workspace *workspace);

/* Solve, and make the layer. May be called again, with or without more rows. Without a given ridge,
 * the one of least held-out error is taken: fewest misclassified held-out rows for labels, least
 * squared error for targets, the largest of equals.
 *   fit        the fit
 *   workspace  NULL for one thread
 *   report     NULL: not wanted
 *   layer      the result
 * SNNK_E_STATE (no rows; or too few to choose a ridge, or every feature is constant: add rows or
 * set the ridge), else statuses of snnk_lstsq_solve. */
SNNK_API int snnk_fit_solve(snnk_fit *fit, snnk_workspace *workspace, snnk_fit_report *report,
                            snnk_layer **layer);

/* Solve, and make the network whose last layer this is. It shares the other layers, and has the
 * notes, of the network that the fit was created from. A fit of a map gives a network of one layer.
 * Statuses of snnk_fit_solve. */
SNNK_API int snnk_fit_solve_network(snnk_fit *fit, snnk_workspace *workspace,
                                    snnk_fit_report *report, snnk_network **network);

/* Copy the statistics of all rows added so far, held-out rows too: what a network needs to go on
 * learning (snnk_network_set_statistics).
 *   lstsq  the result; the caller frees it
 * SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_fit_statistics(const snnk_fit *fit, snnk_workspace *workspace,
                                 snnk_lstsq **lstsq);

/* Fit the last layer of a network by cross-entropy (snnk_logistic_solve). The features of all rows
 * are in memory for it: 4 n m bytes.
 *   network    as in snnk_fit_create_from_network
 *   rows       inputs X with labels, and weights if any; n >= 1
 *   classes    outputs of the new last layer, >= 2
 *   config     NULL for the defaults. A warm start is from the last Psi, if it has as many outputs
 *   workspace  NULL for one thread
 *   report     NULL: not wanted
 *   fitted     the result: the network with the new last layer
 * Statuses of snnk_logistic_solve and snnk_fit_create_from_network, SNNK_E_NONFINITE (X, or a
 * feature). */
SNNK_API int snnk_network_fit_logistic(const snnk_network *network, const snnk_rows *rows,
                                       size_t classes, const snnk_logistic_config *config,
                                       snnk_workspace *workspace, snnk_logistic_report *report,
                                       snnk_network **fitted);

/* ---- Saving and loading ---- */

/* Save an unfinished fit to memory: its settings, its features, and all that it knows of the rows
 * so far.
 *   fit     the fit
 *   bytes   of snnk_fit_saved_bytes
 *   buffer  of that many bytes; a safetensors file of kind "fit"
 * SNNK_E_NULL, SNNK_E_UNSUPPORTED (a layer before the last is in narrow storage), SNNK_E_SIZE
 * (another number of bytes), SNNK_E_NOMEM. */
SNNK_API int snnk_fit_saved_bytes(const snnk_fit *fit, size_t *bytes);
SNNK_API int snnk_fit_save_memory(const snnk_fit *fit, void *buffer, size_t bytes);

/* Load a fit from memory: it goes on where the saved one stopped, with the same bits.
 *   allocator  NULL for malloc
 *   fit        the result
 * Statuses of snnk_network_load_memory. */
SNNK_API int snnk_fit_load_memory(const void *buffer, size_t bytes, const snnk_allocator *allocator,
                                  snnk_fit **fit);

#ifdef __cplusplus
}
#endif

#endif
