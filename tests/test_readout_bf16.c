/* src/kernels: readouts whose outputs are rounded to bf16 in registers. Every kernel table, and
 * both ways of rounding, compared with the float readout rounded by the definition of bf16. */
#include "support/bf16.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "kernels/forward.h"

enum { GUARD = 0x5555 };

static snnk_allocator from_malloc(void) {
    snnk_allocator allocator;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    return allocator;
}

static snnk__panels readout_panels(size_t rows, size_t columns, const float *M) {
    const snnk_allocator allocator = from_malloc();
    snnk__panels panels;

    assert_ok(snnk__panels_create(&allocator, rows, columns, snnk__kernels_get()->readout_shape,
                                  "Psi", &panels));
    for (size_t i = 0; i < rows; i++) snnk__panels_set_row(&panels, i, M + i * columns);
    return panels;
}

/* ---- The kernel ---- */

/* Ways of rounding: 0: whole numbers; 1: the instruction, if the processor has it. */
static int ways(void) { return snnk__kernels_convert() ? 2 : 1; }

static void check_readout(size_t n, const float *Phi, const snnk__panels *Psi, const float *bias) {
    const size_t l = Psi->rows, ldy = l + 3, m = Psi->columns;
    float *Y = malloc(n * l * sizeof *Y);
    uint16_t *rounded = malloc(n * ldy * sizeof *rounded);

    snnk__kernels_get()->readout(n, Phi, m, Psi, 0, m, true, bias, Y, l);
    for (int way = 0; way < ways(); way++) {
        for (size_t k = 0; k < n * ldy; k++) rounded[k] = GUARD;
        snnk__kernels_get()->readout_bf16(n, Phi, m, Psi, bias, way == 1, rounded, ldy);
        for (size_t k = 0; k < n * ldy; k++)
            assert_int_equal(rounded[k],
                             k % ldy < l ? nearest_bf16(Y[k / ldy * l + k % ldy]) : GUARD);
    }
    free(rounded);
    free(Y);
}

static void sizes_do_not_matter(void **state) {
    static const size_t ns[] = {0, 1, 2, 3, 5, 8, 9, 15, 16, 17, 23, 40}, ms[] = {1, 2, 9, 300};
    static const size_t ls[] = {1, 7, 8, 15, 16, 17, 31, 33, 47, 48, 49, 95, 96, 97, 150, 200};

    (void)state;
    for (size_t j = 0; j < sizeof ms / sizeof *ms; j++)
        for (size_t k = 0; k < sizeof ls / sizeof *ls; k++) {
            const size_t m = ms[j], l = ls[k];
            float *Psi = malloc(l * m * sizeof *Psi), *Phi = malloc(40 * m * sizeof *Phi),
                  *bias = malloc(l * sizeof *bias);
            const snnk_allocator allocator = from_malloc();

            draw_floats(Psi, l * m, l);
            draw_floats(Phi, 40 * m, m);
            draw_floats(bias, l, 3);
            snnk__panels panels = readout_panels(l, m, Psi);
            for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
                check_readout(ns[i], Phi, &panels, (i + k) % 2 ? bias : NULL);
            snnk__panels_free(&allocator, &panels);
            free(bias);
            free(Phi);
            free(Psi);
        }
}

/* Outputs that are one weight: of every exponent, ties, numbers that round to infinity, subnormal
 * numbers, infinities and NaN. */
