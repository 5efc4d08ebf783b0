/* <snnk/compress.h>: networks compressed part by part. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdlib.h>

#include "base/random.h"
#include "distill/budget.h"

enum { D = 6, N = 3000 };

static float X[N * D];

static int make_rows(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    return 0;
}

/* ---- Networks ---- */

/* Append a dense layer of random weights. `distinct` of its outputs are independent; the others are
 * copies of these times 0.5, 1 or 1.5. So for ReLU, `distinct` features give all of them. */
static void append_dense(snnk_network *network, size_t d, size_t l, size_t distinct,
                         int32_t activation, uint64_t seed, const snnk_allocator *allocator) {
    float *W = calloc(l, d * sizeof *W), *b = calloc(l, sizeof *b);
    snnk_layer *layer;

    draw_floats(W, distinct * d, seed);
    draw_floats(b, distinct, seed + 1);
    for (size_t i = 0; i < distinct; i++) b[i] *= 0.3f;
    for (size_t i = distinct; i < l; i++) {
        const float by = 0.5f * (float)(1 + i % 3);

        for (size_t k = 0; k < d; k++) W[i * d + k] = by * W[i % distinct * d + k];
        b[i] = by * b[i % distinct];
    }
    assert_ok(snnk_layer_create_dense(d, l, W, d, b, activation, allocator, &layer));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    free(W);
    free(b);
}

/* A block of 3 distinct neurons, a layer of 2, a linear layer of rank 2. */
enum { EXACT_LAYERS = 4 };
static const size_t exact_features[EXACT_LAYERS] = {3, 0, 2, 2};

static snnk_network *exact_network(uint64_t seed, const snnk_allocator *allocator) {
    snnk_network *network;

    assert_ok(snnk_network_create(allocator, &network));
    append_dense(network, D, 24, 3, SNNK_RELU, 10, allocator);
    append_dense(network, 24, 4, 4, SNNK_IDENTITY, 20, allocator);
    append_dense(network, 4, 30, 2, SNNK_RELU, seed, allocator);
    append_dense(network, 30, 30, 2, SNNK_IDENTITY, 40, allocator);
    return network;
}

/* Like exact_network, but its last two layers would form one block, so a layer is inserted between
 * them. */
static snnk_network *parted_network(const snnk_allocator *allocator) {
    snnk_network *network;

    assert_ok(snnk_network_create(allocator, &network));
    append_dense(network, D, 24, 3, SNNK_RELU, 10, allocator);
    append_dense(network, 24, 4, 4, SNNK_IDENTITY, 20, allocator);
    append_dense(network, 4, 30, 2, SNNK_RELU, 35, allocator);
    append_dense(network, 30, 8, 8, SNNK_TANH, 40, allocator);
    append_dense(network, 8, 40, 40, SNNK_TANH, 50, allocator);
    append_dense(network, 40, 5, 5, SNNK_IDENTITY, 60, allocator);
    append_dense(network, 5, 20, 2, SNNK_IDENTITY, 70, allocator);
    return network;
}

static snnk_distill_config distill_config(void) {
    snnk_distill_config config;

    assert_ok(snnk_distill_config_init(&config, sizeof config));
    return config;
}

static snnk_compress_report report_of(const snnk_compression *compression) {
    snnk_compress_report report = {.size = sizeof report};

    assert_ok(snnk_compression_report(compression, &report));
    return report;
}

static snnk_compress_part part_of(const snnk_compression *compression, size_t index) {
    snnk_compress_part part = {.size = sizeof part};

    assert_ok(snnk_compression_part(compression, index, &part));
    return part;
}

static bool is_judged(size_t i, const snnk_distill_config *config) {
    double u;

    snnk__random_uniform(config->seed, SNNK__STREAM_JUDGED, i / config->heldout_block_rows, 0, 1,
                         &u);
    return u < config->heldout_share;
}

/* sqrt(squared differences of two networks / squared deviations of the first), on the rows that
 * were set aside to measure the error (all: on all rows of Z). */
static double error_on(const snnk_network *network, const snnk_network *compressed, size_t n,
                       const float *rows, const snnk_distill_config *aside) {
    const size_t d = snnk_network_inputs(network), l = snnk_network_outputs(network);
    float *Y = malloc(n * l * sizeof *Y), *Z = malloc(n * l * sizeof *Z);
    long double errors = 0, squares = 0;

    assert_ok(snnk_network_forward(network, n, rows, d, Y, l, NULL));
    assert_ok(snnk_network_forward(compressed, n, rows, d, Z, l, NULL));
    for (size_t k = 0; k < l; k++) {
        long double sum = 0, square = 0, count = 0;

        for (size_t i = 0; i < n; i++) {
            const long double y = Y[i * l + k], e = Z[i * l + k] - y;

            if (aside && !is_judged(i, aside)) continue;
            count += 1;
            sum += y;
            square += y * y;
            errors += e * e;
        }
        squares += square - sum * sum / count;
    }
    free(Y);
    free(Z);
    return (double)sqrtl(errors / squares);
}

