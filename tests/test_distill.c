/* <snnk/distill.h>: teachers whose best students are known, budgets, statuses. */
#include <stdlib.h>
#include <string.h>

#include <snnk/distill.h>

#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

enum { N = 600, D = 6, H = 14, L = 4 };

typedef struct teacher {
    snnk_layer *hidden, *readout;
    float W1[H * D], b1[H], W2[L * H], b2[L];
    float X[N * D], Y[N * L];
} teacher;

/* Only `used` neurons have columns of W2 that are not 0. */
static teacher make_teacher(int32_t activation, size_t used) {
    teacher a;

    draw_floats(a.W1, H * D, 1);
    draw_floats(a.b1, H, 2);
    draw_floats(a.W2, L * H, 3);
    draw_floats(a.b2, L, 4);
    draw_floats(a.X, N * D, 5);
    for (size_t i = 0; i < L * H; i++)
        if (i % H >= used) a.W2[i] = 0;
    assert_ok(snnk_layer_create_dense(D, H, a.W1, D, a.b1, activation, NULL, &a.hidden));
    assert_ok(snnk_layer_create_dense(H, L, a.W2, H, a.b2, SNNK_IDENTITY, NULL, &a.readout));
    return a;
}

static void free_teacher(teacher *a) {
    snnk_layer_free(a->hidden);
    snnk_layer_free(a->readout);
}

static snnk_distill_config config_of(int32_t tier) {
    snnk_distill_config config;

    assert_ok(snnk_distill_config_init(&config, sizeof config));
    config.tier = tier;
    return config;
}

static snnk_distill_report report_of(const teacher *a, const snnk_distill_config *config,
                                     size_t features, snnk_layer **layer) {
    snnk_distill_report report = {.size = sizeof report};

    assert_ok(snnk_layer_distill(a->hidden, a->readout, features, SNNK_ROWS(.n = N, .X = a->X),
                                 config, NULL, &report, layer));
    return report;
}

/* The outputs of a relu teacher, computed in double. */
static void teacher_outputs(const teacher *a, float *Y) {
    for (size_t i = 0; i < N; i++) {
        double hidden[H];

        for (size_t j = 0; j < H; j++) {
            double z = (double)a->b1[j];

            for (size_t k = 0; k < D; k++) z += (double)a->W1[j * D + k] * (double)a->X[i * D + k];
            hidden[j] = fmax(z, 0);
        }
        for (size_t o = 0; o < L; o++) {
            double y = (double)a->b2[o];

            for (size_t j = 0; j < H; j++) y += (double)a->W2[o * H + j] * hidden[j];
            Y[i * L + o] = (float)y;
        }
    }
}

/* The largest difference between a student and the teacher. */
static double off_by(const teacher *a, const snnk_layer *layer) {
    float Y[N * L], expected[N * L];
    double worst = 0;

    teacher_outputs(a, expected);
    assert_ok(snnk_layer_forward(layer, N, a->X, D, Y, L, NULL));
    for (size_t i = 0; i < N * L; i++)
        worst = fmax(worst, fabs((double)expected[i] - (double)Y[i]));
    return worst;
}

/* ---- Known students ---- */

/* Only three neurons are used, so three features give the same outputs, up to float rounding. */
static void test_finds_the_neurons_in_use(void **state) {
    teacher a = make_teacher(SNNK_RELU, 3);
    const snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_layer *layer;
    const snnk_distill_report report = report_of(&a, &config, 3, &layer);

    (void)state;
    assert_int_equal(report.features, 3);
    assert_int_equal(report.linear_features, 0);
    assert_true(report.explained > 1 - 1e-9); /* the smallest ridge is 1e-9 of the mean square */
    assert_close(report.relative_error, 0, 0, 1e-4);
    assert_true(off_by(&a, layer) < 1e-3);
    assert_true(report.explained_linear < 0.99 && report.explained_random < 0.99);
    assert_int_equal(report.parameters, 3 * (D + 1 + L) + L);
    assert_int_equal(report.multiply_adds, 3 * (D + L));
    assert_int_equal(report.parameters_teacher, H * (D + 1) + L * (H + 1));
    assert_int_equal(report.multiply_adds_teacher, H * D + L * H);
    assert_int_equal(report.rows + report.heldout_rows, N);
    /* The expected number is 60, its standard deviation 7.3. */
    assert_true(report.heldout_rows > 20 && report.heldout_rows < 120);
    assert_false(report.few_rows);
    snnk_layer_free(layer);
    free_teacher(&a);
}

/* A linear teacher of rank 2 needs 2 linear features. (2 of its neurons would do as well.) */
static void test_linear_teacher(void **state) {
    teacher a = make_teacher(SNNK_IDENTITY, 2);
    const snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_layer *layer;
    snnk_distill_report report = report_of(&a, &config, 2, &layer);

    (void)state;
    assert_true(report.explained > 1 - 1e-9);
    assert_true(report.explained_linear > 1 - 1e-9);
    assert_true(report.simpler_is_better);
    snnk_layer_free(layer);
    report = report_of(&a, &config, 1, &layer);
    assert_true(report.explained < 0.999);
    snnk_layer_free(layer);
    free_teacher(&a);
}

/* More features explain more. The student is at least as good as the linear map and the strongest
 * neurons, because it could be either. */
