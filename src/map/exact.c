/* Exact kernel values, in double. For g ~ N(0, I) and inputs u, v (scaled, an offset appended); and
 * what the blocks made from a spectrum estimate: the spectrum itself. */
#include "map/exact.h"

#include <complex.h>
#include <math.h>

#include "map/map.h"

static const double pi = 3.14159265358979323846;

/* The three inner products that every kernel here is a function of, and the two distances that keep
 * the angle accurate near 0 and pi. */
typedef struct products {
    double uu, vv, uv;
    double squared_difference, squared_sum; /* |u - v|^2, |u + v|^2, summed as such */
    double difference, sum;                 /* | u/|u| - v/|v| |, | u/|u| + v/|v| | */
} products;

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

static int elementwise(int32_t activation, const products *p, double *value) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: *value = p->uv; return SNNK_OK;
    case SNNK_STEP:
        *value = snnk__arc_cosine(0, p->uu, p->vv, p->difference, p->sum) / 2;
        return SNNK_OK;
    case SNNK_RELU:
        *value = snnk__arc_cosine(1, p->uu, p->vv, p->difference, p->sum) / 2;
        return SNNK_OK;
    case SNNK_COS:
        *value = (exp(-p->squared_difference / 2) + exp(-p->squared_sum / 2)) / 2;
        return SNNK_OK;
    case SNNK_SIN: /* exp(-(uu + vv)/2) sinh(uv), without overflow and without cancellation */
        *value =
            copysign(-expm1(-2 * fabs(p->uv)) / 2, p->uv) * exp(fabs(p->uv) - (p->uu + p->vv) / 2);
        return SNNK_OK;
    case SNNK_EXP: *value = exp(p->squared_sum / 2); return SNNK_OK;
    case SNNK_ERF: /* Williams 1998 */
        *value = 2 / pi * asin(2 * p->uv / sqrt((1 + 2 * p->uu) * (1 + 2 * p->vv)));
        return SNNK_OK;
    case SNNK_GELU:
    case SNNK_GELU_TANH:
    case SNNK_TANH:
    case SNNK_SIGMOID:
    case SNNK_SILU:
    case SNNK_SOFTPLUS: break;
    }
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "the kernel of %s features has no closed form in this library",
                      snnk_activation_name(activation));
}

/* x' = (x_k - mean_k) scale_k projection_scale for the k-th input. */
static double scaled(const snnk__map_block *block, const float *x, size_t k) {
    const double centred = block->mean ? (x[k] - block->mean[k]) * block->scale[k] : x[k];

    return block->config.kind == SNNK_MAP_IDENTITY ? centred
                                                   : centred * block->config.projection_scale;
}

static products products_of(const snnk__map_block *block, const float *x, const float *w) {
    const double o = block->config.offset_scale;
    products p = {.uu = o * o, .vv = o * o, .uv = o * o, .squared_sum = 4 * o * o};

    for (size_t k = 0; k < block->inputs; k++) {
        const double u = scaled(block, x, k), v = scaled(block, w, k);

        p.uu += u * u;
        p.vv += v * v;
        p.uv += u * v;
        p.squared_difference += (u - v) * (u - v);
        p.squared_sum += (u + v) * (u + v);
    }
    const double u_length = sqrt(p.uu), v_length = sqrt(p.vv);
    if (u_length == 0 || v_length == 0) return p;
    for (size_t k = 0; k <= block->inputs; k++) {
        const double u = (k < block->inputs ? scaled(block, x, k) : o) / u_length;
        const double v = (k < block->inputs ? scaled(block, w, k) : o) / v_length;

        p.difference += (u - v) * (u - v);
        p.sum += (u + v) * (u + v);
    }
    p.difference = sqrt(p.difference);
    p.sum = sqrt(p.sum);
    return p;
}

/* Kernels of two inputs, where b has no place. */
static int symmetric_value(const snnk__map_block *block, const float *x, const float *w,
                           double *value) {
    const snnk_map_config *config = &block->config;
    const products p = products_of(block, x, w);

    switch ((snnk_map_kind)config->kind) {
    case SNNK_MAP_IDENTITY: *value = p.uv; return SNNK_OK;
    case SNNK_MAP_GAUSSIAN: *value = exp(-p.squared_difference / 2); return SNNK_OK;
    case SNNK_MAP_ELEMENTWISE: return elementwise(config->activation, &p, value);
    case SNNK_MAP_ARC_COSINE:
    case SNNK_MAP_URF: /* these three never come here */
    case SNNK_MAP_AFFINE:
    case SNNK_MAP_FOLDED_URF: break;
    }
    if (config->floor < 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "floor = %g: the arc-cosine kernel has a closed form for floor = 0 only",
                          config->floor);
    *value = snnk__arc_cosine(config->order, p.uu, p.vv, p.difference, p.sum) / 2;
    return SNNK_OK;
}

/* The block's part of the spectrum at z = w.x + b: a line, or Re sum_k c_k exp(kappa_k z). */
static double spectral_value(const snnk__map_block *block, const float *x, const float *w,
                             double b) {
    double z = b, sum;

    for (size_t k = 0; k < block->inputs; k++) z += (double)x[k] * w[k];
    if (block->line) return block->line->intercept + block->line->slope * z;
    sum = block->urf->intercept;
    for (size_t k = 0; k < block->urf->atoms.count; k++) {
        const snnk__urf_atom *atom = &block->urf->atoms.atom[k];
        const double angle = cimag(atom->kappa) * z;

        sum += exp(creal(atom->kappa) * z) *
               (creal(atom->c) * cos(angle) - cimag(atom->c) * sin(angle));
    }
    return sum;
}

static int block_value(const snnk__map_block *block, const float *x, const float *w, double b,
                       double *value) {
    if (!snnk__map_block_is_random(block))
        return snnk__fail(SNNK_E_UNSUPPORTED, "the map's rows were given or folded, not drawn: "
                                              "there is no distribution to average over");
    if (block->urf || block->line) {
        *value = spectral_value(block, x, w, b);
        return SNNK_OK;
    }
    if (b != 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "b = %g, but a block's kernel is symmetric and has no b: pass 0", b);
    return symmetric_value(block, x, w, value);
}

int snnk_map_exact(const snnk_map *map, const float *x, const float *w, double b, double *value) {
    double sum = 0;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(x, "x")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(w, "w")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(value, "value")) != SNNK_OK) return st;
    for (size_t i = 0; i < map->n_blocks; i++) {
        double part = 0;

        if ((st = block_value(map->blocks[i], x, w, b, &part)) != SNNK_OK) return st;
        sum += part;
    }
    *value = sum;
    return SNNK_OK;
}
