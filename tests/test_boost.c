/* src/boost: the objective never rises; one round against an independent computation in double; the
 * same bits over threads and files; refusals, failing allocations, cancelling. */
#include "support/alloc.h"
#include "support/compare.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/random.h"
#include "boost/line_search.h"

enum { D = 3, N = 240, L = 2, WIDTH = 5, M = 7, LAYERS = 4 };

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
    config.layers = LAYERS;
    config.features = M;
    config.width = WIDTH;
    return config;
}

/* No rows held out, and given ridges. */
static snnk_boost_config given(void) {
    snnk_boost_config config = settings();

    config.heldout_share = 0;
    config.ridge = 0.1;
    config.readout_ridge = 0.05;
    return config;
}

static snnk_network *fit(const snnk_rows *rows, size_t outputs, const snnk_boost_config *config,
                         snnk_boost_report *report) {
    snnk_network *network;

    assert_ok(snnk_boost_fit(rows, outputs, config, NULL, report, &network));
    return network;
}

/* With a fixed ridge of the readout, a step along the line lowers the loss with the readout as it
 * is, and solving the readout again lowers the objective, whatever the features are. */
static void test_objective_never_rises(void **state) {
    (void)state;
    draw_data();
    for (int k = 0; k < 16; k++) {
        const bool classes = k & 1;
        snnk_rows rows = classes ? classification() : regression();
        snnk_boost_config config = given();
        double train[LAYERS + 1], heldout[LAYERS + 1], objective[LAYERS + 1];
        snnk_boost_report report = {.size = sizeof report,
                                    .train_losses = train,
                                    .heldout_losses = heldout,
                                    .objectives = objective};

        config.rows = k & 2 ? SNNK_BOOST_PAIRS : SNNK_BOOST_RANDOM;
        config.activation = k & 4 ? SNNK_TANH : SNNK_RELU;
        if (k & 8) rows.weights = weights;
        config.loss = classes ? SNNK_LOSS_CROSS_ENTROPY : SNNK_LOSS_SQUARED;
        snnk_network *network = fit(&rows, classes ? 3 : L, &config, &report);

        assert_int_equal(report.layers_tried, LAYERS);
        assert_int_equal(report.layers_kept, LAYERS);
        assert_int_equal(snnk_network_layers(network), LAYERS + 2);
        assert_int_equal(report.train_rows, N);
        assert_int_equal(report.heldout_rows, 0);
        assert_true(isnan(report.heldout_loss) && isnan(heldout[0]));
        for (int t = 1; t <= LAYERS; t++) assert_true(objective[t] < objective[t - 1]);
        assert_true(train[LAYERS] < 0.95 * train[0]);
        assert_true(report.train_loss == train[LAYERS]);
        snnk_network_free(network);
    }
}

/* ---- One round, computed again in double ---- */

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

enum { S = D + WIDTH };

/* K = (W W' + 0.01 mean |W_k|^2 I)^-1 W for L = 2, by the inverse of a 2 x 2 matrix. */
static void directions(const double *W, double *K) {
    double aa = 0, ab = 0, bb = 0;

    for (size_t j = D; j < S; j++) {
        aa += W[j] * W[j];
        ab += W[j] * W[S + j];
        bb += W[S + j] * W[S + j];
    }
    const double small = 0.01 * (aa + bb) / 2;
    const double p = aa + small, q = bb + small, det = p * q - ab * ab;

    for (size_t j = 0; j < WIDTH; j++) {
        K[j] = (q * W[D + j] - ab * W[S + D + j]) / det;
        K[WIDTH + j] = (p * W[S + D + j] - ab * W[D + j]) / det;
    }
}

