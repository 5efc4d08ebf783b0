#include "attention.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "common.h"

/* ---- Sums ---- */

/* Sums and maxima run in this many lanes, so that compilers vectorise them. */
enum { LANES = 16 };

static float sum_of(size_t n, const float *x) {
    float lanes[LANES] = {0}, sum = 0;
    const size_t whole = n / LANES * LANES;

    for (size_t k = 0; k < whole; k += LANES)
        for (size_t j = 0; j < LANES; j++) lanes[j] += x[k + j];
    for (size_t k = whole; k < n; k++) sum += x[k];
    for (size_t j = 0; j < LANES; j++) sum += lanes[j];
    return sum;
}

static float largest_of(size_t n, const float *x) {
    float lanes[LANES], most = x[0];
    const size_t whole = n / LANES * LANES;

    for (size_t j = 0; j < LANES; j++) lanes[j] = most;
    for (size_t k = 0; k < whole; k += LANES)
        for (size_t j = 0; j < LANES; j++) lanes[j] = x[k + j] > lanes[j] ? x[k + j] : lanes[j];
    for (size_t k = whole; k < n; k++) most = x[k] > most ? x[k] : most;
    for (size_t j = 0; j < LANES; j++) most = lanes[j] > most ? lanes[j] : most;
    return most;
}

static float product_of(size_t n, const float *x, const float *y) {
    float lanes[LANES] = {0}, sum = 0;
    const size_t whole = n / LANES * LANES;

    for (size_t k = 0; k < whole; k += LANES)
        for (size_t j = 0; j < LANES; j++) lanes[j] += x[k + j] * y[k + j];
    for (size_t k = whole; k < n; k++) sum += x[k] * y[k];
    for (size_t j = 0; j < LANES; j++) sum += lanes[j];
    return sum;
}

float squares_of(size_t n, const float *x) { return product_of(n, x, x); }

void add_to(size_t n, const float *x, float *y) {
    for (size_t k = 0; k < n; k++) y[k] += x[k];
}

void apply_dense(const snnk_layer *dense, size_t n, const float *X, float *Y,
                 snnk_workspace *workspace) {
    CHECK(snnk_layer_forward(dense, n, X, snnk_layer_inputs(dense), Y, snnk_layer_outputs(dense),
                             workspace));
}

/* ---- Layer norm ---- */

/* Center a row. Returns 1 / its standard deviation. */
static float center(size_t width, const float *x, float *y) {
    const float mean = sum_of(width, x) / (float)width;

    for (size_t k = 0; k < width; k++) y[k] = x[k] - mean;
    return 1 / sqrtf(squares_of(width, y) / (float)width + 1e-6f);
}

void norm_apply(const layer_norm *norm, size_t n, size_t width, const float *X, float *Y) {
    for (size_t i = 0; i < n; i++, X += width, Y += width) {
        const float scale = center(width, X, Y);

        for (size_t k = 0; k < width; k++) Y[k] = Y[k] * scale * norm->weight[k] + norm->bias[k];
    }
}

/* With u = (x - mean) scale and g = dy weight: dx = scale (g - mean(g) - u mean(g u)). */
void norm_back(const layer_norm *norm, size_t n, size_t width, const float *X, const float *dY,
               float *dX) {
    float *u = allocate(width, sizeof *u), *g = allocate(width, sizeof *g);

    for (size_t i = 0; i < n; i++, X += width, dY += width, dX += width) {
        const float scale = center(width, X, u);

        for (size_t k = 0; k < width; k++) {
            u[k] *= scale;
            g[k] = dY[k] * norm->weight[k];
        }
        const float mean = sum_of(width, g) / (float)width,
                    along = product_of(width, g, u) / (float)width;
        for (size_t k = 0; k < width; k++) dX[k] += scale * (g[k] - mean - u[k] * along);
    }
    free(g);
    free(u);
}

/* ---- Attention ---- */

/* One head of one text. Rows of qkv are 3 width apart, those of Y width. */
typedef struct head {
    int n, size, stride, width;
    float scale;
    size_t at, at_Y; /* offsets of its first query in qkv and of its first output in Y */
} head;

static head head_of(size_t i, size_t k, const size_t *first, size_t width) {
    const size_t size = width / ATTENTION_HEADS, row = first[i] - first[0];

    return (head){.n = (int)(first[i + 1] - first[i]),
                  .size = (int)size,
                  .stride = (int)(3 * width),
                  .width = (int)width,
                  .scale = 1 / sqrtf((float)size),
                  .at = row * 3 * width + k * size,
                  .at_Y = row * width + k * size};
}

/* Replace each row a of A (n x n) by exp(a) / sum exp(a). */
static void softmax(size_t n, float *A) {
    for (size_t i = 0; i < n; i++) {
        float *row = A + i * n;
        const float most = largest_of(n, row);

        for (size_t j = 0; j < n; j++) row[j] -= most;
    }
    CHECK(snnk_activation_eval(SNNK_EXP, n * n, A, A));
    for (size_t i = 0; i < n; i++) {
        float *row = A + i * n;
        const float scale = 1 / sum_of(n, row);

        for (size_t j = 0; j < n; j++) row[j] *= scale;
    }
}

