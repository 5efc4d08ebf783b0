/* Layers from solutions in double. */
#ifndef SNNK_FIT_READOUT_H
#define SNNK_FIT_READOUT_H

#include <snnk/layer.h>

/* Create the layer y = B Phi(x) + b, with B rounded to float. B: outputs x m, packed; b: outputs.
 * SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_NONFINITE (a number leaves the range of float),
 * SNNK_E_NOMEM. */
int snnk__layer_of_solution(const snnk_map *map, size_t outputs, const double *B, const double *b,
                            snnk_layer **layer);

#endif
