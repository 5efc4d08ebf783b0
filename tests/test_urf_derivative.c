/* src/map/spectral.c: gradients and Laplacians of universal random features, compared with finite
 * differences of Lambda in double. */
#include "support/compare.h"

#include "support/draw.h"

#include <complex.h>
#include <stdbool.h>

enum { D = 5, N = 30, L = 20, ROWS = 12 };

static float X[N * D], W[L * D], G[ROWS * D];

static int make_batch(void **state) {
    uint64_t seed = 4;

    (void)state;
    for (size_t i = 0; i < N * D; i++) X[i] = (float)(0.3 + 0.8 * draw_uniform(&seed));
    for (size_t i = 0; i < L * D; i++) W[i] = (float)(-0.2 + 0.7 * draw_uniform(&seed));
    draw_floats(G, ROWS * D, 9);
    return 0;
}

/* A map of one atom, and the numbers that define it. */
typedef struct setting {
    snnk_urf_config config;
    double complex kappa;
    double mu[D], nu[D], metric[D][D]; /* x~ = metric (x - mu) */
} setting;

static const double omega = 1.4, half_pi = 1.5707963267948966;

/* M, column by column: the frame coordinates of mu + e_k. In float inputs: a difference of 2^-2. */
static void read_frame(const snnk_frame *frame, int32_t center, setting *s) {
    float at[D], moved[D];
    double seen[D], base[D];

    for (size_t k = 0; k < D; k++) {
        s->mu[k] = s->nu[k] = 0;
        for (size_t i = 0; i < N; i++)
            if (center) s->mu[k] += X[i * D + k] / (double)N;
        for (size_t j = 0; j < L; j++)
            if (center == SNNK_CENTER_BOTH) s->nu[k] += W[j * D + k] / (double)L;
        at[k] = 0;
    }
    assert_ok(snnk_frame_apply(frame, 0, 1, at, D, base, D));
    for (size_t k = 0; k < D; k++) {
        memcpy(moved, at, sizeof at);
        moved[k] = 1;
        assert_ok(snnk_frame_apply(frame, 0, 1, moved, D, seen, D));
        for (size_t i = 0; i < D; i++) s->metric[i][k] = seen[i] - base[i];
    }
}

/* e^(kappa nu.(x - mu)) exp(sign sqrt(1-4A) alpha g.x~ - alpha^2 |x~|^2/2), without factors that do
 * not depend on x. */
static double complex feature(const setting *s, const float *g, int sign, const double *x) {
    const double theta = s->config.form == SNNK_URF_POSITIVE        ? 0
                         : s->config.form == SNNK_URF_TRIGONOMETRIC ? half_pi
                                                                    : s->config.angle;
    const double complex alpha = s->config.scale * cexp(I * theta);
    double t = 0, norm2 = 0, gx = 0;

    for (size_t i = 0; i < D; i++) {
        double seen = 0;

        for (size_t k = 0; k < D; k++) seen += s->metric[i][k] * (x[k] - s->mu[k]);
        norm2 += seen * seen;
        gx += g[i] * seen;
        t += s->nu[i] * (x[i] - s->mu[i]);
    }
    return cexp(s->kappa * t + sign * sqrt(1 - 4 * s->config.A) * alpha * gx -
                alpha * alpha * norm2 / 2);
}

/* Differences of fourth order with step 1e-2: errors h^4/30 and h^4/90 times a fifth and a sixth
 * derivative, below 1e-6 of the feature's size here, and rounding 1e-16/h^2 = 1e-12. */
static const double h = 5e-3;

static double complex difference(const setting *s, const float *g, int sign, const double *x,
                                 size_t k, bool second) {
    double moved[D];
    double complex f[5];

    for (int i = -2; i <= 2; i++) {
        memcpy(moved, x, sizeof moved);
        moved[k] += i * h;
        f[i + 2] = feature(s, g, sign, moved);
    }
    return second ? (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * h * h)
                  : (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * h);
}

static void check(const setting *s, const snnk_map *map, const float *x) {
    const size_t m = snnk_map_features(map);
    float Phi[4 * ROWS], J[4 * ROWS * D], lap[4 * ROWS];
    double at[D];

    for (size_t k = 0; k < D; k++) at[k] = x[k];
    assert_ok(snnk_map_input_tower(map, 1, x, D, Phi, m, NULL));
    assert_ok(snnk_map_gradient(map, x, J, D));
    assert_ok(snnk_map_laplacian(map, 1, x, D, lap, m, NULL));
    /* The documentation says how many features a row has (test_urf checks it). */
    const bool centers = s->nu[0] != 0, oscillates = cimag(s->kappa) != 0;
    const bool phase = centers && oscillates;
    const size_t parts = s->config.form != SNNK_URF_POSITIVE || phase ? 2 : 1;
    const size_t signs =
        s->config.hyperbolic && !(s->config.form == SNNK_URF_TRIGONOMETRIC && !phase) ? 2 : 1;

    for (size_t f = 0; f < m; f += parts) {
        const size_t row = f / (signs * parts);
        const int sign = f / parts % signs ? -1 : 1;
        const float *g = G + row * D;
        const double complex exact = feature(s, g, sign, at);
        /* The constant factors of the feature, taken from the feature itself. */
        const double size = parts == 2 ? hypot(Phi[f], Phi[f + 1]) : Phi[f];
        const double factor = size / cabs(exact), tolerance = 3e-5 * size;
        double complex sum = 0;

        for (size_t k = 0; k < D; k++) {
            const double complex slope = factor * difference(s, g, sign, at, k, false);

            sum += factor * difference(s, g, sign, at, k, true);
            assert_close(J[f * D + k], creal(slope), 1e-5, tolerance);
            if (parts == 2) assert_close(J[(f + 1) * D + k], cimag(slope), 1e-5, tolerance);
        }
        /* Terms of up to 30 times the feature cancel in the Laplacian. */
        assert_close(lap[f], creal(sum), 1e-5, 10 * tolerance);
        if (parts == 2) assert_close(lap[f + 1], cimag(sum), 1e-5, 10 * tolerance);
    }
}

