#include "cli/compress_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/system.h"

static const char command[] = "compress";

const char compress_help[] =
    "Usage: snnk compress WEIGHTS --weight NAME --activation NAME --inputs FILE [OPTION]...\n"
    "Replace a trained dense layer f(W x + b), or a block W2 f(W1 x + b1) + b2, by a smaller\n"
    "SNNK layer, the student. It is fitted to inputs of the kind that the layer gets in use.\n"
    "The report compares it with simpler replacements that have no more parameters.\n"
    "\n"
    "The layer (WEIGHTS is a safetensors file):\n"
    "  --weight NAME        tensor of its weights, outputs x inputs (PyTorch) or inputs x outputs\n"
    "                       (TensorFlow): the number of input columns decides\n"
    "  --bias NAME          its bias (default: none)\n"
    "  --activation NAME    identity, relu, gelu, silu, tanh, ...\n"
    "  --then NAME          weights of a linear layer that follows it (default: none)\n"
    "  --then-bias NAME     its bias (default: none)\n"
    "  --transposed         square matrices are inputs x outputs\n"
    "\n"
    "Rows (.npy, IDX or CSV; each may be compressed with gzip):\n"
    "  --inputs FILE        inputs of the layer, one row each\n"
    "  --targets FILE       wanted outputs (default: the outputs of the layer)\n"
    "\n"
    "Size of the student, one of:\n"
    "  --features M         number of features\n"
    "  --share S            share of the layer's parameters (default: 0.25)\n"
    "  --error E            the fewest features with this relative error, for tier selected\n"
    "\n"
    "Options:\n"
    "  --tier TIER          random: random features; selected (default): features chosen from the\n"
    "                       layer's own; refined: these, trained by gradient (a little better,\n"
    "                       much slower)\n"
    "  --epochs N           epochs of tier refined (default: 16)\n"
    "  --rate R             relative learning rate of tier refined, at most 1 (default: 0.04)\n"
    "  --seed N             seed of everything random (default: 0)\n"
    "  --ridge LAMBDA       ridge penalty (default: chosen on held-out rows)\n"
    "  --linear R           number of features that are linear, if there is room (default: chosen\n"
    "                       on held-out rows)\n"
    "  --heldout-block-rows N\n"
    "                       rows are held out in blocks of N neighbours, for rows that depend on\n"
    "                       each other (default: 1)\n"
    "  --threads N          threads (default: all processors)\n"
    "  --save FILE          save the student, a model of one layer\n"
    "  --plot FILE          draw error against parameters as PNG, with gnuplot; the numbers are\n"
    "                       written to a CSV file beside it\n"
    "  --json               print one JSON object on stdout and nothing else\n"
    "  --quiet              no progress bar\n"
    "  --help               show this help\n"
    "\n"
    "Errors are relative and on held-out rows: sqrt(1 - explained variance). A constant has\n"
    "error 1, the layer itself 0.\n"
    "\n"
    "Examples:\n"
    "  $ snnk compress bert.safetensors --weight ffn.w1.weight --bias ffn.w1.bias \\\n"
    "        --activation gelu --then ffn.w2.weight --then-bias ffn.w2.bias \\\n"
    "        --inputs activations.npy --share 0.25 --tier refined --save ffn.safetensors\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, tensors that do not fit together, no room for one\n"
    "  feature), 2 wrong usage, 130 cancelled with Ctrl-C. Existing files at --save and --plot\n"
    "  are replaced only on success\n";

enum {
    WEIGHT = 256,
    BIAS,
    THEN,
    THEN_BIAS,
    INPUTS,
    TARGETS,
    SAVE,
    PLOT,
    TRANSPOSED,
    JSON,
    QUIET,
    HELP,
    ACTIVATION,
    FEATURES,
    SHARE,
    ERROR,
    TIER,
    EPOCHS,
    RATE,
    SEED,
    RIDGE,
    N_LINEAR,
    BLOCK_ROWS,
    THREADS
};

static const struct option long_options[] = {{"weight", 1, NULL, WEIGHT},
                                             {"bias", 1, NULL, BIAS},
                                             {"then", 1, NULL, THEN},
                                             {"then-bias", 1, NULL, THEN_BIAS},
                                             {"inputs", 1, NULL, INPUTS},
                                             {"targets", 1, NULL, TARGETS},
                                             {"save", 1, NULL, SAVE},
                                             {"plot", 1, NULL, PLOT},
                                             {"transposed", 0, NULL, TRANSPOSED},
                                             {"json", 0, NULL, JSON},
                                             {"quiet", 0, NULL, QUIET},
                                             {"help", 0, NULL, HELP},
                                             {"activation", 1, NULL, ACTIVATION},
                                             {"features", 1, NULL, FEATURES},
                                             {"share", 1, NULL, SHARE},
                                             {"error", 1, NULL, ERROR},
                                             {"tier", 1, NULL, TIER},
                                             {"epochs", 1, NULL, EPOCHS},
                                             {"rate", 1, NULL, RATE},
                                             {"seed", 1, NULL, SEED},
                                             {"ridge", 1, NULL, RIDGE},
                                             {"linear", 1, NULL, N_LINEAR},
                                             {"heldout-block-rows", 1, NULL, BLOCK_ROWS},
                                             {"threads", 1, NULL, THREADS},
                                             {NULL, 0, NULL, 0}};

