#include "cli/fit_boost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/all_rows.h"
#include "cli/console.h"
#include "cli/system.h"

/* What the options say, and what was chosen for one layer: it becomes the first representation. */
static void configure(const fit_options *o, const task *what, const dataset *train,
                      fit_boost *boost) {
    snnk_boost_config *config = &boost->config;

    *config = o->boost;
    if (o->features_given) config->features = o->map.features;
    if (config->width == 0) config->width = config->features;
    config->seed = o->fit.seed;
    config->scaling =
        o->scaling == SNNK_SCALING_COMMON ? SNNK_SCALING_COMMON : SNNK_SCALING_STANDARDIZE;
    boost->first = o->map;
    if (config->scaling == SNNK_SCALING_STANDARDIZE) /* the library's x' are shorter by that */
        boost->first.projection_scale *= sqrt((double)train->n_inputs);
    if (o->map.kind != SNNK_MAP_IDENTITY && config->rows != SNNK_BOOST_PAIRS)
        config->map = &boost->first;
    if (what->classification && o->loss == SNNK_LOSS_CROSS_ENTROPY)
        config->loss = SNNK_LOSS_CROSS_ENTROPY;
}

static int fit(const char *command, const task *what, const all_rows *all,
               snnk_workspace *workspace, fit_boost *boost) {
    const size_t rounds = (size_t)boost->config.layers + 1;
    const snnk_rows rows = all_rows_part(all, 0, all->n);
    int st;

    boost->losses = malloc(2 * rounds * sizeof *boost->losses);
    if (!boost->losses) return failed(command, "out of memory");
    boost->report = (snnk_boost_report){.size = sizeof boost->report,
                                        .train_losses = boost->losses,
                                        .heldout_losses = boost->losses + rounds};
    st = snnk_boost_fit(&rows, what->outputs, &boost->config, workspace, &boost->report,
                        &boost->network);
    if (st == SNNK_E_CANCELLED || interrupted) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

int fit_boost_layers(const char *command, const fit_options *o, const task *what, dataset *train,
                     training_rows *batch, snnk_workspace *workspace, fit_boost *boost) {
    all_rows all = {.n = 0};
    bool memory;
    int exit_status = all_rows_read(command, what, train, true, batch, &all, &memory);

    configure(o, what, train, boost);
    if (boost->config.map && boost->first.kind == SNNK_MAP_GAUSSIAN &&
        boost->config.width % 2 != 0) {
        exit_status =
            failed(command,
                   "--width %llu is odd, but the first features, gaussian ones, are pairs: "
                   "pass an even number",
                   (unsigned long long)boost->config.width);
    } else if (!memory) {
        exit_status = failed(command, "out of memory: --layers needs all rows in memory");
    } else if (exit_status == EXIT_OK) {
        exit_status = fit(command, what, &all, workspace, boost);
    }
    all_rows_free(&all);
    return exit_status;
}

void fit_boost_free(fit_boost *boost) {
    snnk_network_free(boost->network);
    free(boost->losses);
    *boost = (fit_boost){.network = NULL};
}

/* ---- Report ---- */

/* The losses of the rounds that were tried. */
static void add_losses(const fit_boost *boost, const char *name, const double *losses,
                       cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, name);

    for (uint64_t t = 0; array && t <= boost->report.layers_tried; t++)
        if (!isnan(losses[t])) cJSON_AddItemToArray(array, cJSON_CreateNumber(losses[t]));
}

static const char *how_chosen(const snnk_boost_config *config) {
    return config->readout_ridge == SNNK_RIDGE_AUTO ? "held-out rows" : "given";
}

void fit_boost_add_json(const fit_boost *boost, cJSON *json) {
    const snnk_boost_config *c = &boost->config;
    const snnk_boost_report *r = &boost->report;

    cJSON_AddNumberToObject(json, "layers", (double)r->layers_tried);
    cJSON_AddNumberToObject(json, "layers_kept", (double)r->layers_kept);
    cJSON_AddNumberToObject(json, "m", (double)c->features);
    cJSON_AddNumberToObject(json, "width", (double)c->width);
    cJSON_AddStringToObject(json, "rows", snnk_boost_rows_name(c->rows));
    cJSON_AddStringToObject(json, "activation", snnk_activation_name(c->activation));
    cJSON_AddStringToObject(json, "loss", snnk_loss_name(c->loss));
    cJSON_AddNumberToObject(json, "lambda", r->readout_ridge);
    cJSON_AddStringToObject(json, "lambda_chosen", how_chosen(c));
    cJSON_AddNumberToObject(json, "train_loss", r->train_loss);
    cJSON_AddNumberToObject(json, "heldout_loss", r->heldout_loss);
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddNumberToObject(json, "train_rows", (double)(r->train_rows + r->heldout_rows));
    add_losses(boost, "train_losses", r->train_losses, json);
    add_losses(boost, "heldout_losses", r->heldout_losses, json);
}

void fit_boost_print(const fit_boost *boost) {
    const snnk_boost_config *c = &boost->config;
    const snnk_boost_report *r = &boost->report;

    printf("layers        %llu of %llu that were tried, each of %llu %s features (%s) for a "
           "representation of %llu; %llu parameters\n",
           (unsigned long long)r->layers_kept, (unsigned long long)r->layers_tried,
           (unsigned long long)c->features, snnk_activation_name(c->activation),
           snnk_boost_rows_name(c->rows), (unsigned long long)c->width,
           (unsigned long long)snnk_network_parameters(boost->network));
    printf("lambda        %.3g (%s)\n", r->readout_ridge, how_chosen(c));
    printf("losses        %s, layer by layer: ", snnk_loss_name(c->loss));
    for (uint64_t t = 0; t <= r->layers_tried; t++)
        if (!isnan(r->train_losses[t])) printf("%s%.4g", t > 0 ? ", " : "", r->train_losses[t]);
    printf("\nheld-out      ");
    for (uint64_t t = 0; t <= r->layers_tried; t++)
        if (!isnan(r->heldout_losses[t])) printf("%s%.4g", t > 0 ? ", " : "", r->heldout_losses[t]);
    printf(" on %llu rows\n", (unsigned long long)r->heldout_rows);
}
