/* src/boost: the objective never rises; the readout against an independent ridge in double; the
 * candidates and their choice against their definition; the same bits over threads and files;
 * refusals, failing allocations, cancelling. */
#include "support/alloc.h"
#include "support/compare.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/random.h"
#include "boost/candidates.h"
#include "boost/losses.h"

enum { D = 3, N = 240, L = 2, M = 7, ROUNDS = 4 };

static float X[N * D], Y[N * L], weights[N];
static double X_f64[N * D];
static int32_t labels[N];

static void draw_data(void) {
    for (size_t i = 0; i < N; i++) {
        double x[D], u;

        snnk__random_normal(5, 100, i, 0, D, x);
        for (size_t j = 0; j < D; j++) {
            X[i * D + j] = (float)(x[j] * (double)(j + 1));
            X_f64[i * D + j] = (double)X[i * D + j];
        }
        Y[i * L] = (float)(sin(2 * x[0]) + x[1] * x[2]);
        Y[i * L + 1] = (float)(10 + fabs(x[1]));
        labels[i] = (x[0] * x[1] > 0) + (x[2] > 1);
        snnk__random_uniform(6, 100, i, 0, 1, &u);
        weights[i] = (float)(0.5 + u);
    }
}

static snnk_rows regression(void) {
    return (snnk_rows){.size = sizeof(snnk_rows), .n = N, .inputs = D, .X = X, .Y = Y};
}

static snnk_rows classification(void) {
    return (snnk_rows){.size = sizeof(snnk_rows), .n = N, .inputs = D, .X = X, .labels = labels};
}

static snnk_boost_config settings(void) {
    snnk_boost_config config;

    assert_ok(snnk_boost_config_init(&config, sizeof config));
    config.rounds = ROUNDS;
    config.features = M;
    return config;
}

/* No rows held out, and a given ridge. */
static snnk_boost_config given(void) {
    snnk_boost_config config = settings();

    config.heldout_share = 0;
    config.ridge = 0.05;
    return config;
}

static snnk_network *fit(const snnk_rows *rows, size_t outputs, const snnk_boost_config *config,
                         snnk_boost_report *report) {
    snnk_network *network;

    assert_ok(snnk_boost_fit(rows, outputs, config, NULL, report, &network));
    return network;
}

/* With a given ridge, further features cannot raise the objective, whatever they are. */
static void test_objective_never_rises(void **state) {
    (void)state;
    draw_data();
    for (int k = 0; k < 24; k++) {
        const bool classes = k & 1;
        snnk_rows rows = classes ? classification() : regression();
        snnk_boost_config config = given();
        double train[ROUNDS + 1], heldout[ROUNDS + 1], objective[ROUNDS + 1];
        snnk_boost_report report = {.size = sizeof report,
                                    .train_losses = train,
                                    .heldout_losses = heldout,
                                    .objectives = objective};

        config.activation = k & 2 ? SNNK_TANH : SNNK_RELU;
        if (k & 4) rows.weights = weights;
        config.rows = k / 8;
        config.loss = classes ? SNNK_LOSS_CROSS_ENTROPY : SNNK_LOSS_SQUARED;
        snnk_network *network = fit(&rows, classes ? 3 : L, &config, &report);

        assert_int_equal(report.rounds_tried, ROUNDS);
        assert_int_equal(report.rounds_kept, ROUNDS);
        assert_int_equal(report.features, M * (ROUNDS + 1));
        assert_int_equal(snnk_network_layers(network), 1);
        assert_int_equal(report.train_rows, N);
        assert_int_equal(report.heldout_rows, 0);
        assert_true(isnan(report.heldout_loss) && isnan(heldout[0]));
        for (int t = 1; t <= ROUNDS; t++) assert_true(objective[t] < objective[t - 1]);
        assert_true(train[ROUNDS] < 0.95 * train[0]);
        assert_true(report.train_loss == train[ROUNDS]);
        assert_true(report.ridge == 0.05);
        snnk_network_free(network);
    }
}

/* ---- Computed again in double ---- */

