/* src/solve/subset.c: compared with rows combined by hand, and with every possible choice, in long
 * double. */
#include <string.h>

#include "support/alloc.h"
#include "support/oracle.h"
#include "support/statistics.h"

#include "solve/subset.h"

/* D inputs, then H candidates; the last one equals the first. */
enum { N = 40, D = 3, H = 7, M = D + H, T = 2 };

typedef struct data {
    float *Phi, *Y;
    snnk_lstsq *all;
} data;

static data make_data(void) {
    data a = {.Phi = statistics_random(N * M, 1), .Y = statistics_random(N * T, 2)};

    for (size_t i = 0; i < N; i++) {
        float *row = a.Phi + i * M;

        for (size_t j = D; j < M; j++) row[j] = fmaxf(row[j] + row[j % D], 0);
        row[M - 1] = row[D];
        a.Y[i * T] += row[0] - 2 * row[4];
        a.Y[i * T + 1] += row[1] + row[6];
    }
    assert_ok(snnk_lstsq_create(M, T, NULL, &a.all));
    assert_ok(
        snnk_lstsq_add(a.all, SNNK_ROWS(.n = N, .X = a.Phi, .ldx = M, .Y = a.Y, .ldy = T), NULL));
    snnk__subset_mirror(a.all);
    return a;
}

static void free_data(data *a) {
    snnk_lstsq_free(a->all);
    free(a->Phi);
    free(a->Y);
}

/* The squares of Y that features F (N x m) do not explain, with an intercept. */
static double left_by(const data *a, size_t m, const float *F) {
    const oracle_rows rows = {N, m, T, F, a->Y, NULL, SIZE_MAX};
    long double mean[M + T], A[M * M], R[T * M], B[T * M], b[T];
    double squares = 0;

    oracle_system(&rows, 1, 0, mean, A, R);
    oracle_solution(&rows, 0, mean, A, R, B, b);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < T; k++) {
            const double e = oracle_residual(&rows, i, k, B, b);

            squares += e * e;
        }
    return squares;
}

/* The features of directions (rows of width D) and of chosen candidates, as rows. */
static void make_features(const data *a, size_t r, const double *directions, size_t n,
                          const size_t *which, float *F) {
    for (size_t i = 0; i < N; i++) {
        const float *row = a->Phi + i * M;

        for (size_t k = 0; k < r; k++) {
            double sum = 0;

            for (size_t j = 0; j < D; j++) sum += directions[k * D + j] * (double)row[j];
            F[i * (r + n) + k] = (float)sum;
        }
        for (size_t k = 0; k < n; k++) F[i * (r + n) + r + k] = row[which[k]];
    }
}

/* ---- Statistics ---- */

/* Whole numbers up to 3 times three numbers of 20 bits, whose sums are exact in float. */
static void test_statistics(void **state) {
    double directions[] = {1, -2, 3, 0, 1, 1};
    size_t which[] = {8, 4};
    const snnk__subset subset = {2, 2, directions, which};
    data a = make_data();
    float F[N * 4];
    snnk_lstsq *made, *expected;

    (void)state;
    make_features(&a, 2, directions, 2, which, F);
    assert_ok(snnk_lstsq_create(4, T, NULL, &expected));
    assert_ok(
        snnk_lstsq_add(expected, SNNK_ROWS(.n = N, .X = F, .ldx = 4, .Y = a.Y, .ldy = T), NULL));
    assert_ok(snnk__subset_statistics(a.all, D, &subset, &made));
    /* A dozen terms of one size. */
    statistics_assert_close(made, expected, 1e-13, 1e-14);
    snnk_lstsq_free(made);
    snnk_lstsq_free(expected);
    free_data(&a);
}

/* ---- Directions ---- */

/* S = diag(4, 1), C = diag(6, 1): in the coordinates x/2 and y the moments are 3 and 1, so x comes
 * first. With weight 4, the squares of the directions are 4. */
static void test_directions_by_hand(void **state) {
    const snnk__subset nothing = {0};
    snnk_lstsq *s;
    double E[4];

    (void)state;
    assert_ok(snnk_lstsq_create(2, 2, NULL, &s));
    s->rows = 4, s->weight = 4;
    s->S[0] = 4, s->S[3] = 1;
    s->C[0] = 6, s->C[3] = 1;
    snnk__subset_mirror(s);
    assert_ok(snnk__subset_directions(s, 2, &nothing, 0, 2, E));
    assert_close(fabs(E[0]), 1, 1e-14, 0);
    assert_close(E[1], 0, 0, 1e-14);
    assert_close(E[2], 0, 0, 1e-14);
    assert_close(fabs(E[3]), 2, 1e-14, 0);
    snnk_lstsq_free(s);
}

/* No other direction leaves less, with or without a chosen feature; all of them together leave the
 * same as the inputs themselves. */
