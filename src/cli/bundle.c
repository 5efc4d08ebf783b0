#include <stdio.h>

#include "cli/comparison.h"
#include "cli/console.h"
#include "cli/system.h"

static const char command[] = "bundle";

static const char help[] =
    "Usage: snnk bundle MODEL --save FILE [--test FILE] [OPTION]...\n"
    "Multiply the neighboring matrices of a model together in advance, so that the outputs "
    "between\n"
    "its layers are no longer computed. Its own outputs stay the same, to rounding. It pays where\n"
    "layers are wide compared with their features; the report compares the costs. A model that\n"
    "keeps statistics loses them.\n"
    "\n"
    "Options:\n"
    "  --layers FIRST-LAST  bundle these layers only, counted from 0 (default: all)\n"
    "  --save FILE          save the result\n" COMPARISON_HELP MODEL_HELP "\n"
    "Examples:\n"
    "  $ snnk bundle deep.safetensors --test more.csv --save fast.safetensors\n"
    "\n" MODEL_EXIT_HELP ". An existing file is replaced only on success\n";

static void add_costs(cJSON *json, const char *name, const snnk_network *network) {
    cJSON *item = cJSON_AddObjectToObject(json, name);

    cJSON_AddNumberToObject(item, "layers", (double)snnk_network_layers(network));
    cJSON_AddNumberToObject(item, "parameters", (double)snnk_network_parameters(network));
    cJSON_AddNumberToObject(item, "multiply_adds", (double)snnk_network_multiply_adds(network));
    cJSON_AddNumberToObject(item, "bytes", (double)snnk_network_weight_bytes(network));
}

static void print_json(const model_use *use, const snnk_network *bundled,
                       const comparison *compared) {
    cJSON *json = cJSON_CreateObject();

    add_costs(json, "before", use->network);
    add_costs(json, "after", bundled);
    comparison_add_json(use, compared, json);
    if (use->save) cJSON_AddStringToObject(json, "model", use->save);
    print_json_object(json);
}

static void print_costs(const char *name, const snnk_network *network) {
    printf("%-14s %8zu %12llu %14llu %12llu\n", name, snnk_network_layers(network),
           (unsigned long long)snnk_network_parameters(network),
           (unsigned long long)snnk_network_multiply_adds(network),
           (unsigned long long)snnk_network_weight_bytes(network));
}

static void print_text(const model_use *use, const snnk_network *bundled,
                       const comparison *compared) {
    printf("%-14s %8s %12s %14s %12s\n", "", "layers", "parameters", "multiply-adds", "bytes");
    print_costs("before", use->network);
    print_costs("bundled", bundled);
    if (snnk_network_multiply_adds(bundled) >= snnk_network_multiply_adds(use->network))
        printf(
            "Bundling does not pay here: a row takes as many multiply-adds as before, or more.\n");
    comparison_print(use, compared);
    if (use->save) printf("saved %s\n", use->save);
}

/* Bundle the layers of the options. A quantized model becomes float first. */
static int bundle(const model_use *use, snnk_network **bundled) {
    const size_t n = snnk_network_layers(use->network);
    const size_t last = use->all_layers ? n - 1 : use->last_layer;
    snnk_network *plain;
    int st;

    if (last >= n) return failed(command, "--layers: %s has the layers 0 to %zu", use->path, n - 1);
    st = snnk_network_quantize(use->network, SNNK_STORAGE_F32, NULL, NULL, NULL, &plain);
    if (st == SNNK_OK) st = snnk_network_bundle(plain, use->first_layer, last, bundled);
    snnk_network_free(plain);
    if (st == SNNK_OK) st = model_set_storage(*bundled, SNNK_STORAGE_F32);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

static int run(model_use *use) {
    comparison compared;
    snnk_network *bundled = NULL;
    int exit_status = comparison_open(command, use);

    if (exit_status == EXIT_OK) exit_status = bundle(use, &bundled);
    if (exit_status == EXIT_OK) exit_status = comparison_run(command, use, bundled, &compared);
    if (exit_status == EXIT_OK && use->json)
        print_json(use, bundled, &compared);
    else if (exit_status == EXIT_OK)
        print_text(use, bundled, &compared);
    snnk_network_free(bundled);
    return exit_status;
}

static int check(const model_use *use) { return comparison_check(command, use); }

int bundle_command(int argc, char **argv) {
    static const model_command self = {.name = command,
                                       .options = COMPARISON_OPTIONS " layers",
                                       .help = help,
                                       .check = check,
                                       .run = run};

    return model_command_run(&self, argc, argv);
}
