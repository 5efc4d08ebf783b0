/* src/network/quantize.c, src/kernels/narrow.c: the products of each kernel compared with rounded
 * factors; layers and networks compared with their float originals. */
#include "support/alloc.h"
#include "support/bf16.h"
#include "support/compare.h"
#include "support/draw.h"

#include <stdbool.h>

#include "base/cpu.h"
#include "kernels/kernels.h"

static const double eps = 0x1p-24;

/* ---- Rounding ---- */

/* IEEE 754: to nearest, ties to even, at the 8th binary digit. */
static void bf16_rounds_to_nearest(void **state) {
    static const float pairs[][2] = {
        {1, 1},
        {1 + 0x1p-8f, 1},                      /* a tie: the even number is below */
        {1 + 0x1p-8f + 0x1p-20f, 1 + 0x1p-7f}, /* above it */
        {1 + 0x1p-7f + 0x1p-8f, 1 + 0x1p-6f},  /* a tie: the even number is above */
        {-3.14159274f, -3.140625f},            /* 11.001001 in binary */
        {0x1.fffffep127f, INFINITY},           /* above the largest */
        {0x1p-149f, 0},
        {-0.0f, -0.0f},
        {INFINITY, INFINITY}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const float value = snnk__bf16_value(snnk__bf16_of(pairs[i][0]));

        assert_true(value == pairs[i][1] && signbit(value) == signbit(pairs[i][1]));
    }
    assert_true(isnan(snnk__bf16_value(snnk__bf16_of(NAN))));
}

static void check_pair(float x) {
    const snnk__bf16_pair pair = snnk__bf16_pair_of(x);
    const double high = (double)snnk__bf16_value(pair.high),
                 low = (double)snnk__bf16_value(pair.low), error = fabs(high + low - (double)x);
    const float sum = snnk__bf16_pair_value(pair);
    const snnk__bf16_pair again = snnk__bf16_pair_of(sum);

    /* 8 digits of the number, and 8 of the rest, which is half a unit of them at most. */
    assert_true(error <= 0x1p-16 * fabs((double)x) || error <= 0x1p-134);
    if (fabsf(x) < 0x1.ffp127F)
        assert_true(error <= 0x1p-17 * fabs((double)x) || error <= 0x1p-134);
    assert_true((double)sum == high + low && isfinite(sum));
    assert_true(again.high == pair.high && again.low == pair.low);
    assert_true(signbit(sum) == signbit(x));
    /* The first is the nearest to the sum, unless that would be infinite. */
    if (fabsf(sum) < 0x1.ffp127F) assert_int_equal(pair.high, snnk__bf16_of(sum));
}

/* Float numbers of all sizes, ties and ends. */
static void pairs_hold_16_bits(void **state) {
    static const float special[] = {0,
                                    1,
                                    1 + 0x1p-8F,              /* a tie */
                                    1 + 0x1p-7F + 0x1p-8F,    /* a tie to above */
                                    1 + 0x1p-8F - 0x1p-18F,   /* the rest rounds to a tie */
                                    1 + 0x1.8p-7F - 0x1p-18F, /* likewise */
                                    1 - 0x1p-24F,             /* rounds to a power of two */
                                    0x1.fffffep127F,          /* the largest */
                                    0x1.ff7ffep127F,
                                    0x1.fffefep127F,
                                    0x1.ffp127F,
                                    0x1p-126F,
                                    0x1.fffffep-120F,
                                    0x1.abcdep-128F, /* subnormal */
                                    0x1p-134F,
                                    0x1.8p-133F,
                                    0x1p-149F};
    uint64_t bits = 5;

    (void)state;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        check_pair(special[i]);
        check_pair(-special[i]);
    }
    /* 11.001001 in binary and 0.00096774; 1.0000001 and -(2^-8 - 2^-20). */
    assert_true(snnk__bf16_pair_value(snnk__bf16_pair_of(3.14159274F)) == 3.140625F + 0x1.fcp-11F);
    assert_true(snnk__bf16_pair_value(snnk__bf16_pair_of(1 + 0x1p-8F + 0x1p-20F)) == 1 + 0x1p-8F);
    assert_true(snnk__bf16_pair_value(snnk__bf16_pair_of(0x1.fffffep127F)) == 0x1.fffep127F);
    for (size_t k = 0; k < 2000000; k++) {
        const uint32_t some = (uint32_t)draw_bits(&bits);
        float x;

        memcpy(&x, &some, sizeof x);
        if (isfinite(x)) check_pair(x);
    }
}

