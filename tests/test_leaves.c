/* src/fit/leaves*.c and src/model/leaves_file.c: fits at the leaves of a tree. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/files.h"

#include <stdlib.h>

#include <snnk/leaves.h>
#include <snnk/network.h>

enum { N = 2000, D = 5 };

/* Rows with a jump of 20 where x_0 changes its sign, and other linear functions on both sides,
 * which depend most on x_0. No row is near the jump, and half of them are on each side. */
static void draw_step(float *X, float *Y) {
    draw_floats(X, N * D, 5);
    for (size_t i = 0; i < N; i++) {
        float *x = X + i * D;

        x[0] = (i % 2 ? 1.0f : -1.0f) * (1 + fabsf(x[0]));
        Y[i] = i % 2 ? 10 + 4 * x[0] + x[1] - x[2] : -10 + 6 * x[0] - x[1] + x[3];
    }
}

static snnk_map_config identity(void) {
    snnk_map_config map;

    assert_ok(snnk_map_config_init(&map, sizeof map));
    map.kind = SNNK_MAP_IDENTITY;
    map.features = D;
    return map;
}

/* Smooth targets of two outputs, for everything else. */
static void draw_smooth(float *X, float *Y) {
    draw_floats(X, N * D, 6);
    for (size_t i = 0; i < N; i++) {
        Y[2 * i] = sinf(2 * X[i * D]) + X[i * D + 1];
        Y[2 * i + 1] = X[i * D] * X[i * D + 2];
    }
}

static snnk_leaves_config settings(void) {
    snnk_leaves_config config;

    assert_ok(snnk_leaves_config_init(&config, sizeof config));
    config.leaf_rows = 700;
    config.features = 32;
    config.rounds = 1;
    config.softness = 0.2;
    config.ridge = 1e-3;
    return config;
}

static snnk_leaves *grown(const snnk_leaves_config *config, const float *X, const float *Y) {
    snnk_leaves *leaves;

    assert_ok(snnk_leaves_create(SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y), 2, config, NULL,
                                 &leaves));
    return leaves;
}

static double worst(size_t n, const float *Y, const float *Z) {
    double most = 0;

    for (size_t k = 0; k < n; k++) most = fmax(most, fabs((double)Y[k] - (double)Z[k]));
    return most;
}

/* Solve, and set Z to the outputs of the rows. */
static void predict(snnk_leaves *leaves, const float *X, float *Z) {
    snnk_layer *layer;

    assert_ok(snnk_leaves_solve(leaves, NULL, NULL, &layer));
    assert_ok(snnk_layer_forward(layer, N, X, D, Z, snnk_layer_outputs(layer), NULL));
    snnk_layer_free(layer);
}

/* The threshold is in the middle between the nearest rows on both sides. */
static void check_margin(const snnk_layer *layer, const float *X) {
    double threshold, below = INFINITY, above = INFINITY;
    float v[D];

    assert_ok(snnk_layer_node(layer, 0, v, &threshold, NULL, NULL));
    for (size_t i = 0; i < N; i++) {
        double z = -threshold;

        for (size_t j = 0; j < D; j++) z += (double)v[j] * (double)X[i * D + j];
        if (z < 0)
            below = fmin(below, -z);
        else
            above = fmin(above, z);
    }
    assert_true(below > 0.01 && above > 0.01);
    assert_close(below, above, 1e-9, 0);
}

/* ---- What is fitted ---- */

