/* src/solve: statistics from rows, merging, refused input, memory. (Solving: test_ridge.c.) */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/statistics.h"

static snnk_lstsq *create(size_t m, size_t t) {
    snnk_lstsq *s = NULL;

    assert_ok(snnk_lstsq_create(m, t, NULL, &s));
    return s;
}

/* Means (1, 2) of rows (0, 2), (1, 4), (2, 0), targets 0, 3, 6 with mean 3. Centered rows (-1, 0),
 * (0, 2), (1, -2) and -3, 0, 3, hence S = (2, -2; -2, 8), C = (6, -6), yy = 18. */
static void test_by_hand(void **state) {
    const float Phi[] = {0, 2, 1, 4, 2, 0}, Y[] = {0, 3, 6};
    snnk_lstsq *s = create(2, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    assert_int_equal(snnk_lstsq_rows(s), 3);
    assert_int_equal(snnk_lstsq_features(s), 2);
    assert_int_equal(snnk_lstsq_targets(s), 1);
    /* Small integers: every operation is exact. */
    assert_true(s->mean_phi[0] == 1 && s->mean_phi[1] == 2 && s->mean_y[0] == 3);
    assert_true(s->S[0] == 2 && s->S[2] == -2 && s->S[3] == 8);
    assert_true(s->C[0] == 6 && s->C[1] == -6 && s->yy[0] == 18);
    snnk_lstsq_free(s);
}

/* Rows in various batches, forwards, backwards, with strides, and merged, always give the plain
 * two-pass sums. Rounding: each moment is a sum of n products, each with an error of a few eps, so
 * at most about n eps = 2000 * 2.2e-16 = 4e-13 of the Cauchy-Schwarz bound. */
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

            assert_ok(snnk_lstsq_add(
                forward, SNNK_ROWS(.n = n, .X = Phi + i * M, .ldx = M, .Y = Y + i * T, .ldy = T),
                NULL));
            assert_ok(snnk_lstsq_add(
                part, SNNK_ROWS(.n = n, .X = Phi + i * M, .ldx = M, .Y = Y + i * T, .ldy = T),
                NULL));
            assert_ok(snnk_lstsq_merge(merged, part));
            snnk_lstsq_free(part);
        }
        for (size_t i = N; i > 0;) {
            const size_t n = cuts[c] < i ? cuts[c] : i;

            i -= n;
            assert_ok(snnk_lstsq_add(
                backward, SNNK_ROWS(.n = n, .X = Phi + i * M, .ldx = M, .Y = Y + i * T, .ldy = T),
                NULL));
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

static snnk_lstsq *statistics_of(size_t n, size_t m, size_t t, const float *Phi, const float *Y,
                                 int32_t precision, snnk_workspace *workspace) {
    snnk_lstsq *s = create(m, t);

    assert_ok(snnk_lstsq_set_precision(s, precision));
    assert_ok(
        snnk_lstsq_add(s, SNNK_ROWS(.n = n, .X = Phi, .ldx = m, .Y = Y, .ldy = t), workspace));
    return s;
}

/* Sizes around the widths of panels and tiles: 8 and 24 columns in double, 16 and 48 in float, 192
 * and 384 of a group; and around blocks of 384 rows, one row of them holds the shift of the
 * mean. */
static void test_sizes(void **state) {
    static const size_t ms[] = {1, 7, 8, 9, 16, 17, 24, 25, 48, 49, 191, 193, 385},
                        ts[] = {1, 8, 17};
    static const size_t ns[] = {1, 2, 383, 384, 800};
    float *Phi = statistics_random(800 * 385, 11), *Y = statistics_random(800 * 17, 12);

    (void)state;
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        for (size_t j = 0; j < sizeof ts / sizeof *ts; j++) {
            const size_t n = ns[(3 * i + j) % 5], m = ms[i], t = ts[j];
            snnk_lstsq *expected = create(m, t);

            statistics_set_float(expected, n, Phi, Y);
            for (int32_t precision = 0; precision < 2; precision++) {
                snnk_lstsq *s = statistics_of(n, m, t, Phi, Y, precision, NULL);

                /* double: n eps; float: (384 + 3) eps, however many blocks */
                statistics_assert_close(s, expected, precision ? 387 * 0x1p-24 : 2e-13, 1e-15);
                snnk_lstsq_free(s);
            }
            snnk_lstsq_free(expected);
        }
    free(Y);
    free(Phi);
}

/* The error of sums in single precision. A float sum of K products has an error of about sqrt(K)/3
 * eps: the partial sums grow to the whole sum, and each rounding is uniform within half a unit.
 * Over n/K blocks these errors average out. Features have a mean, so the diagonal and the
 * correlated entries are not near zero. */
static void test_precision(void **state) {
    enum { N = 8000, M = 40, T = 2 };
    float *Phi = statistics_random(N * M, 13), *Y = statistics_random(N * T, 14);
    snnk_lstsq *expected = create(M, T);
    double largest[2] = {0};

    (void)state;
    for (size_t i = 0; i < N * M; i++) Phi[i] += 0.9f * Phi[i - i % M] + 1;
    statistics_set_float(expected, N, Phi, Y);
    for (int32_t precision = 0; precision < 2; precision++) {
        snnk_lstsq *s = statistics_of(N, M, T, Phi, Y, precision, NULL);

        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j <= i; j++) {
                const double size = sqrt(expected->S[i * M + i] * expected->S[j * M + j]);
                const double error = fabs(s->S[i * M + j] - expected->S[i * M + j]) / size;

                largest[precision] = fmax(largest[precision], error);
            }
        snnk_lstsq_free(s);
    }
    print_message("largest error of S: %.2g in double, %.2g in single\n", largest[0], largest[1]);
    /* within blocks, and over them, in 5 standard deviations */
    const double blocks = N / 384.0, within = sqrt(384 / blocks) / 3, over = sqrt(blocks) / 3;
    assert_true(largest[0] < 5 * 0x1p-53 * (within + over));
    assert_true(largest[1] < 5 * (0x1p-24 * within + 0x1p-53 * over));
    assert_true(largest[1] > 1e-10); /* the sums must differ, or the test could not fail */
    snnk_lstsq_free(expected);
    free(Y);
    free(Phi);
}

