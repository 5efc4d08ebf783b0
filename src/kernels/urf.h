/* Universal random features of one projected row, in plain C. The vector versions are tested
 * against these. */
#ifndef SNNK_KERNELS_URF_H
#define SNNK_KERNELS_URF_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/panels.h"

/* Exponents are limited to this: exp(36) exp(36) times 2^24 features still fits a float. */
#define SNNK__URF_LARGEST_EXPONENT 36.0f

/* How feature row j depends on z_j = g_j . x~ (times s), on |x~|^2, and on t = nu . (x - mu):
 *     exponent e = z_exponent z + norm_exponent |x~|^2 + t_exponent t + constant
 *     phase  phi = z_phase z + norm_phase |x~|^2 + t_phase t */
typedef struct snnk__urf_row {
    float z_exponent, z_phase;
    float norm_exponent, norm_phase;
    float t_exponent, t_phase;
    float constant;
} snnk__urf_row;

/* The same for all rows, n_rows numbers each. */
typedef struct snnk__urf_rows {
    float *z_exponent, *z_phase;
    float *norm_exponent, *norm_phase;
    float *t_exponent, *t_phase;
    float *constant;
} snnk__urf_rows;

enum { SNNK__URF_NUMBERS = 7 }; /* the numbers of one row */

/* Features of row j, in this order: exp(e) for z, or with phases exp(e) cos phi and exp(e) sin phi.
 * With two signs, the same for -z follows. */
typedef struct snnk__urf_table {
    size_t signs; /* 1 or 2 */
    size_t parts; /* 1, or 2 with phases */
    snnk__urf_rows rows;
    /* |x~|^2 = |scale (x - mean)|^2 + sum_i gain_i (direction_i . x + direction_offset_i)^2 */
    const double *mean, *scale; /* d each; mean NULL: zeros; scale NULL: this term is missing */
    size_t n_directions;
    const double *directions; /* n_directions x d */
    const double *direction_offset, *gain;
    const snnk__panels
        *packed_directions; /* the directions in float with their offsets, for forward passes with
                             * many directions; NULL for few */
    const float *packed_offset;
    const double *nu; /* t = nu . (x - mean) + t_offset; d, NULL for t = 0 */
    double t_offset;
} snnk__urf_table;

/* What all feature rows of one input share. */
typedef struct snnk__urf_scalars {
    double norm2; /* |x~|^2 */
    double t;
} snnk__urf_scalars;

static inline snnk__urf_row snnk__urf_row_at(const snnk__urf_table *table, size_t j) {
    const snnk__urf_rows *rows = &table->rows;

    return (snnk__urf_row){rows->z_exponent[j], rows->z_phase[j],    rows->norm_exponent[j],
                           rows->norm_phase[j], rows->t_exponent[j], rows->t_phase[j],
                           rows->constant[j]};
}

snnk__urf_scalars snnk__urf_scalars_of(const snnk__urf_table *table, size_t d, const float *x);

/* t only. */
double snnk__urf_t(const snnk__urf_table *table, size_t d, const float *x);

/* Set phi to the features of rows first ... first+count-1 from their projections z (count values),
 * signs * parts each. z may be the last `count` values of phi. */
void snnk__urf_apply(const snnk__urf_table *table, size_t first, size_t count,
                     snnk__urf_scalars scalars, const float *z, float *phi);

/* From the gradients `back` with respect to the features of rows 0 ... count-1, set dz (count) to
 * those with respect to z, and *slopes to those with respect to |x~|^2 and t. Either may be NULL.
 * Where an exponent is limited, its slope is 0. */
void snnk__urf_slopes(const snnk__urf_table *table, size_t count, snnk__urf_scalars scalars,
                      const float *z, const float *back, float *dz, snnk__urf_scalars *slopes);

/* Add to dx (d) the gradient with respect to x of a function of |x~|^2 and t with these slopes. */
void snnk__urf_add_slopes(const snnk__urf_table *table, size_t d, const float *x,
                          snnk__urf_scalars scalars, snnk__urf_scalars slopes, float *dx);

#endif
