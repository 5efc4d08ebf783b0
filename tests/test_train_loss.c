/* src/train/loss_gradient.c: losses by their formulas in long double, gradients by differences. */
#include <stdlib.h>

#include "support/compare.h"
#include "support/draw.h"

#include "train/loss_gradient.h"

enum { N = 40, L = 4 };

static const double huber_limit = 0.4;

/* ---- The losses by <snnk/loss.h> ---- */

static long double squared(const long double *y, const double *t) {
    long double sum = 0;

    for (size_t k = 0; k < L; k++) sum += (y[k] - t[k]) * (y[k] - t[k]);
    return sum;
}

static long double huber(const long double *y, const double *t) {
    const long double h = huber_limit;
    long double sum = 0;

    for (size_t k = 0; k < L; k++) {
        const long double e = fabsl(y[k] - t[k]);

        sum += e <= h ? e * e : 2 * h * e - h * h;
    }
    return sum;
}

static long double cross_entropy(const long double *y, const double *t) {
    long double most = y[0], sum = 0, loss = 0;

    for (size_t k = 1; k < L; k++) most = fmaxl(most, y[k]);
    for (size_t k = 0; k < L; k++) sum += expl(y[k] - most);
    for (size_t k = 0; k < L; k++)
        if (t[k] > 0) loss -= t[k] * (y[k] - most - logl(sum));
    return loss;
}

static long double cosine(const long double *y, const double *t) {
    long double yy = 0, tt = 0, yt = 0;

    for (size_t k = 0; k < L; k++) {
        yy += y[k] * y[k];
        tt += (long double)t[k] * t[k];
        yt += y[k] * t[k];
    }
    return yy == 0 || tt == 0 ? 1 : 1 - yt / sqrtl(yy * tt);
}

typedef long double (*loss_function)(const long double *y, const double *t);

static const loss_function losses[] = {[SNNK_LOSS_SQUARED] = squared,
                                       [SNNK_LOSS_CROSS_ENTROPY] = cross_entropy,
                                       [SNNK_LOSS_HUBER] = huber,
                                       [SNNK_LOSS_COSINE] = cosine};

/* ---- Calls ---- */

static snnk_train_config config_of_loss(void) {
    snnk_train_config config;

    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.huber = huber_limit;
    return config;
}

/* The loss and gradient of one row. */
static double row_loss(int32_t loss, const float *y, const snnk__targets *targets, float *dy) {
    const snnk_train_config config = config_of_loss();
    double scratch, sum = 0, weight = 0;

    assert_ok(
        snnk__loss_gradient(&config, loss, 1, targets, y, L, dy, L, &scratch, &sum, &weight, NULL));
    assert_true(weight == (targets->weights ? (double)*targets->weights : 1));
    return sum;
}

/* Compare a row with the formula, and with central differences of it in long double. */
static void check_row(int32_t loss, const float *y, const float *t, float weight) {
    const snnk__targets targets = {.outputs = L, .Y = t, .weights = &weight};
    long double at[L];
    double target[L];
    float dy[L];
    const double value = row_loss(loss, y, &targets, dy);

    for (size_t k = 0; k < L; k++) at[k] = y[k], target[k] = (double)t[k];
    assert_close(value, (double)(weight * losses[loss](at, target)), 1e-12, 1e-15);
    assert_true(row_loss(loss, y, &targets, NULL) == value);
    double size = 0;

    for (size_t k = 0; k < L; k++) size = fmax(size, fabs((double)y[k]));
    for (size_t k = 0; k < L; k++) {
        const long double y_k = at[k], step = 1e-6L * (size > 0 ? size : 1);

        at[k] = y_k + step;
        const long double high = losses[loss](at, target);
        at[k] = y_k - step;
        const long double low = losses[loss](at, target);

        at[k] = y_k;
        assert_close((double)dy[k], (double)(weight * (high - low) / (2 * step)), 3e-6,
                     3e-6 * weight / (loss == SNNK_LOSS_COSINE ? size : 1));
    }
}

static void softmax_row(float *t) {
    double sum = 0;

    for (size_t k = 0; k < L; k++) sum += exp(2 * (double)t[k]);
    for (size_t k = 0; k < L; k++) t[k] = (float)(exp(2 * (double)t[k]) / sum);
}

static void test_gradients(void **state) {
    float Y[N * L], T[N * L];

    (void)state;
    for (int32_t loss = SNNK_LOSS_SQUARED; loss <= SNNK_LOSS_COSINE; loss++) {
        draw_floats(Y, N * L, 1);
        draw_floats(T, N * L, 2);
        for (size_t i = 0; i < N; i++) {
            if (loss == SNNK_LOSS_CROSS_ENTROPY) softmax_row(T + i * L);
            for (size_t k = 0; k < L; k++) Y[i * L + k] *= (float)(1 + i % 5);
            check_row(loss, Y + i * L, T + i * L, i % 3 == 0 ? 1 : (float)(0.25 * (double)i));
        }
    }
}

/* ---- Extremes ---- */

