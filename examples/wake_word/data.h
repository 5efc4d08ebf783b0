/* Read the files written by features.mjs and convert.py: the inputs of clips, and the original's
 * weights. */
#ifndef WAKE_WORD_DATA_H
#define WAKE_WORD_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/snnk.h>

enum { HIDDEN = 128 };

/* Kinds of clips, as in clips.mjs. */
enum { WAKE = 1, NEAR_MISS = 2, OTHER = 3 };

/* One row for each 80 ms of the clips. The rows of a clip follow one another. */
typedef struct split {
    size_t n, inputs;
    float *X;      /* n x inputs */
    float *scores; /* the original's, by onnxruntime; n */
    int32_t *clip, *kind;
    int32_t *word; /* 1: the wake word has just ended; 0: the clip has none; -1: neither */
} split;

split read_split(const char *directory, const char *name);
void split_free(split *rows);

/* Append a dense layer f(W x + bias). */
void append_dense(snnk_network *network, size_t inputs, size_t outputs, const float *W,
                  const float *bias, int32_t activation);

/* Build the original, output(relu(hidden.1(relu(hidden.0 x)))): the score before the sigmoid. */
snnk_network *read_original(const char *directory, size_t inputs);

#endif
