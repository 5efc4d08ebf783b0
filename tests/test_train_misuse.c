/* src/train: what is refused, with its sentence, and allocations that fail. */
#include "support/alloc.h"
#include "support/trainers.h"

/* ---- Settings ---- */

static void assert_refused(const snnk_network *network, const snnk_train_config *config, int status,
                           const char *says) {
    snnk_trainer *trainer = (snnk_trainer *)&status;

    assert_status(snnk_trainer_create(network, config, &trainer), status);
    assert_null(trainer);
    assert_says(says);
}

static void test_ranges(void **state) {
    static const struct {
        size_t offset;
        double bad[2];
        const char *name;
    } fields[] = {
#define FIELD(name, a, b) {offsetof(snnk_train_config, name), {a, b}, #name " ="}
        FIELD(rate, -1, 1e31),
        FIELD(snnk_rate, -1, 1e31),
        FIELD(rows_rate, -1, 1e31),
        FIELD(last_rate, -0.1, 1.1),
        FIELD(warmup, -0.1, 0.91),
        FIELD(momentum, -0.1, 1),
        FIELD(square_momentum, -0.1, 1),
        FIELD(epsilon, 0, -1),
        FIELD(weight_decay, -1, 1e31),
        FIELD(clip, -1, 1e31),
        FIELD(huber, 0, -1),
        FIELD(heldout_share, -0.1, 0.6),
#undef FIELD
    };
    snnk_network *network = deep(1);

    (void)state;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
        for (int i = 0; i < 3; i++) {
            snnk_train_config config = train_config();
            const double bad = i < 2 ? fields[f].bad[i] : NAN;

            memcpy((char *)&config + fields[f].offset, &bad, sizeof bad);
            assert_refused(network, &config, SNNK_E_RANGE, fields[f].name);
        }
    snnk_train_config config = train_config();

    config.epochs = 0;
    assert_refused(network, &config, SNNK_E_RANGE, "epochs = 0");
    snnk_network_free(network);
}

static void test_choices(void **state) {
    static const struct {
        size_t offset;
        const char *name;
        int32_t bad;
    } fields[] = {
        {offsetof(snnk_train_config, loss), "loss = ", 99},
        {offsetof(snnk_train_config, loss), "loss = ", -2},
        {offsetof(snnk_train_config, optimizer), "optimizer = ", 4},
        {offsetof(snnk_train_config, schedule), "schedule = ", 2},
        {offsetof(snnk_train_config, solve), "solve = ", 3},
        {offsetof(snnk_train_config, relative), "relative = ", 2},
        {offsetof(snnk_train_config, relative), "relative = ", -1},
    };
    snnk_network *network = deep(1);
    snnk_train_config config;

    (void)state;
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        config = train_config();
        memcpy((char *)&config + fields[f].offset, &fields[f].bad, sizeof(int32_t));
        assert_refused(network, &config, SNNK_E_ENUM, fields[f].name);
    }
    config = train_config();
    config.loss = SNNK_LOSS_USER;
    assert_refused(network, &config, SNNK_E_NULL, "loss_function");
    config = train_config();
    config.size = 8;
    assert_refused(network, &config, SNNK_E_CONFIG, "8");
    assert_status(snnk_train_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_train_config_init(&config, 3), SNNK_E_CONFIG);
    snnk_network_free(network);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(snnk_optimizer_name(SNNK_OPTIMIZER_ADAMW), "adamw");
    assert_string_equal(snnk_optimizer_name(SNNK_OPTIMIZER_LBFGS), "lbfgs");
    assert_string_equal(snnk_schedule_name(SNNK_SCHEDULE_CONSTANT), "constant");
    assert_string_equal(snnk_train_solve_name(SNNK_TRAIN_SOLVE_EPOCH), "epoch");
    assert_string_equal(snnk_layer_part_name(SNNK_PART_GAIN), "gain");
    for (int32_t bad = -1; bad < 10; bad += 10) {
        assert_null(snnk_optimizer_name(bad));
        assert_null(snnk_schedule_name(bad));
        assert_null(snnk_train_solve_name(bad));
        assert_null(snnk_layer_part_name(bad));
    }
}

/* ---- Networks ---- */

