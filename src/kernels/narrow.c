/* Narrow products in plain C. */
#include "kernels/narrow.h"

#include "base/size.h"
#include "kernels/bf16.h"

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

/* Row by row, a panel at a time. */
static void round_product(snnk__narrow_product *product, size_t n, const float *A, size_t lda,
                          const snnk__panels *M, const float *bias, uint16_t *C, size_t ldc) {
    float sums[SNNK__NARROW_WIDTH];

    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < M->rows; o += SNNK__NARROW_WIDTH) {
            const size_t outputs = snnk__min_size(SNNK__NARROW_WIDTH, M->rows - o);
            const snnk__panels some = snnk__panels_some(M, o, outputs);

            product(1, A + i * lda, lda, &some, 0, M->columns, true, bias ? bias + o : NULL, sums,
                    SNNK__NARROW_WIDTH, NULL);
            snnk__round(outputs, sums, C + i * ldc + o);
        }
}

static void bf16_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                         const float *bias, bool converts, uint16_t *C, size_t ldc, void *scratch) {
    (void)converts;
    (void)scratch;
    round_product(bf16, n, A, lda, M, bias, C, ldc);
}

static void int8_rounded(size_t n, const float *A, size_t lda, const snnk__panels *M,
                         const float *bias, bool converts, uint16_t *C, size_t ldc, void *scratch) {
    (void)converts;
    (void)scratch;
    round_product(int8, n, A, lda, M, bias, C, ldc);
}

const snnk__narrow snnk__narrow_portable = {.name = "portable",
                                            .bf16 = bf16,
                                            .int8 = int8,
                                            .bf16_rounded = bf16_rounded,
                                            .int8_rounded = int8_rounded,
                                            .rounded_columns = SIZE_MAX,
                                            .rows = SNNK__NARROW_ROWS};
