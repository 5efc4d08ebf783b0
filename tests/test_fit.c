/* src/fit/fit.c: a layer fitted to rows that are added in batches. */
#include "support/alloc.h"
#include "support/compare.h"

#include "base/random.h"

#define D 5
#define L 3

/* n rows of N(0,1) inputs; targets A x + c plus noise times N(0,1); labels: the largest target. */
typedef struct data {
    size_t n;
    float *X, *Y;
    int32_t *labels;
} data;

static const double A[L][D] = {{1, -2, 0.5, 0, 3}, {0, 1, 1, -1, 2}, {-1.5, 0, 0, 2, 1}};
static const double c[L] = {0.25, -4, 1};

static data make_data(size_t n, double noise, uint64_t seed) {
    data made = {n, malloc(n * D * sizeof(float)), malloc(n * L * sizeof(float)),
                 malloc(n * sizeof(int32_t))};

    for (size_t i = 0; i < n; i++) {
        double draws[D + L];
        size_t best = 0;

        snnk__random_normal(seed, 100, i, 0, D + L, draws);
        for (size_t k = 0; k < D; k++) made.X[i * D + k] = (float)draws[k];
        for (size_t j = 0; j < L; j++) {
            double y = c[j] + noise * draws[D + j];

            for (size_t k = 0; k < D; k++) y += A[j][k] * (double)made.X[i * D + k];
            made.Y[i * L + j] = (float)y;
            if (made.Y[i * L + j] > made.Y[i * L + best]) best = j;
        }
        made.labels[i] = (int32_t)best;
    }
    return made;
}

static void free_data(data *d) {
    free(d->X);
    free(d->Y);
    free(d->labels);
}

static snnk_map *identity_map(const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *map = NULL;

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    config.allocator = allocator;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    return map;
}

static snnk_fit_config fit_config(void) {
    snnk_fit_config config;

    assert_ok(snnk_fit_config_init(&config, sizeof config));
    return config;
}

static snnk_fit_report empty_report(void) {
    snnk_fit_report report = {.size = sizeof report};

    return report;
}

/* Without noise and ridge the layer is the teacher. Targets and inputs are floats, so a coefficient
 * is determined to float precision, 6e-8 of values up to about 10, and is stored as a float. */
static void test_recovers_a_linear_teacher(void **state) {
    data d = make_data(200, 0, 1);
    snnk_fit_config config = fit_config();
    snnk_map *map = identity_map(NULL);
    snnk_fit *fit;
    snnk_layer *layer;
    float Psi[L][D], bias[L];

    (void)state;
    config.ridge = 0;
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = d.n, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    assert_ok(snnk_layer_weights(layer, Psi[0], D, bias));
    for (size_t j = 0; j < L; j++) {
        assert_close(bias[j], c[j], 0, 1e-6);
        for (size_t k = 0; k < D; k++) assert_close(Psi[j][k], A[j][k], 0, 1e-6);
    }
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free_data(&d);
}

/* The final solution uses every row once: rows held out, rows released from the held-out sample,
 * and rows that never were in it. Compared with ridge regression computed here on the same rows, in
 * double, with the lambda that was chosen. n is large enough to fill the sample: n/2 >
 * SNNK_FIT_MAX_HELDOUT. */
