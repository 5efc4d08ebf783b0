#include "cli/fit_options.h"

#include <snnk/series.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/system.h"

static const char command[] = "fit";

const char *const fit_kinds[4] = {"arc-cosine", "gaussian", "elementwise", "identity"};
const char *const fit_choices[2] = {"heldout", "gcv"};
const char *const fit_efforts[4] = {"none", "quick", "normal", "high"};
static const char *const projections[] = {"gaussian", "orthogonal"};
static const char *const scalings[] = {"center", "common", "standardize", "none"};
enum {
    FEATURES = DATA_OPTIONS_END,
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
    CHOOSE,
    HELDOUT,
    LOSS,
    PRECISION,
    THREADS,
    SAVE,
    KEEP,
    LIKE,
    FACTORIZATION,
    STORE_SEED,
    WINDOWS,
    SCATTERING,
    PATCH,
    GRID,
    IMAGE_SHAPE,
    AUGMENT,
    SERIES,
    CHANNELS,
    LEARN_DIRECTIONS,
    LEAVES,
    EFFORT,
    SECONDS,
    PLOT,
    EXTRAPOLATE,
    BOOST,
    PAIRS,
    JSON,
    QUIET,
    HELP
};

static const struct option long_options[] = {DATA_LONG_OPTIONS,
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
                                             {"choose", 1, NULL, CHOOSE},
                                             {"heldout", 1, NULL, HELDOUT},
                                             {"loss", 1, NULL, LOSS},
                                             {"precision", 1, NULL, PRECISION},
                                             {"threads", 1, NULL, THREADS},
                                             {"save", 1, NULL, SAVE},
                                             {"keep-statistics", 0, NULL, KEEP},
                                             {"like", 1, NULL, LIKE},
                                             {"factorization", 1, NULL, FACTORIZATION},
                                             {"store-seed", 0, NULL, STORE_SEED},
                                             {"windows", 1, NULL, WINDOWS},
                                             {"scattering", 0, NULL, SCATTERING},
                                             {"patch", 1, NULL, PATCH},
                                             {"grid", 1, NULL, GRID},
                                             {"image-shape", 1, NULL, IMAGE_SHAPE},
                                             {"augment", 1, NULL, AUGMENT},
                                             {"series", 0, NULL, SERIES},
                                             {"channels", 1, NULL, CHANNELS},
                                             {"learn-directions", 1, NULL, LEARN_DIRECTIONS},
                                             {"leaves", 1, NULL, LEAVES},
                                             {"effort", 1, NULL, EFFORT},
                                             {"seconds", 1, NULL, SECONDS},
                                             {"plot", 1, NULL, PLOT},
                                             {"extrapolate", 0, NULL, EXTRAPOLATE},
                                             {"boost", 1, NULL, BOOST},
                                             {"pairs", 0, NULL, PAIRS},
                                             {"json", 0, NULL, JSON},
                                             {"quiet", 0, NULL, QUIET},
                                             {"help", 0, NULL, HELP},
                                             {NULL, 0, NULL, 0}};

