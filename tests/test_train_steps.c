/* src/train/optimizer.c and trainer.c: steps against their formulas in double, and the networks
 * that come out. */
#include "support/trainers.h"

#include <float.h>

static const double eps = 0x1p-24; /* half a unit in the last place of 1: one float rounding */

/* ---- Steps ---- */

/* A trainer of deep(1) with random gradients, rate 0.01 and a rate of rows of a quarter. */
static snnk_trainer *trainer_of(const snnk_train_config *config) {
    snnk_network *network = deep(1);
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_create(network, config, &trainer));
    snnk_network_free(network); /* the trainer does not need it */
    return trainer;
}

static snnk_train_config step_config(int32_t optimizer) {
    snnk_train_config config = train_config();

    config.optimizer = optimizer;
    config.rate = 0.01;
    config.rows_rate = 0.25;
    return config;
}

static void set_gradients(snnk_trainer *trainer, uint64_t seed) {
    for (size_t s = 0; s < trainer->n_slots; s++)
        draw_floats(trainer->slots[s].parameter->gradient, trainer->slots[s].parameter->count,
                    seed + s);
}

/* The documented rate of a part, as a share of config->rate. */
static double rate_of(const snnk_trainer *trainer, size_t s) {
    const int32_t part = trainer->slots[s].parameter->part;

    if (part == SNNK_PART_ROWS || part == SNNK_PART_OFFSETS) return 0.25;
    return trainer->slots[s].layer == 1 ? 1 : 3; /* layer 1 is dense */
}

static bool decays(const snnk_trainer *trainer, size_t s) {
    const int32_t part = trainer->slots[s].parameter->part;

    return part == SNNK_PART_WEIGHTS || part == SNNK_PART_ROWS;
}

/* For each number: which slot, and its index among all. */
#define FOR_NUMBERS(trainer, s, k, i)                                                              \
    for (size_t s = 0, i = 0; s < (trainer)->n_slots; s++)                                         \
        for (size_t k = 0; k < (trainer)->slots[s].parameter->count; k++, i++)

static double value_at(const snnk_trainer *trainer, size_t s, size_t k) {
    return trainer->slots[s].parameter->value[k];
}

static void assert_no_gradients(const snnk_trainer *trainer) {
    FOR_NUMBERS(trainer, s, k, i) {
        assert_true(trainer->slots[s].parameter->gradient[k] == 0);
        (void)i;
    }
}

/* The first step of Adam is rate g/(|g| + epsilon). Scale and factor are powers of two, so they
 * round nothing. */
static void test_first_step_of_adam(void **state) {
    (void)state;
    for (int32_t o = SNNK_OPTIMIZER_ADAM; o <= SNNK_OPTIMIZER_ADAMW; o++) {
        const snnk_train_config config = step_config(o);
        snnk_trainer *trainer = trainer_of(&config);

        set_gradients(trainer, 3);
        assert_int_equal(trainer->n_slots, 10);
        float *before = numbers_of(trainer, false), *gradients = numbers_of(trainer, true);

        assert_ok(snnk_trainer_step(trainer, 0.25, 0.5, NULL));
        FOR_NUMBERS(trainer, s, k, i) {
            const double g = 0.25 * (double)gradients[i], x = before[i];
            const double by = 0.005 * rate_of(trainer, s) * g / (fabs(g) + 1e-8);

            assert_close(value_at(trainer, s, k), x - by, 0, 12 * eps * fabs(by) + eps * fabs(x));
        }
        assert_no_gradients(trainer);
        free(gradients);
        free(before);
        snnk_trainer_free(trainer);
    }
}

/* Five steps against the algorithm of the papers, in double. Each update is off by a few roundings
 * of the means, which a sum of gradients of different signs makes larger: 1e-5 of the rate is 170
 * of them. */
