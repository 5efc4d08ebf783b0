#include "cli/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/system.h"

static const char command[] = "train";

static const char help_usage[] =
    "Usage: snnk train --train FILE [--target COLUMN] [OPTION]...\n"
    "   or: snnk train --train-images FILE --train-labels FILE [OPTION]...\n"
    "Train a network on data by gradients, all of its layers together, from random numbers or\n"
    "from a model. A part of the rows is held out; the result is the network of the epoch with\n"
    "the smallest loss of these rows. For one layer of fixed features, snnk fit is faster and\n"
    "exact.\n"
    "\n";
static const char help_network[] =
    "\n"
    "Network:\n"
    "  --layers TEXT            layers, separated by commas (default: " TRAIN_DEFAULT_LAYERS "):\n"
    "                             snnk:FEATURES:M -> WIDTH      M features, WIDTH outputs\n"
    "                             dense:ACTIVATION:WIDTH\n"
    "                           FEATURES: an activation, gaussian or arc-cosine. ACTIVATION:\n"
    "                           relu, gelu, tanh, ... The width of the last layer is that of the\n"
    "                           data, and may be left out; without an activation it is linear\n"
    "  --model FILE             train this model further: fitted, trained, bundled or compressed\n"
    "  --rows learn|fixed       whether the rows of feature maps learn too (default: learn with\n"
    "                           --layers, fixed with --model)\n"
    "  --freeze K,L,...         layers that do not learn, counted from 0\n"
    "  --scaling MODE           of inputs: standardize, common or none (default: standardize;\n"
    "                           common for bytes, such as images). A model scales by itself\n"
    "  --seed N                 of random numbers, held-out rows and the order (default 0)\n";
static const char help_training[] =
    "\n"
    "Training:\n"
    "  --loss LOSS              cross-entropy (default for classes; of --model what it was fitted\n"
    "                           by), squared (default for numbers), huber or cosine\n"
    "  --epochs N               passes over the rows (default: 20, or as many as make 2000\n"
    "                           steps, at most 500)\n"
    "  --batch N                rows for each step (default 128; of fewer than 1280 rows a tenth\n"
    "                           of them, but at least 16)\n"
    "  --optimizer NAME         adam (default), adamw, sgd or lbfgs\n"
    "  --rate R                 of the steps, relative to the size of the numbers (default 0.02,\n"
    "                           with --model 0.002; sgd: 0.01, absolute)\n"
    "  --schedule NAME          of the rate: cosine (default) or constant\n"
    "  --warmup S               share of the steps in which the rate rises, 0 to 0.9 (default 0)\n"
    "  --weight-decay W         (default 0)\n"
    "  --clip C                 the longest gradient (default: no limit)\n"
    "  --huber H                where errors begin to count linearly (default 1), in standard\n"
    "                           deviations of the target\n"
    "  --heldout SHARE          share of the rows that is held out, 0 to 0.5 (default 0.1)\n"
    "  --patience N             stop after N epochs without a smaller held-out loss (default:\n"
    "                           never; 5 with --schedule constant)\n"
    "  --solve WHEN             solve the last layer in closed form: never (default), end or\n"
    "                           epoch. Needs the squared loss\n"
    "  --products STORAGE       f32 (default), or bf16: round the factors of products to bf16\n"
    "                           where the processor has AMX. Not with lbfgs\n"
    "  --window N               have N of the rows to learn from in memory at a time, and read\n"
    "                           them anew in each epoch. They are shuffled among each other, so\n"
    "                           results depend on N (default: all rows; or, if they take more\n"
    "                           than half of the memory, 65536, which a note says)\n"
    "  --threads N              threads (default: all processors)\n"
    "\n"
    "Output:\n"
    "  --save FILE              save the model as safetensors\n"
    "  --plot FILE              draw the learning curve as PNG, with gnuplot; the numbers are\n"
    "                           written beside it, as .csv\n"
    "  --checkpoint FILE        save the state of training after each epoch\n"
    "  --resume FILE            go on from a checkpoint: give the other options as before\n"
    "  --json                   print one JSON object on stdout and nothing else\n"
    "  --quiet                  no progress bar\n"
    "  --help                   show this help\n"
    "\n"
    "Examples:\n"
    "  $ snnk train --train iris.csv --target species --save iris.safetensors\n"
    "  $ snnk train --train house.csv --layers \"snnk:gelu:64 -> 32, dense:relu:16, dense\"\n"
    "  $ snnk train --train iris.csv --model iris.safetensors --rows learn --save better.st\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, data that do not fit the network), 2 wrong usage,\n"
    "  130 cancelled with Ctrl-C. An existing file at --save is replaced only at the end\n";