static void test_uses_every_row_once(void **state) {
    const size_t n = 3 * SNNK_FIT_MAX_HELDOUT;
    data d = make_data(n, 1, 2);
    snnk_fit_config config = fit_config();
    snnk_fit_report report = empty_report();
    snnk_map *map = identity_map(NULL);
    snnk_fit *fit;
    snnk_layer *layer;
    snnk_lstsq *direct;
    snnk_solve_config solve;
    double B[L][D], b[L];
    float Psi[L][D], bias[L];

    (void)state;
    config.heldout_share = 0.5;
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    for (size_t first = 0; first < n; first += 3000) {
        const size_t count = n - first < 3000 ? n - first : 3000;

        assert_ok(snnk_fit_add(
            fit,
            SNNK_ROWS(.n = count, .X = d.X + first * D, .ldx = D, .Y = d.Y + first * L, .ldy = L),
            NULL));
    }
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_int_equal(report.rows, n);
    assert_in_range(report.heldout_rows, SNNK_FIT_MAX_HELDOUT / 3, SNNK_FIT_MAX_HELDOUT);

    assert_ok(snnk_lstsq_create(D, L, NULL, &direct));
    assert_ok(
        snnk_lstsq_add(direct, SNNK_ROWS(.n = n, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
    assert_ok(snnk_solve_config_init(&solve, sizeof solve));
    solve.ridge = report.ridge;
    assert_ok(snnk_lstsq_solve(direct, &solve, NULL, B[0], D, b, NULL));
    assert_ok(snnk_layer_weights(layer, Psi[0], D, bias));
    /* One row more or less, of 24576, changes a coefficient by about 1/24576 = 4e-5. */
    for (size_t j = 0; j < L; j++) {
        assert_close(bias[j], b[j], 1e-6, 1e-7);
        for (size_t k = 0; k < D; k++) assert_close(Psi[j][k], B[j][k], 1e-6, 1e-7);
    }
    snnk_lstsq_free(direct);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free_data(&d);
}

/* Which rows are held out depends on the seed and their groups only, however they are batched.
 * Their number is that of groups whose draw is below the share. */
static void test_held_out_rows_are_decided_by_seed_and_group(void **state) {
    const size_t n = 5000, batches[] = {5000, 1000, 77};
    data d = make_data(n, 1, 11);
    uint64_t *groups = malloc(n * sizeof *groups);
    snnk_fit_config config = fit_config();
    snnk_map *map = identity_map(NULL);
    size_t expected = 0;

    (void)state;
    config.seed = 123;
    for (size_t i = 0; i < n; i++) {
        double u;

        groups[i] = i / 5;
        snnk__random_uniform(config.seed, SNNK__STREAM_HELDOUT, groups[i], 0, 1, &u);
        expected += u < config.heldout_share;
    }
    for (size_t k = 0; k < 3; k++) {
        snnk_fit_report report = empty_report();
        snnk_fit *fit;
        snnk_layer *layer;

        assert_ok(snnk_fit_create(map, L, &config, &fit));
        for (size_t first = 0; first < n; first += batches[k]) {
            const size_t count = n - first < batches[k] ? n - first : batches[k];

            assert_ok(
                snnk_fit_add(fit,
                             SNNK_ROWS(.n = count, .X = d.X + first * D, .ldx = D,
                                       .Y = d.Y + first * L, .ldy = L, .groups = groups + first),
                             NULL));
        }
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        assert_int_equal(report.heldout_rows, expected);
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
    snnk_map_free(map);
    free(groups);
    free_data(&d);
}

/* Without groups, equal rows are held out together, and the order of rows does not matter: every
 * row is there three times, so the number of held-out rows is three times that of one copy. */
static void test_equal_rows_are_held_out_together(void **state) {
    const size_t n = 4000;
    data d = make_data(n, 1, 13);
    snnk_map *map = identity_map(NULL);
    size_t rows[2] = {0, 0};

    (void)state;
    for (int copies = 0; copies < 2; copies++) {
        snnk_fit *fit;

        assert_ok(snnk_fit_create(map, L, NULL, &fit));
        for (int k = 0; k < (copies ? 3 : 1); k++)
            for (size_t i = n; i-- > 0;) /* one by one, from the last to the first */
                assert_ok(
                    snnk_fit_add(fit, SNNK_ROWS(.n = 1, .X = d.X + i * D, .Y = d.Y + i * L), NULL));
        rows[copies] = snnk_fit_heldout_rows(fit);
        snnk_fit_free(fit);
    }
    assert_true(rows[0] > 300); /* of about 400; variance 360 */
    assert_int_equal(rows[1], 3 * rows[0]);
    snnk_map_free(map);
    free_data(&d);
}

/* Of 4 different rows, or 2 groups, a sample by rows or groups would be empty or too large: rows
 * are drawn one by one. A tenth of 20000 unless that is too many; standard deviation 42. In a group
 * of 10000, the sample was halved at least once. The error is the variance 0.25 of the noise,
 * summed over L outputs: off by sqrt(2/(L n)) of it. Five times that is allowed. */
static void test_few_different_rows(void **state) {
    const size_t n = 20000;
    data d = make_data(n, 0.5, 17);
    uint64_t *groups = malloc(n * sizeof *groups);
    snnk_map *map = identity_map(NULL);

    (void)state;
    for (int grouped = 0; grouped < 2; grouped++) {
        snnk_fit_report report = empty_report();
        snnk_fit *fit;
        snnk_layer *layer;

        for (size_t i = 0; i < n; i++) {
            groups[i] = i / 10000;
            if (grouped) continue;
            for (size_t j = 0; j < L; j++) d.Y[i * L + j] = 0;
            for (size_t k = 0; k < D; k++) {
                d.X[i * D + k] = k < 2 ? (float)(i >> k & 1) : 0;
                for (size_t j = 0; j < L; j++) d.Y[i * L + j] += d.X[i * D + k];
            }
        }
        for (size_t i = 0; !grouped && i < n; i++) {
            double noise[L];

            snnk__random_normal(17, 101, i, 0, L, noise);
            for (size_t j = 0; j < L; j++) d.Y[i * L + j] += (float)(0.5 * noise[j]);
        }
        assert_ok(snnk_fit_create(map, L, NULL, &fit));
        assert_ok(snnk_fit_add(
            fit, SNNK_ROWS(.n = n, .X = d.X, .Y = d.Y, .groups = grouped ? groups : NULL), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        assert_int_equal(report.rows, n);
        if (!grouped) assert_in_range(report.heldout_rows, 2000 - 5 * 42, 2000 + 5 * 42);
        assert_in_range(report.heldout_rows, 500, SNNK_FIT_MAX_HELDOUT);
        if (!grouped)
            assert_close(report.heldout_error, 0.25 * L,
                         0.25 * L * 5 * sqrt(2.0 / (L * (double)report.heldout_rows)), 0);
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
    free(groups);
    snnk_map_free(map);
    free_data(&d);
}

/* The mean squared error of the rows of d when each group is left out, by fits of the others. */
static double error_without_groups(const data *d, const uint64_t *groups, double ridge) {
    const size_t n = d->n;
    snnk_solve_config config;
    double sum = 0;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = ridge;
    for (size_t i = 0; i < n; i++) {
        snnk_lstsq *others;
        double B[L][D], b[L];

        assert_ok(snnk_lstsq_create(D, L, NULL, &others));
        for (size_t k = 0; k < n; k++)
            if (groups[k] != groups[i])
                assert_ok(snnk_lstsq_add(
                    others, SNNK_ROWS(.n = 1, .X = d->X + k * D, .Y = d->Y + k * L), NULL));
        assert_ok(snnk_lstsq_solve(others, &config, NULL, B[0], D, b, NULL));
        for (size_t j = 0; j < L; j++) {
            double fit = b[j];

            for (size_t k = 0; k < D; k++) fit += B[j][k] * (double)d->X[i * D + k];
            sum += pow(fit - (double)d->Y[i * L + j], 2);
        }
        snnk_lstsq_free(others);
    }
    return sum / (double)n;
}

/* Of few rows, each is left out, alone or with its group. The error is that of fits without them,
 * and no other ridge has a smaller one. */
static void test_leaves_rows_out(void **state) {
    const size_t n = 90;
    data d = make_data(n, 5, 14); /* 90 groups, then 30 */
    snnk_map *map = identity_map(NULL);

    (void)state;
    for (int grouped = 0; grouped < 2; grouped++) {
        snnk_fit_report report = empty_report();
        uint64_t groups[90];
        snnk_fit *fit;
        snnk_layer *layer;

        for (size_t i = 0; i < n; i++) groups[i] = grouped ? i / 3 : i;
        assert_ok(snnk_fit_create(map, L, NULL, &fit));
        assert_ok(snnk_fit_add(
            fit, SNNK_ROWS(.n = n, .X = d.X, .Y = d.Y, .groups = grouped ? groups : NULL), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        assert_int_equal(report.heldout_rows, 0);
        assert_int_equal(report.rows, n);
        assert_close(report.heldout_error, error_without_groups(&d, groups, report.ridge), 1e-9, 0);
        for (double factor = 0.25; factor < 5; factor *= 16)
            assert_true(error_without_groups(&d, groups, report.ridge * factor) >
                        report.heldout_error);
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
    snnk_map_free(map);
    free_data(&d);
}

/* Fewer rows than features: the solution is that of the statistics with the same ridge. Moments of
 * features in float blocks, B in float: 1e-5 of predictions of size 10. */
static void test_fewer_rows_than_features(void **state) {
    const size_t n = 40;
    data d = make_data(n, 1, 15);
    snnk_map_config map_config;
    snnk_map *map;
    snnk_fit *fits[2];
    float scores[2][40 * L];

    (void)state;
    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.features = 300;
    assert_ok(snnk_map_create(D, &map_config, NULL, &map));
    snnk_fit_config config = fit_config();
    for (int k = 0; k < 2; k++) {
        snnk_fit_report report = empty_report();
        snnk_layer *layer;

        assert_ok(snnk_fit_create(map, L, &config, &fits[k]));
        assert_ok(snnk_fit_add(fits[k], SNNK_ROWS(.n = n, .X = d.X, .Y = d.Y), NULL));
        assert_ok(snnk_fit_solve(fits[k], NULL, &report, &layer));
        assert_int_equal(report.method, k == 0 ? SNNK_SOLVE_DUAL : SNNK_SOLVE_CHOLESKY);
        assert_int_equal(report.rows, n);
        assert_ok(snnk_layer_forward(layer, n, d.X, D, scores[k], L, NULL));
        config.ridge = report.ridge;
        snnk_layer_free(layer);
        snnk_fit_free(fits[k]);
    }
    for (size_t i = 0; i < n * L; i++)
        assert_close((double)scores[0][i], (double)scores[1][i], 1e-5, 1e-5);
    snnk_map_free(map);
    free_data(&d);
}

/* When the sample is full, every row drawn for it is equally likely to be in it, also late ones.
 * The first half of the rows is exact, the second has noise 1 in each of L outputs, so half of the
 * sample should have it. The squared error of a row has mean L/2 and variance (2 L + L^2)/2 -
 * L^2/4; a sample of only the earliest rows would give L/4. */
static void test_the_sample_is_of_all_rows(void **state) {
    const size_t n = 3 * SNNK_FIT_MAX_HELDOUT;
    data d = make_data(n, 0, 12);
    const data noisy = make_data(n, 1, 12); /* the same inputs */
    snnk_fit_config config = fit_config();
    snnk_fit_report report = empty_report();
    snnk_map *map = identity_map(NULL);
    snnk_fit *fit;
    snnk_layer *layer;

    (void)state;
    memcpy(d.Y + n / 2 * L, noisy.Y + n / 2 * L, n / 2 * L * sizeof *d.Y);
    config.heldout_share = 0.5;
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_in_range(report.heldout_rows, SNNK_FIT_MAX_HELDOUT / 3, SNNK_FIT_MAX_HELDOUT);
    assert_close(report.heldout_error, L / 2.0, 0,
                 5 * sqrt(((2.0 * L + L * L) / 2 - L * L / 4.0) / (double)report.heldout_rows));
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free_data(&d);
    free_data((data *)&noisy);
}

/* The number of held-out rows is binomial, mean n p, variance n p (1 - p). And the held-out error
 * of a correct model is the noise: the squared error of a row is noise^2 chi^2(L), variance 2 L
 * noise^4. */
static void test_holds_out_the_share_and_measures_the_noise(void **state) {
    const size_t n = 20000;
    const double share = 0.2, noise = 0.5;
    data d = make_data(n, noise, 3);
    snnk_fit_config config = fit_config();
    snnk_fit_report report = empty_report();
    snnk_map *map = identity_map(NULL);
    snnk_fit *fit;
    snnk_layer *layer;

    (void)state;
    config.heldout_share = share;
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = n, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_close((double)report.heldout_rows, (double)n * share, 0,
                 5 * sqrt((double)n * share * (1 - share)));
    /* The least error of ten lambdas is at most slightly below the error of the true model. */
    assert_close(report.heldout_error, L * noise * noise, 0,
                 5 * noise * noise * sqrt(2.0 * L / (double)report.heldout_rows));
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free_data(&d);
}

/* The ridge matters if there are about as many features as rows: 60 rows of pure noise in 40
 * features need a large lambda, 60 rows without noise the smallest. */
static void test_lambda_follows_the_noise(void **state) {
    enum { N = 60, M = 40 };
    double chosen[2];

    (void)state;
    for (int noisy = 0; noisy < 2; noisy++) {
        snnk_map_config config;
        snnk_fit_config fit_options = fit_config();
        snnk_fit_report report = empty_report();
        snnk_map *map;
        snnk_fit *fit;
        snnk_layer *layer;
        float X[N * M], Y[N];

        for (size_t i = 0; i < N; i++) {
            double draws[M + 1];

            snnk__random_normal(7, 100, i, 0, M + 1, draws);
            for (size_t k = 0; k < M; k++) X[i * M + k] = (float)draws[k];
            Y[i] = noisy ? (float)draws[M] : X[i * M] - X[i * M + 1];
        }
        assert_ok(snnk_map_config_init(&config, sizeof config));
        config.kind = SNNK_MAP_IDENTITY;
        fit_options.heldout_share = 0.25;
        assert_ok(snnk_map_create(M, &config, NULL, &map));
        assert_ok(snnk_fit_create(map, 1, &fit_options, &fit));
        assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .ldx = M, .Y = Y, .ldy = 1), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        chosen[noisy] = report.ridge;
        snnk_layer_free(layer);
        snnk_fit_free(fit);
        snnk_map_free(map);
    }
    assert_true(chosen[0] > 0);
    assert_true(chosen[1] > 1e4 * chosen[0]);
}

/* Labels are one-hot targets: the same statistics, so the same bits. */
static void test_labels_are_one_hot_targets(void **state) {
    data d = make_data(300, 0.1, 4);
    snnk_fit_config config = fit_config();
    snnk_map *map = identity_map(NULL);
    float Psi[2][L * D], bias[2][L];

    (void)state;
    config.ridge = 0.5;
    for (size_t i = 0; i < d.n; i++)
        for (int32_t j = 0; j < L; j++) d.Y[i * L + (size_t)j] = d.labels[i] == j;
    for (int as_labels = 0; as_labels < 2; as_labels++) {
        snnk_fit *fit;
        snnk_layer *layer;

        assert_ok(snnk_fit_create(map, L, &config, &fit));
        assert_ok(
            as_labels
                ? snnk_fit_add(fit, SNNK_ROWS(.n = d.n, .X = d.X, .ldx = D, .labels = d.labels),
                               NULL)
                : snnk_fit_add(fit, SNNK_ROWS(.n = d.n, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L),
                               NULL));
        assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
        assert_ok(snnk_layer_weights(layer, Psi[as_labels], D, bias[as_labels]));
        snnk_layer_free(layer);
        snnk_fit_free(fit);
    }
    assert_memory_equal(Psi[0], Psi[1], sizeof Psi[0]);
    assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
    snnk_map_free(map);
    free_data(&d);
}

/* With labels, the held-out error is the share misclassified: 0 for classes that a linear layer
 * separates widely, and close to 1 - 1/3 for labels that do not depend on the inputs. */
static void test_heldout_error_of_labels(void **state) {
    data d = make_data(3000, 0, 5);
    snnk_map *map = identity_map(NULL);

    (void)state;
    for (int random = 0; random < 2; random++) {
        snnk_fit_report report = empty_report();
        snnk_fit *fit;
        snnk_layer *layer;

        for (size_t i = 0; i < d.n; i++) {
            double u;

            snnk__random_uniform(5, 101, i, 0, 1, &u);
            d.labels[i] = (int32_t)(3 * u);
            if (random) continue;
            for (size_t k = 0; k < D; k++) d.X[i * D + k] *= 0.01f;
            d.X[i * D + (size_t)d.labels[i]] += 5;
        }
        assert_ok(snnk_fit_create(map, L, NULL, &fit));
        assert_ok(
            snnk_fit_add(fit, SNNK_ROWS(.n = d.n, .X = d.X, .ldx = D, .labels = d.labels), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        if (random) /* the best of ten lambdas of a binomial is still within 5 sigma */
            assert_close(report.heldout_error, 2.0 / 3, 0,
                         5 * sqrt(2.0 / 9 / (double)report.heldout_rows));
        else
            assert_true(report.heldout_error == 0);
        snnk_layer_free(layer);
        snnk_fit_free(fit);
        if (!random) {
            free_data(&d);
            d = make_data(3000, 0, 6);
        }
    }
    snnk_map_free(map);
    free_data(&d);
}

/* If a feature overflows in the last row of a batch of several blocks, nothing is added. */
static void test_refuses_a_batch_whose_features_overflow(void **state) {
    data d = make_data(2500, 0, 8);
    snnk_map_config map_config;
    snnk_fit_config config = fit_config();
    snnk_fit_report report = empty_report();
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *layer = NULL;

    (void)state;
    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.kind = SNNK_MAP_ELEMENTWISE;
    map_config.activation = SNNK_EXP;
    map_config.features = 8;
    config.ridge = 1;
    assert_ok(snnk_map_create(D, &map_config, NULL, &map));
    assert_ok(snnk_fit_create(map, L, &config, &fit));
    for (size_t k = 0; k < D; k++) d.X[2499 * D + k] = 1e6f;
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 2500, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL),
        SNNK_E_NONFINITE);
    assert_says("row 2499");
    assert_status(snnk_fit_solve(fit, NULL, &report, &layer), SNNK_E_STATE); /* no row was added */
    assert_ok(
        snnk_fit_add(fit, SNNK_ROWS(.n = 2499, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_int_equal(report.rows, 2499);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    free_data(&d);
}

/* In single precision, rows whose squares overflow float are summed in double, whether held out or
 * not. */
static void test_large_numbers_in_single_precision(void **state) {
    for (int given = 0; given < 2; given++) {
        data d = make_data(2500, 0, 10);
        snnk_fit_config config = fit_config();
        snnk_fit_report report = empty_report(), again = empty_report();
        snnk_map *map = identity_map(NULL);
        snnk_layer *layer = NULL;
        snnk_fit *fit;

        config.precision = SNNK_PRECISION_SINGLE;
        config.heldout_share = 0.5;
        if (given) config.ridge = 1;
        for (size_t i = 0; i < 2500; i += 100) d.X[i * D] = 1e18f;
        assert_ok(snnk_fit_create(map, L, &config, &fit));
        assert_ok(
            snnk_fit_add(fit, SNNK_ROWS(.n = 2500, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
        snnk_layer_free(layer);
        d.Y[5] = -1e25f;
        assert_ok(
            snnk_fit_add(fit, SNNK_ROWS(.n = 2500, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, &again, &layer));
        assert_int_equal(report.rows, 2500);
        assert_int_equal(again.rows, 5000);
        assert_true(isfinite(again.rss));
        snnk_layer_free(layer);
        snnk_fit_free(fit);
        snnk_map_free(map);
        free_data(&d);
    }
    (void)state;
}

static void test_misuse(void **state) {
    data d = make_data(10, 0, 9);
    snnk_fit_config config = fit_config();
    snnk_fit_report report = empty_report();
    snnk_map *map = identity_map(NULL);
    snnk_fit *fit = NULL;
    snnk_layer *layer = NULL;

    (void)state;
    assert_status(snnk_fit_create(NULL, L, NULL, &fit), SNNK_E_NULL);
    assert_status(snnk_fit_create(map, L, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_fit_create(map, 0, NULL, &fit), SNNK_E_SHAPE);
    assert_status(snnk_fit_create(map, (size_t)1 << 62, NULL, &fit), SNNK_E_SIZE);
    config.ridge = -2;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_RANGE);
    assert_says("ridge = -2");
    config = fit_config();
    config.heldout_share = 0.75;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_RANGE);
    assert_says("0.75");
    config = fit_config();
    config.n_ridges = 1;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_RANGE);
    config = fit_config();
    config.intercept = 2;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_RANGE);
    config = fit_config();
    config.rank_tolerance = NAN;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_RANGE);
    config = fit_config();
    config.size = 8;
    assert_status(snnk_fit_create(map, L, &config, &fit), SNNK_E_CONFIG);
    assert_null(fit);

    assert_ok(snnk_fit_create(map, L, NULL, &fit));
    assert_status(snnk_fit_solve(fit, NULL, NULL, &layer), SNNK_E_STATE);
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D - 1, .Y = d.Y, .ldy = L), NULL),
        SNNK_E_STRIDE);
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L - 1), NULL),
        SNNK_E_STRIDE);
    assert_status(snnk_fit_add(fit, SNNK_ROWS(.n = 10, .ldx = D, .Y = d.Y, .ldy = L), NULL),
                  SNNK_E_NULL);
    assert_status(snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D), NULL), SNNK_E_NULL);
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 0, .ldx = D), NULL));
    d.labels[7] = L;
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D, .labels = d.labels), NULL),
        SNNK_E_RANGE);
    assert_says("labels[7] = 3");
    d.labels[7] = -1;
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D, .labels = d.labels), NULL),
        SNNK_E_RANGE);
    d.X[3 * D + 2] = NAN;
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL),
        SNNK_E_NONFINITE);
    assert_says("X[3][2]");
    d.X[3 * D + 2] = 0;
    d.Y[4 * L + 1] = INFINITY;
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL),
        SNNK_E_NONFINITE);
    assert_says("Y[4][1]");
    d.Y[4 * L + 1] = 0;
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 1, .X = d.X, .ldx = D, .Y = d.Y, .ldy = L), NULL));
    d.labels[7] = 0;
    assert_status(
        snnk_fit_add(fit, SNNK_ROWS(.n = 10, .X = d.X, .ldx = D, .labels = d.labels), NULL),
        SNNK_E_STATE);
    /* With one row, no ridge can be chosen. */
    assert_status(snnk_fit_solve(fit, NULL, NULL, &layer), SNNK_E_STATE);
    report.size = 4;
    assert_status(snnk_fit_solve(fit, NULL, &report, &layer), SNNK_E_CONFIG);
    assert_null(layer);
    snnk_fit_free(fit);
    snnk_fit_free(NULL);
    snnk_map_free(map);
    free_data(&d);
}

