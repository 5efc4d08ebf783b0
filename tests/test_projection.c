/* src/projection: Sobol points compared with Boost's, nets after scrambling, simplexes,
 * Walsh-Hadamard transforms, the distribution of rows, and less variance than independent rows in
 * the cases that theory gives. */
#include "support/compare.h"

#include "support/alloc.h"
#include "support/draw.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/random.h"
#include "data/simplex.h"
#include "data/sobol.h"
#include "kernels/kernels.h"
#include "projection/hd3.h"
#include "projection/projection.h"
#include "projection/sobol_points.h"

static const int32_t drawn[] = {SNNK_PROJECTION_GAUSSIAN, SNNK_PROJECTION_ORTHOGONAL,
                                SNNK_PROJECTION_HD3, SNNK_PROJECTION_SIMPLEX,
                                SNNK_PROJECTION_SOBOL};
enum { DRAWN = sizeof drawn / sizeof drawn[0] };

static const snnk_allocator *heap(void) {
    static test_memory memory;
    static snnk_allocator allocator;

    allocator = test_memory_allocator(&memory);
    return &allocator;
}

/* `count` rows of d numbers from row 0: whole groups are drawn, and the rest is cut off. */
static double *rows_of(int32_t projection, uint64_t seed, size_t d, size_t count) {
    const snnk__projection_kind *kind = snnk__projection_get(projection);
    const size_t group = kind->group(d);
    double *rows = malloc((count + group) * d * sizeof *rows);

    for (size_t first = 0; first < count; first += group)
        assert_ok(kind->rows(seed, d, first, heap(), rows + first * d));
    return rows;
}

/* ---- Sobol ---- */

static void sobol_points_are_those_of_boost(void **state) {
    (void)state;
    for (uint32_t j = 0; j < SOBOL_POINTS; j++) {
        const uint32_t index = j + 1, gray = index ^ index >> 1;

        for (size_t k = 0; k < SOBOL_COORDINATES; k++)
            assert_int_equal(snnk__sobol_bits(sobol_dimension[k], gray), sobol_bits[j][k]);
    }
    assert_int_equal(snnk__sobol_bits(5, 0), 0);
}

/* Of 2^k scrambled points, one is in each interval of length 2^-k, in every dimension; and those of
 * the first two dimensions, a (0, k, 2)-net, have one in each box of area 2^-k. */
static void scrambling_keeps_the_net(void **state) {
    enum { K = 6, POINTS = 1 << K, WIDE = 2 * SNNK__SOBOL_DIMENSIONS + 10 };
    static double point[POINTS][WIDE];

    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        for (uint32_t j = 0; j < POINTS; j++) snnk__sobol_point(seed, j, WIDE, point[j]);
        for (size_t k = 0; k < WIDE; k++) {
            bool seen[POINTS] = {false};

            for (size_t j = 0; j < POINTS; j++) {
                assert_true(point[j][k] > 0 && point[j][k] < 1);
                seen[(size_t)(point[j][k] * POINTS)] = true;
            }
            for (size_t j = 0; j < POINTS; j++) assert_true(seen[j]);
        }
        for (int split = 0; split <= K; split++) {
            bool seen[POINTS] = {false};
            const size_t columns = (size_t)1 << split, lines = (size_t)1 << (K - split);

            for (size_t j = 0; j < POINTS; j++)
                seen[(size_t)(point[j][0] * (double)columns) * lines +
                     (size_t)(point[j][1] * (double)lines)] = true;
            for (size_t j = 0; j < POINTS; j++) assert_true(seen[j]);
        }
    }
}

/* Scrambling is nested: coordinates that share their first i bits still do, and their next bit is
 * flipped equally; beyond it, flips are independent. It is a bijection. */
