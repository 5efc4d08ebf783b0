/* A transformer encoder of the size of BERT-base or ViT-base, whose feed-forward parts can be
 * replaced by SNNK layers. Weights are random; each layer has its own.
 *
 *     attention:     x + W_o softmax(q k^T/8) v, 12 heads of 64, with q, k, v = W x + b
 *     feed-forward:  x + W_2 gelu(W_1 x + b_1) + b_2, 768 -> 3072 -> 768
 *
 * with a layer norm after each (BERT), or before each and at the end (ViT). Products with weights
 * are packed inner products of oneDNN, with GELU fused into that of W_1. */
#ifndef SNNK_BENCH_ENCODER_H
#define SNNK_BENCH_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <snnk/snnk.h>

enum { ENCODER_WIDTH = 768, ENCODER_HEADS = 12, ENCODER_HEAD = 64, ENCODER_HIDDEN = 3072 };

typedef struct encoder_shape {
    size_t layers, batch, tokens; /* rows: batch * tokens */
    bool norm_first;              /* true for ViT */
    size_t features;              /* of the SNNK layers */
    int threads;
} encoder_shape;

typedef struct encoder encoder;

/* ---- Weights ---- */

typedef enum encoder_tensor {
    QKV_WEIGHTS, /* 3 * 768 x 768: rows of q, k, v */
    QKV_BIAS,
    OUTPUT_WEIGHTS,
    OUTPUT_BIAS,
    EXPANSION_WEIGHTS,
    EXPANSION_BIAS,
    CONTRACTION_WEIGHTS,
    CONTRACTION_BIAS,
    ATTENTION_NORM_GAIN, /* of the norm after the residual of attention */
    ATTENTION_NORM_BIAS,
    BLOCK_NORM_GAIN, /* of the norm after the residual of the feed-forward part */
    BLOCK_NORM_BIAS,
    ENCODER_TENSORS
} encoder_tensor;

size_t encoder_tensor_size(encoder_tensor which);

/* The values of a tensor in layer `index`, the same on every call, for the caller to free. */
float *encoder_tensor_values(size_t index, encoder_tensor which);

/* ---- Replacing parts ---- */

/* The part to replace: gelu(W_1 x + b_1), or W_2 gelu(W_1 x + b_1) + b_2. */
typedef enum encoder_part { EXPANSION, BLOCK, ENCODER_PARTS } encoder_part;

typedef struct encoder_replacement {
    encoder_part part;
    size_t k;    /* in the last k layers */
    bool shared; /* by one SNNK layer for all of them instead of k */
} encoder_replacement;

/* The parameters of all layers; the multiply-adds of a forward, with the products of attention. */
uint64_t encoder_parameters(const encoder *e, encoder_replacement replaced);
uint64_t encoder_multiply_adds(const encoder *e, encoder_replacement replaced);

/* The SNNK layer in place of a part of layer `index`. */
const snnk_layer *encoder_snnk(const encoder *e, encoder_part part, size_t index);

/* ---- Running ---- */

/* The shares of the time of a forward. */
typedef enum encoder_share {
    TIME_PROJECTIONS, /* to q, k, v, and the output projection of attention */
    TIME_ATTENTION,   /* both products of attention */
    TIME_SOFTMAX,
    TIME_EXPANSION, /* dense, with GELU */
    TIME_CONTRACTION,
    TIME_SNNK,
    TIME_NORMS, /* with residuals */
    ENCODER_SHARES
} encoder_share;

/* Create an encoder. Exits if there is no memory, or if oneDNN refuses. */
encoder *encoder_create(const encoder_shape *shape);
void encoder_free(encoder *e);

/* Run a forward of the same inputs. Returns seconds, and in shares (ENCODER_SHARES) how they were
 * spent: processor time with one thread, so that other programs do not count; clock time with
 * more. */
double encoder_forward(encoder *e, encoder_replacement replaced, double *shares);

const float *encoder_inputs(const encoder *e);  /* rows x 768 */
const float *encoder_outputs(const encoder *e); /* of the last forward */

/* The largest difference between the outputs of encoder_forward and of a plain forward in double,
 * on the first rows of the last sequence, relative to the largest output. For encoders of one
 * layer. shape: the one it was created with. */
double encoder_error(encoder *e, const encoder_shape *shape, encoder_replacement replaced);

#endif
