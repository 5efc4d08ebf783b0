/* src/map/fold.c: maps composed with a linear map. */
#include "support/alloc.h"
#include "support/draw.h"
#include "support/maps.h"

enum { D = 6, WIDE = 9, N = 40, L = 20 };

/* Inputs y of a folded map, V, c, and x = V y + c. columns: D - 2 or WIDE, less and more than D. */
typedef struct setting {
    size_t columns;
    float Y[N * WIDE], V[D * WIDE], c[D], X[N * D];
} setting;

static setting setting_of(size_t columns) {
    setting s = {.columns = columns};

    draw_floats(s.Y, N * columns, 1);
    draw_floats(s.V, D * columns, 2);
    draw_floats(s.c, D, 3);
    for (size_t k = 0; k < D * columns; k++) s.V[k] *= 0.2f;
    for (size_t k = 0; k < D; k++) s.c[k] *= 0.5f;
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++) {
            double sum = s.c[k];

            for (size_t j = 0; j < columns; j++)
                sum += (double)s.V[k * columns + j] * s.Y[i * columns + j];
            s.X[i * D + k] = (float)sum;
        }
    return s;
}

static snnk_map *fold(const snnk_map *map, const setting *s) {
    snnk_map *folded;

    assert_ok(snnk_map_fold(map, s->columns, s->V, s->columns, s->c, &folded));
    assert_int_equal(snnk_map_inputs(folded), s->columns);
    assert_int_equal(snnk_map_features(folded), snnk_map_features(map));
    return folded;
}

/* The magnitude of a feature together with its neighbours: if features are real and imaginary
 * parts, that of the feature and its partner. */
static double magnitude(const float *phi, size_t m, size_t j) {
    double most = fabs((double)phi[j]);

    if (j > 0) most = fmax(most, fabs((double)phi[j - 1]));
    if (j + 1 < m) most = fmax(most, fabs((double)phi[j + 1]));
    return most;
}

/* Features of x and of y must agree. Both have errors of about 10 roundings, 6e-8 each, of z and of
 * the exponents and phases of URF, which are of size 1 to 15: together 1e-5 of the feature (of its
 * modulus), or of the mean size. */
static void check_close(size_t m, const float *Phi, const float *expected) {
    double square = 0;

    for (size_t i = 0; i < N * m; i++) square += (double)expected[i] * expected[i];
    const double mean = sqrt(square / (double)(N * m));
    for (size_t i = 0; i < N * m; i++)
        assert_close(Phi[i], expected[i], 0,
                     1e-5 * (mean + magnitude(expected + i / m * m, m, i % m)));
}

static void check_features(const snnk_map *map, const snnk_map *folded, const setting *s) {
    const size_t m = snnk_map_features(map);
    float *expected = malloc(2 * N * m * sizeof *expected), *Phi = expected + N * m;

    assert_ok(snnk_map_input_tower(map, N, s->X, D, expected, m, NULL));
    assert_ok(snnk_map_input_tower(folded, N, s->Y, s->columns, Phi, m, NULL));
    check_close(m, Phi, expected);
    free(expected);
}

static void check_map(snnk_map *map) {
    for (size_t columns = D - 2; columns <= WIDE; columns += WIDE - D + 2) {
        const setting s = setting_of(columns);
        snnk_map *folded = fold(map, &s);

        check_features(map, folded, &s);
        snnk_map_free(folded);
    }
    snnk_map_free(map);
}

static void test_every_config(void **state) {
    snnk_map_config configs[32];
    const size_t n = all_configs(configs);
    const double mean[D] = {0.5, -1, 0, 0.25, 2, -0.125}, scale[D] = {1, 2, 0.5, 1, 0.25, 3};
    snnk_scaling *scaling;

    (void)state;
    assert_ok(snnk_scaling_create_given(D, mean, scale, NULL, &scaling));
    for (size_t i = 0; i < n; i++) {
        check_map(map_of(D, &configs[i], NULL));
        check_map(map_of(D, &configs[i], scaling));
        configs[i].projection = SNNK_PROJECTION_HD3;
        check_map(map_of(D, &configs[i], scaling));
    }
    snnk_scaling_free(scaling);
}

