/* Arrays that share memory: src/base/overlap.c compared with a check of every byte, and each
 * function that writes to a caller's array. */
#include "support/compare.h"
#include "support/draw.h"
#include "support/maps.h"

#include <stdlib.h>

#include "base/overlap.h"

/* ---- The rule ---- */

enum { SPACE = 256, ORIGIN = 128 };

static void mark(const snnk__operand *a, size_t begin, unsigned char bit, unsigned char *bytes) {
    for (size_t i = 0; i < a->rows; i++)
        for (size_t k = 0; k < a->columns * a->element_bytes; k++)
            bytes[begin + i * a->ld * a->element_bytes + k] |= bit;
}

/* Whether a byte belongs to both arrays. */
static bool share(const snnk__operand *a, size_t at_a, const snnk__operand *b, size_t at_b) {
    unsigned char bytes[SPACE] = {0};

    mark(a, at_a, 1, bytes);
    mark(b, at_b, 2, bytes);
    for (size_t k = 0; k < SPACE; k++)
        if (bytes[k] == 3) return true;
    return false;
}

/* Whether each array begins before the other one ends. */
static bool meet(const snnk__operand *a, size_t at_a, const snnk__operand *b, size_t at_b) {
    const size_t end_a =
        at_a + (a->rows - 1) * a->ld * a->element_bytes + a->columns * a->element_bytes;
    const size_t end_b =
        at_b + (b->rows - 1) * b->ld * b->element_bytes + b->columns * b->element_bytes;

    return a->rows > 0 && b->rows > 0 && at_a < end_b && at_b < end_a;
}

static bool expected(const snnk__operand *a, size_t at_a, const snnk__operand *b, size_t at_b) {
    const bool one_row = a->rows <= 1 || b->rows <= 1;

    return one_row || a->ld * a->element_bytes == b->ld * b->element_bytes ? share(a, at_a, b, at_b)
                                                                           : meet(a, at_a, b, at_b);
}

/* Every pair of small matrices, with b moved in steps of 4 bytes from far before a to far behind
 * it. */
static void test_only_shared_bytes_count(void **state) {
    static char memory[SPACE];
    size_t refused = 0, allowed_within = 0;

    (void)state;
    for (int s = 0; s < 4 * 3 * 4 * 4 * 3 * 4 * 2; s++) {
        snnk__operand a = {.name = "a", .first = memory + ORIGIN, .element_bytes = 4};
        snnk__operand b = {.name = "b", .written = true, .element_bytes = s % 2 ? 8 : 4};
        int rest = s / 2;

        a.rows = (size_t)(rest % 4), rest /= 4;
        a.columns = (size_t)(rest % 3 + 1), rest /= 3;
        a.ld = a.columns + (size_t)(rest % 4), rest /= 4;
        b.rows = (size_t)(rest % 4), rest /= 4;
        b.columns = (size_t)(rest % 3 + 1), rest /= 3;
        b.ld = b.columns + (size_t)(rest % 4);
        for (size_t at = 16; at < 192; at += 4) {
            if (at + ((b.rows ? b.rows - 1 : 0) * b.ld + b.columns) * b.element_bytes > SPACE)
                break;
            b.first = memory + at;
            const bool refuse = expected(&a, ORIGIN, &b, at);
            const snnk__operand both[] = {a, b}, turned[] = {b, a};

            assert_status(snnk__check_overlap(2, both), refuse ? SNNK_E_OVERLAP : SNNK_OK);
            if (refuse) assert_says("b overlaps a");
            assert_status(snnk__check_overlap(2, turned), refuse ? SNNK_E_OVERLAP : SNNK_OK);
            refused += refuse;
            allowed_within += !refuse && meet(&a, ORIGIN, &b, at);
        }
    }
    assert_true(refused > 1000);
    assert_true(allowed_within > 100); /* alternating columns */
}

