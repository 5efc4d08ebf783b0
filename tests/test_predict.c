/* src/predict/predict.c: variances of symmetric kernels compared with draws; numbers of features
 * compared with the inequalities, worked out here, and with the errors of maps of that size; edge
 * cases. (Maps made from spectra: test_urf.c.) */
#include "support/compare.h"

#include "support/draw.h"

enum { D = 6, N = 12, L = 7 };

static float X[N * D], W[L * D], b[L];

static int make_batch(void **state) {
    uint64_t seed = 21;

    (void)state;
    for (size_t i = 0; i < N * D; i++) X[i] = (float)(0.6 * draw_uniform(&seed));
    for (size_t i = 0; i < L * D; i++) W[i] = (float)(0.5 * draw_uniform(&seed));
    for (size_t i = 0; i < L; i++) b[i] = (float)(0.3 * draw_uniform(&seed));
    return 0;
}

static snnk_prediction fresh(void) {
    snnk_prediction prediction = {.size = sizeof prediction};

    return prediction;
}

static snnk_predict_config settings(double error, double probability) {
    snnk_predict_config config;

    assert_ok(snnk_predict_config_init(&config, sizeof config));
    config.error = error;
    config.probability = probability;
    return config;
}

/* ---- Symmetric kernels ---- */

/* Over seeds, the mean square error of Phi(x).Phi(w) equals the predicted one within 5 of its
 * standard errors. */
static void check_kernel(const snnk_map_config *base, const snnk_scaling *scaling) {
    enum { SEEDS = 3000 };
    snnk_map_config config = *base;
    double predicted = 0, exact = 0;
    sample square = {0};

    config.features = 16;
    for (config.seed = 0; config.seed < SEEDS; config.seed++) {
        float Phi[2 * 16], inputs[2 * D];
        double value = 0;
        snnk_map *map;

        memcpy(inputs, X + D, D * sizeof(float));
        memcpy(inputs + D, W + D, D * sizeof(float));
        assert_ok(snnk_map_create(D, &config, scaling, &map));
        assert_ok(snnk_map_input_tower(map, 2, inputs, D, Phi, 16, NULL));
        if (config.seed == 0) {
            snnk_prediction p = fresh();

            assert_ok(snnk_map_exact(map, X + D, W + D, 0, &exact));
            assert_ok(snnk_map_predict(map, SNNK_ROWS(.n = 1, .X = X + D), 1, W + D, D, NULL, NULL,
                                       0, NULL, NULL, 0, &p));
            assert_close(p.value_rms, fabs(exact), 1e-12, 0);
            predicted = p.standard_error * p.value_rms;
            assert_close(p.median_error, p.standard_error, 1e-12, 0);
            assert_close(p.largest_error, p.standard_error, 1e-12, 0);
            assert_close(p.mean_deviation, sqrt(2 / 3.14159265358979324) * p.standard_error, 1e-12,
                         0);
        }
        for (size_t k = 0; k < 16; k++) value += (double)Phi[k] * Phi[16 + k];
        sample_add(&square, (value - exact) * (value - exact));
        snnk_map_free(map);
    }
    assert_close(square.mean, predicted * predicted, 0, 5 * sample_error(&square));
    assert_true(5 * sample_error(&square) < 0.3 * square.mean); /* otherwise noise would pass */
}

static void variances_of_kernels_agree_with_draws(void **state) {
    const double mean[D] = {0.1, 0, -0.1, 0.2, 0, 0}, scale[D] = {1, 2, 1, 0.5, 1, 1};
    snnk_scaling *scaling;
    snnk_map_config config;

    (void)state;
    assert_ok(snnk_scaling_create_given(D, mean, scale, NULL, &scaling));
    assert_ok(snnk_map_config_init(&config, sizeof config));
    for (int32_t order = 0; order < 2; order++) {
        config.order = order;
        config.offset_scale = 0.4 * order;
        check_kernel(&config, order ? scaling : NULL);
    }
    config.offset_scale = 0;
    config.kind = SNNK_MAP_GAUSSIAN;
    config.projection_scale = 1.5;
    check_kernel(&config, NULL);
    check_kernel(&config, scaling);
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_IDENTITY;
    check_kernel(&config, NULL);
    config.activation = SNNK_STEP;
    check_kernel(&config, NULL);
    config.activation = SNNK_RELU;
    check_kernel(&config, NULL);
    snnk_scaling_free(scaling);
}

