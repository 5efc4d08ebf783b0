/* Derivatives of features with respect to the input, in double, rounded once. For a feature
 * phi = a h(z), z = g.x + c:
 *
 *     grad phi = a h'(z) g,      lap phi = a h''(z) |g|^2
 *
 * Blocks of atoms of a spectrum, which depend on |x~|^2 as well: urf_derivative.c. */
#include <float.h>
#include <math.h>

#include "base/size.h"
#include "base/workspace.h"
#include "map/map.h"
#include "map/urf_derivative.h"
#include "spectrum/activation_slopes.h"

#define TILE      8 /* inputs that share a pass over G */
#define MAX_WIDTH 2 /* features of one projection */

/* ---- One projection ---- */

typedef enum derivative_order { FIRST = 1, SECOND = 2 } derivative_order;

static size_t width_of(const snnk__function *f) {
    return f->operation == SNNK__OPERATION_COS_SIN ? MAX_WIDTH : 1;
}

/* Of max(z, floor)^n: 0 at the kink, and its point mass left out. */
static double power_derivative(const snnk__function *f, derivative_order order, double z) {
    if (isnan(z)) return z;
    if (z <= f->floor) return 0;
    if (f->order == 1) return order == FIRST ? 1 : 0;
    return order == FIRST ? 2 * z : 2;
}

/* A factor that overflows is cut to the largest double: a float product with it still overflows, one
 * with a zero in G is still zero. NaN stays. */
static double within_double(double value) {
    return value > DBL_MAX ? DBL_MAX : value < -DBL_MAX ? -DBL_MAX : value;
}

/* factor[w] = a h_w'(z) or a h_w''(z) for the features of one projection. */
static void derivatives(const snnk__function *f, derivative_order order, double z,
                        double factor[MAX_WIDTH]) {
    factor[0] = factor[1] = 0;
    switch (f->operation) {
    case SNNK__OPERATION_ACTIVATION:
        factor[0] = order == FIRST ? snnk__activation_slope(f->activation, z)
                                   : snnk__activation_curvature(f->activation, z);
        break;
    case SNNK__OPERATION_POWER: factor[0] = power_derivative(f, order, z); break;
    case SNNK__OPERATION_COS_SIN:
        factor[0] = order == FIRST ? -sin(z) : -cos(z);
        factor[1] = order == FIRST ? cos(z) : -sin(z);
        break;
    case SNNK__OPERATION_URF: break; /* urf_derivative.c */
    }
    for (size_t w = 0; w < MAX_WIDTH; w++) factor[w] = within_double(f->scale * factor[w]);
}

static bool is_spectral(const snnk__map_block *block) {
    return block->function.operation == SNNK__OPERATION_URF;
}

/* ---- Gradient ---- */

/* J: features x d. Each row of G is read into J, and is scaled there. */
static void block_gradient(const snnk__map_block *block, const float *x, float *work, float *J,
                           size_t ldj) {
    const size_t d = block->inputs, width = width_of(&block->function);

    for (size_t i = 0; i < block->rows; i++) {
        float *g = J + i * width * ldj;
        double factor[MAX_WIDTH], z = snnk__map_block_get_row(block, i, g, work);

        if (snnk__map_block_is_diagonal(block))
            z += (double)g[i] * x[i];
        else
            for (size_t k = 0; k < d; k++) z += (double)g[k] * x[k];
        derivatives(&block->function, FIRST, z, factor);
        for (size_t w = width; w-- > 0;) /* g itself last */
            for (size_t k = 0; k < d; k++) g[w * ldj + k] = (float)(factor[w] * g[k]);
    }
}

int snnk_map_gradient(const snnk_map *map, const float *x, float *J, size_t ldj) {
    double *scratch;
    size_t scratch_count = 0; /* work of a block is at most 2 d floats */
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(x, "x")) != SNNK_OK) return st;
    st = snnk__check_matrix(J, "J", map->features, map->inputs, ldj, sizeof *J);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; b < map->n_blocks; b++)
        if (is_spectral(map->blocks[b]) || snnk__map_block_work(map->blocks[b]) > 0)
            scratch_count = SNNK__URF_DERIVATIVE_SCRATCH(map->inputs);
    st = snnk__alloc(&map->allocator, scratch_count, sizeof *scratch, "scratch", &scratch);
    if (st != SNNK_OK) return st;
    for (size_t b = 0; b < map->n_blocks; b++) {
        const snnk__map_block *block = map->blocks[b];

        if (is_spectral(block))
            snnk__urf_gradient(block, x, scratch, J, ldj);
        else
            block_gradient(block, x, (float *)scratch, J, ldj);
        J += block->features * ldj;
    }
    snnk__free(&map->allocator, scratch);
    return SNNK_OK;
}

