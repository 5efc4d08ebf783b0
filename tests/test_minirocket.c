/* src/map/minirocket*.c: shares of convolutions of series. */
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/maps.h"

#include "data/minirocket.h"

enum { CASES = sizeof minirocket_cases / sizeof *minirocket_cases };

static snnk_minirocket_config config_for(uint64_t features, int32_t standardize) {
    snnk_minirocket_config config;

    assert_ok(snnk_minirocket_config_init(&config, sizeof config));
    config.features = features;
    config.standardize = standardize;
    return config;
}

static snnk_minirocket_config case_config(size_t k) {
    snnk_minirocket_config config = config_for(minirocket_cases[k].features, 0);

    config.max_dilations = minirocket_cases[k].most;
    return config;
}

static snnk_map *learnt(size_t length, size_t n, const float *X,
                        const snnk_minirocket_config *config) {
    snnk_map *map;

    assert_ok(snnk_map_create_minirocket(length, SNNK_ROWS(.n = n, .X = X), config, &map));
    return map;
}

/* With given biases: the same bits as the definition. */
static void test_definition(void **state) {
    (void)state;
    for (size_t k = 0; k < CASES; k++) {
        const size_t length = minirocket_cases[k].length, m = minirocket_cases[k].features,
                     n = minirocket_cases[k].series;
        const snnk_minirocket_config config = case_config(k);
        float *Phi = malloc(n * m * sizeof *Phi), *biases = malloc(m * sizeof *biases);
        snnk_map *map;

        assert_int_equal(snnk_minirocket_features(&config), m);
        assert_ok(snnk_map_create_minirocket_from_biases(length, m, minirocket_cases[k].biases,
                                                         &config, &map));
        assert_int_equal(snnk_map_inputs(map), length);
        assert_int_equal(snnk_map_features(map), m);
        assert_ok(snnk_map_input_tower(map, n, minirocket_cases[k].X, length, Phi, m, NULL));
        assert_memory_equal(Phi, minirocket_cases[k].Phi, n * m * sizeof *Phi);
        assert_ok(snnk_map_block_minirocket(map, 0, NULL, biases));
        assert_memory_equal(biases, minirocket_cases[k].biases, m * sizeof *biases);
        snnk_map_free(map);
        free(biases);
        free(Phi);
    }
}

/* Biases from one row are quantiles of its sums: within a unit of the last place, by which the
 * interpolations of C and Python may differ. */
static void test_biases_from_a_row(void **state) {
    (void)state;
    for (size_t k = 0; k < CASES; k++) {
        const size_t m = minirocket_cases[k].features;
        const snnk_minirocket_config config = case_config(k);
        float *biases = malloc(m * sizeof *biases);
        snnk_map *map = learnt(minirocket_cases[k].length, 1, minirocket_cases[k].X, &config);
        snnk_minirocket_config read;

        assert_ok(snnk_minirocket_config_init(&read, sizeof read));
        assert_ok(snnk_map_block_minirocket(map, 0, &read, biases));
        assert_memory_equal(&read, &config, sizeof read);
        for (size_t j = 0; j < m; j++)
            assert_close(biases[j], minirocket_cases[k].learnt[j], 0x1p-23, 1e-7);
        snnk_map_free(map);
        free(biases);
    }
}

/* Standardized features are the plain ones less their mean, over their deviation; constant ones are
 * 0. The seed decides which rows give the biases. */
