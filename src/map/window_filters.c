/* Filters of windows from data: whitened patches, centres of them, or random directions.
 *
 * With C the covariance of normalised patches and m their mean, P = (C + e I)^(-1/2) whitens them
 * (ZCA). A filter is a unit vector u in these coordinates: z = u . P (p - m) = g . p - g . m with
 * g = P u. So G holds g, and whitening costs nothing afterwards. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "map/window.h"

#ifndef SNNK_MINIMAL
#include "solve/statistics.h"
#include "solve/symmetric_power.h"
#endif

enum {
    WHITENING_PATCHES = 100000,
    BLOCK = 1024,       /* patches at a time */
    TRIES = 1000,       /* draws until a patch varies */
    PER_CENTRE = 50,    /* patches for each centre, up to WHITENING_PATCHES */
    CENTRE_ROUNDS = 10, /* Coates & Ng 2012: more hardly change the centres */
    VARIANCE_ROWS = 1000
};

static const double floor_share = 1e-3; /* of the variance of the rows */

/* What patches are drawn from, and the whitening. */
typedef struct source {
    snnk__window *window;
    const snnk_rows *rows; /* NULL: none */
    uint64_t patches;      /* in all rows */
    float *x;              /* a row in float */
    float *patch;
    double *mean, *P; /* patch, patch x patch; NULL: not whitened */
} source;

/* ---- Patches ---- */

static const float *row_in_float(const source *s, size_t row) {
    if (s->rows->X) return s->rows->X + row * s->rows->ldx;
    for (size_t k = 0; k < s->window->inputs; k++)
        s->x[k] = (float)snnk__rows_input(s->rows, row, k);
    return s->x;
}

static void patch_number(const source *s, uint64_t number, float *patch) {
    const uint64_t positions = (uint64_t)s->window->down * s->window->right;

    snnk__window_patch(s->window, row_in_float(s, (size_t)(number / positions)),
                       (size_t)(number % positions), patch);
}

/* A random patch: draw `j` of number i. */
static void random_patch(const source *s, uint32_t stream, uint64_t i, uint32_t j, float *patch) {
    double uniform;

    snnk__random_uniform(s->window->config.seed, stream, i, j, 1, &uniform);
    patch_number(s, (uint64_t)(uniform * (double)s->patches), patch);
}

static double variance_of(size_t d, const float *patch) {
    double mean = 0, square = 0;

    for (size_t k = 0; k < d; k++) mean += patch[k] / (double)d;
    for (size_t k = 0; k < d; k++) square += (patch[k] - mean) * (patch[k] - mean);
    return square / (double)d;
}

/* The variance of all numbers of some of the rows. */
static double variance_of_rows(const source *s) {
    const size_t step = (s->rows->n - 1) / VARIANCE_ROWS + 1, d = s->window->inputs;
    double mean = 0, square = 0, n = 0;

    for (size_t i = 0; i < s->rows->n; i += step)
        for (size_t k = 0; k < d; k++) {
            const double x = snnk__rows_input(s->rows, i, k), delta = x - mean;

            n++;
            mean += delta / n;
            square += delta * (x - mean);
        }
    return square / n;
}

/* Set the floor of the contrast, which normalising needs. */
static int set_floor(source *s) {
    snnk__window *w = s->window;

    if (w->config.contrast_floor == 0) {
        w->config.contrast_floor = s->rows ? floor_share * variance_of_rows(s) : 1e-8;
        if (!(w->config.contrast_floor >= 1e-30))
            return snnk__fail(SNNK_E_SHAPE, "the images are constant (contrast 0): they have no "
                                            "patch that could be a filter");
        w->config.contrast_floor = fmin(w->config.contrast_floor, 1e30);
    }
    w->patches.floor = (float)w->config.contrast_floor;
    return SNNK_OK;
}

/* A patch is worth being a filter if its variance exceeds the floor; normalised, it is above 1/2
 * then. */
static bool varies(const snnk__window *w, const float *patch) {
    const double variance = variance_of(w->patch, patch);

    return w->config.normalise ? variance >= 0.5 : variance >= w->config.contrast_floor;
}

/* Draw the patch of filter k. */
static int draw_patch(const source *s, uint64_t k, float *patch) {
    for (uint32_t j = 0; j < TRIES; j++) {
        random_patch(s, SNNK__STREAM_FILTER, k, j, patch);
        if (s->window->patch == 1 || varies(s->window, patch)) return SNNK_OK;
    }
    return snnk__fail(SNNK_E_SHAPE,
                      "of %d patches at random places, the variance of none exceeded the "
                      "contrast_floor, %g: lower it, or choose a larger patch",
                      TRIES, s->window->config.contrast_floor);
}

/* ---- Whitening ---- */

