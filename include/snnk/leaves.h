/* Leaves: fits side by side at the leaves of a tree, for more rows than one fit can make use of.
 *
 *     snnk_leaves *leaves;
 *     snnk_leaves_create(SNNK_ROWS(.n = sample, .inputs = d, .X = X, .labels = labels), classes,
 *                        NULL, NULL, &leaves);
 *     snnk_leaves_add(leaves, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL);
 *     snnk_leaves_solve(leaves, NULL, NULL, &layer);
 *
 * The tree is grown from a sample of rows: a node with too many of them is split at their median
 * along the direction in which the targets change most there (the first eigenvector of M,
 * <snnk/directions.h>). Splits are soft: near one a row is in both leaves, with weights that sum to
 * 1, so that the outputs are continuous (snnk_layer_create_leaves). Each leaf gets features of its
 * own, with directions learnt from its rows. After that the tree and the features stay as they are.
 *
 * Then rows stream in. Each leaf is a fit of the rows that arrive in it, counted by their weights
 * there, with statistics of its own. The weights depend on the row alone. So rows can be forgotten
 * exactly, and objects with the same tree merged, as if all rows had been added to one.
 *
 * It costs as much as one fit with m features, and a row of the result little more: it runs one
 * leaf, rarely two. In exchange the result has as many weights as all leaves together. Try one fit
 * of more features first: where rows are few for each leaf, or the targets are smooth, it is
 * better. */
#ifndef SNNK_LEAVES_H
#define SNNK_LEAVES_H

#include <snnk/directions.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_leaves snnk_leaves;

/* Settings. Fill with snnk_leaves_config_init, then change fields. */
typedef struct snnk_leaves_config {
    size_t size;        /* set by snnk_leaves_config_init */
    uint64_t leaf_rows; /* a node with more rows of the sample than this is split, >= 1. Default
                         * 20000 */
    uint64_t features;  /* m of each leaf, if `map` is NULL. Default 512 */
    uint64_t rounds;    /* of learnt directions in each leaf, 0 (plain features) ... 100. Default
                         * 2 */
    uint64_t seed;      /* of features, samples and held-out rows. Default 0 */
    double softness; /* share of a node's rows that are in its soft zone, 0 (hard splits) ... 0.9.
                         * Default 0.1 */
    double ridge;    /* of all leaves, >= 0, or SNNK_RIDGE_AUTO (default): each leaf chooses its
                         * own */
    double heldout_share; /* of the rows, above 0, at most 0.5: they choose the ridge, then count
                           * like all others. Drawn by (seed, content or group). Default 0.1. Not
                           * used with a given ridge */
    const snnk_map_config *map;      /* the features of leaves, as they act on scaled inputs. NULL
                                 * (default): as in snnk_directions_config */
    int32_t scaling;                 /* of the inputs: CENTER, COMMON or STANDARDIZE (default) */
    int32_t intercept;               /* 1 (default) or 0 */
    const snnk_allocator *allocator; /* NULL (default) for malloc. Not used with `map`, which has
                                      * its own */
} snnk_leaves_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_leaves_config_init(snnk_leaves_config *config, size_t config_size);

/* How the leaves were solved. Set `size`; the library fills the rest. */
typedef struct snnk_leaves_report {
    size_t size;                  /* set by the caller: sizeof the struct */
    uint64_t rows;                /* added, minus forgotten */
    uint64_t heldout_rows;        /* of the leaves together: a row in two leaves counts twice */
    double heldout_squared_error; /* of held-out rows before the final solution used them: the mean
                                   * squared error, summed over outputs, each leaf for itself. NaN
                                   * without */
    uint64_t leaves;              /* how many */
    uint64_t depth;               /* the most splits on the way to one */
    uint64_t least_rows, most_rows; /* in a leaf, soft ones too */
    uint64_t constant_leaves;       /* whose outputs are constant, because all of their features
                                     * are */
} snnk_leaves_report;

/* ---- Creating ---- */

/* Grow a tree, and create the fits of its leaves, which have no rows yet.
 *   rows       a sample of those that will be added, or all of them, in memory; with targets or
 *              labels, and weights and groups if any; n >= 1
 *   outputs    columns of Y, or number of classes; >= 1
 *   config     NULL for the defaults
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   leaves     out: release with snnk_leaves_free
 * A node stays a leaf if the targets do not change in it, if no threshold leaves at least a
 * sixteenth of its rows on both sides, or 32 splits are above it. Each leaf takes the time of
 * `rounds` + 1 fits of at most 16384 rows. Memory: 16 m^2 bytes for each leaf, and 20 n. Statuses
 * of snnk_fit_directions; SNNK_E_RANGE (a setting), SNNK_E_SIZE (2^32 rows or more). */
SNNK_API int snnk_leaves_create(const snnk_rows *rows, size_t outputs,
                                const snnk_leaves_config *config, snnk_workspace *workspace,
                                snnk_leaves **leaves);

/* Create leaves with the same tree, features and settings as others, without their rows: for other
 * threads, or processes (with snnk_leaves_save), that are merged later.
 *   leaves  its allocator is used
 *   empty   out: release with snnk_leaves_free
 * SNNK_E_NULL, SNNK_E_NOMEM. */