static void test_standardized(void **state) {
    enum { N = 12, LENGTH = 20, M = 168 };
    float *X = drawn_floats(N * LENGTH, 3), *plain = malloc(N * M * sizeof *plain),
          *standard = malloc(N * M * sizeof *standard), other[M], biases[M];
    snnk_minirocket_config config = config_for(M, 0);
    size_t constant = 0, differ = 0;

    (void)state;
    for (size_t i = 0; i < N; i++) /* a rising line, which some kernels see as a constant */
        for (size_t t = 0; t < LENGTH; t++) X[i * LENGTH + t] = X[i * LENGTH + t] * 0.1f + (float)t;
    snnk_map *map = learnt(LENGTH, N, X, &config);

    assert_ok(snnk_map_input_tower(map, N, X, LENGTH, plain, M, NULL));
    assert_ok(snnk_map_block_minirocket(map, 0, NULL, biases));
    snnk_map_free(map);
    config.standardize = 1;
    map = learnt(LENGTH, N, X, &config);
    assert_ok(snnk_map_input_tower(map, N, X, LENGTH, standard, M, NULL));
    for (size_t j = 0; j < M; j++) {
        sample of = {0};

        for (size_t i = 0; i < N; i++) sample_add(&of, plain[i * M + j]);
        const double deviation = sqrt(of.deviations / of.n);

        constant += deviation == 0;
        for (size_t i = 0; i < N; i++)
            assert_close(standard[i * M + j],
                         deviation == 0 ? 0 : (plain[i * M + j] - of.mean) / deviation, 1e-5, 1e-5);
    }
    assert_true(constant < M / 2);
    config.seed = 5;
    snnk_map_free(map);
    map = learnt(LENGTH, N, X, &config);
    assert_ok(snnk_map_block_minirocket(map, 0, NULL, other));
    for (size_t j = 0; j < M; j++) differ += other[j] != biases[j];
    assert_true(differ > M / 4);
    snnk_map_free(map);
    free(standard);
    free(plain);
    free(X);
}

/* Rows are apart, over any number of rows and threads; one that is not finite has NaN features. */
static void test_rows_are_apart(void **state) {
    enum { N = 37, LENGTH = 1500, M = 252 };
    float *X = drawn_floats(N * LENGTH, 1), *all = malloc(N * M * sizeof *all), one[M],
          *threaded = malloc(N * M * sizeof *threaded);
    const snnk_minirocket_config config = config_for(M, 1);
    snnk_map *map = learnt(LENGTH, N, X, &config);
    snnk_workspace *workspace;

    (void)state;
    assert_ok(snnk_map_input_tower(map, N, X, LENGTH, all, M, NULL));
    for (size_t i = 0; i < N; i += 7) {
        assert_ok(snnk_map_input_tower(map, 1, X + i * LENGTH, LENGTH, one, M, NULL));
        assert_memory_equal(one, all + i * M, sizeof one);
    }
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    X[3 * LENGTH + 7] = INFINITY;
    X[4 * LENGTH] = NAN;
    assert_ok(snnk_map_input_tower(map, N, X, LENGTH, threaded, M, workspace));
    assert_memory_equal(threaded, all, 3 * M * sizeof *all);
    for (size_t j = 0; j < 2 * M; j++) assert_true(isnan(threaded[3 * M + j]));
    assert_memory_equal(threaded + 5 * M, all + 5 * M, (N - 5) * M * sizeof *all);
    snnk_workspace_free(workspace);
    snnk_map_free(map);
    free(threaded);
    free(all);
    free(X);
}

/* Series of two frequencies are told apart by a fit, saved and loaded: the same bits. Statistics
 * forget its features. */
static void test_fit(void **state) {
    enum { N = 80, LENGTH = 64, M = 168 };
    float *X = drawn_floats(N * LENGTH, 9), before[N * 2], after[N * 2];
    int32_t labels[N];
    const snnk_minirocket_config config = config_for(M, 1);
    snnk_network *network, *loaded;
    snnk_layer *layer;
    snnk_fit *fit;
    size_t bytes, wrong = 0;
    void *buffer;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        labels[i] = i % 2;
        for (size_t t = 0; t < LENGTH; t++)
            X[i * LENGTH + t] = 0.3f * X[i * LENGTH + t] +
                                (float)sin((labels[i] ? 0.8 : 1.1) * (double)t + (double)i);
    }
    snnk_map *map = learnt(LENGTH, N / 2, X, &config);

    assert_ok(snnk_fit_create(map, 2, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N / 2, .X = X, .labels = labels), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_forward(network, N, X, LENGTH, before, 2, NULL));
    for (size_t i = N / 2; i < N; i++) wrong += (before[2 * i + 1] > before[2 * i]) != labels[i];
    assert_true(wrong <= 2);
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_network_forward(loaded, N, X, LENGTH, after, 2, NULL));
    assert_memory_equal(after, before, sizeof before);
    free(buffer);
    snnk_network_free(loaded);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free(X);
}

/* ---- Training ---- */

