/* WINDOW: patches of an image or a series, projected on filters, passed through an activation and
 * pooled over a grid. The settings, the creators and the file; window_passes.c has the features,
 * window_filters.c where filters come from. */
#include "map/window.h"

#include <math.h>
#include <string.h>

#include "base/overlap.h"
#include "base/size.h"
#include "map/config.h"
#include "map/map.h"
#include "spectrum/activation.h"

/* ---- Names ---- */

static const char *const pools[] = {"mean", "root_mean_square", "max"};
static const char *const origins[] = {"patches", "centres", "random", "given"};

_Static_assert((int)SNNK__POOL_VALUES == (int)SNNK_POOL_MEAN &&
                   (int)SNNK__POOL_SQUARES == (int)SNNK_POOL_ROOT_MEAN_SQUARE &&
                   (int)SNNK__POOL_LARGEST == (int)SNNK_POOL_MAX,
               "the kernels use the values of snnk_pool");

enum { POOLS = sizeof pools / sizeof *pools, ORIGINS = sizeof origins / sizeof *origins };

const char *snnk_pool_name(int32_t pool) { return pool >= 0 && pool < POOLS ? pools[pool] : NULL; }

const char *snnk_filters_name(int32_t filters) {
    return filters >= 0 && filters < ORIGINS ? origins[filters] : NULL;
}

/* ---- Settings ---- */

static const snnk_window_config defaults = {.size = sizeof(snnk_window_config),
                                            .channels = 1,
                                            .patch_height = 6,
                                            .patch_width = 6,
                                            .stride_height = 1,
                                            .stride_width = 1,
                                            .grid_height = 4,
                                            .grid_width = 4,
                                            .features = 256,
                                            .whitening_floor = 0.01,
                                            .threshold = 0.25,
                                            .normalise = 1,
                                            .activation = SNNK_RELU,
                                            .both_signs = 1,
                                            .root = 1};

#define CONFIG_MINIMUM sizeof(snnk_window_config)

int snnk_window_config_init(snnk_window_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "window config");
}

/* One direction: the sides of image and patch, the stride, and the cells of the grid. */
static int check_direction(const char *name, uint64_t side, uint64_t patch, uint64_t stride,
                           uint64_t cells, size_t *positions) {
    if (side == 0 || side > SIZE_MAX)
        return snnk__fail(SNNK_E_SHAPE, "%s = %llu: an image needs at least 1", name,
                          (unsigned long long)side);
    if (patch == 0 || patch > side)
        return snnk__fail(SNNK_E_SHAPE, "patch_%s = %llu, but must be from 1 to the image's %llu",
                          name, (unsigned long long)patch, (unsigned long long)side);
    if (stride == 0) return snnk__fail(SNNK_E_SHAPE, "stride_%s = 0: at least 1 is needed", name);
    *positions = (size_t)((side - patch) / stride) + 1;
    if (cells == 0 || cells > *positions)
        return snnk__fail(SNNK_E_SHAPE,
                          "grid_%s = %llu, but must be from 1 to the %zu positions of the window",
                          name, (unsigned long long)cells, *positions);
    return SNNK_OK;
}

static int check_numbers(const snnk_window_config *c) {
    int st;

    if (c->contrast_floor != 0 &&
        (st = snnk__check_within(c->contrast_floor, 1e-30, 1e30, "contrast_floor")) != SNNK_OK)
        return st;
    st = snnk__check_within(c->whitening_floor, 1e-6, 1e6, "whitening_floor");
    if (st == SNNK_OK) st = snnk__check_within(c->threshold, 0, 1e6, "threshold");
    if (st == SNNK_OK) st = snnk__check_enum(c->normalise, 2, "normalise");
    if (st == SNNK_OK) st = snnk__check_enum(c->filters, ORIGINS, "filters");
    if (st == SNNK_OK) st = snnk__check_activation(c->activation);
    if (st == SNNK_OK) st = snnk__check_enum(c->both_signs, 2, "both_signs");
    if (st == SNNK_OK) st = snnk__check_enum(c->pool, POOLS, "pool");
    return st == SNNK_OK ? snnk__check_enum(c->root, 2, "root") : st;
}