static void test_empty_arrays_overlap_nothing(void **state) {
    float x[4];
    const snnk__operand read = {"x", x, 2, 2, 2, 4, false}, also_read = read;
    const snnk__operand none = {"none", NULL, 2, 2, 2, 4, true};
    const snnk__operand no_rows = {"y", x, 0, 2, 2, 4, true},
                        no_columns = {"y", x, 2, 0, 2, 4, true};
    const snnk__operand written = {"y", x, 2, 2, 2, 4, true};

    (void)state;
    assert_ok(snnk__check_overlap(2, (snnk__operand[]){read, also_read}));
    assert_ok(snnk__check_overlap(2, (snnk__operand[]){read, none}));
    assert_ok(snnk__check_overlap(2, (snnk__operand[]){read, no_rows}));
    assert_ok(snnk__check_overlap(2, (snnk__operand[]){read, no_columns}));
    assert_status(snnk__check_overlap(2, (snnk__operand[]){written, read}), SNNK_E_OVERLAP);
    assert_says("y overlaps x: give it memory of its own");
    assert_ok(snnk__check_overlap_but_same(&read, &written));
    assert_status(
        snnk__check_overlap_but_same(&read, &(snnk__operand){"y", x + 1, 1, 2, 2, 4, true}),
        SNNK_E_OVERLAP);
}

/* ---- The functions ---- */

enum { N = 6, D = 5, M = 8, L = 3, LD = D + M + L, ROOM = (N + 2) * LD + 64 };

typedef struct setting {
    snnk_map *map, *urf;
    snnk_layer *layer, *dense;
    snnk_network *network;
    float X[N * D];
} setting;

static setting made;

static int make_setting(void **state) {
    const double omega[] = {0.3, 1}, re[] = {1, 0.5}, im[] = {0, -0.2};
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, M);
    float Psi[L * M], W[D * D];

    (void)state;
    draw_floats(made.X, N * D, 1);
    draw_floats(Psi, L * M, 2);
    draw_floats(W, D * D, 3);
    made.map = map_of(D, &config, NULL);
    made.urf = framed_urf_map(D, 40, 2, omega, re, im, 0.2f, 0.5f);
    assert_ok(snnk_layer_create(made.map, L, Psi, M, NULL, &made.layer));
    assert_ok(snnk_layer_create_dense(D, D, W, D, NULL, SNNK_TANH, NULL, &made.dense));
    assert_ok(snnk_network_create(NULL, &made.network));
    assert_ok(snnk_network_append(made.network, made.dense));
    assert_ok(snnk_network_append(made.network, made.layer));
    return 0;
}

static int free_setting(void **state) {
    (void)state;
    snnk_network_free(made.network);
    snnk_layer_free(made.layer);
    snnk_layer_free(made.dense);
    snnk_map_free(made.urf);
    snnk_map_free(made.map);
    return 0;
}

/* A function from rows of `from` floats to rows of `to` floats. */
typedef int (*rows_function)(size_t n, const float *X, size_t ldx, float *Y, size_t ldy);

static int input_tower(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_map_input_tower(made.map, n, X, ldx, Y, ldy, NULL);
}
static int weight_tower(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_map_weight_tower(made.map, n, X, ldx, NULL, Y, ldy, NULL, NULL);
}
static int laplacian(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_map_laplacian(made.map, n, X, ldx, Y, ldy, NULL);
}
static int layer_forward(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_layer_forward(made.layer, n, X, ldx, Y, ldy, NULL);
}
static int dense_forward(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_layer_forward(made.dense, n, X, ldx, Y, ldy, NULL);
}
static int readout(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_layer_readout(made.layer, n, X, ldx, Y, ldy, NULL);
}
static int network_forward(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_network_forward(made.network, n, X, ldx, Y, ldy, NULL);
}
static int network_features(size_t n, const float *X, size_t ldx, float *Y, size_t ldy) {
    return snnk_network_features(made.network, n, X, ldx, Y, ldy, NULL);
}