/* w = P (p - m), or p itself. */
static void whiten(const source *s, const float *p, double *white) {
    const size_t d = s->window->patch;

    for (size_t i = 0; i < d; i++) {
        white[i] = s->P ? 0 : p[i];
        for (size_t k = 0; s->P && k < d; k++) white[i] += s->P[i * d + k] * (p[k] - s->mean[k]);
    }
}

#ifdef SNNK_MINIMAL
static int learn_whitening(source *s) {
    (void)s;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "whitening needs LAPACKE, which this minimal build leaves out: pass filters");
}
#else
/* Sum the second moments of patches: all of them, or a sample. */
static int add_patches(const source *s, snnk_lstsq *moments) {
    const size_t d = s->window->patch;
    const uint64_t count = s->patches < WHITENING_PATCHES ? s->patches : WHITENING_PATCHES;
    float *block = NULL, *nothing = NULL;
    size_t floats;
    int st;

    const size_t ld = snnk__patch_stride(d);

    if (!snnk__mul_size(BLOCK, ld, &floats))
        return snnk__fail(SNNK_E_SIZE, "patches of %zu numbers overflow size_t", d);
    st = snnk__alloc(&s->window->allocator, floats, sizeof *block, "patches", &block);
    if (st == SNNK_OK)
        st = snnk__alloc_zero(&s->window->allocator, BLOCK, sizeof *nothing, "targets", &nothing);
    for (uint64_t first = 0; st == SNNK_OK && first < count; first += BLOCK) {
        const size_t n = count - first < BLOCK ? (size_t)(count - first) : BLOCK;

        for (size_t i = 0; i < n; i++) {
            if (count == s->patches)
                patch_number(s, first + i, block + i * ld);
            else
                random_patch(s, SNNK__STREAM_PATCH, first + i, 0, block + i * ld);
        }
        st = snnk_lstsq_add(moments, SNNK_ROWS(.n = n, .X = block, .ldx = ld, .Y = nothing), NULL);
    }
    snnk__free(&s->window->allocator, nothing);
    snnk__free(&s->window->allocator, block);
    return st;
}

/* Set the mean, and P from the covariance. */
static int learn_whitening(source *s) {
    const snnk_allocator *allocator = &s->window->allocator;
    const size_t d = s->window->patch;
    snnk_lstsq *moments = NULL;
    size_t count;
    double trace = 0;
    int st;

    if (!snnk__mul_size(d, d, &count))
        return snnk__fail(SNNK_E_SIZE, "the covariance of %zu numbers overflows size_t", d);
    if ((st = snnk_lstsq_create(d, 1, allocator, &moments)) == SNNK_OK)
        st = add_patches(s, moments);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *s->mean, "a mean", &s->mean);
    if (st == SNNK_OK) st = snnk__alloc(allocator, count, sizeof *s->P, "a covariance", &s->P);
    if (st != SNNK_OK) goto done;
    memcpy(s->mean, moments->mean_phi, d * sizeof *s->mean);
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k <= i; k++)
            s->P[i * d + k] = s->P[k * d + i] = moments->S[i * d + k] / moments->weight;
    for (size_t i = 0; i < d; i++) trace += s->P[i * d + i];
    if (!(trace > 0)) {
        st = snnk__fail(SNNK_E_SHAPE, "all patches of the rows are equal: they cannot be whitened");
        goto done;
    }
    for (size_t i = 0; i < d; i++)
        s->P[i * d + i] += s->window->config.whitening_floor * trace / (double)d;
    st = snnk__symmetric_power(allocator, d, -0.5, 1e-12 * trace / (double)d, s->P);
done:
    snnk_lstsq_free(moments);
    return st;
}
#endif

/* ---- Filters ---- */

/* Set filter k from a direction in whitened coordinates (destroyed). */
static int set_filter(const source *s, size_t k, double *u) {
    snnk__window *w = s->window;
    const size_t d = w->patch;
    float *g = w->G + k * d;
    double length = 0, offset = -w->config.threshold;

    for (size_t i = 0; i < d; i++) length += u[i] * u[i];
    length = sqrt(length);
    for (size_t i = 0; i < d; i++) u[i] = length > 0 ? u[i] / length : 0;
    for (size_t i = 0; i < d; i++) {
        double sum = s->P ? 0 : u[i];

        for (size_t j = 0; s->P && j < d; j++) sum += s->P[i * d + j] * u[j];
        g[i] = (float)sum;
        if (s->P) offset -= (double)g[i] * s->mean[i];
        if (!isfinite(g[i]))
            return snnk__fail(SNNK_E_NONFINITE, "filter %zu leaves the range of float", k);
    }
    w->offset[k] = (float)offset;
    if (!isfinite(w->offset[k]))
        return snnk__fail(SNNK_E_NONFINITE, "the offset of filter %zu leaves the range of float",
                          k);
    return SNNK_OK;
}