static void test_more_is_better(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    const snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    double last = 0;

    (void)state;
    for (size_t m = 2; m <= 8; m += 2) {
        snnk_layer *layer;
        const snnk_distill_report report = report_of(&a, &config, m, &layer);

        assert_true(report.explained > last);
        assert_true(report.explained >= report.explained_linear - 0.01);
        assert_true(report.explained >= report.explained_neurons - 0.01);
        assert_true(report.explained > report.explained_random);
        last = report.explained;
        snnk_layer_free(layer);
    }
    free_teacher(&a);
}

/* Matrices of rank 1 lose nothing when they are truncated to it. A student of 5 features has 59
 * parameters: enough for 6 + 14 weights of the first matrix, 14 + 4 of the second, and 14 + 4
 * biases. A student of 4 features has 48, too few for rank 1 of both. The rank of a single layer is
 * the number of features. */
static void test_singular_values(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    const snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer, *hidden, *readout;

    (void)state;
    for (size_t i = 0; i < H * D; i++) a.W1[i] = a.b1[i / D] * a.X[i % D];
    for (size_t i = 0; i < L * H; i++) a.W2[i] = a.b2[i / H] * a.b1[i % H];
    assert_ok(snnk_layer_create_dense(D, H, a.W1, D, a.b1, SNNK_TANH, NULL, &hidden));
    assert_ok(snnk_layer_create_dense(H, L, a.W2, H, a.b2, SNNK_IDENTITY, NULL, &readout));
    for (size_t m = 4; m <= 5; m++) {
        assert_ok(snnk_layer_distill(hidden, readout, m, SNNK_ROWS(.n = N, .X = a.X), &config, NULL,
                                     &report, &layer));
        assert_true(m == 4 ? isnan(report.explained_svd) : report.explained_svd > 1 - 1e-9);
        assert_int_equal(report.parameters_svd, m == 4 ? 0 : 20 + 18 + 18);
        assert_int_equal(report.multiply_adds_svd, m == 4 ? 0 : 20 + 18);
        snnk_layer_free(layer);
    }
    assert_ok(snnk_layer_distill(hidden, NULL, 1, SNNK_ROWS(.n = N, .X = a.X), &config, NULL,
                                 &report, &layer));
    assert_true(report.explained_svd > 1 - 1e-9);
    assert_int_equal(report.parameters_svd, D + H + H);
    assert_true(report.simpler_is_better);
    snnk_layer_free(layer);
    assert_ok(snnk_layer_distill(a.hidden, NULL, 2, SNNK_ROWS(.n = N, .X = a.X), &config, NULL,
                                 &report, &layer));
    assert_true(report.explained_svd > 0 && report.explained_svd < 1); /* of rank 6 */
    snnk_layer_free(layer);
    snnk_layer_free(readout);
    snnk_layer_free(hidden);
    free_teacher(&a);
}

/* The truncated teacher has no more parameters than the student. It exists if these allow rank 1
 * for each matrix: 3 + 40, 40 + 2 and 42 biases, together 127, so from 21 features on. */
static void test_singular_values_are_no_larger(void **state) {
    enum { IN = 3, WIDE = 40, OUT = 2 };
    const snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    const size_t biases = WIDE + OUT;
    float W1[WIDE * IN], b1[WIDE], W2[OUT * WIDE], *rows = malloc(N * IN * sizeof *rows);
    snnk_layer *hidden, *readout;
    snnk_distill *distill;
    int some = 0;

    (void)state;
    draw_floats(W1, WIDE * IN, 1);
    draw_floats(b1, WIDE, 2);
    draw_floats(W2, OUT * WIDE, 3);
    draw_floats(rows, N * IN, 4);
    assert_ok(snnk_layer_create_dense(IN, WIDE, W1, IN, b1, SNNK_TANH, NULL, &hidden));
    assert_ok(snnk_layer_create_dense(WIDE, OUT, W2, WIDE, NULL, SNNK_IDENTITY, NULL, &readout));
    assert_ok(snnk_distill_create(hidden, readout, SNNK_ROWS(.n = N, .X = rows), &config, NULL,
                                  &distill));
    for (size_t m = 10; m <= 40; m++) {
        const int fits = m * (IN + 1 + OUT) + OUT >= IN + WIDE + WIDE + OUT + biases;
        snnk_distill_report report = {.size = sizeof report};
        snnk_layer *layer;

        assert_ok(snnk_distill_solve(distill, m, NULL, &report, &layer));
        assert_int_equal(report.parameters, m * (IN + 1 + OUT) + OUT);
        assert_true(report.parameters_svd <= report.parameters);
        assert_true(isnan(report.explained_svd) == !fits);
        if (fits) assert_int_equal(report.parameters_svd - report.multiply_adds_svd, biases);
        some += fits;
        snnk_layer_free(layer);
    }
    snnk_distill_free(distill);
    snnk_layer_free(readout);
    snnk_layer_free(hidden);
    assert_true(some);
    free(rows);
}

/* ---- Refinement ---- */

/* The candidates are near the three neurons of the teacher, but none is exact; the gradient moves
 * them there. A second run gives the same result. */
