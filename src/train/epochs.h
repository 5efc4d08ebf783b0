/* One epoch of steps, and the loss of rows that are held out. */
#ifndef SNNK_TRAIN_EPOCHS_H
#define SNNK_TRAIN_EPOCHS_H

#include "base/progress.h"
#include "train/batches.h"
#include "train/passes.h"

/* What a run works with. */
typedef struct snnk__run {
    snnk_trainer *trainer;
    int32_t loss; /* an snnk_loss, resolved */
    snnk__batches train, heldout;
    bool judges; /* there are held-out rows */
    snnk_workspace *workspace;
    snnk__progress *progress;
    snnk_record *record;
    float *Y, *dY;  /* a batch of outputs, and their gradients */
    double *losses; /* of the rows of a batch */
} snnk__run;

/* Rows that are judged together. */
enum { SNNK__JUDGED_ROWS = 1024 };

/* The mean loss of rows, and the share whose label has the largest output (NaN without labels). */
typedef struct snnk__judgement {
    double loss, accuracy;
} snnk__judgement;

/* Set *of to the means over the rows of `batches`, in order, with the present numbers. */
int snnk__epochs_judge(snnk__run *run, snnk__batches *batches, snnk__judgement *of);

/* Add the gradients of all batches to those of the trainer, in order, and set *loss and *weight to
 * the sums over rows. */
int snnk__epochs_gradient(snnk__run *run, double *loss, double *weight);

/* Make the steps of one epoch, and set *loss to the mean over its rows. On failure the caller
 * returns to the numbers it marked. SNNK_E_NONFINITE (the loss or a gradient), SNNK_E_CANCELLED,
 * SNNK_E_NOMEM. */
int snnk__epochs_run(snnk__run *run, double *loss);

#endif