void train_print_help(void) {
    fputs(help_usage, stdout);
    fputs(data_options_help, stdout);
    fputs(help_network, stdout);
    fputs(help_training, stdout);
}

enum {
    LAYERS = DATA_OPTIONS_END,
    MODEL,
    ROWS,
    FREEZE,
    SCALING,
    SEED,
    LOSS,
    EPOCHS,
    BATCH,
    OPTIMIZER,
    RATE,
    SCHEDULE,
    WARMUP,
    WEIGHT_DECAY,
    CLIP,
    HUBER,
    HELDOUT,
    PATIENCE,
    SOLVE,
    PRODUCTS,
    WINDOW,
    THREADS,
    SAVE,
    PLOT,
    CHECKPOINT,
    RESUME,
    JSON,
    QUIET,
    HELP
};

static const struct option long_options[] = {DATA_LONG_OPTIONS,
                                             {"layers", 1, NULL, LAYERS},
                                             {"model", 1, NULL, MODEL},
                                             {"rows", 1, NULL, ROWS},
                                             {"freeze", 1, NULL, FREEZE},
                                             {"scaling", 1, NULL, SCALING},
                                             {"seed", 1, NULL, SEED},
                                             {"loss", 1, NULL, LOSS},
                                             {"epochs", 1, NULL, EPOCHS},
                                             {"batch", 1, NULL, BATCH},
                                             {"optimizer", 1, NULL, OPTIMIZER},
                                             {"rate", 1, NULL, RATE},
                                             {"schedule", 1, NULL, SCHEDULE},
                                             {"warmup", 1, NULL, WARMUP},
                                             {"weight-decay", 1, NULL, WEIGHT_DECAY},
                                             {"clip", 1, NULL, CLIP},
                                             {"huber", 1, NULL, HUBER},
                                             {"heldout", 1, NULL, HELDOUT},
                                             {"patience", 1, NULL, PATIENCE},
                                             {"solve", 1, NULL, SOLVE},
                                             {"products", 1, NULL, PRODUCTS},
                                             {"window", 1, NULL, WINDOW},
                                             {"threads", 1, NULL, THREADS},
                                             {"save", 1, NULL, SAVE},
                                             {"plot", 1, NULL, PLOT},
                                             {"checkpoint", 1, NULL, CHECKPOINT},
                                             {"resume", 1, NULL, RESUME},
                                             {"json", 0, NULL, JSON},
                                             {"quiet", 0, NULL, QUIET},
                                             {"help", 0, NULL, HELP},
                                             {NULL, 0, NULL, 0}};

/* The values that an option accepts. */
static const char *takes(int option) {
    switch (option) {
    case ROWS: return "learn or fixed";
    case FREEZE: return "numbers of layers from 0 on, separated by commas";
    case SCALING: return "standardize, common or none";
    case SEED: return "a whole number below 2^64";
    case LOSS: return "squared, cross-entropy, huber or cosine";
    case EPOCHS: return "a whole number from 1 to 1000000000";
    case BATCH:
    case WINDOW:
    case PATIENCE: return "a whole number >= 1";
    case OPTIMIZER: return "adam, adamw, sgd or lbfgs";
    case RATE:
    case HUBER: return "a number above 0, from 1e-30 to 1e30";
    case SCHEDULE: return "cosine or constant";
    case WARMUP: return "a number from 0 to 0.9";
    case WEIGHT_DECAY: return "a number from 0 to 1e30";
    case CLIP: return "a number above 0 and at most 1e30";
    case HELDOUT: return "a number from 0 to 0.5";
    case SOLVE: return "never, end or epoch";
    case PRODUCTS: return "f32 or bf16";
    default: return "a whole number from 1 to 1024"; /* threads */
    }
}

/* Set an option that accepts every value, or none. False for other options. */
static bool set_plain(int option, const char *value, train_options *o) {
    switch (option) {
    case LAYERS: o->layers.text = value; return true;
    case MODEL: o->model = value; return true;
    case SAVE: o->save = value; return true;
    case PLOT: o->plot = value; return true;
    case CHECKPOINT: o->checkpoint = value; return true;
    case RESUME: o->resume = value; return true;
    case JSON: o->json = true; return true;
    case QUIET: o->quiet = true; return true;
    default: return false;
    }
}

static bool read_between(const char *text, double least, double most, double *value) {
    return read_double(text, value) && *value >= least && *value <= most;
}

