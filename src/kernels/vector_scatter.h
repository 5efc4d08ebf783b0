/* The scattering of LANES images at a time, an image in each lane, so that nothing passes between
 * lanes. Included by the kernels of an instruction set, which define before:
 *
 *     LANES, INLINE, UNROLLED, floats, v_fma, v_sqrt
 *
 * An array of complex numbers has LANES real parts, then LANES imaginary parts, for each number.
 * Transforms of one line run within the first-level cache. */
#ifndef SNNK_KERNELS_VECTOR_SCATTER_H
#define SNNK_KERNELS_VECTOR_SCATTER_H

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "kernels/kernels.h"

#define COMPLEX (2 * (size_t)LANES) /* floats of a complex number */

typedef struct v_complex {
    floats re, im;
} v_complex;

INLINE floats v_at(const float *p) {
    floats x;

    memcpy(&x, p, sizeof x);
    return x;
}
INLINE void v_put(float *p, floats x) { memcpy(p, &x, sizeof x); }

/* A line of complex numbers with a stride in floats. An inverse transform is the transform of
 * numbers whose parts are exchanged. */
typedef struct v_line {
    float *re, *im;
    size_t stride;
} v_line;

INLINE v_line line_at(float *p, size_t stride, bool exchanged) {
    return (v_line){exchanged ? p + LANES : p, exchanged ? p : p + LANES, stride};
}
INLINE v_complex line_get(const v_line *x, size_t k) {
    return (v_complex){v_at(x->re + k * x->stride), v_at(x->im + k * x->stride)};
}
INLINE void line_set(const v_line *x, size_t k, v_complex z) {
    v_put(x->re + k * x->stride, z.re);
    v_put(x->im + k * x->stride, z.im);
}
INLINE v_complex v_plus(v_complex a, v_complex b) { return (v_complex){a.re + b.re, a.im + b.im}; }
INLINE v_complex v_minus(v_complex a, v_complex b) { return (v_complex){a.re - b.re, a.im - b.im}; }
INLINE v_complex v_turned(v_complex a, const float *turn) {
    const floats c = turn[0] - (floats){0}, s = turn[1] - (floats){0};

    return (v_complex){v_fma(a.re, c, -(a.im * s)), v_fma(a.re, s, a.im * c)};
}

/* One pass of radix 4 or 2 (Stockham): `runs` transforms beside each other, each of n numbers. */
INLINE void fft_pass_4(size_t n, size_t runs, const float *turns, size_t step, const v_line *x,
                       const v_line *y) {
    const size_t m = n / 4;

    for (size_t p = 0; p < m; p++)
        for (size_t q = 0; q < runs; q++) {
            const v_complex a = line_get(x, q + runs * p), b = line_get(x, q + runs * (p + m)),
                            c = line_get(x, q + runs * (p + 2 * m)),
                            d = line_get(x, q + runs * (p + 3 * m));
            const v_complex ac = v_plus(a, c), a_c = v_minus(a, c), bd = v_plus(b, d),
                            b_d = v_minus(b, d), i_bd = {-b_d.im, b_d.re};
            const size_t to = q + runs * 4 * p;

            line_set(y, to, v_plus(ac, bd));
            line_set(y, to + runs, v_turned(v_minus(a_c, i_bd), turns + 2 * step * p));
            line_set(y, to + 2 * runs, v_turned(v_minus(ac, bd), turns + 4 * step * p));
            line_set(y, to + 3 * runs, v_turned(v_plus(a_c, i_bd), turns + 6 * step * p));
        }
}

INLINE void fft_pass_2(size_t runs, const v_line *x, const v_line *y) {
    for (size_t q = 0; q < runs; q++) {
        const v_complex a = line_get(x, q), b = line_get(x, q + runs);

        line_set(y, q, v_plus(a, b));
        line_set(y, q + runs, v_minus(a, b));
    }
}

/* Transform a line of n numbers in place, by way of two buffers. step: of the turns for n. */
static void fft_line(size_t n, const float *turns, size_t step, v_line line, float *buffers) {
    v_line from = line, to;
    size_t runs = 1, pass = 0, length = n;

    if (n == 1) return;
    while (length > 1) {
        const bool last = length <= 4;

        to = last && pass > 0 ? line : line_at(buffers + pass % 2 * n * COMPLEX, COMPLEX, false);
        if (length >= 4)
            fft_pass_4(length, runs, turns, step * runs, &from, &to);
        else
            fft_pass_2(runs, &from, &to);
        runs *= length >= 4 ? 4 : 2;
        length /= length >= 4 ? 4 : 2;
        from = to;
        pass++;
    }
    if (pass == 1)
        for (size_t k = 0; k < n; k++) line_set(&line, k, line_get(&from, k));
}

