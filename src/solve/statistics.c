#include "solve/statistics.h"

double snnk__lstsq_diagonal(const snnk_lstsq *lstsq, size_t i) {
    const double *row = lstsq->S + i * lstsq->features;
    double sum = 0;

    if (lstsq->factorization == SNNK_FACTORIZATION_GRAM) return row[i];
    for (size_t j = 0; j <= i; j++) sum += row[j] * row[j];
    return sum;
}

double snnk__lstsq_squares(const snnk_lstsq *lstsq, size_t k) {
    const double *row = lstsq->C + k * lstsq->features;
    double sum = lstsq->yy[k];

    if (lstsq->factorization == SNNK_FACTORIZATION_GRAM) return sum;
    for (size_t j = 0; j < lstsq->features; j++) sum += row[j] * row[j];
    return sum;
}

void snnk__move_mean(size_t n, double share, const double *other, double *mean) {
    for (size_t j = 0; j < n; j++) mean[j] += share * (other[j] - mean[j]);
}

/* The mean is the first row plus the mean difference from it, so that a constant column is
 * exact. */
void snnk__weighted_means(size_t n, const snnk__numbers *X, size_t first, size_t columns,
                          const float *weights, double *mean) {
    double all = 0;

    for (size_t c = 0; c < columns; c++) mean[c] = 0;
    for (size_t k = 0; k < n; k++) {
        const double weight = weights ? (double)weights[k] : 1;

        all += weight;
        for (size_t c = 0; c < columns; c++)
            mean[c] += weight * (snnk__number(X, k, first + c) - snnk__number(X, 0, first + c));
    }
    for (size_t c = 0; c < columns; c++) mean[c] = snnk__number(X, 0, first + c) + mean[c] / all;
}
