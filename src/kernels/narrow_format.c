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