/* Solve the ridge of targets T (n x t) on features F (n x m), by elimination: B is t x m. */
static void ridge_of(size_t n, size_t m, size_t t, const double *F, const double *T, double ridge,
                     double *B, double *b) {
    double *G = calloc(m * (m + t), sizeof *G), *mean = calloc(m + t, sizeof *mean);
    const size_t w = m + t;

    assert_non_null(G);
    assert_non_null(mean);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) mean[j] += F[i * m + j] / (double)n;
        for (size_t k = 0; k < t; k++) mean[m + k] += T[i * t + k] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            const double f = F[i * m + j] - mean[j];

            for (size_t k = 0; k < m; k++) G[j * w + k] += f * (F[i * m + k] - mean[k]);
            for (size_t k = 0; k < t; k++) G[j * w + m + k] += f * (T[i * t + k] - mean[m + k]);
        }
    for (size_t j = 0; j < m; j++) G[j * w + j] += ridge;
    for (size_t j = 0; j < m; j++) /* Gauss-Jordan; the matrix is positive definite */
        for (size_t i = 0; i < m; i++) {
            const double factor = i == j ? 0 : G[i * w + j] / G[j * w + j];

            for (size_t k = 0; k < w; k++) G[i * w + k] -= factor * G[j * w + k];
        }
    for (size_t k = 0; k < t; k++) {
        b[k] = mean[m + k];
        for (size_t j = 0; j < m; j++) {
            B[k * m + j] = G[j * w + m + k] / G[j * w + j];
            b[k] -= B[k * m + j] * mean[j];
        }
    }
    free(G);
    free(mean);
}

static void outputs_of(size_t n, size_t m, size_t t, const double *F, const double *B,
                       const double *b, double *P) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < t; k++) {
            P[i * t + k] = b[k];
            for (size_t j = 0; j < m; j++) P[i * t + k] += B[k * m + j] * F[i * m + j];
        }
}

static const snnk_map *map_of(const snnk_network *network) {
    return snnk_layer_map(snnk_network_layer(network, 0));
}

/* One round is one ridge on the features of both: of the features that the library took, everything
 * else from the definition. The first features are those of round 0. */
static void test_one_ridge_on_all_features(void **state) {
    enum { ALL = 2 * M };
    static float f[N * ALL], outputs[N * L], rows_of_one[ALL * D], rows_of_two[3 * M * D];
    static double F[N * ALL], Yd[N * L], P[N * L], G[ALL * D];
    double B[L * ALL], b[L], objectives[2], sum = 0;

    (void)state;
    draw_data();
    for (int32_t kind = SNNK_BOOST_DIRECTIONS; kind <= SNNK_BOOST_PAIRS; kind++) {
        const snnk_rows rows = regression();
        snnk_boost_config config = given();
        snnk_boost_report report = {.size = sizeof report, .objectives = objectives};

        config.rounds = 1;
        config.rows = kind;
        snnk_network *network = fit(&rows, L, &config, &report);

        assert_ok(snnk_map_input_tower(map_of(network), N, X, D, f, ALL, NULL));
        for (size_t i = 0; i < N * ALL; i++) F[i] = (double)f[i];
        for (size_t i = 0; i < N * L; i++) Yd[i] = (double)Y[i];
        ridge_of(N, ALL, L, F, Yd, config.ridge, B, b);
        outputs_of(N, ALL, L, F, B, b, P);
        assert_ok(snnk_network_forward(network, N, X, D, outputs, L, NULL));
        for (size_t i = 0; i < N * L; i++) assert_close((double)outputs[i], P[i], 0, 1e-3);
        sum = 0;
        for (size_t i = 0; i < N * L; i++) sum += (Yd[i] - P[i]) * (Yd[i] - P[i]);
        assert_close(report.train_loss, sum / N, 1e-3, 0);
        for (size_t j = 0; j < L * ALL; j++) sum += config.ridge * B[j] * B[j];
        assert_close(objectives[1], sum, 1e-3, 0);

        /* Another round changes none of the features before it. */
        assert_ok(snnk_map_block_rows(map_of(network), 0, rows_of_one, D, NULL));
        snnk_network_free(network);
        config.rounds = 2;
        network = fit(&rows, L, &config, NULL);
        assert_ok(snnk_map_block_rows(map_of(network), 0, rows_of_two, D, NULL));
        assert_memory_equal(rows_of_one, rows_of_two, sizeof rows_of_one);
        snnk_network_free(network);
    }
    /* Random rows have projections of mean square 1: the rows act on raw inputs. */
    for (size_t j = 0; j < M * D; j++) G[j] = (double)rows_of_one[j];
    sum = 0;
    for (size_t j = 0; j < M; j++)
        for (size_t k = 0; k < D; k++) {
            double mean = 0, variance = 0;

            for (size_t i = 0; i < N; i++) mean += X_f64[i * D + k] / N;
            for (size_t i = 0; i < N; i++)
                variance += (X_f64[i * D + k] - mean) * (X_f64[i * D + k] - mean) / N;
            sum += G[j * D + k] * G[j * D + k] * variance / M;
        }
    assert_true(sum > 0.5 && sum < 2);
}

