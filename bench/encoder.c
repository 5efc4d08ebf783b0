#define _POSIX_C_SOURCE 200809L
#include "encoder.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"
#include "rivals.h"
#include "rows.h"

enum { WIDTH = ENCODER_WIDTH, HIDDEN = ENCODER_HIDDEN, HEADS = ENCODER_HEADS, HEAD = ENCODER_HEAD };

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != SNNK_OK) {                                                                   \
            fprintf(stderr, "bench_encoder: %s\n", snnk_last_error());                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

typedef struct layer {
    float *values[ENCODER_TENSORS]; /* NULL for weights that oneDNN has packed */
    onednn_layer *qkv, *output, *expansion, *contraction;
    snnk_layer *snnk[ENCODER_PARTS];
} layer;

struct encoder {
    encoder_shape shape;
    size_t rows;
    float *inputs, *residual, *normed; /* rows x 768; norms last: the residual is the normed */
    float *qkv;                        /* rows x 3 * 768 */
    float *context;                    /* of attention, rows x 768 */
    float *hidden;                     /* rows x 3072 */
    float *added;                      /* what is added to the residual next, rows x 768 */
    float *scores;                     /* of one head, for each thread, tokens x tokens */
    snnk_workspace *workspace;
    layer *layers;
};

/* ---- Weights ---- */

static const size_t tensor_shapes[ENCODER_TENSORS][2] = {
    [QKV_WEIGHTS] = {3 * WIDTH, WIDTH},      [QKV_BIAS] = {3 * WIDTH, 1},
    [OUTPUT_WEIGHTS] = {WIDTH, WIDTH},       [OUTPUT_BIAS] = {WIDTH, 1},
    [EXPANSION_WEIGHTS] = {HIDDEN, WIDTH},   [EXPANSION_BIAS] = {HIDDEN, 1},
    [CONTRACTION_WEIGHTS] = {WIDTH, HIDDEN}, [CONTRACTION_BIAS] = {WIDTH, 1},
    [ATTENTION_NORM_GAIN] = {WIDTH, 1},      [ATTENTION_NORM_BIAS] = {WIDTH, 1},
    [BLOCK_NORM_GAIN] = {WIDTH, 1},          [BLOCK_NORM_BIAS] = {WIDTH, 1}};

size_t encoder_tensor_size(encoder_tensor which) {
    return tensor_shapes[which][0] * tensor_shapes[which][1];
}

/* Uniform numbers. Weights are scaled so that outputs are as large as inputs; biases are around 0,
 * gains around 1. */
float *encoder_tensor_values(size_t index, encoder_tensor which) {
    const size_t count = encoder_tensor_size(which), columns = tensor_shapes[which][1];
    const bool gain = which == ATTENTION_NORM_GAIN || which == BLOCK_NORM_GAIN;
    const float scale = columns > 1 ? sqrtf(12.0f / (float)columns) : 0.2f;
    uint32_t state = (uint32_t)(index * ENCODER_TENSORS + which) * 2654435761u;
    float *values = measure_floats(count);

    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = scale * ((float)(state >> 8) * 0x1p-24f - 0.5f) + (gain ? 1.0f : 0.0f);
    }
    return values;
}

static bool is_weights(encoder_tensor which) { return tensor_shapes[which][1] > 1; }

static onednn_layer *product(const encoder *e, size_t index, encoder_tensor weights,
                             rival_activation f, float *from, float *to) {
    float *W = encoder_tensor_values(index, weights);
    onednn_layer *made =
        onednn_create(e->rows, tensor_shapes[weights][1], tensor_shapes[weights][0], f, 0, from, W,
                      e->layers[index].values[weights + 1], to);

    free(W);
    return made;
}

/* Random rows and Psi. Features have entries of size |x|/sqrt(2 m), |x| about sqrt(768). */
static snnk_layer *snnk(const encoder_shape *shape, size_t index, encoder_part part,
                        const float *bias) {
    const size_t m = shape->features, outputs = part == EXPANSION ? HIDDEN : WIDTH;
    float *Psi = measure_floats(outputs * m);
    snnk_map_config config;
    snnk_layer *made;
    snnk_map *map;

    for (size_t i = 0; i < outputs * m; i++) Psi[i] *= sqrtf(24.0f / (float)WIDTH);
    CHECK(snnk_map_config_init(&config, sizeof config));
    config.features = m;
    config.seed = index;
    CHECK(snnk_map_create(WIDTH, &config, NULL, &map));
    CHECK(snnk_layer_create(map, outputs, Psi, m, bias, &made));
    snnk_map_free(map);
    free(Psi);
    return made;
}

