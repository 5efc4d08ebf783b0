/* A student: a feature map, and the statistics from which Psi is solved. */
#ifndef SNNK_DISTILL_STUDENT_H
#define SNNK_DISTILL_STUDENT_H

#include "distill/distill.h"

typedef struct snnk__student {
    snnk_map *map;
    snnk_lstsq *train, *heldout; /* over the rows to fit, and over the held-out rows */
    double ridge, explained;     /* explained: the share of the squared deviations that it explains
                                  * on the held-out rows */
} snnk__student;

void snnk__student_free(snnk__student *student);

/* Collect the statistics of these features over all rows, and choose the ridge with the smallest
 * error on held-out rows. Takes ownership of map, also on failure. SNNK_E_SIZE, SNNK_E_SINGULAR,
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
int snnk__student_fit(const snnk_distill *distill, snnk_map *map, snnk_workspace *workspace,
                      snnk__student *student);

/* The same on a random sample of about this many rows to fit, and a quarter as many held-out ones.
 */
int snnk__student_fit_sample(const snnk_distill *distill, snnk_map *map, double sample,
                             snnk_workspace *workspace, snnk__student *student);

/* The cost of snnk__student_fit for m features in multiply-adds, roughly. */
double snnk__student_cost_of_fit(const snnk_distill *distill, size_t m);

/* Solve for Psi (l x m) and bias (l) from the rows that are not held out. */
int snnk__student_solve(const snnk_distill *distill, const snnk__student *student, float *Psi,
                        float *bias);

/* Merge the held-out rows into train, and create the student's layer from all rows. */
int snnk__student_layer(const snnk__student *student, snnk_layer **layer);

#endif
