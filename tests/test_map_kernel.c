/* src/map, src/projection: exact kernels, unbiased estimates by random maps, distributions of
 * projections. Seeds are fixed, so every run has the same numbers; bounds are five standard
 * errors. */
#include "support/compare.h"
#include "support/draw.h"
#include "support/maps.h"

#include "data/arc_cosine.h"
#include "map/symmetric_kernel.h"

static const double pi = 3.14159265358979323846;

/* ---- Exact values ---- */

/* The arguments of snnk__arc_cosine, from x and y in double. */
static double arc_cosine(int order, size_t d, const double *x, const double *y) {
    double xx = 0, yy = 0, difference = 0, sum = 0;

    for (size_t k = 0; k < d; k++) xx += x[k] * x[k], yy += y[k] * y[k];
    for (size_t k = 0; k < d; k++) {
        const double u = x[k] / sqrt(xx), v = y[k] / sqrt(yy);

        difference += (u - v) * (u - v);
        sum += (u + v) * (u + v);
    }
    return snnk__arc_cosine(order, xx, yy, sqrt(difference), sqrt(sum));
}

/* Unit vectors are rounded to 2^-53, so the angle has an absolute error of about 4e-16, and kappa_n
 * one of that times dJ_n/dt <= pi, 2, 4 for n = 0, 1, 2, times |x|^n |y|^n/pi. Other roundings:
 * 1e-14 relative. If x and y are almost opposite, kappa_1 and kappa_2 shrink like the third and
 * fifth power of the small supplement s of the angle, and so does the error. */
static void test_arc_cosine_against_high_precision(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof arc_cosine_cases / sizeof *arc_cosine_cases; c++) {
        const size_t d = arc_cosine_cases[c].d;
        const double *x = arc_cosine_cases[c].x, *y = arc_cosine_cases[c].y;
        const double s = pi * arc_cosine_cases[c].kappa[0];
        double length = 0, other = 0;

        for (size_t k = 0; k < d; k++) length += x[k] * x[k], other += y[k] * y[k];
        length = sqrt(length * other);
        for (int n = 0; n <= 2; n++) {
            const double off = 5e-16 * pow(length, n) * pow(fmin(s + 5e-16, 1), 2 * n) * 4;

            assert_close(arc_cosine(n, d, x, y), arc_cosine_cases[c].kappa[n], 1e-14, off);
        }
    }
}

/* The two ends and the middle of the angle, by hand: J_n(0) = pi, pi, 3 pi; J_n(pi) = 0;
 * J_n(pi/2) = pi/2, 1, pi/2. Zero vectors have no angle and the kernel is 0. */
static void test_arc_cosine_by_hand(void **state) {
    static const double middle[3] = {0.5, 6 / 3.14159265358979323846, 18};

    (void)state;
    for (int n = 0; n <= 2; n++) {
        assert_close(snnk__arc_cosine(n, 4, 9, 0, 2), (n == 2 ? 3 : 1) * pow(6, n), 1e-15, 0);
        assert_close(snnk__arc_cosine(n, 4, 9, 2, 0), 0, 0, 0);
        assert_close(snnk__arc_cosine(n, 4, 9, sqrt(2), sqrt(2)), middle[n], 2e-15, 0);
        assert_true(snnk__arc_cosine(n, 0, 9, 0, 0) == 0);
        assert_true(snnk__arc_cosine(n, 4, 0, 0, 0) == 0);
    }
}

static double exact(const snnk_map *map, const float *x, const float *y) {
    double value = NAN;

    assert_ok(snnk_map_exact(map, x, y, 0, &value));
    return value;
}

static double exact_of(const snnk_map_config *config, size_t d, const float *x, const float *y) {
    snnk_map *map;
    double value;

    assert_ok(snnk_map_create(d, config, NULL, &map));
    value = exact(map, x, y);
    snnk_map_free(map);
    return value;
}

/* Through the public function: floats represent the points to 6e-8, and kappa_2 has a condition
 * number of about 6. */
