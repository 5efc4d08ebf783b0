/* src/map/scattering*.c, src/kernels/vector_scatter.h: scattering of images. */
#include <stdlib.h>
#include <string.h>

#include "support/alloc.h"
#include "support/damage.h"
#include "support/draw.h"

#include "data/scattering.h"

enum { CASES = sizeof scattering_cases / sizeof *scattering_cases };

static snnk_scattering_config config_of(unsigned height, unsigned width, unsigned scales) {
    snnk_scattering_config config;

    assert_ok(snnk_scattering_config_init(&config, sizeof config));
    config.height = height;
    config.width = width;
    config.scales = scales;
    return config;
}

static snnk_map *map_of(const snnk_scattering_config *config) {
    snnk_map *map;

    assert_ok(snnk_map_create_scattering(config, &map));
    return map;
}

static snnk_scattering_config case_config(size_t k, int32_t logarithm) {
    snnk_scattering_config config = config_of(scattering_cases[k].height, scattering_cases[k].width,
                                              scattering_cases[k].scales);

    config.channels = scattering_cases[k].channels;
    config.angles = scattering_cases[k].angles;
    config.orders = scattering_cases[k].orders;
    config.logarithm = logarithm;
    return config;
}

static float *features_of(const snnk_map *map, size_t n, const float *X) {
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    float *Phi = malloc(n * m * sizeof *Phi);

    assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
    return Phi;
}

/* ---- Values ---- */

/* Against NumPy: 1e-5 of the value, and 1e-6 of the pixels, which are at most 1, where a float sum
 * of them cancels. */
static void test_definition(void **state) {
    (void)state;
    for (size_t k = 0; k < CASES; k++)
        for (int32_t logarithm = 0; logarithm < 2; logarithm++) {
            const snnk_scattering_config config = case_config(k, logarithm);
            snnk_map *map = map_of(&config);
            const size_t m = scattering_cases[k].features,
                         cells = m / config.channels /
                                 (1 + config.scales * config.angles +
                                  (config.orders == 2 ? config.angles * config.angles *
                                                            config.scales * (config.scales - 1) / 2
                                                      : 0));
            float *Phi = features_of(map, 1, scattering_cases[k].image);

            assert_int_equal(snnk_map_features(map), m);
            for (size_t j = 0; j < m; j++) {
                const double S = scattering_cases[k].paths[j];

                if (logarithm && j % (m / config.channels) >= cells)
                    assert_close(Phi[j], log(config.epsilon + S), 1e-6,
                                 (1e-5 * S + 1e-6) / (config.epsilon + S));
                else
                    assert_close(Phi[j], S, 1e-5, 1e-6);
            }
            free(Phi);
            snnk_map_free(map);
        }
}

/* 28 x 28: 127 paths of 4 x 4 cells. */
static void test_sizes(void **state) {
    const snnk_scattering_config config = config_of(28, 28, 3);
    snnk_map *map = map_of(&config);
    snnk_scattering_config read;

    (void)state;
    assert_int_equal(snnk_map_inputs(map), 784);
    assert_int_equal(snnk_map_features(map), 127 * 16);
    assert_ok(snnk_scattering_config_init(&read, sizeof read));
    assert_ok(snnk_map_block_scattering(map, 0, &read));
    assert_memory_equal(&read, &config, sizeof read);
    assert_string_equal(snnk_map_kind_name(SNNK_MAP_SCATTERING), "scattering");
    snnk_map_free(map);
}

