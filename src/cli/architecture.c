#include "cli/architecture.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/options.h"

/* The most numbers of one kind in a layer: any product of two of them is a size. */
#define MOST 100000000U

/* Standard deviation of the offsets of random features, where projections have 1. As in fit. */
#define OFFSETS 0.3

/* ---- Reading ---- */

/* Where a text is read. */
typedef struct reader {
    const char *command, *text, *at;
} reader;

/* A word, number or sign of the text. */
typedef struct token {
    const char *at;
    size_t length;
} token;

static size_t place_of(const reader *r, const char *at) { return (size_t)(at - r->text) + 1; }

static void skip_blanks(reader *r) {
    while (isspace((unsigned char)*r->at)) r->at++;
}

/* Whether the text goes on with this sign, which is skipped then. */
static bool take(reader *r, const char *sign) {
    skip_blanks(r);
    if (strncmp(r->at, sign, strlen(sign)) != 0) return false;
    r->at += strlen(sign);
    return true;
}

/* Take a word: letters, digits, - and _. It ends before "->". */
static token take_word(reader *r) {
    token word;

    skip_blanks(r);
    word = (token){r->at, 0};
    while ((isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '-') &&
           strncmp(r->at, "->", 2) != 0)
        r->at++;
    word.length = (size_t)(r->at - word.at);
    return word;
}

static bool is_word(token word, const char *text) {
    return word.length == strlen(text) && strncmp(word.at, text, word.length) == 0;
}

static bool is_number(token word) { return word.length > 0 && isdigit((unsigned char)*word.at); }

/* Refuse the text at a place. */
static int unexpected(const reader *r, const char *at, const char *wanted) {
    const char *end = at;

    while (*end && *end != ',' && *end != ':' && !isspace((unsigned char)*end)) end++;
    if (end == at && *at) end++;
    if (!*at)
        return wrong_usage(r->command, "--layers \"%.200s\": at its end: %s is missing", r->text,
                           wanted);
    return wrong_usage(r->command, "--layers \"%.200s\": character %zu: '%.*s' is not %s", r->text,
                       place_of(r, at), (int)(end - at), at, wanted);
}

/* Read a word as a whole number from 1 to MOST. */
static int read_number(const reader *r, token word, const char *what, size_t *number) {
    char digits[16];

    if (word.length >= sizeof digits) return unexpected(r, word.at, what);
    memcpy(digits, word.at, word.length);
    digits[word.length] = '\0';
    if (!read_size(digits, number) || *number < 1 || *number > MOST)
        return unexpected(r, word.at, what);
    return EXIT_OK;
}

/* Find an activation. Returns false if the word is none. */
static bool find_activation(token word, int32_t *activation) {
    char name[32];

    if (word.length == 0 || word.length >= sizeof name) return false;
    memcpy(name, word.at, word.length);
    name[word.length] = '\0';
    return snnk_activation_from_name(name, activation) == SNNK_OK;
}

#define ACTIVATIONS                                                                                \
    "relu, gelu, gelu_tanh, tanh, sigmoid, silu, softplus, sin, cos, exp, erf, step or identity"

static int read_snnk(reader *r, architecture_layer *layer) {
    token word;
    size_t features = 0;
    int exit_status;

    if (!take(r, ":")) return unexpected(r, r->at, "':', as in snnk:relu:256");
    word = take_word(r);
    layer->activation = -1;
    if (is_word(word, "gaussian"))
        layer->kind = SNNK_MAP_GAUSSIAN;
    else if (is_word(word, "arc-cosine"))
        layer->kind = SNNK_MAP_ARC_COSINE;
    else if (find_activation(word, &layer->activation))
        layer->kind = SNNK_MAP_ELEMENTWISE;
    else
        return unexpected(r, word.at, "gaussian, arc-cosine, " ACTIVATIONS);
    if (!take(r, ":")) return unexpected(r, r->at, "':' and the number of features");
    word = take_word(r);
    exit_status = read_number(r, word, "a number of features from 1 to 100000000", &features);
    if (exit_status != EXIT_OK) return exit_status;
    if (layer->kind == SNNK_MAP_GAUSSIAN && features % 2 != 0)
        return unexpected(r, word.at, "an even number: gaussian features are pairs");
    layer->features = features;
    if (!take(r, "->")) return EXIT_OK;
    return read_number(r, take_word(r), "a width from 1 to 100000000", &layer->width);
}