static const struct {
    rows_function call;
    size_t from, to;
    const char *says;
} functions[] = {
    {input_tower, D, M, "Phi overlaps X"},   {weight_tower, D, M, "Psi overlaps W"},
    {laplacian, D, M, "L overlaps X"},       {layer_forward, D, L, "Y overlaps X"},
    {dense_forward, D, D, "Y overlaps X"},   {readout, M, L, "Y overlaps Phi"},
    {network_forward, D, L, "Y overlaps X"}, {network_features, D, M, "Phi overlaps X"},
};

#define FUNCTIONS (sizeof functions / sizeof *functions)

/* This returned SNNK_OK with wrong numbers. */
static void test_issue_15_overlapping_rows_are_refused(void **state) {
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++) {
        const size_t from = functions[f].from, to = functions[f].to;
        float memory[ROOM], before[ROOM];

        draw_floats(memory, ROOM, 7);
        memcpy(before, memory, sizeof memory);
        float *const X = memory + 40;
        /* In place; one element too early or too late; sharing one column; with another stride. */
        const struct {
            float *Y;
            size_t ldx, ldy;
        } cases[] = {{X, LD, LD},
                     {X + 1, LD, LD},
                     {X + from - 1, LD, LD},
                     {X - to + 1, LD, LD},
                     {X + (N - 1) * LD + from - 1, LD, LD},
                     {X + from, LD, LD - 1},
                     {X + from, LD - 1, LD},
                     {X + N * from - 1, from, to}};

        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            assert_status(functions[f].call(N, X, cases[c].ldx, cases[c].Y, cases[c].ldy),
                          SNNK_E_OVERLAP);
            assert_says(functions[f].says);
            assert_memory_equal(memory, before, sizeof memory);
        }
        assert_ok(functions[f].call(0, X, LD, X, LD)); /* no rows */
    }
}

/* Columns of one buffer, X before Y and Y before X, and arrays that touch without sharing, give the
 * usual results bit for bit. */
static void test_columns_of_one_buffer_may_alternate(void **state) {
    (void)state;
    for (size_t f = 0; f < FUNCTIONS; f++) {
        const size_t from = functions[f].from, to = functions[f].to;
        float rows[N * M], apart[N * M];

        draw_floats(rows, N * from, 9);
        assert_ok(functions[f].call(N, rows, from, apart, to));
        for (int order = 0; order < 3; order++) {
            const size_t ld = order == 2 ? from : from + to, ldy = order == 2 ? to : from + to;
            float memory[ROOM] = {0};
            float *X = order == 1 ? memory + to : memory;
            float *Y = order == 0 ? memory + from : order == 1 ? memory : memory + N * from;

            for (size_t i = 0; i < N; i++) memcpy(X + i * ld, rows + i * from, from * sizeof *X);
            assert_ok(functions[f].call(N, X, ld, Y, ldy));
            for (size_t i = 0; i < N; i++) {
                assert_memory_equal(X + i * ld, rows + i * from, from * sizeof *X);
                assert_memory_equal(Y + i * ldy, apart + i * to, to * sizeof *Y);
            }
        }
    }
}

