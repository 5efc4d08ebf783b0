/* src/map/spectral.c, urf_create.c: universal random features. The towers are compared with the
 * formulas of docs/math.md; no bias over seeds; the predicted variance; finite for every input. */
#include "support/compare.h"

#include "support/alloc.h"
#include "support/draw.h"

#include <complex.h>
#include <float.h>
#include <stdbool.h>

#include "map/atoms.h"

enum { D = 9, N = 20, L = 16, M = 90 };

static float X[N * D], W[L * D], b[L];

static int make_batch(void **state) {
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < N * D; i++) X[i] = (float)(0.1 + 0.2 * draw_uniform(&seed));
    for (size_t i = 0; i < L * D; i++) W[i] = (float)(-0.1 + 0.3 * draw_uniform(&seed));
    for (size_t i = 0; i < L; i++) b[i] = (float)(0.5 * draw_uniform(&seed));
    return 0;
}

/* 0.2 + 0.3 z + sin z + 0.4 cos(2.5 z) - 0.2 sin(2.5 z) + 0.05 cos(6 z) */
static const double omega[] = {1, 2.5, 6}, re[] = {0, 0.4, 0.05}, im[] = {-1, 0.2, 0};

static double mixture(double z) {
    return 0.2 + 0.3 * z + sin(z) + 0.4 * cos(2.5 * z) - 0.2 * sin(2.5 * z) + 0.05 * cos(6 * z);
}

static snnk_spectrum *make_spectrum(void) {
    snnk_spectrum *spectrum;

    assert_ok(snnk_spectrum_create_from_atoms(3, omega, re, im, 0.2, 0.3, NULL, &spectrum));
    return spectrum;
}

static snnk_frame *make_frame(int32_t center, int32_t metric) {
    snnk_frame_config config;
    snnk_frame *frame;

    assert_ok(snnk_frame_config_init(&config, sizeof config));
    config.center = center;
    config.metric = metric;
    config.directions = 2;
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D, &config, &frame));
    return frame;
}

static snnk_urf_config defaults(void) {
    snnk_urf_config config;

    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = M;
    return config;
}

static double preactivation(size_t i, size_t j) {
    double z = b[j];

    for (size_t k = 0; k < D; k++) z += (double)X[i * D + k] * W[j * D + k];
    return z;
}

/* Y (N x L) = Phi . Psi + bias, in double. */
static void estimate(const snnk_map *map, double *Y) {
    const size_t m = snnk_map_features(map);
    float *Phi = malloc(N * m * sizeof *Phi), *Psi = malloc(L * m * sizeof *Psi), bias[L];

    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, m, NULL));
    assert_ok(snnk_map_weight_tower(map, L, W, D, b, Psi, m, bias, NULL));
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < L; j++) {
            Y[i * L + j] = bias[j];
            for (size_t k = 0; k < m; k++) Y[i * L + j] += (double)Phi[i * m + k] * Psi[j * m + k];
        }
    free(Psi);
    free(Phi);
}

/* ---- Compared with the formula ---- */

/* Re c e^(kappa (w.mu + nu.(x-mu) + b)) Lambda_g(alpha x~) Lambda_g(beta w~), summed over rows. The
 * atom of each row must be known, so there is one atom. */
static double one_atom_estimate(const snnk_urf_config *config, double complex kappa,
                                double complex c, size_t rows, const float *G, const double *x,
                                const double *w, double offset) {
    const double theta = config->form == SNNK_URF_POSITIVE        ? 0
                         : config->form == SNNK_URF_TRIGONOMETRIC ? 1.5707963267948966
                                                                  : config->angle;
    const double A = config->A, s = config->scale;
    const double complex alpha = s * cexp(I * theta), beta = kappa / alpha;
    double xx = 0, ww = 0, sum = 0;

    for (size_t k = 0; k < D; k++) {
        xx += x[k] * x[k];
        ww += w[k] * w[k];
    }
    for (size_t j = 0; j < rows; j++) {
        double gg = 0, gx = 0, gw = 0;

        for (size_t k = 0; k < D; k++) {
            const double g = G[j * D + k];

            gg += g * g;
            gx += g * x[k];
            gw += g * w[k];
        }
        for (int sign = 1; sign >= (config->hyperbolic ? -1 : 1); sign -= 2) {
            const double complex u =
                cexp(A * gg + sqrt(1 - 4 * A) * alpha * gx * sign - alpha * alpha * xx / 2);
            const double complex v =
                cexp(A * gg + sqrt(1 - 4 * A) * beta * gw * sign - beta * beta * ww / 2);

            sum += pow(1 - 4 * A, D / 2.0) * creal(c * cexp(kappa * offset) * u * v) /
                   (config->hyperbolic ? 2 : 1);
        }
    }
    return sum / (double)rows;
}

