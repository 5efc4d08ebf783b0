/* src/model/trainer_save.c and trainer_load.c: training that goes on from a checkpoint gives the
 * bits of training that was not interrupted; other networks and damaged files are refused. */
#include "support/alloc.h"
#include "support/damage.h"
#include "support/files.h"
#include "support/trainers.h"

enum { N = 90, D = 5, L = 3, EPOCHS = 5, MOST_BYTES = 1 << 18 };

/* ---- Cases ---- */

typedef struct fixture {
    float X[N * D], Y[N * L];
    int32_t labels[N];
    snnk_network *network;
    test_files files;
} fixture;

static int setup(void **state) {
    fixture *f = malloc(sizeof *f);

    draw_floats(f->X, N * D, 11);
    draw_floats(f->Y, N * L, 12);
    for (size_t i = 0; i < N; i++) f->labels[i] = (int32_t)(i * 7 % L);
    f->network = deep(3);
    assert_ok(snnk_network_set_note(f->network, "made", "by hand"));
    test_files_make(&f->files);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    snnk_network_free(f->network);
    test_files_remove(&f->files);
    free(f);
    return 0;
}

static snnk_train_config base(void) {
    snnk_train_config config = train_config();

    config.relative = 1;

    config.epochs = EPOCHS;
    config.batch = 20;
    config.seed = 5;
    config.heldout_share = 0.2;
    return config;
}

enum { CASES = 9 };

static snnk_train_config case_of(size_t which) {
    snnk_train_config config = base();

    switch (which) {
    case 0: break; /* Adam */
    case 1:        /* all settings other than the default */
        config.optimizer = SNNK_OPTIMIZER_ADAMW;
        config.schedule = SNNK_SCHEDULE_CONSTANT;
        config.rate = 0.0123456789012345678;
        config.snnk_rate = 1.7;
        config.rows_rate = 0.6;
        config.warmup = 0.3;
        config.momentum = 0.8;
        config.square_momentum = 0.99;
        config.epsilon = 3e-7;
        config.weight_decay = 0.07;
        config.clip = 0.5;
        config.patience = UINT64_MAX;
        config.seed = UINT64_MAX - 2;
        config.heldout_share = 1.0 / 3;
        break;
    case 2: config.optimizer = SNNK_OPTIMIZER_SGD; break;
    case 3: config.optimizer = SNNK_OPTIMIZER_LBFGS; break;
    case 4: config.loss = SNNK_LOSS_SQUARED, config.solve = SNNK_TRAIN_SOLVE_EPOCH; break;
    case 5: config.loss = SNNK_LOSS_SQUARED, config.solve = SNNK_TRAIN_SOLVE_END; break;
    case 6: config.loss = SNNK_LOSS_HUBER, config.huber = 0.3, config.relative = 0; break;
    case 7: config.heldout_share = 0, config.last_rate = 0.25; break;
    case 8: /* ends by patience: the rate is much too large */
        config.patience = 2, config.rate = 3, config.epochs = 9;
        break;
    default: fail();
    }
    return config;
}

/* With labels in some cases. */
static int run(const fixture *f, size_t which, snnk_trainer *trainer, snnk_train_report *report) {
    if (which == 0 || which == 8)
        return snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels), NULL,
                                NULL, report);
    return snnk_trainer_run(trainer, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y), NULL, NULL, report);
}

static snnk_trainer *trainer_of(const fixture *f, size_t which) {
    const snnk_train_config config = case_of(which);
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_create(f->network, &config, &trainer));
    if (which == 2) { /* frozen parts, and another factor */
        assert_ok(snnk_trainer_set_rate(trainer, 0, -1, 0));
        assert_ok(snnk_trainer_set_rate(trainer, 2, SNNK_PART_BIAS, 0));
        assert_ok(snnk_trainer_set_rate(trainer, 1, SNNK_PART_WEIGHTS, 0.3));
    }
    if (which == 6) assert_ok(snnk_trainer_set_rate(trainer, 0, SNNK_PART_ROWS, 0.7));
    return trainer;
}

/* Everything that can be read of a network, as the bytes of its file. */
static size_t bytes_of(const snnk_network *network, unsigned char bytes[MOST_BYTES]) {
    size_t n;

    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &n));
    assert_true(n <= MOST_BYTES);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, bytes, n));
    return n;
}

static void assert_same_networks(const snnk_network *a, const snnk_network *b) {
    static unsigned char of_a[MOST_BYTES], of_b[MOST_BYTES];
    const size_t n = bytes_of(a, of_a);

    assert_int_equal(bytes_of(b, of_b), n);
    assert_memory_equal(of_a, of_b, n);
}

