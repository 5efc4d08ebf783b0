/* Train dense and SNNK layers by gradient descent. */
#ifndef SENTENCE_ENCODER_TRAINABLE_H
#define SENTENCE_ENCODER_TRAINABLE_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/snnk.h>

/* Weights, their gradients, and the running means of Adam (Kingma & Ba 2015). */
typedef struct weights {
    size_t count;
    float *value, *gradient, *mean, *square;
} weights;

typedef enum weights_kind { ROWS, OFFSETS, PSI, BIAS, WEIGHTS_KINDS } weights_kind;

/* A layer y = Psi Phi(x) + b with Phi = h(G x + c). h is ReLU; the first `linear` of the m features
 * are without it. A dense layer W x + b is Psi = W with m = inputs, without G and c. */
typedef struct trainable {
    size_t inputs, outputs, m, linear;
    weights of[WEIGHTS_KINDS];
    int is_alias; /* 1: the values belong to another */
} trainable;

/* Read a layer: a dense one, or an SNNK layer of ReLU features with any linear ones before them. */
trainable trainable_read(const snnk_layer *layer);
void trainable_free(trainable *of);

/* Share the values of `of`, with separate gradients, for another thread. Free the alias before
 * `of`. */
trainable trainable_alias(const trainable *of);

/* Add the gradients of an alias to those of `of`, and set them to 0. */
void trainable_take_gradients(trainable *of, trainable *alias);

/* Make a layer of the current values. activation: for a dense layer. */
snnk_layer *trainable_write(const trainable *of, int32_t activation);

/* Compute Y (n x outputs) from X (n x inputs). Z and Phi (n x m) are written if there are
 * features. */
void trainable_forward(const trainable *of, size_t n, const float *X, float *Z, float *Phi,
                       float *Y);

/* Backpropagate dY, the gradient with respect to Y: add to the gradients of the weights, and set dX
 * (may be NULL) to that with respect to X. Z and Phi: as trainable_forward left them; Phi is
 * overwritten. */
void trainable_back(trainable *of, size_t n, const float *X, const float *Z, float *Phi,
                    const float *dY, float *dX);

/* Take step number `step` (from 1) of Adam with `scale` times the gradients, and set these to 0.
 * rate: the step size, relative to the root mean square of the weights. */
void trainable_step(trainable *of, double rate, uint64_t step, float scale);

/* ---- Products of row-major matrices without gaps ---- */

/* C (rows x columns) = A B */
void product(size_t rows, size_t columns, size_t inner, const float *A, const float *B, float *C);

/* Add n rows to sums. */
void add_rows(size_t n, size_t columns, const float *rows, float *sums);

/* Test gradients and a step. Returns 1 if all is correct; otherwise prints what is wrong. */
int trainable_test(void);

#endif