/* ---- Exact ---- */

/* Few features represent each part exactly, so nothing is lost, and the cost is that of the
 * students. */
static void test_exact_parts_are_compressed_exactly(void **state) {
    snnk_network *network = exact_network(35, NULL), *compressed;
    snnk_distill_config config = distill_config();
    snnk_compression *compression;
    size_t features[EXACT_LAYERS];

    (void)state;
    assert_ok(snnk_network_set_note(network, "units", "mm"));
    memcpy(features, exact_features, sizeof features);
    features[3] = 0; /* belongs to the block that begins at layer 2 */
    config.ridge = 0;
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, &config,
                                    NULL, &compression, &compressed));

    const snnk_compress_report report = report_of(compression);
    const uint64_t first = 3 * (D + 1 + 4) + 4, second = 2 * (4 + 1 + 30) + 30;

    assert_int_equal(snnk_network_layers(compressed), 2);
    assert_string_equal(snnk_network_note(compressed, "units"), "mm");
    /* Rounding of float, through two layers and a least-squares fit in double. */
    assert_true(report.relative_error < 1e-5);
    assert_true(report.parts == 2 && report.replaced == 2);
    assert_true(report.parameters == first + second);
    assert_true(report.parameters == snnk_network_parameters(compressed));
    assert_true(report.parameters_before == snnk_network_parameters(network));
    assert_true(report.multiply_adds == 3 * (D + 4) + 2 * (4 + 30));
    assert_true(report.multiply_adds_before == snnk_network_multiply_adds(network));
    assert_true(report.rows + report.judged_rows == N);
    for (size_t k = 0; k < 2; k++) {
        const snnk_compress_part part = part_of(compression, k);
        snnk_distill_report student = {.size = sizeof student};

        assert_ok(snnk_compression_distilled(compression, k, &student));
        assert_true(part.first == 2 * k && part.layers == 2);
        assert_true(part.features == exact_features[2 * k] && part.features == student.features);
        assert_true(part.parameters == (k == 0 ? first : second));
        assert_true(part.parameters_before ==
                    (k == 0 ? D * 24 + 24 + 24 * 4 + 4 : 4 * 30 + 30 + 30 * 30 + 30));
        assert_int_equal(part.outcome, SNNK_COMPRESS_REPLACED);
        assert_true(student.explained > 1 - 1e-9 && student.explained_linear < 0.99);
    }
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
}

/* One of the two neurons of a block is always 0. Two features are requested, but only one exists,
 * and it is enough; further directions would be rounding error only. The inputs of that block have
 * 4 columns, but come from 3 features, so their rank is lower. */
static void check_dead_neuron(uint64_t seed) {
    snnk_network *network = exact_network(seed, NULL), *compressed;
    const size_t features[EXACT_LAYERS] = {3, 0, 2, 0};
    snnk_compression *compression;

    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, NULL, NULL,
                                    &compression, &compressed));
    assert_true(part_of(compression, 1).features <= 2);
    assert_true(report_of(compression).relative_error < 1e-3); /* ridges are relative to 1e-9 */
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
}

/* 3 of the 24 neurons are distinct, and no linear features are allowed, so the student has 3
 * features. */
static void test_fewer_features_if_fewer_are_independent(void **state) {
    snnk_network *network = exact_network(35, NULL), *compressed;
    const size_t features[EXACT_LAYERS] = {8, 0, 0, 0};
    snnk_distill_config config = distill_config();
    snnk_compression *compression;

    (void)state;
    check_dead_neuron(30);
    check_dead_neuron(36);
    config.linear = 0;
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, &config,
                                    NULL, &compression, &compressed));
    assert_int_equal(part_of(compression, 0).features, 3);
    assert_true(part_of(compression, 0).parameters == 3 * (D + 1 + 4) + 4);
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
}