static bool read_positive(const char *text, uint64_t *value) {
    return read_u64(text, value) && *value >= 1;
}

static bool read_loss(const char *text, int32_t *loss) {
    return find_value(text, snnk_loss_name, loss) && *loss != SNNK_LOSS_USER;
}

static bool read_scaling(const char *text, int *scaling) {
    static const char *const names[] = {"none", "common", "standardize"};
    static const int values[] = {TRAIN_SCALING_NONE, SNNK_SCALING_COMMON, SNNK_SCALING_STANDARDIZE};
    const int found = find_name(text, names, 3);

    if (found >= 0) *scaling = values[found];
    return found >= 0;
}

static bool read_rows(const char *text, bool *learn) {
    *learn = strcmp(text, "learn") == 0;
    return *learn || strcmp(text, "fixed") == 0;
}

static bool read_frozen(const char *text, train_options *o) {
    char number[24];

    for (;;) {
        const size_t length = strcspn(text, ",");

        if (length >= sizeof number || o->n_frozen == ARCHITECTURE_MOST_LAYERS) return false;
        memcpy(number, text, length);
        number[length] = '\0';
        if (!read_size(number, &o->frozen[o->n_frozen++])) return false;
        if (text[length] == '\0') return true;
        text += length + 1;
    }
}

static bool set_value(int option, const char *value, train_options *o) {
    snnk_train_config *c = &o->config;

    switch (option) {
    case ROWS: return read_rows(value, &o->rows_learn);
    case FREEZE: return read_frozen(value, o);
    case SCALING: return read_scaling(value, &o->scaling);
    case SEED: return read_u64(value, &c->seed);
    case LOSS: return read_loss(value, &c->loss);
    case EPOCHS: return read_positive(value, &c->epochs) && c->epochs <= 1000000000;
    case BATCH: return read_positive(value, &c->batch);
    case OPTIMIZER: return find_value(value, snnk_optimizer_name, &c->optimizer);
    case RATE: return read_between(value, 1e-30, 1e30, &c->rate);
    case SCHEDULE: return find_value(value, snnk_schedule_name, &c->schedule);
    case WARMUP: return read_between(value, 0, 0.9, &c->warmup);
    case WEIGHT_DECAY: return read_between(value, 0, 1e30, &c->weight_decay);
    case CLIP: return read_between(value, 1e-30, 1e30, &c->clip);
    case HUBER: return read_between(value, 1e-30, 1e30, &c->huber);
    case HELDOUT: return read_between(value, 0, 0.5, &c->heldout_share);
    case PATIENCE: return read_positive(value, &c->patience);
    case SOLVE: return find_value(value, snnk_train_solve_name, &c->solve);
    case PRODUCTS:
        return find_value(value, snnk_storage_name, &c->products) &&
               (c->products == SNNK_STORAGE_F32 || c->products == SNNK_STORAGE_BF16);
    case WINDOW: return read_size(value, &o->window) && o->window >= 1;
    case THREADS:
        return read_size(value, &o->threads) && o->threads >= 1 && o->threads <= SNNK_MAX_THREADS;
    default: return false;
    }
}

/* ---- Checks ---- */

/* Check that no option is given that others leave without effect. given: whether an option was
 * given, by its number from FIRST_OPTION on. */
static int check_effect(const train_options *o, const bool *given) {
    static const int not_lbfgs[] = {BATCH, RATE, SCHEDULE, WARMUP, CLIP};

    for (size_t k = 0;
         o->config.optimizer == SNNK_OPTIMIZER_LBFGS && k < sizeof not_lbfgs / sizeof *not_lbfgs;
         k++)
        if (given[not_lbfgs[k] - FIRST_OPTION]) {
            const struct option *option = long_options;

            while (option->val != not_lbfgs[k]) option++;
            return wrong_usage(command,
                               "--%s has no effect with --optimizer lbfgs, which takes all rows "
                               "at once and finds its own steps",
                               option->name);
        }
    if (o->config.optimizer == SNNK_OPTIMIZER_LBFGS && o->config.products != SNNK_STORAGE_F32)
        return wrong_usage(command,
                           "--products %s cannot be used with --optimizer lbfgs, which "
                           "needs exact losses",
                           snnk_storage_name(o->config.products));
    if (given[HUBER - FIRST_OPTION] && o->config.loss != SNNK_LOSS_HUBER)
        return wrong_usage(command, "--huber needs --loss huber");
    if (given[PATIENCE - FIRST_OPTION] && o->config.heldout_share == 0)
        return wrong_usage(command, "--patience needs held-out rows, but --heldout is 0");
    if (o->config.solve != SNNK_TRAIN_SOLVE_NEVER && o->config.loss > SNNK_LOSS_SQUARED)
        return wrong_usage(command, "--solve %s needs --loss squared, not %s",
                           snnk_train_solve_name(o->config.solve), snnk_loss_name(o->config.loss));
    return EXIT_OK;
}