static void check_one_atom(const snnk_urf_config *config, int32_t center, int32_t metric,
                           bool softmax) {
    enum { ROWS = 200 };
    const double one_omega = 1.7, one_re = 0.6, one_im = -0.8;
    static float G[ROWS * D];
    double seen_x[N * D], seen_w[L * D], Y[N * L], mu[D] = {0}, nu[D] = {0};
    snnk_frame *frame = make_frame(center, metric);
    snnk_spectrum *spectrum;
    snnk_map *map;

    draw_floats(G, ROWS * D, 8); /* any rows are suitable */
    if (softmax)
        assert_ok(snnk_spectrum_create(SNNK_EXP, NULL, &spectrum));
    else
        assert_ok(snnk_spectrum_create_from_atoms(1, &one_omega, &one_re, &one_im, 0, 0, NULL,
                                                  &spectrum));
    assert_ok(snnk_map_create_urf_from_rows(D, spectrum, ROWS, G, D, config, frame, &map));
    estimate(map, Y);
    assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen_x, D));
    assert_ok(snnk_frame_apply(frame, 1, L, W, D, seen_w, D));
    for (size_t k = 0; k < D; k++) {
        for (size_t i = 0; i < N; i++) mu[k] += center ? X[i * D + k] / (double)N : 0;
        for (size_t j = 0; j < L; j++)
            nu[k] += center == SNNK_CENTER_BOTH ? W[j * D + k] / (double)L : 0;
    }
    size_t width = config->form == SNNK_URF_POSITIVE ? 1 : 2;
    const bool phase_of_its_own = center == SNNK_CENTER_BOTH && !softmax;
    if (phase_of_its_own) width = 2;
    if (config->hyperbolic && !(config->form == SNNK_URF_TRIGONOMETRIC && !phase_of_its_own))
        width *= 2;
    assert_int_equal(snnk_map_features(map) % width, 0);
    const size_t rows = snnk_map_features(map) / width;
    const size_t extra =
        (center == SNNK_CENTER_BOTH ? 1u : 0u) + (metric == SNNK_METRIC_WHITEN ? 2u : 0u);
    assert_int_equal(rows, (M - extra) / width);

    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < L; j++) {
            double offset = b[j];

            for (size_t k = 0; k < D; k++)
                offset += W[j * D + k] * mu[k] + nu[k] * (X[i * D + k] - mu[k]);
            const double expected = one_atom_estimate(config, softmax ? 1 : I * one_omega,
                                                      softmax ? 1 : one_re + I * one_im, rows, G,
                                                      seen_x + i * D, seen_w + j * D, offset);
            /* Exponents and phases of about 3 in float (a relative 6e-8 each), exponentials of
             * them, and a mean over up to 90 such terms. */
            assert_close(Y[i * L + j], expected, 3e-6, 3e-6);
        }
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
    snnk_frame_free(frame);
}

static void towers_are_the_formula(void **state) {
#ifdef SNNK_MINIMAL
    const int32_t metrics = SNNK_METRIC_DIAGONAL + 1;
#else
    const int32_t metrics = SNNK_METRIC_WHITEN + 1;
#endif

    (void)state;
    for (int32_t center = 0; center < 3; center++)
        for (int32_t metric = 0; metric < metrics; metric++)
            for (int32_t form = 0; form < 3; form++)
                for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++)
                    for (int softmax = 0; softmax < 2; softmax++) {
                        snnk_urf_config config = defaults();

                        config.form = form;
                        config.angle = 0.6;
                        config.hyperbolic = hyperbolic;
                        config.scale = 1.3;
                        config.A = metric == 1 ? -0.07 : metric == 2 ? 0.02 : 0;
                        check_one_atom(&config, center, metric, softmax);
                    }
}

/* intercept + slope (w.mu + nu.(x-mu) + b + sum_j (g_j.x~)(g_j.w~)/r), for given rows. */
static void sketches_are_the_formula(void **state) {
    enum { ROWS = 11 };
    float G[ROWS * D];
    double seen_x[N * D], seen_w[L * D], Y[N * L];

    (void)state;
    draw_floats(G, ROWS * D, 8);
    for (int32_t center = 0; center < 3; center++) {
        snnk_frame *frame = make_frame(center, SNNK_METRIC_DIAGONAL);
        snnk_urf_config config = defaults();
        snnk_spectrum *spectrum;
        snnk_map *map;

        config.affine = SNNK_URF_AFFINE_SKETCH;
        config.features = ROWS + (center == SNNK_CENTER_BOTH);
        assert_ok(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 0.4, 1.5, NULL, &spectrum));
        assert_ok(snnk_map_create_urf_from_rows(D, spectrum, ROWS, G, D, &config, frame, &map));
        assert_int_equal(snnk_map_features(map), config.features);
        estimate(map, Y);
        assert_ok(snnk_frame_apply(frame, 0, N, X, D, seen_x, D));
        assert_ok(snnk_frame_apply(frame, 1, L, W, D, seen_w, D));
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < L; j++) {
                double inner = 0, sketched = 0;

                for (size_t k = 0; k < D; k++) inner += seen_x[i * D + k] * seen_w[j * D + k];
                for (size_t r = 0; r < ROWS; r++) {
                    double gx = 0, gw = 0;

                    for (size_t k = 0; k < D; k++) {
                        gx += G[r * D + k] * seen_x[i * D + k];
                        gw += G[r * D + k] * seen_w[j * D + k];
                    }
                    sketched += gx * gw / ROWS;
                }
                assert_close(Y[i * L + j], 0.4 + 1.5 * (preactivation(i, j) - inner + sketched),
                             1e-6, 1e-6);
            }
        snnk_map_free(map);
        snnk_spectrum_free(spectrum);
        snnk_frame_free(frame);
    }
}

