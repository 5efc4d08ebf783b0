#include "cli/model.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <snnk/loss.h>

#include "cli/console.h"
#include "cli/options.h"
#include "cli/system.h"

enum {
    TEST = FIRST_OPTION,
    INPUTS,
    TARGETS,
    TARGET,
    WEIGHTS,
    SEPARATOR,
    DECIMAL,
    NO_HEADER,
    OUT,
    SAVE,
    RIDGE,
    SCORES,
    PROBABILITIES,
    COVERAGE,
    STORAGE,
    LAYERS,
    THREADS,
    JSON,
    QUIET,
    HELP
};

static const struct option long_options[] = {{"test", 1, NULL, TEST},
                                             {"target", 1, NULL, TARGET},
                                             {"weights", 1, NULL, WEIGHTS},
                                             {"test-images", 1, NULL, INPUTS},
                                             {"test-inputs", 1, NULL, INPUTS},
                                             {"test-labels", 1, NULL, TARGETS},
                                             {"test-targets", 1, NULL, TARGETS},
                                             {"train", 1, NULL, TEST},
                                             {"train-images", 1, NULL, INPUTS},
                                             {"train-inputs", 1, NULL, INPUTS},
                                             {"train-labels", 1, NULL, TARGETS},
                                             {"train-targets", 1, NULL, TARGETS},
                                             {"separator", 1, NULL, SEPARATOR},
                                             {"decimal", 1, NULL, DECIMAL},
                                             {"no-header", 0, NULL, NO_HEADER},
                                             {"save", 1, NULL, SAVE},
                                             {"ridge", 1, NULL, RIDGE},
                                             {"out", 1, NULL, OUT},
                                             {"scores", 0, NULL, SCORES},
                                             {"probabilities", 0, NULL, PROBABILITIES},
                                             {"interval", 1, NULL, COVERAGE},
                                             {"coverage", 1, NULL, COVERAGE},
                                             {"storage", 1, NULL, STORAGE},
                                             {"layers", 1, NULL, LAYERS},
                                             {"threads", 1, NULL, THREADS},
                                             {"json", 0, NULL, JSON},
                                             {"quiet", 0, NULL, QUIET},
                                             {"help", 0, NULL, HELP},
                                             {NULL, 0, NULL, 0}};

/* Read FIRST-LAST, or the number of one layer. */
static bool read_layers(const char *text, model_use *use) {
    char first[24];
    const char *hyphen = strchr(text, '-');
    const size_t length = hyphen ? (size_t)(hyphen - text) : strlen(text);

    if (length >= sizeof first) return false;
    memcpy(first, text, length);
    first[length] = '\0';
    use->all_layers = false;
    return read_size(first, &use->first_layer) &&
           read_size(hyphen ? hyphen + 1 : first, &use->last_layer) &&
           use->first_layer <= use->last_layer;
}

