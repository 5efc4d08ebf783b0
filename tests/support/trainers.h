/* Networks and trainers for tests of training. */
#ifndef SNNK_TESTS_TRAINERS_H
#define SNNK_TESTS_TRAINERS_H

#include "compare.h"
#include "draw.h"
#include "maps.h"

#include <stdbool.h>
#include <stdlib.h>

#include "train/trainer.h"

static inline float *draw(size_t count, uint64_t seed) {
    float *values = malloc((count + 1) * sizeof *values); /* never 0 bytes */

    draw_floats(values, count, seed);
    return values;
}

/* Releases the layers. */
static inline snnk_network *network_of(size_t n_layers, snnk_layer *const *layers) {
    snnk_network *network;

    assert_ok(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < n_layers; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    return network;
}

static inline snnk_layer *dense_of(size_t d, size_t l, int32_t activation, uint64_t seed) {
    float *W = draw(d * l, seed), *b = draw(l, seed + 1);
    snnk_layer *layer;

    assert_ok(snnk_layer_create_dense(d, l, W, d, b, activation, NULL, &layer));
    free(b);
    free(W);
    return layer;
}

/* Releases the map. */
static inline snnk_layer *snnk_of(snnk_map *map, size_t l, uint64_t seed) {
    const size_t m = snnk_map_features(map);
    float *Psi = draw(m * l, seed), *bias = draw(l, seed + 1);
    snnk_layer *layer;

    assert_ok(snnk_layer_create(map, l, Psi, m, bias, &layer));
    snnk_map_free(map);
    free(bias);
    free(Psi);
    return layer;
}

/* Releases the map. */
static inline snnk_layer *tower_of(snnk_map *map) {
    snnk_layer *layer;

    assert_ok(snnk_layer_create_tower(map, &layer));
    snnk_map_free(map);
    return layer;
}

/* SNNK (GELU, 5 inputs, 10 features), dense (SiLU, 7 outputs), SNNK (Gaussian, 3 outputs). */
static inline snnk_network *deep(uint64_t seed) {
    snnk_map_config gelu = config_of(SNNK_MAP_ELEMENTWISE, 10),
                    wave = config_of(SNNK_MAP_GAUSSIAN, 12);

    gelu.activation = SNNK_GELU;
    gelu.seed = seed;
    gelu.offset_scale = 0.5;
    snnk_layer *layers[] = {snnk_of(map_of(5, &gelu, NULL), 6, seed),
                            dense_of(6, 7, SNNK_SILU, seed + 5),
                            snnk_of(map_of(7, &wave, NULL), 3, seed + 9)};

    return network_of(3, layers);
}

static inline snnk_train_config train_config(void) {
    snnk_train_config config;

    assert_ok(snnk_train_config_init(&config, sizeof config));
    return config;
}

/* A part of a layer that learns; NULL if it does not. */
static inline const snnk__parameter *parameter_of(const snnk_trainer *trainer, size_t layer,
                                                  int32_t part) {
    for (size_t s = 0; s < trainer->n_slots; s++)
        if (trainer->slots[s].layer == layer && trainer->slots[s].parameter->part == part)
            return trainer->slots[s].parameter;
    return NULL;
}

/* All values, or all gradients, of a trainer in one array. */
static inline float *numbers_of(const snnk_trainer *trainer, bool gradients) {
    float *all = malloc((snnk_trainer_parameters(trainer) + 1) * sizeof *all), *to = all;

    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__parameter *p = trainer->slots[s].parameter;

        memcpy(to, gradients ? p->gradient : p->value, p->count * sizeof *to);
        to += p->count;
    }
    return all;
}

#endif
