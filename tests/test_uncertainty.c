/* src/predict: probabilities, intervals and sets; how they are measured; networks and files that
 * hold them. Expected values are worked out by hand, computed by scikit-learn 1.2.1 or SciPy, or
 * follow from the distribution of the coverage of split conformal prediction. */
#define _XOPEN_SOURCE 700

#include <math.h>
#include <stdlib.h>

#include "support/alloc.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/files.h"

#include "predict/parts.h"
#include "predict/uncertainty.h"

static snnk_uncertainty *create(size_t l, const snnk_rows *rows) {
    snnk_uncertainty *u;

    assert_ok(snnk_uncertainty_create(l, rows, NULL, &u));
    return u;
}

static double radius_of(const snnk_uncertainty *u, size_t output, double coverage) {
    double radius = -1;

    assert_ok(snnk_uncertainty_radius(u, output, coverage, &radius));
    return radius;
}

/* ---- Radii ---- */

/* Nine errors 1 ... 9 in output 0, 10 ... 90 in output 1, of either sign, in no order: the radius
 * is the error of rank ceil(10 coverage). */
static void test_the_radius_is_the_conformal_rank(void **state) {
    static const double order[9] = {3, -9, 1, 7, -5, 2, 8, -4, 6};
    double scores[27], Y[18], lower[2], upper[2];
    snnk_uncertainty *u;
    double radius = 5;

    (void)state;
    for (int i = 0; i < 9; i++) {
        scores[3 * i] = 1e9 + i; /* far larger than the errors, which float would lose */
        scores[3 * i + 1] = -i;
        scores[3 * i + 2] = NAN; /* between the rows */
        Y[2 * i] = scores[3 * i] + order[i];
        Y[2 * i + 1] = scores[3 * i + 1] - 10 * order[i];
    }
    u = create(2, SNNK_ROWS(.n = 9, .X_f64 = scores, .ldx = 3, .Y_f64 = Y));
    assert_int_equal(snnk_uncertainty_get_kind(u), SNNK_UNCERTAINTY_REGRESSION);
    assert_int_equal(snnk_uncertainty_outputs(u), 2);
    assert_int_equal(snnk_uncertainty_rows(u), 9);
    /* Integers below 2^53: exact. 0.7 * 10 is above 7 by rounding in some orders of operations. */
    assert_true(radius_of(u, 0, 0.9) == 9 && radius_of(u, 1, 0.9) == 90);
    assert_true(radius_of(u, 0, 0.7) == 7 && radius_of(u, 0, 0.71) == 8);
    assert_true(radius_of(u, 0, 0.5) == 5 && radius_of(u, 1, 0.01) == 10);
    assert_status(snnk_uncertainty_radius(u, 0, 0.91, &radius), SNNK_E_RANGE);
    assert_says("needs 11 rows"); /* (n + 1) 0.91 <= n from n = 10.1 on */
    assert_status(snnk_uncertainty_radius(u, 0, 0.95, &radius), SNNK_E_RANGE);
    assert_says("needs 19 rows that the network has not learned from, but there were 9: at most "
                "0.9 is possible");
    assert_true(radius == 5);
    assert_ok(snnk_uncertainty_intervals(u, 0.9, 1, (double[]){2e9, 7}, 2, lower, 2, upper, 2));
    assert_true(lower[0] == 2e9 - 9 && upper[0] == 2e9 + 9);
    assert_true(lower[1] == -83 && upper[1] == 97);
    snnk_uncertainty_free(u);
}

/* 1000 errors 1 ... 1000, of which 16 are kept: those of ranks ceil(62.5 j), j = 1 ... 16. */
static void test_of_many_errors_some_are_kept(void **state) {
    snnk_uncertainty_config config;
    snnk_uncertainty *u;
    float zeros[1000] = {0}, Y[1000];

    (void)state;
    for (int i = 0; i < 1000; i++) Y[i] = (float)((i * 7) % 1000 + 1); /* 7 and 1000 are coprime */
    assert_ok(snnk_uncertainty_config_init(&config, sizeof config));
    assert_int_equal(config.most_errors, 1024);
    config.most_errors = 16;
    assert_ok(snnk_uncertainty_create(1, SNNK_ROWS(.n = 1000, .X = zeros, .Y = Y), &config, &u));
    assert_int_equal(snnk_uncertainty_rows(u), 1000);
    assert_true(radius_of(u, 0, 0.5) == 563); /* rank 501; 562.5 is the next of the 62.5 j */
    assert_true(radius_of(u, 0, 62.5 / 1001) == 63);
    assert_true(radius_of(u, 0, 63.5 / 1001) == 125);
    assert_true(radius_of(u, 0, 0.999) == 1000);
    snnk_uncertainty_free(u);
    u = create(1, SNNK_ROWS(.n = 1000, .X = zeros, .Y = Y)); /* all are kept */
    assert_true(radius_of(u, 0, 0.5) == 501 && radius_of(u, 0, 0.9) == 901);
    snnk_uncertainty_free(u);
}

/* Errors 1, 2, 3 of weights 1, 1, 2: up to them is 1/4, 1/2 and all of the weight. Rank 1 of 3
 * needs 1/3 of it, which is at 2; ranks 2 and 3 are at 3. */
static void test_weights_count_as_shares(void **state) {
    const double zeros[3] = {0}, Y[] = {3, -1, 2};
    const float weights[] = {2, 1, 1}, equal[] = {0.1f, 0.1f, 0.1f};
    snnk_uncertainty *u;

    (void)state;
    u = create(1, SNNK_ROWS(.n = 3, .X_f64 = zeros, .Y_f64 = Y, .weights = weights));
    assert_true(radius_of(u, 0, 0.25) == 2 && radius_of(u, 0, 0.5) == 3);
    assert_true(radius_of(u, 0, 0.75) == 3);
    snnk_uncertainty_free(u);
    u = create(1, SNNK_ROWS(.n = 3, .X_f64 = zeros, .Y_f64 = Y, .weights = equal));
    for (int rank = 1; rank <= 3; rank++) assert_true(radius_of(u, 0, rank / 4.0) == rank);
    snnk_uncertainty_free(u);
}

