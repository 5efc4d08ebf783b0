/* src/map/spectral.c and affine.c: damaged files are refused. */
#include "support/damage.h"

#include "data/model_1.h"

#define ATOM "blocks.0.atoms"
#define ROWS "blocks.0.row_atom"

/* In model_1, on 3 inputs. Block 0: 4 atoms; the first two have 2 and 1 of 5 rows for certain, and
 * the other two one of the drawn rows each; 4 features for each row. Block 1: a sketched line of 3
 * features. Block 2: an exact one. The frame of the first two blocks has one direction, and centers
 * weights. */
static const change changes[] = {
    /* the description of both kinds */
    KEY("kind", 1, "\"URF\"", "\"URF\""),
    KEY("kind", 1, "\"line\"", "\"slope\" is missing"),
    KEY("kind", 1, "\"gaussian\"", "\"order\""),
    KEY("kind", 2, "\"urf\"", "\"rows\" is missing"),
    KEY("kind", 4, "\"urf\"", "\"intercept\" is missing"),
    KEY("projection", 0, "\"halton\"", "\"halton\""),
    KEY("projection", 1, "5", "projection"),
    KEY("seed", 0, "1", "seed"),
    KEY("seed", 1, "\"-1\"", "seed"),
    KEY("features", 0, "0", "\"features\" is 0"),
    MOVED("features", 0, "21", 3, "3", "21 features cannot come from 5 rows"),
    KEY("features", 0, "5", "psi"),
    MOVED("features", 1, "1", 3, "6", "needs at least one row"),
    MOVED("features", 1, "2", 3, "5", "blocks.1.offset"),
    KEY("features", 1, "1e15", "psi"),
    KEY("intercept", 0, "null", "intercept"),
    KEY("intercept", 1, "1e999", "\"intercept\" is inf"),
    KEY("spectral_error", 0, "-1", "spectral_error"),
    KEY("spectral_error", 1, "1e999", "is inf"),
    /* the interval, which model_1 does not have */
    KEY("spectral_error", 0, "0,\"radius\":-1", "\"radius\" is -1"),
    KEY("spectral_error", 1, "0,\"radius\":\"3\"", "\"radius\" is missing"),
    KEY("spectral_error", 0, "0,\"radius\":2", "\"center\" is missing"),
    KEY("spectral_error", 2, "0,\"radius\":2,\"center\":1e999", "\"center\" is inf"),
    KEY("strip", 0, "-1", "\"strip\" is -1"),
    KEY("strip", 1, "\"inf\"", "\"strip\" is missing"),
    KEY("strip", 0, NULL, "\"strip\" is missing"),
    KEY("strip", 2, "1e999", "\"strip\" is inf"),
    /* frames */
    KEY("frame", 0, NULL, "block 0: \"frame\" is missing"),
    KEY("frame", 1, NULL, "block 1: \"frame\" is missing"),
    KEY("weights_centered", 0, "1", "weights_centered"),
    KEY("directions", 0, "4", "\"directions\" is 4, more than the 3 inputs"),
    KEY("directions", 1, "2", "blocks.1.directions"),
    KEY("directions", 0, "-1", "directions"),
    KEY("input_norm", 0, "-1", "input_norm"),
    KEY("input_norm", 1, "1e999", "input_norm"),
    KEY("weight_norm", 0, "null", "weight_norm"),
    KEY("weight_norm", 1, "1e101", "weight_norm"),
    SHAPE("blocks.0.mean", 1, "blocks.0.mean"),
    SHAPE("blocks.1.mean", 2, "blocks.1.mean"),
    SHAPE("blocks.0.scale", 1, "blocks.0.scale"),
    SHAPE("blocks.1.scale", 2, "blocks.1.scale"),
    SHAPE("blocks.0.weight_mean", 1, "weight_mean"),
    SHAPE("blocks.1.weight_mean", 2, "weight_mean"),
    SHAPE("blocks.0.directions", 1, "directions"),
    SHAPE("blocks.1.directions", 2, "directions"),
    SHAPE("blocks.0.stretch", 1, "stretch"),
    SHAPE("blocks.1.stretch", 2, "stretch"),
    NONFINITE("blocks.0.mean", 2, NAN, "mean"),
    NONFINITE("blocks.1.weight_mean", 0, INFINITY, "weight_mean"),
    NONFINITE("blocks.1.scale", 2, NAN, "scale"),
    WRONG("blocks.0.scale", 2, 0, "scale[2] = 0"),
    WRONG("blocks.1.scale", 0, 1e-320, "no finite inverse"),
    NONFINITE("blocks.0.directions", 2, NAN, "dir"),
    WRONG("blocks.0.stretch", 0, 0, "stretch[0] = 0"),
    WRONG("blocks.1.stretch", 0, -2, "stretch[0] = -2"),
    WRONG("blocks.0.stretch", 0, 1e-320, "stretch[0]"),
    NONFINITE("blocks.1.stretch", 0, INFINITY, "stretch"),
    /* lines */
    KEY("exact", 0, "0", "exact"),
    KEY("exact", 0, "true", "blocks.1.diagonal"),
    KEY("exact", 1, "false", "\"frame\" is missing"),
    KEY("slope", 0, "1e999", "slope"),
    MOVED("features", 2, "4", 3, "3", "exact affine block has 4 features"),
    SHAPE("blocks.1.G", 1, "blocks.1.G"),
    SHAPE("blocks.1.G", 2, "blocks.1.G"),
    NONFINITE("blocks.1.offset", 0, NAN, "blocks.1.offset"),
    SHAPE("blocks.2.diagonal", 1, "diagonal"),
    SHAPE("blocks.2.diagonal", 2, "diagonal"),
    WRONG("blocks.2.diagonal", 0, 2, "is not input 0"),
    WRONG("blocks.2.offset", 2, 0.5, "feature 2 of an exact affine block is not input 2"),
    /* atoms and their rows */
    KEY("rows", 0, "0", "\"rows\" is 0"),
    KEY("rows", 0, "1e30", "rows"),
    KEY("rows", 0, "4", "20 features cannot come from 4 rows"),
    KEY("rows", 0, "10", "blocks.0.offset"),
    KEY("drawn_rows", 0, "6", "\"drawn_rows\" is 6"),
    KEY("drawn_rows", 0, "1", "3 fixed rows and 1 drawn"),
    KEY("atoms", 0, "0", "\"atoms\" is 0"),
    KEY("atoms", 0, "3", ATOM),
    KEY("atoms", 0, "900719925474099", ATOM),
    KEY("theta", 0, "1.6", "\"theta\" is 1.6"),
    KEY("theta", 0, "-1e-9", "theta"),
    KEY("hyperbolic", 0, "1", "hyperbolic"),
    KEY("hyperbolic", 0, "false", "each of the 5 rows gives 2"),
    SHAPE(ATOM, 1, ATOM),
    SHAPE(ATOM, 2, ATOM),
    NONFINITE(ATOM, 0, NAN, ATOM),
    NONFINITE(ATOM, 11, INFINITY, ATOM),
    NONFINITE(ATOM, 12, NAN, ATOM),
    NONFINITE(ATOM, 13, NAN, ATOM),
    WRONG(ATOM, 4, 0, "atom 0: s = 0"),
    WRONG(ATOM, 14, -1, "atom 1: s = -1"),
    NONFINITE(ATOM, 4, INFINITY, ATOM),
    WRONG(ATOM, 5, 0.125, "atom 0: A = 0.125"),
    WRONG(ATOM, 35, 7, "atom 3: A = 7"),
    NONFINITE(ATOM, 5, -INFINITY, ATOM),
    NONFINITE(ATOM, 6, NAN, ATOM),
    WRONG(ATOM, 7, 1.5, "share = 1.5"),
    WRONG(ATOM, 7, -0.5, "share = -0.5"),
    WRONG(ATOM, 8, 0, "row 0 has atom 0 instead of 1"),
    WRONG(ATOM, 8, 3, "row 2 has atom 1 instead of 0"),
    WRONG(ATOM, 8, 1.5, "atom 0 has 1.5 rows"),
    WRONG(ATOM, 8, -1, "atom 0 has -1 rows"),
    WRONG(ATOM, 8, 1e300, "whole and at most 5"),
    WRONG(ATOM, 18, 4, "than the 5 rows"),
    WRONG(ATOM, 18, 0, "2 fixed rows and 2 drawn"),
    WRONG(ATOM, 39, 0, "row 3 has atom 3, which is not drawn"),
    WRONG(ATOM, 9, 0.5, "atom 0 has both fixed rows and a probability"),
    WRONG(ATOM, 29, 1.5, "probability = 1.5"),
    WRONG(ATOM, 29, -0.5, "probability"),
    NONFINITE(ATOM, 29, NAN, ATOM),
    SHAPE(ROWS, 1, "row_atom"),
    SHAPE(ROWS, 2, "row_atom"),
    WRONG(ROWS, 0, 1, "row 0 has atom 1 instead of 0"),
    WRONG(ROWS, 0, 4e9, "4000000000 instead of 0"),
    WRONG(ROWS, 4, 4, "row 4 has atom 4, which is not drawn"),
    WRONG(ROWS, 4, 4294967295, "not drawn"),
    WRONG(ROWS, 3, 0, "row 3 has atom 0, which is not drawn"),
    SHAPE("blocks.0.norm2", 1, "norm2"),
    SHAPE("blocks.0.norm2", 2, "norm2"),
    WRONG("blocks.0.norm2", 3, -1, "norm2[3]"),
    NONFINITE("blocks.0.norm2", 3, NAN, "norm2"),
    SHAPE("blocks.0.G", 1, "blocks.0.G"),
    NONFINITE("blocks.0.G", 14, NAN, "blocks.0.G"),
    SHAPE("blocks.0.offset", 2, "blocks.0.offset"),
};