/* Every number of threads gives the same bits. */
static void test_threads(void **state) {
    enum { N = 900, M = 230, T = 11 };
    float *Phi = statistics_random(N * M, 15), *Y = statistics_random(N * T, 16);

    (void)state;
    for (int32_t precision = 0; precision < 2; precision++) {
        snnk_lstsq *alone = statistics_of(N, M, T, Phi, Y, precision, NULL);

        for (size_t threads = 1; threads < 40; threads += threads < 5 ? 1 : 17) {
            snnk_workspace *workspace;
            snnk_lstsq *s;

            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            s = statistics_of(N, M, T, Phi, Y, precision, workspace);
            statistics_assert_same(s, N, statistics_copy(alone));
            snnk_lstsq_free(s);
            snnk_workspace_free(workspace);
        }
        snnk_lstsq_free(alone);
    }
    free(Y);
    free(Phi);
}

/* Columns of a wider matrix, whose other columns are NaN and must not be read. */
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
    assert_ok(
        snnk_lstsq_add(packed, SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), NULL));
    assert_ok(snnk_lstsq_add(
        strided, SNNK_ROWS(.n = N, .X = wide, .ldx = LDPHI, .Y = wide_y, .ldy = LDY), NULL));
    statistics_assert_same(strided, N, statistics_copy(packed));
    snnk_lstsq_free(strided);
    snnk_lstsq_free(packed);
    free(Y);
    free(Phi);
}

/* Features of mean 1e6 and spread 1.15, multiples of 1/16, so that the float rows are exact.
 * Expected are the statistics without the 1e6. Means are doubles near 1e6, so their differences
 * delta have errors of up to 2^-33 = 1.2e-10. Each of 5 merges adds w delta delta^T, w <= 2500 500
 * / 3000 = 417, delta within five sigma of 0: 5 * 1.15 / sqrt(500) = 0.26. The error is at most 5 *
 * 2 * 417 * 0.26 * 1.2e-10 = 1.3e-7 of 3000 * 1.15^2 = 4000: 3.3e-11. Uncentered sums would lose
 * eps 1e12 = 2e-4. */
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
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = 500, .X = large + i * M, .ldx = M, .Y = Y + i, .ldy = 1), NULL));
    for (size_t j = 0; j < M; j++) s->mean_phi[j] -= 1e6;
    statistics_assert_close(s, expected, 3.3e-11, 6e-10); /* the mean has 10 roundings of 6e-11 */
    snnk_lstsq_free(s);
    snnk_lstsq_free(expected);
    free(Y);
    free(large);
    free(small);
}

