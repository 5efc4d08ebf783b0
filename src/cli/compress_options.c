#include "cli/compress_options.h"

#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/plot.h"
#include "cli/system.h"

static const char command[] = "compress";

/* The help in two parts: C99 compilers need not accept longer strings. */
static const char help[] =
    "Usage: snnk compress WEIGHTS --layer W,BIAS,ACTIVATION... --inputs FILE [OPTION]...\n"
    "Replace trained dense layers by smaller SNNK layers, the students: one layer f(W x + b), a\n"
    "block W2 f(W1 x + b1) + b2, or a whole network of them under one budget. Students are fitted\n"
    "to inputs of the kind that the layers get in use. The report compares them with simpler\n"
    "replacements of the same size, and with the layers themselves in 8 and 4 bits.\n"
    "\n"
    "The layers (WEIGHTS is a safetensors file, or an index of several):\n"
    "  --layer W,BIAS,ACTIVATION\n"
    "                       a dense layer: the tensor of its weights, that of its bias (may be\n"
    "                       left empty), and its activation: identity (the default), relu, gelu,\n"
    "                       silu, tanh, ... Once for each layer, from the first to the last\n"
    "  --weight NAME, --bias NAME, --activation NAME\n"
    "                       the same for one layer\n"
    "  --then NAME, --then-bias NAME\n"
    "                       a linear layer after it\n"
    "  --orientation HOW    outputs-by-inputs (PyTorch) or inputs-by-outputs (TensorFlow, Keras,\n"
    "                       scikit-learn). Default: found from the shapes of the chain; needed if\n"
    "                       all of them are square\n"
    "  --transposed         the same as --orientation inputs-by-outputs\n"
    "If WEIGHTS is a model of snnk, no layers are named: all of its dense layers are compressed.\n"
    "\n"
    "Rows (.npy, IDX or CSV; each may be compressed with gzip):\n"
    "  --inputs FILE        inputs of the first layer, one row each; or an array (batch, tokens,\n"
    "                       inputs), of which every token is a row\n"
    "  --targets FILE       wanted outputs of one layer or block (default: its own outputs); of a\n"
    "                       network those that --tune aims at, or one column of class "
    "numbers\n" CSV_HELP "\n"
    "Size, one of:\n"
    "  --share S            share of the parameters (default: 0.25)\n"
    "  --features M         number of features, for one layer or block\n"
    "  --error E            the fewest features with this relative error, for one layer or block;\n"
    "                       searched with tier selected\n"
    "\n"
    "Results:\n"
    "  --save FILE          save what replaces the layers as a model\n"
    "  --write-back FILE    write a copy of WEIGHTS in which it takes the place of the replaced\n"
    "                       tensors; all others stay, byte by byte\n"
    "  --keep METHOD        what is saved: student (the default), or another row of the report:\n"
    "                       linear, neurons, singular-values, random; for one layer or block also\n"
    "                       int8 or int4 (the rounded weights, as float); with --tune also small\n"
    "                       (the small network of the report)\n"
    "  --task TASK          task of the saved model, regression or classification (default: as\n"
    "                       WEIGHTS says, else regression)\n"
    "  --plot FILE          draw error against parameters as PNG, with gnuplot; the numbers are\n"
    "                       written to a CSV file beside it. For one layer or block\n"
    "\n";
