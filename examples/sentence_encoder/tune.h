/* Tune the replaced parts end to end, so that embeddings of texts come close to the original's. The
 * loss is the mean of 1 - cos(embedding, the original's). Its gradient passes through the pooler,
 * blocks, norms and attention (graph.h); the blocks and the pooler change. */
#ifndef SENTENCE_ENCODER_TUNE_H
#define SENTENCE_ENCODER_TUNE_H

#include "compress.h"
#include "measure.h"

typedef struct tune_options {
    int32_t epochs; /* passes over the texts */
    double rate;    /* of snnk_train_config, relative; falls to 0 along a cosine */
    size_t threads; /* results do not depend on it */
} tune_options;

typedef struct tune_result {
    part_set set;         /* for the caller to free */
    double before, after; /* mean cosine to the original on the held-out texts */
    double seconds;
} tune_result;

/* Tune a set of parts.
 *   start  SNNK layers for the blocks, and a dense layer for the pooler. One layer may replace both
 *          blocks, and remains one layer
 *   list   texts; one in TUNE_HELD_OUT of them is held out
 *   E      the original's embeddings of these texts */
tune_result tune(sentence_encoder *encoder, part_set start, const token_list *list, const float *E,
                 tune_options options);

enum { TUNE_HELD_OUT = 20 };

/* The largest relative error of a gradient compared with differences of the loss along it, over all
 * arrays of numbers of all parts. On the first few texts of `list`, with some neurons in place of
 * each block, and with the same neurons in place of both. */
double tune_gradient_error(sentence_encoder *encoder, const token_list *list);

#endif
