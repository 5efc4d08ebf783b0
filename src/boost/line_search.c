#include "boost/line_search.h"

#include <math.h>

#define STEPS 60
#define CLOSE 1e-10 /* of eta, relative */

static double weight_of(const snnk__line *line, size_t i) {
    return line->weights ? (double)line->weights[i] : 1;
}

static double output(const float *y, const float *v, double eta, size_t k) {
    return (double)y[k] + (eta != 0 ? eta * (double)v[k] : 0);
}

static double log_sum(size_t outputs, const float *y, const float *v, double eta) {
    double most = output(y, v, eta, 0), sum = 0;

    for (size_t k = 1; k < outputs; k++) most = fmax(most, output(y, v, eta, k));
    for (size_t k = 0; k < outputs; k++) sum += exp(output(y, v, eta, k) - most);
    return most + log(sum);
}

double snnk__softmax_row(size_t outputs, const float *y, const float *v, double eta, double *p) {
    const double log_of_sum = log_sum(outputs, y, v, eta);

    for (size_t k = 0; k < outputs; k++) p[k] = exp(output(y, v, eta, k) - log_of_sum);
    return log_of_sum;
}

double snnk__line_loss(const snnk__line *line, double eta) {
    const size_t l = line->outputs;
    double sum = 0;

    for (size_t i = 0; i < line->n; i++) {
        const float *y = line->P + i * l, *v = line->V ? line->V + i * l : y;
        double loss = 0;

        if (line->Y)
            for (size_t k = 0; k < l; k++) {
                const double e = line->Y[i * l + k] - output(y, v, eta, k);

                loss += e * e;
            }
        else
            loss = log_sum(l, y, v, eta) - output(y, v, eta, (size_t)line->labels[i]);
        sum += weight_of(line, i) * loss;
    }
    return sum;
}

/* |Y - P - eta V|^2 is least where its derivative is 0. */
static double squared_search(const snnk__line *line) {
    double along = 0, length = 0;

    for (size_t i = 0; i < line->n; i++) {
        const double w = weight_of(line, i);

        for (size_t k = i * line->outputs; k < (i + 1) * line->outputs; k++) {
            const double v = (double)line->V[k];

            along += w * v * (line->Y[k] - (double)line->P[k]);
            length += w * v * v;
        }
    }
    return length > 0 && along > 0 ? along / length : 0;
}

/* The first and second derivative of the cross-entropy along the line: the mean of V with the
 * probabilities minus that of the label, and the variance. */
static void slopes(const snnk__line *line, double eta, double *first, double *second) {
    const size_t l = line->outputs;

    *first = *second = 0;
    for (size_t i = 0; i < line->n; i++) {
        const float *y = line->P + i * l, *v = line->V + i * l;
        const double w = weight_of(line, i), log_of_sum = log_sum(l, y, v, eta);
        double mean = 0, square = 0;

        for (size_t k = 0; k < l; k++) {
            const double p = exp(output(y, v, eta, k) - log_of_sum);

            mean += p * (double)v[k];
            square += p * (double)v[k] * (double)v[k];
        }
        *first += w * (mean - (double)v[line->labels[i]]);
        *second += w * (square - mean * mean);
    }
}

/* Newton steps on the derivative, which rises with eta. A step that leaves the bracket is replaced
 * by its middle, or by doubling while there is no upper end. */
static double cross_entropy_search(const snnk__line *line) {
    double low = 0, high = INFINITY, eta = 0;

    for (int step = 0; step < STEPS; step++) {
        double first, second, next;

        slopes(line, eta, &first, &second);
        if (first == 0) break;
        if (first > 0)
            high = eta;
        else
            low = eta;
        if (high <= 0) return 0;
        next = second > 0 ? eta - first / second : INFINITY;
        if (!(next > low && next < high)) next = high < INFINITY ? (low + high) / 2 : 2 * low + 1;
        if (fabs(next - eta) <= CLOSE * next) break;
        if (next > 1e6) break; /* the loss falls for ever: rows are separated */
        eta = next;
    }
    return eta;
}

double snnk__line_search(const snnk__line *line) {
    const double eta = line->Y ? squared_search(line) : cross_entropy_search(line);

    /* Newton steps end by their number too: take no step that is none. */
    if (!isfinite(eta) || !(snnk__line_loss(line, eta) < snnk__line_loss(line, 0))) return 0;
    return eta;
}
