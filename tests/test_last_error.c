/* snnk_last_error belongs to the last call that failed: calls that succeed leave its sentence
 * unchanged, even if they recovered from a failure inside. (Every assert_ok of every test checks
 * that; these tests use calls that are known to recover.) */
#include "support/compare.h"
#include "support/draw.h"
#include "support/files.h"

#include <stdlib.h>

#define FAILURE "the failure before"

static int set_failure(void **state) {
    (void)state;
    snnk_fail(SNNK_E_RANGE, FAILURE);
    return 0;
}

#define assert_untouched() assert_string_equal(snnk_last_error(), FAILURE)

/* ---- Solving ---- */

enum { N = 400, M = 6 };

/* Constant features, for which only a ridge makes the system solvable. */
static snnk_lstsq *constant_features(void) {
    float Phi[4] = {2, 2, 2, 2}, Y[4] = {1, 2, 3, 4};
    snnk_lstsq *lstsq;

    assert_ok(snnk_lstsq_create(1, 1, NULL, &lstsq));
    assert_ok(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = 4, .X = Phi, .Y = Y), NULL));
    return lstsq;
}

static void test_issue_15_lambdas_without_a_solution_leave_no_sentence(void **state) {
    const double ridges[] = {0, 1, 0};
    double errors[3], B, b;
    snnk_solve_config config;
    snnk_lstsq *train = constant_features(), *heldout = constant_features();
    size_t best;

    (void)state;
    assert_ok(snnk_lstsq_choose_ridge(train, heldout, NULL, 3, ridges, NULL, errors, &best));
    assert_int_equal(best, 1);
    assert_true(isinf(errors[0]) && isinf(errors[2]));
    assert_untouched();

    /* Ridge 0 does fail, so the call above recovered from that failure. */
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 0;
    assert_status(snnk_lstsq_solve(train, &config, NULL, &B, 1, &b, NULL), SNNK_E_SINGULAR);
    assert_says("constant");
    snnk_lstsq_free(train);
    snnk_lstsq_free(heldout);
}

/* A system of rank 1 with 2 features, by every factorization. */
static void test_issue_15_a_singular_system_leaves_no_sentence(void **state) {
    float Phi[2 * N], Y[N];

    (void)state;
    draw_floats(Y, N, 1);
    for (size_t i = 0; i < N; i++) Phi[2 * i] = Phi[2 * i + 1] = Y[i];
    for (int32_t f = 0; f <= SNNK_FACTORIZATION_AUTO; f++) {
        snnk_solve_config config;
        snnk_solve_report report = {.size = sizeof report};
        snnk_lstsq *lstsq;
        double B[2], b;

        assert_ok(snnk_lstsq_create(2, 1, NULL, &lstsq));
        assert_ok(snnk_lstsq_set_factorization(lstsq, f));
        assert_ok(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = N, .X = Phi, .Y = Y), NULL));
        assert_ok(snnk_solve_config_init(&config, sizeof config));
        config.ridge = 0;
        assert_ok(snnk_lstsq_solve(lstsq, &config, NULL, B, 2, &b, &report));
        assert_int_equal(report.rank, 1);
        snnk_lstsq_free(lstsq);
    }
    assert_untouched();
}

/* Without a ridge, B = 1.5 times the largest float; with the largest ridge of the grid it is half
 * of that, so the small ridges are skipped. */
static void test_issue_15_ridges_that_overflow_leave_no_sentence(void **state) {
    float x[N], y[N];
    snnk_map_config config;
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *layer;

    (void)state;
    draw_floats(x, N, 2);
    for (size_t i = 0; i < N; i++) {
        y[i] = 5.1e18f * x[i];
        x[i] *= 1e-20f;
    }
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(1, &config, NULL, &map));
    assert_ok(snnk_fit_create(map, 1, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = x, .Y = y), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    assert_untouched();
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
}

/* ---- Calibrating ---- */

/* Some spectra are not resolved, and some settings have no room for a row, among those that are
 * tried. */
static void test_issue_15_calibrating_leaves_no_sentence(void **state) {
    enum { D = 8, L = 12 };
    /* 8 features have no room for a row of sin, which has no Fourier integral either; some spectra
     * of GELU are not resolved. */
    static const struct {
        int32_t activation;
        uint64_t features;
    } cases[] = {{SNNK_SIN, 8}, {SNNK_GELU, 64}};
    float X[N * D], W[L * D];

    (void)state;
    draw_floats(X, N * D, 3);
    draw_floats(W, L * D, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snnk_urf_config config;
        snnk_map *map;
        snnk_layer *layer;

        assert_ok(snnk_urf_config_init(&config, sizeof config));
        config.features = cases[i].features;
        assert_ok(snnk_urf_calibrate(D, cases[i].activation, NULL, SNNK_ROWS(.n = 64, .X = X), L, W,
                                     D, NULL, &config, NULL, &map));
        assert_ok(snnk_layer_create_from_dense(D, L, W, D, NULL, cases[i].activation,
                                               SNNK_ROWS(.n = 64, .X = X), &config, NULL, &layer));
        snnk_map_free(map);
        snnk_layer_free(layer);
    }
    assert_untouched();
}

