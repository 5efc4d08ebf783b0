#include "cli/fit_leaves.h"

#include <math.h>
#include <stdio.h>

#include "cli/all_rows.h"
#include "cli/console.h"
#include "cli/system.h"

enum { DEFAULT_FEATURES = 512 };

int32_t fit_leaves_scaling(const fit_options *o) {
    return o->scaling > SNNK_SCALING_STANDARDIZE ? SNNK_SCALING_CENTER : o->scaling;
}

static int fit(const char *command, const task *what, const all_rows *all,
               snnk_workspace *workspace, fit_leaves *tree) {
    const snnk_rows rows = all_rows_part(all, 0, all->n);
    snnk_leaves *leaves = NULL;
    int st = snnk_leaves_create(&rows, what->outputs, &tree->config, workspace, &leaves);

    tree->report = (snnk_leaves_report){.size = sizeof tree->report};
    if (st == SNNK_OK) st = snnk_leaves_add(leaves, &rows, workspace);
    if (st == SNNK_OK) st = snnk_leaves_solve(leaves, workspace, &tree->report, &tree->layer);
    tree->features = snnk_leaves_features(leaves);
    snnk_leaves_free(leaves);
    if (st == SNNK_E_CANCELLED || interrupted) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

int fit_leaves_tree(const char *command, const fit_options *o, const task *what, dataset *train,
                    training_rows *batch, snnk_workspace *workspace, fit_leaves *tree) {
    snnk_map_config map = o->map;
    all_rows all = {.n = 0};
    bool memory;
    int exit_status = all_rows_read(command, what, train, true, batch, &all, &memory);

    snnk_leaves_config_init(&tree->config, sizeof tree->config);
    if (!o->features_given) map.features = DEFAULT_FEATURES;
    tree->config.features = map.features;
    /* Not the kind that was chosen for all rows: a leaf sees few of them, and far from those
     * cosines are wild where arc-cosine features are linear. */
    if (o->kind_given) tree->config.map = &map;
    tree->config.leaf_rows = o->leaf_rows;
    if (o->directions > 0) tree->config.rounds = o->directions;
    if (o->kind_given && map.kind == SNNK_MAP_IDENTITY) tree->config.rounds = 0;
    tree->config.scaling = fit_leaves_scaling(o);
    tree->config.seed = o->fit.seed;
    tree->config.ridge = o->fit.ridge;
    tree->config.heldout_share = o->fit.heldout_share;
    if (exit_status == EXIT_OK && !memory)
        exit_status = failed(command, "out of memory: --leaves needs all rows in memory");
    else if (exit_status == EXIT_OK)
        exit_status = fit(command, what, &all, workspace, tree);
    tree->config.map = NULL; /* it was ours */
    all_rows_free(&all);
    return exit_status;
}

void fit_leaves_free(fit_leaves *tree) {
    snnk_layer_free(tree->layer);
    *tree = (fit_leaves){.layer = NULL};
}

/* ---- Report ---- */

static const char *how_chosen(const fit_leaves *tree) {
    return tree->config.ridge != SNNK_RIDGE_AUTO ? "given" : "held-out rows, each leaf for itself";
}

void fit_leaves_add_json(const fit_leaves *tree, cJSON *json) {
    const snnk_leaves_report *r = &tree->report;

    cJSON_AddNumberToObject(json, "leaves", (double)r->leaves);
    cJSON_AddNumberToObject(json, "depth", (double)r->depth);
    cJSON_AddNumberToObject(json, "least_leaf_rows", (double)r->least_rows);
    cJSON_AddNumberToObject(json, "most_leaf_rows", (double)r->most_rows);
    cJSON_AddNumberToObject(json, "constant_leaves", (double)r->constant_leaves);
    cJSON_AddNumberToObject(json, "m", (double)tree->features);
    cJSON_AddStringToObject(json, "lambda_chosen", how_chosen(tree));
    if (!isnan(r->heldout_squared_error))
        cJSON_AddNumberToObject(json, "heldout_squared_error", r->heldout_squared_error);
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddNumberToObject(json, "train_rows", (double)r->rows);
}

void fit_leaves_print(const fit_leaves *tree, const task *what, const snnk_network *network) {
    const snnk_leaves_report *r = &tree->report;

    printf("leaves        %llu, at most %llu splits deep, of %llu to %llu rows and %zu features "
           "each; %llu parameters\n",
           (unsigned long long)r->leaves, (unsigned long long)r->depth,
           (unsigned long long)r->least_rows, (unsigned long long)r->most_rows, tree->features,
           (unsigned long long)snnk_network_parameters(network));
    if (r->constant_leaves > 0)
        printf("note          %llu of them are constant: no feature varies there\n",
               (unsigned long long)r->constant_leaves);
    printf("lambda        by %s\n", how_chosen(tree));
    if (isnan(r->heldout_squared_error)) return;
    if (what->classification)
        printf("held-out      squared error %.4g, of all classes together, on %llu rows\n",
               r->heldout_squared_error, (unsigned long long)r->heldout_rows);
    else
        printf("held-out      rmse %.4g on %llu rows\n",
               sqrt(r->heldout_squared_error / (double)what->outputs),
               (unsigned long long)r->heldout_rows);
}
