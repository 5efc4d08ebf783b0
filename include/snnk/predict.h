/* Predictions: the error of random features, in closed form, before you use them.
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

/* Settings of a prediction: from which error `features_needed` is computed. Fill with
 * snnk_predict_config_init, then change fields. */
typedef struct snnk_predict_config {
    size_t size;        /* set by snnk_predict_config_init */
    double error;       /* wanted error, divided by value_rms, > 0. Default 0.1 */
    double probability; /* that the error is larger than that, 0 < probability < 1. Default 0.05 */
} snnk_predict_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_predict_config_init(snnk_predict_config *config, size_t config_size);

/* What is predicted, over pairs of an input x_i and a weight w_j. The error of a pair is the root
 * mean square, over draws of the rows, of its estimate minus the exact value. Errors are divided by
 * value_rms, except for mean_deviation. The error of the spectrum is included at each pair, if the
 * spectrum is that of a built-in activation; that of other functions is not known. Set `size`; the
 * library fills the rest. */
typedef struct snnk_prediction {
    size_t size;           /* set by the caller: sizeof the struct */
    double standard_error; /* root mean square over pairs of the error */
    double median_error;   /* median over pairs of the error */
    double error_95;       /* 95 % quantile over pairs of the error */
    double largest_error;  /* largest error of a pair */
    /* mean over pairs of E |estimate - value| / |value|, for a normally distributed error.
     * Dominated by values near 0 */
    double mean_deviation;
    /* root mean square over pairs of the error of the spectrum, which more features do not reduce.
     * For a function of your own, and for maps saved by 0.1: the bound on its interval */
    double spectral_error;
    double value_rms;       /* root mean square over pairs of the exact values */
    double input_norm;      /* root mean square of |x~| */
    double weight_norm;     /* root mean square of |w~| */
    double largest_product; /* largest |x~| |w~| */
    /* of f (snnk_activation_analyticity_halfwidth); infinite if the map is not for an activation */
    double analyticity_halfwidth;
    /* share of the pairs with w . x + b outside the interval of the spectrum, where the spectrum
     * does not approximate f. The errors above include this for built-in activations only. It
     * should be 0 */
    double beyond_interval;
    /* m for the wanted error by Chebyshev's inequality: certain, and about 5 times too large at
     * probability 0.05. 0: more than 2^24 */
    uint64_t features_chebyshev;
    /* m for the wanted error by Azuma's inequality, P <= 2 exp(-m eps^2/(8 c^2)), if every term is
     * bounded by some c. 0: the terms are not bounded, or more than 2^24 */
    uint64_t features_azuma;
    /* m for the wanted error: at a random pair, and for a random draw of rows, the error is larger
     * with the wanted probability. From the tail of the estimate as a mean of independent rows:
     * that of a normal variable, or of Student's t with the estimate's kurtosis if that is larger.
     * Never more than the two numbers above. Measured, the error at this m is 0.8 to 1 of the
     * wanted one; less where a few rows dominate the variance, or at a probability of 0.001
     * (docs/math.md). 0: no number of features is enough, so fit the layer instead. For a map from
     * a spectrum: no number with this spectrum, since its error at too many pairs is above the
     * wanted one */
    uint64_t features_needed;
    /* 1: largest_product > analyticity_halfwidth, so the variance grows without limit as the
     * spectrum gets more atoms */
    int32_t beyond_analyticity;
    int32_t reserved;
} snnk_prediction;

/* Predict the error of a map over a batch of inputs and weights. The prediction is for independent
 * rows of G; other projections have about the same error or less. O((n + l) d + n l atoms). If
 * there are more than about 65536 pairs, a drawn sample of the inputs is used, at least 16.
 *   map         with drawn rows, and blocks whose variance has a closed form: URF, AFFINE,
 *               IDENTITY, GAUSSIAN, ARC_COSINE of order 0 or 1 with floor 0, ELEMENTWISE with
 *               identity, step or relu
 *   rows        inputs, at least 1; targets and row weights are ignored
 *   l           rows of W, at least 1
 *   W           weights, l x d, row stride ldw >= d, finite
 *   b           l, finite; NULL for zeros
 *   config      NULL for the defaults
 *   n_levels    how many quantiles you want for each output; may be 0
 *   levels      n_levels numbers, 0 ... 1
 *   quantiles   out: l x n_levels, row stride ldq >= n_levels; NULL if not wanted. For each output,
 *               quantiles over the inputs of the error, divided by the root mean square of that
 *               output
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
 *   offset                   the pre-activation minus `inner`: w . mu + nu . (x - mu) + b in a
 *                            frame, b without one; 0 for a symmetric kernel
 *   config                   NULL for the defaults
 *   prediction               out
 * Statuses of snnk_map_predict. */
SNNK_API int snnk_map_predict_norms(const snnk_map *map, double input_norm, double weight_norm,
                                    double inner, double offset, const snnk_predict_config *config,
                                    snnk_prediction *prediction);

/* Bound the error of layers one after another, from a bound for each layer.
 *   n         layers, at least 1
 *   errors    layer k is within errors[k] of its exact function
 *   failures  except with probability failures[k]
 *   moduli    Lipschitz constants: inputs of layer k that differ by t give outputs that differ by
 *             at most moduli[k] t
 *   error     out: a bound e_n on the error of the last output: e_0 = 0, e_{k+1} = errors[k] +
 *             moduli[k] e_k
 *   failure   out: a bound on the probability that it is larger: the sum of failures, at most 1
 * SNNK_E_NULL, SNNK_E_SHAPE, SNNK_E_RANGE (negative or NaN). */
SNNK_API int snnk_predict_depth(size_t n, const double *errors, const double *failures,
                                const double *moduli, double *error, double *failure);

#ifdef __cplusplus
}
#endif

#endif
