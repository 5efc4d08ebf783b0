#include "urf/activation_slopes.h"

#include <math.h>

static const double sqrt_half = 0.70710678118654752440;        /* sqrt(1/2) */
static const double two_over_sqrt_pi = 1.12837916709551257390; /* 2/sqrt(pi) */
static const double density_at_0 = 0.39894228040143267794;     /* 1/sqrt(2 pi) */
static const double gelu_slope = 0.79788456080286535588;       /* sqrt(2/pi) */
static const double gelu_cubic = 0.044715;

/* Beyond this every slope and curvature with a limit has reached it in double; also keeps inf * 0
 * away. */
static const double far = 1e4;

/* z cut to [-far, far]; NaN stays. */
static double bounded(double z) { return z > far ? far : z < -far ? -far : z; }

/* p: 1 - sigmoid(z) is sigmoid(-z), without cancellation. */
static double sigmoid(double z) {
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z)); /* never exp of a large positive */
}

/* sigmoid'(z) = p (1 - p). */
static double bell(double z) { return sigmoid(z) * sigmoid(-z); }

static double normal_cdf(double z) { return 0.5 * erfc(-z * sqrt_half); }
static double normal_density(double z) { return density_at_0 * exp(-0.5 * z * z); }

/* The value of a derivative that is constant, but NaN at NaN. */
static double constant(double value, double z) { return isnan(z) ? z : value; }

/* gelu_tanh is z p(2 u), p the sigmoid, u this cubic in z, and u', u'' its derivatives. */
typedef struct cubic {
    double u, first, second;
} cubic;

static cubic cubic_at(double z) {
    return (cubic){.u = gelu_slope * (z + gelu_cubic * z * z * z),
                   .first = gelu_slope * (1 + 3 * gelu_cubic * z * z),
                   .second = gelu_slope * 6 * gelu_cubic * z};
}

static double gelu_tanh_slope(double z) {
    const cubic c = cubic_at(z);

    return sigmoid(2 * c.u) + 2 * z * c.first * bell(2 * c.u);
}

/* (z p)'' = 2 p' + z p'', with p' = 2 u' p (1 - p) and (p (1 - p))' = -2 u' tanh(u) p (1 - p). */
static double gelu_tanh_curvature(double z) {
    const cubic c = cubic_at(z);

    return bell(2 * c.u) * (4 * c.first + 2 * z * c.second - 4 * z * c.first * c.first * tanh(c.u));
}

double snnk__activation_slope(int32_t activation, double z) {
    const double t = bounded(z);

    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: return constant(1, z);
    case SNNK_STEP: return constant(0, z);
    case SNNK_RELU: return constant(z > 0, z);
    case SNNK_GELU: return normal_cdf(t) + t * normal_density(t);
    case SNNK_GELU_TANH: return gelu_tanh_slope(t);
    case SNNK_TANH: return 4 * bell(2 * z);
    case SNNK_SIGMOID: return bell(z);
    case SNNK_SILU: return sigmoid(t) + t * bell(t);
    case SNNK_SOFTPLUS: return sigmoid(z);
    case SNNK_SIN: return cos(z);
    case SNNK_COS: return -sin(z);
    case SNNK_EXP: return exp(z);
    case SNNK_ERF: return two_over_sqrt_pi * exp(-z * z);
    }
    return 0;
}

double snnk__activation_curvature(int32_t activation, double z) {
    const double t = bounded(z);

    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY:
    case SNNK_STEP:
    case SNNK_RELU: return constant(0, z);
    case SNNK_GELU: return (2 - t * t) * normal_density(t);
    case SNNK_GELU_TANH: return gelu_tanh_curvature(t);
    case SNNK_TANH: return -8 * tanh(z) * bell(2 * z);
    case SNNK_SIGMOID: return -tanh(z / 2) * bell(z);
    case SNNK_SILU: return (2 - t * tanh(t / 2)) * bell(t);
    case SNNK_SOFTPLUS: return bell(z);
    case SNNK_SIN: return -sin(z);
    case SNNK_COS: return -cos(z);
    case SNNK_EXP: return exp(z);
    case SNNK_ERF: return -2 * t * two_over_sqrt_pi * exp(-t * t);
    }
    return 0;
}
