/* A discrete Fourier transform, so that the library needs none from elsewhere. */
#ifndef SNNK_SPECTRUM_FOURIER_H
#define SNNK_SPECTRUM_FOURIER_H

#include "base/memory.h"

/* A transform of n complex numbers, n a power of two: the numbers and the tables. */
typedef struct snnk__fourier {
    size_t n;
    double *re, *im;       /* n each */
    double *cosine, *sine; /* n each: roots of unity, in the order that the stages use them */
} snnk__fourier;

/* Create one with all numbers 0. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__fourier_create(size_t n, const snnk_allocator *allocator, snnk__fourier *made);
void snnk__fourier_free(const snnk_allocator *allocator, snnk__fourier *f);

/* Transform re + i im in place: X_j = sum_k x_k exp(sign 2 pi i j k/n), sign +1 or -1. O(n log n),
 * radix 2. */
void snnk__fourier_transform(snnk__fourier *f, int sign);

#endif