static const char help_of_options[] =
    "Options:\n"
    "  --tier TIER          random: random features; selected (default): features chosen from the\n"
    "                       layer's own; refined: these, trained by gradient (a little better,\n"
    "                       much slower)\n"
    "  --epochs N           epochs of tier refined (default: 16)\n"
    "  --rate R             relative learning rate of tier refined, at most 1 (default: 0.04)\n"
    "  --tune N             after that, tune all parts of a network together by gradient, in N\n"
    "                       passes over the rows, so that its outputs come close to the "
    "original's\n"
    "                       or to --targets. The best pass by held-out rows is kept\n"
    "  --tune-rate R        relative learning rate of --tune, at most 1 (default: 0.02)\n"
    "  --tune-blends B      blends of rows that --tune learns from beside each row, at most 100; "
    "not\n"
    "                       with --targets (default: 2)\n"
    "  --seed N             seed of everything random (default: 0)\n"
    "  --ridge LAMBDA       ridge penalty (default: chosen on held-out rows)\n"
    "  --linear R           number of features that are linear, if there is room (default: chosen\n"
    "                       on held-out rows)\n"
    "  --heldout-block-rows N\n"
    "                       rows are held out in blocks of N neighbours, for rows that depend on\n"
    "                       each other (default: 1; the tokens of a batch of 100 or more)\n"
    "  --threads N          threads (default: all processors)\n"
    "  --json               print one JSON object on stdout and nothing else\n"
    "  --quiet              no progress bar\n"
    "  --help               show this help\n"
    "\n"
    "Errors are relative and on held-out rows: sqrt(1 - explained variance). A constant has\n"
    "error 1, the layers themselves 0.\n"
    "\n"
    "Examples:\n"
    "  $ snnk compress bert.safetensors --layer ffn.w1.weight,ffn.w1.bias,gelu \\\n"
    "        --layer ffn.w2.weight,ffn.w2.bias --inputs activations.npy --share 0.25 \\\n"
    "        --tier refined --write-back smaller.safetensors\n"
    "  $ snnk compress mlp.safetensors --layer w1,b1,relu --layer w2,b2,relu --layer w3,b3 \\\n"
    "        --inputs x.npy --share 0.5 --save mlp.small.safetensors\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, tensors that do not fit together, a square matrix whose\n"
    "  orientation is not known, no room for one feature), 2 wrong usage, 130 cancelled with\n"
    "  Ctrl-C. Existing files are replaced only on success\n";

void compress_print_help(void) {
    fputs(help, stdout);
    fputs(help_of_options, stdout);
}

enum {
    LAYER = FIRST_OPTION,
    WEIGHT,
    BIAS,
    ACTIVATION,
    THEN,
    THEN_BIAS,
    ORIENTATION,
    TRANSPOSED,
    INPUTS,
    TARGETS,
    SEPARATOR,
    DECIMAL,
    NO_HEADER,
    SAVE,
    WRITE_BACK,
    KEEP,
    TASK,
    PLOT,
    JSON,
    QUIET,
    HELP,
    FEATURES,
    SHARE,
    ERROR,
    TIER,
    EPOCHS,
    RATE,
    TUNE,
    TUNE_RATE,
    TUNE_BLENDS,
    SEED,
    RIDGE,
    N_LINEAR,
    BLOCK_ROWS,
    THREADS,
    END
};

static const struct option long_options[] = {{"layer", 1, NULL, LAYER},
                                             {"weight", 1, NULL, WEIGHT},
                                             {"bias", 1, NULL, BIAS},
                                             {"activation", 1, NULL, ACTIVATION},
                                             {"then", 1, NULL, THEN},
                                             {"then-bias", 1, NULL, THEN_BIAS},
                                             {"orientation", 1, NULL, ORIENTATION},
                                             {"transposed", 0, NULL, TRANSPOSED},
                                             {"inputs", 1, NULL, INPUTS},
                                             {"targets", 1, NULL, TARGETS},
                                             {"separator", 1, NULL, SEPARATOR},
                                             {"decimal", 1, NULL, DECIMAL},
                                             {"no-header", 0, NULL, NO_HEADER},
                                             {"save", 1, NULL, SAVE},
                                             {"write-back", 1, NULL, WRITE_BACK},
                                             {"keep", 1, NULL, KEEP},
                                             {"task", 1, NULL, TASK},
                                             {"plot", 1, NULL, PLOT},
                                             {"json", 0, NULL, JSON},
                                             {"quiet", 0, NULL, QUIET},
                                             {"help", 0, NULL, HELP},
                                             {"features", 1, NULL, FEATURES},
                                             {"share", 1, NULL, SHARE},
                                             {"error", 1, NULL, ERROR},
                                             {"tier", 1, NULL, TIER},
                                             {"epochs", 1, NULL, EPOCHS},
                                             {"rate", 1, NULL, RATE},
                                             {"tune", 1, NULL, TUNE},
                                             {"tune-rate", 1, NULL, TUNE_RATE},
                                             {"tune-blends", 1, NULL, TUNE_BLENDS},
                                             {"seed", 1, NULL, SEED},
                                             {"ridge", 1, NULL, RIDGE},
                                             {"linear", 1, NULL, N_LINEAR},
                                             {"heldout-block-rows", 1, NULL, BLOCK_ROWS},
                                             {"threads", 1, NULL, THREADS},
                                             {NULL, 0, NULL, 0}};

