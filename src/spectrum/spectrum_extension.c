/* Spectra by Fourier extension. With offsets x = z - center and r = f less its affine part, the function
 * of period 2 T
 *
 *     g(x) = (1 - w(x)) r(x) + w(x) r(x - 2 T),    R <= x <= 2 T - R    (r itself for |x| <= R)
 *
 * is smooth where r is, as w is a step that goes from 0 to 1 with all derivatives 0 at both ends. Its
 * discrete Fourier transform at N points x_j = 2 T j/N, -N/2 <= j < N/2, is that of the interpolating
 * sum of atoms omega_k = pi k/T, k = 0 ... N/2: amplitude 2 g^_k, but g^_0 (a constant) and g^_{N/2}
 * (half of it belongs to -N/2: cos(omega x) without its sine, which the points do not see) once.
 *
 * All that is needed of f is its values at points known beforehand: those of the sweep (the interval),
 * whose every `refinement`th is a point x_j, then two for every other x_j (the seam). */
#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "base/size.h"
#include "spectrum/spectrum.h"

static const double pi = 3.14159265358979323846;

/* The points of one extension. */
typedef struct plan {
    size_t points; /* N */
    double center, radius, half_period;
    snnk__check_grid grid;
    size_t inside; /* |j| <= inside are points of the sweep */
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

/* x_j and r's other half there: where it is, and w. */
typedef struct seam {
    double here, there, weight;
} seam;

/* exp(-1/t)/(exp(-1/t) + exp(-1/(1-t))): 0 for t <= 0, 1 for t >= 1, of class C-infinity. */
static double smooth_step(double t) {
    if (t <= 0) return 0;
    if (t >= 1) return 1;
    return 1 / (1 + exp(1 / t - 1 / (1 - t)));
}

/* Of the seam's m-th point, by j: -N/2 ... -inside-1, then inside+1 ... N/2-1. */
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

/* ---- Transforming ---- */

static double residual(const snnk__harmonics *harmonics, double x, double f) {
    return f - (harmonics->intercept + harmonics->slope * x);
}

/* Least squares over the sweep: intercept (at the center) and slope. Once more for what is left of f, so
 * that a line comes out to its last digits. */
static void fit_line(const plan *p, const double *f, snnk__harmonics *harmonics) {
    const size_t count = snnk__check_grid_count(&p->grid);

    for (int pass = 0; pass < 2; pass++) {
        double mean = 0, xy = 0, xx = 0;

        for (size_t i = 0; i < count; i++) { /* the mean of the offsets is 0 */
            const double x = snnk__check_grid_offset(&p->grid, i),
                         left = residual(harmonics, x, f[i]);

            mean += left;
            xy += x * left;
            xx += x * x;
        }
        harmonics->intercept += mean / (double)count;
        harmonics->slope += xy / xx;
    }
}

/* How large an amplitude can be that says nothing of f: values are rounded, and so is where they are
 * taken, which counts by the slope. n: of all values, or of those in the interval. */
static double noise(const plan *p, const double *f, size_t n) {
    const size_t count = snnk__check_grid_count(&p->grid);
    double largest = 0, least = f[0], most = f[0];

    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(f[i]));
    for (size_t i = 0; i < count; i++) {
        least = fmin(least, f[i]);
        most = fmax(most, f[i]);
    }
    return DBL_EPSILON *
           (16 * largest + (fabs(p->center) + p->radius) / p->radius * (most - least));
}

/* Take the line out. True if it is f itself on all of the interval, but for noise: then nothing is left
 * for atoms, whatever there is on the seam. */
static bool take_line(const plan *p, const double *f, snnk__harmonics *harmonics) {
    const size_t count = snnk__check_grid_count(&p->grid);
    const double floor = noise(p, f, count);

    fit_line(p, f, harmonics);
    if (fabs(harmonics->slope) * p->radius <= floor / 4)
        harmonics->slope = 0; /* a slope costs features */
    for (size_t i = 0; i < count; i++)
        if (fabs(residual(harmonics, snnk__check_grid_offset(&p->grid, i), f[i])) > floor)
            return false;
    return true;
}