static void test_steps_of_adam(void **state) {
    (void)state;
    for (int32_t o = SNNK_OPTIMIZER_ADAM; o <= SNNK_OPTIMIZER_ADAMW; o++) {
        snnk_train_config config = step_config(o);

        config.momentum = 0.8;
        config.square_momentum = 0.95;
        config.epsilon = 1e-3;
        config.weight_decay = 0.125;
        snnk_trainer *trainer = trainer_of(&config);
        const size_t count = (size_t)snnk_trainer_parameters(trainer);
        double *x = calloc(count, sizeof *x), *m = calloc(count, sizeof *m),
               *v = calloc(count, sizeof *v);

        FOR_NUMBERS(trainer, s, k, i) x[i] = value_at(trainer, s, k);
        for (int t = 1; t <= 5; t++) {
            set_gradients(trainer, 30 * (uint64_t)t);
            FOR_NUMBERS(trainer, s, k, i) {
                const double decay = decays(trainer, s) ? config.weight_decay : 0,
                             rate = config.rate * rate_of(trainer, s);
                const double g = (double)trainer->slots[s].parameter->gradient[k] +
                                 (o == SNNK_OPTIMIZER_ADAM ? decay * x[i] : 0);

                m[i] = 0.8 * m[i] + 0.2 * g;
                v[i] = 0.95 * v[i] + 0.05 * g * g;
                if (o == SNNK_OPTIMIZER_ADAMW) x[i] -= rate * decay * x[i];
                x[i] -= rate * m[i] / (1 - pow(0.8, t)) /
                        (sqrt(v[i] / (1 - pow(0.95, t))) + config.epsilon);
            }
            assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
            FOR_NUMBERS(trainer, s, k, i) {
                assert_close(value_at(trainer, s, k), x[i], 0,
                             t * (1e-5 * config.rate * rate_of(trainer, s) + 2 * eps * fabs(x[i])));
            }
        }
        free(v);
        free(m);
        free(x);
        snnk_trainer_free(trainer);
    }
}

/* Without gradients, only decay moves numbers, and only weights and rows. */
static void test_decay_alone(void **state) {
    (void)state;
    for (int32_t o = SNNK_OPTIMIZER_ADAM; o <= SNNK_OPTIMIZER_SGD; o++) {
        snnk_train_config config = step_config(o);

        config.weight_decay = 0.5;
        snnk_trainer *trainer = trainer_of(&config);
        float *before = numbers_of(trainer, false);

        assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
        FOR_NUMBERS(trainer, s, k, i) {
            const double x = before[i], rate = 0.01 * rate_of(trainer, s), g = 0.5 * x;
            const double by = o == SNNK_OPTIMIZER_ADAM ? rate * g / (fabs(g) + 1e-8) : rate * g;

            if (decays(trainer, s))
                assert_close(value_at(trainer, s, k), x - by, 0,
                             12 * eps * fabs(by) + 2 * eps * fabs(x));
            else
                assert_true(trainer->slots[s].parameter->value[k] == before[i]);
        }
        free(before);
        snnk_trainer_free(trainer);
    }
}

static void test_momentum_by_hand(void **state) {
    snnk_train_config config = step_config(SNNK_OPTIMIZER_SGD);

    (void)state;
    config.momentum = 0.5;
    config.weight_decay = 0.25;
    snnk_trainer *trainer = trainer_of(&config);
    float *x = numbers_of(trainer, false);

    set_gradients(trainer, 3);
    float *first = numbers_of(trainer, true);

    assert_ok(snnk_trainer_step(trainer, 2, 1, NULL));
    set_gradients(trainer, 40);
    float *second = numbers_of(trainer, true);

    assert_ok(snnk_trainer_step(trainer, 0.5, 4, NULL)); /* the factor changes the rate, not the
                                                          * momentum */
    FOR_NUMBERS(trainer, s, k, i) {
        const double decay = decays(trainer, s) ? 0.25 : 0, rate = 0.01 * rate_of(trainer, s);
        const double m1 = 2 * (double)first[i] + decay * (double)x[i],
                     x1 = (double)x[i] - rate * m1;
        const double m2 = 0.5 * m1 + 0.5 * (double)second[i] + decay * x1, x2 = x1 - 4 * rate * m2;

        assert_close(value_at(trainer, s, k), x2, 0,
                     2 * eps * (fabs((double)x[i]) + 1) + 10 * eps * rate * 5 * 4);
    }
    free(second);
    free(first);
    free(x);
    snnk_trainer_free(trainer);
}