static void scrambling_is_nested(void **state) {
    size_t flips = 0, beyond = 0;

    (void)state;
    for (uint64_t key = 0; key < 200; key++) {
        const uint32_t x = (uint32_t)(key * 2654435761u);
        const uint32_t scrambled = snnk__owen_scramble(x, key);

        for (int i = 0; i < 32; i++) {
            const uint32_t other = snnk__owen_scramble(x ^ UINT32_C(0x80000000) >> i, key);
            const uint32_t differs = scrambled ^ other;

            assert_true(differs >> (31 - i) == 1); /* they differ first at bit i */
            for (int k = 0; k < 31 - i; k++) beyond += differs >> k & 1u;
        }
        for (int i = 0; i < 32; i++) flips += (scrambled ^ x) >> i & 1u;
    }
    /* 6400 fair flips have mean 3200, standard deviation 40. */
    assert_true(flips > 3200 - 200 && flips < 3200 + 200);
    /* 200 * 496 fair flips have mean 49600, standard deviation 157.5. */
    assert_true(beyond > 49600 - 788 && beyond < 49600 + 788);
}

/* Each scrambled coordinate of any one point is uniform over seeds. 4000 draws: the mean is within
 * 5 of its standard deviations, 1/sqrt(12 * 4000), and so is that of the square (variance 4/45). */
static void scrambled_points_are_uniform(void **state) {
    enum { SEEDS = 4000 };
    const uint32_t indices[] = {0, 1, 5, 1000};

    (void)state;
    for (size_t a = 0; a < 4; a++) {
        double mean[3] = {0}, square[3] = {0}, product = 0, point[3];

        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            snnk__sobol_point(seed, indices[a], 3, point);
            for (size_t k = 0; k < 3; k++) {
                mean[k] += point[k] / SEEDS;
                square[k] += point[k] * point[k] / SEEDS;
            }
            product += (point[0] - 0.5) * (point[1] - 0.5) / SEEDS;
        }
        for (size_t k = 0; k < 3; k++) {
            assert_close(mean[k], 0.5, 0, 5 / sqrt(12.0 * SEEDS));
            assert_close(square[k], 1.0 / 3, 0, 5 * sqrt(4.0 / 45 / SEEDS));
        }
        assert_close(product, 0, 0, 5 / 12.0 / sqrt(SEEDS));
    }
}

/* Coordinates k and 64 + k use the same direction numbers, in another order. Points n ... 2 n - 1,
 * which are stratified in both, are paired at random, so that the mean of products has variance
 * s^4/(n - 1), s^2 = 1/12 the variance of a coordinate. 4000 seeds determine it to sqrt(2/4000) of
 * itself. In the same order it would be 18 times as much. */
static void directions_used_again_are_decoupled(void **state) {
    enum { POINTS = 32, SEEDS = 4000, WIDE = SNNK__SOBOL_DIMENSIONS + 3 };
    double square[3] = {0};

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double product[3] = {0}, point[WIDE];

        for (uint32_t j = POINTS; j < 2 * POINTS; j++) {
            snnk__sobol_point(seed, j, WIDE, point);
            for (size_t k = 0; k < 3; k++)
                product[k] += (point[k] - 0.5) * (point[SNNK__SOBOL_DIMENSIONS + k] - 0.5) / POINTS;
        }
        for (size_t k = 0; k < 3; k++) square[k] += product[k] * product[k] / SEEDS;
    }
    for (size_t k = 0; k < 3; k++)
        assert_close(square[k], 1.0 / 144 / (POINTS - 1), 5 * sqrt(2.0 / SEEDS), 0);
}

/* ---- Walsh-Hadamard ---- */

static int bits_in_common(size_t i, size_t j) {
    int count = 0;

    for (size_t both = i & j; both; both >>= 1)
        if (both & 1) count++;
    return count;
}

static void the_transform_is_the_matrix(void **state) {
    (void)state;
    for (size_t n = 1; n <= 1024; n *= 2) {
        float x[1024], fast[1024];

        draw_floats(x, n, n);
        memcpy(fast, x, sizeof x);
        snnk__hadamard(n, fast);
        for (size_t i = 0; i < n; i++) {
            double sum = 0;

            for (size_t j = 0; j < n; j++) sum += bits_in_common(i, j) % 2 ? -x[j] : x[j];
            /* log2 n roundings of sums of up to n: 10 * 6e-8 * 1024 at worst. */
            assert_close(fast[i], sum, 0, 1e-6 * sqrt((double)n) * 4);
        }
    }
}

