/* src/solve/forget.c: forgetting rows, from moments and from a triangular factor. */
#include <float.h>

#include <snnk/snnk.h>

#include "data/ridge.h"
#include "support/alloc.h"
#include "support/compare.h"
#include "support/dgelsd.h"
#include "support/factorizations.h"

enum { N = 900, M = 31, T = 2 };

static int forget(snnk_lstsq *s, size_t n, const float *Phi, const float *Y, const float *weights) {
    return snnk_lstsq_forget(s,
                             SNNK_ROWS(.n = n, .X = Phi, .ldx = s->features, .Y = Y,
                                       .ldy = s->targets, .weights = weights),
                             NULL);
}

/* SciPy's solution without the first 5 rows. Rows are floats: their rounding, 2^-24 of entries of
 * about 1, times the condition number, below 15, as in test_ridge.c. What forgetting adds is
 * measured against the same floats. */
static void test_reference(void **state) {
    float Phi[RIDGE_N * RIDGE_M], Y[RIDGE_N * RIDGE_T];
    double B[2][RIDGE_T * RIDGE_M];

    (void)state;
    for (size_t i = 0; i < RIDGE_N * RIDGE_M; i++) Phi[i] = (float)ridge_P[i];
    for (size_t i = 0; i < RIDGE_N * RIDGE_T; i++) Y[i] = (float)ridge_Y[i];
    for (int32_t factorization = 0; factorization < 2; factorization++) {
        snnk_lstsq *s =
            factorization_collect(RIDGE_N, RIDGE_M, RIDGE_T, Phi, Y, NULL, factorization);
        snnk_lstsq *e = factorization_create(RIDGE_M, RIDGE_T, SNNK_FACTORIZATION_GRAM);

        assert_ok(forget(s, 5, Phi, Y, NULL));
        statistics_set_float(e, RIDGE_N - 5, Phi + 5 * RIDGE_M, Y + 5 * RIDGE_T);
        (void)factorization_solve(s, RIDGE_LATE_LAMBDA, 0, B[0], NULL);
        (void)factorization_solve(e, RIDGE_LATE_LAMBDA, 0, B[1], NULL);
        for (size_t i = 0; i < RIDGE_T * RIDGE_M; i++) {
            assert_close(B[0][i], ridge_late_B[i], 0, 1e-6);
            assert_close(B[0][i], B[1][i], 0, 1e-13); /* 15 times 40 eps */
        }
        snnk_lstsq_free(e);
        snnk_lstsq_free(s);
    }
}

/* Random rows with a mean, and a constant column; weights 1/2 ... 2; targets; classes. */
typedef struct data {
    float *Phi, *Y, weights[N];
    int32_t labels[N];
} data;

static data make_data(void) {
    data d = {.Phi = statistics_random(N * M, 3), .Y = statistics_random(N * T, 4)};

    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < M; j++) d.Phi[i * M + j] += (float)(j % 5);
        d.Phi[i * M + 7] = 0.1f;
        d.labels[i] = (int32_t)(i * i % 3 % T);
        d.weights[i] = 0.5f + (float)(i % 7) / 4;
    }
    return d;
}

static void free_data(data *d) { free(d->Phi), free(d->Y); }

/* Forgetting the first rows, in two calls, gives the statistics of the other rows, down to fewer
 * rows than features. Sums over all N rows round by N eps = 2e-13 of themselves, 90 times the
 * rounding of the sums that a tenth of the rows leaves, and the means, up to 6 standard deviations
 * from 0, add theirs. In single precision there are two sums of floats, each with an error of 20
 * times 2^-24. */
