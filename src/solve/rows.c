/* Rows as callers give them: parts of them, weights, weighted means. */
#include "base/size.h"
#include "solve/lstsq.h"

snnk__rows snnk__rows_some(const snnk__rows *rows, size_t first, size_t count) {
    snnk__rows some = *rows;

    some.n = count;
    if (first == 0) return some;
    some.Phi += first * rows->ldphi;
    if (some.Y) some.Y += first * rows->ldy;
    if (some.labels) some.labels += first;
    if (some.weights) some.weights += first;
    return some;
}

size_t snnk__rows_next(size_t left, size_t most) {
    const size_t parts = (left - 1) / most + 1;

    return (left - 1) / parts + 1;
}

double snnk__rows_weight(const snnk__rows *rows) {
    double sum = 0;

    if (!rows->weights) return (double)rows->n;
    for (size_t i = 0; i < rows->n; i++) sum += (double)rows->weights[i];
    return sum;
}

/* As the first row and what the others differ by. */
void snnk__weighted_means(size_t n, size_t columns, const float *X, size_t ldx,
                          const float *weights, double *mean) {
    double all = 0;

    for (size_t c = 0; c < columns; c++) mean[c] = 0;
    for (size_t k = 0; k < n; k++) {
        const float *x = X + k * ldx;
        const double weight = weights ? (double)weights[k] : 1;

        all += weight;
        for (size_t c = 0; c < columns; c++) mean[c] += weight * ((double)x[c] - (double)X[c]);
    }
    for (size_t c = 0; c < columns; c++) mean[c] = (double)X[c] + mean[c] / all;
}