/* The second moment of a column with one value is exactly 0, in any batches. 0.1f does not have few
 * bits, so a mean computed by summing would be off. */
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
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 1, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    assert_ok(
        snnk_lstsq_add(other, SNNK_ROWS(.n = 333, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
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
        labels[i] = (int32_t)(i * i % (T - 1)); /* labels are 0 and 1; 2 and 3 never occur */
        Y[i * T + (size_t)labels[i]] = 1;
    }
    statistics_set_float(expected, N, Phi, Y);
    assert_ok(snnk_lstsq_add(a, SNNK_ROWS(.n = 300, .X = Phi, .ldx = M, .labels = labels), NULL));
    assert_ok(snnk_lstsq_add(
        a, SNNK_ROWS(.n = N - 300, .X = Phi + 300 * M, .ldx = M, .labels = labels + 300), NULL));
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
    assert_ok(snnk_lstsq_add(a, SNNK_ROWS(.n = 2, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    double *before = statistics_copy(a);
    assert_ok(snnk_lstsq_merge(a, empty)); /* changes nothing */
    statistics_assert_same(a, 2, before);
    assert_ok(snnk_lstsq_merge(empty, a)); /* gives a copy */
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
    assert_says("features = 2147483648 is above 2147483647");
    /* SIZE_MAX is what -1 from another language becomes. */
    assert_status(snnk_lstsq_create(1, SIZE_MAX, NULL, &s), SNNK_E_SIZE);
    assert_says("targets = ");
    /* m^2 = 2^62 numbers. */
    assert_status(snnk_lstsq_create(2147483647, 1, NULL, &s), SNNK_E_SIZE);
    assert_says("use at most 46340 features");
    assert_null(s);

    snnk_lstsq_free(NULL);
    assert_int_equal(snnk_lstsq_features(NULL), 0);
    assert_int_equal(snnk_lstsq_targets(NULL), 0);
    assert_int_equal(snnk_lstsq_rows(NULL), 0);
}

/* If float products would overflow, sums are in double; results just below the limit stay
 * finite. */
static void test_limit_of_single_precision(void **state) {
    float Phi[] = {1, 2, 3, 2.8e17f, 5, 6}, Y[] = {1, 2, -2.8e17f};
    snnk_lstsq *s = create(2, 1), *d = create(2, 1);

    (void)state;
    assert_status(snnk_lstsq_set_precision(NULL, 0), SNNK_E_NULL);
    assert_status(snnk_lstsq_set_precision(s, 2), SNNK_E_ENUM);
    assert_status(snnk_lstsq_set_precision(s, -1), SNNK_E_ENUM);
    assert_ok(snnk_lstsq_set_precision(s, SNNK_PRECISION_SINGLE));
    for (size_t repeat = 0; repeat < 200; repeat++)
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    assert_true(isfinite(s->S[3]) && isfinite(s->C[1]) && isfinite(s->yy[0]));

    double *before = statistics_copy(s);
    Phi[3] = NAN;
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL),
                  SNNK_E_NONFINITE);
    assert_says("X[1][1]");
    statistics_assert_same(s, 600, before);
    snnk_lstsq_free(s);

    /* The same bits as in double: large features, large targets, small numbers after large
     * means. */
    s = create(2, 1);
    assert_ok(snnk_lstsq_set_precision(s, SNNK_PRECISION_SINGLE));
    for (size_t step = 0; step < 3; step++) {
        Phi[3] = step == 0 ? 1e30f : 1;
        Y[2] = step == 1 ? -1e32f : 1;
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
        assert_ok(snnk_lstsq_add(d, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    }
    before = statistics_copy(d);
    statistics_assert_same(s, 9, before);
    assert_true(isfinite(s->S[3]) && isfinite(s->yy[0]));
    snnk_lstsq_free(d);
    snnk_lstsq_free(s);
}

static void test_names(void **state) {
    static const char *const precisions[] = {"double", "single"},
                             *const factorizations[] = {"gram", "qr", "auto"},
                             *const methods[] = {"cholesky", "truncated-eigen", "qr",
                                                 "truncated-svd", "dual"};
    snnk_lstsq *s = create(1, 1);

    (void)state;
    for (int32_t k = 0; k < 2; k++) assert_string_equal(snnk_precision_name(k), precisions[k]);
    for (int32_t k = 0; k < 3; k++)
        assert_string_equal(snnk_factorization_name(k), factorizations[k]);
    for (int32_t k = 0; k < 5; k++) assert_string_equal(snnk_solve_method_name(k), methods[k]);
    assert_null(snnk_precision_name(-1));
    assert_null(snnk_precision_name(2));
    assert_null(snnk_factorization_name(-1));
    assert_null(snnk_factorization_name(3));
    assert_null(snnk_solve_method_name(-1));
    assert_null(snnk_solve_method_name(5));
    assert_int_equal(snnk_lstsq_precision(s), SNNK_PRECISION_DOUBLE);
    assert_ok(snnk_lstsq_set_precision(s, SNNK_PRECISION_SINGLE));
    assert_int_equal(snnk_lstsq_precision(s), SNNK_PRECISION_SINGLE);
    assert_int_equal(snnk_lstsq_precision(NULL), SNNK_PRECISION_DOUBLE);
    snnk_lstsq_free(s);
}

/* A refused call does not change a bit. */
static void test_add_refuses(void **state) {
    float Phi[] = {1, 2, 3, 4, 5, 6}, Y[] = {1, 2, 3, 4, 5, 6};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    snnk_lstsq *s = create(2, 2);

    (void)state;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL));
    double *before = statistics_copy(s);

    assert_status(
        snnk_lstsq_add(NULL, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL),
        SNNK_E_NULL);
    assert_says("lstsq is NULL");
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .ldx = 2, .Y = Y, .ldy = 2), NULL),
                  SNNK_E_NULL);
    assert_says("X is NULL");
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2), NULL), SNNK_E_NULL);
    assert_says("neither Y nor labels");
    assert_status(snnk_lstsq_add(s, NULL, NULL), SNNK_E_NULL);
    assert_says("rows is NULL");
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .Y = Y, .ldy = 2), NULL),
                  SNNK_E_STRIDE);
    assert_says("leading dimension of X, 1");
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL),
                  SNNK_E_STRIDE);
    assert_says("leading dimension of Y, 1");
    assert_status(
        snnk_lstsq_add(s, SNNK_ROWS(.n = SIZE_MAX / 2, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL),
        SNNK_E_SIZE);
    assert_says("do not fit in memory");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Phi[5] = bad[i];
        assert_status(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL),
            SNNK_E_NONFINITE);
        assert_says("X[2][1] = ");
        Phi[5] = 6;
        Y[4] = bad[i];
        assert_status(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .Y = Y, .ldy = 2), NULL),
            SNNK_E_NONFINITE);
        assert_says("Y[2][0] = ");
        Y[4] = 5;
    }
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 0), NULL));
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 0, .ldx = 1, .ldy = 1), NULL));

    int32_t labels[] = {0, 1, 2};

    assert_status(
        snnk_lstsq_add(NULL, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .labels = labels), NULL),
        SNNK_E_NULL);
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .ldx = 2, .labels = labels), NULL),
                  SNNK_E_NULL);
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .labels = labels), NULL),
                  SNNK_E_STRIDE);
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .labels = labels), NULL),
                  SNNK_E_RANGE);
    assert_says("labels[2] = 2 is not in 0 ... 1");
    labels[2] = -1;
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .labels = labels), NULL),
                  SNNK_E_RANGE);
    assert_says("labels[2] = -1");
    labels[2] = 1;
    Phi[0] = NAN;
    assert_status(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 2, .labels = labels), NULL),
                  SNNK_E_NONFINITE);
    assert_says("X[0][0]");
    statistics_assert_same(s, 3, before);
    snnk_lstsq_free(s);
}

