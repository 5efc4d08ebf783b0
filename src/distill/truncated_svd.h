/* The baseline that keeps the teacher's shape: each of its matrices is replaced by two factors,
 * from truncated singular values. */
#ifndef SNNK_DISTILL_TRUNCATED_SVD_H
#define SNNK_DISTILL_TRUNCATED_SVD_H

#include "distill/distill.h"

/* The most layers of a truncated teacher: U1 W1, U1^T, U2 W2, U2^T. */
#define SNNK__TRUNCATED_LAYERS 4

typedef struct snnk__truncated_teacher {
    double squared_errors; /* on held-out rows; INFINITY if there is no such teacher */
    uint64_t parameters, multiply_adds;
    snnk_layer *layers[SNNK__TRUNCATED_LAYERS]; /* NULL after the last */
} snnk__truncated_teacher;

/* Find the best truncated teacher with no more parameters than a student of m features. There is
 * none without a teacher, or if the parameters do not allow rank 1 for each matrix. Its errors are
 * those of a bias fitted to the rows that are not held out; the bias of its layers is fitted to all
 * rows. Free it with snnk__truncated_free, also after a failure. SNNK_E_SIZE, SNNK_E_NOMEM,
 * SNNK_E_CANCELLED. */
int snnk__truncated_svd(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                        snnk__truncated_teacher *best);

void snnk__truncated_free(snnk__truncated_teacher *teacher);

#endif
