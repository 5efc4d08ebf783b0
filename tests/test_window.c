/* src/map/window*.c: pooled filters of patches, against their definition in <snnk/window.h> written
 * out in double; whitening and its closed forms; gradients by differences; damaged files. */
#include "support/alloc.h"
#include "support/compare.h"
#include "support/damage.h"
#include "support/draw.h"
#include "support/maps.h"
#include "support/precise.h"

#include <stdlib.h>

#include <snnk/snnk.h>

static snnk_window_config config_for(size_t height, size_t width, size_t channels) {
    snnk_window_config config;

    assert_ok(snnk_window_config_init(&config, sizeof config));
    config.height = height;
    config.width = width;
    config.channels = channels;
    return config;
}

/* ---- The definition, in double ---- */

typedef struct reference {
    snnk_window_config c;
    size_t patch, K, down, right, features;
    float *G, *offset;
} reference;

static reference read_window(const snnk_map *map) {
    reference r;

    r.c.size = sizeof r.c;
    assert_ok(snnk_map_block_window(map, 0, &r.c, NULL, 0, NULL));
    r.patch = (size_t)(r.c.patch_height * r.c.patch_width * r.c.channels);
    r.K = (size_t)r.c.features;
    r.down = (size_t)((r.c.height - r.c.patch_height) / r.c.stride_height + 1);
    r.right = (size_t)((r.c.width - r.c.patch_width) / r.c.stride_width + 1);
    r.features = (size_t)(r.c.grid_height * r.c.grid_width) * r.K * (r.c.both_signs ? 2 : 1);
    r.G = malloc(r.K * r.patch * sizeof *r.G);
    r.offset = malloc(r.K * sizeof *r.offset);
    assert_ok(snnk_map_block_window(map, 0, NULL, r.G, r.patch, r.offset));
    return r;
}

static void reference_free(reference *r) {
    free(r->G);
    free(r->offset);
}

/* The patch at row i, column j of the positions. */
static void patch_of(const reference *r, const double *x, size_t i, size_t j, double *p) {
    const snnk_window_config *c = &r->c;
    const size_t channels = (size_t)c->channels;
    double mean = 0, square = 0;
    size_t k = 0;

    for (size_t a = 0; a < c->patch_height; a++)
        for (size_t b = 0; b < c->patch_width; b++)
            for (size_t h = 0; h < channels; h++)
                p[k++] = x[((i * (size_t)c->stride_height + a) * (size_t)c->width +
                            j * (size_t)c->stride_width + b) *
                               channels +
                           h];
    if (!c->normalise) return;
    for (k = 0; k < r->patch; k++) mean += p[k] / (double)r->patch;
    for (k = 0; k < r->patch; k++) square += (p[k] - mean) * (p[k] - mean) / (double)r->patch;
    for (k = 0; k < r->patch; k++) p[k] = (p[k] - mean) / sqrt(square + c->contrast_floor);
}

static double activation(int32_t h, double z) {
    if (h == SNNK_TANH) return tanh(z);
    return (double)precise_activation(h, z);
}

static void pool_into(const reference *r, double value, double *sum) {
    switch (r->c.pool) {
    case SNNK_POOL_MEAN: *sum += value; break;
    case SNNK_POOL_ROOT_MEAN_SQUARE: *sum += value * value; break;
    default: *sum = fmax(*sum, value);
    }
}

/* Set phi, as the header says. */
static void features_of(const reference *r, const double *x, double *phi) {
    const size_t gh = (size_t)r->c.grid_height, gw = (size_t)r->c.grid_width,
                 stride = r->features / (gh * gw);
    double *p = malloc(r->patch * sizeof *p);
    double *counts = calloc(gh * gw, sizeof *counts);

    for (size_t j = 0; j < r->features; j++) phi[j] = r->c.pool == SNNK_POOL_MAX ? -INFINITY : 0;
    for (size_t i = 0; i < r->down; i++)
        for (size_t j = 0; j < r->right; j++) {
            const size_t cell = i * gh / r->down * gw + j * gw / r->right;

            counts[cell]++;
            patch_of(r, x, i, j, p);
            for (size_t k = 0; k < r->K; k++) {
                double z = r->offset[k];

                for (size_t q = 0; q < r->patch; q++) z += r->G[k * r->patch + q] * p[q];
                pool_into(r, activation(r->c.activation, z), &phi[cell * stride + k]);
                if (r->c.both_signs)
                    pool_into(r, activation(r->c.activation, -z - 2 * r->c.threshold),
                              &phi[cell * stride + r->K + k]);
            }
        }
    for (size_t j = 0; j < r->features; j++) {
        if (r->c.pool != SNNK_POOL_MAX) phi[j] /= counts[j / stride];
        if (r->c.pool == SNNK_POOL_ROOT_MEAN_SQUARE) phi[j] = sqrt(phi[j]);
        if (r->c.root) phi[j] = copysign(sqrt(fabs(phi[j])), phi[j]);
    }
    free(counts);
    free(p);
}

static void assert_as_defined(const snnk_map *map, size_t n, const float *X) {
    reference r = read_window(map);
    const size_t d = snnk_map_inputs(map), m = snnk_map_features(map);
    float *Phi = malloc(n * m * sizeof *Phi);
    double *x = malloc(d * sizeof *x), *expected = malloc(m * sizeof *expected);

    assert_int_equal(m, r.features);
    assert_ok(snnk_map_input_tower(map, n, X, d, Phi, m, NULL));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < d; k++) x[k] = X[i * d + k];
        features_of(&r, x, expected);
        /* z is a sum of at most 100 products below 4; the root of a number near 0 doubles digits */
        for (size_t j = 0; j < m; j++)
            assert_close(Phi[i * m + j], expected[j], 2e-5, r.c.root ? 2e-3 : 2e-5);
    }
    free(expected);
    free(x);
    free(Phi);
    reference_free(&r);
}

