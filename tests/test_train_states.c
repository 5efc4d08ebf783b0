/* What training makes of states that other calls left: records of other trainers, held-out rows
 * that change, solutions that do not exist, checkpoints of other networks, sizes of frozen
 * numbers. */
#include "support/trainers.h"

#include <stdio.h>
#include <string.h>

enum { N = 200, D = 3, L = 2 };

static float X[N * D], Y[N * L];

static int setup(void **state) {
    (void)state;
    draw_floats(X, N * D, 1);
    for (size_t i = 0; i < N; i++) {
        Y[i * L] = X[i * D] * X[i * D + 1];
        Y[i * L + 1] = X[i * D + 2];
    }
    return 0;
}

static snnk_network *two_layers(void) {
    snnk_layer *layers[] = {dense_of(D, 8, SNNK_TANH, 5), dense_of(8, L, SNNK_IDENTITY, 7)};

    return network_of(2, layers);
}

static snnk_trainer *create(const snnk_network *network, const snnk_train_config *config) {
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_create(network, config, &trainer));
    return trainer;
}

/* The second trainer may be where the first one was. */
static void test_records_of_other_trainers(void **state) {
    snnk_network *small = two_layers(),
                 *large = network_of(1, (snnk_layer *[]){dense_of(D, L, SNNK_GELU, 3)});
    snnk_trainer *first = create(small, NULL), *second;
    snnk_record *record;
    float outputs[N * L], dX[N * D];

    (void)state;
    assert_ok(snnk_record_create(first, &record));
    assert_ok(snnk_trainer_forward(first, N, X, D, outputs, L, record, NULL));
    snnk_trainer_free(first);
    second = create(large, NULL);
    assert_int_equal(snnk_trainer_backward(second, record, X, D, outputs, L, dX, D, NULL),
                     SNNK_E_STATE);
    assert_says("another trainer");
    assert_ok(snnk_trainer_forward(second, N, X, D, outputs, L, record, NULL));
    assert_ok(snnk_trainer_backward(second, record, X, D, outputs, L, dX, D, NULL));
    snnk_record_free(record);
    snnk_trainer_free(second);
    snnk_network_free(large);
    snnk_network_free(small);
}

/* ---- Targets of sources ---- */

typedef struct source_of {
    const float *Y;
    const int32_t *labels;
    uint64_t labelled; /* rows from here on have labels instead of Y */
} source_of;

static int read_rows(void *user, uint64_t first, size_t count, snnk_rows *rows) {
    const source_of *s = user;

    rows->n = count;
    rows->X = X + first * D;
    if (first >= s->labelled)
        rows->labels = s->labels + first;
    else
        rows->Y = s->Y + first * L;
    return SNNK_OK;
}

static void test_targets_of_sources(void **state) {
    static float probabilities[N * L];
    static int32_t labels[N];
    source_of s = {.Y = probabilities, .labels = labels, .labelled = UINT64_MAX};
    const snnk_train_source source = {
        .size = sizeof source, .rows = N, .read = read_rows, .user = &s, .window = 32};
    snnk_train_config config = train_config();
    snnk_network *network = two_layers();

    (void)state;
    for (size_t i = 0; i < N; i++) probabilities[i * L] = 1;
    config.loss = SNNK_LOSS_CROSS_ENTROPY;
    config.batch = 16;
    config.epochs = 1;
    snnk_trainer *trainer = create(network, &config);

    assert_ok(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL));
    probabilities[100 * L] = -1;
    assert_int_equal(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_RANGE);
    assert_says("not a probability");
    probabilities[100 * L] = 1;
    s.labelled = 100;
    assert_int_equal(snnk_trainer_run_source(trainer, &source, NULL, NULL, NULL), SNNK_E_STATE);
    assert_says("labels");
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* ---- Runs ---- */

static int stop_after_three(void *user, const snnk_trainer *trainer) {
    return *(const bool *)user && snnk_trainer_epochs(trainer) == 3;
}

