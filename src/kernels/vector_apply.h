/* snnk__function_apply in vectors. Included by the kernels of an instruction set, after
 * vector_math.h. They define before:
 *
 *     floats v_load(p), void v_store(p, x)                             a register, at any address
 *     floats v_load_first(p, count), void v_store_first(p, x, count)   its first count lanes;
 *                                                                      others read as 0
 *     void v_store_pairs(p, a, b, count)                               a[0], b[0], a[1] ...
 *                                                                      b[count-1] */
#ifndef SNNK_KERNELS_VECTOR_APPLY_H
#define SNNK_KERNELS_VECTOR_APPLY_H

#include "kernels/kernels.h"
#include "kernels/vector_math.h"

/* Set phi[j] to an expression of x = z[j] for r values. */
#define V_FOR_EACH(expression)                                                                     \
    do {                                                                                           \
        size_t j = 0;                                                                              \
                                                                                                   \
        for (; j + LANES <= r; j += LANES) {                                                       \
            const floats x = v_load(z + j);                                                        \
                                                                                                   \
            v_store(phi + j, expression);                                                          \
        }                                                                                          \
        if (j < r) {                                                                               \
            const floats x = v_load_first(z + j, r - j);                                           \
                                                                                                   \
            v_store_first(phi + j, expression, r - j);                                             \
        }                                                                                          \
    } while (0)

INLINE floats v_step(floats x) {
    return v_select(x > 0, v_all(1), v_select(x <= 0, (floats){0}, x));
}

static void apply_activation(int32_t activation, float scale, size_t r, const float *z,
                             float *phi) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: V_FOR_EACH(scale * x); return;
    case SNNK_STEP: V_FOR_EACH(scale * v_step(x)); return;
    case SNNK_RELU: V_FOR_EACH(scale * v_at_least(x, 0)); return;
    case SNNK_GELU: V_FOR_EACH(scale * v_gelu(x)); return;
    case SNNK_GELU_TANH: V_FOR_EACH(scale * v_gelu_tanh(x)); return;
    case SNNK_TANH: V_FOR_EACH(scale * v_tanh(x)); return;
    case SNNK_SIGMOID: V_FOR_EACH(scale * v_sigmoid(x)); return;
    case SNNK_SILU: V_FOR_EACH(scale * v_silu(x)); return;
    case SNNK_SOFTPLUS: V_FOR_EACH(scale * v_softplus(x)); return;
    case SNNK_SIN: V_FOR_EACH(scale * v_sin(x)); return;
    case SNNK_COS: V_FOR_EACH(scale * v_cos(x)); return;
    case SNNK_EXP: V_FOR_EACH(scale * v_exp(x)); return;
    case SNNK_ERF: V_FOR_EACH(scale * v_erf(x)); return;
    }
}

static void apply_power(const snnk__function *function, size_t r, const float *z, float *phi) {
    const float floor = function->floor, scale = function->scale;

    if (function->order == 1)
        V_FOR_EACH(scale * v_at_least(x, floor));
    else
        V_FOR_EACH(scale * (v_at_least(x, floor) * v_at_least(x, floor)));
}

/* z may be the second half of phi: z[j] is read before phi[2 j] and later entries are written. */
static void apply_cos_sin(float scale, size_t r, const float *z, float *phi) {
    size_t j = 0;

    for (; j < r; j += LANES) {
        const size_t count = r - j < LANES ? r - j : LANES;
        floats sine, cosine;

        v_sin_cos(v_load_first(z + j, count), &sine, &cosine);
        v_store_pairs(phi + 2 * j, scale * cosine, scale * sine, count);
    }
}

static void apply(const snnk__function *function, size_t r, const float *z, float *phi) {
    switch (function->operation) {
    case SNNK__OPERATION_ACTIVATION:
        apply_activation(function->activation, function->scale, r, z, phi);
        return;
    case SNNK__OPERATION_POWER: apply_power(function, r, z, phi); return;
    case SNNK__OPERATION_COS_SIN: apply_cos_sin(function->scale, r, z, phi); return;
    case SNNK__OPERATION_URF: return; /* snnk__urf_apply */
    }
}

#endif
