#include <stdio.h>

#include "cli/comparison.h"
#include "cli/console.h"
#include "cli/system.h"

static const char command[] = "quantize";

static const char help[] =
    "Usage: snnk quantize MODEL --storage STORAGE --save FILE [--test FILE] [OPTION]...\n"
    "Keep the weights of a model in fewer bytes, which makes it faster where processors have\n"
    "instructions for it (avx512_vnni, AMX), and round them to that. The other commands use the "
    "saved\n"
    "model in this storage. Its file has the rounded weights as float, so it is not smaller.\n"
    "A model that keeps statistics loses them.\n"
    "\n"
    "Options:\n"
    "  --storage STORAGE    bf16: 2 bytes a weight; int8: 1 byte a weight, and inputs are rounded\n"
    "                       too; bf16x3: 4 bytes, two bf16, for AMX, elsewhere like f32; f32: 4\n"
    "                       bytes, as before quantizing\n"
    "  --save FILE          save the result\n" COMPARISON_HELP MODEL_HELP "\n"
    "Examples:\n"
    "  $ snnk quantize digits.safetensors --storage int8 --test t10k.idx.gz --save "
    "small.safetensors\n"
    "\n" MODEL_EXIT_HELP ". An existing file is replaced only on success\n";

static void print_json(const model_use *use, const snnk_quantize_report *report,
                       const comparison *compared) {
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "storage", snnk_storage_name(use->storage));
    cJSON_AddNumberToObject(json, "bytes_before", (double)report->bytes_before);
    cJSON_AddNumberToObject(json, "bytes", (double)report->bytes);
    comparison_add_json(use, compared, json);
    if (use->save) cJSON_AddStringToObject(json, "model", use->save);
    print_json_object(json);
}

static void print_text(const model_use *use, const snnk_quantize_report *report,
                       const comparison *compared) {
    printf("weights        %llu bytes in memory, %llu before\n", (unsigned long long)report->bytes,
           (unsigned long long)report->bytes_before);
    comparison_print(use, compared);
    if (use->save) printf("saved %s\n", use->save);
}

static int run(model_use *use) {
    snnk_quantize_report report = {.size = sizeof report};
    comparison compared;
    snnk_network *made = NULL;
    int exit_status = comparison_open(command, use);

    if (exit_status == EXIT_OK &&
        (snnk_network_quantize(use->network, use->storage, NULL, use->workspace, &report, &made) !=
             SNNK_OK ||
         model_set_storage(made, use->storage) != SNNK_OK))
        exit_status = library_failed(command);
    if (exit_status == EXIT_OK) exit_status = comparison_run(command, use, made, &compared);
    snnk_network_free(made);
    if (exit_status == EXIT_OK && use->json)
        print_json(use, &report, &compared);
    else if (exit_status == EXIT_OK)
        print_text(use, &report, &compared);
    return exit_status;
}

static int check(const model_use *use) {
    if (use->storage < 0) return wrong_usage(command, "--storage STORAGE is missing");
    return comparison_check(command, use);
}

int quantize_command(int argc, char **argv) {
    static const model_command self = {.name = command,
                                       .options = COMPARISON_OPTIONS " storage",
                                       .help = help,
                                       .check = check,
                                       .run = run};

    return model_command_run(&self, argc, argv);
}
