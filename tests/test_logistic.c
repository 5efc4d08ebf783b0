/* src/solve/logistic.c: cross-entropy, compared with Newton's method in long double and closed
 * forms. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdlib.h>

#include <snnk/logistic.h>

enum { N = 300, M = 4, T = 3, UNKNOWNS = T * (M + 1) };

static float Phi[N * (M + 2)], weights[N];
static int32_t labels[N];

/* Overlapping classes: labels by noisy scores. Features are not centered, and have different
 * scales. */
static int make_rows(void **state) {
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        float *phi = Phi + i * (M + 2);
        double best = -1e9;

        for (size_t j = 0; j < M + 2; j++)
            phi[j] = (float)(draw_uniform(&seed) * (1 + (double)j) + 2);
        for (int32_t c = 0; c < T; c++) {
            const double score = (c == 0   ? phi[0]
                                  : c == 1 ? phi[1] / 2
                                           : 1.5) +
                                 draw_uniform(&seed);

            if (score > best) labels[i] = c;
            best = fmax(best, score);
        }
        weights[i] = (float)(1.5 + draw_uniform(&seed));
    }
    return 0;
}

/* Row i with the constant feature M, which is 1. */
static long double feature(size_t i, size_t j) { return j < M ? Phi[i * (M + 2) + j] : 1; }

/* Gaussian elimination with pivots: A (n x n) x = r; x overwrites r. */
static void eliminate(size_t n, long double *A, long double *r) {
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;

        for (size_t i = k; i < n; i++)
            if (fabsl(A[i * n + k]) > fabsl(A[pivot * n + k])) pivot = i;
        for (size_t j = 0; j < n; j++) {
            const long double kept = A[k * n + j];
            A[k * n + j] = A[pivot * n + j];
            A[pivot * n + j] = kept;
        }
        const long double kept = r[k];
        r[k] = r[pivot];
        r[pivot] = kept;
        for (size_t i = 0; i < n; i++) {
            if (i == k) continue;
            const long double factor = A[i * n + k] / A[k * n + k];
            for (size_t j = k; j < n; j++) A[i * n + j] -= factor * A[k * n + j];
            r[i] -= factor * r[k];
        }
    }
    for (size_t k = 0; k < n; k++) r[k] /= A[k * n + k];
}

/* Gradient and Hessian of the loss at x (T x (M + 1), the intercept last in each row); returns the
 * loss. */
static long double derivatives(const long double *x, long double ridge, const float *w,
                               long double *gradient, long double *H) {
    long double loss = 0;

    memset(gradient, 0, UNKNOWNS * sizeof *gradient);
    memset(H, 0, (size_t)UNKNOWNS * UNKNOWNS * sizeof *H);
    for (size_t i = 0; i < N; i++) {
        const long double weight = w ? w[i] : 1;
        long double p[T], sum = 0;

        for (size_t c = 0; c < T; c++) {
            p[c] = 0;
            for (size_t j = 0; j <= M; j++) p[c] += x[c * (M + 1) + j] * feature(i, j);
        }
        const long double own = p[labels[i]];
        for (size_t c = 0; c < T; c++) sum += p[c] = expl(p[c]);
        loss += weight * (logl(sum) - own);
        for (size_t c = 0; c < T; c++) {
            p[c] /= sum;
            for (size_t j = 0; j <= M; j++)
                gradient[c * (M + 1) + j] +=
                    weight * (p[c] - (labels[i] == (int32_t)c)) * feature(i, j);
        }
        for (size_t c = 0; c < T; c++)
            for (size_t e = 0; e < T; e++)
                for (size_t j = 0; j <= M; j++)
                    for (size_t k = 0; k <= M; k++)
                        H[(c * (M + 1) + j) * UNKNOWNS + e * (M + 1) + k] +=
                            weight * p[c] * ((c == e) - p[e]) * feature(i, j) * feature(i, k);
    }
    for (size_t c = 0; c < T; c++)
        for (size_t j = 0; j < M; j++) {
            gradient[c * (M + 1) + j] += ridge * x[c * (M + 1) + j];
            H[(c * (M + 1) + j) * (UNKNOWNS + 1)] += ridge;
        }
    return loss;
}

