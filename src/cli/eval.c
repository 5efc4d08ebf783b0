#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/evaluate.h"
#include "cli/model.h"

static const char command[] = "eval";

static const char help[] =
    "Usage: snnk eval MODEL --test FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk eval MODEL --test-images FILE --test-labels FILE [OPTION]...\n"
    "Score a model on data with known targets: accuracy, confusion matrix and recall of\n"
    "a classification, errors of a regression. If the model holds its uncertainty: how\n"
    "well probabilities are calibrated, and how many targets are in their intervals.\n"
    "\n"
    "Options:\n"
    "  --test FILE          CSV; columns are found by name\n"
    "  --target COLUMN      its target column (default: as in the training data, or the last)\n"
    "  --test-images FILE   inputs, one row each (IDX, .npy or CSV); also --test-inputs\n"
    "  --test-labels FILE   their targets; also --test-targets\n" CSV_HELP
    "  --weights COLUMN     how much each row counts (default: all the same)\n"
    "  --coverage P         measure the sets or intervals of predict --interval P\n"
    "                       (default: 0.9)\n" MODEL_HELP "\n"
    "Examples:\n"
    "  $ snnk eval iris.safetensors --test more_iris.csv\n"
    "  $ snnk eval digits.safetensors --test-images t10k.idx.gz --test-labels labels.idx.gz\n"
    "\n" MODEL_EXIT_HELP "\n";

static void print_json(const model_use *use, const evaluation *result) {
    const size_t l = use->task.outputs;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "task",
                            use->task.classification ? "classification" : "regression");
    cJSON_AddNumberToObject(json, "rows", (double)result->rows);
    if (result->weighted) cJSON_AddNumberToObject(json, "weight", result->weight);
    cJSON_AddNumberToObject(json, "predict_us_per_row",
                            1e6 * result->seconds / (double)result->rows);
    if (use->task.classification) {
        cJSON *classes, *confusion, *recall;

        cJSON_AddNumberToObject(json, "accuracy", result->accuracy);
        cJSON_AddNumberToObject(json, "balanced_accuracy", result->balanced_accuracy);
        recall = cJSON_AddArrayToObject(json, "recall");
        for (size_t k = 0; k < l; k++) /* null where there are no rows of a class */
            cJSON_AddItemToArray(recall, cJSON_CreateNumber(evaluation_recall(result, l, k)));
        classes = cJSON_AddArrayToObject(json, "classes");
        confusion = cJSON_AddArrayToObject(json, "confusion");
        for (size_t k = 0; k < l; k++) {
            cJSON *row = cJSON_CreateArray();

            cJSON_AddItemToArray(classes, cJSON_CreateString(use->task.classes[k]));
            for (size_t j = 0; j < l; j++)
                cJSON_AddItemToArray(row, cJSON_CreateNumber(result->confusion[k * l + j]));
            cJSON_AddItemToArray(confusion, row);
        }
    } else {
        cJSON_AddNumberToObject(json, "rmse", result->rmse);
        cJSON_AddNumberToObject(json, "mae", result->mae);
        cJSON_AddNumberToObject(json, "r2", result->r2);
    }
    evaluation_add_uncertainty(&use->task, result, "", json);
    print_json_object(json);
}

static void print_confusion(const task *what, const evaluation *result) {
    const size_t l = what->outputs;

    printf("confusion%s (rows: true, columns: predicted)\n%14s",
           result->weighted ? ", sums of weights" : "", "");
    for (size_t k = 0; k < l; k++) printf(" %8.8s", what->classes[k]);
    printf("   recall\n");
    for (size_t k = 0; k < l; k++) {
        printf("%14.14s", what->classes[k]);
        for (size_t j = 0; j < l; j++)
            printf(result->weighted ? " %8.5g" : " %8.0f", result->confusion[k * l + j]);
        const double recall = evaluation_recall(result, l, k);
        if (isnan(recall))
            printf("        -\n");
        else
            printf("   %6.4f\n", recall);
    }
}

static void print_text(const model_use *use, const evaluation *result) {
    if (use->task.classification) {
        printf("accuracy %.4f on %zu rows\n", result->accuracy, result->rows);
        printf("balanced accuracy %.4f\n", result->balanced_accuracy);
        evaluation_print_uncertainty(&use->task, result);
        print_confusion(&use->task, result);
    } else {
        evaluation_print_errors(result);
        evaluation_print_uncertainty(&use->task, result);
    }
}

static int run(model_use *use) {
    evaluation result = {0};
    int exit_status = model_open(command, use);

    if (exit_status != EXIT_OK) return exit_status;
    if (!use->files.target) use->files.target = snnk_network_note(use->network, "target");
    exit_status = dataset_open(command, &use->files, snnk_network_note(use->network, "columns"),
                               snnk_network_encoder(use->network), &use->data);
    if (exit_status == EXIT_OK)
        exit_status =
            task_check(command, &use->task, snnk_network_inputs(use->network), &use->data);
    if (exit_status == EXIT_OK)
        exit_status = evaluate_coverage(command, use->network, &use->task, &use->data,
                                        use->coverage, use->workspace, use->quiet, &result);
    if (exit_status == EXIT_OK) {
        dataset_print_gaps(command, &use->data);
        if (use->json)
            print_json(use, &result);
        else
            print_text(use, &result);
    }
    free(result.confusion);
    return exit_status;
}

static int check(const model_use *use) {
    if (!use->files.table && !(use->files.inputs && use->files.targets))
        return wrong_usage(command, "--test FILE, or --test-images and --test-labels, is missing");
    if (use->files.table && (use->files.inputs || use->files.targets))
        return wrong_usage(command, "use either --test or --test-images and --test-labels");
    if (use->files.target && !use->files.table)
        return wrong_usage(command, "--target needs --test FILE");
    return EXIT_OK;
}

int eval_command(int argc, char **argv) {
    static const model_command self = {
        .name = command,
        .options = "test target test-images test-inputs test-labels test-targets "
                   "weights separator decimal no-header coverage threads json quiet",
        .help = help,
        .check = check,
        .run = run};

    return model_command_run(&self, argc, argv);
}
