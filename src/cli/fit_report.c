#include "cli/fit_report.h"

#include <math.h>
#include <stdio.h>

#include "cli/console.h"
#include "cli/fit_plot.h"
#include "cli/system.h"

static bool is_given(const fit_result *fit) { return fit->options->fit.ridge != SNNK_RIDGE_AUTO; }

/* Whether rows count differently. */
static bool is_weighted(const fit_result *fit) {
    return fit->train->weights != NO_COLUMN || fit->task->class_weights;
}

static const char *how_chosen(const fit_result *fit) {
    if (is_given(fit)) return "given";
    if (fit->options->choose == CHOOSE_GCV) return "generalized cross-validation";
    return fit->report->heldout_rows > 0 ? "held-out rows" : "leave-one-out";
}

/* Whether the layer minimizes the cross-entropy, so that its errors are those of the loss. */
static bool is_cross_entropy(const fit_result *fit) {
    return fit->loss->report.loss == SNNK_LOSS_CROSS_ENTROPY;
}

/* Add the settings of the features, and what they were compared with. */
static void add_choice(const fit_result *fit, cJSON *json) {
    const fit_choice *choice = fit->choice;
    const snnk_map_config *map = &fit->options->map;

    cJSON_AddItemToObject(json, "scaling",
                          fit->scaling ? cJSON_CreateString(fit->scaling) : cJSON_CreateNull());
    if (choice->form >= 0)
        cJSON_AddStringToObject(json, "number_form", snnk_number_form_name(choice->form));
    if (fit->boost) return; /* chosen for one layer; only the form of numbers is used */
    if (map->kind == SNNK_MAP_ELEMENTWISE)
        cJSON_AddStringToObject(json, "activation", snnk_activation_name(map->activation));
    if (fit->options->series) return;
    cJSON_AddNumberToObject(json, "projection_scale", map->projection_scale);
    cJSON_AddNumberToObject(json, "offset_scale", map->offset_scale);
    if (!choice->made) return;
    cJSON_AddNumberToObject(json, "candidates", (double)choice->candidates);
    cJSON_AddNumberToObject(json, "candidate_rows", (double)choice->rows);
    cJSON_AddNumberToObject(json, "candidate_error", choice->error);
    cJSON_AddNumberToObject(json, "least_error", choice->least_error);
    cJSON_AddNumberToObject(json, "linear_error", choice->linear_error);
    cJSON_AddNumberToObject(json, "not_linear_error", choice->other_error);
}

/* Add the one layer, and how it was solved. */
static void add_layer(const fit_result *fit, cJSON *json) {
    const snnk_fit_report *r = fit->report;

    cJSON_AddNumberToObject(json, "m", (double)snnk_map_features(fit->map));
    cJSON_AddNumberToObject(json, "lambda", r->ridge);
    cJSON_AddStringToObject(json, "lambda_chosen", how_chosen(fit));
    /* null with a given lambda */
    cJSON_AddNumberToObject(json, "heldout_error",
                            is_cross_entropy(fit) ? fit->loss->report.misclassified
                                                  : r->heldout_error);
    cJSON_AddNumberToObject(
        json, "heldout_rows",
        (double)(is_cross_entropy(fit) ? fit->loss->report.heldout_rows : r->heldout_rows));
    fit_loss_add_json(fit->loss, json);
    cJSON_AddNumberToObject(json, "rank", (double)r->rank);
    cJSON_AddNumberToObject(json, "condition", r->condition);
    cJSON_AddStringToObject(json, "method", snnk_solve_method_name(r->method));
    cJSON_AddNumberToObject(json, "train_rows", (double)(r->rows - fit->copies));
}