/* A run that goes on with other held-out rows keeps what is best on these. */
static void test_other_held_out_rows(void **state) {
    static float far_Y[N * L];
    bool stop = true;
    snnk_train_config config = train_config();
    snnk_train_report report = {.size = sizeof report};
    snnk_network *network = two_layers(), *made;
    const snnk_rows rows = {.size = sizeof rows, .n = N, .X = X, .Y = Y};
    double sum = 0;

    (void)state;
    for (size_t i = 0; i < N * L; i++) far_Y[i] = 50 + Y[i];
    const snnk_rows others = {.size = sizeof others, .n = N, .X = X, .Y = far_Y};

    config.epochs = 6;
    config.after_epoch = stop_after_three;
    config.user = &stop;
    snnk_trainer *trainer = create(network, &config);

    assert_int_equal(snnk_trainer_run(trainer, &rows, &rows, NULL, NULL), SNNK_E_CANCELLED);
    stop = false;
    assert_ok(snnk_trainer_run(trainer, &rows, &others, NULL, &report));
    assert_ok(snnk_trainer_network(trainer, &made));
    float *outputs = malloc((size_t)N * L * sizeof *outputs);

    assert_ok(snnk_network_forward(made, N, X, D, outputs, L, NULL));
    for (size_t i = 0; i < N * L; i++) {
        const double e = (double)outputs[i] - (double)far_Y[i];

        sum += e * e;
    }
    assert_close(report.heldout_loss, sum / N, 1e-5, 0);
    free(outputs);
    snnk_network_free(made);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* Equal rows leave nothing to choose the ridge by: the last layer stays as it is, and later runs
 * train again. */
static void test_solutions_that_do_not_exist(void **state) {
    static float equal_X[N * D], equal_Y[N * L];
    snnk_network *network = two_layers();

    (void)state;
    for (int32_t solve = SNNK_TRAIN_SOLVE_END; solve <= SNNK_TRAIN_SOLVE_EPOCH; solve++) {
        snnk_train_config config = train_config();
        snnk_train_report report = {.size = sizeof report};

        config.solve = solve;
        config.epochs = 2;
        snnk_trainer *trainer = create(network, &config);

        for (uint64_t run = 1; run <= 2; run++) {
            assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = equal_X, .Y = equal_Y), NULL,
                                       NULL, &report));
            assert_int_equal(report.solved, 0);
            assert_int_equal(report.epochs, 2 * run);
        }
        snnk_trainer_free(trainer);
    }
    snnk_network_free(network);
}

/* If no epoch is better than the beginning, what is kept is not a solution. */
static void test_nothing_solved_is_kept(void **state) {
    snnk_train_config config = train_config();
    snnk_train_report report = {.size = sizeof report};
    snnk_network *network = two_layers();
    static float of_network[N * L];

    (void)state;
    assert_ok(snnk_network_forward(network, N, X, D, of_network, L, NULL));
    config.solve = SNNK_TRAIN_SOLVE_EPOCH;
    config.rate = 100;
    config.epochs = 2;
    snnk_trainer *trainer = create(network, &config);

    assert_ok(
        snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = X, .Y = of_network), NULL, NULL, &report));
    assert_int_equal(report.best_epoch, 0);
    assert_int_equal(report.solved, 0);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* What a step changed is no solution any more. */
static void test_solutions_end_with_steps(void **state) {
    static float equal_X[N * D], equal_Y[N * L], far_Y[N * L];
    snnk_train_config config = train_config();
    snnk_train_report report = {.size = sizeof report};
    snnk_network *network = two_layers();

    (void)state;
    for (size_t i = 0; i < N * L; i++) equal_Y[i] = 3, far_Y[i] = 50 + Y[i];
    config.solve = SNNK_TRAIN_SOLVE_END;
    config.epochs = 20;
    snnk_trainer *trainer = create(network, &config);

    assert_ok(
        snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = X, .Y = far_Y), NULL, NULL, &report));
    assert_int_equal(report.solved, 1);
    assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = equal_X, .Y = equal_Y), NULL, NULL,
                               &report));
    assert_true(report.best_epoch > 20); /* and equal rows have no solution */
    assert_int_equal(report.solved, 0);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

