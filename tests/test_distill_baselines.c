/* <snnk/distill.h>: the baselines are as strong as a rival would make them, and are compared at
 * equal bytes. */
#include <stdlib.h>

#include <snnk/compress.h>

#include "distill/collect.h"
#include "support/compare.h"
#include "support/draw.h"

enum { N = 800, D = 6, H = 14, L = 4 };

typedef struct block {
    float W1[H * D], b1[H], W2[L * H], b2[L];
    float X[N * D];
    snnk_layer *hidden, *readout;
} block;

static void draw_block(block *a) {
    draw_floats(a->W1, H * D, 1);
    draw_floats(a->b1, H, 2);
    draw_floats(a->W2, L * H, 3);
    draw_floats(a->b2, L, 4);
    draw_floats(a->X, N * D, 5);
}

static void make_layers(block *a, int32_t activation) {
    assert_ok(snnk_layer_create_dense(D, H, a->W1, D, a->b1, activation, NULL, &a->hidden));
    assert_ok(snnk_layer_create_dense(H, L, a->W2, H, a->b2, SNNK_IDENTITY, NULL, &a->readout));
}

static void free_layers(block *a) {
    snnk_layer_free(a->hidden);
    snnk_layer_free(a->readout);
}

static snnk_distill *distill_of(const block *a, double ridge) {
    snnk_distill_config config;
    snnk_distill *distill;

    assert_ok(snnk_distill_config_init(&config, sizeof config));
    config.ridge = ridge;
    assert_ok(snnk_distill_create(a->hidden, a->readout, SNNK_ROWS(.n = N, .X = a->X), &config,
                                  NULL, &distill));
    return distill;
}

static snnk_distill_report report_of(const snnk_distill *distill, size_t m) {
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;

    assert_ok(snnk_distill_solve(distill, m, NULL, &report, &layer));
    snnk_layer_free(layer);
    return report;
}

/* ---- Singular values: about the mean ---- */

/* The inputs lie in a plane that is far from 0, and the kinks of the neurons are where they are.
 * About their mean, what enters the neurons has rank 2; with the mean it has rank 3, and its first
 * two directions are not these. */