/* Rows of zeros make every H the same, 1 if |x~| = |w~| and s^2 = |kappa|, so an estimate is the
 * sum of the rows' weights. Atoms that are nearly equal have equal shares, so every drawn row has
 * weight K c/rows: the sum is K c. */
static void drawn_rows_have_the_right_weights(void **state) {
    enum { K = 4, ROWS = 30 };
    const double rates[K] = {1, 1.0000001, 1.0000002, 1.0000003}, ones[K] = {1, 1, 1, 1};
    const float zeros[ROWS * D] = {0}, unit[D] = {1};
    snnk_spectrum *spectrum;

    (void)state;
    assert_ok(snnk_spectrum_create_from_atoms(K, rates, ones, NULL, 0, 0, NULL, &spectrum));
    for (int32_t atoms = 0; atoms < 3; atoms++) {
        snnk_urf_config config = defaults();
        float Phi[M], Psi[M], bias;
        double sum = 0;
        snnk_map *map;

        config.features = ROWS;
        config.atoms = atoms;
        config.hyperbolic = 0;
        assert_ok(snnk_map_create_urf_from_rows(D, spectrum, ROWS, zeros, D, &config, NULL, &map));
        assert_ok(snnk_map_input_tower(map, 1, unit, D, Phi, ROWS, NULL));
        assert_ok(snnk_map_weight_tower(map, 1, unit, D, NULL, Psi, ROWS, &bias, NULL));
        for (size_t j = 0; j < ROWS; j++) sum += (double)Phi[j] * Psi[j];
        assert_close(sum, K, 1e-6, 0);
        snnk_map_free(map);
    }
    snnk_spectrum_free(spectrum);
}

/* ---- Rows for atoms ---- */

static void rows_are_split_by_what_each_saves(void **state) {
    /* Worked by hand. 10 rows: atoms with 10 share >= 1 are certain, three of them; the others,
     * 0.05, have half a row together: one. Of 9 rows: 1 each, and 3 for the first in proportion;
     * then, at each step, one to the largest share^2/(n (n+1)): second, first, second, first. */
    const double shares[] = {0.04, 0.5, 0.15, 0.01, 0.3}, sorted[] = {0.5, 0.3, 0.15, 0.04, 0.01};
    const uint64_t expected[] = {5, 3, 1, 0, 0};
    snnk__urf_atom atom[5];
    snnk__urf_atoms atoms = {.count = 5, .atom = atom};
    uint32_t row_atom[10];

    (void)state;
    for (size_t k = 0; k < 5; k++)
        atom[k] = (snnk__urf_atom){.kappa = I * (double)(k + 1), .c = 1, .share = shares[k]};
    snnk__urf_atoms_split(&atoms, SNNK_URF_STRATIFIED, 10);
    assert_int_equal(atoms.drawn_rows, 1);
    for (size_t k = 0; k < 5; k++) {
        assert_true(atom[k].share == sorted[k]);
        assert_int_equal(atom[k].rows, expected[k]);
        assert_close(atom[k].probability, k < 3 ? 0 : shares[k == 3 ? 0 : 3] / 0.05, 1e-12, 0);
    }
    snnk__urf_atoms_assign(&atoms, 0, 10, row_atom);
    for (size_t j = 0; j < 9; j++) assert_int_equal(row_atom[j], j < 5 ? 0 : j < 8 ? 1 : 2);
    assert_true(row_atom[9] == 3 || row_atom[9] == 4);

    /* All drawn. */
    snnk__urf_atoms_split(&atoms, SNNK_URF_IMPORTANCE, 7);
    assert_int_equal(atoms.drawn_rows, 7);
    for (size_t k = 0; k < 5; k++) {
        assert_int_equal(atom[k].rows, 0);
        assert_close(atom[k].probability, sorted[k], 1e-12, 0);
    }
    /* One row for all. */
    snnk__urf_atoms_split(&atoms, SNNK_URF_STRATIFIED, 1);
    assert_int_equal(atoms.drawn_rows, 1);
}

