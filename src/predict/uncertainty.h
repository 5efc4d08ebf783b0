/* Inside an uncertainty. */
#ifndef SNNK_PREDICT_UNCERTAINTY_H
#define SNNK_PREDICT_UNCERTAINTY_H

#include <snnk/uncertainty.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "base/progress.h"

/* Of an infinite error: files hold finite numbers only. Other errors of a regression are >= 0. */
#define SNNK__INFINITE_ERROR (-1.0)

/* The limits of snnk_uncertainty_config.most_errors. */
#define SNNK__LEAST_ERRORS 16
#define SNNK__MOST_ERRORS  65536

struct snnk_uncertainty {
    snnk_allocator allocator;
    atomic_size_t references;
    bool classification;
    size_t outputs;
    uint64_t rows;
    size_t n_errors; /* of each output: min(rows, most_errors) */
    /* In ascending order: of a regression, the |target - score| of each output (outputs x
     * n_errors); of a classification, minus the probability of the right class (1 x n_errors).
     * Entry j has rank ceil((j + 1) rows / n_errors) of all. */
    double *errors;
    double slope;   /* classification */
    double *biases; /* classification: one for each class */
};

/* Set *uncertainty to one whose arrays are not filled yet. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__uncertainty_make(bool classification, size_t outputs, uint64_t rows, size_t n_errors,
                           const snnk_allocator *allocator, snnk_uncertainty **uncertainty);

/* Create one from the scores of classes, as snnk_uncertainty_create does, with its defaults.
 *   rows         as there, with labels
 *   logits       slope 1 and biases 0 are tried too
 *   progress     can cancel; reports nothing
 *   log_loss     out: the mean of -log p(label), with slope and biases of other rows
 *   uncertainty  out
 * Statuses as there, and SNNK_E_CANCELLED. On failure the outputs are unchanged. */
int snnk__uncertainty_learn(size_t classes, const snnk_rows *rows, bool logits,
                            const snnk_allocator *allocator, snnk__progress *progress,
                            double *log_loss, snnk_uncertainty **uncertainty);

#endif
