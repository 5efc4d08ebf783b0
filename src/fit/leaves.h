/* The struct of leaves. */
#ifndef SNNK_FIT_LEAVES_H
#define SNNK_FIT_LEAVES_H

#include <snnk/leaves.h>

#include "fit/fit.h"
#include "layer/leaves.h"

typedef struct snnk__leaf {
    snnk__fit_features features;
    snnk_lstsq *train, *heldout; /* statistics; `heldout` has no rows if the ridge is given */
} snnk__leaf;

struct snnk_leaves {
    snnk_allocator allocator;
    snnk_leaves_config config; /* without map and allocator */
    size_t outputs;
    snnk__target_kind kind;
    uint64_t rows;
    snnk_layer *towers; /* a tree of towers: the features of the leaves */
    const snnk__tree *tree;
    size_t n; /* leaves */
    snnk__leaf *leaves;
};

/* Check settings. SNNK_E_RANGE, SNNK_E_ENUM. */
int snnk__leaves_check_config(const snnk_leaves_config *config);

/* Create leaves without rows from a tree of towers, which is retained. SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
int snnk__leaves_of_towers(const snnk_allocator *allocator, const snnk_leaves_config *config,
                           size_t outputs, const snnk_layer *towers, snnk_leaves **leaves);

/* Grow a tree of towers from checked rows.
 *   map  the features of scaled inputs
 * Statuses of snnk_leaves_create. */
int snnk__leaves_grow(const snnk_allocator *allocator, const snnk_rows *rows, size_t outputs,
                      const snnk_leaves_config *config, const snnk_map_config *map,
                      snnk_workspace *workspace, snnk_layer **towers);

#endif
