#define _POSIX_C_SOURCE 200809L
#include <cjson/cJSON.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const char command[] = "fit";

static const char help[] =
    "Usage: snnk fit --train FILE [--target COLUMN] [OPTION]...\n"
    "       snnk fit --train-images FILE --train-labels FILE [OPTION]...\n"
    "Fit a layer of random features to training data in closed form, without\n"
    "backpropagation. lambda, the strength of the ridge, is chosen on held-out rows.\n"
    "\n"
    "Data (IDX, .npy or CSV with a header; any of them may be compressed with gzip):\n"
    "  --train FILE             CSV with inputs and target\n"
    "  --target COLUMN          name of its target column (default: the last)\n"
    "  --train-images FILE      inputs, a row each; also --train-inputs\n"
    "  --train-labels FILE      their targets; also --train-targets\n"
    "  --test FILE              CSV to score the fitted model on\n"
    "  --test-images FILE       the same as two files; also --test-inputs\n"
    "  --test-labels FILE       also --test-targets\n"
    "  --task TASK              classification or regression (default: classification if\n"
    "                           the targets are words, or whole numbers in 0 ... 99)\n"
    "\n"
    "Features:\n"
    "  --features KIND          arc-cosine (default), gaussian, elementwise or identity\n"
    "  --m M                    number of features (default 1024)\n"
    "  --order N                arc-cosine: 0, 1 or 2 (default 1)\n"
    "  --floor C                arc-cosine: max(z, C) instead of max(z, 0), C <= 0\n"
    "  --activation NAME        elementwise: relu (default), gelu, tanh, sin, ...\n"
    "  --projection KIND        gaussian (iid) or orthogonal (default)\n"
    "  --projection-scale S     rows are N(0, S^2 I) (default 1)\n"
    "  --offset-scale S         offsets are N(0, S^2) (default 0.3; gaussian: none)\n"
    "  --scaling MODE           of inputs: none, center, common (default) or standardize\n"
    "  --linear                 the inputs themselves as features beside the others\n"
    "  --seed N                 of projections and held-out rows (default 0)\n"
    "\n"
    "Fit:\n"
    "  --ridge LAMBDA           auto (default), or a number >= 0\n"
    "  --heldout SHARE          share of the rows lambda is chosen on (default 0.1)\n"
    "  --threads N              threads that make features (default: all processors; the\n"
    "                           solver's are BLAS's own: OPENBLAS_NUM_THREADS)\n"
    "\n"
    "Output:\n"
    "  --save FILE              save the model as safetensors\n"
    "  --store-seed             save the seed of a gaussian projection, not its rows\n"
    "  --json                   print one JSON object on stdout and nothing else\n"
    "  --quiet                  no progress bar\n"
    "  --help                   show this help\n"
    "\n"
    "Examples:\n"
    "  snnk fit --train iris.csv --target species --save iris.safetensors\n"
    "  snnk fit --train-images train.idx.gz --train-labels labels.idx.gz \\\n"
    "      --features arc-cosine --order 1 --m 4096 --save digits.safetensors\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, data that cannot be fitted), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C; a file at --save stays as it was unless the fit succeeds\n";

static const char *const kinds[] = {"arc-cosine", "gaussian", "elementwise", "identity"};
static const char *const projections[] = {"gaussian", "orthogonal"};
static const char *const scalings[] = {"center", "common", "standardize", "none"};
enum { SCALING_NONE = 3 };

typedef struct options {
    data_files train, test;
    const char *task, *save;
    snnk_map_config map;
    snnk_fit_config fit;
    int scaling;
    size_t threads;
    bool linear, store_seed, json, quiet, help;
} options;

/* Everything a fit makes, so that one place frees it. */
typedef struct session {
    options *o;
    dataset train;
    task task;
    snnk_workspace *workspace;
    snnk_scaling *scaling;
    snnk_map *map;
    snnk_fit *fit;
    snnk_layer *layer;
    snnk_network *network;
    snnk_fit_report report;
    double train_seconds;
    float *X, *Y;
} session;

/* ---- Options ---- */

