#ifndef SNNK_MAP_EXACT_H
#define SNNK_MAP_EXACT_H

/* kappa_n(u, v) = 2 E[step(g.u) step(g.v) (g.u)^n (g.v)^n] = (1/pi) |u|^n |v|^n J_n(t), n = 0, 1, 2
 * (Cho & Saul 2009, eqs. (1) and (3)-(6)), from uu = |u|^2, vv = |v|^2 and
 * difference = | u/|u| - v/|v| |, sum = | u/|u| + v/|v| |. 0 where u or v is 0. */
double snnk__arc_cosine(int order, double uu, double vv, double difference, double sum);

#endif