static void create_layer(encoder *e, size_t index) {
    layer *made = &e->layers[index];

    for (encoder_tensor t = 0; t < ENCODER_TENSORS; t++)
        if (!is_weights(t)) made->values[t] = encoder_tensor_values(index, t);
    made->qkv = product(e, index, QKV_WEIGHTS, RIVAL_NONE, e->normed, e->qkv);
    made->output = product(e, index, OUTPUT_WEIGHTS, RIVAL_NONE, e->context, e->added);
    made->expansion = product(e, index, EXPANSION_WEIGHTS, RIVAL_GELU, e->normed, e->hidden);
    made->contraction = product(e, index, CONTRACTION_WEIGHTS, RIVAL_NONE, e->hidden, e->added);
    made->snnk[EXPANSION] = snnk(&e->shape, index, EXPANSION, made->values[EXPANSION_BIAS]);
    made->snnk[BLOCK] = snnk(&e->shape, index, BLOCK, made->values[CONTRACTION_BIAS]);
}

encoder *encoder_create(const encoder_shape *shape) {
    encoder *e = calloc(1, sizeof *e);
    layer *layers = calloc(shape->layers, sizeof *layers);

    if (!e || !layers) {
        fprintf(stderr, "out of memory for an encoder\n");
        exit(1);
    }
    omp_set_num_threads(shape->threads);
    *e = (encoder){.shape = *shape, .rows = shape->batch * shape->tokens, .layers = layers};
    e->inputs = measure_floats(e->rows * WIDTH);
    for (size_t i = 0; i < e->rows * WIDTH; i++) e->inputs[i] *= sqrtf(12); /* of variance one */
    e->residual = measure_floats(e->rows * WIDTH);
    e->normed = shape->norm_first ? measure_floats(e->rows * WIDTH) : e->residual;
    e->qkv = measure_floats(e->rows * 3 * WIDTH);
    e->context = measure_floats(e->rows * WIDTH);
    e->hidden = measure_floats(e->rows * HIDDEN);
    e->added = measure_floats(e->rows * WIDTH);
    e->scores = measure_floats((size_t)shape->threads * shape->tokens * shape->tokens);
    CHECK(snnk_workspace_create((size_t)shape->threads, NULL, &e->workspace));
    for (size_t index = 0; index < shape->layers; index++) create_layer(e, index);
    return e;
}

void encoder_free(encoder *e) {
    for (size_t index = 0; index < e->shape.layers; index++) {
        layer *at = &e->layers[index];

        for (encoder_tensor t = 0; t < ENCODER_TENSORS; t++) free(at->values[t]);
        onednn_free(at->qkv);
        onednn_free(at->output);
        onednn_free(at->expansion);
        onednn_free(at->contraction);
        for (int part = 0; part < ENCODER_PARTS; part++) snnk_layer_free(at->snnk[part]);
    }
    if (e->normed != e->residual) free(e->normed);
    free(e->inputs);
    free(e->residual);
    free(e->qkv);
    free(e->context);
    free(e->hidden);
    free(e->added);
    free(e->scores);
    snnk_workspace_free(e->workspace);
    free(e->layers);
    free(e);
}

/* ---- Replacing parts ---- */

static bool is_replaced(const encoder *e, encoder_replacement replaced, encoder_part part,
                        size_t index) {
    return replaced.part == part && index >= e->shape.layers - replaced.k;
}

const snnk_layer *encoder_snnk(const encoder *e, encoder_part part, size_t index) {
    return e->layers[index].snnk[part];
}

/* The layer whose SNNK layer is used. */
static size_t source(const encoder *e, encoder_replacement replaced, size_t index) {
    return replaced.shared ? e->shape.layers - 1 : index;
}

uint64_t encoder_parameters(const encoder *e, encoder_replacement replaced) {
    const size_t expansion =
        encoder_tensor_size(EXPANSION_WEIGHTS) + encoder_tensor_size(EXPANSION_BIAS);
    const size_t contraction =
        encoder_tensor_size(CONTRACTION_WEIGHTS) + encoder_tensor_size(CONTRACTION_BIAS);
    const uint64_t gone = expansion + (replaced.part == BLOCK ? contraction : 0);
    const uint64_t ours = snnk_layer_parameters(encoder_snnk(e, replaced.part, 0));
    uint64_t sum = 0;

    for (encoder_tensor t = 0; t < ENCODER_TENSORS; t++)
        sum += e->shape.layers * encoder_tensor_size(t);
    if (e->shape.norm_first) sum += 2 * WIDTH; /* the norm at the end */
    return sum - replaced.k * gone + (replaced.shared && replaced.k > 0 ? 1 : replaced.k) * ours;
}

uint64_t encoder_multiply_adds(const encoder *e, encoder_replacement replaced) {
    const uint64_t gone = (replaced.part == BLOCK ? 2 : 1) * encoder_tensor_size(EXPANSION_WEIGHTS);
    const uint64_t ours = snnk_layer_multiply_adds(encoder_snnk(e, replaced.part, 0));
    uint64_t of_layer = 2 * e->shape.tokens * WIDTH; /* attention */

    for (encoder_tensor t = 0; t < ENCODER_TENSORS; t++)
        if (is_weights(t)) of_layer += encoder_tensor_size(t);
    return e->rows * (e->shape.layers * of_layer - replaced.k * (gone - ours));
}