static void test_large_outputs(void **state) {
    const float Y[] = {1e30F, -1e30F, 3, 0}, T[] = {1, 0, 0, 0}, last[] = {0, 0, 0, 1};
    float dy[L];
    const snnk__targets targets = {.outputs = L, .Y = T}, other = {.outputs = L, .Y = last};

    (void)state;
    assert_close(row_loss(SNNK_LOSS_SQUARED, Y, &targets, dy), 2e60, 1e-6, 0);
    assert_close((double)dy[0], 2e30, 1e-6, 0);
    assert_close((double)dy[1], -2e30, 1e-6, 0);
    assert_close(row_loss(SNNK_LOSS_HUBER, Y, &targets, dy),
                 2 * (2 * huber_limit * 1e30) + 2 * huber_limit * 3, 1e-6, 0);
    assert_close((double)dy[0], 2 * huber_limit, 1e-6, 0);
    assert_close((double)dy[1], -2 * huber_limit, 1e-6, 0);
    assert_true(dy[3] == 0);
    /* The largest output is right: no loss; wrong: its distance. */
    assert_true(row_loss(SNNK_LOSS_CROSS_ENTROPY, Y, &targets, dy) == 0);
    for (size_t k = 0; k < L; k++) assert_true(dy[k] == 0);
    assert_close(row_loss(SNNK_LOSS_CROSS_ENTROPY, Y, &other, dy), 1e30, 1e-6, 0);
    assert_true(dy[0] == 1 && dy[1] == 0 && dy[2] == 0 && dy[3] == -1);
    assert_close(row_loss(SNNK_LOSS_COSINE, Y, &targets, dy), 1 - 1 / sqrt(2), 1e-6, 0);
    /* The gradient is orthogonal to y and of length sin/|y|. */
    assert_close((double)dy[0] * 1e30, -sqrt(0.5) / 2, 1e-5, 0);
    assert_close((double)dy[1] * 1e30, -sqrt(0.5) / 2, 1e-5, 0);
}

static void test_nonfinite_outputs(void **state) {
    const float values[] = {NAN, INFINITY, -INFINITY}, T[] = {0.25F, 0.25F, 0.25F, 0.25F};
    const snnk__targets targets = {.outputs = L, .Y = T};

    (void)state;
    for (int32_t loss = SNNK_LOSS_SQUARED; loss <= SNNK_LOSS_COSINE; loss++)
        for (size_t v = 0; v < 3; v++)
            for (size_t at = 0; at < L; at++) { /* never a loss that looks like one */
                float Y[] = {1, -2, 0.5F, 0.1F}, dy[L];

                Y[at] = values[v];
                assert_true(!isfinite(row_loss(loss, Y, &targets, dy)));
            }
}

static void test_rows_of_zeros(void **state) {
    const float zeros[L] = {0}, T[] = {0.5F, 0.25F, 0, 0.25F};
    const snnk__targets to_zeros = {.outputs = L, .Y = zeros}, targets = {.outputs = L, .Y = T};
    float dy[L];

    (void)state;
    assert_true(row_loss(SNNK_LOSS_COSINE, zeros, &targets, dy) == 1);
    for (size_t k = 0; k < L; k++) assert_true(dy[k] == 0);
    assert_true(row_loss(SNNK_LOSS_COSINE, T, &to_zeros, dy) == 1);
    for (size_t k = 0; k < L; k++) assert_true(dy[k] == 0);
    assert_close(row_loss(SNNK_LOSS_CROSS_ENTROPY, zeros, &targets, dy), log(L), 1e-12, 0);
    for (size_t k = 0; k < L; k++) assert_close((double)dy[k], 0.25 - (double)T[k], 1e-6, 1e-9);
}

/* ---- Labels, strides, sums ---- */

/* Labels are targets of ones and zeros, bit for bit. */
static void test_labels(void **state) {
    const snnk_train_config config = config_of_loss();
    float Y[N * L], T[N * L] = {0}, of_labels[N * L], of_targets[N * L];
    int32_t labels[N];
    double each[N];

    (void)state;
    draw_floats(Y, N * L, 3);
    for (size_t i = 0; i < N; i++) {
        labels[i] = (int32_t)(i * 5 % L);
        T[i * L + (size_t)labels[i]] = 1;
        Y[i * L] *= i % 4 == 0 ? 50 : 1;
    }
    for (int32_t loss = SNNK_LOSS_SQUARED; loss <= SNNK_LOSS_COSINE; loss++) {
        const snnk__targets by_label = {.outputs = L, .labels = labels},
                            by_target = {.outputs = L, .Y = T};
        double a = 0, b = 0, n_a = 0, n_b = 0;

        assert_ok(snnk__loss_gradient(&config, loss, N, &by_label, Y, L, of_labels, L, each, &a,
                                      &n_a, NULL));
        assert_ok(snnk__loss_gradient(&config, loss, N, &by_target, Y, L, of_targets, L, each, &b,
                                      &n_b, NULL));
        assert_true(a == b && n_a == N && n_b == N);
        assert_memory_equal(of_labels, of_targets, sizeof of_labels);
    }
}

