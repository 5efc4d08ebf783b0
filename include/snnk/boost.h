/* Boosting: a layer whose features are added in rounds, each of those that correct best what the
 * features before leave. In closed form, without gradients of weights.
 *
 *     snnk_boost_config config;
 *     snnk_boost_report report = {.size = sizeof report};
 *     snnk_network *network;
 *     snnk_boost_config_init(&config, sizeof config);
 *     config.rounds = 4;
 *     snnk_boost_fit(SNNK_ROWS(.n = n, .inputs = d, .X = X, .labels = labels), classes, &config,
 *                    NULL, &report, &network);
 *
 * Round 0 fits m features h(g . x' + c) of the scaled inputs x' with random rows g. Each later
 * round adds m features to those before:
 *
 *     M = mean over rows of the outer products of gradients of the fit so far, as in
 *         <snnk/directions.h>: on which inputs, and combinations of them, it depends
 *     candidates, several times m: half with rows G M^(1/2), G random; half with few entries: one
 *         to three inputs, each drawn by its share of M, and the kink at a row of the data
 *     take the m candidates that correlate most with the residuals: y - outputs, or ones and zeros
 *         - probabilities
 *     solve the readout again, on all features so far
 *
 * Nothing is thrown away, so with a given ridge the objective never rises. Rounds stop when the
 * loss on held-out rows has not fallen for some of them; the network keeps the features up to the
 * best round, perhaps those of round 0 only. The result is one SNNK layer of raw inputs, with as
 * many numbers as a layer of that many random features, m (rounds + 1) (d + outputs), and as fast:
 * it saves, bundles and quantizes like any other.
 *
 * It is better than random features where few inputs or combinations of them matter. Where the held
 * out rows are few, the choice of the round is chance: compare one layer (<snnk/fit.h>) too.
 *
 * Sources: candidates chosen by residuals are matching pursuit (Mallat & Zhang 1993), M is that of
 * recursive feature machines (Radhakrishnan et al. 2024). Rows from pairs: Bolager et al., Sampling
 * weights of deep neural networks (SWIM), NeurIPS 2023. */
#ifndef SNNK_BOOST_H
#define SNNK_BOOST_H

#include <snnk/loss.h>
#include <snnk/map.h>
#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the rows of the candidates come from. Values never change. */
typedef enum snnk_boost_rows {
    SNNK_BOOST_DIRECTIONS = 0, /* by M, half of them of few inputs: as above */
    SNNK_BOOST_RANDOM = 1,     /* as in round 0 */
    SNNK_BOOST_PAIRS = 2       /* each from one row of data towards another one, of those pairs
                                * whose residuals differ much for their distance */
} snnk_boost_rows;

/* Get the name of a value: "directions", "random", "pairs". Static; NULL for an unknown value. */
SNNK_API const char *snnk_boost_rows_name(int32_t value);

/* Settings. Fill with snnk_boost_config_init, then change fields. */
typedef struct snnk_boost_config {
    size_t size;          /* set by snnk_boost_config_init */
    uint64_t rounds;      /* T, the most after round 0, 1 ... 1000. Default 3 */
    uint64_t features;    /* m of each round, 1 ... 32768. Default 512 */
    uint64_t candidates;  /* for each feature of a later round, 1 ... 64. Default 4 */
    uint64_t patience;    /* rounds without a smaller held-out loss before the end, >= 1. Default
                           * 2 */
    uint64_t most_rows;   /* that rounds learn from: of more, a random sample, which saves time. The
                           * last readout learns from all. 0: all. Default 16384 */
    uint64_t seed;        /* of features, candidates and held-out rows. Default 0 */
    double ridge;         /* > 0, or SNNK_RIDGE_AUTO (default): by the held-out rows, in every round
                           * (for cross-entropy in round 0, then the same) */
    double heldout_share; /* of the rows, 0 ... 0.5; of up to SNNK_FIT_MAX_LEFT_OUT rows at least
                           * 0.25, unless it is 0. With 0 every round is kept, and the ridge must be
                           * given. Default 0.1 */
    double projection_scale; /* standard deviation of g . x', 1e-30 ... 1e30. Not used for rows of
                              * pairs. Default 1 */
    double offset_scale;     /* that of c of random rows, 0 ... 1e30. Default 0.3 */
    int32_t rows;            /* an snnk_boost_rows. Default DIRECTIONS */
    int32_t activation;      /* h, an snnk_activation. Default SNNK_RELU */
    int32_t loss;            /* SNNK_LOSS_SQUARED (default) or SNNK_LOSS_CROSS_ENTROPY, which needs
                              * labels */
    int32_t scaling;         /* of the inputs: SNNK_SCALING_STANDARDIZE (default) or COMMON */
    const snnk_allocator *allocator; /* NULL (default) for malloc */
} snnk_boost_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_boost_config_init(snnk_boost_config *config, size_t config_size);