/* Filters and images at random. */
static snnk_map *random_window(snnk_window_config *config, size_t K) {
    const size_t patch = (size_t)(config->patch_height * config->patch_width * config->channels);
    float *G = malloc(K * patch * sizeof *G), *offsets = malloc(K * sizeof *offsets);
    snnk_map *map;

    draw_floats(G, K * patch, 5);
    draw_floats(offsets, K, 6);
    assert_ok(snnk_map_create_window_from_filters(config, K, G, patch, offsets, &map));
    free(offsets);
    free(G);
    return map;
}

/* Every shape with every pooling, and the activations and both ways to take patches in turn. */
static void test_as_defined(void **state) {
    enum { N = 3 };
    static const struct {
        size_t height, width, channels, patch_height, patch_width, down, right, grid_height,
            grid_width, K;
    } shapes[] = {{9, 9, 1, 3, 3, 1, 1, 2, 2, 7},   {12, 10, 1, 5, 4, 1, 2, 3, 2, 64},
                  {8, 8, 3, 3, 3, 1, 1, 2, 3, 70},  {1, 60, 1, 1, 9, 1, 1, 1, 4, 5},
                  {1, 70, 2, 1, 7, 1, 3, 1, 22, 3}, {28, 28, 1, 6, 6, 1, 1, 4, 4, 130},
                  {5, 5, 1, 5, 5, 1, 1, 1, 1, 1},   {16, 6, 2, 1, 1, 5, 1, 4, 6, 17}};
    static const int32_t activations[] = {SNNK_RELU, SNNK_TANH, SNNK_GELU, SNNK_COS};

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int32_t way = 0; way < 12; way++) {
            snnk_window_config c =
                config_for(shapes[s].height, shapes[s].width, shapes[s].channels);
            const size_t d = shapes[s].height * shapes[s].width * shapes[s].channels;
            float *X = malloc(N * d * sizeof *X);
            snnk_map *map;

            c.patch_height = shapes[s].patch_height;
            c.patch_width = shapes[s].patch_width;
            c.stride_height = shapes[s].down;
            c.stride_width = shapes[s].right;
            c.grid_height = shapes[s].grid_height;
            c.grid_width = shapes[s].grid_width;
            c.pool = way % 3;
            c.activation = activations[way % 4];
            c.normalise = (way + (int32_t)s) % 2;
            c.contrast_floor = 0.01;
            c.root = way / 6;
            c.both_signs = way % 5 != 0;
            draw_floats(X, N * d, s + 1);
            map = random_window(&c, shapes[s].K);
            assert_as_defined(map, N, X);
            snnk_map_free(map);
            free(X);
        }
}

/* Each row's features have the same bits whatever the number of rows and threads, and a layer of
 * windows gives those of the tower times its weights. */
static void test_rows_and_threads(void **state) {
    enum { N = 37, D = 100, L = 3 };
    static float X[N * D], Y[N * L];
    snnk_window_config c = config_for(10, 10, 1);
    snnk_workspace *workspace;
    snnk_map *map;
    snnk_layer *layer;

    (void)state;
    c.grid_height = c.grid_width = 2;
    draw_floats(X, N * D, 3);
    map = random_window(&c, 20);
    const size_t m = snnk_map_features(map);
    float *all = malloc(N * m * sizeof *all), *one = malloc(m * sizeof *one);
    float *Psi = malloc(L * m * sizeof *Psi);

    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_map_input_tower(map, N, X, D, all, m, workspace));
    for (size_t i = 0; i < N; i++) {
        assert_ok(snnk_map_input_tower(map, 1, X + i * D, D, one, m, NULL));
        assert_memory_equal(one, all + i * m, m * sizeof *one);
    }
    draw_floats(Psi, L * m, 4);
    assert_ok(snnk_layer_create(map, L, Psi, m, NULL, &layer));
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, workspace));
    for (size_t i = 0; i < N; i++)
        for (size_t o = 0; o < L; o++) {
            double sum = 0, size = 0;

            for (size_t j = 0; j < m; j++) {
                sum += (double)Psi[o * m + j] * all[i * m + j];
                size += fabs((double)Psi[o * m + j] * all[i * m + j]);
            }
            assert_close(Y[i * L + o], sum, 0, (double)m * 0x1p-24 * size);
        }
    snnk_layer_free(layer);
    snnk_workspace_free(workspace);
    snnk_map_free(map);
    free(Psi);
    free(one);
    free(all);
}

/* A window as large as the image is an ordinary map. */
static void test_window_of_the_whole_image(void **state) {
    enum { N = 5, D = 24, K = 9 };
    static float X[N * D], G[K * D], offsets[K], a[N * K], b[N * K];
    snnk_window_config c = config_for(4, 3, 2);
    snnk_map_config plain = config_of(SNNK_MAP_ELEMENTWISE, K);
    snnk_map *window, *map;

    (void)state;
    draw_floats(X, N * D, 1);
    draw_floats(G, K * D, 2);
    draw_floats(offsets, K, 3);
    c.patch_height = 4;
    c.patch_width = 3;
    c.grid_height = c.grid_width = 1;
    c.normalise = c.both_signs = c.root = 0;
    for (int32_t h = SNNK_IDENTITY; h <= SNNK_ERF; h++) {
        c.activation = plain.activation = h;
        assert_ok(snnk_map_create_window_from_filters(&c, K, G, D, offsets, &window));
        assert_ok(snnk_map_create_from_rows(D, K, G, D, offsets, &plain, NULL, &map));
        assert_ok(snnk_map_input_tower(window, N, X, D, a, K, NULL));
        assert_ok(snnk_map_input_tower(map, N, X, D, b, K, NULL));
        for (size_t i = 0; i < N * K; i++) assert_close(a[i], b[i], 1e-5, 1e-5);
        snnk_map_free(map);
        snnk_map_free(window);
    }
}

