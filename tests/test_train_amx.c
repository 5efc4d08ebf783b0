/* Training with products in bf16 (src/kernels/correlate_amx.c, src/train): the machine code of AMX,
 * on a real unit or emulated, against a scalar model bit for bit, and gradients against double. */
#define _POSIX_C_SOURCE 200809L
#include "support/amx_emulation.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/trainers.h"

#include "base/cpu.h"
#include "kernels/kernels.h"

/* The linker replaces the library's choice. */
const snnk__narrow *__real_snnk__narrow_get(void);
const snnk__narrow *__wrap_snnk__narrow_get(void);
static const snnk__narrow *narrow_to_use;

const snnk__narrow *__wrap_snnk__narrow_get(void) {
    return narrow_to_use ? narrow_to_use : __real_snnk__narrow_get();
}

#ifdef SNNK_KERNELS_AMX

/* cmocka handles SIGILL itself, test by test. */
static void begin_test(void **state) {
    (void)state;
    narrow_to_use = &snnk__narrow_amx;
    assert_true(amx_emulation_start());
}

/* ---- Sums over rows ---- */

/* As VCVTNE2PS2BF16 does: a subnormal number is zero before it is rounded. */
static float rounded(float a) { return snnk__bf16_value(snnk__bf16_of(amx_multiply_add(1, a, 0))); }

/* One entry: tiles of 32 rows, in which even and odd rows are summed apart; blocks of
 * SNNK__BACK_ROWS rows, whose sums are added to C. a, b: columns with row strides. */
static float model_sum(size_t n, const float *a, size_t lda, const float *b, size_t ldb, float c) {
    for (size_t block = 0; block < n; block += SNNK__BACK_ROWS) {
        const size_t end = block + SNNK__BACK_ROWS < n ? block + SNNK__BACK_ROWS : n;
        float sum = 0;

        for (size_t tile = block; tile < end; tile += 32) {
            float sums[2] = {0, 0};

            for (size_t k = tile; k < tile + 32 && k < end; k++)
                sums[k % 2] =
                    amx_multiply_add(rounded(a[k * lda]), rounded(b[k * ldb]), sums[k % 2]);
            sum = amx_multiply_add(1, sum, amx_multiply_add(1, sums[0], sums[1]));
        }
        c += sum;
    }
    return c;
}

static void check_sums(size_t n, size_t rows, size_t columns) {
    const size_t lda = rows + 3, ldb = columns + 5, ldc = columns + 1;
    float *A = draw(n * lda, n), *B = draw(n * ldb, n + 1), *C = draw((rows + 1) * ldc, n + 2),
          *start = malloc((rows + 1) * ldc * sizeof *start);

    memcpy(start, C, (rows + 1) * ldc * sizeof *C);
    snnk__narrow_amx.correlate(n, rows, columns, A, lda, B, ldb, C, ldc);
    assert_false(amx_tiles_in_use());
    for (size_t j = 0; j <= rows; j++)
        for (size_t k = 0; k < ldc; k++) {
            const size_t at = j * ldc + k;
            const float expected = j < rows && k < columns
                                       ? model_sum(n, A + j, lda, B + k, ldb, start[at])
                                       : start[at];

            assert_memory_equal(&C[at], &expected, sizeof expected);
        }
    free(start), free(C), free(B), free(A);
}

static void sums_have_the_bits_of_the_model(void **state) {
    static const size_t ns[] = {1, 2, 31, 33, 128, 161}, rows[] = {1, 16, 17, 33, 145},
                        columns[] = {1, 16, 17, 45};

    begin_test(state);
    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++)
            check_sums(ns[i], rows[j], columns[(i + j) % 4]);
}

/* ---- Gradients ---- */

enum { D = 37, M = 40, L = 35, N = 70 };

/* A linear layer of SNNK features, y = Psi (G x + c) + bias: all gradients are products. */
static snnk_network *linear_network(void) {
    float *G = draw(M * D, 1), *c = draw(M, 2);
    snnk_map_config config = config_of(SNNK_MAP_ELEMENTWISE, M);
    snnk_map *map;

    config.activation = SNNK_IDENTITY;
    assert_ok(snnk_map_create_from_rows(D, M, G, D, c, &config, NULL, &map));
    free(c), free(G);
    snnk_layer *layers[] = {snnk_of(map, L, 3)};

    return network_of(1, layers);
}

typedef struct gradients {
    float *Y, *dX, *Psi, *bias, *G, *c;
} gradients;

