/* Inside a frame: immutable, shared by reference count between the maps that use it. */
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
    double *weight_mean; /* nu; d; NULL if weights are not centered */
    double *scale;       /* d */
    size_t n_directions;
    double *directions; /* n_directions x d: u_i; NULL if there are none */
    double *stretch;    /* n_directions */
    double input_norm, weight_norm;
};

/* Create the identity frame: means 0, scale 1, directions 0 with stretch 1. */
int snnk__frame_alloc(size_t inputs, bool centers_weights, size_t n_directions,
                      const snnk_allocator *allocator, snnk_frame **frame);

/* Add an owner; snnk_frame_free removes one. */
const snnk_frame *snnk__frame_retain(const snnk_frame *frame);

/* Set framed (d) to x~ = M (x - mu) or w~ = M^-T (w - nu). */
void snnk__frame_input(const snnk_frame *frame, const float *x, double *framed);
void snnk__frame_weight(const snnk_frame *frame, const float *w, double *framed);

/* What the weight tower needs of a row of weights in a frame. */
typedef struct snnk__framed_weight {
    double norm2;  /* |w~|^2 */
    double offset; /* w.mu + b */
} snnk__framed_weight;

/* Set dual (d) to M^-1 w~, so that the product of a row M^T g of G with it is g . w~, and return
 * the norm and offset. framed: d doubles of scratch. */
snnk__framed_weight snnk__frame_dual(const snnk_frame *frame, const float *w, double b,
                                     double *framed, float *dual);

/* Set framed (d) to x~ or w~, and return what x~.w~ lacks of the pre-activation: nu.(x - mu) for an
 * input, w.mu + b for a row of weights. */
double snnk__frame_place(const snnk_frame *frame, bool weights, const float *x, double b,
                         double *framed);

/* Replace g by M^T g, so that (M^T g) . (x - mu) = g . x~. */
void snnk__frame_fold(const snnk_frame *frame, double *g);

/* Replace w~ by M^-1 w~, so that (M^T g) . (M^-1 w~) = g . w~. */
void snnk__frame_unfold(const snnk_frame *frame, double *framed);

/* ---- Files: the record "frame", and the arrays of a frame, stored next to those of its block
 * ---- */

void snnk__frame_write(const snnk_frame *frame, snnk__sink *sink);

/* Statuses as for snnk__map_kind.read. */
int snnk__frame_read(const snnk__source *source, size_t inputs, snnk_frame **frame);

#endif