/* Set sizes: inputs, patch, features; all products must fit. */
static int set_sizes(const snnk_window_config *c, snnk__window *w) {
    size_t cells, doubled; /* with room for the scratch of gradients, in bytes */

    if (c->channels == 0) return snnk__fail(SNNK_E_SHAPE, "channels = 0: at least 1 is needed");
    if (c->channels <= SIZE_MAX &&
        snnk__mul_size((size_t)c->height, (size_t)c->width, &w->inputs) &&
        snnk__mul_size(w->inputs, (size_t)c->channels, &w->inputs) &&
        snnk__mul_size(w->down, (size_t)c->grid_height + 1, &cells) &&
        snnk__mul_size(w->right, (size_t)c->grid_width + 1, &cells) &&
        snnk__mul_size((size_t)c->grid_height, (size_t)c->grid_width, &cells) &&
        snnk__mul_size(cells, w->filters, &w->features) &&
        snnk__mul_size(w->features, 2, &doubled) && doubled <= SIZE_MAX / sizeof(float) / 4) {
        w->patch = (size_t)(c->patch_height * c->patch_width * c->channels); /* <= inputs */
        if (c->both_signs) w->features = doubled;
        return SNNK_OK;
    }
    return snnk__fail(SNNK_E_SIZE,
                      "%llu x %llu x %llu inputs or the features of %zu filters overflow size_t",
                      (unsigned long long)c->height, (unsigned long long)c->width,
                      (unsigned long long)c->channels, w->filters);
}

/* A longer stride than the image does nothing else, and files hold numbers to 2^53 only. */
static uint64_t least(uint64_t stride, uint64_t side) { return stride < side ? stride : side; }

int snnk__window_set(const snnk_window_config *c, size_t filters, snnk__window *w) {
    int st;

    *w = (snnk__window){.config = *c, .filters = filters};
    if (filters == 0) return snnk__fail(SNNK_E_SHAPE, "features = 0: at least 1 filter is needed");
    st = check_direction("height", c->height, c->patch_height, c->stride_height, c->grid_height,
                         &w->down);
    if (st != SNNK_OK) return st;
    st = check_direction("width", c->width, c->patch_width, c->stride_width, c->grid_width,
                         &w->right);
    if (st == SNNK_OK) st = check_numbers(c);
    if (st == SNNK_OK) st = set_sizes(c, w);
    if (st != SNNK_OK) return st;
    w->config.features = filters;
    w->config.allocator = NULL;
    w->config.stride_height = least(c->stride_height, c->height);
    w->config.stride_width = least(c->stride_width, c->width);
    w->patches =
        (snnk__patches){.segments = (size_t)c->patch_height,
                        .length = (size_t)(c->patch_width * c->channels),
                        .row = (size_t)(c->width * c->channels),
                        .step = (size_t)(w->config.stride_width * c->channels),
                        .normalise = c->normalise,
                        .floor = (float)(c->contrast_floor > 0 ? c->contrast_floor : 1e-8)};
    w->pooling = (snnk__pooling){.pool = c->pool,
                                 .rectify = c->activation == SNNK_RELU,
                                 .shift = (float)(-2 * c->threshold),
                                 .root = c->root};
    w->function = (snnk__function){
        .operation = SNNK__OPERATION_ACTIVATION, .activation = c->activation, .scale = 1};
    return SNNK_OK;
}

int snnk__window_alloc(snnk__window *w, const snnk_allocator *allocator) {
    size_t count;
    int st;

    w->allocator = *allocator;
    if (!snnk__mul_size(w->filters, w->patch, &count))
        return snnk__fail(SNNK_E_SIZE, "%zu filters of %zu numbers overflow size_t", w->filters,
                          w->patch);
    if (w->patch > SIZE_MAX / sizeof(float) / 512)
        return snnk__fail(SNNK_E_SIZE, "patches of %zu numbers overflow size_t", w->patch);
    st = snnk__alloc(allocator, count, sizeof *w->G, "filters", &w->G);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, w->filters, sizeof *w->offset, "offsets", &w->offset);
    if (st == SNNK_OK)
        st = snnk__panels_create(allocator, w->filters, w->patch,
                                 snnk__kernels_get()->projection_shape(w->filters), "filters",
                                 &w->panels);
    return st;
}

void snnk__window_free(snnk__window *w) {
    snnk__free(&w->allocator, w->G);
    snnk__free(&w->allocator, w->offset);
    snnk__panels_free(&w->allocator, &w->panels);
}

void snnk__window_finish(snnk__window *w) {
    snnk__panels_set_rows(&w->panels, 0, w->filters, w->G, w->patch);
    w->transform = (snnk__transform){.context = w,
                                     .features = w->features,
                                     .work = snnk__window_work(w),
                                     .back_work = snnk__window_back_work(w),
                                     .apply = snnk__window_apply,
                                     .backward = snnk__window_backward};
}

/* ---- Creating and freeing ---- */

static const snnk__window *data_of(const snnk__map_block *block) { return block->data; }

