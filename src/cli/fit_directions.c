#define _POSIX_C_SOURCE 200809L
#include "cli/fit_directions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/all_rows.h"
#include "cli/columns.h"
#include "cli/console.h"

enum { PRINTED = 6 }; /* columns in the text of a report */

/* ---- Learning ---- */

static int learn(const fit_options *o, const task *what, const snnk_rows *rows,
                 const snnk_scaling *scaling, snnk_workspace *workspace,
                 snnk_directions_report *report, double *shares, snnk_map **map) {
    snnk_directions_config config;
    snnk_layer *layer = NULL;
    int st;

    snnk_directions_config_init(&config, sizeof config);
    config.map = &o->map;
    config.scaling = scaling ? snnk_scaling_get_mode(scaling) : SNNK_SCALING_CENTER;
    config.rounds = o->directions;
    config.seed = o->fit.seed;
    config.ridge = o->fit.ridge;
    config.heldout_share = o->fit.heldout_share;
    report->size = sizeof *report;
    st = snnk_fit_directions(rows, what->outputs, &config, workspace, report, shares, NULL, 0,
                             &layer);
    if (st == SNNK_OK && report->chosen_round > 0) {
        const snnk_map *chosen = snnk_layer_map(layer);

        st = snnk_map_concat(1, &chosen, map);
    }
    snnk_layer_free(layer);
    return st;
}

/* ---- Importances of columns ---- */

static int by_share(const void *left, const void *right) {
    const importance *a = left, *b = right;

    if (a->share != b->share) return a->share > b->share ? -1 : 1;
    return strcmp(a->column, b->column);
}

/* Set the columns from the shares of the inputs. Returns false without memory. */
static bool set_columns(const dataset *train, const double *shares, fit_directions *learnt) {
    const snnk_encoder *encoder = train->encoder;
    const size_t n = encoder ? snnk_encoder_columns(encoder) : train->n_inputs;
    size_t input = 0;

    learnt->columns = calloc(n, sizeof *learnt->columns);
    if (!learnt->columns) return false;
    for (size_t k = 0; k < n; k++) {
        importance *column = &learnt->columns[k];
        char buffer[32];
        const char *name = encoder ? snnk_encoder_column_name(encoder, k)
                                   : column_name(train->inputs, train->columns[k], buffer);
        const size_t inputs = encoder ? snnk_encoder_column_outputs(encoder, k) : 1;

        column->column = strdup(name);
        if (!column->column) return false;
        learnt->n_columns++;
        for (size_t j = 0; j < inputs; j++) column->share += shares[input++];
    }
    qsort(learnt->columns, n, sizeof *learnt->columns, by_share);
    return true;
}

int fit_directions_learn(const char *command, const fit_options *o, const task *what,
                         dataset *train, training_rows *batch, const snnk_scaling *scaling,
                         snnk_workspace *workspace, fit_directions *learnt, snnk_map **map) {
    double *shares = calloc(train->n_inputs, sizeof *shares);
    all_rows all = {.n = 0};
    bool memory = true;
    int exit_status;

    *map = NULL;
    learnt->made = true;
    exit_status = all_rows_read(command, what, train, true, batch, &all, &memory);
    if (exit_status == EXIT_OK && (!memory || !shares)) {
        exit_status = failed(command, "out of memory for all rows, which directions need");
    } else if (exit_status == EXIT_OK) {
        const snnk_rows rows = all_rows_part(&all, 0, all.n);
        const int st = learn(o, what, &rows, scaling, workspace, &learnt->report, shares, map);

        if (st == SNNK_E_CANCELLED || interrupted)
            exit_status = EXIT_CANCELLED;
        else if (st != SNNK_OK)
            exit_status = failed(command, "learning directions: %s", snnk_last_error());
        else if (!set_columns(train, shares, learnt))
            exit_status = failed(command, "out of memory");
    }
    all_rows_free(&all);
    free(shares);
    return exit_status;
}

void fit_directions_free(fit_directions *learnt) {
    for (size_t k = 0; k < learnt->n_columns; k++) free(learnt->columns[k].column);
    free(learnt->columns);
    *learnt = (fit_directions){.made = false};
}

/* ---- Report ---- */

static uint64_t chosen_round(const fit_directions *learnt) {
    return learnt->kept ? learnt->report.chosen_round : 0;
}

void fit_directions_add_json(const fit_directions *learnt, cJSON *json) {
    if (!learnt->made) return;
    cJSON_AddNumberToObject(json, "directions_rounds", (double)learnt->report.rounds);
    cJSON_AddNumberToObject(json, "directions_chosen_round", (double)chosen_round(learnt));
    cJSON_AddBoolToObject(json, "inputs_limited", learnt->kept && learnt->limited);
    cJSON *list = cJSON_AddArrayToObject(json, "importances");

    for (size_t k = 0; k < learnt->n_columns; k++) {
        cJSON *entry = cJSON_CreateObject();

        cJSON_AddStringToObject(entry, "column", learnt->columns[k].column);
        cJSON_AddNumberToObject(entry, "importance", learnt->columns[k].share);
        cJSON_AddItemToArray(list, entry);
    }
}

void fit_directions_print(const fit_directions *learnt) {
    if (!learnt->made) return;
    if (learnt->kept)
        printf("directions    learnt in round %llu of %llu%s\n",
               (unsigned long long)chosen_round(learnt), (unsigned long long)learnt->report.rounds,
               learnt->limited ? "; inputs are limited to the range of the training rows" : "");
    else
        printf("directions    plain features were at least as good as %llu rounds\n",
               (unsigned long long)learnt->report.rounds);
    printf("importances   ");
    for (size_t k = 0; k < learnt->n_columns && k < PRINTED; k++)
        printf("%s%s %.1f %%", k ? ", " : "", learnt->columns[k].column,
               100 * learnt->columns[k].share);
    puts(learnt->n_columns > PRINTED ? ", ..." : "");
}