/* The same kept and present numbers, and learning curve. */
static void assert_same_trainers(const snnk_trainer *a, const snnk_trainer *b) {
    snnk_network *of_a, *of_b;

    assert_ok(snnk_trainer_network(a, &of_a));
    assert_ok(snnk_trainer_network(b, &of_b));
    assert_same_networks(of_a, of_b);
    snnk_network_free(of_b);
    snnk_network_free(of_a);
    assert_int_equal(snnk_trainer_parameters(a), snnk_trainer_parameters(b));
    float *x = numbers_of(a, false), *y = numbers_of(b, false);
    assert_memory_equal(x, y, snnk_trainer_parameters(a) * sizeof *x);
    free(y);
    free(x);
    assert_int_equal(snnk_trainer_epochs(a), snnk_trainer_epochs(b));
    for (size_t k = 0; k < snnk_trainer_epochs(a); k++) {
        snnk_train_epoch p = {.size = sizeof p}, q = {.size = sizeof q};

        assert_ok(snnk_trainer_epoch(a, k, &p));
        assert_ok(snnk_trainer_epoch(b, k, &q));
        assert_memory_equal(&p, &q, sizeof p);
    }
}

/* ---- Going on ---- */

/* Saves after some epochs, and cancels after one. */
typedef struct saver {
    fixture *f;
    size_t cancel_after;
} saver;

static const char *checkpoint(fixture *f, size_t epoch) {
    char name[32];

    snprintf(name, sizeof name, "%zu.snnk", epoch);
    return test_path(&f->files, name);
}

static int save_epoch(void *user, const snnk_trainer *trainer) {
    const saver *s = user;
    const size_t made = snnk_trainer_epochs(trainer);

    assert_ok(snnk_trainer_save(trainer, checkpoint(s->f, made)));
    return made == s->cancel_after;
}

static snnk_trainer *load_with(fixture *f, size_t epoch, const snnk_network *network) {
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_load(checkpoint(f, epoch), network, NULL, &trainer));
    return trainer;
}

/* From the checkpoint after each epoch, and from one of a run that was cancelled there, training
 * gives the same. The second time the network is the one in the checkpoint itself. */
static void test_goes_on_with_the_same_bits(void **state) {
    fixture *f = *state;

    for (size_t which = 0; which < CASES; which++) {
        saver all = {f, 0};
        snnk_trainer *whole = trainer_of(f, which), *part;
        snnk_train_report expected = {.size = sizeof expected}, report = {.size = sizeof report};

        assert_ok(snnk_trainer_set_callbacks(whole, NULL, save_epoch, &all));
        assert_ok(run(f, which, whole, &expected));
        const size_t epochs = snnk_trainer_epochs(whole);

        assert_int_equal(epochs == case_of(which).epochs, which != 8);
        for (size_t k = 1; k <= epochs; k++) {
            part = load_with(f, k, f->network);
            assert_int_equal(snnk_trainer_epochs(part), k);
            assert_ok(run(f, which, part, &report));
            assert_same_trainers(part, whole);
            report.first_loss = expected.first_loss; /* when the call began */
            assert_memory_equal(&report, &expected, sizeof report);
            snnk_trainer_free(part);
        }
        for (size_t k = 1; k < epochs; k++) {
            saver some = {f, k};
            snnk_network *network;

            part = trainer_of(f, which);
            assert_ok(snnk_trainer_set_callbacks(part, NULL, save_epoch, &some));
            assert_status(run(f, which, part, NULL), SNNK_E_CANCELLED);
            assert_ok(snnk_trainer_save(part, checkpoint(f, k)));
            snnk_trainer_free(part);
            assert_ok(snnk_network_load(checkpoint(f, k), NULL, &network));
            part = load_with(f, k, network);
            snnk_network_free(network);
            assert_ok(run(f, which, part, NULL));
            assert_same_trainers(part, whole);
            snnk_trainer_free(part);
        }
        snnk_trainer_free(whole);
    }
}

/* A second run, after a checkpoint between the runs. */
static void test_later_runs(void **state) {
    fixture *f = *state;

    for (size_t which = 0; which < CASES; which++) {
        snnk_trainer *whole = trainer_of(f, which), *part;

        assert_ok(run(f, which, whole, NULL));
        assert_ok(snnk_trainer_save(whole, checkpoint(f, 0)));
        part = load_with(f, 0, f->network);
        assert_same_trainers(part, whole);
        assert_ok(run(f, which, whole, NULL));
        assert_ok(run(f, which, part, NULL));
        assert_same_trainers(part, whole);
        snnk_trainer_free(part);
        snnk_trainer_free(whole);
    }
}

