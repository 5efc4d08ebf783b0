/* src/fit/choose.c: what is chosen for data whose best features are known, and errors that other
 * code computes too. */
#include "support/alloc.h"
#include "support/compare.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/random.h"

enum { D = 3, N = 600 };

static float X[N * D], Y[N];
static double X_f64[N * D];
static int32_t labels[N];

static void draw_inputs(void) {
    for (size_t i = 0; i < N; i++) {
        double draws[D];

        snnk__random_normal(7, 100, i, 0, D, draws);
        for (size_t k = 0; k < D; k++) {
            X[i * D + k] = (float)draws[k];
            X_f64[i * D + k] = (double)X[i * D + k];
        }
    }
}

static snnk_choice *choose(size_t n_ways, const snnk_rows *const *ways, size_t outputs,
                           const snnk_choose_config *config) {
    snnk_choice *choice;

    assert_ok(snnk_choose(n_ways, ways, outputs, config, NULL, &choice));
    return choice;
}

static snnk_candidate candidate_of(const snnk_choice *choice, size_t k) {
    snnk_candidate candidate = {.size = sizeof candidate};

    assert_ok(snnk_choice_get(choice, k, &candidate));
    return candidate;
}

static snnk_choose_config settings(void) {
    snnk_choose_config config;

    assert_ok(snnk_choose_config_init(&config, sizeof config));
    return config;
}

/* Targets that are linear in the inputs: the identity leaves no error, other kinds of 512 features
 * do. With noise of variance 1 on targets of variance 15, nothing is better than 1/15 but for the
 * luck of 600 rows: sqrt(2/600) of it. */
static void test_linear_targets(void **state) {
    (void)state;
    draw_inputs();
    for (int noisy = 0; noisy < 2; noisy++) {
        const snnk_rows *rows = SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y);

        for (size_t i = 0; i < N; i++) {
            double noise;

            snnk__random_normal(8, 100, i, 0, 1, &noise);
            Y[i] = (float)(1e4 + X[i * D] - 2 * X[i * D + 1] + 3 * X[i * D + 2] + noisy * noise);
        }
        snnk_choice *choice = choose(1, &rows, 1, NULL);
        const snnk_candidate best = candidate_of(choice, 0);

        assert_int_equal(best.map->kind, SNNK_MAP_IDENTITY);
        assert_int_equal(best.rows, N);
        assert_int_equal(best.features, D);
        if (noisy)
            assert_close(best.error, 1.0 / 15, 5 * sqrt(2.0 / N), 0);
        else
            assert_true(best.error < 1e-6); /* targets are floats near 1e4: 5e-4 of 4, squared */
        snnk_choice_free(choice);
    }
}

/* Wavy targets need narrow Gaussian kernels: cos(6 z), z of length 1 on average after scaling, is
 * in the space of features with projection_scale 4, not in that of wide ones. */
static void test_wavy_targets(void **state) {
    const snnk_rows *rows = SNNK_ROWS(.n = N, .inputs = D, .X = X, .labels = labels);

    (void)state;
    draw_inputs();
    for (size_t i = 0; i < N; i++) labels[i] = cos(3.5 * (double)X[i * D]) > 0;
    snnk_choice *choice = choose(1, &rows, 2, NULL);
    const snnk_candidate best = candidate_of(choice, 0);

    assert_int_equal(best.map->kind, SNNK_MAP_GAUSSIAN);
    assert_true(best.map->projection_scale >= 2);
    bool linear = false;
    for (size_t k = 1; k < snnk_choice_candidates(choice); k++) {
        const snnk_candidate a = candidate_of(choice, k - 1), b = candidate_of(choice, k);

        assert_true(b.rows <= a.rows);
        if (a.rows == b.rows) assert_true(a.error <= b.error);
        /* The linear one is scored with all rows, so that the others can be compared with it. */
        linear |= b.map->kind == SNNK_MAP_IDENTITY && b.rows == N;
    }
    assert_true(linear);
    snnk_choice_free(choice);
}

/* Units: one input times 1000 is noise, the others tell everything. Standardizing must be chosen,
 * and the way in which the units were mended, if there is one with smaller error. */
static void test_scaling_and_ways(void **state) {
    static float large[N * D];
    const snnk_rows *ways[2] = {SNNK_ROWS(.n = N, .inputs = D, .X = large, .Y = Y),
                                SNNK_ROWS(.n = N, .inputs = 1, .X = X, .ldx = D)};

    (void)state;
    draw_inputs();
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < D; k++) large[i * D + k] = X[i * D + k] * (k == D - 1 ? 1000 : 1);
        Y[i] = fabsf(X[i * D]);
    }
    snnk_choice *choice = choose(1, ways, 1, NULL);
    assert_int_equal(candidate_of(choice, 0).scaling, SNNK_SCALING_STANDARDIZE);
    snnk_choice_free(choice);
    choice = choose(2, ways, 1, NULL); /* the second way has only the input that matters */
    assert_int_equal(candidate_of(choice, 0).way, 1);
    snnk_choice_free(choice);
}

