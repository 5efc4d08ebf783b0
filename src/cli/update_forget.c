/* snnk update and snnk forget: add rows to a model that has statistics, and remove them. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/model.h"
#include "cli/system.h"
#include "cli/training_rows.h"

/* How many new classes are named. */
#define SHOWN_CLASSES ((size_t)5)

#define SHARED_HELP                                                                                \
    "Rows (IDX, .npy, or CSV; each may be compressed with gzip):\n"                                \
    "  --train FILE         CSV with inputs and target; columns are found by name\n"               \
    "  --target COLUMN      its target column (default: as in the model, or the last)\n"           \
    "  --train-images FILE  inputs, one row each; also --train-inputs\n"                           \
    "  --train-labels FILE  their targets; also --train-targets\n" CSV_HELP "\n"                   \
    "Options:\n"                                                                                   \
    "  --ridge LAMBDA       a number >= 0 (default: lambda of the model)\n"                        \
    "  --save FILE          save the result here (default: replace MODEL)\n"                       \
    "  --threads N          threads (default: all processors)\n"                                   \
    "  --json               print one JSON object on stdout and nothing else\n"                    \
    "  --quiet              no progress bar\n"                                                     \
    "  --help               show this help\n"

static const char update_help[] =
    "Usage: snnk update MODEL --train FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk update MODEL --train-images FILE --train-labels FILE [OPTION]...\n"
    "Add rows to a model. The result is the same as of a fit to the old and new rows with the\n"
    "same features and lambda, but the old rows are not needed. The model must have been saved\n"
    "by snnk fit --keep-statistics. New classes are added by their names; the model then has no\n"
    "probabilities and intervals any more.\n"
    "\n" SHARED_HELP "\n"
    "Examples:\n"
    "  $ snnk fit --train iris.csv --keep-statistics --save iris.safetensors\n"
    "  $ snnk update iris.safetensors --train more_iris.csv\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, rows that do not fit the model), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C. The model is replaced only on success\n";

static const char forget_help[] =
    "Usage: snnk forget MODEL --train FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk forget MODEL --train-images FILE --train-labels FILE [OPTION]...\n"
    "Remove rows from a model that was fitted to them. The result is exactly that of a fit\n"
    "without these rows, with the same features and lambda. The model must have been saved by\n"
    "snnk fit --keep-statistics. If the features and lambda must not depend on the removed rows\n"
    "either, fit with --scaling none (or --like another model) and --ridge LAMBDA. Rows that\n"
    "cannot have been part of the fit are refused as far as this can be detected.\n"
    "\n" SHARED_HELP "\n"
    "Examples:\n"
    "  $ snnk forget iris.safetensors --train withdrawn.csv\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, rows that were not added before), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C. The model is replaced only on success\n";

typedef struct change {
    const char *command;
    bool forgets;
    model_use use;
    size_t new_classes;
    bool had_uncertainty; /* before the new classes */
    uint64_t rows_before;
    snnk_solve_report report;
    training_rows *batch;
    float *Phi;
} change;

