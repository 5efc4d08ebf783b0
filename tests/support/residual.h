/* Residual layers for tests, and what they must give. */
#ifndef SNNK_TESTS_RESIDUAL_H
#define SNNK_TESTS_RESIDUAL_H

#include <stdlib.h>

#include "support/compare.h"
#include "support/draw.h"

enum { D = 6, R = 9, N = 130 };

static const int32_t forms[] = {SNNK_RESIDUAL_ADD, SNNK_RESIDUAL_MULTIPLY};

static inline int dense(size_t d, size_t l, int32_t activation, uint64_t seed,
                        const snnk_allocator *allocator, snnk_layer **layer) {
    float *W = malloc(l * d * sizeof *W), *b = malloc(l * sizeof *b);

    draw_floats(W, l * d, seed);
    draw_floats(b, l, seed + 1);
    for (size_t k = 0; k < l * d; k++) W[k] /= sqrtf((float)d);
    const int st = snnk_layer_create_dense(d, l, W, d, b, activation, allocator, layer);
    free(b);
    free(W);
    return st;
}

/* m features, l outputs. */
static inline int snnk(size_t d, size_t m, size_t l, int32_t kind, const snnk_scaling *scaling,
                       const snnk_allocator *allocator, snnk_layer **layer) {
    float *Psi = malloc(l * m * sizeof *Psi), *b = malloc(l * sizeof *b);
    snnk_map_config config;
    snnk_map *map = NULL;
    int st;

    draw_floats(Psi, l * m, m);
    draw_floats(b, l, m + 1);
    snnk_map_config_init(&config, sizeof config);
    config.kind = kind;
    config.features = m;
    config.allocator = allocator;
    if ((st = snnk_map_create(d, &config, scaling, &map)) == SNNK_OK)
        st = snnk_layer_create(map, l, Psi, m, b, layer);
    snnk_map_free(map);
    free(b);
    free(Psi);
    return st;
}

static inline int around(size_t n, snnk_layer *const *layers, int32_t form, double gain,
                         const snnk_allocator *allocator, snnk_layer **layer) {
    return snnk_layer_create_residual(n, (const snnk_layer *const *)layers, form, gain, allocator,
                                      layer);
}

/* A bottleneck adapter: dense D -> R -> D, tanh between. */
static inline int bottleneck(int32_t form, double gain, const snnk_allocator *allocator,
                             snnk_layer **layer) {
    snnk_layer *layers[2] = {NULL};
    int st = dense(D, R, SNNK_TANH, 1, allocator, &layers[0]);

    if (st == SNNK_OK) st = dense(R, D, SNNK_IDENTITY, 2, allocator, &layers[1]);
    *layer = NULL;
    if (st == SNNK_OK) st = around(2, layers, form, gain, allocator, layer);
    snnk_layer_free(layers[0]);
    snnk_layer_free(layers[1]);
    return st;
}

/* An SNNK adapter: arc-cosine features, D -> 20 -> D. */
static inline int adapter(int32_t form, double gain, const snnk_allocator *allocator,
                          snnk_layer **layer) {
    snnk_layer *inner = NULL;
    int st = snnk(D, 20, D, SNNK_MAP_ARC_COSINE, NULL, allocator, &inner);

    *layer = NULL;
    if (st == SNNK_OK) st = around(1, &inner, form, gain, allocator, layer);
    snnk_layer_free(inner);
    return st;
}

/* A residual layer in one, with other layers before and after it: D -> R, (R -> 4 -> R), R -> D. */
static inline int nested(int32_t form, double gain, const snnk_allocator *allocator,
                         snnk_layer **layer) {
    snnk_layer *within[2] = {NULL}, *layers[3] = {NULL};
    int st = dense(R, 4, SNNK_TANH, 11, allocator, &within[0]);

    if (st == SNNK_OK) st = snnk(4, 12, R, SNNK_MAP_GAUSSIAN, NULL, allocator, &within[1]);
    if (st == SNNK_OK) st = around(2, within, SNNK_RESIDUAL_MULTIPLY, 0.7, allocator, &layers[1]);
    if (st == SNNK_OK) st = dense(D, R, SNNK_GELU, 12, allocator, &layers[0]);
    if (st == SNNK_OK) st = dense(R, D, SNNK_IDENTITY, 13, allocator, &layers[2]);
    *layer = NULL;
    if (st == SNNK_OK) st = around(3, layers, form, gain, allocator, layer);
    for (int k = 0; k < 2; k++) snnk_layer_free(within[k]);
    for (int k = 0; k < 3; k++) snnk_layer_free(layers[k]);
    return st;
}

static int (*const makers[])(int32_t form, double gain, const snnk_allocator *allocator,
                             snnk_layer **layer) = {bottleneck, adapter, nested};
enum { MAKERS = sizeof makers / sizeof *makers };

static inline snnk_network *network_of(size_t n, snnk_layer *const *layers) {
    snnk_network *network;

    assert_ok(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < n; k++) assert_ok(snnk_network_append(network, layers[k]));
    return network;
}

/* What a layer must give: x + s f(x), or x (1 + s f(x)), from the forward of the inner layers. The
 * sum is in double and rounded once. */
static inline void by_hand(const snnk_layer *layer, size_t n, const float *X, float *Y) {
    const size_t d = snnk_layer_inputs(layer);
    const double s = snnk_layer_gain(layer);
    float *from = malloc(n * d * sizeof *from);

    memcpy(from, X, n * d * sizeof *from);
    for (size_t k = 0; k < snnk_layer_inner_count(layer); k++) {
        const snnk_layer *inner = snnk_layer_inner(layer, k);
        const size_t in = snnk_layer_inputs(inner), out = snnk_layer_outputs(inner);
        float *to = malloc(n * out * sizeof *to);

        assert_ok(snnk_layer_forward(inner, n, from, in, to, out, NULL));
        free(from);
        from = to;
    }
    for (size_t k = 0; k < n * d; k++)
        Y[k] = snnk_layer_residual_form(layer) == SNNK_RESIDUAL_ADD
                   ? (float)((double)X[k] + s * (double)from[k])
                   : (float)((double)X[k] * (1 + s * (double)from[k]));
    free(from);
}

#endif
