/* Scores: how well a network, layer or recursive solution predicts rows whose targets are known.
 *
 *     snnk_score score = {.size = sizeof score};
 *     snnk_network_score(network, SNNK_ROWS(.n = n, .X = X, .labels = labels), NULL, &score);
 *     printf("accuracy %.3f on %.0f rows\n", score.accuracy, (double)score.rows);
 *
 * Two related calls are elsewhere: snnk_lstsq_rss scores a solution on statistics, without rows,
 * and snnk_ridge_path_add_loo computes leave-one-out errors. */
#ifndef SNNK_SCORE_H
#define SNNK_SCORE_H

#include <snnk/network.h>
#include <snnk/rls.h>
#include <snnk/rows.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A score. Set `size`; the library fills the rest. Means are weighted by the weights of the rows. A
 * row whose outputs are not finite counts as misclassified, and makes squared_error and r2 infinite
 * or NaN. */
typedef struct snnk_score {
    size_t size;          /* set by the caller: sizeof the struct */
    uint64_t rows;        /* how many were scored */
    double weight;        /* the sum of their weights */
    double squared_error; /* with targets: mean over rows of the squared error of a row, summed over
                           * its outputs. With labels: NaN */
    double r2;            /* with targets: 1 - squared_error / (squared error of the mean target as
                           * prediction), over all outputs together. NaN if no target varies, and
                           * with labels */
    double accuracy;      /* with labels: the share of rows whose label has the largest output (the
                           * first of equal ones). With targets: NaN */
} snnk_score;

/* Score a network.
 *   network     with l outputs
 *   rows        inputs with targets Y (n x l) or labels 0 ... l - 1, and weights if any; n >= 1
 *   workspace   NULL for one thread
 *   score       out
 * SNNK_E_NULL, SNNK_E_CONFIG, SNNK_E_STATE (no layers), SNNK_E_SHAPE (also n = 0), SNNK_E_STRIDE,
 * SNNK_E_RANGE (a label or weight), SNNK_E_NONFINITE (in the rows), SNNK_E_SIZE, SNNK_E_NOMEM. */
SNNK_API int snnk_network_score(const snnk_network *network, const snnk_rows *rows,
                                snnk_workspace *workspace, snnk_score *score);

/* Score a layer. Parameters and statuses as for snnk_network_score. */
SNNK_API int snnk_layer_score(const snnk_layer *layer, const snnk_rows *rows,
                              snnk_workspace *workspace, snnk_score *score);

/* Score the current solution of recursive least squares, on rows whose inputs are features. Runs on
 * the calling thread; otherwise as snnk_network_score. */
SNNK_API int snnk_rls_score(const snnk_rls *rls, const snnk_rows *rows, snnk_score *score);

#ifdef __cplusplus
}
#endif

#endif