enum {
    TRAIN = 256,
    TARGET,
    TRAIN_INPUTS,
    TRAIN_TARGETS,
    TEST,
    TEST_INPUTS,
    TEST_TARGETS,
    TASK,
    FEATURES,
    M,
    ORDER,
    FLOOR,
    ACTIVATION,
    PROJECTION,
    PROJECTION_SCALE,
    OFFSET_SCALE,
    SCALING,
    LINEAR,
    SEED,
    RIDGE,
    HELDOUT,
    THREADS,
    SAVE,
    STORE_SEED,
    JSON,
    QUIET,
    HELP
};

static const struct option long_options[] = {{"train", 1, NULL, TRAIN},
                                             {"target", 1, NULL, TARGET},
                                             {"train-images", 1, NULL, TRAIN_INPUTS},
                                             {"train-inputs", 1, NULL, TRAIN_INPUTS},
                                             {"train-labels", 1, NULL, TRAIN_TARGETS},
                                             {"train-targets", 1, NULL, TRAIN_TARGETS},
                                             {"test", 1, NULL, TEST},
                                             {"test-images", 1, NULL, TEST_INPUTS},
                                             {"test-inputs", 1, NULL, TEST_INPUTS},
                                             {"test-labels", 1, NULL, TEST_TARGETS},
                                             {"test-targets", 1, NULL, TEST_TARGETS},
                                             {"task", 1, NULL, TASK},
                                             {"features", 1, NULL, FEATURES},
                                             {"m", 1, NULL, M},
                                             {"order", 1, NULL, ORDER},
                                             {"floor", 1, NULL, FLOOR},
                                             {"activation", 1, NULL, ACTIVATION},
                                             {"projection", 1, NULL, PROJECTION},
                                             {"projection-scale", 1, NULL, PROJECTION_SCALE},
                                             {"offset-scale", 1, NULL, OFFSET_SCALE},
                                             {"scaling", 1, NULL, SCALING},
                                             {"linear", 0, NULL, LINEAR},
                                             {"seed", 1, NULL, SEED},
                                             {"ridge", 1, NULL, RIDGE},
                                             {"heldout", 1, NULL, HELDOUT},
                                             {"threads", 1, NULL, THREADS},
                                             {"save", 1, NULL, SAVE},
                                             {"store-seed", 0, NULL, STORE_SEED},
                                             {"json", 0, NULL, JSON},
                                             {"quiet", 0, NULL, QUIET},
                                             {"help", 0, NULL, HELP},
                                             {NULL, 0, NULL, 0}};

static int bad_value(const char *option, const char *value) {
    return wrong_usage(command, "--%s: \"%s\" will not do", option, value);
}

static bool choose(const char *text, const char *const *names, int n, int32_t *value) {
    const int found = find_name(text, names, n);

    if (found >= 0) *value = found;
    return found >= 0;
}

static bool read_order(const char *text, int32_t *order) {
    size_t value;

    if (!read_size(text, &value) || value > 2) return false;
    *order = (int32_t)value;
    return true;
}

static bool read_seed(const char *text, options *o) {
    if (!read_u64(text, &o->map.seed)) return false;
    o->fit.seed = o->map.seed;
    return true;
}

static bool read_ridge(const char *text, double *ridge) {
    if (strcmp(text, "auto") != 0) return read_double(text, ridge) && *ridge >= 0;
    *ridge = SNNK_RIDGE_AUTO;
    return true;
}

/* Options that name files or are flags: nothing of theirs can be wrong. */
static bool set_plain(int option, const char *value, options *o) {
    switch (option) {
    case TRAIN: o->train.table = value; return true;
    case TARGET: o->train.target = o->test.target = value; return true;
    case TRAIN_INPUTS: o->train.inputs = value; return true;
    case TRAIN_TARGETS: o->train.targets = value; return true;
    case TEST: o->test.table = value; return true;
    case TEST_INPUTS: o->test.inputs = value; return true;
    case TEST_TARGETS: o->test.targets = value; return true;
    case SAVE: o->save = value; return true;
    case LINEAR: o->linear = true; return true;
    case STORE_SEED: o->store_seed = true; return true;
    case JSON: o->json = true; return true;
    case QUIET: o->quiet = true; return true;
    case HELP: o->help = true; return true;
    default: return false;
    }
}

