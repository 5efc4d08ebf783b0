/* Fresh projections in training: config.redraw. */
#include "support/trainers.h"

#include "support/alloc.h"
#include "support/files.h"

enum { N = 60, D = 3, L = 2 };

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

static snnk_rows rows_of(void) {
    return (snnk_rows){.size = sizeof(snnk_rows), .n = N, .X = X, .Y = Y};
}

/* Steps so small that no float changes; redrawn after each of 3 epochs. */
static snnk_train_config still(void) {
    snnk_train_config config = train_config();

    config.rate = 1e-30;
    config.epochs = 4;
    config.batch = 16;
    config.heldout_share = 0;
    config.redraw = 1;
    return config;
}

static snnk_map *drawn(size_t d, int32_t kind, int32_t activation, uint64_t m, bool scaled) {
    snnk_map_config config = config_of(kind, m);
    snnk_scaling *scaling = scaled ? scaling_of(d) : NULL;

    config.activation = activation;
    config.seed = m;
    config.offset_scale = kind == SNNK_MAP_ELEMENTWISE ? 0.5 : 0;
    snnk_map *map = map_of(d, &config, scaling);

    snnk_scaling_free(scaling);
    return map;
}

static snnk_network *train(const snnk_network *network, const snnk_train_config *config,
                           snnk_workspace *workspace) {
    const snnk_rows rows = rows_of();
    snnk_trainer *trainer;
    snnk_network *trained;

    assert_ok(snnk_trainer_create(network, config, &trainer));
    assert_ok(snnk_trainer_run(trainer, &rows, NULL, workspace, NULL));
    assert_ok(snnk_trainer_network(trainer, &trained));
    snnk_trainer_free(trainer);
    return trained;
}

static void rows_and_offsets(const snnk_network *network, size_t layer, float *G, float *c) {
    const snnk_map *map = snnk_layer_map(snnk_network_layer(network, layer));

    assert_ok(snnk_map_block_rows(map, 0, G, snnk_map_inputs(map), c));
}

/* ---- The fit of Psi ---- */

/* Functions that the features can represent with any rows do not change: here linear ones, of
 * identity features, in two layers. The rows do, and have the mean square of drawn rows (chi-square
 * of m d numbers: 5 standard deviations). */
static void test_keeps_what_features_can_represent(void **state) {
    enum { M = 300 };
    snnk_layer *layers[] = {snnk_of(drawn(D, SNNK_MAP_ELEMENTWISE, SNNK_IDENTITY, M, false), 4, 1),
                            snnk_of(drawn(4, SNNK_MAP_ELEMENTWISE, SNNK_IDENTITY, 20, true), L, 3)};
    snnk_network *network = network_of(2, layers), *trained;
    const snnk_train_config config = still();
    float before[N * L], after[N * L], G[2][M * D], c[2][M];
    double squares = 0, largest = 0;

    (void)state;
    trained = train(network, &config, NULL);
    assert_ok(snnk_network_forward(network, N, X, D, before, L, NULL));
    assert_ok(snnk_network_forward(trained, N, X, D, after, L, NULL));
    for (size_t k = 0; k < N * L; k++) largest = fmax(largest, fabs((double)before[k]));
    for (size_t k = 0; k < N * L; k++) assert_close(after[k], before[k], 0, 1e-4 * largest);
    rows_and_offsets(network, 0, G[0], c[0]);
    rows_and_offsets(trained, 0, G[1], c[1]);
    for (size_t k = 0; k < M * D; k++) {
        assert_true(G[0][k] != G[1][k]);
        squares += (double)G[1][k] * G[1][k];
    }
    assert_close(squares, M * D, 0, 5 * sqrt(2.0 * M * D));
    for (size_t k = 0; k < M; k++) assert_true(c[0][k] != c[1][k]);
    rows_and_offsets(network, 1, G[0], c[0]);
    rows_and_offsets(trained, 1, G[1], c[1]);
    for (size_t k = 0; k < 80; k++) assert_true(G[0][k] != G[1][k]);
    snnk_network_free(trained);
    snnk_network_free(network);
}

/* A scaling stays: rows of a map whose inputs are multiplied by s are s times those of a map
 * without, of the same seed. */
