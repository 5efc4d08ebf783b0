#include "trainable.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "common.h"

/* ---- Products ---- */

static void gemm(CBLAS_TRANSPOSE a, CBLAS_TRANSPOSE b, size_t rows, size_t columns, size_t inner,
                 const float *A, const float *B, float beta, float *C) {
    cblas_sgemm(CblasRowMajor, a, b, (int)rows, (int)columns, (int)inner, 1, A,
                (int)(a == CblasTrans ? rows : inner), B, (int)(b == CblasTrans ? inner : columns),
                beta, C, (int)columns);
}

void product(size_t rows, size_t columns, size_t inner, const float *A, const float *B, float *C) {
    gemm(CblasNoTrans, CblasNoTrans, rows, columns, inner, A, B, 0, C);
}

/* C = A B^T */
static void product_transposed(size_t rows, size_t columns, size_t inner, const float *A,
                               const float *B, float *C) {
    gemm(CblasNoTrans, CblasTrans, rows, columns, inner, A, B, 0, C);
}

/* C += A^T B, a sum over n rows. */
static void add_products(size_t rows, size_t columns, size_t n, const float *A, const float *B,
                         float *C) {
    gemm(CblasTrans, CblasNoTrans, rows, columns, n, A, B, 1, C);
}

void add_rows(size_t n, size_t columns, const float *rows, float *sums) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++) sums[j] += rows[i * columns + j];
}

/* ---- Reading and writing layers ---- */

static weights weights_make(size_t count) {
    weights made = {.count = count};
    float **const arrays[] = {&made.value, &made.gradient, &made.mean, &made.square};

    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        *arrays[k] = allocate(count, sizeof(float));
    return made;
}

static void read_map(const snnk_map *map, trainable *to) {
    size_t done = 0;

    to->of[ROWS] = weights_make(to->m * to->inputs);
    to->of[OFFSETS] = weights_make(to->m);
    for (size_t block = 0; block < snnk_map_blocks(map); block++) {
        snnk_map_config config;

        CHECK(snnk_map_config_init(&config, sizeof config));
        CHECK(snnk_map_block_config(map, block, &config));
        CHECK(snnk_map_block_rows(map, block, to->of[ROWS].value + done * to->inputs, to->inputs,
                                  to->of[OFFSETS].value + done));
        done += config.features;
        if (config.activation == SNNK_IDENTITY) to->linear = done;
    }
}

trainable trainable_read(const snnk_layer *layer) {
    const snnk_map *map = snnk_layer_map(layer);
    trainable made = {.inputs = snnk_layer_inputs(layer), .outputs = snnk_layer_outputs(layer)};

    made.m = map ? snnk_map_features(map) : made.inputs;
    if (map) read_map(map, &made);
    made.of[PSI] = weights_make(made.outputs * made.m);
    made.of[BIAS] = weights_make(made.outputs);
    CHECK(snnk_layer_weights(layer, made.of[PSI].value, made.m, made.of[BIAS].value));
    return made;
}

trainable trainable_alias(const trainable *of) {
    trainable made = *of;

    made.is_alias = 1;
    for (int kind = 0; kind < WEIGHTS_KINDS; kind++) {
        weights *w = &made.of[kind];

        w->gradient = w->count > 0 ? allocate(w->count, sizeof *w->gradient) : NULL;
        w->mean = w->square = NULL;
    }
    return made;
}

void trainable_take_gradients(trainable *of, trainable *alias) {
    for (int kind = 0; kind < WEIGHTS_KINDS; kind++)
        for (size_t k = 0; k < of->of[kind].count; k++) {
            of->of[kind].gradient[k] += alias->of[kind].gradient[k];
            alias->of[kind].gradient[k] = 0;
        }
}

void trainable_free(trainable *of) {
    for (int kind = 0; kind < WEIGHTS_KINDS; kind++) {
        if (!of->is_alias) free(of->of[kind].value);
        free(of->of[kind].gradient);
        free(of->of[kind].mean);
        free(of->of[kind].square);
    }
    *of = (trainable){0};
}

/* The map of features first ... first + n - 1. */
static snnk_map *write_features(const trainable *of, size_t first, size_t n, int32_t activation) {
    const float *c = of->of[OFFSETS].value + first;
    snnk_map_config config;
    snnk_map *made;

    CHECK(snnk_map_config_init(&config, sizeof config));
    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = activation;
    CHECK(snnk_map_create_from_rows(of->inputs, n, of->of[ROWS].value + first * of->inputs,
                                    of->inputs, activation == SNNK_IDENTITY ? NULL : c, &config,
                                    NULL, &made));
    return made;
}

