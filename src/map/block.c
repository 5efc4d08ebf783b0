/* One block of features: its settings checked, its rows drawn or copied, the scaling folded in. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "map/block.h"
#include "projection/projection.h"
#include "spectrum/activation.h"

/* Settings that multiply into G must leave room for products in float. */
static const double largest_scale = 1e30, smallest_scale = 1e-30;

/* And a floor for its square. */
static const double lowest_floor = -1e15;

static int check_arc_cosine(const snnk_map_config *config) {
    if (config->order < 0 || config->order > 2)
        return snnk__fail(SNNK_E_RANGE, "order = %d is not 0, 1 or 2", (int)config->order);
    if (!isfinite(config->floor) || config->floor > 0 || config->floor < lowest_floor)
        return snnk__fail(SNNK_E_RANGE, "floor = %g is not in %g ... 0", config->floor,
                          lowest_floor);
    if (config->order == 0 && config->floor < 0)
        return snnk__fail(SNNK_E_RANGE, "floor = %g must be 0 for order 0, the step function",
                          config->floor);
    return SNNK_OK;
}

static int check_drawn(const snnk_map_config *config, size_t inputs) {
    int st;

    if ((st = snnk__projection_check(config->projection)) != SNNK_OK) return st;
    if (!(config->projection_scale >= smallest_scale && config->projection_scale <= largest_scale))
        return snnk__fail(SNNK_E_RANGE, "projection_scale = %g is not in %g ... %g",
                          config->projection_scale, smallest_scale, largest_scale);
    if (!(config->offset_scale >= 0 && config->offset_scale <= largest_scale))
        return snnk__fail(SNNK_E_RANGE, "offset_scale = %g is not in 0 ... %g",
                          config->offset_scale, largest_scale);
    if (config->kind == SNNK_MAP_GAUSSIAN && config->offset_scale > 0)
        return snnk__fail(
            SNNK_E_RANGE,
            "offset_scale = %g must be 0: a Gaussian kernel has no offsets (they would cancel)",
            config->offset_scale);
    if (config->features == 0)
        return snnk__fail(SNNK_E_SHAPE, "features = 0: at least 1 is needed");
    if (inputs > UINT32_MAX) /* the draws of a row are numbered by 32 bits */
        return snnk__fail(SNNK_E_SIZE,
                          "inputs = %zu is above %lu, the most for which rows can be drawn", inputs,
                          (unsigned long)UINT32_MAX);
    if (config->kind == SNNK_MAP_GAUSSIAN && config->features % 2 != 0)
        return snnk__fail(SNNK_E_RANGE,
                          "features = %llu is odd: a Gaussian map makes pairs of cos and sin",
                          (unsigned long long)config->features);
    if (config->features > SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "features = %llu overflows size_t",
                          (unsigned long long)config->features);
    return SNNK_OK;
}

int snnk__map_config_check(snnk_map_config *config, size_t inputs, size_t rows) {
    const size_t each = config->kind == SNNK_MAP_GAUSSIAN ? 2 : 1;
    size_t features = inputs;
    int st;

    if (inputs == 0) return snnk__fail(SNNK_E_SHAPE, "inputs = 0: a map needs at least 1");
    if ((st = snnk__check_enum(config->kind, SNNK_MAP_FOLDED_URF + 1, "kind")) != SNNK_OK)
        return st;
    if (config->kind > SNNK_MAP_IDENTITY)
        return snnk__fail(
            SNNK_E_UNSUPPORTED, "kind = %d is made from a spectrum, by snnk_map_create_urf%s",
            (int)config->kind, config->kind == SNNK_MAP_FOLDED_URF ? " and snnk_map_fold" : "");
    if (config->kind == SNNK_MAP_ARC_COSINE && (st = check_arc_cosine(config)) != SNNK_OK)
        return st;
    if (config->kind == SNNK_MAP_ELEMENTWISE &&
        (st = snnk__check_activation(config->activation)) != SNNK_OK)
        return st;
    /* What the kind does not use is what it would be by default, whatever the caller left there. */
    if (config->kind != SNNK_MAP_ARC_COSINE) {
        config->order = 1;
        config->floor = 0;
    }
    if (config->kind != SNNK_MAP_ELEMENTWISE) config->activation = SNNK_RELU;
    if (config->kind != SNNK_MAP_IDENTITY && rows == 0) return check_drawn(config, inputs);
    if (config->kind != SNNK_MAP_IDENTITY && !snnk__mul_size(rows, each, &features))
        return snnk__fail(SNNK_E_SIZE, "rows = %zu: the number of features overflows size_t", rows);
    config->features = features;
    if (config->kind == SNNK_MAP_IDENTITY) {
        config->projection = SNNK_PROJECTION_GIVEN;
        config->offset_scale = 0;
    }
    return SNNK_OK;
}

