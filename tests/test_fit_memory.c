/* src/model/fit_file.c: unfinished fits saved to memory, and damaged files that are refused when
 * loaded. */
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/damage.h"
#include "support/draw.h"

enum { D = 4, HIDDEN = 3, M = 12, L = 2, N = 3000, HALF = 1700 };

static float X[N * D], Y[N * L], weights[N];
static int32_t labels[N];

static int make_rows(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(weights, N, 2);
    for (size_t i = 0; i < N; i++) {
        Y[i * L] = X[i * D] * X[i * D + 1];
        Y[i * L + 1] = X[i * D + 2] - X[i * D + 3];
        labels[i] = Y[i * L] > Y[i * L + 1] ? 1 : 0;
        weights[i] = 1.5F + weights[i];
    }
    return 0;
}

static snnk_map *map_of(size_t inputs) {
    snnk_map_config config;
    snnk_map *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = M;
    config.seed = 7;
    assert_ok(snnk_map_create(inputs, &config, NULL, &map));
    return map;
}

/* A dense layer D -> HIDDEN, and a tower; with a note. */
static snnk_network *network_of(void) {
    snnk_network *network;
    snnk_layer *layers[2];
    float W[HIDDEN * D];
    snnk_map *map = map_of(HIDDEN);

    draw_floats(W, HIDDEN * D, 3);
    assert_ok(snnk_layer_create_dense(D, HIDDEN, W, D, NULL, SNNK_TANH, NULL, &layers[0]));
    assert_ok(snnk_layer_create_tower(map, &layers[1]));
    assert_ok(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < 2; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    assert_ok(snnk_network_set_note(network, "units", "mm"));
    snnk_map_free(map);
    return network;
}

static snnk_fit *fit_of(int of_network, const snnk_fit_config *config) {
    snnk_network *network = network_of();
    snnk_map *map = map_of(D);
    snnk_fit *fit;

    if (of_network)
        assert_ok(snnk_fit_create_from_network(network, L, config, &fit));
    else
        assert_ok(snnk_fit_create(map, L, config, &fit));
    snnk_map_free(map);
    snnk_network_free(network);
    return fit;
}

static void add(snnk_fit *fit, size_t first, size_t end, int of_labels, int weighted) {
    assert_ok(snnk_fit_add(fit,
                           SNNK_ROWS(.n = end - first, .X = X + first * D,
                                     .Y = of_labels ? NULL : Y + first * L,
                                     .labels = of_labels ? labels + first : NULL,
                                     .weights = weighted ? weights + first : NULL),
                           NULL));
}

static void *saved(const snnk_fit *fit, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_fit_saved_bytes(fit, bytes));
    buffer = malloc(*bytes);
    assert_ok(snnk_fit_save_memory(fit, buffer, *bytes));
    return buffer;
}

