/* snnk_trainer_run: against closed forms, the same bits in all circumstances, schedules, which
 * numbers are kept. */
#include <snnk/fit.h>

#include "support/solve.h"
#include "support/trainers.h"

enum { N = 120, D = 6, L = 3 };

typedef struct fixture {
    float X[N * D], Y[N * L], weights[N];
    double X_f64[N * D], Y_f64[N * L];
    int32_t labels[N];
    snnk_network *linear, *deep;
} fixture;

static int setup(void **state) {
    fixture *f = malloc(sizeof *f);

    draw_floats(f->X, N * D, 21);
    draw_floats(f->Y, N * L, 22);
    draw_floats(f->weights, N, 23);
    for (size_t i = 0; i < N; i++) {
        f->weights[i] = 1.5F + f->weights[i];
        f->labels[i] = (int32_t)(i * 11 % L);
        for (size_t k = 0; k < L; k++) f->Y[i * L + k] += f->X[i * D + k];
    }
    for (size_t i = 0; i < N * D; i++) f->X_f64[i] = (double)f->X[i];
    for (size_t i = 0; i < N * L; i++) f->Y_f64[i] = (double)f->Y[i];
    snnk_map_config gelu = config_of(SNNK_MAP_ELEMENTWISE, 40);

    gelu.activation = SNNK_GELU;
    gelu.offset_scale = 0.5;
    f->linear = network_of(1, (snnk_layer *[]){dense_of(D, L, SNNK_IDENTITY, 31)});
    f->deep = network_of(
        2, (snnk_layer *[]){dense_of(D, 8, SNNK_SILU, 32), snnk_of(map_of(8, &gelu, NULL), L, 33)});
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    snnk_network_free(f->deep);
    snnk_network_free(f->linear);
    free(f);
    return 0;
}

static snnk_trainer *create(const snnk_network *network, const snnk_train_config *config) {
    snnk_trainer *trainer;

    assert_ok(snnk_trainer_create(network, config, &trainer));
    return trainer;
}

static const snnk_train_report fresh = {.size = sizeof fresh};

static snnk_train_report run(snnk_trainer *trainer, const snnk_rows *rows,
                             const snnk_rows *heldout) {
    snnk_train_report report = fresh;

    assert_ok(snnk_trainer_run(trainer, rows, heldout, NULL, &report));
    return report;
}

static snnk_train_epoch epoch_of(const snnk_trainer *trainer, size_t k) {
    snnk_train_epoch epoch = {.size = sizeof epoch};

    assert_ok(snnk_trainer_epoch(trainer, k, &epoch));
    return epoch;
}

static void assert_same_numbers(const snnk_trainer *a, const snnk_trainer *b) {
    float *x = numbers_of(a, false), *y = numbers_of(b, false);

    assert_int_equal(snnk_trainer_parameters(a), snnk_trainer_parameters(b));
    assert_memory_equal(x, y, snnk_trainer_parameters(a) * sizeof *x);
    free(y);
    free(x);
}

/* ---- Closed forms ---- */

/* Compare the numbers of a linear dense layer with a ridge solution. */
static void check_linear(const fixture *f, const snnk_trainer *trainer, const float *weights,
                         double ridge, double tolerance) {
    float *numbers = numbers_of(trainer, false);

    for (size_t k = 0; k < L; k++) {
        double B[D], b;

        solve_ridge(N, D, f->X, f->Y + k, L, weights, ridge, B, &b);
        for (size_t j = 0; j < D; j++) assert_close((double)numbers[k * D + j], B[j], 0, tolerance);
        assert_close((double)numbers[L * D + k], b, 0, tolerance);
    }
    free(numbers);
}

/* The loss is the mean of |y - t|^2, and decay adds decay/2 |W|^2: so the ridge of the sum is half
 * the decay times the sum of weights. */
static void test_least_squares(void **state) {
    const fixture *f = *state;

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_LBFGS; optimizer++)
        for (int decays = 0; decays < 2; decays++)
            for (int weighted = 0; weighted < 2; weighted++) {
                snnk_train_config config = train_config();
                const float *weights = weighted ? f->weights : NULL;
                double sum = 0;

                if (decays && optimizer == SNNK_OPTIMIZER_ADAMW) continue; /* another problem */
                config.optimizer = optimizer;
                config.heldout_share = 0;
                config.batch = N;
                config.epochs = optimizer == SNNK_OPTIMIZER_LBFGS ? 60 : 2000;
                config.rate = optimizer == SNNK_OPTIMIZER_SGD ? 0.1 : 0.02;
                config.weight_decay = decays ? 0.3 : 0;
                snnk_trainer *trainer = create(f->linear, &config);

                run(trainer, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .weights = weights), NULL);
                for (size_t i = 0; i < N; i++) sum += weighted ? (double)weights[i] : 1;
                check_linear(f, trainer, weights, config.weight_decay / 2 * sum,
                             optimizer <= SNNK_OPTIMIZER_ADAMW ? 1e-4 : 2e-5);
                snnk_trainer_free(trainer);
            }
}

