/* snnk_fit_add_copies: changed copies of rows, of which none is held out. Against least squares on
 * the rows that should have been used. */
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include "fit/fit.h"

enum { D = 4, N = 3000, COPIES = 3 };

static float X[N * D], Y[N], copies[COPIES][N * D];
static uint64_t groups[N];

static int make_rows(void **state) {
    float *noise = malloc(sizeof *noise * N * D);

    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(noise, N, 2);
    for (size_t i = 0; i < N; i++) {
        Y[i] = X[i * D] - 2 * X[i * D + 1] + 0.5F * noise[i];
        groups[i] = 1000003 * (i + 1);
    }
    for (size_t k = 0; k < COPIES; k++) {
        draw_floats(noise, N * D, 3 + k);
        for (size_t j = 0; j < (size_t)N * D; j++) copies[k][j] = X[j] + 0.3F * noise[j];
    }
    free(noise);
    return 0;
}

static snnk_map *identity(const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *map;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    config.allocator = allocator;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    return map;
}

static snnk_fit_config config_of(double ridge, uint64_t seed) {
    snnk_fit_config config;

    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = ridge;
    config.seed = seed;
    config.center = 0;
    return config;
}

static snnk_fit *fit_of(const snnk_fit_config *config) {
    snnk_map *map = identity(NULL);
    snnk_fit *fit;

    assert_ok(snnk_fit_create(map, 1, config, &fit));
    snnk_map_free(map);
    return fit;
}

static snnk_rows part_of(const float *from, size_t first, size_t n) {
    return *SNNK_ROWS(.n = n, .X = from + first * D, .Y = Y + first, .groups = groups + first);
}

static void add_rows(snnk_fit *fit, size_t n) {
    const snnk_rows rows = part_of(X, 0, n);

    assert_ok(snnk_fit_add(fit, &rows, NULL));
}

static void add_all_copies(snnk_fit *fit, size_t n, size_t block) {
    for (size_t k = 0; k < COPIES; k++)
        for (size_t first = 0; first < n; first += block) {
            const snnk_rows rows = part_of(copies[k], first, n - first < block ? n - first : block);

            assert_ok(snnk_fit_add_copies(fit, &rows, NULL));
        }
}

static bool is_held(const snnk_fit *fit, uint64_t group) {
    for (size_t i = 0; i < fit->heldout.rows.n; i++)
        if (fit->heldout.rows.keys[i] == group) return true;
    return false;
}

/* Least squares on the rows, if with_held all of them, and the copies of those that are not held
 * out. b: the coefficients, then the bias. */
static void solve_directly(const snnk_fit *fit, size_t n, bool with_held, double ridge,
                           double b[D + 1]) {
    snnk_solve_config solve;
    snnk_lstsq *direct;

    assert_ok(snnk_lstsq_create(D, 1, NULL, &direct));
    for (size_t i = 0; i < n; i++) {
        const bool held = is_held(fit, groups[i]);
        const snnk_rows row = part_of(X, i, 1);

        if (!held || with_held) assert_ok(snnk_lstsq_add(direct, &row, NULL));
        for (size_t k = 0; k < COPIES && !held; k++) {
            const snnk_rows copy = part_of(copies[k], i, 1);

            assert_ok(snnk_lstsq_add(direct, &copy, NULL));
        }
    }
    assert_ok(snnk_solve_config_init(&solve, sizeof solve));
    solve.ridge = ridge;
    assert_ok(snnk_lstsq_solve(direct, &solve, NULL, b, D, b + D, NULL));
    snnk_lstsq_free(direct);
}

/* The solution is that of all rows and the copies of rows that are not held out; the error is that
 * of the held-out rows, predicted without them and without any copy of them. */
static void check(snnk_fit *fit, size_t n, size_t held, const snnk_fit_report *report,
                  const snnk_layer *layer) {
    double b[D + 1], error = 0;
    float weights[D], bias;
    size_t count = 0;

    assert_int_equal(report->rows, n + COPIES * (n - held));
    assert_int_equal(snnk_fit_rows(fit), report->rows);
    solve_directly(fit, n, true, report->ridge, b);
    assert_ok(snnk_layer_weights(layer, weights, D, &bias));
    for (size_t k = 0; k < D; k++) assert_close(weights[k], b[k], 1e-6, 1e-7);
    assert_close(bias, b[D], 1e-6, 1e-7);

    solve_directly(fit, n, false, report->ridge, b);
    for (size_t i = 0; i < n; i++) {
        double residual = (double)Y[i] - b[D];

        if (!is_held(fit, groups[i])) continue;
        for (size_t k = 0; k < D; k++) residual -= b[k] * (double)X[i * D + k];
        error += residual * residual;
        count++;
    }
    assert_int_equal(count, held);
    assert_close(report->heldout_error, error / (double)held, 1e-5, 0);
}

static void test_many_rows(void **state) {
    static const size_t blocks[] = {N, 700, 1024};

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const snnk_fit_config config = config_of(SNNK_RIDGE_AUTO, k);
        snnk_fit_report report = {.size = sizeof report};
        snnk_fit *fit = fit_of(&config);
        snnk_layer *layer;

        add_rows(fit, N);
        const size_t held = (size_t)snnk_fit_heldout_rows(fit);

        assert_in_range(held, N / 20, N / 5);
        add_all_copies(fit, N, blocks[k]);
        assert_int_equal(snnk_fit_heldout_rows(fit), held); /* no copy is held out */
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        assert_int_equal(report.heldout_rows, held);
        check(fit, N, held, &report, layer);
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
}

