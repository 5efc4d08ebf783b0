#include "cli/fit_gcv.h"

#include <math.h>
#include <stdlib.h>

struct gcv_fit {
    const snnk_map *map;
    snnk_network *tower; /* of the map: it computes features of inputs in double */
    snnk_fit_config config;
    snnk_lstsq *lstsq;
    float *Phi; /* BATCH_ROWS x m */
};

static int make_tower(const snnk_map *map, snnk_network **tower) {
    snnk_layer *layer;
    int st = snnk_layer_create_tower(map, &layer);

    if (st != SNNK_OK) return st;
    st = snnk_network_create(NULL, tower);
    if (st == SNNK_OK) st = snnk_network_append(*tower, layer);
    snnk_layer_free(layer);
    return st;
}

int gcv_fit_create(const snnk_map *map, size_t outputs, const snnk_fit_config *config,
                   gcv_fit **fit) {
    const size_t m = snnk_map_features(map);
    gcv_fit *made = calloc(1, sizeof *made);
    int st;

    if (!made) return snnk_fail(SNNK_E_NOMEM, "out of memory");
    made->map = map;
    made->config = *config;
    st = make_tower(map, &made->tower);
    if (st == SNNK_OK) st = snnk_lstsq_create(m, outputs, NULL, &made->lstsq);
    if (st == SNNK_OK) st = snnk_lstsq_set_precision(made->lstsq, config->precision);
    if (st == SNNK_OK) st = snnk_lstsq_set_factorization(made->lstsq, config->factorization);
    if (st == SNNK_OK && !(made->Phi = calloc(BATCH_ROWS, m * sizeof *made->Phi)))
        st = snnk_fail(SNNK_E_NOMEM, "out of memory for a batch of features");
    if (st != SNNK_OK) {
        gcv_fit_free(made);
        return st;
    }
    *fit = made;
    return SNNK_OK;
}

void gcv_fit_free(gcv_fit *fit) {
    if (!fit) return;
    snnk_network_free(fit->tower);
    snnk_lstsq_free(fit->lstsq);
    free(fit->Phi);
    free(fit);
}

snnk_lstsq *gcv_fit_take_statistics(gcv_fit *fit) {
    snnk_lstsq *lstsq = fit->lstsq;

    fit->lstsq = NULL;
    return lstsq;
}

int gcv_fit_add(gcv_fit *fit, const snnk_rows *rows, snnk_workspace *workspace) {
    const size_t d = snnk_map_inputs(fit->map), m = snnk_map_features(fit->map), n = rows->n;
    snnk_rows features = *rows;
    const int st =
        rows->X ? snnk_network_features(fit->tower, n, rows->X, d, fit->Phi, m, workspace)
                : snnk_network_features_f64(fit->tower, n, rows->X_f64, d, fit->Phi, m, workspace);

    if (st != SNNK_OK) return st;
    features.X = fit->Phi;
    features.X_f64 = NULL;
    features.inputs = m;
    return snnk_lstsq_add(fit->lstsq, &features, workspace);
}

/* Set config->ridge to the lambda that minimizes generalized cross-validation, one for all
 * outputs. */
static int choose_ridge(const gcv_fit *fit, snnk_solve_config *config) {
    double *ridges = calloc(snnk_lstsq_targets(fit->lstsq), sizeof *ridges);
    snnk_ridge_path *path = NULL;
    int st;

    if (!ridges) return snnk_fail(SNNK_E_NOMEM, "out of memory");
    st = snnk_ridge_path_create(fit->lstsq, config, NULL, &path);
    if (st == SNNK_OK) st = snnk_ridge_path_choose_gcv(path, 1, ridges);
    if (st == SNNK_OK) config->ridge = ridges[0];
    snnk_ridge_path_free(path);
    free(ridges);
    return st;
}

static int solve(const gcv_fit *fit, snnk_fit_report *report, snnk_layer **layer) {
    snnk_solve_config config;
    snnk_solve_report solved = {.size = sizeof solved};
    int st;

    snnk_solve_config_init(&config, sizeof config);
    config.intercept = fit->config.intercept;
    config.rank_tolerance = fit->config.rank_tolerance;
    if (fit->config.ridge != SNNK_RIDGE_AUTO)
        config.ridge = fit->config.ridge;
    else if ((st = choose_ridge(fit, &config)) != SNNK_OK)
        return st;
    st = snnk_layer_create_from_lstsq(fit->map, fit->lstsq, &config, NULL, &solved, layer);
    if (st != SNNK_OK) return st;
    *report = (snnk_fit_report){.size = sizeof *report,
                                .ridge = solved.ridge,
                                .heldout_error = NAN,
                                .condition = solved.condition,
                                .rss = solved.rss,
                                .rows = solved.rows,
                                .rank = solved.rank,
                                .method = solved.method};
    return SNNK_OK;
}

int gcv_fit_solve(gcv_fit *fit, const processes *p, snnk_fit_report *report, snnk_layer **layer) {
    const int st = processes_reduce(p, fit->lstsq);

    *layer = NULL;
    return st == SNNK_OK && p->rank == 0 ? solve(fit, report, layer) : st;
}