static void print_json(const fit_result *fit, const evaluation *test) {
    cJSON *json = cJSON_CreateObject();
    char seed[24];

    task_add_json(fit->task, json);
    if (test && fit->task->classification)
        cJSON_AddNumberToObject(json, "test_accuracy", test->accuracy);
    if (test && !fit->task->classification) {
        cJSON_AddNumberToObject(json, "test_rmse", test->rmse);
        cJSON_AddNumberToObject(json, "test_mae", test->mae);
        cJSON_AddNumberToObject(json, "test_r2", test->r2);
    }
    cJSON_AddNumberToObject(json, "train_seconds", fit->train_seconds);
    cJSON_AddNumberToObject(json, "parameters", (double)snnk_network_parameters(fit->network));
    if (fit->boost) fit_boost_add_json(fit->boost, json);
    if (fit->leaves)
        fit_leaves_add_json(fit->leaves, json);
    else
        add_layer(fit, json);
    cJSON_AddNumberToObject(json, "test_rows", test ? (double)test->rows : 0);
    cJSON_AddNumberToObject(json, "inputs", (double)dataset_raw_inputs(fit->train));
    if (fit->train->tower) {
        fit_windows_add_json(&fit->options->windows, fit->train, json);
    }
    if (fit->channels > 0) cJSON_AddNumberToObject(json, "channels", (double)fit->channels);
    if (fit->options->augment > 0) {
        cJSON_AddNumberToObject(json, "augment", (double)fit->options->augment);
        cJSON_AddNumberToObject(json, "copies", (double)fit->copies);
    }
    dataset_add_constants(fit->train, json);
    dataset_add_mixed(fit->train, json);
    if (fit->train->encoder)
        cJSON_AddNumberToObject(json, "encoded_columns",
                                (double)snnk_encoder_columns(fit->train->encoder));
    if (!fit->boost) cJSON_AddStringToObject(json, "features", fit_features_name(fit->options));
    add_choice(fit, json);
    fit_directions_add_json(fit->directions, json);
    fit_effort_add_json(fit->effort, json);
    snprintf(seed, sizeof seed, "%llu",
             (unsigned long long)fit->options->map.seed); /* all 64 bits */
    cJSON_AddRawToObject(json, "seed", seed);
    cJSON_AddNumberToObject(json, "processes", (double)fit->processes);
    cJSON_AddNumberToObject(json, "threads", (double)fit->options->threads);
    cJSON_AddStringToObject(json, "precision", snnk_precision_name(fit->options->fit.precision));
    if (test)
        cJSON_AddNumberToObject(json, "predict_us_per_row",
                                1e6 * test->seconds / (double)test->rows);
    cJSON_AddNumberToObject(json, "peak_rss_mb", peak_memory_mb());
    if (fit->options->save)
        cJSON_AddStringToObject(json, "model", fit->options->save);
    else
        cJSON_AddNullToObject(json, "model");
    fit_plot_add_json(&fit->options->plot, json);
    print_json_object(json);
}

/* Say what the encoder makes of the columns. */
static void print_encoder(const snnk_encoder *encoder) {
    size_t kinds[SNNK_ENCODING_CONSTANT + 1] = {0};
    const char *separator = " (";

    if (!encoder) return;
    for (size_t k = 0; k < snnk_encoder_columns(encoder); k++)
        kinds[snnk_encoder_column_encoding(encoder, k)]++;
    printf("encoded       %zu columns as %zu inputs", snnk_encoder_columns(encoder),
           snnk_encoder_outputs(encoder));
    for (int32_t k = 0; k <= SNNK_ENCODING_CONSTANT; k++) {
        if (kinds[k] == 0) continue;
        printf("%s%s: %zu", separator, snnk_encoding_name(k), kinds[k]);
        separator = ", ";
    }
    puts(")");
}

/* What becomes of the inputs. */
static const char *form_of_inputs(const fit_result *fit) {
    if (fit->choice->form > SNNK_NUMBER_FORM_PLAIN) return snnk_number_form_name(fit->choice->form);
    switch (fit->options->scaling) {
    case SNNK_SCALING_CENTER: return "centered, with their own units";
    case SNNK_SCALING_COMMON: return "centered, with one scale for all";
    case SNNK_SCALING_STANDARDIZE: return "standardized";
    default: return "as they are";
    }
}

