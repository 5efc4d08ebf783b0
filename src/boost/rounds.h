/* The features so far, and the rounds that add to them. */
#ifndef SNNK_BOOST_ROUNDS_H
#define SNNK_BOOST_ROUNDS_H

#include <snnk/boost.h>

#include "base/memory.h"
#include "base/progress.h"
#include "base/rows.h"
#include "boost/losses.h"
#include "fit/outer_product.h"

typedef struct snnk__boosting {
    const snnk_boost_config *config;
    const snnk_allocator *allocator;
    snnk_workspace *workspace;
    snnk__progress *progress;
    const snnk_rows *rows; /* checked */
    size_t outputs, d;
    size_t most; /* features that there is room for */
    /* Rows in the order of learning: the rounds learn from the first `train`, the last readout also
     * from the others of the first `known`, and those after them are held out. */
    size_t n, train, known;
    size_t *order;        /* n */
    float *X;             /* n x d: the scaled inputs */
    float *F;             /* n x most: features, for cross-entropy; else a block of as many */
    float *P;             /* n x outputs: the outputs */
    double *Y;            /* n x outputs; NULL for cross-entropy */
    double *R;            /* n x outputs: residuals */
    int32_t *labels;      /* n; of cross-entropy */
    float *weights;       /* n; NULL: 1 each */
    float *Psi;           /* outputs x most: B in float */
    double *B, *b;        /* the readout: outputs x features, packed, and outputs */
    double ridge;         /* the last one; below 0 before the first */
    size_t features;      /* so far */
    float *G, *c;         /* most + candidates rows of d, and as many offsets: of scaled inputs */
    double *root, *share; /* of DIRECTIONS: d x d, and d */
    snnk_map *map;        /* of scaled inputs, with the rows G */
    snnk__outer_product product; /* also the scaling of inputs */
} snnk__boosting;

/* Allocate everything, and copy scaled inputs and targets in the order of learning. Free it also
 * after a failure. Statuses of snnk_boost_fit. */
int snnk__boosting_create(snnk__boosting *boosting);
void snnk__boosting_free(const snnk__boosting *boosting);

/* Add the features of a round, 0, 1, ...: those of a round after 0 are made of the readout.
 *   added  the result: how many. 0: nothing is left to correct */
int snnk__boosting_grow(snnk__boosting *boosting, uint64_t round, size_t *added);

/* Go back to the first features. */
int snnk__boosting_cut(snnk__boosting *boosting, size_t features);

/* Solve the readout on the first `count` rows, and set the outputs of all rows.
 *   choose  whether the ridge is chosen by the held-out rows */
int snnk__boosting_readout(snnk__boosting *boosting, size_t count, bool choose);

/* Create the layer of raw inputs. */
int snnk__boosting_layer(const snnk__boosting *boosting, snnk_layer **layer);

/* The losses of the present outputs: means over the rows to learn from, and over those held out
 * (NaN without), and the objective of the readout. */
void snnk__boosting_losses(const snnk__boosting *boosting, double *train, double *heldout,
                           double *objective);

#endif