/* Options as they are read. */
typedef struct given {
    compress_layer first, then; /* of --weight and --then; weight: NULL if not given */
    bool options[END - LAYER];  /* which were given */
} given;

static bool was_given(const given *g, int option) { return g->options[option - LAYER]; }

static const char *const orientations[] = {"outputs-by-inputs", "inputs-by-outputs"};

const char *compress_orientation_name(int32_t orientation) {
    return orientation >= 0 && orientation < 2 ? orientations[orientation] : NULL;
}

/* The values that an option accepts. */
static const char *takes(int option) {
    switch (option) {
    case ACTIVATION: return "the name of an activation";
    case ORIENTATION: return "outputs-by-inputs or inputs-by-outputs";
    case SEPARATOR: return SEPARATOR_TAKES;
    case DECIMAL: return DECIMAL_TAKES;
    case KEEP: return "student, linear, neurons, singular-values, random, int8, int4 or small";
    case TASK: return "regression or classification";
    case FEATURES:
    case BLOCK_ROWS: return "a whole number >= 1";
    case SHARE: return "a number above 0 and at most 1";
    case ERROR: return "a number between 0 and 1";
    case TIER: return "random, selected or refined";
    case EPOCHS: return "a whole number from 1 to 100000";
    case TUNE: return "a whole number from 1 to 100000";
    case TUNE_RATE:
    case RATE: return "a number above 0 and at most 1";
    case TUNE_BLENDS: return "a number from 0 to 100";
    case SEED: return "a whole number below 2^64";
    case RIDGE: return "a number >= 0";
    case N_LINEAR: return "a whole number >= 0";
    default: return "a whole number from 1 to 1024"; /* threads */
    }
}

static bool set_plain(int option, char *value, compress_options *o, given *g) {
    switch (option) {
    case WEIGHT: g->first.weight = value; return true;
    case BIAS: g->first.bias = value; return true;
    case THEN: g->then.weight = value; return true;
    case THEN_BIAS: g->then.bias = value; return true;
    case TRANSPOSED: o->orientation = INPUTS_BY_OUTPUTS; return true;
    case INPUTS: o->files.inputs = value; return true;
    case TARGETS: o->files.targets = value; return true;
    case NO_HEADER: o->files.no_header = true; return true;
    case SAVE: o->save = value; return true;
    case WRITE_BACK: o->write_back = value; return true;
    case PLOT: o->plot = value; return true;
    case JSON: o->json = true; return true;
    case QUIET: o->quiet = true; return true;
    case HELP: o->help = true; return true;
    default: return false;
    }
}

/* The value of an enumeration by its name, with hyphens for the name's underscores. */
static bool read_method(const char *text, int32_t *method) {
    char name[32];

    snprintf(name, sizeof name, "%s", text);
    for (char *c = name; *c; c++)
        if (*c == '-') *c = '_';
    return strlen(text) < sizeof name && find_value(name, snnk_distill_method_name, method);
}

static bool read_whole(const char *text, int32_t least, int32_t most, int32_t *value) {
    uint64_t number;

    if (!read_u64(text, &number) || number > INT32_MAX) return false;
    *value = (int32_t)number;
    return *value >= least && *value <= most;
}

static bool read_share(const char *text, double *value) {
    return read_double(text, value) && *value > 0 && *value <= 1;
}

static bool read_task(const char *text, const char **task) {
    *task = text;
    return strcmp(text, "regression") == 0 || strcmp(text, "classification") == 0;
}

