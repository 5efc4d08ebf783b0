/* Networks of sines for siren_image.c, trained by <snnk/train.h>. */
#ifndef PAPER_SIREN_NETWORKS_H
#define PAPER_SIREN_NETWORKS_H

#include "networks.h"

/* SIREN has three hidden layers sin(30 (W x + b)) and a linear one (Sitzmann et al. 2020). In
 * SNNK_SIREN an SNNK layer of sine features is in place of the last hidden layer. Its rows are
 * random and stay; Psi is multiplied with the linear layer, so one row of it is left. What that
 * saves goes into wider layers: both networks store as many numbers. */
typedef enum siren_kind { SIREN, SNNK_SIREN, SIREN_KINDS } siren_kind;

/* A trained network, and what it stores. */
typedef struct siren {
    snnk_network *network;
    size_t numbers;
    double seconds;
} siren;

/* Train a network on all n points X (n x 2) with values y.
 *   hidden    width of the SIREN that both are as large as
 *   features  the least number of SNNK features */
siren siren_train(siren_kind kind, size_t hidden, size_t features, size_t n, const float *X,
                  const float *y, uint64_t steps, uint64_t seed);

#endif