/* What was fitted. Set `size`, and the arrays if you want them; the library fills the rest. Losses
 * are means over rows: of |y - outputs|^2, or of -log p(label). */
typedef struct snnk_boost_report {
    size_t size;           /* set by the caller: sizeof the struct */
    uint64_t rounds_tried; /* after round 0 */
    uint64_t rounds_kept;  /* 0 if no round helped */
    uint64_t features;     /* of the network */
    double train_loss;     /* of the round that was kept, on the rows that it learnt from */
    double heldout_loss;   /* of it on the others; NaN without */
    double ridge;          /* of the network */
    uint64_t train_rows;   /* not held out */
    uint64_t round_rows;   /* of these, that the rounds learnt from */
    uint64_t heldout_rows; /* held out */
    /* NULL (default), or room for config.rounds + 1 numbers each. Those of rounds that were not
     * tried are NaN. The objective is the sum of losses on the rows that rounds learn from, and
     * ridge |W|^2 of the readout W, half of that for cross-entropy. With a given ridge it never
     * rises, but for rounding */
    double *train_losses, *heldout_losses, *objectives;
} snnk_boost_report;

/* Fit a network of one layer. Rows are in memory, and stay there:
 *   rows       X with Y or labels, and weights and groups if any
 *   outputs    columns of Y, or number of classes
 *   config     NULL for the defaults
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   report     out; NULL if not wanted
 *   network    out: release with snnk_network_free
 * After the rounds the readout is solved once more, on all rows: with the ridge of the round; of up
 * to SNNK_FIT_MAX_LEFT_OUT rows (squared error) with the ridge that leaving out each row chooses,
 * unless it was given. With SNNK_RIDGE_AUTO sums are in single precision, and ridges that it could
 * not resolve are not tried (1e-7 of the sum of the features' second moments).
 * Memory, with m T features in all: 4 n (d + 4 outputs) bytes, 16 (m T)^2 for statistics, and those
 * of the candidates, 20 d candidates m + 32768 candidates m; for cross-entropy also 4 n m T and
 * that of snnk_logistic_solve. Time: O(n (m t)^2 + (m t)^3) in round t. The same bits for every
 * number of threads, on one machine and BLAS.
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (a setting, label or weight), SNNK_E_ENUM,
 * SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_NONFINITE (X or Y, a gradient), SNNK_E_STATE (too few
 * different rows or groups; labels of one class; constant inputs), SNNK_E_UNSUPPORTED
 * (cross-entropy without labels; a step as activation, with DIRECTIONS), SNNK_E_SINGULAR,
 * SNNK_E_SIZE (more than SNNK_DIRECTIONS_MAX_INPUTS inputs; features or n d overflow),
 * SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_boost_fit(const snnk_rows *rows, size_t outputs, const snnk_boost_config *config,
                            snnk_workspace *workspace, snnk_boost_report *report,
                            snnk_network **network);

#ifdef __cplusplus
}
#endif

#endif
