#include "spectrum/harmonics.h"

#include <float.h>
#include <math.h>

#include "base/size.h"
#include "spectrum/fourier.h"

/* ---- The check grid ---- */

snnk__check_grid snnk__check_grid_for(size_t points, double period, double radius) {
    const size_t limit = (size_t)1 << 20;
    size_t n = 16;

    while (n < 16 * points && n < limit) n *= 2;
    while (2 * radius * (double)n < 16384 * period && n < limit) n *= 2;
    const double step = period / (double)n, half = floor(radius / step - 0.25);
    /* Leaves room to double the number of points; such an allocation fails anyway. */
    const size_t largest = SIZE_MAX / 8;

    return (snnk__check_grid){.step = step,
                              .radius = radius,
                              .half = half > (double)largest ? largest
                                      : half > 0             ? (size_t)half
                                                             : 0,
                              .refinement = n / points};
}

double snnk__check_grid_offset(const snnk__check_grid *s, size_t i) {
    if (i == 0) return -s->radius;
    if (i == 2 * s->half + 2) return s->radius;
    return ((double)i - 1 - (double)s->half) * s->step;
}

/* ---- Harmonics ---- */

int snnk__harmonics_alloc(size_t count, const snnk_allocator *allocator,
                          snnk__harmonics *harmonics) {
    double *block;
    int st;

    *harmonics = (snnk__harmonics){0};
    st = snnk__alloc_zero(allocator, 2 * count, sizeof *block, "the atoms of a spectrum", &block);
    if (st != SNNK_OK) return st;
    harmonics->count = count;
    harmonics->re = block;
    harmonics->im = block + count;
    return SNNK_OK;
}

void snnk__harmonics_free(const snnk_allocator *allocator, snnk__harmonics *harmonics) {
    snnk__free(allocator, harmonics->re);
    *harmonics = (snnk__harmonics){0};
}

static double frequency(const snnk__harmonics *harmonics, size_t k) {
    return ((double)k + harmonics->shift) * harmonics->spacing;
}

static double amplitude(const snnk__harmonics *harmonics, size_t k) {
    return hypot(harmonics->re[k], harmonics->im[k]);
}

void snnk__harmonics_prune(snnk__harmonics *harmonics, double share, double floor) {
    double largest = 0;

    for (size_t k = 0; k < harmonics->count; k++) largest = fmax(largest, amplitude(harmonics, k));
    for (size_t k = 0; k < harmonics->count; k++) {
        const double size = amplitude(harmonics, k);

        if (size >= share * largest && size > floor) continue;
        harmonics->re[k] = 0;
        harmonics->im[k] = 0;
    }
}

/* s at an offset from the center, summed term by term. */
static double value_at(const snnk__harmonics *harmonics, double offset) {
    const double distance = harmonics->center - harmonics->origin + offset;
    double sum = harmonics->intercept + harmonics->slope * offset;

    for (size_t k = 0; k < harmonics->count; k++) {
        const double angle = frequency(harmonics, k) * distance;

        if (harmonics->re[k] != 0 || harmonics->im[k] != 0)
            sum += harmonics->re[k] * cos(angle) - harmonics->im[k] * sin(angle);
    }
    return sum;
}

int snnk__harmonics_values(const snnk__harmonics *harmonics, const snnk__check_grid *grid,
                           const snnk_allocator *allocator, double *values) {
    const double steps =
        6.283185307179586476925 / harmonics->spacing / grid->step; /* in a period */
    const size_t n = (size_t)(steps + 0.5), count = snnk__check_grid_count(grid);
    const double distance = harmonics->center - harmonics->origin;
    snnk__fourier F;
    int st;

    if ((st = snnk__fourier_create(n, allocator, &F)) != SNNK_OK) return st;
    for (size_t k = 0; k < harmonics->count; k++) {
        const double angle = frequency(harmonics, k) * distance, c = cos(angle), s = sin(angle);

        F.re[k] = harmonics->re[k] * c - harmonics->im[k] * s;
        F.im[k] = harmonics->re[k] * s + harmonics->im[k] * c;
    }
    snnk__fourier_transform(&F, 1);
    for (size_t i = 1; i + 1 < count; i++) {
        const double offset = snnk__check_grid_offset(grid, i);
        const double angle = harmonics->shift * harmonics->spacing * offset;
        const size_t j = (n - grid->half + i - 1) & (n - 1); /* offset/step modulo n */

        values[i] = harmonics->intercept + harmonics->slope * offset + cos(angle) * F.re[j] -
                    sin(angle) * F.im[j];
    }
    values[0] = value_at(harmonics, -grid->radius);
    values[count - 1] = value_at(harmonics, grid->radius);
    snnk__fourier_free(allocator, &F);
    return SNNK_OK;
}

/* ---- Error bound ---- */

/* The width of a grid cell, and the slope of f's chord in it. */
typedef struct cell {
    double width, slope;
} cell;

static cell cell_at(const snnk__check_grid *grid, const double *f, size_t i) {
    const double width = snnk__check_grid_offset(grid, i + 1) - snnk__check_grid_offset(grid, i);

    return (cell){width, (f[i + 1] - f[i]) / width};
}