/* The largest and the smallest floats are finite, and their squares fit a double. */
static void test_extreme_floats(void **state) {
    const float Phi[] = {3.4028235e38F, -3.4028235e38F, 0}, Y[] = {1.4e-45F, 0, 0};
    snnk_lstsq *s = create(1, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1), NULL));
    assert_close(s->S[0], 2 * 3.4028234663852886e38 * 3.4028234663852886e38, 1e-15, 0);
    snnk_lstsq_free(s);
}

static void test_counts_do_not_wrap(void **state) {
    const float x[] = {1, 2};
    snnk_lstsq *a = create(1, 1), *b = create(1, 1);

    (void)state;
    assert_ok(snnk_lstsq_add(a, SNNK_ROWS(.n = 2, .X = x, .ldx = 1, .Y = x, .ldy = 1), NULL));
    assert_ok(snnk_lstsq_add(b, SNNK_ROWS(.n = 2, .X = x, .ldx = 1, .Y = x, .ldy = 1), NULL));
    a->rows = UINT64_MAX - 1;
    double *before = statistics_copy(a);
    assert_status(snnk_lstsq_add(a, SNNK_ROWS(.n = 2, .X = x, .ldx = 1, .Y = x, .ldy = 1), NULL),
                  SNNK_E_SIZE);
    assert_says("overflows the 64-bit row count");
    assert_status(snnk_lstsq_merge(a, b), SNNK_E_SIZE);
    assert_says("overflow");
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
    assert_says("other has 3 features and 1 targets, but lstsq has 2 and 1");
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
        assert_made(st, s);
        snnk_lstsq_free(s);
    });

    /* Adding allocates nothing. */
    assert_ok(snnk_lstsq_create(2, 1, &allocator, &s));
    const long calls = memory.calls;
    assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 2, .X = Phi, .ldx = 2, .Y = Y, .ldy = 1), NULL));
    assert_ok(snnk_lstsq_merge(s, s));
    assert_int_equal(memory.calls, calls);
    snnk_lstsq_free(s);
    assert_int_equal(memory.alive, 0);
}

