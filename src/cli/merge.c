#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/model.h"
#include "cli/system.h"

static const char command[] = "merge";

static const char help[] =
    "Usage: snnk merge MODEL OTHER... --save FILE [OPTION]...\n"
    "Combine models that were fitted to different rows. The result is what one fit to all rows\n"
    "would give, with the lambda of the first model. All models must have been saved by snnk fit\n"
    "--keep-statistics with the same features: with the same options and --scaling none, or with\n"
    "--like the first model. Rows that are in two models count twice.\n"
    "\n"
    "Options:\n"
    "  --save FILE     save the result\n"
    "  --ridge LAMBDA  a number >= 0 (default: lambda of the first model)\n"
    "  --json          print one JSON object on stdout and nothing else\n"
    "  --help          show this help\n"
    "\n"
    "Examples:\n"
    "  $ snnk fit --train a.csv --keep-statistics --save a.safetensors\n"
    "  $ snnk fit --train b.csv --like a.safetensors --keep-statistics --save b.safetensors\n"
    "  $ snnk merge a.safetensors b.safetensors --save ab.safetensors\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, models that cannot be merged), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C\n";

/* The encoder and the features of a network, as the bytes of a file: equal bytes are equal features
 * of equal tables. */
static void *features_of(const snnk_network *network, size_t *bytes) {
    snnk_network *tower;
    void *buffer = NULL;

    if (snnk_network_input_tower(network, &tower) != SNNK_OK) return NULL;
    if (snnk_network_set_encoder(tower, snnk_network_encoder(network)) == SNNK_OK &&
        snnk_network_saved_bytes(tower, SNNK_SAVE_ROWS, bytes) == SNNK_OK)
        buffer = malloc(*bytes);
    if (buffer && snnk_network_save_memory(tower, SNNK_SAVE_ROWS, buffer, *bytes) != SNNK_OK) {
        free(buffer);
        buffer = NULL;
    }
    snnk_network_free(tower);
    return buffer;
}

static bool same_features(const snnk_network *a, const snnk_network *b) {
    size_t a_bytes = 0, b_bytes = 0;
    void *of_a = features_of(a, &a_bytes), *of_b = features_of(b, &b_bytes);
    const bool same = of_a && of_b && a_bytes == b_bytes && memcmp(of_a, of_b, a_bytes) == 0;

    free(of_a);
    free(of_b);
    return same;
}

static bool same_classes(const task *a, const task *b) {
    if (a->classification != b->classification || a->outputs != b->outputs) return false;
    for (size_t k = 0; a->classes && k < a->outputs; k++)
        if (strcmp(a->classes[k], b->classes[k]) != 0) return false;
    return true;
}

static bool same_note(const snnk_network *a, const snnk_network *b, const char *key) {
    const char *of_a = snnk_network_note(a, key), *of_b = snnk_network_note(b, key);

    return of_a && of_b ? strcmp(of_a, of_b) == 0 : !of_a && !of_b;
}

static int merge_one(model_use *into, const char *path) {
    model_use other = {.path = path, .threads = into->threads};
    int exit_status = model_open_statistics(command, &other);

    if (exit_status == EXIT_OK && !same_classes(&into->task, &other.task))
        exit_status =
            failed(command, "%s and %s have different targets or classes", into->path, path);
    if (exit_status == EXIT_OK && (!same_note(into->network, other.network, "columns") ||
                                   !same_note(into->network, other.network, "target") ||
                                   !same_note(into->network, other.network, "weights")))
        exit_status =
            failed(command, "%s and %s were fitted to different columns", into->path, path);
    if (exit_status == EXIT_OK && !same_note(into->network, other.network, "class_weights"))
        exit_status =
            failed(command, "%s and %s have different class weights: fit the second with --like %s",
                   into->path, path, into->path);
    if (exit_status == EXIT_OK && !same_features(into->network, other.network))
        exit_status =
            failed(command, "%s and %s have different features: fit the second with --like %s",
                   into->path, path, into->path);
    if (exit_status == EXIT_OK &&
        snnk_lstsq_merge(snnk_network_statistics(into->network),
                         snnk_network_statistics(other.network)) != SNNK_OK)
        exit_status = library_failed(command);
    model_close(&other);
    return exit_status;
}

static void print_json(const model_use *use, int models, const snnk_solve_report *report) {
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "models", models);
    cJSON_AddNumberToObject(json, "rows_after", (double)report->rows);
    model_add_report(json, report);
    cJSON_AddStringToObject(json, "model", use->save);
    print_json_object(json);
}

int merge_command(int argc, char **argv) {
    model_use use;
    snnk_solve_report report = {.size = sizeof report};
    int exit_status = model_options(command, "FILES save ridge json", argc, argv, &use);

    if (exit_status != EXIT_OK) return exit_status;
    if (use.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (use.n_others == 0) return wrong_usage(command, "a second model is missing");
    if (!use.save) return wrong_usage(command, "--save FILE is missing");
    catch_interrupts();
    exit_status = check_save(command, use.save);
    if (exit_status == EXIT_OK) exit_status = model_open_statistics(command, &use);
    for (int k = 0; exit_status == EXIT_OK && k < use.n_others; k++)
        exit_status = interrupted ? EXIT_CANCELLED : merge_one(&use, use.others[k]);
    if (exit_status == EXIT_OK) exit_status = model_solve_and_save(command, &use, &report);
    if (exit_status == EXIT_OK && use.json)
        print_json(&use, 1 + use.n_others, &report);
    else if (exit_status == EXIT_OK)
        printf("merged %d models: %llu rows (lambda %.3g)\nsaved %s\n", 1 + use.n_others,
               (unsigned long long)report.rows, report.ridge, use.save);
    else if (exit_status == EXIT_CANCELLED)
        print_error(command, "cancelled");
    model_close(&use);
    return exit_status;
}
