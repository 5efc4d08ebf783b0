#include <stdio.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/model.h"

static const char command[] = "predict";

static const char help[] =
    "Usage: snnk predict MODEL FILE [OPTION]...\n"
    "Predict the target of each row of FILE (IDX, .npy, or CSV; columns are found\n"
    "by name). Prints CSV with a header: the class of each row, or its predicted values.\n"
    "\n"
    "Options:\n" CSV_HELP
    "  --scores             classification: also print the score of every class\n"
    "  --out FILE           save the scores or values as .npy instead of printing\n"
    "  --threads N          threads (default: all processors)\n"
    "  --json               print one JSON object on stdout and nothing else\n"
    "  --quiet              no progress bar\n"
    "  --help               show this help\n"
    "\n"
    "Examples:\n"
    "  $ snnk predict iris.safetensors flowers.csv\n"
    "  $ snnk predict digits.safetensors t10k.idx.gz --out scores.npy\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, data that do not fit the model), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C\n";

/* Print a field of CSV, quoted if necessary. */
static void print_field(const char *text) {
    bool plain = true;

    for (const char *c = text; *c; c++) plain = plain && *c != ',' && *c != '"' && *c >= ' ';
    if (plain) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"') putchar('"');
        putchar(*c);
    }
    putchar('"');
}

static void print_header(const model_use *use) {
    const char *target = snnk_network_note(use->network, "target");
    char name[32];

    if (use->task.classification) printf("class");
    if (!use->task.classification && target && use->task.outputs == 1) {
        print_field(target);
        putchar('\n');
        return;
    }
    for (size_t k = 0; k < use->task.outputs; k++) {
        if (!use->task.classification)
            printf("%sy%zu", k ? "," : "", k);
        else if (use->scores) {
            putchar(',');
            print_field(task_class_name(&use->task, k, name));
        }
    }
    putchar('\n');
}

static void print_row(const model_use *use, const float *scores) {
    const size_t l = use->task.outputs;
    char name[32];

    if (use->task.classification)
        print_field(task_class_name(&use->task, largest_score(l, scores), name));
    for (size_t k = 0; k < l; k++)
        if (!use->task.classification || use->scores)
            printf("%s%.9g", k || use->task.classification ? "," : "", (double)scores[k]);
    putchar('\n');
}

static void add_row(const model_use *use, const float *scores, cJSON *predictions, cJSON *all) {
    const size_t l = use->task.outputs;
    char name[32];

    if (use->task.classification)
        cJSON_AddItemToArray(predictions, cJSON_CreateString(task_class_name(
                                              &use->task, largest_score(l, scores), name)));
    if (use->task.classification && !use->scores) return;
    cJSON *row = cJSON_CreateArray();
    for (size_t k = 0; k < l; k++) cJSON_AddItemToArray(row, cJSON_CreateNumber((double)scores[k]));
    cJSON_AddItemToArray(all, row);
}

static void print_json(const model_use *use, const float *scores) {
    const bool classes = use->task.classification;
    cJSON *json = cJSON_CreateObject();
    cJSON *predictions = cJSON_CreateArray(), *all = cJSON_CreateArray();

    cJSON_AddNumberToObject(json, "rows", (double)use->data.rows);
    for (size_t i = 0; !use->out && i < use->data.rows; i++)
        add_row(use, scores + i * use->task.outputs, predictions, all);
    if (use->out) cJSON_AddStringToObject(json, "out", use->out);
    if (!use->out && classes)
        cJSON_AddItemToObject(json, "classes", predictions);
    else
        cJSON_Delete(predictions);
    if (!use->out && (!classes || use->scores))
        cJSON_AddItemToObject(json, classes ? "scores" : "values", all);
    else
        cJSON_Delete(all);
    print_json_object(json);
}

/* Compute the scores of all rows, rows x outputs. */
static int predict(model_use *use, float *scores) {
    const size_t d = use->data.n_inputs, rows = use->data.rows;
    float *X = calloc(BATCH_ROWS, d * sizeof *X);
    int exit_status = X ? EXIT_OK : failed(command, "out of memory");

    for (size_t first = 0; exit_status == EXIT_OK && first < rows; first += BATCH_ROWS) {
        const size_t n = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;

        show_progress(use->quiet, "predict", first, rows);
        if (dataset_read(&use->data, first, n, X) != SNNK_OK ||
            snnk_network_forward(use->network, n, X, d, scores + first * use->task.outputs,
                                 use->task.outputs, use->workspace) != SNNK_OK)
            exit_status = library_failed(command);
        else if (interrupted)
            exit_status = EXIT_CANCELLED;
    }
    show_progress(use->quiet, "predict", 1, 1);
    free(X);
    return exit_status;
}

static int output(const model_use *use, const float *scores) {
    const size_t l = use->task.outputs;

    if (use->out && snnk_table_save_npy(use->out, use->data.rows, l, scores, l) != SNNK_OK)
        return library_failed(command);
    if (use->json) {
        print_json(use, scores);
        return EXIT_OK;
    }
    if (use->out) return EXIT_OK;
    print_header(use);
    for (size_t i = 0; i < use->data.rows; i++) print_row(use, scores + i * l);
    return EXIT_OK;
}

static int run(model_use *use) {
    float *scores = NULL;
    int exit_status = model_open(command, use);

    if (exit_status != EXIT_OK) return exit_status;
    exit_status = dataset_open(command, &use->files, snnk_network_note(use->network, "columns"),
                               snnk_network_encoder(use->network), &use->data);
    if (exit_status != EXIT_OK) return exit_status;
    if (use->data.n_inputs != snnk_network_inputs(use->network))
        return failed(command, "%s has %zu input columns, but the model has %zu inputs%s",
                      use->files.inputs, use->data.n_inputs, snnk_network_inputs(use->network),
                      dataset_flattened(&use->data));
    scores = calloc(use->data.rows + 1, use->task.outputs * sizeof *scores);
    exit_status = scores ? predict(use, scores) : failed(command, "out of memory");
    if (exit_status == EXIT_OK) dataset_print_gaps(command, &use->data);
    if (exit_status == EXIT_OK) exit_status = output(use, scores);
    free(scores);
    return exit_status;
}

int predict_command(int argc, char **argv) {
    model_use use;
    int exit_status =
        model_options(command, "FILE separator decimal no-header out scores threads json quiet",
                      argc, argv, &use);

    if (exit_status != EXIT_OK) return exit_status;
    if (use.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (!use.files.inputs) return wrong_usage(command, "the file with the inputs is missing");
    catch_interrupts();
    remove_unfinished(use.out);
    exit_status = run(&use);
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    model_close(&use);
    return exit_status;
}
