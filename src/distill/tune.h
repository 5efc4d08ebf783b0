/* Tuning a compressed network: what replaced its parts learns together, by gradient. */
#ifndef SNNK_DISTILL_TUNE_H
#define SNNK_DISTILL_TUNE_H

#include <stdbool.h>

#include <snnk/compress.h>
#include <snnk/train.h>

#include "base/progress.h"

typedef struct snnk__tune {
    const snnk_compress_config *config; /* its epochs and rate */
    const snnk_distill_config *distill; /* its seed */
    const bool *learns;                 /* for each layer of the network; NULL: all learn */
    const snnk_rows *rows, *heldout; /* inputs with targets or labels; heldout: 0 rows for none */
    size_t blends;                   /* how many of the rows, at their end */
    snnk_workspace *workspace;
    snnk__progress *progress; /* its present stage */
} snnk__tune;

/* Set *tuned to a network like this one, whose layers that learn were trained, and fill the report:
 * its best_epoch is 0 if no epoch was better than the network given on held-out rows, which *tuned
 * then equals. Statuses of snnk_trainer_create and snnk_trainer_run. */
int snnk__compress_tune(const snnk__tune *tune, const snnk_network *network, snnk_network **tuned,
                        snnk_train_report *report);

#endif
