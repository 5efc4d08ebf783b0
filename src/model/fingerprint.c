/* A layer writes its record to a sink that keeps nothing but a hash. */
#include "model/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "base/record.h"
#include "base/size.h"
#include "layer/residual.h"

typedef struct fingerprint {
    uint64_t hash;
    snnk__parts learn;
    const snnk_map *map; /* of the layer; NULL if it has none */
} fingerprint;

/* Elements that are copied at a time. */
enum { PIECE = 256 };

static void mix(fingerprint *f, uint64_t word) {
    f->hash = (f->hash ^ word) * 0x9E3779B97F4A7C15;
    f->hash ^= f->hash >> 29;
}

static void mix_text(fingerprint *f, const char *text) {
    do mix(f, (unsigned char)*text);
    while (*text++);
}

static void mix_double(fingerprint *f, double number) {
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    mix(f, bits);
}

/* What a block loses when its rows or offsets learn: how they were made, and their scaling. */
static const char *const of_rows[] = {"seed",         "projection", "projection_scale",
                                      "offset_scale", "drawn",      "scaled",
                                      "mean",         "scale",      "centered_offset"};

/* Whether a value of a block of features goes with its rows. */
static bool goes_with_rows(const fingerprint *f, size_t block, const char *key) {
    const bool rows = snnk__parts_has(f->learn, SNNK_PART_ROWS),
               offsets = snnk__parts_has(f->learn, SNNK_PART_OFFSETS);

    if (!rows && !offsets) return false;
    if (!f->map || block >= f->map->n_blocks || !snnk__map_block_has_rows(f->map->blocks[block]))
        return false;
    for (size_t k = 0; k < sizeof of_rows / sizeof *of_rows; k++)
        if (strcmp(key, of_rows[k]) == 0) return true;
    return (rows && strcmp(key, "G") == 0) || (offsets && strcmp(key, "offset") == 0);
}

/* Whether a value or array belongs to a part that learns. */
static bool learns(const snnk__sink *sink, const char *key) {
    static const char blocks[] = "blocks.";
    const fingerprint *f = sink->context;
    const snnk__parts learn = f->learn;
    const char *in_block = strstr(sink->prefix, blocks);

    if (in_block) return goes_with_rows(f, strtoul(in_block + strlen(blocks), NULL, 10), key);
    if (strcmp(key, "psi") == 0 || strcmp(key, "weight") == 0)
        return snnk__parts_has(learn, SNNK_PART_WEIGHTS);
    if (strcmp(key, "bias") == 0) return snnk__parts_has(learn, SNNK_PART_BIAS);
    return strcmp(key, "gain") == 0 && snnk__parts_has(learn, SNNK_PART_GAIN);
}

static void write_text(snnk__sink *sink, const char *key, const char *text) {
    if (learns(sink, key)) return;
    mix_text(sink->context, key);
    mix_text(sink->context, text);
}

static void write_number(snnk__sink *sink, const char *key, double number) {
    if (learns(sink, key)) return;
    mix_text(sink->context, key);
    mix_double(sink->context, number);
}

static void write_count(snnk__sink *sink, const char *key, size_t count) {
    write_number(sink, key, (double)count);
}

static void write_truth(snnk__sink *sink, const char *key, bool truth) {
    write_number(sink, key, truth);
}

static void mix_elements(fingerprint *f, snnk__element element, size_t count, const void *data) {
    const unsigned char *at = data;

    for (size_t k = 0; k < count; k++)
        if (element == SNNK__ELEMENT_F64) {
            double number;

            memcpy(&number, at + k * sizeof number, sizeof number);
            mix_double(f, number);
        } else {
            uint32_t word;

            memcpy(&word, at + k * sizeof word, sizeof word);
            mix(f, word);
        }
}

static size_t count_of(const snnk__array *array) {
    size_t count = 1;

    for (size_t k = 0; k < array->n_dims; k++) count *= array->dims[k];
    return count;
}

static void write_array(snnk__sink *sink, const snnk__array *array, const void *data) {
    if (learns(sink, array->name)) return;
    mix_text(sink->context, array->name);
    mix_elements(sink->context, array->element, count_of(array), data);
}

static void write_elements(snnk__sink *sink, const snnk__array *array, snnk__elements elements,
                           const void *context) {
    const size_t count = count_of(array);
    double piece[PIECE]; /* aligned for any element */

    if (learns(sink, array->name)) return;
    mix_text(sink->context, array->name);
    for (size_t first = 0; first < count; first += PIECE) {
        const size_t n = snnk__min_size(PIECE, count - first);

        elements(context, first, n, piece);
        mix_elements(sink->context, array->element, n, piece);
    }
}

static void fail(snnk__sink *sink, int status) { mix(sink->context, (uint64_t)status); }

/* A residual layer and those in it, one by one. */
static uint64_t residual_fingerprint(const snnk__residual *residual, snnk__parts learn) {
    fingerprint f = {.learn = learn};

    mix(&f, (uint64_t)residual->form);
    if (!snnk__parts_has(learn, SNNK_PART_GAIN)) mix_double(&f, (double)residual->gain);
    for (size_t k = 0; k < residual->n_layers; k++)
        mix(&f, snnk__layer_fingerprint(residual->layers[k], learn));
    return f.hash;
}

uint64_t snnk__layer_fingerprint(const snnk_layer *layer, snnk__parts learn) {
    const snnk__residual *residual = snnk__residual_of(layer);
    fingerprint f = {.learn = learn, .map = snnk_layer_map(layer)};
    snnk__sink sink = {.context = &f,
                       .text = write_text,
                       .count = write_count,
                       .number = write_number,
                       .truth = write_truth,
                       .array = write_array,
                       .elements = write_elements,
                       .fail = fail};

    if (residual) return residual_fingerprint(residual, learn);
    mix(&f, (uint64_t)layer->storage);
    mix(&f, (uint64_t)layer->kind->value);
    layer->kind->save(layer, &sink);
    return f.hash;
}
