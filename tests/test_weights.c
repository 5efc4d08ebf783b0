/* src/solve: rows with weights. */
#include "support/compare.h"
#include "support/factorizations.h"

/* Rows 0 of weight 3 and 4 of weight 1: mean 1, S = 3 1 + 9 = 12. Targets 8 and 0: mean 6, C = 3
 * (-1) 2 + 3 (-6) = -24, yy = 3 4 + 36 = 48. The roots of the weights are rounded. */
static void test_by_hand(void **state) {
    const float Phi[] = {0, 4}, Y[] = {8, 0}, weights[] = {3, 1};

    (void)state;
    for (int32_t factorization = 0; factorization < 3; factorization++) {
        snnk_lstsq *s = factorization_collect(2, 1, 1, Phi, Y, weights, factorization),
                   *e = factorization_create(1, 1, 0);

        assert_true(snnk_lstsq_weight(s) == 4 && snnk_lstsq_rows(s) == 2);
        e->rows = 2, e->weight = 4, e->mean_phi[0] = 1, e->mean_y[0] = 6;
        e->S[0] = 12, e->C[0] = -24, e->yy[0] = 48;
        factorization_assert_close(s, e, 1e-15, 0);
        snnk_lstsq_free(e);
        snnk_lstsq_free(s);
    }
    assert_true(snnk_lstsq_weight(NULL) == 0);
}

enum { N = 1200, M = 23, T = 3 };

/* Row i, i % 4 + 1 times. */
typedef struct data {
    float *Phi, *Y, *many_phi, *many_y, weights[N];
    int32_t labels[N], many_labels[4 * N];
    size_t many;
} data;

static data make_data(void) {
    data d = {.Phi = statistics_random(N * M, 1), .Y = statistics_random(N * T, 2), .many = 0};

    d.many_phi = malloc(4 * N * M * sizeof(float));
    d.many_y = malloc(4 * N * T * sizeof(float));
    for (size_t i = 0; i < N; i++) {
        d.Phi[i * M + 1] = 0.1f; /* constant */
        d.labels[i] = (int32_t)(i * i % T);
        d.weights[i] = (float)(i % 4 + 1);
        for (size_t k = 0; k <= i % 4; k++, d.many++) {
            memcpy(d.many_phi + d.many * M, d.Phi + i * M, M * sizeof(float));
            memcpy(d.many_y + d.many * T, d.Y + i * T, T * sizeof(float));
            d.many_labels[d.many] = d.labels[i];
        }
    }
    return d;
}

static void free_data(data *d) { free(d->Phi), free(d->Y), free(d->many_phi), free(d->many_y); }

/* Whole weights equal repetitions. Roots of weights round by eps/2 in each factor, sums by n eps.
 * In single precision: 387 float roundings, and that of the root. */
static void test_repeated_rows(void **state) {
    data d = make_data();

    (void)state;
    for (int32_t way = 0; way < 8; way++) {
        const int32_t factorization = way / 2 % 2, precision = way / 4;
        const bool labels = way % 2;
        snnk_lstsq *s = factorization_create(M, T, factorization),
                   *e = factorization_create(M, T, SNNK_FACTORIZATION_GRAM);

        assert_ok(snnk_lstsq_set_precision(s, precision));
        assert_ok(snnk_lstsq_add(s,
                                 SNNK_ROWS(.n = 700, .X = d.Phi, .ldx = M, .Y = labels ? NULL : d.Y,
                                           .ldy = T, .labels = labels ? d.labels : NULL,
                                           .weights = d.weights),
                                 NULL));
        assert_ok(snnk_lstsq_add(s,
                                 SNNK_ROWS(.n = N - 700, .X = d.Phi + 700 * M, .ldx = M,
                                           .Y = labels ? NULL : d.Y + 700 * T, .ldy = T,
                                           .labels = labels ? d.labels + 700 : NULL,
                                           .weights = d.weights + 700),
                                 NULL));
        if (labels)
            assert_ok(snnk_lstsq_add(
                e, SNNK_ROWS(.n = d.many, .X = d.many_phi, .ldx = M, .labels = d.many_labels),
                NULL));
        else
            assert_ok(snnk_lstsq_add(
                e, SNNK_ROWS(.n = d.many, .X = d.many_phi, .ldx = M, .Y = d.many_y, .ldy = T),
                NULL));
        assert_int_equal(s->rows, N);
        assert_true(s->weight == (double)d.many);
        s->rows = e->rows;
        factorization_assert_close(s, e, precision && factorization == 0 ? 390 * 0x1p-24 : 7e-13,
                                   1e-15);
        assert_true(s->mean_phi[1] == (double)0.1f && s->S[M] == 0 && s->S[M + 1] == 0);

        double B[2][T * M], b[2][T];

        s->rows = N;
        for (int32_t intercept = 0; intercept < 2; intercept++) {
            const snnk_solve_report weighted = factorization_solve(s, 0.5, intercept, B[0], b[0]);
            const snnk_solve_report repeated = factorization_solve(e, 0.5, intercept, B[1], b[1]);
            const double tolerance =
                precision && factorization == 0 ? 1e-4 : 1e-11; /* condition < 5000 */

            for (size_t i = 0; i < T * M; i++) assert_close(B[0][i], B[1][i], 0, tolerance);
            for (size_t k = 0; k < T; k++) assert_close(b[0][k], b[1][k], 0, tolerance);
            assert_close(weighted.rss, repeated.rss, tolerance, 0);
        }
        snnk_lstsq_free(e);
        snnk_lstsq_free(s);
    }
    free_data(&d);
}