static void test_forgotten_rows_leave_no_trace(void **state) {
    static const size_t gone[] = {1, 5, 64, 65, 450, 800, 885};
    data d = make_data();

    (void)state;
    for (size_t g = 0; g < sizeof gone / sizeof *gone; g++)
        for (int way = 0; way < 16; way++) {
            const int32_t factorization = way % 2, precision = way / 8;
            const bool labels = way / 2 % 2;
            const float *weights = way / 4 % 2 ? d.weights : NULL;
            const float *Y = labels ? NULL : d.Y;
            const int32_t *l = labels ? d.labels : NULL;
            const size_t first = gone[g] / 3, second = gone[g] - first, k = gone[g];
            snnk_lstsq *s = factorization_create(M, T, factorization),
                       *e = factorization_create(M, T, factorization);

            assert_ok(snnk_lstsq_set_precision(s, precision));
            assert_ok(snnk_lstsq_set_precision(e, precision));
            assert_ok(snnk_lstsq_add(s,
                                     SNNK_ROWS(.n = N, .X = d.Phi, .ldx = M, .Y = Y, .ldy = T,
                                               .labels = l, .weights = weights),
                                     NULL));
            assert_ok(snnk_lstsq_add(e,
                                     SNNK_ROWS(.n = N - k, .X = d.Phi + k * M, .ldx = M,
                                               .Y = labels ? NULL : Y + k * T, .ldy = T,
                                               .labels = labels ? l + k : NULL,
                                               .weights = weights ? weights + k : NULL),
                                     NULL));
            assert_ok(snnk_lstsq_forget(s,
                                        SNNK_ROWS(.n = first, .X = d.Phi, .ldx = M, .Y = Y,
                                                  .ldy = T, .labels = l, .weights = weights),
                                        NULL));
            assert_ok(snnk_lstsq_forget(s,
                                        SNNK_ROWS(.n = second, .X = d.Phi + first * M, .ldx = M,
                                                  .Y = labels ? NULL : Y + first * T, .ldy = T,
                                                  .labels = labels ? l + first : NULL,
                                                  .weights = weights ? weights + first : NULL),
                                        NULL));
            const double share = (double)N / (double)(N - k);

            factorization_assert_close(
                s, e, (precision && factorization == 0 ? 2.4e-6 : 2e-13) * share, 2e-14 * share);
            assert_true(s->mean_phi[7] == (double)0.1f && snnk__lstsq_diagonal(s, 7) == 0);
            if (N - k > 2 * M && !(precision && factorization == 0)) {
                double B[2][T * M], b[2][T];

                factorization_solve(s, 1e-2, 1, B[0], b[0]);
                factorization_solve(e, 1e-2, 1, B[1], b[1]);
                for (size_t i = 0; i < T * M; i++) assert_close(B[0][i], B[1][i], 0, 1e-9);
                for (size_t i = 0; i < T; i++) assert_close(b[0][i], b[1][i], 0, 1e-9);
            }
            snnk_lstsq_free(e);
            snnk_lstsq_free(s);
        }
    free_data(&d);
}

/* Forget one row after the other, until none is left: each one is accepted, and then the object is
 * as it was created. */
static void test_one_by_one(void **state) {
    data d = make_data();

    (void)state;
    for (int way = 0; way < 8; way++) {
        const int32_t factorization = way % 2, precision = way / 4;
        const float *weights = way / 2 % 2 ? d.weights : NULL;
        snnk_lstsq *s = factorization_create(M, T, factorization),
                   *empty = factorization_create(M, T, factorization);

        assert_ok(snnk_lstsq_set_precision(s, precision));
        assert_ok(snnk_lstsq_add(
            s, SNNK_ROWS(.n = 300, .X = d.Phi, .ldx = M, .Y = d.Y, .ldy = T, .weights = weights),
            NULL));
        for (size_t i = 0; i < 300; i++) {
            const size_t at = i * 7 % 300; /* in another order */

            assert_ok(forget(s, 1, d.Phi + at * M, d.Y + at * T, weights ? weights + at : NULL));
            assert_int_equal(s->rows, 299 - i);
        }
        statistics_assert_same(s, 0, statistics_copy(empty));
        assert_true(s->weight == 0 && s->max_weight == 0 && !s->single);
        assert_true(s->factorization == SNNK_FACTORIZATION_GRAM && s->precision == precision);
        snnk_lstsq_free(empty);
        snnk_lstsq_free(s);
    }
    free_data(&d);
}

/* A feature of each kind: plain; with a mean of 1e4; nearly one direction; in equal pairs; of sizes
 * 1e-4 ... 1e4; mostly zeros. */