/* Single layers, with an activation and without one, and one that is kept. */
static void test_lone_layers(void **state) {
    snnk_network *network = parted_network(NULL), *compressed;
    const size_t features[7] = {3, 0, 2, 0, 0, 0, 2};
    snnk_distill_config config = distill_config();
    snnk_compression *compression;
    snnk_distill_report student = {.size = sizeof student};

    (void)state;
    config.linear = 0; /* the student of a linear layer is linear anyway */
    config.tier = SNNK_DISTILL_RANDOM;
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, &config,
                                    NULL, &compression, &compressed));
    assert_int_equal(snnk_compression_parts(compression), 5);
    assert_int_equal(part_of(compression, 1).layers, 1);
    assert_int_equal(part_of(compression, 1).first, 2);
    assert_int_equal(part_of(compression, 1).outcome, SNNK_COMPRESS_REPLACED);
    assert_int_equal(part_of(compression, 2).outcome, SNNK_COMPRESS_WHOLE);
    assert_int_equal(part_of(compression, 3).outcome, SNNK_COMPRESS_WHOLE);
    assert_int_equal(part_of(compression, 3).layers, 2);
    assert_int_equal(part_of(compression, 4).outcome, SNNK_COMPRESS_REPLACED);
    assert_ok(snnk_compression_distilled(compression, 4, &student));
    assert_true(student.linear_features == 2 && student.tier == SNNK_DISTILL_SELECTED);
    assert_ok(snnk_compression_distilled(compression, 0, &student));
    assert_true(student.linear_features == 0 && student.tier == SNNK_DISTILL_RANDOM);
    assert_status(snnk_compression_distilled(compression, 3, &student), SNNK_E_STATE);
    /* Layers that are kept are the same objects. */
    assert_ptr_equal(snnk_network_layer(compressed, 2), snnk_network_layer(network, 3));
    assert_ptr_equal(snnk_network_layer(compressed, 4), snnk_network_layer(network, 5));
    assert_close(report_of(compression).relative_error,
                 error_on(network, compressed, N, X, &config), 1e-9,
                 0); /* sums in double, compared with long double */
    snnk_compression_free(compression);
    snnk_network_free(compressed);

    /* Two linear features represent the linear layer of rank 2, up to rounding. */
    const size_t last[7] = {0, 0, 0, 0, 0, 0, 2};

    config.ridge = 0;
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), last, NULL, &config, NULL,
                                    NULL, &compressed));
    assert_int_equal(snnk_network_layers(compressed), 7);
    assert_true(error_on(network, compressed, N, X, NULL) <
                1e-3); /* directions are selected with a ridge of 1e-6 of a mean variance; this
                        * compares with the smallest variance of the inputs */
    snnk_network_free(compressed);
    snnk_network_free(network);
}

/* ---- In sequence ---- */

static snnk_network *wide_network(const snnk_allocator *allocator) {
    snnk_network *network;

    assert_ok(snnk_network_create(allocator, &network));
    append_dense(network, D, 40, 40, SNNK_TANH, 3, allocator);
    append_dense(network, 40, 5, 5, SNNK_IDENTITY, 5, allocator);
    append_dense(network, 5, 40, 40, SNNK_RELU, 7, allocator);
    append_dense(network, 40, 4, 4, SNNK_IDENTITY, 9, allocator);
    return network;
}

/* Students that are each fitted to the original's activations have larger errors in sequence than
 * students fitted to the outputs of the students before them. Measured on new rows. */
static void test_sequence_corrects_errors(void **state) {
    snnk_network *network = wide_network(NULL), *together, *apart;
    const size_t features[4] = {2, 0, 10, 0};
    float *fresh = malloc(N * D * sizeof *fresh), *hidden = malloc(N * 5 * sizeof *hidden);
    snnk_network *front;
    snnk_layer *student;

    (void)state;
    draw_floats(fresh, N * D, 2);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, NULL, NULL,
                                    NULL, &together));
    assert_ok(snnk_network_create(NULL, &apart));
    assert_ok(snnk_layer_distill(snnk_network_layer(network, 0), snnk_network_layer(network, 1), 2,
                                 SNNK_ROWS(.n = N, .X = X), NULL, NULL, NULL, &student));
    assert_ok(snnk_network_append(apart, student));
    snnk_layer_free(student);
    assert_ok(snnk_network_create(NULL, &front));
    for (size_t k = 0; k < 2; k++)
        assert_ok(snnk_network_append(front, snnk_network_layer(network, k)));
    assert_ok(snnk_network_forward(front, N, X, D, hidden, 5, NULL));
    assert_ok(snnk_layer_distill(snnk_network_layer(network, 2), snnk_network_layer(network, 3), 10,
                                 SNNK_ROWS(.n = N, .X = hidden), NULL, NULL, NULL, &student));
    assert_ok(snnk_network_append(apart, student));
    snnk_layer_free(student);

    const double in_sequence = error_on(network, together, N, fresh, NULL);
    const double alone = error_on(network, apart, N, fresh, NULL);

    print_message("relative error: in sequence %.4f, alone %.4f\n", in_sequence, alone);
    assert_true(in_sequence < 0.96 * alone);
    snnk_network_free(front);
    snnk_network_free(apart);
    snnk_network_free(together);
    snnk_network_free(network);
    free(fresh);
    free(hidden);
}

/* In closed form: two linear layers of rank 1, with a ridge of a quarter of the rows, and features
 * of variance 1. Each student then shrinks its output by s = n/(n + lambda). Fitted alone, both
 * together shrink by s^2. In sequence, the second student is fitted to inputs that the first has
 * shrunk, and its feature undoes that scale: s. */