static snnk_map *write_map(const trainable *of) {
    snnk_map *maps[2], *made;
    size_t n = 0;

    if (of->linear > 0) maps[n++] = write_features(of, 0, of->linear, SNNK_IDENTITY);
    if (of->linear < of->m)
        maps[n++] = write_features(of, of->linear, of->m - of->linear, SNNK_RELU);
    CHECK(snnk_map_concat(n, (const snnk_map *const *)maps, &made));
    while (n > 0) snnk_map_free(maps[--n]);
    return made;
}

snnk_layer *trainable_write(const trainable *of, int32_t activation) {
    const float *Psi = of->of[PSI].value, *b = of->of[BIAS].value;
    snnk_layer *made;

    if (of->of[ROWS].count == 0) {
        CHECK(snnk_layer_create_dense(of->inputs, of->outputs, Psi, of->inputs, b, activation, NULL,
                                      &made));
    } else {
        snnk_map *map = write_map(of);

        CHECK(snnk_layer_create(map, of->outputs, Psi, of->m, b, &made));
        snnk_map_free(map);
    }
    return made;
}

/* ---- Forward and backward ---- */

void trainable_forward(const trainable *of, size_t n, const float *X, float *Z, float *Phi,
                       float *Y) {
    const size_t m = of->m;
    const float *c = of->of[OFFSETS].value, *b = of->of[BIAS].value;

    if (of->of[ROWS].count > 0) {
        product_transposed(n, m, of->inputs, X, of->of[ROWS].value, Z);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < m; j++) {
                const float z = Z[i * m + j] += c[j];

                Phi[i * m + j] = j < of->linear || z > 0 ? z : 0;
            }
        X = Phi;
    }
    product_transposed(n, of->outputs, m, X, of->of[PSI].value, Y);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < of->outputs; k++) Y[i * of->outputs + k] += b[k];
}

/* Backpropagate through G x + c. dZ holds dPhi before. Offsets of linear features stay 0: the bias
 * has the same effect. */
static void back_through_features(trainable *of, size_t n, const float *X, const float *Z,
                                  float *dZ) {
    const size_t m = of->m;
    float *dc = of->of[OFFSETS].gradient;

    for (size_t i = 0; i < n; i++)
        for (size_t j = of->linear; j < m; j++) {
            if (Z[i * m + j] <= 0) dZ[i * m + j] = 0;
            dc[j] += dZ[i * m + j];
        }
    add_products(m, of->inputs, n, dZ, X, of->of[ROWS].gradient);
}

void trainable_back(trainable *of, size_t n, const float *X, const float *Z, float *Phi,
                    const float *dY, float *dX) {
    const size_t m = of->m;
    const int dense = of->of[ROWS].count == 0;

    add_rows(n, of->outputs, dY, of->of[BIAS].gradient);
    add_products(of->outputs, m, n, dY, dense ? X : Phi, of->of[PSI].gradient);
    if (dense) {
        if (dX) product(n, m, of->outputs, dY, of->of[PSI].value, dX);
        return;
    }
    product(n, m, of->outputs, dY, of->of[PSI].value, Phi);
    back_through_features(of, n, X, Z, Phi);
    if (dX) product(n, of->inputs, m, Phi, of->of[ROWS].value, dX);
}

/* ---- Steps ---- */

static void adam(weights *of, double rate, uint64_t step, float scale) {
    const float keep = 0.9F, keep_square = 0.999F;
    const double unbias = 1 / (1 - pow((double)keep, (double)step));
    const float unbias_square = (float)(1 / (1 - pow((double)keep_square, (double)step)));
    double squares = 0;

    for (size_t k = 0; k < of->count; k++) squares += (double)of->value[k] * of->value[k];

    const float by = (float)(rate * unbias * sqrt(squares / (double)of->count));

    for (size_t k = 0; k < of->count; k++) {
        const float g = scale * of->gradient[k];

        of->mean[k] += (1 - keep) * (g - of->mean[k]);
        of->square[k] += (1 - keep_square) * (g * g - of->square[k]);
        of->value[k] -= by * of->mean[k] / (sqrtf(of->square[k] * unbias_square) + 1e-12F);
        of->gradient[k] = 0;
    }
}

void trainable_step(trainable *of, double rate, uint64_t step, float scale) {
    for (int kind = 0; kind < WEIGHTS_KINDS; kind++)
        if (of->of[kind].count > 0) adam(&of->of[kind], rate, step, scale);
}

/* ---- Test ---- */

enum { INPUTS = 5, OUTPUTS = 3, FEATURES = 4, LINEAR = 1, TEST_ROWS = 6 };