static float feature(int kind, const float *row, size_t j) {
    switch (kind) {
    case 1: return row[j] + 1e4f;
    case 2: return j > 0 ? row[0] + row[j] * 1e-4f : row[0];
    case 3: return j % 2 ? row[j - 1] : row[j];
    case 4: return row[j] * powf(10, (float)(j % 9) - 4);
    case 5: return row[j] > 0.3f ? row[j] : 0;
    default: return row[j];
    }
}

/* Rows that were added are never refused, down to the last one and in any parts: 150 draws of
 * shape, parts and kind of features, with targets that are noise or a feature. The squares of the
 * targets are accurate to 2e-14 of those there were. With means of up to 2e4 the tolerance is 200
 * times their rounding, for what a single remaining row has. */
static void test_right_rows(void **state) {
    (void)state;
    for (size_t seed = 1; seed <= 150; seed++) {
        const size_t m = 1 + seed * 7 % 40, n = m / 2 + 2 + seed * 13 % 200, t = 1 + seed % 3;
        float *X = statistics_random(n * m, seed), *Y = statistics_random(n * t, seed + 9);
        float *Phi = malloc(n * m * sizeof *Phi);

        for (size_t i = 0; i < n * m; i++) Phi[i] = feature((int)(seed % 6), X + i / m * m, i % m);
        for (size_t i = 0; i < n * t && seed % 4 == 0; i++) Y[i] = Phi[i / t * m] * 2 + 1;
        for (int32_t factorization = 0; factorization < 2; factorization++) {
            snnk_lstsq *s = factorization_collect(n, m, t, Phi, Y, NULL, factorization);
            double most = 0;

            for (size_t k = 0; k < t; k++) most = fmax(most, snnk__lstsq_squares(s, k));
            for (size_t at = 0, step = 0; at < n; step++) {
                const size_t part = 1 + (seed * 31 + step * 17) % (1 + n / (1 + seed % 9));
                const size_t count = part < n - at ? part : n - at;

                assert_ok(forget(s, count, Phi + at * m, Y + at * t, NULL));
                at += count;
                if (at == n) break;
                snnk_lstsq *e =
                    factorization_collect(n - at, m, t, Phi + at * m, Y + at * t, NULL, 0);
                for (size_t k = 0; k < t; k++)
                    assert_close(snnk__lstsq_squares(s, k), snnk__lstsq_squares(e, k), 0,
                                 1e-11 * (most + 1));
                snnk_lstsq_free(e);
            }
            snnk_lstsq_free(s);
        }
        free(Phi);
        free(Y);
        free(X);
    }
}

/* A refused call changes nothing. */
static void assert_refused(snnk_lstsq *s, size_t n, const float *Phi, const float *Y,
                           const float *weights) {
    const uint64_t rows = s->rows;
    const double weight = s->weight;
    double *before = statistics_copy(s);

    assert_status(forget(s, n, Phi, Y, weights), SNNK_E_STATE);
    statistics_assert_same(s, rows, before);
    assert_true(s->weight == weight && s->max_weight == 0);
}