/* Rounds that learn from a sample: the last readout is one ridge on all rows. */
static void test_rounds_of_a_sample(void **state) {
    enum { ALL = 2 * M };
    static float f[N * ALL], outputs[N * L];
    static double F[N * ALL], Yd[N * L], P[N * L];
    const snnk_rows rows = regression();
    snnk_boost_config config = given();
    snnk_boost_report report = {.size = sizeof report};
    double B[L * ALL], b[L], sum = 0;

    (void)state;
    draw_data();
    config.rounds = 1;
    config.most_rows = N / 4;
    snnk_network *network = fit(&rows, L, &config, &report);

    assert_int_equal(report.round_rows, N / 4);
    assert_int_equal(report.train_rows, N);
    assert_ok(snnk_map_input_tower(map_of(network), N, X, D, f, ALL, NULL));
    for (size_t i = 0; i < N * ALL; i++) F[i] = (double)f[i];
    for (size_t i = 0; i < N * L; i++) Yd[i] = (double)Y[i];
    ridge_of(N, ALL, L, F, Yd, config.ridge, B, b);
    outputs_of(N, ALL, L, F, B, b, P);
    assert_ok(snnk_network_forward(network, N, X, D, outputs, L, NULL));
    for (size_t i = 0; i < N * L; i++) {
        assert_close((double)outputs[i], P[i], 0, 1e-3);
        sum += (Yd[i] - P[i]) * (Yd[i] - P[i]) / N;
    }
    assert_true(report.train_loss < sum); /* fewer rows are fitted more closely */
    snnk_network_free(network);
    config.most_rows = 0;
    snnk_network_free(fit(&rows, L, &config, &report));
    assert_int_equal(report.round_rows, N);
}

/* The losses and the objective that are reported, computed again from the network's outputs. */
static void test_reported_losses(void **state) {
    enum { ALL = M * (ROUNDS + 1) };
    const snnk_rows rows = classification();
    snnk_boost_config config = given();
    double objective[ROUNDS + 1];
    snnk_boost_report report = {.size = sizeof report, .objectives = objective};
    static float outputs[N * 3];
    float B[3 * ALL];

    (void)state;
    draw_data();
    config.loss = SNNK_LOSS_CROSS_ENTROPY;
    snnk_network *network = fit(&rows, 3, &config, &report);
    double sum = 0;

    assert_ok(snnk_network_forward(network, N, X, D, outputs, 3, NULL));
    assert_ok(snnk_layer_weights(snnk_network_layer(network, 0), B, ALL, NULL));
    for (size_t i = 0; i < N; i++) {
        const float *y = outputs + 3 * i;

        sum +=
            log(exp((double)y[0]) + exp((double)y[1]) + exp((double)y[2])) - (double)y[labels[i]];
    }
    assert_close(sum / N, report.train_loss, 1e-4, 0);
    for (size_t k = 0; k < 3 * ALL; k++) sum += config.ridge / 2 * (double)(B[k] * B[k]);
    assert_close(sum, objective[ROUNDS], 1e-4, 0);
    snnk_network_free(network);
}