static void keep(const snnk_trainer *trainer, int32_t part, float **to) {
    const snnk__parameter *p = parameter_of(trainer, 0, part);

    *to = malloc(p->count * sizeof **to);
    memcpy(*to, p->gradient, p->count * sizeof **to);
}

/* The passes of one trainer. */
static gradients gradients_of(const snnk_network *network, int32_t products, const float *X,
                              const float *dY, size_t threads) {
    snnk_workspace *workspace;
    snnk_train_config config;
    snnk_trainer *trainer;
    snnk_record *record;
    gradients g;

    assert_ok(snnk_workspace_create(threads, NULL, &workspace));
    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.rows_rate = 1;
    config.products = products;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_record_create(trainer, &record));
    g.Y = malloc(N * L * sizeof *g.Y);
    g.dX = malloc(N * D * sizeof *g.dX);
    assert_ok(snnk_trainer_forward(trainer, N, X, D, g.Y, L, record, workspace));
    assert_ok(snnk_trainer_backward(trainer, record, X, D, dY, L, g.dX, D, workspace));
    keep(trainer, SNNK_PART_WEIGHTS, &g.Psi);
    keep(trainer, SNNK_PART_BIAS, &g.bias);
    keep(trainer, SNNK_PART_ROWS, &g.G);
    keep(trainer, SNNK_PART_OFFSETS, &g.c);
    snnk_record_free(record);
    snnk_trainer_free(trainer);
    snnk_workspace_free(workspace);
    return g;
}

static void free_gradients(gradients *g) {
    free(g->Y), free(g->dX), free(g->Psi), free(g->bias), free(g->G), free(g->c);
}

/* A sum of products, and the same of magnitudes. */
typedef struct product {
    double value, size;
} product;

static product dot(size_t n, const double *a, size_t stride_a, const double *b, size_t stride_b) {
    product p = {0, 0};

    for (size_t k = 0; k < n; k++) {
        p.value += a[k * stride_a] * b[k * stride_b];
        p.size += fabs(a[k * stride_a] * b[k * stride_b]);
    }
    return p;
}

static double *doubles_of(size_t n, const float *x) {
    double *to = malloc(n * sizeof *to);

    for (size_t k = 0; k < n; k++) to[k] = x[k];
    return to;
}

/* Set value (n x columns) to A B for strided rows of A and columns of B. */
static void multiply(size_t n, size_t inner, size_t columns, const double *A, size_t stride_row,
                     size_t stride_a, const double *B, size_t stride_column, size_t stride_b,
                     double *value) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++)
            value[i * columns + j] =
                dot(inner, A + i * stride_row, stride_a, B + j * stride_column, stride_b).value;
}

static double *magnitudes(size_t n, const double *x) {
    double *to = malloc(n * sizeof *to);

    for (size_t k = 0; k < n; k++) to[k] = fabs(x[k]);
    return to;
}

/* Check values that had so many roundings to bf16 (2^-9 each) and less than 400 to float (2^-24).
 * size: the same sums of magnitudes. */
static void check_close(size_t n, const float *values, const double *expected, const double *size,
                        int roundings) {
    for (size_t k = 0; k < n; k++) {
        const double bound = (pow(1 + 0x1p-9, roundings) - 1 + 400 * 0x1p-24) * size[k];

        assert_close(values[k], expected[k], 0, bound);
    }
}

