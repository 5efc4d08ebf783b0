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
    /* By the last solution; nothing if rows were added since. */
    double chosen_ridge;      /* -1: none */
    snnk_layer *without_rows; /* the solution of all rows but those that are held out */
    double *left_out_scores;  /* rows x outputs: predicted for each row without it */
};

/* Check the ridge: SNNK_E_RANGE unless it is >= 0 and finite, or SNNK_RIDGE_AUTO. Check the
 * held-out share: SNNK_E_RANGE unless 0 < share <= 0.5. */
int snnk__check_fit_ridge(double ridge);
int snnk__check_heldout_share(double share);

#endif