static bool set_value(int option, const char *value, compress_options *o, given *g) {
    snnk_distill_config *distill = &o->distill;

    switch (option) {
    case ACTIVATION: return snnk_activation_from_name(value, &g->first.activation) == SNNK_OK;
    case ORIENTATION: return find_value(value, compress_orientation_name, &o->orientation);
    case SEPARATOR: return read_separator(value, &o->files.separator);
    case DECIMAL: return read_decimal(value, &o->files.decimal);
    case KEEP:
        o->keep_small = strcmp(value, "small") == 0;
        return o->keep_small || read_method(value, &o->method);
    case TASK: return read_task(value, &o->task);
    case FEATURES: return read_u64(value, &o->features) && o->features > 0;
    case SHARE: return read_share(value, &o->share);
    case ERROR: return read_share(value, &o->error) && o->error < 1;
    case TIER: return find_value(value, snnk_distill_tier_name, &distill->tier);
    case EPOCHS: return read_whole(value, 1, 100000, &distill->epochs);
    case RATE: return read_share(value, &distill->learning_rate);
    case TUNE: return read_u64(value, &o->tune) && o->tune >= 1 && o->tune <= 100000;
    case TUNE_RATE: return read_share(value, &o->tune_rate);
    case TUNE_BLENDS:
        return read_double(value, &o->tune_blends) && o->tune_blends >= 0 && o->tune_blends <= 100;
    case SEED: return read_u64(value, &distill->seed);
    case RIDGE: return read_double(value, &distill->ridge) && distill->ridge >= 0;
    case N_LINEAR: return read_whole(value, 0, INT32_MAX, &distill->linear);
    case BLOCK_ROWS:
        o->block_rows = true;
        return read_u64(value, &distill->heldout_block_rows) && distill->heldout_block_rows > 0;
    default:
        return read_size(value, &o->threads) && o->threads >= 1 && o->threads <= SNNK_MAX_THREADS;
    }
}

/* ---- Checks ---- */

/* Turn --weight and --then into layers. */
static int take_named_layers(given *g, compress_options *o) {
    const bool named = g->first.weight || g->first.bias || g->first.activation >= 0 ||
                       g->then.weight || g->then.bias;

    if (!named) return EXIT_OK;
    if (o->n_layers > 0)
        return wrong_usage(command, "use --layer for every layer, or --weight and --then");
    if (!g->first.weight) return wrong_usage(command, "--weight NAME is missing");
    if (g->first.activation < 0) return wrong_usage(command, "--activation NAME is missing");
    if (g->then.bias && !g->then.weight) return wrong_usage(command, "--then-bias needs --then");
    o->layers[o->n_layers++] = g->first;
    if (g->then.weight) o->layers[o->n_layers++] = g->then;
    return EXIT_OK;
}

/* Refuse options that the rest of the command line makes useless. */
static int check_use(const given *g, const compress_options *o) {
    const bool written = o->save || o->write_back;

    if (o->distill.tier != SNNK_DISTILL_REFINED && (was_given(g, EPOCHS) || was_given(g, RATE)))
        return wrong_usage(command, "--epochs and --rate are for --tier refined");
    if (o->tune == 0 && was_given(g, TUNE_RATE))
        return wrong_usage(command, "--tune-rate is for --tune");
    if (was_given(g, TUNE_BLENDS) && (o->tune == 0 || o->files.targets))
        return wrong_usage(command, "--tune-blends is for --tune without --targets");
    if (o->distill.tier == SNNK_DISTILL_RANDOM && was_given(g, N_LINEAR))
        return wrong_usage(command, "--linear is not for --tier random");
    if (was_given(g, KEEP) && !written)
        return wrong_usage(command, "--keep chooses what is saved: use it with --save or "
                                    "--write-back");
    if (o->keep_small && (o->tune == 0 || o->write_back))
        return wrong_usage(command, "--keep small is for --tune and --save");
    if (o->task && !o->save) return wrong_usage(command, "--task is for --save");
    if (was_given(g, TRANSPOSED) && was_given(g, ORIENTATION))
        return wrong_usage(command, "use only one of --orientation and --transposed");
    if ((o->features > 0) + (o->share > 0) + (o->error > 0) > 1)
        return wrong_usage(command, "use only one of --features, --share and --error");
    if (o->n_layers == 0 && (o->orientation >= 0 || o->write_back))
        return wrong_usage(command, "--layer W,BIAS,ACTIVATION is missing");
    return EXIT_OK;
}