/* The values that an option accepts. */
static const char *takes(int option) {
    switch (option) {
    case ACTIVATION: return "the name of an activation";
    case FEATURES:
    case BLOCK_ROWS: return "a whole number >= 1";
    case SHARE: return "a number above 0 and at most 1";
    case ERROR: return "a number between 0 and 1";
    case TIER: return "random, selected or refined";
    case EPOCHS: return "a whole number from 1 to 100000";
    case RATE: return "a number above 0 and at most 1";
    case SEED: return "a whole number below 2^64";
    case RIDGE: return "a number >= 0";
    case N_LINEAR: return "a whole number >= 0";
    default: return "a whole number from 1 to 1024"; /* threads */
    }
}

static bool set_plain(int option, const char *value, compress_options *o) {
    switch (option) {
    case WEIGHT: o->weight = value; return true;
    case BIAS: o->bias = value; return true;
    case THEN: o->then_weight = value; return true;
    case THEN_BIAS: o->then_bias = value; return true;
    case INPUTS: o->inputs = value; return true;
    case TARGETS: o->targets = value; return true;
    case SAVE: o->save = value; return true;
    case PLOT: o->plot = value; return true;
    case TRANSPOSED: o->transposed = true; return true;
    case JSON: o->json = true; return true;
    case QUIET: o->quiet = true; return true;
    case HELP: o->help = true; return true;
    default: return false;
    }
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

static bool set_value(int option, const char *value, compress_options *o) {
    snnk_distill_config *distill = &o->distill;

    switch (option) {
    case ACTIVATION: return snnk_activation_from_name(value, &o->activation) == SNNK_OK;
    case FEATURES: return read_u64(value, &o->features) && o->features > 0;
    case SHARE: return read_share(value, &o->share);
    case ERROR: return read_share(value, &o->error) && o->error < 1;
    case TIER: return find_value(value, snnk_distill_tier_name, &distill->tier);
    case EPOCHS: return read_whole(value, 1, 100000, &distill->epochs);
    case RATE: return read_share(value, &distill->learning_rate);
    case SEED: return read_u64(value, &distill->seed);
    case RIDGE: return read_double(value, &distill->ridge) && distill->ridge >= 0;
    case N_LINEAR: return read_whole(value, 0, INT32_MAX, &distill->linear);
    case BLOCK_ROWS:
        return read_u64(value, &distill->heldout_block_rows) && distill->heldout_block_rows > 0;
    default:
        return read_size(value, &o->threads) && o->threads >= 1 && o->threads <= SNNK_MAX_THREADS;
    }
}

/* The path of the plot with .png replaced by .csv, or with .csv appended. */
static int make_csv_path(compress_options *o) {
    const size_t length = o->plot ? strlen(o->plot) : 0;
    const bool png = length > 4 && strcmp(o->plot + length - 4, ".png") == 0;

    if (!o->plot) return EXIT_OK;
    if (length + 4 >= sizeof o->csv) return wrong_usage(command, "--plot: the path is too long");
    snprintf(o->csv, sizeof o->csv, "%.*s.csv", (int)(length - (png ? 4 : 0)), o->plot);
    return EXIT_OK;
}

static int check_options(compress_options *o) {
    const char *const read[] = {o->file, o->inputs, o->targets};
    const int exit_status = make_csv_path(o);

    if (exit_status != EXIT_OK) return exit_status;

    if (!o->weight) return wrong_usage(command, "--weight NAME is missing");
    if (o->activation < 0) return wrong_usage(command, "--activation NAME is missing");
    if (!o->inputs) return wrong_usage(command, "--inputs FILE is missing");
    if (o->then_bias && !o->then_weight) return wrong_usage(command, "--then-bias needs --then");
    if ((o->features > 0) + (o->share > 0) + (o->error > 0) > 1)
        return wrong_usage(command, "use only one of --features, --share and --error");
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        if (same_file(o->save, read[i]))
            return wrong_usage(command, "--save %s would overwrite an input", o->save);
        if (same_file(o->plot, read[i]) || same_file(o->csv, read[i]))
            return wrong_usage(command, "--plot %s would overwrite an input", o->plot);
    }
    if (o->save && (same_file(o->save, o->plot) || same_file(o->save, o->csv) ||
                    (o->plot && strcmp(o->save, o->plot) == 0) || strcmp(o->save, o->csv) == 0))
        return wrong_usage(command, "--save %s would overwrite the plot or its numbers", o->save);
    return EXIT_OK;
}

int compress_options_read(int argc, char **argv, compress_options *o) {
    int index = 0, option;

    *o = (compress_options){.activation = -1, .threads = online_processors()};
    snnk_distill_config_init(&o->distill, sizeof o->distill);
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", long_options, &index)) != -1) {
        if (option == 'h') option = HELP;
        if (option == '?' || option == ':') return wrong_option(command, option, argv);
        if (!set_plain(option, optarg, o) && !set_value(option, optarg, o))
            return wrong_value(command, long_options[index].name, optarg, takes(option));
    }
    if (o->help) return EXIT_OK;
    if (optind == argc) return wrong_usage(command, "the safetensors file of weights is missing");
    o->file = argv[optind++];
    if (optind < argc) return wrong_usage(command, "unexpected argument '%s'", argv[optind]);
    return check_options(o);
}
