#include "cli/fit_boost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <snnk/fit.h>

#include "cli/all_rows.h"
#include "cli/console.h"
#include "cli/system.h"

/* The activation is chosen by one round of TRIED_FEATURES on about TRIED_ROWS rows. */
enum { TRIED_ROWS = 8000, TRIED_FEATURES = 256 };

/* Without --m, a round of few rows has about one feature for each FEW_ROWS of them. */
enum { MOST_FEATURES = 512, LEAST_FEATURES = 128, FEW_ROWS = 8 };

static uint64_t features_for(size_t rows) {
    const size_t features = rows / FEW_ROWS / LEAST_FEATURES * LEAST_FEATURES;

    if (features > MOST_FEATURES) return MOST_FEATURES;
    return features > LEAST_FEATURES ? features : LEAST_FEATURES;
}

/* What the options say. Of the choice for one layer only the scaling is used. */
static void configure(const fit_options *o, const task *what, const dataset *train,
                      fit_boost *boost) {
    snnk_boost_config *config = &boost->config;

    *config = o->boost;
    config->features = o->features_given ? o->map.features : features_for(train->rows);
    config->seed = o->fit.seed;
    config->scaling =
        o->scaling == SNNK_SCALING_COMMON ? SNNK_SCALING_COMMON : SNNK_SCALING_STANDARDIZE;
    if (what->classification && o->loss == SNNK_LOSS_CROSS_ENTROPY)
        config->loss = SNNK_LOSS_CROSS_ENTROPY;
}

static int fit(const char *command, const task *what, const all_rows *all,
               snnk_workspace *workspace, fit_boost *boost) {
    const size_t rounds = (size_t)boost->config.rounds + 1;
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

/* Every n-th row, so that there are about TRIED_ROWS. Returns false without memory. */
static bool sample_rows(const all_rows *all, all_rows *sample) {
    const size_t step = all->n > TRIED_ROWS ? all->n / TRIED_ROWS : 1;
    const snnk_rows rows = all_rows_part(all, 0, all->n);

    if (!all_rows_create(&rows, all->targets, all->n / step + 1, sample)) return false;
    for (size_t i = 0; i < all->n; i += step) all_rows_append(&rows, i, sample);
    return true;
}

/* Choose relu or tanh by the held-out loss of one round on a sample of the rows. A trial that fails
 * has no say: the fit of all rows will tell why. */
static int choose_activation(const char *command, const task *what, const all_rows *all,
                             snnk_workspace *workspace, fit_boost *boost) {
    static const int32_t choices[] = {SNNK_RELU, SNNK_TANH};
    all_rows sample = {.n = 0};
    double least = INFINITY;
    int st = SNNK_OK;

    if (!sample_rows(all, &sample)) {
        all_rows_free(&sample);
        return failed(command, "out of memory");
    }
    for (size_t k = 0; k < 2 && st != SNNK_E_CANCELLED; k++) {
        const snnk_rows rows = all_rows_part(&sample, 0, sample.n);
        snnk_boost_report report = {.size = sizeof report};
        snnk_boost_config config = boost->config;
        snnk_network *network = NULL;

        config.rounds = 1;
        if (config.features > TRIED_FEATURES) config.features = TRIED_FEATURES;
        config.activation = choices[k];
        config.loss = SNNK_LOSS_SQUARED; /* far faster */
        st = snnk_boost_fit(&rows, what->outputs, &config, workspace, &report, &network);
        snnk_network_free(network);
        if (st != SNNK_OK || !(report.heldout_loss < least)) continue;
        least = report.heldout_loss;
        boost->config.activation = choices[k];
    }
    all_rows_free(&sample);
    return st == SNNK_E_CANCELLED || interrupted ? EXIT_CANCELLED : EXIT_OK;
}

int fit_boost_rounds(const char *command, const fit_options *o, const task *what, dataset *train,
                     training_rows *batch, snnk_workspace *workspace, fit_boost *boost) {
    all_rows all = {.n = 0};
    bool memory;
    int exit_status = all_rows_read(command, what, train, true, batch, &all, &memory);

    configure(o, what, train, boost);
    if (!memory) {
        exit_status = failed(command, "out of memory: --boost needs all rows in memory");
    } else if (exit_status == EXIT_OK) {
        if (!o->boost_activation_given && boost->config.heldout_share > 0)
            exit_status = choose_activation(command, what, &all, workspace, boost);
        if (exit_status == EXIT_OK) exit_status = fit(command, what, &all, workspace, boost);
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

/* The losses of round 0 and of those that were tried. */
static void add_losses(const fit_boost *boost, const char *name, const double *losses,
                       cJSON *json) {
    cJSON *array = cJSON_AddArrayToObject(json, name);

    for (uint64_t t = 0; array && t <= boost->report.rounds_tried; t++)
        if (!isnan(losses[t])) cJSON_AddItemToArray(array, cJSON_CreateNumber(losses[t]));
}

static const char *how_chosen(const fit_boost *boost) {
    const snnk_boost_report *r = &boost->report;

    if (boost->config.ridge != SNNK_RIDGE_AUTO) return "given";
    return r->train_rows + r->heldout_rows <= SNNK_FIT_MAX_LEFT_OUT &&
                   boost->config.loss == SNNK_LOSS_SQUARED
               ? "leaving each row out"
               : "held-out rows";
}

void fit_boost_add_json(const fit_boost *boost, cJSON *json) {
    const snnk_boost_config *c = &boost->config;
    const snnk_boost_report *r = &boost->report;

    cJSON_AddNumberToObject(json, "rounds", (double)r->rounds_tried);
    cJSON_AddNumberToObject(json, "rounds_kept", (double)r->rounds_kept);
    cJSON_AddNumberToObject(json, "m", (double)r->features);
    cJSON_AddNumberToObject(json, "m_of_round", (double)c->features);
    cJSON_AddStringToObject(json, "rows", snnk_boost_rows_name(c->rows));
    cJSON_AddStringToObject(json, "activation", snnk_activation_name(c->activation));
    cJSON_AddStringToObject(json, "loss", snnk_loss_name(c->loss));
    cJSON_AddNumberToObject(json, "lambda", r->ridge);
    cJSON_AddStringToObject(json, "lambda_chosen", how_chosen(boost));
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

    printf("boosting      %llu of %llu rounds that were tried; %llu %s features (candidates: %s); "
           "%llu parameters\n",
           (unsigned long long)r->rounds_kept, (unsigned long long)r->rounds_tried,
           (unsigned long long)r->features, snnk_activation_name(c->activation),
           snnk_boost_rows_name(c->rows),
           (unsigned long long)snnk_network_parameters(boost->network));
    printf("lambda        %.3g (%s)\n", r->ridge, how_chosen(boost));
    printf("losses        %s, round by round: ", snnk_loss_name(c->loss));
    for (uint64_t t = 0; t <= r->rounds_tried; t++)
        if (!isnan(r->train_losses[t])) printf("%s%.4g", t > 0 ? ", " : "", r->train_losses[t]);
    printf("\nheld-out      ");
    for (uint64_t t = 0; t <= r->rounds_tried; t++)
        if (!isnan(r->heldout_losses[t])) printf("%s%.4g", t > 0 ? ", " : "", r->heldout_losses[t]);
    printf(" on %llu rows\n", (unsigned long long)r->heldout_rows);
}
