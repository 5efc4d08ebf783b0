/* What features.mjs and convert.py wrote: inputs of clips, and the weights of the original. */
#ifndef WAKE_WORD_DATA_H
#define WAKE_WORD_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/network.h>

enum { INPUTS = 1536, HIDDEN = 128 };

/* Kinds of clips, as in clips.mjs. */
enum { WAKE = 1, NEAR_MISS = 2, OTHER = 3 };

/* One row for each 80 ms of the clips, which are whole runs of rows. */
typedef struct split {
    size_t n;
    float *X;      /* n x INPUTS */
    float *scores; /* of the original by onnxruntime, n */
    int32_t *clip, *kind;
    int32_t *word; /* 1: the wake word has just ended; 0: a clip without it; -1: neither */
} split;

split read_split(const char *directory, const char *name);
void split_free(split *rows);

typedef struct dense {
    size_t inputs, outputs;
    float *W, *bias;
} dense;

/* sigmoid(output(relu(hidden[1](relu(hidden[0] x))))) */
typedef struct perceptron {
    dense hidden[2], output;
} perceptron;

perceptron read_perceptron(const char *directory);
void perceptron_free(perceptron *original);

/* The same as a network, without the sigmoid. */
snnk_network *perceptron_network(const perceptron *original);

#endif