/* P = softmax(Q K^T scale), n x n. */
static void attend(const head *of, const float *qkv, float *P) {
    const float *Q = qkv + of->at, *K = Q + of->width;

    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, of->n, of->n, of->size, of->scale, Q,
                of->stride, K, of->stride, 0, P, of->n);
    softmax((size_t)of->n, P);
}

void attention_apply(size_t n_texts, const size_t *first, size_t width, const float *qkv, float *Y,
                     float *room) {
    for (size_t i = 0; i < n_texts; i++)
        for (size_t k = 0; k < ATTENTION_HEADS && first[i] < first[i + 1]; k++) {
            const head of = head_of(i, k, first, width);

            attend(&of, qkv, room);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, of.n, of.size, of.n, 1, room,
                        of.n, qkv + of.at + 2 * width, of.stride, 0, Y + of.at_Y, of.width);
        }
}

/* Replace dP by dS = P (dP - row sums of dP P). */
static void softmax_back(size_t n, const float *P, float *dP) {
    for (size_t i = 0; i < n; i++) {
        const float along = product_of(n, P + i * n, dP + i * n);

        for (size_t j = 0; j < n; j++) dP[i * n + j] = P[i * n + j] * (dP[i * n + j] - along);
    }
}

/* dV = P^T dY, dP = dY V^T, dQ = dS K scale, dK = dS^T Q scale. */
static void attend_back(const head *of, const float *qkv, const float *dY, float *dqkv, float *P,
                        float *dP) {
    const int n = of->n, size = of->size, stride = of->stride, width = of->width;
    const float *Q = qkv + of->at, *K = Q + width, *V = K + width;
    float *dQ = dqkv + of->at, *dK = dQ + width, *dV = dK + width;

    attend(of, qkv, P);
    dY += of->at_Y;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, size, n, 1, P, n, dY, width, 0, dV,
                stride);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, size, 1, dY, width, V, stride, 0, dP,
                n);
    softmax_back((size_t)n, P, dP);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, size, n, of->scale, dP, n, K, stride,
                0, dQ, stride);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, size, n, of->scale, dP, n, Q, stride, 0,
                dK, stride);
}

void attention_back(size_t n_texts, const size_t *first, size_t width, const float *qkv,
                    const float *dY, float *dqkv, float *room) {
    for (size_t i = 0; i < n_texts; i++)
        for (size_t k = 0; k < ATTENTION_HEADS && first[i] < first[i + 1]; k++) {
            const head of = head_of(i, k, first, width);

            attend_back(&of, qkv, dY, dqkv, room, room + of.n * of.n);
        }
}

/* ---- Test ---- */

enum { TOKENS = 5, WIDTH = 8 };

static void apply_norm(const float *X, float *Y) {
    float weight[WIDTH], bias[WIDTH];

    fill_irregular(WIDTH, 1, weight);
    fill_irregular(WIDTH, 2, bias);
    norm_apply(&(layer_norm){weight, bias}, TOKENS, WIDTH, X, Y);
}

static void back_norm(const float *X, const float *dY, float *dX) {
    float weight[WIDTH], bias[WIDTH];

    fill_irregular(WIDTH, 1, weight);
    fill_irregular(WIDTH, 2, bias);
    norm_back(&(layer_norm){weight, bias}, TOKENS, WIDTH, X, dY, dX);
}

/* Two texts, of 2 and 3 tokens. */
static const size_t firsts[] = {3, 5, 3 + TOKENS};

static void apply_attention(const float *X, float *Y) {
    float room[TOKENS * TOKENS];

    attention_apply(2, firsts, WIDTH, X, Y, room);
}

static void back_attention(const float *X, const float *dY, float *dX) {
    float room[2 * TOKENS * TOKENS];

    attention_back(2, firsts, WIDTH, X, dY, dX, room);
}

/* Compare the gradient of dY . Y with respect to X (n numbers) with central differences. With step
 * h these are off by h^2 = 1e-4 times third derivatives, which are about 1 here, and by the
 * rounding of Y over h, 1e-5. */
static int test_gradient(const char *what, size_t n, void (*apply)(const float *, float *),
                         void (*back)(const float *, const float *, float *)) {
    const float h = 0.01f;
    float X[3 * TOKENS * WIDTH], dX[3 * TOKENS * WIDTH] = {0};
    float dY[TOKENS * WIDTH], Y[2][TOKENS * WIDTH];

    fill_irregular(n, 3, X);
    fill_irregular(TOKENS * WIDTH, 4, dY);
    back(X, dY, dX);
    for (size_t k = 0; k < n; k++) {
        const float x = X[k];
        double expected = 0;

        for (int side = 0; side < 2; side++) {
            X[k] = side ? x + h : x - h;
            apply(X, Y[side]);
        }
        X[k] = x;
        for (size_t j = 0; j < TOKENS * WIDTH; j++)
            expected += (double)dY[j] * ((double)Y[1][j] - (double)Y[0][j]) / (2 * (double)h);
        if (fabs(expected - (double)dX[k]) <= 1e-3) continue;
        fprintf(stderr, "gradient of %s, number %zu: %g, expected %g\n", what, k, (double)dX[k],
                expected);
        return 0;
    }
    return 1;
}

int attention_test(void) {
    return test_gradient("layer norm", TOKENS * WIDTH, apply_norm, back_norm) &
           test_gradient("attention", 3 * TOKENS * WIDTH, apply_attention, back_attention);
}
