/* Boosting: deep networks in closed form, without gradients of weights.
 *
 *     snnk_boost_config config;
 *     snnk_boost_report report = {.size = sizeof report};
 *     snnk_network *network;
 *     snnk_boost_config_init(&config, sizeof config);
 *     config.layers = 6;
 *     snnk_boost_fit(SNNK_ROWS(.n = n, .inputs = d, .X = X, .labels = labels), classes, &config,
 *                    NULL, &report, &network);
 *
 * The network carries a state s = (x', Phi): the scaled inputs x', with mean |x'|^2 = 1, and a
 * representation Phi of D numbers, at first random features of x'. Each round corrects Phi:
 *
 *     F = h(G s + c)                 m new features of the state, random or from pairs of rows
 *     A = the ridge solution from F to R = y - outputs, or ones and zeros - probabilities
 *     Phi = Phi + eta K^T (A F + a)  with K = (W W^T + small I)^-1 W of the readout W of Phi: K^T r
 *                                    is the shortest change of Phi that moves the outputs by r;
 *                                    small is 0.01 of the mean |W_k|^2. eta minimizes the loss
 *     (W', W, b)                     the readout y = W' x' + W Phi + b, solved again
 *
 * Rounds stop when the loss on held-out rows has not fallen for some of them, and the network keeps
 * those up to the best. Its readout is then solved once more, on all rows. The network is a tower
 * (x', Phi), a residual layer for each round (an SNNK layer, then a dense one for K^T), and an SNNK
 * layer of identity features. It saves, bundles and quantizes like any other (<snnk/network.h>).
 *
 * Each layer costs m (d + D) + l (m + d + D) multiply-adds a row for l outputs, far more than one
 * wide layer of m features, m (d + l): compare snnk_network_multiply_adds, and try one layer
 * (<snnk/fit.h>) too.
 *
 * Source: Zozoulenko, Cass, Gonon, Random Feature Representation Boosting, ICML 2025. Rows from
 * pairs: Bolager et al., Sampling weights of deep neural networks (SWIM), NeurIPS 2023. */
#ifndef SNNK_BOOST_H
#define SNNK_BOOST_H

#include <snnk/loss.h>
#include <snnk/map.h>
#include <snnk/network.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the rows G of the features come from. Values never change. */
typedef enum snnk_boost_rows {
    SNNK_BOOST_RANDOM = 0, /* normal numbers; the state is centered, with mean |s|^2 = 1 */
    SNNK_BOOST_PAIRS = 1   /* each from one row of data towards another one, of those pairs whose
                            * residuals differ much for their distance */
} snnk_boost_rows;

/* Get the name of a value: "random", "pairs". Static; NULL for an unknown value. */
SNNK_API const char *snnk_boost_rows_name(int32_t value);

/* Settings. Fill with snnk_boost_config_init, then change fields. */
typedef struct snnk_boost_config {
    size_t size;          /* set by snnk_boost_config_init */
    uint64_t layers;      /* T, the most rounds, 1 ... 1000. Default 6 */
    uint64_t features;    /* m of each round, 1 ... 32768. Default 512 */
    uint64_t width;       /* D, 1 ... 32768. Default 512 */
    uint64_t patience;    /* rounds without a smaller held-out loss before the end, >= 1. Default
                              * 2 */
    uint64_t seed;        /* of features, pairs and held-out rows. Default 0 */
    double ridge;         /* of A, >= 0, or SNNK_RIDGE_AUTO (default): by the held-out rows in each
                              * round */
    double readout_ridge; /* of W' and W, > 0, or SNNK_RIDGE_AUTO (default): by the held-out rows
                              * for the first readout, then the same */
    double shrinkage;     /* eta is multiplied by it, above 0, at most 1. Default 1 */
    double heldout_share; /* of the rows, 0 ... 0.5. With 0 every round is kept, and both ridges
                              * must be given. Default 0.1 */
    double projection_scale; /* RANDOM: standard deviation of the entries of G, 1e-30 ... 1e30.
                              * Default 1 */
    double offset_scale;     /* RANDOM: that of c, 0 ... 1e30. Default 0.5 */
    int32_t rows;            /* an snnk_boost_rows. Default RANDOM */
    int32_t activation;      /* h, an snnk_activation. Default SNNK_RELU */
    int32_t loss;            /* SNNK_LOSS_SQUARED (default) or SNNK_LOSS_CROSS_ENTROPY, which needs
                              * labels */
    int32_t scaling; /* of the inputs: SNNK_SCALING_STANDARDIZE (default) or COMMON; then one
                              * scale for all, so that mean |x'|^2 = 1 */
    const snnk_map_config *map; /* of the first representation: applied to x', with D features. NULL
                                 * (default): features like those of the rounds */
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
    uint64_t layers_tried; /* rounds */
    uint64_t layers_kept;  /* residual layers of the network: 0 if no round helped */
    double train_loss;     /* of the round that was kept, on the rows that were not held out */
    double heldout_loss;   /* of it on the others; NaN without */
    double readout_ridge;  /* that was used */
    uint64_t train_rows;   /* not held out */
    uint64_t heldout_rows; /* held out */
    /* NULL (default), or room for config.layers + 1 numbers each; number t is of round t, and 0 of
     * the first representation. Those of rounds that were not tried are NaN. The objective is
     * that of the readout, with the ridge: the sum of losses and readout_ridge (|W'|^2 + |W|^2),
     * half of that for cross-entropy. It never rises, but for rounding */
    double *train_losses, *heldout_losses, *objectives;
} snnk_boost_report;

/* Fit a network. Rows are in memory, and stay there:
 *   rows       X with Y or labels, and weights and groups if any
 *   outputs    columns of Y, or number of classes
 *   config     NULL for the defaults
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   report     out; NULL if not wanted
 *   network    out: release with snnk_network_free
 * Memory: 4 n (d + D) bytes for the state of all rows, 24 n outputs, and 16 max(m, d + D)^2 for
 * statistics; for cross-entropy also that of snnk_logistic_solve with d + D features. Time: O(n (m
 * + d + D)^2) a round. The same bits for every number of threads, on one machine and BLAS.
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_RANGE (a setting, label or weight), SNNK_E_ENUM,
 * SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_NONFINITE (X or Y), SNNK_E_STATE (too few different rows or
 * groups; labels of one class; constant inputs), SNNK_E_UNSUPPORTED (cross-entropy without labels),
 * SNNK_E_SINGULAR, SNNK_E_SIZE (n (d + D) overflows), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_boost_fit(const snnk_rows *rows, size_t outputs, const snnk_boost_config *config,
                            snnk_workspace *workspace, snnk_boost_report *report,
                            snnk_network **network);

#ifdef __cplusplus
}
#endif

#endif