/* What moves by one cell moves its features by one cell; pooled over everything, nothing moves. */
static void test_shifts(void **state) {
    enum { SIDE = 15, D = SIDE * SIDE, K = 6, CELL = 4 };
    static float image[D], moved[D], a[3 * 3 * 2 * K], b[3 * 3 * 2 * K];

    (void)state;
    memset(image, 0, sizeof image);
    memset(moved, 0, sizeof moved);
    for (size_t i = 3; i < 6; i++)
        for (size_t j = 3; j < 7; j++) {
            uint64_t seed = i * SIDE + j;

            image[i * SIDE + j] = (float)draw_uniform(&seed);
            moved[i * SIDE + j + CELL] = image[i * SIDE + j];
        }
    for (size_t cells = 1; cells <= 3; cells += 2) { /* 12 positions: 3 cells of 4 */
        snnk_window_config c = config_for(SIDE, SIDE, 1);
        snnk_map *map;

        c.patch_height = c.patch_width = 4;
        c.grid_height = c.grid_width = cells;
        c.contrast_floor = 0.1;
        map = random_window(&c, K);
        const size_t m = snnk_map_features(map);

        assert_ok(snnk_map_input_tower(map, 1, image, D, a, m, NULL));
        assert_ok(snnk_map_input_tower(map, 1, moved, D, b, m, NULL));
        if (cells == 1) {
            for (size_t j = 0; j < m; j++) assert_close(a[j], b[j], 1e-6, 1e-6);
        } else {
            /* What two columns of cells showed, the next two show. */
            for (size_t i = 0; i < 3; i++)
                for (size_t j = 0; j < 2 * 2 * K; j++)
                    assert_close(b[(i * 3 + 1) * 2 * K + j], a[i * 3 * 2 * K + j], 1e-6, 1e-6);
        }
        snnk_map_free(map);
    }
}

/* ---- Whitening ---- */

/* The directions that a seed draws, and what whitening made of them. */
static void drawn_filters(const snnk_rows *rows, const snnk_window_config *c, float *G,
                          float *offsets, size_t patch) {
    snnk_map *map;

    assert_ok(snnk_map_create_window(rows, c, &map));
    assert_ok(snnk_map_block_window(map, 0, NULL, G, patch, offsets));
    snnk_map_free(map);
}

/* White noise is white already: whitening is the identity, up to the error of a covariance from N
 * independent patches. Each entry of P - I is off by 1/(2 sqrt N), or twice the diagonal's share,
 * and a filter of 9 numbers adds 9 of them, of root mean square 1/3. */
static void test_whitening_white_noise(void **state) {
    enum { N = 4000, D = 9, K = 20 };
    static float X[N * D], G[K * D], white[K * D], offsets[K];
    snnk_window_config c = config_for(3, 3, 1);

    (void)state;
    draw_floats(X, N * D, 11);
    for (size_t i = 0; i < N * D; i++) X[i] *= 1.7320508F; /* variance 1 */
    c.patch_height = c.patch_width = 3;
    c.grid_height = c.grid_width = 1;
    c.features = K;
    c.normalise = 0;
    c.filters = SNNK_FILTERS_RANDOM;
    c.whitening_floor = 1e-6;
    drawn_filters(NULL, &c, G, offsets, D);
    drawn_filters(SNNK_ROWS(.n = N, .X = X), &c, white, offsets, D);
    for (size_t i = 0; i < K * D; i++) assert_close(white[i], G[i], 0, 5 / sqrt(N));
    assert_true(memcmp(white, G, sizeof G) != 0);
}

/* Projections of the rows that whitening was learnt from have mean -threshold, variance 1, and
 * covariance u_i . u_j, exactly (all patches were used). */
static void test_whitened_projections(void **state) {
    enum { N = 500, D = 6, K = 8 };
    static float X[N * D], G[K * D], u[K * D], offsets[K], zeros[K];
    snnk_window_config c = config_for(1, 2, 3);

    (void)state;
    draw_floats(X, N * D, 21);
    for (size_t i = 0; i < N; i++) { /* correlated, and not centered */
        float *x = X + i * D;

        x[1] += 3 * x[0] + 5;
        x[4] = 0.1F * x[4] - x[2];
        x[5] += 0.5F * x[1];
    }
    c.patch_height = 1;
    c.patch_width = 2;
    c.grid_height = c.grid_width = 1;
    c.features = K;
    c.normalise = 0;
    c.filters = SNNK_FILTERS_RANDOM;
    c.whitening_floor = 1e-6;
    drawn_filters(NULL, &c, u, zeros, D);
    drawn_filters(SNNK_ROWS(.n = N, .X = X), &c, G, offsets, D);
    for (size_t a = 0; a < K; a++) {
        double mean = 0;

        for (size_t i = 0; i < N; i++) {
            mean += offsets[a] / (double)N;
            for (size_t k = 0; k < D; k++) mean += (double)G[a * D + k] * X[i * D + k] / N;
        }
        assert_close(mean, -0.25, 0, 1e-4);
        for (size_t b = 0; b <= a; b++) {
            double covariance = 0, product = 0;

            for (size_t i = 0; i < N; i++) {
                double za = offsets[a] - mean, zb = offsets[b] + 0.25;

                for (size_t k = 0; k < D; k++) {
                    za += (double)G[a * D + k] * X[i * D + k];
                    zb += (double)G[b * D + k] * X[i * D + k];
                }
                covariance += za * zb / N;
            }
            for (size_t k = 0; k < D; k++) product += (double)u[a * D + k] * u[b * D + k];
            assert_close(covariance, product, 0, 1e-3);
        }
    }
}