static void identity_features_have_no_error(void **state) {
    snnk_map_config config;
    snnk_prediction p = fresh();
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    assert_ok(snnk_map_predict(map, SNNK_ROWS(.n = N, .X = X), L, W, D, NULL, NULL, 0, NULL, NULL,
                               0, &p));
    assert_true(p.standard_error == 0 && p.largest_error == 0 && p.mean_deviation == 0);
    assert_int_equal(p.features_needed, D);
    snnk_map_free(map);
}

/* ---- Counts of features ---- */

static void counts_follow_from_the_inequalities(void **state) {
    const double error = 0.05, probability = 0.01;
    const snnk_predict_config config = settings(error, probability);
    snnk_map_config map_config;
    snnk_prediction p = fresh();
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    map_config.kind = SNNK_MAP_GAUSSIAN;
    map_config.features = 50;
    assert_ok(snnk_map_create(D, &map_config, NULL, &map));
    /* |x - w|^2 = 1 + 1 - 2 * 0.8 = 0.4: value exp(-0.2), variance of a term (1 -
     *   exp(-0.4))^2/2. */
    assert_ok(snnk_map_predict_norms(map, 1, 1, 0.8, 0, &config, &p));
    const double value = exp(-0.2), variance = pow(1 - exp(-0.4), 2) / 2;
    assert_close(p.value_rms, value, 1e-14, 0);
    assert_close(p.standard_error, sqrt(variance / 25) / value, 1e-14, 0);
    const double target = error * value;
    assert_close((double)p.features_chebyshev, 2 * variance / (probability * target * target), 0,
                 2);
    assert_close((double)p.features_azuma, 2 * 8 * log(2 / probability) / (target * target), 0, 2);
    /* Normal errors exceed 2.5758293 deviations with probability 0.01. The kurtosis of the cosines
     * changes that little, since m is in the hundreds. */
    const double normal = 2 * variance * pow(2.5758293 / target, 2);
    assert_true((double)p.features_needed >= normal && (double)p.features_needed < 1.05 * normal);
    /* At a tiny probability Azuma's inequality gives a smaller number than Chebyshev's. */
    const snnk_predict_config rare = settings(error, 1e-9);
    assert_ok(snnk_map_predict_norms(map, 1, 1, 0.8, 0, &rare, &p));
    assert_true(p.features_azuma < p.features_chebyshev || p.features_chebyshev == 0);
    assert_true(p.features_needed > 0 && p.features_needed <= p.features_azuma);
    /* Out of reach: more than 2^24 features. */
    const snnk_predict_config exact = settings(1e-6, 0.05);
    assert_ok(snnk_map_predict_norms(map, 1, 1, 0.8, 0, &exact, &p));
    assert_int_equal(p.features_needed, 0);
    snnk_map_free(map);
}

/* E|H|^2 of one positive atom grows like exp(2 omega |x| |w|): at |x||w| = 16 no number of features
 * is enough. */
