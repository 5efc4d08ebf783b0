/* Predictions: the error of random features, in closed form, before anything is built on a map.
 *
 *     snnk_prediction prediction = {.size = sizeof prediction};
 *     snnk_map_predict(map, SNNK_ROWS(.n = n, .X = X), l, W, d, b, NULL, 0, NULL, NULL, 0,
 *                      &prediction);
 *     if (prediction.features_needed == 0)   // no number of features is enough: fit the layer
 *         ... */
#ifndef SNNK_PREDICT_H
#define SNNK_PREDICT_H

#include <snnk/map.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_predict_config {
    size_t size;        /* set by snnk_predict_config_init */
    double error;       /* wanted relative error, a share of the rms value, > 0. Default 0.1 */
    double probability; /* with which it may be exceeded, between 0 and 1. Default 0.05 */
} snnk_predict_config;

/* Set every field to its default. SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_predict_config_init(snnk_predict_config *config, size_t config_size);

/* What is predicted, over pairs (x_i, w_j). Relative numbers are shares of value_rms. Set `size` to
 * sizeof before the call. */
typedef struct snnk_prediction {
    size_t size;
    double standard_error; /* of the estimate: root mean square over pairs, relative */
    double median_error;   /* its median over pairs, */
    double error_95;       /* its 95 % quantile, */
    double largest_error;  /* and its maximum */
    /* mean over pairs of E |estimate - value| / |value|, for a normally distributed error.
     * Dominated by values near 0 */
    double mean_deviation;
    double spectral_error; /* bound on the error of the spectrum on its interval, relative */
    double value_rms;      /* root mean square of the exact values */
    double input_norm;     /* root mean square of |x~|, of |w~| */
    double weight_norm;
    double largest_product; /* largest |x~| |w~| */
    /* of f (snnk_activation_analyticity_halfwidth); infinite if the map is not for an activation */
    double analyticity_halfwidth;
    /* share of the pairs whose w.x + b is outside the interval of the spectrum. There the map gives
     * the spectrum and not f, which none of the errors above counts: should be 0 */
    double beyond_interval;
    /* m for the wanted error by Chebyshev's inequality; 0: 2^24 are too few */
    uint64_t features_chebyshev;
    /* m by Azuma's inequality, P <= 2 exp(-m eps^2/(8 c^2)), if every term is bounded by some c; 0:
     * not bounded, or 2^24 are too few */
    uint64_t features_azuma;
    /* the smaller of both that is not 0. 0: fit the layer instead; also if spectral_error alone is
     * above the wanted error */
    uint64_t features_needed;
    /* 1: largest_product > analyticity_halfwidth, so that more atoms would make the variance larger
     * without bound */
    int32_t beyond_analyticity;
    int32_t reserved;
} snnk_prediction;

/* Predict the error over a batch of inputs and weights, for independent rows (other projections do
 * no worse). O((n + l) d + n l atoms). Inputs are sampled evenly so that there are about 65536
 * pairs at most, but at least 16 inputs.
 *   map         of blocks whose variance has a closed form: URF, AFFINE, IDENTITY, GAUSSIAN,
 *               ARC_COSINE of order 0 or 1 with floor 0, ELEMENTWISE with identity, step or relu;
 *               rows drawn
 *   rows        inputs, at least 1; targets and weights of rows are ignored
 *   l           rows of W, at least 1
 *   W           weights, l x d, row stride ldw >= d, finite
 *   b           l, finite; NULL for zeros
 *   config      NULL for the defaults
 *   n_levels    quantiles wanted for each output; may be 0
 *   levels      n_levels numbers, 0 ... 1
 *   quantiles   out: l x n_levels, row stride ldq >= n_levels: for each output, quantiles over the
 *               inputs of the standard error, relative to that output's rms value. NULL if not
 *               wanted
 *   prediction  out
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE (no inputs or no weights), SNNK_E_STRIDE, SNNK_E_SIZE,
 * SNNK_E_RANGE, SNNK_E_OVERLAP, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED (other blocks, or rows that
 * were not drawn), SNNK_E_NOMEM. */
SNNK_API int snnk_map_predict(const snnk_map *map, const snnk_rows *rows, size_t l, const float *W,
                              size_t ldw, const float *b, const snnk_predict_config *config,
                              size_t n_levels, const double *levels, double *quantiles, size_t ldq,
                              snnk_prediction *prediction);

/* Predict the error at one pair from norms alone.
 *   input_norm, weight_norm  |x~| and |w~|, in the map's frame or scaling
 *   inner                    x~ . w~
 *   offset                   the pre-activation less `inner`: w.mu + nu.(x - mu) + b. Without a
 *                            frame b; 0 for a symmetric kernel
 *   config                   NULL for the defaults
 *   prediction               out
 * Statuses of snnk_map_predict. */
SNNK_API int snnk_map_predict_norms(const snnk_map *map, double input_norm, double weight_norm,
                                    double inner, double offset, const snnk_predict_config *config,
                                    snnk_prediction *prediction);

/* Bound the error of a stack of layers from bounds for each.
 *   n         layers, at least 1
 *   errors    layer k is within errors[k] of its exact function,
 *   failures  but with this probability
 *   moduli    layer k maps inputs that differ by t to outputs that differ by at most moduli[k] t
 *   error     out: bound e_n on the error of the last output, e_{k+1} = errors[k] + moduli[k] e_k
 *   failure   out: probability that it is larger, by the union bound, at most 1
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_RANGE (negative or NaN). */
SNNK_API int snnk_predict_depth(size_t n, const double *errors, const double *failures,
                                const double *moduli, double *error, double *failure);

#ifdef __cplusplus
}
#endif

#endif
