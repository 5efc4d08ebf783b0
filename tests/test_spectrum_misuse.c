/* src/spectrum: callbacks and sampled values, refused arguments, memory. */
#include <stdbool.h>
#include <stdlib.h>

#include "support/alloc.h"
#include "support/spectra.h"

#include "spectrum/activation.h"
#include "spectrum/spectrum.h"

/* ---- Functions and their values ---- */

static void assert_same(const snnk_spectrum *a, const snnk_spectrum *b) {
    const size_t n = snnk_spectrum_atoms(a);

    assert_int_equal(n, snnk_spectrum_atoms(b));
    if (n > 0) assert_memory_equal(a->growth, b->growth, 4 * n * sizeof *a->growth);
    assert_memory_equal(&a->intercept, &b->intercept, sizeof a->intercept);
    assert_memory_equal(&a->slope, &b->slope, sizeof a->slope);
    assert_memory_equal(&a->error, &b->error, sizeof a->error);
}

static void test_values_give_what_a_callback_gives(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0.3 * i, 1 + 0.1 * i);
        const double T = config.half_period = (1.3 + 0.2 * i) * config.radius;
        const bool open = i == 7;
        snnk_spectrum *made, *twin;
        double calls = 0, *z, least = INFINITY, most = -INFINITY;
        size_t n, again;

        config.points = open ? 0 : 128u << i;
        config.affine = i % 2;
        assert_ok(snnk_spectrum_sample_points(&config, &n, NULL));
        z = malloc(n * sizeof *z);
        assert_ok(snnk_spectrum_sample_points(&config, &again, z));
        assert_int_equal(n, again);
        for (size_t k = 0; k < n; k++) {
            least = fmin(least, z[k]);
            most = fmax(most, z[k]);
            z[k] = wavy(z[k], NULL);
        }
        /* only where the header says that f is needed, up to rounding */
        assert_true(least >= config.center - (2 * T - config.radius) - 1e-12);
        assert_true(most <= config.center + (2 * T - config.radius) + 1e-12);
        assert_ok(snnk_spectrum_create_from_samples(n, z, &config, &made));
        if (open) config.points = 4096;
        assert_ok(snnk_spectrum_create_from_function(wavy, &calls, &config, &twin));
        assert_true(calls == (double)n);
        assert_same(made, twin);
        assert_int_equal(points_of(made), config.points);
        snnk_spectrum_free(made);
        snnk_spectrum_free(twin);
        assert_status(snnk_spectrum_create_from_samples(n - 1, z, &config, &made), SNNK_E_SHAPE);
        assert_null(made);
        free(z);
    }
}

/* The settings read back give the same spectrum again. */
static void test_settings_are_resolved(void **state) {
    (void)state;
    for (int32_t method = SNNK_SPECTRUM_INTEGRAL; method <= SNNK_SPECTRUM_EXTENSION; method++) {
        test_memory memory;
        const snnk_allocator allocator = test_memory_allocator(&memory);
        snnk_spectrum_config config = config_of(method, 0.25, 2);
        snnk_spectrum_config used = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
        snnk_spectrum *spectrum, *twin;

        config.allocator = &allocator;
        if (method == SNNK_SPECTRUM_EXTENSION) config.largest_frequency = 50; /* must become 0 */
        spectrum = spectrum_of(SNNK_TANH, &config);
        assert_ok(snnk_spectrum_settings(spectrum, &used));
        assert_int_equal(used.method, method);
        assert_true(used.points > 0 && used.center == 0.25 && used.radius == 2);
        assert_true(used.tolerance == 1e-6 && used.largest_error == 0.01 && !used.allocator);
        if (method == SNNK_SPECTRUM_EXTENSION)
            assert_true(used.half_period == 4 && used.largest_frequency == 0);
        else
            assert_true(used.largest_frequency > 0);
        twin = spectrum_of(SNNK_TANH, &used);
        assert_same(spectrum, twin);
        snnk_spectrum_free(spectrum);
        snnk_spectrum_free(twin);
    }
}