/* Copies of rows do not make small errors: targets are noise, so no candidate explains more than
 * nothing. Groups of alike rows, which are not equal, do the same. Without groups, neighbors
 * predict each other. */
static void test_copies_and_groups(void **state) {
    static uint64_t groups[N];
    double noise[N / 3];

    (void)state;
    draw_inputs();
    snnk__random_normal(9, 100, 0, 0, N / 3, noise);
    for (size_t i = 0; i < N; i++) {
        groups[i] = i / 3 * 7;
        Y[i] = (float)noise[i / 3];
        for (size_t k = 0; k < D; k++) X[i * D + k] = X[i / 3 * 3 * D + k];
    }
    for (int alike = 0; alike < 3; alike++) {
        const snnk_rows *rows =
            SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y, .groups = alike == 1 ? groups : NULL);

        if (alike)
            for (size_t i = 0; i < N; i++) X[i * D] += 1e-4f * (float)(i % 3);
        snnk_choose_config config = settings();

        config.features = 256;
        snnk_choice *choice = choose(1, &rows, 1, &config);
        const double error = candidate_of(choice, 0).error;

        /* The variance of a mean of 200 numbers adds about 1/200 to the error 1. */
        if (alike < 2)
            assert_true(error > 0.95);
        else
            assert_true(error < 0.1);
        snnk_choice_free(choice);
    }
}

/* A row of weight w is the same as w copies of it, which are left out together. Both errors are of
 * the same sums in another order: 1e-9. */
static void test_weights_are_copies(void **state) {
    enum { ONCE = 200 };
    static float copies[3 * ONCE * D], targets[3 * ONCE];
    float weights[ONCE];
    snnk_choose_config config = settings();
    snnk_map_config map;
    size_t n = 0;

    (void)state;
    draw_inputs();
    assert_ok(snnk_map_config_init(&map, sizeof map));
    map.kind = SNNK_MAP_IDENTITY;
    config.map = &map;
    config.choose = 0;
    config.scaling = -1;
    for (size_t i = 0; i < ONCE; i++) {
        Y[i] = fabsf(X[i * D]) + X[i * D + 1];
        weights[i] = X[i * D] > 1 ? 3 : 1; /* the rows of large targets count more */
        for (size_t k = 0; k < (size_t)weights[i]; k++, n++) {
            for (size_t j = 0; j < D; j++) copies[n * D + j] = X[i * D + j];
            targets[n] = Y[i];
        }
    }
    const snnk_rows *rows = SNNK_ROWS(.n = ONCE, .inputs = D, .X = X, .Y = Y, .weights = weights);
    const snnk_rows *copied = SNNK_ROWS(.n = n, .inputs = D, .X = copies, .Y = targets);
    snnk_choice *of_weights = choose(1, &rows, 1, &config);
    snnk_choice *of_copies = choose(1, &copied, 1, &config);

    assert_close(candidate_of(of_weights, 0).error, candidate_of(of_copies, 0).error, 1e-9, 0);
    snnk_choice_free(of_weights);
    snnk_choice_free(of_copies);
}

/* A kind or a scale that is given stays. */
static void test_what_is_given_stays(void **state) {
    const snnk_rows *rows = SNNK_ROWS(.n = N, .inputs = D, .X_f64 = X_f64, .Y = Y);
    snnk_choose_config config = settings();
    snnk_map_config map;

    (void)state;
    draw_inputs();
    for (size_t i = 0; i < N; i++) Y[i] = fabsf(X[i * D]) + X[i * D + 1];
    assert_ok(snnk_map_config_init(&map, sizeof map));
    map.kind = SNNK_MAP_ELEMENTWISE;
    map.activation = SNNK_SILU; /* not in the list */
    map.projection_scale = 1.25;
    map.offset_scale = 0.5;
    config.map = &map;
    config.features = 32;
    for (int32_t what = 0; what < 8; what++) {
        config.choose = what;
        config.scaling = what % 2 ? -1 : SNNK_SCALING_CENTER;
        snnk_choice *choice = choose(1, &rows, 1, &config);

        for (size_t k = 0; k < snnk_choice_candidates(choice); k++) {
            const snnk_candidate c = candidate_of(choice, k);

            if (!(what & SNNK_CHOOSE_KIND)) {
                assert_int_equal(c.map->kind, SNNK_MAP_ELEMENTWISE);
                assert_int_equal(c.map->activation, SNNK_SILU);
            }
            if (!(what & SNNK_CHOOSE_SCALE)) assert_true(c.map->projection_scale == 1.25);
            if (!(what & SNNK_CHOOSE_SCALING)) assert_int_equal(c.scaling, config.scaling);
            assert_int_equal(c.map->seed, 0);
        }
        snnk_choice_free(choice);
    }
}