int model_options(const char *command, const char *accepted, int argc, char **argv,
                  model_use *use) {
    int option, index = 0, exit_status;
    bool given[HELP - FIRST_OPTION + 1] = {false};

    *use =
        (model_use){.threads = usable_processors(), .ridge = -1, .storage = -1, .all_layers = true};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, &index)) != -1) {
        if (option == 'h') option = HELP;
        if (option == '?' || option == ':') return wrong_option(command, option, argv);
        if (option != HELP && !strstr(accepted, long_options[index].name))
            return wrong_usage(command, "unknown option '--%s'", long_options[index].name);
        exit_status =
            option == HELP ? EXIT_OK : check_option(command, &long_options[index], argv, given);
        if (exit_status != EXIT_OK) return exit_status;
        switch (option) {
        case TEST: use->files.table = optarg; break;
        case INPUTS: use->files.inputs = optarg; break;
        case TARGETS: use->files.targets = optarg; break;
        case TARGET: use->files.target = optarg; break;
        case WEIGHTS: use->files.weights = optarg; break;
        case SEPARATOR:
            if (read_separator(optarg, &use->files.separator)) break;
            return wrong_value(command, "separator", optarg, SEPARATOR_TAKES);
        case DECIMAL:
            if (read_decimal(optarg, &use->files.decimal)) break;
            return wrong_value(command, "decimal", optarg, DECIMAL_TAKES);
        case NO_HEADER: use->files.no_header = true; break;
        case OUT: use->out = optarg; break;
        case SAVE: use->save = optarg; break;
        case RIDGE:
            if (read_double(optarg, &use->ridge) && use->ridge >= 0) break;
            return wrong_value(command, "ridge", optarg, "a number >= 0");
        case SCORES: use->scores = true; break;
        case PROBABILITIES: use->probabilities = true; break;
        case COVERAGE:
            if (read_double(optarg, &use->coverage) && use->coverage > 0 && use->coverage < 1)
                break;
            return wrong_value(command, long_options[index].name, optarg,
                               "a number between 0 and 1, such as 0.9");
        case STORAGE:
            if (find_value(optarg, snnk_storage_name, &use->storage)) break;
            return wrong_value(command, "storage", optarg, "f32, bf16, int8 or bf16x3");
        case LAYERS:
            if (read_layers(optarg, use)) break;
            return wrong_value(command, "layers", optarg, "FIRST-LAST, counted from 0");
        case JSON: use->json = true; break;
        case QUIET: use->quiet = true; break;
        case HELP: use->help = true; return EXIT_OK;
        default:
            if (!read_size(optarg, &use->threads) || use->threads < 1 ||
                use->threads > SNNK_MAX_THREADS)
                return wrong_value(command, "threads", optarg, "a whole number from 1 to 1024");
        }
    }
    if (optind == argc) return wrong_usage(command, "the model file is missing");
    use->path = argv[optind++];
    if (strstr(accepted, "FILES")) {
        use->others = argv + optind;
        use->n_others = argc - optind;
        return EXIT_OK;
    }
    if (optind < argc && strstr(accepted, "FILE")) use->files.inputs = argv[optind++];
    if (optind < argc) return wrong_usage(command, "unexpected argument '%s'", argv[optind]);
    if (same_file(use->out, use->path) || same_file(use->out, use->files.inputs))
        return wrong_usage(command, "--out %s would overwrite an input", use->out);
    return EXIT_OK;
}

int model_set_storage(snnk_network *network, int32_t storage) {
    return snnk_network_set_note(network, "storage",
                                 storage == SNNK_STORAGE_F32 ? NULL : snnk_storage_name(storage));
}

/* Quantize the loaded network if its notes say so. */
static int apply_storage(const char *command, model_use *use) {
    const char *name = snnk_network_note(use->network, "storage");
    snnk_network *quantized;
    int32_t storage;

    if (!name) return EXIT_OK;
    if (!find_value(name, snnk_storage_name, &storage))
        return failed(command, "%s is to be stored as \"%s\", which this version does not know",
                      use->path, name);
    if (snnk_network_quantize(use->network, storage, NULL, NULL, NULL, &quantized) != SNNK_OK)
        return library_failed(command);
    snnk_network_free(use->network);
    use->network = quantized;
    return EXIT_OK;
}

/* Print why a model cannot be loaded; if the file is no safetensors file, which argument it is. */
static int load_failed(const char *command, const model_use *use) {
    snnk_tensors *tensors = NULL;
    char why[512];

    snprintf(why, sizeof why, "%s", snnk_last_error());
    const int st = snnk_tensors_open(use->path, NULL, &tensors);
    snnk_tensors_free(tensors);
    if (st != SNNK_E_FORMAT) return failed(command, "%s", why);
    return failed(command, "%s: %s", why,
                  use->files.inputs ? "give the model first, then the table"
                                    : "the first argument must be the model");
}

int model_refuse_checkpoint(const char *command, const char *path, const snnk_network *network) {
    if (!snnk_network_note(network, CHECKPOINT_NOTE)) return EXIT_OK;
    return failed(
        command,
        "%s is a checkpoint: snnk train --resume makes a model of it, by the command that "
        "made it",
        path);
}

int model_load(const char *command, const char *path, snnk_network **network) {
    if (snnk_network_load(path, NULL, network) != SNNK_OK) return library_failed(command);
    return model_refuse_checkpoint(command, path, *network);
}

int model_open_any(const char *command, model_use *use) {
    int exit_status;

    if (snnk_network_load(use->path, NULL, &use->network) != SNNK_OK)
        return load_failed(command, use);
    use->files.missing_words = snnk_network_note(use->network, "missing_words");
    if ((exit_status = apply_storage(command, use)) != EXIT_OK) return exit_status;
    if ((exit_status = task_load(command, use->network, &use->task)) != EXIT_OK) return exit_status;
    if (snnk_workspace_create(use->threads, NULL, &use->workspace) != SNNK_OK)
        return library_failed(command);
    return EXIT_OK;
}

int model_open(const char *command, model_use *use) {
    const int exit_status = model_open_any(command, use);

    if (exit_status != EXIT_OK) return exit_status;
    return model_refuse_checkpoint(command, use->path, use->network);
}

