/* Weighted means of rows. */
#include "solve/lstsq.h"

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