/* Both fits must give networks with the same bits, and the same reports. */
static void assert_same_solution(snnk_fit *a, snnk_fit *b) {
    snnk_fit *const fits[] = {a, b};
    snnk_fit_report reports[2] = {{.size = sizeof reports[0]}, {.size = sizeof reports[0]}};
    float out[2][50 * L];
    const char *notes[2];

    for (int k = 0; k < 2; k++) {
        snnk_network *network;

        assert_ok(snnk_fit_solve_network(fits[k], NULL, &reports[k], &network));
        assert_ok(snnk_network_forward(network, 50, X, D, out[k], L, NULL));
        notes[k] = snnk_network_note(network, "units") ? "mm" : "";
        snnk_network_free(network);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_string_equal(notes[0], notes[1]);
    assert_memory_equal(&reports[0], &reports[1], sizeof reports[0]);
}

/* A fit that is saved after `half` rows and continued must equal one that was never saved, bit for
 * bit: its solution immediately, and after more rows, held out or not. */
static void check_round_trip(int of_network, const snnk_fit_config *config, size_t half,
                             int of_labels, int weighted) {
    snnk_fit *fit = fit_of(of_network, config), *loaded;
    size_t bytes, again_bytes;
    void *buffer, *again;

    add(fit, 0, half, of_labels, weighted);
    buffer = saved(fit, &bytes);
    assert_ok(snnk_fit_load_memory(buffer, bytes, NULL, &loaded));
    assert_int_equal(snnk_fit_rows(loaded), half);
    assert_int_equal(snnk_fit_inputs(loaded), D);
    assert_int_equal(snnk_fit_outputs(loaded), L);
    assert_int_equal(snnk_fit_features(loaded), M);
    assert_int_equal(snnk_fit_heldout_rows(loaded), snnk_fit_heldout_rows(fit));
    again = saved(loaded, &again_bytes);
    assert_int_equal(again_bytes, bytes);
    assert_memory_equal(again, buffer, bytes);
    free(again);
    free(buffer);
    if (half > 0) assert_same_solution(fit, loaded);
    add(fit, half, N, of_labels, weighted);
    add(loaded, half, N, of_labels, weighted);
    assert_same_solution(fit, loaded);
    if (half > 0) /* it knows the kind of its targets */
        assert_status(snnk_fit_add(loaded,
                                   SNNK_ROWS(.n = 1, .X = X, .Y = of_labels ? Y : NULL,
                                             .labels = of_labels ? NULL : labels),
                                   NULL),
                      SNNK_E_STATE);
    snnk_fit_free(loaded);
    snnk_fit_free(fit);
}

static void test_round_trips(void **state) {
    snnk_fit_config config;

    (void)state;
    for (int of_network = 0; of_network < 2; of_network++)
        for (int of_labels = 0; of_labels < 2; of_labels++) {
            assert_ok(snnk_fit_config_init(&config, sizeof config));
            check_round_trip(of_network, NULL, HALF, of_labels, of_labels);
            check_round_trip(of_network, NULL, 0, of_labels, 0);
            config.seed = UINT64_MAX;
            config.heldout_share = 1.0 / 3; /* not exact as a decimal number of 15 digits */
            config.rank_tolerance = 1e-7 / 3;
            config.n_ridges = 4;
            config.intercept = 0;
            config.precision = SNNK_PRECISION_SINGLE;
            check_round_trip(of_network, &config, HALF, of_labels, !of_labels);
            config.ridge = 0.1;
            config.precision = SNNK_PRECISION_DOUBLE;
            for (int32_t f = 0; f <= SNNK_FACTORIZATION_AUTO; f++) {
                config.factorization = f;
                check_round_trip(of_network, &config, HALF, of_labels, 0); /* AUTO has chosen */
                check_round_trip(of_network, &config, 20, of_labels, 0);   /* AUTO has not */
            }
        }
}

/* Of 16 different rows some are drawn one by one, before and after. */
static void test_few_different_rows(void **state) {
    float kept[N * D];

    (void)state;
    memcpy(kept, X, sizeof kept);
    for (size_t i = 0; i < N * D; i++) X[i] = X[i] > 0 ? 1 : 0;
    check_round_trip(0, NULL, HALF, 0, 0);
    memcpy(X, kept, sizeof kept);
}

/* More rows than the sample holds: the sample is the same afterwards. */
static void test_full_sample(void **state) {
    snnk_fit_config config;
    snnk_fit *fit, *loaded;
    size_t bytes;
    void *buffer;

    (void)state;
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.heldout_share = 0.5;
    fit = fit_of(0, &config);
    /* Equal rows are held out together, so each time the inputs are others. */
    for (int k = 0; k < 12; k++) {
        for (size_t i = 0; i < N * D; i++) X[i] += 1;
        add(fit, 0, N, 0, 0);
    }
    assert_true(snnk_fit_heldout_rows(fit) <= SNNK_FIT_MAX_HELDOUT);
    assert_true(snnk_fit_heldout_rows(fit) < 12 * N / 2 / 2); /* the share was halved */
    buffer = saved(fit, &bytes);
    assert_ok(snnk_fit_load_memory(buffer, bytes, NULL, &loaded));
    add(fit, 0, HALF, 0, 0);
    add(loaded, 0, HALF, 0, 0);
    assert_same_solution(fit, loaded);
    for (size_t i = 0; i < N * D; i++) X[i] -= 12;
    free(buffer);
    snnk_fit_free(loaded);
    snnk_fit_free(fit);
}

/* AUTO that chose QR can still merge moments after saving and loading; statistics for which QR was
 * requested cannot. Two columns that differ by a unit in the last place (6e-8) or not at all have a
 * condition number above 1e6. */
static void test_automatic(void **state) {
    snnk_fit_config config;
    snnk_map_config map_config;
    snnk_map *map;
    snnk_fit *fit, *loaded;
    snnk_lstsq *statistics, *moments;
    float x[100 * 2];
    size_t bytes;
    void *buffer;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        x[2 * i] = X[i];
        x[2 * i + 1] = i % 2 ? nextafterf(X[i], 9) : X[i];
    }
    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(2, &map_config, NULL, &map));
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.factorization = SNNK_FACTORIZATION_AUTO;
    config.ridge = 0;
    assert_ok(snnk_fit_create(map, 1, &config, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 100, .X = x, .Y = Y), NULL));
    buffer = saved(fit, &bytes);
    assert_ok(snnk_fit_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_fit_statistics(loaded, NULL, &statistics));
    assert_int_equal(snnk_lstsq_factorization(statistics), SNNK_FACTORIZATION_QR);
    assert_ok(snnk_lstsq_create(2, 1, NULL, &moments));
    assert_ok(snnk_lstsq_add(moments, SNNK_ROWS(.n = 100, .X = x, .Y = Y), NULL));
    assert_ok(snnk_lstsq_merge(statistics, moments));
    snnk_lstsq_free(moments);
    snnk_lstsq_free(statistics);
    free(buffer);
    snnk_fit_free(loaded);
    snnk_fit_free(fit);
    snnk_map_free(map);
}

