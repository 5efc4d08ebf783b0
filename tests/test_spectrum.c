/* src/spectrum: spectra of activations and functions. */
#include <complex.h>
#include <float.h>
#include <stdbool.h>

#include "data/activation_fourier.h"
#include "support/draw.h"
#include "support/precise.h"
#include "support/spectra.h"

#include "spectrum/activation.h"
#include "spectrum/activation_f64.h"
#include "spectrum/fourier.h"
#include "spectrum/integral.h"
#include "spectrum/spectrum.h"

/* ---- Parts ---- */

/* A relative error of eps in an exponent t is |t| eps in the result. Exponents here are at most
 * z^2/2 (gelu, erf), |z| or, for gelu_tanh, 1.6 |z| + 0.072 |z|^3: 2^-51 of 2 + z^2 + |z|^3/8
 * covers a few roundings of each. Below 1e-290 results are near underflow, and errors are at most
 * that. */
static void test_activations_in_double(void **state) {
    static const double zs[] = {0,    1e-9, 0.1, 0.3, 0.9, 1,  1.7, 2.5, 3.9,
                                5.05, 8,    13,  21,  30,  37, 40,  300, 700};

    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++) {
        for (size_t i = 0; i < sizeof zs / sizeof *zs; i++)
            for (int sign = -1; sign <= 1; sign += 2) {
                const double z = sign * zs[i], rtol = 0x1p-51 * (2 + z * z + fabs(z * z * z) / 8);
                long double exact = precise_activation(a, z);

                if (a == SNNK_TANH) exact = tanhl(z);
                if (a == SNNK_ERF) exact = erfl(z);
                assert_close(snnk__activation_f64(a, z), (double)exact, fmin(rtol, 1e-10), 1e-290);
            }
        assert_true(isnan(snnk__activation_f64(a, NAN)));
    }
    for (int32_t a = SNNK_RELU; a <= SNNK_GELU_TANH; a++) {
        assert_true(snnk__activation_f64(a, -INFINITY) == 0);
        assert_true(snnk__activation_f64(a, INFINITY) == INFINITY);
    }
    assert_true(snnk__activation_f64(SNNK_SILU, -INFINITY) == 0);
    assert_true(snnk__activation_f64(SNNK_SILU, INFINITY) == INFINITY);
    assert_true(snnk__activation_f64(SNNK_SOFTPLUS, -INFINITY) == 0);
    assert_true(snnk__activation_f64(SNNK_SOFTPLUS, INFINITY) == INFINITY);
    assert_true(snnk__activation_f64(SNNK_STEP, INFINITY) == 1);
    assert_true(snnk__activation_f64(SNNK_SIGMOID, -INFINITY) == 0);
}

/* Compared with the definition in long double. Numbers are below 1, sums of 256 of them below 256,
 * and an error grows by at most eps of that in each of log2 n levels. */
static void test_fourier_transform(void **state) {
    const snnk_allocator *const none = NULL;
    snnk_allocator allocator;
    uint64_t draws = 11;

    (void)state;
    assert_ok(snnk__allocator_read(&allocator, none));
    for (size_t n = 1; n <= 256; n *= 2)
        for (int sign = -1; sign <= 1; sign += 2) {
            double x[512];
            snnk__fourier F;

            assert_ok(snnk__fourier_create(n, &allocator, &F));
            for (size_t k = 0; k < n; k++) {
                F.re[k] = x[2 * k] = draw_uniform(&draws);
                F.im[k] = x[2 * k + 1] = draw_uniform(&draws);
            }
            snnk__fourier_transform(&F, sign);
            for (size_t j = 0; j < n; j++) {
                long double re = 0, im = 0;

                for (size_t k = 0; k < n; k++) {
                    const long double angle =
                        2 * precise_pi * sign * (long double)(j * k) / (long double)n;
                    re += x[2 * k] * cosl(angle) - x[2 * k + 1] * sinl(angle);
                    im += x[2 * k] * sinl(angle) + x[2 * k + 1] * cosl(angle);
                }
                assert_close(F.re[j], (double)re, 0, 1e-13);
                assert_close(F.im[j], (double)im, 0, 1e-13);
            }
            snnk__fourier_free(&allocator, &F);
        }
}

/* gelu_tanh: the smallest |Im z| of the roots of sqrt(2/pi) (z + 0.044715 z^3) = (2 k + 1) i pi/2,
 * from a polynomial root finder with 30 digits. */