/* Rows in any company, at any place, over any number of threads: the same bits. */
static void test_rows_are_apart(void **state) {
    enum { N = 37, D = 12 * 10 * 2 };
    snnk_scattering_config config = config_of(12, 10, 2);
    snnk_workspace *workspace;
    float *X = drawn_floats(N * D, 1), *all, *threaded;

    (void)state;
    config.channels = 2;
    snnk_map *map = map_of(&config);
    const size_t m = snnk_map_features(map);

    all = features_of(map, N, X);
    for (size_t i = 0; i < N; i += 5) {
        float *one = features_of(map, 1, X + i * D);

        assert_memory_equal(one, all + i * m, m * sizeof *one);
        free(one);
    }
    threaded = malloc(N * m * sizeof *threaded);
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_map_input_tower(map, N, X, D, threaded, m, workspace));
    assert_memory_equal(threaded, all, N * m * sizeof *all);
    /* An image that is not finite spoils the features of its channel only. */
    X[5 * D + 3] = NAN;
    assert_ok(snnk_map_input_tower(map, N, X, D, threaded, m, workspace));
    assert_true(isnan(threaded[6 * m - 1]));
    assert_memory_equal(threaded, all, 5 * m * sizeof *all);
    assert_memory_equal(threaded + 6 * m, all + 6 * m, (N - 6) * m * sizeof *all);
    snnk_workspace_free(workspace);
    snnk_map_free(map);
    free(threaded);
    free(all);
    free(X);
}

/* ---- Properties ---- */

/* An image of zeros gives zeros, or log(epsilon). One of constants gives the constant, and nothing
 * in the wavelets, whose mean is 0: 1e-6 of the constant is rounding. */
static void test_constant_images(void **state) {
    static const float constants[] = {0, 0.75f, -3};
    enum { D = 28 * 28, CELLS = 16 };
    float *X = malloc(D * sizeof *X);

    (void)state;
    for (size_t k = 0; k < 3; k++)
        for (int32_t logarithm = 0; logarithm < 2; logarithm++) {
            snnk_scattering_config config = config_of(28, 28, 3);

            config.logarithm = logarithm;
            snnk_map *map = map_of(&config);

            for (size_t i = 0; i < D; i++) X[i] = constants[k];
            float *Phi = features_of(map, 1, X);

            for (size_t j = 0; j < CELLS; j++) assert_close(Phi[j], constants[k], 2e-6, 0);
            for (size_t j = CELLS; j < snnk_map_features(map); j++)
                if (logarithm)
                    assert_close(Phi[j], log(config.epsilon), 0, 1e-5 + 3e-3);
                else
                    assert_close(Phi[j], 0, 0, 1e-6 * fabsf(constants[k]));
            free(Phi);
            snnk_map_free(map);
        }
    free(X);
}

/* A blob of deviation 1.5 in a 32 x 32 image, at a place. */
static void draw_blob(float *X, double row, double column) {
    for (int i = 0; i < 32; i++)
        for (int k = 0; k < 32; k++)
            X[i * 32 + k] = (float)exp(-(pow(i - row, 2) + pow(k - column, 2)) / 4.5);
}

/* Cells follow an image that moves by 2^J: on a canvas of the image's own size, whose ends meet. */
static void test_translation_by_a_cell(void **state) {
    enum { D = 32 * 32, CELLS = 16 };
    snnk_scattering_config config = config_of(32, 32, 3);
    float X[2][D], *Phi[2];

    (void)state;
    config.logarithm = 0;
    snnk_map *map = map_of(&config);

    draw_blob(X[0], 10.3, 12.7);
    draw_blob(X[1], 18.3, 20.7); /* the blob is 0 in float at the edges, to 1e-6 */
    for (size_t k = 0; k < 2; k++) Phi[k] = features_of(map, 1, X[k]);
    for (size_t path = 0; path < 127; path++)
        for (size_t i = 0; i < 4; i++)
            for (size_t k = 0; k < 4; k++)
                assert_close(Phi[1][path * CELLS + (i + 1) % 4 * 4 + (k + 1) % 4],
                             Phi[0][path * CELLS + i * 4 + k], 1e-5, 1e-5);
    for (size_t k = 0; k < 2; k++) free(Phi[k]);
    snnk_map_free(map);
}

static double distance(size_t n, const float *a, const float *b) {
    double sum = 0;

    for (size_t k = 0; k < n; k++) sum += ((double)a[k] - b[k]) * ((double)a[k] - b[k]);
    return sqrt(sum);
}

