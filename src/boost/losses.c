#include "boost/losses.h"

#include <math.h>

static double log_sum(size_t outputs, const float *y) {
    double most = (double)y[0], sum = 0;

    for (size_t k = 1; k < outputs; k++) most = fmax(most, (double)y[k]);
    for (size_t k = 0; k < outputs; k++) sum += exp((double)y[k] - most);
    return most + log(sum);
}

double snnk__judged_loss(const snnk__judged *judged) {
    const size_t l = judged->outputs;
    double sum = 0;

    for (size_t i = 0; i < judged->n; i++) {
        const float *y = judged->P + i * l;
        double loss = 0;

        if (judged->Y)
            for (size_t k = 0; k < l; k++) {
                const double e = judged->Y[i * l + k] - (double)y[k];

                loss += e * e;
            }
        else
            loss = log_sum(l, y) - (double)y[judged->labels[i]];
        sum += judged->weights ? (double)judged->weights[i] * loss : loss;
    }
    return sum;
}

double snnk__judged_weight(const snnk__judged *judged) {
    double sum = 0;

    for (size_t i = 0; i < judged->n; i++) sum += judged->weights ? (double)judged->weights[i] : 1;
    return sum;
}

void snnk__judged_residuals(const snnk__judged *judged, double *R) {
    const size_t l = judged->outputs;

    for (size_t i = 0; i < judged->n; i++) {
        const float *y = judged->P + i * l;
        const double log_of_sum = judged->Y ? 0 : log_sum(l, y);

        for (size_t k = 0; k < l; k++)
            R[i * l + k] = judged->Y
                               ? judged->Y[i * l + k] - (double)y[k]
                               : ((size_t)judged->labels[i] == k) - exp((double)y[k] - log_of_sum);
    }
}