/* The features that the library drew, then everything else from the definition in the header. */
static void test_one_round(void **state) {
    const snnk_rows rows = regression();
    snnk_boost_config config = given();
    static float s0[N * S], f0[N * M], outputs[N * L];
    static double s[N * S], F[N * M], Yd[N * L], P[N * L], T[N * WIDTH], AF[N * WIDTH];
    double W[L * S], K[L * WIDTH], b[L], A[WIDTH * M], a[WIDTH], along = 0, length = 0;

    (void)state;
    draw_data();
    config.layers = 1;
    snnk_network *network = fit(&rows, L, &config, NULL);
    const snnk_layer *round = snnk_layer_inner(snnk_network_layer(network, 1), 0);

    assert_int_equal(snnk_network_layers(network), 3);
    assert_ok(snnk_layer_forward(snnk_network_layer(network, 0), N, X, D, s0, S, NULL));
    assert_ok(snnk_map_input_tower(snnk_layer_map(round), N, s0, S, f0, M, NULL));
    for (size_t i = 0; i < N * S; i++) s[i] = (double)s0[i];
    for (size_t i = 0; i < N * M; i++) F[i] = (double)f0[i];
    for (size_t i = 0; i < N * L; i++) Yd[i] = (double)Y[i];
    /* x' has mean 0, and mean |x'|^2 = 1 in equal parts. */
    for (size_t j = 0; j < D; j++) {
        double mean = 0, square = 0;

        for (size_t i = 0; i < N; i++) mean += s[i * S + j] / N;
        for (size_t i = 0; i < N; i++) square += s[i * S + j] * s[i * S + j] / N;
        assert_close(mean, 0, 0, 1e-6);
        assert_close(square, 1.0 / D, 1e-2, 0);
    }

    ridge_of(N, S, L, s, Yd, config.readout_ridge, W, b);
    outputs_of(N, S, L, s, W, b, P);
    directions(W, K);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < WIDTH; j++) {
            T[i * WIDTH + j] = 0;
            for (size_t k = 0; k < L; k++)
                T[i * WIDTH + j] += (Yd[i * L + k] - P[i * L + k]) * K[k * WIDTH + j];
        }
    ridge_of(N, M, WIDTH, F, T, config.ridge, A, a);
    outputs_of(N, M, WIDTH, F, A, a, AF);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < L; k++) {
            double v = 0;

            for (size_t j = 0; j < WIDTH; j++) v += W[k * S + D + j] * AF[i * WIDTH + j];
            along += v * (Yd[i * L + k] - P[i * L + k]);
            length += v * v;
        }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < WIDTH; j++) s[i * S + D + j] += along / length * AF[i * WIDTH + j];
    ridge_of(N, S, L, s, Yd, config.readout_ridge, W, b);
    outputs_of(N, S, L, s, W, b, P);

    assert_ok(snnk_network_forward(network, N, X, D, outputs, L, NULL));
    for (size_t i = 0; i < N * L; i++) assert_close((double)outputs[i], P[i], 0, 2e-4);
    snnk_network_free(network);
}

/* The losses and the objective that are reported, computed again from the network's outputs. */
static void test_reported_losses(void **state) {
    const snnk_rows rows = classification();
    snnk_boost_config config = given();
    double objective[LAYERS + 1];
    snnk_boost_report report = {.size = sizeof report, .objectives = objective};
    static float outputs[N * 3];
    float B[3 * S];

    (void)state;
    draw_data();
    config.loss = SNNK_LOSS_CROSS_ENTROPY;
    snnk_network *network = fit(&rows, 3, &config, &report);
    double sum = 0;

    assert_ok(snnk_network_forward(network, N, X, D, outputs, 3, NULL));
    assert_ok(snnk_layer_weights(snnk_network_layer(network, LAYERS + 1), B, S, NULL));
    for (size_t i = 0; i < N; i++) {
        const float *y = outputs + 3 * i;

        sum +=
            log(exp((double)y[0]) + exp((double)y[1]) + exp((double)y[2])) - (double)y[labels[i]];
    }
    assert_close(sum / N, report.train_loss, 1e-4, 0);
    for (size_t k = 0; k < 3 * S; k++) sum += config.readout_ridge / 2 * (double)(B[k] * B[k]);
    assert_close(sum, objective[LAYERS], 1e-4, 0);
    snnk_network_free(network);
}

/* A given map is the first representation, applied to the scaled inputs. */
static void test_given_map(void **state) {
    const snnk_rows rows = regression();
    snnk_boost_config config = settings();
    snnk_map_config map, found;

    (void)state;
    draw_data();
    assert_ok(snnk_map_config_init(&map, sizeof map));
    assert_ok(snnk_map_config_init(&found, sizeof found));
    map.kind = SNNK_MAP_GAUSSIAN;
    map.projection_scale = 2;
    map.seed = 11;
    config.map = &map;
    config.width = WIDTH + 1;
    config.scaling = SNNK_SCALING_COMMON;
    snnk_network *network = fit(&rows, L, &config, NULL);

    assert_ok(snnk_map_block_config(snnk_layer_map(snnk_network_layer(network, 0)), 1, &found));
    assert_int_equal(found.kind, SNNK_MAP_GAUSSIAN);
    assert_int_equal(found.features, WIDTH + 1);
    assert_int_equal(found.seed, 11);
    assert_true(found.projection_scale == 2);
    snnk_network_free(network);
}

/* The step has the least loss: by the slope of the loss, which differences of it give. A direction
 * that raises the loss has step 0. */