/* Transform rows x columns numbers in place; inverse: without the division. */
static void fft_plane(const snnk__scatter *s, size_t rows, size_t columns, bool inverse, float *z,
                      float *buffers) {
    const size_t turns = snnk__max_size(s->rows, s->columns);

    for (size_t i = 0; i < rows; i++)
        fft_line(columns, s->turns, turns / columns,
                 line_at(z + i * columns * COMPLEX, COMPLEX, inverse), buffers);
    for (size_t k = 0; k < columns; k++)
        fft_line(rows, s->turns, turns / rows, line_at(z + k * COMPLEX, columns * COMPLEX, inverse),
                 buffers);
}

/* z = the product of x (rows x columns) and a real filter, folded into every 2^shift-th point. */
static void filter_plane(size_t rows, size_t columns, size_t shift, const float *x,
                         const float *filter, float *z) {
    const size_t few = rows >> shift, narrow = columns >> shift;

    for (size_t i = 0; i < few; i++)
        for (size_t k = 0; k < narrow; k++) {
            floats re = {0}, im = {0};

            for (size_t a = i; a < rows; a += few)
                for (size_t b = k; b < columns; b += narrow) {
                    const float *p = x + (a * columns + b) * COMPLEX;
                    const floats f = filter[a * columns + b] - (floats){0};

                    re = v_fma(v_at(p), f, re);
                    im = v_fma(v_at(p + LANES), f, im);
                }
            v_put(z + (i * narrow + k) * COMPLEX, re);
            v_put(z + (i * narrow + k) * COMPLEX + LANES, im);
        }
}

/* y = |z| as complex numbers; y may be z. */
static void modulus_plane(size_t count, const float *z, float *y) {
    for (size_t e = 0; e < count * COMPLEX; e += COMPLEX) {
        const floats re = v_at(z + e), im = v_at(z + e + LANES);

        v_put(y + e, v_sqrt(v_fma(re, re, im * im)));
        v_put(y + e + LANES, (floats){0});
    }
}

/* to[c] = sum_t weights[c][t] x[t] for cells c, `stride` floats between the x, `apart` between the
 * results. */
static void average_line(size_t cells, size_t count, const float *weights, const float *x,
                         size_t stride, float *to, size_t apart) {
    size_t c = 0;

    for (; c + 4 <= cells; c += 4) {
        floats s[4] = {{0}};

        for (size_t t = 0; t < count; t++) {
            const floats p = v_at(x + t * stride);

            UNROLLED (int u = 0; u < 4; u++)
                s[u] = v_fma(p, weights[(c + (size_t)u) * count + t] - (floats){0}, s[u]);
        }
        UNROLLED (int u = 0; u < 4; u++) v_put(to + (c + (size_t)u) * apart, s[u]);
    }
    for (; c < cells; c++) {
        floats sum = {0};

        for (size_t t = 0; t < count; t++)
            sum = v_fma(v_at(x + t * stride), weights[c * count + t] - (floats){0}, sum);
        v_put(to + c * apart, sum);
    }
}

/* S (cells x LANES) = the averages of the real parts of z at resolution r. */
static void average_plane(const snnk__scatter *s, size_t r, const float *z, float *S, float *work) {
    const size_t rows = s->rows >> r, columns = s->columns >> r, down = s->rows >> s->scales,
                 along = s->columns >> s->scales;

    for (size_t i = 0; i < rows; i++)
        average_line(along, columns, s->along[r], z + i * columns * COMPLEX, COMPLEX,
                     work + i * along * LANES, LANES);
    for (size_t k = 0; k < along; k++)
        average_line(down, rows, s->down[r], work + k * LANES, along * LANES, S + k * LANES,
                     along * LANES);
}

/* Scratch of one group, in floats from `work`. */
typedef struct v_scatter_work {
    float *x, *u, *z, *S, *buffers, *sums;
} v_scatter_work;