static void test_keeps_the_scaling(void **state) {
    enum { M = 8 };
    const snnk_train_config config = still();
    double mean[D], scale[D];
    snnk_scaling *scaling = scaling_of(D);
    float G[2][M * D], c[2][M];

    (void)state;
    assert_ok(snnk_scaling_get(scaling, mean, scale));
    for (int scaled = 0; scaled < 2; scaled++) {
        snnk_network *network =
            network_of(1, (snnk_layer *[]){snnk_of(
                              drawn(D, SNNK_MAP_ELEMENTWISE, SNNK_TANH, M, scaled == 1), L, 1)});
        snnk_network *trained = train(network, &config, NULL);

        rows_and_offsets(trained, 0, G[scaled], c[scaled]);
        snnk_network_free(trained);
        snnk_network_free(network);
    }
    for (size_t j = 0; j < M; j++) {
        double shift = 0;

        for (size_t k = 0; k < D; k++) {
            assert_close(G[1][j * D + k], scale[k] * G[0][j * D + k], 1e-6, 0);
            shift += scale[k] * mean[k] * G[0][j * D + k];
        }
        assert_close(c[1][j], c[0][j] - shift, 0, 1e-5);
    }
    snnk_scaling_free(scaling);
}

/* The fit is weighted: 10 rows that count can be met by 40 features, all 60 rows cannot. */
static void test_weighs_rows(void **state) {
    enum { M = 40, HEAVY = 10 };
    const snnk_train_config config = still();
    snnk_network *network = network_of(
                     1, (snnk_layer *[]){snnk_of(drawn(D, SNNK_MAP_GAUSSIAN, 0, M, false), L, 1)}),
                 *trained;
    snnk_rows rows = rows_of();
    float weights[N], before[N * L], after[N * L];
    double heavy = 0, light = 0;
    snnk_trainer *trainer;

    (void)state;
    for (size_t i = 0; i < N; i++) weights[i] = i < HEAVY ? 1 : 1e-7f;
    rows.weights = weights;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_trainer_run(trainer, &rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_network(trainer, &trained));
    assert_ok(snnk_network_forward(network, N, X, D, before, L, NULL));
    assert_ok(snnk_network_forward(trained, N, X, D, after, L, NULL));
    for (size_t k = 0; k < N * L; k++) {
        double *largest = k < HEAVY * L ? &heavy : &light;

        *largest = fmax(*largest, fabs((double)after[k] - before[k]));
    }
    assert_true(heavy < 0.01 * light);
    snnk_network_free(trained);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* ---- What is drawn again ---- */

/* Other rows each time; every second epoch if so asked. */
static void test_other_rows_each_time(void **state) {
    enum { M = 8 };
    snnk_train_config config = still();
    snnk_network *network =
        network_of(1, (snnk_layer *[]){snnk_of(drawn(D, SNNK_MAP_ARC_COSINE, 0, M, false), L, 1)});
    float G[5][M * D], c[M];

    (void)state;
    config.redraw = 2;
    for (config.epochs = 1; config.epochs <= 5; config.epochs++) {
        snnk_network *trained = train(network, &config, NULL);

        rows_and_offsets(trained, 0, G[config.epochs - 1], c);
        snnk_network_free(trained);
    }
    assert_memory_equal(G[0], G[1], sizeof G[0]);
    assert_memory_equal(G[2], G[3], sizeof G[0]);
    assert_memory_not_equal(G[1], G[2], sizeof G[0]);
    assert_memory_not_equal(G[3], G[4], sizeof G[0]);
    assert_memory_not_equal(G[1], G[4], sizeof G[0]);
    assert_memory_not_equal(G[2], G[4], sizeof G[0]);
    snnk_network_free(network);
}

/* Frozen layers, given rows and layers within residual ones stay. Towers have no Psi. */
static void test_only_layers_that_learn(void **state) {
    enum { M = 8 };
    const snnk_rows rows = rows_of();
    snnk_train_config config = still();
    snnk_layer *inner = snnk_of(drawn(D, SNNK_MAP_GAUSSIAN, 0, M, false), D, 5), *around;

    (void)state;
    assert_ok(snnk_layer_create_residual(1, (const snnk_layer *const[]){inner}, SNNK_RESIDUAL_ADD,
                                         0.5, NULL, &around));
    snnk_layer_free(inner);
    snnk_layer *layers[] = {around, snnk_of(drawn(D, SNNK_MAP_GAUSSIAN, 0, M, false), D, 1),
                            snnk_of(drawn(D, SNNK_MAP_ARC_COSINE, 0, M, false), L, 2)};
    snnk_network *network = network_of(3, layers), *trained;
    snnk_trainer *trainer;
    float G[2][M * D] = {{0}}, c[2][M];

    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_int_equal(snnk_trainer_parameters(trainer), 1 + (M + 1) * D + (M + 1) * D + (M + 1) * L);
    assert_ok(snnk_trainer_set_rate(trainer, 1, -1, 0));
    assert_int_equal(snnk_trainer_parameters(trainer), 1 + (M + 1) * D + (M + 1) * L);
    assert_ok(snnk_trainer_run(trainer, &rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_network(trainer, &trained));
    assert_ptr_equal(snnk_network_layer(trained, 1), snnk_network_layer(network, 1));
    const snnk_layer *was = snnk_layer_inner(snnk_network_layer(network, 0), 0),
                     *is = snnk_layer_inner(snnk_network_layer(trained, 0), 0);

    assert_ok(snnk_map_block_rows(snnk_layer_map(was), 0, G[0], D, c[0]));
    assert_ok(snnk_map_block_rows(snnk_layer_map(is), 0, G[1], D, c[1]));
    assert_memory_equal(G[0], G[1], sizeof G[0]);
    rows_and_offsets(network, 2, G[0], c[0]);
    rows_and_offsets(trained, 2, G[1], c[1]);
    for (size_t k = 0; k < (size_t)snnk_map_block_row_count(snnk_layer_map(layers[2]), 0) * D; k++)
        assert_true(G[0][k] != G[1][k]);
    snnk_network_free(trained);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* ---- Numbers that are kept ---- */

typedef struct seen {
    snnk_network *first; /* after the first epoch */
    uint64_t stop_after; /* epochs; 0: never */
    const char *save;    /* a checkpoint after as many epochs */
} seen;

static int look(void *user, const snnk_trainer *trainer) {
    seen *s = user;
    const size_t epochs = snnk_trainer_epochs(trainer);

    if (epochs == 1) {
        snnk_network_free(s->first);
        assert_ok(snnk_trainer_network(trainer, &s->first));
    }
    if (s->save && epochs == 2) assert_ok(snnk_trainer_save(trainer, s->save));
    return s->stop_after > 0 && epochs == s->stop_after;
}

static snnk_network *two_waves(uint64_t m) {
    snnk_layer *layers[] = {snnk_of(drawn(D, SNNK_MAP_GAUSSIAN, 0, m, true), 4, 1),
                            snnk_of(drawn(4, SNNK_MAP_ELEMENTWISE, SNNK_GELU, m, false), L, 3)};

    return network_of(2, layers);
}

static void assert_same_outputs(const snnk_network *a, const snnk_network *b) {
    float of_a[N * L], of_b[N * L];

    assert_ok(snnk_network_forward(a, N, X, D, of_a, L, NULL));
    assert_ok(snnk_network_forward(b, N, X, D, of_b, L, NULL));
    assert_memory_equal(of_a, of_b, sizeof of_a);
}

/* The best epoch is kept with its rows: after the first one, 4 features cannot say again what those
 * of before said about targets that were their outputs. */
static void test_keeps_the_best_rows(void **state) {
    snnk_train_config config = still();
    snnk_network *network = two_waves(4), *kept;
    snnk_train_report report = {.size = sizeof report};
    seen s = {NULL, 0, NULL};
    float targets[N * L];
    snnk_rows rows = rows_of();
    snnk_trainer *trainer;

    (void)state;
    assert_ok(snnk_network_forward(network, N, X, D, targets, L, NULL));
    for (size_t k = 0; k < N * L; k++) targets[k] += 1e-3f * Y[k];
    rows.Y = targets;
    config.rate = 1e-6;
    config.after_epoch = look;
    config.user = &s;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_trainer_run(trainer, &rows, &rows, NULL, &report));
    assert_int_equal(report.epochs, 4);
    assert_int_equal(report.best_epoch, 1);
    assert_ok(snnk_trainer_network(trainer, &kept));
    assert_same_outputs(kept, s.first);
    snnk_network_free(kept);
    snnk_network_free(s.first);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* The same bits for every number of threads, and from a checkpoint. */
static void test_same_bits(void **state) {
    snnk_train_config config = still();
    snnk_network *network = two_waves(24), *one, *two, *resumed, *stopped;
    seen s = {NULL, 0, NULL};
    const snnk_rows rows = rows_of();
    snnk_workspace *workspace;
    snnk_trainer *trainer;
    test_files files;

    (void)state;
    test_files_make(&files);
    config.rate = 1e-2;
    config.after_epoch = look;
    config.user = &s;
    s.save = test_path(&files, "checkpoint");
    one = train(network, &config, NULL);
    s.save = NULL;
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    two = train(network, &config, workspace);
    assert_same_outputs(one, two);
    assert_ok(snnk_trainer_load(files.path, network, NULL, &trainer));
    assert_ok(snnk_trainer_run(trainer, &rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_network(trainer, &resumed));
    assert_same_outputs(one, resumed);
    snnk_trainer_free(trainer);

    /* Ended and continued in memory. */
    s.stop_after = 3;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_status(snnk_trainer_run(trainer, &rows, NULL, NULL, NULL), SNNK_E_CANCELLED);
    s.stop_after = 0;
    assert_ok(snnk_trainer_run(trainer, &rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_network(trainer, &stopped));
    assert_same_outputs(one, stopped);
    snnk_trainer_free(trainer);
    snnk_network_free(stopped);
    snnk_network_free(resumed);
    snnk_network_free(two);
    snnk_network_free(one);
    snnk_network_free(s.first);
    snnk_workspace_free(workspace);
    snnk_network_free(network);
    test_files_remove(&files);
}

/* ---- Refusals, memory ---- */

static void test_refusals(void **state) {
    snnk_train_config config = still();
    snnk_network *waves = two_waves(4),
                 *dense = network_of(1, (snnk_layer *[]){dense_of(D, L, SNNK_TANH, 1)}), *trained;
    snnk_trainer *trainer;

    (void)state;
    config.rows_rate = 1;
    assert_status(snnk_trainer_create(waves, &config, &trainer), SNNK_E_UNSUPPORTED);
    assert_says("redraw = 1");
    config.rows_rate = 0;
    config.optimizer = SNNK_OPTIMIZER_LBFGS;
    assert_status(snnk_trainer_create(waves, &config, &trainer), SNNK_E_UNSUPPORTED);
    assert_says("lbfgs");
    config.optimizer = SNNK_OPTIMIZER_ADAM;
    assert_status(snnk_trainer_create(dense, &config, &trainer), SNNK_E_UNSUPPORTED);
    assert_says("no layer has rows");
    trained = train(waves, &config, NULL); /* has given rows */
    assert_status(snnk_trainer_create(trained, &config, &trainer), SNNK_E_UNSUPPORTED);
    assert_null(trainer);
    assert_ok(snnk_trainer_create(waves, &config, &trainer));
    assert_status(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 1), SNNK_E_UNSUPPORTED);
    assert_says("draws them again");
    snnk_trainer_free(trainer);
    snnk_network_free(trained);
    snnk_network_free(dense);
    snnk_network_free(waves);
}

/* Every allocation may fail: then nothing leaks, and the trainer is as after the last epoch. */
static void test_failing_memory(void **state) {
    test_memory memory;
    snnk_train_config config = still();
    snnk_network *network = two_waves(6);
    const snnk_rows rows = rows_of();
    const snnk_allocator allocator = test_memory_allocator(&memory);
    int st;

    (void)state;
    config.allocator = &allocator;
    config.epochs = 2;
    assert_survives_failing_allocations(memory, st, {
        snnk_trainer *trainer = NULL;
        snnk_network *made = NULL;

        st = snnk_trainer_create(network, &config, &trainer);
        if (st == SNNK_OK) st = snnk_trainer_run(trainer, &rows, NULL, NULL, NULL);
        if (st == SNNK_OK) st = snnk_trainer_network(trainer, &made);
        snnk_network_free(made);
        snnk_trainer_free(trainer);
    });
    assert_int_equal(memory.alive, 0);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_what_features_can_represent),
        cmocka_unit_test(test_keeps_the_scaling),
        cmocka_unit_test(test_weighs_rows),
        cmocka_unit_test(test_other_rows_each_time),
        cmocka_unit_test(test_only_layers_that_learn),
        cmocka_unit_test(test_keeps_the_best_rows),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
