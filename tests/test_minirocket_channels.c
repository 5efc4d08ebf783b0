/* src/map/minirocket_channels.c: series of several channels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/maps.h"

#include "data/minirocket.h"

enum { CASES = sizeof minirocket_channel_cases / sizeof *minirocket_channel_cases };

static snnk_minirocket_config config_for(uint64_t features, uint64_t channels,
                                         int32_t standardize) {
    snnk_minirocket_config config;

    assert_ok(snnk_minirocket_config_init(&config, sizeof config));
    assert_int_equal(config.channels, 1);
    config.features = features;
    config.channels = channels;
    config.standardize = standardize;
    return config;
}

/* The settings of a case, with its sets of channels. */
static snnk_minirocket_config case_config(size_t k) {
    snnk_minirocket_config config =
        config_for(minirocket_channel_cases[k].features, minirocket_channel_cases[k].channels, 0);

    config.max_dilations = minirocket_channel_cases[k].most;
    config.combinations = minirocket_channel_cases[k].combinations;
    config.channel_counts = minirocket_channel_cases[k].counts;
    config.channel_indices = minirocket_channel_cases[k].indices;
    return config;
}

static float *drawn(size_t count, uint64_t seed) {
    float *X = malloc(count * sizeof *X);

    draw_floats(X, count, seed);
    return X;
}

static snnk_map *learnt(size_t length, size_t n, const float *X,
                        const snnk_minirocket_config *config) {
    snnk_map *map;

    assert_ok(snnk_map_create_minirocket(length, SNNK_ROWS(.n = n, .X = X), config, &map));
    return map;
}

static snnk_map *reloaded(const snnk_map *map) {
    snnk_map *loaded;
    size_t bytes;
    void *buffer;

    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_map_load_memory(buffer, bytes, NULL, &loaded));
    free(buffer);
    return loaded;
}

/* With given biases and sets of channels: the same bits as the definition, also after saving. */
static void test_definition(void **state) {
    (void)state;
    for (size_t k = 0; k < CASES; k++) {
        const size_t length = minirocket_channel_cases[k].length,
                     m = minirocket_channel_cases[k].features,
                     d = length * minirocket_channel_cases[k].channels,
                     n = minirocket_channel_cases[k].series;
        const snnk_minirocket_config config = case_config(k);
        float *Phi = malloc(n * m * sizeof *Phi);
        size_t combinations, total;
        snnk_map *map, *loaded;

        assert_ok(snnk_map_create_minirocket_from_biases(
            length, m, minirocket_channel_cases[k].biases, &config, &map));
        loaded = reloaded(map);
        assert_int_equal(snnk_map_inputs(map), d);
        for (int again = 0; again < 2; again++) {
            const snnk_map *of = again ? loaded : map;
            uint32_t *counts, *indices;
            snnk_minirocket_config read;

            assert_ok(snnk_map_input_tower(of, n, minirocket_channel_cases[k].X, d, Phi, m, NULL));
            assert_memory_equal(Phi, minirocket_channel_cases[k].Phi, n * m * sizeof *Phi);
            assert_ok(snnk_map_block_minirocket_channels(of, 0, &combinations, &total, NULL, NULL));
            assert_int_equal(combinations, config.combinations);
            counts = malloc(combinations * sizeof *counts);
            indices = malloc(total * sizeof *indices);
            assert_ok(snnk_map_block_minirocket_channels(of, 0, NULL, NULL, counts, indices));
            assert_memory_equal(counts, config.channel_counts, combinations * sizeof *counts);
            assert_memory_equal(indices, config.channel_indices, total * sizeof *indices);
            assert_ok(snnk_minirocket_config_init(&read, sizeof read));
            assert_ok(snnk_map_block_minirocket(of, 0, &read, NULL));
            assert_int_equal(read.channels, config.channels);
            assert_null(read.channel_counts);
            free(indices);
            free(counts);
        }
        snnk_map_free(loaded);
        snnk_map_free(map);
        free(Phi);
    }
}

