/* What the command line of `snnk fit` asks for. */
#ifndef SNNK_CLI_FIT_H
#define SNNK_CLI_FIT_H

#include "cli/cli.h"

/* An snnk_scaling_mode, or: */
enum { SCALING_NONE = 3 };

/* How lambda is chosen; by default on held-out rows, with several processes by cross-validation. */
enum { CHOOSE_UNSAID = -1, CHOOSE_HELDOUT, CHOOSE_GCV };

typedef struct fit_options {
    data_files train, test;
    const char *task, *save, *like;
    snnk_map_config map;
    snnk_fit_config fit;
    int scaling;
    int32_t choose;
    size_t threads; /* 0: not said */
    bool heldout_said;
    bool linear, keep_statistics, store_seed, json, quiet, help;
} fit_options;

/* The names of map kinds, by snnk_map_kind. */
extern const char *const fit_kinds[4];
extern const char *const fit_precisions[2]; /* by snnk_precision */
extern const char *const fit_choices[2];

/* Read options; says what is wrong itself, and gives an exit status. With o->help nothing else of *o
 * is checked. */
int fit_options_read(int argc, char **argv, fit_options *o);

extern const char fit_help[];

#endif
