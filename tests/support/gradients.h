/* Networks in long double, whose gradients are differences, to test backward passes against. Their
 * numbers are read by public functions, and their functions follow the documentation. For dense
 * layers, and for SNNK layers and towers with arc-cosine, Gaussian, elementwise and identity
 * features. */
#ifndef SNNK_TESTS_GRADIENTS_H
#define SNNK_TESTS_GRADIENTS_H

#include "compare.h"
#include "maps.h"
#include "precise.h"

#include <stdbool.h>
#include <stdlib.h>

enum { REF_LAYERS = 4, REF_BLOCKS = 4, REF_NUMBERS = 1200, REF_WIDTH = 64 };

typedef struct ref_block {
    int32_t kind, order, activation;
    long double floor, a;
    size_t rows;
    bool has_rows; /* G and c are numbers that can learn */
} ref_block;

typedef struct ref_layer {
    size_t d, l, m, rows, n_blocks;
    bool dense, reads_out;
    ref_block blocks[REF_BLOCKS];
    long double G[REF_NUMBERS], c[REF_WIDTH], Psi[REF_NUMBERS], bias[REF_WIDTH];
} ref_layer;

typedef struct ref_network {
    size_t n_layers;
    ref_layer layers[REF_LAYERS];
} ref_network;

static inline void ref_read_block(const snnk_map *map, size_t b, ref_layer *to) {
    static float G[REF_NUMBERS], c[REF_WIDTH];
    snnk_map_config s = config_of(0, 1);
    ref_block *block = &to->blocks[b];
    const size_t r = snnk_map_block_row_count(map, b);

    assert_true(r * to->d <= REF_NUMBERS && r <= REF_WIDTH);
    assert_ok(snnk_map_block_config(map, b, &s));
    assert_ok(snnk_map_block_rows(map, b, G, to->d, c));
    const bool scaled = s.projection != SNNK_PROJECTION_GIVEN && s.kind != SNNK_MAP_IDENTITY;

    *block =
        (ref_block){.kind = s.kind,
                    .order = s.order,
                    .activation = s.activation,
                    .floor = s.floor,
                    .a = scaled ? 1 / sqrtl((long double)r) : 1,
                    .rows = r,
                    .has_rows = s.kind != SNNK_MAP_IDENTITY && s.projection != SNNK_PROJECTION_HD3};
    for (size_t i = 0; i < r * to->d; i++) to->G[to->rows * to->d + i] = G[i];
    for (size_t i = 0; i < r; i++) to->c[to->rows + i] = c[i];
    to->rows += r;
}

static inline void ref_read_layer(const snnk_layer *layer, ref_layer *to) {
    static float W[REF_NUMBERS], b[REF_WIDTH];
    static double bias[REF_WIDTH];
    const snnk_map *map = snnk_layer_map(layer);

    memset(to, 0, sizeof *to);
    to->d = snnk_layer_inputs(layer);
    to->l = snnk_layer_outputs(layer);
    to->m = map ? snnk_map_features(map) : to->l;
    to->dense = !map;
    to->reads_out = snnk_layer_get_kind(layer) == SNNK_LAYER_SNNK;
    to->n_blocks = map ? snnk_map_blocks(map) : 1;
    assert_true(to->n_blocks <= REF_BLOCKS && to->l <= REF_WIDTH && to->m <= REF_WIDTH);
    for (size_t k = 0; map && k < to->n_blocks; k++) ref_read_block(map, k, to);
    if (!to->dense && !to->reads_out) return;
    const size_t columns = to->dense ? to->d : to->m;

    assert_true(to->l * columns <= REF_NUMBERS);
    assert_ok(snnk_layer_weights(layer, W, columns, b));
    assert_ok(snnk_layer_bias(layer, bias));
    for (size_t i = 0; i < to->l * columns; i++) (to->dense ? to->G : to->Psi)[i] = W[i];
    for (size_t i = 0; i < to->l; i++) (to->dense ? to->c : to->bias)[i] = bias[i];
    if (!to->dense) return;
    to->rows = to->l;
    to->blocks[0] = (ref_block){.kind = SNNK_MAP_ELEMENTWISE,
                                .activation = snnk_layer_activation(layer),
                                .a = 1,
                                .rows = to->l,
                                .has_rows = true};
}

static inline ref_network *ref_read(const snnk_network *network) {
    ref_network *to = calloc(1, sizeof *to);

    to->n_layers = snnk_network_layers(network);
    assert_true(to->n_layers <= REF_LAYERS);
    for (size_t k = 0; k < to->n_layers; k++)
        ref_read_layer(snnk_network_layer(network, k), &to->layers[k]);
    return to;
}

