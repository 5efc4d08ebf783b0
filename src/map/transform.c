#include "map/transform.h"

#include <string.h>

#include "map/config.h"

void snnk__transform_begin(snnk__map_block *block, size_t inputs,
                           const snnk__transform *transform) {
    snnk__linear_set_transform(&block->linear, inputs, transform, &block->allocator);
    block->function = (snnk__function){
        .operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_IDENTITY, .scale = 1};
}

/* The scratch of the gradient: a unit vector of features, then what the backward pass needs. */
size_t snnk__transform_slope_doubles(const snnk__map_block *block) {
    const snnk__transform *transform = block->linear.transform;

    return (transform->features + transform->back_work) / 2 + 1;
}

void snnk__transform_gradient(const snnk__map_block *block, const float *x,
                              const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    const snnk__transform *transform = block->linear.transform;
    const size_t d = block->linear.inputs, m = transform->features;
    float *unit = (float *)scratch->doubles;

    memset(unit, 0, m * sizeof *unit);
    for (size_t j = 0; j < m; j++) {
        unit[j] = 1;
        memset(J + j * ldj, 0, d * sizeof *J);
        transform->backward(transform->context, 1, x, d, unit, m, J + j * ldj, d, unit + m);
        unit[j] = 0;
    }
}

snnk_map_config snnk__transform_config(int32_t kind, uint64_t seed) {
    snnk_map_config config = snnk__map_config_defaults;

    config.kind = kind;
    config.seed = seed;
    config.projection = SNNK_PROJECTION_GIVEN;
    return config;
}
