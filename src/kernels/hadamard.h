/* The fast Walsh-Hadamard transform, and random projections made from it. */
#ifndef SNNK_KERNELS_HADAMARD_H
#define SNNK_KERNELS_HADAMARD_H

#include <stddef.h>

/* Replace x by H x, H the n x n matrix of entries (-1)^(number of common bits of i and j), not
 * normalised (Sylvester's order). n is a power of two. O(n log n). */
void snnk__hadamard(size_t n, float *x);

/* Rows of a projection G in groups of `order` (a power of two >= d): row j of group p is
 *     scale_j (H D3 H D2 H D1)_j restricted to its first d columns,   D_k = diag(signs of group p)
 * The scales include the normalisation order^(-3/2). */
typedef struct snnk__hd3 {
    size_t rows;
    size_t order;
    const float *signs; /* +-1; groups x 3 x order */
    const float *scale; /* rows */
    const float *mean,
        *input_scale; /* d each, NULL for zeros, ones: applied to (x - mean) * input_scale */

    /* Both are NULL, or scale/(2 pi), and offset/(2 pi) less whole turns: a cosine needs only the
     * part of a turn. rows each. */
    const float *turn_scale, *turn_offset;
    const float *offset; /* what turn_offset is made from */
} snnk__hd3;

/* Floats of scratch for a projection of this order, and 16 more, which last_pass of
 * vector_hadamard.h loads and ignores. */
static inline size_t snnk__hd3_work(size_t order) { return order + 16; }

/* Set z[j] = G_(first+j) . x' + offset[j] for j < count, with all rows in one group; x' = (x -
 * mean) * input_scale. work: snnk__hd3_work(order) floats. */
void snnk__hd3_project(const snnk__hd3 *hd3, size_t d, const float *x, const float *offset,
                       size_t first, size_t count, float *z, float *work);

#endif