static void test_refuses_damaged_blocks(void **state) {
    (void)state;
    check_refuses_changes(model_1, sizeof model_1, sizeof changes / sizeof *changes, changes);
}

static void *small_blocks_only(size_t bytes, void *user) {
    (void)user;
    return bytes > 1000000 ? NULL : malloc(bytes);
}

static void small_free(void *pointer, void *user) {
    (void)user;
    free(pointer);
}

/* A file may claim any size: memory is only allocated for what is in the file. */
static void test_checks_before_it_allocates(void **state) {
    static const change large[] = {
        {.key = "inputs", .text = "1e9", .says = "blocks.0.G"},
        {.key = "features", .text = "4e9", .says = "psi"},
        {.key = "features", .n = 1, .text = "1e9", .says = "psi"},
        {.key = "rows", .text = "20", .says = "blocks.0.offset"},
        {.key = "atoms", .text = "1e9", .says = ATOM},
        {.key = "features", .text = "10", .says = "psi"},
    };
    const snnk_allocator allocator = {small_blocks_only, small_free, NULL};

    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        snnk_network *network;

        assert_status(load_changed(model_1, sizeof model_1, &large[i], &allocator, &network),
                      SNNK_E_FORMAT);
        assert_says(large[i].says);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_damaged_blocks),
        cmocka_unit_test(test_checks_before_it_allocates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
