#include <snnk/activation.h>

#include <string.h>

#include "base/overlap.h"
#include "base/status.h"
#include "kernels/elementwise.h"
#include "spectrum/activation.h"

static const char *const names[SNNK__ACTIVATIONS] = {[SNNK_IDENTITY] = "identity",
                                                     [SNNK_STEP] = "step",
                                                     [SNNK_RELU] = "relu",
                                                     [SNNK_GELU] = "gelu",
                                                     [SNNK_GELU_TANH] = "gelu_tanh",
                                                     [SNNK_TANH] = "tanh",
                                                     [SNNK_SIGMOID] = "sigmoid",
                                                     [SNNK_SILU] = "silu",
                                                     [SNNK_SOFTPLUS] = "softplus",
                                                     [SNNK_SIN] = "sin",
                                                     [SNNK_COS] = "cos",
                                                     [SNNK_EXP] = "exp",
                                                     [SNNK_ERF] = "erf"};

int snnk__check_activation(int32_t activation) {
    return snnk__check_enum(activation, SNNK__ACTIVATIONS, "activation");
}

static int check(int32_t activation, size_t n, const float *z, const float *y) {
    int st;

    if ((st = snnk__check_activation(activation)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(z, "z", n, 1, 1, sizeof *z)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(y, "y", n, 1, 1, sizeof *y)) != SNNK_OK) return st;
    const snnk__operand from = SNNK__READ(z, 1, n, n), to = SNNK__WRITTEN(y, 1, n, n);
    return snnk__check_overlap_but_same(&from, &to);
}

int snnk_activation_eval(int32_t activation, size_t n, const float *z, float *y) {
    const int st = check(activation, n, z, y);

    if (st == SNNK_OK) snnk__activation_apply(activation, n, z, y);
    return st;
}

int snnk_activation_derivative(int32_t activation, size_t n, const float *z, float *y) {
    const int st = check(activation, n, z, y);

    if (st == SNNK_OK) snnk__activation_apply_derivative(activation, n, z, y);
    return st;
}

const char *snnk_activation_name(int32_t activation) {
    return activation >= 0 && activation < SNNK__ACTIVATIONS ? names[activation] : NULL;
}

int snnk_activation_from_name(const char *name, int32_t *activation) {
    int st;

    if ((st = snnk__check_pointer(name, "name")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(activation, "activation")) != SNNK_OK) return st;
    for (int32_t i = 0; i < SNNK__ACTIVATIONS; i++)
        if (strcmp(name, names[i]) == 0) {
            *activation = i;
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_ENUM,
                      "\"%.40s\" is not an activation (identity, step, relu, gelu, "
                      "gelu_tanh, tanh, sigmoid, silu, softplus, sin, cos, exp, erf)",
                      name);
}