static void test_directions_are_best(void **state) {
    size_t which[] = {5};
    data a = make_data();
    float F[N * M];

    (void)state;
    for (size_t chosen = 0; chosen < 2; chosen++) {
        const snnk__subset given = {0, chosen, NULL, which};
        double E[2 * D];

        assert_ok(snnk__subset_directions(a.all, D, &given, 0, 2, E));
        make_features(&a, 1, E, chosen, which, F);
        const double least = left_by(&a, 1 + chosen, F);
        float *others = statistics_random(300 * D, 3 + chosen);

        for (size_t k = 0; k < 300; k++) {
            double other[D];

            for (size_t j = 0; j < D; j++) /* half of them are near the best one */
                other[j] = (double)others[k * D + j] + (k % 2 ? 0 : 10 * E[j]);
            make_features(&a, 1, other, chosen, which, F);
            assert_true(left_by(&a, 1 + chosen, F) >= least * (1 - 1e-6)); /* F is float */
        }
        free(others);

        make_features(&a, 2, E, chosen, which, F);
        const double by_two = left_by(&a, 2 + chosen, F);
        const double unit[D * D] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

        make_features(&a, D, unit, chosen, which, F);
        assert_close(by_two, left_by(&a, D + chosen, F), 1e-6, 0); /* two targets: rank 2 */
    }
    free_data(&a);
}

/* ---- Choosing ---- */

/* Each feature is the one that leaves least, given those before it. */
static void test_select_is_greedy(void **state) {
    double directions[] = {1, -2, 3};
    data a = make_data();
    float F[N * M];

    (void)state;
    for (size_t r = 0; r < 2; r++) {
        const snnk__subset given = {r, 0, directions, NULL};
        size_t which[H], found;

        assert_ok(snnk__subset_select(a.all, D, &given, 0, 1e-9, 4, NULL, 0, which, &found));
        assert_int_equal(found, 4);
        for (size_t n = 0; n < 4; n++) {
            size_t tried[H];
            double least;

            make_features(&a, r, directions, n + 1, which, F);
            least = left_by(&a, r + n + 1, F);
            memcpy(tried, which, n * sizeof *tried);
            for (size_t j = D; j < M - 1; j++) {
                bool taken = false;

                for (size_t k = 0; k < n; k++) taken |= which[k] == j;
                if (taken) continue;
                tried[n] = j;
                make_features(&a, r, directions, n + 1, tried, F);
                assert_true(left_by(&a, r + n + 1, F) >= least * (1 - 1e-9));
            }
        }
    }
    free_data(&a);
}

/* The feature that exists twice is chosen once. */
static void test_select_finds_no_more(void **state) {
    const snnk__subset nothing = {0};
    data a = make_data();
    size_t which[H], found, doubled = 0;

    (void)state;
    assert_ok(snnk__subset_select(a.all, D, &nothing, 1e-9, 1e-9, H, NULL, 0, which, &found));
    assert_int_equal(found, H - 1);
    for (size_t k = 0; k < found; k++) doubled += which[k] == D || which[k] == M - 1;
    assert_int_equal(doubled, 1);
    free_data(&a);
}

/* Targets that are linear in features D ... have the moments of rows that were added with them. The
 * weights are whole numbers, so that those rows are nearly exact in float; sums differ by rounding
 * of double and of those rows. */
static void test_linear_targets(void **state) {
    data a = make_data();
    float W[T * H], bias[T] = {3, -2}, *Y = malloc(N * H * sizeof *Y);

    (void)state;
    for (size_t i = 0; i < T * H; i++) W[i] = (float)((int)(i * 7 % 5) - 2);
    for (int plain = 0; plain < 2; plain++) {
        const size_t t = plain ? H : T;
        snnk_lstsq *direct, *derived;

        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < t; k++) {
                const float *h = a.Phi + i * M + D;
                double y = plain ? (double)h[k] : (double)bias[k];

                for (size_t j = 0; !plain && j < H; j++) y += (double)W[k * H + j] * (double)h[j];
                Y[i * t + k] = (float)y;
            }
        assert_ok(snnk_lstsq_create(M, t, NULL, &direct));
        assert_ok(snnk_lstsq_add(direct, SNNK_ROWS(.n = N, .X = a.Phi, .ldx = M, .Y = Y, .ldy = t),
                                 NULL));
        assert_ok(snnk_lstsq_create(M, 1, NULL, &derived));
        assert_ok(snnk_lstsq_add(
            derived, SNNK_ROWS(.n = N, .X = a.Phi, .ldx = M, .Y = a.Y, .ldy = T), NULL));
        snnk__subset_mirror(derived);
        assert_ok(
            snnk__subset_linear_targets(derived, D, t, plain ? NULL : W, plain ? NULL : bias));
        assert_int_equal(derived->targets, t);
        for (size_t k = 0; k < t; k++) {
            assert_close(derived->mean_y[k], direct->mean_y[k], 1e-6, 1e-6);
            assert_close(derived->yy[k], direct->yy[k], 1e-6, 1e-6);
            for (size_t j = 0; j < M; j++)
                assert_close(derived->C[k * M + j], direct->C[k * M + j], 1e-6, 1e-5);
        }
        snnk_lstsq_free(derived);
        snnk_lstsq_free(direct);
    }
    free(Y);
    free_data(&a);
}

static void test_constant_inputs(void **state) {
    const snnk__subset nothing = {0};
    snnk_lstsq *s;
    double E[2];

    (void)state;
    assert_ok(snnk_lstsq_create(3, 1, NULL, &s));
    s->rows = 4, s->weight = 4;
    assert_status(snnk__subset_directions(s, 2, &nothing, 0, 1, E), SNNK_E_SINGULAR);
    snnk_lstsq_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),           cmocka_unit_test(test_directions_by_hand),
        cmocka_unit_test(test_directions_are_best),  cmocka_unit_test(test_select_is_greedy),
        cmocka_unit_test(test_select_finds_no_more), cmocka_unit_test(test_constant_inputs),
        cmocka_unit_test(test_linear_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