static void test_strips(void **state) {
    const double pi = (double)precise_pi;
    const double widths[SNNK__ACTIVATIONS] = {[SNNK_IDENTITY] = INFINITY,
                                              [SNNK_GELU] = INFINITY,
                                              [SNNK_SIN] = INFINITY,
                                              [SNNK_COS] = INFINITY,
                                              [SNNK_EXP] = INFINITY,
                                              [SNNK_ERF] = INFINITY,
                                              [SNNK_TANH] = pi / 2,
                                              [SNNK_SIGMOID] = pi,
                                              [SNNK_SILU] = pi,
                                              [SNNK_SOFTPLUS] = pi,
                                              [SNNK_STEP] = 0,
                                              [SNNK_RELU] = 0,
                                              [SNNK_GELU_TANH] =
                                                  2.75477060163798351149815724023105};

    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++)
        assert_close(snnk_activation_analyticity_halfwidth(a), widths[a], 1e-14,
                     0); /* a few roundings */
    assert_true(isnan(snnk_activation_analyticity_halfwidth(-1)));
    assert_true(isnan(snnk_activation_analyticity_halfwidth(SNNK__ACTIVATIONS)));
}

/* ---- Exact spectra and given atoms ---- */

static void test_exact(void **state) {
    static const int32_t activations[] = {SNNK_IDENTITY, SNNK_SIN, SNNK_COS, SNNK_EXP};
    const double zs[] = {-3, -0.7, 0, 0.2, 5};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int32_t method = SNNK_SPECTRUM_AUTO; method <= SNNK_SPECTRUM_EXACT; method++) {
            const snnk_spectrum_config config = config_of(method, 1, 2);
            snnk_spectrum_config used = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
            snnk_spectrum *spectrum = spectrum_of(activations[i], &config);
            double growth = -1, omega = -1;

            assert_int_equal(snnk_spectrum_atoms(spectrum), activations[i] != SNNK_IDENTITY);
            assert_true(snnk_spectrum_error(spectrum) == 0);
            assert_true(snnk_spectrum_l1(spectrum) == (activations[i] != SNNK_IDENTITY));
            assert_ok(snnk_spectrum_get(spectrum, &growth, &omega, NULL, NULL));
            if (activations[i] != SNNK_IDENTITY) {
                assert_true(growth == (activations[i] == SNNK_EXP));
                assert_true(omega == (activations[i] != SNNK_EXP));
            }
            for (size_t k = 0; k < sizeof zs / sizeof *zs; k++) /* one product with 0 or 1 */
                assert_close(value_at(spectrum, zs[k]),
                             (double)precise_activation(activations[i], zs[k]), 2e-16, 0);
            assert_ok(snnk_spectrum_settings(spectrum, &used));
            assert_int_equal(used.method, SNNK_SPECTRUM_EXACT);
            assert_true(used.center == 1 && used.radius == 2 && used.points == 0);
            snnk_spectrum_free(spectrum);
        }
}

/* Worked by hand: 2 and -2 with (0.5, 1) and (0.25, 3) give 2 with (0.75, 1 - 3); 0 and -0 with 7
 * and -3 add 4 to the intercept, and their imaginary parts do nothing; 5 and -5 with (1, 2) and
 * (-1, 2) cancel. */
static void test_atoms_are_merged(void **state) {
    const double omega[] = {2, 0, 5, -2, 0.5, -0.0, -5}, re[] = {0.5, 7, 1, 0.25, -6, -3, -1};
    const double im[] = {1, 9, 2, 3, 0.125, 4, 2};
    const snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 3, 0.5);
    snnk_spectrum_config used = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
    double growth[2], rate[2], a[2], b[2], intercept, slope;
    snnk_spectrum *spectrum;

    (void)state;
    assert_ok(snnk_spectrum_create_from_atoms(7, omega, re, im, 10, -1.5, &config, &spectrum));
    assert_int_equal(snnk_spectrum_atoms(spectrum), 2);
    assert_ok(snnk_spectrum_get(spectrum, growth, rate, a, b));
    assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
    assert_true(growth[0] == 0 && growth[1] == 0 && rate[0] == 0.5 && rate[1] == 2);
    assert_true(a[0] == -6 && b[0] == 0.125 && a[1] == 0.75 && b[1] == -2);
    assert_true(intercept == 14 && slope == -1.5);
    assert_close(snnk_spectrum_l1(spectrum), sqrt(36 + 0.015625) + sqrt(0.5625 + 4), 1e-15, 0);
    assert_true(snnk_spectrum_error(spectrum) == 0);
    assert_ok(snnk_spectrum_settings(spectrum, &used));
    assert_int_equal(used.method, SNNK_SPECTRUM_ATOMS);
    assert_true(used.center == 3 && used.radius == 0.5);
    snnk_spectrum_free(spectrum);

    assert_ok(snnk_spectrum_create_from_atoms(1, omega, re, NULL, 0, 0, NULL, &spectrum));
    assert_ok(snnk_spectrum_get(spectrum, NULL, NULL, a, b));
    assert_true(a[0] == 0.5 && b[0] == 0);
    snnk_spectrum_free(spectrum);

    assert_ok(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 2, 3, NULL, &spectrum));
    assert_int_equal(snnk_spectrum_atoms(spectrum), 0);
    assert_true(snnk_spectrum_l1(spectrum) == 0 && value_at(spectrum, 0.5) == 3.5);
    snnk_spectrum_free(spectrum);
}