/* Sums are added to what is there; strides of Y and dY are kept; a weight of 3 is three rows. */
static void test_sums(void **state) {
    enum { LDY = L + 2, LDDY = L + 1 };
    const snnk_train_config config = config_of_loss();
    float Y[N * LDY], T[N * L], dY[N * LDDY], weights[N], dy[L];
    double each[N];

    (void)state;
    draw_floats(Y, N * LDY, 4);
    draw_floats(T, N * L, 5);
    for (size_t i = 0; i < N; i++) weights[i] = (float)(1 + i % 3);
    for (size_t i = 0; i < N * LDDY; i++) dY[i] = 77;
    for (int32_t loss = SNNK_LOSS_SQUARED; loss <= SNNK_LOSS_COSINE; loss++) {
        const snnk__targets all = {.outputs = L, .Y = T, .weights = weights};
        double sum = 10, weight = 20, expected = 10, rows = 20;

        assert_ok(snnk__loss_gradient(&config, loss, N, &all, Y, LDY, dY, LDDY, each, &sum, &weight,
                                      NULL));
        for (size_t i = 0; i < N; i++) {
            const snnk__targets one = {.outputs = L, .Y = T + i * L};

            for (size_t copy = 0; copy < 1 + i % 3; copy++, rows++)
                expected += row_loss(loss, Y + i * LDY, &one, dy);
            for (size_t k = 0; k < L; k++)
                assert_close((double)dY[i * LDDY + k], (double)weights[i] * (double)dy[k], 2e-7, 0);
            assert_true(dY[i * LDDY + L] == 77);
        }
        assert_close(sum, expected, 1e-13, 0);
        assert_true(weight == rows);
    }
}

/* ---- A loss of the caller's: sum_k k y_k ---- */

typedef struct seen {
    size_t calls, rows;
    uint64_t last;
    int answer;
} seen;

static int own(void *user, size_t n, const uint64_t *rows, const float *Y, size_t ldy, float *dY,
               size_t lddy, double *each) {
    seen *s = user;

    s->calls++;
    s->rows += n;
    s->last = rows[n - 1];
    for (size_t i = 0; i < n; i++) {
        each[i] = 0;
        for (size_t k = 0; k < L; k++) {
            each[i] += (double)k * (double)Y[i * ldy + k];
            dY[i * lddy + k] = (float)k;
        }
    }
    return s->answer;
}

static void test_own_loss(void **state) {
    const float weights[] = {2, 0.5F}, Y[2 * L] = {1, 1, 1, 1, 0, 0, 0, 2};
    const uint64_t rows[] = {7, 900};
    const snnk__targets targets = {.outputs = L, .weights = weights, .rows = rows};
    snnk_train_config config = config_of_loss();
    float dY[2 * L];
    double each[2], sum = 0, weight = 0;
    seen s = {0};

    (void)state;
    config.loss_function = own;
    config.user = &s;
    assert_ok(snnk__loss_gradient(&config, SNNK_LOSS_USER, 2, &targets, Y, L, dY, L, each, &sum,
                                  &weight, NULL));
    assert_true(sum == 2 * 6 + 0.5 * 6 && weight == 2.5);
    for (size_t k = 0; k < L; k++)
        assert_true(dY[k] == 2 * (float)k && dY[L + k] == 0.5F * (float)k);
    assert_true(s.calls == 1 && s.rows == 2 && s.last == 900);
    s.answer = 3;
    assert_status(snnk__loss_gradient(&config, SNNK_LOSS_USER, 2, &targets, Y, L, dY, L, each, &sum,
                                      &weight, NULL),
                  SNNK_E_CANCELLED);
    assert_says("the loss function asked to stop");
}

/* Rows that are enough for threads have the losses and gradients that each has alone. */
static void test_threads(void **state) {
    enum { ROWS = 4096, COUNT = ROWS * L };
    static float Y[COUNT], T[COUNT], alone[COUNT], together[COUNT];
    static double each[ROWS];

    (void)state;
    draw_floats(Y, COUNT, 8);
    draw_floats(T, COUNT, 9);
    for (int32_t loss = SNNK_LOSS_SQUARED; loss <= SNNK_LOSS_COSINE; loss++) {
        const snnk_train_config config = config_of_loss();
        double sum = 0, expected = 0, weight = 0;
        snnk_workspace *three;

        for (size_t i = 0; i < ROWS; i++) {
            const snnk__targets one = {.outputs = L, .Y = T + i * L};

            expected += row_loss(loss, Y + i * L, &one, alone + i * L);
        }
        const snnk__targets all = {.outputs = L, .Y = T};

        assert_ok(snnk_workspace_create(3, NULL, &three));
        assert_ok(snnk__loss_gradient(&config, loss, ROWS, &all, Y, L, together, L, each, &sum,
                                      &weight, three));
        assert_true(sum == expected && weight == ROWS);
        assert_memory_equal(alone, together, sizeof alone);
        snnk_workspace_free(three);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_large_outputs), cmocka_unit_test(test_nonfinite_outputs),
        cmocka_unit_test(test_rows_of_zeros), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_sums),          cmocka_unit_test(test_own_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