/* ---- Laplacian ---- */

typedef struct laplacian {
    const snnk_map *map;
    const float *X;
    size_t ldx;
    float *L;
    size_t ldl;
} laplacian;

/* Scratch of one thread: a tile of inputs, transposed (d x TILE); that of URF blocks; a row of G; work for
 * making it, at most 2 d. */
typedef struct tile_scratch {
    double *columns, *urf;
    float *g, *work;
} tile_scratch;

static tile_scratch tile_scratch_at(void *memory, size_t d) {
    double *columns = memory, *urf = columns + TILE * d;

    float *g = (float *)(urf + SNNK__URF_DERIVATIVE_SCRATCH(d));

    return (tile_scratch){columns, urf, g, g + d};
}

static const size_t scratch_bytes_per_input =
    (TILE + SNNK__URF_DERIVATIVE_SCRATCH(1)) * sizeof(double) + 3 * sizeof(float);

/* z[t] = g.x_t + c for the inputs of a tile, and gives |g|^2. columns: d x TILE, the inputs
 * transposed. */
static double project_tile(const snnk__map_block *block, size_t row, const double *columns,
                           const tile_scratch *s, double z[TILE]) {
    const double c = snnk__map_block_get_row(block, row, s->g, s->work);
    const float *g = s->g;
    double norm2 = 0;

    for (size_t t = 0; t < TILE; t++) z[t] = c;
    if (snnk__map_block_is_diagonal(block)) {
        const double scale = g[row];

        for (size_t t = 0; t < TILE; t++) z[t] += scale * columns[row * TILE + t];
        return scale * scale;
    }
    for (size_t k = 0; k < block->inputs; k++) {
        const double gk = g[k];

        norm2 += gk * gk;
        for (size_t t = 0; t < TILE; t++) z[t] += gk * columns[k * TILE + t];
    }
    return norm2;
}

static void block_laplacian(const snnk__map_block *block, size_t n, const tile_scratch *s, float *L,
                            size_t ldl) {
    const size_t width = width_of(&block->function);

    for (size_t i = 0; i < block->rows; i++) {
        double z[TILE], factor[MAX_WIDTH];
        const double norm2 = project_tile(block, i, s->columns, s, z);

        for (size_t t = 0; t < n; t++) {
            derivatives(&block->function, SECOND, z[t], factor);
            for (size_t w = 0; w < width; w++)
                L[t * ldl + i * width + w] = (float)(factor[w] * norm2);
        }
    }
}

static void laplacian_rows(size_t first, size_t count, void *scratch, void *context) {
    const laplacian *l = context;
    const size_t d = l->map->inputs;
    const tile_scratch s = tile_scratch_at(scratch, d);

    for (size_t i = 0; i < count; i += TILE) {
        const size_t n = snnk__min_size(TILE, count - i);
        const float *X = l->X + (first + i) * l->ldx;
        float *L = l->L + (first + i) * l->ldl;

        for (size_t t = 0; t < TILE; t++)
            for (size_t k = 0; k < d; k++) s.columns[k * TILE + t] = t < n ? X[t * l->ldx + k] : 0;
        for (size_t b = 0; b < l->map->n_blocks; b++) {
            const snnk__map_block *block = l->map->blocks[b];

            if (is_spectral(block))
                for (size_t t = 0; t < n; t++)
                    snnk__urf_laplacian(block, X + t * l->ldx, s.urf, L + t * l->ldl);
            else
                block_laplacian(block, n, &s, L, l->ldl);
            L += block->features;
        }
    }
}

int snnk_map_laplacian(const snnk_map *map, size_t n, const float *X, size_t ldx, float *L,
                       size_t ldl, snnk_workspace *workspace) {
    laplacian l = {map, X, ldx, L, ldl};
    size_t bytes;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(X, "X", n, map->inputs, ldx, sizeof *X)) != SNNK_OK) return st;
    if ((st = snnk__check_matrix(L, "L", n, map->features, ldl, sizeof *L)) != SNNK_OK) return st;
    if (!snnk__mul_size(map->inputs, scratch_bytes_per_input, &bytes))
        return snnk__fail(SNNK_E_SIZE, "scratch for %zu inputs overflows size_t", map->inputs);
    return snnk__for_rows(workspace, &map->allocator, n, bytes, laplacian_rows, &l);
}
