/* The numbers of narrow panels, in 16 or 8 bits, and the shapes of these panels. */
#ifndef SNNK_KERNELS_NARROW_FORMAT_H
#define SNNK_KERNELS_NARROW_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum {
    SNNK__NARROW_WIDTH = 16,  /* rows of a panel */
    SNNK__NARROW_BLOCK = 256, /* columns that share one scale; blocks begin at multiples of it */
    SNNK__BF16_CHUNK = 2,     /* columns of a chunk */
    SNNK__INT8_CHUNK = 4,
    /* Zero bytes after the last panel: matrix units read whole tiles of 16 chunks (64 bytes each),
     * of which the panel has at least one. */
    SNNK__NARROW_SLACK = 15 * 64
};

/* Convert to the nearest bf16 (ties to even, NaN stays NaN), and back. */
uint16_t snnk__bf16_of(float x);
float snnk__bf16_value(uint16_t bits);

/* Convert n floats to whole numbers: each is x/scale to the nearest, scale = max|x|/127. The scale
 * is 0 if all are 0 or so small that it would be subnormal, and NaN unless all are finite. */
float snnk__int8_scale(size_t n, const float *x);
int8_t snnk__int8_of(float x, float scale);

#endif
