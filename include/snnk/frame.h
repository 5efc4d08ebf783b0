/* Frames: coordinates in which inputs and weights are short. */
#ifndef SNNK_FRAME_H
#define SNNK_FRAME_H

#include <snnk/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_frame snnk_frame;

/* What is moved to the origin. Values never change. */
typedef enum snnk_center {
    SNNK_CENTER_NONE = 0,
    SNNK_CENTER_INPUTS = 1, /* x by its mean mu: free */
    SNNK_CENTER_BOTH = 2    /* w by its mean nu too: one more row, and with rates that oscillate two
                             * features where one would do */
} snnk_center;

/* The matrix M. Values never change. */
typedef enum snnk_metric {
    SNNK_METRIC_NONE = 0,
    SNNK_METRIC_DIAGONAL =
        1,                 /* M_k = (mean w_k^2 / mean x_k^2)^(1/4) (Likhosherstov et al. 2023) */
    SNNK_METRIC_WHITEN = 2 /* after that, the M of least E|x~|^2 E|w~|^2 on the leading directions
                               * of inputs and weights: each direction costs one more row */
} snnk_metric;

typedef struct snnk_frame_config {
    size_t size;
    uint64_t directions; /* WHITEN: at most so many, 1 ... 256. Default 8 */
    int32_t center;      /* snnk_center. Default BOTH */
    int32_t metric;      /* snnk_metric. Default DIAGONAL */
    const snnk_allocator *allocator;
} snnk_frame_config;

SNNK_API int snnk_frame_config_init(snnk_frame_config *config, size_t config_size);

/* A frame learnt from inputs X (n x d, n >= 1) and weights W (l x d; l = 0 and NULL: nothing is
 * known of them; then nu = 0, and M makes the inputs isotropic). All finite. At most 1024 rows of
 * each, evenly spaced, are used for directions. SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_SIZE,
 * SNNK_E_STRIDE, SNNK_E_CONFIG, SNNK_E_ENUM, SNNK_E_RANGE, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED
 * (WHITEN without LAPACKE), SNNK_E_NOMEM. */
SNNK_API int snnk_frame_create(size_t inputs, size_t n, const float *X, size_t ldx, size_t l,
                               const float *W, size_t ldw, const snnk_frame_config *config,
                               snnk_frame **frame);

/* Free it. NULL is fine. Maps copied what they needed. */
SNNK_API void snnk_frame_free(snnk_frame *frame);

/* Root mean squares of |x~| and |w~| over the rows it was learnt from (weights unknown: 1). Either
 * may be NULL. SNNK_E_NULL. */
SNNK_API int snnk_frame_norms(const snnk_frame *frame, double *input_norm, double *weight_norm);

/* See rows of inputs, or of weights (weights != 0), in the frame, in double: X: n x d, row stride
 * ldx; Z: n x d. For inspection, O(n d (1 + directions)). SNNK_E_NULL, SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_frame_apply(const snnk_frame *frame, int32_t weights, size_t n, const float *X,
                              size_t ldx, double *Z, size_t ldz);

#ifdef __cplusplus
}
#endif

#endif