/* Parts for which AUTO chose differently can be merged in any order: powers of x in one, which
 * stays a factor, and independent features in the other, which becomes moments. */
static void test_merge_of_automatic_parts(void **state) {
    enum { N = 64, M = 11 };
    float Phi[2 * N * M], Y[2 * N];
    double B[3][M], b[3];
    snnk_solve_config config;

    (void)state;
    for (size_t i = 0; i < 2 * N; i++) {
        const double x = ((double)(i % N) + 0.5) / N;

        for (size_t j = 0; j < M; j++)
            Phi[i * M + j] =
                (float)(i < N ? pow(x, (double)j + 1)
                              : (double)((i * 7919 + j * 104729 + i * j * 31) % 1009) / 500 - 1);
        Y[i] = (float)cos(3 * x);
    }
    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 0.1;
    for (int order = 0; order < 3; order++) { /* first then second; second then first; all at
                                               * once */
        snnk_lstsq *parts[2], *sum;

        assert_ok(snnk_lstsq_create(M, 1, NULL, &sum));
        assert_ok(snnk_lstsq_set_factorization(sum, SNNK_FACTORIZATION_AUTO));
        for (int k = 0; k < 2; k++) {
            assert_ok(snnk_lstsq_create(M, 1, NULL, &parts[k]));
            assert_ok(snnk_lstsq_set_factorization(parts[k], SNNK_FACTORIZATION_AUTO));
            assert_ok(snnk_lstsq_add(
                parts[k],
                SNNK_ROWS(.n = N, .X = Phi + k * N * M, .ldx = M, .Y = Y + k * N, .ldy = 1), NULL));
        }
        assert_int_equal(snnk_lstsq_factorization(parts[0]), SNNK_FACTORIZATION_QR);
        assert_int_equal(snnk_lstsq_factorization(parts[1]), SNNK_FACTORIZATION_GRAM);
        for (int k = 0; order < 2 && k < 2; k++) assert_ok(snnk_lstsq_merge(sum, parts[k ^ order]));
        if (order == 2)
            assert_ok(snnk_lstsq_add(
                sum, SNNK_ROWS(.n = 2 * N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1), NULL));
        assert_ok(snnk_lstsq_solve(sum, &config, NULL, B[order], M, &b[order], NULL));
        for (int k = 0; k < 2; k++) snnk_lstsq_free(parts[k]);
        snnk_lstsq_free(sum);
    }
    /* with that ridge the condition number is below 1e4: 1e-12 for sums in another order */
    for (size_t j = 0; j < M; j++)
        for (int order = 1; order < 3; order++) assert_close(B[order][j], B[0][j], 1e-9, 1e-10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_of_automatic_parts),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_large_mean),
        cmocka_unit_test(test_constant_column),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_merge_special),
        cmocka_unit_test(test_create_refuses),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_add_refuses),
        cmocka_unit_test(test_limit_of_single_precision),
        cmocka_unit_test(test_extreme_floats),
        cmocka_unit_test(test_counts_do_not_wrap),
        cmocka_unit_test(test_merge_refuses),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