static int create_add_solve(const snnk_allocator *allocator, const data *d) {
    snnk_map_config config;
    snnk_map *map = NULL;
    snnk_fit *fit = NULL;
    snnk_layer *layer = NULL;
    int st;

    snnk_map_config_init(&config, sizeof config);
    config.kind = SNNK_MAP_IDENTITY;
    config.allocator = allocator;
    st = snnk_map_create(D, &config, NULL, &map);
    if (st == SNNK_OK) st = snnk_fit_create(map, L, NULL, &fit);
    if (st == SNNK_OK)
        st =
            snnk_fit_add(fit, SNNK_ROWS(.n = d->n, .X = d->X, .ldx = D, .Y = d->Y, .ldy = L), NULL);
    if (st == SNNK_OK) st = snnk_fit_solve(fit, NULL, NULL, &layer);
    if (st != SNNK_OK) assert_null(layer);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
    return st;
}

static void test_survives_failing_allocations(void **state) {
    data d = make_data(100, 0.1, 10);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    int status = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, status, status = create_add_solve(&allocator, &d));
    free_data(&d);
}

/* A call of several blocks fails before it adds the first one, or not at all. */
static void test_adds_all_rows_or_none(void **state) {
    data d = make_data(5000, 0.1, 11);
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    const snnk_fit_config config = fit_config();
    int status = SNNK_OK;

    (void)state;
    assert_survives_failing_allocations(memory, status, {
        const long allowed = memory.fail_after;
        snnk_map_config map_config;
        snnk_map *map;
        snnk_fit *fit;

        test_memory_allow(&memory, -1);
        assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
        map_config.features = 16;
        map_config.allocator = &allocator;
        assert_ok(snnk_map_create(D, &map_config, NULL, &map));
        assert_ok(snnk_fit_create(map, L, &config, &fit));
        test_memory_allow(&memory, allowed);
        status = snnk_fit_add(fit, SNNK_ROWS(.n = d.n, .X = d.X, .Y = d.Y), NULL);
        assert_int_equal(snnk_fit_rows(fit), status == SNNK_OK ? d.n : 0);
        snnk_fit_free(fit);
        snnk_map_free(map);
    });
    free_data(&d);
}

