#include "map/slopes.h"

#include <float.h>
#include <math.h>

/* Limit a factor that overflows to the largest double: its product in float still overflows, but
 * its product with a zero in G is zero. NaN stays NaN. */
static double within_double(double value) {
    return value > DBL_MAX ? DBL_MAX : value < -DBL_MAX ? -DBL_MAX : value;
}

static void scaled_slope(const snnk__function *f, snnk__slope *slope, snnk__slope_order order,
                         double z, double factor[SNNK__SLOPE_WIDTH]) {
    factor[0] = factor[1] = 0;
    slope(f, order, z, factor);
    for (size_t w = 0; w < SNNK__SLOPE_WIDTH; w++) factor[w] = within_double(f->scale * factor[w]);
}

/* Each row of G is read into J and scaled in place. */
void snnk__slope_gradient(const snnk__map_block *block, snnk__slope *slope, const float *x,
                          const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    const size_t d = block->linear.inputs, width = snnk__function_width(&block->function);

    for (size_t i = 0; i < block->linear.rows; i++) {
        float *g = J + i * width * ldj;
        double factor[SNNK__SLOPE_WIDTH];
        double z = snnk__map_block_get_row(block, i, g, scratch->work);

        for (size_t k = 0; k < d; k++) z += (double)g[k] * x[k];
        scaled_slope(&block->function, slope, SNNK__SLOPE_FIRST, z, factor);
        for (size_t w = width; w-- > 0;) /* g itself is overwritten last */
            for (size_t k = 0; k < d; k++) g[w * ldj + k] = (float)(factor[w] * g[k]);
    }
}

/* Set z[t] = g.x_t + c for the inputs of a pass, and return |g|^2. */
static double project(const snnk__map_block *block, size_t row, const snnk__slope_scratch *s,
                      double z[SNNK__SLOPE_ROWS]) {
    const double c = snnk__map_block_get_row(block, row, s->g, s->work);
    double norm2 = 0;

    for (size_t t = 0; t < SNNK__SLOPE_ROWS; t++) z[t] = c;
    for (size_t k = 0; k < block->linear.inputs; k++) {
        const double gk = s->g[k];

        norm2 += gk * gk;
        for (size_t t = 0; t < SNNK__SLOPE_ROWS; t++)
            z[t] += gk * s->columns[k * SNNK__SLOPE_ROWS + t];
    }
    return norm2;
}

void snnk__slope_laplacian(const snnk__map_block *block, snnk__slope *slope, size_t n,
                           const snnk__slope_scratch *scratch, float *L, size_t ldl) {
    const size_t width = snnk__function_width(&block->function);

    for (size_t i = 0; i < block->linear.rows; i++) {
        double z[SNNK__SLOPE_ROWS], factor[SNNK__SLOPE_WIDTH];
        const double norm2 = project(block, i, scratch, z);

        for (size_t t = 0; t < n; t++) {
            scaled_slope(&block->function, slope, SNNK__SLOPE_SECOND, z[t], factor);
            for (size_t w = 0; w < width; w++)
                L[t * ldl + i * width + w] = (float)(factor[w] * norm2);
        }
    }
}

/* ---- Diagonal ---- */

/* z of feature k; NaN if its input is NaN. */
static double diagonal_z(const snnk__map_block *block, size_t k, const float *x) {
    return block->linear.offset[k] + (double)block->linear.numbers[k] * x[k];
}

void snnk__diagonal_gradient(const snnk__map_block *block, const float *x, float *J, size_t ldj) {
    const size_t d = block->linear.inputs;

    for (size_t i = 0; i < d; i++) {
        const double z = diagonal_z(block, i, x), factor = isnan(z) ? z : 1;

        for (size_t k = 0; k < d; k++)
            J[i * ldj + k] = (float)(factor * (k == i ? block->linear.numbers[k] : 0));
    }
}

void snnk__diagonal_laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *L, size_t ldl) {
    for (size_t t = 0; t < n; t++)
        for (size_t k = 0; k < block->linear.inputs; k++) {
            const double z = diagonal_z(block, k, X + t * ldx);

            L[t * ldl + k] = isnan(z) ? (float)z : 0;
        }
}