/* ---- Refusals ---- */

static double broken(double z, void *user) {
    const double *from = user;

    return z >= from[0] && z <= from[1] ? from[2] : z * z;
}

static void test_nonfinite_functions_are_refused(void **state) {
    static const double breaks[][3] = {{0.5, 0.5, NAN},        /* a point of the interval */
                                       {2.49, 2.51, INFINITY}, /* on the seam, 1 ... 3 */
                                       {-2.51, -2.49, -INFINITY}};
    static const char *const says[] = {"nan at z = 0.5;", "the function is inf at z = 2.",
                                       "-inf at z = -2."};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
        double from[3] = {breaks[i][0], breaks[i][1], breaks[i][2]}, *z;
        snnk_spectrum *spectrum = (snnk_spectrum *)from;
        size_t n;

        assert_status(snnk_spectrum_create_from_function(broken, from, &config, &spectrum),
                      SNNK_E_NONFINITE);
        assert_null(spectrum);
        assert_says(says[i]);
        assert_ok(snnk_spectrum_sample_points(&config, &n, NULL));
        z = malloc(n * sizeof *z);
        assert_ok(snnk_spectrum_sample_points(&config, &n, z));
        for (size_t k = 0; k < n; k++) z[k] = broken(z[k], from);
        spectrum = (snnk_spectrum *)from;
        assert_status(snnk_spectrum_create_from_samples(n, z, &config, &spectrum),
                      SNNK_E_NONFINITE);
        assert_null(spectrum);
        assert_says(says[i]);
        free(z);
    }
}

static double enormous(double z, void *user) { return z < *(double *)user ? -1.7e308 : 1.7e308; }

static void test_unresolved_is_refused(void **state) {
    snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0, 4);
    snnk_spectrum *spectrum = (snnk_spectrum *)&config;
    double jump = 0.1;

    (void)state;
    assert_status(snnk_spectrum_create(SNNK_STEP, &config, &spectrum), SNNK_E_UNRESOLVED);
    assert_null(spectrum);
    assert_says("step");
    assert_says("largest_error = 0.01 times the range 1");
    config.points = 64;
    config.largest_error = 2; /* the error of a jump by 1 is above 1/2, its bound above that */
    spectrum = spectrum_of(SNNK_STEP, &config);
    assert_true(snnk_spectrum_error(spectrum) >= 0.5 && snnk_spectrum_error(spectrum) <= 2);
    snnk_spectrum_free(spectrum);

    config = config_of(SNNK_SPECTRUM_INTEGRAL, 0, 4);
    config.points = 4; /* too few */
    assert_status(snnk_spectrum_create(SNNK_TANH, &config, &spectrum), SNNK_E_UNRESOLVED);
    config.points = 0;
    config.largest_frequency = 1; /* too low */
    assert_status(snnk_spectrum_create(SNNK_TANH, &config, &spectrum), SNNK_E_UNRESOLVED);
    config = config_of(SNNK_SPECTRUM_EXTENSION, 0, 300); /* its seam goes to 900 */
    assert_status(snnk_spectrum_create(SNNK_EXP, &config, &spectrum), SNNK_E_UNRESOLVED);
    assert_says("exp overflows within 900 of 0");
    config = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
    config.points = 64;
    config.largest_error = 1e30; /* finite values whose sums overflow */
    assert_status(snnk_spectrum_create_from_function(enormous, &jump, &config, &spectrum),
                  SNNK_E_UNRESOLVED);
    assert_null(spectrum);
}

