/* src/spectrum/moments.c: closed-form moments of universal random features, compared with values of
 * another program and with quadrature of the Lambda of docs/math.md. */
#include "support/compare.h"

#include <complex.h>

#include <stdbool.h>

#include "data/moments.h"
#include "spectrum/moments.h"

static void second_moments_are_the_reference_ones(void **state) {
    (void)state;
    for (size_t i = 0; i < MOMENTS; i++) {
        const double d = moments[i].d, A = -moments[i].a / 4;
        const snnk__urf_products p = {moments[i].x2, moments[i].w2, moments[i].xw};
        const snnk__urf_pairing pairing = snnk__urf_pair(I * moments[i].omega, moments[i].s,
                                                         cexp(I * moments[i].theta), A, false);

        /* The reference has 15 digits; the terms are up to 60. */
        assert_close(snnk__urf_log_absolute(&pairing, (size_t)d, &p), moments[i].log_second_moment,
                     1e-12, 1e-13);
        assert_close(log(snnk__urf_second_moments(&pairing, (size_t)d, &p).absolute),
                     moments[i].log_second_moment, 1e-12, 1e-13);
    }
}

static void optimal_A_is_the_reference_one(void **state) {
    (void)state;
    for (size_t i = 0; i < OPTIMAL_AS; i++)
        assert_close(snnk__urf_optimal_A(optimal_A[i].phi, (size_t)optimal_A[i].d), optimal_A[i].A,
                     1e-11,
                     0); /* the formula of the reference itself cancels: about 12 digits at d =
                          * 2000 */
}

static void optimal_A_is_a_minimum(void **state) {
    const snnk__urf_products p = {0.7, 1.1, 0.2};
    const double phi = p.xx + p.ww + 2 * p.xw; /* alpha = beta = 1: exp(x.w) */

    (void)state;
    for (size_t d = 1; d <= 1000; d *= 10) {
        const double A = snnk__urf_optimal_A(phi, d);
        const snnk__urf_pairing at = snnk__urf_pair(1, 1, 1, A, false);
        const snnk__urf_pairing above = snnk__urf_pair(1, 1, 1, A * 0.97, false);
        const snnk__urf_pairing below = snnk__urf_pair(1, 1, 1, A * 1.03, false);

        assert_true(snnk__urf_log_absolute(&at, d, &p) < snnk__urf_log_absolute(&above, d, &p));
        assert_true(snnk__urf_log_absolute(&at, d, &p) < snnk__urf_log_absolute(&below, d, &p));
    }
    assert_true(snnk__urf_optimal_A(0, 5) == 0);
}

enum { D = 2 };

/* Lambda_g(a v), written as in docs/math.md. */
static double complex lambda(double A, double complex a, const double *v, const double *g) {
    const double gg = g[0] * g[0] + g[1] * g[1], gv = g[0] * v[0] + g[1] * v[1];
    const double vv = v[0] * v[0] + v[1] * v[1];

    return pow(1 - 4 * A, D / 4.0) * cexp(A * gg + sqrt(1 - 4 * A) * a * gv - a * a * vv / 2);
}

static double dot(const double *x, const double *y) { return x[0] * y[0] + x[1] * y[1]; }

/* E H, E H^2, E |H|^2 and E Re(c H)^k by the trapezoidal rule over the plane, whose error for
 * Gaussians is below 1e-16 at this step; beyond 20 the integrands are negligible. */