/* The values that an option accepts. */
static const char *takes(int option) {
    switch (option) {
    case FEATURES: return "arc-cosine, gaussian, elementwise or identity";
    case M: return "a whole number >= 1";
    case ORDER: return "0, 1 or 2";
    case FLOOR: return "a number from -1e15 to 0";
    case ACTIVATION:
        return "relu, gelu, gelu_tanh, tanh, sigmoid, silu, softplus, sin, cos, exp, "
               "erf, step or identity";
    case PROJECTION: return "gaussian or orthogonal";
    case PROJECTION_SCALE: return "a number from 1e-30 to 1e30";
    case OFFSET_SCALE: return "a number from 0 to 1e30";
    case SCALING: return "none, center, common or standardize";
    case SEED: return "a whole number below 2^64";
    case RIDGE: return "auto or a number >= 0";
    case CHOOSE: return "heldout or gcv";
    case HELDOUT: return "a number above 0 and at most 0.5";
    case LOSS: return "squared or cross-entropy";
    case PRECISION: return "double or single";
    case FACTORIZATION: return "gram, qr or auto";
    case WINDOWS:
    case PATCH:
    case CHANNELS:
    case GRID: return "a whole number >= 1";
    case AUGMENT:
    case LEARN_DIRECTIONS: return "a whole number from 1 to 100";
    case LEAVES: return "a whole number of rows, at least 1";
    case EFFORT: return "quick, normal or high";
    case SECONDS: return "a number above 0 and at most 1e6";
    case BOOST: return "a whole number from 1 to 1000";
    case IMAGE_SHAPE: return "HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, as in 28x28";
    default: return "a whole number from 1 to 1024"; /* threads */
    }
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

static bool read_seed(const char *text, fit_options *o) {
    if (!read_u64(text, &o->map.seed)) return false;
    o->fit.seed = o->map.seed;
    return true;
}

static bool read_ridge(const char *text, double *ridge) {
    if (strcmp(text, "auto") != 0) return read_double(text, ridge) && *ridge >= 0;
    *ridge = SNNK_RIDGE_AUTO;
    return true;
}

/* Set an option that accepts every value, or none: files and flags. False for other options. */
static bool set_plain(int option, const char *value, fit_options *o) {
    switch (option) {
    case SAVE: o->save = value; return true;
    case LINEAR: o->linear = true; return true;
    case SERIES: o->series = true; return true;
    case LIKE: o->like = value; return true;
    case PLOT: o->plot.path = value; return true;
    case EXTRAPOLATE: o->extrapolate = true; return true;
    case KEEP: o->keep_statistics = true; return true;
    case STORE_SEED: o->store_seed = true; return true;
    case SCATTERING: o->windows.scattering = true; return true;
    case PAIRS: o->boost.rows = SNNK_BOOST_PAIRS; return true;
    case JSON: o->json = true; return true;
    case QUIET: o->quiet = true; return true;
    default: return false;
    }
}

static bool set_value(int option, const char *value, fit_options *o) {
    switch (option) {
    case FEATURES: return choose(value, fit_kinds, 4, &o->map.kind);
    case M: return read_u64(value, &o->map.features) && o->map.features > 0;
    case ORDER: return read_order(value, &o->map.order);
    case FLOOR:
        return read_double(value, &o->map.floor) && o->map.floor >= -1e15 && o->map.floor <= 0;
    case ACTIVATION: return snnk_activation_from_name(value, &o->map.activation) == SNNK_OK;
    case PROJECTION: return choose(value, projections, 2, &o->map.projection);
    case PROJECTION_SCALE:
        return read_double(value, &o->map.projection_scale) && o->map.projection_scale >= 1e-30 &&
               o->map.projection_scale <= 1e30;
    case OFFSET_SCALE:
        return read_double(value, &o->map.offset_scale) && o->map.offset_scale >= 0 &&
               o->map.offset_scale <= 1e30;
    case SCALING: return choose(value, scalings, 4, &o->scaling);
    case SEED: return read_seed(value, o);
    case RIDGE: return read_ridge(value, &o->fit.ridge);
    case CHOOSE: return choose(value, fit_choices, 2, &o->choose);
    case HELDOUT:
        o->heldout_given = true;
        return read_double(value, &o->fit.heldout_share) && o->fit.heldout_share > 0 &&
               o->fit.heldout_share <= 0.5;
    case WINDOWS: return read_size(value, &o->windows.filters) && o->windows.filters > 0;
    case CHANNELS: return read_size(value, &o->channels) && o->channels > 0;
    case PATCH: return read_size(value, &o->windows.patch) && o->windows.patch > 0;
    case GRID: return read_size(value, &o->windows.grid) && o->windows.grid > 0;
    case LEARN_DIRECTIONS:
        return read_u64(value, &o->directions) && o->directions >= 1 && o->directions <= 100;
    case AUGMENT: return read_u64(value, &o->augment) && o->augment >= 1 && o->augment <= 100;
    case IMAGE_SHAPE: return read_image_shape(value, o->windows.shape);
    case LEAVES: return read_u64(value, &o->leaf_rows) && o->leaf_rows >= 1;
    case EFFORT: return choose(value, fit_efforts, 4, &o->effort) && o->effort > EFFORT_NONE;
    case SECONDS: return read_double(value, &o->seconds) && o->seconds > 0 && o->seconds <= 1e6;
    case BOOST:
        o->boosted = true;
        return read_u64(value, &o->boost.rounds) && o->boost.rounds >= 1 && o->boost.rounds <= 1000;
    case LOSS: return find_value(value, snnk_loss_name, &o->loss);
    case FACTORIZATION: return find_value(value, snnk_factorization_name, &o->fit.factorization);
    case PRECISION: return find_value(value, snnk_precision_name, &o->fit.precision);
    case THREADS:
        return read_size(value, &o->threads) && o->threads >= 1 && o->threads <= SNNK_MAX_THREADS;
    default: return false;
    }
}

/* Check that --save does not overwrite a file that is read. */
static int check_overwriting(const fit_options *o) {
    if (same_file(o->save, o->like))
        return wrong_usage(command, "--save %s would overwrite the input %s", o->save, o->like);
    return data_options_check_written(command, &o->data, "--save", o->save);
}

/* Check that directions can be learnt with the other options. */
static int check_directions(const fit_options *o) {
    if (o->plot.path && o->directions == 0)
        return wrong_usage(command,
                           "--plot draws the importances that --learn-directions finds: add it");
    if (o->extrapolate && o->directions == 0 && !o->boosted)
        return wrong_usage(command,
                           "--extrapolate has no effect without --learn-directions or --boost");
    if (o->directions == 0) return EXIT_OK;
    if (o->series) return wrong_usage(command, "--learn-directions and --series: use one of them");
    if (has_windows(&o->windows))
        return wrong_usage(command,
                           "--learn-directions and --%s: use one of them, directions of pooled "
                           "filters have no columns",
                           o->windows.filters > 0 ? "windows" : "scattering");
    if (o->like)
        return wrong_usage(command, "--learn-directions and --like: use one of them, --like takes "
                                    "the features from its model");
    if (o->store_seed)
        return wrong_usage(command, "--learn-directions and --store-seed: use one of them, learnt "
                                    "rows do not follow from a seed");
    return EXIT_OK;
}

/* With --boost: take what it shares with one layer, and refuse the options of one layer. given: as
 * in check_kind. */
static int check_boost(fit_options *o, const bool *given) {
    static const int refused[] = {FEATURES,   ORDER,   FLOOR,      PROJECTION, LINEAR,
                                  LIKE,       WINDOWS, STORE_SEED, SERIES,     LEARN_DIRECTIONS,
                                  SCATTERING, AUGMENT};

    if (!o->boosted) {
        if (given[PAIRS - FIRST_OPTION])
            return wrong_usage(command, "--pairs needs --boost: features along differences of two "
                                        "rows are those of its rounds");
        return EXIT_OK;
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct option *option = long_options;

        if (!given[refused[i] - FIRST_OPTION]) continue;
        while (option->val != refused[i]) option++;
        return wrong_usage(command, "--%s and --boost: use one of them", option->name);
    }
    if (given[SCALING - FIRST_OPTION] && o->scaling != SNNK_SCALING_COMMON &&
        o->scaling != SNNK_SCALING_STANDARDIZE)
        return wrong_usage(command, "--boost needs --scaling common or standardize");
    if (o->features_given && o->map.features > 32768)
        return wrong_usage(command, "--m %llu is above 32768, the most of each round of --boost",
                           (unsigned long long)o->map.features);
    o->boost_activation_given = given[ACTIVATION - FIRST_OPTION];
    if (o->boost_activation_given) o->boost.activation = o->map.activation;
    if (given[PROJECTION_SCALE - FIRST_OPTION]) o->boost.projection_scale = o->map.projection_scale;
    if (given[OFFSET_SCALE - FIRST_OPTION]) o->boost.offset_scale = o->map.offset_scale;
    return EXIT_OK;
}

/* With --leaves: refuse the options of one layer. given: as in check_kind. */
static int check_leaves(const fit_options *o, const bool *given) {
    static const int refused[] = {BOOST,  CHOOSE,        KEEP,      LIKE,    LINEAR,
                                  LOSS,   FACTORIZATION, PRECISION, WINDOWS, STORE_SEED,
                                  SERIES, SCATTERING,    AUGMENT,   PLOT};

    if (o->leaf_rows == 0) return EXIT_OK;
    if (given[KEEP - FIRST_OPTION])
        return wrong_usage(command, "--keep-statistics and --leaves: use one of them, the program "
                                    "cannot update a tree of leaves; snnk_leaves_save and "
                                    "snnk_leaves_forget of the library can");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct option *option = long_options;

        if (!given[refused[i] - FIRST_OPTION]) continue;
        while (option->val != refused[i]) option++;
        return wrong_usage(command, "--%s and --leaves: use one of them", option->name);
    }
    if (given[SCALING - FIRST_OPTION] && o->scaling == SCALING_NONE)
        return wrong_usage(command,
                           "--leaves needs --scaling center, common or standardize: splits look "
                           "at scaled inputs");
    return EXIT_OK;
}