/* Newton's method. A small number on the diagonal of the intercepts makes them sum to 0, like those
 * of a path that begins at 0. Returns the loss. */
static long double reference(long double ridge, const float *w, long double *x) {
    long double gradient[UNKNOWNS], loss = 0;
    long double *H = malloc((size_t)UNKNOWNS * UNKNOWNS * sizeof *H);

    memset(x, 0, UNKNOWNS * sizeof *x);
    for (int step = 0; step < 40; step++) {
        loss = derivatives(x, ridge, w, gradient, H);
        for (size_t c = 0; c < T; c++) H[(c * (M + 1) + M) * (UNKNOWNS + 1)] += 1e-9L;
        eliminate(UNKNOWNS, H, gradient);
        for (size_t k = 0; k < UNKNOWNS; k++) x[k] -= gradient[k];
    }
    free(H);
    return loss;
}

static snnk_logistic_config config_with(double ridge, double tolerance) {
    snnk_logistic_config config;

    assert_ok(snnk_logistic_config_init(&config, sizeof config));
    config.ridge = ridge;
    config.tolerance = tolerance;
    return config;
}

/* The solution is accurate to the tolerance of the gradient: with 1e-11 and a conditioning of about
 * 1e3, 1e-8 is correct. Intercepts agree up to a common constant. */
static void check_solution(double ridge, const float *w) {
    const snnk_logistic_config config = config_with(ridge, 1e-11);
    snnk_logistic_report report = {.size = sizeof report};
    long double x[UNKNOWNS];
    double B[T * (M + 1)], b[T];
    const long double loss = reference(ridge, w, x);
    double weight = 0;

    for (size_t i = 0; i < N; i++) weight += w ? (double)w[i] : 1;
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels, .weights = w), T,
        &config, NULL, B, M + 1, b, &report));
    assert_int_equal(report.converged, 1);
    assert_true(report.gradient <= 1e-11);
    assert_true(report.steps > 2 && report.steps < 20 && report.products >= (uint64_t)report.steps);
    assert_close(report.loss, (double)loss / weight, 1e-12, 0);
    for (size_t c = 0; c < T; c++) {
        for (size_t j = 0; j < M; j++)
            assert_close(B[c * (M + 1) + j], (double)x[c * (M + 1) + j], 1e-8, 1e-8);
        assert_close(b[c] - b[0], (double)(x[c * (M + 1) + M] - x[M]), 1e-8, 1e-8);
    }
}

static void test_minimum(void **state) {
    (void)state;
    check_solution(1e-3, NULL);
    check_solution(1, NULL);
    check_solution(30, NULL);
    check_solution(0.1, weights);
}

/* At 0, two classes have probability 1/2 each, and the Hessian of the difference of their scores is
 * S/2 + ridge, which is the preconditioner, and Boehning's bound. So one product gives the first
 * Newton step exactly, however large the features are, and the whole step is taken. */
