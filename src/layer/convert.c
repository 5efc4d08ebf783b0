/* SNNK layers that replace given dense layers: their weights come from the weight tower. */
#include "base/rows.h"
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

/* The size of a config up to and including its allocator. */
#define CONFIG_TO_ALLOCATOR (offsetof(snnk_urf_config, allocator) + sizeof(const snnk_allocator *))

int snnk_layer_create_from_dense(size_t inputs, size_t outputs, const float *W, size_t ldw,
                                 const float *b, int32_t activation, const snnk_rows *rows,
                                 const snnk_urf_config *config, snnk_urf_report *report,
                                 snnk_layer **layer) {
    snnk__float_rows floats;
    snnk_allocator allocator;
    snnk_map *map = NULL;
    snnk_rows checked;
    int st;

    if ((st = snnk__check_pointer(layer, "layer")) != SNNK_OK) return st;
    *layer = NULL;
    if ((st = snnk__rows_read(rows, inputs, 0, false, &checked)) != SNNK_OK) return st;
    st = snnk__config_check(config, sizeof *config, CONFIG_TO_ALLOCATOR, "urf config");
    if (st != SNNK_OK) return st;
    st = snnk__allocator_read(&allocator, config ? config->allocator : NULL);
    if (st != SNNK_OK) return st;
    st = snnk__float_rows_open(&allocator, &checked, checked.n, &floats);
    if (st != SNNK_OK) return st;
    const snnk_rows all = snnk__float_rows_part(&floats, 0, checked.n);

    st = snnk_urf_calibrate(inputs, activation, NULL,
                            SNNK_ROWS(.n = all.n, .X = all.X, .ldx = all.ldx), outputs, W, ldw, b,
                            config, report, &map);
    if (st == SNNK_OK) st = snnk_layer_create_from_weights(map, outputs, W, ldw, b, layer);
    snnk_map_free(map);
    snnk__float_rows_close(&floats);
    return st;
}