/* One config field with a value that is refused, in every function that takes a config. */
#define refuse(field, value, status)                                                               \
    do {                                                                                           \
        snnk_spectrum_config c_ = config_of(SNNK_SPECTRUM_EXTENSION, 0, 4);                        \
        snnk_spectrum *s_ = (snnk_spectrum *)&c_;                                                  \
        c_.field = (value);                                                                        \
        assert_status(snnk_spectrum_create(SNNK_TANH, &c_, &s_), (status));                        \
        assert_null(s_);                                                                           \
        assert_says(#field);                                                                       \
        assert_status(snnk_spectrum_create_from_function(wavy, NULL, &c_, &s_), (status));         \
        assert_status(snnk_spectrum_sample_points(&c_, &n, NULL), (status));                       \
        assert_status(snnk_spectrum_create_from_samples(1, &one, &c_, &s_), (status));             \
        assert_null(s_);                                                                           \
    } while (0)

static void test_config_errors(void **state) {
    const double one = 1;
    snnk_spectrum_config config;
    size_t n = 77;

    (void)state;
    assert_ok(snnk_spectrum_config_init(&config, sizeof config)); /* the defaults of the header */
    assert_true(config.center == 0 && config.radius == 4 && config.half_period == 0);
    assert_true(config.largest_frequency == 0 && config.tolerance == 1e-6);
    assert_true(config.largest_error == 0.01 && config.points == 0 && !config.allocator);
    assert_true(config.method == SNNK_SPECTRUM_AUTO && config.affine == SNNK_AFFINE_LINE);
    refuse(center, 1.1e6, SNNK_E_RANGE);
    refuse(center, NAN, SNNK_E_RANGE);
    refuse(radius, 0, SNNK_E_RANGE);
    refuse(radius, 0.9e-6, SNNK_E_RANGE);
    refuse(radius, 1.1e6, SNNK_E_RANGE);
    refuse(half_period, 4, SNNK_E_RANGE);
    refuse(half_period, 4001, SNNK_E_RANGE);
    refuse(half_period, -8, SNNK_E_RANGE);
    refuse(half_period, NAN, SNNK_E_RANGE);
    refuse(largest_frequency, -1, SNNK_E_RANGE);
    refuse(largest_frequency, INFINITY, SNNK_E_RANGE);
    refuse(tolerance, -1e-9, SNNK_E_RANGE);
    refuse(tolerance, 0.11, SNNK_E_RANGE);
    refuse(tolerance, NAN, SNNK_E_RANGE);
    refuse(largest_error, -1, SNNK_E_RANGE);
    refuse(largest_error, NAN, SNNK_E_RANGE);
    refuse(points, 8, SNNK_E_RANGE);
    refuse(points, 100, SNNK_E_RANGE);
    refuse(points, 131072, SNNK_E_RANGE);
    refuse(method, SNNK_SPECTRUM_ATOMS, SNNK_E_ENUM);
    refuse(method, -1, SNNK_E_ENUM);
    refuse(affine, 2, SNNK_E_ENUM);
    refuse(affine, -1, SNNK_E_ENUM);
    refuse(size, sizeof(snnk_spectrum_config) + 8, SNNK_E_CONFIG);
    refuse(size, 0, SNNK_E_CONFIG);
    assert_int_equal(n, 77);
}

static void test_argument_errors(void **state) {
    const double one = 1, bad = NAN;
    const snnk_allocator half = {NULL, test_memory_free, NULL};
    snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0, 4);
    snnk_spectrum *s, *made = spectrum_of(SNNK_SIN, NULL);
    double value = 5;
    size_t n;

    (void)state;
    assert_status(snnk_spectrum_config_init(NULL, sizeof config), SNNK_E_NULL);
    assert_status(snnk_spectrum_config_init(&config, 8), SNNK_E_CONFIG);
    assert_status(snnk_spectrum_create(SNNK_SIN, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_spectrum_create(-1, NULL, &s), SNNK_E_ENUM);
    assert_status(snnk_spectrum_create(SNNK__ACTIVATIONS, NULL, &s), SNNK_E_ENUM);
    assert_status(snnk_spectrum_create_from_function(NULL, NULL, NULL, &s), SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_function(wavy, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_spectrum_sample_points(NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_samples(1, NULL, NULL, &s), SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_samples(1, &one, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_samples(1, &one, NULL, &s), SNNK_E_SHAPE);
    assert_status(snnk_spectrum_create_from_atoms(1, NULL, &one, NULL, 0, 0, NULL, &s),
                  SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_atoms(1, &one, NULL, NULL, 0, 0, NULL, &s),
                  SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_atoms(1, &one, &one, NULL, 0, 0, NULL, NULL),
                  SNNK_E_NULL);
    assert_status(snnk_spectrum_create_from_atoms(1, &bad, &one, NULL, 0, 0, NULL, &s),
                  SNNK_E_NONFINITE);
    assert_status(snnk_spectrum_create_from_atoms(1, &one, &bad, NULL, 0, 0, NULL, &s),
                  SNNK_E_NONFINITE);
    assert_status(snnk_spectrum_create_from_atoms(1, &one, &one, &bad, 0, 0, NULL, &s),
                  SNNK_E_NONFINITE);
    assert_status(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, bad, 0, NULL, &s),
                  SNNK_E_NONFINITE);
    assert_status(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 0, bad, NULL, &s),
                  SNNK_E_NONFINITE);
    assert_status(snnk_spectrum_create_from_atoms(SIZE_MAX / 2, &one, &one, NULL, 0, 0, NULL, &s),
                  SNNK_E_SIZE);
    config.radius = -1;
    assert_status(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 0, 0, &config, &s),
                  SNNK_E_RANGE);
    config = config_of(SNNK_SPECTRUM_AUTO, 0, 4);
    config.allocator = &half;
    assert_status(snnk_spectrum_create(SNNK_SIN, &config, &s), SNNK_E_NULL);
    assert_null(s);

    /* Beyond the range of features in float. */
    const double ones[] = {1, 1}, frequencies[] = {1, 2e12}, amplitudes[] = {1, -2e30};

    assert_status(snnk_spectrum_create_from_atoms(2, frequencies, ones, NULL, 0, 0, NULL, &s),
                  SNNK_E_RANGE);
    assert_says("omega[1] = 2e+12 has a magnitude above the limit 1e+12");
    assert_status(snnk_spectrum_create_from_atoms(2, ones, amplitudes, NULL, 0, 0, NULL, &s),
                  SNNK_E_RANGE);
    assert_says("re[1]");
    assert_status(snnk_spectrum_create_from_atoms(1, &one, &one, amplitudes + 1, 0, 0, NULL, &s),
                  SNNK_E_RANGE);
    assert_says("im[0]");
    assert_status(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 2e30, 0, NULL, &s),
                  SNNK_E_RANGE);
    assert_says("intercept = 2e+30");
    assert_status(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 0, -2e30, NULL, &s),
                  SNNK_E_RANGE);
    assert_says("slope");
    assert_null(s);

    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++) {
        const bool exact = a == SNNK_IDENTITY || (a >= SNNK_SIN && a <= SNNK_EXP);
        const bool integral = !exact && a != SNNK_STEP && a != SNNK_GELU_TANH;

        config = config_of(SNNK_SPECTRUM_EXACT, 0, 4);
        assert_status(snnk_spectrum_create(a, &config, &s), exact ? SNNK_OK : SNNK_E_UNSUPPORTED);
        snnk_spectrum_free(s);
        config.method = SNNK_SPECTRUM_INTEGRAL;
        assert_status(snnk_spectrum_create(a, &config, &s),
                      integral ? SNNK_OK : SNNK_E_UNSUPPORTED);
        snnk_spectrum_free(s);
    }
    for (config.method = SNNK_SPECTRUM_EXACT; config.method <= SNNK_SPECTRUM_INTEGRAL;
         config.method++) {
        assert_status(snnk_spectrum_create_from_function(wavy, NULL, &config, &s),
                      SNNK_E_UNSUPPORTED);
        assert_status(snnk_spectrum_sample_points(&config, &n, NULL), SNNK_E_UNSUPPORTED);
        assert_status(snnk_spectrum_create_from_samples(1, &one, &config, &s), SNNK_E_UNSUPPORTED);
    }
    config.method = SNNK_SPECTRUM_INTEGRAL;
    config.points = 1;
    assert_status(snnk_spectrum_create(SNNK_TANH, &config, &s), SNNK_E_RANGE);
    config.points = 65537;
    assert_status(snnk_spectrum_create(SNNK_TANH, &config, &s), SNNK_E_RANGE);
    config.points = 33; /* need not be a power of two */
    assert_ok(snnk_spectrum_create(SNNK_TANH, &config, &s));
    assert_int_equal(points_of(s), 33);
    snnk_spectrum_free(s);

    assert_int_equal(snnk_spectrum_atoms(NULL), 0);
    assert_true(isnan(snnk_spectrum_l1(NULL)) && isnan(snnk_spectrum_error(NULL)));
    assert_status(snnk_spectrum_get(NULL, &value, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_spectrum_affine_part(NULL, &value, NULL), SNNK_E_NULL);
    assert_status(snnk_spectrum_settings(NULL, &config), SNNK_E_NULL);
    assert_status(snnk_spectrum_settings(made, NULL), SNNK_E_NULL);
    config.size = 4;
    assert_status(snnk_spectrum_settings(made, &config), SNNK_E_CONFIG);
    assert_status(snnk_spectrum_eval(NULL, 1, &one, &value), SNNK_E_NULL);
    assert_status(snnk_spectrum_eval(made, 1, NULL, &value), SNNK_E_NULL);
    assert_status(snnk_spectrum_eval(made, 1, &one, NULL), SNNK_E_NULL);
    assert_ok(snnk_spectrum_eval(made, 0, NULL, NULL));
    assert_true(value == 5);
    snnk_spectrum_free(made);
    snnk_spectrum_free(NULL);
}

