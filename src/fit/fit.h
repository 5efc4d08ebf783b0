/* The struct of a fit. */
#ifndef SNNK_FIT_INTERNAL_H
#define SNNK_FIT_INTERNAL_H

#include <snnk/fit.h>

#include "fit/fit_features.h"
#include "fit/heldout.h"
#include "fit/left_out.h"
#include "fit/lost_inputs.h"
#include "solve/lstsq.h"

/* The most ridges to choose from. */
#define SNNK__FIT_MAX_RIDGES 1000

/* The kind of targets that the rows have. */
typedef enum snnk__target_kind { SNNK__NOTHING_YET, SNNK__TARGETS, SNNK__LABELS } snnk__target_kind;

/* What a solution leaves for uncertainties. */
typedef struct snnk__fit_solution {
    double chosen_ridge;      /* -1: none */
    snnk_layer *without_rows; /* the solution of all rows but those that are held out */
    double *left_out_scores;  /* rows x outputs: predicted for each row without it */
} snnk__fit_solution;

struct snnk_fit {
    snnk_allocator allocator;
    snnk_fit_config config;
    snnk__fit_features features;
    size_t outputs;
    snnk__target_kind kind;
    bool weighted;     /* whether some row had a weight */
    uint64_t rows;     /* added so far */
    snnk_lstsq *lstsq; /* of all rows that are not held out */
    snnk__feature_rows block;
    snnk__heldout heldout; /* empty if the ridge is given */
    snnk__lost_inputs lost;
    snnk__fit_solution solution; /* the last one; none if rows were added since */
};

/* Check the ridge: SNNK_E_RANGE unless it is >= 0 and finite, or SNNK_RIDGE_AUTO. Check the
 * held-out share: SNNK_E_RANGE unless 0 < share <= 0.5. */
int snnk__check_fit_ridge(double ridge);
int snnk__check_heldout_share(double share);

/* Free a solution, and let it be none. */
void snnk__fit_solution_clear(const snnk_allocator *allocator, snnk__fit_solution *solution);

/* Whether the ridge is chosen from the data. */
static inline bool snnk__fit_chooses_ridge(const snnk_fit *fit) {
    return fit->config.ridge == SNNK_RIDGE_AUTO;
}

/* Whether all rows are kept, so that each can be left out to choose the ridge. */
bool snnk__fit_leaves_one_out(const snnk_fit *fit);

/* Add the rows of fit->block: keep some of them, after making room, and add the others to the
 * statistics. Fails only if the row count overflows.
 *   drawn  1; or the rows of the block are a sample, those with a draw below it */
int snnk__fit_add_block(snnk_fit *fit, double drawn, snnk_workspace *workspace);

/* Move the rows at the end of those that are kept to the statistics. */
int snnk__fit_release(snnk_fit *fit, const snnk__feature_rows *released, snnk_workspace *workspace);

/* Set errors (heldout.rows.n) to the squared error, summed over outputs, of each held-out row by
 * the solution that has not seen them. SNNK_E_SIZE, SNNK_E_NOMEM. */
int snnk__fit_heldout_errors(const snnk_fit *fit, snnk_workspace *workspace, double *errors);

/* A view of features, to add them to statistics. */
snnk_rows snnk__fit_rows_of(const snnk_fit *fit, const snnk__feature_rows *rows);

#endif
