/* Probabilities of classes from scores: softmax(slope score_k + bias_k). */
#ifndef SNNK_PREDICT_SOFTMAX_H
#define SNNK_PREDICT_SOFTMAX_H

#include "base/memory.h"
#include "base/progress.h"
#include "base/rows.h"

/* Set p to the probabilities of one row. p may be `scores`. NaN or infinity among the scores gives
 * NaN. */
void snnk__softmax(size_t classes, double slope, const double *biases, const double *scores,
                   double *p);

/* Find slope and biases of least log loss.
 *   rows         checked: X or X_f64 are scores, finite, n x classes; labels
 *   with_biases  otherwise all biases are 0
 *   smoothing    of the targets, above 0, at most 1: for a row of class k, of weight n_k in all,
 *                the target is 1 - smoothing/(n_k + 2) for k, and the other classes share the rest
 *   without      leave out each row i with i % SNNK__SOFTMAX_PARTS == without; negative: none. At
 *                least one row must be left
 *   progress     can cancel; reports nothing
 *   slope        in and out: where to start, if `without` >= 0; then the result, >= 0
 *   biases       the same: `classes` numbers with the sum 0
 * SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. Source: Platt 1999 (smoothing 1), for any number of
 * classes. */
int snnk__softmax_fit(const snnk_allocator *allocator, size_t classes, const snnk_rows *rows,
                      bool with_biases, double smoothing, int without, snnk__progress *progress,
                      double *slope, double *biases);

#define SNNK__SOFTMAX_PARTS 5

#endif
