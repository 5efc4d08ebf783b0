#include <stdio.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/prediction.h"
#include "cli/system.h"

static const char command[] = "predict";

static const char help[] =
    "Usage: snnk predict MODEL FILE [OPTION]...\n"
    "Predict the target of each row of FILE (IDX, .npy, or CSV; columns are found\n"
    "by name). Prints CSV with a header: the class of each row, or its predicted values.\n"
    "The class is the one with the largest score.\n"
    "\n"
    "Options:\n" CSV_HELP
    "  --probabilities      classification: also the probability of every class; now and\n"
    "                       then another class is more probable than the printed one,\n"
    "                       because probabilities count how frequent each class is\n"
    "  --scores             classification: also the score of every class\n"
    "  --interval P         regression: also the bounds, lower and upper, of an interval\n"
    "                       that contains the target with probability P, such as 0.9;\n"
    "                       classification: the set of classes that contains the right\n"
    "                       one with probability P, separated by |; the printed class\n"
    "                       is always in it\n"
    "  --out FILE           save instead of printing: FILE ends in .csv or .npy. The .npy\n"
    "                       of a classification has the scores (or probabilities), a row\n"
    "                       for each row and a column for each class\n" MODEL_HELP "\n"
    "Examples:\n"
    "  $ snnk predict iris.safetensors flowers.csv --probabilities\n"
    "  $ snnk predict prices.safetensors houses.csv --interval 0.9 --out prices.csv\n"
    "  $ snnk predict digits.safetensors t10k.idx.gz --out scores.npy\n"
    "\n" MODEL_EXIT_HELP "\n";

/* Compute the scores of all rows, rows x outputs. */
static int predict(model_use *use, double *scores) {
    const size_t d = use->data.n_inputs, rows = use->data.rows;
    double *X = calloc(BATCH_ROWS, d * sizeof *X);
    int exit_status = X ? EXIT_OK : failed(command, "out of memory");

    for (size_t first = 0; exit_status == EXIT_OK && first < rows; first += BATCH_ROWS) {
        const size_t n = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;

        show_progress(use->quiet, "predict", first, rows);
        if (dataset_read(&use->data, first, n, X) != SNNK_OK ||
            snnk_network_forward_f64(use->network, n, X, d, scores + first * use->task.outputs,
                                     use->task.outputs, use->workspace) != SNNK_OK)
            exit_status = library_failed(command);
        else if (interrupted)
            exit_status = EXIT_CANCELLED;
    }
    show_progress(use->quiet, "predict", 1, 1);
    free(X);
    return exit_status;
}

static int run(model_use *use) {
    double *scores = NULL;
    int exit_status;

    remove_unfinished(use->out);
    exit_status = model_open(command, use);
    if (exit_status == EXIT_OK) exit_status = prediction_check(command, use);
    if (exit_status == EXIT_OK && use->out) exit_status = check_save(command, use->out);
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
    if (exit_status == EXIT_OK) exit_status = prediction_write(command, use, scores);
    free(scores);
    return exit_status;
}

static int check(const model_use *use) {
    if (!use->files.inputs) return wrong_usage(command, "the file with the inputs is missing");
    if (use->out && !prediction_can_save(use->out))
        return wrong_usage(command, "--out %s: the name must end in .csv or .npy", use->out);
    if (use->scores && use->probabilities)
        return wrong_usage(command, "use either --scores or --probabilities");
    return EXIT_OK;
}

int predict_command(int argc, char **argv) {
    static const model_command self = {
        .name = command,
        .options = "FILE separator decimal no-header out scores probabilities "
                   "interval threads json quiet",
        .help = help,
        .check = check,
        .run = run};

    return model_command_run(&self, argc, argv);
}
