/* Trees of leaves for tests, and what they must give. */
#ifndef SNNK_TESTS_LEAVES_H
#define SNNK_TESTS_LEAVES_H

#include "support/residual.h"

/* Four leaves under three nodes, D inputs, 3 outputs: a dense layer, an SNNK layer, one more with
 * other features, and a dense layer again. Node 1 is hard. Rows of normal numbers are in soft zones
 * often. */
enum { LEAVES = 4, NODES = 3, OUT = 3 };

static const uint32_t bushy[2 * NODES] = {1, 2, NODES + 2, NODES + 0, NODES + 3, NODES + 1},
                                leaning[2 * NODES] = {NODES + 1, 1,         2,
                                                      NODES + 0, NODES + 2, NODES + 3};
static const double thresholds[NODES] = {0.1, -0.2, 0.3}, half_widths[NODES] = {0.5, 0, 1.5};

static inline int tree_of(const uint32_t *children, const snnk_allocator *allocator,
                          snnk_layer **layer) {
    snnk_layer *leaves[LEAVES] = {NULL};
    float V[NODES * (D + 1)];
    int st;

    *layer = NULL;
    draw_floats(V, NODES * (D + 1), 99);
    st = dense(D, OUT, SNNK_TANH, 101, allocator, &leaves[0]);
    if (st == SNNK_OK) st = snnk(D, 40, OUT, SNNK_MAP_ARC_COSINE, NULL, allocator, &leaves[1]);
    if (st == SNNK_OK) st = snnk(D, 24, OUT, SNNK_MAP_GAUSSIAN, NULL, allocator, &leaves[2]);
    if (st == SNNK_OK) st = dense(D, OUT, SNNK_IDENTITY, 102, allocator, &leaves[3]);
    if (st == SNNK_OK)
        st = snnk_layer_create_leaves(NODES, V, D + 1, thresholds, half_widths, children,
                                      (const snnk_layer *const *)leaves, allocator, layer);
    for (int k = 0; k < LEAVES; k++) snnk_layer_free(leaves[k]);
    return st;
}

/* The share of row x that node `node` gives to its upper child, in long double. */
static inline long double upper_share(const snnk_layer *layer, size_t node, const double *x,
                                      uint32_t *children) {
    const size_t d = snnk_layer_inputs(layer);
    float *v = malloc(d * sizeof *v);
    double threshold, half_width;
    long double z = 0;

    assert_ok(snnk_layer_node(layer, node, v, &threshold, &half_width, children));
    for (size_t j = 0; j < d; j++) z += (long double)v[j] * (long double)x[j];
    free(v);
    z -= (long double)threshold;
    if (z >= (long double)half_width) return 1;
    if (z <= -(long double)half_width) return 0;
    const long double u = (z / (long double)half_width + 1) / 2;
    return u * u * (3 - 2 * u);
}

/* Add up weights (one for each leaf) below a node or leaf. */
static inline void add_weights(const snnk_layer *layer, uint32_t place, long double weight,
                               const double *x, long double *weights) {
    const uint32_t nodes = (uint32_t)snnk_layer_nodes(layer);
    uint32_t children[2];

    if (place >= nodes) {
        weights[place - nodes] += weight;
        return;
    }
    const long double share = upper_share(layer, place, x, children);
    add_weights(layer, children[0], weight * (1 - share), x, weights);
    add_weights(layer, children[1], weight * share, x, weights);
}

/* The outputs of a tree for a row: every leaf runs, and the sum is in long double. */
static inline void tree_by_hand(const snnk_layer *layer, const float *x, double *y) {
    const size_t d = snnk_layer_inputs(layer), l = snnk_layer_outputs(layer),
                 n = snnk_layer_inner_count(layer);
    long double *weights = calloc(n + l, sizeof *weights), *sums = weights + n;
    double *wide = malloc(d * sizeof *wide);
    float *out = malloc(l * sizeof *out);

    for (size_t j = 0; j < d; j++) wide[j] = (double)x[j];
    add_weights(layer, 0, 1, wide, weights);
    for (size_t k = 0; k < n; k++) {
        assert_ok(snnk_layer_forward(snnk_layer_inner(layer, k), 1, x, d, out, l, NULL));
        for (size_t j = 0; j < l; j++)
            if (weights[k] > 0) sums[j] += weights[k] * (long double)out[j];
    }
    for (size_t j = 0; j < l; j++) y[j] = (double)sums[j];
    free(out);
    free(wide);
    free(weights);
}

#endif
