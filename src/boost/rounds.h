/* The state of boosting, and its rounds. */
#ifndef SNNK_BOOST_ROUNDS_H
#define SNNK_BOOST_ROUNDS_H

#include <snnk/boost.h>

#include "base/memory.h"
#include "base/progress.h"
#include "base/rows.h"

typedef struct snnk__boosting {
    const snnk_boost_config *config;
    const snnk_allocator *allocator;
    snnk_workspace *workspace;
    snnk__progress *progress;
    const snnk_rows *rows; /* checked */
    size_t outputs, inputs, width, state;
    size_t n, train; /* rows in the order of learning: those after the first `train` are held out */
    size_t *order;   /* n */
    float *S;        /* n x state */
    float *block;    /* room for a block of states or of features */
    float *P, *V;    /* n x outputs: the outputs, and where a step would move them */
    double *Y;       /* n x outputs; NULL for cross-entropy */
    double *R;       /* n x outputs: residuals */
    int32_t *labels; /* n; of cross-entropy */
    float *weights;  /* n; NULL: 1 each */
    double *K;       /* outputs x (width + outputs): scratch, the directions of corrections */
    double *B, *b;   /* the readout: outputs x state, and outputs */
    double ridge;    /* its ridge, once it was chosen */
    snnk_map *identity; /* of the state */
} snnk__boosting;

/* Allocate everything, and copy the targets in the order of learning. Free it also after a failure.
 * Statuses of snnk__boost_split, SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__boosting_create(snnk__boosting *boosting);
void snnk__boosting_free(const snnk__boosting *boosting);

/* Make the tower (x', Phi) of the first state. */
int snnk__boosting_begin(snnk__boosting *boosting, snnk_layer **tower);

/* Set the state to the outputs of layers, of which the first takes the inputs. */
int snnk__boosting_run(const snnk__boosting *boosting, size_t n_layers, snnk_layer *const *layers);

/* Make the residual layer of a round, 1, 2, ..., from the state and the readout, and move the state
 * through it. *layer stays NULL if no step lowers the loss. */
int snnk__boosting_round(const snnk__boosting *boosting, uint64_t round, snnk_layer **layer);

/* Solve the readout on the first `count` rows, choosing its ridge first if it must be, and set the
 * outputs of all rows. layer: out, NULL if not wanted. */
int snnk__boosting_readout(snnk__boosting *boosting, size_t count, snnk_layer **layer);

/* The losses of the present outputs: means over the rows to learn from, and over those held out
 * (NaN without), and the objective of the readout. */
void snnk__boosting_losses(const snnk__boosting *boosting, double *train, double *heldout,
                           double *objective);

#endif
