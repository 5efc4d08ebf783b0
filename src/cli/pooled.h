/* A fit from statistics of rows alone: none is held out, so that processes can each collect their own
 * and add them up. lambda, if it is not given, is that of least generalized cross-validation. */
#ifndef SNNK_CLI_POOLED_H
#define SNNK_CLI_POOLED_H

#include "cli/processes.h"

typedef struct pooled_fit pooled_fit;

/* Of config ridge, intercept, rank_tolerance, precision and route count. All but free give a status of
 * the library. The map must stay. */
int pooled_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                      pooled_fit **fit);
void pooled_fit_free(pooled_fit *fit);

/* n <= BATCH_ROWS packed rows; Y or labels, the other NULL. */
int pooled_fit_add(pooled_fit *fit, size_t n, const float *X, const float *Y, const int32_t *labels,
                   snnk_workspace *workspace);

/* Add up what all processes have, and solve on process 0; *layer is NULL on the others. */
int pooled_fit_solve(pooled_fit *fit, const processes *p, snnk_fit_report *report,
                     snnk_layer **layer);

/* The statistics, after pooled_fit_solve on process 0 those of all rows; the caller's from then on. */
snnk_lstsq *pooled_fit_take_statistics(pooled_fit *fit);

#endif
