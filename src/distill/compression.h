/* The result of a compression: the parts of the network, and what was done with each. */
#ifndef SNNK_DISTILL_COMPRESSION_H
#define SNNK_DISTILL_COMPRESSION_H

#include <snnk/compress.h>

#include "base/memory.h"
#include "network/network.h"

/* One layer, or two that are replaced together. */
typedef struct snnk__network_part {
    size_t first, layers;               /* layers first ... first + layers - 1 */
    const snnk_layer *hidden, *readout; /* hidden: NULL if no student can replace the part */
    snnk_network *original;             /* a network of these layers only */
    size_t d, l, h;                     /* inputs, outputs, neurons */
    size_t feature_parameters;          /* parameters of one feature: d + 1 + l */
    size_t max_features;                /* of the largest student that is smaller than the part; 0
                                         * if there is none */
    size_t features;                    /* of its student; 0 if the part is kept */
    int32_t outcome;                    /* snnk_compress_outcome */
    uint64_t parameters, multiply_adds; /* in the compressed network */
    size_t first_compressed, layers_compressed; /* its layers in the compressed network */
    snnk_distill_report report;
} snnk__network_part;

struct snnk_compression {
    snnk_allocator allocator;
    snnk_compress_report report;
    snnk__network_part *parts;
    size_t n_parts;
    snnk_network *small; /* the baseline of a tuned network; NULL if there is none */
};

/* Divide a network into parts, all of them kept so far. SNNK_E_NOMEM. */
int snnk__compression_create(const snnk_network *network, snnk_compression **compression);

/* Whether a part is linear: a student of it is a linear map of low rank. */
bool snnk__part_is_linear(const snnk__network_part *part);

/* The settings for a student of a part: those of the caller, adapted to a linear part. */
snnk_distill_config snnk__part_config(const snnk__network_part *part,
                                      const snnk_distill_config *config);

#endif