static void test_sequence_undoes_shrinkage(void **state) {
    snnk_distill_config config = distill_config();
    const size_t features[2] = {1, 1};
    snnk_network *network, *together, *apart;
    snnk_compression *compression;
    float *hidden = malloc(N * 20 * sizeof *hidden);

    (void)state;
    config.ridge = N / 4;
    config.linear = 1;
    assert_ok(snnk_network_create(NULL, &network));
    append_dense(network, D, 20, 1, SNNK_IDENTITY, 3, NULL);
    append_dense(network, 20, 20, 1, SNNK_IDENTITY, 5, NULL);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, &config,
                                    NULL, &compression, &together));
    assert_ok(snnk_network_create(NULL, &apart));
    assert_ok(snnk_layer_forward(snnk_network_layer(network, 0), N, X, D, hidden, 20, NULL));
    for (size_t k = 0; k < 2; k++) {
        snnk_layer *student;

        assert_ok(snnk_layer_distill(snnk_network_layer(network, k), NULL, 1,
                                     SNNK_ROWS(.n = N, .X = k ? hidden : X, .ldx = k ? 20 : D),
                                     &config, NULL, NULL, &student));
        assert_ok(snnk_network_append(apart, student));
        snnk_layer_free(student);
    }

    const double lambda = config.ridge, n = (double)report_of(compression).rows;
    const double s = n / (n + lambda), all = N / (N + lambda);

    /* The variance is 1 on the rows not held out, and within 2 per cent of it on others. */
    assert_close(report_of(compression).relative_error, 1 - s, 0, 0.01);
    assert_close(error_on(network, apart, N, X, NULL), 1 - all * all, 0, 0.01);
    snnk_compression_free(compression);
    snnk_network_free(apart);
    snnk_network_free(together);
    snnk_network_free(network);
    free(hidden);
}

/* Rows that measure the error are used for nothing else: with other values in them the network is
 * the same. */
static void test_judged_rows_are_not_fitted(void **state) {
    const snnk_distill_config config = distill_config();
    snnk_network *network = wide_network(NULL), *made[2];
    float *changed = malloc(sizeof X), Psi[2][4 * 10];
    size_t judged = 0;

    (void)state;
    memcpy(changed, X, sizeof X);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; is_judged(i, &config) && k < D; k++, judged++) changed[i * D + k] *= -3;
    assert_in_range(judged / D, N / 20, N / 5);
    for (size_t t = 0; t < 2; t++) {
        const size_t features[4] = {4, 0, 10, 0};

        assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = t ? changed : X), features,
                                        NULL, NULL, NULL, NULL, &made[t]));
        assert_ok(snnk_layer_weights(snnk_network_layer(made[t], 1), Psi[t], 10, NULL));
    }
    assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
    snnk_network_free(made[0]);
    snnk_network_free(made[1]);
    snnk_network_free(network);
    free(changed);
}

/* ---- Budgets ---- */

static snnk_compress_config share_of(double share) {
    snnk_compress_config config;

    assert_ok(snnk_compress_config_init(&config, sizeof config));
    config.share = share;
    return config;
}

/* The budget is respected, and nearly used up. A larger one gives a smaller error. A budget of all
 * parameters changes nothing. */
static void test_budgets_are_met(void **state) {
    static const double shares[] = {0.15, 0.3, 0.6, 1};
    snnk_network *network = wide_network(NULL);
    const double all = (double)snnk_network_parameters(network);
    double last = INFINITY;

    (void)state;
    for (size_t t = 0; t < sizeof shares / sizeof *shares; t++) {
        const snnk_compress_config config = share_of(shares[t]);
        snnk_compression *compression;
        snnk_network *compressed;

        assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), NULL, &config, NULL,
                                        NULL, &compression, &compressed));

        const snnk_compress_report report = report_of(compression);

        print_message("share %.2f: %zu and %zu features, error %.4f\n", shares[t],
                      (size_t)part_of(compression, 0).features,
                      (size_t)part_of(compression, 1).features, report.relative_error);
        assert_true((double)report.parameters <= shares[t] * all);
        if (shares[t] < 0.5) /* except for less than one feature, which has 12 or 10 parameters */
            assert_true((double)report.parameters > shares[t] * all - 12);
        assert_true(report.relative_error < last);
        last = report.relative_error;
        snnk_compression_free(compression);
        snnk_network_free(compressed);
    }
    assert_true(last == 0);
    snnk_network_free(network);
}

/* A part that three features represent exactly gets no more; the rest of the budget goes to the
 * other part. */
