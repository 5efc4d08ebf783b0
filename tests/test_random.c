/* src/base/random.c: the generator, its layout, and the normal quantile. */
#include "support/compare.h"
#include "support/draw.h"

#include <Random123/philox.h>
#include <stdlib.h>

#include "base/random.h"
#include "data/normals.h"

/* Random123's published known answers (kat_vectors, lines "philox4x32 10"). The zero and the pi
 * vector are reached through the documented layout: counter (k, stream, i), key seed, entries 2 k
 * and 2 k + 1 from the upper 52 bits of each 64. */
static void test_philox_known_answers(void **state) {
    const philox4x32_ctr_t ones = {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}};
    const philox4x32_key_t ones_key = {{0xffffffff, 0xffffffff}};
    const philox4x32_ctr_t draw = philox4x32(ones, ones_key);
    double u[2];

    (void)state;
    assert_true(draw.v[0] == 0x408f276d && draw.v[1] == 0x41c83b0e);
    assert_true(draw.v[2] == 0xa20bc7c6 && draw.v[3] == 0x6d5451fd);

    snnk__random_uniform(0, 0, 0, 0, 2, u); /* 6627e8d5 e169c58d bc57ac4c 9b00dbd8 */
    assert_true(u[0] == 0x0.e169c58d6627e8p0);
    assert_true(u[1] == 0x0.9b00dbd8bc57a8p0);

    /* Counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0:
     * d16cfe09 94fdcceb 5001e420 24126ea1. */
    snnk__random_uniform(0x299f31d0a4093822, 0x85a308d3, 0x0370734413198a2e, 2 * 0x243f6a88u, 2, u);
    assert_true(u[0] == 0x0.94fdccebd16cf8p0);
    assert_true(u[1] == 0x0.24126ea15001e8p0);
}

/* data/make_normals.py computes these without the library and without libm. A model stored as a
 * seed depends on every bit. */
static void test_draws_are_pinned(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof pinned_draws / sizeof *pinned_draws; k++) {
        const pinned_draw *p = &pinned_draws[k];
        double u, z;

        snnk__random_uniform(p->seed, p->stream, p->i, p->j, 1, &u);
        snnk__random_normal(p->seed, p->stream, p->i, p->j, 1, &z);
        assert_close(u, p->uniform, 0, 0);
        assert_close(z, p->normal, 0, 0);
    }
    for (size_t k = 0; k < sizeof pinned_quantiles / sizeof *pinned_quantiles; k++)
        assert_close(snnk__normal_quantile(pinned_quantiles[k].p), pinned_quantiles[k].z, 0, 0);
}

static void test_any_stretch_of_a_row_is_the_same(void **state) {
    double whole[40], part[40], normal[40];

    (void)state;
    snnk__random_uniform(99, 1, 12345, 0, 40, whole);
    snnk__random_normal(99, 1, 12345, 0, 40, normal);
    for (uint32_t first = 0; first < 40; first++)
        for (size_t n = 0; first + n <= 40; n++) {
            part[n < 40 ? n : 0] = -7;
            snnk__random_uniform(99, 1, 12345, first, n, part);
            assert_memory_equal(part, whole + first, n * sizeof *part);
            /* Nothing is written beyond the n draws. */
            if (n < 40) assert_true(n == 0 || part[n] == -7);
            snnk__random_normal(99, 1, 12345, first, n, part);
            assert_memory_equal(part, normal + first, n * sizeof *part);
        }
}

static void test_seed_stream_and_row_all_matter(void **state) {
    double a, b;

    (void)state;
    snnk__random_uniform(5, 0, 8, 3, 1, &a);
    for (int bit = 0; bit < 64; bit++) {
        const uint64_t flip = (uint64_t)1 << bit;

        snnk__random_uniform(5 ^ flip, 0, 8, 3, 1, &b);
        assert_true(a != b);
        snnk__random_uniform(5, 0, 8 ^ flip, 3, 1, &b);
        assert_true(a != b);
        if (bit >= 32) continue;
        snnk__random_uniform(5, (uint32_t)flip, 8, 3, 1, &b);
        assert_true(a != b);
        snnk__random_uniform(5, 0, 8, 3 ^ (uint32_t)flip, 1, &b);
        assert_true(a != b);
    }
}

#define DRAWS 1000000

/* Odd multiples of 2^-53, so never 0 or 1. Five sigma of a mean of 10^6 draws: the variances of u
 * and u^2 are 1/12 and 4/45. */
static void test_uniform_draws(void **state) {
    double *u = malloc(DRAWS * sizeof *u), mean = 0, square = 0;

    (void)state;
    snnk__random_uniform(1, 0, 0, 0, DRAWS, u);
    for (size_t i = 0; i < DRAWS; i++) {
        assert_true(u[i] > 0 && u[i] < 1);
        assert_true(fmod(u[i] * 0x1p53, 2) == 1);
        mean += u[i] / DRAWS;
        square += u[i] * u[i] / DRAWS;
    }
    assert_close(mean, 0.5, 0, 5 * sqrt(1.0 / 12 / DRAWS));
    assert_close(square, 1.0 / 3, 0, 5 * sqrt(4.0 / 45 / DRAWS));
    free(u);
}