/* A shift by t pixels changes the averages by at most |t| times the slope of phi, 1/deviation for a
 * Gaussian: |S x' - S x| <= t/(0.8 2^(J-1)) |S x|, plus what shifts do below a pixel. The images
 * themselves become almost orthogonal. */
static void test_stable_under_shifts(void **state) {
    enum { D = 32 * 32 };
    snnk_scattering_config config = config_of(32, 32, 3);
    static const double shifts[] = {0.5, 1, 2};
    float X[D], zeros[D] = {0}, moved[D];

    (void)state;
    config.logarithm = 0;
    snnk_map *map = map_of(&config);
    const size_t m = snnk_map_features(map);
    float *Phi, *nothing = features_of(map, 1, zeros);

    draw_blob(X, 15, 15);
    Phi = features_of(map, 1, X);
    for (size_t k = 0; k < 3; k++) {
        draw_blob(moved, 15, 15 + shifts[k]);
        float *there = features_of(map, 1, moved);

        assert_true(distance(m, there, Phi) < shifts[k] / 3.2 * distance(m, Phi, nothing));
        assert_true(distance(m, there, Phi) / distance(m, Phi, nothing) <
                    0.8 * distance(D, moved, X) / distance(D, X, zeros));
        free(there);
    }
    free(nothing);
    free(Phi);
    snnk_map_free(map);
}

/* Averages at every 8th point are 1/8 of those at all points, in length: 8 |S x - S y| <= |x - y|,
 * to what Gaussians that are not orthogonal add. */
static void test_nonexpansive(void **state) {
    enum { N = 6, D = 32 * 32 };
    snnk_scattering_config config = config_of(32, 32, 3);
    float *X = drawn_floats(N * D, 4), *Phi;

    (void)state;
    config.logarithm = 0;
    snnk_map *map = map_of(&config);
    const size_t m = snnk_map_features(map);

    draw_blob(X, 9, 14);
    draw_blob(X + D, 9.5, 14);
    for (size_t k = 0; k < D; k++) X[2 * D + k] = k / 32 % 8 < 4 ? 1 : -1;
    Phi = features_of(map, N, X);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i; k++) {
            const double apart = distance(D, X + i * D, X + k * D);

            assert_true(8 * distance(m, Phi + i * m, Phi + k * m) <= 1.05 * apart);
        }
    free(Phi);
    free(X);
    snnk_map_free(map);
}

/* ---- Gradients ---- */

/* Central differences of features without and with the logarithm. The features are float: their
 * rounding, 1e-6, over the step is the tolerance. */
static void test_gradient(void **state) {
    (void)state;
    for (int32_t logarithm = 0; logarithm < 2; logarithm++)
        for (int32_t orders = 1; orders <= 2; orders++) {
            enum { D = 6 * 8 * 2 };
            const float step = 0x1p-7f;
            snnk_scattering_config config = config_of(6, 8, 2);
            float X[D];

            draw_floats(X, D, 3);
            config.channels = 2;
            config.angles = 2;
            config.orders = orders;
            config.logarithm = logarithm;
            config.epsilon = 0.1;
            snnk_map *map = map_of(&config);
            const size_t m = snnk_map_features(map);
            float *J = malloc(m * D * sizeof *J);
            double largest = 0;

            assert_ok(snnk_map_gradient(map, X, J, D));
            for (size_t k = 0; k < D; k++) {
                const float held = X[k];
                float *up, *down;

                X[k] = held + step;
                up = features_of(map, 1, X);
                X[k] = held - step;
                down = features_of(map, 1, X);
                X[k] = held;
                for (size_t j = 0; j < m; j++) {
                    const double slope = ((double)up[j] - down[j]) / (2 * step);

                    assert_close(J[j * D + k], slope, 0.01, 1e-3);
                    largest = fmax(largest, fabs(slope));
                }
                free(up);
                free(down);
            }
            assert_true(largest > 0.04); /* there was something to compare */
            free(J);
            snnk_map_free(map);
        }
}