/* A filter is a patch of the rows, whitened: with whitening that is nearly the identity (a huge
 * floor), it is parallel to one of the patches minus the mean. */
static void test_filters_are_patches(void **state) {
    enum { N = 4, SIDE = 5, D = SIDE * SIDE, K = 6, P = 9 };
    static float X[N * D], G[K * P], offsets[K];
    snnk_window_config c = config_for(SIDE, SIDE, 1);

    (void)state;
    draw_floats(X, N * D, 31);
    c.patch_height = c.patch_width = 3;
    c.grid_height = c.grid_width = 1;
    c.features = K;
    c.normalise = 0;
    c.whitening_floor = 1e6;
    drawn_filters(SNNK_ROWS(.n = N, .X = X), &c, G, offsets, P);
    double mean[P] = {0};

    for (size_t i = 0; i < N; i++)
        for (size_t at = 0; at < 9; at++)
            for (size_t k = 0; k < P; k++)
                mean[k] += X[i * D + (at / 3 + k / 3) * SIDE + at % 3 + k % 3] / 36.0;
    for (size_t f = 0; f < K; f++) {
        double best = 0;

        for (size_t i = 0; i < N; i++)
            for (size_t at = 0; at < 9; at++) {
                double dot = 0, gg = 0, pp = 0;

                for (size_t k = 0; k < P; k++) {
                    const double p = X[i * D + (at / 3 + k / 3) * SIDE + at % 3 + k % 3] - mean[k];

                    dot += p * G[f * P + k];
                    pp += p * p;
                    gg += (double)G[f * P + k] * G[f * P + k];
                }
                best = fmax(best, dot / sqrt(pp * gg));
            }
        assert_close(best, 1, 1e-5, 0);
    }
}

/* Patches of three kinds of images, with a little noise: three centres find them. */
static void test_centres(void **state) {
    enum { N = 300, D = 4, K = 3 };
    static const float kinds[K][D] = {{1, 0, 0, 0}, {0, 1, 1, 0}, {0, 0, 0, 2}};
    static float X[N * D], G[K * D], offsets[K];
    snnk_window_config c = config_for(2, 2, 1);
    uint64_t seed = 41;

    (void)state;
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++)
            X[i * D + k] =
                (i / 3 % 2 ? 1 : -1) * kinds[i % K][k] + 0.02F * (float)draw_uniform(&seed);
    c.patch_height = c.patch_width = 2;
    c.grid_height = c.grid_width = 1;
    c.features = K;
    c.normalise = 0;
    c.filters = SNNK_FILTERS_CENTRES;
    c.whitening_floor = 1e6; /* nearly the identity */
    c.seed = 5;
    drawn_filters(SNNK_ROWS(.n = N, .X = X), &c, G, offsets, D);
    for (size_t f = 0; f < K; f++) {
        double best = 0;

        for (size_t kind = 0; kind < K; kind++) {
            double dot = 0, gg = 0, pp = 0;

            for (size_t k = 0; k < D; k++) {
                dot += (double)kinds[kind][k] * G[f * D + k];
                pp += (double)kinds[kind][k] * kinds[kind][k];
                gg += (double)G[f * D + k] * G[f * D + k];
            }
            best = fmax(best, fabs(dot) / sqrt(pp * gg));
        }
        assert_true(best > 0.99);
    }
}

/* ---- Gradients ---- */

/* The Jacobian against differences of the definition in double. Rows near a kink or a change of
 * maximum do not occur at these inputs: the test fails if one did, as differences would be off. */
static void test_gradient(void **state) {
    enum { H = 6, W = 5, C = 2, D = H * W * C, K = 4 };
    static float x[D];
    static double at[D];

    (void)state;
    draw_floats(x, D, 51);
    for (int32_t way = 0; way < 12; way++) {
        snnk_window_config c = config_for(H, W, C);
        snnk_map *map;

        c.patch_height = 3;
        c.patch_width = 2;
        c.grid_height = c.grid_width = 2;
        c.pool = way % 3;
        c.activation = way % 2 ? SNNK_TANH : SNNK_RELU;
        c.normalise = way / 6;
        c.contrast_floor = 0.05;
        c.root = way / 3 % 2;
        map = random_window(&c, K);
        reference r = read_window(map);
        const size_t m = r.features;
        float *J = malloc(m * D * sizeof *J);
        double *above = malloc(m * sizeof *above), *below = malloc(m * sizeof *below);

        assert_ok(snnk_map_gradient(map, x, J, D));
        for (size_t k = 0; k < D; k++) {
            const double step = 1e-5;

            for (size_t i = 0; i < D; i++) at[i] = x[i];
            at[k] = x[k] + step;
            features_of(&r, at, above);
            at[k] = x[k] - step;
            features_of(&r, at, below);
            for (size_t j = 0; j < m; j++)
                assert_close(J[j * D + k], (above[j] - below[j]) / (2 * step), 1e-3, 2e-4);
        }
        free(below);
        free(above);
        free(J);
        reference_free(&r);
        snnk_map_free(map);
    }
}