static void step(const fixture *f, snnk_trainer *trainer) {
    float *Y = malloc(sizeof f->Y);
    snnk_record *record;

    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, N, f->X, D, Y, L, record, NULL));
    for (size_t i = 0; i < N * L; i++) Y[i] -= f->Y[i];
    assert_ok(snnk_trainer_backward(trainer, record, f->X, D, Y, L, NULL, 0, NULL));
    assert_ok(snnk_trainer_step(trainer, 1.0 / N, 1, NULL));
    snnk_record_free(record);
    free(Y);
}

/* Before the first step, where rates can still be set; and between steps of the caller's own. */
static void test_steps(void **state) {
    fixture *f = *state;
    snnk_trainer *whole = trainer_of(f, 1), *part;

    for (size_t k = 0; k < 4; k++) {
        assert_ok(snnk_trainer_save(whole, checkpoint(f, 0)));
        part = load_with(f, 0, f->network);
        if (k == 0) {
            assert_ok(snnk_trainer_set_rate(whole, 1, -1, 0.5));
            assert_ok(snnk_trainer_set_rate(part, 1, -1, 0.5));
            assert_ok(snnk_trainer_set_rate(whole, 0, SNNK_PART_OFFSETS, 0));
            assert_ok(snnk_trainer_set_rate(part, 0, SNNK_PART_OFFSETS, 0));
        }
        step(f, whole);
        step(f, part);
        assert_same_trainers(part, whole);
        snnk_trainer_free(part);
    }
    snnk_trainer_free(whole);
}

/* The file is the network that the trainer gives, also with its notes. */
static void test_is_a_network(void **state) {
    fixture *f = *state;

    for (size_t which = 0; which < CASES; which++) {
        snnk_trainer *trainer = trainer_of(f, which);
        snnk_network *expected, *network;

        assert_ok(run(f, which, trainer, NULL));
        assert_ok(snnk_trainer_save(trainer, checkpoint(f, 0)));
        assert_ok(snnk_trainer_network(trainer, &expected));
        assert_ok(snnk_network_load(checkpoint(f, 0), NULL, &network));
        assert_same_networks(network, expected);
        assert_string_equal(snnk_network_note(network, "made"), "by hand");
        snnk_network_free(network);
        snnk_network_free(expected);
        snnk_trainer_free(trainer);
    }
}

/* ---- A loss of the caller's ---- */

static int half_squared(void *user, size_t n, const uint64_t *rows, const float *Y, size_t ldy,
                        float *dY, size_t lddy, double *losses) {
    const fixture *f = user;

    for (size_t i = 0; i < n; i++) {
        losses[i] = 0;
        for (size_t k = 0; k < L; k++) {
            const double e = (double)Y[i * ldy + k] - f->Y[rows[i] * L + k];

            losses[i] += e * e / 2;
            dY[i * lddy + k] = (float)e;
        }
    }
    return 0;
}

