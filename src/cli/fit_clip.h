/* Layers that limit each input to the range that it had in the training rows. */
#ifndef SNNK_CLI_FIT_CLIP_H
#define SNNK_CLI_FIT_CLIP_H

#include <snnk/snnk.h>

/* Make three dense layers of d^2 numbers for d inputs: with u = relu(x - low), the result is
 * high - relu(high - low - u), which is exactly `high` for however large an x.
 *   rows      of the training
 *   features  of the layer that comes after them, m
 *   layers    out: NULL where they would have more numbers than the layer that they protect
 *             (3 d > m), or where an input is so far from 0, for its range, that float would lose
 *             digits that the other layer keeps */
int fit_clip_create(const snnk_rows *rows, size_t features, snnk_network **layers);

#endif