static void test_failing_allocations(void **state) {
    const double omega[] = {1, -2, 2}, re[] = {1, 2, 3};
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
    snnk_spectrum *spectrum;
    double *values;
    size_t n;
    int st;

    (void)state;
    config.allocator = &allocator;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_spectrum_create(SNNK_TANH, &config, &spectrum);
        assert_made(st, spectrum);
        snnk_spectrum_free(spectrum);
    });
    assert_true(memory.calls > 10); /* several doublings */
    assert_survives_failing_allocations(memory, st, {
        st = snnk_spectrum_create(SNNK_SIN, &config, &spectrum);
        assert_made(st, spectrum);
        snnk_spectrum_free(spectrum);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_spectrum_create_from_function(wavy, NULL, &config, &spectrum);
        assert_made(st, spectrum);
        snnk_spectrum_free(spectrum);
    });
    assert_survives_failing_allocations(memory, st, {
        st = snnk_spectrum_create_from_atoms(3, omega, re, NULL, 0, 0, &config, &spectrum);
        assert_made(st, spectrum);
        snnk_spectrum_free(spectrum);
    });
    config.points = 64;
    assert_ok(snnk_spectrum_sample_points(&config, &n, NULL));
    values = malloc(n * sizeof *values);
    assert_ok(snnk_spectrum_sample_points(&config, &n, values));
    assert_survives_failing_allocations(memory, st, {
        st = snnk_spectrum_create_from_samples(n, values, &config, &spectrum);
        assert_made(st, spectrum);
        snnk_spectrum_free(spectrum);
    });
    free(values);
    config.points = 0;
    config.method = SNNK_SPECTRUM_INTEGRAL;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_spectrum_create(SNNK_GELU, &config, &spectrum);
        assert_made(st, spectrum);
        snnk_spectrum_free(spectrum);
    });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_give_what_a_callback_gives),
        cmocka_unit_test(test_settings_are_resolved),
        cmocka_unit_test(test_nonfinite_functions_are_refused),
        cmocka_unit_test(test_unresolved_is_refused),
        cmocka_unit_test(test_config_errors),
        cmocka_unit_test(test_argument_errors),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
