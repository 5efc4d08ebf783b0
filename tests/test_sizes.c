/* Products of sizes that wrap around: harmless where a size has 64 bits and memory ends first, and a
 * small allocation for a large array where it has 32. Objects of such sizes are made up here: what is
 * checked before anything is read needs no memory behind it. */
#include "support/alloc.h"
#include "support/compare.h"

#include <limits.h>
#include <stdlib.h>

#include "layer/layer.h"
#include "map/map.h"
#include "network/network.h"
#include "spectrum/spectrum.h"

/* A block of HD3 rows that says of itself what the test needs. */
static snnk__map_block made_up_block(const snnk__hd3 *hd3, size_t features) {
    snnk__map_block block = {.inputs = 1, .rows = features, .features = features};

    block.hd3 = (snnk__hd3 *)hd3;
    return block;
}

/* 16 rows of features, and what comes beside them. */
static void test_issue_15_work_of_hd3_layers_cannot_wrap(void **state) {
    const snnk__hd3 hd3 = {.rows = 1, .order = 1};
    const size_t most = SIZE_MAX / sizeof(float) / 17;
    snnk__map_block block = made_up_block(&hd3, most - 1);
    snnk__map_block *blocks[] = {&block};
    snnk_map map = {.inputs = 1, .features = most - 1, .n_blocks = 1, .blocks = blocks};

    (void)state;
    assert_ok(snnk__layer_check_work(&map));
    block.features = map.features = most + 1;
    assert_status(snnk__layer_check_work(&map), SNNK_E_SIZE);
    block.features = map.features = SIZE_MAX / 16 + 1; /* 16 rows wrap to 0 */
    assert_status(snnk__layer_check_work(&map), SNNK_E_SIZE);
    assert_says("HD3");
}

/* Two tiles of hidden rows fit a size, and with what a layer works in they do not. */
static void test_issue_15_scratch_of_a_network_cannot_wrap(void **state) {
    const size_t widest = SIZE_MAX / (128 * sizeof(float));
    const snnk__hd3 hd3 = {.rows = 1, .order = widest};
    snnk__map_block block = made_up_block(&hd3, 1);
    snnk__map_block *blocks[] = {&block};
    snnk_map map = {.inputs = widest, .features = 1, .n_blocks = 1, .blocks = blocks};
    snnk_layer wide = {.inputs = 1, .outputs = widest}, transformed = {.inputs = widest};
    snnk_network *network;

    (void)state;
    atomic_init(&wide.references, 2); /* so that the network does not free them */
    atomic_init(&transformed.references, 2);
    transformed.outputs = 1;
    transformed.map = &map;
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, &wide));
    assert_status(snnk_network_append(network, &transformed), SNNK_E_SIZE);
    assert_says("scratch");
    assert_int_equal(snnk_network_layers(network), 1);
    snnk_network_free(network);
}

/* A map of many blocks, many times beside itself. */
static void test_issue_15_blocks_of_maps_cannot_wrap(void **state) {
    const size_t many = (size_t)1 << sizeof(size_t) * CHAR_BIT / 2;
    enum { MAPS = 4 };
    snnk_map map = {.inputs = 1, .features = 1, .n_blocks = SIZE_MAX / MAPS + 1};
    const snnk_map *maps[MAPS] = {&map, &map, &map, &map}; /* so many blocks wrap to 0 */
    snnk_map *made;

    (void)state;
    assert_status(snnk_map_concat(MAPS, maps, &made), SNNK_E_SIZE);
    assert_says("blocks of 4 maps");
    assert_null(made);
    if (sizeof(size_t) > 4) return;

    /* The same with real maps, which have room in 32 bits. */
    const snnk_map **one = malloc(many * sizeof *one);
    snnk_map_config config;
    snnk_map *single, *wide;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(1, &config, NULL, &single));
    for (size_t i = 0; i < many; i++) one[i] = single;
    assert_ok(snnk_map_concat(many, one, &wide));
    for (size_t i = 0; i < many; i++) one[i] = wide;
    assert_status(snnk_map_concat(many, one, &made), SNNK_E_SIZE);
    assert_null(made);
    snnk_map_free(wide);
    snnk_map_free(single);
    free(one);
}

/* Scratch of 34 numbers an input. */
static void test_issue_15_scratch_of_weight_towers_cannot_wrap(void **state) {
    const size_t inputs = SIZE_MAX / 34 + 1;
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk__line line = {.slope = 1};
    snnk__map_block block = {.inputs = inputs, .rows = 1, .features = 1, .line = &line};
    snnk__map_block *blocks[] = {&block};
    const snnk_map map = {
        .allocator = allocator, .inputs = inputs, .features = 1, .n_blocks = 1, .blocks = blocks};
    const float W = 1;
    float Psi = 7, bias = 7;

    (void)state;
    assert_status(snnk_map_weight_tower(&map, 1, &W, inputs, NULL, &Psi, 1, &bias, NULL),
                  SNNK_E_SIZE);
    assert_says("scratch");
    assert_true(Psi == 7 && bias == 7);
    assert_int_equal(memory.calls, 0);
}

/* 2^62 points on each side of the middle, so that twice as many, twice, are 6. */
static void test_issue_15_points_of_a_spectrum_cannot_wrap(void **state) {
    const double pi = 3.14159265358979323846;
    snnk_spectrum_config config;
    snnk_spectrum *spectrum;

    (void)state;
    assert_ok(snnk_spectrum_config_init(&config, sizeof config));
    config.method = SNNK_SPECTRUM_INTEGRAL;
    config.points = 2;
    config.largest_frequency = 1e12;
    config.radius = ldexp(2 * pi / 5e11 / 64, 62); /* 9e5: 64 points a period of 2 pi/5e11 */
    assert_status(snnk_spectrum_create(SNNK_RELU, &config, &spectrum), SNNK_E_SIZE);
    assert_null(spectrum);
}

/* 2^32 features do not become none. */
static void test_issue_15_features_beyond_a_size_are_refused(void **state) {
    snnk_urf_config config;
    snnk_spectrum *spectrum;
    snnk_map *map;

    (void)state;
    if (sizeof(size_t) > 4) skip(); /* there they are a size, and take long */
    assert_ok(snnk_spectrum_create(SNNK_EXP, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = (uint64_t)1 << 32;
    assert_status(snnk_map_create_urf(2, spectrum, &config, NULL, &map), SNNK_E_SIZE);
    assert_null(map);
    snnk_spectrum_free(spectrum);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_15_work_of_hd3_layers_cannot_wrap),
        cmocka_unit_test(test_issue_15_scratch_of_a_network_cannot_wrap),
        cmocka_unit_test(test_issue_15_blocks_of_maps_cannot_wrap),
        cmocka_unit_test(test_issue_15_scratch_of_weight_towers_cannot_wrap),
        cmocka_unit_test(test_issue_15_points_of_a_spectrum_cannot_wrap),
        cmocka_unit_test(test_issue_15_features_beyond_a_size_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