/* No two files that are written may be the same, and none may be an input. */
static int check_paths(const compress_options *o) {
    const char *const read[] = {o->file, o->files.inputs, o->files.targets};
    const struct {
        const char *option, *path;
    } written[] = {{"--save", o->save},
                   {"--write-back", o->write_back},
                   {"--plot", o->plot},
                   {"the numbers of --plot", o->csv}};
    const size_t n = sizeof written / sizeof *written;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof read / sizeof *read; k++)
            if (same_path(written[i].path, read[k]))
                return wrong_usage(command, "%s %s would overwrite an input", written[i].option,
                                   written[i].path);
        for (size_t k = 0; k < i; k++)
            if (same_path(written[i].path, written[k].path))
                return wrong_usage(command, "%s %s would overwrite %s", written[i].option,
                                   written[i].path, written[k].option);
    }
    return EXIT_OK;
}

static int check_options(given *g, compress_options *o) {
    int exit_status = o->plot ? plot_csv_path(command, o->plot, o->csv) : EXIT_OK;

    if (exit_status == EXIT_OK) exit_status = take_named_layers(g, o);
    if (exit_status != EXIT_OK) return exit_status;
    if (!o->files.inputs) return wrong_usage(command, "--inputs FILE is missing");
    if ((exit_status = check_use(g, o)) != EXIT_OK) return exit_status;
    return check_paths(o);
}

/* Add a layer from W[,BIAS[,ACTIVATION]]. The text is cut at its commas. */
static int add_layer(char *text, compress_options *o) {
    char *bias = strchr(text, ','), *activation = bias ? strchr(bias + 1, ',') : NULL;
    compress_layer layer = {.weight = text, .activation = SNNK_IDENTITY};

    if (o->n_layers == MAX_LAYERS)
        return wrong_usage(command, "--layer: at most %d layers", MAX_LAYERS);
    if (bias) *bias++ = '\0';
    if (activation) *activation++ = '\0';
    if (bias && *bias) layer.bias = bias;
    if (!*text) return wrong_usage(command, "--layer: the name of the weights is missing");
    if (activation && snnk_activation_from_name(activation, &layer.activation) != SNNK_OK)
        return wrong_usage(command, "--layer %s: '%s' is not the name of an activation", text,
                           activation);
    o->layers[o->n_layers++] = layer;
    return EXIT_OK;
}

static int set_option(int option, char *value, compress_options *o, given *g) {
    g->options[option - LAYER] = true;
    if (option == LAYER) return add_layer(value, o);
    if (set_plain(option, value, o, g) || set_value(option, value, o, g)) return EXIT_OK;
    return wrong_value(command, long_options[option - LAYER].name, value, takes(option));
}

int compress_options_read(int argc, char **argv, compress_options *o) {
    given g = {.first.activation = -1, .then.activation = SNNK_IDENTITY};
    bool seen[END - FIRST_OPTION] = {false};
    int option, exit_status;

    *o = (compress_options){.orientation = -1, .tune_blends = -1, .threads = usable_processors()};
    snnk_distill_config_init(&o->distill, sizeof o->distill);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (option == 'h') option = HELP;
        if (option == '?' || option == ':') return wrong_option(command, option, argv);
        seen[LAYER - FIRST_OPTION] = false; /* it may be given again */
        exit_status = check_option(command, &long_options[option - LAYER], argv, seen);
        if (exit_status != EXIT_OK) return exit_status;
        if ((exit_status = set_option(option, optarg, o, &g)) != EXIT_OK) return exit_status;
    }
    if (o->help) return EXIT_OK;
    if (optind == argc) return wrong_usage(command, "the safetensors file of weights is missing");
    o->file = argv[optind++];
    if (optind < argc) return wrong_usage(command, "unexpected argument '%s'", argv[optind]);
    return check_options(&g, o);
}
