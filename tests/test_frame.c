/* src/map/frame.c: the identity w.x = w~.x~ + ..., the optimum of whitening, statuses. */
#include "support/compare.h"

#include "support/alloc.h"
#include "support/draw.h"

#ifndef SNNK_MINIMAL
#include <lapacke.h>
#endif

enum { D = 12, N = 60, L = 50 };

static float X[N * D], W[L * D];

/* Inputs and weights that are not centered, with different scales, and correlated. */
static int make_batch(void **state) {
    uint64_t seed = 5;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        const double common = draw_uniform(&seed);

        for (size_t k = 0; k < D; k++)
            X[i * D + k] = (float)(0.7 + (double)(k + 1) * 0.2 * draw_uniform(&seed) + 2 * common);
    }
    for (size_t i = 0; i < L; i++) {
        const double common = draw_uniform(&seed);

        for (size_t k = 0; k < D; k++)
            W[i * D + k] = (float)(-0.3 + 0.5 * draw_uniform(&seed) + (k % 2 ? common : -common));
    }
    return 0;
}

static snnk_frame *make_frame(int32_t center, int32_t metric, uint64_t directions) {
    snnk_frame_config config;
    snnk_frame *frame;

    assert_ok(snnk_frame_config_init(&config, sizeof config));
    config.center = center;
    config.metric = metric;
    config.directions = directions;
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame));
    return frame;
}

#ifdef SNNK_MINIMAL
enum { METRICS = SNNK_METRIC_DIAGONAL + 1 };
#else
enum { METRICS = SNNK_METRIC_WHITEN + 1 };
#endif

static void means(const float *M, size_t n, double *mean) {
    for (size_t k = 0; k < D; k++) {
        mean[k] = 0;
        for (size_t i = 0; i < n; i++) mean[k] += M[i * D + k] / (double)n;
    }
}

/* w.x = w~.x~ + w.mu + nu.(x - mu), for every frame and pair. */
static void a_frame_keeps_inner_products(void **state) {
    double mu[D], nu[D], seen_x[N * D], seen_w[L * D];

    (void)state;
    for (int32_t center = 0; center <= SNNK_CENTER_BOTH; center++)
        for (int32_t metric = 0; metric < METRICS; metric++) {
            snnk_frame *frame = make_frame(center, metric, 3);

            means(X, N, mu);
            means(W, L, nu);
            for (size_t k = 0; k < D; k++) {
                if (center == SNNK_CENTER_NONE) mu[k] = 0;
                if (center != SNNK_CENTER_BOTH) nu[k] = 0;
            }
            assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen_x, D));
            assert_ok(snnk_frame_apply(frame, 1, L, W, D, seen_w, D));
            for (size_t i = 0; i < N; i++)
                for (size_t j = 0; j < L; j++) {
                    double exact = 0, seen = 0, offset = 0;

                    for (size_t k = 0; k < D; k++) {
                        exact += (double)X[i * D + k] * W[j * D + k];
                        seen += seen_x[i * D + k] * seen_w[j * D + k];
                        offset += W[j * D + k] * mu[k] + nu[k] * (X[i * D + k] - mu[k]);
                    }
                    assert_close(seen + offset, exact, 0, 1e-12); /* sums of 12 terms of about 10 */
                }
            snnk_frame_free(frame);
        }
}

static void norms_are_root_mean_squares(void **state) {
    double seen[N * D], x_norm, w_norm;

    (void)state;
    for (int32_t metric = 0; metric < METRICS; metric++) {
        snnk_frame *frame = make_frame(SNNK_CENTER_BOTH, metric, 4);
        double x2 = 0, w2 = 0;

        assert_ok(snnk_frame_norms(frame, &x_norm, &w_norm));
        assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen, D));
        for (size_t i = 0; i < N * D; i++) x2 += seen[i] * seen[i] / N;
        assert_ok(snnk_frame_apply(frame, 1, L, W, D, seen, D));
        for (size_t i = 0; i < L * D; i++) w2 += seen[i] * seen[i] / L;
        assert_close(x_norm, sqrt(x2), 1e-13, 0);
        assert_close(w_norm, sqrt(w2), 1e-13, 0);
        snnk_frame_free(frame);
    }
}

