/* Layers from solutions in double. */
#ifndef SNNK_FIT_READOUT_H
#define SNNK_FIT_READOUT_H

#include <snnk/layer.h>

/* Create the layer y = B Phi(x) + b, with B rounded to float. B: outputs x m, packed; b: outputs.
 * SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_NONFINITE (a number leaves the range of float),
 * SNNK_E_NOMEM. */
int snnk__layer_of_solution(const snnk_map *map, size_t outputs, const double *B, const double *b,
                            snnk_layer **layer);

/* Move the intercepts so that B, rounded to float, gives the same mean prediction. Otherwise the
 * rounding of B times large means of features would be an error of every prediction. B: outputs x
 * features, packed. */
void snnk__settle_intercepts(size_t features, size_t outputs, const double *mean_phi,
                             const double *B, double *b);

#endif
