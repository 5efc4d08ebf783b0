/* <snnk/distill.h>, <snnk/compress.h>: the baselines as networks, and teachers with rounded
 * weights. */
#include <stdlib.h>
#include <string.h>

#include <snnk/compress.h>

#include "distill/collect.h"
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

enum { N = 600, D = 6, H = 14, L = 4 };

typedef struct teacher {
    snnk_layer *hidden, *readout;
    float W1[H * D], b1[H], W2[L * H], b2[L];
} teacher;

static float X[N * D];

static int make_rows(void **state) {
    (void)state;
    draw_floats(X, N * D, 5);
    return 0;
}

/* The caller may change the weights before make_layers. */
static void draw_weights(teacher *a) {
    draw_floats(a->W1, H * D, 1);
    draw_floats(a->b1, H, 2);
    draw_floats(a->W2, L * H, 3);
    draw_floats(a->b2, L, 4);
}

static void make_layers(teacher *a, int32_t activation, const snnk_allocator *allocator) {
    assert_ok(snnk_layer_create_dense(D, H, a->W1, D, a->b1, activation, allocator, &a->hidden));
    assert_ok(
        snnk_layer_create_dense(H, L, a->W2, H, a->b2, SNNK_IDENTITY, allocator, &a->readout));
}

static void free_layers(teacher *a) {
    snnk_layer_free(a->hidden);
    snnk_layer_free(a->readout);
}

static snnk_distill *distill_of(const teacher *a) {
    snnk_distill *distill;

    assert_ok(snnk_distill_create(a->hidden, a->readout, SNNK_ROWS(.n = N, .X = X), NULL, NULL,
                                  &distill));
    return distill;
}

static void outputs_of(const teacher *a, float *Y) {
    float *hidden = malloc(N * H * sizeof *hidden);

    assert_ok(snnk_layer_forward(a->hidden, N, X, D, hidden, H, NULL));
    assert_ok(snnk_layer_forward(a->readout, N, hidden, H, Y, L, NULL));
    free(hidden);
}

/* The largest difference between a replacement and the teacher. */
static double off_by(const teacher *a, const snnk_distill *distill, int32_t method, size_t m,
                     size_t layers) {
    float Y[N * L], Z[N * L];
    snnk_network *network;
    double worst = 0;

    assert_ok(snnk_distill_replacement(distill, method, m, NULL, &network));
    assert_int_equal(snnk_network_layers(network), layers);
    outputs_of(a, Y);
    assert_ok(snnk_network_forward(network, N, X, D, Z, L, NULL));
    for (size_t i = 0; i < N * L; i++) worst = fmax(worst, fabs((double)Y[i] - (double)Z[i]));
    snnk_network_free(network);
    return worst;
}

/* ---- Baselines that are exact ---- */

/* Solved with a ridge of at least 1e-9 of the mean square: errors of outputs of size 10 are below
 * 1e-3. */
#define EXACT 1e-3

static void test_neurons(void **state) {
    teacher a;
    snnk_distill *distill;

    (void)state;
    draw_weights(&a);
    for (size_t i = 0; i < L * H; i++)
        if (i % H >= 3) a.W2[i] = 0;
    make_layers(&a, SNNK_RELU, NULL);
    distill = distill_of(&a);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_NEURONS, 3, 1) < EXACT);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_STUDENT, 3, 1) < EXACT);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_NEURONS, 2, 1) > 0.1);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_LINEAR, 3, 1) > 0.1);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_RANDOM, 3, 1) > 0.1);
    snnk_distill_free(distill);
    free_layers(&a);
}

static void test_linear(void **state) {
    teacher a;
    snnk_distill *distill;

    (void)state;
    draw_weights(&a);
    for (size_t i = 0; i < L * H; i++)
        if (i % H >= 2) a.W2[i] = 0;
    make_layers(&a, SNNK_IDENTITY, NULL);
    distill = distill_of(&a);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_LINEAR, 2, 1) < EXACT);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_LINEAR, 1, 1) > 0.1);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* Matrices of rank 1: two factors each. The bias of the last one is fitted, to all rows, but the
 * teacher's own is already the best. */