static void test_exact_arc_cosine(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 1024);

    (void)state;
    config.features = 1;
    for (size_t c = 0; c < 9; c++)
        for (config.order = 0; config.order <= 2; config.order++) {
            float x[ARC_COSINE_DIMENSION], y[ARC_COSINE_DIMENSION];
            double length = 1;

            for (size_t k = 0; k < arc_cosine_cases[c].d; k++) {
                x[k] = (float)arc_cosine_cases[c].x[k];
                y[k] = (float)arc_cosine_cases[c].y[k];
                length += (double)(x[k] * x[k] + y[k] * y[k]);
            }
            assert_close(exact_of(&config, arc_cosine_cases[c].d, x, y),
                         arc_cosine_cases[c].kappa[config.order] / 2, 5e-7,
                         1e-7 * pow(length, config.order));
        }
}

/* E h(g.x) h(g.y) by quadrature: g.x and g.y are jointly normal, so a plain trapezoidal rule over
 * two independent normals, |t| <= 9, step 1/16, has errors of exponential order for smooth h, below
 * 1e-12 here. */
static double by_quadrature(double (*h)(double), double xx, double yy, double xy) {
    const double step = 1.0 / 16, a = sqrt(xx), b = xy / a, c = sqrt(yy - b * b);
    double sum = 0;

    for (int i = -144; i <= 144; i++)
        for (int j = -144; j <= 144; j++) {
            const double s = i * step, t = j * step;

            sum += h(a * s) * h(b * s + c * t) * exp(-(s * s + t * t) / 2);
        }
    return sum * step * step / (2 * pi);
}

static double same(double z) { return z; }

/* x = (0.5, -1, 0.25), y = (0.75, 0.5, -1.5), exactly floats; projection_scale 0.5, offset_scale
 * 0.75: xx = 1.3125/4 + 0.5625, yy = 3.0625/4 + 0.5625, xy = -0.5/4 + 0.5625. */
static void test_exact_elementwise_against_quadrature(void **state) {
    static const struct {
        int32_t activation;
        double (*h)(double);
    } cases[] = {
        {SNNK_IDENTITY, same}, {SNNK_SIN, sin}, {SNNK_COS, cos}, {SNNK_EXP, exp}, {SNNK_ERF, erf}};
    const float x[3] = {0.5f, -1, 0.25f}, y[3] = {0.75f, 0.5f, -1.5f};
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, 1024);

    (void)state;
    config.features = 1;
    config.projection_scale = 0.5;
    config.offset_scale = 0.75;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config.activation = cases[i].activation;
        assert_close(exact_of(&config, 3, x, y),
                     by_quadrature(cases[i].h, 0.890625, 1.328125, 0.4375), 1e-11, 0);
    }
    /* step and relu are arc-cosine kernels of order 0 and 1 */
    for (int order = 0; order <= 1; order++) {
        snnk_map_config other = config;

        other.kind = SNNK_MAP_ARC_COSINE;
        other.order = order;
        config.activation = order ? SNNK_RELU : SNNK_STEP;
        assert_close(exact_of(&config, 3, x, y), exact_of(&other, 3, x, y), 0, 0);
    }
    config = config_of(SNNK_MAP_GAUSSIAN, 1024);
    config.features = 2;
    config.projection_scale = 0.5;
    /* |x - y|^2 = 0.0625 + 2.25 + 3.0625 = 5.375 */
    assert_close(exact_of(&config, 3, x, y), exp(-5.375 / 8), 1e-15, 0);
    assert_close(exact_of(&config, 3, x, x), 1, 0, 0);
    config = config_of(SNNK_MAP_IDENTITY, 1024);
    assert_close(exact_of(&config, 3, x, y), -0.5, 0, 0);
}