/* A leave-one-out score is infinite where the leverage is 1. */
static void test_infinite_scores_count_as_largest(void **state) {
    const double scores[] = {INFINITY, 0, 0, -INFINITY}, Y[] = {1, 1, 2, 5};
    double lower, upper;
    snnk_uncertainty *u = create(1, SNNK_ROWS(.n = 4, .X_f64 = scores, .Y_f64 = Y));

    (void)state;
    assert_true(radius_of(u, 0, 0.2) == 1 && radius_of(u, 0, 0.4) == 2);
    assert_true(isinf(radius_of(u, 0, 0.6)) && isinf(radius_of(u, 0, 0.8)));
    assert_ok(snnk_uncertainty_intervals(u, 0.8, 1, (double[]){3}, 1, &lower, 1, &upper, 1));
    assert_true(lower == -INFINITY && upper == INFINITY);
    snnk_uncertainty_free(u);
}

/* ---- Statistics of coverage ---- */

static double draw_normal(uint64_t *seed) {
    const double u = (draw_uniform(seed) + 1) / 2, v = draw_uniform(seed);

    return sqrt(-2 * log(1 - u)) * cos(3.14159265358979324 * v);
}

/* The coverage for normal errors given the rows, erf(radius/sqrt 2), is distributed as Beta(k, n +
 * 1 - k). Its first two moments over 2000 draws, each within 4.5 standard errors: a fraction of
 * 7e-6 of right programs fail, and this one always draws the same numbers. */
static void test_coverage_of_intervals_is_beta_distributed(void **state) {
    enum { N = 30, DRAWS = 2000 };
    const double k = 28, mean = k / (N + 1); /* ceil(31 * 0.9) = 28 */
    const double square = k * (k + 1) / ((N + 1.0) * (N + 2));
    sample first = {0}, second = {0};
    uint64_t seed = 7;

    (void)state;
    for (int r = 0; r < DRAWS; r++) {
        double zeros[N] = {0}, Y[N];
        for (int i = 0; i < N; i++) Y[i] = draw_normal(&seed);
        snnk_uncertainty *u = create(1, SNNK_ROWS(.n = N, .X_f64 = zeros, .Y_f64 = Y));
        const double covered = erf(radius_of(u, 0, 0.9) / sqrt(2));
        sample_add(&first, covered);
        sample_add(&second, covered * covered);
        snnk_uncertainty_free(u);
    }
    assert_close(first.mean, mean, 0, 4.5 * sample_error(&first));
    assert_close(second.mean, square, 0, 4.5 * sample_error(&second));
    /* The rank below or above would move the mean by 1/31, ten times as far. */
    assert_true(4.5 * sample_error(&first) < 0.1 / (N + 1) * 4.5);
}

/* Three classes whose probabilities the scores tell with noise. */
static void draw_classes(size_t n, double *scores, int32_t *labels, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) {
        double e[3], sum = 0, u;

        for (int k = 0; k < 3; k++) sum += e[k] = exp(1.5 * draw_normal(seed) - 0.5 * k);
        u = sum * (draw_uniform(seed) + 1) / 2;
        labels[i] = u < e[0] ? 0 : u < e[0] + e[1] ? 1 : 2;
        for (size_t k = 0; k < 3; k++) scores[3 * i + k] = e[k] / sum + 0.05 * draw_normal(seed);
    }
}

/* The coverage of sets, over 300 draws of 100 rows. That of split conformal has the mean k/(n + 1)
 * = 0.901. Slopes and biases of the other four fifths of the rows cost less than 0.01 of it (with
 * those of all rows it is 0.886); 0.0055 is 4.5 standard errors. */
static void test_coverage_of_sets(void **state) {
    enum { N = 100, TEST = 500, DRAWS = 300 };
    double *scores = malloc(3 * (N + TEST) * sizeof *scores);
    int32_t *labels = malloc((N + TEST) * sizeof *labels);
    uint8_t *sets = malloc(3 * TEST);
    sample covered = {0}, sizes = {0};
    uint64_t seed = 11;

    (void)state;
    for (int r = 0; r < DRAWS; r++) {
        snnk_coverage coverage = {.size = sizeof coverage};
        draw_classes(N + TEST, scores, labels, &seed);
        snnk_uncertainty *u = create(3, SNNK_ROWS(.n = N, .X_f64 = scores, .labels = labels));
        assert_ok(snnk_uncertainty_sets(u, 0.9, TEST, scores + 3 * N, 3, sets, 3));
        assert_ok(snnk_coverage_add_sets(TEST, 3, sets, 3, labels + N, NULL, &coverage));
        for (int i = 0; i < TEST; i++) assert_true(sets[3 * i] + sets[3 * i + 1] + sets[3 * i + 2]);
        sample_add(&covered, coverage.coverage);
        sample_add(&sizes, coverage.mean_size);
        snnk_uncertainty_free(u);
    }
    assert_true(4.5 * sample_error(&covered) < 0.0095);
    assert_true(covered.mean > 91.0 / 101 - 0.0055 && covered.mean < 91.0 / 101 + 0.0155);
    assert_true(sizes.mean < 2); /* sets of all three would cover too */
    free(sets);
    free(labels);
    free(scores);
}

/* ---- The order of rows ---- */

enum { TURNS = 500, FRESH = 4000 };

/* Two classes with normal scores, +1 and -1 by class; class 1 is in every fifth place. */
static void draw_turns(size_t n, double *scores, int32_t *labels, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) {
        labels[i] = i % 5 == 0;
        scores[2 * i] = 0;
        scores[2 * i + 1] = (labels[i] ? 1 : -1) + draw_normal(seed);
    }
}

/* The row in place i of the shuffled rows. 7 and 500 have no common divisor. */
static size_t shuffled(size_t i) { return (i % 5 * 100 + i / 5) * 7 % TURNS; }

static snnk_coverage covered_fresh(const snnk_uncertainty *u) {
    static double scores[2 * FRESH];
    static int32_t labels[FRESH];
    static uint8_t sets[2 * FRESH];
    snnk_coverage coverage = {.size = sizeof coverage};
    uint64_t seed = 99;

    draw_turns(FRESH, scores, labels, &seed);
    assert_ok(snnk_uncertainty_sets(u, 0.97, FRESH, scores, 2, sets, 2));
    assert_ok(snnk_coverage_add_sets(FRESH, 2, sets, 2, labels, NULL, &coverage));
    return coverage;
}

/* Rows that come in turns give what the same rows give in another order. If a class were held out
 * as a whole, its probabilities would be so low that nearly every set has both classes. */