static void gradients_are_products_of_rounded_factors(void **state) {
    snnk_network *network = linear_network();
    const snnk_layer *layer = snnk_network_layer(network, 0);
    float *X = draw(N * D, 5), *dY = draw(N * L, 6), G[M * D], c[M], W[L * M];
    double bias[L];

    begin_test(state);
    assert_ok(snnk_map_block_rows(snnk_layer_map(layer), 0, G, D, c));
    assert_ok(snnk_layer_weights(layer, W, M, NULL));
    assert_ok(snnk_layer_bias(layer, bias));
    const unsigned long before = amx_emulated_products();
    gradients g = gradients_of(network, SNNK_STORAGE_BF16, X, dY, 1);
    if (!(snnk__cpu_features() & SNNK__CPU_AMX)) assert_true(amx_emulated_products() > before);

    double *x[2], *dy[2], *rows[2], *psi[2];
    double *Z[2], *Y[2], *dPhi[2], *dPsi[2], *dG[2], *dX[2];

    for (int sizes = 0; sizes < 2; sizes++) { /* of numbers, then of magnitudes */
        double *raw[] = {doubles_of(N * D, X), doubles_of(N * L, dY), doubles_of(M * D, G),
                         doubles_of(L * M, W)};
        static const size_t counts[] = {N * D, N * L, M * D, L * M};
        double **to[] = {&x[sizes], &dy[sizes], &rows[sizes], &psi[sizes]};

        for (int k = 0; k < 4; k++) {
            *to[k] = sizes ? magnitudes(counts[k], raw[k]) : raw[k];
            if (sizes) free(raw[k]);
        }
        Z[sizes] = malloc(N * M * sizeof(double));
        Y[sizes] = malloc(N * L * sizeof(double));
        dPhi[sizes] = malloc(N * M * sizeof(double));
        dPsi[sizes] = malloc(M * L * sizeof(double));
        dG[sizes] = malloc(M * D * sizeof(double));
        dX[sizes] = malloc(N * D * sizeof(double));
        multiply(N, D, M, x[sizes], D, 1, rows[sizes], D, 1, Z[sizes]);
        for (size_t k = 0; k < N * M; k++)
            Z[sizes][k] += sizes ? fabs((double)c[k % M]) : (double)c[k % M];
        multiply(N, M, L, Z[sizes], M, 1, psi[sizes], M, 1, Y[sizes]);
        for (size_t k = 0; k < N * L; k++) Y[sizes][k] += sizes ? fabs(bias[k % L]) : bias[k % L];
        multiply(N, L, M, dy[sizes], L, 1, psi[sizes], 1, M, dPhi[sizes]);
        multiply(M, N, L, Z[sizes], 1, M, dy[sizes], 1, L, dPsi[sizes]);
        multiply(M, N, D, dPhi[sizes], 1, M, x[sizes], 1, D, dG[sizes]);
        multiply(N, M, D, dPhi[sizes], M, 1, rows[sizes], 1, D, dX[sizes]);
    }
    check_close(N * L, g.Y, Y[0], Y[1], 4);         /* X, G, Z, Psi */
    check_close(N * D, g.dX, dX[0], dX[1], 4);      /* dY, Psi, dZ, G */
    check_close(M * L, g.Psi, dPsi[0], dPsi[1], 4); /* X, G, Z, dY */
    check_close(M * D, g.G, dG[0], dG[1], 4);       /* dY, Psi, dZ, X */
    for (size_t o = 0; o < L; o++) {
        const double one = 1;
        const product sum = dot(N, dy[0] + o, L, &one, 0);
        const double expected = sum.value, size = sum.size;

        check_close(1, g.bias + o, &expected, &size, 1);
    }
    for (size_t j = 0; j < M; j++) {
        const double one = 1, expected = dot(N, dPhi[0] + j, M, &one, 0).value,
                     size = dot(N, dPhi[1] + j, M, &one, 0).value;

        check_close(1, g.c + j, &expected, &size, 2);
    }
    for (int k = 0; k < 2; k++) {
        free(x[k]), free(dy[k]), free(rows[k]), free(psi[k]), free(Z[k]), free(Y[k]);
        free(dPhi[k]), free(dPsi[k]), free(dG[k]), free(dX[k]);
    }
    free_gradients(&g);
    free(dY), free(X);
    snnk_network_free(network);
}

static void assert_same(const gradients *a, const gradients *b) {
    assert_memory_equal(a->Y, b->Y, N * L * sizeof(float));
    assert_memory_equal(a->dX, b->dX, N * D * sizeof(float));
    assert_memory_equal(a->Psi, b->Psi, M * L * sizeof(float));
    assert_memory_equal(a->bias, b->bias, L * sizeof(float));
    assert_memory_equal(a->G, b->G, M * D * sizeof(float));
    assert_memory_equal(a->c, b->c, M * sizeof(float));
}

static void threads_give_the_same_bits(void **state) {
    snnk_network *network = linear_network();
    float *X = draw(N * D, 5), *dY = draw(N * L, 6);

    begin_test(state);
    gradients one = gradients_of(network, SNNK_STORAGE_BF16, X, dY, 1);
    for (size_t threads = 2; threads <= 3; threads++) {
        gradients some = gradients_of(network, SNNK_STORAGE_BF16, X, dY, threads);

        assert_same(&one, &some);
        free_gradients(&some);
    }
    free_gradients(&one);
    free(dY), free(X);
    snnk_network_free(network);
}

static void without_amx_nothing_changes(void **state) {
    snnk_network *network = linear_network();
    float *X = draw(N * D, 5), *dY = draw(N * L, 6);

    begin_test(state);
    gradients exact = gradients_of(network, SNNK_STORAGE_F32, X, dY, 1);
    narrow_to_use = &snnk__narrow_portable;
    gradients asked = gradients_of(network, SNNK_STORAGE_BF16, X, dY, 1);
    assert_same(&exact, &asked);
    free_gradients(&asked);
    free_gradients(&exact);
    free(dY), free(X);
    snnk_network_free(network);
}