/* Feature `which` (0; 1 for sines) of a projection. */
static inline long double ref_function(const ref_block *b, size_t which, long double z) {
    const long double cut = fmaxl(z, b->floor);

    switch (b->kind) {
    case SNNK_MAP_GAUSSIAN: return b->a * (which ? sinl(z) : cosl(z));
    case SNNK_MAP_ARC_COSINE:
        return b->a * (b->order == 0 ? z > 0 : b->order == 1 ? cut : cut * cut);
    case SNNK_MAP_IDENTITY: return z;
    default: break;
    }
    if (b->activation == SNNK_TANH) return b->a * tanhl(z); /* without precise.h's constant */
    if (b->activation == SNNK_ERF) return b->a * erfl(z);
    return b->a * precise_activation(b->activation, z);
}

static inline size_t ref_width(const ref_block *b) { return b->kind == SNNK_MAP_GAUSSIAN ? 2 : 1; }

/* Set y to layer(x); *near: the smallest distance of a projection to a kink, if smaller. */
static inline void ref_layer_at(const ref_layer *s, const long double *x, long double *y,
                                long double *near) {
    long double features[REF_WIDTH], *phi = s->reads_out ? features : y;
    size_t row = 0, m = 0;

    for (size_t b = 0; b < s->n_blocks; b++) {
        const ref_block *block = &s->blocks[b];
        const bool kink = block->kind == SNNK_MAP_ARC_COSINE ||
                          (block->kind == SNNK_MAP_ELEMENTWISE &&
                           (block->activation == SNNK_RELU || block->activation == SNNK_STEP));

        for (size_t i = 0; i < block->rows; i++, row++) {
            long double z = s->c[row];

            for (size_t k = 0; k < s->d; k++) z += s->G[row * s->d + k] * x[k];
            for (size_t w = 0; w < ref_width(block); w++) phi[m++] = ref_function(block, w, z);
            if (kink && near) *near = fminl(*near, fabsl(z - block->floor));
        }
    }
    assert_true(m == s->m);
    for (size_t o = 0; s->reads_out && o < s->l; o++) {
        y[o] = s->bias[o];
        for (size_t j = 0; j < m; j++) y[o] += s->Psi[o * m + j] * phi[j];
    }
}

/* dy . network(x) */
static inline long double ref_loss(const ref_network *s, const long double *x, const float *dy,
                                   long double *near) {
    long double at[2][REF_WIDTH], loss = 0;

    memcpy(at[0], x, s->layers[0].d * sizeof *x);
    for (size_t k = 0; k < s->n_layers; k++)
        ref_layer_at(&s->layers[k], at[k % 2], at[(k + 1) % 2], near);
    for (size_t o = 0; o < s->layers[s->n_layers - 1].l; o++)
        loss += dy[o] * at[s->n_layers % 2][o];
    return loss;
}

/* Rows of inputs, and gradients with respect to the outputs. */
typedef struct ref_rows {
    size_t n, ldx, lddy;
    const float *X;
    float *dY;
} ref_rows;

static inline long double ref_sum(const ref_network *s, const ref_rows *rows) {
    long double x[REF_WIDTH], loss = 0;

    for (size_t i = 0; i < rows->n; i++) {
        for (size_t k = 0; k < s->layers[0].d; k++) x[k] = rows->X[i * rows->ldx + k];
        loss += ref_loss(s, x, rows->dY + i * rows->lddy, NULL);
    }
    return loss;
}

/* Set dY of rows to 0 whose projections are close to a kink. Returns how many remain. */
static inline size_t ref_drop_kinks(const ref_network *s, const ref_rows *rows) {
    long double x[REF_WIDTH];
    size_t remain = 0;

    for (size_t i = 0; i < rows->n; i++) {
        long double near = 1;

        for (size_t k = 0; k < s->layers[0].d; k++) x[k] = rows->X[i * rows->ldx + k];
        ref_loss(s, x, rows->dY + i * rows->lddy, &near);
        remain += near > 0.003L;
        for (size_t o = 0; near <= 0.003L && o < s->layers[s->n_layers - 1].l; o++)
            rows->dY[i * rows->lddy + o] = 0;
    }
    return remain;
}

static const long double ref_step = 1e-4L;

/* The derivative of ref_sum with respect to *number, one of the network's. */
static inline long double ref_slope(const ref_network *s, const ref_rows *rows,
                                    long double *number) {
    const long double value = *number;
    long double f[5];

    for (int i = 0; i < 5; i++) {
        *number = value + (i - 2) * ref_step;
        f[i] = i == 2 ? 0 : ref_sum(s, rows);
    }
    *number = value;
    return first_difference(f, ref_step);
}

/* The derivative with respect to input k of row i. */
static inline long double ref_input_slope(const ref_network *s, const ref_rows *rows, size_t i,
                                          size_t k) {
    long double x[REF_WIDTH], f[5];

    for (size_t j = 0; j < s->layers[0].d; j++) x[j] = rows->X[i * rows->ldx + j];
    for (int t = 0; t < 5; t++) {
        x[k] = rows->X[i * rows->ldx + k] + (t - 2) * ref_step;
        f[t] = ref_loss(s, x, rows->dY + i * rows->lddy, NULL);
    }
    return first_difference(f, ref_step);
}

