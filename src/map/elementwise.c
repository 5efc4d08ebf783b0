/* ELEMENTWISE: any activation of each projection; the kernel is E h(g.u) h(g.v), in closed form for
 * some activations. */
#include <math.h>

#include "map/config.h"
#include "map/slopes.h"
#include "map/symmetric_kernel.h"
#include "spectrum/activation.h"
#include "spectrum/activation_slopes.h"

static const double pi = 3.14159265358979323846;

static int check(snnk_map_config *config, size_t inputs, size_t rows) {
    const int st = snnk__check_activation(config->activation);

    if (st != SNNK_OK) return st;
    config->order = 1;
    config->floor = 0;
    return snnk__symmetric_check(config, inputs, rows, 1);
}

static snnk__function function(const snnk_map_config *config) {
    return (snnk__function){.operation = SNNK__OPERATION_ACTIVATION,
                            .activation = config->activation,
                            .order = config->order,
                            .floor = (float)config->floor};
}

static double safe_projection(const snnk__map_block *block) {
    return block->config.activation == SNNK_EXP ? 80 : 1e37;
}

static bool neurons(const snnk__map_block *block, int32_t *activation) {
    *activation = block->config.activation;
    return true;
}

static void slope(const snnk__function *f, snnk__slope_order order, double z,
                  double factor[SNNK__SLOPE_WIDTH]) {
    factor[0] = order == SNNK__SLOPE_FIRST ? snnk__activation_slope(f->activation, z)
                                           : snnk__activation_curvature(f->activation, z);
}

static void gradient(const snnk__map_block *block, const float *x,
                     const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    snnk__slope_gradient(block, slope, x, scratch, J, ldj);
}

static void laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                      const snnk__slope_scratch *scratch, float *L, size_t ldl) {
    (void)X, (void)ldx;
    snnk__slope_laplacian(block, slope, n, scratch, L, ldl);
}

static int kernel(int32_t activation, const snnk__products *p, double *value) {
    switch ((snnk_activation)activation) {
    case SNNK_IDENTITY: *value = p->uv; return SNNK_OK;
    case SNNK_STEP: *value = snnk__arc_cosine_of(0, p) / 2; return SNNK_OK;
    case SNNK_RELU: *value = snnk__arc_cosine_of(1, p) / 2; return SNNK_OK;
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

static int exact(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value) {
    const int st = snnk__map_block_check_drawn(block);

    (void)b;
    if (st != SNNK_OK) return st;
    const snnk__products p = snnk__symmetric_products(block, x, w);

    return kernel(block->config.activation, &p, value);
}

/* (g.u)(g.v) has variance |u|^2 |v|^2 + (u.v)^2; step and relu are the same as arc-cosine
 * features. */
static int error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *of) {
    const size_t rows = block->linear.rows;
    const int st = snnk__map_block_check_drawn(block);

    (void)offset;
    if (st != SNNK_OK) return st;
    switch (block->config.activation) {
    case SNNK_STEP: *of = snnk__arc_cosine_error(0, rows, p); return SNNK_OK;
    case SNNK_RELU: *of = snnk__arc_cosine_error(1, rows, p); return SNNK_OK;
    case SNNK_IDENTITY:
        *of = (snnk__pair_error){.value = p->xw,
                                 .variance = (p->xx * p->ww + p->xw * p->xw) / (double)rows,
                                 .bound2 = INFINITY};
        return SNNK_OK;
    default: break;
    }
    return snnk__fail(SNNK_E_UNSUPPORTED,
                      "the variance of %s features has no closed form in this library",
                      snnk_activation_name(block->config.activation));
}

static double fourth(const snnk__map_block *block, const snnk__urf_products *p, double offset) {
    const size_t rows = block->linear.rows;

    (void)offset;
    if (block->config.activation == SNNK_IDENTITY)
        return snnk__product_fourth(p) / pow((double)rows, 3);
    return snnk__arc_cosine_fourth(block->config.activation == SNNK_STEP ? 0 : 1, rows, p);
}

int snnk__fold_as_linear(const snnk__map_block *from, const snnk__fold *fold,
                         snnk__map_block **folded) {
    snnk_map_config config = snnk__folded_config(&from->config);

    config.kind = SNNK_MAP_ELEMENTWISE;
    config.activation = SNNK_IDENTITY;
    config.projection = SNNK_PROJECTION_GIVEN;
    return snnk__fold_as(&snnk__map_elementwise, &config, from, fold, folded);
}

static const snnk__usual usual[] = {{1, SNNK_TANH, 2, 1}};

const snnk__map_kind snnk__map_elementwise = {.name = "elementwise",
                                              .check = check,
                                              .usual = usual,
                                              .n_usual = sizeof usual / sizeof *usual,
                                              .function = function,
                                              .create = snnk__symmetric_create,
                                              .release = snnk__symmetric_release,
                                              .safe_projection = safe_projection,
                                              .neurons = neurons,
                                              .gradient = gradient,
                                              .laplacian = laplacian,
                                              .symmetric = true,
                                              .exact = exact,
                                              .center = snnk__symmetric_center,
                                              .fold = snnk__symmetric_fold,
                                              .with_rows = snnk__symmetric_with_rows,
                                              .redraw = snnk__symmetric_redraw,
                                              .place = snnk__symmetric_place,
                                              .error = error,
                                              .fourth = fourth,
                                              .write = snnk__symmetric_write,
                                              .read = snnk__symmetric_read};
