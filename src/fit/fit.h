/* The struct of a fit. */
#ifndef SNNK_FIT_INTERNAL_H
#define SNNK_FIT_INTERNAL_H

#include <snnk/fit.h>

#include "fit/fit_features.h"
#include "fit/heldout.h"
#include "fit/left_out.h"
#include "fit/lost_inputs.h"
#include "solve/lstsq.h"

/* The kind of targets that the rows have. */
typedef enum snnk__target_kind { SNNK__NOTHING_YET, SNNK__TARGETS, SNNK__LABELS } snnk__target_kind;

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
    double chosen_ridge; /* by the last solution; -1: none, or rows were added since */
};

/* Whether all rows are kept, so that each can be left out to choose the ridge. */
bool snnk__fit_leaves_one_out(const snnk_fit *fit);

/* What leaving rows out takes of the fit. */
snnk__left_out snnk__fit_left_out(const snnk_fit *fit, snnk_workspace *workspace);

/* Check the ridge: SNNK_E_RANGE unless it is >= 0 and finite, or SNNK_RIDGE_AUTO. Check the
 * held-out share: SNNK_E_RANGE unless 0 < share <= 0.5. */
int snnk__check_fit_ridge(double ridge);
int snnk__check_heldout_share(double share);

#endif
