/* Products with few rows: the threads divide the outputs of each row. */
#ifndef SNNK_LAYER_SPLIT_H
#define SNNK_LAYER_SPLIT_H

#include "base/workspace.h"
#include "kernels/forward.h"

/* Process rows first ... first+count-1 of a weight matrix; first is a multiple of
 * `width` of snnk__split. */
typedef void (*snnk__split_function)(size_t first, size_t count, const void *context);

/* Call `run` for rows 0 ... n-1 of a matrix in panels of `width` rows, each once, on the threads of
 * a workspace. Needs no scratch, so it cannot fail. */
void snnk__split(snnk_workspace *workspace, size_t n, size_t width, snnk__split_function run,
                 const void *context);

/* snnk__project for n rows of X (n x d) and a divisible block. */
void snnk__project_split(size_t n, const float *X, size_t ldx, size_t d, const snnk__block *block,
                         float *Phi, size_t ldphi, snnk_workspace *workspace);

#endif