/* Where all moduli are 0 the gradient is that of S_0 alone. */
static void test_gradient_at_zero(void **state) {
    enum { D = 8 * 8, CELLS = 4 };
    snnk_scattering_config config = config_of(8, 8, 2);
    float X[D] = {0};
    snnk_map *map = map_of(&config);
    const size_t m = snnk_map_features(map);
    float *J = malloc(m * D * sizeof *J);

    (void)state;
    assert_ok(snnk_map_gradient(map, X, J, D));
    for (size_t j = 0; j < m; j++) {
        double sum = 0;

        for (size_t k = 0; k < D; k++) sum += J[j * D + k];
        assert_close(sum, j < CELLS ? 1 : 0, 0, 1e-5); /* phi sums to 1 */
    }
    free(J);
    snnk_map_free(map);
}

/* ---- Layers ---- */

/* Statistics forget rows of a map exactly as rows of features. */
static void check_forgetting(const snnk_map *map, const snnk_fit *fit, const float *X,
                             const float *Y) {
    enum { KEPT = 60, GONE = 30, L = 2 };
    const size_t m = snnk_map_features(map);
    float *Phi = features_of(map, KEPT + GONE, X);
    double *expected = malloc(m * L * sizeof *expected), *B = malloc(m * L * sizeof *B), b[L], c[L];
    snnk_lstsq *all, *kept;
    snnk_solve_config config;

    assert_ok(snnk_solve_config_init(&config, sizeof config));
    config.ridge = 1e-2;
    assert_ok(snnk_fit_statistics(fit, NULL, &all));
    assert_ok(snnk_lstsq_forget(
        all, SNNK_ROWS(.n = GONE, .X = Phi + KEPT * m, .ldx = m, .Y = Y + KEPT * L), NULL));
    assert_ok(snnk_lstsq_solve(all, &config, NULL, B, m, b, NULL));
    assert_ok(snnk_lstsq_create(m, L, NULL, &kept));
    assert_ok(snnk_lstsq_add(kept, SNNK_ROWS(.n = KEPT, .X = Phi, .Y = Y), NULL));
    assert_ok(snnk_lstsq_solve(kept, &config, NULL, expected, m, c, NULL));
    for (size_t k = 0; k < m * L; k++) assert_close(B[k], expected[k], 1e-6, 1e-6);
    for (size_t k = 0; k < L; k++) assert_close(b[k], c[k], 1e-6, 1e-6);
    snnk_lstsq_free(all);
    snnk_lstsq_free(kept);
    free(expected);
    free(B);
    free(Phi);
}