/* Add or remove rows first ... first+n-1. */
static int take_rows(change *c, size_t first, size_t n) {
    model_use *use = &c->use;
    snnk_lstsq *lstsq = snnk_network_statistics(use->network);
    const size_t d = use->data.n_inputs, m = snnk_lstsq_features(lstsq);
    const int exit_status =
        training_rows_read(c->command, &use->task, &use->data, first, n, c->batch);
    const snnk_rows *inputs = &c->batch->rows;
    progress_bar bar = {.quiet = true}; /* that of all rows is shown */
    snnk_rows features = *inputs;
    int st;

    if (exit_status != EXIT_OK) return exit_status;
    if (inputs->X)
        st =
            snnk_network_features(use->network, inputs->n, inputs->X, d, c->Phi, m, use->workspace);
    else
        st = snnk_network_features_f64(use->network, inputs->n, inputs->X_f64, d, c->Phi, m,
                                       use->workspace);
    if (st != SNNK_OK) return library_failed(c->command);
    features.X = c->Phi;
    features.X_f64 = NULL;
    features.inputs = m;
    snnk_workspace_set_progress(use->workspace, move_bar, &bar);
    st = (c->forgets ? snnk_lstsq_forget : snnk_lstsq_add)(lstsq, &features, use->workspace);
    snnk_workspace_set_progress(use->workspace, NULL, NULL);
    if (st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    if (c->forgets && st == SNNK_E_STATE)
        return failed(c->command, "%s: some of the rows %zu to %zu were never added: %s",
                      use->data.path, first + 1, first + n, snnk_last_error());
    return st == SNNK_OK ? EXIT_OK : learning_failed(c->command, &use->data, first, n);
}

static int take_all(change *c) {
    dataset *data = &c->use.data;
    int exit_status = EXIT_OK;

    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        show_progress(c->use.quiet, c->forgets ? "removing" : "adding", first, data->rows);
        exit_status = take_rows(c, first, n);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(c->use.quiet, "adding", 1, 1);
    return exit_status;
}

/* Add the classes that only the new rows have. */
static int add_classes(change *c) {
    model_use *use = &c->use;
    int exit_status;

    if (c->forgets || !use->task.classification) return EXIT_OK;
    exit_status = task_add_classes(c->command, &use->data, &use->task, &c->new_classes);
    if (exit_status != EXIT_OK || c->new_classes == 0) return exit_status;
    return snnk_lstsq_add_targets(snnk_network_statistics(use->network), c->new_classes) ==
                       SNNK_OK &&
                   task_save_classes(&use->task, use->network) == SNNK_OK
               ? EXIT_OK
               : library_failed(c->command);
}

static int prepare(change *c) {
    model_use *use = &c->use;
    int exit_status = model_open_statistics(c->command, use);

    if (exit_status != EXIT_OK) return exit_status;
    c->rows_before = snnk_lstsq_rows(snnk_network_statistics(use->network));
    if (!use->files.target) use->files.target = snnk_network_note(use->network, "target");
    use->files.weights = snnk_network_note(use->network, "weights");
    exit_status = dataset_open(c->command, &use->files, snnk_network_note(use->network, "columns"),
                               snnk_network_encoder(use->network), &use->data);
    if (exit_status == EXIT_OK)
        exit_status =
            task_check(c->command, &use->task, snnk_network_inputs(use->network), &use->data);
    c->had_uncertainty = snnk_network_uncertainty(use->network) != NULL;
    if (exit_status == EXIT_OK) exit_status = add_classes(c);
    if (exit_status != EXIT_OK) return exit_status;
    const size_t m = snnk_lstsq_features(snnk_network_statistics(use->network));
    c->Phi = calloc(BATCH_ROWS, m * sizeof *c->Phi);
    if (!c->Phi) return failed(c->command, "out of memory");
    return training_rows_create(c->command, &use->data, &c->batch);
}

/* Say which new classes have removed the uncertainty: the first few of them. */
static void note_lost_uncertainty(const change *c) {
    const task *what = &c->use.task;
    const size_t shown = c->new_classes < SHOWN_CLASSES ? c->new_classes : SHOWN_CLASSES;
    char names[256] = "", more[32] = "";
    size_t n = 0;

    if (!c->had_uncertainty || c->new_classes == 0) return;
    for (size_t k = 0; k < shown && n < sizeof names; k++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", k ? ", " : "",
                              what->classes[what->outputs - c->new_classes + k]);
    if (shown < c->new_classes)
        snprintf(more, sizeof more, " and %zu more", c->new_classes - shown);
    print_note(c->command,
               "the model has no probabilities and intervals any more, because they were learned "
               "without the new class%s %s%s; fit it again to get them",
               c->new_classes > 1 ? "es" : "", names, more);
}

static void print_json(const change *c) {
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "rows", (double)c->use.data.rows);
    cJSON_AddNumberToObject(json, "rows_before", (double)c->rows_before);
    cJSON_AddNumberToObject(json, "rows_after", (double)c->report.rows);
    cJSON_AddNumberToObject(json, "new_classes", (double)c->new_classes);
    model_add_report(json, &c->report);
    cJSON_AddStringToObject(json, "model", c->use.save);
    print_json_object(json);
}

static int run(change *c) {
    model_use *use = &c->use;
    int exit_status = check_save(c->command, use->save);

    if (exit_status == EXIT_OK) exit_status = prepare(c);
    if (exit_status == EXIT_OK) exit_status = take_all(c);
    if (exit_status == EXIT_OK && c->forgets &&
        snnk_lstsq_rows(snnk_network_statistics(use->network)) == 0)
        exit_status = failed(c->command, "%s: no rows would be left in the model", use->data.path);
    if (exit_status == EXIT_OK) exit_status = model_solve_and_save(c->command, use, &c->report);
    if (exit_status != EXIT_OK) return exit_status;
    note_lost_uncertainty(c);
    if (use->json) {
        print_json(c);
    } else {
        printf("%s %zu rows: the model has %llu rows now (lambda %.3g)%s\n",
               c->forgets ? "removed" : "added", use->data.rows, (unsigned long long)c->report.rows,
               c->report.ridge,
               c->forgets ? "; that each had been added is not checked row by row" : "");
        if (c->new_classes > 0) printf("%zu new classes\n", c->new_classes);
        printf("saved %s\n", use->save);
    }
    return EXIT_OK;
}

static int change_command(const char *command, bool forgets, const char *help, int argc,
                          char **argv) {
    change c = {.command = command, .forgets = forgets};
    model_use *use = &c.use;
    int exit_status =
        model_options(command,
                      "train target train-images train-inputs train-labels "
                      "train-targets separator decimal no-header save ridge threads json quiet",
                      argc, argv, use);

    if (exit_status != EXIT_OK) return exit_status;
    if (use->help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (!use->files.table && !(use->files.inputs && use->files.targets))
        return wrong_usage(command,
                           "--train FILE, or --train-images and --train-labels, is missing");
    if (use->files.table && (use->files.inputs || use->files.targets))
        return wrong_usage(command, "use either --train or --train-images and --train-labels");
    if (use->files.target && !use->files.table)
        return wrong_usage(command, "--target needs --train FILE");
    if (same_file(use->save, use->files.table) || same_file(use->save, use->files.inputs) ||
        same_file(use->save, use->files.targets))
        return wrong_usage(command, "--save %s would overwrite an input", use->save);
    if (!use->save) use->save = use->path;
    catch_interrupts();
    c.report = (snnk_solve_report){.size = sizeof c.report};
    exit_status = run(&c);
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    training_rows_free(c.batch);
    free(c.Phi);
    model_close(use);
    return exit_status;
}

int update_command(int argc, char **argv) {
    return change_command("update", false, update_help, argc, argv);
}

int forget_command(int argc, char **argv) {
    return change_command("forget", true, forget_help, argc, argv);
}