/* Check that --effort has something to choose. given: as in check_kind. */
static int check_effort(const fit_options *o, const bool *given) {
    if (o->effort == EFFORT_NONE) {
        if (given[SECONDS - FIRST_OPTION]) return wrong_usage(command, "--seconds needs --effort");
        return EXIT_OK;
    }
    if (o->boosted)
        return wrong_usage(command,
                           "--effort and --boost: use one of them, --effort tries boosting "
                           "too");
    if (o->leaf_rows > 0)
        return wrong_usage(command, "--effort and --leaves: use one of them, --effort tries leaves "
                                    "too");
    if (o->like) return wrong_usage(command, "--effort and --like: use one of them");
    return EXIT_OK;
}

/* Check that no option is given that others leave without effect. given: as in check_kind. */
static int check_effect(const fit_options *o, const bool *given) {
    const bool fixed = o->fit.ridge != SNNK_RIDGE_AUTO;

    if (fixed && given[CHOOSE - FIRST_OPTION])
        return wrong_usage(command, "--choose has no effect with --ridge");
    if (fixed && o->heldout_given && !o->boosted)
        return wrong_usage(command, "--heldout has no effect with --ridge");
    if (o->windows.filters == 0 && (given[PATCH - FIRST_OPTION] || given[GRID - FIRST_OPTION]))
        return wrong_usage(command, "--patch and --grid need --windows");
    if (given[IMAGE_SHAPE - FIRST_OPTION] && !has_windows(&o->windows) &&
        (o->augment == 0 || o->series))
        return wrong_usage(command, "--image-shape needs --windows, --scattering or --augment");
    if (o->channels && !o->series) return wrong_usage(command, "--channels needs --series");
    if (has_windows(&o->windows) && (o->series || o->like))
        return wrong_usage(command, "--%s and --%s: use one of them",
                           o->windows.filters > 0 ? "windows" : "scattering",
                           o->series ? "series" : "like");
    if (o->choose == CHOOSE_GCV && o->heldout_given)
        return wrong_usage(command, "--heldout needs --choose heldout");
    if (o->store_seed && !o->like && o->map.projection != SNNK_PROJECTION_GAUSSIAN)
        return wrong_usage(command, "--store-seed needs --projection gaussian");
    return EXIT_OK;
}