static void test_networks(void **state) {
    snnk_map_config hd3 = config_of(SNNK_MAP_GAUSSIAN, 16);
    snnk_train_config config = train_config();
    snnk_network *empty, *network, *narrow;
    snnk_trainer *trainer;

    (void)state;
    assert_ok(snnk_network_create(NULL, &empty));
    assert_refused(empty, NULL, SNNK_E_STATE, "0 layers");
    snnk_network_free(empty);
    assert_refused(NULL, NULL, SNNK_E_NULL, "network");
    network = deep(1);
    assert_status(snnk_trainer_create(network, NULL, NULL), SNNK_E_NULL);
    /* Narrow storage: nothing learns. */
    for (int32_t storage = SNNK_STORAGE_BF16; storage <= SNNK_STORAGE_BF16X3; storage++) {
        assert_ok(snnk_network_quantize(network, storage, NULL, NULL, NULL, &narrow));
        assert_refused(narrow, NULL, SNNK_E_UNSUPPORTED, "nothing in this network can learn");
        snnk_network_free(narrow);
    }
    snnk_network_free(network);
    /* HD3 rows are a seed. */
    hd3.projection = SNNK_PROJECTION_HD3;
    snnk_layer *layer = snnk_of(map_of(5, &hd3, NULL), 3, 1);

    network = network_of(1, &layer);
    config.rows_rate = 1;
    assert_refused(network, &config, SNNK_E_UNSUPPORTED, "layer 0");
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_status(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 1), SNNK_E_UNSUPPORTED);
    assert_says("rows");
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    /* A tower alone has no weights. */
    hd3.projection = SNNK_PROJECTION_GAUSSIAN;
    layer = tower_of(map_of(5, &hd3, NULL));
    network = network_of(1, &layer);
    assert_refused(network, NULL, SNNK_E_UNSUPPORTED, "rows_rate");
    snnk_network_free(network);
    snnk_trainer_free(NULL);
    snnk_record_free(NULL);
    assert_int_equal(snnk_trainer_parameters(NULL), 0);
    assert_int_equal(snnk_trainer_epochs(NULL), 0);
}

/* A layer in narrow storage stays as it is, and others learn. */
static void test_narrow_layer(void **state) {
    enum { n = 20, d = 5 };
    snnk_layer *wide[] = {dense_of(d, 6, SNNK_TANH, 1), dense_of(6, 6, SNNK_TANH, 2)};
    snnk_network *network = network_of(2, wide), *narrow, *both, *result;
    snnk_trainer *trainer;
    snnk_record *record;
    float *X = draw(n * d, 1), *dY = draw(n * 6, 2), Y[n * 6], expected[n * 6];

    (void)state;
    for (int32_t storage = SNNK_STORAGE_BF16; storage <= SNNK_STORAGE_BF16X3; storage++) {
        const snnk_rows rows = {.size = sizeof rows, .n = n, .X = X, .ldx = d};

        assert_ok(snnk_network_quantize(network, storage, &rows, NULL, NULL, &narrow));
        assert_ok(snnk_network_create(NULL, &both));
        assert_ok(snnk_network_append(both, snnk_network_layer(network, 0)));
        assert_ok(snnk_network_append(both, snnk_network_layer(narrow, 1)));
        assert_ok(snnk_trainer_create(both, NULL, &trainer));
        assert_int_equal(snnk_trainer_parameters(trainer), 5 * 6 + 6);
        assert_status(snnk_trainer_set_rate(trainer, 1, SNNK_PART_WEIGHTS, 1), SNNK_E_UNSUPPORTED);
        assert_ok(snnk_record_create(trainer, &record));
        assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, 6, record, NULL));
        assert_ok(snnk_network_forward(both, n, X, d, expected, 6, NULL));
        for (size_t i = 0; i < n * 6; i++) assert_close(Y[i], expected[i], 0, 1e-5);
        assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, 6, NULL, 0, NULL));
        assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
        assert_ok(snnk_trainer_network(trainer, &result));
        assert_ptr_equal(snnk_network_layer(result, 1), snnk_network_layer(narrow, 1));
        snnk_network_free(result);
        snnk_record_free(record);
        snnk_trainer_free(trainer);
        snnk_network_free(both);
        snnk_network_free(narrow);
    }
    free(dY);
    free(X);
    snnk_network_free(network);
}

/* ---- Rates of parts ---- */