static void test_refuses(void **state) {
    data d = make_data();
    float *wrong = malloc(N * M * sizeof *wrong), *large = calloc(N * T, sizeof *large);

    (void)state;
    memcpy(wrong, d.Phi, N * M * sizeof *wrong);
    for (size_t i = 0; i < N * M; i++) wrong[i] *= 1 + (float)(i % 3);
    for (size_t i = 0; i < N * T; i++) large[i] = d.Y[i] * 40;
    for (int32_t factorization = 0; factorization < 2; factorization++) {
        snnk_lstsq *s = factorization_collect(100, M, T, d.Phi, d.Y, NULL, factorization);

        assert_refused(s, 101, d.Phi, d.Y, NULL); /* too many rows */
        assert_says("cannot forget 101 rows: only 100 were added");
        assert_refused(s, 90, d.Phi, d.Y, d.weights); /* too much weight */
        assert_says("cannot forget rows of total weight");
        assert_refused(s, 60, wrong, d.Y, NULL); /* the remaining moments would not be positive
                                                  * semidefinite */
        assert_says("not positive semidefinite");
        assert_refused(s, 1, wrong + M + 7, d.Y, NULL); /* a constant column with another value */
        assert_refused(s, 10, d.Phi, large, NULL);      /* the remaining residuals would be
                                                         * negative */
        assert_says("not positive semidefinite");
        assert_refused(s, 100, wrong, d.Y, NULL); /* the same number of rows, but different ones */
        assert_says("are not the 100 that were added");
        assert_refused(s, 100, d.Phi + M, d.Y + T, NULL);
        assert_refused(s, 100, d.Phi, large, NULL);

        /* The same rows twice: 60 of 100 with 31 features, then the remaining 40 would have to
         * contain the squares of 60 others. */
        snnk_lstsq *twice = factorization_collect(200, M, T, d.Phi, d.Y, NULL, factorization);
        double *before;

        assert_ok(forget(twice, 150, d.Phi, d.Y, NULL));
        before = statistics_copy(twice);
        assert_status(forget(twice, 40, d.Phi, d.Y, NULL), SNNK_E_STATE);
        statistics_assert_same(twice, 50, before);
        snnk_lstsq_free(twice);

        assert_status(snnk_lstsq_forget(
                          NULL, SNNK_ROWS(.n = 1, .X = d.Phi, .ldx = M, .Y = d.Y, .ldy = T), NULL),
                      SNNK_E_NULL);
        assert_status(snnk_lstsq_forget(s, SNNK_ROWS(.n = 1, .X = d.Phi, .ldx = M), NULL),
                      SNNK_E_NULL);
        assert_status(snnk_lstsq_forget(
                          s, SNNK_ROWS(.n = 1, .X = d.Phi, .ldx = M - 1, .Y = d.Y, .ldy = T), NULL),
                      SNNK_E_STRIDE);
        wrong[0] = NAN;
        assert_status(forget(s, 1, wrong, d.Y, NULL), SNNK_E_NONFINITE);
        wrong[0] = 1;
        d.labels[0] = T;
        assert_status(
            snnk_lstsq_forget(s, SNNK_ROWS(.n = 1, .X = d.Phi, .ldx = M, .labels = d.labels), NULL),
            SNNK_E_RANGE);
        d.labels[0] = 0;
        assert_ok(snnk_lstsq_forget(s, SNNK_ROWS(.n = 0, .ldx = M), NULL));
        assert_int_equal(s->rows, 100);
        snnk_lstsq_free(s);
    }
    free(large);
    free(wrong);
    free_data(&d);
}

/* All rows, with the correct means and squares, but the wrong combination of columns; or the wrong
 * weights. */
static void test_all_others(void **state) {
    enum { ROWS = 30, W = 4 };
    data d = make_data();
    float Phi[ROWS * W], rotated[ROWS * W], Y[ROWS * T], weights[ROWS], zeros[ROWS * T] = {0};

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(Phi + i * W, d.Phi + i * M, W * sizeof *Phi);
        memcpy(Y + i * T, d.Y + (i + 7) % ROWS * T, T * sizeof *Y);
        weights[i] = 1.001f;
    }
    memcpy(rotated, Phi, sizeof rotated);
    for (size_t i = 0; i < ROWS; i++) rotated[i * W + 2] = Phi[(i + 7) % ROWS * W + 2];
    for (int32_t factorization = 0; factorization < 2; factorization++)
        for (int32_t precision = 0; precision < 2 - factorization; precision++) {
            snnk_lstsq *s = factorization_create(W, T, factorization);

            assert_ok(snnk_lstsq_set_precision(s, precision));
            assert_ok(snnk_lstsq_add(
                s, SNNK_ROWS(.n = ROWS, .X = Phi, .ldx = W, .Y = d.Y, .ldy = T), NULL));
            assert_refused(s, ROWS, Phi, Y, NULL);
            assert_says("are not the 30 that were added");
            assert_refused(s, ROWS, rotated, d.Y, NULL);
            assert_says("are not the 30 that were added");
            assert_refused(s, ROWS, Phi, d.Y, weights);
            assert_says("cannot forget rows of total weight");
            assert_ok(forget(s, ROWS, Phi, d.Y, NULL));
            assert_int_equal(s->rows, 0);
            assert_ok(snnk_lstsq_add(
                s, SNNK_ROWS(.n = ROWS, .X = Phi, .ldx = W, .Y = zeros, .ldy = T), NULL));
            assert_refused(s, ROWS, rotated, zeros, NULL); /* only S shows it */
            snnk_lstsq_free(s);
        }
    free_data(&d);
}