static void int8_scales_by_the_largest(void **state) {
    const float x[] = {0.5f, -254, 1, 127, 3}, tiny[] = {1e-40f, -1e-39f}, bad[] = {1, NAN};

    (void)state;
    assert_true(snnk__int8_scale(5, x) == 2);
    assert_int_equal(snnk__int8_of(x[0], 2), 0);
    assert_int_equal(snnk__int8_of(x[1], 2), -127);
    assert_int_equal(snnk__int8_of(x[2], 2), 0); /* ties to even */
    assert_int_equal(snnk__int8_of(x[3], 2), 64);
    assert_int_equal(snnk__int8_of(x[4], 2), 2);
    assert_true(snnk__int8_scale(2, tiny) == 0);
    assert_int_equal(snnk__int8_of(1e-40f, 0), 0);
    assert_true(snnk__int8_scale(0, x) == 0);
    assert_true(isnan(snnk__int8_scale(2, bad)));
}

/* ---- Products ---- */

enum { BLOCK = SNNK__NARROW_BLOCK, TABLES = 8 };

/* The tables that this processor runs. */
static size_t tables(const snnk__narrow *found[TABLES]) {
    size_t count = 0;

    found[count++] = &snnk__narrow_portable;
#ifdef __x86_64__
    const uint32_t features = snnk__cpu_features();

    if (features & SNNK__CPU_AVX2_FMA) found[count++] = &snnk__narrow_avx2;
#ifdef SNNK_KERNELS_AVX_VNNI
    if (features & SNNK__CPU_AVX_VNNI) found[count++] = &snnk__narrow_avx_vnni;
#endif
    if (features & SNNK__CPU_AVX512_NARROW) found[count++] = &snnk__narrow_avx512;
    if (features & SNNK__CPU_AVX512_BF16) found[count++] = &snnk__narrow_avx512_bf16;
#elif defined(__aarch64__)
    found[count++] = &snnk__narrow_neon;
#ifdef SNNK_KERNELS_NEON_DOT
    if (snnk__cpu_features() & SNNK__CPU_NEON_DOT) found[count++] = &snnk__narrow_neon_dot;
#endif
#endif
    return count;
}

/* An element of A as the kernel rounds it. */
static double rounded(const snnk__narrow *narrow, int32_t storage, float x, float scale) {
    if (storage == SNNK_STORAGE_INT8) return (double)scale * snnk__int8_of(x, scale);
    return (double)(narrow->rounds ? snnk__bf16_value(snnk__bf16_of(x)) : x);
}

typedef struct product {
    const snnk__narrow *narrow;
    int32_t storage;
    size_t n, columns, outputs, lda, ldc;
    float *A, *bias;
    snnk__panels M;
} product;

static product make_product(const snnk__narrow *narrow, int32_t storage, size_t n, size_t columns,
                            size_t outputs) {
    product p = {narrow, storage, n, columns, outputs, .lda = columns + 3, .ldc = outputs + 2};
    float *W = malloc(outputs * columns * sizeof *W);
    snnk_allocator allocator;

    p.A = malloc(n * p.lda * sizeof *p.A);
    p.bias = malloc(outputs * sizeof *p.bias);
    assert_ok(snnk__allocator_read(&allocator, NULL));
    draw_floats(p.A, n * p.lda, columns);
    draw_floats(W, outputs * columns, outputs);
    draw_floats(p.bias, outputs, 7);
    assert_ok(snnk__panels_create_narrow(&allocator, outputs, columns, storage, "M", &p.M));
    for (size_t j = 0; j < outputs; j++) snnk__panels_set_row(&p.M, j, W + j * columns);
    free(W);
    return p;
}

static void free_product(product *p) {
    snnk_allocator allocator;

    assert_ok(snnk__allocator_read(&allocator, NULL));
    snnk__panels_free(&allocator, &p->M);
    free(p->A);
    free(p->bias);
}

/* Columns first ... first+count-1 of rows i ... i+n-1. */
static void multiply_some(const product *p, size_t i, size_t n, size_t first, size_t count,
                          bool begins, const float *bias, float *C) {
    snnk__narrow_product *multiply =
        p->storage == SNNK_STORAGE_BF16 ? p->narrow->bf16 : p->narrow->int8;

    multiply(n, p->A + i * p->lda + first, p->lda, &p->M, first, count, begins, bias, C, p->ldc,
             NULL);
}

