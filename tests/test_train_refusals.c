/* What snnk_trainer_run refuses, and that a refused run changes nothing; losses that are not
 * finite; gradients and settings between runs. */
#include "support/trainers.h"

enum { N = 60, D = 4, L = 3 };

typedef struct fixture {
    float X[N * D], Y[N * L];
    int32_t labels[N];
    snnk_network *network, *curved;
} fixture;

static int setup(void **state) {
    fixture *f = malloc(sizeof *f);

    draw_floats(f->X, N * D, 51);
    draw_floats(f->Y, N * L, 52);
    for (size_t i = 0; i < N; i++) f->labels[i] = (int32_t)(i % L);
    f->network = network_of(
        2, (snnk_layer *[]){dense_of(D, 6, SNNK_TANH, 53), dense_of(6, L, SNNK_IDENTITY, 54)});
    f->curved = network_of(1, (snnk_layer *[]){dense_of(D, L, SNNK_TANH, 55)});
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    snnk_network_free(f->curved);
    snnk_network_free(f->network);
    free(f);
    return 0;
}

static snnk_train_config short_config(void) {
    snnk_train_config config = train_config();

    config.epochs = 3;
    config.batch = 16;
    return config;
}

static snnk_trainer *create(const snnk_network *network, const snnk_train_config *config) {
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_create(network, config, &trainer));
    return trainer;
}

static const snnk_rows *good(const fixture *f) {
    static snnk_rows rows;

    rows = *SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y);
    return &rows;
}

static void assert_same_numbers(const snnk_trainer *a, const snnk_trainer *b) {
    float *x = numbers_of(a, false), *y = numbers_of(b, false);

    assert_int_equal(snnk_trainer_parameters(a), snnk_trainer_parameters(b));
    assert_memory_equal(x, y, snnk_trainer_parameters(a) * sizeof *x);
    free(y);
    free(x);
}

/* ---- Refused rows ---- */

/* Refused as rows to learn from, and as held-out rows; then training gives the bits of a trainer
 * that never saw them. */
static void refuses(const fixture *f, const snnk_train_config *config, const snnk_rows *rows,
                    int status, const char *says) {
    snnk_trainer *trainer = create(f->network, config), *other = create(f->network, config);
    snnk_train_report report = {.size = sizeof report, .epochs = 99};
    const snnk_rows valid = config->loss == -1 && rows->labels
                                ? *SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels)
                            : config->loss == SNNK_LOSS_CROSS_ENTROPY
                                ? *SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels)
                                : *good(f);

    assert_status(snnk_trainer_run(trainer, rows, NULL, NULL, &report), status);
    assert_says(says);
    if (rows->n > 0) {
        assert_status(snnk_trainer_run(trainer, &valid, rows, NULL, &report), status);
        assert_says("held-out rows: ");
        assert_says(says);
    }
    assert_int_equal(report.epochs, 99);
    assert_int_equal(snnk_trainer_epochs(trainer), 0);
    assert_same_numbers(trainer, other);
    assert_ok(snnk_trainer_run(trainer, &valid, NULL, NULL, NULL));
    assert_ok(snnk_trainer_run(other, &valid, NULL, NULL, NULL));
    assert_same_numbers(trainer, other);
    snnk_trainer_free(other);
    snnk_trainer_free(trainer);
}