/* ---- Refusals ---- */

static void assert_refuses(const void *sound, size_t n_sound, const char *key, const char *from,
                           const char *to, const char *tensor, const char *says) {
    snnk_fit *fit = NULL;
    size_t bytes;
    void *file = edited_file(sound, n_sound, key, from, to, tensor, &bytes);

    assert_status(snnk_fit_load_memory(file, bytes, NULL, &fit), SNNK_E_FORMAT);
    assert_says(says);
    assert_null(fit);
    free(file);
}

static void test_refuses_damage(void **state) {
    static const struct {
        const char *key, *from, *to, *tensor, *says;
    } cases[] = {
        {"snnk.fit", "{", "{,", NULL, "not JSON"},
        {"snnk.fit", "\"ridge\":-1", "\"ridge\":-2", NULL, "ridge = -2"},
        {"snnk.fit", "\"ridge\":-1", "\"ridge\":1", NULL, "must be 0 if the ridge is given"},
        {"snnk.fit", "\"n_ridges\":10", "\"n_ridges\":1", NULL, "n_ridges = 1"},
        {"snnk.fit", "\"intercept\":1", "\"intercept\":7", NULL, "intercept = 7"},
        {"snnk.fit", "\"precision\":\"double\"", "\"precision\":\"half\"", NULL, "precision"},
        {"snnk.fit", "\"factorization\":\"gram\"", "\"factorization\":\"qr\"", NULL,
         "the factorization is qr"},
        {"snnk.fit", "\"targets\":\"labels\"", "\"targets\":\"none\"", NULL, "heldout.y"},
        {"snnk.fit", "\"targets\":\"labels\"", "\"targets\":\"words\"", NULL, "targets"},
        {"snnk.fit", "\"weighted\":", "\"wayted\":", NULL, "weighted"},
        {"snnk.fit", "\"heldout_rows\":", "\"heldout_rows\":9", NULL,
         "must be 0 if the ridge is given"},
        {"snnk.fit", "\"seed\":\"0\"", "\"seed\":\"x\"", NULL, "seed"},
        {"snnk.fit", "\"of_network\":true", "\"of_network\":false", NULL, "has 2 layers"},
        {"snnk.rows", "1700", "1701", NULL, "1701 rows"},
        {"snnk.rows", "1700", "17", NULL, "17 rows"},
        {"snnk.fit", "\"threshold\":0.1", "\"threshold\":1", NULL, "the threshold 1"},
        {"snnk.fit", "\"threshold\":0.1", "\"threshold\":2", NULL, "threshold"},
        {"snnk.fit", "\"grouped\":", "\"grooped\":", NULL, "grouped"},
        {NULL, NULL, NULL, "heldout.keys", "heldout.keys"},
        {"snnk.kind", "fit", "network", NULL, "not a \"fit\""},
        {"snnk.statistics.rows", "1", "2", NULL, "do not match"},
        {NULL, NULL, NULL, "heldout.phi", "heldout.phi"},
        {NULL, NULL, NULL, "heldout.labels", "heldout.labels"},
        {NULL, NULL, NULL, "heldout.weights", "heldout.weights"},
        {NULL, NULL, NULL, "statistics.mean_y", "statistics.mean_y"},
    };
    snnk_fit *fit = fit_of(1, NULL), *loaded = fit;
    size_t bytes;
    unsigned char *buffer;

    (void)state;
    add(fit, 0, HALF, 1, 0);
    buffer = saved(fit, &bytes);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        assert_refuses(buffer, bytes, cases[k].key, cases[k].from, cases[k].to, cases[k].tensor,
                       cases[k].says);
    assert_status(snnk_fit_load_memory(buffer, bytes - 1, NULL, &loaded), SNNK_E_TRUNCATED);
    assert_null(loaded);
    buffer[bytes - 1] ^= 1;
    assert_status(snnk_fit_load_memory(buffer, bytes, NULL, &loaded), SNNK_E_CHECKSUM);
    free(buffer);
    snnk_fit_free(fit);
}