static void test_given_rows(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, 0);
    float G[7 * D], offsets[7];
    snnk_map *map;

    (void)state;
    draw_floats(G, 7 * D, 4);
    draw_floats(offsets, 7, 5);
    config.activation = SNNK_GELU;
    assert_ok(snnk_map_create_from_rows(D, 7, G, D, offsets, &config, NULL, &map));
    check_map(map);
}

/* Weights for frames, with a mean that is not 0. */
static void draw_weights(float *W) {
    draw_floats(W, L * D, 6);
    for (size_t i = 0; i < L * D; i++) W[i] = 0.3f + 0.5f * W[i];
}

static snnk_frame *frame_of(int32_t center, int32_t metric) {
    const setting s = setting_of(WIDE);
    snnk_frame_config config;
    float W[L * D];
    snnk_frame *frame;

    draw_weights(W);
    assert_ok(snnk_frame_config_init(&config, sizeof config));
    config.center = center;
    config.metric = metric;
    config.directions = 2;
    assert_ok(snnk_frame_create(D, SNNK_ROWS(.n = N, .X = s.X), L, W, D, &config, &frame));
    return frame;
}

#ifdef SNNK_MINIMAL
enum { METRICS = SNNK_METRIC_WHITEN };
#else
enum { METRICS = SNNK_METRIC_WHITEN + 1 };
#endif

/* Every form in every frame: one and two features for each row and sign, with and without nu, and
 * with sketched and exact affine parts. */
static snnk_map *urf_of(int32_t form, int32_t affine, const snnk_frame *frame) {
    snnk_urf_config config;
    snnk_spectrum *spectrum;
    snnk_map *map;

    assert_ok(snnk_spectrum_create(SNNK_GELU, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.features = 1000;
    config.form = form;
    config.affine = affine;
    config.A = -0.01;
    config.hyperbolic = affine != SNNK_URF_AFFINE_OMIT;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
    snnk_spectrum_free(spectrum);
    return map;
}

static void test_urf(void **state) {
    (void)state;
    for (int32_t center = 0; center <= SNNK_CENTER_BOTH; center++)
        for (int32_t metric = 0; metric < METRICS; metric++) {
            snnk_frame *frame = frame_of(center, metric);

            for (int32_t form = 0; form <= SNNK_URF_COMPLEX; form++)
                for (int32_t affine = 0; affine <= SNNK_URF_AFFINE_OMIT; affine++)
                    check_map(urf_of(form, affine, frame));
            snnk_frame_free(frame);
        }
}

/* Blocks keep their order, and a folded map can be folded again: (V y + c) with y = U u + e. */
static void test_blocks_and_twice(void **state) {
    snnk_frame *frame = frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL);
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 8);
    snnk_map *parts[3], *map, *once, *twice, *folded;
    setting s = setting_of(WIDE);
    float U[WIDE * 2], e[WIDE], VU[D * 2], c[D];

    (void)state;
    parts[0] = map_of(D, &config, NULL);
    parts[1] = urf_of(SNNK_URF_COMPLEX, SNNK_URF_AFFINE_EXACT, frame);
    config = config_of(SNNK_MAP_IDENTITY, 0);
    parts[2] = map_of(D, &config, NULL);
    assert_ok(snnk_map_concat(3, (const snnk_map *const *)parts, &map));
    draw_floats(U, WIDE * 2, 7);
    draw_floats(e, WIDE, 8);
    once = fold(map, &s);
    assert_ok(snnk_map_fold(once, 2, U, 2, e, &twice));
    for (size_t k = 0; k < D; k++) {
        double sum[3] = {0, 0, s.c[k]};

        for (size_t j = 0; j < WIDE; j++) {
            sum[0] += (double)s.V[k * WIDE + j] * U[2 * j];
            sum[1] += (double)s.V[k * WIDE + j] * U[2 * j + 1];
            sum[2] += (double)s.V[k * WIDE + j] * e[j];
        }
        VU[2 * k] = (float)sum[0];
        VU[2 * k + 1] = (float)sum[1];
        c[k] = (float)sum[2];
    }
    assert_ok(snnk_map_fold(map, 2, VU, 2, c, &folded));
    s.columns = 2;
    draw_floats(s.X, N * 2, 1); /* both get the same inputs */
    const size_t m = snnk_map_features(map);
    float *expected = malloc(2 * N * m * sizeof *expected), *Phi = expected + N * m;
    assert_ok(snnk_map_input_tower(folded, N, s.Y, 2, expected, m, NULL));
    assert_ok(snnk_map_input_tower(twice, N, s.Y, 2, Phi, m, NULL));
    check_close(m, Phi, expected);
    free(expected);
    for (int i = 0; i < 3; i++) snnk_map_free(parts[i]);
    snnk_map_free(map);
    snnk_map_free(once);
    snnk_map_free(twice);
    snnk_map_free(folded);
    snnk_frame_free(frame);
}