static void hopeless_targets_are_reported(void **state) {
    const double omega = 1, re = 1;
    const snnk_predict_config config = settings(0.1, 0.05);
    snnk_prediction p = fresh();
    snnk_urf_config urf;
    snnk_spectrum *spectrum;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_spectrum_create_from_atoms(1, &omega, &re, NULL, 0, 0, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&urf, sizeof urf));
    urf.input_norm = urf.weight_norm = 4;
    urf.hyperbolic = 0;
    assert_ok(snnk_map_create_urf(D, spectrum, &urf, NULL, &map));
    assert_ok(snnk_map_predict_norms(map, 4, 4, 0, 0, &config, &p));
    /* Balanced: E|L|^2 = exp(2 * 16), half of it from the real part; 1024 features. */
    assert_close(log(p.standard_error), 16 - log(2) / 2 - log(1024) / 2, 1e-6, 0);
    assert_int_equal(p.features_needed, 0);
    assert_int_equal(p.features_azuma, 0); /* A = 0: the terms are not bounded */
    assert_true(p.largest_product == 16);
    snnk_map_free(map);

    /* Near the origin it is possible, and Chebyshev's number leaves the variance for each feature
     * unchanged. */
    urf.input_norm = urf.weight_norm = 0.5;
    assert_ok(snnk_map_create_urf(D, spectrum, &urf, NULL, &map));
    assert_ok(snnk_map_predict_norms(map, 0.5, 0.5, 0, 0, &config, &p));
    const double needed = p.standard_error * p.standard_error * 1024 / (0.05 * 0.1 * 0.1);
    assert_close((double)p.features_chebyshev, needed, 0, 1.5);
    snnk_map_free(map);

    /* A < 0: the terms are bounded, |Lambda Lambda| <= (1-4A)^(d/2) exp((1-4A)|Re(u+v)|^2/(-8A) -
     * Re(u.u + v.v)/2). Here u = s x with s^2 = 1, v = i w/s, so Re(u+v) = x and Re(v.v) =
     * -|w|^2. */
    urf.A = -0.5;
    urf.hyperbolic = 0;
    assert_ok(snnk_map_create_urf(D, spectrum, &urf, NULL, &map));
    assert_ok(snnk_map_predict_norms(map, 0.5, 0.5, 0, 0, &config, &p));
    const double c = pow(3, D / 2.0) * exp(3 * 0.25 / 4 - (0.25 - 0.25) / 2);
    const double azuma = 8 * c * c * log(2 / 0.05) / (0.1 * 0.1);
    assert_close((double)p.features_azuma, azuma > (1 << 24) ? 0 : azuma, 1e-6, 2);
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
}

/* ---- Counts of features, measured ---- */

enum { INPUTS = 24, OUTPUTS = 16, MOST_D = 40 };

/* Inputs and weights of a layer, and its exact outputs. */
typedef struct layer_case {
    int32_t activation;
    size_t d;
    double norm;
    float X[INPUTS * MOST_D], W[OUTPUTS * MOST_D], b[OUTPUTS];
    double lowest, highest; /* pre-activations */
    double exact[INPUTS * OUTPUTS], rms;
} layer_case;

/* f in double, from its definition. */
static double activation(int32_t which, double z) {
    switch (which) {
    case SNNK_RELU: return z > 0 ? z : 0;
    case SNNK_GELU: return z * 0.5 * erfc(-z / sqrt(2));
    case SNNK_TANH: return tanh(z);
    default: return sin(z);
    }
}

/* |x| |w| is about `norm`. */
static layer_case draw_layer(int32_t which, size_t d, double norm, uint64_t seed) {
    const double scale = sqrt(3 * norm / (double)d); /* uniform on [-1, 1) has variance 1/3 */
    layer_case c = {
        .activation = which, .d = d, .norm = norm, .lowest = INFINITY, .highest = -INFINITY};

    for (size_t i = 0; i < INPUTS * d; i++) c.X[i] = (float)(scale * draw_uniform(&seed));
    for (size_t i = 0; i < OUTPUTS * d; i++) c.W[i] = (float)(scale * draw_uniform(&seed));
    for (size_t j = 0; j < OUTPUTS; j++) c.b[j] = (float)(0.5 * draw_uniform(&seed));
    for (size_t i = 0; i < INPUTS; i++)
        for (size_t j = 0; j < OUTPUTS; j++) {
            double z = c.b[j], *value = &c.exact[i * OUTPUTS + j];

            for (size_t k = 0; k < d; k++) z += (double)c.X[i * d + k] * c.W[j * d + k];
            c.lowest = fmin(c.lowest, z);
            c.highest = fmax(c.highest, z);
            *value = activation(which, z);
            c.rms += *value * *value;
        }
    c.rms = sqrt(c.rms / (INPUTS * OUTPUTS));
    return c;
}