/* A layer over it: saved, loaded, quantised; a fit forgets rows. */
static void test_layers(void **state) {
    enum { N = 90, D = 8 * 8, L = 2 };
    snnk_scattering_config config = config_of(8, 8, 2);
    float *X = drawn_floats(N * D, 1), Y[N * L], before[N * L], after[N * L], *Phi, *Psi;
    snnk_network *network, *loaded, *rounded;
    snnk_quantize_report report = {.size = sizeof report};
    snnk_layer *layer;
    snnk_fit *fit;
    size_t bytes;
    void *buffer;
    float bias[L];

    (void)state;
    config.angles = 2;
    snnk_map *map = map_of(&config);
    const size_t m = snnk_map_features(map);

    for (size_t i = 0; i < N; i++) {
        Y[i * L] = X[i * D] * X[i * D + 1];
        Y[i * L + 1] = fabsf(X[i * D + 9]);
    }
    assert_ok(snnk_fit_create(map, L, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    check_forgetting(map, fit, X, Y);
    assert_ok(snnk_layer_forward(layer, N, X, D, before, L, NULL));
    Phi = features_of(map, N, X);
    Psi = malloc(L * m * sizeof *Psi);
    assert_ok(snnk_layer_weights(layer, Psi, m, bias));
    for (size_t i = 0; i < N; i++)
        for (size_t o = 0; o < L; o++) {
            double sum = bias[o], size = fabs(bias[o]);

            for (size_t j = 0; j < m; j++) {
                sum += (double)Phi[i * m + j] * Psi[o * m + j];
                size += fabs((double)Phi[i * m + j] * Psi[o * m + j]);
            }
            assert_close(before[i * L + o], sum, 0, 1e-6 * size);
        }

    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_network_forward(loaded, N, X, D, after, L, NULL));
    assert_memory_equal(after, before, sizeof before);
    snnk_network_free(loaded);
    for (int32_t storage = SNNK_STORAGE_BF16; snnk_storage_name(storage); storage++) {
        assert_ok(snnk_network_quantize(network, storage, SNNK_ROWS(.n = N, .X = X), NULL, &report,
                                        &rounded));
        assert_true(report.relative_error < 0.3); /* weights of a fit cancel; bf16 has 8 bits */
        snnk_network_free(rounded);
    }
    free(Phi);
    free(Psi);
    free(buffer);
    snnk_network_free(network);
    snnk_fit_free(fit);
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(X);
}

/* ---- Files and misuse ---- */

static void test_damaged_files(void **state) {
    static const struct {
        const char *from, *to, *says;
    } edits[] = {
        {"\"height\":8", "\"height\":9", "but there are 64 inputs"},
        {"\"height\":8", "\"height\":0", "height = 0"},
        {"\"height\":8", "\"height\":1e9", "height = 1000000000"},
        {"\"channels\":1", "\"channels\":0", "channels = 0"},
        {"\"channels\":1", "\"channels\":2", "but there are 64 inputs"},
        {"\"scales\":2", "\"scales\":9", "scales = 9 is too large"},
        {"\"scales\":2", "\"scales\":1", "but the block claims"},
        {"\"angles\":6", "\"angles\":0", "angles = 0"},
        {"\"second_order\":true", "\"second_order\":1", "second_order"},
        {"\"epsilon\":0.001", "\"epsilon\":-1", "epsilon"},
        {"\"epsilon\":0.001", "\"epsilom\":1", "\"epsilon\" is missing"},
        {"\"given\"", "\"gaussian\"", "must be \"given\""},
    };
    const snnk_scattering_config config = config_of(8, 8, 2);
    snnk_map *map = map_of(&config), *loaded;
    size_t bytes, edited_bytes;
    void *buffer;

    (void)state;
    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    assert_true(bytes < 1024); /* settings only */
    buffer = malloc(bytes);
    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, buffer, bytes));
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        void *edited =
            edited_file(buffer, bytes, "snnk.map", edits[k].from, edits[k].to, NULL, &edited_bytes);

        assert_status(snnk_map_load_memory(edited, edited_bytes, NULL, &loaded), SNNK_E_FORMAT);
        assert_says(edits[k].says);
        assert_null(loaded);
        free(edited);
    }
    free(buffer);
    snnk_map_free(map);
}