/* Every array of a weight tower against every array that it writes. */
static void test_issue_15_overlapping_weight_towers_are_refused(void **state) {
    enum { FEATURES = 40 };
    float W[L * D], b[L], bias[L], Psi[L * FEATURES], joint[L * FEATURES + L];
    const size_t m = snnk_map_features(made.urf);

    (void)state;
    assert_true(m <= FEATURES);
    draw_floats(W, L * D, 3);
    draw_floats(b, L, 4);
    assert_status(snnk_map_weight_tower(made.urf, L, W, D, b, Psi, m, b, NULL), SNNK_E_OVERLAP);
    assert_says("bias overlaps b");
    assert_status(snnk_map_weight_tower(made.urf, L, W, D, b, Psi, m, W, NULL), SNNK_E_OVERLAP);
    assert_says("bias overlaps W");
    assert_status(snnk_map_weight_tower(made.urf, L, W, D, joint, joint, m, bias, NULL),
                  SNNK_E_OVERLAP);
    assert_says("Psi overlaps b");
    assert_status(snnk_map_weight_tower(made.urf, L, W, D, b, joint, m, joint + L * m - 1, NULL),
                  SNNK_E_OVERLAP);
    assert_says("bias overlaps Psi");
    assert_ok(snnk_map_weight_tower(made.urf, L, W, D, b, joint, m, joint + L * m, NULL));
    assert_ok(snnk_map_weight_tower(made.urf, L, W, D, b, Psi, m, bias, NULL));
    assert_memory_equal(joint, Psi, L * m * sizeof *Psi);
    assert_memory_equal(joint + L * m, bias, sizeof bias);
}

static void test_issue_15_overlapping_gradients_are_refused(void **state) {
    float J[M * (2 * D)], apart[M * D], x[D];

    (void)state;
    memcpy(x, made.X, sizeof x);
    memcpy(J + 2 * D, x, sizeof x);
    assert_status(snnk_map_gradient(made.map, J + 2 * D, J, D), SNNK_E_OVERLAP);
    assert_says("J overlaps x");
    assert_ok(snnk_map_gradient(made.map, x, apart, D));
    memcpy(J + 3 * D, x, sizeof x);
    assert_ok(snnk_map_gradient(made.map, J + 3 * D, J, 2 * D)); /* between two rows */
    for (size_t j = 0; j < M; j++) assert_memory_equal(J + j * 2 * D, apart + j * D, sizeof x);
}

/* Two arrays of weights copied out to the same place. */
static void test_issue_15_overlapping_outputs_are_refused(void **state) {
    snnk_spectrum *spectrum;
    snnk_scaling *scaling;
    float memory[L * M + M * D];
    double numbers[4 * 8];

    (void)state;
    assert_status(snnk_layer_weights(made.layer, memory, M, memory + L * M - 1), SNNK_E_OVERLAP);
    assert_says("bias overlaps Psi");
    assert_ok(snnk_layer_weights(made.layer, memory, M, memory + L * M));
    assert_status(snnk_network_weight_tower(made.network, memory, M, memory), SNNK_E_OVERLAP);
    assert_status(snnk_map_block_rows(made.map, 0, memory, D, memory), SNNK_E_OVERLAP);
    assert_says("offsets overlaps G");
    assert_ok(snnk_scaling_create_given(2, NULL, NULL, NULL, &scaling));
    assert_status(snnk_scaling_get(scaling, numbers, numbers + 1), SNNK_E_OVERLAP);
    assert_ok(snnk_scaling_get(scaling, numbers, numbers + 2));
    snnk_scaling_free(scaling);
    assert_ok(snnk_spectrum_create_from_atoms(2, (double[]){1, 2}, (double[]){1, 2}, NULL, 0, 0,
                                              NULL, &spectrum));
    assert_status(snnk_spectrum_get(spectrum, NULL, numbers, numbers + 1, NULL), SNNK_E_OVERLAP);
    assert_says("re overlaps omega");
    assert_ok(snnk_spectrum_get(spectrum, numbers, numbers + 2, numbers + 4, numbers + 6));
    snnk_spectrum_free(spectrum);
}