SNNK_API int snnk_leaves_create_empty(const snnk_leaves *leaves, snnk_leaves **empty);

/* Free leaves. NULL is fine. */
SNNK_API void snnk_leaves_free(snnk_leaves *leaves);

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_leaves_inputs(const snnk_leaves *leaves);   /* columns of X */
SNNK_API size_t snnk_leaves_outputs(const snnk_leaves *leaves);  /* columns of Y, or classes */
SNNK_API size_t snnk_leaves_features(const snnk_leaves *leaves); /* m of each leaf */
SNNK_API size_t snnk_leaves_count(const snnk_leaves *leaves);    /* how many leaves */
SNNK_API size_t snnk_leaves_depth(const snnk_leaves *leaves);    /* the most splits above a leaf */
SNNK_API uint64_t snnk_leaves_rows(const snnk_leaves *leaves);   /* added, minus forgotten */

/* Get the number of rows in leaf `index`, 0 ... count-1, soft ones and held-out ones too; 0
 * beyond. */
SNNK_API uint64_t snnk_leaves_leaf_rows(const snnk_leaves *leaves, size_t index);

/* ---- Learning ---- */

/* Add rows. A row is in a leaf if its weight there is at least 1e-6.
 *   rows       inputs X with targets Y or labels, and weights and groups if any. Either targets or
 *              labels in every call
 *   workspace  NULL for one thread
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE (a label or weight),
 * SNNK_E_STATE (labels after targets, or targets after labels), SNNK_E_NONFINITE (in X or Y, or a
 * feature), SNNK_E_SIZE, SNNK_E_NOMEM. On failure nothing was added. */
SNNK_API int snnk_leaves_add(snnk_leaves *leaves, const snnk_rows *rows, snnk_workspace *workspace);

/* Remove rows, as if they had never been added, to the rounding of sums (snnk_lstsq_forget). The
 * tree and the features stay, although they may have been grown from these rows: to forget that
 * too, grow another tree.
 *   rows       as they were added: in float or in double, with the same weights and groups
 *   workspace  NULL for one thread. Its progress function can cancel the call
 * Takes a copy of all statistics during the call. SNNK_E_STATE (not all of these rows can have been
 * added), else statuses of snnk_leaves_add and snnk_lstsq_forget. On failure nothing was
 * removed. */
SNNK_API int snnk_leaves_forget(snnk_leaves *leaves, const snnk_rows *rows,
                                snnk_workspace *workspace);

/* Add all rows of others with the same tree, as if they had been added here.
 *   leaves  get the rows
 *   other   from snnk_leaves_create_empty, or saved and loaded; unchanged
 * SNNK_E_NULL, SNNK_E_OVERLAP (other is leaves), SNNK_E_SHAPE (outputs or features differ),
 * SNNK_E_UNSUPPORTED (another tree, other features or settings), SNNK_E_STATE (labels in one,
 * targets in the other), SNNK_E_SIZE (the row count overflows), SNNK_E_NOMEM. On failure nothing
 * was added. */
SNNK_API int snnk_leaves_merge(snnk_leaves *leaves, const snnk_leaves *other);

/* Solve all leaves, and create the layer: a tree of leaves (SNNK_LAYER_LEAVES), or an SNNK layer if
 * there is only one. May be called again, with or without more rows. Each leaf takes the ridge with
 * the least squared error on its held-out rows; with fewer than 50 of those, the one of the least
 * generalized cross-validation error.
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   report     out; NULL if not wanted
 *   layer      out: release with snnk_layer_free
 * SNNK_E_STATE (no rows, or a leaf without rows), else statuses of snnk_lstsq_solve. */
SNNK_API int snnk_leaves_solve(snnk_leaves *leaves, snnk_workspace *workspace,
                               snnk_leaves_report *report, snnk_layer **layer);

/* ---- Saving and loading ---- */

/* Save leaves: settings, tree, features and statistics, in 16 m^2 bytes for each leaf.
 *   path  a safetensors file of kind "leaves" (docs/format.md). An existing file is replaced when
 *         the new one is complete
 * Statuses of snnk_network_save. */
SNNK_API int snnk_leaves_save(const snnk_leaves *leaves, const char *path);

/* Load leaves. They go on where the saved ones stopped, with the same bits.
 *   allocator  NULL for malloc
 *   leaves     out: release with snnk_leaves_free
 * Statuses of snnk_network_load. */
SNNK_API int snnk_leaves_load(const char *path, const snnk_allocator *allocator,
                              snnk_leaves **leaves);

/* Save to memory, or load from it; see snnk_fit_save_memory.
 *   buffer  what a file would contain
 *   bytes   its size: to save, as snnk_leaves_saved_bytes gave it
 * Statuses of snnk_network_save_memory and snnk_network_load_memory. */
SNNK_API int snnk_leaves_saved_bytes(const snnk_leaves *leaves, size_t *bytes);
SNNK_API int snnk_leaves_save_memory(const snnk_leaves *leaves, void *buffer, size_t bytes);
SNNK_API int snnk_leaves_load_memory(const void *buffer, size_t bytes,
                                     const snnk_allocator *allocator, snnk_leaves **leaves);

#ifdef __cplusplus
}
#endif

#endif