/* Check that the chosen kind of features uses the given options. given: whether an option was
 * given, by its number from FIRST_OPTION on. */
static int check_kind(const fit_options *o, const bool *given) {
    enum {
        ARC = 1 << SNNK_MAP_ARC_COSINE,
        GAUSS = 1 << SNNK_MAP_GAUSSIAN,
        ELEMENT = 1 << SNNK_MAP_ELEMENTWISE
    };
    static const struct {
        int option;
        int kinds; /* that use it */
    } uses[] = {{ORDER, ARC},
                {FLOOR, ARC},
                {ACTIVATION, ELEMENT},
                {OFFSET_SCALE, ARC | ELEMENT},
                {M, ARC | GAUSS | ELEMENT},
                {PROJECTION, ARC | GAUSS | ELEMENT},
                {PROJECTION_SCALE, ARC | GAUSS | ELEMENT},
                {LINEAR, ARC | GAUSS | ELEMENT},
                {STORE_SEED, ARC | GAUSS | ELEMENT}};

    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        const struct option *option = long_options;

        if (!given[uses[i].option - FIRST_OPTION] || (uses[i].kinds & 1 << o->map.kind)) continue;
        while (option->val != uses[i].option) option++;
        return wrong_usage(command, "--%s has no effect on %s features", option->name,
                           fit_kinds[o->map.kind]);
    }
    return EXIT_OK;
}

const char *fit_features_name(const fit_options *o) {
    return o->series ? "minirocket" : fit_kinds[o->map.kind];
}

/* Set what --series decides, and check that no option is given that has no effect then. */
static int check_series(fit_options *o, const bool *given) {
    static const int unused[] = {FEATURES,         ORDER,        FLOOR,   ACTIVATION, PROJECTION,
                                 PROJECTION_SCALE, OFFSET_SCALE, SCALING, LINEAR,     LIKE,
                                 STORE_SEED};

    if (!o->series) return EXIT_OK;
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        const struct option *option = long_options;

        if (!given[unused[i] - FIRST_OPTION]) continue;
        while (option->val != unused[i]) option++;
        return wrong_usage(command, "--%s has no effect with --series", option->name);
    }
    if (given[M - FIRST_OPTION] && o->map.features < SNNK_MINIROCKET_KERNELS)
        return wrong_usage(command, "--m %llu is less than the %d kernels of --series",
                           (unsigned long long)o->map.features, SNNK_MINIROCKET_KERNELS);
    o->map.kind = SNNK_MAP_IDENTITY; /* nothing about rows of G to choose or to report */
    o->scaling = SCALING_NONE;
    o->data.train.keep_constants = true;
    return EXIT_OK;
}

