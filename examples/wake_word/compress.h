/* Compress the detector. It has two hidden relu layers and a linear one with one output, the score.
 *
 * snnk_network_compress splits it into two parts: the first hidden layer, and the second together
 * with the linear one. Each part becomes an SNNK layer. Bundling then removes both hidden widths:
 * the features of the first layer, those of the second on top, and one Psi remain.
 *
 * For comparison there are two simpler models: a single SNNK layer, and a linear map. */
#ifndef WAKE_WORD_COMPRESS_H
#define WAKE_WORD_COMPRESS_H

#include <snnk/snnk.h>

/* Weight errors of the first layer by their effect on the score.
 *
 * Compression counts errors of all outputs of a part the same. So the network is written in other
 * coordinates, in which they do matter the same: four layers,
 *
 *     relu(W0 x + b0),   U,   relu(W1 U^-1 h + b1),   the last
 *
 * with |U e|^2 = mean over the rows of (slope . e)^2, where slope is the gradient of the score with
 * respect to the outputs of the first layer. To first order, slope . e is the effect of an error e
 * of these outputs on the score. The function stays the same. X: n rows. */
snnk_network *weigh_by_slopes(const snnk_network *original, size_t n, const float *X,
                              snnk_workspace *workspace);

/* Compress the network to this many features in each layer, and bundle it.
 *   network  the original, or that of weigh_by_slopes
 *   tier     an snnk_distill_tier
 *   reports  of the two parts */
snnk_network *compress(const snnk_network *network, int32_t tier, const size_t features[2],
                       size_t n, const float *X, snnk_workspace *workspace,
                       snnk_distill_report reports[2]);

/* The same in tier selected, then both parts tuned together.
 *   small  the baseline of as many numbers, trained from random weights; NULL if not wanted, which
 *          saves the time for it */
snnk_network *compress_and_tune(const snnk_network *network, const size_t features[2], size_t n,
                                const float *X, snnk_workspace *workspace, snnk_network **small);

/* Prepare students that are a single SNNK layer: the detector as a function of its inputs, with the
 * neurons of its first layer as candidate features. X, scores: n rows, borrowed. */
snnk_distill *distill_whole(const snnk_network *original, size_t n, const float *X,
                            const float *scores, snnk_workspace *workspace);

/* Make a student of one layer with this many features, refined by gradient. */
snnk_network *one_layer(const snnk_distill *distill, size_t features, snnk_workspace *workspace,
                        snnk_distill_report *report);

/* Fit w x + b to y; lambda is chosen on held-out rows. */
snnk_network *linear_map(size_t inputs, size_t n, const float *X, const float *y,
                         snnk_workspace *workspace);

/* Write the original as a tower with an SNNK layer on top, as bundling does: the form that arrays.c
 * reads. */
snnk_network *as_towers(const snnk_network *original);

#endif