/* Print what was chosen, and what it was compared with. */
static void print_choice(const fit_result *fit) {
    const fit_choice *choice = fit->choice;
    const snnk_map_config *map = &fit->options->map;

    if (fit->boost) { /* of the choice only the form of numbers is used */
        printf("features      %zu, %llu parameters\n", snnk_map_features(fit->map),
               (unsigned long long)snnk_network_parameters(fit->network));
        return;
    }
    printf("features      %zu (%s", snnk_map_features(fit->map), fit_features_name(fit->options));
    if (map->kind == SNNK_MAP_ELEMENTWISE) printf(" %s", snnk_activation_name(map->activation));
    if (map->kind != SNNK_MAP_IDENTITY) printf(", projection scale %g", map->projection_scale);
    if (map->offset_scale > 0 && map->kind != SNNK_MAP_IDENTITY)
        printf(", offset scale %g", map->offset_scale);
    printf("), %llu parameters\n", (unsigned long long)snnk_network_parameters(fit->network));
    if (!choice->made) return;
    printf(
        "chosen        best of %zu candidates%s%s: leaves %.3g %% of the variance of %zu rows that "
        "were left out",
        choice->candidates, is_given(fit) ? " (each at its best lambda)" : "",
        choice->error > choice->least_error ? ", or as good and standardized" : "",
        100 * choice->error, choice->rows);
    if (!isnan(choice->linear_error) && map->kind != SNNK_MAP_IDENTITY)
        printf("; linear: %.3g %%", 100 * choice->linear_error);
    if (!isnan(choice->other_error) && map->kind == SNNK_MAP_IDENTITY)
        printf("; not linear: %.3g %%", 100 * choice->other_error);
    puts("");
    if (choice->error >= 1)
        puts(
            "note          rows that were left out are predicted no better than by the mean of the "
            "targets");
    printf("inputs        %s\n", form_of_inputs(fit));
}

/* Print the error of the layer: of least squares, that which lambda was chosen by. */
static void print_error_of(const fit_result *fit) {
    const snnk_fit_report *r = fit->report;

    if (is_cross_entropy(fit)) {
        printf("held-out      %.2f %% of %llu rows misclassified\n",
               100 * fit->loss->report.misclassified,
               (unsigned long long)fit->loss->report.heldout_rows);
        return;
    }
    const char *const what = r->heldout_rows > 0 ? "held-out" : "left-out";
    const char *const weighted = is_weighted(fit) ? " (weighted)" : "";
    const uint64_t rows = r->heldout_rows > 0 ? r->heldout_rows : r->rows;

    if (isnan(r->heldout_error)) return;
    if (fit->task->classification)
        printf("%-13s %.2f %% of %llu rows misclassified%s\n", what, 100 * r->heldout_error,
               (unsigned long long)rows, weighted);
    else
        printf("%-13s rmse %.4g on %llu rows%s\n", what,
               sqrt(r->heldout_error / (double)fit->task->outputs), (unsigned long long)rows,
               weighted);
}

static void print_layer(const fit_result *fit) {
    const snnk_fit_report *r = fit->report;

    print_choice(fit);
    fit_directions_print(fit->directions);
    printf("lambda        %.3g (%s)\n", r->ridge, how_chosen(fit));
    print_error_of(fit);
    fit_loss_print(fit->loss);
    printf("system        rank %llu of %zu, condition %.2g, by %s\n", (unsigned long long)r->rank,
           snnk_map_features(fit->map), r->condition, snnk_solve_method_name(r->method));
}

static void print_text(const fit_result *fit, const evaluation *test) {
    const uint64_t rows = fit->leaves ? fit->leaves->report.rows : fit->report->rows - fit->copies;

    task_print(fit->task);
    printf("fitted        %llu rows, %zu inputs, %zu %s in %.1f s\n", (unsigned long long)rows,
           dataset_raw_inputs(fit->train), fit->task->outputs,
           fit->task->classification ? "classes"
           : fit->task->outputs == 1 ? "target"
                                     : "targets",
           fit->train_seconds);
    print_encoder(fit->train->encoder);
    if (fit->train->tower) fit_windows_print(&fit->options->windows, fit->train);
    if (fit->channels > 1)
        printf("series        %zu moments of %zu channels\n", fit->train->n_inputs / fit->channels,
               fit->channels);
    if (fit->options->augment > 0)
        printf("copies        %llu, changed; the held-out rows have none\n",
               (unsigned long long)fit->copies);
    dataset_print_mixed(fit->train);
    dataset_print_constants(fit->train);
    dataset_print_index(fit->train);
    if (fit->boost) fit_boost_print(fit->boost);
    if (fit->leaves)
        fit_leaves_print(fit->leaves, fit->task, fit->network);
    else
        print_layer(fit);
    fit_effort_print(fit->effort);
    if (test && fit->task->classification)
        printf("test          accuracy %.4f on %zu rows\n", test->accuracy, test->rows);
    if (test && !fit->task->classification) {
        printf("test          ");
        evaluation_print_errors(test);
    }
    if (fit->options->save) printf("saved         %s\n", fit->options->save);
    fit_plot_print(&fit->options->plot);
}

void fit_report_print(const fit_result *fit, const evaluation *test) {
    if (fit->options->json)
        print_json(fit, test);
    else
        print_text(fit, test);
}