/* ---- Distilling ---- */

enum { D = 5, H = 20, ROWS = 1200 };

/* A teacher with H neurons, but only `distinct` different ones: no more features than that are
 * independent. */
static snnk_network *repeating_network(size_t distinct) {
    float W[H * D], V[3 * H];
    snnk_layer *layers[2];
    snnk_network *network;

    draw_floats(W, distinct * D, 5);
    draw_floats(V, 3 * H, 6);
    for (size_t i = distinct; i < H; i++) memcpy(W + i * D, W + i % distinct * D, D * sizeof *W);
    assert_ok(snnk_layer_create_dense(D, H, W, D, NULL, SNNK_RELU, NULL, &layers[0]));
    assert_ok(snnk_layer_create_dense(H, 3, V, H, NULL, SNNK_IDENTITY, NULL, &layers[1]));
    assert_ok(snnk_network_create(NULL, &network));
    for (int k = 0; k < 2; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    return network;
}

static void test_issue_15_distilling_leaves_no_sentence(void **state) {
    float X[ROWS * D];
    snnk_distill *distill;

    (void)state;
    draw_floats(X, ROWS * D, 7);
    for (size_t distinct = 2; distinct <= 6; distinct += 2) {
        snnk_network *network = repeating_network(distinct);
        size_t features;

        assert_ok(snnk_distill_create(snnk_network_layer(network, 0),
                                      snnk_network_layer(network, 1), SNNK_ROWS(.n = ROWS, .X = X),
                                      NULL, NULL, &distill));
        /* Doubling exceeds the number of independent features, unless a size that is enough comes
         * first. */
        assert_ok(snnk_distill_features_of_error(distill, 0.01, &features));
        assert_true(features <= distinct + D);
        for (size_t m = 1; m <= distinct; m++) {
            snnk_layer *layer;

            assert_ok(snnk_distill_solve(distill, m, NULL, NULL, &layer));
            snnk_layer_free(layer);
        }
        snnk_distill_free(distill);
        snnk_network_free(network);
    }
    assert_untouched();
}

/* More features are requested than are independent, so fewer are given. With a budget, sizes are
 * tried until there are no more. */
static void test_issue_15_compressing_leaves_no_sentence(void **state) {
    const size_t features[] = {H, 0};
    float X[ROWS * D];
    snnk_network *network = repeating_network(3), *compressed;
    snnk_compress_config config;

    (void)state;
    draw_floats(X, ROWS * D, 8);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = ROWS, .X = X), features, NULL, NULL,
                                    NULL, NULL, &compressed));
    assert_true(snnk_layer_features(snnk_network_layer(compressed, 0)) < H);
    snnk_network_free(compressed);
    assert_ok(snnk_compress_config_init(&config, sizeof config));
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = ROWS, .X = X), NULL, &config, NULL,
                                    NULL, NULL, &compressed));
    snnk_network_free(compressed);
    snnk_network_free(network);
    assert_untouched();
}

/* ---- Files ---- */

static void test_issue_15_opening_files_leaves_no_sentence(void **state) {
    static const char csv[] = "a,b\n1,x\n2,y\n";
    static const char idx[] = {0, 0, 8, 1, 0, 0, 0, 2, 5, 6};
    const float rows[] = {1, 2, 3, 4};
    snnk_network *network = repeating_network(2), *loaded;
    snnk_table *table;
    test_files files;

    (void)state;
    test_files_make(&files);
    assert_ok(snnk_table_open(test_write(&files, "a.csv", csv, sizeof csv - 1), NULL, &table));
    snnk_table_free(table);
    assert_ok(snnk_table_open(test_write(&files, "a.idx", idx, sizeof idx), NULL, &table));
    snnk_table_free(table);
    assert_ok(snnk_table_save_npy(test_path(&files, "a.npy"), 2, 2, rows, 2));
    assert_ok(snnk_table_open(files.path, NULL, &table));
    snnk_table_free(table);
    assert_ok(snnk_network_save(network, test_path(&files, "a.safetensors"), SNNK_SAVE_ROWS));
    assert_ok(snnk_network_load(files.path, NULL, &loaded));
    assert_untouched();
    snnk_network_free(loaded);
    snnk_network_free(network);
    test_files_remove(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_issue_15_lambdas_without_a_solution_leave_no_sentence,
                               set_failure),
        cmocka_unit_test_setup(test_issue_15_a_singular_system_leaves_no_sentence, set_failure),
        cmocka_unit_test_setup(test_issue_15_ridges_that_overflow_leave_no_sentence, set_failure),
        cmocka_unit_test_setup(test_issue_15_calibrating_leaves_no_sentence, set_failure),
        cmocka_unit_test_setup(test_issue_15_distilling_leaves_no_sentence, set_failure),
        cmocka_unit_test_setup(test_issue_15_compressing_leaves_no_sentence, set_failure),
        cmocka_unit_test_setup(test_issue_15_opening_files_leaves_no_sentence, set_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
