/* src/map/scaling.c: input scalings, learned from data or given. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

enum { N = 257, D = 5 };

/* Inputs with very different offset and spread; input 3 is constant, at a value that is not exact
 * in binary. */
static void make_inputs(float X[N * D]) {
    static const double offset[D] = {0, 1e4, -3, 0.1f, 1e-20}, spread[D] = {1, 2, 1e-3, 0, 1e-20};
    uint64_t draws = 3;

    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++)
            X[i * D + k] = (float)(offset[k] + spread[k] * draw_uniform(&draws));
}

/* The definition in two passes, in long double. */
static void reference(const float X[N * D], double mean[D], double variance[D]) {
    for (size_t k = 0; k < D; k++) {
        long double sum = 0, squares = 0;

        for (size_t i = 0; i < N; i++) sum += (long double)X[i * D + k];
        sum /= N;
        for (size_t i = 0; i < N; i++) {
            const long double deviation = (long double)X[i * D + k] - sum;

            squares += deviation * deviation;
        }
        mean[k] = (double)sum;
        variance[k] = (double)(squares / N);
    }
}

static snnk_scaling *learn(int32_t mode, const float X[N * D], size_t batch) {
    snnk_scaling *scaling;

    assert_ok(snnk_scaling_create(D, mode, NULL, &scaling));
    for (size_t i = 0; i < N; i += batch)
        assert_ok(snnk_scaling_add(scaling,
                                   SNNK_ROWS(.n = i + batch < N ? batch : N - i, .X = X + i * D)));
    return scaling;
}

/* A running mean has N additions of 2^-53 relative to the largest |x|: 257 2^-53 10^4 = 3e-10, for
 * an input of spread 1. So 1e-12 of the mean and 1e-9 of the deviation cover every input here. */
static void test_modes_against_two_passes(void **state) {
    static const size_t batches[] = {1, 7, 64, N};
    double mean[D], variance[D], m[D], s[D], total = 0;
    float X[N * D];

    (void)state;
    make_inputs(X);
    reference(X, mean, variance);
    for (size_t k = 0; k < D; k++) total += variance[k];
    assert_true(variance[3] == 0 && variance[0] > 0);
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
        for (int32_t mode = SNNK_SCALING_CENTER; mode <= SNNK_SCALING_STANDARDIZE; mode++) {
            snnk_scaling *scaling = learn(mode, X, batches[b]);

            assert_ok(snnk_scaling_get(scaling, m, s));
            for (size_t k = 0; k < D; k++) {
                const double deviation = sqrt(variance[k]);

                assert_close(m[k], mean[k], 1e-12, 1e-12 * deviation);
                if (mode == SNNK_SCALING_CENTER) assert_true(s[k] == 1);
                if (mode == SNNK_SCALING_COMMON) assert_close(s[k], 1 / sqrt(total), 1e-9, 0);
                if (mode == SNNK_SCALING_STANDARDIZE)
                    assert_close(s[k], deviation > 0 ? 1 / deviation : 1, 1e-9, 0);
            }
            snnk_scaling_free(scaling);
        }
}

/* The purpose of the modes: inputs of variance 1 each, or of mean square length 1. Worked by hand:
 * rows (1, 0), (3, 4): means 2, 2; variances 1, 4. */
static void test_two_rows_by_hand(void **state) {
    const float X[] = {1, 0, -99, 3, 4, -99};
    static const double scale[3][2] = {
        {1, 1}, {0.44721359549995794, 0.44721359549995794}, {1, 0.5}}; /* 1/sqrt(1 + 4) */
    double m[2], s[2];

    (void)state;
    for (int32_t mode = 0; mode < 3; mode++) {
        snnk_scaling *scaling;

        assert_ok(snnk_scaling_create(2, mode, NULL, &scaling));
        assert_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = 2, .X = X, .ldx = 3)));
        assert_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = 0)));
        assert_ok(snnk_scaling_get(scaling, m, NULL));
        assert_ok(snnk_scaling_get(scaling, NULL, s));
        assert_true(m[0] == 2 && m[1] == 2);
        assert_close(s[0], scale[mode][0], 1e-15, 0); /* a few roundings */
        assert_close(s[1], scale[mode][1], 1e-15, 0);
        snnk_scaling_free(scaling);
    }
}

