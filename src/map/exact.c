/* Exact values of what the towers of a map estimate. */
#include "map/map.h"

static int block_value(const snnk__map_block *block, const float *x, const float *w, double b,
                       double *value) {
    const snnk__map_kind *kind = block->kind;

    if (!kind->exact) return snnk__map_cannot(kind, "estimate no known kernel");
    if (kind->symmetric && b != 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "b = %g, but a block's kernel is symmetric and has no b: pass 0", b);
    return kind->exact(block, x, w, b, value);
}

int snnk_map_exact(const snnk_map *map, const float *x, const float *w, double b, double *value) {
    double sum = 0;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(x, "x")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(w, "w")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(value, "value")) != SNNK_OK) return st;
    for (size_t i = 0; i < map->n_blocks; i++) {
        double part = 0;

        if ((st = block_value(map->blocks[i], x, w, b, &part)) != SNNK_OK) return st;
        sum += part;
    }
    *value = sum;
    return SNNK_OK;
}
