#include "distill/compression.h"

#include <stddef.h>

#include "base/size.h"
#include "distill/distill.h"

/* Sizes of the structs in version 0.1. */
#define PART_MINIMUM   offsetof(snnk_compress_part, first_compressed)
#define REPORT_MINIMUM offsetof(snnk_compress_report, relative_error_int8)

static const char *const outcome_names[] = {[SNNK_COMPRESS_REPLACED] = "replaced",
                                            [SNNK_COMPRESS_OTHER] = "other",
                                            [SNNK_COMPRESS_LARGER] = "larger",
                                            [SNNK_COMPRESS_WHOLE] = "whole"};

const char *snnk_compress_outcome_name(int32_t outcome) {
    return outcome >= 0 && outcome <= SNNK_COMPRESS_WHOLE ? outcome_names[outcome] : NULL;
}

/* ---- Parts ---- */

bool snnk__part_is_linear(const snnk__network_part *part) {
    return !part->readout && snnk_layer_activation(part->hidden) == SNNK_IDENTITY;
}

snnk_distill_config snnk__part_config(const snnk__network_part *part,
                                      const snnk_distill_config *config) {
    snnk_distill_config made = *config;

    if (snnk__part_is_linear(part)) {
        made.tier = SNNK_DISTILL_SELECTED;
        made.linear = INT32_MAX; /* all features */
    }
    return made;
}

/* The number of layers in the part that begins with layer `first`. */
static size_t layers_of_part(const snnk_network *network, size_t first) {
    const snnk_layer *layer = network->layers[first];

    if (first + 1 == network->n_layers || snnk_layer_activation(layer) < 0 ||
        snnk_layer_activation(layer) == SNNK_IDENTITY)
        return 1;
    layer = network->layers[first + 1];
    return snnk_layer_activation(layer) == SNNK_IDENTITY ? 2 : 1;
}

/* The largest number of features with which a student is smaller than the part. */
static size_t find_max_features(const snnk__network_part *part) {
    const uint64_t bias = part->l;
    uint64_t fits;

    if (part->parameters <= bias + 1) return 0;
    fits = (part->parameters - 1 - bias) / part->feature_parameters;
    if (snnk__part_is_linear(part))
        return (size_t)(fits < part->d && fits < part->l ? fits : snnk__min_size(part->d, part->l));
    return fits < part->d + part->h ? (size_t)fits : part->d + part->h;
}

static int make_part(const snnk_network *network, size_t first, snnk__network_part *part) {
    const snnk_layer *layer = network->layers[first];
    int st;

    *part = (snnk__network_part){.first = first, .layers = layers_of_part(network, first)};
    st = snnk_network_create(&network->allocator, &part->original);
    for (size_t k = 0; st == SNNK_OK && k < part->layers; k++)
        st = snnk_network_append(part->original, network->layers[first + k]);
    if (st != SNNK_OK) return st;
    part->d = layer->inputs;
    part->h = layer->outputs;
    part->l = snnk_network_outputs(part->original);
    part->feature_parameters = part->d + 1 + part->l;
    part->parameters = snnk_network_parameters(part->original);
    part->multiply_adds = snnk_network_multiply_adds(part->original);
    part->outcome = SNNK_COMPRESS_OTHER;
    if (snnk_layer_activation(layer) < 0) return SNNK_OK;
    part->hidden = layer;
    part->readout = part->layers == 2 ? network->layers[first + 1] : NULL;
    part->max_features = find_max_features(part);
    part->outcome = SNNK_COMPRESS_LARGER;
    return SNNK_OK;
}

int snnk__compression_create(const snnk_network *network, snnk_compression **compression) {
    const snnk_allocator *allocator = &network->allocator;
    snnk_compression *made;
    int st = snnk__alloc_zero(allocator, 1, sizeof *made, "a compression", &made);

    if (st != SNNK_OK) return st;
    made->allocator = *allocator;
    made->report.size = sizeof made->report;
    st = snnk__alloc(allocator, network->n_layers, sizeof *made->parts, "parts", &made->parts);
    for (size_t first = 0; st == SNNK_OK && first < network->n_layers;) {
        snnk__network_part *part = &made->parts[made->n_parts++];

        st = make_part(network, first, part);
        first += part->layers;
    }
    if (st == SNNK_OK)
        *compression = made;
    else
        snnk_compression_free(made);
    return st;
}

/* ---- The object ---- */

void snnk_compression_free(snnk_compression *compression) {
    if (!compression) return;

    const snnk_allocator allocator = compression->allocator;

    for (size_t k = 0; k < compression->n_parts; k++)
        snnk_network_free(compression->parts[k].original);
    snnk_network_free(compression->small);
    snnk__free(&allocator, compression->parts);
    snnk__free(&allocator, compression);
}

const snnk_network *snnk_compression_small(const snnk_compression *compression) {
    return compression ? compression->small : NULL;
}

size_t snnk_compression_parts(const snnk_compression *compression) {
    return compression ? compression->n_parts : 0;
}

int snnk_compression_report(const snnk_compression *compression, snnk_compress_report *report) {
    int st;

    if ((st = snnk__check_pointer(compression, "compression")) != SNNK_OK) return st;
    if ((st = snnk__check_pointer(report, "report")) != SNNK_OK) return st;
    return snnk__config_write(report, &compression->report, sizeof compression->report,
                              REPORT_MINIMUM, "compress report");
}

static int find_part(const snnk_compression *compression, size_t index,
                     const snnk__network_part **part) {
    int st;

    if ((st = snnk__check_pointer(compression, "compression")) != SNNK_OK) return st;
    if (index >= compression->n_parts)
        return snnk__fail(SNNK_E_RANGE, "part %zu is not in 0 ... %zu", index,
                          compression->n_parts - 1);
    *part = &compression->parts[index];
    return SNNK_OK;
}

int snnk_compression_part(const snnk_compression *compression, size_t index,
                          snnk_compress_part *part) {
    const snnk__network_part *from;
    int st;

    if ((st = snnk__check_pointer(part, "part")) != SNNK_OK) return st;
    if ((st = find_part(compression, index, &from)) != SNNK_OK) return st;

    const snnk_compress_part ours = {.first = from->first,
                                     .layers = from->layers,
                                     .features = from->features,
                                     .parameters_before = snnk_network_parameters(from->original),
                                     .parameters = from->parameters,
                                     .multiply_adds_before =
                                         snnk_network_multiply_adds(from->original),
                                     .multiply_adds = from->multiply_adds,
                                     .outcome = from->outcome,
                                     .first_compressed = from->first_compressed,
                                     .layers_compressed = from->layers_compressed};

    return snnk__config_write(part, &ours, sizeof ours, PART_MINIMUM, "compress part");
}

int snnk_compression_distilled(const snnk_compression *compression, size_t index,
                               snnk_distill_report *report) {
    const snnk__network_part *from;
    int st;

    if ((st = snnk__check_pointer(report, "report")) != SNNK_OK) return st;
    if ((st = find_part(compression, index, &from)) != SNNK_OK) return st;
    if (from->features == 0)
        return snnk__fail(SNNK_E_STATE, "part %zu was kept as it is: it has no student", index);
    return snnk__config_write(report, &from->report, sizeof from->report,
                              SNNK__DISTILL_REPORT_MINIMUM, "distill report");
}