/* Arrays of doubles: a frame's, and quantiles of predictions. */
static void test_issue_15_overlapping_doubles_are_refused(void **state) {
    double Z[N * D], quantiles[L * 2];
    snnk_frame *frame;
    snnk_prediction prediction = {.size = sizeof prediction};

    (void)state;
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = made.X), 0, NULL, 0, NULL, &frame));
    memcpy((float *)(void *)Z + 3, made.X, sizeof made.X);
    assert_status(snnk_frame_apply(frame, 0, N, (const float *)(void *)Z + 3, D, Z, D),
                  SNNK_E_OVERLAP);
    assert_says("Z overlaps X");
    assert_ok(snnk_frame_apply(frame, 0, N, made.X, D, Z, D));
    snnk_frame_free(frame);

    quantiles[1] = quantiles[2] = 0.5;
    assert_status(snnk_map_predict(made.map, SNNK_ROWS(.n = N, .X = made.X), L, made.X, D, NULL,
                                   NULL, 2, quantiles + 1, quantiles, 2, &prediction),
                  SNNK_E_OVERLAP);
    assert_says("quantiles overlaps levels");
}

/* Elementwise functions may work exactly in place, but not with a shift. */
static void test_issue_15_in_place_is_all_or_nothing(void **state) {
    float z[9], y[9], expected_y[9];
    double x[9], value[9];
    snnk_spectrum *spectrum;

    (void)state;
    draw_floats(z, 9, 5);
    assert_ok(snnk_activation_eval(SNNK_TANH, 8, z, expected_y));
    memcpy(y, z, sizeof y);
    assert_ok(snnk_activation_eval(SNNK_TANH, 8, y, y));
    assert_memory_equal(y, expected_y, 8 * sizeof *y);
    assert_status(snnk_activation_eval(SNNK_TANH, 8, z, z + 1), SNNK_E_OVERLAP);
    assert_says("y overlaps z");
    assert_status(snnk_activation_derivative(SNNK_TANH, 8, z + 1, z), SNNK_E_OVERLAP);
    assert_ok(snnk_activation_derivative(SNNK_TANH, 8, z, z));
    assert_ok(snnk_activation_eval(SNNK_TANH, 1, z, z + 1));

    for (size_t i = 0; i < 9; i++) x[i] = (double)expected_y[i % 8];
    assert_ok(snnk_spectrum_create(SNNK_SIN, NULL, &spectrum));
    assert_ok(snnk_spectrum_eval(spectrum, 8, x, value));
    assert_status(snnk_spectrum_eval(spectrum, 8, x, x + 1), SNNK_E_OVERLAP);
    assert_ok(snnk_spectrum_eval(spectrum, 8, x, x));
    assert_memory_equal(x, value, 8 * sizeof *x);
    snnk_spectrum_free(spectrum);
}

#ifndef SNNK_MINIMAL
/* ---- Solving ---- */

enum { T = 2, P = 3, ROWS = 12 };

static void draw_problem(float *Phi, float *Y) {
    draw_floats(Phi, ROWS * P, 11);
    draw_floats(Y, ROWS * T, 12);
}

static void test_issue_15_overlapping_solutions_are_refused(void **state) {
    float Phi[ROWS * P], Y[ROWS * T];
    double B[T * P + T], ridges[2] = {1, 2};
    int32_t labels[ROWS] = {0, 1};
    snnk_lstsq *lstsq;
    snnk_ridge_path *path;

    (void)state;
    draw_problem(Phi, Y);
    assert_ok(snnk_lstsq_create(P, T, NULL, &lstsq));
    assert_ok(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = ROWS, .X = Phi, .Y = Y), NULL));
    assert_status(snnk_lstsq_solve(lstsq, NULL, NULL, B, P, B + T * P - 1, NULL), SNNK_E_OVERLAP);
    assert_says("b overlaps B");
    assert_ok(snnk_lstsq_solve(lstsq, NULL, NULL, B, P, B + T * P, NULL));
    assert_ok(snnk_ridge_path_create(lstsq, NULL, NULL, &path));
    assert_status(snnk_ridge_path_solve(path, ridges, B, P, B), SNNK_E_OVERLAP);
    assert_ok(snnk_ridge_path_solve(path, ridges, B, P, B + T * P));
    assert_status(snnk_logistic_solve(SNNK_ROWS(.n = ROWS, .inputs = P, .X = Phi, .labels = labels),
                                      T, NULL, NULL, B, P, B, NULL),
                  SNNK_E_OVERLAP);
    snnk_ridge_path_free(path);
    snnk_lstsq_free(lstsq);
}

