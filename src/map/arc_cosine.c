/* ARC_COSINE: step(z), or max(z, floor)^n; the kernel is kappa_n/2 (Cho & Saul 2009). */
#include <math.h>

#include "map/slopes.h"
#include "map/symmetric_kernel.h"

/* The lowest floor whose square fits a float. */
static const double lowest_floor = -1e15;

static int check(snnk_map_config *config, size_t inputs, size_t rows) {
    if (config->order < 0 || config->order > 2)
        return snnk__fail(SNNK_E_RANGE, "order = %d is not 0, 1 or 2", (int)config->order);
    if (!isfinite(config->floor) || config->floor > 0 || config->floor < lowest_floor)
        return snnk__fail(SNNK_E_RANGE, "floor = %g is not in %g ... 0", config->floor,
                          lowest_floor);
    if (config->order == 0 && config->floor < 0)
        return snnk__fail(SNNK_E_RANGE, "floor = %g: order 0 is a step and has no floor",
                          config->floor);
    config->activation = SNNK_RELU;
    return snnk__symmetric_check(config, inputs, rows, 1);
}

static snnk__function function(const snnk_map_config *config) {
    return (snnk__function){.operation = config->order > 0 ? SNNK__OPERATION_POWER
                                                           : SNNK__OPERATION_ACTIVATION,
                            .activation = SNNK_STEP,
                            .order = config->order,
                            .floor = (float)config->floor};
}

static double safe_projection(const snnk__map_block *block) {
    return block->config.order == 2 ? 1e18 : 1e37;
}

static bool neurons(const snnk__map_block *block, int32_t *activation) {
    *activation = SNNK_RELU;
    return block->config.order == 1 && block->config.floor == 0;
}

/* At the kink the slope is 0; the point mass of the second derivative there is left out. */
static void slope(const snnk__function *f, snnk__slope_order order, double z,
                  double factor[SNNK__SLOPE_WIDTH]) {
    if (isnan(z))
        factor[0] = z;
    else if (z <= f->floor || f->order == 0)
        factor[0] = 0;
    else if (f->order == 1)
        factor[0] = order == SNNK__SLOPE_FIRST ? 1 : 0;
    else
        factor[0] = order == SNNK__SLOPE_FIRST ? 2 * z : 2;
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

static int exact(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value) {
    const int st = snnk__map_block_check_drawn(block);

    (void)b;
    if (st != SNNK_OK) return st;
    if (block->config.floor < 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "floor = %g: the arc-cosine kernel has a closed form for 0 only",
                          block->config.floor);
    const snnk__products p = snnk__symmetric_products(block, x, w);

    *value = snnk__arc_cosine_of(block->config.order, &p) / 2;
    return SNNK_OK;
}

static int error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *of) {
    const int st = snnk__map_block_check_drawn(block);

    (void)offset;
    if (st != SNNK_OK) return st;
    if (block->config.floor < 0 || block->config.order > 1)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "the variance of arc-cosine features of order %d and floor %g has no "
                          "closed form in this library",
                          (int)block->config.order, block->config.floor);
    *of = snnk__arc_cosine_error(block->config.order, block->linear.rows, p);
    return SNNK_OK;
}

static double fourth(const snnk__map_block *block, const snnk__urf_products *p, double offset) {
    (void)offset;
    return snnk__arc_cosine_fourth(block->config.order, block->linear.rows, p);
}

static const snnk__usual usual[] = {{1, SNNK_RELU, 1, 0.3}, {1, SNNK_RELU, 1, 1}};

const snnk__map_kind snnk__map_arc_cosine = {.name = "arc_cosine",
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
