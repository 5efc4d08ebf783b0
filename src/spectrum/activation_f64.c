#include "spectrum/activation_f64.h"

#include <math.h>

static double relu(double z) { return z < 0 ? 0 : z; } /* written so that NaN stays NaN */
static double step(double z) { return z > 0 ? 1.0 : z <= 0 ? 0.0 : z; }

/* z p(z), where p goes to 0 at -infinity and to 1 at infinity faster than 1/z. */
static double gate(double z, double p) { return isinf(z) ? relu(z) : z * p; }

/* (1 + tanh u)/2, as sigmoid(2 u), which keeps its digits in the left tail. */
static double gelu_tanh_gate(double z) {
    return snnk__sigmoid(2 * snnk__gelu_slope * (z + snnk__gelu_cubic * z * z * z));
}

static double softplus(double z) { return isinf(z) ? relu(z) : relu(z) + log1p(exp(-fabs(z))); }

double snnk__activation_f64(int32_t activation, double z) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return z;
    case SNNK_STEP: return step(z);
    case SNNK_RELU: return relu(z);
    case SNNK_GELU: return gate(z, snnk__normal_cdf(z));
    case SNNK_GELU_TANH: return gate(z, gelu_tanh_gate(z));
    case SNNK_TANH: return tanh(z);
    case SNNK_SIGMOID: return snnk__sigmoid(z);
    case SNNK_SILU: return gate(z, snnk__sigmoid(z));
    case SNNK_SOFTPLUS: return softplus(z);
    case SNNK_SIN: return sin(z);
    case SNNK_COS: return cos(z);
    case SNNK_EXP: return exp(z);
    case SNNK_ERF: return erf(z);
    }
    return 0;
}