/* Row j of a group is scale_j (H D3 H D2 H D1)_j, compared with the product of matrices. */
static void hd3_rows_are_the_product(void **state) {
    enum { D = 11, ORDER = 16 };
    const uint64_t seed = 9;
    double *rows = rows_of(SNNK_PROJECTION_HD3, seed, D, 3 * ORDER);

    (void)state;
    assert_int_equal(snnk__hd3_order(D), ORDER);
    for (size_t group = 0; group < 3; group++) {
        double M[ORDER][ORDER] = {{0}}, next[ORDER][ORDER];

        for (size_t i = 0; i < ORDER; i++) M[i][i] = 1;
        for (uint64_t level = 0; level < 3; level++) { /* M = H D_level M */
            for (size_t i = 0; i < ORDER; i++)
                for (size_t j = 0; j < ORDER; j++) {
                    next[i][j] = 0;
                    for (size_t k = 0; k < ORDER; k++) {
                        double u;

                        snnk__random_uniform(seed, SNNK__STREAM_SIGN, 3 * group + level,
                                             (uint32_t)k, 1, &u);
                        next[i][j] +=
                            (bits_in_common(i, k) % 2 ? -1 : 1) * (u < 0.5 ? -1 : 1) * M[k][j];
                    }
                }
            memcpy(M, next, sizeof M);
        }
        for (size_t i = 0; i < ORDER; i++) {
            const double norm = snnk__random_chi(seed, SNNK__STREAM_NORM, group * ORDER + i, ORDER);

            for (size_t k = 0; k < D; k++)
                assert_close(rows[(group * ORDER + i) * D + k], norm * M[i][k] / 64, 1e-14, 1e-15);
        }
    }
    free(rows);
}

/* d inputs, rows of three groups (the last one partial), in memory of exactly that size. */
static void check_hd3(size_t d, bool scaled) {
    const size_t order = snnk__hd3_order(d), rows = 2 * order + order / 3 + 1;
    const uint64_t seed = d;
    double *G = rows_of(SNNK_PROJECTION_HD3, seed, d, rows);
    float *signs = malloc(9 * order * sizeof *signs), *numbers = malloc(3 * d * sizeof *numbers);
    float *scale = malloc(rows * sizeof *scale), *offset = malloc(rows * sizeof *offset);
    float *z = malloc(rows * sizeof *z), *work = malloc(snnk__hd3_work(order) * sizeof *work);
    const float *x = numbers, *mean = numbers + d, *input_scale = numbers + 2 * d;
    const snnk__hd3 hd3 = {.rows = rows,
                           .order = order,
                           .signs = signs,
                           .scale = scale,
                           .mean = scaled ? mean : NULL,
                           .input_scale = scaled ? input_scale : NULL};

    draw_floats(numbers, 3 * d, 1);
    draw_floats(offset, rows, 2);
    for (uint64_t group = 0; group < 3; group++)
        snnk__hd3_signs(seed, group, order, signs + 3 * order * group);
    for (size_t j = 0; j < rows; j++) scale[j] = (float)snnk__hd3_scale(seed, j, order);
    for (size_t first = 0; first < rows; first += order)
        snnk__kernels_get()->hd3(&hd3, d, x, offset + first, first,
                                 rows - first < order ? rows - first : order, z + first, work);
    if (order > 4) { /* part of a group */
        const float kept = z[order + 3];

        snnk__kernels_get()->hd3(&hd3, d, x, offset + order + 3, order + 3, 1, z + order + 3, work);
        assert_true(z[order + 3] == kept);
    }
    for (size_t j = 0; j < rows; j++) {
        double sum = offset[j];

        for (size_t k = 0; k < d; k++)
            sum += G[j * d + k] * (scaled ? ((double)x[k] - mean[k]) * input_scale[k] : x[k]);
        /* 3 log2 d levels of roundings, of values of about sqrt(d/3). */
        assert_close(z[j], sum, 0, 2e-6 * sqrt((double)order));
    }
    free(G);
    free(signs);
    free(numbers);
    free(scale);
    free(offset);
    free(z);
    free(work);
}

