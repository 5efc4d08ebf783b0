/* Numbers in bf16, by their definition. */
#ifndef SNNK_TESTS_BF16_H
#define SNNK_TESTS_BF16_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float from_bf16(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof value);
    return value;
}

/* The nearest of the two bf16 around y, by their distances in double; the even one of two that are
 * as near. From 2^128 up there is infinity. NaN keeps its upper half and is made quiet. */
static inline uint16_t nearest_bf16(float y) {
    uint32_t bits;

    memcpy(&bits, &y, sizeof bits);
    if (isnan(y)) return (uint16_t)(bits >> 16 | 0x40);
    if (isinf(y)) return (uint16_t)(bits >> 16);
    const uint16_t below = (uint16_t)(bits >> 16), above = (uint16_t)(below + 1); /* in size */
    const double size = fabs((double)y), low = fabs((double)from_bf16(below)),
                 high = (above & 0x7fff) == 0x7f80 ? 0x1p128 : fabs((double)from_bf16(above));

    return size - low < high - size || (size - low == high - size && below % 2 == 0) ? below
                                                                                     : above;
}

#endif