static void test_misuse(void **state) {
    snnk_network *network = network_of(), *narrow;
    snnk_fit *fit = fit_of(0, NULL), *quantized;
    char byte = 0;
    size_t bytes = 77;

    (void)state;
    assert_status(snnk_fit_saved_bytes(NULL, &bytes), SNNK_E_NULL);
    assert_status(snnk_fit_saved_bytes(fit, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_save_memory(NULL, &byte, 1), SNNK_E_NULL);
    assert_status(snnk_fit_save_memory(fit, NULL, 1), SNNK_E_NULL);
    assert_status(snnk_fit_save_memory(fit, &byte, 1), SNNK_E_SIZE);
    assert_status(snnk_fit_load_memory(&byte, 1, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_load_memory(NULL, 1, NULL, &quantized), SNNK_E_NULL);
    assert_null(quantized);
    assert_int_equal(bytes, 77);

    for (int32_t storage = SNNK_STORAGE_BF16; storage <= SNNK_STORAGE_BF16X3; storage++) {
        assert_ok(snnk_network_quantize(network, storage, NULL, NULL, NULL, &narrow));
        assert_ok(snnk_fit_create_from_network(narrow, L, NULL, &quantized));
        assert_status(snnk_fit_saved_bytes(quantized, &bytes), SNNK_E_UNSUPPORTED);
        assert_says("layer 0");
        snnk_fit_free(quantized);
        snnk_network_free(narrow);
    }
    snnk_network_free(network);
    snnk_fit_free(fit);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_fit *fit = fit_of(1, NULL), *loaded = NULL;
    size_t bytes, count = 0;
    void *buffer;
    int st = SNNK_OK;

    (void)state;
    add(fit, 0, 100, 0, 1);
    buffer = saved(fit, &bytes);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_fit_load_memory(buffer, bytes, &allocator, &loaded);
        assert_made(st, loaded);
        snnk_fit_free(loaded);
    });
    assert_ok(snnk_fit_load_memory(buffer, bytes, &allocator, &loaded));
    assert_survives_failing_allocations(memory, st, {
        count = 0;
        st = snnk_fit_saved_bytes(loaded, &count);
        assert_int_equal(count, st == SNNK_OK ? bytes : 0);
    });
    snnk_fit_free(loaded);
    assert_int_equal(memory.alive, 0);
    free(buffer);
    snnk_fit_free(fit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),        cmocka_unit_test(test_full_sample),
        cmocka_unit_test(test_few_different_rows), cmocka_unit_test(test_automatic),
        cmocka_unit_test(test_refuses_damage),     cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
