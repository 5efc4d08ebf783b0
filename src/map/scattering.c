/* SCATTERING: moduli of wavelets of images, averaged (<snnk/scattering.h>). The settings, the
 * creator and the file. */
#include "map/scattering.h"

#include "base/size.h"
#include "kernels/kernels.h"
#include "map/config.h"
#include "map/map.h"

#define MOST_SIDE   4096
#define MOST_ANGLES 64

/* ---- Settings ---- */

static const snnk_scattering_config defaults = {.size = sizeof(snnk_scattering_config),
                                                .channels = 1,
                                                .scales = 3,
                                                .angles = 6,
                                                .epsilon = 1e-3,
                                                .orders = 2,
                                                .logarithm = 1};

#define CONFIG_MINIMUM sizeof(snnk_scattering_config)

int snnk_scattering_config_init(snnk_scattering_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "scattering config");
}

static int check_side(const char *name, uint64_t side, size_t *canvas) {
    if (side < 2 || side > MOST_SIDE)
        return snnk__fail(SNNK_E_SHAPE, "%s = %llu, but must be from 2 to %d", name,
                          (unsigned long long)side, MOST_SIDE);
    for (*canvas = 2; *canvas < side;) *canvas *= 2;
    return SNNK_OK;
}

static int check_config(const snnk_scattering_config *c, snnk__scatter *plan) {
    int st;

    if ((st = check_side("height", c->height, &plan->rows)) != SNNK_OK) return st;
    if ((st = check_side("width", c->width, &plan->columns)) != SNNK_OK) return st;
    if (c->channels == 0) return snnk__fail(SNNK_E_SHAPE, "channels = 0: at least 1 is needed");
    if (c->channels > SIZE_MAX / ((size_t)MOST_SIDE * MOST_SIDE))
        return snnk__fail(SNNK_E_SIZE, "images of %llu channels overflow size_t",
                          (unsigned long long)c->channels);
    const size_t side = snnk__min_size(plan->rows, plan->columns);

    if (c->scales == 0) return snnk__fail(SNNK_E_SHAPE, "scales = 0: at least 1 is needed");
    if (c->scales > 12 || ((size_t)1 << c->scales) > side)
        return snnk__fail(SNNK_E_SHAPE,
                          "scales = %llu is too large for %llu x %llu images: averages over 2^%llu "
                          "pixels do not fit a canvas of %zu x %zu",
                          (unsigned long long)c->scales, (unsigned long long)c->height,
                          (unsigned long long)c->width, (unsigned long long)c->scales, plan->rows,
                          plan->columns);
    if (c->angles == 0 || c->angles > MOST_ANGLES)
        return snnk__fail(SNNK_E_SHAPE, "angles = %llu, but must be from 1 to %d",
                          (unsigned long long)c->angles, MOST_ANGLES);
    if (c->orders < 1 || c->orders > 2)
        return snnk__fail(SNNK_E_RANGE, "orders = %d, but must be 1 or 2", (int)c->orders);
    if ((st = snnk__check_enum(c->logarithm, 2, "logarithm")) != SNNK_OK) return st;
    return snnk__check_within(c->epsilon, 1e-12, 1e12, "epsilon");
}

/* Set the plan, without its numbers, from a config that is not checked yet. */
static int set_plan(const snnk_scattering_config *config, snnk__scattering *s, size_t *numbers) {
    snnk__scatter *plan = &s->plan;
    size_t J, L;
    int st;

    *s = (snnk__scattering){.config = *config};
    s->config.allocator = NULL;
    if ((st = check_config(config, plan)) != SNNK_OK) return st;
    J = plan->scales = (size_t)config->scales;
    L = plan->angles = (size_t)config->angles;
    plan->height = (size_t)config->height;
    plan->width = (size_t)config->width;
    plan->channels = (size_t)config->channels;
    plan->second = config->orders == 2;
    plan->logarithm = config->logarithm;
    plan->epsilon = (float)config->epsilon;
    plan->paths = 1 + J * L + (plan->second ? L * L * (J * (J - 1) / 2) : 0);
    s->inputs = plan->height * plan->width * plan->channels; /* checked above */
    if (!snnk__mul_size(plan->paths * snnk__scatter_cells(plan), plan->channels, &s->features) ||
        snnk__scatter_work(plan) == SIZE_MAX || snnk__scattering_back_work(plan) == SIZE_MAX)
        return snnk__fail(SNNK_E_SIZE, "scattering of %zu paths and %zu channels overflows size_t",
                          plan->paths, plan->channels);
    if (!snnk__scattering_numbers(plan, numbers) || *numbers > SNNK__MAX_DRAWS)
        return snnk__fail(SNNK_E_SIZE,
                          "filters of %zu scales and %zu angles on a canvas of %zu x %zu need more "
                          "than 2^28 numbers: take fewer, or smaller images",
                          J, L, plan->rows, plan->columns);
    return SNNK_OK;
}

