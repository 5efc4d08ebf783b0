/* src/kernels/narrow_amx.c, narrow_amx_bf16.c: the machine code of the AMX products, on a real unit
 * or emulated, compared bit for bit with a scalar model. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/amx_emulation.h"
#include "support/bf16.h"
#include "support/compare.h"
#include "support/draw.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

/* Every layer of this program uses the AMX table: the linker replaces the library's choice. */
const snnk__narrow *__real_snnk__narrow_get(void);
const snnk__narrow *__wrap_snnk__narrow_get(void);
static const snnk__narrow *narrow_of_layers;

const snnk__narrow *__wrap_snnk__narrow_get(void) {
    return narrow_of_layers ? narrow_of_layers : __real_snnk__narrow_get();
}

#ifdef SNNK_KERNELS_AMX

enum { BLOCK = SNNK__NARROW_BLOCK };

static const snnk__narrow *const amx = &snnk__narrow_amx;

/* ---- The scalar model of a product ---- */

typedef struct product {
    int32_t storage;
    size_t n, columns, outputs, lda, ldc;
    float *A, *bias, *start; /* start: C before */
    snnk__panels M;
} product;

static snnk_allocator from_malloc(void) {
    snnk_allocator allocator;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    return allocator;
}

/* size: of the elements of A. */
static product make_product(int32_t storage, size_t n, size_t columns, size_t outputs, size_t ldc,
                            float size) {
    product p = {storage, n, columns, outputs, .lda = columns + 5, .ldc = ldc};
    const snnk_allocator allocator = from_malloc();
    float *W = malloc(outputs * columns * sizeof *W);

    p.A = malloc(n * p.lda * sizeof *p.A);
    p.bias = malloc(outputs * sizeof *p.bias);
    p.start = malloc(n * ldc * sizeof *p.start);
    draw_floats(p.A, n * p.lda, columns);
    draw_floats(W, outputs * columns, outputs);
    draw_floats(p.bias, outputs, 7);
    draw_floats(p.start, n * ldc, 8);
    for (size_t k = 0; k < n * p.lda; k++) p.A[k] *= size;
    assert_ok(snnk__panels_create_narrow(&allocator, outputs, columns, storage, "M", &p.M));
    for (size_t j = 0; j < outputs; j++) snnk__panels_set_row(&p.M, j, W + j * columns);
    free(W);
    return p;
}

static void free_product(product *p) {
    const snnk_allocator allocator = from_malloc();

    snnk__panels_free(&allocator, &p->M);
    free(p->A);
    free(p->bias);
    free(p->start);
}

/* As VCVTNEPS2BF16 does: a subnormal number is zero before it is rounded. */
static float rounded(float a) { return snnk__bf16_value(snnk__bf16_of(amx_multiply_add(1, a, 0))); }

/* C after the product: tile by tile of 32 columns. */
static float model_bf16(const product *p, size_t i, size_t o, float sum) {
    const float *a = p->A + i * p->lda;

    for (size_t first = 0; first < p->columns; first += 32) {
        float sums[2] = {0, 0};

        for (size_t k = first; k < first + 32 && k < p->columns; k++)
            sums[k % 2] =
                amx_multiply_add(rounded(a[k]), snnk__panels_entry(&p->M, o, k), sums[k % 2]);
        sum = amx_multiply_add(1, sum, amx_multiply_add(1, sums[0], sums[1]));
    }
    return sum;
}

/* The same with three products for each tile, of the bf16 next to a number and the one next to what
 * that leaves. */
static float model_bf16x3(const product *p, size_t i, size_t o, float sum) {
    const float *a = p->A + i * p->lda;

    for (size_t first = 0; first < p->columns; first += 32)
        for (int part = 0; part < 3; part++) {
            float sums[2] = {0, 0};

            for (size_t k = first; k < first + 32 && k < p->columns; k++) {
                const float w = snnk__panels_entry(&p->M, o, k);
                const float m = snnk__bf16_value(snnk__bf16_of(w)), high = rounded(a[k]);
                const float low = rounded(amx_multiply_add(1, a[k], -high));

                sums[k % 2] =
                    amx_multiply_add(part == 2 ? low : high, part == 0 ? w - m : m, sums[k % 2]);
            }
            sum = amx_multiply_add(1, sum, amx_multiply_add(1, sums[0], sums[1]));
        }
    return sum;
}

