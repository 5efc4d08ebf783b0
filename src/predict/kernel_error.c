#include "predict/kernel_error.h"

#include <math.h>

#include "base/status.h"
#include "map/exact.h"

double snnk__block_scaled(const snnk__map_block *block, double x, size_t k) {
    const double centred = block->mean ? (x - block->mean[k]) * block->scale[k] : x;

    return block->config.kind == SNNK_MAP_IDENTITY ? centred
                                                   : centred * block->config.projection_scale;
}

static int unsupported(const snnk_map_config *config) {
    return snnk__fail(
        SNNK_E_UNSUPPORTED,
        "kind = %d (order %d, floor %g, %s): its variance has no closed form in this library",
        (int)config->kind, (int)config->order, config->floor,
        snnk_activation_name(config->activation));
}

/* kappa_order/2 for these products. */
static double half_kappa(int order, const snnk__urf_products *p) {
    const double length = sqrt(p->xx) * sqrt(p->ww);
    const double cosine = length > 0 ? fmax(-1, fmin(1, p->xw / length)) : 0;

    return snnk__arc_cosine(order, p->xx, p->ww, sqrt(2 - 2 * cosine), sqrt(2 + 2 * cosine)) / 2;
}

static void arc_cosine_error(int order, const snnk__urf_products *p, double *value,
                             double *variance, double *bound2) {
    *value = half_kappa(order, p);
    *variance = snnk__urf_spread(order == 0 ? *value : half_kappa(2, p), *value);
    *bound2 = order == 0 ? 1 : INFINITY;
}

static int one_row(const snnk_map_config *config, const snnk__urf_products *p, double *value,
                   double *variance, double *bound2) {
    const double distance = fmax(p->xx + p->ww - 2 * p->xw, 0);

    *bound2 = INFINITY;
    switch ((snnk_map_kind)config->kind) {
    case SNNK_MAP_GAUSSIAN:
        *value = exp(-distance / 2);
        *variance = (1 - exp(-distance)) * (1 - exp(-distance)) / 2;
        *bound2 = 1;
        return SNNK_OK;
    case SNNK_MAP_ARC_COSINE:
        if (config->floor < 0 || config->order > 1) return unsupported(config);
        arc_cosine_error(config->order, p, value, variance, bound2);
        return SNNK_OK;
    case SNNK_MAP_ELEMENTWISE:
        if (config->activation == SNNK_RELU || config->activation == SNNK_STEP) {
            arc_cosine_error(config->activation == SNNK_RELU, p, value, variance, bound2);
            return SNNK_OK;
        }
        if (config->activation != SNNK_IDENTITY) return unsupported(config);
        *value = p->xw;
        *variance = p->xx * p->ww + p->xw * p->xw;
        return SNNK_OK;
    case SNNK_MAP_IDENTITY:
    case SNNK_MAP_URF:
    case SNNK_MAP_AFFINE:
    case SNNK_MAP_FOLDED_URF: break;
    }
    return unsupported(config);
}

int snnk__kernel_error(const snnk_map_config *config, size_t rows, const snnk__urf_products *p,
                       double *value, double *variance, double *bound2) {
    int st;

    if (config->kind == SNNK_MAP_IDENTITY) {
        *value = p->xw;
        *variance = *bound2 = 0;
        return SNNK_OK;
    }
    if ((st = one_row(config, p, value, variance, bound2)) != SNNK_OK) return st;
    *variance /= (double)rows;
    *bound2 /= (double)rows;
    return SNNK_OK;
}
