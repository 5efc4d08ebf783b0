/* The command line of `snnk train`. */
#ifndef SNNK_CLI_TRAIN_OPTIONS_H
#define SNNK_CLI_TRAIN_OPTIONS_H

#include "cli/architecture.h"
#include "cli/data_options.h"
#include "cli/plot.h"

/* Values of --scaling beside those of snnk_scaling_mode. DEFAULT: by the kind of the file. */
enum { TRAIN_SCALING_NONE = 3, TRAIN_SCALING_DEFAULT = 4 };

/* The layers without --layers and --model. */
#define TRAIN_DEFAULT_LAYERS "snnk:relu:256"

typedef struct train_options {
    data_options data;
    architecture layers; /* n = 0 with --model */
    const char *model;   /* to go on from; NULL: layers */
    const char *save, *plot, *checkpoint, *resume;
    char csv[PLOT_PATH_ROOM]; /* path for the numbers of the plot */
    snnk_train_config config; /* epochs: 0 if not given */
    bool rows_learn;          /* of feature maps */
    int scaling;
    size_t n_frozen;
    size_t frozen[ARCHITECTURE_MOST_LAYERS];
    size_t window;  /* 0: not given */
    size_t threads; /* 0: not given */
    bool json, quiet, help;
} train_options;

/* Read the options. Prints the error and returns an exit status. With o->help, nothing else in *o
 * is checked. */
int train_options_read(int argc, char **argv, train_options *o);

/* Print --help. */
void train_print_help(void);

#endif