int32_t model_projection(const snnk_network *network, const char *path) {
    size_t with_rows = 0, with_seed = 0;
    struct stat file;

    if (stat(path, &file) != 0 || !S_ISREG(file.st_mode) ||
        snnk_network_saved_bytes(network, SNNK_SAVE_ROWS, &with_rows) != SNNK_OK ||
        snnk_network_saved_bytes(network, SNNK_SAVE_SEED, &with_seed) != SNNK_OK ||
        with_seed >= with_rows)
        return SNNK_SAVE_ROWS;
    return (double)file.st_size < ((double)with_rows + (double)with_seed) / 2 ? SNNK_SAVE_SEED
                                                                              : SNNK_SAVE_ROWS;
}

int model_open_statistics(const char *command, model_use *use) {
    const int exit_status = model_open(command, use);

    if (exit_status != EXIT_OK) return exit_status;
    const snnk_lstsq *lstsq = snnk_network_statistics(use->network);
    const char *const loss = snnk_network_note(use->network, "loss");

    if (!lstsq && loss && strcmp(loss, snnk_loss_name(SNNK_LOSS_CROSS_ENTROPY)) == 0)
        return failed(command,
                      "%s has no statistics, because it minimizes the cross-entropy: fit it with "
                      "--keep-statistics, which keeps the squared error",
                      use->path);
    if (!lstsq && snnk_network_note(use->network, "training"))
        return failed(
            command,
            "%s was trained by snnk train, which keeps no statistics of the rows, as snnk "
            "fit --keep-statistics does: snnk train --model %s learns from more rows; to "
            "leave rows out, train again without them",
            use->path, use->path);
    if (!lstsq)
        return failed(command, "%s has no statistics: fit it with --keep-statistics", use->path);
    use->projection = model_projection(use->network, use->path);
    if (snnk_lstsq_targets(lstsq) == use->task.outputs) return EXIT_OK;
    return failed(command,
                  "%s has %zu outputs, but its statistics have %zu: call snnk_network_solve first",
                  use->path, use->task.outputs, snnk_lstsq_targets(lstsq));
}

int model_solve_and_save(const char *command, model_use *use, snnk_solve_report *report) {
    const char *lambda = snnk_network_note(use->network, "lambda");
    progress_bar bar = {use->quiet, "solving", -1};
    snnk_solve_config config;
    char text[32];
    int st;

    snnk_solve_config_init(&config, sizeof config);
    if (use->ridge >= 0)
        config.ridge = use->ridge;
    else if (!lambda || !read_double(lambda, &config.ridge))
        return failed(command, "%s does not contain its lambda: use --ridge", use->path);
    snprintf(text, sizeof text, "%.17g", config.ridge);
    snnk_workspace_set_progress(use->workspace, move_bar, &bar);
    st = snnk_network_solve(use->network, &config, use->workspace, report);
    snnk_workspace_set_progress(use->workspace, NULL, NULL);
    show_progress(use->quiet, "solving", 1, 1);
    if (interrupted) return EXIT_CANCELLED;
    if (st != SNNK_OK || snnk_network_set_note(use->network, "lambda", text) != SNNK_OK)
        return library_failed(command);
    remove_unfinished(use->save);
    return snnk_network_save(use->network, use->save, use->projection) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

void model_add_report(cJSON *json, const snnk_solve_report *report) {
    cJSON_AddNumberToObject(json, "lambda", report->ridge);
    cJSON_AddNumberToObject(json, "rank", (double)report->rank);
    cJSON_AddNumberToObject(json, "condition", report->condition);
    cJSON_AddStringToObject(json, "method", snnk_solve_method_name(report->method));
}

void model_close(model_use *use) {
    dataset_close(&use->data);
    task_free(&use->task);
    snnk_workspace_free(use->workspace);
    snnk_network_free(use->network);
}

int model_command_run(const model_command *command, int argc, char **argv) {
    model_use use;
    int exit_status = model_options(command->name, command->options, argc, argv, &use);

    if (exit_status != EXIT_OK) return exit_status;
    if (use.help) {
        fputs(command->help, stdout);
        return EXIT_OK;
    }
    if ((exit_status = command->check(&use)) != EXIT_OK) return exit_status;
    catch_interrupts();
    exit_status = command->run(&use);
    if (exit_status == EXIT_CANCELLED) print_error(command->name, "cancelled");
    model_close(&use);
    return exit_status;
}
