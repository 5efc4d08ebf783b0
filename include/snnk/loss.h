/* The loss of a classification: squared error or cross-entropy, by held-out rows.
 *
 *     snnk_loss_config config;
 *     snnk_loss_report report = {.size = sizeof report};
 *     snnk_network *chosen;
 *     snnk_loss_config_init(&config, sizeof config);
 *     config.ridge = fitted.ridge;           // of the fit that made the network
 *     snnk_network_choose_loss(network, rows, classes, &config, NULL, &report, &chosen);
 *     if (chosen) use_it_instead(chosen);    // NULL: squared error is as good
 *
 * A fit (<snnk/fit.h>) minimizes the squared error of ones and zeros. Where a class is rare, its
 * scores stay near 0, so it is hardly ever predicted. Cross-entropy, minimized by Newton steps
 * (<snnk/logistic.h>), is often better there, at several times the cost.
 *
 * Rows are held out by a hash of their inputs, or by their groups, so that equal rows stay
 * together. (Where rows have no groups and on average at least four are equal, each row is drawn by
 * itself: new rows will be equal to old ones too.) Both solutions learn from the other rows. The
 * smaller mean of -log p(label) of the held-out rows wins. The probabilities p of least squares are
 * those of <snnk/uncertainty.h>; those of the cross-entropy are softmax(scores), or the same as of
 * least squares if that gives the smaller mean. The ridge of the cross-entropy is searched in steps
 * of 10, by this error with p = softmax(scores). Of few rows up to five parts are held out in turn,
 * so that about 1000 rows are judged. The last solution is of all rows. */
#ifndef SNNK_LOSS_H
#define SNNK_LOSS_H

#include <snnk/network.h>
#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Losses of a row with outputs y and targets t. A label is a target of ones and zeros. Values never
 * change. */
typedef enum snnk_loss {
    SNNK_LOSS_SQUARED = 0,       /* |y - t|^2 */
    SNNK_LOSS_CROSS_ENTROPY = 1, /* -sum_k t_k log softmax(y)_k; t are probabilities */

    /* The others are for training by gradient (<snnk/train.h>) only. */
    SNNK_LOSS_HUBER = 2,  /* sum_k of e^2 for |e| <= h, 2 h |e| - h^2 beyond; e = y_k - t_k */
    SNNK_LOSS_COSINE = 3, /* 1 - cos(y, t) */
    SNNK_LOSS_USER = 4    /* a function of your own */
} snnk_loss;

/* Get the name of a value: "squared", "cross-entropy", "huber", "cosine", "user". Static; NULL for
 * an unknown value. */
SNNK_API const char *snnk_loss_name(int32_t loss);

/* Settings. Fill with snnk_loss_config_init, then change fields. */
typedef struct snnk_loss_config {
    size_t size;          /* set by snnk_loss_config_init */
    uint64_t seed;        /* chooses the held-out rows. Default 0 */
    double ridge;         /* lambda > 0 of the least-squares solution; the search for that of the
                           * cross-entropy begins at 10 times it. Default 1 */
    double heldout_share; /* share of the rows in each part that is held out, above 0, at most 0.5.
                           * Default 0.2 */
    int32_t always;       /* 1: take cross-entropy even if its error is larger. Default 0 */
    int32_t reserved;
} snnk_loss_config;

/* Set every field to its default.
 *   config       out: the struct to fill
 *   config_size  sizeof *config, as the caller was compiled
 * SNNK_E_NULL, SNNK_E_CONFIG (a size this library does not know). */
SNNK_API int snnk_loss_config_init(snnk_loss_config *config, size_t config_size);

/* What was compared. Set `size`; the library fills the rest. */
typedef struct snnk_loss_report {
    size_t size;                  /* set by the caller: sizeof the struct */
    uint64_t heldout_rows;        /* all rows that were held out */
    double squared_log_loss;      /* their mean -log p(label) by the least-squares solution, with
                                   * slope and biases of other rows */
    double squared_misclassified; /* the share of them whose largest score is another class */
    double log_loss;              /* the same of the best cross-entropy solution */
    double misclassified;
    double ridge;  /* lambda of that, as in snnk_logistic_config */
    int32_t loss;  /* the snnk_loss that was chosen */
    int32_t steps; /* Newton steps of all solutions */
} snnk_loss_report;

/* Choose the loss of the last layer of a network.
 *   network    as in snnk_fit_create_from_network; its other layers are kept
 *   rows       what the network was fitted to: X with labels, and weights and groups if any
 *   classes    >= 2
 *   config     NULL for the defaults
 *   workspace  NULL for one thread. Its progress function can cancel the call
 *   report     out; NULL if not wanted
 *   chosen     out: a network whose new last layer minimizes the cross-entropy, with an
 *              uncertainty from the held-out rows; release with snnk_network_free. NULL if the
 *              squared error was chosen
 * Memory: 4 n m bytes for features (twice that if n heldout_share is below 1000, where several
 * parts are held out), 16 m^2, and that of snnk_logistic_solve. SNNK_E_NULL, SNNK_E_CONFIG,
 * SNNK_E_RANGE (a setting, label or weight), SNNK_E_STATE (fewer than two different rows or groups;
 * or a network without layers), SNNK_E_SHAPE, SNNK_E_STRIDE, SNNK_E_SIZE, SNNK_E_NONFINITE,
 * SNNK_E_SINGULAR (the ridge is lost in the rounding of large features), SNNK_E_UNSUPPORTED (the
 * network ends in an activation), SNNK_E_NOMEM, SNNK_E_CANCELLED. */
SNNK_API int snnk_network_choose_loss(const snnk_network *network, const snnk_rows *rows,
                                      size_t classes, const snnk_loss_config *config,
                                      snnk_workspace *workspace, snnk_loss_report *report,
                                      snnk_network **chosen);

#ifdef __cplusplus
}
#endif

#endif