static void test_misuse(void **state) {
    const snnk_rows *rows = SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y);
    const snnk_rows *one = SNNK_ROWS(.n = 1, .inputs = D, .X = X, .Y = Y);
    const snnk_rows *fewer[] = {rows, one};
    snnk_choose_config config = settings();
    snnk_candidate candidate = {.size = sizeof candidate};
    snnk_choice *choice = NULL;

    (void)state;
    draw_inputs();
    for (size_t i = 0; i < N; i++) Y[i] = X[i * D];
    assert_status(snnk_choose(1, NULL, 1, NULL, NULL, &choice), SNNK_E_NULL);
    assert_status(snnk_choose(1, &rows, 1, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_choose(0, &rows, 1, NULL, NULL, &choice), SNNK_E_SHAPE);
    assert_status(snnk_choose(1, &rows, 0, NULL, NULL, &choice), SNNK_E_SHAPE);
    assert_status(snnk_choose(1, &one, 1, NULL, NULL, &choice), SNNK_E_STATE);
    assert_status(snnk_choose(2, fewer, 1, NULL, NULL, &choice), SNNK_E_SHAPE);
    assert_says("way 1");
    config.max_rows = 15;
    assert_status(snnk_choose(1, &rows, 1, &config, NULL, &choice), SNNK_E_RANGE);
    config = settings();
    config.features = 17;
    assert_status(snnk_choose(1, &rows, 1, &config, NULL, &choice), SNNK_E_RANGE);
    config = settings();
    config.choose = 8;
    assert_status(snnk_choose(1, &rows, 1, &config, NULL, &choice), SNNK_E_RANGE);
    config = settings();
    config.scaling = SNNK_SCALING_GIVEN;
    assert_status(snnk_choose(1, &rows, 1, &config, NULL, &choice), SNNK_E_ENUM);
    assert_null(choice);
    for (size_t i = 0; i < N * D; i++) X[i] = 1; /* constant inputs */
    assert_status(snnk_choose(1, &rows, 1, NULL, NULL, &choice), SNNK_E_STATE);
    draw_inputs();
    for (size_t i = 0; i < N; i++) Y[i] = 5; /* constant targets are predicted by anything */
    assert_ok(snnk_choose(1, &rows, 1, NULL, NULL, &choice));
    assert_int_equal(candidate_of(choice, 0).map->kind, SNNK_MAP_IDENTITY);
    assert_status(snnk_choice_get(NULL, 0, &candidate), SNNK_E_NULL);
    assert_status(snnk_choice_get(choice, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_choice_get(choice, 999, &candidate), SNNK_E_RANGE);
    candidate.size = 3;
    assert_status(snnk_choice_get(choice, 0, &candidate), SNNK_E_CONFIG);
    assert_int_equal(snnk_choice_candidates(NULL), 0);
    snnk_choice_free(choice);
    snnk_choice_free(NULL);
    X[4] = NAN;
    assert_status(snnk_choose(1, &rows, 1, NULL, NULL, &choice), SNNK_E_NONFINITE);
    assert_null(choice);
}

static void test_survives_failing_allocations(void **state) {
    const snnk_rows *rows = SNNK_ROWS(.n = 60, .inputs = D, .X = X, .Y = Y);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_choose_config config = settings();
    snnk_map_config map;
    int status = SNNK_OK;

    (void)state;
    draw_inputs();
    for (size_t i = 0; i < N; i++) Y[i] = X[i * D];
    assert_ok(snnk_map_config_init(&map, sizeof map));
    map.allocator = &allocator;
    config.map = &map;
    config.choose = SNNK_CHOOSE_SCALING;
    config.features = 16;
    assert_survives_failing_allocations(memory, status, {
        snnk_choice *choice = NULL;

        status = snnk_choose(1, &rows, 1, &config, NULL, &choice);
        assert_made(status, choice);
        snnk_choice_free(choice);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_targets),
        cmocka_unit_test(test_wavy_targets),
        cmocka_unit_test(test_scaling_and_ways),
        cmocka_unit_test(test_copies_and_groups),
        cmocka_unit_test(test_weights_are_copies),
        cmocka_unit_test(test_what_is_given_stays),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_survives_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
