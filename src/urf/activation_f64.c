#include "urf/activation_f64.h"

#include <math.h>

static const double sqrt_half = 0.70710678118654752440;  /* sqrt(1/2) */
static const double gelu_slope = 0.79788456080286535588; /* sqrt(2/pi) */
static const double gelu_cubic = 0.044715;

/* Phi(z), the normal distribution function, accurate in both tails. */
static double normal_cdf(double z) { return 0.5 * erfc(-z * sqrt_half); }

static double sigmoid(double z) {
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); /* never exp of a large positive */
}

static double relu(double z) { return z < 0 ? 0 : z; } /* in this order NaN stays NaN */
static double step(double z) { return z > 0 ? 1.0 : z <= 0 ? 0.0 : z; }

/* z p(z) where p -> 0 for z -> -infinity and p -> 1 for z -> infinity faster than 1/z. */
static double gate(double z, double p) { return isinf(z) ? relu(z) : z * p; }

/* (1 + tanh u)/2 = sigmoid(2 u), which keeps its digits in the left tail. */
static double gelu_tanh_gate(double z) {
    return sigmoid(2 * gelu_slope * (z + gelu_cubic * z * z * z));
}

static double softplus(double z) { return isinf(z) ? relu(z) : relu(z) + log1p(exp(-fabs(z))); }

double snnk__activation_f64(int32_t activation, double z) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return z;
    case SNNK_STEP: return step(z);
    case SNNK_RELU: return relu(z);
    case SNNK_GELU: return gate(z, normal_cdf(z));
    case SNNK_GELU_TANH: return gate(z, gelu_tanh_gate(z));
    case SNNK_TANH: return tanh(z);
    case SNNK_SIGMOID: return sigmoid(z);
    case SNNK_SILU: return gate(z, sigmoid(z));
    case SNNK_SOFTPLUS: return softplus(z);
    case SNNK_SIN: return sin(z);
    case SNNK_COS: return cos(z);
    case SNNK_EXP: return exp(z);
    case SNNK_ERF: return erf(z);
    }
    return 0;
}
