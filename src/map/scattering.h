/* Inside scattering features: scattering.c has the settings and the file, scattering_filters.c the
 * filters, scattering_back.c the gradient. */
#ifndef SNNK_MAP_SCATTERING_H
#define SNNK_MAP_SCATTERING_H

#include <snnk/scattering.h>

#include "kernels/scatter.h"
#include "map/transform.h"

typedef struct snnk__scattering {
    snnk_scattering_config config; /* allocator NULL */
    snnk__scatter plan;
    snnk__transform transform;
    size_t inputs, features;
    float *numbers;        /* the turns, filters and averages that the plan points to */
    const float **filters; /* plan.psi, then plan.down, then plan.along */
} snnk__scattering;

/* Set *count to the numbers that the plan points to, false if that overflows. */
bool snnk__scattering_numbers(const snnk__scatter *plan, size_t *count);

/* Set the numbers and pointers. spectrum: scratch, max(rows, columns) doubles. */
void snnk__scattering_fill(snnk__scattering *s, double *spectrum);

/* snnk__transform.backward, and the floats of scratch it needs; SIZE_MAX if they overflow. */
void snnk__scattering_backward(const void *context, size_t n, const float *X, size_t ldx,
                               const float *dPhi, size_t ldphi, float *dX, size_t lddx,
                               float *work);
size_t snnk__scattering_back_work(const snnk__scatter *plan);

#endif