/* ---- Sizes: the same sums of magnitudes, which bound what rounding changes ---- */

typedef struct ref_sizes {
    double G[REF_NUMBERS], c[REF_WIDTH], Psi[REF_NUMBERS], bias[REF_WIDTH];
} ref_sizes;

/* The magnitudes of one row in one layer. */
typedef struct ref_trace {
    long double x[REF_WIDTH], x_size[REF_WIDTH], phi_size[REF_WIDTH], slope_size[REF_WIDTH];
} ref_trace;

/* The magnitudes of the features and their slopes: what they may change if z is off by a share of
 * `size`. A slope may also be off by a share of its scale. */
static inline void ref_trace_layer(const ref_layer *s, ref_trace *t) {
    size_t row = 0, m = 0;

    for (size_t b = 0; b < s->n_blocks; b++)
        for (size_t i = 0; i < s->blocks[b].rows; i++, row++) {
            const ref_block *block = &s->blocks[b];
            long double z = s->c[row], size = fabsl(s->c[row]), f[5];

            for (size_t k = 0; k < s->d; k++) {
                z += s->G[row * s->d + k] * t->x[k];
                size += fabsl(s->G[row * s->d + k]) * t->x_size[k];
            }
            for (size_t w = 0; w < ref_width(block); w++, m++) {
                for (int h = 0; h < 5; h++) f[h] = ref_function(block, w, z + (h - 2) * ref_step);
                const long double slope = fabsl(first_difference(f, ref_step));

                t->phi_size[m] = fabsl(f[2]) + slope * size + block->a;
                t->slope_size[m] = slope + fabsl(second_difference(f, ref_step)) * size + block->a;
            }
        }
}

/* Add the magnitudes of row i to those of all numbers, and set those of dx. */
static inline void ref_add_sizes(const ref_network *s, const ref_rows *rows, size_t i,
                                 ref_sizes *sizes, double *dx) {
    static ref_trace traces[REF_LAYERS + 1];
    long double back[REF_WIDTH], dphi[REF_WIDTH];

    for (size_t k = 0; k < s->layers[0].d; k++) {
        traces[0].x[k] = rows->X[i * rows->ldx + k];
        traces[0].x_size[k] = fabsl(traces[0].x[k]);
    }
    for (size_t k = 0; k < s->n_layers; k++) {
        const ref_layer *layer = &s->layers[k];
        ref_trace *next = &traces[k + 1];

        ref_trace_layer(layer, &traces[k]);
        ref_layer_at(layer, traces[k].x, next->x, NULL);
        for (size_t o = 0; o < layer->l; o++) {
            next->x_size[o] = layer->reads_out ? fabsl(layer->bias[o]) : traces[k].phi_size[o];
            for (size_t j = 0; layer->reads_out && j < layer->m; j++)
                next->x_size[o] += fabsl(layer->Psi[o * layer->m + j]) * traces[k].phi_size[j];
        }
    }
    for (size_t o = 0; o < s->layers[s->n_layers - 1].l; o++)
        back[o] = fabsl((long double)rows->dY[i * rows->lddy + o]);
    for (size_t k = s->n_layers; k-- > 0;) {
        const ref_layer *layer = &s->layers[k];
        const ref_trace *t = &traces[k];
        size_t row = 0, m = 0;

        for (size_t j = 0; j < layer->m; j++) dphi[j] = layer->reads_out ? 0 : back[j];
        for (size_t o = 0; layer->reads_out && o < layer->l; o++) {
            sizes[k].bias[o] += (double)back[o];
            for (size_t j = 0; j < layer->m; j++) {
                dphi[j] += back[o] * fabsl(layer->Psi[o * layer->m + j]);
                sizes[k].Psi[o * layer->m + j] += (double)(back[o] * t->phi_size[j]);
            }
        }
        for (size_t j = 0; j < layer->d; j++) back[j] = 0;
        for (size_t b = 0; b < layer->n_blocks; b++)
            for (size_t r = 0; r < layer->blocks[b].rows; r++, row++) {
                long double dz = 0;

                for (size_t w = 0; w < ref_width(&layer->blocks[b]); w++, m++)
                    dz += dphi[m] * t->slope_size[m];
                sizes[k].c[row] += (double)dz;
                for (size_t j = 0; j < layer->d; j++) {
                    sizes[k].G[row * layer->d + j] += (double)(dz * t->x_size[j]);
                    back[j] += dz * fabsl(layer->G[row * layer->d + j]);
                }
            }
    }
    for (size_t j = 0; j < s->layers[0].d; j++) dx[j] = (double)back[j];
}

/* How many roundings a gradient passes through, one after another: each sum has as many as terms,
 * forward and backward; functions and slopes are off by less than 10 units each. */
static inline double ref_roundings(const ref_network *s, size_t n) {
    double count = (double)n + 8;

    for (size_t k = 0; k < s->n_layers; k++)
        count += 2 * (double)(s->layers[k].d + s->layers[k].m + s->layers[k].l) + 20;
    return count;
}

#endif
