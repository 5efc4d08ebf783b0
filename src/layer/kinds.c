/* The list of all kinds of layers. */
#include "layer/kinds.h"

#include <string.h>

/* Indexed by snnk_layer_kind. */
static const snnk__layer_kind *const kinds[] = {
    &snnk__dense_kind,    &snnk__snnk_kind,   &snnk__tower_kind,
    &snnk__residual_kind, &snnk__leaves_kind,
};

#define N_KINDS ((int32_t)(sizeof kinds / sizeof *kinds))

const char *snnk_layer_kind_name(int32_t value) {
    return value >= 0 && value < N_KINDS ? kinds[value]->name : NULL;
}

const char *snnk_layer_part_name(int32_t part) {
    static const char *const names[] = {"weights", "bias", "rows", "offsets", "gain"};

    return part >= 0 && part <= SNNK_PART_GAIN ? names[part] : NULL;
}

int snnk__layer_kind_find(const char *name, const snnk__layer_kind **kind) {
    for (int32_t k = 0; k < N_KINDS; k++)
        if (strcmp(name, kinds[k]->name) == 0) {
            *kind = kinds[k];
            return SNNK_OK;
        }
    return snnk__fail(SNNK_E_FORMAT, "kind \"%.40s\" is not a layer this library knows", name);
}