static void test_one_row_has_no_spread(void **state) {
    const float x[2] = {5, 0.1f};
    double m[2], s[2];

    (void)state;
    for (int32_t mode = 0; mode < 3; mode++) {
        snnk_scaling *scaling;

        assert_ok(snnk_scaling_create(2, mode, NULL, &scaling));
        assert_ok(snnk_scaling_add(scaling, SNNK_ROWS(.n = 1, .X = x, .ldx = 2)));
        assert_ok(snnk_scaling_get(scaling, m, s));
        assert_true(m[0] == 5 && m[1] == (double)0.1f && s[0] == 1 && s[1] == 1);
        snnk_scaling_free(scaling);
    }
}

static void test_given(void **state) {
    const double mean[2] = {0.1, -1e30}, scale[2] = {1e-30, 3};
    double m[2] = {7, 7}, s[2] = {7, 7};
    snnk_scaling *scaling;
    const float x[2] = {1, 2};

    (void)state;
    assert_ok(snnk_scaling_create_given(2, mean, scale, NULL, &scaling));
    assert_ok(snnk_scaling_get(scaling, m, s));
    assert_memory_equal(m, mean, sizeof m);
    assert_memory_equal(s, scale, sizeof s);
    assert_status(snnk_scaling_add(scaling, SNNK_ROWS(.n = 1, .X = x, .ldx = 2)), SNNK_E_STATE);
    assert_says("cannot learn");
    snnk_scaling_free(scaling);
    assert_ok(snnk_scaling_create_given(2, NULL, NULL, NULL, &scaling));
    assert_ok(snnk_scaling_get(scaling, m, s));
    assert_true(m[0] == 0 && m[1] == 0 && s[0] == 1 && s[1] == 1);
    snnk_scaling_free(scaling);
}

