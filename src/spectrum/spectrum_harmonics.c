/* Sweeps, combs, and the error of one on the other. */
#include <float.h>
#include <math.h>

#include "base/size.h"
#include "spectrum/spectrum.h"

/* ---- Sweeps ---- */

snnk__check_grid snnk__check_grid_for(size_t points, double period, double radius) {
    const size_t most = (size_t)1 << 20;
    size_t n = 16;

    while (n < 16 * points && n < most) n *= 2;
    while (2 * radius * (double)n < 16384 * period && n < most) n *= 2;
    const double step = period / (double)n, half = floor(radius / step - 0.25);

    return (snnk__check_grid){.step = step,
                              .radius = radius,
                              .half = half > 0 ? (size_t)half : 0,
                              .refinement = n / points};
}

double snnk__check_grid_offset(const snnk__check_grid *s, size_t i) {
    if (i == 0) return -s->radius;
    if (i == 2 * s->half + 2) return s->radius;
    return ((double)i - 1 - (double)s->half) * s->step;
}

/* ---- Combs ---- */

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

static double rate(const snnk__harmonics *harmonics, size_t k) {
    return ((double)k + harmonics->shift) * harmonics->spacing;
}

static double absolute(const snnk__harmonics *harmonics, size_t k) {
    return hypot(harmonics->re[k], harmonics->im[k]);
}

void snnk__harmonics_prune(snnk__harmonics *harmonics, double share, double floor) {
    double largest = 0;

    for (size_t k = 0; k < harmonics->count; k++) largest = fmax(largest, absolute(harmonics, k));
    for (size_t k = 0; k < harmonics->count; k++) {
        const double size = absolute(harmonics, k);

        if (size >= share * largest && size > floor) continue;
        harmonics->re[k] = 0;
        harmonics->im[k] = 0;
    }
}

/* s at an offset from the center, term by term. */
static double value_at(const snnk__harmonics *harmonics, double offset) {
    const double distance = harmonics->center - harmonics->origin + offset;
    double sum = harmonics->intercept + harmonics->slope * offset;

    for (size_t k = 0; k < harmonics->count; k++) {
        const double angle = rate(harmonics, k) * distance;

        if (harmonics->re[k] != 0 || harmonics->im[k] != 0)
            sum += harmonics->re[k] * cos(angle) - harmonics->im[k] * sin(angle);
    }
    return sum;
}

int snnk__harmonics_values(const snnk__harmonics *harmonics, const snnk__check_grid *grid,
                           const snnk_allocator *allocator, double *values) {
    const double turn =
        6.283185307179586476925 / harmonics->spacing / grid->step; /* steps a period */
    const size_t n = (size_t)(turn + 0.5), count = snnk__check_grid_count(grid);
    const double distance = harmonics->center - harmonics->origin;
    snnk__fourier F;
    int st;

    if ((st = snnk__fourier_create(n, allocator, &F)) != SNNK_OK) return st;
    for (size_t k = 0; k < harmonics->count; k++) {
        const double angle = rate(harmonics, k) * distance, c = cos(angle), s = sin(angle);

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

/* ---- Errors ---- */

/* f's slope in cell i, and the cell's width. */
typedef struct cell {
    double width, slope;
} cell;

static cell cell_at(const snnk__check_grid *grid, const double *f, size_t i) {
    const double width = snnk__check_grid_offset(grid, i + 1) - snnk__check_grid_offset(grid, i);

    return (cell){width, (f[i + 1] - f[i]) / width};
}

/* How far f can be from its chord in a cell. left, right: the change of slope at its ends times its
 * width, NaN at an end of the interval. A kink, a change of slope by J at a share t of the cell,
 * gives left = (1-t) J h, right = t J h and is t (1-t) J h away from the chord: their product over
 * their sum. A constant second derivative gives half of left, and needs an eighth of it. A jump by J
 * gives left = right = J, and takes f - s away from both ends of the cell by no more than the
 * smaller of J and the rise of s. */
static double bend(double left, double right, double rise) {
    const double u = isnan(left) ? right : left, v = isnan(right) ? left : right;
    double most = u + v > 0 ? u * v / (u + v) : 0;

    if (isnan(left) || isnan(right)) most = u; /* one side says nothing: take all of the other */
    return most + fmin(most, fabs(rise)) + fmax(u, v) / 8;
}

/* The largest bound of all cells. curvature: of s. */
static double largest_difference(const snnk__check_grid *grid, const double *f, const double *s,
                                 double curvature) {
    const size_t cells = snnk__check_grid_count(grid) - 1;
    cell before = {0, NAN}, here = cell_at(grid, f, 0);
    double bound = 0;

    for (size_t i = 0; i < cells; i++) {
        const cell after = i + 1 < cells ? cell_at(grid, f, i + 1) : (cell){0, NAN};
        const double h = here.width, ends = fmax(fabs(f[i] - s[i]), fabs(f[i + 1] - s[i + 1]));
        const double bent = bend(fabs(here.slope - before.slope) * h,
                                 fabs(after.slope - here.slope) * h, s[i + 1] - s[i]);

        bound = fmax(bound, ends + bent + h * h / 8 * curvature);
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
    double least = f[0], most = f[0], curvature = 0, terms = 0;

    for (size_t i = 0; i < count; i++) {
        least = fmin(least, f[i]);
        most = fmax(most, f[i]);
    }
    for (size_t k = 0; k < harmonics->count; k++) {
        const double omega = rate(harmonics, k), size = absolute(harmonics, k);

        curvature += size * omega * omega;
        terms += size * (1 + omega * farthest);
    }
    terms += fabs(harmonics->intercept) + fabs(harmonics->slope) * farthest;

    const double largest = fmax(fabs(least), fabs(most));
    const double rounding = 8 * DBL_EPSILON * (terms + largest);
    const double difference = largest_difference(grid, f, s, curvature);

    /* fmax passes over NaN, which arithmetic on the largest doubles can give. */
    const double error = isfinite(terms + largest) ? difference + rounding : INFINITY;

    return (snnk__spectrum_bound){.error = error,
                                  .excess = fmax(error - 2 * rounding, 0),
                                  .range = most - least,
                                  .largest = largest};
}

int snnk__check_resolved(const snnk__spectrum_bound *fit, const snnk_spectrum_config *config,
                         const char *name) {
    if (isfinite(fit->error) && fit->excess <= config->largest_error * fit->range) return SNNK_OK;
    return snnk__fail(SNNK_E_UNRESOLVED,
                      "the error bound of the spectrum of %s on %g +- %g is %.3g, above "
                      "largest_error = %g times the range %.3g",
                      name, config->center, config->radius, fit->error, config->largest_error,
                      fit->range);
}

/* ---- Into a spectrum ---- */

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
        const double omega = rate(harmonics, k), angle = omega * harmonics->origin;
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