static void test_refused_rows(void **state) {
    fixture *f = *state;
    snnk_train_config config = short_config();
    float X[N * D], Y[N * L], weights[N];
    int32_t labels[N];

    memcpy(X, f->X, sizeof X);
    memcpy(Y, f->Y, sizeof Y);
    memcpy(labels, f->labels, sizeof labels);
    for (size_t i = 0; i < N; i++) weights[i] = 1;
    X[9 * D + 2] = NAN;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = X, .Y = f->Y), SNNK_E_NONFINITE, "X[9][2]");
    Y[59 * L + 1] = -INFINITY;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = Y), SNNK_E_NONFINITE, "Y[59][1]");
    labels[4] = L;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .labels = labels), SNNK_E_RANGE, "3");
    labels[4] = -1;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .labels = labels), SNNK_E_RANGE, "-1");
    weights[3] = 0;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .weights = weights), SNNK_E_RANGE,
            "weight");
    weights[3] = NAN;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .weights = weights), SNNK_E_RANGE,
            "weight");
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .inputs = D + 1), SNNK_E_SHAPE,
            "5");
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .outputs = 2), SNNK_E_SHAPE, "2");
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .ldx = D - 1), SNNK_E_STRIDE,
            "leading dimension of X, 3");
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .ldy = L - 1), SNNK_E_STRIDE,
            "leading dimension of Y, 2");
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X), SNNK_E_NULL, "Y");
    refuses(f, &config, SNNK_ROWS(.n = N, .Y = f->Y), SNNK_E_NULL, "X");
    refuses(f, &config, SNNK_ROWS(.n = 0), SNNK_E_SHAPE, "0 rows to learn from");
    config.loss = SNNK_LOSS_CROSS_ENTROPY;
    for (size_t i = 0; i < N * L; i++) Y[i] = 1.0F / L;
    Y[7 * L] = -0.25F;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = Y), SNNK_E_RANGE,
            "Y[7][0] = -0.25 is not a probability");
    Y[7 * L] = 0.5F;
    refuses(f, &config, SNNK_ROWS(.n = N, .X = f->X, .Y = Y), SNNK_E_RANGE,
            "the targets of row 7 sum to 1.16667 instead of 1");
}

static void test_refused_arguments(void **state) {
    const fixture *f = *state;
    snnk_train_config config = short_config();
    snnk_trainer *trainer = create(f->network, &config);
    snnk_train_report small = {.size = 8};
    snnk_rows sized = *good(f);

    assert_status(snnk_trainer_run(NULL, good(f), NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_trainer_run(trainer, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_trainer_run(trainer, good(f), NULL, NULL, &small), SNNK_E_CONFIG);
    sized.size = 5;
    assert_status(snnk_trainer_run(trainer, &sized, NULL, NULL, NULL), SNNK_E_CONFIG);
    assert_status(snnk_trainer_run(trainer, good(f), &sized, NULL, NULL), SNNK_E_CONFIG);
    assert_status(
        snnk_trainer_run(trainer, SNNK_ROWS(.n = 12, .X = f->X, .Y = f->Y), NULL, NULL, NULL),
        SNNK_E_RANGE);
    assert_says("batch = 16 is more than the ");
    snnk_train_epoch epoch = {.size = sizeof epoch};

    assert_int_equal(snnk_trainer_epochs(NULL), 0);
    assert_status(snnk_trainer_epoch(trainer, 0, &epoch), SNNK_E_RANGE);
    assert_ok(snnk_trainer_run(trainer, good(f), NULL, NULL, NULL));
    assert_status(snnk_trainer_epoch(trainer, 3, &epoch), SNNK_E_RANGE);
    assert_status(snnk_trainer_epoch(NULL, 0, &epoch), SNNK_E_NULL);
    assert_status(snnk_trainer_epoch(trainer, 0, NULL), SNNK_E_NULL);
    epoch.size = 1;
    assert_status(snnk_trainer_epoch(trainer, 0, &epoch), SNNK_E_CONFIG);
    snnk_trainer_free(trainer);
}

static void test_refused_solutions(void **state) {
    const fixture *f = *state;

    for (int32_t solve = SNNK_TRAIN_SOLVE_END; solve <= SNNK_TRAIN_SOLVE_EPOCH; solve++) {
        snnk_train_config config = short_config();
        snnk_trainer *trainer;

        config.solve = solve;
        trainer = create(f->network, &config);
        assert_status(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels),
                                       NULL, NULL, NULL),
                      SNNK_E_UNSUPPORTED);
        assert_says("set loss = SNNK_LOSS_SQUARED");
        snnk_trainer_free(trainer);
        trainer = create(f->curved, &config);
        assert_status(snnk_trainer_run(trainer, good(f), NULL, NULL, NULL), SNNK_E_UNSUPPORTED);
        assert_says("cannot be solved in closed form");
        snnk_trainer_free(trainer);
        trainer = create(f->network, &config);
        assert_ok(snnk_trainer_set_rate(trainer, 1, SNNK_PART_BIAS, 0));
        assert_status(snnk_trainer_run(trainer, good(f), NULL, NULL, NULL), SNNK_E_UNSUPPORTED);
        snnk_trainer_free(trainer);
        config.loss = SNNK_LOSS_HUBER;
        trainer = (snnk_trainer *)&config;
        assert_status(snnk_trainer_create(f->network, &config, &trainer), SNNK_E_UNSUPPORTED);
        assert_says("not for huber");
        assert_null(trainer);
    }
}

