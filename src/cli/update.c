/* snnk update, snnk forget: rows in and out of a model that carries its statistics. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "cli/model.h"

#define SHARED_HELP                                                                                \
    "Rows (IDX, .npy or CSV with a header; any of them may be compressed with gzip):\n"            \
    "  --train FILE         CSV with inputs and target; columns are found by name\n"               \
    "  --target COLUMN      its target column (default: the model's, else the last)\n"             \
    "  --train-images FILE  inputs, a row each; also --train-inputs\n"                             \
    "  --train-labels FILE  their targets; also --train-targets\n"                                 \
    "\n"                                                                                           \
    "Options:\n"                                                                                   \
    "  --ridge LAMBDA       a number >= 0 (default: the model's)\n"                                \
    "  --save FILE          where to (default: MODEL itself, which is replaced at the end)\n"      \
    "  --threads N          threads (default: all processors)\n"                                   \
    "  --json               print one JSON object on stdout and nothing else\n"                    \
    "  --quiet              no progress bar\n"                                                     \
    "  --help               show this help\n"

static const char update_help[] =
    "Usage: snnk update MODEL --train FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk update MODEL --train-images FILE --train-labels FILE [OPTION]...\n"
    "Let a model learn from more rows, as if it had been fitted on all of them with the same\n"
    "features and lambda. It must have been saved by snnk fit --keep-statistics; the old rows\n"
    "are not needed. Classes that the model does not know yet are added: names to names,\n"
    "numbers below 100 to numbers.\n"
    "\n" SHARED_HELP "\n"
    "Examples:\n"
    "  $ snnk fit --train iris.csv --keep-statistics --save iris.safetensors\n"
    "  $ snnk update iris.safetensors --train more_iris.csv\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, rows that do not fit the model), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C; without success the model stays as it was\n";

static const char forget_help[] =
    "Usage: snnk forget MODEL --train FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk forget MODEL --train-images FILE --train-labels FILE [OPTION]...\n"
    "Let a model forget rows that it was fitted on, exactly: it becomes what it would be had it\n"
    "never seen them, with the same features and lambda. (These may know of the rows: a scaling\n"
    "learnt from them, a lambda chosen on them. Fit with --scaling none, or --like another model,\n"
    "and --ridge LAMBDA, where that matters.) The model must have been saved by snnk fit\n"
    "--keep-statistics. Rows that cannot have been among those it was fitted on are refused, as\n"
    "far as that can be told.\n"
    "\n" SHARED_HELP "\n"
    "Examples:\n"
    "  $ snnk forget iris.safetensors --train withdrawn.csv\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, rows that were not there), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C; without success the model stays as it was\n";

typedef struct change {
    const char *command;
    bool forgets;
    model_use use;
    size_t new_classes;
    uint64_t rows_before;
    snnk_solve_report report;
    float *X, *Y, *Phi;
} change;

/* Rows first ... first+n-1, in or out of the statistics. */
static int take_rows(change *c, size_t first, size_t n) {
    const model_use *use = &c->use;
    snnk_lstsq *lstsq = snnk_network_statistics(use->network);
    const size_t m = snnk_lstsq_features(lstsq);
    const bool classes = use->task.classification;
    int32_t labels[BATCH_ROWS];
    int st =
        snnk_network_features(use->network, n, c->X, use->data.n_inputs, c->Phi, m, use->workspace);

    if (st != SNNK_OK) return library_failed(c->command);
    if (classes) {
        const int exit_status = task_labels(c->command, &use->task, &use->data, n, c->Y, labels);

        if (exit_status != EXIT_OK) return exit_status;
    }
    const snnk_rows *rows = SNNK_ROWS(.n = n, .X = c->Phi, .Y = classes ? NULL : c->Y,
                                      .labels = classes ? labels : NULL);

    st = (c->forgets ? snnk_lstsq_forget : snnk_lstsq_add)(lstsq, rows, use->workspace);
    return st == SNNK_OK ? EXIT_OK : learning_failed(c->command, &use->data, first, n, c->X, c->Y);
}

