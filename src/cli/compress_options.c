#include <getopt.h>
#include <limits.h>
#include <string.h>

#include "cli/compress.h"

static const char command[] = "compress";

const char compress_help[] =
    "Usage: snnk compress WEIGHTS --weight NAME --activation NAME --inputs FILE [OPTION]...\n"
    "Replace a trained dense layer f(W x + b), or a block W2 f(W1 x + b1) + b2, by a layer of\n"
    "few features, fitted to inputs as the layer meets them; and say what simpler\n"
    "replacements of no more parameters would do.\n"
    "\n"
    "The layer (WEIGHTS is a safetensors file):\n"
    "  --weight NAME        its tensor of weights, outputs x inputs (as PyTorch has it) or\n"
    "                       inputs x outputs (TensorFlow): told by the inputs\n"
    "  --bias NAME          its bias (default: none)\n"
    "  --activation NAME    identity, relu, gelu, silu, tanh, ...\n"
    "  --then NAME          a linear layer behind it: its weights\n"
    "  --then-bias NAME     its bias (default: none)\n"
    "  --transposed         a square matrix is inputs x outputs\n"
    "\n"
    "Rows (.npy, IDX or CSV; any of them may be compressed with gzip):\n"
    "  --inputs FILE        inputs that the layer met, a row each\n"
    "  --targets FILE       what is to come out (default: what the layer gives)\n"
    "\n"
    "Size, one of:\n"
    "  --features M         so many features\n"
    "  --share S            of the layer's parameters (default: 0.25)\n"
    "  --error E            the fewest features of that relative error, by tier closed\n"
    "\n"
    "Options:\n"
    "  --tier TIER          random, closed (default) or refined (by gradient: somewhat\n"
    "                       better, much slower)\n"
    "  --epochs N           of tier refined (default: 16)\n"
    "  --rate R             relative learning rate of tier refined, to 1 (default: 0.04)\n"
    "  --seed N             seed of all that is random (default: 0)\n"
    "  --ridge LAMBDA       ridge of least squares (default: chosen on held-out rows)\n"
    "  --linear R           so many of the features are linear, where there is room (default:\n"
    "                       chosen likewise)\n"
    "  --heldout-run N      rows that belong together, held out together (default: 1)\n"
    "  --threads N          threads (default: all processors)\n"
    "  --save FILE          write the compressed layer, a model of one layer, there\n"
    "  --plot FILE          draw error against parameters as PNG, with gnuplot; the numbers\n"
    "                       go to a CSV file beside it\n"
    "  --json               print one JSON object on stdout and nothing else\n"
    "  --quiet              no progress bar\n"
    "  --help               show this help\n"
    "\n"
    "Errors are of held-out rows, relative: sqrt(1 - explained), where 1 is what a constant\n"
    "has and 0 what the layer itself has.\n"
    "\n"
    "Examples:\n"
    "  $ snnk compress bert.safetensors --weight ffn.w1.weight --bias ffn.w1.bias \\\n"
    "        --activation gelu --then ffn.w2.weight --then-bias ffn.w2.bias \\\n"
    "        --inputs activations.npy --share 0.25 --tier refined --save ffn.safetensors\n"
    "\n"
    "Exit status:\n"
    "  0 success, 1 failure (a bad file, tensors that do not fit, a budget below one\n"
    "  feature), 2 wrong usage, 130 cancelled with Ctrl-C; files at --save and --plot stay as\n"
    "  they were unless all succeeds\n";

const char *const compress_tiers[3] = {"random", "closed", "refined"};

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
    RUN,
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
                                             {"heldout-run", 1, NULL, RUN},
                                             {"threads", 1, NULL, THREADS},
                                             {NULL, 0, NULL, 0}};

/* What an option takes. */
static const char *takes(int option) {
    switch (option) {
    case ACTIVATION: return "the name of an activation";
    case FEATURES:
    case RUN: return "a whole number from 1";
    case SHARE: return "a number above 0, to 1";
    case ERROR: return "a number between 0 and 1";
    case TIER: return "random, closed or refined";
    case EPOCHS: return "in 1 ... 100000";
    case RATE: return "a number above 0, to 1";
    case SEED: return "a whole number from 0 to 2^64 - 1";
    case RIDGE: return "a number >= 0";
    case N_LINEAR: return "a whole number from 0";
    default: return "in 1 ... 1024";
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

static bool read_part(const char *text, double *value) {
    return read_double(text, value) && *value > 0 && *value <= 1;
}

static bool set_value(int option, const char *value, compress_options *o) {
    snnk_distill_config *distill = &o->distill;

    switch (option) {
    case ACTIVATION: return snnk_activation_from_name(value, &o->activation) == SNNK_OK;
    case FEATURES: return read_u64(value, &o->features) && o->features > 0;
    case SHARE: return read_part(value, &o->share);
    case ERROR: return read_part(value, &o->error) && o->error < 1;
    case TIER: distill->tier = find_name(value, compress_tiers, 3); return distill->tier >= 0;
    case EPOCHS: return read_whole(value, 1, 100000, &distill->epochs);
    case RATE: return read_part(value, &distill->learning_rate);
    case SEED: return read_u64(value, &distill->seed);
    case RIDGE: return read_double(value, &distill->ridge) && distill->ridge >= 0;
    case N_LINEAR: return read_whole(value, 0, INT32_MAX, &distill->linear);
    case RUN:
        return read_u64(value, &distill->heldout_block_rows) && distill->heldout_block_rows > 0;
    default:
        return read_size(value, &o->threads) && o->threads >= 1 && o->threads <= SNNK_MAX_THREADS;
    }
}

/* The plot's path with .csv in place of .png, or behind what else there is. */
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
    if (o->then_bias && !o->then_weight)
        return wrong_usage(command, "--then-bias goes with --then");
    if ((o->features > 0) + (o->share > 0) + (o->error > 0) > 1)
        return wrong_usage(command, "give one of --features, --share and --error");
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        if (same_file(o->save, read[i]))
            return wrong_usage(command, "--save %s would overwrite what is read", o->save);
        if (same_file(o->plot, read[i]) || same_file(o->csv, read[i]))
            return wrong_usage(command, "--plot %s would overwrite what is read", o->plot);
    }
    if (o->save && (same_file(o->save, o->plot) || same_file(o->save, o->csv) ||
                    (o->plot && strcmp(o->save, o->plot) == 0) || strcmp(o->save, o->csv) == 0))
        return wrong_usage(command, "--save %s is where --plot draws", o->save);
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
            return wrong_usage(command, "--%s: \"%s\" is not %s", long_options[index].name, optarg,
                               takes(option));
    }
    if (o->help) return EXIT_OK;
    if (optind == argc) return wrong_usage(command, "the file of weights is missing");
    o->file = argv[optind++];
    if (optind < argc) return wrong_usage(command, "\"%s\" is too much", argv[optind]);
    return check_options(o);
}