static void test_budget_goes_where_it_helps(void **state) {
    const snnk_compress_config config = share_of(0.5);
    snnk_compression *compression;
    snnk_network *network, *compressed;

    (void)state;
    assert_ok(snnk_network_create(NULL, &network));
    append_dense(network, D, 60, 3, SNNK_RELU, 10, NULL);
    append_dense(network, 60, 5, 5, SNNK_IDENTITY, 20, NULL);
    append_dense(network, 5, 60, 60, SNNK_RELU, 30, NULL);
    append_dense(network, 60, 5, 5, SNNK_IDENTITY, 40, NULL);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), NULL, &config, NULL, NULL,
                                    &compression, &compressed));
    /* Even an error of 1e-10 can be worth a feature if no other step fits. */
    assert_in_range(part_of(compression, 0).features, 3, 4);
    assert_true(part_of(compression, 1).features > 40 ||
                part_of(compression, 1).outcome == SNNK_COMPRESS_WHOLE);
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(network);
}

/* With convex errors and steps of equal size the greedy choice is optimal; the optimum is found by
 * trying all. */
static void test_budget_is_spent_best(void **state) {
    enum { PARTS = 3, OPTIONS = 5 };

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        snnk__size_option options[PARTS][OPTIONS];
        snnk__size_curve curves[PARTS];
        snnk__network_part parts[PARTS];
        double smallest, best = INFINITY, reached = 0, spent = 0;
        uint64_t state_of_draw = seed;
        const double budget = (double)(PARTS + seed % 10);

        for (size_t k = 0; k < PARTS; k++) {
            double error = 1, drop = 0.4;

            for (size_t j = 0; j < OPTIONS; j++) {
                options[k][j] = (snnk__size_option){j + 1, (double)(j + 1), error};
                drop *= 0.5 + 0.25 * (1 + draw_uniform(&state_of_draw));
                error -= drop / 2;
            }
            options[k][OPTIONS - 1].features = 0;
            curves[k] = (snnk__size_curve){options[k], OPTIONS, 0};
            parts[k] = (snnk__network_part){.feature_parameters = 1, .max_features = OPTIONS};
        }
        assert_ok(snnk__spend_budget(PARTS, parts, curves, budget, &smallest));
        assert_true(smallest == PARTS);
        for (size_t k = 0; k < PARTS; k++) {
            reached += options[k][curves[k].chosen].error;
            spent += options[k][curves[k].chosen].parameters;
            assert_int_equal(parts[k].features, options[k][curves[k].chosen].features);
        }
        for (size_t a = 0; a < OPTIONS; a++)
            for (size_t b = 0; b < OPTIONS; b++)
                for (size_t c = 0; c < OPTIONS; c++)
                    if ((double)(a + b + c + 3) <= budget)
                        best = fmin(best, options[0][a].error + options[1][b].error +
                                              options[2][c].error);
        assert_true(spent <= budget);
        assert_close(reached, best, 1e-12, 0);
    }
}

/* A useless step does not hide a useful one behind it. A rest that is less than any step is spent
 * between options. A budget below the smallest options is refused. */
static void test_budget_and_odd_size_curves(void **state) {
    snnk__size_option flat[] = {{1, 10, 1}, {2, 20, 1}, {3, 30, 0.1}, {0, 100, 0}};
    snnk__size_option even[] = {{1, 10, 1}, {2, 20, 0.9}, {8, 80, 0.3}, {0, 100, 0}};
    snnk__size_curve curves[2] = {{flat, 4, 0}, {even, 4, 0}};
    snnk__network_part parts[2] = {{.feature_parameters = 10, .max_features = 3},
                                   {.feature_parameters = 10, .max_features = 8}};
    double smallest;

    (void)state;
    assert_int_equal(snnk__spend_budget(2, parts, curves, 19.5, &smallest), SNNK_E_RANGE);
    assert_true(smallest == 20);
    assert_int_equal(snnk__spend_budget(2, parts, curves, 20, &smallest), SNNK_OK);
    assert_true(parts[0].features == 1 && parts[1].features == 1);
    assert_int_equal(snnk__spend_budget(2, parts, curves, 40, &smallest), SNNK_OK);
    assert_true(parts[0].features == 3 && parts[1].features == 1);
    /* After {3, 1} there are 35 left: a step of 10 to 2, then 25 towards 8. */
    assert_int_equal(snnk__spend_budget(2, parts, curves, 75, &smallest), SNNK_OK);
    assert_true(parts[0].features == 3 && parts[1].features == 4);
    assert_int_equal(snnk__spend_budget(2, parts, curves, 200, &smallest), SNNK_OK);
    assert_true(parts[0].features == 0 && parts[0].outcome == SNNK_COMPRESS_WHOLE);
    assert_true(parts[1].features == 0 && parts[1].outcome == SNNK_COMPRESS_WHOLE);
}

/* ---- Parts that are kept ---- */

