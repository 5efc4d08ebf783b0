/* Inside of a compression. */
#ifndef SNNK_DISTILL_COMPRESS_H
#define SNNK_DISTILL_COMPRESS_H

#include <snnk/compress.h>

#include "base/progress.h"
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
typedef struct snnk__size_option {
    size_t features; /* 0: the part itself, which leaves nothing */
    double parameters, error;
} snnk__size_option;

/* What a part may become, ever larger. */
typedef struct snnk__size_curve {
    snnk__size_option *options;
    size_t n, at;
} snnk__size_curve;

/* Whether all that happens in a part is linear. */
bool snnk__part_is_linear(const snnk__part *part);

/* How students of a part are made. */
snnk_distill_config snnk__part_config(const snnk__part *part, const snnk_distill_config *config);

/* The ladder of a part, by a distillation of it (not used where `most` is 0), in stages that cost `cost`
 * together. Free rungs with the allocator. Statuses of snnk_distill_solve. */
int snnk__size_curve_create(const snnk__part *part, const snnk_distill *distill,
                            const snnk_allocator *allocator, snnk__progress *progress, double cost,
                            snnk__size_curve *curve);

/* Allot: features and outcome of n parts, of which each has its ladder, with `budget` parameters for them
 * together. *least: what the smallest students take; SNNK_E_RANGE (that is more than the budget; no
 * sentence). */
int snnk__spend_budget(size_t n, snnk__part *parts, snnk__size_curve *curves, double budget,
                       double *least);

#endif