/* ---- Without bias, and with the predicted variance ---- */

/* Over seeds, the mean is within 5 of its standard errors of f(w.x + b), where the standard error
 * is the predicted one; the variance is within 5 of its own errors of the predicted one (kurtosis
 * from the sample). */
static void check_unbiased(const snnk_urf_config *base, int32_t center, int32_t metric) {
    enum { SEEDS = 600 };
    snnk_frame *frame = make_frame(center, metric);
    snnk_spectrum *spectrum = make_spectrum();
    snnk_urf_config config = *base;
    static double Y[SEEDS][N * L];
    const double exact = mixture(preactivation(2, 3));
    double mean = 0, second = 0, fourth = 0, predicted = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        snnk_map *map;

        config.seed = seed;
        assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
        assert_true(snnk_map_features(map) <= M);
        estimate(map, Y[seed]);
        if (seed == 0) {
            snnk_prediction prediction = {.size = sizeof prediction};

            assert_ok(snnk_map_predict(map, SNNK_ROWS(.n = 1, .X = X + 2 * D), 1, W + 3 * D, D,
                                       b + 3, NULL, 0, NULL, NULL, 0, &prediction));
            assert_close(prediction.value_rms, fabs(exact), 1e-6, 0); /* inputs are float */
            predicted = prediction.standard_error * prediction.value_rms;
        }
        snnk_map_free(map);
    }
    for (size_t s = 0; s < SEEDS; s++) mean += Y[s][2 * L + 3] / SEEDS;
    for (size_t s = 0; s < SEEDS; s++) {
        const double error = Y[s][2 * L + 3] - exact;

        second += error * error / SEEDS;
        fourth += error * error * error * error / SEEDS;
    }
    assert_close(mean, exact, 0, 5 * predicted / sqrt(SEEDS));
    assert_close(second, predicted * predicted, 0, 5 * sqrt((fourth - second * second) / SEEDS));
    snnk_spectrum_free(spectrum);
    snnk_frame_free(frame);
}

static void estimates_are_unbiased_with_the_predicted_variance(void **state) {
    (void)state;
    for (int32_t form = 0; form < 3; form++)
        for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++)
            for (int32_t atoms = 0; atoms < 3; atoms++) {
                snnk_urf_config config = defaults();

                config.form = form;
                config.hyperbolic = hyperbolic;
                config.atoms = atoms;
                config.A = form == 1 ? -0.01 : form == 0 ? SNNK_A_OPTIMAL : 0;
                config.affine = atoms == 1 ? SNNK_URF_AFFINE_EXACT : SNNK_URF_AFFINE_SKETCH;
                check_unbiased(&config, atoms, hyperbolic);
            }
}

/* More atoms than rows: some are drawn, and the estimate still has no bias. */
static void few_rows_are_unbiased(void **state) {
    (void)state;
    for (int32_t atoms = 0; atoms < 3; atoms++) {
        snnk_urf_config config = defaults();

        config.features = 7;
        config.hyperbolic = 0;
        config.atoms = atoms;
        config.affine = SNNK_URF_AFFINE_SKETCH;
        check_unbiased(&config, SNNK_CENTER_INPUTS, SNNK_METRIC_NONE);
    }
}

static void omitting_the_affine_part_leaves_it_out(void **state) {
    snnk_spectrum *spectrum = make_spectrum();
    snnk_urf_config config = defaults();
    double with[N * L], without[N * L];
    snnk_map *map;

    (void)state;
    config.affine = SNNK_URF_AFFINE_OMIT;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    assert_int_equal(snnk_map_blocks(map), 1);
    estimate(map, without);
    snnk_map_free(map);
    config.affine = SNNK_URF_AFFINE_EXACT;
    config.features = M + D;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    assert_int_equal(snnk_map_blocks(map), 2);
    assert_int_equal(snnk_map_features(map), M + D);
    estimate(map, with);
    snnk_map_free(map);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < L; j++)
            assert_close(with[i * L + j] - without[i * L + j], 0.2 + 0.3 * preactivation(i, j),
                         1e-5, 1e-6);
    snnk_spectrum_free(spectrum);
}

/* ---- Finite outputs ---- */

static void check_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) assert_true(isfinite(values[i]));
}