static void test_never_larger(void **state) {
    snnk_network *network, *compressed;
    const size_t features[4] = {30, 0, 2, 0};
    snnk_compression *compression;
    snnk_map_config map_config;
    snnk_map *map;
    snnk_layer *layer;
    float Psi[3 * 8];

    (void)state;
    draw_floats(Psi, 3 * 8, 4);
    assert_ok(snnk_network_create(NULL, &network));
    append_dense(network, D, 8, 8, SNNK_RELU, 10, NULL); /* 101 parameters together with the next
                                                          * layer */
    append_dense(network, 8, 5, 5, SNNK_IDENTITY, 20, NULL);
    append_dense(network, 5, 1, 1, SNNK_TANH, 30, NULL); /* 6 parameters; a student of one feature
                                                          * has 8 */
    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.features = 8;
    assert_ok(snnk_map_create(1, &map_config, NULL, &map));
    assert_ok(snnk_layer_create(map, 3, Psi, 8, NULL, &layer));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    snnk_map_free(map);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, NULL, NULL,
                                    &compression, &compressed));
    assert_int_equal(snnk_network_layers(compressed), 4);
    for (size_t k = 0; k < 4; k++)
        assert_ptr_equal(snnk_network_layer(compressed, k), snnk_network_layer(network, k));
    assert_int_equal(part_of(compression, 0).outcome, SNNK_COMPRESS_LARGER);
    assert_int_equal(part_of(compression, 1).outcome, SNNK_COMPRESS_LARGER);
    assert_int_equal(part_of(compression, 2).outcome, SNNK_COMPRESS_OTHER);
    assert_true(part_of(compression, 0).parameters == part_of(compression, 0).parameters_before);
    assert_true(report_of(compression).replaced == 0 && report_of(compression).relative_error == 0);
    snnk_compression_free(compression);

    /* With a budget, the other parts must be smaller to make room for this one: at least 6 + 43 +
     * 17 parameters. */
    const snnk_compress_config config = share_of(0.6), little = share_of(0.3);

    snnk_network_free(compressed);
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), NULL, &config, NULL, NULL,
                                    &compression, &compressed));
    assert_int_equal(part_of(compression, 0).outcome, SNNK_COMPRESS_REPLACED);
    assert_int_equal(part_of(compression, 1).outcome, SNNK_COMPRESS_LARGER);
    assert_int_equal(part_of(compression, 2).outcome, SNNK_COMPRESS_OTHER);
    assert_true(8 * snnk_network_parameters(compressed) <= 5 * snnk_network_parameters(network));
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    assert_status(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), NULL, &little, NULL,
                                        NULL, NULL, &compressed),
                  SNNK_E_RANGE);
    assert_says("leaves no room for features");
    assert_null(compressed);
    snnk_network_free(network);
}

/* ---- Statuses ---- */

typedef struct progress_log {
    long calls, cancel_at; /* the call at which it cancels; 0 for none */
    int32_t done, steps;
    long students; /* calls of the distillations' own progress function */
} progress_log;

static int count_calls(void *user, int32_t done, int32_t steps) {
    progress_log *w = user;

    if (w->calls > 0) assert_int_equal(steps, w->steps);
    assert_true(done >= w->done && done <= steps);
    w->done = done;
    w->steps = steps;
    return ++w->calls == w->cancel_at;
}

static int count_student_calls(void *user, int32_t done, int32_t steps, double explained) {
    progress_log *w = user;

    (void)done, (void)steps, (void)explained;
    return ++w->students == w->cancel_at;
}

static snnk_network *small_network(const snnk_allocator *allocator);

/* Cancelling at any call of either progress function, with a budget or with given features, leaves
 * no object and no memory. */
static void test_cancelled(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = small_network(&allocator);
    const size_t features[4] = {1, 0, 2, 0};
    const long alive = memory.alive;

    (void)state;
    for (int run = 0; run < 4; run++) {
        const bool given = run % 2, of_students = run / 2;
        snnk_compress_config config = share_of(0.6);
        snnk_distill_config distill = distill_config();

        if (of_students) {
            distill.progress = count_student_calls;
            distill.tier = SNNK_DISTILL_REFINED;
            distill.epochs = 2;
        } else {
            config.progress = count_calls;
        }
        for (long k = 1;; k++) {
            progress_log w = {.cancel_at = k};
            snnk_compression *compression = (snnk_compression *)network;
            snnk_network *compressed = network;

            config.user = distill.user = &w;
            const int st =
                snnk_network_compress(network, SNNK_ROWS(.n = 400, .X = X), given ? features : NULL,
                                      &config, &distill, NULL, &compression, &compressed);

            if (st == SNNK_OK) {
                print_message("%ld calls\n", w.calls + w.students);
                assert_true(w.calls + w.students == k - 1 && k > 12);
                assert_true(of_students || w.done > w.steps * 3 / 4);
                snnk_compression_free(compression);
                snnk_network_free(compressed);
                break;
            }
            assert_int_equal(st, SNNK_E_CANCELLED);
            assert_null(compressed);
            assert_null(compression);
            assert_int_equal(memory.alive, alive);
            assert_true(k < 2000);
        }
    }
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
}

