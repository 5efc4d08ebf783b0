#include "spectrum/moments.h"

#include <math.h>

snnk__urf_pairing snnk__urf_pair(double complex kappa, double s, double complex turn, double A,
                                 bool hyperbolic) {
    return (snnk__urf_pairing){s * turn, kappa / (s * turn), A, hyperbolic};
}

/* q . q for q = a x + b w. */
static double complex square_of(double complex a, double complex b, const snnk__urf_products *p) {
    return a * a * p->xx + b * b * p->ww + 2 * a * b * p->xw;
}

static double real_square(double a, double b, const snnk__urf_products *p) {
    return a * a * p->xx + b * b * p->ww + 2 * a * b * p->xw;
}

/* With L(g) = Lambda_g(alpha x) Lambda_g(beta w), each of the four products L(g) L(+-g), with and
 * without a conjugate, is exp(4 A |g|^2 + sqrt(1-4A) g.q - N) (1-4A)^d, of mean
 * (1-4A)^d (1-8A)^(-d/2) exp((1-4A) q.q/(2 (1-8A)) - N). */
static double log_common(const snnk__urf_pairing *pairing, size_t d) {
    return (double)d * (log1p(-4 * pairing->A) - 0.5 * log1p(-8 * pairing->A));
}

static double exponent_ratio(const snnk__urf_pairing *pairing) {
    return 2 * (1 - 4 * pairing->A) / (1 - 8 * pairing->A);
}

double snnk__urf_log_absolute(const snnk__urf_pairing *pairing, size_t d,
                              const snnk__urf_products *p) {
    const double complex alpha = pairing->alpha, beta = pairing->beta;
    const double N = creal(alpha * alpha * p->xx + beta * beta * p->ww);
    const double common = log_common(pairing, d) - N, ratio = exponent_ratio(pairing);
    const double same = common + ratio * real_square(creal(alpha), creal(beta), p);

    if (!pairing->hyperbolic) return same;
    /* log((exp(same) + exp(opposite))/2), opposite <= same. */
    const double opposite = common - ratio * real_square(cimag(alpha), cimag(beta), p);
    return same + log1p(exp(opposite - same)) - log(2);
}

/* E H^2. */
static double complex complex_square(const snnk__urf_pairing *pairing, size_t d,
                                     const snnk__urf_products *p) {
    const double complex alpha = pairing->alpha, beta = pairing->beta;
    const double complex common =
        log_common(pairing, d) - (alpha * alpha * p->xx + beta * beta * p->ww);
    const double complex same = cexp(common + exponent_ratio(pairing) * square_of(alpha, beta, p));

    return pairing->hyperbolic ? (same + cexp(common)) / 2 : same;
}

snnk__urf_second snnk__urf_second_moments(const snnk__urf_pairing *pairing, size_t d,
                                          const snnk__urf_products *p) {
    return (snnk__urf_second){exp(snnk__urf_log_absolute(pairing, d, p)),
                              complex_square(pairing, d, p)};
}

double snnk__urf_square(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p,
                        double complex c) {
    const snnk__urf_second m = snnk__urf_second_moments(pairing, d, p);
    const double square = (creal(c * conj(c)) * m.absolute + creal(c * c * m.square)) / 2;

    return isnan(square) ? INFINITY : fmax(square, 0); /* infinity - infinity: it overflowed */
}

double snnk__urf_spread(double square, double mean) {
    const double spread = square - mean * mean;

    return isfinite(spread) ? fmax(spread, 0) : INFINITY; /* infinity - infinity: it overflowed */
}

double snnk__urf_variance(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p,
                          double complex c) {
    const double mean = creal(c * cexp(pairing->alpha * pairing->beta * p->xw));

    return snnk__urf_spread(snnk__urf_square(pairing, d, p, c), mean);
}

static double binomial(int n, int k) {
    double value = 1;

    for (int i = 1; i <= k; i++) value = value * (n - k + i) / i;
    return value;
}

/* The mean of a product of `order` factors L(+-g), `conjugates` of them conjugated, over all signs
 * if hyperbolic. As with two factors (log_common), each product is the exponential of a quadratic
 * form of g. */
static double complex product_mean(const snnk__urf_pairing *pairing, size_t d,
                                   const snnk__urf_products *p, int order, int conjugates) {
    const double complex alpha = pairing->alpha, beta = pairing->beta;
    const int plain = order - conjugates;
    const double complex N = (alpha * alpha * p->xx + beta * beta * p->ww) / 2;
    const double A = pairing->A, dims = (double)d;
    const double complex common = order * dims / 2 * log1p(-4 * A) -
                                  dims / 2 * log1p(-4 * order * A) - plain * N -
                                  conjugates * conj(N);
    const double ratio = (1 - 4 * A) / (2 * (1 - 4 * order * A));
    double complex sum = 0;

    for (int i = 0; i <= (pairing->hyperbolic ? plain : 0); i++)
        for (int j = 0; j <= (pairing->hyperbolic ? conjugates : 0); j++) {
            const double r = plain - 2 * i, s = conjugates - 2 * j;
            const double complex q =
                square_of(r * alpha + s * conj(alpha), r * beta + s * conj(beta), p);

            sum += binomial(plain, i) * binomial(conjugates, j) * cexp(common + ratio * q);
        }
    return pairing->hyperbolic ? sum / (1 << order) : sum;
}

double snnk__urf_moment(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p,
                        double complex c, int order) {
    double sum = 0;

    if (4 * order * pairing->A >= 1) return INFINITY;
    for (int j = 0; j <= order; j++) {
        double complex power = 1;

        for (int i = 0; i < order; i++) power *= i < j ? conj(c) : c;
        sum += binomial(order, j) * creal(power * product_mean(pairing, d, p, order, j));
    }
    return sum / (1 << order);
}

double snnk__fourth_cumulant(const double moment[5]) {
    const double mean = moment[1], variance = moment[2] - mean * mean;
    const double central =
        moment[4] - 4 * mean * moment[3] + 6 * mean * mean * moment[2] - 3 * pow(mean, 4);

    if (!isfinite(central)) return INFINITY;
    if (variance * variance < 1e-8 * moment[4]) return 12 * variance * variance;
    return central - 3 * variance * variance;
}

/* (g.x)(g.w) = a y^2 + b z^2 for independent normal y and z, with a and b = (x.w +- |x||w|)/2. The
 * fourth cumulant of y^2 is 48. */
double snnk__product_fourth(const snnk__urf_products *p) {
    const double length = sqrt(p->xx * p->ww);

    return 3 * (pow(p->xw + length, 4) + pow(p->xw - length, 4));
}

double snnk__urf_optimal_A(double phi, size_t d) {
    const double u = phi / (double)d, root = sqrt((2 * u + 1) * (2 * u + 1) + 8 * u);

    /* 1 - 2u - root, without cancellation for small u: (1-2u)^2 - root^2 = -16 u. */
    return u < 0.5 ? -u / (1 - 2 * u + root) : (1 - 2 * u - root) / 16;
}