/* Two linear leaves are exact where one linear fit is off by more than 1. */
static void a_step_is_exact(void **state) {
    static float X[N * D], Y[N], Z[N];
    snnk_map_config map = identity();
    snnk_leaves_config config = settings();
    snnk_leaves_report report = {.size = sizeof report};
    snnk_leaves *leaves;
    snnk_layer *layer;

    (void)state;
    draw_step(X, Y);
    config.leaf_rows = N / 2;
    config.rounds = 0;
    config.map = &map;
    config.ridge = 1e-9;
    for (int soft = 0; soft < 2; soft++) {
        config.softness = soft ? 0.001 : 0;
        assert_ok(snnk_leaves_create(SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y), 1, &config,
                                     NULL, &leaves));
        assert_int_equal(snnk_leaves_count(leaves), 2);
        assert_int_equal(snnk_leaves_depth(leaves), 1);
        assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
        assert_ok(snnk_leaves_solve(leaves, NULL, &report, &layer));
        assert_int_equal(snnk_layer_get_kind(layer), SNNK_LAYER_LEAVES);
        assert_int_equal(report.rows, N);
        assert_int_equal(report.leaves, 2);
        assert_int_equal(report.depth, 1);
        assert_true(isnan(report.heldout_squared_error));
        if (!soft) {
            assert_int_equal(report.least_rows, N / 2);
            assert_int_equal(report.most_rows, N / 2);
            assert_ok(snnk_layer_forward(layer, N, X, D, Z, 1, NULL));
            assert_true(worst(N, Y, Z) < 1e-4);
            check_margin(layer, X);
        }
        snnk_layer_free(layer);
        snnk_leaves_free(leaves);
    }
    config.leaf_rows = N; /* one leaf: a layer as any other */
    assert_ok(snnk_leaves_create(SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y), 1, &config, NULL,
                                 &leaves));
    assert_int_equal(snnk_leaves_count(leaves), 1);
    assert_int_equal(snnk_leaves_depth(leaves), 0);
    assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
    assert_ok(snnk_leaves_solve(leaves, NULL, NULL, &layer));
    assert_int_equal(snnk_layer_get_kind(layer), SNNK_LAYER_SNNK);
    assert_ok(snnk_layer_forward(layer, N, X, D, Z, 1, NULL));
    assert_true(worst(N, Y, Z) > 1);
    snnk_layer_free(layer);
    snnk_leaves_free(leaves);
}

/* The statistics of a leaf are those of its rows with their weights: a weighted fit by hand, with
 * the weights of the layer's own nodes, gives the same leaf. */
static void leaves_are_weighted_fits(void **state) {
    static float X[N * D], Y[2 * N], Phi[N * 32], weights[N];
    double B[2 * 32], b[2];
    snnk_leaves_config config = settings();
    snnk_leaves *leaves;
    snnk_layer *layer;

    (void)state;
    draw_smooth(X, Y);
    config.leaf_rows = N / 2;
    leaves = grown(&config, X, Y);
    assert_int_equal(snnk_leaves_count(leaves), 2);
    assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
    assert_ok(snnk_leaves_solve(leaves, NULL, NULL, &layer));
    for (size_t side = 0; side < 2; side++) {
        const snnk_layer *leaf = snnk_layer_inner(layer, side);
        float v[D], Psi[2 * 32], bias[2];
        double threshold, h;
        snnk_lstsq *lstsq;
        snnk_solve_config solve;
        size_t n = 0;

        assert_ok(snnk_layer_node(layer, 0, v, &threshold, &h, NULL));
        assert_true(h > 0);
        assert_ok(snnk_lstsq_create(32, 2, NULL, &lstsq));
        assert_ok(snnk_map_input_tower(snnk_layer_map(leaf), N, X, D, Phi, 32, NULL));
        for (size_t i = 0; i < N; i++) {
            double z = -threshold, share;

            for (size_t j = 0; j < D; j++) z += (double)v[j] * (double)X[i * D + j];
            const double u = fmin(fmax((z / h + 1) / 2, 0), 1);
            share = u * u * (3 - 2 * u);
            weights[i] = (float)(side ? share : 1 - share);
            if (weights[i] < 1e-6f) continue;
            assert_ok(snnk_lstsq_add(
                lstsq, SNNK_ROWS(.n = 1, .X = Phi + i * 32, .Y = Y + 2 * i, .weights = weights + i),
                NULL));
            n++;
        }
        assert_int_equal(snnk_leaves_leaf_rows(leaves, side), n);
        assert_true(n > N / 2 && n < N);
        assert_ok(snnk_solve_config_init(&solve, sizeof solve));
        solve.ridge = config.ridge;
        assert_ok(snnk_lstsq_solve(lstsq, &solve, NULL, B, 32, b, NULL));
        assert_ok(snnk_layer_weights(leaf, Psi, 32, bias));
        for (size_t k = 0; k < 2 * 32; k++) assert_close(Psi[k], B[k], 1e-4, 1e-4);
        for (size_t k = 0; k < 2; k++) assert_close(bias[k], b[k], 1e-4, 1e-4);
        snnk_lstsq_free(lstsq);
    }
    snnk_layer_free(layer);
    snnk_leaves_free(leaves);
}

/* Ridges are chosen: on held-out rows, or by cross-validation in small leaves. The error is that of
 * rows which the solution did not know, in the size of the noise. */