static void test_set_rate(void **state) {
    snnk_network *network = deep(1);
    snnk_trainer *trainer;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_status(snnk_trainer_set_rate(NULL, 0, -1, 1), SNNK_E_NULL);
    assert_status(snnk_trainer_set_rate(trainer, 3, -1, 1), SNNK_E_RANGE);
    assert_says("layer = 3");
    assert_status(snnk_trainer_set_rate(trainer, 0, 5, 1), SNNK_E_ENUM);
    assert_status(snnk_trainer_set_rate(trainer, 0, 32, 1), SNNK_E_ENUM);
    assert_status(snnk_trainer_set_rate(trainer, 0, 1000, 0), SNNK_E_ENUM);
    assert_status(snnk_trainer_set_rate(trainer, 0, -2, 1), SNNK_E_ENUM);
    assert_status(snnk_trainer_set_rate(trainer, 0, 0, -1), SNNK_E_RANGE);
    assert_status(snnk_trainer_set_rate(trainer, 0, 0, NAN), SNNK_E_RANGE);
    assert_status(snnk_trainer_set_rate(trainer, 0, SNNK_PART_GAIN, 1), SNNK_E_UNSUPPORTED);
    assert_says("gain");
    assert_status(snnk_trainer_set_rate(trainer, 1, SNNK_PART_ROWS, 1), SNNK_E_UNSUPPORTED);
    /* Rates of other parts stay when a part begins to learn, or stops. */
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_BIAS, 7));
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 2));
    assert_ok(snnk_trainer_set_rate(trainer, 2, SNNK_PART_WEIGHTS, 0));
    assert_ok(snnk_trainer_set_rate(trainer, 1, -1, 5));
    for (size_t s = 0; s < trainer->n_slots; s++) {
        const snnk__slot *slot = &trainer->slots[s];
        const double expected = slot->layer == 1                          ? 5
                                : slot->layer == 2                        ? 1
                                : slot->parameter->part == SNNK_PART_BIAS ? 7
                                : slot->parameter->part == SNNK_PART_ROWS ? 2
                                                                          : 1;

        assert_true(slot->factor == expected);
    }
    assert_null(parameter_of(trainer, 2, SNNK_PART_WEIGHTS));
    assert_non_null(parameter_of(trainer, 0, SNNK_PART_ROWS));
    assert_null(parameter_of(trainer, 0, SNNK_PART_OFFSETS));
    for (size_t k = 0; k < 3; k++) assert_ok(snnk_trainer_set_rate(trainer, k, -1, 0));
    assert_status(snnk_trainer_step(trainer, 1, 1, NULL), SNNK_E_UNSUPPORTED);
    assert_says("frozen");
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_WEIGHTS, 1));
    assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
    assert_status(snnk_trainer_set_rate(trainer, 0, SNNK_PART_WEIGHTS, 0), SNNK_E_STATE);
    assert_says("1 steps");
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* ---- Passes ---- */

static void test_passes(void **state) {
    enum { n = 4, d = 5, l = 3 };
    snnk_network *network = deep(1), *result = network;
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), Y[n * l], dX[n * d], both[n * (d + l)];
    snnk_trainer *trainer;
    snnk_record *record;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_status(snnk_record_create(NULL, &record), SNNK_E_NULL);
    assert_null(record);
    assert_status(snnk_record_create(trainer, NULL), SNNK_E_NULL);
    assert_ok(snnk_record_create(trainer, &record));
