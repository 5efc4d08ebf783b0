/* With offsets x = z - center and r = f minus its affine part, the function of period 2 T
 *
 *     g(x) = (1 - w(x)) r(x) + w(x) r(x - 2 T),    R <= x <= 2 T - R    (r itself for |x| <= R)
 *
 * is smooth where r is: w is a step from 0 to 1 whose derivatives are all 0 at both ends. Its
 * discrete Fourier transform g^ at N points x_j = 2 T j/N, -N/2 <= j < N/2, gives the atoms
 * omega_k = pi k/T, k = 0 ... N/2, that interpolate g. Their amplitudes are 2 g^_k. Two terms count
 * once: g^_0, the constant, and g^_{N/2}, which is shared with -N/2 and has no sine part.
 *
 * f is needed only at points known in advance: those of the check grid in the interval, where every
 * `refinement`th one is a sample point x_j, and two for every other x_j (the seam). */
#include "spectrum/extension.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "base/size.h"
#include "spectrum/fourier.h"
#include "spectrum/harmonics.h"

static const double pi = 3.14159265358979323846;

/* Where an extension needs f. */
typedef struct plan {
    size_t points; /* N */
    double center, radius, half_period;
    snnk__check_grid grid;
    size_t inside; /* x_j is on the check grid for |j| <= inside */
} plan;

static plan plan_of(const snnk_spectrum_config *config) {
    plan p = {.points = (size_t)config->points,
              .center = config->center,
              .radius = config->radius,
              .half_period = config->half_period};

    p.grid = snnk__check_grid_for(p.points, 2 * p.half_period, p.radius);
    p.inside = snnk__min_size(p.grid.half / p.grid.refinement, p.points / 2 - 1);
    return p;
}

/* A sample point on the seam: g = (1 - weight) r(here) + weight r(there). */
typedef struct seam {
    double here, there, weight;
} seam;

/* w = exp(-1/t)/(exp(-1/t) + exp(-1/(1-t))): 0 for t <= 0, 1 for t >= 1, infinitely often
 * differentiable. */
static double smooth_step(double t) {
    if (t <= 0) return 0;
    if (t >= 1) return 1;
    return 1 / (1 + exp(1 / t - 1 / (1 - t)));
}

/* j of the seam's point m: -N/2 ... -inside-1, then inside+1 ... N/2-1. */
static ptrdiff_t seam_index(const plan *p, size_t m) {
    const ptrdiff_t left = (ptrdiff_t)(p->points / 2 - p->inside), i = (ptrdiff_t)m;

    return i < left ? i - (ptrdiff_t)(p->points / 2) : i - left + (ptrdiff_t)p->inside + 1;
}

static size_t seam_count(const plan *p) { return p->points - (2 * p->inside + 1); }

static seam seam_at(const plan *p, ptrdiff_t j) {
    const double x = (double)j * (2 * p->half_period / (double)p->points);
    const double t = (fabs(x) - p->radius) / (2 * (p->half_period - p->radius));
    seam s = {.here = x, .there = x, .weight = smooth_step(t)};

    if (t > 0) s.there = x > 0 ? x - 2 * p->half_period : x + 2 * p->half_period;
    return s;
}

static size_t plan_count(const plan *p) {
    return snnk__check_grid_count(&p->grid) + 2 * seam_count(p);
}

static void plan_points(const plan *p, double *z) {
    const size_t count = snnk__check_grid_count(&p->grid);

    for (size_t i = 0; i < count; i++) z[i] = p->center + snnk__check_grid_offset(&p->grid, i);
    for (size_t m = 0; m < seam_count(p); m++) {
        const seam s = seam_at(p, seam_index(p, m));

        z[count + 2 * m] = p->center + s.here;
        z[count + 2 * m + 1] = p->center + s.there;
    }
}

/* ---- From values to harmonics ---- */

static double residual(const snnk__harmonics *harmonics, double x, double f) {
    return f - (harmonics->intercept + harmonics->slope * x);
}

/* Fit intercept (at the center) and slope by least squares on the check grid. The second pass fits
 * what the first left of f, so that a straight line is found to its last digits. */
static void fit_line(const plan *p, const double *f, snnk__harmonics *harmonics) {
    const size_t count = snnk__check_grid_count(&p->grid);

    for (int pass = 0; pass < 2; pass++) {
        double mean = 0, xy = 0, xx = 0;

        for (size_t i = 0; i < count; i++) { /* the mean of the offsets is 0 */
            const double x = snnk__check_grid_offset(&p->grid, i);
            const double y = residual(harmonics, x, f[i]);

            mean += y;
            xy += x * y;
            xx += x * x;
        }
        harmonics->intercept += mean / (double)count;
        harmonics->slope += xy / xx;
    }
}