/* By hand, all exact: of the rows 0, 2, 7, row 7 is forgotten; mean 1, S = 2. */
static void test_by_hand(void **state) {
    const float Phi[] = {0, 2, 7}, Y[] = {1, 3, 5};

    (void)state;
    for (int32_t factorization = 0; factorization < 2; factorization++) {
        snnk_lstsq *s = factorization_collect(3, 1, 1, Phi, Y, NULL, factorization);

        assert_ok(forget(s, 1, Phi + 2, Y + 2, NULL));
        assert_close(s->mean_phi[0], 1, 1e-15, 0);
        assert_close(s->mean_y[0], 2, 1e-15, 0);
        /* S was 26 before, whose rounding is 13 eps; eps is that of the length in a factor, and its
         * square has twice as much. */
        const double rounding = (factorization ? 26 : 13) * DBL_EPSILON;

        assert_close(snnk__lstsq_diagonal(s, 0), 2, rounding, 0);
        assert_close(snnk__lstsq_squares(s, 0), 2, rounding, 0);
        assert_true(s->rows == 2 && s->weight == 2);
        snnk_lstsq_free(s);
    }
}

/* A factor of condition 1e8 stays a factor, and keeps the accuracy that moments do not have: the
 * solution of the remaining rows. Two columns differ in the last bit of one row in 13, with targets
 * on that bit and a residual. A quarter of those rows is forgotten. Measured: off by 7e-9, a
 * quarter of eps times the condition; allowed is 10 times that product. With moments nothing is
 * correct. */
static void test_ill_conditioned(void **state) {
    enum { ROWS = 200, GONE = 50 };
    float Phi[ROWS * 3], Y[ROWS];
    double B[3], e[3], b, condition;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const float sign = i % 2 ? -1 : 1;

        Phi[3 * i] = sign;
        Phi[3 * i + 1] = i % 13 == 0 ? sign * (1 - 0x1p-24f) : sign;
        Phi[3 * i + 2] = (float)(i * i % 17) / 16;
        Y[i] = (Phi[3 * i + 1] - Phi[3 * i]) * 0x1p24f + Phi[3 * i + 2] + (float)(i % 5) / 8;
    }
    snnk_lstsq *s = factorization_collect(ROWS, 3, 1, Phi, Y, NULL, SNNK_FACTORIZATION_QR);
    snnk_lstsq *gram = factorization_collect(ROWS, 3, 1, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);

    dgelsd_solve(ROWS - GONE, 3, Phi + 3 * GONE, Y + GONE, true, e, &condition);
    assert_true(condition > 1e8);
    assert_ok(forget(s, GONE, Phi, Y, NULL));
    assert_int_equal(s->factorization, SNNK_FACTORIZATION_QR);
    factorization_solve(s, 0, 1, B, &b);
    print_message("condition %.1e: factor off by %.1e", condition, dgelsd_relative(3, B, e));
    assert_true(dgelsd_relative(3, B, e) < 10 * DBL_EPSILON * condition);
    assert_ok(forget(gram, GONE, Phi, Y, NULL));
    factorization_solve(gram, 0, 1, B, &b);
    print_message(", moments by %.1e\n", dgelsd_relative(3, B, e));
    assert_true(dgelsd_relative(3, B, e) > 1e-3);
    snnk_lstsq_free(gram);
    snnk_lstsq_free(s);
}

static void test_failing_memory(void **state) {
    data d = make_data();
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);

    (void)state;
    for (int way = 0; way < 4; way++) {
        const int32_t factorization = way % 2;
        const size_t count = way / 2 ? 100 : 10; /* some rows; all rows */

        snnk_lstsq *s = NULL;
        double *before;
        long failures = 0;
        int st;

        assert_ok(snnk_lstsq_create(M, T, &allocator, &s));
        assert_ok(snnk_lstsq_set_factorization(s, factorization));
        assert_ok(
            snnk_lstsq_add(s, SNNK_ROWS(.n = 100, .X = d.Phi, .ldx = M, .Y = d.Y, .ldy = T), NULL));
        before = statistics_copy(s);
        assert_survives_failing_allocations(memory, st, {
            st = forget(s, count, d.Phi, d.Y, NULL);
            if (st != SNNK_OK) {
                double *now = statistics_copy(s);
                assert_memory_equal(now, before, statistics_count(s) * sizeof *now);
                assert_true(s->rows == 100 && s->weight == 100 && s->max_weight == 0);
                free(now);
                failures++;
            }
        });
        assert_true(failures > 3 && s->rows == 100 - count);
        free(before);
        snnk_lstsq_free(s);
        assert_int_equal(memory.alive, 0);
    }
    free_data(&d);
}