size_t snnk__scatter_work(const snnk__scatter *s) {
    const size_t lanes = SNNK__SCATTER_LANES;
    size_t floats, paths;

    /* Three planes and two lines of complex numbers, the results, and sums along rows, which are at
     * most half a plane. */
    if (!snnk__mul_size(s->rows * s->columns, 7 * lanes, &floats) ||
        !snnk__mul_size(s->paths * snnk__scatter_cells(s), lanes, &paths) ||
        !snnk__add_size(floats, paths, &floats) ||
        !snnk__add_size(floats, 4 * lanes * snnk__max_size(s->rows, s->columns), &floats))
        return SIZE_MAX;
    return floats;
}

/* ---- Creating and freeing ---- */

static const snnk__scattering *data_of(const snnk__map_block *block) { return block->data; }

static void release(snnk__map_block *block) {
    snnk__scattering *s = block->data;

    if (!s) return;
    snnk__free(&block->allocator, s->numbers);
    snnk__free(&block->allocator, s->filters);
    snnk__free(&block->allocator, s);
}

static void apply(const void *context, size_t n, const float *X, size_t ldx, float *Phi,
                  size_t ldphi, float *work) {
    const snnk__scattering *s = context;

    snnk__kernels_get()->scatter(&s->plan, n, X, ldx, Phi, ldphi, work);
}

static int allocate(snnk__scattering *s, size_t numbers, const snnk_allocator *allocator) {
    const size_t J = s->plan.scales, pointers = J * J * s->plan.angles + 2 * J;
    double *spectrum = NULL;
    int st = snnk__alloc(allocator, numbers, sizeof(float), "filters", &s->numbers);

    if (st == SNNK_OK)
        st = snnk__alloc_zero(allocator, pointers, sizeof(float *), "filters", &s->filters);
    if (st == SNNK_OK)
        st = snnk__alloc(allocator, snnk__max_size(s->plan.rows, s->plan.columns), sizeof(double),
                         "a spectrum", &spectrum);
    if (st == SNNK_OK) snnk__scattering_fill(s, spectrum);
    snnk__free(allocator, spectrum);
    return st;
}

static int create_block(const snnk__scattering *settings, size_t numbers, uint64_t seed,
                        const snnk_allocator *allocator, snnk__map_block **block) {
    const int32_t kind = SNNK_MAP_SCATTERING;
    const snnk_map_config config = snnk__transform_config(kind, seed);
    snnk__map_block *made;
    snnk__scattering *s;
    int st;

    st =
        snnk__map_block_alloc(&snnk__map_scattering, &config, settings->features, allocator, &made);
    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc(allocator, 1, sizeof *s, "scattering features", &s)) == SNNK_OK) {
        *s = *settings;
        made->data = s;
        s->transform = (snnk__transform){.context = s,
                                         .features = s->features,
                                         .work = snnk__scatter_work(&s->plan),
                                         .back_work = snnk__scattering_back_work(&s->plan),
                                         .apply = apply,
                                         .backward = snnk__scattering_backward};
        snnk__transform_begin(made, s->inputs, &s->transform);
        st = allocate(s, numbers, allocator);
    }
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

int snnk_map_create_scattering(const snnk_scattering_config *config, snnk_map **map) {
    snnk_scattering_config ours = defaults;
    snnk_allocator allocator;
    snnk__scattering settings;
    snnk__map_block *block = NULL;
    size_t numbers = 0;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = snnk__check_pointer(config, "config")) != SNNK_OK) return st;
    st = snnk__config_read(&ours, sizeof ours, CONFIG_MINIMUM, config, "scattering config");
    if (st == SNNK_OK) st = snnk__allocator_read(&allocator, ours.allocator);
    if (st == SNNK_OK) st = set_plan(&ours, &settings, &numbers);
    if (st == SNNK_OK)
        st = create_block(&settings, numbers, snnk__map_config_defaults.seed, &allocator, &block);
    if (st == SNNK_OK) st = snnk__map_from_blocks(1, &block, &allocator, map);
    snnk__map_block_release(block);
    return st;
}

int snnk_map_block_scattering(const snnk_map *map, size_t block, snnk_scattering_config *config) {
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(config, "config")) != SNNK_OK) return st;
    if (block >= map->n_blocks)
        return snnk__fail(SNNK_E_RANGE, "block = %zu, but the map has %zu blocks", block,
                          map->n_blocks);
    if (map->blocks[block]->kind->release != release)
        return snnk__map_cannot(map->blocks[block]->kind, "are no scattering");
    return snnk__config_write(config, &data_of(map->blocks[block])->config, sizeof *config,
                              CONFIG_MINIMUM, "scattering config");
}

