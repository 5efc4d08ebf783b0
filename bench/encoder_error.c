/* The encoder in plain C and double, for a few rows, to check the fast one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "encoder.h"

enum { WIDTH = ENCODER_WIDTH, HIDDEN = ENCODER_HIDDEN, HEADS = ENCODER_HEADS, HEAD = ENCODER_HEAD };
enum { ROWS = 4 }; /* rows compared */

static double *room(size_t count) {
    double *made = calloc(count, sizeof *made);

    if (!made) {
        fprintf(stderr, "out of memory for %zu doubles\n", count);
        exit(1);
    }
    return made;
}

/* y = W x + b, with rows first ... first + count - 1 of W and b. */
static void affine(encoder_tensor which, size_t first, size_t count, size_t n, size_t width,
                   const double *X, double *Y) {
    float *W = encoder_tensor_values(0, which), *b = encoder_tensor_values(0, which + 1);

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < count; j++) {
            const float *row = W + (first + j) * width;
            double sum = b[first + j];

            for (size_t c = 0; c < width; c++) sum += row[c] * X[i * width + c];
            Y[i * count + j] = sum;
        }
    free(W);
    free(b);
}

static void norm(encoder_tensor gain, size_t n, const double *X, double *normed) {
    float *g = encoder_tensor_values(0, gain), *b = encoder_tensor_values(0, gain + 1);

    for (size_t i = 0; i < n; i++) {
        const double *x = X + i * WIDTH;
        double mean = 0, variance = 0;

        for (size_t j = 0; j < WIDTH; j++) mean += x[j] / WIDTH;
        for (size_t j = 0; j < WIDTH; j++) variance += (x[j] - mean) * (x[j] - mean) / WIDTH;
        for (size_t j = 0; j < WIDTH; j++)
            normed[i * WIDTH + j] = g[j] * (x[j] - mean) / sqrt(variance + 1e-12) + b[j];
    }
    free(g);
    free(b);
}

/* The context of one row and head. q: 64 numbers; kv: for each token a row of 1536, k first. */
static void attend(size_t tokens, const double *q, const double *k, double *context) {
    double *score = room(tokens), sum = 0;

    for (size_t t = 0; t < tokens; t++) {
        for (size_t j = 0; j < HEAD; j++) score[t] += q[j] * k[t * 2 * WIDTH + j];
        score[t] = exp(score[t] / sqrt(HEAD));
        sum += score[t];
    }
    for (size_t t = 0; t < tokens; t++)
        for (size_t j = 0; j < HEAD; j++)
            context[j] += score[t] / sum * k[t * 2 * WIDTH + WIDTH + j];
    free(score);
}

static void snnk(const encoder *e, encoder_part part, const double *X, double *Y) {
    const snnk_layer *layer = encoder_snnk(e, part, 0);
    const size_t outputs = snnk_layer_outputs(layer);
    float x[WIDTH], y[HIDDEN];

    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < WIDTH; j++) x[j] = (float)X[i * WIDTH + j];
        if (snnk_layer_forward(layer, 1, x, WIDTH, y, outputs, NULL) != SNNK_OK) {
            fprintf(stderr, "bench_encoder: %s\n", snnk_last_error());
            exit(1);
        }
        for (size_t j = 0; j < outputs; j++) Y[i * outputs + j] = y[j];
    }
}

static void feed_forward(const encoder *e, encoder_replacement replaced, const double *X,
                         double *Y) {
    double *hidden = room(ROWS * HIDDEN);

    if (replaced.k > 0 && replaced.part == BLOCK) {
        snnk(e, BLOCK, X, Y);
    } else {
        if (replaced.k > 0) {
            snnk(e, EXPANSION, X, hidden);
        } else {
            affine(EXPANSION_WEIGHTS, 0, HIDDEN, ROWS, WIDTH, X, hidden);
            for (size_t i = 0; i < ROWS * HIDDEN; i++)
                hidden[i] *= 0.5 * (1 + erf(hidden[i] / sqrt(2)));
        }
        affine(CONTRACTION_WEIGHTS, 0, WIDTH, ROWS, HIDDEN, hidden, Y);
    }
    free(hidden);
}

/* x += y and normed = norm(x). Unless norm_first, that is also the new x. */
static void add_norm(bool norm_first, encoder_tensor gain, double *x, const double *y,
                     double *normed) {
    for (size_t i = 0; i < ROWS * WIDTH; i++) x[i] += y[i];
    norm(gain, ROWS, x, normed);
    for (size_t i = 0; i < ROWS * WIDTH && !norm_first; i++) x[i] = normed[i];
}

/* Compute the outputs of the first ROWS rows of a sequence. */
static void plain_forward(const encoder *e, const encoder_shape *shape, size_t sequence,
                          encoder_replacement replaced, double *outputs) {
    const size_t tokens = shape->tokens;
    const float *inputs = encoder_inputs(e) + sequence * tokens * WIDTH;
    double *x = room(tokens * WIDTH), *all = room(tokens * WIDTH), *kv = room(tokens * 2 * WIDTH);
    double *q = room(ROWS * WIDTH), *context = room(ROWS * WIDTH), *added = room(ROWS * WIDTH);

    for (size_t i = 0; i < tokens * WIDTH; i++) all[i] = x[i] = inputs[i];
    if (shape->norm_first) norm(BLOCK_NORM_GAIN, tokens, x, all);
    affine(QKV_WEIGHTS, 0, WIDTH, ROWS, WIDTH, all, q);
    affine(QKV_WEIGHTS, WIDTH, 2 * WIDTH, tokens, WIDTH, all, kv);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t h = 0; h < HEADS; h++)
            attend(tokens, q + i * WIDTH + h * HEAD, kv + h * HEAD, context + i * WIDTH + h * HEAD);
    affine(OUTPUT_WEIGHTS, 0, WIDTH, ROWS, WIDTH, context, added);
    add_norm(shape->norm_first, ATTENTION_NORM_GAIN, x, added, outputs);
    feed_forward(e, replaced, outputs, added);
    add_norm(shape->norm_first, BLOCK_NORM_GAIN, x, added, outputs);
    free(x);
    free(all);
    free(kv);
    free(q);
    free(context);
    free(added);
}

double encoder_error(encoder *e, const encoder_shape *shape, encoder_replacement replaced) {
    double shares[ENCODER_SHARES], largest = 0, difference = 0;
    double *outputs = room(ROWS * WIDTH);
    const size_t sequence = shape->batch - 1;
    const float *ours = encoder_outputs(e) + sequence * shape->tokens * WIDTH;

    plain_forward(e, shape, sequence, replaced, outputs);
    encoder_forward(e, replaced, shares);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        largest = fmax(largest, fabs(outputs[i]));
        difference = fmax(difference, fabs(outputs[i] - (double)ours[i]));
    }
    free(outputs);
    return difference / largest;
}