/* Residuals are the negative slopes of the loss (half of them, of squared errors), which
 * differences of it give. */
static void test_residuals(void **state) {
    enum { ROWS = 4, OUT = 3 };
    float P[ROWS * OUT];
    double T[ROWS * OUT], R[ROWS * OUT];
    const int32_t classes[ROWS] = {2, 0, 1, 1};
    const float h = 1.0F / 64;

    (void)state;
    for (int k = 0; k < 2; k++) {
        const snnk__judged judged = {
            .n = ROWS, .outputs = OUT, .P = P, .Y = k ? T : NULL, .labels = classes};

        for (size_t i = 0; i < ROWS * OUT; i++) {
            P[i] = (float)((double)((i * 7) % 5) / 2 - 1);
            T[i] = (double)i / 3 - 1;
        }
        snnk__judged_residuals(&judged, R);
        for (size_t i = 0; i < ROWS * OUT; i++) {
            double up, down;

            P[i] += h;
            up = snnk__judged_loss(&judged);
            P[i] -= 2 * h;
            down = snnk__judged_loss(&judged);
            P[i] += h;
            assert_close(R[i], (down - up) / (2 * (double)h) / (k ? 2 : 1), 0, 1e-4);
        }
    }
}

/* ---- Candidates ---- */

enum { MANY = 6 * M };

/* A source of 5 inputs, of which the fit depends on the first three, and M is not the identity. */
enum { INPUTS = 5 };
static float inputs[N * INPUTS];
static double residuals[N * L], variance[INPUTS], shares[INPUTS], root[INPUTS * INPUTS];

static snnk__boost_source candidate_source(const snnk_boost_config *config,
                                           const snnk_allocator *allocator) {
    for (size_t i = 0; i < N; i++) {
        double x[INPUTS + L];

        snnk__random_normal(8, 100, i, 0, INPUTS + L, x);
        for (size_t k = 0; k < INPUTS; k++) inputs[i * INPUTS + k] = (float)x[k];
        for (size_t k = 0; k < L; k++)
            residuals[i * L + k] = sin(3 * x[0]) * x[1] + 0.1 * x[INPUTS + k];
    }
    for (size_t k = 0; k < INPUTS; k++) {
        variance[k] = 1;
        shares[k] = k < 3 ? 1.0 / 3 : 0;
        for (size_t i = 0; i < INPUTS; i++) root[k * INPUTS + i] = i == k && k < 3;
    }
    return (snnk__boost_source){.config = config,
                                .allocator = allocator,
                                .n = N,
                                .d = INPUTS,
                                .outputs = L,
                                .X = inputs,
                                .R = residuals,
                                .variance = variance,
                                .root = root,
                                .share = shares};
}

/* Half of the candidates are random rows times M^(1/2); the others have one to three inputs, and
 * their kink at a row of the data. */
static void test_candidate_rows(void **state) {
    snnk_boost_config config = settings();
    snnk_allocator plain;
    snnk__boost_source source;
    float G[MANY * INPUTS], c[MANY], drawn[MANY * INPUTS], offsets[MANY];
    size_t found, of_one = 0;

    (void)state;
    assert_ok(snnk__allocator_read(&plain, NULL));
    source = candidate_source(&config, &plain);
    config.candidates = 1;
    assert_ok(snnk__boost_candidates(&source, 2, MANY, G, c, &found));
    assert_int_equal(found, MANY);
    assert_ok(snnk__boost_draw_random(&source, 2, MANY / 2, drawn, offsets));
    for (size_t j = 0; j < MANY; j++) {
        const float *g = G + j * INPUTS;
        size_t entries = 0;

        for (size_t k = 0; k < INPUTS; k++) entries += g[k] != 0;
        assert_true(g[3] == 0 && g[4] == 0);
        if (j < MANY / 2) {
            for (size_t k = 0; k < 3; k++) assert_true(g[k] == drawn[j * INPUTS + k]);
            assert_true(c[j] == offsets[j]);
        } else {
            double least = INFINITY;

            assert_true(entries >= 1 && entries <= 3);
            of_one += entries == 1;
            for (size_t i = 0; i < N; i++) {
                double z = (double)c[j];

                for (size_t k = 0; k < INPUTS; k++)
                    z += (double)g[k] * (double)inputs[i * INPUTS + k];
                least = fmin(least, fabs(z));
            }
            assert_true(least < 1e-6);
        }
    }
    assert_true(of_one >= MANY / 10 && of_one <= MANY / 3);
}

