#include "predict/tail.h"

#include <math.h>

static const double root_2 = 1.4142135623730950488;

static double normal_tail(double t) { return 0.5 * erfc(t / root_2); }

/* Student's t of variance 1 and excess kurtosis 6/(nu - 4), by Wallace's transformation to a normal
 * variable (1959). At nu = 4 its tail of 1 % is 5 % too large; the error falls with nu. */
static double student_tail(double t, double kurtosis) {
    const double nu = 4 + 6 / kurtosis;
    const double square = t * t / (nu - 2); /* (t sqrt(nu/(nu-2)))^2 / nu */

    return normal_tail((8 * nu + 1) / (8 * nu + 3) * sqrt(nu * log1p(square)));
}

double snnk__tail(double t, double kurtosis) {
    const double cantelli = 1 / (1 + t * t);

    if (isinf(kurtosis)) return cantelli;
    double tail = normal_tail(t);
    /* With less kurtosis than this, both are the same to rounding, and nu overflows. */
    if (kurtosis > 1e-9) tail = fmax(tail, student_tail(t, kurtosis));
    return fmin(tail, cantelli);
}

/* P[deviation Z > t], where Z has variance 1 and mean 0. */
static double above(double t, double deviation, double kurtosis) {
    if (deviation == 0) return t < 0;
    return t >= 0 ? snnk__tail(t / deviation, kurtosis) : 1 - snnk__tail(-t / deviation, kurtosis);
}

double snnk__exceedance(const snnk__errors *errors, double error, double times) {
    const double root = sqrt(times);
    double sum = 0;

    for (size_t i = 0; i < errors->n; i++) {
        const double deviation = sqrt(errors->pair[i].variance) / root;
        const double bias = fabs(errors->pair[i].bias);
        const double kurtosis = errors->pair[i].kurtosis / times;
        const double left = error - bias;
        double share = 1;

        if (!isinf(deviation) && !isnan(left)) {
            share = above(left, deviation, kurtosis) + above(error + bias, deviation, kurtosis);
            if (left > 0) share = fmin(share, deviation * deviation / (left * left));
        }
        sum += fmin(share, 1);
    }
    return sum / (double)errors->n;
}

double snnk__exceedance_chebyshev(const snnk__errors *errors, double error, double times) {
    double sum = 0;

    for (size_t i = 0; i < errors->n; i++) {
        const double variance = errors->pair[i].variance / times;
        const double left = error - fabs(errors->pair[i].bias);

        sum += left > 0 ? fmin(variance / (left * left), 1) : 1;
    }
    return sum / (double)errors->n;
}

double
snnk__times_needed(double (*exceedance)(const snnk__errors *errors, double error, double times),
                   const snnk__errors *errors, double error, double probability, double most) {
    double high = most, low;

    if (!(most > 0) || !(exceedance(errors, error, high) <= probability)) return INFINITY;
    /* Keep P(high) <= probability < P(low). Powers of 4 first, for estimates that need far less. */
    for (low = high / 4; low > 1e-12 && exceedance(errors, error, low) <= probability; low /= 4)
        high = low;
    if (low <= 1e-12) return low;
    while (high - low > 1e-7 * high) {
        const double middle = sqrt(low) * sqrt(high);

        if (exceedance(errors, error, middle) <= probability)
            high = middle;
        else
            low = middle;
    }
    return high;
}