/* The length of all gradients together, after `scale`. */
static void test_clip(void **state) {
    snnk_train_config config = step_config(SNNK_OPTIMIZER_SGD);

    (void)state;
    config.momentum = 0;
    config.clip = 1.5;
    for (int longer = 0; longer < 2; longer++) {
        snnk_trainer *trainer = trainer_of(&config);
        double length = 0;

        set_gradients(trainer, 3);
        float *before = numbers_of(trainer, false), *gradients = numbers_of(trainer, true);

        FOR_NUMBERS(trainer, s, k, i) {
            length += (double)gradients[i] * (double)gradients[i];
            (void)k;
        }
        length = sqrt(length);
        const double scale = -(longer ? 3 : 1) / length; /* a negative one goes uphill */

        assert_ok(snnk_trainer_step(trainer, scale, 1, NULL));
        FOR_NUMBERS(trainer, s, k, i) {
            const double by = 0.01 * rate_of(trainer, s) * (double)gradients[i] *
                              (longer ? -1.5 / length : scale);

            assert_close(value_at(trainer, s, k), (double)before[i] - by, 0,
                         5 * eps * fabs(by) + eps * fabs((double)before[i]));
        }
        free(gradients);
        free(before);
        snnk_trainer_free(trainer);
    }
}

/* ---- Relative rates ---- */

static double size_of(size_t n, const float *values) {
    double sum = 0;

    for (size_t k = 0; k < n; k++) sum += (double)values[k] * (double)values[k];
    return sqrt(sum / (double)n);
}

/* An SNNK layer without bias and offsets: its bias moves with the size of Psi, its offsets with
 * that of the rows. */
static void test_relative(void **state) {
    snnk_map_config map_config = config_of(SNNK_MAP_ARC_COSINE, 16);
    snnk_train_config config = step_config(SNNK_OPTIMIZER_ADAM);
    float Psi[3 * 16];
    snnk_layer *layer;
    snnk_trainer *trainer;

    (void)state;
    map_config.projection_scale = 5;
    config.relative = 1;
    snnk_map *map = map_of(4, &map_config, NULL);

    draw_floats(Psi, 48, 1);
    for (size_t i = 0; i < 48; i++) Psi[i] *= 0.01f;
    assert_ok(snnk_layer_create(map, 3, Psi, 16, NULL, &layer));
    snnk_map_free(map);
    snnk_network *network = network_of(1, &layer);

    assert_ok(snnk_trainer_create(network, &config, &trainer));
    const snnk__parameter *rows = parameter_of(trainer, 0, SNNK_PART_ROWS);
    const double of_rows = size_of(rows->count, rows->value), of_psi = size_of(48, Psi);

    for (int t = 0; t < 2; t++) { /* sizes stay those of the beginning */
        set_gradients(trainer, 3);
        float *before = numbers_of(trainer, false), *gradients = numbers_of(trainer, true);

        /* the same gradient twice: Adam's step is again rate sign(g) */
        assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
        FOR_NUMBERS(trainer, s, k, i) {
            const int32_t part = trainer->slots[s].parameter->part;
            const bool map_part = part == SNNK_PART_ROWS || part == SNNK_PART_OFFSETS;
            const double g = gradients[i],
                         by = 0.01 * (map_part ? 0.25 * of_rows : of_psi) * g / (fabs(g) + 1e-8);

            assert_close(value_at(trainer, s, k), (double)before[i] - by, 0,
                         30 * eps * fabs(by) + eps * fabs((double)before[i]));
        }
        free(gradients);
        free(before);
    }
    snnk_trainer_free(trainer);
    snnk_network_free(network);
}

/* ---- Steps that are refused ---- */

static void assert_unchanged_by(snnk_trainer *trainer, double scale, double factor, int status) {
    float *before = numbers_of(trainer, false);
    const uint64_t steps = trainer->steps;

    assert_status(snnk_trainer_step(trainer, scale, factor, NULL), status);
    float *after = numbers_of(trainer, false);

    assert_memory_equal(after, before, (size_t)snnk_trainer_parameters(trainer) * sizeof *after);
    assert_int_equal(trainer->steps, steps);
    free(after);
    free(before);
}

static void test_bad_gradients(void **state) {
    static const float bad[] = {NAN, INFINITY, -INFINITY};

    (void)state;
    for (int32_t o = SNNK_OPTIMIZER_ADAM; o <= SNNK_OPTIMIZER_SGD; o++) {
        const snnk_train_config config = step_config(o);
        snnk_trainer *trainer = trainer_of(&config), *other = trainer_of(&config);

        for (size_t i = 0; i < 3; i++) {
            set_gradients(trainer, 3);
            trainer->slots[7].parameter->gradient[1] = bad[i];
            assert_unchanged_by(trainer, 1, 1, SNNK_E_NONFINITE);
            assert_says("step 1");
            assert_no_gradients(trainer);
        }
        set_gradients(trainer, 3);
        assert_unchanged_by(trainer, NAN, 1, SNNK_E_RANGE);
        assert_unchanged_by(trainer, INFINITY, 1, SNNK_E_RANGE);
        assert_unchanged_by(trainer, 1, NAN, SNNK_E_RANGE);
        assert_unchanged_by(trainer, 1, -0.5, SNNK_E_RANGE);
        /* None of these left a trace. */
        set_gradients(trainer, 9);
        set_gradients(other, 9);
        assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
        assert_ok(snnk_trainer_step(other, 1, 1, NULL));
        float *a = numbers_of(trainer, false), *b = numbers_of(other, false);

        assert_memory_equal(a, b, (size_t)snnk_trainer_parameters(trainer) * sizeof *a);
        free(b);
        free(a);
        snnk_trainer_free(other);
        snnk_trainer_free(trainer);
    }
}