/* E x~_k^2 = E w~_k^2 for every k, which M_k = (E w_k^2/E x_k^2)^(1/4) gives. A millionth of the
 * average is added to each, hence the tolerance. */
static void the_diagonal_metric_balances_each_input(void **state) {
    double seen_x[N * D], seen_w[L * D];
    snnk_frame *frame = make_frame(SNNK_CENTER_NONE, SNNK_METRIC_DIAGONAL, 1);
    double ratio0 = 0;

    (void)state;
    assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen_x, D));
    assert_ok(snnk_frame_apply(frame, 1, L, W, D, seen_w, D));
    for (size_t k = 0; k < D; k++) {
        double x2 = 0, w2 = 0;

        for (size_t i = 0; i < N; i++) x2 += seen_x[i * D + k] * seen_x[i * D + k] / N;
        for (size_t i = 0; i < L; i++) w2 += seen_w[i * D + k] * seen_w[i * D + k] / L;
        if (k == 0) ratio0 = w2 / x2;
        assert_close(w2 / x2, ratio0, 2e-5, 0);
    }
    snnk_frame_free(frame);
}

#ifndef SNNK_MINIMAL
/* S^(1/2) for a symmetric S, by LAPACK's eigenvectors. */
static void square_root(double *S) {
    double V[D * D], values[D];

    memcpy(V, S, sizeof V);
    assert_int_equal(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', D, V, D, values), 0);
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) {
            S[i * D + j] = 0;
            for (size_t k = 0; k < D; k++)
                S[i * D + j] += V[i * D + k] * sqrt(fmax(values[k], 0)) * V[j * D + k];
        }
}

static void multiply(const double *A, const double *B, double *C) {
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) {
            C[i * D + j] = 0;
            for (size_t k = 0; k < D; k++) C[i * D + j] += A[i * D + k] * B[k * D + j];
        }
}

static void second_moment(const float *M, size_t n, double *S) {
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) {
            S[i * D + j] = 0;
            for (size_t r = 0; r < n; r++)
                S[i * D + j] += (double)M[r * D + i] * M[r * D + j] / (double)n;
        }
}

/* With all directions, the least E|Mx|^2 E|M^-T w|^2 is (tr (Sx^1/2 Sw Sx^1/2)^1/2)^2
 * (docs/math.md). Moments of n rows are shrunk by about their relative variance; each row occurs
 * many times, so that this is about 2e-3. */
static void whitening_attains_the_optimum(void **state) {
    enum { COPIES = 17 };
    static float many_X[COPIES * N * D], many_W[COPIES * L * D];
    double Sx[D * D], Sw[D * D], A[D * D], B[D * D], trace = 0, x_norm, w_norm;
    snnk_frame_config config;
    snnk_frame *frame;

    (void)state;
    for (size_t i = 0; i < COPIES; i++) {
        memcpy(many_X + i * N * D, X, sizeof X);
        memcpy(many_W + i * L * D, W, sizeof W);
    }
    second_moment(X, N, Sx);
    second_moment(W, L, Sw);
    square_root(Sx);
    multiply(Sx, Sw, A);
    multiply(A, Sx, B);
    square_root(B);
    for (size_t k = 0; k < D; k++) trace += B[k * D + k];

    assert_ok(snnk_frame_config_init(&config, sizeof config));
    config.center = SNNK_CENTER_NONE;
    config.metric = SNNK_METRIC_WHITEN;
    config.directions = D;
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = COPIES * N, .X = many_X), COPIES * L, many_W, D,
                                &config, &frame));
    assert_ok(snnk_frame_norms(frame, &x_norm, &w_norm));
    assert_close(x_norm * w_norm, trace, 5e-4, 0);

    /* P Sx P = Sw means that inputs and weights have the same second moments in frame
     * coordinates. */
    double seen_x[N * D], seen_w[L * D];
    assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen_x, D));
    assert_ok(snnk_frame_apply(frame, 1, L, W, D, seen_w, D));
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) {
            double x = 0, w = 0;

            for (size_t r = 0; r < N; r++) x += seen_x[r * D + i] * seen_x[r * D + j] / N;
            for (size_t r = 0; r < L; r++) w += seen_w[r * D + i] * seen_w[r * D + j] / L;

            assert_close(x, w, 0, 1e-2 * trace / D);
        }
    snnk_frame_free(frame);

    /* Each step reduces the product on this batch. */
    double product[3];
    for (int32_t metric = 0; metric < 3; metric++) {
        frame = make_frame(SNNK_CENTER_NONE, metric, 4);
        assert_ok(snnk_frame_norms(frame, &x_norm, &w_norm));
        product[metric] = x_norm * w_norm;
        snnk_frame_free(frame);
    }
    assert_true(product[1] < product[0]);
    assert_true(product[2] < product[1]);
}
#endif