static float *filled(const product *p) {
    float *C = malloc(p->n * p->ldc * sizeof *C);

    for (size_t k = 0; k < p->n * p->ldc; k++) C[k] = 2.5F;
    return C;
}

/* The sum of the rounded factors of row i and output o, and of its magnitudes. */
static double exact_product(const product *p, size_t i, size_t o, double *size) {
    double sum = 0;
    float scale = 0;

    for (size_t k = 0; k < p->columns; k++) {
        const float *a = p->A + i * p->lda;

        if (k % BLOCK == 0)
            scale = snnk__int8_scale(k + BLOCK < p->columns ? BLOCK : p->columns - k, a + k);
        const double term =
            rounded(p->narrow, p->storage, a[k], scale) * (double)snnk__panels_entry(&p->M, o, k);

        sum += term;
        *size += fabs(term);
    }
    return sum;
}

/* Float sums of `columns` products; for int8 three roundings of the exact sum of each block, and
 * one for each addition. */
static void check_product(const snnk__narrow *narrow, int32_t storage, size_t n, size_t columns,
                          size_t outputs, bool begins, bool with_bias) {
    product p = make_product(narrow, storage, n, columns, outputs);
    float *C = filled(&p);
    const double roundings = storage == SNNK_STORAGE_BF16
                                 ? (double)columns + 2
                                 : 4 + (double)((columns + BLOCK - 1) / BLOCK);

    multiply_some(&p, 0, n, 0, columns, begins, with_bias ? p.bias : NULL, C);
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < p.ldc; o++) {
            if (o >= outputs) {
                assert_true(C[i * p.ldc + o] == 2.5F);
                continue;
            }
            const double bias = with_bias ? (double)p.bias[o] : 0, start = begins ? 0 : 2.5;
            double size = start + fabs(bias);
            const double sum = exact_product(&p, i, o, &size) + start + bias;

            assert_close(C[i * p.ldc + o], sum, 0, roundings * eps * size);
        }
    free(C);
    free_product(&p);
}

static void products_are_those_of_rounded_factors(void **state) {
    const snnk__narrow *found[TABLES];
    const size_t count = tables(found);
    static const size_t ns[] = {1, 2, 5, 6, 7, 13, 24, 33},
                        columns[] = {1, 2, 3, 4, 5, 17, 64, 255, 256, 300, 1030};
    static const size_t outputs[] = {1, 15, 16, 17, 33, 64, 65, 128, 150};

    (void)state;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
            for (size_t j = 0; j < sizeof columns / sizeof *columns; j++)
                for (size_t half = 0; half < 2; half++) {
                    const size_t o = (i + 3 * j + 5 * half) % (sizeof outputs / sizeof *outputs);
                    const bool begins = (i + o) % 2 == 0, bias = (j + o) % 2 == 0;

                    for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_INT8; s++)
                        check_product(found[k], s, ns[i], columns[j], outputs[o], begins, bias);
                }
}

static void check_rounded(const snnk__narrow *narrow, int32_t storage, size_t n, size_t columns,
                          size_t outputs, float size) {
    product p = make_product(narrow, storage, n, columns, outputs);
    float *C = filled(&p);
    uint16_t *rounded = malloc(n * p.ldc * sizeof *rounded);
    snnk__narrow_rounding *multiply =
        storage == SNNK_STORAGE_BF16 ? narrow->bf16_rounded : narrow->int8_rounded;

    for (size_t k = 0; k < n * p.lda; k++) p.A[k] *= size;
    if (n > 2 && size == 1) p.A[p.lda] = NAN;
    for (int way = 0; way < 4; way++) { /* with an instruction, and with a bias */
        const bool converts = way % 2 && (snnk__cpu_features() & SNNK__CPU_AVX512_BF16);
        const float *bias = way < 2 ? NULL : p.bias;

        multiply_some(&p, 0, n, 0, columns, true, bias, C);
        for (size_t k = 0; k < n * p.ldc; k++) rounded[k] = 0x5555;
        multiply(n, p.A, p.lda, &p.M, bias, converts, rounded, p.ldc, NULL);
        for (size_t k = 0; k < n * p.ldc; k++)
            assert_int_equal(rounded[k], k % p.ldc < outputs ? nearest_bf16(C[k]) : 0x5555);
    }
    free(rounded);
    free(C);
    free_product(&p);
}

