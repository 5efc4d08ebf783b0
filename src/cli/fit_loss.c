#include "cli/fit_loss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/all_rows.h"
#include "cli/console.h"

/* Without an option, losses are compared only up to these: about 20 seconds on one core. */
#define MOST_WORK  3e10 /* rows x features^2 x classes */
#define MOST_BYTES 2e9

/* Whether to compare without an option. */
static bool is_wanted(const fit_options *o, const task *what) {
    return what->rare && !what->class_weights && !o->keep_statistics && !o->like &&
           o->choose == CHOOSE_HELDOUT && o->fit.ridge == SNNK_RIDGE_AUTO;
}

static bool is_too_large(const dataset *train, const task *what, const snnk_layer *layer) {
    const double n = (double)train->rows, m = (double)snnk_layer_features(layer);

    return n * m * m * (double)what->outputs > MOST_WORK ||
           n * (4 * m + 8 * (double)train->n_inputs) > MOST_BYTES;
}

static int compare(const all_rows *all, const task *what, const snnk_layer *layer,
                   const snnk_loss_config *config, snnk_workspace *workspace,
                   snnk_loss_report *report, snnk_network **chosen) {
    const snnk_rows rows = all_rows_part(all, 0, all->n);
    snnk_network *network = NULL;
    int st = snnk_network_create(NULL, &network);

    if (st == SNNK_OK) st = snnk_network_append(network, layer);
    if (st == SNNK_OK)
        st = snnk_network_choose_loss(network, &rows, what->outputs, config, workspace, report,
                                      chosen);
    snnk_network_free(network);
    return st;
}

/* Say why the losses were not compared, or fail if cross-entropy was asked for. */
static int skip(const char *command, bool asked, const char *why, fit_loss *loss) {
    if (asked) return failed(command, "%s", why);
    snprintf(loss->skipped, sizeof loss->skipped, "%s", why);
    return EXIT_OK;
}

int fit_loss_choose(const char *command, const fit_options *o, const task *what, dataset *train,
                    training_rows *batch, const snnk_layer *layer, double ridge,
                    snnk_workspace *workspace, fit_loss *loss, snnk_network **chosen) {
    const bool asked = o->loss == SNNK_LOSS_CROSS_ENTROPY;
    all_rows all = {.n = 0};
    snnk_loss_config config;
    bool memory;
    int exit_status;

    *loss = (fit_loss){.report = {.size = sizeof loss->report}};
    *chosen = NULL;
    if (!what->classification || o->loss == SNNK_LOSS_SQUARED) return EXIT_OK;
    if (!asked && !is_wanted(o, what)) return EXIT_OK;
    if (!asked && is_too_large(train, what, layer))
        return skip(command, false, "it would take long (--loss cross-entropy does it)", loss);
    exit_status = all_rows_read(command, what, train, true, batch, &all, &memory);
    if (!memory) {
        exit_status = skip(command, asked, "out of memory for all rows", loss);
    } else if (exit_status == EXIT_OK) {
        snnk_loss_config_init(&config, sizeof config);
        config.seed = o->fit.seed;
        config.ridge = ridge;
        config.always = asked;
        const int st = compare(&all, what, layer, &config, workspace, &loss->report, chosen);
        loss->compared = st == SNNK_OK;
        if (st == SNNK_E_CANCELLED || interrupted)
            exit_status = EXIT_CANCELLED;
        else if (st != SNNK_OK)
            exit_status = skip(command, asked, snnk_last_error(), loss);
    }
    all_rows_free(&all);
    return exit_status;
}

/* ---- Report ---- */

void fit_loss_add_json(const fit_loss *loss, cJSON *json) {
    const snnk_loss_report *r = &loss->report;

    cJSON_AddStringToObject(json, "loss", snnk_loss_name(r->loss));
    if (loss->skipped[0]) cJSON_AddStringToObject(json, "loss_not_compared", loss->skipped);
    if (!loss->compared) return;
    cJSON_AddNumberToObject(json, "loss_rows", (double)r->heldout_rows);
    cJSON_AddNumberToObject(json, "log_loss_squared", r->squared_log_loss);
    cJSON_AddNumberToObject(json, "log_loss_cross_entropy", r->log_loss);
    cJSON_AddNumberToObject(json, "misclassified_squared", r->squared_misclassified);
    cJSON_AddNumberToObject(json, "misclassified_cross_entropy", r->misclassified);
    cJSON_AddNumberToObject(json, "lambda_cross_entropy", r->ridge);
    cJSON_AddNumberToObject(json, "newton_steps", r->steps);
}

static void print_one(int32_t loss, double log_loss, double misclassified) {
    printf("%s: log loss %.4f, %.2f %% misclassified", snnk_loss_name(loss), log_loss,
           100 * misclassified);
}

void fit_loss_print(const fit_loss *loss) {
    const snnk_loss_report *r = &loss->report;
    const bool cross = r->loss == SNNK_LOSS_CROSS_ENTROPY;

    if (loss->skipped[0])
        printf("loss          squared; cross-entropy was not compared: %s\n", loss->skipped);
    if (!loss->compared) return;
    printf("loss          ");
    for (int k = 0; k < 2; k++) {
        if ((k == 0) == cross)
            print_one(SNNK_LOSS_CROSS_ENTROPY, r->log_loss, r->misclassified);
        else
            print_one(SNNK_LOSS_SQUARED, r->squared_log_loss, r->squared_misclassified);
        printf(k == 0 ? "; " : "\n");
    }
    printf("              compared on %llu held-out rows", (unsigned long long)r->heldout_rows);
    if (cross) printf("; lambda of the cross-entropy: %.3g", r->ridge);
    puts("");
}
