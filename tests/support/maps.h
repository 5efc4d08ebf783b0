/* Configs and maps for tests of maps. */
#ifndef SNNK_TESTS_MAPS_H
#define SNNK_TESTS_MAPS_H

#include "compare.h"

/* Projections that this build can draw: 0 ... PROJECTIONS - 1. */
#ifdef SNNK_MINIMAL
#define PROJECTIONS SNNK_PROJECTION_ORTHOGONAL
#else
#define PROJECTIONS SNNK_PROJECTION_GIVEN
#endif

static inline snnk_map_config config_of(int32_t kind, uint64_t features) {
    snnk_map_config config;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.features = features;
    return config;
}

static inline snnk_map *map_of(size_t inputs, const snnk_map_config *config,
                               const snnk_scaling *scaling) {
    snnk_map *map;

    assert_ok(snnk_map_create(inputs, config, scaling, &map));
    return map;
}

/* One of each: kinds, orders, activations, projections. */
static inline size_t all_configs(snnk_map_config configs[32]) {
    size_t n = 0;

    for (int32_t projection = 0; projection < PROJECTIONS; projection++) {
        for (int32_t order = 0; order <= 2; order++) {
            configs[n] = config_of(SNNK_MAP_ARC_COSINE, 10);
            configs[n].order = order;
            configs[n].floor = order == 2 ? -0.25 : 0;
            configs[n].offset_scale = 0.5;
            configs[n++].projection = projection;
        }
        for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a += 4) {
            configs[n] = config_of(SNNK_MAP_ELEMENTWISE, 13);
            configs[n].activation = a;
            configs[n].offset_scale = 2;
            configs[n].projection_scale = 0.3;
            configs[n++].projection = projection;
        }
        configs[n] = config_of(SNNK_MAP_GAUSSIAN, 18);
        configs[n++].projection = projection;
    }
    configs[n++] = config_of(SNNK_MAP_IDENTITY, 0);
    return n;
}

#endif