static void test_no_closed_form(void **state) {
    static const int32_t none[] = {SNNK_GELU,    SNNK_GELU_TANH, SNNK_TANH,
                                   SNNK_SIGMOID, SNNK_SILU,      SNNK_SOFTPLUS};
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, 1024);
    const float x[2] = {1, 2};
    double value = 77;
    snnk_map *map;

    (void)state;
    config.features = 4;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        config.activation = none[i];
        assert_ok(snnk_map_create(2, &config, NULL, &map));
        assert_status(snnk_map_exact(map, x, x, 0, &value), SNNK_E_UNSUPPORTED);
        assert_says(snnk_activation_name(none[i]));
        snnk_map_free(map);
    }
    config.kind = SNNK_MAP_ARC_COSINE;
    config.floor = -0.5;
    assert_ok(snnk_map_create(2, &config, NULL, &map));
    assert_status(snnk_map_exact(map, x, x, 0, &value), SNNK_E_UNSUPPORTED);
    assert_says("floor = -0.5");
    snnk_map_free(map);
    assert_ok(snnk_map_create_from_rows(2, 1, x, 2, NULL, NULL, NULL, &map));
    assert_status(snnk_map_exact(map, x, x, 0, &value), SNNK_E_UNSUPPORTED);
    assert_says("rows were given");
    snnk_map_free(map);
    for (int32_t kind = SNNK_MAP_ARC_COSINE; kind <= SNNK_MAP_IDENTITY; kind++) {
        config = config_of(kind, 4);
        assert_ok(snnk_map_create(2, &config, NULL, &map));
        assert_status(snnk_map_exact(map, x, x, 0.5, &value), SNNK_E_UNSUPPORTED);
        assert_says("b = 0.5, but");
        assert_status(snnk_map_exact(map, x, x, NAN, &value), SNNK_E_UNSUPPORTED);
        assert_true(value == 77);
        if (kind < SNNK_MAP_IDENTITY) snnk_map_free(map);
    }
    assert_status(snnk_map_exact(NULL, x, x, 0, &value), SNNK_E_NULL);
    assert_status(snnk_map_exact(map, NULL, x, 0, &value), SNNK_E_NULL);
    assert_status(snnk_map_exact(map, x, NULL, 0, &value), SNNK_E_NULL);
    assert_status(snnk_map_exact(map, x, x, 0, NULL), SNNK_E_NULL);
    assert_true(value == 77);
    snnk_map_free(map);
}

/* ---- Unbiased estimates ---- */

enum { D = 4, SEEDS = 3000 };

static double dot(size_t m, const float *a, const float *b) {
    double sum = 0;

    for (size_t j = 0; j < m; j++) sum += (double)a[j] * (double)b[j];
    return sum;
}

/* Phi(x) . Phi(y) of the map with this config and seed. */
static double estimate(const snnk_map_config *config, const snnk_scaling *scaling,
                       const float XY[2 * D]) {
    float Phi[2 * 16];
    size_t m;
    snnk_map *map;

    assert_ok(snnk_map_create(D, config, scaling, &map));
    m = snnk_map_features(map);
    assert_true(m <= 16);
    assert_ok(snnk_map_input_tower(map, 2, XY, D, Phi, m, NULL));
    snnk_map_free(map);
    return dot(m, Phi, Phi + m);
}

static void check_unbiased(snnk_map_config config, const snnk_scaling *scaling) {
    static const float XY[2 * D] = {0.6f, -0.2f, 0.9f, 0.3f, 0.1f, -0.5f, 0.4f, -0.8f};
    sample s = {0};
    snnk_map *map;
    double expected;

    for (config.seed = 0; config.seed < SEEDS; config.seed++)
        sample_add(&s, estimate(&config, scaling, XY));
    assert_ok(snnk_map_create(D, &config, scaling, &map));
    expected = exact(map, XY, XY + D);
    snnk_map_free(map);
    if (!(fabs(s.mean - expected) <= 5 * sample_error(&s)))
        fprintf(stderr, "kind %d order %d activation %d projection %d: %g, not %g +- %g\n",
                config.kind, config.order, config.activation, config.projection, s.mean, expected,
                sample_error(&s));
    assert_close(s.mean, expected, 0, 5 * sample_error(&s));
    assert_true(sample_error(&s) < 0.1 * fabs(expected)); /* the test could detect an error of half
                                                           * the value */
}

/* Every kind with a closed form, both projections. 6 rows of 4 inputs are one group of orthogonal
 * rows and part of another. */
static void check_all_unbiased(double projection_scale, double offset_scale,
                               const snnk_scaling *scaling) {
    static const int32_t with_closed_form[] = {SNNK_IDENTITY, SNNK_STEP, SNNK_RELU, SNNK_SIN,
                                               SNNK_COS,      SNNK_EXP,  SNNK_ERF};
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 1024);

    config.features = 6;
    config.projection_scale = projection_scale;
    for (config.projection = 0; config.projection < PROJECTIONS; config.projection++) {
        config.offset_scale = offset_scale;
        config.kind = SNNK_MAP_ARC_COSINE;
        for (config.order = 0; config.order <= 2; config.order++) check_unbiased(config, scaling);
        config.order = 1;
        config.kind = SNNK_MAP_ELEMENTWISE;
        for (size_t i = 0; i < sizeof with_closed_form / sizeof *with_closed_form; i++) {
            config.activation = with_closed_form[i];
            check_unbiased(config, scaling);
        }
        config.kind = SNNK_MAP_GAUSSIAN;
        config.offset_scale = 0;
        config.features = 12;
        check_unbiased(config, scaling);
        config.features = 6;
    }
}

