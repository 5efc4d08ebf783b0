/* Mean squares and variances of universal random features, in closed form (docs/math.md, section
 * 5). */
#ifndef SNNK_SPECTRUM_MOMENTS_H
#define SNNK_SPECTRUM_MOMENTS_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

/* The features that estimate exp(kappa w.x): alpha beta = kappa. */
typedef struct snnk__urf_pairing {
    double complex alpha, beta;
    double A;        /* < 1/8 */
    bool hyperbolic; /* the mean over g and -g */
} snnk__urf_pairing;

/* |x|^2, |w|^2 and x.w, in frame coordinates. */
typedef struct snnk__urf_products {
    double xx, ww, xw;
} snnk__urf_products;

/* H = Lambda_g(alpha x) Lambda_g(beta w), or its mean over g and -g. */
typedef struct snnk__urf_second {
    double absolute;       /* E |H|^2 */
    double complex square; /* E H^2 */
} snnk__urf_second;

/* Create the pairing for one rate kappa: alpha = s turn, beta = kappa/alpha. |turn| = 1. */
snnk__urf_pairing snnk__urf_pair(double complex kappa, double s, double complex turn, double A,
                                 bool hyperbolic);

/* E|H|^2 and E H^2 for g ~ N(0, I_d). Can be infinite. */
snnk__urf_second snnk__urf_second_moments(const snnk__urf_pairing *pairing, size_t d,
                                          const snnk__urf_products *p);

/* log E|H|^2, computed without overflow. */
double snnk__urf_log_absolute(const snnk__urf_pairing *pairing, size_t d,
                              const snnk__urf_products *p);

/* Mean square minus squared mean, at least 0; infinite if either is not finite. */
double snnk__urf_spread(double square, double mean);

/* The variance of Re(c H) for one draw of g: >= 0, infinite if it overflows. */
double snnk__urf_variance(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p,
                          double complex c);

/* E Re(c H)^2 for one draw of g; infinite if it overflows. */
double snnk__urf_square(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p,
                        double complex c);

/* E Re(c H)^order for one draw of g, order 1 ... 4. Infinite or NaN if it overflows or does not
 * exist (order 3 or 4 with A >= 1/(4 order)). */
double snnk__urf_moment(const snnk__urf_pairing *pairing, size_t d, const snnk__urf_products *p,
                        double complex c, int order);

/* The fourth cumulant of a variable with these raw moments (moment[k]: of order k). Infinite if
 * they overflow. A variance below the rounding of the moments counts as that of a square of a
 * normal variable, whose fourth cumulant is 12 times the squared variance. */
double snnk__fourth_cumulant(const double moment[5]);

/* The fourth cumulant of (g.x)(g.w). */
double snnk__product_fourth(const snnk__urf_products *p);

/* The A that minimises E|H|^2 (without a hyperbolic pair), for phi = E|Re(alpha x + beta w)|^2:
 * (1 - 2u - sqrt((2u+1)^2 + 8u))/16, u = phi/d (Likhosherstov et al. 2022). Never above 0. */
double snnk__urf_optimal_A(double phi, size_t d);

#endif
