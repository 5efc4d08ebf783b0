/* Gradients in scaled coordinates x' = (x - mean) * scale, by blocks of rows. */
#include "fit/outer_product.h"

#include <math.h>
#include <string.h>

#include <snnk/directions.h>

#include "base/random.h"
#include "base/size.h"
#include "kernels/kernels.h"
#include "map/map.h"
#include "solve/eigen.h"
#include "solve/product.h"

#define BLOCK_ROWS 256 /* whose gradients are computed at once */

/* Along a direction with less variance than this share of that of an input, rows do not vary. */
#define LEAST_VARIANCE 1e-9

/* ---- What all layers share ---- */

static void find_constants(const snnk__outer_product *p) {
    for (size_t k = 0; k < p->d; k++) {
        const double first = snnk__rows_input(p->rows, 0, k);

        p->constant[k] = true;
        for (size_t i = 1; p->constant[k] && i < p->rows->n; i++)
            p->constant[k] = snnk__rows_input(p->rows, i, k) == first;
    }
}

/* Set C (d x d) to the covariance of the scaled inputs of all rows.
 *   columns  d x BLOCK_ROWS of scratch */
static void covariance(const snnk__outer_product *p, double *columns, double *C) {
    const size_t rows = p->rows->n, d = p->d;

    memset(C, 0, d * d * sizeof *C);
    for (size_t first = 0; first < rows; first += BLOCK_ROWS) {
        const size_t n = snnk__min_size(BLOCK_ROWS, rows - first);

        for (size_t k = 0; k < d; k++)
            for (size_t i = 0; i < n; i++)
                columns[k * n + i] =
                    (snnk__rows_input(p->rows, first + i, k) - p->mean[k]) * p->scale[k];
        snnk__add_product_transposed(d, d, n, columns, columns, C);
    }
    for (size_t j = 0; j < d * d; j++) C[j] /= (double)rows;
}

/* Set P (d x d) to sum_k v_k v_k^T over the rows v_k of V whose values are large enough. */
static void project_onto(size_t d, const double *V, const double *values, double least, double *P) {
    memset(P, 0, d * d * sizeof *P);
    for (size_t k = 0; k < d; k++)
        for (size_t i = 0; values[k] > least && i < d; i++)
            for (size_t j = 0; j < d; j++) P[i * d + j] += V[k * d + i] * V[k * d + j];
}

/* Find the directions in which rows vary. Numbers for the words of a column, which are 1 for one of
 * them, have a constant sum: a fit may use it as it uses an intercept, and the gradient along it
 * means nothing. */
static int find_span(snnk__outer_product *p) {
    const size_t d = p->d;
    double *V = NULL, *values = NULL, *columns = NULL;
    double least = 0;
    bool all = true;
    int st = snnk__alloc(p->allocator, d * d, sizeof *V, "a covariance, d x d", &V);

    if (st == SNNK_OK) st = snnk__alloc(p->allocator, d, sizeof *values, "variances", &values);
    if (st == SNNK_OK)
        st = snnk__alloc(p->allocator, BLOCK_ROWS * sizeof *columns, d, "inputs", &columns);
    if (st == SNNK_OK) {
        covariance(p, columns, V);
        for (size_t k = 0; k < d; k++) {
            p->variance[k] = p->constant[k] ? 0 : V[k * d + k];
            least += LEAST_VARIANCE * p->variance[k] / (double)d;
        }
        st = snnk__eigenvectors(p->allocator, d, 'L', V, values, NULL);
    }
    for (size_t k = 0; st == SNNK_OK && k < d; k++) all = all && values[k] > least;
    if (st == SNNK_OK && !all) {
        st = snnk__alloc(p->allocator, d * d, sizeof *p->span, "a projection, d x d", &p->span);
        if (st == SNNK_OK) project_onto(d, V, values, least, p->span);
    }
    snnk__free(p->allocator, columns);
    snnk__free(p->allocator, values);
    snnk__free(p->allocator, V);
    return st;
}

/* SNNK_E_UNSUPPORTED for features whose slope is zero wherever there is one. */
static int check_slope(const snnk__function *function) {
    const float z[2] = {-1, 1}, ones[4] = {1, 1, 1, 1};
    float slopes[2];

    snnk__kernels_get()->slopes(function, 2, z, ones, slopes);
    if (slopes[0] != 0 || slopes[1] != 0) return SNNK_OK;
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "features that are steps have no gradient to learn directions from: take "
                      "arc-cosine features of order 1, say");
}

