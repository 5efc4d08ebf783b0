/* The filters of a scattering: Fourier transforms of Gabor functions are Gaussians. On a canvas of
 * pixels, frequencies that differ by whole turns are one, so Gaussians are summed over turns. */
#include <math.h>

#include "base/size.h"
#include "map/scattering.h"

static const double pi = 3.14159265358979323846;

/* exp(-x) is below 2^-53 of the largest value of a filter. */
#define NEGLIGIBLE 40.0

bool snnk__scattering_numbers(const snnk__scatter *plan, size_t *count) {
    size_t total, plane;

    if (!snnk__mul_size(plan->rows, plan->columns, &plane)) return false;
    total = 2 * snnk__max_size(plan->rows, plan->columns);
    for (size_t j = 0; j < plan->scales; j++)
        for (size_t r = 0; r < snnk__max_size(j, 1); r++) {
            size_t of_angles;

            if (!snnk__mul_size(plane >> 2 * r, plan->angles, &of_angles) ||
                !snnk__add_size(total, of_angles, &total))
                return false;
        }
    for (size_t r = 0; r < plan->scales; r++) {
        const size_t down = (plan->rows >> plan->scales) * (plan->rows >> r),
                     along = (plan->columns >> plan->scales) * (plan->columns >> r);

        if (!snnk__add_size(total, down, &total) || !snnk__add_size(total, along, &total))
            return false;
    }
    *count = total;
    return true;
}

static void set_turns(size_t n, float *turns) {
    for (size_t k = 0; k < n; k++) {
        turns[2 * k] = (float)cos(2 * pi * (double)k / (double)n);
        turns[2 * k + 1] = (float)-sin(2 * pi * (double)k / (double)n);
    }
}

/* ---- Wavelets ---- */

/* A Gabor function: a Gaussian of this deviation, narrower by 1/slant across the angle, times a
 * wave of frequency xi. */
typedef struct gabor {
    double sigma, slant, cosine, sine, xi;
} gabor;

/* The first and the last number of whole turns that leave a frequency within +-reach. */
static void turns_within(double frequency, double reach, int *first, int *last) {
    *first = (int)ceil((-reach - frequency) / (2 * pi));
    *last = (int)floor((reach - frequency) / (2 * pi));
}

/* Its transform at a frequency (u down the rows, v along them), summed over whole turns.
 * Frequencies beyond `reach` are negligible. */
static double gabor_at(const gabor *g, double u, double v) {
    const double reach = g->xi + 1.001 * sqrt(2 * NEGLIGIBLE) * fmax(g->slant, 1) / g->sigma;
    int first, last, left, right;
    double sum = 0;

    turns_within(u, reach, &first, &last);
    turns_within(v, reach, &left, &right);
    for (int a = first; a <= last; a++)
        for (int b = left; b <= right; b++) {
            const double x = u + 2 * pi * a, y = v + 2 * pi * b;
            const double p = x * g->cosine + y * g->sine - g->xi,
                         q = (y * g->cosine - x * g->sine) / g->slant;
            const double exponent = g->sigma * g->sigma * (p * p + q * q) / 2;

            if (exponent < NEGLIGIBLE) sum += exp(-exponent);
        }
    return sum;
}

/* The frequency of index k of n, and the index of a canvas of `size` points that it is kept from,
 * when the canvas is reduced to n points. */
static size_t kept(size_t k, size_t n, size_t size) { return k < n / 2 ? k : size - n + k; }
static double frequency(size_t k, size_t n) { return 2 * pi * (double)k / (double)n; }

/* Set a filter of rows x columns points of the canvas to that of wavelet (j, angle), divided by
 * that number. */
static void set_wavelet(const snnk__scatter *plan, size_t j, size_t angle, size_t r, float *to) {
    const size_t L = plan->angles, rows = plan->rows >> r, columns = plan->columns >> r;
    const double theta = ((double)(L / 2) - 1 - (double)angle) * pi / (double)L,
                 scale = ldexp(1, (int)j);
    const gabor wave = {0.8 * scale, 4 / (double)L, cos(theta), sin(theta), 0.75 * pi / scale};
    gabor still = wave;

    still.xi = 0;
    const double share = gabor_at(&wave, 0, 0) / gabor_at(&still, 0, 0);

    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < columns; k++) {
            const double u = frequency(kept(i, rows, plan->rows), plan->rows),
                         v = frequency(kept(k, columns, plan->columns), plan->columns);
            const double value = gabor_at(&wave, u, v) - share * gabor_at(&still, u, v);

            to[i * columns + k] = (float)(value / (double)(rows * columns));
        }
}

/* ---- Averages ---- */

/* Set weights (cells x n): the low-pass filter of a canvas of `size` points, reduced to n points,
 * around every cell. spectrum: n doubles of scratch. */
static void set_averages(size_t size, size_t scales, size_t r, double *spectrum, float *weights) {
    const size_t n = size >> r, cells = size >> scales, stride = n / cells;
    const gabor phi = {0.8 * ldexp(1, (int)scales - 1), 1, 1, 0, 0};
    /* gabor_at sums over both directions: the sum over the other one is divided out. */
    const double other = sqrt(gabor_at(&phi, 0, 0));

    for (size_t k = 0; k < n; k++)
        spectrum[k] = gabor_at(&phi, frequency(kept(k, n, size), size), 0) / other;
    for (size_t t = 0; t < n; t++) { /* the filter at a distance of t points */
        double sum = 0;

        for (size_t k = 0; k < n; k++) sum += spectrum[k] * cos(frequency(k * t % n, n));
        for (size_t c = 0; c < cells; c++)
            weights[c * n + (c * stride + t) % n] = (float)(sum / (double)n);
    }
}

/* ---- All of them ---- */

void snnk__scattering_fill(snnk__scattering *s, double *spectrum) {
    snnk__scatter *plan = &s->plan;
    const size_t J = plan->scales, L = plan->angles;
    const float **psi = s->filters, **down = psi + J * J * L, **along = down + J;
    float *next = s->numbers;

    plan->turns = next;
    plan->psi = psi;
    plan->down = down;
    plan->along = along;
    set_turns(snnk__max_size(plan->rows, plan->columns), next);
    next += 2 * snnk__max_size(plan->rows, plan->columns);
    for (size_t j = 0; j < J; j++)
        for (size_t a = 0; a < L; a++)
            for (size_t r = 0; r < snnk__max_size(j, 1); r++) {
                psi[(j * L + a) * J + r] = next;
                set_wavelet(plan, j, a, r, next);
                next += (plan->rows >> r) * (plan->columns >> r);
            }
    for (size_t r = 0; r < J; r++) {
        down[r] = next;
        set_averages(plan->rows, J, r, spectrum, next);
        next += (plan->rows >> J) * (plan->rows >> r);
        along[r] = next;
        set_averages(plan->columns, J, r, spectrum, next);
        next += (plan->columns >> J) * (plan->columns >> r);
    }
}