/* ---- Losses that are not finite ---- */

/* After a run that failed, the numbers are those of the last epoch: as of a trainer that made these
 * epochs only. */
static void test_divergence(void **state) {
    const fixture *f = *state;

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_SGD; optimizer++) {
        snnk_train_config config = short_config();
        snnk_network *network;

        config.optimizer = optimizer;
        config.relative = 0;
        config.rate = 1e20;
        config.heldout_share = 0;
        snnk_trainer *trainer = create(f->network, &config), *start = create(f->network, &config);

        assert_status(snnk_trainer_run(trainer, good(f), NULL, NULL, NULL), SNNK_E_NONFINITE);
        assert_says("step 2");
        assert_int_equal(snnk_trainer_epochs(trainer), 0);
        assert_same_numbers(trainer, start);
        assert_ok(snnk_trainer_network(trainer, &network));
        snnk_network_free(network);
        snnk_trainer_free(start);
        snnk_trainer_free(trainer);
    }
}

/* Inputs so large that steps overshoot, unless gradients are clipped. */
static void test_clip_prevents_divergence(void **state) {
    const fixture *f = *state;
    float X[N * D];
    snnk_train_config config = short_config();
    snnk_network *line = network_of(1, (snnk_layer *[]){dense_of(D, L, SNNK_IDENTITY, 56)});

    for (size_t k = 0; k < N * D; k++) X[k] = 1e6F * f->X[k];
    config.optimizer = SNNK_OPTIMIZER_SGD;
    config.epochs = 10;
    config.heldout_share = 0;
    snnk_trainer *trainer = create(line, &config);
    const snnk_rows *rows = SNNK_ROWS(.n = N, .X = X, .Y = f->Y);

    assert_status(snnk_trainer_run(trainer, rows, NULL, NULL, NULL), SNNK_E_NONFINITE);
    snnk_trainer_free(trainer);
    config.clip = 1e-3;
    trainer = create(line, &config);
    assert_ok(snnk_trainer_run(trainer, rows, NULL, NULL, NULL));
    snnk_trainer_free(trainer);
    snnk_network_free(line);
}

/* A squared loss that is NaN once: in one batch of one evaluation. */
typedef struct hole {
    const fixture *f;
    size_t calls, at;
} hole;

static int with_hole(void *user, size_t n, const uint64_t *rows, const float *Y, size_t ldy,
                     float *dY, size_t lddy, double *losses) {
    hole *h = user;

    h->calls++;
    for (size_t i = 0; i < n; i++) {
        losses[i] = h->calls == h->at ? NAN : 0;
        for (size_t k = 0; k < L; k++) {
            const double e = (double)Y[i * ldy + k] - (double)h->f->Y[rows[i] * L + k];

            losses[i] += e * e;
            dY[i * lddy + k] = (float)(2 * e);
        }
    }
    return 0;
}

/* L-BFGS: a trial whose loss is not finite in its last batch counts as one that is not finite in
 * its first, which has left no gradients behind. */