/* Those are taken whose features explain most of the residuals: the sum over targets of the squared
 * covariance over the variance. */
static void test_candidates_are_chosen(void **state) {
    snnk_boost_config config = settings();
    snnk_allocator plain;
    snnk__boost_source source;
    float all[MANY * INPUTS], all_c[MANY], G[MANY * INPUTS], c[MANY];
    double explained[MANY];
    size_t found, taken = 0;

    (void)state;
    assert_ok(snnk__allocator_read(&plain, NULL));
    source = candidate_source(&config, &plain);
    config.candidates = 1;
    assert_ok(snnk__boost_candidates(&source, 1, MANY, all, all_c, &found));
    assert_int_equal(found, MANY);
    config.candidates = 6;
    assert_ok(snnk__boost_candidates(&source, 1, M, G, c, &found));
    assert_int_equal(found, M);
    for (size_t j = 0; j < MANY; j++) {
        double f[N], mean = 0, of_r[L] = {0}, square = 0, product[L] = {0};

        for (size_t i = 0; i < N; i++) {
            f[i] = (double)all_c[j];
            for (size_t k = 0; k < INPUTS; k++)
                f[i] += (double)all[j * INPUTS + k] * (double)inputs[i * INPUTS + k];
            f[i] = fmax(f[i], 0);
            mean += f[i] / N;
            for (size_t k = 0; k < L; k++) of_r[k] += residuals[i * L + k] / N;
        }
        for (size_t i = 0; i < N; i++) {
            square += (f[i] - mean) * (f[i] - mean);
            for (size_t k = 0; k < L; k++)
                product[k] += (f[i] - mean) * (residuals[i * L + k] - of_r[k]);
        }
        explained[j] = 0;
        for (size_t k = 0; k < L; k++) explained[j] += product[k] * product[k] / square;
    }
    for (size_t j = 0; j < MANY; j++) {
        size_t better = 0;

        for (size_t i = 0; i < MANY; i++) better += explained[i] > explained[j];
        if (better >= M) continue;
        assert_memory_equal(G + taken * INPUTS, all + j * INPUTS, INPUTS * sizeof *G);
        assert_true(c[taken] == all_c[j]);
        taken++;
    }
    assert_int_equal(taken, M);
}

/* Of 20 inputs two matter: features along them are worth more than as many random ones. */
static void test_directions_help(void **state) {
    enum { WIDE = 20, ROWS = 2000 };
    static float wide[ROWS * WIDE], target[ROWS];
    snnk_boost_config config = settings();
    snnk_boost_report report = {.size = sizeof report};
    const snnk_rows rows = {.size = sizeof rows, .n = ROWS, .inputs = WIDE, .X = wide, .Y = target};
    double plain;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        double x[WIDE];

        snnk__random_normal(13, 100, i, 0, WIDE, x);
        for (size_t k = 0; k < WIDE; k++) wide[i * WIDE + k] = (float)x[k];
        target[i] = (float)(sin(2 * x[3]) + x[3] * x[11]);
    }
    config.features = 60;
    config.rows = SNNK_BOOST_RANDOM;
    config.candidates = 1;
    snnk_network_free(fit(&rows, 1, &config, &report));
    plain = report.heldout_loss;
    config.rows = SNNK_BOOST_DIRECTIONS;
    config.candidates = 4;
    snnk_network_free(fit(&rows, 1, &config, &report));
    assert_true(report.heldout_loss < 0.5 * plain);
}

