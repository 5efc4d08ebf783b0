/* Narrow products in plain C. */
#include "kernels/narrow.h"

#include "base/size.h"

/* The index of element (j, k) of a panel with chunks of `chunk` columns. */
static size_t place(size_t j, size_t k, size_t chunk) {
    return (k / chunk * SNNK__NARROW_WIDTH + j) * chunk + k % chunk;
}

static void bf16(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                 size_t count, bool begins, const float *bias, float *C, size_t ldc,
                 void *scratch) {
    (void)scratch;
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < M->rows; o++) {
            const uint16_t *panel =
                (const uint16_t *)M->narrow + o / SNNK__NARROW_WIDTH * snnk__panel_size(M);
            float sum = begins ? 0 : C[i * ldc + o];

            for (size_t k = 0; k < count; k++)
                sum += A[i * lda + k] *
                       snnk__bf16_value(
                           panel[place(o % SNNK__NARROW_WIDTH, first + k, SNNK__BF16_CHUNK)]);
            C[i * ldc + o] = bias ? sum + bias[o] : sum;
        }
}

/* One block of columns of one row. */
static void int8_block(const float *A, const snnk__panels *M, size_t first, size_t count,
                       bool begins, const float *bias, float *C) {
    const float scale = snnk__int8_scale(count, A);
    int8_t a[SNNK__NARROW_BLOCK];
    int32_t shift = 0; /* M is stored with 128 added */

    for (size_t k = 0; k < count; k++) shift += a[k] = snnk__int8_of(A[k], scale);
    for (size_t o = 0; o < M->rows; o++) {
        const uint8_t *panel =
            (const uint8_t *)M->narrow + o / SNNK__NARROW_WIDTH * snnk__panel_size(M);
        int32_t dot = -128 * shift;

        for (size_t k = 0; k < count; k++)
            dot += a[k] * panel[place(o % SNNK__NARROW_WIDTH, first + k, SNNK__INT8_CHUNK)];
        const float sum = (begins ? 0 : C[o]) + scale * M->scale[o] * (float)dot;
        C[o] = bias ? sum + bias[o] : sum;
    }
}

static void int8(size_t n, const float *A, size_t lda, const snnk__panels *M, size_t first,
                 size_t count, bool begins, const float *bias, float *C, size_t ldc,
                 void *scratch) {
    (void)scratch;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < count; k += SNNK__NARROW_BLOCK)
            int8_block(A + i * lda + k, M, first + k, snnk__min_size(SNNK__NARROW_BLOCK, count - k),
                       begins && k == 0, k + SNNK__NARROW_BLOCK >= count ? bias : NULL,
                       C + i * ldc);
}

const snnk__narrow snnk__narrow_portable = {
    .name = "portable", .bf16 = bf16, .int8 = int8, .rows = SNNK__NARROW_ROWS};
