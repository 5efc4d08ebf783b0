/* The baseline that keeps the teacher's shape: its living neurons, their matrix cut by singular
 * values about the mean of the inputs, and the readout fitted again. */
#ifndef SNNK_DISTILL_TRUNCATED_SVD_H
#define SNNK_DISTILL_TRUNCATED_SVD_H

#include "distill/distill.h"

/* The most layers of a truncated teacher: two factors of each matrix. */
#define SNNK__TRUNCATED_LAYERS 4

typedef struct snnk__truncated_teacher {
    double squared_errors;              /* on held-out rows; INFINITY if there is no such teacher */
    uint64_t parameters, multiply_adds; /* factors have no bias between them */
    snnk_layer *layers[SNNK__TRUNCATED_LAYERS + 1]; /* NULL after the last */
} snnk__truncated_teacher;

/* Make the truncated teacher with no more parameters than a student of m features. There is none
 * without a teacher, if no neuron lives, or if the parameters do not allow rank 1 for each matrix.
 * Its errors are those of a readout fitted to the rows that are not held out; the readout of its
 * layers is fitted to all rows. A matrix that two factors would not make smaller is not cut. Free
 * it with snnk__truncated_free, also after a failure. SNNK_E_SIZE, SNNK_E_SINGULAR, SNNK_E_NOMEM,
 * SNNK_E_CANCELLED. */
int snnk__truncated_svd(const snnk_distill *distill, size_t m, snnk_workspace *workspace,
                        snnk__truncated_teacher *made);

/* The cost of snnk__truncated_svd in multiply-adds, roughly. */
double snnk__truncated_cost(const snnk_distill *distill);

void snnk__truncated_free(snnk__truncated_teacher *teacher);

#endif
