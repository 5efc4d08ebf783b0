/* The inner loops of MINIROCKET, which compilers turn into vectors. Included by the kernels of each
 * instruction set: additions and comparisons have the same bits in all of them. */
#ifndef SNNK_KERNELS_VECTOR_SERIES_H
#define SNNK_KERNELS_VECTOR_SERIES_H

#include "kernels/kernels.h"

#define SHARES_BLOCK 1024 /* sums that stay in the first-level cache */

static void shares(const snnk__shares *s, size_t count, const float *biases, uint32_t *above) {
    float sums[SHARES_BLOCK];

    for (size_t k = 0; k < count; k++) above[k] = 0;
    for (size_t first = 0; first < s->n; first += SHARES_BLOCK) {
        const size_t n = s->n - first < SHARES_BLOCK ? s->n - first : SHARES_BLOCK;
        const float *alpha = s->alpha + first, *a = s->a + first, *b = s->b + first,
                    *c = s->c + first;

        for (size_t t = 0; t < n; t++) sums[t] = alpha[t] + a[t] + b[t] + c[t];
        for (size_t k = 0; k < count; k++) {
            const float bias = biases[k];
            uint32_t sum = 0;

            for (size_t t = 0; t < n; t++) sum += sums[t] > bias;
            above[k] += sum;
        }
    }
}

#endif