/* Merged or not, the sum is the same: 300 draws, many with equal frequencies, compared with the
 * definition. Terms sum to at most 300 in absolute value, and angles to 40: 300 * 40 eps. */
static void test_eval_is_the_sum(void **state) {
    enum { N = 300, Z = 21 };
    double omega[N], re[N], im[N], z[Z], values[Z];
    snnk_spectrum *spectrum;
    uint64_t draws = 5;

    (void)state;
    for (size_t k = 0; k < N; k++) {
        omega[k] = floor(40 * draw_uniform(&draws)) / 4;
        re[k] = draw_uniform(&draws);
        im[k] = draw_uniform(&draws);
    }
    for (size_t i = 0; i < Z; i++) z[i] = values[i] = 0.4 * (double)i - 4;
    assert_ok(snnk_spectrum_create_from_atoms(N, omega, re, im, 0.3, -0.7, NULL, &spectrum));
    assert_true(snnk_spectrum_atoms(spectrum) <= 40);
    assert_ok(snnk_spectrum_eval(spectrum, Z, values, values)); /* in place */
    for (size_t i = 0; i < Z; i++) {
        long double sum = 0.3L - 0.7L * z[i];

        for (size_t k = 0; k < N; k++)
            sum += re[k] * cosl((long double)omega[k] * z[i]) -
                   im[k] * sinl((long double)omega[k] * z[i]);
        assert_close(values[i], (double)sum, 0, 300 * 40 * DBL_EPSILON);
    }
    snnk_spectrum_free(spectrum);
}

/* ---- Integrals ---- */

/* Weights: exponents up to 4 pi, so a little more than 16 eps. */
static void test_weights(void **state) {
    (void)state;
    for (size_t i = 0; i < INTEGRALS; i++) {
        int32_t a;

        assert_ok(snnk_activation_from_name(integrals[i].name, &a));
        for (size_t k = 0; k < INTEGRAL_OMEGAS; k++)
            assert_close(snnk__spectrum_weight(a, integrals[i].omega[k]), integrals[i].weight[k],
                         5e-15, 0);
        assert_close(snnk__spectrum_weight(a, 0),
                     integrals[i].power == 2 ? 1
                     : a == SNNK_SIGMOID     ? 1
                                             : 2,
                     1e-15, 0); /* the limits of x/sinh x and others at 0 */
        assert_true(snnk__spectrum_weight(a, 1e4) == (a == SNNK_RELU)); /* must not be NaN */
    }
}

/* With tolerance 0, images and cut-off are below 1e-14 of the range, 4.5 at most, and amplitudes
 * sum to 10: the rounding of all is below 1e-12. relu's series is cut off at Omega = 400/R. The
 * rest is E(Omega z)/(pi Omega), E(u) = int_1^inf cos(u t)/t^2 dt = cos u - u (pi/2 - Si u): 1 at u
 * = 0, and least where Si u = pi/2, u = 1.92645, where it is cos u = -0.34809. Half of the
 * difference, 0.67405, remains with the best intercept; 1 % is allowed for a sum in place of the
 * integral. */