static void test_issue_15_overlapping_paths_are_refused(void **state) {
    float Phi[ROWS * P], Y[ROWS * T], residuals[ROWS * T], in_place[ROWS * T];
    double ridges[] = {1, 2}, scores[2 * T + 1] = {1, 2}, leverage[ROWS * P] = {0},
           joint[ROWS * T] = {0};
    int32_t labels[ROWS * T] = {0};
    const snnk_rows *rows = SNNK_ROWS(.n = ROWS, .X = Phi, .Y = Y);
    snnk_lstsq *lstsq;
    snnk_ridge_path *path;

    (void)state;
    draw_problem(Phi, Y);
    assert_ok(snnk_lstsq_create(P, T, NULL, &lstsq));
    assert_ok(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = ROWS, .X = Phi, .Y = Y), NULL));
    assert_ok(snnk_ridge_path_create(lstsq, NULL, NULL, &path));
    assert_status(snnk_ridge_path_score(path, 2, scores, scores, NULL, NULL), SNNK_E_OVERLAP);
    assert_says("rss overlaps ridges");
    assert_status(snnk_ridge_path_score(path, 2, scores, NULL, scores + 1, NULL), SNNK_E_OVERLAP);
    assert_says("dof overlaps ridges");
    assert_status(snnk_ridge_path_score(path, 2, ridges, scores, NULL, scores + 1), SNNK_E_OVERLAP);
    assert_says("gcv overlaps rss");
    assert_status(snnk_ridge_path_add_loo(path, 2, scores, rows, scores), SNNK_E_OVERLAP);
    assert_says("errors overlaps ridges");
    assert_status(
        snnk_ridge_path_leverage(path, 1, ROWS, (const float *)(void *)leverage, P, leverage),
        SNNK_E_OVERLAP);
    assert_says("leverage overlaps Phi");

    const snnk_rows *in = SNNK_ROWS(.n = ROWS, .X = Phi, .Y = in_place);
    const snnk_rows *few = SNNK_ROWS(.n = ROWS - 1, .X = Phi, .Y = Y);

    assert_ok(snnk_ridge_path_loo_residuals(path, ridges, rows, residuals, T));
    memcpy(in_place, Y, sizeof Y);
    assert_ok(snnk_ridge_path_loo_residuals(path, ridges, in, in_place, T));
    assert_memory_equal(in_place, residuals, sizeof residuals);
    assert_status(snnk_ridge_path_loo_residuals(path, ridges, few, Y + 1, T), SNNK_E_OVERLAP);
    assert_says("residuals overlaps Y");
    assert_status(snnk_ridge_path_loo_residuals(path, ridges, few, Phi, T), SNNK_E_OVERLAP);
    assert_says("residuals overlaps X");
    assert_status(snnk_ridge_path_loo_residuals(path, ridges,
                                                SNNK_ROWS(.n = ROWS, .X = Phi, .Y_f64 = joint),
                                                (float *)(void *)joint, T),
                  SNNK_E_OVERLAP);
    assert_says("residuals overlaps Y");
    for (size_t k = 0; k < sizeof residuals / sizeof *residuals; k++)
        residuals[k] = 1; /* weights */
    assert_status(snnk_ridge_path_loo_residuals(
                      path, ridges,
                      SNNK_ROWS(.n = ROWS, .X = Phi, .Y = Y, .weights = residuals + 5), residuals,
                      T),
                  SNNK_E_OVERLAP);
    assert_says("residuals overlaps weights");
    assert_status(snnk_ridge_path_loo_residuals(
                      path, ridges,
                      SNNK_ROWS(.n = ROWS, .X = Phi, .labels = (int32_t *)(void *)labels),
                      (float *)(void *)labels, T),
                  SNNK_E_OVERLAP);
    assert_says("residuals overlaps labels");
    assert_status(snnk_ridge_path_add_loo(path, 2, ridges,
                                          SNNK_ROWS(.n = 2, .X_f64 = joint, .Y = Y), joint + 5),
                  SNNK_E_OVERLAP);
    assert_says("errors overlaps X");
    assert_status(snnk_ridge_path_add_loo(path, 2, ridges, /* not allowed even in place */
                                          SNNK_ROWS(.n = 2, .X = Phi, .Y_f64 = joint), joint),
                  SNNK_E_OVERLAP);
    assert_says("errors overlaps Y");
    snnk_ridge_path_free(path);
    snnk_lstsq_free(lstsq);
}