/* A row of weight 3 is three rows. */
static void test_weights_are_repetitions(void **state) {
    const fixture *f = *state;

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_LBFGS; optimizer++) {
        snnk_train_config config = train_config();
        float *X = malloc(3 * sizeof f->X), *Y = malloc(3 * sizeof f->Y), weights[N];
        size_t n = 0;

        for (size_t i = 0; i < N; i++) {
            weights[i] = (float)(1 + i % 3);
            for (size_t copy = 0; copy < 1 + i % 3; copy++, n++) {
                memcpy(X + n * D, f->X + i * D, D * sizeof *X);
                memcpy(Y + n * L, f->Y + i * L, L * sizeof *Y);
            }
        }
        config.optimizer = optimizer;
        config.heldout_share = 0;
        config.epochs = 5;
        config.batch = N;
        snnk_trainer *weighted = create(f->deep, &config);

        run(weighted, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y, .weights = weights), NULL);
        config.batch = n;
        snnk_trainer *repeated = create(f->deep, &config);

        run(repeated, SNNK_ROWS(.n = n, .X = X, .Y = Y), NULL);
        float *a = numbers_of(weighted, false), *b = numbers_of(repeated, false);

        for (size_t k = 0; k < snnk_trainer_parameters(weighted); k++)
            assert_close((double)a[k], (double)b[k], 1e-4, 1e-4);
        assert_close(epoch_of(weighted, 4).loss, epoch_of(repeated, 4).loss, 1e-5, 0);
        free(b);
        free(a);
        snnk_trainer_free(repeated);
        snnk_trainer_free(weighted);
        free(Y);
        free(X);
    }
}

/* ---- The same bits ---- */

static snnk_train_config short_config(int32_t optimizer) {
    snnk_train_config config = train_config();

    config.optimizer = optimizer;
    config.epochs = 3;
    config.batch = 25;
    return config;
}

static void test_threads_and_doubles(void **state) {
    const fixture *f = *state;

    for (int32_t optimizer = SNNK_OPTIMIZER_ADAM; optimizer <= SNNK_OPTIMIZER_LBFGS; optimizer++) {
        const snnk_train_config config = short_config(optimizer);
        snnk_trainer *one = create(f->deep, &config), *other;

        run(one, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y), NULL);
        for (size_t threads = 1; threads <= 5; threads += threads == 2 ? 3 : 1) {
            snnk_workspace *workspace;

            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            other = create(f->deep, &config);
            assert_ok(snnk_trainer_run(other, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y), NULL,
                                       workspace, NULL));
            assert_same_numbers(one, other);
            snnk_trainer_free(other);
            snnk_workspace_free(workspace);
        }
        other = create(f->deep, &config);
        run(other, SNNK_ROWS(.n = N, .X_f64 = f->X_f64, .Y_f64 = f->Y_f64), NULL);
        assert_same_numbers(one, other);
        snnk_trainer_free(other);
        snnk_trainer_free(one);
    }
}

/* Labels are targets of ones and zeros. */
static void test_labels(void **state) {
    const fixture *f = *state;
    float T[N * L] = {0};

    for (size_t i = 0; i < N; i++) T[i * L + (size_t)f->labels[i]] = 1;
    for (int32_t loss = SNNK_LOSS_SQUARED; loss <= SNNK_LOSS_COSINE; loss++) {
        snnk_train_config config = short_config(SNNK_OPTIMIZER_ADAM);

        config.loss = loss;
        snnk_trainer *by_label = create(f->deep, &config), *by_target = create(f->deep, &config);
        const snnk_train_report a =
            run(by_label, SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels), NULL);
        const snnk_train_report b = run(by_target, SNNK_ROWS(.n = N, .X = f->X, .Y = T), NULL);

        assert_same_numbers(by_label, by_target);
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(isnan(epoch_of(by_target, 0).accuracy));
        assert_true(epoch_of(by_label, 0).accuracy >= 0 && epoch_of(by_label, 0).accuracy <= 1);
        snnk_trainer_free(by_target);
        snnk_trainer_free(by_label);
    }
}

/* ---- Schedules ---- */

/* The share of the last step of an epoch, by <snnk/train.h>: it rises to 1 during the warm-up, and
 * then stays or falls along half a cosine. */
