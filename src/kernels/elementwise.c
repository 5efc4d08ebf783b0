/* Values are computed in double where a float formula would lose digits, and rounded once. */
#include "kernels/elementwise.h"

#include <math.h>

static const double sqrt_half = 0.70710678118654752440;        /* sqrt(1/2) */
static const double two_over_sqrt_pi = 1.12837916709551257390; /* 2/sqrt(pi) */
static const double density_at_0 = 0.39894228040143267794;     /* 1/sqrt(2 pi) */
static const double gelu_slope = 0.79788456080286535588;       /* sqrt(2/pi) */
static const double gelu_cubic = 0.044715;

/* Beyond this every activation has reached its limit in float. Limiting arguments to it also avoids
 * inf * 0. */
static const double far = 1e4;

/* Phi(z), the normal distribution function, accurate in both tails. */
static double normal_cdf(double z) { return 0.5 * erfc(-z * sqrt_half); }

static double sigmoid(double z) {
    /* Neither branch computes exp of a large positive number. */
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* z limited to [-far, far]; NaN stays NaN. */
static double bounded(double z) { return z > far ? far : z < -far ? -far : z; }

static float relu(float z) { return z < 0 ? 0 : z; } /* written so that NaN stays NaN */
static float step(float z) { return z > 0 ? 1.0f : z <= 0 ? 0.0f : z; }

/* z p(z) where p -> 0 for z -> -infinity and p -> 1 for z -> infinity faster than 1/z. */
static float gate(float z, double p) { return isinf(z) ? relu(z) : (float)(z * p); }

static float gelu(float z) { return gate(z, normal_cdf(z)); }

static double gelu_tanh_argument(double z) { return gelu_slope * (z + gelu_cubic * z * z * z); }

/* (1 + tanh u)/2 = sigmoid(2 u), which keeps its digits in the left tail. */
static float gelu_tanh(float z) { return gate(z, sigmoid(2 * gelu_tanh_argument(bounded(z)))); }

static float silu(float z) { return gate(z, sigmoid(z)); }

static float softplus(float z) {
    return isinf(z) ? relu(z) : (float)((z > 0 ? z : 0.0) + log1p(exp(-fabs((double)z))));
}

static float step_slope(float z) { return isnan(z) ? z : 0.0f; }

static float gelu_slope_at(float z) {
    const double t = bounded(z);
    return (float)(normal_cdf(t) + t * density_at_0 * exp(-0.5 * t * t));
}

static float gelu_tanh_slope(float z) {
    const double t = bounded(z), p = sigmoid(2 * gelu_tanh_argument(t));
    return (float)(p + 2 * t * p * (1 - p) * gelu_slope * (1 + 3 * gelu_cubic * t * t));
}

static float tanh_slope(float z) {
    const double p = sigmoid(2 * (double)z);
    return (float)(4 * p * sigmoid(-2 * (double)z)); /* 1 - tanh^2 without its cancellation */
}

static float sigmoid_slope(float z) { return (float)(sigmoid(z) * sigmoid(-(double)z)); }

static float silu_slope(float z) {
    const double t = bounded(z), p = sigmoid(t);
    return (float)(p * (1 + t * sigmoid(-t)));
}

static float erf_slope(float z) { return (float)(two_over_sqrt_pi * exp(-(double)z * z)); }

#define FOR_EACH(expression)                                                                       \
    for (size_t i = 0; i < n; i++) y[i] = (expression);                                            \
    return

void snnk__activation_apply(int32_t activation, size_t n, const float *z, float *y) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: FOR_EACH(z[i]);
    case SNNK_STEP: FOR_EACH(step(z[i]));
    case SNNK_RELU: FOR_EACH(relu(z[i]));
    case SNNK_GELU: FOR_EACH(gelu(z[i]));
    case SNNK_GELU_TANH: FOR_EACH(gelu_tanh(z[i]));
    case SNNK_TANH: FOR_EACH(tanhf(z[i]));
    case SNNK_SIGMOID: FOR_EACH((float)sigmoid(z[i]));
    case SNNK_SILU: FOR_EACH(silu(z[i]));
    case SNNK_SOFTPLUS: FOR_EACH(softplus(z[i]));
    case SNNK_SIN: FOR_EACH(sinf(z[i]));
    case SNNK_COS: FOR_EACH(cosf(z[i]));
    case SNNK_EXP: FOR_EACH(expf(z[i]));
    case SNNK_ERF: FOR_EACH(erff(z[i]));
    }
}

