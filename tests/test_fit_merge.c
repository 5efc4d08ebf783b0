/* src/fit/fit_merge.c: fits of parts of the rows, merged, against one fit of all rows. */
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include "fit/fit.h"

enum { D = 4, L = 2, M = 32, N = 20000 };

static float X[N * D], Y[N * L], weights[N];
static int32_t labels[N];
static uint64_t groups[N];

static int make_rows(void **state) {
    float *noise = malloc(sizeof Y);

    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(noise, N * L, 2);
    draw_floats(weights, N, 3);
    for (size_t i = 0; i < N; i++) {
        Y[i * L] = X[i * D] * X[i * D + 1] + 0.3F * noise[i * L];
        Y[i * L + 1] = X[i * D + 2] - X[i * D + 3] + 0.3F * noise[i * L + 1];
        labels[i] = Y[i * L] > Y[i * L + 1];
        weights[i] += 1.5F;
        groups[i] = i % 97;
    }
    free(noise);
    return 0;
}

static snnk_map *map_of(int32_t kind, uint64_t seed, const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.features = M;
    config.seed = seed;
    config.allocator = allocator;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    return map;
}

static snnk_fit_config merged_config(void) {
    snnk_fit_config config;

    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.center = 0;
    return config;
}

static snnk_fit *fit_of(const snnk_fit_config *config) {
    snnk_map *map = map_of(SNNK_MAP_GAUSSIAN, 7, NULL);
    snnk_fit *fit;

    assert_ok(snnk_fit_create(map, L, config, &fit));
    snnk_map_free(map);
    return fit;
}

/* What the rows of a case have. */
enum { LABELS = 1, WEIGHTS = 2, GROUPS = 4 };

static snnk_rows part(size_t first, size_t end, int with) {
    return *SNNK_ROWS(.n = end - first, .X = X + first * D,
                      .Y = with & LABELS ? NULL : Y + first * L,
                      .labels = with & LABELS ? labels + first : NULL,
                      .weights = with & WEIGHTS ? weights + first : NULL,
                      .groups = with & GROUPS ? groups + first : NULL);
}