static void test_refines(void **state) {
    teacher a = make_teacher(SNNK_RELU, 3);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    float near[H * D], noise[H * D], Psi[2][L * 3];
    snnk_distill_report reports[3];
    snnk_map_config of;
    snnk_map *candidates;

    (void)state;
    draw_floats(noise, H * D, 11);
    for (size_t i = 0; i < H * D; i++) near[i] = a.W1[i] + 0.3f * noise[i];
    assert_ok(snnk_map_config_init(&of, sizeof of));
    of.kind = SNNK_MAP_ELEMENTWISE;
    assert_ok(snnk_map_create_from_rows(D, H, near, D, a.b1, &of, NULL, &candidates));
    teacher_outputs(&a, a.Y);
    config.linear = 0;
    config.epochs = 100;
    config.batch = 32;
    for (int run = 0; run < 3; run++) {
        snnk_distill *distill;
        snnk_layer *layer;

        assert_ok(snnk_distill_create_from_samples(
            candidates, L, SNNK_ROWS(.n = N, .X = a.X, .Y = a.Y), &config, NULL, &distill));
        reports[run].size = sizeof reports[run];
        assert_ok(snnk_distill_solve(distill, 3, NULL, &reports[run], &layer));
        if (run > 0) assert_ok(snnk_layer_weights(layer, Psi[run - 1], 3, NULL));
        config.tier = SNNK_DISTILL_REFINED;
        snnk_layer_free(layer);
        snnk_distill_free(distill);
    }
    print_message("selected %g, refined %g after %d\n", reports[0].explained, reports[1].explained,
                  reports[1].epochs);
    assert_true(reports[0].explained < 0.99);
    assert_true(reports[1].explained > 0.9999);
    assert_true(reports[1].epochs > 0 && reports[1].epochs <= 100);
    assert_int_equal(reports[1].parameters, reports[0].parameters);
    assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
    snnk_map_free(candidates);
    free_teacher(&a);
}

/* A batch may have more rows than the 65536 that refining has in memory otherwise. */
static void test_refines_by_large_batches(void **state) {
    enum { ROWS = 90000 };
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_REFINED);
    float *X = malloc(sizeof(float) * ROWS * D);
    snnk_layer *layer;

    (void)state;
    draw_floats(X, ROWS * D, 6);
    config.batch = 70000;
    config.epochs = 1;
    assert_ok(snnk_layer_distill(a.hidden, a.readout, 3, SNNK_ROWS(.n = ROWS, .X = X), &config,
                                 NULL, NULL, &layer));
    snnk_layer_free(layer);
    free(X);
    free_teacher(&a);
}

/* Stores what the first epoch explains; its last digits can differ from what the selection
 * explains. */
typedef struct first_epoch {
    double chosen, explained;
} first_epoch;

static int stop_after_first_epoch(void *user, int32_t done, int32_t steps, double explained) {
    first_epoch *e = user;

    (void)done, (void)steps;
    if (isnan(e->chosen)) e->chosen = explained;
    e->explained = explained;
    return !isnan(explained) && explained != e->chosen;
}

/* With steps too small to change anything, the first epoch explains as much as the start, except
 * for the few rows on which relu(z + 1.5 deviations) of a linear feature is not linear. */
static void test_refinement_starts_at_the_selection(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_layer *layer;

    (void)state;
    for (int32_t linear = 0; linear <= 2; linear += 2) {
        first_epoch epoch = {NAN, NAN};

        config = config_of(SNNK_DISTILL_SELECTED);
        config.linear = linear;
        const snnk_distill_report selected = report_of(&a, &config, 4, &layer);

        snnk_layer_free(layer);
        config.tier = SNNK_DISTILL_REFINED;
        config.learning_rate = 1e-9;
        config.progress = stop_after_first_epoch;
        config.user = &epoch;
        assert_status(snnk_layer_distill(a.hidden, a.readout, 4, SNNK_ROWS(.n = N, .X = a.X),
                                         &config, NULL, NULL, &layer),
                      SNNK_E_CANCELLED);
        assert_close(epoch.chosen, selected.explained, 0, 0);
        assert_close(epoch.explained, selected.explained, 0, linear == 0 ? 1e-4 : 0.03);
    }
    free_teacher(&a);
}

/* ---- Progress ---- */

/* The last progress report, and the call at which to cancel; 0 for none. */
typedef struct progress_log {
    long calls, cancel_at;
    int32_t done, steps;
    double explained;
} progress_log;

static int log_progress(void *user, int32_t done, int32_t steps, double explained) {
    progress_log *w = user;

    if (w->calls > 0) assert_int_equal(steps, w->steps);
    assert_true(done >= w->done && done <= steps);
    assert_true(isnan(explained) ? isnan(w->explained) : explained <= 1);
    w->done = done;
    w->steps = steps;
    w->explained = explained;
    return ++w->calls == w->cancel_at;
}

static progress_log new_log(long cancel_at) {
    return (progress_log){.cancel_at = cancel_at, .explained = NAN};
}

enum { MANY = 3000 }; /* rows in three blocks */

/* Cancelling at any call of the progress function leaves no object and no memory, and the report
 * unchanged. Without cancelling, the student is the same as without a progress function. */