/* Biases from one row are quantiles of its sums over the channels. */
static void test_biases_from_a_row(void **state) {
    (void)state;
    for (size_t k = 0; k < CASES; k++) {
        const size_t m = minirocket_channel_cases[k].features;
        const snnk_minirocket_config config = case_config(k);
        float *biases = malloc(m * sizeof *biases);
        snnk_map *map =
            learnt(minirocket_channel_cases[k].length, 1, minirocket_channel_cases[k].X, &config);

        assert_ok(snnk_map_block_minirocket(map, 0, NULL, biases));
        for (size_t j = 0; j < m; j++)
            assert_close(biases[j], minirocket_channel_cases[k].learnt[j], 0x1p-22, 1e-6);
        snnk_map_free(map);
        free(biases);
    }
}

/* Sets of the same single channel: the features of that channel alone. */
static void test_one_of_three(void **state) {
    enum { N = 4, LENGTH = 40, M = 84 * 3, COMBINATIONS = 84 * 3 };
    float *X = drawn(N * LENGTH * 3, 5), *alone = malloc(N * LENGTH * sizeof *alone), Phi[N * M],
          expected[N * M];
    uint32_t counts[COMBINATIONS], indices[COMBINATIONS];
    snnk_minirocket_config config = config_for(M, 3, 0), single = config_for(M, 1, 0);
    size_t combinations, total;
    snnk_map *map, *one;

    (void)state;
    for (size_t t = 0; t < N * LENGTH; t++) alone[t] = X[3 * t + 1];
    one = learnt(LENGTH, N, alone, &single);
    assert_ok(snnk_map_block_minirocket_channels(one, 0, &combinations, &total, counts, indices));
    assert_int_equal(combinations, COMBINATIONS); /* three dilations */
    assert_int_equal(total, COMBINATIONS);
    for (size_t i = 0; i < COMBINATIONS; i++) {
        assert_int_equal(counts[i], 1);
        assert_int_equal(indices[i], 0);
        indices[i] = 1;
    }
    config.combinations = COMBINATIONS;
    config.channel_counts = counts;
    config.channel_indices = indices;
    map = learnt(LENGTH, N, X, &config);
    assert_ok(snnk_map_input_tower(map, N, X, 3 * LENGTH, Phi, M, NULL));
    assert_ok(snnk_map_input_tower(one, N, alone, LENGTH, expected, M, NULL));
    assert_memory_equal(Phi, expected, sizeof Phi);
    snnk_map_free(map);
    snnk_map_free(one);
    free(alone);
    free(X);
}

/* Of many drawn sets: k channels with probability log2((k + 1)/k)/log2(most + 1), each channel
 * equally often, no channel twice. Bounds are five standard deviations. */
static void test_drawn_sets(void **state) {
    enum { CHANNELS = 12, MOST = 9, SEEDS = 60, COMBINATIONS = 84, SETS = SEEDS * COMBINATIONS };
    float X[9 * CHANNELS] = {0};
    double sizes[MOST + 1] = {0}, seen[CHANNELS] = {0}, all = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        snnk_minirocket_config config = config_for(84, CHANNELS, 0);
        uint32_t counts[COMBINATIONS], indices[COMBINATIONS * MOST];
        const uint32_t *set = indices;
        size_t combinations;
        snnk_map *map;

        config.seed = seed;
        map = learnt(9, 1, X, &config);
        assert_ok(snnk_map_block_minirocket_channels(map, 0, &combinations, NULL, counts, indices));
        assert_int_equal(combinations, COMBINATIONS);
        for (size_t i = 0; i < COMBINATIONS; set += counts[i++]) {
            assert_in_range(counts[i], 1, MOST);
            sizes[counts[i]]++;
            all += counts[i];
            for (size_t k = 0; k < counts[i]; k++) {
                assert_true(set[k] < CHANNELS && (k == 0 || set[k] > set[k - 1]));
                seen[set[k]]++;
            }
        }
        snnk_map_free(map);
    }
    for (size_t k = 1; k <= MOST; k++) {
        const double p = log2((double)(k + 1) / (double)k) / log2(MOST + 1);

        assert_close(sizes[k], p * SETS, 0, 5 * sqrt(p * (1 - p) * SETS));
    }
    for (size_t c = 0; c < CHANNELS; c++)
        assert_close(seen[c], all / CHANNELS, 0, 5 * sqrt(all / CHANNELS));
}

/* Rows are apart, over any number of rows and threads; standardized features have mean 0 and
 * deviation 1; a series that is not finite has NaN features. */