static void release(snnk__map_block *block) {
    if (!block->data) return;
    snnk__window_free(block->data);
    snnk__free(&block->allocator, block->data);
}

/* Create a block whose filters are not set yet. */
static int begin(const snnk__window *settings, const snnk_allocator *allocator,
                 snnk__map_block **block) {
    const int32_t kind = SNNK_MAP_WINDOW;
    snnk_map_config config = snnk__transform_config(kind, settings->config.seed);
    snnk__map_block *made;
    snnk__window *w;
    int st;

    config.activation = settings->config.activation;
    st = snnk__map_block_alloc(&snnk__map_window, &config, settings->features, allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, 1, sizeof *w, "windows", &w)) == SNNK_OK) {
        *w = *settings;
        made->data = w;
        snnk__transform_begin(made, w->inputs, &w->transform);
        st = snnk__window_alloc(w, allocator);
    }
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

static int finish(int st, snnk__map_block *block, snnk_map **map) {
    if (st == SNNK_OK) {
        snnk__window_finish(block->data);
        st = snnk__map_from_blocks(1, &block, &block->allocator, map);
    }
    snnk__map_block_release(block);
    return st;
}

/* Read the config and its allocator. */
static int read_config(const snnk_window_config *config, snnk_window_config *ours,
                       snnk_allocator *allocator) {
    int st;

    if ((st = snnk__check_pointer(config, "config")) != SNNK_OK) return st;
    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "window config");
    return st == SNNK_OK ? snnk__allocator_read(allocator, ours->allocator) : st;
}

int snnk_map_create_window(const snnk_rows *rows, const snnk_window_config *config,
                           snnk_map **map) {
    snnk_window_config ours;
    snnk_allocator allocator;
    snnk__window settings;
    snnk__map_block *block = NULL;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &ours, &allocator)) != SNNK_OK) return st;
    if (ours.features > SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "features = %llu overflows size_t",
                          (unsigned long long)ours.features);
    if ((st = snnk__window_set(&ours, (size_t)ours.features, &settings)) != SNNK_OK) return st;
    if (ours.filters == SNNK_FILTERS_GIVEN)
        return snnk__fail(SNNK_E_ENUM, "filters = given is for filters that are passed, to "
                                       "snnk_map_create_window_from_filters");
    if (!rows && ours.filters != SNNK_FILTERS_RANDOM)
        return snnk__fail(SNNK_E_NULL, "rows is NULL, but filters = %s come from rows",
                          origins[ours.filters]);
    if (rows) {
        st = snnk__rows_read(rows, settings.inputs, 0, false, &read);
        if (st == SNNK_OK && read.n == 0)
            st = snnk__fail(SNNK_E_SHAPE, "n = 0: at least 1 row is needed");
        if (st == SNNK_OK) st = snnk__rows_check_finite(&read);
        if (st != SNNK_OK) return st;
    }
    if ((st = begin(&settings, &allocator, &block)) != SNNK_OK) return st;
    st = snnk__window_learn(rows ? &read : NULL, block->data);
    return finish(st, block, map);
}

int snnk_map_create_window_from_filters(const snnk_window_config *config, size_t filters,
                                        const float *G, size_t ldg, const float *offsets,
                                        snnk_map **map) {
    snnk_window_config ours;
    snnk_allocator allocator;
    snnk__window settings, *w;
    snnk__map_block *block = NULL;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &ours, &allocator)) != SNNK_OK) return st;
    ours.filters = SNNK_FILTERS_GIVEN;
    ours.seed = defaults.seed;
    ours.whitening_floor = defaults.whitening_floor;
    if ((st = snnk__window_set(&ours, filters, &settings)) != SNNK_OK) return st;
    st = snnk__check_matrix(G, "G", filters, settings.patch, ldg, sizeof *G);
    if (st == SNNK_OK) st = snnk__check_finite(G, "G", filters, settings.patch, ldg);
    if (st == SNNK_OK && offsets) st = snnk__check_finite(offsets, "offsets", 1, filters, filters);
    if (st != SNNK_OK) return st;
    if (settings.config.contrast_floor == 0) settings.config.contrast_floor = 1e-8;
    if ((st = begin(&settings, &allocator, &block)) != SNNK_OK) return st;
    w = block->data;
    for (size_t k = 0; k < filters; k++) {
        memcpy(w->G + k * w->patch, G + k * ldg, w->patch * sizeof *G);
        w->offset[k] = offsets ? offsets[k] : (float)-w->config.threshold;
    }
    return finish(SNNK_OK, block, map);
}