static void test_schedules(void **state) {
    const fixture *f = *state;
    static const double warmups[] = {0, 0.2, 0.5, 0.9};

    for (size_t w = 0; w < 4; w++)
        for (int32_t schedule = 0; schedule <= SNNK_SCHEDULE_CONSTANT; schedule++) {
            snnk_train_config config = short_config(SNNK_OPTIMIZER_SGD);
            const double each = 5, steps = each * 10, warm = warmups[w] * steps;

            config.epochs = 10;
            config.schedule = schedule;
            config.warmup = warmups[w];
            config.last_rate = 0.1;
            config.heldout_share = 0;
            config.rate = 1e-6;
            snnk_trainer *trainer = create(f->deep, &config);

            run(trainer, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y), NULL);
            for (size_t run_of = 0; run_of < 2; run_of++) { /* the second begins again */
                for (size_t k = 0; k < 10; k++) {
                    const double step = each * (double)(k + 1) - 1;
                    const double after = (step - warm) / (steps - warm);
                    double expected = schedule == SNNK_SCHEDULE_CONSTANT
                                          ? 1
                                          : 0.1 + 0.9 * (1 + cos(acos(-1) * after)) / 2;

                    if (step < warm) expected = (step + 1) / (warm + 1);
                    assert_close(epoch_of(trainer, 10 * run_of + k).rate, expected, 1e-12, 0);
                }
                if (run_of == 0) run(trainer, SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y), NULL);
            }
            assert_int_equal(snnk_trainer_epochs(trainer), 20);
            snnk_trainer_free(trainer);
        }
}

/* ---- Which numbers are kept ---- */

/* The mean squared error of a trainer's network, weighted. */
static double loss_of(const snnk_trainer *trainer, size_t n, const float *X, const float *Y,
                      const float *weights) {
    float *outputs = malloc(n * L * sizeof *outputs);
    double sum = 0, weight = 0;
    snnk_network *network;

    assert_ok(snnk_trainer_network(trainer, &network));
    assert_ok(snnk_network_forward(network, n, X, D, outputs, L, NULL));
    for (size_t i = 0; i < n; i++) {
        const double w = weights ? (double)weights[i] : 1;

        for (size_t k = 0; k < L; k++) {
            const double e = (double)outputs[i * L + k] - (double)Y[i * L + k];

            sum += w * e * e;
        }
        weight += w;
    }
    snnk_network_free(network);
    free(outputs);
    return sum / weight;
}

/* The rate is so large that losses rise and fall. */
static void test_keeps_the_best(void **state) {
    enum { TRAIN = 90 };
    const fixture *f = *state;
    const float *X = f->X + TRAIN * D, *Y = f->Y + TRAIN * L, *weights = f->weights + TRAIN;
    const snnk_rows *rows = SNNK_ROWS(.n = TRAIN, .X = f->X, .Y = f->Y),
                    *heldout = SNNK_ROWS(.n = N - TRAIN, .X = X, .Y = Y, .weights = weights);
    snnk_train_config config = short_config(SNNK_OPTIMIZER_ADAM);

    config.epochs = 12;
    config.rate = 0.3;
    config.schedule = SNNK_SCHEDULE_CONSTANT;
    config.patience = 100;
    snnk_trainer *trainer = create(f->deep, &config);
    const double first = loss_of(trainer, N - TRAIN, X, Y, weights);
    double best = first;

    for (size_t run_of = 0; run_of < 3; run_of++) {
        const snnk_train_report report = run(trainer, rows, heldout);
        size_t best_epoch = 0;

        if (run_of == 0) assert_close(report.first_loss, first, 1e-6, 0);
        assert_true(report.epochs == 12 * (run_of + 1) && report.steps == 4 * report.epochs);
        assert_true(report.rows == TRAIN && report.heldout_rows == N - TRAIN && !report.stopped);
        best = first;
        for (size_t k = 0; k < report.epochs; k++)
            if (epoch_of(trainer, k).heldout_loss < best) {
                best = epoch_of(trainer, k).heldout_loss;
                best_epoch = k + 1;
            }
        assert_int_equal(report.best_epoch, best_epoch);
        assert_true(best_epoch != report.epochs); /* otherwise nothing is tested */
        assert_close(report.heldout_loss, best, 1e-12, 0);
        assert_close(loss_of(trainer, N - TRAIN, X, Y, weights), best, 1e-6, 0);
    }
    /* Without held-out rows: the present numbers. */
    config.heldout_share = 0;
    snnk_trainer *plain = create(f->deep, &config);
    const snnk_train_report report = run(plain, rows, NULL);

    assert_true(report.best_epoch == 12 && report.heldout_rows == 0);
    assert_true(isnan(report.heldout_loss) && isnan(report.first_loss));
    snnk_trainer_free(plain);
    snnk_trainer_free(trainer);
}

