/* src/map: refused arguments, ownership, failing allocations. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"
#include "support/maps.h"

#include "map/map.h"

/* ---- Misuse of creators ---- */

static void refused(const snnk_map_config *config, size_t inputs, int status, const char *says) {
    snnk_map *map = (snnk_map *)&status;

    assert_status(snnk_map_create(inputs, config, NULL, &map), status);
    assert_says(says);
    assert_null(map);
}

static void test_bad_settings(void **state) {
    static const double bad_scales[] = {0, -1, 1e31, 1e-31, INFINITY, NAN};
    snnk_map_config config;

    (void)state;
#define REFUSED(field, value, kind, status, says)                                                  \
    do {                                                                                           \
        config = config_of(kind, 4);                                                               \
        config.field = value;                                                                      \
        refused(&config, 3, status, says);                                                         \
    } while (0)
    REFUSED(kind, 11, 0, SNNK_E_ENUM, "kind = 11 is not one of 0 ... 10");
    REFUSED(kind, SNNK_MAP_RBF, 0, SNNK_E_UNSUPPORTED, "rbf");
    REFUSED(kind, 4, 0, SNNK_E_UNSUPPORTED, "urf features are made by a function of their own");
    REFUSED(kind, 5, 0, SNNK_E_UNSUPPORTED, "affine features are made by a function");
    REFUSED(kind, -1, 0, SNNK_E_ENUM, "kind = -1");
    REFUSED(order, 3, SNNK_MAP_ARC_COSINE, SNNK_E_RANGE, "order = 3");
    REFUSED(order, -1, SNNK_MAP_ARC_COSINE, SNNK_E_RANGE, "order = -1");
    REFUSED(floor, 0.1, SNNK_MAP_ARC_COSINE, SNNK_E_RANGE, "floor = 0.1");
    REFUSED(floor, -1e16, SNNK_MAP_ARC_COSINE, SNNK_E_RANGE, "floor = -1e+16");
    REFUSED(floor, NAN, SNNK_MAP_ARC_COSINE, SNNK_E_RANGE, "floor = nan");
    REFUSED(activation, 13, SNNK_MAP_ELEMENTWISE, SNNK_E_ENUM, "activation = 13");
    REFUSED(projection, SNNK_PROJECTION_GIVEN, 0, SNNK_E_ENUM, "projection = 2");
    REFUSED(projection, -1, 0, SNNK_E_ENUM, "projection = -1");
    REFUSED(features, 0, SNNK_MAP_ELEMENTWISE, SNNK_E_SHAPE, "features = 0");
    REFUSED(features, 5, SNNK_MAP_GAUSSIAN, SNNK_E_RANGE, "features = 5 is odd");
    REFUSED(offset_scale, 1, SNNK_MAP_GAUSSIAN, SNNK_E_RANGE, "offset_scale = 1");
    REFUSED(offset_scale, -1, 0, SNNK_E_RANGE, "offset_scale = -1");
    REFUSED(offset_scale, NAN, 0, SNNK_E_RANGE, "offset_scale = nan");
    REFUSED(offset_scale, 2e30, 0, SNNK_E_RANGE, "offset_scale = 2e+30");
    for (size_t i = 0; i < sizeof bad_scales / sizeof *bad_scales; i++)
        REFUSED(projection_scale, bad_scales[i], 0, SNNK_E_RANGE, "projection_scale = ");
    REFUSED(size, sizeof config - 1, 0, SNNK_E_CONFIG, "size = ");
    REFUSED(size, sizeof config + 8, 0, SNNK_E_CONFIG, "size = ");
    REFUSED(size, 0, 0, SNNK_E_CONFIG, "size = 0");
#undef REFUSED
    config = config_of(SNNK_MAP_ARC_COSINE, 4);
    config.order = 0;
    config.floor = -1;
    refused(&config, 3, SNNK_E_RANGE, "order 0");
    config = config_of(SNNK_MAP_ARC_COSINE, 4);
    refused(&config, 0, SNNK_E_SHAPE, "inputs = 0");
    assert_status(snnk_map_create(3, &config, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_map_config_init(&config, sizeof config + 1), SNNK_E_CONFIG);
    const snnk_allocator broken = {NULL, NULL, NULL};
    config.allocator = &broken;
    refused(&config, 3, SNNK_E_NULL, "allocator->alloc is NULL");
    config = config_of(SNNK_MAP_IDENTITY, 4); /* settings that are not used are not checked */
    config.projection_scale = NAN;
    snnk_map_free(map_of(2, &config, NULL));
}

static void test_orthogonal_needs_lapack(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 4);

    (void)state;
    config.projection = SNNK_PROJECTION_ORTHOGONAL;
#ifdef SNNK_MINIMAL
    refused(&config, 3, SNNK_E_UNSUPPORTED, "LAPACKE");
#else
    snnk_map_free(map_of(3, &config, NULL));
#endif
}

