/* src/solve, the collecting half: statistics from rows, merging, refusals, memory. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/statistics.h"

static snnk_lstsq *create(size_t m, size_t t) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(m, t, NULL, &s));
    return s;
}

/* Means (1, 2) of rows (0, 2), (1, 4), (2, 0), targets 0, 3, 6 with mean 3. Centred rows (-1, 0),
 * (0, 2), (1, -2) and -3, 0, 3, hence S = (2, -2; -2, 8), C = (6, -6), yy = 18. */
static void test_by_hand(void **state) {
    const float Phi[] = {0, 2, 1, 4, 2, 0}, Y[] = {0, 3, 6};
    snnk_lstsq *s = create(2, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(s, 3, Phi, 2, Y, 1));
    assert_int_equal(snnk_lstsq_rows(s), 3);
    assert_int_equal(snnk_lstsq_features(s), 2);
    assert_int_equal(snnk_lstsq_targets(s), 1);
    /* Small integers: every operation is exact. */
    assert_true(s->mean_phi[0] == 1 && s->mean_phi[1] == 2 && s->mean_y[0] == 3);
    assert_true(s->S[0] == 2 && s->S[2] == -2 && s->S[3] == 8);
    assert_true(s->C[0] == 6 && s->C[1] == -6 && s->yy[0] == 18);
    snnk_lstsq_free(s);
}

/* Rows in many cuts, forwards, backwards, with strides, and merged: always the plain two-pass sums.
 * Rounding: each moment is a sum of n products, each off by a few eps, so by at most about
 * n eps = 2000 * 2.2e-16 = 4e-13 of the Cauchy-Schwarz bound. */
static void test_batches(void **state) {
    enum { N = 2000, M = 13, T = 3 };
    static const size_t cuts[] = {N, 1, 7, 300, SNNK__LSTSQ_BLOCK_ROWS, SNNK__LSTSQ_BLOCK_ROWS + 1};
    float *Phi = statistics_random(N * M, 1), *Y = statistics_random(N * T, 2);
    snnk_lstsq *expected = create(M, T);

    (void)state;
    statistics_set_float(expected, N, Phi, Y);
    for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
        snnk_lstsq *forward = create(M, T), *backward = create(M, T), *merged = create(M, T);

        for (size_t i = 0; i < N; i += cuts[c]) {
            const size_t n = cuts[c] < N - i ? cuts[c] : N - i;
            snnk_lstsq *part = create(M, T);

            assert_ok(snnk_lstsq_add(forward, n, Phi + i * M, M, Y + i * T, T));
            assert_ok(snnk_lstsq_add(part, n, Phi + i * M, M, Y + i * T, T));
            assert_ok(snnk_lstsq_merge(merged, part));
            snnk_lstsq_free(part);
        }
        for (size_t i = N; i > 0;) {
            const size_t n = cuts[c] < i ? cuts[c] : i;

            i -= n;
            assert_ok(snnk_lstsq_add(backward, n, Phi + i * M, M, Y + i * T, T));
        }
        statistics_assert_close(forward, expected, 4e-13, 1e-15);
        statistics_assert_close(backward, expected, 4e-13, 1e-15);
        statistics_assert_close(merged, expected, 4e-13, 1e-15);
        snnk_lstsq_free(merged);
        snnk_lstsq_free(backward);
        snnk_lstsq_free(forward);
    }
    snnk_lstsq_free(expected);
    free(Y);
    free(Phi);
}

/* Columns of a wider matrix, whose other columns are NaN and must not be looked at. */
static void test_strides(void **state) {
    enum { N = 50, M = 3, LDPHI = 5, LDY = 4 };
    float *Phi = statistics_random(N * M, 3), *Y = statistics_random(N, 4);
    float wide[N * LDPHI], wide_y[N * LDY];
    snnk_lstsq *packed = create(M, 1), *strided = create(M, 1);

    (void)state;
    for (size_t i = 0; i < N * LDPHI; i++) wide[i] = NAN;
    for (size_t i = 0; i < N * LDY; i++) wide_y[i] = NAN;
    for (size_t i = 0; i < N; i++) {
        memcpy(wide + i * LDPHI, Phi + i * M, M * sizeof *Phi);
        wide_y[i * LDY] = Y[i];
    }
    assert_ok(snnk_lstsq_add(packed, N, Phi, M, Y, 1));
    assert_ok(snnk_lstsq_add(strided, N, wide, LDPHI, wide_y, LDY));
    statistics_assert_same(strided, N, statistics_copy(packed));
    snnk_lstsq_free(strided);
    snnk_lstsq_free(packed);
    free(Y);
    free(Phi);
}

