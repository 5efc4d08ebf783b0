/* Boosting in `snnk fit`: features that are added in rounds, with --boost. */
#ifndef SNNK_CLI_FIT_BOOST_H
#define SNNK_CLI_FIT_BOOST_H

#include "cli/fit_options.h"
#include "cli/training_rows.h"

typedef struct fit_boost {
    snnk_boost_config config;
    snnk_boost_report report;
    bool limited;   /* inputs are, to the range of the training rows */
    double *losses; /* of training and held-out rows, config.rounds + 1 of each */
} fit_boost;

/* Run the rounds on a sample of the rows. Prints the error and returns an exit status;
 * fit_boost_free frees what is there in any case.
 *   map  out: the features of the best round and those before, of raw inputs */
int fit_boost_rounds(const char *command, const fit_options *o, const task *what, dataset *train,
                     training_rows *batch, snnk_workspace *workspace, fit_boost *boost,
                     snnk_map **map);
void fit_boost_free(fit_boost *boost);

/* Add the rounds and their losses to a report. */
void fit_boost_add_json(const fit_boost *boost, cJSON *json);
void fit_boost_print(const fit_boost *boost);

#endif