static void test_first_step(void **state) {
    enum { W = M + 1 };
    static float scaled[N * M];
    long double H[W * W] = {0}, step[W] = {0};
    int32_t two[N];
    double B[2 * M], b[2];
    snnk_logistic_config config = config_with(1e-3, 1e-9);
    snnk_logistic_report report = {.size = sizeof report};

    (void)state;
    for (size_t i = 0; i < N; i++) {
        long double phi[W];

        two[i] = labels[i] > 0;
        for (size_t j = 0; j < M; j++)
            phi[j] = scaled[i * M + j] = Phi[i * (M + 2) + j] * powf(10, (float)j - 2);
        phi[M] = 1;
        for (size_t j = 0; j < W; j++) {
            step[j] += weights[i] * (two[i] - 0.5L) * phi[j];
            for (size_t k = 0; k < W; k++) H[j * W + k] += weights[i] * phi[j] * phi[k] / 2;
        }
    }
    for (size_t j = 0; j < M; j++) H[j * (W + 1)] += config.ridge;
    eliminate(W, H, step);
    config.max_steps = 1;
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = N, .inputs = M, .X = scaled, .ldx = M, .labels = two, .weights = weights), 2,
        &config, NULL, B, M, b, &report));
    assert_int_equal(report.products, 1);
    for (int c = 0; c < 2; c++) { /* S has a condition number of about 1e7 */
        for (size_t j = 0; j < M; j++)
            assert_close(B[(size_t)c * M + j], (c ? 1 : -1) * (double)step[j], 1e-8, 0);
        assert_close(b[c], (c ? 1 : -1) * (double)step[M], 1e-8, 0);
    }
}

/* Far from the minimum, where probabilities are 0 or 1, the Newton step is far too long. It must be
 * shortened so that no step raises the loss, and the minimum must still be found. */
static void test_descends(void **state) {
    static long double H[UNKNOWNS * UNKNOWNS];
    const double ridge = 1e-3;
    long double x[UNKNOWNS], gradient[UNKNOWNS];
    double B[T * M], b[T];
    snnk_logistic_config config = config_with(ridge, 1e-9);
    snnk_logistic_report report = {.size = sizeof report};

    (void)state;
    const long double least = reference(ridge, NULL, x);
    for (size_t c = 0; c < T; c++) {
        for (size_t j = 0; j < M; j++) B[c * M + j] = (double)(-5 * x[c * (M + 1) + j]);
        b[c] = (double)(-5 * x[c * (M + 1) + M]);
    }
    config.warm = 1;
    config.max_steps = 1;
    long double before = INFINITY;
    report.converged = 0;
    for (int step = 0; step < 50 && !report.converged; step++) {
        long double loss;

        for (size_t c = 0; c < T; c++) {
            for (size_t j = 0; j < M; j++) x[c * (M + 1) + j] = B[c * M + j];
            x[c * (M + 1) + M] = b[c];
        }
        loss = derivatives(x, ridge, NULL, gradient, H);
        for (size_t k = 0; k < T * M; k++) loss += ridge / 2 * B[k] * B[k];
        assert_true(loss <= before * (1 + 1e-12));
        before = loss;
        assert_ok(snnk_logistic_solve(
            SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels), T, &config,
            NULL, B, M, b, &report));
    }
    assert_int_equal(report.converged, 1);
    assert_close(report.loss, (double)least / N, 1e-9, 0);
}

/* A ridge so large that B is 0: probabilities are the classes' shares. */
static void test_shares(void **state) {
    const snnk_logistic_config config = config_with(1e15, 1e-10);
    double B[T * M], b[T], share[T] = {0};

    (void)state;
    for (size_t i = 0; i < N; i++) share[labels[i]] += weights[i];
    assert_ok(snnk_logistic_solve(SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2,
                                            .labels = labels, .weights = weights),
                                  T, &config, NULL, B, M, b, NULL));
    for (size_t c = 1; c < T; c++) assert_close(b[c] - b[0], log(share[c] / share[0]), 1e-9, 1e-9);
}

/* A row of weight 2 equals two rows. With rows of one class only, its scores grow without limit,
 * because b has no ridge, but the loss goes to 0 and nothing overflows. Separable classes have a
 * minimum with a ridge. */