static snnk_fit *fit_of_part(const snnk_fit_config *config, size_t first, size_t end, int with) {
    const snnk_rows rows = part(first, end, with);
    snnk_fit *fit = fit_of(config);

    assert_ok(snnk_fit_add(fit, &rows, NULL));
    return fit;
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The rows that a fit keeps, in any order: their keys, and the sum of each feature. */
static void assert_same_kept(const snnk_fit *a, const snnk_fit *b) {
    const snnk__feature_rows *rows[] = {&a->heldout.rows, &b->heldout.rows};
    const size_t n = rows[0]->n;
    uint64_t *keys[2];

    assert_int_equal(n, rows[1]->n);
    for (int k = 0; k < 2; k++) {
        keys[k] = malloc(n * sizeof **keys + 1);
        if (n > 0) memcpy(keys[k], rows[k]->keys, n * sizeof **keys);
        qsort(keys[k], n, sizeof **keys, by_value);
    }
    assert_memory_equal(keys[0], keys[1], n * sizeof **keys);
    for (size_t j = 0; j < M; j++) {
        double sum[2] = {0, 0};

        for (int k = 0; k < 2; k++)
            for (size_t i = 0; i < n; i++) sum[k] += (double)rows[k]->Phi[i * M + j];
        assert_close(sum[0], sum[1], 1e-10, 1e-8); /* thousands of terms up to 1, in double */
    }
    free(keys[0]);
    free(keys[1]);
}

/* The same rows, kept and not, the same lambda, and the same layer. Sums of the same rows in
 * another order differ by 1e-13 of their size; the condition number is about 1e4 with the lambdas
 * that are chosen here, so lambda has 8 digits or more; weights are floats, 6e-8 each. */
static void assert_same_fit(snnk_fit *merged, snnk_fit *whole) {
    snnk_fit *const fits[] = {merged, whole};
    snnk_fit_report reports[2] = {{.size = sizeof *reports}, {.size = sizeof *reports}};
    float B[2][L * M], b[2][L];

    assert_int_equal(snnk_fit_rows(merged), snnk_fit_rows(whole));
    assert_int_equal(snnk_fit_heldout_rows(merged), snnk_fit_heldout_rows(whole));
    assert_same_kept(merged, whole);
    for (int k = 0; k < 2; k++) {
        snnk_layer *layer;

        assert_ok(snnk_fit_solve(fits[k], NULL, &reports[k], &layer));
        assert_ok(snnk_layer_weights(layer, B[k], M, b[k]));
        snnk_layer_free(layer);
    }
    assert_int_equal(reports[0].rows, reports[1].rows);
    assert_int_equal(reports[0].method, reports[1].method);
    assert_close(reports[0].ridge, reports[1].ridge, 1e-8, 0);
    assert_close(reports[0].heldout_squared_error, reports[1].heldout_squared_error, 1e-6, 0);
    for (size_t i = 0; i < L * M; i++) assert_close(B[0][i], B[1][i], 1e-5, 1e-5);
    for (size_t i = 0; i < L; i++) assert_close(b[0][i], b[1][i], 1e-5, 1e-5);
}

/* Rows 0 ... n-1 in two unequal parts, merged in both directions, and in three. */
static void check_parts(const snnk_fit_config *config, size_t n, int with) {
    const size_t cut = n * 2 / 5, cuts[] = {0, n / 3, n / 2, n};
    snnk_fit *whole = fit_of_part(config, 0, n, with);
    snnk_fit *merged = fit_of(config);

    for (int turn = 0; turn < 2; turn++) {
        snnk_fit *parts[] = {fit_of_part(config, 0, cut, with), fit_of_part(config, cut, n, with)};

        assert_ok(snnk_fit_merge(parts[turn], parts[1 - turn], NULL));
        assert_same_fit(parts[turn], whole);
        snnk_fit_free(parts[0]);
        snnk_fit_free(parts[1]);
    }
    for (int k = 0; k < 3; k++) {
        snnk_fit *next = fit_of_part(config, cuts[k], cuts[k + 1], with);

        assert_ok(snnk_fit_merge(merged, next, NULL));
        snnk_fit_free(next);
    }
    assert_same_fit(merged, whole);
    snnk_fit_free(merged);
    snnk_fit_free(whole);
}

static void test_few_rows(void **state) {
    const snnk_fit_config config = merged_config();

    (void)state;
    check_parts(&config, 600, 0);
    check_parts(&config, 600, LABELS | WEIGHTS);
    check_parts(&config, 600, GROUPS);
}

/* From leaving rows out to held-out rows: in no part, in one part, in both. */
static void test_many_rows(void **state) {
    const snnk_fit_config config = merged_config();

    (void)state;
    check_parts(&config, 1500, 0);
    check_parts(&config, 2000, LABELS);
    check_parts(&config, 3000, 0);
    check_parts(&config, 3000, GROUPS);
    check_parts(&config, 12000, LABELS | WEIGHTS);
}

/* More than SNNK_FIT_MAX_HELDOUT rows are held out together, so that half of them is released. */
static void test_too_many_held_out(void **state) {
    snnk_fit_config config = merged_config();

    (void)state;
    config.heldout_share = 0.5;
    check_parts(&config, N, 0);
}

/* The factor of the rows that are not kept is merged too; AUTO chooses it for each part. */
static void test_factors(void **state) {
    snnk_fit_config config = merged_config();

    (void)state;
    config.factorization = SNNK_FACTORIZATION_QR;
    check_parts(&config, 3000, 0);
    config.factorization = SNNK_FACTORIZATION_AUTO;
    check_parts(&config, 3000, LABELS);
}

static void test_given_ridge(void **state) {
    snnk_fit_config config = merged_config();
    snnk_fit *parts[2], *whole;
    snnk_fit_report reports[2] = {{.size = sizeof *reports}, {.size = sizeof *reports}};

    (void)state;
    config.ridge = 0.5;
    parts[0] = fit_of_part(&config, 0, 1000, 0);
    parts[1] = fit_of_part(&config, 1000, 3000, 0);
    whole = fit_of_part(&config, 0, 3000, 0);
    assert_ok(snnk_fit_merge(parts[0], parts[1], NULL));
    for (int k = 0; k < 2; k++) {
        snnk_layer *layer;

        assert_ok(snnk_fit_solve(k ? whole : parts[0], NULL, &reports[k], &layer));
        snnk_layer_free(layer);
    }
    assert_int_equal(reports[0].rows, 3000);
    assert_close(reports[0].rss, reports[1].rss, 1e-10, 0); /* 3000 squares in double */
    snnk_fit_free(whole);
    snnk_fit_free(parts[0]);
    snnk_fit_free(parts[1]);
}

/* 24 rows, three times, with more features than different rows: each copy in another part, and
 * parts that end within a copy. Rows are left out with their copies, or lambda would be tiny. */
static void test_repeats(void **state) {
    const snnk_fit_config config = merged_config();
    snnk_fit_report report = {.size = sizeof report}, once = {.size = sizeof once};
    snnk_fit *of_copy = fit_of_part(&config, 0, 24, 0), *whole = fit_of(&config);
    snnk_layer *layer;

    (void)state;
    for (int k = 0; k < 3; k++) {
        const snnk_rows rows = part(0, 24, 0);

        assert_ok(snnk_fit_add(whole, &rows, NULL));
    }
    assert_ok(snnk_fit_solve(of_copy, NULL, &once, &layer));
    snnk_layer_free(layer);
    for (size_t cut = 0; cut <= 24; cut += 12) {
        snnk_fit *parts[] = {fit_of_part(&config, 0, 24, 0), fit_of(&config)};
        const snnk_rows rows[] = {part(0, cut, 0), part(cut, 24, 0), part(0, 24, 0)};

        assert_ok(snnk_fit_add(parts[0], &rows[0], NULL));
        assert_ok(snnk_fit_add(parts[1], &rows[1], NULL));
        assert_ok(snnk_fit_add(parts[1], &rows[2], NULL));
        assert_ok(snnk_fit_merge(parts[0], parts[1], NULL));
        assert_same_fit(parts[0], whole);
        assert_ok(snnk_fit_solve(parts[0], NULL, &report, &layer));
        snnk_layer_free(layer);
        /* lambda is relative to sums over rows divided by rows, so copies change nothing; both
         * searches try steps of 10^(13/27), 3.03. */
        assert_true(report.ridge / once.ridge > 0.3 && report.ridge / once.ridge < 10);
        snnk_fit_free(parts[0]);
        snnk_fit_free(parts[1]);
    }
    snnk_fit_free(whole);
    snnk_fit_free(of_copy);
}

/* 2000 rows of three kinds are drawn one by one, 2000 different ones by their content. Both ways, a
 * tenth of the rows is held out: 400, with a standard deviation of 19; five of them are allowed. A
 * sum of all features, by the statistics and by the held-out rows, has every row once. */
static void test_one_by_one(void **state) {
    const snnk_fit_config config = merged_config();

    (void)state;
    for (int turn = 0; turn < 4; turn++) {
        snnk_fit *parts[] = {fit_of(&config), fit_of_part(&config, 0, 2000, 0)};
        const snnk_rows few = part(0, 3, 0), more = part(2000, 2001 + 500, 0);
        snnk_fit *to = parts[turn % 2], *from = parts[1 - turn % 2];
        snnk_fit_report report = {.size = sizeof report};
        snnk_layer *layer;
        size_t held;

        for (size_t k = 0; k < 666; k++) assert_ok(snnk_fit_add(parts[0], &few, NULL));
        assert_true(parts[0]->heldout.singly && !parts[1]->heldout.singly);
        if (turn >= 2) { /* thresholds that differ */
            snnk__feature_rows released;

            snnk__heldout_restrict(&from->heldout, 0.05, &released);
            assert_ok(snnk__fit_release(from, &released, NULL));
        }
        assert_ok(snnk_fit_merge(to, from, NULL));
        assert_true(to->heldout.singly);
        assert_int_equal(snnk_fit_rows(to), 3998);
        held = (size_t)snnk_fit_heldout_rows(to);
        assert_int_equal(snnk_lstsq_rows(to->lstsq) + held, 3998);
        if (turn < 2)
            assert_in_range(held, 400 - 5 * 19, 400 + 5 * 19);
        else /* a twentieth: 200, 14 */
            assert_in_range(held, 200 - 5 * 14, 200 + 5 * 14);
        assert_ok(snnk_fit_add(to, &more, NULL));
        assert_ok(snnk_fit_solve(to, NULL, &report, &layer));
        assert_int_equal(report.rows, 3998 + 501);
        snnk_layer_free(layer);
        snnk_fit_free(parts[0]);
        snnk_fit_free(parts[1]);
    }
}

static void *saved(const snnk_fit *fit, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_fit_saved_bytes(fit, bytes));
    buffer = malloc(*bytes);
    assert_ok(snnk_fit_save_memory(fit, buffer, *bytes));
    return buffer;
}