/* Training a layer below windows: gradients of its weights pass through them. */
static void test_trains_through(void **state) {
    enum { N = 3, D = 5, IMAGE = 16, K = 2, L = 2 };
    static float W[IMAGE * D], X[N * D], Y[N * L], dY[N * L], dX[N * D];
    snnk_window_config c = config_for(4, 4, 1);
    snnk_layer *dense, *readout;
    snnk_network *network;
    snnk_trainer *trainer;
    snnk_record *record;
    snnk_map *map;

    (void)state;
    draw_floats(W, IMAGE * D, 1);
    draw_floats(X, N * D, 2);
    draw_floats(dY, N * L, 3);
    c.patch_height = c.patch_width = 2;
    c.grid_height = c.grid_width = 2;
    c.activation = SNNK_TANH;
    c.root = 0;
    c.contrast_floor = 0.1;
    map = random_window(&c, K);
    const size_t m = snnk_map_features(map);
    float *Psi = malloc(L * m * sizeof *Psi);

    draw_floats(Psi, L * m, 4);
    assert_ok(snnk_layer_create_dense(D, IMAGE, W, D, NULL, SNNK_IDENTITY, NULL, &dense));
    assert_ok(snnk_layer_create(map, L, Psi, m, NULL, &readout));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, dense));
    assert_ok(snnk_network_append(network, readout));
    snnk_train_config config;

    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.rows_rate = 0;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    assert_ok(snnk_trainer_forward(trainer, N, X, D, Y, L, record, NULL));
    assert_ok(snnk_trainer_backward(trainer, record, X, D, dY, L, dX, D, NULL));
    reference r = read_window(map);
    double *phi = malloc(m * sizeof *phi);

    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++) {
            double loss[2] = {0, 0};

            for (int side = 0; side < 2; side++) {
                double image[IMAGE] = {0};

                for (size_t q = 0; q < IMAGE; q++)
                    for (size_t j = 0; j < D; j++)
                        image[q] +=
                            W[q * D + j] * (X[i * D + j] + (j == k ? (side ? 1e-5 : -1e-5) : 0));
                features_of(&r, image, phi);
                for (size_t o = 0; o < L; o++)
                    for (size_t j = 0; j < m; j++)
                        loss[side] += (double)dY[i * L + o] * Psi[o * m + j] * phi[j];
            }
            assert_close(dX[i * D + k], (loss[1] - loss[0]) / 2e-5, 1e-3, 1e-4);
        }
    free(phi);
    reference_free(&r);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    snnk_layer_free(readout);
    snnk_layer_free(dense);
    snnk_map_free(map);
    free(Psi);
}

/* ---- Networks ---- */

/* A window over another one's features, and a fit of a wide layer over both; saved, quantised,
 * loaded and bundled. Its test images have bright left or right halves. */
static void test_stacked(void **state) {
    enum { N = 200, SIDE = 12, D = SIDE * SIDE };
    static float X[N * D];
    static int32_t labels[N];
    float *scores = malloc(2 * N * sizeof *scores), *again = malloc(2 * N * sizeof *again);
    snnk_window_config first = config_for(SIDE, SIDE, 1), second;
    snnk_map *a, *b, *wide;
    snnk_layer *towers[3];
    snnk_network *network, *fitted, *loaded, *narrow;
    snnk_fit *fit;
    snnk_map_config random = config_of(SNNK_MAP_ARC_COSINE, 64);
    size_t right = 0, bytes;

    (void)state;
    draw_floats(X, N * D, 61);
    for (size_t i = 0; i < N; i++) {
        labels[i] = (int32_t)(i % 2);
        for (size_t k = 0; k < D; k++)
            if ((k % SIDE >= 6) == (labels[i] == 1)) X[i * D + k] *= 3;
    }
    first.patch_height = first.patch_width = 3;
    first.grid_height = first.grid_width = 5;
    first.features = 8;
    first.normalise = 0; /* what differs is the contrast */
    assert_ok(snnk_map_create_window(SNNK_ROWS(.n = N, .X = X), &first, &a));
    const size_t m = snnk_map_features(a);
    float *Phi = malloc(N * m * sizeof *Phi);

    assert_int_equal(m, 5 * 5 * 16);
    assert_ok(snnk_map_input_tower(a, N, X, D, Phi, m, NULL));
    second = config_for(5, 5, 16);
    second.patch_height = second.patch_width = 2;
    second.grid_height = second.grid_width = 2;
    second.features = 10;
    assert_ok(snnk_map_create_window(SNNK_ROWS(.n = N, .X = Phi), &second, &b));
    assert_ok(snnk_map_create(snnk_map_features(b), &random, NULL, &wide));
    assert_ok(snnk_layer_create_tower(a, &towers[0]));
    assert_ok(snnk_layer_create_tower(b, &towers[1]));
    assert_ok(snnk_layer_create_tower(wide, &towers[2]));
    assert_ok(snnk_network_create(NULL, &network));
    for (size_t k = 0; k < 3; k++) assert_ok(snnk_network_append(network, towers[k]));
    assert_ok(snnk_fit_create_from_network(network, 2, NULL, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .labels = labels), NULL));
    assert_ok(snnk_fit_solve_network(fit, NULL, NULL, &fitted));
    assert_ok(snnk_network_forward(fitted, N, X, D, scores, 2, NULL));
    for (size_t i = 0; i < N; i++) right += (scores[2 * i + 1] > scores[2 * i]) == labels[i];
    assert_true(right > N * 9 / 10);

    assert_ok(snnk_network_saved_bytes(fitted, SNNK_SAVE_ROWS, &bytes));
    void *buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(fitted, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_network_forward(loaded, N, X, D, again, 2, NULL));
    assert_memory_equal(again, scores, 2 * N * sizeof *scores);
    assert_ok(snnk_network_quantize(fitted, SNNK_STORAGE_BF16, NULL, NULL, NULL, &narrow));
    assert_ok(snnk_network_forward(narrow, N, X, D, again, 2, NULL));
    for (size_t i = 0; i < 2 * N; i++) assert_close(again[i], scores[i], 0.05, 0.05);
    snnk_network_free(narrow);
    assert_ok(snnk_network_bundle(fitted, 0, 2, &narrow));
    assert_ok(snnk_network_forward(narrow, N, X, D, again, 2, NULL));
    for (size_t i = 0; i < 2 * N; i++) assert_close(again[i], scores[i], 1e-4, 1e-4);
    snnk_network_free(narrow);
    snnk_network_free(loaded);
    free(buffer);
    snnk_network_free(fitted);
    snnk_fit_free(fit);
    snnk_network_free(network);
    for (size_t k = 0; k < 3; k++) snnk_layer_free(towers[k]);
    snnk_map_free(wide);
    snnk_map_free(b);
    snnk_map_free(a);
    free(Phi);
    free(again);
    free(scores);
}

