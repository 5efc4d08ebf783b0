#include "kernels/urf.h"

#include <math.h>

static double dot(size_t d, const double *row, const float *x, const double *mean) {
    double sum = 0;

    for (size_t k = 0; k < d; k++) sum += row[k] * (mean ? x[k] - mean[k] : x[k]);
    return sum;
}

double snnk__urf_t(const snnk__urf_table *table, size_t d, const float *x) {
    return table->nu ? dot(d, table->nu, x, table->mean) + table->t_offset : 0;
}

snnk__urf_scalars snnk__urf_scalars_of(const snnk__urf_table *table, size_t d, const float *x) {
    snnk__urf_scalars s = {0};

    for (size_t k = 0; table->scale && k < d; k++) {
        const double y = table->scale[k] * (table->mean ? x[k] - table->mean[k] : x[k]);

        s.norm2 += y * y;
    }
    for (size_t i = 0; i < table->n_directions; i++) {
        const double p = dot(d, table->directions + i * d, x, NULL) + table->direction_offset[i];

        s.norm2 += table->gain[i] * p * p;
    }
    if (s.norm2 < 0) s.norm2 = 0; /* rounding can make it negative; NaN stays NaN */
    s.t = snnk__urf_t(table, d, x);
    return s;
}

/* exp(e), saturated; NaN stays NaN. */
static float saturated_exp(double e) {
    return expf(e > SNNK__URF_LARGEST_EXPONENT ? SNNK__URF_LARGEST_EXPONENT : (float)e);
}

/* The angle without whole turns, as a float with one digit before the point. */
static float reduced(double angle) {
    const double turn = 6.283185307179586476925;

    return (float)(fabs(angle) > 4 ? remainder(angle, turn) : angle);
}

/* Set the features of one row for one sign of z. */
static void features(const snnk__urf_row *row, size_t parts, double z, double exponent,
                     double phase, float *phi) {
    const float size = saturated_exp(row->z_exponent * z + exponent);

    if (parts == 1) {
        phi[0] = size;
        return;
    }
    const float angle = reduced(row->z_phase * z + phase);
    phi[0] = size * cosf(angle);
    phi[1] = size * sinf(angle);
}

void snnk__urf_apply(const snnk__urf_table *table, size_t first, size_t count,
                     snnk__urf_scalars scalars, const float *z, float *phi) {
    const size_t parts = table->parts, width = table->signs * parts;
    const bool finite = isfinite(scalars.norm2);

    for (size_t j = 0; j < count; j++) {
        const snnk__urf_row row = snnk__urf_row_at(table, first + j);
        /* In double, because |x~|^2 of finite inputs may exceed the range of float. */
        const double exponent =
            row.norm_exponent * scalars.norm2 + row.t_exponent * scalars.t + row.constant;
        const double phase = row.norm_phase * scalars.norm2 + row.t_phase * scalars.t;
        /* If a projection overflows although |x~|^2 is finite, take z = 0, so that |x~|^2
         * decides. */
        const double zj = finite && !isfinite(z[j]) ? 0 : z[j];

        features(&row, parts, zj, exponent, phase, phi + width * j);
        if (table->signs == 2) features(&row, parts, -zj, exponent, phase, phi + width * j + parts);
    }
}

/* The gradients with respect to the exponent and the phase of one row for one sign of z. */
typedef struct row_slopes {
    double exponent, phase;
} row_slopes;

static row_slopes slopes_of(const snnk__urf_row *row, size_t parts, double z, double exponent,
                            double phase, const float *back) {
    const double e = row->z_exponent * z + exponent;
    const double size = saturated_exp(e), size_slope = e > SNNK__URF_LARGEST_EXPONENT ? 0 : size;

    if (parts == 1) return (row_slopes){.exponent = back[0] * size_slope};
    const double angle = reduced(row->z_phase * z + phase), c = cos(angle), s = sin(angle);

    return (row_slopes){.exponent = size_slope * (back[0] * c + back[1] * s),
                        .phase = size * (back[1] * c - back[0] * s)};
}

void snnk__urf_slopes(const snnk__urf_table *table, size_t count, snnk__urf_scalars scalars,
                      const float *z, const float *back, float *dz, snnk__urf_scalars *slopes) {
    const size_t parts = table->parts, width = table->signs * parts;
    const bool finite = isfinite(scalars.norm2);

    if (slopes) *slopes = (snnk__urf_scalars){0};
    for (size_t j = 0; j < count; j++, back += width) {
        const snnk__urf_row row = snnk__urf_row_at(table, j);
        const double exponent =
            row.norm_exponent * scalars.norm2 + row.t_exponent * scalars.t + row.constant;
        const double phase = row.norm_phase * scalars.norm2 + row.t_phase * scalars.t;
        const bool lost = finite && !isfinite(z[j]); /* its features are those of z = 0 */
        const double zj = lost ? 0 : z[j];
        const row_slopes plus = slopes_of(&row, parts, zj, exponent, phase, back);
        const row_slopes minus = table->signs == 2
                                     ? slopes_of(&row, parts, -zj, exponent, phase, back + parts)
                                     : (row_slopes){0};
        const double e = plus.exponent + minus.exponent, p = plus.phase + minus.phase;

        if (dz)
            dz[j] = lost ? 0
                         : (float)(row.z_exponent * (plus.exponent - minus.exponent) +
                                   row.z_phase * (plus.phase - minus.phase));
        if (!slopes) continue;
        slopes->norm2 += row.norm_exponent * e + row.norm_phase * p;
        slopes->t += row.t_exponent * e + row.t_phase * p;
    }
}

void snnk__urf_add_slopes(const snnk__urf_table *table, size_t d, const float *x,
                          snnk__urf_scalars scalars, snnk__urf_scalars slopes, float *dx) {
    const double *mean = table->mean;
    const double norm = scalars.norm2 > 0 ? 2 * slopes.norm2 : 0; /* 0 is where it is limited */

    for (size_t k = 0; table->scale && k < d; k++)
        dx[k] += (float)(norm * table->scale[k] * table->scale[k] * (mean ? x[k] - mean[k] : x[k]));
    for (size_t i = 0; i < table->n_directions; i++) {
        const double *direction = table->directions + i * d;
        const double p = dot(d, direction, x, NULL) + table->direction_offset[i];

        for (size_t k = 0; k < d; k++) dx[k] += (float)(norm * table->gain[i] * p * direction[k]);
    }
    for (size_t k = 0; table->nu && k < d; k++) dx[k] += (float)(slopes.t * table->nu[k]);
}