static void assert_saved_same(const snnk_fit *fit, const void *before, size_t before_bytes) {
    size_t bytes;
    void *now = saved(fit, &bytes);

    assert_int_equal(bytes, before_bytes);
    assert_memory_equal(now, before, bytes);
    free(now);
}

/* A fit of no rows changes nothing, and merged into one of no rows gives the same. */
static void test_no_rows(void **state) {
    static const size_t counts[] = {600, 3000};
    const snnk_fit_config config = merged_config();

    (void)state;
    for (int k = 0; k < 2; k++) {
        snnk_fit *whole = fit_of_part(&config, 0, counts[k], LABELS), *empty = fit_of(&config);
        size_t bytes;
        void *before = saved(whole, &bytes);

        assert_ok(snnk_fit_merge(whole, empty, NULL));
        assert_saved_same(whole, before, bytes);
        assert_ok(snnk_fit_merge(empty, whole, NULL));
        assert_same_fit(empty, whole);
        assert_false(empty->heldout.singly);
        free(before);
        snnk_fit_free(empty);
        snnk_fit_free(whole);
    }
}

/* A fit that was saved and loaded, as another process gets it. */
static void test_loaded(void **state) {
    const snnk_fit_config config = merged_config();
    snnk_fit *whole = fit_of_part(&config, 0, 3000, 0), *to = fit_of_part(&config, 0, 900, 0);
    snnk_fit *from = fit_of_part(&config, 900, 3000, 0), *loaded;
    size_t bytes;
    void *buffer = saved(from, &bytes);

    (void)state;
    assert_ok(snnk_fit_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_fit_merge(to, loaded, NULL));
    assert_same_fit(to, whole);
    free(buffer);
    snnk_fit_free(loaded);
    snnk_fit_free(from);
    snnk_fit_free(to);
    snnk_fit_free(whole);
}

