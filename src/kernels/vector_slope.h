/* Slopes of elementwise functions, and Adam's step, in vectors. Included by the kernels of an
 * instruction set, after vector_apply.h, which define before:
 *
 *     void v_load_pairs(p, a, b, count)     the reverse of v_store_pairs; other lanes are 0
 *     floats v_sqrt(x) */
#ifndef SNNK_KERNELS_VECTOR_SLOPE_H
#define SNNK_KERNELS_VECTOR_SLOPE_H

#include "kernels/vector_apply.h"

INLINE floats v_gelu_slope(floats x) {
    const floats tail = v_normal_tail(x), t = v_at_least(v_at_most(x, 15), -15);
    const floats density = 0.398942280f * v_exp(-0.5f * t * t);

    return v_fma(t, density, v_select(x < 0, tail, 1 - tail));
}

/* p + 2 x p (1 - p) u', p = sigmoid(2 u): see gelu_tanh_slope in elementwise.c. */
INLINE floats v_gelu_tanh_slope(floats x) {
    const floats t = v_at_least(v_at_most(x, 100), -100), t2 = t * t;
    const floats u = 1.59576912f * t * v_fma(t2, v_all(0.044715f), v_all(1));
    const floats p = v_sigmoid(u), q = v_sigmoid(-u);

    return v_fma(t * p * q * 1.59576912f, v_fma(t2, v_all(0.134145f), v_all(1)), p);
}

INLINE floats v_silu_slope(floats x) {
    const floats t = v_at_least(v_at_most(x, 1e4f), -1e4f), p = v_sigmoid(t);

    return v_fma(t * p, v_sigmoid(-t), p);
}

/* Set dz[j] to back[j] times an expression of x = z[j], for r values. */
#define V_SLOPES(expression)                                                                       \
    do {                                                                                           \
        size_t j = 0;                                                                              \
                                                                                                   \
        for (; j + LANES <= r; j += LANES) {                                                       \
            const floats x = v_load(z + j);                                                        \
                                                                                                   \
            v_store(dz + j, v_load(back + j) * (expression));                                      \
        }                                                                                          \
        if (j < r) {                                                                               \
            const floats x = v_load_first(z + j, r - j);                                           \
                                                                                                   \
            v_store_first(dz + j, v_load_first(back + j, r - j) * (expression), r - j);            \
        }                                                                                          \
    } while (0)

static void activation_slopes(int32_t activation, float scale, size_t r, const float *z,
                              const float *back, float *dz) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: V_SLOPES(v_select(x == x, v_all(scale), x)); return;
    case SNNK_STEP: V_SLOPES(v_select(x == x, (floats){0}, x)); return;
    case SNNK_RELU: V_SLOPES(scale * v_step(x)); return;
    case SNNK_GELU: V_SLOPES(scale * v_gelu_slope(x)); return;
    case SNNK_GELU_TANH: V_SLOPES(scale * v_gelu_tanh_slope(x)); return;
    case SNNK_TANH: V_SLOPES(4 * scale * v_sigmoid(2 * x) * v_sigmoid(-2 * x)); return;
    case SNNK_SIGMOID: V_SLOPES(scale * v_sigmoid(x) * v_sigmoid(-x)); return;
    case SNNK_SILU: V_SLOPES(scale * v_silu_slope(x)); return;
    case SNNK_SOFTPLUS: V_SLOPES(scale * v_sigmoid(x)); return;
    case SNNK_SIN: V_SLOPES(scale * v_cos(x)); return;
    case SNNK_COS: V_SLOPES(-scale * v_sin(x)); return;
    case SNNK_EXP: V_SLOPES(scale * v_exp(x)); return;
    case SNNK_ERF: V_SLOPES(1.12837917f * scale * v_exp(-x * x)); return;
    }
}

static void power_slopes(const snnk__function *function, size_t r, const float *z,
                         const float *back, float *dz) {
    const float floor = function->floor, scale = function->scale;

    if (function->order == 1)
        V_SLOPES(v_select(x > floor, v_all(scale), v_select(x == x, (floats){0}, x)));
    else
        V_SLOPES(v_select(x > floor, 2 * scale * x, v_select(x == x, (floats){0}, x)));
}

static void cos_sin_slopes(float scale, size_t r, const float *z, const float *back, float *dz) {
    for (size_t j = 0; j < r; j += LANES) {
        const size_t count = r - j < LANES ? r - j : LANES;
        floats sine, cosine, a, b;

        v_sin_cos(v_load_first(z + j, count), &sine, &cosine);
        v_load_pairs(back + 2 * j, &a, &b, count);
        v_store_first(dz + j, scale * v_fma(b, cosine, -(a * sine)), count);
    }
}

/* The same as snnk__function_slopes. */
static void slopes(const snnk__function *function, size_t r, const float *z, const float *back,
                   float *dz) {
    switch (function->operation) {
    case SNNK__OPERATION_ACTIVATION:
        activation_slopes(function->activation, function->scale, r, z, back, dz);
        return;
    case SNNK__OPERATION_POWER: power_slopes(function, r, z, back, dz); return;
    case SNNK__OPERATION_COS_SIN: cos_sin_slopes(function->scale, r, z, back, dz); return;
    case SNNK__OPERATION_URF: return; /* snnk__urf_slopes */
    }
}

/* The same as snnk__adam_step. */
static void adam(const snnk__adam *step, size_t n, const float *gradient, float *value, float *mean,
                 float *square) {
    for (size_t j = 0; j < n; j += LANES) {
        const size_t count = n - j < LANES ? n - j : LANES;
        const floats x = v_load_first(value + j, count);
        const floats g =
            v_fma(v_all(step->decay), x, step->scale * v_load_first(gradient + j, count));
        floats m = v_load_first(mean + j, count), s = v_load_first(square + j, count);

        m = v_fma(v_all(step->new_mean), g - m, m);
        s = v_fma(v_all(step->new_square), v_fma(g, g, -s), s);
        v_store_first(mean + j, m, count);
        v_store_first(square + j, s, count);
        v_store_first(value + j,
                      v_fma(v_all(-step->shrink), x, x) -
                          step->rate * m / (v_sqrt(step->unbias_square * s) + step->epsilon),
                      count);
    }
}

#endif