static void test_huge_sizes(void **state) {
    static const uint64_t huge[] = {(uint64_t)1 << 62, (uint64_t)1 << 63, UINT64_MAX - 1,
                                    ((uint64_t)1 << 62) + 2};
    snnk_map_config config;

    (void)state;
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++)
        for (int32_t kind = 0; kind < SNNK_MAP_IDENTITY; kind++) {
            config = config_of(kind, huge[i]);
            refused(&config, 1, SNNK_E_SIZE, "overflow");
            refused(&config, 784, SNNK_E_SIZE, "overflow");
        }
    config = config_of(SNNK_MAP_IDENTITY, 0);
    refused(&config, (size_t)1 << 62, SNNK_E_SIZE, "overflow");
    config = config_of(SNNK_MAP_ARC_COSINE, 4);
    refused(&config, (size_t)1 << 61, SNNK_E_SIZE, "4294967295");
}

static void test_bad_given_rows(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_IDENTITY, 4);
    float G[6] = {1, 2, 3, 4, 5, 6}, c[2] = {0, NAN};
    snnk_map *map = (snnk_map *)G;

    (void)state;
    assert_status(snnk_map_create_from_rows(3, 2, G, 3, NULL, &config, NULL, &map),
                  SNNK_E_UNSUPPORTED);
    assert_says("IDENTITY");
    assert_null(map);
    assert_status(snnk_map_create_from_rows(3, 2, G, 2, NULL, NULL, NULL, &map), SNNK_E_STRIDE);
    assert_status(snnk_map_create_from_rows(3, 0, G, 3, NULL, NULL, NULL, &map), SNNK_E_SHAPE);
    assert_says("rows = 0");
    assert_status(snnk_map_create_from_rows(0, 2, G, 3, NULL, NULL, NULL, &map), SNNK_E_SHAPE);
    assert_says("inputs = 0");
    assert_status(snnk_map_create_from_rows(3, 2, NULL, 3, NULL, NULL, NULL, &map), SNNK_E_NULL);
    assert_status(snnk_map_create_from_rows(3, 2, G, 3, c, NULL, NULL, &map), SNNK_E_NONFINITE);
    assert_says("offsets[0][1] = nan");
    assert_status(snnk_map_create_from_rows(3, SIZE_MAX / 2, G, 3, NULL, NULL, NULL, &map),
                  SNNK_E_SIZE);
    G[4] = INFINITY;
    assert_status(snnk_map_create_from_rows(3, 2, G, 3, NULL, NULL, NULL, &map), SNNK_E_NONFINITE);
    assert_says("G[1][1] = inf");
    assert_status(snnk_map_create_from_rows(3, 2, G, 3, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    config.size = 3;
    assert_status(snnk_map_create_from_rows(3, 1, G, 3, NULL, &config, NULL, &map), SNNK_E_CONFIG);
}

static void test_bad_scalings(void **state) {
    const double tiny[2] = {1e-30, 1e-30}, large[2] = {1e30, 1e30};
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 4),
                    identity = config_of(SNNK_MAP_IDENTITY, 0);
    const float G[2] = {1e20f, 1};
    snnk_scaling *scaling;
    snnk_map *map = (snnk_map *)&config;

    (void)state;
    assert_ok(snnk_scaling_create(2, SNNK_SCALING_CENTER, NULL, &scaling));
    assert_status(snnk_map_create(3, &config, scaling, &map), SNNK_E_SHAPE);
    assert_says("the scaling has 2 inputs, but the map has 3");
    assert_null(map);
    assert_status(snnk_map_create(2, &config, scaling, &map), SNNK_E_STATE);
    assert_says("no rows were added");
    assert_status(snnk_map_create_from_rows(2, 1, G, 2, NULL, &config, scaling, &map),
                  SNNK_E_STATE);
    snnk_scaling_free(scaling);

    /* Every number is in its range, but their product is not in that of float. */
    assert_ok(snnk_scaling_create_given(2, NULL, large, NULL, &scaling));
    assert_status(snnk_map_create_from_rows(2, 1, G, 2, NULL, &config, scaling, &map),
                  SNNK_E_NONFINITE);
    assert_says("G[0][0]");
    config.projection_scale = 1e30;
    assert_status(snnk_map_create(2, &config, scaling, &map), SNNK_E_NONFINITE);
    assert_null(map);
    snnk_scaling_free(scaling);
    assert_ok(snnk_scaling_create_given(2, large, large, NULL, &scaling));
    assert_status(snnk_map_create(2, &identity, scaling, &map), SNNK_E_NONFINITE);
    assert_says("input 0");
    snnk_scaling_free(scaling);
    assert_ok(snnk_scaling_create_given(2, large, tiny, NULL, &scaling));
    snnk_map_free(map_of(2, &identity, scaling));
    snnk_scaling_free(scaling);
}

