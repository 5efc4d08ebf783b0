/* Configs and maps for tests of maps. */
#ifndef SNNK_TESTS_MAPS_H
#define SNNK_TESTS_MAPS_H

#include "compare.h"
#include "draw.h"

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

/* Scattering of images of height x width pixels with two angles. */
static inline snnk_map *scattering_map(uint64_t height, uint64_t width, uint64_t scales) {
    snnk_scattering_config config;
    snnk_map *map;

    assert_ok(snnk_scattering_config_init(&config, sizeof config));
    config.height = height;
    config.width = width;
    config.scales = scales;
    config.angles = 2;
    config.epsilon = 0.1;
    assert_ok(snnk_map_create_scattering(&config, &map));
    return map;
}

/* URF of a line and of atoms, in a frame of random inputs, and of weights around `weight_mean` with
 * deviations of size `weight_scale`. At most 16 inputs. */
static inline snnk_map *framed_urf_map(size_t inputs, uint64_t features, size_t n_atoms,
                                       const double *omega, const double *re, const double *im,
                                       float weight_mean, float weight_scale) {
    enum { INPUTS = 16, ROWS = 30, WEIGHTS = 9 };
    float X[ROWS * INPUTS], W[WEIGHTS * INPUTS];
    snnk_urf_config config;
    snnk_frame *frame;
    snnk_spectrum *spectrum;
    snnk_map *map;

    draw_floats(X, ROWS * inputs, 1);
    draw_floats(W, WEIGHTS * inputs, 2);
    for (size_t i = 0; i < WEIGHTS * inputs; i++) W[i] = weight_mean + weight_scale * W[i];
    assert_ok(
        snnk_frame_create(inputs, SNNK_ROWS(.n = ROWS, .X = X), WEIGHTS, W, inputs, NULL, &frame));
    assert_ok(snnk_spectrum_create_from_atoms(n_atoms, omega, re, im, 0.1, 0.7, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = features;
    assert_ok(snnk_map_create_urf(inputs, spectrum, &config, frame, &map));
    snnk_spectrum_free(spectrum);
    snnk_frame_free(frame);
    return map;
}

#endif