#define FORWARD(t, n, X, ldx, Y, ldy) snnk_trainer_forward(t, n, X, ldx, Y, ldy, record, NULL)
#define BACKWARD(t, r, X, ldx, dY, lddy, dX, lddx)                                                 \
    snnk_trainer_backward(t, r, X, ldx, dY, lddy, dX, lddx, NULL)
    assert_status(BACKWARD(trainer, record, X, d, dY, l, dX, d), SNNK_E_STATE);
    assert_status(FORWARD(NULL, n, X, d, Y, l), SNNK_E_NULL);
    assert_status(FORWARD(trainer, n, NULL, d, Y, l), SNNK_E_NULL);
    assert_status(FORWARD(trainer, n, X, d, NULL, l), SNNK_E_NULL);
    assert_status(FORWARD(trainer, n, X, d - 1, Y, l), SNNK_E_STRIDE);
    assert_status(FORWARD(trainer, n, X, d, Y, l - 1), SNNK_E_STRIDE);
    assert_status(FORWARD(trainer, SIZE_MAX / 2, X, d, Y, l), SNNK_E_SIZE);
    assert_status(FORWARD(trainer, n, both, d, both + n * d - 1, l), SNNK_E_OVERLAP);
    assert_status(BACKWARD(trainer, record, X, d, dY, l, dX, d), SNNK_E_STATE);
    draw_floats(both, n * (d + l), 4);
    assert_ok(FORWARD(trainer, n, both, d + l, both + d, d + l)); /* columns of one buffer */
    assert_ok(FORWARD(trainer, n, X, d, Y, l));
    assert_status(BACKWARD(NULL, record, X, d, dY, l, dX, d), SNNK_E_NULL);
    assert_status(BACKWARD(trainer, NULL, X, d, dY, l, dX, d), SNNK_E_NULL);
    assert_status(BACKWARD(trainer, record, NULL, d, dY, l, dX, d), SNNK_E_NULL);
    assert_status(BACKWARD(trainer, record, X, d, NULL, l, dX, d), SNNK_E_NULL);
    assert_status(BACKWARD(trainer, record, X, d - 1, dY, l, dX, d), SNNK_E_STRIDE);
    assert_status(BACKWARD(trainer, record, X, d, dY, l - 1, dX, d), SNNK_E_STRIDE);
    assert_status(BACKWARD(trainer, record, X, d, dY, l, dX, d - 1), SNNK_E_STRIDE);
    assert_status(BACKWARD(trainer, record, X, d, dY, l, X, d), SNNK_E_OVERLAP);
    assert_status(BACKWARD(trainer, record, X, d, dY, l, dY - 3, d), SNNK_E_OVERLAP);
    float *gradients = numbers_of(trainer, true);

    for (size_t k = 0; k < snnk_trainer_parameters(trainer); k++) assert_true(gradients[k] == 0);
    free(gradients);
    assert_ok(BACKWARD(trainer, record, X, d, dY, l, NULL, 0));
    assert_status(snnk_trainer_step(NULL, 1, 1, NULL), SNNK_E_NULL);
    assert_ok(FORWARD(trainer, n, X, d, Y, l));
    assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
    assert_status(BACKWARD(trainer, record, X, d, dY, l, dX, d), SNNK_E_STATE);
    assert_says("after 0 steps");
    assert_status(snnk_trainer_network(trainer, NULL), SNNK_E_NULL);
    assert_status(snnk_trainer_network(NULL, &result), SNNK_E_NULL);
    assert_null(result);
    snnk_train_epoch epoch = {.size = sizeof epoch};

    assert_status(snnk_trainer_epoch(trainer, 0, &epoch), SNNK_E_RANGE);
    assert_status(snnk_trainer_epoch(NULL, 0, &epoch), SNNK_E_NULL);
    assert_status(snnk_trainer_epoch(trainer, 0, NULL), SNNK_E_NULL);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    free(dY);
    free(X);
}

