/* MINIROCKET: shares of positive values of fixed kernels on a series (<snnk/series.h>). The
 * settings and the file. */
#include "map/minirocket.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "map/config.h"
#include "map/map.h"

#define KERNELS        SNNK_MINIROCKET_KERNELS
#define MOST_DILATIONS 1024
#define MOST_LENGTH    ((size_t)1 << 24)
#define MOST_FEATURES  ((uint64_t)1 << 30)

/* ---- Settings ---- */

static const snnk_minirocket_config defaults = {.size = sizeof(snnk_minirocket_config),
                                                .features = 9996,
                                                .max_dilations = 32,
                                                .standardize = 1,
                                                .channels = 1};

/* The fields of the first version. */
#define CONFIG_MINIMUM offsetof(snnk_minirocket_config, channels)

int snnk_minirocket_config_init(snnk_minirocket_config *config, size_t config_size) {
    return snnk__config_init(config, config_size, &defaults, sizeof defaults, CONFIG_MINIMUM,
                             "minirocket config");
}

/* Read and check a config, and round its features. */
static int read_config(const snnk_minirocket_config *config, snnk_minirocket_config *ours) {
    int st;

    *ours = defaults;
    st = snnk__config_read(ours, sizeof *ours, CONFIG_MINIMUM, config, "minirocket config");
    if (st != SNNK_OK) return st;
    if (ours->features < KERNELS || ours->features > MOST_FEATURES)
        return snnk__fail(SNNK_E_SHAPE,
                          "features = %llu, but must be from %d, one for each kernel, to 2^30",
                          (unsigned long long)ours->features, KERNELS);
    if (ours->max_dilations < 1 || ours->max_dilations > MOST_DILATIONS)
        return snnk__fail(SNNK_E_RANGE, "max_dilations = %llu, but must be from 1 to %d",
                          (unsigned long long)ours->max_dilations, MOST_DILATIONS);
    if (ours->channels < 1 || ours->channels > MOST_LENGTH)
        return snnk__fail(SNNK_E_SHAPE, "channels = %llu, but must be from 1 to 2^24",
                          (unsigned long long)ours->channels);
    if (!ours->channel_counts != !ours->channel_indices ||
        !ours->channel_counts != !ours->combinations)
        return snnk__fail(SNNK_E_NULL,
                          "combinations, channel_counts and channel_indices: set all or none");
    if (ours->channel_counts && ours->channels == 1)
        return snnk__fail(SNNK_E_SHAPE, "sets of channels are given, but channels = 1");
    ours->features -= ours->features % KERNELS;
    return snnk__check_enum(ours->standardize, 2, "standardize");
}

size_t snnk_minirocket_features(const snnk_minirocket_config *config) {
    snnk_minirocket_config ours;

    return read_config(config, &ours) == SNNK_OK ? (size_t)ours.features : 0;
}

static int check_length(size_t length, uint64_t channels) {
    if (length < SNNK__MINIROCKET_LENGTH)
        return snnk__fail(SNNK_E_SHAPE,
                          "series of %zu numbers are shorter than the kernels, which have %d: join "
                          "columns, or use another map",
                          length, SNNK__MINIROCKET_LENGTH);
    if (length > MOST_LENGTH / channels)
        return snnk__fail(SNNK_E_SIZE, "series of %zu numbers in %llu channels are more than 2^24",
                          length, (unsigned long long)channels);
    return SNNK_OK;
}

/* Set s->dilation and s->counts for a checked config: exponents of dilations are spaced evenly, and
 * the features of a kernel are shared among what differs after rounding down. Both have room for
 * max_dilations. */