/* The rows are G V, and the offsets G c + offset, rounded once. */
static void test_rows(void **state) {
    const setting s = setting_of(WIDE);
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 5);
    float G[5 * D], P[5 * WIDE], offset[5], folded_offset[5];
    snnk_map *map, *folded;

    (void)state;
    config.offset_scale = 1;
    config.seed = 11;
    map = map_of(D, &config, NULL);
    folded = fold(map, &s);
    assert_ok(snnk_map_block_rows(map, 0, G, D, offset));
    assert_ok(snnk_map_block_rows(folded, 0, P, WIDE, folded_offset));
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j <= WIDE; j++) {
            long double sum = j < WIDE ? 0 : offset[i];

            for (size_t k = 0; k < D; k++)
                sum += (long double)G[i * D + k] * (j < WIDE ? s.V[k * WIDE + j] : s.c[k]);
            /* sums in double are exact compared with a float's rounding, 2^-25 */
            assert_close(j < WIDE ? P[i * WIDE + j] : folded_offset[i], (double)sum, 6.1e-8, 1e-12);
        }
    assert_ok(snnk_map_block_config(folded, 0, &config));
    assert_int_equal(config.projection, SNNK_PROJECTION_FOLDED);
    assert_int_equal(config.kind, SNNK_MAP_ARC_COSINE);
    assert_int_equal(config.seed, 0);
    assert_true(config.offset_scale == 0);
    snnk_map_free(map);
    snnk_map_free(folded);
}

/* Feature i and its neighbour are exp(e) cos p and exp(e) sin p, or one of them. The Laplacian is a
 * difference of the terms exp(e) |grad e|^2 and exp(e) |grad p|^2, so its rounding error is
 * relative to their size, which this returns. */
static double curvature(size_t m, const float *Phi, const float *J, size_t i) {
    double square = 0, slopes = 0;

    for (size_t l = i & ~(size_t)1; l < m && l <= (i | 1); l++) {
        square += (double)Phi[l] * Phi[l];
        for (size_t k = 0; k < D; k++) slopes += (double)J[l * D + k] * J[l * D + k];
    }
    return square > 0 ? slopes / sqrt(square) : 0;
}

/* grad (Phi o A) = (grad Phi) V; and if V is square with orthonormal columns, Laplacians are the
 * same. */