static snnk__function function_of(const snnk_map_config *config, size_t rows) {
    snnk__function f = {.operation = SNNK__OPERATION_ACTIVATION,
                        .activation = config->activation,
                        .order = config->order,
                        .floor = (float)config->floor,
                        .scale = 1};

    switch ((snnk_map_kind)config->kind) {
    case SNNK_MAP_ARC_COSINE:
        if (config->order > 0) f.operation = SNNK__OPERATION_POWER;
        f.activation = SNNK_STEP;
        break;
    case SNNK_MAP_GAUSSIAN: f.operation = SNNK__OPERATION_COS_SIN; break;
    case SNNK_MAP_ELEMENTWISE: break;
    case SNNK_MAP_IDENTITY: f.activation = SNNK_IDENTITY; break;
    case SNNK_MAP_URF:
    case SNNK_MAP_AFFINE:
    case SNNK_MAP_FOLDED_URF: return f; /* set where they are made */
    }
    if (config->projection != SNNK_PROJECTION_GIVEN) f.scale = (float)(1 / sqrt((double)rows));
    return f;
}

/* How the rows of a block are kept. */
static int linear_create(snnk__map_block *block, bool diagonal) {
    const snnk__projection_kind *kind = snnk__projection_get(block->config.projection);

    if (diagonal)
        return snnk__linear_create_diagonal(&block->linear, block->inputs, &block->allocator);
    if (block->config.kind < SNNK_MAP_IDENTITY &&
        snnk__projection_is_drawn(block->config.projection))
        return kind->create(&block->linear, block->inputs, block->rows, &block->allocator);
    return snnk__linear_create_dense(&block->linear, block->inputs, block->rows, &block->allocator);
}

/* A block with room for its rows. */
static int block_alloc(size_t inputs, const snnk_map_config *config, size_t rows, bool diagonal,
                       const snnk_allocator *allocator, snnk__map_block **block) {
    snnk__map_block *made = NULL;
    int st;

    if ((st = snnk__alloc(allocator, 1, sizeof *made, "a map", &made)) != SNNK_OK) return st;
    *made = (snnk__map_block){.allocator = *allocator,
                              .config = *config,
                              .inputs = inputs,
                              .rows = rows,
                              .features = (size_t)config->features};
    atomic_init(&made->references, 1);
    made->config.allocator = NULL;
    if ((st = linear_create(made, diagonal)) != SNNK_OK) goto done;
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    return st;
}

int snnk__map_block_create(size_t inputs, const snnk_map_config *config, bool scaled,
                           const snnk_allocator *allocator, snnk__map_block **block) {
    const size_t features = (size_t)config->features;
    const size_t rows = config->kind == SNNK_MAP_GAUSSIAN ? features / 2 : features;
    snnk__map_block *made = NULL;
    int st;

    st = block_alloc(inputs, config, rows, config->kind == SNNK_MAP_IDENTITY, allocator, &made);
    if (st != SNNK_OK) return st;
    made->function = function_of(config, rows);
    if (scaled) {
        st = snnk__alloc(allocator, inputs, sizeof(double), "means", &made->mean);
        if (st != SNNK_OK) goto done;
        st = snnk__alloc(allocator, inputs, sizeof(double), "scales", &made->scale);
        if (st != SNNK_OK) goto done;
    }
    *block = made;
    made = NULL;
done:
    snnk__map_block_release(made);
    return st;
}

int snnk__map_block_from_urf(const snnk_map_config *config, snnk__urf *urf,
                             const snnk_allocator *allocator, snnk__map_block **block) {
    const size_t width = urf->table.signs * urf->table.parts;
    snnk_map_config ours = *config;
    int st;

    ours.kind = SNNK_MAP_URF;
    ours.features = urf->rows * width;
    st = block_alloc(urf->frame->inputs, &ours, urf->rows, false, allocator, block);
    if (st != SNNK_OK) return st;
    (*block)->urf = urf;
    (*block)->function =
        (snnk__function){.operation = SNNK__OPERATION_URF, .scale = 1, .urf = &urf->table};
    return SNNK_OK;
}

int snnk__map_block_from_affine(size_t inputs, const snnk_map_config *config, snnk__affine *line,
                                const snnk_allocator *allocator, snnk__map_block **block) {
    snnk_map_config ours = *config;
    int st;

    ours.kind = SNNK_MAP_AFFINE;
    ours.features = inputs;
    if (line->frame) ours.features = line->sketch_rows + (line->frame->weight_mean != NULL);
    st = block_alloc(inputs, &ours, (size_t)ours.features, line->frame == NULL, allocator, block);
    if (st != SNNK_OK) return st;
    (*block)->line = line;
    (*block)->function = (snnk__function){
        .operation = SNNK__OPERATION_ACTIVATION, .activation = SNNK_IDENTITY, .scale = 1};
    return SNNK_OK;
}