static float model_int8(const product *p, size_t i, size_t o, float sum) {
    const float *a = p->A + i * p->lda;

    for (size_t first = 0; first < p->columns; first += BLOCK) {
        const size_t count = p->columns - first < BLOCK ? p->columns - first : BLOCK;
        const float scale = snnk__int8_scale(count, a + first);
        int32_t whole = 0;

        for (size_t k = first; k < first + count; k++)
            whole += snnk__int8_of(a[k], scale) *
                     (int32_t)lrintf(snnk__panels_entry(&p->M, o, k) / p->M.scale[o]);
        sum = fmaf((float)whole, scale * p->M.scale[o], sum);
    }
    return sum;
}

static float model(const product *p, size_t i, size_t o, bool begins, const float *bias) {
    const float start = begins ? 0 : p->start[i * p->ldc + o];

    if (p->storage == SNNK_STORAGE_INT8) {
        const float sum = model_int8(p, i, o, start);

        return bias ? sum + bias[o] : sum;
    }
    const float sum =
        p->storage == SNNK_STORAGE_BF16 ? model_bf16(p, i, o, start) : model_bf16x3(p, i, o, start);
    return bias ? amx_multiply_add(1, sum, bias[o]) : sum;
}

/* Columns first ... first+count-1 of rows i ... i+n-1 of the result, in memory that begins with C
 * before. */
static void multiply_some(const product *p, size_t i, size_t n, size_t first, size_t count,
                          bool begins, const float *bias, void *scratch, float *C) {
    snnk__narrow_product *multiply = p->storage == SNNK_STORAGE_BF16   ? amx->bf16
                                     : p->storage == SNNK_STORAGE_INT8 ? amx->int8
                                                                       : amx->bf16x3;

    multiply(n, p->A + i * p->lda + first, p->lda, &p->M, first, count, begins, bias,
             C + i * p->ldc, p->ldc, scratch);
}

static void multiply_rows(const product *p, size_t i, size_t n, bool begins, const float *bias,
                          void *scratch, float *C) {
    multiply_some(p, i, n, 0, p->columns, begins, bias, scratch, C);
}

static float *multiplied(const product *p, bool begins, const float *bias, void *scratch) {
    float *C = malloc(p->n * p->ldc * sizeof *C);

    memcpy(C, p->start, p->n * p->ldc * sizeof *C);
    multiply_rows(p, 0, p->n, begins, bias, scratch, C);
    assert_false(amx_tiles_in_use());
    return C;
}

/* Equal numbers: the same bits, but for the sign of a zero. */
static void check_model(const product *p, bool begins, const float *bias, const float *C) {
    for (size_t i = 0; i < p->n; i++)
        for (size_t o = 0; o < p->ldc; o++) {
            const float expected =
                o < p->outputs ? model(p, i, o, begins, bias) : p->start[i * p->ldc + o];

            if (!(C[i * p->ldc + o] == expected))
                fprintf(stderr, "row %zu output %zu of %zu x %zu x %zu: %a, expected %a\n", i, o,
                        p->n, p->columns, p->outputs, (double)C[i * p->ldc + o], (double)expected);
            assert_true(C[i * p->ldc + o] == expected);
        }
}

static void check_product(int32_t storage, size_t n, size_t columns, size_t outputs, size_t ldc,
                          float size) {
    product p = make_product(storage, n, columns, outputs, ldc, size);
    const bool begins = (n + columns) % 2 == 0;
    const float *bias = (n + outputs) % 3 > 0 ? p.bias : NULL;
    const unsigned long before = amx_emulated_products();
    float *C = multiplied(&p, begins, bias, NULL);

    check_model(&p, begins, bias, C);
    if (!(snnk__cpu_features() & SNNK__CPU_AMX))
        assert_true(
            (amx_emulated_products() > before) ==
            (n >= (storage == SNNK_STORAGE_BF16X3 ? 2 : 8) && columns >= 32 && outputs >= 32));
    free(C);
    free_product(&p);
}

/* ---- Tests ---- */

/* cmocka handles SIGILL itself, test by test. */
static void begin_test(void **state) {
    (void)state;
    assert_true(amx_emulation_start());
}