/* Orders 1 ... 1024: every way to split levels into passes. */
static void hd3_projects_as_its_rows_do(void **state) {
    const size_t ds[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 37, 64, 100, 128, 200, 256, 300, 512, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof ds / sizeof *ds; i++) {
        check_hd3(ds[i], false);
        check_hd3(ds[i], true);
    }
}

/* Mean and variance of the length and of its square, in d dimensions: E chi^2 = d, var chi^2 = 2
 * d. */
static void chi_numbers_have_the_right_moments(void **state) {
    enum { DRAWS = 20000 };
    const size_t degrees[] = {1, 2, 3, 10, 1000};

    (void)state;
    for (size_t a = 0; a < 5; a++) {
        const double d = (double)degrees[a];
        const double mean_length = sqrt(2) * exp(lgamma((d + 1) / 2) - lgamma(d / 2));
        double mean = 0, square = 0, fourth = 0;

        for (uint64_t i = 0; i < DRAWS; i++) {
            const double chi = snnk__random_chi(3, SNNK__STREAM_NORM, i, degrees[a]);

            mean += chi / DRAWS;
            square += chi * chi / DRAWS;
            fourth += chi * chi * chi * chi / DRAWS;
        }
        assert_close(mean, mean_length, 0, 5 * sqrt((d - mean_length * mean_length) / DRAWS));
        assert_close(square, d, 0, 5 * sqrt(2 * d / DRAWS));
        /* E chi^4 = d (d+2), E chi^8 = d (d+2) (d+4) (d+6). */
        assert_close(fourth, d * (d + 2), 0,
                     5 * sqrt((d * (d + 2) * (d + 4) * (d + 6) - pow(d * (d + 2), 2)) / DRAWS));
    }
}

/* ---- Simplex ---- */

/* Directions of a group: unit vectors with products -1/(d-1), as in the reference's simplex of
 * order 6. */
static void simplex_rows_have_the_right_angles(void **state) {
    double *six = rows_of(SNNK_PROJECTION_SIMPLEX, 3, SIMPLEX_D, SIMPLEX_D);

    (void)state;
    for (size_t i = 0; i < SIMPLEX_D; i++)
        for (size_t j = 0; j < i; j++) {
            double ours = 0, ii = 0, jj = 0, theirs = 0;

            for (size_t k = 0; k < SIMPLEX_D; k++) {
                ours += six[i * SIMPLEX_D + k] * six[j * SIMPLEX_D + k];
                ii += six[i * SIMPLEX_D + k] * six[i * SIMPLEX_D + k];
                jj += six[j * SIMPLEX_D + k] * six[j * SIMPLEX_D + k];
                theirs += simplex_S[i * SIMPLEX_D + k] * simplex_S[j * SIMPLEX_D + k];
            }
            assert_close(ours / sqrt(ii * jj), theirs, 0, 1e-13);
        }
    free(six);
    for (size_t d = 2; d <= 40; d += d < 8 ? 1 : 16) {
        double *rows = rows_of(SNNK_PROJECTION_SIMPLEX, 7, d, 2 * d);

        for (size_t group = 0; group < 2; group++)
            for (size_t i = 0; i < d; i++)
                for (size_t j = 0; j < i; j++) {
                    const double *a = rows + (group * d + i) * d, *c = rows + (group * d + j) * d;
                    double aa = 0, cc = 0, ac = 0;

                    for (size_t k = 0; k < d; k++) {
                        aa += a[k] * a[k];
                        cc += c[k] * c[k];
                        ac += a[k] * c[k];
                    }
                    assert_close(ac / sqrt(aa * cc), -1 / ((double)d - 1), 0, 1e-13);
                }
        free(rows);
    }
}

