/* Inside of a frame: immutable, shared by reference count between the maps made in it. */
#ifndef SNNK_MAP_FRAME_H
#define SNNK_MAP_FRAME_H

#include <snnk/frame.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"

/* M = (I + sum_i (stretch_i - 1) u_i u_i^T) diag(scale), u_i orthonormal. */
struct snnk_frame {
    snnk_allocator allocator;
    atomic_size_t references;
    size_t inputs;
    double *mean;        /* mu; d */
    double *weight_mean; /* nu; d; NULL where weights are not centred */
    double *scale;       /* d */
    size_t n_directions;
    double *directions; /* n_directions x d: u_i; NULL if there are none */
    double *stretch;    /* n_directions */
    double input_norm, weight_norm;
};

/* A frame that changes nothing: means 0, scale 1, directions 0 with stretch 1. */
int snnk__frame_alloc(size_t inputs, bool centers_weights, size_t n_directions,
                      const snnk_allocator *allocator, snnk_frame **frame);

/* One more owner; snnk_frame_free takes one away. */
const snnk_frame *snnk__frame_retain(const snnk_frame *frame);

/* x~ = M (x - mu), w~ = M^-T (w - nu); d values each. */
void snnk__frame_input(const snnk_frame *frame, const float *x, double *framed);
void snnk__frame_weight(const snnk_frame *frame, const float *w, double *framed);

/* In place: g becomes M^T g, the row that meets x - mu as g meets x~. */
void snnk__frame_fold(const snnk_frame *frame, double *g);

/* In place: w~ becomes M^-1 w~, so that (M^T g) . (M^-1 w~) = g . w~. */
void snnk__frame_unfold(const snnk_frame *frame, double *framed);

#endif
