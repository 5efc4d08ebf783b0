/* Uncertainty: how far a network's predictions may be off, from rows it has not learned from.
 *
 *     snnk_uncertainty *uncertainty;                  // scores: outputs on rows that were held out
 *     snnk_uncertainty_create(l, SNNK_ROWS(.n = n, .X_f64 = scores, .labels = labels), NULL,
 *                             &uncertainty);
 *     snnk_network_set_uncertainty(network, uncertainty);   // saved with the network
 *     snnk_uncertainty_free(uncertainty);
 *
 * and later, with the scores of new rows:
 *
 *     snnk_uncertainty_probabilities(snnk_network_uncertainty(network), n, scores, l, P, l);
 *     snnk_uncertainty_sets(snnk_network_uncertainty(network), 0.9, n, scores, l, sets, l);
 *
 * With targets instead of labels it gives intervals:
 *
 *     snnk_uncertainty_intervals(snnk_network_uncertainty(network), 0.9, n, scores, l, lower, l,
 *                                upper, l);
 *
 * The scores to create it from must come from rows that the weights do not depend on: rows held out
 * from the fit, or leave-one-out scores (the score of each row by a fit without that row). Scores
 * of the rows that a network was fitted on make probabilities too high and intervals too narrow.
 *
 * ---- Intervals (regression) ----
 *
 * An interval is the score +- a radius, the same for all rows: the ceil((n + 1) coverage)-th
 * smallest of the n absolute errors of that output.
 *
 * Rows held out (split conformal): if old and new rows are exchangeable, for example drawn
 * independently from one distribution, a new target is in its interval with a probability of at
 * least `coverage`, and at most coverage + 1/(n + 1) if no two errors are equal. This holds for
 * every distribution and every network. It is a mean over draws of the n rows. For given rows, the
 * share of new targets in their intervals has the distribution Beta(k, n + 1 - k), with
 * k = ceil((n + 1) coverage). For n = 100 at 0.9, it is 0.848 ... 0.945 in nine of ten cases.
 *
 * Leave-one-out scores (the jackknife): the same to a good approximation, if the fit changes little
 * when one row is left out. No bound holds for every network. The jackknife+, which needs the n
 * fits themselves, has the bound 2 coverage - 1 (Barber et al. 2021).
 *
 * Neither holds for a part of the rows: among rows that are hard to predict, fewer targets are in
 * their intervals. Nor does it hold if the new rows come from another distribution.
 *
 * ---- Probabilities and sets (classification) ----
 *
 * Probabilities are softmax(slope score_k + bias_k). Slope and biases are those of least log loss
 * on the given rows, as in Platt 1999, whose smoothing of the targets makes them finite: for a row
 * of class k, the target is (n_k + 1)/(n_k + 2) for k, and the other classes share the rest. Where
 * most scores are far from those of the other classes, as with a rare class, that makes the slope
 * far too small. So the targets are smoothed by a hundredth of that, 1 - 0.01/(n_k + 2), if slope
 * and biases from four fifths of the rows show on the other fifths that the sum of -w log p(label)
 * becomes smaller by more than 1 for each class (with weights above 1: by the largest of them). The
 * slope is at least 0. Any scores may be given that grow with the probability: those of least
 * squares, logits, or log probabilities. The most probable class is not always the one with the
 * largest score, because each class has a bias.
 *
 * A set has the classes whose probability is at least a threshold, which is chosen as in split
 * conformal. Of all sets with this coverage, these are the smallest on average (Sadinle, Lei &
 * Wasserman 2019). They contain the class of a new row with a probability of about `coverage`. For
 * the threshold, the probabilities of each fifth of the rows come from slope and biases of the
 * other rows (cross-conformal prediction), so the bound of split conformal does not hold exactly.
 * The fifths are drawn within each class, and do not depend on the order of the rows.
 *
 * A set always has the class with the largest score too, which can only raise the coverage. So it
 * is never empty, and a network that is right more often than `coverage` has sets of one class,
 * which are right as often as the network.
 *
 * An uncertainty is immutable, and can be shared between threads.
 *
 * Sources: Vovk, Gammerman & Shafer 2005; Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018 (split
 * conformal); Barber, Candes, Ramdas & Tibshirani 2021 (jackknife, jackknife+). */