/* Features of mean 1e6 and spread 1.15, multiples of 1/16, so that the float rows are exact.
 * Expected: those without the 1e6. Means are doubles near 1e6, so their differences delta are off by
 * up to 2^-33 = 1.2e-10. Each of 5 merges adds w delta delta^T, w <= 2500 500 / 3000 = 417, delta
 * within five sigma of 0: 5 * 1.15 / sqrt(500) = 0.26. Off by at most 5 * 2 * 417 * 0.26 * 1.2e-10 =
 * 1.3e-7 of 3000 * 1.15^2 = 4000: 3.3e-11. Uncentred sums would lose eps 1e12 = 2e-4. */
static void test_large_mean(void **state) {
    enum { N = 3000, M = 4 };
    float *small = statistics_random(N * M, 5), *large = malloc(N * M * sizeof *large);
    float *Y = statistics_random(N, 6);
    snnk_lstsq *expected = create(M, 1), *s = create(M, 1);

    (void)state;
    for (size_t i = 0; i < N * M; i++) {
        small[i] = roundf(small[i] * 64) / 16; /* uniform on -2 ... 2 */
        large[i] = small[i] + 1e6F;
    }
    statistics_set_float(expected, N, small, Y);
    for (size_t i = 0; i < N; i += 500)
        assert_ok(snnk_lstsq_add(s, 500, large + i * M, M, Y + i, 1));
    for (size_t j = 0; j < M; j++) s->mean_phi[j] -= 1e6;
    statistics_assert_close(s, expected, 3.3e-11, 6e-10); /* the mean: 10 roundings of 6e-11 */
    snnk_lstsq_free(s);
    snnk_lstsq_free(expected);
    free(Y);
    free(large);
    free(small);
}

/* A column of one value has no second moment at all, whatever the cuts: 0.1f is no sum of few bits,
 * so a mean by summing would be off. */
static void test_constant_column(void **state) {
    enum { N = 1500 };
    float Phi[2 * N], Y[N];
    snnk_lstsq *s = create(2, 1), *other = create(2, 1);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        Phi[2 * i] = 0.1F;
        Phi[2 * i + 1] = (float)(i % 7);
        Y[i] = (float)(i % 3) - 0.3F;
    }
    assert_ok(snnk_lstsq_add(s, 1, Phi, 2, Y, 1));
    assert_ok(snnk_lstsq_add(s, N, Phi, 2, Y, 1));
    assert_ok(snnk_lstsq_add(other, 333, Phi, 2, Y, 1));
    assert_ok(snnk_lstsq_merge(s, other));
    assert_true(s->mean_phi[0] == (double)0.1F);
    assert_true(s->S[0] == 0 && s->S[2] == 0 && s->C[0] == 0);
    snnk_lstsq_free(other);
    snnk_lstsq_free(s);
}

static void test_labels(void **state) {
    enum { N = 1000, M = 5, T = 4 };
    float *Phi = statistics_random(N * M, 7), *Y = calloc(N * T, sizeof *Y);
    int32_t labels[N];
    snnk_lstsq *a = create(M, T), *expected = create(M, T);

    (void)state;
    for (size_t i = 0; i < N; i++) {
        labels[i] = (int32_t)(i * i % (T - 1)); /* 0 and 1; 2 and 3 never occur */
        Y[i * T + (size_t)labels[i]] = 1;
    }
    statistics_set_float(expected, N, Phi, Y);
    assert_ok(snnk_lstsq_add_labels(a, 300, Phi, M, labels));
    assert_ok(snnk_lstsq_add_labels(a, N - 300, Phi + 300 * M, M, labels + 300));
    statistics_assert_close(a, expected, 2.2e-13, 1e-15); /* n eps, as in test_batches */
    assert_true(a->yy[T - 1] == 0);
    snnk_lstsq_free(expected);
    snnk_lstsq_free(a);
    free(Y);
    free(Phi);
}

