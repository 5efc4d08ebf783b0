/* Exact kernel values of symmetric kinds, in double, for g ~ N(0, I) and inputs u, v (scaled, with
 * the offset appended as a coordinate). */
#include <math.h>

#include "map/symmetric_kernel.h"

static const double pi = 3.14159265358979323846;

/* ---- Coordinates ---- */

/* Coordinate k of u, k = 0 ... d. */
static double coordinate(const snnk__map_block *block, const float *x, size_t k) {
    if (k == block->linear.inputs) return block->config.offset_scale;
    return snnk__scaled_input(block, x, k) * block->config.projection_scale;
}

double snnk__symmetric_place(const snnk__map_block *block, bool weights, const float *x, double b,
                             double *row) {
    (void)weights;
    for (size_t k = 0; k <= block->linear.inputs; k++) row[k] = coordinate(block, x, k);
    return b;
}

snnk__products snnk__symmetric_products(const snnk__map_block *block, const float *x,
                                        const float *w) {
    const size_t d = block->linear.inputs;
    snnk__products p = {0};

    for (size_t k = 0; k <= d; k++) {
        const double u = coordinate(block, x, k), v = coordinate(block, w, k);

        p.uu += u * u;
        p.vv += v * v;
        p.uv += u * v;
        p.squared_difference += (u - v) * (u - v);
        p.squared_sum += (u + v) * (u + v);
    }
    const double u_length = sqrt(p.uu), v_length = sqrt(p.vv);
    if (u_length == 0 || v_length == 0) return p;
    for (size_t k = 0; k <= d; k++) {
        const double u = coordinate(block, x, k) / u_length;
        const double v = coordinate(block, w, k) / v_length;

        p.difference += (u - v) * (u - v);
        p.sum += (u + v) * (u + v);
    }
    p.difference = sqrt(p.difference);
    p.sum = sqrt(p.sum);
    return p;
}

/* ---- The arc-cosine kernels ---- */

/* J_n of Cho & Saul 2009 as a function of the supplement s = pi - t of the angle, for small s where
 * the closed form cancels: the Taylor series of sin s - s cos s
 * (n = 1) and s (1 + 2 cos^2 s) - 3 sin s cos s (n = 2). */
static double small_supplement(int order, double s) {
    double sum = 0, power = s, factorial = 1, four_to_k = 1; /* s^(2k+1), (2k+1)!, 4^k */

    for (int k = 1; k <= 14; k++) {
        const double sign = k % 2 ? 1 : -1;

        power *= s * s;
        factorial *= 2.0 * k * (2.0 * k + 1);
        four_to_k *= 4;
        sum += order == 1 ? sign * 2 * k / factorial * power
                          : -sign * four_to_k * (2 * k - 2) / factorial * power;
    }
    return sum;
}

double snnk__arc_cosine(int order, double uu, double vv, double difference, double sum) {
    const double s = 2 * atan2(sum, difference); /* pi - t (Kahan's formula for the angle) */
    const double length = sqrt(uu) * sqrt(vv);
    double J;

    if (uu == 0 || vv == 0) return 0;
    if (order == 0) return s / pi;
    if (s < 1)
        J = small_supplement(order, s);
    else if (order == 1)
        J = sin(s) - s * cos(s);
    else
        J = -3 * sin(s) * cos(s) + s * (1 + 2 * cos(s) * cos(s));
    return (order == 1 ? length : length * length) * J / pi;
}

/* kappa_order/2 for these products. */
static double half_kappa(int order, const snnk__urf_products *p) {
    const double length = sqrt(p->xx) * sqrt(p->ww);
    const double cosine = length > 0 ? fmax(-1, fmin(1, p->xw / length)) : 0;

    return snnk__arc_cosine(order, p->xx, p->ww, sqrt(2 - 2 * cosine), sqrt(2 + 2 * cosine)) / 2;
}

snnk__pair_error snnk__arc_cosine_error(int order, size_t rows, const snnk__urf_products *p) {
    const double value = half_kappa(order, p), square = order == 0 ? value : half_kappa(2, p);

    return (snnk__pair_error){.value = value,
                              .variance = snnk__urf_spread(square, value) / (double)rows,
                              .bound2 = order == 0 ? 1 / (double)rows : INFINITY};
}

/* Order 0: a term is 1 with probability q, else 0. Order 1: for X >= 0 of mean mu, E (X - mu)^4 <=
 * E X^4 + 2 mu^2 E X^2 - 3 mu^4, since E X^3 >= mu E X^2; and E X^4 for the product of two relus is
 * at most half of that of two normal variables with correlation r, 9 + 72 r^2 + 24 r^4 times the
 * fourth powers of their deviations. */
double snnk__arc_cosine_fourth(int order, size_t rows, const snnk__urf_products *p) {
    const double mean = half_kappa(order, p);
    double cumulant;

    if (order == 0) {
        const double variance = mean * (1 - mean);

        cumulant = variance * (1 - 6 * variance);
    } else {
        const double length2 = p->xx * p->ww, inner2 = p->xw * p->xw, square = half_kappa(2, p);
        const double most =
            (9 * length2 * length2 + 72 * length2 * inner2 + 24 * inner2 * inner2) / 2;
        const double moments[5] = {1, mean, square, mean * square, most};

        cumulant = snnk__fourth_cumulant(moments);
    }
    return cumulant / pow((double)rows, 3);
}
