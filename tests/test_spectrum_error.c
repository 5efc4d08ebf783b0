/* src/spectrum/harmonics.c: bounds on the error of spectra hold, and are not far above it. */
#include <stdlib.h>

#include "support/draw.h"
#include "support/spectra.h"

#include "spectrum/activation.h"
#include "spectrum/activation_f64.h"
#include "spectrum/harmonics.h"

/* ---- Error bounds ---- */

/* The largest difference in the interval: on a coarse grid everywhere, and 50 times finer than the
 * library's own grid (at least 16384 cells) in 16 cells around the coarse maximum, at both ends,
 * around the kink, and in 8 cells drawn at random. */
static double measured(const snnk_spectrum *spectrum, double (*f)(double z, void *user), void *user,
                       double center, double radius) {
    const double cell = 2 * radius / 16384;
    double places[28], worst = 0, where = 0;
    uint64_t draws = 17;
    size_t count = 0;

    for (int i = 0; i <= 2746; i++) { /* not a multiple of the points, where differences are
                                       * smallest */
        const double x = radius * (i - 1373) / 1373;
        const double difference = fabs(value_at(spectrum, center + x) - f(center + x, user));

        if (difference > worst) {
            worst = difference;
            where = x;
        }
    }
    for (int i = -8; i < 8; i++) places[count++] = where + cell * i;
    places[count++] = -radius;
    places[count++] = radius - cell;
    for (int i = -1; i < 1; i++) places[count++] = cell * i - center;
    while (count < 28) places[count++] = radius * draw_uniform(&draws);
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j <= 50; j++) {
            const double x = fmin(fmax(places[i] + cell * j / 50, -radius), radius);

            worst = fmax(worst, fabs(value_at(spectrum, center + x) - f(center + x, user)));
        }
    return worst;
}

static double activation_of(double z, void *user) {
    return snnk__activation_f64(*(const int32_t *)user, z);
}

static void check_bound(int32_t activation, const snnk_spectrum *spectrum,
                        const snnk_spectrum_config *config, double range) {
    const double bound = snnk_spectrum_error(spectrum);
    const double worst =
        measured(spectrum, activation_of, &activation, config->center, config->radius);

    assert_true(worst <= bound);
    /* The bound is not far above the error: a third more for a kink between points; 1e-6 for the
     * chords of f. */
    assert_true(bound <= 1.34 * worst + 1e-6 * range + 1e-13);
    assert_true(bound <= config->largest_error * range + 1e-12);
}

static void test_bounds_hold(void **state) {
    static const double intervals[][3] = {/* center, radius, T/R */
                                          {0, 4, 2},      {0, 1, 2},   {0.31, 0.5, 2.4},
                                          {-1.7, 3, 1.5}, {7, 2.5, 2}, {0.001, 0.02, 3},
                                          {1e5, 0.3, 2}};
    size_t made = 0;

    (void)state;
    for (int32_t a = 0; a < SNNK__ACTIVATIONS; a++)
        for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
            for (int32_t kind = (a + (int32_t)i) % 2; kind < 3; kind += 2) {
                const double c = intervals[i][0], R = intervals[i][1];
                snnk_spectrum_config config =
                    config_of(kind == 2 ? SNNK_SPECTRUM_INTEGRAL : SNNK_SPECTRUM_EXTENSION, c, R);
                double least = INFINITY, most = -INFINITY;
                snnk_spectrum *spectrum;
                int st;

                if (kind < 2) {
                    config.affine = kind;
                    config.half_period = intervals[i][2] * R;
                }
                for (int j = 0; j <= 1000; j++) {
                    const double value = snnk__activation_f64(a, c + R * (j - 500) / 500);

                    least = fmin(least, value);
                    most = fmax(most, value);
                }
                st = snnk_spectrum_create(a, &config, &spectrum);
                if (st != SNNK_OK) {
                    assert_true(st == SNNK_E_UNRESOLVED || st == SNNK_E_UNSUPPORTED);
                    continue;
                }
                check_bound(a, spectrum, &config, most - least);
                snnk_spectrum_free(spectrum);
                made++;
            }
    /* Every second one of 13 * 7 * 3 combinations, of which these have no spectrum: six activations
     * without an integral; step at its jump; those whose range is constant; at 7 +- 2.5, saturated
     * ones. So most must have been made. */
    assert_true(made >= 80);
}

/* Kinks and jumps anywhere in a cell, with few points. Both one-sided limits count; the fine grid
 * is close enough to them for a function that is constant between jumps. */
static double staircase(double z, void *user) {
    return floor(*(const double *)user + 3.7 * z) / 3.7;
}

static double zigzag(double z, void *user) { return fabs(z - *(const double *)user); }

