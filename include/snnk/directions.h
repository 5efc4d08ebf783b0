/* Learnt directions: a fit of features that look along the inputs, and the combinations of inputs,
 * on which the targets depend.
 *
 *     snnk_directions_report report = {.size = sizeof report};
 *     snnk_fit_directions(SNNK_ROWS(.n = n, .inputs = d, .X = X, .labels = labels), classes, NULL,
 *                         NULL, &report, importances, NULL, 0, &layer);
 *
 * Random rows G look in all directions alike. Round 0 fits such features to scaled inputs x'
 * (standardized, unless you choose another scaling). Its average gradient outer product,
 *
 *     M = (mean over rows) sum over outputs of grad f(x') grad f(x')^T,    scaled,
 *
 * says on which directions the fitted layer f depends. (Along directions in which the rows do not
 * vary, as the sum of numbers of which one is 1 and the others are 0, gradients count as 0.) Each
 * later round fits features of the rows G M^(1/2) instead of G, with the M of the round before:
 * rows become long where f varies, and short where it does not. The round with the least held-out
 * squared error is kept, if it is less than that of plain features by more than the standard error
 * of the difference and, of classes, fewer held-out rows are misclassified; otherwise plain
 * features are. The result is an ordinary SNNK layer of raw inputs, of m (d + outputs)
 * multiply-adds a row.
 *
 * It helps where some of many inputs, or few combinations of them, matter. Where all matter alike,
 * nothing is gained but a longer fit. Held-out targets have no part in the M that features are made
 * of. Of up to SNNK_FIT_MAX_LEFT_OUT rows at least a quarter is held out to choose the round; then
 * the layer is fitted again, with the ridge chosen by leaving out each row in turn.
 *
 * Long rows extrapolate steeply: an input far beyond all of these rows can give any output, and
 * held-out rows rarely have one. Limit such inputs first, as `snnk fit --learn-directions` does.
 *
 * Source: Radhakrishnan, Beaglehole, Pandit & Belkin 2024 (recursive feature machines, for
 * kernels). */
#ifndef SNNK_DIRECTIONS_H
#define SNNK_DIRECTIONS_H

#include <snnk/fit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most inputs: M has d x d doubles. */
#define SNNK_DIRECTIONS_MAX_INPUTS 8192

/* The most rows that M is averaged over. */
#define SNNK_DIRECTIONS_MAX_ROWS 4096

/* Settings. Fill with snnk_directions_config_init, then change fields. */
typedef struct snnk_directions_config {
    size_t size;     /* set by snnk_directions_config_init */
    uint64_t rounds; /* after round 0, 1 ... 100. Default 3 */
    uint64_t seed;   /* chooses held-out rows, and the sample that M is averaged over. Default 0 */
    /* the features, as they act on scaled inputs: every kind that snnk_map_create can draw and that
     * has a gradient. NULL (default): arc-cosine ones of order 1 with orthogonal rows, an
     * offset_scale of 0.3, a projection_scale of 1 (1/sqrt(d) for STANDARDIZE), and the seed
     * above */
    const snnk_map_config *map;
    uint64_t features;    /* m if `map` is NULL. Default 1024 */
    double ridge;         /* as in snnk_fit_config. If it is given, no rows are held out, and the
                           * last round is kept. Default SNNK_RIDGE_AUTO */
    double heldout_share; /* as in snnk_fit_config; at least 0.25 of few rows. Default 0.1 */
    int32_t scaling;      /* of the inputs: CENTER, COMMON or STANDARDIZE. STANDARDIZE (default)
                           * makes words that few rows have long. */
    int32_t reserved;     /* 0 */
    const snnk_allocator *allocator; /* NULL (default) for malloc. Not used with `map`, which has
                                      * its own */
} snnk_directions_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_directions_config_init(snnk_directions_config *config, size_t config_size);

/* How the rounds went. Set `size`; the library fills the rest. */
typedef struct snnk_directions_report {
    size_t size;            /* set by the caller: sizeof the struct */
    uint64_t rounds;        /* fitted after round 0: fewer than wanted if a layer was constant */
    uint64_t chosen_round;  /* 0: plain features were best */
    double squared_error;   /* heldout_squared_error of the chosen round (snnk_fit_report); NaN with
                             * a given ridge */
    double plain_error;     /* the same of round 0 */
    double heldout_error;   /* as in snnk_fit_report, of the chosen round */
    double ridge;           /* the lambda of the returned layer */
    uint64_t rows;          /* all rows, held-out ones included */
    uint64_t heldout_rows;  /* how many were held out to choose the round; 0 with a given
                             * ridge */
    uint64_t gradient_rows; /* that M is averaged over */
} snnk_directions_report;

/* Fit a layer with learnt directions. Takes rounds + 1 times as long as a fit, and n l m d
 * multiply-adds a round for the gradients of at most SNNK_DIRECTIONS_MAX_ROWS rows; besides n d^2,
 * and a few d^3 a round. Memory: that of snnk_fit_create, 48 d^2 bytes, and 4 m (d + 512).
 *   rows         all of them, with targets or labels, and weights and groups if any; n >= 1
 *   outputs      l, columns of Y or number of classes; >= 1
 *   config       NULL for the defaults
 *   workspace    NULL for one thread. Its progress function can cancel the call
 *   report       out; NULL if not wanted
 *   importances  out: d shares with sum 1, the diagonal of M times the variance of each scaled
 *                input: how much the returned layer depends on each input, standardized. All 0 if
 *                the layer is constant, and 0 for an input that is constant in these rows. NULL if
 *                not wanted
 *   M            out: d x d, row stride ldm >= d, of the returned layer; symmetric, without
 *                negative eigenvalues but for rounding. The sum of its diagonal times the variances
 *                of the scaled inputs is the sum of these variances (so its trace is d, if inputs
 *                are standardized and all vary); 0 if the layer is constant. NULL if not wanted
 *   layer        out: release with snnk_layer_free
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_RANGE, SNNK_E_SIZE (more than
 * SNNK_DIRECTIONS_MAX_INPUTS inputs), SNNK_E_ENUM, SNNK_E_NONFINITE (X or Y, a feature, a
 * gradient), SNNK_E_STATE (no rows, or too few to choose a ridge), SNNK_E_UNSUPPORTED (features
 * without a gradient: steps), SNNK_E_SINGULAR, SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_fit_directions(const snnk_rows *rows, size_t outputs,
                                 const snnk_directions_config *config, snnk_workspace *workspace,
                                 snnk_directions_report *report, double *importances, double *M,
                                 size_t ldm, snnk_layer **layer);

#ifdef __cplusplus
}
#endif

#endif
