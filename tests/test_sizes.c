/* Products of sizes that wrap around: harmless with 64-bit size_t, where memory ends first, but
 * with 32 bits a small allocation for a large array. Objects of such sizes are made up here: what
 * is checked before anything is read needs no memory. */
#include "support/alloc.h"
#include "support/compare.h"

#include <limits.h>
#include <stdlib.h>

#include "kernels/forward.h"
#include "layer/layer.h"
#include "map/kind.h"
#include "map/map.h"
#include "network/network.h"
#include "spectrum/spectrum.h"

/* 16 rows of features, and the scratch that goes with them. */
static void test_issue_15_work_of_hd3_blocks_cannot_wrap(void **state) {
    const snnk__hd3 hd3 = {.rows = 1, .order = 64};
    snnk__block block = {.hd3 = &hd3, .rows = 100};

    (void)state;
    block.function.operation = SNNK__OPERATION_COS_SIN; /* two features for each row */
    assert_true(snnk__project_readout_work(1, &block, NULL) == 16 * 200 + 64 + 16);
    block.rows = SIZE_MAX / 32 + 1; /* 16 rows wrap to 0 */
    assert_true(snnk__project_readout_work(1, &block, NULL) == SIZE_MAX);
    block.rows = SIZE_MAX / 32; /* these fit, without the order */
    assert_true(snnk__project_readout_work(1, &block, NULL) == SIZE_MAX);
    block.rows = SIZE_MAX / 2 + 1;
    assert_true(snnk__project_readout_work(1, &block, NULL) == SIZE_MAX);
}

static void endless_cost(const snnk_layer *layer, snnk__layer_cost *cost) {
    (void)layer;
    cost->work = cost->split_work = SIZE_MAX;
    cost->multiply_adds = UINT64_MAX; /* so that rows may be split */
}

static void unreachable_forward(const snnk_layer *layer, size_t n, const float *X, size_t ldx,
                                float *Y, size_t ldy, float *work) {
    (void)layer, (void)n, (void)X, (void)ldx, (void)Y, (void)ldy, (void)work;
    fail();
}

/* A size that overflows is refused when it is requested, also in bytes. */
static void test_issue_15_work_of_a_layer_cannot_wrap(void **state) {
    const snnk__layer_kind kind = {.cost = endless_cost, .forward = unreachable_forward};
    test_memory memory;
    snnk_layer layer = {.kind = &kind, .inputs = 1, .outputs = 1};
    snnk_workspace *workspace;
    const float X = 1;
    float Y = 7;

    (void)state;
    layer.allocator = test_memory_allocator(&memory);
    snnk__layer_finish(&layer);
    assert_true(layer.divisible);
    assert_status(snnk_layer_forward(&layer, 1, &X, 1, &Y, 1, NULL), SNNK_E_SIZE);
    for (size_t threads = 1; threads <= 2; threads++) { /* with two threads the row is split */
        assert_ok(snnk_workspace_create(threads, NULL, &workspace));
        assert_status(snnk_layer_forward(&layer, 1, &X, 1, &Y, 1, workspace), SNNK_E_SIZE);
        snnk_workspace_free(workspace);
    }
    assert_true(Y == 7);
    assert_int_equal(memory.calls, 0);
}

/* Two tiles of hidden rows fit size_t, but not together with a layer's scratch. */
static void test_issue_15_scratch_of_a_network_cannot_wrap(void **state) {
    const size_t widest = SIZE_MAX / (128 * sizeof(float));
    snnk_layer wide = {.inputs = 1, .outputs = widest}, next = {.inputs = widest, .outputs = 1};
    snnk_network *network;

    (void)state;
    atomic_init(&wide.references, 2); /* so that the network does not free them */
    atomic_init(&next.references, 2);
    for (int split = 0; split < 2; split++) {
        next.cost = (snnk__layer_cost){.work = split ? 0 : 128, .split_work = split ? 128 : 0};
        assert_ok(snnk_network_create(NULL, &network));
        assert_ok(snnk_network_append(network, &wide));
        assert_status(snnk_network_append(network, &next), SNNK_E_SIZE);
        assert_says("scratch");
        assert_int_equal(snnk_network_layers(network), 1);
        snnk_network_free(network);
        atomic_init(&wide.references, 2);
    }
}

