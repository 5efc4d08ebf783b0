/* src/solve/cholesky.c and qr.c: factors against one call of LAPACK, and cancelling within one. */
#include <float.h>

#include <lapacke.h>

#include "solve/accumulate.h"
#include "solve/cholesky.h"
#include "support/compare.h"
#include "support/factorizations.h"

typedef struct counter {
    long calls, cancel_at;
    double last;
} counter;

static int count_call(void *user, double share) {
    counter *c = user;

    assert_true(share >= c->last && share <= 1); /* also not NaN */
    c->last = share;
    return ++c->calls == c->cancel_at;
}

static snnk__progress progress_to(counter *c) {
    return (snnk__progress){.report = count_call, .user = c, .total = 1, .stage = 1};
}

/* ---- Cholesky ---- */

/* Random numbers in -1/2 ... 1/2, the diagonal `diagonal`, in both triangles. */
static double *symmetric(size_t m, double diagonal) {
    float *random = statistics_random(m * m, m);
    double *A = malloc(m * m * sizeof *A);

    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < i; j++) A[i * m + j] = A[j * m + i] = (double)random[i * m + j];
        A[i * m + i] = diagonal;
    }
    free(random);
    return A;
}

static double *copy_of(size_t count, const double *A) {
    double *copy = malloc(count * sizeof *copy);

    memcpy(copy, A, count * sizeof *copy);
    return copy;
}

static void compare_with_dpotrf(size_t m, char triangle) {
    double *A = symmetric(m, (double)m), *expected = copy_of(m * m, A), *L = copy_of(m * m, A);
    counter c = {0};
    snnk__progress progress = progress_to(&c);
    bool definite = false;

    assert_int_equal(
        LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, triangle, (lapack_int)m, expected, (lapack_int)m), 0);
    assert_ok(snnk__cholesky(triangle, m, L, &progress, &definite));
    assert_true(definite && c.last == 1);
    /* Backward errors of m eps, a condition number below 3; the other triangle is untouched. */
    for (size_t i = 0; i < m * m; i++)
        assert_close(L[i], expected[i], 0, 3 * (double)m * DBL_EPSILON * sqrt((double)m));
    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < m; i++)
            if (triangle == 'L' ? i < j : i > j) assert_true(L[j * m + i] == A[j * m + i]);
    free(L), free(expected), free(A);
}

/* Around panels: of 128 columns by columns, of 1024 by rows, one up to 512. */
static void cholesky_is_that_of_lapack(void **state) {
    static const size_t ms[] = {1, 2, 127, 512, 513, 640, 1025};

    (void)state;
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++) {
        compare_with_dpotrf(ms[i], 'L');
        compare_with_dpotrf(ms[i], 'U');
    }
}

/* A negative pivot anywhere is found. */
static void cholesky_finds_indefinite_matrices(void **state) {
    enum { M = 700 };

    (void)state;
    for (size_t k = 0; k < M; k += 233)
        for (int upper = 0; upper < 2; upper++) {
            double *A = symmetric(M, M);
            bool definite = true;

            A[k * M + k] = -1;
            assert_ok(snnk__cholesky(upper ? 'U' : 'L', M, A, NULL, &definite));
            assert_false(definite);
            free(A);
        }
}

/* Cancelled at every call; then the same bits as undisturbed. */
static void cholesky_can_be_cancelled(char triangle, size_t m) {
    double *A = symmetric(m, (double)m), *expected = copy_of(m * m, A);
    counter c = {0};
    snnk__progress progress = progress_to(&c);
    bool definite = false;

    assert_ok(snnk__cholesky(triangle, m, expected, &progress, &definite));

    const long calls = c.calls;

    assert_true(calls > 1);
    for (long k = 1; k <= calls; k++) {
        double *L = copy_of(m * m, A);

        c = (counter){.cancel_at = k};
        progress = progress_to(&c);
        definite = true;
        assert_status(snnk__cholesky(triangle, m, L, &progress, &definite), SNNK_E_CANCELLED);
        assert_true(c.calls == k && !definite);
        memcpy(L, A, m * m * sizeof *L);
        assert_ok(snnk__cholesky(triangle, m, L, NULL, &definite));
        assert_memory_equal(L, expected, m * m * sizeof *L);
        free(L);
    }
    free(expected), free(A);
}

static void cancelled_cholesky(void **state) {
    (void)state;
    cholesky_can_be_cancelled('L', 600);
    cholesky_can_be_cancelled('U', 1100);
}

/* ---- QR ---- */

/* The factor of LAPACK's dgeqrf of n centered rows, by columns. */
static double *dgeqrf_of(size_t n, size_t m, const float *Phi) {
    const size_t k = n < m ? n : m;
    double *A = malloc(n * m * sizeof *A), *tau = malloc(k * sizeof *tau);
    double *work = malloc(64 * m * sizeof *work);

    for (size_t j = 0; j < m; j++) {
        long double mean = 0;

        for (size_t i = 0; i < n; i++) mean += (long double)Phi[i * m + j] / (long double)n;
        for (size_t i = 0; i < n; i++) A[j * n + i] = (double)((long double)Phi[i * m + j] - mean);
    }
    assert_int_equal(LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, (lapack_int)n, (lapack_int)m, A,
                                         (lapack_int)n, tau, work, (lapack_int)(64 * m)),
                     0);
    free(work), free(tau);
    return A;
}