/* Outputs in bf16 are those in float, rounded; also where they are subnormal. */
static void rounded_products(void **state) {
    static const size_t ns[] = {1, 5, 24, 33}, columns[] = {1, 7, 64, 256};
    static const size_t outputs[] = {1, 7, 16, 17, 31, 33, 64, 65, 130, 150};
    const snnk__narrow *found[TABLES];
    const size_t count = tables(found);

    (void)state;
    for (size_t k = 0; k < count; k++)
        for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_INT8; s++) {
            assert_true(found[k]->rounded_columns >= 256);
            for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
                for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++)
                    check_rounded(found[k], s, ns[i], columns[(i + o) % 4], outputs[o],
                                  o % 3 ? 1 : 0x1p-126F);
            if (found[k]->rounded_columns < 2000)
                check_rounded(found[k], s, 25, found[k]->rounded_columns, 70, 1);
        }
}

/* The same bits for rows one by one; for blocks of columns one after the other; the bias is one
 * addition, after all others. int8 sums are whole numbers, so all vector tables give the same. */
static void parts_give_the_same_bits(void **state) {
    const snnk__narrow *found[TABLES];
    const size_t count = tables(found);
    float *of_vectors = NULL;

    (void)state;
    for (size_t k = 0; k < count; k++)
        for (int32_t s = SNNK_STORAGE_BF16; s <= SNNK_STORAGE_INT8; s++) {
            product p = make_product(found[k], s, 37, 1291, 83);
            float *whole = filled(&p), *parts = filled(&p), *sums = filled(&p);

            multiply_some(&p, 0, p.n, 0, p.columns, true, p.bias, whole);
            for (size_t i = 0; i < p.n; i++) {
                float *C = parts + i * p.ldc;

                multiply_some(&p, i, 1, 0, 512, true, NULL, C);
                multiply_some(&p, i, 1, 512, 256, false, NULL, C);
                multiply_some(&p, i, 1, 768, 523, false, p.bias, C);
            }
            assert_memory_equal(parts, whole, p.n * p.ldc * sizeof *whole);
            multiply_some(&p, 0, p.n, 0, p.columns, true, NULL, sums);
            for (size_t i = 0; i < p.n; i++)
                for (size_t o = 0; o < p.outputs; o++) sums[i * p.ldc + o] += p.bias[o];
            assert_memory_equal(sums, whole, p.n * p.ldc * sizeof *whole);
            if (k > 0 && s == SNNK_STORAGE_INT8) {
                if (of_vectors) assert_memory_equal(whole, of_vectors, p.n * p.ldc * sizeof *whole);
                free(of_vectors);
                of_vectors = whole;
            } else {
                free(whole);
            }
            free(sums);
            free(parts);
            free_product(&p);
        }
    free(of_vectors);
}

/* ---- Layers ---- */

enum { D = 300, M1 = 330, M2 = 280, L = 90, N = 70 };

/* Two blocks, relu features and identity, with more than one block of columns in each direction. */
static snnk_layer *make_layer(const snnk_allocator *allocator) {
    snnk_map_config config;
    snnk_map *parts[2], *map;
    snnk_layer *layer;
    const size_t m = M1 + D;
    float *Psi = malloc(L * m * sizeof *Psi), bias[L];

    assert_ok(snnk_map_config_init(&config, sizeof config));
    config.features = M1;
    config.offset_scale = 0.5;
    config.projection_scale = 0.1;
    config.allocator = allocator;
    assert_ok(snnk_map_create(D, &config, NULL, &parts[0]));
    config.kind = SNNK_MAP_IDENTITY;
    assert_ok(snnk_map_create(D, &config, NULL, &parts[1]));
    assert_ok(snnk_map_concat(2, (const snnk_map *const *)parts, &map));
    draw_floats(Psi, L * m, 41);
    draw_floats(bias, L, 42);
    assert_ok(snnk_layer_create(map, L, Psi, m, bias, &layer));
    for (int b = 0; b < 2; b++) snnk_map_free(parts[b]);
    snnk_map_free(map);
    free(Psi);
    return layer;
}