static void test_integrals_against_reference(void **state) {
    (void)state;
    for (size_t i = 0; i < INTEGRALS; i++) {
        snnk_spectrum_config config = config_of(SNNK_SPECTRUM_INTEGRAL, 0, 4.5);
        const double(*c)[INTEGRAL_ZS] = &integrals[i].affine;
        double intercept, slope, largest = 0;
        snnk_spectrum *spectrum;
        int32_t a;

        config.tolerance = 0;
        assert_ok(snnk_activation_from_name(integrals[i].name, &a));
        spectrum = spectrum_of(a, &config);
        assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
        const double atol = a == SNNK_RELU ? 0.681 * 4.5 / (400 * (double)precise_pi) : 1e-12;

        for (size_t k = 0; k < INTEGRAL_ZS; k++) {
            const double z = integrals[i].z[k];

            assert_close(value_at(spectrum, z), integrals[i].f[k], 0, atol);
            largest = fmax(largest, fabs(value_at(spectrum, z) - integrals[i].f[k]));
        }
        assert_true(largest <= snnk_spectrum_error(spectrum));
        /* the function's own line, plus the 1 of each 1 - cos: its amplitudes are negative, with re
         * only */
        assert_close(slope, ((*c)[6] - (*c)[0]) / (4.2 + 3.7), 1e-14, 0);
        assert_close(intercept,
                     (*c)[3] + (integrals[i].power == 2 ? snnk_spectrum_l1(spectrum) : 0), 1e-14,
                     atol);
        snnk_spectrum_free(spectrum);
    }
}

/* Rules have no more points than they need: L = 4 + (tail below 8e-6 or 2e-6) and Omega likewise,
 * worked out by hand, give Omega L/(2 pi) = 16 for tanh (8.8, 11.1), 7 for gelu (4.8, 8.3) and 65
 * for relu (100, 4.08). Errors: twice 1e-6 of the range for the image, the cut-off, and (dropped)
 * atoms each. */