static void products_have_the_bits_of_the_model(void **state) {
    static const size_t ns[] = {1, 2, 3, 6, 7, 8, 15, 16, 17, 31, 32, 33, 47, 70};
    static const size_t columns[] = {8, 31, 32, 33, 64, 65, 255, 300};
    static const size_t outputs[] = {16, 31, 32, 33, 48, 64, 81};

    begin_test(state);
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
            const size_t o = outputs[(i + 3 * k) % (sizeof outputs / sizeof *outputs)];

            check_product(SNNK_STORAGE_BF16, ns[i], columns[k], o, o + 3, 1);
            check_product(SNNK_STORAGE_INT8, ns[i], columns[k], o, o + 3, 1);
            if ((i + k) % 2 == 0)
                check_product(SNNK_STORAGE_BF16X3, ns[i], columns[k], o, o + 3, 1);
        }
    /* More columns than are packed at once. */
    check_product(SNNK_STORAGE_BF16, 9, 1100, 40, 41, 1);
    check_product(SNNK_STORAGE_INT8, 9, 1100, 40, 41, 1);
    check_product(SNNK_STORAGE_BF16, 2, 1100, 150, 151, 1);
    check_product(SNNK_STORAGE_BF16X3, 9, 1100, 40, 41, 1);
    check_product(SNNK_STORAGE_BF16X3, 2, 1100, 150, 151, 1);
    check_product(SNNK_STORAGE_BF16X3, 1, 300, 150, 151, 1);
}

/* Rows of C 64 bytes, 4 KB, and odd numbers of elements apart. */
static void strides_do_not_matter(void **state) {
    static const size_t strides[] = {48, 80, 1024, 1040, 97};

    begin_test(state);
    for (size_t k = 0; k < sizeof strides / sizeof *strides; k++)
        for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_BF16X3; s++)
            check_product(s, 20, 70, 48, strides[k], 1);
}

/* A, products and sums of the order of the smallest normal number. */
static void check_subnormal(int32_t storage, size_t n, float size) {
    product p = make_product(storage, n, 64, 48, 48, size);

    for (size_t j = 0; j < n * p.ldc; j++) p.start[j] *= 0x1p-125F;
    for (size_t o = 0; o < p.outputs; o++) p.bias[o] *= 0x1p-125F;
    for (int begins = 0; begins < 2; begins++) {
        float *C = multiplied(&p, begins, p.bias, NULL);

        check_model(&p, begins, p.bias, C);
        free(C);
    }
    free_product(&p);
}

/* On both paths. With pairs, what rounding leaves is subnormal much sooner. */
static void subnormal_numbers_are_zeros(void **state) {
    static const float sizes[] = {0x1p-113F, 0x1p-121F, 0x1p-125F, 0x1p-127F, 0x1p-135F};

    begin_test(state);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (size_t n = 1; n <= 9; n += 8) {
            check_subnormal(SNNK_STORAGE_BF16, n, sizes[k]);
            check_subnormal(SNNK_STORAGE_BF16X3, n, sizes[k]);
        }
}

/* Whatever the mode of the thread, the results are the same, and the mode is left alone: in tiles,
 * and in AVX-512 for few rows. */
static void the_mode_of_the_thread_is_kept(void **state) {
    begin_test(state);
    for (size_t k = 0; k < 4; k++) {
        product p = make_product(k % 2 ? SNNK_STORAGE_BF16 : SNNK_STORAGE_BF16X3, k < 2 ? 1 : 9, 96,
                                 40, 40, 1);
        float *expected = multiplied(&p, true, p.bias, NULL);
        const unsigned mode = __builtin_ia32_stmxcsr();

        assert_int_equal(mode & 0x8040, 0);
        __builtin_ia32_ldmxcsr(mode | 0x6000); /* towards zero */
        float *C = multiplied(&p, true, p.bias, NULL);
        const unsigned after = __builtin_ia32_stmxcsr();
        __builtin_ia32_ldmxcsr(mode);
        assert_int_equal(after & 0xe040, 0x6000);
        assert_memory_equal(C, expected, p.n * p.ldc * sizeof *C);
        free(C);
        free(expected);
        free_product(&p);
    }
}

