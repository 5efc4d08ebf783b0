/* The inner loop of MINIROCKET (map/minirocket.c). */
#ifndef SNNK_KERNELS_SERIES_H
#define SNNK_KERNELS_SERIES_H

#include <stddef.h>
#include <stdint.h>

/* n sums ((alpha + a) + b) + c, in this order. */
typedef struct snnk__shares {
    size_t n;
    const float *alpha, *a, *b, *c;
} snnk__shares;

#endif
