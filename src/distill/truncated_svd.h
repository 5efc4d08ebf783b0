/* The baseline that keeps the teacher's shape: each of its matrices is replaced by two factors,
 * from truncated singular values. */
#ifndef SNNK_DISTILL_TRUNCATED_SVD_H
#define SNNK_DISTILL_TRUNCATED_SVD_H

#include "distill/distill.h"

typedef struct snnk__truncated_teacher {
    double squared_errors; /* on held-out rows; INFINITY if there is no such teacher */
    uint64_t parameters, multiply_adds;
} snnk__truncated_teacher;

/* Find the best truncated teacher with no more parameters than a student of m features. There is
 * none without a teacher, or if the parameters do not allow rank 1 for each matrix. SNNK_E_SIZE,
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__truncated_svd(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                        snnk__truncated_teacher *best);

#endif