/* Gradients and settings that are finite, but whose squares or products are not in float: a step
 * is refused, or the numbers stay finite. */
static void test_steps_that_overflow(void **state) {
    static const struct {
        float gradient;
        double scale, factor;
    } cases[] = {{1e20f, 1, 1},  {3e38f, 1, 1},     {1e30f, 1e20, 1}, {0, 1e300, 1},
                 {1, 1e-300, 1}, {1e-30f, 1e35, 1}, {1, 1, 1e30},     {0, 1, 1e30}};

    (void)state;
    for (int32_t o = SNNK_OPTIMIZER_ADAM; o <= SNNK_OPTIMIZER_SGD; o++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            snnk_train_config config = step_config(o);

            if (cases[c].factor > 1) config.rate = 1e30;
            snnk_trainer *trainer = trainer_of(&config);

            for (int t = 0; t < 3; t++) {
                FOR_NUMBERS(trainer, s, k, i) {
                    trainer->slots[s].parameter->gradient[k] = cases[c].gradient;
                    (void)i;
                }
                const int st = snnk_trainer_step(trainer, cases[c].scale, cases[c].factor, NULL);

                assert_true(st == SNNK_OK || st == SNNK_E_RANGE || st == SNNK_E_NONFINITE);
            }
            FOR_NUMBERS(trainer, s, k, i) {
                assert_true(isfinite(value_at(trainer, s, k)));
                (void)i;
            }
            snnk_trainer_free(trainer);
        }
}

/* ---- Networks ---- */

/* Make a few steps with gradients of a pass, so that all numbers have changed. */
static void train(snnk_trainer *trainer, size_t n, const float *X, const float *dY,
                  size_t threads) {
    const size_t d = snnk_network_inputs(trainer->start), l = snnk_network_outputs(trainer->start);
    float *Y = malloc(n * l * sizeof *Y);
    snnk_workspace *workspace;
    snnk_record *record;

    assert_ok(snnk_workspace_create(threads, NULL, &workspace));
    assert_ok(snnk_record_create(trainer, &record));
    for (int t = 0; t < 3; t++) {
        assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, record, workspace));
        assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, l, NULL, 0, workspace));
        assert_ok(snnk_trainer_step(trainer, 1.0 / (double)n, 1, workspace));
    }
    snnk_record_free(record);
    snnk_workspace_free(workspace);
    free(Y);
}