/* Few rows are held out too, from the first copy on; a solution before does not matter. */
static void test_few_rows(void **state) {
    enum { FEW = 300 };
    snnk_fit_config config = config_of(SNNK_RIDGE_AUTO, 4);
    snnk_fit_report report = {.size = sizeof report};
    snnk_layer *layer;

    (void)state;
    config.heldout_share = 0.25;
    snnk_fit *fit = fit_of(&config);

    add_rows(fit, FEW);
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    snnk_layer_free(layer);
    assert_int_equal(report.heldout_rows, 0); /* each was left out */
    add_all_copies(fit, FEW, FEW);
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_in_range(report.heldout_rows, FEW / 8, FEW / 2);
    check(fit, FEW, (size_t)report.heldout_rows, &report, layer);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
}

/* With a given ridge copies are rows like others, with or without groups before. */
static void test_given_ridge(void **state) {
    const snnk_fit_config config = config_of(3, 0);
    snnk_fit *fit = fit_of(&config), *all = fit_of(&config);
    float weights[2][D], bias[2];
    snnk_layer *layer;

    (void)state;
    add_rows(fit, N);
    add_all_copies(fit, N, 900);
    add_rows(all, N);
    for (size_t k = 0; k < COPIES; k++) {
        const snnk_rows rows = part_of(copies[k], 0, N);

        assert_ok(snnk_fit_add(all, &rows, NULL));
    }
    assert_int_equal(snnk_fit_rows(fit), N * (COPIES + 1));
    for (size_t k = 0; k < 2; k++) {
        assert_ok(snnk_fit_solve(k ? all : fit, NULL, NULL, &layer));
        assert_ok(snnk_layer_weights(layer, weights[k], D, &bias[k]));
        snnk_layer_free(layer);
    }
    for (size_t k = 0; k < D; k++) assert_close(weights[0][k], weights[1][k], 1e-6, 1e-7);
    snnk_fit_free(fit);
    snnk_fit_free(all);
}

static void test_misuse(void **state) {
    const snnk_fit_config config = config_of(SNNK_RIDGE_AUTO, 0);
    snnk_fit *fit = fit_of(&config);
    snnk_rows rows = part_of(copies[0], 0, 100), plain = part_of(X, 0, 100), none = rows;
    static uint64_t one[N];

    (void)state;
    assert_status(snnk_fit_add_copies(NULL, &rows, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_add_copies(fit, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_add_copies(fit, &rows, NULL), SNNK_E_STATE);
    assert_says("add the rows first");
    none.n = 0;
    assert_ok(snnk_fit_add_copies(fit, &none, NULL));
    plain.groups = NULL;
    assert_ok(snnk_fit_add(fit, &plain, NULL));
    assert_status(snnk_fit_add_copies(fit, &rows, NULL), SNNK_E_STATE);
    assert_says("have no groups");
    rows.groups = NULL;
    assert_status(snnk_fit_add_copies(fit, &rows, NULL), SNNK_E_NULL);
    assert_says("groups is NULL");
    rows = part_of(copies[0], 0, 100);
    rows.X = NULL;
    assert_status(snnk_fit_add_copies(fit, &rows, NULL), SNNK_E_NULL);
    snnk_fit_free(fit);

    fit = fit_of(&config); /* one group that is too large to be held out */
    plain = part_of(X, 0, N);
    plain.groups = one;
    for (int k = 0; k < 4; k++) assert_ok(snnk_fit_add(fit, &plain, NULL));
    rows = part_of(copies[0], 0, 100);
    rows.groups = one;
    assert_status(snnk_fit_add_copies(fit, &rows, NULL), SNNK_E_STATE);
    assert_says("groups are so large");
    snnk_fit_free(fit);

    fit = fit_of(&config);
    add_rows(fit, 100);
    rows = part_of(copies[0], 0, 100);
    copies[0][5] = NAN;
    assert_status(snnk_fit_add_copies(fit, &rows, NULL), SNNK_E_NONFINITE);
    copies[0][5] = 0;
    assert_int_equal(snnk_fit_rows(fit), 100);
    snnk_fit_free(fit);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_fit_config config = config_of(SNNK_RIDGE_AUTO, 0);
    int st = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        snnk_map_config plain;
        snnk_map *map = NULL;
        snnk_fit *fit = NULL;
        const snnk_rows rows = part_of(X, 0, N), copy = part_of(copies[0], 0, N);

        snnk_map_config_init(&plain, sizeof plain);
        plain.kind = SNNK_MAP_IDENTITY;
        plain.allocator = &allocator;
        st = snnk_map_create(D, &plain, NULL, &map);
        if (st == SNNK_OK) st = snnk_fit_create(map, 1, &config, &fit);
        if (st == SNNK_OK) st = snnk_fit_add(fit, &rows, NULL);
        if (st == SNNK_OK) {
            const uint64_t before = snnk_fit_rows(fit);

            st = snnk_fit_add_copies(fit, &copy, NULL);
            if (st != SNNK_OK) assert_int_equal(snnk_fit_rows(fit), before);
        }
        snnk_fit_free(fit);
        snnk_map_free(map);
    });
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_rows),      cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_given_ridge),    cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests_name("fit_copies", tests, make_rows, NULL);
}
