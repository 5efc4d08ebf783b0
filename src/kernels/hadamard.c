#include "kernels/hadamard.h"

#include <string.h>

/* As in portable.c: four floats in one register of any processor. */
typedef float quad __attribute__((vector_size(16)));

/* Apply H of order 4 within each of n/4 quads. */
static void within_quads(size_t n, float *x) {
    for (size_t i = 0; i < n; i += 4) {
        const float a = x[i] + x[i + 1], b = x[i] - x[i + 1];
        const float c = x[i + 2] + x[i + 3], d = x[i + 2] - x[i + 3];

        x[i] = a + c;
        x[i + 1] = b + d;
        x[i + 2] = a - c;
        x[i + 3] = b - d;
    }
}

static quad load(const float *x) {
    quad q;

    memcpy(&q, x, sizeof q);
    return q;
}

static void store(float *x, quad q) { memcpy(x, &q, sizeof q); }

/* Apply two levels at once, of strides h and 2 h (h >= 4). */
static void two_levels(size_t n, size_t h, float *x) {
    for (size_t block = 0; block < n; block += 4 * h)
        for (size_t i = block; i < block + h; i += 4) {
            const quad p = load(x + i), q = load(x + i + h);
            const quad r = load(x + i + 2 * h), s = load(x + i + 3 * h);
            const quad a = p + q, b = p - q, c = r + s, d = r - s;

            store(x + i, a + c);
            store(x + i + h, b + d);
            store(x + i + 2 * h, a - c);
            store(x + i + 3 * h, b - d);
        }
}

static void one_level(size_t n, size_t h, float *x) {
    for (size_t block = 0; block < n; block += 2 * h)
        for (size_t i = block; i < block + h; i += 4) {
            const quad p = load(x + i), q = load(x + i + h);

            store(x + i, p + q);
            store(x + i + h, p - q);
        }
}

void snnk__hadamard(size_t n, float *x) {
    size_t h = 4;

    if (n == 1) return;
    if (n == 2) {
        const float a = x[0], b = x[1];

        x[0] = a + b;
        x[1] = a - b;
        return;
    }
    within_quads(n, x);
    for (; 4 * h <= n; h *= 4) two_levels(n, h, x);
    if (2 * h <= n) one_level(n, h, x);
}

void snnk__hd3_project(const snnk__hd3 *hd3, size_t d, const float *x, const float *offset,
                       size_t first, size_t count, float *z, float *work) {
    const size_t order = hd3->order, group = first / order;
    const float *signs = hd3->signs + group * 3 * order;

    for (size_t k = 0; k < d; k++) {
        const float centered = hd3->mean ? x[k] - hd3->mean[k] : x[k];

        work[k] = signs[k] * (hd3->input_scale ? centered * hd3->input_scale[k] : centered);
    }
    for (size_t k = d; k < order; k++) work[k] = 0;
    snnk__hadamard(order, work);
    for (size_t level = 1; level < 3; level++) {
        for (size_t k = 0; k < order; k++) work[k] *= signs[level * order + k];
        snnk__hadamard(order, work);
    }
    for (size_t j = 0; j < count; j++)
        z[j] = hd3->scale[first + j] * work[first - group * order + j] + offset[j];
}