static void check_by_quadrature(double complex kappa, double s, double theta, double A,
                                bool hyperbolic) {
    const double step = 0.125, x[D] = {0.5, -0.4}, w[D] = {0.6, 0.9};
    const double complex c = 0.7 - 0.6 * I;
    const snnk__urf_pairing pairing = snnk__urf_pair(kappa, s, cexp(I * theta), A, hyperbolic);
    const snnk__urf_products p = {dot(x, x), dot(w, w), dot(x, w)};
    const double complex alpha = s * cexp(I * theta), beta = kappa / alpha;
    const double exact = creal(c * cexp(kappa * dot(x, w)));
    const snnk__urf_second moments2 = snnk__urf_second_moments(&pairing, D, &p);
    double complex mean = 0, square = 0;
    double absolute = 0, real_square = 0, power[5] = {0};

    assert_close(cabs(pairing.alpha - alpha), 0, 0, 1e-15);
    assert_close(cabs(pairing.beta - beta), 0, 0, 1e-15);
    for (int i = -160; i <= 160; i++)
        for (int j = -160; j <= 160; j++) {
            const double g[D] = {i * step, j * step}, minus[D] = {-g[0], -g[1]};
            const double density = step * step * exp(-dot(g, g) / 2) / 6.28318530717958647693;
            double complex H = lambda(A, alpha, x, g) * lambda(A, beta, w, g);

            if (hyperbolic) H = (H + lambda(A, alpha, x, minus) * lambda(A, beta, w, minus)) / 2;
            mean += density * H;
            square += density * H * H;
            absolute += density * creal(H * conj(H));
            real_square += density * creal(c * H) * creal(c * H);
            for (int k = 1; k <= 4; k++) power[k] += density * pow(creal(c * H), k);
        }
    assert_close(creal(c * mean), exact, 1e-12, 1e-13); /* the definition itself */
    assert_close(moments2.absolute, absolute, 1e-11, 0);
    assert_close(cabs(moments2.square - square), 0, 0, 1e-11 * absolute);
    assert_close(snnk__urf_square(&pairing, D, &p, c), real_square, 1e-11, 0);
    assert_close(snnk__urf_variance(&pairing, D, &p, c), real_square - exact * exact, 1e-9, 0);
    /* Relative to the mean of |H|^k, which the terms cannot exceed. */
    for (int k = 1; k <= 4; k++)
        assert_close(snnk__urf_moment(&pairing, D, &p, c, k), power[k], 1e-10,
                     1e-12 * pow(absolute, k / 2.0));
}

/* Exponential variables have the moments 1, 1, 2, 6, 24 and the cumulants (k - 1)!; of a product of
 * two independent normal variables of deviations 1 and 2 the fourth moment is 9 * 16, the variance
 * 4; x = w with |x|^2 = 2 gives 2 z^2, z normal, whose fourth cumulant is 2^4 times 48. Below
 * rounding, the fourth cumulant is 12 times the squared variance. */
static void fourth_cumulants_of_known_variables(void **state) {
    const double exponential[] = {1, 1, 2, 6, 24}, narrow[] = {1, 1, 1 + 1e-6, 1, 1};
    const snnk__urf_products across = {1, 4, 0}, along = {2, 2, 2};

    (void)state;
    assert_close(snnk__fourth_cumulant(exponential), 6, 1e-14, 0);
    assert_close(snnk__product_fourth(&across), 144 - 3 * 16, 1e-14, 0);
    assert_close(snnk__product_fourth(&along), 48 * 16, 1e-14, 0);
    assert_close(snnk__fourth_cumulant(narrow), 12e-12, 1e-9, 0);
    const double infinite[] = {1, 1, 2, 6, INFINITY};
    assert_true(isinf(snnk__fourth_cumulant(infinite)));
}

static void moments_agree_with_quadrature(void **state) {
    const double half_pi = 1.570796326794896619;

    (void)state;
    for (int hyperbolic = 0; hyperbolic < 2; hyperbolic++) {
        check_by_quadrature(1.3 * I, 1, 0, 0, hyperbolic);
        check_by_quadrature(1.3 * I, 0.8, 0, -0.1, hyperbolic);
        check_by_quadrature(1.3 * I, 1.2, half_pi, 0, hyperbolic);
        check_by_quadrature(1.3 * I, 1.2, half_pi, -0.2, hyperbolic);
        check_by_quadrature(1.3 * I, 0.9, 0.6, 0.03, hyperbolic);
        check_by_quadrature(1, 1.1, 0, 0, hyperbolic); /* softmax */
        check_by_quadrature(1, 1.1, half_pi, -0.05, hyperbolic);
    }
}

static void nothing_overflows_into_nan(void **state) {
    const snnk__urf_products huge = {1e60, 1e60, -3e59};
    const snnk__urf_pairing pairing = snnk__urf_pair(2.0 * I, 1, 1, -0.1, true);

    (void)state;
    assert_true(snnk__urf_log_absolute(&pairing, 2000, &huge) > 0); /* not NaN */
    assert_true(snnk__urf_variance(&pairing, 2000, &huge, 1) == INFINITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_moments_are_the_reference_ones),
        cmocka_unit_test(optimal_A_is_the_reference_one),
        cmocka_unit_test(optimal_A_is_a_minimum),
        cmocka_unit_test(moments_agree_with_quadrature),
        cmocka_unit_test(fourth_cumulants_of_known_variables),
        cmocka_unit_test(nothing_overflows_into_nan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