int fit_options_read(int argc, char **argv, fit_options *o) {
    int index = 0, option, exit_status;
    bool given[HELP - FIRST_OPTION + 1] = {false};
    const char *conflicting = NULL; /* an option whose value --like takes from its model */

    *o = (fit_options){.scaling = SCALING_DEFAULT, .loss = -1};
    data_options_init(&o->data);
    snnk_map_config_init(&o->map, sizeof o->map);
    snnk_fit_config_init(&o->fit, sizeof o->fit);
    snnk_boost_config_init(&o->boost, sizeof o->boost);
    o->map.projection = SNNK_PROJECTION_ORTHOGONAL;
    o->map.offset_scale = -1;
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
        if ((option >= FEATURES && option <= SCALING) || option == LINEAR ||
            is_decided_by_model(option))
            conflicting = long_options[index].name;
        if (is_data_option(option) ? !data_option_set(option, optarg, &o->data)
                                   : !set_plain(option, optarg, o) && !set_value(option, optarg, o))
            return wrong_value(command, long_options[index].name, optarg,
                               is_data_option(option) ? data_option_takes(option) : takes(option));
    }
    if (optind < argc) return wrong_usage(command, "unexpected argument '%s'", argv[optind]);
    if (o->like && conflicting)
        return wrong_usage(
            command, "--%s and --like: use one of them, --like takes the other from its model",
            conflicting);
    if (given[ACTIVATION - FIRST_OPTION] && !given[FEATURES - FIRST_OPTION])
        o->map.kind = SNNK_MAP_ELEMENTWISE; /* the only kind with an activation */
    if ((exit_status = check_series(o, given)) != EXIT_OK) return exit_status;
    if (!o->like && !o->series && (exit_status = check_kind(o, given)) != EXIT_OK)
        return exit_status;
    o->kind_given = given[FEATURES - FIRST_OPTION] || given[ORDER - FIRST_OPTION] ||
                    given[FLOOR - FIRST_OPTION] || given[ACTIVATION - FIRST_OPTION];
    o->scale_given = given[PROJECTION_SCALE - FIRST_OPTION] || given[OFFSET_SCALE - FIRST_OPTION];
    o->features_given = given[M - FIRST_OPTION];
    o->scaling_given = given[SCALING - FIRST_OPTION];
    o->projection_given = given[PROJECTION - FIRST_OPTION];
    /* With the default scaling inputs have length 1 on average. An offset scale of a third of that
     * was best on held-out rows of Fashion-MNIST. */
    if (o->map.offset_scale < 0) o->map.offset_scale = o->map.kind == SNNK_MAP_GAUSSIAN ? 0 : 0.3;
    if ((exit_status = data_options_check(command, &o->data)) != EXIT_OK) return exit_status;
    if (o->kind_given && o->map.kind == SNNK_MAP_GAUSSIAN && o->map.features % 2 != 0)
        return wrong_usage(command, "--m %llu is odd: gaussian features are pairs",
                           (unsigned long long)o->map.features);
    if ((exit_status = check_boost(o, given)) != EXIT_OK) return exit_status;
    if ((exit_status = check_leaves(o, given)) != EXIT_OK) return exit_status;
    if ((exit_status = check_effect(o, given)) != EXIT_OK) return exit_status;
    if ((exit_status = check_effort(o, given)) != EXIT_OK) return exit_status;
    if ((exit_status = check_directions(o)) != EXIT_OK) return exit_status;
    if (o->loss == SNNK_LOSS_CROSS_ENTROPY && o->keep_statistics)
        return wrong_usage(command,
                           "--keep-statistics needs --loss squared: statistics cannot update a "
                           "solution by cross-entropy");
    if (o->loss == SNNK_LOSS_CROSS_ENTROPY && o->fit.ridge == 0)
        return wrong_usage(command, "--loss cross-entropy needs a --ridge above 0, or auto");
    if (has_windows(&o->windows)) o->data.train.keep_constants = true; /* they are pixels */
    return check_overwriting(o);
}
