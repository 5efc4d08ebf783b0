/* Losses of a batch and their gradients with respect to the outputs. */
#ifndef SNNK_TRAIN_LOSS_GRADIENT_H
#define SNNK_TRAIN_LOSS_GRADIENT_H

#include <snnk/train.h>

#include "base/rows.h"

/* The targets of a batch. One of Y and labels is set; neither for a loss of the caller's. */
typedef struct snnk__targets {
    size_t outputs;
    const float *Y; /* n x outputs, packed */
    const int32_t *labels;
    const float *weights; /* NULL: 1 each */
    const uint64_t *rows; /* their numbers in the data */
} snnk__targets;

/* Add the weighted losses of n rows to *loss_sum and their weights to *weight, and set dY to the
 * gradient of the sum; dY NULL: not wanted (but a loss of the caller's needs it).
 *   losses  scratch: n doubles
 * SNNK_E_CANCELLED (the caller's loss function asked to stop). */
int snnk__loss_gradient(const snnk_train_config *config, int32_t loss, size_t n,
                        const snnk__targets *targets, const float *Y, size_t ldy, float *dY,
                        size_t lddy, double *losses, double *loss_sum, double *weight,
                        snnk_workspace *workspace);

/* SNNK_E_RANGE unless the targets of checked rows suit the loss: those of a cross-entropy must be
 * probabilities, or labels. */
int snnk__check_targets(int32_t loss, const snnk_rows *rows);

#endif
