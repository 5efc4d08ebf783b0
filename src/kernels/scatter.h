/* The wavelet scattering of images: <snnk/scattering.h> has the formulas, map/scattering.c makes
 * the plan, vector_scatter.h runs it. */
#ifndef SNNK_KERNELS_SCATTER_H
#define SNNK_KERNELS_SCATTER_H

#include <stdbool.h>
#include <stddef.h>

/* The most rows that are computed together, a lane each. */
#define SNNK__SCATTER_LANES 16

/* What the transform of one image consists of. At resolution r the canvas has (rows >> r) x
 * (columns >> r) points. */
typedef struct snnk__scatter {
    size_t height, width, channels; /* of an image */
    size_t rows, columns;           /* of the canvas: powers of two */
    size_t scales, angles;          /* J, L */
    size_t paths;                   /* of one channel */
    bool second;                    /* second order too */
    bool logarithm;
    float epsilon;

    /* cos and -sin of 2 pi k / n, k < n, n = max(rows, columns), side by side. */
    const float *turns;

    /* The transform of wavelet (j, angle) at resolution r, 0 <= r < max(j, 1), divided by the
     * number of points there: psi[(j * angles + angle) * scales + r]. */
    const float *const *psi;

    /* Of resolution r: (rows >> scales) x (rows >> r), and the same for columns: the low-pass
     * averages of a column, and of a row. */
    const float *const *down, *const *along;
} snnk__scatter;

static inline size_t snnk__scatter_cells(const snnk__scatter *s) {
    return (s->rows >> s->scales) * (s->columns >> s->scales);
}

/* Row t of `count` rows, reflected without repeating the edge, for padded row i of a canvas of
 * `size`. */
static inline size_t snnk__scatter_reflect(size_t i, size_t count, size_t size) {
    const size_t before = (size - count) / 2;

    if (i < before) return before - i;
    i -= before;
    return i < count ? i : 2 * (count - 1) - i;
}

/* Floats of scratch for snnk__kernels.scatter, with as many lanes as there can be. SIZE_MAX if the
 * count overflows. */
size_t snnk__scatter_work(const snnk__scatter *s);

/* Where the second order of a path of the first order begins, among the paths. first: scale j and
 * angle of it. */
static inline size_t snnk__scatter_second(const snnk__scatter *s, size_t j, size_t angle) {
    const size_t J = s->scales, L = s->angles;

    /* Scale i has L paths of the first order, each with (J - 1 - i) L of the second. */
    return 1 + J * L + L * L * (j * (2 * J - 1 - j) / 2) + angle * (J - 1 - j) * L;
}

#endif