static void test_own_loss(void **state) {
    fixture *f = *state;
    const snnk_rows *rows = SNNK_ROWS(.n = N, .X = f->X);
    snnk_train_config config = base();
    snnk_trainer *whole, *part;

    config.loss = SNNK_LOSS_USER;
    config.loss_function = half_squared;
    config.user = f;
    assert_ok(snnk_trainer_create(f->network, &config, &whole));
    assert_ok(snnk_trainer_run(whole, rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_save(whole, checkpoint(f, 0)));
    part = load_with(f, 0, f->network);
    assert_status(snnk_trainer_run(part, rows, NULL, NULL, NULL), SNNK_E_STATE);
    assert_says("snnk_trainer_set_callbacks");
    assert_status(snnk_trainer_set_callbacks(part, NULL, NULL, f), SNNK_E_NULL);
    assert_says("loss_function is NULL");
    assert_ok(snnk_trainer_save(part, checkpoint(f, 0))); /* it can be saved again */
    assert_ok(snnk_trainer_set_callbacks(part, half_squared, NULL, f));
    assert_ok(snnk_trainer_run(part, rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_run(whole, rows, NULL, NULL, NULL));
    assert_same_trainers(part, whole);
    snnk_trainer_free(part);
    snnk_trainer_free(whole);
    assert_status(snnk_trainer_set_callbacks(NULL, half_squared, NULL, f), SNNK_E_NULL);
}

/* ---- Refusals ---- */

static void refuses(fixture *f, const snnk_network *network, const char *says) {
    snnk_trainer *trainer = (snnk_trainer *)f;

    assert_status(snnk_trainer_load(checkpoint(f, 0), network, NULL, &trainer), SNNK_E_STATE);
    assert_says(says);
    assert_null(trainer);
}

static snnk_layer *layer_of(const fixture *f, size_t k) {
    return snnk_layer_retain(snnk_network_layer(f->network, k));
}

/* Layer k, an SNNK layer, with these added to its last weight and its first bias. */
static snnk_layer *changed(const fixture *f, size_t k, float more_Psi, float more_bias) {
    const snnk_layer *layer = snnk_network_layer(f->network, k);
    const size_t m = snnk_layer_features(layer), l = snnk_layer_outputs(layer);
    float *Psi = malloc(l * m * sizeof *Psi), *bias = malloc(l * sizeof *bias);
    snnk_layer *made;

    assert_ok(snnk_layer_weights(layer, Psi, m, bias));
    Psi[l * m - 1] += more_Psi;
    bias[0] += more_bias;
    assert_ok(snnk_layer_create(snnk_layer_map(layer), l, Psi, m, bias, &made));
    free(bias);
    free(Psi);
    return made;
}

static void test_other_networks(void **state) {
    fixture *f = *state;
    snnk_trainer *trainer = trainer_of(f, 2); /* layer 0 and the last bias are frozen */
    snnk_network *other = deep(4);

    assert_ok(run(f, 2, trainer, NULL));
    assert_ok(snnk_trainer_save(trainer, checkpoint(f, 0)));
    refuses(f, other, "layer 0: numbers or settings that do not learn differ");
    snnk_network_free(other);
    other = network_of(2, (snnk_layer *[]){layer_of(f, 0), layer_of(f, 1)});
    refuses(f, other, "the network has 2 layers, but the checkpoint is of one with 3");
    snnk_network_free(other);
    other = network_of(
        3, (snnk_layer *[]){layer_of(f, 0), dense_of(6, 7, SNNK_GELU, 8), layer_of(f, 2)});
    refuses(f, other, "layer 1: numbers or settings");
    snnk_network_free(other);
    other = network_of(
        3, (snnk_layer *[]){layer_of(f, 0), layer_of(f, 1), dense_of(7, 3, SNNK_IDENTITY, 8)});
    refuses(f, other,
            "layer 2: a dense layer with 7 inputs and 3 outputs, but the checkpoint is of a "
            "network with a snnk layer with 7 inputs and 3 outputs");
    snnk_network_free(other);
    other = network_of(
        3, (snnk_layer *[]){layer_of(f, 0), layer_of(f, 1), dense_of(7, 4, SNNK_IDENTITY, 8)});
    refuses(f, other, "4 outputs");
    snnk_network_free(other);
    /* Only numbers that are frozen differ: Psi, and one bias. */
    other =
        network_of(3, (snnk_layer *[]){changed(f, 0, 1e-6F, 0), layer_of(f, 1), layer_of(f, 2)});
    refuses(f, other, "layer 0: numbers or settings");
    snnk_network_free(other);
    other =
        network_of(3, (snnk_layer *[]){layer_of(f, 0), layer_of(f, 1), changed(f, 2, 0, 1e-6F)});
    refuses(f, other, "layer 2: numbers or settings");
    snnk_network_free(other);
    other =
        network_of(3, (snnk_layer *[]){changed(f, 0, 0, 0), layer_of(f, 1), changed(f, 2, 1, 0)});
    snnk_trainer_free(load_with(f, 0, other));
    snnk_network_free(other);
    /* Other numbers of what learns do not matter. */
    other = network_of(
        3, (snnk_layer *[]){layer_of(f, 0), dense_of(6, 7, SNNK_SILU, 8), layer_of(f, 2)});
    assert_ok(snnk_network_set_note(other, "made", "by hand"));
    snnk_trainer *part = load_with(f, 0, other);
    assert_same_trainers(part, trainer);
    assert_ok(run(f, 2, part, NULL));
    assert_ok(run(f, 2, trainer, NULL));
    assert_same_trainers(part, trainer);
    snnk_trainer_free(part);
    snnk_network_free(other);
    snnk_trainer_free(trainer);
}

/* One epoch, then a checkpoint, from which training goes on with the network that it holds, and
 * with the first one. */
static void check_goes_on_from(fixture *f, const snnk_network *network, bool from_its_own) {
    snnk_train_config config = base();
    const snnk_rows *rows = SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels);
    snnk_network *own;
    snnk_trainer *whole, *part;

    config.epochs = 1;
    assert_ok(snnk_trainer_create(network, &config, &whole));
    assert_ok(snnk_trainer_run(whole, rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_save(whole, checkpoint(f, 0)));
    assert_ok(snnk_network_load(checkpoint(f, 0), NULL, &own));
    snnk_trainer *again = load_with(f, 0, network);

    assert_ok(snnk_trainer_run(whole, rows, NULL, NULL, NULL));
    assert_ok(snnk_trainer_run(again, rows, NULL, NULL, NULL));
    assert_same_trainers(again, whole);
    if (from_its_own) {
        part = load_with(f, 0, own);
        assert_ok(snnk_trainer_run(part, rows, NULL, NULL, NULL));
        assert_same_trainers(part, whole);
        snnk_trainer_free(part);
    } else {
        refuses(f, own, "numbers or settings that do not learn");
    }
    snnk_trainer_free(again);
    snnk_network_free(own);
    snnk_trainer_free(whole);
}

static void test_all_features(void **state) {
    fixture *f = *state;
    snnk_map_config configs[32];
    const size_t n = all_configs(configs);
    const double omega[] = {0.7, 1.4}, re[] = {0.5, 0.3}, im[] = {0.1, -0.2};

    for (size_t k = 0; k <= n; k++) {
        snnk_map *map = k < n ? map_of(D, &configs[k], NULL)
                              : framed_urf_map(D, 20, 2, omega, re, im, 0.5F, 0.4F);
        snnk_network *network = network_of(1, (snnk_layer *[]){snnk_of(map, L, 60 + k)});

        check_goes_on_from(f, network, true);
        snnk_network_free(network);
    }
}

/* Layers in narrow storage do not learn. The file has them in float, so that training goes on with
 * the network that it began with. */
static void test_narrow_layers(void **state) {
    fixture *f = *state;

    for (int32_t storage = SNNK_STORAGE_F32 + 1; snnk_storage_name(storage); storage++) {
        snnk_layer *wide = dense_of(D, 8, SNNK_GELU, 70), *narrow;

        assert_ok(snnk_layer_quantize(wide, storage, &narrow));
        snnk_layer_free(wide);
        snnk_network *network =
            network_of(2, (snnk_layer *[]){narrow, dense_of(8, L, SNNK_IDENTITY, 71)});

        check_goes_on_from(f, network, false);
        snnk_network_free(network);
    }
}

static void test_misuse(void **state) {
    fixture *f = *state;
    snnk_trainer *trainer = trainer_of(f, 0), *loaded;
    snnk_network *network;

    assert_status(snnk_trainer_save(NULL, "x"), SNNK_E_NULL);
    assert_status(snnk_trainer_save(trainer, NULL), SNNK_E_NULL);
    assert_status(snnk_trainer_save(trainer, "/no/such/place"), SNNK_E_IO);
    assert_status(snnk_trainer_load("x", f->network, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_trainer_load(NULL, f->network, NULL, &loaded), SNNK_E_NULL);
    assert_null(loaded);
    assert_status(snnk_trainer_load("x", NULL, NULL, &loaded), SNNK_E_NULL);
    assert_status(snnk_trainer_load("/no/such/place", f->network, NULL, &loaded), SNNK_E_IO);
    assert_ok(snnk_network_save(f->network, checkpoint(f, 0), SNNK_SAVE_ROWS));
    assert_status(snnk_trainer_load(checkpoint(f, 0), f->network, NULL, &loaded), SNNK_E_FORMAT);
    assert_says("not a checkpoint");
    /* Numbers that are not finite are not saved, and what is there stays. */
    trainer->slots[0].parameter->value[1] = NAN;
    assert_status(snnk_trainer_save(trainer, checkpoint(f, 0)), SNNK_E_NONFINITE);
    assert_says("weights of layer 0");
    assert_ok(snnk_network_load(checkpoint(f, 0), NULL, &network));
    snnk_network_free(network);
    snnk_trainer_free(trainer);
}

/* ---- Damage ---- */

/* A checkpoint in memory. */
static size_t make_file(fixture *f, size_t which, unsigned char file[MOST_BYTES]) {
    snnk_trainer *trainer = trainer_of(f, which);

    assert_ok(run(f, which, trainer, NULL));
    assert_ok(snnk_trainer_save(trainer, checkpoint(f, 0)));
    snnk_trainer_free(trainer);
    return test_slurp(checkpoint(f, 0), file, MOST_BYTES);
}

static int load_bytes(fixture *f, const void *bytes, size_t n, snnk_trainer **trainer) {
    return snnk_trainer_load(test_write(&f->files, "0.snnk", bytes, n), f->network, NULL, trainer);
}

static void test_truncated(void **state) {
    static unsigned char file[MOST_BYTES];
    fixture *f = *state;
    const size_t n = make_file(f, 0, file);
    snnk_trainer *trainer;

    for (size_t k = 0; k < n; k += k < 200 || k > n - 200 ? 1 : 61) {
        const int st = load_bytes(f, file, k, &trainer);

        assert_true(st == SNNK_E_TRUNCATED || st == SNNK_E_FORMAT || st == SNNK_E_CHECKSUM);
        assert_null(trainer);
    }
    for (size_t k = 0; k < n; k += 97) { /* a flipped bit; spaces in the header may be anything */
        file[k] ^= 4;
        const int st = load_bytes(f, file, n, &trainer);

        if (st == SNNK_OK) print_error("byte %zu\n", k);
        assert_true(st < 0);
        assert_null(trainer);
        file[k] ^= 4;
    }
}

/* A text in the description that is replaced. */
typedef struct edit {
    size_t which;
    const char *from, *to;
    int status;
    const char *says;
} edit;

static const edit edits[] = {
    {0, "\"version\":1", "\"version\":2", SNNK_E_VERSION, "version 2"},
    {0, "\"version\":1", "\"version\":0", SNNK_E_FORMAT, "version 0"},
    {0, "\"version\":1,", "", SNNK_E_FORMAT, "\"version\" is missing"},
    {0, "{\"version\"", "{{\"version\"", SNNK_E_FORMAT, "not JSON"},
    {0, "\"loss\":\"auto\"", "\"loss\":\"none\"", SNNK_E_FORMAT, "loss"},
    {4, "\"loss\":\"squared\"", "\"loss\":\"huber\"", SNNK_E_FORMAT, "squared error only"},
    {0, "\"optimizer\":\"adam\"", "\"optimizer\":\"lion\"", SNNK_E_FORMAT, "optimizer"},
    {0, "\"schedule\":\"cosine\"", "\"schedule\":1", SNNK_E_FORMAT, "schedule"},
    {0, "\"solve\":\"never\"", "\"solve\":\"\"", SNNK_E_FORMAT, "solve"},
    {0, "\"relative\":true", "\"relative\":1", SNNK_E_FORMAT, "relative"},
    {0, "\"rate\":0.02", "\"rate\":-1", SNNK_E_FORMAT, "rate"},
    {0, "\"rate\":0.02", "\"rate\":1e999", SNNK_E_FORMAT, "rate"},
    {0, "\"snnk_rate\":1", "\"snnk_rate\":null", SNNK_E_FORMAT, "snnk_rate"},
    {0, "\"warmup\":0", "\"warmup\":0.95", SNNK_E_FORMAT, "warmup"},
    {0, "\"momentum\":0.9", "\"momentum\":1", SNNK_E_FORMAT, "momentum"},
    {0, "\"heldout_share\":0.2", "\"heldout_share\":0.6", SNNK_E_FORMAT, "heldout_share"},
    {0, "\"seed\":\"5\"", "\"seed\":5", SNNK_E_FORMAT, "\"seed\""},
    {0, "\"seed\":\"5\"", "\"seed\":\"18446744073709551616\"", SNNK_E_FORMAT, "\"seed\""},
    {0, "\"epochs\":\"5\"", "\"epochs\":\"0\"", SNNK_E_FORMAT, "epochs"},
    {0, "\"epochs\":\"5\"", "\"epochs\":\"-5\"", SNNK_E_FORMAT, "epochs"},
    {0, "\"batch\":\"20\"", "\"batch\":\"\"", SNNK_E_FORMAT, "batch"},
    {0, "\"patience\":", "\"patienza\":", SNNK_E_FORMAT, "patience"},
    {0, "\"layers\":[{", "\"layerz\":[{", SNNK_E_STATE, "one with 0"},
    {0, "\"kind\":\"dense\"", "\"kind\":\"thick\"", SNNK_E_STATE, "a thick layer"},
    {0, "\"inputs\":6", "\"inputs\":0.5", SNNK_E_FORMAT, "inputs"},
    {0, "\"learn\":3", "\"learn\":32", SNNK_E_FORMAT, "unknown parts"},
    {0, "\"learn\":3", "\"learn\":1", SNNK_E_STATE, "layer 0: numbers"},
    {0, "\"learn\":3", "\"learn\":19", SNNK_E_STATE, "layer 0"},
    {0, "\"fingerprint\":\"", "\"fingerprint\":\"x", SNNK_E_FORMAT, "fingerprint"},
    {0, "\"arrays\":[{", "\"arrays\":[{},{", SNNK_E_FORMAT, "7 arrays that learn instead of 6"},
    {0, "\"part\":\"weights\"", "\"part\":\"bias\"", SNNK_E_FORMAT,
     "array 0: the bias of layer 0 instead of the weights of layer 0"},
    {0, "\"layer\":1", "\"layer\":0", SNNK_E_FORMAT, "array 2"},
    {0, "\"factor\":1", "\"factor\":-1", SNNK_E_FORMAT, "factor"},
    {0, "\"size\":", "\"size\":0,\"_\":", SNNK_E_FORMAT, "\"size\" is 0"},
    {0, "\"size\":", "\"size\":1e999,\"_\":", SNNK_E_FORMAT, "\"size\" is inf"},
    {0, "\"steps\":\"", "\"steps\":\"9999999999999999999", SNNK_E_FORMAT, "steps"},
    {0, "\"steps\":\"", "\"steps\":\"4\",\"_\":\"", SNNK_E_FORMAT, "5 epochs, but 4 steps"},
    {0, "\"run_done\":\"0\"", "\"run_done\":\"6\"", SNNK_E_FORMAT, "\"run_done\" is 6"},
    {0, "\"rate_share\":", "\"rate_share\":-1,\"_\":", SNNK_E_FORMAT, "rate_share"},
    {7, "\"epochs_made\":5", "\"epochs_made\":4", SNNK_E_FORMAT, "trainer.epochs"},
    {0, "\"epochs_made\":5", "\"epochs_made\":1e15", SNNK_E_FORMAT, "epochs"},
    {0, "\"has_best\":true", "\"has_best\":2", SNNK_E_FORMAT, "has_best"},
    {7, "\"has_best\":false", "\"has_best\":true,\"best_epoch\":\"1\"", SNNK_E_FORMAT,
     "trainer.arrays.0.best"},
    {0, "\"best_epoch\":\"", "\"best_epoch\":\"9", SNNK_E_FORMAT, "best_epoch"},
    {0, "\"pairs\":0", "\"pairs\":1", SNNK_E_FORMAT, "1 pairs of L-BFGS for adam"},
    {3, "\"pairs\":", "\"pairs\":11,\"_\":", SNNK_E_FORMAT, "11 pairs"},
    {3, "\"pairs\":", "\"pairs\":1,\"_\":", SNNK_E_FORMAT, "trainer.lbfgs.s"},
    {3, "\"optimizer\":\"lbfgs\"", "\"optimizer\":\"sgd\"", SNNK_E_FORMAT, "trainer.arrays.0.mean"},
};

static void test_damaged_description(void **state) {
    static unsigned char file[MOST_BYTES];
    fixture *f = *state;

    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        const edit *e = &edits[k];
        const size_t n = make_file(f, e->which, file);
        snnk_trainer *trainer;
        size_t bytes;
        void *edited = edited_file(file, n, "snnk.trainer", e->from, e->to, NULL, &bytes);
        const int st = load_bytes(f, edited, bytes, &trainer);

        if (st != e->status) print_error("edit %zu: %s\n", k, e->to);
        assert_status(st, e->status);
        assert_null(trainer);
        assert_says(e->says);
        free(edited);
    }
}

/* Copy a valid file with one element of a tensor changed. The caller frees it. */
static void *changed_file(const void *sound, size_t n_sound, const char *name, size_t element,
                          double value, size_t *bytes) {
    const change c = {.element = element, .value = value};
    snnk__safetensors_reader *reader;
    snnk__safetensors_writer writer;
    snnk_allocator allocator;
    size_t n;
    void *elements = NULL, *file;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    assert_ok(snnk__safetensors_open(sound, n_sound, &allocator, &reader));
    snnk__safetensors_writer_init(&writer, &allocator);
    const snnk__safetensors_pair *pairs = snnk__safetensors_pairs(reader, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(pairs[i].key, SNNK__SAFETENSORS_CHECKSUM_KEY) != 0)
            snnk__safetensors_add_text(&writer, pairs[i].key, pairs[i].value);
    const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n);
    for (size_t i = 0; i < n; i++) {
        const bool here = strcmp(tensors[i].name, name) == 0;

        if (here) elements = changed_elements(&tensors[i], &c, true);
        snnk__safetensors_add_tensor(&writer, tensors[i].name, tensors[i].dtype, tensors[i].n_dims,
                                     tensors[i].dims, here ? elements : tensors[i].data);
    }
    assert_non_null(elements);
    assert_ok(snnk__safetensors_written_bytes(&writer, bytes));
    file = malloc(*bytes);
    assert_ok(snnk__safetensors_write_memory(&writer, file, *bytes));
    snnk__safetensors_writer_free(&writer);
    snnk__safetensors_close(reader);
    free(elements);
    return file;
}

static const struct number {
    size_t which;
    const char *tensor;
    size_t element;
    double value;
    int status;
    const char *says;
} numbers[] = {
    {0, "trainer.arrays.0.value", 3, NAN, SNNK_E_NONFINITE, "trainer.arrays.0.value"},
    {0, "trainer.arrays.5.best", 0, INFINITY, SNNK_E_NONFINITE, "trainer.arrays.5.best"},
    {0, "trainer.arrays.1.mean", 2, NAN, SNNK_E_NONFINITE, "trainer.arrays.1.mean"},
    {0, "trainer.arrays.2.square", 1, INFINITY, SNNK_E_NONFINITE, "trainer.arrays.2.square"},
    {0, "trainer.arrays.2.square", 1, -1e-9, SNNK_E_FORMAT, "trainer.arrays.2.square[1]"},
    {0, "trainer.epochs", 4, NAN, SNNK_E_FORMAT, "epoch 1: loss nan"},
    {0, "trainer.epochs", 6, 1.5, SNNK_E_FORMAT, "accuracy 1.5"},
    {0, "trainer.epochs", 7, -1, SNNK_E_FORMAT, "rate -1"},
    {0, "trainer.best_loss", 0, NAN, SNNK_E_FORMAT, "best_loss"},
    {3, "trainer.lbfgs.s", 0, NAN, SNNK_E_NONFINITE, "trainer.lbfgs.s"},
    {3, "trainer.lbfgs.y", 0, 1e300, SNNK_E_FORMAT, "no curvature"},
};

static void test_damaged_numbers(void **state) {
    static unsigned char file[MOST_BYTES];
    fixture *f = *state;

    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        const struct number *c = &numbers[k];
        const size_t n = make_file(f, c->which, file);
        snnk_trainer *trainer;
        size_t bytes;
        void *damaged = changed_file(file, n, c->tensor, c->element, c->value, &bytes);

        const int st = load_bytes(f, damaged, bytes, &trainer);

        if (st != c->status) print_error("number %zu\n", k);
        assert_status(st, c->status);
        assert_null(trainer);
        assert_says(c->says);
        free(damaged);
    }
}