/* Set U (K x d) to the directions before any clustering. */
static int draw_directions(const source *s, double *U) {
    const snnk__window *w = s->window;
    const size_t d = w->patch;
    int st;

    for (size_t k = 0; k < w->filters; k++) {
        if (w->config.filters == SNNK_FILTERS_RANDOM) {
            snnk__random_normal(w->config.seed, SNNK__STREAM_FILTER, k, 0, d, U + k * d);
            continue;
        }
        if ((st = draw_patch(s, k, s->patch)) != SNNK_OK) return st;
        whiten(s, s->patch, U + k * d);
    }
    return SNNK_OK;
}

static void normalise_rows(size_t n, size_t d, double *U) {
    for (size_t k = 0; k < n; k++) {
        double square = 0;

        for (size_t i = 0; i < d; i++) square += U[k * d + i] * U[k * d + i];
        for (size_t i = 0; square > 0 && i < d; i++) U[k * d + i] /= sqrt(square);
    }
}

/* One round of spherical k-means (Coates & Ng 2012): each patch x adds (u . x) x to the centre u of
 * the largest |u . x|. next: K x d, receives the sums. white: d. */
static void cluster(const source *s, size_t count, const double *U, double *next, double *white) {
    const size_t d = s->window->patch, K = s->window->filters;

    memcpy(next, U, K * d * sizeof *next);
    for (size_t p = 0; p < count; p++) {
        size_t best = 0;
        double product = 0;

        random_patch(s, SNNK__STREAM_PATCH, p, 1, s->patch);
        whiten(s, s->patch, white);
        for (size_t k = 0; k < K; k++) {
            double sum = 0;

            for (size_t i = 0; i < d; i++) sum += U[k * d + i] * white[i];
            if (fabs(sum) > fabs(product)) {
                product = sum;
                best = k;
            }
        }
        for (size_t i = 0; i < d; i++) next[best * d + i] += product * white[i];
    }
}

static int find_centres(const source *s, double *U) {
    const snnk_allocator *allocator = &s->window->allocator;
    const size_t d = s->window->patch, K = s->window->filters,
                 count = K < WHITENING_PATCHES / PER_CENTRE ? K * PER_CENTRE : WHITENING_PATCHES;
    double *next = NULL, *white = NULL;
    int st;

    st = snnk__alloc(allocator, K * d, sizeof *next, "centres", &next);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *white, "a patch", &white);
    if (st == SNNK_OK) normalise_rows(K, d, U);
    for (int round = 0; st == SNNK_OK && round < CENTRE_ROUNDS; round++) {
        cluster(s, count, U, next, white);
        normalise_rows(K, d, next);
        memcpy(U, next, K * d * sizeof *U);
    }
    snnk__free(allocator, white);
    snnk__free(allocator, next);
    return st;
}

static int set_filters(const source *s) {
    const snnk__window *w = s->window;
    double *U = NULL;
    int st;

    st = snnk__alloc(&w->allocator, w->filters * w->patch, sizeof *U, "filters", &U);
    if (st == SNNK_OK) st = draw_directions(s, U);
    if (st == SNNK_OK && w->config.filters == SNNK_FILTERS_CENTRES) st = find_centres(s, U);
    for (size_t k = 0; st == SNNK_OK && k < w->filters; k++)
        st = set_filter(s, k, U + k * w->patch);
    snnk__free(&w->allocator, U);
    return st;
}

int snnk__window_learn(const snnk_rows *rows, snnk__window *w) {
    source s = {.window = w, .rows = rows};
    int st;

    s.patches = rows ? (uint64_t)rows->n * w->down * w->right : 0;
    if (rows && w->config.filters != SNNK_FILTERS_RANDOM && s.patches < w->filters)
        return snnk__fail(SNNK_E_SHAPE, "features = %zu, but %zu rows have %llu patches only",
                          w->filters, rows->n, (unsigned long long)s.patches);
    st = snnk__alloc(&w->allocator, w->inputs, sizeof *s.x, "a row", &s.x);
    if (st == SNNK_OK)
        st = snnk__alloc(&w->allocator, snnk__patch_stride(w->patch), sizeof *s.patch, "a patch",
                         &s.patch);
    if (st == SNNK_OK) st = set_floor(&s);
    if (st == SNNK_OK && rows) st = learn_whitening(&s);
    if (st == SNNK_OK) st = set_filters(&s);
    snnk__free(&w->allocator, s.P);
    snnk__free(&w->allocator, s.mean);
    snnk__free(&w->allocator, s.patch);
    snnk__free(&w->allocator, s.x);
    return st;
}