static void test_edges(void **state) {
    enum { FEW = 20 };
    const snnk_logistic_config config = config_with(0.01, 1e-9);
    snnk_logistic_config few_steps = config;
    snnk_logistic_report report = {.size = sizeof report};
    float twice[2 * FEW * M], w[FEW], wide[FEW] = {0};
    int32_t both[2 * FEW], one[FEW] = {0}, two[FEW];
    double B[T * M], b[T], B2[T * M], b2[T];

    (void)state;
    for (size_t i = 0; i < FEW; i++) {
        for (size_t k = 0; k < 2; k++) {
            memcpy(twice + (2 * i + k) * M, Phi + i * (M + 2), M * sizeof *twice);
            both[2 * i + k] = labels[i];
        }
        w[i] = 2;
        two[i] = i % 2;
        wide[i] = i % 2 ? 1e6f : -1e6f;
    }
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = FEW, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels, .weights = w), T,
        &config, NULL, B, M, b, NULL));
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = 2 * FEW, .inputs = M, .X = twice, .ldx = M, .labels = both), T, &config,
        NULL, B2, M, b2, NULL));
    for (size_t k = 0; k < T * M; k++) assert_close(B[k], B2[k], 1e-6, 1e-6);
    assert_ok(
        snnk_logistic_solve(SNNK_ROWS(.n = FEW, .inputs = M, .X = Phi, .ldx = M + 2, .labels = one),
                            T, &config, NULL, B, M, b, &report));
    assert_true(report.loss < 1e-3 && isfinite(b[0]));
    assert_ok(
        snnk_logistic_solve(SNNK_ROWS(.n = FEW, .inputs = 1, .X = wide, .ldx = 1, .labels = two), 2,
                            &config, NULL, B, 1, b, &report));
    assert_true(report.loss < 1e-3);
    assert_true(B[1] > 0 && B[0] < 0);
    /* Stopping after too few steps is not a failure. */
    few_steps.max_steps = 1;
    few_steps.tolerance = 1e-12;
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels), T, &few_steps,
        NULL, B, M, b, &report));
    assert_int_equal(report.converged, 0);
    assert_int_equal(report.steps, 1);
    /* A warm start continues from there, and reaches the same minimum as a cold start. */
    few_steps.max_steps = 50;
    few_steps.tolerance = 1e-10;
    few_steps.warm = 1;
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels), T, &few_steps,
        NULL, B, M, b, &report));
    const int32_t warm_steps = report.steps;
    few_steps.warm = 0;
    assert_ok(snnk_logistic_solve(
        SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels), T, &few_steps,
        NULL, B2, M, b2, &report));
    assert_true(warm_steps < report.steps);
    for (size_t k = 0; k < T * M; k++) assert_close(B[k], B2[k], 1e-6, 1e-6);
}

/* A class of 2 % of the rows, similar features and small ridges: the probabilities are far from
 * 1/2. For two classes the preconditioner of a step's probabilities is its Hessian, so a step that
 * begins with it takes few products: 3 here. With that of all probabilities, these solutions take
 * 77 to 247 products in 4 to 10 steps. */
static void test_products(void **state) {
    enum { ROWS = 2000, WIDTH = 60 };
    static float wide[ROWS * WIDTH];
    static int32_t rare[ROWS];
    const snnk_rows *rows = SNNK_ROWS(.n = ROWS, .inputs = WIDTH, .X = wide, .labels = rare);
    snnk_logistic_config config = config_with(1, 1e-6);
    snnk_logistic_report report = {.size = sizeof report};
    double B[2 * WIDTH], b[2];
    uint64_t seed = 8;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        const double x = draw_uniform(&seed);

        for (size_t j = 0; j < WIDTH; j++)
            wide[i * WIDTH + j] = (float)cos((double)j * x + (j % 2 ? 1.5 : 0));
        rare[i] = x + 0.02 * draw_uniform(&seed) > 0.96;
    }
    for (int k = 0; k < 4; k++) {
        config.ridge = pow(10, -k);
        config.warm = k > 0; /* from the solution of a ridge 10 times as large */
        assert_ok(snnk_logistic_solve(rows, 2, &config, NULL, B, WIDTH, b, &report));
        assert_int_equal(report.converged, 1);
        assert_true(report.products <= 3 * (uint64_t)report.steps && report.products < 30);
    }
}