int snnk__outer_product_open(const snnk_allocator *allocator, const snnk_rows *rows, size_t outputs,
                             int32_t mode, const snnk_map_config *map, uint64_t seed,
                             snnk__outer_product *p) {
    const size_t n = rows->n, d = rows->inputs;
    int st = snnk_scaling_create(d, mode, allocator, &p->scaling);

    p->allocator = allocator;
    p->rows = rows;
    p->outputs = outputs;
    p->d = d;
    if (st == SNNK_OK) st = snnk_scaling_add(p->scaling, rows);
    if (st == SNNK_OK) st = snnk_map_create(d, map, NULL, &p->drawn);
    if (st == SNNK_OK) st = check_slope(&p->drawn->blocks[0]->function);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *p->mean, "means", &p->mean);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *p->scale, "scales", &p->scale);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, d, sizeof *p->variance, "variances", &p->variance);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, d, sizeof *p->constant, "constants", &p->constant);
    if (st == SNNK_OK) st = snnk__alloc(allocator, n, sizeof *p->sample, "a sample", &p->sample);
    if (st == SNNK_OK) st = snnk_scaling_get(p->scaling, p->mean, p->scale);
    if (st != SNNK_OK) return st;
    find_constants(p);
    p->n_sample = snnk__min_size(n, SNNK_DIRECTIONS_MAX_ROWS);
    snnk__random_order(seed, n, p->n_sample < n ? p->n_sample : 0, p->sample);
    return find_span(p);
}

void snnk__outer_product_close(const snnk__outer_product *p) {
    snnk_scaling_free(p->scaling);
    snnk_map_free(p->drawn);
    snnk__free(p->allocator, p->mean);
    snnk__free(p->allocator, p->scale);
    snnk__free(p->allocator, p->variance);
    snnk__free(p->allocator, p->constant);
    snnk__free(p->allocator, p->sample);
    snnk__free(p->allocator, p->span);
}

/* ---- Gradients ---- */

/* The arrays with which gradients of one layer are computed. */
typedef struct gradients {
    size_t r, m;        /* rows of G, features */
    const float *G, *c; /* r x d and r: z = G x' + c */
    const float *Psi;   /* outputs x m */
    float *X;           /* BLOCK_ROWS x d: x' */
    float *Z, *D;       /* BLOCK_ROWS x r: z, and the gradients with respect to z */
    float *grad;        /* BLOCK_ROWS x d */
    double *grad_T;     /* d x BLOCK_ROWS, weighted */
} gradients;

static void gradients_free(const snnk_allocator *allocator, const gradients *g) {
    snnk__free(allocator, g->X);
    snnk__free(allocator, g->Z);
    snnk__free(allocator, g->D);
    snnk__free(allocator, g->grad);
    snnk__free(allocator, g->grad_T);
}

static int gradients_alloc(const snnk__outer_product *p, gradients *g) {
    const snnk_allocator *allocator = p->allocator;
    const size_t d = p->d, r = g->r;
    int st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->X, d, "inputs", &g->X);

    if (st == SNNK_OK)
        st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->Z, r, "projections", &g->Z);
    if (st == SNNK_OK) st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->D, r, "slopes", &g->D);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->grad, d, "gradients", &g->grad);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, BLOCK_ROWS * sizeof *g->grad_T, d, "gradients", &g->grad_T);
    return st;
}

void snnk__multiply_rows(size_t rows, size_t d, const double *root, double *row, float *G) {
    for (size_t j = 0; j < rows; j++) {
        float *g = G + j * d;

        for (size_t k = 0; k < d; k++) row[k] = 0;
        for (size_t i = 0; i < d; i++)
            for (size_t k = 0; k < d; k++) row[k] += (double)g[i] * root[i * d + k];
        for (size_t k = 0; k < d; k++) g[k] = (float)row[k];
    }
}

/* Set X and Z for rows first ... first+n-1 of the sample. */
static void project(const snnk__outer_product *p, size_t first, size_t n, const gradients *g) {
    const size_t d = p->d;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            g->X[i * d + k] =
                (float)((snnk__rows_input(p->rows, p->sample[first + i], k) - p->mean[k]) *
                        p->scale[k]);
    snnk__product_transposed(n, g->r, d, g->X, g->G, g->Z);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < g->r; j++) g->Z[i * g->r + j] += g->c[j];
}

/* Add the outer products of the gradients of one output, in rows first ... first+n-1 of the sample,
 * whose projections are in g, times the weights of the rows. */
static void add_output(const snnk__outer_product *p, size_t first, size_t n, size_t output,
                       const gradients *g, double *M) {
    const snnk__function *function = &p->drawn->blocks[0]->function;
    const size_t d = p->d, r = g->r;
    const float *psi = g->Psi + output * g->m;

    for (size_t i = 0; i < n; i++)
        snnk__kernels_get()->slopes(function, r, g->Z + i * r, psi, g->D + i * r);
    snnk__product(n, d, r, g->D, g->G, g->grad);
    for (size_t i = 0; i < n; i++) {
        const float *weights = p->rows->weights;
        const double root = weights ? sqrt((double)weights[p->sample[first + i]]) : 1;

        for (size_t k = 0; k < d; k++)
            g->grad_T[k * n + i] = p->constant[k] ? 0 : root * (double)g->grad[i * d + k];
    }
    snnk__add_product_transposed(d, d, n, g->grad_T, g->grad_T, M);
}