static snnk_layer *make_dense(const snnk_allocator *allocator) {
    float *W = malloc(M2 * L * sizeof *W), bias[M2];
    snnk_layer *layer;

    draw_floats(W, M2 * L, 43);
    draw_floats(bias, M2, 44);
    assert_ok(snnk_layer_create_dense(L, M2, W, L, bias, SNNK_TANH, allocator, &layer));
    free(W);
    return layer;
}

/* Weights are within the storage's step; with F32 they are equal to the bit. */
static void weights_are_rounded(void **state) {
    static float Psi[L * (M1 + D)], rounded_Psi[L * (M1 + D)];
    const size_t m = M1 + D;
    snnk_layer *layer = make_layer(NULL), *made;
    const uint64_t bytes = snnk_layer_weight_bytes(layer);

    (void)state;
    assert_int_equal(bytes, 4 * snnk_layer_parameters(layer));
    assert_ok(snnk_layer_weights(layer, Psi, m, NULL));
    for (int32_t storage = 0; storage <= SNNK_STORAGE_BF16X3; storage++) {
        float bias[L], rounded_bias[L];

        assert_ok(snnk_layer_quantize(layer, storage, &made));
        assert_int_equal(snnk_layer_storage(made), storage);
        assert_ok(snnk_layer_weights(layer, NULL, 0, bias));
        assert_ok(snnk_layer_weights(made, rounded_Psi, m, rounded_bias));
        assert_memory_equal(bias, rounded_bias, sizeof bias);
        for (size_t i = 0; i < L; i++) {
            const size_t starts[] = {0, M1, m};

            for (int b = 0; b < 2; b++) { /* the rows of each block have a scale */
                double largest = 0;

                for (size_t j = starts[b]; j < starts[b + 1]; j++)
                    largest = fmax(largest, fabs((double)Psi[i * m + j]));
                for (size_t j = starts[b]; j < starts[b + 1]; j++) {
                    const double w = Psi[i * m + j];
                    const double steps[] = {0, 0x1p-8 * fabs(w), largest / 254 * 1.000001,
                                            0x1p-16 * fabs(w)};

                    assert_close(rounded_Psi[i * m + j], w, 0, steps[storage]);
                }
            }
        }
        if (storage == SNNK_STORAGE_F32 || storage == SNNK_STORAGE_BF16X3)
            assert_int_equal(snnk_layer_weight_bytes(made), bytes);
        /* Psi and G take this many bytes, with scales for the rows of three matrices; the rest is
         * float. */
        if (storage == SNNK_STORAGE_BF16)
            assert_int_equal(snnk_layer_weight_bytes(made), bytes - 2 * (L * m + M1 * D));
        if (storage == SNNK_STORAGE_INT8)
            assert_int_equal(snnk_layer_weight_bytes(made),
                             bytes - 3 * (L * m + M1 * D) + 4 * (2 * L + M1));
        snnk_layer_free(made);
    }
    snnk_layer_free(layer);
}

/* A sum of products whose factors have independent relative errors e has an error of about e times
 * the root of the sum of their squares. bf16: weights are uniform within a step that is between
 * 2^-8 and 2^-7 of them, e = 2^-7.5/sqrt(12). int8: the step is a 127th of the largest, here of
 * uniform numbers: e = 1/(254 sqrt(3)) of that, which is sqrt(3) times the rms: 1/254; the same for
 * inputs and features. There are two products, G x and Psi phi: sqrt(2) e, and 2 e. bf16x3: the
 * error of bf16, squared, for weights; with AMX, 1.7 times that, for A, and for the product left
 * out. Relu and the distribution of features change that by a factor below 2. */
static void errors_are_as_small_as_rounding(void **state) {
    const double e = 0.005524 / 3.4641, pairs = snnk__narrow_get()->bf16x3 ? 1.7321 : 1;
    const double bounds[] = {0, 1.4142 * e, 2.0 / 254, 1.4142 * e * e * pairs};
    static float X[N * D], Y[N * L], Z[N * L];
    snnk_layer *layer = make_layer(NULL), *made;

    (void)state;
    draw_floats(X, N * D, 45);
    assert_ok(snnk_layer_forward(layer, N, X, D, Y, L, NULL));
    for (int32_t storage = 0; storage <= SNNK_STORAGE_BF16X3; storage++) {
        double difference = 0, square = 0;

        assert_ok(snnk_layer_quantize(layer, storage, &made));
        assert_ok(snnk_layer_forward(made, N, X, D, Z, L, NULL));
        for (size_t k = 0; k < N * L; k++) {
            difference += ((double)Z[k] - Y[k]) * ((double)Z[k] - Y[k]);
            square += (double)Y[k] * Y[k];
        }
        const double error = sqrt(difference / square);

        assert_true(error <= 2 * bounds[storage]);
        assert_true(error >= bounds[storage] / 2);
        snnk_layer_free(made);
    }
    snnk_layer_free(layer);
}

