/* src/map/folded.c, src/layer/tower.c: folded blocks, towers and bundled networks in model
 * files. */
#include "data/bundled_model.h"
#include "support/alloc.h"
#include "support/compare.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/maps.h"

enum { D = 5, HIDDEN = 7, L = 3, N = 20 };

/* URF of 5 rows (two atoms, both signs, two parts) in a frame that centers weights, and a line. */
static snnk_map *make_map(size_t inputs) {
    static const double omega[] = {0.5, 1.5}, re[] = {0.3, 0.1}, im[] = {0.1, -0.4};

    return framed_urf_map(inputs, 40, 2, omega, re, im, 0.2f, 1);
}

static void append(snnk_network *network, size_t inputs, size_t outputs) {
    snnk_map *map = make_map(inputs);
    const size_t m = snnk_map_features(map);
    float *Psi = malloc(outputs * m * sizeof *Psi), bias[HIDDEN];
    snnk_layer *layer;

    draw_floats(Psi, outputs * m, inputs);
    draw_floats(bias, outputs, 4);
    for (size_t i = 0; i < outputs * m; i++) Psi[i] *= 0.1f;
    assert_ok(snnk_layer_create(map, outputs, Psi, m, bias, &layer));
    assert_ok(snnk_network_append(network, layer));
    free(Psi);
    snnk_layer_free(layer);
    snnk_map_free(map);
}

/* D -> HIDDEN -> HIDDEN -> L: a tower, a tower of folded URF, and a readout. */
static snnk_network *make_bundle(void) {
    snnk_network *network, *bundled;

    assert_ok(snnk_network_create(NULL, &network));
    append(network, D, HIDDEN);
    append(network, HIDDEN, HIDDEN);
    append(network, HIDDEN, L);
    assert_ok(snnk_network_bundle(network, 0, 2, &bundled));
    snnk_network_free(network);
    return bundled;
}

static void *saved(const snnk_network *network, int32_t projection, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_network_saved_bytes(network, projection, bytes));
    buffer = malloc(*bytes);
    assert_ok(snnk_network_save_memory(network, projection, buffer, *bytes));
    return buffer;
}

/* Saving and loading gives the same bits, and saving again the same file. */
static void check_round_trip(const snnk_network *network, int32_t projection) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    float X[N * HIDDEN], *before = malloc(2 * N * l * sizeof *before), *after = before + N * l;
    snnk_network *loaded;
    size_t bytes, again;
    void *file = saved(network, projection, &bytes), *second;

    draw_floats(X, N * d, 6);
    assert_ok(snnk_network_load_memory(file, bytes, NULL, &loaded));
    assert_ok(snnk_network_forward(network, N, X, d, before, l, NULL));
    assert_ok(snnk_network_forward(loaded, N, X, d, after, l, NULL));
    assert_memory_equal(before, after, N * l * sizeof *before);
    assert_int_equal(snnk_network_parameters(loaded), snnk_network_parameters(network));
    assert_int_equal(snnk_network_layers(loaded), snnk_network_layers(network));
    for (size_t k = 0; k < snnk_network_layers(network); k++)
        assert_int_equal(snnk_layer_get_kind(snnk_network_layer(loaded, k)),
                         snnk_layer_get_kind(snnk_network_layer(network, k)));
    second = saved(loaded, projection, &again);
    assert_int_equal(again, bytes);
    assert_memory_equal(second, file, bytes);
    free(second);
    free(file);
    free(before);
    snnk_network_free(loaded);
}

static void test_round_trip(void **state) {
    snnk_network *bundled = make_bundle(), *tower;

    (void)state;
    assert_ok(snnk_network_input_tower(bundled, &tower));
    for (int32_t projection = 0; projection < 2; projection++) {
        check_round_trip(bundled, projection);
        check_round_trip(tower, projection);
    }
    snnk_network_free(tower);
    snnk_network_free(bundled);
}

/* Folded rows are never drawn again, whatever they were before; a tower of drawn rows may be. */
static void test_kinds(void **state) {
    static const int32_t projections[] = {SNNK_PROJECTION_GAUSSIAN, SNNK_PROJECTION_HD3,
                                          SNNK_PROJECTION_SOBOL};

    (void)state;
    for (size_t p = 0; p < 3; p++)
        for (int32_t kind = 0; kind <= SNNK_MAP_IDENTITY; kind++) {
            const size_t widths[3] = {D, HIDDEN, L};
            snnk_map_config config;
            snnk_network *network, *bundled;

            assert_ok(snnk_network_create(NULL, &network));
            for (int k = 0; k < 2; k++) {
                float Psi[HIDDEN * 40];
                snnk_map *map;
                snnk_layer *layer;

                assert_ok(snnk_map_config_init(&config, sizeof config));
                config.features = 12;
                config.kind = kind;
                config.projection = projections[p];
                config.activation = SNNK_TANH;
                assert_ok(snnk_map_create(widths[k], &config, NULL, &map));
                draw_floats(Psi, HIDDEN * 40, 3);
                assert_ok(snnk_layer_create(map, widths[k + 1], Psi, snnk_map_features(map), NULL,
                                            &layer));
                assert_ok(snnk_network_append(network, layer));
                snnk_layer_free(layer);
                snnk_map_free(map);
            }
            assert_ok(snnk_network_bundle(network, 0, 1, &bundled));
            check_round_trip(bundled, SNNK_SAVE_ROWS);
            check_round_trip(bundled, SNNK_SAVE_SEED);
            snnk_network_free(bundled);
            snnk_network_free(network);
        }
}

/* A file of the last two layers only: layer 0 is the tower of folded URF. Its blocks are 0, the
 * line, whose features are elementwise now, and 1, folded URF. */
