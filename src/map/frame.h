/* Inside of a frame: immutable, shared by reference count between the maps made in it. */
#ifndef SNNK_MAP_FRAME_H
#define SNNK_MAP_FRAME_H

#include <snnk/frame.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/record.h"

/* x~ = M (x - mu), w~ = M^-T (w - nu),
 * M = (I + sum_i (stretch_i - 1) u_i u_i^T) diag(scale), u_i orthonormal. */
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

/* What a row of weights is to the weight tower in a frame. */
typedef struct snnk__framed_weight {
    double norm2;  /* |w~|^2 */
    double offset; /* w.mu + b */
} snnk__framed_weight;

/* dual (d) = M^-1 w~, so that a row M^T g of G times it is g . w~; and the rest. framed: d of
 * scratch. */
snnk__framed_weight snnk__frame_dual(const snnk_frame *frame, const float *w, double b,
                                     double *framed, float *dual);

/* framed (d) = x~ or w~; gives what is to be added to x~.w~ for the pre-activation: nu.(x - mu), or
 * w.mu + b. */
double snnk__frame_place(const snnk_frame *frame, bool weights, const float *x, double b,
                         double *framed);

/* In place: g becomes M^T g, the row that meets x - mu as g meets x~. */
void snnk__frame_fold(const snnk_frame *frame, double *g);

/* In place: w~ becomes M^-1 w~, so that (M^T g) . (M^-1 w~) = g . w~. */
void snnk__frame_unfold(const snnk_frame *frame, double *framed);

/* ---- Files: the record "frame", and the arrays of a frame beside those of its block ---- */

void snnk__frame_write(const snnk_frame *frame, snnk__sink *sink);

/* Statuses as snnk__map_kind.read. */
int snnk__frame_read(const snnk__source *source, size_t inputs, snnk_frame **frame);

#endif
