#include "distill/small_network.h"

#include <math.h>

#include "base/rows.h"
#include "base/size.h"
#include "network/network.h"

/* Means and standard deviations of the columns of a matrix; deviations of constant ones are 1. */
static void column_moments(size_t n, size_t columns, const float *A, double *mean,
                           double *deviation) {
    for (size_t k = 0; k < columns; k++) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < n; i++) sum += A[i * columns + k];
        mean[k] = sum / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double difference = A[i * columns + k] - mean[k];

            squares += difference * difference;
        }
        deviation[k] = squares > 0 ? sqrt(squares / (double)n) : 1;
    }
}

/* Random weights for inputs of these moments, to outputs of these moments (NULL: 0 and 1). */
typedef struct moments {
    const double *mean, *deviation;
} moments;

static int random_layer(size_t d, size_t l, int32_t activation, uint64_t seed, moments inputs,
                        moments outputs, const snnk_allocator *allocator, snnk_layer **layer) {
    snnk_layer *made = NULL;
    float *W = NULL;
    double *bias;
    int st = snnk_layer_create_dense_random(d, l, activation, seed, allocator, &made);

    if (st == SNNK_OK) st = snnk__layer_copy_weights(made, allocator, &W, &bias);
    for (size_t o = 0; st == SNNK_OK && o < l; o++) {
        const double by = outputs.deviation ? outputs.deviation[o] : 1;
        double shift = 0;

        for (size_t k = 0; k < d; k++) {
            const double w = by * W[o * d + k] / (inputs.deviation ? inputs.deviation[k] : 1);

            W[o * d + k] = (float)w;
            if (inputs.mean) shift += w * inputs.mean[k];
        }
        bias[o] = (outputs.mean ? outputs.mean[o] : 0) - shift;
    }
    if (st == SNNK_OK)
        st = snnk__layer_create_dense(d, l, W, d, (snnk__numbers){.f64 = bias}, activation,
                                      allocator, layer);
    snnk__free(allocator, W);
    snnk_layer_free(made);
    return st;
}

/* The activation of the first dense layer that has one. */
static int32_t activation_of(const snnk_network *network) {
    for (size_t k = 0; k < network->n_layers; k++) {
        const int32_t activation = snnk_layer_activation(network->layers[k]);

        if (activation > SNNK_STEP) return activation;
    }
    return SNNK_RELU;
}

/* Create the network to begin with. moments: 2 (d + l) doubles of scratch. */
static int begin(const snnk__tune *tune, const snnk_network *network, size_t h, double *scratch,
                 snnk_network **start) {
    const snnk_rows *rows = tune->rows;
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    const uint64_t seed = tune->distill->seed;
    const moments x = {scratch, scratch + d}, none = {0};
    const moments y = {scratch + 2 * d, scratch + 2 * d + l};
    snnk_layer *layers[2] = {NULL, NULL};
    snnk_network *made = NULL;
    int st;

    column_moments(rows->n, d, rows->X, scratch, scratch + d);
    if (rows->Y) column_moments(rows->n, l, rows->Y, scratch + 2 * d, scratch + 2 * d + l);
    st = random_layer(d, h, activation_of(network), seed, x, none, &network->allocator, &layers[0]);
    if (st == SNNK_OK)
        st = random_layer(h, l, SNNK_IDENTITY, seed + 1, none, rows->Y ? y : none,
                          &network->allocator, &layers[1]);
    if (st == SNNK_OK) st = snnk_network_create(&network->allocator, &made);
    for (size_t k = 0; st == SNNK_OK && k < 2; k++) st = snnk_network_append(made, layers[k]);
    snnk_layer_free(layers[0]);
    snnk_layer_free(layers[1]);
    if (st == SNNK_OK)
        *start = made;
    else
        snnk_network_free(made);
    return st;
}

int snnk__small_network(const snnk__tune *tune, const snnk_network *network, uint64_t parameters,
                        snnk_network **small) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    const snnk_allocator *allocator = &network->allocator;
    snnk__tune all = *tune;
    snnk_network *start = NULL;
    double *scratch = NULL;
    uint64_t epoch;
    size_t doubles;
    int st;

    *small = NULL;
    if (parameters < (uint64_t)l + d + 1 + l) return SNNK_OK;
    const size_t h = (size_t)((parameters - l) / (d + 1 + l));

    if (!snnk__add_size(d, l, &doubles) || !snnk__mul_size(doubles, 2, &doubles))
        return snnk__fail(SNNK_E_SIZE, "%zu inputs and %zu outputs overflow size_t", d, l);
    st = snnk__alloc(allocator, doubles, sizeof *scratch, "moments", &scratch);
    if (st == SNNK_OK) st = begin(tune, network, h, scratch, &start);
    all.learns = NULL;
    if (st == SNNK_OK) st = snnk__compress_tune(&all, start, small, &epoch);
    snnk_network_free(start);
    snnk__free(allocator, scratch);
    return st;
}