/* Rows added and forgotten again leave what was there before, to rounding. */
static void test_forgets(void **state) {
    enum { N = 60, SIDE = 8, D = SIDE * SIDE };
    static float X[N * D], Y[N];
    snnk_window_config c = config_for(SIDE, SIDE, 1);
    snnk_lstsq *some, *all;
    snnk_map *map;
    double B[2][16], b[2];

    (void)state;
    draw_floats(X, N * D, 71);
    draw_floats(Y, N, 72);
    c.patch_height = c.patch_width = 3;
    c.grid_height = c.grid_width = 2;
    c.features = 2;
    assert_ok(snnk_map_create_window(SNNK_ROWS(.n = N, .X = X), &c, &map));
    const size_t m = snnk_map_features(map);
    float *Phi = malloc(N * m * sizeof *Phi);

    assert_int_equal(m, 16);
    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, m, NULL));
    assert_ok(snnk_lstsq_create(m, 1, NULL, &some));
    assert_ok(snnk_lstsq_create(m, 1, NULL, &all));
    assert_ok(snnk_lstsq_add(some, SNNK_ROWS(.n = 40, .X = Phi, .Y = Y), NULL));
    assert_ok(snnk_lstsq_add(all, SNNK_ROWS(.n = N, .X = Phi, .Y = Y), NULL));
    assert_ok(snnk_lstsq_forget(all, SNNK_ROWS(.n = 20, .X = Phi + 40 * m, .Y = Y + 40), NULL));
    assert_ok(snnk_lstsq_solve(some, NULL, NULL, B[0], m, &b[0], NULL));
    assert_ok(snnk_lstsq_solve(all, NULL, NULL, B[1], m, &b[1], NULL));
    for (size_t j = 0; j < m; j++) assert_close(B[1][j], B[0][j], 1e-6, 1e-7);
    snnk_lstsq_free(all);
    snnk_lstsq_free(some);
    free(Phi);
    snnk_map_free(map);
}

/* Features that overflow in the last block of rows: no row is added. */
static void test_overflow_adds_nothing(void **state) {
    enum { N = 1025, D = 4 };
    static float X[N * D], Y[N];
    const float G = 1, offset = 0;
    snnk_window_config c = config_for(1, D, 1);
    snnk_fit_report report = {.size = sizeof report};
    snnk_fit_config config;
    snnk_layer *layer;
    snnk_map *map;
    snnk_fit *fit;

    (void)state;
    draw_floats(X, N * D, 73);
    draw_floats(Y, N, 74);
    X[(N - 1) * D] = 60; /* exp(60) is a float, and its square is not */
    c.patch_height = c.patch_width = c.grid_height = c.grid_width = 1;
    c.normalise = c.both_signs = c.root = 0;
    c.activation = SNNK_EXP;
    c.pool = SNNK_POOL_ROOT_MEAN_SQUARE;
    assert_ok(snnk_map_create_window_from_filters(&c, 1, &G, 1, &offset, &map));
    assert_ok(snnk_fit_config_init(&config, sizeof config));
    config.ridge = 1;
    assert_ok(snnk_fit_create(map, 1, &config, &fit));
    assert_status(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .Y = Y), NULL), SNNK_E_NONFINITE);
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = 50, .X = X, .Y = Y), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, &report, &layer));
    assert_int_equal(report.rows, 50);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
}

/* ---- Refusals ---- */

static void refused(const snnk_rows *rows, const snnk_window_config *c, int status,
                    const char *says) {
    snnk_map *map = (snnk_map *)&status;

    assert_status(snnk_map_create_window(rows, c, &map), status);
    assert_null(map);
    assert_says(says);
}

#define REFUSED(field, value, status, says)                                                        \
    do {                                                                                           \
        snnk_window_config bad = config_for(8, 9, 1);                                              \
                                                                                                   \
        bad.grid_height = bad.grid_width = 2;                                                      \
        bad.features = 3;                                                                          \
        bad.field = value;                                                                         \
        refused(SNNK_ROWS(.n = 2, .X = X), &bad, status, says);                                    \
    } while (0)