static void ridges_are_chosen(void **state) {
    static float X[N * D], Y[2 * N], Z[2 * N];
    float noise[2 * N];
    snnk_leaves_config config = settings();
    snnk_leaves_report report = {.size = sizeof report};
    snnk_leaves *leaves;
    snnk_layer *layer;

    (void)state;
    draw_smooth(X, Y);
    draw_floats(noise, 2 * N, 8);
    for (size_t k = 0; k < 2 * N; k++) Y[k] += 0.1f * noise[k];
    config.ridge = SNNK_RIDGE_AUTO;
    for (int small = 0; small < 2; small++) {
        config.leaf_rows = small ? 200 : 1100;
        leaves = grown(&config, X, Y);
        assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
        assert_ok(snnk_leaves_solve(leaves, NULL, &report, &layer));
        assert_true(report.heldout_rows > N / 20 && report.heldout_rows < N / 4);
        if (small)
            assert_true(isnan(report.heldout_squared_error));
        else
            assert_true(report.heldout_squared_error > 0.015 && report.heldout_squared_error < 0.1);
        assert_ok(snnk_layer_forward(layer, N, X, D, Z, 2, NULL));
        double squares = 0;
        for (size_t k = 0; k < 2 * N; k++) squares += pow((double)(Y[k] - Z[k]), 2);
        assert_true(squares / N < 0.1);
        snnk_layer_free(layer);
        snnk_leaves_free(leaves);
    }
}

/* ---- Rows in and out ---- */

/* A + B - B is A; two halves merged are one; parts give what all at once does; in double as well as
 * in float. Labels, weights and groups, with held-out rows. */
static void forgetting_and_merging_are_exact(void **state) {
    enum { HALF = N / 2 + 13 };
    static float X[N * D], Y[2 * N], all[2 * N], first[2 * N], Z[2 * N], weights[N];
    static double X_f64[N * D];
    static int32_t labels[N];
    static uint64_t groups[N];
    snnk_leaves_config config = settings();
    snnk_leaves *grown_one, *leaves, *other;
    snnk_workspace *workspace;

    (void)state;
    draw_smooth(X, Y);
    for (size_t k = 0; k < N * D; k++) X_f64[k] = (double)X[k];
    for (size_t i = 0; i < N; i++) {
        labels[i] = Y[2 * i] > 0;
        groups[i] = i / 3;
        weights[i] = 1 + (float)(i % 4);
    }
    assert_ok(snnk_workspace_create(2, NULL, &workspace));
    config.ridge = SNNK_RIDGE_AUTO;
    grown_one = grown(&config, X, Y);
    assert_true(snnk_leaves_count(grown_one) >= 3);
#define PART(from, count)                                                                          \
    SNNK_ROWS(.n = (count), .X_f64 = form == 2 ? X_f64 + (from)*D : NULL,                          \
              .X = form == 2 ? NULL : X + (from)*D, .Y = form == 1 ? NULL : Y + 2 * (from),        \
              .labels = form == 1 ? labels + (from) : NULL,                                        \
              .weights = form == 1 ? weights + (from) : NULL,                                      \
              .groups = form == 1 ? groups + (from) : NULL)
    for (int form = 0; form < 3; form++) {
        assert_ok(snnk_leaves_create_empty(grown_one, &leaves));
        assert_ok(snnk_leaves_create_empty(grown_one, &other));
        assert_ok(snnk_leaves_add(leaves, PART(0, HALF), workspace));
        predict(leaves, X, first);
        assert_ok(snnk_leaves_add(leaves, PART(HALF, N - HALF), NULL));
        assert_int_equal(snnk_leaves_rows(leaves), N);
        predict(leaves, X, all);
        assert_true(worst(2 * N, all, first) > 1e-4);
        assert_ok(snnk_leaves_forget(leaves, PART(HALF, N - HALF), workspace));
        assert_int_equal(snnk_leaves_rows(leaves), HALF);
        predict(leaves, X, Z);
        assert_true(worst(2 * N, Z, first) < 1e-4);
        assert_ok(snnk_leaves_add(other, PART(HALF, N - HALF), NULL));
        assert_ok(snnk_leaves_merge(leaves, other));
        assert_int_equal(snnk_leaves_rows(leaves), N);
        assert_int_equal(snnk_leaves_rows(other), N - HALF);
        predict(leaves, X, Z);
        assert_true(worst(2 * N, Z, all) < 1e-4);
        snnk_leaves_free(other);
        snnk_leaves_free(leaves);
    }
    snnk_leaves_free(grown_one);
    snnk_workspace_free(workspace);
}