/* g at the points x_j, j modulo N. */
static void extend(const plan *p, const double *f, const snnk__harmonics *harmonics, double *g) {
    const size_t count = snnk__check_grid_count(&p->grid), n = p->points;

    for (size_t i = 0; i <= 2 * p->inside; i++) {
        const size_t at =
            p->grid.half + 1 + i * p->grid.refinement - p->inside * p->grid.refinement;

        g[(n + i - p->inside) & (n - 1)] =
            residual(harmonics, snnk__check_grid_offset(&p->grid, at), f[at]);
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
    if (config->affine == SNNK_AFFINE_LINE && take_line(p, f, harmonics)) return SNNK_OK;
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

/* *comb from values at the plan's points, and how good it is. The caller frees *comb. */
static int build(const plan *p, const double *f, const snnk_spectrum_config *config,
                 const snnk_allocator *allocator, snnk__harmonics *harmonics,
                 snnk__spectrum_bound *fit) {
    double *s = NULL;
    int st;

    if ((st = snnk__harmonics_alloc(p->points / 2 + 1, allocator, harmonics)) != SNNK_OK) return st;
    st = snnk__alloc(allocator, snnk__check_grid_count(&p->grid), sizeof *s,
                     "values on the interval", &s);
    if (st != SNNK_OK) goto done;
    if ((st = transform(p, f, config, allocator, harmonics)) != SNNK_OK) goto done;
    if ((st = snnk__harmonics_values(harmonics, &p->grid, allocator, s)) != SNNK_OK) goto done;
    *fit = snnk__harmonics_bound(harmonics, &p->grid, f, s);
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

/* SNNK_E_NONFINITE, naming z. */
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
    snnk__spectrum_bound fit = {.error = INFINITY};
    double *z;
    int st;

    st = snnk__alloc(allocator, plan_count(&p), sizeof *z, "the points of a spectrum", &z);
    if (st != SNNK_OK) return st;
    plan_points(&p, z);
    if ((st = check_values(&p, z, values, "the function")) != SNNK_OK) goto done;
    if ((st = build(&p, values, config, allocator, &harmonics, &fit)) != SNNK_OK) goto done;
    if ((st = snnk__check_resolved(&fit, config, "the function")) != SNNK_OK) goto done;
    st = snnk__harmonics_spectrum(&harmonics, fit.error, config, allocator, spectrum);
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

/* build, from the function. */
static int sample(const source *from, const snnk_spectrum_config *config,
                  const snnk_allocator *allocator, snnk__harmonics *harmonics,
                  snnk__spectrum_bound *fit) {
    const plan p = plan_of(config);
    const size_t count = plan_count(&p);
    double *z;
    int st;

    st = snnk__alloc(allocator, 2 * count, sizeof *z, "the points of a spectrum", &z);
    if (st != SNNK_OK) return st;
    plan_points(&p, z);
    for (size_t i = 0; i < count; i++) z[count + i] = from->f(z[i], from->user);
    st = check_values(&p, z, z + count, from->name);
    if (st == SNNK_OK) st = build(&p, z + count, config, allocator, harmonics, fit);
    snnk__free(allocator, z);
    return st;
}

/* Whether twice the points would not help: the error is what rounding makes, or, once the function is
 * resolved, the last doubling took less than a tenth off it. */
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
    snnk_spectrum_config used = *config, best = *config;
    snnk__harmonics harmonics = {0};
    snnk__spectrum_bound fit = {.error = INFINITY};
    int st = SNNK_OK;

    for (used.points = first; used.points <= last; used.points *= 2) {
        const snnk__spectrum_bound before = fit;
        snnk__harmonics next = {0};
        snnk__spectrum_bound now = {.error = INFINITY};

        st = sample(&from, &used, allocator, &next, &now);
        if (st == SNNK_OK && now.error < before.error) {
            snnk__harmonics_free(allocator, &harmonics);
            harmonics = next;
            fit = now;
            best = used;
        } else {
            snnk__harmonics_free(allocator, &next);
        }
        if (st != SNNK_OK || settled(&now, &before, config)) break;
    }
    if (st == SNNK_OK) st = snnk__check_resolved(&fit, config, name);
    if (st == SNNK_OK)
        st = snnk__harmonics_spectrum(&harmonics, fit.error, &best, allocator, spectrum);
    snnk__harmonics_free(allocator, &harmonics);
    return st;
}