static void rows_do_not_affect_each_other(void **state) {
    static float X[N * D], whole[N * L], part[N * L];
    snnk_layer *layer = make_layer(NULL), *made;

    (void)state;
    draw_floats(X, N * D, 46);
    X[40 * D + 7] = NAN;
    X[41 * D + 299] = INFINITY;
    for (int32_t storage = 1; storage <= SNNK_STORAGE_BF16X3; storage++) {
        assert_ok(snnk_layer_quantize(layer, storage, &made));
        assert_ok(snnk_layer_forward(made, N, X, D, whole, L, NULL));
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < L; j++)
                assert_true(isfinite(whole[i * L + j]) == (i != 40 && i != 41));
        for (size_t threads = 1; threads <= 75; threads += threads < 3 ? 1 : 24)
            for (size_t n = 1; n <= 37; n += 6) {
                snnk_workspace *workspace;

                assert_ok(snnk_workspace_create(threads, NULL, &workspace));
                assert_ok(snnk_layer_forward(made, n, X + 3 * D, D, part, L, workspace));
                assert_memory_equal(part, whole + 3 * L, n * L * sizeof *part);
                snnk_workspace_free(workspace);
            }
        snnk_layer_free(made);
    }
    snnk_layer_free(layer);
}

/* ---- Networks ---- */

static snnk_network *make_network(const snnk_allocator *allocator) {
    snnk_layer *layers[] = {make_layer(allocator), make_dense(allocator)};
    snnk_network *network;

    assert_ok(snnk_network_create(allocator, &network));
    for (int k = 0; k < 2; k++) {
        assert_ok(snnk_network_append(network, layers[k]));
        snnk_layer_free(layers[k]);
    }
    assert_ok(snnk_network_set_note(network, "units", "m/s"));
    return network;
}

static void the_report_is_correct(void **state) {
    static float X[N * D], Y[N * M2], Z[N * M2];
    snnk_network *network = make_network(NULL), *made;
    snnk_quantize_report report = {.size = sizeof report};

    (void)state;
    draw_floats(X, N * D, 47);
    assert_ok(snnk_network_forward(network, N, X, D, Y, M2, NULL));
    for (int32_t storage = 0; storage <= SNNK_STORAGE_BF16X3; storage++) {
        double difference = 0, square = 0, largest = 0;

        assert_ok(snnk_network_quantize(network, storage, SNNK_ROWS(.n = N, .X = X), NULL, &report,
                                        &made));
        assert_ok(snnk_network_forward(made, N, X, D, Z, M2, NULL));
        for (size_t k = 0; k < N * M2; k++) {
            difference += ((double)Z[k] - Y[k]) * ((double)Z[k] - Y[k]);
            square += (double)Y[k] * Y[k];
            largest = fmax(largest, fabs((double)Z[k] - Y[k]));
        }
        assert_close(report.rms, sqrt(square / (N * M2)), 1e-12, 0);
        assert_close(report.relative_error, sqrt(difference / square), 1e-9, 0);
        assert_close(report.largest_error, largest / sqrt(square / (N * M2)), 1e-9, 0);
        assert_int_equal(report.bytes_before, 4 * snnk_network_parameters(network));
        assert_int_equal(report.bytes, snnk_layer_weight_bytes(snnk_network_layer(made, 0)) +
                                           snnk_layer_weight_bytes(snnk_network_layer(made, 1)));
        assert_true((report.relative_error == 0) == (storage == SNNK_STORAGE_F32));
        assert_string_equal(snnk_network_note(made, "units"), "m/s");
        snnk_network_free(made);
    }
    assert_ok(snnk_network_quantize(network, SNNK_STORAGE_INT8, NULL, NULL, &report, &made));
    assert_true(isnan(report.relative_error) && isnan(report.largest_error) && isnan(report.rms));
    snnk_network_free(network);
    /* The new network does not need the old one. */
    assert_ok(snnk_network_forward(made, 2, X, D, Z, M2, NULL));
    snnk_network_free(made);
}