static int take_all(change *c) {
    dataset *data = &c->use.data;
    int exit_status = EXIT_OK;

    for (size_t first = 0; exit_status == EXIT_OK && first < data->rows; first += BATCH_ROWS) {
        const size_t n = data->rows - first < BATCH_ROWS ? data->rows - first : BATCH_ROWS;

        show_progress(c->use.quiet, c->forgets ? "forgetting" : "learning", first, data->rows);
        if (dataset_read(data, first, n, c->X) != SNNK_OK ||
            dataset_read_targets(data, first, n, c->Y) != SNNK_OK)
            exit_status = library_failed(c->command);
        else
            exit_status = take_rows(c, first, n);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(c->use.quiet, "learning", 1, 1);
    return exit_status;
}

/* Room for classes that the rows bring. */
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
    exit_status = dataset_open(c->command, &use->files, snnk_network_note(use->network, "columns"),
                               &use->data);
    if (exit_status == EXIT_OK)
        exit_status =
            task_check(c->command, &use->task, snnk_network_inputs(use->network), &use->data);
    if (exit_status == EXIT_OK) exit_status = add_classes(c);
    if (exit_status != EXIT_OK) return exit_status;
    const size_t m = snnk_lstsq_features(snnk_network_statistics(use->network));
    c->X = calloc(BATCH_ROWS, use->data.n_inputs * sizeof *c->X);
    c->Y = calloc(BATCH_ROWS, use->data.n_targets * sizeof *c->Y);
    c->Phi = calloc(BATCH_ROWS, m * sizeof *c->Phi);
    return c->X && c->Y && c->Phi ? EXIT_OK : failed(c->command, "out of memory");
}

static void print_json(const change *c) {
    cJSON *json = cJSON_CreateObject();
    char *text;

    cJSON_AddNumberToObject(json, "rows", (double)c->use.data.rows);
    cJSON_AddNumberToObject(json, "rows_before", (double)c->rows_before);
    cJSON_AddNumberToObject(json, "rows_after", (double)c->report.rows);
    cJSON_AddNumberToObject(json, "new_classes", (double)c->new_classes);
    model_add_report(json, &c->report);
    cJSON_AddStringToObject(json, "model", c->use.save);
    text = cJSON_PrintUnformatted(json);
    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(json);
}

static int run(change *c) {
    model_use *use = &c->use;
    int exit_status = prepare(c);

    if (exit_status == EXIT_OK) exit_status = take_all(c);
    if (exit_status == EXIT_OK) exit_status = model_solve_and_save(c->command, use, &c->report);
    if (exit_status != EXIT_OK) return exit_status;
    if (use->json) {
        print_json(c);
    } else {
        printf("%s %zu rows: the model knows %llu now (lambda %.3g)\n",
               c->forgets ? "forgot" : "learnt", use->data.rows, (unsigned long long)c->report.rows,
               c->report.ridge);
        if (c->new_classes > 0) printf("%zu new classes\n", c->new_classes);
        printf("saved %s\n", use->save);
    }
    return EXIT_OK;
}

static int change_command(const char *command, bool forgets, const char *help, int argc,
                          char **argv) {
    change c = {.command = command, .forgets = forgets};
    model_use *use = &c.use;
    int exit_status = model_options(command,
                                    "train target train-images train-inputs train-labels "
                                    "train-targets save ridge threads json quiet",
                                    argc, argv, use);

    if (exit_status != EXIT_OK) return exit_status;
    if (use->help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (!use->files.table && !(use->files.inputs && use->files.targets))
        return wrong_usage(command,
                           "--train FILE is missing, or --train-images and --train-labels");
    if (use->files.table && (use->files.inputs || use->files.targets))
        return wrong_usage(command, "give --train, or --train-images and --train-labels, not both");
    if (use->files.target && !use->files.table)
        return wrong_usage(command, "--target goes with --train FILE");
    if (same_file(use->save, use->files.table) || same_file(use->save, use->files.inputs) ||
        same_file(use->save, use->files.targets))
        return wrong_usage(command, "--save %s would overwrite the rows", use->save);
    if (!use->save) use->save = use->path;
    catch_interrupts();
    c.report = (snnk_solve_report){.size = sizeof c.report};
    exit_status = run(&c);
    if (exit_status == EXIT_CANCELLED) complain(command, "cancelled");
    free(c.X);
    free(c.Y);
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