static void test_line_search(void **state) {
    enum { ROWS = 30, OUT = 3 };
    float P[ROWS * OUT], V[ROWS * OUT];
    double T[ROWS * OUT];
    int32_t classes[ROWS];

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        double draws[2 * OUT];

        snnk__random_normal(12, 100, i, 0, 2 * OUT, draws);
        classes[i] = (int32_t)(i % OUT);
        for (size_t k = 0; k < OUT; k++) {
            P[i * OUT + k] = (float)draws[k];
            T[i * OUT + k] = k == i % OUT;
            V[i * OUT + k] = (float)(0.3 * (T[i * OUT + k] - draws[k]) + 0.1 * draws[OUT + k]);
        }
    }
    for (int k = 0; k < 4; k++) {
        const snnk__line line = {
            .n = ROWS, .outputs = OUT, .P = P, .V = V, .Y = k & 1 ? T : NULL, .labels = classes};
        const double eta = snnk__line_search(&line), h = 1e-3;

        if (k < 2) {
            assert_true(eta > 0.1);
            assert_close((snnk__line_loss(&line, eta + h) - snnk__line_loss(&line, eta - h)) / h, 0,
                         0, 1e-5);
            assert_true(snnk__line_loss(&line, eta) < snnk__line_loss(&line, 0));
        } else {
            assert_true(eta == 0);
        }
        for (size_t i = 0; k == 1 && i < ROWS * OUT; i++) V[i] = -V[i];
    }
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
    config.layers = 30;
    config.heldout_share = 0.3;
    config.ridge = 1e-3;
    config.readout_ridge = 1e-3;
    snnk_network *network = fit(&rows, L, &config, &report);

    assert_true(report.layers_tried < 30);
    assert_int_equal(report.layers_tried, report.layers_kept + config.patience);
    assert_int_equal(snnk_network_layers(network), report.layers_kept + 2);
    assert_int_equal(report.train_rows + report.heldout_rows, N);
    assert_int_equal(report.heldout_rows, N * 3 / 10);
    for (size_t t = 0; t <= report.layers_tried; t++)
        assert_true(heldout[report.layers_kept] <= heldout[t]);
    assert_true(report.heldout_loss == heldout[report.layers_kept]);
    assert_true(report.train_loss == train[report.layers_kept]);
    for (size_t t = report.layers_tried + 1; t <= 30; t++) assert_true(isnan(heldout[t]));
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
        for (size_t i = 0; i < N * L; i++)
            assert_close((double)found[i], (double)expected[i], 1e-3, 1e-3);
        snnk_network_free(network);
        snnk_workspace_free(workspace);
    }
}

static void test_saved_bundled_quantized(void **state) {
    static float expected[N * L], found[N * L];
    const snnk_boost_config config = settings();
    const snnk_rows rows = regression();
    snnk_network *loaded, *bundled, *quantized;
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
    assert_ok(snnk_network_bundle(network, 0, snnk_network_layers(network) - 1, &bundled));
    assert_ok(snnk_network_forward(bundled, N, X, D, found, L, NULL));
    for (size_t i = 0; i < N * L; i++)
        assert_close((double)found[i], (double)expected[i], 1e-4, 1e-4);
    snnk_network_free(bundled);
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
    refuses(SNNK_E_RANGE, "layers = 0 is not in 1 ... 1000", config.layers = 0);
    refuses(SNNK_E_RANGE, "features = 40000", config.features = 40000);
    refuses(SNNK_E_RANGE, "width = 0", config.width = 0);
    refuses(SNNK_E_RANGE, "patience = 0", config.patience = 0);
    refuses(SNNK_E_RANGE, "shrinkage = 1.5", config.shrinkage = 1.5);
    refuses(SNNK_E_RANGE, "heldout_share", config.heldout_share = 0.7);
    refuses(SNNK_E_RANGE, "ridge = nan", config.ridge = NAN);
    refuses(SNNK_E_RANGE, "readout_ridge = 0", config.readout_ridge = 0);
    refuses(SNNK_E_RANGE, "no rows are held out to choose ridge", config.heldout_share = 0);
    refuses(SNNK_E_ENUM, "rows", config.rows = 2);
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
    refuses(SNNK_E_STATE, "inputs are constant", for (size_t i = 0; i < N * D; i++) X[i] = 2;
            config.rows = SNNK_BOOST_PAIRS);
    draw_data();
    const snnk_rows good = regression();
    assert_status(snnk_boost_fit(NULL, L, NULL, NULL, NULL, &network), SNNK_E_NULL);
    assert_status(snnk_boost_fit(&good, L, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_boost_config_init(&small, 8), SNNK_E_CONFIG);
    assert_string_equal(snnk_boost_rows_name(SNNK_BOOST_PAIRS), "pairs");
    assert_string_equal(snnk_boost_rows_name(SNNK_BOOST_RANDOM), "random");
    assert_null(snnk_boost_rows_name(2));
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

    assert_int_equal(report.layers_kept, 0);
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

        config.layers = 2;
        config.patience = 1;
        config.allocator = &allocator;
        config.rows = k ? SNNK_BOOST_PAIRS : SNNK_BOOST_RANDOM;
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
        snnk_boost_report report = {.size = sizeof report, .layers_tried = 77};
        snnk_network *network;
        int st;

        assert_ok(snnk_workspace_set_progress(workspace, stop_at, limit));
        st = snnk_boost_fit(&rows, L, &config, workspace, &report, &network);
        if (k < 7) {
            assert_int_equal(st, SNNK_E_CANCELLED);
            assert_null(network);
            assert_int_equal(report.layers_tried, 77);
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
                                       cmocka_unit_test(test_one_round),
                                       cmocka_unit_test(test_reported_losses),
                                       cmocka_unit_test(test_line_search),
                                       cmocka_unit_test(test_given_map),
                                       cmocka_unit_test(test_early_stop),
                                       cmocka_unit_test(test_groups),
                                       cmocka_unit_test(test_threads_and_doubles),
                                       cmocka_unit_test(test_saved_bundled_quantized),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_nothing_to_learn),
                                       cmocka_unit_test(test_failing_allocations),
                                       cmocka_unit_test(test_cancelled)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