static void test_issue_15_overlapping_recursions_are_refused(void **state) {
    float Phi[ROWS * (P + T)], y[T + 1] = {1, 2, 3}, Y[ROWS * T] = {0}, apart[ROWS * T];
    double leverage[ROWS];
    snnk_rls *rls;

    (void)state;
    draw_floats(Phi, ROWS * (P + T), 13);
    assert_ok(snnk_rls_create(P, T, 1, 1, NULL, &rls));
    assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = Phi, .Y = y), y + 1, 0), SNNK_E_OVERLAP);
    assert_says("predicted overlaps Y");
    assert_status(snnk_rls_add(rls, SNNK_ROWS(.n = 2, .X = Phi, .Y = Y), Phi + P, 0),
                  SNNK_E_OVERLAP);
    assert_says("predicted overlaps X");
    assert_true(snnk_rls_rows(rls) == 0);
    assert_ok(snnk_rls_add(rls, SNNK_ROWS(.n = 1, .X = Phi, .Y = y), y, 0));
    assert_true(y[0] == 0 && y[1] == 0); /* the first prediction */

    assert_status(snnk_rls_predict(rls, 2, Phi, P, Phi, T, NULL), SNNK_E_OVERLAP);
    assert_says("Y overlaps Phi");
    assert_status(snnk_rls_predict(rls, ROWS, Phi, P, Y, T, (double *)(void *)Phi), SNNK_E_OVERLAP);
    assert_says("leverage overlaps Phi");
    assert_status(snnk_rls_predict(rls, ROWS, Phi, P, (float *)(void *)leverage, T, leverage),
                  SNNK_E_OVERLAP);
    assert_says("leverage overlaps Y");
    assert_ok(snnk_rls_predict(rls, ROWS, Phi, P + T, apart, T, NULL));
    assert_ok(snnk_rls_predict(rls, ROWS, Phi, P + T, Phi + P, P + T, NULL));
    for (size_t i = 0; i < ROWS; i++)
        assert_memory_equal(Phi + i * (P + T) + P, apart + i * T, T * sizeof *apart);
    snnk_rls_free(rls);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_shared_bytes_count),
        cmocka_unit_test(test_empty_arrays_overlap_nothing),
        cmocka_unit_test(test_issue_15_overlapping_rows_are_refused),
        cmocka_unit_test(test_columns_of_one_buffer_may_alternate),
        cmocka_unit_test(test_issue_15_overlapping_weight_towers_are_refused),
        cmocka_unit_test(test_issue_15_overlapping_gradients_are_refused),
        cmocka_unit_test(test_issue_15_overlapping_outputs_are_refused),
        cmocka_unit_test(test_issue_15_overlapping_doubles_are_refused),
        cmocka_unit_test(test_issue_15_in_place_is_all_or_nothing),
#ifndef SNNK_MINIMAL
        cmocka_unit_test(test_issue_15_overlapping_solutions_are_refused),
        cmocka_unit_test(test_issue_15_overlapping_paths_are_refused),
        cmocka_unit_test(test_issue_15_overlapping_recursions_are_refused),
#endif
    };

    return cmocka_run_group_tests(tests, make_setting, free_setting);
}
