/* Choose few features out of many, from their statistics only: linear combinations of the first d
 * features, and some of the others. */
#ifndef SNNK_SOLVE_SUBSET_H
#define SNNK_SOLVE_SUBSET_H

#include "base/progress.h"
#include "solve/statistics.h"

typedef struct snnk__subset {
    size_t directions, chosen;
    double *D;     /* directions x d */
    size_t *which; /* chosen indices, different, each in d ... m-1 */
} snnk__subset;

/* Fill the strict upper triangle of S, so that S is symmetric, which the calls below need of `all`.
 * For moments, not for a factor. */
void snnk__subset_mirror(snnk_lstsq *all);

/* Replace the single target by linear functions W x + bias of features first ... m-1. S must be
 * symmetric.
 *   targets   how many
 *   W         targets x (m - first); NULL, as bias: those features themselves
 *   bias      targets
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__subset_linear_targets(snnk_lstsq *all, size_t first, size_t targets, const float *W,
                                const float *bias);

/* Find the linear combinations of the first d features that explain most of the targets, beyond
 * what the chosen features of `given` explain. (Its directions do not count.) Reduced-rank
 * regression (Izenman 1975), by the singular values of C L^-T with S + ridge = L L^T. The first r
 * rows are the best for every r <= rank. Each has variance 1 in what the given features leave.
 *   rank   <= min(d, targets)
 *   D      the result: rank x d
 * SNNK_E_SINGULAR (S is 0, or too indefinite for the ridge), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__subset_directions(const snnk_lstsq *all, size_t d, const snnk__subset *given,
                            double ridge, size_t rank, double *D);

/* Choose features among d ... m-1 one after another, each the one that explains most of what the
 * chosen ones and the directions of `given` leave. (Its chosen features do not count.) Forward
 * selection, by a pivoted Cholesky factor of S + ridge.
 *   rounding   features that the others determine to this share of their variance are skipped
 *   count      how many to choose
 *   progress   updated with `part`, the share of its stage; may cancel
 *   which      the result: count indices
 *   found      the result: how many there were, <= count
 * SNNK_E_SINGULAR, SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__subset_select(const snnk_lstsq *all, size_t d, const snnk__subset *given, double ridge,
                        double rounding, size_t count, snnk__progress *progress, double part,
                        size_t *which, size_t *found);

/* *lstsq = the statistics of the features of `subset`, directions first. SNNK_E_SIZE,
 * SNNK_E_NOMEM. */
int snnk__subset_statistics(const snnk_lstsq *all, size_t d, const snnk__subset *subset,
                            snnk_lstsq **lstsq);

#endif