static void test_merge_special(void **state) {
    const float Phi[] = {1, 2, 3, 5}, Y[] = {1, -1};
    snnk_lstsq *a = create(2, 1), *empty = create(2, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(a, 2, Phi, 2, Y, 1));
    double *before = statistics_copy(a);
    assert_ok(snnk_lstsq_merge(a, empty)); /* changes nothing */
    statistics_assert_same(a, 2, before);
    assert_ok(snnk_lstsq_merge(empty, a)); /* copies */
    statistics_assert_same(empty, 2, statistics_copy(a));
    assert_ok(snnk_lstsq_merge(a, a)); /* every row twice: S = 2 (2, 3; 3, 9/2), C = 2 (-2, -3) */
    assert_int_equal(snnk_lstsq_rows(a), 4);
    assert_true(a->S[0] == 4 && a->S[2] == 6 && a->S[3] == 9 && a->C[0] == -4 && a->C[1] == -6);
    snnk_lstsq_free(empty);
    snnk_lstsq_free(a);
}

static void test_create_refuses(void **state) {
    snnk_allocator half = {NULL, NULL, NULL};
    snnk_lstsq *s = (snnk_lstsq *)state;

    assert_status(snnk_lstsq_create(2, 1, NULL, NULL), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_create(0, 1, NULL, &s), SNNK_E_SHAPE);
    assert_says("features = 0");
    assert_null(s);
    assert_status(snnk_lstsq_create(2, 0, NULL, &s), SNNK_E_SHAPE);
    assert_says("targets = 0");
    assert_status(snnk_lstsq_create(2, 1, &half, &s), SNNK_E_NULL);
    assert_says("allocator->alloc is NULL");
    assert_status(snnk_lstsq_create((size_t)1 << 31, 1, NULL, &s), SNNK_E_SIZE);
    assert_says("features = 2147483648 exceeds the BLAS integer");
    assert_status(snnk_lstsq_create(1, SIZE_MAX, NULL, &s), SNNK_E_SIZE); /* a -1 from elsewhere */
    assert_says("targets = ");
    /* 8 m^2 = 2^65 bytes. */
    assert_status(snnk_lstsq_create(2147483647, 1, NULL, &s), SNNK_E_SIZE);
    assert_says("feature moments");
    assert_null(s);

    snnk_lstsq_free(NULL);
    assert_int_equal(snnk_lstsq_features(NULL), 0);
    assert_int_equal(snnk_lstsq_targets(NULL), 0);
    assert_int_equal(snnk_lstsq_rows(NULL), 0);
}

/* No refusal changes a bit. */
static void test_add_refuses(void **state) {
    float Phi[] = {1, 2, 3, 4, 5, 6}, Y[] = {1, 2, 3, 4, 5, 6};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    snnk_lstsq *s = create(2, 2);

    (void)state;
    assert_ok(snnk_lstsq_add(s, 3, Phi, 2, Y, 2));
    double *before = statistics_copy(s);

    assert_status(snnk_lstsq_add(NULL, 3, Phi, 2, Y, 2), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_add(s, 3, NULL, 2, Y, 2), SNNK_E_NULL);
    assert_says("Phi is NULL");
    assert_status(snnk_lstsq_add(s, 3, Phi, 2, NULL, 2), SNNK_E_NULL);
    assert_says("Y is NULL");
    assert_status(snnk_lstsq_add(s, 3, Phi, 1, Y, 2), SNNK_E_STRIDE);
    assert_says("leading dimension of Phi, 1");
    assert_status(snnk_lstsq_add(s, 3, Phi, 2, Y, 1), SNNK_E_STRIDE);
    assert_says("leading dimension of Y, 1");
    assert_status(snnk_lstsq_add(s, SIZE_MAX / 2, Phi, 2, Y, 2), SNNK_E_SIZE);
    assert_says("do not fit in memory");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Phi[5] = bad[i];
        assert_status(snnk_lstsq_add(s, 3, Phi, 2, Y, 2), SNNK_E_NONFINITE);
        assert_says("Phi[2][1] = ");
        Phi[5] = 6;
        Y[4] = bad[i];
        assert_status(snnk_lstsq_add(s, 3, Phi, 2, Y, 2), SNNK_E_NONFINITE);
        assert_says("Y[2][0] = ");
        Y[4] = 5;
    }
    assert_ok(snnk_lstsq_add(s, 0, NULL, 2, NULL, 2));
    assert_ok(snnk_lstsq_add_labels(s, 0, NULL, 2, NULL));

    int32_t labels[] = {0, 1, 2};

    assert_status(snnk_lstsq_add_labels(NULL, 3, Phi, 2, labels), SNNK_E_NULL);
    assert_status(snnk_lstsq_add_labels(s, 3, NULL, 2, labels), SNNK_E_NULL);
    assert_status(snnk_lstsq_add_labels(s, 3, Phi, 1, labels), SNNK_E_STRIDE);
    assert_status(snnk_lstsq_add_labels(s, 3, Phi, 2, NULL), SNNK_E_NULL);
    assert_says("labels is NULL");
    assert_status(snnk_lstsq_add_labels(s, 3, Phi, 2, labels), SNNK_E_RANGE);
    assert_says("labels[2] = 2 is not in 0 ... 1");
    labels[2] = -1;
    assert_status(snnk_lstsq_add_labels(s, 3, Phi, 2, labels), SNNK_E_RANGE);
    assert_says("labels[2] = -1");
    labels[2] = 1;
    Phi[0] = NAN;
    assert_status(snnk_lstsq_add_labels(s, 3, Phi, 2, labels), SNNK_E_NONFINITE);
    assert_says("Phi[0][0]");
    statistics_assert_same(s, 3, before);
    snnk_lstsq_free(s);
}