/* Set M = P M P, P the projection onto the directions in which rows vary. */
static int project_gradients(const snnk__outer_product *p, double *M) {
    const size_t d = p->d;
    double *half = NULL;
    int st;

    if (!p->span) return SNNK_OK;
    st = snnk__alloc_zero(p->allocator, d * d, sizeof *half, "a product, d x d", &half);
    if (st != SNNK_OK) return st;
    snnk__add_product_transposed(d, d, d, p->span, M, half); /* P M, as M is symmetric */
    memset(M, 0, d * d * sizeof *M);
    snnk__add_product_transposed(d, d, d, half, p->span, M);
    for (size_t k = 0; k < d; k++)
        for (size_t j = 0; p->constant[k] && j < d; j++) M[k * d + j] = M[j * d + k] = 0;
    snnk__free(p->allocator, half);
    return SNNK_OK;
}

/* Make M symmetric to the last bit, and scale it so that features of x' and of M^(1/2) x' have
 * alike projections: for standardized inputs, its trace is d. Sets *constant if it is zero. */
static int normalize(const snnk__outer_product *p, double *M, bool *constant) {
    const size_t d = p->d;
    double trace = 0, wanted = 0;

    for (size_t k = 0; k < d; k++) {
        trace += M[k * d + k] * p->variance[k];
        wanted += p->variance[k];
    }
    if (!isfinite(trace))
        return snnk__fail(SNNK_E_NONFINITE, "gradients of the fitted layer overflow float");
    *constant = !(trace > 0);
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k <= i; k++)
            M[i * d + k] = M[k * d + i] = *constant ? 0 : M[i * d + k] * (wanted / trace);
    return SNNK_OK;
}

/* Average with arrays that are set but for those of gradients_alloc. */
static int average(const snnk__outer_product *p, gradients *g, snnk__progress *progress, double *M,
                   bool *constant) {
    int st = gradients_alloc(p, g);

    memset(M, 0, p->d * p->d * sizeof *M);
    for (size_t first = 0; st == SNNK_OK && first < p->n_sample; first += BLOCK_ROWS) {
        const size_t n = snnk__min_size(BLOCK_ROWS, p->n_sample - first);

        project(p, first, n, g);
        for (size_t k = 0; k < p->outputs; k++) add_output(p, first, n, k, g, M);
        st = snnk__progress_count(progress, (double)(first + n), (double)p->n_sample);
    }
    gradients_free(p->allocator, g);
    if (st == SNNK_OK) st = project_gradients(p, M);
    return st == SNNK_OK ? normalize(p, M, constant) : st;
}

int snnk__outer_product_of_rows(const snnk__outer_product *p, const snnk__outer_rows *rows,
                                snnk__progress *progress, double *M, bool *constant) {
    gradients g = {.r = rows->rows, .m = rows->rows, .G = rows->G, .c = rows->c, .Psi = rows->Psi};

    return average(p, &g, progress, M, constant);
}

int snnk__outer_product_average(const snnk__outer_product *p, const double *root,
                                const snnk_layer *layer, snnk__progress *progress, double *M,
                                bool *constant) {
    const snnk_allocator *allocator = p->allocator;
    const size_t d = p->d, r = snnk_map_block_row_count(p->drawn, 0);
    const size_t m = snnk_layer_features(layer);
    float *G = NULL, *c = NULL, *Psi = NULL;
    double *row = NULL;
    int st = snnk__alloc(allocator, r, d * sizeof *G, "rows", &G);

    if (st == SNNK_OK) st = snnk__alloc(allocator, r, sizeof *c, "offsets", &c);
    if (st == SNNK_OK) st = snnk__alloc(allocator, m, p->outputs * sizeof *Psi, "weights", &Psi);
    if (st == SNNK_OK) st = snnk__alloc(allocator, d, sizeof *row, "a row", &row);
    if (st == SNNK_OK) st = snnk_map_block_rows(p->drawn, 0, G, d, c);
    if (st == SNNK_OK && root) snnk__multiply_rows(r, d, root, row, G);
    if (st == SNNK_OK) st = snnk_layer_weights(layer, Psi, m, NULL);
    if (st == SNNK_OK) {
        gradients g = {.r = r, .m = m, .G = G, .c = c, .Psi = Psi};

        st = average(p, &g, progress, M, constant);
    }
    snnk__free(allocator, row);
    snnk__free(allocator, Psi);
    snnk__free(allocator, c);
    snnk__free(allocator, G);
    return st;
}