static void test_unbiased(void **state) {
    (void)state;
    check_all_unbiased(1, 0, NULL);
}

static void test_unbiased_with_offsets_and_scale(void **state) {
    (void)state;
    check_all_unbiased(0.7, 0.8, NULL);
}

static void test_unbiased_with_a_scaling(void **state) {
    const double mean[D] = {0.2, -0.4, 1.0, 0.1}, scale[D] = {0.8, 1.5, 0.5, 0.9};
    snnk_scaling *scaling;

    (void)state;
    assert_ok(snnk_scaling_create_given(D, mean, scale, NULL, &scaling));
    check_all_unbiased(0.8, 0.5, scaling);
    snnk_scaling_free(scaling);
}

/* ---- Distributions of projections ---- */

/* Rows of the projection itself: r x d, no scaling. */
static void rows_of(int32_t projection, uint64_t seed, size_t d, size_t r, float *G) {
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 1024);
    snnk_map *map;

    config.projection = projection;
    config.features = r;
    config.seed = seed;
    assert_ok(snnk_map_create(d, &config, NULL, &map));
    assert_ok(snnk_map_block_rows(map, 0, G, d, NULL));
    snnk_map_free(map);
}

#ifndef SNNK_MINIMAL
/* Entries are rounded to float: a product of unit vectors has an error of at most sqrt(d) 2^-24,
 * well below 1e-6 for every d here. Rows of different groups, and of Gaussian maps, are not
 * orthogonal. */
static void test_rows_of_a_group_are_orthogonal(void **state) {
    static const size_t ds[] = {1, 2, 3, 8, 17, 64};
    static float G[130 * 64];

    (void)state;
    for (size_t t = 0; t < sizeof ds / sizeof *ds; t++) {
        const size_t d = ds[t], r = 2 * d + 2;
        double across = 0;

        rows_of(SNNK_PROJECTION_ORTHOGONAL, 5, d, r, G);
        for (size_t i = 0; i < r; i++)
            for (size_t j = 0; j < i; j++) {
                const double product = fabs(dot(d, G + i * d, G + j * d)) /
                                       sqrt(dot(d, G + i * d, G + i * d)) /
                                       sqrt(dot(d, G + j * d, G + j * d));

                if (i / d == j / d)
                    assert_close(product, 0, 0, 1e-6);
                else
                    across = fmax(across, product);
            }
        assert_true(across > 1e-3);
    }
}
#endif

/* |g|^2 has the distribution of chi squared with d degrees of freedom: mean d, variance 2 d, and
 * Var((|g|^2 - d)^2) = 8 d^2 + 48 d. Checked for both projections. */
static void test_norms_are_chi(void **state) {
    enum { d = 5, r = 20000 };
    static float G[d * r];

    (void)state;
    for (int32_t projection = 0; projection < PROJECTIONS; projection++) {
        double mean = 0, variance = 0;

        rows_of(projection, 77, d, r, G);
        for (size_t i = 0; i < r; i++) {
            const double square = dot(d, G + i * d, G + i * d);

            mean += square / r;
            variance += (square - d) * (square - d) / r;
        }
        assert_close(mean, d, 0, 5 * sqrt(2.0 * d / r));
        assert_close(variance, 2 * d, 0, 5 * sqrt((8.0 * d * d + 48 * d) / r));
    }
}

/* Every entry is N(0, 1) in distribution for both projections: mean 0, variance 1, fourth moment 3.
 * Here the entries of one row are not independent of each other, so only one from each row is
 * used. */