static void finite_inputs_give_finite_features(void **state) {
    const float sizes[] = {0, 1e-38f, 1e-3f, 1, 1e3f, 1e10f, 1e20f, 1e30f, FLT_MAX};
    snnk_spectrum *spectrum = make_spectrum();

    (void)state;
    for (int32_t center = 0; center < 3; center += 2)
        for (int32_t form = 0; form < 3; form++)
            for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++) {
                snnk_frame *frame = make_frame(center, SNNK_METRIC_DIAGONAL);
                snnk_urf_config config = defaults();
                float x[D], Phi[M], Psi[M], bias;
                snnk_layer *layer;
                snnk_map *map;

                config.form = form;
                config.hyperbolic = hyperbolic;
                config.affine = SNNK_URF_AFFINE_OMIT; /* a linear feature of 1e38 may overflow */
                config.A = hyperbolic ? -0.1 : 0;
                assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
                const size_t m = snnk_map_features(map);
                for (size_t a = 0; a < sizeof sizes / sizeof sizes[0]; a++)
                    for (uint64_t seed = 0; seed < 20; seed++) {
                        uint64_t draws = seed;

                        for (size_t k = 0; k < D; k++)
                            x[k] = sizes[a] * (float)draw_uniform(&draws);
                        assert_ok(snnk_map_input_tower(map, 1, x, D, Phi, m, NULL));
                        check_finite(Phi, m);
                        assert_ok(snnk_map_weight_tower(map, 1, x, D, b, Psi, m, &bias, NULL));
                        check_finite(Psi, m);
                        float y;
                        assert_ok(snnk_layer_create_from_weights(map, 1, x, D, b, &layer));
                        assert_ok(snnk_layer_forward(layer, 1, x, D, &y, 1, NULL));
                        check_finite(&y, 1);
                        snnk_layer_free(layer);
                    }
                x[0] = NAN;
                assert_ok(snnk_map_input_tower(map, 1, x, D, Phi, m, NULL));
                assert_true(isnan(Phi[0]));
                snnk_map_free(map);
                snnk_frame_free(frame);
            }
    snnk_spectrum_free(spectrum);
}

static void forward_is_the_dot_product_of_the_towers(void **state) {
    snnk_spectrum *spectrum = make_spectrum();
    snnk_frame *frame = make_frame(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL);
    double Y[N * L];
    float forward[N * L], alone[L];
    snnk_workspace *workspace;
    snnk_layer *layer;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    for (int32_t form = 0; form < 3; form++) {
        snnk_urf_config config = defaults();

        config.features = 700; /* several tiles of rows */
        config.form = form;
        assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
        assert_ok(snnk_layer_create_from_weights(map, L, W, D, b, &layer));
        estimate(map, Y);
        assert_ok(snnk_layer_forward(layer, N, X, D, forward, L, workspace));
        /* Sums of 700 products in float: 700 eps sum |products| at worst, usually far less. */
        for (size_t i = 0; i < N * L; i++) assert_close(forward[i], Y[i], 2e-5, 2e-5);
        for (size_t i = 0; i < N; i++) {
            assert_ok(snnk_layer_forward(layer, 1, X + i * D, D, alone, L, NULL));
            assert_memory_equal(alone, forward + i * L, sizeof alone);
        }
        snnk_layer_free(layer);
        snnk_map_free(map);
    }
    snnk_workspace_free(workspace);
    snnk_frame_free(frame);
    snnk_spectrum_free(spectrum);
}

static void seeds_repeat_and_differ(void **state) {
    snnk_spectrum *spectrum = make_spectrum();
    snnk_urf_config config = defaults();
    double first[N * L], again[N * L], other[N * L];
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    estimate(map, first);
    snnk_map_free(map);
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    estimate(map, again);
    snnk_map_free(map);
    config.seed = 1;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    estimate(map, other);
    snnk_map_free(map);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    snnk_spectrum_free(spectrum);
}

/* A redrawn map equals the one created with its seed, or its rows. */
static void redrawing_is_creating_with_another_seed(void **state) {
    enum { ROWS = 300 };
    static float G[ROWS * D];
    snnk_spectrum *spectrum = make_spectrum();
    snnk_frame *frame = make_frame(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL);
    snnk_urf_config config = defaults();
    double created[N * L], redrawn[N * L];
    snnk_map_config plain;
    snnk_map *map, *other;

    (void)state;
    draw_floats(G, ROWS * D, 12);
    for (int32_t atoms = 0; atoms < 3; atoms++)
        for (int given = 0; given < 2; given++) {
            config.atoms = atoms;
            config.seed = 77;
            if (given)
                assert_ok(
                    snnk_map_create_urf_from_rows(D, spectrum, ROWS, G, D, &config, frame, &map));
            else
                assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
            estimate(map, created);
            snnk_map_free(map);
            config.seed = 3;
            assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
            assert_ok(snnk_map_redraw(map, 77, ROWS, given ? G : NULL, D, &other));
            snnk_map_free(map);
            estimate(other, redrawn);
            assert_memory_equal(created, redrawn, sizeof created);
            snnk_map_free(other);
        }
    assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
    assert_status(snnk_map_redraw(map, 1, 3, G, D, &other), SNNK_E_SHAPE);
    assert_says("rows = 3");
    assert_status(snnk_map_redraw(NULL, 1, 0, NULL, 0, &other), SNNK_E_NULL);
    assert_ok(snnk_map_redraw(map, 1, ROWS, G, D, &other));
    snnk_map_free(map);
    assert_status(snnk_map_redraw(other, 1, 0, NULL, 0, &map), SNNK_E_UNSUPPORTED);
    snnk_map_free(other);
    assert_ok(snnk_map_config_init(&plain, sizeof plain));
    plain.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(D, &plain, NULL, &map));
    assert_status(snnk_map_redraw(map, 1, 0, NULL, 0, &other), SNNK_E_UNSUPPORTED);
    assert_null(other);
    snnk_map_free(map);
    snnk_frame_free(frame);
    snnk_spectrum_free(spectrum);
}

