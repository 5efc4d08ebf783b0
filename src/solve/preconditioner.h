/* The preconditioner of logistic regression: for each class the same matrix
 *
 *     M = sum_i q_i (phi_i - mean, 1)(phi_i - mean, 1)^T + diag(ridge, ..., ridge, 0)
 *
 * where q_i is the weight of row i times a bound on the largest eigenvalue of diag(p) - p p^T: 1/2
 * for all p (Boehning 1992), or the bound max_c 2 p_c (1 - p_c) of Gershgorin at the row's
 * probabilities, which is exact for two classes. The Hessian at these probabilities is at most
 * M. */
#ifndef SNNK_SOLVE_PRECONDITIONER_H
#define SNNK_SOLVE_PRECONDITIONER_H

#include <stdbool.h>

#include "base/progress.h"
#include "solve/lstsq.h"

typedef struct snnk__preconditioner {
    snnk_allocator allocator;
    snnk_lstsq *lstsq; /* of the features with weights q; S becomes the factor */
    float *q;          /* rows */
    double *mean;      /* m: what features are centered on */
    double *shift;     /* m: the mean with weights q, minus that */
    double total;      /* sum of the weights of the rows */
    double weight;     /* sum of q */
    const snnk_rows *rows;
    double ridge;
    snnk_workspace *workspace;
} snnk__preconditioner;

/* Find the weighted mean and the total, and allocate. It must be renewed before it is applied.
 *   rows  checked, with labels
 *   made  the result; free it also after a failure
 * SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__preconditioner_create(const snnk_rows *rows, size_t classes, double ridge,
                                const snnk_allocator *allocator, snnk_workspace *workspace,
                                snnk__progress *progress, snnk__preconditioner *made);
void snnk__preconditioner_free(const snnk__preconditioner *made);

/* Make it for probabilities P (rows x classes), or with the bound 1/2 if P is NULL. SNNK_E_SINGULAR
 * (the ridge is lost in rounding), SNNK_E_CANCELLED; then it must not be applied. */
int snnk__preconditioner_renew(snnk__preconditioner *made, const double *P,
                               snnk__progress *progress);

/* to = M^-1 x for vectors of (classes m + classes) numbers: B row by row, then the intercepts.
 * SNNK_E_CANCELLED. */
int snnk__preconditioner_apply(const snnk__preconditioner *made, const double *x, double *to,
                               snnk__progress *progress);

#endif