static void test_far_from_zero(void **state) {
    block a;
    snnk_distill *distill;
    snnk_distill_report report;

    (void)state;
    draw_block(&a);
    for (size_t i = 0; i < N; i++) {
        const float s = a.X[i * D], t = a.X[i * D + 1];

        for (size_t j = 0; j < D; j++)
            a.X[i * D + j] = 100 + s * a.W1[j] + t * a.W1[D + j]; /* directions: any */
    }
    for (size_t k = 0; k < H; k++) {
        double at_mean = 0;

        for (size_t j = 0; j < D; j++) at_mean += 100 * (double)a.W1[k * D + j];
        a.b1[k] = (float)(0.2 * (double)a.b1[k] - at_mean);
    }
    make_layers(&a, SNNK_RELU);
    distill = distill_of(&a, SNNK_RIDGE_AUTO);
    /* 10 features have 114 parameters: 18 biases, 2 (6 + 14) for rank 2, and all 56 of the
     * readout. The share is of floats near 600 at the kinks, so it is exact to 1e-4 of the
     * outputs. */
    report = report_of(distill, 10);
    assert_int_equal(report.parameters_svd, 18 + 40 + 56);
    assert_true(report.explained_svd > 1 - 1e-6);
    /* Rank 1 is the most that 8 features (92 parameters, 18 + 20 + 54) allow with a readout of rank
     * 3, which is less than the readout's own. */
    report = report_of(distill, 8);
    assert_true(report.explained_svd < 0.999);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* A linear layer with 2 outputs, cut to rank 1. In closed form: with the angle of the principal
 * axis of a 2 x 2 covariance, a row is off by its distance from the axis through the mean. */
static void test_closed_form(void **state) {
    enum { TWO = 2 };
    float *X = malloc(N * D * sizeof *X), *Y = malloc(N * TWO * sizeof *Y);
    const float W[TWO * D] = {1, -2, 0.5F, 0.25F, 1, 1, 0, 1, 1, -1, 2, 0.5F}, b[TWO] = {3, -4};
    snnk_distill_report report = {.size = sizeof report};
    double mean[TWO] = {0}, held_mean[TWO] = {0}, a = 0, c = 0, cross = 0, off = 0, all = 0;
    double n = 0, held = 0;
    snnk_distill *distill;
    snnk_layer *hidden, *layer;

    (void)state;
    draw_floats(X, N * D, 7);
    for (size_t i = 0; i < N * D; i++) X[i] += 20 + (float)(i % D);
    assert_ok(snnk_layer_create_dense(D, TWO, W, D, b, SNNK_IDENTITY, NULL, &hidden));
    assert_ok(snnk_layer_forward(hidden, N, X, D, Y, TWO, NULL));
    assert_ok(snnk_distill_create(hidden, NULL, SNNK_ROWS(.n = N, .X = X), NULL, NULL, &distill));
    for (size_t i = 0; i < N; i++) {
        double *to = snnk__distill_is_heldout(distill, i) ? held_mean : mean;

        *(to == mean ? &n : &held) += 1;
        for (size_t k = 0; k < TWO; k++) to[k] += (double)Y[i * TWO + k];
    }
    for (size_t k = 0; k < TWO; k++) mean[k] /= n, held_mean[k] /= held;
    for (size_t i = 0; i < N; i++) {
        const double u = (double)Y[i * TWO] - mean[0], v = (double)Y[i * TWO + 1] - mean[1];

        if (!snnk__distill_is_heldout(distill, i)) a += u * u, c += v * v, cross += u * v;
    }
    const double angle = atan2(2 * cross, a - c) / 2;

    for (size_t i = 0; i < N; i++) {
        double across = 0;

        if (!snnk__distill_is_heldout(distill, i)) continue;
        across -= sin(angle) * ((double)Y[i * TWO] - mean[0]);
        across += cos(angle) * ((double)Y[i * TWO + 1] - mean[1]);
        off += across * across;
        for (size_t k = 0; k < TWO; k++)
            all +=
                ((double)Y[i * TWO + k] - held_mean[k]) * ((double)Y[i * TWO + k] - held_mean[k]);
    }
    /* One feature has 11 parameters: rank 1 has 6 + 2 and 2 biases. */
    assert_ok(snnk_distill_solve(distill, 1, NULL, &report, &layer));
    assert_int_equal(report.parameters_svd, 10);
    assert_true(off > 0.05 * all);
    assert_close(1 - report.explained_svd, off / all, 1e-4, 0); /* a ridge of 1e-6, and floats */
    snnk_layer_free(layer);
    snnk_distill_free(distill);
    snnk_layer_free(hidden);
    free(Y);
    free(X);
}

/* ---- Neurons that live ---- */

/* Four neurons live. The others are never on, but vary most before the ReLU. */
static void kill_neurons(block *a) {
    for (size_t k = 4; k < H; k++) {
        for (size_t j = 0; j < D; j++) a->W1[k * D + j] *= 50;
        a->b1[k] = -1000;
    }
}

static void test_dead_neurons(void **state) {
    block a;
    snnk_distill *distill;
    snnk_distill_report report;
    snnk_network *network;
    float Y[N * L], Z[N * L], *hidden = malloc(N * H * sizeof *hidden);

    (void)state;
    draw_block(&a);
    kill_neurons(&a);
    make_layers(&a, SNNK_RELU);
    distill = distill_of(&a, SNNK_RIDGE_AUTO);
    /* 4 features have 48 parameters: all of 4 living neurons, 4 (6 + 1) + 4 (4 + 1). The biases of
     * 14 neurons and rank 1 would not fit. */
    report = report_of(distill, 4);
    assert_int_equal(report.parameters_svd, 48);
    assert_int_equal(report.multiply_adds_svd, 40);
    assert_true(report.explained_svd > 1 - 1e-9);
    assert_ok(snnk_distill_replacement(distill, SNNK_DISTILL_METHOD_SVD, 4, NULL, &network));
    assert_int_equal(snnk_network_layers(network), 2); /* neither matrix is cut */
    assert_int_equal(snnk_network_parameters(network), 48);
    assert_ok(snnk_layer_forward(a.hidden, N, a.X, D, hidden, H, NULL));
    assert_ok(snnk_layer_forward(a.readout, N, hidden, H, Y, L, NULL));
    assert_ok(snnk_network_forward(network, N, a.X, D, Z, L, NULL));
    for (size_t i = 0; i < N * L; i++) assert_close((double)Z[i], (double)Y[i], 0, 1e-3);
    snnk_network_free(network);
    snnk_distill_free(distill);
    free_layers(&a);
    free(hidden);
}

/* A layer alone keeps its outputs. Those that live have rank 2, and two features allow it: 14
 * biases and 2 (6 + 14) of 2 (6 + 1 + 14) + 14. */
static void test_dead_outputs(void **state) {
    snnk_distill_report report = {.size = sizeof report};
    block a;
    snnk_layer *layer;

    (void)state;
    draw_block(&a);
    kill_neurons(&a);
    for (size_t k = 2; k < 4; k++)
        for (size_t j = 0; j < D; j++) a.W1[k * D + j] = a.W1[j] - (float)k * a.W1[D + j];
    make_layers(&a, SNNK_RELU);
    assert_ok(snnk_layer_distill(a.hidden, NULL, 2, SNNK_ROWS(.n = N, .X = a.X), NULL, NULL,
                                 &report, &layer));
    assert_int_equal(report.parameters_svd, 14 + 40);
    assert_true(report.explained_svd > 1 - 1e-9);
    snnk_layer_free(layer);
    free_layers(&a);
}

/* ---- The effect of neurons ---- */

/* Twelve neurons depend on one input and vary much, but hardly count in the outputs. Two depend on
 * another input. Rank 1 should keep the latter, and then explains nearly everything. */
static void test_effects(void **state) {
    block a;
    snnk_distill *distill;
    snnk_distill_report report;

    (void)state;
    draw_block(&a);
    for (size_t j = 0; j < H; j++) {
        for (size_t k = 0; k < D; k++) a.W1[j * D + k] = 0;
        a.W1[j * D + (j < 12)] = j < 12 ? 3 : 0.5F;
        a.b1[j] = j < 12 ? 0.3F * (float)j - 1.5F : 0.1F;
        for (size_t o = 0; o < L; o++) a.W2[o * H + j] *= j < 12 ? 0.001F : 1;
    }
    make_layers(&a, SNNK_TANH);
    distill = distill_of(&a, SNNK_RIDGE_AUTO);
    /* 52 numbers beside 18 biases: 20 for rank 1 and 18 for rank 1. */
    report = report_of(distill, 6);
    assert_int_equal(report.parameters_svd, 18 + 20 + 18);
    assert_true(report.explained_svd > 0.99);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* ---- The readout is fitted again ---- */

/* Without a ridge, and over all rows, errors have mean 0. Let U^T be the last factor, with
 * orthonormal columns: then U times the errors is not correlated with any hidden activation. */
static void test_readout_is_fitted(void **state) {
    block a;
    snnk_distill *distill;
    snnk_network *network;
    float *Y = malloc(N * L * sizeof *Y), *Z = malloc(N * L * sizeof *Z);
    float *A = malloc(N * H * sizeof *A), *B = malloc(N * H * sizeof *B);

    (void)state;
    draw_block(&a);
    make_layers(&a, SNNK_RELU);
    distill = distill_of(&a, 0);
    for (size_t m = 6; m <= 10; m += 2) {
        assert_ok(snnk_distill_replacement(distill, SNNK_DISTILL_METHOD_SVD, m, NULL, &network));

        const size_t layers = snnk_network_layers(network), last = layers - 1;
        const size_t rank = layers == 4 ? snnk_layer_inputs(snnk_network_layer(network, last)) : L;
        float U[L * L] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}; /* not cut */
        double largest = 0;
        size_t varies = 0;

        assert_ok(snnk_layer_forward(a.hidden, N, a.X, D, A, H, NULL));
        assert_ok(snnk_layer_forward(a.readout, N, A, H, Y, L, NULL));
        assert_ok(snnk_network_forward(network, N, a.X, D, Z, L, NULL));
        assert_true(layers >= 3);
        assert_ok(snnk_layer_forward(snnk_network_layer(network, 0), N, a.X, D, B,
                                     snnk_layer_outputs(snnk_network_layer(network, 0)), NULL));
        assert_ok(snnk_layer_forward(snnk_network_layer(network, 1), N, B,
                                     snnk_layer_outputs(snnk_network_layer(network, 0)), A, H,
                                     NULL));
        if (layers == 4)
            assert_ok(snnk_layer_weights(snnk_network_layer(network, last), U, rank, NULL));
        for (size_t k = 0; k < rank; k++)
            for (size_t j = 0; j < H; j++) {
                double mean = 0, errors = 0, product = 0, e2 = 0, a2 = 0;

                for (size_t i = 0; i < N; i++) mean += (double)A[i * H + j] / N;
                for (size_t i = 0; i < N; i++) {
                    const double deviation = (double)A[i * H + j] - mean;
                    double error = 0;

                    for (size_t o = 0; o < L; o++)
                        error +=
                            (double)U[o * rank + k] * ((double)Z[i * L + o] - (double)Y[i * L + o]);
                    errors += error;
                    e2 += error * error;
                    a2 += deviation * deviation;
                    product += error * deviation;
                }
                if (a2 == 0) continue; /* with rank 1, a neuron may be off */
                varies++;
                assert_close(errors / N, 0, 0, 1e-5);              /* floats of size 10 */
                assert_close(product / sqrt(a2 * e2), 0, 0, 1e-4); /* a correlation */
                largest = fmax(largest, sqrt(e2));
            }
        assert_true(largest > 0.1 && varies >= rank * (H - 2));
        snnk_network_free(network);
    }
    snnk_distill_free(distill);
    free_layers(&a);
    free(B);
    free(A);
    free(Z);
    free(Y);
}

/* ---- Equal bytes ---- */

static void round_matrix(size_t rows, size_t columns, const float *W, double *rounded) {
    for (size_t i = 0; i < rows; i++) {
        double largest = 0;

        for (size_t j = 0; j < columns; j++)
            largest = fmax(largest, fabs((double)W[i * columns + j]));
        for (size_t j = 0; j < columns; j++)
            rounded[i * columns + j] =
                rint((double)W[i * columns + j] * 127 / largest) * largest / 127;
    }
}

/* One output of the block in double. */
static double output_of(const block *a, const double *W1, const double *W2, const float *x,
                        size_t o) {
    double y = (double)a->b2[o];

    for (size_t j = 0; j < H; j++) {
        double z = (double)a->b1[j];

        for (size_t k = 0; k < D; k++) z += W1[j * D + k] * (double)x[k];
        y += W2[o * H + j] * fmax(z, 0);
    }
    return y;
}

/* Only three neurons are used, so a student of three features is the block itself, up to the order
 * of its neurons. Rounded, it is the rounded block. */
static void test_rounded_student(void **state) {
    double W1[H * D], W2[L * H], R1[H * D], R2[L * H], off = 0, all = 0;
    block a;
    snnk_distill *distill;
    snnk_distill_report report;

    (void)state;
    draw_block(&a);
    for (size_t i = 0; i < L * H; i++)
        if (i % H >= 3) a.W2[i] = 0;
    make_layers(&a, SNNK_RELU);
    distill = distill_of(&a, 0);
    report = report_of(distill, 3);
    assert_int_equal(report.linear_features, 0);
    assert_int_equal(report.bytes_student_int8, 3 * (D + 8) + L * (3 + 8));
    for (size_t i = 0; i < H * D; i++) W1[i] = (double)a.W1[i];
    for (size_t i = 0; i < L * H; i++) W2[i] = (double)a.W2[i];
    round_matrix(H, D, a.W1, R1);
    round_matrix(L, H, a.W2, R2);
    for (size_t o = 0; o < L; o++) {
        double sum = 0, squares = 0, n = 0;

        for (size_t i = 0; i < N; i++) {
            if (!snnk__distill_is_heldout(distill, i)) continue;
            const double y = output_of(&a, W1, W2, a.X + i * D, o);
            const double error = output_of(&a, R1, R2, a.X + i * D, o) - y;

            off += error * error;
            sum += y;
            squares += y * y;
            n++;
        }
        all += squares - sum * sum / n;
    }
    assert_true(report.explained > 1 - 1e-9);
    /* Weights on the border of two steps may be rounded to either. */
    assert_close(1 - report.explained_student_int8, off / all, 0.02, 0);
    /* The layer's int4 keeps all neurons. */
    assert_true(report.bytes_int4 > report.bytes_student_int8);
    snnk_distill_free(distill);
    free_layers(&a);
}

/* Random features can be rounded too. Their rows, whole numbers of 127ths, are hardly worse. */
static void test_rounded_random_student(void **state) {
    snnk_distill_config config;
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;
    block a;

    (void)state;
    draw_block(&a);
    make_layers(&a, SNNK_RELU);
    assert_ok(snnk_distill_config_init(&config, sizeof config));
    config.tier = SNNK_DISTILL_RANDOM;
    assert_ok(snnk_layer_distill(a.hidden, a.readout, 12, SNNK_ROWS(.n = N, .X = a.X), &config,
                                 NULL, &report, &layer));
    assert_int_equal(report.bytes_student_int8, 12 * (D + 8) + L * (12 + 8));
    assert_true(report.explained > 0.3);
    assert_true(report.explained_student_int8 != report.explained);
    assert_close(report.explained_student_int8, report.explained, 0, 0.02);
    snnk_layer_free(layer);
    free_layers(&a);
}

/* An SNNK layer of a network, ReLU features as an arc-cosine map: a network is rounded with all of
 * its layers, and outputs change little. */
static void test_rounded_arc_cosine(void **state) {
    snnk_compress_report report = {.size = sizeof report};
    const size_t features[2] = {0, 0};
    snnk_compression *compression;
    snnk_network *network, *compressed;
    snnk_map_config config;
    snnk_layer *layer;
    snnk_map *map;
    block a;

    (void)state;
    draw_block(&a);
    make_layers(&a, SNNK_RELU);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ARC_COSINE;
    assert_ok(snnk_map_create_from_rows(D, H, a.W1, D, a.b1, &config, NULL, &map));
    assert_ok(snnk_layer_create(map, L, a.W2, H, a.b2, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = a.X), features, NULL, NULL,
                                    NULL, &compression, &compressed));
    assert_ok(snnk_compression_report(compression, &report));
    assert_int_equal(report.bytes_int8, H * (D + 8) + L * (H + 8));
    assert_true(report.relative_error_int8 > 1e-4 && report.relative_error_int8 < 0.03);
    assert_true(report.relative_error_int4 > 0.01 && report.relative_error_int4 < 0.3);
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
    free_layers(&a);
}

