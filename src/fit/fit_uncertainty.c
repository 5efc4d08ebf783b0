/* What a fit's rows that were left out or held out tell about the errors of the solution. */
#include "base/size.h"
#include "base/workspace.h"
#include "fit/fit.h"
#include "layer/layer.h"

/* Set scores (rows x outputs) to what fits without each row predict for it. */
static int leave_out(const snnk_fit *fit, snnk_workspace *workspace, double *scores) {
    snnk__left_out of = snnk__fit_left_out(fit, workspace);
    int st = snnk__left_out_open(&of);

    if (st == SNNK_OK) st = snnk__left_out_scores(&of, fit->chosen_ridge, scores);
    snnk__left_out_close(&of);
    return st;
}

/* Set scores to what the solution of all other rows predicts for the held-out rows. */
static int hold_out(const snnk_fit *fit, snnk_workspace *workspace, double *scores) {
    const snnk__feature_rows *rows = &fit->heldout.rows;
    const size_t m = rows->features, l = rows->outputs;
    float *sums = (float *)(void *)fit->block.Y; /* at least this large */
    snnk_solve_config config;
    snnk_layer *layer;
    int st;

    snnk_solve_config_init(&config, sizeof config);
    config.ridge = fit->chosen_ridge;
    config.intercept = fit->config.intercept;
    config.rank_tolerance = fit->config.rank_tolerance;
    st = snnk_layer_create_from_lstsq(fit->features.map, fit->lstsq, &config, workspace, NULL,
                                      &layer);
    for (size_t first = 0; st == SNNK_OK && first < rows->n; first += SNNK__FIT_BLOCK_ROWS) {
        const size_t count = snnk__min_size(SNNK__FIT_BLOCK_ROWS, rows->n - first);

        st = snnk__layer_readout_sums(layer, count, rows->Phi + first * m, m, sums, l, workspace);
        for (size_t i = 0; st == SNNK_OK && i < count * l; i++)
            scores[first * l + i] = (double)sums[i] + snnk__layer_exact_bias(layer)[i % l];
    }
    snnk_layer_free(layer);
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
                                             .weights = fit->weighted ? rows->weights : NULL),
                                   &config, uncertainty);
}

int snnk_fit_uncertainty(const snnk_fit *fit, snnk_workspace *workspace,
                         snnk_uncertainty **uncertainty) {
    const snnk__feature_rows *rows;
    double *scores = NULL;
    int st;

    if ((st = snnk__check_pointer(uncertainty, "uncertainty")) != SNNK_OK) return st;
    *uncertainty = NULL;
    if ((st = snnk__check_pointer(fit, "fit")) != SNNK_OK) return st;
    rows = &fit->heldout.rows;
    if (fit->config.ridge != SNNK_RIDGE_AUTO)
        return snnk__fail(SNNK_E_STATE, "the ridge was given, so no row was left out: let the fit "
                                        "choose it (SNNK_RIDGE_AUTO)");
    if (!(fit->chosen_ridge >= 0))
        return snnk__fail(SNNK_E_STATE, "the fit has not been solved since rows were added");
    st = snnk__alloc(&fit->allocator, rows->n, rows->outputs * sizeof *scores, "scores", &scores);
    if (st == SNNK_OK)
        st = snnk__fit_leaves_one_out(fit) ? leave_out(fit, workspace, scores)
                                           : hold_out(fit, workspace, scores);
    if (st == SNNK_OK) st = create(fit, scores, uncertainty);
    snnk__free(&fit->allocator, scores);
    return st;
}