static void test_getters_misuse(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 4), read = config;
    snnk_map *map = map_of(3, &config, NULL);
    float G[12] = {77};

    (void)state;
    assert_status(snnk_map_block_config(map, 1, &read), SNNK_E_RANGE);
    assert_says("block = 1, but the map has 1");
    assert_status(snnk_map_block_config(NULL, 0, &read), SNNK_E_NULL);
    assert_status(snnk_map_block_config(map, 0, NULL), SNNK_E_NULL);
    read.size = 5;
    assert_status(snnk_map_block_config(map, 0, &read), SNNK_E_CONFIG);
    assert_status(snnk_map_block_rows(map, 1, G, 3, NULL), SNNK_E_RANGE);
    assert_status(snnk_map_block_rows(map, 0, G, 2, NULL), SNNK_E_STRIDE);
    assert_status(snnk_map_block_rows(NULL, 0, G, 3, NULL), SNNK_E_NULL);
    assert_true(G[0] == 77);
    assert_ok(snnk_map_block_rows(map, 0, NULL, 0, NULL));
    snnk_map_free(map);
}

static void test_concat_misuse(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 2);
    snnk_map *a = map_of(2, &config, NULL), *b = map_of(3, &config, NULL), *made = a;
    const snnk_map *both[2] = {a, b}, *missing[2] = {a, NULL};

    (void)state;
    assert_status(snnk_map_concat(2, both, &made), SNNK_E_SHAPE);
    assert_says("maps[1] has 3 inputs, but maps[0] has 2");
    assert_null(made);
    assert_status(snnk_map_concat(0, both, &made), SNNK_E_SHAPE);
    assert_status(snnk_map_concat(2, missing, &made), SNNK_E_NULL);
    assert_says("maps[1] is NULL");
    assert_status(snnk_map_concat(2, NULL, &made), SNNK_E_NULL);
    assert_status(snnk_map_concat(2, both, NULL), SNNK_E_NULL);
    snnk_map_free(a);
    snnk_map_free(b);
}

static void test_tower_misuse(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 4);
    snnk_map *map = map_of(3, &config, NULL);
    float X[6] = {0}, Phi[8] = {77};

    (void)state;
    assert_ok(snnk_map_input_tower(map, 0, NULL, 3, NULL, 4, NULL));
    assert_ok(snnk_map_input_tower(map, 0, X, 3, Phi, 4, NULL));
    assert_status(snnk_map_input_tower(NULL, 2, X, 3, Phi, 4, NULL), SNNK_E_NULL);
    assert_says("map is NULL");
    assert_status(snnk_map_input_tower(map, 2, NULL, 3, Phi, 4, NULL), SNNK_E_NULL);
    assert_says("X is NULL");
    assert_status(snnk_map_input_tower(map, 2, X, 3, NULL, 4, NULL), SNNK_E_NULL);
    assert_says("Phi is NULL");
    assert_status(snnk_map_input_tower(map, 2, X, 2, Phi, 4, NULL), SNNK_E_STRIDE);
    assert_says("of X, 2, is smaller than its 3 columns");
    assert_status(snnk_map_input_tower(map, 2, X, 3, Phi, 3, NULL), SNNK_E_STRIDE);
    assert_says("of Phi, 3, is smaller than its 4 columns");
    assert_status(snnk_map_input_tower(map, SIZE_MAX, X, 3, Phi, 4, NULL), SNNK_E_SIZE);
    assert_status(snnk_map_input_tower(map, (size_t)1 << 61, X, 3, Phi, 4, NULL), SNNK_E_SIZE);
    assert_true(Phi[0] == 77);
    snnk_map_free(map);
}