static void test_the_order_of_rows_does_not_matter(void **state) {
    double scores[2 * TURNS], mixed[2 * TURNS];
    int32_t labels[TURNS], mixed_labels[TURNS];
    uint64_t seed = 5;

    (void)state;
    draw_turns(TURNS, scores, labels, &seed);
    for (size_t i = 0; i < TURNS; i++) {
        for (size_t k = 0; k < 2; k++) mixed[2 * i + k] = scores[2 * shuffled(i) + k];
        mixed_labels[i] = labels[shuffled(i)];
    }
    snnk_uncertainty *turns = create(2, SNNK_ROWS(.n = TURNS, .X_f64 = scores, .labels = labels));
    snnk_uncertainty *other =
        create(2, SNNK_ROWS(.n = TURNS, .X_f64 = mixed, .labels = mixed_labels));
    const snnk_coverage a = covered_fresh(turns), b = covered_fresh(other);

    /* The parts are the same, and slopes differ by the rounding of sums: hardly one fresh row of
     * 4000 is that near to a threshold. */
    assert_close(a.coverage, b.coverage, 0, 1.5 / FRESH);
    assert_close(a.mean_size, b.mean_size, 0, 1.5 / FRESH);
    /* 3.5 standard errors sqrt(0.97 * 0.03 (1/500 + 1/4000)) of a coverage. */
    assert_close(a.coverage, 0.97, 0, 0.029);
    assert_true(a.mean_size < 1.5);
    snnk_uncertainty_free(turns);
    snnk_uncertainty_free(other);
}

/* Each class is divided into parts that differ by one row at most, groups are not divided, and one
 * group is one part. */
static void test_parts_divide_classes_and_not_groups(void **state) {
    double scores[TURNS];
    int32_t labels[TURNS];
    uint64_t groups[TURNS], seed = 6;
    uint8_t parts[TURNS];
    size_t units, counts[2][SNNK__PARTS] = {{0}};
    snnk_rows rows = *SNNK_ROWS(.n = TURNS, .inputs = 1, .ldx = 1, .X_f64 = scores);
    snnk_allocator allocator;

    (void)state;
    assert_ok(snnk__allocator_read(&allocator, NULL));
    for (size_t i = 0; i < TURNS; i++) {
        scores[i] = draw_uniform(&seed);
        labels[i] = i % 45 == 0; /* 12 rows of class 1 */
        groups[i] = i / 10;
    }
    rows.labels = labels;
    assert_ok(snnk__draw_parts(&allocator, 2, &rows, parts, &units));
    assert_int_equal(units, TURNS);
    for (size_t i = 0; i < TURNS; i++) counts[labels[i]][parts[i]]++;
    for (size_t p = 0; p < SNNK__PARTS; p++) {
        assert_true(counts[0][p] == 97 || counts[0][p] == 98); /* 488/5 = 97.6 */
        assert_true(counts[1][p] == 2 || counts[1][p] == 3);   /* 12/5 = 2.4 */
    }
    rows.groups = groups;
    assert_ok(snnk__draw_parts(&allocator, 2, &rows, parts, &units));
    assert_int_equal(units, TURNS / 10);
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < TURNS; i++) {
        assert_int_equal(parts[i], parts[i / 10 * 10]);
        counts[labels[i]][parts[i]]++;
    }
    for (size_t p = 0; p < SNNK__PARTS; p++) /* the 12 rows of class 1 are in 12 groups */
        assert_true(counts[1][p] == 2 || counts[1][p] == 3);
    for (size_t i = 0; i < TURNS; i++) groups[i] = 7;
    assert_ok(snnk__draw_parts(&allocator, 2, &rows, parts, &units));
    assert_true(units == 1 && parts[0] == 0 && parts[TURNS - 1] == 0);
    snnk_uncertainty *u = create(2, SNNK_ROWS(.n = 4, .X_f64 = (double[]){1, 0, 0, 1, 1, 0, 0, 1},
                                              .labels = (int32_t[]){0, 1, 0, 1}, .groups = groups));
    double threshold;
    assert_ok(snnk_uncertainty_threshold(u, 0.5, &threshold));
    assert_close(threshold, 0.75, 1e-9, 0); /* of slope and biases of all rows */
    snnk_uncertainty_free(u);
}

/* ---- Probabilities ---- */

static const double platt_scores[] = {-2, -1.5, -1, -.5, -.25, 0, .25, .5, 1, 1.5, 2, 3};
static const int32_t platt_labels[] = {0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1};

/* For two classes with scores 0 and s, 1/(1 + exp(A s + B)) with A = -slope and B = bias 0 - bias
 * 1. Expected: scikit-learn's CalibratedClassifierCV (_SigmoidCalibration), which stops at a
 * gradient of 1e-5: its A and B are right to about 1e-6. */
static void check_platt(const float *weights, double A, double B) {
    double scores[24], P[6], s[3] = {-1, 0, .7};

    for (int i = 0; i < 12; i++) {
        scores[2 * i] = 1e6; /* a common part changes nothing */
        scores[2 * i + 1] = 1e6 + platt_scores[i];
    }
    snnk_uncertainty *u =
        create(2, SNNK_ROWS(.n = 12, .X_f64 = scores, .labels = platt_labels, .weights = weights));
    assert_int_equal(snnk_uncertainty_get_kind(u), SNNK_UNCERTAINTY_CLASSIFICATION);
    assert_close(snnk_uncertainty_slope(u), -A, 0, 5e-6);
    assert_close(snnk_uncertainty_bias(u, 0) - snnk_uncertainty_bias(u, 1), B, 0, 5e-6);
    assert_close(snnk_uncertainty_bias(u, 0) + snnk_uncertainty_bias(u, 1), 0, 0, 1e-12);
    for (int i = 0; i < 3; i++) {
        P[2 * i] = 0;
        P[2 * i + 1] = s[i];
    }
    assert_ok(snnk_uncertainty_probabilities(u, 3, P, 2, P, 2)); /* in place */
    for (int i = 0; i < 3; i++) {
        assert_close(P[2 * i + 1], 1 / (1 + exp(A * s[i] + B)), 0, 5e-6);
        assert_close(P[2 * i] + P[2 * i + 1], 1, 0, 1e-15);
    }
    snnk_uncertainty_free(u);
}

static void test_two_classes_are_calibrated_as_by_platt(void **state) {
    const float weights[] = {1, 2, 1, 1, 3, 1, 1, 1, 2, 1, 1, 0.5f};

    (void)state;
    check_platt(NULL, -0.965977568581016, 0.20410487167524238);
    check_platt(weights, -1.2870201360912872, 0.45166722082578026);
}