/* Held-out errors equal those of repeated rows too, and weights of 1 equal no weights, to the
 * bit. */
static void test_scores_and_none(void **state) {
    const double ridges[] = {1e-3, 1, 100};
    data d = make_data();
    double errors[2][3], *before;
    size_t best;
    snnk_lstsq *s = factorization_collect(N, M, T, d.Phi, d.Y, d.weights, SNNK_FACTORIZATION_GRAM);
    snnk_lstsq *e =
        factorization_collect(d.many, M, T, d.many_phi, d.many_y, NULL, SNNK_FACTORIZATION_GRAM);
    float *ones = malloc(d.many * sizeof *ones);
    snnk_lstsq *unit;

    (void)state;
    assert_ok(snnk_lstsq_choose_ridge(s, s, NULL, 3, ridges, NULL, errors[0], &best));
    assert_ok(snnk_lstsq_choose_ridge(e, e, NULL, 3, ridges, NULL, errors[1], &best));
    for (int i = 0; i < 3; i++) assert_close(errors[0][i], errors[1][i], 1e-11, 0);
    for (size_t i = 0; i < d.many; i++) ones[i] = 1;
    unit = factorization_collect(d.many, M, T, d.many_phi, d.many_y, ones, SNNK_FACTORIZATION_GRAM);
    before = statistics_copy(unit);
    statistics_assert_same(e, d.many, before);
    assert_true(e->weight == (double)d.many);
    snnk_lstsq_free(unit);
    free(ones);
    snnk_lstsq_free(e);
    snnk_lstsq_free(s);
    free_data(&d);
}

/* All weights times 1e30, or 1e-30, multiply all sums by that; no sum overflows in single
 * precision. */
static void test_extreme_weights(void **state) {
    static const float scales[] = {1e30f, 1e-30f};
    data d = make_data();
    float weights[N];

    (void)state;
    for (int way = 0; way < 4; way++) {
        const double scale = (double)scales[way % 2];
        snnk_lstsq *s = factorization_create(M, T, 0), *e = factorization_create(M, T, 0);

        assert_ok(snnk_lstsq_set_precision(s, way / 2));
        for (size_t i = 0; i < N; i++) weights[i] = scales[way % 2];
        for (size_t i = 0; way == 2 && i < N * M; i++) d.Phi[i] *= 0x1p50f;
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = N, .X = d.Phi, .ldx = M, .Y = d.Y, .ldy = T, .weights = weights),
            NULL));
        statistics_set_float(e, N, d.Phi, d.Y);
        for (size_t i = 0; i < M * M; i++) s->S[i] /= scale;
        for (size_t i = 0; i < T * M; i++) s->C[i] /= scale;
        for (size_t k = 0; k < T; k++) s->yy[k] /= scale;
        statistics_assert_close(s, e, way < 2 ? 3e-13 : 390 * 0x1p-24, 1e-15);
        assert_close(s->weight, N * scale, 1e-13, 0);
        for (size_t i = 0; way == 2 && i < N * M; i++) d.Phi[i] *= 0x1p-50f;
        snnk_lstsq_free(e);
        snnk_lstsq_free(s);
    }
    free_data(&d);
}

static void test_refuses(void **state) {
    float Phi[] = {1, 2, 3}, Y[] = {1, 0, 2}, weights[] = {1, 2, 3};
    const int32_t labels[] = {0, 0, 0};
    const float bad[] = {0, -1, NAN, INFINITY, 1e31f, 1e-31f};

    (void)state;
    for (int32_t factorization = 0; factorization < 2; factorization++) {
        snnk_lstsq *s = factorization_collect(3, 1, 1, Phi, Y, weights, factorization);
        double *before = statistics_copy(s);

        assert_status(snnk_lstsq_add(NULL,
                                     SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1,
                                               .weights = weights),
                                     NULL),
                      SNNK_E_NULL);
        assert_status(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .ldx = 1, .Y = Y, .ldy = 1, .weights = weights),
                           NULL),
            SNNK_E_NULL);
        assert_status(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .weights = weights), NULL),
            SNNK_E_NULL);
        assert_says("neither Y nor labels");
        assert_status(snnk_lstsq_add(s,
                                     SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1,
                                               .labels = labels, .weights = weights),
                                     NULL),
                      SNNK_E_NULL);
        assert_says("both set");
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            weights[1] = bad[i];
            assert_status(snnk_lstsq_add(s,
                                         SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1,
                                                   .weights = weights),
                                         NULL),
                          SNNK_E_RANGE);
            assert_says("weights[1] = ");
        }
        weights[1] = 2;
        Y[2] = NAN;
        assert_status(snnk_lstsq_add(s,
                                     SNNK_ROWS(.n = 3, .X = Phi, .ldx = 1, .Y = Y, .ldy = 1,
                                               .weights = weights),
                                     NULL),
                      SNNK_E_NONFINITE);
        Y[2] = 2;
        assert_ok(snnk_lstsq_add(s, SNNK_ROWS(.n = 0, .ldx = 1), NULL));
        statistics_assert_same(s, 3, before);
        assert_true(s->weight == 6);
        snnk_lstsq_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),         cmocka_unit_test(test_repeated_rows),
        cmocka_unit_test(test_scores_and_none), cmocka_unit_test(test_extreme_weights),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