/* ---- Early stop ---- */

/* Targets without any relation to the inputs: no round helps, and few are tried. */
static void test_early_stop(void **state) {
    snnk_boost_config config = settings();
    double heldout[31], train[31];
    snnk_boost_report report = {
        .size = sizeof report, .heldout_losses = heldout, .train_losses = train};
    snnk_rows rows = regression();

    (void)state;
    draw_data();
    for (size_t i = 0; i < N * L; i++) {
        double noise;

        snnk__random_normal(9, 100, i, 0, 1, &noise);
        Y[i] = (float)noise;
    }
    config.rounds = 30;
    config.heldout_share = 0.3;
    config.ridge = 1e-3;
    snnk_network *network = fit(&rows, L, &config, &report);

    assert_true(report.rounds_tried < 30);
    assert_int_equal(report.rounds_tried, report.rounds_kept + config.patience);
    assert_int_equal(report.features, M * (report.rounds_kept + 1));
    assert_int_equal(snnk_map_features(map_of(network)), report.features);
    assert_int_equal(report.train_rows + report.heldout_rows, N);
    assert_int_equal(report.heldout_rows, N * 3 / 10);
    for (size_t t = 0; t <= report.rounds_tried; t++)
        assert_true(heldout[report.rounds_kept] <= heldout[t]);
    assert_true(report.heldout_loss == heldout[report.rounds_kept]);
    assert_true(report.train_loss == train[report.rounds_kept]);
    for (size_t t = report.rounds_tried + 1; t <= 30; t++) assert_true(isnan(heldout[t]));
    snnk_network_free(network);
}

/* Rows of a group are held out together: with two groups, one of them is. */
static void test_groups(void **state) {
    static uint64_t groups[N];
    snnk_rows rows = regression();
    snnk_boost_config config = settings();
    snnk_boost_report report = {.size = sizeof report};

    (void)state;
    draw_data();
    for (size_t i = 0; i < N; i++) groups[i] = i % 3 == 0;
    rows.groups = groups;
    snnk_network_free(fit(&rows, L, &config, &report));
    assert_true(report.heldout_rows == N / 3 || report.heldout_rows == 2 * N / 3);
}

/* ---- The same bits ---- */

static void test_threads_and_doubles(void **state) {
    static float expected[N * L], found[N * L];

    (void)state;
    draw_data();
    for (size_t k = 0; k < 4; k++) {
        snnk_rows rows = regression();
        const snnk_boost_config config = settings();
        snnk_workspace *workspace = NULL;
        snnk_network *network;

        if (k < 3) {
            assert_ok(snnk_workspace_create(k + 1, NULL, &workspace));
        } else { /* the same numbers in double */
            rows.X = NULL;
            rows.X_f64 = X_f64;
        }
        assert_ok(snnk_boost_fit(&rows, L, &config, workspace, NULL, &network));
        assert_ok(snnk_network_forward(network, N, X, D, found, L, NULL));
        if (k == 0) memcpy(expected, found, sizeof found);
        if (k < 3) assert_memory_equal(found, expected, sizeof found);
        for (size_t i = 0; i < N * L; i++) /* sums in float inputs are others than in double ones */
            assert_close((double)found[i], (double)expected[i], 1e-3, 1e-3);
        snnk_network_free(network);
        snnk_workspace_free(workspace);
    }
}

