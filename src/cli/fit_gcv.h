/* The fit of --choose gcv: no rows are held out, and lambda minimizes generalized cross-validation
 * unless it is given. It needs only sums over rows, so that processes can each take a part of the
 * rows and add their sums up. */
#ifndef SNNK_CLI_FIT_GCV_H
#define SNNK_CLI_FIT_GCV_H

#include "cli/processes.h"

typedef struct gcv_fit gcv_fit;

/* Create a fit. It uses ridge, intercept, rank_tolerance, precision and factorization of the
 * config. The map is borrowed until the fit is freed. All functions but free and take_statistics
 * return a status of the library. */
int gcv_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                   gcv_fit **fit);
void gcv_fit_free(gcv_fit *fit);

/* Add at most BATCH_ROWS packed rows. */
int gcv_fit_add(gcv_fit *fit, const snnk_rows *rows, snnk_workspace *workspace);

/* Add up the sums of all processes, and solve on process 0. *layer is NULL on the others. */
int gcv_fit_solve(gcv_fit *fit, const processes *p, snnk_workspace *workspace,
                  snnk_fit_report *report, snnk_layer **layer);

/* Take the statistics out of the fit; the caller frees them. After gcv_fit_solve those of process 0
 * are of all rows. */
snnk_lstsq *gcv_fit_take_statistics(gcv_fit *fit);

#endif
