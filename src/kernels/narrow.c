#include "kernels/narrow.h"

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

/* ---- In plain C ---- */

/* The index of element (j, k) of a panel with chunks of `chunk` columns. */
static size_t place(size_t j, size_t k, size_t chunk) {
    return (k / chunk * SNNK__NARROW_WIDTH + j) * chunk + k % chunk;
}

static void bf16(size_t n, size_t columns, const float *A, size_t lda, const uint16_t *M,
                 size_t panel_size, size_t rows, float *C, size_t ldc) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < rows; j++) {
            const uint16_t *panel = M + j / SNNK__NARROW_WIDTH * panel_size;
            float sum = 0;

            for (size_t k = 0; k < columns; k++)
                sum += A[i * lda + k] *
                       snnk__bf16_value(panel[place(j % SNNK__NARROW_WIDTH, k, SNNK__BF16_CHUNK)]);
            C[i * ldc + j] += sum;
        }
}

static void int8(size_t n, size_t columns, const float *A, size_t lda, const uint8_t *M,
                 size_t panel_size, const float *scale, size_t rows, float *C, size_t ldc) {
    int8_t a[SNNK__NARROW_BLOCK];

    for (size_t i = 0; i < n; i++) {
        const float a_scale = snnk__int8_scale(columns, A + i * lda);
        int32_t a_sum = 0;

        for (size_t k = 0; k < columns; k++) a_sum += a[k] = snnk__int8_of(A[i * lda + k], a_scale);

        for (size_t j = 0; j < rows; j++) {
            const uint8_t *panel = M + j / SNNK__NARROW_WIDTH * panel_size;
            int32_t sum = -128 * a_sum;

            for (size_t k = 0; k < columns; k++)
                sum += a[k] * panel[place(j % SNNK__NARROW_WIDTH, k, SNNK__INT8_CHUNK)];
            C[i * ldc + j] += a_scale * scale[j] * (float)sum;
        }
    }
}

const snnk__narrow snnk__narrow_portable = {bf16, int8};
