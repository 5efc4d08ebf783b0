/* src/fit/loss.c: squared error or cross-entropy, compared with logistic regressions in one
 * dimension by Newton's method in this file. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdbool.h>

enum { N = 3000, FEW = 120, MANY = 10000 };

static double X[MANY];
static int32_t labels[MANY];
static float weights[MANY];
static uint64_t groups[MANY];

/* Rows of the logistic model: P(label 1) = 1/(1 + exp(-(b + a x))), x uniform on [-1, 1). Groups
 * of 4 rows. */
static void make_many(size_t n, double a, double b, uint64_t seed) {
    for (size_t i = 0; i < n; i++) {
        X[i] = draw_uniform(&seed);
        labels[i] = (draw_uniform(&seed) + 1) / 2 < 1 / (1 + exp(-(b + a * X[i])));
        weights[i] = (float)(1.5 + draw_uniform(&seed));
        groups[i] = i / 4;
    }
}

static void make_rows(double a, double b, uint64_t seed) { make_many(N, a, b, seed); }

/* A network of identity features that says nothing. */
static snnk_network *make_network(const snnk_allocator *allocator) {
    const float Psi[2] = {0, 0};
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer;
    snnk_network *network;

    snnk_map_config_init(&config, sizeof config);
    config.kind = SNNK_MAP_IDENTITY;
    config.allocator = allocator;
    assert_ok(snnk_map_create(1, &config, NULL, &map));
    assert_ok(snnk_layer_create(map, 2, Psi, 1, NULL, &layer));
    assert_ok(snnk_network_create(allocator, &network));
    assert_ok(snnk_network_append(network, layer));
    snnk_layer_free(layer);
    snnk_map_free(map);
    return network;
}

static snnk_loss_config config_with(double ridge, int32_t always) {
    snnk_loss_config config;

    assert_ok(snnk_loss_config_init(&config, sizeof config));
    config.ridge = ridge;
    config.always = always;
    return config;
}

/* Slope and intercept of the difference of scores that minimize the weighted cross-entropy +
 * ridge/2 (|B_0|^2 + |B_1|^2). By symmetry B_1 = -B_0 = a/2, so the penalty is ridge a^2/4. */
static void newton(const float *w, double ridge, double *a, double *b) {
    *a = *b = 0;
    for (int k = 0; k < 50; k++) {
        double ga = ridge * *a / 2, gb = 0, haa = ridge / 2, hab = 0, hbb = 0;

        for (size_t i = 0; i < N; i++) {
            const double p = 1 / (1 + exp(-(*b + *a * X[i]))), v = w ? (double)w[i] : 1;

            ga += v * (p - labels[i]) * X[i];
            gb += v * (p - labels[i]);
            haa += v * p * (1 - p) * X[i] * X[i];
            hab += v * p * (1 - p) * X[i];
            hbb += v * p * (1 - p);
        }
        const double determinant = haa * hbb - hab * hab;
        *a -= (hbb * ga - hab * gb) / determinant;
        *b -= (haa * gb - hab * ga) / determinant;
    }
}

/* The difference of the two scores at x. */
static double margin(const snnk_network *network, double x) {
    double scores[2];

    assert_ok(snnk_network_forward_f64(network, 1, &x, 1, scores, 2, NULL));
    return scores[1] - scores[0];
}

static void check_solution(const float *w) {
    const snnk_loss_config config = config_with(1e-3, 1);
    snnk_loss_report report = {.size = sizeof report};
    snnk_network *network = make_network(NULL), *chosen;
    double a, b;

    assert_ok(snnk_network_choose_loss(
        network, SNNK_ROWS(.n = N, .inputs = 1, .X_f64 = X, .labels = labels, .weights = w), 2,
        &config, NULL, &report, &chosen));
    assert_int_equal(report.loss, SNNK_LOSS_CROSS_ENTROPY);
    newton(w, report.ridge, &a, &b);
    /* The loss is within about tolerance^2 = 1e-8 of n log 2 of its minimum, so scores are within
     * about sqrt(2e-8/(p (1 - p))) < 1e-3 for p (1 - p) > 0.02; floats of Psi add 1e-7. */
    assert_close(margin(chosen, 0), b, 0, 1e-3);
    assert_close(margin(chosen, 1), a + b, 0, 1e-3);
    assert_non_null(snnk_network_uncertainty(chosen));
    snnk_network_free(chosen);
    snnk_network_free(network);
}