static snnk_spectrum *spectrum_of(const layer_case *c) {
    snnk_spectrum_config config;
    snnk_spectrum *spectrum;

    assert_ok(snnk_spectrum_config_init(&config, sizeof config));
    config.center = (c->lowest + c->highest) / 2;
    config.radius = 0.8 * (c->highest - c->lowest);
    config.tolerance = 1e-2;
    config.largest_error = 0.2;
    if (c->activation == SNNK_RELU) config.method = SNNK_SPECTRUM_EXTENSION;
    assert_ok(snnk_spectrum_create(c->activation, &config, &spectrum));
    return spectrum;
}

static snnk_map *map_of(const layer_case *c, const snnk_spectrum *spectrum, int32_t form,
                        uint64_t features, uint64_t seed) {
    snnk_urf_config config;
    snnk_map *map;

    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = features;
    config.seed = seed;
    config.form = form;
    config.input_norm = config.weight_norm = sqrt(c->norm);
    config.affine = SNNK_URF_AFFINE_SKETCH;
    assert_ok(snnk_map_create_urf(c->d, spectrum, &config, NULL, &map));
    return map;
}

static snnk_prediction predict_layer(const layer_case *c, const snnk_map *map,
                                     const snnk_predict_config *config) {
    snnk_prediction p = fresh();

    assert_ok(snnk_map_predict(map, SNNK_ROWS(.n = INPUTS, .X = c->X, .ldx = c->d), OUTPUTS, c->W,
                               c->d, c->b, config, 0, NULL, NULL, 0, &p));
    return p;
}

/* Set the errors of the estimates of a map, divided by rms. */
static void measure(const layer_case *c, const snnk_map *map, double *errors) {
    float Y[INPUTS * OUTPUTS];
    snnk_layer *layer;

    assert_ok(snnk_layer_create_from_weights(map, OUTPUTS, c->W, c->d, c->b, &layer));
    assert_ok(snnk_layer_forward(layer, INPUTS, c->X, c->d, Y, OUTPUTS, NULL));
    for (size_t i = 0; i < INPUTS * OUTPUTS; i++) errors[i] = fabs(Y[i] - c->exact[i]) / c->rms;
    snnk_layer_free(layer);
}

static double share_beyond(const double *errors, double error) {
    double count = 0;

    for (size_t i = 0; i < INPUTS * OUTPUTS; i++) count += errors[i] > error;
    return count / (INPUTS * OUTPUTS);
}

/* At the predicted number of features no more pairs are beyond the error than wanted, and yet more
 * are beyond 0.8 of it: errors that are larger by 1.25 belong to 1/1.25^2 of the features. The
 * shares of one draw are dependent, but those of different seeds are not: their mean is known
 * within 4 of its standard errors, as they vary over seeds (probability 6e-5 each for a normal
 * mean; the seeds are fixed). The root mean square error is known from its own variation likewise,
 * and must be within 1.1 of the predicted one beyond that: spread of rows between atoms in whole
 * rows. */
