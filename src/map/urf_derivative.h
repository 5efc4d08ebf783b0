#ifndef SNNK_MAP_URF_DERIVATIVE_H
#define SNNK_MAP_URF_DERIVATIVE_H

#include "map/block.h"

/* Doubles of scratch that each of these needs, for d inputs. */
#define SNNK__URF_DERIVATIVE_SCRATCH(d) (2 * (d))

/* Rows of J (features of the block x d) = d Phi / d x at x (d). */
void snnk__urf_gradient(const snnk__map_block *block, const float *x, double *scratch, float *J,
                        size_t ldj);

/* laplacian (features of the block) at x. */
void snnk__urf_laplacian(const snnk__map_block *block, const float *x, double *scratch,
                         float *laplacian);

#endif