/* The largest and the smallest floats are finite, and their squares fit a double. */
static void test_extreme_floats(void **state) {
    const float Phi[] = {3.4028235e38F, -3.4028235e38F, 0}, Y[] = {1.4e-45F, 0, 0};
    snnk_lstsq *s = create(1, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(s, 3, Phi, 1, Y, 1));
    assert_close(s->S[0], 2 * 3.4028234663852886e38 * 3.4028234663852886e38, 1e-15, 0);
    snnk_lstsq_free(s);
}

static void test_counts_do_not_wrap(void **state) {
    const float x[] = {1, 2};
    snnk_lstsq *a = create(1, 1), *b = create(1, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(a, 2, x, 1, x, 1));
    assert_ok(snnk_lstsq_add(b, 2, x, 1, x, 1));
    a->rows = UINT64_MAX - 1;
    double *before = statistics_copy(a);
    assert_status(snnk_lstsq_add(a, 2, x, 1, x, 1), SNNK_E_SIZE);
    assert_says("more than a count can hold");
    assert_status(snnk_lstsq_merge(a, b), SNNK_E_SIZE);
    assert_says("more than a count can hold");
    statistics_assert_same(a, UINT64_MAX - 1, before);
    snnk_lstsq_free(b);
    snnk_lstsq_free(a);
}

static void test_merge_refuses(void **state) {
    snnk_lstsq *a = create(2, 1), *b = create(3, 1), *c = create(2, 2);

    (void)state;
    assert_status(snnk_lstsq_merge(NULL, a), SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_merge(a, NULL), SNNK_E_NULL);
    assert_says("other is NULL");
    assert_status(snnk_lstsq_merge(a, b), SNNK_E_SHAPE);
    assert_says("other has 3 features and 1 targets, lstsq 2 and 1");
    assert_status(snnk_lstsq_merge(a, c), SNNK_E_SHAPE);
    snnk_lstsq_free(c);
    snnk_lstsq_free(b);
    snnk_lstsq_free(a);
}

static void test_failing_memory(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const float Phi[] = {1, 2, 3, 5}, Y[] = {1, -1};
    snnk_lstsq *s = NULL;
    int st;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_lstsq_create(2, 1, &allocator, &s);
        assert_true((s == NULL) == (st != SNNK_OK));
        snnk_lstsq_free(s);
    });

    /* Adding allocates nothing. */
    assert_ok(snnk_lstsq_create(2, 1, &allocator, &s));
    const long calls = memory.calls;
    assert_ok(snnk_lstsq_add(s, 2, Phi, 2, Y, 1));
    assert_ok(snnk_lstsq_merge(s, s));
    assert_int_equal(memory.calls, calls);
    snnk_lstsq_free(s);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_large_mean),
        cmocka_unit_test(test_constant_column),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_merge_special),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_add_refuses),
        cmocka_unit_test(test_extreme_floats),
        cmocka_unit_test(test_counts_do_not_wrap),
        cmocka_unit_test(test_merge_refuses),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