/* ---- Forward ---- */

static double now(const encoder *e) {
    struct timespec time;

    clock_gettime(e->shape.threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Add the seconds since *start to a share, and start again. */
static void lap(const encoder *e, double *start, double *share) {
    const double stop = now(e);

    *share += stop - *start;
    *start = stop;
}

/* One head of one sequence. Returns seconds of the softmax. */
static double attend(const encoder *e, size_t sequence, size_t head, float *scores) {
    const size_t tokens = e->shape.tokens;
    const float *q = e->qkv + sequence * tokens * 3 * WIDTH + head * HEAD, *k = q + WIDTH,
                *v = k + WIDTH;
    float *to = e->context + sequence * tokens * WIDTH + head * HEAD;
    const float scale = 1 / sqrtf(HEAD);
    double start, seconds = 0;

    onednn_product(tokens, tokens, HEAD, scale, q, 3 * WIDTH, k, 3 * WIDTH, 1, scores, tokens);
    start = now(e);
    rows_softmax(tokens, tokens, scores);
    lap(e, &start, &seconds);
    onednn_product(tokens, HEAD, tokens, 1, scores, tokens, v, 3 * WIDTH, 0, to, WIDTH);
    return seconds;
}

/* The scores of a head stay in the cache between its two products. Returns seconds of softmax for
 * each thread. */
static double attention(const encoder *e) {
    const size_t tokens = e->shape.tokens, heads = e->shape.batch * HEADS;
    double seconds = 0;

#pragma omp parallel for reduction(+ : seconds)
    for (size_t i = 0; i < heads; i++)
        seconds += attend(e, i / HEADS, i % HEADS,
                          e->scores + (size_t)omp_get_thread_num() * tokens * tokens);
    return seconds / e->shape.threads;
}

static void feed_forward(const encoder *e, encoder_replacement replaced, size_t index,
                         double *start, double *shares) {
    const snnk_layer *ours = encoder_snnk(e, replaced.part, source(e, replaced, index));

    if (is_replaced(e, replaced, BLOCK, index)) {
        CHECK(snnk_layer_forward(ours, e->rows, e->normed, WIDTH, e->added, WIDTH, e->workspace));
        lap(e, start, &shares[TIME_SNNK]);
        return;
    }
    if (is_replaced(e, replaced, EXPANSION, index)) {
        CHECK(snnk_layer_forward(ours, e->rows, e->normed, WIDTH, e->hidden, HIDDEN, e->workspace));
        lap(e, start, &shares[TIME_SNNK]);
    } else {
        onednn_run(e->layers[index].expansion);
        lap(e, start, &shares[TIME_EXPANSION]);
    }
    onednn_run(e->layers[index].contraction);
    lap(e, start, &shares[TIME_CONTRACTION]);
}

/* residual += added, then the next norm. */
static void add_norm(const encoder *e, size_t index, encoder_tensor gain, const float *added) {
    float *const *values = e->layers[index].values;

    rows_add_norm(e->rows, WIDTH, e->residual, added, values[gain], values[gain + 1], e->normed);
}

double encoder_forward(encoder *e, encoder_replacement replaced, double *shares) {
    const double begin = now(e);
    double start = begin;

    memset(shares, 0, ENCODER_SHARES * sizeof *shares);
    memcpy(e->residual, e->inputs, e->rows * WIDTH * sizeof *e->inputs);
    if (e->shape.norm_first)
        add_norm(e, 0, BLOCK_NORM_GAIN, NULL); /* weights are random, so any norm will do */
    lap(e, &start, &shares[TIME_NORMS]);
    for (size_t index = 0; index < e->shape.layers; index++) {
        onednn_run(e->layers[index].qkv);
        lap(e, &start, &shares[TIME_PROJECTIONS]);
        const double softmax = attention(e);
        lap(e, &start, &shares[TIME_ATTENTION]);
        shares[TIME_ATTENTION] -= softmax;
        shares[TIME_SOFTMAX] += softmax;
        onednn_run(e->layers[index].output);
        lap(e, &start, &shares[TIME_PROJECTIONS]);
        add_norm(e, index, ATTENTION_NORM_GAIN, e->added);
        lap(e, &start, &shares[TIME_NORMS]);
        feed_forward(e, replaced, index, &start, shares);
        add_norm(e, index, BLOCK_NORM_GAIN, e->added);
        lap(e, &start, &shares[TIME_NORMS]);
    }
    return now(e) - begin;
}

const float *encoder_inputs(const encoder *e) { return e->inputs; }
const float *encoder_outputs(const encoder *e) { return e->normed; }