/* One by one, in other places, and in tall blocks. */
static void rows_have_the_same_bits_everywhere(void **state) {
    begin_test(state);
    for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_BF16X3; s++) {
        product p = make_product(s, 135, 300, 49, 49, 1);
        void *scratch = aligned_alloc(
            64, (snnk__narrow_scratch(amx->tall, 300, s == SNNK_STORAGE_BF16X3 ? 4 : 2) + 63) / 64 *
                    64);
        float *whole = multiplied(&p, true, p.bias, NULL);
        float *tall = multiplied(&p, true, p.bias, scratch);
        float *parts = malloc(p.n * p.ldc * sizeof *parts);

        assert_memory_equal(tall, whole, p.n * p.ldc * sizeof *whole);
        for (size_t i = 0, n = 1; i < p.n; i += n, n = n % 19 + 3) {
            if (n > p.n - i) n = p.n - i;
            multiply_rows(&p, i, n, true, p.bias, NULL, parts);
        }
        assert_memory_equal(parts, whole, p.n * p.ldc * sizeof *whole);
        free(parts);
        free(tall);
        free(whole);
        free(scratch);
        free_product(&p);
    }
}

/* One after the other, in tiles and in AVX-512. */
static void parts_of_the_columns_give_the_same_bits(void **state) {
    begin_test(state);
    for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_BF16X3; s++)
        for (size_t n = 1; n <= 20; n += 19) {
            product p = make_product(s, n, 2 * BLOCK + 75, 70, 70, 1);
            float *whole = multiplied(&p, true, p.bias, NULL);
            float *parts = malloc(n * p.ldc * sizeof *parts);

            multiply_some(&p, 0, n, 0, BLOCK, true, NULL, NULL, parts);
            multiply_some(&p, 0, n, BLOCK, BLOCK + 75, false, p.bias, NULL, parts);
            assert_memory_equal(parts, whole, n * p.ldc * sizeof *whole);
            free(parts);
            free(whole);
            free_product(&p);
        }
}

/* Against the product in double. An element a leaves 2^-8 a at most after one bf16, and 2^-17 a
 * after two. So the unit misses 2^-16 |a m|, the product of what m and a leave, and 2^-17 |a m|,
 * what two bf16 leave of a. To that come the roundings of sums: of a term in its tile 17, then one
 * for each product of a tile, each 2^-24 of the magnitudes, which are at most (1 + 2^-7) |a m|. */
static void pairs_are_exact_to_16_bits(void **state) {
    begin_test(state);
    for (size_t n = 1; n <= 33; n += 32)
        for (size_t columns = 31; columns <= 931; columns += 300) {
            product p = make_product(SNNK_STORAGE_BF16X3, n, columns, 40, 40, 1);
            float *C = multiplied(&p, true, NULL, NULL);
            const double roundings = 17 + 3 * (double)((columns + 31) / 32);
            double errors = 0, squares = 0;

            for (size_t i = 0; i < n; i++)
                for (size_t o = 0; o < p.outputs; o++) {
                    double sum = 0, size = 0;

                    for (size_t k = 0; k < columns; k++) {
                        const double term =
                            (double)p.A[i * p.lda + k] * (double)snnk__panels_entry(&p.M, o, k);

                        sum += term;
                        size += fabs(term);
                    }
                    assert_close(C[i * p.ldc + o], sum, 0,
                                 size * (0x1p-16 + 0x1p-17 + roundings * 0x1p-24 * 1.01));
                    errors += pow((double)C[i * p.ldc + o] - sum, 2);
                    squares += sum * sum;
                }
            /* Rounding to bf16 is off by 0.0016 (rms, see test_quantize.c); both errors are its
             * square. Not more, and not less: then this would be no test of three products. */
            const double error = sqrt(errors / squares), expected = sqrt(2) * 0.001595 * 0.001595;

            assert_true(error < 2 * expected && error > expected / 2);
            free(C);
            free_product(&p);
        }
}