/* A feature that only forgotten rows had disappears: rank and solution are those of the remaining
 * rows, where it is 0, or a constant that an intercept removes. Later rows can bring it back.
 * Coefficients up to 1 from well-conditioned moments: 900 eps of the sums. */
static void test_gone_feature(void **state) {
    enum { W = 31, GONE = 50, AT = 5 };
    float *Phi = statistics_random(N * W, 21), *Y = statistics_random(N * T, 22);
    const float *left = Phi + GONE * W, *left_y = Y + GONE * T;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        Phi[i * W + AT] = i < GONE ? Phi[i * W + AT] + 3 : 0;
        Y[i * T] += Phi[i * W + 3] + Phi[i * W + AT];
    }
    for (int way = 0; way < 16; way++) {
        const int32_t factorization = way % 2;
        const float constant = way / 8 ? 0.1f : 0;
        const int intercept = way / 2 % 2;
        const size_t part = way / 4 % 2 ? 10 : GONE;
        const size_t rank = intercept || constant == 0 ? W - 1 : W;

        for (size_t i = GONE; i < N; i++) Phi[i * W + AT] = constant;
        snnk_lstsq *s = factorization_collect(N, W, T, Phi, Y, NULL, factorization);
        snnk_lstsq *e =
            factorization_collect(N - GONE, W, T, left, left_y, NULL, SNNK_FACTORIZATION_GRAM);
        double B[2][T * W], b[2][T];

        for (size_t i = 0; i < GONE; i += part)
            assert_ok(forget(s, part, Phi + i * W, Y + i * T, NULL));
        assert_true(snnk__lstsq_diagonal(s, AT) == 0);
        assert_close(s->mean_phi[AT], (double)constant, 1e-14, 0); /* 0 must be exact */
        assert_int_equal(factorization_solve(s, 0, intercept, B[0], b[0]).rank, rank);
        assert_int_equal(factorization_solve(e, 0, intercept, B[1], b[1]).rank, rank);
        for (size_t i = 0; i < T * W; i++) assert_close(B[0][i], B[1][i], 0, 2e-13);

        assert_ok(
            snnk_lstsq_add(s, SNNK_ROWS(.n = GONE, .X = Phi, .ldx = W, .Y = Y, .ldy = T), NULL));
        assert_int_equal(factorization_solve(s, 0, intercept, B[0], b[0]).rank, W);
        for (size_t i = 0; i < N; i += 100) assert_ok(forget(s, 100, Phi + i * W, Y + i * T, NULL));
        assert_int_equal(s->rows, 0);
        snnk_lstsq_free(e);
        snnk_lstsq_free(s);
    }
    free(Y);
    free(Phi);
}

/* Squares within rounding error do not make a feature 0. After rows 1e8 times as large, the squares
 * of the first feature are unknown, but its products with the second are not, and later calls
 * subtract them. Sums of 1e8 round to 1e-8 for each row. */
static void test_small_feature(void **state) {
    enum { ROWS = 200, GONE = 100, W = 3 };
    float *Phi = statistics_random(ROWS * W, 31), *Y = calloc(ROWS * T, sizeof *Y);
    const float *left = Phi + GONE * W, *left_y = Y + GONE * T;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) Phi[i * W] = i < GONE ? 1e8f * Phi[i * W] : Phi[i * W + 1];
    snnk_lstsq *s = factorization_collect(ROWS, W, T, Phi, Y, NULL, SNNK_FACTORIZATION_GRAM);
    snnk_lstsq *e =
        factorization_collect(ROWS - GONE, W, T, left, left_y, NULL, SNNK_FACTORIZATION_GRAM);

    assert_ok(forget(s, GONE, Phi, Y, NULL));
    assert_close(s->S[W], e->S[W], 0, 100 * 1e-8);
    for (size_t i = GONE; i < ROWS; i += 10) assert_ok(forget(s, 10, Phi + i * W, Y + i * T, NULL));
    assert_int_equal(s->rows, 0);
    snnk_lstsq_free(e);
    snnk_lstsq_free(s);
    free(Y);
    free(Phi);
}