/* Near the ends of float the largest weight stays finite, products of scales overflow no sooner
 * than results, and an output that is NaN does not count as an error of 0. */
static void the_ends_of_float_are_kept(void **state) {
    const float large[] = {3.4e38f, -3.4e38f}, x[] = {1e36f, 1e36f}, one = 1;
    const float small[] = {1e-30f, 2e-30f};
    snnk_quantize_report report = {.size = sizeof report};
    snnk_network *network, *made;
    snnk_layer *layer, *narrow;
    float weights[2], y;

    (void)state;
    assert_ok(snnk_layer_create_dense(1, 2, large, 1, NULL, SNNK_IDENTITY, NULL, &layer));
    assert_ok(snnk_network_create(NULL, &network));
    assert_ok(snnk_network_append(network, layer));
    assert_ok(snnk_network_quantize(network, SNNK_STORAGE_BF16, SNNK_ROWS(.n = 1, .X = &one), NULL,
                                    &report, &made));
    assert_ok(snnk_layer_weights(snnk_network_layer(made, 0), weights, 1, NULL));
    assert_true(weights[0] == 0x1.fep127f && weights[1] == -0x1.fep127f);
    assert_true(report.relative_error < 0x1p-8);
    snnk_network_free(made);
    assert_ok(snnk_network_quantize(network, SNNK_STORAGE_INT8, SNNK_ROWS(.n = 1, .X = x), NULL,
                                    &report, &made));
    assert_true(isnan(report.relative_error) && isnan(report.largest_error)); /* inf - inf */
    snnk_network_free(made);
    snnk_network_free(network);
    snnk_layer_free(layer);

    /* Weights 64 and 127 times 2e-30/127, inputs 127 times 1e36/127 each. */
    assert_ok(snnk_layer_create_dense(2, 1, small, 2, NULL, SNNK_IDENTITY, NULL, &layer));
    assert_ok(snnk_layer_quantize(layer, SNNK_STORAGE_INT8, &narrow));
    assert_ok(snnk_layer_forward(narrow, 1, x, 2, &y, 1, NULL));
    assert_close(y, 191.0 / 127 * 2e6, 1e-6, 0);
    snnk_layer_free(narrow);
    snnk_layer_free(layer);
}

/* Where no matrix unit computes with pairs, they are floats: layers have the bits of float layers
 * with the rounded weights, in whatever way they are called. */
static void pairs_are_floats_without_a_matrix_unit(void **state) {
    static float X[N * L], Y[N * M2], Z[N * M2], W[M2 * L], bias[M2];
    snnk_layer *layer = make_dense(NULL), *pairs, *floats;
    snnk_workspace *workspace;

    (void)state;
    if (snnk__narrow_get()->bf16x3) {
        snnk_layer_free(layer);
        skip();
    }
    draw_floats(X, N * L, 48);
    assert_ok(snnk_layer_quantize(layer, SNNK_STORAGE_BF16X3, &pairs));
    assert_ok(snnk_layer_weights(pairs, W, L, bias));
    assert_ok(snnk_layer_create_dense(L, M2, W, L, bias, SNNK_TANH, NULL, &floats));
    assert_ok(snnk_workspace_create(3, NULL, &workspace));
    for (size_t n = 1; n <= N; n += 23) {
        assert_ok(snnk_layer_forward(pairs, n, X, L, Y, M2, n % 2 ? workspace : NULL));
        assert_ok(snnk_layer_forward(floats, n, X, L, Z, M2, NULL));
        assert_memory_equal(Y, Z, n * M2 * sizeof *Y);
    }
    snnk_workspace_free(workspace);
    snnk_layer_free(floats);
    snnk_layer_free(pairs);
    snnk_layer_free(layer);
}

/* Rounded twice, it computes the same bits. */
static void rounding_again_changes_nothing(void **state) {
    static float X[N * D], Y[N * M2], Z[N * M2];
    snnk_network *network = make_network(NULL), *made, *again;

    (void)state;
    draw_floats(X, N * D, 49);
    for (int32_t storage = 0; storage <= SNNK_STORAGE_BF16X3; storage++) {
        if (storage == SNNK_STORAGE_INT8) continue; /* its scales are rounded */
        assert_ok(snnk_network_quantize(network, storage, NULL, NULL, NULL, &made));
        assert_ok(snnk_network_forward(made, N, X, D, Y, M2, NULL));
        assert_ok(snnk_network_quantize(made, storage, NULL, NULL, NULL, &again));
        assert_ok(snnk_network_forward(again, N, X, D, Z, M2, NULL));
        assert_memory_equal(Y, Z, sizeof Y);
        snnk_network_free(again);
        snnk_network_free(made);
    }
    snnk_network_free(network);
}