static void test_saved_quantized(void **state) {
    static float expected[N * L], found[N * L];
    const snnk_boost_config config = settings();
    const snnk_rows rows = regression();
    snnk_network *loaded, *quantized;
    size_t bytes;

    (void)state;
    draw_data();
    snnk_network *network = fit(&rows, L, &config, NULL);
    assert_ok(snnk_network_forward(network, N, X, D, expected, L, NULL));
    for (int32_t projection = SNNK_SAVE_ROWS; projection <= SNNK_SAVE_SEED; projection++) {
        assert_ok(snnk_network_saved_bytes(network, projection, &bytes));
        void *buffer = malloc(bytes);

        assert_ok(snnk_network_save_memory(network, projection, buffer, bytes));
        assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
        assert_ok(snnk_network_forward(loaded, N, X, D, found, L, NULL));
        assert_memory_equal(found, expected, sizeof found);
        snnk_network_free(loaded);
        free(buffer);
    }
    assert_ok(snnk_network_quantize(network, SNNK_STORAGE_BF16, NULL, NULL, NULL, &quantized));
    assert_ok(snnk_network_forward(quantized, N, X, D, found, L, NULL));
    for (size_t i = 0; i < N * L; i++) /* 2^-9 of each weight */
        assert_close((double)found[i], (double)expected[i], 0.02, 0.1);
    snnk_network_free(quantized);
    snnk_network_free(network);
}

/* ---- Refusals ---- */

#define refuses(status, sentence, change)                                                          \
    do {                                                                                           \
        snnk_boost_config config = settings();                                                     \
        snnk_rows rows = classification();                                                         \
        size_t outputs = 3;                                                                        \
        snnk_network *refused = (snnk_network *)&config;                                           \
                                                                                                   \
        draw_data();                                                                               \
        change;                                                                                    \
        assert_status(snnk_boost_fit(&rows, outputs, &config, NULL, NULL, &refused), status);      \
        assert_says(sentence);                                                                     \
        assert_null(refused);                                                                      \
    } while (0)