#ifndef SNNK_UNCERTAINTY_H
#define SNNK_UNCERTAINTY_H

#include <snnk/network.h>
#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snnk_uncertainty snnk_uncertainty;

/* What an uncertainty was created from. Stored in files by name: values never change. */
typedef enum snnk_uncertainty_kind {
    SNNK_UNCERTAINTY_REGRESSION = 0,    /* targets: gives radii and intervals */
    SNNK_UNCERTAINTY_CLASSIFICATION = 1 /* labels: gives probabilities and sets */
} snnk_uncertainty_kind;

/* Get the name of a value, "regression" or "classification". Static; NULL for an unknown value. */
SNNK_API const char *snnk_uncertainty_kind_name(int32_t kind);

/* Settings. Fill with snnk_uncertainty_config_init, then change fields. */
typedef struct snnk_uncertainty_config {
    size_t size;          /* set by snnk_uncertainty_config_init */
    uint64_t most_errors; /* the most errors that are kept of each output, 16 ... 65536. Of more
                           * rows, evenly spaced ranks are kept, and a radius is the next larger one
                           * that is there: coverage grows by less than 1/most_errors. Default
                           * 1024 */
    uint64_t most_biases; /* classification: of more classes than this there are no biases, only the
                           * slope. Finding l biases costs O(n l^2). Default 64; 0: never */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_uncertainty_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG. */
SNNK_API int snnk_uncertainty_config_init(snnk_uncertainty_config *config, size_t config_size);

/* ---- Creating ---- */

/* Create an uncertainty from rows that the network has not learned from.
 *   outputs      l, the outputs of the network: at least 1, with labels at least 2
 *   rows         X or X_f64: the network's scores, n x l. Y or Y_f64: the targets, n x l; or
 *                labels, 0 ... l-1. Weights, if any: a new row counts like one of average weight.
 *                Groups, if any: with labels, a group is not divided between the fifths. n >= 1.
 *                With targets, scores may be infinite: their errors count as largest
 *   config       NULL for the defaults
 *   uncertainty  out: release with snnk_uncertainty_free
 * Takes O(n l log n) with targets, O(n l^2) with labels. SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE
 * (a setting, label or weight), SNNK_E_SHAPE (also n = 0, and labels with l = 1), SNNK_E_STRIDE,
 * SNNK_E_SIZE, SNNK_E_NONFINITE, SNNK_E_NOMEM. */
SNNK_API int snnk_uncertainty_create(size_t outputs, const snnk_rows *rows,
                                     const snnk_uncertainty_config *config,
                                     snnk_uncertainty **uncertainty);

/* Add an owner: returns the same uncertainty, which every owner releases once with
 * snnk_uncertainty_free. NULL for NULL. Cannot fail. Any thread may call it. */
SNNK_API snnk_uncertainty *snnk_uncertainty_retain(const snnk_uncertainty *uncertainty);

/* Release an uncertainty: the last owner frees it. NULL is fine. */
SNNK_API void snnk_uncertainty_free(snnk_uncertainty *uncertainty);

/* ---- What it has learned ---- */

/* Get the kind (an snnk_uncertainty_kind; -1 for NULL), the number of outputs l, and the number of
 * rows n that it was created from (0 for NULL). */
SNNK_API int32_t snnk_uncertainty_get_kind(const snnk_uncertainty *uncertainty);
SNNK_API size_t snnk_uncertainty_outputs(const snnk_uncertainty *uncertainty);
SNNK_API uint64_t snnk_uncertainty_rows(const snnk_uncertainty *uncertainty);

/* Get the radius of intervals.
 *   output    0 ... l-1
 *   coverage  the wanted share of targets in their intervals, 0 < coverage < 1
 *   radius    out: infinite if too many scores were infinite
 * SNNK_E_NULL, SNNK_E_STATE (of a classification), SNNK_E_RANGE (no such output; coverage; or too
 * few rows: n must be at least coverage/(1 - coverage), 9 for 0.9 and 99 for 0.99). */
SNNK_API int snnk_uncertainty_radius(const snnk_uncertainty *uncertainty, size_t output,
                                     double coverage, double *radius);

/* Get the least probability of the classes in a set.
 *   coverage   the wanted share of rows whose class is in their set, 0 < coverage < 1
 *   threshold  out: 0 ... 1
 * SNNK_E_NULL, SNNK_E_STATE (of a regression), SNNK_E_RANGE (coverage, or too few rows, as
 * above). */
SNNK_API int snnk_uncertainty_threshold(const snnk_uncertainty *uncertainty, double coverage,
                                        double *threshold);

/* Get the slope, and the bias of a class, of probabilities. NaN for NULL, of a regression, and if
 * there is no such class. The biases sum to 0. */
SNNK_API double snnk_uncertainty_slope(const snnk_uncertainty *uncertainty);
SNNK_API double snnk_uncertainty_bias(const snnk_uncertainty *uncertainty, size_t label);

/* ---- New rows ----
 *
 * Scores are in double, from snnk_network_forward_f64. Convert those of snnk_network_forward. All
 * functions accept n = 0, allocate nothing, and may be called by several threads at once. */

/* Compute the probabilities of classes.
 *   scores  n x l, row stride lds >= l. A row with NaN or +infinity gives NaN
 *   P       out: n x l, row stride ldp >= l; each row sums to 1. May be scores itself
 * SNNK_E_NULL, SNNK_E_STATE (of a regression), SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_uncertainty_probabilities(const snnk_uncertainty *uncertainty, size_t n,
                                            const double *scores, size_t lds, double *P,
                                            size_t ldp);

/* Compute the sets of classes that contain the right one with a probability of about `coverage`.
 *   coverage  as in snnk_uncertainty_threshold
 *   scores    n x l, row stride lds >= l. A row with NaN or +infinity gives the set of all classes
 *   sets      out: n x l, row stride ld >= l: 1 if the class is in the set of the row, else 0
 * Statuses of snnk_uncertainty_threshold; SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_uncertainty_sets(const snnk_uncertainty *uncertainty, double coverage, size_t n,
                                   const double *scores, size_t lds, uint8_t *sets, size_t ld);

/* Compute intervals that contain the targets with the probability `coverage`.
 *   coverage      as in snnk_uncertainty_radius; it holds for each output by itself
 *   scores        n x l, row stride lds >= l. NaN and infinity propagate
 *   lower, upper  out: n x l, row strides ldl and ldu >= l; must not overlap scores
 * Statuses of snnk_uncertainty_radius; SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_OVERLAP. */
SNNK_API int snnk_uncertainty_intervals(const snnk_uncertainty *uncertainty, double coverage,
                                        size_t n, const double *scores, size_t lds, double *lower,
                                        size_t ldl, double *upper, size_t ldu);

/* ---- Measuring ----
 *
 * Compare probabilities, intervals and sets with the truth, a batch of rows at a time. After each
 * call the numbers are those of all rows so far:
 *
 *     snnk_calibration calibration = {.size = sizeof calibration};
 *     snnk_calibration_add(l, SNNK_ROWS(.n = n, .X_f64 = P, .labels = labels), &calibration);
 *     printf("log loss %.3f\n", calibration.log_loss); */

/* The bins of the calibration error. */
#define SNNK_CALIBRATION_BINS 15

/* How well probabilities agree with the truth. Set `size`, and everything else to 0, before the
 * first call. Means are weighted by the weights of the rows. */
typedef struct snnk_calibration {
    size_t size;              /* set by the caller: sizeof the struct */
    uint64_t rows;            /* so far */
    double weight;            /* the sum of their weights */
    double log_loss;          /* mean of -log(probability of the right class). A probability below
                               * 2.2e-16 counts as that */
    double brier;             /* mean of the sum over classes of (probability - truth)^2, 0 ... 2
                               * (Brier 1950) */
    double accuracy;          /* the share of rows whose most probable class is right */
    double calibration_error; /* the sum over bins of share of the rows * |accuracy - mean
                               * probability| of the most probable class (Guo et al. 2017) */
    /* The bins, for a reliability diagram: those rows whose largest probability is above k/15 and
     * at most (k + 1)/15. Their weight, and means of the largest probability and of whether its
     * class is right. */
    double bin_weight[SNNK_CALIBRATION_BINS];
    double bin_confidence[SNNK_CALIBRATION_BINS];
    double bin_accuracy[SNNK_CALIBRATION_BINS];
} snnk_calibration;

/* Add rows to a measure of calibration.
 *   classes      l
 *   rows         X or X_f64: probabilities, n x l, in 0 ... 1; labels; weights if any
 *   calibration  in and out
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_RANGE (a label,
 * weight or probability). On failure nothing was added. */
SNNK_API int snnk_calibration_add(size_t classes, const snnk_rows *rows,
                                  snnk_calibration *calibration);

/* How many targets are in their intervals, or labels in their sets. Set `size`, and everything else
 * to 0, before the first call. */
typedef struct snnk_coverage {
    size_t size;      /* set by the caller: sizeof the struct */
    uint64_t rows;    /* so far */
    double weight;    /* the sum of their weights */
    double coverage;  /* the share of targets (over rows and outputs) or labels that are inside */
    double mean_size; /* the mean of upper - lower, or of the number of classes in a set */
} snnk_coverage;

/* Add rows with intervals to a measure of coverage.
 *   n, l          rows and outputs, l >= 1
 *   lower, upper  n x l, row strides ldl and ldu >= l
 *   Y             targets, n x l, row stride ldy >= l. NaN counts as outside
 *   weights       n values in 1e-30 ... 1e30; NULL for 1 each
 *   coverage      in and out
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_RANGE. */
SNNK_API int snnk_coverage_add_intervals(size_t n, size_t l, const double *lower, size_t ldl,
                                         const double *upper, size_t ldu, const double *Y,
                                         size_t ldy, const float *weights, snnk_coverage *coverage);

/* Add rows with sets to a measure of coverage.
 *   n, l      rows and classes, l >= 1
 *   sets      n x l, row stride ld >= l: not 0 where the class is in the set
 *   labels    n values in 0 ... l-1
 *   weights   n values in 1e-30 ... 1e30; NULL for 1 each
 *   coverage  in and out
 * Statuses as above. */
SNNK_API int snnk_coverage_add_sets(size_t n, size_t l, const uint8_t *sets, size_t ld,
                                    const int32_t *labels, const float *weights,
                                    snnk_coverage *coverage);

/* ---- Networks with an uncertainty ---- */

/* Let a network hold the uncertainty of its outputs. It is saved and loaded with the network, and
 * networks with the same outputs that are made from this one (bundled, quantized, compressed) share
 * it. It stays after snnk_network_solve, unless the number of outputs changes; and it is removed
 * when a layer is appended.
 *   network      with at least one layer
 *   uncertainty  with as many outputs as the network; kept alive. NULL removes the one that the
 *                network holds
 * SNNK_E_NULL, SNNK_E_STATE (no layers), SNNK_E_SHAPE (another number of outputs). */
SNNK_API int snnk_network_set_uncertainty(snnk_network *network,
                                          const snnk_uncertainty *uncertainty);

/* Get the uncertainty that a network holds, valid until it is replaced or removed, or the network
 * is freed. NULL if there is none. */
SNNK_API const snnk_uncertainty *snnk_network_uncertainty(const snnk_network *network);

/* ---- Saving and loading ---- */

/* Save to a file, or load: the loaded uncertainty gives the same bits.
 *   path         of a safetensors file
 *   allocator    NULL for malloc
 *   uncertainty  out: release with snnk_uncertainty_free
 * Statuses of snnk_map_save and snnk_map_load. */
SNNK_API int snnk_uncertainty_save(const snnk_uncertainty *uncertainty, const char *path);
SNNK_API int snnk_uncertainty_load(const char *path, const snnk_allocator *allocator,
                                   snnk_uncertainty **uncertainty);

/* Save to memory, or load from it.
 *   bytes   from snnk_uncertainty_saved_bytes for the same uncertainty
 *   buffer  that many bytes
 * Statuses as above, without SNNK_E_IO. */
SNNK_API int snnk_uncertainty_saved_bytes(const snnk_uncertainty *uncertainty, size_t *bytes);
SNNK_API int snnk_uncertainty_save_memory(const snnk_uncertainty *uncertainty, void *buffer,
                                          size_t bytes);
SNNK_API int snnk_uncertainty_load_memory(const void *buffer, size_t bytes,
                                          const snnk_allocator *allocator,
                                          snnk_uncertainty **uncertainty);

#ifdef __cplusplus
}
#endif

#endif