static void set_dilations(snnk__minirocket *s) {
    const uint64_t each = s->features / KERNELS,
                   spread = each < s->config.max_dilations ? each : s->config.max_dilations;
    const double most = log2((double)(s->length - 1) / (SNNK__MINIROCKET_LENGTH - 1)),
                 step = spread > 1 ? most / (double)(spread - 1) : 0,
                 multiplier = (double)each / (double)spread;
    uint64_t left = each;

    s->dilations = 0;
    for (uint64_t i = 0; i < spread; i++) {
        const double exponent = i > 0 && i + 1 == spread ? most : (double)i * step;
        const uint32_t dilation = (uint32_t)pow(2, exponent);

        if (s->dilations == 0 || s->dilation[s->dilations - 1] != dilation) {
            s->dilation[s->dilations] = dilation;
            s->counts[s->dilations++] = 0;
        }
        s->counts[s->dilations - 1]++;
    }
    for (size_t i = 0; i < s->dilations; i++) {
        s->counts[i] = (uint32_t)(s->counts[i] * multiplier);
        left -= s->counts[i];
    }
    for (size_t i = 0; left > 0; left--, i = (i + 1) % s->dilations) s->counts[i]++;
}

/* ---- Creating and freeing ---- */

static const snnk__minirocket *data_of(const snnk__map_block *block) { return block->data; }

static void release(snnk__map_block *block) {
    snnk__minirocket *s = block->data;

    if (!s) return;
    snnk__free(&s->allocator, s->dilation);
    snnk__free(&s->allocator, s->biases);
    snnk__free(&s->allocator, s->mean);
    snnk__free(&s->allocator, s->channel_counts);
    snnk__free(&s->allocator, s->channel);
    snnk__free(&block->allocator, s);
}

/* Allocate everything for `dilations` dilations. */
static int allocate(snnk__minirocket *s, size_t dilations) {
    int st = snnk__alloc_zero(&s->allocator, dilations, 2 * sizeof *s->dilation, "dilations",
                              &s->dilation);

    if (st == SNNK_OK)
        st = snnk__alloc(&s->allocator, s->features, sizeof *s->biases, "biases", &s->biases);
    if (st == SNNK_OK && s->config.standardize)
        st = snnk__alloc(&s->allocator, s->features, 2 * sizeof *s->mean, "means", &s->mean);
    if (st == SNNK_OK && s->channels > 1)
        st = snnk__alloc(&s->allocator, dilations * KERNELS, sizeof *s->channel_counts,
                         "sets of channels", &s->channel_counts);
    if (st != SNNK_OK) return st;
    s->counts = s->dilation + dilations;
    s->scale = s->mean ? s->mean + s->features : NULL;
    return st;
}