static void test_integrals_are_short(void **state) {
    static const struct {
        int32_t activation;
        uint64_t most;
        double range;
    } cases[] = {{SNNK_TANH, 17, 2}, {SNNK_GELU, 8, 4}, {SNNK_RELU, 66, 4}, {SNNK_ERF, 9, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const snnk_spectrum_config config = config_of(SNNK_SPECTRUM_INTEGRAL, 0, 4);
        snnk_spectrum *spectrum = spectrum_of(cases[i].activation, &config);

        assert_true(points_of(spectrum) <= cases[i].most);
        if (cases[i].activation != SNNK_RELU)
            assert_true(snnk_spectrum_error(spectrum) <= 6e-6 * cases[i].range);
        else /* 0.674/(pi Omega), as above; it would be 1/(pi Omega) if the corner of the wave were
              * inside the interval */
            assert_true(snnk_spectrum_error(spectrum) <= 0.7 / (100 * (double)precise_pi));
        snnk_spectrum_free(spectrum);
    }
}

/* ---- Extensions ---- */

/* Numbers from an independent program for T = 8, R = 4, N = 4096, no line. It counts atoms at
 * +-omega and at 0 (so 2 k + 1, or 2 k where f is odd and the constant is dropped), includes the
 * constant's amplitude in L1, and drops atoms below 1e-6 of the largest of all, including the
 * constant, where two atoms at +-omega share one of ours. Its numbers are printed to two or three
 * digits: half a unit of the last, and one pair of atoms for a tie. */
static void test_extension_against_a_prototype(void **state) {
    static const struct {
        int32_t activation;
        double atoms, l1, l1_digit, error, error_digit;
    } cases[] = {{SNNK_TANH, 50, 1.54, 0.005, 1.7e-6, 0.05e-6},
                 {SNNK_GELU, 55, 5.99, 0.005, 1.1e-5, 0.05e-5},
                 {SNNK_SIGMOID, 49, 1.11, 0.005, 8e-7, 0.5e-7},
                 {SNNK_RELU, 907, 6.09, 0.005, 1.7e-3, 0.05e-3}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snnk_spectrum_config config = config_of(SNNK_SPECTRUM_EXTENSION, 0, 4);
        double re[2048], im[2048], intercept, slope, largest = 0, error = 0;
        snnk_spectrum *spectrum;

        config.half_period = 8;
        config.points = 4096;
        config.affine = SNNK_AFFINE_NONE;
        for (int pass = 0; pass < 2; pass++) {
            spectrum = spectrum_of(cases[i].activation, &config);
            assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
            assert_true(slope == 0);
            if (pass == 1) break;
            assert_ok(snnk_spectrum_get(spectrum, NULL, NULL, re, im));
            for (size_t k = 0; k < snnk_spectrum_atoms(spectrum); k++)
                largest = fmax(largest, hypot(re[k], im[k]));
            config.tolerance = 1e-6 * fmax(1, 2 * fabs(intercept) / largest);
            snnk_spectrum_free(spectrum);
        }
        for (int k = -2000; k <= 2000; k++)
            error = fmax(error, fabs(value_at(spectrum, 0.002 * k) -
                                     snnk__activation_f64(cases[i].activation, 0.002 * k)));
        assert_close(2 * (double)snnk_spectrum_atoms(spectrum) + (intercept != 0), cases[i].atoms,
                     0, 2);
        assert_close(snnk_spectrum_l1(spectrum) + fabs(intercept), cases[i].l1, 0,
                     cases[i].l1_digit);
        assert_close(error, cases[i].error, 0, cases[i].error_digit);
        assert_true(error <= snnk_spectrum_error(spectrum));
        snnk_spectrum_free(spectrum);
    }
}

/* The definition in the header, term by term in long double, at a center for which phases matter:
 * the blend, the transform, and the amplitude of the last atom, which has no sine. Values are below
 * 8, angles below 60: 1e-13 is 8 * 60 eps. */
static void test_extension_by_the_definition(void **state) {
    enum { N = 32 };
    const long double c = 0.7L, R = 1.5L, T = 2.25L;
    snnk_spectrum_config config = config_of(SNNK_SPECTRUM_EXTENSION, (double)c, (double)R);
    double growth[N], omega[N], re[N], im[N], intercept, slope;
    long double g[N];
    snnk_spectrum *spectrum;

    (void)state;
    config.half_period = (double)T;
    config.points = N;
    config.tolerance = 0;
    config.largest_error = 1e30;
    config.affine = SNNK_AFFINE_NONE;
    assert_ok(snnk_spectrum_create_from_function(wavy, NULL, &config, &spectrum));
    for (int j = -N / 2; j < N / 2; j++) {
        const long double x = 2 * T * j / N, t = (fabsl(x) - R) / (2 * (T - R));
        const long double there = x > 0 ? x - 2 * T : x + 2 * T;
        long double w = 0;

        if (t > 0) w = expl(-1 / t) / (expl(-1 / t) + expl(-1 / (1 - t)));
        g[(j + N) % N] =
            (1 - w) * wavy((double)(c + x), NULL) + w * wavy((double)(c + there), NULL);
    }
    assert_int_equal(snnk_spectrum_atoms(spectrum), N / 2);
    assert_ok(snnk_spectrum_get(spectrum, growth, omega, re, im));
    assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
    for (int k = 0; k <= N / 2; k++) {
        long double complex sum = 0;

        for (int j = 0; j < N; j++) sum += g[j] * cexpl(-2 * precise_pi * I * j * k / N) / N;
        sum *= (k == 0 || k == N / 2 ? 1 : 2) * cexpl(-I * precise_pi * k / T * c);
        if (k == 0) {
            assert_close(intercept, (double)creall(sum), 0, 1e-13);
            continue;
        }
        assert_true(growth[k - 1] == 0);
        assert_close(omega[k - 1], (double)(precise_pi * k / T), 1e-15, 0);
        assert_close(re[k - 1], (double)creall(sum), 0, 1e-13);
        assert_close(im[k - 1], (double)cimagl(sum), 0, 1e-13);
    }
    assert_true(slope == 0);
    snnk_spectrum_free(spectrum);
}

/* z^3 on +-2: the line that is nearest in the mean square is 3/5 R^2 z = 2.4 z; on at least 16384
 * points the ends count 3/16384 more than in the integral. About center 1 it is z^3 = 1 + 3 x + 3
 * x^2 + x^3 with x = z - 1, so (3 + 2.4) x + 1 + R^2. */
static double cube(double z, void *user) {
    (void)user;
    return z * z * z;
}

static void test_line_is_least_squares(void **state) {
    (void)state;
    for (int center = 0; center <= 1; center++) {
        snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, center, 2);
        double intercept, slope, mean = 0, tilt = 0, square = 0;
        snnk_spectrum *spectrum;

        config.tolerance = 0;
        assert_ok(snnk_spectrum_create_from_function(cube, NULL, &config, &spectrum));
        assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
        assert_close(slope, center ? 5.4 : 2.4, 5e-4, 0);
        for (int i = -1000; i <= 1000; i++) {
            const double z = center + 0.002 * i;

            mean += z * z * z - value_at(spectrum, z);
            tilt += 0.002 * i * (z * z * z - value_at(spectrum, z));
            square += 0.002 * i * 0.002 * i;
        }
        assert_close(mean / 2001, 0, 0, snnk_spectrum_error(spectrum));
        assert_close(tilt / square, 0, 0, snnk_spectrum_error(spectrum));
        snnk_spectrum_free(spectrum);
    }
}