/* Every tensor of the trainer is needed. */
static void test_missing_tensors(void **state) {
    static unsigned char file[MOST_BYTES];
    fixture *f = *state;

    for (size_t which = 0; which <= 3; which += 3) {
        const size_t n = make_file(f, which, file);
        snnk__safetensors_reader *reader;
        snnk_allocator allocator;
        size_t n_tensors, seen = 0;

        assert_ok(snnk__allocator_read(&allocator, NULL));
        assert_ok(snnk__safetensors_open(file, n, &allocator, &reader));
        const snnk__safetensors_tensor *tensors = snnk__safetensors_tensors(reader, &n_tensors);
        for (size_t k = 0; k < n_tensors; k++) {
            snnk_trainer *trainer;
            size_t bytes;

            if (strncmp(tensors[k].name, "trainer.", 8) != 0) continue;
            seen++;
            void *edited = edited_file(file, n, NULL, NULL, NULL, tensors[k].name, &bytes);
            assert_status(load_bytes(f, edited, bytes, &trainer), SNNK_E_FORMAT);
            assert_null(trainer);
            assert_says(tensors[k].name);
            free(edited);
        }
        assert_int_equal(seen, which == 0 ? 6 * 4 + 2 : 6 * 2 + 4);
        snnk__safetensors_close(reader);
    }
}

/* ---- Memory ---- */

static void test_failing_allocations(void **state) {
    fixture *f = *state;

    for (size_t which = 0; which < CASES; which++) {
        test_memory memory;
        const snnk_allocator allocator = test_memory_allocator(&memory);
        snnk_train_config config = case_of(which);
        snnk_trainer *trainer, *loaded;
        int st;

        config.allocator = &allocator;
        assert_ok(snnk_trainer_create(f->network, &config, &trainer));
        assert_ok(run(f, which, trainer, NULL));
        const char *path = checkpoint(f, 0);

        assert_survives_failing_allocations(memory, st, st = snnk_trainer_save(trainer, path));
        assert_survives_failing_allocations(
            memory, st, st = snnk_trainer_load(path, f->network, &allocator, &loaded);
            assert_made(st, loaded); snnk_trainer_free(loaded));
        snnk_trainer_free(trainer);
        assert_int_equal(memory.alive, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_goes_on_with_the_same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_later_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_is_a_network, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_networks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_features, setup, teardown),
        cmocka_unit_test_setup_teardown(test_narrow_layers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_misuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_description, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_tensors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failing_allocations, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
