/* src/model/lstsq_file.c, rls_file.c: files that tests/data/make_statistics.py wrote without the
 * library. The 3 x 3 systems in them have condition numbers below 20. */
#include "data/statistics_files.h"
#include "support/files.h"

#define RTOL 1e-13

static void check_loads(const unsigned char *file, size_t bytes, double weight,
                        const double *solution) {
    enum { M = FILE_FEATURES, T = FILE_TARGETS };
    double B[T * M], b[T];
    snnk_solve_config config;
    snnk_lstsq *lstsq;

    assert_ok(snnk_lstsq_load_memory(file, bytes, NULL, &lstsq));
    assert_int_equal(snnk_lstsq_rows(lstsq), FILE_ROWS);
    assert_true(snnk_lstsq_weight(lstsq) == weight);
    assert_int_equal(snnk_lstsq_factorization(lstsq), SNNK_FACTORIZATION_GRAM);
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = file_ridge;
    assert_ok(snnk_lstsq_solve(lstsq, &config, NULL, B, M, b, NULL));
    for (size_t i = 0; i < T * M; i++) assert_close(B[i], solution[i], RTOL, 0);
    for (size_t k = 0; k < T; k++) assert_close(b[k], solution[T * M + k], RTOL, 0);
    snnk_lstsq_free(lstsq);
}

static void test_lstsq(void **state) {
    (void)state;
    check_loads(lstsq_1, sizeof lstsq_1, 5, lstsq_1_solution);
    check_loads(lstsq_2, sizeof lstsq_2, 5.25, lstsq_2_solution);
}

static double leverage(const snnk_rls *rls) {
    float y[FILE_TARGETS];
    double value;

    assert_ok(snnk_rls_predict(rls, 1, rls_1_phi, FILE_FEATURES, y, FILE_TARGETS, &value));
    return value;
}

static void test_rls(void **state) {
    double B[FILE_TARGETS * FILE_FEATURES];
    test_files files;
    snnk_rls *rls;

    (void)state;
    test_files_make(&files);
    assert_ok(snnk_rls_load(test_write(&files, "a.rls", rls_1, sizeof rls_1), NULL, &rls));
    assert_int_equal(snnk_rls_rows(rls), 7);
    assert_close(leverage(rls), rls_1_leverage, RTOL, 0);
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = rls_1_phi, .Y = rls_1_y), NULL, 0));
    assert_ok(snnk_rls_solution(rls, B, FILE_FEATURES));
    for (size_t i = 0; i < FILE_TARGETS * FILE_FEATURES; i++)
        assert_close(B[i], rls_1_updated[i], RTOL, 0);
    assert_close(leverage(rls), rls_1_leverage_updated, RTOL, 0);
    snnk_rls_free(rls);
    test_files_remove(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lstsq), cmocka_unit_test(test_rls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
