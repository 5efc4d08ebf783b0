/* Fewer features out of many, by their statistics alone: linear combinations of some, and some of
 * the others. Inside the statistics the first d features are those that combinations are made
 * of. */
#ifndef SNNK_SOLVE_SUBSET_H
#define SNNK_SOLVE_SUBSET_H

#include "base/progress.h"
#include "solve/statistics.h"

typedef struct snnk__subset {
    size_t directions, chosen;
    double *D;     /* directions x d */
    size_t *which; /* chosen, each in d ... m-1, no two the same */
} snnk__subset;

/* Write the strict upper triangle of S, which is scratch, so that S is symmetric: what the calls
 * below want of `all`. Moments, not a factor. */
void snnk__subset_mirror(snnk_lstsq *all);

/* Instead of the one target that there is, `targets` that are linear in features `first` ... m-1: W
 * x + bias, W: targets x (m - first); both NULL: those features themselves. S symmetric.
 * SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__subset_linear_targets(snnk_lstsq *all, size_t first, size_t targets, const float *W,
                                const float *bias);

/* D: `rank` rows of the linear maps of the first d features that explain most of the targets beyond
 * what the chosen features of `given` do (its directions do not count): reduced-rank regression
 * (Izenman 1975), by the singular values of C L^-T, S + ridge = L L^T. The first r rows are the
 * best for every r <= rank. Scaled so that each has a variance of 1 in what the given features
 * leave. rank <= min(d, targets). SNNK_E_SINGULAR (S is 0, or so near to indefinite that ridge does
 * not help), SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__subset_directions(const snnk_lstsq *all, size_t d, const snnk__subset *given,
                            double ridge, size_t rank, double *D);

/* which: `count` of the features d ... m-1, one after another the one that explains most of what
 * those before it and the directions of `given` leave (its chosen features do not count): forward
 * selection, by a pivoted Cholesky factor of S + ridge. Features that the others know to `rounding`
 * of their variance are passed over; *found <= count is how many there were. SNNK_E_SINGULAR,
 * SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED (watch, which is told `part` of its stage all the
 * while). */
int snnk__subset_select(const snnk_lstsq *all, size_t d, const snnk__subset *given, double ridge,
                        double rounding, size_t count, snnk__progress *progress, double part,
                        size_t *which, size_t *found);

/* *lstsq = statistics of the features of `subset`, directions first. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__subset_statistics(const snnk_lstsq *all, size_t d, const snnk__subset *subset,
                            snnk_lstsq **lstsq);

#endif