static void test_cancels(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    float *many = malloc(MANY * D * sizeof *many), *Y = malloc(MANY * L * sizeof *Y);
    snnk_layer *hidden, *readout, *alone;

    (void)state;
    draw_floats(many, MANY * D, 8);
    assert_ok(snnk_layer_create_dense(D, H, a.W1, D, a.b1, SNNK_RELU, &allocator, &hidden));
    assert_ok(snnk_layer_create_dense(H, L, a.W2, H, a.b2, SNNK_IDENTITY, &allocator, &readout));
    assert_ok(snnk_layer_distill(hidden, readout, 1, SNNK_ROWS(.n = MANY, .X = many), NULL, NULL,
                                 NULL, &alone));
    assert_ok(snnk_layer_forward(alone, MANY, many, D, Y, L, NULL));
    snnk_layer_free(alone);

    const long alive = memory.alive;

    for (int32_t run = 0; run < 6; run++) { /* each tier, with and without Y */
        snnk_distill_config config = config_of(run / 2);
        float Psi[2][L * 6];

        config.epochs = 3;
        assert_ok(snnk_layer_distill(hidden, readout, 6,
                                     SNNK_ROWS(.n = MANY, .X = many, .Y = run % 2 ? Y : NULL),
                                     &config, NULL, NULL, &alone));
        assert_ok(snnk_layer_weights(alone, Psi[0], 6, NULL));
        snnk_layer_free(alone);
        config.progress = log_progress;
        for (long k = 1;; k++) {
            snnk_distill_report report, before;
            snnk_layer *layer = (snnk_layer *)&a;
            progress_log w = new_log(k);

            report.size = sizeof report;
            report.features = 77;
            before = report;
            config.user = &w;
            const int st = snnk_layer_distill(
                hidden, readout, 6, SNNK_ROWS(.n = MANY, .X = many, .Y = run % 2 ? Y : NULL),
                &config, NULL, &report, &layer);

            if (st == SNNK_OK) {
                print_message("tier %d: %ld calls, to %d\n", (int)config.tier, w.calls, w.done);
                assert_true(w.calls == k - 1 && k > 12);
                assert_true(w.done > w.steps * 3 / 4); /* costs are estimates, but not further off
                                                        * than this */
                assert_close(w.explained, report.explained, 0, 0);
                assert_ok(snnk_layer_weights(layer, Psi[1], 6, NULL));
                assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
                snnk_layer_free(layer);
                break;
            }
            assert_int_equal(st, SNNK_E_CANCELLED);
            assert_null(layer);
            assert_memory_equal(&report, &before, sizeof report);
            assert_int_equal(memory.alive, alive);
            assert_true(k < 1000);
        }
    }
    snnk_layer_free(readout);
    snnk_layer_free(hidden);
    free(many);
    free(Y);
    free_teacher(&a);
}

/* The same for a search for a size. Each function counts from 0. There is a call after each block
 * of rows. */
static void test_cancels_a_search(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    progress_log w = new_log(0);
    float *many = malloc(MANY * D * sizeof *many);
    snnk_distill *distill;
    size_t features = 77, expected;

    (void)state;
    draw_floats(many, MANY * D, 8);
    config.progress = log_progress;
    config.user = &w;
    assert_ok(snnk_distill_create(a.hidden, a.readout, SNNK_ROWS(.n = MANY, .X = many), &config,
                                  NULL, &distill));
    assert_int_equal(w.calls, 3);
    assert_int_equal(w.done, w.steps);
    w = new_log(0);
    assert_ok(snnk_distill_features_of_error(distill, 0.2, &expected));
    assert_true(expected > 1 && w.calls > 10 && w.done > w.steps / 2 && isnan(w.explained));
    for (long k = w.calls; k >= 1; k--) {
        w = new_log(k);
        assert_status(snnk_distill_features_of_error(distill, 0.2, &features), SNNK_E_CANCELLED);
        assert_int_equal(features, 77);
    }
    w = new_log(0);
    assert_ok(snnk_distill_features_of_error(distill, 0.2, &features));
    assert_int_equal(features, expected);
    snnk_distill_free(distill);
    free(many);
    free_teacher(&a);
}

/* ---- Sampled functions ---- */

/* y = |x_0|: relu(x_0) + relu(-x_0), both among the candidates. */
static void test_sampled(void **state) {
    const float G[] = {1, 0, 0, 1, -1, 0, 0, -1};
    const snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    float X[N * 2], Y[N];
    snnk_map_config of;
    snnk_map *candidates;
    snnk_distill *distill;
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;

    (void)state;
    draw_floats(X, N * 2, 9);
    for (size_t i = 0; i < N; i++) Y[i] = fabsf(X[2 * i]);
    assert_ok(snnk_map_config_init(&of, sizeof of));
    assert_ok(snnk_map_create_from_rows(2, 4, G, 2, NULL, &of, NULL, &candidates));
    assert_ok(snnk_distill_create_from_samples(candidates, 1, SNNK_ROWS(.n = N, .X = X, .Y = Y),
                                               &config, NULL, &distill));
    assert_ok(snnk_distill_solve(distill, 2, NULL, &report, &layer));
    assert_true(report.explained > 1 - 1e-9);
    assert_true(report.explained_linear < 0.1);
    assert_int_equal(report.parameters_teacher, 0);
    size_t features;
    assert_status(snnk_distill_features_of_share(distill, 0.5, &features), SNNK_E_UNSUPPORTED);
    assert_ok(snnk_distill_features_of_error(distill, 0.01, &features));
    assert_int_equal(features, 2);
    snnk_layer_free(layer);
    snnk_distill_free(distill);
    snnk_map_free(candidates);
}

/* y = (x_0, 0) + relu(x_1) (1, 1): the direction that explains most has a part along x_1 if it is
 * alone. Together with the neuron it is x_0. */