#ifndef SNNK_MINIMAL
/* Noise without directions, with fewer rows than inputs: leading directions are chance. Shrinkage
 * recognises that, so whitening hardly hurts on fresh rows; without shrinkage it would hurt by 7
 * %. */
static void whitening_ignores_noise(void **state) {
    enum { WIDE = 60, ROWS = 40, FRESH = 400 };
    static float noise[4][FRESH * WIDE];
    double norm[3][2] = {{0}};

    (void)state;
    for (size_t i = 0; i < 4; i++) draw_floats(noise[i], FRESH * WIDE, i + 50);
    for (int32_t metric = 1; metric < 3; metric++) {
        static double seen[FRESH * WIDE];
        snnk_frame_config config;
        snnk_frame *frame;

        assert_ok(snnk_frame_config_init(&config, sizeof config));
        config.metric = metric;
        config.directions = 12;
        assert_ok(snnk_frame_create(WIDE, SNNK_ROWS(.n = ROWS, .X = noise[0]), ROWS, noise[1], WIDE,
                                    &config, &frame));
        for (int32_t side = 0; side < 2; side++) {
            assert_ok(snnk_frame_apply(frame, side, FRESH, noise[2 + side], WIDE, seen, WIDE));
            for (size_t i = 0; i < FRESH * WIDE; i++)
                norm[metric][side] += seen[i] * seen[i] / FRESH;
        }
        snnk_frame_free(frame);
    }
    assert_true(norm[2][0] * norm[2][1] < 1.01 * norm[1][0] * norm[1][1]);
}
#endif

static void without_weights_inputs_become_isotropic(void **state) {
    double seen[N * D], w_norm;
    snnk_frame_config config;
    snnk_frame *frame;

    (void)state;
    assert_ok(snnk_frame_config_init(&config, sizeof config));
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), 0, NULL, 0, &config, &frame));
    assert_ok(snnk_frame_norms(frame, NULL, &w_norm));
    assert_true(w_norm == 1);
    assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen, D));
    double first = 0;
    for (size_t k = 0; k < D; k++) {
        double x2 = 0;
        /* x~_k = x_k (1/E x_k^2)^(1/4): its square has the mean sqrt(E x_k^2), times a constant. */
        double raw = 0, mean = 0;

        for (size_t i = 0; i < N; i++) mean += (double)X[i * D + k] / N;
        for (size_t i = 0; i < N; i++) raw += (X[i * D + k] - mean) * (X[i * D + k] - mean) / N;
        for (size_t i = 0; i < N; i++) x2 += seen[i * D + k] * seen[i * D + k] / N;
        if (k == 0) first = x2 / sqrt(raw);
        assert_close(x2 / sqrt(raw), first, 2e-5, 0);
    }
    snnk_frame_free(frame);
}

/* Inputs or weights that do not vary have no scale of their own, but the frame still uses the other
 * side, and products are kept. */