static snnk_network *reloaded(const snnk_network *network, int32_t projection) {
    size_t bytes;
    snnk_network *loaded;

    assert_ok(snnk_network_saved_bytes(network, projection, &bytes));
    void *buffer = malloc(bytes);

    assert_ok(snnk_network_save_memory(network, projection, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    free(buffer);
    return loaded;
}

/* The trainer adds the products of features and weights in one order, the network's forward in
 * another if it computes features in parts: some 100 roundings of numbers below 10. */
static void test_result(void **state) {
    enum { n = 140, d = 5, l = 3 };
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), Y[n * l], of_start[n * l], of_trainer[n * l],
          of_result[n * l], of_file[n * l];
    snnk_network *network = deep(1), *results[3], *loaded;

    (void)state;
    assert_ok(snnk_network_set_note(network, "color", "blue"));
    assert_ok(snnk_network_forward(network, n, X, d, of_start, l, NULL));
    for (int32_t o = SNNK_OPTIMIZER_ADAM; o <= SNNK_OPTIMIZER_SGD; o++) {
        const snnk_train_config config = step_config(o);
        snnk_trainer *trainer;

        assert_ok(snnk_trainer_create(network, &config, &trainer));
        assert_ok(snnk_trainer_forward(trainer, n, X, d, of_trainer, l, NULL, NULL));
        for (size_t i = 0; i < n * l; i++)
            assert_close(of_trainer[i], of_start[i], 0, 100 * eps * 10);
        train(trainer, n, X, dY, 1 + (size_t)o);
        assert_ok(snnk_trainer_forward(trainer, n, X, d, of_trainer, l, NULL, NULL));
        assert_ok(snnk_trainer_network(trainer, &results[o]));
        snnk_trainer_free(trainer);
        assert_ok(snnk_network_forward(results[o], n, X, d, of_result, l, NULL));
        double change = 0;

        for (size_t i = 0; i < n * l; i++) {
            assert_close(of_result[i], of_trainer[i], 0, 100 * eps * 10);
            change = fmax(change, fabs((double)of_result[i] - (double)of_start[i]));
        }
        assert_true(change > 1e-3);
        assert_string_equal(snnk_network_note(results[o], "color"), "blue");
        loaded = reloaded(results[o], o % 2);
        assert_ok(snnk_network_forward(loaded, n, X, d, of_file, l, NULL));
        assert_memory_equal(of_file, of_result, sizeof of_file);
        snnk_network_free(loaded);
    }
    /* The start is as it was, also after its results. */
    assert_ok(snnk_network_forward(network, n, X, d, Y, l, NULL));
    assert_memory_equal(Y, of_start, sizeof Y);
    snnk_map_config s = config_of(0, 1);
    snnk_map *redrawn;
    const snnk_map *map = snnk_layer_map(snnk_network_layer(results[0], 0));

    assert_ok(snnk_map_block_config(map, 0, &s));
    assert_int_equal(s.projection, SNNK_PROJECTION_FOLDED);
    assert_status(snnk_map_redraw(map, 1, 0, NULL, 0, &redrawn), SNNK_E_UNSUPPORTED);
    for (size_t o = 0; o < 3; o++) snnk_network_free(results[o]);
    snnk_network_free(network);
    free(dY);
    free(X);
}

/* Several blocks: the rows of those that have rows change, others stay. */
static void test_result_of_blocks(void **state) {
    enum { n = 40, d = 5, l = 3 };
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), of_start[n * l], of_trainer[n * l],
          of_result[n * l], of_file[n * l];
    snnk_train_config config = step_config(SNNK_OPTIMIZER_ADAM);

    (void)state;
    config.rows_rate = 0; /* some blocks have no rows */
    for (size_t first = 0; first < 4; first++) {
        snnk_layer *layer = snnk_of(many_blocks(first), l, 1);
        snnk_network *network = network_of(1, &layer), *result, *loaded;
        snnk_trainer *trainer;
        double change = 0;

        assert_ok(snnk_network_forward(network, n, X, d, of_start, l, NULL));
        assert_ok(snnk_trainer_create(network, &config, &trainer));
        assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 1));
        assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_OFFSETS, 1));
        /* Psi and bias, and rows and offsets of the Gaussian and the given block. */
        assert_true(snnk_trainer_parameters(trainer) ==
                    l * snnk_layer_features(snnk_network_layer(network, 0)) + l +
                        (9 + 2) * (d + 1));
        train(trainer, n, X, dY, 2);
        assert_ok(snnk_trainer_forward(trainer, n, X, d, of_trainer, l, NULL, NULL));
        assert_ok(snnk_trainer_network(trainer, &result));
        assert_ok(snnk_network_forward(result, n, X, d, of_result, l, NULL));
        loaded = reloaded(result, 0);
        assert_ok(snnk_network_forward(loaded, n, X, d, of_file, l, NULL));
        assert_memory_equal(of_file, of_result, sizeof of_file);
        for (size_t i = 0; i < n * l; i++) {
            assert_close(of_result[i], of_trainer[i], 0, 100 * eps * 10);
            change = fmax(change, fabs((double)of_result[i] - (double)of_start[i]));
        }
        assert_true(change > 1e-3);
        snnk_network_free(loaded);
        snnk_network_free(result);
        snnk_trainer_free(trainer);
        snnk_network_free(network);
    }
    free(dY);
    free(X);
}

