/* Learnt directions of `snnk fit`: features that look along what the targets depend on. */
#ifndef SNNK_CLI_FIT_DIRECTIONS_H
#define SNNK_CLI_FIT_DIRECTIONS_H

#include <cjson/cJSON.h>

#include "cli/fit_options.h"
#include "cli/training_rows.h"

/* How much the learnt layer depends on a column: a share of all. */
typedef struct importance {
    char *column;
    double share;
} importance;

/* What was learnt, for the report. */
typedef struct fit_directions {
    bool made; /* false: not asked for */
    bool kept; /* the model has the learnt map; false: plain features were better */
    snnk_directions_report report;
    bool limited; /* inputs are, to the range of the training rows, before the learnt layer */
    importance *columns; /* the largest first; inputs of one encoded column are summed */
    size_t n_columns;
} fit_directions;

/* Learn directions from all rows, with the features in the options. Prints the error and returns an
 * exit status.
 *   scaling  of the plain features; NULL for none: then inputs are centered
 *   learnt   fit_directions_free frees what is there in any case
 *   map      out: a map of the inputs, of as many features; NULL if plain features were best */
int fit_directions_learn(const char *command, const fit_options *o, const task *what,
                         dataset *train, training_rows *batch, const snnk_scaling *scaling,
                         snnk_workspace *workspace, fit_directions *learnt, snnk_map **map);
void fit_directions_free(fit_directions *learnt);

/* Add it to the report. */
void fit_directions_add_json(const fit_directions *learnt, cJSON *json);
void fit_directions_print(const fit_directions *learnt);

#endif