/* Expected: SciPy's BFGS on the log loss with the targets (n_k + 1)/(n_k + 2) and 1/(n_k + 2)/2, to
 * a gradient of 1e-11. */
static void test_three_classes(void **state) {
    const float scores[] = {2,   1, 0, 1, 2, .5f, 0,   1,   2,   1.5f, 1, 1,    .5f, .2f,
                            .9f, 0, 2, 1, 1, 0,   .5f, .3f, .1f, 2.5f, 1, 1.2f, .8f};
    const int32_t labels[] = {0, 1, 2, 0, 0, 1, 0, 2, 2};
    const double biases[] = {0.49181464, -0.36408514, -0.1277295};
    snnk_uncertainty *u = create(3, SNNK_ROWS(.n = 9, .X = scores, .labels = labels));

    (void)state;
    /* The scores are rounded to float, so slope and biases differ by about 1e-7. */
    assert_close(snnk_uncertainty_slope(u), 1.2743751079395882, 0, 2e-6);
    for (size_t k = 0; k < 3; k++) assert_close(snnk_uncertainty_bias(u, k), biases[k], 0, 2e-6);
    assert_true(isnan(snnk_uncertainty_bias(u, 3)));
    snnk_uncertainty_free(u);
}

/* Logits that are right but far apart, with a class of 1.7 % of the rows. The targets are smoothed
 * less here, or the rows with logits near -100 would make the slope much smaller than 1. In 20
 * draws, by Wilks' theorem, n times the excess of the expected log loss over that of the true
 * probabilities is chi^2/2 with 2 degrees of freedom: mean 1, standard deviation 1. */
static void test_far_logits(void **state) {
    enum { N = 2000, DRAWS = 20, POINTS = 4000 };
    double *scores = malloc(2 * N * sizeof *scores), excess = 0;
    int32_t *labels = malloc(N * sizeof *labels);
    uint64_t seed = 21;

    (void)state;
    for (int r = 0; r < DRAWS; r++) {
        for (int i = 0; i < N; i++) {
            const double z = 60 * draw_uniform(&seed) - 58;

            scores[2 * i] = 0;
            scores[2 * i + 1] = z;
            labels[i] = (draw_uniform(&seed) + 1) / 2 < 1 / (1 + exp(-z));
        }
        snnk_uncertainty *u = create(2, SNNK_ROWS(.n = N, .X_f64 = scores, .labels = labels));
        for (int i = 0; i < POINTS; i++) {
            const double z = 60 * ((2 * i + 1.0) / POINTS - 1) - 58, p = 1 / (1 + exp(-z));
            double q[2] = {0, z};

            assert_ok(snnk_uncertainty_probabilities(u, 1, q, 2, q, 2));
            excess += (p * log(p / q[1]) + (1 - p) * log((1 - p) / q[0])) / POINTS;
        }
        snnk_uncertainty_free(u);
    }
    assert_true(N * excess / DRAWS < 1 + 4.5 / sqrt(DRAWS));
    free(labels);
    free(scores);
}

/* Equal scores tell nothing, and neither do those that fall where the class is right: the
 * probabilities are the mean targets. Counts 2, 1, 1: (2 * 3/4 + 1/6 + 1/6)/4 = 11/24 for class 0,
 * (2/3 + 2 * 1/8 + 1/6)/4 = 13/48 for the others. */
static void test_useless_scores_give_the_shares_of_classes(void **state) {
    const int32_t labels[] = {0, 2, 1, 0};
    const double equal[12] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5};
    double opposite[12] = {0}, P[3];

    (void)state;
    for (int i = 0; i < 4; i++) opposite[3 * i + labels[i]] = -1;
    for (int which = 0; which < 2; which++) {
        const double *scores = which ? opposite : equal;
        snnk_uncertainty *u = create(3, SNNK_ROWS(.n = 4, .X_f64 = scores, .labels = labels));
        if (which) assert_true(snnk_uncertainty_slope(u) == 0);
        assert_ok(snnk_uncertainty_probabilities(u, 1, (double[]){1, 2, 3}, 3, P, 3));
        /* Rounding of 3 terms, and of exp and log: a few ulp. */
        assert_close(P[0], 11.0 / 24, 0, 1e-14);
        assert_close(P[1], 13.0 / 48, 0, 1e-14);
        assert_close(P[2], 13.0 / 48, 0, 1e-14);
        snnk_uncertainty_free(u);
    }
}

/* Scores that separate the classes have a finite slope, and the same probabilities at any scale. Of
 * each class there are 2 rows, so the targets are 3/4 and 1/4, and these are the probabilities. */
static void test_separated_classes_and_scales(void **state) {
    const int32_t labels[] = {0, 1, 0, 1};
    static const double scales[] = {1e-20, 1, 1e20};

    (void)state;
    for (int j = 0; j < 3; j++) {
        const double c = scales[j], scores[] = {c, -c, -c, c, c, -c, -c, c};
        double P[8];
        snnk_uncertainty *u = create(2, SNNK_ROWS(.n = 4, .X_f64 = scores, .labels = labels));

        assert_close(snnk_uncertainty_slope(u) * 2 * c, log(3), 1e-9, 0); /* p/(1 - p) = 3 */
        assert_ok(snnk_uncertainty_probabilities(u, 4, scores, 2, P, 2));
        for (int i = 0; i < 4; i++) assert_close(P[2 * i + labels[i]], 0.75, 1e-9, 0);
        snnk_uncertainty_free(u);
    }
}

/* Without biases, only the slope: the same condition as above, so probabilities of equal scores are
 * equal. */
static void test_many_classes_have_no_biases(void **state) {
    const double scores[] = {1, 0, 1, 0, 1, 0, 0, 1};
    const int32_t labels[] = {0, 0, 0, 1};
    snnk_uncertainty_config config;
    snnk_uncertainty *u;
    double P[2];

    (void)state;
    assert_ok(snnk_uncertainty_config_init(&config, sizeof config));
    config.most_biases = 1;
    assert_ok(snnk_uncertainty_create(2, SNNK_ROWS(.n = 4, .X_f64 = scores, .labels = labels),
                                      &config, &u));
    assert_true(snnk_uncertainty_bias(u, 0) == 0 && snnk_uncertainty_bias(u, 1) == 0);
    /* The mean target of the right class is (3 * 4/5 + 2/3)/4 = 23/30 = p. */
    assert_close(snnk_uncertainty_slope(u), log(23.0 / 7), 1e-9, 0);
    assert_ok(snnk_uncertainty_probabilities(u, 1, (double[]){3, 3}, 2, P, 2));
    assert_true(P[0] == 0.5 && P[1] == 0.5);
    snnk_uncertainty_free(u);
}

