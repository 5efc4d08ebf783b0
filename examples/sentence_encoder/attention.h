/* Layer norm and attention, forward and backward: the operations between the encoder's dense
 * layers. */
#ifndef SENTENCE_ENCODER_ATTENTION_H
#define SENTENCE_ENCODER_ATTENTION_H

#include <stddef.h>

#include <snnk/snnk.h>

typedef struct layer_norm {
    float *weight, *bias;
} layer_norm;

/* Y = (x - mean) / sqrt(variance + 1e-6) * weight + bias, row by row. X, Y: n x width. */
void norm_apply(const layer_norm *norm, size_t n, size_t width, const float *X, float *Y);

/* dX += the gradient with respect to X, given dY, the gradient with respect to Y. */
void norm_back(const layer_norm *norm, size_t n, size_t width, const float *X, const float *dY,
               float *dX);

enum { ATTENTION_HEADS = 4 };

/* Attention within each text: Y = softmax(Q K^T / sqrt(width / heads)) V for each head.
 *   first  n_texts + 1; text i is rows first[i] - first[0] ... first[i + 1] - first[0] - 1
 *   qkv    rows of queries, keys and values, `width` each
 *   Y      rows of `width`
 *   room   scratch, the square of the number of tokens of the longest text */
void attention_apply(size_t n_texts, const size_t *first, size_t width, const float *qkv, float *Y,
                     float *room);

/* Set dqkv to the gradient with respect to qkv, given dY, the gradient with respect to Y. room:
 * twice the size. */
void attention_back(size_t n_texts, const size_t *first, size_t width, const float *qkv,
                    const float *dY, float *dqkv, float *room);

/* ---- Helpers ---- */

/* Y = dense(X) for n rows without gaps. */
void apply_dense(const snnk_layer *dense, size_t n, const float *X, float *Y,
                 snnk_workspace *workspace);

/* y += x */
void add_to(size_t n, const float *x, float *y);

/* |x|^2 */
float squares_of(size_t n, const float *x);

/* Test gradients against differences. 1 if they agree; otherwise prints what is wrong. */
int attention_test(void);

#endif
