/* The baseline that a compressed network must beat: a network of dense layers of as many numbers,
 * trained from random weights on the same rows. */
#ifndef SNNK_DISTILL_SMALL_NETWORK_H
#define SNNK_DISTILL_SMALL_NETWORK_H

#include "distill/compression.h"
#include "distill/tune.h"

#define SNNK__SMALL_NETWORKS 2 /* that are trained, at most */

/* Create and train a network d -> h -> l, with as many neurons h as there is room for. If all parts
 * were replaced, also one d -> h1 -> h2 -> l, with h1 and h2 in proportion to the features of the
 * first and of the last part that is not linear. The one with the smaller held-out loss is the
 * result.
 *   tune        learns and the blends are not used; there are as many more passes over the rows
 *   network     the original, whose sizes and first activation it has
 *   made        its parts
 *   compressed  sets how many numbers the small network may have: those of the compressed network,
 *               or of its bundle, if that has fewer
 *   cost        of one training, for progress
 *   small       the result; NULL if there is no room for one neuron
 * Statuses of snnk__compress_tune. */
int snnk__small_network(const snnk__tune *tune, const snnk_network *network,
                        const snnk_compression *made, const snnk_network *compressed, double cost,
                        snnk_network **small);

#endif
