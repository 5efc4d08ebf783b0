#include "projection/hd3.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kernels/hadamard.h"

size_t snnk__hd3_order(size_t inputs) {
    size_t order = 1;

    while (order < inputs && order < ((size_t)1 << 62)) order *= 2;
    return order;
}

void snnk__hd3_signs(uint64_t seed, uint64_t group, size_t order, float *signs) {
    for (uint64_t level = 0; level < 3; level++)
        for (size_t k = 0; k < order; k++) {
            double u;

            snnk__random_uniform(seed, SNNK__STREAM_SIGN, 3 * group + level, (uint32_t)k, 1, &u);
            signs[level * order + k] = u < 0.5 ? -1 : 1;
        }
}

double snnk__hd3_scale(uint64_t seed, uint64_t row, size_t order) {
    return snnk__random_chi(seed, SNNK__STREAM_NORM, row, order) /
           ((double)order * sqrt((double)order));
}

void snnk__hd3_row(size_t order, const float *signs, size_t j, float *row) {
    memset(row, 0, order * sizeof *row);
    row[j] = 1;
    /* H is symmetric: the transpose of the product, from its last factor to its first. */
    for (size_t level = 3; level-- > 0;) {
        snnk__hadamard(order, row);
        for (size_t k = 0; k < order; k++) row[k] *= signs[level * order + k];
    }
}