static int read_dense(reader *r, architecture_layer *layer) {
    bool more = take(r, ":");
    token word;

    layer->activation = -1;
    if (!more) return EXIT_OK;
    word = take_word(r);
    if (!is_number(word)) {
        if (!find_activation(word, &layer->activation))
            return unexpected(r, word.at, "a width, " ACTIVATIONS);
        if (!take(r, ":")) return EXIT_OK;
        word = take_word(r);
    }
    return read_number(r, word, "a width from 1 to 100000000", &layer->width);
}

static int read_layer(reader *r, architecture_layer *layer) {
    token word;

    skip_blanks(r);
    layer->place = place_of(r, r->at);
    word = take_word(r);
    layer->dense = is_word(word, "dense");
    if (layer->dense) return read_dense(r, layer);
    return is_word(word, "snnk") ? read_snnk(r, layer) : unexpected(r, word.at, "snnk or dense");
}

/* Check what only layers before the last must have. */
static int check_hidden(const reader *r, const architecture_layer *layer) {
    const char *const lacks = layer->width == 0                       ? "width"
                              : layer->dense && layer->activation < 0 ? "activation"
                                                                      : NULL;

    if (!lacks) return EXIT_OK;
    return wrong_usage(
        r->command,
        "--layers \"%.200s\": character %zu: this layer has no %s, which only the last may leave "
        "out: %s",
        r->text, layer->place, lacks,
        layer->dense ? "dense:relu:64, say" : "snnk:relu:256 -> 64, say");
}

int architecture_read(const char *command, const char *text, architecture *made) {
    reader r = {command, text, text};
    int exit_status;

    *made = (architecture){.text = text};
    do {
        if (made->n == ARCHITECTURE_MOST_LAYERS)
            return wrong_usage(command, "--layers: more than %d layers", ARCHITECTURE_MOST_LAYERS);
        if ((exit_status = read_layer(&r, &made->layers[made->n++])) != EXIT_OK) return exit_status;
        skip_blanks(&r);
    } while (take(&r, ","));
    if (*r.at) return unexpected(&r, r.at, "',' or the end");
    for (size_t k = 0; k + 1 < made->n; k++)
        if ((exit_status = check_hidden(&r, &made->layers[k])) != EXIT_OK) return exit_status;
    return EXIT_OK;
}

int architecture_complete(const char *command, size_t outputs, const char *what,
                          architecture *made) {
    architecture_layer *last = &made->layers[made->n - 1];

    if (last->width == 0) last->width = outputs;
    if (last->dense && last->activation < 0) last->activation = SNNK_IDENTITY;
    if (last->width == outputs) return EXIT_OK;
    return failed(command,
                  "--layers \"%.200s\": character %zu: the last layer has the width %zu, but the "
                  "data have %zu %s: leave the width out",
                  made->text, last->place, last->width, outputs, what);
}

/* ---- Memory ---- */

static double bytes_of(const architecture_layer *layer, size_t inputs,
                       const architecture_memory *memory) {
    const double d = (double)inputs, l = (double)layer->width, m = (double)layer->features;

    if (layer->dense) return (d + 1) * l * memory->of_number + l * memory->of_value;
    return (d + 1) * m * memory->of_row_number + (m + 1) * l * memory->of_number +
           (m + l) * memory->of_value;
}

int architecture_check_memory(const char *command, const architecture *from, size_t inputs,
                              const architecture_memory *memory) {
    double all = 0, most = 0;
    const architecture_layer *largest = NULL;
    size_t d = inputs, of_largest = 0;

    for (size_t k = 0; k < from->n; k++) {
        const double bytes = bytes_of(&from->layers[k], d, memory);

        all += bytes;
        if (bytes > most) {
            most = bytes;
            largest = &from->layers[k];
            of_largest = d;
        }
        d = from->layers[k].width;
    }
    if (all <= memory->available || !largest) return EXIT_OK;
    char features[48] = "";

    if (!largest->dense)
        snprintf(features, sizeof features, "%llu features of ",
                 (unsigned long long)largest->features);
    return failed(command,
                  "--layers \"%.200s\": character %zu: with %s%zu inputs and %zu outputs, training "
                  "takes %.3g GB, but there are %.3g GB of memory",
                  from->text, largest->place, features, of_largest, largest->width, all / 1e9,
                  memory->available / 1e9);
}

/* ---- Building ---- */

/* The seed of a layer: layers of equal sizes shall differ. */
static uint64_t seed_of(uint64_t seed, size_t k) {
    return seed + (uint64_t)k * UINT64_C(0x9E3779B97F4A7C15);
}

