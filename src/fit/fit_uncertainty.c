/* What a fit's rows that were left out or held out tell about the errors of the solution. */
#include "base/size.h"
#include "fit/fit.h"
#include "layer/layer.h"

/* Set scores to what the solution of all other rows predicts for the held-out rows. sums: scratch,
 * SNNK__FIT_BLOCK_ROWS x outputs. */
static int hold_out(const snnk_fit *fit, snnk_workspace *workspace, float *sums, double *scores) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    const snnk_layer *layer = fit->solution.without_rows;
    const double *bias = snnk__layer_exact_bias(layer);
    const size_t m = rows->features, l = rows->outputs;
    int st = SNNK_OK;

    for (size_t first = 0; st == SNNK_OK && first < rows->n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, rows->n - first);

        st = snnk__layer_readout_sums(layer, count, rows->Phi + first * m, m, sums, l, workspace);
        for (size_t i = 0; st == SNNK_OK && i < count * l; i++)
            scores[first * l + i] = (double)sums[i] + bias[i % l];
    }
    return st;
}

int snnk__fit_heldout_errors(const snnk_fit *fit, snnk_workspace *workspace, double *errors) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    const size_t l = rows->outputs;
    double *scores = NULL;
    float *sums = NULL;
    int st = snnk__alloc(&fit->allocator, rows->n, l * sizeof *scores, "scores", &scores);

    if (st == SNNK_OK)
        st = snnk__alloc(&fit->allocator, SNNK__FIT_BLOCK_ROWS, l * sizeof *sums, "scores", &sums);
    if (st == SNNK_OK) st = hold_out(fit, workspace, sums, scores);
    for (size_t i = 0; st == SNNK_OK && i < rows->n; i++) {
        errors[i] = 0;
        for (size_t k = 0; k < l; k++) {
            const double off = scores[i * l + k] - snnk__feature_rows_target(rows, i, k);

            errors[i] += off * off;
        }
    }
    snnk__free(&fit->allocator, sums);
    snnk__free(&fit->allocator, scores);
    return st;
}

static int create(const snnk_fit *fit, const double *scores, snnk_uncertainty **uncertainty) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    snnk_uncertainty_config config;

    snnk_uncertainty_config_init(&config, sizeof config);
    config.allocator = &fit->allocator;
    return snnk_uncertainty_create(fit->outputs,
                                   SNNK_ROWS(.n = rows->n, .X_f64 = scores,
                                             .Y_f64 = rows->of_labels ? NULL : rows->Y,
                                             .labels = rows->of_labels ? rows->labels : NULL,
                                             .weights = fit->weighted ? rows->weights : NULL,
                                             .groups = fit->heldout.grouped ? rows->keys : NULL),
                                   &config, uncertainty);
}

int snnk_fit_uncertainty(const snnk_fit *fit, snnk_workspace *workspace,
                         snnk_uncertainty **uncertainty) {
    const snnk__feature_rows *rows;
    double *scores = NULL;
    float *sums = NULL; /* not in the fit: calls that only read it may run at once */
    int st;

    if ((st = snnk__check_pointer(uncertainty, "uncertainty")) != SNNK_OK) return st;
    *uncertainty = NULL;
    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    rows = &fit->heldout.rows;
    if (fit->config.ridge != SNNK_RIDGE_AUTO)
        return snnk__fail(SNNK_E_STATE, "the ridge was given, so no row was left out: let the fit "
                                        "choose it (SNNK_RIDGE_AUTO)");
    if (!(fit->solution.chosen_ridge >= 0))
        return snnk__fail(SNNK_E_STATE, "the fit has not been solved since rows were added");
    if (fit->solution.left_out_scores)
        return create(fit, fit->solution.left_out_scores, uncertainty);
    st = snnk__alloc(&fit->allocator, rows->n, rows->outputs * sizeof *scores, "scores", &scores);
    if (st == SNNK_OK)
        st = snnk__alloc(&fit->allocator, SNNK__FIT_BLOCK_ROWS, rows->outputs * sizeof *sums,
                         "sums", &sums);
    if (st == SNNK_OK) st = hold_out(fit, workspace, sums, scores);
    if (st == SNNK_OK) st = create(fit, scores, uncertainty);
    snnk__free(&fit->allocator, sums);
    snnk__free(&fit->allocator, scores);
    return st;
}