/* The same of maps without a spectrum, with dense rows and with HD3, and a scaling. */
static void redrawing_plain_maps(void **state) {
    static const int32_t kinds[] = {SNNK_MAP_GAUSSIAN, SNNK_MAP_ARC_COSINE, SNNK_MAP_ELEMENTWISE};
    enum { COUNT = 24 };
    double mean[D], scale[D];
    float x[D], of_seed[COUNT], redrawn[COUNT], G[COUNT * D] = {0};
    snnk_scaling *scaling;

    (void)state;
    draw_floats(x, D, 5);
    for (size_t k = 0; k < D; k++) mean[k] = 0.1 * (double)k, scale[k] = 1 + (double)k;
    assert_ok(snnk_scaling_create_given(D, mean, scale, NULL, &scaling));
    for (int k = 0; k < 6; k++) {
        snnk_map_config config;
        snnk_map *first, *map, *other;

        assert_ok(snnk_map_config_init(&config, sizeof config));
        config.kind = kinds[k / 2];
        config.projection = k % 2 ? SNNK_PROJECTION_HD3 : SNNK_PROJECTION_ORTHOGONAL;
        config.activation = SNNK_TANH;
        config.features = COUNT;
        config.projection_scale = 0.7;
        config.offset_scale = kinds[k / 2] == SNNK_MAP_GAUSSIAN ? 0 : 0.3;
        config.seed = 4;
        assert_ok(snnk_map_create(D, &config, scaling, &first));
        config.seed = 9;
        assert_ok(snnk_map_create(D, &config, scaling, &map));
        assert_ok(snnk_map_redraw(first, 9, 0, NULL, 0, &other));
        assert_ok(snnk_map_input_tower(map, 1, x, D, of_seed, COUNT, NULL));
        assert_ok(snnk_map_input_tower(other, 1, x, D, redrawn, COUNT, NULL));
        assert_memory_equal(of_seed, redrawn, sizeof redrawn);
        assert_ok(snnk_map_input_tower(first, 1, x, D, redrawn, COUNT, NULL));
        assert_memory_not_equal(of_seed, redrawn, sizeof redrawn);
        snnk_map_free(other);
        assert_status(snnk_map_redraw(first, 9, COUNT, G, D, &other), SNNK_E_UNSUPPORTED);
        assert_says("snnk_map_create_from_rows");
        snnk_map_free(map);
        snnk_map_free(first);
    }
    snnk_scaling_free(scaling);
}

/* ---- Softmax ---- */

/* E exp(g.x - |x|^2/2) = 1, here in three dimensions. With |x|^2 in place of |x|^2/2 (an error in
 * the published code) it would be exp(-|x|^2/2), with rows of variance 0.02^2 (another error)
 * nearly that. 40000 draws of variance exp(|x|^2) - 1. */
static void positive_features_have_mean_one(void **state) {
    enum { FEATURES = 40000 };
    const float x[3] = {0.6f, -0.5f, 0.4f};
    const double norm2 = 0.6 * 0.6 + 0.5 * 0.5 + 0.4 * 0.4;
    static float Phi[FEATURES];
    snnk_urf_config config;
    snnk_map *map;
    double mean = 0;

    (void)state;
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = FEATURES;
    config.hyperbolic = 0;
    config.scale = 1;
    config.input_norm = 1e-6; /* so that nothing is shifted to the other tower */
    assert_ok(snnk_map_create_softmax(3, &config, NULL, &map));
    assert_ok(snnk_map_input_tower(map, 1, x, 3, Phi, FEATURES, NULL));
    for (size_t j = 0; j < FEATURES; j++) mean += Phi[j] / (double)FEATURES;
    assert_close(mean, 1, 0, 5 * sqrt((exp(norm2) - 1) / FEATURES));
    snnk_map_free(map);
}