static void wrong_arguments_are_refused(void **state) {
    snnk_network *network = make_network(NULL), *empty, *made = network;
    snnk_layer *layer = (snnk_layer *)network;
    snnk_quantize_report report = {.size = sizeof report};
    float X[D] = {0};

    (void)state;
    assert_ok(snnk_network_create(NULL, &empty));
    assert_status(snnk_network_quantize(network, 4, NULL, NULL, NULL, &made), SNNK_E_ENUM);
    assert_null(made);
    assert_status(snnk_network_quantize(network, -1, NULL, NULL, NULL, &made), SNNK_E_ENUM);
    assert_status(snnk_network_quantize(NULL, 1, NULL, NULL, NULL, &made), SNNK_E_NULL);
    assert_status(snnk_network_quantize(network, 1, NULL, NULL, NULL, NULL), SNNK_E_NULL);
    assert_status(snnk_network_quantize(empty, 1, NULL, NULL, NULL, &made), SNNK_E_STATE);
    assert_status(snnk_network_quantize(network, 1, SNNK_ROWS(.n = 1), NULL, NULL, &made),
                  SNNK_E_NULL);
    assert_status(snnk_network_quantize(network, 1, SNNK_ROWS(.n = 1, .X = X, .ldx = D - 1), NULL,
                                        NULL, &made),
                  SNNK_E_STRIDE);
    X[5] = NAN;
    assert_status(snnk_network_quantize(network, 1, SNNK_ROWS(.n = 1, .X = X), NULL, NULL, &made),
                  SNNK_E_NONFINITE);
    assert_says("X[0][5]");
    report.size = 3;
    assert_status(snnk_network_quantize(network, 1, NULL, NULL, &report, &made), SNNK_E_CONFIG);
    assert_status(snnk_layer_quantize(NULL, 1, &layer), SNNK_E_NULL);
    assert_null(layer);
    assert_status(snnk_layer_quantize(snnk_network_layer(network, 0), 4, &layer), SNNK_E_ENUM);
    assert_status(snnk_layer_quantize(snnk_network_layer(network, 0), 1, NULL), SNNK_E_NULL);
    assert_int_equal(snnk_layer_storage(NULL), SNNK_STORAGE_F32);
    assert_int_equal(snnk_layer_weight_bytes(NULL), 0);
    snnk_network_free(empty);
    snnk_network_free(network);
}

static void failing_allocations_leave_nothing(void **state) {
    test_memory memory;
    snnk_allocator allocator = test_memory_allocator(&memory);
    snnk_network *network;
    float X[D] = {0};
    int status;

    (void)state;
    network = make_network(&allocator);
    for (int32_t storage = SNNK_STORAGE_INT8; storage <= SNNK_STORAGE_BF16X3; storage++)
        assert_survives_failing_allocations(memory, status, {
            snnk_network *made = NULL;

            status = snnk_network_quantize(network, storage, SNNK_ROWS(.n = 1, .X = X), NULL, NULL,
                                           &made);
            assert_made(status, made);
            snnk_network_free(made);
        });
    snnk_network_free(network);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_rounds_to_nearest),
        cmocka_unit_test(pairs_hold_16_bits),
        cmocka_unit_test(int8_scales_by_the_largest),
        cmocka_unit_test(products_are_those_of_rounded_factors),
        cmocka_unit_test(rounded_products),
        cmocka_unit_test(parts_give_the_same_bits),
        cmocka_unit_test(weights_are_rounded),
        cmocka_unit_test(errors_are_as_small_as_rounding),
        cmocka_unit_test(rows_do_not_affect_each_other),
        cmocka_unit_test(the_report_is_correct),
        cmocka_unit_test(the_ends_of_float_are_kept),
        cmocka_unit_test(pairs_are_floats_without_a_matrix_unit),
        cmocka_unit_test(rounding_again_changes_nothing),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