/* ---- Sets ---- */

/* Nineteen rows in which the scores are right, and one in which they are wrong. */
static snnk_uncertainty *mostly_right(void) {
    double scores[60] = {0};
    int32_t labels[20];

    for (int i = 0; i < 20; i++) {
        labels[i] = i % 3;
        scores[3 * i + (i == 7 ? 0 : i % 3)] = 1; /* row 7 has label 1 */
    }
    return create(3, SNNK_ROWS(.n = 20, .X_f64 = scores, .labels = labels));
}

static void test_sets_have_the_likely_classes(void **state) {
    snnk_uncertainty *u = mostly_right();
    const double scores[] = {0, 1, 0, .501, .5, 0, 0, 0, 0, NAN, 1, 0};
    double P[12], threshold;
    uint8_t sets[12];

    (void)state;
    assert_ok(snnk_uncertainty_threshold(u, 0.9, &threshold));
    assert_ok(snnk_uncertainty_probabilities(u, 4, scores, 3, P, 3));
    assert_ok(snnk_uncertainty_sets(u, 0.9, 4, scores, 3, sets, 3));
    assert_true(threshold > 0.5 && threshold < 1); /* rank 19 of 20: the least of the right rows */
    assert_true(sets[0] == 0 && sets[1] == 1 && sets[2] == 0);
    /* No probability of rows 1 and 2 is that high: they have the class with the largest score, the
     * first of equal ones. In row 1 it is not the most probable one. */
    assert_true(P[4] > P[3]);
    for (int i = 1; i < 3; i++)
        assert_true(sets[3 * i] == 1 && sets[3 * i + 1] == 0 && sets[3 * i + 2] == 0);
    assert_true(isnan(P[9]) && isnan(P[10]) && isnan(P[11]));
    assert_true(sets[9] == 1 && sets[10] == 1 && sets[11] == 1);
    /* The wrong row has rank 20: a class as unlikely as its own is in the sets then. */
    assert_ok(snnk_uncertainty_threshold(u, 0.95, &threshold));
    assert_true(threshold < 0.2);
    assert_ok(snnk_uncertainty_sets(u, 0.95, 2, scores, 3, sets, 3));
    assert_true(sets[3] == 1 && sets[4] == 1);
    assert_status(snnk_uncertainty_sets(u, 0.96, 4, scores, 3, sets, 3), SNNK_E_RANGE);
    assert_says("needs 24 rows that the network has not learned from, but there were 20: at most "
                "0.952 is possible"); /* 20/21 = 0.95238 */
    assert_ok(snnk_uncertainty_threshold(u, 0.952, &threshold));
    snnk_uncertainty_free(u);
}

/* ---- Measures ---- */

/* Log loss: scikit-learn 1.2.1 (log_loss), with and without weights. Brier by hand: .14, .06, .74,
 * .875, 0. Most probable class right: yes, yes, no, no, yes. The largest probabilities .7, .8, .4,
 * .5, 1 are in five bins: error (.3 + .2 + .4 + .5 + 0)/5; with weights 1, 2, 1, 1, 4 of 9:
 * (.3 + .4 + .4 + .5)/9. */
static void test_measures_of_probabilities(void **state) {
    const double P[] = {.7, .2, .1, .1, .8, .1, .3, .3, .4, .25, .5, .25, 1, 0, 0};
    const int32_t labels[] = {0, 1, 0, 2, 0};
    const float weights[] = {1, 2, 1, 1, 4};
    snnk_calibration c = {.size = sizeof c}, w = {.size = sizeof w};

    (void)state;
    for (size_t i = 0; i < 5; i++) /* one row at a time; then all at once */
        assert_ok(snnk_calibration_add(
            3, SNNK_ROWS(.n = 1, .X_f64 = P + 3 * i, .labels = labels + i), &c));
    assert_int_equal(c.rows, 5);
    /* Means of 5 numbers below 2 in double: 1e-15. */
    assert_close(c.log_loss, 0.6340171321397539, 1e-14, 0);
    assert_close(c.brier, (.14 + .06 + .74 + .875) / 5, 1e-14, 0);
    assert_close(c.accuracy, 0.6, 1e-15, 0);
    assert_close(c.calibration_error, 1.4 / 5, 1e-14, 0);
    assert_ok(snnk_calibration_add(
        3, SNNK_ROWS(.n = 5, .X_f64 = P, .labels = labels, .weights = weights), &w));
    assert_close(w.weight, 9, 0, 0);
    assert_close(w.log_loss, 0.37702546800144227, 1e-14, 0);
    assert_close(w.calibration_error, 1.6 / 9, 1e-14, 0);
    /* A certain and wrong answer costs -log(2^-52). */
    c = (snnk_calibration){.size = sizeof c};
    assert_ok(
        snnk_calibration_add(3, SNNK_ROWS(.n = 1, .X_f64 = P + 12, .labels = (int32_t[]){1}), &c));
    assert_close(c.log_loss, 52 * log(2), 1e-15, 0);
}

/* Rows of one bin are averaged before they are compared: (.61, right) and (.66, wrong) are in bin
 * (.6, .667]: |.5 - .635|. 0.6 itself is in the bin below. */
static void test_bins_of_the_calibration_error(void **state) {
    const double P[] = {.61, .39, .34, .66, .6, .4};
    const int32_t labels[] = {0, 0, 0};
    snnk_calibration c = {.size = sizeof c};

    (void)state;
    assert_ok(snnk_calibration_add(2, SNNK_ROWS(.n = 2, .X_f64 = P, .labels = labels), &c));
    assert_close(c.calibration_error, 0.135, 1e-14, 0);
    assert_true(c.bin_weight[9] == 2 && c.bin_accuracy[9] == 0.5);
    assert_close(c.bin_confidence[9], 0.635, 1e-14, 0);
    assert_ok(snnk_calibration_add(2, SNNK_ROWS(.n = 1, .X_f64 = P + 4, .labels = labels), &c));
    assert_true(c.bin_weight[8] == 1);
    assert_close(c.calibration_error, (2 * .135 + .4) / 3, 1e-14, 0);
    const snnk_calibration before = c;
    assert_status(snnk_calibration_add(
                      2, SNNK_ROWS(.n = 1, .X_f64 = (double[]){1.5, -.5}, .labels = labels), &c),
                  SNNK_E_RANGE);
    assert_says("column 0, is 1.5");
    assert_status(snnk_calibration_add(
                      2, SNNK_ROWS(.n = 1, .X_f64 = (double[]){NAN, 0}, .labels = labels), &c),
                  SNNK_E_RANGE);
    assert_status(snnk_calibration_add(2, SNNK_ROWS(.n = 1, .X_f64 = P, .Y_f64 = P), &c),
                  SNNK_E_NULL);
    assert_memory_equal(&c, &before, sizeof c);
}