int snnk__map_block_from_folded(size_t inputs, size_t rows, const snnk_map_config *config,
                                snnk__folded *folded, const snnk_allocator *allocator,
                                snnk__map_block **block) {
    snnk_map_config ours = *config;
    int st;

    ours.kind = SNNK_MAP_FOLDED_URF;
    ours.features = rows * folded->table.signs * folded->table.parts;
    st = block_alloc(inputs, &ours, rows, false, allocator, block);
    if (st != SNNK_OK) return st;
    (*block)->folded = folded;
    (*block)->function =
        (snnk__function){.operation = SNNK__OPERATION_URF, .scale = 1, .urf = &folded->table};
    return SNNK_OK;
}

bool snnk__map_block_is_random(const snnk__map_block *block) {
    return snnk__map_block_is_diagonal(block) ||
           snnk__projection_is_drawn(block->config.projection);
}

void snnk__map_block_release(snnk__map_block *block) {
    if (!block || atomic_fetch_sub(&block->references, 1) > 1) return;
    const snnk_allocator allocator = block->allocator;
    snnk__linear_free(&block->linear);
    snnk__free(&allocator, block->mean);
    snnk__free(&allocator, block->scale);
    snnk__urf_free(block->urf);
    snnk__affine_free(block->line);
    snnk__folded_free(block->folded);
    snnk__free(&allocator, block);
}

uint64_t snnk__map_block_multiply_adds(const snnk__map_block *block) {
    const snnk__urf_table *table = block->function.urf;
    uint64_t rows = 0; /* of |x~|^2 and nu . (x - mu) */

    if (table) rows = (table->scale != NULL) + table->n_directions + (table->nu != NULL);
    return block->linear.form->multiply_adds(&block->linear) + rows * block->inputs;
}

uint64_t snnk__map_block_parameters(const snnk__map_block *block) {
    const snnk__urf_table *table = block->function.urf;
    const uint64_t rows = block->rows;
    uint64_t numbers = 0;

    if (table) /* of the rows; directions with offsets and gains; scale, nu, mu */
        numbers = rows * SNNK__URF_NUMBERS + (uint64_t)table->n_directions * (block->inputs + 2) +
                  (uint64_t)((table->scale != NULL) + (table->nu != NULL) + (table->mean != NULL)) *
                      block->inputs;
    return block->linear.form->parameters(&block->linear) + rows + numbers;
}

bool snnk__map_block_is_diagonal(const snnk__map_block *block) {
    return snnk__map_block_kernel(block).diagonal != NULL;
}

size_t snnk__map_block_work(const snnk__map_block *block) {
    return snnk__linear_work(&block->linear);
}

double snnk__map_block_get_row(const snnk__map_block *block, size_t row, float *g, float *work) {
    return block->linear.form->get_row(&block->linear, row, g, work);
}

void snnk__map_block_features(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *Phi, size_t ldphi, float *work) {
    const snnk__block kernel = snnk__map_block_kernel(block);

    snnk__project(n, X, ldx, block->inputs, &kernel, Phi, ldphi, work);
}

snnk__block snnk__map_block_kernel(const snnk__map_block *block) {
    snnk__block kernel = {
        .offset = block->linear.offset, .rows = block->rows, .function = block->function};

    block->linear.form->set_kernel(&block->linear, &kernel);
    return kernel;
}

int snnk__map_block_draw(snnk__map_block *block) {
    const snnk_map_config *config = &block->config;
    const snnk__projection_kind *kind = snnk__projection_get(config->projection);
    const snnk__draw draw = {.seed = config->seed,
                             .scale = config->projection_scale,
                             .offset_scale = config->offset_scale,
                             .mean = block->mean,
                             .input_scale = block->scale};

    return kind->draw(kind, &draw, &block->linear);
}

int snnk__map_block_copy(snnk__map_block *block, const float *G, size_t ldg, const float *offsets) {
    const snnk_allocator *allocator = &block->allocator;
    const size_t d = block->inputs;
    double *row = NULL;
    float *folded = NULL;
    int st;

    if ((st = snnk__alloc(allocator, d, sizeof *row, "a row", &row)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, d, sizeof *folded, "a row", &folded)) != SNNK_OK) goto done;
    for (size_t i = 0; i < block->rows; i++) {
        for (size_t k = 0; k < d; k++) row[k] = G[i * ldg + k];
        st = snnk__linear_set_row(&block->linear, i, row, offsets ? offsets[i] : 0, block->mean,
                                  block->scale, folded);
        if (st != SNNK_OK) goto done;
    }
done:
    snnk__free(allocator, folded);
    snnk__free(allocator, row);
    return st;
}

int snnk__map_block_identity(snnk__map_block *block) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < block->inputs; k++)
        st = snnk__linear_set_diagonal(&block->linear, k, block->scale ? block->scale[k] : 1,
                                       block->mean);
    return st;
}

void snnk__map_block_folded(snnk__map_block *block, const float *G, const float *offset) {
    const size_t d = block->inputs;

    if (snnk__map_block_is_diagonal(block))
        memcpy(block->linear.numbers, G, d * sizeof *G);
    else
        for (size_t i = 0; i < block->rows; i++)
            snnk__panels_set_row(&block->linear.G, i, G + i * d);
    memcpy(block->linear.offset, offset, block->rows * sizeof *offset);
}