/* The largest amplitude that rounding can make: of the values of f, and of the points where they
 * are taken (times the slope of f). n: how many of the values to count. */
static double noise(const plan *p, const double *f, size_t n) {
    const size_t count = snnk__check_grid_count(&p->grid);
    double largest = 0, min = f[0], max = f[0];

    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(f[i]));
    for (size_t i = 0; i < count; i++) {
        min = fmin(min, f[i]);
        max = fmax(max, f[i]);
    }
    return DBL_EPSILON * (16 * largest + (fabs(p->center) + p->radius) / p->radius * (max - min));
}

/* Subtract the best line from f. Returns true if f is that line on the whole interval, up to noise:
 * then there are no atoms, whatever f is on the seam. */
static bool remove_line(const plan *p, const double *f, snnk__harmonics *harmonics) {
    const size_t count = snnk__check_grid_count(&p->grid);
    const double floor = noise(p, f, count);

    fit_line(p, f, harmonics);
    if (fabs(harmonics->slope) * p->radius <= floor / 4)
        harmonics->slope = 0; /* the slope is noise, and a slope costs features */
    for (size_t i = 0; i < count; i++)
        if (fabs(residual(harmonics, snnk__check_grid_offset(&p->grid, i), f[i])) > floor)
            return false;
    return true;
}

/* g at the sample points x_j, at index j modulo N. */
static void extend(const plan *p, const double *f, const snnk__harmonics *harmonics, double *g) {
    const size_t count = snnk__check_grid_count(&p->grid), n = p->points;

    for (size_t i = 0; i <= 2 * p->inside; i++) {
        const size_t point =
            p->grid.half + 1 + i * p->grid.refinement - p->inside * p->grid.refinement;

        g[(n + i - p->inside) & (n - 1)] =
            residual(harmonics, snnk__check_grid_offset(&p->grid, point), f[point]);
    }
    for (size_t m = 0; m < seam_count(p); m++) {
        const ptrdiff_t j = seam_index(p, m);
        const seam s = seam_at(p, j);
        const double here = residual(harmonics, s.here, f[count + 2 * m]);
        const double there = residual(harmonics, s.there, f[count + 2 * m + 1]);

        g[(n + (size_t)j) & (n - 1)] = (1 - s.weight) * here + s.weight * there;
    }
}

static int transform(const plan *p, const double *f, const snnk_spectrum_config *config,
                     const snnk_allocator *allocator, snnk__harmonics *harmonics) {
    const size_t n = p->points;
    snnk__fourier F;
    int st;

    harmonics->center = harmonics->origin = p->center;
    harmonics->spacing = pi / p->half_period;
    if (config->affine == SNNK_AFFINE_LINE && remove_line(p, f, harmonics)) return SNNK_OK;
    if ((st = snnk__fourier_create(n, allocator, &F)) != SNNK_OK) return st;
    extend(p, f, harmonics, F.re);
    snnk__fourier_transform(&F, -1);
    for (size_t k = 1; k <= n / 2; k++) {
        const double factor = (k < n / 2 ? 2 : 1) / (double)n;

        harmonics->re[k] = factor * F.re[k];
        harmonics->im[k] = k < n / 2 ? factor * F.im[k] : 0;
    }
    harmonics->intercept += F.re[0] / (double)n;
    snnk__harmonics_prune(harmonics, config->tolerance, noise(p, f, plan_count(p)));
    snnk__fourier_free(allocator, &F);
    return SNNK_OK;
}

/* Build *harmonics from the values f at the plan's points, and bound their error. The caller frees
 * *harmonics, also after a failure. */
static int build(const plan *p, const double *f, const snnk_spectrum_config *config,
                 const snnk_allocator *allocator, snnk__harmonics *harmonics,
                 snnk__spectrum_bound *bound) {
    double *s = NULL;
    int st;

    if ((st = snnk__harmonics_alloc(p->points / 2 + 1, allocator, harmonics)) != SNNK_OK) return st;
    st = snnk__alloc(allocator, snnk__check_grid_count(&p->grid), sizeof *s,
                     "values on the interval", &s);
    if (st != SNNK_OK) goto done;
    if ((st = transform(p, f, config, allocator, harmonics)) != SNNK_OK) goto done;
    if ((st = snnk__harmonics_values(harmonics, &p->grid, allocator, s)) != SNNK_OK) goto done;
    *bound = snnk__harmonics_bound(harmonics, &p->grid, f, s);
done:
    snnk__free(allocator, s);
    return st;
}