static bool set_value(int option, const char *value, options *o) {
    switch (option) {
    case TASK:
        o->task = value;
        return strcmp(value, "classification") == 0 || strcmp(value, "regression") == 0;
    case FEATURES: return choose(value, kinds, 4, &o->map.kind);
    case M: return read_u64(value, &o->map.features) && o->map.features > 0;
    case ORDER: return read_order(value, &o->map.order);
    case FLOOR: return read_double(value, &o->map.floor);
    case ACTIVATION: return snnk_activation_from_name(value, &o->map.activation) == SNNK_OK;
    case PROJECTION: return choose(value, projections, 2, &o->map.projection);
    case PROJECTION_SCALE: return read_double(value, &o->map.projection_scale);
    case OFFSET_SCALE: return read_double(value, &o->map.offset_scale) && o->map.offset_scale >= 0;
    case SCALING: return choose(value, scalings, 4, &o->scaling);
    case SEED: return read_seed(value, o);
    case RIDGE: return read_ridge(value, &o->fit.ridge);
    case HELDOUT: return read_double(value, &o->fit.heldout_share);
    case THREADS:
        return read_size(value, &o->threads) && o->threads >= 1 && o->threads <= SNNK_MAX_THREADS;
    default: return false;
    }
}

/* One whole pair of files, or one table, or nothing. */
static int check_files(const data_files *files, const char *what, bool needed) {
    const bool pair = files->inputs || files->targets;

    if (files->table && pair)
        return wrong_usage(command, "give --%s, or --%s-images and --%s-labels, not both", what,
                           what, what);
    if (pair && !(files->inputs && files->targets))
        return wrong_usage(command, "--%s-%s is missing", what,
                           files->inputs ? "labels" : "images");
    if (needed && !files->table && !pair)
        return wrong_usage(command,
                           "--train FILE is missing, or --train-images and --train-labels");
    return EXIT_OK;
}

static int read_options(int argc, char **argv, options *o) {
    int index = 0, option, exit_status;

    *o = (options){.scaling = SNNK_SCALING_COMMON, .threads = online_processors()};
    snnk_map_config_init(&o->map, sizeof o->map);
    snnk_fit_config_init(&o->fit, sizeof o->fit);
    o->map.projection = SNNK_PROJECTION_ORTHOGONAL;
    o->map.offset_scale = -1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
        if (option == 'h') option = HELP;
        if (option == '?')
            return wrong_usage(command, "\"%s\" is not an option, or its value is missing",
                               argv[optind - 1]);
        if (!set_plain(option, optarg, o) && !set_value(option, optarg, o))
            return bad_value(long_options[index].name, optarg);
    }
    if (o->help) return EXIT_OK;
    if (optind < argc) return wrong_usage(command, "\"%s\" is too much", argv[optind]);
    /* With the default scaling inputs have length 1 on average; offsets of a third of that did best
     * on held-out rows of Fashion-MNIST. */
    if (o->map.offset_scale < 0) o->map.offset_scale = o->map.kind == SNNK_MAP_GAUSSIAN ? 0 : 0.3;
    if ((exit_status = check_files(&o->train, "train", true)) != EXIT_OK) return exit_status;
    return check_files(&o->test, "test", false);
}

/* ---- Fitting ---- */

/* One pass over the training rows: `add` takes each batch. */
static int each_batch(session *s, const char *what,
                      int (*add)(session *s, size_t first, size_t n)) {
    const size_t rows = s->train.rows;
    int exit_status = EXIT_OK;

    for (size_t first = 0; exit_status == EXIT_OK && first < rows; first += BATCH_ROWS) {
        const size_t n = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;

        show_progress(s->o->quiet, what, first, rows);
        if (dataset_read(&s->train, first, n, s->X) != SNNK_OK)
            exit_status = library_failed(command);
        else
            exit_status = add(s, first, n);
        if (exit_status == EXIT_OK && interrupted) exit_status = EXIT_CANCELLED;
    }
    show_progress(s->o->quiet, what, 1, 1);
    return exit_status;
}

static int add_to_scaling(session *s, size_t first, size_t n) {
    (void)first;
    return snnk_scaling_add(s->scaling, n, s->X, s->train.n_inputs) == SNNK_OK
               ? EXIT_OK
               : library_failed(command);
}

