/* Fewer features for each hidden layer of a perceptron, and all of them as one bundle.
 *
 * A hidden layer relu(W x + b) becomes Psi Phi(x) + bias. Phi is those of its neurons that matter most to
 * the output of the whole, and for the first layer some lines: the linear directions that tell most
 * of the layer's outputs that the output of the whole depends on (reduced-rank regression). Psi is
 * least squares, on inputs as the compressed layer before makes them. Bundling then removes both
 * hidden widths: what is left are two towers and the last Psi, fitted once more. */
#ifndef WAKE_WORD_COMPRESS_H
#define WAKE_WORD_COMPRESS_H

#include "data.h"

enum { MAX_LINES = 4 };

/* What features are chosen from, most important first. */
typedef struct candidates {
    size_t neurons[2][HIDDEN];
    float *lines; /* MAX_LINES x INPUTS, of the first layer */
} candidates;

candidates find_candidates(const perceptron *original, size_t n, const float *X,
                           snnk_workspace *workspace);
void candidates_free(candidates *of);

typedef struct budget {
    size_t features[2]; /* of each layer, lines among them */
    size_t lines;
} budget;

/* Fitted on n rows of X, to the original's output. */
snnk_network *compress(const perceptron *original, const candidates *from, budget features,
                       size_t n, const float *X, snnk_workspace *workspace);

/* y = B x + b fitted to Y (n x outputs); lambda is chosen on held-out rows. */
snnk_layer *fit_linear(size_t outputs, size_t n, const float *X, const float *Y,
                       snnk_workspace *workspace);

#endif
