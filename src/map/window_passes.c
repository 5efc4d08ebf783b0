/* The features of windows, and their gradients. The patches of a few positions are made at a time
 * and projected on a few filters at a time, so that everything but the image stays in L1. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "map/window.h"

#define TILE    48 /* positions at a time: a multiple of the rows of a tile of every projection */
#define FILTERS SNNK__ROW_CHUNK /* filters at a time: a whole number of panels */

static size_t signs_of(const snnk__window *w) { return w->config.both_signs ? 2 : 1; }

/* Positions of a tile that are neighbours in a row and in one cell. */
typedef struct run {
    size_t count, cell;
} run;

/* `count` positions from `first` on, in reading order. */
typedef struct tile {
    size_t first, count;
    size_t n_runs;
    run runs[TILE];
} tile;

/* Position i of n belongs to cell i cells / n; so cell c begins at the smallest i with i cells >= c
 * n. */
static size_t cell_of(size_t i, size_t n, size_t cells) { return i * cells / n; }
static size_t cell_start(size_t c, size_t n, size_t cells) { return (c * n + cells - 1) / cells; }

static size_t cell_at(const snnk__window *w, size_t position) {
    const size_t row = cell_of(position / w->right, w->down, (size_t)w->config.grid_height);

    return row * (size_t)w->config.grid_width +
           cell_of(position % w->right, w->right, (size_t)w->config.grid_width);
}

/* Set the runs of a tile whose positions are set. */
static void find_runs(const snnk__window *w, tile *of) {
    const size_t cells = (size_t)w->config.grid_width;

    of->n_runs = 0;
    for (size_t i = 0, n; i < of->count; i += n) {
        const size_t column = (of->first + i) % w->right,
                     end = cell_start(cell_of(column, w->right, cells) + 1, w->right, cells);

        n = snnk__min_size(of->count - i, end - column);
        of->runs[of->n_runs++] = (run){n, cell_at(w, of->first + i)};
    }
}

/* How many positions a cell has. */
static size_t cell_size(const snnk__window *w, size_t cell) {
    const size_t rows = (size_t)w->config.grid_height, columns = (size_t)w->config.grid_width,
                 row = cell / columns, column = cell % columns;

    return (cell_start(row + 1, w->down, rows) - cell_start(row, w->down, rows)) *
           (cell_start(column + 1, w->right, columns) - cell_start(column, w->right, columns));
}

static const float *corner(const snnk__window *w, const float *x, size_t position) {
    const size_t row = position / w->right * (size_t)w->config.stride_height,
                 column = position % w->right * (size_t)w->config.stride_width;

    return x + (row * (size_t)w->config.width + column) * (size_t)w->config.channels;
}

void snnk__window_patch(const snnk__window *w, const float *x, size_t position, float *patch) {
    snnk__kernels_get()->patches(&w->patches, 1, corner(w, x, position), patch,
                                 snnk__patch_stride(w->patch));
}

/* Copy the patches of a tile, a row of positions at a time. */
static void tile_patches(const snnk__window *w, const float *x, const tile *of, float *to) {
    const size_t ld = snnk__patch_stride(w->patch);

    for (size_t i = 0, n; i < of->count; i += n, to += n * ld) {
        const size_t position = of->first + i;

        n = snnk__min_size(of->count - i, w->right - position % w->right);
        snnk__kernels_get()->patches(&w->patches, n, corner(w, x, position), to, ld);
    }
}

/* Pool one sign of h(z) into the sums of each cell. */
static void pool_tile(const snnk__window *w, const snnk__pooling *pooling, const tile *of,
                      size_t count, const float *Z, float *sums) {
    const size_t stride = signs_of(w) * w->filters;

    for (size_t r = 0; r < of->n_runs; Z += of->runs[r++].count * FILTERS)
        snnk__kernels_get()->pool_add(pooling, of->runs[r].count, count, Z, FILTERS,
                                      sums + of->runs[r].cell * stride);
}

/* Apply h to both signs of z; pool what they give. other: as large as Z. */
static void pool_any(const snnk__window *w, const tile *of, size_t count, float *Z, float *other,
                     float *sums) {
    const snnk__kernels *kernels = snnk__kernels_get();

    for (size_t i = 0; w->config.both_signs && i < of->count; i++)
        for (size_t j = 0; j < count; j++)
            other[i * FILTERS + j] = w->pooling.shift - Z[i * FILTERS + j];
    for (size_t i = 0; i < of->count; i++)
        kernels->apply(&w->function, count, Z + i * FILTERS, Z + i * FILTERS);
    pool_tile(w, &w->pooling, of, count, Z, sums);
    if (!w->config.both_signs) return;
    for (size_t i = 0; i < of->count; i++)
        kernels->apply(&w->function, count, other + i * FILTERS, other + i * FILTERS);
    pool_tile(w, &w->pooling, of, count, other, sums + w->filters);
}