static void rows_that_do_not_vary_are_fine(void **state) {
    float same[N * D];
    double x_seen[N * D], w_seen[L * D], x_norm, w_norm;

    (void)state;
    for (size_t i = 0; i < N * D; i++) same[i] = 0.25f * (float)(i % D);
    for (int32_t metric = 0; metric < METRICS; metric++)
        for (int constant = 1; constant <= 3; constant++) { /* inputs, weights, both */
            const float *x = constant & 1 ? same : X, *w = constant & 2 ? same : W;
            snnk_frame_config config;
            snnk_frame *frame;
            double mu[D], nu[D];

            assert_ok(snnk_frame_config_init(&config, sizeof config));
            config.center = SNNK_CENTER_BOTH;
            config.metric = metric;
            config.directions = 3;
            assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = x), L, w, D, &config, &frame));
            assert_ok(snnk_frame_norms(frame, &x_norm, &w_norm));
            assert_true((x_norm == 0) == ((constant & 1) != 0));
            assert_true((w_norm == 0) == ((constant & 2) != 0));
            assert_true(isfinite(x_norm) && isfinite(w_norm));
            assert_ok(snnk_frame_apply(frame, 0, 1, X, D, x_seen, D));
            assert_ok(snnk_frame_apply(frame, 1, 1, W, D, w_seen, D));
            means(x, N, mu);
            means(w, L, nu);
            double exact = 0, product = 0;
            for (size_t k = 0; k < D; k++) {
                exact += (double)W[k] * X[k];
                product += w_seen[k] * x_seen[k] + W[k] * mu[k] + nu[k] * (X[k] - mu[k]);
            }
            assert_close(product, exact, 0, 1e-10);
            snnk_frame_free(frame);
        }
}

static void wrong_arguments_are_refused(void **state) {
    float bad[D];
    snnk_frame_config config;
    snnk_frame *frame = (snnk_frame *)&config;
    double Z[D];

    (void)state;
    assert_ok(snnk_frame_config_init(&config, sizeof config));
    assert_status(snnk_frame_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_frame_config_init(&config, 3), SNNK_E_CONFIG);
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, NULL),
                  SNNK_E_NULL);
    assert_status(snnk_frame_create(0, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame),
                  SNNK_E_SHAPE);
    assert_null(frame);
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = 0, .X = X), L, W, D, &config, &frame),
                  SNNK_E_SHAPE);
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = NULL), L, W, D, &config, &frame),
                  SNNK_E_NULL);
    assert_status(
        snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X, .ldx = D - 1), L, W, D, &config, &frame),
        SNNK_E_STRIDE);
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D - 1, &config, &frame),
                  SNNK_E_STRIDE);
    config.center = 3;
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame),
                  SNNK_E_ENUM);
    config.center = 0;
    config.metric = -1;
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame),
                  SNNK_E_ENUM);
    config.metric = 0;
    config.directions = 257;
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame),
                  SNNK_E_RANGE);
    assert_says("257");
    config.directions = 8;
    memcpy(bad, X, sizeof bad);
    bad[7] = NAN;
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = 1, .X = bad), L, W, D, &config, &frame),
                  SNNK_E_NONFINITE);
    assert_says("X[0][7]");
    assert_status(snnk_frame_create(D, SNNK_ROWS(.n = 1, .X = X), 1, bad, D, &config, &frame),
                  SNNK_E_NONFINITE);
    assert_says("W[0][7]");
    assert_null(frame);
    snnk_frame_free(NULL);
    assert_status(snnk_frame_norms(NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_frame_apply(NULL, 0, 1, X, D, Z, D), SNNK_E_NULL);
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, NULL, &frame));
    assert_status(snnk_frame_apply(frame, 0, 1, X, D, Z, D - 1), SNNK_E_STRIDE);
    assert_ok(snnk_frame_norms(frame, NULL, NULL));
    snnk_frame_free(frame);
}

static void failing_allocations_leave_nothing(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_frame_config config;
    int status;

    (void)state;
    assert_ok(snnk_frame_config_init(&config, sizeof config));
    config.allocator = &allocator;
    config.metric = METRICS - 1;
    assert_survives_failing_allocations(memory, status, {
        snnk_frame *frame = NULL;

        status = snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame);
        assert_made(status, frame);
        snnk_frame_free(frame);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_keeps_inner_products),
        cmocka_unit_test(norms_are_root_mean_squares),
        cmocka_unit_test(the_diagonal_metric_balances_each_input),
#ifndef SNNK_MINIMAL
        cmocka_unit_test(whitening_attains_the_optimum),
        cmocka_unit_test(whitening_ignores_noise),
#endif
        cmocka_unit_test(without_weights_inputs_become_isotropic),
        cmocka_unit_test(rows_that_do_not_vary_are_fine),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };

    return cmocka_run_group_tests(tests, make_batch, NULL);
}