/* The same features from given rows, without their factor. */
static int give_rows(const snnk_map *drawn, snnk_map_config *config, snnk_map **map) {
    const size_t d = snnk_map_inputs(drawn), r = snnk_map_block_row_count(drawn, 0);
    float *G = calloc(r, d * sizeof *G), *offsets = calloc(r, sizeof *offsets);
    int st = G && offsets ? snnk_map_block_rows(drawn, 0, G, d, offsets) : SNNK_E_NOMEM;

    if (st == SNNK_OK) st = snnk_map_create_from_rows(d, r, G, d, offsets, config, NULL, map);
    free(G);
    free(offsets);
    return st;
}

static int build_map(const architecture_layer *layer, size_t inputs, uint64_t seed,
                     snnk_map **map) {
    snnk_map *drawn = NULL;
    snnk_map_config config;
    int st = snnk_map_config_init(&config, sizeof config);

    config.kind = layer->kind;
    if (layer->activation >= 0) config.activation = layer->activation;
    config.features = layer->features;
    config.projection = SNNK_PROJECTION_ORTHOGONAL;
    config.projection_scale = 1 / sqrt((double)inputs);
    config.offset_scale = layer->kind == SNNK_MAP_GAUSSIAN ? 0 : OFFSETS;
    config.seed = seed;
    if (st == SNNK_OK) st = snnk_map_create(inputs, &config, NULL, &drawn);
    if (st == SNNK_OK) st = give_rows(drawn, &config, map);
    snnk_map_free(drawn);
    return st;
}

static int build_layer(const architecture_layer *from, size_t inputs, uint64_t seed,
                       snnk_layer **layer) {
    snnk_map *map = NULL;
    int st;

    if (from->dense)
        return snnk_layer_create_dense_random(inputs, from->width, from->activation, seed, NULL,
                                              layer);
    st = build_map(from, inputs, seed, &map);
    if (st == SNNK_OK) st = snnk_layer_create_random(map, from->width, seed, layer);
    snnk_map_free(map);
    return st;
}

int architecture_build(const char *command, const architecture *from, size_t inputs, uint64_t seed,
                       snnk_network *network) {
    for (size_t k = 0; k < from->n; k++) {
        snnk_layer *layer = NULL;
        int st = build_layer(&from->layers[k], inputs, seed_of(seed, k), &layer);

        if (st == SNNK_OK) st = snnk_network_append(network, layer);
        snnk_layer_free(layer);
        if (st == SNNK_E_NOMEM)
            return failed(command, "out of memory for layer %zu of --layers", k + 1);
        if (st != SNNK_OK) return library_failed(command);
        inputs = from->layers[k].width;
    }
    return EXIT_OK;
}

/* ---- Describing ---- */

/* Append to a text that is cut to `bytes`. */
static void append(char *text, size_t bytes, const char *more) {
    const size_t used = strlen(text);

    snprintf(text + used, bytes - used, "%s", more);
}

static void describe_features(const snnk_map *map, char *text, size_t bytes) {
    snnk_map_config config;

    for (size_t b = 0; b < snnk_map_blocks(map); b++) {
        char name[64];

        snnk_map_config_init(&config, sizeof config);
        (void)snnk_map_block_config(map, b, &config);
        snprintf(name, sizeof name, "%s%s", b > 0 ? "+" : "",
                 config.kind == SNNK_MAP_ELEMENTWISE ? snnk_activation_name(config.activation)
                                                     : snnk_map_kind_name(config.kind));
        if (config.kind != SNNK_MAP_ELEMENTWISE)
            for (char *c = name; *c; c++)
                if (*c == '_') *c = '-';
        append(text, bytes, name);
    }
}

void architecture_describe(const snnk_network *network, char *text, size_t bytes) {
    char part[96];

    *text = '\0';
    for (size_t k = 0; k < snnk_network_layers(network); k++) {
        const snnk_layer *layer = snnk_network_layer(network, k);
        const int32_t kind = snnk_layer_get_kind(layer);

        snprintf(part, sizeof part, "%s%s:", k > 0 ? ", " : "", snnk_layer_kind_name(kind));
        append(text, bytes, part);
        if (kind == SNNK_LAYER_DENSE) {
            snprintf(part, sizeof part, "%s:%zu",
                     snnk_activation_name(snnk_layer_activation(layer)), snnk_layer_outputs(layer));
        } else {
            describe_features(snnk_layer_map(layer), text, bytes);
            if (kind == SNNK_LAYER_TOWER)
                snprintf(part, sizeof part, ":%zu", snnk_layer_features(layer));
            else
                snprintf(part, sizeof part, ":%zu -> %zu", snnk_layer_features(layer),
                         snnk_layer_outputs(layer));
        }
        append(text, bytes, part);
    }
}
