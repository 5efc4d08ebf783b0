#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"
#include "cli/evaluate.h"
#include "cli/fit_gcv.h"
#include "cli/fit_options.h"
#include "cli/system.h"
#include "cli/training_rows.h"

static const char command[] = "fit";

/* Everything that a fit allocates; session_free frees it. */
typedef struct session {
    fit_options *o;
    processes processes;
    dataset train, test; /* test: not open if none is given */
    task task;
    snnk_workspace *workspace;
    snnk_scaling *scaling;
    snnk_map *map;
    snnk_fit *fit;
    gcv_fit *gcv; /* instead of `fit` with --choose gcv */
    snnk_layer *layer;
    snnk_network *network;
    snnk_network *like;     /* with --like: its model */
    snnk_lstsq *statistics; /* with --keep-statistics */
    snnk_fit_report report;
    double train_seconds;
    training_rows *batch;
} session;

/* Call `add` for batches of the training rows begin ... end-1. */
static int each_batch(session *s, const char *what, size_t begin, size_t end,
                      int (*add)(session *s, size_t first, size_t n)) {
    int exit_status = EXIT_OK;

    for (size_t first = begin; exit_status == EXIT_OK && first < end; first += BATCH_ROWS) {
        const size_t n = end - first < BATCH_ROWS ? end - first : BATCH_ROWS;

        show_progress(s->o->quiet, what, first - begin, end - begin);
        exit_status = add(s, first, n);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(s->o->quiet, what, 1, 1);
    return exit_status;
}

static int add_to_scaling(session *s, size_t first, size_t n) {
    const int exit_status = training_rows_read_inputs(command, &s->train, first, n, s->batch);

    if (exit_status != EXIT_OK) return exit_status;
    return snnk_scaling_add(s->scaling, &s->batch->rows) == SNNK_OK
               ? EXIT_OK
               : learning_failed(command, &s->train, first, n);
}

static int add_to_fit(session *s, size_t first, size_t n) {
    const int exit_status = training_rows_read(command, &s->task, &s->train, first, n, s->batch);
    int st;

    if (exit_status != EXIT_OK) return exit_status;
    st = s->gcv ? gcv_fit_add(s->gcv, &s->batch->rows, s->workspace)
                : snnk_fit_add(s->fit, &s->batch->rows, s->workspace);
    return st == SNNK_OK ? EXIT_OK : learning_failed(command, &s->train, first, n);
}

/* Check that there is memory for the statistics of all features before their rows are drawn, which
 * may take minutes. The block is not written to, so it costs nothing. */
static int check_memory(const session *s) {
    const double m = (double)s->o->map.features, bytes = 8 * m * m;
    void *volatile room = bytes < (double)PTRDIFF_MAX ? malloc((size_t)bytes) : NULL;

    if (!room)
        return failed(command, "out of memory: %.3g bytes for the statistics of %.0f features",
                      bytes, m);
    free(room);
    return EXIT_OK;
}

/* Use the features of the model of --like. */
static int copy_map(session *s) {
    const snnk_map *map = snnk_layer_map(snnk_network_layer(s->like, 0));
    snnk_map_config config;

    if (snnk_map_inputs(map) != s->train.n_inputs)
        return failed(command, "%s has %zu inputs, but the training data have %zu", s->o->like,
                      snnk_map_inputs(map), s->train.n_inputs);
    snnk_map_config_init(&config, sizeof config);
    if (snnk_map_concat(1, &map, &s->map) != SNNK_OK ||
        snnk_map_block_config(map, 0, &config) != SNNK_OK)
        return library_failed(command);
    if (config.kind <= SNNK_MAP_IDENTITY) s->o->map.kind = config.kind; /* for the report */
    s->o->map.seed = config.seed;
    return EXIT_OK;
}

static int make_map(session *s) {
    const size_t d = s->train.n_inputs;
    snnk_map *parts[2] = {NULL, NULL};
    snnk_map_config identity = s->o->map;
    int st;

    st = snnk_map_create(d, &s->o->map, s->scaling, &parts[0]);
    if (!s->o->linear) {
        s->map = parts[0];
        return st == SNNK_OK ? EXIT_OK : library_failed(command);
    }
    identity.kind = SNNK_MAP_IDENTITY;
    if (st == SNNK_OK) st = snnk_map_create(d, &identity, s->scaling, &parts[1]);
    if (st == SNNK_OK) st = snnk_map_concat(2, (const snnk_map *const *)parts, &s->map);
    snnk_map_free(parts[0]);
    snnk_map_free(parts[1]);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

/* Every process learns the scaling from all rows. Merged scalings would differ in their last bits,
 * and so would the features of one process from those of several. */
static int learn_scaling(session *s) {
    if (s->o->scaling == SCALING_NONE || s->o->like) return EXIT_OK;
    if (s->o->scaling == SCALING_DEFAULT)
        s->o->scaling = s->train.encoder ? SNNK_SCALING_STANDARDIZE : SNNK_SCALING_COMMON;
    if (snnk_scaling_create(s->train.n_inputs, s->o->scaling, NULL, &s->scaling) != SNNK_OK)
        return library_failed(command);
    return each_batch(s, "scaling", 0, s->train.rows, add_to_scaling);
}

/* The part of the fit that each process does on its own rows. */
static int collect(session *s) {
    size_t first, end;
    int exit_status, st;

    if ((exit_status = learn_scaling(s)) != EXIT_OK) return exit_status;
    if (!s->o->like && s->o->map.kind != SNNK_MAP_IDENTITY &&
        (exit_status = check_memory(s)) != EXIT_OK)
        return exit_status;
    exit_status = s->o->like ? copy_map(s) : make_map(s);
    if (exit_status != EXIT_OK) return exit_status;
    st = s->o->choose == CHOOSE_GCV ? gcv_fit_create(s->map, s->task.outputs, &s->o->fit, &s->gcv)
                                    : snnk_fit_create(s->map, s->task.outputs, &s->o->fit, &s->fit);
    if (st != SNNK_OK) return library_failed(command);
    processes_part(&s->processes, s->train.rows, &first, &end);
    return each_batch(s, "fitting", first, end, add_to_fit);
}

/* Fit the layer. Only process 0 gets s->layer. */
static int fit(session *s) {
    const double start = seconds_now();
    const int exit_status = processes_agree(&s->processes, collect(s));
    int st;

    if (exit_status != EXIT_OK) return exit_status;
    show_progress(s->o->quiet, "solving", 0, 1);
    st = s->gcv ? gcv_fit_solve(s->gcv, &s->processes, &s->report, &s->layer)
                : snnk_fit_solve(s->fit, s->workspace, &s->report, &s->layer);
    if (st != SNNK_OK) return library_failed(command);
    show_progress(s->o->quiet, "solving", 1, 1);
    if (interrupted) return EXIT_CANCELLED;
    if (s->o->keep_statistics && s->gcv)
        s->statistics = gcv_fit_take_statistics(s->gcv);
    else if (s->o->keep_statistics &&
             snnk_fit_statistics(s->fit, s->workspace, &s->statistics) != SNNK_OK)
        return library_failed(command);
    snnk_fit_free(s->fit); /* the statistics are large and not needed any more */
    gcv_fit_free(s->gcv);
    s->fit = NULL;
    s->gcv = NULL;
    s->train_seconds = seconds_now() - start;
    return EXIT_OK;
}

/* Open the test data, with the columns and the target of the training data. */
static int open_test(session *s) {
    data_files files = s->o->test;
    int exit_status;

    if (!files.table && !files.inputs) return EXIT_OK;
    files.target = snnk_network_note(s->network, "target");
    files.missing_words = snnk_network_note(s->network, "missing_words");
    exit_status = dataset_open(command, &files, snnk_network_note(s->network, "columns"),
                               s->train.encoder, &s->test);
    return exit_status == EXIT_OK ? task_check(command, &s->task, s->train.n_inputs, &s->test)
                                  : exit_status;
}

/* Open the model of --like. Columns, target and classes are taken from it too. */
static int open_like(session *s) {
    if (!s->o->like) return EXIT_OK;
    if (snnk_network_load(s->o->like, NULL, &s->like) != SNNK_OK) return library_failed(command);
    if (snnk_network_layers(s->like) != 1 || !snnk_layer_map(snnk_network_layer(s->like, 0)))
        return failed(command, "%s is not a model of one layer of features", s->o->like);
    if (!s->o->train.target && s->o->train.table)
        s->o->train.target = snnk_network_note(s->like, "target");
    if (!s->o->train.weights) s->o->train.weights = snnk_network_note(s->like, "weights");
    if (!s->o->train.group) s->o->train.group = snnk_network_note(s->like, "group");
    if (!s->o->train.missing_words)
        s->o->train.missing_words = snnk_network_note(s->like, "missing_words");
    return EXIT_OK;
}

/* Find the task: from the targets, or from the model of --like, with classes that only these data
 * have appended. */
static int find_task(session *s) {
    size_t added;
    int exit_status;

    if (!s->like) {
        exit_status = task_from_data(command, &s->train, s->o->task, &s->task);
        if (exit_status != EXIT_OK || !s->o->balance) return exit_status;
        if (!s->task.classification)
            return failed(command, "--balance needs classes, but this is a regression: %s",
                          s->task.reason);
        return task_balance(command, &s->train, &s->task);
    }
    exit_status = task_load(command, s->like, &s->task);
    if (exit_status == EXIT_OK)
        exit_status = task_check(command, &s->task, snnk_network_inputs(s->like), &s->train);
    if (exit_status == EXIT_OK && s->task.classification)
        exit_status = task_add_classes(command, &s->train, &s->task, &added);
    return exit_status;
}

/* Everything before the fit, so that most errors are found early. */
static int prepare(session *s) {
    int exit_status = open_like(s);

    if (exit_status != EXIT_OK) return exit_status;
    exit_status = s->like
                      ? dataset_open(command, &s->o->train, snnk_network_note(s->like, "columns"),
                                     snnk_network_encoder(s->like), &s->train)
                      : dataset_open_training(command, &s->o->train, &s->train);
    if (exit_status != EXIT_OK) return exit_status;
    if ((exit_status = find_task(s)) != EXIT_OK) return exit_status;
    if (snnk_network_create(NULL, &s->network) != SNNK_OK ||
        task_save(&s->task, &s->train, s->network) != SNNK_OK)
        return library_failed(command);
    if ((exit_status = open_test(s)) != EXIT_OK) return exit_status;
    if (s->o->save && s->processes.rank == 0 &&
        (exit_status = check_save(command, s->o->save)) != EXIT_OK)
        return exit_status;
    if (snnk_workspace_create(s->o->threads, NULL, &s->workspace) != SNNK_OK)
        return library_failed(command);
    return training_rows_create(command, &s->train, &s->batch);
}

static int complete_network(session *s) {
    char seconds[32], ridge[32];

    snprintf(seconds, sizeof seconds, "%.2f", s->train_seconds);
    snprintf(ridge, sizeof ridge, "%.17g", s->report.ridge);
    if (snnk_network_append(s->network, s->layer) != SNNK_OK ||
        snnk_network_set_encoder(s->network, s->train.encoder) != SNNK_OK ||
        snnk_network_set_note(s->network, "train_seconds", seconds) != SNNK_OK)
        return library_failed(command);
    if (!s->statistics) return EXIT_OK;
    if (snnk_network_set_note(s->network, "lambda", ridge) != SNNK_OK ||
        snnk_network_set_statistics(s->network, s->statistics) != SNNK_OK)
        return library_failed(command);
    snnk_lstsq_free(s->statistics); /* the network has a copy */
    s->statistics = NULL;
    return EXIT_OK;
}

static int save(const session *s) {
    const int32_t projection = s->o->store_seed ? SNNK_SAVE_SEED : SNNK_SAVE_ROWS;

    if (!s->o->save || snnk_network_save(s->network, s->o->save, projection) == SNNK_OK)
        return EXIT_OK;
    return library_failed(command);
}

/* ---- Report ---- */

static const char *how_chosen(const session *s) {
    if (s->o->fit.ridge != SNNK_RIDGE_AUTO) return "given";
    return s->o->choose == CHOOSE_GCV ? "generalized cross-validation" : "held-out rows";
}

static void print_json(const session *s, const evaluation *test) {
    const snnk_fit_report *r = &s->report;
    cJSON *json = cJSON_CreateObject();
    char seed[24];

    task_add_json(&s->task, json);
    if (test && s->task.classification)
        cJSON_AddNumberToObject(json, "test_accuracy", test->accuracy);
    if (test && !s->task.classification) {
        cJSON_AddNumberToObject(json, "test_rmse", test->rmse);
        cJSON_AddNumberToObject(json, "test_mae", test->mae);
        cJSON_AddNumberToObject(json, "test_r2", test->r2);
    }
    cJSON_AddNumberToObject(json, "train_seconds", s->train_seconds);
    cJSON_AddNumberToObject(json, "parameters", (double)snnk_network_parameters(s->network));
    cJSON_AddNumberToObject(json, "m", (double)snnk_map_features(s->map));
    cJSON_AddNumberToObject(json, "lambda", r->ridge);
    cJSON_AddStringToObject(json, "lambda_chosen", how_chosen(s));
    cJSON_AddNumberToObject(json, "heldout_error", r->heldout_error); /* null with a given lambda */
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddNumberToObject(json, "rank", (double)r->rank);
    cJSON_AddNumberToObject(json, "condition", r->condition);
    cJSON_AddStringToObject(json, "method", snnk_solve_method_name(r->method));
    cJSON_AddNumberToObject(json, "train_rows", (double)r->rows);
    cJSON_AddNumberToObject(json, "test_rows", test ? (double)test->rows : 0);
    cJSON_AddNumberToObject(json, "inputs", (double)s->train.n_inputs);
    if (s->train.encoder)
        cJSON_AddNumberToObject(json, "encoded_columns",
                                (double)snnk_encoder_columns(s->train.encoder));
    cJSON_AddStringToObject(json, "features", fit_kinds[s->o->map.kind]);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->o->map.seed); /* all 64 bits */
    cJSON_AddRawToObject(json, "seed", seed);
    cJSON_AddNumberToObject(json, "processes", (double)s->processes.size);
    cJSON_AddNumberToObject(json, "threads", (double)s->o->threads);
    cJSON_AddStringToObject(json, "precision", snnk_precision_name(s->o->fit.precision));
    if (test)
        cJSON_AddNumberToObject(json, "predict_us_per_row",
                                1e6 * test->seconds / (double)test->rows);
    cJSON_AddNumberToObject(json, "peak_rss_mb", peak_memory_mb());
    if (s->o->save)
        cJSON_AddStringToObject(json, "model", s->o->save);
    else
        cJSON_AddNullToObject(json, "model");
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
    if (snnk_encoder_likely_index(encoder))
        printf("note          column \"%s\" counts the rows: if it is no input, use --drop\n",
               snnk_encoder_column_name(encoder, 0));
}

static void print_text(const session *s, const evaluation *test) {
    const snnk_fit_report *r = &s->report;

    task_print(&s->task);
    printf("fitted        %llu rows, %zu inputs, %zu %s in %.1f s\n", (unsigned long long)r->rows,
           s->train.n_inputs, s->task.outputs, s->task.classification ? "classes" : "targets",
           s->train_seconds);
    print_encoder(s->train.encoder);
    printf("features      %zu (%s), %llu parameters\n", snnk_map_features(s->map),
           fit_kinds[s->o->map.kind], (unsigned long long)snnk_network_parameters(s->network));
    printf("lambda        %.3g (%s)\n", r->ridge, how_chosen(s));
    if (r->heldout_rows > 0)
        printf("held-out      %.4g %s, %llu rows\n", r->heldout_error,
               s->task.classification ? "of the rows misclassified" : "squared error a row",
               (unsigned long long)r->heldout_rows);
    printf("system        rank %llu of %zu, condition %.2g, by %s\n", (unsigned long long)r->rank,
           snnk_map_features(s->map), r->condition, snnk_solve_method_name(r->method));
    if (test && s->task.classification)
        printf("test          accuracy %.4f on %zu rows\n", test->accuracy, test->rows);
    if (test && !s->task.classification)
        printf("test          rmse %.6g, mae %.6g, R2 %.4f on %zu rows\n", test->rmse, test->mae,
               test->r2, test->rows);
    if (s->o->save) printf("saved         %s\n", s->o->save);
}

/* Score the model, save it, and report, in this order: a failure leaves an existing file as it
 * was. */
static int finish(session *s) {
    const bool tested = s->test.rows > 0;
    evaluation result = {0};
    int exit_status = EXIT_OK;

    if (tested)
        exit_status =
            evaluate(command, s->network, &s->task, &s->test, s->workspace, s->o->quiet, &result);
    if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    if (exit_status == EXIT_OK) exit_status = save(s);
    if (exit_status == EXIT_OK) {
        if (s->o->json)
            print_json(s, tested ? &result : NULL);
        else
            print_text(s, tested ? &result : NULL);
    }
    free(result.confusion);
    return exit_status;
}

/* Set defaults that depend on the processes, and refuse what several processes cannot do. */
static int complete_options(session *s) {
    fit_options *o = s->o;
    const bool several = s->processes.size > 1;
    const size_t threads = online_processors() / (size_t)s->processes.on_machine;

    if (several && (o->choose == CHOOSE_HELDOUT || o->heldout_given))
        return wrong_usage(command,
                           "several processes cannot hold rows out: use --choose gcv or --ridge");
    if (o->choose == CHOOSE_UNSET) o->choose = several ? CHOOSE_GCV : CHOOSE_HELDOUT;
    if (o->threads == 0) o->threads = threads > 0 ? threads : 1;
    if (s->processes.rank > 0) o->quiet = true;
    return EXIT_OK;
}

static int run(session *s) {
    int exit_status = complete_options(s);

    catch_interrupts();
    s->report = (snnk_fit_report){.size = sizeof s->report};
    if (exit_status == EXIT_OK) exit_status = prepare(s);
    exit_status = processes_agree(&s->processes, exit_status);
    if (exit_status == EXIT_OK) exit_status = fit(s);
    if (exit_status == EXIT_OK && s->layer) {
        exit_status = complete_network(s);
        if (exit_status == EXIT_OK) exit_status = finish(s);
    }
    if (exit_status == EXIT_CANCELLED) print_error(command, "cancelled");
    return exit_status;
}

static void session_free(session *s) {
    snnk_network_free(s->like);
    snnk_network_free(s->network);
    snnk_lstsq_free(s->statistics);
    snnk_layer_free(s->layer);
    snnk_fit_free(s->fit);
    gcv_fit_free(s->gcv);
    snnk_map_free(s->map);
    snnk_scaling_free(s->scaling);
    snnk_workspace_free(s->workspace);
    task_free(&s->task);
    dataset_close(&s->test);
    dataset_close(&s->train);
    training_rows_free(s->batch);
}

int fit_command(int argc, char **argv) {
    fit_options o;
    session s = {.o = &o};
    int exit_status = processes_begin(command, &s.processes);

    if (exit_status == EXIT_OK) exit_status = fit_options_read(argc, argv, &o);
    exit_status = processes_agree(&s.processes, exit_status);
    if (exit_status == EXIT_OK && o.help) {
        if (s.processes.rank == 0) fit_print_help();
    } else if (exit_status == EXIT_OK) {
        exit_status = processes_agree(&s.processes, run(&s));
    }
    session_free(&s);
    processes_end(&s.processes);
    return exit_status;
}
