/* One block of features: its settings checked, its rows drawn or copied, the scaling folded in. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/size.h"
#include "map/block.h"
#include "projection/hd3.h"
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

/* Whether rows are applied by transforms, and only their seed is stored. */
static bool is_transformed(const snnk_map_config *config) {
    return config->projection == SNNK_PROJECTION_HD3 && config->kind < SNNK_MAP_IDENTITY;
}

/* Room for the signs and scales of HD3 rows, and for an input scaling in float. */
static int hd3_alloc(snnk__map_block *block) {
    const size_t d = block->inputs, rows = block->rows, order = snnk__hd3_order(d);
    const size_t groups = rows / order + (rows % order != 0);
    size_t signs, count;
    int st;

    if (!snnk__mul_size(3 * groups, order, &signs) || !snnk__add_size(signs, rows, &count) ||
        !snnk__add_size(count, 2 * d, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu HD3 rows of %zu inputs overflow size_t", rows, d);
    st = snnk__alloc_zero(&block->allocator, 1, sizeof *block->hd3, "a projection", &block->hd3);
    if (st != SNNK_OK) return st;
    st = snnk__alloc(&block->allocator, count, sizeof(float), "a projection", &block->hd3_numbers);
    if (st != SNNK_OK) return st;
    block->hd3->rows = rows;
    block->hd3->order = order;
    block->hd3->signs = block->hd3_numbers;
    block->hd3->scale = block->hd3_numbers + signs;
    return SNNK_OK;
}

/* A block with room for its rows: a diagonal, transforms, or panels. */
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
    if (diagonal)
        st = snnk__alloc(allocator, inputs, sizeof(float), "a diagonal", &made->diagonal);
    else if (is_transformed(config))
        st = hd3_alloc(made);
    else
        st = snnk__panels_create(allocator, rows, inputs, snnk__kernels_get()->projection_shape,
                                 "a projection", &made->G);
    if (st != SNNK_OK) goto done;
    st = snnk__alloc(allocator, rows, sizeof(float), "offsets", &made->offset);
    if (st != SNNK_OK) goto done;
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
    return block->diagonal || (block->config.projection != SNNK_PROJECTION_GIVEN &&
                               block->config.projection != SNNK_PROJECTION_FOLDED);
}

void snnk__map_block_release(snnk__map_block *block) {
    if (!block || atomic_fetch_sub(&block->references, 1) > 1) return;
    const snnk_allocator allocator = block->allocator;
    snnk__panels_free(&allocator, &block->G);
    snnk__free(&allocator, block->hd3);
    snnk__free(&allocator, block->hd3_numbers);
    snnk__free(&allocator, block->diagonal);
    snnk__free(&allocator, block->offset);
    snnk__free(&allocator, block->mean);
    snnk__free(&allocator, block->scale);
    snnk__urf_free(block->urf);
    snnk__affine_free(block->line);
    snnk__folded_free(block->folded);
    snnk__free(&allocator, block);
}

/* Rows of HD3, with those that complete the last group. */
static uint64_t hd3_size(const snnk__hd3 *hd3) {
    return ((uint64_t)hd3->rows + hd3->order - 1) / hd3->order * hd3->order;
}

uint64_t snnk__map_block_multiply_adds(const snnk__map_block *block) {
    const snnk__urf_table *table = block->function.urf;
    uint64_t rows = block->rows, levels = 0;

    if (block->hd3) {
        while ((size_t)1 << levels < block->hd3->order) levels++;
        return 3 * (levels + 1) * hd3_size(block->hd3) + rows;
    }
    /* |x~|^2 and nu . (x - mu) */
    if (table) rows += (table->scale != NULL) + table->n_directions + (table->nu != NULL);
    return rows * (block->diagonal ? 1 : block->inputs);
}

uint64_t snnk__map_block_parameters(const snnk__map_block *block) {
    const snnk__urf_table *table = block->function.urf;
    const uint64_t rows = block->rows;
    uint64_t numbers = 0;

    if (block->hd3) return 3 * hd3_size(block->hd3) + 2 * rows; /* signs; scales, offsets */
    if (table) /* of the rows; offsets and gains of directions; mu */
        numbers = rows * SNNK__URF_NUMBERS + 2 * (uint64_t)table->n_directions +
                  (table->mean ? block->inputs : 0);
    return snnk__map_block_multiply_adds(block) + rows + numbers;
}

size_t snnk__map_block_work(const snnk__map_block *block) {
    const snnk__block kernel = snnk__map_block_kernel(block);

    return snnk__project_work(&kernel);
}

double snnk__map_block_get_row(const snnk__map_block *block, size_t row, float *g, float *work) {
    const size_t d = block->inputs;
    double c = block->offset[row];

    if (block->diagonal) {
        for (size_t k = 0; k < d; k++) g[k] = 0;
        g[row] = block->diagonal[row];
        return c;
    }
    if (!block->hd3) {
        snnk__panels_get_row(&block->G, row, g);
        return c;
    }
    const snnk__hd3 *hd3 = block->hd3;
    const size_t within = row % hd3->order;

    snnk__hd3_row(hd3->order, hd3->signs + 3 * (row - within), within, work);
    for (size_t k = 0; k < d; k++) {
        g[k] = hd3->scale[row] * work[k] * (hd3->input_scale ? hd3->input_scale[k] : 1);
        if (hd3->mean) c -= (double)g[k] * hd3->mean[k];
    }
    return c;
}

void snnk__map_block_features(const snnk__map_block *block, size_t n, const float *X, size_t ldx,
                              float *Phi, size_t ldphi, float *work) {
    const snnk__block kernel = snnk__map_block_kernel(block);

    snnk__project(n, X, ldx, block->inputs, &kernel, Phi, ldphi, work);
}

snnk__block snnk__map_block_kernel(const snnk__map_block *block) {
    return (snnk__block){.G = block->diagonal || block->hd3 ? NULL : &block->G,
                         .diagonal = block->diagonal,
                         .hd3 = block->hd3,
                         .offset = block->offset,
                         .rows = block->rows,
                         .function = block->function};
}

int snnk__map_block_set_row(snnk__map_block *block, size_t row, const double *g, double c,
                            const double *mean, const double *scale, float *folded) {
    for (size_t k = 0; k < block->inputs; k++) {
        folded[k] = (float)(scale ? g[k] * scale[k] : g[k]);
        if (mean) c -= (double)folded[k] * mean[k];
        if (!isfinite(folded[k]))
            return snnk__fail(SNNK_E_NONFINITE, "G[%zu][%zu] times its scale overflows float", row,
                              k);
    }
    if (!isfinite((float)c))
        return snnk__fail(SNNK_E_NONFINITE, "offset[%zu] minus G mean overflows float", row);
    snnk__panels_set_row(&block->G, row, folded);
    block->offset[row] = (float)c;
    return SNNK_OK;
}

/* The drawn offset of row j. */
static double drawn_offset(const snnk_map_config *config, size_t j) {
    double c = 0;

    if (config->offset_scale > 0)
        snnk__random_normal(config->seed, SNNK__STREAM_OFFSET, j, 0, 1, &c);
    return c * config->offset_scale;
}

/* Fill the numbers of HD3 rows: signs, scales, offsets, and the input scaling. */
static int draw_hd3(snnk__map_block *block) {
    const snnk_map_config *config = &block->config;
    const size_t d = block->inputs, rows = block->rows, order = block->hd3->order;
    float *signs = block->hd3_numbers, *scale = (float *)block->hd3->scale, *mean = scale + rows;

    for (size_t first = 0; first < rows; first += order)
        snnk__hd3_signs(config->seed, first / order, order, signs + 3 * first);
    for (size_t j = 0; j < rows; j++) {
        scale[j] = (float)(config->projection_scale * snnk__hd3_scale(config->seed, j, order));
        block->offset[j] = (float)drawn_offset(config, j);
    }
    if (!block->mean) return SNNK_OK;
    for (size_t k = 0; k < d; k++) {
        mean[k] = (float)block->mean[k];
        mean[d + k] = (float)block->scale[k];
    }
    block->hd3->mean = mean;
    block->hd3->input_scale = mean + d;
    return SNNK_OK;
}

int snnk__map_block_draw(snnk__map_block *block) {
    if (block->hd3) return draw_hd3(block);
    const snnk_map_config *config = &block->config;
    const size_t d = block->inputs, group = snnk__projection_group(config->projection, d);
    const snnk_allocator *allocator = &block->allocator;
    double *rows = NULL;
    float *folded = NULL;
    size_t count;
    int st;

    if (!snnk__mul_size(group, d, &count))
        return snnk__fail(SNNK_E_SIZE, "inputs = %zu is too large to draw rows for", d);
    if ((st = snnk__alloc(allocator, count, sizeof *rows, "rows", &rows)) != SNNK_OK) goto done;
    if ((st = snnk__alloc(allocator, d, sizeof *folded, "a row", &folded)) != SNNK_OK) goto done;
    for (size_t first = 0; first < block->rows; first += group) {
        st = snnk__projection_rows(config->projection, config->seed, d, first, allocator, rows);
        if (st != SNNK_OK) goto done;
        for (size_t i = 0; i < snnk__min_size(group, block->rows - first); i++) {
            for (size_t k = 0; k < d; k++) rows[i * d + k] *= config->projection_scale;
            st = snnk__map_block_set_row(block, first + i, rows + i * d,
                                         drawn_offset(config, first + i), block->mean, block->scale,
                                         folded);
            if (st != SNNK_OK) goto done;
        }
    }
done:
    snnk__free(allocator, folded);
    snnk__free(allocator, rows);
    return st;
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
        st = snnk__map_block_set_row(block, i, row, offsets ? offsets[i] : 0, block->mean,
                                     block->scale, folded);
        if (st != SNNK_OK) goto done;
    }
done:
    snnk__free(allocator, folded);
    snnk__free(allocator, row);
    return st;
}

int snnk__map_block_identity(snnk__map_block *block) {
    for (size_t k = 0; k < block->inputs; k++) {
        const double scale = block->scale ? block->scale[k] : 1;

        block->diagonal[k] = (float)scale;
        block->offset[k] = block->mean ? (float)(-(double)block->diagonal[k] * block->mean[k]) : 0;
        if (!isfinite(block->offset[k]))
            return snnk__fail(SNNK_E_NONFINITE, "mean times scale of input %zu overflows float", k);
    }
    return SNNK_OK;
}

void snnk__map_block_folded(snnk__map_block *block, const float *G, const float *offset) {
    const size_t d = block->inputs;

    if (block->diagonal)
        memcpy(block->diagonal, G, d * sizeof *G);
    else
        for (size_t i = 0; i < block->rows; i++) snnk__panels_set_row(&block->G, i, G + i * d);
    memcpy(block->offset, offset, block->rows * sizeof *offset);
}