/* The remaining weight must be above the rounding error of the total. With weights of 1e10 it is,
 * but of squares of 1e10 a double keeps units of 1e-6 and, with the shift of the means, not even
 * those: the spread of the rows that stay is lost. With weights of 1e6 it is known. */
static void test_remaining_weight(void **state) {
    const float Phi[4] = {1, 2, 4, 7}, Y[4] = {1, 2, 3, 5}, heavy[4] = {1e20f, 1e20f, 1, 1};
    const float lighter[4] = {1e10f, 1e10f, 1, 1}, light[4] = {1e6f, 1e6f, 1, 1};

    (void)state;
    for (int32_t factorization = 0; factorization < 2; factorization++) {
        snnk_lstsq *s = factorization_collect(4, 1, 1, Phi, Y, heavy, factorization);

        assert_refused(s, 2, Phi, Y, heavy);
        assert_says("cannot forget rows of total weight");
        snnk_lstsq_free(s);
        s = factorization_collect(4, 1, 1, Phi, Y, lighter, factorization);
        assert_status(forget(s, 2, Phi, Y, lighter), SNNK_E_RANGE);
        assert_says("digits of feature 0 are gone");
        assert_true(s->rows == 4);
        snnk_lstsq_free(s);
        s = factorization_collect(4, 1, 1, Phi, Y, light, factorization);
        assert_ok(forget(s, 2, Phi, Y, light));
        assert_close(s->weight, 2, 1e-9, 0); /* eps 2e6 */
        snnk_lstsq_free(s);
    }
}

/* The same statistics loaded from a file; saving them again gives the same bytes. */
static snnk_lstsq *through_a_file(snnk_lstsq *s) {
    snnk_lstsq *loaded;
    size_t bytes, again;
    char *file, *second;

    assert_ok(snnk_lstsq_saved_bytes(s, &bytes));
    file = malloc(bytes), second = malloc(bytes);
    assert_ok(snnk_lstsq_save_memory(s, file, bytes));
    assert_ok(snnk_lstsq_load_memory(file, bytes, NULL, &loaded));
    assert_ok(snnk_lstsq_saved_bytes(loaded, &again));
    assert_int_equal(again, bytes);
    assert_ok(snnk_lstsq_save_memory(loaded, second, bytes));
    assert_memory_equal(second, file, bytes);
    free(second);
    free(file);
    snnk_lstsq_free(s);
    return loaded;
}

/* Statistics from a file still know that rows were in single precision: those rows can be
 * forgotten, and default ridges are the same. */
static void test_single_precision_is_saved(void **state) {
    data d = make_data();
    double ridges[2][5];

    (void)state;
    for (size_t gone = 860; gone <= N; gone += 10) {
        snnk_lstsq *s = factorization_create(M, T, SNNK_FACTORIZATION_GRAM);

        assert_ok(snnk_lstsq_set_precision(s, SNNK_PRECISION_SINGLE));
        assert_ok(
            snnk_lstsq_add(s, SNNK_ROWS(.n = N, .X = d.Phi, .ldx = M, .Y = d.Y, .ldy = T), NULL));
        assert_ok(snnk_lstsq_default_ridges(s, 5, ridges[0]));
        s = through_a_file(s);
        assert_ok(snnk_lstsq_default_ridges(s, 5, ridges[1]));
        assert_memory_equal(ridges[0], ridges[1], sizeof ridges[0]);
        assert_ok(forget(s, gone, d.Phi, d.Y, NULL));
        snnk_lstsq_free(s);
    }
    free_data(&d);
}

/* A file stores how large sums were: of 6000 rows 60 are left, then they are forgotten one after
 * the other. Their means are 1e4, or the other rows were 1e4 times as large. */
