/* Layers with random weights. */
#include <math.h>

#include "base/random.h"
#include "base/size.h"
#include "kernels/elementwise.h"
#include "layer/layer.h"
#include "spectrum/activation.h"

/* Set W (outputs x columns) to normal numbers of this standard deviation. */
static int draw(size_t outputs, size_t columns, double deviation, uint64_t seed,
                const snnk_allocator *allocator, float **W) {
    double *row = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(outputs, columns, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu x %zu weights overflow size_t", outputs, columns);
    st = snnk__alloc(allocator, count, sizeof **W, "weights", W);
    if (st == SNNK_OK) st = snnk__alloc(allocator, columns, sizeof *row, "a row", &row);
    for (size_t o = 0; st == SNNK_OK && o < outputs; o++) {
        snnk__random_normal(seed, SNNK__STREAM_WEIGHTS, o, 0, columns, row);
        for (size_t j = 0; j < columns; j++) (*W)[o * columns + j] = (float)(deviation * row[j]);
    }
    snnk__free(allocator, row);
    return st;
}

/* E h(z)^2 for a standard normal z, by the trapezoidal rule. */
static double mean_square(int32_t activation) {
    const double step = 1.0 / 16, density = 0.39894228040143267794;
    double sum = 0;

    for (int i = -8 * 16; i <= 8 * 16; i++) {
        const double z = i * step;
        float at = (float)z, y = 0;

        snnk__activation_apply(activation, 1, &at, &y);
        sum += step * density * exp(-z * z / 2) * (double)y * y;
    }
    return sum;
}

int snnk_layer_create_dense_random(size_t inputs, size_t outputs, int32_t activation, uint64_t seed,
                                   const snnk_allocator *allocator, snnk_layer **layer) {
    snnk_allocator ours;
    float *W = NULL;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if (inputs == 0 || outputs == 0)
        return snnk__fail(SNNK_E_SHAPE,
                          "inputs = %zu, outputs = %zu: a layer needs at least 1 of each", inputs,
                          outputs);
    if ((st = snnk__check_activation(activation)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&ours, allocator)) != SNNK_OK) return st;
    const double gain = mean_square(activation), smallest = 0.05;

    st = draw(outputs, inputs, 1 / sqrt((double)inputs * fmax(gain, smallest)), seed, &ours, &W);
    if (st == SNNK_OK)
        st = snnk_layer_create_dense(inputs, outputs, W, inputs, NULL, activation, &ours, layer);
    snnk__free(&ours, W);
    return st;
}

/* The sum over features of their mean squares for inputs of variance 1. */
static double features_square(const snnk_map *map) {
    double sum = 0;

    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        sum += (double)block->features * block->function.scale * block->function.scale;
    }
    return sum > 0 ? sum : (double)map->features; /* the scale of a table is not used */
}

int snnk_layer_create_random(const snnk_map *map, size_t outputs, uint64_t seed,
                             snnk_layer **layer) {
    float *Psi = NULL;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: a layer needs at least 1");
    st = draw(outputs, map->features, 1 / sqrt(features_square(map)), seed, &map->allocator, &Psi);
    if (st == SNNK_OK) st = snnk_layer_create(map, outputs, Psi, map->features, NULL, layer);
    snnk__free(&map->allocator, Psi);
    return st;
}