/* The readout over it can be trained; what lies below cannot. */
static void test_training(void **state) {
    enum { N = 6, LENGTH = 12, M = 84 };
    float *X = drawn_floats(N * LENGTH, 2), *J = malloc(M * LENGTH * sizeof *J), W[LENGTH * LENGTH];
    const snnk_minirocket_config config = config_for(M, 1);
    snnk_map *map = learnt(LENGTH, N, X, &config);
    float *Psi = drawn_floats(2 * M, 4);
    snnk_layer *below, *layer;
    snnk_network *network;
    snnk_trainer *trainer;
    snnk_train_config train;

    (void)state;
    assert_status(snnk_map_gradient(map, X, J, LENGTH), SNNK_E_UNSUPPORTED);
    assert_says("minirocket features have no gradient in this library");
    draw_floats(W, LENGTH * LENGTH, 5);
    assert_ok(snnk_layer_create(map, 2, Psi, M, NULL, &layer));
    assert_ok(snnk_layer_create_dense(LENGTH, LENGTH, W, LENGTH, NULL, SNNK_TANH, NULL, &below));
    assert_ok(snnk_train_config_init(&train, sizeof train));

    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_trainer_create(network, &train, &trainer));
    snnk_trainer_free(trainer);
    snnk_network_free(network);

    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, below));
    assert_ok(snnk_network_append(network, layer));
    assert_status(snnk_trainer_create(network, &train, &trainer), SNNK_E_UNSUPPORTED);
    assert_says("minirocket features have no gradient");
    assert_null(trainer);
    snnk_network_free(network);

    snnk_layer_free(below);
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(Psi);
    free(J);
    free(X);
}

/* ---- Files and misuse ---- */

static void test_damaged_files(void **state) {
    static const struct {
        const char *from, *to, *tensor, *says;
    } edits[] = {
        {"\"features\":168", "\"features\":169", NULL, "no multiple of 84"},
        {"\"features\":168", "\"features\":252", NULL, "bias"},
        {"\"features\":168", "\"features\":1", NULL, "features = 1"},
        {"\"inputs\":20", "\"inputs\":8", NULL, "shorter than the kernels"},
        {"\"inputs\":20", "\"inputs\":10", NULL, "does not fit series of 10 numbers"},
        {"\"max_dilations\":32", "\"max_dilations\":0", NULL, "max_dilations = 0"},
        {"\"dilation_count\":2", "\"dilation_count\":3", NULL, "dilation"},
        {"\"dilation_count\":2", "\"dilation_count\":0", NULL, "0 dilations"},
        {"\"standardized\":true", "\"standardized\":7", NULL, "standardized"},
        {"\"given\"", "\"gaussian\"", NULL, "must be \"given\""},
        {NULL, NULL, "blocks.0.bias", "bias"},
        {NULL, NULL, "blocks.0.dilation", "dilation"},
        {NULL, NULL, "blocks.0.mean", "mean"},
    };
    float *X = drawn_floats(5 * 20, 1);
    const snnk_minirocket_config config = config_for(168, 1);
    snnk_map *map = learnt(20, 5, X, &config), *loaded;
    size_t bytes, edited_bytes;
    void *buffer;

    (void)state;
    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, buffer, bytes));
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        void *edited = edited_file(buffer, bytes, edits[k].from ? "snnk.map" : NULL, edits[k].from,
                                   edits[k].to, edits[k].tensor, &edited_bytes);

        assert_status(snnk_map_load_memory(edited, edited_bytes, NULL, &loaded), SNNK_E_FORMAT);
        assert_says(edits[k].says);
        assert_null(loaded);
        free(edited);
    }
    free(buffer);
    snnk_map_free(map);
    free(X);
}

