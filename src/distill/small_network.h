/* The baseline that a compressed network must beat: two dense layers of as many numbers, trained
 * from random weights on the same rows. */
#ifndef SNNK_DISTILL_SMALL_NETWORK_H
#define SNNK_DISTILL_SMALL_NETWORK_H

#include "distill/tune.h"

/* Create and train a network d -> h -> l with as many neurons h as `parameters` numbers allow.
 *   tune       its rows have targets or labels; learns is not used
 *   network    the original, whose sizes and first activation it has
 *   small      the result; NULL if there is no room for one neuron
 * Statuses of snnk__compress_tune. */
int snnk__small_network(const snnk__tune *tune, const snnk_network *network, uint64_t parameters,
                        snnk_network **small);

#endif