static v_scatter_work scatter_work(const snnk__scatter *s, float *work) {
    const size_t plane = s->rows * s->columns * COMPLEX;
    v_scatter_work w = {.x = work, .u = work + plane, .z = work + 2 * plane};

    w.S = w.z + plane;
    w.buffers = w.S + s->paths * snnk__scatter_cells(s) * LANES;
    w.sums = w.buffers + 2 * snnk__max_size(s->rows, s->columns) * COMPLEX;
    return w;
}

/* x = one channel of n <= LANES images, padded by reflection; other lanes are 0. */
static void load_canvas(const snnk__scatter *s, size_t n, const float *X, size_t ldx, float *x) {
    for (size_t i = 0; i < s->rows; i++)
        for (size_t k = 0; k < s->columns; k++) {
            const size_t from = snnk__scatter_reflect(i, s->height, s->rows) * s->width +
                                snnk__scatter_reflect(k, s->width, s->columns);
            float *to = x + (i * s->columns + k) * COMPLEX;

            for (size_t t = 0; t < n; t++) to[t] = X[t * ldx + from * s->channels];
            for (size_t t = n; t < COMPLEX; t++) to[t] = 0;
        }
}

/* All paths below wavelet (j, angle) of the first order, whose moduli are w->u. */
static void scatter_second(const snnk__scatter *s, size_t j, size_t angle,
                           const v_scatter_work *w) {
    const size_t rows = s->rows >> j, columns = s->columns >> j,
                 cells = snnk__scatter_cells(s) * LANES;
    float *S = w->S + snnk__scatter_second(s, j, angle) * cells;

    if (j + 1 == s->scales) return;
    fft_plane(s, rows, columns, false, w->u, w->buffers);
    for (size_t j2 = j + 1; j2 < s->scales; j2++)
        for (size_t a = 0; a < s->angles; a++, S += cells) {
            filter_plane(rows, columns, j2 - j, w->u, s->psi[(j2 * s->angles + a) * s->scales + j],
                         w->z);
            fft_plane(s, s->rows >> j2, s->columns >> j2, true, w->z, w->buffers);
            modulus_plane((s->rows >> j2) * (s->columns >> j2), w->z, w->z);
            average_plane(s, j2, w->z, S, w->sums);
        }
}

/* w->S = the paths of the images in w->x, without the logarithm. */
static void scatter_group(const snnk__scatter *s, const v_scatter_work *w) {
    const size_t cells = snnk__scatter_cells(s) * LANES;

    average_plane(s, 0, w->x, w->S, w->sums);
    fft_plane(s, s->rows, s->columns, false, w->x, w->buffers);
    for (size_t j = 0; j < s->scales; j++)
        for (size_t a = 0; a < s->angles; a++) {
            filter_plane(s->rows, s->columns, j, w->x, s->psi[(j * s->angles + a) * s->scales],
                         w->z);
            fft_plane(s, s->rows >> j, s->columns >> j, true, w->z, w->buffers);
            modulus_plane((s->rows >> j) * (s->columns >> j), w->z, w->u);
            average_plane(s, j, w->u, w->S + (1 + j * s->angles + a) * cells, w->sums);
            if (s->second) scatter_second(s, j, a, w);
        }
}

/* Phi = lane t of the averages, for each of n images. */
static void store_paths(const snnk__scatter *s, size_t n, const float *S, float *Phi,
                        size_t ldphi) {
    const size_t cells = snnk__scatter_cells(s), count = s->paths * cells;

    for (size_t t = 0; t < n; t++) {
        float *phi = Phi + t * ldphi;
        size_t e = 0;

        for (; e < (s->logarithm ? cells : count); e++) phi[e] = S[e * LANES + t];
        for (; e < count; e++) {
            const float x = S[e * LANES + t];

            phi[e] = logf(s->epsilon + (x < 0 ? 0 : x));
        }
    }
}

static void scatter(const snnk__scatter *s, size_t n, const float *X, size_t ldx, float *Phi,
                    size_t ldphi, float *work) {
    const v_scatter_work w = scatter_work(s, work);
    const size_t features = s->paths * snnk__scatter_cells(s);

    for (size_t i = 0; i < n; i += LANES)
        for (size_t c = 0; c < s->channels; c++) {
            const size_t count = snnk__min_size(LANES, n - i);

            load_canvas(s, count, X + i * ldx + c, ldx, w.x);
            scatter_group(s, &w);
            store_paths(s, count, w.S, Phi + i * ldphi + c * features, ldphi);
        }
}

#undef COMPLEX
#endif
