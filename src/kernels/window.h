/* Patches of images, and the pooling of what they give, in plain C. The vector versions are tested
 * against these. */
#ifndef SNNK_KERNELS_WINDOW_H
#define SNNK_KERNELS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How patches lie in an image: `segments` runs of `length` floats, `row` floats apart. */
typedef struct snnk__patches {
    size_t segments, length, row;
    size_t step;    /* floats from a patch to the next one */
    bool normalise; /* subtract the mean, and divide by sqrt(variance + floor) */
    float floor;
} snnk__patches;

/* The floats from a patch to the next where patches are copied to: a whole number of registers of
 * every instruction set. */
static inline size_t snnk__patch_stride(size_t floats) { return (floats + 15) / 16 * 16; }

/* Copy n patches, the first of which begins at x, to `to` (n x segments length, row stride ld =
 * snnk__patch_stride of their floats). The floats between rows may be written to. */
void snnk__patches_copy(const snnk__patches *patches, size_t n, const float *x, float *to,
                        size_t ld);

/* What is pooled: the sum of values, of their squares, or the largest. The values of snnk_pool. */
enum { SNNK__POOL_VALUES = 0, SNNK__POOL_SQUARES = 1, SNNK__POOL_LARGEST = 2 };

/* How values become part of a pooled sum. */
typedef struct snnk__pooling {
    int32_t pool;
    bool negate;  /* take shift - z in place of z */
    bool rectify; /* then max(z, 0) */
    float shift;
    bool root; /* of the pooled value, with its sign */
} snnk__pooling;

/* Add n rows of Z (n x count) to `sums` (count), in order. Sums begin at 0, or at -infinity for a
 * maximum. */
void snnk__pool_add(const snnk__pooling *pooling, size_t n, size_t count, const float *Z,
                    size_t ldz, float *sums);

/* Make pooled values of sums over 1/scale positions, in place. */
void snnk__pool_finish(const snnk__pooling *pooling, float scale, size_t count, float *sums);

#endif