static void test_misuse(void **state) {
#define REFUSED(field, value, status, says)                                                        \
    do {                                                                                           \
        snnk_scattering_config bad = config_of(28, 28, 3);                                         \
                                                                                                   \
        bad.field = value;                                                                         \
        map = kept;                                                                                \
        assert_status(snnk_map_create_scattering(&bad, &map), status);                             \
        assert_says(says);                                                                         \
        assert_null(map);                                                                          \
    } while (0)
    snnk_map_config plain;
    snnk_scattering_config config = config_of(8, 8, 2), read = config;
    snnk_map *map, *kept = map_of(&config);
    float number[64] = {0};
    double value;

    (void)state;
    REFUSED(height, 0, SNNK_E_SHAPE, "height = 0, but must be from 2 to 4096");
    REFUSED(width, 1, SNNK_E_SHAPE, "width = 1, but must be from 2 to 4096");
    REFUSED(width, 5000, SNNK_E_SHAPE, "width = 5000");
    REFUSED(channels, 0, SNNK_E_SHAPE, "channels = 0: at least 1 is needed");
    REFUSED(channels, UINT64_MAX, SNNK_E_SIZE, "overflow size_t");
    REFUSED(scales, 0, SNNK_E_SHAPE, "scales = 0: at least 1 is needed");
    REFUSED(scales, 6, SNNK_E_SHAPE,
            "scales = 6 is too large for 28 x 28 images: averages over 2^6 pixels do not fit a "
            "canvas of 32 x 32");
    REFUSED(scales, UINT64_MAX, SNNK_E_SHAPE, "is too large for 28 x 28 images");
    REFUSED(angles, 0, SNNK_E_SHAPE, "angles = 0, but must be from 1 to 64");
    REFUSED(angles, 65, SNNK_E_SHAPE, "angles = 65");
    REFUSED(orders, 0, SNNK_E_RANGE, "orders = 0, but must be 1 or 2");
    REFUSED(orders, 3, SNNK_E_RANGE, "orders = 3");
    REFUSED(logarithm, 2, SNNK_E_ENUM, "logarithm");
    REFUSED(epsilon, 0, SNNK_E_RANGE, "epsilon");
    REFUSED(epsilon, NAN, SNNK_E_RANGE, "epsilon");
    REFUSED(size, 3, SNNK_E_CONFIG, "scattering config");
#undef REFUSED
    config = config_of(4096, 4096, 5);
    config.angles = 64;
    assert_status(snnk_map_create_scattering(&config, &map), SNNK_E_SIZE);
    assert_says("take fewer, or smaller images");
    assert_status(snnk_map_create_scattering(NULL, &map), SNNK_E_NULL);
    assert_status(snnk_map_create_scattering(&config, NULL), SNNK_E_NULL);
    assert_status(snnk_map_block_scattering(NULL, 0, &read), SNNK_E_NULL);
    assert_status(snnk_map_block_scattering(kept, 0, NULL), SNNK_E_NULL);
    assert_status(snnk_map_block_scattering(kept, 1, &read), SNNK_E_RANGE);

    /* What it cannot do says so. */
    assert_status(snnk_map_exact(kept, number, number, 0, &value), SNNK_E_UNSUPPORTED);
    assert_ok(snnk_map_config_init(&plain, sizeof plain));
    plain.kind = SNNK_MAP_SCATTERING;
    assert_status(snnk_map_create(4, &plain, NULL, &map), SNNK_E_UNSUPPORTED);
    assert_says("scattering");
    plain.kind = SNNK_MAP_ARC_COSINE;
    assert_ok(snnk_map_create(4, &plain, NULL, &map));
    assert_status(snnk_map_block_scattering(map, 0, &read), SNNK_E_UNSUPPORTED);
    snnk_map_free(map);
    snnk_map_free(kept);
}

static void test_failing_memory(void **state) {
    test_memory memory = {.fail_after = -1};
    const snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_scattering_config config = config_of(4, 4, 1);
    float X[16] = {0}, *J;
    snnk_map *map = NULL;
    size_t bytes = 0;
    void *buffer;
    int st = SNNK_OK;

    (void)state;
    config.allocator = &allocator;
    config.angles = 2;
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_create_scattering(&config, &map);
        assert_made(st, map);
        snnk_map_free(map);
    });
    map = map_of(&config);
    J = malloc(snnk_map_features(map) * 16 * sizeof *J);
    assert_survives_failing_allocations(memory, st, st = snnk_map_gradient(map, X, J, 16));
    assert_survives_failing_allocations(
        memory, st, st = snnk_map_input_tower(map, 1, X, 16, J, snnk_map_features(map), NULL));
    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    buffer = malloc(bytes);
    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, buffer, bytes));
    snnk_map_free(map);
    assert_survives_failing_allocations(memory, st, {
        st = snnk_map_load_memory(buffer, bytes, &allocator, &map);
        assert_made(st, map);
        snnk_map_free(map);
    });
    assert_int_equal(memory.alive, 0);
    free(buffer);
    free(J);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_rows_are_apart),
        cmocka_unit_test(test_constant_images),
        cmocka_unit_test(test_translation_by_a_cell),
        cmocka_unit_test(test_stable_under_shifts),
        cmocka_unit_test(test_nonexpansive),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_gradient_at_zero),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_failing_memory),
    };

    return cmocka_run_group_tests_name("scattering", tests, NULL, NULL);
}
