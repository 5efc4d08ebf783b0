#include "spectrum/activation_slopes.h"

#include <math.h>

#include "spectrum/activation_f64.h"

static const double two_over_sqrt_pi = 1.12837916709551257390; /* 2/sqrt(pi) */
static const double density_at_0 = 0.39894228040143267794;     /* 1/sqrt(2 pi) */

/* Beyond this, every slope and curvature that has a limit has reached it in double. Arguments are
 * limited to it, which also avoids infinity * 0. */
static const double far = 1e4;

/* z limited to [-far, far]; NaN stays NaN. */
static double bounded(double z) { return z > far ? far : z < -far ? -far : z; }

/* sigmoid'(z) = p (1 - p). */
static double bell(double z) { return snnk__sigmoid(z) * snnk__sigmoid(-z); }

static double normal_density(double z) { return density_at_0 * exp(-0.5 * z * z); }

/* A constant derivative; NaN at NaN. */
static double constant(double value, double z) { return isnan(z) ? z : value; }

/* gelu_tanh is z sigmoid(2 u) with this cubic u in z; first, second: u', u''. */
typedef struct cubic {
    double u, first, second;
} cubic;

static cubic cubic_at(double z) {
    return (cubic){.u = snnk__gelu_slope * (z + snnk__gelu_cubic * z * z * z),
                   .first = snnk__gelu_slope * (1 + 3 * snnk__gelu_cubic * z * z),
                   .second = snnk__gelu_slope * 6 * snnk__gelu_cubic * z};
}

static double gelu_tanh_slope(double z) {
    const cubic c = cubic_at(z);

    return snnk__sigmoid(2 * c.u) + 2 * z * c.first * bell(2 * c.u);
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
    case SNNK_GELU: return snnk__normal_cdf(t) + t * normal_density(t);
    case SNNK_GELU_TANH: return gelu_tanh_slope(t);
    case SNNK_TANH: return 4 * bell(2 * z);
    case SNNK_SIGMOID: return bell(z);
    case SNNK_SILU: return snnk__sigmoid(t) + t * bell(t);
    case SNNK_SOFTPLUS: return snnk__sigmoid(z);
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