static void test_misuse(void **state) {
    snnk_logistic_config config = config_with(1, 1e-6);
    snnk_logistic_report report = {.size = sizeof report};
    double B[T * M] = {7}, b[T] = {8};
    float row[M] = {1, 2, NAN, 4};
    int32_t wrong[2] = {0, T};
    const float bad_weights[2] = {1, 0};

    (void)state;
#define SOLVE(rows_, inputs_, classes_, Phi_, ld, labels_, weights_)                               \
    snnk_logistic_solve(SNNK_ROWS(.n = rows_, .inputs = inputs_, .X = Phi_, .ldx = ld,             \
                                  .labels = labels_, .weights = weights_),                         \
                        classes_, &config, NULL, B, M, b, &report)
    assert_status(SOLVE(0, M, T, Phi, M, labels, NULL), SNNK_E_SHAPE);
    assert_status(SOLVE(2, M, 1, Phi, M, labels, NULL), SNNK_E_SHAPE);
    assert_status(SOLVE(2, 0, T, Phi, M, labels, NULL), SNNK_E_SHAPE);
    assert_status(SOLVE(2, M, T, NULL, M, labels, NULL), SNNK_E_NULL);
    assert_status(SOLVE(2, M, T, Phi, M, NULL, NULL), SNNK_E_NULL);
    assert_status(SOLVE(2, M, T, Phi, M - 1, labels, NULL), SNNK_E_STRIDE);
    assert_status(SOLVE(2, M + 1, T, Phi, M + 1, labels, NULL), SNNK_E_STRIDE); /* ldb */
    assert_status(SOLVE(2, M, T, Phi, M, wrong, NULL), SNNK_E_RANGE);
    assert_says("labels[1] = 3");
    assert_status(SOLVE(2, M, T, Phi, M, labels, bad_weights), SNNK_E_RANGE);
    assert_says("weights[1] = 0");
    assert_status(SOLVE(1, M, T, row, M, labels, NULL), SNNK_E_NONFINITE);
    config.ridge = 0;
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_RANGE);
    assert_says("ridge = 0");
    config = config_with(1, 0);
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_RANGE);
    config = config_with(1, 1e-6);
    config.max_steps = 0;
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_RANGE);
    config = config_with(1, 1e-6);
    config.warm = 2;
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_RANGE);
    config.warm = 1;
    b[0] = NAN;
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_NONFINITE);
    b[0] = 8;
    config.warm = 0;
    config.size = 4;
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_CONFIG);
    config = config_with(1, 1e-6);
    report.size = 4;
    assert_status(SOLVE(2, M, T, Phi, M, labels, NULL), SNNK_E_CONFIG);
    assert_true(B[0] == 7 && b[0] == 8);
    assert_status(
        snnk_logistic_solve(SNNK_ROWS(.n = 2, .inputs = M, .X = Phi, .ldx = M, .labels = labels), T,
                            NULL, NULL, NULL, M, b, NULL),
        SNNK_E_NULL);
    assert_status(
        snnk_logistic_solve(SNNK_ROWS(.n = 2, .inputs = M, .X = Phi, .ldx = M, .labels = labels), T,
                            NULL, NULL, B, M, NULL, NULL),
        SNNK_E_NULL);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_logistic_config config = config_with(1, 1e-6);
    double B[T * M] = {7}, b[T];
    int st;

    (void)state;
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        B[0] = 7;
        st = snnk_logistic_solve(
            SNNK_ROWS(.n = N, .inputs = M, .X = Phi, .ldx = M + 2, .labels = labels), T, &config,
            NULL, B, M, b, NULL);
        if (st != SNNK_OK) assert_true(B[0] == 7);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimum),  cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_descends), cmocka_unit_test(test_shares),
        cmocka_unit_test(test_edges),    cmocka_unit_test(test_products),
        cmocka_unit_test(test_misuse),   cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