/* ---- Properties ---- */

/* Moduli are at most |x| times the norm of a wavelet, which is below 1 except for a few of the
 * smallest scale, and are squared. */
static double safe_projection(const snnk__map_block *block) {
    (void)block;
    return 1e16;
}

/* What the product, the transform and the averages of one path cost. */
static uint64_t path_cost(const snnk__scatter *plan, size_t r, size_t j) {
    const uint64_t from = (uint64_t)(plan->rows >> r) * (plan->columns >> r),
                   to = (uint64_t)(plan->rows >> j) * (plan->columns >> j);
    uint64_t levels = 0;

    while (((uint64_t)1 << levels) < to) levels++;
    return 2 * from + 2 * to * levels + to * (plan->columns >> plan->scales);
}

static void cost(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters) {
    const snnk__scatter *plan = &data_of(block)->plan;
    const uint64_t L = plan->angles;
    uint64_t sum = path_cost(plan, 0, 0);

    (void)parameters; /* none is stored */
    for (size_t j = 0; j < plan->scales; j++) {
        sum += L * path_cost(plan, 0, j);
        for (size_t j2 = j + 1; plan->second && j2 < plan->scales; j2++)
            sum += L * L * path_cost(plan, j, j2);
    }
    *multiply_adds += plan->channels * sum;
}

static void facts(const snnk__map_block *block, snnk__map_facts *of) {
    of->fixed = block->features;
    of->random = 0;
}

/* ---- Files ---- */

typedef struct setting {
    const char *name;
    uint64_t *value;
} setting;

enum { COUNTS = 5 };

static void name_counts(snnk_scattering_config *c, setting counts[COUNTS]) {
    counts[0] = (setting){"height", &c->height};
    counts[1] = (setting){"width", &c->width};
    counts[2] = (setting){"channels", &c->channels};
    counts[3] = (setting){"scales", &c->scales};
    counts[4] = (setting){"angles", &c->angles};
}

static void write(const snnk__map_block *block, snnk__sink *sink) {
    snnk_scattering_config c = data_of(block)->config;
    setting counts[COUNTS];

    name_counts(&c, counts);
    for (size_t k = 0; k < COUNTS; k++) sink->count(sink, counts[k].name, (size_t)*counts[k].value);
    sink->truth(sink, "second_order", c.orders == 2);
    sink->truth(sink, "logarithm", c.logarithm);
    sink->number(sink, "epsilon", c.epsilon);
}

static int read_settings(const snnk__source *source, snnk_scattering_config *c) {
    setting counts[COUNTS];
    bool second = false, logarithm = false;
    int st;

    name_counts(c, counts);
    for (size_t k = 0; k < COUNTS; k++) {
        size_t count = 0;

        if ((st = snnk__read_count(source, counts[k].name, &count)) != SNNK_OK) return st;
        *counts[k].value = count;
    }
    if ((st = snnk__read_truth(source, "second_order", &second)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "logarithm", &logarithm)) != SNNK_OK) return st;
    c->orders = second ? 2 : 1;
    c->logarithm = logarithm;
    return snnk__read_within(source, "epsilon", 1e-12, 1e12, &c->epsilon);
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    snnk_scattering_config c = defaults;
    snnk__scattering settings;
    size_t numbers = 0;
    int st;

    (void)kind;
    if ((st = read_settings(source, &c)) != SNNK_OK) return st;
    if ((st = set_plan(&c, &settings, &numbers)) != SNNK_OK)
        return st == SNNK_E_SIZE ? st : SNNK_E_FORMAT; /* the sentence is already right */
    if (settings.inputs != inputs)
        return snnk__fail(SNNK_E_FORMAT, "images of %zu numbers, but there are %zu inputs",
                          settings.inputs, inputs);
    if (settings.features != config->features)
        return snnk__fail(SNNK_E_FORMAT, "a scattering of %zu features, but the block claims %zu",
                          settings.features, (size_t)config->features);
    if (config->projection != SNNK_PROJECTION_GIVEN)
        return snnk__fail(SNNK_E_FORMAT, "the filters are \"%s\", but must be \"given\"",
                          snnk_projection_name(config->projection));
    if ((st = snnk__read_draws(source, numbers)) != SNNK_OK) return st;
    return create_block(&settings, numbers, config->seed, source->allocator, block);
}

const snnk__map_kind snnk__map_scattering = {.name = "scattering",
                                             .release = release,
                                             .safe_projection = safe_projection,
                                             .cost = cost,
                                             .slope_doubles = snnk__transform_slope_doubles,
                                             .gradient = snnk__transform_gradient,
                                             .facts = facts,
                                             .write = write,
                                             .read = read};
