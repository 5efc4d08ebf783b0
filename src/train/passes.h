/* Passes through all layers of a trainer. */
#ifndef SNNK_TRAIN_PASSES_H
#define SNNK_TRAIN_PASSES_H

#include "train/trainer.h"

/* Compute Y. Layers `first` ... n_layers-1 keep what the backward pass needs in the record; all
 * hidden rows are kept. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__passes_forward(const snnk_trainer *trainer, size_t first, size_t n, const float *X,
                         size_t ldx, float *Y, size_t ldy, snnk_record *record,
                         snnk_workspace *workspace);

/* Add to the gradients of layers `first` ... n_layers-1, and set dX (NULL: not wanted, and needs
 * first = 0). SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__passes_backward(const snnk_trainer *trainer, size_t first, snnk_record *record,
                          const float *X, size_t ldx, const float *dY, size_t lddy, float *dX,
                          size_t lddx, snnk_workspace *workspace);

#endif
