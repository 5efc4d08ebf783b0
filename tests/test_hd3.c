/* HD3 rows compared with their formula, through public calls only: in every build, also where
 * size_t has 32 bits. (test_projection.c tests src/projection/hd3.c from inside.) */
#include "support/compare.h"
#include "support/draw.h"

#include <stdlib.h>

#include "base/random.h"
#include "projection/hd3.h"

enum { MOST_INPUTS = 37, MOST_ORDER = 64, MOST_ROWS = 2 * MOST_ORDER + 9 };

/* An entry of the Walsh-Hadamard matrix: -1 to the number of bits that i and j have in common. */
static double hadamard(size_t i, size_t j) {
    double sign = 1;

    for (size_t both = i & j; both; both >>= 1)
        if (both & 1) sign = -sign;
    return sign;
}

/* Set M = H D M, D the signs of a level of a group. */
static void apply_level(uint64_t seed, uint64_t level, size_t order,
                        double M[MOST_ORDER][MOST_ORDER]) {
    double next[MOST_ORDER][MOST_ORDER] = {{0}};

    for (size_t k = 0; k < order; k++) {
        double u;

        snnk__random_uniform(seed, SNNK__STREAM_SIGN, level, (uint32_t)k, 1, &u);
        for (size_t i = 0; i < order; i++)
            for (size_t j = 0; j < order; j++)
                next[i][j] += hadamard(i, k) * (u < 0.5 ? -1 : 1) * M[k][j];
    }
    memcpy(M, next, sizeof next);
}

/* Row j = chi(order) order^(-3/2) (H D3 H D2 H D1)_j, without the columns beyond d. */
static void expected_rows(uint64_t seed, size_t d, size_t order, size_t rows, double *G) {
    for (size_t first = 0; first < rows; first += order) {
        double M[MOST_ORDER][MOST_ORDER] = {{0}};

        for (size_t i = 0; i < order; i++) M[i][i] = 1;
        for (uint64_t level = 0; level < 3; level++)
            apply_level(seed, 3 * (first / order) + level, order, M);
        for (size_t i = 0; i < order && first + i < rows; i++) {
            const double chi = snnk__random_chi(seed, SNNK__STREAM_NORM, first + i, order);

            for (size_t k = 0; k < d; k++)
                G[(first + i) * d + k] = chi * M[i][k] / pow((double)order, 1.5);
        }
    }
}

static void check_map(size_t d, size_t order) {
    static double G[MOST_ROWS * MOST_INPUTS];
    static float copied[MOST_ROWS * MOST_INPUTS];
    const size_t rows = 2 * order + order / 8 + 1;
    float x[MOST_INPUTS], phi[MOST_ROWS];
    snnk_map_config config;
    snnk_map *map;

    draw_floats(x, d, d);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_IDENTITY;
    config.projection = SNNK_PROJECTION_HD3;
    config.features = rows;
    config.seed = 100 + d;
    assert_ok(snnk_map_create(d, &config, NULL, &map));
    expected_rows(config.seed, d, order, rows, G);
    assert_ok(snnk_map_block_rows(map, 0, copied, d, NULL));
    /* The scale is rounded to float, and sums of signs are whole numbers: two roundings of 6e-8. */
    for (size_t i = 0; i < rows * d; i++) assert_close(copied[i], G[i], 1.5e-7, 0);
    assert_ok(snnk_map_input_tower(map, 1, x, d, phi, rows, NULL));
    for (size_t j = 0; j < rows; j++) {
        double z = 0;

        for (size_t k = 0; k < d; k++) z += G[j * d + k] * x[k];
        /* Features are G x/sqrt(rows). 3 log2(order) <= 18 levels of roundings of 6e-8, of sums
         * that are about |x| chi sqrt(order) < 12 sqrt(order) before they are scaled: 1.3e-5 at
         * most. */
        assert_close(phi[j] * sqrt((double)rows), z, 0, 1.3e-5);
    }
    snnk_map_free(map);
}

/* Cosines, which the kernels may take from turns: of rows and offsets that were copied out. */
static void check_cosines(size_t d, size_t order) {
    static float G[MOST_ROWS * MOST_INPUTS];
    const size_t rows = 2 * order + order / 8 + 1;
    float x[MOST_INPUTS], phi[MOST_ROWS], offset[MOST_ROWS];
    snnk_map_config config;
    snnk_map *map;

    draw_floats(x, d, d);
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_COS;
    config.projection = SNNK_PROJECTION_HD3;
    config.features = rows;
    config.offset_scale = 10;
    assert_ok(snnk_map_create(d, &config, NULL, &map));
    assert_ok(snnk_map_block_rows(map, 0, G, d, offset));
    assert_ok(snnk_map_input_tower(map, 1, x, d, phi, rows, NULL));
    for (size_t j = 0; j < rows; j++) {
        double z = offset[j];

        for (size_t k = 0; k < d; k++) z += (double)G[j * d + k] * x[k];
        assert_close(phi[j] * sqrt((double)rows), cos(z), 0, 1.3e-5); /* as above */
    }
    snnk_map_free(map);
}

/* With 32-bit size_t the order was 1, and outputs were off by 0.4. */
static void test_issue_15_hd3_rows_are_the_product_in_every_build(void **state) {
    static const struct {
        size_t d, order;
    } cases[] = {{1, 1}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {8, 8}, {9, 16}, {31, 32}, {37, 64}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(snnk__hd3_order(cases[i].d), cases[i].order);
        check_map(cases[i].d, cases[i].order);
        check_cosines(cases[i].d, cases[i].order);
    }
}

static void test_issue_15_hd3_order_ends_at_the_largest_power_of_two(void **state) {
    (void)state;
    assert_true(snnk__hd3_order((size_t)1 << 30) == (size_t)1 << 30);
    assert_true(snnk__hd3_order(((size_t)1 << 30) + 1) == (size_t)1 << 31);
    assert_true(snnk__hd3_order(SIZE_MAX / 2) == SIZE_MAX / 2 + 1);
    assert_true(snnk__hd3_order(SIZE_MAX / 2 + 1) == SIZE_MAX / 2 + 1);
    assert_true(snnk__hd3_order(SIZE_MAX) == SIZE_MAX / 2 + 1);
}

/* More inputs than any order are refused, for every width of size_t. */
static void test_issue_15_hd3_rows_of_too_many_inputs_are_refused(void **state) {
    snnk_map_config config;
    snnk_map *map;

    (void)state;
    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.projection = SNNK_PROJECTION_HD3;
    config.features = 1;
    assert_status(snnk_map_create(SIZE_MAX, &config, NULL, &map), SNNK_E_SIZE);
    assert_status(snnk_map_create(SIZE_MAX - 1, &config, NULL, &map), SNNK_E_SIZE);
    assert_null(map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_15_hd3_rows_are_the_product_in_every_build),
        cmocka_unit_test(test_issue_15_hd3_order_ends_at_the_largest_power_of_two),
        cmocka_unit_test(test_issue_15_hd3_rows_of_too_many_inputs_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
