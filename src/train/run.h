/* Training as a part of other work. */
#ifndef SNNK_TRAIN_RUN_H
#define SNNK_TRAIN_RUN_H

#include "base/progress.h"
#include "train/trainer.h"

/* snnk_trainer_run and snnk_trainer_run_source, as the present stage of `progress`; NULL: as work
 * of their own. */
int snnk__trainer_run(snnk_trainer *trainer, const snnk_rows *rows, const snnk_rows *heldout,
                      snnk_workspace *workspace, snnk__progress *progress,
                      snnk_train_report *report);
int snnk__trainer_run_source(snnk_trainer *trainer, const snnk_train_source *source,
                             const snnk_rows *heldout, snnk_workspace *workspace,
                             snnk__progress *progress, snnk_train_report *report);

/* The epoch of the numbers that are kept, also after a run that failed: 0 if they are those at the
 * beginning. */
static inline uint64_t snnk__trainer_best_epoch(const snnk_trainer *trainer) {
    return trainer->has_best ? trainer->best_epoch : 0;
}

/* The held-out loss of the numbers that are kept; NaN if there is none. */
static inline double snnk__trainer_best_loss(const snnk_trainer *trainer) {
    return trainer->best_loss;
}

#endif