static void test_bad_given_values(void **state) {
    static const struct {
        double mean, scale;
        int status;
        const char *says;
    } cases[] = {
        {NAN, 1, SNNK_E_NONFINITE, "mean[1] = nan"},
        {-INFINITY, 1, SNNK_E_NONFINITE, "mean[1] = -inf"},
        {0, INFINITY, SNNK_E_NONFINITE, "scale[1] = inf"},
        {0, NAN, SNNK_E_NONFINITE, "scale[1] = nan"},
        {0, 0, SNNK_E_RANGE, "scale[1] = 0 is not in 1e-30 ... 1e+30"},
        {0, -1, SNNK_E_RANGE, "scale[1] = -1"},
        {0, 1e31, SNNK_E_RANGE, "scale[1] = 1e+31"},
        {0, 1e-31, SNNK_E_RANGE, "scale[1] = 1e-31"},
        {-2e30, 1, SNNK_E_RANGE, "mean[1] = -2e+30"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double mean[2] = {0, cases[i].mean}, scale[2] = {1, cases[i].scale};
        snnk_scaling *scaling = (snnk_scaling *)&cases;

        assert_status(snnk_scaling_create_given(2, mean, scale, NULL, &scaling), cases[i].status);
        assert_says(cases[i].says);
        assert_null(scaling);
    }
}

static void test_refused_rows_change_nothing(void **state) {
    float X[N * D];
    double before[2 * D], after[2 * D];
    snnk_scaling *scaling;

    (void)state;
    make_inputs(X);
    scaling = learn(SNNK_SCALING_STANDARDIZE, X, N);
    assert_ok(snnk_scaling_get(scaling, before, before + D));
    X[20 * D + 4] = NAN;
    assert_status(snnk_scaling_add(scaling, SNNK_ROWS(.n = N, .X = X)), SNNK_E_NONFINITE);
    assert_says("X[20][4] = nan");
    X[20 * D + 4] = -INFINITY;
    assert_status(snnk_scaling_add(scaling, SNNK_ROWS(.n = N, .X = X)), SNNK_E_NONFINITE);
    assert_says("X[20][4] = -inf");
    assert_status(snnk_scaling_add(scaling, SNNK_ROWS(.n = 2, .X = X, .ldx = D - 1)),
                  SNNK_E_STRIDE);
    assert_says("4, is smaller than its 5 columns");
    assert_status(snnk_scaling_add(scaling, SNNK_ROWS(.n = 2, .X = NULL)), SNNK_E_NULL);
    assert_status(snnk_scaling_add(scaling, SNNK_ROWS(.n = SIZE_MAX / 2, .X = X)), SNNK_E_SIZE);
    assert_status(snnk_scaling_add(NULL, SNNK_ROWS(.n = 2, .X = X)), SNNK_E_NULL);
    assert_ok(snnk_scaling_get(scaling, after, after + D));
    assert_memory_equal(before, after, sizeof before);
    snnk_scaling_free(scaling);
}

static void test_misuse(void **state) {
    snnk_scaling *scaling = (snnk_scaling *)&state;
    snnk_allocator broken = {NULL, NULL, NULL};
    double m[1] = {7};

    (void)state;
    assert_status(snnk_scaling_create(0, SNNK_SCALING_CENTER, NULL, &scaling), SNNK_E_SHAPE);
    assert_null(scaling);
    assert_says("inputs = 0");
    assert_status(snnk_scaling_create(1, SNNK_SCALING_GIVEN, NULL, &scaling), SNNK_E_ENUM);
    assert_says("mode = 3");
    assert_status(snnk_scaling_create(1, -1, NULL, &scaling), SNNK_E_ENUM);
    assert_status(snnk_scaling_create(SIZE_MAX / 8 + 1, SNNK_SCALING_COMMON, NULL, &scaling),
                  SNNK_E_SIZE);
    assert_status(snnk_scaling_create(1, SNNK_SCALING_CENTER, &broken, &scaling), SNNK_E_NULL);
    assert_status(snnk_scaling_create(1, SNNK_SCALING_CENTER, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_scaling_create_given(0, NULL, NULL, NULL, &scaling), SNNK_E_SHAPE);
    assert_status(snnk_scaling_create_given(1, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_scaling_get(NULL, m, m), SNNK_E_NULL);

    assert_ok(snnk_scaling_create(1, SNNK_SCALING_CENTER, NULL, &scaling));
    assert_status(snnk_scaling_get(scaling, m, NULL), SNNK_E_STATE);
    assert_says("no rows were added");
    assert_true(m[0] == 7);
    snnk_scaling_free(scaling);
    snnk_scaling_free(NULL);
}

/* The check of given values once looped over `inputs` even without arrays, and did not end. */
static void test_absurd_width_without_arrays_is_refused_at_once(void **state) {
    snnk_scaling *scaling = (snnk_scaling *)&state;

    (void)state;
    assert_status(snnk_scaling_create_given(SIZE_MAX / 8 + 1, NULL, NULL, NULL, &scaling),
                  SNNK_E_SIZE);
    assert_null(scaling);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_scaling *scaling;
    int status;

    (void)state;
    assert_survives_failing_allocations(memory, status, {
        status = snnk_scaling_create(D, SNNK_SCALING_COMMON, &allocator, &scaling);
        assert_made(status, scaling);
        snnk_scaling_free(scaling);
    });
    assert_survives_failing_allocations(memory, status, {
        status = snnk_scaling_create_given(D, NULL, NULL, &allocator, &scaling);
        assert_made(status, scaling);
        snnk_scaling_free(scaling);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes_against_two_passes),
        cmocka_unit_test(test_two_rows_by_hand),
        cmocka_unit_test(test_one_row_has_no_spread),
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_bad_given_values),
        cmocka_unit_test(test_refused_rows_change_nothing),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_absurd_width_without_arrays_is_refused_at_once),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