static void test_directions_beside_neurons(void **state) {
    const float G[] = {0, 1, 1, 1, -1, 1};
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    float X[N * 2], Y[N * 2];
    snnk_map_config of;
    snnk_map *candidates;
    snnk_distill *distill;
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;

    (void)state;
    draw_floats(X, N * 2, 9);
    for (size_t i = 0; i < N; i++) {
        Y[2 * i + 1] = fmaxf(X[2 * i + 1], 0);
        Y[2 * i] = 0.3f * X[2 * i] + Y[2 * i + 1];
    }
    assert_ok(snnk_map_config_init(&of, sizeof of));
    assert_ok(snnk_map_create_from_rows(2, 3, G, 2, NULL, &of, NULL, &candidates));
    config.linear = 1;
    assert_ok(snnk_distill_create_from_samples(candidates, 2, SNNK_ROWS(.n = N, .X = X, .Y = Y),
                                               &config, NULL, &distill));
    assert_ok(snnk_distill_solve(distill, 2, NULL, &report, &layer));
    assert_int_equal(report.linear_features, 1);
    assert_true(report.explained > 1 - 1e-4); /* directions are computed with a ridge of 1e-6 */
    snnk_layer_free(layer);
    snnk_distill_free(distill);
    snnk_map_free(candidates);
}

/* ---- Budgets ---- */

/* The teacher has 14 * 7 + 4 * 15 = 158 parameters, a student 11 m + 4. */
static void test_budgets(void **state) {
    teacher a = make_teacher(SNNK_RELU, 3);
    snnk_distill *distill;
    size_t features = 99;

    (void)state;
    assert_ok(snnk_distill_create(a.hidden, a.readout, SNNK_ROWS(.n = N, .X = a.X), NULL, NULL,
                                  &distill));
    /* Half of 158 is 79 parameters: (79 - 4)/11 features. */
    assert_ok(snnk_distill_features_of_share(distill, 0.5, &features));
    assert_int_equal(features, 6);
    assert_ok(snnk_distill_features_of_share(distill, 15.0 / 158, &features));
    assert_int_equal(features, 1);
    assert_status(snnk_distill_features_of_share(distill, 14.9 / 158, &features), SNNK_E_RANGE);
    assert_status(snnk_distill_features_of_share(distill, NAN, &features), SNNK_E_RANGE);
    assert_ok(snnk_distill_features_of_error(distill, 1e-3, &features)); /* three are used */
    assert_int_equal(features, 3);
    assert_status(snnk_distill_features_of_error(distill, 1, &features), SNNK_E_RANGE);
    assert_status(snnk_distill_features_of_error(distill, 1e-12, &features), SNNK_E_RANGE);
    snnk_distill_free(distill);
    free_teacher(&a);
}

/* All neurons are copies of 3, and no feature is linear: 2 are too few, and 4 do not exist. */
static void test_size_between_too_few_and_too_many(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_distill *distill;
    snnk_layer *hidden;
    size_t features;

    (void)state;
    for (size_t j = 3; j < H; j++) {
        memcpy(a.W1 + j * D, a.W1 + j % 3 * D, D * sizeof *a.W1);
        a.b1[j] = a.b1[j % 3];
    }
    assert_ok(snnk_layer_create_dense(D, H, a.W1, D, a.b1, SNNK_RELU, NULL, &hidden));
    config.linear = 0;
    assert_ok(snnk_distill_create(hidden, a.readout, SNNK_ROWS(.n = N, .X = a.X), &config, NULL,
                                  &distill));
    assert_ok(snnk_distill_features_of_error(distill, 0.01, &features));
    assert_int_equal(features, 3);
    assert_status(snnk_distill_features_of_error(distill, 1e-12, &features), SNNK_E_RANGE);
    assert_non_null(strstr(snnk_last_error(), "3 features have a relative error of"));
    snnk_distill_free(distill);
    snnk_layer_free(hidden);
    free_teacher(&a);
}

/* There are never more linear features than features, inputs or outputs (l = 4), also in searches
 * for a size. */