/* R is unique up to the signs of its rows. With condition numbers below 1e3 its entries, at most
 * sqrt(n) / 2, are off by some hundred eps. */
static void assert_factor(const snnk_lstsq *s, size_t n, const double *A) {
    const size_t m = s->features;

    for (size_t i = 0; i < m; i++) {
        const double sign = i < n && signbit(A[i * n + i]) == signbit(s->S[i * m + i]) ? 1 : -1;

        for (size_t j = i; j < m; j++)
            assert_close(s->S[j * m + i], i < n ? sign * A[j * n + i] : 0, 0, 1e-12);
    }
}

/* Rows at once; in two parts; and two factors merged, whose second is a triangle. Sizes around the
 * 96 reflectors of a panel and their halves. */
static void qr_is_that_of_lapack(void **state) {
    static const size_t ms[] = {1, 3, 24, 25, 96, 97, 230};
    enum { N = 700 };
    float *Phi = statistics_random(N * 230, 5), *Y = statistics_random(N, 6);

    (void)state;
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++) {
        const size_t m = ms[i], half = 300;
        double *A = dgeqrf_of(N, m, Phi);
        snnk_lstsq *once = factorization_collect(N, m, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
        snnk_lstsq *parts = factorization_collect(half, m, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
        snnk_lstsq *merged = factorization_collect(half, m, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
        snnk_lstsq *rest = factorization_collect(N - half, m, 1, Phi + half * m, Y + half, NULL,
                                                 SNNK_FACTORIZATION_QR);

        assert_ok(snnk_lstsq_add(
            parts, SNNK_ROWS(.n = N - half, .X = Phi + half * m, .ldx = m, .Y = Y + half, .ldy = 1),
            NULL));
        assert_ok(snnk_lstsq_merge(merged, rest));
        assert_factor(once, N, A);
        assert_factor(parts, N, A);
        assert_factor(merged, N, A);
        snnk_lstsq_free(rest), snnk_lstsq_free(merged);
        snnk_lstsq_free(parts), snnk_lstsq_free(once);
        free(A);
    }
    free(Y), free(Phi);
}

/* Fewer rows than features. The last row of centered rows is rounding only. */
static void qr_of_few_rows(void **state) {
    enum { N = 40, M = 130 };
    float *Phi = statistics_random(N * M, 5), *Y = statistics_random(N, 6);
    double *A = dgeqrf_of(N, M, Phi);
    snnk_lstsq *s = factorization_collect(N, M, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);

    (void)state;
    for (size_t j = N - 1; j < M; j++) {
        assert_close(A[j * N + N - 1], 0, 0, 1e-13);
        A[j * N + N - 1] = s->S[j * M + N - 1];
        assert_close(A[j * N + N - 1], 0, 0, 1e-13);
    }
    assert_factor(s, N, A);
    snnk_lstsq_free(s);
    free(A), free(Y), free(Phi);
}

static int add_to(snnk_lstsq *s, const snnk_rows *rows, snnk__progress *progress) {
    snnk_rows read;
    int32_t precision;

    assert_ok(snnk__lstsq_read_rows(s, rows, &precision, &read));
    return snnk__lstsq_add_rows(s, precision, &read, NULL, progress);
}

/* Adding to a copy of a factor, as a fit does: cancelled at every call, within the first block and
 * within a later one, and when AUTO makes moments of the factor. The factor stays. */
static void qr_can_be_cancelled(int32_t factorization) {
    enum { N = 1100, M = 200 };
    float *Phi = statistics_random(N * M, 5), *Y = statistics_random(N, 6);
    const snnk_rows *rows = SNNK_ROWS(.n = N, .X = Phi, .ldx = M, .Y = Y, .ldy = 1);
    snnk_lstsq *empty = factorization_create(M, 1, factorization), *copy, *expected;
    double *bits;
    counter c = {0};
    snnk__progress progress = progress_to(&c);

    assert_ok(snnk__lstsq_clone(empty, &empty->allocator, &expected));
    assert_ok(add_to(expected, rows, &progress));
    assert_true(c.last == 1);

    const long calls = c.calls;

    assert_true(calls > 9); /* more than blocks */
    for (long k = 1; k <= calls; k++) {
        c = (counter){.cancel_at = k};
        progress = progress_to(&c);
        bits = statistics_copy(empty);
        assert_ok(snnk__lstsq_clone(empty, &empty->allocator, &copy));
        assert_status(add_to(copy, rows, &progress), SNNK_E_CANCELLED);
        assert_int_equal(c.calls, k);
        snnk_lstsq_free(copy);
        statistics_assert_same(empty, 0, bits);
    }
    assert_ok(snnk_lstsq_add(empty, rows, NULL));
    assert_int_equal(empty->factorization, expected->factorization);
    statistics_assert_same(empty, N, statistics_copy(expected));
    snnk_lstsq_free(expected), snnk_lstsq_free(empty);
    free(Y), free(Phi);
}

static void cancelled_qr(void **state) {
    (void)state;
    qr_can_be_cancelled(SNNK_FACTORIZATION_QR);
    qr_can_be_cancelled(SNNK_FACTORIZATION_AUTO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cholesky_is_that_of_lapack),
        cmocka_unit_test(cholesky_finds_indefinite_matrices),
        cmocka_unit_test(cancelled_cholesky),
        cmocka_unit_test(qr_is_that_of_lapack),
        cmocka_unit_test(qr_of_few_rows),
        cmocka_unit_test(cancelled_qr),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