/* A map of many blocks, many times concatenated with itself. */
static void test_issue_15_blocks_of_maps_cannot_wrap(void **state) {
    const size_t many = (size_t)1 << sizeof(size_t) * CHAR_BIT / 2;
    enum { MAPS = 4 };
    snnk_map map = {.inputs = 1, .features = 1, .n_blocks = SIZE_MAX / MAPS + 1};
    const snnk_map *maps[MAPS] = {&map, &map, &map, &map}; /* this many blocks wrap to 0 */
    snnk_map *made;

    (void)state;
    assert_status(snnk_map_concat(MAPS, maps, &made), SNNK_E_SIZE);
    assert_says("blocks of 4 maps");
    assert_null(made);
    if (sizeof(size_t) > 4) return;

    /* The same with real maps, which fit in 32 bits. */
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

/* Scratch of 34 numbers for each input and 32 for each row. */
static void test_issue_15_scratch_of_weight_towers_cannot_wrap(void **state) {
    size_t floats = 7;

    (void)state;
    assert_true(snnk__weight_scratch(3, 5, &floats) && floats == 3 * 34 + 5 * 32);
    assert_false(snnk__weight_scratch(SIZE_MAX / 34 + 1, 1, &floats));
    assert_false(snnk__weight_scratch(1, SIZE_MAX / 32 + 1, &floats));
    assert_false(snnk__weight_scratch(SIZE_MAX / 34, SIZE_MAX / 32, &floats));
}

/* 2^62 points on each side of the middle, so that doubling them twice wraps to 6. */
static void test_issue_15_points_of_a_spectrum_cannot_wrap(void **state) {
    const double pi = 3.14159265358979323846;
    snnk_spectrum_config config;
    snnk_spectrum *spectrum;

    (void)state;
    assert_ok(snnk_spectrum_config_init(&config, sizeof config));
    config.method = SNNK_SPECTRUM_INTEGRAL;
    config.points = 2;
    config.largest_frequency = 1e12;
    config.radius = ldexp(2 * pi / 5e11 / 64, 62); /* 9e5: 64 points in a period of 2 pi/5e11 */
    assert_status(snnk_spectrum_create(SNNK_RELU, &config, &spectrum), SNNK_E_SIZE);
    assert_null(spectrum);
}

/* 2^32 features must not become 0. */
static void test_issue_15_features_beyond_a_size_are_refused(void **state) {
    snnk_urf_config config;
    snnk_spectrum *spectrum;
    snnk_map *map;

    (void)state;
    if (sizeof(size_t) > 4) skip(); /* with 64 bits they fit size_t, and take long */
    assert_ok(snnk_spectrum_create(SNNK_EXP, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = (uint64_t)1 << 32;
    assert_status(snnk_map_create_urf(2, spectrum, &config, NULL, &map), SNNK_E_SIZE);
    assert_null(map);
    snnk_spectrum_free(spectrum);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_15_work_of_hd3_blocks_cannot_wrap),
        cmocka_unit_test(test_issue_15_work_of_a_layer_cannot_wrap),
        cmocka_unit_test(test_issue_15_scratch_of_a_network_cannot_wrap),
        cmocka_unit_test(test_issue_15_blocks_of_maps_cannot_wrap),
        cmocka_unit_test(test_issue_15_scratch_of_weight_towers_cannot_wrap),
        cmocka_unit_test(test_issue_15_points_of_a_spectrum_cannot_wrap),
        cmocka_unit_test(test_issue_15_features_beyond_a_size_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