static void derivatives_agree_with_differences(void **state) {
#ifdef SNNK_MINIMAL
    const int32_t metrics = SNNK_METRIC_DIAGONAL + 1;
#else
    const int32_t metrics = SNNK_METRIC_WHITEN + 1;
#endif
    const double one = 1;

    (void)state;
    for (int32_t center = 0; center < 3; center++)
        for (int32_t metric = 0; metric < metrics; metric++)
            for (int32_t form = 0; form < 3; form++)
                for (int32_t hyperbolic = 0; hyperbolic < 2; hyperbolic++)
                    for (int softmax = 0; softmax < 2; softmax++) {
                        setting s = {.kappa = softmax ? 1 : I * omega};
                        snnk_frame_config frame_config;
                        snnk_spectrum *spectrum;
                        snnk_frame *frame;
                        snnk_map *map;

                        assert_ok(snnk_urf_config_init(&s.config, sizeof s.config));
                        s.config.features = ROWS;
                        s.config.form = form;
                        s.config.angle = 0.5;
                        s.config.hyperbolic = hyperbolic;
                        s.config.scale = 0.9;
                        s.config.A = metric == 1 ? -0.05 : 0;
                        assert_ok(snnk_frame_config_init(&frame_config, sizeof frame_config));
                        frame_config.center = center;
                        frame_config.metric = metric;
                        frame_config.directions = 2;
                        assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = X), L, W, D,
                                                    &frame_config, &frame));
                        read_frame(frame, center, &s);
                        if (softmax)
                            assert_ok(snnk_spectrum_create(SNNK_EXP, NULL, &spectrum));
                        else
                            assert_ok(snnk_spectrum_create_from_atoms(1, &omega, &one, NULL, 0, 0,
                                                                      NULL, &spectrum));
                        assert_ok(snnk_map_create_urf_from_rows(D, spectrum, ROWS, G, D, &s.config,
                                                                frame, &map));
                        check(&s, map, X);
                        check(&s, map, X + 7 * D);
                        snnk_map_free(map);
                        snnk_spectrum_free(spectrum);
                        snnk_frame_free(frame);
                    }
}

/* The blocks of the affine part: constant gradients, Laplacian 0. */
static void the_affine_part_is_linear(void **state) {
    float J[40 * D], lap[3 * 40];

    (void)state;
    for (int32_t affine = SNNK_URF_AFFINE_EXACT; affine <= SNNK_URF_AFFINE_SKETCH; affine++) {
        snnk_urf_config config;
        snnk_spectrum *spectrum;
        snnk_map *map;
        float at[40], moved[40], x[D];

        assert_ok(snnk_urf_config_init(&config, sizeof config));
        config.features = 20;
        config.affine = affine;
        assert_ok(snnk_spectrum_create_from_atoms(0, NULL, NULL, NULL, 1, 2, NULL, &spectrum));
        assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
        const size_t m = snnk_map_features(map);
        assert_ok(snnk_map_gradient(map, X, J, D));
        assert_ok(snnk_map_laplacian(map, 3, X, D, lap, m, NULL));
        for (size_t f = 0; f < 3 * m; f++) assert_true(lap[f] == 0);
        assert_ok(snnk_map_input_tower(map, 1, X, D, at, m, NULL));
        memcpy(x, X, sizeof x);
        x[2] += 0.5f;
        assert_ok(snnk_map_input_tower(map, 1, x, D, moved, m, NULL));
        const double moved_by = (double)x[2] - X[2];
        for (size_t f = 0; f < m; f++)
            assert_close((moved[f] - at[f]) / moved_by, J[f * D + 2], 1e-5, 2e-6);
        snnk_map_free(map);
        snnk_spectrum_free(spectrum);
    }
}

static void threads_give_the_same_bits(void **state) {
    static float one[N * 100], three[N * 100];
    snnk_urf_config config;
    snnk_spectrum *spectrum;
    snnk_workspace *workspace;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_spectrum_create(SNNK_SIN, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = 100;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, NULL, &map));
    const size_t m = snnk_map_features(map);
    assert_ok(snnk_map_laplacian(map, N, X, D, one, m, NULL));
    assert_ok(snnk_map_laplacian(map, N, X, D, three, m, workspace));
    assert_memory_equal(one, three, N * m * sizeof *one);
    snnk_map_free(map);
    snnk_spectrum_free(spectrum);
    snnk_workspace_free(workspace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_agree_with_differences),
        cmocka_unit_test(the_affine_part_is_linear),
        cmocka_unit_test(threads_give_the_same_bits),
    };

    return cmocka_run_group_tests(tests, make_batch, NULL);
}