static void test_entries_are_normal(void **state) {
    enum { d = 5, r = 20000 };
    static float G[d * r];

    (void)state;
    for (int32_t projection = 0; projection < PROJECTIONS; projection++) {
        rows_of(projection, 78, d, r, G);
        for (size_t k = 0; k < d; k++) {
            sample first = {0}, second = {0}, fourth = {0};

            for (size_t i = k; i < r; i += d) { /* row k of each group: these are independent */
                const double g = (double)G[i * d + k];

                sample_add(&first, g);
                sample_add(&second, g * g);
                sample_add(&fourth, g * g * g * g);
            }
            assert_close(first.mean, 0, 0, 5 / sqrt(first.n));
            assert_close(second.mean, 1, 0, 5 * sqrt(2 / second.n));
            assert_close(fourth.mean, 3, 0, 5 * sqrt(96 / fourth.n));
        }
    }
}

#ifndef SNNK_MINIMAL
/* Q is Haar-distributed: E Q_ij = 0, E Q_ij^2 = 1/d, and E trace^2 = 1 with E Q_ii Q_jj = 0 for
 * i != j (Diaconis & Shahshahani 1994). LAPACK's Q alone has Q_00 < 0 in every draw. */
static void test_directions_are_haar(void **state) {
    enum { d = 3, draws = 4000 };
    sample entry[d][d] = {{{0}}}, square[d][d] = {{{0}}}, traces = {0}, diagonal = {0};

    (void)state;
    for (uint64_t seed = 0; seed < draws; seed++) {
        double trace = 0;
        float G[d * d];
        double Q[d][d];

        rows_of(SNNK_PROJECTION_ORTHOGONAL, seed, d, d, G);
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < d; j++) {
                Q[i][j] = (double)G[i * d + j] / sqrt(dot(d, G + i * d, G + i * d));
                sample_add(&entry[i][j], Q[i][j]);
                sample_add(&square[i][j], Q[i][j] * Q[i][j]);
                if (i == j) trace += Q[i][i];
            }
        sample_add(&traces, trace * trace);
        sample_add(&diagonal, Q[0][0] * Q[1][1]);
    }
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) {
            assert_close(entry[i][j].mean, 0, 0, 5 * sqrt(1.0 / d / draws));
            assert_close(square[i][j].mean, 1.0 / d, 0, 5 * sample_error(&square[i][j]));
        }
    assert_close(traces.mean, 1, 0, 5 * sample_error(&traces));
    assert_close(diagonal.mean, 0, 0, 5 * sample_error(&diagonal));
}

/* For the Gaussian kernel at distance z, r iid rows give the variance (1 - e^(-z^2))^2/(2 r), and
 * orthogonal ones less (Yu et al. 2016, theorem 1). The relative error of a sample variance of S
 * values is sqrt(2/S) for a normal distribution; these distributions have lighter tails. */
static void test_orthogonal_rows_lower_the_variance(void **state) {
    static const float XY[2 * D] = {0.6f, -0.2f, 0.9f, 0.3f, 0.1f, -0.5f, 0.4f, -0.3f};
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 1024);
    double variance[2], kernel, iid;

    (void)state;
    config.features = 16;
    kernel = exact_of(&config, D, XY, XY + D);
    iid = (1 - kernel * kernel) * (1 - kernel * kernel) / 16;
    for (config.projection = 0; config.projection < PROJECTIONS; config.projection++) {
        sample s = {0};

        for (config.seed = 0; config.seed < SEEDS; config.seed++)
            sample_add(&s, estimate(&config, NULL, XY));
        variance[config.projection] = sample_variance(&s);
    }
    assert_close(variance[SNNK_PROJECTION_GAUSSIAN], iid, 5 * sqrt(2.0 / SEEDS), 0);
    assert_true(variance[SNNK_PROJECTION_ORTHOGONAL] < iid * (1 - 5 * sqrt(2.0 / SEEDS)));
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arc_cosine_against_high_precision),
        cmocka_unit_test(test_arc_cosine_by_hand),
        cmocka_unit_test(test_exact_arc_cosine),
        cmocka_unit_test(test_exact_elementwise_against_quadrature),
        cmocka_unit_test(test_no_closed_form),
        cmocka_unit_test(test_unbiased),
        cmocka_unit_test(test_unbiased_with_offsets_and_scale),
        cmocka_unit_test(test_unbiased_with_a_scaling),
        cmocka_unit_test(test_norms_are_chi),
        cmocka_unit_test(test_entries_are_normal),
#ifndef SNNK_MINIMAL
        cmocka_unit_test(test_rows_of_a_group_are_orthogonal),
        cmocka_unit_test(test_directions_are_haar),
        cmocka_unit_test(test_orthogonal_rows_lower_the_variance),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