/* Turning orthonormal rows into a simplex does not change the lengths drawn for them. */
static void simplex_rows_have_the_lengths_of_orthogonal_ones(void **state) {
    enum { D = 9 };
    double *simplex = rows_of(SNNK_PROJECTION_SIMPLEX, 11, D, 2 * D);
    double *orthogonal = rows_of(SNNK_PROJECTION_ORTHOGONAL, 11, D, 2 * D);

    (void)state;
    for (size_t i = 0; i < 2 * D; i++) {
        double ours = 0, theirs = 0;

        for (size_t k = 0; k < D; k++) {
            ours += simplex[i * D + k] * simplex[i * D + k];
            theirs += orthogonal[i * D + k] * orthogonal[i * D + k];
        }
        assert_close(ours, theirs, 1e-13, 0);
    }
    free(simplex);
    free(orthogonal);
}

/* ---- All kinds ---- */

/* Over seeds, every entry of every row has mean 0 and variance 1. Its fourth moment, the mean over
 * the 128 entries, is the 3 of a normal variable (uniform entries, an error in the published code,
 * have 1.8). Without the sign correction of the QR factorisation, another error, diagonal entries
 * would have a mean. HD3 at order 8 is far from a uniform rotation, so its fourth moment may differ
 * by a tenth. */
static void entries_are_standard_normal(void **state) {
    enum { D = 8, ROWS = 16, SEEDS = 3000 };

    (void)state;
    for (size_t a = 0; a < DRAWN; a++) {
        double mean[ROWS * D] = {0}, square[ROWS * D] = {0}, fourth = 0, length = 0;

        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            double *rows = rows_of(drawn[a], seed, D, ROWS);

            for (size_t i = 0; i < ROWS * D; i++) {
                mean[i] += rows[i] / SEEDS;
                square[i] += rows[i] * rows[i] / SEEDS;
                fourth += pow(rows[i], 4) / (SEEDS * ROWS * D);
            }
            for (size_t k = 0; k < D; k++) length += rows[3 * D + k] * rows[3 * D + k] / SEEDS;
            free(rows);
        }
        for (size_t i = 0; i < ROWS * D; i++) {
            assert_close(mean[i], 0, 0, 5 / sqrt(SEEDS));
            assert_close(square[i], 1, 0, 5 * sqrt(2.0 / SEEDS));
        }
        assert_close(length, D, 0, 5 * sqrt(2.0 * D / SEEDS));
        /* var x^4 = 105 - 9; entries of one draw are taken as fully correlated within a group of 8
         * rows. */
        assert_close(fourth, 3, 0,
                     drawn[a] == SNNK_PROJECTION_HD3 ? 0.3 : 5 * sqrt(96.0 / (SEEDS * 2)));
    }
}

static void a_map_is_a_prefix_of_a_larger_one(void **state) {
    enum { D = 6, FEW = 10, MANY = 40 };

    (void)state;
    for (size_t a = 0; a < DRAWN; a++)
        for (int32_t kind = SNNK_MAP_ARC_COSINE; kind <= SNNK_MAP_GAUSSIAN; kind++) {
            float few[FEW * D], many[MANY * D], few_offset[FEW], many_offset[MANY];
            snnk_map_config config;
            snnk_map *map;

            assert_ok(snnk_map_config_init(&config, sizeof config));
            config.kind = kind;
            config.projection = drawn[a];
            config.seed = 5;
            config.features = kind == SNNK_MAP_GAUSSIAN ? 2 * FEW : FEW;
            assert_ok(snnk_map_create(D, &config, NULL, &map));
            assert_ok(snnk_map_block_rows(map, 0, few, D, few_offset));
            snnk_map_free(map);
            config.features *= MANY / FEW;
            assert_ok(snnk_map_create(D, &config, NULL, &map));
            assert_ok(snnk_map_block_rows(map, 0, many, D, many_offset));
            snnk_map_free(map);
            assert_memory_equal(few, many, sizeof few);
            assert_memory_equal(few_offset, many_offset, sizeof few_offset);
        }
}

