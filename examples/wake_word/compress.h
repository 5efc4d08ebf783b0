/* Fewer features for the detector: two hidden layers of relu, and a linear one of one output, the score.
 *
 * snnk_network_compress sees two parts: the first hidden layer, and the second with the linear one. Each becomes
 * an SNNK layer, and bundling removes both hidden widths: what is left are the features of the first,
 * those of the second on top, and one Psi.
 *
 * Beside it, what is simpler: one SNNK layer for all, or a linear map. */
#ifndef WAKE_WORD_COMPRESS_H
#define WAKE_WORD_COMPRESS_H

#include <snnk/snnk.h>

/* The same network, of four layers: relu(W0 x + b0), U, relu(W1 U^-1 h + b1), and the last. |U e|^2 is the mean over the
 * rows of (slope . e)^2, the slopes of the score in what the first layer gives: what an error e there does to the score,
 * to first order. Compression counts errors in all outputs of a part alike: of those behind U it may. X: n rows. */
snnk_network *weigh_by_slopes(const snnk_network *original, size_t n, const float *X,
                              snnk_workspace *workspace);

/* Compressed and bundled: so many features of each layer. network: the original, or the same weighed. reports: of both
 * parts, beside what is simpler. */
snnk_network *compress(const snnk_network *network, const size_t features[2], size_t n,
                       const float *X, snnk_workspace *workspace, snnk_distill_report reports[2]);

/* For students that are one SNNK layer: the detector as a function of its inputs, with the neurons of its first layer
 * to choose from. X, scores: n rows, borrowed. */
snnk_distill *distill_whole(const snnk_network *original, size_t n, const float *X,
                            const float *scores, snnk_workspace *workspace);

/* Of so many features, refined by gradient. */
snnk_network *one_layer(const snnk_distill *distill, size_t features, snnk_workspace *workspace,
                        snnk_distill_report *report);

/* w x + b fitted to y; lambda is chosen on held-out rows. */
snnk_network *linear_map(size_t inputs, size_t n, const float *X, const float *y,
                         snnk_workspace *workspace);

/* The original as bundles are: a tower, and an SNNK layer on top. What arrays.c takes. */
snnk_network *as_towers(const snnk_network *original);

#endif
