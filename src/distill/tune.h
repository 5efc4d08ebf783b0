/* Tuning a compressed network: what replaced its parts learns together, by gradient. */
#ifndef SNNK_DISTILL_TUNE_H
#define SNNK_DISTILL_TUNE_H

#include <stdbool.h>

#include <snnk/compress.h>
#include <snnk/train.h>

#include "base/progress.h"

typedef struct snnk__tune {
    const snnk_compress_config *config; /* its epochs and rate */
    const snnk_distill_config *distill; /* its seed and share of held-out rows */
    const bool *learns;                 /* for each layer of the network; NULL: all learn */
    const snnk_rows *rows;              /* inputs and targets or labels, with groups */
    snnk_workspace *workspace;
    snnk__progress *progress; /* its present stage */
} snnk__tune;

/* Set *tuned to a network like this one, whose layers that learn were trained, and *epoch to the
 * number of the best epoch; 0: no epoch was better than the network given on held-out rows, which
 * *tuned then equals. Statuses of snnk_trainer_create and snnk_trainer_run. */
int snnk__compress_tune(const snnk__tune *tune, const snnk_network *network, snnk_network **tuned,
                        uint64_t *epoch);

#endif