/* Targets that do not depend on the inputs: the best epoch is an early one. */
static void test_patience(void **state) {
    const fixture *f = *state;
    snnk_train_config config = short_config(SNNK_OPTIMIZER_ADAM);

    config.epochs = 60;
    config.rate = 0.5;
    config.patience = 4;
    snnk_trainer *trainer = create(f->deep, &config);
    const snnk_rows *rows = SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y);
    snnk_train_report report = run(trainer, rows, NULL);

    assert_true(report.stopped && report.epochs < 60);
    assert_int_equal(report.epochs - report.best_epoch, 4);
    /* The next run has a patience of its own. */
    const snnk_train_report second = run(trainer, rows, NULL);

    assert_true(second.epochs >= report.epochs + 4);
    snnk_trainer_free(trainer);
    config.schedule = SNNK_SCHEDULE_CONSTANT;
    config.patience = 0; /* the default then is 5 */
    trainer = create(f->deep, &config);
    report = run(trainer, rows, NULL);
    assert_true(report.stopped);
    assert_int_equal(report.epochs - report.best_epoch, 5);
    snnk_trainer_free(trainer);
}

/* ---- The last layer in closed form ---- */

/* Outputs of snnk_fit on the features that a network's last layer has. */
static float *fitted_outputs(const fixture *f, const snnk_network *network, size_t n,
                             const snnk_rows *rows) {
    snnk_fit_config config;
    snnk_network *fitted;
    snnk_fit *fit;
    float *outputs = malloc(N * L * sizeof *outputs);

    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.center = 0;
    assert_ok(snnk_fit_create_from_network(network, L, &config, &fit));
    snnk_rows part = *rows;

    part.n = n;
    assert_ok(snnk_fit_add(fit, &part, NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &fitted));
    assert_ok(snnk_network_forward(fitted, N, f->X, D, outputs, L, NULL));
    snnk_network_free(fitted);
    snnk_fit_free(fit);
    return outputs;
}

static void test_solve(void **state) {
    const fixture *f = *state;

    for (int32_t solve = SNNK_TRAIN_SOLVE_END; solve <= SNNK_TRAIN_SOLVE_EPOCH; solve++)
        for (int labels = 0; labels < 2; labels++)
            for (int linear = 0; linear < 2; linear++) {
                const snnk_network *start = linear ? f->linear : f->deep;
                snnk_train_config config = short_config(SNNK_OPTIMIZER_ADAM);
                const snnk_rows rows = labels ? *SNNK_ROWS(.n = N, .X = f->X, .labels = f->labels)
                                              : *SNNK_ROWS(.n = N, .X = f->X, .Y = f->Y);
                snnk_network *trained;
                float *outputs = malloc(N * L * sizeof *outputs);

                config.loss = SNNK_LOSS_SQUARED;
                config.solve = solve;
                config.heldout_share = 0;
                snnk_trainer *trainer = create(start, &config);
                const snnk_train_report report = run(trainer, &rows, NULL);

                assert_true(report.solved);
                assert_ok(snnk_trainer_network(trainer, &trained));
                assert_ok(snnk_network_forward(trained, N, f->X, D, outputs, L, NULL));
                float *expected = fitted_outputs(f, trained, N, &rows);

                for (size_t k = 0; k < N * L; k++)
                    assert_close((double)outputs[k], (double)expected[k], 1e-4, 1e-4);
                free(expected);
                free(outputs);
                snnk_network_free(trained);
                snnk_trainer_free(trainer);
            }
}

/* With held-out rows, the solution is taken only if it is better on them. */
static void test_solve_is_judged(void **state) {
    const fixture *f = *state;

    for (int better = 0; better < 2; better++) {
        snnk_train_config config = short_config(SNNK_OPTIMIZER_SGD);
        const snnk_rows *rows = SNNK_ROWS(.n = 60, .X = f->X, .Y = f->Y);
        /* Held-out rows that the solution fits, or that the start fits exactly. */
        float Y[60 * L];
        snnk_network *network;

        config.rate = 1e-9;
        config.loss = SNNK_LOSS_SQUARED;
        config.solve = SNNK_TRAIN_SOLVE_END;
        assert_ok(snnk_network_forward(f->linear, 60, f->X, D, Y, L, NULL));
        if (better) memcpy(Y, f->Y, sizeof Y);
        snnk_trainer *trainer = create(f->linear, &config);
        const snnk_train_report report = run(trainer, rows, SNNK_ROWS(.n = 60, .X = f->X, .Y = Y));

        assert_int_equal(report.solved, better);
        assert_ok(snnk_trainer_network(trainer, &network));
        assert_close(loss_of(trainer, 60, f->X, Y, NULL), report.heldout_loss, 1e-5, 1e-9);
        if (better) assert_true(report.heldout_loss < report.first_loss);
        snnk_network_free(network);
        snnk_trainer_free(trainer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_least_squares, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights_are_repetitions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads_and_doubles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_schedules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keeps_the_best, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patience, setup, teardown),
        cmocka_unit_test_setup_teardown(test_solve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_solve_is_judged, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