static void test_linear_is_cut(void **state) {
    teacher a = make_teacher(SNNK_TANH, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_layer *layer;
    snnk_distill *distill;
    size_t features;

    (void)state;
    for (size_t m = 2; m <= 8; m += 2) {
        config.linear = 5;
        const snnk_distill_report report = report_of(&a, &config, m, &layer);

        assert_int_equal(report.linear_features, m < L ? m : L);
        snnk_layer_free(layer);
    }
    assert_ok(snnk_distill_create(a.hidden, a.readout, SNNK_ROWS(.n = N, .X = a.X), &config, NULL,
                                  &distill));
    assert_ok(snnk_distill_features_of_error(distill, 0.5, &features));
    snnk_distill_free(distill);
    free_teacher(&a);
}

/* The number of features found has the requested error on held-out rows, and one fewer does not.
 * There are few rows, so that fewer features would be enough on the rows used to fit. The search
 * uses float moments and fewer ridges than the solution: 5 per cent. */
static void test_features_of_errors(void **state) {
    enum { FEW = 70 };
    teacher a = make_teacher(SNNK_TANH, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_distill *distill;

    (void)state;
    config.heldout_share = 0.4;
    assert_ok(snnk_distill_create(a.hidden, a.readout, SNNK_ROWS(.n = FEW, .X = a.X), &config, NULL,
                                  &distill));
    for (int k = 0; k < 5; k++) {
        const double wanted = ((double[]){0.7, 0.55, 0.45, 0.35, 0.25})[k];
        double error[2] = {0};
        size_t features;

        assert_ok(snnk_distill_features_of_error(distill, wanted, &features));
        for (size_t less = 0; less < 2 && less < features; less++) {
            snnk_distill_report report = {.size = sizeof report};
            snnk_layer *layer;

            assert_ok(snnk_distill_solve(distill, features - less, NULL, &report, &layer));
            error[less] = report.relative_error;
            snnk_layer_free(layer);
        }
        print_message("%g: %zu features, %g, one less %g\n", wanted, features, error[0], error[1]);
        assert_true(error[0] <= 1.05 * wanted);
        if (features > 1) assert_true(error[1] >= 0.95 * wanted);
        if (k == 4) assert_true(features > 2);
    }
    snnk_distill_free(distill);
    free_teacher(&a);
}

/* ---- Refusals ---- */

static void test_refuses(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_distill *distill = (snnk_distill *)&a;
    snnk_layer *layer, *snnk;
    snnk_map *map;
    float constant[N * D] = {0};

    (void)state;
    assert_ok(snnk_layer_distill(a.hidden, a.readout, 2, SNNK_ROWS(.n = N, .X = a.X), NULL, NULL,
                                 NULL, &snnk));
#define CREATE(hidden, readout, count, inputs, stride, targets, target_stride)                     \
    snnk_distill_create(                                                                           \
        hidden, readout,                                                                           \
        SNNK_ROWS(.n = count, .X = inputs, .ldx = stride, .Y = targets, .ldy = target_stride),     \
        &config, NULL, &distill)
    assert_status(CREATE(NULL, NULL, N, a.X, D, NULL, 0), SNNK_E_NULL);
    assert_null(distill);
    assert_status(
        snnk_distill_create(a.hidden, NULL, SNNK_ROWS(.n = N, .X = a.X), NULL, NULL, NULL),
        SNNK_E_NULL);
    assert_status(CREATE(a.hidden, a.readout, N, NULL, D, NULL, 0), SNNK_E_NULL);
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D - 1, NULL, 0), SNNK_E_STRIDE);
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D, a.Y, L - 1), SNNK_E_STRIDE);
    assert_status(CREATE(a.hidden, a.hidden, N, a.X, D, NULL, 0), SNNK_E_UNSUPPORTED);
    assert_status(CREATE(snnk, NULL, N, a.X, D, NULL, 0), SNNK_E_UNSUPPORTED);
    assert_status(CREATE(a.readout, a.readout, N, a.X, D, NULL, 0), SNNK_E_SHAPE);
    assert_status(CREATE(a.hidden, a.readout, 3, a.X, D, NULL, 0), SNNK_E_SHAPE);
    assert_status(CREATE(a.hidden, a.readout, 0, a.X, D, NULL, 0), SNNK_E_SHAPE);
    assert_status(CREATE(a.hidden, a.readout, N, constant, D, NULL, 0), SNNK_E_STATE);
    assert_says("the inputs are constant: all 5"); /* 5xx of the 600 rows are fitted */
    assert_says(" rows to fit to are the same");
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D, constant, D), SNNK_E_STATE);
    assert_says("the outputs are constant: all 5");
    a.X[17 * D + 2] = NAN;
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D, NULL, 0), SNNK_E_NONFINITE);
    assert_non_null(strstr(snnk_last_error(), "17"));
    a.X[17 * D + 2] = 0;
    a.Y[3] = INFINITY;
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D, a.Y, L), SNNK_E_NONFINITE);
    a.Y[3] = 0;

    const struct {
        size_t offset;
        double value;
    } ranges[] = {{offsetof(snnk_distill_config, ridge), -2},
                  {offsetof(snnk_distill_config, heldout_share), 0},
                  {offsetof(snnk_distill_config, heldout_share), 0.6},
                  {offsetof(snnk_distill_config, learning_rate), 0},
                  {offsetof(snnk_distill_config, learning_rate), 2}};
    const struct {
        size_t offset;
        int32_t value;
        int status;
    } integers[] = {{offsetof(snnk_distill_config, tier), 3, SNNK_E_ENUM},
                    {offsetof(snnk_distill_config, tier), -1, SNNK_E_ENUM},
                    {offsetof(snnk_distill_config, linear), -2, SNNK_E_RANGE},
                    {offsetof(snnk_distill_config, epochs), 0, SNNK_E_RANGE},
                    {offsetof(snnk_distill_config, batch), 0, SNNK_E_RANGE}};

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        config = config_of(SNNK_DISTILL_SELECTED);
        memcpy((char *)&config + ranges[i].offset, &ranges[i].value, sizeof(double));
        assert_status(CREATE(a.hidden, a.readout, N, a.X, D, NULL, 0), SNNK_E_RANGE);
    }
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        config = config_of(SNNK_DISTILL_SELECTED);
        memcpy((char *)&config + integers[i].offset, &integers[i].value, sizeof(int32_t));
        assert_status(CREATE(a.hidden, a.readout, N, a.X, D, NULL, 0), integers[i].status);
    }
    config = config_of(SNNK_DISTILL_SELECTED);
    config.heldout_block_rows = 0;
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D, NULL, 0), SNNK_E_RANGE);
    config = config_of(SNNK_DISTILL_SELECTED);
    config.selection_rows = 1;
    assert_status(CREATE(a.hidden, a.readout, N, a.X, D, NULL, 0), SNNK_E_RANGE);
    config = config_of(SNNK_DISTILL_SELECTED);
    assert_ok(CREATE(a.hidden, a.readout, N, a.X, D, NULL, 0));
    assert_status(snnk_distill_solve(distill, 0, NULL, NULL, &layer), SNNK_E_RANGE);
    assert_status(snnk_distill_solve(distill, D + H + 1, NULL, NULL, &layer), SNNK_E_RANGE);
    assert_status(snnk_distill_solve(NULL, 1, NULL, NULL, &layer), SNNK_E_NULL);
    assert_status(snnk_distill_solve(distill, 1, NULL, NULL, NULL), SNNK_E_NULL);
    snnk_distill_free(distill);
    snnk_distill_free(NULL);

    assert_ok(snnk_map_create(D, NULL, NULL, &map));
    assert_status(snnk_distill_create_from_samples(map, 0, SNNK_ROWS(.n = N, .X = a.X, .Y = a.X),
                                                   NULL, NULL, &distill),
                  SNNK_E_SHAPE);
    assert_status(
        snnk_distill_create_from_samples(map, 1, SNNK_ROWS(.n = N, .X = a.X), NULL, NULL, &distill),
        SNNK_E_NULL);
    snnk_map_free(map);
    snnk_layer_free(snnk);
    free_teacher(&a);
