/* The integrals are
 *
 *     f(z) = affine(z) + (1/pi) int_0^inf weight(omega) kernel(omega, z) d omega,
 *
 * taken by the midpoint rule, omega_k = (k + 1/2) h. The integrands are even and analytic in omega,
 * so by Poisson's summation formula the sum over all k is exactly
 *
 *     sum_j (-1)^j (f - affine)(z - j L),    L = 2 pi/h,
 *
 * images of f - affine at distance L with alternating signs. For all seven activations f - affine
 * is a multiple of sign(z) or |z| plus a constant, except for a tail that falls off, so the images
 * cancel except for that tail: on |z| <= Z the error is about 2 tail(L - Z). Hence L = Z + (the
 * distance where the tail falls below the tolerance), and Omega L/(2 pi) atoms. (A Gauss rule needs
 * more than pi/2 times as many to follow the oscillation at |z| = Z.) For relu the tail is 0: the
 * sum is the Fourier series of a triangle wave.
 *
 * The midpoint rule has no node at omega = 0, where the kernel (1 - cos(omega z))/omega^2 is z^2/2,
 * not an atom. An atom has amplitude -h weight/(pi omega^2); the constant that belongs to it goes
 * to the intercept, so that both cancel at z = 0. The smallest omega is h/2, and the amplitudes add
 * up to L/4 (for weight 1), the size of f at |z| = L/2: no large numbers cancel. */
#include "spectrum/integral.h"

#include <math.h>

#include "base/size.h"
#include "spectrum/activation.h"
#include "spectrum/activation_f64.h"
#include "spectrum/harmonics.h"

static const double pi = 3.14159265358979323846;

/* x/sinh(x) for x >= 0, without overflow. */
static double over_sinh(double x) { return x == 0 ? 1 : 2 * x * exp(-x) / -expm1(-2 * x); }

/* x/tanh(x) for x >= 0. */
static double over_tanh(double x) { return x == 0 ? 1 : x / tanh(x); }

double snnk__spectrum_weight(int32_t activation, double omega) {
    switch ((snnk_activation)activation) {
    case SNNK_RELU: return 1;
    case SNNK_GELU: return (1 + omega * omega) * exp(-omega * omega / 2);
    case SNNK_SOFTPLUS:
    case SNNK_SIGMOID: return over_sinh(pi * omega);
    case SNNK_SILU: return over_sinh(pi * omega) * over_tanh(pi * omega);
    case SNNK_TANH: return 2 * over_sinh(pi / 2 * omega);
    case SNNK_ERF: return 2 * exp(-omega * omega / 4);
    default: return NAN;
    }
}

/* The integral of one activation; the table is in docs/math.md, section 2. */
typedef struct integral {
    int32_t activation;
    double intercept, slope; /* affine part */
    int power;               /* 2: (1 - cos)/omega^2, 1: sin/omega */
} integral;

static const integral integrals[] = {
    {SNNK_RELU, 0, 0.5, 2},    {SNNK_GELU, 0, 0.5, 2},
    {SNNK_SILU, 0, 0.5, 2},    {SNNK_SOFTPLUS, 0.69314718055994530942, 0.5, 2},
    {SNNK_SIGMOID, 0.5, 0, 1}, {SNNK_TANH, 0, 0, 1},
    {SNNK_ERF, 0, 0, 1},
};

static const integral *find(int32_t activation) {
    for (size_t i = 0; i < sizeof integrals / sizeof *integrals; i++)
        if (integrals[i].activation == activation) return integrals + i;
    return NULL;
}

/* How far f(-y) is from its limit at minus infinity. Decreasing for y >= 1.5. */
static double tail(int32_t activation, double y) {
    if (activation == SNNK_TANH) return 2 * snnk__activation_f64(SNNK_SIGMOID, -2 * y);
    if (activation == SNNK_ERF) return erfc(y);
    return fabs(snnk__activation_f64(activation, -y));
}

/* The frequency above which the integral can be cut off. For omega >= 1 the rest of the integral is
 * at most its integrand at omega divided by pi: all weights but relu's fall at least like
 * exp(-omega). */
static double find_cutoff(const integral *f, double target) {
    double omega = 1;

    while (snnk__spectrum_weight(f->activation, omega) / pow(omega, f->power) > pi * target)
        omega += 0.0625;
    return omega;
}

/* L: images at this distance disturb |z| <= farthest by at most `target`. relu's triangle wave is
 * exact up to its corner, but the series cut off at Omega rounds the corner: 8/Omega keeps that
 * outside. */
static double find_distance(const integral *f, double farthest, double cutoff, double target) {
    double y = 1.5;

    if (f->activation == SNNK_RELU) return farthest + 8 / cutoff;
    while (tail(f->activation, y) > target) y += 0.0625;
    return farthest + y;
}