static void test_solution(void **state) {
    (void)state;
    make_rows(2, -1, 1);
    check_solution(NULL);
    check_solution(weights);
}

/* A class of 2 % of the rows that logistic regression predicts where x is near 1, and a line never
 * does: the line through ones and zeros stays far below 1/2. */
static void test_rare(void **state) {
    const snnk_loss_config config = config_with(1e-3, 0);
    snnk_loss_report report = {.size = sizeof report};
    snnk_network *network = make_network(NULL), *chosen;

    (void)state;
    make_rows(60, -58, 2);
    assert_ok(snnk_network_choose_loss(network,
                                       SNNK_ROWS(.n = N, .inputs = 1, .X_f64 = X, .labels = labels),
                                       2, &config, NULL, &report, &chosen));
    assert_int_equal(report.loss, SNNK_LOSS_CROSS_ENTROPY);
    assert_non_null(chosen);
    assert_true(report.log_loss < report.squared_log_loss);
    assert_true(report.misclassified < report.squared_misclassified);
    assert_true(margin(chosen, 1) > 0);
    assert_true(margin(chosen, 0.9) < 0);
    /* The held-out rows of the first fifths: about 600 each, until there are 1000. */
    assert_true(report.heldout_rows >= 1000 && report.heldout_rows < 1400);
    snnk_network_free(chosen);
    snnk_network_free(network);
}

/* Add, to *excess, the expected -log(probability) of new rows less that of the true probabilities,
 * and to *mean the mean probability of label 1 less the true one: integrals over x in [-1, 1). */
static void add_excess(const snnk_network *network, double a, double b, double *excess,
                       double *mean) {
    enum { POINTS = 4000 };
    const snnk_uncertainty *u = snnk_network_uncertainty(network);

    for (int i = 0; i < POINTS; i++) {
        const double x = (2 * i + 1.0) / POINTS - 1, p = 1 / (1 + exp(-(b + a * x)));
        double q[2];

        assert_ok(snnk_network_forward_f64(network, 1, &x, 1, q, 2, NULL));
        assert_ok(snnk_uncertainty_probabilities(u, 1, q, 2, q, 2));
        *mean += (q[1] - p) / POINTS;
        *excess += (p * log(p / q[1]) + (1 - p) * log((1 - p) / q[0])) / POINTS;
    }
}

/* Probabilities of a rare class. By Wilks' theorem, n times the excess of a logistic regression of
 * n rows is chi^2/2 with 2 degrees of freedom: mean 1, standard deviation 1. Slope and biases, if
 * they are not 1 and 0, are such a regression of the held-out rows. The mean probability is then
 * the share of labels 1 in these rows, about 1.7 %, with the standard deviation sqrt(0.017/n). */
static void test_probabilities(void **state) {
    enum { DRAWS = 20, HELD_OUT = MANY / 5 };
    const double error = 1 / sqrt(DRAWS);
    const snnk_loss_config config = config_with(1e-6, 1);
    snnk_network *network = make_network(NULL), *chosen;
    double excess = 0, mean = 0;

    (void)state;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        make_many(MANY, 60, -58, 100 + seed);
        assert_ok(snnk_network_choose_loss(
            network, SNNK_ROWS(.n = MANY, .inputs = 1, .X_f64 = X, .labels = labels), 2, &config,
            NULL, NULL, &chosen));
        add_excess(chosen, 60, -58, &excess, &mean);
        snnk_network_free(chosen);
    }
    assert_true(HELD_OUT * excess / DRAWS < 1 + 4.5 * error);
    assert_true(fabs(mean / DRAWS) < 4.5 * error * sqrt(0.017 / HELD_OUT));
    snnk_network_free(network);
}

