/* Frames: coordinates in which inputs x and weights w are short.
 *
 * The error of random features for f(w . x + b) grows exponentially with |x| |w| (<snnk/urf.h>). A
 * frame makes both short without changing w . x:
 *
 *     x~ = M (x - mu),   w~ = M^-T (w - nu),   w . x = w~ . x~ + w . mu + nu . (x - mu)
 *
 * It is folded into the projection of a map: a map in a frame runs as fast as one without.
 *
 *     snnk_frame_create(d, SNNK_ROWS(.n = n, .X = X), l, W, d, NULL, &frame);
 *     snnk_map_create_urf(d, spectrum, NULL, frame, &map);
 *     snnk_frame_free(frame); */
#ifndef SNNK_FRAME_H
#define SNNK_FRAME_H

#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_frame snnk_frame;

/* What is subtracted. Values never change. */
typedef enum snnk_center {
    SNNK_CENTER_NONE = 0,   /* mu = 0, nu = 0 */
    SNNK_CENTER_INPUTS = 1, /* mu = the mean input, nu = 0 */
    /* mu = the mean input, nu = the mean weight. Costs one more row of the projection, and two
     * features in the place of one for spectra that oscillate */
    SNNK_CENTER_BOTH = 2
} snnk_center;

/* The matrix M. Values never change. */
typedef enum snnk_metric {
    SNNK_METRIC_NONE = 0,     /* M = I */
    SNNK_METRIC_DIAGONAL = 1, /* M_k = (mean w_k^2 / mean x_k^2)^(1/4): Likhosherstov et al. 2023 */
    /* DIAGONAL, and on the leading directions of inputs and weights the M with the smallest
     * E|x~|^2 E|w~|^2. Each direction costs one more row of the projection. Needs LAPACKE */
    SNNK_METRIC_WHITEN = 2
} snnk_metric;

/* Get the name of an snnk_center: "none", "inputs", "both"; of an snnk_metric: "none", "diagonal",
 * "whiten". Static; NULL for an unknown value. */
SNNK_API const char *snnk_center_name(int32_t center);
SNNK_API const char *snnk_metric_name(int32_t metric);

/* Settings of a frame. Fill with snnk_frame_config_init, then change fields. */
typedef struct snnk_frame_config {
    size_t size;         /* set by snnk_frame_config_init */
    uint64_t directions; /* WHITEN: at most this many directions, 1 ... 256. Default 8 */
    int32_t center;      /* snnk_center. Default BOTH */
    int32_t metric;      /* snnk_metric. Default DIAGONAL */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_frame_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_frame_config_init(snnk_frame_config *config, size_t config_size);

/* Create a frame from inputs and weights.
 *   inputs  d, at least 1
 *   rows    inputs, at least one row; targets and row weights are ignored. mu and the diagonal
 *           metric are computed from all rows, directions from at most 1024 evenly spaced ones
 *   l       rows of W. 0 if the weights are unknown: then nu = 0, and M makes the inputs isotropic
 *   W       weights, l x d, row stride ldw >= d, finite; NULL if l = 0
 *   config  NULL for the defaults
 *   frame   out: release with snnk_frame_free
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE, SNNK_E_STRIDE, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE,
 * SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED (WHITEN without LAPACKE), SNNK_E_NOMEM. */
SNNK_API int snnk_frame_create(size_t inputs, const snnk_rows *rows, size_t l, const float *W,
                               size_t ldw, const snnk_frame_config *config, snnk_frame **frame);

/* Release a frame. NULL is fine. Maps made in it keep it alive. */
SNNK_API void snnk_frame_free(snnk_frame *frame);

/* Get sizes. 0 for NULL. */
SNNK_API size_t snnk_frame_inputs(const snnk_frame *frame);     /* d */
SNNK_API size_t snnk_frame_directions(const snnk_frame *frame); /* whitened directions */

/* Get the root mean squares of |x~| and |w~| over the rows that the frame was made from.
 *   input_norm, weight_norm  out: NULL if not wanted. weight_norm is 1 for unknown weights
 * SNNK_E_NULL. */
SNNK_API int snnk_frame_norms(const snnk_frame *frame, double *input_norm, double *weight_norm);

/* Transform inputs or weights to the frame, to inspect them. O(n d (1 + directions)).
 *   weights  0: the rows of X are inputs, Z = x~; 1: they are weights, Z = w~
 *   X        n x d, row stride ldx >= d
 *   Z        out: n x d, row stride ldz >= d
 * SNNK_E_NULL, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_frame_apply(const snnk_frame *frame, int32_t weights, size_t n, const float *X,
                              size_t ldx, double *Z, size_t ldz);

#ifdef __cplusplus
}
#endif

#endif
