#ifndef SNNK_MAP_WHITEN_H
#define SNNK_MAP_WHITEN_H

#include "map/frame.h"

/* Set the directions and stretches of a frame whose means and scale are set. On the span of the
 * n_directions leading directions of inputs and weights, the metric M^T M = P minimises E|x~|^2
 * E|w~|^2: it solves P Sx P = Sw (Sx, Sw second moments there). All other directions share one
 * factor. The frame may end up with fewer directions than it has room for. l = 0: weights are taken
 * as isotropic. SNNK_E_UNSUPPORTED (no LAPACKE), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_INTERNAL. */
int snnk__whiten(snnk_frame *frame, size_t n, const float *X, size_t ldx, size_t l, const float *W,
                 size_t ldw);

#endif
