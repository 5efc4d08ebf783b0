#include "layer/fold.h"

#include <string.h>

#include "base/size.h"

int snnk__fold_product(const snnk_allocator *allocator, size_t outputs, size_t inner,
                       size_t columns, const float *V, size_t ldv, const float *c, const float *A,
                       size_t lda, const float *a, float **W, float **bias) {
    double *sum = NULL; /* one row, followed by its bias */
    size_t count;
    int st;

    if (!snnk__mul_size(outputs, columns, &count) || !snnk__add_size(count, outputs, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu outputs of %zu columns overflow size_t", outputs,
                          columns);
    if ((st = snnk__alloc(allocator, count, sizeof **W, "weights", W)) != SNNK_OK) return st;
    *bias = *W + outputs * columns;
    if ((st = snnk__alloc(allocator, columns, sizeof *sum, "sums", &sum)) != SNNK_OK) return st;
    for (size_t i = 0; i < outputs; i++) {
        double offset = c ? c[i] : 0;

        memset(sum, 0, columns * sizeof *sum);
        for (size_t j = 0; j < inner; j++) {
            const double v = V[i * ldv + j];

            offset += v * a[j];
            for (size_t k = 0; k < columns; k++) sum[k] += v * A[j * lda + k];
        }
        for (size_t k = 0; k < columns; k++) (*W)[i * columns + k] = (float)sum[k];
        (*bias)[i] = (float)offset;
    }
    snnk__free(allocator, sum);
    return SNNK_OK;
}

int snnk__fold_weights(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                       const float *c, float **W, float **bias) {
    float *A = NULL, *a;
    int st = snnk__layer_copy_weights(layer, &layer->allocator, &A, &a);

    if (st == SNNK_OK)
        st = snnk__fold_product(&layer->allocator, outputs, layer->outputs, layer->columns, V, ldv,
                                c, A, layer->columns, a, W, bias);
    snnk__free(&layer->allocator, A);
    return st;
}