static void check_derivatives(snnk_map *map) {
    const size_t m = snnk_map_features(map);
    const double turn = 0.6;
    float V[D * D] = {0}, x[D], y[D], c[D];
    float *J = malloc(2 * m * D * sizeof *J), *folded_J = J + m * D;
    float *laplacian = malloc(3 * m * sizeof *laplacian), *folded_laplacian = laplacian + m;
    float *Phi = folded_laplacian + m;
    double square = 0;
    snnk_map *folded;

    for (size_t k = 0; k < D; k += 2) { /* rotations in three planes */
        V[k * D + k] = V[(k + 1) * D + k + 1] = (float)cos(turn + (double)k);
        V[(k + 1) * D + k] = (float)sin(turn + (double)k);
        V[k * D + k + 1] = -V[(k + 1) * D + k];
    }
    draw_floats(y, D, 21);
    draw_floats(c, D, 22);
    for (size_t k = 0; k < D; k++) {
        double sum = c[k];

        for (size_t j = 0; j < D; j++) sum += (double)V[k * D + j] * y[j];
        x[k] = (float)sum;
    }
    assert_ok(snnk_map_fold(map, D, V, D, c, &folded));
    assert_ok(snnk_map_input_tower(map, 1, x, D, Phi, m, NULL));
    assert_ok(snnk_map_gradient(map, x, J, D));
    assert_ok(snnk_map_gradient(folded, y, folded_J, D));
    assert_ok(snnk_map_laplacian(map, 1, x, D, laplacian, m, NULL));
    assert_ok(snnk_map_laplacian(folded, 1, y, D, folded_laplacian, m, NULL));
    for (size_t i = 0; i < m * D; i++) square += (double)J[i] * J[i];
    const double size = sqrt(square / (double)(m * D));
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < D; j++) {
            double sum = 0;

            for (size_t k = 0; k < D; k++) sum += (double)J[i * D + k] * V[k * D + j];
            assert_close(folded_J[i * D + j], sum, 1e-5, 1e-5 * size);
        }
        assert_close(folded_laplacian[i], laplacian[i], 1e-5, 5e-6 * curvature(m, Phi, J, i));
    }
    free(J);
    free(laplacian);
    snnk_map_free(folded);
    snnk_map_free(map);
}

static void test_derivatives(void **state) {
    snnk_map_config config = config_of(SNNK_MAP_GAUSSIAN, 12);

    (void)state;
    check_derivatives(map_of(D, &config, NULL));
    for (int32_t form = 0; form <= SNNK_URF_COMPLEX; form++) {
        snnk_frame *frame = frame_of(SNNK_CENTER_BOTH, METRICS - 1);

        check_derivatives(urf_of(form, SNNK_URF_AFFINE_SKETCH, frame));
        snnk_frame_free(frame);
    }
}

/* V with more columns than its rank, and V = 0, for which |x~|^2 is constant. */
static void test_rank_deficient(void **state) {
    snnk_frame *frame = frame_of(SNNK_CENTER_INPUTS, SNNK_METRIC_DIAGONAL);
    snnk_map *map = urf_of(SNNK_URF_POSITIVE, SNNK_URF_AFFINE_EXACT, frame);
    setting s = setting_of(4);

    (void)state;
    for (size_t rank = 0; rank < 3; rank++) {
        snnk_map *folded;

        for (size_t k = 0; k < D; k++)
            for (size_t j = rank; j < 4; j++) s.V[k * 4 + j] = rank > 0 ? s.V[k * 4] : 0;
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < D; k++) {
                double sum = s.c[k];

                for (size_t j = 0; j < 4; j++) sum += (double)s.V[k * 4 + j] * s.Y[i * 4 + j];
                s.X[i * D + k] = (float)sum;
            }
        folded = fold(map, &s);
        check_features(map, folded, &s);
        snnk_map_free(folded);
        s = setting_of(4);
    }
    snnk_map_free(map);
    snnk_frame_free(frame);
}