/* Five sigma: z, z^2, z^3, z^4 have variances 1, 2, 15, 96, and products of independent z 1. */
static void test_normal_draws(void **state) {
    double *z = malloc(DRAWS * sizeof *z), *row = malloc(DRAWS * sizeof *row);
    double moment[5] = {0}, beside = 0, below = 0;
    const double unit = 5 / sqrt(DRAWS);

    (void)state;
    snnk__random_normal(3, 0, 0, 0, DRAWS, z);
    snnk__random_normal(3, 0, 1, 0, DRAWS, row);
    for (size_t i = 0; i < DRAWS; i++) {
        for (int k = 1; k <= 4; k++) moment[k] += pow(z[i], k) / DRAWS;
        beside += z[i] * z[(i + 1) % DRAWS] / DRAWS;
        below += z[i] * row[i] / DRAWS;
    }
    assert_close(moment[1], 0, 0, unit);
    assert_close(moment[2], 1, 0, unit * sqrt(2));
    assert_close(moment[3], 0, 0, unit * sqrt(15));
    assert_close(moment[4], 3, 0, unit * sqrt(96));
    assert_close(beside, 0, 0, unit);
    assert_close(below, 0, 0, unit);
    free(z);
    free(row);
}

/* The relative error of z = quantile(p), by one Newton step in long double. With q = p - 1/2 exact,
 * Phi(z) - p = erf(z/sqrt 2)/2 - q keeps its digits in the middle, and erfc does in the tails. */
static double quantile_error(double p) {
    const long double z = snnk__normal_quantile(p), root_half = sqrtl(0.5L);
    const long double density = expl(-z * z / 2) / sqrtl(2 * acosl(-1));
    long double excess;

    if (fabs(p - 0.5) < 0.25)
        excess = erfl(z * root_half) / 2 - ((long double)p - 0.5L);
    else if (p < 0.5)
        excess = erfcl(-z * root_half) / 2 - p;
    else
        excess = (1 - (long double)p) - erfcl(z * root_half) / 2;
    return z == 0 ? 0 : (double)fabsl(excess / density / z);
}

/* The algorithm claims 1e-16 in exact arithmetic. About seven roundings on the longest path (two
 * polynomials, their ratio, the square root of a logarithm accurate to 3e-16) give 1e-15. */
static void test_quantile_inverts_the_distribution_function(void **state) {
    uint64_t draws = 11;
    double worst = 0;

    (void)state;
    for (int e = 1; e <= 53; e++) {
        worst = fmax(worst, quantile_error(ldexp(1, -e)));
        worst = fmax(worst, quantile_error(1 - ldexp(1, -e)));
    }
    for (int i = 0; i < 20000; i++) {
        const double u = fabs(draw_uniform(&draws)), p = (i % 2) ? u : u * ldexp(1, -(i / 2) % 50);

        if (!(p > 0 && p < 1)) continue;
        worst = fmax(worst, quantile_error(p));
        worst = fmax(worst, quantile_error(1 - p < 1 ? 1 - p : 0.5));
    }
    if (worst > 1e-15) fprintf(stderr, "the quantile is off by %.3g\n", worst);
    assert_true(worst <= 1e-15);
}

/* The three values that Wichura 1988 publishes as a check, to the digits given, and tables'
 * 1.96. */
static void test_quantile_published_values(void **state) {
    (void)state;
    assert_close(snnk__normal_quantile(0.25), -0.6744897501960817, 1e-15, 0);
    assert_close(snnk__normal_quantile(0.001), -3.090232306167814, 1e-15, 0);
    assert_close(snnk__normal_quantile(1e-20), -9.262340089798408, 1e-15, 0);
    assert_close(snnk__normal_quantile(0.975), 1.959963984540054, 1e-15, 0);
    assert_true(snnk__normal_quantile(0.5) == 0);
    for (double p = 0x1p-53; p < 0.5; p *= 1.37) { /* odd about 1/2, where 1 - p is exact */
        const double q = 1 - (1 - p);

        assert_close(snnk__normal_quantile(1 - q), -snnk__normal_quantile(q), 1e-15, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_draws_are_pinned),
        cmocka_unit_test(test_any_stretch_of_a_row_is_the_same),
        cmocka_unit_test(test_seed_stream_and_row_all_matter),
        cmocka_unit_test(test_uniform_draws),
        cmocka_unit_test(test_normal_draws),
        cmocka_unit_test(test_quantile_inverts_the_distribution_function),
        cmocka_unit_test(test_quantile_published_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