#undef CREATE
}

/* Create a distillation, overwrite its rows, then solve. The rows are in double if wanted, with
 * other columns between them. */
static snnk_layer *solve_from_copy(const teacher *a, int with_Y, int in_double) {
    const snnk_distill_config config = config_of(SNNK_DISTILL_REFINED);
    double *X = malloc(N * (D + L + 2) * sizeof *X), *Y = X + N * (D + 1);
    float *floats = malloc(N * (D + L) * sizeof *floats);
    snnk_rows rows = {.size = sizeof rows, .n = N};
    snnk_distill *distill;
    snnk_layer *layer;

    for (size_t i = 0; i < N * (D + 1); i++) X[i] = NAN;
    for (size_t i = 0; i < N * (L + 1); i++) Y[i] = NAN;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < D; j++) X[i * (D + 1) + j] = a->X[i * D + j];
        for (size_t j = 0; j < L; j++) Y[i * (L + 1) + j] = a->Y[i * L + j];
    }
    memcpy(floats, a->X, N * D * sizeof *floats);
    memcpy(floats + N * D, a->Y, N * L * sizeof *floats);
    if (in_double) {
        rows.X_f64 = X, rows.ldx = D + 1, rows.ldy = L + 1;
        if (with_Y) rows.Y_f64 = Y;
    } else {
        rows.X = floats;
        if (with_Y) rows.Y = floats + N * D;
    }
    assert_ok(snnk_distill_create(a->hidden, a->readout, &rows, &config, NULL, &distill));
    for (size_t i = 0; i < N * (D + L); i++) floats[i] = NAN;
    for (size_t i = 0; i < N * (D + L + 2); i++) X[i] = NAN;
    free(floats);
    free(X);
    assert_int_equal(snnk_distill_inputs(distill), D);
    assert_int_equal(snnk_distill_outputs(distill), L);
    assert_int_equal(snnk_distill_candidates(distill), H);
    assert_int_equal(snnk_distill_rows(distill), N);
    assert_ok(snnk_distill_solve(distill, 4, NULL, NULL, &layer));
    snnk_distill_free(distill);
    return layer;
}

/* Rows are copied, so the caller may change them later. snnk_layer_distill, which does not copy
 * them, gives the same student; so do the same rows in double. */
static void test_rows_are_copied(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    const snnk_distill_config config = config_of(SNNK_DISTILL_REFINED);
    float expected[N * L], Y[N * L];

    (void)state;
    teacher_outputs(&a, a.Y);
    for (int with_Y = 0; with_Y < 2; with_Y++) {
        snnk_layer *layer;

        assert_ok(snnk_layer_distill(a.hidden, a.readout, 4,
                                     SNNK_ROWS(.n = N, .X = a.X, .Y = with_Y ? a.Y : NULL), &config,
                                     NULL, NULL, &layer));
        assert_ok(snnk_layer_forward(layer, N, a.X, D, expected, L, NULL));
        snnk_layer_free(layer);
        for (int in_double = 0; in_double < 2; in_double++) {
            layer = solve_from_copy(&a, with_Y, in_double);
            assert_ok(snnk_layer_forward(layer, N, a.X, D, Y, L, NULL));
            assert_memory_equal(Y, expected, sizeof Y);
            snnk_layer_free(layer);
        }
    }
    assert_int_equal(snnk_distill_inputs(NULL), 0);
    assert_int_equal(snnk_distill_outputs(NULL), 0);
    assert_int_equal(snnk_distill_candidates(NULL), 0);
    assert_int_equal(snnk_distill_rows(NULL), 0);
    free_teacher(&a);
}