static int stop_if(void *user, const snnk_trainer *trainer) {
    (void)trainer;
    return *(const bool *)user;
}

/* A run without held-out rows that has only the solution left to make keeps it. */
static void test_solution_after_a_cancelled_run(void **state) {
    static float far_Y[N * L], outputs[N * L];
    bool stop = true;
    snnk_train_config config = train_config();
    snnk_train_report report = {.size = sizeof report};
    snnk_network *network = two_layers(), *made;
    double mean = 0;

    (void)state;
    for (size_t i = 0; i < N * L; i++) far_Y[i] = 50 + Y[i];
    const snnk_rows rows = {.size = sizeof rows, .n = N, .X = X, .Y = far_Y};
    const snnk_rows none = {.size = sizeof none, .n = 0, .X = X, .Y = far_Y};

    config.solve = SNNK_TRAIN_SOLVE_END;
    config.epochs = 1;
    config.after_epoch = stop_if;
    config.user = &stop;
    snnk_trainer *trainer = create(network, &config);

    assert_int_equal(snnk_trainer_run(trainer, &rows, &rows, NULL, NULL), SNNK_E_CANCELLED);
    stop = false;
    assert_ok(snnk_trainer_run(trainer, &rows, &none, NULL, &report));
    assert_int_equal(report.solved, 1);
    assert_ok(snnk_trainer_network(trainer, &made));
    assert_ok(snnk_network_forward(made, N, X, D, outputs, L, NULL));
    for (size_t i = 0; i < N * L; i++) mean += ((double)far_Y[i] - (double)outputs[i]) / (N * L);
    assert_close(mean, 0, 0, 1e-3); /* least squares with a bias */
    snnk_network_free(made);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* The loss of an epoch of L-BFGS is that of the rows, as of the other optimizers. */
static void test_loss_without_decay(void **state) {
    snnk_train_config config = train_config();
    snnk_train_report report = {.size = sizeof report};
    snnk_network *network = two_layers();
    static float outputs[N * L];
    double sum = 0;

    (void)state;
    config.optimizer = SNNK_OPTIMIZER_LBFGS;
    config.weight_decay = 10;
    config.heldout_share = 0;
    config.epochs = 1;
    snnk_trainer *trainer = create(network, &config);

    assert_ok(snnk_network_forward(network, N, X, D, outputs, L, NULL));
    for (size_t i = 0; i < N * L; i++)
        sum += ((double)outputs[i] - (double)Y[i]) * ((double)outputs[i] - (double)Y[i]);
    assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL, NULL, &report));
    assert_close(report.loss, sum / N, 1e-5, 0);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* ---- Rates ---- */

/* The first step of Adam is the rate times the size. A bias moves like its weights, also if these
 * are frozen. */
static void test_size_beside_frozen_weights(void **state) {
    float W[4] = {30, -40, 0, 0}, bias[2] = {0, 0}; /* root mean square 25 */
    snnk_train_config config = train_config();
    snnk_layer *layer;
    float outputs[2] = {1, 1}, x[2] = {1, 1};
    snnk_record *record;

    (void)state;
    assert_ok(snnk_layer_create_dense(2, 2, W, 2, bias, SNNK_IDENTITY, NULL, &layer));
    snnk_network *network = network_of(1, &layer);

    config.relative = 1;
    config.rate = 0.02;
    snnk_trainer *trainer = create(network, &config);

    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_WEIGHTS, 0));
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, 1, x, 2, outputs, 2, record, NULL));
    outputs[0] = outputs[1] = 1;
    assert_ok(snnk_trainer_backward(trainer, record, x, 2, outputs, 2, NULL, 0, NULL));
    assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
    assert_close(parameter_of(trainer, 0, SNNK_PART_BIAS)->value[0], -0.02 * 25, 1e-6, 0);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