/* Two outputs: 1 of 2, 2 of 2 and 0 of 2 targets are inside; widths 2, 4 and 1. */
static void test_measures_of_coverage(void **state) {
    const double lower[] = {0, 0, -2, -2, 0, 0}, upper[] = {2, 2, 2, 2, 1, 1};
    const double Y[] = {1, 3, -2, 2, NAN, -1};
    const uint8_t sets[] = {1, 0, 1, 1, 1, 1, 0, 1, 0};
    const int32_t labels[] = {1, 2, 1};
    const float weights[] = {1, 2, 1};
    snnk_coverage c = {.size = sizeof c};

    (void)state;
    assert_ok(snnk_coverage_add_intervals(2, 2, lower, 2, upper, 2, Y, 2, NULL, &c));
    assert_ok(snnk_coverage_add_intervals(1, 2, lower + 4, 2, upper + 4, 2, Y + 4, 2, NULL, &c));
    assert_int_equal(c.rows, 3);
    assert_close(c.coverage, 0.5, 1e-15, 0);
    assert_close(c.mean_size, 7.0 / 3, 1e-15, 0);
    c = (snnk_coverage){.size = sizeof c};
    assert_ok(snnk_coverage_add_intervals(3, 2, lower, 2, upper, 2, Y, 2, weights, &c));
    assert_close(c.coverage, 2.5 / 4, 1e-15, 0);
    assert_close(c.mean_size, 11.0 / 4, 1e-15, 0);
    c = (snnk_coverage){.size = sizeof c};
    assert_ok(snnk_coverage_add_sets(3, 3, sets, 3, labels, weights, &c));
    assert_close(c.coverage, 3.0 / 4, 1e-15, 0);
    assert_close(c.mean_size, (2 + 6 + 1) / 4.0, 1e-15, 0);
    assert_status(snnk_coverage_add_sets(3, 2, sets, 3, labels, NULL, &c), SNNK_E_RANGE);
    assert_status(snnk_coverage_add_sets(3, 3, sets, 2, labels, NULL, &c), SNNK_E_STRIDE);
    assert_status(snnk_coverage_add_intervals(3, 0, lower, 2, upper, 2, Y, 2, NULL, &c),
                  SNNK_E_SHAPE);
    assert_int_equal(c.rows, 3);
    /* With one interval of infinite width the mean is infinite, in either order. */
    const double low[] = {-INFINITY, 0}, high[] = {INFINITY, 1}, y[] = {0, 0};
    c = (snnk_coverage){.size = sizeof c};
    assert_ok(snnk_coverage_add_intervals(2, 1, low, 1, high, 1, y, 1, NULL, &c));
    assert_true(c.mean_size == INFINITY && c.coverage == 1);
}

/* ---- Networks and files ---- */

static snnk_uncertainty *some_regression(size_t l) {
    double scores[60] = {0}, Y[60];
    uint64_t seed = 3;

    for (int i = 0; i < 60; i++) Y[i] = draw_uniform(&seed);
    scores[59] = INFINITY;
    return create(l, SNNK_ROWS(.n = 60 / l, .X_f64 = scores, .Y_f64 = Y));
}

static void *save(const snnk_uncertainty *u, size_t *bytes) {
    void *buffer;

    assert_ok(snnk_uncertainty_saved_bytes(u, bytes));
    buffer = malloc(*bytes);
    assert_ok(snnk_uncertainty_save_memory(u, buffer, *bytes));
    return buffer;
}

static void test_saved_and_loaded(void **state) {
    test_files files;
    size_t bytes, again;

    (void)state;
    test_files_make(&files);
    for (int which = 0; which < 2; which++) {
        snnk_uncertainty *u = which ? some_regression(3) : mostly_right(), *loaded, *from_file;
        void *buffer = save(u, &bytes), *second;

        assert_ok(snnk_uncertainty_load_memory(buffer, bytes, NULL, &loaded));
        second = save(loaded, &again);
        assert_int_equal(again, bytes);
        assert_memory_equal(second, buffer, bytes);
        assert_int_equal(snnk_uncertainty_get_kind(loaded), which ? 0 : 1);
        assert_int_equal(snnk_uncertainty_rows(loaded), 20);
        assert_int_equal(snnk_uncertainty_outputs(loaded), 3);
        if (which) {
            assert_true(radius_of(loaded, 0, 0.9) == radius_of(u, 0, 0.9));
            assert_true(isinf(radius_of(loaded, 2, 0.95)));
        } else {
            assert_true(snnk_uncertainty_slope(loaded) == snnk_uncertainty_slope(u));
            assert_true(snnk_uncertainty_bias(loaded, 1) == snnk_uncertainty_bias(u, 1));
        }
        const char *path = test_path(&files, "u.safetensors");
        assert_ok(snnk_uncertainty_save(u, path));
        assert_ok(snnk_uncertainty_load(path, NULL, &from_file));
        assert_int_equal(snnk_uncertainty_outputs(from_file), 3);
        snnk_uncertainty_free(from_file);
        snnk_uncertainty_free(loaded);
        snnk_uncertainty_free(u);
        free(second);
        free(buffer);
    }
    test_files_remove(&files);
}

static void check_refused(const void *sound, size_t n_sound, const char *from, const char *to,
                          const char *tensor, const char *says) {
    snnk_uncertainty *u;
    size_t bytes;
    void *file =
        edited_file(sound, n_sound, from ? "snnk.uncertainty" : NULL, from, to, tensor, &bytes);

    assert_status(snnk_uncertainty_load_memory(file, bytes, NULL, &u), SNNK_E_FORMAT);
    assert_null(u);
    assert_says(says);
    free(file);
}

