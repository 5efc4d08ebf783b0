/* IDENTITY: the scaled inputs themselves. The kernel is exactly x' . y'. */
#include "map/slopes.h"
#include "map/symmetric.h"

static int check(snnk_map_config *config, size_t inputs, size_t rows) {
    (void)rows;
    config->order = 1;
    config->floor = 0;
    config->activation = SNNK_RELU;
    config->features = inputs;
    config->projection = SNNK_PROJECTION_GIVEN;
    config->offset_scale = 0;
    return SNNK_OK;
}

static snnk__function function(const snnk_map_config *config) {
    return (snnk__function){.operation = SNNK__OPERATION_ACTIVATION,
                            .activation = SNNK_IDENTITY,
                            .order = config->order,
                            .floor = (float)config->floor};
}

static int create(const snnk__map_kind *kind, const snnk__map_request *request,
                  snnk__map_block **block) {
    const size_t d = request->inputs;
    const snnk__input_scaling *scaling;
    snnk__map_block *made;
    int st;

    if (request->rows > 0)
        return snnk__fail(SNNK_E_UNSUPPORTED,
                          "an identity map has no rows; for linear features of given rows use "
                          "elementwise features with SNNK_IDENTITY");
    if ((st = snnk__symmetric_begin(kind, request, &made)) != SNNK_OK) return st;
    scaling = made->data;
    st = snnk__linear_create_diagonal(&made->linear, d, request->allocator);
    if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, snnk__scaling_mean(made));
    for (size_t k = 0; st == SNNK_OK && k < d; k++)
        st = snnk__linear_set_diagonal(&made->linear, k, scaling ? scaling->scale[k] : 1,
                                       scaling ? scaling->mean : NULL);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

static int center(const snnk__map_block *block, const double *mean, snnk__map_block **centered) {
    const size_t d = block->linear.inputs;
    snnk__map_block *made;
    int st;

    if ((st = snnk__symmetric_begin_centered(block, mean, &made)) != SNNK_OK) return st;
    st = snnk__linear_create_diagonal(&made->linear, d, &block->allocator);
    if (st == SNNK_OK) st = snnk__linear_set_center(&made->linear, mean);
    for (size_t k = 0; st == SNNK_OK && k < d; k++)
        st = snnk__linear_set_diagonal(&made->linear, k, 1, mean);
    if (st == SNNK_OK)
        *centered = made;
    else
        snnk__map_block_release(made);
    return st;
}

static double safe_projection(const snnk__map_block *block) {
    (void)block;
    return 1e37;
}

static void gradient(const snnk__map_block *block, const float *x,
                     const snnk__slope_scratch *scratch, float *J, size_t ldj) {
    (void)scratch;
    snnk__diagonal_gradient(block, x, J, ldj);
}

static void laplacian(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                      const snnk__slope_scratch *scratch, float *L, size_t ldl) {
    (void)scratch;
    snnk__diagonal_laplacian(block, n, X, ldx, L, ldl);
}

static int exact(const snnk__map_block *block, const float *x, const float *w, double b,
                 double *value) {
    double sum = 0;

    (void)b;
    for (size_t k = 0; k < block->linear.inputs; k++)
        sum += snnk__scaled_input(block, x, k) * snnk__scaled_input(block, w, k);
    *value = sum;
    return SNNK_OK;
}

static double place(const snnk__map_block *block, bool weights, const float *x, double b,
                    double *row) {
    (void)weights;
    for (size_t k = 0; k < block->linear.inputs; k++) row[k] = snnk__scaled_input(block, x, k);
    row[block->linear.inputs] = 0;
    return b;
}

static int error(const snnk__map_block *block, const snnk__urf_products *p, double offset,
                 snnk__pair_error *of) {
    (void)block, (void)offset;
    *of = (snnk__pair_error){.value = p->xw};
    return SNNK_OK;
}

static void facts(const snnk__map_block *block, snnk__map_facts *of) {
    of->fixed = block->features;
    of->random = 0;
}

static int find_diagonal(const snnk__source *source, size_t inputs, size_t rows) {
    (void)rows;
    return snnk__linear_find_diagonal(source, inputs);
}

static int create_diagonal(snnk__linear *linear, size_t inputs, size_t rows,
                           const snnk_allocator *allocator) {
    (void)rows;
    return snnk__linear_create_diagonal(linear, inputs, allocator);
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    static const snnk__stored_rows diagonal = {find_diagonal, create_diagonal};

    return snnk__symmetric_read_rows(kind, &diagonal, source, inputs, config, block);
}

static const snnk__usual usual[] = {{1, SNNK_RELU, 1, 0}};

const snnk__map_kind snnk__map_identity = {.name = "identity",
                                           .check = check,
                                           .function = function,
                                           .create = create,
                                           .usual = usual,
                                           .n_usual = sizeof usual / sizeof *usual,
                                           .center = center,
                                           .release = snnk__symmetric_release,
                                           .safe_projection = safe_projection,
                                           .gradient = gradient,
                                           .laplacian = laplacian,
                                           .symmetric = true,
                                           .exact = exact,
                                           .fold = snnk__fold_as_linear,
                                           .place = place,
                                           .error = error,
                                           .facts = facts,
                                           .write = snnk__symmetric_write,
                                           .read = read};