static void test_rows_are_apart(void **state) {
    enum { N = 21, LENGTH = 70, CHANNELS = 5, D = LENGTH * CHANNELS, M = 168 };
    float *X = drawn(N * D, 1), *all = malloc(N * M * sizeof *all), one[M],
          *threaded = malloc(N * M * sizeof *threaded);
    const snnk_minirocket_config config = config_for(M, CHANNELS, 1);
    snnk_map *map = learnt(LENGTH, N, X, &config);
    snnk_workspace *workspace;

    (void)state;
    assert_int_equal(snnk_map_inputs(map), D);
    assert_ok(snnk_map_input_tower(map, N, X, D, all, M, NULL));
    for (size_t j = 0; j < M; j++) {
        double mean = 0, squares = 0;

        for (size_t i = 0; i < N; i++) mean += (double)all[i * M + j] / N;
        for (size_t i = 0; i < N; i++) squares += pow((double)all[i * M + j] - mean, 2) / N;
        assert_close(mean, 0, 0, 1e-5);
        assert_true(fabs(squares - 1) < 1e-4 || squares == 0);
    }
    for (size_t i = 0; i < N; i += 7) {
        assert_ok(snnk_map_input_tower(map, 1, X + i * D, D, one, M, NULL));
        assert_memory_equal(one, all + i * M, sizeof one);
    }
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    X[4 * D + D - 1] = NAN;
    assert_ok(snnk_map_input_tower(map, N, X, D, threaded, M, workspace));
    assert_memory_equal(threaded, all, 4 * M * sizeof *all);
    for (size_t j = 0; j < M; j++) assert_true(isnan(threaded[4 * M + j]));
    assert_memory_equal(threaded + 5 * M, all + 5 * M, (N - 5) * M * sizeof *all);
    snnk_workspace_free(workspace);
    snnk_map_free(map);
    free(threaded);
    free(all);
    free(X);
}

static void test_damaged_files(void **state) {
    static const struct {
        const char *from, *to, *tensor, *says;
    } edits[] = {
        {"\"channels\":3", "\"channels\":4", NULL, "no series of 4 channels"},
        {"\"channels\":3", "\"channels\":0", NULL, "channels = 0"},
        {"\"channels\":3", "\"channels\":2", NULL, "channel"},
        {"\"channels\":3", "\"channels\":-1", NULL, "channels"},
        {"\"channels\":3", "\"channels\":\"x\"", NULL, "channels"},
        {"\"channels\":3", "\"shannels\":3", NULL, "dilation"},
        {NULL, NULL, "blocks.0.channel_counts", "channel_counts"},
        {NULL, NULL, "blocks.0.channel", "channel"},
    };
    float *X = drawn(5 * 54, 1);
    const snnk_minirocket_config config = config_for(168, 3, 0);
    snnk_map *map = learnt(18, 5, X, &config), *loaded;
    size_t bytes, edited_bytes;
    void *buffer;

    (void)state;
    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, buffer, bytes));
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        void *edited = edited_file(buffer, bytes, edits[k].from ? "snnk.map" : NULL, edits[k].from,
                                   edits[k].to, edits[k].tensor, &edited_bytes);
        const int st = snnk_map_load_memory(edited, edited_bytes, NULL, &loaded);

        if (k == 5) { /* without the key it is a longer series of one channel */
            assert_ok(st);
            snnk_map_free(loaded);
        } else {
            assert_int_equal(st, SNNK_E_FORMAT);
            assert_says(edits[k].says);
            assert_null(loaded);
        }
        free(edited);
    }
    free(buffer);
    snnk_map_free(map);
    free(X);
}

