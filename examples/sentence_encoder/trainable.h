/* Dense and SNNK layers that learn by steps down a gradient. */
#ifndef SENTENCE_ENCODER_TRAINABLE_H
#define SENTENCE_ENCODER_TRAINABLE_H

#include <stddef.h>
#include <stdint.h>

#include <snnk/snnk.h>

/* Numbers, their gradient, and the running means of Adam (Kingma & Ba 2015). */
typedef struct weights {
    size_t count;
    float *value, *gradient, *mean, *square;
} weights;

typedef enum weights_kind { ROWS, OFFSETS, PSI, BIAS, WEIGHTS_KINDS } weights_kind;

/* y = Psi Phi(x) + b, Phi = h(G x + c), where the first `linear` of m features are without h, which is ReLU; or a
 * dense layer's W x + b: that is Psi = W, m = inputs, and neither G nor c. */
typedef struct trainable {
    size_t inputs, outputs, m, linear;
    weights of[WEIGHTS_KINDS];
    int is_alias; /* the values are another's */
} trainable;

/* From a layer: an SNNK layer of ReLU features, linear ones before them or not; or a dense layer. */
trainable trainable_read(const snnk_layer *layer);
void trainable_free(trainable *of);

/* The same values, those of `of` themselves, with gradients of its own: for another thread. Free it first. */
trainable trainable_alias(const trainable *of);

/* Add an alias's gradients to those of `of`; the alias's become 0. */
void trainable_take_gradients(trainable *of, trainable *alias);

/* A layer as it is now; activation: of a dense one. */
snnk_layer *trainable_write(const trainable *of, int32_t activation);

/* Y = its outputs; Z, Phi: n x m, are written where there are features. X: n x inputs, Y: n x outputs. */
void trainable_forward(const trainable *of, size_t n, const float *X, float *Z, float *Phi,
                       float *Y);

/* Add what a gradient dY in Y means to the gradients of weights; and dX = what it means in X, or NULL. Z and Phi as
 * forward left them; Phi becomes scratch. */
void trainable_back(trainable *of, size_t n, const float *X, const float *Z, float *Phi,
                    const float *dY, float *dX);

/* Adam's step number `step`, from 1 on, with `scale` times the gradients, which become 0. rate: of a step, in root
 * mean squares of what it changes. */
void trainable_step(trainable *of, double rate, uint64_t step, float scale);

/* ---- Products: row-major, packed ---- */

/* C (rows x columns) = A B */
void product(size_t rows, size_t columns, size_t inner, const float *A, const float *B, float *C);

/* sums += the sum of n rows */
void add_rows(size_t n, size_t columns, const float *rows, float *sums);

/* 1 if gradients and a step are what they should be; what is not goes to stderr. */
int trainable_test(void);

#endif