static void check_needed(const layer_case *c, int32_t form, double error, double probability,
                         int seeds) {
    const snnk_predict_config config = settings(error, probability);
    snnk_spectrum *spectrum = spectrum_of(c);
    snnk_map *map = map_of(c, spectrum, form, 600, 0);
    snnk_prediction p = predict_layer(c, map, &config);
    sample beyond = {0}, beyond_less = {0}, square = {0};
    double errors[INPUTS * OUTPUTS];
    const uint64_t needed = p.features_needed;

    assert_true(needed > 0 && needed < 20000);
    assert_true(p.features_chebyshev == 0 || needed <= p.features_chebyshev);
    snnk_map_free(map);
    for (int seed = 1; seed <= seeds; seed++) {
        double squares = 0;

        map = map_of(c, spectrum, form, needed, (uint64_t)seed);
        if (seed == 1) p = predict_layer(c, map, &config);
        measure(c, map, errors);
        sample_add(&beyond, share_beyond(errors, error));
        sample_add(&beyond_less, share_beyond(errors, 0.8 * error));
        for (size_t i = 0; i < INPUTS * OUTPUTS; i++)
            squares += errors[i] * errors[i] / (INPUTS * OUTPUTS);
        sample_add(&square, squares);
        snnk_map_free(map);
    }
    print_message("%s, d %zu: %llu features for %g at %g, measured %.4f +- %.4f (0.8: %.4f)\n",
                  snnk_activation_name(c->activation), c->d, (unsigned long long)needed, error,
                  probability, beyond.mean, sample_error(&beyond), beyond_less.mean);
    assert_true(beyond.mean <= probability + 4 * sample_error(&beyond));
    assert_true(beyond_less.mean >= probability - 4 * sample_error(&beyond_less));
    assert_true(4 * sample_error(&beyond) < probability); /* otherwise noise would pass */
    assert_close(square.mean, p.standard_error * p.standard_error, 0.21, 4 * sample_error(&square));
    snnk_spectrum_free(spectrum);
}

static void features_needed_are_enough_and_not_too_many(void **state) {
    const struct {
        int32_t activation;
        size_t d;
        double norm, error, probability;
    } cases[] = {{SNNK_SIN, 5, 0.5, 0.3, 0.05},   {SNNK_SIN, 40, 1, 0.3, 0.05},
                 {SNNK_TANH, 40, 0.3, 0.3, 0.05}, {SNNK_TANH, 40, 0.6, 0.4, 0.02},
                 {SNNK_GELU, 40, 0.3, 0.4, 0.05}, {SNNK_GELU, 20, 0.2, 0.3, 0.1},
                 {SNNK_RELU, 40, 0.2, 0.4, 0.05}, {SNNK_RELU, 40, 0.3, 0.4, 0.05}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int32_t form = SNNK_URF_POSITIVE; form <= SNNK_URF_TRIGONOMETRIC; form++) {
            const layer_case c =
                draw_layer(cases[i].activation, cases[i].d, cases[i].norm, 100 + i);

            check_needed(&c, form, cases[i].error, cases[i].probability, 60);
        }
}

/* The error of the spectrum is counted where the pairs are: it is the root mean square of spectrum
 * minus f, and far below the bound for a kink. In two maps side by side it is twice as large, and
 * so is the value. A function whose name is not known has the bound. */
static void spectral_errors_are_those_of_the_pairs(void **state) {
    const layer_case c = draw_layer(SNNK_RELU, 20, 0.5, 3);
    snnk_spectrum *spectrum = spectrum_of(&c);
    snnk_map *one = map_of(&c, spectrum, 0, 600, 0), *both;
    const snnk_map *maps[] = {one, one};
    const snnk_prediction p = predict_layer(&c, one, NULL);
    double square = 0;

    (void)state;
    for (size_t i = 0; i < INPUTS; i++)
        for (size_t j = 0; j < OUTPUTS; j++) {
            double z = c.b[j], value;

            for (size_t k = 0; k < c.d; k++) z += (double)c.X[i * c.d + k] * c.W[j * c.d + k];
            assert_ok(snnk_spectrum_eval(spectrum, 1, &z, &value));
            square += pow(value - activation(SNNK_RELU, z), 2) / (INPUTS * OUTPUTS);
        }
    assert_close(p.value_rms, c.rms, 1e-12, 0);
    /* Coordinates of a pair are sums in another order: a few units in the last place of z, and up
     * to 100 times that in the atoms. */
    assert_close(p.spectral_error, sqrt(square) / c.rms, 1e-9, 0);
    assert_true(p.spectral_error < 0.6 * snnk_spectrum_error(spectrum) / c.rms);
    assert_true(p.standard_error > p.spectral_error);
    assert_ok(snnk_map_concat(2, maps, &both));
    const snnk_prediction twice = predict_layer(&c, both, NULL);
    assert_close(twice.value_rms, 2 * c.rms, 1e-12, 0);
    assert_close(twice.spectral_error, p.spectral_error, 1e-12, 0);
    snnk_map_free(both);
    snnk_map_free(one);
    snnk_spectrum_free(spectrum);
}