int snnk_map_block_window(const snnk_map *map, size_t block, snnk_window_config *config, float *G,
                          size_t ldg, float *offsets) {
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if (block >= map->n_blocks)
        return snnk__fail(SNNK_E_RANGE, "block = %zu, but the map has %zu blocks", block,
                          map->n_blocks);
    if (map->blocks[block]->kind->release != release)
        return snnk__map_cannot(map->blocks[block]->kind, "are not made of windows");
    const snnk__window *w = data_of(map->blocks[block]);

    if (G && (st = snnk__check_matrix(G, "G", w->filters, w->patch, ldg, sizeof *G)) != SNNK_OK)
        return st;
    const snnk__operand arrays[] = {SNNK__WRITTEN(G, w->filters, w->patch, ldg),
                                    SNNK__WRITTEN(offsets, 1, w->filters, w->filters)};
    if ((st = snnk__check_overlap(2, arrays)) != SNNK_OK) return st;
    if (config) {
        st =
            snnk__config_write(config, &w->config, sizeof *config, CONFIG_MINIMUM, "window config");
        if (st != SNNK_OK) return st;
    }
    for (size_t k = 0; G && k < w->filters; k++)
        memcpy(G + k * ldg, w->G + k * w->patch, w->patch * sizeof *G);
    if (offsets) memcpy(offsets, w->offset, w->filters * sizeof *offsets);
    return SNNK_OK;
}

/* ---- Properties ---- */

/* The largest |z| whose values, or their squares, can be summed over all positions: h is e^z, or at
 * most about |z|. */
static double safe_value(const snnk__window *w) {
    const double positions = (double)w->down * (double)w->right;

    if (w->config.activation != SNNK_EXP) return fmin(1e15, sqrt(1e37 / positions));
    return (85 - log(positions)) / (w->config.pool == SNNK_POOL_ROOT_MEAN_SQUARE ? 2 : 1);
}

/* |p| is at most |x|/sqrt(floor) or |x|, and |z| then the largest |g| times that, plus |c|. */
static double safe_projection(const snnk__map_block *block) {
    const snnk__window *w = data_of(block);
    const double most = safe_value(w);
    double longest = 0, offset = 2 * w->config.threshold;

    for (size_t k = 0; k < w->filters; k++) {
        double norm2 = 0;

        for (size_t i = 0; i < w->patch; i++)
            norm2 += (double)w->G[k * w->patch + i] * w->G[k * w->patch + i];
        longest = fmax(longest, sqrt(norm2));
        offset = fmax(offset, fabs((double)w->offset[k]) + 2 * w->config.threshold);
    }
    if (offset >= most) return 0;
    const double reach = (most - offset) / fmax(longest, 1e-30);

    /* Patches themselves are summed in float, and squared. */
    return fmin(w->config.normalise ? reach * sqrt((double)w->patches.floor) : reach, 1e18);
}

static void cost(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters) {
    const snnk__window *w = data_of(block);

    *multiply_adds += (uint64_t)w->down * w->right * w->filters * w->patch;
    *parameters += (uint64_t)w->filters * (w->patch + 1);
}

static void facts(const snnk__map_block *block, snnk__map_facts *of) {
    of->fixed = block->features;
    of->random = 0;
}

/* ---- Files ---- */

static snnk__array filters_array(const snnk__window *w) {
    return snnk__array_2("filters", SNNK__ELEMENT_F32, w->filters, w->patch);
}

static snnk__array offsets_array(const snnk__window *w) {
    return snnk__array_1("filter_offsets", SNNK__ELEMENT_F32, w->filters);
}

/* The settings that are counts, by name. */
typedef struct setting {
    const char *name;
    size_t offset;
} setting;