static void pool_rectified(const snnk__window *w, const tile *of, size_t count, const float *Z,
                           float *sums) {
    snnk__pooling negative = w->pooling;

    negative.negate = true;
    pool_tile(w, &w->pooling, of, count, Z, sums);
    if (w->config.both_signs) pool_tile(w, &negative, of, count, Z, sums + w->filters);
}

/* Set the features of one input. work: patches, Z, the other sign. */
static void apply_one(const snnk__window *w, const float *x, float *phi, float *work) {
    const snnk__kernels *kernels = snnk__kernels_get();
    const size_t positions = w->down * w->right, stride = signs_of(w) * w->filters,
                 ld = snnk__patch_stride(w->patch);
    float *patches = work, *Z = patches + TILE * ld, *other = Z + TILE * FILTERS;

    for (size_t j = 0; j < w->features; j++)
        phi[j] = w->pooling.pool == SNNK_POOL_MAX ? -INFINITY : 0;
    for (size_t p = 0; p < positions; p += TILE) {
        tile of = {.first = p, .count = snnk__min_size(TILE, positions - p)};

        find_runs(w, &of);
        tile_patches(w, x, &of, patches);
        for (size_t first = 0; first < w->filters; first += FILTERS) {
            const size_t count = snnk__min_size(FILTERS, w->filters - first);

            kernels->project(of.count, patches, ld, &w->panels, w->offset, first, count, Z,
                             FILTERS);
            if (w->pooling.rectify)
                pool_rectified(w, &of, count, Z, phi + first);
            else
                pool_any(w, &of, count, Z, other, phi + first);
        }
    }
    for (size_t cell = 0; cell < w->features / stride; cell++)
        kernels->pool_finish(&w->pooling, 1 / (float)cell_size(w, cell), stride,
                             phi + cell * stride);
}

size_t snnk__window_work(const snnk__window *w) {
    return TILE * (snnk__patch_stride(w->patch) + 2 * FILTERS);
}

void snnk__window_apply(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                        size_t ldphi, float *work) {
    for (size_t i = 0; i < n; i++) apply_one(context, X + i * ldx, Phi + i * ldphi, work);
}

/* ---- Gradients ---- */

/* One input on its way back. */
typedef struct backward {
    const snnk__window *window;
    const float *x;
    float *phi;   /* the features, and then the gradient with respect to what is summed in each:
                   * of the mean, or of the mean square; of a maximum itself */
    float *most;  /* of a maximum: its value */
    float *patch; /* of a position, as it was projected */
    float *d_patch;
} backward;

/* The gradient of the pooled value with respect to a mean, mean square or maximum. At 0, where a
 * root has no slope, it is 0. */
static void back_through_pooling(const snnk__window *w, const float *dPhi, float *phi) {
    for (size_t j = 0; j < w->features; j++) {
        double pooled = phi[j], slope = dPhi[j];

        if (w->config.root) { /* phi = sign sqrt |pooled| */
            slope = phi[j] != 0 ? slope / (2 * fabs((double)phi[j])) : 0;
            pooled *= fabs(pooled);
        }
        if (w->config.pool == SNNK_POOL_ROOT_MEAN_SQUARE)
            slope = pooled != 0 ? slope / (2 * pooled) : 0;
        phi[j] = (float)slope;
    }
}

/* h(z) and h'(z) of one filter and sign. */
static float value_and_slope(const snnk__window *w, float z, float *slope) {
    const float one = 1;
    float value;

    snnk__function_apply(&w->function, 1, &z, &value);
    snnk__function_slopes(&w->function, 1, &z, &one, slope);
    return value;
}

/* The gradient with respect to z of filter k at a position, from one sign of it. share: 1 over the
 * positions of the cell. found: whether the maximum of this feature was already met. */
static double back_to_z(const backward *b, size_t feature, float z, double share) {
    const snnk__window *w = b->window;
    float slope;
    const float value = value_and_slope(w, z, &slope);

    switch ((snnk_pool)w->config.pool) {
    case SNNK_POOL_MEAN: return b->phi[feature] * share * slope;
    case SNNK_POOL_ROOT_MEAN_SQUARE: return b->phi[feature] * share * 2 * value * slope;
    case SNNK_POOL_MAX: break;
    }
    if (value != b->most[feature]) return 0;
    b->most[feature] = NAN; /* the first position that has it takes all */
    return b->phi[feature] * slope;
}