/* Rows in double, with other columns between them, give the same network as the same rows in float.
 * Targets are ignored. */
static void test_rows_in_double(void **state) {
    snnk_network *network = wide_network(NULL), *made[2];
    const size_t features[4] = {2, 0, 2, 0};
    double *doubles = malloc(N * (D + 1) * sizeof *doubles);
    float Y[2][N * 8];

    (void)state;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < D; j++) doubles[i * (D + 1) + j] = X[i * D + j];
        doubles[i * (D + 1) + D] = NAN;
    }
    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, NULL, NULL,
                                    NULL, &made[0]));
    assert_ok(snnk_network_compress(network,
                                    SNNK_ROWS(.n = N, .X_f64 = doubles, .ldx = D + 1, .Y = X),
                                    features, NULL, NULL, NULL, NULL, &made[1]));
    for (size_t k = 0; k < 2; k++) {
        const size_t l = snnk_network_outputs(network);

        assert_true(l <= 8);
        assert_ok(snnk_network_forward(made[k], N, X, D, Y[k], l, NULL));
        snnk_network_free(made[k]);
    }
    assert_memory_equal(Y[0], Y[1], N * snnk_network_outputs(network) * sizeof(float));

    doubles[1] = INFINITY;
    assert_status(snnk_network_compress(network, SNNK_ROWS(.n = N, .X_f64 = doubles, .ldx = D + 1),
                                        features, NULL, NULL, NULL, NULL, &made[1]),
                  SNNK_E_NONFINITE);
    assert_null(made[1]);
    free(doubles);
    snnk_network_free(network);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(snnk_compress_outcome_name(SNNK_COMPRESS_REPLACED), "replaced");
    assert_string_equal(snnk_compress_outcome_name(SNNK_COMPRESS_OTHER), "other");
    assert_string_equal(snnk_compress_outcome_name(SNNK_COMPRESS_LARGER), "larger");
    assert_string_equal(snnk_compress_outcome_name(SNNK_COMPRESS_WHOLE), "whole");
    assert_null(snnk_compress_outcome_name(4));
    assert_null(snnk_compress_outcome_name(-1));
}

