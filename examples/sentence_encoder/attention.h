/* Layer norm and attention, forwards and backwards: what stands between the encoder's dense layers. */
#ifndef SENTENCE_ENCODER_ATTENTION_H
#define SENTENCE_ENCODER_ATTENTION_H

#include <stddef.h>

#include <snnk/snnk.h>

typedef struct layer_norm {
    float *weight, *bias;
} layer_norm;

/* Y = (x - mean) / sqrt(variance + 1e-6) * weight + bias, row by row. X, Y: n x width. */
void norm_apply(const layer_norm *norm, size_t n, size_t width, const float *X, float *Y);

/* dX += what a gradient dY in Y means in X. */
void norm_back(const layer_norm *norm, size_t n, size_t width, const float *X, const float *dY,
               float *dX);

enum { ATTENTION_HEADS = 4 };

/* Texts, each by itself: text i is rows first[i] - first[0] ... first[i + 1] - first[0] - 1. Of each of the heads Y
 * = softmax(Q K^T / sqrt(width / heads)) V. Rows of qkv: queries, keys and values, `width` each; of Y: width. room:
 * the square of the longest text's tokens. */
void attention_apply(size_t n_texts, const size_t *first, size_t width, const float *qkv, float *Y,
                     float *room);

/* dqkv = what a gradient dY in Y means in qkv. room: twice as much. */
void attention_back(size_t n_texts, const size_t *first, size_t width, const float *qkv,
                    const float *dY, float *dqkv, float *room);

/* ---- Beside them ---- */

/* Y = dense(X), n rows; both packed. */
void apply_dense(const snnk_layer *dense, size_t n, const float *X, float *Y,
                 snnk_workspace *workspace);

/* y += x */
void add_to(size_t n, const float *x, float *y);

/* |x|^2 */
float squares_of(size_t n, const float *x);

/* 1 if gradients are what differences say; what is not goes to stderr. */
int attention_test(void);

#endif