static int add_to_fit(session *s, size_t first, size_t n) {
    int32_t labels[BATCH_ROWS];
    int st;

    if (dataset_read_targets(&s->train, first, n, s->Y) != SNNK_OK) return library_failed(command);
    if (s->task.classification) {
        const int exit_status = task_labels(command, &s->task, &s->train, n, s->Y, labels);

        if (exit_status != EXIT_OK) return exit_status;
        st = snnk_fit_add_labels(s->fit, n, s->X, s->train.n_inputs, labels, s->workspace);
    } else {
        st = snnk_fit_add(s->fit, n, s->X, s->train.n_inputs, s->Y, s->task.outputs, s->workspace);
    }
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
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

static int fit(session *s) {
    const double start = seconds_now();
    int exit_status;

    if (s->o->scaling != SCALING_NONE) {
        if (snnk_scaling_create(s->train.n_inputs, s->o->scaling, NULL, &s->scaling) != SNNK_OK)
            return library_failed(command);
        exit_status = each_batch(s, "scaling", add_to_scaling);
        if (exit_status != EXIT_OK) return exit_status;
    }
    if ((exit_status = make_map(s)) != EXIT_OK) return exit_status;
    if (snnk_fit_create(s->map, s->task.outputs, &s->o->fit, &s->fit) != SNNK_OK)
        return library_failed(command);
    if ((exit_status = each_batch(s, "fitting", add_to_fit)) != EXIT_OK) return exit_status;
    show_progress(s->o->quiet, "solving", 0, 1);
    if (snnk_fit_solve(s->fit, &s->report, &s->layer) != SNNK_OK) return library_failed(command);
    show_progress(s->o->quiet, "solving", 1, 1);
    if (interrupted) return EXIT_CANCELLED;
    snnk_fit_free(s->fit); /* the statistics are not needed any more, and are large */
    s->fit = NULL;
    s->train_seconds = seconds_now() - start;
    return EXIT_OK;
}

static int make_network(session *s) {
    int st = snnk_network_create(NULL, &s->network);
    char seconds[32];

    snprintf(seconds, sizeof seconds, "%.2f", s->train_seconds);
    if (st == SNNK_OK) st = snnk_network_append(s->network, s->layer);
    if (st == SNNK_OK) st = snnk_network_set_note(s->network, "train_seconds", seconds);
    if (st == SNNK_OK) st = task_save(&s->task, &s->train, s->network);
    if (st == SNNK_OK && s->o->save)
        st = snnk_network_save(s->network, s->o->save,
                               s->o->store_seed ? SNNK_SAVE_SEED : SNNK_SAVE_ROWS);
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}

static int prepare(session *s) {
    int exit_status = dataset_open(command, &s->o->train, NULL, &s->train);

    if (exit_status != EXIT_OK) return exit_status;
    exit_status = task_from_data(command, &s->train, s->o->task, &s->task);
    if (exit_status != EXIT_OK) return exit_status;
    if (snnk_workspace_create(s->o->threads, NULL, &s->workspace) != SNNK_OK)
        return library_failed(command);
    s->X = calloc(BATCH_ROWS, s->train.n_inputs * sizeof *s->X);
    s->Y = calloc(BATCH_ROWS, s->train.n_targets * sizeof *s->Y);
    return s->X && s->Y ? EXIT_OK : failed(command, "out of memory");
}

/* ---- Report ---- */

static void print_json(const session *s, const evaluation *test) {
    const snnk_fit_report *r = &s->report;
    cJSON *json = cJSON_CreateObject();
    char seed[24], *text;

    cJSON_AddStringToObject(json, "task", s->task.classification ? "classification" : "regression");
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
    cJSON_AddNumberToObject(json, "heldout_error", r->heldout_error); /* null with a given lambda */
    cJSON_AddNumberToObject(json, "heldout_rows", (double)r->heldout_rows);
    cJSON_AddNumberToObject(json, "rank", (double)r->rank);
    cJSON_AddNumberToObject(json, "condition", r->condition);
    cJSON_AddStringToObject(json, "method",
                            r->method == SNNK_SOLVE_CHOLESKY ? "cholesky" : "truncated-eigen");
    cJSON_AddNumberToObject(json, "train_rows", (double)r->rows);
    cJSON_AddNumberToObject(json, "test_rows", test ? (double)test->rows : 0);
    cJSON_AddStringToObject(json, "features", kinds[s->o->map.kind]);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->o->map.seed); /* all 64 bits */
    cJSON_AddRawToObject(json, "seed", seed);
    cJSON_AddNumberToObject(json, "threads", (double)s->o->threads);
    if (test)
        cJSON_AddNumberToObject(json, "predict_us_per_row",
                                1e6 * test->seconds / (double)test->rows);
    cJSON_AddNumberToObject(json, "peak_rss_mb", peak_memory_mb());
    if (s->o->save)
        cJSON_AddStringToObject(json, "model", s->o->save);
    else
        cJSON_AddNullToObject(json, "model");
    text = cJSON_PrintUnformatted(json);
    puts(text ? text : "{}");
    cJSON_free(text);
    cJSON_Delete(json);
}