/* Mean square error of a Gaussian kernel's estimate from 8 rows in 8 dimensions, at one pair. */
static double mean_square_error(int32_t projection, double *standard_error) {
    enum { D = 8, SEEDS = 4000 };
    const float pair[2 * D] = {0.5f, 0.1f, -0.2f, 0.3f, 0, 0.2f, 0.1f, -0.4f,
                               0.1f, 0.4f, 0.2f,  0,    0, 0.1f, 0.5f, 0.2f};
    sample s = {0};

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        float Phi[2 * 2 * D];
        snnk_map_config config;
        double exact, estimate = 0;
        snnk_map *map;

        assert_ok(snnk_map_config_init(&config, sizeof config));
        config.kind = SNNK_MAP_GAUSSIAN;
        config.features = 2 * D;
        config.seed = seed;
        config.projection = projection;
        assert_ok(snnk_map_create(D, &config, NULL, &map));
        assert_ok(snnk_map_input_tower(map, 2, pair, D, Phi, 2 * D, NULL));
        assert_ok(snnk_map_exact(map, pair, pair + D, 0, &exact));
        for (size_t k = 0; k < 2 * D; k++) estimate += (double)Phi[k] * Phi[2 * D + k];
        sample_add(&s, (estimate - exact) * (estimate - exact));
        snnk_map_free(map);
    }
    *standard_error = sample_error(&s);
    return s.mean;
}

/* For the Gaussian kernel, orthogonal rows have less variance than independent ones (Yu et al.
 * 2016, theorem 1), simplex rows at most as much (Reid et al. 2023), HD3 rows about as little as
 * orthogonal ones. Scrambled nets of 2^k points never have more than independent points (Owen
 * 1997), and less for smooth integrands. Tolerance: 5 standard errors of the difference. */
static void coupled_rows_have_less_variance(void **state) {
    double iid_error, error;
    const double iid = mean_square_error(SNNK_PROJECTION_GAUSSIAN, &iid_error);

    (void)state;
    for (size_t a = 1; a < DRAWN; a++) {
        const double coupled = mean_square_error(drawn[a], &error);

        assert_true(coupled + 5 * hypot(error, iid_error) < iid);
    }
}

/* Every kind of features on HD3 rows, with and without a scaling: the features, the forward of a
 * layer and of a network, derivatives and the saved model are all compared with the rows that
 * snnk_map_block_rows copies out. */