static snnk_fit *linear_fit(const snnk_fit_config *config) {
    snnk_map *map = map_of(SNNK_MAP_IDENTITY, 0, NULL);
    snnk_fit *fit;

    assert_ok(snnk_fit_create(map, L, config, &fit));
    snnk_map_free(map);
    return fit;
}

/* Column 3 is one constant in each part. Between the parts it varies by a thousandth, which floats
 * near 1e9, 64 apart, cannot hold: only both parts together show that it is lost. */
static void test_lost_inputs(void **state) {
    const snnk_fit_config config = merged_config();
    snnk_fit_report report = {.size = sizeof report};
    snnk_fit *parts[2];
    snnk_layer *layer;
    double inputs[100 * D];

    (void)state;
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < 100 * D; i++)
            inputs[i] = i % D == 3 ? 1e9 + 0.001 * k : (double)X[i + (size_t)k * 100 * D];
        parts[k] = linear_fit(&config);
        assert_ok(snnk_fit_add(parts[k], SNNK_ROWS(.n = 100, .X_f64 = inputs, .Y = Y), NULL));
        assert_ok(snnk_fit_solve(parts[k], NULL, &report, &layer));
        assert_int_equal(report.lost_inputs, 0);
        snnk_layer_free(layer);
    }
    for (int turn = 0; turn < 3; turn++) {
        snnk_fit *empty = linear_fit(&config);

        if (turn == 2) { /* saved and loaded */
            size_t bytes;
            void *buffer = saved(parts[0], &bytes);

            snnk_fit_free(empty);
            assert_ok(snnk_fit_load_memory(buffer, bytes, NULL, &empty));
            free(buffer);
        }
        if (turn == 0) { /* into a fit that knows no inputs in double yet */
            assert_ok(snnk_fit_merge(empty, parts[0], NULL));
            assert_ok(snnk_fit_merge(empty, parts[1], NULL));
        }
        if (turn == 1) assert_ok(snnk_fit_merge(parts[0], parts[1], NULL));
        assert_ok(snnk_fit_solve(turn == 1 ? parts[0] : empty, NULL, &report, &layer));
        assert_int_equal(report.lost_inputs, 1);
        assert_int_equal(report.first_lost_input, 3);
        snnk_layer_free(layer);
        snnk_fit_free(empty);
    }
    snnk_fit_free(parts[0]);
    snnk_fit_free(parts[1]);
}

/* With config.center = 0 the first rows do not change the map. */
static void test_center(void **state) {
    snnk_fit_config config = merged_config();

    (void)state;
    for (int k = 0; k < 2; k++) {
        snnk_map *map = map_of(SNNK_MAP_GAUSSIAN, 7, NULL);
        double inputs[10 * D];
        snnk_fit *fit;

        for (size_t i = 0; i < 10 * D; i++) inputs[i] = 1e6 + (double)X[i];
        config.center = k;
        assert_ok(snnk_fit_create(map, L, &config, &fit));
        assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X_f64 = inputs, .Y = Y), NULL));
        assert_int_equal(fit->features.map != map, k);
        snnk_fit_free(fit);
        snnk_map_free(map);
    }
    config.center = 2;
    snnk_map *map = map_of(SNNK_MAP_GAUSSIAN, 7, NULL);
    snnk_fit *fit;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_RANGE);
    snnk_map_free(map);
}