/* ---- Training ---- */

/* Train a network of a dense and an SNNK layer on targets of another one. */
static double loss_of_training(int32_t products, int32_t used) {
    enum { ROWS = 96, IN = 8 };
    snnk_map_config map_config = config_of(SNNK_MAP_ELEMENTWISE, 32);
    snnk_layer *layers[] = {dense_of(IN, 32, SNNK_TANH, 11), NULL};
    snnk_train_report report = {.size = sizeof report};
    float *X = draw(ROWS * IN, 21), *Y = malloc(ROWS * sizeof *Y);
    snnk_train_config config;
    snnk_trainer *trainer;
    snnk_map *map;

    map_config.activation = SNNK_GELU;
    assert_ok(snnk_map_create(32, &map_config, NULL, &map));
    layers[1] = snnk_of(map, 1, 31);
    snnk_network *network = network_of(2, layers);
    for (size_t i = 0; i < ROWS; i++) Y[i] = X[i * IN] * X[i * IN + 1] + X[i * IN + 2];
    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.products = products;
    config.heldout_share = 0;
    config.epochs = 15;
    config.batch = 32;
    config.rows_rate = 1;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_trainer_run(trainer, SNNK_ROWS(.n = ROWS, .X = X, .Y = Y), NULL, NULL, &report));
    assert_int_equal(report.products, used);
    snnk_trainer_free(trainer);
    snnk_network_free(network);
    free(Y), free(X);
    return report.loss;
}

/* Steps in bf16 learn about as much as steps in float: both losses are a small part of the loss of
 * zeros, about 1/3 + 1/9. */
static void training_learns_as_in_float(void **state) {
    begin_test(state);
    const double exact = loss_of_training(SNNK_STORAGE_F32, SNNK_STORAGE_F32),
                 in_bf16 = loss_of_training(SNNK_STORAGE_BF16, SNNK_STORAGE_BF16);

    assert_true(exact < 0.15);
    assert_true(in_bf16 < 1.2 * exact && in_bf16 != exact);
    narrow_to_use = &snnk__narrow_portable;
    assert_true(loss_of_training(SNNK_STORAGE_BF16, SNNK_STORAGE_F32) == exact);
}

static void a_checkpoint_keeps_the_setting(void **state) {
    snnk_network *network = linear_network();
    snnk_train_config config;
    snnk_trainer *trainer, *loaded;
    test_files files;

    begin_test(state);
    test_files_make(&files);
    const char *path = test_path(&files, "checkpoint");
    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.products = SNNK_STORAGE_BF16;
    assert_ok(snnk_trainer_create(network, &config, &trainer));
    assert_ok(snnk_trainer_save(trainer, path));
    assert_ok(snnk_trainer_load(path, network, NULL, &loaded));
    assert_int_equal(loaded->config.products, SNNK_STORAGE_BF16);
    snnk_trainer_free(loaded);
    snnk_trainer_free(trainer);
    test_files_remove(&files);
    snnk_network_free(network);
}

static void other_products_are_refused(void **state) {
    snnk_network *network = linear_network();
    snnk_train_config config;
    snnk_trainer *trainer;

    begin_test(state);
    assert_ok(snnk_train_config_init(&config, sizeof config));
    config.products = SNNK_STORAGE_INT8;
    assert_status(snnk_trainer_create(network, &config, &trainer), SNNK_E_ENUM);
    config.products = SNNK_STORAGE_BF16;
    config.optimizer = SNNK_OPTIMIZER_LBFGS;
    assert_status(snnk_trainer_create(network, &config, &trainer), SNNK_E_UNSUPPORTED);
    snnk_network_free(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_have_the_bits_of_the_model),
        cmocka_unit_test(gradients_are_products_of_rounded_factors),
        cmocka_unit_test(threads_give_the_same_bits),
        cmocka_unit_test(without_amx_nothing_changes),
        cmocka_unit_test(training_learns_as_in_float),
        cmocka_unit_test(a_checkpoint_keeps_the_setting),
        cmocka_unit_test(other_products_are_refused),
    };

    if (!(snnk__cpu_features() & SNNK__CPU_AVX512_BF16)) {
        printf("no AVX-512 with bf16: training with AMX is not tested\n");
        return 77;
    }
    if (!amx_emulation_start()) {
        printf("neither AMX nor an emulation of it: training with AMX is not tested\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    printf("a build without AMX kernels: they are not tested\n");
    return 77;
}
#endif