/* ---- Memory ---- */

static void test_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const float G[6] = {1, 2, 3, 4, 5, 6}, c[2] = {1, 2};
    snnk_map_config configs[32];
    const size_t count = all_configs(configs);
    snnk_scaling *scaling;
    snnk_map *map, *parts[2];
    int status;

    (void)state;
    assert_ok(snnk_scaling_create_given(3, NULL, NULL, NULL, &scaling));
    for (size_t t = 0; t < count; t++) {
        configs[t].allocator = &allocator;
        assert_survives_failing_allocations(memory, status, {
            status = snnk_map_create(3, &configs[t], t % 2 ? scaling : NULL, &map);
            assert_made(status, map);
            snnk_map_free(map);
        });
        assert_true(memory.calls > 3); /* all memory came from the caller's allocator */
    }
    assert_survives_failing_allocations(memory, status, {
        status = snnk_map_create_from_rows(3, 2, G, 3, c, &configs[0], scaling, &map);
        assert_made(status, map);
        snnk_map_free(map);
    });
    for (size_t i = 0; i < 2; i++) parts[i] = map_of(3, &configs[i], NULL);
    assert_survives_failing_allocations(memory, status, {
        status = snnk_map_concat(2, (const snnk_map *const *)parts, &map);
        assert_made(status, map);
        snnk_map_free(map);
    });
    for (size_t i = 0; i < 2; i++) snnk_map_free(parts[i]);
    assert_int_equal(memory.alive, 0);
    snnk_scaling_free(scaling);
}

static void test_towers_do_not_allocate(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 200);
    float X[33 * 3], Phi[33 * 200];
    snnk_map *map;

    (void)state;
    config.allocator = &allocator;
    map = map_of(3, &config, NULL);
    draw_floats(X, 99, 8);
    memory.fail_after = memory.calls;
    assert_ok(snnk_map_input_tower(map, 33, X, 3, Phi, 200, NULL));
    snnk_map_free(map);
    assert_int_equal(memory.alive, 0);
}

/* ---- Overflow ---- */

/* snnk__map_cannot_overflow may only err on the safe side: whenever it is true, every feature is
 * finite. It is true for ordinary data, and false if something did overflow. */
static void test_cannot_overflow(void **state) {
    snnk_map_config configs[33];
    size_t count = all_configs(configs), said_true = 0, said_false = 0;

    (void)state;
    configs[count] = config_of(SNNK_MAP_ELEMENTWISE, 9);
    configs[count++].activation = SNNK_EXP;
    for (size_t t = 0; t < count; t++) {
        snnk_map *map = map_of(3, &configs[t], NULL);
        const size_t m = snnk_map_features(map);

        for (int e = -40; e <= 38; e++) {
            float X[6], Phi[2 * 18];
            bool finite = true;

            draw_floats(X, 6, (uint64_t)(e + 100));
            for (size_t k = 0; k < 6; k++) X[k] *= (float)pow(10, e);
            assert_ok(snnk_map_input_tower(map, 2, X, 3, Phi, m, NULL));
            for (size_t k = 0; k < 2 * m; k++) finite = finite && isfinite(Phi[k]);
            if (snnk__map_cannot_overflow(map, 2, X, 3)) {
                assert_true(finite);
                said_true++;
            } else {
                assert_true(e > 0);
                said_false++;
            }
        }
        snnk_map_free(map);
    }
    assert_true(said_true > 0 && said_false > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_settings),        cmocka_unit_test(test_orthogonal_needs_lapack),
        cmocka_unit_test(test_huge_sizes),          cmocka_unit_test(test_bad_given_rows),
        cmocka_unit_test(test_bad_scalings),        cmocka_unit_test(test_getters_misuse),
        cmocka_unit_test(test_concat_misuse),       cmocka_unit_test(test_tower_misuse),
        cmocka_unit_test(test_failing_allocations), cmocka_unit_test(test_towers_do_not_allocate),
        cmocka_unit_test(test_cannot_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
