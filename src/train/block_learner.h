/* Layers of blocks of projections that learn: dense, SNNK, tower.
 *
 *     Z = X G^T + c,   Phi = h(Z), mixed where a block mixes,   Y = Phi Psi^T + bias
 *
 * A dense layer and a tower have no Psi: Y = Phi. Psi and its gradient are kept transposed (m x
 * l), with the bias as a last row, for which Phi has a last column of ones. */
#ifndef SNNK_TRAIN_BLOCK_LEARNER_H
#define SNNK_TRAIN_BLOCK_LEARNER_H

#include "train/learner.h"

/* One thread takes at most this many columns of dY at a time, in pieces of nearly equal width. The
 * sums over them that make dPhi are kept apart, and added in order. */
enum { SNNK__MOST_PIECE = 384 };

typedef struct snnk__learning_block {
    snnk__block block;   /* as the forward pass takes it */
    size_t row, feature; /* the first of its projections and features in the layer */
    size_t features;     /* unmixed */
    bool learns;         /* its rows and offsets */
    snnk__panels G;      /* if it learns: r x d */
    snnk__panels back;   /* d x r: G transposed; empty for a diagonal and a transform */
    snnk__panels unmix;  /* the mixing matrix transposed; empty if there is none */
    const float *diagonal;
    const snnk__transform *transform;
} snnk__learning_block;

typedef struct snnk__block_learner {
    snnk__learner base;
    snnk_layer *layer;
    size_t rows, features; /* of all blocks; the features that Psi multiplies */
    size_t n_blocks;
    snnk__learning_block *blocks;
    bool reads_out;         /* there is a Psi */
    bool bare;              /* Y = Z: nothing is recorded */
    int32_t products;       /* storage of the panels below and of those of blocks */
    snnk__panels Psi;       /* l x m */
    size_t n_pieces, piece; /* their number and width */
    snnk__panels *pieces;   /* m x piece: parts of Psi transposed, for dPhi */
    float *values;          /* of all parameters */
    float *gradients;
    float *Psi_value, *bias;     /* m x l, l: in `values`, also if they do not learn */
    float *G_value, *offsets;    /* rows x d, rows: in `values`; NULL if neither learns */
    snnk__parameter *parameters; /* of each block that learns, then of Psi and the bias */
    bool drawn;                  /* rows and offsets are in `values`, for a redraw */
    bool learns_rows, learns_offsets, learns_weights, learns_bias; /* W and b of a dense layer are
                                                                     * rows and offsets here */
} snnk__block_learner;

static inline const snnk__block_learner *snnk__block_learner_of(const snnk__learner *learner) {
    return (const snnk__block_learner *)learner;
}

/* The entries forward and backward of the form (block_passes.c). */
int snnk__block_forward(const snnk__learner *learner, const snnk__pass *pass, float *Y, size_t ldy);
int snnk__block_backward(const snnk__learner *learner, const snnk__pass *pass, const float *dY,
                         size_t lddy, float *dX, size_t lddx, float *scratch);

#endif