static void test_misuse(void **state) {
    enum { LENGTH = 9, CHANNELS = 2, COMBINATIONS = 84 };
    float X[2 * LENGTH * CHANNELS] = {0};
    uint32_t counts[COMBINATIONS], indices[2 * COMBINATIONS];
    snnk_minirocket_config config = config_for(84, CHANNELS, 0);
    snnk_map *map, *kept = learnt(LENGTH, 2, X, &config);

    (void)state;
    for (size_t i = 0; i < COMBINATIONS; i++) counts[i] = 1, indices[i] = i % 2;
#define REFUSED(change, status, says)                                                              \
    do {                                                                                           \
        snnk_minirocket_config bad = config;                                                       \
                                                                                                   \
        bad.combinations = COMBINATIONS;                                                           \
        bad.channel_counts = counts;                                                               \
        bad.channel_indices = indices;                                                             \
        change;                                                                                    \
        map = kept;                                                                                \
        assert_status(snnk_map_create_minirocket(LENGTH, SNNK_ROWS(.n = 2, .X = X), &bad, &map),   \
                      status);                                                                     \
        assert_says(says);                                                                         \
        assert_null(map);                                                                          \
    } while (0)
    REFUSED(bad.channels = 0, SNNK_E_SHAPE, "channels = 0, but must be from 1");
    REFUSED(bad.channels = UINT64_MAX, SNNK_E_SHAPE, "channels = ");
    REFUSED(bad.channels = 1 << 21, SNNK_E_SIZE, "in 2097152 channels are more than 2^24");
    REFUSED(bad.channels = 1, SNNK_E_SHAPE, "sets of channels are given, but channels = 1");
    REFUSED(bad.combinations = 83, SNNK_E_SHAPE, "combinations = 83, but 1 dilations of 84");
    REFUSED(bad.combinations = 0, SNNK_E_NULL, "set all or none");
    REFUSED(bad.channel_counts = NULL, SNNK_E_NULL, "set all or none");
    REFUSED(bad.channel_indices = NULL, SNNK_E_NULL, "set all or none");
    counts[5] = 0;
    REFUSED((void)0, SNNK_E_SHAPE, "channel_counts[5] = 0, but must be from 1 to 2");
    counts[5] = 3;
    REFUSED((void)0, SNNK_E_SHAPE, "channel_counts[5] = 3, but must be from 1 to 2");
    counts[5] = 1;
    indices[7] = 2;
    REFUSED((void)0, SNNK_E_RANGE, "channel_indices[7] = 2, but there are 2 channels");
    indices[7] = 1;
    counts[0] = 2;
    indices[0] = indices[1] = 1;
    REFUSED((void)0, SNNK_E_RANGE, "channel 1 is twice in set 0");
#undef REFUSED
    assert_status(snnk_map_create_minirocket(LENGTH, SNNK_ROWS(.n = 2, .inputs = LENGTH, .X = X),
                                             &config, &map),
                  SNNK_E_SHAPE);
    assert_status(snnk_map_block_minirocket_channels(NULL, 0, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_block_minirocket_channels(kept, 1, NULL, NULL, NULL, NULL),
                  SNNK_E_RANGE);
    assert_ok(snnk_map_block_minirocket_channels(kept, 0, NULL, NULL, NULL, NULL));
    snnk_map_free(kept);
}

/* A config of the first version has no channels. */
static void test_older_config(void **state) {
    snnk_minirocket_config config;
    float X[40];
    snnk_map *map;

    (void)state;
    draw_floats(X, 40, 1);
    memset(&config, 0xff, sizeof config);
    assert_ok(snnk_minirocket_config_init(&config, offsetof(snnk_minirocket_config, channels)));
    map = learnt(20, 2, X, &config);
    assert_int_equal(snnk_map_inputs(map), 20);
    assert_ok(snnk_map_block_minirocket(map, 0, &config, NULL));
    snnk_map_free(map);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_minirocket_config config = config_for(84, 4, 1);
    float X[80];
    snnk_map *map = NULL;
    size_t bytes = 0;
    void *buffer;
    int st = SNNK_OK;

    (void)state;
    draw_floats(X, 80, 1);
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_create_minirocket(10, SNNK_ROWS(.n = 2, .X = X), &config, &map);
        assert_made(st, map);
        snnk_map_free(map);
    });
    assert_ok(snnk_map_create_minirocket(10, SNNK_ROWS(.n = 2, .X = X), &config, &map));
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
        cmocka_unit_test(test_definition),     cmocka_unit_test(test_biases_from_a_row),
        cmocka_unit_test(test_one_of_three),   cmocka_unit_test(test_drawn_sets),
        cmocka_unit_test(test_rows_are_apart), cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_misuse),         cmocka_unit_test(test_older_config),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests_name("minirocket_channels", tests, NULL, NULL);
}
