/* Rows in bf16 and in float. Each instruction set compiles these loops for itself, where compilers
 * make vectors of them. */
#ifndef SNNK_KERNELS_BF16_H
#define SNNK_KERNELS_BF16_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void snnk__widen(size_t n, const uint16_t *from, float *to) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)from[i] << 16;

        memcpy(to + i, &bits, sizeof bits);
    }
}

/* The same bits as snnk__bf16_of. */
static inline void snnk__round(size_t n, const float *from, uint16_t *to) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, from + i, sizeof bits);
        const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40;

        to[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
    }
}

#endif