static void check_transformed(int32_t kind, const snnk_scaling *scaling) {
    enum { D = 21, N = 37, ROWS = 75, L = 4, MOST = 2 * ROWS };
    static float X[N * D], G[ROWS * D], offset[ROWS], Phi[N * MOST], Psi[L * MOST], J[MOST * D];
    float Y[N * L], again[N * L], lap[MOST];
    snnk_map_config config;
    snnk_workspace *workspace;
    snnk_network *network, *loaded;
    snnk_layer *layer;
    snnk_map *map;
    size_t bytes;

    draw_floats(X, N * D, 6);
    draw_floats(Psi, L * MOST, 7);
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = kind;
    config.activation = SNNK_SIN;
    config.projection = SNNK_PROJECTION_HD3;
    config.projection_scale = 0.5;
    config.offset_scale = kind == SNNK_MAP_GAUSSIAN ? 0 : 0.3;
    config.features = kind == SNNK_MAP_GAUSSIAN ? MOST : ROWS;
    assert_ok(snnk_map_create(D, &config, scaling, &map));
    const size_t m = snnk_map_features(map);
    assert_ok(snnk_map_block_rows(map, 0, G, D, offset));
    assert_ok(snnk_map_input_tower(map, N, X, D, Phi, m, workspace));
    assert_ok(snnk_map_gradient(map, X, J, D));
    assert_ok(snnk_map_laplacian(map, 1, X, D, lap, m, NULL));
    if (!scaling) {
        double *drawn_rows = rows_of(SNNK_PROJECTION_HD3, config.seed, D, ROWS);

        for (size_t i = 0; i < ROWS * D; i++) assert_close(G[i], 0.5 * drawn_rows[i], 1e-6, 1e-7);
        free(drawn_rows);
    }
    for (size_t j = 0; j < ROWS; j++) {
        double z = offset[j], norm2 = 0;

        for (size_t k = 0; k < D; k++) {
            z += (double)G[j * D + k] * X[k];
            norm2 += (double)G[j * D + k] * G[j * D + k];
        }
        const double a = 1 / sqrt(ROWS);
        /* z is about 3, after 15 levels of roundings. */
        if (kind == SNNK_MAP_ARC_COSINE) {
            assert_close(Phi[j], a * fmax(z, 0), 0, 2e-6);
        } else if (kind == SNNK_MAP_GAUSSIAN) {
            assert_close(Phi[2 * j], a * cos(z), 0, 2e-6);
            assert_close(Phi[2 * j + 1], a * sin(z), 0, 2e-6);
            assert_close(lap[2 * j], -a * cos(z) * norm2, 1e-5, 1e-5);
        } else {
            assert_close(Phi[j], a * sin(z), 0, 2e-6);
            assert_close(lap[j], -a * sin(z) * norm2, 1e-5, 1e-5);
            for (size_t k = 0; k < D; k++)
                assert_close(J[j * D + k], a * cos(z) * G[j * D + k], 1e-5, 1e-6);
        }
    }

    assert_ok(snnk_layer_create(map, L, Psi, m, NULL, &layer));
    assert_true(snnk_layer_parameters(layer) < m * L + L + 8 * ROWS + 3 * 32); /* G is not stored */
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, workspace));
    for (size_t i = 0; i < N; i++) {
        assert_ok(snnk_layer_forward(layer, 1, X + i * D, D, again, L, NULL));
        assert_memory_equal(again, Y + i * L, L * sizeof *Y);
        for (size_t o = 0; o < L; o++) {
            double sum = 0;

            for (size_t k = 0; k < m; k++) sum += (double)Psi[o * m + k] * Phi[i * m + k];
            assert_close(Y[i * L + o], sum, 0, 1e-5);
        }
    }

    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &bytes));
    assert_true(bytes < (m * L + 6 * D) * sizeof(float) + 4096); /* a seed is stored instead of G */
    void *buffer = malloc(bytes);
    assert_ok(snnk_network_save_memory(network, SNNK_SAVE_ROWS, buffer, bytes));
    assert_ok(snnk_network_load_memory(buffer, bytes, NULL, &loaded));
    assert_ok(snnk_network_forward(loaded, N, X, D, again, L, workspace));
    assert_memory_equal(again, Y, sizeof Y);
    assert_true(snnk_network_scratch_bytes(network) > 0);
    free(buffer);
    snnk_network_free(loaded);
    snnk_network_free(network);
    snnk_layer_free(layer);
    snnk_map_free(map);
    snnk_workspace_free(workspace);
}

static void transformed_maps_match_their_rows(void **state) {
    double mean[21], scale[21];
    snnk_scaling *scaling;

    (void)state;
    for (size_t k = 0; k < 21; k++) {
        mean[k] = 0.1 * (double)k - 1;
        scale[k] = 0.5 + 0.05 * (double)k;
    }
    assert_ok(snnk_scaling_create_given(21, mean, scale, NULL, &scaling));
    for (int32_t kind = SNNK_MAP_ARC_COSINE; kind <= SNNK_MAP_ELEMENTWISE; kind++) {
        check_transformed(kind, NULL);
        check_transformed(kind, scaling);
    }
    snnk_scaling_free(scaling);
}

