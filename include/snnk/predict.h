/* Prediction: the error of random features, before anything is built on a map. */
#ifndef SNNK_PREDICT_H
#define SNNK_PREDICT_H

#include <snnk/map.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_predict_config {
    size_t size;
    double error;       /* wanted: relative error eps, as a share of the rms value. Default 0.1 */
    double probability; /* and that it is exceeded with at most this probability. Default 0.05 */
} snnk_predict_config;

/* What is predicted, over all pairs (x_i, w_j) of a batch or for one. Relative figures are shares
 * of the rms value. Fill `size` first (snnk_prediction_init does). */
typedef struct snnk_prediction {
    size_t size;
    double standard_error; /* rms over pairs of the standard error of the estimate, relative */
    double median_error;   /* quantiles over pairs of the same: 0.5, 0.95, and the largest */
    double error_95;
    double largest_error;
    double mean_deviation; /* mean over pairs of E |estimate - value| / |value|, for a normally
                             * distributed error; a mean of ratios, so values near 0 dominate it */
    double spectral_error; /* bound on the error of the spectrum itself on its interval, relative */
    double value_rms;      /* root mean square of the values */
    double input_norm;     /* rms |x~| and |w~| */
    double weight_norm;
    double largest_product;       /* largest |x~| |w~| */
    double analyticity_halfwidth; /* half width of f's strip of analyticity; infinity if not an
                                * activation */
    double beyond_interval;       /* share of the pairs whose w.x + b is outside the interval of the
                             * spectrum: there the map gives the spectrum and not f, by no more
                             * features, and neither error above says so. Should be 0 */
    /* m for the wanted error and probability, by Chebyshev's inequality from the closed-form
     * variance; 0: 2^24 do not suffice */
    uint64_t features_chebyshev;
    uint64_t features_azuma;    /* by Azuma's, P <= 2 exp(-m eps^2/(8 c^2)), where every term is
                                  * bounded by a c; 0: not bounded, or 2^24 do not suffice */
    uint64_t features_needed;   /* the smaller of those that are not 0; 0: fit instead (snnk_fit).
                               * Also 0 where spectral_error alone is above the wanted error */
    int32_t beyond_analyticity; /* 1: largest_product > strip */
    int32_t reserved;
} snnk_prediction;

SNNK_API int snnk_predict_config_init(snnk_predict_config *config, size_t config_size);
SNNK_API int snnk_prediction_init(snnk_prediction *prediction, size_t prediction_size);

/* Predict from a batch: X: n x d, W: l x d, b: l or NULL. Of the inputs, so many are looked at,
 * evenly spaced, that pairs are about 65536 at most, and at least 16 for each output. In closed
 * form for iid rows (coupled rows do no worse); O((n + l) d + n l atoms). quantiles: NULL, or l x
 * n_levels: for each output, the quantiles at `levels` (0 ... 1) over the batch of the standard
 * error, as a share of that output's rms value. SNNK_E_NULL, SNNK_E_SHAPE (an empty batch),
 * SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_RANGE, SNNK_E_OVERLAP, SNNK_E_NONFINITE, SNNK_E_UNSUPPORTED
 * (rows given, or a kernel whose variance has no closed form: all but URF, LINE, IDENTITY,
 * GAUSSIAN, ARC_COSINE of order 0 and 1 with floor 0, ELEMENTWISE identity), SNNK_E_NOMEM. */
SNNK_API int snnk_map_predict(const snnk_map *map, size_t n, const float *X, size_t ldx, size_t l,
                              const float *W, size_t ldw, const float *b,
                              const snnk_predict_config *config, size_t n_levels,
                              const double *levels, double *quantiles, size_t ldq,
                              snnk_prediction *prediction);

/* Predict from norms alone: |x~|, |w~|, their inner product x~.w~, and the pre-activation without
 * it (w.mu + nu.(x - mu) + b; 0 without a frame; 0 for symmetric kernels). */
SNNK_API int snnk_map_predict_norms(const snnk_map *map, double input_norm, double weight_norm,
                                    double inner, double offset, const snnk_predict_config *config,
                                    snnk_prediction *prediction);

/* Errors through a stack of layers. Layer k, 0 ... n-1, is within errors[k] of its exact function
 * but with probability failures[k], and maps inputs that differ by t to outputs that differ by at
 * most moduli[k] t. *error: by how much the last output can be off, e_{k+1} = errors[k] + moduli[k]
 * e_k; *failure: the probability that it is more, by the union bound, at most 1. SNNK_E_NULL,
 * SNNK_E_SHAPE, SNNK_E_RANGE (negative or NaN). */
SNNK_API int snnk_predict_depth(size_t n, const double *errors, const double *failures,
                                const double *moduli, double *error, double *failure);

#ifdef __cplusplus
}
#endif

#endif