/* Add the gradient of a normalised patch p to that of the patch itself: with s = 1/sqrt(variance +
 * floor), d raw = s (dp - mean dp - p mean(p dp)). */
static void back_through_normalising(const snnk__window *w, const float *x, size_t position,
                                     const float *p, float *d_patch) {
    const float *from = corner(w, x, position);
    const size_t d = w->patch, length = w->patches.length;
    double mean = 0, square = 0, own = 0, along = 0;

    for (size_t s = 0; s < w->patches.segments; s++)
        for (size_t k = 0; k < length; k++) mean += from[s * w->patches.row + k];
    mean /= (double)d;
    for (size_t s = 0; s < w->patches.segments; s++)
        for (size_t k = 0; k < length; k++)
            square += (from[s * w->patches.row + k] - mean) * (from[s * w->patches.row + k] - mean);
    const double scale = 1 / sqrt(square / (double)d + w->patches.floor);

    for (size_t k = 0; k < d; k++) {
        own += d_patch[k] / (double)d;
        along += (double)p[k] * d_patch[k] / (double)d;
    }
    for (size_t k = 0; k < d; k++) d_patch[k] = (float)(scale * (d_patch[k] - own - p[k] * along));
}

/* Add what passes through one position to dx. */
static void back_through_position(const backward *b, size_t position, float *dx) {
    const snnk__window *w = b->window;
    const size_t cell = cell_at(w, position), first = cell * signs_of(w) * w->filters;
    const double share = 1 / (double)cell_size(w, cell);
    float *to = dx + (corner(w, b->x, position) - b->x);

    snnk__window_patch(w, b->x, position, b->patch);
    memset(b->d_patch, 0, w->patch * sizeof *b->d_patch);
    for (size_t k = 0; k < w->filters; k++) {
        const float *g = w->G + k * w->patch;
        double z = w->offset[k];

        for (size_t i = 0; i < w->patch; i++) z += (double)g[i] * b->patch[i];
        double dz = back_to_z(b, first + k, (float)z, share);
        if (w->config.both_signs)
            dz -= back_to_z(b, first + w->filters + k, (float)(w->pooling.shift - z), share);
        for (size_t i = 0; dz != 0 && i < w->patch; i++) b->d_patch[i] += (float)(dz * g[i]);
    }
    if (w->config.normalise) back_through_normalising(w, b->x, position, b->patch, b->d_patch);
    for (size_t s = 0; s < w->patches.segments; s++)
        for (size_t k = 0; k < w->patches.length; k++)
            to[s * w->patches.row + k] += b->d_patch[s * w->patches.length + k];
}

/* The maximum of each feature as back_to_z computes its values. */
static void find_most(const backward *b) {
    const snnk__window *w = b->window;
    const size_t signs = signs_of(w);

    for (size_t j = 0; j < w->features; j++) b->most[j] = -INFINITY;
    for (size_t p = 0; p < w->down * w->right; p++) {
        float *most = b->most + cell_at(w, p) * signs * w->filters;

        snnk__window_patch(w, b->x, p, b->patch);
        for (size_t k = 0; k < w->filters; k++) {
            double z = w->offset[k];
            float slope;

            for (size_t i = 0; i < w->patch; i++) z += (double)w->G[k * w->patch + i] * b->patch[i];
            most[k] = fmaxf(most[k], value_and_slope(w, (float)z, &slope));
            if (signs == 2)
                most[w->filters + k] =
                    fmaxf(most[w->filters + k],
                          value_and_slope(w, (float)(w->pooling.shift - z), &slope));
        }
    }
}

size_t snnk__window_back_work(const snnk__window *w) {
    return snnk__window_work(w) + 2 * (w->features + snnk__patch_stride(w->patch));
}

void snnk__window_backward(const void *context, size_t n, const float *X, size_t ldx,
                           const float *dPhi, size_t ldphi, float *dX, size_t lddx, float *work) {
    const snnk__window *w = context;
    backward b = {.window = w, .phi = work};

    b.most = b.phi + w->features;
    b.patch = b.most + w->features;
    b.d_patch = b.patch + snnk__patch_stride(w->patch);
    for (size_t i = 0; i < n; i++) {
        b.x = X + i * ldx;
        apply_one(w, b.x, b.phi, b.d_patch + snnk__patch_stride(w->patch));
        back_through_pooling(w, dPhi + i * ldphi, b.phi);
        if (w->config.pool == SNNK_POOL_MAX) find_most(&b);
        for (size_t p = 0; p < w->down * w->right; p++) back_through_position(&b, p, dX + i * lddx);
    }
}
