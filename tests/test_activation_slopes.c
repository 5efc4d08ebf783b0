/* src/spectrum/activation_slopes.c: h' and h'' in double, against differences in long double. */
#include "support/compare.h"
#include "support/precise.h"

#include <stdbool.h>

#include "spectrum/activation_slopes.h"

/* z from -36 to 0 (or to where h is already 1e-50 to 1e-300), relative to the size of h', h''
 * there. The logarithm of h has slope 2 |z| + 1 at most (gelu_tanh: 20 at -10), so h changes by
 * 4e-3 in a step, and truncation is 1e-11 or less. The step is a power of two, so z + step is
 * exact, and rounding is that of h: a few 2^-64, 1e-10 of h after the division by step^2. A
 * derivative that crosses zero is compared relative to h itself. */
static void test_left_tail(void **state) {
    (void)state;
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        const double end = a == SNNK_GELU_TANH ? -10 : a == SNNK_ERF ? -26 : -36;

        for (int n = 0; n < 1000; n++) {
            const double z = end * (1000 - n) / 1000;
            const long double step = exp2l(floorl(log2l(0x1p-8L / (1 - 2 * z))));
            long double f[5];

            for (int i = 0; i < 5; i++) f[i] = precise_activation(a, z + (i - 2) * step);
            const double size = (double)fabsl(f[2]) * 1e-9;
            assert_close(snnk__activation_slope(a, z), (double)first_difference(f, step), 1e-9,
                         size);
            assert_close(snnk__activation_curvature(a, z), (double)second_difference(f, step), 1e-9,
                         size);
        }
    }
}

/* The right side follows from the left: h(z) = h(-z), or -h(-z), or z + h(-z), up to constants.
 * Within the rounding of 1 - h'. */
static void test_symmetry(void **state) {
    static const struct {
        int32_t activation;
        bool odd_curvature; /* h''(-z) = -h''(z) */
        bool gate;          /* h'(-z) = 1 - h'(z); otherwise h'(-z) = h'(z) */
    } cases[] = {{SNNK_GELU, false, true},     {SNNK_GELU_TANH, false, true},
                 {SNNK_TANH, true, false},     {SNNK_SIGMOID, true, false},
                 {SNNK_SILU, false, true},     {SNNK_SOFTPLUS, false, true},
                 {SNNK_IDENTITY, true, false}, {SNNK_ERF, true, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int n = 0; n < 240; n++) {
            const double z = n / 6.0;
            const int32_t a = cases[i].activation;
            const double left = snnk__activation_slope(a, -z);
            const double curvature = snnk__activation_curvature(a, -z);

            assert_close(snnk__activation_slope(a, z), cases[i].gate ? 1 - left : left, 1e-15,
                         4e-16);
            assert_close(snnk__activation_curvature(a, z),
                         cases[i].odd_curvature ? -curvature : curvature, 1e-15, 0);
        }
}

/* Functions without a left tail, on the whole line: 1e-10 is the rounding error of a difference. */
static void test_whole_line(void **state) {
    static const int32_t others[] = {SNNK_SIN, SNNK_COS, SNNK_EXP};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (int n = -340; n < 340; n++) {
            const double z = n / 17.0;
            const double scale = others[i] == SNNK_EXP ? exp(z) : 1;
            long double f[5];

            for (int k = 0; k < 5; k++) f[k] = precise_activation(others[i], z + (k - 2) * 1e-3L);
            assert_close(snnk__activation_slope(others[i], z), (double)first_difference(f, 1e-3L),
                         0, 1e-10 * scale);
            assert_close(snnk__activation_curvature(others[i], z),
                         (double)second_difference(f, 1e-3L), 0, 1e-10 * scale);
        }
}

/* The values at -infinity, 0 and infinity by hand; NAN where there is no limit. */
static void test_ends(void **state) {
    static const struct {
        double slope[3], curvature[3];
    } expected[] = {
        [SNNK_IDENTITY] = {{1, 1, 1}, {0, 0, 0}},
        [SNNK_STEP] = {{0, 0, 0}, {0, 0, 0}},
        [SNNK_RELU] = {{0, 0, 1}, {0, 0, 0}},
        [SNNK_GELU] = {{0, 0.5, 1}, {0, 0.79788456080286536, 0}},
        [SNNK_GELU_TANH] = {{0, 0.5, 1}, {0, 0.79788456080286536, 0}},
        [SNNK_TANH] = {{0, 1, 0}, {0, 0, 0}},
        [SNNK_SIGMOID] = {{0, 0.25, 0}, {0, 0, 0}},
        [SNNK_SILU] = {{0, 0.5, 1}, {0, 0.5, 0}},
        [SNNK_SOFTPLUS] = {{0, 0.5, 1}, {0, 0.25, 0}},
        [SNNK_SIN] = {{NAN, 1, NAN}, {NAN, 0, NAN}},
        [SNNK_COS] = {{NAN, 0, NAN}, {NAN, -1, NAN}},
        [SNNK_EXP] = {{0, 1, INFINITY}, {0, 1, INFINITY}},
        [SNNK_ERF] = {{0, 1.1283791670955126, 0}, {0, 0, 0}},
    };
    static const double z[3] = {-INFINITY, 0, INFINITY};

    (void)state;
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++) {
        for (size_t i = 0; i < 3; i++) {
            assert_close(snnk__activation_slope(a, z[i]), expected[a].slope[i], 3e-16, 0);
            assert_close(snnk__activation_curvature(a, z[i]), expected[a].curvature[i], 3e-16, 0);
        }
        assert_true(isnan(snnk__activation_slope(a, NAN)));
        assert_true(isnan(snnk__activation_curvature(a, NAN)));
    }
    /* subnormal, with a relative accuracy of 2^-1074/2e-313 = 3e-11, where exp(-z) overflows */
    assert_close(snnk__activation_slope(SNNK_SOFTPLUS, -720), exp(-720), 1e-10, 0);
}

/* The derivative that dense layers use, in float, agrees to its accuracy: a few 2^-24 of h', and
 * 1e-7 where h' crosses zero. */
static void test_same_as_in_float(void **state) {
    (void)state;
    for (int32_t a = SNNK_IDENTITY; a <= SNNK_ERF; a++)
        for (int n = -160; n <= 160; n++) {
            const float z = (float)n / 8;
            float slope;

            assert_ok(snnk_activation_derivative(a, 1, &z, &slope));
            assert_close(snnk__activation_slope(a, z), slope, 3e-7, 1e-7);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left_tail),        cmocka_unit_test(test_symmetry),
        cmocka_unit_test(test_whole_line),       cmocka_unit_test(test_ends),
        cmocka_unit_test(test_same_as_in_float),
    };
    return cmocka_run_group_tests_name("activation_slopes", tests, NULL, NULL);
}