/* ---- Batches ---- */

static void quantiles_of_outputs_are_ordered_and_right(void **state) {
    const double levels[] = {0, 0.5, 1};
    double quantiles[L * 3];
    snnk_map_config config;
    snnk_prediction p = fresh();
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_GAUSSIAN;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    assert_ok(snnk_map_predict(map, SNNK_ROWS(.n = N, .X = X), L, W, D, NULL, NULL, 3, levels,
                               quantiles, 3, &p));
    double largest = 0;
    for (size_t j = 0; j < L; j++) {
        double least = INFINITY, most = 0, square = 0;

        for (size_t i = 0; i < N; i++) {
            double distance = 0;

            for (size_t k = 0; k < D; k++) distance += pow((double)X[i * D + k] - W[j * D + k], 2);
            const double error = (1 - exp(-distance)) / sqrt(2) / sqrt(512);

            square += exp(-distance) / N;
            least = fmin(least, error);
            most = fmax(most, error);
        }
        assert_close(quantiles[j * 3], least / sqrt(square), 1e-9, 0);
        assert_close(quantiles[j * 3 + 2], most / sqrt(square), 1e-9, 0);
        assert_true(quantiles[j * 3] <= quantiles[j * 3 + 1]);
        assert_true(quantiles[j * 3 + 1] <= quantiles[j * 3 + 2]);
        largest = fmax(largest, most);
    }
    assert_close(p.largest_error * p.value_rms, largest, 1e-9, 0);
    assert_true(p.median_error <= p.error_95 && p.error_95 <= p.largest_error);
    snnk_map_free(map);
}

static void strips_are_respected(void **state) {
    snnk_prediction p = fresh();
    snnk_spectrum *spectrum;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_spectrum_create(SNNK_TANH, NULL, &spectrum));
    assert_ok(snnk_map_create_urf(D, spectrum, NULL, NULL, &map));
    assert_ok(snnk_map_predict_norms(map, 1, 1.5, 0, 0, NULL, &p));
    assert_close(p.analyticity_halfwidth, 1.57079632679489662, 1e-15, 0);
    assert_int_equal(p.beyond_analyticity, 0);
    assert_ok(snnk_map_predict_norms(map, 1, 1.6, 0, 0, NULL, &p));
    assert_int_equal(p.beyond_analyticity, 1);
    assert_true(p.spectral_error > 0);
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
}

/* Norms for which the variance, the value, or both overflow double must never give a small
 * error. */
static void overflow_is_an_infinite_error(void **state) {
    static const double norms[] = {30, 100, 1e3, 1e10, 1e100};
    const int32_t functions[] = {SNNK_EXP, SNNK_SIN, SNNK_GELU};

    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (int32_t form = 0; form < 2; form++)
            for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++)
                for (int same = 0; same < 2; same++) {
                    snnk_prediction p = fresh();
                    snnk_urf_config config;
                    snnk_spectrum *spectrum;
                    snnk_map *map;

                    assert_ok(snnk_urf_config_init(&config, sizeof config));
                    config.form = form;
                    config.features = 64;
                    assert_ok(snnk_spectrum_create(functions[f], NULL, &spectrum));
                    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
                    assert_ok(snnk_map_predict_norms(map, norms[i], norms[i],
                                                     same ? norms[i] * norms[i] : 0, 0, NULL, &p));
                    assert_true(p.standard_error > 1);
                    assert_true(p.median_error > 1 && p.error_95 > 1 && p.largest_error > 1);
                    assert_true(p.mean_deviation > 0.5);
                    assert_true(p.features_chebyshev == 0 && p.features_azuma == 0);
                    assert_true(p.features_needed == 0);
                    snnk_map_free(map);
                    snnk_spectrum_free(spectrum);
                }
}