void snnk__activation_apply_derivative(int32_t activation, size_t n, const float *z, float *y) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: FOR_EACH(isnan(z[i]) ? z[i] : 1.0f);
    case SNNK_STEP: FOR_EACH(step_slope(z[i]));
    case SNNK_RELU: FOR_EACH(step(z[i]));
    case SNNK_GELU: FOR_EACH(gelu_slope_at(z[i]));
    case SNNK_GELU_TANH: FOR_EACH(gelu_tanh_slope(z[i]));
    case SNNK_TANH: FOR_EACH(tanh_slope(z[i]));
    case SNNK_SIGMOID: FOR_EACH(sigmoid_slope(z[i]));
    case SNNK_SILU: FOR_EACH(silu_slope(z[i]));
    case SNNK_SOFTPLUS: FOR_EACH((float)sigmoid(z[i]));
    case SNNK_SIN: FOR_EACH(cosf(z[i]));
    case SNNK_COS: FOR_EACH(-sinf(z[i]));
    case SNNK_EXP: FOR_EACH(expf(z[i]));
    case SNNK_ERF: FOR_EACH(erf_slope(z[i]));
    }
}

static void apply_power(const snnk__function *function, size_t r, const float *z, float *phi) {
    const float floor = function->floor, scale = function->scale;

    if (function->order == 1)
        for (size_t j = 0; j < r; j++) phi[j] = scale * (z[j] < floor ? floor : z[j]);
    else
        for (size_t j = 0; j < r; j++) {
            const float base = z[j] < floor ? floor : z[j];
            phi[j] = scale * (base * base);
        }
}

void snnk__function_apply(const snnk__function *function, size_t r, const float *z, float *phi) {
    const float scale = function->scale;

    switch (function->operation) {
    case SNNK__OPERATION_POWER: apply_power(function, r, z, phi); return;
    case SNNK__OPERATION_COS_SIN:
        /* z may be the second half of phi: entry r + j is read before 2 j + 1 <= r + j is
         * written. */
        for (size_t j = 0; j < r; j++) {
            const float angle = z[j];

            phi[2 * j] = scale * cosf(angle);
            phi[2 * j + 1] = scale * sinf(angle);
        }
        return;
    case SNNK__OPERATION_ACTIVATION:
        snnk__activation_apply(function->activation, r, z, phi);
        if (scale != 1.0f)
            for (size_t j = 0; j < r; j++) phi[j] *= scale;
        return;
    case SNNK__OPERATION_URF: return; /* snnk__urf_apply */
    }
}

static void power_slopes(const snnk__function *function, size_t r, const float *z,
                         const float *back, float *dz) {
    for (size_t j = 0; j < r; j++) {
        const float slope = function->order == 1 ? 1 : 2 * z[j];

        dz[j] = back[j] * (z[j] > function->floor ? function->scale * slope
                           : isnan(z[j])          ? z[j]
                                                  : 0);
    }
}

void snnk__function_slopes(const snnk__function *function, size_t r, const float *z,
                           const float *back, float *dz) {
    const float scale = function->scale;

    switch (function->operation) {
    case SNNK__OPERATION_POWER: power_slopes(function, r, z, back, dz); return;
    case SNNK__OPERATION_COS_SIN:
        for (size_t j = 0; j < r; j++)
            dz[j] = scale * (back[2 * j + 1] * cosf(z[j]) - back[2 * j] * sinf(z[j]));
        return;
    case SNNK__OPERATION_ACTIVATION:
        for (size_t j = 0; j < r; j++) {
            float slope = 0; /* if the activation is not valid */

            snnk__activation_apply_derivative(function->activation, 1, z + j, &slope);
            dz[j] = scale * back[j] * slope;
        }
        return;
    case SNNK__OPERATION_URF: return; /* snnk__urf_slopes */
    }
}