/* ---- From values ---- */

size_t snnk__extension_points(const snnk_spectrum_config *config, double *z) {
    const plan p = plan_of(config);

    if (z) plan_points(&p, z);
    return plan_count(&p);
}

/* SNNK_E_NONFINITE unless f is finite at every point; the error names the first point where it is
 * not. */
static int check_values(const plan *p, const double *z, const double *f, const char *name) {
    for (size_t i = 0; i < plan_count(p); i++)
        if (!isfinite(f[i]))
            return snnk__fail(
                SNNK_E_NONFINITE,
                "%s is %g at z = %.17g; its extension needs finite values on %g +- %g", name, f[i],
                z[i], p->center, 2 * p->half_period - p->radius);
    return SNNK_OK;
}

int snnk__extension_from_values(const double *values, const snnk_spectrum_config *config,
                                const snnk_allocator *allocator, snnk_spectrum **spectrum) {
    const plan p = plan_of(config);
    snnk__harmonics harmonics = {0};
    snnk__spectrum_bound bound = {.error = INFINITY};
    double *z;
    int st;

    st = snnk__alloc(allocator, plan_count(&p), sizeof *z, "the points of a spectrum", &z);
    if (st != SNNK_OK) return st;
    plan_points(&p, z);
    if ((st = check_values(&p, z, values, "the function")) != SNNK_OK) goto done;
    if ((st = build(&p, values, config, allocator, &harmonics, &bound)) != SNNK_OK) goto done;
    if ((st = snnk__check_resolved(&bound, config, "the function")) != SNNK_OK) goto done;
    st = snnk__harmonics_spectrum(&harmonics, bound.error, config, allocator, spectrum);
done:
    snnk__harmonics_free(allocator, &harmonics);
    snnk__free(allocator, z);
    return st;
}

/* ---- From a function ---- */

typedef struct source {
    snnk__function_f64 f;
    void *user;
    const char *name;
} source;

/* As build, with values taken from the function. */
static int sample(const source *from, const snnk_spectrum_config *config,
                  const snnk_allocator *allocator, snnk__harmonics *harmonics,
                  snnk__spectrum_bound *bound) {
    const plan p = plan_of(config);
    const size_t count = plan_count(&p);
    double *z;
    int st;

    st = snnk__alloc(allocator, 2 * count, sizeof *z, "the points of a spectrum", &z);
    if (st != SNNK_OK) return st;
    plan_points(&p, z);
    for (size_t i = 0; i < count; i++) z[count + i] = from->f(z[i], from->user);
    st = check_values(&p, z, z + count, from->name);
    if (st == SNNK_OK) st = build(&p, z + count, config, allocator, harmonics, bound);
    snnk__free(allocator, z);
    return st;
}

/* Whether twice as many points would not help: rounding explains the error, or the function is
 * resolved and the last doubling reduced the error by less than a tenth. */
static bool settled(const snnk__spectrum_bound *now, const snnk__spectrum_bound *before,
                    const snnk_spectrum_config *config) {
    if (now->excess == 0) return true;
    return now->excess <= config->largest_error * now->range && now->error > 0.9 * before->error;
}

int snnk__spectrum_extension(snnk__function_f64 f, void *user, const char *name,
                             const snnk_spectrum_config *config, const snnk_allocator *allocator,
                             snnk_spectrum **spectrum) {
    const source from = {f, user, name};
    const uint64_t first = config->points ? config->points : 128;
    const uint64_t last = config->points ? config->points : 65536;
    snnk_spectrum_config now_config = *config, best_config = *config;
    snnk__harmonics harmonics = {0};
    snnk__spectrum_bound bound = {.error = INFINITY};
    int st = SNNK_OK;

    for (now_config.points = first; now_config.points <= last; now_config.points *= 2) {
        const snnk__spectrum_bound before = bound;
        snnk__harmonics next = {0};
        snnk__spectrum_bound now = {.error = INFINITY};

        st = sample(&from, &now_config, allocator, &next, &now);
        if (st == SNNK_OK && now.error < before.error) {
            snnk__harmonics_free(allocator, &harmonics);
            harmonics = next;
            bound = now;
            best_config = now_config;
        } else {
            snnk__harmonics_free(allocator, &next);
        }
        if (st != SNNK_OK || settled(&now, &before, config)) break;
    }
    if (st == SNNK_OK) st = snnk__check_resolved(&bound, config, name);
    if (st == SNNK_OK)
        st = snnk__harmonics_spectrum(&harmonics, bound.error, &best_config, allocator, spectrum);
    snnk__harmonics_free(allocator, &harmonics);
    return st;
}
