/* Tuning of what stands in the parts' places, end to end: by the embeddings of texts, which are to be the
 * original's. Steps down the gradient of the mean of 1 - cos(embedding, the original's), through pooler, blocks,
 * norms and attention, of which blocks and pooler change. */
#ifndef SENTENCE_ENCODER_TUNE_H
#define SENTENCE_ENCODER_TUNE_H

#include "compress.h"
#include "measure.h"

typedef struct tune_options {
    int32_t epochs; /* passes over the texts */
    double rate;    /* of a step, relative (trainable_step); falls to 0 along a cosine */
} tune_options;

typedef struct tune_result {
    part_set set;         /* for the caller to free */
    double before, after; /* mean cosine to the original, of the texts that were held out */
    double seconds;
} tune_result;

/* start: of the blocks SNNK layers, one in both places or not (one in both stays one); of the pooler a dense layer.
 * E: the original's embeddings of the texts of `list`, one in TUNE_HELD_OUT of which only judges. */
tune_result tune(sentence_encoder *encoder, part_set start, const token_list *list, const float *E,
                 tune_options options);

enum { TUNE_HELD_OUT = 20 };

/* The largest relative error of gradients, next to differences of the loss: of each kind of weights of each part,
 * along the gradient; for the first few texts of `list`, with some neurons of each block in its place. */
double tune_gradient_error(sentence_encoder *encoder, const token_list *list);

#endif