static void softmax_features_estimate_the_exponential(void **state) {
    enum { SEEDS = 400 };

    (void)state;
    for (int32_t form = 0; form < 2; form++)
        for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++) {
            snnk_urf_config config = defaults();
            const double exact = exp(preactivation(1, 1));
            double Y[N * L];
            sample s = {0};

            config.form = form;
            config.hyperbolic = hyperbolic;
            config.A = hyperbolic ? 0 : SNNK_A_OPTIMAL;
            for (config.seed = 0; config.seed < SEEDS; config.seed++) {
                snnk_map *map;

                assert_ok(snnk_map_create_softmax(D, &config, NULL, &map));
                estimate(map, Y);
                sample_add(&s, Y[L + 1]);
                snnk_map_free(map);
            }
            assert_close(s.mean, exact, 0, 5 * sample_error(&s));
            assert_true(sample_error(&s) < 0.02 * exact); /* otherwise noise would pass */
        }
}

/* ---- Affine or constant functions ---- */

static void affine_functions_need_no_atoms(void **state) {
    double Y[N * L];

    (void)state;
    for (int slope = 0; slope < 2; slope++)
        for (int32_t affine = SNNK_URF_AFFINE_AUTO; affine <= SNNK_URF_AFFINE_OMIT; affine++) {
            snnk_urf_config config = defaults();
            snnk_spectrum *spectrum;
            snnk_map *map;

            config.affine = affine;
            assert_ok(
                snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 0.7, slope, NULL, &spectrum));
            assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
            estimate(map, Y);
            const bool exact = affine != SNNK_URF_AFFINE_SKETCH || slope == 0;
            const bool omit = affine == SNNK_URF_AFFINE_OMIT;
            for (size_t i = 0; exact && i < N; i++)
                for (size_t j = 0; j < L; j++)
                    assert_close(Y[i * L + j], omit ? 0 : 0.7 + slope * preactivation(i, j), 1e-6,
                                 1e-6);
            snnk_map_free(map);
            snnk_spectrum_free(spectrum);
        }
}

/* ---- Layers ---- */

static void folding_is_the_product(void **state) {
    enum { L2 = 5 };
    snnk_spectrum *spectrum = make_spectrum();
    float V[L2 * L], c[L2], hidden[N * L], folded_Y[N * L2];
    snnk_layer *layer, *folded, *dense;
    snnk_map *map;

    (void)state;
    draw_floats(V, L2 * L, 1);
    draw_floats(c, L2, 2);
    assert_ok(snnk_map_create_urf(D, spectrum, NULL, NULL, &map));
    assert_ok(snnk_layer_create_from_weights(map, L, W, D, b, &layer));
    assert_ok(snnk_layer_create_dense(D, L, W, D, b, SNNK_IDENTITY, NULL, &dense));
    snnk_layer *both[] = {layer, dense};
    for (size_t a = 0; a < 2; a++) {
        assert_ok(snnk_layer_fold(both[a], L2, V, L, c, &folded));
        assert_int_equal(snnk_layer_outputs(folded), L2);
        assert_ok(snnk_layer_forward(both[a], N, X, D, hidden, L, NULL));
        assert_ok(snnk_layer_forward(folded, N, X, D, folded_Y, L2, NULL));
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < L2; j++) {
                double y = c[j];

                for (size_t k = 0; k < L; k++) y += (double)V[j * L + k] * hidden[i * L + k];
                assert_close(folded_Y[i * L2 + j], y, 1e-5, 3e-5); /* sums of 1024 terms in float */
            }
        snnk_layer_free(folded);
    }
    snnk_layer_free(dense);
    assert_ok(snnk_layer_create_dense(D, L, W, D, b, SNNK_TANH, NULL, &dense));
    assert_status(snnk_layer_fold(dense, L2, V, L, c, &folded), SNNK_E_UNSUPPORTED);
    assert_says("tanh");
    assert_status(snnk_layer_fold(layer, 0, V, L, c, &folded), SNNK_E_SHAPE);
    assert_status(snnk_layer_fold(layer, L2, V, L - 1, c, &folded), SNNK_E_STRIDE);
    V[3] = INFINITY;
    assert_status(snnk_layer_fold(layer, L2, V, L, c, &folded), SNNK_E_NONFINITE);
    assert_null(folded);
    assert_status(snnk_layer_fold(NULL, L2, V, L, c, &folded), SNNK_E_NULL);
    assert_status(snnk_layer_fold(layer, L2, V, L, c, NULL), SNNK_E_NULL);
    snnk_layer_free(dense);
    snnk_layer_free(layer);
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
}

/* ---- Misuse ---- */

#define refuses(status, field, value)                                                              \
    do {                                                                                           \
        snnk_urf_config c_ = defaults();                                                           \
        snnk_map *map_ = (snnk_map *)&c_;                                                          \
        c_.field = (value);                                                                        \
        assert_status(snnk_map_create_urf(D, spectrum, &c_, NULL, &map_), (status));               \
        assert_null(map_);                                                                         \
    } while (0)