/* Without a step, the result is the start: the same bits, whatever learns. */
static void test_result_without_steps(void **state) {
    enum { n = 9, d = 5, l = 3 };
    float *X = draw(n * d, 1), of_start[n * l], of_result[n * l];
    snnk_network *network = deep(1), *result;

    (void)state;
    assert_ok(snnk_network_forward(network, n, X, d, of_start, l, NULL));
    for (int rows = 0; rows < 2; rows++) {
        snnk_train_config config = train_config();
        snnk_trainer *trainer;

        config.rows_rate = rows;
        assert_ok(snnk_trainer_create(network, &config, &trainer));
        assert_ok(snnk_trainer_network(trainer, &result));
        assert_ok(snnk_network_forward(result, n, X, d, of_result, l, NULL));
        assert_memory_equal(of_result, of_start, sizeof of_start);
        snnk_network_free(result);
        snnk_trainer_free(trainer);
    }
    snnk_network_free(network);
    free(X);
}

/* What depends on the old numbers is left behind; records and results outlive the trainer, and the
 * start outlives its results. */
static void test_owners(void **state) {
    enum { n = 8, d = 5, l = 3 };
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), Y[n * l];
    snnk_network *network = deep(1), *result;
    snnk_uncertainty *uncertainty;
    snnk_trainer *trainer;
    snnk_record *record;

    (void)state;
    assert_ok(snnk_uncertainty_create(l, SNNK_ROWS(.n = n, .X = X, .ldx = l, .Y = dY), NULL,
                                      &uncertainty));
    assert_ok(snnk_network_set_uncertainty(network, uncertainty));
    snnk_uncertainty_free(uncertainty);
    assert_ok(snnk_trainer_create(network, NULL, &trainer));
    assert_non_null(snnk_network_uncertainty(network));
    snnk_network_free(network);
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, record, NULL));
    assert_ok(snnk_trainer_set_rate(trainer, 1, -1, 0));
    assert_ok(snnk_trainer_network(trainer, &result));
    snnk_trainer_free(trainer);
    assert_null(snnk_network_uncertainty(result));
    assert_ok(snnk_network_forward(result, n, X, d, Y, l, NULL));
    snnk_record_free(record);
    snnk_network_free(result);
    free(dY);
    free(X);
}

/* Threads do not change steps. */
static void test_threads(void **state) {
    enum { n = 140, d = 5, l = 3 };
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), *first = NULL;

    (void)state;
    for (size_t threads = 1; threads < 8; threads += 3) {
        const snnk_train_config config = step_config(SNNK_OPTIMIZER_ADAMW);
        snnk_trainer *trainer = trainer_of(&config);

        train(trainer, n, X, dY, threads);
        float *numbers = numbers_of(trainer, false);

        if (first)
            assert_memory_equal(numbers, first,
                                (size_t)snnk_trainer_parameters(trainer) * sizeof *first);
        if (first)
            free(numbers);
        else
            first = numbers;
        snnk_trainer_free(trainer);
    }
    free(first);
    free(dY);
    free(X);
}

/* A gradient step with a small rate lowers the loss dY . Y by rate |gradient|^2, to first order. */
static void test_descent(void **state) {
    enum { n = 20, d = 5, l = 3 };
    float *X = draw(n * d, 1), *dY = draw(n * l, 2), Y[n * l], after[n * l];
    snnk_train_config config = step_config(SNNK_OPTIMIZER_SGD);

    (void)state;
    config.rate = 1e-5;
    config.snnk_rate = config.rows_rate = 1;
    snnk_trainer *trainer = trainer_of(&config);
    snnk_record *record;
    double expected = 0, change = 0;

    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, n, X, d, Y, l, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, d, dY, l, NULL, 0, NULL));
    float *gradients = numbers_of(trainer, true);

    for (size_t k = 0; k < snnk_trainer_parameters(trainer); k++)
        expected -= config.rate * (double)gradients[k] * (double)gradients[k];
    assert_ok(snnk_trainer_step(trainer, 1, 1, NULL));
    assert_ok(snnk_trainer_forward(trainer, n, X, d, after, l, NULL, NULL));
    for (size_t i = 0; i < n * l; i++) change += (double)dY[i] * ((double)after[i] - (double)Y[i]);
    assert_close(change, expected, 0.02, 0);
    free(gradients);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    free(dY);
    free(X);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_step_of_adam),
        cmocka_unit_test(test_steps_of_adam),
        cmocka_unit_test(test_decay_alone),
        cmocka_unit_test(test_momentum_by_hand),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_relative),
        cmocka_unit_test(test_bad_gradients),
        cmocka_unit_test(test_steps_that_overflow),
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_result_of_blocks),
        cmocka_unit_test(test_result_without_steps),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_descent),
    };
    return cmocka_run_group_tests_name("train_steps", tests, NULL, NULL);
}