/* Fitting also computes features with the transform, and refuses rows that might overflow. */
static void transformed_maps_can_be_fitted(void **state) {
    enum { D = 5, N = 400 };
    static float X[N * D], y[N], predicted[N];
    snnk_map_config config;
    snnk_fit_config fit_config;
    snnk_layer *layer;
    snnk_fit *fit;
    snnk_map *map;
    double error = 0;

    (void)state;
    draw_floats(X, N * D, 3);
    for (size_t i = 0; i < N; i++) y[i] = sinf(2 * X[i * D]) * X[i * D + 1];
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.projection = SNNK_PROJECTION_HD3;
    config.kind = SNNK_MAP_GAUSSIAN;
    config.features = 200;
    assert_ok(snnk_map_create(D, &config, NULL, &map));
    assert_ok(snnk_fit_config_init(&fit_config, sizeof fit_config));
    fit_config.ridge = 1e-6;
    assert_ok(snnk_fit_create(map, 1, &fit_config, &fit));
    assert_ok(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = y, .ldy = 1), NULL));
    assert_ok(snnk_fit_solve(fit, NULL, NULL, &layer));
    assert_ok(snnk_layer_forward(layer, N, X, D, predicted, 1, NULL));
    for (size_t i = 0; i < N; i++) error += pow((double)predicted[i] - y[i], 2) / N;
    assert_true(error < 1e-3); /* a smooth function of five variables; its variance is 0.1 */
    X[7] = 3e38f;
    assert_status(snnk_fit_add(fit, SNNK_ROWS(.n = N, .X = X, .ldx = D, .Y = y, .ldy = 1), NULL),
                  SNNK_E_NONFINITE);
    snnk_layer_free(layer);
    snnk_fit_free(fit);
    snnk_map_free(map);
}

static void wrong_projections_are_refused(void **state) {
    snnk_map_config config;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.projection = SNNK_PROJECTION_GIVEN;
    assert_status(snnk_map_create(3, &config, NULL, &map), SNNK_E_ENUM);
    assert_says("given");
    config.projection = 6;
    assert_status(snnk_map_create(3, &config, NULL, &map), SNNK_E_ENUM);
    config.projection = -1;
    assert_status(snnk_map_create(3, &config, NULL, &map), SNNK_E_ENUM);
}

static void failing_allocations_leave_nothing(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    int status;

    (void)state;
    for (size_t a = 0; a < DRAWN; a++)
        assert_survives_failing_allocations(memory, status, {
            snnk_map_config config;
            snnk_map *map = NULL;

            assert_ok(snnk_map_config_init(&config, sizeof config));
            config.projection = drawn[a];
            config.features = 20;
            config.allocator = &allocator;
            status = snnk_map_create(5, &config, NULL, &map);
            assert_made(status, map);
            snnk_map_free(map);
        });
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sobol_points_are_those_of_boost),
        cmocka_unit_test(scrambling_keeps_the_net),
        cmocka_unit_test(scrambling_is_nested),
        cmocka_unit_test(scrambled_points_are_uniform),
        cmocka_unit_test(directions_used_again_are_decoupled),
        cmocka_unit_test(the_transform_is_the_matrix),
        cmocka_unit_test(hd3_rows_are_the_product),
        cmocka_unit_test(hd3_projects_as_its_rows_do),
        cmocka_unit_test(chi_numbers_have_the_right_moments),
        cmocka_unit_test(simplex_rows_have_the_right_angles),
        cmocka_unit_test(simplex_rows_have_the_lengths_of_orthogonal_ones),
        cmocka_unit_test(entries_are_standard_normal),
        cmocka_unit_test(a_map_is_a_prefix_of_a_larger_one),
        cmocka_unit_test(coupled_rows_have_less_variance),
        cmocka_unit_test(transformed_maps_match_their_rows),
        cmocka_unit_test(transformed_maps_can_be_fitted),
        cmocka_unit_test(wrong_projections_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
