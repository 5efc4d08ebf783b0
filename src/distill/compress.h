/* Inside of a compression. */
#ifndef SNNK_DISTILL_COMPRESS_H
#define SNNK_DISTILL_COMPRESS_H

#include <snnk/compress.h>

#include "base/watch.h"
#include "network/network.h"

/* Layers that are replaced together. */
typedef struct snnk__part {
    size_t first, layers;
    const snnk_layer *hidden, *readout; /* hidden: NULL where no student can take its place */
    snnk_network *original;             /* these layers alone */
    size_t d, l, h;
    size_t each; /* parameters of a feature */
    size_t most; /* features of the largest student that is smaller; 0: none is */
    size_t features;
    int32_t outcome;
    uint64_t parameters, multiply_adds; /* of what is there in the end */
    snnk_distill_report report;
} snnk__part;

struct snnk_compression {
    snnk_allocator allocator;
    snnk_compress_report report;
    snnk__part *parts;
    size_t n_parts;
};

/* A student of some size, and what it leaves of the squared deviations on held-out rows. */
typedef struct snnk__rung {
    size_t features; /* 0: the part itself, which leaves nothing */
    double parameters, error;
} snnk__rung;

/* What a part may become, ever larger. */
typedef struct snnk__ladder {
    snnk__rung *rungs;
    size_t n, at;
} snnk__ladder;

/* Whether all that happens in a part is linear. */
bool snnk__part_is_linear(const snnk__part *part);

/* How students of a part are made. */
snnk_distill_config snnk__part_config(const snnk__part *part, const snnk_distill_config *config);

/* The ladder of a part, by a distillation of it (not used where `most` is 0), in stages that cost `cost`
 * together. Free rungs with the allocator. Statuses of snnk_distill_solve. */
int snnk__ladder_create(const snnk__part *part, const snnk_distill *distill,
                        const snnk_allocator *allocator, snnk__watch *watch, double cost,
                        snnk__ladder *ladder);

/* Allot: features and outcome of n parts, of which each has its ladder, with `budget` parameters for them
 * together. *least: what the smallest students take; SNNK_E_RANGE (that is more than the budget; no
 * sentence). */
int snnk__allot(size_t n, snnk__part *parts, snnk__ladder *ladders, double budget, double *least);

#endif
