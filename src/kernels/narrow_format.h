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

/* The nearest finite bf16 of a finite float: values above the largest by less than half a unit
 * would round to infinity. */
uint16_t snnk__bf16_finite(float x);

/* A weight of SNNK_STORAGE_BF16X3: high + low, which is exact in float. */
typedef struct snnk__bf16_pair {
    uint16_t high, low;
} snnk__bf16_pair;

/* Round a finite float to a pair: to its nearest bf16, and the nearest bf16 of the rest. The pair
 * depends on its own sum only, so that a weight that has been saved as a float and is rounded again
 * gives the same pair. */
snnk__bf16_pair snnk__bf16_pair_of(float x);
float snnk__bf16_pair_value(snnk__bf16_pair pair);

/* Convert n floats to whole numbers: each is x/scale to the nearest, scale = max|x|/127. The scale
 * is 0 if all are 0 or so small that it would be subnormal, and NaN unless all are finite. */
float snnk__int8_scale(size_t n, const float *x);
int8_t snnk__int8_of(float x, float scale);

#endif