/* A call that fails changes nothing. */
static void failures_change_nothing(void **state) {
    static float X[N * D], Y[2 * N], before[2 * N], Z[2 * N];
    snnk_leaves_config config = settings();
    snnk_leaves *leaves;

    (void)state;
    draw_smooth(X, Y);
    leaves = grown(&config, X, Y);
    assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = N / 2, .X = X, .Y = Y), NULL));
    predict(leaves, X, before);
    X[(N - 1) * D] = 3e38f; /* its features overflow: found before other rows are added */
    X[(N - 1) * D + 1] = 3e38f;
    assert_status(snnk_leaves_add(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL),
                  SNNK_E_NONFINITE);
    assert_says("overflows float");
    X[(N - 1) * D] = X[(N - 1) * D + 1] = 0;
    assert_status(snnk_leaves_forget(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL),
                  SNNK_E_STATE);
    assert_says("2000 rows cannot be forgotten: there are only 1000");
    float *wrong = malloc(N * sizeof X[0] * D);
    for (size_t k = 0; k < N * D; k++) wrong[k] = 50 * X[k];
    assert_true(snnk_leaves_forget(leaves, SNNK_ROWS(.n = N / 2, .X = wrong, .Y = Y), NULL) < 0);
    free(wrong);
    assert_int_equal(snnk_leaves_rows(leaves), N / 2);
    predict(leaves, X, Z);
    assert_memory_equal(Z, before, (2 * N - 2) * sizeof *Z);
    snnk_leaves_free(leaves);
}

/* ---- Bad input ---- */

static void wrong_arguments(void **state) {
    static float X[N * D], Y[2 * N];
    static int32_t labels[N];
    snnk_leaves_config config = settings(), changed;
    const snnk_rows rows = *SNNK_ROWS(.n = N, .inputs = D, .X = X, .Y = Y);
    snnk_leaves *leaves, *other, *made = (snnk_leaves *)&config;
    snnk_layer *layer;

    (void)state;
    draw_smooth(X, Y);
#define refused(field, value, status, sentence)                                                    \
    changed = config;                                                                              \
    changed.field = (value);                                                                       \
    assert_status(snnk_leaves_create(&rows, 2, &changed, NULL, &made), status);                    \
    assert_null(made);                                                                             \
    assert_says(sentence)
    refused(leaf_rows, 0, SNNK_E_RANGE, "leaf_rows = 0");
    refused(features, 0, SNNK_E_SHAPE, "features");
    refused(rounds, 101, SNNK_E_RANGE, "rounds = 101");
    refused(softness, 0.95, SNNK_E_RANGE, "softness = 0.95");
    refused(softness, NAN, SNNK_E_RANGE, "softness = nan");
    refused(ridge, -2, SNNK_E_RANGE, "ridge = -2");
    refused(heldout_share, 0.6, SNNK_E_RANGE, "heldout_share = 0.6");
    refused(scaling, 7, SNNK_E_ENUM, "scaling = 7");
    refused(intercept, 2, SNNK_E_RANGE, "intercept = 2");
    refused(size, 3, SNNK_E_CONFIG, "size");
    assert_status(snnk_leaves_create(&rows, 0, &config, NULL, &made), SNNK_E_SHAPE);
    assert_status(snnk_leaves_create(&rows, 2, &config, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_leaves_create(NULL, 2, &config, NULL, &made), SNNK_E_NULL);
    assert_status(
        snnk_leaves_create(SNNK_ROWS(.inputs = D, .X = X, .Y = Y), 2, &config, NULL, &made),
        SNNK_E_STATE);
    assert_says("no rows to grow a tree from");

    leaves = grown(&config, X, Y);
    assert_status(snnk_leaves_solve(leaves, NULL, NULL, &layer), SNNK_E_STATE);
    assert_says("no rows to solve for");
    assert_null(layer);
    assert_status(snnk_leaves_add(leaves, SNNK_ROWS(.n = 9, .inputs = 4, .X = X, .Y = Y), NULL),
                  SNNK_E_SHAPE);
    assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = 0), NULL));
    assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = 1, .X = X, .Y = Y), NULL));
    assert_status(snnk_leaves_solve(leaves, NULL, NULL, &layer), SNNK_E_STATE);
    assert_says("has no rows");
    assert_status(snnk_leaves_add(leaves, SNNK_ROWS(.n = 9, .X = X, .labels = labels), NULL),
                  SNNK_E_STATE);
    assert_says("were given targets before and cannot be given labels now");
    assert_status(snnk_leaves_merge(leaves, leaves), SNNK_E_OVERLAP);
    assert_status(snnk_leaves_merge(leaves, NULL), SNNK_E_NULL);
    changed = config;
    changed.seed = 5;
    other = grown(&changed, X, Y);
    assert_status(snnk_leaves_merge(leaves, other), SNNK_E_UNSUPPORTED);
    snnk_leaves_free(other);
    changed = config;
    changed.features = 16;
    other = grown(&changed, X, Y);
    assert_status(snnk_leaves_merge(leaves, other), SNNK_E_SHAPE);
    assert_says("16 features");
    snnk_leaves_free(other);
    snnk_leaves_free(leaves);
    assert_int_equal(snnk_leaves_count(NULL), 0);
    assert_int_equal(snnk_leaves_leaf_rows(NULL, 0), 0);
    snnk_leaves_free(NULL);
}