/* The same for kernels: the variance of an arc-cosine kernel is about |x|^2 |w|^2 twice. */
static void overflow_of_kernels_is_an_infinite_error(void **state) {
    static const double norms[] = {1e60, 1e100, 1e150};
    snnk_map_config config;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    for (int32_t kind = SNNK_MAP_ARC_COSINE; kind <= SNNK_MAP_ELEMENTWISE; kind++)
        for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++) {
            snnk_prediction p = fresh();
            snnk_map *map;

            config.kind = kind;
            config.activation = SNNK_IDENTITY;
            assert_ok(snnk_map_create(D, &config, NULL, &map));
            assert_ok(snnk_map_predict_norms(map, norms[i], norms[i], 0.5 * norms[i] * norms[i], 0,
                                             NULL, &p));
            assert_false(isnan(p.standard_error) || isnan(p.mean_deviation));
            if (!isfinite(p.value_rms)) assert_true(isinf(p.standard_error));
            if (!isfinite(p.value_rms)) assert_int_equal(p.features_needed, 0);
            snnk_map_free(map);
        }
}

/* A spectrum approximates its function on an interval only, except for sin. */
static void pairs_beyond_the_interval_are_counted(void **state) {
    const float x[4] = {-1, 0.5f, 1, 3}, w = 1, bias = 0.5f; /* w x + b: -0.5, 1, 1.5, 3.5 */
    snnk_spectrum_config config;
    snnk_prediction p = fresh();

    (void)state;
    assert_ok(snnk_spectrum_config_init(&config, sizeof config));
    config.center = 1;
    config.radius = 1; /* 0 ... 2 */
    for (int exact = 0; exact < 2; exact++) {
        snnk_spectrum *spectrum;
        snnk_map *map;

        assert_ok(snnk_spectrum_create(exact ? SNNK_SIN : SNNK_TANH, &config, &spectrum));
        assert_ok(snnk_map_create_urf(1, spectrum, NULL, NULL, &map));
        assert_ok(snnk_map_predict(map, SNNK_ROWS(.n = 4, .X = x, .ldx = 1), 1, &w, 1, &bias, NULL,
                                   0, NULL, NULL, 0, &p));
        assert_true(p.beyond_interval == (exact ? 0 : 0.5));
        assert_ok(snnk_map_predict_norms(map, 1, 1, 0.5, 0.5, NULL, &p));
        assert_true(p.beyond_interval == 0);
        assert_ok(snnk_map_predict_norms(map, 1, 1, 0.5, 1.75, NULL, &p));
        assert_true(p.beyond_interval == (exact ? 0 : 1));
        snnk_map_free(map);
        snnk_spectrum_free(spectrum);
    }
}

/* ---- Depth ---- */

static void depth_adds_up(void **state) {
    const double errors[] = {0.1, 0.2, 0.05}, failures[] = {0.01, 0.02, 0.03};
    const double moduli[] = {7, 2, 3}, all[] = {0.5, 0.4, 0.3};
    double error = 0, failure = 0;

    (void)state;
    assert_ok(snnk_predict_depth(3, errors, failures, moduli, &error, &failure));
    /* 0.1; 0.2 + 2 * 0.1 = 0.4; 0.05 + 3 * 0.4 = 1.25. No error reaches the first layer, so its
     * modulus does not matter. */
    assert_close(error, 1.25, 1e-15, 0);
    assert_close(failure, 0.06, 1e-15, 0);
    assert_ok(snnk_predict_depth(3, errors, all, moduli, &error, &failure));
    assert_true(failure == 1);
    assert_status(snnk_predict_depth(0, errors, failures, moduli, &error, &failure), SNNK_E_SHAPE);
    assert_status(snnk_predict_depth(3, NULL, failures, moduli, &error, &failure), SNNK_E_NULL);
    assert_status(snnk_predict_depth(3, errors, failures, moduli, NULL, &failure), SNNK_E_NULL);
    const double negative[] = {0.1, -0.2, 0.05};
    assert_status(snnk_predict_depth(3, negative, failures, moduli, &error, &failure),
                  SNNK_E_RANGE);
    assert_says("errors[1]");
    assert_true(failure == 1); /* untouched */
}

/* ---- Misuse ---- */