static void test_singular_values(void **state) {
    teacher a;
    snnk_distill *distill;
    snnk_network *network;

    (void)state;
    draw_weights(&a);
    for (size_t i = 0; i < H * D; i++) a.W1[i] = a.b1[i / D] * X[i % D];
    for (size_t i = 0; i < L * H; i++) a.W2[i] = a.b2[i / H] * a.b1[i % H];
    make_layers(&a, SNNK_TANH, NULL);
    distill = distill_of(&a);
    assert_true(off_by(&a, distill, SNNK_DISTILL_METHOD_SVD, 5, 4) < 1e-5); /* no ridge: floats */
    /* 4 (6 + 1 + 4) + 4 parameters: 18 biases and 6 + 14 + 14 + 4 numbers do not fit. */
    assert_status(snnk_distill_replacement(distill, SNNK_DISTILL_METHOD_SVD, 4, NULL, &network),
                  SNNK_E_RANGE);
    assert_null(network);
    assert_says("do not allow rank 1");
    snnk_distill_free(distill);
    free_layers(&a);
}

/* The bias of truncated matrices is fitted: with it, the mean error over all rows is zero. */
static void test_bias_of_singular_values(void **state) {
    float Y[N * L], Z[N * L];
    teacher a;
    snnk_distill *distill;
    snnk_network *network;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    distill = distill_of(&a);
    assert_ok(snnk_distill_replacement(distill, SNNK_DISTILL_METHOD_SVD, 7, NULL, &network));
    outputs_of(&a, Y);
    assert_ok(snnk_network_forward(network, N, X, D, Z, L, NULL));
    for (size_t k = 0; k < L; k++) {
        double mean = 0, largest = 0;

        for (size_t i = 0; i < N; i++) {
            const double error = (double)Z[i * L + k] - (double)Y[i * L + k];

            mean += error / N;
            largest = fmax(largest, fabs(error));
        }
        assert_true(largest > 0.1);
        assert_close(mean, 0, 0, 1e-5); /* floats of size 10 */
    }
    snnk_network_free(network);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* The student as a network is the layer that snnk_distill_solve makes. */
static void test_student(void **state) {
    float Y[N * L], Z[N * L];
    teacher a;
    snnk_distill *distill;
    snnk_network *network;
    snnk_layer *layer;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    distill = distill_of(&a);
    assert_ok(snnk_distill_solve(distill, 5, NULL, NULL, &layer));
    assert_ok(snnk_distill_replacement(distill, SNNK_DISTILL_METHOD_STUDENT, 5, NULL, &network));
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
    assert_ok(snnk_network_forward(network, N, X, D, Z, L, NULL));
    assert_memory_equal(Y, Z, sizeof Y);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* ---- Rounded weights ---- */

/* Round the rows of a matrix to q steps, in double. */
static void round_matrix(size_t rows, size_t columns, double q, const float *W, double *rounded) {
    for (size_t i = 0; i < rows; i++) {
        double largest = 0;

        for (size_t j = 0; j < columns; j++)
            largest = fmax(largest, fabs((double)W[i * columns + j]));
        for (size_t j = 0; j < columns; j++)
            rounded[i * columns + j] = rint((double)W[i * columns + j] * q / largest) * largest / q;
    }
}

/* The outputs of a ReLU teacher with these weights for one row, in double. */
static void relu_outputs(const teacher *a, const double *W1, const double *W2, const float *x,
                         double *y) {
    double hidden[H];

    for (size_t j = 0; j < H; j++) {
        hidden[j] = (double)a->b1[j];
        for (size_t k = 0; k < D; k++) hidden[j] += W1[j * D + k] * (double)x[k];
        hidden[j] = fmax(hidden[j], 0);
    }
    for (size_t o = 0; o < L; o++) {
        y[o] = (double)a->b2[o];
        for (size_t j = 0; j < H; j++) y[o] += W2[o * H + j] * hidden[j];
    }
}

/* The explained share of a ReLU teacher with rounded weights on the held-out rows, in double. */
static double explained_by_rounding(const teacher *a, const snnk_distill *distill, double q) {
    double W1[H * D], W2[L * H], R1[H * D], R2[L * H], y[L], z[L], sums[L] = {0};
    double errors = 0, squares = 0, n = 0;

    for (size_t i = 0; i < H * D; i++) W1[i] = (double)a->W1[i];
    for (size_t i = 0; i < L * H; i++) W2[i] = (double)a->W2[i];
    round_matrix(H, D, q, a->W1, R1);
    round_matrix(L, H, q, a->W2, R2);
    for (size_t i = 0; i < N; i++) {
        if (!snnk__distill_is_heldout(distill, i)) continue;
        relu_outputs(a, W1, W2, X + i * D, y);
        relu_outputs(a, R1, R2, X + i * D, z);
        n++;
        for (size_t o = 0; o < L; o++) {
            errors += (z[o] - y[o]) * (z[o] - y[o]);
            squares += y[o] * y[o];
            sums[o] += y[o];
        }
    }
    for (size_t o = 0; o < L; o++) squares -= sums[o] * sums[o] / n;
    return 1 - errors / squares;
}

static void test_rounded(void **state) {
    snnk_distill_report report = {.size = sizeof report};
    float weights[H * D];
    double wanted[H * D];
    teacher a;
    snnk_distill *distill;
    snnk_network *network;
    snnk_layer *layer;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    distill = distill_of(&a);
    assert_ok(snnk_distill_solve(distill, 10, NULL, &report, &layer));
    /* Weights on the border of two steps may be rounded to either: a few parts in 1000 of the
     * error. */
    assert_close(1 - report.explained_int8, 1 - explained_by_rounding(&a, distill, 127), 0.02, 0);
    assert_close(1 - report.explained_int4, 1 - explained_by_rounding(&a, distill, 7), 0.02, 0);
    /* A row takes whole bytes, and 4 each for its scale and its bias. */
    assert_int_equal(report.bytes_int8, H * (D + 8) + L * (H + 8));
    assert_int_equal(report.bytes_int4, H * (D / 2 + 8) + L * (H / 2 + 8));
    /* The student has 4 (10 * 11 + 4) = 456 bytes, int4 214, int8 284: both are smaller. */
    assert_int_equal(report.rounding_is_better, report.explained_int8 >= report.explained);
    assert_true(report.explained_int8 > report.explained);
    assert_ok(snnk_distill_replacement(distill, SNNK_DISTILL_METHOD_INT4, 10, NULL, &network));
    assert_int_equal(snnk_network_layers(network), 2);
    assert_ok(snnk_layer_weights(snnk_network_layer(network, 0), weights, D, NULL));
    round_matrix(H, D, 7, a.W1, wanted);
    for (size_t i = 0; i < H * D; i++)
        assert_close((double)weights[i], wanted[i], 1e-6, 1e-9); /* float */
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* 3 students of one feature have 60 bytes: int4 with 214 is no alternative. */
static void test_rounding_is_larger(void **state) {
    snnk_distill_report report = {.size = sizeof report};
    teacher a;
    snnk_layer *layer;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    assert_ok(snnk_layer_distill(a.hidden, a.readout, 1, SNNK_ROWS(.n = N, .X = X), NULL, NULL,
                                 &report, &layer));
    assert_true(report.explained_int4 > report.explained);
    assert_false(report.rounding_is_better);
    snnk_layer_free(layer);
    free_layers(&a);
}

/* A caller of version 0.1 has a shorter report. */
static void test_report_of_0_1(void **state) {
    snnk_distill_report report;
    teacher a;
    snnk_layer *layer;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    memset(&report, 0x55, sizeof report);
    report.size = offsetof(snnk_distill_report, explained_int8);
    assert_ok(snnk_layer_distill(a.hidden, a.readout, 2, SNNK_ROWS(.n = N, .X = X), NULL, NULL,
                                 &report, &layer));
    assert_int_equal(report.features, 2);
    assert_int_equal(report.bytes_int8, 0x5555555555555555);
    snnk_layer_free(layer);
    free_layers(&a);
}

/* ---- Without a teacher, and statuses ---- */

static void test_without_teacher(void **state) {
    float Y[N * L];
    snnk_distill_report report = {.size = sizeof report};
    snnk_map_config config;
    snnk_distill *distill;
    snnk_network *network;
    snnk_layer *layer;
    snnk_map *map;
    teacher a;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    outputs_of(&a, Y);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_RELU;
    assert_ok(snnk_map_create_from_rows(D, H, a.W1, D, a.b1, &config, NULL, &map));
    assert_ok(snnk_distill_create_from_samples(map, L, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL,
                                               NULL, &distill));
    assert_ok(snnk_distill_solve(distill, 3, NULL, &report, &layer));
    assert_true(isnan(report.explained_int8) && isnan(report.explained_int4));
    assert_int_equal(report.bytes_int8, 0);
    assert_false(report.rounding_is_better);
    for (int32_t method = SNNK_DISTILL_METHOD_SVD; method <= SNNK_DISTILL_METHOD_INT4; method++) {
        const int st = snnk_distill_replacement(distill, method, 3, NULL, &network);

        assert_int_equal(st, method == SNNK_DISTILL_METHOD_RANDOM ? SNNK_OK : SNNK_E_RANGE);
        snnk_network_free(network);
    }
    snnk_layer_free(layer);
    snnk_distill_free(distill);
    snnk_map_free(map);
    free_layers(&a);
}

static void test_statuses(void **state) {
    snnk_network *network = (snnk_network *)&X;
    teacher a;
    snnk_distill *distill;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    distill = distill_of(&a);
    assert_status(snnk_distill_replacement(NULL, 0, 3, NULL, &network), SNNK_E_NULL);
    assert_null(network);
    assert_status(snnk_distill_replacement(distill, 0, 3, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_distill_replacement(distill, 7, 3, NULL, &network), SNNK_E_ENUM);
    assert_status(snnk_distill_replacement(distill, -1, 3, NULL, &network), SNNK_E_ENUM);
    assert_status(snnk_distill_replacement(distill, 1, 0, NULL, &network), SNNK_E_RANGE);
    assert_status(snnk_distill_replacement(distill, 1, D + H + 1, NULL, &network), SNNK_E_RANGE);
    snnk_distill_free(distill);
    free_layers(&a);
}

static void test_names(void **state) {
    static const char *const names[] = {"student", "linear", "neurons", "singular_values",
                                        "random",  "int8",   "int4"};

    (void)state;
    for (int32_t k = 0; k < 7; k++) assert_string_equal(snnk_distill_method_name(k), names[k]);
    assert_null(snnk_distill_method_name(7));
    assert_null(snnk_distill_method_name(-1));
}

static void test_failing_allocations(void **state) {
    enum { FEW = 60 };
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_distill *distill;
    teacher a;
    int st;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, &allocator);
    assert_ok(snnk_distill_create(a.hidden, a.readout, SNNK_ROWS(.n = FEW, .X = X), NULL, NULL,
                                  &distill));
    for (int32_t method = 0; method <= SNNK_DISTILL_METHOD_INT4; method++)
        assert_survives_failing_allocations(memory, st, {
            snnk_network *network;

            st = snnk_distill_replacement(distill, method, 6, NULL, &network);
            assert_made(st, network);
            snnk_network_free(network);
        });
    snnk_distill_free(distill);
    free_layers(&a);
    assert_int_equal(memory.alive, 0);
}

/* ---- Networks ---- */

/* A network of blocks 6 -> 14 -> 4 and 4 -> 14 -> 4. */
static snnk_network *network_of(const teacher *a) {
    snnk_network *network;
    snnk_layer *third;

    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, a->hidden));
    assert_ok(snnk_network_append(network, a->readout));
    assert_ok(snnk_layer_create_dense(L, H, a->W1, L, a->b1, SNNK_RELU, NULL, &third));
    assert_ok(snnk_network_append(network, third));
    assert_ok(snnk_network_append(network, a->readout));
    snnk_layer_free(third);
    return network;
}

/* Every method can take the place of every part; the record says which layers are whose. */
static void test_methods_of_networks(void **state) {
    const size_t features[4] = {6, 0, 6, 0};
    snnk_compress_config config;
    teacher a;
    snnk_network *network;

    (void)state;
    draw_weights(&a);
    make_layers(&a, SNNK_RELU, NULL);
    network = network_of(&a);
    assert_ok(snnk_compress_config_init(&config, sizeof config));
    for (config.method = 0; config.method <= SNNK_DISTILL_METHOD_RANDOM; config.method++) {
        const size_t layers = config.method == SNNK_DISTILL_METHOD_SVD ? 4 : 1;
        snnk_compression *compression;
        snnk_network *compressed;

        assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, &config, NULL,
                                        NULL, &compression, &compressed));
        assert_int_equal(snnk_network_layers(compressed), 2 * layers);
        for (size_t k = 0; k < 2; k++) {
            snnk_compress_part part = {.size = sizeof part};
            uint64_t parameters = 0;

            assert_ok(snnk_compression_part(compression, k, &part));
            assert_int_equal(part.outcome, SNNK_COMPRESS_REPLACED);
            assert_int_equal(part.first_compressed, k * layers);
            assert_int_equal(part.layers_compressed, layers);
            for (size_t i = 0; i < layers; i++)
                parameters += snnk_layer_parameters(snnk_network_layer(compressed, k * layers + i));
            assert_int_equal(part.parameters, parameters);
        }
        snnk_compression_free(compression);
        snnk_network_free(compressed);
    }
    for (config.method = SNNK_DISTILL_METHOD_INT8; config.method <= 7; config.method++) {
        snnk_network *compressed;

        assert_status(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, &config,
                                            NULL, NULL, NULL, &compressed),
                      SNNK_E_ENUM);
        assert_null(compressed);
    }
    snnk_network_free(network);
    free_layers(&a);
}