#define COUNT(field)                                                                               \
    { #field, offsetof(snnk_window_config, field) }
static const setting counts[] = {COUNT(height),       COUNT(width),       COUNT(channels),
                                 COUNT(patch_height), COUNT(patch_width), COUNT(stride_height),
                                 COUNT(stride_width), COUNT(grid_height), COUNT(grid_width)};
static const setting truths[] = {COUNT(normalise), COUNT(both_signs), COUNT(root)};
#undef COUNT

enum { COUNTS = sizeof counts / sizeof *counts, TRUTHS = sizeof truths / sizeof *truths };

static void write(const snnk__map_block *block, snnk__sink *sink) {
    const snnk__window *w = data_of(block);
    const snnk_window_config *c = &w->config;

    for (size_t k = 0; k < COUNTS; k++) {
        uint64_t count;

        memcpy(&count, (const char *)c + counts[k].offset, sizeof count);
        sink->count(sink, counts[k].name, (size_t)count);
    }
    for (size_t k = 0; k < TRUTHS; k++) {
        int32_t truth;

        memcpy(&truth, (const char *)c + truths[k].offset, sizeof truth);
        sink->truth(sink, truths[k].name, truth != 0);
    }
    sink->count(sink, "filter_count", w->filters);
    sink->text(sink, "origin", origins[c->filters]);
    sink->text(sink, "activation", snnk_activation_name(c->activation));
    sink->text(sink, "pool", pools[c->pool]);
    sink->number(sink, "contrast_floor", c->contrast_floor);
    sink->number(sink, "whitening_floor", c->whitening_floor);
    sink->number(sink, "threshold", c->threshold);
    snnk__write_array(sink, filters_array(w), w->G);
    snnk__write_array(sink, offsets_array(w), w->offset);
}

static int read_settings(const snnk__source *source, snnk_window_config *c, size_t *filters) {
    int st = SNNK_OK;

    for (size_t k = 0; st == SNNK_OK && k < COUNTS; k++) {
        size_t count = 0;

        if ((st = snnk__read_count(source, counts[k].name, &count)) != SNNK_OK) return st;
        const uint64_t wide = count;
        memcpy((char *)c + counts[k].offset, &wide, sizeof wide);
    }
    for (size_t k = 0; st == SNNK_OK && k < TRUTHS; k++) {
        bool truth = false;

        if ((st = snnk__read_truth(source, truths[k].name, &truth)) != SNNK_OK) return st;
        const int32_t number = truth;
        memcpy((char *)c + truths[k].offset, &number, sizeof number);
    }
    st = snnk__read_count(source, "filter_count", filters);
    if (st == SNNK_OK) st = snnk__read_name(source, "origin", snnk_filters_name, &c->filters);
    if (st == SNNK_OK)
        st = snnk__read_name(source, "activation", snnk_activation_name, &c->activation);
    if (st == SNNK_OK) st = snnk__read_name(source, "pool", snnk_pool_name, &c->pool);
    if (st == SNNK_OK)
        st = snnk__read_within(source, "contrast_floor", 1e-30, 1e30, &c->contrast_floor);
    if (st == SNNK_OK)
        st = snnk__read_within(source, "whitening_floor", 1e-6, 1e6, &c->whitening_floor);
    return st == SNNK_OK ? snnk__read_within(source, "threshold", 0, 1e6, &c->threshold) : st;
}

/* The settings of a file, checked like those of a caller; and that they belong together. */
static int check_settings(const snnk_window_config *c, size_t filters, size_t inputs,
                          size_t features, snnk__window *settings) {
    const int st = snnk__window_set(c, filters, settings);

    if (st == SNNK_E_SIZE) return st;
    if (st != SNNK_OK) return SNNK_E_FORMAT; /* the sentence is already right */
    if (settings->inputs != inputs)
        return snnk__fail(SNNK_E_FORMAT, "windows over %zu numbers, but there are %zu inputs",
                          settings->inputs, inputs);
    if (settings->features != features)
        return snnk__fail(SNNK_E_FORMAT, "windows give %zu features, but the block claims %zu",
                          settings->features, features);
    return SNNK_OK;
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    snnk_window_config c = defaults;
    snnk__map_block *made = NULL;
    snnk__window settings, *w;
    size_t filters = 0;
    int st;

    (void)kind;
    c.seed = config->seed;
    if ((st = read_settings(source, &c, &filters)) != SNNK_OK) return st;
    st = check_settings(&c, filters, inputs, (size_t)config->features, &settings);
    if (st == SNNK_OK) st = snnk__find_array(source, filters_array(&settings));
    if (st == SNNK_OK) st = snnk__find_array(source, offsets_array(&settings));
    if (st == SNNK_OK) st = begin(&settings, source->allocator, &made);
    if (st != SNNK_OK) return st;
    w = made->data;
    st = snnk__read_array(source, filters_array(w), w->G);
    if (st == SNNK_OK) st = snnk__read_array(source, offsets_array(w), w->offset);
    if (st == SNNK_OK) {
        snnk__window_finish(w);
        *block = made;
    } else {
        snnk__map_block_release(made);
    }
    return st;
}

const snnk__map_kind snnk__map_window = {.name = "window",
                                         .release = release,
                                         .safe_projection = safe_projection,
                                         .cost = cost,
                                         .slope_doubles = snnk__transform_slope_doubles,
                                         .gradient = snnk__transform_gradient,
                                         .facts = facts,
                                         .write = write,
                                         .read = read};