static double largest_nearby(const snnk_spectrum *spectrum, double (*f)(double z, void *user),
                             void *user, double at) {
    double worst = 0;

    for (int i = -4000; i <= 4000; i++) {
        const double z = fmin(fmax(at + 1e-7 * i, -1), 1);

        worst = fmax(worst, fabs(value_at(spectrum, z) - f(z, user)));
    }
    return worst;
}

static void test_bounds_hold_at_kinks_and_jumps(void **state) {
    uint64_t draws = 23;

    (void)state;
    for (int i = 0; i < 12; i++) {
        snnk_spectrum_config config = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
        double shift = draw_uniform(&draws);
        snnk_spectrum *spectrum;

        config.points = 16u << i % 4;
        config.largest_error = 1e30;
        assert_ok(snnk_spectrum_create_from_function(zigzag, &shift, &config, &spectrum));
        assert_true(largest_nearby(spectrum, zigzag, &shift, shift) <=
                    snnk_spectrum_error(spectrum));
        assert_true(measured(spectrum, zigzag, &shift, 0, 1) <= snnk_spectrum_error(spectrum));
        snnk_spectrum_free(spectrum);
        assert_ok(snnk_spectrum_create_from_function(staircase, &shift, &config, &spectrum));
        for (int jump = -3; jump <= 4; jump++) {
            const double at = (jump - shift) / 3.7;

            if (fabs(at) < 1)
                assert_true(largest_nearby(spectrum, staircase, &shift, at) <=
                            snnk_spectrum_error(spectrum));
        }
        snnk_spectrum_free(spectrum);
    }
}

/* A kink in the middle of a grid cell, and a spectrum that equals f at all points: the bound is at
 * least the distance between kink and chord, h/4 for a change of slope of 1, and at most a third
 * more. */
static void test_kink_within_a_cell(void **state) {
    const snnk__check_grid grid = snnk__check_grid_for(64, 4, 1);
    const size_t count = snnk__check_grid_count(&grid), at = grid.half + 9;
    const double kink = snnk__check_grid_offset(&grid, at) + grid.step / 2;
    const snnk__harmonics nothing = {.center = 0};
    double *f = calloc(2 * count, sizeof *f);

    (void)state;
    assert_true(grid.step * 16384 <= 2 && count > 16384);
    assert_true(snnk__check_grid_for(4096, 4, 1).step <= 4.0 / 65536); /* 16 a point */
    for (size_t i = 0; i < count; i++)
        f[count + i] = f[i] = fmax(snnk__check_grid_offset(&grid, i) - kink, 0);
    const snnk__spectrum_bound bound = snnk__harmonics_bound(&nothing, &grid, f, f + count);

    assert_true(bound.error >= grid.step / 4);
    assert_true(bound.error <= grid.step / 2 * 1.34);
    assert_close(bound.range, 1 - kink, 1e-14, 0);
    free(f);
}

/* More points would not help: the last doubling reduced the bound by at most a tenth, and further
 * doublings reduce it by no more than another tenth and what the finer grid saves for chords. And a
 * fine ripple, which few points do not resolve, is found. */
static double ripple(double z, void *user) {
    (void)user;
    return z + 0.5 * sin(300 * z);
}

static void test_points_are_doubled_until_settled(void **state) {
    snnk_spectrum_config config = config_of(SNNK_SPECTRUM_EXTENSION, 0, 4);
    snnk_spectrum *spectrum;

    (void)state;
    for (int32_t a = SNNK_RELU; a <= SNNK_SOFTPLUS; a++) {
        config.points = 0;
        spectrum = spectrum_of(a, &config);
        const double error = snnk_spectrum_error(spectrum);

        assert_true(points_of(spectrum) <= 8192);
        snnk_spectrum_free(spectrum);
        config.points = 65536;
        spectrum = spectrum_of(a, &config);
        assert_true(error <= 1.34 * snnk_spectrum_error(spectrum));
        snnk_spectrum_free(spectrum);
    }
    config = config_of(SNNK_SPECTRUM_AUTO, 0, 1);
    assert_ok(snnk_spectrum_create_from_function(ripple, NULL, &config, &spectrum));
    assert_true(points_of(spectrum) >= 512); /* T = 2, Nyquist: pi N/(2 T) > 300 */
    assert_true(measured(spectrum, ripple, NULL, 0, 1) <= snnk_spectrum_error(spectrum));
    assert_true(snnk_spectrum_error(spectrum) < 3e-3); /* 1e-3 of the range */
    snnk_spectrum_free(spectrum);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_hold),
        cmocka_unit_test(test_bounds_hold_at_kinks_and_jumps),
        cmocka_unit_test(test_kink_within_a_cell),
        cmocka_unit_test(test_points_are_doubled_until_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