/* Nothing to split by: constant inputs, or constant targets. One leaf, whose outputs are the mean
 * of the targets, of rows that were held out too. */
static void nothing_to_split(void **state) {
    static float X[N * D], Y[2 * N], Z[2 * N];
    static uint64_t groups[N];
    snnk_leaves_config config = settings();
    snnk_leaves_report report = {.size = sizeof report};
    snnk_leaves *leaves;
    snnk_layer *layer;

    (void)state;
    draw_smooth(X, Y);
    config.ridge = SNNK_RIDGE_AUTO;
    for (size_t i = 0; i < N; i++) groups[i] = i;
    for (int constant = 0; constant < 2; constant++) {
        if (constant) draw_floats(X, N * D, 6);
        for (size_t k = 0; !constant && k < N * D; k++) X[k] = 3;
        for (size_t k = 0; constant && k < 2 * N; k++) Y[k] = 7;
        leaves = grown(&config, X, Y);
        assert_int_equal(snnk_leaves_count(leaves), 1);
        assert_ok(
            snnk_leaves_add(leaves, SNNK_ROWS(.n = N, .X = X, .Y = Y, .groups = groups), NULL));
        assert_ok(snnk_leaves_solve(leaves, NULL, &report, &layer));
        assert_true(report.heldout_rows > 100);
        assert_int_equal(report.constant_leaves, !constant);
        assert_ok(snnk_layer_forward(layer, N, X, D, Z, 2, NULL));
        for (int j = 0; j < 2; j++) {
            double mean = 0;

            for (size_t i = 0; i < N; i++) mean += (double)Y[2 * i + (size_t)j] / N;
            for (size_t i = 0; i < N; i++) assert_close(Z[2 * i + (size_t)j], mean, 1e-5, 1e-5);
        }
        snnk_layer_free(layer);
        snnk_leaves_free(leaves);
    }
}

/* ---- Files, memory ---- */

static void *saved(const snnk_leaves *leaves, size_t *bytes) {
    void *file;

    assert_ok(snnk_leaves_saved_bytes(leaves, bytes));
    assert_non_null(file = malloc(*bytes));
    assert_ok(snnk_leaves_save_memory(leaves, file, *bytes));
    return file;
}