/* Bound how far f can be from its chord in a cell. left, right: the change of the chord's slope at
 * the two ends of the cell, times its width h; NaN at an end of the interval. rise: the rise of s
 * in the cell.
 *
 * - A kink where the slope changes by J, at a share t of the cell, gives left = (1-t) J h and right
 *   = t J h, and is t (1-t) J h away from the chord: left right/(left + right).
 * - A constant second derivative gives left = right, so that quotient is left/2; left/8 is needed.
 * - A jump by J gives left = right = J. It moves f - s away from its values at both ends by at most
 *   the smaller of J and |rise|. */
static double chord_error(double left, double right, double rise) {
    const double u = isnan(left) ? right : left, v = isnan(right) ? left : right;
    double kink = u + v > 0 ? u * v / (u + v) : 0;

    if (isnan(left) || isnan(right)) kink = u; /* one slope is unknown: assume the worst t */
    return kink + fmin(kink, fabs(rise)) + fmax(u, v) / 8;
}

/* The largest bound over all cells. curvature: sum_k |c_k| omega_k^2, at least |s''|. */
static double largest_difference(const snnk__check_grid *grid, const double *f, const double *s,
                                 double curvature) {
    const size_t cells = snnk__check_grid_count(grid) - 1;
    cell before = {0, NAN}, here = cell_at(grid, f, 0);
    double bound = 0;

    for (size_t i = 0; i < cells; i++) {
        const cell after = i + 1 < cells ? cell_at(grid, f, i + 1) : (cell){0, NAN};
        const double h = here.width, ends = fmax(fabs(f[i] - s[i]), fabs(f[i + 1] - s[i + 1]));
        const double chord = chord_error(fabs(here.slope - before.slope) * h,
                                         fabs(after.slope - here.slope) * h, s[i + 1] - s[i]);

        bound = fmax(bound, ends + chord + h * h / 8 * curvature);
        before = here;
        here = after;
    }
    return bound;
}

snnk__spectrum_bound snnk__harmonics_bound(const snnk__harmonics *harmonics,
                                           const snnk__check_grid *grid, const double *f,
                                           const double *s) {
    const size_t count = snnk__check_grid_count(grid);
    const double farthest = fabs(harmonics->center) + grid->radius;
    double min = f[0], max = f[0], curvature = 0, terms = 0;

    for (size_t i = 0; i < count; i++) {
        min = fmin(min, f[i]);
        max = fmax(max, f[i]);
    }
    for (size_t k = 0; k < harmonics->count; k++) {
        const double omega = frequency(harmonics, k), size = amplitude(harmonics, k);

        curvature += size * omega * omega;
        terms += size * (1 + omega * farthest);
    }
    terms += fabs(harmonics->intercept) + fabs(harmonics->slope) * farthest;

    const double largest = fmax(fabs(min), fabs(max));
    const double rounding = 8 * DBL_EPSILON * (terms + largest);
    const double difference = largest_difference(grid, f, s, curvature);

    /* fmax ignores NaN, which values near the largest double can give. */
    const double error = isfinite(terms + largest) ? difference + rounding : INFINITY;

    return (snnk__spectrum_bound){.error = error,
                                  .excess = fmax(error - 2 * rounding, 0),
                                  .range = max - min,
                                  .largest = largest};
}

int snnk__check_resolved(const snnk__spectrum_bound *bound, const snnk_spectrum_config *config,
                         const char *name) {
    if (isfinite(bound->error) && bound->excess <= config->largest_error * bound->range)
        return SNNK_OK;
    return snnk__fail(SNNK_E_UNRESOLVED,
                      "the error bound of the spectrum of %s on %g +- %g is %.3g, above "
                      "largest_error = %g times the range %.3g",
                      name, config->center, config->radius, bound->error, config->largest_error,
                      bound->range);
}

/* ---- The spectrum ---- */

int snnk__harmonics_spectrum(const snnk__harmonics *harmonics, double error,
                             const snnk_spectrum_config *config, const snnk_allocator *allocator,
                             snnk_spectrum **spectrum) {
    snnk_spectrum *made;
    size_t count = 0;
    int st;

    for (size_t k = 0; k < harmonics->count; k++)
        count += harmonics->re[k] != 0 || harmonics->im[k] != 0;
    if ((st = snnk__spectrum_alloc(count, config, allocator, &made)) != SNNK_OK) return st;
    count = 0;
    for (size_t k = 0; k < harmonics->count; k++) {
        const double omega = frequency(harmonics, k), angle = omega * harmonics->origin;
        const double c = cos(angle), s = sin(angle);

        if (harmonics->re[k] == 0 && harmonics->im[k] == 0) continue;
        made->omega[count] = omega;
        made->re[count] = harmonics->re[k] * c + harmonics->im[k] * s;
        made->im[count] = harmonics->im[k] * c - harmonics->re[k] * s;
        count++;
    }
    made->intercept = harmonics->intercept - harmonics->slope * harmonics->center;
    made->slope = harmonics->slope;
    made->error = error;
    *spectrum = made;
    return SNNK_OK;
}
