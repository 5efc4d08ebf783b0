#include "map/urf_table.h"

#include <math.h>

snnk__urf_rows snnk__urf_rows_in(float *numbers, size_t n) {
    return (snnk__urf_rows){.z_exponent = numbers,
                            .z_phase = numbers + n,
                            .norm_exponent = numbers + 2 * n,
                            .norm_phase = numbers + 3 * n,
                            .t_exponent = numbers + 4 * n,
                            .t_phase = numbers + 5 * n,
                            .constant = numbers + 6 * n};
}

snnk__function snnk__urf_function(const snnk__urf_table *table) {
    return (snnk__function){.operation = SNNK__OPERATION_URF, .scale = 1, .urf = table};
}

double snnk__urf_safe_projection(const snnk__map_block *block) {
    (void)block;
    return INFINITY; /* features saturate, so they never overflow */
}

size_t snnk__urf_slope_doubles(const snnk__map_block *block) { return 2 * block->linear.inputs; }

/* Counted: |x~|^2 and nu . (x - mu); the numbers of rows; directions with offsets and gains; scale,
 * nu and mu. */
void snnk__urf_cost(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters) {
    const snnk__urf_table *table = block->function.urf;
    const uint64_t d = block->linear.inputs, directions = table->n_directions;
    const uint64_t rows = (uint64_t)(table->scale != NULL) + (table->nu != NULL);

    *multiply_adds += (directions + rows) * d;
    *parameters += (uint64_t)block->linear.rows * SNNK__URF_NUMBERS + directions * (d + 2) +
                   (rows + (table->mean != NULL)) * d;
}

/* Terms that do not depend on the row. */
typedef struct point {
    size_t d;
    snnk__urf_scalars scalars;
    const double *pull; /* 2 P (x - mu); d */
    const double *nu;   /* d, or NULL */
    double *g;          /* scratch, d */
    double curvature;   /* lap |x~|^2 = 2 trace(P) */
} point;

/* Set pull = P (x - mu), half the gradient of |x~|^2, and return trace(P), half its Laplacian. */
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
    const size_t d = block->linear.inputs;
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

/* Set g to row j of G in double, and return its projection of x. */
static double project(const snnk__map_block *block, size_t j, const float *x, double *g) {
    double z = block->linear.offset[j];

    for (size_t k = 0; k < block->linear.inputs; k++) {
        g[k] = snnk__panels_entry(&block->linear.G, j, k);
        z += g[k] * x[k];
    }
    return z;
}

void snnk__urf_gradient(const snnk__map_block *block, const float *x,
                        const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    const snnk__urf_table *table = block->function.urf;
    const point at = point_at(block, x, scratch->doubles);

    for (size_t j = 0; j < block->linear.rows; j++) {
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

/* The inner products of g, pull and nu: grad E . grad E is a quadratic form of them. */
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

/* Set the Laplacians of all features at x. */
static void laplacians(const snnk__map_block *block, const float *x, double *scratch,
                       float *laplacian) {
    const snnk__urf_table *table = block->function.urf;
    const point at = point_at(block, x, scratch);

    for (size_t j = 0; j < block->linear.rows; j++) {
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

void snnk__urf_laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                         const snnk__slope_scratch *scratch, float *L, size_t ldl) {
    for (size_t t = 0; t < n; t++) laplacians(block, X + t * ldx, scratch->doubles, L + t * ldl);
}