static void *damageable(size_t *bytes) {
    snnk_network *bundled = make_bundle(), *part;
    void *file;

    assert_ok(snnk_network_create(NULL, &part));
    for (size_t k = 1; k < 3; k++)
        assert_ok(snnk_network_append(part, snnk_network_layer(bundled, k)));
    file = saved(part, SNNK_SAVE_ROWS, bytes);
    snnk_network_free(part);
    snnk_network_free(bundled);
    return file;
}

#define B "blocks.1."

static const change changes[] = {
    KEY("kind", 0, "\"towers\"", "\"towers\""),
    KEY("kind", 0, "\"snnk\"", "psi"),
    KEY("kind", 2, "\"urf\"", "\"projection\" is \"folded\""),
    KEY("kind", 2, "\"gaussian\"", "\"order\""),
    KEY("outputs", 0, "41", "but 41 outputs"),
    KEY("outputs", 0, "1e15", "outputs"),
    KEY("projection", 0, "\"foldes\"", "\"foldes\""),
    KEY("projection", 1, "\"gaussian\"", "a folded block is \"gaussian\""),
    KEY("projection", 1, "\"fold\"", "\"fold\""),
    KEY("features", 1, "0", "\"features\" is 0"),
    KEY("features", 1, "33", "40 features but 39 outputs"),
    KEY("features", 1, "1e15", "features but 39 outputs"),
    KEY("rows", 0, "0", "from 0 rows"),
    KEY("rows", 0, "16", "features cannot come from 16 rows"),
    KEY("signs", 0, "0", "\"signs\" is 0"),
    KEY("signs", 0, "3", "\"signs\" is 3"),
    KEY("signs", 0, "1", "features cannot come from"),
    KEY("parts", 0, "0", "\"parts\" is 0"),
    KEY("parts", 0, "4", "\"parts\" is 4"),
    KEY("parts", 0, "1", "features cannot come from"),
    KEY("parts", 0, NULL, "\"parts\" is missing"),
    KEY("directions", 0, "-1", "directions"),
    KEY("directions", 0, "3", "directions"),
    KEY("directions", 0, "900719925474099", "directions"),
    KEY("shifted", 0, "1", "shifted"),
    KEY("shift_offset", 0, "1e999", "shift_offset"),
    KEY("shift_offset", 0, NULL, "shift_offset"),
    SHAPE(B "G", 1, B "G"),
    SHAPE(B "offset", 2, B "offset"),
    NONFINITE(B "G", 3, NAN, B "G"),
    SHAPE(B "numbers", 1, B "numbers"),
    SHAPE(B "numbers", 2, B "numbers"),
    NONFINITE(B "numbers", 5, INFINITY, B "numbers"),
    SHAPE(B "shift", 1, B "shift"),
    SHAPE(B "shift", 2, B "shift"),
    NONFINITE(B "shift", 1, NAN, B "shift"),
    SHAPE(B "directions", 1, B "directions"),
    SHAPE(B "directions", 2, B "directions"),
    NONFINITE(B "directions", 1, NAN, B "directions"),
    SHAPE(B "direction_offset", 1, B "direction_offset"),
    NONFINITE(B "direction_offset", 1, NAN, B "direction_offset"),
    SHAPE(B "gain", 1, B "gain"),
    NONFINITE(B "gain", 1, NAN, B "gain"),
};

static void test_refuses_damaged_blocks(void **state) {
    size_t bytes;
    void *file = damageable(&bytes);

    (void)state;
    check_refuses_changes(file, bytes, sizeof changes / sizeof *changes, changes);
    free(file);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = NULL;
    size_t bytes;
    void *file = damageable(&bytes);
    int st;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_network_load_memory(file, bytes, &allocator, &network);
        assert_made(st, network);
        snnk_network_free(network);
    });
    free(file);
}

/* A file of towers, folded blocks and statistics that the library did not write. Features are
 * products of a few sums of about ten terms, computed in float. */
#define GOLDEN_RTOL 1e-5

static void test_loads_bundled_model(void **state) {
    enum {
        D1 = BUNDLED_MODEL_INPUTS,
        L1 = BUNDLED_MODEL_OUTPUTS,
        T1 = BUNDLED_MODEL_TARGETS,
        ROWS = 2
    };
    float Y[ROWS * T1];
    snnk_network *network;
    snnk_solve_config config;

    (void)state;
    assert_ok(snnk_network_load_memory(bundled_model, sizeof bundled_model, NULL, &network));
    assert_int_equal(snnk_layer_get_kind(snnk_network_layer(network, 1)), SNNK_LAYER_TOWER);
    assert_ok(snnk_network_forward(network, ROWS, bundled_model_x, D1, Y, L1, NULL));
    for (size_t i = 0; i < ROWS * L1; i++) assert_close(Y[i], bundled_model_y[i], GOLDEN_RTOL, 0);

    const snnk_lstsq *statistics = snnk_network_statistics(network);
    assert_int_equal(snnk_lstsq_rows(statistics), 40);
    assert_true(snnk_lstsq_weight(statistics) == 32.5);
    assert_int_equal(snnk_lstsq_factorization(statistics), SNNK_FACTORIZATION_QR);
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = bundled_model_ridge;
    assert_ok(snnk_network_solve(network, &config, NULL, NULL));
    assert_ok(snnk_network_forward(network, ROWS, bundled_model_x, D1, Y, T1, NULL));
    for (size_t i = 0; i < ROWS * T1; i++)
        assert_close(Y[i], bundled_model_solved[i], GOLDEN_RTOL, 0);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_refuses_damaged_blocks),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_loads_bundled_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
