/* Layers that limit each input to the range that it had in the training rows. */
#ifndef SNNK_CLI_FIT_CLIP_H
#define SNNK_CLI_FIT_CLIP_H

#include <snnk/snnk.h>
#include <stdbool.h>

/* The range of each input in the rows so far. Begin with zeros. */
typedef struct fit_clip {
    size_t inputs;
    double *low, *high;
} fit_clip;

/* Extend the ranges by rows. Returns false without memory. fit_clip_free frees what is there in any
 * case. */
bool fit_clip_add(const snnk_rows *rows, fit_clip *clip);
void fit_clip_free(fit_clip *clip);

/* Make three dense layers of d^2 numbers for d inputs: with u = relu(x - low), the result is
 * high - relu(high - low - u), which is exactly `high` for however large an x. Returns a status of
 * the library.
 *   features  of the layer that comes after them, m
 *   layers    out: NULL where they would have more numbers than the layer that they protect, that
 *             is 3 d > m, or where an input is so far from 0, for its range, that float would lose
 *             digits that the other layer keeps */
int fit_clip_create(const fit_clip *clip, size_t features, snnk_network **layers);

#endif