/* What is chosen is what has the smaller error, unless cross-entropy is asked for. Of noise both
 * learn the same, so the squared error is kept (test_rare has the other case). */
static void test_choice(void **state) {
    int squared = 0;
    snnk_network *network = make_network(NULL), *chosen;

    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        for (int32_t always = 0; always < 2; always++) {
            const snnk_loss_config config = config_with(1, always);
            snnk_loss_report report = {.size = sizeof report};

            make_rows(0, 0, 10 + seed);
            assert_ok(snnk_network_choose_loss(
                network, SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X, .labels = labels), 2, &config,
                NULL, &report, &chosen));
            const int better = report.log_loss < report.squared_log_loss;
            assert_true((report.loss == SNNK_LOSS_CROSS_ENTROPY) == (better || always));
            assert_true((chosen != NULL) == (better || always));
            /* Five parts: every row was held out once. */
            assert_int_equal(report.heldout_rows, FEW);
            squared += !better;
            snnk_network_free(chosen);
        }
    }
    assert_true(squared > 0);
    snnk_network_free(network);
}

/* Rows of a group are held out together, and so are equal rows. */
static void test_groups(void **state) {
    const snnk_loss_config config = config_with(1, 0);
    snnk_loss_report report = {.size = sizeof report};
    snnk_network *network = make_network(NULL), *chosen;

    (void)state;
    make_rows(2, -1, 3);
    assert_ok(snnk_network_choose_loss(
        network, SNNK_ROWS(.n = N, .inputs = 1, .X_f64 = X, .labels = labels, .groups = groups), 2,
        &config, NULL, &report, &chosen));
    assert_int_equal(report.heldout_rows % 4, 0);
    snnk_network_free(chosen);
    for (size_t i = 0; i < N; i++) X[i] = X[i / 3 * 3];
    assert_ok(snnk_network_choose_loss(network,
                                       SNNK_ROWS(.n = N, .inputs = 1, .X_f64 = X, .labels = labels),
                                       2, &config, NULL, &report, &chosen));
    assert_int_equal(report.heldout_rows % 3, 0);
    snnk_network_free(chosen);
    snnk_network_free(network);
}

/* With few groups, each part that is held out has at least one, and is not everything. */
static void test_few_groups(void **state) {
    snnk_network *network = make_network(NULL), *chosen;

    (void)state;
    make_rows(2, -1, 7);
    for (uint64_t count = 2; count <= 7; count++) {
        for (size_t i = 0; i < FEW; i++) groups[i] = 1000 - 37 * (i % count);
        for (uint64_t seed = 0; seed < 20; seed++) {
            snnk_loss_config config = config_with(1, 0);
            snnk_loss_report report = {.size = sizeof report};

            config.seed = seed;
            assert_ok(snnk_network_choose_loss(
                network,
                SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X, .labels = labels, .groups = groups), 2,
                &config, NULL, &report, &chosen));
            assert_int_equal(report.heldout_rows, FEW); /* five parts: every row once */
            snnk_network_free(chosen);
        }
    }
    for (size_t i = 0; i < FEW; i++) groups[i] = 3;
    assert_status(snnk_network_choose_loss(network,
                                           SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X,
                                                     .labels = labels, .groups = groups),
                                           2, NULL, NULL, NULL, &chosen),
                  SNNK_E_STATE);
    snnk_network_free(network);
}

typedef struct reports {
    long left; /* cancel after so many */
    double last;
} reports;

static int cancel(void *user, double share) {
    reports *r = user;

    assert_true(share >= 0 && share <= 1);
    r->last = share;
    return r->left-- == 0;
}