/* Create a block of a checked config and length, with room for `dilations` dilations. */
static int begin(size_t length, const snnk_minirocket_config *config, size_t dilations,
                 const snnk_allocator *allocator, snnk__map_block **block) {
    const int32_t kind = SNNK_MAP_MINIROCKET;
    const snnk_map_config described = snnk__transform_config(kind, config->seed);
    const size_t features = (size_t)config->features;
    const size_t shift = config->channels > 1
                             ? snnk__minirocket_channel_work(length, (size_t)config->channels)
                             : 10 * length;
    snnk__map_block *made;
    snnk__minirocket *s;
    int st = snnk__map_block_alloc(&snnk__map_minirocket, &described, features, allocator, &made);

    if (st != SNNK_OK) return st;
    if ((st = snnk__alloc_zero(allocator, 1, sizeof *s, "series", &s)) == SNNK_OK) {
        s->config = *config;
        s->config.allocator = NULL;
        s->config.combinations = 0;
        s->config.channel_counts = s->config.channel_indices = NULL;
        s->allocator = *allocator;
        s->length = length;
        s->channels = (size_t)config->channels;
        s->features = features;
        s->transform = (snnk__transform){.context = s,
                                         .features = features,
                                         .work = shift + features / KERNELS,
                                         .apply = snnk__minirocket_apply};
        made->data = s;
        snnk__transform_begin(made, snnk__minirocket_inputs(s), &s->transform);
        st = allocate(s, dilations);
    }
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

int snnk_map_create_minirocket(size_t length, const snnk_rows *rows,
                               const snnk_minirocket_config *config, snnk_map **map) {
    snnk_minirocket_config ours;
    snnk_allocator allocator;
    snnk__map_block *block = NULL;
    snnk_rows read;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if ((st = check_length(length, ours.channels)) != SNNK_OK) return st;
    st = snnk__rows_read(rows, length * (size_t)ours.channels, 0, false, &read);
    if (st != SNNK_OK) return st;
    if (read.n == 0)
        return snnk__fail(SNNK_E_SHAPE, "n = 0: biases are quantiles of at least 1 row");
    if ((st = snnk__rows_check_finite(&read)) != SNNK_OK) return st;
    st = begin(length, &ours, (size_t)ours.max_dilations, &allocator, &block);
    if (st != SNNK_OK) return st;
    set_dilations(block->data);
    st = snnk__minirocket_set_channels(&ours, block->data);
    if (st == SNNK_OK) st = snnk__minirocket_learn(block->data, &read);
    if (st == SNNK_OK) st = snnk__map_from_blocks(1, &block, &allocator, map);
    snnk__map_block_release(block);
    return st;
}

int snnk_map_create_minirocket_from_biases(size_t length, size_t count, const float *biases,
                                           const snnk_minirocket_config *config, snnk_map **map) {
    snnk_minirocket_config ours;
    snnk_allocator allocator;
    snnk__map_block *block = NULL;
    int st;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    *map = NULL;
    if ((st = read_config(config, &ours)) != SNNK_OK) return st;
    if ((st = snnk__allocator_read(&allocator, ours.allocator)) != SNNK_OK) return st;
    if ((st = check_length(length, ours.channels)) != SNNK_OK) return st;
    if (!config) ours.standardize = 0;
    if (ours.standardize)
        return snnk__fail(SNNK_E_RANGE,
                          "standardize = 1, but without rows there is nothing to standardize by");
    if (count != ours.features)
        return snnk__fail(SNNK_E_SHAPE, "%zu biases, but features = %llu", count,
                          (unsigned long long)ours.features);
    if ((st = snnk__check_pointer(biases, "biases")) != SNNK_OK) return st;
    if ((st = snnk__check_finite(biases, "biases", 1, count, count)) != SNNK_OK) return st;
    if (ours.channels == 1) ours.seed = defaults.seed;
    st = begin(length, &ours, (size_t)ours.max_dilations, &allocator, &block);
    if (st != SNNK_OK) return st;
    set_dilations(block->data);
    memcpy(((snnk__minirocket *)block->data)->biases, biases, count * sizeof *biases);
    st = snnk__minirocket_set_channels(&ours, block->data);
    if (st == SNNK_OK) st = snnk__map_from_blocks(1, &block, &allocator, map);
    snnk__map_block_release(block);
    return st;
}

/* Find the features of a block. */
static int find(const snnk_map *map, size_t block, const snnk__minirocket **s) {
    int st = SNNK_OK;

    if ((st = snnk__check_pointer(map, "map")) != SNNK_OK) return st;
    if (block >= map->n_blocks)
        return snnk__fail(SNNK_E_RANGE, "block = %zu, but the map has %zu blocks", block,
                          map->n_blocks);
    if (map->blocks[block]->kind->release != release)
        return snnk__map_cannot(map->blocks[block]->kind, "are not those of MINIROCKET");
    *s = data_of(map->blocks[block]);
    return SNNK_OK;
}

int snnk_map_block_minirocket(const snnk_map *map, size_t block, snnk_minirocket_config *config,
                              float *biases) {
    const snnk__minirocket *s = NULL;
    int st = find(map, block, &s);

    if (st == SNNK_OK && config)
        st = snnk__config_write(config, &s->config, sizeof *config, CONFIG_MINIMUM,
                                "minirocket config");
    if (st == SNNK_OK && biases) memcpy(biases, s->biases, s->features * sizeof *biases);
    return st;
}

int snnk_map_block_minirocket_channels(const snnk_map *map, size_t block, size_t *combinations,
                                       size_t *total, uint32_t *counts, uint32_t *indices) {
    const snnk__minirocket *s = NULL;
    const int st = find(map, block, &s);
    size_t sum = 0;

    if (st != SNNK_OK) return st;
    for (size_t i = 0; i < snnk__minirocket_combinations(s); i++) {
        const uint32_t count = s->channel_counts ? s->channel_counts[i] : 1;

        for (size_t k = 0; indices && k < count; k++)
            indices[sum + k] = s->channel ? s->channel[sum + k] : 0;
        if (counts) counts[i] = count;
        sum += count;
    }
    if (combinations) *combinations = snnk__minirocket_combinations(s);
    if (total) *total = sum;
    return SNNK_OK;
}

/* ---- Properties ---- */

/* Sums are at most 18 |x|, of several channels nine times that. */
static double safe_projection(const snnk__map_block *block) {
    (void)block;
    return 1e36;
}

static void cost(const snnk__map_block *block, uint64_t *multiply_adds, uint64_t *parameters) {
    const snnk__minirocket *s = data_of(block);
    uint64_t additions = s->dilations * (8 * s->channels + (s->channel ? 0 : 3 * KERNELS));

    for (size_t i = 0; s->channel && i < snnk__minirocket_combinations(s); i++)
        additions += 4 * (uint64_t)s->channel_counts[i];
    /* Additions and comparisons count as multiply-adds. */
    *multiply_adds += (uint64_t)s->length * (additions + s->features);
    *parameters += s->features * (s->mean ? 3 : 1);
}

static void facts(const snnk__map_block *block, snnk__map_facts *of) {
    of->fixed = block->features;
    of->random = 0;
}

/* ---- Files ---- */

static snnk__array features_array(const char *name, size_t m) {
    return snnk__array_1(name, SNNK__ELEMENT_F32, m);
}

static snnk__array dilations_array(const char *name, size_t count) {
    return snnk__array_1(name, SNNK__ELEMENT_U32, count);
}

static size_t total_of(const snnk__minirocket *s) {
    size_t total = 0;

    for (size_t i = 0; i < snnk__minirocket_combinations(s); i++) total += s->channel_counts[i];
    return total;
}

static snnk__array channel_counts_array(const snnk__minirocket *s) {
    return snnk__array_1("channel_counts", SNNK__ELEMENT_U32, snnk__minirocket_combinations(s));
}

static snnk__array channels_array(size_t total) {
    return snnk__array_1("channel", SNNK__ELEMENT_U32, total);
}

static void write(const snnk__map_block *block, snnk__sink *sink) {
    const snnk__minirocket *s = data_of(block);

    sink->count(sink, "max_dilations", (size_t)s->config.max_dilations);
    sink->count(sink, "dilation_count", s->dilations);
    sink->truth(sink, "standardized", s->mean != NULL);
    snnk__write_array(sink, dilations_array("dilation", s->dilations), s->dilation);
    snnk__write_array(sink, dilations_array("biases_each", s->dilations), s->counts);
    snnk__write_array(sink, features_array("bias", s->features), s->biases);
    if (s->channels > 1) {
        sink->count(sink, "channels", s->channels);
        snnk__write_array(sink, channel_counts_array(s), s->channel_counts);
        snnk__write_array(sink, channels_array(total_of(s)), s->channel);
    }
    if (!s->mean) return;
    snnk__write_array(sink, features_array("mean", s->features), s->mean);
    snnk__write_array(sink, features_array("scale", s->features), s->scale);
}

/* Check what was read: kernels fit into the series, and there is a bias for each feature. */
static int check_read(const snnk__minirocket *s) {
    uint64_t each = 0;

    for (size_t i = 0; i < s->dilations; i++) {
        if (s->dilation[i] < 1 || s->dilation[i] > (s->length - 1) / (SNNK__MINIROCKET_LENGTH - 1))
            return snnk__fail(SNNK_E_FORMAT,
                              "dilation[%zu] = %u does not fit series of %zu numbers", i,
                              (unsigned)s->dilation[i], s->length);
        each += s->counts[i];
    }
    if (each * KERNELS != s->features)
        return snnk__fail(SNNK_E_FORMAT, "%llu biases for each of %d kernels are not %zu features",
                          (unsigned long long)each, KERNELS, s->features);
    return SNNK_OK;
}

/* Read the sets of channels. */
static int read_channels(const snnk__source *source, snnk__minirocket *s) {
    size_t total;
    int st;

    if (s->channels == 1) return SNNK_OK;
    st = snnk__read_array(source, channel_counts_array(s), s->channel_counts);
    if (st != SNNK_OK) return st;
    st = snnk__minirocket_alloc_channels(s, &total);
    if (st == SNNK_E_SHAPE) return SNNK_E_FORMAT; /* the sentence is already right */
    if (st == SNNK_OK) st = snnk__read_array(source, channels_array(total), s->channel);
    if (st != SNNK_OK) return st;
    return snnk__minirocket_check_channels(s) == SNNK_OK ? SNNK_OK : SNNK_E_FORMAT;
}

static int read_arrays(const snnk__source *source, snnk__minirocket *s) {
    const size_t m = s->features;
    int st = snnk__read_array(source, dilations_array("dilation", s->dilations), s->dilation);

    if (st == SNNK_OK)
        st = snnk__read_array(source, dilations_array("biases_each", s->dilations), s->counts);
    if (st == SNNK_OK) st = check_read(s);
    if (st == SNNK_OK) st = snnk__read_array(source, features_array("bias", m), s->biases);
    if (st == SNNK_OK) st = read_channels(source, s);
    if (st == SNNK_OK && s->mean) st = snnk__read_array(source, features_array("mean", m), s->mean);
    return st == SNNK_OK && s->mean ? snnk__read_array(source, features_array("scale", m), s->scale)
                                    : st;
}

static int find_arrays(const snnk__source *source, size_t m, size_t dilations, bool standardized) {
    int st = snnk__find_array(source, dilations_array("dilation", dilations));

    if (st == SNNK_OK) st = snnk__find_array(source, dilations_array("biases_each", dilations));
    if (st == SNNK_OK) st = snnk__find_array(source, features_array("bias", m));
    if (st == SNNK_OK && standardized) st = snnk__find_array(source, features_array("mean", m));
    return st == SNNK_OK && standardized ? snnk__find_array(source, features_array("scale", m))
                                         : st;
}

static int read(const snnk__map_kind *kind, const snnk__source *source, size_t inputs,
                const snnk_map_config *config, snnk__map_block **block) {
    snnk_minirocket_config c = defaults, checked;
    snnk__map_block *made = NULL;
    size_t most = 0, dilations = 0, channels = 1;
    bool standardized = false;
    snnk__minirocket *s;
    int st;

    (void)kind;
    if ((st = snnk__read_count(source, "max_dilations", &most)) != SNNK_OK) return st;
    if ((st = snnk__read_count(source, "dilation_count", &dilations)) != SNNK_OK) return st;
    if ((st = snnk__read_truth(source, "standardized", &standardized)) != SNNK_OK) return st;
    if (source->value(source, "channels").type != SNNK__VALUE_NONE &&
        (st = snnk__read_count(source, "channels", &channels)) != SNNK_OK)
        return st;
    if (config->projection != SNNK_PROJECTION_GIVEN)
        return snnk__fail(SNNK_E_FORMAT, "the kernels are \"%s\", but must be \"given\"",
                          snnk_projection_name(config->projection));
    c.features = config->features;
    c.max_dilations = most;
    c.seed = config->seed;
    c.standardize = standardized;
    c.channels = channels;
    if (read_config(&c, &checked) != SNNK_OK ||
        check_length(inputs / channels, channels) != SNNK_OK)
        return SNNK_E_FORMAT; /* the sentence is already right */
    if (inputs % channels != 0)
        return snnk__fail(SNNK_E_FORMAT, "%zu inputs are no series of %zu channels", inputs,
                          channels);
    if (checked.features != c.features)
        return snnk__fail(SNNK_E_FORMAT, "%llu features are no multiple of %d",
                          (unsigned long long)c.features, KERNELS);
    if (dilations < 1 || dilations > most)
        return snnk__fail(SNNK_E_FORMAT, "%zu dilations, but must be from 1 to %zu", dilations,
                          most);
    st = find_arrays(source, (size_t)c.features, dilations, standardized);
    if (st == SNNK_OK) st = begin(inputs / channels, &c, dilations, source->allocator, &made);
    if (st != SNNK_OK) return st;
    s = made->data;
    s->dilations = dilations;
    st = read_arrays(source, s);
    if (st == SNNK_OK)
        *block = made;
    else
        snnk__map_block_release(made);
    return st;
}

const snnk__map_kind snnk__map_minirocket = {.name = "minirocket",
                                             .release = release,
                                             .safe_projection = safe_projection,
                                             .cost = cost,
                                             .facts = facts,
                                             .write = write,
                                             .read = read};