/* The compressed network in int8: the bytes of its student, and its error is a little larger. */
static void test_rounded_network(void **state) {
    const size_t features[2] = {5, 0};
    snnk_compress_report report = {.size = sizeof report};
    snnk_compression *compression;
    snnk_network *network, *compressed;
    block a;

    (void)state;
    draw_block(&a);
    make_layers(&a, SNNK_RELU);
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, a.hidden));
    assert_ok(snnk_network_append(network, a.readout));
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = a.X), features, NULL, NULL,
                                    NULL, &compression, &compressed));
    assert_ok(snnk_compression_report(compression, &report));
    assert_int_equal(report.bytes_compressed_int8, 5 * (D + 8) + L * (5 + 8));
    /* Steps of 1/127 of the largest weight: about 0.003 of the outputs, added in squares. */
    assert_true(report.relative_error_compressed_int8 != report.relative_error);
    assert_close(report.relative_error_compressed_int8, report.relative_error, 0, 0.02);
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
    free_layers(&a);
}

/* Only m neurons are used. A student without linear features consists of them, like the baseline of
 * strong neurons, but in another order: what they explain is equal to rounding only. (If its
 * selection misses one, the baseline is better.) */
static void test_equal_is_equal(void **state) {
    int below = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++)
        for (size_t m = 2; m <= 5; m++) {
            snnk_distill_config config;
            snnk_distill_report report = {.size = sizeof report};
            snnk_layer *layer;
            block a;

            draw_block(&a);
            draw_floats(a.W2, L * H, 100 + seed);
            for (size_t i = 0; i < L * H; i++)
                if (i % H >= m) a.W2[i] = 0;
            make_layers(&a, SNNK_RELU);
            assert_ok(snnk_distill_config_init(&config, sizeof config));
            config.linear = 0;
            assert_ok(snnk_layer_distill(a.hidden, a.readout, m, SNNK_ROWS(.n = N, .X = a.X),
                                         &config, NULL, &report, &layer));
            below += fmax(report.explained_neurons, report.explained_svd) < report.explained;
            assert_true(report.simpler_is_better);
            snnk_layer_free(layer);
            free_layers(&a);
        }
    assert_true(below > 0); /* otherwise this test shows nothing */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far_from_zero),
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_dead_neurons),
        cmocka_unit_test(test_dead_outputs),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_readout_is_fitted),
        cmocka_unit_test(test_rounded_student),
        cmocka_unit_test(test_rounded_network),
        cmocka_unit_test(test_rounded_random_student),
        cmocka_unit_test(test_rounded_arc_cosine),
        cmocka_unit_test(test_equal_is_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
