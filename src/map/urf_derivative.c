/* Derivatives of universal random features. With F = exp(E), E = a z + q |x~|^2 + kappa t + constant for
 * complex a, q, kappa, and features Re F and Im F:
 *
 *     grad F = F grad E,        grad E = a g + 2 q P (x - mu) + kappa nu,     P = M^T M
 *     lap F  = F (grad E . grad E + lap E),    lap E = 2 q trace(P)
 *
 * products not conjugated; P is read off the table of the kernels. Where a feature is saturated it is
 * constant. */
#include "map/urf_derivative.h"

#include <math.h>

/* What does not depend on the row. */
typedef struct point {
    size_t d;
    snnk__urf_scalars scalars;
    const double *pull; /* 2 P (x - mu); d */
    const double *nu;   /* d, or NULL */
    double *g;          /* d of scratch */
    double curvature;   /* lap |x~|^2 = 2 trace(P) */
} point;

/* pull = P (x - mu), half the gradient of |x~|^2; gives trace(P), half its Laplacian. */
static double pull_of(const snnk__urf_table *table, size_t d, const float *x, double *pull) {
    double trace = 0;

    for (size_t k = 0; k < d; k++) {
        const double scale = table->scale ? table->scale[k] : 0;

        pull[k] = scale * scale * (table->mean ? x[k] - table->mean[k] : x[k]);
        trace += scale * scale;
    }
    for (size_t i = 0; i < table->n_directions; i++) {
        const double *u = table->directions + i * d, gain = table->gain[i];
        double p = table->direction_offset[i];

        for (size_t k = 0; k < d; k++) p += u[k] * x[k];
        for (size_t k = 0; k < d; k++) {
            pull[k] += gain * p * u[k];
            trace += gain * u[k] * u[k];
        }
    }
    return trace;
}

static point point_at(const snnk__map_block *block, const float *x, double *scratch) {
    const snnk__urf_table *table = block->function.urf;
    const size_t d = block->inputs;
    const double trace = pull_of(table, d, x, scratch);

    for (size_t k = 0; k < d; k++) scratch[k] *= 2;
    return (point){.d = d,
                   .scalars = snnk__urf_scalars_of(table, d, x),
                   .pull = scratch,
                   .nu = table->nu,
                   .g = scratch + d,
                   .curvature = 2 * trace};
}

/* The coefficients of grad E = z g + norm pull + kappa nu for one sign, and F. */
typedef struct exponent {
    double complex z, norm, kappa, F;
} exponent;

static exponent exponent_of(const snnk__urf_table *table, size_t j, const point *at, double z,
                            double sign) {
    const snnk__urf_row row = snnk__urf_row_at(table, j);
    const double complex t = row.t_exponent + I * row.t_phase;
    exponent e = {.z = sign * (row.z_exponent + I * row.z_phase),
                  .norm = row.norm_exponent + I * row.norm_phase,
                  .kappa = t};
    const double complex E =
        e.z * z + e.norm * at->scalars.norm2 + t * at->scalars.t + row.constant;

    e.F = creal(E) > (double)SNNK__URF_LARGEST_EXPONENT ? 0 : cexp(E);
    return e;
}

/* g = row j of G as doubles; its projection of x. */
static double project(const snnk__map_block *block, size_t j, const float *x, double *g) {
    double z = block->linear.offset[j];

    for (size_t k = 0; k < block->inputs; k++) {
        g[k] = snnk__panels_entry(&block->linear.G, j, k);
        z += g[k] * x[k];
    }
    return z;
}

void snnk__urf_gradient(const snnk__map_block *block, const float *x, double *scratch, float *J,
                        size_t ldj) {
    const snnk__urf_table *table = block->function.urf;
    const point at = point_at(block, x, scratch);

    for (size_t j = 0; j < block->rows; j++) {
        const double z = project(block, j, x, at.g);

        for (size_t s = 0; s < table->signs; s++, J += table->parts * ldj) {
            const exponent e = exponent_of(table, j, &at, z, s == 0 ? 1 : -1);

            for (size_t k = 0; k < at.d; k++) {
                const double complex slope =
                    e.F * (e.z * at.g[k] + e.norm * at.pull[k] + (at.nu ? e.kappa * at.nu[k] : 0));

                J[k] = (float)creal(slope);
                if (table->parts == 2) J[ldj + k] = (float)cimag(slope);
            }
        }
    }
}

/* Inner products of g, pull and nu: grad E . grad E is a quadratic form of them. */
typedef struct products {
    double gg, gp, gn, pp, pn, nn;
} products;

static products products_of(const point *at) {
    products p = {0};

    for (size_t k = 0; k < at->d; k++) {
        const double n = at->nu ? at->nu[k] : 0;

        p.gg += at->g[k] * at->g[k];
        p.gp += at->g[k] * at->pull[k];
        p.gn += at->g[k] * n;
        p.pp += at->pull[k] * at->pull[k];
        p.pn += at->pull[k] * n;
        p.nn += n * n;
    }
    return p;
}

void snnk__urf_laplacian(const snnk__map_block *block, const float *x, double *scratch,
                         float *laplacian) {
    const snnk__urf_table *table = block->function.urf;
    const point at = point_at(block, x, scratch);

    for (size_t j = 0; j < block->rows; j++) {
        const double z = project(block, j, x, at.g);
        const products p = products_of(&at);

        for (size_t s = 0; s < table->signs; s++) {
            const exponent e = exponent_of(table, j, &at, z, s == 0 ? 1 : -1);
            const double complex square =
                e.z * e.z * p.gg + e.norm * e.norm * p.pp + e.kappa * e.kappa * p.nn +
                2 * (e.z * e.norm * p.gp + e.z * e.kappa * p.gn + e.norm * e.kappa * p.pn);
            const double complex value = e.F * (square + e.norm * at.curvature);

            *laplacian++ = (float)creal(value);
            if (table->parts == 2) *laplacian++ = (float)cimag(value);
        }
    }
}