static int stop_later(void *user, double share) {
    long *left = user;

    (void)share;
    return (*left)-- == 0;
}

/* A solution that is cancelled leaves the last one, of few rows and of many. */
static void test_a_cancelled_solution_changes_nothing(void **state) {
    static const size_t sizes[] = {200, 5000};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        data d = make_data(sizes[k], 0.1, 12);
        const snnk_fit_config config = fit_config();
        snnk_map *map = identity_map(NULL);
        snnk_fit *fit;
        snnk_layer *layer;
        snnk_workspace *workspace;
        snnk_uncertainty *before, *after;
        double radius, same;
        long left = 3;

        assert_ok(snnk_fit_create(map, L, &config, &fit));
        assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = d.n, .X = d.X, .Y = d.Y), NULL));
        assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
        assert_ok(snnk_fit_uncertainty(fit, NULL, &before));
        snnk_layer_free(layer);
        assert_ok(snnk_workspace_create(1, NULL, &workspace));
        assert_ok(snnk_workspace_set_progress(workspace, stop_later, &left));
        assert_status(snnk_fit_solve(fit, workspace, NULL, &layer), SNNK_E_CANCELLED);
        assert_null(layer);
        assert_ok(snnk_fit_uncertainty(fit, NULL, &after));
        assert_ok(snnk_uncertainty_radius(before, 0, 0.9, &radius));
        assert_ok(snnk_uncertainty_radius(after, 0, 0.9, &same));
        assert_true(radius == same);
        snnk_uncertainty_free(before);
        snnk_uncertainty_free(after);
        snnk_workspace_free(workspace);
        snnk_fit_free(fit);
        snnk_map_free(map);
        free_data(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovers_a_linear_teacher),
        cmocka_unit_test(test_uses_every_row_once),
        cmocka_unit_test(test_held_out_rows_are_decided_by_seed_and_group),
        cmocka_unit_test(test_equal_rows_are_held_out_together),
        cmocka_unit_test(test_few_different_rows),
        cmocka_unit_test(test_leaves_rows_out),
        cmocka_unit_test(test_fewer_rows_than_features),
        cmocka_unit_test(test_the_sample_is_of_all_rows),
        cmocka_unit_test(test_holds_out_the_share_and_measures_the_noise),
        cmocka_unit_test(test_lambda_follows_the_noise),
        cmocka_unit_test(test_labels_are_one_hot_targets),
        cmocka_unit_test(test_heldout_error_of_labels),
        cmocka_unit_test(test_refuses_a_batch_whose_features_overflow),
        cmocka_unit_test(test_large_numbers_in_single_precision),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_survives_failing_allocations),
        cmocka_unit_test(test_adds_all_rows_or_none),
        cmocka_unit_test(test_a_cancelled_solution_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
