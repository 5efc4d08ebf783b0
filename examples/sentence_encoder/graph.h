/* The encoder from the inputs of block 0 to the outputs of the pooler, as a graph that learns. Each
 * of its networks has a trainer (<snnk/train.h>); attention and norms are this program's own. What
 * is before block 0 does not change, so its inputs can be computed once. */
#ifndef SENTENCE_ENCODER_GRAPH_H
#define SENTENCE_ENCODER_GRAPH_H

#include "encoder.h"
#include "measure.h"

/* The networks between attention and norms; the parts come first. */
typedef enum graph_network {
    GRAPH_FFN_0,
    GRAPH_FFN_1,
    GRAPH_POOLER,
    GRAPH_QKV,
    GRAPH_ATTENTION,
    GRAPH_NETWORKS
} graph_network;

typedef struct graph {
    encoder_middle middle;
    /* If one network replaces both blocks, they have the same trainer. Its gradients add up. */
    snnk_trainer *trainers[GRAPH_NETWORKS];
    snnk_record *records[GRAPH_NETWORKS];
    size_t layers[GRAPH_NETWORKS]; /* in each network */
    snnk_workspace *workspace;
    size_t threads;

    /* A batch. Rows are tokens; of means, t and their gradients, texts. */
    size_t n_texts;
    const size_t *first;   /* borrowed; so are the inputs of block 0, and what its outputs are */
    const float *X, *sums; /* added to */
    float *x1, *x2, *x3;   /* sums after block 0, attention and block 1 */
    float *a, *qkv, *attended; /* attention: its inputs; qkv, 3 ENCODER_WIDTH wide; its outputs */
    float *normed;             /* inputs of block 1 */
    float *means, *t;          /* inputs and outputs of the pooler */
    float *d, *through;        /* gradients with respect to a sum, and within a branch of it */
    float *d_qkv, *d_means;
    float *d_t;  /* the gradient with respect to t, for the caller to set */
    float *room; /* of all of these */
} graph;

/* Make a graph. All its networks learn; graph_freeze and snnk_trainer_set_rate change that.
 *   start       networks for all parts
 *   config      settings of the trainers; NULL for the defaults
 *   most_texts  of a batch
 *   threads     results do not depend on it */
graph graph_make(encoder_middle middle, part_set start, const snnk_train_config *config,
                 size_t most_texts, size_t threads);
void graph_free(graph *of);

/* Let all numbers of a network stay as they are. */
void graph_freeze(graph *of, graph_network network);

/* Compute t of a batch, as encoder_embed, but keep what the backward pass needs.
 *   first    n_texts + 1; text i is rows first[i] ... first[i + 1] - 1, at most
 *            ENCODER_MOST_TOKENS. first[0] is 0
 *   X, sums  inputs of block 0, and what its outputs are added to; borrowed until graph_backward */
void graph_forward(graph *of, size_t n_texts, const size_t *first, const float *X,
                   const float *sums);

/* Add to the gradients of all networks that learn, from d_t. */
void graph_backward(graph *of);

/* Change all numbers that learn along their gradients; as snnk_trainer_step. */
void graph_step(graph *of, double scale, double factor);

/* How many numbers learn. */
uint64_t graph_parameters(const graph *of);

/* The parts as they are now, for the caller to free. */
part_set graph_parts(const graph *of);

/* The part of a cosine schedule that is left after a share `done` of all steps: 1 ... 0. */
double graph_schedule(double done);

/* Shuffle (Fisher & Yates) with Knuth's linear congruential generator. */
void graph_shuffle(size_t n, size_t *which, uint64_t *state);

#endif