static void test_folded_maps_have_no_weight_tower(void **state) {
    const setting s = setting_of(WIDE);
    snnk_frame *frame = frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL);
    snnk_map *map = urf_of(SNNK_URF_POSITIVE, SNNK_URF_AFFINE_OMIT, frame);
    snnk_map *folded = fold(map, &s), *redrawn;
    snnk_prediction prediction = {.size = sizeof prediction};
    float Psi[1000], bias;
    double value;

    (void)state;
    assert_status(snnk_map_weight_tower(folded, 1, s.Y, WIDE, NULL, Psi, 1000, &bias, NULL),
                  SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_exact(folded, s.Y, s.Y, 0, &value), SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_predict_norms(folded, 1, 1, 0, 0, NULL, &prediction),
                  SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_redraw(folded, 1, 0, NULL, 0, &redrawn), SNNK_E_UNSUPPORTED);
    snnk_map_free(folded);
    snnk_map_free(map);
    snnk_frame_free(frame);
    /* Neither kind can be created from a config. */
    snnk_map_config config = config_of(SNNK_MAP_FOLDED_URF, 4);
    assert_status(snnk_map_create(D, &config, NULL, &map), SNNK_E_UNSUPPORTED);
    config = config_of(SNNK_MAP_GAUSSIAN, 4);
    config.projection = SNNK_PROJECTION_FOLDED;
    assert_status(snnk_map_create(D, &config, NULL, &map), SNNK_E_ENUM);
    assert_says("folded");
}

static void test_misuse(void **state) {
    setting s = setting_of(WIDE);
    snnk_map_config config = config_of(SNNK_MAP_ARC_COSINE, 5);
    snnk_map *map = map_of(D, &config, NULL), *folded;

    (void)state;
    assert_status(snnk_map_fold(NULL, WIDE, s.V, WIDE, s.c, &folded), SNNK_E_NULL);
    assert_null(folded);
    assert_status(snnk_map_fold(map, WIDE, s.V, WIDE, s.c, NULL), SNNK_E_NULL);
    assert_status(snnk_map_fold(map, WIDE, NULL, WIDE, s.c, &folded), SNNK_E_NULL);
    assert_status(snnk_map_fold(map, 0, s.V, WIDE, s.c, &folded), SNNK_E_SHAPE);
    assert_status(snnk_map_fold(map, WIDE, s.V, WIDE - 1, s.c, &folded), SNNK_E_STRIDE);
    assert_status(snnk_map_fold(map, SIZE_MAX / 4, s.V, SIZE_MAX / 4, s.c, &folded), SNNK_E_SIZE);
    s.V[WIDE + 2] = INFINITY;
    assert_status(snnk_map_fold(map, WIDE, s.V, WIDE, s.c, &folded), SNNK_E_NONFINITE);
    assert_says("V[1][2]");
    s.V[WIDE + 2] = 0;
    s.c[3] = NAN;
    assert_status(snnk_map_fold(map, WIDE, s.V, WIDE, s.c, &folded), SNNK_E_NONFINITE);
    s.c[3] = 3e38f; /* finite, but not after multiplication by entries of G above 1 */
    s.V[3 * WIDE] = 3e38f;
    assert_status(snnk_map_fold(map, WIDE, s.V, WIDE, s.c, &folded), SNNK_E_NONFINITE);
    assert_null(folded);
    snnk_map_free(map);
}

static void test_failing_allocations(void **state) {
    const setting s = setting_of(4);
    snnk_frame *frame = frame_of(SNNK_CENTER_BOTH, SNNK_METRIC_DIAGONAL);
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_urf_config config;
    snnk_spectrum *spectrum;
    snnk_map *map, *folded;
    int st;

    (void)state;
    assert_ok(snnk_spectrum_create(SNNK_SIN, NULL, &spectrum));
    assert_ok(snnk_urf_config_init(&config, sizeof config));
    config.allocator = &allocator;
    assert_ok(snnk_map_create_urf(D, spectrum, &config, frame, &map));
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_fold(map, 4, s.V, 4, s.c, &folded);
        assert_made(st, folded);
        snnk_map_free(folded);
    });
    snnk_map_free(map);
    assert_int_equal(memory.alive, 0);
    snnk_spectrum_free(spectrum);
    snnk_frame_free(frame);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_config),
        cmocka_unit_test(test_given_rows),
        cmocka_unit_test(test_urf),
        cmocka_unit_test(test_blocks_and_twice),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_rank_deficient),
        cmocka_unit_test(test_folded_maps_have_no_weight_tower),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