static void test_misuse(void **state) {
    float X[40] = {0}, biases[84] = {0};
    snnk_minirocket_config config = config_for(84, 0);
    snnk_map_config plain;
    snnk_map *map, *kept = learnt(20, 2, X, &config);

#define REFUSED(field, value, status, says)                                                        \
    do {                                                                                           \
        snnk_minirocket_config bad = config_for(84, 0);                                            \
                                                                                                   \
        bad.field = value;                                                                         \
        map = kept;                                                                                \
        assert_status(snnk_map_create_minirocket(20, SNNK_ROWS(.n = 2, .X = X), &bad, &map),       \
                      status);                                                                     \
        assert_says(says);                                                                         \
        assert_null(map);                                                                          \
        assert_int_equal(snnk_minirocket_features(&bad), 0);                                       \
    } while (0)
    (void)state;
    REFUSED(features, 83, SNNK_E_SHAPE, "features = 83, but must be from 84");
    REFUSED(features, UINT64_MAX, SNNK_E_SHAPE, "features = ");
    REFUSED(max_dilations, 0, SNNK_E_RANGE, "max_dilations = 0, but must be from 1 to 1024");
    REFUSED(max_dilations, 1025, SNNK_E_RANGE, "max_dilations = 1025");
    REFUSED(standardize, 2, SNNK_E_ENUM, "standardize");
    REFUSED(size, 1, SNNK_E_CONFIG, "minirocket config");
#undef REFUSED
    assert_status(snnk_map_create_minirocket(8, SNNK_ROWS(.n = 2, .X = X), &config, &map),
                  SNNK_E_SHAPE);
    assert_says("series of 8 numbers are shorter than the kernels, which have 9");
    assert_status(snnk_map_create_minirocket(20, SNNK_ROWS(.n = 0, .X = X), &config, &map),
                  SNNK_E_SHAPE);
    assert_says("biases are quantiles of at least 1 row");
    assert_status(snnk_map_create_minirocket(20, NULL, &config, &map), SNNK_E_NULL);
    assert_status(snnk_map_create_minirocket(20, SNNK_ROWS(.n = 2, .X = X), &config, NULL),
                  SNNK_E_NULL);
    X[21] = NAN;
    assert_status(snnk_map_create_minirocket(20, SNNK_ROWS(.n = 2, .X = X), &config, &map),
                  SNNK_E_NONFINITE);
    assert_status(snnk_map_create_minirocket_from_biases(20, 83, biases, &config, &map),
                  SNNK_E_SHAPE);
    assert_says("83 biases, but features = 84");
    assert_status(snnk_map_create_minirocket_from_biases(20, 84, NULL, &config, &map), SNNK_E_NULL);
    assert_status(snnk_map_create_minirocket_from_biases(20, 84, biases, &config, NULL),
                  SNNK_E_NULL);
    biases[3] = INFINITY;
    assert_status(snnk_map_create_minirocket_from_biases(20, 84, biases, &config, &map),
                  SNNK_E_NONFINITE);
    biases[3] = 0;
    config.standardize = 1;
    assert_status(snnk_map_create_minirocket_from_biases(20, 84, biases, &config, &map),
                  SNNK_E_RANGE);
    assert_says("without rows there is nothing to standardize by");
    assert_int_equal(snnk_minirocket_features(NULL), 9996);

    assert_status(snnk_map_block_minirocket(NULL, 0, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_block_minirocket(kept, 1, NULL, NULL), SNNK_E_RANGE);
    assert_ok(snnk_map_config_init(&plain, sizeof plain));
    assert_ok(snnk_map_create(4, &plain, NULL, &map));
    assert_status(snnk_map_block_minirocket(map, 0, NULL, NULL), SNNK_E_UNSUPPORTED);
    snnk_map_free(map);
    plain.kind = SNNK_MAP_MINIROCKET;
    assert_status(snnk_map_create(4, &plain, NULL, &map), SNNK_E_UNSUPPORTED);
    assert_says("minirocket");
    snnk_map_free(kept);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_minirocket_config config = config_for(84, 1);
    float X[40], biases[84] = {0};
    snnk_map *map = NULL;
    size_t bytes = 0;
    void *buffer;
    int st = SNNK_OK;

    (void)state;
    draw_floats(X, 40, 1);
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_create_minirocket(20, SNNK_ROWS(.n = 2, .X = X), &config, &map);
        assert_made(st, map);
        snnk_map_free(map);
    });
    config.standardize = 0;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_create_minirocket_from_biases(20, 84, biases, &config, &map);
        assert_made(st, map);
        snnk_map_free(map);
    });
    config.standardize = 1;
    assert_ok(snnk_map_create_minirocket(20, SNNK_ROWS(.n = 2, .X = X), &config, &map));
    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, buffer, bytes));
    snnk_map_free(map);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_load_memory(buffer, bytes, &allocator, &map);
        assert_made(st, map);
        snnk_map_free(map);
    });
    assert_int_equal(memory.alive, 0);
    free(buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_biases_from_a_row),
        cmocka_unit_test(test_standardized),
        cmocka_unit_test(test_rows_are_apart),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests_name("minirocket", tests, NULL, NULL);
}
