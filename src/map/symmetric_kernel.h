/* The exact kernels of the symmetric kinds. */
#ifndef SNNK_MAP_SYMMETRIC_KERNEL_H
#define SNNK_MAP_SYMMETRIC_KERNEL_H

#include "map/symmetric.h"

/* See snnk__map_kind.place. */
double snnk__symmetric_place(const snnk__map_block *block, bool weights, const float *x, double b,
                             double *row);

/* The inner products of two inputs u, v (scaled, with the offset appended as a coordinate), which
 * determine every kernel here, and the distances that keep the angle accurate near 0 and pi. */
typedef struct snnk__products {
    double uu, vv, uv;
    double squared_difference, squared_sum; /* |u - v|^2, |u + v|^2, summed directly */
    double difference, sum;                 /* | u/|u| - v/|v| |, | u/|u| + v/|v| | */
} snnk__products;

/* The products of two inputs. */
snnk__products snnk__symmetric_products(const snnk__map_block *block, const float *x,
                                        const float *w);

/* kappa_n(u, v) = 2 E[step(g.u) step(g.v) (g.u)^n (g.v)^n] = (1/pi) |u|^n |v|^n J_n(t), n = 0, 1, 2
 * (Cho & Saul 2009, eqs. (1) and (3)-(6)). 0 if u or v is 0. */
double snnk__arc_cosine(int order, double uu, double vv, double difference, double sum);

/* kappa_n for products already computed. */
static inline double snnk__arc_cosine_of(int order, const snnk__products *p) {
    return snnk__arc_cosine(order, p->uu, p->vv, p->difference, p->sum);
}

/* The error of estimating kappa_order/2 (order 0 or 1) with `rows` iid rows. Order 0: variance p -
 * p^2, p = kappa_0/2, each term within 1. Order 1: variance kappa_2/2 - (kappa_1/2)^2. */
snnk__pair_error snnk__arc_cosine_error(int order, size_t rows, const snnk__urf_products *p);

/* The fourth cumulant of that estimate for order 0, and a bound on it for order 1. */
double snnk__arc_cosine_fourth(int order, size_t rows, const snnk__urf_products *p);

#endif
