/* Walsh-Hadamard transforms and HD3 projections in vectors. Included by the kernels of an
 * instruction set, after vector_apply.h. They define before:
 *
 *     V_SWAP(x, h)     x with each run of h lanes exchanged with the next run; h = 1, 2 ... LANES/2
 *                      is a constant */
#ifndef SNNK_KERNELS_VECTOR_HADAMARD_H
#define SNNK_KERNELS_VECTOR_HADAMARD_H

#include "kernels/hadamard.h"
#include "kernels/vector_apply.h"

/* +1 in lanes whose number does not have bit h, otherwise -1. */
static const float lane_signs[4][16] = {
    {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1},
    {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1},
    {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1},
    {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1},
};

/* Apply H of order LANES. */
INLINE floats hadamard_lanes(floats x) {
    x = v_fma(x, v_load(lane_signs[0]), V_SWAP(x, 1));
    x = v_fma(x, v_load(lane_signs[1]), V_SWAP(x, 2));
#if LANES >= 8
    x = v_fma(x, v_load(lane_signs[2]), V_SWAP(x, 4));
#endif
#if LANES >= 16
    x = v_fma(x, v_load(lane_signs[3]), V_SWAP(x, 8));
#endif
    return x;
}

/* Apply H of order `count` (2, 4 or 8, a constant at every call) across registers. */
INLINE void hadamard_registers(const int count, floats x[8]) {
    UNROLLED (int h = 1; h < count; h *= 2)
        UNROLLED (int i = 0; i < count; i++)
            if (!(i & h)) {
                const floats a = x[i], b = x[i + h];

                x[i] = a + b;
                x[i + h] = a - b;
            }
}

/* Apply the first levels: within each of `count` adjacent registers, and across them. signs: NULL
 * for none. */
INLINE void first_levels(const int count, size_t n, const float *signs, float *data) {
    floats x[8];

    for (size_t i = 0; i < n; i += (size_t)count * LANES) {
        UNROLLED (int j = 0; j < count; j++) {
            x[j] = v_load(data + i + (size_t)j * LANES);
            if (signs) x[j] *= v_load(signs + i + (size_t)j * LANES);
            x[j] = hadamard_lanes(x[j]);
        }
        hadamard_registers(count, x);
        UNROLLED (int j = 0; j < count; j++) v_store(data + i + (size_t)j * LANES, x[j]);
    }
}

/* Apply the levels of strides h ... count h / 2, h >= LANES. */
INLINE void next_levels(const int count, size_t n, size_t h, float *data) {
    floats x[8];

    for (size_t block = 0; block < n; block += (size_t)count * h)
        for (size_t i = block; i < block + h; i += LANES) {
            UNROLLED (int j = 0; j < count; j++) x[j] = v_load(data + i + (size_t)j * h);
            hadamard_registers(count, x);
            UNROLLED (int j = 0; j < count; j++) v_store(data + i + (size_t)j * h, x[j]);
        }
}

/* Replace data (n numbers) by H diag(signs) data. */
static void signed_hadamard(size_t n, const float *signs, float *data) {
    size_t h = 8 * LANES;

    if (n < 8 * LANES) {
        for (size_t k = 0; signs && k < n; k++) data[k] *= signs[k];
        snnk__hadamard(n, data);
        return;
    }
    first_levels(8, n, signs, data);
    for (; 8 * h <= n; h *= 8) next_levels(8, n, h, data);
    if (4 * h <= n)
        next_levels(4, n, h, data);
    else if (2 * h <= n)
        next_levels(2, n, h, data);
}

static void hd3(const snnk__hd3 *hd3, size_t d, const float *x, const float *offset, size_t first,
                size_t count, float *z, float *work) {
    const size_t order = hd3->order, group = first / order;
    const float *signs = hd3->signs + group * 3 * order, *scale = hd3->scale + first;
    size_t k = 0;

    for (; k < d; k += LANES) {
        const size_t left = d - k < LANES ? d - k : LANES;
        floats y = v_load_first(x + k, left);

        if (hd3->mean) y -= v_load_first(hd3->mean + k, left);
        if (hd3->input_scale) y *= v_load_first(hd3->input_scale + k, left);
        v_store_first(work + k, y, order - k < LANES ? order - k : LANES);
    }
    for (; k < order; k++) work[k] = 0;
    for (size_t level = 0; level < 3; level++) signed_hadamard(order, signs + level * order, work);
    for (k = 0; k < count; k += LANES) {
        const size_t left = count - k < LANES ? count - k : LANES;
        const floats y = v_load_first(work + first - group * order + k, left);

        v_store_first(
            z + k, v_fma(v_load_first(scale + k, left), y, v_load_first(offset + k, left)), left);
    }
}

#endif