/* Weights are whole numbers -7 ... 7, and each row has a 7: int4 is exact, int8 is not. */
static void test_rounded_networks(void **state) {
    snnk_compress_report report = {.size = sizeof report};
    snnk_compression *compression;
    snnk_network *network, *compressed;
    teacher a;

    (void)state;
    draw_weights(&a);
    for (size_t i = 0; i < H * D; i++) a.W1[i] = i % D ? rintf(5 * a.W1[i]) : 7;
    for (size_t i = 0; i < H * L; i++) a.W1[i] = i % L ? a.W1[i] : 7; /* as rows of 4 too */
    for (size_t i = 0; i < L * H; i++) a.W2[i] = i % H ? rintf(5 * a.W2[i]) : 7;
    for (size_t i = 0; i < H; i++) a.W1[i * D] = 7;
    make_layers(&a, SNNK_RELU, NULL);
    network = network_of(&a);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), NULL, NULL, NULL, NULL,
                                    &compression, &compressed));
    assert_ok(snnk_compression_report(compression, &report));
    assert_true(report.relative_error_int4 < 1e-6); /* 7 / 7 and its multiples, in float */
    /* Steps of 7 / 127: weights of size 3 are off by 0.005 of it, in each of four layers, whose
     * outputs vary less than they are large. */
    assert_true(report.relative_error_int8 > 1e-3 && report.relative_error_int8 < 0.05);
    assert_int_equal(report.bytes_int8, H * (D + 8) + 2 * L * (H + 8) + H * (L + 8));
    assert_int_equal(report.bytes_int4, H * (D / 2 + 8) + 2 * L * (H / 2 + 8) + H * (L / 2 + 8));
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
    free_layers(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neurons),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_singular_values),
        cmocka_unit_test(test_bias_of_singular_values),
        cmocka_unit_test(test_student),
        cmocka_unit_test(test_rounded),
        cmocka_unit_test(test_rounding_is_larger),
        cmocka_unit_test(test_report_of_0_1),
        cmocka_unit_test(test_without_teacher),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_methods_of_networks),
        cmocka_unit_test(test_rounded_networks),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