static void test_largest_sums_are_saved(void **state) {
    enum { ROWS = 6000, LEFT = 60, W = 12 };
    float *Phi = statistics_random(ROWS * W, 5), *Y = statistics_random(ROWS * T, 6);

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < ROWS * W; i++) {
            if (kind == 0) Phi[i] += 1e4f;
            if (kind == 1) Phi[i] = (Phi[i] - 1e4f) * (i < (ROWS - LEFT) * W ? 1e4f : 1);
        }
        for (int32_t factorization = 0; factorization < 2; factorization++) {
            snnk_lstsq *s = factorization_collect(ROWS, W, T, Phi, Y, NULL, factorization);

            for (size_t i = 0; i < ROWS - LEFT; i += 15)
                assert_ok(forget(s, 15, Phi + i * W, Y + i * T, NULL));
            for (size_t i = ROWS - LEFT; i < ROWS; i++) {
                s = through_a_file(s);
                assert_ok(forget(s, 1, Phi + i * W, Y + i * T, NULL));
            }
            assert_int_equal(s->rows, 0);
            assert_true(s->max_rows == 0 && s->max_weight == 0);
            snnk_lstsq_free(s);
        }
    }
    free(Y);
    free(Phi);
}

static void assert_most(const snnk_lstsq *s, const snnk_lstsq *e, double factor) {
    assert_int_equal(s->max_rows, e->max_rows);
    assert_true(s->max_weight == factor * e->max_weight);
    for (size_t j = 0; j < M; j++) assert_true(s->max_phi[j] == factor * e->max_phi[j]);
    for (size_t k = 0; k < T; k++) assert_true(s->max_y[k] == factor * e->max_y[k]);
}

/* How large sums were is also copied by merging, by copying and by adding targets; so is whether
 * rows were in single precision. */
static void test_rounding_bounds_are_copied(void **state) {
    data d = make_data();
    double ridges[2];

    (void)state;
    for (int32_t factorization = 0; factorization < 2; factorization++) {
        snnk_lstsq *a = factorization_collect(N, M, T, d.Phi, d.Y, NULL, factorization), *copy;
        snnk_lstsq *s = factorization_create(M, T, factorization);

        assert_ok(forget(a, N - 100, d.Phi, d.Y, NULL));
        assert_true(a->max_rows == N && a->max_weight == N && a->max_y[T - 1] > 1);
        assert_ok(snnk__lstsq_clone(a, NULL, &copy));
        assert_most(copy, a, 1);
        assert_ok(snnk_lstsq_merge(s, a));
        assert_most(s, a, 1);
        assert_ok(snnk_lstsq_merge(s, a)); /* errors of both may add */
        assert_most(s, a, 2);
        assert_ok(snnk_lstsq_add_targets(copy, 1));
        assert_most(copy, a, 1);
        assert_true(copy->max_y[T] == 0);
        snnk_lstsq_free(copy);
        snnk_lstsq_free(s);
        snnk_lstsq_free(a);
    }
    snnk_lstsq *single = factorization_create(M, T, SNNK_FACTORIZATION_GRAM);
    snnk_lstsq *s = factorization_collect(9, M, T, d.Phi, d.Y, NULL, SNNK_FACTORIZATION_GRAM);

    assert_ok(snnk_lstsq_set_precision(single, SNNK_PRECISION_SINGLE));
    assert_ok(snnk_lstsq_add(
        single, SNNK_ROWS(.n = N - 9, .X = d.Phi + 9 * M, .ldx = M, .Y = d.Y + 9 * T, .ldy = T),
        NULL));
    assert_ok(snnk_lstsq_merge(s, single));
    assert_ok(snnk_lstsq_default_ridges(s, 2, ridges));
    assert_close(ridges[0] / ridges[1], 1e-6, 1e-12, 0);
    assert_ok(forget(s, N - 1, d.Phi, d.Y, NULL));
    snnk_lstsq_free(s);
    snnk_lstsq_free(single);
    free_data(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding_bounds_are_copied),
        cmocka_unit_test(test_remaining_weight),
        cmocka_unit_test(test_small_feature),
        cmocka_unit_test(test_all_others),
        cmocka_unit_test(test_gone_feature),
        cmocka_unit_test(test_single_precision_is_saved),
        cmocka_unit_test(test_largest_sums_are_saved),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_forgotten_rows_leave_no_trace),
        cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_right_rows),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_ill_conditioned),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