static void wrong_settings_are_refused(void **state) {
    snnk_spectrum *spectrum = make_spectrum();
    snnk_frame *frame = make_frame(2, 1);
    snnk_urf_config config = defaults();
    float Psi[M * L], bias[L], G[D] = {0};
    snnk_map *map;

    (void)state;
    assert_status(snnk_urf_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_urf_config_init(&config, 5), SNNK_E_CONFIG);
    refuses(SNNK_E_RANGE, A, 0.125);
    assert_says("0.125");
    refuses(SNNK_E_RANGE, A, -2e6);
    refuses(SNNK_E_RANGE, A, NAN);
    refuses(SNNK_E_RANGE, input_norm, -1);
    refuses(SNNK_E_RANGE, weight_norm, INFINITY);
    refuses(SNNK_E_RANGE, scale, 1e-7);
    refuses(SNNK_E_RANGE, scale, NAN);
    refuses(SNNK_E_RANGE, angle, 1.6);
    refuses(SNNK_E_ENUM, form, 3);
    refuses(SNNK_E_ENUM, hyperbolic, 2);
    refuses(SNNK_E_ENUM, atoms, -1);
    refuses(SNNK_E_ENUM, affine, 4);
    refuses(SNNK_E_ENUM, projection, SNNK_PROJECTION_GIVEN);
    refuses(SNNK_E_ENUM, projection, 6);
    refuses(SNNK_E_SHAPE, features, 0);
    refuses(SNNK_E_RANGE, features, 2); /* a sketched line and a hyperbolic row need 3 */
    assert_says("3");
    refuses(SNNK_E_SIZE, features, UINT64_MAX);
    assert_status(snnk_map_create_urf(D, NULL, NULL, NULL, &map), SNNK_E_NULL);
    assert_status(snnk_map_create_urf(D, spectrum, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_map_create_urf(0, spectrum, NULL, NULL, &map), SNNK_E_SHAPE);
    assert_status(snnk_map_create_urf(D + 1, spectrum, NULL, frame, &map), SNNK_E_SHAPE);
    assert_status(snnk_map_create_urf_from_rows(D, spectrum, 1, G, D, NULL, NULL, &map),
                  SNNK_E_SHAPE);
    assert_says("rows = 1");

    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = M;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    assert_status(snnk_map_weight_tower(map, L, W, D, b, Psi, M, NULL, NULL), SNNK_E_NULL);
    assert_says("bias");
    assert_status(snnk_map_weight_tower(map, L, W, D - 1, b, Psi, M, bias, NULL), SNNK_E_STRIDE);
    snnk_map_free(map);

    snnk_map_config plain;
    assert_ok(snnk_map_config_init(&plain, sizeof plain));
    plain.kind = SNNK_MAP_URF;
    assert_status(snnk_map_create(D, &plain, NULL, &map), SNNK_E_UNSUPPORTED);
    snnk_frame_free(frame);
    snnk_spectrum_free(spectrum);
}

static void failing_allocations_leave_nothing(void **state) {
    snnk_spectrum *spectrum = make_spectrum();
    snnk_frame *frame = make_frame(2, 1);
    snnk_urf_config config = defaults();
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    int status;

    (void)state;
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, status, {
        snnk_map *map = NULL;
        snnk_layer *layer = NULL;
        snnk_layer *folded = NULL;
        snnk_map *redrawn = NULL;

        status = snnk_map_create_urf(D, spectrum, &config, frame, &map);
        if (status == SNNK_OK) status = snnk_map_redraw(map, 1, 0, NULL, 0, &redrawn);
        snnk_map_free(redrawn);
        if (status == SNNK_OK) status = snnk_layer_create_from_weights(map, L, W, D, b, &layer);
        if (status == SNNK_OK) status = snnk_layer_fold(layer, 2, W, L, NULL, &folded);
        snnk_layer_free(folded);
        snnk_layer_free(layer);
        snnk_map_free(map);
    });
    snnk_frame_free(frame);
    snnk_spectrum_free(spectrum);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(towers_are_the_formula),
        cmocka_unit_test(sketches_are_the_formula),
        cmocka_unit_test(drawn_rows_have_the_right_weights),
        cmocka_unit_test(rows_are_split_by_what_each_saves),
        cmocka_unit_test(estimates_are_unbiased_with_the_predicted_variance),
        cmocka_unit_test(few_rows_are_unbiased),
        cmocka_unit_test(omitting_the_affine_part_leaves_it_out),
        cmocka_unit_test(finite_inputs_give_finite_features),
        cmocka_unit_test(forward_is_the_dot_product_of_the_towers),
        cmocka_unit_test(seeds_repeat_and_differ),
        cmocka_unit_test(redrawing_is_creating_with_another_seed),
        cmocka_unit_test(redrawing_plain_maps),
        cmocka_unit_test(positive_features_have_mean_one),
        cmocka_unit_test(softmax_features_estimate_the_exponential),
        cmocka_unit_test(affine_functions_need_no_atoms),
        cmocka_unit_test(folding_is_the_product),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };

    return cmocka_run_group_tests(tests, make_batch, NULL);
}