static void test_statuses(void **state) {
    snnk_network *network = wide_network(NULL), *empty, *compressed;
    size_t features[4] = {2, 0, 2, 0};
    snnk_distill_config distill = distill_config();
    snnk_compress_config config = share_of(0.5);
    snnk_compression *compression;
    snnk_compress_part part = {.size = sizeof part};
    snnk_compress_report report = {.size = sizeof report};
    const float kept = X[7];
    float ones[N];

    for (size_t i = 0; i < N; i++) ones[i] = 1;
#define COMPRESS(network, count, inputs, stride, config, distill)                                  \
    snnk_network_compress(network, SNNK_ROWS(.n = count, .X = inputs, .ldx = stride), features,    \
                          config, distill, NULL, NULL, &compressed)
    (void)state;
    assert_ok(snnk_network_create(NULL, &empty));
    assert_status(COMPRESS(NULL, N, X, D, NULL, NULL), SNNK_E_NULL);
    assert_status(COMPRESS(empty, N, X, D, NULL, NULL), SNNK_E_STATE);
    assert_status(COMPRESS(network, N, NULL, D, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, NULL,
                                        NULL, NULL, NULL),
                  SNNK_E_NULL);
    assert_status(COMPRESS(network, N, X, D - 1, NULL, NULL), SNNK_E_STRIDE);
    assert_status(COMPRESS(network, SIZE_MAX / D, X, D, NULL, NULL), SNNK_E_SIZE);
    assert_status(COMPRESS(network, 0, X, D, NULL, NULL), SNNK_E_SHAPE);
    assert_status(
        snnk_network_compress(network, NULL, features, NULL, NULL, NULL, NULL, &compressed),
        SNNK_E_NULL);
    assert_status(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X, .weights = ones),
                                        features, NULL, NULL, NULL, NULL, &compressed),
                  SNNK_E_UNSUPPORTED);
    assert_says("weights");
    assert_status(COMPRESS(network, 3, X, D, NULL, NULL), SNNK_E_SHAPE);
    assert_says("at least 2");
    features[1] = 2;
    assert_status(COMPRESS(network, N, X, D, NULL, NULL), SNNK_E_RANGE);
    assert_says("features[1] = 2");
    features[1] = 0;
    for (size_t t = 0; t < 3; t++) {
        config.share = ((double[]){0, 1.01, NAN})[t];
        assert_status(COMPRESS(network, N, X, D, &config, NULL), SNNK_E_RANGE);
    }
    config = share_of(0.5);
    config.size = 3;
    assert_status(COMPRESS(network, N, X, D, &config, NULL), SNNK_E_CONFIG);
    distill.size = 3;
    assert_status(COMPRESS(network, N, X, D, NULL, &distill), SNNK_E_CONFIG);
    distill = distill_config();
    distill.heldout_block_rows = 0;
    assert_status(COMPRESS(network, N, X, D, NULL, &distill), SNNK_E_RANGE);
    distill = distill_config();
    distill.heldout_share = 0.6;
    assert_status(COMPRESS(network, N, X, D, NULL, &distill), SNNK_E_RANGE);
    distill = distill_config();
    distill.ridge = -2;
    assert_status(COMPRESS(network, N, X, D, NULL, &distill), SNNK_E_RANGE);
    assert_says("ridge = -2");
    X[7] = NAN;
    assert_status(COMPRESS(network, N, X, D, NULL, NULL), SNNK_E_NONFINITE);
    X[7] = kept;
    assert_null(compressed);
    float *zeros = calloc(N, D * sizeof *zeros);
    assert_status(COMPRESS(network, N, zeros, D, NULL, NULL), SNNK_E_STATE);
    assert_says("are constant");
    free(zeros);

    assert_ok(snnk_network_compress(network, SNNK_ROWS(.n = N, .X = X), features, NULL, NULL, NULL,
                                    &compression, &compressed));
    assert_status(snnk_compress_config_init(&config, 4), SNNK_E_CONFIG);
    assert_status(snnk_compression_part(compression, 2, &part), SNNK_E_RANGE);
    assert_status(snnk_compression_part(compression, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_compression_part(NULL, 0, &part), SNNK_E_NULL);
    assert_status(snnk_compression_report(NULL, &report), SNNK_E_NULL);
    assert_status(snnk_compression_report(compression, NULL), SNNK_E_NULL);
    assert_status(snnk_compression_distilled(compression, 0, NULL), SNNK_E_NULL);
    report.size = 4;
    assert_status(snnk_compression_report(compression, &report), SNNK_E_CONFIG);
    part.size = 1;
    assert_status(snnk_compression_part(compression, 0, &part), SNNK_E_CONFIG);
    assert_int_equal(snnk_compression_parts(NULL), 0);
    snnk_compression_free(NULL);
    snnk_compression_free(compression);
    snnk_network_free(compressed);
    snnk_network_free(empty);
    snnk_network_free(network);
#undef COMPRESS
}

static snnk_network *small_network(const snnk_allocator *allocator) {
    snnk_network *network;

    assert_ok(snnk_network_create(allocator, &network));
    append_dense(network, D, 4, 4, SNNK_RELU, 3, allocator);
    append_dense(network, 4, 2, 2, SNNK_IDENTITY, 5, allocator);
    append_dense(network, 2, 4, 4, SNNK_TANH, 7, allocator);
    append_dense(network, 4, 2, 2, SNNK_IDENTITY, 9, allocator);
    return network;
}

static void test_failing_allocations(void **state) {
    enum { ROWS = 80 };
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_compress_config config = share_of(0.6);
    const size_t features[4] = {1, 0, 2, 0};
    int status;

    (void)state;
    for (int given = 0; given < 2; given++) {
        assert_survives_failing_allocations(memory, status, {
            const long allowed = memory.fail_after;
            snnk_compression *compression = NULL; /* with baselines, or without */
            snnk_network *network;
            snnk_network *compressed;

            test_memory_allow(&memory, -1); /* the network itself is created without failures */
            network = small_network(&allocator);
            test_memory_allow(&memory, allowed);
            status = snnk_network_compress(network, SNNK_ROWS(.n = ROWS, .X = X),
                                           given ? features : NULL, &config, NULL, NULL,
                                           given ? &compression : NULL, &compressed);
            assert_made(status, compressed);
            assert_true((status == SNNK_OK && given) == (compression != NULL));
            snnk_compression_free(compression);
            snnk_network_free(compressed);
            snnk_network_free(network);
        });
        print_message("%ld allocations\n", memory.calls);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_parts_are_compressed_exactly),
        cmocka_unit_test(test_fewer_features_if_fewer_are_independent),
        cmocka_unit_test(test_lone_layers),
        cmocka_unit_test(test_sequence_corrects_errors),
        cmocka_unit_test(test_sequence_undoes_shrinkage),
        cmocka_unit_test(test_judged_rows_are_not_fitted),
        cmocka_unit_test(test_budgets_are_met),
        cmocka_unit_test(test_budget_goes_where_it_helps),
        cmocka_unit_test(test_budget_is_spent_best),
        cmocka_unit_test(test_budget_and_odd_size_curves),
        cmocka_unit_test(test_never_larger),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_rows_in_double),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, make_rows, NULL);
}
