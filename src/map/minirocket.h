/* Inside MINIROCKET features: minirocket.c has the features, the settings and the file,
 * minirocket_learn.c the creation from rows. */
#ifndef SNNK_MAP_MINIROCKET_H
#define SNNK_MAP_MINIROCKET_H

#include <snnk/series.h>

#include "base/rows.h"
#include "map/transform.h"

#define SNNK__MINIROCKET_LENGTH 9 /* of a kernel */

typedef struct snnk__minirocket {
    snnk_minirocket_config config; /* features rounded; allocator NULL */
    snnk_allocator allocator;
    snnk__transform transform;
    size_t length, features;
    size_t dilations;    /* how many differ */
    uint32_t *dilation;  /* rising */
    uint32_t *counts;    /* biases of each kernel at this dilation */
    float *biases;       /* features */
    float *mean, *scale; /* features: of the standardized ones; NULL for none */
} snnk__minirocket;

/* The three positions of weight 2 of a kernel; other weights are -1. */
typedef struct snnk__minirocket_kernel {
    unsigned char at[3];
} snnk__minirocket_kernel;

/* Set the kernels, in the order of the features. */
void snnk__minirocket_kernels(snnk__minirocket_kernel kernels[SNNK_MINIROCKET_KERNELS]);

/* Set alpha (n) and gamma (9 x n): the sums -x over all positions of a dilated kernel, and 3 x at
 * each position, where x is 0 outside the series. */
void snnk__minirocket_shift(size_t n, size_t dilation, const float *x, float *alpha, float *gamma);

/* Set biases, mean and scale from rows. SNNK_E_NOMEM, SNNK_E_SIZE. */
int snnk__minirocket_learn(snnk__minirocket *s, const snnk_rows *rows);

/* snnk__transform.apply. */
void snnk__minirocket_apply(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                            size_t ldphi, float *work);

#endif
