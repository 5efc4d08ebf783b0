#include "kernels/narrow_format.h"

#include <float.h>
#include <math.h>
#include <string.h>

uint16_t snnk__bf16_of(float x) {
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float snnk__bf16_value(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float x;

    memcpy(&x, &wide, sizeof x);
    return x;
}

uint16_t snnk__bf16_finite(float x) {
    const uint16_t bits = snnk__bf16_of(x);

    return (bits & 0x7fff) == 0x7f80 ? (uint16_t)(bits - 1) : bits;
}

float snnk__bf16_pair_value(snnk__bf16_pair pair) {
    return snnk__bf16_value(pair.high) + snnk__bf16_value(pair.low);
}

static snnk__bf16_pair split(float x) {
    const uint16_t high = snnk__bf16_finite(x);
    const float rest = x - snnk__bf16_value(high);
    const uint16_t low = snnk__bf16_of(rest == 0 ? copysignf(0, x) : rest); /* -0 stays -0 */
    const double sum = (double)snnk__bf16_value(high) + (double)snnk__bf16_value(low);

    /* Next to the largest float the sum would round up to infinity. */
    return (snnk__bf16_pair){high, fabs(sum) > FLT_MAX ? (uint16_t)(low - 1) : low};
}

snnk__bf16_pair snnk__bf16_pair_of(float x) {
    /* If the rest rounds to half a unit of `high`, the sum is a tie, and may have another pair. */
    return split(snnk__bf16_pair_value(split(x)));
}

float snnk__int8_scale(size_t n, const float *x) {
    float largest = 0;

    for (size_t k = 0; k < n; k++) {
        if (!isfinite(x[k])) return NAN;
        largest = fmaxf(largest, fabsf(x[k]));
    }
    return largest / 127 >= FLT_MIN ? largest / 127 : 0;
}

int8_t snnk__int8_of(float x, float scale) {
    return (int8_t)(scale > 0 ? lrintf(x * (1 / scale)) : 0);
}