static void test_refusals(void **state) {
    static float X[2 * 72], constant[2 * 72];
    snnk_window_config c = config_for(8, 9, 1);
    snnk_map *map;
    float g = NAN;

    (void)state;
    draw_floats(X, 2 * 72, 81);
    REFUSED(patch_height, 9, SNNK_E_SHAPE, "patch_height = 9, but must be from 1 to the image's 8");
    REFUSED(patch_width, 0, SNNK_E_SHAPE, "patch_width = 0");
    REFUSED(stride_height, 0, SNNK_E_SHAPE, "stride_height = 0");
    REFUSED(stride_width, 0, SNNK_E_SHAPE, "stride_width = 0");
    REFUSED(grid_height, 5, SNNK_E_SHAPE, "grid_height = 5, but must be from 1 to the 3 positions");
    REFUSED(grid_width, 0, SNNK_E_SHAPE, "grid_width = 0");
    REFUSED(height, 0, SNNK_E_SHAPE, "height = 0");
    REFUSED(channels, 0, SNNK_E_SHAPE, "channels = 0");
    REFUSED(width, UINT64_MAX / 2, SNNK_E_SIZE, "overflow");
    REFUSED(features, 0, SNNK_E_SHAPE, "features = 0");
    REFUSED(features, 25, SNNK_E_SHAPE, "features = 25, but 2 rows have 24 patches only");
    REFUSED(contrast_floor, -1, SNNK_E_RANGE, "contrast_floor");
    REFUSED(contrast_floor, NAN, SNNK_E_RANGE, "contrast_floor");
    REFUSED(whitening_floor, 0, SNNK_E_RANGE, "whitening_floor");
    REFUSED(threshold, -1, SNNK_E_RANGE, "threshold");
    REFUSED(normalise, 2, SNNK_E_ENUM, "normalise");
    REFUSED(both_signs, -1, SNNK_E_ENUM, "both_signs");
    REFUSED(root, 2, SNNK_E_ENUM, "root");
    REFUSED(pool, 3, SNNK_E_ENUM, "pool");
    REFUSED(filters, 4, SNNK_E_ENUM, "filters");
    REFUSED(filters, SNNK_FILTERS_GIVEN, SNNK_E_ENUM, "given");
    REFUSED(activation, 99, SNNK_E_ENUM, "activation");
    c.grid_height = c.grid_width = 2;
    c.features = 3;
    refused(NULL, &c, SNNK_E_NULL, "rows is NULL, but filters = patches come from rows");
    refused(SNNK_ROWS(.n = 0, .X = X), &c, SNNK_E_SHAPE, "n = 0");
    refused(SNNK_ROWS(.n = 2, .X = X, .inputs = 71), &c, SNNK_E_SHAPE, "71");
    refused(SNNK_ROWS(.n = 2, .X = constant), &c, SNNK_E_SHAPE, "contrast 0");
    c.contrast_floor = 1e-3;
    refused(SNNK_ROWS(.n = 2, .X = constant), &c, SNNK_E_SHAPE, "equal");
    c.contrast_floor = 100;
    refused(SNNK_ROWS(.n = 2, .X = X), &c, SNNK_E_SHAPE, "lower it");
    c.contrast_floor = 0;
    X[5] = INFINITY;
    refused(SNNK_ROWS(.n = 2, .X = X), &c, SNNK_E_NONFINITE, "");
    assert_status(snnk_map_create_window(SNNK_ROWS(.n = 2, .X = X), NULL, &map), SNNK_E_NULL);
    assert_status(snnk_map_create_window(SNNK_ROWS(.n = 2, .X = X), &c, NULL), SNNK_E_NULL);
    c.patch_height = c.patch_width = 1;
    assert_status(snnk_map_create_window_from_filters(&c, 1, &g, 1, NULL, &map), SNNK_E_NONFINITE);
    assert_status(snnk_map_create_window_from_filters(&c, 0, &g, 1, NULL, &map), SNNK_E_SHAPE);
    assert_status(snnk_map_create_window_from_filters(&c, 1, &g, 0, NULL, &map), SNNK_E_STRIDE);
    assert_status(snnk_map_create_window_from_filters(&c, 1, NULL, 1, NULL, &map), SNNK_E_NULL);
}

/* What a window map cannot do is refused, and a constant image has finite features. */
static void test_what_windows_cannot(void **state) {
    enum { D = 64 };
    static float x[D], V[D * 2], Phi[600], L[600];
    snnk_window_config c = config_for(8, 8, 1);
    snnk_prediction prediction = {.size = sizeof prediction};
    snnk_map *map, *made;
    double value;

    (void)state;
    c.grid_height = c.grid_width = 2;
    map = random_window(&c, 9);
    const size_t m = snnk_map_features(map);

    assert_ok(snnk_map_input_tower(map, 1, x, D, Phi, m, NULL));
    for (size_t j = 0; j < m; j++) assert_true(isfinite(Phi[j]));
    x[3] = NAN;
    assert_ok(snnk_map_input_tower(map, 1, x, D, Phi, m, NULL));
    assert_true(isnan(Phi[0]));
    assert_status(snnk_map_weight_tower(map, 1, V, D, NULL, Phi, m, NULL, NULL),
                  SNNK_E_UNSUPPORTED);
    assert_says("window features have no weight tower");
    assert_status(snnk_map_exact(map, V, V, 0, &value), SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_laplacian(map, 1, V, D, L, m, NULL), SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_fold(map, 2, V, 2, NULL, &made), SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_redraw(map, 1, 0, NULL, 0, &made), SNNK_E_UNSUPPORTED);
    assert_status(snnk_map_predict_norms(map, 1, 1, 0, 0, NULL, &prediction), SNNK_E_UNSUPPORTED);
    assert_int_equal(snnk_map_block_row_count(map, 0), 0);
    snnk_map_free(map);
}

/* ---- Files and memory ---- */

#define B "blocks.0."