/* Outputs in bf16 are those in float, rounded: through tiles, and for few rows or outputs. */
static void rounded_products(void **state) {
    static const size_t ns[] = {1, 5, 8, 20, 33, 100}, outputs[] = {9, 33, 64, 81};

    begin_test(state);
    for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_INT8; s++)
        for (size_t k = 0; k < 6 * 4; k++) {
            const size_t columns = k % 3 ? amx->rounded_columns : 65;
            product p = make_product(s, ns[k / 4], columns, outputs[k % 4], outputs[k % 4] + 3,
                                     k % 2 ? 1 : 0x1p-126F);
            void *scratch =
                aligned_alloc(64, (snnk__narrow_scratch(amx->tall, columns, 2) + 63) / 64 * 64);
            snnk__narrow_rounding *multiply =
                s == SNNK_STORAGE_BF16 ? amx->bf16_rounded : amx->int8_rounded;
            const float *bias = k % 5 ? p.bias : NULL;
            uint16_t *C16 = malloc(p.n * p.ldc * sizeof *C16);

            if (p.n == 20) p.A[p.lda] = NAN;
            float *C = multiplied(&p, true, bias, NULL);
            for (int tall = 0; tall < 2; tall++) {
                for (size_t j = 0; j < p.n * p.ldc; j++) C16[j] = 0x5555;
                multiply(p.n, p.A, p.lda, &p.M, bias, true, C16, p.ldc, tall ? scratch : NULL);
                assert_false(amx_tiles_in_use());
                for (size_t j = 0; j < p.n * p.ldc; j++)
                    assert_int_equal(C16[j], j % p.ldc < p.outputs ? nearest_bf16(C[j]) : 0x5555);
            }
            free(C16);
            free(C);
            free(scratch);
            free_product(&p);
        }
}

static void not_finite_stays_in_its_row(void **state) {
    begin_test(state);
    for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_BF16X3; s++)
        for (size_t n = 3; n <= 20; n += 17) {
            /* Few outputs are left to AVX-512. */
            product p = make_product(s, n, 100, n == 3 ? 30 : 33, 33, 1);

            p.A[p.lda + 7] = NAN;
            p.A[2 * p.lda + 99] = -INFINITY;
            float *C = multiplied(&p, true, p.bias, NULL);
            for (size_t i = 0; i < n; i++)
                for (size_t o = 0; o < p.outputs; o++)
                    assert_true(isfinite(C[i * p.ldc + o]) == (i != 1 && i != 2));
            free(C);
            free_product(&p);
        }
}

/* ---- Layers ---- */

static snnk_layer *make_layer(size_t d, size_t m, size_t l, int32_t storage) {
    snnk_map_config config;
    snnk_map *map;
    snnk_layer *layer, *narrow;
    float *Psi = malloc(l * m * sizeof *Psi), *bias = malloc(l * sizeof *bias);

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = m;
    config.offset_scale = 0.5;
    config.projection_scale = 0.1;
    assert_ok(snnk_map_create(d, &config, NULL, &map));
    draw_floats(Psi, l * m, 41);
    draw_floats(bias, l, 42);
    assert_ok(snnk_layer_create(map, l, Psi, m, bias, &layer));
    assert_ok(snnk_layer_quantize(layer, storage, &narrow));
    snnk_layer_free(layer);
    snnk_map_free(map);
    free(bias);
    free(Psi);
    return narrow;
}

/* The same layer in the AVX-512 table: the same weights, and sums in another order. */
static void check_layer(size_t d, size_t m, size_t l, int32_t storage, size_t n_step) {
    enum { N = 70 };
    float *X = malloc(N * d * sizeof *X), *whole = malloc(N * l * sizeof *whole);
    float *part = malloc(N * l * sizeof *part);
    snnk_layer *layer = make_layer(d, m, l, storage);
    const size_t step = storage == SNNK_STORAGE_BF16X3 ? 66 : 23;

    draw_floats(X, N * d, 43);
    assert_ok(snnk_layer_forward(layer, N, X, d, whole, l, NULL));
    for (size_t n = 1; n <= N; n += n_step) {
        const size_t first = (7 * n) % (N - n + 1);

        assert_ok(snnk_layer_forward(layer, n, X + first * d, d, part, l, NULL));
        assert_memory_equal(part, whole + first * l, n * l * sizeof *part);
    }
    for (size_t threads = 2; threads <= 5; threads += 3)
        for (size_t n = 1; n <= N; n += step) { /* with n < threads, they share outputs */
            snnk_workspace *workspace;

            assert_ok(snnk_workspace_create(threads, NULL, &workspace));
            assert_ok(snnk_layer_forward(layer, n, X, d, part, l, workspace));
            assert_memory_equal(part, whole, n * l * sizeof *part);
            snnk_workspace_free(workspace);
        }
    snnk_layer_free(layer);
    narrow_of_layers = &snnk__narrow_portable;
    layer = make_layer(d, m, l, storage);
    assert_ok(snnk_layer_forward(layer, N, X, d, part, l, NULL));
    snnk_layer_free(layer);
    narrow_of_layers = amx;
    double difference = 0, square = 0;
    for (size_t k = 0; k < N * l; k++) {
        difference += ((double)part[k] - whole[k]) * ((double)part[k] - whole[k]);
        square += (double)part[k] * part[k];
    }
    /* bf16: X and Phi rounded, 2^-8 at most each, and the rounding of int8 features may differ.
     * bf16x3: two products as above, and the other layer is in float. */
    const double pairs = 2 * 0.001595 * 0.001595;
    if (storage == SNNK_STORAGE_BF16X3)
        assert_true(difference <= square * 4 * pairs * pairs && difference > 0);
    else
        assert_true(difference <= square * 0x1p-14);
    free(part);
    free(whole);
    free(X);
}