static void print_text(const session *s, const evaluation *test) {
    const snnk_fit_report *r = &s->report;

    printf("fitted        %llu rows, %zu inputs, %zu %s in %.1f s\n", (unsigned long long)r->rows,
           s->train.n_inputs, s->task.outputs, s->task.classification ? "classes" : "targets",
           s->train_seconds);
    printf("features      %zu (%s), %llu parameters\n", snnk_map_features(s->map),
           kinds[s->o->map.kind], (unsigned long long)snnk_network_parameters(s->network));
    printf("lambda        %.3g (%s)\n", r->ridge,
           r->heldout_rows > 0 ? "chosen on held-out rows" : "given");
    if (r->heldout_rows > 0)
        printf("held-out      %.4g %s on %llu rows\n", r->heldout_error,
               s->task.classification ? "misclassified" : "squared error a row",
               (unsigned long long)r->heldout_rows);
    printf("system        rank %llu of %zu, condition %.2g, by %s\n", (unsigned long long)r->rank,
           snnk_map_features(s->map), r->condition,
           r->method == SNNK_SOLVE_CHOLESKY ? "Cholesky" : "truncated eigenvectors");
    if (test && s->task.classification)
        printf("test          accuracy %.4f on %zu rows\n", test->accuracy, test->rows);
    if (test && !s->task.classification)
        printf("test          rmse %.6g, mae %.6g, R2 %.4f on %zu rows\n", test->rmse, test->mae,
               test->r2, test->rows);
    if (s->o->save) printf("saved         %s\n", s->o->save);
}

static int test_and_report(session *s) {
    const data_files *files = &s->o->test;
    const bool tested = files->table || files->inputs;
    evaluation result = {0};
    dataset test = {0};
    int exit_status = EXIT_OK;

    if (tested) {
        exit_status = dataset_open(command, files, snnk_network_note(s->network, "columns"), &test);
        if (exit_status == EXIT_OK)
            exit_status =
                evaluate(command, s->network, &s->task, &test, s->workspace, s->o->quiet, &result);
    }
    if (exit_status == EXIT_OK) {
        if (s->o->json)
            print_json(s, tested ? &result : NULL);
        else
            print_text(s, tested ? &result : NULL);
    }
    free(result.confusion);
    dataset_close(&test);
    return exit_status;
}

int fit_command(int argc, char **argv) {
    options o;
    session s = {.o = &o};
    int exit_status = read_options(argc, argv, &o);

    if (exit_status != EXIT_OK) return exit_status;
    if (o.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    catch_interrupts();
    snnk_fit_report_init(&s.report, sizeof s.report);
    exit_status = prepare(&s);
    if (exit_status == EXIT_OK) exit_status = fit(&s);
    if (exit_status == EXIT_OK) exit_status = make_network(&s);
    if (exit_status == EXIT_OK) exit_status = test_and_report(&s);
    if (exit_status == EXIT_CANCELLED) complain(command, "cancelled");
    snnk_network_free(s.network);
    snnk_layer_free(s.layer);
    snnk_fit_free(s.fit);
    snnk_map_free(s.map);
    snnk_scaling_free(s.scaling);
    snnk_workspace_free(s.workspace);
    task_free(&s.task);
    dataset_close(&s.train);
    free(s.X);
    free(s.Y);
    return exit_status;
}
