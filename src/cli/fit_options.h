/* The command line of `snnk fit`. */
#ifndef SNNK_CLI_FIT_OPTIONS_H
#define SNNK_CLI_FIT_OPTIONS_H

#include "cli/data_options.h"
#include "cli/fit_windows.h"
#include "cli/plot.h"

/* A value of --scaling in addition to those of snnk_scaling_mode. */
/* Values of --scaling beside those of snnk_scaling_mode. DEFAULT: common, or standardize for inputs
 * that an encoder makes, which have units of their own. */
enum { SCALING_NONE = 3, SCALING_DEFAULT = 4 };

/* How lambda is chosen. The default is HELDOUT. */
enum { CHOOSE_HELDOUT, CHOOSE_GCV };

/* How much is tried, with --effort. */
enum { EFFORT_NONE, EFFORT_QUICK, EFFORT_NORMAL, EFFORT_HIGH };

typedef struct fit_plot {
    const char *path;         /* NULL: none */
    char csv[PLOT_PATH_ROOM]; /* of its numbers */
} fit_plot;

typedef struct fit_options {
    data_options data;
    const char *save, *like;
    snnk_map_config map;
    snnk_fit_config fit;
    window_options windows;
    snnk_boost_config boost; /* with --boost */
    bool boosted;            /* --boost was given */
    bool boost_activation_given;
    int scaling;
    int32_t choose;
    int32_t loss;        /* an snnk_loss; -1: not given */
    int32_t effort;      /* EFFORT_NONE: not given */
    double seconds;      /* of --effort; 0: not given */
    uint64_t leaf_rows;  /* of --leaves; 0: not given */
    uint64_t directions; /* rounds to learn directions in; 0: none */
    uint64_t augment;    /* changed copies of each row; 0: none */
    fit_plot plot;       /* of their importances */
    bool extrapolate;    /* inputs of learnt directions are not limited */
    size_t threads;      /* 0: not given */
    /* Given by options, and therefore not chosen from the data. */
    bool kind_given, scale_given, features_given, heldout_given, projection_given, scaling_given;
    bool series;
    size_t channels; /* of --series; 0: not given */
    bool linear, keep_statistics, store_seed, json, quiet, help;
} fit_options;

/* Names of the values of snnk_map_kind, snnk_precision and the choices above. */
extern const char *const fit_kinds[4];
extern const char *const fit_choices[2];
extern const char *const fit_efforts[4];

/* The name of the features for reports. */
const char *fit_features_name(const fit_options *o);

/* Read the options. Prints the error and returns an exit status. With o->help, nothing else in *o
 * is checked. */
int fit_options_read(int argc, char **argv, fit_options *o);

/* Print --help. It is longer than a C literal may be. */
void fit_print_help(void);

#endif