static void layers_do_not_depend_on_n(void **state) {
    begin_test(state);
    narrow_of_layers = amx;
    for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_BF16X3; s++) {
        const bool pairs = s == SNNK_STORAGE_BF16X3; /* thrice the work for the emulation */

        check_layer(100, 40, 70, s, pairs ? 4 : 1);
        check_layer(70, 16, 50, s, 5);
        check_layer(40, pairs ? 130 : 330, 48, s, pairs ? 23 : 9); /* tall */
        check_layer(33, 1100, 33, s, pairs ? 64 : 31); /* more features than are in memory at
                                                        * once */
    }
    narrow_of_layers = NULL;
}

/* Both layouts hold the same numbers; and a float layer that is made of them, as from a file,
 * computes the same bits once it is rounded again. */
static void rounded_pairs_stay_the_same(void **state) {
    enum { N = 9, D = 40, M = 50, L = 48 };
    static float of_tiles[L * M], of_floats[L * M];
    float X[N * D], Y[N * L], Z[N * L], bias[L];
    snnk_layer *layer, *again, *loaded;

    begin_test(state);
    draw_floats(X, N * D, 44);
    layer = make_layer(D, M, L, SNNK_STORAGE_BF16X3);
    assert_ok(snnk_layer_weights(layer, of_floats, M, NULL));
    snnk_layer_free(layer);
    narrow_of_layers = amx;
    layer = make_layer(D, M, L, SNNK_STORAGE_BF16X3);
    assert_ok(snnk_layer_weights(layer, of_tiles, M, bias));
    assert_memory_equal(of_floats, of_tiles, sizeof of_tiles);
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
    assert_ok(snnk_layer_create(snnk_layer_map(layer), L, of_tiles, M, bias, &loaded));
    assert_ok(snnk_layer_quantize(loaded, SNNK_STORAGE_BF16X3, &again));
    assert_ok(snnk_layer_forward(again, N, X, D, Z, L, NULL));
    assert_memory_equal(Z, Y, sizeof Y);
    narrow_of_layers = NULL;
    snnk_layer_free(again);
    snnk_layer_free(loaded);
    snnk_layer_free(layer);
}

static void failing_allocations_leave_nothing(void **state) {
    test_memory memory;
    const snnk_allocator allocator = test_memory_allocator(&memory);
    float W[40 * 40];
    snnk_layer *layer;
    int status;

    begin_test(state);
    draw_floats(W, 40 * 40, 45);
    assert_ok(snnk_layer_create_dense(40, 40, W, 40, NULL, SNNK_IDENTITY, &allocator, &layer));
    narrow_of_layers = amx;
    assert_survives_failing_allocations(memory, status, {
        snnk_layer *made = NULL;

        status = snnk_layer_quantize(layer, SNNK_STORAGE_BF16X3, &made);
        assert_made(status, made);
        snnk_layer_free(made);
    });
    narrow_of_layers = NULL;
    snnk_layer_free(layer);
    assert_int_equal(memory.alive, 0);
}

/* ---- Processes and threads ---- */

static void *multiply_in_thread(void *of) {
    const product *p = of;

    return multiplied(p, true, p->bias, NULL);
}