static void test_damaged_files_are_refused(void **state) {
    snnk_uncertainty *classes = mostly_right(), *values = some_regression(3);
    size_t n;
    void *sound = save(classes, &n);

    (void)state;
    check_refused(sound, n, "\"classification\"", "\"other\"", NULL, "kind");
    check_refused(sound, n, "\"outputs\":3", "\"outputs\":1", NULL, "outputs");
    check_refused(sound, n, "\"outputs\":3", "\"outputs\":4", NULL, "uncertainty.biases");
    check_refused(sound, n, "\"rows\":20", "\"rows\":19", NULL, "errors");
    check_refused(sound, n, "\"errors\":20", "\"errors\":0", NULL, "errors");
    check_refused(sound, n, "\"errors\":20", "\"errors\":19", NULL, "uncertainty.errors");
    check_refused(sound, n, "\"slope\":", "\"slope\":-", NULL, "slope");
    check_refused(sound, n, NULL, NULL, "uncertainty.errors", "uncertainty.errors");
    check_refused(sound, n, NULL, NULL, "uncertainty.biases", "uncertainty.biases");
    /* Errors of a classification are negative, so those of a regression cannot be. */
    check_refused(sound, n, "\"classification\",\"outputs\":3", "\"regression\",\"outputs\":1",
                  NULL, "error 0 of output 0");
    free(sound);
    sound = save(values, &n);
    check_refused(sound, n, "\"outputs\":3", "\"outputs\":9999999999", NULL, "uncertainty.errors");
    free(sound);
    values->errors[21] = 9; /* the second one of output 1, and larger than those that follow */
    sound = save(values, &n);
    check_refused(sound, n, "\"outputs\":3", "\"outputs\":3", NULL, "error 2 of output 1");
    free(sound);
    snnk_uncertainty_free(values);
    snnk_uncertainty_free(classes);
}

static snnk_layer *dense_layer(size_t inputs, size_t outputs) {
    float W[16];
    snnk_layer *layer;

    draw_floats(W, 16, 5);
    assert_ok(
        snnk_layer_create_dense(inputs, outputs, W, inputs, NULL, SNNK_IDENTITY, NULL, &layer));
    return layer;
}

static snnk_network *network_of(const snnk_layer *layer) {
    snnk_network *network;

    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    return network;
}

static snnk_network *through_memory(const snnk_network *network) {
    snnk_network *loaded;
    size_t bytes;

    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    void *buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    free(buffer);
    return loaded;
}

static void test_networks_hold_uncertainties(void **state) {
    snnk_layer *layer = dense_layer(3, 3);
    snnk_network *network = network_of(layer), *loaded, *bundled, *quantized, *empty;
    snnk_uncertainty *u = some_regression(3), *other = some_regression(2);

    (void)state;
    assert_null(snnk_network_uncertainty(network));
    assert_status(snnk_network_set_uncertainty(network, other), SNNK_E_SHAPE);
    assert_says("the uncertainty has 2 outputs, but the network 3");
    assert_ok(snnk_network_create(NULL, &empty));
    assert_status(snnk_network_set_uncertainty(empty, u), SNNK_E_STATE);
    assert_ok(snnk_network_set_uncertainty(network, u));
    assert_ok(snnk_network_set_uncertainty(network, u)); /* the same again */
    const double radius = radius_of(u, 1, 0.9);
    snnk_uncertainty_free(u); /* the network keeps it alive */
    loaded = through_memory(network);
    assert_true(radius_of(snnk_network_uncertainty(loaded), 1, 0.9) == radius);
    snnk_network_free(loaded);
    assert_ok(snnk_network_bundle(network, 0, 0, &bundled));
    assert_ptr_equal(snnk_network_uncertainty(bundled), snnk_network_uncertainty(network));
    assert_ok(snnk_network_quantize(network, SNNK_STORAGE_INT8, NULL, NULL, NULL, &quantized));
    assert_ptr_equal(snnk_network_uncertainty(quantized), snnk_network_uncertainty(network));
    snnk_network_free(network);
    assert_true(radius_of(snnk_network_uncertainty(quantized), 1, 0.9) == radius);
    assert_ok(snnk_network_append(bundled, layer)); /* the outputs are others now */
    assert_null(snnk_network_uncertainty(bundled));
    assert_ok(snnk_network_set_uncertainty(quantized, NULL));
    assert_null(snnk_network_uncertainty(quantized));
    snnk_network_free(empty);
    snnk_network_free(bundled);
    snnk_network_free(quantized);
    snnk_uncertainty_free(other);
    snnk_layer_free(layer);
}

/* A network that is solved again keeps its uncertainty, unless its number of outputs changes. */
static void test_solving_again(void **state) {
    snnk_map_config config;
    snnk_map *map;
    snnk_lstsq *lstsq;
    snnk_layer *layer;
    float Phi[12];

    (void)state;
    draw_floats(Phi, 12, 9);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    config.features = 2;
    assert_ok(snnk_map_create(2, &config, NULL, &map));
    for (size_t targets = 2; targets <= 3; targets++) {
        float Y[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13};
        float Psi[4] = {1, 0, 0, 1};
        snnk_uncertainty *u = some_regression(2);

        assert_ok(snnk_layer_create(map, 2, Psi, 2, NULL, &layer));
        snnk_network *network = network_of(layer);
        assert_ok(snnk_network_set_uncertainty(network, u));
        assert_ok(snnk_lstsq_create(2, targets, NULL, &lstsq));
        assert_ok(snnk_lstsq_add(lstsq, SNNK_ROWS(.n = 4, .X = Phi, .Y = Y), NULL));
        assert_ok(snnk_network_set_statistics(network, lstsq));
        assert_ok(snnk_network_solve(network, NULL, NULL, NULL));
        assert_int_equal(snnk_network_outputs(network), targets);
        if (targets == 2)
            assert_ptr_equal(snnk_network_uncertainty(network), u);
        else
            assert_null(snnk_network_uncertainty(network));
        snnk_lstsq_free(lstsq);
        snnk_network_free(network);
        snnk_layer_free(layer);
        snnk_uncertainty_free(u);
    }
    snnk_map_free(map);
}

/* ---- Misuse ---- */