/* On an interval without the kink there are no atoms, only the line, whether or not the kink is on
 * the seam. f is at most 8. */
static void test_lines_have_no_atoms(void **state) {
    static const struct {
        int32_t activation;
        double center, radius, half_period, intercept, slope;
    } cases[] = {
        {SNNK_RELU, 6, 1, 2, 0, 1},       {SNNK_RELU, -6, 1, 2, 0, 0},
        {SNNK_RELU, 1.3, 0.7, 0, 0, 1},   {SNNK_RELU, 0.01, 0.005, 0.5, 0, 1},
        {SNNK_STEP, 0.3, 0.2, 0, 1, 0},   {SNNK_STEP, -0.3, 0.2, 0, 0, 0},
        {SNNK_IDENTITY, 0, 4, 0, 0, 1},   {SNNK_IDENTITY, 0.1, 0.3, 0, 0, 1},
        {SNNK_SIGMOID, 100, 10, 0, 1, 0}, {SNNK_TANH, -60, 30, 0, -1, 0},
        {SNNK_SOFTPLUS, 60, 10, 0, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snnk_spectrum_config config =
            config_of(SNNK_SPECTRUM_EXTENSION, cases[i].center, cases[i].radius);
        double intercept, slope;
        snnk_spectrum *spectrum;

        config.half_period = cases[i].half_period;
        spectrum = spectrum_of(cases[i].activation, &config);
        assert_int_equal(snnk_spectrum_atoms(spectrum), 0);
        assert_true(snnk_spectrum_l1(spectrum) == 0);
        assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
        /* rounding of f, at most 100; a slope of 0 is exact, because a slope costs features */
        assert_close(slope, cases[i].slope, 1e-14, 0);
        assert_close(intercept, cases[i].intercept, 1e-15, 1e-12);
        assert_true(snnk_spectrum_error(spectrum) <= 1e-12);
        snnk_spectrum_free(spectrum);
    }
}

/* Without a line a constant has no atoms, not even for its rounding. */
static double nearly_one(double z, void *user) {
    (void)user;
    return sin(z) * sin(z) + cos(z) * cos(z);
}

static void test_rounding_makes_no_atoms(void **state) {
    snnk_spectrum_config config = config_of(SNNK_SPECTRUM_EXTENSION, 3, 10);
    double intercept, slope;
    snnk_spectrum *spectrum;

    (void)state;
    config.affine = SNNK_AFFINE_NONE;
    config.tolerance = 0;
    assert_ok(snnk_spectrum_create_from_function(nearly_one, NULL, &config, &spectrum));
    assert_int_equal(snnk_spectrum_atoms(spectrum), 0);
    assert_ok(snnk_spectrum_affine_part(spectrum, &intercept, &slope));
    assert_true(slope == 0);
    assert_close(intercept, 1, 1e-15, 0); /* the mean of values that are 1 to a unit or two */
    snnk_spectrum_free(spectrum);
}

/* A function that differs from a line by 1e-9 does not count as one; with 1e-17 it does. */
static double nearly_line(double z, void *user) { return 3 * z + *(double *)user * sin(5 * z); }

static void test_small_atoms_are_kept(void **state) {
    const snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
    double size = 1e-9;
    snnk_spectrum *spectrum;

    (void)state;
    assert_ok(snnk_spectrum_create_from_function(nearly_line, &size, &config, &spectrum));
    assert_true(snnk_spectrum_atoms(spectrum) > 3);
    assert_true(snnk_spectrum_l1(spectrum) > 5e-10 && snnk_spectrum_l1(spectrum) < 5e-9);
    snnk_spectrum_free(spectrum);
    size = 1e-17;
    assert_ok(snnk_spectrum_create_from_function(nearly_line, &size, &config, &spectrum));
    assert_int_equal(snnk_spectrum_atoms(spectrum), 0);
    snnk_spectrum_free(spectrum);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations_in_double),
        cmocka_unit_test(test_fourier_transform),
        cmocka_unit_test(test_strips),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_atoms_are_merged),
        cmocka_unit_test(test_eval_is_the_sum),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_integrals_against_reference),
        cmocka_unit_test(test_integrals_are_short),
        cmocka_unit_test(test_extension_against_a_prototype),
        cmocka_unit_test(test_extension_by_the_definition),
        cmocka_unit_test(test_line_is_least_squares),
        cmocka_unit_test(test_lines_have_no_atoms),
        cmocka_unit_test(test_rounding_makes_no_atoms),
        cmocka_unit_test(test_small_atoms_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