static void threads_have_their_own_tiles(void **state) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    product p[THREADS];

    begin_test(state);
    for (size_t t = 0; t < THREADS; t++) {
        const int32_t storage = 1 + (int32_t)t % 3;

        p[t] = make_product(storage, 9 + 7 * t, 260, 40 + t, 50, 1);
        assert_int_equal(pthread_create(&threads[t], NULL, multiply_in_thread, &p[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        void *C;

        assert_int_equal(pthread_join(threads[t], &C), 0);
        check_model(&p[t], true, p[t].bias, C);
        free(C);
        free_product(&p[t]);
    }
}

static void check_forked_child(int32_t storage) {
    product p = make_product(storage, 20, 100, 40, 40, 1);
    float *C = multiplied(&p, true, p.bias, NULL);
    int status;

    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        float *again = malloc(p.n * p.ldc * sizeof *again);

        multiply_rows(&p, 0, p.n, true, p.bias, NULL, again);
        _exit(memcmp(again, C, p.n * p.ldc * sizeof *C) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(C);
    free_product(&p);
}

static void a_forked_child_computes_the_same(void **state) {
    begin_test(state);
    check_forked_child(SNNK_STORAGE_BF16);
    check_forked_child(SNNK_STORAGE_BF16X3);
}

/* ---- Permission ---- */

static int asked;
static bool refuse(void) {
    asked++;
    return false;
}
static bool permit(void) {
    asked++;
    return true;
}

static void without_permission_avx512_is_used(void **state) {
    const uint32_t all = SNNK__CPU_AVX2_FMA | SNNK__CPU_AVX512 | SNNK__CPU_AVX512_NARROW |
                         SNNK__CPU_AVX512_BF16 | SNNK__CPU_AMX;

    begin_test(state);
    asked = 0;
    assert_ptr_equal(snnk__narrow_choose(&snnk__kernels_avx512, all, permit), amx);
    assert_ptr_equal(snnk__narrow_choose(&snnk__kernels_avx512, all, refuse), &snnk__narrow_avx512);
    assert_int_equal(asked, 2);
    /* Nobody asks without AMX, or where other kernels were wanted. */
    assert_ptr_equal(
        snnk__narrow_choose(&snnk__kernels_avx512, all & ~(uint32_t)SNNK__CPU_AMX, permit),
        &snnk__narrow_avx512);
    assert_ptr_equal(snnk__narrow_choose(&snnk__kernels_avx2, all, permit), &snnk__narrow_avx2);
    assert_ptr_equal(snnk__narrow_choose(&snnk__kernels_portable, all, permit),
                     &snnk__narrow_portable);
    assert_int_equal(asked, 2);
    /* The real answer does not change, and agrees with the choice. */
    const bool may = snnk__cpu_permit_amx();
    assert_true(snnk__cpu_permit_amx() == may);
    if (snnk__cpu_features() & SNNK__CPU_AMX)
        assert_true((__real_snnk__narrow_get() == amx) == may ||
                    snnk__kernels_get() != &snnk__kernels_avx512);
    else
        assert_ptr_not_equal(__real_snnk__narrow_get(), amx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_have_the_bits_of_the_model),
        cmocka_unit_test(strides_do_not_matter),
        cmocka_unit_test(subnormal_numbers_are_zeros),
        cmocka_unit_test(the_mode_of_the_thread_is_kept),
        cmocka_unit_test(rows_have_the_same_bits_everywhere),
        cmocka_unit_test(parts_of_the_columns_give_the_same_bits),
        cmocka_unit_test(pairs_are_exact_to_16_bits),
        cmocka_unit_test(rounded_products),
        cmocka_unit_test(not_finite_stays_in_its_row),
        cmocka_unit_test(layers_do_not_depend_on_n),
        cmocka_unit_test(rounded_pairs_stay_the_same),
        cmocka_unit_test(failing_allocations_leave_nothing),
        cmocka_unit_test(threads_have_their_own_tiles),
        cmocka_unit_test(a_forked_child_computes_the_same),
        cmocka_unit_test(without_permission_avx512_is_used),
    };

    if (!(snnk__cpu_features() & SNNK__CPU_AVX512_BF16)) {
        printf("no AVX-512 with bf16: the AMX kernels are not tested\n");
        return 77;
    }
    if (!amx_emulation_start()) {
        printf("neither AMX nor an emulation of it: the AMX kernels are not tested\n");
        return 77;
    }
    printf("AMX: %s\n", snnk__cpu_features() & SNNK__CPU_AMX ? "a real unit" : "emulated");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    printf("a build without AMX kernels: they are not tested\n");
    return 77;
}
#endif