static void wrong_arguments_are_refused(void **state) {
    const double level = 2;
    double quantile;
    float bad[D] = {NAN};
    snnk_predict_config config = settings(0.1, 0.05);
    snnk_prediction p = fresh(), before = p;
    snnk_map_config map_config;
    snnk_map *map, *given;

    (void)state;
    assert_ok(snnk_map_config_init(&map_config, sizeof map_config));
    assert_ok(snnk_map_create(D, &map_config, NULL, &map));
    assert_status(snnk_predict_config_init(&config, 1), SNNK_E_CONFIG);
#define predict(count, inputs, l, W, config, levels, p)                                            \
    snnk_map_predict(map, SNNK_ROWS(.n = count, .X = inputs), l, W, D, NULL, config, levels,       \
                     &level, &quantile, 1, p)
    assert_status(snnk_map_predict(NULL, SNNK_ROWS(.n = N, .X = X), L, W, D, NULL, NULL, 0, NULL,
                                   NULL, 0, &p),
                  SNNK_E_NULL);
    assert_status(predict(0, X, L, W, NULL, 0, &p), SNNK_E_SHAPE);
    assert_status(predict(N, X, 0, W, NULL, 0, &p), SNNK_E_SHAPE);
    assert_status(predict(N, NULL, L, W, NULL, 0, &p), SNNK_E_NULL);
    assert_status(predict(N, X, L, W, NULL, 0, NULL), SNNK_E_NULL);
    assert_status(predict(1, bad, L, W, NULL, 0, &p), SNNK_E_NONFINITE);
    assert_status(predict(1, X, 1, bad, NULL, 0, &p), SNNK_E_NONFINITE);
    assert_status(predict(N, X, 1, W, NULL, 1, &p), SNNK_E_RANGE);
    assert_says("levels[0] = 2");
    config = settings(0, 0.05);
    assert_status(predict(N, X, L, W, &config, 0, &p), SNNK_E_RANGE);
    config = settings(0.1, 1);
    assert_status(predict(N, X, L, W, &config, 0, &p), SNNK_E_RANGE);
    assert_status(snnk_map_predict_norms(map, -1, 1, 0, 0, NULL, &p), SNNK_E_RANGE);
    assert_status(snnk_map_predict_norms(map, 1, 1, 1.1, 0, NULL, &p), SNNK_E_RANGE);
    assert_status(snnk_map_predict_norms(map, 1, 1, 0, NAN, NULL, &p), SNNK_E_NONFINITE);
    /* Kernels without a closed form, and given rows. */
    snnk_map_free(map);
    map_config.order = 2;
    assert_ok(snnk_map_create(D, &map_config, NULL, &map));
    assert_status(predict(N, X, L, W, NULL, 0, &p), SNNK_E_UNSUPPORTED);
    assert_ok(snnk_map_create_from_rows(D, N, X, D, NULL, NULL, NULL, &given));
    assert_status(snnk_map_predict_norms(given, 1, 1, 0, 0, NULL, &p), SNNK_E_UNSUPPORTED);
    assert_says("given");
    assert_memory_equal(&p, &before, sizeof p);
    snnk_map_free(given);
    snnk_map_free(map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variances_of_kernels_agree_with_draws),
        cmocka_unit_test(identity_features_have_no_error),
        cmocka_unit_test(counts_follow_from_the_inequalities),
        cmocka_unit_test(hopeless_targets_are_reported),
        cmocka_unit_test(features_needed_are_enough_and_not_too_many),
        cmocka_unit_test(spectral_errors_are_those_of_the_pairs),
        cmocka_unit_test(quantiles_of_outputs_are_ordered_and_right),
        cmocka_unit_test(strips_are_respected),
        cmocka_unit_test(overflow_is_an_infinite_error),
        cmocka_unit_test(overflow_of_kernels_is_an_infinite_error),
        cmocka_unit_test(pairs_beyond_the_interval_are_counted),
        cmocka_unit_test(depth_adds_up),
        cmocka_unit_test(wrong_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, make_batch, NULL);
}