static void test_lbfgs_has_no_steps(void **state) {
    snnk_network *network = deep(1);
    snnk_train_config config = train_config();
    snnk_trainer *trainer;

    (void)state;
    config.optimizer = SNNK_OPTIMIZER_LBFGS;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_status(snnk_trainer_step(trainer, 1, 1, NULL), SNNK_E_UNSUPPORTED);
    assert_says("lbfgs");
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* Numbers that left the range of float make no network, and say where. */
static void test_result_is_finite(void **state) {
    static const int32_t parts[] = {SNNK_PART_WEIGHTS, SNNK_PART_BIAS, SNNK_PART_ROWS,
                                    SNNK_PART_OFFSETS};
    snnk_train_config config = train_config();

    (void)state;
    config.rows_rate = 1;
    for (size_t k = 0; k < 3; k++)
        for (size_t p = 0; p < (k == 1 ? 2 : 4); p++)
            for (int nan = 0; nan < 2; nan++) {
                snnk_network *network = deep(1), *result = network;
                snnk_trainer *trainer;
                char where[20];

                assert_ok(snnk_trainer_create(network, &config, &trainer));
                parameter_of(trainer, k, parts[p])->value[2] = nan ? NAN : INFINITY;
                assert_status(snnk_trainer_network(trainer, &result), SNNK_E_NONFINITE);
                assert_null(result);
                snprintf(where, sizeof where, "layer %zu", k);
                assert_says(where);
                snnk_trainer_free(trainer);
                snnk_network_free(network);
            }
}

/* ---- Memory ---- */

enum { MEMORY_N = 7, MEMORY_D = 5, MEMORY_L = 3 };

/* deep(1), and an RBF layer, whose features are mixed, all by this allocator. */
static snnk_network *counted_network(const snnk_allocator *allocator) {
    snnk_map_config gelu = config_of(SNNK_MAP_ELEMENTWISE, 10),
                    wave = config_of(SNNK_MAP_GAUSSIAN, 12);
    snnk_nystroem_config rbf;
    float *X = draw(8 * 6, 3), *W = draw(48, 4);
    snnk_layer *layers[4];
    snnk_network *network;
    snnk_map *map;

    gelu.allocator = wave.allocator = allocator;
    assert_ok(snnk_nystroem_config_init(&rbf, sizeof rbf));
    rbf.allocator = allocator;
    assert_ok(snnk_map_create_nystroem(6, SNNK_ROWS(.n = 8, .X = X), &rbf, NULL, &map));
    layers[0] = snnk_of(map_of(MEMORY_D, &gelu, NULL), 6, 1);
    layers[1] = snnk_of(map, 6, 2);
    assert_ok(snnk_layer_create_dense(6, 7, W, 6, NULL, SNNK_SILU, allocator, &layers[2]));
    layers[3] = snnk_of(map_of(7, &wave, NULL), MEMORY_L, 3);
    assert_ok(snnk_network_create(allocator, &network));
    for (size_t k = 0; k < 4; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    assert_ok(snnk_network_set_note(network, "color", "blue"));
    free(W);
    free(X);
    return network;
}

/* Let every trainer learn all that it can. */
static int learn_all(snnk_trainer *trainer) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < 4; k += 3)
        for (int32_t part = SNNK_PART_ROWS; st == SNNK_OK && part <= SNNK_PART_OFFSETS; part++)
            st = snnk_trainer_set_rate(trainer, k, part, 0.5);
    return st;
}

static void test_everything_fails(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = counted_network(&allocator);
    float *X = draw(MEMORY_N * MEMORY_D, 1), *dY = draw(MEMORY_N * MEMORY_L, 2),
          Y[MEMORY_N * MEMORY_L], dX[MEMORY_N * MEMORY_D];
    int st;

    (void)state;
    assert_survives_failing_allocations(memory, st, {
        snnk_trainer *trainer = (snnk_trainer *)&memory;
        snnk_record *record = NULL;
        snnk_network *result = NULL;

        st = snnk_trainer_create(network, NULL, &trainer);
        assert_made(st, trainer);
        if (st == SNNK_OK) st = learn_all(trainer);
        if (st == SNNK_OK) {
            st = snnk_record_create(trainer, &record);
            assert_made(st, record);
        }
        if (st == SNNK_OK)
            st = snnk_trainer_forward(trainer, MEMORY_N, X, MEMORY_D, Y, MEMORY_L, record, NULL);
        if (st == SNNK_OK)
            st = snnk_trainer_backward(trainer, record, X, MEMORY_D, dY, MEMORY_L, dX, MEMORY_D,
                                       NULL);
        if (st == SNNK_OK)
            st = snnk_trainer_forward(trainer, MEMORY_N, X, MEMORY_D, Y, MEMORY_L, NULL, NULL);
        if (st == SNNK_OK) st = snnk_trainer_step(trainer, 1, 1, NULL);
        if (st == SNNK_OK) {
            st = snnk_trainer_network(trainer, &result);
            assert_made(st, result);
        }
        snnk_network_free(result);
        snnk_record_free(record);
        snnk_trainer_free(trainer);
    });
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
    free(dY);
    free(X);
}

/* Call again what failed for lack of memory, with `allowed` allocations the first time. */
#define RETRY(call)                                                                                \
    do {                                                                                           \
        test_memory_allow(memory, allowed);                                                        \
        int st_ = (call);                                                                          \
        failures += st_ == SNNK_E_NOMEM;                                                           \
        test_memory_allow(memory, -1);                                                             \
        if (st_ == SNNK_E_NOMEM) st_ = (call);                                                     \
        assert_status(st_, SNNK_OK);                                                               \
    } while (0)

