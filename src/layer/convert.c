/* Layers from other layers: a dense one in random features, a linear one folded in. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "layer/layer.h"

int snnk_layer_create_from_weights(const snnk_map *map, size_t outputs, const float *W, size_t ldw,
                                   const float *b, snnk_layer **layer) {
    float *Psi = NULL, *bias = NULL;
    size_t count;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: a layer needs at least 1");
    st = snnk__check_matrix(W, "W", outputs, map->inputs, ldw, sizeof *W);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_finite(W, "W", outputs, map->inputs, ldw)) != SNNK_OK) return st;
    if (b && (st = snnk__check_finite(b, "b", 1, outputs, outputs)) != SNNK_OK) return st;
    if (!snnk__mul_size(outputs, map->features, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu outputs of %zu features overflow size_t", outputs,
                          map->features);
    if ((st = snnk__alloc(&map->allocator, count, sizeof *Psi, "weights", &Psi)) != SNNK_OK)
        goto done;
    if ((st = snnk__alloc(&map->allocator, outputs, sizeof *bias, "a bias", &bias)) != SNNK_OK)
        goto done;
    st = snnk_map_weight_tower(map, outputs, W, ldw, b, Psi, map->features, bias, NULL);
    if (st != SNNK_OK) goto done;
    st = snnk_layer_create(map, outputs, Psi, map->features, bias, layer);
done:
    snnk__free(&map->allocator, bias);
    snnk__free(&map->allocator, Psi);
    return st;
}

int snnk_layer_create_from_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                 const float *b, int32_t activation, size_t n, const float *X,
                                 size_t ldx, const snnk_urf_config *config, snnk_urf_report *report,
                                 snnk_layer **layer) {
    snnk_map *map = NULL;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    st = snnk_urf_calibrate(inputs, activation, NULL, n, X, ldx, outputs, W, ldw, b, config, report,
                            &map);
    if (st == SNNK_OK) st = snnk_layer_create_from_weights(map, outputs, W, ldw, b, layer);
    snnk_map_free(map);
    return st;
}

/* ---- Folding ---- */

/* rows of `to` (l2 x m) = V of (l x m), one row at a time in double; sum: m of scratch. */
static void multiply(size_t l2, size_t l, size_t m, const float *V, size_t ldv, const float *of,
                     double *sum, float *to) {
    for (size_t i = 0; i < l2; i++) {
        memset(sum, 0, m * sizeof *sum);
        for (size_t j = 0; j < l; j++) {
            const double v = V[i * ldv + j];
            for (size_t k = 0; k < m; k++) sum[k] += v * of[j * m + k];
        }
        for (size_t k = 0; k < m; k++) to[i * m + k] = (float)sum[k];
    }
}

/* bias = V bias_of + c. */
static void fold_bias(size_t l2, size_t l, const float *V, size_t ldv, const float *of,
                      const float *c, float *bias) {
    for (size_t i = 0; i < l2; i++) {
        double sum = c ? c[i] : 0;

        for (size_t j = 0; j < l; j++) sum += (double)V[i * ldv + j] * of[j];
        bias[i] = (float)sum;
    }
}

static int check_fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                      const float *c) {
    int st;

    if (!layer->map && layer->activation != SNNK_IDENTITY)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "a dense layer with activation %s is not linear in its weights: no "
                          "matrix can be folded into it",
                          snnk_activation_name(layer->activation));
    if (outputs == 0) return snnk__fail(SNNK_E_SHAPE, "outputs = 0: a layer needs at least 1");
    st = snnk__check_matrix(V, "V", outputs, layer->outputs, ldv, sizeof *V);
    if (st != SNNK_OK) return st;
    if ((st = snnk__check_finite(V, "V", outputs, layer->outputs, ldv)) != SNNK_OK) return st;
    return c ? snnk__check_finite(c, "c", 1, outputs, outputs) : SNNK_OK;
}

int snnk_layer_fold(const snnk_layer *layer, size_t outputs, const float *V, size_t ldv,
                    const float *c, snnk_layer **folded) {
    float *Psi = NULL, *to = NULL, *bias = NULL;
    double *sum = NULL;
    size_t count, folded_count;
    int st;

    if ((st = snnk__check_pointer(folded, "folded")) != SNNK_OK) return st;
    *folded = NULL;
    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    if ((st = check_fold(layer, outputs, V, ldv, c)) != SNNK_OK) return st;
    const size_t l = layer->outputs, m = layer->map ? layer->map->features : layer->inputs;
    const snnk_allocator *allocator = &layer->allocator;

    if (snnk__layer_is_tower(layer))
        return snnk_layer_create(layer->map, outputs, V, ldv, c, folded);
    if (!snnk__mul_size(l, m, &count) || !snnk__mul_size(outputs, m, &folded_count))
        return snnk__fail(SNNK_E_SIZE, "%zu outputs of %zu features overflow size_t", outputs, m);
    if ((st = snnk__alloc(allocator, count, sizeof *Psi, "weights", &Psi)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, folded_count, sizeof *to, "weights", &to)) != SNNK_OK)
        goto done;
    st = snnk__alloc(allocator, l + outputs, sizeof *bias, "a bias", &bias);
    if (st != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, m, sizeof *sum, "sums", &sum)) != SNNK_OK) goto done;
    if ((st = snnk_layer_weights(layer, Psi, m, bias)) != SNNK_OK) goto done;
    multiply(outputs, l, m, V, ldv, Psi, sum, to);
    fold_bias(outputs, l, V, ldv, bias, c, bias + l);
    st = layer->map ? snnk_layer_create(layer->map, outputs, to, m, bias + l, folded)
                    : snnk_layer_create_dense(m, outputs, to, m, bias + l, SNNK_IDENTITY, allocator,
                                              folded);
done:
    snnk__free(allocator, sum);
    snnk__free(allocator, bias);
    snnk__free(allocator, to);
    snnk__free(allocator, Psi);
    return st;
}