/* Set Omega and the number of nodes if they are 0 in the config. */
static void choose_rule(const integral *f, double range, snnk_spectrum_config *config) {
    const double farthest = fabs(config->center) + config->radius;
    const double target = fmax(fmax(config->tolerance, 1e-14) * range, 1e-16);

    if (config->largest_frequency == 0)
        config->largest_frequency =
            f->activation == SNNK_RELU ? 400 / config->radius : find_cutoff(f, target);
    if (config->points == 0) {
        const double distance = find_distance(f, farthest, config->largest_frequency, target);
        const double nodes = ceil(config->largest_frequency * distance / (2 * pi));

        config->points = (uint64_t)fmin(fmax(nodes, 2), 65536);
    }
}

/* Largest minus smallest value of f on the interval. All seven are monotone except for one wide dip
 * (gelu, silu), so 129 points are enough. */
static double find_range(int32_t activation, const snnk_spectrum_config *config) {
    double min = INFINITY, max = -INFINITY;

    for (int i = -64; i <= 64; i++) {
        const double value =
            snnk__activation_f64(activation, config->center + config->radius * i / 64);

        min = fmin(min, value);
        max = fmax(max, value);
    }
    return max - min;
}

static void set_atoms(const integral *f, const snnk_spectrum_config *config,
                      snnk__harmonics *harmonics) {
    const double h = config->largest_frequency / (double)config->points;

    harmonics->center = config->center;
    harmonics->slope = f->slope;
    harmonics->intercept = f->intercept + f->slope * config->center;
    harmonics->spacing = h;
    harmonics->shift = 0.5;
    for (size_t k = 0; k < harmonics->count; k++) {
        const double omega = ((double)k + 0.5) * h;
        const double weight = h / pi * snnk__spectrum_weight(f->activation, omega) / omega;

        if (f->power == 1) {
            harmonics->im[k] = -weight; /* sin = Re(-i exp) */
        } else {
            harmonics->re[k] = -weight / omega;
        }
    }
    snnk__harmonics_prune(harmonics, config->tolerance, 0);
    for (size_t k = 0; k < harmonics->count; k++) harmonics->intercept -= harmonics->re[k];
}

/* Cutting (1 - cos(omega z))/omega^2 off at Omega makes an error that is 0 at z = 0 and has one
 * sign elsewhere. Moving half of the largest to the intercept halves it. */
static void center_error(const double *f, size_t count, snnk__harmonics *harmonics, double *s) {
    double min = INFINITY, max = -INFINITY;

    for (size_t i = 0; i < count; i++) {
        min = fmin(min, f[i] - s[i]);
        max = fmax(max, f[i] - s[i]);
    }
    harmonics->intercept += (min + max) / 2;
    for (size_t i = 0; i < count; i++) s[i] += (min + max) / 2;
}

int snnk__spectrum_integral(int32_t activation, const snnk_spectrum_config *config,
                            const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    const integral *f = find(activation);
    const char *name = snnk_activation_name(activation);
    snnk_spectrum_config used = *config;
    snnk__harmonics harmonics = {0};
    double *values = NULL;
    int st;

    if (!f)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "%s has no spectrum by Fourier integral; use another method", name);
    choose_rule(f, find_range(activation, config), &used);
    used.half_period = 0;
    if ((st = snnk__harmonics_alloc((size_t)used.points, allocator, &harmonics)) != SNNK_OK)
        goto done;
    set_atoms(f, &used, &harmonics);

    const snnk__check_grid grid =
        snnk__check_grid_for(2 * (size_t)used.points, 2 * pi / harmonics.spacing, used.radius);
    const size_t count = snnk__check_grid_count(&grid);

    st = snnk__alloc(allocator, 2 * count, sizeof *values, "values on the interval", &values);
    if (st != SNNK_OK) goto done;
    for (size_t i = 0; i < count; i++)
        values[i] =
            snnk__activation_f64(activation, used.center + snnk__check_grid_offset(&grid, i));
    st = snnk__harmonics_values(&harmonics, &grid, allocator, values + count);
    if (st != SNNK_OK) goto done;
    if (f->power == 2) center_error(values, count, &harmonics, values + count);

    const snnk__spectrum_bound bound =
        snnk__harmonics_bound(&harmonics, &grid, values, values + count);

    if ((st = snnk__check_resolved(&bound, &used, name)) != SNNK_OK) goto done;
    st = snnk__harmonics_spectrum(&harmonics, bound.error, &used, allocator, spectrum);
done:
    snnk__free(allocator, values);
    snnk__harmonics_free(allocator, &harmonics);
    return st;
}