/* The last report of a call that is not cancelled is 1, whichever loss is chosen. */
static void test_cancel(void **state) {
    snnk_workspace *workspace;
    snnk_network *network = make_network(NULL), *chosen;
    enum { KEPT = 11 }; /* of these rows the squared error is kept */
    bool kept = false;

    (void)state;
    assert_ok(snnk_workspace_create(1, NULL, &workspace));
    for (int32_t always = 0; always < 2; always++) {
        const snnk_loss_config config = config_with(1, always);
        int st = SNNK_E_CANCELLED;

        make_rows(0, 0, KEPT);
        for (long k = 0; st == SNNK_E_CANCELLED; k += 1 + k / 4) {
            snnk_loss_report report = {.size = sizeof report, .loss = 7};
            reports r = {.left = k};

            assert_true(k < 100000);
            assert_ok(snnk_workspace_set_progress(workspace, cancel, &r));
            st = snnk_network_choose_loss(
                network, SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X, .labels = labels), 2, &config,
                workspace, &report, &chosen);
            kept = kept || (st == SNNK_OK && !chosen);
            if (chosen) assert_ok(st);
            if (st == SNNK_OK)
                assert_true(r.last == 1);
            else
                assert_int_equal(report.loss, 7);
            if (k == 0) assert_int_equal(st, SNNK_E_CANCELLED);
            snnk_network_free(chosen);
        }
        assert_int_equal(st, SNNK_OK);
    }
    assert_true(kept);
    snnk_workspace_free(workspace);
    snnk_network_free(network);
}

static void refuse(const snnk_network *network, const snnk_rows *rows, size_t classes,
                   const snnk_loss_config *config, int status) {
    snnk_network *chosen = (snnk_network *)(uintptr_t)network;

    assert_status(snnk_network_choose_loss(network, rows, classes, config, NULL, NULL, &chosen),
                  status);
    assert_null(chosen);
}

static void test_misuse(void **state) {
    snnk_network *network = make_network(NULL), *empty;
    const snnk_rows *rows = SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X, .labels = labels);
    snnk_loss_config config = config_with(0, 0);

    (void)state;
    make_rows(2, -1, 5);
    assert_status(snnk_network_choose_loss(network, rows, 2, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    refuse(NULL, rows, 2, NULL, SNNK_E_NULL);
    refuse(network, rows, 2, &config, SNNK_E_RANGE);
    assert_says("ridge = 0");
    config = config_with(1, 2);
    refuse(network, rows, 2, &config, SNNK_E_RANGE);
    config = config_with(1, 0);
    config.heldout_share = 0.6;
    refuse(network, rows, 2, &config, SNNK_E_RANGE);
    refuse(network, rows, 1, NULL, SNNK_E_SHAPE);
    refuse(network, SNNK_ROWS(.n = 0, .inputs = 1, .X_f64 = X, .labels = labels), 2, NULL,
           SNNK_E_SHAPE);
    refuse(network, SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X, .Y_f64 = X, .outputs = 2), 2, NULL,
           SNNK_E_NULL);
    refuse(network, SNNK_ROWS(.n = 1, .inputs = 1, .X_f64 = X, .labels = labels), 2, NULL,
           SNNK_E_STATE);
    X[3] = NAN;
    refuse(network, rows, 2, NULL, SNNK_E_NONFINITE);
    assert_ok(snnk_network_create(NULL, &empty));
    refuse(empty, rows, 2, NULL, SNNK_E_STATE);
    assert_string_equal(snnk_loss_name(SNNK_LOSS_CROSS_ENTROPY), "cross-entropy");
    assert_string_equal(snnk_loss_name(SNNK_LOSS_USER), "user");
    assert_null(snnk_loss_name(SNNK_LOSS_USER + 1));
    assert_null(snnk_loss_name(-1));
    snnk_network_free(empty);
    snnk_network_free(network);
}

static void test_failing_allocations(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network = make_network(&allocator), *chosen;
    const snnk_loss_config config = config_with(1, 1);
    int st;

    (void)state;
    make_rows(2, -1, 6);
    assert_survives_some_failing_allocations(memory, st, 40, {
        st = snnk_network_choose_loss(
            network,
            SNNK_ROWS(.n = FEW, .inputs = 1, .X_f64 = X, .labels = labels, .weights = weights), 2,
            &config, NULL, NULL, &chosen);
        assert_made(st, chosen);
        snnk_network_free(chosen);
    });
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solution),
        cmocka_unit_test(test_rare),
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_few_groups),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