static void test_misuse_is_refused(void **state) {
    const double X[] = {0, 1, 2, 3}, bad[] = {0, NAN, 2, 3}, far[] = {0, INFINITY, 2, 3};
    const int32_t labels[] = {0, 1};
    snnk_uncertainty_config config;
    snnk_uncertainty *u = (snnk_uncertainty *)&config, *classes = mostly_right(),
                     *values = some_regression(3);
    double number = 5, P[6];
    uint8_t sets[6];

    (void)state;
    assert_status(snnk_uncertainty_create(2, NULL, NULL, &u), SNNK_E_NULL);
    assert_null(u);
    assert_status(snnk_uncertainty_create(2, SNNK_ROWS(.X_f64 = X, .labels = labels), NULL, &u),
                  SNNK_E_SHAPE);
    assert_status(snnk_uncertainty_create(0, SNNK_ROWS(.n = 2, .X_f64 = X, .Y_f64 = X), NULL, &u),
                  SNNK_E_SHAPE);
    assert_status(
        snnk_uncertainty_create(1, SNNK_ROWS(.n = 1, .X_f64 = X, .labels = labels), NULL, &u),
        SNNK_E_SHAPE);
    assert_says("labels of 1 class");
    assert_status(snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = X), NULL, &u), SNNK_E_NULL);
    assert_status(snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = bad, .Y_f64 = X), NULL, &u),
                  SNNK_E_NONFINITE);
    assert_says("the score in row 0, column 1, is NaN");
    assert_status(snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = X, .Y_f64 = far), NULL, &u),
                  SNNK_E_NONFINITE);
    assert_says("the target in row 0, column 1, is inf");
    assert_status(
        snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = far, .labels = labels), NULL, &u),
        SNNK_E_NONFINITE);
    assert_ok(snnk_uncertainty_config_init(&config, sizeof config));
    config.most_errors = 15;
    assert_status(
        snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = X, .labels = labels), &config, &u),
        SNNK_E_RANGE);
    assert_null(u);
    assert_status(snnk_uncertainty_radius(classes, 0, 0.9, &number), SNNK_E_STATE);
    assert_status(snnk_uncertainty_threshold(values, 0.9, &number), SNNK_E_STATE);
    assert_status(snnk_uncertainty_probabilities(values, 1, X, 3, P, 3), SNNK_E_STATE);
    assert_status(snnk_uncertainty_sets(values, 0.9, 1, X, 3, sets, 3), SNNK_E_STATE);
    assert_status(snnk_uncertainty_intervals(classes, 0.9, 1, X, 3, P, 3, P + 3, 3), SNNK_E_STATE);
    assert_status(snnk_uncertainty_radius(values, 3, 0.9, &number), SNNK_E_RANGE);
    assert_status(snnk_uncertainty_radius(values, 0, 1, &number), SNNK_E_RANGE);
    assert_status(snnk_uncertainty_radius(values, 0, NAN, &number), SNNK_E_RANGE);
    assert_status(snnk_uncertainty_threshold(NULL, 0.9, &number), SNNK_E_NULL);
    assert_status(snnk_uncertainty_probabilities(classes, 1, X, 2, P, 3), SNNK_E_STRIDE);
    assert_status(snnk_uncertainty_intervals(values, 0.9, 1, X, 3, P, 3, P + 1, 3), SNNK_E_OVERLAP);
    assert_true(number == 5);
    assert_ok(snnk_uncertainty_probabilities(classes, 0, NULL, 3, NULL, 3));
    assert_int_equal(snnk_uncertainty_get_kind(NULL), -1);
    assert_int_equal(snnk_uncertainty_outputs(NULL) + snnk_uncertainty_rows(NULL), 0);
    assert_true(isnan(snnk_uncertainty_slope(values)) && isnan(snnk_uncertainty_bias(NULL, 0)));
    assert_null(snnk_uncertainty_retain(NULL));
    assert_null(snnk_network_uncertainty(NULL));
    assert_string_equal(snnk_uncertainty_kind_name(0), "regression");
    assert_string_equal(snnk_uncertainty_kind_name(1), "classification");
    assert_null(snnk_uncertainty_kind_name(2));
    assert_ptr_equal(snnk_uncertainty_retain(values), values);
    snnk_uncertainty_free(values);
    assert_int_equal(snnk_uncertainty_outputs(values), 3); /* one owner is left */
    snnk_uncertainty_free(values);
    snnk_uncertainty_free(classes);
}

static void test_failing_allocations(void **state) {
    const double X[] = {0, 1, 2, 3};
    const int32_t labels[] = {0, 1};
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_uncertainty_config config;
    snnk_uncertainty *u, *sound = mostly_right();
    size_t bytes;
    void *file = save(sound, &bytes);
    int st;

    (void)state;
    assert_ok(snnk_uncertainty_config_init(&config, sizeof config));
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = X, .labels = labels), &config,
                                     &u);
        assert_made(st, u);
        snnk_uncertainty_free(u);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_uncertainty_create(2, SNNK_ROWS(.n = 2, .X_f64 = X, .Y_f64 = X), &config, &u);
        assert_made(st, u);
        snnk_uncertainty_free(u);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_uncertainty_load_memory(file, bytes, &allocator, &u);
        assert_made(st, u);
        snnk_uncertainty_free(u);
    });
    snnk_uncertainty_free(sound);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_radius_is_the_conformal_rank),
        cmocka_unit_test(test_of_many_errors_some_are_kept),
        cmocka_unit_test(test_weights_count_as_shares),
        cmocka_unit_test(test_infinite_scores_count_as_largest),
        cmocka_unit_test(test_coverage_of_intervals_is_beta_distributed),
        cmocka_unit_test(test_coverage_of_sets),
        cmocka_unit_test(test_the_order_of_rows_does_not_matter),
        cmocka_unit_test(test_parts_divide_classes_and_not_groups),
        cmocka_unit_test(test_two_classes_are_calibrated_as_by_platt),
        cmocka_unit_test(test_three_classes),
        cmocka_unit_test(test_useless_scores_give_the_shares_of_classes),
        cmocka_unit_test(test_separated_classes_and_scales),
        cmocka_unit_test(test_many_classes_have_no_biases),
        cmocka_unit_test(test_far_logits),
        cmocka_unit_test(test_sets_have_the_likely_classes),
        cmocka_unit_test(test_measures_of_probabilities),
        cmocka_unit_test(test_bins_of_the_calibration_error),
        cmocka_unit_test(test_measures_of_coverage),
        cmocka_unit_test(test_saved_and_loaded),
        cmocka_unit_test(test_damaged_files_are_refused),
        cmocka_unit_test(test_networks_hold_uncertainties),
        cmocka_unit_test(test_solving_again),
        cmocka_unit_test(test_misuse_is_refused),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
