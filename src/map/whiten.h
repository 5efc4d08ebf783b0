#ifndef SNNK_MAP_WHITEN_H
#define SNNK_MAP_WHITEN_H

#include "map/frame.h"

/* Give a frame, whose means and scale are set, its directions and stretches: on the span of the
 * n_directions leading directions of inputs and weights the metric M^T M = P of least
 * E|x~|^2 E|w~|^2, which solves P Sx P = Sw (Sx, Sw second moments there), and one factor for all
 * other directions. May leave fewer directions than there was room for. l = 0: weights isotropic.
 * SNNK_E_UNSUPPORTED (no LAPACKE), SNNK_E_SIZE, SNNK_E_NOMEM, SNNK_E_INTERNAL. */
int snnk__whiten(snnk_frame *frame, size_t n, const float *X, size_t ldx, size_t l, const float *W,
                 size_t ldw);

#endif