/* Merging `other` is refused, and changes nothing. */
static void check_refused(snnk_fit *fit, const snnk_fit *other, int status, const char *says) {
    size_t bytes;
    void *before = saved(fit, &bytes);

    assert_status(snnk_fit_merge(fit, other, NULL), status);
    assert_says(says);
    assert_saved_same(fit, before, bytes);
    free(before);
}

static void test_misuse(void **state) {
    const snnk_fit_config config = merged_config();
    snnk_fit *fit = fit_of_part(&config, 0, 200, 0);
    snnk_fit *other = fit_of_part(&config, 0, 200, LABELS);
    snnk_fit_config changed;
    snnk_map *map;

    (void)state;
    check_refused(fit, NULL, SNNK_E_NULL, "other is NULL");
    assert_status(snnk_fit_merge(NULL, other, NULL), SNNK_E_NULL);
    check_refused(fit, fit, SNNK_E_OVERLAP, "itself");
    check_refused(fit, other, SNNK_E_STATE, "labels");
    snnk_fit_free(other);

    other = fit_of_part(&config, 0, 200, 0);
    other->rows = UINT64_MAX - 100;
    check_refused(fit, other, SNNK_E_SIZE, "overflow");
    snnk_fit_free(other);

    for (int k = 0; k < 8; k++) {
        static const char *const names[] = {"ridge",         "heldout_share", "rank_tolerance",
                                            "intercept",     "n_ridges",      "precision",
                                            "factorization", "seed"};

        changed = config;
        if (k == 0) changed.ridge = 1;
        if (k == 1) changed.heldout_share = 0.2;
        if (k == 2) changed.rank_tolerance = 0.1;
        if (k == 3) changed.intercept = 0;
        if (k == 4) changed.n_ridges = 11;
        if (k == 5) changed.precision = SNNK_PRECISION_SINGLE;
        if (k == 6) changed.factorization = SNNK_FACTORIZATION_QR;
        if (k == 7) changed.seed = 3;
        other = fit_of_part(&changed, 0, 200, 0);
        check_refused(fit, other, SNNK_E_UNSUPPORTED, names[k]);
        snnk_fit_free(other);
    }

    for (int k = 0; k < 2; k++) { /* another map, and another number of outputs */
        map = map_of(SNNK_MAP_GAUSSIAN, k ? 7 : 8, NULL);
        assert_ok(snnk_fit_create(map, k ? L + 1 : L, &config, &other));
        check_refused(fit, other, k ? SNNK_E_SHAPE : SNNK_E_UNSUPPORTED,
                      k ? "3 outputs" : "different maps");
        snnk_fit_free(other);
        snnk_map_free(map);
    }

    snnk_network *network; /* of one tower */
    snnk_layer *tower;
    map = map_of(SNNK_MAP_GAUSSIAN, 7, NULL);
    assert_ok(snnk_layer_create_tower(map, &tower));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, tower));
    assert_ok(snnk_fit_create_from_network(network, L, &config, &other));
    check_refused(fit, other, SNNK_E_UNSUPPORTED, "network");
    snnk_fit_free(other);
    snnk_layer_free(tower);
    snnk_network_free(network);
    snnk_map_free(map);
    snnk_fit_free(fit);
}

/* What can fail is memory for facts on inputs in double, and for moments of a factor. */
static void test_survives_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_map *map = map_of(SNNK_MAP_IDENTITY, 0, &allocator);
    const snnk_fit_config config = merged_config();
    double inputs[200 * D];
    int st;

    (void)state;
    for (size_t i = 0; i < 200 * D; i++) inputs[i] = (double)X[i];
    assert_survives_failing_allocations(memory, st, {
        const long allowed = memory.fail_after;
        snnk_fit *fit, *other;

        test_memory_allow(&memory, -1);
        assert_ok(snnk_fit_create(map, L, &config, &fit));
        assert_ok(snnk_fit_create(map, L, &config, &other));
        assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 100, .X = X, .Y = Y), NULL));
        assert_ok(snnk_fit_add(other, SNNK_ROWS(.n = 200, .X_f64 = inputs, .Y = Y), NULL));
        test_memory_allow(&memory, allowed);
        st = snnk_fit_merge(fit, other, NULL);
        assert_int_equal(snnk_fit_rows(fit), st == SNNK_OK ? 300 : 100);
        assert_int_equal(fit->lost.first != NULL, st == SNNK_OK);
        snnk_fit_free(other);
        snnk_fit_free(fit);
    });
    snnk_map_free(map);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_too_many_held_out),
        cmocka_unit_test(test_factors),
        cmocka_unit_test(test_given_ridge),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_loaded),
        cmocka_unit_test(test_lost_inputs),
        cmocka_unit_test(test_center),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_survives_failing_allocations),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