static void every_kind_of_number(void **state) {
    enum { ALL = 1 << 16, LOW = 5 };
    static const uint32_t low[LOW] = {0, 1, 0x7fff, 0x8000, 0x8001};
    static const float Phi[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const snnk_allocator allocator = from_malloc();
    float *weights = malloc(ALL * sizeof *weights);

    (void)state;
    for (size_t t = 0; t < LOW; t++) {
        for (uint32_t i = 0; i < ALL; i++) {
            const uint32_t bits = i << 16 | low[t];

            memcpy(&weights[i], &bits, sizeof bits);
        }
        snnk__panels Psi = readout_panels(ALL - t, 1, weights);
        for (size_t n = 1; n <= 9; n += 4) check_readout(n, Phi, &Psi, NULL);
        snnk__panels_free(&allocator, &Psi);
    }
    free(weights);
}

/* One number that the instruction does not round correctly among others, at every place of a tile.
 * Inf - inf, and NaN in a row, too. */
static void one_special_output(void **state) {
    enum { L = 96, ROWS = 9 };
    static const uint32_t special[] = {1, 0x8000, 0x8001, 0x80018000, 0x7fffff, 0x7f812345};
    const snnk_allocator allocator = from_malloc();
    float weights[L], Phi[ROWS];

    (void)state;
    for (size_t s = 0; s < sizeof special / sizeof *special; s++)
        for (size_t o = 0; o < L; o++) {
            draw_floats(weights, L, o);
            memcpy(&weights[o], &special[s], sizeof weights[o]);
            snnk__panels Psi = readout_panels(L, 1, weights);
            for (size_t i = 0; i < ROWS; i++) { /* in one row only */
                for (size_t k = 0; k < ROWS; k++) Phi[k] = k == i ? 1 : 0x1p50F;
                check_readout(ROWS - 1, Phi, &Psi, NULL);
                check_readout(1, Phi + i, &Psi, NULL);
            }
            Phi[2] = NAN;
            Phi[4] = -INFINITY;
            check_readout(ROWS, Phi, &Psi, NULL);
            snnk__panels_free(&allocator, &Psi);
        }
}

/* ---- Both products ---- */

/* Of outputs in float, from inputs in float and in bf16, with scratch of exactly the size that is
 * asked for. */
static void check_forward(const snnk__block *block, size_t n, size_t d, const snnk__panels *Psi,
                          const float *bias) {
    const size_t l = Psi->rows, ldx = d + 1, work = snnk__project_readout_work(d, block, Psi),
                 wide = snnk__widened_work(d, block);
    float *X = malloc(n * ldx * sizeof *X), *Y = malloc(n * l * sizeof *Y),
          *scratch = malloc((work + wide) * sizeof *scratch), *less = malloc(work * sizeof *less);
    uint16_t *narrow = malloc(n * ldx * sizeof *narrow), *rounded = malloc(n * l * sizeof *rounded);

    assert_true(snnk__readout_rounds(block, Psi));
    draw_floats(X, n * ldx, d);
    for (size_t k = 0; k < n * ldx; k++) X[k] = from_bf16(narrow[k] = nearest_bf16(X[k]));
    snnk__project_readout(n, X, ldx, d, block, Psi, true, bias, Y, l, less);
    for (int from_float = 0; from_float < 2; from_float++) {
        const snnk__inputs inputs = from_float ? (snnk__inputs){.f32 = X, .ld = ldx}
                                               : (snnk__inputs){.bf16 = narrow, .ld = ldx};

        memset(rounded, 0x55, n * l * sizeof *rounded);
        snnk__project_readout_bf16(n, &inputs, d, block, Psi, bias, rounded, l,
                                   from_float ? less : scratch);
        for (size_t k = 0; k < n * l; k++) assert_int_equal(rounded[k], nearest_bf16(Y[k]));
    }
    free(rounded);
    free(narrow);
    free(less);
    free(scratch);
    free(Y);
    free(X);
}

static void check_sizes(size_t d, size_t r, size_t l, snnk__operation operation,
                        int32_t activation) {
    const snnk_allocator allocator = from_malloc();
    snnk__block block = {.rows = r, .function = {operation, activation, 1, 0, 0.5F, NULL}};
    const size_t m = r * snnk__function_width(&block.function);
    float *G = malloc(r * d * sizeof *G), *weights = malloc(l * m * sizeof *weights),
          *bias = malloc(l * sizeof *bias);
    snnk__panels rows;

    draw_floats(G, r * d, 1);
    draw_floats(weights, l * m, 2);
    draw_floats(bias, l, 3);
    assert_ok(snnk__panels_create(&allocator, r, d, snnk__kernels_get()->projection_shape(r), "G",
                                  &rows));
    for (size_t j = 0; j < r; j++) snnk__panels_set_row(&rows, j, G + j * d);
    snnk__panels Psi = readout_panels(l, m, weights);
    block.G = &rows;
    for (size_t n = 1; n < 300; n += 2 + 2 * n) check_forward(&block, n, d, &Psi, bias);
    block.G = NULL;
    block.diagonal = G; /* the first d numbers */
    if (r == d) check_forward(&block, 19, d, &Psi, NULL);
    snnk__panels_free(&allocator, &Psi);
    snnk__panels_free(&allocator, &rows);
    free(bias);
    free(weights);
    free(G);
}

static void forward_passes(void **state) {
    (void)state;
    check_sizes(5, 1, 1, SNNK__OPERATION_ACTIVATION, SNNK_RELU);
    check_sizes(40, 16, 97, SNNK__OPERATION_ACTIVATION, SNNK_RELU);
    check_sizes(30, 30, 50, SNNK__OPERATION_ACTIVATION, SNNK_TANH);
    check_sizes(33, 100, 131, SNNK__OPERATION_COS_SIN, SNNK_RELU);
    check_sizes(20, 1024, 75, SNNK__OPERATION_ACTIVATION, SNNK_GELU);
}

/* More features are added to Y in parts, which takes floats. */
static void too_many_features(void **state) {
    const snnk_allocator allocator = from_malloc();
    float *weights = calloc(3 * 1025, sizeof *weights);
    snnk__panels Psi = readout_panels(3, 1025, weights);
    snnk__block block = {.rows = 1025};

    (void)state;
    block.G = &Psi;
    assert_false(snnk__readout_rounds(&block, &Psi));
    snnk__panels_free(&allocator, &Psi);
    free(weights);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_do_not_matter), cmocka_unit_test(every_kind_of_number),
        cmocka_unit_test(one_special_output),  cmocka_unit_test(forward_passes),
        cmocka_unit_test(too_many_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
