#include "rows.h"

#include <math.h>

/* Declare the vector versions of expf (libmvec); gcc uses them by itself only with -ffast-math. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__)
extern float expf(float) __attribute__((simd("notinbranch")));
#endif

/* With explicit lanes, because not every compiler vectorises a maximum, on account of NaN. */
static float largest(size_t width, const float *x) {
    enum { LANES = 16 };
    float lane[LANES], most = x[0];
    size_t j = 0;

    for (size_t i = 0; i < LANES; i++) lane[i] = x[0];
    for (; j + LANES <= width; j += LANES) {
#pragma omp simd
        for (size_t i = 0; i < LANES; i++) lane[i] = x[j + i] > lane[i] ? x[j + i] : lane[i];
    }
    for (; j < width; j++) most = x[j] > most ? x[j] : most;
    for (size_t i = 0; i < LANES; i++) most = lane[i] > most ? lane[i] : most;
    return most;
}

static void softmax(size_t width, float *x) {
    const float most = largest(width, x);
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < width; j++) {
        x[j] = expf(x[j] - most);
        sum += x[j];
    }
    const float scale = 1 / sum;
#pragma omp simd
    for (size_t j = 0; j < width; j++) x[j] *= scale;
}

void rows_softmax(size_t n, size_t width, float *X) {
    for (size_t i = 0; i < n; i++) softmax(width, X + i * width);
}

static void add(size_t width, float *x, const float *y) {
#pragma omp simd
    for (size_t j = 0; j < width; j++) x[j] += y[j];
}

static void norm(size_t width, const float *x, const float *gain, const float *bias,
                 float *normed) {
    float sum = 0, squares = 0;

#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < width; j++) sum += x[j];
    const float mean = sum / (float)width;
#pragma omp simd reduction(+ : squares)
    for (size_t j = 0; j < width; j++) squares += (x[j] - mean) * (x[j] - mean);
    const float scale = 1 / sqrtf(squares / (float)width + 1e-12f);
#pragma omp simd
    for (size_t j = 0; j < width; j++) normed[j] = gain[j] * ((x[j] - mean) * scale) + bias[j];
}

void rows_add_norm(size_t n, size_t width, float *X, const float *Y, const float *gain,
                   const float *bias, float *normed) {
#pragma omp parallel for
    for (size_t i = 0; i < n; i++) {
        if (Y) add(width, X + i * width, Y + i * width);
        norm(width, X + i * width, gain, bias, normed + i * width);
    }
}