static trainable make_test(int dense) {
    trainable made = {.inputs = INPUTS,
                      .outputs = OUTPUTS,
                      .m = dense ? INPUTS : FEATURES,
                      .linear = dense ? 0 : LINEAR};
    snnk_layer *layer;
    trainable read;

    if (!dense) {
        made.of[ROWS] = weights_make((size_t)FEATURES * INPUTS);
        made.of[OFFSETS] = weights_make(FEATURES);
    }
    made.of[PSI] = weights_make(OUTPUTS * made.m);
    made.of[BIAS] = weights_make(OUTPUTS);
    for (int kind = 0; kind < WEIGHTS_KINDS; kind++)
        fill_irregular(made.of[kind].count, kind, made.of[kind].value);
    if (!dense) memset(made.of[OFFSETS].value, 0, LINEAR * sizeof(float));
    layer = trainable_write(&made, SNNK_IDENTITY);
    read = trainable_read(layer);
    snnk_layer_free(layer);
    trainable_free(&made);
    return read;
}

/* dY . Y */
static double along(const trainable *of, const float *X, const float *dY) {
    float Z[TEST_ROWS * FEATURES], Phi[TEST_ROWS * FEATURES], Y[TEST_ROWS * OUTPUTS];
    double sum = 0;

    trainable_forward(of, TEST_ROWS, X, Z, Phi, Y);
    for (size_t k = 0; k < TEST_ROWS * OUTPUTS; k++) sum += (double)dY[k] * Y[k];
    return sum;
}

/* Y is linear in each single number while no ReLU changes sides. So central differences are off by
 * rounding only, 1e-6 over the step. */
static int agrees(const char *what, size_t k, const trainable *of, const float *X, const float *dY,
                  float *x, float gradient) {
    const float kept = *x, h = 1e-2F;
    double sides[2], difference;

    for (int side = 0; side < 2; side++) {
        *x = side ? kept + h : kept - h;
        sides[side] = along(of, X, dY);
    }
    *x = kept;
    difference = (sides[1] - sides[0]) / (2 * (double)h);
    if (fabs(difference - (double)gradient) <= 1e-3) return 1;
    fprintf(stderr, "gradient of %s, number %zu: %g, expected %g\n", what, k, (double)gradient,
            difference);
    return 0;
}

static int test_gradients(int dense) {
    static const char *const names[WEIGHTS_KINDS] = {"rows", "offsets", "Psi", "a bias"};
    trainable of = make_test(dense);
    float X[TEST_ROWS * INPUTS], dX[TEST_ROWS * INPUTS], dY[TEST_ROWS * OUTPUTS];
    float Z[TEST_ROWS * FEATURES], Phi[TEST_ROWS * FEATURES], Y[TEST_ROWS * OUTPUTS];
    int good = 1;

    fill_irregular(TEST_ROWS * INPUTS, 5, X);
    fill_irregular(TEST_ROWS * OUTPUTS, 6, dY);
    trainable_forward(&of, TEST_ROWS, X, Z, Phi, Y);
    trainable_back(&of, TEST_ROWS, X, Z, Phi, dY, dX);
    for (size_t k = 0; k < TEST_ROWS * INPUTS; k++)
        good &= agrees("inputs", k, &of, X, dY, &X[k], dX[k]);
    for (int kind = 0; kind < WEIGHTS_KINDS; kind++)
        for (size_t k = kind == OFFSETS ? LINEAR : 0; k < of.of[kind].count; k++)
            good &=
                agrees(names[kind], k, &of, X, dY, &of.of[kind].value[k], of.of[kind].gradient[k]);
    trainable_free(&of);
    return good;
}

/* The first step of Adam moves each weight by `rate` root mean squares against the sign of its
 * gradient, whatever its size. A weight with gradient 0 stays. */
static int test_step(void) {
    trainable of = {.inputs = 1, .outputs = 4, .m = 1};
    const float values[] = {3, -1, 1, -1}, gradients[] = {2e-5F, -7, 0, 1e3F};
    const double expected[] = {3 - 0.1 * sqrt(3), -1 + 0.1 * sqrt(3), 1, -1 - 0.1 * sqrt(3)};
    int good = 1;

    of.of[PSI] = weights_make(4);
    memcpy(of.of[PSI].value, values, sizeof values);
    memcpy(of.of[PSI].gradient, gradients, sizeof gradients);
    trainable_step(&of, 0.1, 1, 0.5F);
    for (size_t k = 0; k < 4; k++) {
        const double value = of.of[PSI].value[k];

        if (fabs(value - expected[k]) <= 1e-5 && of.of[PSI].gradient[k] == 0) continue;
        fprintf(stderr, "a step of number %zu: to %g, expected %g\n", k, value, expected[k]);
        good = 0;
    }
    trainable_free(&of);
    return good;
}

int trainable_test(void) { return test_gradients(0) & test_gradients(1) & test_step(); }