/* The numbers after a step, in which each call had only so many allocations at first. */
static float *numbers_after(test_memory *memory, const snnk_network *network, long allowed,
                            long *failed) {
    float *X = draw(MEMORY_N * MEMORY_D, 1), *dY = draw(MEMORY_N * MEMORY_L, 2),
          Y[MEMORY_N * MEMORY_L], dX[MEMORY_N * MEMORY_D];
    snnk_trainer *trainer;
    snnk_record *record;
    long failures = 0;

    test_memory_allow(memory, -1);
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    for (size_t k = 0; k < 4; k += 3)
        for (int32_t part = SNNK_PART_ROWS; part <= SNNK_PART_OFFSETS; part++)
            RETRY(snnk_trainer_set_rate(trainer, k, part, 0.5));
    RETRY(snnk_trainer_set_rate(trainer, 2, SNNK_PART_BIAS, 0));
    assert_ok(snnk_record_create(trainer, &record));
    RETRY(snnk_trainer_forward(trainer, MEMORY_N, X, MEMORY_D, Y, MEMORY_L, record, NULL));
    RETRY(snnk_trainer_backward(trainer, record, X, MEMORY_D, dY, MEMORY_L, dX, MEMORY_D, NULL));
    RETRY(snnk_trainer_step(trainer, 1, 1, NULL));
    float *numbers = numbers_of(trainer, false);

    snnk_record_free(record);
    snnk_trainer_free(trainer);
    free(dY);
    free(X);
    *failed = failures;
    return numbers;
}

/* A call that failed for lack of memory changed nothing: repeated, all is as if it had not
 * failed. */
static void test_failures_leave_no_trace(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = counted_network(&allocator);
    snnk_trainer *trainer;
    long failed = 1;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_ok(learn_all(trainer));
    assert_ok(snnk_trainer_set_rate(trainer, 2, SNNK_PART_BIAS, 0));
    const size_t bytes = (size_t)snnk_trainer_parameters(trainer) * sizeof(float);

    snnk_trainer_free(trainer);
    float *expected = numbers_after(&memory, network, -1, &failed);

    failed = 1;
    for (long allowed = 0; failed > 0; allowed++) {
        float *numbers = numbers_after(&memory, network, allowed, &failed);

        assert_memory_equal(numbers, expected, bytes);
        free(numbers);
        assert_true(allowed < 1000);
    }
    free(expected);
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
}

/* A failed forward pass empties the record. */
static void test_record_after_failure(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = counted_network(&allocator);
    float *X = draw(100 * MEMORY_D, 1), *dY = draw(100 * MEMORY_L, 2), *Y = draw(100 * MEMORY_L, 2);
    snnk_trainer *trainer;
    snnk_record *record;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, 3, X, MEMORY_D, Y, MEMORY_L, record, NULL));
    test_memory_allow(&memory, 0);
    assert_status(snnk_trainer_forward(trainer, 100, X, MEMORY_D, Y, MEMORY_L, record, NULL),
                  SNNK_E_NOMEM);
    test_memory_allow(&memory, -1);
    assert_status(snnk_trainer_backward(trainer, record, X, MEMORY_D, dY, MEMORY_L, NULL, 0, NULL),
                  SNNK_E_STATE);
    assert_ok(snnk_trainer_forward(trainer, 100, X, MEMORY_D, Y, MEMORY_L, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, MEMORY_D, dY, MEMORY_L, NULL, 0, NULL));
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    free(Y);
    free(dY);
    free(X);
    assert_int_equal(memory.alive, 0);
}

/* A step that was refused has allocated its state: rates can still be set, and nothing leaks. */
static void test_rate_after_refused_step(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = counted_network(&allocator), *result;
    snnk_trainer *trainer;

    (void)state;
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    trainer->slots[0].parameter->gradient[0] = NAN;
    assert_status(snnk_trainer_step(trainer, 1, 1, NULL), SNNK_E_NONFINITE);
    assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 1));
    assert_ok(snnk_trainer_set_rate(trainer, 2, SNNK_PART_BIAS, 0));
    assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
    assert_ok(snnk_trainer_network(trainer, &result));
    snnk_network_free(result);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_narrow_layer),
        cmocka_unit_test(test_set_rate),
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_lbfgs_has_no_steps),
        cmocka_unit_test(test_result_is_finite),
        cmocka_unit_test(test_everything_fails),
        cmocka_unit_test(test_failures_leave_no_trace),
        cmocka_unit_test(test_record_after_failure),
        cmocka_unit_test(test_rate_after_refused_step),
    };
    return cmocka_run_group_tests_name("train_misuse", tests, NULL, NULL);
}