/* Check the options that exclude one another because of --model. other: one that a model decides
 * too, or NULL. */
static int check_model(const train_options *o, const char *other) {
    if (!o->model) return EXIT_OK;
    if (o->layers.text)
        return wrong_usage(command, "use either --layers or --model, which has its own layers");
    if (other)
        return wrong_usage(
            command, "--%s and --model: use one of them, the model has decided the other", other);
    return EXIT_OK;
}

/* No two files that are written may be the same, and none may be an input. A checkpoint may be
 * resumed from and written again, and a model may be replaced by what it became. */
static int check_paths(const train_options *o) {
    const struct {
        const char *option, *path;
    } written[] = {{"--save", o->save},
                   {"--checkpoint", o->checkpoint},
                   {"--plot", o->plot},
                   {"the numbers of --plot", o->plot ? o->csv : NULL}};
    const size_t n = sizeof written / sizeof *written;

    for (size_t i = 0; i < n; i++) {
        const int exit_status =
            data_options_check_written(command, &o->data, written[i].option, written[i].path);

        if (exit_status != EXIT_OK) return exit_status;
        if (i > 0 && same_path(written[i].path, o->model))
            return wrong_usage(command, "%s %s would overwrite the model", written[i].option,
                               written[i].path);
        if (i != 1 && same_path(written[i].path, o->resume))
            return wrong_usage(command, "%s %s would overwrite the checkpoint", written[i].option,
                               written[i].path);
        for (size_t k = 0; k < i; k++)
            if (same_path(written[i].path, written[k].path))
                return wrong_usage(command, "%s %s would overwrite %s", written[i].option,
                                   written[i].path, written[k].option);
    }
    return EXIT_OK;
}

static int check_options(train_options *o, const bool *given, const char *decided) {
    int exit_status;

    if ((exit_status = check_model(o, decided)) != EXIT_OK) return exit_status;
    if ((exit_status = data_options_check(command, &o->data)) != EXIT_OK) return exit_status;
    if ((exit_status = check_effect(o, given)) != EXIT_OK) return exit_status;
    if (!o->model) {
        const char *text = o->layers.text ? o->layers.text : TRAIN_DEFAULT_LAYERS;

        exit_status = architecture_read(command, text, &o->layers);
        if (exit_status != EXIT_OK) return exit_status;
    }
    if (o->plot && (exit_status = plot_csv_path(command, o->plot, o->csv)) != EXIT_OK)
        return exit_status;
    return check_paths(o);
}

int train_options_read(int argc, char **argv, train_options *o) {
    bool given[HELP - FIRST_OPTION + 1] = {false};
    const char *decided = NULL;
    int option, index = 0, exit_status;

    *o = (train_options){.scaling = TRAIN_SCALING_DEFAULT};
    data_options_init(&o->data);
    snnk_train_config_init(&o->config, sizeof o->config);
    o->config.epochs = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, &index)) != -1) {
        if (option == 'h') option = HELP;
        if (option == '?' || option == ':') return wrong_option(command, option, argv);
        if (option == HELP) {
            o->help = true;
            return EXIT_OK;
        }
        exit_status = check_option(command, &long_options[index], argv, given);
        if (exit_status != EXIT_OK) return exit_status;
        if (option == SCALING || is_decided_by_model(option)) decided = long_options[index].name;
        if (is_data_option(option) ? !data_option_set(option, optarg, &o->data)
                                   : !set_plain(option, optarg, o) && !set_value(option, optarg, o))
            return wrong_value(command, long_options[index].name, optarg,
                               is_data_option(option) ? data_option_takes(option) : takes(option));
    }
    if (optind < argc) return wrong_usage(command, "unexpected argument '%s'", argv[optind]);
    if (!given[ROWS - FIRST_OPTION]) o->rows_learn = !o->model;
    if (o->rows_learn) o->config.rows_rate = 1;
    if (o->config.rate == 0)
        o->config.rate = o->config.optimizer == SNNK_OPTIMIZER_SGD ? 1e-2 : o->model ? 0.002 : 0.02;
    if (o->threads == 0) o->threads = usable_processors();
    return check_options(o, given, decided);
}