static void test_refusals(void **state) {
    snnk_network *network;
    snnk_boost_config small;

    (void)state;
    refuses(SNNK_E_RANGE, "rounds = 0 is not in 1 ... 1000", config.rounds = 0);
    refuses(SNNK_E_RANGE, "features = 40000", config.features = 40000);
    refuses(SNNK_E_RANGE, "candidates = 65", config.candidates = 65);
    refuses(SNNK_E_RANGE, "patience = 0", config.patience = 0);
    refuses(SNNK_E_RANGE, "heldout_share", config.heldout_share = 0.7);
    refuses(SNNK_E_RANGE, "ridge = nan", config.ridge = NAN);
    refuses(SNNK_E_RANGE, "ridge = 0", config.ridge = 0);
    refuses(SNNK_E_RANGE, "no rows are held out to choose the ridge", config.heldout_share = 0);
    refuses(SNNK_E_ENUM, "rows", config.rows = 3);
    refuses(SNNK_E_ENUM, "scaling = 0", config.scaling = SNNK_SCALING_CENTER);
    refuses(SNNK_E_ENUM, "activation = 99", config.activation = 99);
    refuses(SNNK_E_ENUM, "loss = 2", config.loss = SNNK_LOSS_HUBER);
    refuses(SNNK_E_SHAPE, "outputs = 0", outputs = 0);
    refuses(SNNK_E_STATE, "1 rows are too few", rows.n = 1);
    refuses(SNNK_E_STATE, "too few different inputs", memset(X, 0, 3 * sizeof *X * D); rows.n = 3);
    refuses(SNNK_E_STATE, "have the label 1", for (size_t i = 0; i < N; i++) labels[i] = 1);
    refuses(SNNK_E_RANGE, "label", labels[7] = 3);
    refuses(SNNK_E_RANGE, "weight", (weights[3] = -1, rows.weights = weights));
    refuses(SNNK_E_NONFINITE, "X[5][0] = nan", X[5 * D] = NAN);
    refuses(SNNK_E_UNSUPPORTED, "cross-entropy needs labels",
            (rows.labels = NULL, rows.Y = Y, outputs = L, config.loss = SNNK_LOSS_CROSS_ENTROPY));
    refuses(SNNK_E_STATE, "inputs are constant", for (size_t i = 0; i < N * D; i++) X[i] = 2);
    refuses(SNNK_E_UNSUPPORTED, "steps have no gradient", config.activation = SNNK_STEP);
    draw_data();
    const snnk_rows good = regression();
    assert_status(snnk_boost_fit(NULL, L, NULL, NULL, NULL, &network), SNNK_E_NULL);
    assert_status(snnk_boost_fit(&good, L, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_boost_config_init(&small, 8), SNNK_E_CONFIG);
    assert_string_equal(snnk_boost_rows_name(SNNK_BOOST_PAIRS), "pairs");
    assert_string_equal(snnk_boost_rows_name(SNNK_BOOST_RANDOM), "random");
    assert_string_equal(snnk_boost_rows_name(SNNK_BOOST_DIRECTIONS), "directions");
    assert_null(snnk_boost_rows_name(3));
    assert_null(snnk_boost_rows_name(-1));
}

/* Constant targets: nothing is left to correct, and no round is tried in vain. */
static void test_nothing_to_learn(void **state) {
    const snnk_rows rows = regression();
    const snnk_boost_config config = given();
    snnk_boost_report report = {.size = sizeof report};
    float outputs[L];

    (void)state;
    draw_data();
    for (size_t i = 0; i < N * L; i++) Y[i] = 4;
    snnk_network *network = fit(&rows, L, &config, &report);

    assert_int_equal(report.rounds_kept, 0);
    assert_ok(snnk_network_forward(network, 1, X, D, outputs, L, NULL));
    assert_close((double)outputs[0], 4, 1e-6, 0);
    snnk_network_free(network);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    int status;

    (void)state;
    draw_data();
    for (int k = 0; k < 2; k++) {
        snnk_boost_config config = settings();
        const snnk_rows rows = k ? classification() : regression();

        config.rounds = 2;
        config.patience = 1;
        config.allocator = &allocator;
        config.rows = k ? SNNK_BOOST_PAIRS : SNNK_BOOST_DIRECTIONS;
        config.loss = k ? SNNK_LOSS_CROSS_ENTROPY : SNNK_LOSS_SQUARED;
        assert_survives_some_failing_allocations(memory, status, 40, {
            snnk_network *network;

            status = snnk_boost_fit(&rows, k ? 3 : L, &config, NULL, NULL, &network);
            assert_made(status, network);
            snnk_network_free(network);
        });
    }
}

static int stop_at(void *user, double share) {
    double *limit = user;

    assert_true(share >= limit[1]); /* it never decreases */
    limit[1] = share;
    return share >= limit[0];
}

static void test_cancelled(void **state) {
    snnk_workspace *workspace;

    (void)state;
    draw_data();
    assert_ok(snnk_workspace_create(2, NULL, &workspace));
    for (int k = 0; k < 8; k++) {
        double limit[2] = {k < 7 ? 0.15 * k : 2, 0};
        const snnk_rows rows = regression();
        const snnk_boost_config config = settings();
        snnk_boost_report report = {.size = sizeof report, .rounds_tried = 77};
        snnk_network *network;
        int st;

        assert_ok(snnk_workspace_set_progress(workspace, stop_at, limit));
        st = snnk_boost_fit(&rows, L, &config, workspace, &report, &network);
        if (k < 7) {
            assert_int_equal(st, SNNK_E_CANCELLED);
            assert_null(network);
            assert_int_equal(report.rounds_tried, 77);
        } else {
            assert_int_equal(st, SNNK_OK);
            assert_true(limit[1] == 1);
        }
        snnk_network_free(network);
    }
    snnk_workspace_free(workspace);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_objective_never_rises),
                                       cmocka_unit_test(test_one_ridge_on_all_features),
                                       cmocka_unit_test(test_rounds_of_a_sample),
                                       cmocka_unit_test(test_reported_losses),
                                       cmocka_unit_test(test_residuals),
                                       cmocka_unit_test(test_candidate_rows),
                                       cmocka_unit_test(test_candidates_are_chosen),
                                       cmocka_unit_test(test_directions_help),
                                       cmocka_unit_test(test_early_stop),
                                       cmocka_unit_test(test_groups),
                                       cmocka_unit_test(test_threads_and_doubles),
                                       cmocka_unit_test(test_saved_quantized),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_nothing_to_learn),
                                       cmocka_unit_test(test_failing_allocations),
                                       cmocka_unit_test(test_cancelled)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
