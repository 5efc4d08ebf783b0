#include "layer/fold.h"

#include <string.h>

#include "base/size.h"

int snnk__fold_product(const snnk_allocator *allocator, size_t outputs, size_t inner,
                       size_t columns, const float *V, size_t ldv, snnk__numbers c, const float *A,
                       size_t lda, const double *a, float **W, double **bias) {
    double *sum = NULL; /* one row */
    int st;

    if ((st = snnk__layer_alloc_weights(allocator, outputs, columns, W, bias)) != SNNK_OK)
        return st;
    if ((st = snnk__alloc(allocator, columns, sizeof *sum, "sums", &sum)) != SNNK_OK) return st;
    for (size_t i = 0; i < outputs; i++) {
        double offset = c.f32 || c.f64 ? snnk__number(&c, 0, i) : 0;

        memset(sum, 0, columns * sizeof *sum);
        for (size_t j = 0; j < inner; j++) {
            const double v = V[i * ldv + j];

            offset += v * a[j];
            for (size_t k = 0; k < columns; k++) sum[k] += v * A[j * lda + k];
        }
        for (size_t k = 0; k < columns; k++) (*W)[i * columns + k] = (float)sum[k];
        (*bias)[i] = offset;
    }
    snnk__free(allocator, sum);
    return SNNK_OK;
}

int snnk__fold_weights(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                       snnk__numbers c, float **W, double **bias) {
    float *A = NULL;
    double *a;
    int st = snnk__layer_copy_weights(layer, &layer->allocator, &A, &a);

    if (st == SNNK_OK)
        st = snnk__fold_product(&layer->allocator, outputs, layer->outputs, layer->columns, V, ldv,
                                c, A, layer->columns, a, W, bias);
    snnk__free(&layer->allocator, A);
    return st;
}

int snnk__fold_map(const snnk_map *map, size_t inputs, const float *V, size_t ldv, const double *c,
                   snnk_map **folded) {
    float *floats = NULL;
    int st = snnk__alloc(&map->allocator, map->inputs, sizeof *floats, "offsets", &floats);

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < map->inputs; i++) floats[i] = (float)c[i];
    st = snnk_map_fold(map, inputs, V, ldv, floats, folded);
    snnk__free(&map->allocator, floats);
    return st;
}
