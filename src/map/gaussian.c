/* GAUSSIAN: the cosine and the sine of each projection; the kernel is exp(-|x' - y'|^2/2) (Rahimi &
 * Recht 2007). */
#include <math.h>

#include "map/slopes.h"
#include "map/symmetric_kernel.h"

static int check(snnk_map_config *config, size_t inputs, size_t rows) {
    config->order = 1;
    config->floor = 0;
    config->activation = SNNK_RELU;
    if (rows == 0 && config->offset_scale > 0)
        return snnk__fail(SNNK_E_RANGE,
                          "offset_scale = %g: a Gaussian kernel has no offsets (they would cancel)",
                          config->offset_scale);
    if (rows == 0 && config->features % 2 != 0)
        return snnk__fail(SNNK_E_RANGE,
                          "features = %llu is odd: a Gaussian map makes cos/sin pairs",
                          (unsigned long long)config->features);
    return snnk__symmetric_check(config, inputs, rows, 2);
}

static snnk__function function(const snnk_map_config *config) {
    return (snnk__function){.operation = SNNK__OPERATION_COS_SIN,
                            .activation = config->activation,
                            .order = config->order,
                            .floor = (float)config->floor};
}

static double safe_projection(const snnk__map_block *block) {
    (void)block;
    return 1e37;
}

static void slope(const snnk__function *f, snnk__slope_order order, double z,
                  double factor[SNNK__SLOPE_WIDTH]) {
    (void)f;
    factor[0] = order == SNNK__SLOPE_FIRST ? -sin(z) : -cos(z);
    factor[1] = order == SNNK__SLOPE_FIRST ? cos(z) : -sin(z);
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
    *value = exp(-snnk__symmetric_products(block, x, w).squared_difference / 2);
    return SNNK_OK;
}

/* cos(g.(u-v)) has variance (1 + exp(-2 D))/2 - exp(-D), D = |u-v|^2, and magnitude at most 1. */
static int error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *of) {
    const double distance = fmax(p->xx + p->ww - 2 * p->xw, 0), rows = (double)block->linear.rows;
    const int st = snnk__map_block_check_drawn(block);

    (void)offset;
    if (st != SNNK_OK) return st;
    *of = (snnk__pair_error){.value = exp(-distance / 2),
                             .variance = (1 - exp(-distance)) * (1 - exp(-distance)) / 2 / rows,
                             .bound2 = 1 / rows};
    return SNNK_OK;
}

/* E cos(t)^k for a normal t of variance D, by the sums of cosines that are powers of a cosine. */
static double fourth(const snnk__map_block *block, const snnk__urf_products *p, double offset) {
    const double distance = fmax(p->xx + p->ww - 2 * p->xw, 0);
    const double once = exp(-distance / 2), twice = exp(-2 * distance);
    const double moments[5] = {1, once, (1 + twice) / 2, (3 * once + exp(-4.5 * distance)) / 4,
                               (3 + 4 * twice + exp(-8 * distance)) / 8};

    (void)offset;
    return snnk__fourth_cumulant(moments) / pow((double)block->linear.rows, 3);
}

static const snnk__usual usual[] = {
    {1, SNNK_RELU, 0.5, 0}, {1, SNNK_RELU, 1, 0}, {1, SNNK_RELU, 2, 0}, {1, SNNK_RELU, 4, 0}};

const snnk__map_kind snnk__map_gaussian = {.name = "gaussian",
                                           .check = check,
                                           .usual = usual,
                                           .n_usual = sizeof usual / sizeof *usual,
                                           .function = function,
                                           .create = snnk__symmetric_create,
                                           .release = snnk__symmetric_release,
                                           .safe_projection = safe_projection,
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