static void test_parts_of_frozen_layers(void **state) {
    snnk_network *network = two_layers();
    snnk_trainer *trainer = create(network, NULL);

    (void)state;
    assert_ok(snnk_trainer_set_rate(trainer, 0, -1, 0));
    assert_int_equal(snnk_trainer_set_rate(trainer, 0, -1, 1), SNNK_E_UNSUPPORTED);
    assert_says("name the part");
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_BIAS, 1));
    assert_ok(snnk_trainer_set_rate(trainer, 0, -1, 2));
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* Losses that one output cannot have. */
static void test_single_outputs(void **state) {
    snnk_network *network = network_of(1, (snnk_layer *[]){dense_of(D, 1, SNNK_IDENTITY, 3)});
    static int32_t labels[N];

    (void)state;
    for (int32_t loss = SNNK_LOSS_CROSS_ENTROPY; loss <= SNNK_LOSS_COSINE; loss += 2) {
        snnk_train_config config = train_config();

        config.loss = loss;
        snnk_trainer *trainer = create(network, &config);

        assert_int_equal(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = X, .labels = labels),
                                          NULL, NULL, NULL),
                         SNNK_E_SHAPE);
        assert_says("outputs = 1");
        snnk_trainer_free(trainer);
    }
    snnk_network_free(network);
}

/* ---- Checkpoints ---- */

/* A network of one SNNK layer: features of this activation with rows of this seed. */
static snnk_network *of_features(int32_t activation, uint64_t seed) {
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, 6);

    config.activation = activation;
    config.seed = seed;
    snnk_layer *layer = snnk_of(map_of(D, &config, NULL), L, 9);

    return network_of(1, &layer);
}

/* Rows that learn may differ from those of the network given; everything else may not. */
static void test_checkpoints_of_other_features(void **state) {
    const char *path = "train_states.safetensors";
    snnk_network *tanh_net = of_features(SNNK_TANH, 1), *relu = of_features(SNNK_RELU, 1),
                 *other = of_features(SNNK_TANH, 2);
    snnk_trainer *trainer = create(tanh_net, NULL), *loaded;

    (void)state;
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_OFFSETS, 1));
    assert_ok(snnk_trainer_save(trainer, path));
    assert_ok(snnk_trainer_load(path, tanh_net, NULL, &loaded));
    snnk_trainer_free(loaded);
    assert_int_equal(snnk_trainer_load(path, relu, NULL, &loaded), SNNK_E_STATE);
    assert_int_equal(snnk_trainer_load(path, other, NULL, &loaded), SNNK_E_STATE);
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 1));
    assert_ok(snnk_trainer_save(trainer, path));
    assert_ok(snnk_trainer_load(path, other, NULL, &loaded));
    snnk_trainer_free(loaded);
    assert_int_equal(snnk_trainer_load(path, relu, NULL, &loaded), SNNK_E_STATE);
    remove(path);
    snnk_trainer_free(trainer);
    snnk_network_free(other);
    snnk_network_free(relu);
    snnk_network_free(tanh_net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_other_trainers),
        cmocka_unit_test(test_targets_of_sources),
        cmocka_unit_test(test_other_held_out_rows),
        cmocka_unit_test(test_solutions_that_do_not_exist),
        cmocka_unit_test(test_nothing_solved_is_kept),
        cmocka_unit_test(test_solutions_end_with_steps),
        cmocka_unit_test(test_solution_after_a_cancelled_run),
        cmocka_unit_test(test_loss_without_decay),
        cmocka_unit_test(test_size_beside_frozen_weights),
        cmocka_unit_test(test_parts_of_frozen_layers),
        cmocka_unit_test(test_single_outputs),
        cmocka_unit_test(test_checkpoints_of_other_features),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