static void test_half_a_gradient(void **state) {
    const fixture *f = *state;
    snnk_train_config config = short_config();
    hole h = {.f = f};
    snnk_trainer *trainers[2];

    config.optimizer = SNNK_OPTIMIZER_LBFGS;
    config.loss = SNNK_LOSS_USER;
    config.loss_function = with_hole;
    config.user = &h;
    config.batch = 15; /* four batches */
    config.heldout_share = 0;
    for (size_t k = 0; k < 2; k++) { /* the second evaluation is the first trial */
        h = (hole){.f = f, .at = k == 0 ? 5 : 8};
        trainers[k] = create(f->network, &config);
        assert_ok(snnk_trainer_run(trainers[k], SNNK_ROWS(.n = N, .X = f->X), NULL, NULL, NULL));
    }
    assert_same_numbers(trainers[0], trainers[1]);
    snnk_trainer_free(trainers[1]);
    snnk_trainer_free(trainers[0]);
}

/* ---- Between runs ---- */

/* Gradients of passes of the caller's own do not get into a run. */
static void test_forgets_gradients(void **state) {
    const fixture *f = *state;
    const snnk_train_config config = short_config();
    snnk_trainer *trainer = create(f->network, &config), *other = create(f->network, &config);
    snnk_record *record;
    float Y[N * L];

    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, N, f->X, D, Y, L, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, f->X, D, Y, L, NULL, 0, NULL));
    assert_ok(snnk_trainer_run(trainer, good(f), NULL, NULL, NULL));
    assert_ok(snnk_trainer_run(other, good(f), NULL, NULL, NULL));
    assert_same_numbers(trainer, other);
    snnk_record_free(record);
    snnk_trainer_free(other);
    snnk_trainer_free(trainer);
}

/* A run that made no step leaves rates free to be set, also when more numbers learn then. */
static void test_rates_after_a_failed_run(void **state) {
    const fixture *f = *state;

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_LBFGS; optimizer++) {
        snnk_train_config config = short_config();
        hole h = {.f = f, .at = 3}; /* after the held-out rows and a batch */

        config.optimizer = optimizer;
        config.loss = SNNK_LOSS_USER;
        config.loss_function = with_hole;
        config.user = &h;
        config.batch = 15;
        snnk_trainer *trainer = create(f->network, &config), *other;

        assert_ok(snnk_trainer_set_rate(trainer, 0, -1, 0));
        assert_status(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = f->X), NULL, NULL, NULL),
                      SNNK_E_NONFINITE);
        h.at = 0;
        other = create(f->network, &config);
        assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_WEIGHTS, 1));
        assert_ok(snnk_trainer_set_rate(other, 0, SNNK_PART_BIAS, 0));
        assert_same_numbers(trainer, other);
        assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = f->X), NULL, NULL, NULL));
        assert_ok(snnk_trainer_run(other, SNNK_ROWS(.n = N, .X = f->X), NULL, NULL, NULL));
        assert_same_numbers(trainer, other);
        snnk_trainer_free(other);
        snnk_trainer_free(trainer);
    }
}

/* A run without held-out rows after one with: the present numbers count from its first epoch on. */
static int stop_at_once(void *user, const snnk_trainer *trainer) {
    (void)user, (void)trainer;
    return 1;
}

static void test_present_numbers_without_judging(void **state) {
    const fixture *f = *state;
    snnk_train_config config = short_config();
    snnk_network *network;
    float Y[N * L], present[N * L];

    config.rate = 0.5;
    snnk_trainer *trainer = create(f->network, &config);

    assert_ok(snnk_trainer_run(trainer, good(f), good(f), NULL, NULL));
    assert_ok(snnk_trainer_set_callbacks(trainer, NULL, stop_at_once, NULL));
    assert_status(snnk_trainer_run(trainer, good(f), SNNK_ROWS(.n = 0), NULL, NULL),
                  SNNK_E_CANCELLED);
    assert_ok(snnk_trainer_network(trainer, &network));
    assert_ok(snnk_network_forward(network, N, f->X, D, Y, L, NULL));
    assert_ok(snnk_trainer_forward(trainer, N, f->X, D, present, L, NULL, NULL));
    for (size_t k = 0; k < N * L; k++) assert_close((double)Y[k], (double)present[k], 1e-5, 1e-5);
    snnk_network_free(network);
    snnk_trainer_free(trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_solutions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_divergence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clip_prevents_divergence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_a_gradient, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgets_gradients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates_after_a_failed_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_present_numbers_without_judging, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