/* Loaded leaves go on with the same bits, and can be merged with those they were saved from. */
static void saved_and_loaded(void **state) {
    static float X[N * D], Y[2 * N], expected[2 * N], Z[2 * N];
    snnk_leaves_config config = settings();
    snnk_leaves *leaves, *loaded;
    test_files files;
    size_t bytes, again_bytes;

    (void)state;
    draw_smooth(X, Y);
    config.ridge = SNNK_RIDGE_AUTO;
    leaves = grown(&config, X, Y);
    assert_ok(snnk_leaves_add(leaves, SNNK_ROWS(.n = N / 2, .X = X, .Y = Y), NULL));
    assert_ok(snnk_leaves_forget(leaves, SNNK_ROWS(.n = 10, .X = X, .Y = Y), NULL));
    void *file = saved(leaves, &bytes);
    assert_ok(snnk_leaves_load_memory(file, bytes, NULL, &loaded));
    void *again = saved(loaded, &again_bytes);
    assert_int_equal(bytes, again_bytes);
    assert_memory_equal(file, again, bytes);
    snnk_leaves_free(loaded);
    test_files_make(&files);
    assert_ok(snnk_leaves_save(leaves, test_path(&files, "leaves")));
    assert_ok(snnk_leaves_load(test_path(&files, "leaves"), NULL, &loaded));
    test_files_remove(&files);
    const snnk_rows rest = *SNNK_ROWS(.n = N / 2, .X = X + N / 2 * D, .Y = Y + N);
    assert_ok(snnk_leaves_add(leaves, &rest, NULL));
    assert_ok(snnk_leaves_add(loaded, &rest, NULL));
    predict(leaves, X, expected);
    predict(loaded, X, Z);
    assert_memory_equal(Z, expected, sizeof Z);
    assert_ok(snnk_leaves_merge(leaves, loaded));
    assert_int_equal(snnk_leaves_rows(leaves), 2 * (N - 10));
    snnk_leaves_free(loaded);

    /* Another kind of file, and damaged ones. */
    snnk_network *network;
    assert_status(snnk_network_load_memory(file, bytes, NULL, &network), SNNK_E_FORMAT);
    assert_says("snnk_leaves_load");
    static const struct {
        const char *from, *to, *says;
    } damages[] = {{"\"outputs\":2", "\"outputs\":3", "do not belong to leaves"},
                   {"\"outputs\":2", "\"outputs\":0", "outputs = 0"},
                   {"\"numbers\"", "\"none\"", "their targets are"},
                   {"\"numbers\"", "\"words\"", "\"targets\" is \"words\""},
                   {"\"heldout_share\":0.1", "\"heldout_share\":0.9", "heldout_share"},
                   {"\"intercept\":true", "\"intercept\":1", "intercept"}};
    for (size_t k = 0; k < sizeof damages / sizeof *damages; k++) {
        size_t edited;
        void *other =
            edited_file(file, bytes, "snnk.leaves", damages[k].from, damages[k].to, NULL, &edited);

        assert_status(snnk_leaves_load_memory(other, edited, NULL, &loaded), SNNK_E_FORMAT);
        assert_null(loaded);
        assert_says(damages[k].says);
        free(other);
    }
    static const char *const tensors[] = {"statistics.0.S", "statistics.1.mean_phi",
                                          "layers.0.thresholds"};
    for (size_t k = 0; k < sizeof tensors / sizeof *tensors; k++) {
        size_t edited;
        void *other = edited_file(file, bytes, NULL, NULL, NULL, tensors[k], &edited);

        assert_status(snnk_leaves_load_memory(other, edited, NULL, &loaded), SNNK_E_FORMAT);
        assert_says(strrchr(tensors[k], '.') + 1);
        free(other);
    }
    free(again);
    free(file);
    snnk_leaves_free(leaves);
}

static void failing_allocations(void **state) {
    enum { FEW = 300 };
    static float X[N * D], Y[2 * N];
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_rows rows = *SNNK_ROWS(.n = FEW, .inputs = D, .X = X, .Y = Y);
    snnk_leaves_config config = settings();
    snnk_leaves *leaves = NULL, *other = NULL;
    snnk_layer *layer = NULL;
    size_t bytes;
    int st;

    (void)state;
    draw_smooth(X, Y);
    config.leaf_rows = 200;
    config.features = 8;
    config.allocator = &allocator;
    assert_survives_some_failing_allocations(memory, st, 60, {
        st = snnk_leaves_create(&rows, 2, &config, NULL, &leaves);
        assert_made(st, leaves);
        snnk_leaves_free(leaves);
    });
    assert_ok(snnk_leaves_create(&rows, 2, &config, NULL, &leaves));
    assert_int_equal(snnk_leaves_count(leaves), 2);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_leaves_add(leaves, &rows, NULL);
        assert_int_equal(snnk_leaves_rows(leaves), st == SNNK_OK ? FEW : 0);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_leaves_solve(leaves, NULL, NULL, &layer);
        assert_made(st, layer);
        snnk_layer_free(layer);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_leaves_create_empty(leaves, &other);
        assert_made(st, other);
        snnk_leaves_free(other);
    });
    void *file = saved(leaves, &bytes);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_leaves_load_memory(file, bytes, &allocator, &other);
        assert_made(st, other);
        snnk_leaves_free(other);
    });
    free(file);
    const snnk_rows some = *SNNK_ROWS(.n = 20, .X = X, .Y = Y);
    const uint64_t had = snnk_leaves_rows(leaves);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_leaves_forget(leaves, &some, NULL);
        assert_int_equal(snnk_leaves_rows(leaves), st == SNNK_OK ? had - 20 : had);
    });
    snnk_leaves_free(leaves);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_exact),
        cmocka_unit_test(leaves_are_weighted_fits),
        cmocka_unit_test(ridges_are_chosen),
        cmocka_unit_test(forgetting_and_merging_are_exact),
        cmocka_unit_test(failures_change_nothing),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(nothing_to_split),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