static const change changes[] = {
    KEY("height", 0, "9", "inputs"),
    KEY("patch_height", 0, "99", "patch_height"),
    KEY("stride_width", 0, "0", "stride_width"),
    KEY("grid_width", 0, "3", "features"),
    KEY("grid_width", 0, "77", "grid_width"),
    KEY("filter_count", 0, "4", "features"),
    KEY("pool", 0, "\"least\"", "pool"),
    KEY("origin", 0, "\"heaven\"", "origin"),
    KEY("normalise", 0, "1.5", "normalise"),
    KEY("contrast_floor", 0, "0", "contrast_floor"),
    KEY("contrast_floor", 0, "1e999", "contrast_floor"),
    KEY("whitening_floor", 0, "-1", "whitening_floor"),
    KEY("threshold", 0, "1e9", "threshold"),
    SHAPE(B "filters", 2, B "filters"),
    SHAPE(B "filter_offsets", 1, B "filter_offsets"),
    NONFINITE(B "filters", 3, NAN, B "filters"),
    NONFINITE(B "filter_offsets", 1, INFINITY, B "filter_offsets"),
};

static void test_refuses_damaged_files(void **state) {
    snnk_window_config c = config_for(6, 6, 1);
    float Psi[2 * 24] = {0};
    snnk_map *map;
    snnk_layer *layer;
    snnk_network *network;
    size_t bytes;

    (void)state;
    c.patch_height = c.patch_width = 3;
    c.grid_height = c.grid_width = 2;
    map = random_window(&c, 3);
    assert_int_equal(snnk_map_features(map), 24);
    assert_ok(snnk_layer_create(map, 2, Psi, 24, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    void *file = malloc(bytes);

    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, file, bytes));
    check_refuses_changes(file, bytes, sizeof changes / sizeof *changes, changes);
    free(file);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
}

static void test_failing_allocations(void **state) {
    static float X[20 * 36];
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_window_config c = config_for(6, 6, 1);
    int st;

    (void)state;
    draw_floats(X, 20 * 36, 91);
    c.patch_height = c.patch_width = 3;
    c.grid_height = c.grid_width = 2;
    c.features = 5;
    c.allocator = &allocator;
    for (c.filters = 0; c.filters < SNNK_FILTERS_GIVEN; c.filters++)
        assert_survives_failing_allocations(memory, st, {
            snnk_map *map;

            st = snnk_map_create_window(SNNK_ROWS(.n = 20, .X = X), &c, &map);
            assert_made(st, map);
            snnk_map_free(map);
        });
}

/* A stride beyond the image is the same as one of its size, in files too. */
static void test_long_strides(void **state) {
    snnk_window_config c = config_for(6, 5, 1), read;
    float G[4] = {1, 2, 3, 4}, x[30], Phi[4], again[4];
    snnk_map *map, *loaded;
    size_t bytes;

    (void)state;
    draw_floats(x, 30, 96);
    c.patch_height = c.patch_width = 2;
    c.grid_height = c.grid_width = 1;
    c.stride_height = c.stride_width = UINT64_MAX;
    assert_ok(snnk_map_create_window_from_filters(&c, 1, G, 4, NULL, &map));
    assert_int_equal(snnk_map_features(map), 2);
    assert_ok(snnk_map_input_tower(map, 1, x, 30, Phi, 2, NULL));
    assert_ok(snnk_map_saved_bytes(map, SNNK_SAVE_ROWS, &bytes));
    void *file = malloc(bytes);

    assert_ok(snnk_map_save_memory(map, SNNK_SAVE_ROWS, file, bytes));
    assert_ok(snnk_map_load_memory(file, bytes, NULL, &loaded));
    assert_ok(snnk_map_input_tower(loaded, 1, x, 30, again, 2, NULL));
    assert_memory_equal(again, Phi, 2 * sizeof *Phi);
    read.size = sizeof read;
    assert_ok(snnk_map_block_window(loaded, 0, &read, NULL, 0, NULL));
    assert_int_equal(read.stride_height, 6);
    assert_int_equal(read.stride_width, 5);
    free(file);
    snnk_map_free(loaded);
    snnk_map_free(map);
}

/* The same filters for more of them, and for rows in double. */
static void test_seeds(void **state) {
    enum { N = 10, D = 49, P = 9 };
    static float X[N * D], few[4 * P], many[8 * P], offsets[8];
    static double wide[N * D];
    snnk_window_config c = config_for(7, 7, 1);

    (void)state;
    draw_floats(X, N * D, 95);
    for (size_t i = 0; i < N * D; i++) wide[i] = X[i];
    c.patch_height = c.patch_width = 3;
    c.features = 4;
    drawn_filters(SNNK_ROWS(.n = N, .X = X), &c, few, offsets, P);
    c.features = 8;
    drawn_filters(SNNK_ROWS(.n = N, .X_f64 = wide), &c, many, offsets, P);
    assert_memory_equal(few, many, sizeof few);
    c.seed = 1;
    drawn_filters(SNNK_ROWS(.n = N, .X = X), &c, many, offsets, P);
    assert_true(memcmp(few, many, sizeof few) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_defined),
        cmocka_unit_test(test_rows_and_threads),
        cmocka_unit_test(test_window_of_the_whole_image),
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_whitening_white_noise),
        cmocka_unit_test(test_whitened_projections),
        cmocka_unit_test(test_filters_are_patches),
        cmocka_unit_test(test_centres),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_trains_through),
        cmocka_unit_test(test_stacked),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_long_strides),
        cmocka_unit_test(test_overflow_adds_nothing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_what_windows_cannot),
        cmocka_unit_test(test_refuses_damaged_files),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