/* Rows that distillation cannot use. */
static void test_refuses_rows(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill *distill = (snnk_distill *)&a;
    double *doubles = calloc(N, D * sizeof *doubles);
    int32_t labels[N] = {0};
    float ones[N];

    (void)state;
    for (size_t i = 0; i < N; i++) ones[i] = 1;
    for (size_t i = 0; i < N * D; i++) doubles[i] = a.X[i];
#define CREATE(...)                                                                                \
    snnk_distill_create(a.hidden, a.readout, SNNK_ROWS(.n = N, __VA_ARGS__), NULL, NULL, &distill)
    assert_status(snnk_distill_create(a.hidden, a.readout, NULL, NULL, NULL, &distill),
                  SNNK_E_NULL);
    assert_null(distill);
    assert_status(CREATE(.X = a.X, .weights = ones), SNNK_E_UNSUPPORTED);
    assert_says("weights");
    assert_status(CREATE(.X = a.X, .labels = labels), SNNK_E_UNSUPPORTED);
    assert_says("labels");
    assert_status(CREATE(.X = a.X, .inputs = D + 1), SNNK_E_SHAPE);
    assert_status(CREATE(.X = a.X, .Y = a.Y, .outputs = L + 1), SNNK_E_SHAPE);
    doubles[5 * D] = 1e300; /* finite, but not as float */
    assert_status(CREATE(.X_f64 = doubles), SNNK_E_NONFINITE);
    assert_says("X as float[5][0]");
    doubles[5 * D] = NAN;
    assert_status(CREATE(.X_f64 = doubles), SNNK_E_NONFINITE);
    assert_says("X[5][0]");
#undef CREATE
    free(doubles);
    free_teacher(&a);
}

static void test_tier_names(void **state) {
    (void)state;
    assert_string_equal(snnk_distill_tier_name(SNNK_DISTILL_RANDOM), "random");
    assert_string_equal(snnk_distill_tier_name(SNNK_DISTILL_SELECTED), "selected");
    assert_string_equal(snnk_distill_tier_name(SNNK_DISTILL_REFINED), "refined");
    assert_null(snnk_distill_tier_name(3));
    assert_null(snnk_distill_tier_name(-1));
}

/* With fewer rows than features it works, and the report says so. */
static void test_few_rows(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);
    snnk_distill_report report = {.size = sizeof report};
    snnk_layer *layer;

    (void)state;
    config.heldout_share = 0.3;
    assert_ok(snnk_layer_distill(a.hidden, a.readout, 4, SNNK_ROWS(.n = 20, .X = a.X), &config,
                                 NULL, &report, &layer));
    assert_true(report.few_rows);
    snnk_layer_free(layer);
    free_teacher(&a);
}

/* Features are selected on about selection_rows rows, here 10 for 20 candidates; Psi is fitted to
 * all rows. */
static void test_selects_on_a_sample(void **state) {
    teacher a = make_teacher(SNNK_RELU, H);
    snnk_distill_config config = config_of(SNNK_DISTILL_SELECTED);

    (void)state;
    teacher_outputs(&a, a.Y);
    for (int with_Y = 0; with_Y < 2; with_Y++)
        for (int few = 0; few < 2; few++) {
            snnk_distill_report report = {.size = sizeof report};
            snnk_layer *layer;

            config.selection_rows = few ? 10 : N;
            assert_ok(snnk_layer_distill(a.hidden, a.readout, 2,
                                         SNNK_ROWS(.n = N, .X = a.X, .Y = with_Y ? a.Y : NULL),
                                         &config, NULL, &report, &layer));
            assert_int_equal(report.few_rows, few);
            assert_int_equal(report.rows + report.heldout_rows, N);
            snnk_layer_free(layer);
        }
    free_teacher(&a);
}

/* Both tiers, with all baselines. */
static void test_failing_allocations(void **state) {
    enum { FEW = 60 };
    teacher a = make_teacher(SNNK_RELU, H);
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_layer *hidden, *readout;
    int st;

    (void)state;
    assert_ok(snnk_layer_create_dense(D, H, a.W1, D, a.b1, SNNK_RELU, &allocator, &hidden));
    assert_ok(snnk_layer_create_dense(H, L, a.W2, H, a.b2, SNNK_IDENTITY, &allocator, &readout));

    for (int32_t tier = SNNK_DISTILL_SELECTED; tier <= SNNK_DISTILL_REFINED; tier++) {
        snnk_distill_config config = config_of(tier);

        config.epochs = 1;
        config.linear = 1;
        assert_survives_some_failing_allocations(memory, st, 40, {
            snnk_distill_report report = {.size = sizeof report};
            snnk_layer *layer;

            st = snnk_layer_distill(hidden, readout, 4, SNNK_ROWS(.n = FEW, .X = a.X), &config,
                                    NULL, &report, &layer);
            assert_made(st, layer);
            snnk_layer_free(layer);
        });
    }
    snnk_layer_free(readout);
    snnk_layer_free(hidden);
    assert_int_equal(memory.alive, 0);
    free_teacher(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_neurons_in_use),
        cmocka_unit_test(test_linear_teacher),
        cmocka_unit_test(test_more_is_better),
        cmocka_unit_test(test_singular_values),
        cmocka_unit_test(test_singular_values_are_no_larger),
        cmocka_unit_test(test_refines),
        cmocka_unit_test(test_refines_by_large_batches),
        cmocka_unit_test(test_refinement_starts_at_the_selection),
        cmocka_unit_test(test_cancels),
        cmocka_unit_test(test_cancels_a_search),
        cmocka_unit_test(test_directions_beside_neurons),
        cmocka_unit_test(test_sampled),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_features_of_errors),
        cmocka_unit_test(test_size_between_too_few_and_too_many),
        cmocka_unit_test(test_linear_is_cut),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_rows_are_copied),
        cmocka_unit_test(test_refuses_rows),
        cmocka_unit_test(test_tier_names),
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_selects_on_a_sample),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
